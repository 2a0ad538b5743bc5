//! Text that a regular expression cannot match without.
//!
//! The answer is lower-case ASCII text to be looked for in the folded value: wherever the expression matches,
//! one of the texts is in the folded value. Folding works character by character, so literal text stays a part
//! of the value through it.

use regex_syntax::hir::{Class, Hir, HirKind};
use shikra_ir::regex::Compiled;

/// More alternatives than this are no help.
const MAX_ALTERNATIVES: usize = 48;
/// Shorter texts stand nearly everywhere.
const MIN_LENGTH: usize = 2;
/// Depth of the expression that is looked into.
const MAX_DEPTH: usize = 50;

/// Texts of which one is needed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Required {
    /// Folded.
    pub any_of: Vec<String>,
    /// Holds for ASCII values only: case-insensitive expressions know `ſ` for `s`, folding does not.
    pub ascii_only: bool,
}

/// What the expression requires; none where it requires nothing of use.
pub(crate) fn required(r: &Compiled) -> Option<Required> {
    let linear = r.linear()?;
    let found = match r.needed() {
        Some(all) => {
            let longest = all.into_iter().max_by_key(String::len)?;
            let ascii_only = linear.case_insensitive && longest.contains(['s', 'k']);
            Required { any_of: vec![longest], ascii_only }
        }
        None => needs(&linear.hir().ok()?, 0)?,
    };
    (found.shortest() >= MIN_LENGTH).then_some(found)
}

impl Required {
    fn shortest(&self) -> usize {
        self.any_of.iter().map(String::len).min().unwrap_or(0)
    }

    /// The better of two.
    fn better(self, other: Option<Required>) -> Required {
        let worth = |r: &Required| (r.shortest().min(6), usize::MAX - r.any_of.len(), r.shortest());
        match other {
            Some(o) if worth(&o) > worth(&self) => o,
            _ => self,
        }
    }
}

fn needs(hir: &Hir, depth: usize) -> Option<Required> {
    if depth > MAX_DEPTH {
        return None;
    }
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => run(std::slice::from_ref(hir)),
        HirKind::Capture(c) => needs(&c.sub, depth + 1),
        HirKind::Repetition(r) if r.min > 0 => needs(&r.sub, depth + 1),
        HirKind::Concat(parts) => concat(parts, depth),
        HirKind::Alternation(parts) => {
            let mut all = Required { any_of: Vec::new(), ascii_only: false };
            for p in parts {
                let one = needs(p, depth + 1)?;
                all.any_of.extend(one.any_of);
                all.ascii_only |= one.ascii_only;
                if all.any_of.len() > MAX_ALTERNATIVES {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// The best of the runs of literal text in a concatenation and of its other parts.
fn concat(parts: &[Hir], depth: usize) -> Option<Required> {
    let mut best: Option<Required> = None;
    let mut offer = |r: Option<Required>| {
        if let Some(r) = r {
            best = Some(r.better(best.take()));
        }
    };
    let mut start = 0;
    for (i, p) in parts.iter().enumerate() {
        if fixed(p).is_none() {
            offer(run(&parts[start..i]));
            offer(needs(p, depth + 1));
            start = i + 1;
        }
    }
    offer(run(&parts[start..]));
    best
}

/// Neighbouring pieces of fixed text as one.
fn run(parts: &[Hir]) -> Option<Required> {
    let mut text = String::new();
    let mut ascii_only = false;
    for p in parts {
        let (t, a) = fixed(p)?;
        text.push_str(&t);
        ascii_only |= a;
    }
    (!text.is_empty()).then_some(Required { any_of: vec![text], ascii_only })
}

/// The folded text of a literal, or of a class that is one letter in both cases; and whether it is found in
/// ASCII values only.
fn fixed(hir: &Hir) -> Option<(String, bool)> {
    match hir.kind() {
        HirKind::Literal(l) if l.0.is_ascii() => {
            Some((String::from_utf8(l.0.to_ascii_lowercase()).ok()?, false))
        }
        HirKind::Class(Class::Unicode(c)) => {
            let mut letter: Option<char> = None;
            let mut others = false;
            for r in c.ranges() {
                if u32::from(r.end()) - u32::from(r.start()) > 1 {
                    return None;
                }
                for ch in r.start()..=r.end() {
                    if !ch.is_ascii() {
                        others = true;
                    } else if letter
                        .replace(ch.to_ascii_lowercase())
                        .is_some_and(|l| l != ch.to_ascii_lowercase())
                    {
                        return None;
                    }
                }
            }
            Some((letter?.to_string(), others))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::{Flavor, Fold, Regex, Words, regex};

    fn check(source: &str, case_insensitive: bool, want: &[&str]) {
        let r = Regex { source: source.into(), multi_line: false, dot_all: false, whole: false };
        let fold = if case_insensitive { Fold::Unicode } else { Fold::None };
        let words = Words { fold, regex: Flavor::Rust, ..Words::default() };
        let compiled = regex::compile(&r, &words).unwrap();
        let got = required(&compiled).map(|r| r.any_of).unwrap_or_default();
        assert_eq!(got, want, "{source}");
    }

    #[test]
    fn finds_the_text_that_must_be_there() {
        check(r"cmd.{0,5}(?:/c|/r).+clipboard\]", false, &["clipboard]"]);
        check(r"(?i)ECHO.*x", false, &["echo"]);
        check(r"mask", true, &["mask"]);
        check(r"(abc|defg)+x?", false, &["abc", "defg"]);
        check(r"(abc|d*)", false, &[]);
        check(r"\d+é.", false, &[]);
        check(r"[a-z]{8}\.exe$", false, &[".exe"]);
    }
}
