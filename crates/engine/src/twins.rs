//! Twin records: where a rule found one act in the records of two sensors, it is one finding with both records.
//!
//! Findings come part by part in the order of the input. Those behind a finding whose twin may still come wait with
//! it, so that order stays; how far two twins may lie apart is told in bytes of findings between them, which is the
//! same for every format and number of threads, and bounds what waits. A twin that lies farther off is a finding of
//! its own.

use std::collections::{BTreeSet, VecDeque};
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use foldhash::quality::RandomState;
use shikra_event::{Event, Timestamp};

use crate::acts::Act;
use crate::baseline::rarest;
use crate::finding::Finding;

/// What becomes of findings of one act in two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Twins {
    /// A finding for each record.
    #[default]
    Keep,
    /// One finding with both records, where both stand in one source: what a file gives does not depend on what is
    /// read beside it.
    Source,
    /// One finding with both records, wherever they stand.
    Merge,
}

impl Twins {
    /// Bytes of findings that may wait, of `memory` bytes in all: within a source twins are near each other, so few
    /// findings need to wait; between sources one may have to wait for the whole of the other.
    pub fn budget(self, memory: usize) -> usize {
        match self {
            Twins::Merge => memory / 2,
            Twins::Keep | Twins::Source => (memory / 2).min(NEAR),
        }
    }
}

/// Bytes of findings that wait within a source: some thousands of them.
const NEAR: usize = 4 << 20;

/// A finding that may have a twin, where it stands in its part.
pub(crate) struct Noted {
    /// Number of the rule.
    pub rule: u32,
    /// What it found: findings of one event share it.
    pub act: Arc<Act>,
    /// Bytes of [`Made::encoded`], or findings of [`Made::findings`].
    pub at: Range<usize>,
    /// Cost of the part's findings before it.
    pub before: u64,
}

/// The findings of a part: as bytes or as data.
#[derive(Default)]
pub(crate) struct Made {
    pub findings: Vec<Finding>,
    pub encoded: Vec<u8>,
    /// Those that may have twins, in order.
    pub noted: Vec<Noted>,
    /// What all findings cost: see [`cost`].
    pub cost: u64,
}

/// About the bytes that a finding of an event takes, alike in every format.
pub(crate) fn cost(event: &Event<'_>) -> u64 {
    512 + event.slots.iter().map(|s| 32 + s.data.len() as u64).sum::<u64>()
}

/// Where findings go once it is known what they are.
pub(crate) trait Teller {
    /// Encoded findings.
    fn encoded(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// One finding.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;
    /// Encoded findings of one rule on both records of an act.
    fn encoded_twins(&mut self, rule: u32, records: [&[u8]; 2]) -> io::Result<()>;
    /// Two findings have become one.
    fn merged(&mut self, rule: u32);
    /// A buffer of encoded findings that is not needed any more.
    fn done(&mut self, _buffer: Vec<u8>) {}
}

/// A finding under one of the ways to identify its act: what another one has to be the same in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Face<'a> {
    rule: u32,
    way: usize,
    /// Which better ways its record has, bit by bit.
    better: u32,
    second: bool,
    key: &'a [u8],
}

impl Noted {
    /// Which ways its record has, bit by bit.
    fn has(&self) -> u32 {
        self.act.ways.iter().zip(0..).map(|(way, n)| u32::from(way.is_some()) << n).sum()
    }

    /// The finding under one way to identify its act.
    fn face(&self, way: usize) -> Option<Face<'_>> {
        let key = self.act.ways.get(way)?.as_deref()?;
        let better = self.has() & ((1 << way) - 1);
        Some(Face { rule: self.rule, way, better, second: self.act.second, key })
    }

    /// The finding under every way.
    fn faces(&self) -> impl Iterator<Item = Face<'_>> {
        (0..self.act.ways.len()).filter_map(|way| self.face(way))
    }
}

/// A finding whose twin may still come, under one of the ways to identify its act, which stays where it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    /// Of its face.
    hash: u64,
    time: Timestamp,
    place: Place,
}

