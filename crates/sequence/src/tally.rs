//! Programs that do nothing but count events by key within a span: what they find is told by the times of each key's
//! events alone, key by key. So whoever has these needs neither the values nor all events in order of time. A
//! [`Machine`](crate::Machine) gives the same answers event by event, and to it tests hold this.

use std::collections::VecDeque;
use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::{Duration, eval};

use crate::kinds::Spec;
use crate::kinds::count::{Count, LISTED, When};
use crate::machine::{Limits, Match, MatchedEvent};
use crate::program::{Columns, NodeSpec, Program};

/// Events that a match may take: more than these a machine might have to let go.
const MOST_LEAST: u64 = 1000;

/// Such a program.
#[derive(Clone, Debug)]
pub struct Tally {
    node: Arc<NodeSpec>,
    keys: Vec<usize>,
    column: Arc<str>,
    span: Duration,
    /// A window is held, once there are enough, until the span after its first event has passed.
    holds: bool,
    /// Events that are enough.
    least: u64,
}

/// A match in its place among those of all keys.
#[derive(Clone, Debug)]
pub struct Tallied {
    /// When it became known, and which event began it: what is known at one time comes in that order.
    place: (Timestamp, (Timestamp, u64)),
    found: Match,
}

impl Program {
    /// The program as a tally, where it is one.
    pub fn tally(&self) -> Option<Tally> {
        let ([leaf], [routes], [node]) =
            (self.leaves.as_slice(), self.leaf_routes.as_slice(), self.nodes.as_slice())
        else {
            return None;
        };
        let ([route], Spec::Count(count), true) = (routes.as_slice(), &node.spec, node.root) else {
            return None;
        };
        let (holds, span) = match count.when {
            When::Each(span) => (false, span),
            When::Held(span) => (true, span),
            When::Close(_) | When::End => return None,
        };
        let [column] = node.column_names.as_slice() else { return None };
        let counts = matches!(count.aggregates.as_slice(), [a] if a.is_of_events());
        let alone = node.arguments == 0 && node.carried.is_empty() && node.routes.is_empty();
        let whole =
            route.pick.len() == node.key_names.len() && route.pick.iter().all(|i| *i < leaf.values.len());
        if !(counts && alone && whole) || node.optional.iter().flatten().any(|o| *o) {
            return None;
        }
        let least = (1..=MOST_LEAST).find(|n| suffice(node, count, *n))?;
        Some(Tally {
            node: node.clone(),
            keys: route.pick.clone(),
            column: column.clone(),
            span,
            holds,
            least,
        })
    }
}

/// Whether so many events are enough. More are, then: conditions like these can only become true.
fn suffice(node: &NodeSpec, count: &Count, n: u64) -> bool {
    let column = |_| Value::I64(n as i64);
    eval::truth(&count.condition, &Columns { spec: node, keys: &[], columns: &column, carried: &[] }).holds()
}

impl Tally {
    /// Where the values of the key stand among those of the program's leaf.
    pub fn keys(&self) -> &[usize] {
        &self.keys
    }

    /// Keys that a machine has room for, whatever comes. With more of them, what it finds may be less than what is
    /// counted here.
    pub fn most_keys(&self) -> usize {
        let Limits { max_keys, max_events, .. } = Limits::default();
        max_keys.min(max_events / LISTED.max(self.least as usize))
    }

    /// Whether a value is one that counts for a key by itself: none where it has to be asked of a machine, since it may
    /// be several keys, or the same as another value.
    pub fn takes(value: &Value) -> Option<bool> {
        match value {
            Value::Missing | Value::Null => Some(false),
            Value::Str(_) => Some(true),
            _ => None,
        }
    }

    /// Adds what is found of a key with these events, each with its handle, in order of time and then of handles.
    /// `last`: the time of the latest event of any key, or without one.
    pub fn count(&self, key: &[Value], events: &[(Timestamp, u64)], last: Timestamp, out: &mut Vec<Tallied>) {
        let mut so_far = SoFar::default();
        for event in events {
            let (time, _) = event;
            if let Some(end) = self.end(&so_far).filter(|end| end < time) {
                self.give(end, std::mem::take(&mut so_far), key, last, out);
            }
            so_far.began.get_or_insert(*event);
            if !so_far.is_held {
                let first = Timestamp(time.0.saturating_sub(self.span));
                while so_far.window.front().is_some_and(|(t, _)| *t < first) {
                    so_far.window.pop_front();
                    so_far.count -= 1;
                }
            }
            so_far.count += 1;
            if so_far.is_held && so_far.window.len() >= LISTED {
                continue;
            }
            so_far.window.push_back(*event);
            let enough = so_far.count >= self.least;
            if self.holds {
                so_far.is_held |= enough;
            } else if enough {
                let found = SoFar { began: Some(*event), is_held: true, ..std::mem::take(&mut so_far) };
                self.give(*time, found, key, last, out);
            }
        }
        if let Some(end) = self.end(&so_far).filter(|end| end.0 < i64::MAX) {
            self.give(end, so_far, key, last, out);
        }
    }

    /// When a window ends, if nothing more comes.
    fn end(&self, so_far: &SoFar) -> Option<Timestamp> {
        let of = if so_far.is_held { so_far.window.front() } else { so_far.window.back() };
        of.map(|(time, _)| Timestamp(time.0.saturating_add(self.span)))
    }

    /// A window has ended: a match, if there were enough.
    fn give(&self, time: Timestamp, ended: SoFar, key: &[Value], last: Timestamp, out: &mut Vec<Tallied>) {
        let Some(began) = ended.began.filter(|_| ended.is_held) else { return };
        let listed = ended.window.iter();
        let found = Match {
            time,
            first: ended.window.front().map(|(t, _)| *t),
            last: ended.window.back().map(|(t, _)| *t),
            events: listed.map(|(_, h)| MatchedEvent { stage: 0, event: Some(*h) }).collect(),
            keys: self.node.key_names.iter().cloned().zip(key.iter().cloned()).collect(),
            columns: vec![(self.column.clone(), Value::I64(i64::try_from(ended.count).unwrap_or(i64::MAX)))],
            lost: ended.count - ended.window.len() as u64,
            early: last < time,
        };
        out.push(Tallied { place: (time, began), found });
    }

    /// What was found of all keys, as a machine tells it.
    pub fn in_order(mut all: Vec<Tallied>) -> Vec<Match> {
        all.sort_by_key(|t| t.place);
        all.into_iter().map(|t| t.found).collect()
    }
}

/// A window of a key.
#[derive(Default)]
struct SoFar {
    window: VecDeque<(Timestamp, u64)>,
    /// Those that are no longer listed included.
    count: u64,
    is_held: bool,
    /// The event since which the key has been remembered.
    began: Option<(Timestamp, u64)>,
}
