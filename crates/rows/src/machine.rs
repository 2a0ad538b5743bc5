//! Runs a [`Program`] over survivors in order of time.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Timestamp, Value};
use shikra_sequence::{Input, Limits, Machine as Inner, Match, MatchedEvent, Stats};

use crate::compile::{Core, Keyed, Program};
use crate::gate::{Port, Trees};
use crate::operate;
use crate::row::Row;

/// A program at work. Feed it as [`shikra_sequence::Machine`]: in order of time and `order`.
pub struct Machine {
    program: Arc<Program>,
    trees: Trees,
    inner: Option<Inner>,
    /// Rows that wait for the operators.
    rows: Vec<Row>,
    /// What the operators read of events that may yet take part in a match, oldest first.
    kept: Kept,
    most: usize,
    last: Timestamp,
    stats: Stats,
}

impl Machine {
    /// A machine that has seen nothing.
    pub fn new(program: &Program, limits: Limits) -> Machine {
        let inner = match &program.core {
            Core::Events(_) => None,
            Core::Keyed(k) => Some(Inner::new(&k.program, limits.clone())),
        };
        Machine {
            trees: Trees::new(&program.trees, &limits),
            inner,
            rows: Vec::new(),
            kept: Kept { most: limits.max_events, ..Kept::default() },
            most: limits.max_events,
            last: Timestamp(0),
            stats: Stats::default(),
            program: Arc::new(program.clone()),
        }
    }

    /// Takes an event.
    pub fn push(&mut self, input: Input, out: &mut Vec<Match>) {
        let program = self.program.clone();
        self.last = input.time.unwrap_or(self.last);
        self.learn(&program, &input);
        let passed = self.passed(&program, &input);
        match &program.core {
            Core::Events(port) => {
                self.stats.events += 1;
                let cells = passed.into_iter().find(|(p, _)| p == port).map(|(_, c)| c);
                if let Some(cells) = cells {
                    let found = self.event_match(input.handle);
                    let places = program.ports.get(*port).map(|p| p.reads.as_slice()).unwrap_or_default();
                    let cells = program.reads.iter().map(|r| {
                        places
                            .iter()
                            .position(|p| p == r)
                            .and_then(|i| cells.get(i))
                            .cloned()
                            .unwrap_or_default()
                    });
                    let cells = cells.collect();
                    self.found(&program, found, cells, out);
                }
            }
            Core::Keyed(keyed) => self.feed(&program, keyed, input, passed, out),
        }
    }

