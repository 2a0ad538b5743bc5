//! A JSON document as an event whose fields have the names they have.

use serde_json::Value as Json;
use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{FieldRef, Names, Pattern, Plan};
use shikra_rows::{Input, Leaf, Limits, Machine, Match, Program};

pub struct Document {
    json: serde_json::Map<String, Json>,
    time: Option<Timestamp>,
}

impl Document {
    pub fn new(json: Json) -> Document {
        let Json::Object(json) = json else { panic!("no object") };
        let time = json.get("@timestamp").and_then(Json::as_str).and_then(Timestamp::parse);
        Document { json, time }
    }

    fn hits(&self, leaves: &[Leaf]) -> Vec<(usize, Vec<Value>)> {
        let passes = |l: &Leaf| eval::truth(&l.expr, self).holds();
        let read = |l: &Leaf| l.values.iter().map(|s| eval::scalar(s, self)).collect();
        leaves.iter().enumerate().filter(|(_, l)| passes(l)).map(|(i, l)| (i, read(l))).collect()
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null | Json::Object(_) => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::F64(n.as_f64().unwrap()), Value::I64),
        Json::String(s) => Value::str(s),
        Json::Array(v) => Value::List(v.iter().map(value).collect()),
    }
}

impl Row for Document {
    fn field(&self, field: &FieldRef) -> Value {
        match field.names {
            Names::Raw => self.json.get(&*field.name).map_or(Value::Missing, value),
            _ => Value::Missing,
        }
    }
    fn all_fields(&self) -> Vec<Value> {
        self.json.values().map(value).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.json.iter().filter(|(n, _)| pattern.matches(n)).map(|(_, v)| value(v)).collect()
    }
}

/// The matches of a plan over documents in order of time.
pub fn run(plan: &Plan, documents: &[Document]) -> Result<Vec<Match>, String> {
    let program = Program::new(plan).map_err(|e| e.to_string())?;
    let mut machine = Machine::new(&program, Limits::default());
    let mut found = Vec::new();
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by_key(|i| (documents[*i].time, *i));
    for i in order {
        let hits = documents[i].hits(program.leaves());
        if !hits.is_empty() {
            let input = Input { time: documents[i].time, order: (0, i as u64), handle: i as u64, hits };
            machine.push(input, &mut found);
        }
    }
    machine.finish(&mut found).unwrap();
    Ok(found)
}
