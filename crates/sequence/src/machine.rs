//! Runs a [`Program`] over events in order of time.

use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::eval;

use crate::kinds::{Arrival, At, Emission, Node};
use crate::program::{Columns, NodeSpec, Pick, Program, Route};

/// Bounds on memory. When one is reached the machine goes on and counts what it lost in [`Stats`].
#[derive(Clone, Debug)]
pub struct Limits {
    /// Keys with state, per operator. Beyond it the key that has gone longest without an event is forgotten.
    pub max_keys: usize,
    /// Events held by all keys of an operator; beyond it keys are forgotten in the same way.
    pub max_events: usize,
    /// Events held in one window of one key; beyond it the oldest go (a window that waits for its end keeps
    /// the first ones, and counts the rest).
    pub max_window: usize,
    /// Distinct values that an aggregate keeps for one key; beyond it new ones are not counted.
    pub max_values: usize,
    /// Keys that one event may belong to, where its key values are lists.
    pub max_keys_per_event: usize,
    /// Steps that the choice of samples of one key may take.
    pub max_steps: usize,
    /// Events that a [`crate::Stream`] holds back until their turn; beyond it the earliest go ahead.
    pub max_buffer: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_keys: 200_000,
            max_events: 1_000_000,
            max_window: 100_000,
            max_values: 100_000,
            max_keys_per_event: 256,
            max_steps: 100_000,
            max_buffer: 1_000_000,
        }
    }
}

/// What a machine has seen and what it had to let go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events taken in.
    pub events: u64,
    /// Events that came after their time had passed, and were left out.
    pub late: u64,
    /// Events that went ahead before the watermark, because too many were held back.
    pub hurried: u64,
    /// Keys forgotten because there were too many, or too many events.
    pub keys_evicted: u64,
    /// Events no longer held when their window still was open.
    pub events_dropped: u64,
    /// Distinct values not counted.
    pub values_dropped: u64,
    /// Keys that an event would have belonged to beyond the number allowed.
    pub keys_cut: u64,
    /// Keys whose samples were not all looked for.
    pub samples_cut: u64,
    /// Matches found.
    pub matches: u64,
}

impl Stats {
    /// Whether a limit was reached, so that matches may be missing or incomplete.
    pub fn degraded(&self) -> bool {
        let lost = [self.late, self.keys_evicted, self.events_dropped, self.values_dropped];
        lost.iter().any(|n| *n > 0) || self.keys_cut + self.samples_cut > 0
    }
}

/// An event that passed at least one leaf's filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Event time. An event without one has the time of the event fed before it (see also
    /// [`crate::order_batch`] and [`crate::Stream`], which look at its own source only).
    pub time: Option<Timestamp>,
    /// Orders events of equal time: source number, record number. No two events share it.
    pub order: (u32, u64),
    /// Whatever the caller knows the event by; comes back in [`Match::events`].
    pub handle: u64,
    /// The leaves it passed, by number, with their [`crate::Leaf::values`] read from it.
    pub hits: Vec<(usize, Vec<Value>)>,
}

/// An event of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchedEvent {
    /// Stage of a sequence, member of a set, 0 for counts; of the outermost rule where rules are chained.
    pub stage: u32,
    /// [`Input::handle`]; none for an absent stage.
    pub event: Option<u64>,
}

/// A match of the program's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// When it became known: the time of the event that completed it, or the end of the time during which
    /// something had to be absent or counted.
    pub time: Timestamp,
    /// Time of its earliest event.
    pub first: Option<Timestamp>,
    /// Time of its latest event.
    pub last: Option<Timestamp>,
    /// Its events. Sequences, joins and samples: by stage; otherwise by time, each event once.
    pub events: Vec<MatchedEvent>,
    /// Key columns.
    pub keys: Vec<(Arc<str>, Value)>,
    /// Aggregate columns.
    pub columns: Vec<(Arc<str>, Value)>,
    /// Events that took part and are not listed because a limit was reached.
    pub lost: u64,
    /// It waited for a time that the input did not reach: what had to be absent or counted might still have
    /// come.
    pub early: bool,
}

