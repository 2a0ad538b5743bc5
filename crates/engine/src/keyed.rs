//! Keyed rules on the survivors of a scan.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use shikra_baseline::{Baseline, Observer};
use shikra_event::{Timestamp, Value};
use shikra_relational::DataFusion;
use shikra_rows::outside::Room;
use shikra_rows::{Input, Limits, Machine, Match};

use crate::baseline::{rarest, rarity};
use crate::finding::Finding;
use crate::plan::{Detector, Keyed};
use crate::survivors::{Survivor, Survivors};
use crate::view::event_view;

/// Runs all keyed rules and tells `sink` their findings in order of time, then of rule; answers what limits were
/// reached. `memory`: bytes for rows that wait for relational operators; beyond it they go to temporary files.
pub(crate) fn run(
    detector: &Detector,
    survivors: &mut Survivors,
    memory: usize,
    baseline: Option<&Baseline>,
    sink: &mut dyn FnMut(Finding) -> io::Result<()>,
) -> io::Result<Vec<String>> {
    if detector.keyed.is_empty() {
        return Ok(vec![]);
    }
    let room = Room::new(memory, Arc::new(DataFusion::new(memory)?));
    let mut lanes = Lanes::new(detector, &room, survivors.met().to_vec());
    survivors.for_each(|s| lanes.take(s))?;
    let (mut all, limits) = lanes.finish()?;
    all.sort_by_key(|(time, number, _)| (*time, *number));
    let mut judge = baseline.map(|b| (b, Observer::new(detector.taxonomy.clone())));
    for (_, number, m) in all {
        sink(finding(detector, number, m, survivors, judge.as_mut())?)?;
    }
    Ok(limits)
}

/// A match with its place in time and the number of its program.
type Found = (Option<Timestamp>, usize, Match);

/// Runs programs lane by lane: only those of one lane hold state at a time.
struct Lanes<'a> {
    detector: &'a Detector,
    room: &'a Room,
    /// Programs that have survivors of their own: to the others nothing can come.
    met: Vec<bool>,
    lane: Option<u32>,
    /// The programs of the lane.
    running: BTreeMap<u32, (Machine, Vec<Match>)>,
    /// Survivors of the present event.
    event: Vec<Survivor>,
    done: Vec<bool>,
    found: Vec<Found>,
    limits: Vec<(usize, String)>,
}

impl<'a> Lanes<'a> {
    fn new(detector: &'a Detector, room: &'a Room, met: Vec<bool>) -> Self {
        Lanes {
            detector,
            room,
            met,
            lane: None,
            running: BTreeMap::new(),
            event: Vec::new(),
            done: vec![false; detector.keyed.len()],
            found: Vec::new(),
            limits: Vec::new(),
        }
    }

    fn take(&mut self, survivor: Survivor) -> io::Result<()> {
        let lane = survivor.stream.lane;
        let is_same = |s: &Survivor| s.order == survivor.order && s.stream.lane == lane;
        if !self.event.last().is_some_and(is_same) {
            self.push();
        }
        if self.lane != Some(lane) {
            self.close()?;
            self.lane = Some(lane);
        }
        self.event.push(survivor);
        Ok(())
    }

    /// Hands the survivors of one event to the programs.
    fn push(&mut self) {
        let mut inputs: BTreeMap<u32, Input> = BTreeMap::new();
        for s in self.event.drain(..) {
            let order = ((s.order >> 32) as u32, s.order & u64::from(u32::MAX));
            let new = |handle| Input { time: Some(s.time), order, handle, hits: Vec::new() };
            match self.detector.sharing(s.stream) {
                None => {
                    let input = inputs.entry(s.stream.number).or_insert_with(|| new(s.event));
                    input.handle = s.event;
                    input.hits.extend(s.hits);
                }
                Some(users) => {
                    let Some((_, values)) = s.hits.into_iter().next() else { continue };
                    for &(program, leaf) in users {
                        if self.met.get(program as usize).copied().unwrap_or(false) {
                            let input = inputs.entry(program).or_insert_with(|| new(s.event));
                            input.hits.push((leaf as usize, values.clone()));
                        }
                    }
                }
            }
        }
        for (number, mut input) in inputs {
            let Some(keyed) = self.detector.keyed.get(number as usize) else { continue };
            input.hits.sort_by_key(|(leaf, _)| *leaf);
            let new = || (machine(keyed, self.room), Vec::new());
            let (machine, matches) = self.running.entry(number).or_insert_with(new);
            machine.push(input, matches);
        }
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
        if machine.stats().degraded() {
            let title = &self.detector.rules[self.detector.keyed[number].rule as usize].meta.title;
            self.limits.push((number, format!("rule {title:?}: {:?}", machine.stats())));
        }
        // A rule's own order stays (it may have sorted): a match stands no earlier than the one before it.
        let mut latest = None;
        for m in matches.into_iter().filter(tells) {
            latest = latest.max(Some(m.time));
            self.found.push((latest, number, m));
        }
        self.done[number] = true;
        Ok(())
    }

    /// All matches, by program, and what limits were reached.
    fn finish(mut self) -> io::Result<(Vec<Found>, Vec<String>)> {
        self.push();
        self.close()?;
        // What has seen nothing may still have something to tell: a table has rows.
        for (number, keyed) in self.detector.keyed.iter().enumerate() {
            if !self.done[number] {
                self.end(number, machine(keyed, self.room), Vec::new())?;
            }
        }
        self.limits.sort();
        Ok((self.found, self.limits.into_iter().map(|(_, text)| text).collect()))
    }
}

fn machine(keyed: &Keyed, room: &Room) -> Machine {
    Machine::within(&keyed.program, Limits::default(), Some(room))
}

/// Whether a match tells of anything: a group without keys is there even where it is empty.
fn tells(m: &Match) -> bool {
    let nothing = |v: &Value| v.elements().iter().all(|v| v.is_null() || *v == Value::I64(0));
    !m.events.is_empty() || m.keys.iter().chain(&m.columns).any(|(_, v)| !nothing(v))
}

fn finding(
    detector: &Detector,
    number: usize,
    matched: Match,
    survivors: &Survivors,
    mut judge: Option<&mut (&Baseline, Observer)>,
) -> io::Result<Finding> {
    let keyed = &detector.keyed[number];
    let (mut events, mut rarities) = (Vec::new(), Vec::new());
    for handle in matched.events.iter().filter_map(|e| e.event) {
        let (source, event) = survivors.event(handle)?;
        events.push(Arc::new(event.with(|e| event_view(e, &source))));
        if let Some((baseline, observer)) = judge.as_deref_mut() {
            rarities.extend(event.with(|e| rarity(baseline, observer, e)));
        }
    }
    Ok(Finding {
        rule: detector.rules[keyed.rule as usize].meta.clone(),
        time: events.iter().filter_map(|e| e.time).max(),
        host: events.first().map_or_else(|| Arc::from(""), |e| e.computer.clone()),
        events,
        rarity: rarest(rarities),
        row: matched.keys.into_iter().chain(matched.columns).collect(),
    })
}
