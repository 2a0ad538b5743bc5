//! Macros in back-ticks and comments in three of them: both are gone when the parser sees the text.

use std::collections::BTreeMap;

use shikra_syntax::{Diagnostic, Span};

/// Macros within macros.
const MAX_DEPTH: usize = 16;
/// Length of a text with its macros expanded.
const MAX_BYTES: usize = 4 << 20;

/// A search macro: a text with `$argument$`s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macro {
    /// Names of the arguments.
    pub arguments: Vec<String>,
    /// What it stands for.
    pub definition: String,
}

/// The macros that a search may use, by name and number of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macros(BTreeMap<(String, usize), Macro>);

/// Macros of Splunk's own apps, as they are before anyone configures them.
const BUILT_IN: &[(&str, &[&str], &str)] = &[
    ("drop_dm_object_name", &["object"], "rename \"$object$.*\" as \"*\""),
    ("security_content_ctime", &["field"], "convert timeformat=\"%Y-%m-%dT%H:%M:%S\" ctime($field$)"),
    (
        "security_content_summariesonly",
        &[],
        "summariesonly=false allow_old_summaries=true fillnull_value=null",
    ),
    ("comment", &["text"], ""),
    ("summariesonly", &[], "summariesonly=false"),
    ("ctime", &["field"], "convert ctime($field$)"),
    (
        "sysmon",
        &[],
        "source=XmlWinEventLog:Microsoft-Windows-Sysmon/Operational \
         OR source=WinEventLog:Microsoft-Windows-Sysmon/Operational",
    ),
    ("wineventlog_security", &[], "source=XmlWinEventLog:Security OR source=WinEventLog:Security"),
    ("wineventlog_system", &[], "source=XmlWinEventLog:System OR source=WinEventLog:System"),
    ("wineventlog_application", &[], "source=XmlWinEventLog:Application OR source=WinEventLog:Application"),
    (
        "powershell",
        &[],
        "source=XmlWinEventLog:Microsoft-Windows-PowerShell/Operational \
         OR source=WinEventLog:Microsoft-Windows-PowerShell/Operational",
    ),
    (
        "cim_corporate_web_domain_search",
        &["field"],
        "[| inputlookup cim_corporate_web_domain_lookup | rename domain as \"$field$\" | fields \"$field$\"]",
    ),
    (
        "cim_corporate_email_domain_search",
        &["field"],
        "[| inputlookup cim_corporate_email_domain_lookup | rename domain as \"$field$\" | fields \"$field$\"]",
    ),
];

impl Default for Macros {
    fn default() -> Macros {
        let mut all = Macros(BTreeMap::new());
        for (name, arguments, definition) in BUILT_IN {
            let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
            all.add(name, Macro { arguments, definition: (*definition).to_owned() });
        }
        all
    }
}

impl Macros {
    /// Defines one, in place of what had its name and number of arguments. The name may end in `(n)`, as in
    /// Splunk's configuration.
    pub fn add(&mut self, name: &str, is: Macro) {
        let bare = name.split('(').next().unwrap_or(name).trim();
        self.0.insert((bare.to_owned(), is.arguments.len()), is);
    }

    fn get(&self, name: &str, arguments: usize) -> Option<&Macro> {
        self.0.get(&(name.to_owned(), arguments))
    }

    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|(n, _)| n == name)
    }
}

/// A text with its macros expanded, which remembers where everything came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expanded {
    pub text: String,
    /// Start in `text`, the place in the original, and whether it stands there in the same letters.
    pieces: Vec<(usize, Span, bool)>,
    /// The last sign that is no space.
    last: Option<u8>,
}

impl Expanded {
    /// A text that stands, as a whole, for one place.
    pub fn whole(text: &str, at: Span) -> Expanded {
        Expanded { text: text.to_owned(), pieces: vec![(0, at, false)], last: last_sign(text) }
    }

    /// Where a part of the expanded text stands in the original: what came of a macro stands where it is called.
    pub fn origin(&self, span: Span) -> Span {
        let start = self.origin_of(span.start).start;
        let end = match span.end > span.start {
            true => self.origin_of(span.end - 1).end,
            false => start,
        };
        Span::new(start, end)
    }

