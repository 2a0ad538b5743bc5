//! The public suites of queries, on the corpora where they are there.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use shikra_lang_eql::{Dialect, Options};

use crate::document::Document;
use crate::run;

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

/// The documents of some files, in order of time.
fn documents(root: &Path, names: &[&str]) -> Vec<Document> {
    let mut out = Vec::new();
    for (source, name) in names.iter().enumerate() {
        for (line, json) in ndjson(&root.join(name)).into_iter().enumerate() {
            out.push(Document::new(mapped(json), (source as u32, line as u64 + 1)));
        }
    }
    out.sort_by_key(|d| (d.time, d.order));
    out
}

/// What the suite's index mapping says of explicit nulls: one field takes them as the text `NULL`.
fn mapped(mut json: Json) -> Json {
    const NULL_VALUE: &str = "optional_field_default_null";
    if json.get(NULL_VALUE).is_some_and(Json::is_null) {
        json[NULL_VALUE] = Json::from("NULL");
    }
    json
}

/// Ids of a query's events, matches one after the other.
fn ids(query: &str, options: &Options, documents: &[Document], id: &str) -> Result<Vec<i64>, String> {
    let mut out = Vec::new();
    for found in run(query, options, documents)? {
        let events = found.events.iter().filter_map(|e| e.event);
        out.extend(events.map(|h| documents[h as usize].json[id].as_i64().unwrap()));
    }
    Ok(out)
}

fn numbers(list: &Json) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).filter(|n| *n != -1).collect()
}

fn report(what: &str, total: usize, short: &[String]) {
    println!("{what}: {} of {total}", total - short.len());
    assert!(total > 0 && short.is_empty(), "{} of {total} fell short:\n{}", short.len(), short.join("\n"));
}

#[test]
fn endgame() {
    let Some(root) = corpora("conformance/eql-endgame") else { return };
    let documents = documents(&root, &["events.ndjson"]);
    let mut short = Vec::new();
    let mut total = 0;
    for case in ndjson(&root.join("cases.jsonl")).iter().filter(|c| c["kind"] == "query") {
        for mode in case["case"].as_array().unwrap() {
            total += 1;
            let case_sensitive = mode == "sensitive";
            let options = Options { dialect: Dialect::Endgame, case_sensitive, ..Options::default() };
            let query = case["query"].as_str().unwrap();
            let got = ids(query, &options, &documents, "serial_event_id");
            if got != Ok(numbers(&case["expected"])) {
                short
                    .push(format!("{} {mode} {query}\n  {got:?}, expected {}", case["id"], case["expected"]));
            }
        }
    }
    report("endgame", total, &short);
}

#[test]
fn elasticsearch() {
    let Some(root) = corpora("conformance/eql-elasticsearch") else { return };
    let cases = ndjson(&root.join("cases.jsonl"));
    let mut short = Vec::new();
    let mut total = 0;
    for case in cases.iter().filter(|c| c.get("query").is_some()) {
        total += 1;
        let names: Vec<&str> = case["data"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        let documents = documents(&root, &names);
        let options = Options {
            size: case["size"].as_u64(),
            max_samples_per_key: case["max_samples_per_key"].as_u64().map(|n| n as u32),
            ..Options::default()
        };
        let query = case["query"].as_str().unwrap();
        let got = ids(query, &options, &documents, case["id_field"].as_str().unwrap());
        let wanted: Vec<Vec<i64>> = case["expected_any_of"].as_array().unwrap().iter().map(numbers).collect();
        if !got.as_ref().is_ok_and(|g| wanted.contains(g)) {
            short.push(format!("{} {query}\n  {got:?}, expected {:?}", case["id"], wanted[0]));
        }
    }
    report("elasticsearch", total, &short);
}
