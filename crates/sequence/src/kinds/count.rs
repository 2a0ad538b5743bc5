//! Aggregates over the events of one group (Sigma v1 `count/min/max/avg/sum … by`, v2 `event_count`,
//! `value_*`).
//!
//! A condition that further events can only make true (`count`, `sum`, `max` above a bound, `min` below one)
//! is judged at each event over what lies within the last span, bound included; when it first holds, that is
//! the match, and the window is emptied: an event takes part in at most one match of a rule. Any other
//! condition (`lt`, `eq`, averages, percentiles) is judged when the window closes: it opens with its first
//! event and closes when the span after it, bound included, has passed; whatever the answer, the next event
//! opens a new one. Without a span the whole input is the window and the end of the input closes it.
//!
//! A window that is held slides until the condition first holds and then stays open until the span after its first
//! event, bound included, has passed: what comes in the meantime is counted in and, beyond some, not listed.
//!
//! An event that has none of the values asked for is left out; an event that reaches a group in several ways
//! (several of the correlated rules) counts once.

use std::collections::VecDeque;

use shikra_event::Value;
use shikra_ir::{CmpOp, Duration, Expr, Op, Scalar, eval};

use super::{Cx, Kind, Occ, Part, Wake};
use crate::aggregate::{Accumulator, Aggregate, Function};
use crate::program::Columns;

/// When a group is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At each event, over the span before it.
    Each(Duration),
    /// At each event, over the span before it; once the condition holds, as `Close`.
    Held(Duration),
    /// When the span after the window's first event has passed.
    Close(Duration),
    /// At the end of the input.
    End,
}

/// Events that a held window lists before it leaves further ones out.
pub(crate) const LISTED: usize = 100;

#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) condition: Expr,
    pub(crate) when: When,
}

#[derive(Default)]
pub(crate) struct State {
    window: VecDeque<Occ>,
    accumulators: Vec<Accumulator>,
    /// Time of the first event of a window that waits to be closed.
    opened: Option<i64>,
    /// The condition holds, and the window waits for its end.
    held: bool,
    lost: u64,
}

/// Whether further events can only make `e` true. `function` is that of a named column.
pub(crate) fn only_rises(e: &Expr, function: &dyn Fn(&str) -> Option<Function>) -> bool {
    match e {
        Expr::And(v) | Expr::Or(v) => v.iter().all(|e| only_rises(e, function)),
        Expr::Named(_, e) => only_rises(e, function),
        Expr::Test(t) => {
            let (Scalar::Field(f), Op::Compare(op, Scalar::Lit(_))) = (&t.subject, &t.op) else {
                return false;
            };
            match function(&f.name) {
                Some(Function::Min) => matches!(op, CmpOp::Lt | CmpOp::Le),
                Some(
                    Function::Count
                    | Function::CountOf
                    | Function::CountDistinct
                    | Function::Sum
                    | Function::Max,
                ) => matches!(op, CmpOp::Gt | CmpOp::Ge),
                _ => false,
            }
        }
        _ => false,
    }
}

impl Count {
    fn contributes(&self, occ: &Occ) -> bool {
        let present = |a: &Aggregate| match a.argument {
            None => true,
            Some(i) => occ.arguments.get(i).is_some_and(|v| v.elements().iter().any(|v| !v.is_null())),
        };
        self.aggregates.is_empty() || self.aggregates.iter().any(present)
    }

    fn add(&self, state: &mut State, occ: &Occ, cx: &mut Cx<'_>) {
        if state.accumulators.is_empty() {
            state.accumulators = self.aggregates.iter().map(|a| Accumulator::new(a.function)).collect();
        }
        let all = state.accumulators.iter_mut().zip(&self.aggregates);
        for (acc, a) in all {
            if !acc.add(a, occ, cx.limits.max_values) {
                cx.stats.values_dropped += 1;
            }
        }
        if state.held && state.window.len() >= LISTED {
            state.lost += 1;
            return;
        }
        state.window.push_back(occ.clone());
        if state.window.len() > cx.limits.max_window {
            state.lost += 1;
            cx.stats.events_dropped += 1;
            match self.when {
                When::Each(_) | When::Held(_) => self.pop(state),
                // Nothing leaves before the close: what is not held is still counted.
                When::Close(_) | When::End => drop(state.window.pop_back()),
            }
        }
    }

