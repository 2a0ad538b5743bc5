//! Keys with their values, as log sources say them: few, so that a sorted list takes far less room than a tree.

use std::fmt;

/// Keys and values, each key once, sorted by key.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keys(Vec<(String, String)>);

/// Most log sources have no more.
const FEW: usize = 2;

impl Keys {
    /// None.
    pub const fn new() -> Keys {
        Keys(Vec::new())
    }
    /// Where a key stands, or where it would.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(k, _)| k.as_str().cmp(key))
    }
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&String> {
        self.place(key).ok().and_then(|at| self.0.get(at)).map(|(_, v)| v)
    }
    /// Whether the key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }
    /// Sets the value of a key.
    pub fn insert(&mut self, key: String, value: String) {
        if self.0.is_empty() {
            self.0.reserve_exact(FEW);
        }
        match self.place(&key) {
            Ok(at) => {
                if let Some(pair) = self.0.get_mut(at) {
                    pair.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter().map(|(k, v)| (k, v))
    }
    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(k, _)| k)
    }
    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(_, v)| v)
    }
}

/// Of a key that comes again, the last value counts.
impl FromIterator<(String, String)> for Keys {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Keys {
        let mut keys = Keys::new();
        pairs.into_iter().for_each(|(key, value)| keys.insert(key, value));
        keys
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn as_a_map(pairs in proptest::collection::vec(("[a-c]{0,2}", "[xy]"), 0..6), asked in "[a-c]{0,2}") {
            let map: BTreeMap<String, String> = pairs.iter().cloned().collect();
            let keys: Keys = pairs.into_iter().collect();
            proptest::prop_assert_eq!(format!("{keys:?}"), format!("{map:?}"));
            proptest::prop_assert_eq!(keys.get(&asked), map.get(&asked));
            proptest::prop_assert_eq!(keys.contains_key(&asked), map.contains_key(&asked));
            proptest::prop_assert!(keys.iter().eq(&map) && keys.keys().eq(map.keys()) && keys.values().eq(map.values()));
            proptest::prop_assert_eq!((keys.len(), keys.is_empty()), (map.len(), map.is_empty()));
        }
    }
}
