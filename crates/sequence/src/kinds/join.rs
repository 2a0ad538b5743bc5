//! One event for each member under one key, in any order, again and again (endgame's `join`).
//!
//! The first event of each member is kept until every member has one: that is the match, listed in order of
//! members, and all are dropped. An `until` event drops what is kept under its key, before it is itself
//! looked at as a member.

use super::{Cx, Kind, Occ, Part, Wake};

#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) members: usize,
    pub(crate) until: Option<usize>,
}

#[derive(Default)]
pub(crate) struct State {
    members: Vec<Option<Occ>>,
}

impl Kind for Join {
    type State = State;

    fn opens(&self, port: usize) -> bool {
        Some(port) != self.until
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        if hits.iter().any(|(port, _)| Some(*port) == self.until) {
            *state = State::default();
        }
        state.members.resize(self.members, None);
        for (member, occ) in hits {
            match state.members.get_mut(*member) {
                Some(place @ None) => *place = Some(occ.clone()),
                _ => continue,
            }
            if state.members.iter().all(Option::is_some) {
                let all = std::mem::replace(&mut state.members, vec![None; self.members]);
                let parts: Vec<Part> = all.into_iter().enumerate().map(|(m, o)| (m as u32, o)).collect();
                cx.emit(Vec::new(), parts, 0);
            }
        }
    }

    fn fire(&self, _: &mut State, _: &mut Cx<'_>) {}

    fn wake(&self, state: &State) -> Wake {
        if state.members.iter().all(Option::is_none) { Wake::Done } else { Wake::Never }
    }

    fn held(&self, state: &State) -> usize {
        state.members.iter().flatten().count()
    }
}
