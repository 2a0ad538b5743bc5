//! Classes of values, known to all threads that run a matcher together: what one has evaluated, the others find.
//!
//! Nobody waits to read. What stands somewhere is written before the place in the index that tells of it (`Release`),
//! is read after that place (`Acquire`), and is never changed. Whoever makes the index larger or starts over makes a new
//! one under a lock; the others go on with theirs until they miss something. What is added to an old index
//! meanwhile is lost, which costs evaluating it once more: answers do not depend on what is known.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use shikra_event::Slot;

use crate::memo::ClassId;
use crate::team::lock;

/// Places of the smallest index.
const FEWEST_PLACES: usize = 16;
/// Words of a block, which one thread fills: it does not write where another reads.
const BLOCK_WORDS: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 13;
/// Words before a value's own: class and program, length and kind.
const HEAD: usize = 2;
/// The part of what may be remembered that the index may take.
const INDEX_PART: usize = 4;

/// A value under a program: what a class is known for.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// Of the value, under a secret of the team.
    pub hash: u64,
    pub program: u32,
    pub slot: Slot<'a>,
}

impl Key<'_> {
    /// A hash that differs from program to program.
    pub fn spread(&self) -> u64 {
        self.hash ^ u64::from(self.program).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Half of it: tells where to look, and most of what is there apart.
    fn half(&self) -> u32 {
        (self.spread() >> 32) as u32
    }

    fn head(&self) -> u64 {
        self.slot.data.len() as u64 | u64::from(self.slot.kind.0) << 32
    }
}

/// What all threads know.
pub(crate) struct Known {
    /// Bytes, of the index and of what it tells of.
    limit: usize,
    /// That of the index at hand.
    version: AtomicU32,
    index: Mutex<Arc<Index>>,
}

/// Where values stand: open addressing with linear probing, a power of two of places, about half of them in use at
/// most. A look-up waits for memory, and for little else; so the index is small, and all that is known of a value
/// stands in one piece.
struct Index {
    version: u32,
    /// Half a hash, and behind it where the value stands, plus one; 0 is free.
    places: Box<[AtomicU64]>,
    used: AtomicUsize,
    store: Arc<Store>,
}

/// Values and their classes.
struct Store {
    blocks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    /// Blocks that have an owner.
    taken: AtomicUsize,
    block_words: usize,
}

/// One thread's way to what is known.
pub(crate) struct Values {
    known: Arc<Known>,
    index: Arc<Index>,
    /// The block that is this thread's to fill, and how far it has.
    block: Option<usize>,
    filled: usize,
}

impl Known {
    /// Nothing yet, and never more than so many bytes.
    pub fn new(limit: usize) -> Known {
        let index = Index::new(0, if limit == 0 { 0 } else { FEWEST_PLACES }, Arc::new(Store::new(limit)));
        Known { limit, version: AtomicU32::new(0), index: Mutex::new(Arc::new(index)) }
    }

    /// The index that takes the place of `old`, which is full, unless another has.
    fn next(&self, old: &Arc<Index>, make: impl FnOnce(u32) -> Index) -> Arc<Index> {
        let mut index = lock(&self.index);
        if Arc::ptr_eq(&index, old) {
            *index = Arc::new(make(old.version.wrapping_add(1)));
            self.version.store(index.version, Ordering::Release);
        }
        index.clone()
    }
}

impl Index {
    fn new(version: u32, places: usize, store: Arc<Store>) -> Index {
        Index { version, places: words(places), used: AtomicUsize::new(0), store }
    }

    /// The places where a value may be, in order, as often as there are places.
    fn probe(&self, half: u32) -> impl Iterator<Item = &AtomicU64> {
        let (back, front) = self.places.split_at(half as usize & self.places.len().saturating_sub(1));
        front.iter().chain(back)
    }

    fn get(&self, key: &Key<'_>) -> Option<ClassId> {
        let half = key.half();
        for place in self.probe(half) {
            let place = place.load(Ordering::Acquire);
            if place == 0 {
                return None;
            }
            if (place >> 32) as u32 == half
                && let Some(class) = self.store.class(place as u32 - 1, key)
            {
                return Some(class);
            }
        }
        None
    }

    /// Tells where a value stands; false where it was known already, or there is no place.
    fn tell(&self, key: &Key<'_>, at: u32) -> bool {
        let half = key.half();
        let told = (u64::from(half) << 32) | (u64::from(at) + 1);
        for place in self.probe(half) {
            match place.compare_exchange(0, told, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    self.used.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
                Err(other) if (other >> 32) as u32 == half => {
                    if self.store.class(other as u32 - 1, key).is_some() {
                        return false;
                    }
                }
                Err(_) => {}
            }
        }
        false
    }

    fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) * 2 >= self.places.len()
    }

    /// The same in twice the room.
    fn larger(&self, version: u32) -> Index {
        let larger = Index::new(version, self.places.len() * 2, self.store.clone());
        for place in self.places.iter().map(|p| p.load(Ordering::Acquire)).filter(|p| *p != 0) {
            let free = larger.probe((place >> 32) as u32).find(|p| p.load(Ordering::Relaxed) == 0);
            if let Some(free) = free {
                free.store(place, Ordering::Relaxed);
                larger.used.fetch_add(1, Ordering::Relaxed);
            }
        }
        larger
    }
}

