//! Which filters apply to a shape, and what has to be known of its slots for them.
//!
//! Shapes that the same log sources admit share a [`RuleSet`], and slots that the same predicates look at share
//! a [`Program`]; both are built when first needed. The caches are bounded: where hostile input makes ever new
//! combinations, they start over.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use shikra_event::{Event, Shape, SlotIndex, Value};
use shikra_ir::{FieldRef, Truth};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::compile::{Compiled, PredId, Var, VarId, WhenId};
use crate::program::{Entry, Program, truth_on};
use crate::row::fields_like;
use crate::{FilterId, witness};

/// Rule sets kept.
const MAX_RULE_SETS: usize = 512;
/// Predicates kept in programs.
const MAX_PROGRAM_PREDS: usize = 1 << 20;

/// Bindings told apart.
const MAX_BINDINGS: usize = 4096;

/// The filters that events of some shapes can satisfy.
#[derive(Debug)]
pub(crate) struct RuleSet {
    /// Unique number, never used again.
    pub id: u32,
    /// Ascending by filter.
    pub active: Vec<Active>,
    /// What is read, ascending.
    pub vars: Vec<VarId>,
    /// Fields that comparisons of several fields read.
    pub exact_fields: Vec<FieldRef>,
    /// The predicates of its filters.
    preds: BitSet,
    /// Predicate → active filters to evaluate where it is true.
    witness: Witnesses,
    witnessed: Vec<u32>,
    /// Active filters to evaluate always.
    pub always: Vec<u32>,
}

type Witnesses = HashMap<PredId, (u32, u32), foldhash::fast::FixedState>;

/// A filter, with the conditions of its log source of which one must hold.
#[derive(Debug)]
pub(crate) struct Active {
    pub filter: FilterId,
    /// None: no condition.
    pub whens: Option<Arc<[WhenId]>>,
}

#[derive(Debug, Default)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn insert(&mut self, n: u32) {
        let word = n as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (n % 64);
    }
    fn contains(&self, n: u32) -> bool {
        self.0.get(n as usize / 64).is_some_and(|w| w >> (n % 64) & 1 == 1)
    }
}

impl RuleSet {
    /// Whether some filter asks for the predicate.
    pub fn asks(&self, pred: PredId) -> bool {
        self.preds.contains(pred)
    }

    /// Active filters that a true predicate calls for.
    pub fn called_by(&self, pred: PredId) -> &[u32] {
        let (start, end) = self.witness.get(&pred).copied().unwrap_or((0, 0));
        &self.witnessed[start as usize..end as usize]
    }
}

/// A shape, ready.
pub(crate) struct ShapePlan {
    pub rules: Arc<RuleSet>,
    /// Programs on slots.
    pub groups: Vec<Group>,
    /// Variables of many fields.
    pub spread: Vec<Spread>,
    /// Outcome of what the shape alone decides: absent fields and constants. Sorted.
    pub base: Vec<Entry>,
    /// Where comparisons of several fields find them.
    pub bindings: HashMap<FieldRef, Binding>,
    /// Variables that no event of the shape has, and those that are constant. Ascending.
    pub absent: Vec<VarId>,
    pub constant: Vec<VarId>,
}

/// A program and the slots it reads together.
pub(crate) struct Group {
    pub program: Arc<Program>,
    pub slots: Vec<SlotIndex>,
}

/// A variable that stands for many fields: true where any of them satisfies.
pub(crate) struct Spread {
    pub parts: Vec<Group>,
    pub constants: Vec<Entry>,
    /// The outcome where none of the fields has a value.
    pub absent: Vec<Entry>,
    pub has_constant: bool,
}

/// What is shared between threads.
#[derive(Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

/// Numbers of bindings to the slots of a group, and variables bound so.
type Inputs = Vec<(u32, VarId)>;

#[derive(Default)]
struct State {
    next: u32,
    rule_sets: HashMap<Vec<u32>, Arc<RuleSet>>,
    programs: HashMap<Inputs, Arc<Program>>,
    program_preds: usize,
    /// Bindings to the slots of a group, by their text.
    bindings: HashMap<String, u32>,
}

