//! Values: quoted in several ways, or bare; and what is computed of fields, numbers and spans of time.

use shikra_syntax::Span;

use super::Parser;
use crate::ast::{Operand, Value};

const DOUBLE: &[char] = &['"', '“', '”', '„'];
const SINGLE: &[char] = &['\'', '‘', '’'];

impl Parser<'_, '_> {
    pub fn quote_follows(&self) -> bool {
        self.peek().is_some_and(|c| DOUBLE.contains(&c) || SINGLE.contains(&c))
    }

    /// One value, as `=` takes it.
    pub fn value(&mut self) -> Value {
        if self.quote_follows() { self.quoted() } else { self.bare() }
    }

    /// A quoted value. A backslash is a backslash; before a quote it escapes, unless what follows shows that the
    /// value ends there (`"c:\windows\" and …`). A quote that is not closed on its line ends where the next
    /// condition begins, else with the line.
    fn quoted(&mut self) -> Value {
        self.at.skip_space();
        let start = self.at.offset();
        let open = self.at.bump().unwrap_or('"');
        let family = if DOUBLE.contains(&open) { DOUBLE } else { SINGLE };
        let from = self.at.offset();
        let mut text = String::new();
        let mut closed = false;
        let mut typographic = !open.is_ascii();
        while let Some(c) = self.at.peek().filter(|c| *c != '\n') {
            self.at.bump();
            if c == '\\' && self.at.peek().is_some_and(|n| family.contains(&n)) {
                let mut after = self.at.clone();
                let quote = after.bump();
                if ends_value(after.rest()) {
                    text.push(c);
                } else {
                    text.extend(quote);
                    self.at.bump();
                }
                continue;
            }
            if family.contains(&c) {
                typographic |= !c.is_ascii();
                closed = true;
                break;
            }
            text.push(c);
        }
        let whole = self.at.span_from(start);
        if typographic {
            self.recovered("typographic quotes", whole);
        }
        if let Some(cut) = next_condition(&text).filter(|_| closed || text.contains(" = \"")) {
            // The quote that seemed to close this value opens the next one.
            text.truncate(cut);
            self.at.seek(from + cut);
            self.recovered("this quote is not closed", self.at.span_from(start));
        } else if !closed {
            let kept = text.trim_end_matches(|c: char| c == ')' || c.is_whitespace()).len();
            text.truncate(kept);
            self.at.seek(from + kept);
            self.recovered("this quote is not closed", self.at.span_from(start));
        } else {
            self.stray_quote(family);
        }
        Value { text, quoted: true, span: self.at.span_from(start) }
    }

    /// A second quote right behind a value.
    fn stray_quote(&mut self, family: &[char]) {
        let start = self.at.offset();
        if self.at.peek().is_some_and(|c| family.contains(&c)) {
            self.at.bump();
            self.recovered("a quote too many: left out", self.at.span_from(start));
        }
    }

    /// A value without quotes, up to a blank, comma or bracket that it did not open itself.
    fn bare(&mut self) -> Value {
        self.at.skip_space();
        let start = self.at.offset();
        let mut depth = 0i32;
        let mut text = self
            .at
            .eat_while(|c| {
                depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
                depth >= 0 && !c.is_whitespace() && (c != ',' || depth > 0)
            })
            .to_owned();
        let span = Span::new(start, start + text.len());
        let stripped = text.trim_end_matches(|c| DOUBLE.contains(&c)).len();
        if stripped < text.len() && stripped > 0 {
            text.truncate(stripped);
            self.recovered("the quote that opens this value is missing", span);
        }
        Value { text, quoted: false, span }
    }

    /// `[a, b]`, or one value; `(…)` around it.
    pub fn values(&mut self) -> Vec<Value> {
        if !self.eat("[") {
            let bracket = self.eat("(");
            let mut out = vec![self.value()];
            while bracket && self.eat(",") {
                out.push(self.value());
            }
            if bracket && !self.eat(")") {
                let here = self.here();
                self.recovered("a parenthesis around a value is not closed", here);
            }
            return out;
        }
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None => {
                    let here = self.here();
                    self.recovered("this list is not closed", here);
                    return out;
                }
                Some(']') => {
                    self.eat("]");
                    return out;
                }
                Some(',') => {
                    self.eat(",");
                }
                Some(_) => {
                    let before = self.at.offset();
                    let value = self.value();
                    if self.at.offset() == before {
                        self.at.skip_space();
                        self.at.bump();
                    } else {
                        out.push(value);
                    }
                }
            }
        }
    }

    /// Terms with `+` and `-` between them.
    pub fn sum(&mut self) -> Option<Operand> {
        let mut left = self.product()?;
        for _ in 0..16 {
            let sign = if self.arith("+") {
                '+'
            } else if self.arith("-") {
                '-'
            } else {
                break;
            };
            let right = self.product()?;
            left = Operand::Arith(sign, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn product(&mut self) -> Option<Operand> {
        let mut left = self.term()?;
        for _ in 0..16 {
            if !self.arith("*") {
                break;
            }
            let right = self.term()?;
            left = Operand::Arith('*', Box::new(left), Box::new(right));
        }
        Some(left)
    }

    /// A sign of arithmetic: on the same line, and no glob.
    fn arith(&mut self, sign: &str) -> bool {
        let rest = self.at.rest();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let after = rest.get(blank + 1..).unwrap_or("");
        let hit = rest.get(blank..).is_some_and(|r| r.starts_with(sign))
            && (sign != "*" || after.starts_with(' ') || after.starts_with(|c: char| c.is_ascii_digit()));
        hit && self.eat(sign)
    }

    fn term(&mut self) -> Option<Operand> {
        if self.quote_follows() {
            return Some(Operand::Text(self.quoted()));
        }
        if self.eat_word("now") {
            self.eat("()");
            return Some(Operand::Now);
        }
        if let Some(span) = self.span_of_time() {
            return Some(Operand::Span(span));
        }
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at.skip_space();
            let start = self.at.offset();
            let text = self.at.eat_while(|c| c.is_ascii_digit() || c == '.');
            let span = self.at.span_from(start);
            return Some(match text.parse() {
                Ok(n) => Operand::Number(n),
                Err(_) => Operand::Text(Value { text: text.to_owned(), quoted: false, span }),
            });
        }
        self.name().map(Operand::Path)
    }
}

/// Whether a value that stood before this has ended: a bracket, comma, line end or connective follows.
fn ends_value(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    let word: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
    rest.is_empty()
        || rest.starts_with([')', ',', ']', '\n'])
        || matches!(word.to_ascii_lowercase().as_str(), "and" | "or")
}

/// Where in a value a further condition begins: ` OR name = `.
fn next_condition(text: &str) -> Option<usize> {
    let end = text.trim_end();
    let before =
        end.strip_suffix("==").or_else(|| end.strip_suffix("!=")).or_else(|| end.strip_suffix('='))?;
    let name = before.trim_end();
    let head = name.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let connective = head.trim_end();
    let cut = [" OR", " AND", " or", " and"].iter().find_map(|w| connective.strip_suffix(w));
    cut.filter(|_| head.len() < name.len() && connective.len() < head.len()).map(str::len)
}