impl Store {
    fn new(limit: usize) -> Store {
        let words = limit.saturating_sub(limit / INDEX_PART) / size_of::<u64>();
        let block_words = words.min(BLOCK_WORDS);
        let blocks = words.div_ceil(BLOCK_WORDS).min(1 << (u32::BITS - BLOCK_BITS - 1));
        let blocks = (0..blocks).map(|_| OnceLock::new()).collect();
        Store { blocks, taken: AtomicUsize::new(0), block_words }
    }

    /// A block of one's own.
    fn take(&self) -> Option<usize> {
        let block = self.taken.fetch_add(1, Ordering::Relaxed).min(self.blocks.len());
        self.blocks.get(block)?.set(words(self.block_words)).ok()?;
        Some(block)
    }

    /// The class of what stands there, if it is this value under this program.
    fn class(&self, at: u32, key: &Key<'_>) -> Option<ClassId> {
        let block = self.blocks.get((at >> BLOCK_BITS) as usize)?.get()?;
        let (head, rest) = block.get(at as usize % BLOCK_WORDS..)?.split_first_chunk::<HEAD>()?;
        let [first, second] = head.each_ref().map(|w| w.load(Ordering::Relaxed));
        let same = (first >> 32) as u32 == key.program && second == key.head() && is(rest, key.slot.data);
        same.then_some(first as ClassId)
    }

    /// Writes a value into a block at a place that nothing tells of; false where it does not fit.
    fn write(&self, block: usize, filled: usize, key: &Key<'_>, class: ClassId) -> bool {
        let words = self.blocks.get(block).and_then(OnceLock::get).and_then(|b| b.get(filled..));
        let Some(words) = words.filter(|w| w.len() >= length(key.slot.data)) else { return false };
        let head = [u64::from(class) | u64::from(key.program) << 32, key.head()];
        for (word, value) in words.iter().zip(head.into_iter().chain(in_words(key.slot.data))) {
            word.store(value, Ordering::Relaxed);
        }
        true
    }
}

impl Values {
    pub fn new(known: Arc<Known>) -> Values {
        let index = lock(&known.index).clone();
        Values { known, index, block: None, filled: 0 }
    }

    /// The class of a value, where some thread has told it.
    pub fn get(&mut self, key: &Key<'_>) -> Option<ClassId> {
        let known = self.index.get(key);
        if known.is_some() || self.known.version.load(Ordering::Acquire) == self.index.version {
            return known;
        }
        let newer = lock(&self.known.index).clone();
        self.follow(newer);
        self.index.get(key)
    }

    /// Remembers the class of a value; answers whether all that was known had to be forgotten for it.
    pub fn insert(&mut self, key: &Key<'_>, class: ClassId) -> bool {
        let most = self.index.store.block_words;
        if length(key.slot.data) > most {
            return false;
        }
        let mut over = false;
        if self.index.is_full() {
            over |= self.grow();
        }
        while !self.write(key, class) {
            match self.index.store.take() {
                Some(block) => (self.block, self.filled) = (Some(block), 0),
                None if over => return over,
                None => over |= self.start_over(),
            }
        }
        over
    }

    /// False where the block is full, or there is none.
    fn write(&mut self, key: &Key<'_>, class: ClassId) -> bool {
        let Some(block) = self.block else { return false };
        if !self.index.store.write(block, self.filled, key, class) {
            return false;
        }
        if self.index.tell(key, (block << BLOCK_BITS | self.filled) as u32) {
            self.filled += length(key.slot.data);
        }
        true
    }

    /// Goes on with an index of twice the size, or with nothing where that would be too large; answers whether with
    /// nothing.
    fn grow(&mut self) -> bool {
        let size = self.index.places.len() * 2 * size_of::<AtomicU64>();
        if size > (self.known.limit / INDEX_PART).max(FEWEST_PLACES * size_of::<AtomicU64>()) {
            return self.start_over();
        }
        self.follow(self.known.next(&self.index, |version| self.index.larger(version)));
        false
    }

    fn start_over(&mut self) -> bool {
        let store = || Arc::new(Store::new(self.known.limit));
        let empty = |version| Index::new(version, FEWEST_PLACES, store());
        self.follow(self.known.next(&self.index, empty));
        true
    }

    /// Goes on with the index that all others go on with.
    fn follow(&mut self, next: Arc<Index>) {
        if !Arc::ptr_eq(&next.store, &self.index.store) {
            self.block = None;
        }
        self.index = next;
    }
}

fn words(n: usize) -> Box<[AtomicU64]> {
    (0..n).map(|_| AtomicU64::new(0)).collect()
}

/// Words that a value takes.
fn length(data: &[u8]) -> usize {
    HEAD + data.len().div_ceil(size_of::<u64>())
}

