//! Running rules over inputs.
//!
//! One thread at a time reads the next part of the input; each worker decodes its part, runs the matcher over it
//! and makes findings; the caller's thread takes the results in the order of the input, so that output is the
//! same whatever the number of threads. Keyed rules run at the end, on the survivors in order of event time.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use shikra_baseline::{Baseline, Observer};
use shikra_event::{Event, Timestamp};
use shikra_input::{Decode, Options, Part, Sink, Trouble};
use shikra_ir::{Level, LoadStatus};
use shikra_matcher::{FilterId, Scratch, Seen};

use crate::baseline::rarity;
use crate::finding::{Encoder, EventView, Finding, FindingSink, Progress, Rarity, Totals};
use crate::kept::{Block, Kept};
use crate::keyed;
use crate::plan::{Detector, NotRun, Target};
use crate::read::{self, Read, Spare, Take, Work};
use crate::view::Views;

/// How to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Only findings at or above this level.
    pub level: Level,
    /// Limits of reading.
    pub input: Options,
    /// Bytes of survivors of keyed rules held in memory before they go to a temporary file.
    pub survivor_budget: usize,
    /// Bytes of rows that wait for relational operators (sort, join, groups over all) held in memory before they
    /// go to temporary files, and as much again for sorting and joining these.
    pub row_budget: usize,
    /// What findings are compared with.
    pub baseline: Option<Arc<Baseline>>,
}

impl ScanOptions {
    /// Whether a time lies outside of what is asked for. Events without a time are always inside.
    pub(crate) fn outside(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|t| self.since.is_some_and(|s| t < s) || self.until.is_some_and(|u| t >= u))
    }
}

impl Default for ScanOptions {
    fn default() -> ScanOptions {
        ScanOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            since: None,
            until: None,
            level: Level::Informational,
            input: Options::default(),
            survivor_budget: 64 << 20,
            row_budget: 64 << 20,
            baseline: None,
        }
    }
}

/// Scans `paths` and tells `sink` every finding: single-event rules' in order of the input, then those of keyed
/// rules in order of time.
///
/// # Errors
/// Where `sink` fails or the temporary file of survivors cannot be used; unreadable input is no error but a
/// trouble in the totals.
pub fn scan(
    detector: &Detector,
    paths: &[PathBuf],
    options: &ScanOptions,
    sink: &mut dyn FindingSink,
    progress: &dyn Progress,
) -> io::Result<Totals> {
    let spare = Spare::default();
    // Encoders know nothing of baselines.
    let encode = options.baseline.is_none();
    let encoder = |_| if encode { sink.encoder() } else { None };
    let encoders: Mutex<Vec<_>> = Mutex::new((0..options.threads.max(1)).map(encoder).collect());
    let mut run = Run::new(detector, options, sink, spare.clone());
    let seen: Mutex<Option<Seen>> = Mutex::new(None);
    let worker = || {
        let encoder = encoders.lock().unwrap_or_else(PoisonError::into_inner).pop().flatten();
        Worker::new(detector, options, &seen, encoder, spare.clone())
    };
    read::pass(paths, options, progress, worker, &mut run);
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    run.finish(seen.unwrap_or_default())
}

/// What a worker makes of a part.
#[derive(Default)]
struct Done {
    findings: Vec<Finding>,
    /// Findings as the sink's encoder has written them, with their number by level.
    encoded: Vec<u8>,
    levels: BTreeMap<Level, u64>,
    /// Events that keyed rules may need.
    kept: Block,
}

struct Worker<'a> {
    detector: &'a Detector,
    options: &'a ScanOptions,
    scratch: Scratch,
    hits: Vec<FilterId>,
    /// Those of them that are leaves of keyed rules.
    leaves: Vec<FilterId>,
    views: Views,
    encoder: Option<Box<dyn Encoder>>,
    /// Buffers for what the encoder writes.
    spare: Spare,
    judge: Option<(&'a Baseline, Observer)>,
    /// Where the tallies go when the worker ends.
    seen: &'a Mutex<Option<Seen>>,
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *all {
            Some(all) => all.merge(self.scratch.seen()),
            none => *none = Some(self.scratch.seen().clone()),
        }
    }
}

impl<'a> Worker<'a> {
    fn new(
        detector: &'a Detector,
        options: &'a ScanOptions,
        seen: &'a Mutex<Option<Seen>>,
        encoder: Option<Box<dyn Encoder>>,
        spare: Spare,
    ) -> Worker<'a> {
        Worker {
            seen,
            encoder,
            spare,
            judge: options.baseline.as_deref().map(|b| (b, Observer::new(detector.taxonomy.clone()))),
            detector,
            options,
            scratch: detector.matcher.scratch(),
            hits: Vec::new(),
            leaves: Vec::new(),
            views: Views::default(),
        }
    }
}

impl Work for Worker<'_> {
    type Made = Done;

    fn part(&mut self, part: &Part, number: u64, decoder: &mut dyn Decode, read: &mut Read) -> Done {
        let encoded = self.encoder.as_ref().and_then(|_| self.spare.take()).unwrap_or_default();
        let keeps = !self.detector.keyed.is_empty();
        let bytes = if keeps { self.spare.take().unwrap_or_default() } else { Vec::new() };
        let done = Done { encoded, kept: Block::new(&part.source.name, bytes), ..Done::default() };
        let mut sink = PartSink { worker: self, part, number, position: 0, last: None, done, read };
        decoder.decode(part, &mut sink);
        sink.done
    }
}

