//! Grok patterns: regular expressions with names for parts of common form, `"%{IP:client} %{NUMBER:ms:int}"`.
//!
//! A name without a column takes part in matching only. Columns also come from named groups, `(?<name>…)`. A
//! column that is named twice has both values.

use std::sync::Arc;

use shikra_event::Value;

use super::{Found, patterns};
use crate::{Flavor, Fold, Regex, Words, regex};

/// Names expanded within one pattern, and how deep in one another.
const MAX_EXPANDED: usize = 2000;
const MAX_DEPTH: usize = 12;
/// Longest pattern once expanded.
const MAX_BYTES: usize = 256 << 10;

/// A parsed pattern.
#[derive(Clone, Debug)]
pub struct Grok {
    regex: Arc<regex::Compiled>,
    /// Per capture: its group, its column, its type.
    captures: Vec<(usize, Arc<str>, Kind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Real,
    Truth,
}

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "" | "string" | "keyword" => Kind::Text,
            "int" | "integer" | "long" => Kind::Integer,
            "float" | "double" => Kind::Real,
            "boolean" => Kind::Truth,
            _ => return None,
        })
    }
    fn value(self, text: &str) -> Value {
        let value = match self {
            Kind::Text => Some(Value::str(text)),
            Kind::Integer => text.parse().ok().map(Value::I64),
            Kind::Real => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::F64),
            Kind::Truth => text.parse().ok().map(Value::Bool),
        };
        value.unwrap_or(Value::Null)
    }
}

impl Grok {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(pattern: &str) -> Result<Grok, String> {
        let mut e = Expansion { out: String::new(), names: Vec::new(), count: 0 };
        e.expand(pattern, 0)?;
        let r = Regex { source: e.out, multi_line: false, dot_all: false, whole: false };
        let words = Words { fold: Fold::None, regex: Flavor::Pcre, ..Words::default() };
        let regex = regex::cached(&r, &words).map_err(|e| e.lines().last().unwrap_or_default().to_owned())?;
        let groups = regex.group_names();
        let captures = e.names.into_iter().enumerate().filter_map(|(i, (column, kind))| {
            let name = group_name(i);
            let group = groups.iter().position(|g| *g == Some(name.as_str()))?;
            Some((group, column, kind))
        });
        Ok(Grok { captures: captures.collect(), regex })
    }

    /// Names of the columns, in order of writing.
    pub fn columns(&self) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        for (_, name, _) in &self.captures {
            if !out.contains(name) {
                out.push(name.clone());
            }
        }
        out
    }

    /// Takes a text apart where the pattern finds itself in it.
    pub fn apply(&self, text: &str) -> Option<Found> {
        let groups = self.regex.captures(text, 0)?;
        let find = |(group, name, kind): &(usize, Arc<str>, Kind)| {
            let (start, end) = (*groups.get(*group)?)?;
            Some(vec![(name.clone(), kind.value(text.get(start..end)?))])
        };
        Some(super::gather(&self.columns(), self.captures.iter().filter_map(find)))
    }
}

/// Names of groups are our own: columns may have names that groups cannot, and the same twice.
fn group_name(i: usize) -> String {
    format!("grok{i}")
}

struct Expansion {
    out: String,
    names: Vec<(Arc<str>, Kind)>,
    count: usize,
}

