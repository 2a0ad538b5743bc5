//! Expressions and predicates, with Spark's meaning: three-valued logic, text compared as it is, text beside a
//! number compared as numbers.

use shikra_event::{Timestamp, Value};
use shikra_ir::{
    Call, CmpOp, Coerce, Expr as Pred, Flavor, Fold, Func, Multi, Nulls, Op, Opaque, Pattern, Regex, Scalar,
    Test, Truth, Words, eval,
};
use shikra_syntax::{Diagnostic, Span};
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, DateTimeField, Expr, Ident, Spanned, Subscript, TrimWhereField,
    UnaryOperator, Value as Literal,
};

use crate::lower::{Groups, Lower};
use crate::scope::{Found, Scope, column};
use crate::{call, text};

/// Nesting that is followed: sqlparser bounds what is in parentheses, not what is chained.
const MAX_DEPTH: usize = 200;

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub scope: Scope<'a>,
    /// After grouping: expressions that are columns now.
    pub groups: Option<&'a Groups>,
    pub depth: usize,
}

pub(crate) fn lit(v: impl Into<Value>) -> Scalar {
    Scalar::Lit(v.into())
}

/// Comparison of text and of values of one type.
pub(crate) fn words() -> Words {
    Words {
        fold: Fold::None,
        null: Nulls::Three,
        multi: Multi::Any,
        coerce: Coerce::Stringify,
        regex: Flavor::Java,
    }
}

fn numeric() -> Words {
    Words { coerce: Coerce::NumericIfBoth, ..words() }
}

/// A call of a function of the IR's table.
pub(crate) fn function(name: &str, args: Vec<Scalar>) -> Scalar {
    match Func::named(name) {
        Some(func) => Scalar::Call(Call { func, args, words: words() }),
        None => lit(Value::Null),
    }
}

pub(crate) fn test(subject: Scalar, op: Op, words: Words, span: Span) -> Pred {
    Pred::Test(Test { subject, op, words, span })
}

