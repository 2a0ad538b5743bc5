//! What the machines do, case by case.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod cases;
mod properties;
mod rig;
mod series;
