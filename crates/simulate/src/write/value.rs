//! Values as JSON shows them.

use serde_json::{Value as Json, json};
use shikra_event::Timestamp;
use shikra_evtx_write::{Sid, Value};

use crate::events::braced;

/// As `evtx_dump` writes it.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::String(String::new()),
        Value::Text(t) => json!(t),
        Value::I8(n) => json!(n),
        Value::U8(n) => json!(n),
        Value::I16(n) => json!(n),
        Value::U16(n) => json!(n),
        Value::I32(n) => json!(n),
        Value::U32(n) => json!(n),
        Value::I64(n) => json!(n),
        Value::U64(n) => json!(n),
        Value::F32(n) => json!(n),
        Value::F64(n) => json!(n),
        Value::Bool(b) => json!(b),
        Value::Binary(b) => json!(b.iter().map(|b| format!("{b:02X}")).collect::<String>()),
        Value::Guid(g) => json!(braced(*g).to_ascii_lowercase()),
        Value::FileTime(t) => json!(time(*t)),
        Value::Sid(s) => json!(sid(s)),
        Value::Hex32(n) => json!(format!("0x{n:x}")),
        Value::Hex64(n) => json!(format!("0x{n:x}")),
        Value::Texts(t) => json!(t),
    }
}

/// As Windows renders it, which is what winlogbeat ships: always text.
pub fn rendered(value: &Value) -> String {
    match value {
        Value::Guid(g) => braced(*g),
        other => match json(other) {
            Json::String(s) => s,
            other => other.to_string(),
        },
    }
}

/// `S-1-5-18`.
pub fn sid(sid: &Sid) -> String {
    let [revision, count, a @ ..] = sid.0.as_slice() else { return String::new() };
    let (authority, parts) = a.split_at_checked(6).unwrap_or((a, &[]));
    let authority = authority.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let mut out = format!("S-{revision}-{authority}");
    for part in parts.chunks_exact(4).take(usize::from(*count)) {
        let n = part.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
        out.push_str(&format!("-{n}"));
    }
    out
}

/// `2026-03-02T08:00:00.1234567Z` of a FILETIME.
pub fn time(time: u64) -> String {
    let (year, month, day, hour, minute, second, nano) =
        Timestamp::from_filetime(time).unwrap_or_default().civil();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:07}Z", nano / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_shown_as_they_are_read() {
        for text in ["S-1-5-18", "S-1-5-21-1111111111-2222222222-3333333333-1104"] {
            assert_eq!(sid(&text.parse().unwrap()), text);
        }
        assert_eq!(rendered(&Value::Bool(true)), "true");
        assert_eq!(time(134_169_120_000_000_000), "2026-03-02T08:00:00.0000000Z");
    }
}
