//! Is there an event for which a formula holds? A tableau with a bound on its branches.
//!
//! A branch is closed by two atoms on one field that cannot both be as the branch has them, or by a field for
//! which automata prove that there is no value: both are proofs. A branch that stays open gives values, which make
//! an event; only an event that the caller has seen to be right is an answer. What is neither is unknown.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use shikra_event::Value;

use crate::formula::Formula;
use crate::value::{Made, make};
use crate::world::World;

/// Bounds of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Branches opened.
    pub branches: usize,
    /// Branches that stayed open but gave no right event.
    pub failures: usize,
}

/// What a search found.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// These values of slots make an event that is right.
    Event(Vec<(u32, Value)>),
    /// There is none: proved.
    Never,
    /// Not decided: the atoms on which it failed, or nothing where the bound was reached.
    Unknown(BTreeSet<u32>),
}

/// Whether the event of these slot values is as wanted.
pub(crate) type Check<'c> = &'c dyn Fn(&World<'_>, &[(u32, Value)]) -> bool;

#[derive(Clone, Default)]
struct Branch<'f> {
    set: BTreeMap<u32, bool>,
    by_var: BTreeMap<u32, (Vec<u32>, Vec<u32>)>,
    /// Atoms of which so many of either list of their field say nothing: they are not asked again.
    silent: HashMap<u32, (usize, usize)>,
    open: Vec<&'f Formula>,
}

struct Search<'w, 't, 'c> {
    world: &'w mut World<'t>,
    shape: usize,
    check: Check<'c>,
    left: Budget,
    unknown: BTreeSet<u32>,
    undecided: bool,
}

/// Looks for an event of shape number `shape` for which `formula` holds and that passes `check`.
pub(crate) fn solve(
    world: &mut World<'_>,
    shape: usize,
    formula: &Formula,
    budget: Budget,
    check: Check<'_>,
) -> Outcome {
    let mut search = Search { world, shape, check, left: budget, unknown: BTreeSet::new(), undecided: false };
    let branch = Branch { open: vec![formula], ..Branch::default() };
    match search.run(branch, 0) {
        Some(values) => Outcome::Event(values),
        None if search.undecided => Outcome::Unknown(search.unknown),
        None => Outcome::Never,
    }
}

/// Deepest nesting of choices.
const DEEPEST: usize = 300;

