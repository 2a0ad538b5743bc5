//! Baselines: building one from inputs, and what inputs hold that one never saw.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_baseline::{Baseline, Dimension, Judged, Known, Observation, Observer};
use shikra_event::{Event, Value};
use shikra_hunt::HuntResult;
use shikra_hunt::result::{Column, ColumnKind, EventPoint, Population, Reason, ResultRow};
use shikra_taxonomy::Taxonomy;

use crate::finding::{Progress, Rarity, Totals};
use crate::fold::{Fold, Place, fold};
use crate::scan::ScanOptions;
use crate::view::computer;

/// Files larger than this are no baselines.
const LARGEST: u64 = 1 << 30;

/// Observes all events of `paths`. The outcome is the same whatever the number of threads.
pub fn build_baseline(
    paths: &[PathBuf],
    taxonomy: &Arc<Taxonomy>,
    options: &ScanOptions,
    progress: &dyn Progress,
) -> (Baseline, Totals) {
    let make = || Build { baseline: Baseline::default(), observer: Observer::new(taxonomy.clone()) };
    let (states, totals) = fold(paths, options, progress, make);
    let mut whole = Baseline::default();
    for state in states {
        // All have the limits of this version.
        let merged = whole.merge(&state.baseline);
        debug_assert!(merged.is_ok());
    }
    whole.settle();
    (whole, totals)
}

struct Build {
    baseline: Baseline,
    observer: Observer,
}

impl Fold for Build {
    fn event(&mut self, event: &Event<'_>, _: Place<'_>) {
        self.baseline.observe(&mut self.observer, event);
    }
}

/// Reads a baseline.
///
/// # Errors
/// Where the file cannot be read or is no baseline; the message names it and says why.
pub fn load_baseline(path: &Path) -> Result<Baseline, String> {
    use std::io::Read as _;
    let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let file = std::fs::File::open(path).map_err(|e| told(&e))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| told(&e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(told(&"larger than any baseline"));
    }
    Baseline::decode(&bytes).map_err(|e| told(&e))
}

/// Most values that are reported, the most unusual ones; the others are counted.
const MOST: usize = 100_000;
/// Events named of each value.
const EVENTS: usize = 5;

/// Something that the baseline never saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    /// What kind of fact.
    pub dimension: Dimension,
    /// The value as it is compared: masked, lower-case.
    pub value: String,
    /// The value as it stands in the first event.
    pub raw: String,
    /// How unusual, in bits.
    pub score: f64,
    /// Other programs were seen with it: how often, on how many hosts, where that was kept.
    pub elsewhere: Option<Option<(u64, u64)>>,
    /// Events with it.
    pub count: u64,
    /// Hosts with it: at most so many are told apart.
    pub hosts: usize,
    /// The first events, in order of the input.
    pub events: Vec<EventPoint>,
}

/// What is new of one program; of all programs where the name is empty.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NewOfProgram {
    /// File name of the image, lower-case.
    pub program: String,
    /// What the baseline has of it: events, hosts; none: it never saw it.
    pub seen: Option<(u64, u64)>,
    /// The greatest score.
    pub score: f64,
    /// What is new, most unusual first.
    pub new: Vec<Novelty>,
}

/// What inputs hold that a baseline never saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// By program, most unusual first.
    pub programs: Vec<NewOfProgram>,
    /// Observations judged, and those of kinds that the baseline has too little of, by kind.
    pub judged: u64,
    /// See `judged`.
    pub unjudged: std::collections::BTreeMap<Dimension, u64>,
    /// New observations that are not among `programs`, there being too many.
    pub beyond: u64,
}

/// Columns of the result: what each row says of something new.
const COLUMNS: &[(&str, ColumnKind)] = &[
    ("program", ColumnKind::Text),
    ("kind", ColumnKind::Text),
    ("value", ColumnKind::Text),
    ("count", ColumnKind::Count),
    ("hosts", ColumnKind::Count),
    ("program_before", ColumnKind::Count),
    ("elsewhere_before", ColumnKind::Count),
    ("masked", ColumnKind::Text),
];

