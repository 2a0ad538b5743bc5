//! The suites of the corpora: cases, cases made of rules, queries that must be refused.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use shikra_lang_kql::{FieldType, Options, Types, load, print};

use crate::{matches, read};

fn corpora(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: no corpora ({path})");
    }
    found
}

fn ndjson(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Documents of a case: in it, or in a file beside it.
fn documents(folder: &Path, case: &Json) -> Vec<Json> {
    match case.get("events_file") {
        Some(name) => ndjson(&folder.join(name.as_str().unwrap())),
        None => case["events"].as_array().unwrap().clone(),
    }
}

fn run(suite: &str, options: &Options<'_>) -> Option<(usize, Vec<String>)> {
    let folder = corpora("conformance/kql")?;
    let cases = ndjson(&folder.join(suite));
    let mut short = Vec::new();
    for case in &cases {
        let query = case["kql"].as_str().unwrap();
        let got = matches(query, options, &documents(&folder, case));
        let want: Vec<usize> =
            case["matches"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        if got != want {
            short.push(format!("{}: {got:?}, expected {want:?}: {query}", case["id"]));
        }
    }
    println!("{suite}: {} of {}", cases.len() - short.len(), cases.len());
    Some((cases.len(), short))
}

#[test]
fn cases() {
    for suite in ["cases.jsonl", "rule_cases.jsonl"] {
        let Some((total, short)) = run(suite, &Options::default()) else { return };
        assert!(total > 0 && short.is_empty(), "{suite}: {} short\n{}", short.len(), short.join("\n"));
    }
}

/// The cases know only keywords. Types change the meaning of three: two ask a text for its words, whatever their
/// case, and one is answered by a document that has a network where an address belongs.
#[test]
fn cases_with_types() {
    let options = Options { types: Types::ecs(), ..Options::default() };
    let Some((_, short)) = run("rule_cases.jsonl", &options) else { return };
    let of = |id: &str| short.iter().any(|s| s.contains(id));
    assert_eq!(short.len(), 3, "{}", short.join("\n"));
    assert!(of("51a09737") && of("2014ebd8") && of("2553a9af"), "{}", short.join("\n"));
}

#[test]
fn rejects() {
    let Some(folder) = corpora("conformance/kql") else { return };
    for case in ndjson(&folder.join("rejects.jsonl")) {
        let mut types = Types::default();
        if let Some(schema) = case["schema"].as_object() {
            types.complete = true;
            for (field, kind) in schema {
                types.insert(field, FieldType::named(kind.as_str().unwrap()).unwrap());
            }
        }
        let options = Options { types: &types, lower_case_only: true, ..Options::default() };
        let query = case["kql"].as_str().unwrap();
        let loaded = load(query, &options);
        assert!(loaded.predicate.is_none(), "{}: {query} was read", case["id"]);
        let told: Vec<&String> = loaded.diagnostics.iter().map(|d| &d.message).collect();
        println!("{query}: {told:?}");
    }
}

/// What is printed reads as the same.
#[test]
fn printing_the_cases() {
    let Some(folder) = corpora("conformance/kql") else { return };
    for types in [&Types::default(), Types::ecs()] {
        let options = Options { types, ..Options::default() };
        for suite in ["cases.jsonl", "rule_cases.jsonl"] {
            for case in ndjson(&folder.join(suite)) {
                let query = case["kql"].as_str().unwrap();
                let first = read(query, &options);
                let printed = print(&first, &options).unwrap_or_else(|e| panic!("{query}: {e}"));
                let again = read(&printed, &options);
                let text = shikra_ir::text::expr;
                assert_eq!(text(&first), text(&again), "{query}\n{printed}");
            }
        }
    }
}