/// Takes the events of one part.
struct PartSink<'w, 'a> {
    worker: &'w mut Worker<'a>,
    part: &'w Part,
    number: u64,
    position: u64,
    last: Option<Timestamp>,
    done: Done,
    read: &'w mut Read,
}

impl Sink for PartSink<'_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        self.position += 1;
        self.last = event.time.or(self.last);
        if !self.read.event(event, self.worker.options) {
            return;
        }
        let worker = &mut *self.worker;
        worker.hits.clear();
        worker.detector.matcher.run(&mut worker.scratch, event, &mut worker.hits);
        if !worker.hits.is_empty() {
            self.matched(event);
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.read.troubles.push(trouble);
    }
}

impl PartSink<'_, '_> {
    fn matched(&mut self, event: &Event<'_>) {
        let hits = std::mem::take(&mut self.worker.hits);
        let mut shown = Shown::NotYet;
        self.worker.leaves.clear();
        // Filters of a rule stand side by side: one that hits twice is reported once.
        let mut reported = None;
        for hit in &hits {
            match self.worker.detector.targets[*hit as usize] {
                Target::Finding(rule) if reported == Some(rule) => {}
                Target::Finding(rule) => {
                    reported = Some(rule);
                    self.report(event, rule, &mut shown);
                }
                Target::Leaf { .. } | Target::Shared(_) => self.worker.leaves.push(*hit),
            }
        }
        self.worker.hits = hits;
        if !self.worker.leaves.is_empty() {
            let order = self.number << 32 | self.position;
            self.done.kept.add(event, self.last.unwrap_or_default(), order, &self.worker.leaves);
        }
    }

    /// A finding of one event: bytes where the format makes them here, otherwise data for the sink.
    fn report(&mut self, event: &Event<'_>, rule: u32, shown: &mut Shown) {
        let meta = &self.worker.detector.rules[rule as usize].meta;
        if meta.level < self.worker.options.level {
            return;
        }
        let source = &self.part.source.name;
        if let Some(encoder) = &mut self.worker.encoder {
            if !matches!(shown, Shown::Told) {
                encoder.event(event, source);
                *shown = Shown::Told;
            }
            encoder.finding(meta, &mut self.done.encoded);
            *self.done.levels.entry(meta.level).or_default() += 1;
            return;
        }
        if !matches!(shown, Shown::View(..)) {
            let judged = self.worker.judge.as_mut().and_then(|(b, observer)| rarity(b, observer, event));
            *shown = Shown::View(Arc::new(self.worker.views.view(event, source)), judged);
        }
        let Shown::View(view, rarity) = shown else { return };
        self.done.findings.push(Finding {
            rarity: rarity.clone(),
            rule: meta.clone(),
            time: event.time,
            host: view.computer.clone(),
            events: vec![view.clone()],
            row: Vec::new(),
        });
    }
}

/// How far the present event has been made ready for its findings.
enum Shown {
    NotYet,
    Told,
    View(Arc<EventView>, Option<Rarity>),
}

/// The state of a scan on the caller's thread.
struct Run<'a> {
    detector: &'a Detector,
    options: &'a ScanOptions,
    sink: &'a mut dyn FindingSink,
    kept: Kept,
    spare: Spare,
    totals: Totals,
    error: Option<io::Error>,
}

impl<'a> Run<'a> {
    fn new(
        detector: &'a Detector,
        options: &'a ScanOptions,
        sink: &'a mut dyn FindingSink,
        spare: Spare,
    ) -> Run<'a> {
        let mut totals = Totals::default();
        for rule in &detector.rules {
            match rule.status {
                LoadStatus::Ok => totals.rules_ok += 1,
                LoadStatus::Partial => totals.rules_partial += 1,
                LoadStatus::Rejected => totals.rules_rejected += 1,
            }
        }
        Run {
            detector,
            options,
            sink,
            kept: Kept::new(options.survivor_budget, spare.clone()),
            spare,
            totals,
            error: None,
        }
    }

    fn report(&mut self, finding: &Finding) -> io::Result<()> {
        *self.totals.findings.entry(finding.rule.level).or_default() += 1;
        self.sink.finding(finding)
    }

    fn finish(mut self, seen: Seen) -> io::Result<Totals> {
        if let Some(e) = self.error.take() {
            return Err(e);
        }
        let (detector, options) = (self.detector, self.options);
        let kept = std::mem::replace(&mut self.kept, Kept::new(0, self.spare.clone()));
        let mut sink = |finding: Finding| {
            if finding.rule.level >= options.level { self.report(&finding) } else { Ok(()) }
        };
        let told = keyed::run(detector, &kept, &seen, options, &mut sink)?;
        self.totals.limits = told.limits;
        self.totals.busiest = told.busiest;
        self.totals.unable_to_fire = detector.unable_to_fire(&seen);
        let reason = |n: &NotRun| (self.detector.rules[n.rule as usize].meta.title.clone(), n.reason.clone());
        self.totals.not_run = self.detector.not_run().iter().map(reason).collect();
        Ok(self.totals)
    }
}

impl Take<Done> for Run<'_> {
    fn totals(&mut self) -> &mut Totals {
        &mut self.totals
    }

    fn take(&mut self, done: Done) -> ControlFlow<()> {
        for (level, n) in done.levels {
            *self.totals.findings.entry(level).or_default() += n;
        }
        let written = if done.encoded.is_empty() { Ok(()) } else { self.sink.encoded(&done.encoded) };
        self.spare.give_back(done.encoded);
        let result = written
            .and_then(|()| done.findings.iter().try_for_each(|f| self.report(f)))
            .and_then(|()| self.kept.add(done.kept));
        self.error = result.err();
        if self.error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
