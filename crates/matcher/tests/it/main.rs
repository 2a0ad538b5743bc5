//! Every strategy against the reference, over generated filters and events.

#![allow(clippy::unwrap_used)] // a test that cannot be built has failed

mod agree;
mod build;
mod cases;
