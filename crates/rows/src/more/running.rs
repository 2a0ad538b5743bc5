//! Aggregates of each row's group up to that row.

use hashbrown::HashMap;
use shikra_event::Value;
use shikra_ir::{Agg, AggFn, Scalar, Window, eval};

use crate::aggregate;
use crate::row::{Row, View, key_text};

/// Rows back that an aggregate sees which cannot be carried on from row to row.
const FARTHEST: usize = 1000;

pub(super) fn run(reads: &[Scalar], a: &Agg, rows: &mut [Row]) {
    let Window::Rows { most, current } = a.window else { return };
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    let mut made: Vec<Vec<Value>> = vec![Vec::new(); rows.len()];
    let mut carried: HashMap<String, Vec<Carried>> = HashMap::new();
    for (i, row) in rows.iter().enumerate() {
        let view = View { reads, cells: &row.cells, columns: &row.columns };
        let key: Vec<Value> = a.keys.iter().map(|k| eval::scalar(&k.value, &view)).collect();
        if a.keys.iter().zip(&key).any(|(k, v)| !k.optional && v.is_null()) {
            continue;
        }
        let key = key_text(&key);
        let before = groups.entry(key.clone()).or_default();
        let state = carried.entry(key).or_insert_with(|| vec![Carried::default(); a.columns.len()]);
        let values = a.columns.iter().zip(state).map(|((_, f), carried)| {
            if most == 0 && carried.knows(f) {
                let own = f.argument().map(|s| eval::scalar(s, &view));
                return carried.step(f, own.as_ref(), current);
            }
            let far = if most == 0 { FARTHEST } else { usize::try_from(most).unwrap_or(FARTHEST) };
            let back = before.len().saturating_sub(far.saturating_sub(usize::from(current)));
            let mut members: Vec<usize> = before.get(back..).unwrap_or(&[]).to_vec();
            members.extend(current.then_some(i));
            let value_of = |s: &Scalar, n: usize| {
                let row = members.get(n).and_then(|m| rows.get(*m));
                row.map_or(Value::Missing, |r| {
                    eval::scalar(s, &View { reads, cells: &r.cells, columns: &r.columns })
                })
            };
            aggregate::value(f, members.len(), members.len(), &value_of)
        });
        let values: Vec<Value> = values.collect();
        if let Some(place) = made.get_mut(i) {
            *place = values;
        }
        before.push(i);
    }
    for (row, values) in rows.iter_mut().zip(made) {
        for ((name, _), v) in a.columns.iter().zip(values) {
            row.set(name, v);
        }
    }
}

/// What is carried on from row to row.
#[derive(Clone, Debug, Default)]
struct Carried {
    rows: i64,
    numbers: i64,
    sum: f64,
    first: Option<Value>,
    last: Option<Value>,
}

impl Carried {
    fn knows(&self, f: &AggFn) -> bool {
        matches!(
            f,
            AggFn::Count
                | AggFn::CountOf(_)
                | AggFn::Sum(_)
                | AggFn::Avg(_)
                | AggFn::First(_)
                | AggFn::Last(_)
        )
    }

    /// The aggregate up to this row, or to the one before it.
    fn step(&mut self, f: &AggFn, own: Option<&Value>, current: bool) -> Value {
        let before = (!current).then(|| self.value(f));
        self.rows += 1;
        for v in own.map_or(&[] as &[Value], Value::elements).iter().filter(|v| !v.is_null()) {
            self.first.get_or_insert_with(|| v.clone());
            self.last = Some(v.clone());
            if let Some(n) = eval::number(v) {
                self.sum += n;
                self.numbers += 1;
            } else if matches!(f, AggFn::CountOf(_)) {
                self.numbers += 1;
            }
        }
        before.unwrap_or_else(|| self.value(f))
    }

    fn value(&self, f: &AggFn) -> Value {
        match f {
            AggFn::Count => Value::I64(self.rows),
            AggFn::CountOf(_) => Value::I64(self.numbers),
            AggFn::Sum(_) | AggFn::Avg(_) if self.numbers == 0 => Value::Null,
            AggFn::Sum(_) => aggregate::number(self.sum),
            AggFn::Avg(_) => aggregate::number(self.sum / self.numbers as f64),
            AggFn::First(_) => self.first.clone().unwrap_or(Value::Null),
            AggFn::Last(_) => self.last.clone().unwrap_or(Value::Null),
            _ => Value::Null,
        }
    }
}
