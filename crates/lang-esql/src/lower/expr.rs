//! Expressions and predicates.

use shikra_event::Value;
use shikra_ir::{
    CmpOp, Coerce, Expr as Pred, Flavor, Fold, Multi, Nulls, Op, Pattern, Regex, Scalar, Test, Truth, Words,
    eval,
};
use shikra_syntax::Span;

use super::call::function;
use super::{Lower, lit, words};
use crate::ast::{Expr, Kind};
use crate::words::{is_searched_by_words, word};

fn numeric() -> Words {
    Words { coerce: Coerce::NumericIfBoth, ..words() }
}

pub(super) fn test(subject: Scalar, op: Op, words: Words, span: Span) -> Pred {
    Pred::Test(Test { subject, op, words, span })
}

impl Lower<'_, '_> {
    pub(super) fn opaque(&mut self, reason: impl Into<String>, span: Span) -> Pred {
        Pred::Opaque(self.unsupported(reason, span))
    }

    pub(super) fn opaque_value(&mut self, reason: impl Into<String>, span: Span) -> Scalar {
        Scalar::Truth(Box::new(self.opaque(reason, span)))
    }

    /// The truth of an expression.
    pub(super) fn predicate(&mut self, e: &Expr) -> Pred {
        let span = e.span;
        match &e.kind {
            Kind::And(v) => Pred::and(v.iter().map(|e| self.predicate(e)).collect::<Vec<_>>()),
            Kind::Or(v) => Pred::or(v.iter().map(|e| self.predicate(e)).collect::<Vec<_>>()),
            Kind::Not(e) => self.predicate(e).negate(),
            Kind::Bool(b) => Pred::Const(Truth::of(*b)),
            Kind::Null => Pred::Const(Truth::Unknown),
            Kind::Compare(op, l, r) => {
                let (left, right) = (self.scalar(l), self.scalar(r));
                compare(*op, left, right, span)
            }
            Kind::SameText(l, r) => {
                let subject = self.scalar(l);
                match self.scalar(r) {
                    Scalar::Lit(Value::Str(s)) => {
                        let words = Words { fold: Fold::Unicode, ..words() };
                        test(subject, Op::Like(vec![Pattern::exact(&s)]), words, span)
                    }
                    _ => self.opaque("=~ with what is no constant text", span),
                }
            }
            Kind::In { subject, list, negated } => {
                let subject = self.scalar(subject);
                let values = list.iter().map(|e| self.scalar(e)).collect();
                negate_if(*negated, any_of(subject, values, span))
            }
            Kind::Like { subject, patterns, regex, negated } => {
                let found = self.like(subject, patterns, *regex, span);
                negate_if(*negated, found)
            }
            Kind::IsNull { subject, negated } => {
                let subject = self.scalar(subject);
                negate_if(*negated, test(subject, Op::IsNull, words(), span))
            }
            Kind::Match(field, value) => self.full_text(field, value, span),
            Kind::Call { name, args } => match self.predicate_call(name, args, span) {
                Some(p) => p,
                None => self.is_true(e),
            },
            _ => self.is_true(e),
        }
    }

    fn is_true(&mut self, e: &Expr) -> Pred {
        match self.scalar(e) {
            Scalar::Truth(p) => *p,
            Scalar::Lit(v) if v.is_null() => Pred::Const(Truth::Unknown),
            other => compare(CmpOp::Eq, other, lit(true), e.span),
        }
    }

    fn like(&mut self, subject: &Expr, patterns: &[Expr], regex: bool, span: Span) -> Pred {
        let subject = self.scalar(subject);
        let mut texts = Vec::new();
        for p in patterns {
            match &p.kind {
                Kind::Text(t) => texts.push(t.clone()),
                _ => return self.opaque("a pattern that is not constant", p.span),
            }
        }
        if !regex {
            return matches(subject, texts.iter().map(|t| Pattern::of_glob(t)).collect(), span);
        }
        let words = Words { regex: Flavor::Lucene, ..words() };
        let all: Vec<Regex> = texts
            .into_iter()
            .map(|source| Regex { source, multi_line: false, dot_all: true, whole: true })
            .collect();
        for r in &all {
            if let Err(why) = eval::check_regex(r, &words) {
                let why = why.lines().last().unwrap_or_default().to_owned();
                return self.opaque(format!("regular expression {:?}: {why}", r.source), span);
            }
        }
        if all.iter().any(|r| r.source == ".*") {
            return not_null(subject, span);
        }
        test(subject, Op::Regex(all), words, span)
    }

