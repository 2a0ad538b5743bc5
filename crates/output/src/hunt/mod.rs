//! Results of hunts, in the formats that leave the program: [`render`] for people, [`to_ndjson`], [`to_csv`].
//!
//! The numbers are `hunt`'s; here they get their looks.

mod draw;
mod lines;
mod table;

pub use draw::plot;
pub use lines::{to_csv, to_ndjson};
pub use table::render;

/// Results of hunts, format version 1, as a JSON Schema (draft 2020-12).
pub const HUNT_SCHEMA: &str = include_str!("../../../../data/schema/hunt-1.json");
