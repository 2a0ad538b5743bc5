//! Filters taken apart: variables, predicates shared between filters, trees over them, and for every filter the
//! predicates without which it cannot hold.
//!
//! Nothing here depends on a shape; `rules` adds what does.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashTable};
use shikra_event::Value;
use shikra_ir::eval;
use shikra_ir::{Asked, EachGives, Expr, FieldRef, Multi, Names, Op, Pattern, Scalar, Test, Truth};
use shikra_taxonomy::Selector;

use crate::program::Entry;
use crate::tree::{Step, Trees};
use crate::{Filter, FilterId, witness};

/// Number of a predicate, over all filters.
pub(crate) type PredId = u32;
/// Number of a variable.
pub(crate) type VarId = u32;
/// Number of a comparison of several variables.
pub(crate) type ExactId = u32;
/// Number of a condition of log sources.
pub(crate) type WhenId = u32;

/// What a predicate reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Var {
    /// One field.
    Field(FieldRef),
    /// Every slot of the event.
    Any,
    /// Every field of a scheme whose name matches.
    Glob(Names, Pattern),
}

/// A comparison that depends on one variable.
#[derive(Debug)]
pub(crate) struct Pred {
    pub var: VarId,
    pub test: Arc<Test>,
    /// Whether it asks something of each value by itself; else it is asked of the whole value.
    pub elementwise: bool,
    /// A guess at how often it is true.
    pub frequency: f64,
}

/// All filters, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub vars: Vec<Var>,
    pub preds: Vec<Pred>,
    /// Predicates of each variable, ascending.
    pub by_var: Vec<Vec<PredId>>,
    /// What is not false of each variable where it is missing.
    pub absent: Vec<Vec<Entry>>,
    /// Comparisons of several variables.
    pub exact: Vec<Test>,
    pub trees: Trees,
    /// Distinct log sources.
    pub selectors: Vec<Source>,
    /// Alternatives of log sources, each by the place of its source and its own there: by the event ids that they ask for.
    pub by_event_id: HashMap<u32, Vec<(u32, u32)>>,
    /// Those that ask for none.
    pub of_any_id: Vec<(u32, u32)>,
    /// Filters by log source, ascending.
    pub by_selector: Vec<Vec<FilterId>>,
    /// Distinct conditions of log sources.
    pub whens: Trees,
}

/// A log source whose conditions have been taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    pub selector: Selector,
    /// One per alternative.
    pub whens: Vec<Option<WhenId>>,
}

/// Predicates that no other filter has, of most filters.
const PREDS: usize = 3;

/// Takes filters apart, one by one, and keeps what it can of them as it is: of thousands of rules, copies take more
/// time and room than all else.
#[derive(Default)]
pub(crate) struct Compiler {
    out: Compiled,
    hasher: RandomState,
    vars: HashMap<Var, VarId>,
    /// Each with its hash: to hash all again whenever the table grows would take longer than all else.
    preds: HashTable<(u64, PredId)>,
    sources: HashTable<usize>,
    /// The last log source: rules come sorted by them.
    source: Option<(Selector, usize)>,
    whens: HashMap<String, WhenId>,
    /// Comparisons of several variables, by what they say.
    exact: HashMap<String, ExactId>,
    /// The present expression, and what it cannot do without.
    steps: Vec<Step>,
    witness: Vec<PredId>,
}

impl Compiler {
    /// For about so many filters.
    pub fn new(number: usize) -> Compiler {
        let mut c = Compiler::default();
        c.out.trees.reserve(number);
        c.out.preds.reserve(PREDS * number);
        c.preds.reserve(PREDS * number, |(hash, _)| *hash);
        c
    }

    /// Takes the next filter apart.
    pub fn add(&mut self, filter: Filter) {
        let witness = self.take_apart(filter.expr);
        let id: FilterId = self.out.trees.push(&self.steps, witness.then_some(&self.witness));
        let source = self.source(&filter.selector);
        self.out.by_selector[source].push(id);
    }

    /// All of them.
    pub fn finish(self) -> Compiled {
        self.out
    }

    /// Takes an expression apart; answers whether it is known what it cannot do without.
    fn take_apart(&mut self, e: Expr) -> bool {
        self.steps.clear();
        self.expr(e);
        witness::of(&self.steps, &self.out.preds, &mut self.witness)
    }

