//! One thread's pass over events.
//!
//! An event is taken in two steps. Each slot that some filter reads becomes the number of an outcome class, by
//! one look-up of its raw bytes. The classes that are not empty, together, are looked up once more and give the
//! filters that hold. Only what has not been seen before is evaluated.

use std::cell::Cell;
use std::sync::Arc;

use hashbrown::HashMap as FastMap;
use shikra_event::{Event, Kind, ShapeId, Slot, SlotIndex, system};
use shikra_ir::{FieldRef, Truth, eval};
use shikra_taxonomy::Binding;

use crate::compile::{ExactId, PredId};
use crate::costs::Tally;
use crate::known::{Key, Values};
use crate::memo::{ClassId, Classes, EMPTY, Habit, KEPT, Last, Outcomes, Recent, same};
use crate::plan::{Group, ShapePlan, Spread, has_values};
use crate::program::{Buffers, Entry, Program, certainly_text, is_text};
use crate::row::BoundRow;
use crate::rules::{Active, RuleSet};
use crate::team::{Common, Team, World};
use crate::tree::{Leaf, OPEN, settled};
use crate::{EventRow, FilterId, Matcher, Seen};

/// Slots of these names are the same in nearly all events of a shape: they are part of what it stands for.
const FIXED: [&str; 5] =
    [system::PROVIDER, system::PROVIDER_GUID, "Provider_EventSourceName", system::EVENT_ID, system::CHANNEL];

/// In the number of what is asked for of a class: one of its predicates calls for a filter.
const CALLS: ClassId = 1 << 31;

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
    /// Values beside these that were the last one too.
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
    /// Shape → place in `ready`.
    shapes: FastMap<ShapeId, usize, foldhash::fast::RandomState>,
    ready: Vec<Ready>,
    memo: Memo,
    outcomes: Outcomes,
    decider: Decider,
    key: Vec<u32>,
    seen: Seen,
}

/// A shape's plan with its places in the memo.
struct Ready {
    rules: Arc<RuleSet>,
    /// What the plan takes as given and the shape does not promise.
    fixed: Vec<Value>,
    groups: Vec<ReadyGroup>,
    /// So many of the groups, the first ones, can call for a filter, and nothing else does: unless one of them
    /// does, the others need not be looked at. None: it takes all of them.
    callers: Option<usize>,
    spread: Vec<(Spread, ClassId)>,
    start: ClassId,
    bindings: Arc<FastMap<FieldRef, Binding>>,
}

/// A slot's value.
struct Value {
    slot: SlotIndex,
    kind: Kind,
    data: Box<[u8]>,
}

impl Ready {
    /// Whether the plan is good for an event of its shape.
    fn fits(&self, event: &Event<'_>) -> bool {
        self.fixed.iter().all(|v| v.is_in(event))
    }
}

impl Value {
    fn is_in(&self, event: &Event<'_>) -> bool {
        let slot = event.slot(self.slot);
        slot.kind == self.kind && same(&self.data, slot.data)
    }
}

struct ReadyGroup {
    slot: SlotIndex,
    /// All slots, where there are several.
    several: Box<[SlotIndex]>,
    /// What is asked for where the slot has nothing.
    absent: ClassId,
    last: Last,
    program: Arc<Program>,
    habit: Habit,
}

/// Outcomes of values.
struct Memo {
    team: Arc<Common>,
    /// What numbers of classes stand for.
    world: Arc<World>,
    classes: Classes,
    values: Values,
    recent: Recent,
    /// Rule set, class → what of it the rule set asks for. A program knows the predicates of all rule sets.
    asked: FastMap<(u32, ClassId), ClassId, foldhash::fast::RandomState>,
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
    /// Comparisons of several variables: for which event each was asked last, and its truth. Many filters ask the same.
    exact: Vec<Cell<(u32, Truth)>>,
    /// Number of the event that they are asked of.
    settling: u32,
    /// By filter, where costs are counted: how often its condition was evaluated.
    evaluated: Option<Vec<u64>>,
}

