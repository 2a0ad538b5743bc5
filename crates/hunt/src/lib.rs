//! Statistics over events, for what no rule names: each technique of hunting is an [`Analytic`].
//!
//! Threads read their part of the input with a [`Reader`] into a [`Tally`]; [`Stacks`] takes these in the order
//! of the input; an analytic turns what was seen into a [`HuntResult`]. Everything is reproducible: the same
//! events, parameters and seed give the same answer, whatever the number of threads.
//!
//! Nothing here reads files, filters events or draws: that is left to `engine` and `output`.

pub mod analytic;
pub mod column;
pub mod density;
pub mod feature;
pub mod file;
pub mod forest;
pub mod mask;
pub mod near;
pub mod params;
pub mod result;
pub mod rule;
pub mod scatter;
pub mod stats;
pub mod text;

mod boxes;
mod cluster;
mod conditional;
mod events;
mod follow;
mod grams;
mod group;
mod odd;
mod outlier;
mod prevalence;
mod rare;
mod read;
mod search;
mod stack;
mod stacks;
mod tally;
mod things;

pub use analytic::{ANALYTICS, Analytic, Ask, Data, Needs};
pub use column::ColumnSpec;
pub use events::{Events, Head, PartEvents};
pub use params::{COMMON, Parameter, Params};
pub use read::{NONE, Reader, Reading, Wanted};
pub use result::HuntResult;
pub use stacks::{Stack, Stacks};
pub use tally::{PartTally, Tally};
