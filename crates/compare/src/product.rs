//! Several automata read one text together: is there a text that is in some of the sets and in none of the others?
//!
//! Breadth first over the tuples of state sets that the automata can be in, one character of each class of
//! characters that they cannot tell apart. The first text found is a shortest one. What needs more than a bound of
//! tuples is given up, never guessed.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{HashMap, HashSet};

use crate::automaton::{Automaton, Guard, after, before};

/// Characters preferred for made-up texts, best first.
pub(crate) const READABLE: &str =
    "xabcdefghijklmnopqrstuvwyz0123456789 -_.ABCDEFGHIJKLMNOPQRSTUVWXYZ/\\:;,=+()[]{}!#$%&@^~'\"`|<>*?";

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Such a text.
    Text(String),
    /// There is none.
    Nothing,
    /// More than the bound was needed.
    GaveUp,
}

/// One automaton, made deterministic as far as it is read.
struct Lazy<'a> {
    of: &'a Automaton,
    wanted: bool,
    sets: Vec<Vec<u32>>,
    known: HashMap<Vec<u32>, u32>,
    /// By set, then by symbol; `UNKNOWN` where that step was not taken yet.
    steps: Vec<Vec<u32>>,
}

const UNKNOWN: u32 = u32::MAX;

impl<'a> Lazy<'a> {
    fn new(of: &'a Automaton, wanted: bool) -> Lazy<'a> {
        let mut lazy = Lazy { of, wanted, sets: Vec::new(), known: HashMap::new(), steps: Vec::new() };
        let first = lazy.closed(vec![of.start], true, false);
        lazy.number(first);
        lazy
    }

    fn number(&mut self, set: Vec<u32>) -> u32 {
        if let Some(n) = self.known.get(&set) {
            return *n;
        }
        let n = self.sets.len() as u32;
        self.sets.push(set.clone());
        self.steps.push(Vec::new());
        self.known.insert(set, n);
        n
    }

    /// With all that empty steps reach; the steps at the end of the text only where it ends here.
    fn closed(&self, from: Vec<u32>, start: bool, end: bool) -> Vec<u32> {
        let mut seen = vec![false; self.of.states.len()];
        let mut all = Vec::new();
        let mut open = from;
        while let Some(at) = open.pop() {
            let Some(state) = self.of.states.get(at as usize) else { continue };
            match seen.get_mut(at as usize) {
                Some(known) if !*known => *known = true,
                _ => continue,
            }
            all.push(at);
            let may = |guard: &Guard| match guard {
                Guard::Always => true,
                Guard::Start => start,
                Guard::End => end,
            };
            open.extend(state.empty.iter().filter(|(guard, _)| may(guard)).map(|(_, to)| *to));
        }
        all.sort_unstable();
        all
    }

    fn step(&mut self, from: u32, symbol: usize, c: char) -> u32 {
        match self.steps.get(from as usize).and_then(|of| of.get(symbol)) {
            Some(to) if *to != UNKNOWN => return *to,
            _ => {}
        }
        let c = if self.of.fold { lower(c) } else { c };
        let mut next = Vec::new();
        for at in self.sets.get(from as usize).into_iter().flatten() {
            let Some(state) = self.of.states.get(*at as usize) else { continue };
            let takes = |r: &[(char, char)]| r.iter().any(|(a, b)| *a <= c && c <= *b);
            next.extend(state.steps.iter().filter(|(r, _)| takes(r)).map(|(_, to)| *to));
        }
        let next = self.closed(next, false, false);
        let to = self.number(next);
        if let Some(of) = self.steps.get_mut(from as usize) {
            of.resize(of.len().max(symbol + 1), UNKNOWN);
            of.get_mut(symbol).into_iter().for_each(|s| *s = to);
        }
        to
    }

    /// Whether the text may end here.
    fn ends(&self, at: u32, first: bool) -> bool {
        let Some(set) = self.sets.get(at as usize) else { return false };
        self.closed(set.clone(), first, true).contains(&self.of.accept) == self.wanted
    }

    /// Whether no text behind this can be in the set.
    fn dead(&self, at: u32) -> bool {
        self.wanted && self.sets.get(at as usize).is_none_or(Vec::is_empty)
    }
}

/// Lower case, one character for one: `İ`, whose lower case is two, stays itself.
pub(crate) fn lower(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(l), None) => l,
        _ => c,
    }
}