impl Lower<'_> {
    pub fn span(&self, e: &impl Spanned) -> Span {
        self.at.span(e.span())
    }

    /// Names an unsupported construct.
    pub fn opaque(&mut self, reason: impl Into<String>, span: Span) -> Pred {
        let reason = reason.into();
        self.unsupported = true;
        self.say(Diagnostic::warning("unsupported", reason.clone(), span));
        Pred::Opaque(Opaque { reason, span })
    }

    fn opaque_value(&mut self, reason: impl Into<String>, span: Span) -> Scalar {
        Scalar::Truth(Box::new(self.opaque(reason, span)))
    }

    fn deeper<'p>(&mut self, e: &Expr, p: Place<'p>) -> Option<Place<'p>> {
        if p.depth >= MAX_DEPTH {
            let span = self.span(e);
            self.say(Diagnostic::error("syntax", "nested too deeply", span));
            return None;
        }
        Some(Place { depth: p.depth + 1, ..p })
    }

    /// The truth of an expression.
    pub fn predicate(&mut self, e: &Expr, place: Place<'_>) -> Pred {
        let Some(p) = self.deeper(e, place) else { return Pred::FALSE };
        if let Some(known) = p.groups.and_then(|g| g.column_of(e)) {
            return test(known, Op::IsTrue, words(), self.span(e));
        }
        let span = self.span(e);
        match e {
            Expr::Nested(inner) => self.predicate(inner, p),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => {
                Pred::and(chain(e, &BinaryOperator::And).into_iter().map(|e| self.predicate(e, p)))
            }
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => {
                Pred::or(chain(e, &BinaryOperator::Or).into_iter().map(|e| self.predicate(e, p)))
            }
            Expr::BinaryOp { left, op, right } => match comparison(op) {
                Some(op) => self.comparison(op, left, right, span, p),
                None if *op == BinaryOperator::Spaceship => self.same(left, right, span, p),
                None => self.is_true(e, p),
            },
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr } => {
                self.predicate(expr, p).negate()
            }
            Expr::IsNull(x) => self.is_null(x, span, p),
            Expr::IsNotNull(x) => self.is_null(x, span, p).negate(),
            Expr::IsTrue(x) => self.certain(x, true, p),
            Expr::IsNotTrue(x) => self.certain(x, true, p).negate(),
            Expr::IsFalse(x) => self.certain(x, false, p),
            Expr::IsNotFalse(x) => self.certain(x, false, p).negate(),
            Expr::IsUnknown(x) => self.is_null(x, span, p),
            Expr::IsNotUnknown(x) => self.is_null(x, span, p).negate(),
            Expr::IsNotDistinctFrom(l, r) => self.same(l, r, span, p),
            Expr::IsDistinctFrom(l, r) => self.same(l, r, span, p).negate(),
            Expr::InList { expr, list, negated } => {
                let any = Pred::or(list.iter().map(|v| self.comparison(CmpOp::Eq, expr, v, span, p)));
                negate_if(*negated, grouped(any))
            }
            Expr::Between { expr, negated, low, high } => {
                let least = self.comparison(CmpOp::Ge, expr, low, span, p);
                let most = self.comparison(CmpOp::Le, expr, high, span, p);
                negate_if(*negated, Pred::and([least, most]))
            }
            Expr::Like { negated, any, expr, pattern, escape_char } => {
                let like = Like { any: *any, fold: Fold::None, escape: escape_char.as_deref() };
                let found = self.like(&like, expr, pattern, span, p);
                negate_if(*negated, found)
            }
            Expr::ILike { negated, any, expr, pattern, escape_char } => {
                let like = Like { any: *any, fold: Fold::Unicode, escape: escape_char.as_deref() };
                let found = self.like(&like, expr, pattern, span, p);
                negate_if(*negated, found)
            }
            Expr::RLike { negated, expr, pattern, .. } => {
                let found = self.rlike(expr, pattern, span, p);
                negate_if(*negated, found)
            }
            Expr::Value(v) => match v.value {
                Literal::Boolean(b) => Pred::Const(Truth::of(b)),
                Literal::Null => Pred::Const(Truth::Unknown),
                _ => self.is_true(e, p),
            },
            Expr::InSubquery { .. } | Expr::Exists { .. } => {
                self.opaque("a subquery that is not one of the conditions joined by AND in WHERE", span)
            }
            _ => self.is_true(e, p),
        }
    }

    fn is_true(&mut self, e: &Expr, p: Place<'_>) -> Pred {
        let span = self.span(e);
        match self.scalar(e, p) {
            Scalar::Truth(inner) => *inner,
            other => {
                let other = function("convert", vec![other, lit("boolean")]);
                test(other, Op::IsTrue, words(), span)
            }
        }
    }

    fn is_null(&mut self, e: &Expr, span: Span, p: Place<'_>) -> Pred {
        let subject = self.scalar(e, p);
        test(subject, Op::IsNull, words(), span)
    }

    /// `IS TRUE`, `IS FALSE`: never unknown.
    fn certain(&mut self, e: &Expr, wanted: bool, p: Place<'_>) -> Pred {
        let span = self.span(e);
        let inner = self.predicate(e, p);
        let inner = if wanted { inner } else { inner.negate() };
        test(Scalar::Truth(Box::new(inner)), Op::IsTrue, Words { null: Nulls::Two, ..words() }, span)
    }

    /// `<=>`: null equals null.
    fn same(&mut self, l: &Expr, r: &Expr, span: Span, p: Place<'_>) -> Pred {
        let both = Pred::and([self.is_null(l, span, p), self.is_null(r, span, p)]);
        let equal = self.comparison(CmpOp::Eq, l, r, span, p);
        let known =
            test(Scalar::Truth(Box::new(equal)), Op::IsTrue, Words { null: Nulls::Two, ..words() }, span);
        Pred::or([both, known])
    }

    fn comparison(&mut self, op: CmpOp, l: &Expr, r: &Expr, span: Span, p: Place<'_>) -> Pred {
        let (left, right) = (self.scalar(l, p), self.scalar(r, p));
        if let (Scalar::Lit(Value::Str(text)), Scalar::Lit(_)) = (&left, &right) {
            let message = format!("compares the text {text:?} with a constant: the same for every event");
            let said = Diagnostic::warning("constant-condition", message, span);
            self.say(said.with_help("columns stand in `backticks`"));
        }
        compare(op, left, right, span)
    }

    fn like(&mut self, like: &Like<'_>, e: &Expr, pattern: &Expr, span: Span, p: Place<'_>) -> Pred {
        let subject = self.scalar(e, p);
        let escape = like.escape.map(|e| self.scalar(e, p));
        let escape = match &escape {
            Some(Scalar::Lit(Value::Str(s))) => s.chars().next().unwrap_or('\0'),
            _ => '\\',
        };
        let listed = match pattern {
            Expr::Tuple(all) if like.any => all.iter().collect(),
            one => vec![one],
        };
        let mut patterns = Vec::new();
        for one in listed {
            match self.scalar(one, p) {
                Scalar::Lit(Value::Str(s)) => patterns.push(text::like(&s, escape)),
                Scalar::Lit(Value::Null) => return Pred::Const(Truth::Unknown),
                _ => return self.opaque("LIKE with a pattern that is not constant", span),
            }
        }
        matches(subject, patterns, like.fold, span)
    }

    fn rlike(&mut self, e: &Expr, pattern: &Expr, span: Span, p: Place<'_>) -> Pred {
        let subject = self.scalar(e, p);
        match self.scalar(pattern, p) {
            Scalar::Lit(Value::Str(s)) => self.regex_test(subject, &s, span.to(self.span(pattern))),
            Scalar::Lit(Value::Null) => Pred::Const(Truth::Unknown),
            _ => self.opaque("RLIKE with a pattern that is not constant", span),
        }
    }

    pub fn regex_test(&mut self, subject: Scalar, source: &str, span: Span) -> Pred {
        match self.regex(source, span) {
            Ok(source) => {
                let r = Regex { source, multi_line: false, dot_all: false, whole: false };
                test(subject, Op::Regex(vec![r]), words(), span)
            }
            Err(why) => self.opaque(format!("regular expression {source:?}: {why}"), span),
        }
    }

    /// A regular expression that compiles. Where one does not because of a backslash before a letter, the
    /// backslash is taken for itself, with a warning: paths are often written so.
    pub fn regex(&mut self, source: &str, span: Span) -> Result<String, String> {
        let check = |source: &str| {
            let r = Regex { source: source.to_owned(), multi_line: false, dot_all: false, whole: false };
            eval::check_regex(&r, &words()).map_err(|e| e.lines().last().unwrap_or_default().to_owned())
        };
        let Err(why) = check(source) else { return Ok(source.to_owned()) };
        let mended = literal_backslashes(source);
        check(&mended).map_err(|_| why)?;
        let message = format!("{source:?} is no Java regular expression; read as {mended:?}");
        self.say(Diagnostic::warning("mended-regex", message, span));
        Ok(mended)
    }

    /// The value of an expression.
    pub fn scalar(&mut self, e: &Expr, place: Place<'_>) -> Scalar {
        let Some(p) = self.deeper(e, place) else { return lit(Value::Null) };
        if let Some(known) = p.groups.and_then(|g| g.column_of(e)) {
            return known;
        }
        match e {
            Expr::Nested(inner) => self.scalar(inner, p),
            Expr::Identifier(name) => self.name(std::slice::from_ref(name), p),
            Expr::CompoundIdentifier(parts) => self.name(parts, p),
            Expr::Value(v) => self.literal(&v.value, e),
            Expr::TypedString(t) => {
                let (value, kind) = (self.literal(&t.value.value, e), type_name(&t.data_type));
                self.converted(value, kind, e)
            }
            Expr::Cast { expr, data_type, .. } => {
                let value = self.scalar(expr, p);
                self.converted(value, type_name(data_type), e)
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match self.scalar(expr, p) {
                Scalar::Lit(Value::I64(n)) => lit(n.saturating_neg()),
                Scalar::Lit(Value::F64(n)) => lit(Value::F64(-n)),
                other => function("subtract", vec![lit(0), other]),
            },
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.scalar(expr, p),
            Expr::BinaryOp { left, op, right } => match operator(op) {
                Some(name) => self.arithmetic(name, left, right, p),
                None => self.truth_value(e, p),
            },
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, e, p),
            Expr::Function(f) => self.call(f, e, p),
            Expr::Case { operand, conditions, else_result, .. } => {
                let arms = conditions.iter().map(|arm| {
                    let when = match operand {
                        Some(o) => self.comparison(CmpOp::Eq, o, &arm.condition, Span::default(), p),
                        None => self.predicate(&arm.condition, p),
                    };
                    (when, self.scalar(&arm.result, p))
                });
                let arms = arms.collect();
                let other = else_result.as_ref().map(|o| Box::new(self.scalar(o, p)));
                Scalar::Case(arms, other)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let from = substring_from.as_ref().map_or(lit(1), |f| self.scalar(f, p));
                let mut args = vec![self.scalar(expr, p), from];
                args.extend(substring_for.as_ref().map(|n| self.scalar(n, p)));
                function("substring-from-1", args)
            }
            Expr::Trim { trim_where, trim_what, expr, .. } => {
                let mut args = vec![self.scalar(expr, p)];
                args.extend(trim_what.as_ref().map(|w| self.scalar(w, p)));
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "trim-start",
                    Some(TrimWhereField::Trailing) => "trim-end",
                    _ => "trim",
                };
                function(name, args)
            }
            Expr::Position { expr, r#in } => {
                let (what, text) = (self.scalar(expr, p), self.scalar(r#in, p));
                call::position(text, what, None)
            }
            Expr::Ceil { expr, .. } => function("ceiling", vec![self.scalar(expr, p)]),
            Expr::Floor { expr, .. } => function("floor", vec![self.scalar(expr, p)]),
            Expr::Extract { field, expr, .. } => self.part_of_time(field, expr, e, p),
            Expr::Subquery(_) => self.opaque_value("a subquery as a value", self.at.span(e.span())),
            Expr::Interval(_) => self.opaque_value("INTERVAL", self.at.span(e.span())),
            Expr::Tuple(_) | Expr::Array(_) | Expr::Struct { .. } | Expr::Map(_) | Expr::Lambda(_) => {
                self.opaque_value(format!("{e}"), self.at.span(e.span()))
            }
            _ => self.truth_value(e, p),
        }
    }

    /// A predicate as a value; what is neither is unsupported.
    fn truth_value(&mut self, e: &Expr, p: Place<'_>) -> Scalar {
        let is_predicate = matches!(
            e,
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Spaceship, .. }
                | Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, .. }
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsNotTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsNotFalse(_)
                | Expr::IsUnknown(_)
                | Expr::IsNotUnknown(_)
                | Expr::IsDistinctFrom(..)
                | Expr::IsNotDistinctFrom(..)
                | Expr::InList { .. }
                | Expr::InSubquery { .. }
                | Expr::Exists { .. }
                | Expr::Between { .. }
                | Expr::Like { .. }
                | Expr::ILike { .. }
                | Expr::RLike { .. }
        ) || matches!(e, Expr::BinaryOp { op, .. } if comparison(op).is_some());
        if is_predicate {
            return Scalar::Truth(Box::new(self.predicate(e, p)));
        }
        self.opaque_value(format!("{e}"), self.at.span(e.span()))
    }

    fn arithmetic(&mut self, name: &str, l: &Expr, r: &Expr, p: Place<'_>) -> Scalar {
        let number = |s: Scalar| match s {
            Scalar::Lit(Value::I64(_) | Value::F64(_)) => s,
            s if name == "concat" || name == "divide-real" => s,
            s => function("number", vec![s]),
        };
        let args = vec![number(self.scalar(l, p)), number(self.scalar(r, p))];
        function(name, args)
    }

    /// `x[i]` on a list, `x.y` on an object.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr], e: &Expr, p: Place<'_>) -> Scalar {
        let span = self.span(e);
        let mut parts: Vec<Ident> = match root {
            Expr::Identifier(i) => vec![i.clone()],
            Expr::CompoundIdentifier(v) => v.clone(),
            _ => vec![],
        };
        let fields = chain.iter().take_while(|a| matches!(a, AccessExpr::Dot(_))).count();
        let (dots, rest) = chain.split_at(fields);
        for dot in dots {
            match dot {
                AccessExpr::Dot(Expr::Identifier(i)) if !parts.is_empty() => parts.push(i.clone()),
                // `a.'name'`: an identifier in the wrong quotes.
                AccessExpr::Dot(Expr::Value(v)) if !parts.is_empty() => {
                    let Literal::SingleQuotedString(s) = &v.value else {
                        return self.opaque_value(format!("{e}"), span);
                    };
                    let message = format!("'{s}' is a text; read as the column `{s}`");
                    self.say(Diagnostic::warning("quoted-column", message, span));
                    parts.push(Ident::new(s));
                }
                _ => return self.opaque_value(format!("{e}"), span),
            }
        }
        let mut value = if parts.is_empty() { self.scalar(root, p) } else { self.name(&parts, p) };
        for access in rest {
            match access {
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    value = function("element", vec![value, self.scalar(index, p)]);
                }
                _ => return self.opaque_value(format!("{e}"), span),
            }
        }
        value
    }

    fn name(&mut self, parts: &[Ident], p: Place<'_>) -> Scalar {
        let span = parts.iter().map(|i| self.at.span(i.span)).reduce(Span::to).unwrap_or_default();
        if let Some(Ident { quote_style: Some('\''), value, .. }) = parts.last() {
            let message = format!("'{value}' is a text; read as the column `{value}`");
            self.say(Diagnostic::warning("quoted-column", message, span));
        }
        let names: Vec<&str> = parts.iter().map(|i| i.value.as_str()).collect();
        if p.groups.is_some() {
            let message = format!("{} is neither grouped by nor aggregated", names.join("."));
            self.say(Diagnostic::error("not-grouped", message, span));
            return lit(Value::Null);
        }
        match p.scope.find(&names) {
            Found::Value(s) => s,
            Found::Ambiguous(s) => {
                let message =
                    format!("{} may be a column of several tables; taken from the first", names.join("."));
                self.say(Diagnostic::warning("ambiguous-column", message, span));
                s
            }
            Found::Unknown => {
                let message = format!("no table here has a column {}", names.join("."));
                self.say(Diagnostic::warning("unknown-column", message, span));
                column(&names.join("."))
            }
        }
    }

    fn literal(&mut self, v: &Literal, e: &Expr) -> Scalar {
        match v {
            Literal::Number(n, _) => number(n).map_or_else(
                || self.opaque_value(format!("the number {n}"), self.at.span(e.span())),
                Scalar::Lit,
            ),
            Literal::SingleQuotedString(s) => lit(text::unescape(s, '\'').as_str()),
            Literal::DoubleQuotedString(s) => lit(text::unescape(s, '"').as_str()),
            Literal::SingleQuotedRawStringLiteral(s) | Literal::DoubleQuotedRawStringLiteral(s) => {
                lit(s.as_str())
            }
            Literal::Boolean(b) => lit(*b),
            Literal::Null => lit(Value::Null),
            other => self.opaque_value(format!("the literal {other}"), self.at.span(e.span())),
        }
    }

    fn converted(&mut self, value: Scalar, kind: Option<&'static str>, e: &Expr) -> Scalar {
        match (kind, value) {
            (Some("time"), Scalar::Lit(Value::Str(s))) => {
                Timestamp::parse(&s).map_or(lit(Value::Null), |t| lit(Value::Time(t)))
            }
            (Some(kind), value) => function("convert", vec![value, lit(kind)]),
            (None, _) => self.opaque_value(format!("the type in {e}"), self.at.span(e.span())),
        }
    }

    fn part_of_time(&mut self, field: &DateTimeField, of: &Expr, e: &Expr, p: Place<'_>) -> Scalar {
        let part = match field {
            DateTimeField::Year | DateTimeField::Years => "year",
            DateTimeField::Month | DateTimeField::Months => "month",
            DateTimeField::Week(_) | DateTimeField::Weeks => "week",
            DateTimeField::Day | DateTimeField::Days => "day",
            DateTimeField::Hour | DateTimeField::Hours => "hour",
            DateTimeField::Minute | DateTimeField::Minutes => "minute",
            _ => return self.opaque_value(format!("{e}"), self.at.span(e.span())),
        };
        function("time-part", vec![self.scalar(of, p), lit(part)])
    }
}