    fn pop(&self, state: &mut State) {
        let Some(occ) = state.window.pop_front() else { return };
        for (acc, a) in state.accumulators.iter_mut().zip(&self.aggregates) {
            acc.remove(a, &occ);
        }
    }

    fn column(&self, state: &State, i: usize) -> Value {
        match (state.accumulators.get(i), self.aggregates.get(i)) {
            (Some(acc), Some(a)) => acc.value(a, state.window.iter()),
            _ => Value::Null,
        }
    }

    fn holds(&self, state: &State, cx: &Cx<'_>) -> bool {
        let carried = state.window.back().map_or(&[][..], |o| &o.carried);
        let column = |i| self.column(state, i);
        let row = Columns { spec: cx.spec, keys: &cx.key.values, columns: &column, carried };
        eval::truth(&self.condition, &row).holds()
    }

    /// Whether the condition holds; then the match, and an empty window.
    fn judge(&self, state: &mut State, cx: &mut Cx<'_>) {
        if self.holds(state, cx) {
            self.give(state, cx);
        }
    }

    fn give(&self, state: &mut State, cx: &mut Cx<'_>) {
        let columns = (0..self.aggregates.len()).map(|i| self.column(state, i)).collect();
        let state = std::mem::take(state);
        let parts: Vec<Part> = state.window.into_iter().map(|o| (0, Some(o))).collect();
        cx.emit(columns, parts, state.lost);
    }
}

impl Kind for Count {
    type State = State;

    fn opens(&self, _: usize) -> bool {
        true
    }

    fn tick(&self, state: &mut State, hits: &[(usize, Occ)], cx: &mut Cx<'_>) {
        if let When::Each(span) | When::Held(span) = self.when
            && !state.held
        {
            let begin = cx.at.time.saturating_sub(span);
            while state.window.front().is_some_and(|o| o.at.time < begin) {
                self.pop(state);
            }
        }
        let mut counts = false;
        for (i, (_, occ)) in hits.iter().enumerate() {
            let mut before = hits.iter().take(i);
            let again = before.any(|(_, c)| c.events == occ.events && self.contributes(c));
            if !again && self.contributes(occ) {
                counts = true;
                self.add(state, occ, cx);
            }
        }
        if !counts {
            return;
        }
        state.opened.get_or_insert(cx.at.time);
        match self.when {
            When::Each(_) => self.judge(state, cx),
            When::Held(_) if !state.held => state.held = self.holds(state, cx),
            _ => {}
        }
    }

    fn fire(&self, state: &mut State, cx: &mut Cx<'_>) {
        match self.when {
            When::Close(_) => self.judge(state, cx),
            When::Held(_) if state.held => self.give(state, cx),
            _ => {}
        }
        *state = State::default();
    }

    fn end(&self, state: &mut State, cx: &mut Cx<'_>) {
        if self.when == When::End {
            self.judge(state, cx);
            *state = State::default();
        }
    }

    fn wake(&self, state: &State) -> Wake {
        let (Some(opened), Some(first), Some(last)) =
            (state.opened, state.window.front(), state.window.back())
        else {
            return Wake::Done;
        };
        match self.when {
            When::Held(span) if state.held => Wake::At(first.at.time.saturating_add(span)),
            When::Each(span) | When::Held(span) => Wake::At(last.at.time.saturating_add(span)),
            When::Close(span) => Wake::At(opened.saturating_add(span)),
            When::End => Wake::Never,
        }
    }

    fn held(&self, state: &State) -> usize {
        state.window.len()
    }
}
