//! A primary event with others near it in time (Sigma v1 `near`).
//!
//! Each event of the anchor member is judged on its own: which other members occurred within the span before
//! or after it, bounds included. It is a match as soon as the condition must hold, and can no longer be one as
//! soon as it cannot; what depends on an absence is known when the span after it has passed. An anchor gives
//! at most one match; other events may stand beside several anchors. Of each member the nearest event known at
//! the moment of the match is listed: the last one before the anchor, else the first one after it.

use std::collections::VecDeque;

use shikra_ir::{Condition, Duration, Truth};

use super::temporal::Polarity;
use super::{At, Cx, Kind, Occ, Wake};

#[derive(Clone, Debug)]
pub(crate) struct Near {
    /// None: the whole input.
    pub(crate) span: Option<Duration>,
    pub(crate) anchor: usize,
    pub(crate) condition: Condition,
    pub(crate) polarity: Polarity,
}

struct Anchor {
    occ: Occ,
    /// Per member, the nearest event so far.
    seen: Vec<Option<Occ>>,
}

#[derive(Default)]
pub(crate) struct State {
    anchors: VecDeque<Anchor>,
    /// Per member, the latest event.
    latest: Vec<Option<Occ>>,
    lost: u64,
}

impl Near {
    fn truth(&self, c: &Condition, anchor: &Anchor, closed: bool) -> Truth {
        match c {
            Condition::Member(i) if *i == self.anchor => Truth::True,
            Condition::Member(i) => match (anchor.seen.get(*i), closed) {
                (Some(Some(_)), _) => Truth::True,
                (_, true) => Truth::False,
                (_, false) => Truth::Unknown,
            },
            Condition::And(v) => v.iter().map(|c| self.truth(c, anchor, closed)).min().unwrap_or(Truth::True),
            Condition::Or(v) => v.iter().map(|c| self.truth(c, anchor, closed)).max().unwrap_or(Truth::False),
            Condition::Not(c) => self.truth(c, anchor, closed).negate(),
        }
    }

    /// Judges anchors, for good where `closed` says so; the decided ones leave.
    fn judge(
        &self,
        anchors: &mut VecDeque<Anchor>,
        lost: u64,
        closed: impl Fn(&Anchor) -> bool,
        cx: &mut Cx<'_>,
    ) {
        anchors.retain(|a| match self.truth(&self.condition, a, closed(a)) {
            Truth::Unknown => true,
            Truth::False => false,
            Truth::True => {
                let wanted = |m: usize| self.polarity.wanted.get(m).copied().unwrap_or(false);
                let others = a.seen.iter().enumerate().filter(|(m, _)| *m != self.anchor && wanted(*m));
                let others = others.filter(|(_, o)| o.is_some()).map(|(m, o)| (m as u32, o.clone()));
                let anchor = std::iter::once((self.anchor as u32, Some(a.occ.clone())));
                cx.emit(Vec::new(), anchor.chain(others).collect(), lost);
                false
            }
        });
    }

    fn before(&self, at: At) -> i64 {
        self.span.map_or(i64::MIN, |d| at.time.saturating_sub(d))
    }
    fn close(&self, at: At) -> Option<i64> {
        self.span.map(|d| at.time.saturating_add(d))
    }
}

impl Kind for Near {
    type State = State;

    fn opens(&self, _: usize) -> bool {
        true
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        state.latest.resize(self.polarity.wanted.len(), None);
        let mut changed = false;
        for (member, occ) in hits {
            if let Some(latest) = state.latest.get_mut(*member) {
                *latest = Some(occ.clone());
            }
            // Only other members bear on anchors that are waiting.
            for anchor in state.anchors.iter_mut().filter(|_| *member != self.anchor) {
                if let Some(seen @ None) = anchor.seen.get_mut(*member) {
                    *seen = Some(occ.clone());
                    changed = true;
                }
            }
        }
        if changed {
            self.judge(&mut state.anchors, state.lost, |_| false, cx);
        }
        let begin = self.before(cx.at);
        let near = |o: &Option<Occ>| o.clone().filter(|o| o.at.time >= begin);
        let anchors = hits.iter().filter(|(m, _)| *m == self.anchor);
        let fresh = |(_, occ): &(usize, Occ)| Anchor {
            occ: occ.clone(),
            seen: state.latest.iter().map(near).collect(),
        };
        let mut fresh: VecDeque<Anchor> = anchors.map(fresh).collect();
        self.judge(&mut fresh, state.lost, |_| false, cx);
        state.anchors.append(&mut fresh);
        // Every other event may have to look at all that wait: fewer of them than a window holds.
        while state.anchors.len() > cx.limits.max_window / 10 + 1 {
            state.anchors.pop_front();
            state.lost += 1;
            cx.stats.events_dropped += 1;
        }
    }

    fn fire(&self, state: &mut State, cx: &mut Cx<'_>) {
        let now = cx.at.time;
        let closed = |a: &Anchor| self.close(a.occ.at).is_some_and(|t| t <= now);
        self.judge(&mut state.anchors, state.lost, closed, cx);
        for latest in &mut state.latest {
            if latest.as_ref().is_some_and(|o| self.close(o.at).is_some_and(|t| t <= now)) {
                *latest = None;
            }
        }
    }

    fn end(&self, state: &mut State, cx: &mut Cx<'_>) {
        if self.span.is_none() {
            self.judge(&mut state.anchors, state.lost, |_| true, cx);
        }
    }

    fn wake(&self, state: &State) -> Wake {
        let first = state.anchors.front().map(|a| a.occ.at);
        let last = state.latest.iter().flatten().map(|o| o.at).max();
        match (first.or(last), self.span) {
            (None, _) => Wake::Done,
            (Some(_), None) => Wake::Never,
            (Some(at), Some(d)) => Wake::At(at.time.saturating_add(d)),
        }
    }

    fn held(&self, state: &State) -> usize {
        // An upper bound: what each anchor has seen is not counted out.
        state.anchors.len() * state.latest.len().max(1) + state.latest.len()
    }
}