struct Like<'e> {
    any: bool,
    fold: Fold,
    escape: Option<&'e Expr>,
}

/// The operands of a chain of one operator, in order, however long.
pub(crate) fn chain<'e>(e: &'e Expr, wanted: &BinaryOperator) -> Vec<&'e Expr> {
    let mut out = Vec::new();
    let mut open = vec![e];
    while let Some(e) = open.pop() {
        match e {
            Expr::BinaryOp { left, op, right } if op == wanted => open.extend([&**right, &**left]),
            Expr::Nested(inner) if matches!(&**inner, Expr::BinaryOp { op, .. } if op == wanted) => {
                open.push(inner)
            }
            other => out.push(other),
        }
    }
    out
}

fn negate_if(negated: bool, p: Pred) -> Pred {
    if negated { p.negate() } else { p }
}

/// Alternatives that are one test on the same subject, as one.
fn grouped(any: Pred) -> Pred {
    let Pred::Or(parts) = any else { return any };
    let mut patterns = Vec::new();
    let mut first: Option<&Test> = None;
    for p in &parts {
        match p {
            Pred::Test(t) if first.is_none_or(|f| f.subject == t.subject && f.words == t.words) => {
                let Op::Like(more) = &t.op else { return Pred::Or(parts) };
                patterns.extend(more.iter().cloned());
                first.get_or_insert(t);
            }
            _ => return Pred::Or(parts),
        }
    }
    match first {
        Some(t) => Pred::Test(t.asking(Op::Like(patterns))),
        None => Pred::Or(parts),
    }
}

