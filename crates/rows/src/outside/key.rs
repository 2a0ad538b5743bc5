//! Values as bytes whose order is that of the values.

use shikra_event::Value;
use shikra_ir::SortKey;

/// The key of a row: one value per sort key.
pub(crate) fn key(keys: &[SortKey], values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (k, v) in keys.iter().zip(values) {
        if v.is_null() {
            out.push(if k.nulls_first { 0 } else { 2 });
            continue;
        }
        out.push(1);
        let from = out.len();
        put(v, &mut out);
        if k.descending {
            out.get_mut(from..).unwrap_or_default().iter_mut().for_each(|b| *b = !*b);
        }
    }
    out
}

/// As [`shikra_ir::eval::order`] has it. No key is the beginning of another.
fn put(v: &Value, out: &mut Vec<u8>) {
    match v {
        Value::Missing | Value::Null => out.push(0),
        Value::Bool(b) => out.extend([1, u8::from(*b)]),
        Value::I64(n) => number(*n as f64, *n, out),
        Value::F64(n) => number(*n, *n as i64, out),
        Value::Time(t) => {
            out.push(3);
            out.extend(whole(t.0));
        }
        Value::Ip(std::net::IpAddr::V4(ip)) => {
            out.extend([4, 4]);
            out.extend(ip.octets());
        }
        Value::Ip(std::net::IpAddr::V6(ip)) => {
            out.extend([4, 6]);
            out.extend(ip.octets());
        }
        Value::Str(s) => {
            out.push(5);
            text(s, out);
        }
        Value::List(values) => {
            out.push(6);
            for v in values {
                out.push(1);
                put(v, out);
            }
            out.push(0);
        }
    }
}

/// By its value as a floating point number, whole ones beyond its precision by their own.
fn number(n: f64, exact: i64, out: &mut Vec<u8>) {
    out.push(2);
    let bits = n.to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    out.extend(ordered.to_be_bytes());
    out.extend(whole(exact));
}

fn whole(n: i64) -> [u8; 8] {
    ((n as u64) ^ 1 << 63).to_be_bytes()
}

/// Ended by two zeros; a zero in the text is followed by a 255.
fn text(s: &str, out: &mut Vec<u8>) {
    for b in s.bytes() {
        out.push(b);
        if b == 0 {
            out.push(255);
        }
    }
    out.extend([0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::{Scalar, eval};

    #[test]
    fn bytes_order_as_values() {
        let ip = |s: &str| Value::Ip(s.parse().unwrap());
        let list = |v: &[i64]| Value::List(v.iter().map(|n| Value::I64(*n)).collect());
        let text = |s: &str| Value::str(s);
        let mut values = vec![
            Value::Bool(false),
            Value::Bool(true),
            Value::I64(i64::MIN),
            Value::I64(-3),
            Value::F64(-2.5),
            Value::I64(0),
            Value::F64(0.25),
            Value::I64(7),
            Value::I64((1 << 53) + 1),
            Value::I64(i64::MAX),
            Value::F64(f64::INFINITY),
            Value::Time(shikra_event::Timestamp(-1)),
            Value::Time(shikra_event::Timestamp(5)),
            ip("10.0.0.1"),
            ip("10.0.0.9"),
            ip("::1"),
            text(""),
            text("a"),
            text("a\0"),
            text("a\0b"),
            text("ab"),
            text("b"),
            list(&[]),
            list(&[1]),
            list(&[1, 2]),
            list(&[2]),
        ];
        values.push(list(&[2, 0]));
        let sort_key =
            |descending| [SortKey { value: Scalar::Lit(Value::Null), descending, nulls_first: false }];
        for a in &values {
            for b in &values {
                let bytes = |d, v: &Value| key(&sort_key(d), std::slice::from_ref(v));
                assert_eq!(bytes(false, a).cmp(&bytes(false, b)), eval::order(a, b), "{a:?} {b:?}");
                assert_eq!(bytes(true, a).cmp(&bytes(true, b)), eval::order(b, a), "{a:?} {b:?} descending");
            }
            assert!(key(&sort_key(true), std::slice::from_ref(a)) < key(&sort_key(true), &[Value::Null]));
        }
    }
}
