//! Aggregates of values that come one by one: what can be carried on is, of the rest the values are kept.

use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{number, order};
use shikra_ir::{AggFn, Scalar};

use crate::aggregate;
use crate::reads;
use crate::same::Distinct;

/// Events that a row of a group names; the rest are counted.
pub(crate) const MOST_EVENTS: usize = 100_000;

/// What sums begin with, as those of the standard library do: it changes no number.
const NOTHING: f64 = -0.0;

/// What an aggregate is over.
pub(crate) fn argument(f: &AggFn) -> Option<&Scalar> {
    match f {
        AggFn::Other(_, args) => args.first(),
        f => reads::argument(f),
    }
}

/// What is kept of the values seen.
#[derive(Debug)]
pub(crate) enum Accumulator {
    /// How many rows.
    Rows,
    /// How many values.
    Count(i64),
    /// The sum while all are whole numbers; the sum of all as numbers; whether there was any.
    Sum(Option<i64>, f64, bool),
    Mean(f64, u64),
    /// The value that stands for all, with the time of its row where that decides.
    One(Option<(Option<Timestamp>, Value)>),
    Distinct(Box<Distinct>),
    All(Vec<Value>),
}

impl Accumulator {
    pub fn new(function: &AggFn) -> Accumulator {
        match function {
            AggFn::Count => Accumulator::Rows,
            AggFn::Other(..) if argument(function).is_none() => Accumulator::Rows,
            AggFn::CountOf(_) => Accumulator::Count(0),
            AggFn::Sum(_) => Accumulator::Sum(Some(0), NOTHING, false),
            AggFn::Avg(_) => Accumulator::Mean(NOTHING, 0),
            AggFn::Min(_)
            | AggFn::Max(_)
            | AggFn::First(_)
            | AggFn::Last(_)
            | AggFn::Earliest(_)
            | AggFn::Latest(_) => Accumulator::One(None),
            AggFn::CountDistinct(_) | AggFn::Values(_) => Accumulator::Distinct(Box::default()),
            _ => Accumulator::All(Vec::new()),
        }
    }

    /// Takes a value that is neither missing nor null of a row of a time; `hash` is the value's. Answers the bytes
    /// that it takes more than before, about.
    pub fn take(
        &mut self,
        f: &AggFn,
        time: Option<Timestamp>,
        v: &Value,
        hash: impl FnOnce() -> u64,
    ) -> usize {
        match self {
            Accumulator::Rows => {}
            Accumulator::Count(n) => *n += 1,
            Accumulator::Sum(whole, sum, any) => {
                *any = true;
                *whole = match (*whole, v) {
                    (Some(all), Value::I64(n)) => all.checked_add(*n),
                    _ => None,
                };
                *sum += number(v).unwrap_or(NOTHING);
            }
            Accumulator::Mean(sum, count) => {
                if let Some(n) = number(v) {
                    *sum += n;
                    *count += 1;
                }
            }
            Accumulator::One(one) => return stands(one, f, time, v),
            Accumulator::Distinct(distinct) => {
                if distinct.insert(v, hash()) {
                    return v.size() + 2 * size_of::<u64>();
                }
            }
            Accumulator::All(values) => {
                values.push(v.clone());
                return v.size();
            }
        }
        0
    }

    /// The aggregate. `rows`: those of the group; `total`: those of all groups.
    pub fn value(&self, function: &AggFn, rows: u64, total: u64) -> Value {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let of =
            |values: &[Value]| aggregate::value(function, 1, total, &|_, _| Value::List(values.to_vec()));
        match self {
            Accumulator::Rows => aggregate::value(function, rows, total, &|_, _| Value::Missing),
            Accumulator::Count(n) => Value::I64(*n),
            Accumulator::Sum(_, _, false) | Accumulator::Mean(_, 0) => Value::Null,
            Accumulator::Sum(Some(n), ..) => Value::I64(*n),
            Accumulator::Sum(None, n, _) => Value::F64(*n),
            Accumulator::Mean(sum, n) => Value::F64(sum / *n as f64),
            Accumulator::One(one) => one.as_ref().map_or(Value::Null, |(_, v)| v.clone()),
            Accumulator::Distinct(distinct) if matches!(function, AggFn::CountDistinct(_)) => {
                Value::I64(distinct.values().len() as i64)
            }
            Accumulator::Distinct(distinct) => of(distinct.values()),
            Accumulator::All(values) => of(values),
        }
    }
}

/// Puts a value in the place of the one that stands for all, where it must.
fn stands(
    one: &mut Option<(Option<Timestamp>, Value)>,
    f: &AggFn,
    time: Option<Timestamp>,
    v: &Value,
) -> usize {
    let replaces = one.as_ref().is_none_or(|(at, old)| match f {
        AggFn::Min(_) => order(v, old).is_lt(),
        AggFn::Max(_) => order(v, old).is_ge(),
        AggFn::Earliest(_) => time < *at,
        AggFn::Latest(_) => time >= *at,
        AggFn::Last(_) => true,
        _ => false,
    });
    if !replaces {
        return 0;
    }
    let before = one.as_ref().map_or(0, |(_, v)| v.size());
    *one = Some((time, v.clone()));
    v.size().saturating_sub(before)
}
