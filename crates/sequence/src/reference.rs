//! What the operators mean, said slowly and obviously: every answer is worked out anew from the whole list of
//! events. The machines are tested against it; nothing else uses it.
//!
//! Each function sees the events of one key, in order of time.

use shikra_ir::{CmpOp, Condition, Duration, Seq, Set, Truth};

/// An event of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Nanoseconds.
    pub time: i64,
    /// What it is known by. Grows along the list.
    pub handle: u64,
    /// The stages or members whose filter it passed; the `until` comes after the last of them.
    pub ports: Vec<usize>,
    /// A value to aggregate.
    pub value: Option<i64>,
}

/// A match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// When it became known.
    pub time: i64,
    /// Stage and event; none for an absent stage.
    pub events: Vec<(u32, Option<u64>)>,
}

/// What is aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Measure {
    Count,
    Distinct,
    Sum,
    Max,
    Min,
    Avg,
}

impl Measure {
    fn of(self, events: &[Seen]) -> Option<f64> {
        let values: Vec<i64> = events.iter().filter_map(|e| e.value).collect();
        let sum = values.iter().sum::<i64>() as f64;
        Some(match self {
            Measure::Count => events.len() as f64,
            Measure::Distinct => {
                values.iter().enumerate().filter(|(i, v)| !values[..*i].contains(v)).count() as f64
            }
            _ if values.is_empty() => return None,
            Measure::Sum => sum,
            Measure::Avg => sum / values.len() as f64,
            Measure::Max => values.iter().copied().max()? as f64,
            Measure::Min => values.iter().copied().min()? as f64,
        })
    }
    fn only_rises(self, op: CmpOp) -> bool {
        match self {
            Measure::Min => matches!(op, CmpOp::Lt | CmpOp::Le),
            Measure::Avg => false,
            _ => matches!(op, CmpOp::Gt | CmpOp::Ge),
        }
    }
}

fn whole(time: i64, events: &[Seen]) -> Found {
    Found { time, events: events.iter().map(|e| (0, Some(e.handle))).collect() }
}

/// A count or other aggregate over a window.
pub fn count(measure: Measure, op: CmpOp, bound: f64, span: Option<Duration>, events: &[Seen]) -> Vec<Found> {
    let useful = |e: &&Seen| measure == Measure::Count || e.value.is_some();
    let events: Vec<Seen> = events.iter().filter(useful).cloned().collect();
    let holds = |w: &[Seen]| measure.of(w).and_then(|x| x.partial_cmp(&bound)).is_some_and(|o| op.accepts(o));
    let mut found = Vec::new();
    let mut from = 0;
    match span {
        None => found.extend(events.last().filter(|_| holds(&events)).map(|e| whole(e.time, &events))),
        Some(span) if measure.only_rises(op) => {
            for (i, e) in events.iter().enumerate() {
                let within: Vec<Seen> =
                    events[from..=i].iter().filter(|w| w.time >= e.time - span).cloned().collect();
                if holds(&within) {
                    found.push(whole(e.time, &within));
                    from = i + 1;
                }
            }
        }
        Some(span) => {
            while let Some(first) = events.get(from) {
                let close = first.time + span;
                let window: Vec<Seen> =
                    events[from..].iter().take_while(|e| e.time <= close).cloned().collect();
                if holds(&window) {
                    found.push(whole(close, &window));
                }
                from += window.len();
            }
        }
    }
    found
}

/// A count that can only rise, over a window that is held once the condition is met.
pub fn held(measure: Measure, op: CmpOp, bound: f64, span: Duration, events: &[Seen]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = events;
    while let Some(first) = count(measure, op, bound, Some(span), rest).first() {
        let of = |handle: Option<u64>| rest.iter().find(|e| Some(e.handle) == handle);
        let Some(begin) = first.events.first().and_then(|(_, h)| of(*h)) else { break };
        let (from, close) = (begin.handle, begin.time + span);
        let useful = |e: &&Seen| measure == Measure::Count || e.value.is_some();
        let within = |e: &&Seen| e.handle >= from && e.time <= close;
        let window: Vec<Seen> = rest.iter().filter(useful).filter(within).cloned().collect();
        found.push(whole(close, &window));
        rest = rest.iter().position(|e| e.time > close).map_or(&[], |i| &rest[i..]);
    }
    found
}

