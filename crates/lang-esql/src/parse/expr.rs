//! Expressions. Weakest first: OR, AND, NOT, comparisons, sums, products, signs, casts.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

use super::{MAX_CHAIN, MAX_DEPTH, Parser};
use crate::ast::{Expr, Kind};
use crate::token::Token;

const COMPARISONS: &[(&str, CmpOp)] = &[
    ("==", CmpOp::Eq),
    ("!=", CmpOp::Ne),
    ("<=", CmpOp::Le),
    (">=", CmpOp::Ge),
    ("<", CmpOp::Lt),
    (">", CmpOp::Gt),
];

fn broken(span: Span) -> Expr {
    Expr { kind: Kind::Broken, span }
}

impl Parser<'_> {
    /// Goes one level deeper for `f`.
    fn nested(&mut self, f: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if self.depth >= MAX_DEPTH {
            self.error("nested too deeply");
            self.at = self.words.len();
            return broken(self.place());
        }
        self.depth += 1;
        let made = f(self);
        self.depth -= 1;
        made
    }

    pub(super) fn expr(&mut self) -> Expr {
        self.nested(Parser::or)
    }

    fn or(&mut self) -> Expr {
        self.joined("or", Parser::and, Kind::Or)
    }

    fn and(&mut self) -> Expr {
        self.joined("and", Parser::not, Kind::And)
    }

    fn joined(&mut self, word: &str, part: fn(&mut Self) -> Expr, all: fn(Vec<Expr>) -> Kind) -> Expr {
        let first = part(self);
        if !self.is_word(0, word) {
            return first;
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.word(word) {
            parts.push(part(self));
        }
        Expr { kind: all(parts), span: start.to(self.before()) }
    }

    fn not(&mut self) -> Expr {
        let start = self.place();
        if self.word("not") {
            let inner = self.nested(Parser::not);
            return Expr { kind: Kind::Not(Box::new(inner)), span: start.to(self.before()) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Expr {
        let mut left = self.sum();
        let mut count = 0;
        loop {
            let start = left.span;
            let Some(kind) = self.compared(&left) else { return left };
            left = Expr { kind, span: start.to(self.before()) };
            count += 1;
            if count > MAX_CHAIN {
                self.error("too long a chain of comparisons");
                self.at = self.words.len();
                return left;
            }
        }
    }

    /// What goes on with a comparison of `left`.
    fn compared(&mut self, left: &Expr) -> Option<Kind> {
        let subject = || Box::new(left.clone());
        if let Some(Token::Sign(sign)) = self.peek() {
            if let Some((_, op)) = COMPARISONS.iter().find(|(s, _)| s == sign) {
                self.bump();
                return Some(Kind::Compare(*op, subject(), Box::new(self.sum())));
            }
            match *sign {
                "=~" => {
                    self.bump();
                    return Some(Kind::SameText(subject(), Box::new(self.sum())));
                }
                ":" => {
                    self.bump();
                    return Some(Kind::Match(subject(), Box::new(self.sum())));
                }
                _ => return None,
            }
        }
        if self.word("is") {
            let negated = self.word("not");
            if !self.word("null") {
                self.expected("NULL");
            }
            return Some(Kind::IsNull { subject: subject(), negated });
        }
        let negated = self.is_word(0, "not");
        let n = usize::from(negated);
        let regex = self.is_word(n, "rlike");
        if regex || self.is_word(n, "like") {
            self.at += n + 1;
            return Some(Kind::Like { subject: subject(), patterns: self.listed(), regex, negated });
        }
        if self.is_word(n, "in") {
            self.at += n + 1;
            return Some(Kind::In { subject: subject(), list: self.listed(), negated });
        }
        None
    }

    /// `(a, b)`, or one value.
    fn listed(&mut self) -> Vec<Expr> {
        if self.sign("(").is_none() {
            return vec![self.sum()];
        }
        let list = self.list(")");
        self.expect(")");
        list
    }

    /// Expressions with commas between them up to a sign, which is left. A comma before it is passed over.
    fn list(&mut self, end: &str) -> Vec<Expr> {
        let mut out = Vec::new();
        while self.peek().is_some() && !self.is_sign(end) {
            out.push(self.expr());
            if self.sign(",").is_none() {
                break;
            }
        }
        out
    }

    fn sum(&mut self) -> Expr {
        self.arithmetic(&["+", "-"], Parser::product)
    }

    fn product(&mut self) -> Expr {
        self.arithmetic(&["*", "/", "%"], Parser::negation)
    }

    fn arithmetic(&mut self, signs: &[&str], part: fn(&mut Self) -> Expr) -> Expr {
        let mut left = part(self);
        for _ in 0..MAX_CHAIN {
            let op = match self.peek() {
                Some(Token::Sign(s)) if signs.contains(s) => s.chars().next().unwrap_or('+'),
                _ => return left,
            };
            self.bump();
            let right = part(self);
            let span = left.span.to(right.span);
            left = Expr { kind: Kind::Arithmetic(op, Box::new(left), Box::new(right)), span };
        }
        self.error("too long a chain of operators");
        self.at = self.words.len();
        left
    }

    fn negation(&mut self) -> Expr {
        let Some(start) = self.sign("-") else {
            let _ = self.sign("+");
            return self.cast();
        };
        let inner = self.nested(Parser::negation);
        let span = start.to(inner.span);
        let kind = match inner.kind {
            Kind::Int(n) => Kind::Int(n.saturating_neg()),
            Kind::Float(n) => Kind::Float(-n),
            Kind::Duration(n, unit) => Kind::Duration(n.saturating_neg(), unit),
            _ => Kind::Negate(Box::new(inner)),
        };
        Expr { kind, span }
    }

    fn cast(&mut self) -> Expr {
        let mut value = self.primary();
        let mut count = 0;
        while self.sign("::").is_some() {
            let Some(name) = self.name() else { return value };
            let span = value.span.to(name.span);
            value = Expr { kind: Kind::Cast(Box::new(value), name.text.to_lowercase()), span };
            count += 1;
            if count > MAX_CHAIN {
                self.error("too long a chain of casts");
                self.at = self.words.len();
            }
        }
        value
    }

    fn primary(&mut self) -> Expr {
        let span = self.place();
        let kind = match self.peek().cloned() {
            Some(Token::Text(t)) => Kind::Text(t),
            Some(Token::Int(n)) => {
                self.bump();
                return self.duration(n, span);
            }
            Some(Token::Float(n)) => Kind::Float(n),
            Some(Token::Param(p)) => Kind::Param(p),
            Some(Token::Sign("*")) => Kind::Star,
            Some(Token::Sign("(")) => {
                self.bump();
                let inner = self.expr();
                self.expect(")");
                return Expr { span: span.to(self.before()), ..inner };
            }
            Some(Token::Sign("[")) => {
                self.bump();
                let list = self.list("]");
                self.expect("]");
                return Expr { kind: Kind::List(list), span: span.to(self.before()) };
            }
            Some(Token::Sign("{")) => {
                self.bump();
                let map = self.map();
                self.expect("}");
                return Expr { kind: Kind::Map(map), span: span.to(self.before()) };
            }
            Some(Token::Name { text, quoted }) => {
                self.bump();
                return self.named(text, quoted, span);
            }
            Some(Token::Open) => {
                self.error("a text that does not end");
                self.at = self.words.len();
                return broken(span);
            }
            _ => {
                self.expected("a value");
                return broken(span);
            }
        };
        self.bump();
        Expr { kind, span }
    }

    fn map(&mut self) -> Vec<(String, Expr)> {
        let mut out = Vec::new();
        while self.peek().is_some() && !self.is_sign("}") {
            let Some(name) = self.string() else { break };
            if !self.expect(":") {
                break;
            }
            out.push((name, self.expr()));
            if self.sign(",").is_none() {
                break;
            }
        }
        out
    }

    /// A number, or a span of time where a unit follows.
    fn duration(&mut self, n: i64, span: Span) -> Expr {
        if let Some(Token::Name { text, quoted: false }) = self.peek()
            && shikra_ir::func::calendar::unit(text).is_some()
        {
            let unit = text.to_lowercase();
            self.bump();
            return Expr { kind: Kind::Duration(n, unit), span: span.to(self.before()) };
        }
        Expr { kind: Kind::Int(n), span }
    }

    fn named(&mut self, text: String, quoted: bool, span: Span) -> Expr {
        if !quoted && self.sign("(").is_some() {
            let args = self.list(")");
            self.expect(")");
            let kind = Kind::Call { name: text.to_lowercase(), args };
            return Expr { kind, span: span.to(self.before()) };
        }
        let kind = match text.to_lowercase().as_str() {
            "true" if !quoted => Kind::Bool(true),
            "false" if !quoted => Kind::Bool(false),
            "null" if !quoted => Kind::Null,
            _ => Kind::Field(text),
        };
        Expr { kind, span }
    }
}

#[cfg(test)]
mod tests {
    use super::super::expression;
    use crate::ast::Kind;

    #[test]
    fn precedence() {
        let mut said = Vec::new();
        let e = expression(
            "not a == 1 + 2 * 3 and b in (1, 2,) or c not like (\"x\") and d::int is not null",
            &mut said,
        );
        assert!(said.is_empty(), "{said:?}");
        let Kind::Or(v) = e.kind else { panic!() };
        let [Kind::And(l), Kind::And(r)] = [&v[0].kind, &v[1].kind] else { panic!() };
        assert!(matches!(&l[0].kind, Kind::Not(c) if matches!(c.kind, Kind::Compare(..))));
        assert!(matches!(&l[1].kind, Kind::In { list, .. } if list.len() == 2));
        assert!(matches!(r[0].kind, Kind::Like { negated: true, .. }));
        assert!(matches!(r[1].kind, Kind::IsNull { negated: true, .. }));
    }
}
