//! Stages in order, newest partial match first (EQL `sequence`).
//!
//! Per key and stage one partial match is pending: a newer one takes its place, an event of the next stage
//! takes it on (a `fork` stage leaves a copy behind). Stages see an event last stage first, so that one event
//! cannot fill two. `maxspan` runs from the first event, bound included; a partial match that meets an event
//! too late is lost.
//!
//! A stage's condition on earlier stages' events (Elastic Endpoint's `as`) is judged when an event meets the one
//! pending partial match; where it does not hold, the event passes by.
//!
//! `until` ends the partial matches of its key, after the event has been seen by the stages: an event that
//! completes a sequence completes it even if it is also the `until` event.
//!
//! Absent stages (`![ ]`). Between two stages, an event of the absent stage spoils the partial match: it goes
//! on, and takes the place of older ones, but never becomes a match (as Elasticsearch does, which looks for
//! absent events only when a sequence is complete). Before the first stage: no such event within `maxspan`
//! before the last event. After the last: none within `maxspan` from the first event, known when that time has
//! passed. Both before and after: the last event before and the first one after are further apart than
//! `maxspan`; the match is known when `maxspan` from the former has passed, or at once where there was none.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::eval::{self, Row};
use shikra_ir::{Duration, Expr, FieldRef, Names, Pattern};

use super::{At, Cx, Kind, Occ, Part, Wake};

/// What an event at a port does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Ends what is pending.
    Until,
    /// Must not come before the first stage.
    Leading,
    /// Fills this place.
    Fills(usize),
    /// Must not come between this place and the next.
    Spoils(usize),
    /// Must not come after the last place.
    Trailing,
}

/// One event that a match takes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) fork: bool,
    /// Port, and so stage.
    pub(crate) port: usize,
}

/// A condition on an event of a stage together with a partial match: without it the two pass each other by.
#[derive(Clone, Debug)]
pub(crate) struct Joint {
    pub(crate) condition: Expr,
    /// What it reads of the event: the argument that holds it.
    pub(crate) fields: Vec<(FieldRef, usize)>,
    /// What it reads of the match: variable, place, argument.
    pub(crate) vars: Vec<(Arc<str>, usize, usize)>,
}

struct Both<'a> {
    joint: &'a Joint,
    occ: &'a Occ,
    partial: &'a Partial,
}

impl Row for Both<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        let at = self.joint.fields.iter().find(|(f, _)| f == field).map(|(_, i)| *i);
        at.and_then(|i| self.occ.arguments.get(i)).cloned().unwrap_or_default()
    }
    fn all_fields(&self) -> Vec<Value> {
        Vec::new()
    }
    fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
        Vec::new()
    }
    fn var(&self, name: &str) -> Value {
        let var = self.joint.vars.iter().find(|(n, ..)| **n == *name);
        let event = var.and_then(|(_, place, i)| Some((self.partial.events.get(*place)?, *i)));
        event.and_then(|(o, i)| o.arguments.get(i)).cloned().unwrap_or_default()
    }
}

/// A slot of the match as the rule writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    /// The event at this place, of this stage.
    Event { place: usize, stage: u32 },
    /// An absent stage.
    Absent(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) maxspan: Option<Duration>,
    pub(crate) places: Vec<Place>,
    /// Per port: what its events do. In the order of work: the last place first.
    pub(crate) roles: Vec<Vec<Role>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) leading: bool,
    pub(crate) trailing: bool,
    /// Per port.
    pub(crate) joints: Vec<Option<Joint>>,
}

#[derive(Clone, Debug)]
struct Partial {
    events: Vec<Occ>,
    /// The last leading event before the first one, where it can matter.
    led: Option<i64>,
    spoiled: bool,
}

impl Partial {
    fn start(&self) -> i64 {
        self.events.first().map_or(0, |o| o.at.time)
    }
}

#[derive(Default)]
pub(crate) struct State {
    /// Per place but the last.
    pending: Vec<Option<Partial>>,
    led: Option<At>,
    /// Complete but for the absence of trailing events, with the last moment of that absence.
    waiting: Vec<(i64, Partial)>,
}

impl Sequence {
    fn within(&self, from: i64, to: i64) -> bool {
        self.maxspan.is_none_or(|d| to.saturating_sub(from) <= d)
    }

    fn deadline(&self, from: i64) -> i64 {
        self.maxspan.map_or(i64::MAX, |d| from.saturating_add(d))
    }

    /// Whether an event at a port and a partial match belong together.
    fn joins(&self, port: usize, occ: &Occ, partial: &Partial) -> bool {
        let Some(Some(joint)) = self.joints.get(port) else { return true };
        eval::truth(&joint.condition, &Both { joint, occ, partial }).holds()
    }

