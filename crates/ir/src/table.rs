//! Rows that come with a rule: look-up tables, lists of values.

use std::sync::Arc;

use shikra_event::Value;

use crate::Fold;

/// A table: named columns, and rows of as many values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name, for reports.
    pub name: String,
    /// Names of the columns.
    pub columns: Vec<Arc<str>>,
    /// Values in the order of the columns; a short row is null from there on.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| **c == *name)
    }
}

/// How the value of a row is compared with that of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchKind {
    /// Equal text.
    #[default]
    Equal,
    /// The table holds patterns with `*`.
    Wildcard,
    /// The table holds networks.
    Cidr,
}

/// How a look-up finds rows of its table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// Case.
    pub fold: Fold,
    /// Table columns that are not compared as equal text.
    pub kinds: Vec<(String, MatchKind)>,
    /// Greatest number of table rows for one row; 0: all. Several make lists.
    pub most: usize,
    /// Value of the new columns where nothing was found.
    pub default: Option<Value>,
}
