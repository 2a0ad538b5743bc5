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
/// A look-up in a table of many values waits for memory, and for little else. So all that it needs stands
/// together in one line of the processor's cache, for values that are not long.
#[derive(Default)]
pub(crate) struct Values {
    /// Open addressing with linear probing; a power of two, at most half of them in use.
    cells: Vec<Cell>,
    used: usize,
    /// What of the values does not fit into their cells.
    rest: Vec<u8>,
}

/// A value and its class.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Cell {
    hash: u64,
    len: u32,
    /// Where its remainder begins in `rest`.
    rest: u32,
    class: ClassId,
    kind: Kind,
    used: bool,
    head: [u8; HEAD],
}

/// Bytes of a value that fit into its cell.
const HEAD: usize = 42;
/// Most cells for recent values: a quarter of a megabyte.
const MOST_RECENT: usize = 4096;
/// Cells of the smallest table.
const FEWEST_CELLS: usize = 16;

const FREE: Cell =
    Cell { hash: 0, len: 0, rest: 0, class: EMPTY, kind: Kind::MISSING, used: false, head: [0; HEAD] };

impl Values {
    pub fn hash(hasher: &Hasher, slot: Slot<'_>) -> u64 {
        hasher.bytes(slot.kind, slot.data)
    }

    pub fn get(&self, hash: u64, slot: Slot<'_>) -> Option<ClassId> {
        let mask = self.cells.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let cell = &self.cells[at];
            if !cell.used {
                return None;
            }
            if cell.hash == hash && self.is(cell, slot) {
                return Some(cell.class);
            }
            at = (at + 1) & mask;
        }
    }

    fn is(&self, cell: &Cell, slot: Slot<'_>) -> bool {
        if cell.kind != slot.kind || cell.len as usize != slot.data.len() {
            return false;
        }
        let (head, rest) = slot.data.split_at(slot.data.len().min(HEAD));
        let start = cell.rest as usize;
        cell.head[..head.len()] == *head
            && (rest.is_empty() || self.rest.get(start..start + rest.len()) == Some(rest))
    }

    /// Remembers a value that is not known; answers the memory it takes.
    pub fn insert(&mut self, hash: u64, slot: Slot<'_>, class: ClassId) -> usize {
        if self.used * 2 >= self.cells.len() {
            self.grow();
        }
        let (head, rest) = slot.data.split_at(slot.data.len().min(HEAD));
        let (len, start) = (slot.data.len() as u32, self.rest.len() as u32);
        let mut cell = Cell { hash, len, rest: start, class, kind: slot.kind, used: true, head: [0; HEAD] };
        cell.head[..head.len()].copy_from_slice(head);
        self.rest.extend_from_slice(rest);
        self.used += 1;
        place(&mut self.cells, cell);
        3 * size_of::<Cell>() + rest.len()
    }

    fn grow(&mut self) {
        let size = (self.cells.len() * 2).max(FEWEST_CELLS);
        let old = std::mem::replace(&mut self.cells, vec![FREE; size]);
        for cell in old.into_iter().filter(|c| c.used) {
            place(&mut self.cells, cell);
        }
    }

    pub fn clear(&mut self) {
        *self = Values::default();
    }
}

/// Puts a cell into the first free place from where it belongs; there is one.
fn place(cells: &mut [Cell], cell: Cell) {
    let mask = cells.len() - 1;
    let mut at = cell.hash as usize & mask;
    while cells[at].used {
        at = (at + 1) & mask;
    }
    cells[at] = cell;
}

/// The class of short values that came lately, over all programs that take little time to evaluate: for them it
/// does not pay to remember more than stays in the processor's cache.
#[derive(Default)]
pub(crate) struct Recent {
    /// None, or a power of two. A cell's `rest` is the number of the program.
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
        slot.data.len() <= HEAD
    }

    fn place(&self, hash: u64, program: u32) -> Option<usize> {
        let spread = hash ^ u64::from(program).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some(spread as usize & self.cells.len().checked_sub(1)?)
    }

    pub fn get(&self, hash: u64, program: u32, slot: Slot<'_>) -> Option<ClassId> {
        let cell = &self.cells[self.place(hash, program)?];
        let same = cell.used && cell.hash == hash && cell.rest == program && cell.kind == slot.kind;
        let data = cell.head.get(..cell.len as usize);
        (same && data == Some(slot.data)).then_some(cell.class)
    }

    pub fn put(&mut self, hash: u64, program: u32, slot: Slot<'_>, class: ClassId) {
        let Some(place) = self.place(hash, program) else { return };
        let len = slot.data.len() as u32;
        let mut cell = Cell { hash, len, rest: program, class, kind: slot.kind, used: true, head: [0; HEAD] };
        let Some(head) = cell.head.get_mut(..slot.data.len()) else { return };
        head.copy_from_slice(slot.data);
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