    fn origin_of(&self, at: usize) -> Span {
        let after = self.pieces.partition_point(|(start, ..)| *start <= at);
        match after.checked_sub(1).and_then(|i| self.pieces.get(i)) {
            Some((start, origin, true)) => {
                let at = (origin.start + (at - start)).min(origin.end);
                Span::new(at, (at + 1).min(origin.end))
            }
            Some((_, origin, false)) => *origin,
            None => Span::default(),
        }
    }

    fn push(&mut self, text: &str, origin: Span, verbatim: bool) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), origin, verbatim));
            self.text.push_str(text);
            self.last = last_sign(text).or(self.last);
        }
    }
}

fn last_sign(text: &str) -> Option<u8> {
    text.trim_end().bytes().last()
}

/// Expands all macros and takes comments out.
pub(crate) fn expand(text: &str, macros: &Macros, diagnostics: &mut Vec<Diagnostic>) -> Expanded {
    let mut out = Expanded::default();
    let mut job = Job { macros, diagnostics, out: &mut out, calls: Vec::new(), endless: false };
    job.text(text, None);
    out
}

struct Job<'j> {
    macros: &'j Macros,
    diagnostics: &'j mut Vec<Diagnostic>,
    out: &'j mut Expanded,
    /// Macros that are being expanded.
    calls: Vec<String>,
    /// Some macro has no end: nothing more is expanded.
    endless: bool,
}

