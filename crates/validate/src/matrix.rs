//! Every rule against every simulated test.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::finding::{EventView, Finding, FindingSink};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_ir::{LoadStatus, Rule};
use shikra_simulate::definition::{Detection, Outcome};
use shikra_simulate::{Emitted, Format, Options as Play, Simulation, Test, play, write};
use shikra_taxonomy::Taxonomy;

use crate::report::{EventRef, Report, Row, TestRun, Verdict};
use crate::signals;
use crate::sources::Loaded;

/// Events named in a row; the rest are counted.
const NAMED: usize = 8;
/// The test that stands for ordinary activity.
pub const BACKGROUND: &str = "background";

/// How to validate.
#[derive(Clone, Debug)]
pub struct Options {
    /// How tests are played.
    pub play: Play,
    /// What the events are written as before they are read.
    pub format: Format,
    /// How they are read.
    pub scan: ScanOptions,
}

/// A test of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub simulation: &'a Simulation,
    pub test: &'a Test,
    pub near: bool,
    pub path: &'a str,
}

/// All tests, then all near misses.
pub(crate) fn cases(loaded: &[Loaded]) -> Vec<Case<'_>> {
    let of = |near: bool| {
        loaded.iter().flat_map(move |l| {
            let tests = if near { &l.simulation.near_misses } else { &l.simulation.tests };
            tests.iter().map(move |test| Case { simulation: &l.simulation, test, near, path: &l.path })
        })
    };
    of(false).chain(of(true)).collect()
}

/// Findings of a scan by rule: its number among the rules, and the events of each finding.
#[derive(Default)]
pub(crate) struct Collected(pub BTreeMap<String, Vec<Vec<Arc<EventView>>>>);

/// What makes a rule itself: ids are not always unique among rule sets.
pub(crate) fn key(meta: &shikra_ir::RuleMeta) -> String {
    format!("{}\u{1f}{}\u{1f}{}", meta.id, meta.path, meta.span.start)
}

impl Collected {
    /// The events of all findings of a rule, where they were read.
    pub fn references(&self, rule: &shikra_ir::RuleMeta) -> Vec<EventRef> {
        let findings = self.0.get(&key(rule)).into_iter().flatten();
        findings.flatten().map(|e| plain_reference(e, e.source.to_string())).collect()
    }
}

impl FindingSink for Collected {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.0.entry(key(&finding.rule)).or_default().push(finding.events.clone());
        Ok(())
    }
}

/// Events in files, each with its label.
pub(crate) struct Played {
    pub paths: Vec<PathBuf>,
    pub events: Vec<Emitted>,
    /// File name and record to place among the events.
    places: HashMap<(String, u64), usize>,
}

/// Plays a test into a folder.
pub(crate) fn play_into(folder: &Path, test: &Test, options: &Options) -> io::Result<Played> {
    let events = play(test, &options.play);
    let outputs = write(&events, options.format).map_err(io::Error::other)?;
    fs::create_dir_all(folder)?;
    let (mut paths, mut places) = (Vec::new(), HashMap::new());
    for output in outputs {
        let path = folder.join(&output.name);
        fs::write(&path, &output.bytes)?;
        places.extend(output.records.iter().map(|(number, place)| ((output.name.clone(), *number), *place)));
        paths.push(path);
    }
    Ok(Played { paths, events, places })
}

impl Played {
    fn reference(&self, event: &EventView) -> EventRef {
        let name = event.source.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let place = self.places.get(&(name.clone(), event.record));
        let step = place.and_then(|p| self.events.get(*p)).and_then(|e| e.step()).map(str::to_owned);
        EventRef { step, ..plain_reference(event, name) }
    }
}

/// An event that has no label.
pub(crate) fn plain_reference(event: &EventView, source: String) -> EventRef {
    EventRef {
        source,
        record: event.record,
        channel: event.channel.to_string(),
        event_id: event.event_id,
        time: event.time,
        step: None,
    }
}

/// What a rule did with a test: events of findings that the test's steps left, and of others.
#[derive(Clone, Default)]
pub(crate) struct Did {
    pub own: Vec<EventRef>,
    pub others: Vec<EventRef>,
}

/// Runs all rules against all tests of `loaded`.
///
/// # Errors
/// Where temporary files cannot be written.
pub fn validate(
    rules: Vec<Rule>,
    taxonomy: &Arc<Taxonomy>,
    loaded: &[Loaded],
    options: &Options,
) -> io::Result<Report> {
    let cases = cases(loaded);
    let mut report = Report { rules: rules.iter().filter(|r| r.reports).count(), ..Report::default() };
    let expected = signals::Expected::new(&cases, taxonomy);
    let detector = Detector::new(rules, taxonomy.clone());
    let folder = tempfile::tempdir()?;
    let mut did: Vec<HashMap<String, Did>> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let played = play_into(&folder.path().join(number.to_string()), case.test, options)?;
        let mut found = Collected::default();
        let totals = scan(&detector, &played.paths, &options.scan, &mut found, &())?;
        report.problems.extend(totals.troubles.iter().map(|t| format!("{}: {}", case.test.id, t.message)));
        did.push(found.0.into_iter().map(|(rule, findings)| (rule, sort(&played, &findings))).collect());
        let refer = |e: &EventView| played.reference(e);
        report.signals.extend(expected.look(number, case, &played.paths, &options.scan, &refer)?);
        report.tests.push(TestRun {
            id: case.test.id.clone(),
            name: case.test.name.clone(),
            technique: case.simulation.technique.clone(),
            kind: if case.near { "near miss" } else { "simulation" },
            path: case.path.to_owned(),
            events: totals.events,
            notes: case.test.unknown.clone(),
        });
    }
    report.rows = rows(&detector, &cases, did);
    report.problems.extend(unknown_rules(&detector, &cases));
    Ok(report)
}

