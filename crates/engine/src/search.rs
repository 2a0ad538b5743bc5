//! Searching: what a typed text asks for, and what stands around its hits: events of the same host close in time, and
//! the process tree.
//!
//! Hits alone are findings of a rule ([`query`]) and need nothing from here. What stands around them takes a second
//! reading, so that files in any order, and several of one host, come together by event time.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::{Event, Timestamp, Value};
use shikra_ir::{
    Expr, FieldRef, Flavor, Level, LoadStatus, LogSource, Names, Op, Pattern, Plan, Regex, Rule, RuleMeta,
    Scalar, Test, Words, eval,
};
use shikra_matcher::{EventRow, FilterId, Scratch};
use shikra_syntax::Span;

use crate::finding::{EventView, Progress, Totals};
use crate::fold::{Fold, Place, fold};
use crate::plan::Detector;
use crate::scan::ScanOptions;
use crate::view::{computer, event_view};

/// Most hits that are told with what stands around them, and in tables; the others are counted.
pub const MOST_HITS: usize = 1000;
/// Most processes kept to build trees of.
const MOST_PROCESSES: usize = 200_000;
/// Most ancestors and descendants of a tree.
const DEEPEST: usize = 32;
const WIDEST: usize = 200;

/// The rule that a typed text means: `/regex/`, `field=value` and `field=/regex/` with the field's name in any scheme
/// and `*` in the value, else text anywhere in any field. Case does not matter.
///
/// # Errors
/// Where a regular expression cannot be used; in words.
pub fn query(text: &str) -> Result<Rule, String> {
    let (field, wanted) = match text.split_once('=') {
        Some((name, value)) if is_name(name.trim()) => (Some(name.trim()), value.trim()),
        _ => (None, text),
    };
    let words = Words { regex: Flavor::Rust, ..Words::default() };
    let op = match wanted.strip_prefix('/').and_then(|w| w.strip_suffix('/')).filter(|w| !w.is_empty()) {
        Some(source) => {
            let regex = Regex { source: source.into(), multi_line: false, dot_all: false, whole: false };
            eval::check_regex(&regex, &words)?;
            Op::Regex(vec![regex])
        }
        None if field.is_some() => Op::Like(vec![Pattern::of_starred(wanted)]),
        None => Op::Like(vec![Pattern::contains(wanted)]),
    };
    let test = |subject| Expr::Test(Test { subject, op: op.clone(), words, span: Span::default() });
    let expr = match field {
        None => test(Scalar::AnyField),
        Some(name) => {
            let schemes = Names::ALL.iter().filter(|n| **n != Names::Column);
            Expr::or(schemes.map(|n| test(Scalar::field(*n, name))))
        }
    };
    let meta = RuleMeta {
        id: "x-search".into(),
        title: text.into(),
        level: Level::Informational,
        language: "search",
        path: "search".into(),
        ..RuleMeta::default()
    };
    Ok(Rule {
        meta: Arc::new(meta),
        plan: Plan::Filter(Box::new(Plan::Scan(LogSource::any(Names::Raw))), expr),
        reports: true,
        status: LoadStatus::Ok,
        diagnostics: Vec::new(),
    })
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-');
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@')) && text.chars().all(fits)
}

/// What is wanted around hits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// So many events before and after on the same host.
    pub context: usize,
    /// The process tree.
    pub tree: bool,
}

impl Around {
    /// Whether anything is.
    pub fn any(&self) -> bool {
        self.context > 0 || self.tree
    }
}

/// A hit with what stands around it.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The event.
    pub event: Arc<EventView>,
    /// Events of the same host before it, the earliest first.
    pub before: Vec<Arc<EventView>>,
    /// Events of the same host after it.
    pub after: Vec<Arc<EventView>>,
    /// The process that the event tells of, its ancestors before it and its descendants after it.
    pub tree: Vec<Branch>,
}

/// A process of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Steps from the root of the tree.
    pub depth: usize,
    /// Whether it is the one that the hit tells of.
    pub hit: bool,
    /// The process.
    pub process: Arc<Process>,
}

