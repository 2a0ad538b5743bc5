//! A validation report for people and for machines: table, JSON (`shikra.validation/1`), JUnit XML, HTML.

mod html;
mod json;
mod junit;
mod table;

use shikra_validate::{Report, Verdict};

use crate::Style;

/// Reports, format version 1, as a JSON Schema (draft 2020-12).
pub const SCHEMA: &str = include_str!("../../../data/schema/validation-1.json");

/// A form of the report.
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// Makes it.
    pub render: fn(&Report, &Style) -> String,
}

/// All forms, the first where nobody asks for another.
pub static FORMS: &[Form] = &[
    Form { name: "table", render: table::render },
    Form { name: "json", render: |report, _| json::render(report) },
    Form { name: "junit", render: |report, _| junit::render(report) },
    Form { name: "html", render: |report, _| html::render(report) },
];

/// `EVENT of CHANNEL, record N (step)`.
fn event_words(e: &shikra_validate::EventRef) -> String {
    let id = e.event_id.map(|id| id.to_string()).unwrap_or_default();
    let step = e.step.as_ref().map(|s| format!(" (step {s})")).unwrap_or_default();
    format!("{} {id}, {} record {}{step}", e.channel, e.source, e.record)
}

/// How many rows there are of each verdict, in words.
fn tally(report: &Report) -> String {
    let all = [Verdict::Fired, Verdict::Missed, Verdict::NearMiss, Verdict::Silent, Verdict::Untested];
    let told = all.map(|v| format!("{} {}", report.count(v), v.as_str().replace('_', " ")));
    told.join(", ")
}

#[cfg(test)]
mod tests;
