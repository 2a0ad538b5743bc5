//! Sigma's strings: wildcards, escapes, placeholders, dashes and encodings.

use std::borrow::Cow;

use shikra_ir::{Part, Pattern};

/// Most values that the placeholders or dashes of one value may expand to.
pub(crate) const MAX_EXPANSION: usize = 10_000;
/// Most dashes of a value that are all varied (5 characters each: 625 values).
const MAX_DASHES: usize = 4;
/// What `windash` takes for one another: `-`, `/`, en dash, em dash, horizontal bar.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Reads a string with wildcards. A backslash is itself unless `*`, `?` or `\` follows: `\*` is a star, `\\*` a
/// backslash and a wildcard, `\\\*` a backslash and a star.
pub(crate) fn pattern(raw: &str) -> Pattern {
    pattern_within(raw, false, false)
}

/// The same with any text before it, after it, or both.
pub(crate) fn pattern_within(raw: &str, before: bool, after: bool) -> Pattern {
    let next = |rest: &str| memchr::memchr3(b'*', b'?', b'\\', rest.as_bytes());
    // Most texts that have signs in them have backslashes alone, which stand for themselves.
    let is_plain = |at: usize| match raw.as_bytes().get(at..) {
        Some([b'\\', follows @ ..]) => !matches!(follows, [b'*' | b'?' | b'\\', ..]),
        _ => false,
    };
    if memchr::memchr3_iter(b'*', b'?', b'\\', raw.as_bytes()).all(is_plain) {
        return Pattern::exact_within(raw, before, after);
    }
    let mut rest = raw;
    let mut parts = Vec::new();
    let mut text = String::with_capacity(raw.len());
    while let Some(at) = next(rest) {
        let (plain, behind) = rest.split_at(at);
        text.push_str(plain);
        let mut behind = behind.chars();
        match behind.next() {
            Some('*') => parts.extend([Part::Lit(std::mem::take(&mut text)), Part::Any]),
            Some('?') => parts.extend([Part::Lit(std::mem::take(&mut text)), Part::One]),
            _ => match behind.as_str().bytes().next() {
                Some(b @ (b'*' | b'?' | b'\\')) => {
                    behind.next();
                    text.push(char::from(b));
                }
                _ => text.push('\\'),
            },
        }
        rest = behind.as_str();
    }
    text.push_str(rest);
    let any = |there: bool| there.then_some(Part::Any);
    Pattern::new(any(before).into_iter().chain(parts).chain([Part::Lit(text)]).chain(any(after)))
}

/// Why placeholders could not be expanded.
pub(crate) enum NoExpansion {
    /// There is no value for the placeholder of this name.
    Unresolved(String),
    /// More than [`MAX_EXPANSION`] values.
    TooMany,
}

/// Replaces every `%name%` by each of its values: all combinations. `\%` is a percent sign.
pub(crate) fn expand<'v>(
    raw: &str,
    values: &dyn Fn(&str) -> Option<Cow<'v, [String]>>,
) -> Result<Vec<String>, NoExpansion> {
    let mut out = vec![String::new()];
    let mut rest = raw;
    while let Some(at) = rest.find('%') {
        let escaped = rest[..at].ends_with('\\');
        let before = if escaped { &rest[..at - 1] } else { &rest[..at] };
        out.iter_mut().for_each(|s| s.push_str(before));
        rest = &rest[at + 1..];
        let name = rest.find('%').map(|end| &rest[..end]);
        match name.filter(|n| !escaped && is_name(n)) {
            None => out.iter_mut().for_each(|s| s.push('%')),
            Some(name) => {
                let known = values(name).ok_or_else(|| NoExpansion::Unresolved(name.to_owned()))?;
                if out.len().saturating_mul(known.len()) > MAX_EXPANSION {
                    return Err(NoExpansion::TooMany);
                }
                out = out.iter().flat_map(|s| known.iter().map(move |v| format!("{s}{v}"))).collect();
                rest = &rest[name.len() + 1..];
            }
        }
    }
    out.iter_mut().for_each(|s| s.push_str(rest));
    Ok(out)
}

