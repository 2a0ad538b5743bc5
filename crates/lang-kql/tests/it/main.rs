//! KQL and Lucene as their suites define them, on the corpora where they are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod document;
mod lucene;
mod printed;
mod queries;
mod suites;

use shikra_ir::{Expr, eval};
use shikra_lang_kql::{Options, load};

/// The predicate of a query that has nothing wrong with it.
fn read(text: &str, options: &Options<'_>) -> Expr {
    let loaded = load(text, options);
    loaded.predicate.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics))
}

/// Which of the documents a query holds of.
fn matches(text: &str, options: &Options<'_>, documents: &[serde_json::Value]) -> Vec<usize> {
    let predicate = read(text, options);
    let holds = |d: &serde_json::Value| eval::truth(&predicate, &document::Document(d)).holds();
    documents.iter().enumerate().filter(|(_, d)| holds(d)).map(|(i, _)| i).collect()
}
