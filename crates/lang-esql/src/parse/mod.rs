//! From text to tree. A command that cannot be read is passed over up to the next pipe, and the others are read.

mod command;
mod expr;

pub(crate) use command::COMMANDS;

use shikra_syntax::{Diagnostic, Span};

use crate::ast::{Command, CommandKind, Name, Query};
use crate::token::{Token, Word, words};

/// Words of a query.
const MAX_WORDS: usize = 100_000;
/// Commands of a query.
const MAX_COMMANDS: usize = 500;
/// Parentheses and the like in one another.
const MAX_DEPTH: usize = 100;
/// Operators of one kind in a row: each nests its tree by one.
const MAX_CHAIN: usize = 200;

/// Reads a query.
pub(crate) fn query(text: &str, said: &mut Vec<Diagnostic>) -> Query {
    let mut words = words(text);
    let whole = Span::new(0, text.len());
    if words.len() > MAX_WORDS {
        said.push(Diagnostic::error("too-long", format!("more than {MAX_WORDS} words"), whole));
        words.clear();
    }
    let mut p = Parser { text, words, at: 0, depth: 0, said };
    let mut query = Query::default();
    if p.peek().is_none() {
        p.error("a command expected");
        return query;
    }
    loop {
        let start = p.place();
        let kind = p.command(query.commands.is_empty());
        if !matches!(kind, CommandKind::Broken) && p.peek().is_some() && !p.at_pipe() {
            p.error("the command ends here; | or the end of the query expected");
        }
        p.skip_to_pipe();
        query.commands.push(Command { kind, span: start.to(p.before()) });
        if p.sign("|").is_none() {
            return query;
        }
        if query.commands.len() >= MAX_COMMANDS {
            p.error("too many commands");
            return query;
        }
    }
}

/// Reads an expression alone.
#[cfg(test)]
pub(crate) fn expression(text: &str, said: &mut Vec<Diagnostic>) -> crate::ast::Expr {
    let mut p = Parser { text, words: words(text), at: 0, depth: 0, said };
    p.expr()
}

struct Parser<'p> {
    text: &'p str,
    words: Vec<Word>,
    at: usize,
    depth: usize,
    said: &'p mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn ahead(&self, n: usize) -> Option<&Token> {
        self.words.get(self.at + n).map(|(t, _)| t)
    }
    fn peek(&self) -> Option<&Token> {
        self.ahead(0)
    }
    /// Where the next word stands.
    fn place(&self) -> Span {
        let end = Span::new(self.text.len(), self.text.len());
        self.words.get(self.at).map_or(end, |(_, s)| *s)
    }
    /// Where the last word read stands.
    fn before(&self) -> Span {
        self.at.checked_sub(1).and_then(|i| self.words.get(i)).map_or(Span::new(0, 0), |(_, s)| *s)
    }
    fn bump(&mut self) {
        self.at += 1;
    }
    fn error(&mut self, message: impl Into<String>) {
        let place = self.place();
        self.said.push(Diagnostic::error("syntax", message, place));
    }
    /// The next word's text, for messages.
    fn found(&self) -> String {
        match self.words.get(self.at) {
            Some((_, s)) => format!("`{}`", self.text.get(s.start..s.end).unwrap_or_default()),
            None => "the end".into(),
        }
    }
    fn expected(&mut self, what: &str) {
        let found = self.found();
        self.error(format!("{what} expected, found {found}"));
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(s)) if *s == sign)
    }
    fn at_pipe(&self) -> bool {
        self.is_sign("|")
    }
    fn sign(&mut self, sign: &str) -> Option<Span> {
        let place = self.place();
        self.is_sign(sign).then(|| {
            self.bump();
            place
        })
    }
    fn expect(&mut self, sign: &str) -> bool {
        let there = self.sign(sign).is_some();
        if !there {
            self.expected(&format!("`{sign}`"));
        }
        there
    }
    fn is_word(&self, n: usize, word: &str) -> bool {
        let is =
            |t: &Token| matches!(t, Token::Name { text, quoted: false } if text.eq_ignore_ascii_case(word));
        self.ahead(n).is_some_and(is)
    }
    fn word(&mut self, word: &str) -> bool {
        let there = self.is_word(0, word);
        self.at += usize::from(there);
        there
    }
    /// Passes over all up to the next pipe outside of brackets.
    fn skip_to_pipe(&mut self) {
        let mut depth = 0usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Sign("|") if depth == 0 => return,
                Token::Sign("(" | "[" | "{") => depth += 1,
                Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    fn name(&mut self) -> Option<Name> {
        let span = self.place();
        match self.peek() {
            Some(Token::Name { text, .. }) => {
                let text = text.clone();
                self.bump();
                Some(Name { text, span })
            }
            Some(Token::Param(text)) => {
                let text = format!("?{text}");
                self.bump();
                Some(Name { text, span })
            }
            _ => {
                self.expected("a name");
                None
            }
        }
    }
    fn string(&mut self) -> Option<String> {
        match self.peek() {
            Some(Token::Text(t)) => {
                let t = t.clone();
                self.bump();
                Some(t)
            }
            _ => {
                self.expected("a text");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_commands_are_passed_over() {
        let mut said = Vec::new();
        let q = query("from a, b* metadata _id | where x == | eval y = (1 | limit 5 | drop", &mut said);
        assert_eq!(q.commands.len(), 5);
        assert_eq!(q.commands[0].kind, CommandKind::From { indices: vec!["a".into(), "b*".into()] });
        assert_eq!(said.len(), 3, "{said:?}");
    }

    #[test]
    fn hostile_text_ends() {
        for text in [
            "(".repeat(100_000),
            "from a | where ".to_owned() + &"not ".repeat(50_000),
            "from a | where ".to_owned() + &"-".repeat(50_000),
            "row a = ".to_owned() + &"1+".repeat(50_000) + "1",
            "row a = ".to_owned() + &"[".repeat(50_000),
            "row a = 1".to_owned() + &"::int".repeat(50_000),
            "from a ".to_owned() + &"| where a".repeat(50_000),
            "\"".to_owned(),
        ] {
            let mut said = Vec::new();
            query(&text, &mut said);
            assert!(!said.is_empty());
        }
    }
}
