//! Events in the order of time: of a batch, by sorting; of a stream, by holding them back until a watermark.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use shikra_event::Timestamp;

use crate::machine::{Input, Limits, Machine, Match, Stats};
use crate::program::Program;

/// Sorts a batch as [`Machine::push`] wants it. An event without time gets the time of the one before it (by
/// record number) in its source; where a source begins with such events, they get the time of the first one
/// that has one; where none has, 1970.
pub fn order_batch(inputs: &mut [Input]) {
    inputs.sort_by_key(|i| i.order);
    for source in inputs.chunk_by_mut(|a, b| a.order.0 == b.order.0) {
        let mut known = source.iter().find_map(|i| i.time).unwrap_or(Timestamp(0));
        for input in source {
            known = *input.time.get_or_insert(known);
        }
    }
    inputs.sort_by_key(|i| (i.time, i.order));
}

/// A machine that accepts events out of order, as long as they come before the watermark has passed them.
///
/// Given the same events and a watermark that passes none of them, the matches and their order are those of
/// the sorted batch. An event without time gets the time of the event pushed before it from its source, else
/// the watermark.
pub struct Stream {
    machine: Machine,
    held: BTreeMap<(Timestamp, (u32, u64)), Input>,
    /// Per source, the time of its latest event that had one.
    clocks: HashMap<u32, Timestamp>,
    watermark: Option<Timestamp>,
    max_buffer: usize,
}

impl Stream {
    /// A stream that has seen nothing.
    pub fn new(program: &Program, limits: Limits) -> Stream {
        let max_buffer = limits.max_buffer;
        Stream {
            machine: Machine::new(program, limits),
            held: BTreeMap::new(),
            clocks: HashMap::new(),
            watermark: None,
            max_buffer,
        }
    }

    /// Takes an event, in any order. One from before the watermark is left out and counted.
    pub fn push(&mut self, mut input: Input, out: &mut Vec<Match>) {
        let clock = self.clocks.get(&input.order.0).copied().or(self.watermark);
        let time = input.time.or(clock).unwrap_or(Timestamp(0));
        if input.time.is_some() {
            self.clocks.insert(input.order.0, time);
        }
        input.time = Some(time);
        if self.watermark.is_some_and(|w| time < w) {
            self.machine.stats_mut().late += 1;
            return;
        }
        self.held.insert((time, input.order), input);
        if self.held.len() > self.max_buffer
            && let Some((_, first)) = self.held.pop_first()
        {
            self.machine.stats_mut().hurried += 1;
            self.machine.push(first, out);
        }
    }

    /// Says that no event before `watermark` will come. One that goes back changes nothing.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Match>) {
        if self.watermark.is_some_and(|w| watermark <= w) {
            return;
        }
        self.watermark = Some(watermark);
        let later = self.held.split_off(&(watermark, (0, 0)));
        for (_, input) in std::mem::replace(&mut self.held, later) {
            self.machine.push(input, out);
        }
        self.machine.advance(watermark, out);
    }

    /// Says that no more events will come.
    pub fn finish(&mut self, out: &mut Vec<Match>) {
        for (_, input) in std::mem::take(&mut self.held) {
            self.machine.push(input, out);
        }
        self.machine.finish(out);
    }

    /// What was seen and lost so far.
    pub fn stats(&self) -> &Stats {
        self.machine.stats()
    }
}
