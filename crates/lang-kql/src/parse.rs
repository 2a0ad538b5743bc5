//! KQL's grammar, as Kibana reads it: `or`, `and`, `not` in any case, values and groups of values after a field,
//! ranges, and queries on the members of nested objects.
//!
//! Where a value cannot be read the reader goes on at the next `and`, `or` or closing bracket, so that one look
//! tells all that is wrong.

use shikra_ir::{CmpOp, Part, Pattern};
use shikra_syntax::{Cursor, Diagnostic, Severity, Span};

use crate::ast::{Literal, Query, Value};
use crate::quoted;

/// Deepest nesting of brackets and negations.
pub(crate) const MAX_DEPTH: usize = 100;

const KEYWORDS: [&str; 3] = ["or", "and", "not"];

/// Reads a query; what is wrong with it goes to `diagnostics`.
pub(crate) fn query(text: &str, lower_case_only: bool, diagnostics: &mut Vec<Diagnostic>) -> Query {
    let mut parser = Parser { cursor: Cursor::new(text), text, lower_case_only, depth: 0, diagnostics };
    parser.cursor.skip_space();
    if parser.cursor.at_end() {
        return Query::Everything;
    }
    let tree = parser.alternatives();
    parser.cursor.skip_space();
    if !parser.cursor.at_end() {
        parser.leftover();
    }
    tree
}

struct Parser<'t, 'd> {
    cursor: Cursor<'t>,
    text: &'t str,
    lower_case_only: bool,
    depth: usize,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// What a list of alternatives is made of: queries, or values after a field.
trait Tree: Sized {
    fn any(v: Vec<Self>) -> Self;
    fn all(v: Vec<Self>) -> Self;
    fn negate(self) -> Self;
    fn leaf(parser: &mut Parser<'_, '_>) -> Self;
}

impl Tree for Query {
    fn any(v: Vec<Query>) -> Query {
        Query::Any(v)
    }
    fn all(v: Vec<Query>) -> Query {
        Query::All(v)
    }
    fn negate(self) -> Query {
        Query::Not(Box::new(self))
    }
    fn leaf(parser: &mut Parser<'_, '_>) -> Query {
        parser.clause()
    }
}

impl Tree for Value {
    fn any(v: Vec<Value>) -> Value {
        Value::Any(v)
    }
    fn all(v: Vec<Value>) -> Value {
        Value::All(v)
    }
    fn negate(self) -> Value {
        Value::Not(Box::new(self))
    }
    fn leaf(parser: &mut Parser<'_, '_>) -> Value {
        match parser.literal() {
            Some(l) => Value::One(l),
            None => Value::Any(vec![]),
        }
    }
}

impl<'t> Parser<'t, '_> {
    fn alternatives<T: Tree>(&mut self) -> T {
        let mut all = vec![self.conjunction()];
        while self.eat_keyword("or") {
            all.push(self.conjunction());
        }
        if all.len() == 1 { all.remove(0) } else { T::any(all) }
    }

    fn conjunction<T: Tree>(&mut self) -> T {
        let mut all = vec![self.negation()];
        while self.eat_keyword("and") {
            all.push(self.negation());
        }
        if all.len() == 1 { all.remove(0) } else { T::all(all) }
    }

    fn negation<T: Tree>(&mut self) -> T {
        let mut negations = 0;
        while self.eat_keyword("not") {
            negations += 1;
        }
        let mut tree: T = self.group().unwrap_or_else(|| T::leaf(self));
        for _ in 0..negations % 2 {
            tree = tree.negate();
        }
        tree
    }

    /// `( … )`, where one begins here.
    fn group<T: Tree>(&mut self) -> Option<T> {
        self.cursor.skip_space();
        let start = self.cursor.offset();
        if !self.cursor.eat("(") {
            return None;
        }
        Some(self.enclosed(start, ")", |p| p.alternatives()).unwrap_or_else(|| T::any(vec![])))
    }