/// Number of a part, and place among those of its findings that may have twins.
type Place = (u64, usize);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its twin may still come.
    Open,
    /// There is none.
    Alone,
    /// The twin stands there.
    First { twin: Place },
    /// Told with its twin before it.
    Second,
}

struct Part {
    made: Made,
    states: Vec<State>,
    open: usize,
}

/// Parts that wait.
struct Parts {
    parts: VecDeque<Part>,
    /// Number of the first.
    first: u64,
}

impl Parts {
    fn get(&self, number: u64) -> Option<&Part> {
        self.parts.get(number.checked_sub(self.first)? as usize)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Part> {
        self.parts.get_mut(number.checked_sub(self.first)? as usize)
    }

    fn noted(&self, place: Place) -> Option<&Noted> {
        self.get(place.0)?.made.noted.get(place.1)
    }

    fn is_open(&self, place: Place) -> bool {
        self.get(place.0).is_some_and(|part| part.states.get(place.1) == Some(&State::Open))
    }
}

/// Findings that wait.
pub(crate) struct Waiting {
    /// Bytes of findings that may lie between twins.
    reach: u64,
    parts: Parts,
    /// Cost of all findings before the present part.
    before: u64,
    /// Findings that are open, once both sensors of some act were seen: before, there is nothing to look for.
    open: BTreeSet<Open>,
    hasher: RandomState,
    /// Whether records of the first and of the second sensor were seen.
    seen: [bool; 2],
    /// Places of findings that were open, in the order of the input, with the cost of all before them.
    ages: VecDeque<(u64, Place)>,
}

impl Waiting {
    /// For twins at most so many bytes of findings apart.
    pub fn new(reach: u64) -> Waiting {
        Waiting {
            reach,
            parts: Parts { parts: VecDeque::new(), first: 0 },
            before: 0,
            open: BTreeSet::new(),
            hasher: RandomState::default(),
            seen: [false; 2],
            ages: VecDeque::new(),
        }
    }

    /// Whether findings without twins may pass, since nothing waits before them.
    pub fn is_idle(&self) -> bool {
        self.parts.parts.is_empty()
    }

    /// Counts findings that pass.
    pub fn passed(&mut self, cost: u64) {
        self.before += cost;
    }

    /// Takes the findings of the next part, and tells all that need not wait any longer.
    pub fn take(&mut self, made: Made, teller: &mut dyn Teller) -> io::Result<()> {
        let number = self.parts.first + self.parts.parts.len() as u64;
        let (count, after) = (made.noted.len(), self.before + made.cost);
        self.parts.parts.push_back(Part { states: Vec::with_capacity(count), open: 0, made });
        for index in 0..count {
            self.place((number, index));
        }
        self.before = after;
        self.expire(after);
        self.release(false, teller)
    }

    /// Tells all that waits: nothing more will come.
    pub fn finish(&mut self, teller: &mut dyn Teller) -> io::Result<()> {
        self.open.clear();
        self.seen = [false; 2];
        self.ages.clear();
        self.release(true, teller)
    }

    /// Finds the twin of a finding of the present part, or has it wait for one.
    fn place(&mut self, place: Place) {
        let Some(noted) = self.parts.noted(place) else { return };
        let (second, at) = (noted.act.second, self.before + noted.before);
        self.expire(at);
        let both = self.see(second);
        let twin = if both { self.parts.noted(place).and_then(|own| self.twin(own)) } else { None };
        let state = match twin {
            Some(twin) => {
                self.settle(twin, State::First { twin: place });
                State::Second
            }
            None => {
                if both {
                    self.open(place);
                }
                self.ages.push_back((at, place));
                State::Open
            }
        };
        if let Some(part) = self.parts.get_mut(place.0) {
            part.open += usize::from(state == State::Open);
            part.states.push(state);
        }
    }

