//! One thread's pass over events.
//!
//! An event is taken in two steps. Each slot that some filter reads becomes the number of an outcome class, by
//! one look-up of its raw bytes. The classes that are not empty, together, are looked up once more and give the
//! filters that hold. Only what has not been seen before is evaluated.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashMap as FastMap;
use shikra_event::{Event, Kind, Shape, ShapeId, Slot, SlotIndex};
use shikra_ir::{FieldRef, Truth, eval};
use shikra_taxonomy::Binding;

use crate::compile::{Bounds, Leaf, OPEN, PredId};
use crate::memo::{ClassId, Classes, EMPTY, Hasher, Known, Outcomes, Values};
use crate::program::{Buffers, Entry, Program};
use crate::row::BoundRow;
use crate::rules::{Active, Group, RuleSet, ShapePlan, union};
use crate::{EventRow, FilterId, Matcher, Seen};

/// A slot of a spread variable without a value: neither satisfies nor fails anything.
const NO_VALUE: ClassId = ClassId::MAX;

/// A class that has not been projected yet.
const UNKNOWN: ClassId = ClassId::MAX;

/// How much one thread may remember. Answers do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes for outcomes of values.
    pub values: usize,
    /// Longest value remembered, in bytes.
    pub longest_value: usize,
    /// Bytes for outcomes of events.
    pub outcomes: usize,
    /// Bytes for outcome classes.
    pub classes: usize,
    /// Shapes kept planned.
    pub shapes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::WARM
    }
}

impl Limits {
    /// What serves well.
    pub const WARM: Limits = Limits {
        values: 24 << 20,
        longest_value: 16 << 10,
        outcomes: 8 << 20,
        classes: 8 << 20,
        shapes: 4096,
    };
    /// So little that everything overflows soon: for tests.
    pub const TIGHT: Limits =
        Limits { values: 300, longest_value: 12, outcomes: 300, classes: 200, shapes: 3 };
    /// Remember as good as nothing: for tests.
    pub const COLD: Limits = Limits { values: 0, longest_value: 0, outcomes: 0, classes: 0, shapes: 1 };
}

/// How much work was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Work {
    pub events: u64,
    /// Shapes planned.
    pub plans: u64,
    /// Values looked up.
    pub values: u64,
    /// Of these, values that were the last one too.
    pub repeats: u64,
    /// Values evaluated.
    pub value_misses: u64,
    /// Events whose combination of outcomes was evaluated.
    pub event_misses: u64,
    /// Filters evaluated.
    pub candidates: u64,
    /// Filters evaluated on the event itself, for comparisons of several fields.
    pub exact: u64,
    /// Times that a memo was full and started over.
    pub resets: u64,
}

/// What one thread needs to run a matcher: its memos and its tallies.
pub struct Scratch {
    limits: Limits,
    shapes: FastMap<ShapeId, Ready, foldhash::fast::RandomState>,
    memo: Memo,
    outcomes: Outcomes,
    decider: Decider,
    key: Vec<u32>,
    seen: Seen,
}

/// A shape's plan with its places in the memo.
struct Ready {
    rules: Arc<RuleSet>,
    groups: Vec<ReadyGroup>,
    spread: Vec<ReadySpread>,
    base: ClassId,
    bindings: FastMap<FieldRef, Binding>,
    /// Place of the rule set among the projections.
    place: usize,
}

struct ReadyGroup {
    program: Arc<Program>,
    values: usize,
    slot: SlotIndex,
    /// All slots, where there are several.
    several: Box<[SlotIndex]>,
    /// Outcome where the slot has nothing.
    absent: ClassId,
    /// The last value and the age of the memo it was found in: logs repeat themselves.
    last: Cell<Option<(Known, u32)>>,
    habit: Habit,
}

/// Whether the values of a slot come again. Those of some never do (record numbers, times, messages): to
/// remember them costs more than it saves, and crowds out what does come again.
#[derive(Default)]
struct Habit {
    looked_up: Cell<u32>,
    known: Cell<u32>,
    /// Look-ups to leave out.
    rest: Cell<u32>,
}

