//! What is claimed of configurations, held against recorded events.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::print_stderr, clippy::print_stdout)]

mod claims;
