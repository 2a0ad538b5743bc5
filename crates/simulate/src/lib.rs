//! Synthetic telemetry of attack simulations: from a definition and a seed to the events that Windows and Sysmon
//! would write.
//!
//! A [`Simulation`] is read from a pack's TOML. [`play`] puts one test of it on a made-up computer in the middle
//! of an ordinary day; [`write()`] makes EVTX, NDJSON or winlogbeat documents of the events, [`manifest()`] says
//! which event belongs to which step. The same definition, options and seed give the same bytes everywhere.
//! Every record's computer lies in the domain `synthetic.example`. Files are left to the caller: nothing here
//! touches disk, clock or network.

pub mod atomic;
mod background;
pub mod binaries;
pub mod definition;
mod events;
mod manifest;
mod rng;
pub mod runner;
mod scenario;
mod shell;
mod world;
mod write;

pub use definition::{Simulation, Test};
pub use manifest::manifest;
pub use scenario::{Cause, Emitted, Options, play};
pub use world::standing;
pub use write::{Format, Output, event_json, write};