/// A comparison of values, the constant, if any, moved to the right.
pub(crate) fn compare(op: CmpOp, left: Scalar, right: Scalar, span: Span) -> Pred {
    let constant = |s: &Scalar| matches!(s, Scalar::Lit(_));
    if constant(&left) && !constant(&right) {
        return compare(op.mirrored(), right, left, span);
    }
    if op == CmpOp::Ne {
        return compare(CmpOp::Eq, left, right, span).negate();
    }
    match &right {
        Scalar::Lit(Value::Null) => Pred::Const(Truth::Unknown),
        Scalar::Lit(Value::Str(s)) if op == CmpOp::Eq => {
            matches(left, vec![Pattern::exact(s)], Fold::None, span)
        }
        Scalar::Lit(Value::I64(_) | Value::F64(_)) => test(left, Op::Compare(op, right), numeric(), span),
        _ if is_number(&left) || is_number(&right) => test(left, Op::Compare(op, right), numeric(), span),
        _ => test(left, Op::Compare(op, right), words(), span),
    }
}

/// Pattern matching; what is asked of a lower-cased text is asked of the text, case ignored.
fn matches(subject: Scalar, patterns: Vec<Pattern>, fold: Fold, span: Span) -> Pred {
    let lower = |p: &Pattern| p.map(str::to_lowercase) == *p;
    if let Scalar::Call(c) = &subject
        && c.func.0.name == "lower"
        && patterns.iter().all(lower)
        && let Some(inner) = c.args.first()
    {
        return test(inner.clone(), Op::Like(patterns), Words { fold: Fold::Unicode, ..words() }, span);
    }
    test(subject, Op::Like(patterns), Words { fold, ..words() }, span)
}

