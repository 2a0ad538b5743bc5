//! ES|QL over typed rows: the public suite, and Elastic's rules, on the corpora where they are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod data;
mod rules;
mod suite;

use std::path::PathBuf;

fn corpora(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: no corpora ({path})");
    }
    found
}
