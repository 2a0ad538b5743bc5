//! Keyed rules on the survivors of a scan.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use shikra_baseline::{Baseline, Observer};
use shikra_event::{Timestamp, Value};
use shikra_ir::{Level, RuleMeta};
use shikra_matcher::Seen;
use shikra_relational::DataFusion;
use shikra_rows::outside::Room;
use shikra_rows::{Input, Limits, Machine, Match, Stats};

use crate::baseline::{rarest, rarity};
use crate::finding::{Encoder, Finding};
use crate::folded::{self, Fed};
use crate::kept::{Kept, Pages};
use crate::plan::{Detector, Keyed};
use crate::scan::ScanOptions;
use crate::survivors::{Survivor, values};
use crate::view::Views;

/// What is handed on to programs takes this part of the room for events that are kept: it is few bytes of each, and
/// the events are still there.
const HANDED_ON: usize = 8;

/// Rules that are named for the events they took.
const BUSIEST: usize = 10;

/// What there is to tell of keyed rules beside their findings.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Limits that were reached.
    pub limits: Vec<String>,
    /// The rules that took most events, by title, with their number.
    pub busiest: Vec<(String, u64)>,
}

/// A finding on its way to the sink.
pub(crate) enum Telling<'a> {
    Whole(&'a Finding),
    /// As the sink's encoder writes it, piece by piece: one finding may be of all events there are.
    Encoded(&'a mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>),
}

/// Runs the keyed rules that can find something on the `kept` events and tells `sink` their findings in order of
/// time, then of rule, as the `encoder` writes them, if there is one.
pub(crate) fn run(
    detector: &Detector,
    kept: &Kept,
    seen: &Seen,
    options: &ScanOptions,
    mut encoder: Option<Box<dyn Encoder>>,
    sink: &mut dyn FnMut(Level, Telling<'_>) -> io::Result<()>,
) -> io::Result<Told> {
    if detector.keyed.is_empty() {
        return Ok(Told::default());
    }
    // What comes now works on what was kept, and needs the room.
    detector.matcher.forget();
    let awake = detector.awake(seen);
    let memory = options.row_budget;
    let Fed { folded, mut survivors, shared } =
        folded::feed(detector, kept, &awake, memory, options.survivor_budget / HANDED_ON)?;
    let mut others = awake;
    for number in folded.programs() {
        others[number] = false;
    }
    let room = Room::new(memory, Arc::new(DataFusion::new(memory)?));
    let mut lanes = Lanes::new(detector, &room, others);
    let (mut views, mut pages) = (Views::default(), kept.pages());
    folded.finish(&mut kept.times(), |number, taken, matches, lost| {
        lanes.taken[number] = taken;
        lanes.ended(number, &Stats { events_dropped: lost, ..Stats::default() }, matches);
    })?;
    survivors.for_each(&mut |s, read| lanes.take(s, values(read, &shared)?))?;
    drop((survivors, shared));
    let (mut all, told) = lanes.finish()?;
    all.sort_by_key(|(time, number, _)| (*time, *number));
    let mut judge = options.baseline.as_deref().map(|b| (b, Observer::new(detector.taxonomy.clone())));
    for (_, number, m) in all {
        let rule = &detector.rules[detector.keyed[number].rule as usize].meta;
        if rule.level < options.level {
            continue;
        }
        if let Some(encoder) = &mut encoder {
            members(&m, &mut pages, &mut **encoder)?;
            let row = row(m);
            sink(rule.level, Telling::Encoded(&mut |out| encoder.group(rule, &row, out)))?;
        } else {
            let finding = finding(rule, m, &mut pages, &mut views, judge.as_mut())?;
            sink(rule.level, Telling::Whole(&finding))?;
        }
    }
    Ok(told)
}

/// A match with its place in time and the number of its program.
type Found = (Option<Timestamp>, usize, Match);

/// Runs programs lane by lane: only those of one lane hold state at a time.
struct Lanes<'a> {
    detector: &'a Detector,
    room: &'a Room,
    /// Programs that can find something: the others are given nothing.
    awake: Vec<bool>,
    lane: Option<u32>,
    /// The programs of the lane.
    running: BTreeMap<u32, (Machine, Vec<Match>)>,
    /// Survivors of the present event, with what was read of them.
    event: Vec<(Survivor, Vec<Value>)>,
    /// For whom they are, while they are handed on.
    hits: Vec<Hit>,
    done: Vec<bool>,
    found: Vec<Found>,
    limits: Vec<(usize, String)>,
    /// Events that each program took.
    taken: Vec<u64>,
}

/// A survivor of the present event that is for a program.
struct Hit {
    program: u32,
    leaf: u32,
    /// Which of the survivors.
    at: usize,
    /// Others have it as well.
    shared: bool,
}

impl<'a> Lanes<'a> {
    fn new(detector: &'a Detector, room: &'a Room, awake: Vec<bool>) -> Self {
        Lanes {
            detector,
            room,
            awake,
            lane: None,
            running: BTreeMap::new(),
            event: Vec::new(),
            hits: Vec::new(),
            done: vec![false; detector.keyed.len()],
            found: Vec::new(),
            limits: Vec::new(),
            taken: vec![0; detector.keyed.len()],
        }
    }

    fn take(&mut self, survivor: Survivor, values: Vec<Value>) -> io::Result<()> {
        let lane = survivor.stream.lane;
        let is_same = |(s, _): &(Survivor, _)| s.order == survivor.order && s.stream.lane == lane;
        if !self.event.last().is_some_and(is_same) {
            self.push();
        }
        if self.lane != Some(lane) {
            self.close()?;
            self.lane = Some(lane);
        }
        self.event.push((survivor, values));
        Ok(())
    }

    /// Hands the survivors of one event to the programs.
    fn push(&mut self) {
        let mut event = std::mem::take(&mut self.event);
        let mut hits = std::mem::take(&mut self.hits);
        for (at, (s, _)) in event.iter().enumerate() {
            match self.detector.sharing(s.stream) {
                None => hits.push(Hit { program: s.stream.number, leaf: s.leaf, at, shared: false }),
                Some(users) => {
                    let awake = |p: u32| self.awake.get(p as usize).copied().unwrap_or(false);
                    let users = users.iter().filter(|(program, _)| awake(*program));
                    hits.extend(users.map(|&(program, leaf)| Hit { program, leaf, at, shared: true }));
                }
            }
        }
        hits.sort_by_key(|h| (h.program, h.leaf));
        hits.chunk_by(|a, b| a.program == b.program).for_each(|hits| self.hand_on(hits, &mut event));
        event.clear();
        hits.clear();
        (self.event, self.hits) = (event, hits);
    }

    /// Hands an event to a program.
    fn hand_on(&mut self, hits: &[Hit], event: &mut [(Survivor, Vec<Value>)]) {
        let Some(first) = hits.first() else { return };
        let (number, Some((survivor, _))) = (first.program, event.get(first.at)) else { return };
        let survivor = *survivor;
        let Some(keyed) = self.detector.keyed.get(number as usize) else { return };
        self.taken.get_mut(number as usize).into_iter().for_each(|n| *n += 1);
        let new = || (machine(keyed, self.room), Vec::new());
        let (machine, matches) = self.running.entry(number).or_insert_with(new);
        // What is shared tells who is whose child.
        if hits.iter().all(|h| h.shared) && machine.is_idle() {
            return machine.pass_by(survivor.time);
        }
        let read = |h: &Hit| {
            let values = event.get_mut(h.at).map(|(_, values)| values);
            let values = values.map(|v| if h.shared { v.clone() } else { std::mem::take(v) });
            (h.leaf as usize, values.unwrap_or_default())
        };
        let hits = hits.iter().map(read).collect();
        let order = ((survivor.order >> 32) as u32, survivor.order & u64::from(u32::MAX));
        machine.push(Input { time: Some(survivor.time), order, handle: survivor.event, hits }, matches);
    }

    /// The lane ends.
    fn close(&mut self) -> io::Result<()> {
        for (number, (machine, matches)) in std::mem::take(&mut self.running) {
            self.end(number as usize, machine, matches)?;
        }
        Ok(())
    }

    fn end(&mut self, number: usize, mut machine: Machine, mut matches: Vec<Match>) -> io::Result<()> {
        machine.finish(&mut matches)?;
        self.ended(number, &machine.stats(), matches);
        Ok(())
    }

    /// A program has told all that it has to tell.
    fn ended(&mut self, number: usize, stats: &Stats, matches: Vec<Match>) {
        let unlisted = matches.iter().map(|m| m.lost).sum();
        let early = matches.iter().filter(|m| m.early && tells(m)).count() as u64;
        if let Some(lost) = lost_in_words(stats, unlisted, early) {
            let title = &self.detector.rules[self.detector.keyed[number].rule as usize].meta.title;
            self.limits.push((number, format!("rule {title:?}: {lost}")));
        }
        // A rule's own order stays (it may have sorted): a match stands no earlier than the one before it.
        let mut latest = None;
        for m in matches.into_iter().filter(tells) {
            latest = latest.max(Some(m.time));
            self.found.push((latest, number, m));
        }
        self.done[number] = true;
    }

    /// All matches, by program, and the rest of what is told.
    fn finish(mut self) -> io::Result<(Vec<Found>, Told)> {
        self.push();
        self.close()?;
        // What has seen nothing may still have something to tell: a table has rows.
        for (number, keyed) in self.detector.keyed.iter().enumerate() {
            if !self.done[number] && !keyed.program.is_silent() {
                self.end(number, machine(keyed, self.room), Vec::new())?;
            }
        }
        self.limits.sort();
        let title = |(number, n): (usize, u64)| {
            (self.detector.rules[self.detector.keyed[number].rule as usize].meta.title.clone(), n)
        };
        let mut busiest: Vec<(usize, u64)> =
            self.taken.into_iter().enumerate().filter(|(_, n)| *n > 0).collect();
        busiest.sort_by_key(|(number, n)| (std::cmp::Reverse(*n), *number));
        busiest.truncate(BUSIEST);
        let busiest = busiest.into_iter().map(title).collect();
        Ok((self.found, Told { limits: self.limits.into_iter().map(|(_, text)| text).collect(), busiest }))
    }
}

/// What a machine had to let go, if anything; `unlisted`: events of its matches that these do not list; `early`: matches
/// whose time the input did not reach.
fn lost_in_words(stats: &Stats, unlisted: u64, early: u64) -> Option<String> {
    let lost = [
        (stats.late, "events out of order left out"),
        (stats.keys_evicted, "keys forgotten, with the matches they had begun"),
        (stats.events_dropped, "events dropped while they could still have mattered"),
        (stats.values_dropped, "distinct values not counted"),
        (stats.keys_cut, "keys of events with many left out"),
        (stats.samples_cut, "keys whose samples were not all looked for"),
        (unlisted, "events of matches not listed"),
        (early, "findings of something that did not come, though the logs end before its time was over"),
    ];
    let lost: Vec<String> =
        lost.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!lost.is_empty()).then(|| lost.join(", "))
}

