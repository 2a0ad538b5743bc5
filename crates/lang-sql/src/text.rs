//! What literals say: escapes of strings, wildcards of LIKE.

use shikra_ir::{Part, Pattern};

/// The text of a string literal as Spark reads it: `\n`, `\t` and their like; `\%` and `\_` stay as they are, for
/// LIKE; any other `\x` is `x`. A doubled quote is one.
pub(crate) fn unescape(raw: &str, quote: char) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote && chars.peek() == Some(&quote) {
            chars.next();
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('0') => out.push('\0'),
            Some('b') => out.push('\u{8}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('Z') => out.push('\u{1a}'),
            Some(c @ ('%' | '_')) => out.extend(['\\', c]),
            Some('u') => match unicode(&mut chars) {
                Some(c) => out.push(c),
                None => out.push('u'),
            },
            Some(c) => out.push(c),
            None => out.push('\\'),
        }
    }
    out
}

/// Four hexadecimal digits.
fn unicode(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let digits: String = chars.clone().take(4).collect();
    let found =
        u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4).and_then(char::from_u32)?;
    chars.nth(3);
    Some(found)
}

/// `%` and `_` for the wildcards, `escape` before a literal one. Spark rejects an escape before anything else; here
/// it stands for itself then, as in Hive.
pub(crate) fn like(text: &str, escape: char) -> Pattern {
    let mut out = Pattern::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c == escape => match chars.next_if(|n| matches!(n, '%' | '_') || *n == escape) {
                Some(literal) => out.push_char(literal),
                None => out.push_char(c),
            },
            '%' => out.push(Part::Any),
            '_' => out.push(Part::One),
            c => out.push_char(c),
        }
    }
    out
}

/// A pattern in LIKE's syntax.
pub(crate) fn like_text(pattern: &Pattern) -> String {
    let mut out = String::new();
    for part in pattern.parts().iter() {
        match part {
            Part::Any => out.push('%'),
            Part::One => out.push('_'),
            Part::Lit(s) => {
                for c in s.chars() {
                    if matches!(c, '%' | '_' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
    }
    out
}

/// A string literal that says a text.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (raw, want) in [
            (r"a\\b", r"a\b"),
            (r".*dbgcore\.dll", ".*dbgcore.dll"),
            (r"50\%", r"50\%"),
            (r"\u0041\n", "A\n"),
            ("it''s", "it's"),
            (r"x\", r"x\"),
        ] {
            assert_eq!(unescape(raw, '\''), want, "{raw}");
        }
    }

    #[test]
    fn patterns() {
        for (text, value, want) in [
            ("%lsass.exe", r"C:\lsass.exe", true),
            ("a_c", "abc", true),
            (r"a\_c", "abc", false),
            (r"a\\c%", r"a\cd", true),
            (r"%Lsa\MSV1_0", r"x\Lsa\MSV1_0", true),
        ] {
            assert_eq!(like(text, '\\').matches(value), want, "{text}");
            assert_eq!(like(&like_text(&like(text, '\\')), '\\'), like(text, '\\'));
        }
        assert_eq!(unescape(quoted("a\\'b\n%").trim_matches('\''), '\''), "a\\'b\n%");
    }
}