/// Bytes as words, the last one filled up with zeros: its length tells what is meant.
fn in_words(data: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, rest) = data.as_chunks();
    whole.iter().map(|c| u64::from_le_bytes(*c)).chain((!rest.is_empty()).then(|| last_word(rest)))
}

fn last_word(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b))
}

/// Whether words begin with these bytes.
fn is(words: &[AtomicU64], data: &[u8]) -> bool {
    let (whole, rest) = data.as_chunks();
    let Some((first, after)) = words.split_at_checked(whole.len()) else { return false };
    let same = |(w, c): (&AtomicU64, &[u8; 8])| w.load(Ordering::Relaxed) == u64::from_le_bytes(*c);
    first.iter().zip(whole).all(same)
        && (rest.is_empty() || after.first().is_some_and(|w| w.load(Ordering::Relaxed) == last_word(rest)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use shikra_event::Kind;

    use super::*;

    fn key(data: &[u8], kind: Kind, program: u32, hash: u64) -> Key<'_> {
        Key { hash, program, slot: Slot { kind, data } }
    }

    /// Values that differ in little, whose hashes are nearly all the same.
    fn values() -> impl Strategy<Value = Vec<(Vec<u8>, Kind, u32)>> {
        let kind = prop_oneof![Just(Kind::UTF16), Just(Kind::UTF8)];
        let data = proptest::collection::vec(prop_oneof![3 => Just(0_u8), 1 => 0..3_u8], 0..20);
        proptest::collection::vec((data, kind, 0..3_u32), 1..200)
    }

    proptest! {
        #[test]
        fn what_is_known_is_what_was_told(values in values(), hashes in 1..5_u64, limit in 0..4000_usize) {
            let known = Arc::new(Known::new(limit));
            let mut all = [(); 3].map(|()| Values::new(known.clone()));
            let mut want: HashMap<(Vec<u8>, u8, u32), ClassId> = HashMap::new();
            for (n, (data, kind, program)) in values.iter().enumerate() {
                let hash = (data.len() as u64 % hashes) << 40;
                let key = key(data, *kind, *program, hash);
                let class = *want.entry((data.clone(), kind.0, *program)).or_insert(n as ClassId);
                // Each thread may have forgotten it; none knows anything else.
                for values in &mut all {
                    prop_assert!(values.get(&key).is_none_or(|c| c == class));
                }
                let teller = &mut all[n % 3];
                if teller.get(&key).is_none() {
                    teller.insert(&key, class);
                    prop_assert!(limit < 2000 || teller.get(&key) == Some(class));
                }
            }
        }
    }

    #[test]
    fn all_find_what_one_has_told() {
        let known = Arc::new(Known::new(1 << 20));
        let mut all = [(); 3].map(|()| Values::new(known.clone()));
        let texts: Vec<String> = (0..5000).map(|n| format!("{n} {}", "x".repeat(n % 90))).collect();
        let key = |n: usize| {
            key(texts[n].as_bytes(), Kind::UTF8, 7, (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        };
        for n in 0..texts.len() {
            assert_eq!(all[(n + 1) % 3].get(&key(n)), None);
            assert!(!all[n % 3].insert(&key(n), n as ClassId));
        }
        for values in &mut all {
            // What is told to an old index is lost: here one thread looks before another tells.
            let found = (0..texts.len()).filter(|n| values.get(&key(*n)) == Some(*n as ClassId)).count();
            assert_eq!(found, texts.len());
        }
    }

    #[test]
    fn it_is_bounded_and_starts_over() {
        let known = Arc::new(Known::new(1 << 18));
        let mut values = Values::new(known);
        let mut over = 0;
        for n in 0..100_000_u64 {
            let data = [n.to_le_bytes(); 4].concat();
            over += usize::from(values.insert(&key(&data, Kind::BINARY, 1, n << 32), 1));
            let index = &values.index;
            let written =
                index.store.blocks.iter().filter_map(OnceLock::get).map(|b| b.len() * 8).sum::<usize>();
            assert!(written + index.places.len() * 8 <= (1 << 18) + 8 * BLOCK_WORDS);
        }
        assert!(over > 10);
        let long = vec![0; 8 * BLOCK_WORDS];
        assert!(!values.insert(&key(&long, Kind::BINARY, 1, 0), 1));
        assert_eq!(values.get(&key(&long, Kind::BINARY, 1, 0)), None);
    }

    /// Small enough for Miri, which finds data races.
    #[test]
    fn threads_tell_and_read_at_once() {
        let known = Arc::new(Known::new(20_000));
        let texts: Vec<String> = (0..60).map(|n| format!("value {n}")).collect();
        std::thread::scope(|scope| {
            for thread in 0..3_usize {
                let (known, texts) = (known.clone(), &texts);
                scope.spawn(move || {
                    let mut values = Values::new(known);
                    for n in (0..180).map(|i| (i * (thread + 1)) % 60) {
                        let key = key(texts[n].as_bytes(), Kind::UTF8, 1, (n as u64) << 36);
                        match values.get(&key) {
                            Some(class) => assert_eq!(class as usize, n),
                            None => {
                                values.insert(&key, n as ClassId);
                            }
                        }
                    }
                });
            }
        });
    }
}
