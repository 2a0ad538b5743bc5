//! Hunts over inputs: several in one pass.
//!
//! Filters of all hunts are rules of one [`Detector`], so that their predicates are shared; what passes is read
//! and counted part by part on the workers' threads, and taken in the order of the input.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::Event;
use shikra_hunt::{Ask, Data, Events, Needs, PartEvents, PartTally, Reader, Stacks, Tally, Wanted};
use shikra_input::{Decode, Part, Sink, Trouble};
use shikra_ir::{Expr, LogSource, Plan, Rule};
use shikra_matcher::{FilterId, Scratch};
use shikra_taxonomy::Taxonomy;

use crate::finding::{Progress, Totals};
use crate::plan::{Detector, Target};
use crate::read::{self, Read, Take, Work};
use crate::scan::ScanOptions;

/// One question: what is read of which events.
pub struct Question {
    /// What the analytic needs.
    pub ask: Ask,
    /// Which events are meant; none: all. Each must be a condition on single events.
    pub filters: Vec<Rule>,
    /// Whether texts that differ in case alone are the same.
    pub fold: bool,
    /// Bytes of memory for what is kept.
    pub memory: usize,
}

/// Restricts a filter to a log source where it names none itself; none of a filter: all of the source.
pub fn within(filter: Option<Rule>, source: &LogSource) -> Rule {
    let narrow = |s: &LogSource| if s.is_any() { source.clone() } else { s.clone() };
    match filter {
        None => Rule {
            meta: Arc::default(),
            plan: Plan::Scan(source.clone()),
            reports: true,
            status: shikra_ir::LoadStatus::Ok,
            diagnostics: Vec::new(),
        },
        Some(rule) => {
            let all = rule.plan.single_events().map(|all| {
                let one = |(s, e): (&LogSource, Expr)| Plan::Filter(Box::new(Plan::Scan(narrow(s))), e);
                all.into_iter().map(one).collect::<Vec<Plan>>()
            });
            match all {
                Some(plans) => Rule { plan: Plan::Union(plans), ..rule },
                None => rule,
            }
        }
    }
}

/// Looks through `paths` for all questions at once; answers what was seen for each, in their order.
///
/// # Errors
/// Where a filter cannot run, or is more than a condition on single events; in words.
pub fn hunt(
    questions: Vec<Question>,
    taxonomy: Arc<Taxonomy>,
    paths: &[PathBuf],
    options: &ScanOptions,
    progress: &dyn Progress,
) -> Result<(Vec<Data>, Totals), String> {
    let plan = HuntPlan::new(questions, taxonomy)?;
    let mut run = Run::new(&plan);
    read::pass(paths, options, progress, || Worker::new(&plan, options), &mut run);
    Ok(run.finish())
}

/// Questions with their filters planned.
struct HuntPlan {
    questions: Vec<Question>,
    wanted: Vec<Arc<Wanted>>,
    detector: Detector,
    /// By rule of the detector: its question, and which of that question's filters it is.
    of_rule: Vec<(usize, u32)>,
}

impl HuntPlan {
    fn new(mut questions: Vec<Question>, taxonomy: Arc<Taxonomy>) -> Result<HuntPlan, String> {
        let (mut rules, mut of_rule) = (Vec::new(), Vec::new());
        for (i, q) in questions.iter_mut().enumerate() {
            if q.filters.len() > q.ask.filters.clamp(1, 64) {
                return Err(format!("{} filters are more than it can tell apart", q.filters.len()));
            }
            for (n, rule) in q.filters.drain(..).enumerate() {
                if rule.plan.single_events().is_none() {
                    return Err("a hunt's filter must be a condition on single events, without sequences, \
                                counts or joins"
                        .to_owned());
                }
                rules.push(Rule { reports: true, ..rule });
                of_rule.push((i, n as u32));
            }
        }
        let detector = Detector::new(rules, taxonomy);
        if let Some(why) = detector.not_run().first() {
            return Err(format!("a filter cannot run: {}", why.reason));
        }
        let wanted = |q: &Question| {
            Arc::new(Wanted { columns: q.ask.columns.clone(), fold: q.fold, lacking: q.ask.lacking })
        };
        Ok(HuntPlan { wanted: questions.iter().map(wanted).collect(), questions, detector, of_rule })
    }

    /// Whether a question asks for every event.
    fn unfiltered(&self, question: usize) -> bool {
        !self.of_rule.iter().any(|(q, _)| *q == question)
    }
}

/// What a worker makes of a part.
struct Done {
    source: Arc<str>,
    parts: Vec<PartData>,
}

/// What was read of a part for a question.
enum PartData {
    Tally(PartTally),
    Events(PartEvents),
}

/// What is being read of a part for a question.
enum Collect {
    Tally(Tally),
    Events(PartEvents),
}

