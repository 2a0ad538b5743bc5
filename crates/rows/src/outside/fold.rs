//! Aggregates of a group that comes row by row: what can be carried on is, of the rest the values are kept.

use hashbrown::HashSet;
use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{number, order};
use shikra_ir::{Agg, AggFn, Scalar};
use shikra_sequence::Match;

use crate::aggregate;
use crate::operate;
use crate::reads;
use crate::row::{Row, key_text};

/// Events that a row of a group names; the rest are counted.
const MOST_EVENTS: usize = 100_000;

/// A group so far.
pub(crate) struct Group<'a> {
    reads: &'a [Scalar],
    columns: Vec<Fold<'a>>,
    rows: u64,
    found: Option<Match>,
}

impl<'a> Group<'a> {
    pub fn new(reads: &'a [Scalar], a: &'a Agg) -> Group<'a> {
        let columns = a.columns.iter().map(|(_, f)| Fold::new(f)).collect();
        Group { reads, columns, rows: 0, found: None }
    }

    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        for c in &mut self.columns {
            c.add(self.reads, row);
        }
        match &mut self.found {
            Some(found) => extend(found, &row.found),
            none => *none = Some(operate::joined(&[(0, row)])),
        }
    }

    /// The values of the columns, and the events. `total`: rows of all groups.
    pub fn values(&self, total: u64) -> Vec<Value> {
        self.columns.iter().map(|c| c.value(self.rows, total)).collect()
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

/// One aggregate.
struct Fold<'a> {
    function: &'a AggFn,
    argument: Option<&'a Scalar>,
    kept: Kept,
}

/// What is kept of the values seen.
enum Kept {
    /// How many rows.
    Rows,
    /// How many values.
    Count(i64),
    /// The sum while all are whole numbers; the sum of all as numbers; whether there was any.
    Sum(Option<i64>, f64, bool),
    Mean(f64, u64),
    /// The value that stands for all, with the time of its row where that decides.
    One(Option<(Option<Timestamp>, Value)>),
    Distinct(HashSet<String>, Vec<Value>),
    All(Vec<Value>),
}

impl<'a> Fold<'a> {
    fn new(function: &'a AggFn) -> Fold<'a> {
        let argument = match function {
            AggFn::Other(_, args) => args.first(),
            f => reads::argument(f),
        };
        let kept = match function {
            AggFn::Count => Kept::Rows,
            AggFn::Other(..) if argument.is_none() => Kept::Rows,
            AggFn::CountOf(_) => Kept::Count(0),
            AggFn::Sum(_) => Kept::Sum(Some(0), 0.0, false),
            AggFn::Avg(_) => Kept::Mean(0.0, 0),
            AggFn::Min(_)
            | AggFn::Max(_)
            | AggFn::First(_)
            | AggFn::Last(_)
            | AggFn::Earliest(_)
            | AggFn::Latest(_) => Kept::One(None),
            AggFn::CountDistinct(_) | AggFn::Values(_) => Kept::Distinct(HashSet::new(), Vec::new()),
            _ => Kept::All(Vec::new()),
        };
        Fold { function, argument, kept }
    }

    fn add(&mut self, reads: &[Scalar], row: &Row) {
        let Some(argument) = self.argument else { return };
        let value = operate::value(reads, argument, row);
        for v in value.elements().iter().filter(|v| !v.is_null()) {
            self.kept.take(self.function, row.found.first, v);
        }
    }

    fn value(&self, rows: u64, total: u64) -> Value {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let of = |values: &[Value]| {
            let value_of = |_: &Scalar, i: usize| values.get(i).cloned().unwrap_or_default();
            aggregate::value(self.function, values.len(), total, &value_of)
        };
        match &self.kept {
            Kept::Rows => aggregate::value(self.function, rows, total, &|_, _| Value::Missing),
            Kept::Count(n) => Value::I64(*n),
            Kept::Sum(_, _, false) | Kept::Mean(_, 0) => Value::Null,
            Kept::Sum(Some(n), ..) => Value::I64(*n),
            Kept::Sum(None, n, _) => Value::F64(*n),
            Kept::Mean(sum, n) => Value::F64(sum / *n as f64),
            Kept::One(one) => one.as_ref().map_or(Value::Null, |(_, v)| v.clone()),
            Kept::Distinct(_, values) | Kept::All(values) => of(values),
        }
    }
}

impl Kept {
    fn take(&mut self, f: &AggFn, time: Option<Timestamp>, v: &Value) {
        match self {
            Kept::Rows => {}
            Kept::Count(n) => *n += 1,
            Kept::Sum(whole, sum, any) => {
                *any = true;
                *whole = match (*whole, v) {
                    (Some(all), Value::I64(n)) => all.checked_add(*n),
                    _ => None,
                };
                *sum += number(v).unwrap_or(0.0);
            }
            Kept::Mean(sum, count) => {
                if let Some(n) = number(v) {
                    *sum += n;
                    *count += 1;
                }
            }
            Kept::One(one) => {
                let replaces = one.as_ref().is_none_or(|(at, old)| match f {
                    AggFn::Min(_) => order(v, old).is_lt(),
                    AggFn::Max(_) => order(v, old).is_ge(),
                    AggFn::Earliest(_) => time < *at,
                    AggFn::Latest(_) => time >= *at,
                    AggFn::Last(_) => true,
                    _ => false,
                });
                if replaces {
                    *one = Some((time, v.clone()));
                }
            }
            Kept::Distinct(seen, values) => {
                if seen.insert(key_text(std::slice::from_ref(v))) {
                    values.push(v.clone());
                }
            }
            Kept::All(values) => values.push(v.clone()),
        }
    }
}