impl News {
    /// Leaves out what is less unusual than `least`, and programs other than these (none: all).
    pub fn keep(&mut self, least: f64, programs: &[String]) {
        let wanted = |p: &str| programs.is_empty() || programs.iter().any(|w| w.eq_ignore_ascii_case(p));
        self.programs.retain(|p| wanted(&p.program));
        self.programs.iter_mut().for_each(|p| p.new.retain(|n| n.score >= least));
        self.programs.retain(|p| !p.new.is_empty());
    }

    /// What cannot be told, in words.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.unjudged.is_empty() {
            let kinds: Vec<String> =
                self.unjudged.iter().map(|(d, n)| format!("{} ({n})", d.name())).collect();
            notes.push(format!("the baseline has too little to judge these by: {}", kinds.join(", ")));
        }
        if self.beyond > 0 {
            notes.push(format!(
                "{} more observations are new but not among the {MOST} most unusual values",
                self.beyond
            ));
        }
        notes
    }

    /// In the form of all hunts, at most `top` rows.
    pub fn result(&self, totals: &Totals, top: usize) -> HuntResult {
        let all = self.programs.iter().flat_map(|p| p.new.iter().map(move |n| (p, n)));
        let mut hosts: Vec<&str> = Vec::new();
        all.clone().for_each(|(_, n)| hosts.extend(n.events.iter().map(|e| &*e.host)));
        hosts.sort_unstable();
        hosts.dedup();
        HuntResult {
            analytic: "new",
            population: Population {
                events: totals.events,
                values: all.clone().count() as u64,
                hosts: hosts.len() as u64,
                span: totals.span,
                sample: 1,
                ..Population::default()
            },
            columns: COLUMNS.iter().map(|(n, k)| Column::new(*n, *k)).collect(),
            rows_total: all.clone().count() as u64,
            rows: all.take(top).map(|(p, n)| row(p, n)).collect(),
            notes: self.notes(),
            ..HuntResult::default()
        }
    }
}

fn row(p: &NewOfProgram, n: &Novelty) -> ResultRow {
    let number = |n: u64| Value::I64(i64::try_from(n).unwrap_or(i64::MAX));
    let elsewhere = match n.elsewhere {
        None => number(0),
        Some(None) => Value::Null,
        Some(Some((events, _))) => number(events),
    };
    ResultRow {
        score: Some(n.score),
        cells: vec![
            Value::str(&p.program),
            Value::str(n.dimension.name()),
            Value::str(&n.raw),
            number(n.count),
            number(n.hosts as u64),
            number(p.seen.map_or(0, |(events, _)| events)),
            elsewhere,
            Value::str(&n.value),
        ],
        reasons: vec![Reason::only(n.dimension.name(), n.why(p))],
        events: n.events.clone(),
        events_total: n.count,
        marks: Vec::new(),
    }
}

impl Novelty {
    /// Why it counts as new, in words.
    pub fn why(&self, of: &NewOfProgram) -> String {
        let what = self.dimension.name();
        let here = match (of.program.as_str(), of.seen) {
            _ if self.dimension == Dimension::Program => return "the program was never seen".to_owned(),
            ("", _) => return format!("the {what} was never seen with any program"),
            (program, None) => format!("{program} was never seen"),
            (program, Some((events, _))) => format!("never among {events} events of {program}"),
        };
        match self.elsewhere {
            None if !self.dimension.about().everywhere || of.seen.is_none() => here,
            None => format!("{here}, nor of another program"),
            Some(None) => format!("{here}, of other programs it was"),
            Some(Some((events, hosts))) => {
                format!("{here}, of other programs {events} times on {hosts} hosts")
            }
        }
    }
}

/// Looks for what `baseline` never saw.
pub fn find_new(
    baseline: &Baseline,
    paths: &[PathBuf],
    taxonomy: &Arc<Taxonomy>,
    options: &ScanOptions,
    progress: &dyn Progress,
) -> (News, Totals) {
    let make = || Hunt { baseline, observer: Observer::new(taxonomy.clone()), found: Found::default() };
    let (states, totals) = fold(paths, options, progress, make);
    let mut found = Found::default();
    states.into_iter().for_each(|s| found.merge(s.found));
    (found.report(baseline), totals)
}

