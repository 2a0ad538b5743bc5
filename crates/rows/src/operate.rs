//! Operators over all rows.

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::Value;
use shikra_ir::{Agg, AggFn, FieldRef, Pattern, Scalar, SortKey, eval};
use shikra_sequence::Match;

use crate::aggregate;
use crate::compile::Operator;
use crate::more::More;
use crate::row::{Row, View, key_text};
use crate::windows;
use shikra_ir::eval::order;

/// Runs a program's operators, one after the other.
pub(crate) fn all(reads: &[Scalar], operators: &[Operator], rows: Vec<Row>) -> Vec<Row> {
    operators.iter().fold(rows, |rows, o| one(reads, o, rows))
}

/// Runs one operator.
pub(crate) fn one(reads: &[Scalar], operator: &Operator, mut rows: Vec<Row>) -> Vec<Row> {
    match operator {
        Operator::Filter(e) => rows.retain(|r| eval::truth(e, &view(reads, r)).holds()),
        Operator::Eval(columns) => rows.iter_mut().for_each(|r| compute(reads, columns, r)),
        Operator::Project(columns) => {
            for r in &mut rows {
                let made = columns.iter().map(|(n, s)| (n.clone(), value(reads, s, r))).collect();
                r.columns = made;
                r.found.columns.clear();
            }
        }
        Operator::Drop(patterns) => rows.iter_mut().for_each(|r| without(patterns, r)),
        Operator::More(m) => rows = m.apply(reads, rows),
        Operator::Extract(e) => {
            for r in &mut rows {
                for (name, v) in e.apply(&value(reads, &e.from, r)) {
                    r.set(&name, v);
                }
            }
        }
        Operator::Unnest(field) => rows = rows.into_iter().flat_map(|r| unnested(reads, field, r)).collect(),
        Operator::Limit(n) => rows.truncate(usize::try_from(*n).unwrap_or(usize::MAX)),
        Operator::Tail(n) => {
            let from = rows.len().saturating_sub(usize::try_from(*n).unwrap_or(usize::MAX));
            rows.drain(..from);
        }
        Operator::Sort(keys) => sort(reads, keys, &mut rows),
        Operator::Dedup(keys, keep) => dedup(reads, keys, *keep, &mut rows),
        Operator::Agg(a) => return groups(reads, a, rows),
        Operator::WindowAgg(a) => window(reads, a, &mut rows),
    }
    rows
}

/// Whether an operator looks at one row alone.
pub(crate) fn is_of_each_row(operator: &Operator) -> bool {
    match operator {
        Operator::More(m) => matches!(**m, More::Capture(_) | More::Lookup(_)),
        Operator::Filter(_)
        | Operator::Eval(_)
        | Operator::Project(_)
        | Operator::Drop(_)
        | Operator::Unnest(_)
        | Operator::Extract(_) => true,
        _ => false,
    }
}

fn view<'r>(reads: &'r [Scalar], row: &'r Row) -> View<'r> {
    View { reads, cells: &row.cells, columns: &row.columns }
}

pub(crate) fn value(reads: &[Scalar], s: &Scalar, row: &Row) -> Value {
    eval::scalar(s, &view(reads, row))
}

fn compute(reads: &[Scalar], columns: &[(Arc<str>, Scalar)], row: &mut Row) {
    for (name, s) in columns {
        let made = value(reads, s, row);
        row.set(name, made);
    }
}

fn without(patterns: &[Pattern], row: &mut Row) {
    row.columns.retain(|(n, _)| !drops(patterns, n));
    row.found.columns.retain(|(n, _)| !drops(patterns, n));
}

/// Whether a column of a name is dropped.
pub(crate) fn drops(patterns: &[Pattern], name: &str) -> bool {
    let is = |p: &Pattern| p.literal().map_or_else(|| p.matches(name), |whole| whole == name);
    patterns.iter().any(is)
}

/// A row for each value; a row without any stays.
fn unnested(reads: &[Scalar], field: &FieldRef, row: Row) -> Vec<Row> {
    let name: Arc<str> = field.name.clone();
    match eval::Row::field(&view(reads, &row), field) {
        Value::List(values) if !values.is_empty() => {
            let with = |v| {
                let mut one = row.clone();
                one.set(&name, v);
                one
            };
            values.into_iter().map(with).collect()
        }
        Value::List(_) => {
            let mut row = row;
            row.set(&name, Value::Null);
            vec![row]
        }
        _ => vec![row],
    }
}

/// Keeps the order of rows that compare equal.
fn sort(reads: &[Scalar], keys: &[SortKey], rows: &mut Vec<Row>) {
    let mut keyed: Vec<(Vec<Value>, Row)> =
        rows.drain(..).map(|r| (keys.iter().map(|k| value(reads, &k.value, &r)).collect(), r)).collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let pairs = keys.iter().zip(a.iter().zip(b));
        pairs.map(|(k, (a, b))| compare(k, a, b)).fold(Ordering::Equal, Ordering::then)
    });
    rows.extend(keyed.into_iter().map(|(_, r)| r));
}

fn compare(key: &SortKey, a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if key.nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) => compare(key, b, a).reverse(),
        (false, false) if key.descending => order(b, a),
        (false, false) => order(a, b),
    }
}

fn dedup(reads: &[Scalar], keys: &[Scalar], keep: u64, rows: &mut Vec<Row>) {
    let mut seen: HashMap<String, u64> = HashMap::new();
    rows.retain(|r| {
        let key: Vec<Value> = keys.iter().map(|k| value(reads, k, r)).collect();
        let count = seen.entry(key_text(&key)).or_default();
        *count += 1;
        *count <= keep
    });
}

