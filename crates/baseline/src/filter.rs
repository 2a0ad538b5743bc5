//! What has been seen of tables that went beyond their limit: a Bloom filter over all of them.
//!
//! It never forgets: a value that it does not know was not seen. One that it knows was, but for a chance that
//! grows with how full it is and is told.

use crate::hash;

/// Bits tried per value.
const TRIES: u64 = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) words: Vec<u64>,
}

impl Filter {
    /// `bits` is a power of two, at least 64.
    pub(crate) fn new(bits: usize) -> Filter {
        Filter { words: vec![0; (bits / 64).max(1)] }
    }

    fn places(&self, value: u64) -> impl Iterator<Item = u64> + use<> {
        let mask = self.words.len() as u64 * 64 - 1;
        let step = hash::finish(value ^ 0x5851_f42d_4c95_7f2d) | 1;
        (0..TRIES).map(move |i| value.wrapping_add(i.wrapping_mul(step)) & mask)
    }

    pub(crate) fn add(&mut self, value: u64) {
        for place in self.places(value) {
            self.words[(place / 64) as usize] |= 1 << (place % 64);
        }
    }

    pub(crate) fn has(&self, value: u64) -> bool {
        self.places(value).all(|p| self.words[(p / 64) as usize] & (1 << (p % 64)) != 0)
    }

    pub(crate) fn merge(&mut self, other: &Filter) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// The chance that a value not seen is taken for one that was.
    pub(crate) fn false_positives(&self) -> f64 {
        (self.ones() as f64 / (self.words.len() as f64 * 64.0)).powi(TRIES as i32)
    }

    pub(crate) fn ones(&self) -> u64 {
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }
}