/// A program at work. Feed it events in order of time and `order`; the same events give the same matches in
/// the same order, whenever [`Machine::advance`] is called in between.
pub struct Machine {
    specs: Vec<Arc<NodeSpec>>,
    leaf_routes: Vec<Vec<Route>>,
    nodes: Vec<Box<dyn Node>>,
    /// By node: what arrives there. Empty between events.
    inbox: Vec<Vec<Arrival>>,
    last: Option<At>,
    ended: bool,
    stats: Stats,
}

impl Machine {
    /// A machine that has seen nothing.
    pub fn new(program: &Program, limits: Limits) -> Machine {
        let limits = Arc::new(limits);
        Machine {
            nodes: program.nodes.iter().map(|n| n.spec.machine(n, &limits)).collect(),
            inbox: program.nodes.iter().map(|_| Vec::new()).collect(),
            specs: program.nodes.clone(),
            leaf_routes: program.leaf_routes.clone(),
            last: None,
            ended: false,
            stats: Stats::default(),
        }
    }

    /// Takes an event. One that belongs before the event fed last is left out and counted.
    pub fn push(&mut self, input: Input, out: &mut Vec<Match>) {
        let time = input.time.map(|t| t.0).or(self.last.map(|l| l.time)).unwrap_or(0);
        let at = At { time, order: input.order };
        if self.last.is_some_and(|l| at < l) {
            self.stats.late += 1;
            return;
        }
        self.stats.events += 1;
        self.run_until(time, out);
        self.last = Some(at);
        let mut inbox = std::mem::take(&mut self.inbox);
        for (leaf, values) in &input.hits {
            for route in self.leaf_routes.get(*leaf).into_iter().flatten() {
                let arrival =
                    Arrival { port: route.port, events: vec![(at, input.handle)], row: route.apply(values) };
                if let Some(arrivals) = inbox.get_mut(route.node) {
                    arrivals.push(arrival);
                }
            }
        }
        self.settle(at, &mut inbox, 0, out);
        self.inbox = inbox;
    }

    /// Says that no event before `watermark` will come: what waited for earlier times becomes known.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Match>) {
        self.run_until(watermark.0, out);
        let begin = At { time: watermark.0, order: (0, 0) };
        self.last = Some(self.last.map_or(begin, |l| l.max(begin)));
    }

    /// Says that no more events will come. Tell the machine before, with [`Machine::advance`], how far the
    /// input went, if it went further than the events fed: [`Match::early`] depends on it.
    pub fn finish(&mut self, out: &mut Vec<Match>) {
        self.ended = true;
        let at = At::end_of(self.last.map_or(0, |l| l.time));
        for node in 0..self.nodes.len() {
            let mut found = Vec::new();
            if let Some(n) = self.nodes.get_mut(node) {
                n.end(at, &mut self.stats, &mut found);
            }
            self.deliver(at, node, found, out);
        }
        self.run_until(i64::MAX, out);
        self.last = Some(at);
    }

    /// What was seen and lost so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    /// Serves everything that was to happen before `time`, earliest first.
    fn run_until(&mut self, time: i64, out: &mut Vec<Match>) {
        loop {
            let wakes = self.nodes.iter().enumerate().filter_map(|(i, n)| Some((n.wake()?, i)));
            let Some((when, node)) = wakes.min().filter(|(t, _)| *t < time) else { return };
            let mut found = Vec::new();
            if let Some(n) = self.nodes.get_mut(node) {
                n.fire(&mut self.stats, &mut found);
            }
            self.deliver(At::end_of(when), node, found, out);
        }
    }

    /// Hands a node's matches to its receivers and lets those work.
    fn deliver(&mut self, at: At, node: usize, found: Vec<Emission>, out: &mut Vec<Match>) {
        if found.is_empty() {
            return;
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        self.send(node, found, &mut inbox, out);
        self.settle(at, &mut inbox, node + 1, out);
        self.inbox = inbox;
    }

    /// Lets the nodes from `first` on work through what arrived, children before parents.
    fn settle(&mut self, at: At, inbox: &mut [Vec<Arrival>], first: usize, out: &mut Vec<Match>) {
        for node in first..self.nodes.len() {
            let mut arrivals = inbox.get_mut(node).map(std::mem::take).unwrap_or_default();
            if arrivals.is_empty() {
                continue;
            }
            arrivals.sort_by_key(|a| a.port);
            let mut found = Vec::new();
            if let Some(n) = self.nodes.get_mut(node) {
                n.tick(at, arrivals, &mut self.stats, &mut found);
            }
            self.send(node, found, inbox, out);
        }
    }

    /// Filters a node's matches and puts them before its receivers; a root's leave the machine.
    fn send(&mut self, node: usize, found: Vec<Emission>, inbox: &mut [Vec<Arrival>], out: &mut Vec<Match>) {
        let Some(spec) = self.specs.get(node).filter(|_| !found.is_empty()).cloned() else { return };
        for emission in found {
            let carried = carried(&spec, &emission);
            if !passes(&spec, &emission, &carried) {
                continue;
            }
            if spec.root {
                self.stats.matches += 1;
                let mut found = to_match(&spec, &emission);
                found.early = self.ended && self.last.is_none_or(|l| l.time < found.time.0);
                out.push(found);
            }
            let row = row(&spec, &emission, &carried);
            for route in &spec.routes {
                if let Some(arrivals) = inbox.get_mut(route.node) {
                    let events = events_of(&spec, &emission).into_iter().filter_map(|(_, e)| e).collect();
                    arrivals.push(Arrival { port: route.port, events, row: route.apply(&row) });
                }
            }
        }
    }
}

