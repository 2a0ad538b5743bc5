//! One event for each member under one key, in any order, over the whole input (EQL `sample`).
//!
//! Matches come at the end, keys in order. Of each key the first so many choices of distinct events are
//! listed, the choices ordered as their events are, the last member varying fastest.

use super::{Cx, Kind, Occ, Part, Wake};

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) members: usize,
    pub(crate) most: usize,
}

#[derive(Default)]
pub(crate) struct State {
    members: Vec<Vec<Occ>>,
}

impl Sample {
    /// Finds choices of distinct events, at most [`Sample::most`] of them.
    fn choices(&self, members: &[Vec<Occ>], cx: &mut Cx<'_>) -> Vec<Vec<Occ>> {
        let mut steps = cx.limits.max_steps;
        let mut found = Vec::new();
        let mut at = vec![0usize];
        let mut chosen: Vec<Occ> = Vec::new();
        while let Some(position) = at.last_mut() {
            let member = chosen.len();
            let next = members.get(member).and_then(|events| events.get(*position));
            let Some(occ) = next.filter(|_| steps > 0) else {
                at.pop();
                chosen.pop();
                continue;
            };
            steps -= 1;
            *position += 1;
            if chosen.iter().any(|c| c.events == occ.events) {
                continue;
            }
            if member + 1 < self.members {
                chosen.push(occ.clone());
                at.push(0);
            } else {
                found.push(chosen.iter().chain([occ]).cloned().collect());
                if found.len() == self.most {
                    break;
                }
            }
        }
        cx.stats.samples_cut += u64::from(steps == 0);
        found
    }
}

impl Kind for Sample {
    type State = State;
    const SORTED: bool = true;

    fn opens(&self, _: usize) -> bool {
        true
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        state.members.resize_with(self.members, Vec::new);
        // More can make no difference: enough for every match to differ in this member alone, however many
        // of its events the other members take.
        let enough = self.most.saturating_add(2 * self.members).min(cx.limits.max_window);
        for (member, occ) in hits {
            if let Some(events) = state.members.get_mut(*member).filter(|e| e.len() < enough) {
                events.push(occ.clone());
            }
        }
    }

    fn fire(&self, _: &mut State, _: &mut Cx<'_>) {}

    fn end(&self, state: &mut State, cx: &mut Cx<'_>) {
        for choice in self.choices(&state.members, cx) {
            let parts: Vec<Part> = choice.into_iter().enumerate().map(|(m, o)| (m as u32, Some(o))).collect();
            cx.emit(Vec::new(), parts, 0);
        }
        *state = State::default();
    }

    fn wake(&self, state: &State) -> Wake {
        if state.members.iter().all(Vec::is_empty) { Wake::Done } else { Wake::Never }
    }

    fn held(&self, state: &State) -> usize {
        state.members.iter().map(Vec::len).sum()
    }
}
