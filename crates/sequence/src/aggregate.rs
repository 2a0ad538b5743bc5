//! Aggregates that can take an event in and give it back, exactly: a sliding window's answer depends only on
//! what is in it, never on what passed through.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use shikra_event::Value;
use shikra_ir::eval::number;

use crate::kinds::Occ;
use crate::value::{Canon, order};

/// An aggregate function without its argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    Count,
    CountOf,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    Percentile(f64),
    StdDev,
    Var,
    Earliest,
    Latest,
    Values,
    List,
    Mode,
}

/// A column: function and which of the row's arguments it reads.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) function: Function,
    pub(crate) argument: Option<usize>,
}

impl Aggregate {
    /// Whether it is how many events there are.
    pub(crate) fn is_of_events(&self) -> bool {
        self.function == Function::Count && self.argument.is_none()
    }
}

/// Numbers under their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Num(f64);
impl PartialEq for Num {
    fn eq(&self, other: &Num) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Num {}
impl PartialOrd for Num {
    fn partial_cmp(&self, other: &Num) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Num {
    fn cmp(&self, other: &Num) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Running state of one column.
#[derive(Debug)]
pub(crate) enum Accumulator {
    Count(u64),
    /// Values, how often, and where the first came.
    Distinct(HashMap<Canon, (u64, Value)>),
    Numbers {
        all: BTreeMap<Num, u64>,
        n: u64,
    },
    /// Read from the events when asked.
    Scan,
}

impl Accumulator {
    pub(crate) fn new(f: Function) -> Accumulator {
        match f {
            Function::Count | Function::CountOf => Accumulator::Count(0),
            Function::CountDistinct | Function::Values | Function::Mode => {
                Accumulator::Distinct(HashMap::new())
            }
            Function::Earliest | Function::Latest | Function::List => Accumulator::Scan,
            _ => Accumulator::Numbers { all: BTreeMap::new(), n: 0 },
        }
    }

    /// Takes an event in. False where it would have been a new value and there are `most` already.
    pub(crate) fn add(&mut self, a: &Aggregate, occ: &Occ, most: usize) -> bool {
        let mut kept = true;
        match self {
            Accumulator::Count(n) => *n += weight(a, occ),
            Accumulator::Distinct(all) => {
                for v in values(a, occ) {
                    let canon = Canon::of(v);
                    if let Some((n, _)) = all.get_mut(&canon) {
                        *n += 1;
                    } else if all.len() < most {
                        all.insert(canon, (1, v.clone()));
                    } else {
                        kept = false;
                    }
                }
            }
            Accumulator::Numbers { all, n } => {
                for x in numbers(a, occ) {
                    if all.len() < most || all.contains_key(&x) {
                        *all.entry(x).or_default() += 1;
                        *n += 1;
                    } else {
                        kept = false;
                    }
                }
            }
            Accumulator::Scan => {}
        }
        kept
    }

    /// Gives an event back that was taken in.
    pub(crate) fn remove(&mut self, a: &Aggregate, occ: &Occ) {
        match self {
            Accumulator::Count(n) => *n = n.saturating_sub(weight(a, occ)),
            Accumulator::Distinct(all) => {
                for canon in values(a, occ).map(Canon::of) {
                    match all.get_mut(&canon) {
                        Some((n, _)) if *n > 1 => *n -= 1,
                        _ => drop(all.remove(&canon)),
                    }
                }
            }
            Accumulator::Numbers { all, n } => {
                for x in numbers(a, occ) {
                    let Some(count) = all.get_mut(&x) else { continue };
                    *count -= 1;
                    *n -= 1;
                    if *count == 0 {
                        all.remove(&x);
                    }
                }
            }
            Accumulator::Scan => {}
        }
    }

    /// The answer. `window` holds the events, for functions that read them.
    pub(crate) fn value<'w>(&self, a: &Aggregate, window: impl Iterator<Item = &'w Occ>) -> Value {
        match self {
            Accumulator::Count(n) => Value::I64(i64::try_from(*n).unwrap_or(i64::MAX)),
            Accumulator::Distinct(all) => distinct(a.function, all),
            Accumulator::Numbers { n: 0, .. } => Value::Null,
            Accumulator::Numbers { all, n } => numeric(a.function, all, *n),
            Accumulator::Scan => {
                let mut read = window.flat_map(|o| values(a, o)).cloned();
                match a.function {
                    Function::Earliest => read.next().unwrap_or(Value::Null),
                    Function::Latest => read.last().unwrap_or(Value::Null),
                    _ => Value::List(read.collect()),
                }
            }
        }
    }
}

fn values<'o>(a: &Aggregate, occ: &'o Occ) -> impl Iterator<Item = &'o Value> {
    let value = a.argument.and_then(|i| occ.arguments.get(i));
    value.map_or(&[][..], |v| v.elements()).iter().filter(|v| !v.is_null())
}

