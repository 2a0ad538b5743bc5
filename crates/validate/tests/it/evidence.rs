//! Published evidence, and recordings against their simulations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::languages::Options as RuleOptions;
use shikra_engine::{ScanOptions, embedded_rules, load_rules};
use shikra_ir::Rule;
use shikra_simulate::{Format, Options as Play};
use shikra_taxonomy::Taxonomy;
use shikra_validate::{Options, Report, Verdict, embedded, examine, prove, validate};

fn taxonomy() -> Arc<Taxonomy> {
    Arc::new(Taxonomy::embedded())
}

fn rules(paths: &[PathBuf]) -> Vec<Rule> {
    let (set, unreadable) = load_rules(paths, &RuleOptions::default(), 2);
    assert!(unreadable.is_empty(), "{unreadable:?}");
    set.rules
}

fn proven(rules: &[Rule], folder: &Path) -> Report {
    let mut report = Report::default();
    prove(rules, &taxonomy(), &[folder.to_owned()], &ScanOptions::default(), &mut report).unwrap();
    report
}

fn options(seed: u64) -> Options {
    Options {
        play: Play { seed, background: 80, ..Play::default() },
        format: Format::Evtx,
        scan: ScanOptions::default(),
    }
}

#[test]
fn regression_data_of_sigma_all_passes() {
    let Some(corpora) = super::corpora("regression data") else { return };
    let rules = rules(&[corpora.join("rules/sigma")]);
    let report = proven(&rules, &corpora.join("rules/sigma/regression_data"));
    let set = &report.evidence[0];
    assert!(set.passed > 100 && set.failed == 0 && set.untested == 0, "{set:?}");
}

#[test]
fn true_positives_of_car_all_pass() {
    let Some(corpora) = super::corpora("CAR") else { return };
    let report =
        proven(&rules(&[corpora.join("rules/car")]), &corpora.join("conformance/car-true-positives"));
    let set = &report.evidence[0];
    assert!(set.passed == 5 && set.failed == 0 && set.untested == 0, "{set:?}");
}

#[test]
fn a_recording_and_its_simulation_give_the_same_detections() {
    let Some(corpora) = super::corpora("recording") else { return };
    let wanted = ["T1218.003", "T1191"];
    let mut all = embedded_rules(&RuleOptions::default()).rules;
    let others = [
        "rules/sigma/rules",
        "rules/elastic/rules",
        "rules/elastic/rules_building_block",
        "rules/car/analytics",
    ];
    all.extend(rules(&others.map(|o| corpora.join(o))));
    let of = |r: &Rule| r.reports && r.meta.techniques().iter().any(|t| wanted.contains(&t.as_str()));
    let all: Vec<Rule> = all.into_iter().filter(of).collect();
    let fired = |report: &Report, test: &str| -> BTreeSet<String> {
        let hits = report.rows.iter().filter(|r| r.verdict == Verdict::Fired && r.test == test);
        hits.map(|r| format!("{} ({})", r.rule.title, r.rule.id)).collect()
    };
    let mut loaded = embedded(Some("T1218.003"));
    loaded.retain(|l| l.path.ends_with("recorded.toml"));
    let simulated = validate(all.clone(), &taxonomy(), &loaded, &options(1)).unwrap();
    let log = corpora.join("json/otrf/defense_evasion/psh_cmstp_execution_bypassuac.ndjson");
    let mut real = Report::default();
    examine(&all, &taxonomy(), &loaded, &[log], &ScanOptions::default(), &mut real).unwrap();
    let on_real = fired(&real, "psh_cmstp_execution_bypassuac");
    assert!(on_real.len() > 8, "{on_real:?}");
    assert_eq!(fired(&simulated, "recorded-uac-bypass"), on_real);
    assert!(real.failures() == 0);
}

#[test]
fn shipped_rules_do_as_the_packs_say_whatever_the_seed() {
    for seed in [1, 2] {
        let all = embedded_rules(&RuleOptions::default()).rules;
        let report = validate(all, &taxonomy(), &embedded(None), &options(seed)).unwrap();
        let failed: Vec<String> = report
            .rows
            .iter()
            .filter(|r| r.failed)
            .map(|r| format!("{} on {}", r.rule.title, r.test))
            .collect();
        assert!(failed.is_empty(), "seed {seed}: {failed:#?}");
        let absent: Vec<&str> =
            report.signals.iter().filter(|s| !s.present()).map(|s| s.what.as_str()).collect();
        assert!(absent.is_empty(), "seed {seed}: {absent:#?}");
        let near = report.rows.iter().filter(|r| r.verdict == Verdict::NearMiss);
        assert!(near.clone().all(|r| !r.why.is_empty()), "every one is explained");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}