/// A process, as the event of its creation tells.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Process {
    /// Path of its image.
    pub image: String,
    /// Its command line, empty where not told.
    pub command_line: String,
    /// Its account.
    pub user: String,
    /// Its number.
    pub pid: String,
    /// When it was created.
    pub time: Option<Timestamp>,
    /// Where the event stands.
    pub source: Arc<str>,
    /// The event's record number.
    pub record: u64,
    guid: String,
    parent_guid: String,
    parent_pid: String,
    host: String,
}

/// By time, then by place in the input.
type When = (Option<Timestamp>, u64);

/// A hit of the first reading.
struct Found {
    when: When,
    host: String,
    guid: String,
    pid: String,
    event: Arc<EventView>,
}

/// Finds the events that the detector's rules hold for, with what stands around them, in order of the input. Counts
/// those beyond [`MOST_HITS`].
pub fn search(
    detector: &Detector,
    paths: &[PathBuf],
    options: &ScanOptions,
    around: Around,
    progress: &dyn Progress,
) -> (Vec<Hit>, u64, Totals) {
    let first =
        || First { detector, scratch: detector.matcher.scratch(), ids: Vec::new(), hits: Vec::new(), all: 0 };
    let (states, totals) = fold(paths, options, progress, first);
    let all: u64 = states.iter().map(|s| s.all).sum();
    let mut hits: Vec<Found> = states.into_iter().flat_map(|s| s.hits).collect();
    hits.sort_by_key(|h| h.when.1);
    hits.truncate(MOST_HITS);
    hits.sort_by_key(|h| h.when);
    let mut index: HashMap<String, Vec<(When, usize)>> = HashMap::new();
    for (i, hit) in hits.iter().enumerate() {
        index.entry(hit.host.clone()).or_default().push((hit.when, i));
    }
    index.values_mut().for_each(|v| v.sort_unstable());
    let second = || Second { detector, index: &index, around, near: BTreeMap::new(), processes: Vec::new() };
    let beyond = all - hits.len() as u64;
    if hits.is_empty() || totals.cancelled || !around.any() {
        return (hits.into_iter().map(|h| h.alone()).collect(), beyond, totals);
    }
    let (states, again) = fold(paths, options, progress, second);
    let totals = Totals { cancelled: again.cancelled, ..totals };
    let mut near: BTreeMap<usize, Near> = BTreeMap::new();
    let mut processes = Vec::new();
    for state in states {
        processes.extend(state.processes);
        for (hit, theirs) in state.near {
            near.entry(hit).or_default().merge(theirs, around.context);
        }
    }
    processes.sort_by_key(|(order, _)| *order);
    processes.truncate(MOST_PROCESSES);
    let forest = Forest::new(processes.into_iter().map(|(_, p)| Arc::new(p)).collect());
    let told = hits.into_iter().enumerate().map(|(i, found)| {
        let near = near.remove(&i).unwrap_or_default();
        let tree = if around.tree { forest.around(&found) } else { Vec::new() };
        let views = |v: Vec<(When, Arc<EventView>)>| v.into_iter().map(|(_, e)| e).collect();
        Hit { before: views(near.before), after: views(near.after), tree, ..found.alone() }
    });
    (told.collect(), beyond, totals)
}

impl Found {
    fn alone(self) -> Hit {
        Hit { event: self.event, before: Vec::new(), after: Vec::new(), tree: Vec::new() }
    }
}

struct First<'a> {
    detector: &'a Detector,
    scratch: Scratch,
    ids: Vec<FilterId>,
    hits: Vec<Found>,
    all: u64,
}

fn host_of(event: &Event<'_>) -> String {
    computer(event).unwrap_or_default().to_lowercase()
}

fn text(row: &EventRow<'_>, field: &str) -> String {
    let value = eval::Row::field(row, &FieldRef::new(Names::Sigma, field));
    value.elements().iter().find_map(Value::to_text).unwrap_or_default()
}

