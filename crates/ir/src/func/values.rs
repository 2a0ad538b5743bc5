//! Functions over all values of a field, as ES|QL's `MV_` family means them. A scalar is a list of one, null is the
//! empty list; a list of one comes out as a scalar and an empty one as null.

use shikra_event::Value;

use super::{FuncDef, strings::text_of};
use crate::{Words, eval};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "single", arity: (1, 1), takes_null: false, eval: single },
    FuncDef { name: "one-or-list", arity: (1, 1), takes_null: false, eval: |a, _| of(known(&a[0])) },
    FuncDef { name: "values-append", arity: (2, 2), takes_null: false, eval: append },
    FuncDef { name: "values-average", arity: (1, 1), takes_null: false, eval: average },
    FuncDef { name: "values-contain", arity: (2, 2), takes_null: true, eval: contain },
    FuncDef { name: "values-count", arity: (1, 1), takes_null: false, eval: count },
    FuncDef { name: "values-distinct", arity: (1, 1), takes_null: false, eval: |a, _| of(distinct(&a[0])) },
    FuncDef { name: "values-first", arity: (1, 1), takes_null: false, eval: first },
    FuncDef { name: "values-intersection", arity: (2, 2), takes_null: false, eval: intersection },
    FuncDef { name: "values-join", arity: (2, 2), takes_null: false, eval: join },
    FuncDef { name: "values-last", arity: (1, 1), takes_null: false, eval: last },
    FuncDef { name: "values-max", arity: (1, 1), takes_null: false, eval: |a, _| outer(&a[0], true) },
    FuncDef { name: "values-median", arity: (1, 1), takes_null: false, eval: median },
    FuncDef { name: "values-deviation", arity: (1, 1), takes_null: false, eval: deviation },
    FuncDef { name: "values-percentile", arity: (2, 2), takes_null: false, eval: percentile },
    FuncDef { name: "values-series-sum", arity: (2, 2), takes_null: false, eval: series_sum },
    FuncDef { name: "values-min", arity: (1, 1), takes_null: false, eval: |a, _| outer(&a[0], false) },
    FuncDef { name: "values-slice", arity: (2, 3), takes_null: false, eval: slice },
    FuncDef { name: "values-sort", arity: (1, 2), takes_null: false, eval: sort },
    FuncDef { name: "values-sum", arity: (1, 1), takes_null: false, eval: sum },
    FuncDef { name: "values-union", arity: (2, 2), takes_null: true, eval: union },
    FuncDef { name: "values-zip", arity: (2, 3), takes_null: true, eval: zip },
];

/// The values that are not null.
fn known(v: &Value) -> Vec<Value> {
    v.elements().iter().filter(|v| !v.is_null()).cloned().collect()
}

fn of(mut values: Vec<Value>) -> Value {
    match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::List(values),
    }
}

