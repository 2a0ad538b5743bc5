//! What two rules do on the same logs: which events only one of them finds, and which clause of the other keeps it
//! from finding them.
//!
//! The logs are read twice: by a scan that says who fires on what, then to explain what only one has found. Whether
//! two rules mean the same without logs is told by `shikra_compare`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::Event;
use shikra_matcher::explain::{Explanation, Reason, filter};

use crate::finding::{EventView, Finding, FindingSink, Progress, Totals};
use crate::fold::{Fold, Place, fold};
use crate::plan::Detector;
use crate::scan::{ScanOptions, scan};
use crate::view::event_view;

/// Most events remembered, those of all rules together.
const MOST_EVENTS: usize = 4_000_000;
/// Most different reasons kept for one side.
const MOST_REASONS: usize = 1000;

/// Two rules on the same logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Findings of each.
    pub findings: [u64; 2],
    /// Events in findings of both.
    pub both: u64,
    /// Events in findings of the first only, and of the second only.
    pub only: [Only; 2],
    /// Why one of them does not run.
    pub not_run: [Option<String>; 2],
    /// There were more events in findings than are remembered: the numbers are too small.
    pub cut: bool,
}

/// Events that one rule finds and the other does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Only {
    /// How many.
    pub events: u64,
    /// Why the other does not, the most frequent first. An event may have several reasons.
    pub because: Vec<Because>,
}

/// A reason why a rule does not find events.
#[derive(Clone, Debug, PartialEq)]
pub struct Because {
    /// The reason.
    pub why: Why,
    /// Events of which it is one.
    pub events: u64,
    /// The first of them.
    pub example: EventView,
}

/// What keeps a rule from finding an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is for other log sources.
    LogSource,
    /// A clause of its condition.
    Clause(Reason),
    /// Its conditions hold: number, order, keys or time span of the events are not as it wants.
    State,
}

/// Compares pairs of rules, by their numbers in `detector`, on `paths`; one difference for each pair.
///
/// # Errors
/// As [`scan`].
pub fn differences(
    detector: &Detector,
    pairs: &[(u32, u32)],
    paths: &[PathBuf],
    options: &ScanOptions,
    progress: &dyn Progress,
) -> io::Result<(Vec<Difference>, Totals)> {
    let mut fired = Fired::of(detector);
    let totals = scan(detector, paths, options, &mut fired, progress)?;
    let (parts, _) = fold(paths, options, progress, || Explainer {
        detector,
        pairs,
        fired: &fired,
        found: vec![Found::default(); pairs.len()],
    });
    let mut all = vec![Found::default(); pairs.len()];
    for part in parts {
        all.iter_mut().zip(part.found).for_each(|(to, from)| to.merge(from));
    }
    let why_not = |rule: u32| detector.not_run().iter().find(|n| n.rule == rule).map(|n| n.reason.clone());
    let of = |rule: u32| fired.findings.get(rule as usize).copied().unwrap_or(0);
    let made = all.into_iter().zip(pairs).map(|(found, (a, b))| Difference {
        findings: [of(*a), of(*b)],
        both: found.both,
        only: found.only.map(Gathered::finish),
        not_run: [why_not(*a), why_not(*b)],
        cut: fired.cut,
    });
    Ok((made.collect(), totals))
}

/// Which rules fired on which events: by source, then by record.
struct Fired {
    /// Numbers of rules, by the address of what is known of them, which findings share.
    numbers: HashMap<usize, u32>,
    on: HashMap<Arc<str>, HashMap<u64, Vec<u32>>>,
    findings: Vec<u64>,
    kept: usize,
    cut: bool,
}

impl Fired {
    fn of(detector: &Detector) -> Fired {
        let numbers = detector.rules().iter().zip(0..).map(|(r, n)| (Arc::as_ptr(&r.meta).addr(), n));
        let findings = vec![0; detector.rules().len()];
        Fired { numbers: numbers.collect(), on: HashMap::new(), findings, kept: 0, cut: false }
    }

    fn rules_on(&self, source: &Arc<str>, record: u64) -> &[u32] {
        self.on.get(source).and_then(|records| records.get(&record)).map_or(&[], Vec::as_slice)
    }
}

