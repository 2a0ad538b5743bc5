//! Every case and the corpora, on every matching strategy.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot be built has failed

mod analytics;
mod corpora;
mod findings;
mod readable;
mod rows;
mod vocabulary;
