//! Runs a [`Program`] over survivors in order of time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Timestamp, Value};
use shikra_sequence::{Input, Limits, Machine as Inner, Match, Stats};

use crate::compile::{Core, Keyed, Program};
use crate::gate::{Port, Trees};
use crate::merge::{Merge, brought_together};
use crate::more;
use crate::operate;
use crate::outside::{self, Around, Ended, Room, Waiting};
use crate::row::Row;

/// A program at work. Feed it as [`shikra_sequence::Machine`]: in order of time and `order`.
pub struct Machine {
    program: Arc<Program>,
    trees: Trees,
    inner: Option<Inner>,
    /// Events go to the keyed program as they come.
    straight: bool,
    /// The programs that are merged.
    parts: Vec<Machine>,
    /// Rows that wait for the operators.
    rows: Vec<Row>,
    /// Those that were too many to be held.
    waiting: Waiting,
    /// What the operators read of events that may yet take part in a match, oldest first.
    kept: Kept,
    most: usize,
    last: Timestamp,
    stats: Stats,
}

impl Machine {
    /// A machine that has seen nothing.
    pub fn new(program: &Program, limits: Limits) -> Machine {
        Machine::within(program, limits, None)
    }

    /// A machine that has seen nothing, whose rows go outside when a room is full. Without a room, rows beyond
    /// [`Limits::max_events`] are lost and counted.
    pub fn within(program: &Program, limits: Limits, room: Option<&Room>) -> Machine {
        let inner = match &program.core {
            Core::Keyed(k) => Some(Inner::new(&k.program, limits.clone())),
            Core::Events(_) | Core::Merged(_) | Core::Values(_) => None,
        };
        let parts = match &program.core {
            Core::Merged(m) => {
                m.inputs.iter().map(|i| Machine::within(&i.program, limits.clone(), room)).collect()
            }
            Core::Events(_) | Core::Keyed(_) | Core::Values(_) => Vec::new(),
        };
        Machine {
            trees: Trees::new(&program.trees, &limits),
            inner,
            straight: matches!(&program.core, Core::Keyed(k) if is_straight(program, k)),
            parts,
            rows: Vec::new(),
            waiting: Waiting::new(room),
            kept: Kept { most: limits.max_events, ..Kept::default() },
            most: limits.max_events,
            last: Timestamp(0),
            stats: Stats::default(),
            program: Arc::new(program.clone()),
        }
    }

    /// Whether events that only tell who is whose child are of no use yet: then [`Machine::pass_by`] does for them.
    pub fn is_idle(&self) -> bool {
        self.trees.are_empty() && self.parts.iter().all(Machine::is_idle)
    }

    /// Takes note that there was an event at a time.
    pub fn pass_by(&mut self, time: Timestamp) {
        self.last = time;
    }

    /// Takes an event.
    pub fn push(&mut self, input: Input, out: &mut Vec<Match>) {
        self.last = input.time.unwrap_or(self.last);
        if self.straight {
            let mut matches = Vec::new();
            if let Some(inner) = &mut self.inner {
                inner.push(input, &mut matches);
            }
            return self.matched(matches, out);
        }
        let program = self.program.clone();
        self.learn(&program, &input);
        let passed = self.passed(&program, &input);
        match &program.core {
            Core::Events(port) => {
                self.stats.events += 1;
                let cells = passed.into_iter().find(|(p, _)| p == port).map(|(_, c)| c);
                if let Some(cells) = cells {
                    let places = program.ports.get(*port).map(|p| p.reads.as_slice()).unwrap_or_default();
                    let cells = program
                        .reads
                        .iter()
                        .map(|r| places.iter().position(|p| p == r).and_then(|i| cells.get(i)).cloned());
                    let time = self.last;
                    let cells =
                        program.reads.iter().zip(cells).map(|(r, c)| more::told_otherwise(r, c, time));
                    let row = Row::of_event(time, input.handle, cells.collect());
                    self.found(&program, row.found, row.cells, out);
                }
            }
            Core::Keyed(keyed) => self.feed(&program, keyed, input, passed, out),
            Core::Merged(merge) => self.share(merge, &input),
            Core::Values(_) => {}
        }
    }