impl Job<'_> {
    /// Expands a text: the original, or what came of a call at `at`.
    fn text(&mut self, text: &str, at: Option<Span>) {
        let mut from = 0;
        let mut i = 0;
        while i < text.len() {
            let rest = &text[i..];
            if let Some(escaped) = rest.strip_prefix('\\') {
                i += 1 + escaped.chars().next().map_or(0, char::len_utf8);
            } else if rest.starts_with('"') {
                i += quoted_length(rest);
            } else if let Some(comment) = rest.strip_prefix("```") {
                self.push(text, from, i, at);
                let length = comment.find("```").map_or(rest.len(), |n| n + 6);
                self.out.push(" ", at.unwrap_or(Span::new(i, i + length)), false);
                i += length;
                from = i;
            } else if let Some(call) = rest.strip_prefix('`') {
                self.push(text, from, i, at);
                let Some(length) = call_length(call) else {
                    self.say_open(at.unwrap_or(Span::new(i, i + 1)));
                    (i, from) = (i + 1, i + 1);
                    continue;
                };
                let place = at.unwrap_or(Span::new(i, i + length + 2));
                self.call(call.get(..length).unwrap_or(""), place);
                i += length + 2;
                from = i;
            } else {
                i += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.push(text, from, text.len(), at);
    }

    fn push(&mut self, text: &str, from: usize, to: usize, at: Option<Span>) {
        let part = text.get(from..to).unwrap_or("");
        self.out.push(part, at.unwrap_or(Span::new(from, to)), at.is_none());
    }

    fn say_open(&mut self, at: Span) {
        self.diagnostics.push(Diagnostic::error("open-macro", "a macro's back-tick is not closed", at));
    }

    fn call(&mut self, call: &str, at: Span) {
        if self.endless {
            return;
        }
        let (name, arguments) = split_call(call);
        if self.calls.len() >= MAX_DEPTH || self.out.text.len() > MAX_BYTES || self.calls.contains(&name) {
            let message = format!("macro `{name}` expands without end");
            self.diagnostics.push(Diagnostic::error("endless-macro", message, at));
            self.endless = true;
            return;
        }
        let found = self.macros.get(&name, arguments.len());
        let Some(found) = found else { return self.unknown(&name, arguments.len(), at) };
        let mut definition = found.definition.trim().to_owned();
        // A definition that begins with a pipe is put after one all the same.
        if self.ends_with_pipe() {
            definition = definition.strip_prefix('|').map(str::to_owned).unwrap_or(definition);
        }
        for (argument, value) in found.arguments.iter().zip(&arguments) {
            definition = definition.replace(&format!("${argument}$"), value);
        }
        self.calls.push(name);
        self.text(&definition, Some(at));
        self.calls.pop();
    }

    /// The filters that a site writes for itself let everything pass; all else must be defined.
    fn unknown(&mut self, name: &str, arguments: usize, at: Span) {
        if name.ends_with("_filter") && arguments == 0 {
            let nothing = if self.ends_with_pipe() { "search *" } else { "*" };
            return self.out.push(nothing, at, false);
        }
        let message = match self.macros.has(name) {
            true => format!("macro `{name}` does not take {arguments} arguments"),
            false => format!("macro `{name}` is not defined"),
        };
        self.diagnostics.push(
            Diagnostic::error("unknown-macro", message, at)
                .with_help("give the folder that holds the macros together with the rules"),
        );
    }

    fn ends_with_pipe(&self) -> bool {
        matches!(self.out.last, None | Some(b'|' | b'['))
    }
}

/// Length of the quoted string that `text` begins with, quotes included; to the end where it is not closed.
pub(crate) fn quoted_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes.first().copied();
    let mut i = 1;
    while let Some(b) = bytes.get(i) {
        match b {
            b'\\' => i += 2,
            b if Some(*b) == quote => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

/// Length of a macro call up to its closing back-tick, which is not one within quotes.
fn call_length(text: &str) -> Option<usize> {
    let mut i = 0;
    while i < text.len() {
        let rest = &text[i..];
        match rest.chars().next()? {
            '`' => return Some(i),
            '"' => i += quoted_length(rest),
            c => i += c.len_utf8(),
        }
    }
    None
}

/// `name(a, "b")` → name, a, b.
fn split_call(call: &str) -> (String, Vec<String>) {
    let call = call.trim();
    let Some((name, rest)) = call.split_once('(') else { return (call.to_owned(), Vec::new()) };
    let inner = rest.trim_end().strip_suffix(')').unwrap_or(rest);
    let mut arguments = Vec::new();
    let (mut from, mut i, mut depth) = (0, 0, 0usize);
    while i < inner.len() {
        let part = &inner[i..];
        let c = part.chars().next().unwrap_or(' ');
        match c {
            '"' => {
                i += quoted_length(part);
                continue;
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                arguments.push(argument(inner.get(from..i).unwrap_or("")));
                from = i + 1;
            }
            _ => {}
        }
        i += c.len_utf8();
    }
    arguments.push(argument(inner.get(from..).unwrap_or("")));
    (name.trim().to_owned(), arguments)
}

fn argument(text: &str) -> String {
    let text = text.trim();
    let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    bare.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, macros: &[(&str, &[&str], &str)], want: &str) {
        let mut all = Macros::default();
        for (name, arguments, definition) in macros {
            let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
            all.add(name, Macro { arguments, definition: (*definition).to_owned() });
        }
        let mut said = Vec::new();
        let mut got = expand(text, &all, &mut said).text;
        said.iter().for_each(|d| got.push_str(&format!(" !{}", d.code)));
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn macros_and_comments() {
        let own: &[(&str, &[&str], &str)] =
            &[("a", &[], "x=1 OR `b(2)`"), ("b(1)", &["n"], "y=\"$n$\""), ("loop", &[], "`loop`")];
        check("`a` z=\"`a`\"", own, "x=1 OR y=\"2\" z=\"`a`\"");
        check("x ```| not `this` ``` | y", own, "x   | y");
        check("x | `some_filter`", own, "x | search *");
        check("x `some_filter`", own, "x *");
        check("x | `drop_dm_object_name(\"P\")`", own, "x | rename \"P.*\" as \"*\"");
        check("`loop`", own, " !endless-macro");
        check("`nope`", own, " !unknown-macro");
        check("`b`", own, " !unknown-macro");
        check("x `a", own, "x a !open-macro");
    }

    #[test]
    fn places_are_those_of_the_call() {
        let mut macros = Macros::default();
        macros.add("m", Macro { arguments: vec![], definition: "wide text".into() });
        let out = expand("ab `m` cd", &macros, &mut vec![]);
        let at = |part: &str| {
            let i = out.text.find(part).unwrap();
            out.origin(Span::new(i, i + part.len()))
        };
        assert_eq!(at("ab"), Span::new(0, 2));
        assert_eq!(at("text"), Span::new(3, 6));
        assert_eq!(at("cd"), Span::new(7, 9));
        assert_eq!(out.origin(Span::new(3, out.text.len())), Span::new(3, 9));
    }
}
