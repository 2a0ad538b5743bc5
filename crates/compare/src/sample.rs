//! A short text that one test takes. Of several together [`crate::product`] finds one; of one alone its states need not be
//! taken as sets, so that counted repetitions cost no more than their length.

use std::collections::VecDeque;

use shikra_ir::regex::Linear;
use shikra_ir::{Fold, Regex, Words};

use crate::automaton::{Automaton, Guard, Ranges};
use crate::product::{READABLE, contains, lower};

/// Nothing has been read yet.
const START: usize = 1;
/// Nothing may be read any more.
const END: usize = 2;

/// A text that the automaton takes; none where there is none, or none that is told so.
pub(crate) fn shortest(of: &Automaton) -> Option<String> {
    let node = |state: u32, at: usize| state as usize * 4 + at;
    // Where each node was reached from, and by which character.
    let mut from: Vec<Option<(usize, Option<char>)>> = vec![None; of.states.len() * 4];
    let mut done = vec![false; from.len()];
    let first = node(of.start, START);
    let mut open = VecDeque::from([(first, first, None)]);
    while let Some((to, before, c)) = open.pop_front() {
        if std::mem::replace(done.get_mut(to)?, true) {
            continue;
        }
        *from.get_mut(to)? = Some((before, c));
        let (state, at) = (to / 4, to % 4);
        if state == of.accept as usize {
            return Some(text(&from, to, first)).filter(|t| contains(of, t));
        }
        let state = of.states.get(state)?;
        for (guard, next) in &state.empty {
            match guard {
                Guard::Always => open.push_front((node(*next, at), to, None)),
                Guard::Start if at & START != 0 => open.push_front((node(*next, at), to, None)),
                Guard::End => open.push_front((node(*next, at | END), to, None)),
                Guard::Start => {}
            }
        }
        if at & END == 0 {
            let readable = state.steps.iter().filter_map(|(r, next)| Some((plain(of, r)?, *next)));
            open.extend(readable.map(|(c, next)| (node(next, 0), to, Some(c))));
        }
    }
    None
}

/// A text that a regular expression takes which no automaton tells: made as if it looked at nothing around (word
/// boundaries are nothing, or a space), and good only if it is `right` all the same.
pub(crate) fn relaxed(r: &Regex, words: &Words, right: &dyn Fn(&str) -> bool) -> Option<String> {
    ["", r"\x20"].iter().find_map(|boundary| {
        let automaton = Automaton::regex(&Linear {
            source: without_looks(&r.source, boundary),
            case_insensitive: words.fold == Fold::Unicode,
            multi_line: r.multi_line,
            dot_all: r.dot_all,
        })?;
        shortest(&automaton).filter(|t| right(t))
    })
}

/// An expression without its look-around, `boundary` in the place of `\b`.
fn without_looks(source: &str, boundary: &str) -> String {
    const LOOKS: [&str; 4] = ["(?!", "(?=", "(?<!", "(?<="];
    let mut out = String::new();
    let mut in_class = false;
    // Parentheses open within a look-around, itself included.
    let mut skipped = 0usize;
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        let kept = out.len();
        match c {
            '\\' => match chars.next() {
                Some((_, 'b')) if !in_class => out.push_str(boundary),
                other => {
                    out.push('\\');
                    out.extend(other.map(|(_, c)| c));
                }
            },
            '(' if !in_class => {
                let looks = source.get(at..).is_some_and(|s| LOOKS.iter().any(|l| s.starts_with(l)));
                if looks || skipped > 0 {
                    skipped += 1;
                }
                out.push(c);
            }
            ')' if !in_class && skipped > 0 => skipped -= 1,
            _ => {
                in_class = if in_class { c != ']' } else { c == '[' };
                out.push(c);
            }
        }
        if skipped > 0 {
            out.truncate(kept);
        }
    }
    out
}

/// A character of these ranges, one that can be read where there is one.
fn plain(of: &Automaton, ranges: &Ranges) -> Option<char> {
    let among = |c: char| ranges.iter().any(|(a, b)| *a <= c && c <= *b);
    let read = |c: char| if of.fold { lower(c) } else { c };
    READABLE.chars().find(|c| among(read(*c))).or_else(|| ranges.first().map(|r| r.0))
}

fn text(from: &[Option<(usize, Option<char>)>], mut at: usize, first: usize) -> String {
    let mut out = Vec::new();
    while at != first {
        let Some(Some((before, c))) = from.get(at).copied() else { break };
        out.extend(c);
        at = before;
    }
    out.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_texts() {
        for (source, boundary, want) in
            [(r"a\b[\b(]\\b(?<!\/(x))c(?:d)", "-", r"a-[\b(]\\bc(?:d)"), (r"(?!a(?=b))c", "", "c")]
        {
            assert_eq!(without_looks(source, boundary), want);
        }
        let words = Words { fold: Fold::None, ..Words::default() };
        for (source, want) in [
            (r"-\s+<.*\b(\w+):(\w+)", Some("- <x:x")),
            (r"Create.*\b(\w+):", Some("Create x:")),
            (r"(?<!\/)\b\w+:\w+$", Some("x:x")),
            (r"(?!x)x", None),
        ] {
            let r = Regex { source: source.to_owned(), multi_line: false, dot_all: false, whole: false };
            let compiled = shikra_ir::regex::cached(&r, &words).unwrap();
            let text = relaxed(&r, &words, &|t| compiled.is_match(t));
            assert_eq!(text.as_deref().map(str::trim_start), want, "{source}: {text:?}");
        }
    }

    #[test]
    fn shortest_texts() {
        for (source, want) in [
            ("abc", "abc"),
            (r"\Aab+\z", "ab"),
            (r"x{3,70}\.y{2,9}", "xxx.yy"),
            (r"\S{10,70}\.\S{10,70},\w{16}", "xxxxxxxxxx.xxxxxxxxxx,xxxxxxxxxxxxxxxx"),
            (r"(?:^|[^a])b", "b"),
            (r"b(?:$|z)", "b"),
            (r"\A\z", ""),
        ] {
            let linear = Linear {
                source: source.to_owned(),
                case_insensitive: false,
                multi_line: false,
                dot_all: true,
            };
            let automaton = Automaton::regex(&linear).unwrap();
            assert_eq!(shortest(&automaton).as_deref(), Some(want), "{source}");
        }
        let linear = Linear {
            source: "[^\\x00-\\x{10ffff}]".to_owned(),
            case_insensitive: false,
            multi_line: false,
            dot_all: true,
        };
        assert_eq!(Automaton::regex(&linear).and_then(|a| shortest(&a)), None);
    }
}
