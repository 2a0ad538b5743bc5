//! The cases under `tests/cases`. Those with sequences and aggregates need an engine and are passed over here.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use shikra_cases::{Case, cases, events, files};
use shikra_ir::LoadStatus;
use shikra_matcher::{Filter, Matcher, STRATEGIES};
use shikra_taxonomy::Taxonomy;

/// What is wrong with a case; none where it needs more than the matcher.
fn run(case: &Case, log: &Path, taxonomy: &Arc<Taxonomy>) -> Option<Vec<String>> {
    let set = case.load();
    if set.files.iter().all(|f| f.languages.is_empty()) {
        return None;
    }
    let rules = set.rules;
    let mut filters = Vec::new();
    for r in rules.iter().filter(|r| r.reports && r.status != LoadStatus::Rejected) {
        for (source, expr) in r.plan.single_events()? {
            filters.push(Filter { selector: taxonomy.select(source).ok()?, expr });
        }
    }
    fs::write(log, &case.events).unwrap();
    let matcher = Matcher::new(filters, taxonomy.clone());
    let mut wrong = Vec::new();
    let want = case.matches.clone().unwrap_or_else(|| panic!("{}: no matches", case.title));
    for s in STRATEGIES {
        let mut scratch = s.scratch(&matcher);
        let mut got = Vec::new();
        let mut each = |e: &shikra_event::Event<'_>| {
            let mut hits = Vec::new();
            s.run(&matcher, &mut scratch, e, &mut hits);
            got.extend((!hits.is_empty()).then_some(e.record));
        };
        events(vec![log.to_owned()], &mut each).unwrap();
        if got != want {
            wrong.push(format!("{}: {}: matched {got:?}, expected {want:?}", case.title, s.name));
        }
    }
    Some(wrong)
}

#[test]
fn cases_hold_on_every_strategy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("case.ndjson");
    let taxonomy = Arc::new(Taxonomy::embedded());
    let (mut ran, mut passed_over, mut wrong) = (0, 0, Vec::new());
    for page in files(&root, &["md"]) {
        for case in cases(&fs::read_to_string(&page).unwrap()).unwrap_or_else(|e| panic!("{page:?}: {e}")) {
            match run(&case, &log, &taxonomy) {
                Some(w) => {
                    ran += 1;
                    wrong.extend(w.into_iter().map(|w| format!("{}: {w}", page.display())));
                }
                None => passed_over += 1,
            }
        }
    }
    println!("{ran} cases, {passed_over} that need an engine");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
