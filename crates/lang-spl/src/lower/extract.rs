//! Fields out of text: `rex`, `spath`, key-value pairs.

use std::sync::Arc;

use shikra_ir::{Extract, Plan, Regex, Scalar};
use shikra_syntax::Span;

use super::columns::text;
use super::{EVAL, Inside, Lower, Stream, call};
use crate::ast::{Options, Word, option};

impl Lower<'_> {
    pub fn rex(&mut self, mut s: Stream, field: Option<&Word>, pattern: &Word, options: &Options) -> Stream {
        let from = match field {
            Some(f) => s.field(&f.text),
            None => s.field("_raw"),
        };
        if option(options, "mode").is_some_and(|m| m.text.eq_ignore_ascii_case("sed")) {
            return self.sed(s, field, from, pattern);
        }
        if let Some(o) = option(options, "offset_field") {
            return self.stop(s, "rex with offset_field", o.span);
        }
        let regex = self.checked(&pattern.text, pattern.span);
        let names = group_names(&regex);
        if names.is_empty() {
            let message = "the expression names no groups: rex makes no fields";
            self.warn("no-groups", message, pattern.span);
        }
        names.iter().for_each(|n| s.add(n));
        let most = option(options, "max_match").and_then(|m| m.text.parse().ok()).unwrap_or(1);
        s.wrap(|p| Plan::Extract(Box::new(p), Extract::Regex { from, regex, most }));
        s
    }

    /// `s/a/b/g`
    fn sed(&mut self, mut s: Stream, field: Option<&Word>, from: Scalar, pattern: &Word) -> Stream {
        let name = field.map_or("_raw", |f| &*f.text);
        let Some((find, put, flags)) = substitution(&pattern.text) else {
            return self.stop(s, "rex in mode sed with anything but s/…/…/", pattern.span);
        };
        let find = if flags.contains('i') { format!("(?i){find}") } else { find };
        let r = self.checked(&find, pattern.span);
        let f = if flags.contains('g') { "spl-replace" } else { "spl-replace-first" };
        let value = call(f, vec![from, text(&r.source), text(&put)], EVAL);
        s.eval(vec![(Arc::from(name), value)]);
        s
    }

    /// With a path, one value; without one, whatever is asked for later.
    pub fn spath(&mut self, mut s: Stream, path: Option<&Word>, options: &Options) -> Stream {
        let input = option(options, "input").filter(|i| i.text != "_raw");
        let output = option(options, "output");
        match (path, input) {
            // The fields of events are those of their text already.
            (None, None) => s,
            (None, Some(input)) => {
                let from = s.field(&input.text);
                self.read_inside(s, Inside { func: "json-path", from, more: vec![] }, input.span)
            }
            (Some(path), input) => {
                let value = match input {
                    Some(i) => call("json-path", vec![s.field(&i.text), text(&path.text)], EVAL),
                    None => s.field(&path.text),
                };
                let to = output.unwrap_or(path);
                s.eval(vec![(Arc::from(&*to.text), value)]);
                s
            }
        }
    }

    /// `xmlkv`, `extract`, `fromjson`: fields that are read when they are asked for.
    pub fn key_values(
        &mut self,
        s: Stream,
        name: &str,
        fields: &[Word],
        options: &Options,
        at: Span,
    ) -> Stream {
        let from = fields.first().map_or_else(|| s.field("_raw"), |f| s.field(&f.text));
        let inside = match name {
            "xmlkv" => Inside { func: "xml-value", from, more: vec![] },
            "fromjson" => Inside { func: "json-path", from, more: vec![] },
            _ => {
                let from = s.field("_raw");
                let of = |n: &str, default: &str| text(option(options, n).map_or(default, |w| &w.text));
                Inside {
                    func: "pair-value",
                    from,
                    more: vec![of("pairdelim", " ,;|&\n"), of("kvdelim", "=:")],
                }
            }
        };
        self.read_inside(s, inside, at)
    }

    /// Fields are read out of a text from here on. Each such text is looked for in those before it, so that what a
    /// field stands for doubles with each.
    fn read_inside(&mut self, mut s: Stream, inside: Inside, at: Span) -> Stream {
        if s.inside.len() >= MOST_INSIDE {
            return self.stop(s, &format!("more than {MOST_INSIDE} texts to read fields from"), at);
        }
        s.inside.push(inside);
        s
    }
}

/// Texts that fields are read out of when they are asked for.
const MOST_INSIDE: usize = 6;

/// The names of the groups of an expression, in order.
pub(super) fn group_names(r: &Regex) -> Vec<Arc<str>> {
    let mut out: Vec<Arc<str>> = Vec::new();
    for (i, _) in r.source.match_indices("(?") {
        let escaped =
            r.source.get(..i).is_some_and(|b| b.bytes().rev().take_while(|c| *c == b'\\').count() % 2 == 1);
        let rest = r.source.get(i + 2..).unwrap_or("");
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let (close, rest) = match rest.chars().next() {
            Some('<') => ('>', rest.get(1..).unwrap_or("")),
            Some('\'') => ('\'', rest.get(1..).unwrap_or("")),
            _ => continue,
        };
        let name = rest.split(close).next().unwrap_or("");
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if good && !escaped && !out.iter().any(|n| **n == *name) {
            out.push(Arc::from(name));
        }
    }
    out
}

/// `s/a/b/flags` with any separator.
fn substitution(text: &str) -> Option<(String, String, String)> {
    let rest = text.trim().strip_prefix('s')?;
    let separator = rest.chars().next()?;
    let mut parts = vec![String::new()];
    let mut chars = rest.chars().skip(1).peekable();
    while let Some(c) = chars.next() {
        let last = parts.last_mut()?;
        match c {
            '\\' if chars.peek() == Some(&separator) => last.extend(chars.next()),
            '\\' => {
                last.push(c);
                last.extend(chars.next());
            }
            c if c == separator => parts.push(String::new()),
            c => last.push(c),
        }
    }
    let mut parts = parts.into_iter();
    Some((parts.next()?, parts.next()?, parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sed_and_groups() {
        let s = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(substitution("s/a\\/b/c/g"), s("a/b", "c", "g"));
        assert_eq!(substitution("s#a#\\1#"), s("a", "\\1", ""));
        assert_eq!(substitution("y/a/b/"), None);
        let r = |t: &str| Regex { source: t.into(), multi_line: false, dot_all: false, whole: false };
        let names = group_names(&r(r"(?<a>x)(?:y)(?P<b>z)(?<=q)\(?<n>"));
        assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b"]);
    }
}