fn weight(a: &Aggregate, occ: &Occ) -> u64 {
    if a.argument.is_some() { values(a, occ).count() as u64 } else { 1 }
}

fn numbers(a: &Aggregate, occ: &Occ) -> impl Iterator<Item = Num> {
    values(a, occ).filter_map(number).map(|x| Num(x + 0.0)).filter(|x| x.0.is_finite())
}

fn distinct(f: Function, all: &HashMap<Canon, (u64, Value)>) -> Value {
    let mut sorted: Vec<&(u64, Value)> = all.values().collect();
    sorted.sort_by(|(_, a), (_, b)| order(a, b));
    match f {
        Function::Values => Value::List(sorted.into_iter().map(|(_, v)| v.clone()).collect()),
        Function::Mode => {
            let most = sorted.iter().map(|(n, _)| *n).max();
            sorted.iter().find(|(n, _)| Some(*n) == most).map_or(Value::Null, |(_, v)| v.clone())
        }
        _ => Value::I64(i64::try_from(all.len()).unwrap_or(i64::MAX)),
    }
}

/// A number as a value: whole ones as [`Value::I64`] where they are exact.
fn value_of(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 9.0e15 { Value::I64(x as i64) } else { Value::F64(x) }
}

fn numeric(f: Function, all: &BTreeMap<Num, u64>, n: u64) -> Value {
    let sum = || all.iter().map(|(x, k)| x.0 * *k as f64).sum::<f64>();
    match f {
        Function::Sum => value_of(sum()),
        Function::Avg => Value::F64(sum() / n as f64),
        Function::Min => all.first_key_value().map_or(Value::Null, |(x, _)| value_of(x.0)),
        Function::Max => all.last_key_value().map_or(Value::Null, |(x, _)| value_of(x.0)),
        Function::Percentile(p) => value_of(percentile(all, n, p)),
        Function::Var | Function::StdDev if n > 1 => {
            let mean = sum() / n as f64;
            let squares: f64 = all.iter().map(|(x, k)| (x.0 - mean).powi(2) * *k as f64).sum();
            let variance = squares / (n - 1) as f64;
            Value::F64(if f == Function::Var { variance } else { variance.sqrt() })
        }
        _ => Value::Null,
    }
}

/// Linear interpolation between the two nearest ranks, the least value being the 0th and the greatest the
/// 100th percentile.
fn percentile(all: &BTreeMap<Num, u64>, n: u64, p: f64) -> f64 {
    let rank = (p.clamp(0.0, 100.0) / 100.0) * (n.saturating_sub(1)) as f64;
    let (below, part) = (rank.floor() as u64, rank.fract());
    let mut passed = 0;
    let mut low = None;
    for (x, k) in all {
        passed += k;
        if low.is_none() && passed > below {
            low = Some(x.0);
        }
        if let Some(l) = low
            && (part == 0.0 || passed > below + 1)
        {
            return l + (x.0 - l) * part;
        }
    }
    low.unwrap_or(0.0)
}
