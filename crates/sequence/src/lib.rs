//! Keyed state machines over event time: everything that looks at more than one event and needs no relational
//! engine. Sigma correlations and v1 aggregations, `near`, EQL sequences, samples and endgame's joins.
//!
//! [`compile()`] turns a plan into a [`Program`]: [`Leaf`]s, which the engine decides per event with the
//! shared matcher, and operators, which a [`Machine`] runs over the survivors in order of event time. Rules may
//! be chained: a match of one is an event of the next, at the time it became known. A plan that needs more is
//! [`Unsupported`] here and goes to the relational engine.
//!
//! Time is event time only. A machine is told how far time has come by the events themselves and by
//! [`Machine::advance`]; what waits for a time (absences, closing windows) becomes known once every event up
//! to that time, bound included, has been seen. [`Stream`] holds back events that arrive out of order.
//! [`mod@reference`] says all of it again, slowly and obviously; tests hold the two together.
//!
//! Keys compare by text ([`Program`] partitions by them); a list makes one key per value; a missing or null key
//! leaves the event out unless the key is optional. What each operator does, and where its semantics are ours
//! because no specification decides them, stands at the head of its module and in `docs/sequences.md`.

mod aggregate;
mod compile;
mod keyed;
mod kinds;
mod machine;
mod needs;
mod program;
pub mod reference;
mod rewrite;
mod stream;
mod tally;
mod value;

pub use compile::{Unsupported, compile};
pub use machine::{Input, Limits, Machine, Match, MatchedEvent, Stats};
pub use needs::Needs;
pub use program::{Leaf, Program};
pub use rewrite::Rewrite;
pub use stream::{Stream, order_batch};
pub use tally::{Tallied, Tally};