impl Search<'_, '_, '_> {
    fn run(&mut self, mut branch: Branch<'_>, depth: usize) -> Option<Vec<(u32, Value)>> {
        if self.left.branches == 0 || self.left.failures == 0 || depth > DEEPEST {
            self.undecided = true;
            return None;
        }
        self.left.branches -= 1;
        let choice = self.settle(&mut branch)?;
        let Some(choice) = choice else { return self.leaf(&branch) };
        let mut denied: Vec<u32> = Vec::new();
        for part in choice {
            let mut next = branch.clone();
            // What has been tried as a literal need not be tried again beside the others.
            if denied.iter().all(|a| self.assign(&mut next, *a, false)) {
                next.open.push(part);
                let found = self.run(next, depth + 1);
                if found.is_some() {
                    return found;
                }
            }
            if let Formula::Is(a, true) = part {
                denied.push(*a);
            }
        }
        None
    }

    /// Does all that leaves no choice. The parts of the narrowest choice that is left, none where there is no
    /// choice, and nothing at all where the branch is closed.
    #[allow(clippy::option_option)]
    fn settle<'f>(&mut self, branch: &mut Branch<'f>) -> Option<Option<Vec<&'f Formula>>> {
        loop {
            let mut rest: Vec<&'f Formula> = Vec::new();
            let mut moved = false;
            let mut narrowest: Option<Vec<&'f Formula>> = None;
            let mut open = std::mem::take(&mut branch.open);
            while let Some(f) = open.pop() {
                match f {
                    Formula::True => {}
                    Formula::False => return None,
                    Formula::Is(a, is) => match self.known(branch, *a) {
                        Some(k) if k == *is => {}
                        Some(_) => return None,
                        None => {
                            moved = true;
                            if !self.assign(branch, *a, *is) {
                                return None;
                            }
                        }
                    },
                    Formula::All(v) => open.extend(v),
                    Formula::Any(v) => {
                        let Some(parts) = self.left_of(branch, v) else { continue };
                        match parts.as_slice() {
                            [] => return None,
                            [one] => {
                                moved = true;
                                open.push(one);
                            }
                            _ => {
                                rest.push(f);
                                if narrowest.as_ref().is_none_or(|n| parts.len() < n.len()) {
                                    narrowest = Some(parts);
                                }
                            }
                        }
                    }
                }
            }
            branch.open = rest;
            if !moved {
                return Some(narrowest);
            }
        }
    }

    /// The alternatives that may still hold; none where one holds already.
    fn left_of<'f>(&mut self, branch: &mut Branch<'_>, parts: &'f [Formula]) -> Option<Vec<&'f Formula>> {
        let mut left = Vec::new();
        for p in parts {
            match self.value(branch, p) {
                Some(true) => return None,
                Some(false) => {}
                None => left.push(p),
            }
        }
        Some(left)
    }

    fn value(&mut self, branch: &mut Branch<'_>, f: &Formula) -> Option<bool> {
        match f {
            Formula::True => Some(true),
            Formula::False => Some(false),
            Formula::Is(a, is) => self.known(branch, *a).map(|k| k == *is),
            Formula::All(v) => {
                let mut all = Some(true);
                for p in v {
                    match self.value(branch, p) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Formula::Any(v) => {
                let mut any = Some(false);
                for p in v {
                    match self.value(branch, p) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
        }
    }

    /// What a branch says of an atom, by itself or by how it relates to what is set.
    fn known(&mut self, branch: &mut Branch<'_>, atom: u32) -> Option<bool> {
        if let Some(is) = branch.set.get(&atom) {
            return Some(*is);
        }
        let var = self.world.atom(atom)?.var?;
        let (holds, fails) = branch.by_var.get(&var)?;
        let (h, f) = branch.silent.get(&atom).copied().unwrap_or_default();
        for p in holds.iter().skip(h) {
            let r = self.world.relation(*p, atom);
            if r.within || r.apart {
                return Some(r.within);
            }
        }
        if fails.iter().skip(f).any(|n| self.world.relation(atom, *n).within) {
            return Some(false);
        }
        branch.silent.insert(atom, (holds.len(), fails.len()));
        None
    }

    /// Sets an atom; whether the branch stays open.
    fn assign(&mut self, branch: &mut Branch<'_>, atom: u32, is: bool) -> bool {
        if let Some(known) = self.known(branch, atom) {
            return known == is;
        }
        branch.set.insert(atom, is);
        let Some(var) = self.world.atom(atom).and_then(|a| a.var) else { return true };
        let lists = branch.by_var.entry(var).or_default();
        if is {
            lists.0.push(atom)
        } else {
            lists.1.push(atom)
        };
        if !is {
            return true;
        }
        let fails = lists.1.clone();
        !fails.iter().any(|n| self.world.relation(atom, *n).within)
    }

    /// An event for a branch without choices left.
    fn leaf(&mut self, branch: &Branch<'_>) -> Option<Vec<(u32, Value)>> {
        let mut values = Vec::new();
        let mut keywords = None;
        for (var, (holds, fails)) in &branch.by_var {
            match make(self.world, *var, holds, fails) {
                Made::Value(v) => match self.world.vars.get(*var as usize).and_then(|v| v.slot) {
                    Some(slot) => values.push((slot, v)),
                    None => keywords = Some(v),
                },
                Made::None => return None,
                Made::Unknown => {
                    self.fail(branch, Some(*var));
                    return None;
                }
            }
        }
        if let Some(text) = keywords.filter(|k| !k.is_null()) {
            let taken: BTreeSet<u32> = values.iter().map(|(s, _)| *s).collect();
            values.extend(self.free_slot(&taken).map(|slot| (slot, text)));
        }
        if (self.check)(self.world, &values) {
            return Some(values);
        }
        self.fail(branch, None);
        None
    }

    /// A slot for text that may stand anywhere.
    fn free_slot(&self, taken: &BTreeSet<u32>) -> Option<u32> {
        let shape = self.world.shapes.get(self.shape)?;
        let at = |name: &str| shape.positions(name).first().copied().filter(|s| !taken.contains(s));
        let names = ["Data", "Payload", "ScriptBlockText", "Message", "CommandLine"];
        names
            .iter()
            .find_map(|n| at(n))
            .or_else(|| (0..shape.fields().len() as u32).rev().find(|s| !taken.contains(s)))
    }

    /// Remembers why a branch gave nothing.
    fn fail(&mut self, branch: &Branch<'_>, var: Option<u32>) {
        self.undecided = true;
        self.left.failures = self.left.failures.saturating_sub(1);
        let hard = |a: &&u32| {
            self.world.atom(**a).is_some_and(|a| match var {
                Some(v) => a.var == Some(v),
                None => a.automaton().is_none(),
            })
        };
        let blamed: Vec<u32> = branch.set.keys().filter(hard).take(6).copied().collect();
        self.unknown.extend(blamed);
    }
}
