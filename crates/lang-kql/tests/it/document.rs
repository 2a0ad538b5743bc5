//! A JSON document as a row: members of objects by their path, through lists.

use serde_json::Value as Json;
use shikra_event::Value;
use shikra_ir::eval::Row;
use shikra_ir::{FieldRef, Names, Pattern};

pub(crate) struct Document<'d>(pub(crate) &'d Json);

impl Document<'_> {
    fn paths(&self) -> Vec<(String, Value)> {
        let mut out = Vec::new();
        walk(self.0, String::new(), &mut out);
        out
    }
}

fn walk(json: &Json, path: String, out: &mut Vec<(String, Value)>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(value, path, out);
            }
        }
        Json::Array(all) => all.iter().for_each(|v| walk(v, path.clone(), out)),
        Json::Null => out.push((path, Value::Null)),
        Json::Bool(b) => out.push((path, Value::Bool(*b))),
        Json::String(s) => out.push((path, Value::str(s))),
        Json::Number(n) => {
            out.push((path, n.as_i64().map_or_else(|| Value::F64(n.as_f64().unwrap()), Value::I64)));
        }
    }
}

impl Row for Document<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        let mut found: Vec<Value> =
            self.paths().into_iter().filter(|(p, _)| *p == *field.name).map(|(_, v)| v).collect();
        match found.len() {
            0 => Value::Missing,
            1 => found.remove(0),
            _ => Value::List(found),
        }
    }
    fn all_fields(&self) -> Vec<Value> {
        self.paths().into_iter().map(|(_, v)| v).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.paths().into_iter().filter(|(p, _)| pattern.matches(p)).map(|(_, v)| v).collect()
    }
}
