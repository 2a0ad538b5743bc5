//! Evidence that others publish, read where it lies: SigmaHQ's `regression_data`, CAR's true positives, the tests of
//! Splunk's security content, recordings with metadata.
//!
//! Each gives proofs: this rule has to fire on these logs. A log that is not there leaves its rule untested.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::{Detector, ScanOptions, scan};
use shikra_ir::{LoadStatus, Rule};
use shikra_syntax::Span;
use shikra_syntax::yaml::{Node, documents};
use shikra_taxonomy::Taxonomy;

use crate::matrix::{Collected, key};
use crate::report::{EvidenceSet, Proof, Report, Row, TestRun, Verdict};

/// Larger files hold no metadata.
const LARGEST: u64 = 4 << 20;
/// Folders within folders.
const DEEPEST: usize = 24;
/// Events named in a row.
const NAMED: usize = 4;

/// What a proof asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    /// Name of the set: `SigmaHQ regression data`.
    set: &'static str,
    /// Rules that have to fire, by id; one of them has to.
    rules: Vec<String>,
    /// Name of the proof.
    name: String,
    /// The logs.
    logs: Vec<PathBuf>,
    /// Findings that are published; none: at least one.
    findings: Option<u64>,
    /// Where it is from.
    path: String,
}

/// What lies beneath the folders of evidence.
#[derive(Default)]
struct Shelf {
    files: Vec<PathBuf>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Shelf {
    fn new(folders: &[PathBuf]) -> Shelf {
        let mut shelf = Shelf::default();
        folders.iter().for_each(|f| collect(f, 0, &mut shelf.files));
        for (place, file) in shelf.files.iter().enumerate() {
            let name = file.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
            shelf.by_name.entry(name).or_default().push(place);
        }
        shelf
    }

    /// The file whose path ends like this URL or path, with at least `least` parts the same.
    fn ending(&self, url: &str, least: usize) -> Option<&Path> {
        let wanted: Vec<String> = url.split(['/', '\\']).rev().map(str::to_ascii_lowercase).collect();
        let places = self.by_name.get(wanted.first()?)?;
        let alike = |file: &Path| {
            let parts = file.iter().rev().map(|p| p.to_string_lossy().to_ascii_lowercase());
            parts.zip(&wanted).take_while(|(a, b)| a == *b).count()
        };
        let files = places.iter().filter_map(|p| self.files.get(*p));
        files.filter(|f| alike(f) >= least).max_by_key(|f| alike(f)).map(PathBuf::as_path)
    }
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    match meta {
        Ok(m) if m.is_dir() && depth < DEEPEST => {
            let mut inside: Vec<PathBuf> =
                fs::read_dir(path).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path())).collect();
            inside.sort();
            inside.iter().for_each(|p| collect(p, depth + 1, files));
        }
        Ok(m) if m.is_file() => files.push(path.to_owned()),
        _ => {}
    }
}

fn small_text(path: &Path) -> Option<String> {
    (fs::metadata(path).ok()?.len() <= LARGEST).then(|| fs::read_to_string(path).ok()).flatten()
}

/// SigmaHQ: `info.yml` beside the logs.
fn sigma(shelf: &Shelf, out: &mut Vec<Asked>) {
    for place in shelf.by_name.get("info.yml").into_iter().flatten() {
        let Some(file) = shelf.files.get(*place) else { continue };
        let Some(text) = small_text(file).filter(|t| t.contains("regression_tests_info")) else { continue };
        let all = documents(&text, Span::new(0, text.len()));
        let Some(root) = all.first().and_then(|d| d.root.as_ref()) else { continue };
        let items = |key: &str| root.get(key).map(Node::items).unwrap_or_default();
        let rules: Vec<String> =
            items("rule_metadata").iter().filter_map(|r| r.text_of("id").map(str::to_owned)).collect();
        for test in items("regression_tests_info") {
            let Some(log) = test.text_of("path") else { continue };
            let beside = file.parent().map(|f| f.join(log.rsplit(['/', '\\']).next().unwrap_or_default()));
            let log = beside.filter(|p| p.is_file()).or_else(|| shelf.ending(log, 2).map(Path::to_owned));
            out.push(Asked {
                set: "SigmaHQ regression data",
                rules: rules.clone(),
                name: test.text_of("name").unwrap_or("test").to_owned(),
                logs: log.into_iter().collect(),
                findings: test.text_of("match_count").and_then(|n| n.parse().ok()),
                path: file.display().to_string(),
            });
        }
    }
}

/// CAR: `CAR-2013-10-002-….json`, a true positive of that analytic. Abridged copies stand beside the whole.
fn car(shelf: &Shelf, rules: &[Rule], out: &mut Vec<Asked>) {
    for file in &shelf.files {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(id) = name.get(..15).filter(|i| i.starts_with("CAR-")) else { continue };
        if !name.ends_with(".json") || name.ends_with("-snippet.json") {
            continue;
        }
        let of = |r: &&Rule| r.meta.id.get(..15).is_some_and(|i| i.eq_ignore_ascii_case(id));
        let mut ids: Vec<String> = rules.iter().filter(of).map(|r| r.meta.id.clone()).collect();
        if ids.is_empty() {
            ids.push(id.to_owned());
        }
        out.push(Asked {
            set: "CAR true positives",
            rules: ids,
            name,
            logs: vec![file.clone()],
            findings: None,
            path: file.display().to_string(),
        });
    }
}

