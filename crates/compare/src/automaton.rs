//! Sets of texts as automata over characters: wildcard patterns, regular expressions, and what a derivation of a
//! field's value makes of them.
//!
//! How several of them are searched together is left to [`crate::product`].

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use shikra_ir::regex::Linear;
use shikra_ir::{Part, Pattern};

/// Most states of one automaton; what would need more cannot be decided.
const MOST_STATES: usize = 6000;

/// Ranges of characters, ascending, bounds included.
pub(crate) type Ranges = Vec<(char, char)>;

/// When an empty step may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    Always,
    /// Before the first character.
    Start,
    /// After the last character.
    End,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub empty: Vec<(Guard, u32)>,
    pub steps: Vec<(Ranges, u32)>,
}

/// A set of texts.
#[derive(Clone, Debug)]
pub(crate) struct Automaton {
    pub states: Vec<State>,
    pub start: u32,
    pub accept: u32,
    /// Characters are brought to lower case before they are read.
    pub fold: bool,
    /// It looks at the ends of the text elsewhere than by its shape.
    guarded: bool,
}

fn everything() -> Ranges {
    vec![('\0', char::MAX)]
}

impl Automaton {
    fn empty(fold: bool) -> Automaton {
        Automaton { states: vec![State::default()], start: 0, accept: 0, fold, guarded: false }
    }

    /// Every text.
    pub fn all() -> Automaton {
        let mut a = Automaton::empty(false);
        a.step(0, everything(), 0);
        a
    }

    /// The texts that a pattern matches as a whole; `fold`: its literals are in lower case already, and texts are
    /// brought there.
    pub fn glob(pattern: &Pattern, fold: bool) -> Option<Automaton> {
        let mut a = Automaton::empty(fold);
        let mut at = 0;
        for part in pattern.parts().iter() {
            match part {
                Part::Any => a.step(at, everything(), at),
                Part::One => at = a.next(at, everything())?,
                Part::Lit(text) => {
                    for c in text.chars() {
                        at = a.next(at, vec![(c, c)])?;
                    }
                }
            }
            // What follows must not be reached by the loop of a literal's last state.
            if *part == Part::Any {
                let after = a.add()?;
                a.free(at, Guard::Always, after);
                at = after;
            }
        }
        a.accept = at;
        Some(a)
    }

    /// The texts in which a regular expression finds itself; none where it looks around.
    pub fn regex(linear: &Linear) -> Option<Automaton> {
        let parsed = regex_syntax::ParserBuilder::new()
            .case_insensitive(linear.case_insensitive)
            .multi_line(linear.multi_line)
            .dot_matches_new_line(linear.dot_all)
            .build()
            .parse(&linear.source)
            .ok()?;
        let mut a = Automaton::empty(false);
        a.step(0, everything(), 0);
        let begin = a.add()?;
        a.free(0, Guard::Always, begin);
        let end = a.hir(&parsed, begin)?;
        a.accept = a.add()?;
        a.free(end, Guard::Always, a.accept);
        a.step(a.accept, everything(), a.accept);
        Some(a)
    }

    fn add(&mut self) -> Option<u32> {
        if self.states.len() >= MOST_STATES {
            return None;
        }
        self.states.push(State::default());
        Some(self.states.len() as u32 - 1)
    }

    fn next(&mut self, from: u32, on: Ranges) -> Option<u32> {
        let to = self.add()?;
        self.step(from, on, to);
        Some(to)
    }

    fn step(&mut self, from: u32, on: Ranges, to: u32) {
        if let Some(s) = self.states.get_mut(from as usize) {
            s.steps.push((on, to));
        }
    }

    fn free(&mut self, from: u32, guard: Guard, to: u32) {
        self.guarded |= guard != Guard::Always;
        if let Some(s) = self.states.get_mut(from as usize) {
            s.empty.push((guard, to));
        }
    }

    /// Adds an expression behind `from`; the state behind it. The parser bounds the depth.
    fn hir(&mut self, hir: &Hir, from: u32) -> Option<u32> {
        match hir.kind() {
            HirKind::Empty => Some(from),
            HirKind::Literal(text) => {
                let mut at = from;
                for c in std::str::from_utf8(&text.0).ok()?.chars() {
                    at = self.next(at, vec![(c, c)])?;
                }
                Some(at)
            }
            HirKind::Class(Class::Unicode(c)) => {
                self.next(from, c.ranges().iter().map(|r| (r.start(), r.end())).collect())
            }
            HirKind::Class(Class::Bytes(_)) => None,
            HirKind::Look(look) => {
                let guard = match look {
                    Look::Start => Guard::Start,
                    Look::End => Guard::End,
                    _ => return None,
                };
                let to = self.add()?;
                self.free(from, guard, to);
                Some(to)
            }
            HirKind::Capture(c) => self.hir(&c.sub, from),
            HirKind::Concat(all) => all.iter().try_fold(from, |at, h| self.hir(h, at)),
            HirKind::Alternation(all) => {
                let to = self.add()?;
                for h in all {
                    let end = self.hir(h, from)?;
                    self.free(end, Guard::Always, to);
                }
                Some(to)
            }
            HirKind::Repetition(r) => self.repeat(&r.sub, r.min, r.max, from),
        }
    }