struct Worker<'a> {
    plan: &'a HuntPlan,
    options: &'a ScanOptions,
    scratch: Scratch,
    readers: Vec<Reader>,
    unfiltered: Vec<usize>,
    hits: Vec<FilterId>,
    passed: BTreeMap<usize, u64>,
}

impl<'a> Worker<'a> {
    fn new(plan: &'a HuntPlan, options: &'a ScanOptions) -> Worker<'a> {
        let taxonomy = plan.detector.taxonomy();
        Worker {
            plan,
            options,
            scratch: plan.detector.matcher.scratch(),
            readers: plan.wanted.iter().map(|w| Reader::new(w.clone(), taxonomy.clone())).collect(),
            unfiltered: (0..plan.questions.len()).filter(|q| plan.unfiltered(*q)).collect(),
            hits: Vec::new(),
            passed: BTreeMap::new(),
        }
    }
}

impl Work for Worker<'_> {
    type Made = Done;

    fn part(&mut self, part: &Part, _: u64, decoder: &mut dyn Decode, read: &mut Read) -> Done {
        self.readers.iter_mut().for_each(Reader::begin);
        let collect = |q: &Question| match q.ask.needs {
            Needs::Stacks { bucket } => Collect::Tally(Tally::new(q.ask.columns.len(), bucket)),
            Needs::Events => Collect::Events(PartEvents::default()),
        };
        let collects: Vec<Collect> = self.plan.questions.iter().map(collect).collect();
        let mut sink = PartSink { worker: self, collects, read };
        decoder.decode(part, &mut sink);
        let collects = sink.collects;
        let finish = |(c, reader): (Collect, &Reader)| match c {
            Collect::Tally(t) => PartData::Tally(t.finish(reader)),
            Collect::Events(e) => PartData::Events(e.finish(reader)),
        };
        let parts = collects.into_iter().zip(&self.readers).map(finish).collect();
        Done { source: part.source.name.clone(), parts }
    }
}

struct PartSink<'w, 'a> {
    worker: &'w mut Worker<'a>,
    collects: Vec<Collect>,
    read: &'w mut Read,
}

impl Sink for PartSink<'_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        let w = &mut *self.worker;
        if !self.read.event(event, w.options) {
            return;
        }
        for i in 0..w.unfiltered.len() {
            let q = w.unfiltered[i];
            collect(&mut self.collects, &mut w.readers, q, event, 1);
        }
        if w.plan.of_rule.is_empty() {
            return;
        }
        w.hits.clear();
        w.plan.detector.matcher.run(&mut w.scratch, event, &mut w.hits);
        if w.hits.is_empty() {
            return;
        }
        w.passed.clear();
        for hit in &w.hits {
            if let Some(Target::Finding(rule)) = w.plan.detector.targets.get(*hit as usize)
                && let Some((question, filter)) = w.plan.of_rule.get(*rule as usize)
            {
                *w.passed.entry(*question).or_default() |= 1 << (filter % 64);
            }
        }
        for (question, passed) in &w.passed {
            collect(&mut self.collects, &mut w.readers, *question, event, *passed);
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.read.troubles.push(trouble);
    }
}

fn collect(collects: &mut [Collect], readers: &mut [Reader], q: usize, event: &Event<'_>, passed: u64) {
    match (collects.get_mut(q), readers.get_mut(q)) {
        (Some(Collect::Tally(t)), Some(reader)) => t.add(reader, event),
        (Some(Collect::Events(e)), Some(reader)) => e.add(reader, event, passed),
        _ => {}
    }
}

/// The state of a hunt on the caller's thread.
struct Run {
    data: Vec<Data>,
    totals: Totals,
}

impl Run {
    fn new(plan: &HuntPlan) -> Run {
        let data = |q: &Question| match q.ask.needs {
            Needs::Stacks { .. } => Data::Stacks(Stacks::new(q.ask.columns.len(), q.memory)),
            Needs::Events => Data::Events(Events::new(q.ask.columns.len(), q.memory)),
        };
        Run { data: plan.questions.iter().map(data).collect(), totals: Totals::default() }
    }

    fn finish(mut self) -> (Vec<Data>, Totals) {
        for data in &mut self.data {
            if let Data::Events(e) = data {
                e.sort(self.totals.span);
            }
        }
        (self.data, self.totals)
    }
}

impl Take<Done> for Run {
    fn totals(&mut self) -> &mut Totals {
        &mut self.totals
    }

    fn take(&mut self, done: Done) -> ControlFlow<()> {
        for (data, part) in self.data.iter_mut().zip(done.parts) {
            match (data, part) {
                (Data::Stacks(s), PartData::Tally(t)) => s.merge(t, &done.source),
                (Data::Events(e), PartData::Events(p)) => e.merge(p, &done.source),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}
