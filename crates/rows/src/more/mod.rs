//! Operators of search languages: columns from text by regular expressions, look-up tables, running aggregates,
//! sessions. Each is prepared once, when a plan is compiled.

mod capture;
mod lookup;
mod now;
mod running;
mod search;
mod session;

use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::{Agg, AggFn, Extract, Names, Plan, Scalar, Window};
use shikra_sequence::Unsupported;

use crate::reads;
use crate::row::Row;

pub(crate) use now::{asks as asks_time, bind};
pub(crate) use search::{Prepared, Search, is_search};

/// One of them.
#[derive(Clone, Debug)]
pub(crate) enum More {
    Capture(capture::Capture),
    Lookup(lookup::Lookup),
    Running(Agg),
    Session(Agg),
}

impl More {
    /// The operator at the top of a plan, and its input; none where it is none of these.
    ///
    /// # Errors
    /// Where it is one, and cannot be prepared.
    pub fn of(plan: &Plan) -> Result<Option<(More, &Plan)>, Unsupported> {
        Ok(match plan {
            Plan::Extract(input, Extract::Regex { from, regex, most }) => {
                Some((More::Capture(capture::Capture::new(from, regex, *most)?), &**input))
            }
            Plan::Lookup(l) => match &l.data {
                Some(data) => Some((More::Lookup(lookup::Lookup::new(l, data)), &*l.input)),
                None => None,
            },
            Plan::WindowAgg(a) if matches!(a.window, Window::Rows { .. }) => {
                Some((More::Running(a.clone()), &*a.input))
            }
            Plan::Agg(a) if is_session(a) => Some((More::Session(a.clone()), &*a.input)),
            _ => None,
        })
    }

    /// Appends what it reads.
    pub fn reads(&self, out: &mut Vec<Scalar>) {
        match self {
            More::Capture(c) => reads::of_scalar(&c.from, out),
            More::Lookup(l) => l.on.iter().for_each(|(_, s)| reads::of_scalar(s, out)),
            More::Running(a) | More::Session(a) => {
                a.keys.iter().for_each(|k| reads::of_scalar(&k.value, out));
                a.columns.iter().for_each(|(_, f)| reads::of_aggregate(f, out));
            }
        }
    }

    /// What it looks at of a row, where that is all it looks at.
    pub fn asks(&self) -> Box<dyn Iterator<Item = &Scalar> + '_> {
        match self {
            More::Capture(c) => Box::new(std::iter::once(&c.from)),
            More::Lookup(l) => Box::new(l.on.iter().map(|(_, s)| s)),
            More::Running(_) | More::Session(_) => Box::new(std::iter::empty()),
        }
    }

    /// The columns that it may make of what it [asks](More::asks).
    pub fn makes(&self) -> Box<dyn Iterator<Item = &Arc<str>> + '_> {
        match self {
            More::Capture(c) => Box::new(c.groups.iter().map(|(_, name)| name)),
            More::Lookup(l) => Box::new(l.output.iter().map(|(_, name)| name)),
            More::Running(_) | More::Session(_) => Box::new(std::iter::empty()),
        }
    }

    /// Works on all rows.
    pub fn apply(&self, reads: &[Scalar], mut rows: Vec<Row>) -> Vec<Row> {
        match self {
            More::Capture(c) => rows.iter_mut().for_each(|r| c.apply(reads, r)),
            More::Lookup(l) => rows.iter_mut().for_each(|r| l.apply(reads, r)),
            More::Running(a) => running::run(reads, a, &mut rows),
            More::Session(a) => return session::run(reads, a, &rows),
        }
        rows
    }
}

/// Whether groups are sessions with more to them than pauses: they keep the fields of their events.
pub(crate) fn is_session(a: &Agg) -> bool {
    let merges = |f: &AggFn| matches!(f, AggFn::Other(name, _) if name == "merge");
    matches!(a.window, Window::Session { .. }) && a.columns.iter().any(|(_, f)| merges(f))
}

/// Whether a plan is of a language whose groups are always computed when the input ends: over events in
/// Splunk's names or data models.
pub(crate) fn at_the_end(plan: &Plan) -> bool {
    match plan {
        Plan::Scan(s) => matches!(s.names, Names::Splunk | Names::Cim),
        Plan::Values(_) => true,
        other => other.children().into_iter().any(at_the_end),
    }
}

/// What an event answers for a field it does not have: its time is known even where no field holds it.
pub(crate) fn told_otherwise(read: &Scalar, cell: Option<Value>, time: Timestamp) -> Value {
    match (read, cell) {
        (Scalar::Field(f), None | Some(Value::Missing)) if &*f.name == "_time" => Value::Time(time),
        (_, cell) => cell.unwrap_or_default(),
    }
}
