//! Memory of one thread: outcomes of values and of events, bounded.
//!
//! Most values and most combinations of outcomes come again and again. Keys are compared exactly; the hash is
//! seeded per scratch, so that no input can aim at it.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use shikra_event::{Kind, Slot};

use crate::program::Entry;

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
    fn bytes(&self, kind: Kind, data: &[u8]) -> u64 {
        self.0.hash_one((kind.0, data))
    }
    fn words(&self, data: &[u32]) -> u64 {
        self.0.hash_one(data)
    }
}

/// Sets of predicates, numbered.
#[derive(Default)]
pub(crate) struct Classes {
    hasher: Hasher,
    table: HashTable<ClassId>,
    spans: Vec<(u32, u32)>,
    entries: Vec<Entry>,
}

impl Classes {
    pub fn new(hasher: Hasher) -> Classes {
        let mut c = Classes { hasher, ..Classes::default() };
        c.spans.push((0, 0));
        c
    }

    /// The number of a sorted set.
    pub fn intern(&mut self, set: &[Entry]) -> ClassId {
        if set.is_empty() {
            return EMPTY;
        }
        let hash = self.hash(set);
        let of = |id: ClassId| Self::slice(&self.spans, &self.entries, id);
        if let Some(&id) = self.table.find(hash, |&id| of(id) == set) {
            return id;
        }
        let id = self.spans.len() as ClassId;
        let start = self.entries.len() as u32;
        self.entries.extend_from_slice(set);
        self.spans.push((start, self.entries.len() as u32));
        let (spans, entries, hasher) = (&self.spans, &self.entries, &self.hasher);
        self.table.insert_unique(hash, id, |&id| hash_entries(hasher, Self::slice(spans, entries, id)));
        id
    }

    pub fn get(&self, id: ClassId) -> &[Entry] {
        Self::slice(&self.spans, &self.entries, id)
    }

    fn slice<'s>(spans: &[(u32, u32)], entries: &'s [Entry], id: ClassId) -> &'s [Entry] {
        let (start, end) = spans.get(id as usize).copied().unwrap_or((0, 0));
        &entries[start as usize..end as usize]
    }

    fn hash(&self, set: &[Entry]) -> u64 {
        hash_entries(&self.hasher, set)
    }

    pub fn bytes(&self) -> usize {
        self.entries.len() * 4 + self.spans.len() * 16
    }
}

fn hash_entries(hasher: &Hasher, set: &[Entry]) -> u64 {
    hasher.0.hash_one(set)
}

/// Raw value → class, for one program.
///
/// A look-up in a table of many values waits for memory, and for little else. So the table that is searched is
/// small, and all that is known of a value stands in one piece behind it.
#[derive(Default)]
pub(crate) struct Values {
    /// Open addressing with linear probing; a power of two, at most half of them in use.
    index: Vec<Place>,
    used: usize,
    /// Class, length, kind and bytes of each value.
    known: Vec<u8>,
}

/// Half of a value's hash, and behind it where in `known` the value stands, plus one; 0 is free.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(u64);

/// Places of the smallest table.
const FEWEST_PLACES: usize = 16;
/// Bytes of a known value before its own.
const KNOWN_HEAD: usize = 9;

impl Place {
    const FREE: Place = Place(0);

    fn new(hash: u64, start: u32) -> Place {
        Place(u64::from(hash_half(hash)) << 32 | u64::from(start) + 1)
    }

    fn half(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn start(self) -> usize {
        (self.0 as u32 as usize).wrapping_sub(1)
    }
}

fn hash_half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Values {
    pub fn hash(hasher: &Hasher, slot: Slot<'_>) -> u64 {
        hasher.bytes(slot.kind, slot.data)
    }

    pub fn get(&self, hash: u64, slot: Slot<'_>) -> Option<ClassId> {
        let mask = self.index.len().checked_sub(1)?;
        let half = hash_half(hash);
        let mut at = half as usize & mask;
        loop {
            let place = self.index[at];
            if place == Place::FREE {
                return None;
            }
            if place.half() == half && let Some(class) = self.class_at(place.start(), slot) {
                return Some(class);
            }
            at = (at + 1) & mask;
        }
    }

    /// The class of what is known there, if it is this value.
    fn class_at(&self, start: usize, slot: Slot<'_>) -> Option<ClassId> {
        let (head, rest) = self.known.get(start..)?.split_first_chunk::<KNOWN_HEAD>()?;
        let [c0, c1, c2, c3, l0, l1, l2, l3, kind] = *head;
        let same = u32::from_le_bytes([l0, l1, l2, l3]) as usize == slot.data.len()
            && kind == slot.kind.0
            && rest.get(..slot.data.len()) == Some(slot.data);
        same.then(|| ClassId::from_le_bytes([c0, c1, c2, c3]))
    }

    /// Remembers a value that is not known; answers the memory it takes. Of more than four gigabytes, nothing is.
    pub fn insert(&mut self, hash: u64, slot: Slot<'_>, class: ClassId) -> usize {
        let (Ok(start), Ok(len)) = (u32::try_from(self.known.len() + 1), u32::try_from(slot.data.len())) else {
            return 0;
        };
        if self.used * 2 >= self.index.len() {
            self.grow();
        }
        self.known.extend_from_slice(&class.to_le_bytes());
        self.known.extend_from_slice(&len.to_le_bytes());
        self.known.push(slot.kind.0);
        self.known.extend_from_slice(slot.data);
        self.used += 1;
        put(&mut self.index, Place::new(hash, start - 1));
        3 * size_of::<Place>() + 2 * (KNOWN_HEAD + slot.data.len())
    }

    fn grow(&mut self) {
        let size = (self.index.len() * 2).max(FEWEST_PLACES);
        let old = std::mem::replace(&mut self.index, vec![Place::FREE; size]);
        for place in old.into_iter().filter(|p| *p != Place::FREE) {
            put(&mut self.index, place);
        }
    }

    pub fn clear(&mut self) {
        *self = Values::default();
    }
}

/// Puts a place into the first free one from where it belongs; there is one.
fn put(index: &mut [Place], place: Place) {
    let mask = index.len() - 1;
    let mut at = place.half() as usize & mask;
    while index[at] != Place::FREE {
        at = (at + 1) & mask;
    }
    index[at] = place;
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

    fn place(&self, hash: u64, program: u32) -> Option<usize> {
        let spread = hash ^ u64::from(program).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some(spread as usize & self.cells.len().checked_sub(1)?)
    }

    pub fn get(&self, hash: u64, program: u32, slot: Slot<'_>) -> Option<ClassId> {
        let cell = &self.cells[self.place(hash, program)?];
        let same = cell.used && cell.hash == hash && cell.program == program && cell.kind == slot.kind;
        let data = cell.data.get(..usize::from(cell.len));
        (same && data == Some(slot.data)).then_some(cell.class)
    }

    pub fn put(&mut self, hash: u64, program: u32, slot: Slot<'_>, class: ClassId) {
        let Some(place) = self.place(hash, program) else { return };
        let len = slot.data.len() as u8;
        let mut cell = Cell { hash, program, class, len, kind: slot.kind, used: true, data: [0; LONGEST_RECENT] };
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
