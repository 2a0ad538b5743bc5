//! All filters of all rules against every event in one pass.
//!
//! A [`Matcher`] is built once from [`Filter`]s and never changes; each thread runs it with a [`Scratch`] of its
//! own. [`reference`] gives the same answers slowly and obviously; [`explain`] says why.
//!
//! What a rule is called and what becomes of a match is left to others: a filter is a number here.
//!
//! How it is fast: filters are taken apart into predicates that depend on one field each, shared between
//! filters (`compile`). Which filters and which slots matter is decided once per shape (`rules`). All
//! predicates on a slot are one program (`program`, `machine`), whose outcome for a raw value is remembered
//! (`memo`), and so is the outcome of every combination of such outcomes. A combination not seen before
//! evaluates only filters of which a predicate that they cannot do without has hit (`witness`).

use std::collections::BTreeMap;
use std::sync::Arc;

use shikra_event::Event;
use shikra_ir::Expr;
use shikra_taxonomy::{Selector, Taxonomy};

pub mod explain;
pub mod reference;

mod compile;
mod costs;
mod glob;
mod grams;
mod known;
mod literals;
mod machine;
mod memo;
mod plan;
mod program;
mod row;
mod rules;
mod scratch;
mod seen;
mod sieve;
mod team;
mod tree;
mod witness;

pub use costs::Cost;
pub use row::EventRow;
pub use scratch::{Limits, Scratch, Work};
pub use seen::{Seen, Unable};
pub use team::Team;

/// A way to run a matcher. All give the same answers; tests hold them to it.
pub struct Strategy {
    /// Short name.
    pub name: &'static str,
    /// What the fast pass may remember; none: the reference.
    pub limits: Option<Limits>,
}

/// All strategies, the obvious one first.
pub static STRATEGIES: &[Strategy] = &[
    Strategy { name: "reference", limits: None },
    Strategy { name: "fast", limits: Some(Limits::WARM) },
    Strategy { name: "fast-tight", limits: Some(Limits::TIGHT) },
    Strategy { name: "fast-cold", limits: Some(Limits::COLD) },
];

impl Strategy {
    /// Runs a matcher this way; `scratch` is one that [`Strategy::scratch`] made.
    pub fn run(&self, matcher: &Matcher, scratch: &mut Scratch, event: &Event<'_>, hits: &mut Vec<FilterId>) {
        match self.limits {
            None => reference::run(&matcher.filters, &matcher.taxonomy, event, hits),
            Some(_) => matcher.run(scratch, event, hits),
        }
    }

    /// A scratch for [`Strategy::run`].
    pub fn scratch(&self, matcher: &Matcher) -> Scratch {
        matcher.scratch_with(self.limits.unwrap_or(Limits::COLD))
    }
}

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

/// All filters, ready to run. Its answers never change; share it between threads. What it works out about
/// shapes it keeps for all threads.
pub struct Matcher {
    filters: Vec<Filter>,
    taxonomy: Arc<Taxonomy>,
    compiled: compile::Compiled,
    cache: rules::Cache,
}

/// Takes filters one by one and makes a matcher of them.
pub struct Builder {
    taxonomy: Arc<Taxonomy>,
    /// Where they are kept.
    filters: Option<Vec<Filter>>,
    compiler: compile::Compiler,
}

impl Builder {
    /// For about so many filters. `keep`: they are kept for others than [`Matcher::run`]; of thousands, that takes more
    /// room than all that is made of them.
    pub fn new(taxonomy: Arc<Taxonomy>, number: usize, keep: bool) -> Builder {
        let filters = keep.then(|| Vec::with_capacity(number));
        Builder { taxonomy, filters, compiler: compile::Compiler::new(number) }
    }

    /// Adds a filter, of the next number.
    pub fn add(&mut self, filter: Filter) {
        if let Some(filters) = &mut self.filters {
            filters.push(filter.clone());
        }
        self.compiler.add(filter);
    }

    /// The matcher.
    pub fn finish(self) -> Matcher {
        Matcher {
            filters: self.filters.unwrap_or_default(),
            taxonomy: self.taxonomy,
            compiled: self.compiler.finish(),
            cache: rules::Cache::default(),
        }
    }
}

impl Matcher {
    /// A matcher for these filters.
    pub fn new(filters: Vec<Filter>, taxonomy: Arc<Taxonomy>) -> Matcher {
        let mut builder = Builder::new(taxonomy, filters.len(), true);
        filters.into_iter().for_each(|f| builder.add(f));
        builder.finish()
    }

    /// The filters, by [`FilterId`]; none where they were not kept.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// A scratch for one thread.
    pub fn scratch(&self) -> Scratch {
        self.scratch_with(Limits::default())
    }

    /// A scratch that remembers so much.
    pub fn scratch_with(&self, limits: Limits) -> Scratch {
        Scratch::new(self, &Team::new(1, limits))
    }

    /// For so many threads that run this matcher at the same time: with [`Matcher::scratch_in`] one, each of them spares
    /// the others what it has worked out.
    pub fn team(&self, threads: usize) -> Team {
        Team::new(threads, Limits::default())
    }

    /// A scratch for one thread of a team, which must be of this matcher.
    pub fn scratch_in(&self, team: &Team) -> Scratch {
        Scratch::new(self, team)
    }

    /// Appends the filters that hold for `event`, ascending. `scratch` must be of this matcher.
    pub fn run(&self, scratch: &mut Scratch, event: &Event<'_>, hits: &mut Vec<FilterId>) {
        scratch.run(self, event, hits);
    }

    /// Lets go of what was worked out about shapes, which is much where filters are: for when no event is to come for
    /// a while. Answers stay the same.
    pub fn forget(&self) {
        self.cache.forget();
    }

    /// What filters cost, by owner: `owners` says whose a filter is. Nothing where it was not counted
    /// ([`Scratch::count_costs`]).
    pub fn costs(&self, scratch: &Scratch, owners: &dyn Fn(FilterId) -> Vec<u32>) -> BTreeMap<u32, Cost> {
        let counted = scratch.counted();
        counted.map_or_else(BTreeMap::new, |(tally, conditions)| {
            costs::of_owners(&self.compiled, tally, conditions, owners)
        })
    }

    /// The filters that nothing of what was seen can satisfy, ascending. Certain for those it names; a filter
    /// that is not named may still be unable to hold.
    pub fn unable(&self, seen: &Seen) -> Vec<(FilterId, Unable)> {
        seen.unable(&self.compiled)
    }
}