    /// Notes of which sensor a record is; whether both were seen. What was open when the other came is made ready to
    /// be found, so that logs of one sensor, which are most, pay for none of this.
    fn see(&mut self, second: bool) -> bool {
        const BOTH: [bool; 2] = [true; 2];
        if self.seen == BOTH {
            return true;
        }
        self.seen[usize::from(second)] = true;
        if self.seen != BOTH {
            return false;
        }
        let waiting = self.ages.iter().map(|(_, place)| *place);
        let open: Vec<Place> = waiting.filter(|place| self.parts.is_open(*place)).collect();
        open.into_iter().for_each(|place| self.open(place));
        true
    }

    /// Makes a finding ready to be found.
    fn open(&mut self, place: Place) {
        let Some(noted) = self.parts.noted(place) else { return };
        let time = noted.act.time;
        let hashes = noted.faces().map(|face| self.hasher.hash_one(face));
        self.open.extend(hashes.map(|hash| Open { hash, time, place }));
    }

    /// The open finding of the other sensor that is the same in the best way that both records have.
    fn twin(&self, noted: &Noted) -> Option<Place> {
        let (time, within) = (noted.act.time, noted.act.within.unsigned_abs());
        noted.faces().find_map(|own| {
            // Where both had a better way, it would tell them apart.
            let others = (0..1 << own.way).filter(|better| better & own.better == 0);
            let near = others.flat_map(|better| self.near(Face { better, second: !own.second, ..own }, time));
            let within = near.filter(|o| o.time.0.abs_diff(time.0) <= within);
            within.min_by_key(|o| (o.time.0.abs_diff(time.0), o.time, o.place)).map(|o| o.place)
        })
    }

    /// Of the open findings that look like this, the nearest in time before and after; of those at one time the one
    /// that was read first.
    fn near(&self, face: Face<'_>, time: Timestamp) -> impl Iterator<Item = &Open> {
        let hash = self.hasher.hash_one(face);
        let from = |time| Open { hash, time, place: (0, 0) };
        let is = move |o: &&Open| {
            self.parts.noted(o.place).is_some_and(|noted| noted.face(face.way) == Some(face))
        };
        let alike = |o: &&Open| o.hash == hash;
        let after = self.open.range(from(time)..).take_while(alike).find(is);
        let before = self.open.range(..from(time)).rev().take_while(alike).find(is);
        let before = before.and_then(|b| self.open.range(from(b.time)..).take_while(alike).find(is));
        before.into_iter().chain(after)
    }

    /// Gives up on findings that lie too far back.
    fn expire(&mut self, at: u64) {
        while let Some((from, place)) = self.ages.front().copied()
            && from + self.reach < at
        {
            self.ages.pop_front();
            self.settle(place, State::Alone);
        }
    }

    /// An open finding is open no longer.
    fn settle(&mut self, place: Place, state: State) {
        let Some(part) = self.parts.get_mut(place.0) else { return };
        let Some(old) = part.states.get_mut(place.1).filter(|old| **old == State::Open) else { return };
        *old = state;
        part.open -= 1;
        if let Some(noted) = self.parts.noted(place).filter(|_| !self.open.is_empty()) {
            for face in noted.faces() {
                self.open.remove(&Open { hash: self.hasher.hash_one(face), time: noted.act.time, place });
            }
        }
    }

    fn release(&mut self, all: bool, teller: &mut dyn Teller) -> io::Result<()> {
        while self.parts.parts.front().is_some_and(|p| all || p.open == 0) {
            self.tell_first(teller)?;
            if let Some(part) = self.parts.parts.pop_front() {
                teller.done(part.made.encoded);
            }
            self.parts.first += 1;
        }
        Ok(())
    }

