//! A report for people: one HTML file with pictures, tables and events, that needs nothing beside itself.
//!
//! [`ScanReport`] is a sink of findings and writes while they come, in bounded memory; [`hunts`] writes results of
//! hunts. What is shown travels as JSON in blocks that no browser runs; scripts and styles are ours alone, stand in
//! the file, and are the only ones that its policy allows, by hash. All text of logs and rules is in those blocks,
//! and the scripts put it on the page as text: nothing is ever parsed as markup.

mod block;
mod detail;
mod findings;
mod hunts;
mod process;
mod shell;

#[cfg(test)]
mod tests;

pub use findings::{About, ScanReport};
pub use hunts::{HuntReport, hunts, wanted};
