//! The dialects as their suites define them, on the corpora where they are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod expressions;
mod hostile;
mod rules;

use std::path::PathBuf;

/// A folder or file of the corpora; none, with a word about it, where they are not there.
fn corpora(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: no corpora ({path})");
    }
    found
}

/// The lines of a file of JSON documents.
fn ndjson(path: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Compares a list of what fell short with nothing, naming each.
fn nothing_short(what: &str, total: usize, short: &[String]) {
    println!("{what}: {} of {total}", total - short.len());
    assert!(total > 0, "{what}: no cases");
    assert!(short.is_empty(), "{what}: {} of {total} fell short:\n{}", short.len(), short.join("\n"));
}