/// The value where there is just one, else null.
fn single(args: &[Value], _: &Words) -> Value {
    match args[0].elements() {
        [one] => one.clone(),
        _ => Value::Null,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    eval::order(a, b).is_eq()
}

/// Each value once, where it stands first.
fn distinct(v: &Value) -> Vec<Value> {
    let all = known(v);
    let mut places: Vec<usize> = (0..all.len()).collect();
    // Stable, so that of equal values the first comes first.
    places.sort_by(|a, b| eval::order(&all[*a], &all[*b]));
    places.dedup_by(|b, a| same(&all[*a], &all[*b]));
    places.sort_unstable();
    places.into_iter().map(|i| all[i].clone()).collect()
}

fn append(args: &[Value], _: &Words) -> Value {
    of(known(&args[0]).into_iter().chain(known(&args[1])).collect())
}

fn count(args: &[Value], _: &Words) -> Value {
    match known(&args[0]).len() {
        0 => Value::Null,
        n => Value::I64(n as i64),
    }
}

fn first(args: &[Value], _: &Words) -> Value {
    known(&args[0]).into_iter().next().unwrap_or(Value::Null)
}

fn last(args: &[Value], _: &Words) -> Value {
    known(&args[0]).pop().unwrap_or(Value::Null)
}

fn outer(v: &Value, greatest: bool) -> Value {
    let all = known(v).into_iter();
    let found = if greatest { all.max_by(eval::order) } else { all.min_by(eval::order) };
    found.unwrap_or(Value::Null)
}

/// Whether the first list holds every value of the second.
fn contain(args: &[Value], _: &Words) -> Value {
    let all = distinct(&args[0]);
    Value::Bool(distinct(&args[1]).iter().all(|v| all.iter().any(|a| same(a, v))))
}

fn intersection(args: &[Value], _: &Words) -> Value {
    let other = distinct(&args[1]);
    of(distinct(&args[0]).into_iter().filter(|v| other.iter().any(|o| same(o, v))).collect())
}

fn union(args: &[Value], _: &Words) -> Value {
    let all = known(&args[0]).into_iter().chain(known(&args[1])).collect();
    of(distinct(&Value::List(all)))
}

/// The texts of the values with the second argument between them.
fn join(args: &[Value], _: &Words) -> Value {
    let Some(between) = args[1].to_text() else { return Value::Null };
    let parts: Vec<String> = known(&args[0]).iter().filter_map(text_of).collect();
    if parts.is_empty() { Value::Null } else { Value::str(parts.join(&between)) }
}

fn numbers(v: &Value) -> Vec<f64> {
    known(v).iter().filter_map(eval::number).collect()
}

fn real(n: f64) -> Value {
    if n.is_finite() { Value::F64(n) } else { Value::Null }
}

fn average(args: &[Value], _: &Words) -> Value {
    let all = numbers(&args[0]);
    real(all.iter().sum::<f64>() / all.len() as f64)
}

/// Of an even number of values the mean of the middle two, cut off where they are whole numbers.
fn median(args: &[Value], _: &Words) -> Value {
    let mut all = numbers(&args[0]);
    all.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (all.get(all.len().saturating_sub(1) / 2), all.get(all.len() / 2)) else {
        return Value::Null;
    };
    let middle = (low + high) / 2.0;
    let whole = known(&args[0]).iter().all(|v| matches!(v, Value::I64(_)));
    if whole { Value::I64(middle.floor() as i64) } else { real(middle) }
}

/// The median of how far values are from their median.
fn deviation(args: &[Value], words: &Words) -> Value {
    let middle = median(args, words);
    let Some(from) = eval::number(&middle) else { return Value::Null };
    let whole = matches!(middle, Value::I64(_));
    let far = |n: f64| if whole { Value::I64((n - from).abs() as i64) } else { Value::F64((n - from).abs()) };
    median(&[Value::List(numbers(&args[0]).into_iter().map(far).collect())], words)
}

/// Linear between neighbours; cut off where the values are whole numbers.
fn percentile(args: &[Value], _: &Words) -> Value {
    let mut all = numbers(&args[0]);
    all.sort_by(f64::total_cmp);
    let Some(share) = eval::number(&args[1]).filter(|p| (0.0..=100.0).contains(p)) else {
        return Value::Null;
    };
    let rank = share / 100.0 * all.len().saturating_sub(1) as f64;
    let (Some(low), Some(high)) = (all.get(rank.floor() as usize), all.get(rank.ceil() as usize)) else {
        return Value::Null;
    };
    let between = low + (high - low) * rank.fract();
    let whole = known(&args[0]).iter().all(|v| matches!(v, Value::I64(_)));
    if whole { Value::I64(between as i64) } else { real(between) }
}

/// Each value divided by its place, from 1, to a power, summed up.
fn series_sum(args: &[Value], _: &Words) -> Value {
    let Some(power) = eval::number(&args[1]) else { return Value::Null };
    let terms = numbers(&args[0]).into_iter().zip(1..).map(|(n, place)| n / f64::from(place).powf(power));
    if known(&args[0]).is_empty() { Value::Null } else { real(terms.sum()) }
}

fn sum(args: &[Value], _: &Words) -> Value {
    let all = known(&args[0]);
    let whole = all.iter().try_fold(0i64, |sum, v| match v {
        Value::I64(n) => sum.checked_add(*n),
        _ => None,
    });
    match whole {
        _ if all.is_empty() => Value::Null,
        Some(n) => Value::I64(n),
        None => real(all.iter().filter_map(eval::number).sum()),
    }
}

/// From position `args[1]` to `args[2]`, both included and counted from 0, negative ones from the end.
fn slice(args: &[Value], _: &Words) -> Value {
    let all = known(&args[0]);
    let length = all.len() as i64;
    let position = |v: Option<&Value>| match v {
        Some(Value::I64(n)) if *n < 0 => Some(n.saturating_add(length)),
        Some(Value::I64(n)) => Some(*n),
        _ => None,
    };
    let Some(from) = position(args.get(1)) else { return Value::Null };
    let to = match args.get(2) {
        None => from,
        to => match position(to) {
            Some(to) => to,
            None => return Value::Null,
        },
    };
    let inside = |i: i64| i >= from && i <= to;
    of(all.into_iter().enumerate().filter(|(i, _)| inside(*i as i64)).map(|(_, v)| v).collect())
}

/// Least first; greatest first where `args[1]` is `DESC`.
fn sort(args: &[Value], _: &Words) -> Value {
    let mut all = known(&args[0]);
    all.sort_by(eval::order);
    let down = args.get(1).and_then(Value::to_text).is_some_and(|t| t.eq_ignore_ascii_case("desc"));
    if down {
        all.reverse();
    }
    of(all)
}

/// Texts pairwise, `args[2]` (else a comma) between them; what has no partner stands alone.
fn zip(args: &[Value], _: &Words) -> Value {
    let between = args.get(2).and_then(Value::to_text).unwrap_or_else(|| ",".into());
    let (left, right) = (known(&args[0]), known(&args[1]));
    let one = |i: usize| match (left.get(i).and_then(text_of), right.get(i).and_then(text_of)) {
        (Some(l), Some(r)) => Value::str(format!("{l}{between}{r}")),
        (Some(one), None) | (None, Some(one)) => Value::str(one),
        (None, None) => Value::Null,
    };
    of((0..left.len().max(right.len())).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&str]) -> Value {
        Value::List(values.iter().map(Value::str).collect())
    }

    fn check(name: &str, args: &[Value], want: impl Into<Value>) {
        let def = TABLE.iter().find(|d| d.name == name).unwrap();
        assert_eq!((def.eval)(args, &Words::default()), want.into(), "{name} {args:?}");
    }

    #[test]
    fn lists() {
        let some = list(&["b", "a", "b"]);
        check("single", std::slice::from_ref(&some), Value::Null);
        check("single", &[list(&["b"])], "b");
        check("values-distinct", std::slice::from_ref(&some), list(&["b", "a"]));
        check("values-sort", std::slice::from_ref(&some), list(&["a", "b", "b"]));
        check("values-sort", &[some.clone(), "DESC".into()], list(&["b", "b", "a"]));
        check("values-join", &[some.clone(), "-".into()], "b-a-b");
        check("values-min", std::slice::from_ref(&some), "a");
        check("values-slice", &[some.clone(), (-2).into(), (-1).into()], list(&["a", "b"]));
        check("values-slice", &[some.clone(), 1.into()], "a");
        check("values-contain", &[some.clone(), list(&["a"])], true);
        check("values-intersection", &[some.clone(), list(&["a", "x"])], "a");
        check("values-union", &[some.clone(), "c".into()], list(&["b", "a", "c"]));
        check("values-zip", &[some.clone(), list(&["1"]), "=".into()], list(&["b=1", "a", "b"]));
        check("values-append", &["x".into(), some.clone()], list(&["x", "b", "a", "b"]));
        check("values-count", &[some], 3);
    }

    #[test]
    fn numbers_of_lists() {
        let some = Value::List(vec![1.into(), 4.into(), 2.into(), 2.into()]);
        check("values-sum", std::slice::from_ref(&some), 9);
        check("values-median", std::slice::from_ref(&some), 2);
        check("values-average", std::slice::from_ref(&some), Value::F64(2.25));
        check("values-max", &[some], 4);
    }
}