    fn expr(&mut self, e: Expr) {
        match e {
            Expr::Const(t) => self.steps.push(Step::Const(t)),
            Expr::And(v) => self.join(v, Step::And),
            Expr::Or(v) => self.join(v, Step::Or),
            Expr::Not(e) => {
                self.steps.push(Step::Not);
                self.expr(*e);
            }
            Expr::Named(_, e) => self.expr(*e),
            Expr::Opaque(_) => self.steps.push(Step::Const(Truth::Unknown)),
            Expr::Test(t) => {
                let step = self.test(t);
                self.steps.push(step);
            }
        }
    }

    fn join(&mut self, parts: Vec<Expr>, connective: fn(u32) -> Step) {
        let at = self.steps.len();
        self.steps.push(connective(0));
        parts.into_iter().for_each(|e| self.expr(e));
        let length = self.steps.len() - at - 1;
        self.steps[at] = connective(length as u32);
    }

    fn test(&mut self, t: Test) -> Step {
        // Nearly all ask something of one field.
        if let (Scalar::Field(field), true) = (&t.subject, !matches!(t.op, Op::Compare(..))) {
            let (var, elementwise) = (Var::Field(field.clone()), is_elementwise(&t));
            return Step::Pred(self.pred(var, t, elementwise));
        }
        let mut vars = Vec::new();
        test_vars(&t, &mut vars);
        let mut vars = vars.into_iter();
        match (vars.next(), vars.next()) {
            (None, _) => Step::Const(eval::test(&t, &eval::NoFields)),
            (Some(var), None) => {
                let subject =
                    matches!(t.subject, Scalar::Field(_) | Scalar::AnyField | Scalar::FieldGlob(..));
                let elementwise = subject && is_elementwise(&t);
                match var {
                    Var::Field(_) => Step::Pred(self.pred(var, t, elementwise)),
                    _ if elementwise && t.words.multi == Multi::Any => Step::Pred(self.pred(var, t, true)),
                    _ => self.exact(t),
                }
            }
            (Some(_), Some(_)) => self.exact(t),
        }
    }

    fn exact(&mut self, t: Test) -> Step {
        let Test { subject, op, words, .. } = &t;
        let all = &mut self.out.exact;
        Step::Exact(*self.exact.entry(format!("{subject:?} {op:?} {words:?}")).or_insert_with(|| {
            all.push(t);
            (all.len() - 1) as ExactId
        }))
    }

    fn pred(&mut self, var: Var, t: Test, elementwise: bool) -> PredId {
        let out = &mut self.out;
        let var = *self.vars.entry(var).or_insert_with_key(|v| {
            out.vars.push(v.clone());
            out.by_var.push(Vec::new());
            out.absent.push(Vec::new());
            (out.vars.len() - 1) as VarId
        });
        let hash = hash_test(&self.hasher, var, &t);
        let preds = &self.out.preds;
        let asks_the_same = |&(h, p): &(u64, PredId)| h == hash && same(&preds[p as usize], var, &t);
        if let Some(&(_, known)) = self.preds.find(hash, asks_the_same) {
            return known;
        }
        let id = preds.len() as PredId;
        let absent = eval::test(&t, &eval::NoFields);
        let frequency = witness::frequency(&t);
        self.out.preds.push(Pred { var, test: Arc::new(t), elementwise, frequency });
        self.out.by_var[var as usize].push(id);
        self.out.absent[var as usize].extend(Entry::new(id, absent));
        self.preds.insert_unique(hash, (hash, id), |(h, _)| *h);
        id
    }

    fn source(&mut self, selector: &Selector) -> usize {
        if let Some((last, id)) = &self.source
            && Arc::ptr_eq(&last.any_of, &selector.any_of)
        {
            return *id;
        }
        let id = self.source_of(selector);
        self.source = Some((selector.clone(), id));
        id
    }

    fn source_of(&mut self, selector: &Selector) -> usize {
        let hash = hash_selector(&self.hasher, selector);
        let known = &self.out.selectors;
        if let Some(&known) = self.sources.find(hash, |&s| known[s].selector == *selector) {
            return known;
        }
        let whens = selector.any_of.iter().map(|a| a.when.as_ref().map(|w| self.when(w))).collect();
        let id = self.out.selectors.len();
        for (at, alternative) in (0..).zip(selector.any_of.iter()) {
            let place = (id as u32, at);
            for event_id in &alternative.event_ids {
                let there = self.out.by_event_id.entry(*event_id).or_default();
                there.extend(Some(place).filter(|p| there.last() != Some(p)));
            }
            self.out.of_any_id.extend(Some(place).filter(|_| alternative.event_ids.is_empty()));
        }
        self.out.selectors.push(Source { selector: selector.clone(), whens });
        self.out.by_selector.push(Vec::new());
        let (known, hasher) = (&self.out.selectors, &self.hasher);
        self.sources.insert_unique(hash, id, |&s| hash_selector(hasher, &known[s].selector));
        id
    }

