//! Rows: what was carried along of the events of a match, and the columns made since.

use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::{FieldRef, Names, Pattern, Scalar, eval};
use shikra_sequence::{Match, MatchedEvent};

/// A match on its way through the operators.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub found: Match,
    /// In the order of the program's reads.
    pub cells: Arc<[Value]>,
    /// Made by operators.
    pub columns: Vec<(Arc<str>, Value)>,
}

impl Row {
    /// A row of one event.
    pub fn of_event(time: Timestamp, handle: u64, cells: Arc<[Value]>) -> Row {
        let found = Match {
            time,
            first: Some(time),
            last: Some(time),
            events: vec![MatchedEvent { stage: 0, event: Some(handle) }],
            keys: vec![],
            columns: vec![],
            lost: 0,
            early: false,
        };
        Row { found, cells, columns: Vec::new() }
    }

    /// A row of a table: columns, no events. What is absent is no column.
    pub fn of_table(names: &[Arc<str>], values: &[Value]) -> Row {
        let present = names.iter().zip(values).filter(|(_, v)| **v != Value::Missing);
        let columns = present.map(|(n, v)| (n.clone(), v.clone())).collect();
        Row::of_columns(Timestamp(0), columns)
    }

    /// A row of these columns, known at a time, that names no events.
    pub fn of_columns(time: Timestamp, columns: Vec<(Arc<str>, Value)>) -> Row {
        let found = Match {
            time,
            first: None,
            last: None,
            events: vec![],
            keys: vec![],
            columns: vec![],
            lost: 0,
            early: false,
        };
        Row { found, cells: Arc::from([]), columns }
    }

    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        let columns = [&self.columns, &self.found.keys, &self.found.columns];
        let named = columns.into_iter().flatten().map(|(_, v)| v.size() + size_of::<Arc<str>>());
        let events = size_of_val(self.found.events.as_slice());
        size_of::<Row>() + events + self.cells.iter().map(Value::size).sum::<usize>() + named.sum::<usize>()
    }

    pub fn set(&mut self, name: &Arc<str>, value: Value) {
        match self.columns.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.columns.push((name.clone(), value)),
        }
    }
}

/// A row to evaluate expressions on.
pub(crate) struct View<'r> {
    pub reads: &'r [Scalar],
    pub cells: &'r [Value],
    pub columns: &'r [(Arc<str>, Value)],
}

impl View<'_> {
    fn cell(&self, wanted: impl Fn(&Scalar) -> bool) -> Option<Value> {
        self.reads.iter().position(wanted).and_then(|i| self.cells.get(i)).cloned()
    }
}

impl eval::Row for View<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        let column = self.columns.iter().find(|(n, _)| **n == *field.name);
        match column {
            Some((_, v)) => v.clone(),
            None => self.cell(|s| matches!(s, Scalar::Field(f) if f == field)).unwrap_or_default(),
        }
    }
    fn all_fields(&self) -> Vec<Value> {
        self.cell(|s| *s == Scalar::AnyField).map(list).unwrap_or_default()
    }
    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        let glob = |s: &Scalar| matches!(s, Scalar::FieldGlob(n, p) if *n == names && p == pattern);
        let mut values = self.cell(glob).map(list).unwrap_or_default();
        let columns = self.columns.iter().filter(|(n, _)| pattern.matches(n));
        values.extend(columns.flat_map(|(_, v)| list(v.clone())));
        values
    }
}

fn list(v: Value) -> Vec<Value> {
    match v {
        Value::List(v) => v,
        Value::Missing => Vec::new(),
        one => vec![one],
    }
}

/// A text that equal values share and others do not; missing is null.
pub(crate) fn key_text(values: &[Value]) -> String {
    let one = |v: &Value| match v {
        Value::Missing => "null".to_owned(),
        Value::F64(n) if n.fract() == 0.0 && n.abs() < 1e15 => format!("{n:.0}"),
        other => shikra_ir::text::value(other),
    };
    values.iter().map(one).collect::<Vec<_>>().join("\u{1f}")
}
