//! Conditions of `search`: OR binds before AND, which may be left out, and NOT before both. What stands right of
//! an operator is always a literal.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

use super::{MAX_DEPTH, Parser, unescape};
use crate::ast::{Search, Word};

impl Parser<'_> {
    /// A condition up to the end.
    pub(super) fn search(&mut self) -> Search {
        let all = self.conjunction(&[]);
        while !self.done() {
            let at = Span::new(self.at, self.at + 1);
            if self.eat(")") {
                self.warn("stray-bracket", "this bracket closes nothing: left out", at);
                let more = self.conjunction(&[]);
                if more != Search::And(vec![]) {
                    return Search::And(vec![all, more, self.search()]);
                }
            } else {
                self.rest("a search");
            }
        }
        all
    }

    /// A condition up to one of these words at the top level.
    pub(super) fn search_until(&mut self, until: &[&str]) -> Search {
        self.conjunction(until)
    }

    fn conjunction(&mut self, until: &[&str]) -> Search {
        let mut parts = Vec::new();
        loop {
            self.gap();
            if self.ended(until) {
                break;
            }
            if self.operator("AND") {
                continue;
            }
            if self.operator("OR") {
                let at = self.span(self.at.saturating_sub(2));
                self.warn("stray-operator", "OR has nothing before it: left out", at);
                continue;
            }
            let before = self.at;
            parts.push(self.disjunction(until));
            if self.at == before {
                break;
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { Search::And(parts) }
    }

    fn ended(&self, until: &[&str]) -> bool {
        self.at >= self.end || self.left().starts_with([')', ']']) || until.iter().any(|w| self.at_word(w))
    }

    /// An operator; one in lower case would be a word to look for, which nobody means.
    fn operator(&mut self, name: &str) -> bool {
        self.space();
        let start = self.at;
        if !self.at_word(name) || self.left().get(name.len()..).is_some_and(|l| comparison(l).is_some()) {
            return false;
        }
        self.at += name.len();
        if self.text.get(start..self.at) != Some(name) {
            let message = format!("operators are written in capitals: taken as {name}");
            self.warn("lower-case-operator", message, self.span(start));
        }
        true
    }

    fn disjunction(&mut self, until: &[&str]) -> Search {
        let mut parts = vec![self.unary()];
        while self.operator("OR") {
            self.gap();
            if self.ended(until) {
                let at = self.span(self.at.saturating_sub(2));
                self.warn("stray-operator", "OR has nothing after it: left out", at);
                break;
            }
            parts.push(self.unary());
        }
        if parts.len() == 1 { parts.remove(0) } else { Search::Or(parts) }
    }

    fn unary(&mut self) -> Search {
        self.space();
        let start = self.at;
        if self.depth >= MAX_DEPTH {
            self.error("too-deep", "conditions are nested too deeply", Span::new(start, self.end));
            self.at = self.end;
            return Search::And(vec![]);
        }
        if self.operator("NOT") {
            self.depth += 1;
            let inner = self.unary();
            self.depth -= 1;
            return Search::Not(Box::new(inner));
        }
        match self.peek() {
            Some('(') => self.group(),
            Some('[') => Search::Sub(self.subsearch()),
            _ => self.predicate(),
        }
    }

    fn group(&mut self) -> Search {
        let start = self.at;
        self.bump();
        self.depth += 1;
        let inner = self.conjunction(&[]);
        self.depth -= 1;
        if !self.eat(")") {
            let at = Span::new(start, start + 1);
            self.warn("open-bracket", "this bracket is not closed: taken as closed at the end", at);
        }
        inner
    }

    fn predicate(&mut self) -> Search {
        let start = self.at;
        if let Some(cased) = self.directive() {
            let part = self.bracketed('(', ')');
            let text = self.text.get(part.start..part.end).unwrap_or("").trim().trim_matches('"');
            let text = Word { text: unescape(text), quoted: true, span: self.span(start) };
            return Search::Term { text, cased };
        }
        let Some(field) = self.word() else {
            let at = Span::new(start, start + 1);
            self.bump();
            self.error("unexpected-text", "neither a field nor a value", at);
            return Search::And(vec![]);
        };
        let after = self.at;
        self.space();
        if let Some((op, length)) = comparison(self.left()) {
            self.at += length;
            return Search::Compare { value: self.value(), field, op };
        }
        if self.at_word("IN") && self.left().get(2..).is_some_and(|l| l.trim_start().starts_with('(')) {
            self.at += 2;
            return self.list(field);
        }
        if self.at_word("NOT") && self.left().get(3..).is_some_and(in_list) {
            self.eat_word("NOT");
            self.eat_word("IN");
            return Search::Not(Box::new(self.list(field)));
        }
        self.at = after;
        Search::Term { text: field, cased: false }
    }

    /// `TERM(` and `CASE(`.
    fn directive(&mut self) -> Option<bool> {
        for (name, cased) in [("TERM(", false), ("CASE(", true)] {
            if self.left().starts_with(name) {
                self.at += name.len() - 1;
                return Some(cased);
            }
        }
        None
    }

    /// The literal right of an operator.
    fn value(&mut self) -> Word {
        self.space();
        let start = self.at;
        if self.peek() == Some('"') {
            let word = self.quoted();
            return self.joined(word);
        }
        // `latest=now()`, and values that have an equals sign in them.
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ')' | ']' | '|' | '[')) {
            match self.peek() {
                Some('(') if self.left().starts_with("()") => self.at += 2,
                Some('(') => break,
                _ => self.bump(),
            }
        }
        let text = self.text.get(start..self.at).unwrap_or("").trim_end_matches(',');
        Word { text: unescape(text), quoted: false, span: self.span(start) }
    }

    /// A string right behind another one, a quote doubled where it should have been escaped, is part of it.
    fn joined(&mut self, mut word: Word) -> Word {
        while self.peek() == Some('"') && self.left().get(1..).is_some_and(|l| l.contains('"')) {
            let more = self.quoted();
            word.text.push_str(&more.text);
            word.span = word.span.to(more.span);
            self.warn(
                "joined-strings",
                "two strings without a space between them are read as one",
                word.span,
            );
        }
        word
    }

    fn list(&mut self, field: Word) -> Search {
        self.space();
        let part = self.bracketed('(', ')');
        let values = self.within(part, |p| {
            let mut values = Vec::new();
            loop {
                p.gap();
                let start = p.at;
                if p.at >= p.end {
                    return values;
                }
                if p.peek() == Some('"') {
                    values.push(p.quoted());
                    continue;
                }
                while p.peek().is_some_and(|c| !c.is_whitespace() && c != ',') {
                    p.bump();
                }
                let text = p.text.get(start..p.at).unwrap_or("");
                values.push(Word { text: unescape(text), quoted: false, span: p.span(start) });
            }
        });
        Search::In { field, values }
    }
}

fn in_list(after: &str) -> bool {
    let after = after.trim_start();
    after.get(..2).is_some_and(|w| w.eq_ignore_ascii_case("in"))
        && after.get(2..).is_some_and(|l| l.trim_start().starts_with('('))
}

/// A comparison operator and its length.
fn comparison(text: &str) -> Option<(CmpOp, usize)> {
    const OPS: &[(&str, CmpOp)] = &[
        ("!=", CmpOp::Ne),
        ("<=", CmpOp::Le),
        (">=", CmpOp::Ge),
        ("==", CmpOp::Eq),
        ("::", CmpOp::Eq),
        ("=", CmpOp::Eq),
        ("<", CmpOp::Lt),
        (">", CmpOp::Gt),
    ];
    let space = text.len() - text.trim_start().len();
    let text = text.trim_start();
    OPS.iter().find(|(sign, _)| text.starts_with(sign)).map(|(sign, op)| (*op, space + sign.len()))
}