impl Scratch {
    pub(crate) fn new(matcher: &Matcher, team: &Team) -> Scratch {
        let team = team.common();
        let world = team.world();
        Scratch {
            limits: team.limits,
            shapes: FastMap::default(),
            ready: Vec::new(),
            memo: Memo {
                classes: Classes::new(team.hasher.clone(), world.classes.clone()),
                values: Values::new(world.known.clone()),
                recent: Recent::new(team.limits.values),
                world,
                team,
                asked: FastMap::default(),
                buffers: Buffers::default(),
                entries: Vec::new(),
                joined: Vec::new(),
                work: Work::default(),
            },
            outcomes: Outcomes::default(),
            decider: Decider {
                truth: vec![Truth::False; matcher.compiled.preds.len()],
                touched: Vec::new(),
                called: vec![0; matcher.compiled.trees.len()],
                epoch: 0,
                candidates: Vec::new(),
                holds: Vec::new(),
                open: Vec::new(),
                exact: vec![Cell::new((0, Truth::False)); matcher.compiled.exact.len()],
                settling: 0,
                evaluated: None,
            },
            key: Vec::new(),
            seen: Seen::new(matcher.compiled.trees.len()),
        }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Counts what filters cost from now on: see [`Matcher::costs`]. Before the first event.
    pub fn count_costs(&mut self) {
        self.memo.buffers.found.tally = Some(Box::default());
        self.decider.evaluated = Some(vec![0; self.seen.hits.len()]);
    }

    /// What was counted.
    pub(crate) fn counted(&self) -> Option<(&Tally, &[u64])> {
        Some((self.memo.buffers.found.tally.as_deref()?, self.decider.evaluated.as_deref()?))
    }

    /// The work done so far.
    pub fn work(&self) -> Work {
        Work { events: self.seen.events, ..self.memo.work }
    }

    pub(crate) fn run(&mut self, matcher: &Matcher, event: &Event<'_>, hits: &mut Vec<FilterId>) {
        self.seen.events += 1;
        let known = self.shapes.get(&event.shape.id()).copied();
        let full = self.memo.class_bytes() > self.limits.classes;
        let place = match known.filter(|&r| !full && self.ready[r].fits(event)) {
            Some(place) => place,
            None => self.plan(matcher, event),
        };
        let Some(ready) = self.ready.get_mut(place) else { return };
        if ready.rules.active.is_empty() {
            return;
        }
        if !self.memo.outcome_key(ready, event, &self.limits, &mut self.key) {
            return;
        }
        let hash = Outcomes::hash(&self.memo.team.hasher, &self.key);
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

    /// Plans the shape of `event`, making room where there is none; answers its place.
    #[cold]
    fn plan(&mut self, matcher: &Matcher, event: &Event<'_>) -> usize {
        if self.memo.class_bytes() > self.limits.classes {
            self.memo.work.resets += 1;
            self.memo.forget();
            self.outcomes.clear();
            self.forget_shapes();
        }
        let known = self.shapes.get(&event.shape.id()).copied();
        if known.is_none() && self.shapes.len() >= self.limits.shapes {
            self.forget_shapes();
        }
        // What was found to change is not taken as given again.
        let mut fixed: Vec<SlotIndex> = match known {
            Some(place) => {
                self.ready[place].fixed.iter().filter(|v| v.is_in(event)).map(|v| v.slot).collect()
            }
            None => fixed(event),
        };
        fixed.extend(event.shape.constant());
        self.memo.work.plans += 1;
        let team = Some(&*self.memo.team).filter(|team| !team.is_alone());
        let plan = matcher.cache.plan(&matcher.compiled, &matcher.taxonomy, event, &fixed, team);
        self.seen.shape(&matcher.compiled, &plan);
        fixed.retain(|i| !event.shape.constant().contains(i));
        let ready = self.memo.ready(&plan, event, &fixed);
        let place = known.unwrap_or(self.ready.len());
        match self.ready.get_mut(place) {
            Some(old) => *old = ready,
            None => self.ready.push(ready),
        }
        self.shapes.insert(event.shape.id(), place);
        place
    }

    fn forget_shapes(&mut self) {
        self.shapes.clear();
        self.ready.clear();
    }
}

/// Slots whose value may be taken as given.
fn fixed(event: &Event<'_>) -> Vec<SlotIndex> {
    let all = FIXED.iter().flat_map(|name| event.shape.positions(name)).copied();
    all.filter(|&i| event.slot(i).data.len() <= KEPT).collect()
}

impl Memo {
    fn forget(&mut self) {
        self.world = self.team.next_world(&self.world);
        self.classes = Classes::new(self.team.hasher.clone(), self.world.classes.clone());
        self.values = Values::new(self.world.known.clone());
        self.recent.clear();
        self.asked = FastMap::default();
    }

    fn class_bytes(&self) -> usize {
        self.classes.bytes() + self.asked.len() * 16
    }

    /// What a rule set asks for of a class.
    fn project(&mut self, class: ClassId, rules: &RuleSet) -> ClassId {
        if class == EMPTY {
            return EMPTY;
        }
        if let Some(known) = self.asked.get(&(rules.id, class)) {
            return *known;
        }
        self.entries.clear();
        self.classes.meet(class);
        self.entries.extend(self.classes.get(class).iter().filter(|e| rules.asks(e.pred())));
        let calls = |e: &Entry| e.truth() == Truth::True && !rules.called_by(e.pred()).is_empty();
        let call = if self.entries.iter().any(calls) { CALLS } else { 0 };
        let asked = self.classes.intern(&self.entries) | call;
        self.asked.insert((rules.id, class), asked);
        asked
    }

    fn ready(&mut self, plan: &ShapePlan, event: &Event<'_>, fixed: &[SlotIndex]) -> Ready {
        let can_call = |g: &Group| g.program.preds().any(|p| !plan.rules.called_by(p).is_empty());
        let (first, later): (Vec<&Group>, Vec<&Group>) = plan.groups.iter().partition(|g| can_call(g));
        let callers = first.len();
        let groups =
            first.into_iter().chain(later).map(|g| self.ready_group(g, event, &plan.rules)).collect();
        let calls = |e: &Entry| e.truth() == Truth::True && !plan.rules.called_by(e.pred()).is_empty();
        let others = plan.start.iter().chain(plan.spread.iter().flat_map(|s| &s.absent));
        let alone = plan.rules.always.is_empty() && !others.into_iter().any(calls);
        let spread = plan.spread.iter().map(|s| {
            let absent = self.classes.intern(&s.absent);
            let absent = self.project(absent, &plan.rules);
            (s.clone(), absent)
        });
        let value = |&slot: &SlotIndex| {
            let Slot { kind, data } = event.slot(slot);
            Value { slot, kind, data: data.into() }
        };
        Ready {
            groups,
            callers: alone.then_some(callers),
            spread: spread.collect(),
            start: self.classes.intern(&plan.start),
            fixed: fixed.iter().map(value).collect(),
            bindings: plan.bindings.clone(),
            rules: plan.rules.clone(),
        }
    }

    fn ready_group(&mut self, g: &Group, event: &Event<'_>, rules: &RuleSet) -> ReadyGroup {
        let absent = self.evaluate(&g.program, &Event { slots: &[], ..*event });
        ReadyGroup {
            slot: g.slots.first().copied().unwrap_or(SlotIndex::MAX),
            several: if g.slots.len() > 1 { g.slots.as_slice().into() } else { Box::default() },
            program: g.program.clone(),
            absent: self.project(absent, rules),
            last: Last::default(),
            habit: Habit::default(),
        }
    }

    fn evaluate(&mut self, program: &Program, group: &Event<'_>) -> ClassId {
        self.entries.clear();
        program.evaluate(group, &mut self.buffers, &mut self.entries);
        self.classes.intern(&self.entries)
    }

    /// Rule set and classes that are not empty; false where no filter is called for.
    fn outcome_key(
        &mut self,
        ready: &mut Ready,
        event: &Event<'_>,
        limits: &Limits,
        key: &mut Vec<u32>,
    ) -> bool {
        key.clear();
        key.push(ready.rules.id);
        let push = |class: ClassId, key: &mut Vec<u32>| {
            if class != EMPTY {
                key.push(class);
            }
        };
        push(ready.start, key);
        let callers = ready.callers.unwrap_or(0).min(ready.groups.len());
        let (first, later) = ready.groups.split_at_mut(callers);
        let mut called = 0;
        for g in first {
            let class = self.group(g, event, &ready.rules, limits);
            called |= class & CALLS;
            push(class, key);
        }
        if ready.callers.is_some() && called == 0 {
            return false;
        }
        for g in later {
            push(self.group(g, event, &ready.rules, limits), key);
        }
        for (spread, absent) in &ready.spread {
            if !has_any(spread, event) {
                push(*absent, key);
            }
        }
        true
    }

    /// What the rules ask for of the class of a group of slots.
    fn group(&mut self, g: &mut ReadyGroup, event: &Event<'_>, rules: &RuleSet, limits: &Limits) -> ClassId {
        if !g.several.is_empty() {
            return self.joined(g, event, rules, limits);
        }
        // By reference: copies of slots are what a quick look would mostly consist of.
        let at = g.slot as usize;
        let Some(slots @ [slot]) = event.slots.get(at..=at) else { return g.absent };
        if slot.is_missing() {
            return g.absent;
        }
        if g.last.is(slot) {
            self.work.repeats += 1;
            return g.last.asked;
        }
        if g.program.is_hopeless(*slot) {
            if slot.kind == Kind::JSON_STRING {
                g.last.set(*slot, EMPTY);
            }
            return EMPTY;
        }
        self.asked(g, *slot, &Event { slots, ..*event }, rules, limits)
    }

    fn joined(&mut self, g: &mut ReadyGroup, event: &Event<'_>, rules: &RuleSet, limits: &Limits) -> ClassId {
        let slots: Vec<Slot<'_>> = g.several.iter().map(|&i| event.slot(i)).collect();
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        for s in &slots {
            joined.push(s.kind.0);
            joined.extend_from_slice(&s.data.len().to_le_bytes());
            joined.extend_from_slice(s.data);
        }
        let key = Slot { kind: Kind::MISSING, data: &joined };
        let asked = if g.last.is(&key) {
            g.last.asked
        } else {
            self.asked(g, key, &Event { slots: &slots, ..*event }, rules, limits)
        };
        self.joined = joined;
        asked
    }

    /// What the rules ask for of an event of a group's slots, known by `key`.
    fn asked(
        &mut self,
        g: &mut ReadyGroup,
        key: Slot<'_>,
        group: &Event<'_>,
        rules: &RuleSet,
        limits: &Limits,
    ) -> ClassId {
        self.work.values += 1;
        // What is forgotten by chance would be counted again by chance.
        let counted = self.buffers.found.tally.is_some();
        let recent = Recent::takes(key) && is_text(key.kind) && !counted && g.program.is_cheap();
        let class = if recent { self.recent_class(g, key, group) } else { self.class(g, key, group, limits) };
        let asked = self.project(class, rules);
        g.last.set(key, asked);
        asked
    }

    /// The class of a short value that is as well evaluated.
    fn recent_class(&mut self, g: &ReadyGroup, slot: Slot<'_>, group: &Event<'_>) -> ClassId {
        let key = self.key(g, slot);
        if let Some(known) = self.recent.get(&key) {
            return known;
        }
        let class = self.missed(g, group);
        self.recent.put(&key, class);
        class
    }

    fn key<'s>(&self, g: &ReadyGroup, slot: Slot<'s>) -> Key<'s> {
        Key { hash: self.team.hasher.value(slot), program: g.program.id, slot }
    }

