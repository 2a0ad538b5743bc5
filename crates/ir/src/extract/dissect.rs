//! Dissect patterns, as Elasticsearch's: keys with literal text between them, `"%{a} [%{b->}] %{+a}"`.
//!
//! `->` skips repetitions of the text that follows; `+` appends to a key of the same name, in the order of the
//! numbers after `/` where there are any; `?` and the empty name take text that is thrown away.

use std::sync::Arc;

use shikra_event::Value;

use super::Found;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissect {
    /// Text before the first key.
    prefix: String,
    keys: Vec<Key>,
    separator: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// None: thrown away.
    name: Option<Arc<str>>,
    /// Place among the parts of its name.
    order: usize,
    /// Repetitions of `until` are skipped.
    padded: bool,
    /// Text after it; empty only for the last.
    until: String,
}

/// Keys of one pattern.
const MAX_KEYS: usize = 256;

impl Dissect {
    /// Reads a pattern; `separator` goes between appended parts.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(pattern: &str, separator: &str) -> Result<Dissect, String> {
        let (prefix, mut rest) = match pattern.find("%{") {
            Some(at) => pattern.split_at(at),
            None => return Err("no key %{…}".into()),
        };
        let mut keys: Vec<Key> = Vec::new();
        while let Some(after) = rest.strip_prefix("%{") {
            let Some((key, tail)) = after.split_once('}') else {
                return Err("a key that does not end".into());
            };
            let end = tail.find("%{").unwrap_or(tail.len());
            let (until, next) = tail.split_at(end);
            if until.is_empty() && !next.is_empty() {
                return Err(format!("no text between the key {key:?} and the next"));
            }
            keys.push(Key::parse(key, until)?);
            if keys.len() > MAX_KEYS {
                return Err(format!("more than {MAX_KEYS} keys"));
            }
            rest = next;
        }
        Ok(Dissect { prefix: prefix.into(), keys, separator: separator.into() })
    }

    /// Names of the columns, in order of writing.
    pub fn columns(&self) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        for name in self.keys.iter().filter_map(|k| k.name.as_ref()) {
            if !out.contains(name) {
                out.push(name.clone());
            }
        }
        out
    }

    /// Takes a text apart; none where it is not of the pattern's form.
    pub fn apply(&self, text: &str) -> Option<Found> {
        let mut rest = text.strip_prefix(self.prefix.as_str())?;
        let mut parts: Vec<(&Key, &str)> = Vec::new();
        for key in &self.keys {
            let value = if key.until.is_empty() {
                std::mem::take(&mut rest)
            } else {
                let (value, mut tail) = rest.split_once(key.until.as_str())?;
                while key.padded
                    && let Some(more) = tail.strip_prefix(key.until.as_str())
                {
                    tail = more;
                }
                rest = tail;
                value
            };
            parts.push((key, value));
        }
        let joined = |name: &Arc<str>| {
            let mut own: Vec<&(&Key, &str)> =
                parts.iter().filter(|(k, _)| k.name.as_ref() == Some(name)).collect();
            own.sort_by_key(|(k, _)| k.order);
            own.iter().map(|(_, v)| *v).collect::<Vec<_>>().join(&self.separator)
        };
        Some(self.columns().into_iter().map(|n| (n.clone(), Value::str(joined(&n)))).collect())
    }
}

impl Key {
    fn parse(text: &str, until: &str) -> Result<Key, String> {
        let (text, padded) = match text.strip_suffix("->") {
            Some(t) => (t, true),
            None => (text, false),
        };
        if text.starts_with(['*', '&']) {
            return Err(format!("the reference key {text:?} is not supported"));
        }
        let bare = text.strip_prefix('+');
        let (name, order) = match bare.unwrap_or(text).rsplit_once('/') {
            Some((name, order)) if bare.is_some() => {
                (name, order.parse().map_err(|_| format!("{order:?} is no number"))?)
            }
            _ => (bare.unwrap_or(text), 0),
        };
        let kept = !name.is_empty() && !name.starts_with('?');
        Ok(Key { name: kept.then(|| Arc::from(name)), order, padded, until: until.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, want: &str) {
        let found = Dissect::parse(pattern, ",").unwrap().apply(text);
        let got = found.map_or("none".to_owned(), |f| {
            let one = |(n, v): (Arc<str>, Value)| format!("{n}={}", v.to_text().unwrap());
            f.into_iter().map(one).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(got, want, "{pattern}");
    }

    #[test]
    fn keys() {
        check("[%{a}] %{b->} %{?c}.", "[1] x   y.", "a=1 b=x");
        check("%{+a/2} %{b} %{+a/1}", "1 2 3", "a=3,1 b=2");
        check("%{a}/%{}", "x/y", "a=x");
        check("x%{a}", "y1", "none");
        check("%{a}-%{b}", "x", "none");
        for bad in ["", "abc", "%{a}%{b}", "%{a", "%{*a} %{&a}", "%{+a/x}"] {
            assert!(Dissect::parse(bad, "").is_err(), "{bad}");
        }
    }
}