    fn repeat(&mut self, sub: &Hir, least: u32, most: Option<u32>, from: u32) -> Option<u32> {
        let mut at = from;
        for _ in 0..least {
            at = self.hir(sub, at)?;
        }
        let Some(most) = most else {
            let turn = self.add()?;
            self.free(at, Guard::Always, turn);
            let end = self.hir(sub, turn)?;
            self.free(end, Guard::Always, turn);
            return Some(turn);
        };
        let to = self.add()?;
        self.free(at, Guard::Always, to);
        for _ in least..most {
            at = self.hir(sub, at)?;
            self.free(at, Guard::Always, to);
        }
        Some(to)
    }

    /// The same texts without these characters.
    fn without(mut self, chars: &[char]) -> Automaton {
        for s in &mut self.states {
            for (ranges, _) in &mut s.steps {
                for c in chars {
                    *ranges = cut(ranges, *c);
                }
            }
            s.steps.retain(|(r, _)| !r.is_empty());
        }
        self
    }

    /// Texts that are any text ending in one of `separators`, or nothing, and then a text of this set without
    /// separators: what has a last part in this set.
    pub fn last_part(self, separators: &[char]) -> Option<Automaton> {
        if self.guarded {
            return None;
        }
        let mut a = self.without(separators);
        let before = a.add()?;
        let begin = a.add()?;
        a.step(before, everything(), before);
        for c in separators {
            a.step(before, vec![(*c, *c)], a.start);
        }
        a.free(begin, Guard::Always, before);
        a.free(begin, Guard::Always, a.start);
        a.start = begin;
        Some(a)
    }

    /// Texts whose part before the first `separator` is in this set.
    pub fn first_part(self, separator: char) -> Option<Automaton> {
        if self.guarded {
            return None;
        }
        let mut a = self.without(&[separator]);
        let end = a.add()?;
        a.step(a.accept, vec![(separator, separator)], end);
        a.step(end, everything(), end);
        a.accept = end;
        Some(a)
    }

    /// Texts whose part behind the first `separator`, or the whole where there is none, is in this set.
    pub fn second_part_or_whole(self, separator: char) -> Option<Automaton> {
        if self.guarded {
            return None;
        }
        let whole = self.clone().without(&[separator]);
        let mut a = self;
        let before = a.add()?;
        for r in everything() {
            a.step(before, cut(&vec![r], separator), before);
        }
        a.step(before, vec![(separator, separator)], a.start);
        let begin = a.add()?;
        a.free(begin, Guard::Always, before);
        let shift = a.states.len() as u32;
        if a.states.len() + whole.states.len() > MOST_STATES {
            return None;
        }
        for mut s in whole.states {
            s.empty.iter_mut().for_each(|(_, to)| *to += shift);
            s.steps.iter_mut().for_each(|(_, to)| *to += shift);
            a.states.push(s);
        }
        a.free(begin, Guard::Always, whole.start + shift);
        a.free(whole.accept + shift, Guard::Always, a.accept);
        a.start = begin;
        // The whole ends where its own part ends: nothing may follow from the shared end.
        match a.states.get(a.accept as usize).is_some_and(|s| s.steps.is_empty() && s.empty.is_empty()) {
            true => Some(a),
            false => a.own_end(whole.accept + shift),
        }
    }

    /// Gives the automaton an end of its own, behind the two that it has.
    fn own_end(mut self, other: u32) -> Option<Automaton> {
        let old = self.accept;
        if let Some(s) = self.states.get_mut(other as usize) {
            s.empty.retain(|(_, to)| *to != old);
        }
        let end = self.add()?;
        self.free(old, Guard::Always, end);
        self.free(other, Guard::Always, end);
        self.accept = end;
        Some(self)
    }

    /// Texts whose lower case is in this set.
    pub fn lowered(mut self) -> Automaton {
        self.fold = true;
        self
    }
}

/// Ranges without one character.
fn cut(ranges: &Ranges, c: char) -> Ranges {
    let mut out = Vec::new();
    for &(a, b) in ranges {
        if c < a || c > b {
            out.push((a, b));
            continue;
        }
        if a < c {
            out.extend(before(c).map(|p| (a, p)));
        }
        if c < b {
            out.extend(after(c).map(|n| (n, b)));
        }
    }
    out
}

/// The character before one.
pub(crate) fn before(c: char) -> Option<char> {
    match c {
        '\0' => None,
        '\u{e000}' => Some('\u{d7ff}'),
        c => char::from_u32(c as u32 - 1),
    }
}

/// The character behind one.
pub(crate) fn after(c: char) -> Option<char> {
    match c {
        '\u{d7ff}' => Some('\u{e000}'),
        c => char::from_u32(c as u32 + 1),
    }
}
