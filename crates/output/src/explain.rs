//! Why a rule does or does not match an event, clause by clause, for people and as JSON.

use shikra_ir::{RuleMeta, Truth};
use shikra_matcher::explain::{Clause, ClauseKind, Explanation};
use shikra_syntax::{Source, Span};

use shikra_engine::finding::EventView;

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::clip;
use crate::{Paint, Style, telling};

/// Deepest clause shown.
const MAX_DEPTH: usize = 48;

/// One filter of a rule on one event: a rule of several stages has several.
pub struct Explained<'a> {
    /// The rule.
    pub rule: &'a RuleMeta,
    /// Its file, for line numbers.
    pub source: &'a Source,
    /// Which filter of the rule, where it has several: `stage 2`.
    pub part: Option<String>,
    /// The event.
    pub event: &'a EventView,
    /// What the matcher says.
    pub explanation: &'a Explanation,
}

impl Explained<'_> {
    /// For people: a tree, every line with the truth of its clause.
    pub fn render(&self, style: &Style) -> String {
        let e = self.event;
        let title = style.paint(Paint::Strong, &for_terminal(&self.rule.title));
        let part = self.part.as_ref().map(|p| format!(", {}", for_terminal(p))).unwrap_or_default();
        let verdict = verdict(Truth::of(self.explanation.holds), style);
        let mut out = format!("{verdict} {title}{part}\n");
        let time = e.time.map_or_else(|| "no time".to_owned(), |t| t.to_string());
        let (source, computer) = (for_terminal(&e.source), for_terminal(&e.computer));
        let event = format!("{source} record {}, {}, {time}, {computer}", e.record, telling::label(e));
        out.push_str(&format!("    {}\n", style.paint(Paint::Faint, &event)));
        let admitted = verdict_of(self.explanation.admitted, style);
        out.push_str(&format!("  {admitted} log source\n"));
        if let Some(source) = &self.explanation.source {
            self.clause(source, 2, style, &mut out);
        }
        self.clause(&self.explanation.clause, 1, style, &mut out);
        out
    }

    fn clause(&self, c: &Clause, depth: usize, style: &Style, out: &mut String) {
        let indent = "  ".repeat(depth);
        if depth > MAX_DEPTH {
            out.push_str(&format!("{indent}…\n"));
            return;
        }
        let mark = verdict(c.truth, style);
        out.push_str(&format!("{indent}{mark} {}\n", self.describe(c, style)));
        if let ClauseKind::Test { seen, .. } = &c.kind {
            for (name, value) in seen {
                let text = for_terminal(&shikra_ir::text::value(value));
                let text = if style.verbose { text } else { clip(&text, 400) };
                out.push_str(&format!("{indent}      {} = {text}\n", for_terminal(name)));
            }
        }
        for part in &c.parts {
            self.clause(part, depth + 1, style, out);
        }
    }

    fn describe(&self, c: &Clause, style: &Style) -> String {
        match &c.kind {
            ClauseKind::Named(name) => style.paint(Paint::Strong, &for_terminal(name)),
            ClauseKind::Test { text, span, .. } => {
                let text = for_terminal(text);
                let text = if style.verbose { text } else { clip(&text, 400) };
                format!("{text}{}", style.paint(Paint::Faint, &self.line(*span)))
            }
            ClauseKind::Opaque(reason, span) => {
                format!(
                    "unsupported: {}{}",
                    for_terminal(reason),
                    style.paint(Paint::Faint, &self.line(*span))
                )
            }
            _ => kind(c).to_owned(),
        }
    }

    fn line(&self, span: Span) -> String {
        if span == Span::default() {
            return String::new();
        }
        format!("  (line {})", self.source.position(span.start).0)
    }

    /// As one JSON object, without the line end.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| {
            o.key("schema").string("shikra.explain/1");
            o.key("rule").object(|o| {
                o.key("id").string(&self.rule.id);
                o.key("title").string(&self.rule.title);
                o.key("path").string(&self.rule.path);
            });
            o.key("part").string_or_null(self.part.as_deref());
            o.key("source").string(&self.event.source);
            o.key("record").number(self.event.record);
            o.key("time").time(self.event.time);
            o.key("holds").bool(self.explanation.holds);
            o.key("log_source").bool(self.explanation.admitted);
            match &self.explanation.source {
                Some(c) => o.key("log_source_clause").object(|o| self.write(c, 0, o)),
                None => o.key("log_source_clause").null(),
            }
            o.key("clause").object(|o| self.write(&self.explanation.clause, 0, o));
        });
        String::from_utf8(out).unwrap_or_default()
    }

    fn write(&self, c: &Clause, depth: usize, o: &mut Members<'_>) {
        o.key("kind").string(kind(c));
        match c.truth {
            Truth::True => o.key("truth").bool(true),
            Truth::False => o.key("truth").bool(false),
            Truth::Unknown => o.key("truth").null(),
        }
        match &c.kind {
            ClauseKind::Named(name) => o.key("name").string(name),
            ClauseKind::Opaque(reason, span) => {
                o.key("reason").string(reason);
                o.key("line").number(self.source.position(span.start).0 as u64);
            }
            ClauseKind::Test { text, span, seen } => {
                o.key("text").string(text);
                o.key("line").number(self.source.position(span.start).0 as u64);
                o.key("seen").array(|a| {
                    for (name, value) in seen {
                        a.item().object(|o| {
                            o.key("field").string(name);
                            o.key("value").value(value);
                        });
                    }
                });
            }
            _ => {}
        }
        if depth < MAX_DEPTH && !c.parts.is_empty() {
            o.key("parts").array(|a| {
                c.parts.iter().for_each(|p| a.item().object(|o| self.write(p, depth + 1, o)));
            });
        }
    }
}