struct Hunt<'b> {
    baseline: &'b Baseline,
    observer: Observer,
    found: Found,
}

type Key = (String, Dimension, String);

#[derive(Default)]
struct Found {
    new: HashMap<Key, Entry>,
    judged: u64,
    unjudged: std::collections::BTreeMap<Dimension, u64>,
    /// New observations, those of values that were dropped included.
    observations: u64,
}

struct Entry {
    raw: String,
    score: f64,
    elsewhere: Option<Option<(u64, u64)>>,
    count: u64,
    hosts: std::collections::BTreeSet<String>,
    /// With their place in the input.
    events: Vec<(u64, EventPoint)>,
}

/// Most hosts told apart of one value.
const HOSTS: usize = 1000;

impl Fold for Hunt<'_> {
    fn event(&mut self, event: &Event<'_>, place: Place<'_>) {
        let mut facts = Vec::new();
        self.observer.observe(event, &mut |o| facts.push(o));
        if facts.is_empty() {
            return;
        }
        let found = &mut self.found;
        for (fact, judged) in judge_all(self.baseline, &mut facts) {
            found.judged += 1;
            if judged.known == Known::Unknown {
                *found.unjudged.entry(fact.dimension).or_default() += 1;
            }
            if judged.is_new() {
                let host = computer(event).unwrap_or_default();
                let (source, record) = (place.source.clone(), event.record);
                let point = EventPoint { source, record, time: event.time, host: host.into() };
                found.add(fact, &judged, (place.order, point));
            }
        }
    }
}

/// The facts of an event with their judgements. What another says better is left out: a command of which an
/// argument is new, access to a program that is new. A host or account that is new is so of no program in
/// particular.
pub(crate) fn judge_all<'b, 'f>(
    baseline: &'b Baseline,
    facts: &'f mut [Observation],
) -> Vec<(&'f Observation, Judged<'b>)> {
    for fact in facts.iter_mut().filter(|f| matches!(f.dimension, Dimension::Host | Dimension::User)) {
        if baseline.judge("", fact.dimension, &fact.value).is_new() {
            fact.program.clear();
        }
    }
    let mut all = Vec::with_capacity(facts.len());
    let mut argument = false;
    for fact in facts.iter() {
        let judged = baseline.judge(&fact.program, fact.dimension, &fact.value);
        argument |= fact.dimension == Dimension::Argument && judged.is_new();
        all.push((fact, judged));
    }
    let target = |f: &Observation| f.value.rsplit_once(' ').is_some_and(|(name, _)| baseline.knows(name));
    all.retain(|(fact, judged)| match fact.dimension {
        _ if !judged.is_new() => true,
        Dimension::Command => !argument,
        Dimension::Access => target(fact),
        _ => true,
    });
    all
}

/// What a [`Rarity`] names at most.
const NAMED: usize = 20;

/// How unusual an event is; none where it tells of no program.
pub(crate) fn rarity(baseline: &Baseline, observer: &mut Observer, event: &Event<'_>) -> Option<Rarity> {
    let mut facts = Vec::new();
    observer.observe(event, &mut |o| facts.push(o));
    let program = facts.iter().find(|f| f.dimension == Dimension::Program)?.value.clone();
    let judged = judge_all(baseline, &mut facts);
    let score = judged.iter().map(|(_, j)| j.score).fold(0.0, f64::max);
    let mut new: Vec<(f64, String)> = judged
        .iter()
        .filter(|(_, j)| j.is_new())
        .map(|(f, j)| (j.score, format!("{} {}", f.dimension.name(), f.raw)))
        .collect();
    new.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    new.dedup();
    new.truncate(NAMED);
    let seen = baseline.program(&program).map(|s| (s.count, s.hosts()));
    Some(Rarity { score, new: new.into_iter().map(|(_, n)| n).collect(), seen })
}

/// That of several events: the most unusual counts, what is new adds up.
pub(crate) fn rarest(all: impl IntoIterator<Item = Rarity>) -> Option<Rarity> {
    let mut all: Vec<Rarity> = all.into_iter().collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut rarest: Option<Rarity> = None;
    for one in all {
        let Some(rarest) = &mut rarest else {
            rarest = Some(one);
            continue;
        };
        for new in one.new {
            if rarest.new.len() < NAMED && !rarest.new.contains(&new) {
                rarest.new.push(new);
            }
        }
    }
    rarest
}

