//! Events whose key no earlier event had within a span of time (Elastic `new_terms`): the anti-join of events with
//! those before them.
//!
//! Only the times of the last events of a key are held, never events.

use shikra_ir::Duration;

use super::{Cx, Kind, Occ, Wake};

#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    /// How far back an earlier event counts, bound included.
    pub(crate) span: Duration,
}

#[derive(Default)]
pub(crate) struct State {
    /// Time of the last event, and of the last one before that time: events of one time do not know each other.
    last: Option<i64>,
    before: Option<i64>,
}

impl Kind for Fresh {
    type State = State;

    fn opens(&self, _: usize) -> bool {
        true
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        let now = cx.at.time;
        if state.last != Some(now) {
            state.before = state.last.replace(now);
        }
        let known = state.before.is_some_and(|t| t >= now.saturating_sub(self.span));
        if let Some((_, occ)) = hits.first().filter(|_| !known) {
            cx.emit(Vec::new(), vec![(0, Some(occ.clone()))], 0);
        }
    }

    fn fire(&self, state: &mut State, _: &mut Cx<'_>) {
        *state = State::default();
    }

    fn wake(&self, state: &State) -> Wake {
        state.last.map_or(Wake::Done, |t| Wake::At(t.saturating_add(self.span)))
    }

    fn held(&self, _: &State) -> usize {
        0
    }
}