/// One character of each class that the automata cannot tell apart, the readable ones first.
fn symbols(all: &[(&Automaton, bool)]) -> Vec<char> {
    let (mut plain, mut folded) = (BTreeSet::from(['\0']), BTreeSet::from(['\0']));
    for (a, _) in all {
        let bounds = if a.fold { &mut folded } else { &mut plain };
        for (from, to) in a.states.iter().flat_map(|s| &s.steps).flat_map(|(r, _)| r) {
            bounds.insert(*from);
            bounds.extend(after(*to));
        }
    }
    let mut candidates: Vec<char> = READABLE.chars().collect();
    for c in plain.iter().chain(&folded) {
        candidates.push(*c);
        candidates.extend(before(*c));
        candidates.extend(c.to_uppercase().next().filter(|_| c.to_uppercase().count() == 1));
    }
    let class = |bounds: &BTreeSet<char>, c: char| bounds.range(..=c).next_back().copied();
    let mut seen = BTreeSet::new();
    candidates.retain(|c| seen.insert((class(&plain, *c), class(&folded, lower(*c)))));
    candidates
}

/// A text that is in every set that is wanted and in none that is not; `left` is how many tuples may be looked at,
/// and is brought down by those that were.
pub(crate) fn find(all: &[(&Automaton, bool)], left: &mut usize) -> Found {
    let (found, used) = search(all, *left);
    *left = left.saturating_sub(used);
    found
}

/// What was found, and the tuples looked at.
fn search(all: &[(&Automaton, bool)], budget: usize) -> (Found, usize) {
    let symbols = symbols(all);
    let mut lazy: Vec<Lazy<'_>> = all.iter().map(|(a, wanted)| Lazy::new(a, *wanted)).collect();
    let first: Vec<u32> = vec![0; lazy.len()];
    // Where each tuple was reached from, and by which character.
    let mut nodes: Vec<(Vec<u32>, usize, char)> = vec![(first.clone(), 0, '\0')];
    let mut seen = HashSet::<Vec<u32>>::from_iter([first]);
    let mut open = VecDeque::from([0usize]);
    while let Some(at) = open.pop_front() {
        let Some(tuple) = nodes.get(at).map(|n| n.0.clone()) else { break };
        if lazy.iter().zip(&tuple).all(|(l, s)| l.ends(*s, at == 0)) {
            return (Found::Text(text(&nodes, at)), nodes.len());
        }
        if lazy.iter().zip(&tuple).any(|(l, s)| l.dead(*s)) {
            continue;
        }
        for (number, c) in symbols.iter().enumerate() {
            let next: Vec<u32> = lazy.iter_mut().zip(&tuple).map(|(l, s)| l.step(*s, number, *c)).collect();
            if seen.insert(next.clone()) {
                nodes.push((next, at, *c));
                open.push_back(nodes.len() - 1);
            }
        }
        if nodes.len() > budget {
            return (Found::GaveUp, nodes.len());
        }
    }
    (Found::Nothing, nodes.len())
}

fn text(nodes: &[(Vec<u32>, usize, char)], mut at: usize) -> String {
    let mut out = Vec::new();
    while at > 0 {
        let Some((_, from, c)) = nodes.get(at) else { break };
        out.push(*c);
        at = *from;
    }
    out.iter().rev().collect()
}

/// Whether a text is in a set.
pub(crate) fn contains(of: &Automaton, text: &str) -> bool {
    let lazy = Lazy::new(of, true);
    let mut set = lazy.closed(vec![of.start], true, false);
    for c in text.chars() {
        let c = if of.fold { lower(c) } else { c };
        let mut next = Vec::new();
        for at in &set {
            let Some(state) = of.states.get(*at as usize) else { continue };
            let takes = |r: &[(char, char)]| r.iter().any(|(a, b)| *a <= c && c <= *b);
            next.extend(state.steps.iter().filter(|(r, _)| takes(r)).map(|(_, to)| *to));
        }
        set = lazy.closed(next, false, false);
    }
    lazy.closed(set, text.is_empty(), true).contains(&of.accept)
}
