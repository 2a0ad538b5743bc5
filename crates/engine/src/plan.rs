//! From rules to one matcher: every rule's first stage becomes filters of the shared matcher; what follows a
//! filter (report, keyed state) is remembered by filter number.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_ir::{Expr, LoadStatus, LogSource, Plan, Rule, RuleRef};
use shikra_matcher::{Filter, Matcher, Seen};
use shikra_rows::Program;
use shikra_taxonomy::{Selector, Taxonomy};

/// What becomes of a match of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A finding of this rule.
    Finding(u32),
    /// Input of a leaf of a keyed program.
    Leaf {
        /// Number of the program.
        program: u32,
        /// Number of its leaf.
        leaf: u32,
    },
}

/// A rule that keeps state, compiled.
pub(crate) struct Keyed {
    /// Number of the rule.
    pub rule: u32,
    /// What feeds it and what it does.
    pub program: Program,
}

/// Why a rule does not run, though it loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// The rule.
    pub rule: u32,
    /// Why, naming the construct or the log source.
    pub reason: String,
}

/// Rules made ready to run. Immutable; share it.
pub struct Detector {
    pub(crate) rules: Vec<Rule>,
    pub(crate) matcher: Matcher,
    pub(crate) targets: Vec<Target>,
    pub(crate) keyed: Vec<Keyed>,
    pub(crate) taxonomy: Arc<Taxonomy>,
    not_run: Vec<NotRun>,
}

impl Detector {
    /// Plans all rules. Those that cannot run are named in [`Detector::not_run`].
    pub fn new(rules: Vec<Rule>, taxonomy: Arc<Taxonomy>) -> Detector {
        let index = RuleIndex::new(&rules);
        let mut build = Build {
            taxonomy: &taxonomy,
            filters: Vec::new(),
            targets: Vec::new(),
            keyed: Vec::new(),
            not_run: Vec::new(),
        };
        for (number, rule) in rules.iter().enumerate() {
            build.rule(number as u32, rule, &rules, &index);
        }
        let Build { filters, targets, keyed, not_run, .. } = build;
        let matcher = Matcher::new(filters, taxonomy.clone());
        Detector { matcher, targets, keyed, not_run, rules, taxonomy }
    }

    /// All rules, rejected ones included, by number.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Rules that loaded but do not run, with the reason.
    pub fn not_run(&self) -> &[NotRun] {
        &self.not_run
    }

    /// The taxonomy that names are resolved with.
    pub fn taxonomy(&self) -> &Arc<Taxonomy> {
        &self.taxonomy
    }

    /// The filters of a rule: its own, or the leaves of its program, in order.
    pub fn filters_of(&self, rule: u32) -> Vec<&Filter> {
        let numbers = self.targets.iter().enumerate().filter(|(_, t)| self.rule_of(**t) == rule);
        numbers.map(|(i, _)| &self.matcher.filters()[i]).collect()
    }

    /// Rules that nothing of what was seen could have made fire: every filter of theirs lacked its log source or
    /// its fields.
    pub(crate) fn unable_to_fire(&self, seen: &Seen) -> Vec<u32> {
        let mut able = vec![true; self.targets.len()];
        for (filter, _) in self.matcher.unable(seen) {
            able[filter as usize] = false;
        }
        let mut planned = vec![false; self.rules.len()];
        let mut can = vec![false; self.rules.len()];
        for (filter, target) in self.targets.iter().enumerate() {
            let rule = self.rule_of(*target) as usize;
            planned[rule] = true;
            can[rule] |= able[filter];
        }
        (0..self.rules.len()).filter(|r| planned[*r] && !can[*r]).map(|r| r as u32).collect()
    }

    fn rule_of(&self, target: Target) -> u32 {
        match target {
            Target::Finding(rule) => rule,
            Target::Leaf { program, .. } => self.keyed[program as usize].rule,
        }
    }
}

/// Finds rules by id, name or title.
struct RuleIndex<'a>(HashMap<&'a str, usize>);

impl<'a> RuleIndex<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let mut by_name = HashMap::new();
        for (i, rule) in rules.iter().enumerate() {
            by_name.entry(rule.meta.id.as_str()).or_insert(i);
            if let Some(name) = &rule.meta.name {
                by_name.entry(name.as_str()).or_insert(i);
            }
        }
        RuleIndex(by_name)
    }

    fn resolve<'r>(&self, rules: &'r [Rule], wanted: &RuleRef) -> Option<&'r Plan> {
        self.0.get(&*wanted.0).map(|i| &rules[*i].plan)
    }
}

struct Build<'a> {
    taxonomy: &'a Taxonomy,
    filters: Vec<Filter>,
    targets: Vec<Target>,
    keyed: Vec<Keyed>,
    not_run: Vec<NotRun>,
}

impl Build<'_> {
    fn rule(&mut self, number: u32, rule: &Rule, rules: &[Rule], index: &RuleIndex<'_>) {
        if rule.status == LoadStatus::Rejected || !rule.reports {
            return;
        }
        if let Some(all) = rule.plan.single_events() {
            for (source, expr) in all {
                self.filter(number, source, expr, Target::Finding(number));
            }
            return;
        }
        match shikra_rows::compile(&rule.plan, &|r| index.resolve(rules, r)) {
            Ok(program) => {
                let place = self.keyed.len() as u32;
                for (leaf, wanted) in program.leaves().iter().enumerate() {
                    let target = Target::Leaf { program: place, leaf: leaf as u32 };
                    self.filter(number, &wanted.source, wanted.expr.clone(), target);
                }
                self.keyed.push(Keyed { rule: number, program });
            }
            Err(e) => self.not_run.push(NotRun { rule: number, reason: e.to_string() }),
        }
    }

    fn filter(&mut self, rule: u32, source: &LogSource, expr: Expr, target: Target) {
        let selector = self.taxonomy.select(source).unwrap_or_else(|e| {
            self.not_run.push(NotRun { rule, reason: e.to_string() });
            Selector::default()
        });
        self.filters.push(Filter { selector, expr });
        self.targets.push(target);
    }
}