    /// What stands between an opening bracket, already read, and its closing one.
    fn enclosed<T>(&mut self, start: usize, close: &str, inner: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let opening = self.cursor.span_from(start);
        if self.depth == MAX_DEPTH {
            self.error("depth", format!("nested deeper than {MAX_DEPTH}"), opening);
            self.cursor.seek(self.text.len());
            return None;
        }
        self.depth += 1;
        let tree = inner(self);
        self.depth -= 1;
        self.cursor.skip_space();
        if !self.cursor.eat(close) {
            self.leftover();
            self.cursor.skip_space();
            if !self.cursor.eat(close) && !self.failed() {
                self.error("unclosed", format!("{close:?} is missing"), opening);
            }
        }
        Some(tree)
    }

    /// `field: value`, `field > value`, `field: { … }` or a value alone.
    fn clause(&mut self) -> Query {
        let Some(first) = self.literal() else { return Query::Any(vec![]) };
        self.cursor.skip_space();
        if let Some(op) = self.order() {
            self.cursor.skip_space();
            return match self.literal() {
                Some(value) => Query::Field(first, Value::Bound(op, value)),
                None => Query::Any(vec![]),
            };
        }
        if !self.cursor.eat(":") {
            return Query::Bare(Value::One(first));
        }
        self.cursor.skip_space();
        let start = self.cursor.offset();
        if self.cursor.eat("{") {
            let inner = self.enclosed(start, "}", |p| p.alternatives());
            return Query::Nested(first, Box::new(inner.unwrap_or(Query::Any(vec![]))));
        }
        let value = self.group().unwrap_or_else(|| Value::leaf(self));
        Query::Field(first, value)
    }

    fn order(&mut self) -> Option<CmpOp> {
        [("<=", CmpOp::Le), (">=", CmpOp::Ge), ("<", CmpOp::Lt), (">", CmpOp::Gt)]
            .into_iter()
            .find(|(text, _)| self.cursor.eat(text))
            .map(|(_, op)| op)
    }

    /// A keyword with the space that goes before it, where it stands here.
    fn eat_keyword(&mut self, word: &str) -> bool {
        let start = self.cursor.offset();
        self.cursor.skip_space();
        let at = self.cursor.offset();
        if !self.keyword_here(word) {
            self.cursor.seek(start);
            return false;
        }
        self.cursor.seek(at + word.len());
        let written = &self.text[at..at + word.len()];
        if self.lower_case_only && written != word {
            let message = format!("expected {word:?}, not {written:?}: keywords are in lower case here");
            self.error("keyword-case", message, Span::new(at, at + word.len()));
        }
        true
    }

    /// Whether a keyword stands here as a word of its own.
    fn keyword_here(&self, word: &str) -> bool {
        self.keyword_at(word, self.cursor.offset())
    }

    fn keyword_at(&self, word: &str, at: usize) -> bool {
        let rest = &self.text[at..];
        let found = rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
        let after = rest.get(word.len()..).and_then(|r| r.chars().next());
        let before = self.text[..at].chars().next_back();
        found
            && after.is_none_or(|c| c.is_whitespace() || c == '(')
            && before.is_none_or(|c| c.is_whitespace() || "(){}:".contains(c))
    }

    fn any_keyword_here(&self) -> bool {
        KEYWORDS.iter().any(|k| self.keyword_here(k))
    }

    /// A quoted or bare literal; none, with a diagnostic, where there is none.
    fn literal(&mut self) -> Option<Literal> {
        self.cursor.skip_space();
        let start = self.cursor.offset();
        if self.cursor.peek() == Some('"') {
            let read = quoted::read(&mut self.cursor, self.diagnostics);
            if read.is_none() {
                self.cursor.seek(self.text.len());
            }
            return read;
        }
        let mut pattern = Pattern::default();
        let mut end = start;
        while let Some(c) = self.cursor.peek() {
            if c.is_whitespace() {
                if self.value_ends() {
                    break;
                }
                let space = self.cursor.eat_while(char::is_whitespace);
                space.chars().for_each(|c| pattern.push_char(c));
                continue;
            }
            match c {
                '(' | ')' | ':' | '<' | '>' | '"' | '{' | '}' => break,
                _ if pattern.parts().is_empty() && self.any_keyword_here() => break,
                '*' => {
                    self.cursor.bump();
                    pattern.push(Part::Any);
                }
                '\\' => self.escape(&mut pattern),
                c => {
                    self.cursor.bump();
                    pattern.push_char(c);
                }
            }
            end = self.cursor.offset();
        }
        if end == start {
            self.expected_value();
            return None;
        }
        self.cursor.seek(end);
        Some(Literal { pattern, quoted: false, span: Span::new(start, end) })
    }

