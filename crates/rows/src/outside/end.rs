//! Programs whose input has ended, with the rows that wait.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;

use crate::compile::{Core, Operator, Program};
use crate::machine::for_another;
use crate::row::Row;

use super::stream::{Rows, Stage};
use super::{Names, Outside, Wait, join};

/// What all programs share.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub outside: &'a dyn Outside,
    pub names: &'a Names,
    /// See [`Stage::most`].
    pub most: usize,
    /// See [`Stage::lost`].
    pub lost: &'a Cell<u64>,
}

/// A program with what it has.
pub(crate) struct Ended {
    program: Arc<Program>,
    operators: Vec<Operator>,
    /// In memory, later than those that wait outside.
    rows: RefCell<Vec<Row>>,
    waiting: RefCell<io::Result<Option<Box<dyn Wait>>>>,
    /// What feeds it.
    parts: Vec<Ended>,
}

impl Ended {
    pub fn new(
        program: Arc<Program>,
        operators: Vec<Operator>,
        rows: Vec<Row>,
        waiting: io::Result<Option<Box<dyn Wait>>>,
        parts: Vec<Ended>,
    ) -> Ended {
        Ended { program, operators, rows: RefCell::new(rows), waiting: RefCell::new(waiting), parts }
    }

    /// The rows through the operators.
    pub fn stream<'a>(&'a self, around: Around<'a>) -> io::Result<Rows<'a>> {
        let Around { outside, names, most, lost } = around;
        let stage = Stage { reads: &self.program.reads, outside, names, most, lost };
        let rows: Rows<'a> = match &self.program.core {
            Core::Merged(merge) => {
                let part = |p: &'a Ended| -> io::Result<Rows<'a>> {
                    Ok(Box::new(p.stream(around)?.map(|r| r.map(for_another))))
                };
                join::merged(stage, merge, self.parts.iter().map(part).collect::<io::Result<_>>()?)?
            }
            Core::Values(table) => Box::new(table.rows.iter().map(|r| Ok(Row::of_table(&table.columns, r)))),
            Core::Events(_) | Core::Keyed(_) => self.own(names)?,
        };
        stage.all(&self.operators, rows)
    }

    fn own<'a>(&self, names: &'a Names) -> io::Result<Rows<'a>> {
        let waited = self.waiting.replace(Ok(None))?;
        let held = self.rows.take().into_iter().map(Ok);
        Ok(match waited {
            Some(waited) => Box::new(waited.rows()?.map(|p| names.decode(&p?.1)).chain(held)),
            None => Box::new(held),
        })
    }
}
