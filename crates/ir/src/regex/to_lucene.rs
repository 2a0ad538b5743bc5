//! Expressions of the `regex` crate's syntax as Lucene's. Lucene's match the whole value, so what is not anchored is
//! put between `.*`; what Lucene has no word for is refused.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Characters that a class may be written out to.
const MAX_CLASS: usize = 64;
/// Length of what is made.
const MAX_LENGTH: usize = 20_000;

/// The same as Lucene says it; none where it cannot.
pub(super) fn translate(source: &str, fold: bool, multi_line: bool, dot_all: bool) -> Option<String> {
    let mut builder = ParserBuilder::new();
    builder.case_insensitive(fold).multi_line(multi_line).dot_matches_new_line(dot_all).nest_limit(100);
    let hir = builder.build().parse(source).ok()?;
    let mut branches = Vec::new();
    for branch in alternatives(&hir) {
        let parts = flattened(branch);
        let begins = matches!(parts.first().map(|h| h.kind()), Some(HirKind::Look(Look::Start)));
        let ends = matches!(parts.last().map(|h| h.kind()), Some(HirKind::Look(Look::End)));
        let inner = parts
            .get(usize::from(begins)..parts.len() - usize::from(ends && parts.len() > usize::from(begins)))?;
        let mut out = String::new();
        if !begins {
            out.push_str(".*");
        }
        for part in inner {
            write(part, &mut out)?;
        }
        if !ends {
            out.push_str(".*");
        }
        branches.push(out);
    }
    Some(branches.join("|")).filter(|s| s.len() <= MAX_LENGTH)
}

/// The branches at the top, groups opened.
fn alternatives(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Alternation(v) => v.iter().flat_map(alternatives).collect(),
        HirKind::Capture(c) => alternatives(&c.sub),
        _ => vec![hir],
    }
}

/// The parts in a row, groups opened.
fn flattened(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Concat(v) => v.iter().flat_map(flattened).collect(),
        HirKind::Capture(c) if matches!(c.sub.kind(), HirKind::Concat(_)) => flattened(&c.sub),
        _ => vec![hir],
    }
}

fn write(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(l) => std::str::from_utf8(&l.0).ok()?.chars().for_each(|c| literal(c, out)),
        HirKind::Class(Class::Unicode(c)) => class(c.iter().map(|r| (r.start(), r.end())).collect(), out)?,
        HirKind::Class(Class::Bytes(c)) if c.is_ascii() => {
            class(c.iter().map(|r| (char::from(r.start()), char::from(r.end()))).collect(), out)?;
        }
        HirKind::Class(_) | HirKind::Look(_) => return None,
        HirKind::Repetition(r) => {
            let mut inner = String::new();
            write(&r.sub, &mut inner)?;
            out.push('(');
            out.push_str(&inner);
            out.push(')');
            match (r.min, r.max) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (n, None) => out.push_str(&format!("{{{n},}}")),
                (n, Some(m)) if n == m => out.push_str(&format!("{{{n}}}")),
                (n, Some(m)) => out.push_str(&format!("{{{n},{m}}}")),
            }
        }
        HirKind::Capture(c) => write(&c.sub, out)?,
        HirKind::Concat(v) => v.iter().try_for_each(|h| write(h, out))?,
        HirKind::Alternation(v) => {
            out.push('(');
            for (i, h) in v.iter().enumerate() {
                if i > 0 {
                    out.push('|');
                }
                write(h, out)?;
            }
            out.push(')');
        }
    }
    (out.len() <= MAX_LENGTH).then_some(())
}

fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() && c != '_' && c != '-' && c != ',' && c != '/' && c != ':' {
        out.push('\\');
    }
    out.push(c);
}

/// A class, or its opposite where that is shorter; anything is `.`.
fn class(ranges: Vec<(char, char)>, out: &mut String) -> Option<()> {
    let (first, last) = ('\0', char::MAX);
    if ranges == [(first, last)] {
        out.push('.');
        return Some(());
    }
    let open = ranges.last().is_some_and(|r| r.1 == last);
    let ranges = if open { complement(&ranges) } else { ranges };
    if ranges.len() > MAX_CLASS || ranges.is_empty() {
        return None;
    }
    out.push('[');
    if open {
        out.push('^');
    }
    for (a, b) in ranges {
        in_class(a, out);
        if a != b {
            out.push('-');
            in_class(b, out);
        }
    }
    out.push(']');
    Some(())
}

fn in_class(c: char, out: &mut String) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

fn complement(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let before = |c: char| char::from_u32(u32::from(c).wrapping_sub(1)).unwrap_or('\u{d7ff}');
    let after = |c: char| char::from_u32(u32::from(c) + 1).unwrap_or('\u{e000}');
    let mut out = Vec::new();
    let mut from = '\0';
    for (a, b) in ranges {
        if *a > from {
            out.push((from, before(*a)));
        }
        if *b == char::MAX {
            return out;
        }
        from = after(*b);
    }
    out.push((from, char::MAX));
    out
}

#[cfg(test)]
mod tests {
    use crate::{Flavor, Fold, Regex, Words, regex};

    #[test]
    fn finds_the_same() {
        let texts = [
            "",
            "a",
            "ab",
            "xaby",
            "AB",
            "a\nb",
            "cmd.exe /c x",
            "CMD.EXE",
            "C:\\x\\y.dll",
            "12.34",
            "a+b",
            "\"q\"",
            "ß",
            "a-b_c",
        ];
        for source in [
            "ab",
            "^ab$",
            "^a|b$",
            "(?:cmd|powershell)\\.exe",
            "[^a-z]+$",
            "^\\d+\\.\\d+$",
            "a.b",
            "(?s)a.b",
            "x{2,3}",
            "^$",
            "\\\\[^\\\\]*\\.dll$",
            "a\\+b",
            "\"q\"",
            "[\\w-]{3}",
            "^.+$",
            "(^a|c$)x",
        ] {
            for fold in [Fold::None, Fold::Unicode] {
                let r = Regex { source: source.into(), multi_line: false, dot_all: false, whole: false };
                let words = Words { fold, regex: Flavor::Pcre, ..Words::default() };
                let Some(made) = regex::as_lucene(&r, &words) else { continue };
                let other = Regex { source: made.clone(), multi_line: false, dot_all: true, whole: true };
                let lucene = Words { fold: Fold::None, regex: Flavor::Lucene, ..words };
                for text in texts {
                    let (a, b) =
                        (regex::cached(&r, &words).unwrap(), regex::cached(&other, &lucene).unwrap());
                    assert_eq!(a.is_match(text), b.is_match(text), "{source} as {made} on {text:?}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_said() {
        for source in ["\\bword\\b", "(?=x)y", "(a)\\1", "^a^b"] {
            let r = Regex { source: source.into(), multi_line: false, dot_all: false, whole: false };
            assert_eq!(regex::as_lucene(&r, &Words::default()), None, "{source}");
        }
    }
}
