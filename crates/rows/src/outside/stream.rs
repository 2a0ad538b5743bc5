//! Operators over rows that come one by one.

use std::io;

use shikra_event::Value;
use shikra_ir::{Agg, Scalar, SortKey, Window};

use crate::compile::Operator;
use crate::more::More;
use crate::operate;
use crate::row::{Row, key_text};

use super::bytes::encode;
use super::bytes::{Names, place_key, place_of, placed};
use super::{Outside, Pairs, group, key};

/// Rows one after the other, or what kept one from being read.
pub(crate) type Rows<'a> = Box<dyn Iterator<Item = io::Result<Row>> + 'a>;

/// What operators share.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub reads: &'a [Scalar],
    pub outside: &'a dyn Outside,
    pub names: &'a Names,
    /// Rows of one group held in memory, where a group has to be.
    pub most: usize,
    /// Rows beyond that.
    pub lost: &'a std::cell::Cell<u64>,
}

impl<'a> Stage<'a> {
    /// Rows through all operators.
    pub fn all(self, operators: &'a [Operator], rows: Rows<'a>) -> io::Result<Rows<'a>> {
        operators.iter().try_fold(rows, |rows, o| self.one(o, rows))
    }

    fn one(self, operator: &'a Operator, rows: Rows<'a>) -> io::Result<Rows<'a>> {
        let limit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(match operator {
            Operator::Limit(n) => Box::new(rows.take(limit(*n))),
            Operator::Tail(n) => self.tail(*n, rows)?,
            Operator::Sort(keys) => self.sort(keys, rows)?,
            Operator::Dedup(keys, keep) => self.dedup(keys, *keep, rows)?,
            Operator::Agg(a) if a.window == Window::None => group::aggregate(self, a, rows)?,
            Operator::Agg(a) => group::whole(self, a, operator, rows)?,
            Operator::WindowAgg(a) => group::window(self, a, rows)?,
            Operator::More(m) => match &**m {
                More::Running(a) => group::running(self, a, operator, rows)?,
                More::Session(a) => group::sessions(self, a, operator, rows)?,
                More::Capture(_) | More::Lookup(_) => self.each(operator, rows),
            },
            Operator::Filter(_)
            | Operator::Eval(_)
            | Operator::Project(_)
            | Operator::Drop(_)
            | Operator::Unnest(_)
            | Operator::Extract(_) => self.each(operator, rows),
        })
    }

    /// An operator that looks at one row at a time.
    fn each(self, operator: &'a Operator, rows: Rows<'a>) -> Rows<'a> {
        Box::new(rows.flat_map(move |row| match row {
            Ok(row) => operate::one(self.reads, operator, vec![row]).into_iter().map(Ok).collect(),
            Err(e) => vec![Err(e)],
        }))
    }

    fn tail(self, n: u64, rows: Rows<'a>) -> io::Result<Rows<'a>> {
        let mut wait = self.outside.wait()?;
        let mut count = 0u64;
        for row in rows {
            wait.push(&bytes(&row?))?;
            count += 1;
        }
        let before = usize::try_from(count.saturating_sub(n)).unwrap_or(usize::MAX);
        Ok(Box::new(wait.rows()?.skip(before).map(move |p| self.names.decode(&p?.1))))
    }

    fn sort(self, keys: &'a [SortKey], rows: Rows<'a>) -> io::Result<Rows<'a>> {
        let pair = move |row: io::Result<Row>| {
            let row = row?;
            let values: Vec<Value> =
                keys.iter().map(|k| operate::value(self.reads, &k.value, &row)).collect();
            Ok((key::key(keys, &values), bytes(&row)))
        };
        let sorted = self.outside.sorted(Box::new(rows.map(pair)))?;
        Ok(Box::new(sorted.map(move |p| self.names.decode(&p?.1))))
    }

    fn dedup(self, keys: &'a [Scalar], keep: u64, rows: Rows<'a>) -> io::Result<Rows<'a>> {
        let pair = move |(place, row): (u64, io::Result<Row>)| {
            let row = row?;
            let values: Vec<Value> = keys.iter().map(|k| operate::value(self.reads, k, &row)).collect();
            Ok((key_text(&values).into_bytes(), placed((place, 0), &row)))
        };
        let sorted = self.outside.sorted(Box::new((0..).zip(rows).map(pair)))?;
        let mut last: Option<Vec<u8>> = None;
        let mut count = 0;
        let first = sorted.filter_map(move |p| {
            let (key, row) = match p {
                Ok(p) => p,
                Err(e) => return Some(Err(e)),
            };
            if last.as_ref() != Some(&key) {
                (last, count) = (Some(key), 0);
            }
            count += 1;
            (count <= keep).then_some(Ok(row))
        });
        self.in_order(Box::new(first))
    }

    /// Rows with a place before them, by that place.
    pub fn in_order(self, rows: Box<dyn Iterator<Item = io::Result<Vec<u8>>> + '_>) -> io::Result<Rows<'a>> {
        let by_place = |row: io::Result<Vec<u8>>| {
            let row = row?;
            let (place, _) = place_of(&row)?;
            Ok((place_key(place).to_vec(), row))
        };
        let sorted: Pairs<'a> = self.outside.sorted(Box::new(rows.map(by_place)))?;
        Ok(Box::new(sorted.map(move |p| self.names.decode(place_of(&p?.1)?.1))))
    }

    /// The groups that a row belongs to, none where it lacks a key.
    pub fn keys(self, a: &Agg, row: &Row) -> Vec<Vec<Value>> {
        operate::keys(self.reads, a, row)
    }
}

/// A row as bytes.
pub(crate) fn bytes(row: &Row) -> Vec<u8> {
    let mut out = Vec::new();
    encode(row, &mut out);
    out
}
