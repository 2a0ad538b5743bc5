//! What column names mean: the sources of a SELECT, and how each is reached.
//!
//! A table of events has whatever fields its events have; a derived table has the columns it lists. With one
//! source, names are the source's own. With several, each is joined under its name, and its columns are
//! `name.column` from then on. Names are case-sensitive, as field names of events are.

use std::sync::Arc;

use shikra_ir::{Names, Plan, Scalar};

/// A table of a FROM clause.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What its columns are qualified by; made up where the query gives none.
    pub name: Arc<str>,
    /// Its rows.
    pub plan: Plan,
    /// Its columns; none where they are the fields of events.
    pub columns: Option<Vec<Arc<str>>>,
}

/// How a source's columns are reached at some point of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// There is but one source, or all have been joined.
    Whole,
    /// On the rows of this source, before its columns have been chosen.
    Raw(usize),
    /// On the rows of this source, as it enters the join.
    Side(usize),
}

/// The sources of a SELECT and how they are reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'s> {
    pub sources: &'s [Source],
    pub form: Form,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Value(Scalar),
    /// The derived tables that could have it do not, and there is no table of events.
    Unknown,
    /// Two sources could have it; taken from the first.
    Ambiguous(Scalar),
}

pub(crate) fn column(name: &str) -> Scalar {
    Scalar::field(Names::Column, name)
}

impl Scope<'_> {
    /// What a name of one or more parts means.
    pub fn find(&self, parts: &[&str]) -> Found {
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && let Some(i) = self.sources.iter().position(|s| s.name.eq_ignore_ascii_case(first))
        {
            return Found::Value(self.of(i, &rest.join(".")));
        }
        let name = parts.join(".");
        let lists = |s: &Source| s.columns.as_ref().is_some_and(|c| c.iter().any(|c| **c == *name));
        let listed: Vec<usize> = (0..self.sources.len()).filter(|i| lists(&self.sources[*i])).collect();
        let open = || (0..self.sources.len()).filter(|i| self.sources[*i].columns.is_none());
        let fitting = if listed.is_empty() { open().collect() } else { listed };
        match fitting.as_slice() {
            [] => Found::Unknown,
            [one] => Found::Value(self.of(*one, &name)),
            [first, ..] => Found::Ambiguous(self.of(*first, &name)),
        }
    }

    /// The column of a source.
    pub fn of(&self, source: usize, name: &str) -> Scalar {
        let Some(s) = self.sources.get(source) else { return column(name) };
        let raw = |name: &str| match s.columns {
            None => Scalar::field(Names::Raw, name),
            Some(_) => column(name),
        };
        match self.form {
            Form::Whole if self.sources.len() == 1 => raw(name),
            Form::Whole => column(&format!("{}.{name}", s.name)),
            Form::Raw(i) if i == source => raw(name),
            Form::Side(i) if i == source => column(name),
            // Not on this side: a name that nothing has.
            Form::Raw(_) | Form::Side(_) => column(&format!("{}.{name}", s.name)),
        }
    }

    /// The source that a qualified column is of, and its own name.
    pub fn split<'n>(&self, name: &'n str) -> Option<(usize, &'n str)> {
        self.sources.iter().enumerate().find_map(|(i, s)| {
            let own = name.strip_prefix(&*s.name)?.strip_prefix('.')?;
            Some((i, own))
        })
    }
}
