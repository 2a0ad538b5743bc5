//! Real runs: logs with the runner's marks in them.

use std::sync::Arc;

use shikra_engine::ScanOptions;
use shikra_engine::languages::Options as RuleOptions;
use shikra_simulate::{Emitted, Format, Options, play, runner, write};
use shikra_taxonomy::Taxonomy;
use shikra_validate::{Report, Verdict, embedded, examine};

/// What the runner leaves in the Application log.
fn mark(of: &Emitted, time: u64, id: u32, text: &str) -> Emitted {
    let mut record = of.record.clone();
    record.provider = "Shikra".into();
    record.provider_guid = None;
    record.channel = "Application".into();
    record.event_id = id as u16;
    record.time = time;
    record.data = vec![(String::new(), text.into())];
    Emitted { record, cause: shikra_simulate::Cause::Ordinary("by hand") }
}

#[test]
fn only_what_lies_between_the_marks_counts() {
    let loaded = embedded(Some("T1218.003"));
    let tests: Vec<_> = loaded.iter().flat_map(|l| &l.simulation.tests).collect();
    let test = tests.iter().find(|t| t.id == "inf-runs-program").unwrap();
    let other = tests.iter().find(|t| t.id == "recorded-uac-bypass").unwrap();
    // The other test ran an hour before: what it left must not count.
    let hour = 3600 * 10_000_000;
    let before = play(
        other,
        &Options { start: Options::default().start - 3 * hour, background: 0, ..Options::default() },
    );
    let during = play(test, &Options { background: 0, ..Options::default() });
    let (first, last) = (during[0].clone(), during.last().unwrap().clone());
    let start =
        mark(&first, first.record.time - 10_000, runner::START, "shikra simulation start inf-runs-program");
    let end = mark(&last, last.record.time + 10_000, runner::END, "shikra simulation end inf-runs-program");
    let all: Vec<Emitted> = before.into_iter().chain([start]).chain(during).chain([end]).collect();
    let folder = tempfile::tempdir().unwrap();
    for file in write(&all, Format::Evtx).unwrap() {
        std::fs::write(folder.path().join(&file.name), &file.bytes).unwrap();
    }
    let rules = shikra_engine::embedded_rules(&RuleOptions::default()).rules;
    let mut report = Report::default();
    let taxonomy = Arc::new(Taxonomy::embedded());
    let paths = [folder.path().to_owned()];
    examine(&rules, &taxonomy, &loaded, &paths, &ScanOptions::default(), &mut report).unwrap();
    assert_eq!(report.tests.len(), 1);
    assert_eq!((report.tests[0].kind, report.tests[0].id.as_str()), ("real run", "inf-runs-program"));
    assert!(report.failures() == 0, "{report:#?}");
    let fired: Vec<&str> =
        report.rows.iter().filter(|r| r.verdict == Verdict::Fired).map(|r| r.rule.id.as_str()).collect();
    assert!(fired.contains(&"917b8ce3-c6dc-4bbc-b8a2-24706dc3846e"), "{fired:?}");
    assert!(!fired.contains(&"3f1576b7-0eba-49ae-9740-7441e17ec5b2"), "of the other test: {fired:?}");
}

#[test]
fn the_runner_names_every_test() {
    let loaded = embedded(Some("T1218.003"));
    let all: Vec<_> = loaded.iter().map(|l| &l.simulation).collect();
    let script = runner::script(&all);
    for test in all.iter().flat_map(|s| &s.tests) {
        assert!(script.contains(&test.id), "{}", test.id);
    }
    assert!(
        script.contains("Invoke-AtomicTest 'T1218.003' -TestGuids '748cb4f6-2fb3-4e97-b7ad-b22635a09ab0'")
    );
    assert_eq!(script.matches('{').count(), script.matches('}').count());
}
