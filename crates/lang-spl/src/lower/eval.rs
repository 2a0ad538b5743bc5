//! Expressions of `eval` and `where`.

use std::sync::Arc;

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{CmpOp, Each, EachGives, Expr, Op, Regex, Scalar, Truth, eval::check_regex};
use shikra_syntax::Span;

use super::functions::{self, Meaning};
use super::search::test;
use super::{EVAL, Lower, NOW, Stream, call, pattern};
use crate::ast::{Eval, EvalKind, Search, Word};

impl Lower<'_> {
    /// `eval a=…, b=…`
    pub fn eval_command(&mut self, mut s: Stream, items: &[(Word, Eval)]) -> Stream {
        for (name, e) in items {
            let value = self.value(&mut s, e);
            s.eval(vec![(Arc::from(&*name.text), value)]);
        }
        s
    }

    /// The value of an expression.
    pub fn value(&mut self, s: &mut Stream, e: &Eval) -> Scalar {
        match &e.kind {
            EvalKind::Lit(v) => Scalar::Lit(v.clone()),
            EvalKind::Field(name, quoted) => self.name(s, name, *quoted),
            EvalKind::Call(name, args) => self.call(s, name, args, e.span),
            EvalKind::Arith(sign, a, b) => {
                let name = match sign {
                    '+' => "spl-plus",
                    '-' => "spl-minus",
                    '*' => "spl-times",
                    '/' => "spl-divide",
                    '%' => "spl-modulo",
                    _ => "spl-concat",
                };
                let args = vec![self.value(s, a), self.value(s, b)];
                call(name, args, EVAL)
            }
            _ => Scalar::Truth(Box::new(self.truth(s, e))),
        }
    }

    /// A name. With full stops in it and without quotes it is one name where there is such a field, else parts
    /// that are joined.
    fn name(&mut self, s: &Stream, name: &str, quoted: bool) -> Scalar {
        let parts: Vec<&str> = name.split('.').collect();
        let joined = !quoted
            && parts.len() > 1
            && !s.has(name)
            && parts.iter().all(|p| !p.is_empty() && (s.has(p) || p.bytes().all(|b| b.is_ascii_digit())));
        if !joined {
            return s.field(name);
        }
        let value = |p: &str| match p.parse::<i64>() {
            Ok(n) if !s.has(p) => Scalar::Lit(Value::I64(n)),
            _ => s.field(p),
        };
        parts
            .into_iter()
            .map(value)
            .reduce(|a, b| call("spl-concat", vec![a, b], EVAL))
            .unwrap_or(Scalar::Lit(Value::Null))
    }

    /// The truth of an expression.
    pub fn truth(&mut self, s: &mut Stream, e: &Eval) -> Expr {
        match &e.kind {
            EvalKind::Not(e) => self.truth(s, e).negate(),
            EvalKind::And(v) => Expr::and(v.iter().map(|e| self.truth(s, e)).collect::<Vec<_>>()),
            EvalKind::Or(v) => Expr::or(v.iter().map(|e| self.truth(s, e)).collect::<Vec<_>>()),
            EvalKind::Xor(a, b) => {
                let (a, b) = (self.truth(s, a), self.truth(s, b));
                Expr::Or(vec![Expr::And(vec![a.clone(), b.clone().negate()]), Expr::And(vec![a.negate(), b])])
            }
            EvalKind::Compare(op, a, b) => {
                let (a, b) = (self.value(s, a), self.value(s, b));
                compare(*op, a, b, self.text.origin(e.span))
            }
            EvalKind::In(a, list) => self.is_in(s, a, list, e.span),
            EvalKind::Like(a, b) => self.like(s, a, b, e.span),
            EvalKind::Call(name, args) => self.predicate(s, name, args, e),
            EvalKind::Lit(Value::Bool(b)) => Expr::Const(Truth::of(*b)),
            _ => {
                let v = self.value(s, e);
                test(v, Op::IsTrue, EVAL, self.text.origin(e.span))
            }
        }
    }

    fn is_in(&mut self, s: &mut Stream, a: &Eval, list: &[Eval], at: Span) -> Expr {
        let subject = self.value(s, a);
        let at = self.text.origin(at);
        let mut any = Vec::new();
        for v in list {
            let right = self.value(s, v);
            any.push(compare(CmpOp::Eq, subject.clone(), right, at));
        }
        Expr::or(any)
    }

    fn like(&mut self, s: &mut Stream, a: &Eval, b: &Eval, at: Span) -> Expr {
        let (subject, right) = (self.value(s, a), self.value(s, b));
        let at = self.text.origin(at);
        match &right {
            Scalar::Lit(Value::Str(p)) => test(subject, Op::Like(vec![pattern(p)]), EVAL, at),
            _ => test(call("spl-like", vec![subject, right], EVAL), Op::IsTrue, EVAL, at),
        }
    }

    /// Functions that answer a truth.
    fn predicate(&mut self, s: &mut Stream, name: &str, args: &[Eval], e: &Eval) -> Expr {
        let at = self.text.origin(e.span);
        match (name, args) {
            ("true", []) => Expr::TRUE,
            ("false", []) => Expr::FALSE,
            ("like", [a, b]) => self.like(s, a, b, e.span),
            ("in", [a, list @ ..]) => self.is_in(s, a, list, e.span),
            ("isnull", [a]) => test(self.value(s, a), Op::IsNull, EVAL, at),
            ("isnotnull", [a]) => test(self.value(s, a), Op::IsNull, EVAL, at).negate(),
            ("match", [a, b]) => self.regex_match(s, a, b, e.span),
            ("cidrmatch", [net, a]) => self.cidr(s, net, a, e.span),
            ("searchmatch", [text]) => self.search_match(s, text),
            ("if" | "case" | "coalesce" | "validate" | "nullif", _) => {
                let v = self.value(s, e);
                test(v, Op::IsTrue, EVAL, at)
            }
            _ => {
                let v = self.call(s, name, args, e.span);
                test(v, Op::IsTrue, EVAL, at)
            }
        }
    }

    fn regex_match(&mut self, s: &mut Stream, a: &Eval, b: &Eval, at: Span) -> Expr {
        let (subject, right) = (self.value(s, a), self.value(s, b));
        let place = self.text.origin(at);
        match &right {
            Scalar::Lit(Value::Str(p)) => {
                let r = self.checked(p, b.span);
                test(subject, Op::Regex(vec![r]), EVAL, place)
            }
            _ => test(call("spl-match", vec![subject, right], EVAL), Op::IsTrue, EVAL, place),
        }
    }

    /// A regular expression; one that cannot be used is an error.
    pub fn checked(&mut self, pattern: &str, at: Span) -> Regex {
        let r = Regex { source: pattern.to_owned(), multi_line: false, dot_all: false, whole: false };
        if let Err(e) = check_regex(&r, &EVAL) {
            self.error("bad-regex", format!("the regular expression cannot be used: {e}"), at);
        }
        r
    }

    fn cidr(&mut self, s: &mut Stream, net: &Eval, a: &Eval, at: Span) -> Expr {
        let (net_value, subject) = (self.value(s, net), self.value(s, a));
        let place = self.text.origin(at);
        match &net_value {
            Scalar::Lit(Value::Str(t)) => match t.trim().parse::<IpNet>() {
                Ok(n) => test(subject, Op::Cidr(vec![n]), EVAL, place),
                Err(_) => {
                    self.error("bad-network", format!("{t:?} is no network"), net.span);
                    Expr::FALSE
                }
            },
            _ => test(call("spl-cidr", vec![net_value, subject], EVAL), Op::IsTrue, EVAL, place),
        }
    }

    fn search_match(&mut self, s: &mut Stream, text: &Eval) -> Expr {
        let EvalKind::Lit(Value::Str(t)) = &text.kind else {
            self.error("unsupported", "searchmatch needs a text that does not change", text.span);
            return Expr::FALSE;
        };
        let mut said = Vec::new();
        let inner = crate::parse::body(&format!("search {t}"), &mut said);
        let condition = match inner.commands.first().map(|c| &c.kind) {
            Some(crate::ast::Kind::Search(e)) if said.is_empty() => strip(e, text.span),
            _ => {
                self.error("bad-search", "the text of searchmatch cannot be read", text.span);
                return Expr::FALSE;
            }
        };
        self.condition(s, &condition)
    }

    /// A function.
    fn call(&mut self, s: &mut Stream, name: &str, args: &[Eval], at: Span) -> Scalar {
        let Some((_, arity, meaning)) = functions::TABLE.iter().find(|(n, ..)| *n == name) else {
            self.error(
                "unknown-function",
                format!("there is no function {name}, or it is not supported"),
                at,
            );
            return Scalar::Lit(Value::Null);
        };
        if args.len() < arity.0 || args.len() > arity.1 {
            self.error("wrong-arguments", format!("{name} does not take {} arguments", args.len()), at);
            return Scalar::Lit(Value::Null);
        }
        match meaning {
            Meaning::Call(f) => {
                let args = args.iter().map(|a| self.value(s, a)).collect();
                call(f, args, EVAL)
            }
            Meaning::Truth => {
                let e = Eval { kind: EvalKind::Call(name.to_owned(), args.to_vec()), span: at };
                Scalar::Truth(Box::new(self.predicate(s, name, args, &e)))
            }
            Meaning::Special => self.special(s, name, args),
        }
    }

    fn special(&mut self, s: &mut Stream, name: &str, args: &[Eval]) -> Scalar {
        match (name, args) {
            ("if", [c, a, b]) => {
                let arm = (self.truth(s, c), self.value(s, a));
                Scalar::Case(vec![arm], Some(Box::new(self.value(s, b))))
            }
            ("case", _) => {
                let arms = args.chunks_exact(2).filter_map(|p| match p {
                    [c, v] => Some((self.truth(s, c), self.value(s, v))),
                    _ => None,
                });
                Scalar::Case(arms.collect(), None)
            }
            // The first condition that does not hold gives its value.
            ("validate", _) => {
                let arms = args.chunks_exact(2).filter_map(|p| match p {
                    [c, v] => Some((self.truth(s, c).negate(), self.value(s, v))),
                    _ => None,
                });
                Scalar::Case(arms.collect(), None)
            }
            ("nullif", [a, b]) => {
                let (a, b) = (self.value(s, a), self.value(s, b));
                let same = compare(CmpOp::Eq, a.clone(), b, Span::default());
                Scalar::Case(vec![(same, Scalar::Lit(Value::Null))], Some(Box::new(a)))
            }
            ("null", _) => Scalar::Lit(Value::Null),
            ("now" | "time", _) => call("epoch-seconds", vec![Scalar::Var(Arc::from(NOW))], EVAL),
            ("pi", _) => Scalar::Lit(Value::F64(std::f64::consts::PI)),
            ("exact", [a]) => self.value(s, a),
            ("mvfilter", [e]) => self.each(s, None, e),
            ("mvmap", [list, e]) => self.each(s, Some(list), e),
            _ => Scalar::Lit(Value::Null),
        }
    }

    /// `mvfilter(condition)` and `mvmap(field, expression)`: the field they name stands for one of its values.
    fn each(&mut self, s: &mut Stream, list: Option<&Eval>, e: &Eval) -> Scalar {
        let name = match list {
            Some(Eval { kind: EvalKind::Field(name, _), .. }) => Some(name.clone()),
            Some(_) => None,
            None => first_field(e),
        };
        let Some(name) = name else {
            self.error("unsupported", "this needs the name of a field with several values", e.span);
            return Scalar::Lit(Value::Null);
        };
        let values = s.field(&name);
        let element = Scalar::Var(Arc::from(&*name));
        let (body, gives) = match list {
            None => (self.truth(s, e), element.clone()),
            Some(_) => (Expr::TRUE, self.value(s, e)),
        };
        let body = swap::expr(body, &values, &element);
        let gives = EachGives::Values(swap::scalar(gives, &values, &element));
        let var = Arc::from(&*name);
        Scalar::Each(Box::new(Each { var, list: values, members: vec![], body, gives }))
    }
}