fn kind(c: &Clause) -> &'static str {
    match &c.kind {
        ClauseKind::All => "all of",
        ClauseKind::Any => "any of",
        ClauseKind::Not => "not",
        ClauseKind::Named(_) => "named",
        ClauseKind::Const => "constant",
        ClauseKind::Opaque(..) => "unsupported",
        ClauseKind::Test { .. } => "test",
    }
}

fn verdict_of(holds: bool, style: &Style) -> String {
    verdict(Truth::of(holds), style)
}

fn verdict(truth: Truth, style: &Style) -> String {
    match truth {
        Truth::True => style.paint(Paint::Good, "yes"),
        Truth::False => style.paint(Paint::Bad, "no "),
        Truth::Unknown => style.paint(Paint::Warn, "?  "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::{event, rule};
    use shikra_ir::Level;

    #[test]
    fn shows_the_tree_and_what_was_seen() {
        let test = |text: &str, truth, at| Clause {
            kind: ClauseKind::Test {
                text: text.into(),
                span: Span::new(at, at + 1),
                seen: vec![("Image".into(), "a\x1b.exe".into())],
            },
            truth,
            parts: vec![],
        };
        let named = Clause {
            kind: ClauseKind::Named("sel".into()),
            truth: Truth::True,
            parts: vec![test("x", Truth::True, 2)],
        };
        let all = Clause {
            kind: ClauseKind::All,
            truth: Truth::False,
            parts: vec![named, test("y", Truth::False, 4)],
        };
        let explanation = Explanation { admitted: true, source: None, clause: all, holds: false };
        let e = Explained {
            rule: &rule("1", "T\x1b", Level::Low),
            source: &Source::new("r.yml", "1\n2\n3\n"),
            part: None,
            event: &event(7, &[]),
            explanation: &explanation,
        };
        let want = "no  T\\x1b\n    logs/sysmon.evtx record 7, Sysmon 10, 2020-10-22T01:54:25.123456007Z, \
                    WORKSTATION5\n  yes log source\n  no  all of\n    yes sel\n      yes x  (line 2)\n            \
                    Image = \"a\\u{1b}.exe\"\n    no  y  (line 3)\n          Image = \"a\\u{1b}.exe\"\n";
        assert_eq!(e.render(&Style::default()), want);
        let value: serde_json::Value = serde_json::from_str(&e.to_json()).unwrap();
        assert_eq!(value["clause"]["parts"][1]["truth"], false);
    }
}
