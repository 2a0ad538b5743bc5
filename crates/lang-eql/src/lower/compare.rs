//! What comparisons mean in each dialect.

use shikra_event::Value;
use shikra_ir::{CmpOp, Expr as Pred, Flavor, Op, Part, Pattern, Regex, Scalar, Truth, Words, eval};
use shikra_syntax::Span;

use super::{Lower, and, negate, or};
use crate::ast::{Expr, Kind, Match, MatchOp};

impl Lower<'_> {
    /// `==`, `!=`, `<` … between two expressions.
    pub(super) fn comparison(&mut self, op: CmpOp, a: &Expr, b: &Expr, span: Span) -> Pred {
        let (left, right) = (self.value(a), self.value(b));
        let constant = |s: &Scalar| matches!(s, Scalar::Lit(_));
        if let (Some(absent), CmpOp::Eq | CmpOp::Ne) = (self.both_absent(a, b, &left, &right), op) {
            let same = or(vec![absent, self.compare(CmpOp::Eq, left, right, span)]);
            return if op == CmpOp::Eq { same } else { negate(same) };
        }
        match constant(&left) && !constant(&right) {
            true => self.compare(op.mirrored(), right, left, span),
            false => self.compare(op, left, right, span),
        }
    }

    /// Two optional fields are also equal where neither is there: Elasticsearch puts null for both.
    fn both_absent(&self, a: &Expr, b: &Expr, left: &Scalar, right: &Scalar) -> Option<Pred> {
        let optional = |e: &Expr| matches!(&e.kind, Kind::Field(f) if f.optional);
        let absent = |s: &Scalar, e: &Expr| self.test(s.clone(), Op::IsNull, self.words(true), e.span);
        (optional(a) && optional(b)).then(|| and(vec![absent(left, a), absent(right, b)]))
    }

    /// A comparison whose constant side, if any, is on the right.
    fn compare(&mut self, op: CmpOp, left: Scalar, right: Scalar, span: Span) -> Pred {
        if op == CmpOp::Ne {
            return negate(self.compare(CmpOp::Eq, left, right, span));
        }
        let equal = op == CmpOp::Eq;
        let words = self.words(self.ignores_case());
        let either_null = |s: &Scalar| matches!(s, Scalar::Lit(Value::Null));
        if either_null(&right) || either_null(&left) {
            let subject = if either_null(&right) { left } else { right };
            return match (equal, &subject) {
                (true, Scalar::Lit(v)) => Pred::Const(Truth::of(v.is_null())),
                (true, _) => self.test(subject, Op::IsNull, self.words(true), span),
                (false, _) => Pred::Const(Truth::Unknown),
            };
        }
        match &right {
            Scalar::Lit(Value::Bool(b)) if equal => self.equals_truth(left, *b, span),
            Scalar::Lit(Value::Str(s)) if equal => {
                let pattern = if self.elastic() { Pattern::exact(s) } else { wild(s, false) };
                self.test(left, Op::Like(vec![pattern]), words, span)
            }
            Scalar::Lit(Value::Str(_)) if self.elastic() && is_version(&left) => {
                let order = self.function("version-order", vec![left, right], false, span);
                let zero = Scalar::Lit(Value::I64(0));
                self.test(order, Op::Compare(op, zero), self.number_words(), span)
            }
            Scalar::Lit(Value::I64(_) | Value::F64(_)) => {
                self.test(left, Op::Compare(op, right), self.number_words(), span)
            }
            _ => self.test(left, Op::Compare(op, right), words, span),
        }
    }

    fn equals_truth(&mut self, left: Scalar, wanted: bool, span: Span) -> Pred {
        match left {
            Scalar::Truth(p) => {
                if wanted {
                    *p
                } else {
                    negate(*p)
                }
            }
            other => {
                let right = Scalar::Lit(Value::Bool(wanted));
                self.test(other, Op::Compare(CmpOp::Eq, right), self.words(true), span)
            }
        }
    }

    /// `:`, `like`, `regex` and `in`.
    pub(super) fn matching(&mut self, m: &Match, span: Span) -> Pred {
        let subject = self.value(&m.subject);
        let values: Vec<Scalar> = m.list.iter().map(|e| self.value(e)).collect();
        match m.op {
            MatchOp::Seq => self.any_of(subject, values, true, |s| wild(s, true), span),
            MatchOp::Like => self.any_of(subject, values, m.insensitive, |s| wild(s, true), span),
            MatchOp::In if self.elastic() => {
                self.any_of(subject, values, m.insensitive, Pattern::exact, span)
            }
            MatchOp::In => {
                let insensitive = m.insensitive || self.ignores_case();
                self.any_of(subject, values, insensitive, |s| wild(s, false), span)
            }
            MatchOp::Regex => {
                let texts: Vec<String> = values.iter().filter_map(literal_text).collect();
                let flavor = if self.elastic() { Flavor::Lucene } else { Flavor::Pcre };
                let words = Words { regex: flavor, ..self.words(m.insensitive) };
                let regexes = texts.into_iter().map(|t| regex(t, !self.elastic())).collect();
                self.regexes(subject, regexes, words, span)
            }
        }
    }

    /// A regular expression test; opaque where one cannot be used.
    pub(super) fn regexes(&mut self, subject: Scalar, all: Vec<Regex>, words: Words, span: Span) -> Pred {
        for r in &all {
            if let Err(why) = eval::check_regex(r, &words) {
                let first = why.lines().last().unwrap_or_default().to_owned();
                return self.opaque(format!("regular expression {:?}: {first}", r.source), span);
            }
        }
        self.test(subject, Op::Regex(all), words, span)
    }

    /// Equality with any of several values: strings as patterns, numbers as numbers, the rest one by one.
    pub(super) fn any_of(
        &mut self,
        subject: Scalar,
        values: Vec<Scalar>,
        insensitive: bool,
        pattern: impl Fn(&str) -> Pattern,
        span: Span,
    ) -> Pred {
        let (mut patterns, mut numbers, mut parts) = (vec![], vec![], vec![]);
        for value in values {
            match value {
                Scalar::Lit(Value::Str(s)) => patterns.push(pattern(&s)),
                Scalar::Lit(n @ (Value::I64(_) | Value::F64(_))) => numbers.push(n),
                other => parts.push(self.compare(CmpOp::Eq, subject.clone(), other, span)),
            }
        }
        if numbers.len() == 1 {
            let right = Scalar::Lit(numbers.remove(0));
            parts.insert(0, self.compare(CmpOp::Eq, subject.clone(), right, span));
        } else if !numbers.is_empty() {
            parts.insert(0, self.test(subject.clone(), Op::In(numbers), self.number_words(), span));
        }
        if !patterns.is_empty() {
            let words = self.words(insensitive);
            parts.insert(0, self.test(subject, Op::Like(patterns), words, span));
        }
        or(parts)
    }
}

/// The text of a constant string.
pub(super) fn literal_text(s: &Scalar) -> Option<String> {
    match s {
        Scalar::Lit(Value::Str(s)) => Some(s.to_string()),
        _ => None,
    }
}

pub(super) fn regex(source: String, whole: bool) -> Regex {
    Regex { source, multi_line: false, dot_all: true, whole }
}

/// `*` for any text and, where `one`, `?` for one character. Neither can be escaped.
pub(super) fn wild(text: &str, one: bool) -> Pattern {
    let mut out = Pattern::default();
    for c in text.chars() {
        match c {
            '*' => out.push(Part::Any),
            '?' if one => out.push(Part::One),
            c => out.push_char(c),
        }
    }
    out
}

/// Elasticsearch orders the fields of its version type by semantic versioning; ECS has none, by habit they are
/// called `version`.
fn is_version(s: &Scalar) -> bool {
    matches!(s, Scalar::Field(f) if &*f.name == "version")
}
