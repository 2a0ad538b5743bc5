//! Integration tests of the readers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod archives;
mod corpora;
mod evtx_corpus;
mod evtx_damage;
mod evtx_files;
mod evtx_support;
mod forms;
mod hostile;
mod support;
