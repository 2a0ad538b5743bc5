//! A JSON document as an event whose fields have their own names in every scheme.

use serde_json::Value as Json;
use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{FieldRef, LogSource, Names, Pattern};
use shikra_rows::Leaf;

pub struct Document {
    pub json: Json,
    pub time: Option<Timestamp>,
    pub order: (u32, u64),
    fields: Vec<(String, Value)>,
}

impl Document {
    pub fn new(json: Json, order: (u32, u64)) -> Document {
        let mut fields = Vec::new();
        for (name, value) in json.as_object().into_iter().flatten() {
            flatten(name, value, &mut fields);
        }
        let time = match json.get("@timestamp").and_then(Json::as_str) {
            Some(t) => Timestamp::parse(t),
            None => json.get("timestamp").and_then(Json::as_i64).map(filetime),
        };
        Document { json, time, order, fields }
    }

    /// The leaves it passes, with the values they ask for.
    pub fn hits(&self, leaves: &[Leaf]) -> Vec<(usize, Vec<Value>)> {
        let passes = |l: &Leaf| self.is_from(&l.source) && eval::truth(&l.expr, self).holds();
        let read = |l: &Leaf| l.values.iter().map(|s| eval::scalar(s, self)).collect();
        leaves.iter().enumerate().filter(|(_, l)| passes(l)).map(|(i, l)| (i, read(l))).collect()
    }

    fn is_from(&self, source: &LogSource) -> bool {
        let category = source.keys.get("category");
        let own = ["event.category", "event_type"].iter().find_map(|k| self.json.get(*k)?.as_str());
        category.is_none_or(|c| own.is_some_and(|o| o.eq_ignore_ascii_case(c)))
    }
}

fn filetime(ticks: i64) -> Timestamp {
    Timestamp((ticks - 116_444_736_000_000_000).saturating_mul(100))
}

/// Objects become dotted names; so do objects in lists, whose members then have several values.
fn flatten(name: &str, json: &Json, out: &mut Vec<(String, Value)>) {
    match json {
        Json::Object(members) => members.iter().for_each(|(k, v)| flatten(&format!("{name}.{k}"), v, out)),
        Json::Array(items) if items.iter().any(Json::is_object) => {
            items.iter().for_each(|v| flatten(name, v, out));
        }
        other => add(name, value(other), out),
    }
}

fn add(name: &str, value: Value, out: &mut Vec<(String, Value)>) {
    match out.iter_mut().find(|(n, _)| n == name) {
        None => out.push((name.to_owned(), value)),
        Some((_, old)) => {
            let mut all = old.elements().to_vec();
            all.extend(value.elements().iter().cloned());
            *old = Value::List(all);
        }
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
        self.fields.iter().find(|(n, _)| **n == *field.name).map_or(Value::Missing, |(_, v)| v.clone())
    }
    fn all_fields(&self) -> Vec<Value> {
        self.fields.iter().map(|(_, v)| v.clone()).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.fields.iter().filter(|(n, _)| pattern.matches(n)).map(|(_, v)| v.clone()).collect()
    }
}