    /// Tells the findings of the first part.
    fn tell_first(&self, teller: &mut dyn Teller) -> io::Result<()> {
        let Some(part) = self.parts.parts.front() else { return Ok(()) };
        let mut told = 0;
        for (noted, state) in part.made.noted.iter().zip(&part.states) {
            let State::First { twin } = *state else {
                if *state == State::Second {
                    part.made.tell(told..noted.at.start, teller)?;
                    told = noted.at.end;
                }
                continue;
            };
            part.made.tell(told..noted.at.start, teller)?;
            told = noted.at.end;
            if let (Some(other), Some(at)) = (self.parts.get(twin.0), self.parts.noted(twin)) {
                let mut records = [(&part.made, &noted.at), (&other.made, &at.at)];
                if noted.act.second {
                    records.reverse();
                }
                teller.merged(noted.rule);
                tell_twins(noted.rule, records, teller)?;
            }
        }
        part.made.tell(told..part.made.len(), teller)
    }
}

impl Made {
    /// Bytes or findings.
    pub fn len(&self) -> usize {
        self.encoded.len().max(self.findings.len())
    }

    /// Tells some of them.
    pub fn tell(&self, range: Range<usize>, teller: &mut dyn Teller) -> io::Result<()> {
        if let Some(bytes) = self.encoded.get(range.clone()).filter(|b| !b.is_empty()) {
            return teller.encoded(bytes);
        }
        self.findings.get(range).unwrap_or_default().iter().try_for_each(|f| teller.finding(f))
    }
}

fn tell_twins(rule: u32, records: [(&Made, &Range<usize>); 2], teller: &mut dyn Teller) -> io::Result<()> {
    let bytes = records.map(|(made, at)| made.encoded.get(at.clone()).filter(|b| !b.is_empty()));
    if let [Some(one), Some(other)] = bytes {
        return teller.encoded_twins(rule, [one, other]);
    }
    let [one, other] = records.map(|(made, at)| made.findings.get(at.start));
    match (one, other) {
        (Some(one), Some(other)) => teller.finding(&merged(one, other)),
        _ => Ok(()),
    }
}

/// One finding of both: time and host are those of the first record.
fn merged(one: &Finding, other: &Finding) -> Finding {
    Finding {
        events: one.events.iter().chain(&other.events).cloned().collect(),
        rarity: rarest(one.rarity.iter().chain(&other.rarity).cloned()),
        twins: true,
        ..one.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::EventView;
    use proptest::prelude::*;

    /// A finding as generated; without ways no other sensor records such an act.
    #[derive(Clone, Debug)]
    struct Given {
        rule: u32,
        ways: [Option<u8>; 2],
        second: bool,
        time: i64,
        cost: u64,
    }

    const WITHIN: i64 = 3;

    fn given() -> impl Strategy<Value = Given> {
        let way = || prop::option::weighted(0.6, 0..2u8);
        (0..2u32, [way(), way()], any::<bool>(), 0..12i64, 1..4u64)
            .prop_map(|(rule, ways, second, time, cost)| Given { rule, ways, second, time, cost })
    }

    /// By which way two findings are the same, if they are.
    fn same(a: &Given, b: &Given) -> Option<usize> {
        let shared = (0..2).find(|n| a.ways[*n].is_some() && b.ways[*n].is_some())?;
        let fits = a.ways[shared] == b.ways[shared] && a.second != b.second && a.rule == b.rule;
        fits.then_some(shared)
    }

    /// The obvious way: each finding looks at all before it. Answers the numbers of the events of each finding.
    fn reference(all: &[Given], reach: u64) -> Vec<Vec<usize>> {
        let before: Vec<u64> = (0..all.len()).map(|i| all[..i].iter().map(|g| g.cost).sum()).collect();
        let mut found: Vec<Vec<usize>> = Vec::new();
        for (i, g) in all.iter().enumerate() {
            let twin = |f: &Vec<usize>| {
                let [j] = f.as_slice() else { return None };
                let (way, at) = (same(g, &all[*j])?, all[*j].time);
                let near = (g.time - at).abs() <= WITHIN && before[i] - before[*j] <= reach;
                near.then_some((way, (g.time - at).abs(), at, *j))
            };
            match found.iter().filter_map(twin).min() {
                Some((.., j)) => {
                    let place = found.iter_mut().find(|f| f[0] == j).unwrap();
                    if g.second { place.push(i) } else { place.insert(0, i) }
                }
                None => found.push(vec![i]),
            }
        }
        found
    }

    /// Collects the numbers of the events; encoded findings are lines of numbers.
    #[derive(Default)]
    struct Told {
        findings: Vec<Vec<usize>>,
        merged: usize,
    }

    fn numbers(bytes: &[u8]) -> impl Iterator<Item = usize> {
        str::from_utf8(bytes).unwrap().lines().map(|l| l.parse().unwrap())
    }

    impl Teller for Told {
        fn encoded(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.findings.extend(numbers(bytes).map(|n| vec![n]));
            Ok(())
        }
        fn finding(&mut self, f: &Finding) -> io::Result<()> {
            assert_eq!(f.twins, f.events.len() == 2);
            self.findings.push(f.events.iter().map(|e| e.record as usize).collect());
            Ok(())
        }
        fn encoded_twins(&mut self, _: u32, records: [&[u8]; 2]) -> io::Result<()> {
            self.findings.push(records.into_iter().flat_map(numbers).collect());
            Ok(())
        }
        fn merged(&mut self, _: u32) {
            self.merged += 1;
        }
    }

    fn finding(number: usize) -> Finding {
        let view = EventView {
            source: "".into(),
            record: number as u64,
            time: None,
            provider: "".into(),
            channel: "".into(),
            event_id: None,
            computer: "".into(),
            fields: Vec::new(),
        };
        Finding {
            rule: Arc::default(),
            time: None,
            host: "".into(),
            events: vec![Arc::new(view)],
            row: Vec::new(),
            rarity: None,
            twins: false,
        }
    }

    /// The findings of a part, the first of which has this number.
    fn part(first: usize, all: &[Given], encode: bool) -> Made {
        let mut made = Made::default();
        for (number, g) in (first..).zip(all) {
            let start = made.len();
            match encode {
                true => made.encoded.extend(format!("{number}\n").into_bytes()),
                false => made.findings.push(finding(number)),
            }
            if g.ways != [None, None] {
                let ways = g.ways.map(|way| way.map(|key| Box::from([key]))).into();
                let act = Arc::new(Act { ways, second: g.second, time: Timestamp(g.time), within: WITHIN });
                made.noted.push(Noted { rule: g.rule, act, at: start..made.len(), before: made.cost });
            }
            made.cost += g.cost;
        }
        made
    }

    /// In parts that end after so many findings each.
    fn run(all: &[Given], cuts: &[usize], reach: u64, encode: bool) -> (Told, usize) {
        let (mut told, mut waiting, mut at, mut most) = (Told::default(), Waiting::new(reach), 0, 0);
        for length in cuts.iter().copied().chain([all.len()]) {
            let end = (at + length).min(all.len());
            let made = part(at, &all[at..end], encode);
            if made.noted.is_empty() && waiting.is_idle() {
                waiting.passed(made.cost);
                made.tell(0..made.len(), &mut told).unwrap();
            } else {
                waiting.take(made, &mut told).unwrap();
            }
            most = most.max(waiting.parts.parts.len());
            at = end;
        }
        waiting.finish(&mut told).unwrap();
        (told, most)
    }

    proptest! {
        #[test]
        fn twins_are_those_that_the_obvious_way_finds(
            all in prop::collection::vec(given(), 0..40),
            cuts in prop::collection::vec(0..6usize, 0..12),
            reach in 0..40u64,
            encode: bool,
        ) {
            let want = reference(&all, reach);
            let (told, _) = run(&all, &cuts, reach, encode);
            prop_assert_eq!(&told.findings, &want);
            prop_assert_eq!(told.merged, want.iter().filter(|f| f.len() == 2).count());
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let alone = Given { rule: 0, ways: [Some(0), Some(0)], second: false, time: 0, cost: 10 };
        let all = vec![alone; 1000];
        let (told, most) = run(&all, &[1; 1000], 50, true);
        assert_eq!(told.findings.len(), 1000);
        assert!(most <= 7, "{most}");
    }
}
