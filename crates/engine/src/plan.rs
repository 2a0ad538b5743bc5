//! From rules to one matcher: every rule's first stage becomes filters of the shared matcher; what follows a
//! filter (report, keyed state) is remembered by filter number.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use shikra_ir::{Expr, LoadStatus, LogSource, Plan, Rule, RuleRef, Scalar};
use shikra_matcher::{Builder, Filter, FilterId, Matcher, Seen, Unable};
use shikra_rows::{Leaf, Needs, Program};
use shikra_taxonomy::{Selector, Taxonomy};

use crate::finding::UnableRule;
use crate::survivors::Stream;

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
    /// Input of leaves that several programs share: see [`Detector::shared`].
    Shared(u32),
    /// Of a leaf that only tells whether a program has anything to tell.
    Witness {
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
    pub program: Arc<Program>,
    /// Whether it shares leaves with others.
    pub shares: bool,
    /// What must have passed before it finds anything.
    pub needs: Needs,
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
    /// Programs and their leaves that ask for the same events and read the same of them: those that learn who is
    /// whose child. There may be hundreds, and every event of a process passes them.
    pub(crate) shared: Vec<Vec<(u32, u32)>>,
    pub(crate) taxonomy: Arc<Taxonomy>,
    /// By number of the rule: whether what it finds are acts, whoever recorded them, rather than records.
    pub(crate) names_acts: Vec<bool>,
    not_run: Vec<NotRun>,
}

impl Detector {
    /// Plans all rules. Those that cannot run are named in [`Detector::not_run`].
    pub fn new(rules: Vec<Rule>, taxonomy: Arc<Taxonomy>) -> Detector {
        Detector::made(rules, taxonomy, true)
    }

    /// The same for who does nothing but scan: of thousands of rules, what they said takes more room than what is made
    /// of it, so their plans and filters are not kept.
    pub fn sparing(rules: Vec<Rule>, taxonomy: Arc<Taxonomy>) -> Detector {
        Detector::made(rules, taxonomy, false)
    }

    fn made(mut rules: Vec<Rule>, taxonomy: Arc<Taxonomy>, keep: bool) -> Detector {
        let mut programs = programs(&rules);
        let mut build = Build {
            taxonomy: &taxonomy,
            matcher: Builder::new(taxonomy.clone(), rules.len(), keep),
            targets: Vec::with_capacity(rules.len()),
            keyed: Vec::new(),
            shared: Vec::new(),
            names_acts: vec![false; rules.len()],
            not_run: Vec::new(),
        };
        for (number, rule) in rules.iter_mut().enumerate() {
            let number = number as u32;
            match programs.remove(&number) {
                Some(program) => build.keyed(number, program),
                None if !runs(rule) => {}
                None => {
                    let plan =
                        if keep { rule.plan.clone() } else { std::mem::replace(&mut rule.plan, NOTHING) };
                    build.single(number, plan);
                }
            }
        }
        let Build { matcher, targets, keyed, shared, names_acts, not_run, .. } = build;
        let shared = shared.into_iter().map(|(_, programs)| programs).collect();
        if !keep {
            rules.iter_mut().for_each(|r| r.plan = NOTHING);
        }
        let matcher = matcher.finish();
        Detector { names_acts, matcher, targets, keyed, shared, not_run, rules, taxonomy }
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
        let numbers = self.targets.iter().enumerate().filter(|(_, t)| self.rule_of(**t) == Some(rule));
        numbers.filter_map(|(i, _)| self.matcher.filters().get(i)).collect()
    }

    /// Rules that nothing of what was seen could have made fire: every filter of theirs lacked its log source or
    /// its fields.
    pub(crate) fn unable_to_fire(&self, seen: &Seen) -> Vec<UnableRule> {
        let mut unable: HashMap<FilterId, Unable> = self.matcher.unable(seen).into_iter().collect();
        let mut why: Vec<Option<Vec<Unable>>> = vec![None; self.rules.len()];
        let mut can = vec![false; self.rules.len()];
        for (filter, target) in self.targets.iter().enumerate() {
            let Some(rule) = self.rule_of(*target) else { continue };
            match unable.remove(&(filter as FilterId)) {
                Some(reason) => why[rule as usize].get_or_insert_default().push(reason),
                None => can[rule as usize] = true,
            }
        }
        let named = |(rule, (why, can)): (&Rule, (Option<Vec<Unable>>, bool))| {
            let reason = in_words(&why.filter(|_| !can)?);
            Some(UnableRule { id: rule.meta.id.clone(), title: rule.meta.title.clone(), reason })
        };
        self.rules.iter().zip(why.into_iter().zip(can)).filter_map(named).collect()
    }

