//! The cases in `tests/cases/eql`. A line of `matches` is a match; events that match alone may share a line.

use std::path::Path;

use shikra_lang_eql::{Dialect, Options};

use crate::document::Document;
use crate::run;

#[derive(Default)]
struct Case {
    title: String,
    language: String,
    query: String,
    documents: String,
    matches: String,
}

fn cases(page: &str) -> Vec<Case> {
    let mut out: Vec<Case> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("# ") {
            out.push(Case { title: title.into(), ..Case::default() });
        } else if let Some(kind) = line.strip_prefix("```") {
            let case = out.last_mut().expect("a block before the first heading");
            let body: String = lines.by_ref().take_while(|l| *l != "```").flat_map(|l| [l, "\n"]).collect();
            match kind {
                "jsonl" => case.documents = body,
                "matches" => case.matches = body,
                language => (case.language, case.query) = (language.into(), body),
            }
        }
    }
    out
}

/// What is wrong with a case.
fn shortfall(case: &Case) -> Option<String> {
    let dialect = match case.language.as_str() {
        "eql" => Dialect::Elastic,
        other => Dialect::named(other.strip_prefix("eql-").unwrap()).unwrap(),
    };
    let options = Options { dialect, ..Options::default() };
    let parse =
        |(i, line): (usize, &str)| Document::new(serde_json::from_str(line).unwrap(), (0, i as u64 + 1));
    let documents: Vec<Document> = case.documents.lines().enumerate().map(parse).collect();
    let found = match run(&case.query, &options, &documents) {
        Ok(found) => found,
        Err(e) => return Some(format!("{}: {e}", case.title)),
    };
    let line = |m: &shikra_rows::Match| {
        let numbers = m.events.iter().filter_map(|e| e.event).map(|h| (h + 1).to_string());
        numbers.collect::<Vec<_>>().join(" ")
    };
    let got: Vec<String> = found.iter().map(line).collect();
    let alone = found.iter().all(|m| m.events.len() == 1);
    let want: Vec<&str> =
        if alone { case.matches.split_whitespace().collect() } else { case.matches.lines().collect() };
    (got != want).then(|| format!("{}: {got:?}, expected {want:?}", case.title))
}

#[test]
fn cases_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/eql");
    let (mut total, mut short) = (0, Vec::new());
    for page in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        for case in cases(&std::fs::read_to_string(&page).unwrap()) {
            total += 1;
            short.extend(shortfall(&case).map(|s| format!("{}: {s}", page.display())));
        }
    }
    assert!(total > 0 && short.is_empty(), "{} of {total} fell short:\n{}", short.len(), short.join("\n"));
}
