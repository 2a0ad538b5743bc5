//! A query that stands in a larger text (a page, an analytic, a rule file): what it says, where each part of it
//! stands, what is known of it; and the rule that its language makes of it.

use std::sync::Arc;

use shikra_ir::{LoadStatus, Opaque, Plan, Rule, RuleMeta};
use shikra_syntax::{Diagnostic, Source, Span};

use crate::{LANGUAGES, Options, Reader};

/// The text of a query with the place of its pieces in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The query alone: indentation, quotes and escapes of what it stands in removed.
    pub text: String,
    /// Where pieces begin: in the text, in the file.
    pieces: Vec<(usize, usize)>,
    /// All of it in the file.
    pub span: Span,
}

impl Text {
    /// What stands at a place, as it stands.
    pub fn at(source: &Source, span: Span) -> Text {
        Text { text: source.slice(span).to_owned(), pieces: vec![(0, span.start)], span }
    }

    /// A value that is written over several lines within `span` (a YAML or TOML text): each of its lines is
    /// looked for there in turn, and one that is written otherwise shares the place of the line before it.
    pub fn of_lines(source: &Source, span: Span, value: &str) -> Text {
        let written = source.slice(span);
        let (mut pieces, mut at, mut from) = (Vec::new(), 0, 0);
        for line in value.split_inclusive('\n') {
            let bare = line.trim();
            let found = written.get(from..).and_then(|rest| rest.find(bare)).filter(|_| !bare.is_empty());
            if let Some(found) = found {
                let indent = line.len() - line.trim_start().len();
                pieces.push((at + indent, span.start + from + found));
                from += found + bare.len();
            }
            at += line.len();
        }
        Text { text: value.to_owned(), pieces, span }
    }

    /// A text with every backslash that escapes a sign of Markdown removed.
    pub fn unescaped(source: &Source, span: Span) -> Text {
        let (mut text, mut pieces) = (String::new(), vec![(0, span.start)]);
        let mut chars = source.slice(span).char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let escapes =
                c == '\\' && chars.peek().is_some_and(|(_, n)| matches!(n, '_' | '*' | '|' | '<' | '>'));
            if escapes {
                pieces.push((text.len(), span.start + at + 1));
            } else {
                text.push(c);
            }
        }
        Text { text, pieces, span }
    }

    /// From a place in the text to the file.
    pub fn place(&self, span: Span) -> Span {
        let offset = |at: usize| {
            let piece = self.pieces.partition_point(|(start, _)| *start <= at).checked_sub(1);
            let piece = piece.and_then(|i| self.pieces.get(i));
            let to = piece.map_or(self.span.start, |(text, file)| file + (at - text));
            to.min(self.span.end.max(self.span.start))
        };
        Span::new(offset(span.start), offset(span.end))
    }
}

/// A query found in a file.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Name of its language, see [`crate::Language::name`]; others are told to be unsupported.
    pub language: &'static str,
    /// Whose dialect, where the place tells (`endgame`).
    pub dialect: Option<&'static str>,
    /// What it says.
    pub text: Text,
    /// What is known of it; language, text and place are filled in by [`rule`].
    pub meta: RuleMeta,
}

/// What a language makes of a query. Places are bytes of the query's own text.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// How well it loaded.
    pub status: LoadStatus,
    /// What there is to say of it.
    pub diagnostics: Vec<Diagnostic>,
}

/// The rule of a query, by its language's frontend.
pub fn rule(query: Query, source: &Source, options: &Options) -> Rule {
    let answer = LANGUAGES.iter().find(|l| l.name == query.language).and_then(|l| match l.reader {
        Reader::Queries(read) => Some(read(&query, options)),
        Reader::Documents { .. } => None,
    });
    let answer = answer.unwrap_or_else(|| {
        let message = format!("{} is not supported", language_title(query.language));
        let all = Span::new(0, query.text.text.len());
        let said = Diagnostic::error("unsupported-language", message, all);
        Answer { plan: None, status: LoadStatus::Rejected, diagnostics: vec![said] }
    });
    let Query { language, text, meta, .. } = query;
    let moved = |d: Diagnostic| Diagnostic { span: text.place(d.span), ..d };
    let diagnostics: Vec<Diagnostic> = bounded(answer.diagnostics).into_iter().map(moved).collect();
    let mut plan = answer.plan.unwrap_or_else(|| {
        let reason = diagnostics.first().map_or_else(|| "cannot be read".to_owned(), |d| d.message.clone());
        Plan::Opaque(None, Opaque { reason, span: Span::new(0, 0) })
    });
    plan.each_span(&mut |s| *s = text.place(*s));
    let path = source.name.to_string();
    let meta = RuleMeta { language, path, span: text.span, text: Arc::from(text.text.trim_end()), ..meta };
    Rule { meta: Arc::new(meta), plan, reports: true, status: answer.status, diagnostics }
}

/// What is told of one query: all that a reader could want, however broken it is.
const MOST_TOLD: usize = 100;

fn bounded(mut told: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if let Some(first) = told.get(MOST_TOLD) {
        let message = format!("{} more things are wrong from here on", told.len() - MOST_TOLD);
        let severity = told[MOST_TOLD..].iter().map(|d| d.severity).max().unwrap_or(first.severity);
        let rest = Diagnostic { severity, ..Diagnostic::error("more", message, first.span) };
        told.truncate(MOST_TOLD);
        told.push(rest);
    }
    told
}

fn language_title(name: &str) -> &str {
    match name {
        "dnif" => "DNIF's query language",
        "osquery" => "osquery's SQL",
        "spl" => "Splunk's SPL",
        "kql" => "KQL",
        "esql" => "ES|QL",
        "" => "the language",
        other => other,
    }
}

/// An id for a rule that has none: a hash of file name and place.
pub fn made_id(source: &Source, span: Span) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for b in source.name.bytes().chain(span.start.to_le_bytes()) {
        hash = (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("x-{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_lines_that_were_indented() {
        let source = Source::new("a.yml", "code: |\n    one two\n      three\n\n    four\n");
        let text = Text::of_lines(&source, Span::new(6, source.text.len()), "one two\n  three\n\nfour\n");
        for word in ["one", "two", "three", "four"] {
            let at = text.text.find(word).unwrap();
            let place = text.place(Span::new(at, at + word.len()));
            assert_eq!(source.slice(place), word);
        }
    }

    #[test]
    fn places_of_what_was_escaped() {
        let source = Source::new("a.md", r"| process\_name == \*x | c:\windows |");
        let text = Text::unescaped(&source, Span::new(2, 23));
        assert_eq!(text.text, "process_name == *x ");
        let at = text.text.find("name").unwrap();
        assert_eq!(source.slice(text.place(Span::new(at, at + 4))), "name");
    }

    #[test]
    fn complaints_are_counted() {
        let told = |n: usize| {
            let said = |at| Diagnostic::warning("x", format!("{at}"), Span::new(at, at + 1));
            bounded((0..n).map(said).collect())
        };
        assert_eq!(told(MOST_TOLD).len(), MOST_TOLD);
        let many = told(MOST_TOLD + 7);
        assert_eq!(many.len(), MOST_TOLD + 1);
        let last = &many[MOST_TOLD];
        assert_eq!(
            (last.message.as_str(), last.span.start),
            ("7 more things are wrong from here on", MOST_TOLD)
        );
    }
}