    /// The rule that a filter belongs to, where it is one rule's alone.
    fn rule_of(&self, target: Target) -> Option<u32> {
        match target {
            Target::Finding(rule) => Some(rule),
            Target::Leaf { program, .. } => Some(self.keyed[program as usize].rule),
            Target::Shared(_) | Target::Witness { .. } => None,
        }
    }

    /// Which keyed programs can find something, by what was seen of their leaves. What passes the leaves of the
    /// others comes to nothing.
    pub(crate) fn awake(&self, seen: &Seen) -> Vec<bool> {
        let mut passed: Vec<Vec<bool>> =
            self.keyed.iter().map(|k| vec![false; k.program.leaves().len()]).collect();
        let mut pass = |(program, leaf): (u32, u32)| {
            let place = passed.get_mut(program as usize).and_then(|p| p.get_mut(leaf as usize));
            place.into_iter().for_each(|p| *p = true);
        };
        for (target, _) in self.targets.iter().zip(&seen.hits).filter(|(_, hits)| **hits > 0) {
            match target {
                Target::Finding(_) => {}
                Target::Leaf { program, leaf } | Target::Witness { program, leaf } => {
                    pass((*program, *leaf));
                }
                Target::Shared(n) => {
                    self.shared.get(*n as usize).into_iter().flatten().copied().for_each(&mut pass)
                }
            }
        }
        let leaf = |passed: &[bool], leaf: usize| passed.get(leaf).copied().unwrap_or(false);
        let can = |(k, passed): (&Keyed, &Vec<bool>)| k.needs.met(&|l| leaf(passed, l));
        self.keyed.iter().zip(&passed).map(can).collect()
    }

    /// Where survivors of a program's own leaves belong.
    pub(crate) fn stream(&self, program: u32) -> Stream {
        Stream::of_program(program, self.keyed.get(program as usize).is_some_and(|k| k.shares))
    }

    /// The programs and leaves that survivors of shared leaves are for; none: they are a program's own.
    pub(crate) fn sharing(&self, stream: Stream) -> Option<&[(u32, u32)]> {
        Some(self.shared.get(stream.shared()?).map_or(&[], Vec::as_slice))
    }
}

/// Why none of a rule's filters could hold.
fn in_words(why: &[Unable]) -> String {
    let mut lacking: Vec<&str> = Vec::new();
    for reason in why {
        match reason {
            Unable::LogSource => {}
            Unable::Fields(fields) => lacking.extend(fields.iter().map(String::as_str)),
        }
    }
    lacking.sort_unstable();
    lacking.dedup();
    if why.iter().all(|w| *w == Unable::LogSource) {
        "no event of its log source".to_owned()
    } else if lacking.is_empty() {
        "no event of its log source has the fields or values it asks for".to_owned()
    } else {
        format!("no event of its log source has {}", lacking.join(", "))
    }
}

/// Finds rules by id, name or title.
struct RuleIndex<'a> {
    rules: &'a [Rule],
    /// Made when first asked: few rules refer to others.
    by_name: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> RuleIndex<'a> {
    fn of(rules: &'a [Rule]) -> Self {
        RuleIndex { rules, by_name: OnceCell::new() }
    }

    fn names(&self) -> HashMap<&'a str, usize> {
        let mut by_name = HashMap::new();
        for (i, rule) in self.rules.iter().enumerate() {
            by_name.entry(rule.meta.id.as_str()).or_insert(i);
            if let Some(name) = &rule.meta.name {
                by_name.entry(name.as_str()).or_insert(i);
            }
        }
        by_name
    }

    fn resolve(&self, wanted: &RuleRef) -> Option<&'a Plan> {
        let by_name = self.by_name.get_or_init(|| self.names());
        by_name.get(&*wanted.0).map(|i| &self.rules[*i].plan)
    }
}

/// A plan without rows.
const NOTHING: Plan = Plan::Union(Vec::new());

