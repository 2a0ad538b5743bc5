//! Real logs: those of a run between its marks, and recordings without any.
//!
//! The runner that `shikra simulate --runner` writes marks the start and the end of each test in the Application log.
//! Between the marks of a test its expectations hold as they do for its simulation. Logs without marks are a
//! recording: every rule of the techniques asked about fires on it or does not.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_engine::finding::{EventView, Finding, FindingSink};
use shikra_engine::languages::{Options as RuleOptions, load};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_event::{Timestamp, Value};
use shikra_ir::Rule;
use shikra_simulate::runner;
use shikra_syntax::Source;
use shikra_taxonomy::Taxonomy;

use crate::matrix::{Case, Collected, Did, cases, plain_reference, rows};
use crate::report::{EventRef, Report, TestRun};
use crate::signals;
use crate::sources::Loaded;

/// When each test began and ended.
#[derive(Default)]
struct Marks(BTreeMap<String, (Option<Timestamp>, Option<Timestamp>)>);

impl FindingSink for Marks {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let Some(event) = finding.events.first() else { return Ok(()) };
        let text = event.fields.iter().find_map(|(_, v)| match v {
            Value::Str(t) => runner::read_mark(t),
            Value::List(all) => {
                all.iter().find_map(|v| if let Value::Str(t) = v { runner::read_mark(t) } else { None })
            }
            _ => None,
        });
        if let Some((test, starts)) = text {
            let at = self.0.entry(test.to_owned()).or_default();
            // A test that was run again counts from its last start.
            if starts {
                *at = (event.time, None);
            } else {
                at.1 = event.time;
            }
        }
        Ok(())
    }
}

fn marks(paths: &[PathBuf], taxonomy: &Arc<Taxonomy>, options: &ScanOptions) -> io::Result<Marks> {
    let rule = format!(
        "title: marks\nid: marks\nlogsource:\n  product: windows\ndetection:\n  m:\n    Channel: Application\n    EventID: [{}, {}]\n  condition: m\n",
        runner::START,
        runner::END
    );
    let set = load(&[Source::new("marks", rule.as_str())], &RuleOptions::default());
    let mut marks = Marks::default();
    // One thread, so that marks come in the order of the log.
    let options = ScanOptions { threads: 1, ..options.clone() };
    scan(&Detector::new(set.rules, taxonomy.clone()), paths, &options, &mut marks, &())?;
    Ok(marks)
}

/// Runs all rules on real logs, and adds what came of it to the report.
///
/// # Errors
/// Where a scan cannot keep what it has to remember.
pub fn examine(
    rules: &[Rule],
    taxonomy: &Arc<Taxonomy>,
    loaded: &[Loaded],
    paths: &[PathBuf],
    options: &ScanOptions,
    report: &mut Report,
) -> io::Result<()> {
    let marks = marks(paths, taxonomy, options)?;
    let all = cases(loaded);
    let marked: Vec<Case<'_>> = all.iter().copied().filter(|c| marks.0.contains_key(&c.test.id)).collect();
    for test in marks.0.keys().filter(|id| !all.iter().any(|c| &c.test.id == *id)) {
        report.problems.push(format!("the logs have marks of `{test}`, which is no test of these packs"));
    }
    let detector = Detector::new(rules.to_vec(), taxonomy.clone());
    if marked.is_empty() {
        return recording(&detector, &all, paths, options, report);
    }
    let expected = signals::Expected::new(&marked, taxonomy);
    for (number, case) in marked.iter().enumerate() {
        let Some((since, until)) = marks.0.get(&case.test.id) else { continue };
        // Records of other logs may carry times a little later than what they tell of.
        let until = until.map(|t| Timestamp(t.0.saturating_add(2_000_000_000)));
        let options = ScanOptions { since: *since, until, ..options.clone() };
        let mut found = Collected::default();
        let totals = scan(&detector, paths, &options, &mut found, &())?;
        let refer = |e: &EventView| plain_reference(e, e.source.to_string());
        let signals = expected.look(number, case, paths, &options, &refer)?;
        report.signals.extend(signals);
        report.rows.extend(rows(&detector, std::slice::from_ref(case), vec![own(found)]));
        let mut notes = Vec::new();
        if until.is_none() {
            notes.push("there is no mark of its end: everything after its start counts".to_owned());
        }
        report.tests.push(run_of(case, "real run", totals.events - totals.outside_time, notes));
    }
    Ok(())
}

fn run_of(case: &Case<'_>, kind: &'static str, events: u64, notes: Vec<String>) -> TestRun {
    TestRun {
        id: case.test.id.clone(),
        name: case.test.name.clone(),
        technique: case.simulation.technique.clone(),
        kind,
        path: case.path.to_owned(),
        events,
        notes,
    }
}

/// All events of a real log are the test's own.
fn own(found: Collected) -> std::collections::HashMap<String, Did> {
    let refs = |findings: Vec<Vec<Arc<EventView>>>| -> Vec<EventRef> {
        findings.iter().flatten().map(|e| plain_reference(e, e.source.to_string())).collect()
    };
    found.0.into_iter().map(|(rule, f)| (rule, Did { own: refs(f), others: Vec::new() })).collect()
}

/// Logs without marks, for each technique of the packs.
fn recording(
    detector: &Detector,
    all: &[Case<'_>],
    paths: &[PathBuf],
    options: &ScanOptions,
    report: &mut Report,
) -> io::Result<()> {
    let mut found = Collected::default();
    let totals = scan(detector, paths, options, &mut found, &())?;
    let name = paths
        .iter()
        .filter_map(|p| p.file_stem())
        .map(|s| s.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(", ");
    let mut techniques: Vec<&str> = all.iter().map(|c| c.simulation.technique.as_str()).collect();
    techniques.sort_unstable();
    techniques.dedup();
    let did = own(found);
    for technique in techniques {
        let test =
            shikra_simulate::Test { id: name.clone(), name: "recorded".to_owned(), ..Default::default() };
        let simulation =
            shikra_simulate::Simulation { technique: technique.to_owned(), ..Default::default() };
        let case = Case { simulation: &simulation, test: &test, near: false, path: "" };
        report.rows.extend(rows(detector, &[case], vec![did.clone()]));
        report.tests.push(run_of(&case, "recording", totals.events, Vec::new()));
    }
    Ok(())
}