impl Cache {
    /// Plans a shape.
    pub fn plan(&self, compiled: &Compiled, taxonomy: &Taxonomy, shape: &Arc<Shape>) -> ShapePlan {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = state.rule_set(compiled, shape);
        Planner { compiled, taxonomy, shape, state: &mut state, rules: &rules }.plan()
    }
}

/// The conditions under which a log source admits a shape: none not at all, empty no condition.
type Admitted = Option<Vec<WhenId>>;

fn admitted(source: &crate::compile::Source, shape: &Shape) -> Admitted {
    let all = source.selector.any_of.iter().zip(&source.whens);
    let mut whens = Vec::new();
    let mut any = false;
    for (_, when) in all.filter(|(a, _)| a.admits(shape)) {
        any = true;
        match when {
            None => return Some(Vec::new()),
            Some(w) => whens.push(*w),
        }
    }
    whens.sort_unstable();
    whens.dedup();
    any.then_some(whens)
}

impl State {
    fn rule_set(&mut self, compiled: &Compiled, shape: &Shape) -> Arc<RuleSet> {
        let sources: Vec<Admitted> = compiled.selectors.iter().map(|s| admitted(s, shape)).collect();
        let mut key = Vec::new();
        for (i, whens) in sources.iter().enumerate() {
            if let Some(w) = whens {
                key.extend([i as u32, w.len() as u32]);
                key.extend(w);
            }
        }
        if let Some(known) = self.rule_sets.get(&key) {
            return known.clone();
        }
        if self.rule_sets.len() >= MAX_RULE_SETS {
            self.rule_sets.clear();
        }
        self.next += 1;
        let made = Arc::new(build(self.next, compiled, sources));
        self.rule_sets.insert(key, made.clone());
        made
    }

    /// The program of all predicates on some variables. It is the same for every rule set, so that values are
    /// looked at once whatever the event.
    fn program(&mut self, compiled: &Compiled, inputs: &[(Binding, VarId)]) -> Arc<Program> {
        let key: Inputs = inputs.iter().map(|(b, v)| (self.binding(b), *v)).collect();
        if let Some(known) = self.programs.get(&key) {
            return known.clone();
        }
        let preds = |v: VarId| compiled.by_var[v as usize].as_slice();
        if self.program_preds > MAX_PROGRAM_PREDS {
            self.programs.clear();
            self.program_preds = 0;
        }
        self.program_preds += inputs.iter().map(|(_, v)| preds(*v).len()).sum::<usize>();
        self.next += 1;
        let inputs: Vec<_> = inputs.iter().map(|(b, v)| (b.clone(), preds(*v))).collect();
        let made = Arc::new(Program::new(self.next, &inputs, &compiled.preds));
        self.programs.insert(key, made.clone());
        made
    }

    fn binding(&mut self, b: &Binding) -> u32 {
        if *b == Binding::slot(0) {
            return 0;
        }
        if self.bindings.len() > MAX_BINDINGS {
            self.bindings.clear();
            self.programs.clear();
        }
        self.next += 1;
        *self.bindings.entry(format!("{b:?}")).or_insert(self.next)
    }
}