/// Whether a rule is to run.
fn runs(rule: &Rule) -> bool {
    rule.status != LoadStatus::Rejected && rule.reports
}

/// The programs of the rules that keep state, by number of the rule, or why there is none.
fn programs(rules: &[Rule]) -> HashMap<u32, Result<Program, String>> {
    let index = RuleIndex::of(rules);
    let keep_state = (0..).zip(rules).filter(|(_, r)| runs(r) && !r.plan.is_of_single_events());
    let compile =
        |rule: &Rule| shikra_rows::compile(&rule.plan, &|r| index.resolve(r)).map_err(|e| e.to_string());
    keep_state.map(|(number, rule)| (number, compile(rule))).collect()
}

struct Build<'a> {
    taxonomy: &'a Taxonomy,
    matcher: Builder,
    targets: Vec<Target>,
    keyed: Vec<Keyed>,
    shared: Vec<(Leaf, Vec<(u32, u32)>)>,
    names_acts: Vec<bool>,
    not_run: Vec<NotRun>,
}

impl Build<'_> {
    /// A rule of single events.
    fn single(&mut self, number: u32, plan: Plan) {
        let all = plan.into_single_events().unwrap_or_default();
        if let Some(reason) = all.iter().find_map(|(_, e)| unanswered(e)) {
            return self.not_run.push(NotRun { rule: number, reason });
        }
        self.names_acts[number as usize] = all.iter().all(|(source, _)| self.taxonomy.names_act(source));
        for (source, expr) in all {
            self.filter(number, &source, expr, Target::Finding(number));
        }
    }

    /// A rule that keeps state.
    fn keyed(&mut self, number: u32, program: Result<Program, String>) {
        let answered = program.and_then(|p| match p.leaves().iter().find_map(|l| unanswered(&l.expr)) {
            Some(reason) => Err(reason),
            None => Ok(p),
        });
        match answered {
            Ok(program) => self.program(number, program),
            Err(reason) => self.not_run.push(NotRun { rule: number, reason }),
        }
    }

    fn program(&mut self, rule: u32, program: Program) {
        let place = self.keyed.len() as u32;
        let lineage = program.lineage_leaves();
        let witnesses = program.witness_leaves();
        for (leaf, wanted) in program.leaves().iter().enumerate() {
            if lineage.contains(&leaf) {
                self.share(rule, wanted, (place, leaf as u32));
            } else {
                let (is_witness, program, leaf) = (witnesses.contains(&leaf), place, leaf as u32);
                let target = match is_witness {
                    true => Target::Witness { program, leaf },
                    false => Target::Leaf { program, leaf },
                };
                self.filter(rule, &wanted.source, wanted.expr.clone(), target);
            }
        }
        let needs = program.needs();
        self.keyed.push(Keyed { rule, program: Arc::new(program), shares: !lineage.is_empty(), needs });
    }

    fn share(&mut self, rule: u32, wanted: &Leaf, user: (u32, u32)) {
        if let Some((_, users)) = self.shared.iter_mut().find(|(known, _)| known == wanted) {
            return users.push(user);
        }
        let target = Target::Shared(self.shared.len() as u32);
        self.shared.push((wanted.clone(), vec![user]));
        self.filter(rule, &wanted.source, wanted.expr.clone(), target);
    }

    fn filter(&mut self, rule: u32, source: &LogSource, expr: Expr, target: Target) {
        let selector = self.taxonomy.select(source).unwrap_or_else(|e| {
            self.not_run.push(NotRun { rule, reason: e.to_string() });
            Selector::default()
        });
        self.matcher.add(Filter { selector, expr });
        self.targets.push(target);
    }
}

/// Why a condition cannot be answered: it asks what was seen before and there is no baseline, or none could tell.
fn unanswered(e: &Expr) -> Option<String> {
    let mut why = None;
    e.tests(&mut |t| {
        if let Scalar::Asked(asked) = &t.subject {
            let name = &asked.field.name;
            if asked.seen.is_none() {
                why = Some(format!(
                    "it asks what was seen before of {name}, which takes a baseline: --baseline FILE"
                ));
            } else if !shikra_baseline::is_kept(&asked.field) {
                why = Some(format!("a baseline keeps nothing of the field {name}"));
            }
        }
    });
    why
}
