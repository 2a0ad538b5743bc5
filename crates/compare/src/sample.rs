//! A shortest text of one set. Of several together [`crate::product`] finds one; of one alone its states need not be
//! taken as sets, so that counted repetitions cost no more than their length.

use std::collections::VecDeque;

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
    use shikra_ir::regex::Linear;

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
