//! The report of a scan: columns of findings in chunks, written while they come.
//!
//! Texts (hosts, sources, what was seen) are written once and named by number. A chunk has the columns of some
//! thousand findings; the last block has the totals. The scripts put the chunks together.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use shikra_engine::finding::{Finding, FindingSink, Rarity, Totals};
use shikra_event::Timestamp;
use shikra_ir::RuleMeta;
use shikra_knowledge::versions::tactic;

use super::block::{self, Texts, clipped};
use super::detail::{self, Details};
use super::process::{self, Process};
use super::shell;
use crate::json::{Items, Json, Members};
use crate::{telling, totals};

/// Findings of a chunk.
const CHUNK: usize = 4096;
/// Findings listed; more are only counted.
const LISTED: u64 = 1_000_000;
/// Processes told of; findings beyond have no place in the trees.
const PROCESSES: u32 = 100_000;
/// Characters of a text in a column.
const TEXT: usize = 240;
/// Characters of a description of a rule.
const PROSE: usize = 4000;
/// Cells of a result row.
const CELLS: usize = 100;

/// What a report says of itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Title.
    pub title: String,
    /// Version of the program.
    pub version: &'static str,
    /// What was read, as the user named it.
    pub inputs: Vec<String>,
    /// The baseline that findings were compared with.
    pub baseline: Option<String>,
}

impl About {
    pub(super) fn write(&self, o: &mut Members<'_>) {
        o.key("version").string(self.version);
        o.key("inputs").strings(&self.inputs);
        o.key("baseline").string_or_null(self.baseline.as_deref());
    }
}

/// Writes a report of findings as they come. Memory is bounded by a chunk, a block of events and what is
/// remembered of texts.
pub struct ScanReport {
    out: Box<dyn Write + Send>,
    about: About,
    chunk: Chunk,
    texts: Texts,
    rules: HashMap<usize, (u32, Arc<RuleMeta>)>,
    details: Details,
    processes: Processes,
    listed: u64,
    unlisted: u64,
}

/// Columns of findings that are not written yet.
#[derive(Default)]
struct Chunk {
    rules: Vec<Arc<RuleMeta>>,
    time: Vec<Option<i64>>,
    rule: Vec<u32>,
    host: Vec<u32>,
    what: Vec<u32>,
    source: Vec<u32>,
    record: Vec<u64>,
    process: Vec<Option<u32>>,
    /// Tenths of a bit.
    rarity: Vec<Option<i64>>,
    events: Vec<Vec<u32>>,
    sightings: Vec<Sighting>,
    /// What few findings have, as JSON, by place in the chunk.
    more: Vec<(usize, Vec<u8>)>,
}

/// A process as an event tells of it, by numbers of texts: host, key, parent, image, its parent's, command line, PID.
type Sighting = [u32; 7];

/// Numbers of sightings.
#[derive(Default)]
struct Processes {
    known: HashMap<Sighting, u32>,
}

impl Processes {
    /// The number of a sighting, and whether it is new; none once there are too many.
    fn number(&mut self, sighting: Sighting) -> Option<(u32, bool)> {
        let next = self.known.len() as u32;
        if let Some(n) = self.known.get(&sighting) {
            return Some((*n, false));
        }
        (next < PROCESSES).then(|| {
            self.known.insert(sighting, next);
            (next, true)
        })
    }

    fn full(&self) -> bool {
        self.known.len() as u32 >= PROCESSES
    }
}

