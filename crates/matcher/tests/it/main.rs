//! Every strategy against the reference, over generated filters and events.

mod agree;
mod build;
mod cases;
