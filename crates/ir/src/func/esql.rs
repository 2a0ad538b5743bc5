//! Functions as ES|QL means them, where no other language shares the meaning. Most take single values: a frontend
//! puts `single` before its arguments.

use std::net::IpAddr;

use shikra_event::Value;

use super::{FuncDef, each};
use crate::{Words, eval};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "esql-convert", arity: (2, 2), takes_null: false, eval: convert },
    FuncDef {
        name: "lower-each",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| cased(a, str::to_lowercase),
    },
    FuncDef {
        name: "upper-each",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| cased(a, str::to_uppercase),
    },
    FuncDef { name: "split-at", arity: (2, 2), takes_null: false, eval: split },
    FuncDef { name: "repeat", arity: (2, 2), takes_null: false, eval: repeat },
    FuncDef { name: "byte-length", arity: (1, 1), takes_null: false, eval: byte_length },
    FuncDef { name: "percent-decode", arity: (1, 1), takes_null: false, eval: percent_decode },
    FuncDef { name: "percent-encode", arity: (1, 1), takes_null: false, eval: percent_encode },
    FuncDef { name: "base64-decode", arity: (1, 1), takes_null: false, eval: base64_decode },
    FuncDef { name: "base64-encode", arity: (1, 1), takes_null: false, eval: base64_encode },
    FuncDef { name: "power", arity: (2, 2), takes_null: false, eval: |a, _| reals(a, f64::powf) },
    FuncDef { name: "root", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::sqrt) },
    FuncDef { name: "exponential", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::exp) },
    FuncDef { name: "natural-logarithm", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::ln) },
    FuncDef { name: "logarithm", arity: (2, 2), takes_null: false, eval: |a, _| reals(a, logarithm) },
    FuncDef { name: "sign", arity: (1, 1), takes_null: false, eval: |a, _| real(a, sign) },
    FuncDef { name: "bucket-number", arity: (2, 2), takes_null: false, eval: bucket },
    FuncDef { name: "edit-distance", arity: (2, 2), takes_null: false, eval: edit_distance },
    FuncDef { name: "ip-prefix", arity: (3, 3), takes_null: false, eval: ip_prefix },
];

/// Each value as the type that `args[1]` names; see `convert`, and `ip`.
fn convert(args: &[Value], words: &Words) -> Value {
    let kind = &args[1];
    each(&args[0], |v| match (kind.to_text().as_deref(), v) {
        (_, v) if v.is_null() => Value::Null,
        (Some("ip"), v) => eval::as_ip(v).map_or(Value::Null, Value::Ip),
        (Some("text"), Value::Time(t)) => Value::str(super::calendar::iso(*t)),
        // Halves of a number go up, as its text's do.
        (Some("integer"), Value::F64(n)) if n.abs() < 9.2e18 => Value::I64(n.round() as i64),
        // Milliseconds since 1970.
        (Some("integer"), Value::Time(t)) => Value::I64(t.0.div_euclid(1_000_000)),
        (Some("time"), Value::I64(n)) => {
            n.checked_mul(1_000_000).map_or(Value::Null, |n| Value::Time(shikra_event::Timestamp(n)))
        }
        (Some("boolean"), Value::Str(s)) => Value::Bool(s.eq_ignore_ascii_case("true")),
        (_, v) => super::sql::convert(&[v.clone(), kind.clone()], words),
    })
}

fn cased(args: &[Value], f: fn(&str) -> String) -> Value {
    each(&args[0], |v| v.to_text().map_or(Value::Null, |t| Value::str(f(&t))))
}

/// The parts of a text between occurrences of another.
fn split(args: &[Value], _: &Words) -> Value {
    let (Some(text), Some(at)) = (args[0].to_text(), args[1].to_text()) else { return Value::Null };
    if at.is_empty() {
        return Value::str(text);
    }
    let mut parts: Vec<Value> = text.split(at.as_str()).map(Value::str).collect();
    if parts.len() == 1 { parts.remove(0) } else { Value::List(parts) }
}

/// Bytes that a repeated text may have.
const MAX_REPEATED: usize = 1 << 20;

fn repeat(args: &[Value], _: &Words) -> Value {
    let (Some(text), Value::I64(n)) = (args[0].to_text(), &args[1]) else { return Value::Null };
    match usize::try_from(*n) {
        Ok(n) if text.len().saturating_mul(n) <= MAX_REPEATED => Value::str(text.repeat(n)),
        _ => Value::Null,
    }
}

fn byte_length(args: &[Value], _: &Words) -> Value {
    args[0].to_text().map_or(Value::Null, |t| Value::I64(t.len() as i64))
}

/// `%41` and `+` as `application/x-www-form-urlencoded` has them; null where a `%` is followed by no digits.
fn percent_decode(args: &[Value], _: &Words) -> Value {
    let Some(text) = args[0].to_text() else { return Value::Null };
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let digit = |b: Option<u8>| (b? as char).to_digit(16);
        out.push(match b {
            b'+' => b' ',
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Value::Null,
            },
            b => b,
        });
    }
    Value::str(String::from_utf8_lossy(&out))
}

