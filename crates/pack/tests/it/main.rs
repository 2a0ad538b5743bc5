//! Packs as files: those that ship, and broken ones.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::print_stderr, clippy::print_stdout)]

mod checklist;
mod firing;
mod others;
mod packs;
