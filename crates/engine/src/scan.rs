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
use shikra_ir::{Level, LoadStatus, RuleMeta};
use shikra_matcher::{Cost, FilterId, Scratch, Seen, Team};

use crate::acts::{Act, Acts};
use crate::baseline::rarity;
use crate::finding::{Encoder, EventView, Finding, FindingSink, Progress, Rarity, Totals};
use crate::kept::{Block, Kept};
use crate::keyed::{self, Telling};
use crate::plan::{Detector, NotRun, Target};
use crate::read::{self, Read, Spare, Take, Work};
use crate::twins::{Made, Noted, Teller, Twins, Waiting, cost};
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
    /// What becomes of one act in two records.
    pub twins: Twins,
    /// Bytes of findings held back until a twin may come.
    pub twin_budget: usize,
    /// Count what each rule costs ([`Totals::costs`]). Counts are those of one thread: more are not used.
    pub costs: bool,
    /// The process ends after this: what threads remember is left to the system, which has it back at once, while to take
    /// it apart piece by piece takes time.
    pub last: bool,
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
            twins: Twins::default(),
            twin_budget: 32 << 20,
            costs: false,
            last: false,
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
    if options.costs && options.threads > 1 {
        let options = ScanOptions { threads: 1, ..options.clone() };
        return scan(detector, paths, &options, sink, progress);
    }
    let spare = Spare::default();
    // Encoders know nothing of baselines.
    let encode = options.baseline.is_none();
    let encoder = |_| if encode { sink.encoder() } else { None };
    let encoders: Mutex<Vec<_>> = Mutex::new((0..options.threads.max(1)).map(encoder).collect());
    let mut run = Run::new(detector, options, sink, spare.clone());
    let seen: Mutex<Option<Tallies>> = Mutex::new(None);
    let team = detector.matcher.team(options.threads);
    let worker = || {
        let encoder = encoders.lock().unwrap_or_else(PoisonError::into_inner).pop().flatten();
        Worker::new(detector, options, &team, &seen, encoder, spare.clone())
    };
    read::pass(paths, options, progress, worker, &mut run);
    drop(team);
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (seen, costs) = seen.map_or_else(Default::default, |t| (t.seen, t.costs));
    let costs = if options.costs { detector.rule_costs(costs, &seen) } else { Vec::new() };
    let mut totals = run.finish(seen)?;
    totals.costs = costs;
    Ok(totals)
}

/// What a worker makes of a part.
#[derive(Default)]
struct Done {
    /// Findings, as the sink's encoder has written them where it has one.
    made: Made,
    /// Their number by level.
    levels: BTreeMap<Level, u64>,
    /// Events that keyed rules may need.
    kept: Block,
}

/// What the workers have counted.
struct Tallies {
    seen: Seen,
    costs: BTreeMap<u32, Cost>,
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
    /// Reads acts, where twin records become one finding.
    acts: Option<Acts>,
    /// Where the tallies go when the worker ends.
    seen: &'a Mutex<Option<Tallies>>,
}

impl<'a> Worker<'a> {
    fn new(
        detector: &'a Detector,
        options: &'a ScanOptions,
        team: &Team,
        seen: &'a Mutex<Option<Tallies>>,
        encoder: Option<Box<dyn Encoder>>,
        spare: Spare,
    ) -> Worker<'a> {
        let mut scratch = detector.matcher.scratch_in(team);
        if options.costs {
            scratch.count_costs();
        }
        Worker {
            seen,
            encoder,
            spare,
            judge: options.baseline.as_deref().map(|b| (b, Observer::new(detector.taxonomy.clone()))),
            acts: match options.twins {
                Twins::Keep => None,
                merge => Some(Acts::new(detector.taxonomy.clone(), merge == Twins::Source)),
            },
            detector,
            options,
            scratch,
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
        let made = Made { encoded, ..Made::default() };
        let done = Done { made, kept: Block::new(&part.source.name, bytes), ..Done::default() };
        let mut sink = PartSink { worker: self, part, number, position: 0, last: None, done, read };
        decoder.decode(part, &mut sink);
        sink.done
    }

