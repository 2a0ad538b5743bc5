//! Owned values: what evaluation computes with, once a slot has been read.

use std::net::IpAddr;
use std::sync::Arc;

use crate::Timestamp;

/// A value of the IR (DESIGN: Missing, Null, Bool, I64, F64, Str, Ip, Timestamp, List).
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// The field is not there.
    #[default]
    Missing,
    /// The field is there and null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number. Unsigned numbers above `i64::MAX` become [`Value::F64`].
    I64(i64),
    /// A floating point number.
    F64(f64),
    /// Text.
    Str(Arc<str>),
    /// An address.
    Ip(IpAddr),
    /// A point in time.
    Time(Timestamp),
    /// Several values; never nested in practice, never relied upon.
    List(Vec<Value>),
}

impl Value {
    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        size_of::<Value>()
            + match self {
                Value::Str(s) => s.len() + 16,
                Value::List(l) => l.iter().map(Value::size).sum(),
                _ => 0,
            }
    }

    /// A text value.
    pub fn str(text: impl AsRef<str>) -> Value {
        Value::Str(Arc::from(text.as_ref()))
    }

    /// Missing or null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Missing | Value::Null)
    }

    /// As a number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::I64(n) => Some(*n as f64),
            Value::F64(n) => Some(*n),
            _ => None,
        }
    }

    /// As text, where the value has a textual form (all scalars but missing and null; lists have none).
    pub fn to_text(&self) -> Option<String> {
        match self {
            Value::Missing | Value::Null | Value::List(_) => None,
            Value::Bool(b) => Some(b.to_string()),
            Value::I64(n) => Some(n.to_string()),
            Value::F64(n) => Some(n.to_string()),
            Value::Str(s) => Some(s.to_string()),
            Value::Ip(ip) => Some(ip.to_string()),
            Value::Time(t) => Some(t.to_string()),
        }
    }

    /// The elements of a list, the value itself where it is a scalar, nothing where it is missing.
    pub fn elements(&self) -> &[Value] {
        match self {
            Value::Missing => &[],
            Value::List(v) => v,
            one => std::slice::from_ref(one),
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::str(s)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::I64(n)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}