fn is_name(s: &str) -> bool {
    !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Every way to write a pattern with another dash for each of its dashes. Where there are more than four dashes,
/// only those that begin a word vary (the first four of them), and the second answer is false.
pub(crate) fn windash(p: &Pattern) -> (Vec<Pattern>, bool) {
    let all: Vec<(usize, usize)> = dashes(p, false);
    let whole = all.len() <= MAX_DASHES;
    let mut places = if whole { all } else { dashes(p, true) };
    places.truncate(MAX_DASHES);
    let mut out = vec![p.parts().iter().map(Part::owned).collect::<Vec<_>>()];
    for (part, at) in places.into_iter().rev() {
        out = out.iter().flat_map(|parts| DASHES.map(|dash| with_dash(parts, part, at, dash))).collect();
    }
    (out.into_iter().map(Pattern::new).collect(), whole)
}

fn with_dash(parts: &[Part], part: usize, at: usize, dash: char) -> Vec<Part> {
    let mut parts = parts.to_vec();
    if let Some(Part::Lit(text)) = parts.get_mut(part) {
        let width = text[at..].chars().next().map_or(0, char::len_utf8);
        text.replace_range(at..at + width, dash.encode_utf8(&mut [0; 4]));
    }
    parts
}

/// Where a pattern has dashes: part and byte offset. `leading`: only those before a word and not after one.
fn dashes(p: &Pattern, leading: bool) -> Vec<(usize, usize)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    for (i, part) in p.parts().iter().enumerate() {
        let Part::Lit(text) = part else { continue };
        for (at, c) in text.char_indices().filter(|(_, c)| DASHES.contains(c)) {
            let before = text[..at].chars().next_back().is_some_and(word);
            let after = text[at + c.len_utf8()..].chars().next().is_some_and(word);
            if !leading || (!before && after) {
                out.push((i, at));
            }
        }
    }
    out
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let n = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let sextet = (n >> (18 - 6 * i) & 63) as usize;
            out.push(if i <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

/// The three texts that a value has within Base64, by its position: the characters that its neighbours do not
/// reach.
pub(crate) fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    [0usize, 1, 2].map(|shift| {
        let padded: Vec<u8> = std::iter::repeat_n(b' ', shift).chain(bytes.iter().copied()).collect();
        let text = base64(&padded);
        let start = [0, 2, 3][shift];
        let cut = [0, 3, 2][padded.len() % 3];
        text.get(start..text.len().saturating_sub(cut)).unwrap_or("").to_owned()
    })
}

/// A UTF-16 encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Utf16 {
    Little,
    Big,
    /// Little endian after a byte order mark.
    Marked,
}

/// A text as the bytes of its UTF-16 encoding.
pub(crate) fn utf16(text: &str, how: Utf16) -> Vec<u8> {
    let mark: &[u8] = if how == Utf16::Marked { &[0xff, 0xfe] } else { &[] };
    let unit = |u: u16| if how == Utf16::Big { u.to_be_bytes() } else { u.to_le_bytes() };
    mark.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
}

/// Bytes as the text that has a character of that number for each.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes() {
        for (raw, want) in [
            (r"a\b", r"a\\b"),
            (r"a\\b", r"a\\b"),
            (r"a\*", r"a\*"),
            (r"a\\*", r"a\\*"),
            (r"a\\\*", r"a\\\*"),
            (r"a\\\\", r"a\\\\"),
            (r"a\\\", r"a\\\\"),
            (r"?\?", r"?\?"),
            (r"C:\Windows\*", r"C:\\Windows\*"),
            (r"\\srv\x", r"\\srv\\x"),
        ] {
            assert_eq!(pattern(raw).to_string(), want, "{raw}");
        }
    }

    #[test]
    fn placeholders() {
        let known = ["1".to_owned(), "2".to_owned()];
        let values = |name: &str| (name == "a").then_some(Cow::Borrowed(known.as_slice()));
        let all = |raw| expand(raw, &values).unwrap_or_default();
        assert_eq!(all("x%a%y%a%"), ["x1y1", "x1y2", "x2y1", "x2y2"]);
        assert_eq!(all(r"\%plain%a%"), ["%plain1", "%plain2"]);
        assert_eq!(all("100% sure"), ["100% sure"]);
        assert!(matches!(expand("%b%", &values), Err(NoExpansion::Unresolved(n)) if n == "b"));
    }

    #[test]
    fn dashes_vary() {
        let texts = |raw: &str| windash(&pattern(raw)).0.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts("*-a*"), ["*-a*", "*/a*", "*–a*", "*—a*", "*―a*"]);
        assert_eq!(texts("-a /b").len(), 25);
        assert_eq!(texts("x"), ["x"]);
        let (many, whole) = windash(&pattern("a-b-c-d-e -f"));
        assert_eq!((many.len(), whole), (5, false));
    }

    #[test]
    fn encodings() {
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64(b"fooba"), "Zm9vYmE=");
        assert_eq!(base64_offsets(b"/bin/bash"), ["L2Jpbi9iYXNo", "9iaW4vYmFza", "vYmluL2Jhc2"]);
        assert_eq!(base64_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        assert_eq!(utf16("cmd", Utf16::Marked), [0xff, 0xfe, 0x63, 0, 0x6d, 0, 0x64, 0]);
        assert_eq!(utf16("c", Utf16::Big), [0, 0x63]);
    }
}