    /// `field : "text"` and `match(field, "text")`: any of the words in a text field, the value itself elsewhere.
    pub(super) fn full_text(&mut self, field: &Expr, value: &Expr, span: Span) -> Pred {
        let bare = match &field.kind {
            Kind::Cast(inner, _) => inner,
            _ => field,
        };
        let is_text = matches!(&bare.kind, Kind::Field(f) if is_searched_by_words(f));
        let (subject, value) = (self.scalar(bare), self.scalar(value));
        match &value {
            Scalar::Lit(Value::Str(s)) if is_text => {
                let words = s.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
                let how =
                    Words { fold: Fold::Unicode, multi: Multi::Any, regex: Flavor::Rust, ..super::words() };
                test(subject, Op::Regex(words.map(word).collect()), how, span)
            }
            Scalar::Lit(Value::Str(s)) => {
                let words = Words { multi: Multi::Any, ..super::words() };
                test(subject, Op::Like(vec![Pattern::exact(s)]), words, span)
            }
            _ => compare(CmpOp::Eq, subject, value, span),
        }
    }

    /// The value of an expression.
    pub(super) fn scalar(&mut self, e: &Expr) -> Scalar {
        match &e.kind {
            Kind::Null | Kind::Broken => lit(Value::Null),
            Kind::Bool(b) => lit(*b),
            Kind::Int(n) => lit(*n),
            Kind::Float(n) => lit(Value::F64(*n)),
            Kind::Text(t) => lit(t.as_str()),
            Kind::Field(name) => match self.bound.iter().flatten().find(|(n, _)| n == name) {
                Some((_, made)) => made.clone(),
                None => self.resolve(name, e.span),
            },
            Kind::List(v) => self.list(v, e.span),
            Kind::Negate(x) => {
                let x = self.single(x);
                function("subtract", vec![lit(0), x])
            }
            Kind::Arithmetic(op, l, r) => self.arithmetic(*op, l, r),
            Kind::Call { name, args } => self.call(name, args, e.span),
            Kind::Cast(x, kind) => {
                let value = self.scalar(x);
                self.converted(value, kind, e.span)
            }
            Kind::Duration(..) => self.opaque_value("a span of time where a value is expected", e.span),
            Kind::Param(p) => self.opaque_value(format!("the parameter ?{p}"), e.span),
            Kind::Map(_) => self.opaque_value("options where a value is expected", e.span),
            Kind::Star => self.opaque_value("* where a value is expected", e.span),
            Kind::And(_)
            | Kind::Or(_)
            | Kind::Not(_)
            | Kind::Compare(..)
            | Kind::SameText(..)
            | Kind::In { .. }
            | Kind::Like { .. }
            | Kind::IsNull { .. }
            | Kind::Match(..) => Scalar::Truth(Box::new(self.predicate(e))),
        }
    }

    /// A value that counts as null where it is several.
    pub(super) fn single(&mut self, e: &Expr) -> Scalar {
        single(self.scalar(e))
    }

    fn list(&mut self, v: &[Expr], span: Span) -> Scalar {
        let mut out = Vec::new();
        for e in v {
            match self.scalar(e) {
                Scalar::Lit(v) => out.push(v),
                Scalar::Call(c) if c.func.0.name == "subtract" => {
                    let args: Vec<Value> = c.args.iter().filter_map(constant).collect();
                    out.push(c.apply(&args));
                }
                _ => return self.opaque_value("a list of what is not constant", span),
            }
        }
        if out.len() == 1 { Scalar::Lit(out.remove(0)) } else { lit(Value::List(out)) }
    }

    fn arithmetic(&mut self, op: char, l: &Expr, r: &Expr) -> Scalar {
        // A time and a span of time.
        if let (Kind::Duration(n, unit), '+' | '-') = (&r.kind, op) {
            let n = if op == '-' { n.saturating_neg() } else { *n };
            let time = self.single(l);
            return function("time-add", vec![time, lit(n), lit(unit.as_str())]);
        }
        if let (Kind::Duration(n, unit), '+') = (&l.kind, op) {
            let time = self.single(r);
            return function("time-add", vec![time, lit(*n), lit(unit.as_str())]);
        }
        let name = match op {
            '+' => "add",
            '-' => "subtract",
            '*' => "multiply",
            '/' => "divide-trunc",
            _ => "modulo",
        };
        let args = [l, r].map(|e| match self.single(e) {
            s @ Scalar::Lit(_) => s,
            s if is_number(&s) => s,
            s => function("number", vec![s]),
        });
        function(name, args.to_vec())
    }

    pub(super) fn converted(&mut self, value: Scalar, kind: &str, span: Span) -> Scalar {
        let kind = match kind {
            "string" | "keyword" | "text" | "version" => "text",
            "integer" | "int" | "long" | "unsigned_long" | "ul" | "short" | "byte" => "integer",
            "double" | "float" | "half_float" | "scaled_float" => "double",
            "boolean" | "bool" => "boolean",
            "datetime" | "date" | "date_nanos" => "time",
            "ip" => "ip",
            other => return self.opaque_value(format!("the type {other}"), span),
        };
        function("esql-convert", vec![value, lit(kind)])
    }
}