impl Habit {
    /// Look-ups after which it is judged.
    const TRIAL: u32 = 256;
    /// Look-ups left out where fewer than one in eight was known.
    const REST: u32 = 4096;

    /// Whether to look up and remember the next value.
    fn remembers(&self) -> bool {
        if self.rest.get() > 0 {
            self.rest.set(self.rest.get() - 1);
            return false;
        }
        self.looked_up.set(self.looked_up.get() + 1);
        if self.looked_up.get() > Habit::TRIAL {
            if self.known.get() < Habit::TRIAL / 8 {
                self.rest.set(Habit::REST);
            }
            self.looked_up.set(0);
            self.known.set(0);
        }
        true
    }

    fn known(&self) {
        self.known.set(self.known.get() + 1);
    }
}

struct ReadySpread {
    parts: Vec<ReadyGroup>,
    constants: ClassId,
    absent: ClassId,
    has_constant: bool,
}

/// Outcomes of values.
struct Memo {
    hasher: Hasher,
    classes: Classes,
    values: Vec<Values>,
    /// Program, and whether for a spread variable → place in `values`.
    places: HashMap<(u32, bool), usize>,
    bytes: usize,
    /// How often the values have been forgotten.
    age: u32,
    /// Rule set → class → what of it the rule set asks for. A program knows the predicates of all rule sets.
    projections: Vec<Vec<ClassId>>,
    rule_sets: HashMap<u32, usize>,
    projected: usize,
    buffers: Buffers,
    entries: Vec<Entry>,
    /// The slots of a group as one key.
    joined: Vec<u8>,
    work: Work,
}

/// Evaluates filters on outcome classes.
struct Decider {
    truth: Vec<Truth>,
    touched: Vec<PredId>,
    /// When each active filter was last called.
    called: Vec<u32>,
    epoch: u32,
    candidates: Vec<u32>,
    holds: Vec<u32>,
    open: Vec<u32>,
}