fn sort(played: &Played, findings: &[Vec<Arc<EventView>>]) -> Did {
    let mut did = Did::default();
    for events in findings {
        let refs: Vec<EventRef> = events.iter().map(|e| played.reference(e)).collect();
        if refs.is_empty() || refs.iter().any(|r| r.step.is_some()) {
            did.own.extend(refs);
        } else {
            did.others.extend(refs);
        }
    }
    did
}

pub(crate) fn rows(detector: &Detector, cases: &[Case<'_>], mut did: Vec<HashMap<String, Did>>) -> Vec<Row> {
    let reasons: HashMap<u32, &str> =
        detector.not_run().iter().map(|n| (n.rule, n.reason.as_str())).collect();
    let mut out = Vec::new();
    for (number, rule) in detector.rules().iter().enumerate().filter(|(_, r)| r.reports) {
        let techniques = rule.meta.techniques();
        let row = |test: &str, verdict, failed, why: &str| Row {
            rule: rule.meta.clone(),
            techniques: techniques.clone(),
            test: test.to_owned(),
            verdict,
            failed,
            why: why.to_owned(),
            events: Vec::new(),
            count: 0,
        };
        let stuck = match reasons.get(&(number as u32)) {
            Some(reason) => Some((*reason).to_owned()),
            None if rule.status == LoadStatus::Rejected => Some(rejected(rule)),
            None => None,
        };
        if let Some(reason) = stuck {
            let wanted =
                cases.iter().any(|c| named(c, rule).is_some_and(|d| d.outcome == Outcome::Fires && !c.near));
            out.push(row("", Verdict::Untested, wanted, &reason));
            continue;
        }
        let (before, id) = (out.len(), key(&rule.meta));
        let mut background = Vec::new();
        for (case, did) in cases.iter().zip(&mut did) {
            let done = did.remove(&id).unwrap_or_default();
            background.extend(done.others);
            let says = named(case, rule);
            if done.own.is_empty() && says.is_none() && !techniques.contains(&case.simulation.technique) {
                continue;
            }
            let (verdict, failed) = judge(case, says, !done.own.is_empty());
            let why = says.map_or("", |d| &d.why);
            out.push(with_events(row(&case.test.id, verdict, failed, why), done.own));
        }
        if !background.is_empty() {
            out.push(with_events(row(BACKGROUND, Verdict::NearMiss, true, ""), background));
        }
        if out.len() == before {
            out.push(row("", Verdict::Untested, false, "no test of its techniques"));
        }
    }
    out
}

fn rejected(rule: &Rule) -> String {
    rule.diagnostics.first().map_or_else(|| "it could not be loaded".to_owned(), |d| d.message.clone())
}

fn with_events(row: Row, mut events: Vec<EventRef>) -> Row {
    let count = events.len();
    events.truncate(NAMED);
    Row { events, count, ..row }
}

/// What a test says of a rule.
fn named<'a>(case: &Case<'a>, rule: &Rule) -> Option<&'a Detection> {
    let m = &rule.meta;
    case.test.detections.iter().find(|d| d.rule == m.id || d.rule.eq_ignore_ascii_case(&m.title))
}

fn judge(case: &Case<'_>, says: Option<&Detection>, fired: bool) -> (Verdict, bool) {
    let expected = says.map(|d| d.outcome);
    match (case.near, fired) {
        (false, true) => (Verdict::Fired, false),
        (false, false) if expected == Some(Outcome::Silent) => (Verdict::Silent, false),
        (false, false) => (Verdict::Missed, expected == Some(Outcome::Fires)),
        (true, true) => (Verdict::NearMiss, expected != Some(Outcome::Fires)),
        (true, false) => (Verdict::Silent, false),
    }
}

/// Rules that tests name and nobody has given.
fn unknown_rules(detector: &Detector, cases: &[Case<'_>]) -> Vec<String> {
    let there = |d: &Detection| {
        detector.rules().iter().any(|r| d.rule == r.meta.id || d.rule.eq_ignore_ascii_case(&r.meta.title))
    };
    let absent =
        cases.iter().flat_map(|c| c.test.detections.iter().map(move |d| (c, d))).filter(|(_, d)| !there(d));
    let mut out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (case, detection) in absent {
        out.entry(&detection.rule).or_default().push(&case.test.id);
    }
    out.into_iter()
        .map(|(rule, tests)| format!("rule {rule}, which {} name, is not among the rules", tests.join(", ")))
        .collect()
}
