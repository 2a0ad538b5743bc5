//! A flat JSON object as a row: fields by their exact names.

use shikra_event::Value;
use shikra_ir::eval::Row;
use shikra_ir::{FieldRef, Names, Pattern};

pub struct JsonRow(pub serde_json::Map<String, serde_json::Value>);

impl Row for JsonRow {
    fn field(&self, field: &FieldRef) -> Value {
        self.0.get(&*field.name).map_or(Value::Missing, value)
    }
    fn all_fields(&self) -> Vec<Value> {
        self.0.values().map(value).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.0.iter().filter(|(k, _)| pattern.matches(k)).map(|(_, v)| value(v)).collect()
    }
}

fn value(v: &serde_json::Value) -> Value {
    match v {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) => {
            n.as_i64().map_or_else(|| Value::F64(n.as_f64().unwrap()), Value::I64)
        }
        serde_json::Value::String(s) => Value::str(s),
        serde_json::Value::Array(v) => Value::List(v.iter().map(value).collect()),
        serde_json::Value::Object(_) => Value::Null,
    }
}
