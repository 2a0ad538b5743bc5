//! Every command and function that a language's tables have stands in at least one case.

use std::fs;
use std::path::Path;

use shikra_cases::{cases, files};
use shikra_languages::vocabulary;

/// The words of a text in lower case: letters, digits, `_`.
fn words(text: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !word(c)).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

/// Whether words stand one after the other.
fn has(all: &[String], wanted: &str) -> bool {
    let wanted = words(wanted);
    all.windows(wanted.len()).any(|w| w == wanted)
}

#[test]
fn every_command_and_function_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let mut missing = Vec::new();
    for language in ["spl", "logpoint", "esql"] {
        let pages = files(&root.join(language), &["md"]);
        let said: Vec<Vec<String>> = pages
            .iter()
            .flat_map(|p| cases(&fs::read_to_string(p).unwrap()).unwrap())
            .map(|c| words(&c.rules))
            .collect();
        let known = vocabulary(language);
        assert!(known.len() > 10, "{language}: {known:?}");
        let absent = known.into_iter().filter(|w| !said.iter().any(|s| has(s, w)));
        missing.extend(absent.map(|w| format!("{language}: {w}")));
    }
    assert!(missing.is_empty(), "no case for\n{}", missing.join("\n"));
}
