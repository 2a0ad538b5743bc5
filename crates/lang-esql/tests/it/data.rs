//! CSV files with typed columns, as indexed documents.

use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{FieldRef, Names, Pattern, Plan};
use shikra_rows::{Input, Leaf, Limits, Machine, Match, Program};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Type {
    Keyword,
    Text,
    Whole,
    Real,
    Truth,
    Date,
    Ip,
}

impl Type {
    pub fn named(name: &str) -> Type {
        match name {
            "keyword" | "s" | "string" => Type::Keyword,
            "text" => Type::Text,
            "integer" | "i" | "long" | "l" | "short" | "byte" => Type::Whole,
            "double" | "d" | "float" | "scaled_float" | "half_float" => Type::Real,
            "boolean" => Type::Truth,
            "date" => Type::Date,
            "ip" => Type::Ip,
            other => panic!("no type {other}"),
        }
    }

    pub fn one(self, text: &str) -> Value {
        let text = text.trim();
        if text.is_empty() || text == "null" {
            return Value::Null;
        }
        let unquoted = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        match self {
            Type::Keyword | Type::Text => Value::str(unquoted),
            Type::Whole => Value::I64(text.parse().unwrap()),
            Type::Real => Value::F64(text.parse().unwrap()),
            Type::Truth => Value::Bool(text.parse().unwrap()),
            Type::Date => Value::Time(Timestamp::parse(text).unwrap()),
            Type::Ip => Value::Ip(text.parse().unwrap()),
        }
    }

    /// `[a, b]` is a list.
    pub fn value(self, text: &str) -> Value {
        match text.trim().strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            Some(list) => {
                let mut all: Vec<Value> =
                    list.split(',').map(|t| self.one(t)).filter(|v| !v.is_null()).collect();
                if all.len() == 1 { all.remove(0) } else { Value::List(all) }
            }
            None => self.one(text),
        }
    }
}

pub struct Document(Vec<(String, Value)>);

impl Row for Document {
    fn field(&self, field: &FieldRef) -> Value {
        let own = || self.0.iter().find(|(n, _)| **n == *field.name);
        if field.names == Names::Ecs {
            own().map_or(Value::Missing, |(_, v)| v.clone())
        } else {
            Value::Missing
        }
    }
    fn all_fields(&self) -> Vec<Value> {
        self.0.iter().map(|(_, v)| v.clone()).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.0.iter().filter(|(n, _)| pattern.matches(n)).map(|(_, v)| v.clone()).collect()
    }
}

impl Document {
    fn hits(&self, leaves: &[Leaf]) -> Vec<(usize, Vec<Value>)> {
        let passes = |l: &Leaf| eval::truth(&l.expr, self).holds();
        let read = |l: &Leaf| l.values.iter().map(|s| eval::scalar(s, self)).collect();
        leaves.iter().enumerate().filter(|(_, l)| passes(l)).map(|(i, l)| (i, read(l))).collect()
    }
}

/// The documents of a file as an index gives their values back: in order, and of keywords each once.
pub fn documents(csv: &str) -> Vec<Document> {
    let mut lines = csv.lines().filter(|l| !l.trim().is_empty());
    let columns: Vec<(String, Type)> = lines
        .next()
        .unwrap()
        .split(',')
        .map(|c| c.trim().split_once(':').unwrap())
        .map(|(n, t)| (n.to_owned(), Type::named(t.trim())))
        .collect();
    let row = |l: &str| {
        let indexed = |t: Type, v: Value| match v {
            Value::List(mut v) if t != Type::Text => {
                v.sort_by(eval::order);
                if t == Type::Keyword {
                    v.dedup();
                }
                Value::List(v)
            }
            v => v,
        };
        let cells = cells(l);
        assert_eq!(cells.len(), columns.len(), "{l}");
        let fields = columns.iter().zip(cells).map(|((n, t), c)| (n.clone(), indexed(*t, t.value(&c))));
        Document(fields.filter(|(_, v)| !v.is_null() && !v.elements().is_empty()).collect())
    };
    lines.map(row).collect()
}

/// Cells with commas between them; those within brackets are the cell's.
fn cells(line: &str) -> Vec<String> {
    let (mut out, mut depth) = (vec![String::new()], 0);
    for c in line.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        match out.last_mut() {
            Some(cell) if c != ',' || depth > 0 => cell.push(c),
            _ => out.push(String::new()),
        }
    }
    out
}

/// The matches of a plan over documents, in their order.
pub fn run(plan: &Plan, documents: &[Document]) -> Result<Vec<Match>, String> {
    let program = Program::new(plan).map_err(|e| e.to_string())?;
    let mut machine = Machine::new(&program, Limits::default());
    let mut found = Vec::new();
    for (i, d) in documents.iter().enumerate() {
        let hits = d.hits(program.leaves());
        if !hits.is_empty() {
            let time = Some(Timestamp(i as i64));
            machine.push(Input { time, order: (0, i as u64), handle: i as u64, hits }, &mut found);
        }
    }
    machine.finish(&mut found).unwrap();
    Ok(found)
}
