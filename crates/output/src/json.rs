//! A small JSON writer: keys in the order they are told, no intermediate tree, bytes out.
//!
//! Who writes keeps the grammar: [`Json::object`] and [`Json::array`] nest through closures, so brackets
//! always close and commas always stand between.

use std::io::Write as _;

use shikra_event::{Timestamp, Value};

use crate::escape;

/// Deepest list written out; what lies deeper is null.
const MAX_DEPTH: usize = 32;

/// Appends one JSON value to a buffer.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    /// Writes to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Json<'a> {
        Json { out }
    }

    /// A string.
    pub fn string(self, text: &str) {
        self.out.push(b'"');
        escape::json(text, self.out);
        self.out.push(b'"');
    }

    /// A string, or null.
    pub fn string_or_null(self, text: Option<&str>) {
        match text {
            Some(t) => self.string(t),
            None => self.null(),
        }
    }

    /// null.
    pub fn null(self) {
        self.out.extend_from_slice(b"null");
    }

    /// true or false.
    pub fn bool(self, b: bool) {
        self.out.extend_from_slice(if b { b"true" } else { b"false" });
    }

    /// A whole number.
    pub fn number(self, n: impl Into<i128>) {
        let n = n.into();
        let Ok(mut rest) = u64::try_from(n) else {
            let _ = write!(self.out, "{n}");
            return;
        };
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// A number; null where it is not finite, since JSON has no word for that.
    pub fn float(self, n: f64) {
        if n.is_finite() {
            let _ = write!(self.out, "{n:?}");
        } else {
            self.null();
        }
    }

    /// A time as RFC 3339 text, or null.
    pub fn time(self, t: Option<Timestamp>) {
        match t {
            Some(t) => drop(write!(self.out, "\"{t}\"")),
            None => self.null(),
        }
    }

    /// A value that is JSON already.
    pub fn raw(self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    /// A value of an event or row. Missing is null, addresses and times are text.
    pub fn value(self, value: &Value) {
        self.nested(value, 0);
    }

    fn nested(self, value: &Value, depth: usize) {
        match value {
            Value::Missing | Value::Null => self.null(),
            Value::Bool(b) => self.bool(*b),
            Value::I64(n) => self.number(*n),
            Value::F64(n) => self.float(*n),
            Value::Str(s) => self.string(s),
            Value::Ip(ip) => self.string(&ip.to_string()),
            Value::Time(t) => self.time(Some(*t)),
            Value::List(_) if depth >= MAX_DEPTH => self.null(),
            Value::List(items) => self.array(|a| items.iter().for_each(|v| a.item().nested(v, depth + 1))),
        }
    }

    /// An object.
    pub fn object(self, fill: impl FnOnce(&mut Members<'_>)) {
        self.out.push(b'{');
        fill(&mut Members { out: self.out, first: true });
        self.out.push(b'}');
    }

    /// An array.
    pub fn array(self, fill: impl FnOnce(&mut Items<'_>)) {
        self.out.push(b'[');
        fill(&mut Items { out: self.out, first: true });
        self.out.push(b']');
    }

    /// An array of strings.
    pub fn strings<S: AsRef<str>>(self, items: &[S]) {
        self.array(|a| items.iter().for_each(|s| a.item().string(s.as_ref())));
    }
}

/// A setting, its values and who set it, as one JSON object.
pub fn setting_json(key: &str, values: &[String], origin: &str) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("key").string(key);
        o.key("values").strings(values);
        o.key("origin").string(origin);
    });
    String::from_utf8(out).unwrap_or_default()
}

/// The members of an object under construction.
pub struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    /// The value of the next member.
    pub fn key(&mut self, name: &str) -> Json<'_> {
        comma(&mut self.first, self.out);
        Json::new(self.out).string(name);
        self.out.push(b':');
        Json::new(self.out)
    }
}

/// The items of an array under construction.
pub struct Items<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Items<'_> {
    /// The next item.
    pub fn item(&mut self) -> Json<'_> {
        comma(&mut self.first, self.out);
        Json::new(self.out)
    }
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::replace(first, false) {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, expected: &str) {
        let mut out = Vec::new();
        Json::new(&mut out).value(value);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn values() {
        check(&Value::Missing, "null");
        check(&Value::Bool(true), "true");
        check(&Value::I64(i64::MIN), "-9223372036854775808");
        check(&Value::I64(0), "0");
        check(&Value::I64(10), "10");
        check(&Value::I64(i64::MAX), "9223372036854775807");
        check(&Value::F64(1e300), "1e300");
        check(&Value::F64(f64::NAN), "null");
        check(&Value::F64(0.1), "0.1");
        check(&Value::List(vec![1.into(), "a".into(), Value::List(vec![])]), r#"[1,"a",[]]"#);
        check(&Value::Ip("::1".parse().unwrap()), r#""::1""#);
        check(&Value::Time(Timestamp(0)), r#""1970-01-01T00:00:00Z""#);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = (0..500).fold(Value::Null, |v, _| Value::List(vec![v]));
        let mut out = Vec::new();
        Json::new(&mut out).value(&deep);
        assert_eq!(out.iter().filter(|b| **b == b'[').count(), MAX_DEPTH);
    }
}
