//! Source text, spans, diagnostics, and the cursor and YAML tree that parsers share.
//!
//! A parser takes a [`Source`], answers a tree plus [`Diagnostic`]s, and never fails as a whole. This crate
//! knows no language and prints nothing: [`Diagnostic::render`] makes text, the caller decides where it goes.

mod cursor;
mod diagnostic;
pub mod xml;
pub mod yaml;

pub use cursor::Cursor;
pub use diagnostic::{Diagnostic, Severity};

use std::sync::Arc;

/// A range of bytes of a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From first to one past last byte.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end: end.max(start) }
    }
    /// The least span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
    /// The same range, `by` bytes further on: from a text within a file to the file.
    pub fn shifted(self, by: usize) -> Span {
        Span { start: self.start + by, end: self.end + by }
    }
}

/// A text with the name it is reported under. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path or other name, for messages.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A named text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    /// 1-based line and column (in characters) of a byte offset; offsets past the end answer the end.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        (before.bytes().filter(|b| *b == b'\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The text of a span, clipped to the source; empty where the span is not on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end.min(self.text.len())).unwrap_or("")
    }
}
