//! Expressions of `eval` and `where`: AND binds before OR, a bare word is a field, a string stands in double
//! quotes and a field in single ones.

use shikra_event::Value;
use shikra_ir::CmpOp;
use shikra_syntax::Span;

use super::{MAX_DEPTH, Parser, unescape};
use crate::ast::{Eval, EvalKind};
use crate::macros::quoted_length;

/// Terms of one sum or product: each is a level of the tree.
const MAX_TERMS: usize = 200;
/// `XOR`s of one search: each doubles what stands beside it.
const MAX_XORS: usize = 8;

impl Parser<'_> {
    /// An expression.
    pub(super) fn eval(&mut self) -> Eval {
        let start = self.at;
        if self.depth >= MAX_DEPTH {
            self.error("too-deep", "expressions are nested too deeply", Span::new(start, self.end));
            self.at = self.end;
            return Eval { kind: EvalKind::Lit(Value::Null), span: self.span(start) };
        }
        self.depth += 1;
        let out = self.or();
        self.depth -= 1;
        out
    }

    fn or(&mut self) -> Eval {
        let first = self.and();
        let mut parts = vec![first];
        loop {
            if self.eat_word("OR") {
                parts.push(self.and());
            } else if self.eat_word("XOR") {
                self.xors += 1;
                if self.xors > MAX_XORS {
                    let at = Span::new(self.at, self.end);
                    self.error("too-deep", format!("more than {MAX_XORS} XORs in one search"), at);
                    self.at = self.end;
                    return joined(parts, EvalKind::Or);
                }
                let right = self.and();
                let left = joined(parts, EvalKind::Or);
                let span = left.span.to(right.span);
                parts = vec![Eval { kind: EvalKind::Xor(Box::new(left), Box::new(right)), span }];
            } else {
                return joined(parts, EvalKind::Or);
            }
        }
    }

    fn and(&mut self) -> Eval {
        let mut parts = vec![self.not()];
        while self.eat_word("AND") {
            parts.push(self.not());
        }
        joined(parts, EvalKind::And)
    }

    fn not(&mut self) -> Eval {
        self.space();
        let start = self.at;
        let bang = self.left().starts_with('!') && !self.left().starts_with("!=");
        if bang {
            self.bump();
        }
        if bang || self.eat_word("NOT") {
            if self.depth >= MAX_DEPTH {
                return self.eval();
            }
            self.depth += 1;
            let inner = self.not();
            self.depth -= 1;
            return Eval { kind: EvalKind::Not(Box::new(inner)), span: self.span(start) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Eval {
        let left = self.sum();
        self.space();
        let rest = self.left();
        const OPS: &[(&str, CmpOp)] = &[
            ("==", CmpOp::Eq),
            ("!=", CmpOp::Ne),
            ("<>", CmpOp::Ne),
            ("<=", CmpOp::Le),
            (">=", CmpOp::Ge),
            ("=", CmpOp::Eq),
            ("<", CmpOp::Lt),
            (">", CmpOp::Gt),
        ];
        if let Some((sign, op)) = OPS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            self.at += sign.len();
            let right = self.sum();
            let span = left.span.to(right.span);
            return Eval { kind: EvalKind::Compare(*op, Box::new(left), Box::new(right)), span };
        }
        if self.eat_word("LIKE") {
            let right = self.sum();
            let span = left.span.to(right.span);
            return Eval { kind: EvalKind::Like(Box::new(left), Box::new(right)), span };
        }
        let before = self.at;
        let negated = self.eat_word("NOT");
        if self.eat_word("IN") {
            self.space();
            let values = if self.peek() == Some('(') { self.arguments() } else { vec![self.sum()] };
            let span = self.span(left.span.start);
            let found = Eval { kind: EvalKind::In(Box::new(left), values), span };
            return if negated { Eval { kind: EvalKind::Not(Box::new(found)), span } } else { found };
        }
        self.at = before;
        left
    }

    fn sum(&mut self) -> Eval {
        let mut left = self.product();
        for _ in 0..MAX_TERMS {
            self.space();
            let sign = match self.peek() {
                Some(c @ ('+' | '-' | '.')) => c,
                _ => return left,
            };
            self.bump();
            let right = self.product();
            let span = left.span.to(right.span);
            left = Eval { kind: EvalKind::Arith(sign, Box::new(left), Box::new(right)), span };
        }
        left
    }

    fn product(&mut self) -> Eval {
        let mut left = self.operand();
        for _ in 0..MAX_TERMS {
            self.space();
            let sign = match self.peek() {
                Some(c @ ('*' | '/' | '%')) => c,
                _ => return left,
            };
            self.bump();
            let right = self.operand();
            let span = left.span.to(right.span);
            left = Eval { kind: EvalKind::Arith(sign, Box::new(left), Box::new(right)), span };
        }
        left
    }

    fn operand(&mut self) -> Eval {
        self.space();
        let start = self.at;
        let kind = match self.peek() {
            Some('(') => {
                self.bump();
                let inner = self.eval();
                if !self.eat(")") {
                    let at = Span::new(start, start + 1);
                    let message = "this bracket is not closed: taken as closed at the end";
                    self.warn("open-bracket", message, at);
                }
                return Eval { span: self.span(start), ..inner };
            }
            Some('"') => {
                let length = quoted_length(self.left());
                let whole = self.left().get(..length).unwrap_or("");
                let closed = length > 1 && whole.ends_with('"');
                let inner = whole.get(1..length - usize::from(closed)).unwrap_or("");
                self.at += length;
                if !closed {
                    self.warn("open-quote", "the quote is not closed", Span::new(start, start + 1));
                }
                EvalKind::Lit(Value::str(unescape(inner)))
            }
            Some('\'') => {
                let length = quoted_length(self.left());
                let inner = self.left().get(1..length.saturating_sub(1)).unwrap_or("").to_owned();
                self.at += length;
                EvalKind::Field(inner, true)
            }
            Some('-' | '+') => {
                let minus = self.peek() == Some('-');
                self.bump();
                if self.depth >= MAX_DEPTH {
                    return self.eval();
                }
                self.depth += 1;
                let inner = self.operand();
                self.depth -= 1;
                if !minus {
                    return inner;
                }
                let zero = Eval { kind: EvalKind::Lit(Value::I64(0)), span: self.span(start) };
                EvalKind::Arith('-', Box::new(zero), Box::new(inner))
            }
            Some(c) if c.is_ascii_digit() => self.number(),
            Some('.')
                if self.left().get(1..).is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                self.number()
            }
            Some('[') => {
                let _ = self.bracketed('[', ']');
                let at = self.span(start);
                self.error("unsupported", "a subsearch within an expression is not supported", at);
                EvalKind::Lit(Value::Null)
            }
            _ => self.named(),
        };
        Eval { kind, span: self.span(start) }
    }

    fn number(&mut self) -> EvalKind {
        let left = self.left();
        let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = digits(left);
        let fraction = left.get(length + 1..).map_or(0, digits);
        if left.get(length..).is_some_and(|l| l.starts_with('.')) && fraction > 0 {
            length += 1 + fraction;
        }
        if left.get(length..).is_some_and(|l| l.starts_with(['e', 'E']))
            && left.get(length + 1..).map_or(0, digits) > 0
        {
            length += 1 + left.get(length + 1..).map_or(0, digits);
        }
        let text = left.get(..length).unwrap_or("0");
        // A name may begin with digits.
        let more = left.get(length..).and_then(|l| l.chars().next());
        if more.is_some_and(|c| c.is_alphabetic() || c == '_') {
            return self.named();
        }
        self.at += length;
        match text.parse::<i64>() {
            Ok(n) => EvalKind::Lit(Value::I64(n)),
            Err(_) => EvalKind::Lit(text.parse().map_or(Value::Null, Value::F64)),
        }
    }

    /// A field or a call.
    fn named(&mut self) -> EvalKind {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | ':' | '@' | '$' | '#'))
            || self.dotted(start)
        {
            self.bump();
        }
        let name = self.text.get(start..self.at).unwrap_or("").to_owned();
        if name.is_empty() {
            let at = Span::new(start, (start + 1).min(self.end));
            self.bump();
            self.error("unexpected-text", "an expression is missing here", at);
            return EvalKind::Lit(Value::Null);
        }
        let before = self.at;
        self.space();
        if self.peek() == Some('(') {
            return EvalKind::Call(name.to_ascii_lowercase(), self.arguments());
        }
        self.at = before;
        EvalKind::Field(name, false)
    }

    /// A full stop right between two parts of a name. What it means (one name, or two joined) is told when it
    /// is known which fields there are.
    fn dotted(&self, start: usize) -> bool {
        let next = self.left().get(1..).and_then(|l| l.chars().next());
        self.at > start
            && self.left().starts_with('.')
            && next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '*'))
    }

    fn arguments(&mut self) -> Vec<Eval> {
        let part = self.bracketed('(', ')');
        self.within(part, |p| {
            let mut out = Vec::new();
            loop {
                if p.done() {
                    return out;
                }
                let before = p.at;
                out.push(p.eval());
                if !p.eat(",") {
                    p.rest("the arguments");
                }
                if p.at == before {
                    return out;
                }
            }
        })
    }
}

fn joined(mut parts: Vec<Eval>, make: fn(Vec<Eval>) -> EvalKind) -> Eval {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let span = parts.iter().map(|p| p.span).reduce(Span::to).unwrap_or_default();
    Eval { kind: make(parts), span }
}