    /// Says that no event before `watermark` will come.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Match>) {
        let mut matches = Vec::new();
        if let Some(inner) = &mut self.inner {
            inner.advance(watermark, &mut matches);
        }
        self.matched(matches, out);
        // What is merged waits for the end.
        self.parts.iter_mut().for_each(|p| p.advance(watermark, &mut Vec::new()));
    }

    /// Says that no more events will come.
    ///
    /// # Errors
    /// Where rows that went outside cannot be read; what was matched before that is in `out`.
    pub fn finish(&mut self, out: &mut Vec<Match>) -> io::Result<()> {
        self.finish_into(&mut |m| {
            out.push(m);
            Ok(())
        })
    }

    /// As [`Machine::finish`], for matches that may be more than fit in memory.
    ///
    /// # Errors
    /// Where rows that went outside cannot be read, or `out` fails.
    pub fn finish_into(&mut self, out: &mut dyn FnMut(Match) -> io::Result<()>) -> io::Result<()> {
        let mut matches = Vec::new();
        self.end(&mut matches);
        matches.into_iter().try_for_each(&mut *out)?;
        let Some(room) = self.outside() else {
            return self.rows_at_end().into_iter().try_for_each(|r| out(told(r)));
        };
        let ended = self.ended(self.last);
        let (names, lost) = (outside::Names::default(), Cell::new(0));
        let around = Around { outside: room.outside(), names: &names, most: self.most, lost: &lost };
        let done = ended.stream(around).and_then(|mut rows| rows.try_for_each(|r| out(told(r?))));
        self.stats.events_dropped += lost.get();
        done
    }

    /// Ends the keyed program.
    fn end(&mut self, out: &mut Vec<Match>) {
        let mut matches = Vec::new();
        if let Some(inner) = &mut self.inner {
            inner.finish(&mut matches);
        }
        self.matched(matches, out);
    }

    /// The room, where rows of this machine or of one that feeds it went outside.
    fn outside(&self) -> Option<Room> {
        let own = || self.waiting.room.clone().filter(|_| self.waiting.is_used());
        own().or_else(|| self.parts.iter().find_map(Machine::outside))
    }

    /// What there is when the input has ended, for the operators to work on outside.
    fn ended(&mut self, now: Timestamp) -> Ended {
        let part = |p: &mut Machine| {
            p.end(&mut Vec::new());
            p.ended(now)
        };
        let parts = self.parts.iter_mut().map(part).collect();
        let operators = more::bind(&self.program.operators, &Value::Time(now));
        let rows = std::mem::take(&mut self.rows);
        Ended::new(self.program.clone(), operators, rows, self.waiting.take(), parts)
    }

    /// The rows that waited, through the operators.
    fn rows_at_end(&mut self) -> Vec<Row> {
        let program = self.program.clone();
        let now = self.last;
        let part = |p: &mut Machine| {
            p.last = now;
            p.part_rows()
        };
        let parts = self.parts.iter_mut().map(part).collect();
        if let Some(found) = brought_together(&program, parts, self.most) {
            self.stats.events_dropped += found.lost;
            self.rows = found.rows;
        }
        let operators = more::bind(&program.operators, &Value::Time(self.last));
        operate::all(&program.reads, &operators, std::mem::take(&mut self.rows))
    }

    /// The rows of a program that feeds another.
    fn part_rows(&mut self) -> Vec<Row> {
        self.end(&mut Vec::new());
        self.rows_at_end().into_iter().map(for_another).collect()
    }

    /// Hands an event to the programs that are merged.
    fn share(&mut self, merge: &Merge, input: &Input) {
        self.stats.events += 1;
        for (part, into) in self.parts.iter_mut().zip(&merge.inputs) {
            let own = |(leaf, values): &(usize, Vec<Value>)| {
                let leaf = leaf.checked_sub(into.first_leaf).filter(|l| *l < into.program.leaves.len())?;
                Some((leaf, values.clone()))
            };
            let hits: Vec<_> = input.hits.iter().filter_map(own).collect();
            if !hits.is_empty() {
                part.push(Input { hits, ..*input }, &mut Vec::new());
            }
        }
    }

    /// What was seen and lost so far.
    pub fn stats(&self) -> Stats {
        let mut all = self.inner.as_ref().map_or_else(Stats::default, |i| i.stats().clone());
        all.events += self.stats.events;
        all.matches += self.stats.matches;
        all.events_dropped += self.stats.events_dropped + self.kept.lost;
        all.keys_evicted += self.trees.lost;
        for part in self.parts.iter().map(Machine::stats) {
            all.events_dropped += part.events_dropped;
            all.keys_evicted += part.keys_evicted;
        }
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
        if matches.is_empty() {
            return;
        }
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
        if program.operators.is_empty() && !program.feeds_another {
            if self.inner.is_none() {
                self.stats.matches += 1;
            }
            out.push(found);
        } else if self.rows.len() < self.most || self.waiting.room.is_some() {
            let row = Row { columns: found.keys.clone(), found, cells };
            let full = self.waiting.takes(row.size());
            self.rows.push(row);
            if full {
                self.stats.events_dropped += self.waiting.go(&mut self.rows);
            }
        } else {
            self.stats.events_dropped += 1;
        }
    }
}

/// A row as a match.
pub(crate) fn told(r: Row) -> Match {
    Match { columns: merged(r.found.columns, r.columns), ..r.found }
}

/// A row of a program that feeds another: all it has are columns.
pub(crate) fn for_another(mut r: Row) -> Row {
    let own = std::mem::take(&mut r.found.columns);
    r.columns = merged(own, std::mem::take(&mut r.columns));
    r.found.keys.clear();
    r
}

/// Whether what passes a program's leaves is what its keyed program takes, and nobody else reads of it.
pub(crate) fn is_straight(program: &Program, keyed: &Keyed) -> bool {
    let alone = program.trees.is_empty() && program.process_leaves.is_empty() && program.reads.is_empty();
    let is = |(leaf, (port, places)): (usize, &(usize, Vec<usize>))| {
        program.ports.get(*port).is_some_and(|p| {
            let as_read = |(at, place): (usize, &usize)| p.at.get(*place) == Some(&at);
            p.leaf == leaf && p.gates.is_empty() && places.iter().enumerate().all(as_read)
        })
    };
    alone && keyed.feeds.len() == program.leaves.len() && keyed.feeds.iter().enumerate().all(is)
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