    fn when(&mut self, e: &Expr) -> WhenId {
        let key = format!("{e:?}");
        if let Some(&known) = self.whens.get(&key) {
            return known;
        }
        let witness = self.take_apart(e.clone());
        let id: WhenId = self.out.whens.push(&self.steps, witness.then_some(&self.witness));
        self.whens.insert(key, id);
        id
    }
}

/// Whether a test asks the same as a known predicate. Spans do not count, but where they are inside of a
/// nested expression.
fn same(known: &Pred, var: VarId, t: &Test) -> bool {
    let k = &known.test;
    let equal = known.var == var && k.words == t.words && k.subject == t.subject && k.op == t.op;
    // Equal numbers need not have equal text: -0 and 0.
    equal && (matches!(t.op, Op::Like(_) | Op::Regex(_)) || format!("{:?}", k.op) == format!("{:?}", t.op))
}

/// Equal for tests that ask the same.
fn hash_test(hasher: &RandomState, var: VarId, t: &Test) -> u64 {
    let mut h = hasher.build_hasher();
    (var, t.words).hash(&mut h);
    match &t.op {
        Op::Like(patterns) => patterns.hash(&mut h),
        Op::Regex(all) => all.hash(&mut h),
        other => format!("{other:?}").hash(&mut h),
    }
    h.finish()
}

fn hash_selector(hasher: &RandomState, s: &Selector) -> u64 {
    let mut h = hasher.build_hasher();
    for a in s.any_of.iter() {
        (&a.forms, &a.providers, &a.channels, &a.event_ids, a.when.is_some()).hash(&mut h);
    }
    h.finish()
}

/// Whether the test asks something of each value alone and joins the answers by `multi`.
fn is_elementwise(t: &Test) -> bool {
    match &t.op {
        Op::Like(_) | Op::Regex(_) | Op::In(_) | Op::Cidr(_) | Op::IsTrue => true,
        Op::Compare(_, Scalar::Lit(v)) => !matches!(v, Value::Missing | Value::Null | Value::List(_)),
        Op::Compare(..) | Op::Exists | Op::IsNull => false,
    }
}

/// The variables a test reads, each once.
fn test_vars(t: &Test, out: &mut Vec<Var>) {
    scalar_vars(&t.subject, out);
    if let Op::Compare(_, right) = &t.op {
        scalar_vars(right, out);
    }
}

fn scalar_vars(s: &Scalar, out: &mut Vec<Var>) {
    let mut add = |v: Var| {
        if !out.contains(&v) {
            out.push(v);
        }
    };
    match s {
        Scalar::Field(f) => add(Var::Field(f.clone())),
        Scalar::AnyField => add(Var::Any),
        Scalar::FieldGlob(n, p) => add(Var::Glob(*n, p.clone())),
        Scalar::Lit(_) | Scalar::Var(_) => {}
        // Several variables, so that it is asked of the event and never remembered for a value.
        Scalar::Asked(a) => {
            add(Var::Field(a.field.clone()));
            Asked::PROGRAM.iter().for_each(|f| add(Var::Field(FieldRef::new(Names::Sigma, f))));
        }
        Scalar::Each(e) => {
            scalar_vars(&e.list, out);
            e.members.iter().for_each(|(_, m)| scalar_vars(m, out));
            expr_vars(&e.body, out);
            if let EachGives::Values(s) = &e.gives {
                scalar_vars(s, out);
            }
        }
        Scalar::Call(c) => c.args.iter().for_each(|a| scalar_vars(a, out)),
        Scalar::Case(arms, other) => {
            for (cond, value) in arms {
                expr_vars(cond, out);
                scalar_vars(value, out);
            }
            if let Some(o) = other {
                scalar_vars(o, out);
            }
        }
        Scalar::Truth(e) => expr_vars(e, out),
    }
}

fn expr_vars(e: &Expr, out: &mut Vec<Var>) {
    match e {
        Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| expr_vars(e, out)),
        Expr::Not(e) | Expr::Named(_, e) => expr_vars(e, out),
        Expr::Test(t) => test_vars(t, out),
        Expr::Const(_) | Expr::Opaque(_) => {}
    }
}