    /// Says that no event before `watermark` will come.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Match>) {
        let mut matches = Vec::new();
        if let Some(inner) = &mut self.inner {
            inner.advance(watermark, &mut matches);
        }
        self.matched(matches, out);
    }

    /// Says that no more events will come.
    pub fn finish(&mut self, out: &mut Vec<Match>) {
        let mut matches = Vec::new();
        if let Some(inner) = &mut self.inner {
            inner.finish(&mut matches);
        }
        self.matched(matches, out);
        let rows = operate::all(&self.program, std::mem::take(&mut self.rows));
        out.extend(
            rows.into_iter().map(|r| Match { columns: merged(r.found.columns, r.columns), ..r.found }),
        );
    }

    /// What was seen and lost so far.
    pub fn stats(&self) -> Stats {
        let mut all = self.inner.as_ref().map_or_else(Stats::default, |i| i.stats().clone());
        all.events += self.stats.events;
        all.matches += self.stats.matches;
        all.events_dropped += self.stats.events_dropped + self.kept.lost;
        all.keys_evicted += self.trees.lost;
        all
    }

    /// Tells the trees who is whose child.
    fn learn(&mut self, program: &Program, input: &Input) {
        for (leaf, places) in &program.process_leaves {
            let Some((_, values)) = input.hits.iter().find(|(l, _)| l == leaf) else { continue };
            self.trees.learn(places.map(|i| values.get(i).unwrap_or(&Value::Missing)));
        }
    }

    /// The ports that the event passes, with what they read.
    fn passed(&mut self, program: &Program, input: &Input) -> Vec<(usize, Vec<Value>)> {
        let mut out = Vec::new();
        for (number, port) in program.ports.iter().enumerate() {
            let Some((_, values)) = input.hits.iter().find(|(l, _)| *l == port.leaf) else { continue };
            let cells = cells(port, values);
            if self.trees.passes(port, &cells) {
                self.trees.matched(number, port, &cells);
                out.push((number, cells));
            }
        }
        out
    }

    fn event_match(&self, handle: u64) -> Match {
        Match {
            time: self.last,
            first: Some(self.last),
            last: Some(self.last),
            events: vec![MatchedEvent { stage: 0, event: Some(handle) }],
            keys: vec![],
            columns: vec![],
            lost: 0,
            early: false,
        }
    }

    /// Hands an event to the keyed program.
    fn feed(
        &mut self,
        program: &Program,
        keyed: &Keyed,
        input: Input,
        passed: Vec<(usize, Vec<Value>)>,
        out: &mut Vec<Match>,
    ) {
        let mut hits = Vec::new();
        for (leaf, (port, places)) in keyed.feeds.iter().enumerate() {
            let Some((_, cells)) = passed.iter().find(|(p, _)| p == port) else { continue };
            let values = places.iter().map(|i| cells.get(*i).cloned().unwrap_or_default()).collect();
            hits.push((leaf, values));
        }
        if hits.is_empty() {
            return;
        }
        if !program.reads.is_empty() {
            self.kept.keep(input.handle, passed);
        }
        let mut matches = Vec::new();
        if let Some(inner) = &mut self.inner {
            inner.push(Input { hits, ..input }, &mut matches);
        }
        self.matched(matches, out);
    }

    fn matched(&mut self, matches: Vec<Match>, out: &mut Vec<Match>) {
        let program = self.program.clone();
        let Core::Keyed(keyed) = &program.core else { return };
        for found in matches {
            let cell = |wanted: &Option<(usize, usize)>| {
                let (slot, place) = (*wanted)?;
                let handle = found.events.get(slot)?.event?;
                self.kept.cell(handle, (*keyed.slots.get(slot)?)?, place)
            };
            let cells = keyed.cells.iter().map(|c| cell(c).unwrap_or_default()).collect();
            self.found(&program, found, cells, out);
        }
    }

    fn found(&mut self, program: &Program, found: Match, cells: Arc<[Value]>, out: &mut Vec<Match>) {
        if program.operators.is_empty() {
            if self.inner.is_none() {
                self.stats.matches += 1;
            }
            out.push(found);
        } else if self.rows.len() < self.most {
            self.rows.push(Row { columns: found.keys.clone(), found, cells });
        } else {
            self.stats.events_dropped += 1;
        }
    }
}

fn cells(port: &Port, values: &[Value]) -> Vec<Value> {
    port.at.iter().map(|i| values.get(*i).cloned().unwrap_or_default()).collect()
}

/// Columns of the keyed operator, then those made since; keys stay keys.
fn merged(own: Vec<(Arc<str>, Value)>, made: Vec<(Arc<str>, Value)>) -> Vec<(Arc<str>, Value)> {
    let mut out = own;
    for (name, value) in made {
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => out.push((name, value)),
        }
    }
    out
}

/// Values read from events, by handle.
#[derive(Default)]
struct Kept {
    by_handle: HashMap<u64, Vec<(usize, Vec<Value>)>>,
    oldest: VecDeque<u64>,
    most: usize,
    lost: u64,
}

impl Kept {
    fn keep(&mut self, handle: u64, ports: Vec<(usize, Vec<Value>)>) {
        if self.oldest.len() >= self.most
            && let Some(old) = self.oldest.pop_front()
        {
            self.by_handle.remove(&old);
            self.lost += 1;
        }
        if self.by_handle.insert(handle, ports).is_none() {
            self.oldest.push_back(handle);
        }
    }

    fn cell(&self, handle: u64, port: usize, place: usize) -> Option<Value> {
        let (_, cells) = self.by_handle.get(&handle)?.iter().find(|(p, _)| *p == port)?;
        cells.get(place).cloned()
    }
}
