//! The slots of a shape that something is read from: what they held last, what has to be read anew since they hold
//! something else, and numbers for values that come again and again.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use shikra_event::{Event, Kind, SlotIndex};

/// Numbers, few and small.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub fn insert(&mut self, n: u32) {
        let word = (n / u64::BITS) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).into_iter().for_each(|w| *w |= 1 << (n % u64::BITS));
    }

    fn add(&mut self, others: &Bits) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        self.0.iter_mut().zip(&others.0).for_each(|(w, o)| *w |= o);
    }

    /// Takes those that are in `others` as well out of it, and calls `f` with each.
    fn take(&mut self, others: &Bits, mut f: impl FnMut(u32)) {
        for (i, (word, other)) in (0..).zip(self.0.iter_mut().zip(&others.0)) {
            let mut both = *word & other;
            *word &= !other;
            while both != 0 {
                f(i * u64::BITS + both.trailing_zeros());
                both &= both - 1;
            }
        }
    }
}

/// Of what use it is to look for something among others.
#[derive(Default)]
pub(crate) struct Trial {
    asked: u32,
    found: u32,
    is_of_no_use: bool,
}

impl Trial {
    /// Takes note of one question; of `most` together one in `least` has to find something.
    pub fn asked(&mut self, found: bool, most: u32, least: u32) {
        self.asked += 1;
        self.found += u32::from(found);
        if self.asked >= most {
            self.is_of_no_use = self.found < self.asked / least;
            (self.asked, self.found) = (0, 0);
        }
    }

    /// Too little was found.
    pub fn is_of_no_use(&self) -> bool {
        self.is_of_no_use
    }
}

/// Number of a value among those of a slot, and how often these were numbered anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    pub value: u32,
    pub generation: u32,
}

/// Values by number.
#[derive(Default)]
struct Values {
    table: HashTable<u32>,
    /// By number: hash, kind, and where in `bytes` it ends.
    ends: Vec<(u64, Kind, usize)>,
    bytes: Vec<u8>,
    generation: u32,
    trial: Trial,
}

impl Values {
    /// Most that are numbered.
    const MOST: usize = 1024;
    /// Longest that is.
    const LONGEST: usize = 4096;

    /// The number of a value; none where to know it is of no use.
    fn number(&mut self, hasher: &DefaultHashBuilder, kind: Kind, data: &[u8]) -> Option<Number> {
        if self.trial.is_of_no_use() || data.len() > Values::LONGEST {
            return None;
        }
        let hash = hasher.hash_one((kind.0, data));
        let (ends, bytes) = (&self.ends, &self.bytes);
        let is = |at: &u32| {
            let at = *at as usize;
            let start = at.checked_sub(1).and_then(|i| ends.get(i)).map_or(0, |(.., end)| *end);
            ends.get(at)
                .is_some_and(|(h, k, end)| *h == hash && *k == kind && bytes.get(start..*end) == Some(data))
        };
        let known = self.table.find(hash, is).copied();
        self.trial.asked(known.is_some(), 2048, 2);
        if self.trial.is_of_no_use() || (known.is_none() && self.ends.len() >= Values::MOST) {
            let (trial, generation) = (std::mem::take(&mut self.trial), self.generation + 1);
            *self = Values { trial, generation, ..Values::default() };
        }
        if self.trial.is_of_no_use() {
            return None;
        }
        let value = known.unwrap_or_else(|| {
            self.bytes.extend_from_slice(data);
            let value = self.ends.len() as u32;
            self.ends.push((hash, kind, self.bytes.len()));
            let ends = &self.ends;
            self.table.insert_unique(hash, value, |at| ends.get(*at as usize).map_or(0, |(h, ..)| *h));
            value
        });
        Some(Number { value, generation: self.generation })
    }

    /// Bytes that they take, about.
    fn size(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 2 * size_of::<(u64, Kind, usize)>()
    }
}

/// The slots of a shape, and what is read from them by number.
#[derive(Default)]
pub(crate) struct Watched {
    slots: Vec<Slot>,
    /// What depends on more than slots, or on all of them.
    always: Bits,
    /// What has to be read anew.
    stale: Bits,
    hasher: DefaultHashBuilder,
}

