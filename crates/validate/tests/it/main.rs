//! What simulation and validation promise, on the packs that ship with the program and, where they are there, on the
//! corpora.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod atomics;
mod evidence;
mod forms;
mod runs;

use std::path::{Path, PathBuf};

/// The corpora, or none: the test says that it was skipped.
fn corpora(test: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora");
    let place = std::env::var_os("SHIKRA_CORPORA").map_or(here, PathBuf::from);
    if !place.exists() {
        eprintln!("{test}: skipped, {} is not there", place.display());
        return None;
    }
    Some(place)
}