    fn end(self) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *all {
            Some(all) => all.seen.merge(self.scratch.seen()),
            none => {
                let costs = self.detector.costs(&self.scratch);
                *none = Some(Tallies { seen: self.scratch.seen().clone(), costs });
            }
        }
        drop(all);
        // Where kept events are to be fed, they need the room.
        let is_all = || !self.detector.awake(self.scratch.seen()).contains(&true);
        if self.options.last && is_all() {
            std::mem::forget(self);
        }
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
        let mut present = Present::default();
        self.worker.leaves.clear();
        // Filters of a rule stand side by side: one that hits twice is reported once.
        let mut reported = None;
        for hit in &hits {
            match self.worker.detector.targets[*hit as usize] {
                Target::Finding(rule) if reported == Some(rule) => {}
                Target::Finding(rule) => {
                    reported = Some(rule);
                    self.report(event, rule, &mut present);
                }
                Target::Leaf { .. } | Target::Shared(_) => self.worker.leaves.push(*hit),
                Target::Witness { .. } => {}
            }
        }
        self.worker.hits = hits;
        if !self.worker.leaves.is_empty() {
            let order = self.number << 32 | self.position;
            self.done.kept.add(event, self.last.unwrap_or_default(), order, &self.worker.leaves);
        }
    }

    /// A finding of one event, and what act it is of.
    fn report(&mut self, event: &Event<'_>, rule: u32, present: &mut Present) {
        let detector = self.worker.detector;
        let meta = &detector.rules[rule as usize].meta;
        if meta.level < self.worker.options.level {
            return;
        }
        *self.done.levels.entry(meta.level).or_default() += 1;
        let start = self.done.made.len();
        self.write(event, meta, &mut present.shown);
        let Some(acts) = &mut self.worker.acts else { return };
        let made = &mut self.done.made;
        if detector.names_acts[rule as usize]
            && let Some(act) =
                present.act.get_or_insert_with(|| acts.of(event, &self.part.source.name).map(Arc::new))
        {
            made.noted.push(Noted { rule, act: act.clone(), at: start..made.len(), before: made.cost });
        }
        made.cost += *present.cost.get_or_insert_with(|| cost(event));
    }

    /// Bytes where the format makes them here, otherwise data for the sink.
    fn write(&mut self, event: &Event<'_>, meta: &Arc<RuleMeta>, shown: &mut Shown) {
        let source = &self.part.source.name;
        if let Some(encoder) = &mut self.worker.encoder {
            if !matches!(shown, Shown::Told) {
                encoder.event(event, source);
                *shown = Shown::Told;
            }
            return encoder.finding(meta, &mut self.done.made.encoded);
        }
        if !matches!(shown, Shown::View(..)) {
            let judged = self.worker.judge.as_mut().and_then(|(b, observer)| rarity(b, observer, event));
            *shown = Shown::View(Arc::new(self.worker.views.view(event, source)), judged);
        }
        let Shown::View(view, rarity) = shown else { return };
        self.done.made.findings.push(Finding {
            rarity: rarity.clone(),
            rule: meta.clone(),
            time: event.time,
            host: view.computer.clone(),
            events: vec![view.clone()],
            row: Vec::new(),
            twins: false,
        });
    }
}

/// What has been made of the present event for its findings.
#[derive(Default)]
struct Present {
    shown: Shown,
    /// Its act, once asked for, if it has one.
    act: Option<Option<Arc<Act>>>,
    cost: Option<u64>,
}

/// How far the present event has been made ready for its findings.
#[derive(Default)]
enum Shown {
    #[default]
    NotYet,
    Told,
    View(Arc<EventView>, Option<Rarity>),
}

/// The state of a scan on the caller's thread.
struct Run<'a> {
    options: &'a ScanOptions,
    told: Told<'a>,
    /// Findings that wait for twins, where twin records become one finding.
    waiting: Option<Waiting>,
    /// The source of the last part.
    source: Arc<str>,
    kept: Kept,
    error: Option<io::Error>,
}

