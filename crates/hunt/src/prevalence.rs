//! Sets of small numbers: on which hosts, by which users.

/// Numbers kept as a list; more become a bit for each.
const LISTED: usize = 24;

/// A set of numbers, exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    list: Vec<u32>,
    bits: Vec<u64>,
    count: u32,
}

impl Members {
    /// Adds one.
    pub fn add(&mut self, n: u32) {
        if !self.bits.is_empty() {
            return self.set(n);
        }
        if self.list.contains(&n) {
            return;
        }
        if self.list.len() < LISTED {
            self.list.push(n);
            self.count += 1;
            return;
        }
        self.count = 0;
        for known in std::mem::take(&mut self.list) {
            self.set(known);
        }
        self.set(n);
    }

    fn set(&mut self, n: u32) {
        let (word, bit) = ((n / 64) as usize, 1u64 << (n % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if let Some(w) = self.bits.get_mut(word) {
            self.count += u32::from(*w & bit == 0);
            *w |= bit;
        }
    }

    /// All that are in any of several sets.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Members>) -> Members {
        let mut all = Members::default();
        sets.into_iter().flat_map(Members::iter).for_each(|n| all.add(n));
        all
    }

    /// How many.
    pub fn len(&self) -> u64 {
        u64::from(self.count)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let of_word = |(i, w): (usize, &u64)| {
            let w = *w;
            (0..64).filter(move |b| w >> b & 1 == 1).map(move |b| i as u32 * 64 + b)
        };
        self.list.iter().copied().chain(self.bits.iter().enumerate().flat_map(of_word))
    }

    /// Bytes held beside the set itself.
    pub fn bytes(&self) -> usize {
        self.list.capacity() * 4 + self.bits.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn is_a_set(numbers in prop::collection::vec(0u32..500, 0..200)) {
            let mut set = Members::default();
            numbers.iter().for_each(|n| set.add(*n));
            let want: BTreeSet<u32> = numbers.into_iter().collect();
            prop_assert_eq!(set.len() as usize, want.len());
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), want);
        }
    }
}
