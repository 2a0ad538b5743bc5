//! Twin records: where a rule found one act in the records of two sensors, it is one finding with both records.
//!
//! Findings come part by part in the order of the input. Those behind a finding whose twin may still come wait with
//! it, so that order stays; how far two twins may lie apart is told in bytes of findings between them, which is the
//! same for every format and number of threads, and bounds what waits. A twin that lies farther off is a finding of
//! its own.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::Arc;

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
    /// What it found.
    pub act: Act,
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
}

/// A finding whose twin may still come, under one of the ways to identify its act.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    rule: u32,
    way: usize,
    /// Which better ways its record has, bit by bit.
    better: u32,
    key: Arc<[u8]>,
    second: bool,
    time: Timestamp,
    place: Place,
}

/// Number of a part, and place among those of its findings that may have twins.
type Place = (u64, usize);

/// A finding under every way to identify its act.
fn opens(rule: u32, act: &Act, place: Place) -> impl Iterator<Item = Open> {
    let has = act.ways.iter().zip(0..).map(|(way, n)| u32::from(way.is_some()) << n).sum::<u32>();
    act.ways.iter().enumerate().filter_map(move |(way, key)| {
        let better = has & ((1 << way) - 1);
        Some(Open { rule, way, better, key: key.clone()?, second: act.second, time: act.time, place })
    })
}

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

/// Findings that wait.
pub(crate) struct Waiting {
    /// Bytes of findings that may lie between twins.
    reach: u64,
    parts: VecDeque<Part>,
    /// Number of the first part that waits.
    first: u64,
    /// Cost of all findings before the present part.
    before: u64,
    /// Findings that are open, once both sensors of some act were seen: before, there is nothing to look for.
    open: BTreeSet<Open>,
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
            parts: VecDeque::new(),
            first: 0,
            before: 0,
            open: BTreeSet::new(),
            seen: [false; 2],
            ages: VecDeque::new(),
        }
    }

    /// Whether findings without twins may pass, since nothing waits before them.
    pub fn is_idle(&self) -> bool {
        self.parts.is_empty()
    }

    /// Counts findings that pass.
    pub fn passed(&mut self, cost: u64) {
        self.before += cost;
    }

    /// Takes the findings of the next part, and tells all that need not wait any longer.
    pub fn take(&mut self, made: Made, teller: &mut dyn Teller) -> io::Result<()> {
        let number = self.first + self.parts.len() as u64;
        let after = self.before + made.cost;
        let acts: Vec<_> = made.noted.iter().map(|n| (n.rule, n.act.clone(), n.before)).collect();
        self.parts.push_back(Part { states: Vec::with_capacity(acts.len()), open: 0, made });
        for (index, (rule, act, before)) in acts.into_iter().enumerate() {
            self.place(rule, &act, self.before + before, (number, index));
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

    /// Finds the twin of a finding, or has it wait for one.
    fn place(&mut self, rule: u32, act: &Act, at: u64, place: Place) {
        self.expire(at);
        let both = self.see(act.second);
        let twin = if both { self.twin(rule, act, place) } else { None };
        let state = match twin {
            Some(twin) => {
                self.settle(twin, State::First { twin: place });
                State::Second
            }
            None => {
                if both {
                    self.open.extend(opens(rule, act, place));
                }
                self.ages.push_back((at, place));
                State::Open
            }
        };
        if let Some(part) = self.parts.back_mut() {
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
        let open = self.ages.iter().filter_map(|(_, place)| {
            let (part, noted) = self.waits(*place)?;
            let is_open = part.states.get(place.1) == Some(&State::Open);
            is_open.then(|| opens(noted.rule, &noted.act, *place))
        });
        let open: Vec<Open> = open.flatten().collect();
        self.open.extend(open);
        true
    }

    /// The finding that waits at a place, and its part.
    fn waits(&self, place: Place) -> Option<(&Part, &Noted)> {
        let part = self.parts.get(place.0.checked_sub(self.first)? as usize)?;
        Some((part, part.made.noted.get(place.1)?))
    }

    /// The open finding of the other sensor that is the same in the best way that both records have.
    fn twin(&self, rule: u32, act: &Act, place: Place) -> Option<Place> {
        opens(rule, act, place).find_map(|own| {
            // Where both had a better way, it would tell them apart.
            let others = (0..1 << own.way).filter(|better| better & own.better == 0);
            let near =
                others.flat_map(|better| self.near(Open { better, second: !own.second, ..own.clone() }));
            let within = near.filter(|o| o.time.0.abs_diff(own.time.0) <= act.within.unsigned_abs());
            within.min_by_key(|o| (o.time.0.abs_diff(own.time.0), o.time, o.place)).map(|o| o.place)
        })
    }

    /// Of the findings that differ in time and place only, the nearest in time before and after; of those at one time
    /// the one that was read first.
    fn near(&self, own: Open) -> impl Iterator<Item = &Open> {
        let same = |o: &&Open| {
            (o.rule, o.way, o.better, o.second) == (own.rule, own.way, own.better, own.second)
                && o.key == own.key
        };
        let at = |time| Open { time, place: (0, 0), ..own.clone() };
        let after = self.open.range(at(own.time)..).next().filter(same);
        let before = self.open.range(..at(own.time)).next_back().filter(same);
        let before = before.and_then(|b| self.open.range(at(b.time)..).next());
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
        let part = place.0.checked_sub(self.first).and_then(|n| self.parts.get_mut(n as usize));
        let Some(part) = part else { return };
        let noted = part.made.noted.get(place.1);
        if let (Some(old), Some(noted)) = (part.states.get_mut(place.1), noted)
            && *old == State::Open
        {
            *old = state;
            part.open -= 1;
            if self.open.is_empty() {
                return;
            }
            for open in opens(noted.rule, &noted.act, place) {
                self.open.remove(&open);
            }
        }
    }

    fn release(&mut self, all: bool, teller: &mut dyn Teller) -> io::Result<()> {
        while self.parts.front().is_some_and(|p| all || p.open == 0) {
            self.tell_first(teller)?;
            self.parts.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    /// Tells the findings of the first part.
    fn tell_first(&self, teller: &mut dyn Teller) -> io::Result<()> {
        let Some(part) = self.parts.front() else { return Ok(()) };
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
            if let Some((other, at)) = self.waits(twin) {
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
                let ways = g.ways.map(|way| way.map(|key| Arc::from([key]))).into();
                let act = Act { ways, second: g.second, time: Timestamp(g.time), within: WITHIN };
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
            most = most.max(waiting.parts.len());
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
