//! Sysmon configurations: what they let through.
//!
//! [`parse`] reads the XML, [`Config::decide`] says of an event whether it is logged and which filter decided. It
//! asks a function for the truth of each condition, so that the same code judges a recorded event (all is known)
//! and what a rule looks for (some is unknown). [`write`](fn@write) makes a configuration of needs. Rules and
//! logs are left to others.

mod condition;
mod config;
mod kinds;
mod read;
mod write;

pub use condition::{Condition, OPERATORS, Operator};
pub use config::{Config, Decision, Entry, Filter, OnMatch, Relation, Truth};
pub use kinds::{KINDS, Kind, kind_of};
pub use read::parse;
pub use write::{Wanted, write};
