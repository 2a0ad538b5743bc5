//! From slots to text, numbers and values, as Windows renders them.
//!
//! GUIDs are braced and lower-case, hexadecimal numbers carry `0x`, SIDs read `S-1-…`, times have seven
//! fraction digits (`2020-10-22T01:54:25.1234560Z`), binary is upper-case hexadecimal, lists of values are
//! joined with `,` only where somebody asks for the text of a list.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::time::{FILETIME_UNIX_OFFSET, civil_from_seconds, days_in_month};
use crate::{Kind, Slot, Timestamp, Value};

impl Slot<'_> {
    /// Appends the text of the value to `out`; answers whether there was one (missing and null have none).
    pub fn render(&self, out: &mut String) -> bool {
        if self.kind.element().is_some() {
            let mut first = true;
            for item in self.elements() {
                if !first {
                    out.push(',');
                }
                first = false;
                item.render(out);
            }
            return true;
        }
        render_scalar(self.kind, self.data, out)
    }

    /// The text of the value, where it has one.
    pub fn to_text(&self) -> Option<String> {
        let mut out = String::new();
        self.render(&mut out).then_some(out)
    }

    /// The value. Text stays text: numbers in text are not recognised here.
    pub fn value(&self) -> Value {
        if self.is_missing() {
            return Value::Missing;
        }
        if self.is_list() {
            return Value::List(self.elements().map(|s| s.scalar()).collect());
        }
        self.scalar()
    }

    fn scalar(&self) -> Value {
        let d = self.data;
        let whole = |n: i128| i64::try_from(n).map_or(Value::F64(n as f64), Value::I64);
        match self.kind {
            Kind::MISSING | Kind::NULL => Value::Missing,
            Kind::JSON_NULL => Value::Null,
            Kind::JSON_BOOL => Value::Bool(d.first() == Some(&b't')),
            Kind::BOOL => Value::Bool(d.iter().any(|b| *b != 0)),
            Kind::JSON_NUMBER => json_number(d),
            Kind::F32 => array(d).map_or(Value::Null, |b| Value::F64(f64::from(f32::from_le_bytes(b)))),
            Kind::F64 => array(d).map_or(Value::Null, |b| Value::F64(f64::from_le_bytes(b))),
            Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => {
                signed(d).map_or(Value::Null, |n| whole(n.into()))
            }
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => {
                unsigned(d).map_or(Value::Null, |n| whole(n.into()))
            }
            Kind::FILETIME => array(d)
                .and_then(|b| Timestamp::from_filetime(u64::from_le_bytes(b)))
                .map_or_else(|| self.text_value(), Value::Time),
            _ => self.text_value(),
        }
    }

    fn text_value(&self) -> Value {
        self.to_text().map_or(Value::Null, |t| Value::Str(Arc::from(t)))
    }
}

/// [`String::from_utf8_lossy`], which goes byte by byte even where nothing is wrong, as in nearly all texts.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A text as a JSON string, in quotes.
pub fn json_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text of a file: UTF-16 where a byte order mark says so, as PowerShell writes files, else as [`lossy`] has it.
pub fn file_text(bytes: &[u8]) -> Cow<'_, str> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return lossy(bytes),
    };
    let units = bytes.chunks_exact(2).skip(1).map(|pair| match *pair {
        [a, b] => unit([a, b]),
        _ => 0xfffd,
    });
    Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn json_number(digits: &[u8]) -> Value {
    let text = std::str::from_utf8(digits).unwrap_or("");
    if let Ok(n) = text.parse::<i64>() {
        return Value::I64(n);
    }
    text.parse::<f64>().map_or_else(|_| Value::str(text), Value::F64)
}

fn array<const N: usize>(d: &[u8]) -> Option<[u8; N]> {
    d.get(..N)?.try_into().ok()
}

