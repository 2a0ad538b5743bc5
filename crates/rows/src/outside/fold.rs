//! Aggregates of a group that comes row by row.

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, Scalar};
use shikra_sequence::Match;

use crate::accumulate::{Accumulator, At, MOST_EVENTS, argument};
use crate::operate;
use crate::row::Row;
use crate::same::Seed;

/// A group so far.
pub(crate) struct Group<'a> {
    reads: &'a [Scalar],
    columns: Vec<Column<'a>>,
    seed: Seed,
    rows: u64,
    found: Option<Match>,
}

/// One aggregate.
struct Column<'a> {
    function: &'a AggFn,
    argument: Option<&'a Scalar>,
    so_far: Accumulator,
}

impl<'a> Group<'a> {
    pub fn new(reads: &'a [Scalar], a: &'a Agg) -> Group<'a> {
        let column = |f| Column { function: f, argument: argument(f), so_far: Accumulator::new(f) };
        let columns = a.columns.iter().map(|(_, f)| column(f)).collect();
        Group { reads, columns, seed: Seed::default(), rows: 0, found: None }
    }

    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        let at = At { time: row.found.first, row: (0, self.rows) };
        for c in &mut self.columns {
            let Some(argument) = c.argument else { continue };
            let value = operate::value(self.reads, argument, row);
            for v in value.elements().iter().filter(|v| !v.is_null()) {
                c.so_far.take(c.function, at, v, &Value::size, || self.seed.hash(v));
            }
        }
        match &mut self.found {
            Some(found) => extend(found, &row.found),
            none => *none = Some(operate::joined(&[(0, row)])),
        }
    }

    /// The values of the columns, and the events. `total`: rows of all groups.
    pub fn values(&self, total: u64) -> Vec<Value> {
        self.columns.iter().map(|c| c.so_far.value(c.function, self.rows, total)).collect()
    }

    /// The events of the group.
    pub fn found(self) -> Match {
        self.found.unwrap_or_else(|| operate::joined(&[]))
    }
}

fn extend(all: &mut Match, one: &Match) {
    all.time = all.time.max(one.time);
    all.first = all.first.into_iter().chain(one.first).min();
    all.last = all.last.into_iter().chain(one.last).max();
    all.lost += one.lost;
    all.early |= one.early;
    let room = MOST_EVENTS.saturating_sub(all.events.len());
    all.events.extend(one.events.iter().take(room).copied());
    all.lost += one.events.len().saturating_sub(room) as u64;
}
