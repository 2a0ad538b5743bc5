//! Which filters events of a shape can satisfy.
//!
//! Shapes that the same log sources admit share a [`RuleSet`], and slots that the same predicates look at share
//! a [`Program`]; both are built when first needed. The caches are bounded: where hostile input makes ever new
//! combinations, they start over. What is read of a shape is planned in `plan`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use shikra_event::{Event, Shape, SlotIndex, Value};
use shikra_ir::{FieldRef, Truth};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::compile::{Compiled, PredId, Source, Var, VarId, WhenId};
use crate::plan::{self, ShapePlan};
use crate::program::{Buffers, Entry, Input, Program};
use crate::team::{Common, PlanKey};
use crate::tree::{Bounds, Leaf, OPEN, Step, settled};
use crate::{FilterId, witness};

/// Rule sets kept.
const MAX_RULE_SETS: usize = 512;
/// Predicates kept in programs.
const MAX_PROGRAM_PREDS: usize = 1 << 20;

/// Programs kept.
const MAX_PROGRAMS: usize = 1 << 16;
/// Bindings told apart.
const MAX_BINDINGS: usize = 4096;
/// Constant values told apart.
const MAX_CONSTANTS: usize = 4096;

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
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub filter: FilterId,
    /// None: no condition.
    pub whens: Option<Arc<[WhenId]>>,
}