fn unsigned(d: &[u8]) -> Option<u64> {
    if d.is_empty() || d.len() > 8 {
        return None;
    }
    Some(d.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
}

fn signed(d: &[u8]) -> Option<i64> {
    let raw = unsigned(d)?;
    let unused = 64 - 8 * d.len() as u32;
    Some((raw << unused) as i64 >> unused)
}

fn render_scalar(kind: Kind, d: &[u8], out: &mut String) -> bool {
    match kind {
        Kind::MISSING | Kind::NULL | Kind::JSON_NULL => return false,
        Kind::UTF16 => push_utf16(d, out),
        Kind::ANSI => out.extend(d.iter().map(|b| windows_1252(*b))),
        Kind::JSON_STRING => unescape_json(d, out),
        Kind::XML_TEXT => unescape_xml(&lossy(d), out),
        Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => push_or_hex(signed(d), d, out),
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => match unsigned(d) {
            Some(n) => push_digits(n, 10, 1, out),
            None => push_hex(d, out),
        },
        Kind::HEX32 | Kind::HEX64 | Kind::SIZE => match unsigned(d) {
            Some(n) => {
                out.push_str("0x");
                push_digits(n, 16, 1, out);
            }
            None => push_hex(d, out),
        },
        Kind::F32 => push_or_hex(array(d).map(f32::from_le_bytes), d, out),
        Kind::F64 => push_or_hex(array(d).map(f64::from_le_bytes), d, out),
        Kind::BOOL => out.push_str(if d.iter().any(|b| *b != 0) { "true" } else { "false" }),
        Kind::GUID => push_guid(d, out),
        Kind::SID => push_sid(d, out),
        Kind::FILETIME => push_filetime(d, out),
        Kind::SYSTEMTIME => push_systemtime(d, out),
        Kind::UTF8 | Kind::JSON_NUMBER | Kind::JSON_BOOL | Kind::JSON_ARRAY | Kind::JSON_OBJECT => {
            out.push_str(&lossy(d));
        }
        _ => push_hex(d, out),
    }
    true
}

fn push_or_hex<T: std::fmt::Display>(n: Option<T>, d: &[u8], out: &mut String) {
    match n {
        Some(n) => drop(write!(out, "{n}")),
        None => push_hex(d, out),
    }
}

fn push_hex(d: &[u8], out: &mut String) {
    out.reserve(2 * d.len());
    out.extend(
        d.iter().flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(b"0123456789ABCDEF"[usize::from(n)])),
    );
}

/// A number in base 10 or 16 with so many digits at least. By hand: findings are full of numbers, and the
/// formatting machinery takes several times as long.
fn push_digits(mut n: u64, base: u64, least: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while n > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(n % base) as usize];
        n /= base;
    }
    let at = at.min(digits.len() - least);
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// Little-endian UTF-16 without its trailing NULs; lone surrogates become U+FFFD.
fn push_utf16(d: &[u8], out: &mut String) {
    let mut units = d;
    while let [rest @ .., 0, 0] = units
        && rest.len() % 2 == 0
    {
        units = rest;
    }
    out.reserve(units.len() / 2);
    let mut run = [0u8; 64];
    // Most text is ASCII: eight units at a time as long as it is.
    while let Some(wide) = units.first_chunk::<16>() {
        const BEYOND: u128 = 0xff80_ff80_ff80_ff80_ff80_ff80_ff80_ff80;
        if u128::from_le_bytes(*wide) & BEYOND != 0 {
            break;
        }
        let narrow: [u8; 8] = std::array::from_fn(|i| wide[2 * i]);
        out.push_str(std::str::from_utf8(&narrow).unwrap_or(""));
        units = &units[16..];
    }
    loop {
        let ascii = units.chunks_exact(2).take(run.len()).take_while(|p| p[1] == 0 && p[0] < 0x80);
        let count = ascii.zip(&mut run).map(|(p, b)| *b = p[0]).count();
        out.push_str(std::str::from_utf8(&run[..count]).unwrap_or(""));
        units = &units[2 * count..];
        if count < run.len() {
            break;
        }
    }
    let wide = units.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]]));
    out.extend(char::decode_utf16(wide).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// Windows-1252, undefined bytes as the C1 controls that Windows maps them to.
fn windows_1252(b: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match b {
        0x80..=0x9f => HIGH[usize::from(b - 0x80)],
        _ => char::from(b),
    }
}

fn push_guid(d: &[u8], out: &mut String) {
    let Some(g) = array::<16>(d) else { return push_hex(d, out) };
    // Bytes in order of writing, and where dashes stand.
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    out.push('{');
    for (n, at) in ORDER.into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_digits(g[at].into(), 16, 2, out);
    }
    out.push('}');
}

fn push_sid(d: &[u8], out: &mut String) {
    let count = d.get(1).map_or(0, |n| usize::from(*n));
    if d.len() < 8 + 4 * count {
        return push_hex(d, out);
    }
    let authority = d[2..8].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let subs = d[8..8 + 4 * count].chunks_exact(4);
    let subs = subs.map(|sub| u64::from(u32::from_le_bytes([sub[0], sub[1], sub[2], sub[3]])));
    out.push('S');
    for n in [u64::from(d[0]), authority].into_iter().chain(subs) {
        out.push('-');
        push_digits(n, 10, 1, out);
    }
}

