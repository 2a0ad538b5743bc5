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

use std::sync::{Arc, OnceLock};

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
    /// For each [`BLOCK`] of bytes how many lines end before it and where its first line begins, once a place was
    /// asked for.
    blocks: OnceLock<Box<[(usize, usize)]>>,
}

/// Bytes that are looked through for the place of one of them.
const BLOCK: usize = 4096;

/// Of a text, and of its end where that is the beginning of a block.
fn blocks(text: &[u8]) -> Box<[(usize, usize)]> {
    let mut out = Vec::with_capacity(text.len() / BLOCK + 1);
    let (mut line, mut start) = (0, 0);
    for (block, bytes) in text.chunks(BLOCK).enumerate() {
        out.push((line, start));
        line += bytes.iter().filter(|b| **b == b'\n').count();
        let last = bytes.iter().rposition(|b| *b == b'\n');
        start = last.map_or(start, |n| block * BLOCK + n + 1);
    }
    out.push((line, start));
    out.into()
}

impl Source {
    /// A named text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into(), blocks: OnceLock::new() }
    }

    /// The name alone: what is left of a source whose text is not needed any more.
    pub fn without_text(&self) -> Source {
        Source { name: self.name.clone(), text: Arc::default(), blocks: OnceLock::new() }
    }

    /// 1-based line and column (in characters) of a byte offset; offsets past the end answer the end.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let blocks = self.blocks.get_or_init(|| blocks(self.text.as_bytes()));
        let block = at / BLOCK;
        let (mut line, mut start) = blocks.get(block).copied().unwrap_or_default();
        let within = block * BLOCK..at;
        for n in within.filter(|n| self.text.as_bytes()[*n] == b'\n') {
            (line, start) = (line + 1, n + 1);
        }
        (line + 1, self.text[start..at].chars().count() + 1)
    }

    /// The text of a span, clipped to the source; empty where the span is not on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end.min(self.text.len())).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By looking through the whole text.
    fn obvious(text: &str, at: usize) -> (usize, usize) {
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    #[test]
    fn places_are_those_that_the_obvious_way_finds() {
        let long = "é".repeat(BLOCK);
        for text in
            ["", "\n", "a\nbé\n", &"\n".repeat(2 * BLOCK), &format!("a\n{long}\nb\n"), &"ab\n".repeat(BLOCK)]
        {
            let source = Source::new("t", text);
            let ends = (0..text.len()).filter(|n| n % 97 == 0 || n % BLOCK < 3 || n % BLOCK > BLOCK - 3);
            for at in ends.chain([text.len()]).filter(|n| text.is_char_boundary(*n)) {
                assert_eq!(source.position(at), obvious(text, at), "{at} of {}", text.len());
            }
            assert_eq!(source.position(text.len() + 9), obvious(text, text.len()));
        }
    }
}