/// Splunk's security content: `tests` of a rule's own file, with the logs of `attack_data` where they are.
fn splunk(shelf: &Shelf, rules: &[Rule], out: &mut Vec<Asked>) {
    let mut seen = HashSet::new();
    for rule in rules.iter().filter(|r| r.meta.language == "spl" && seen.insert(r.meta.path.clone())) {
        let Some(text) = small_text(Path::new(&rule.meta.path)).filter(|t| t.contains("attack_data:")) else {
            continue;
        };
        let all = documents(&text, Span::new(0, text.len()));
        let Some(root) = all.first().and_then(|d| d.root.as_ref()) else { continue };
        for test in root.get("tests").map(Node::items).unwrap_or_default() {
            let data = test.get("attack_data").map(Node::items).unwrap_or_default();
            let urls: Vec<&str> = data.iter().filter_map(|d| d.text_of("data")).collect();
            let logs: Vec<PathBuf> =
                urls.iter().filter_map(|u| shelf.ending(u, 3).map(Path::to_owned)).collect();
            out.push(Asked {
                set: "Splunk security content tests",
                rules: vec![rule.meta.id.clone()],
                name: test.text_of("name").unwrap_or("test").to_owned(),
                logs: if logs.len() == urls.len() { logs } else { Vec::new() },
                findings: None,
                path: rule.meta.path.clone(),
            });
        }
    }
}

/// A recording of techniques: no rule has to fire, but it tells of those that could.
struct Recording {
    name: String,
    techniques: Vec<String>,
    log: PathBuf,
}

/// Security-Datasets' metadata: `attack_mappings` and `files` with links.
fn recordings(shelf: &Shelf) -> Vec<Recording> {
    let mut out = Vec::new();
    let yaml = |p: &&PathBuf| p.extension().is_some_and(|e| e == "yaml" || e == "yml");
    for file in shelf.files.iter().filter(yaml) {
        let Some(text) = small_text(file).filter(|t| t.contains("attack_mappings")) else { continue };
        let all = documents(&text, Span::new(0, text.len()));
        let Some(root) = all.first().and_then(|d| d.root.as_ref()) else { continue };
        let mappings = root.get("attack_mappings").map(Node::items).unwrap_or_default();
        let technique = |m: &Node<'_>| {
            let (base, sub) = (m.text_of("technique")?, m.text_of("sub-technique").unwrap_or_default());
            let sub = if sub.is_empty() { String::new() } else { format!(".{sub:0>3}") };
            Some(format!("{}{sub}", base.to_ascii_uppercase()))
        };
        let techniques: Vec<String> = mappings.iter().filter_map(technique).collect();
        for link in
            root.get("files").map(Node::items).unwrap_or_default().iter().filter_map(|f| f.text_of("link"))
        {
            let base = link.rsplit('/').next().unwrap_or_default();
            let stem = base.split('.').next().unwrap_or_default();
            let names = [base.to_owned(), format!("{stem}.json"), format!("{stem}.ndjson")];
            if let Some(log) = names.iter().find_map(|n| shelf.ending(n, 1)) {
                let name = root.text_of("title").unwrap_or(stem).to_owned();
                out.push(Recording { name, techniques: techniques.clone(), log: log.to_owned() });
            }
        }
    }
    out
}

/// Proves rules with the evidence beneath `folders`, and adds what came of it to the report.
///
/// # Errors
/// Where a scan cannot keep what it has to remember.
pub fn prove(
    rules: &[Rule],
    taxonomy: &Arc<Taxonomy>,
    folders: &[PathBuf],
    options: &ScanOptions,
    report: &mut Report,
) -> io::Result<()> {
    let shelf = Shelf::new(folders);
    let mut asked = Vec::new();
    sigma(&shelf, &mut asked);
    car(&shelf, rules, &mut asked);
    splunk(&shelf, rules, &mut asked);
    let recordings = recordings(&shelf);
    let wanted: HashSet<&str> = asked.iter().flat_map(|a| a.rules.iter().map(String::as_str)).collect();
    let techniques: HashSet<&str> =
        recordings.iter().flat_map(|r| r.techniques.iter().map(String::as_str)).collect();
    let needed = |r: &&Rule| {
        !r.reports
            || wanted.contains(r.meta.id.as_str())
            || r.meta.techniques().iter().any(|t| techniques.contains(t.as_str()))
    };
    let detector = Detector::new(rules.iter().filter(needed).cloned().collect(), taxonomy.clone());
    let mut sets: BTreeMap<&'static str, EvidenceSet> = BTreeMap::new();
    // Proofs on the same logs share a scan.
    let mut scans: HashMap<Vec<PathBuf>, Vec<&Asked>> = HashMap::new();
    let mut order: Vec<&Vec<PathBuf>> = Vec::new();
    for a in &asked {
        let group = scans.entry(a.logs.clone()).or_default();
        if group.is_empty() {
            order.push(&a.logs);
        }
        group.push(a);
    }
    for logs in order {
        let mut found = Collected::default();
        if !logs.is_empty() {
            scan(&detector, logs, options, &mut found, &())?;
        }
        for asked in scans.get(logs).into_iter().flatten() {
            let set = sets
                .entry(asked.set)
                .or_insert_with(|| EvidenceSet { name: asked.set.to_owned(), ..EvidenceSet::default() });
            judge(&detector, asked, &found, set, &mut report.rows);
        }
    }
    report.evidence.extend(sets.into_values());
    for recording in &recordings {
        play_back(&detector, recording, options, report)?;
    }
    Ok(())
}