impl Found {
    fn add(&mut self, fact: &Observation, judged: &Judged<'_>, point: (u64, EventPoint)) {
        let key = (fact.program.clone(), fact.dimension, fact.value.clone());
        self.observations += 1;
        if self.new.len() >= 2 * MOST && !self.new.contains_key(&key) {
            self.cut();
        }
        let entry = self.new.entry(key).or_insert_with(|| Entry {
            raw: fact.raw.clone(),
            score: judged.score,
            elsewhere: match &judged.known {
                Known::Elsewhere(stat) => Some(stat.map(|s| (s.count, s.hosts()))),
                _ => None,
            },
            count: 0,
            hosts: Default::default(),
            events: Vec::new(),
        });
        entry.count += 1;
        if entry.hosts.len() < HOSTS {
            entry.hosts.insert(point.1.host.to_lowercase());
        }
        if entry.events.first().is_some_and(|first| point.0 < first.0) {
            entry.raw.clone_from(&fact.raw);
        }
        if entry.events.len() < EVENTS || entry.events.last().is_some_and(|l| point.0 < l.0) {
            let at = entry.events.partition_point(|w| w.0 <= point.0);
            entry.events.insert(at, point);
            entry.events.truncate(EVENTS);
        }
    }

    fn merge(&mut self, other: Found) {
        self.judged += other.judged;
        self.observations += other.observations;
        for (dimension, n) in other.unjudged {
            *self.unjudged.entry(dimension).or_default() += n;
        }
        for (key, theirs) in other.new {
            let Some(mine) = self.new.get_mut(&key) else {
                self.new.insert(key, theirs);
                continue;
            };
            let order = |e: &Entry| e.events.first().map(|w| w.0);
            if order(&theirs) < order(mine) {
                mine.raw = theirs.raw;
            }
            mine.count += theirs.count;
            mine.hosts.extend(theirs.hosts);
            mine.events.extend(theirs.events);
            mine.events.sort_by_key(|w| w.0);
            mine.events.truncate(EVENTS);
        }
    }

    /// Keeps the most unusual values. A value among the most unusual of all is so in every part, so what is kept
    /// has been counted whole.
    fn cut(&mut self) {
        if self.new.len() <= MOST {
            return;
        }
        let mut all: Vec<(Key, Entry)> = self.new.drain().collect();
        all.sort_unstable_by(|(a, x), (b, y)| y.score.total_cmp(&x.score).then_with(|| a.cmp(b)));
        all.truncate(MOST);
        self.new.extend(all);
    }

    fn report(mut self, baseline: &Baseline) -> News {
        self.cut();
        let beyond = self.observations - self.new.values().map(|e| e.count).sum::<u64>();
        let mut programs: HashMap<String, NewOfProgram> = HashMap::new();
        for ((program, dimension, value), e) in self.new {
            // A new program is told where the rest of it is.
            let of = if dimension == Dimension::Program { value.clone() } else { program };
            let group = programs.entry(of.clone()).or_insert_with(|| NewOfProgram {
                seen: baseline.program(&of).map(|s| (s.count, s.hosts())),
                program: of,
                ..NewOfProgram::default()
            });
            group.score = group.score.max(e.score);
            let (hosts, raw) = (e.hosts.len(), e.raw);
            let events = e.events.into_iter().map(|(_, point)| point).collect();
            let (score, elsewhere, count) = (e.score, e.elsewhere, e.count);
            group.new.push(Novelty { dimension, value, raw, score, elsewhere, count, hosts, events });
        }
        let mut programs: Vec<NewOfProgram> = programs.into_values().collect();
        for group in &mut programs {
            group.new.sort_by(|a, b| {
                let key = |n: &Novelty| (n.dimension != Dimension::Program, n.dimension);
                b.score.total_cmp(&a.score).then_with(|| (key(a), &a.value).cmp(&(key(b), &b.value)))
            });
        }
        programs.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.program.cmp(&b.program)));
        News { programs, judged: self.judged, unjudged: self.unjudged, beyond }
    }
}
