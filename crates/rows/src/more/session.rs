//! Groups cut by time: until a pause that is too long, a whole that is too long, or an event that begins or ends
//! one.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, Scalar, Window, eval, func};

use crate::aggregate;
use crate::operate::{grouped, joined};
use crate::row::{Row, View, key_text};

/// Most values that a row keeps of one field.
const MOST_VALUES: usize = 10_000;

/// What cuts, beside time.
struct Cuts<'a> {
    gap: i64,
    longest: Option<i64>,
    starts: Option<&'a Scalar>,
    ends: Option<&'a Scalar>,
    most: usize,
    /// Groups that did not begin or end as asked stay.
    keeps: bool,
}

pub(super) fn run(reads: &[Scalar], a: &Agg, rows: &[Row]) -> Vec<Row> {
    let Window::Session { gap, max } = a.window else { return Vec::new() };
    let other = |wanted: &str| {
        a.columns.iter().find_map(|(_, f)| match f {
            AggFn::Other(name, args) if name == wanted => args.first(),
            _ => None,
        })
    };
    let literal = |s: Option<&Scalar>| match s {
        Some(Scalar::Lit(v)) => Some(v.clone()),
        _ => None,
    };
    let most = literal(other("most")).and_then(|v| v.as_f64()).map_or(usize::MAX, |n| n.max(1.0) as usize);
    let cuts = Cuts {
        gap,
        longest: max,
        starts: other("starts-with"),
        ends: other("ends-with"),
        most,
        keeps: literal(other("merge")) == Some(Value::Bool(true)),
    };
    let mut out = Vec::new();
    for (key, mut members) in grouped(reads, a, rows) {
        members.sort_by_key(|(i, r)| (r.found.first, *i));
        for part in cuts.parts(reads, &members) {
            out.push(made(reads, a, &key, &part));
        }
    }
    out.sort_by_key(|r| std::cmp::Reverse(r.found.first));
    out
}

impl Cuts<'_> {
    fn parts<'r>(&self, reads: &[Scalar], members: &[(usize, &'r Row)]) -> Vec<Vec<(usize, &'r Row)>> {
        let holds = |s: Option<&Scalar>, row: &Row| {
            let view = View { reads, cells: &row.cells, columns: &row.columns };
            s.is_some_and(|s| eval::scalar(s, &view) == Value::Bool(true))
        };
        let mut out = Vec::new();
        let mut open: Vec<(usize, &Row)> = Vec::new();
        let mut begun = false;
        let mut close = |open: &mut Vec<(usize, &'r Row)>, whole: bool| {
            let part = std::mem::take(open);
            if !part.is_empty() && (whole || self.keeps) {
                out.push(part);
            }
        };
        for (i, row) in members {
            let time = |r: &Row| r.found.first.map_or(0, |t| t.0);
            let last = open.last().map(|(_, r)| time(r));
            let first = open.first().map(|(_, r)| time(r));
            let paused = last.is_some_and(|l| time(row).saturating_sub(l) > self.gap);
            let long = first.zip(self.longest).is_some_and(|(f, most)| time(row).saturating_sub(f) > most);
            let starts = holds(self.starts, row);
            if paused || long || starts || open.len() >= self.most {
                close(&mut open, (self.starts.is_none() || begun) && self.ends.is_none());
                begun = false;
            }
            begun |= starts;
            if self.starts.is_some() && !begun {
                continue;
            }
            open.push((*i, row));
            if holds(self.ends, row) {
                close(&mut open, true);
                begun = false;
            }
        }
        close(&mut open, (self.starts.is_none() || begun) && self.ends.is_none());
        out
    }
}

/// One row of several: keys, aggregates, and of all else every value once.
fn made(reads: &[Scalar], a: &Agg, key: &[Value], members: &[(usize, &Row)]) -> Row {
    let merged = |values: &mut dyn Iterator<Item = Value>| {
        let mut seen = hashbrown::HashSet::new();
        let mut all: Vec<Value> = Vec::new();
        for v in values.filter(|v| !v.is_null()) {
            for one in v.elements() {
                if all.len() < MOST_VALUES && seen.insert(key_text(std::slice::from_ref(one))) {
                    all.push(one.clone());
                }
            }
        }
        func::several(all)
    };
    let cell = |i: usize| merged(&mut members.iter().filter_map(|(_, r)| r.cells.get(i).cloned()));
    let cells: Arc<[Value]> = (0..reads.len()).map(cell).collect();
    let mut names: Vec<Arc<str>> = Vec::new();
    for (n, _) in members.iter().flat_map(|(_, r)| &r.columns) {
        if !names.contains(n) {
            names.push(n.clone());
        }
    }
    let column = |n: &Arc<str>| {
        let of = |r: &Row| r.columns.iter().find(|(o, _)| o == n).map(|(_, v)| v.clone());
        (n.clone(), merged(&mut members.iter().filter_map(|(_, r)| of(r))))
    };
    let mut row = Row { found: joined(members), cells, columns: names.iter().map(column).collect() };
    for (k, v) in a.keys.iter().zip(key) {
        row.set(&k.name, v.clone());
    }
    let value_of = |s: &Scalar, i: usize| {
        members.get(i).map_or(Value::Missing, |(_, r)| {
            eval::scalar(s, &View { reads, cells: &r.cells, columns: &r.columns })
        })
    };
    for (name, f) in &a.columns {
        let value = match f {
            AggFn::Other(what, _) if what == "duration" => {
                let span = row.found.last.zip(row.found.first).map_or(0, |(l, f)| l.0.saturating_sub(f.0));
                aggregate::number(span as f64 / 1e9)
            }
            AggFn::Other(what, _) if matches!(&**what, "starts-with" | "ends-with" | "most" | "merge") => {
                continue;
            }
            f => aggregate::value(f, members.len(), members.len(), &value_of),
        };
        row.set(name, value);
    }
    row
}
