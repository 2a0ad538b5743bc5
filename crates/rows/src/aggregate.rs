//! Aggregates over the rows of a group.

use hashbrown::HashMap;
use shikra_event::Value;
use shikra_ir::{AggFn, Scalar};

use crate::row::key_text;
use shikra_ir::eval::order;

/// The aggregate of `rows` rows out of `total`; `value_of` is a scalar's value on one of them. Rows stand in
/// order of time, so first and earliest, last and latest are the same.
pub(crate) fn value(
    f: &AggFn,
    rows: usize,
    total: usize,
    value_of: &dyn Fn(&Scalar, usize) -> Value,
) -> Value {
    let values = |s: &Scalar| -> Vec<Value> {
        let each = (0..rows).flat_map(|i| value_of(s, i).elements().to_vec());
        each.filter(|v| !v.is_null()).collect()
    };
    if let AggFn::Other(name, args) = f
        && let Some(s) = args.first()
    {
        return named(name, &values(s));
    }
    let values = f.argument().map(values).unwrap_or_default();
    match f {
        AggFn::Count => Value::I64(rows as i64),
        AggFn::CountOf(_) => Value::I64(values.len() as i64),
        AggFn::CountDistinct(_) => Value::I64(distinct(values).len() as i64),
        AggFn::Sum(_) => sum(&values),
        AggFn::Avg(_) => mean(&numbers(&values)),
        AggFn::Min(_) => values.into_iter().min_by(order).unwrap_or(Value::Null),
        AggFn::Max(_) => values.into_iter().max_by(order).unwrap_or(Value::Null),
        AggFn::Median(_) => percentile(numbers(&values), 50.0),
        AggFn::Percentile(_, p) => percentile(numbers(&values), *p),
        AggFn::StdDev(_) => variance(&numbers(&values)).map_or(Value::Null, |v| Value::F64(v.sqrt())),
        AggFn::Var(_) => variance(&numbers(&values)).map_or(Value::Null, Value::F64),
        AggFn::Earliest(_) | AggFn::First(_) => values.into_iter().next().unwrap_or(Value::Null),
        AggFn::Latest(_) | AggFn::Last(_) => values.into_iter().next_back().unwrap_or(Value::Null),
        AggFn::Values(_) => {
            let mut all = distinct(values);
            all.sort_by(order);
            Value::List(all)
        }
        AggFn::List(_) => Value::List(values),
        AggFn::Mode(_) => mode(values),
        AggFn::Other(name, _) if name == "percent" && total > 0 => Value::F64(rows as f64 / total as f64),
        AggFn::Other(..) => Value::Null,
    }
}

/// Aggregates that only some language has.
fn named(name: &str, values: &[Value]) -> Value {
    let numbers = numbers(values);
    let count = numbers.len() as f64;
    if numbers.is_empty() {
        return Value::Null;
    }
    let spread = || {
        let mean = numbers.iter().sum::<f64>() / count;
        numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / count
    };
    let extremes = || numbers.iter().fold((f64::MAX, f64::MIN), |(low, high), n| (low.min(*n), high.max(*n)));
    match name {
        "range" => number(extremes().1 - extremes().0),
        "varp" => number(spread()),
        "stdevp" => number(spread().sqrt()),
        "sumsq" => number(numbers.iter().map(|n| n * n).sum()),
        _ => Value::Null,
    }
}

/// A number, whole where it is whole.
pub(crate) fn number(n: f64) -> Value {
    match n {
        n if !n.is_finite() => Value::Null,
        n if n.fract() == 0.0 && n.abs() < 9e15 => Value::I64(n as i64),
        n => Value::F64(n),
    }
}

fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut seen = hashbrown::HashSet::new();
    values.into_iter().filter(|v| seen.insert(key_text(std::slice::from_ref(v)))).collect()
}

fn numbers(values: &[Value]) -> Vec<f64> {
    values.iter().filter_map(shikra_ir::eval::number).collect()
}

/// Of nothing, nothing.
fn sum(values: &[Value]) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    let whole = values.iter().try_fold(0i64, |sum, v| match v {
        Value::I64(n) => sum.checked_add(*n),
        _ => None,
    });
    whole.map_or_else(|| Value::F64(numbers(values).iter().sum()), Value::I64)
}

fn mean(numbers: &[f64]) -> Value {
    if numbers.is_empty() {
        return Value::Null;
    }
    Value::F64(numbers.iter().sum::<f64>() / numbers.len() as f64)
}

/// Linear between the nearest ranks.
fn percentile(mut numbers: Vec<f64>, p: f64) -> Value {
    numbers.sort_by(f64::total_cmp);
    let rank = p.clamp(0.0, 100.0) / 100.0 * numbers.len().saturating_sub(1) as f64;
    let (low, high) = (numbers.get(rank.floor() as usize), numbers.get(rank.ceil() as usize));
    match (low, high) {
        (Some(low), Some(high)) => Value::F64(low + (high - low) * rank.fract()),
        _ => Value::Null,
    }
}

/// Of a sample: divided by one less than the count.
fn variance(numbers: &[f64]) -> Option<f64> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>();
    (count > 1.0).then_some(squares / (count - 1.0))
}

/// The first of those that are most frequent.
fn mode(values: Vec<Value>) -> Value {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut best: Option<(usize, Value)> = None;
    for v in &values {
        *counts.entry(key_text(std::slice::from_ref(v))).or_default() += 1;
    }
    for v in values {
        let count = counts.get(&key_text(std::slice::from_ref(&v))).copied().unwrap_or_default();
        if best.as_ref().is_none_or(|(c, _)| count > *c) {
            best = Some((count, v));
        }
    }
    best.map_or(Value::Null, |(_, v)| v)
}
