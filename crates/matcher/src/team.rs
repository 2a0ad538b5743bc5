//! What threads that run a matcher together tell each other: outcomes of values and plans of shapes, so that what
//! all of them meet is worked out by one.
//!
//! Each thread remembers for itself (`memo`) and asks here only for what it does not know. What has been told to all is
//! dropped, so little stays here, and that is bounded. Answers do not depend on any of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use shikra_event::{Event, Form, Kind, Slot, SlotIndex};

use crate::memo::Hasher;
use crate::plan::ShapePlan;
use crate::program::Entry;

/// Values are kept in so many tables, so that threads seldom wait for each other.
const TABLES: usize = 16;
/// Bytes of values that one table holds before it starts over.
const MOST_BYTES: usize = 512 << 10;
/// Bytes that a value takes beside its own.
const VALUE: usize = 2 * size_of::<Told>();
/// Plans that are held before all are dropped.
const MOST_PLANS: usize = 1024;

/// Threads that run a matcher together: see [`crate::Matcher::team`].
#[derive(Clone)]
pub struct Team(Option<Arc<Common>>);

impl Team {
    /// Of so many threads; one has nobody to tell.
    pub(crate) fn new(threads: usize) -> Team {
        let others = threads.saturating_sub(1);
        Team((others > 0).then(|| Arc::new(Common { others, ..Common::default() })))
    }

    pub(crate) fn common(&self) -> Option<Arc<Common>> {
        self.0.clone()
    }
}

/// What a team has in common.
#[derive(Default)]
pub(crate) struct Common {
    /// Every thread's: hashes are the same for all.
    pub hasher: Hasher,
    /// Threads but one.
    others: usize,
    values: [Mutex<Table>; TABLES],
    plans: Mutex<HashMap<PlanKey, (Arc<ShapePlan>, usize)>>,
}

#[derive(Default)]
struct Table {
    told: HashTable<Told>,
    bytes: usize,
}

/// A value that one thread has evaluated.
struct Told {
    hash: u64,
    program: u32,
    kind: Kind,
    data: Box<[u8]>,
    outcome: Box<[Entry]>,
    /// Threads that have not been told.
    left: usize,
}

impl Told {
    fn is(&self, hash: u64, program: u32, slot: Slot<'_>) -> bool {
        self.hash == hash && self.program == program && self.kind == slot.kind && *self.data == *slot.data
    }

    fn bytes(&self) -> usize {
        VALUE + self.data.len() + size_of_val(&*self.outcome)
    }
}