/// Of each carried scalar the value of the latest event that has one.
fn carried(spec: &NodeSpec, emission: &Emission) -> Vec<Value> {
    let read = |i: usize| {
        let occurrences = emission.parts.iter().rev().filter_map(|(_, o)| o.as_ref());
        let mut values = occurrences.filter_map(|o| o.carried.get(i)).filter(|v| !v.is_null());
        values.next().cloned().unwrap_or_default()
    };
    (0..spec.carried.len()).map(read).collect()
}

fn passes(spec: &NodeSpec, emission: &Emission, carried: &[Value]) -> bool {
    let Some(filter) = &spec.filter else { return true };
    let columns = |i: usize| emission.columns.get(i).cloned().unwrap_or_default();
    let row = Columns { spec, keys: &emission.key.values, columns: &columns, carried };
    eval::truth(filter, &row).holds()
}

fn row(spec: &NodeSpec, emission: &Emission, carried: &[Value]) -> Vec<Value> {
    let value = |pick: &Pick| match pick {
        Pick::Key(i) => emission.key.values.get(*i).cloned().unwrap_or_default(),
        Pick::Column(i) => emission.columns.get(*i).cloned().unwrap_or_default(),
        Pick::Carry(i) => carried.get(*i).cloned().unwrap_or_default(),
        Pick::Const(v) => v.clone(),
    };
    spec.row.iter().map(value).collect()
}

/// Every event of a match with its stage: those of chained matches in their place, or all in order of time
/// and each once where the operator has no stages.
fn events_of(spec: &NodeSpec, emission: &Emission) -> Vec<(u32, Option<(At, u64)>)> {
    let mut all = Vec::new();
    for (stage, occ) in &emission.parts {
        match occ {
            None => all.push((*stage, None)),
            Some(occ) => all.extend(occ.events.iter().map(|e| (*stage, Some(*e)))),
        }
    }
    if spec.spec.lists_by_time() {
        all.sort_by_key(|(stage, e)| (*e, *stage));
        all.dedup_by_key(|(_, e)| *e);
    }
    all
}

fn to_match(spec: &NodeSpec, emission: &Emission) -> Match {
    let events = events_of(spec, emission);
    let times = || events.iter().filter_map(|(_, e)| e.map(|(at, _)| Timestamp(at.time)));
    let named = |names: &[Arc<str>], values: &[Value]| {
        names.iter().cloned().zip(values.iter().cloned()).collect::<Vec<_>>()
    };
    Match {
        time: Timestamp(emission.at.time),
        first: times().min(),
        last: times().max(),
        keys: named(&spec.key_names, &emission.key.values),
        columns: named(&spec.column_names, &emission.columns),
        lost: emission.lost,
        early: false,
        events: events.iter().map(|(s, e)| MatchedEvent { stage: *s, event: e.map(|(_, h)| h) }).collect(),
    }
}
