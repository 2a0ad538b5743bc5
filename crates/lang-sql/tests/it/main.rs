//! Spark SQL over documents: the public suite, and pages of queries, on the corpora where they are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod document;
mod suite;
