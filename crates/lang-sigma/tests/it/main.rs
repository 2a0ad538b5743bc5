//! Cases, canonical texts and corpora.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
mod cases;
mod corpora;
mod hostile;
mod json_row;
mod pipelines;
mod reports;
mod texts;