/// A slot that is watched.
#[derive(Default)]
struct Slot {
    index: SlotIndex,
    kind: Option<Kind>,
    /// What stood there when it was last looked at.
    bytes: Vec<u8>,
    /// The block and the address that they were taken from, where they stay.
    from: Option<(u32, usize)>,
    read: Bits,
    values: Values,
    /// That of what stood there.
    number: Option<Number>,
}

impl Watched {
    /// Has something read anew whenever one of these slots has changed, and now; none: always. Answers the places of the
    /// slots here.
    pub fn add(&mut self, number: u32, slots: Option<&[SlotIndex]>) -> Box<[u32]> {
        self.stale.insert(number);
        let Some(slots) = slots else {
            self.always.insert(number);
            return Box::default();
        };
        let place = |index: &SlotIndex| {
            let known = self.slots.iter().position(|s| s.index == *index);
            let at = known.unwrap_or_else(|| {
                self.slots.push(Slot { index: *index, ..Slot::default() });
                self.slots.len() - 1
            });
            self.slots.get_mut(at).into_iter().for_each(|s| s.read.insert(number));
            at as u32
        };
        slots.iter().map(place).collect()
    }

    /// Looks at the slots of an event. `within`: while events of the same block come, bytes at one address are the
    /// same. Answers how many bytes are held more than before.
    pub fn look(&mut self, event: &Event<'_>, within: Option<u32>) -> usize {
        let mut more = 0;
        for watched in &mut self.slots {
            let slot = event.slot(watched.index);
            let from = within.map(|block| (block, slot.data.as_ptr().addr()));
            let stays = from.is_some() && watched.from == from && watched.bytes.len() == slot.data.len();
            watched.from = from;
            if watched.kind == Some(slot.kind) && (stays || watched.bytes == slot.data) {
                continue;
            }
            let before = watched.bytes.capacity() + watched.values.size();
            watched.kind = Some(slot.kind);
            watched.bytes.clear();
            watched.bytes.extend_from_slice(slot.data);
            watched.number = watched.values.number(&self.hasher, slot.kind, slot.data);
            more += (watched.bytes.capacity() + watched.values.size()).saturating_sub(before);
            self.stale.add(&watched.read);
        }
        self.stale.add(&self.always);
        more
    }

    /// Appends what has to be read anew of these; when they are asked for again, they have been read.
    pub fn take_stale(&mut self, wanted: &Bits, out: &mut Vec<u32>) {
        self.stale.take(wanted, |n| out.push(n));
    }

    /// The number of what stands in the slot of a place.
    pub fn number(&self, place: u32) -> Option<Number> {
        self.slots.get(place as usize).and_then(|s| s.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(all: &BTreeSet<u32>) -> Bits {
        let mut bits = Bits::default();
        all.iter().for_each(|n| bits.insert(*n));
        bits
    }

    proptest! {
        #[test]
        fn bits_are_sets(
            a in proptest::collection::btree_set(0u32..200, 0..20),
            b in proptest::collection::btree_set(0u32..200, 0..20),
            c in proptest::collection::btree_set(0u32..200, 0..20),
        ) {
            let mut left = bits(&a);
            left.add(&bits(&b));
            let mut taken = Vec::new();
            left.take(&bits(&c), |n| taken.push(n));
            let either: BTreeSet<u32> = a.union(&b).copied().collect();
            prop_assert_eq!(taken, either.intersection(&c).copied().collect::<Vec<_>>());
            let mut rest = Vec::new();
            left.take(&bits(&either), |n| rest.push(n));
            prop_assert_eq!(rest, either.difference(&c).copied().collect::<Vec<_>>());
        }

        #[test]
        fn numbers_stand_for_values(all in proptest::collection::vec((0u8..2, 0u32..1500), 1..9000)) {
            let (mut values, hasher) = (Values::default(), DefaultHashBuilder::default());
            let mut known = std::collections::HashMap::new();
            for (kind, n) in all {
                let told = (kind, n);
                let Some(number) = values.number(&hasher, Kind(kind), n.to_string().as_bytes()) else { continue };
                prop_assert_eq!(*known.entry((number.value, number.generation)).or_insert(told), told);
            }
        }
    }
}
