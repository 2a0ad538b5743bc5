//! How values are compared for keys, distinct counts and sorted output.
//!
//! One event may carry a process id as the number 4 in one file format and as the text `4` in another, so
//! keys and distinct values are compared by their text, exactly (case counts). Lists never reach here as
//! keys: they are expanded before.

use std::cmp::Ordering;
use std::sync::Arc;

use shikra_event::Value;

/// A value's identity: its text, or none for null.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Canon(Option<Arc<str>>);

impl Canon {
    pub(crate) fn of(v: &Value) -> Canon {
        Canon(match v {
            Value::Missing | Value::Null => None,
            Value::Str(s) => Some(s.clone()),
            Value::F64(n) if *n == 0.0 => Some(Arc::from("0")),
            Value::List(items) => {
                Some(items.iter().filter_map(Value::to_text).collect::<Vec<_>>().join("\u{1f}").into())
            }
            other => other.to_text().map(Arc::from),
        })
    }
}

/// Order of keys in sorted output: null first, then truths, numbers by size, all else by the bytes of its
/// text (so upper case before lower).
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |v: &Value| match v {
        Value::Missing | Value::Null => 0,
        Value::Bool(_) => 1,
        Value::I64(_) | Value::F64(_) => 2,
        _ => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::I64(x), Value::I64(y)) => x.cmp(y),
        (Value::I64(_) | Value::F64(_), Value::I64(_) | Value::F64(_)) => {
            a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
        }
        _ => a.to_text().cmp(&b.to_text()),
    })
}

/// A group key: the values as first seen, equal where their texts are.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    canon: Box<[Canon]>,
    /// For display.
    pub(crate) values: Box<[Value]>,
}

impl Key {
    pub(crate) fn new(values: Vec<Value>) -> Key {
        Key { canon: values.iter().map(Canon::of).collect(), values: values.into() }
    }
    pub(crate) fn order(&self, other: &Key) -> Ordering {
        let mut pairs = self.values.iter().zip(&other.values);
        pairs.find_map(|(a, b)| Some(order(a, b)).filter(|o| o.is_ne())).unwrap_or(Ordering::Equal)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.canon == other.canon
    }
}
impl Eq for Key {}
impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.canon.iter().for_each(|c| c.0.as_deref().hash(state));
    }
}

/// The values of a key that need not be made to find it.
pub(crate) struct LikeKey<'v>(&'v [Value]);

impl<'v> LikeKey<'v> {
    /// None where the values mean several keys or none.
    pub(crate) fn of(values: &'v [Value]) -> Option<LikeKey<'v>> {
        let means_one = |v: &Value| !v.is_null() && !matches!(v, Value::List(_));
        values.iter().all(means_one).then_some(LikeKey(values))
    }
}

impl std::hash::Hash for LikeKey<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for v in self.0 {
            match v {
                Value::Str(s) => Some(&**s).hash(state),
                v => Canon::of(v).0.as_deref().hash(state),
            }
        }
    }
}

impl hashbrown::Equivalent<Arc<Key>> for LikeKey<'_> {
    fn equivalent(&self, key: &Arc<Key>) -> bool {
        let same = |(canon, v): (&Canon, &Value)| match v {
            Value::Str(s) => canon.0.as_ref() == Some(s),
            v => *canon == Canon::of(v),
        };
        key.canon.len() == self.0.len() && key.canon.iter().zip(self.0).all(same)
    }
}

/// The keys that one row belongs to: none where a value that is not optional is absent, several where a value
/// is a list (the product of all lists; nulls in a list are passed over). `optional` may be shorter than
/// `values`: what it does not cover is not optional. At most `most` keys; the second answer counts the rest.
pub(crate) fn expand(values: &[Value], optional: &[bool], most: usize) -> (Vec<Key>, u64) {
    if most > 0 && !values.iter().any(|v| v.is_null() || matches!(v, Value::List(_))) {
        return (vec![Key::new(values.to_vec())], 0);
    }
    let mut choices: Vec<Vec<Value>> = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let mut some: Vec<Value> = Vec::new();
        let mut seen: Vec<Canon> = Vec::new();
        for v in value.elements().iter().filter(|v| !v.is_null()) {
            let canon = Canon::of(v);
            if !seen.contains(&canon) && seen.len() < most {
                seen.push(canon);
                some.push(v.clone());
            }
        }
        if some.is_empty() {
            if !optional.get(i).copied().unwrap_or(false) {
                return (Vec::new(), 0);
            }
            some.push(Value::Null);
        }
        choices.push(some);
    }
    let total = choices.iter().fold(1usize, |n, c| n.saturating_mul(c.len()));
    let keys = (0..total.min(most)).map(|n| nth(&choices, n)).collect();
    (keys, total.saturating_sub(most) as u64)
}

/// Number `n` of the product, the last list varying fastest.
fn nth(choices: &[Vec<Value>], mut n: usize) -> Key {
    let mut values: Vec<Value> = Vec::with_capacity(choices.len());
    for c in choices.iter().rev() {
        values.push(c.get(n % c.len().max(1)).cloned().unwrap_or_default());
        n /= c.len().max(1);
    }
    values.reverse();
    Key::new(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_by_text_and_expand_lists() {
        assert_eq!(Key::new(vec![4.into()]), Key::new(vec!["4".into()]));
        assert_eq!(Key::new(vec![Value::F64(4.0)]), Key::new(vec!["4".into()]));
        assert_ne!(Key::new(vec!["a".into()]), Key::new(vec!["A".into()]));
        let list = |v: &[&str]| Value::List(v.iter().map(Value::str).collect());
        let (keys, cut) = expand(&[list(&["a", "b", "a"]), list(&["x", "y"])], &[], 100);
        let texts: Vec<Vec<Value>> = keys.iter().map(|k| k.values.to_vec()).collect();
        assert_eq!(cut, 0);
        assert_eq!(
            texts,
            [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]].map(|k| k.map(Value::str).to_vec())
        );
        assert_eq!(expand(&[Value::Missing], &[], 9).0.len(), 0);
        assert_eq!(expand(&[Value::Missing], &[true], 9).0.len(), 1);
        assert_eq!(expand(&[Value::List(vec![Value::Null, "a".into()])], &[true], 9).0.len(), 1);
        let (keys, cut) = expand(&[list(&["a", "b"]), list(&["x", "y"])], &[], 3);
        assert_eq!((keys.len(), cut), (3, 1));
    }

    #[test]
    fn sorted_output_puts_null_first_and_upper_case_before_lower() {
        let mut v = [Value::str("doom"), Value::str("GTA"), Value::Null, 10.into(), 9.into()];
        v.sort_by(order);
        assert_eq!(v, [Value::Null, 9.into(), 10.into(), "GTA".into(), "doom".into()]);
    }
}