impl Table {
    /// One thread less has to be told of a value; whether it was there, with its outcome into `out`.
    fn take(&mut self, hash: u64, program: u32, slot: Slot<'_>, out: Option<&mut Vec<Entry>>) -> bool {
        let Ok(mut found) = self.told.find_entry(hash, |t| t.is(hash, program, slot)) else { return false };
        let told = found.get_mut();
        if let Some(out) = out {
            out.extend_from_slice(&told.outcome);
        }
        told.left -= 1;
        if told.left == 0 {
            self.bytes -= told.bytes();
            found.remove();
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Common {
    /// The table that a value belongs in, and its hash there: the same value means something else to each program.
    fn table(&self, hash: u64, program: u32) -> (MutexGuard<'_, Table>, u64) {
        let hash = hash ^ u64::from(program).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (lock(&self.values[(hash >> 32) as usize % TABLES]), hash)
    }

    /// Appends the outcome of a value under a program where another thread has told it; false where none has.
    pub fn ask(&self, hash: u64, program: u32, slot: Slot<'_>, out: &mut Vec<Entry>) -> bool {
        let (mut table, hash) = self.table(hash, program);
        table.take(hash, program, slot, Some(out))
    }

    /// Tells the others the outcome of a value.
    pub fn tell(&self, hash: u64, program: u32, slot: Slot<'_>, outcome: &[Entry]) {
        let (mut table, hash) = self.table(hash, program);
        // Two may have evaluated it at the same time.
        if table.take(hash, program, slot, None) {
            return;
        }
        let Slot { kind, data } = slot;
        let told =
            Told { hash, program, kind, data: data.into(), outcome: outcome.into(), left: self.others };
        if table.bytes > MOST_BYTES {
            *table = Table::default();
        }
        table.bytes += told.bytes();
        table.told.insert_unique(hash, told, |t| t.hash);
    }

    /// The plan for all events that `key` stands for, made by whoever comes first.
    pub fn plan(&self, key: PlanKey, make: impl FnOnce() -> ShapePlan) -> Arc<ShapePlan> {
        let mut plans = lock(&self.plans);
        if let Some((plan, left)) = plans.get_mut(&key) {
            let plan = plan.clone();
            *left -= 1;
            if *left == 0 {
                plans.remove(&key);
            }
            return plan;
        }
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        let made = Arc::new(make());
        plans.insert(key, (made.clone(), self.others));
        made
    }
}

/// All that a plan depends on: what a shape is, for each reader has shapes of its own, and what is taken as given.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    form: Form,
    event_id: Option<u32>,
    version: Option<u32>,
    /// Provider, channel, fields, slots that are taken as given and their values, each with its length.
    rest: Vec<u8>,
}

impl PlanKey {
    pub fn new(event: &Event<'_>, fixed: &[SlotIndex]) -> PlanKey {
        let shape = event.shape;
        let mut rest = Vec::with_capacity(1024);
        let mut push = |bytes: &[u8]| {
            rest.extend((bytes.len() as u64).to_le_bytes());
            rest.extend_from_slice(bytes);
        };
        push(shape.provider().as_bytes());
        push(shape.channel().as_bytes());
        push(&shape.fields().len().to_le_bytes());
        shape.fields().iter().for_each(|name| push(name.as_bytes()));
        for &i in fixed {
            let slot = event.slot(i);
            push(&i.to_le_bytes());
            push(&[slot.kind.0]);
            push(slot.data);
        }
        PlanKey { form: shape.form(), event_id: shape.event_id(), version: shape.version(), rest }
    }
}

#[cfg(test)]
mod tests {
    use shikra_ir::Truth;

    use super::*;

    #[test]
    fn each_of_the_others_is_told_once() {
        let team = Team::new(3).common().unwrap();
        let slot = Slot { kind: Kind::UTF8, data: b"value" };
        let outcome: Vec<Entry> = [7, 9].iter().filter_map(|p| Entry::new(*p, Truth::True)).collect();
        let ask = |program: u32, slot| {
            let mut out = Vec::new();
            team.ask(1, program, slot, &mut out).then_some(out)
        };
        assert_eq!(ask(5, slot), None);
        team.tell(1, 5, slot, &outcome);
        assert_eq!(ask(6, slot), None);
        assert_eq!(ask(5, Slot { kind: Kind::ANSI, ..slot }), None);
        assert_eq!(ask(5, Slot { data: b"valuf", ..slot }), None);
        assert_eq!(ask(5, slot), Some(outcome.clone()));
        assert_eq!(ask(5, slot), Some(outcome.clone()));
        assert_eq!(ask(5, slot), None);
        // Two that evaluated it at the same time need not be told.
        team.tell(1, 5, slot, &outcome);
        team.tell(1, 5, slot, &outcome);
        assert_eq!(ask(5, slot), Some(outcome));
        assert_eq!(ask(5, slot), None);
        assert!(team.values.iter().all(|t| lock(t).bytes == 0));
    }

    #[test]
    fn what_nobody_asks_for_is_dropped() {
        let team = Team::new(2).common().unwrap();
        for n in 0..40_000_u64 {
            let data = [n.to_le_bytes(), n.to_le_bytes(), n.to_le_bytes()].concat();
            team.tell(n << 32, 1, Slot { kind: Kind::BINARY, data: &data }, &[]);
        }
        assert!(team.values.iter().all(|t| lock(t).bytes <= MOST_BYTES + 1024));
        assert!(Team::new(1).common().is_none());
    }
}