impl Scratch {
    pub(crate) fn new(matcher: &Matcher, limits: Limits) -> Scratch {
        let hasher = Hasher::default();
        Scratch {
            limits,
            shapes: FastMap::default(),
            memo: Memo {
                classes: Classes::new(hasher.clone()),
                hasher,
                values: Vec::new(),
                places: HashMap::new(),
                bytes: 0,
                age: 0,
                projections: Vec::new(),
                rule_sets: HashMap::new(),
                projected: 0,
                buffers: Buffers::default(),
                entries: Vec::new(),
                joined: Vec::new(),
                work: Work::default(),
            },
            outcomes: Outcomes::default(),
            decider: Decider {
                truth: vec![Truth::False; matcher.compiled.preds.len()],
                touched: Vec::new(),
                called: vec![0; matcher.filters.len()],
                epoch: 0,
                candidates: Vec::new(),
                holds: Vec::new(),
                open: Vec::new(),
            },
            key: Vec::new(),
            seen: Seen::new(matcher.filters.len()),
        }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The work done so far.
    pub fn work(&self) -> Work {
        Work { events: self.seen.events, ..self.memo.work }
    }

    pub(crate) fn run(&mut self, matcher: &Matcher, event: &Event<'_>, hits: &mut Vec<FilterId>) {
        self.seen.events += 1;
        let id = event.shape.id();
        if !self.shapes.contains_key(&id) || self.memo.class_bytes() > self.limits.classes {
            self.ready(matcher, event);
        }
        let Some(ready) = self.shapes.get(&id) else { return };
        if ready.rules.active.is_empty() {
            return;
        }
        self.memo.outcome_key(ready, event, &self.limits, &mut self.key);
        let hash = Outcomes::hash(&self.memo.hasher, &self.key);
        let outcome = match self.outcomes.get(hash, &self.key) {
            Some(known) => known,
            None => {
                self.memo.work.event_misses += 1;
                self.memo.work.candidates +=
                    self.decider.decide(matcher, &ready.rules, &self.memo.classes, &self.key);
                if self.outcomes.bytes() > self.limits.outcomes {
                    self.memo.work.resets += 1;
                    self.outcomes.clear();
                }
                self.outcomes.insert(hash, &self.key, &self.decider.holds, &self.decider.open)
            }
        };
        let (holds, open) = self.outcomes.read(outcome);
        let start = hits.len();
        hits.extend_from_slice(holds);
        if !open.is_empty() {
            self.memo.work.exact += open.len() as u64;
            let active = open.iter().filter_map(|&i| ready.rules.active.get(i as usize));
            let row = EventRow { event, taxonomy: &matcher.taxonomy };
            let row = BoundRow { row, bindings: &ready.bindings };
            self.decider.settle(matcher, active, &row, &self.memo.classes, &self.key, hits);
            hits[start..].sort_unstable();
        }
        for &f in &hits[start..] {
            self.seen.hits[f as usize] += 1;
        }
    }

    /// Plans the shape of `event`, making room where there is none.
    #[cold]
    fn ready(&mut self, matcher: &Matcher, event: &Event<'_>) {
        if self.memo.class_bytes() > self.limits.classes {
            self.memo.work.resets += 1;
            self.memo.forget();
            self.outcomes.clear();
            self.shapes.clear();
        }
        if self.shapes.len() >= self.limits.shapes {
            self.shapes.clear();
        }
        self.memo.work.plans += 1;
        let plan = matcher.cache.plan(&matcher.compiled, &matcher.taxonomy, event.shape);
        self.seen.shape(&matcher.compiled, &plan);
        let ready = self.memo.ready(plan, event.shape);
        self.shapes.insert(event.shape.id(), ready);
    }
}

impl Memo {
    fn forget(&mut self) {
        self.classes = Classes::new(self.hasher.clone());
        self.values.clear();
        self.places.clear();
        self.age = self.age.wrapping_add(1);
        self.bytes = 0;
        self.projections.clear();
        self.rule_sets.clear();
        self.projected = 0;
    }

    fn class_bytes(&self) -> usize {
        self.classes.bytes() + self.projected * size_of::<ClassId>()
    }

    /// What a rule set asks for of a class.
    fn project(&mut self, class: ClassId, place: usize, rules: &RuleSet) -> ClassId {
        if class == EMPTY {
            return EMPTY;
        }
        let known = self.projections[place].get(class as usize).copied();
        if let Some(known) = known.filter(|k| *k != UNKNOWN) {
            return known;
        }
        self.entries.clear();
        self.entries.extend(self.classes.get(class).iter().filter(|e| rules.asks(e.pred())));
        let asked = self.classes.intern(&self.entries);
        let row = &mut self.projections[place];
        if row.len() <= class as usize {
            self.projected += class as usize + 1 - row.len();
            row.resize(class as usize + 1, UNKNOWN);
        }
        row[class as usize] = asked;
        asked
    }

    fn ready(&mut self, plan: ShapePlan, shape: &Arc<Shape>) -> Ready {
        let groups = plan.groups.into_iter().map(|g| self.ready_group(g, false, shape)).collect();
        let spread = plan.spread.into_iter().map(|s| ReadySpread {
            parts: s.parts.into_iter().map(|g| self.ready_group(g, true, shape)).collect(),
            constants: self.classes.intern(&s.constants),
            absent: self.classes.intern(&s.absent),
            has_constant: s.has_constant,
        });
        let spread = spread.collect();
        let place = *self.rule_sets.entry(plan.rules.id).or_insert_with(|| {
            self.projections.push(Vec::new());
            self.projections.len() - 1
        });
        let base = self.classes.intern(&plan.base);
        Ready { rules: plan.rules, groups, spread, base, bindings: plan.bindings, place }
    }

