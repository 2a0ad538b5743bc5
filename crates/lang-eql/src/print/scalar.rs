//! Values.

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{Call, Fold, Names, Scalar};

use super::Printer;
use super::expr::{Polarity, quote};
use crate::Dialect;

/// Functions of the shared table and what EQL calls them; the last tells whether `~` says that case is ignored.
const FUNCTIONS: &[(&str, &str, bool)] = &[
    ("add", "add", false),
    ("subtract", "subtract", false),
    ("multiply", "multiply", false),
    ("divide-trunc", "divide", false),
    ("modulo", "modulo", false),
    ("between", "between", true),
    ("between-or-empty", "between", true),
    ("concat", "concat", false),
    ("index-of", "indexOf", true),
    ("length", "length", false),
    ("number-in-base", "number", false),
    ("text", "string", false),
    ("slice", "substring", false),
    ("starts-with", "startsWith", true),
    ("ends-with", "endsWith", true),
    ("contains-text", "stringContains", true),
    ("list-contains", "arrayContains", true),
];

impl<'p> Printer<'p> {
    pub(super) fn scalar(&mut self, s: &Scalar) -> Said {
        match s {
            Scalar::Field(f) if f.names == self.names() || f.names == Names::Column => Ok(field(&f.name)),
            Scalar::Field(f) => refuse(format!("field {} of {}", f.name, f.names.as_str())),
            Scalar::AnyField => refuse("a search in all fields"),
            Scalar::FieldGlob(_, p) => refuse(format!("fields by pattern {p}")),
            Scalar::Lit(v) => self.literal(v),
            Scalar::Call(c) => self.call(c),
            Scalar::Case(..) => refuse("a conditional value"),
            Scalar::Truth(e) => self.expr(e, Polarity::Exact, 0),
            Scalar::Var(name) => Ok(name.to_string()),
            Scalar::Each(_) => self.each("arrayCount", s),
            Scalar::Asked(_) => refuse("what was seen before"),
        }
    }

    /// A value beside an operator: in brackets where it is a condition.
    pub(super) fn operand(&mut self, s: &Scalar) -> Said {
        let text = self.scalar(s)?;
        Ok(if matches!(s, Scalar::Truth(_)) { format!("({text})") } else { text })
    }

    pub(super) fn literal(&self, v: &Value) -> Said {
        Ok(match v {
            Value::Missing | Value::Null => "null".into(),
            Value::Bool(b) => b.to_string(),
            Value::I64(n) => n.to_string(),
            Value::F64(n) => format!("{n:?}"),
            Value::Str(s) => quote(s),
            Value::Ip(ip) => quote(&ip.to_string()),
            Value::Time(t) => quote(&t.to_string()),
            Value::List(_) => return refuse("a list as a constant"),
        })
    }

    fn call(&mut self, c: &Call) -> Said {
        let name = c.func.0.name;
        if let ("element", [list, Scalar::Lit(Value::I64(n))]) = (name, c.args.as_slice()) {
            return Ok(format!("{}[{n}]", self.scalar(list)?));
        }
        let Some((_, eql, folds)) = FUNCTIONS.iter().find(|(n, ..)| *n == name) else {
            return refuse(format!("function `{name}`"));
        };
        let endgame = self.dialect == Dialect::Endgame;
        if name == "between" && !endgame || name == "between-or-empty" && endgame {
            return refuse("`between` with the other dialect's answer where nothing is found");
        }
        let insensitive = *folds && c.words.fold == Fold::Unicode;
        if endgame && *folds && !insensitive {
            return refuse(format!("`{eql}` that does not ignore case"));
        }
        let args: Said<Vec<_>> = c.args.iter().map(|a| self.scalar(a)).collect();
        let tilde = if insensitive && !endgame { "~" } else { "" };
        Ok(format!("{eql}{tilde}({})", args?.join(", ")))
    }

    /// A condition over list elements.
    pub(super) fn each(&mut self, function: &str, s: &Scalar) -> Said {
        let Scalar::Each(e) = s else { return refuse("no list") };
        let list = self.scalar(&e.list)?;
        let body = self.expr(&e.body, Polarity::Exact, 0)?;
        let prefix = if self.dialect == Dialect::Elastic { "_" } else { "" };
        Ok(format!("{prefix}{function}({list}, {}, {body})", e.var))
    }
}

/// A field's name, parts that are no plain words in backticks. `events[1].x` stays as it is.
fn field(name: &str) -> String {
    let (first, rest) = match name.strip_prefix("events[").and_then(|r| r.split_once("].")) {
        Some((n, rest)) => (format!("events[{n}]."), rest),
        None => (String::new(), name),
    };
    let parts: Vec<String> = rest.split('.').map(part).collect();
    first + &parts.join(".")
}

fn part(name: &str) -> String {
    const RESERVED: &[&str] = &[
        "and", "or", "not", "in", "like", "regex", "where", "by", "with", "until", "of", "true", "false",
        "null", "as", "fork", "sequence", "sample", "join", "any", "maxspan", "runs",
    ];
    let start = |c: char| c.is_alphabetic() || matches!(c, '_' | '@' | '$');
    let plain = name.starts_with(start) && name.chars().all(|c| start(c) || c.is_numeric());
    if plain && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}
