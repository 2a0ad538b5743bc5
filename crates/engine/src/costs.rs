//! What each rule costs in a scan: the matcher's tallies, by rule rather than by filter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use shikra_matcher::{Cost, FilterId, Scratch, Seen};

use crate::finding::RuleCost;
use crate::plan::{Detector, Target};

impl Detector {
    /// The rules that a filter belongs to.
    fn rules_of(&self, filter: FilterId) -> Vec<u32> {
        let rule = |program: u32| self.keyed.get(program as usize).map(|k| k.rule);
        match self.targets.get(filter as usize) {
            Some(Target::Finding(rule)) => vec![*rule],
            Some(Target::Leaf { program, .. } | Target::Witness { program, .. }) => {
                rule(*program).into_iter().collect()
            }
            Some(Target::Shared(n)) => {
                let programs = self.shared.get(*n as usize).into_iter().flatten();
                let mut rules: Vec<u32> = programs.filter_map(|(program, _)| rule(*program)).collect();
                rules.sort_unstable();
                rules.dedup();
                rules
            }
            None => Vec::new(),
        }
    }

    /// What each rule cost a thread, where it was counted.
    pub(crate) fn costs(&self, scratch: &Scratch) -> BTreeMap<u32, Cost> {
        self.matcher.costs(scratch, &|filter| self.rules_of(filter))
    }

    /// The same with what rules are called and what passed their filters, the dearest first.
    pub(crate) fn rule_costs(&self, costs: BTreeMap<u32, Cost>, seen: &Seen) -> Vec<RuleCost> {
        let mut passed: HashMap<u32, u64> = HashMap::new();
        // What passes a witness passes another filter of its rule.
        let counts = |filter: usize| !matches!(self.targets.get(filter), Some(Target::Witness { .. }));
        for (filter, hits) in seen.hits.iter().enumerate().filter(|(f, hits)| **hits > 0 && counts(*f)) {
            for rule in self.rules_of(filter as FilterId) {
                *passed.entry(rule).or_default() += hits;
            }
        }
        let keeps: HashSet<u32> = self.keyed.iter().map(|k| k.rule).collect();
        let named = |(rule, work): (u32, Cost)| {
            let meta = &self.rules.get(rule as usize)?.meta;
            Some(RuleCost {
                id: meta.id.clone(),
                title: meta.title.clone(),
                path: meta.path.clone(),
                work,
                passed: passed.get(&rule).copied().unwrap_or(0),
                keeps: keeps.contains(&rule),
            })
        };
        let mut all: Vec<RuleCost> = costs.into_iter().filter_map(named).collect();
        // Rules that cost the same stay in the order of loading.
        all.sort_by_key(|c| Reverse((c.work.regexes + c.work.comparisons, c.work.conditions, c.passed)));
        all
    }
}
