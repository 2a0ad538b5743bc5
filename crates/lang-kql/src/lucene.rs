//! Lucene query strings, as Elasticsearch's `query_string` reads them.
//!
//! Operators are not a tree there: each clause of a list is required, prohibited or optional, `AND` makes its two
//! neighbours required, and optional clauses count only where none is required.

use shikra_ir::{CmpOp, Part, Pattern};
use shikra_syntax::{Cursor, Diagnostic, Span};

use crate::ast::{Literal, Query, Value};
use crate::parse::MAX_DEPTH;
use crate::quoted;

/// Reads a query; what is wrong with it goes to `diagnostics`.
pub(crate) fn query(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Query {
    let mut parser = Parser { cursor: Cursor::new(text), text, depth: 0, diagnostics };
    let tree = parser.clauses(None);
    if let Some(c) = parser.cursor.peek() {
        let at = parser.cursor.offset();
        parser.error("unexpected", format!("unexpected {c:?}"), Span::new(at, at + c.len_utf8()));
    }
    tree
}

#[derive(Clone, Copy, PartialEq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

struct Parser<'t, 'd> {
    cursor: Cursor<'t>,
    text: &'t str,
    depth: usize,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Parser<'_, '_> {
    /// Clauses up to the end or a closing bracket.
    fn clauses(&mut self, field: Option<&Literal>) -> Query {
        let mut all: Vec<(Occur, Query)> = Vec::new();
        loop {
            self.cursor.skip_space();
            let conjunction = self.operator(&["AND", "&&"]);
            if !conjunction {
                self.operator(&["OR", "||"]);
            }
            self.cursor.skip_space();
            if self.cursor.peek().is_none_or(|c| c == ')') {
                break;
            }
            let negated = self.operator(&["NOT"]) || self.cursor.eat("!") || self.cursor.eat("-");
            let required = !negated && self.cursor.eat("+");
            self.cursor.skip_space();
            let before = self.cursor.offset();
            let Some(clause) = self.clause(field) else { break };
            if let (true, Some((last @ Occur::Should, _))) = (conjunction, all.last_mut()) {
                *last = Occur::Must;
            }
            let occur = match (negated, required || conjunction) {
                (true, _) => Occur::MustNot,
                (_, true) => Occur::Must,
                _ => Occur::Should,
            };
            all.push((occur, clause));
            if self.cursor.offset() == before {
                break;
            }
        }
        combine(all)
    }

    /// A word operator standing by itself, or a sign.
    fn operator(&mut self, names: &[&str]) -> bool {
        self.cursor.skip_space();
        let rest = self.cursor.rest();
        let stands = |n: &&&str| {
            let after = rest.strip_prefix(**n).map(|r| r.chars().next());
            let word = n.bytes().all(|b| b.is_ascii_alphabetic());
            after.is_some_and(|c| !word || c.is_none_or(|c| c.is_whitespace() || "(\"".contains(c)))
        };
        match names.iter().find(stands) {
            Some(name) => self.cursor.eat(name),
            None => false,
        }
    }

    fn clause(&mut self, field: Option<&Literal>) -> Option<Query> {
        let start = self.cursor.offset();
        if self.cursor.peek() == Some('(') {
            return self.group(field);
        }
        if field.is_none() || self.names_a_field() {
            if let Some(named) = self.field_name() {
                self.cursor.skip_space();
                if self.cursor.peek() == Some('(') {
                    return self.group(Some(&named));
                }
                let value = self.value()?;
                return Some(self.of_field(named, value));
            }
            self.cursor.seek(start);
        }
        let value = self.value()?;
        Some(match field {
            Some(f) => Query::Field(f.clone(), value),
            None => Query::Bare(value),
        })
    }

    /// `_exists_:x` asks whether `x` is there.
    fn of_field(&self, named: Literal, value: Value) -> Query {
        match value {
            Value::One(l) if named.text() == Some("_exists_") => {
                let star = Pattern::new([Part::Any]);
                Query::Field(l.clone(), Value::One(Literal { pattern: star, quoted: false, span: l.span }))
            }
            value => Query::Field(named, value),
        }
    }

    fn names_a_field(&self) -> bool {
        let mut ahead = self.cursor.clone();
        ahead.eat_while(|c| c.is_alphanumeric() || "_.-@*".contains(c));
        ahead.offset() > self.cursor.offset() && ahead.peek() == Some(':')
    }

    /// A name with the colon behind it; none where there is no colon.
    fn field_name(&mut self) -> Option<Literal> {
        let start = self.cursor.offset();
        if self.cursor.peek().is_some_and(|c| "\"/[{><".contains(c)) {
            return None;
        }
        let pattern = self.term();
        let span = self.cursor.span_from(start);
        (!span_is_empty(span) && self.cursor.eat(":")).then_some(Literal { pattern, quoted: false, span })
    }

    fn group(&mut self, field: Option<&Literal>) -> Option<Query> {
        let start = self.cursor.offset();
        self.cursor.eat("(");
        let opening = self.cursor.span_from(start);
        if self.depth == MAX_DEPTH {
            self.error("depth", format!("nested deeper than {MAX_DEPTH}"), opening);
            self.cursor.seek(self.text.len());
            return None;
        }
        self.depth += 1;
        let inner = self.clauses(field);
        self.depth -= 1;
        if !self.cursor.eat(")") {
            self.error("unclosed", "\")\" is missing".to_owned(), opening);
        }
        self.boost();
        Some(inner)
    }

    /// A term, phrase, range, comparison or regular expression.
    fn value(&mut self) -> Option<Value> {
        let start = self.cursor.offset();
        let value = match self.cursor.peek()? {
            '"' => match quoted::read(&mut self.cursor, self.diagnostics) {
                Some(l) => Value::One(l),
                None => {
                    self.cursor.seek(self.text.len());
                    return None;
                }
            },
            '/' => self.regex()?,
            '[' | '{' => self.range()?,
            '<' | '>' => self.comparison()?,
            _ => Value::One(self.word()?),
        };
        Some(self.modifiers(value, start))
    }

    /// `~` asks for likeness, which is unsupported; `^` weighs, which changes nothing here.
    fn modifiers(&mut self, value: Value, start: usize) -> Value {
        let fuzzy = self.cursor.eat("~");
        if fuzzy {
            self.cursor.eat_while(|c| c.is_ascii_digit() || c == '.');
        }
        self.boost();
        match fuzzy {
            true => Value::Opaque("a fuzzy or proximity search".to_owned(), self.cursor.span_from(start)),
            false => value,
        }
    }

    fn boost(&mut self) {
        if self.cursor.eat("^") {
            self.cursor.eat_while(|c| c.is_ascii_digit() || c == '.');
        }
    }

    fn word(&mut self) -> Option<Literal> {
        let start = self.cursor.offset();
        let pattern = self.term();
        let span = self.cursor.span_from(start);
        if !span_is_empty(span) {
            return Some(Literal { pattern, quoted: false, span });
        }
        let found = self.cursor.peek().map_or("the end".to_owned(), |c| format!("{c:?}"));
        self.error("value", format!("expected a value, found {found}"), Span::new(start, start + 1));
        self.cursor.seek(self.text.len());
        None
    }

    /// Characters of a term: a backslash makes the next one text, `*` and `?` stand for others.
    fn term(&mut self) -> Pattern {
        let mut pattern = Pattern::default();
        while let Some(c) = self.cursor.peek() {
            match c {
                c if c.is_whitespace() || "()[]{}:\"^~".contains(c) => break,
                '\\' => {
                    self.cursor.bump();
                    let unicode = self.cursor.peek() == Some('u');
                    match unicode.then(|| quoted::named_character(&mut self.cursor)).flatten() {
                        Some(c) => pattern.push_char(c),
                        None => self.cursor.bump().into_iter().for_each(|c| pattern.push_char(c)),
                    }
                    continue;
                }
                '*' => pattern.push(Part::Any),
                '?' => pattern.push(Part::One),
                c => pattern.push_char(c),
            }
            self.cursor.bump();
        }
        pattern
    }

    fn regex(&mut self) -> Option<Value> {
        let start = self.cursor.offset();
        self.cursor.bump();
        let mut source = String::new();
        while let Some(c) = self.cursor.bump() {
            match (c, self.cursor.peek()) {
                ('/', _) => return Some(Value::Regex(source, self.cursor.span_from(start))),
                ('\\', Some('/')) => {
                    self.cursor.bump();
                    source.push('/');
                }
                ('\\', Some(next)) => {
                    self.cursor.bump();
                    source.push(c);
                    source.push(next);
                }
                _ => source.push(c),
            }
        }
        self.error("unclosed", "\"/\" is missing".to_owned(), Span::new(start, start + 1));
        None
    }

    /// `[a TO b]`; a curly bracket leaves the bound out, `*` is no bound.
    fn range(&mut self) -> Option<Value> {
        let start = self.cursor.offset();
        let low = if self.cursor.bump() == Some('[') { CmpOp::Ge } else { CmpOp::Gt };
        let from = self.range_end()?;
        self.cursor.skip_space();
        if !self.cursor.eat("TO") {
            self.error("range", "\"TO\" is missing".to_owned(), self.cursor.span_from(start));
            self.cursor.seek(self.text.len());
            return None;
        }
        let to = self.range_end()?;
        self.cursor.skip_space();
        let high = match self.cursor.bump() {
            Some(']') => CmpOp::Le,
            Some('}') => CmpOp::Lt,
            _ => {
                self.error("unclosed", "\"]\" is missing".to_owned(), Span::new(start, start + 1));
                return None;
            }
        };
        let bounds: Vec<(CmpOp, Literal)> =
            [(low, from), (high, to)].into_iter().filter(|(_, l)| !l.is_star()).collect();
        let star =
            Literal { pattern: Pattern::new([Part::Any]), quoted: false, span: self.cursor.span_from(start) };
        Some(if bounds.is_empty() { Value::One(star) } else { Value::Between(bounds) })
    }

    fn range_end(&mut self) -> Option<Literal> {
        self.cursor.skip_space();
        if self.cursor.peek() == Some('"') {
            return quoted::read(&mut self.cursor, self.diagnostics);
        }
        let start = self.cursor.offset();
        let text = self.cursor.eat_while(|c| !c.is_whitespace() && !"]}\"".contains(c));
        let span = self.cursor.span_from(start);
        if text.is_empty() {
            self.error("range", "expected a bound".to_owned(), Span::new(start, start + 1));
            self.cursor.seek(self.text.len());
            return None;
        }
        let pattern = if text == "*" { Pattern::new([Part::Any]) } else { Pattern::exact(text) };
        Some(Literal { pattern, quoted: false, span })
    }

    /// `>=x`, after a field's colon.
    fn comparison(&mut self) -> Option<Value> {
        let op = [("<=", CmpOp::Le), (">=", CmpOp::Ge), ("<", CmpOp::Lt), (">", CmpOp::Gt)]
            .into_iter()
            .find(|(text, _)| self.cursor.eat(text))
            .map(|(_, op)| op)?;
        self.cursor.skip_space();
        if self.cursor.peek() == Some('"') {
            return quoted::read(&mut self.cursor, self.diagnostics).map(|l| Value::Bound(op, l));
        }
        Some(Value::Bound(op, self.word()?))
    }

    fn error(&mut self, code: &'static str, message: String, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, message, span));
    }
}

fn span_is_empty(span: Span) -> bool {
    span.start == span.end
}

/// What a list of clauses asks. One of prohibited clauses only holds of everything else.
fn combine(all: Vec<(Occur, Query)>) -> Query {
    let required = all.iter().any(|(o, _)| *o == Occur::Must);
    let mut parts: Vec<Query> = Vec::new();
    let mut optional: Vec<Query> = Vec::new();
    let mut place = None;
    for (occur, clause) in all {
        match occur {
            Occur::Must => parts.push(clause),
            Occur::MustNot => parts.push(Query::Not(Box::new(clause))),
            Occur::Should if required => {}
            Occur::Should => {
                place.get_or_insert(parts.len());
                optional.push(clause);
            }
        }
    }
    if let Some(at) = place {
        let any = if optional.len() == 1 { optional.remove(0) } else { Query::Any(optional) };
        parts.insert(at, any);
    }
    match parts.len() {
        0 => Query::Everything,
        1 => parts.remove(0),
        _ => Query::All(parts),
    }
}
