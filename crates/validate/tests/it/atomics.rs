//! Atomic Red Team's definitions as simulations.

use std::collections::BTreeMap;

use shikra_simulate::atomic::Understood;
use shikra_simulate::{Format, Options, play, write};

#[test]
fn every_definition_is_read_and_played() {
    let Some(corpora) = super::corpora("atomics") else { return };
    let (good, bad) = shikra_validate::load(&corpora.join("atomics"));
    assert!(bad.is_empty(), "{bad:?}");
    assert!(good.len() > 300);
    let mut share: BTreeMap<Understood, usize> = BTreeMap::new();
    let mut gaps: BTreeMap<String, usize> = BTreeMap::new();
    let (mut events, mut steps) = (0, 0);
    let options = Options { background: 0, ..Options::default() };
    for loaded in &good {
        for test in &loaded.simulation.tests {
            *share.entry(test.understood()).or_default() += 1;
            for gap in &test.unknown {
                let kind: Vec<&str> = gap.split(' ').take(2).collect();
                *gaps.entry(kind.join(" ")).or_default() += 1;
                if std::env::var_os("SHIKRA_SHOW").is_some() {
                    eprintln!("{} {:?}: {gap}", test.id, test.understood());
                }
            }
            let played = play(test, &options);
            events += played.len();
            steps += test.steps.len();
            let written = write(&played, Format::Ndjson).unwrap_or_else(|e| panic!("{}: {e}", test.id));
            assert!(written.iter().all(|w| w.records.len() == played.len()));
            assert!(played.iter().all(|e| e.record.computer.ends_with(".synthetic.example")), "{}", test.id);
        }
    }
    let all: usize = share.values().sum();
    eprintln!("{all} tests for Windows: {share:?}; {steps} steps, {events} events; gaps {gaps:?}");
    let nothing = share.get(&Understood::Nothing).copied().unwrap_or_default();
    assert!(nothing * 7 < all, "of {nothing} of {all} tests nothing is understood");
}
