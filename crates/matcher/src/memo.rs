//! Memory of one thread: outcomes of values and of events, bounded.
//!
//! Most values and most combinations of outcomes come again and again. Keys are compared exactly; the hash is
//! seeded, so that no input can aim at it. What all threads know together is in `known`.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use shikra_event::{Kind, Slot};

use crate::known::Key;
use crate::program::Entry;
use crate::team::lock;

/// Number of an outcome class: a set of predicates that are not false.
pub(crate) type ClassId = u32;
/// The class of nothing.
pub(crate) const EMPTY: ClassId = 0;

/// Longest value that is taken as given, and longest last value kept, in bytes.
pub(crate) const KEPT: usize = 192;

/// Hashes bytes under a secret of the scratch, or of all that tell each other.
#[derive(Clone, Default)]
pub(crate) struct Hasher(RandomState);

impl Hasher {
    pub fn value(&self, slot: Slot<'_>) -> u64 {
        self.0.hash_one((slot.kind.0, slot.data))
    }
    fn words(&self, data: &[u32]) -> u64 {
        self.0.hash_one(data)
    }
    fn entries(&self, set: &[Entry]) -> u64 {
        self.0.hash_one(set)
    }
}

/// Sets of predicates, numbered.
#[derive(Default)]
pub(crate) struct Classes {
    hasher: Hasher,
    /// Numbers them for all threads.
    common: Arc<Mutex<Sets>>,
    /// Those that this thread has met, under the same numbers.
    met: Sets,
}

/// Sets by number.
#[derive(Default)]
pub(crate) struct Sets {
    table: HashTable<ClassId>,
    /// Where each stands in `entries`; empty for those that are not here.
    spans: Vec<(u32, u32)>,
    entries: Vec<Entry>,
}

impl Classes {
    pub fn new(hasher: Hasher, common: Arc<Mutex<Sets>>) -> Classes {
        Classes { hasher, common, met: Sets::default() }
    }

    /// The number of a sorted set.
    pub fn intern(&mut self, set: &[Entry]) -> ClassId {
        if set.is_empty() {
            return EMPTY;
        }
        let hash = self.hasher.entries(set);
        if let Some(id) = self.met.find(hash, set) {
            return id;
        }
        let mut common = lock(&self.common);
        let id = common.find(hash, set).unwrap_or_else(|| {
            // The first is that of nothing.
            let id = common.spans.len().max(1) as ClassId;
            common.put(&self.hasher, hash, id, set);
            id
        });
        drop(common);
        self.met.put(&self.hasher, hash, id, set);
        id
    }

    /// One that this thread has met.
    pub fn get(&self, id: ClassId) -> &[Entry] {
        self.met.get(id)
    }

    /// Meets one that another thread may have numbered.
    pub fn meet(&mut self, id: ClassId) {
        if id == EMPTY || !self.met.get(id).is_empty() {
            return;
        }
        let common = lock(&self.common);
        let set = common.get(id);
        self.met.put(&self.hasher, self.hasher.entries(set), id, set);
    }

    pub fn bytes(&self) -> usize {
        self.met.entries.len() * 4 + self.met.spans.len() * 16
    }
}

impl Sets {
    fn get(&self, id: ClassId) -> &[Entry] {
        Self::slice(&self.spans, &self.entries, id)
    }

    fn find(&self, hash: u64, set: &[Entry]) -> Option<ClassId> {
        self.table.find(hash, |&id| self.get(id) == set).copied()
    }

    fn put(&mut self, hasher: &Hasher, hash: u64, id: ClassId, set: &[Entry]) {
        let start = self.entries.len() as u32;
        self.entries.extend_from_slice(set);
        let place = id as usize;
        if self.spans.len() <= place {
            self.spans.resize(place + 1, (0, 0));
        }
        self.spans[place] = (start, self.entries.len() as u32);
        let (spans, entries) = (&self.spans, &self.entries);
        self.table.insert_unique(hash, id, |&id| hasher.entries(Self::slice(spans, entries, id)));
    }

    fn slice<'s>(spans: &[(u32, u32)], entries: &'s [Entry], id: ClassId) -> &'s [Entry] {
        let (start, end) = spans.get(id as usize).copied().unwrap_or((0, 0));
        &entries[start as usize..end as usize]
    }
}

/// A short value and its class, in one line of the processor's cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Cell {
    hash: u64,
    program: u32,
    class: ClassId,
    len: u8,
    kind: Kind,
    used: bool,
    data: [u8; LONGEST_RECENT],
}

/// Longest value that fits into a cell, in bytes.
const LONGEST_RECENT: usize = 45;
/// Most cells for recent values: a quarter of a megabyte.
const MOST_RECENT: usize = 4096;

const FREE: Cell = Cell {
    hash: 0,
    program: 0,
    class: EMPTY,
    len: 0,
    kind: Kind::MISSING,
    used: false,
    data: [0; LONGEST_RECENT],
};

/// The class of short values that came lately, over all programs that take little time to evaluate: for them it
/// does not pay to remember more than stays in the processor's cache.
#[derive(Default)]
pub(crate) struct Recent {
    /// None, or a power of two.
    cells: Vec<Cell>,
}

