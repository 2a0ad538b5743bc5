//! What validation finds out. How it is shown is left to `output`.

use std::sync::Arc;

use shikra_event::Timestamp;
use shikra_ir::RuleMeta;

/// What a rule did with a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It fired, as it should.
    Fired,
    /// It should have fired and did not.
    Missed,
    /// It fired on something benign.
    NearMiss,
    /// It did not fire, and nobody expected it to.
    Silent,
    /// There is no test of what it looks for, or it does not run.
    Untested,
}

impl Verdict {
    /// As in the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Fired => "fired",
            Verdict::Missed => "missed",
            Verdict::NearMiss => "near_miss",
            Verdict::Silent => "silent",
            Verdict::Untested => "untested",
        }
    }
}

/// An event that made a rule fire.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRef {
    /// File, without a folder where the events are simulated.
    pub source: String,
    /// EventRecordID, or 1-based line.
    pub record: u64,
    /// Channel.
    pub channel: String,
    /// Event id.
    pub event_id: Option<u32>,
    /// Event time.
    pub time: Option<Timestamp>,
    /// Step of the simulation that left it; none for background and real logs.
    pub step: Option<String>,
}

/// A rule and a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The rule.
    pub rule: Arc<RuleMeta>,
    /// Techniques that its tags name.
    pub techniques: Vec<String>,
    /// The test; empty where there is none.
    pub test: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Whether that is a failure: a test names the rule and it stays silent, or it fires on something benign and
    /// nobody said that it would.
    pub failed: bool,
    /// What the test says of this, or why the rule does not run.
    pub why: String,
    /// Events that made it fire: the first few.
    pub events: Vec<EventRef>,
    /// How many there were.
    pub count: usize,
}

/// A signal that a test expects.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The test.
    pub test: String,
    /// In words.
    pub what: String,
    /// `sysmon:1`.
    pub event: String,
    /// The events that show it: the first few; none: it is absent.
    pub events: Vec<EventRef>,
    /// Why it could not be looked for; empty: it could.
    pub problem: String,
}

impl Signal {
    /// Whether it is there.
    pub fn present(&self) -> bool {
        !self.events.is_empty()
    }
}

/// A test that was run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestRun {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its technique, where known.
    pub technique: String,
    /// `simulation`, `near miss`, `real run`, `recording`, `published evidence`.
    pub kind: &'static str,
    /// File it is from.
    pub path: String,
    /// Events read.
    pub events: u64,
    /// What could not be known or done, in words.
    pub notes: Vec<String>,
}

/// What came of a proof that others publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// As published.
    Passed,
    /// More findings than published, which are a minimum.
    More,
    /// Fewer.
    Failed,
    /// Its logs or its rule are not here.
    Untested,
}

/// A collection of published evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceSet {
    /// Its name.
    pub name: String,
    /// Proofs that passed; of these, those with more findings than published.
    pub passed: usize,
    /// See there.
    pub more: usize,
    /// Proofs that failed.
    pub failed: usize,
    /// Proofs that could not be tried.
    pub untested: usize,
    /// What failed: proof, file, reason.
    pub failures: Vec<(String, String, String)>,
    /// What could not be tried: the same.
    pub gaps: Vec<(String, String, String)>,
}

/// Proofs named in a set; the rest are counted.
const NAMED: usize = 5000;

impl EvidenceSet {
    pub(crate) fn add(&mut self, proof: Proof, note: impl FnOnce() -> (String, String, String)) {
        match proof {
            Proof::Passed => self.passed += 1,
            Proof::More => {
                self.passed += 1;
                self.more += 1;
            }
            Proof::Failed => self.failed += 1,
            Proof::Untested => self.untested += 1,
        }
        let notes = match proof {
            Proof::Failed => &mut self.failures,
            Proof::Untested => &mut self.gaps,
            _ => return,
        };
        if notes.len() < NAMED {
            notes.push(note());
        }
    }

    /// Proofs that were tried.
    pub fn tested(&self) -> usize {
        self.passed + self.failed
    }
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Tests, in order.
    pub tests: Vec<TestRun>,
    /// Rules × tests, rule by rule.
    pub rows: Vec<Row>,
    /// Expected signals, test by test.
    pub signals: Vec<Signal>,
    /// Published evidence, by collection.
    pub evidence: Vec<EvidenceSet>,
    /// Rules that were given.
    pub rules: usize,
    /// What went wrong, in words.
    pub problems: Vec<String>,
}

impl Report {
    /// Rows of that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }

    /// Failures: rows, and signals that are absent.
    pub fn failures(&self) -> usize {
        self.rows.iter().filter(|r| r.failed).count() + self.signals.iter().filter(|s| !s.present()).count()
    }
}
