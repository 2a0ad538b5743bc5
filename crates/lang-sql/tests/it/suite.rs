//! The queries of the notebooks with the rows that Spark gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use shikra_event::Value;
use shikra_lang_sql::{Dialect, load};

use crate::document::{Document, run};

fn corpora(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    let found = Some(root).filter(|p| p.join(path).exists());
    if found.is_none() {
        eprintln!("skipped: no corpora ({path})");
    }
    found
}

fn ndjson(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn text_of(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn text(v: &Value) -> String {
    match v {
        Value::List(v) => format!("[{}]", v.iter().map(text).collect::<Vec<_>>().join(",")),
        other => other.to_text().unwrap_or_default(),
    }
}

/// What is wrong with the answer to a query.
fn check(query: &str, case: &Json, documents: &[Document]) -> Result<(), String> {
    let loaded = load(query, Dialect::Spark);
    let plan = loaded.plan.ok_or_else(|| format!("{:?}", loaded.diagnostics))?;
    let mut got: Vec<Vec<String>> =
        run(&plan, documents)?.iter().map(|m| m.columns.iter().map(|(_, v)| text(v)).collect()).collect();
    let expected = case["expected_rows"].as_u64().unwrap() as usize;
    let rows = case["rows"].as_array().unwrap();
    if got.len() != expected {
        return Err(format!("{} rows, expected {expected} ({:?})", got.len(), loaded.diagnostics));
    }
    if rows.len() == expected {
        let row = |r: &Json| r.as_array().unwrap().iter().map(text_of).collect::<Vec<_>>();
        let mut want: Vec<Vec<String>> = rows.iter().map(row).collect();
        got.sort();
        want.sort();
        if got != want {
            return Err(format!("got {got:?}\nexpected {want:?}"));
        }
    }
    Ok(())
}

#[test]
fn playbook() {
    let Some(root) = corpora("conformance/playbook-sql") else { return };
    let mut files: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for case in ndjson(&root.join("conformance/playbook-sql/cases.jsonl")) {
        files.entry(case["events_file"].as_str().unwrap().to_owned()).or_default().push(case);
    }
    let (mut total, mut short, mut as_written) = (0, Vec::new(), Vec::new());
    for (file, cases) in files {
        let documents: Vec<Document> = ndjson(&root.join(file)).into_iter().map(Document::new).collect();
        for case in cases {
            total += 1;
            let written = case["sql"].as_str().unwrap();
            let repaired = case["sql_repaired"].as_str();
            if let Err(e) = check(repaired.unwrap_or(written), &case, &documents) {
                short.push(format!("{}: {e}", case["id"]));
            }
            // What Spark rejects is mended, with a warning.
            if repaired.is_some()
                && let Err(e) = check(written, &case, &documents)
            {
                as_written.push(format!("{}: {e}", case["id"]));
            }
        }
    }
    println!("playbook sql: {} of {total}", total - short.len());
    println!("as written: {as_written:#?}");
    assert!(total > 0 && short.is_empty(), "{} fell short:\n{}", short.len(), short.join("\n"));
}