    fn fill(&self, place: usize, occ: &Occ, state: &mut State, cx: &mut Cx<'_>) {
        let partial = match place.checked_sub(1) {
            None => {
                let led = state.led.map(|at| at.time);
                Partial { events: vec![occ.clone()], led, spoiled: false }
            }
            Some(before) => {
                let Some(pending) = state.pending.get_mut(before) else { return };
                let Some(Place { fork, port }) = self.places.get(place) else { return };
                let met = pending.as_ref().is_some_and(|p| self.joins(*port, occ, p));
                let taken = if *fork { pending.clone() } else { pending.take_if(|_| met) };
                let Some(mut partial) = taken.filter(|_| met) else { return };
                if !self.within(partial.start(), occ.at.time) {
                    *pending = None;
                    return;
                }
                partial.events.push(occ.clone());
                partial
            }
        };
        match state.pending.get_mut(place) {
            Some(pending) => *pending = Some(partial),
            None => self.complete(partial, state, cx),
        }
    }

    fn complete(&self, partial: Partial, state: &mut State, cx: &mut Cx<'_>) {
        if partial.spoiled {
            return;
        }
        let (start, now) = (partial.start(), cx.at.time);
        let wait = match (self.leading, self.trailing, partial.led) {
            (false, false, _) | (true, _, None) => None,
            (true, false, Some(led)) if self.within(led, now) => return,
            (true, false, Some(_)) => None,
            (false, true, _) => Some(self.deadline(start)),
            (true, true, Some(led)) => Some(self.deadline(led)),
        };
        match wait.filter(|deadline| *deadline >= now) {
            None => self.found(&partial, cx),
            Some(_) if state.waiting.len() >= cx.limits.max_window => {
                cx.stats.events_dropped += partial.events.len() as u64;
            }
            Some(deadline) => state.waiting.push((deadline, partial)),
        }
    }

    fn found(&self, partial: &Partial, cx: &mut Cx<'_>) {
        let part = |slot: &Slot| -> Part {
            match slot {
                Slot::Event { place, stage } => (*stage, partial.events.get(*place).cloned()),
                Slot::Absent(stage) => (*stage, None),
            }
        };
        cx.emit(Vec::new(), self.slots.iter().map(part).collect(), 0);
    }

    fn act(&self, port: usize, role: Role, occ: &Occ, state: &mut State, cx: &mut Cx<'_>) {
        match role {
            Role::Fills(place) => self.fill(place, occ, state, cx),
            Role::Spoils(place) => {
                if let Some(Some(partial)) = state.pending.get_mut(place) {
                    partial.spoiled |= self.joins(port, occ, partial);
                }
            }
            Role::Trailing => state.waiting.retain(|(_, partial)| !self.joins(port, occ, partial)),
            Role::Leading => state.led = Some(occ.at),
            Role::Until => state.pending.fill(None),
        }
    }
}

impl Kind for Sequence {
    type State = State;

    fn opens(&self, port: usize) -> bool {
        let opening = |r: &Role| matches!(r, Role::Fills(0) | Role::Leading);
        self.roles.get(port).is_some_and(|roles| roles.iter().any(opening))
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        state.pending.resize(self.places.len().saturating_sub(1), None);
        let mut work: Vec<(usize, Role, &Occ)> = Vec::new();
        for (port, occ) in hits {
            for role in self.roles.get(*port).into_iter().flatten() {
                work.push((*port, *role, occ));
            }
        }
        // Trailing, then spoiling and filling from the last place to the first, then leading, then until.
        let rank = |r: &Role| match r {
            Role::Trailing => usize::MAX,
            Role::Spoils(p) => 2 * p + 3,
            Role::Fills(p) => 2 * p + 2,
            Role::Leading => 1,
            Role::Until => 0,
        };
        work.sort_by_key(|(_, r, _)| std::cmp::Reverse(rank(r)));
        for (port, role, occ) in work {
            self.act(port, role, occ, state, cx);
        }
    }

    fn fire(&self, state: &mut State, cx: &mut Cx<'_>) {
        let now = cx.at.time;
        for (_, partial) in state.waiting.extract_if(.., |(deadline, _)| *deadline <= now) {
            self.found(&partial, cx);
        }
        if let Some(span) = self.maxspan {
            let over = |from: i64| from.saturating_add(span) <= now;
            for pending in &mut state.pending {
                if pending.as_ref().is_some_and(|p| over(p.start())) {
                    *pending = None;
                }
            }
            state.led = state.led.filter(|at| !over(at.time));
        }
    }

    fn end(&self, state: &mut State, cx: &mut Cx<'_>) {
        for (_, partial) in state.waiting.extract_if(.., |(deadline, _)| *deadline == i64::MAX) {
            self.found(&partial, cx);
        }
    }

    fn wake(&self, state: &State) -> Wake {
        let starts = state.pending.iter().flatten().map(Partial::start).chain(state.led.map(|at| at.time));
        let latest = starts.max();
        let earliest = state.waiting.iter().map(|(deadline, _)| *deadline).min();
        match (earliest, latest, self.maxspan) {
            (None, None, _) => Wake::Done,
            (Some(t), _, _) if t < i64::MAX => Wake::At(t),
            (_, Some(t), Some(span)) => Wake::At(t.saturating_add(span)),
            _ => Wake::Never,
        }
    }

    fn held(&self, state: &State) -> usize {
        let pending = state.pending.iter().flatten().map(|p| p.events.len());
        pending.chain(state.waiting.iter().map(|(_, p)| p.events.len())).sum()
    }
}