fn truth(c: &Condition, member: &dyn Fn(usize) -> Truth) -> Truth {
    match c {
        Condition::Member(i) => member(*i),
        Condition::And(v) => v.iter().map(|c| truth(c, member)).min().unwrap_or(Truth::True),
        Condition::Or(v) => v.iter().map(|c| truth(c, member)).max().unwrap_or(Truth::False),
        Condition::Not(c) => truth(c, member).negate(),
    }
}

/// Members asked for (`positive`) or forbidden.
fn members(c: &Condition, positive: bool) -> Vec<usize> {
    match c {
        Condition::Member(i) if positive => vec![*i],
        Condition::Member(_) => vec![],
        Condition::And(v) | Condition::Or(v) => v.iter().flat_map(|c| members(c, positive)).collect(),
        Condition::Not(c) => members(c, !positive),
    }
}

/// Members within a span of each other.
pub fn temporal(s: &Set, span: Duration, events: &[Seen]) -> Vec<Found> {
    let wanted = members(&s.condition, true);
    let negated = !members(&s.condition, false).is_empty();
    let is_wanted = |e: &Seen| e.ports.iter().find(|p| wanted.contains(p)).copied();
    let window = |from: usize, to: usize, begin: i64| -> Vec<&Seen> {
        events[from..=to].iter().filter(|w| w.time >= begin).collect()
    };
    let holds = |w: &[&Seen]| {
        let there = |m: usize| Truth::of(w.iter().any(|e| e.ports.contains(&m)));
        truth(&s.condition, &there).holds()
    };
    let listed = |w: &[&Seen]| -> Vec<(u32, Option<u64>)> {
        w.iter().filter_map(|e| Some((is_wanted(e)? as u32, Some(e.handle)))).collect()
    };
    let mut found = Vec::new();
    let (mut from, mut i) = (0, 0);
    while let Some(e) = events.get(i) {
        let now = window(from, i, e.time - span);
        if holds(&now) && !negated {
            found.push(Found { time: e.time, events: listed(&now) });
            from = i + 1;
        } else if holds(&now) {
            let first = now.iter().find(|e| is_wanted(e).is_some()).map_or(e.time, |e| e.time);
            let close = first + span;
            let last = i + events[i + 1..].iter().take_while(|e| e.time <= close).count();
            let stays = |k: usize| holds(&window(from, k, events[k].time - span));
            if (i..=last).all(stays) {
                found.push(Found { time: close, events: listed(&window(from, last, first)) });
                from = last + 1;
                i = last;
            }
        }
        i += 1;
    }
    found
}

/// Others near an anchor.
pub fn near(s: &Set, anchor: usize, events: &[Seen]) -> Vec<Found> {
    let mut found = Vec::new();
    for (i, a) in events.iter().enumerate().filter(|(_, e)| e.ports.contains(&anchor)) {
        let inside = |e: &Seen| s.span.is_none_or(|d| (e.time - a.time).abs() <= d);
        let before = |m: usize| events[..=i].iter().rev().find(|e| inside(e) && e.ports.contains(&m));
        let after =
            |m: usize, to: usize| events[i..=to].iter().skip(1).find(|e| inside(e) && e.ports.contains(&m));
        let nearest = |m: usize, to: usize| before(m).or_else(|| after(m, to));
        let judge = |to: usize, closed: bool| {
            truth(&s.condition, &|m| match (m == anchor || nearest(m, to).is_some(), closed) {
                (true, _) => Truth::True,
                (false, true) => Truth::False,
                (false, false) => Truth::Unknown,
            })
        };
        let end = i + events[i + 1..].iter().take_while(|e| inside(e)).count();
        let decided = (i..=end).find(|k| judge(*k, false) != Truth::Unknown);
        let (to, time) = match (decided, s.span) {
            (Some(k), _) => (k, events[k].time),
            (None, Some(d)) => (end, a.time + d),
            (None, None) => (end, events[end].time),
        };
        if judge(to, decided.is_none()) == Truth::True {
            let mut all: Vec<(u64, u32)> = vec![(a.handle, anchor as u32)];
            for m in members(&s.condition, true).into_iter().filter(|m| *m != anchor) {
                all.extend(nearest(m, to).map(|e| (e.handle, m as u32)));
            }
            all.sort_unstable();
            all.dedup_by_key(|(h, _)| *h);
            found.push(Found { time, events: all.into_iter().map(|(h, m)| (m, Some(h))).collect() });
        }
    }
    found
}

