//! What filters cost: the work that is done on what has not been seen before, told apart by predicate and by filter.
//! Counted only where it is asked for; what was seen before costs the same whatever the filters.

use std::collections::{BTreeMap, BTreeSet};

use crate::FilterId;
use crate::compile::{Compiled, PredId};
use crate::machine::Local;

/// What one filter, or all filters of one owner, had to be done for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Regular expressions run on values.
    pub regexes: u64,
    /// Patterns, and comparisons that no table answers, run on values.
    pub comparisons: u64,
    /// Of both, those that nobody else asks for.
    pub own: u64,
    /// Events, told apart by what is asked of them, on which the condition was evaluated.
    pub conditions: u64,
}

/// Tallies of one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By predicate: regular expressions, others.
    by_pred: Vec<[u64; 2]>,
    /// Of the value at hand, not yet told whose they are.
    pending: Vec<(Local, Kind)>,
}

/// What was run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Regex,
    Other,
}

impl Tally {
    /// Takes note that a comparison was run.
    #[cold]
    pub fn ran(&mut self, local: Local, kind: Kind) {
        self.pending.push((local, kind));
    }

    /// Says which predicates the comparisons noted are.
    #[cold]
    pub fn settle(&mut self, preds: &[PredId]) {
        for (local, kind) in self.pending.drain(..) {
            let Some(&pred) = preds.get(local as usize) else { continue };
            let at = pred as usize;
            if self.by_pred.len() <= at {
                self.by_pred.resize(at + 1, [0; 2]);
            }
            self.by_pred[at][kind as usize] += 1;
        }
    }
}

/// Costs by owner: a filter may have several, as a rule has several filters.
pub(crate) fn of_owners(
    compiled: &Compiled,
    tally: &Tally,
    conditions: &[u64],
    owners: &dyn Fn(FilterId) -> Vec<u32>,
) -> BTreeMap<u32, Cost> {
    let mut costs: BTreeMap<u32, Cost> = BTreeMap::new();
    let mut asked: BTreeMap<PredId, BTreeSet<u32>> = BTreeMap::new();
    for filter in 0..compiled.trees.len() as FilterId {
        for owner in owners(filter) {
            let cost = costs.entry(owner).or_default();
            cost.conditions += conditions.get(filter as usize).copied().unwrap_or(0);
            for pred in compiled.trees.preds(filter) {
                asked.entry(pred).or_default().insert(owner);
            }
        }
    }
    for (pred, owners) in asked {
        let [regexes, others] = tally.by_pred.get(pred as usize).copied().unwrap_or_default();
        for owner in &owners {
            let cost = costs.entry(*owner).or_default();
            cost.regexes += regexes;
            cost.comparisons += others;
            cost.own += if owners.len() == 1 { regexes + others } else { 0 };
        }
    }
    costs
}
