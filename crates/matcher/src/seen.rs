//! What a thread has seen of each filter: whether any event could satisfy it, and how many did.

use std::collections::HashMap;

use shikra_ir::Truth;

use crate::FilterId;
use crate::compile::{Compiled, Var, VarId};
use crate::plan::ShapePlan;
use crate::rules::{BitSet, truth_in};
use crate::tree::{Leaf, OPEN, settled};

/// Tallies per filter; those of several threads add up.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Events run.
    pub events: u64,
    /// Events that each filter held for.
    pub hits: Vec<u64>,
    admitted: Vec<bool>,
    able: Vec<bool>,
    /// Fields absent from every shape that admitted a filter, for filters that no shape could satisfy.
    lacking: HashMap<FilterId, Vec<VarId>>,
}

/// Why a filter can never hold on what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unable {
    /// No event of its log source was there.
    LogSource,
    /// Events of its log source were there, and none of them could satisfy it; these fields of it are in none.
    Fields(Vec<String>),
}

impl Seen {
    pub(crate) fn new(filters: usize) -> Seen {
        Seen {
            hits: vec![0; filters],
            admitted: vec![false; filters],
            able: vec![false; filters],
            ..Seen::default()
        }
    }

    /// Adds what another thread has seen.
    pub fn merge(&mut self, other: &Seen) {
        self.events += other.events;
        for (f, n) in other.hits.iter().enumerate() {
            if let Some(mine) = self.hits.get_mut(f) {
                *mine += n;
            }
        }
        for f in 0..self.able.len() {
            let id = f as FilterId;
            if !other.admitted.get(f).copied().unwrap_or(false) {
                continue;
            }
            match other.lacking.get(&id) {
                None => self.able[f] = true,
                Some(theirs) => self.lack(id, theirs),
            }
            self.admitted[f] = true;
            if self.able[f] {
                self.lacking.remove(&id);
            }
        }
    }

    fn lack(&mut self, id: FilterId, vars: &[VarId]) {
        if self.able[id as usize] {
            return;
        }
        self.lacking
            .entry(id)
            .and_modify(|mine| mine.retain(|v| vars.contains(v)))
            .or_insert_with(|| vars.to_vec());
    }

    /// Takes note of a shape of which an event has come.
    pub(crate) fn shape(&mut self, compiled: &Compiled, plan: &ShapePlan) {
        let mut fixed = BitSet::default();
        plan.absent.iter().chain(&plan.constant).for_each(|&v| fixed.insert(v));
        let bounds = |leaf: Leaf| match leaf {
            Leaf::Pred(p) if fixed.contains(compiled.preds[p as usize].var) => {
                settled(truth_in(&plan.base, p))
            }
            _ => OPEN,
        };
        for a in &plan.admitted.active {
            let f = a.filter as usize;
            self.admitted[f] = true;
            if self.able[f] {
                continue;
            }
            let possible = a.bounds(compiled, &bounds).1 == Truth::True;
            if possible {
                self.able[f] = true;
                self.lacking.remove(&a.filter);
            } else {
                let vars = compiled.trees.preds(a.filter).map(|p| compiled.preds[p as usize].var);
                let mut lacking: Vec<VarId> = vars.filter(|v| plan.absent.binary_search(v).is_ok()).collect();
                lacking.sort_unstable();
                lacking.dedup();
                self.lack(a.filter, &lacking);
            }
        }
    }

    pub(crate) fn unable(&self, compiled: &Compiled) -> Vec<(FilterId, Unable)> {
        let name = |v: &VarId| match &compiled.vars[*v as usize] {
            Var::Field(f) => f.name.to_string(),
            Var::Any => "*".into(),
            Var::Glob(_, p) => p.to_string(),
        };
        let why = |f: usize| {
            if !self.admitted[f] {
                return Some(Unable::LogSource);
            }
            let lacking = self.lacking.get(&(f as FilterId)).filter(|_| !self.able[f])?;
            Some(Unable::Fields(lacking.iter().map(name).collect()))
        };
        (0..self.able.len()).filter_map(|f| Some((f as FilterId, why(f)?))).collect()
    }
}