impl Fold for First<'_> {
    fn event(&mut self, event: &Event<'_>, place: Place<'_>) {
        self.ids.clear();
        self.detector.matcher.run(&mut self.scratch, event, &mut self.ids);
        if self.ids.is_empty() {
            return;
        }
        self.all += 1;
        let row = EventRow { event, taxonomy: self.detector.taxonomy() };
        let either =
            |a: &str, b: &str| Some(text(&row, a)).filter(|t| !t.is_empty()).unwrap_or_else(|| text(&row, b));
        self.hits.push(Found {
            when: (event.time, place.order),
            host: host_of(event),
            guid: either("ProcessGuid", "SourceProcessGuid").to_lowercase(),
            pid: either("ProcessId", "SourceProcessId"),
            event: Arc::new(event_view(event, place.source)),
        });
        if self.hits.len() >= 2 * MOST_HITS {
            self.hits.sort_by_key(|h| h.when.1);
            self.hits.truncate(MOST_HITS);
        }
    }
}

/// The nearest events before and after a hit, each in order of time.
#[derive(Default)]
struct Near {
    before: Vec<(When, Arc<EventView>)>,
    after: Vec<(When, Arc<EventView>)>,
}

impl Near {
    fn merge(&mut self, other: Near, most: usize) {
        self.before.extend(other.before);
        self.before.sort_by_key(|(w, _)| *w);
        self.before.drain(..self.before.len().saturating_sub(most));
        self.after.extend(other.after);
        self.after.sort_by_key(|(w, _)| *w);
        self.after.truncate(most);
    }
}

struct Second<'a> {
    detector: &'a Detector,
    index: &'a HashMap<String, Vec<(When, usize)>>,
    around: Around,
    near: BTreeMap<usize, Near>,
    processes: Vec<(u64, Process)>,
}

impl Fold for Second<'_> {
    fn event(&mut self, event: &Event<'_>, place: Place<'_>) {
        let host = host_of(event);
        let Some(hits) = self.index.get(&host) else { return };
        if self.around.context > 0 {
            self.offer(hits, event, place);
        }
        if self.around.tree && self.processes.len() < 2 * MOST_PROCESSES {
            self.process(event, place, host);
        }
    }
}

impl Second<'_> {
    /// Offers an event to the hits after it, nearest first, until one has nearer ones; then to those before it. What
    /// is too far from one is too far from those beyond.
    fn offer(&mut self, hits: &[(When, usize)], event: &Event<'_>, place: Place<'_>) {
        let (most, when) = (self.around.context, (event.time, place.order));
        let at = hits.partition_point(|(w, _)| *w < when);
        let view = std::cell::OnceCell::new();
        let view = || view.get_or_init(|| Arc::new(event_view(event, place.source))).clone();
        for (_, hit) in hits[at..].iter().filter(|(w, _)| *w != when) {
            let before = &mut self.near.entry(*hit).or_default().before;
            if before.len() >= most && before.first().is_some_and(|(w, _)| *w >= when) {
                break;
            }
            let place = before.partition_point(|(w, _)| *w < when);
            before.insert(place, (when, view()));
            if before.len() > most {
                before.remove(0);
            }
        }
        for (_, hit) in hits[..at].iter().rev() {
            let after = &mut self.near.entry(*hit).or_default().after;
            if after.len() >= most && after.last().is_some_and(|(w, _)| *w <= when) {
                break;
            }
            let place = after.partition_point(|(w, _)| *w < when);
            after.insert(place, (when, view()));
            after.truncate(most);
        }
    }

    fn process(&mut self, event: &Event<'_>, place: Place<'_>, host: String) {
        let (id, shape) = (event.shape.event_id(), event.shape);
        let windows = (id == Some(1) && shape.provider().eq_ignore_ascii_case("Microsoft-Windows-Sysmon"))
            || (id == Some(1)
                && shape.channel().eq_ignore_ascii_case("Microsoft-Windows-Sysmon/Operational"))
            || (id == Some(4688) && shape.channel().eq_ignore_ascii_case("Security"));
        if !windows {
            return;
        }
        let row = EventRow { event, taxonomy: self.detector.taxonomy() };
        let process = Process {
            image: text(&row, "Image"),
            command_line: text(&row, "CommandLine"),
            user: text(&row, "User"),
            pid: text(&row, "ProcessId"),
            time: event.time,
            source: place.source.clone(),
            record: event.record,
            guid: text(&row, "ProcessGuid").to_lowercase(),
            parent_guid: text(&row, "ParentProcessGuid").to_lowercase(),
            parent_pid: text(&row, "ParentProcessId"),
            host,
        };
        self.processes.push((place.order, process));
    }
}

