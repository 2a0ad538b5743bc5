//! The cases of SPL, ES|QL and SQL, by a whole scan: rows as JSON, or the lines that match.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};
use shikra_cases::{Case, cases, files};
use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_event::Value;
use shikra_ir::LoadStatus;
use shikra_taxonomy::Taxonomy;

/// Rows, and the records behind each.
#[derive(Default)]
struct Found {
    rows: Vec<Json>,
    records: Vec<Vec<u64>>,
}

impl FindingSink for Found {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let there = finding.row.iter().filter(|(_, v)| !v.is_null());
        self.rows.push(Json::Object(there.map(|(n, v)| (n.to_string(), json(v))).collect::<Map<_, _>>()));
        self.records.push(finding.events.iter().map(|e| e.record).collect());
        Ok(())
    }
}

fn json(v: &Value) -> Json {
    match v {
        Value::Missing | Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::I64(n) => Json::Number((*n).into()),
        Value::F64(n) => Number::from_f64(*n).map_or(Json::Null, Json::Number),
        Value::List(v) => Json::Array(v.iter().map(json).collect()),
        other => Json::String(other.to_text().unwrap_or_default()),
    }
}

/// What a scan finds whose waiting rows may take so many bytes of memory.
fn found(detector: &Detector, log: &Path, row_budget: usize) -> Found {
    let mut found = Found::default();
    let options = ScanOptions { threads: 1, row_budget, ..ScanOptions::default() };
    scan(detector, &[log.to_owned()], &options, &mut found, &()).unwrap();
    found
}

fn run(case: &Case, log: &Path, taxonomy: &Arc<Taxonomy>) -> Vec<String> {
    fs::write(log, if case.events.is_empty() { "{}\n" } else { &case.events }).unwrap();
    let rules = case.load().rules;
    let mut wrong: Vec<String> = rules
        .iter()
        .filter(|r| r.status != LoadStatus::Ok)
        .map(|r| format!("{}: {:?}", case.title, r.diagnostics))
        .collect();
    let detector = Detector::new(rules, taxonomy.clone());
    assert_eq!(detector.not_run(), [], "{}", case.title);
    let found = found(&detector, log, ScanOptions::default().row_budget);
    let outside = self::found(&detector, log, 0);
    if (&found.rows, &found.records) != (&outside.rows, &outside.records) {
        wrong.push(format!("{}: rows that went outside differ\n{:?}", case.title, outside.rows));
    }
    match &case.rows {
        Some(rows) => {
            let want: Vec<Json> = rows.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            if found.rows != want {
                let got: Vec<String> = found.rows.iter().map(ToString::to_string).collect();
                wrong.push(format!("{}: rows\n{}", case.title, got.join("\n")));
            }
        }
        None => {
            let want = case.matches.clone().unwrap_or_else(|| panic!("{}: no rows, no matches", case.title));
            let got: Vec<u64> = found.records.concat();
            if got != want {
                wrong.push(format!("{}: {got:?}, expected {want:?}", case.title));
            }
        }
    }
    wrong
}

#[test]
fn rows_of_whole_scans() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rows.ndjson");
    let taxonomy = Arc::new(Taxonomy::embedded());
    let mut wrong = Vec::new();
    let languages = ["spl", "esql", "sql"].iter();
    for page in languages.flat_map(|l| files(&root.join(l), &["md"])) {
        for case in cases(&fs::read_to_string(&page).unwrap()).unwrap_or_else(|e| panic!("{page:?}: {e}")) {
            wrong.extend(run(&case, &log, &taxonomy).into_iter().map(|w| format!("{}: {w}", page.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
