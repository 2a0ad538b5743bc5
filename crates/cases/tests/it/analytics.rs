//! The events that MITRE's analytics repository publishes as true positives are found by their analytics.

use std::sync::Arc;

use shikra_cases::{corpora, events, files, rules_below};
use shikra_ir::Rule;
use shikra_matcher::{Filter, Matcher, STRATEGIES};
use shikra_taxonomy::Taxonomy;

fn holds(rule: &Rule, log: &std::path::Path, taxonomy: &Arc<Taxonomy>) -> bool {
    let Some(alternatives) = rule.plan.single_events() else { return false };
    let filter = |(source, expr)| {
        let selector = taxonomy.select(source).ok()?;
        Some(Filter { selector, expr })
    };
    let matcher = Matcher::new(alternatives.into_iter().filter_map(filter).collect(), taxonomy.clone());
    let mut found = false;
    for s in STRATEGIES {
        let mut scratch = s.scratch(&matcher);
        let mut hits = Vec::new();
        events(vec![log.to_owned()], &mut |e| s.run(&matcher, &mut scratch, e, &mut hits)).unwrap();
        found = !hits.is_empty();
    }
    found
}

#[test]
fn true_positives_are_found() {
    let Some(dir) = corpora() else {
        println!("skipped: no corpora");
        return;
    };
    let rules = rules_below(&dir.join("rules/car/analytics"));
    let taxonomy = Arc::new(Taxonomy::embedded());
    let logs = files(&dir.join("conformance/car-true-positives"), &["json"]);
    let mut missed = Vec::new();
    for log in logs.iter().filter(|l| l.to_string_lossy().contains("mordor")) {
        let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let id = name.get(..15).unwrap_or_default();
        for language in ["car", "logpoint", "eql"] {
            let wanted = format!("{id}/{language}");
            let Some(rule) = rules.iter().find(|r| r.meta.id == wanted) else { continue };
            if !holds(rule, log, &taxonomy) {
                missed.push(format!("{wanted}: {name}"));
            }
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}
