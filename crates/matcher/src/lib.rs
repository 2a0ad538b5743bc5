//! All filters of all rules against every event in one pass.
//!
//! A [`Matcher`] is built once from [`Filter`]s and never changes; each thread runs it with a [`Scratch`] of its
//! own. [`reference`] gives the same answers slowly and obviously; [`explain`] says why.
//!
//! What a rule is called and what becomes of a match is left to others: a filter is a number here.

use std::sync::Arc;

use shikra_event::Event;
use shikra_ir::Expr;
use shikra_taxonomy::{Selector, Taxonomy};

pub mod explain;
pub mod reference;
mod row;

pub use row::{EventRow, bound};

/// A filter's place in the list the matcher was built from.
pub type FilterId = u32;

/// One filter: which events are meant, and what must hold of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The log source, resolved.
    pub selector: Selector,
    /// The condition.
    pub expr: Expr,
}

/// All filters, ready to run. Immutable; share it between threads.
pub struct Matcher {
    filters: Vec<Filter>,
    taxonomy: Arc<Taxonomy>,
}

/// What one thread needs to run a matcher: its memos and its counts.
pub struct Scratch {}

impl Matcher {
    /// A matcher for these filters.
    pub fn new(filters: Vec<Filter>, taxonomy: Arc<Taxonomy>) -> Matcher {
        Matcher { filters, taxonomy }
    }

    /// The filters, by [`FilterId`].
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// A scratch for one thread.
    pub fn scratch(&self) -> Scratch {
        Scratch {}
    }

    /// Appends the filters that hold for `event`, ascending. `scratch` must be of this matcher.
    pub fn run(&self, _scratch: &mut Scratch, event: &Event<'_>, hits: &mut Vec<FilterId>) {
        reference::run(&self.filters, &self.taxonomy, event, hits);
    }
}
