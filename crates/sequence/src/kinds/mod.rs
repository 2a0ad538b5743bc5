//! The kinds of state machine. Each says what happens to the state of one key; [`crate::keyed`] finds that
//! state and looks after time and memory.

use std::sync::Arc;

use shikra_event::Value;

use crate::keyed::Keyed;
use crate::machine::{Limits, Stats};
use crate::program::NodeSpec;
use crate::value::Key;

pub(crate) mod count;
pub(crate) mod fresh;
pub(crate) mod join;
pub(crate) mod near;
pub(crate) mod ordered;
pub(crate) mod sample;
pub(crate) mod sequence;
pub(crate) mod temporal;

/// A place in the total order of events: time, then source and record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At {
    pub(crate) time: i64,
    pub(crate) order: (u32, u64),
}

impl At {
    /// After every event of that time.
    pub(crate) fn end_of(time: i64) -> At {
        At { time, order: (u32::MAX, u64::MAX) }
    }
}

/// Something that happened: an event, or a match of a chained rule with all its events.
#[derive(Debug)]
pub(crate) struct Occurrence {
    pub(crate) at: At,
    /// Handles of the events behind it, each with its place.
    pub(crate) events: Vec<(At, u64)>,
    pub(crate) arguments: Vec<Value>,
    pub(crate) carried: Vec<Value>,
}

pub(crate) type Occ = Arc<Occurrence>;

/// An event of a match: stage or member number, and what filled it; none for an absent stage.
pub(crate) type Part = (u32, Option<Occ>);

/// A match, before it is filtered and handed on.
#[derive(Debug)]
pub(crate) struct Emission {
    /// When it became known.
    pub(crate) at: At,
    pub(crate) key: Arc<Key>,
    pub(crate) columns: Vec<Value>,
    pub(crate) parts: Vec<Part>,
    /// Events that took part but were no longer held, because a limit was reached.
    pub(crate) lost: u64,
}

/// What a state machine may use while it works on one key.
pub(crate) struct Cx<'a> {
    pub(crate) at: At,
    pub(crate) key: &'a Arc<Key>,
    pub(crate) spec: &'a NodeSpec,
    pub(crate) limits: &'a Limits,
    pub(crate) stats: &'a mut Stats,
    pub(crate) out: &'a mut Vec<Emission>,
}

impl Cx<'_> {
    pub(crate) fn emit(&mut self, columns: Vec<Value>, parts: Vec<Part>, lost: u64) {
        self.out.push(Emission { at: self.at, key: self.key.clone(), columns, parts, lost });
    }
}

/// What time alone does to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Call [`Kind::fire`] once every event up to and including this time has been seen.
    At(i64),
    /// Nothing.
    Never,
    /// The state is as good as new: drop it.
    Done,
}

/// One kind of state machine, over the state of one key.
pub(crate) trait Kind: Clone + Send {
    type State: Default + Send;
    /// Matches found at the end of input come out in order of keys, not of first appearance.
    const SORTED: bool = false;
    /// Whether a hit on this port matters to a key that has no state yet.
    fn opens(&self, port: usize) -> bool;
    /// Everything that happened at one place in time to this key.
    fn tick(&self, state: &mut Self::State, hits: &[(usize, Occ)], cx: &mut Cx<'_>);
    /// Time has passed `cx.at.time`, which [`Kind::wake`] asked for.
    fn fire(&self, state: &mut Self::State, cx: &mut Cx<'_>);
    /// The input has ended: decide what waits for the end, not what waits for a time.
    fn end(&self, _state: &mut Self::State, _cx: &mut Cx<'_>) {}
    fn wake(&self, state: &Self::State) -> Wake;
    /// Number of occurrences held.
    fn held(&self, state: &Self::State) -> usize;
}

/// A compiled node's kind.
#[derive(Clone, Debug)]
pub(crate) enum Spec {
    Count(count::Count),
    Temporal(temporal::Temporal),
    Near(near::Near),
    Ordered(ordered::Ordered),
    Sequence(sequence::Sequence),
    Sample(sample::Sample),
    Join(join::Join),
    Fresh(fresh::Fresh),
}

impl Spec {
    /// Whether matches list their events by time; otherwise by stage.
    pub(crate) fn lists_by_time(&self) -> bool {
        matches!(self, Spec::Count(_) | Spec::Temporal(_) | Spec::Near(_))
    }

    pub(crate) fn machine(&self, node: &Arc<NodeSpec>, limits: &Arc<Limits>) -> Box<dyn Node> {
        match self {
            Spec::Count(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Temporal(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Near(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Ordered(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Sequence(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Sample(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Join(k) => Box::new(Keyed::new(k.clone(), node, limits)),
            Spec::Fresh(k) => Box::new(Keyed::new(k.clone(), node, limits)),
        }
    }
}

/// A row that arrives at a port.
pub(crate) struct Arrival {
    pub(crate) port: usize,
    pub(crate) events: Vec<(At, u64)>,
    /// Keys, arguments, carried values.
    pub(crate) row: Vec<Value>,
}

/// A node at work: all its keys.
pub(crate) trait Node: Send {
    fn tick(&mut self, at: At, arrivals: Vec<Arrival>, stats: &mut Stats, out: &mut Vec<Emission>);
    /// The earliest time asked for.
    fn wake(&self) -> Option<i64>;
    /// Serves one request for exactly that time.
    fn fire(&mut self, stats: &mut Stats, out: &mut Vec<Emission>);
    fn end(&mut self, at: At, stats: &mut Stats, out: &mut Vec<Emission>);
}