/// Whether a value is a number whatever the row.
fn is_number(s: &Scalar) -> bool {
    const NUMBERS: &[&str] = &[
        "add",
        "subtract",
        "multiply",
        "divide-real",
        "divide-trunc",
        "modulo",
        "length",
        "index-of",
        "number",
        "round",
        "floor",
        "ceiling",
        "absolute",
        "time-part",
        "unix-seconds",
    ];
    match s {
        Scalar::Lit(Value::I64(_) | Value::F64(_)) => true,
        Scalar::Call(c) if c.func.0.name == "convert" => {
            matches!(c.args.get(1), Some(Scalar::Lit(Value::Str(k))) if matches!(&**k, "integer" | "double"))
        }
        Scalar::Call(c) => NUMBERS.contains(&c.func.0.name),
        _ => false,
    }
}

fn number(text: &str) -> Option<Value> {
    text.parse().map(Value::I64).ok().or_else(|| {
        let n: f64 = text.parse().ok()?;
        n.is_finite().then_some(Value::F64(n))
    })
}

fn comparison(op: &BinaryOperator) -> Option<CmpOp> {
    Some(match op {
        BinaryOperator::Eq => CmpOp::Eq,
        BinaryOperator::NotEq => CmpOp::Ne,
        BinaryOperator::Lt => CmpOp::Lt,
        BinaryOperator::LtEq => CmpOp::Le,
        BinaryOperator::Gt => CmpOp::Gt,
        BinaryOperator::GtEq => CmpOp::Ge,
        _ => return None,
    })
}

