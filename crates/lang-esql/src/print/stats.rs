//! `STATS` and `INLINE STATS`: a group's columns become the aggregates of the query again.

use std::sync::Arc;

use shikra_ir::said::{Said, refuse};
use shikra_ir::{Agg, AggFn, Key, Plan, Scalar, Window};

use super::{At, identifier, scalar};

/// Columns by name.
type Columns = [(Arc<str>, Scalar)];

/// Groups, and the columns that are computed of them: what was aggregated, then the keys.
pub(super) fn stats(agg: &Agg, columns: &Columns) -> Said {
    let Some(own) = columns.len().checked_sub(agg.keys.len()) else {
        return refuse("groups without their keys");
    };
    let (out, keys) = columns.split_at(own);
    let mut by = Vec::new();
    for (key, (name, value)) in agg.keys.iter().zip(keys) {
        if !is_column(value, &key.name) {
            return refuse("keys of groups in another order");
        }
        by.push(keyed(Some(name), bare(&key.value, &["each-value", "values-distinct"])?)?);
    }
    let names: Vec<&Arc<str>> = keys.iter().map(|(n, _)| n).collect();
    command("STATS", agg, out, &by, &names)
}

/// The parts of a plan that INLINE STATS is lowered to, below the step that drops its aggregates.
pub(super) fn inline(plan: &Plan) -> Option<(&Agg, &Columns)> {
    match plan {
        Plan::Eval(input, columns) => match &**input {
            Plan::WindowAgg(agg) => Some((agg, columns)),
            _ => None,
        },
        _ => None,
    }
}

/// Groups whose columns are added to each row. A key that has a name of its own is among the columns.
pub(super) fn inline_stats(agg: &Agg, columns: &Columns) -> Said {
    let own = |key: &Key| columns.iter().find(|(_, value)| *value == key.value).map(|(name, _)| name);
    let mut by = Vec::new();
    for key in &agg.keys {
        by.push(keyed(own(key), bare(&key.value, &["values-distinct"])?)?);
    }
    let is_key = |value: &Scalar| agg.keys.iter().any(|k| k.value == *value);
    let out: Vec<(Arc<str>, Scalar)> = columns.iter().filter(|(_, v)| !is_key(v)).cloned().collect();
    let names: Vec<&Arc<str>> = agg.keys.iter().map(|k| own(k).unwrap_or(&k.name)).collect();
    command("INLINE STATS", agg, &out, &by, &names)
}

fn command(word: &str, agg: &Agg, out: &Columns, by: &[String], names: &[&Arc<str>]) -> Said {
    if agg.window != Window::None {
        return refuse("groups within a span of time");
    }
    let keys = agg.keys.iter().zip(names).map(|(k, name)| (k.name.clone(), identifier(name)));
    let mut made: Vec<(Arc<str>, String)> = keys.collect();
    for (name, f) in &agg.columns {
        made.push((name.clone(), aggregate(f)?));
    }
    let at = At { made: &made, ..At::default() };
    let one =
        |(name, value): &(Arc<str>, Scalar)| Ok(format!("{} = {}", identifier(name), scalar(value, at)?));
    let mut text = format!("{word} {}", out.iter().map(one).collect::<Said<Vec<_>>>()?.join(", "));
    if !by.is_empty() {
        let gap = if out.is_empty() { "" } else { " " };
        text.push_str(&format!("{gap}BY {}", by.join(", ")));
    }
    Ok(text)
}

fn aggregate(f: &AggFn) -> Said {
    let of = |name: &str, value: &Scalar| Ok(format!("{name}({})", scalar(value, At::default())?));
    match f {
        AggFn::Count => Ok("COUNT(*)".into()),
        AggFn::CountOf(v) => of("COUNT", v),
        AggFn::CountDistinct(v) => of("COUNT_DISTINCT", v),
        AggFn::Values(v) => of("VALUES", v),
        AggFn::Avg(v) => of("AVG", v),
        AggFn::Max(v) => of("MAX", v),
        AggFn::Median(v) => of("MEDIAN", v),
        AggFn::Min(v) => of("MIN", v),
        AggFn::Sum(v) => of("SUM", v),
        AggFn::Percentile(v, p) => Ok(format!("PERCENTILE({}, {p:?})", scalar(v, At::default())?)),
        AggFn::Earliest(v) => Ok(format!("FIRST({}, @timestamp)", scalar(v, At::default())?)),
        AggFn::Latest(v) => Ok(format!("LAST({}, @timestamp)", scalar(v, At::default())?)),
        _ => refuse("an aggregate that is not written as ES|QL"),
    }
}

/// A key, with its name where that is not what it says.
fn keyed(name: Option<&Arc<str>>, value: &Scalar) -> Said {
    let text = scalar(value, At::default())?;
    Ok(match name {
        Some(name) if identifier(name) != text => format!("{} = {text}", identifier(name)),
        _ => text,
    })
}

fn is_column(value: &Scalar, name: &str) -> bool {
    matches!(value, Scalar::Field(f) if f.names == shikra_ir::Names::Column && *f.name == *name)
}

/// What these functions, each within the one before, are called with.
fn bare<'s>(value: &'s Scalar, functions: &[&str]) -> Said<&'s Scalar> {
    functions.iter().try_fold(value, |value, name| match value {
        Scalar::Call(c) if c.func.0.name == *name => match c.args.as_slice() {
            [one] => Ok(one),
            _ => refuse("a key of several values"),
        },
        _ => refuse("a key of another kind of groups"),
    })
}
