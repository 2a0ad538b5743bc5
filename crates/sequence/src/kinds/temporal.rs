//! Several members within one span, in any order (Sigma v2 `temporal`).
//!
//! Per key the occurrences of every member within the last span are held, bound included. Where the condition
//! has no negation, a match is found as soon as it holds. Where it has, it can only be said to hold once the
//! span that began with the first of its events has passed without a forbidden member: then it is found, at
//! that moment. A match lists every held event of the members it asks for and empties the window.

use std::collections::VecDeque;

use shikra_ir::{Condition, Duration};

use super::{Cx, Kind, Occ, Wake};

/// Which members a condition asks for, and which it forbids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polarity {
    pub(crate) wanted: Vec<bool>,
    pub(crate) forbidden: Vec<bool>,
}

impl Polarity {
    pub(crate) fn of(condition: &Condition, members: usize) -> Polarity {
        let mut p = Polarity { wanted: vec![false; members], forbidden: vec![false; members] };
        p.visit(condition, true);
        p
    }
    fn visit(&mut self, c: &Condition, positive: bool) {
        match c {
            Condition::Member(i) => {
                let side = if positive { &mut self.wanted } else { &mut self.forbidden };
                if let Some(seen) = side.get_mut(*i) {
                    *seen = true;
                }
            }
            Condition::And(v) | Condition::Or(v) => v.iter().for_each(|c| self.visit(c, positive)),
            Condition::Not(c) => self.visit(c, !positive),
        }
    }
    pub(crate) fn negates(&self) -> bool {
        self.forbidden.contains(&true)
    }
}

/// The condition, each member being there or not.
pub(crate) fn holds(condition: &Condition, there: &dyn Fn(usize) -> bool) -> bool {
    match condition {
        Condition::Member(i) => there(*i),
        Condition::And(v) => v.iter().all(|c| holds(c, there)),
        Condition::Or(v) => v.iter().any(|c| holds(c, there)),
        Condition::Not(c) => !holds(c, there),
    }
}

/// Members without which the condition cannot hold.
pub(crate) fn needed(condition: &Condition) -> Vec<usize> {
    match condition {
        Condition::Member(i) => vec![*i],
        Condition::And(v) => v.iter().flat_map(needed).collect(),
        Condition::Or(_) | Condition::Not(_) => vec![],
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Temporal {
    pub(crate) span: Duration,
    pub(crate) condition: Condition,
    pub(crate) polarity: Polarity,
}

#[derive(Default)]
pub(crate) struct State {
    /// In order of time.
    window: VecDeque<(usize, Occ)>,
    /// Per member.
    count: Vec<usize>,
    /// The condition holds so far; a match at that time unless it ceases to.
    pending: Option<i64>,
    lost: u64,
}

impl State {
    fn pop(&mut self) {
        if let Some((member, _)) = self.window.pop_front()
            && let Some(n) = self.count.get_mut(member)
        {
            *n -= 1;
        }
    }
    fn there(&self, member: usize) -> bool {
        self.count.get(member).is_some_and(|n| *n > 0)
    }
}

impl Temporal {
    fn wanted(&self, member: usize) -> bool {
        self.polarity.wanted.get(member).copied().unwrap_or(false)
    }
    fn found(&self, state: &mut State, cx: &mut Cx<'_>) {
        let window = std::mem::take(&mut state.window);
        let wanted = window.into_iter().filter(|(m, _)| self.wanted(*m));
        cx.emit(Vec::new(), wanted.map(|(m, o)| (m as u32, Some(o))).collect(), state.lost);
        *state = State::default();
    }
}

impl Kind for Temporal {
    type State = State;

    fn opens(&self, _: usize) -> bool {
        true
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        let begin = cx.at.time.saturating_sub(self.span);
        while state.window.front().is_some_and(|(_, o)| o.at.time < begin) {
            state.pop();
        }
        if state.window.is_empty() {
            state.lost = 0;
        }
        state.count.resize(self.polarity.wanted.len(), 0);
        for (member, occ) in hits {
            if let Some(n) = state.count.get_mut(*member) {
                *n += 1;
                state.window.push_back((*member, occ.clone()));
            }
        }
        while state.window.len() > cx.limits.max_window {
            state.pop();
            state.lost += 1;
            cx.stats.events_dropped += 1;
        }
        if !holds(&self.condition, &|m| state.there(m)) {
            state.pending = None;
        } else if !self.polarity.negates() {
            self.found(state, cx);
        } else {
            let first = state.window.iter().find(|(m, _)| self.wanted(*m)).map(|(_, o)| o.at.time);
            state.pending = first.map(|t| t.saturating_add(self.span));
        }
    }

    fn fire(&self, state: &mut State, cx: &mut Cx<'_>) {
        if state.pending.is_some_and(|t| t <= cx.at.time) {
            self.found(state, cx);
        } else {
            while state.window.front().is_some_and(|(_, o)| o.at.time.saturating_add(self.span) <= cx.at.time)
            {
                state.pop();
            }
        }
    }

    fn wake(&self, state: &State) -> Wake {
        match (state.pending, state.window.back()) {
            (Some(t), _) => Wake::At(t),
            (None, Some((_, last))) => Wake::At(last.at.time.saturating_add(self.span)),
            (None, None) => Wake::Done,
        }
    }

    fn held(&self, state: &State) -> usize {
        state.window.len()
    }
}
