//! A cursor over characters with byte positions: what hand-written lexers are made of.

use crate::Span;

/// Reads a text from front to back. Never panics; at the end it answers `None` and empty strings.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `text`.
    pub fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }
    /// Byte offset of the next character.
    pub fn offset(&self) -> usize {
        self.at
    }
    /// Moves to a byte offset (moved back to a character boundary).
    pub fn seek(&mut self, offset: usize) {
        self.at = offset.min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at -= 1;
        }
    }
    /// What is left.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
    /// At the end.
    pub fn at_end(&self) -> bool {
        self.at == self.text.len()
    }
    /// The next character, not consumed.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    /// The character after the next one, not consumed.
    pub fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }
    /// Consumes the next character.
    pub fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }
    /// Consumes `token` where the text goes on with it.
    pub fn eat(&mut self, token: &str) -> bool {
        let hit = self.rest().starts_with(token);
        if hit {
            self.at += token.len();
        }
        hit
    }
    /// Consumes `token` in any ASCII case where the text goes on with it.
    pub fn eat_ignore_case(&mut self, token: &str) -> bool {
        let hit = self.rest().get(..token.len()).is_some_and(|s| s.eq_ignore_ascii_case(token));
        if hit {
            self.at += token.len();
        }
        hit
    }
    /// Consumes characters for as long as `accept` holds and answers them.
    pub fn eat_while(&mut self, mut accept: impl FnMut(char) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&mut accept) {
            self.bump();
        }
        &self.text[start..self.at]
    }
    /// Consumes white space.
    pub fn skip_space(&mut self) {
        self.eat_while(char::is_whitespace);
    }
    /// The span from `start` to here.
    pub fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }
}