/// Processes with their parents.
struct Forest {
    all: Vec<Arc<Process>>,
    parents: Vec<Option<usize>>,
    children: HashMap<usize, Vec<usize>>,
    by_guid: HashMap<(String, String), usize>,
    /// Those without a GUID, by host and number, in order of time.
    by_pid: HashMap<(String, String), Vec<usize>>,
}

impl Forest {
    fn new(mut all: Vec<Arc<Process>>) -> Forest {
        all.sort_by_key(|p| p.time);
        let mut forest = Forest {
            parents: vec![None; all.len()],
            children: HashMap::new(),
            by_guid: HashMap::new(),
            by_pid: HashMap::new(),
            all,
        };
        for (i, p) in forest.all.iter().enumerate() {
            if p.guid.is_empty() {
                forest.by_pid.entry((p.host.clone(), p.pid.clone())).or_default().push(i);
            } else {
                forest.by_guid.entry((p.host.clone(), p.guid.clone())).or_insert(i);
            }
        }
        for i in 0..forest.all.len() {
            let p = &forest.all[i];
            let parent = match p.guid.is_empty() {
                false => forest.by_guid.get(&(p.host.clone(), p.parent_guid.clone())).copied(),
                true => forest.latest(&p.host, &p.parent_pid, p.time, Some(i)),
            };
            forest.parents[i] = parent.filter(|parent| *parent != i);
        }
        for (i, parent) in forest.parents.iter().enumerate() {
            if let Some(parent) = parent {
                forest.children.entry(*parent).or_default().push(i);
            }
        }
        forest
    }

    /// The process of that number that was created last before a time.
    fn latest(&self, host: &str, pid: &str, time: Option<Timestamp>, but: Option<usize>) -> Option<usize> {
        let all = self.by_pid.get(&(host.to_owned(), pid.to_owned()))?;
        all.iter().rev().find(|i| Some(**i) != but && self.all[**i].time <= time).copied()
    }

    /// The process of a hit with its ancestors and descendants.
    fn around(&self, hit: &Found) -> Vec<Branch> {
        let by_guid = self.by_guid.get(&(hit.host.clone(), hit.guid.clone())).copied();
        let Some(own) = by_guid.or_else(|| self.latest(&hit.host, &hit.pid, hit.when.0, None)) else {
            return Vec::new();
        };
        let mut line = vec![own];
        while let Some(parent) = line.last().and_then(|i| self.parents[*i]) {
            if line.len() >= DEEPEST || line.contains(&parent) {
                break;
            }
            line.push(parent);
        }
        line.reverse();
        let branch = |i: usize, depth| Branch { depth, hit: i == own, process: self.all[i].clone() };
        let mut tree: Vec<Branch> = line.iter().enumerate().map(|(depth, i)| branch(*i, depth)).collect();
        // Descendants, each before its younger siblings.
        let below = |i: usize, depth: usize| {
            let children = self.children.get(&i).map_or(&[][..], Vec::as_slice);
            children.iter().rev().map(move |c| (*c, depth + 1)).collect::<Vec<_>>()
        };
        let mut open = below(own, line.len() - 1);
        let mut seen: std::collections::HashSet<usize> = line.into_iter().collect();
        while let Some((i, depth)) = open.pop() {
            if tree.len() >= WIDEST || depth > 2 * DEEPEST || !seen.insert(i) {
                continue;
            }
            tree.push(branch(i, depth));
            open.extend(below(i, depth));
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::text::plan;

    #[test]
    fn texts_mean_queries() {
        let said = |t: &str| plan(&query(t).unwrap().plan).replace("{rust}", "");
        assert!(said("cmstp /au").contains("any-field like [\"*cmstp /au*\"]"), "{}", said("cmstp /au"));
        assert!(said("/cm.tp/").contains("any-field regex"));
        let field = said("process.name = cm*.exe");
        assert!(
            field.contains("ecs:process.name like [\"cm*.exe\"]") && field.contains("splunk:process.name")
        );
        assert!(said("Image=/cmd|sh/").contains("sigma:Image regex"));
        // No name stands before the sign.
        assert!(said("a b=c").contains("any-field like"));
        assert!(query("/(/").is_err());
    }
}