    fn ready_group(&mut self, g: Group, spread: bool, shape: &Arc<Shape>) -> ReadyGroup {
        let values = *self.places.entry((g.program.id, spread)).or_insert_with(|| {
            self.values.push(Values::default());
            self.values.len() - 1
        });
        let nothing = Event { shape, slots: &[], record: 0, time: None };
        let absent = if spread { NO_VALUE } else { self.evaluate(&g.program, &nothing) };
        ReadyGroup {
            slot: g.slots.first().copied().unwrap_or(SlotIndex::MAX),
            several: if g.slots.len() > 1 { g.slots.into() } else { Box::default() },
            program: g.program,
            values,
            absent,
            last: Cell::new(None),
            habit: Habit::default(),
        }
    }

    fn evaluate(&mut self, program: &Program, group: &Event<'_>) -> ClassId {
        self.entries.clear();
        program.evaluate(group, &mut self.buffers, &mut self.entries);
        self.classes.intern(&self.entries)
    }

    /// Rule set and classes that are not empty.
    fn outcome_key(&mut self, ready: &Ready, event: &Event<'_>, limits: &Limits, key: &mut Vec<u32>) {
        key.clear();
        key.push(ready.rules.id);
        let push = |class: ClassId, key: &mut Vec<u32>| {
            if class != EMPTY {
                key.push(class);
            }
        };
        push(ready.base, key);
        for g in &ready.groups {
            let class = self.group(g, event, false, limits);
            push(self.project(class, ready.place, &ready.rules), key);
        }
        for s in &ready.spread {
            let class = self.spread(s, event, limits);
            push(self.project(class, ready.place, &ready.rules), key);
        }
    }

    /// The class of a group of slots.
    fn group(&mut self, g: &ReadyGroup, event: &Event<'_>, spread: bool, limits: &Limits) -> ClassId {
        if g.several.is_empty() {
            let slot = event.slot(g.slot);
            if slot.is_missing() {
                return g.absent;
            }
            return self.class(g, slot, &Event { slots: &[slot], ..*event }, spread, limits);
        }
        let slots: Vec<Slot<'_>> = g.several.iter().map(|&i| event.slot(i)).collect();
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        for s in &slots {
            joined.push(s.kind.0);
            joined.extend_from_slice(&s.data.len().to_le_bytes());
            joined.extend_from_slice(s.data);
        }
        let key = Slot { kind: Kind::MISSING, data: &joined };
        let class = self.class(g, key, &Event { slots: &slots, ..*event }, spread, limits);
        self.joined = joined;
        class
    }

    /// The class of an event of a group's slots, known by `key`.
    fn class(
        &mut self,
        g: &ReadyGroup,
        key: Slot<'_>,
        group: &Event<'_>,
        spread: bool,
        limits: &Limits,
    ) -> ClassId {
        self.work.values += 1;
        if let Some((known, age)) = g.last.get()
            && age == self.age
            && self.values[g.values].is(&known, key)
        {
            self.work.repeats += 1;
            return known.class;
        }
        let short = key.data.len() <= limits.longest_value && g.habit.remembers();
        let hash = if short { Values::hash(&self.hasher, key) } else { 0 };
        if short && let Some(known) = self.values[g.values].get(hash, key) {
            g.last.set(Some((known, self.age)));
            g.habit.known();
            return known.class;
        }
        self.work.value_misses += 1;
        let class =
            if spread && !g.program.has_value(group) { NO_VALUE } else { self.evaluate(&g.program, group) };
        if short && limits.values > 0 {
            if self.bytes > limits.values {
                self.work.resets += 1;
                self.values.iter_mut().for_each(Values::clear);
                self.bytes = 0;
                self.age = self.age.wrapping_add(1);
            }
            self.bytes += self.values[g.values].insert(hash, key, class);
        }
        class
    }