impl Expansion {
    fn expand(&mut self, pattern: &str, depth: usize) -> Result<(), String> {
        self.count += 1;
        if depth > MAX_DEPTH || self.count > MAX_EXPANDED || self.out.len() + pattern.len() > MAX_BYTES {
            return Err("too large once its names are expanded".into());
        }
        let mut rest = pattern;
        while let Some(at) = rest.find(['%', '(', '\\']) {
            let (before, found) = rest.split_at(at);
            self.out.push_str(before);
            rest = found;
            if let Some(after) = rest.strip_prefix("%{") {
                let (name, tail) = after.split_once('}').ok_or("a name that does not end")?;
                self.name(name, depth)?;
                rest = tail;
            } else if let Some((name, tail)) = named_group(rest) {
                self.group(Arc::from(name), Kind::Text);
                rest = tail;
            } else {
                // An escaped sign goes with its backslash.
                let length =
                    if rest.starts_with('\\') { rest.chars().take(2).map(char::len_utf8).sum() } else { 1 };
                let (one, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
                self.out.push_str(one);
                rest = tail;
            }
        }
        self.out.push_str(rest);
        Ok(())
    }

    fn group(&mut self, column: Arc<str>, kind: Kind) {
        self.out.push_str(&format!("(?<{}>", group_name(self.names.len())));
        self.names.push((column, kind));
    }

    /// `NAME`, `NAME:column`, `NAME:column:type`.
    fn name(&mut self, text: &str, depth: usize) -> Result<(), String> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let (column, kind) = (parts.next(), parts.next().unwrap_or(""));
        let kind = Kind::named(kind).ok_or_else(|| format!("no type {kind:?}"))?;
        let pattern = patterns::named(name).ok_or_else(|| format!("no pattern {name:?}"))?;
        match column {
            Some(c) => self.group(Arc::from(c), kind),
            None => self.out.push_str("(?:"),
        }
        self.expand(pattern, depth + 1)?;
        self.out.push(')');
        Ok(())
    }
}

/// `(?<name>` and what follows.
fn named_group(text: &str) -> Option<(&str, &str)> {
    let after = text.strip_prefix("(?<")?;
    let (name, tail) = after.split_once('>')?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-');
    (!name.is_empty() && name.chars().all(fits)).then_some((name, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, want: &str) {
        let found = Grok::parse(pattern).unwrap().apply(text);
        let got = found.map_or("none".to_owned(), |f| {
            f.into_iter()
                .map(|(n, v)| format!("{n}={}", crate::text::value(&v)))
                .collect::<Vec<_>>()
                .join(" ")
        });
        assert_eq!(got, want, "{pattern}");
    }

    #[test]
    fn columns_types_and_groups() {
        check("%{WORD:a} %{NUMBER:n:int}", "x 12", r#"a="x" n=12"#);
        check("%{WORD:a} %{WORD:a}", "x y", r#"a=["x", "y"]"#);
        check("%{WORD:a}(?: %{INT:n})?$", "x", r#"a="x" n=null"#);
        check(r"\((?<the.name>[^)]+)\)%", "(5)%", r#"the.name="5""#);
        check("%{WORD:b:boolean} %{NUMBER:f:float}", "true 1.5", "b=true f=1.5");
        check("(?<=x)%{INT:n}(?!%)", "x12", r#"n="12""#);
        check("%{INT:n}", "none", "none");
        for bad in ["%{NOSUCH:a}", "%{WORD:a:date}", "%{WORD", "(", "%{WORD:a})"] {
            assert!(Grok::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_named_pattern_compiles_and_finds_itself() {
        for (name, _) in patterns::ALL {
            Grok::parse(&format!("%{{{name}:x}}")).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        for (name, text) in [
            ("IP", "2001:db8::1"),
            ("IP", "10.0.0.255"),
            ("MAC", "00:1b:44:11:3a:b7"),
            ("URI", "https://user@example.com:8080/a/b?c=d"),
            ("WINPATH", r"C:\Windows\System32\cmd.exe"),
            ("UNIXPATH", "/usr/bin/env"),
            ("TIMESTAMP_ISO8601", "2024-01-02T03:04:05.678+01:00"),
            ("HTTPDATE", "02/Jan/2024:03:04:05 +0000"),
            ("SYSLOGTIMESTAMP", "Jan  2 03:04:05"),
            ("EMAILADDRESS", "a.b@example.org"),
            ("UUID", "297bc33e-65d0-5f2d-8207-000000000400"),
            ("QUOTEDSTRING", r#""a \" b""#),
            ("HOSTPORT", "example.com:443"),
            ("LOGLEVEL", "Warning"),
            ("BASE16NUM", "0x1fF"),
        ] {
            check(&format!("^%{{{name}:x}}$"), text, &format!("x={text:?}"));
        }
    }
}