/// The first `most` choices, in order of events, of one event per member: all different, or each after the one
/// before it.
struct Choices<'e> {
    events: &'e [Seen],
    ordered: bool,
    most: usize,
    all: Vec<Vec<u64>>,
}

impl Choices<'_> {
    fn find(&mut self, members: &[usize], chosen: &mut Vec<u64>) {
        let Some((member, rest)) = members.split_first() else {
            self.all.push(chosen.clone());
            return;
        };
        for e in self.events.iter().filter(|e| e.ports.contains(member)) {
            let fits = match self.ordered {
                true => chosen.last().is_none_or(|l| *l < e.handle),
                false => !chosen.contains(&e.handle),
            };
            if fits && self.all.len() < self.most {
                chosen.push(e.handle);
                self.find(rest, chosen);
                chosen.pop();
            }
        }
    }
}

fn choices(members: &[usize], ordered: bool, most: usize, events: &[Seen]) -> Vec<Vec<u64>> {
    let mut choices = Choices { events, ordered, most, all: Vec::new() };
    choices.find(members, &mut Vec::new());
    choices.all
}

/// Stages in order, any assignment.
pub fn ordered(s: &Seq, events: &[Seen]) -> Vec<Found> {
    let runs = |(i, t): (usize, &shikra_ir::Stage)| std::iter::repeat_n(i, t.runs.max(1) as usize);
    let stages: Vec<usize> = s.stages.iter().enumerate().flat_map(runs).collect();
    let Some((last, before)) = stages.split_last() else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    for (i, e) in events.iter().enumerate() {
        let inside = |w: &&Seen| s.maxspan.is_none_or(|d| w.time >= e.time - d);
        let window: Vec<Seen> = events[from..i].iter().filter(inside).cloned().collect();
        let complete = if e.ports.contains(last) { choices(before, true, 1, &window) } else { Vec::new() };
        if let Some(first) = complete.into_iter().next() {
            let handles = first.into_iter().chain([e.handle]);
            let events = stages.iter().map(|p| *p as u32).zip(handles.map(Some)).collect();
            found.push(Found { time: e.time, events });
            from = i + 1;
        } else if s.until.is_some() && e.ports.contains(&s.stages.len()) {
            from = i + 1;
        }
    }
    found
}

/// Samples of one key, known at `end`.
pub fn sample(s: &Set, end: i64, events: &[Seen]) -> Vec<Found> {
    let members: Vec<usize> = (0..s.members.len()).collect();
    let row = |c: Vec<u64>| c.into_iter().enumerate().map(|(m, h)| (m as u32, Some(h))).collect();
    let all = choices(&members, false, s.per_key.unwrap_or(1) as usize, events);
    all.into_iter().map(|c| Found { time: end, events: row(c) }).collect()
}

/// Joins of one key.
pub fn join(s: &Set, events: &[Seen]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut first: Vec<Option<u64>> = vec![None; s.members.len()];
    for e in events {
        if e.ports.contains(&s.members.len()) {
            first.fill(None);
        }
        for m in 0..first.len() {
            if e.ports.contains(&m) && first[m].is_none() {
                first[m] = Some(e.handle);
                if first.iter().all(Option::is_some) {
                    let events = first.iter().enumerate().map(|(m, h)| (m as u32, *h)).collect();
                    found.push(Found { time: e.time, events });
                    first.fill(None);
                }
            }
        }
    }
    found
}

