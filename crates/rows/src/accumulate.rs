//! Aggregates of values that come one by one: what can be carried on is, of the rest the values are kept.

use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{number, order};
use shikra_ir::{AggFn, Scalar};

use crate::aggregate;
use crate::same::Distinct;

/// Events that a row of a group names; the rest are counted.
pub(crate) const MOST_EVENTS: usize = 100_000;

/// What sums begin with, as those of the standard library do: it changes no number.
const NOTHING: f64 = -0.0;

/// What an aggregate takes of a row: its argument, of a function of some language the first.
pub(crate) fn argument(f: &AggFn) -> Option<&Scalar> {
    match f {
        AggFn::Other(_, args) => args.first(),
        f => f.argument(),
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    /// The time of its row.
    pub time: Option<Timestamp>,
    /// Orders rows.
    pub row: (i64, u64),
}

/// What came of taking a value in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// Bytes that are held more than before, about.
    pub size: usize,
    /// Whether the answer may be another where values come in another order.
    pub unsure: bool,
    /// Whether it is not for who took it to answer.
    pub beyond: bool,
}

impl Took {
    /// With what came of another.
    pub fn and(self, other: Took) -> Took {
        Took {
            size: self.size + other.size,
            unsure: self.unsure || other.unsure,
            beyond: self.beyond || other.beyond,
        }
    }
}

/// Whether two values that count as one may be written in different ways.
pub(crate) fn differ(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) != std::mem::discriminant(b) || matches!(a, Value::F64(_) | Value::List(_))
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
    /// The value that stands for all, and where it comes from.
    One(Option<(At, Value)>),
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

    /// Whether its answer is that of the order in which values come.
    pub fn needs_order(&self) -> bool {
        matches!(self, Accumulator::All(_))
    }

    /// Takes a value that is neither missing nor null; `hash` is the value's, `cost` tells the bytes that a copy of a
    /// value takes.
    pub fn take(
        &mut self,
        f: &AggFn,
        at: At,
        v: &Value,
        cost: &dyn Fn(&Value) -> usize,
        hash: impl FnOnce() -> u64,
    ) -> Took {
        match self {
            Accumulator::Rows => Took::default(),
            Accumulator::Count(n) => {
                *n += 1;
                Took::default()
            }
            Accumulator::Sum(whole, sum, any) => {
                *any = true;
                let was_whole = whole.is_some();
                *whole = match (*whole, v) {
                    (Some(all), Value::I64(n)) => all.checked_add(*n),
                    _ => None,
                };
                let overflows = was_whole && whole.is_none() && matches!(v, Value::I64(_));
                let exact = add(sum, number(v).unwrap_or(NOTHING));
                Took { unsure: overflows || !exact, ..Took::default() }
            }
            Accumulator::Mean(sum, count) => match number(v) {
                Some(n) => {
                    *count += 1;
                    Took { unsure: !add(sum, n), ..Took::default() }
                }
                None => Took::default(),
            },
            Accumulator::One(one) => stands(one, f, at, v, cost),
            Accumulator::Distinct(distinct) => {
                let (is_new, unsure) = distinct.insert(v, hash());
                Took { size: if is_new { cost(v) + 2 * size_of::<u64>() } else { 0 }, unsure, beyond: false }
            }
            Accumulator::All(values) => {
                values.push(v.clone());
                Took { size: cost(v), unsure: true, beyond: false }
            }
        }
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

/// Adds to a sum; whether the sum is exact, and so would be that of another order: of whole numbers that are not
/// negative and not too many.
fn add(sum: &mut f64, n: f64) -> bool {
    *sum += n;
    n.fract() == 0.0 && n >= 0.0 && *sum < 9e15
}

/// Puts a value in the place of the one that stands for all, where it must.
fn stands(
    one: &mut Option<(At, Value)>,
    f: &AggFn,
    at: At,
    v: &Value,
    cost: &dyn Fn(&Value) -> usize,
) -> Took {
    let Some((was, old)) = one else {
        *one = Some((at, v.clone()));
        return Took { size: cost(v), ..Took::default() };
    };
    let when = |at: &At| (at.time, at.row);
    let replaces = match f {
        AggFn::Min(_) => order(v, old).is_lt(),
        AggFn::Max(_) => order(v, old).is_ge(),
        AggFn::Earliest(_) => when(&at) < when(was),
        AggFn::Latest(_) => when(&at) >= when(was),
        AggFn::First(_) => at.row < was.row,
        AggFn::Last(_) => at.row >= was.row,
        _ => false,
    };
    let by_value = matches!(f, AggFn::Min(_) | AggFn::Max(_));
    let unsure = by_value && differ(v, old) && order(v, old).is_eq() && v != &*old;
    let mut size = 0;
    if replaces {
        size = cost(v).saturating_sub(cost(old));
        (*was, *old) = (at, v.clone());
    }
    Took { size, unsure, beyond: false }
}