fn build(id: u32, compiled: &Compiled, sources: Vec<Admitted>) -> RuleSet {
    let mut active: Vec<Active> = Vec::new();
    for (filters, whens) in compiled.by_selector.iter().zip(sources) {
        let Some(whens) = whens else { continue };
        let whens: Option<Arc<[WhenId]>> = (!whens.is_empty()).then(|| whens.into());
        active.extend(filters.iter().map(|&filter| Active { filter, whens: whens.clone() }));
    }
    active.sort_unstable_by_key(|a| a.filter);
    let (mut preds, mut calls, mut always) = (BitSet::default(), Vec::new(), Vec::new());
    let (mut vars, mut exact_fields) = (BTreeSet::new(), BTreeSet::new());
    for (i, a) in active.iter().enumerate() {
        let whens = a.whens.iter().flat_map(|w| w.iter()).map(|&w| &compiled.whens[w as usize]);
        let trees = std::iter::once(&compiled.trees[a.filter as usize]).chain(whens);
        for tree in trees {
            for &p in &tree.preds {
                preds.insert(p);
                vars.insert(compiled.preds[p as usize].var);
            }
            for &e in &tree.exact {
                compiled.exact[e as usize].fields(&mut |f| {
                    exact_fields.insert(f.clone());
                });
            }
        }
        match witnesses(compiled, a) {
            Some(all) => calls.extend(all.into_iter().map(|p| (p, i as u32))),
            None => always.push(i as u32),
        }
    }
    calls.sort_unstable();
    calls.dedup();
    let mut witness: Witnesses = HashMap::default();
    for (n, &(pred, _)) in calls.iter().enumerate() {
        witness.entry(pred).or_insert((n as u32, n as u32)).1 = n as u32 + 1;
    }
    let witnessed = calls.into_iter().map(|(_, i)| i).collect();
    let (vars, exact_fields) = (vars.into_iter().collect(), exact_fields.into_iter().collect());
    RuleSet { id, active, vars, exact_fields, preds, witness, witnessed, always }
}

/// The cheaper of what the filter and what its log source needs.
fn witnesses(compiled: &Compiled, a: &Active) -> Option<Vec<PredId>> {
    let own = compiled.trees[a.filter as usize].witness.clone();
    let whens = a.whens.as_ref().and_then(|w| {
        let each: Option<Vec<_>> = w.iter().map(|&w| compiled.whens[w as usize].witness.clone()).collect();
        each.map(|v| v.concat())
    });
    match (own, whens) {
        (Some(a), Some(b)) => Some(witness::cheaper(a, b, &compiled.preds)),
        (a, b) => a.or(b),
    }
}

struct Planner<'p> {
    compiled: &'p Compiled,
    taxonomy: &'p Taxonomy,
    shape: &'p Arc<Shape>,
    state: &'p mut State,
    rules: &'p Arc<RuleSet>,
}

impl Planner<'_> {
    fn plan(mut self) -> ShapePlan {
        let mut plan = ShapePlan {
            rules: self.rules.clone(),
            groups: Vec::new(),
            spread: Vec::new(),
            base: Vec::new(),
            bindings: HashMap::default(),
            absent: Vec::new(),
            constant: Vec::new(),
        };
        let mut groups = Groups::default();
        let answers = self.taxonomy.on(self.shape);
        let exact = self.rules.exact_fields.iter();
        plan.bindings = exact.map(|f| (f.clone(), answers.bind(f))).collect();
        for &v in &self.rules.vars {
            let field = match &self.compiled.vars[v as usize] {
                Var::Field(f) => f,
                var => {
                    let spread = self.spread(var, v);
                    plan.spread.push(spread);
                    continue;
                }
            };
            match self.place(&answers.bind(field)) {
                Place::Slots(slots, binding) => groups.add(slots, binding, v),
                Place::Constant(value) => {
                    plan.constant.push(v);
                    plan.base.extend(self.on_constant(v, &value));
                }
                Place::Nowhere => {
                    plan.absent.push(v);
                    plan.base.extend(&self.compiled.absent[v as usize]);
                }
            }
        }
        plan.base.retain(|e| self.rules.asks(e.pred()));
        plan.base.sort_unstable();
        let made = groups
            .all
            .into_iter()
            .map(|(slots, inputs)| Group { program: self.state.program(self.compiled, &inputs), slots });
        plan.groups = made.collect();
        plan
    }

    /// Where a binding's value comes from.
    fn place(&self, binding: &Binding) -> Place {
        let mut slots = Vec::new();
        let within = relative(binding, &mut slots);
        if !slots.is_empty() {
            return Place::Slots(slots, within);
        }
        let nothing = Event { shape: self.shape, slots: &[], record: 0, time: None };
        match binding.value(&nothing) {
            Value::Missing => Place::Nowhere,
            value => Place::Constant(value),
        }
    }

    fn on_constant(&self, v: VarId, value: &Value) -> Vec<Entry> {
        let truth = |p: PredId| truth_on(&self.compiled.preds[p as usize].test, value);
        let asked = self.compiled.by_var[v as usize].iter().filter(|p| self.rules.asks(**p));
        asked.filter_map(|&p| Entry::new(p, truth(p))).collect()
    }

    /// A variable that stands for many fields.
    fn spread(&mut self, var: &Var, v: VarId) -> Spread {
        let absent = self.compiled.absent[v as usize].clone();
        let mut out = Spread { parts: Vec::new(), constants: Vec::new(), absent, has_constant: false };
        let bindings = match var {
            Var::Glob(names, pattern) => fields_like(self.taxonomy, self.shape, *names, pattern),
            _ => (0..self.shape.fields().len() as SlotIndex).map(Binding::slot).collect(),
        };
        for binding in bindings {
            match self.place(&binding) {
                Place::Slots(slots, within) => {
                    let program = self.state.program(self.compiled, &[(within, v)]);
                    out.parts.push(Group { program, slots });
                }
                Place::Constant(value) if value.elements().iter().any(|e| !e.is_null()) => {
                    out.has_constant = true;
                    let constants = self.on_constant(v, &value);
                    out.constants = union(&out.constants, &constants);
                }
                Place::Constant(_) | Place::Nowhere => {}
            }
        }
        out
    }
}