impl ScanReport {
    /// Begins a report.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn new(mut out: Box<dyn Write + Send>, about: About) -> io::Result<ScanReport> {
        out.write_all(shell::head("scan", &about.title).as_bytes())?;
        Ok(ScanReport {
            out,
            about,
            chunk: Chunk::default(),
            texts: Texts::default(),
            rules: HashMap::new(),
            details: Details::default(),
            processes: Processes::default(),
            listed: 0,
            unlisted: 0,
        })
    }

    /// Writes the rest, and what the run says at its end.
    ///
    /// # Errors
    /// As [`ScanReport::new`].
    pub fn finish(mut self, totals: &Totals) -> io::Result<()> {
        self.flush()?;
        self.details.flush(&mut *self.out)?;
        let mut json = Vec::new();
        Json::new(&mut json).object(|o| {
            self.about.write(o);
            o.key("totals").raw(totals::to_json(totals).as_bytes());
            o.key("listed").number(self.listed);
            o.key("unlisted").number(self.unlisted);
            o.key("events_left_out").number(self.details.left_out);
            o.key("processes_full").bool(self.processes.full());
        });
        block::write(&mut *self.out, "totals", 0, &json)?;
        self.out.write_all(shell::foot().as_bytes())?;
        self.out.flush()
    }

    fn rule(&mut self, meta: &Arc<RuleMeta>) -> u32 {
        let next = self.rules.len() as u32;
        let entry = self.rules.entry(Arc::as_ptr(meta) as usize).or_insert_with(|| (next, meta.clone()));
        if entry.0 == next {
            self.chunk.rules.push(meta.clone());
        }
        entry.0
    }

    /// The number of the process that a finding is of.
    fn process(&mut self, host: u32, f: &Finding) -> Option<u32> {
        let Process { key, parent, image, parent_image, command_line, pid } =
            f.events.iter().find_map(|e| process::of(e))?;
        let mut number = |text: &str| self.texts.number(&clipped(text, TEXT));
        let sighting = [
            host,
            number(&key),
            number(&parent),
            number(&image),
            number(&parent_image),
            number(&command_line),
            number(&pid),
        ];
        let (number, new) = self.processes.number(sighting)?;
        if new {
            self.chunk.sightings.push(sighting);
        }
        Some(number)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.rule.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        let texts = std::mem::take(&mut self.texts.fresh);
        let mut json = Vec::new();
        Json::new(&mut json).object(|o| chunk.write(&texts, o));
        block::write(&mut *self.out, "findings", 0, &json)
    }
}

impl FindingSink for ScanReport {
    fn finding(&mut self, f: &Finding) -> io::Result<()> {
        if self.listed >= LISTED {
            self.unlisted += 1;
            return Ok(());
        }
        self.listed += 1;
        let rule = self.rule(&f.rule);
        let host = self.texts.number(&clipped(&f.host, TEXT));
        let process = self.process(host, f);
        let events = self.details.add(rule, &f.events, &mut *self.out)?;
        let first = f.events.first();
        let chunk = &mut self.chunk;
        chunk.time.push(f.time.map(milliseconds));
        chunk.rule.push(rule);
        chunk.host.push(host);
        chunk.what.push(self.texts.number(&brief(&telling::details(f))));
        chunk.source.push(self.texts.number(first.map_or("", |e| &e.source)));
        chunk.record.push(first.map_or(0, |e| e.record));
        chunk.process.push(process);
        chunk.rarity.push(f.rarity.as_ref().map(|r| (r.score * 10.0).round() as i64));
        chunk.events.push(events);
        if f.events.len() != 1 || !f.row.is_empty() || f.rarity.is_some() {
            let mut json = Vec::new();
            Json::new(&mut json).object(|o| write_more(f, o));
            chunk.more.push((chunk.rule.len() - 1, json));
        }
        if self.chunk.rule.len() >= CHUNK { self.flush() } else { Ok(()) }
    }
}

/// A text for one line of a table: its event says the whole.
fn brief(text: &str) -> Cow<'_, str> {
    match block::cut(text, TEXT) {
        (whole, 0) => whole.into(),
        (kept, _) => format!("{kept}…").into(),
    }
}

fn milliseconds(t: Timestamp) -> i64 {
    t.0.div_euclid(1_000_000)
}