impl Active {
    /// The bounds of its truth, its log source's conditions included.
    pub fn bounds(&self, compiled: &Compiled, leaf: &impl Fn(Leaf) -> Bounds) -> Bounds {
        let own = compiled.trees.bounds(self.filter, leaf);
        let Some(whens) = &self.whens else { return own };
        let each = whens.iter().map(|&w| compiled.whens.bounds(w, leaf));
        let any = each.fold(settled(Truth::False), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        (own.0.min(any.0), own.1.min(any.1))
    }
}

/// A set of small numbers.
#[derive(Debug, Default)]
pub(crate) struct BitSet(Vec<u64>);

impl BitSet {
    pub fn insert(&mut self, n: u32) {
        let word = n as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (n % 64);
    }
    /// Ascending.
    fn iter(&self) -> impl Iterator<Item = u32> {
        let within = |word: u64| (0..64).filter(move |bit| word >> bit & 1 == 1);
        (0..)
            .step_by(64)
            .zip(&self.0)
            .flat_map(move |(first, word)| within(*word).map(move |bit| first + bit))
    }
    pub fn contains(&self, n: u32) -> bool {
        self.0.get(n as usize / 64).is_some_and(|w| w >> (n % 64) & 1 == 1)
    }
}

impl RuleSet {
    /// A rule set of these filters, ascending.
    fn new(id: u32, compiled: &Compiled, active: Vec<Active>) -> RuleSet {
        let (mut preds, mut calls, mut always) = (BitSet::default(), Vec::new(), Vec::new());
        let (mut vars, mut exact_fields) = (BitSet::default(), BTreeSet::new());
        for (i, a) in active.iter().enumerate() {
            let whens = a.whens.iter().flat_map(|w| w.iter()).flat_map(|&w| compiled.whens.steps(w));
            for step in compiled.trees.steps(a.filter).iter().chain(whens) {
                match *step {
                    Step::Pred(p) => {
                        preds.insert(p);
                        vars.insert(compiled.preds[p as usize].var);
                    }
                    Step::Exact(e) => compiled.exact[e as usize].fields(&mut |f| {
                        exact_fields.insert(f.clone());
                    }),
                    Step::Const(_) | Step::Not | Step::And(_) | Step::Or(_) => {}
                }
            }
            match witnesses(compiled, a) {
                Some(all) => calls.extend(all.iter().map(|&p| (p, i as u32))),
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
        let (vars, exact_fields) = (vars.iter().collect(), exact_fields.into_iter().collect());
        RuleSet { id, active, vars, exact_fields, preds, witness, witnessed, always }
    }

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

/// What is shared between threads.
#[derive(Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

/// Number of a binding to the slots of a group, the variable bound so, and the number of the predicates on it that
/// count; 0: all.
type InputKey = (u32, VarId, u32);

/// Variables that stand for many fields → the number of the predicates on it that a rule set asks for.
pub(crate) type Asked = HashMap<VarId, u32>;

/// What narrows a rule set: its number, what is known beforehand of which variables.
type Narrowing = (u32, Vec<VarId>, Vec<Entry>);

#[derive(Default)]
pub(crate) struct State {
    next: u32,
    admitted: HashMap<Vec<u32>, Arc<RuleSet>>,
    narrowed: HashMap<Narrowing, Arc<RuleSet>>,
    programs: HashMap<Vec<InputKey>, Arc<Program>>,
    inputs: HashMap<InputKey, Arc<Input>>,
    input_preds: usize,
    /// Bindings to the slots of a group, by their text.
    bindings: HashMap<String, u32>,
    /// Predicates that rule sets ask for on variables that stand for many fields.
    asked: HashMap<Vec<PredId>, u32>,
    /// What is not false of a variable that has a value in all events of a shape, under a rule set.
    constants: HashMap<(VarId, u32, String), Vec<Entry>>,
    buffers: Buffers,
}

impl Cache {
    /// Plans the shape of `event` for all events of it whose slots `fixed` have the values that `event` has; once for a
    /// team.
    pub fn plan(
        &self,
        compiled: &Compiled,
        taxonomy: &Taxonomy,
        event: &Event<'_>,
        fixed: &[SlotIndex],
        team: Option<&Common>,
    ) -> Arc<ShapePlan> {
        let key = team.map(|team| (team, PlanKey::new(event, fixed)));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut make = || plan::plan(compiled, taxonomy, &mut state, event, fixed);
        match key {
            Some((team, key)) => team.plan(key, make),
            None => Arc::new(make()),
        }
    }

    /// Lets go of all plans and programs. Numbers go on, so that none is used again.
    pub fn forget(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { next: state.next, ..State::default() };
    }
}

/// The conditions under which a log source admits a shape: none not at all, empty no condition.
type Admitted = Option<Vec<WhenId>>;

/// By log source. Of the thousands of alternatives only those are looked at that may mean the shape's event id.
fn admitted(compiled: &Compiled, shape: &Shape) -> Vec<Admitted> {
    let mut out: Vec<Admitted> = vec![None; compiled.selectors.len()];
    // Sources that are admitted without a condition.
    let mut whole = BitSet::default();
    let of_id = shape.event_id().and_then(|id| compiled.by_event_id.get(&id));
    for (source, at) in of_id.into_iter().flatten().chain(&compiled.of_any_id) {
        let Source { selector, whens } = &compiled.selectors[*source as usize];
        if whole.contains(*source) || !selector.any_of[*at as usize].admits(shape) {
            continue;
        }
        let conditions = out[*source as usize].get_or_insert_default();
        match whens[*at as usize] {
            Some(when) => conditions.push(when),
            None => {
                conditions.clear();
                whole.insert(*source);
            }
        }
    }
    for whens in out.iter_mut().flatten() {
        whens.sort_unstable();
        whens.dedup();
    }
    out
}

impl State {
    /// The filters whose log source admits a shape.
    pub fn admitted(&mut self, compiled: &Compiled, shape: &Shape) -> Arc<RuleSet> {
        let sources = admitted(compiled, shape);
        let mut key = Vec::new();
        for (i, whens) in sources.iter().enumerate() {
            if let Some(w) = whens {
                key.extend([i as u32, w.len() as u32]);
                key.extend(w);
            }
        }
        if let Some(known) = self.admitted.get(&key) {
            return known.clone();
        }
        if self.admitted.len() >= MAX_RULE_SETS {
            self.admitted.clear();
        }
        self.next += 1;
        let made = Arc::new(RuleSet::new(self.next, compiled, active(compiled, sources)));
        self.admitted.insert(key, made.clone());
        made
    }

    /// Those filters of a rule set that can still hold when the truth of all predicates on the variables `known`
    /// (ascending) is as `entries` (sorted) say.
    pub fn narrow(
        &mut self,
        compiled: &Compiled,
        rules: &Arc<RuleSet>,
        known: &[VarId],
        entries: &[Entry],
    ) -> Arc<RuleSet> {
        let key = (rules.id, known.to_vec(), entries.to_vec());
        if let Some(known) = self.narrowed.get(&key) {
            return known.clone();
        }
        if self.narrowed.len() >= MAX_RULE_SETS {
            self.narrowed.clear();
        }
        let mut vars = BitSet::default();
        known.iter().for_each(|&v| vars.insert(v));
        let leaf = |leaf: Leaf| match leaf {
            Leaf::Pred(p) if vars.contains(compiled.preds[p as usize].var) => settled(truth_in(entries, p)),
            _ => OPEN,
        };
        let possible = |a: &&Active| a.bounds(compiled, &leaf).1 == Truth::True;
        let left: Vec<Active> = rules.active.iter().filter(possible).cloned().collect();
        let made = if left.len() == rules.active.len() {
            rules.clone()
        } else {
            self.next += 1;
            Arc::new(RuleSet::new(self.next, compiled, left))
        };
        self.narrowed.insert(key, made.clone());
        made
    }

    /// The program of all predicates on some variables. It is the same for every rule set, so that values are
    /// looked at once whatever the event. Variables that stand for many fields are the exception: a keyword that
    /// is meant for the log of a web server need not be looked for in every field of every other log.
    pub fn program(
        &mut self,
        compiled: &Compiled,
        inputs: &[(Binding, VarId)],
        rules: &RuleSet,
        asked: &Asked,
    ) -> Arc<Program> {
        let key: Vec<InputKey> = inputs
            .iter()
            .map(|(b, v)| (self.binding(b), *v, asked.get(v).copied().unwrap_or_default()))
            .collect();
        if let Some(known) = self.programs.get(&key) {
            return known.clone();
        }
        if self.input_preds > MAX_PROGRAM_PREDS || self.programs.len() > MAX_PROGRAMS {
            self.forget_programs();
        }
        let inputs = key.iter().zip(inputs).map(|(k, (b, _))| self.input(compiled, *k, b, rules)).collect();
        self.next += 1;
        let made = Arc::new(Program::new(self.next, inputs));
        self.programs.insert(key, made.clone());
        made
    }

    fn input(
        &mut self,
        compiled: &Compiled,
        key: InputKey,
        binding: &Binding,
        rules: &RuleSet,
    ) -> Arc<Input> {
        let all = &compiled.by_var[key.1 as usize];
        let spread = !matches!(compiled.vars[key.1 as usize], Var::Field(_));
        let made = self.inputs.entry(key).or_insert_with(|| {
            let asked: Vec<PredId>;
            let preds = if key.2 == 0 {
                all
            } else {
                asked = all.iter().copied().filter(|&p| rules.asks(p)).collect();
                &asked
            };
            self.input_preds += preds.len();
            Arc::new(Input::new(binding.clone(), preds, &compiled.preds, spread))
        });
        made.clone()
    }

    /// Numbers the predicates that a rule set asks for, for each variable that stands for many fields.
    pub fn asked(&mut self, compiled: &Compiled, rules: &RuleSet) -> Asked {
        if self.asked.len() > MAX_RULE_SETS {
            self.asked.clear();
            self.forget_programs();
        }
        let many = rules.vars.iter().filter(|&&v| !matches!(compiled.vars[v as usize], Var::Field(_)));
        many.map(|&v| {
            self.next += 1;
            let preds = compiled.by_var[v as usize].iter().copied().filter(|&p| rules.asks(p)).collect();
            (v, *self.asked.entry(preds).or_insert(self.next))
        })
        .collect()
    }

    /// What is not false of a value under a rule set, remembered. `asked`: the number of what is asked of the
    /// variable; 0: all.
    pub fn on_constant(
        &mut self,
        compiled: &Compiled,
        v: VarId,
        asked: u32,
        rules: &RuleSet,
        value: &Value,
    ) -> Vec<Entry> {
        if self.constants.len() > MAX_CONSTANTS {
            self.constants.clear();
        }
        // Equal numbers may differ in their text, so values are told apart by it.
        let key = (v, rules.id, format!("{value:?}"));
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let mut entries = Vec::new();
        let input = self.input(compiled, (0, v, asked), &Binding::slot(0), rules);
        input.value(value, &mut self.buffers, &mut entries);
        entries.retain(|e| rules.asks(e.pred()));
        entries.sort_unstable();
        self.constants.insert(key, entries.clone());
        entries
    }

    fn forget_programs(&mut self) {
        self.programs.clear();
        self.inputs.clear();
        self.input_preds = 0;
    }

    fn binding(&mut self, b: &Binding) -> u32 {
        if *b == Binding::slot(0) {
            return 0;
        }
        if self.bindings.len() > MAX_BINDINGS {
            self.bindings.clear();
            self.forget_programs();
        }
        self.next += 1;
        *self.bindings.entry(format!("{b:?}")).or_insert(self.next)
    }
}

/// The filters of the log sources that admit, ascending.
fn active(compiled: &Compiled, sources: Vec<Admitted>) -> Vec<Active> {
    let mut active: Vec<Active> = Vec::new();
    for (filters, whens) in compiled.by_selector.iter().zip(sources) {
        let Some(whens) = whens else { continue };
        let whens: Option<Arc<[WhenId]>> = (!whens.is_empty()).then(|| whens.into());
        active.extend(filters.iter().map(|&filter| Active { filter, whens: whens.clone() }));
    }
    active.sort_unstable_by_key(|a| a.filter);
    active
}

/// The cheaper of what the filter and what its log source needs.
fn witnesses<'c>(compiled: &'c Compiled, a: &Active) -> Option<Cow<'c, [PredId]>> {
    let own = compiled.trees.witness(a.filter).map(Cow::Borrowed);
    let whens = a.whens.as_ref().and_then(|w| {
        let each: Option<Vec<_>> = w.iter().map(|&w| compiled.whens.witness(w)).collect();
        each.map(|v| v.concat())
    });
    let cost = |set: &[PredId]| witness::cost(set, &compiled.preds);
    match (own, whens) {
        (Some(a), Some(b)) => Some(if cost(&b) < cost(&a) { b.into() } else { a }),
        (a, b) => a.or(b.map(Cow::Owned)),
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
