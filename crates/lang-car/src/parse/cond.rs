//! Conditions. Tightest first: `not`, `and` (written, or missing between lines), `or`.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

use super::{MAX_DEPTH, Parser};
use crate::ast::{Cond, How, Operand, Value};

impl Parser<'_, '_> {
    /// A condition, with what goes on behind a parenthesis that was closed too early.
    pub fn conditions(&mut self) -> Cond {
        let mut all = self.disjunction();
        loop {
            let here = self.here();
            let stray = self.depth == 0 && self.eat(")");
            if stray && matches!(self.peek(), Some(c) if c != ')') {
                self.recovered("this parenthesis was not opened: left out", here);
            } else if stray {
                let rest = self.here();
                self.recovered("this parenthesis was not opened: left out", here.to(rest));
            }
            if self.eat_word("or") {
                all = join_or(all, self.disjunction());
            } else if self.eat_word("and") {
                all = join_and(all, self.disjunction());
            } else if !stray {
                return all;
            }
        }
    }

    fn disjunction(&mut self) -> Cond {
        let mut parts = vec![self.conjunction()];
        while self.eat_word("or") {
            if !self.condition_follows() {
                self.dangling("or");
                break;
            }
            parts.push(self.conjunction());
        }
        if parts.len() == 1 { parts.remove(0) } else { Cond::Or(parts) }
    }

    fn conjunction(&mut self) -> Cond {
        let mut parts = vec![self.unary()];
        loop {
            let here = self.here();
            if self.eat_word("and") {
                if !self.condition_follows() {
                    self.dangling("and");
                    break;
                }
                parts.push(self.unary());
            } else if self.condition_follows() && !self.is_word("or") && parts.len() < 1000 {
                self.recovered("conditions side by side: read as joined by `and`", here);
                let before = self.at.offset();
                parts.push(self.unary());
                if self.at.offset() == before {
                    break;
                }
            } else {
                break;
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { Cond::And(parts) }
    }

    fn dangling(&mut self, word: &str) {
        let here = self.here();
        self.recovered(format!("nothing follows this `{word}`: left out"), here);
    }

    fn condition_follows(&self) -> bool {
        match self.peek() {
            None | Some(')' | ']' | ',' | ';') => false,
            Some(c) => {
                c.is_alphanumeric() || matches!(c, '_' | '(' | '[' | '!' | '-') || self.quote_follows()
            }
        }
    }

    fn unary(&mut self) -> Cond {
        let here = self.here();
        if self.depth >= MAX_DEPTH {
            let rest = self.at.rest().len();
            self.at.seek(self.at.offset() + rest);
            self.error("nested too deeply", here);
            return Cond::Broken("nested too deeply".into(), here);
        }
        if self.eat_word("not") || self.peek() == Some('!') && self.eat("!") {
            self.depth += 1;
            let inner = self.unary();
            self.depth -= 1;
            return Cond::Not(Box::new(inner));
        }
        if self.eat("(") {
            self.depth += 1;
            let inner = self.disjunction();
            self.depth -= 1;
            if !self.eat(")") {
                self.recovered("this parenthesis is not closed: it ends with the statement", here);
            }
            return inner;
        }
        if self.quote_follows() {
            let value = self.value();
            return self.raw(value);
        }
        self.test()
    }

    /// `"x" in raw event`
    fn raw(&mut self, value: Value) -> Cond {
        let negated = self.eat_word("not");
        if !self.eat_words(&["in", "raw", "event"]) {
            self.recovered("a value alone: looked for in the whole event", value.span);
        }
        let found = Cond::Raw(value);
        if negated { Cond::Not(Box::new(found)) } else { found }
    }

    fn test(&mut self) -> Cond {
        let start = self.here().start;
        let Some(left) = self.sum() else {
            let here = self.here();
            self.at.skip_space();
            self.at.bump();
            self.error("a condition is missing here", here);
            return Cond::Broken("a condition is missing".into(), here);
        };
        if let Operand::Path(field) = &left {
            let (field, how) = match field.text.strip_suffix(".matches") {
                Some(bare) if self.peek() == Some('(') => {
                    let text = bare.to_owned();
                    (crate::ast::Name { text, span: field.span }, Some((How::Match, false)))
                }
                _ => (field.clone(), self.keyword()),
            };
            if let Some((how, negated)) = how {
                let values = self.values();
                let span = self.at.span_from(start);
                let test = Cond::Values { field, how, values, span };
                return if negated { Cond::Not(Box::new(test)) } else { test };
            }
            if self.eat_word("exists") {
                return Cond::Exists(field, self.at.span_from(start));
            }
            if let Some(negated) = self.equality() {
                let value = self.value();
                if value.text.is_empty() && !value.quoted {
                    self.recovered("compared with nothing: left out", self.here());
                    return Cond::And(vec![]);
                }
                let span = self.at.span_from(start);
                let test = Cond::Values { field, how: How::Is, values: vec![value], span };
                return if negated { Cond::Not(Box::new(test)) } else { test };
            }
        }
        self.chain(left, start)
    }

    /// `==`, `=`, `!=`: whether it is denied.
    fn equality(&mut self) -> Option<bool> {
        if self.eat("!=") || self.eat("<>") {
            return Some(true);
        }
        (self.eat("==") || self.eat("=")).then_some(false)
    }

    /// Operators that are words: what is asked, and whether it is denied.
    fn keyword(&mut self) -> Option<(How, bool)> {
        let table: &[(&[&str], How, bool)] = &[
            (&["does", "not", "contain"], How::Contains, true),
            (&["does", "not", "match"], How::Match, true),
            (&["not", "contains"], How::Contains, true),
            (&["contains"], How::Contains, false),
            (&["includes", "one", "of"], How::Contains, false),
            (&["includes"], How::Contains, false),
            (&["not", "in"], How::Is, true),
            (&["in"], How::Is, false),
            (&["match"], How::Match, false),
            (&["matches"], How::Match, false),
            (&["like"], How::Is, false),
        ];
        table.iter().find(|(words, ..)| self.eat_words(words)).map(|(_, how, negated)| (*how, *negated))
    }

    /// `a < b < c`
    fn chain(&mut self, first: Operand, start: usize) -> Cond {
        let (mut operands, mut ops) = (vec![first], Vec::new());
        while let Some(op) = self.order() {
            let Some(next) = self.sum() else {
                let here = self.here();
                self.error("a value is missing here", here);
                break;
            };
            ops.push(op);
            operands.push(next);
        }
        let span = self.at.span_from(start);
        if ops.is_empty() {
            let span = Span::new(start, span.end.max(start + 1));
            self.error("no comparison", span);
            return Cond::Broken("no comparison".into(), span);
        }
        Cond::Chain { operands, ops, span }
    }

    fn order(&mut self) -> Option<CmpOp> {
        let table = [
            ("<=", CmpOp::Le),
            (">=", CmpOp::Ge),
            ("==", CmpOp::Eq),
            ("!=", CmpOp::Ne),
            ("<", CmpOp::Lt),
            (">", CmpOp::Gt),
            ("=", CmpOp::Eq),
        ];
        table.into_iter().find(|(sign, _)| self.eat(sign)).map(|(_, op)| op)
    }
}

fn join_or(a: Cond, b: Cond) -> Cond {
    match a {
        Cond::Or(mut v) => {
            v.push(b);
            Cond::Or(v)
        }
        a => Cond::Or(vec![a, b]),
    }
}

fn join_and(a: Cond, b: Cond) -> Cond {
    match a {
        Cond::And(mut v) => {
            v.push(b);
            Cond::And(v)
        }
        a => Cond::And(vec![a, b]),
    }
}
