//! Stages in order within one span, any assignment (Sigma v2 `temporal_ordered`).
//!
//! Per key the events of every stage but the last are held for the span, bound included. At an event of the
//! last stage: is there an event of each stage, each strictly after the one before it, all within the span
//! that ends here? The earliest such choice is the match, and all that is held is dropped.

use std::collections::VecDeque;

use shikra_ir::Duration;

use super::{Cx, Kind, Occ, Part, Wake};

#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    /// None: the whole input.
    pub(crate) span: Option<Duration>,
    /// Port of each stage; a port with runs stands several times.
    pub(crate) stages: Vec<usize>,
    pub(crate) until: Option<usize>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Per stage but the last, in order of time.
    stages: Vec<VecDeque<Occ>>,
    lost: u64,
}

impl Ordered {
    /// The earliest choice that ends with `last`.
    fn choose(&self, state: &State, last: &Occ) -> Option<Vec<Part>> {
        let mut parts: Vec<Part> = Vec::with_capacity(self.stages.len());
        let mut before = None;
        for (events, port) in state.stages.iter().zip(&self.stages) {
            let from = events.partition_point(|o| before.is_some_and(|b| o.at <= b));
            let next = events.get(from)?;
            before = Some(next.at);
            parts.push((*port as u32, Some(next.clone())));
        }
        if before.is_some_and(|b| last.at <= b) {
            return None;
        }
        parts.push((self.stages.last().copied().unwrap_or(0) as u32, Some(last.clone())));
        Some(parts)
    }

    fn expire(&self, state: &mut State, begin: i64) {
        for events in &mut state.stages {
            while events.front().is_some_and(|o| o.at.time < begin) {
                events.pop_front();
            }
        }
    }
}

impl Kind for Ordered {
    type State = State;

    fn opens(&self, port: usize) -> bool {
        self.stages.first() == Some(&port)
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        let last_stage = self.stages.len().saturating_sub(1);
        state.stages.resize_with(last_stage, VecDeque::new);
        if let Some(span) = self.span {
            self.expire(state, cx.at.time.saturating_sub(span));
        }
        for (port, occ) in hits {
            if self.stages.last() != Some(port) {
                continue;
            }
            if let Some(parts) = self.choose(state, occ) {
                cx.emit(Vec::new(), parts, state.lost);
                *state = State::default();
                return;
            }
        }
        for (port, occ) in hits {
            for (events, _) in state.stages.iter_mut().zip(&self.stages).filter(|(_, p)| *p == port) {
                events.push_back(occ.clone());
                if events.len() > cx.limits.max_window {
                    events.pop_front();
                    state.lost += 1;
                    cx.stats.events_dropped += 1;
                }
            }
        }
        if hits.iter().any(|(port, _)| Some(*port) == self.until) {
            *state = State::default();
        }
    }

    fn fire(&self, state: &mut State, cx: &mut Cx<'_>) {
        if let Some(span) = self.span {
            self.expire(state, cx.at.time.saturating_sub(span).saturating_add(1));
        }
    }

    fn wake(&self, state: &State) -> Wake {
        // A later stage without an earlier one is of no use: the first stage decides.
        match (state.stages.first().and_then(|e| e.back()), self.span) {
            (None, _) => Wake::Done,
            (Some(_), None) => Wake::Never,
            (Some(o), Some(span)) => Wake::At(o.at.time.saturating_add(span)),
        }
    }

    fn held(&self, state: &State) -> usize {
        state.stages.iter().map(VecDeque::len).sum()
    }
}