/// Seven fraction digits, as Windows renders them; years beyond 9999 keep their last four digits, and what
/// is beyond `i64::MAX` is all zeros, as there.
fn push_filetime(d: &[u8], out: &mut String) {
    let Some(bytes) = array(d) else { return push_hex(d, out) };
    let Ok(ticks) = i64::try_from(u64::from_le_bytes(bytes)) else {
        return out.push_str("0000-00-00T00:00:00.0000000Z");
    };
    let seconds = (ticks - FILETIME_UNIX_OFFSET).div_euclid(10_000_000);
    let (y, mo, day, h, mi, s) = civil_from_seconds(seconds);
    push_time((y % 10_000, mo, day, h, mi, s, (ticks % 10_000_000) as u32 * 100), out);
}

/// A SYSTEMTIME that is none renders as FILETIME zero, as in Windows.
fn push_systemtime(d: &[u8], out: &mut String) {
    let Some(b) = array::<16>(d) else { return push_hex(d, out) };
    let w = |i: usize| u32::from(u16::from_le_bytes([b[i], b[i + 1]]));
    let (y, mo, day, h, mi, s, ms) = (i64::from(w(0)), w(2), w(6), w(8), w(10), w(12), w(14));
    let valid = (1601..=30827).contains(&y)
        && (1..=12).contains(&mo)
        && (1..=days_in_month(y, mo)).contains(&day)
        && (h < 24 && mi < 60 && s < 60 && ms < 1000);
    if valid {
        push_time((y % 10_000, mo, day, h, mi, s, ms * 1_000_000), out);
    } else {
        push_time((1601, 1, 1, 0, 0, 0, 0), out);
    }
}

fn push_time((y, mo, d, h, mi, s, n): (i64, u32, u32, u32, u32, u32, u32), out: &mut String) {
    push_digits(y.unsigned_abs(), 10, 4, out);
    for (mark, n) in [('-', mo), ('-', d), ('T', h), (':', mi), (':', s)] {
        out.push(mark);
        push_digits(n.into(), 10, 2, out);
    }
    out.push('.');
    push_digits((n / 100).into(), 10, 7, out);
    out.push('Z');
}

/// Resolves JSON escapes; what is not a valid escape stays as written, lone surrogates become U+FFFD.
fn unescape_json(d: &[u8], out: &mut String) {
    let Ok(mut rest) = std::str::from_utf8(d) else {
        return unescape_damaged_json(d, out);
    };
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        // An escape is ASCII: what is left begins at a character.
        let left = unescape_one(&rest.as_bytes()[at + 1..], out).len();
        rest = rest.get(rest.len() - left..).unwrap_or("");
    }
    out.push_str(rest);
}

/// The same for bytes that are not all UTF-8.
fn unescape_damaged_json(d: &[u8], out: &mut String) {
    let mut rest = d;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.push_str(&lossy(&rest[..at]));
        rest = unescape_one(&rest[at + 1..], out);
    }
    out.push_str(&lossy(rest));
}

/// One escape, `d` beginning after its backslash; answers what follows.
fn unescape_one<'a>(d: &'a [u8], out: &mut String) -> &'a [u8] {
    let Some((&c, rest)) = d.split_first() else {
        out.push('\\');
        return d;
    };
    match c {
        b'n' => out.push('\n'),
        b't' => out.push('\t'),
        b'r' => out.push('\r'),
        b'b' => out.push('\u{8}'),
        b'f' => out.push('\u{c}'),
        b'"' | b'\\' | b'/' => out.push(char::from(c)),
        b'u' => return unescape_unicode(rest, out),
        _ => {
            out.push('\\');
            return d;
        }
    }
    rest
}

fn unescape_unicode<'a>(d: &'a [u8], out: &mut String) -> &'a [u8] {
    let unit = |d: &[u8]| {
        let hex = std::str::from_utf8(d.get(..4)?).ok()?;
        u32::from_str_radix(hex, 16).ok()
    };
    let Some(first) = unit(d) else {
        out.push_str("\\u");
        return d;
    };
    let rest = &d[4..];
    if (0xd800..0xdc00).contains(&first)
        && let Some(tail) = rest.strip_prefix(b"\\u")
        && let Some(second) = unit(tail).filter(|s| (0xdc00..0xe000).contains(s))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return &tail[4..];
    }
    out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

