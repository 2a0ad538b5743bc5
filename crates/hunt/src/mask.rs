//! Masking of what varies in command lines, paths and names, so that what is the same looks the same.
//!
//! GUIDs, SIDs, addresses, hexadecimal and encoded blocks, numbers and user folders become placeholders in
//! angle brackets; runs of blanks become one. The result is for grouping and reading.

use std::borrow::Cow;

/// Shortest run that may be an encoded block.
const BLOCK: usize = 24;
/// Shortest run of hexadecimal digits that is masked as such.
const HEX: usize = 8;
/// Shortest run of digits within a word that is masked.
const DIGITS: usize = 4;

/// The text with what varies masked.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut word_before = false;
    while let Some(c) = text.get(at..).and_then(|t| t.chars().next()) {
        if !word_before && let Some((length, name)) = recognise(&text[at..]) {
            out.push('<');
            out.push_str(name);
            out.push('>');
            at += length;
            // What follows at once belongs to another word only where it is no letter.
            word_before = true;
            continue;
        }
        if word_before && c.is_ascii_digit() {
            let digits = run(&text[at..], |b| b.is_ascii_digit());
            match digits >= DIGITS {
                true => out.push_str("<n>"),
                false => out.push_str(&text[at..at + digits]),
            }
            at += digits;
            continue;
        }
        word_before = c.is_alphanumeric();
        at += c.len_utf8();
        match c {
            ' ' | '\t' if out.ends_with(' ') => {}
            '\t' => out.push(' '),
            '\\' | '/' => {
                out.push(c);
                at += user_folder(text, at, &mut out);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Masks the folder after `\Users\`, `/home/` or `\Documents and Settings\`; answers its length.
fn user_folder(text: &str, at: usize, out: &mut String) -> usize {
    const PARENTS: &[&str] = &["\\users\\", "/users/", "/home/", "\\documents and settings\\"];
    const SHARED: &[&str] = &["public", "default", "all users", "default user"];
    let before = out.len().saturating_sub(PARENTS[3].len());
    let tail: Cow<'_, str> = match out.get(before..) {
        Some(t) => t.into(),
        None => out.chars().rev().take(24).collect::<Vec<_>>().into_iter().rev().collect::<String>().into(),
    };
    if !PARENTS.iter().any(|p| tail.to_ascii_lowercase().ends_with(p)) {
        return 0;
    }
    let rest = &text[at..];
    let Some(end) = rest.find(['\\', '/', '"', '<', '>', '|']) else { return 0 };
    let name = &rest[..end];
    if name.is_empty() || SHARED.iter().any(|s| s.eq_ignore_ascii_case(name)) {
        return 0;
    }
    out.push_str("<user>");
    end
}

fn run(text: &str, is: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| is(*b)).count()
}

/// What begins here, at the beginning of a word: length and name.
fn recognise(text: &str) -> Option<(usize, &'static str)> {
    type Kind = (&'static str, fn(&str) -> usize);
    const KINDS: &[Kind] = &[
        ("guid", guid),
        ("sid", sid),
        ("ip", address),
        ("hex", prefixed_hex),
        ("hex", bare_hex),
        ("base64", block),
        ("n", number),
    ];
    KINDS.iter().map(|(name, find)| (find(text), *name)).find(|(length, _)| *length > 0)
}

fn ends_word(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_none_or(|b| !b.is_ascii_alphanumeric())
}

fn guid(text: &str) -> usize {
    let b = text.as_bytes();
    let braced = usize::from(b.first() == Some(&b'{'));
    let fits = |(i, b): (usize, &u8)| match i {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    let Some(body) = b.get(braced..braced + 36) else { return 0 };
    if !body.iter().enumerate().all(fits) {
        return 0;
    }
    let end = braced + 36;
    match (braced, b.get(end)) {
        (1, Some(b'}')) => end + 1,
        (0, _) if ends_word(text, end) => end,
        _ => 0,
    }
}

fn sid(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("S-1-").or_else(|| text.strip_prefix("s-1-")) else { return 0 };
    let length = 4 + run(rest, |b| b.is_ascii_digit() || b == b'-');
    if length > 8 { length } else { 0 }
}

fn address(text: &str) -> usize {
    let length = run(text, |b| b.is_ascii_digit() || b == b'.');
    let parts: Vec<&str> = text[..length].trim_end_matches('.').split('.').collect();
    let fits = parts.len() == 4 && parts.iter().all(|p| p.len() <= 3 && p.parse::<u8>().is_ok());
    if fits { text[..length].trim_end_matches('.').len() } else { 0 }
}

fn prefixed_hex(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else { return 0 };
    let length = run(rest, |b| b.is_ascii_hexdigit());
    if length > 0 && ends_word(rest, length) { length + 2 } else { 0 }
}

fn bare_hex(text: &str) -> usize {
    let length = run(text, |b| b.is_ascii_hexdigit());
    let digits = text[..length].bytes().filter(u8::is_ascii_digit).count();
    let mixed = digits > 1 && digits < length;
    if length >= HEX && mixed && ends_word(text, length) { length } else { 0 }
}

/// A run of Base64 that no word and no path would be: long, of both cases, with digits or signs, and few
/// separators.
fn block(text: &str) -> usize {
    let length = run(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    if length < BLOCK {
        return 0;
    }
    let bytes = &text.as_bytes()[..length];
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|b| is(b)).count();
    let slashes = count(|b| *b == b'/');
    let mixed = count(u8::is_ascii_uppercase) > 2 && count(u8::is_ascii_lowercase) > 2;
    let signs = count(|b| b.is_ascii_digit() || matches!(b, b'+' | b'=')) > 0;
    if mixed && signs && slashes * 8 <= length { length } else { 0 }
}

fn number(text: &str) -> usize {
    let length = run(text, |b| b.is_ascii_digit());
    if length > 0 && ends_word(text, length) { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn masks_what_varies() {
        let cases = [
            (
                "cmstp.exe /s /ns C:\\Users\\bob\\AppData\\x.inf",
                "cmstp.exe /s /ns C:\\Users\\<user>\\AppData\\x.inf",
            ),
            ("C:\\Users\\Public\\a.exe", "C:\\Users\\Public\\a.exe"),
            (
                "dllhost.exe /Processid:{3E5FC7F9-9A51-4367-9063-A120244FBEC7}",
                "dllhost.exe /Processid:<guid>",
            ),
            ("svchost.exe -k netsvcs -p  -s 4711", "svchost.exe -k netsvcs -p -s <n>"),
            ("rundll32.exe x64.dll,#1", "rundll32.exe x64.dll,#<n>"),
            ("conhost.exe 0xffffffff -ForceV1", "conhost.exe <hex> -ForceV1"),
            ("ping 10.0.0.1 -n 5.", "ping <ip> -n <n>."),
            ("tmp8af03bc1.ps1 8af03bc1", "tmp8af03bc1.ps1 <hex>"),
            ("file12345.log", "file<n>.log"),
            ("S-1-5-21-1-2-3-500", "<sid>"),
            ("powershell -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA", "powershell -enc <base64>"),
            ("ServiceAccountNameThatIsVeryLong", "ServiceAccountNameThatIsVeryLong"),
            ("", ""),
        ];
        for (text, want) in cases {
            assert_eq!(mask(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_masked(text in "\\PC{0,80}") {
            let once = mask(&text);
            prop_assert!(once.len() <= text.len() * 3 + 8);
        }
    }
}