fn percent_encode(args: &[Value], _: &Words) -> Value {
    let Some(text) = args[0].to_text() else { return Value::Null };
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.*".contains(&b) => out.push(b as char),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    Value::str(out)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4, with or without padding.
fn base64_decode(args: &[Value], _: &Words) -> Value {
    let Some(text) = args[0].to_text() else { return Value::Null };
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for b in text.trim_end_matches('=').bytes() {
        let Some(digit) = DIGITS.iter().position(|d| *d == b) else { return Value::Null };
        bits = bits << 6 | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Value::str(String::from_utf8_lossy(&out))
}

fn base64_encode(args: &[Value], _: &Words) -> Value {
    let Some(text) = args[0].to_text() else { return Value::Null };
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(DIGITS[(bits >> (18 - 6 * i) & 63) as usize] as char),
                false => out.push('='),
            }
        }
    }
    Value::str(out)
}

fn real(args: &[Value], f: fn(f64) -> f64) -> Value {
    finite(args[0].as_f64().map(f))
}

fn reals(args: &[Value], f: fn(f64, f64) -> f64) -> Value {
    finite(args[0].as_f64().zip(args[1].as_f64()).map(|(a, b)| f(a, b)))
}

fn finite(n: Option<f64>) -> Value {
    n.filter(|n| n.is_finite()).map_or(Value::Null, Value::F64)
}

fn sign(n: f64) -> f64 {
    if n == 0.0 { 0.0 } else { n.signum() }
}

/// The start of the bucket of a width that a number lies in.
fn bucket(args: &[Value], _: &Words) -> Value {
    match args[1].as_f64().filter(|w| *w > 0.0) {
        Some(width) => finite(eval::number(&args[0]).map(|n| (n / width).floor() * width)),
        None => Value::Null,
    }
}

/// Characters of texts that are compared by distance.
const MAX_COMPARED: usize = 512;

/// How many insertions, deletions, replacements and swaps of neighbours make one text of another (optimal string
/// alignment); null for long texts.
fn edit_distance(args: &[Value], _: &Words) -> Value {
    let chars =
        |v: &Value| v.to_text().map(|t| t.chars().collect::<Vec<char>>()).filter(|c| c.len() <= MAX_COMPARED);
    let (Some(a), Some(b)) = (chars(&args[0]), chars(&args[1])) else { return Value::Null };
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().map_or(Value::Null, |n| Value::I64(*n as i64))
}

/// An address cut to its first bits: `args[1]` of version 4, `args[2]` of version 6.
fn ip_prefix(args: &[Value], _: &Words) -> Value {
    let length = |v: &Value, most: u32| match v {
        Value::I64(n) => u32::try_from(*n).ok().filter(|n| *n <= most),
        _ => None,
    };
    match eval::as_ip(&args[0]) {
        Some(IpAddr::V4(ip)) => length(&args[1], 32).map_or(Value::Null, |n| {
            let mask = u32::MAX.checked_shl(32 - n).unwrap_or(0);
            Value::Ip(IpAddr::V4((u32::from(ip) & mask).into()))
        }),
        Some(IpAddr::V6(ip)) => length(&args[2], 128).map_or(Value::Null, |n| {
            let mask = u128::MAX.checked_shl(128 - n).unwrap_or(0);
            Value::Ip(IpAddr::V6((u128::from(ip) & mask).into()))
        }),
        None => Value::Null,
    }
}

/// Of a thousand to base ten it is three, not nearly three.
fn logarithm(base: f64, x: f64) -> f64 {
    if base == 10.0 { x.log10() } else { x.log(base) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, args: &[Value], want: impl Into<Value>) {
        let def = TABLE.iter().find(|d| d.name == name).unwrap();
        assert_eq!((def.eval)(args, &Words::default()), want.into(), "{name} {args:?}");
    }

    #[test]
    fn codes() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            check("base64-encode", &[text.into()], code);
            check("base64-decode", &[code.into()], text);
        }
        check("base64-decode", &["*".into()], Value::Null);
        check("percent-decode", &["a%20b+c%C3%A4".into()], "a b cä");
        check("percent-decode", &["%4".into()], Value::Null);
        check("percent-encode", &["a b/ä".into()], "a+b%2F%C3%A4");
    }

    #[test]
    fn types_and_numbers() {
        let list = Value::List(vec!["1".into(), "x".into(), "2.6".into()]);
        check("esql-convert", &[list, "integer".into()], Value::List(vec![1.into(), Value::Null, 2.into()]));
        check("esql-convert", &["10.0.0.7".into(), "ip".into()], Value::Ip([10, 0, 0, 7].into()));
        check("ip-prefix", &["10.1.2.3".into(), 16.into(), 0.into()], Value::Ip([10, 1, 0, 0].into()));
        check("ip-prefix", &["10.1.2.3".into(), 0.into(), 0.into()], Value::Ip([0, 0, 0, 0].into()));
        check("bucket-number", &[17.into(), 5.into()], Value::F64(15.0));
        check("logarithm", &[2.into(), 8.into()], Value::F64(3.0));
        for (a, b, n) in
            [("svchost", "svchosts", 1), ("svchost", "scvhost", 1), ("", "ab", 2), ("abc", "xyz", 3)]
        {
            check("edit-distance", &[a.into(), b.into()], n);
        }
        check("repeat", &["ab".into(), 3.into()], "ababab");
        check("repeat", &["ab".into(), i64::MAX.into()], Value::Null);
        check("split-at", &["a,b".into(), ",".into()], Value::List(vec!["a".into(), "b".into()]));
    }
}
