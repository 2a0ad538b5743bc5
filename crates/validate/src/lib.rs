//! Does every detection find what it should, and nothing else?
//!
//! [`validate()`] plays every test and near miss of the simulations given, runs all rules on what they leave, and
//! answers a [`Report`]: rules × tests, and the expected signals of each test, present or absent. How a report is
//! shown is left to `output`.

mod evidence;
mod logs;
mod matrix;
mod report;
mod signals;
mod sources;

pub use evidence::prove;
pub use logs::examine;
pub use matrix::{BACKGROUND, Options, validate};
pub use report::{EventRef, EvidenceSet, Proof, Report, Row, Signal, TestRun, Verdict};
pub use sources::{Loaded, Unusable, embedded, load};