fn machine(keyed: &Keyed, room: &Room) -> Machine {
    Machine::within(&keyed.program, Limits::default(), Some(room))
}

/// Whether a match tells of anything: a group without keys is there even where it is empty.
fn tells(m: &Match) -> bool {
    let nothing = |v: &Value| v.elements().iter().all(|v| v.is_null() || *v == Value::I64(0));
    !m.events.is_empty() || m.keys.iter().chain(&m.columns).any(|(_, v)| !nothing(v))
}

/// Shows an encoder the events of a finding, straight from the kept ones.
fn members(matched: &Match, pages: &mut Pages<'_>, encoder: &mut dyn Encoder) -> io::Result<()> {
    for handle in matched.events.iter().filter_map(|e| e.event) {
        pages.show(handle, |event, source| {
            encoder.event(event, source);
            encoder.member();
        })?;
    }
    Ok(())
}

/// Keys, then columns.
fn row(matched: Match) -> Vec<(Arc<str>, Value)> {
    matched.keys.into_iter().chain(matched.columns).collect()
}

fn finding(
    rule: &Arc<RuleMeta>,
    matched: Match,
    pages: &mut Pages<'_>,
    views: &mut Views,
    mut judge: Option<&mut (&Baseline, Observer)>,
) -> io::Result<Finding> {
    let (mut events, mut rarities) = (Vec::new(), Vec::new());
    for handle in matched.events.iter().filter_map(|e| e.event) {
        pages.show(handle, |event, source| {
            events.push(Arc::new(views.view(event, source)));
            if let Some((baseline, observer)) = judge.as_deref_mut() {
                rarities.extend(rarity(baseline, observer, event));
            }
        })?;
    }
    Ok(Finding {
        rule: rule.clone(),
        time: events.iter().filter_map(|e| e.time).max(),
        host: events.first().map_or_else(|| Arc::from(""), |e| e.computer.clone()),
        events,
        rarity: rarest(rarities),
        twins: false,
        row: row(matched),
    })
}