/// Resolves the five named entities and character references; unknown ones stay as written.
fn unescape_xml(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.as_bytes().iter().take(12).position(|b| *b == b';');
        let resolved = end.and_then(|e| xml_entity(&rest[1..e]).map(|c| (c, e + 1)));
        let (c, used) = resolved.unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[used..];
    }
    out.push_str(rest);
}

fn xml_entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind, data: &[u8]) -> String {
        Slot { kind, data }.to_text().unwrap()
    }

    #[test]
    fn windows_types_render_as_windows_does() {
        assert_eq!(text(Kind::HEX64, &0xc61d9u64.to_le_bytes()), "0xc61d9");
        assert_eq!(text(Kind::I16, &(-5i16).to_le_bytes()), "-5");
        assert_eq!(text(Kind::BOOL, &[1, 0, 0, 0]), "true");
        assert_eq!(text(Kind::BINARY, &[1, 0xab]), "01AB");
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        assert_eq!(text(Kind::SID, &sid), "S-1-5-32-544");
        let guid =
            [0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49, 0xa5, 0xba, 0x3e, 0x3b, 3, 0x28, 0xc3, 0x0d];
        assert_eq!(text(Kind::GUID, &guid), "{54849625-5478-4994-a5ba-3e3b0328c30d}");
        assert_eq!(
            text(Kind::FILETIME, &132_478_052_651_234_567u64.to_le_bytes()),
            "2020-10-22T01:54:25.1234567Z"
        );
        assert_eq!(text(Kind::FILETIME, &0u64.to_le_bytes()), "1601-01-01T00:00:00.0000000Z");
        assert_eq!(text(Kind::FILETIME, &(i64::MAX as u64).to_le_bytes()), "0828-09-14T02:48:05.4775807Z");
        assert_eq!(text(Kind::FILETIME, &u64::MAX.to_le_bytes()), "0000-00-00T00:00:00.0000000Z");
        let time = [0xe3, 7, 2, 0, 6, 0, 16, 0, 10, 0, 1, 0, 46, 0, 0x74, 3];
        assert_eq!(text(Kind::SYSTEMTIME, &time), "2019-02-16T10:01:46.8840000Z");
        assert_eq!(text(Kind::SYSTEMTIME, &[0; 16]), "1601-01-01T00:00:00.0000000Z");
        assert_eq!(text(Kind::U32, &[1]), "1");
        assert_eq!(text(Kind::SID, &[1, 9]), "0109");
    }

    #[test]
    fn quoted_text_reads_as_it_was() {
        for text in ["", "a \"b\" \\ é\u{202e}", "\0\u{1f}\n\r\t\u{7f}"] {
            let json = json_quoted(text);
            assert!(json.chars().all(|c| c >= ' '), "{json}");
            assert_eq!(
                Slot { kind: Kind::JSON_STRING, data: &json.as_bytes()[1..json.len() - 1] }
                    .to_text()
                    .as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn text_escapes_resolve() {
        assert_eq!(text(Kind::JSON_STRING, br#"C:\\a\t\u00e9\ud83d\ude00\ud800\q"#), "C:\\a\té😀\u{fffd}\\q");
        assert_eq!(text(Kind::JSON_STRING, br"x\u12"), "x\\u12");
        assert_eq!(text(Kind::XML_TEXT, b"a &lt;b&gt; &#x41;&#66; &nope; &"), "a <b> AB &nope; &");
        let wide: Vec<u8> = "é\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(Kind::UTF16, &wide), "é");
        assert_eq!(text(Kind::ANSI, &[0x80, b'a']), "€a");
    }

    #[test]
    fn values_keep_their_type() {
        let of = |kind, data| Slot { kind, data }.value();
        assert_eq!(of(Kind::JSON_NUMBER, b"4688"), Value::I64(4688));
        assert_eq!(of(Kind::JSON_NUMBER, b"1.5"), Value::F64(1.5));
        assert_eq!(of(Kind::JSON_NULL, b"null"), Value::Null);
        assert_eq!(of(Kind::MISSING, b""), Value::Missing);
        assert_eq!(of(Kind::JSON_ARRAY, b"[1,\"a\"]"), Value::List(vec![Value::I64(1), Value::str("a")]));
        assert_eq!(of(Kind::U16, &[1, 2]), Value::I64(513));
    }
}