/// What is told, and counted.
struct Told<'a> {
    detector: &'a Detector,
    sink: &'a mut dyn FindingSink,
    totals: Totals,
    /// Makes one encoded finding of two.
    encoder: Option<Box<dyn Encoder>>,
    line: Vec<u8>,
    /// Where buffers of findings go that were told.
    spare: Spare,
}

impl Teller for Told<'_> {
    fn encoded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.encoded(bytes)
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.sink.finding(finding)
    }

    fn encoded_twins(&mut self, rule: u32, records: [&[u8]; 2]) -> io::Result<()> {
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        self.line.clear();
        encoder.twins(&self.detector.rules[rule as usize].meta, records, &mut self.line);
        self.sink.encoded(&self.line)
    }

    fn merged(&mut self, rule: u32) {
        self.totals.twins += 1;
        let level = self.detector.rules[rule as usize].meta.level;
        self.totals.findings.entry(level).and_modify(|n| *n = n.saturating_sub(1));
    }

    fn done(&mut self, buffer: Vec<u8>) {
        self.spare.give_back(buffer);
    }
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
        let merges = options.twins != Twins::Keep;
        let encoder = if merges { sink.encoder() } else { None };
        Run {
            options,
            told: Told { detector, sink, totals, encoder, line: Vec::new(), spare: spare.clone() },
            source: "".into(),
            waiting: merges.then(|| Waiting::new(options.twin_budget as u64)),
            kept: Kept::new(options.survivor_budget, spare),
            error: None,
        }
    }

    /// Tells the findings of a part, or has them wait.
    fn tell(&mut self, mut made: Made, source: &Arc<str>) -> io::Result<()> {
        if let Some(waiting) = &mut self.waiting {
            if self.options.twins == Twins::Source && self.source != *source {
                // No twin can come any more.
                waiting.finish(&mut self.told)?;
                self.source = source.clone();
            }
            if !made.noted.is_empty() || (!waiting.is_idle() && made.len() > 0) {
                made.encoded = self.told.spare.shrunk(made.encoded);
                return waiting.take(made, &mut self.told);
            }
            waiting.passed(made.cost);
        }
        made.tell(0..made.len(), &mut self.told)?;
        self.told.spare.give_back(made.encoded);
        Ok(())
    }

    fn finish(mut self, seen: Seen) -> io::Result<Totals> {
        if let Some(e) = self.error.take() {
            return Err(e);
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.finish(&mut self.told)?;
        }
        self.told.spare.clear();
        let options = self.options;
        let mut told = self.told;
        let detector = told.detector;
        // Encoders know nothing of baselines.
        let encoder = options.baseline.is_none().then(|| told.sink.encoder()).flatten();
        let mut sink = |level, telling: Telling<'_>| {
            *told.totals.findings.entry(level).or_default() += 1;
            match telling {
                Telling::Whole(finding) => told.sink.finding(finding),
                Telling::Encoded(write) => write(&mut Pieces(told.sink)),
            }
        };
        let keyed = keyed::run(detector, &self.kept, &seen, options, encoder, &mut sink)?;
        let mut totals = told.totals;
        totals.limits = keyed.limits;
        totals.busiest = keyed.busiest;
        totals.unable_to_fire = detector.unable_to_fire(&seen);
        let reason = |n: &NotRun| (detector.rules[n.rule as usize].meta.title.clone(), n.reason.clone());
        totals.not_run = detector.not_run().iter().map(reason).collect();
        Ok(totals)
    }
}

/// Encoded findings on their way to the sink.
struct Pieces<'a>(&'a mut dyn FindingSink);

impl io::Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.encoded(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Take<Done> for Run<'_> {
    fn totals(&mut self) -> &mut Totals {
        &mut self.told.totals
    }

    fn take(&mut self, done: Done) -> ControlFlow<()> {
        for (level, n) in done.levels {
            *self.told.totals.findings.entry(level).or_default() += n;
        }
        self.error = self.tell(done.made, &done.kept.source).and_then(|()| self.kept.add(done.kept)).err();
        if self.error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
