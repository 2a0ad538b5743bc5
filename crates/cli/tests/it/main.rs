//! Runs the built program as a user would, on small logs and rules of our own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // all of it is tests

mod baseline;
mod config;
mod hostile;
mod hunt;
mod knowledge;
mod layer;
mod place;
mod report;
mod rules;
mod scan;
mod search;
