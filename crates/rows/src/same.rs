//! When values are the same to a group or to a count of distinct ones: what [`crate::row::key_text`] says of them,
//! without building their texts.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};
use shikra_event::Value;

use crate::accumulate::differ;

/// What hashes are made with: no two runs agree, so nobody can make values that collide.
#[derive(Clone, Debug, Default)]
pub struct Seed(DefaultHashBuilder);

/// A value with its hash.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub(crate) value: Value,
    pub(crate) hash: u64,
    is_shared: bool,
}

impl Cell {
    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Its hash: the same of values that are the same.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The same, of a value whose texts somebody else holds and counts.
    #[must_use]
    pub fn shared(self) -> Cell {
        Cell { is_shared: true, ..self }
    }

    /// Bytes that a copy of a value takes in memory, about; the value is the cell's, or an element of it.
    pub(crate) fn cost(&self, v: &Value) -> usize {
        if self.is_shared { size_of::<Value>() * (1 + v.elements().len()) } else { v.size() }
    }
}

impl Seed {
    /// A value, ready to be looked up.
    pub fn cell(&self, value: Value) -> Cell {
        Cell { hash: self.hash(&value), value, is_shared: false }
    }

    /// Values that are the same have equal hashes.
    pub(crate) fn hash(&self, v: &Value) -> u64 {
        let mut state = self.0.build_hasher();
        feed(v, true, &mut state);
        state.finish()
    }
}

/// Of several cells, in their order.
pub(crate) fn together(before: u64, hash: u64) -> u64 {
    (before.rotate_left(23) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A number that is written as a whole one.
fn whole(n: f64) -> Option<i64> {
    (n.fract() == 0.0 && n.abs() < 1e15 && !(n == 0.0 && n.is_sign_negative())).then_some(n as i64)
}

/// `outermost`: not within a list, where numbers and nulls are told apart more finely.
fn feed(v: &Value, outermost: bool, state: &mut impl Hasher) {
    match v {
        Value::Missing | Value::Null => state.write_u8(0),
        Value::Bool(b) => state.write_u8(1 + u8::from(*b)),
        Value::I64(n) => state.write_i64(*n),
        Value::F64(n) => match whole(*n).filter(|_| outermost) {
            Some(n) => state.write_i64(n),
            None => state.write_u64(bits(*n)),
        },
        Value::Str(s) => s.hash(state),
        Value::Ip(ip) => ip.hash(state),
        Value::Time(t) => {
            state.write_u8(3);
            state.write_i64(t.0);
        }
        Value::List(values) => {
            state.write_usize(values.len());
            values.iter().for_each(|v| feed(v, false, state));
        }
    }
}

/// One for all that are no numbers.
fn bits(n: f64) -> u64 {
    if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() }
}

/// Whether two values are the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => std::sync::Arc::ptr_eq(a, b) || a == b,
        (Value::Missing | Value::Null, Value::Missing | Value::Null) => true,
        (Value::F64(a), Value::F64(b)) => match (whole(*a), whole(*b)) {
            (None, None) => bits(*a) == bits(*b),
            (a, b) => a == b,
        },
        (Value::F64(a), Value::I64(b)) | (Value::I64(b), Value::F64(a)) => whole(*a) == Some(*b),
        _ => within(a, b),
    }
}

fn within(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F64(a), Value::F64(b)) => bits(*a) == bits(*b),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| within(a, b)),
        _ => a == b,
    }
}

/// Different values, in order of appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distinct {
    values: Vec<Value>,
    hashes: Vec<u64>,
    /// Where they stand, once they are many.
    index: HashTable<u32>,
}

impl Distinct {
    /// As many are found sooner by looking at all of them.
    const FEW: usize = 8;

    /// Whether the value is a new one, and whether another might stand for it had it come first.
    pub fn insert(&mut self, v: &Value, hash: u64) -> (bool, bool) {
        let known = if self.values.len() <= Distinct::FEW {
            let mut all = self.hashes.iter().zip(&self.values);
            all.find(|(h, old)| **h == hash && same(old, v)).map(|(_, old)| old)
        } else {
            let is = |at: &u32| self.values.get(*at as usize).is_some_and(|old| same(old, v));
            self.index.find(hash, is).and_then(|at| self.values.get(*at as usize))
        };
        let unsure = differ(v, known.unwrap_or(v));
        if known.is_some() {
            return (false, unsure);
        }
        self.values.push(v.clone());
        self.hashes.push(hash);
        let of = |at: &u32| self.hashes.get(*at as usize).copied().unwrap_or_default();
        if self.values.len() == Distinct::FEW + 1 {
            for (at, hash) in (0..).zip(&self.hashes) {
                self.index.insert_unique(*hash, at, of);
            }
        } else if self.values.len() > Distinct::FEW {
            self.index.insert_unique(hash, (self.values.len() - 1) as u32, of);
        }
        (true, unsure)
    }

    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::row::key_text;
    use proptest::prelude::*;
    use shikra_event::Timestamp;

    pub(crate) fn value() -> impl Strategy<Value = Value> {
        let one = prop_oneof![
            Just(Value::Missing),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-2i64..3).prop_map(Value::I64),
            proptest::sample::select(vec![
                0.0,
                -0.0,
                1.0,
                -1.0,
                1.5,
                f64::NAN,
                -f64::NAN,
                f64::INFINITY,
                1e15,
                1e16
            ])
            .prop_map(Value::F64),
            Just(Value::I64(1_000_000_000_000_000)),
            "[a1\u{1f}\",]{0,2}".prop_map(Value::str),
            Just(Value::str("null")),
            Just(Value::Ip([1, 2, 3, 4].into())),
            (0i64..2).prop_map(|t| Value::Time(Timestamp(t))),
        ];
        one.prop_recursive(2, 4, 3, |v| proptest::collection::vec(v, 0..3).prop_map(Value::List))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn same_is_what_the_texts_say(a in value(), b in value()) {
            let text = |v: &Value| key_text(std::slice::from_ref(v));
            prop_assert_eq!(same(&a, &b), text(&a) == text(&b), "{:?} {:?}", a, b);
            let seed = Seed::default();
            prop_assert!(!same(&a, &b) || seed.hash(&a) == seed.hash(&b), "{:?} {:?}", a, b);
        }

        #[test]
        fn distinct_values_are_those_with_texts_of_their_own(all in proptest::collection::vec(value(), 0..40)) {
            let (seed, mut distinct) = (Seed::default(), Distinct::default());
            let mut texts = std::collections::HashSet::new();
            for v in &all {
                let is_new = texts.insert(key_text(std::slice::from_ref(v)));
                prop_assert_eq!(distinct.insert(v, seed.hash(v)).0, is_new);
            }
            prop_assert_eq!(distinct.values().len(), texts.len());
        }
    }
}
