//! Values as bytes, for temporary files: what is written is read back equal.

use std::io::{self, Read};

use crate::{Timestamp, Value};

/// Lists in lists that are read.
const MAX_DEPTH: u32 = 64;

/// Appends a number.
pub fn put(n: u64, out: &mut Vec<u8>) {
    out.extend(n.to_le_bytes());
}

/// Appends bytes with their length.
pub fn put_bytes(b: &[u8], out: &mut Vec<u8>) {
    put(b.len() as u64, out);
    out.extend(b);
}

/// Reads a number.
///
/// # Errors
/// Where the source ends or cannot be read.
pub fn get(from: &mut impl Read) -> io::Result<u64> {
    let mut b = [0; 8];
    from.read_exact(&mut b)?;
    Ok(u64::from_le_bytes(b))
}

/// Reads bytes with their length.
///
/// # Errors
/// Where the source ends or cannot be read.
pub fn get_bytes(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let n = get(from)?;
    let mut b = Vec::new();
    from.take(n).read_to_end(&mut b)?;
    if b.len() as u64 == n { Ok(b) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Appends a value.
pub fn put_value(v: &Value, out: &mut Vec<u8>) {
    match v {
        Value::Missing => out.push(0),
        Value::Null => out.push(1),
        Value::Bool(b) => out.extend([2, u8::from(*b)]),
        Value::I64(n) => {
            out.push(3);
            put(*n as u64, out);
        }
        Value::F64(n) => {
            out.push(4);
            put(n.to_bits(), out);
        }
        Value::Str(s) => {
            out.push(5);
            put_bytes(s.as_bytes(), out);
        }
        Value::Ip(ip) => {
            out.push(6);
            put_bytes(ip.to_string().as_bytes(), out);
        }
        Value::Time(t) => {
            out.push(7);
            put(t.0 as u64, out);
        }
        Value::List(l) => {
            out.push(8);
            put(l.len() as u64, out);
            l.iter().for_each(|v| put_value(v, out));
        }
    }
}

/// Reads a value.
///
/// # Errors
/// Where the source ends, cannot be read, or holds no value.
pub fn value(from: &mut impl Read) -> io::Result<Value> {
    nested(from, MAX_DEPTH)
}

fn nested(from: &mut impl Read, depth: u32) -> io::Result<Value> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut tag = [0];
    from.read_exact(&mut tag)?;
    Ok(match tag[0] {
        0 => Value::Missing,
        1 => Value::Null,
        2 => {
            from.read_exact(&mut tag)?;
            Value::Bool(tag[0] != 0)
        }
        3 => Value::I64(get(from)? as i64),
        4 => Value::F64(f64::from_bits(get(from)?)),
        5 => Value::str(String::from_utf8(get_bytes(from)?).map_err(|_| bad())?),
        6 => {
            let text = String::from_utf8(get_bytes(from)?).map_err(|_| bad())?;
            Value::Ip(text.parse().map_err(|_| bad())?)
        }
        7 => Value::Time(Timestamp(get(from)? as i64)),
        8 if depth > 0 => {
            let count = get(from)?;
            Value::List((0..count).map(|_| nested(from, depth - 1)).collect::<io::Result<_>>()?)
        }
        _ => return Err(bad()),
    })
}
