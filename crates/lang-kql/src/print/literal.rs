//! Literals as each language writes them.

use shikra_ir::{Part, Pattern};

use crate::Syntax;

/// In double quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Without quotes, wildcards as such.
pub(super) fn bare(p: &Pattern, syntax: Syntax) -> String {
    let mut out = String::new();
    let last = p.parts().len().saturating_sub(1);
    for (at, part) in p.parts().iter().enumerate() {
        match (part, syntax) {
            (Part::Any, _) => out.push('*'),
            (Part::One, _) => out.push('?'),
            (Part::Lit(text), Syntax::Kql) => kql(text, at == 0, at == last, &mut out),
            (Part::Lit(text), Syntax::Lucene) => lucene(text, &mut out),
        }
    }
    out
}

/// White space at the ends would be cut off, a keyword in the middle would be one.
fn kql(text: &str, first: bool, last: bool, out: &mut String) {
    let begin = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    let mut word_start = true;
    for (at, c) in text.char_indices() {
        let keyword = word_start && starts_keyword(&text[at..]);
        let edge = (first && at < begin) || (last && at >= end);
        match c {
            c if c.is_whitespace() && (edge || c != ' ') => escaped(c, out),
            '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            c => {
                if keyword {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        word_start = !c.is_alphanumeric();
    }
}

fn starts_keyword(text: &str) -> bool {
    ["or", "and", "not"].iter().any(|k| {
        let word = text.get(..k.len()).is_some_and(|w| w.eq_ignore_ascii_case(k));
        let after = text.get(k.len()..).and_then(|r| r.chars().next());
        word && after.is_none_or(|c| !c.is_alphanumeric())
    })
}

/// By its number, which every language here reads. Characters outside the first plane stay as they are.
fn escaped(c: char, out: &mut String) {
    match u32::from(c) {
        n @ ..=0xFFFF => out.push_str(&format!("\\u{n:04x}")),
        _ => out.push(c),
    }
}

fn lucene(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => escaped(c, out),
            c if c.is_alphanumeric() || "_.@,;%#$'".contains(c) => out.push(c),
            c if c.is_ascii() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

/// A regular expression between slashes.
pub(super) fn regex(source: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for c in source.chars() {
        if c == '/' && !escaped {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}
