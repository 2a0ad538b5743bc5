//! How probable a value is beside another one: conditional probabilities, smoothed.
//!
//! P(b | a) is what was seen with `a`, mixed with how common `b` is anywhere; the fewer different things were
//! seen with `a`, the less the mixture (Witten and Bell 1991). What is judged is first taken out of the counts,
//! so that nothing is made ordinary by itself.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::text::TextId;

const HASHER: FixedState = FixedState::with_seed(13);

type Map<K> = HashMap<K, f64, FixedState>;

/// Counts of pairs.
#[derive(Clone, Debug)]
pub struct Conditional {
    pairs: Map<(u64, TextId)>,
    given: HashMap<u64, (f64, f64), FixedState>,
    alone: Map<TextId>,
    all: f64,
}

/// A number for several values at once.
pub fn key(ids: &[TextId]) -> u64 {
    HASHER.hash_one(ids)
}

impl Default for Conditional {
    fn default() -> Conditional {
        Conditional {
            pairs: HashMap::with_hasher(HASHER),
            given: HashMap::with_hasher(HASHER),
            alone: HashMap::with_hasher(HASHER),
            all: 0.0,
        }
    }
}

impl Conditional {
    /// Counts `b` beside `a` so many times.
    pub fn add(&mut self, a: u64, b: TextId, times: f64) {
        let pair = self.pairs.entry((a, b)).or_insert(0.0);
        let given = self.given.entry(a).or_insert((0.0, 0.0));
        given.0 += times;
        given.1 += f64::from(u8::from(*pair == 0.0));
        *pair += times;
        *self.alone.entry(b).or_insert(0.0) += times;
        self.all += times;
    }

    /// How often `a` was seen, and `b` beside it.
    pub fn counts(&self, a: u64, b: TextId) -> (f64, f64) {
        let pair = self.pairs.get(&(a, b)).copied().unwrap_or(0.0);
        (self.given.get(&a).map_or(0.0, |g| g.0), pair)
    }

    /// Bits of surprise at `b` beside `a`, one time of it left out.
    pub fn surprise(&self, a: u64, b: TextId) -> f64 {
        let values = self.alone.len() as f64;
        let b_alone = (self.alone.get(&b).copied().unwrap_or(0.0) - 1.0).max(0.0);
        let base = (b_alone + 0.5) / ((self.all - 1.0).max(0.0) + 0.5 * (values + 1.0));
        let (given, kinds) = self.given.get(&a).copied().unwrap_or((0.0, 0.0));
        let pair = self.pairs.get(&(a, b)).copied().unwrap_or(0.0);
        let others = (pair - 1.0).max(0.0);
        // Left out, a pair seen once is no kind that was seen.
        let kinds = (kinds - f64::from(u8::from(pair <= 1.0))).max(1.0);
        let p = (others + kinds * base) / ((given - 1.0).max(0.0) + kinds);
        -p.max(f64::MIN_POSITIVE).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unseen_surprises_most() {
        let mut c = Conditional::default();
        c.add(1, 10, 100.0);
        c.add(1, 11, 1.0);
        c.add(2, 11, 50.0);
        c.add(2, 12, 1.0);
        let s = |a, b| c.surprise(a, b);
        assert!(s(1, 10) < 0.2 && s(1, 11) > 4.0, "{} {}", s(1, 10), s(1, 11));
        assert!(s(2, 12) > s(1, 11), "what is rare everywhere is rarer than what is rare here");
        assert!(s(9, 10) < s(9, 12), "without knowledge, what is common is less surprising");
    }
}