/// The places of a condition that was read out of a text are those of the text.
fn strip(e: &Search, at: Span) -> Search {
    let word = |w: &Word| Word { span: at, ..w.clone() };
    match e {
        Search::And(v) => Search::And(v.iter().map(|e| strip(e, at)).collect()),
        Search::Or(v) => Search::Or(v.iter().map(|e| strip(e, at)).collect()),
        Search::Not(e) => Search::Not(Box::new(strip(e, at))),
        Search::Compare { field, op, value } => {
            Search::Compare { field: word(field), op: *op, value: word(value) }
        }
        Search::In { field, values } => {
            Search::In { field: word(field), values: values.iter().map(word).collect() }
        }
        Search::Term { text, cased } => Search::Term { text: word(text), cased: *cased },
        Search::Sub(p) => Search::Sub(p.clone()),
    }
}

/// Puts the element of a list in the place of the list.
mod swap {
    use shikra_ir::{Call, Expr, Op, Scalar, Test};

    pub fn expr(e: Expr, from: &Scalar, to: &Scalar) -> Expr {
        let all = |v: Vec<Expr>| v.into_iter().map(|e| expr(e, from, to)).collect();
        match e {
            Expr::And(v) => Expr::And(all(v)),
            Expr::Or(v) => Expr::Or(all(v)),
            Expr::Not(e) => Expr::Not(Box::new(expr(*e, from, to))),
            Expr::Test(t) => {
                let op = match t.op {
                    Op::Compare(op, right) => Op::Compare(op, scalar(right, from, to)),
                    other => other,
                };
                Expr::Test(Test { subject: scalar(t.subject, from, to), op, ..t })
            }
            other => other,
        }
    }

