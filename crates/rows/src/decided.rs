//! What sieves say of events by the few values that they look at: most events say again what others have said, and what
//! comes to nothing is looked up nowhere else.

use std::sync::Arc;

use hashbrown::HashTable;
use shikra_event::Value;
use shikra_ir::Scalar;

use crate::accumulate::differ;
use crate::compile::{Operator, operator_reads};
use crate::folding::Cells;
use crate::reads;
use crate::same::{same, together};

/// Places of values, among those that are read of an event, that decide.
#[derive(Clone, Debug)]
pub(crate) struct Decisive(Box<[usize]>);

impl Decisive {
    /// More of them say the same too seldom.
    const MOST: usize = 4;

    /// Of operators, and of scalars asked behind them, over what is known as `place` says; none where too much decides, or
    /// what is not told.
    pub fn of<'s>(
        operators: &[Operator],
        behind: impl Iterator<Item = &'s Scalar>,
        place: impl Fn(&Scalar) -> Vec<usize>,
    ) -> Option<Arc<Decisive>> {
        let mut wanted = Vec::new();
        operators.iter().for_each(|o| operator_reads(o, &mut wanted));
        behind.for_each(|s| reads::of_scalar(s, &mut wanted));
        if !wanted.iter().all(|s| matches!(s, Scalar::Field(_))) {
            return None;
        }
        let mut places: Vec<usize> = wanted.iter().flat_map(place).collect();
        places.sort_unstable();
        places.dedup();
        (places.len() <= Decisive::MOST).then(|| Arc::new(Decisive(places.into())))
    }

    /// The same of places elsewhere.
    pub fn moved(&self, place: impl Fn(usize) -> Option<usize>) -> Arc<Decisive> {
        Arc::new(Decisive(self.0.iter().filter_map(|i| place(*i)).collect()))
    }
}

/// What was decided so far.
#[derive(Default)]
pub(crate) struct Decided {
    index: HashTable<u32>,
    known: Vec<(u64, Box<[Value]>, bool)>,
}

/// What there is to say of an event.
pub(crate) struct Said {
    pub comes_to_something: bool,
    /// Whether it might be another where another event had come first.
    pub unsure: bool,
    /// Bytes that are held more than before, about.
    pub size: usize,
}

impl Decided {
    /// Answers that are remembered.
    const MOST: usize = 1024;

    /// Whether anything comes of an event; `decide` tells where that is not known.
    pub fn ask(&mut self, by: &Decisive, cells: Cells<'_>, decide: impl FnOnce() -> bool) -> Said {
        let all = || by.0.iter().filter_map(|i| cells.get(*i));
        let hash = all().fold(0, |hash, c| together(hash, c.hash()));
        let known = &self.known;
        let is = |at: &u32| {
            known.get(*at as usize).is_some_and(|(h, values, _)| {
                *h == hash && values.iter().zip(all()).all(|(v, c)| same(v, c.value()))
            })
        };
        let found = self.index.find(hash, is).and_then(|at| known.get(*at as usize));
        if let Some((_, values, comes_to_something)) = found {
            let other = |(v, c): (&Value, &Value)| differ(v, c) && v != c;
            let unsure = values.iter().zip(all().map(|c| c.value())).any(other);
            return Said { comes_to_something: *comes_to_something, unsure, size: 0 };
        }
        let comes_to_something = decide();
        if self.known.len() >= Decided::MOST {
            return Said { comes_to_something, unsure: false, size: 0 };
        }
        let at = self.known.len() as u32;
        self.known.push((hash, all().map(|c| c.value().clone()).collect(), comes_to_something));
        let known = &self.known;
        let of = |at: &u32| known.get(*at as usize).map_or(0, |(hash, ..)| *hash);
        self.index.insert_unique(hash, at, of);
        let size = all().map(|c| c.cost(c.value())).sum::<usize>();
        Said { comes_to_something, unsure: false, size: size + size_of::<(u64, Box<[Value]>, bool)>() }
    }
}
