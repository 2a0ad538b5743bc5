//! Plans over survivors that need no relational engine: lineage before a filter or a sequence stage, and sort,
//! limit, tail, dedup, groups, columns after one; joins, unions and differences of such plans.
//!
//! It works as `sequence` does, and runs sequences with it: [`compile()`] turns a plan into a [`Program`]
//! whose [`Leaf`]s the engine decides per event with the shared matcher; a [`Machine`] takes the survivors in
//! order of event time and answers [`Match`]es. What follows the last stateful operator is held in memory
//! until the input ends and then computed: [`Limits::max_events`] rows at most, or, where there is a
//! [`Room`](outside::Room), all of them, in temporary files when it is full. A program without such operators
//! answers at once.
//!
//! Programs that begin with groups of single events need no rows: [`Folding`] says what they read, a [`Folder`]
//! keeps their groups. So it is with those that only count events by key.
//!
//! Whoever descends from whom is learnt from the process events themselves (`gate`).

mod accumulate;
mod aggregate;
mod compile;
mod decided;
mod ending;
mod extract;
mod folding;
mod gate;
mod handles;
mod late;
mod machine;
mod merge;
mod more;
mod needs;
mod operate;
pub mod outside;
mod push;
mod reads;
mod row;
mod same;
mod sieve;
mod windows;

pub use compile::{Program, Resolve, compile};
pub use folding::{Cells, Folder, Folding, TimeOf, field_of_event, reads_fields_alone};
pub use handles::{Moments, MomentsIter};
pub use machine::Machine;
pub use same::{Cell, Seed};
pub use shikra_sequence::{Input, Leaf, Limits, Match, MatchedEvent, Needs, Stats, Unsupported};