impl Recent {
    /// Room for so many bytes, within reason.
    pub fn new(bytes: usize) -> Recent {
        let cells = (bytes / size_of::<Cell>()).min(MOST_RECENT);
        let cells = if cells == 0 { 0 } else { 1 << cells.ilog2() };
        Recent { cells: vec![FREE; cells] }
    }

    /// Whether a value is short enough.
    pub fn takes(slot: Slot<'_>) -> bool {
        slot.data.len() <= LONGEST_RECENT
    }

    fn place(&self, key: &Key<'_>) -> Option<usize> {
        Some(key.spread() as usize & self.cells.len().checked_sub(1)?)
    }

    pub fn get(&self, key: &Key<'_>) -> Option<ClassId> {
        let Key { hash, program, slot } = *key;
        let cell = &self.cells[self.place(key)?];
        let same = cell.used && cell.hash == hash && cell.program == program && cell.kind == slot.kind;
        let data = cell.data.get(..usize::from(cell.len));
        (same && data == Some(slot.data)).then_some(cell.class)
    }

    pub fn put(&mut self, key: &Key<'_>, class: ClassId) {
        let Key { hash, program, slot } = *key;
        let Some(place) = self.place(key) else { return };
        let len = slot.data.len() as u8;
        let mut cell =
            Cell { hash, program, class, len, kind: slot.kind, used: true, data: [0; LONGEST_RECENT] };
        let Some(data) = cell.data.get_mut(..slot.data.len()) else { return };
        data.copy_from_slice(slot.data);
        self.cells[place] = cell;
    }

    pub fn clear(&mut self) {
        self.cells.fill(FREE);
    }
}

/// What an event comes to: filters that hold, and filters that hold if their open comparisons do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    start: u32,
    open: u32,
    end: u32,
}

/// Classes of an event → outcome.
#[derive(Default)]
pub(crate) struct Outcomes {
    table: HashTable<KnownEvent>,
    words: Vec<u32>,
}

struct KnownEvent {
    hash: u64,
    start: u32,
    len: u32,
    outcome: Outcome,
}

impl Outcomes {
    pub fn hash(hasher: &Hasher, key: &[u32]) -> u64 {
        hasher.words(key)
    }

    pub fn get(&self, hash: u64, key: &[u32]) -> Option<Outcome> {
        let same = |k: &KnownEvent| {
            k.hash == hash && self.words.get(k.start as usize..k.start as usize + k.len as usize) == Some(key)
        };
        self.table.find(hash, same).map(|k| k.outcome)
    }

    pub fn insert(&mut self, hash: u64, key: &[u32], holds: &[u32], open: &[u32]) -> Outcome {
        let mut put = |words: &[u32]| {
            let start = self.words.len() as u32;
            self.words.extend_from_slice(words);
            start
        };
        let (start, first, second) = (put(key), put(holds), put(open));
        let outcome = Outcome { start: first, open: second, end: self.words.len() as u32 };
        let known = KnownEvent { hash, start, len: key.len() as u32, outcome };
        self.table.insert_unique(hash, known, |k| k.hash);
        outcome
    }

    /// Filters that hold, and active numbers of those that are open.
    pub fn read(&self, o: Outcome) -> (&[u32], &[u32]) {
        (&self.words[o.start as usize..o.open as usize], &self.words[o.open as usize..o.end as usize])
    }

    pub fn bytes(&self) -> usize {
        self.words.len() * 4 + self.table.len() * 2 * size_of::<KnownEvent>()
    }

    pub fn clear(&mut self) {
        self.table = HashTable::new();
        self.words = Vec::new();
    }
}

/// The last value of a slot and what of its class is asked for: logs repeat themselves.
#[derive(Default)]
pub(crate) struct Last {
    kind: Option<Kind>,
    pub asked: ClassId,
    data: Vec<u8>,
}

impl Last {
    pub fn is(&self, slot: &Slot<'_>) -> bool {
        self.kind == Some(slot.kind) && same(&self.data, slot.data)
    }

    pub fn set(&mut self, slot: Slot<'_>, asked: ClassId) {
        if slot.data.len() > KEPT {
            return;
        }
        self.kind = Some(slot.kind);
        self.asked = asked;
        self.data.clear();
        self.data.extend_from_slice(slot.data);
    }
}

/// Whether the values of a slot come again. Those of some never do (record numbers, times, messages): to
/// remember them costs more than it saves, and crowds out what does come again.
#[derive(Default)]
pub(crate) struct Habit {
    looked_up: u32,
    pub known: u32,
    /// Look-ups to leave out.
    rest: u32,
}

impl Habit {
    /// Look-ups after which it is judged.
    const TRIAL: u32 = 256;
    /// Look-ups left out where fewer than one in eight was known.
    const REST: u32 = 4096;

    /// Whether to look up and remember the next value.
    pub fn remembers(&mut self) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        self.looked_up += 1;
        if self.looked_up > Habit::TRIAL {
            if self.known < Habit::TRIAL / 8 {
                self.rest = Habit::REST;
            }
            self.looked_up = 0;
            self.known = 0;
        }
        true
    }
}

/// Equality; short values, which are numbers, without a call.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && if a.len() <= 2 { a.iter().eq(b) } else { a == b }
}
