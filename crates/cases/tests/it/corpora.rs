//! All SigmaHQ rules over recorded logs: the fast strategies answer what the reference answers.

use std::path::PathBuf;
use std::sync::Arc;

use shikra_cases::{corpora, events, files, filters, rules_below};
use shikra_event::OwnedEvent;
use shikra_matcher::{Filter, Matcher, STRATEGIES};
use shikra_taxonomy::Taxonomy;

/// Of each recording the first event and every so-manieth after it; the reference is slow. `SHIKRA_EVERY` sets
/// another number.
const EVERY: usize = 400;

fn sample(dir: &std::path::Path) -> Vec<OwnedEvent> {
    let every = std::env::var("SHIKRA_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(EVERY);
    let thin = |logs: Vec<PathBuf>, n: usize| logs.into_iter().step_by(if every < EVERY { 1 } else { n });
    let mut logs: Vec<PathBuf> =
        thin(files(&dir.join("rules/sigma/regression_data"), &["evtx"]), 2).collect();
    logs.extend(thin(files(&dir.join("evtx"), &["evtx"]), 10));
    let mut kept = Vec::new();
    for log in logs {
        let mut n = 0usize;
        events(vec![log], &mut |e| {
            if n.is_multiple_of(every) {
                kept.push(e.to_owned_event());
            }
            n += 1;
        })
        .unwrap();
    }
    kept
}

#[test]
fn fast_is_reference_on_recorded_logs() {
    let Some(dir) = corpora() else {
        println!("skipped: no corpora");
        return;
    };
    let taxonomy = Arc::new(Taxonomy::embedded());
    let named = filters(&rules_below(&dir.join("rules/sigma/rules")), &taxonomy);
    let all: Vec<Filter> = named.iter().map(|n| n.filter.clone()).collect();
    let kept = sample(&dir);
    println!("{} filters, {} events", all.len(), kept.len());
    let matcher = Matcher::new(all, taxonomy);
    let mut scratches: Vec<_> = STRATEGIES.iter().map(|s| s.scratch(&matcher)).collect();
    let mut held = 0;
    for event in &kept {
        let mut want: Option<Vec<u32>> = None;
        for (s, scratch) in STRATEGIES.iter().zip(&mut scratches) {
            let mut hits = Vec::new();
            event.with(|e| s.run(&matcher, scratch, e, &mut hits));
            let want = want.get_or_insert_with(|| hits.clone());
            let differ = want.iter().chain(&hits).find(|f| want.contains(f) != hits.contains(f));
            if let Some(f) = differ {
                let n = &named[*f as usize];
                let fields = event.with(|e| {
                    let all = e.shape.fields().iter().zip(e.slots);
                    all.map(|(n, s)| format!("{n}={:?}\n", s.to_text())).collect::<String>()
                });
                panic!("{}: {}\n{}\n{fields}", s.name, n.title, n.text);
            }
            held += hits.len();
        }
    }
    println!("{} hits", held / STRATEGIES.len());
}