    /// Whether the white space here ends a bare literal.
    fn value_ends(&self) -> bool {
        let mut ahead = self.cursor.clone();
        ahead.skip_space();
        let keyword = KEYWORDS.iter().any(|k| self.keyword_at(k, ahead.offset()));
        keyword || ahead.peek().is_none_or(|c| "():<>\"{}".contains(c))
    }

    /// A backslash in a bare literal: before a special character or a keyword, or naming a character.
    fn escape(&mut self, pattern: &mut Pattern) {
        let start = self.cursor.offset();
        self.cursor.bump();
        let rest = self.cursor.rest();
        let keyword = |k: &&str| rest.get(..k.len()).filter(|w| w.eq_ignore_ascii_case(k));
        if let Some(word) = KEYWORDS.iter().find_map(keyword) {
            word.chars().for_each(|c| pattern.push_char(c));
            self.cursor.seek(self.cursor.offset() + word.len());
            return;
        }
        match self.cursor.peek() {
            Some(c) if "\\():<>\"*{}".contains(c) => {
                self.cursor.bump();
                pattern.push_char(c);
            }
            _ => match quoted::named_character(&mut self.cursor) {
                Some(c) => pattern.push_char(c),
                None => {
                    self.cursor.bump();
                    let span = self.cursor.span_from(start);
                    let message = format!("{:?} is no escape", &self.text[span.start..span.end]);
                    let d = Diagnostic::error("escape", message, span);
                    self.diagnostics.push(d.with_help("a backslash is written `\\\\`"));
                }
            },
        }
    }

    /// Says that a value is missing here and goes on after what stands in its place.
    fn expected_value(&mut self) {
        let start = self.cursor.offset();
        let found = match self.cursor.peek() {
            None => "the end".to_owned(),
            Some(c) => format!("{c:?}"),
        };
        let what = if self.any_keyword_here() { "a keyword".to_owned() } else { found };
        if !self.failed() || !self.cursor.at_end() {
            let span = Span::new(start, start + self.cursor.peek().map_or(0, char::len_utf8));
            self.error("value", format!("expected a field or a value, found {what}"), span);
        }
        self.skip_to_operator();
    }

    /// Says that what stands here belongs to nothing.
    fn leftover(&mut self) {
        let start = self.cursor.offset();
        let word: String = self.cursor.rest().chars().take_while(|c| c.is_alphanumeric()).collect();
        let is_keyword = KEYWORDS.contains(&word.to_ascii_lowercase().as_str());
        let message = match self.cursor.peek() {
            None if self.failed() => return,
            None => "a closing bracket is missing".to_owned(),
            Some(_) if is_keyword => format!("white space is missing about {word:?}"),
            Some(c) => format!("unexpected {c:?}"),
        };
        let width = word.len().max(self.cursor.peek().map_or(0, char::len_utf8));
        self.error("unexpected", message, Span::new(start, start + width));
        self.skip_to_operator();
    }

    /// To the next `and` or `or`, closing bracket of this depth, or the end.
    fn skip_to_operator(&mut self) {
        let mut depth = 0usize;
        while let Some(c) = self.cursor.peek() {
            match c {
                '(' | '{' => depth += 1,
                ')' | '}' if depth == 0 => return,
                ')' | '}' => depth -= 1,
                '"' => {
                    if quoted::read(&mut self.cursor, &mut Vec::new()).is_none() {
                        self.cursor.seek(self.text.len());
                    }
                    continue;
                }
                '\\' => drop(self.cursor.bump()),
                _ if depth == 0 && (self.keyword_here("or") || self.keyword_here("and")) => return,
                _ => {}
            }
            self.cursor.bump();
        }
    }

    fn failed(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    fn error(&mut self, code: &'static str, message: String, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, message, span));
    }
}