    /// The class of a value that is not known.
    fn missed(&mut self, g: &ReadyGroup, group: &Event<'_>) -> ClassId {
        self.work.value_misses += 1;
        self.evaluate(&g.program, group)
    }

    /// The class of an event of a group's slots, known by `slot`.
    fn class(&mut self, g: &mut ReadyGroup, slot: Slot<'_>, group: &Event<'_>, limits: &Limits) -> ClassId {
        if slot.data.len() > limits.longest_value || !g.habit.remembers() {
            return self.missed(g, group);
        }
        let key = self.key(g, slot);
        if let Some(known) = self.values.get(&key) {
            g.habit.known += 1;
            return known;
        }
        let class = self.missed(g, group);
        self.work.resets += u64::from(self.values.insert(&key, class));
        class
    }
}

/// Whether one of the fields has a value.
fn has_any(spread: &Spread, event: &Event<'_>) -> bool {
    spread.parts.iter().any(|b| certainly_text(b, event) || has_values(&b.value(event)))
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
            if let Some(evaluated) = &mut self.evaluated {
                evaluated[active.filter as usize] += 1;
            }
            match active.bounds(&matcher.compiled, &leaf) {
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
        for e in key.iter().skip(1).flat_map(|&c| classes.get(c & !CALLS)) {
            // Variables of many fields are in several classes: the greatest truth counts.
            let truth = &mut self.truth[e.pred() as usize];
            *truth = e.truth().max(*truth);
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
        self.settling = self.settling.wrapping_add(1);
        if self.settling == 0 {
            self.exact.iter().for_each(|known| known.set((0, Truth::False)));
            self.settling = 1;
        }
        let exact = |e: ExactId| {
            let known = &self.exact[e as usize];
            if known.get().0 != self.settling {
                known.set((self.settling, eval::test(&matcher.compiled.exact[e as usize], row)));
            }
            known.get().1
        };
        let leaf = |leaf: Leaf| {
            settled(match leaf {
                Leaf::Pred(p) => self.truth[p as usize],
                Leaf::Exact(e) => exact(e),
            })
        };
        hits.extend(open.filter(|a| a.bounds(&matcher.compiled, &leaf).0.holds()).map(|a| a.filter));
        self.forget();
    }
}
