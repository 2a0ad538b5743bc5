//! Cases by a whole scan: each line of `matches` is a finding; findings of one event each may share a line.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use shikra_cases::{Case, cases, files};
use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_taxonomy::Taxonomy;

/// Folders whose cases are for whole scans.
const FOLDERS: &[&str] = &["elastic", "logpoint", "car"];

/// The records of each finding.
#[derive(Default)]
struct Records(Vec<Vec<u64>>);

impl FindingSink for Records {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.0.push(finding.events.iter().map(|e| e.record).collect());
        Ok(())
    }
}

/// The records of each finding: a line each, or, where every finding has one record, all in one line.
fn wanted(case: &Case, found: &Records) -> Vec<Vec<u64>> {
    let numbers = |text: &str| text.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<u64>>();
    match found.0.iter().all(|f| f.len() == 1) {
        true => numbers(&case.lines).into_iter().map(|n| vec![n]).collect(),
        false => case.lines.lines().map(numbers).collect(),
    }
}

#[test]
fn findings_of_whole_scans() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("findings.ndjson");
    let taxonomy = Arc::new(Taxonomy::embedded());
    let mut wrong = Vec::new();
    for page in FOLDERS.iter().flat_map(|folder| files(&root.join(folder), &["md"])) {
        for case in cases(&fs::read_to_string(&page).unwrap()).unwrap_or_else(|e| panic!("{page:?}: {e}")) {
            fs::write(&log, &case.events).unwrap();
            let detector = Detector::new(case.load().rules, taxonomy.clone());
            assert_eq!(detector.not_run(), [], "{}", case.title);
            // Rows that wait in memory, and rows that wait in temporary files.
            for row_budget in [ScanOptions::default().row_budget, 0] {
                let mut found = Records::default();
                let options = ScanOptions { threads: 1, row_budget, ..ScanOptions::default() };
                scan(&detector, std::slice::from_ref(&log), &options, &mut found, &()).unwrap();
                let want = wanted(&case, &found);
                if found.0 != want {
                    wrong.push(format!("{}: {:?}, expected {want:?}", case.title, found.0));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