enum Place {
    /// These slots, and the binding to their positions in this list.
    Slots(Vec<SlotIndex>, Binding),
    Constant(Value),
    Nowhere,
}

/// The same binding with each slot as its position in `slots`, which grows as needed.
fn relative(binding: &Binding, slots: &mut Vec<SlotIndex>) -> Binding {
    match binding {
        Binding::Absent => Binding::Absent,
        Binding::Const(v) => Binding::Const(v.clone()),
        Binding::Slots { slots: own, derive } => {
            let mut position = |i: &SlotIndex| {
                let known = slots.iter().position(|s| s == i);
                known.unwrap_or_else(|| {
                    slots.push(*i);
                    slots.len() - 1
                }) as SlotIndex
            };
            Binding::Slots { slots: own.iter().map(&mut position).collect(), derive: derive.clone() }
        }
        Binding::Joined { separator, parts, derive } => {
            let parts = parts.iter().map(|(prefix, b)| (prefix.clone(), relative(b, slots))).collect();
            Binding::Joined { separator: separator.clone(), parts, derive: derive.clone() }
        }
        Binding::All(all) => Binding::All(all.iter().map(|b| relative(b, slots)).collect()),
    }
}

/// Variables and their bindings.
type Bound = Vec<(Binding, VarId)>;

/// Slots read together → variables bound to them, in order of variables, so that equal sets make equal
/// programs.
#[derive(Default)]
struct Groups {
    all: Vec<(Vec<SlotIndex>, Bound)>,
    by_slots: HashMap<Vec<SlotIndex>, usize>,
}

impl Groups {
    fn add(&mut self, slots: Vec<SlotIndex>, binding: Binding, var: VarId) {
        let all = &mut self.all;
        let at = *self.by_slots.entry(slots).or_insert_with_key(|slots| {
            all.push((slots.clone(), Vec::new()));
            all.len() - 1
        });
        self.all[at].1.push((binding, var));
    }
}

/// Of two sorted outcomes, the greater truth of each predicate.
pub(crate) fn union(a: &[Entry], b: &[Entry]) -> Vec<Entry> {
    let mut all: Vec<Entry> = a.iter().chain(b).copied().collect();
    // True sorts before unknown.
    all.sort_unstable();
    all.dedup_by_key(|e| e.pred());
    all
}

/// The truth of a predicate in a sorted outcome.
pub(crate) fn truth_in(set: &[Entry], pred: PredId) -> Truth {
    let at = set.partition_point(|e| e.pred() < pred);
    set.get(at).filter(|e| e.pred() == pred).map_or(Truth::False, |e| e.truth())
}