fn operator(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Plus => "add",
        BinaryOperator::Minus => "subtract",
        BinaryOperator::Multiply => "multiply",
        BinaryOperator::Divide => "divide-real",
        BinaryOperator::Modulo => "modulo",
        BinaryOperator::StringConcat => "concat",
        _ => return None,
    })
}

/// The type that `convert` knows for a type of SQL.
fn type_name(t: &DataType) -> Option<&'static str> {
    let text = t.to_string().to_ascii_uppercase();
    let name = text.split(['(', ' ']).next().unwrap_or_default();
    Some(match name {
        "TINYINT" | "BYTE" | "SMALLINT" | "SHORT" | "INT" | "INTEGER" | "BIGINT" | "LONG" => "integer",
        "DOUBLE" | "FLOAT" | "REAL" | "DECIMAL" | "NUMERIC" | "DEC" => "double",
        "STRING" | "VARCHAR" | "CHAR" | "TEXT" => "text",
        "BOOLEAN" | "BOOL" => "boolean",
        "TIMESTAMP" | "DATETIME" => "time",
        "DATE" => "date",
        _ => return None,
    })
}

/// A regular expression whose backslashes before letters that Java has no escape for stand for themselves: one
/// alone is doubled, one after others goes.
fn literal_backslashes(source: &str) -> String {
    const ESCAPES: &str = "tnrfaexucdDhHsSvVwWbBAGZzRXkQEpP";
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut run = 1;
        while chars.next_if_eq(&'\\').is_some() {
            run += 1;
        }
        let stray = match chars.peek() {
            Some(n) => n.is_ascii_alphabetic() && !ESCAPES.contains(*n),
            None => true,
        };
        match (run % 2, stray) {
            (1, true) if run > 1 => run -= 1,
            (1, true) => run += 1,
            _ => {}
        }
        out.extend(std::iter::repeat_n('\\', run));
        // What is escaped does not begin anything.
        if run % 2 == 1 {
            out.extend(chars.next());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::literal_backslashes;

    #[test]
    fn stray_backslashes() {
        for (source, want) in [
            (r"a\\microphone", r"a\\microphone"),
            (r"a\microphone", r"a\\microphone"),
            (r"a\\\microphone", r"a\\microphone"),
            (r"\d\.\\", r"\d\.\\"),
            (r"x\", r"x\\"),
        ] {
            assert_eq!(literal_backslashes(source), want, "{source}");
        }
    }
}
