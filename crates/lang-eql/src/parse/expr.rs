//! Expressions: precedence climbing from `or` down to names and constants.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

use super::{MAX_DEPTH, Parser};
use crate::Dialect;
use crate::ast::{Arith, Call, Expr, Field, Kind, Match, MatchOp, Relation, Step};
use crate::token::{StrToken, Tok};

const ARITH: &[&[(&str, Arith)]] = &[
    &[("+", Arith::Add), ("-", Arith::Subtract)],
    &[("*", Arith::Multiply), ("/", Arith::Divide), ("%", Arith::Modulo)],
];

const COMPARE: &[(&str, CmpOp)] = &[
    ("==", CmpOp::Eq),
    ("=", CmpOp::Eq),
    ("!=", CmpOp::Ne),
    ("<=", CmpOp::Le),
    ("<", CmpOp::Lt),
    (">=", CmpOp::Ge),
    (">", CmpOp::Gt),
];

/// Words that end an expression.
const RESERVED: &[&str] = &["and", "or", "in", "like", "regex", "by", "with", "until", "where", "fork"];

impl Parser<'_> {
    /// A whole expression.
    pub(super) fn boolean(&mut self) -> Expr {
        let span = self.span();
        self.deeper(Expr::new(Kind::Broken, span), Self::or)
    }

    fn or(&mut self) -> Expr {
        let start = self.span();
        let mut parts = vec![self.and()];
        loop {
            if self.eat_word("or") {
                parts.push(self.and());
            } else if parts.len() > 1 && self.operand_follows() {
                let span = self.span();
                self.warn("missing-or", "`or` is missing here and was assumed, as before", span);
                parts.push(self.and());
            } else {
                break;
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { Expr::new(Kind::Or(parts), self.from(start)) }
    }

    fn and(&mut self) -> Expr {
        let start = self.span();
        let mut parts = vec![self.not()];
        loop {
            if self.eat_word("and") {
                parts.push(self.not());
            } else if parts.len() > 1 && self.operand_follows() {
                let span = self.span();
                self.warn("missing-and", "`and` is missing here and was assumed, as before", span);
                parts.push(self.not());
            } else {
                break;
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { Expr::new(Kind::And(parts), self.from(start)) }
    }

    /// Whether a further operand stands here without a connective before it.
    fn operand_follows(&self) -> bool {
        if self.juxtapose || self.panicking {
            return false;
        }
        match self.peek() {
            Tok::Word { text, quoted, .. } => *quoted || !RESERVED.contains(&text.to_lowercase().as_str()),
            Tok::Punct("(") => true,
            _ => false,
        }
    }

    fn not(&mut self) -> Expr {
        let start = self.span();
        if !self.eat_word("not") {
            return self.comparison();
        }
        let inner = self.deeper(Expr::new(Kind::Broken, start), Self::not);
        Expr::new(Kind::Not(Box::new(inner)), self.from(start))
    }

    fn comparison(&mut self) -> Expr {
        let start = self.span();
        let left = self.value();
        let Some((text, op)) = COMPARE.iter().find(|(text, _)| self.is(text)).copied() else { return left };
        if text == "=" && self.dialect != Dialect::Endgame {
            let span = self.span();
            self.error("equals", "Elastic's EQL compares with `==`, not `=`", span);
        }
        self.eat(text);
        let right = self.value();
        if COMPARE.iter().any(|(text, _)| self.is(text)) {
            self.expected("`and` or `or`: comparisons cannot be chained");
        }
        Expr::new(Kind::Cmp(op, Box::new(left), Box::new(right)), self.from(start))
    }

    /// Without connectives and comparisons.
    pub(super) fn value(&mut self) -> Expr {
        self.arith(0)
    }

    fn arith(&mut self, level: usize) -> Expr {
        let Some(ops) = ARITH.get(level) else { return self.unary() };
        let start = self.span();
        let mut left = self.arith(level + 1);
        while let Some((text, op)) = ops.iter().find(|(text, _)| self.is(text)).copied() {
            if self.too_high(&left) {
                break;
            }
            self.eat(text);
            let right = self.arith(level + 1);
            left = Expr::new(Kind::Arith(op, Box::new(left), Box::new(right)), self.from(start));
        }
        left
    }

    /// Whether a tree is as high as it may be; then it is reported.
    fn too_high(&mut self, e: &Expr) -> bool {
        let high = e.height > MAX_DEPTH;
        if high {
            self.error("too-deep", format!("expressions nest deeper than {MAX_DEPTH}"), e.span);
            self.at = self.tokens.len();
        }
        high
    }

    fn unary(&mut self) -> Expr {
        let start = self.span();
        if self.eat("-") {
            let inner = self.deeper(Expr::new(Kind::Broken, start), Self::unary);
            let span = self.from(start);
            return match inner.kind {
                Kind::Int(n) => Expr::new(Kind::Int(n.saturating_neg()), span),
                Kind::Float(n) => Expr::new(Kind::Float(-n), span),
                _ => Expr::new(Kind::Neg(Box::new(inner)), span),
            };
        }
        if self.eat("+") {
            return self.deeper(Expr::new(Kind::Broken, start), Self::unary);
        }
        let mut e = self.primary();
        while !self.too_high(&e) {
            match self.postfix(&e, start) {
                Some(next) => e = next,
                None => break,
            }
        }
        e
    }

    /// `:method(…)`, `: "x"`, `in (…)`, `not in (…)`, `like …`, `regex …` after an operand.
    fn postfix(&mut self, left: &Expr, start: Span) -> Option<Expr> {
        let (op, negated) = match self.peek() {
            Tok::Punct(":") => {
                if matches!(self.peek_at(1), Tok::Word { .. }) && *self.peek_at(2) == Tok::Punct("(") {
                    return Some(self.method(left, start));
                }
                (MatchOp::Seq, false)
            }
            Tok::Word { quoted: false, .. } => {
                let negated = self.is_word("not");
                let at = usize::from(negated);
                let op = [("in", MatchOp::In), ("like", MatchOp::Like), ("regex", MatchOp::Regex)]
                    .into_iter()
                    .find(|(word, _)| self.is_word_at(at, word))
                    .map(|(_, op)| op)?;
                (op, negated)
            }
            _ => return None,
        };
        if negated {
            self.bump();
        }
        let tilde = matches!(self.peek(), Tok::Word { tilde: true, .. });
        self.bump();
        let tilde = tilde || op == MatchOp::Seq;
        self.panicking = false;
        let list = self.operands(op);
        let m = Match { op, insensitive: tilde, subject: Box::new(left.clone()), list };
        let span = self.from(start);
        let e = Expr::new(Kind::Match(m), span);
        Some(if negated { Expr::new(Kind::Not(Box::new(e)), span) } else { e })
    }

    /// One value or a list in brackets.
    fn operands(&mut self, op: MatchOp) -> Vec<Expr> {
        if !self.is("(") {
            if op == MatchOp::In {
                self.expected("`(`");
            }
            return vec![self.primary()];
        }
        self.arguments()
    }

    /// `(a, b, …)`; a comma after the last is let pass.
    fn arguments(&mut self) -> Vec<Expr> {
        let saved = std::mem::replace(&mut self.juxtapose, false);
        self.eat("(");
        let mut out = Vec::new();
        while !matches!(self.peek(), Tok::Punct(")" | "]" | "|") | Tok::End) {
            out.push(self.boolean());
            if !self.eat(",") && !self.is(")") {
                break;
            }
        }
        self.expect(")");
        self.juxtapose = saved;
        out
    }

    fn method(&mut self, left: &Expr, start: Span) -> Expr {
        self.eat(":");
        let name_span = self.span();
        let Tok::Word { text, tilde, .. } = self.bump() else { return left.clone() };
        let mut args = vec![left.clone()];
        args.extend(self.arguments());
        Expr::new(Kind::Call(Call { name: text, tilde, args, name_span }), self.from(start))
    }

    fn primary(&mut self) -> Expr {
        let start = self.span();
        match self.peek().clone() {
            Tok::Int(n) => self.constant(Kind::Int(n)),
            Tok::Float(n) => self.constant(Kind::Float(n)),
            Tok::Str(StrToken { text, quotes }) => {
                self.check_quotes(quotes);
                self.constant(Kind::Str(text, quotes))
            }
            Tok::Punct("(") => {
                self.eat("(");
                let saved = std::mem::replace(&mut self.juxtapose, false);
                let mut inner = self.boolean();
                self.expect(")");
                self.juxtapose = saved;
                inner.span = self.from(start);
                inner
            }
            Tok::Punct("?") => {
                self.bump();
                self.field(start, true)
            }
            Tok::Word { text, quoted: false, .. } => self.word(&text, start),
            Tok::Word { .. } => self.field(start, false),
            _ => {
                self.expected("a value");
                Expr::new(Kind::Broken, start)
            }
        }
    }

    fn constant(&mut self, kind: Kind) -> Expr {
        let span = self.span();
        self.bump();
        self.panicking = false;
        Expr::new(kind, span)
    }

    /// A name: a constant, lineage, a function or a field.
    fn word(&mut self, text: &str, start: Span) -> Expr {
        let constant = match text {
            "null" => Some(Kind::Null),
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            _ => None,
        };
        let relation = match text {
            "child" => Some(Relation::Child),
            "descendant" => Some(Relation::Descendant),
            "event" => Some(Relation::Event),
            _ => None,
        };
        match (constant, relation) {
            (Some(kind), _) => self.constant(kind),
            (_, Some(relation)) if self.is_word_at(1, "of") => {
                self.bump();
                self.bump();
                self.lineage(relation, start)
            }
            _ if RESERVED.contains(&text) && *self.peek_at(1) != Tok::Punct(".") => {
                self.expected("a value");
                Expr::new(Kind::Broken, start)
            }
            _ if *self.peek_at(1) == Tok::Punct("(") => {
                let Tok::Word { text, tilde, .. } = self.bump() else {
                    return Expr::new(Kind::Broken, start);
                };
                let args = self.arguments();
                let call = Call { name: text, tilde, args, name_span: start };
                Expr::new(Kind::Call(call), self.from(start))
            }
            _ => self.field(start, false),
        }
    }

    fn lineage(&mut self, relation: Relation, start: Span) -> Expr {
        if !self.eat("[") {
            self.expected("`[`");
        }
        let saved = std::mem::replace(&mut self.juxtapose, false);
        let query = self.deeper_event_query();
        self.expect("]");
        self.juxtapose = saved;
        Expr::new(Kind::Lineage(relation, Box::new(query)), self.from(start))
    }

    fn field(&mut self, start: Span, optional: bool) -> Expr {
        let mut steps = Vec::new();
        match self.bump() {
            Tok::Word { text, .. } => steps.push(Step::Name(text)),
            _ => {
                self.at = self.at.saturating_sub(1);
                self.expected("a field");
                return Expr::new(Kind::Broken, start);
            }
        }
        self.panicking = false;
        loop {
            match (self.peek(), self.peek_at(1), self.peek_at(2)) {
                (Tok::Punct("."), Tok::Word { text, .. }, _) => {
                    steps.push(Step::Name(text.clone()));
                    self.at += 2;
                }
                (Tok::Punct("["), Tok::Int(n), Tok::Punct("]")) => {
                    steps.push(Step::Index(*n));
                    self.at += 3;
                }
                _ => break,
            }
        }
        Expr::new(Kind::Field(Field { steps, optional }), self.from(start))
    }
}
