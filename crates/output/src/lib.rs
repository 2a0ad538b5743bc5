//! Every format that leaves the program.
//!
//! A [`Writer`] takes findings from the engine and passes them to the [`Sink`] of one format of [`OUTPUTS`].
//! Streaming formats hold one finding at a time, collected ones a bounded summary per rule. [`totals`] and
//! [`RuleCheck`] are the other reports. All text that comes from logs or rules passes [`escape`] for the place
//! it goes to.
//!
//! This crate opens no file and prints nothing: who calls it supplies an [`std::io::Write`] and says with
//! [`Style`] what is at its other end.

pub mod baseline;
pub mod compare;
pub mod compare_data;
pub mod costs;
pub mod coverage;
pub mod duplicates;
pub mod escape;
pub mod explain;
pub mod hunt;
pub mod info;
pub mod knowledge;
pub mod mitigation;
pub mod news;
pub mod pack;
pub mod page;
pub mod paint;
pub mod report;
pub mod search;
pub mod technique;
pub mod totals;
pub mod validation;
pub mod visibility;

mod convert;
mod csv;
mod finding;
mod json;
mod navigator;
mod ndjson;
mod rules;
mod sink;
mod table;
mod telling;
mod timesketch;

pub use convert::ConvertLine;
pub use finding::{FindingId, Item, RuleView, rule_digest};
pub use json::{Json, setting_json};
pub use paint::{Paint, Style};
pub use rules::{Reason, RuleCheck, RuleSummary, rule_line, rule_page};
pub use sink::{OUTPUTS, Output, Settings, Sink, Writer};

/// Findings, format version 1, as a JSON Schema (draft 2020-12).
pub const FINDING_SCHEMA: &str = include_str!("../../../data/schema/finding-1.json");
