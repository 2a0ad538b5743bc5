//! What a scan finds, and what it has to say at its end. Formats are `output`'s.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use shikra_event::{Event, Name, Timestamp, Value};
use shikra_input::Trouble;
use shikra_ir::{Level, RuleMeta};
use shikra_matcher::Cost;

/// An event as a finding shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct EventView {
    /// The source, as the user named it.
    pub source: Arc<str>,
    /// EventRecordID, or 1-based line or position.
    pub record: u64,
    /// Event time.
    pub time: Option<Timestamp>,
    /// Provider, empty where absent.
    pub provider: Arc<str>,
    /// Channel, empty where absent.
    pub channel: Arc<str>,
    /// Event id.
    pub event_id: Option<u32>,
    /// Computer, empty where absent.
    pub computer: Arc<str>,
    /// Fields, in the order of the event, names once each.
    pub fields: Vec<(Name, Value)>,
}

/// One finding: a match of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<RuleMeta>,
    /// Time of the last event that made it; of twin records, that of the first.
    pub time: Option<Timestamp>,
    /// Computer of the first event, empty where absent.
    pub host: Arc<str>,
    /// The events that made it, in order.
    pub events: Vec<Arc<EventView>>,
    /// The result row of a relational rule, or the group and its aggregates of a correlation: column, value.
    pub row: Vec<(Arc<str>, Value)>,
    /// How unusual its events are; none without a baseline, or where they tell of no program.
    pub rarity: Option<Rarity>,
    /// Its events are two records of one act, the one that tells more first.
    pub twins: bool,
}

/// How unusual something is, compared with a baseline.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rarity {
    /// The greatest surprise, in bits.
    pub score: f64,
    /// What the baseline never saw, the most unusual first: kind and value.
    pub new: Vec<String>,
    /// What it has of the program: events, hosts; none: it never saw it.
    pub seen: Option<(u64, u64)>,
}

/// Receives findings in their final order.
pub trait FindingSink {
    /// One finding.
    ///
    /// # Errors
    /// Where the output cannot be written: the scan ends.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;

    /// Makes the bytes of findings on the worker threads, where the format can; one encoder a thread.
    fn encoder(&self) -> Option<Box<dyn Encoder>> {
        None
    }

    /// What an encoder of this sink has made, in its place among the findings.
    ///
    /// # Errors
    /// As [`FindingSink::finding`].
    fn encoded(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Writes findings straight from their events: nothing is copied but what is written. The bytes are those that the
/// sink would write for the same [`Finding`].
pub trait Encoder: Send {
    /// The event that the findings told next are of.
    fn event(&mut self, event: &Event<'_>, source: &Arc<str>);
    /// Appends a finding of this rule on the present event.
    fn finding(&mut self, rule: &Arc<RuleMeta>, out: &mut Vec<u8>);
    /// Makes the present event the next of those that [`Encoder::group`] will tell of.
    fn member(&mut self);
    /// Writes one finding of this rule on all members since the last one, with its row.
    ///
    /// # Errors
    /// Where `out` fails.
    fn group(
        &mut self,
        rule: &Arc<RuleMeta>,
        row: &[(Arc<str>, Value)],
        out: &mut dyn io::Write,
    ) -> io::Result<()>;
    /// Appends one finding of this rule on twin records, made of what was written for each.
    fn twins(&mut self, rule: &Arc<RuleMeta>, records: [&[u8]; 2], out: &mut Vec<u8>);
}

/// Called now and then with what has been done so far.
pub trait Progress: Sync {
    /// Bytes read of the expected total (0: unknown), events seen.
    fn progress(&self, _bytes: u64, _total: u64, _events: u64) {}
    /// Whether to stop early, with what was found so far.
    fn cancelled(&self) -> bool {
        false
    }
}

/// No progress wanted.
impl Progress for () {}

/// A rule that could not have fired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnableRule {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What was not there.
    pub reason: String,
}

/// What a rule cost in a scan: counts, which are the same every time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The file that it comes from.
    pub path: String,
    /// Work on values and events not seen before.
    pub work: Cost,
    /// Events that passed one of its filters: matches, or events kept for rules over several.
    pub passed: u64,
    /// Whether it is over several events, so that those that passed were kept.
    pub keeps: bool,
}

/// What a scan did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Sources read.
    pub sources: u64,
    /// Bytes read from them.
    pub bytes: u64,
    /// Events read.
    pub events: u64,
    /// Events outside `--since`/`--until`.
    pub outside_time: u64,
    /// First and last event time.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What could not be read, in order of the input; the first so many of each source.
    pub troubles: Vec<Trouble>,
    /// Number of troubles by kind, those not listed included.
    pub trouble_counts: BTreeMap<&'static str, u64>,
    /// Rules that run completely.
    pub rules_ok: u64,
    /// Rules of which a clause is unsupported.
    pub rules_partial: u64,
    /// Rules that could not be loaded.
    pub rules_rejected: u64,
    /// Rules that nothing of what was read could have made fire.
    pub unable_to_fire: Vec<UnableRule>,
    /// Findings by level.
    pub findings: BTreeMap<Level, u64>,
    /// Those of them that are of twin records.
    pub twins: u64,
    /// Rules that loaded but cannot run: title, reason.
    pub not_run: Vec<(String, String)>,
    /// Stopped early on request.
    pub cancelled: bool,
    /// Limits that were reached, in words, with counts: what may be missing from the findings, and findings that the
    /// end of the logs leaves open.
    pub limits: Vec<String>,
    /// The rules over several events that took most events: title, number.
    pub busiest: Vec<(String, u64)>,
    /// What each rule cost, the dearest first; only where it was counted.
    pub costs: Vec<RuleCost>,
}

impl Totals {
    /// Whether some input could not be read (exit code 3).
    pub fn unreadable(&self) -> bool {
        self.trouble_counts.iter().any(|(kind, n)| *kind != "unknown-format" && *n > 0)
    }
}