    pub fn scalar(s: Scalar, from: &Scalar, to: &Scalar) -> Scalar {
        if s == *from {
            return to.clone();
        }
        match s {
            Scalar::Call(c) => {
                let args = c.args.into_iter().map(|a| scalar(a, from, to)).collect();
                Scalar::Call(Call { args, ..c })
            }
            Scalar::Case(arms, other) => {
                let arms = arms.into_iter().map(|(c, v)| (expr(c, from, to), scalar(v, from, to)));
                Scalar::Case(arms.collect(), other.map(|o| Box::new(scalar(*o, from, to))))
            }
            Scalar::Truth(e) => Scalar::Truth(Box::new(expr(*e, from, to))),
            other => other,
        }
    }
}

/// The first field that an expression names.
fn first_field(e: &Eval) -> Option<String> {
    match &e.kind {
        EvalKind::Field(name, _) => Some(name.clone()),
        EvalKind::Lit(_) => None,
        EvalKind::Call(_, v) | EvalKind::And(v) | EvalKind::Or(v) => v.iter().find_map(first_field),
        EvalKind::Not(a) => first_field(a),
        EvalKind::Xor(a, b)
        | EvalKind::Compare(_, a, b)
        | EvalKind::Like(a, b)
        | EvalKind::Arith(_, a, b) => first_field(a).or_else(|| first_field(b)),
        EvalKind::In(a, v) => first_field(a).or_else(|| v.iter().find_map(first_field)),
    }
}

/// A comparison. Text that is no number is compared as a pattern, which the matcher looks for in many rules at
/// once.
fn compare(op: CmpOp, left: Scalar, right: Scalar, at: Span) -> Expr {
    match (op, &right) {
        (CmpOp::Eq, Scalar::Lit(Value::Str(t))) if t.trim().parse::<f64>().is_err() => {
            test(left, Op::Like(vec![shikra_ir::Pattern::exact(t)]), EVAL, at)
        }
        _ => test(left, Op::Compare(op, right), EVAL, at),
    }
}