    fn spread(&mut self, s: &ReadySpread, event: &Event<'_>, limits: &Limits) -> ClassId {
        let mut all = s.constants;
        let mut any = s.has_constant;
        for g in &s.parts {
            let class = if g.several.is_empty() && g.program.is_hopeless(event.slot(g.slot)) {
                EMPTY
            } else {
                self.group(g, event, true, limits)
            };
            if class != NO_VALUE {
                any = true;
                all = self.join(all, class);
            }
        }
        if any { all } else { s.absent }
    }

    fn join(&mut self, a: ClassId, b: ClassId) -> ClassId {
        match (a, b) {
            (EMPTY, one) | (one, EMPTY) => one,
            _ if a == b => a,
            _ => {
                let all = union(self.classes.get(a), self.classes.get(b));
                self.classes.intern(&all)
            }
        }
    }
}

impl Decider {
    /// Evaluates the filters that the classes in `key` call for; answers how many.
    fn decide(&mut self, matcher: &Matcher, rules: &RuleSet, classes: &Classes, key: &[u32]) -> u64 {
        self.call(rules, classes, key);
        self.holds.clear();
        self.open.clear();
        let leaf = |leaf: Leaf| match leaf {
            Leaf::Pred(p) => settled(self.truth[p as usize]),
            Leaf::Exact(_) => OPEN,
        };
        for &i in &self.candidates {
            let Some(active) = rules.active.get(i as usize) else { continue };
            match bounds(matcher, active, &leaf) {
                (Truth::True, _) => self.holds.push(active.filter),
                (_, Truth::True) => self.open.push(i),
                _ => {}
            }
        }
        self.forget();
        self.candidates.len() as u64
    }

    /// Sets the truth of every predicate in the classes of `key`.
    fn learn(&mut self, classes: &Classes, key: &[u32]) {
        for e in key.iter().skip(1).flat_map(|&c| classes.get(c)) {
            self.truth[e.pred() as usize] = e.truth();
            self.touched.push(e.pred());
        }
    }

    fn forget(&mut self) {
        for p in self.touched.drain(..) {
            self.truth[p as usize] = Truth::False;
        }
    }

    /// Sets the truth of every predicate and collects the candidates, ascending.
    fn call(&mut self, rules: &RuleSet, classes: &Classes, key: &[u32]) {
        self.learn(classes, key);
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.called.fill(0);
            self.epoch = 1;
        }
        self.candidates.clear();
        let witnesses = self.touched.iter().filter(|p| self.truth[**p as usize] == Truth::True);
        for &i in witnesses.flat_map(|&p| rules.called_by(p)).chain(&rules.always) {
            if std::mem::replace(&mut self.called[i as usize], self.epoch) != self.epoch {
                self.candidates.push(i);
            }
        }
        self.candidates.sort_unstable();
    }

    /// Evaluates filters that hold but for comparisons of several fields, and appends those that do.
    fn settle<'a>(
        &mut self,
        matcher: &Matcher,
        open: impl Iterator<Item = &'a Active>,
        row: &BoundRow<'_>,
        classes: &Classes,
        key: &[u32],
        hits: &mut Vec<FilterId>,
    ) {
        self.learn(classes, key);
        let leaf = |leaf: Leaf| {
            settled(match leaf {
                Leaf::Pred(p) => self.truth[p as usize],
                Leaf::Exact(e) => eval::test(&matcher.compiled.exact[e as usize], row),
            })
        };
        hits.extend(open.filter(|a| bounds(matcher, a, &leaf).0.holds()).map(|a| a.filter));
        self.forget();
    }
}

fn settled(t: Truth) -> Bounds {
    (t, t)
}

fn bounds(matcher: &Matcher, active: &Active, leaf: &impl Fn(Leaf) -> Bounds) -> Bounds {
    let own = matcher.compiled.trees[active.filter as usize].node.bounds(leaf);
    let Some(whens) = &active.whens else { return own };
    let each = whens.iter().map(|&w| matcher.compiled.whens[w as usize].node.bounds(leaf));
    let any = each.fold(settled(Truth::False), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    (own.0.min(any.0), own.1.min(any.1))
}