/// EQL sequences, as Elasticsearch finds them: a whole stage after the other, and what must be absent looked
/// for in the end.
pub fn sequence(s: &Seq, events: &[Seen]) -> Vec<Found> {
    let mut places: Vec<usize> = Vec::new();
    for (i, stage) in s.stages.iter().enumerate().filter(|(_, t)| !t.absent) {
        places.extend(std::iter::repeat_n(i, stage.runs.max(1) as usize));
    }
    let Some((first, rest)) = places.split_first() else { return Vec::new() };
    let starts = events.iter().filter(|e| e.ports.contains(first));
    let mut partials: Vec<Vec<&Seen>> = starts.map(|e| vec![e]).collect();
    for stage in rest {
        let mut next = Vec::new();
        for e in events.iter().filter(|e| e.ports.contains(stage)) {
            let older = |p: &Vec<&Seen>| p.last().is_some_and(|l| l.handle < e.handle);
            let taken = partials.iter().filter(|p| older(p)).count();
            let Some(latest) = taken.checked_sub(1) else { continue };
            let mut partial = partials[latest].clone();
            let in_time = s.maxspan.is_none_or(|d| e.time - partial[0].time <= d);
            let keep = s.stages[*stage].fork && in_time;
            partials.drain(..if keep { latest } else { taken });
            let since = partial.last().map_or(0, |l| l.handle);
            let until = |u: &&Seen| s.until.is_some() && u.ports.contains(&s.stages.len());
            let ended = events.iter().filter(until).any(|u| since <= u.handle && u.handle < e.handle);
            if in_time && !ended {
                partial.push(e);
                next.push(partial);
            }
        }
        partials = next;
    }
    partials.iter().filter_map(|p| absences(s, &places, p, events)).collect()
}

/// A complete sequence, if what must be absent is.
fn absences(s: &Seq, places: &[usize], partial: &[&Seen], events: &[Seen]) -> Option<Found> {
    let (first, last) = (partial.first()?, partial.last()?);
    let (mut led, mut trailed) = (None::<i64>, None::<i64>);
    let mut row = Vec::new();
    for (i, stage) in s.stages.iter().enumerate() {
        let own = places.iter().zip(partial).filter(|(p, _)| **p == i);
        row.extend(own.map(|(_, e)| (i as u32, Some(e.handle))));
        if !stage.absent {
            continue;
        }
        row.push((i as u32, None));
        let before = places.iter().rposition(|p| *p < i).map(|p| partial[p].handle);
        let after = places.iter().position(|p| *p > i).map(|p| partial[p].handle);
        let mut between = events.iter().filter(|e| {
            e.ports.contains(&i) && before.is_none_or(|b| b < e.handle) && after.is_none_or(|a| e.handle < a)
        });
        match (before, after) {
            (Some(_), Some(_)) if between.next().is_some() => return None,
            (Some(_), Some(_)) => {}
            (None, _) => led = led.max(between.map(|e| e.time).max()),
            (_, None) => trailed = trailed.into_iter().chain(between.map(|e| e.time)).min(),
        }
    }
    let leads = s.stages.first().is_some_and(|t| t.absent);
    let trails = s.stages.last().is_some_and(|t| t.absent);
    let far = |from: i64, to: i64| s.maxspan.is_some_and(|d| to - from > d);
    let span = s.maxspan.unwrap_or(0);
    let time = match (leads, trails) {
        (false, false) => last.time,
        (true, false) if led.is_none_or(|l| far(l, last.time)) => last.time,
        (false, true) if trailed.is_none_or(|t| far(first.time, t)) => first.time + span,
        (true, true) if led.is_none() => last.time,
        (true, true) if led.zip(trailed).is_none_or(|(l, t)| far(l, t)) => last.time.max(led? + span),
        _ => return None,
    };
    Some(Found { time, events: row })
}