/// Rows of a group with their numbers.
pub(crate) type Members<'a> = Vec<(usize, &'a Row)>;
/// Columns made, by name.
type Columns = Vec<(Arc<str>, Value)>;

/// The rows of each group, in order of appearance, with the values of its keys.
pub(crate) fn grouped<'a>(reads: &[Scalar], a: &Agg, rows: &'a [Row]) -> Vec<(Vec<Value>, Members<'a>)> {
    let mut groups: Vec<(Vec<Value>, Members<'a>)> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for (i, row) in rows.iter().enumerate() {
        for key in keys(reads, a, row) {
            let at = *index.entry(key_text(&key)).or_insert(groups.len());
            match groups.get_mut(at) {
                Some((_, members)) => members.push((i, row)),
                None => groups.push((key, vec![(i, row)])),
            }
        }
    }
    groups
}

/// The groups that a row belongs to, none where it lacks a key.
pub(crate) fn keys(reads: &[Scalar], a: &Agg, row: &Row) -> Vec<Vec<Value>> {
    let marks = || a.keys.iter().map(|k| is_each(&k.value));
    key(reads, a, row).map_or_else(Vec::new, |key| choices(marks(), key))
}

/// The key of a row as it stands, lists included; none where a part lacks that must not.
pub(crate) fn key(reads: &[Scalar], a: &Agg, row: &Row) -> Option<Vec<Value>> {
    let key: Vec<Value> = a.keys.iter().map(|k| value(reads, &k.value, row)).collect();
    let lacks = a.keys.iter().zip(&key).any(|(k, v)| !k.optional && v.is_null());
    (!lacks).then_some(key)
}

/// Most groups that one row belongs to.
const MAX_CHOICES: usize = 10_000;

/// Whether a key stands for each of its values.
pub(crate) fn is_each(key: &Scalar) -> bool {
    matches!(key, Scalar::Call(c) if c.func.0.name == "each-value")
}

/// The keys of a row: one, or, where a value is marked `each-value` and is several, one for each of them.
pub(crate) fn choices(marks: impl Iterator<Item = bool> + Clone, key: Vec<Value>) -> Vec<Vec<Value>> {
    if !marks.clone().zip(&key).any(|(each, v)| each && matches!(v, Value::List(_))) {
        return vec![key];
    }
    marks.zip(key).fold(vec![Vec::new()], |before, (each, v)| {
        let each: Vec<Value> = if each { v.elements().to_vec() } else { vec![v] };
        let pairs = before.iter().flat_map(|b: &Vec<Value>| {
            each.iter().map(move |e| b.iter().cloned().chain([e.clone()]).collect::<Vec<Value>>())
        });
        pairs.take(MAX_CHOICES).collect()
    })
}

fn columns(reads: &[Scalar], a: &Agg, rows: &[(usize, &Row)], total: usize) -> Columns {
    let by_time = |f: &AggFn| matches!(f, AggFn::Earliest(_) | AggFn::Latest(_));
    let in_time = if a.columns.iter().any(|(_, f)| by_time(f)) { sorted(rows) } else { Vec::new() };
    let one = |(name, f): &(Arc<str>, AggFn)| {
        let rows = if by_time(f) { &in_time } else { rows };
        let value_of = |s: &Scalar, i: usize| rows.get(i).map_or(Value::Missing, |(_, r)| value(reads, s, r));
        (name.clone(), aggregate::value(f, rows.len(), total, &value_of))
    };
    a.columns.iter().map(one).collect()
}

/// Rows in order of time, whatever order they were brought into since.
fn sorted<'r>(rows: &[(usize, &'r Row)]) -> Vec<(usize, &'r Row)> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(_, r)| r.found.first);
    rows
}

/// One row a group, with the events of all its rows. Without keys there is one group, empty or not.
fn groups(reads: &[Scalar], a: &Agg, rows: Vec<Row>) -> Vec<Row> {
    let mut groups = grouped(reads, a, &rows);
    if groups.is_empty() && a.keys.is_empty() {
        groups.push((vec![], vec![]));
    }
    let groups = windows::cut(a.window, groups);
    let make = |(key, members): (Vec<Value>, Members<'_>)| {
        let mut made: Vec<(Arc<str>, Value)> = a.keys.iter().map(|k| k.name.clone()).zip(key).collect();
        made.extend(columns(reads, a, &members, rows.len()));
        Row { found: joined(&members), cells: Arc::from([]), columns: made }
    };
    groups.into_iter().map(make).collect()
}

/// A match of all events of several.
pub(crate) fn joined(members: &[(usize, &Row)]) -> Match {
    let all = || members.iter().map(|(_, r)| &r.found);
    Match {
        time: all().map(|m| m.time).max().unwrap_or(shikra_event::Timestamp(0)),
        first: all().filter_map(|m| m.first).min(),
        last: all().filter_map(|m| m.last).max(),
        events: all().flat_map(|m| m.events.iter().copied()).collect(),
        keys: vec![],
        columns: vec![],
        lost: all().map(|m| m.lost).sum(),
        early: all().any(|m| m.early),
    }
}

fn window(reads: &[Scalar], a: &Agg, rows: &mut [Row]) {
    let total = rows.len();
    let made: Vec<(Vec<usize>, Columns)> = grouped(reads, a, rows)
        .into_iter()
        .map(|(_, members)| {
            let made = columns(reads, a, &members, total);
            (members.iter().map(|(i, _)| *i).collect(), made)
        })
        .collect();
    for (members, columns) in made {
        for i in members {
            for (name, v) in &columns {
                if let Some(row) = rows.get_mut(i) {
                    row.set(name, v.clone());
                }
            }
        }
    }
}