fn judge(detector: &Detector, asked: &Asked, found: &Collected, set: &mut EvidenceSet, rows: &mut Vec<Row>) {
    let test = format!("{}: {}", asked.set, short(asked));
    let rules: Vec<&Rule> = detector.rules().iter().filter(|r| asked.rules.contains(&r.meta.id)).collect();
    let counts: Vec<u64> =
        rules.iter().map(|r| found.0.get(&key(&r.meta)).map_or(0, Vec::len) as u64).collect();
    // A published count of none asks for silence.
    let silent = asked.findings == Some(0);
    let least = asked.findings.unwrap_or(1).max(1);
    let holds = |n: u64| if silent { n == 0 } else { n >= least };
    let passed = counts.iter().any(|n| holds(*n));
    let untested = match (asked.logs.is_empty(), rules.is_empty()) {
        (true, _) => "its logs are not here",
        (_, true) => "its rule is not among the rules",
        _ if rules.iter().all(|r| r.status == LoadStatus::Rejected) => "its rule could not be loaded",
        _ => "",
    };
    let told = |n: u64| {
        format!("{n} findings, published {}", asked.findings.map_or("some".to_owned(), |n| n.to_string()))
    };
    let best = counts.iter().copied().max().unwrap_or(0);
    let proof = match (untested, passed) {
        ("", true) if asked.findings.is_some_and(|n| best > n) => Proof::More,
        ("", true) => Proof::Passed,
        ("", false) => Proof::Failed,
        _ => Proof::Untested,
    };
    set.add(proof, || {
        (test.clone(), asked.path.clone(), if untested.is_empty() { told(best) } else { untested.to_owned() })
    });
    for (rule, count) in rules.iter().zip(&counts) {
        let events = found.references(&rule.meta);
        let verdict = match (untested.is_empty(), silent, *count) {
            (false, ..) => Verdict::Untested,
            (_, true, 0) => Verdict::Silent,
            (_, true, _) => Verdict::NearMiss,
            (_, false, n) if n >= least => Verdict::Fired,
            _ => Verdict::Missed,
        };
        rows.push(Row {
            rule: rule.meta.clone(),
            techniques: rule.meta.techniques(),
            test: test.clone(),
            verdict,
            failed: untested.is_empty() && !passed,
            why: if untested.is_empty() { told(*count) } else { untested.to_owned() },
            count: events.len(),
            events: events.into_iter().take(NAMED).collect(),
        });
    }
}

/// What a proof is called: the file of its log, or its rule.
fn short(asked: &Asked) -> String {
    let log = asked.logs.first().and_then(|l| l.file_name()).map(|n| n.to_string_lossy().into_owned());
    log.unwrap_or_else(|| asked.rules.first().cloned().unwrap_or_else(|| asked.name.clone()))
}

fn play_back(
    detector: &Detector,
    recording: &Recording,
    options: &ScanOptions,
    report: &mut Report,
) -> io::Result<()> {
    let mut found = Collected::default();
    let totals = scan(detector, std::slice::from_ref(&recording.log), options, &mut found, &())?;
    for rule in detector.rules().iter().filter(|r| r.reports && r.status != LoadStatus::Rejected) {
        let techniques = rule.meta.techniques();
        if !techniques.iter().any(|t| recording.techniques.contains(t)) {
            continue;
        }
        let events = found.references(&rule.meta);
        report.rows.push(Row {
            rule: rule.meta.clone(),
            techniques,
            test: recording.name.clone(),
            verdict: if events.is_empty() { Verdict::Missed } else { Verdict::Fired },
            failed: false,
            why: String::new(),
            count: events.len(),
            events: events.into_iter().take(NAMED).collect(),
        });
    }
    report.tests.push(TestRun {
        id: recording.name.clone(),
        name: recording.log.display().to_string(),
        technique: recording.techniques.join(" "),
        kind: "recording",
        path: recording.log.display().to_string(),
        events: totals.events,
        notes: Vec::new(),
    });
    Ok(())
}