fn constant(s: &Scalar) -> Option<Value> {
    match s {
        Scalar::Lit(v) => Some(v.clone()),
        _ => None,
    }
}

/// Null where there are several values. What cannot be several is left as it is.
pub(super) fn single(s: Scalar) -> Scalar {
    match &s {
        Scalar::Lit(v) if !matches!(v, Value::List(_)) => s,
        Scalar::Truth(_) => s,
        Scalar::Call(c) if c.func.0.name == "single" || is_number(&s) => s,
        _ => function("single", vec![s]),
    }
}

fn negate_if(negated: bool, p: Pred) -> Pred {
    if negated { p.negate() } else { p }
}

/// Whether a value is a number whatever the row.
pub(super) fn is_number(s: &Scalar) -> bool {
    const NUMBERS: &[&str] = &[
        "absolute",
        "add",
        "byte-length",
        "ceiling",
        "divide-real",
        "divide-trunc",
        "floor",
        "index-of",
        "length",
        "modulo",
        "multiply",
        "number",
        "round",
        "subtract",
        "time-difference",
        "time-field",
        "values-count",
    ];
    match s {
        Scalar::Lit(v) => matches!(v, Value::I64(_) | Value::F64(_)),
        Scalar::Call(c) => NUMBERS.contains(&c.func.0.name),
        Scalar::Case(arms, other) => {
            let null = |s: &Scalar| matches!(s, Scalar::Lit(Value::Null));
            let number = |s: &Scalar| null(s) || is_number(s);
            arms.iter().all(|(_, s)| number(s)) && other.as_ref().is_none_or(|o| number(o))
        }
        _ => false,
    }
}

/// A comparison of values, the constant, if any, moved to the right.
pub(super) fn compare(op: CmpOp, left: Scalar, right: Scalar, span: Span) -> Pred {
    let literal = |s: &Scalar| matches!(s, Scalar::Lit(_));
    if literal(&left) && !literal(&right) {
        return compare(op.mirrored(), right, left, span);
    }
    if op == CmpOp::Ne {
        return compare(CmpOp::Eq, left, right, span).negate();
    }
    match &right {
        Scalar::Lit(Value::Null) => Pred::Const(Truth::Unknown),
        Scalar::Lit(Value::Str(s)) if op == CmpOp::Eq => matches(left, vec![Pattern::exact(s)], span),
        _ if is_number(&left) || is_number(&right) => test(left, Op::Compare(op, right), numeric(), span),
        _ => test(left, Op::Compare(op, right), words(), span),
    }
}

/// What matches any text asks only that there is one, as Elasticsearch has it: its negation finds nulls.
fn not_null(subject: Scalar, span: Span) -> Pred {
    test(subject, Op::IsNull, words(), span).negate()
}

/// Pattern matching; what is asked of a lower-cased text is asked of the text, case ignored.
pub(super) fn matches(subject: Scalar, patterns: Vec<Pattern>, span: Span) -> Pred {
    if patterns.iter().any(|p| p.is_any()) {
        return not_null(subject, span);
    }
    let lower = |p: &Pattern| p.map(str::to_lowercase) == *p;
    if let Scalar::Call(c) = &subject
        && c.func.0.name == "lower-each"
        && patterns.iter().all(lower)
        && let Some(inner) = c.args.first()
    {
        return test(inner.clone(), Op::Like(patterns), Words { fold: Fold::Unicode, ..words() }, span);
    }
    test(subject, Op::Like(patterns), words(), span)
}

/// Equality with any of several values.
fn any_of(subject: Scalar, values: Vec<Scalar>, span: Span) -> Pred {
    let (mut texts, mut numbers, mut parts) = (vec![], vec![], vec![]);
    for value in values {
        match value {
            Scalar::Lit(Value::Str(s)) => texts.push(Pattern::exact(&s)),
            Scalar::Lit(n @ (Value::I64(_) | Value::F64(_))) => numbers.push(n),
            other => parts.push(compare(CmpOp::Eq, subject.clone(), other, span)),
        }
    }
    if !numbers.is_empty() {
        parts.insert(0, test(subject.clone(), Op::In(numbers), numeric(), span));
    }
    if !texts.is_empty() {
        parts.insert(0, matches(subject, texts, span));
    }
    Pred::or(parts)
}

/// Never unknown.
pub(super) fn two_valued() -> Words {
    Words { null: Nulls::Two, ..words() }
}
