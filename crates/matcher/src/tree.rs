//! Filters' expressions over predicates, each a stretch of one list of steps.
//!
//! For every shape of events thousands of them are looked through. As trees in boxes they would lie apart in memory,
//! and to wait for them would take longer than to evaluate them.

use shikra_ir::Truth;

use crate::compile::{ExactId, PredId};

/// A step of an expression: a connective stands before what it joins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Const(Truth),
    Pred(PredId),
    /// A comparison of several variables: evaluated on the event, where all else holds.
    Exact(ExactId),
    /// Of what follows.
    Not,
    /// Of what the next so many steps are.
    And(u32),
    /// The same.
    Or(u32),
}

/// Expressions taken apart, and for each the predicates that it cannot do without.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    steps: Vec<Step>,
    witnesses: Vec<PredId>,
    all: Vec<Tree>,
}

/// Where one ends in both lists; it begins where the one before ends.
#[derive(Debug)]
struct Tree {
    steps: u32,
    witnesses: u32,
    /// Nothing can be said of what it cannot do without.
    open: bool,
}

impl Trees {
    /// Makes room for so many.
    pub fn reserve(&mut self, number: usize) {
        self.all.reserve_exact(number);
        self.steps.reserve(STEPS * number);
        self.witnesses.reserve(number);
    }

    /// Adds one; answers its number.
    pub fn push(&mut self, steps: &[Step], witness: Option<&[PredId]>) -> u32 {
        self.steps.extend_from_slice(steps);
        self.witnesses.extend_from_slice(witness.unwrap_or_default());
        let (steps, witnesses) = (self.steps.len() as u32, self.witnesses.len() as u32);
        self.all.push(Tree { steps, witnesses, open: witness.is_none() });
        (self.all.len() - 1) as u32
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The steps of one.
    pub fn steps(&self, tree: u32) -> &[Step] {
        stretch(&self.steps, self.before(tree).map_or(0, |t| t.steps), self.tree(tree).map_or(0, |t| t.steps))
    }

    /// At least one of these is true where the tree is; none where nothing can be said.
    pub fn witness(&self, tree: u32) -> Option<&[PredId]> {
        let own = self.tree(tree).filter(|t| !t.open)?;
        Some(stretch(&self.witnesses, self.before(tree).map_or(0, |t| t.witnesses), own.witnesses))
    }

    /// The predicates of one, as often as they stand in it.
    pub fn preds(&self, tree: u32) -> impl Iterator<Item = PredId> {
        self.steps(tree).iter().filter_map(|s| if let Step::Pred(p) = s { Some(*p) } else { None })
    }

    /// The bounds of the truth of one, given bounds of the leaves.
    pub fn bounds(&self, tree: u32, leaf: &impl Fn(Leaf) -> Bounds) -> Bounds {
        bounds(self.steps(tree), &mut 0, leaf)
    }

    fn tree(&self, tree: u32) -> Option<&Tree> {
        self.all.get(tree as usize)
    }

    fn before(&self, tree: u32) -> Option<&Tree> {
        self.tree(tree.checked_sub(1)?)
    }
}

/// Steps of most expressions.
const STEPS: usize = 8;

fn stretch<T>(all: &[T], from: u32, to: u32) -> &[T] {
    all.get(from as usize..to as usize).unwrap_or_default()
}

/// What is known of a tree's truth while some leaves are open: at least, at most.
pub(crate) type Bounds = (Truth, Truth);

/// Anything.
pub(crate) const OPEN: Bounds = (Truth::False, Truth::True);

/// Bounds of what is known.
pub(crate) fn settled(t: Truth) -> Bounds {
    (t, t)
}

/// A leaf of a tree.
#[derive(Clone, Copy)]
pub(crate) enum Leaf {
    Pred(PredId),
    Exact(ExactId),
}

/// The bounds of the expression that begins at `at`, which is moved behind it.
fn bounds(steps: &[Step], at: &mut usize, leaf: &impl Fn(Leaf) -> Bounds) -> Bounds {
    let Some(step) = steps.get(*at) else { return OPEN };
    *at += 1;
    match *step {
        Step::Const(t) => settled(t),
        Step::Pred(p) => leaf(Leaf::Pred(p)),
        Step::Exact(e) => leaf(Leaf::Exact(e)),
        Step::Not => {
            let (low, high) = bounds(steps, at, leaf);
            (high.negate(), low.negate())
        }
        Step::And(length) => {
            let end = *at + length as usize;
            let mut all = settled(Truth::True);
            while *at < end && all.1 != Truth::False {
                let (low, high) = bounds(steps, at, leaf);
                all = (all.0.min(low), all.1.min(high));
            }
            *at = end;
            all
        }
        Step::Or(length) => {
            let end = *at + length as usize;
            let mut any = settled(Truth::False);
            while *at < end && any.0 != Truth::True {
                let (low, high) = bounds(steps, at, leaf);
                any = (any.0.max(low), any.1.max(high));
            }
            *at = end;
            any
        }
    }
}