impl FindingSink for Fired {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let Some(rule) = self.numbers.get(&Arc::as_ptr(&finding.rule).addr()).copied() else { return Ok(()) };
        self.findings.iter_mut().skip(rule as usize).take(1).for_each(|n| *n += 1);
        for event in &finding.events {
            if self.kept >= MOST_EVENTS {
                self.cut = true;
                return Ok(());
            }
            let rules = self.on.entry(event.source.clone()).or_default().entry(event.record).or_default();
            if !rules.contains(&rule) {
                rules.push(rule);
                self.kept += 1;
            }
        }
        Ok(())
    }
}

/// Looks at each event that a rule has fired on.
struct Explainer<'a> {
    detector: &'a Detector,
    pairs: &'a [(u32, u32)],
    fired: &'a Fired,
    found: Vec<Found>,
}

impl Fold for Explainer<'_> {
    fn event(&mut self, event: &Event<'_>, place: Place<'_>) {
        let rules = self.fired.rules_on(place.source, event.record);
        if rules.is_empty() {
            return;
        }
        for ((a, b), found) in self.pairs.iter().zip(&mut self.found) {
            let (side, other) = match (rules.contains(a), rules.contains(b)) {
                (true, true) => {
                    found.both += 1;
                    continue;
                }
                (true, false) => (0, *b),
                (false, true) => (1, *a),
                (false, false) => continue,
            };
            let why = why_not(self.detector, other, event);
            found.only.iter_mut().skip(side).take(1).for_each(|only| only.add(&why, event, place));
        }
    }
}

/// Why a rule does not find an event: told by that of its filters which fails on the least.
fn why_not(detector: &Detector, rule: u32, event: &Event<'_>) -> Vec<Why> {
    let filters = detector.filters_of(rule);
    let explained = filters.iter().map(|f| filter(f, detector.taxonomy(), event));
    let reasons = |e: Explanation| match (e.admitted, e.holds) {
        (false, _) => vec![Why::LogSource],
        (_, true) => vec![Why::State],
        _ if e.source.is_some_and(|s| !s.truth.holds()) => vec![Why::LogSource],
        _ => e.clause.reasons().into_iter().map(Why::Clause).collect(),
    };
    let rank = |all: &Vec<Why>| match all.as_slice() {
        [Why::State] => 0,
        [Why::LogSource] => usize::MAX,
        all => all.len(),
    };
    explained.map(reasons).min_by_key(rank).unwrap_or_default()
}

/// What a thread, or all of them, found of a pair.
#[derive(Clone, Default)]
struct Found {
    both: u64,
    only: [Gathered; 2],
}

impl Found {
    fn merge(&mut self, other: Found) {
        self.both += other.both;
        self.only.iter_mut().zip(other.only).for_each(|(to, from)| to.merge(from));
    }
}

#[derive(Clone, Default)]
struct Gathered {
    events: u64,
    /// Number of events, place and view of the first.
    because: BTreeMap<Why, (u64, u64, EventView)>,
}

impl Gathered {
    fn add(&mut self, why: &[Why], event: &Event<'_>, place: Place<'_>) {
        self.events += 1;
        let full = self.because.len() >= MOST_REASONS;
        for w in why {
            match self.because.get_mut(w) {
                Some((count, first, _)) if *first <= place.order => *count += 1,
                Some(known) => *known = (known.0 + 1, place.order, event_view(event, place.source)),
                None if !full => {
                    self.because.insert(w.clone(), (1, place.order, event_view(event, place.source)));
                }
                None => {}
            }
        }
    }

    fn merge(&mut self, other: Gathered) {
        self.events += other.events;
        for (why, (count, order, view)) in other.because {
            match self.because.get_mut(&why) {
                Some(known) if known.1 <= order => known.0 += count,
                Some(known) => *known = (known.0 + count, order, view),
                None => drop(self.because.insert(why, (count, order, view))),
            }
        }
    }

    fn finish(self) -> Only {
        let each =
            self.because.into_iter().map(|(why, (events, _, example))| Because { why, events, example });
        let mut because: Vec<Because> = each.collect();
        because.sort_by_key(|b| std::cmp::Reverse(b.events));
        Only { events: self.events, because }
    }
}