/// What a finding has beside its columns.
fn write_more(f: &Finding, o: &mut Members<'_>) {
    o.key("events").number(f.events.len() as u64);
    if !f.row.is_empty() {
        o.key("row").array(|a| {
            for (name, value) in f.row.iter().take(CELLS) {
                a.item().strings(&[clipped(name, TEXT).as_ref(), detail::text(value).as_str()]);
            }
        });
    }
    if let Some(Rarity { new, seen, .. }) = &f.rarity {
        let new: Vec<_> = new.iter().take(CELLS).map(|n| clipped(n, TEXT)).collect();
        o.key("new").strings(&new);
        o.key("seen").array(|a| {
            for n in seen.iter().flat_map(|(events, hosts)| [*events, *hosts]) {
                a.item().number(n);
            }
        });
    }
}

impl Chunk {
    fn write(&self, texts: &[Box<str>], o: &mut Members<'_>) {
        o.key("texts").strings(texts);
        o.key("rules").array(|a| self.rules.iter().for_each(|r| a.item().object(|o| write_rule(r, o))));
        o.key("processes").array(|a| {
            self.sightings
                .iter()
                .for_each(|s| a.item().array(|a| s.iter().for_each(|n| a.item().number(*n))));
        });
        o.key("time").array(|a| self.times(a));
        let mut column = |name: &str, numbers: &[u32]| {
            o.key(name).array(|a| numbers.iter().for_each(|n| a.item().number(*n)));
        };
        column("rule", &self.rule);
        column("host", &self.host);
        column("what", &self.what);
        column("source", &self.source);
        o.key("record").array(|a| self.record.iter().for_each(|n| a.item().number(*n)));
        let of = |n: Option<i64>| n.unwrap_or(-1);
        o.key("process").array(|a| {
            self.process.iter().for_each(|n| a.item().number(of(n.map(i64::from))));
        });
        if self.rarity.iter().any(Option::is_some) {
            o.key("rarity").array(|a| self.rarity.iter().for_each(|n| a.item().number(of(*n))));
        }
        o.key("events").array(|a| self.events.iter().for_each(|e| write_numbers(e, a)));
        o.key("more").object(|o| self.more.iter().for_each(|(at, json)| o.key(&at.to_string()).raw(json)));
    }

    /// Milliseconds, each as the distance from the one before.
    fn times(&self, a: &mut Items<'_>) {
        let mut before = 0;
        for time in &self.time {
            match time {
                None => a.item().null(),
                Some(t) => {
                    a.item().number(*t - before);
                    before = *t;
                }
            }
        }
    }
}

/// One event by its number, several as a list, none as −1.
fn write_numbers(events: &[u32], a: &mut Items<'_>) {
    match events {
        [] => a.item().number(-1),
        [one] => a.item().number(*one),
        many => a.item().array(|a| many.iter().for_each(|n| a.item().number(*n))),
    }
}

fn write_rule(r: &RuleMeta, o: &mut Members<'_>) {
    o.key("id").string(&clipped(&r.id, TEXT));
    o.key("title").string(&clipped(&r.title, TEXT));
    o.key("language").string(r.language);
    o.key("level").string(r.level.as_str());
    o.key("path").string(&clipped(&r.path, PROSE));
    o.key("techniques").strings(&r.techniques());
    o.key("tactics").strings(&tactics(r));
    o.key("description").string_or_null(r.description.as_deref().map(|d| clipped(d, PROSE)).as_deref());
    let prose =
        |all: &[String]| all.iter().take(CELLS).map(|t| clipped(t, PROSE).into_owned()).collect::<Vec<_>>();
    o.key("false_positives").strings(&prose(&r.false_positives));
    o.key("references").strings(&prose(&r.references));
}

/// Names of the tactics that the tags of a rule name.
fn tactics(r: &RuleMeta) -> Vec<&'static str> {
    let mut out: Vec<&str> = Vec::new();
    for tag in &r.tags {
        let short = tag.strip_prefix("attack.").map(|t| t.replace('_', "-"));
        if let Some((_, name)) = short.and_then(|s| tactic(&s)).filter(|(_, name)| !out.contains(name)) {
            out.push(name);
        }
    }
    out
}
