//! What each program ordinarily does: arguments, parents, children, modules, destinations, users, hosts, targets,
//! hours; and, given that, what is new and how unusual.
//!
//! [`Observer`] says what an event tells of a program. [`Baseline`] counts it in bounded memory and is written and
//! read as bytes ([`Baseline::encode`], [`Baseline::decode`]). Building parts and merging them gives the bytes that
//! building the whole gives, in any order.
//!
//! Reading events and files is left to others; so is what a report looks like.

mod change;
mod dimension;
mod file;
mod filter;
mod hash;
mod history;
mod hosts;
mod judge;
mod observe;
mod table;
#[cfg(test)]
mod tests;

pub use change::{Change, Forget};
pub use dimension::{About, DIMENSIONS, Dimension};
pub use file::{MAGIC, Unusable, VERSION};
pub use history::is_kept;
pub use judge::{Judged, Known};
pub use observe::{Observation, Observer};
pub use table::{Baseline, Stat, Table};
