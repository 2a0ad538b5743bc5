//! From tree to IR: what connectives, groups and nested objects mean. Leaves are in `leaf`.

use std::sync::Arc;

use shikra_event::Value as Datum;
use shikra_ir::{
    CmpOp, Coerce, Each, EachGives, Expr, Flavor, Fold, Multi, Nulls, Op, Opaque, Part, Pattern, Scalar,
    Test, Truth, Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::ast::{Literal, Query, Value};
use crate::{FieldType, Options};

/// Name of the variable that stands for an object of a list.
const OBJECT: &str = "object";

/// The predicate of a query and, where asked for, how far back it looks.
pub(crate) fn query(
    tree: &Query,
    options: &Options<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Expr, Option<i64>) {
    let mut lower = Lower { options, diagnostics, members: Vec::new(), prefix: None };
    let mut since = None;
    let predicate = match tree {
        Query::All(parts) if options.relative_time => {
            let mut kept = Vec::new();
            for part in parts {
                match lookback(part) {
                    Some(span) => since = Some(since.map_or(span, |s: i64| s.min(span))),
                    None => kept.push(lower.query(part)),
                }
            }
            and(kept)
        }
        _ => lower.query(tree),
    };
    (predicate, since)
}

/// How far back `@timestamp >= now-30d` looks.
fn lookback(part: &Query) -> Option<i64> {
    let Query::Field(field, Value::Bound(CmpOp::Ge | CmpOp::Gt, bound)) = part else { return None };
    (field.text()? == "@timestamp").then(|| before_now(bound.text()?))?
}

/// The distance in nanoseconds of a point in the past from the present: `now-30d/d` (the rounding adds up to one
/// unit, which is left out of account).
pub fn before_now(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("now-")?;
    let rest = rest.split('/').next()?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = rest.split_at(digits);
    let seconds: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" | "H" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "M" => 30 * 86_400,
        "y" => 365 * 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

/// What a value is asked of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subject {
    pub(crate) scalar: Scalar,
    /// How it is indexed, where that is known.
    pub(crate) kind: Option<FieldType>,
    /// Members of an object also make it exist: the scalar for them.
    pub(crate) members: Option<Scalar>,
}

pub(crate) struct Lower<'o, 'd> {
    pub(crate) options: &'o Options<'o>,
    pub(crate) diagnostics: &'d mut Vec<Diagnostic>,
    /// Members read of the nested object at hand.
    members: Vec<(Arc<str>, Scalar)>,
    /// Path of the nested object at hand.
    prefix: Option<String>,
}

impl Lower<'_, '_> {
    fn query(&mut self, tree: &Query) -> Expr {
        match tree {
            Query::Everything => Expr::TRUE,
            Query::Any(v) => or(v.iter().map(|q| self.query(q)).collect()),
            Query::All(v) => and(v.iter().map(|q| self.query(q)).collect()),
            Query::Not(q) => not(self.query(q)),
            Query::Field(field, value) => self.field(field, value),
            Query::Bare(value) => match (value, &self.prefix) {
                (Value::One(l), _) if l.is_star() => Expr::TRUE,
                (_, Some(_)) => self.opaque("a value without a field in a nested query", value_span(value)),
                _ => {
                    let any = Subject { scalar: Scalar::AnyField, kind: None, members: None };
                    self.value(&any, value)
                }
            },
            Query::Nested(field, inner) => self.nested(field, inner),
        }
    }

    fn field(&mut self, field: &Literal, value: &Value) -> Expr {
        if field.is_star() {
            return match value {
                Value::One(l) if l.is_star() => Expr::TRUE,
                _ => self.query(&Query::Bare(value.clone())),
            };
        }
        match self.subject(field) {
            Ok(subject) => self.value(&subject, value),
            Err(e) => e,
        }
    }

    fn subject(&mut self, field: &Literal) -> Result<Subject, Expr> {
        let types = self.options.types;
        let Some(name) = field.text() else {
            if self.prefix.is_some() {
                return Err(self.opaque("a wildcard in the name of a member of a nested object", field.span));
            }
            let kinds = types.of_matching(&field.pattern);
            if types.complete && kinds.len() > 1 {
                let message = format!("the fields {} are of several types", field.pattern);
                self.diagnostics.push(Diagnostic::error("field-types", message, field.span));
            }
            let kind = if kinds.len() == 1 && types.complete { kinds.first().copied() } else { None };
            let scalar = Scalar::FieldGlob(self.options.names, field.pattern.clone());
            return Ok(Subject { scalar, kind, members: None });
        };
        let path = self.prefix.as_ref().map_or_else(|| name.to_owned(), |p| format!("{p}.{name}"));
        let kind = types.of(&path);
        if types.complete && kind.is_none() {
            let message = format!("no field {path:?}");
            self.diagnostics.push(Diagnostic::error("unknown-field", message, field.span));
        }
        if self.prefix.is_some() {
            return Ok(Subject { scalar: self.member(name, &path), kind, members: None });
        }
        let scalar = Scalar::field(self.options.names, &path);
        let is_object = match kind {
            None => *types == crate::Types::default(),
            Some(k) => matches!(k, FieldType::Object | FieldType::Nested),
        };
        let members = is_object.then(|| {
            let parts = [Part::Lit(format!("{path}.")), Part::Any];
            Scalar::FieldGlob(self.options.names, Pattern::new(parts))
        });
        Ok(Subject { scalar, kind, members })
    }

    /// The variable for a member of the nested object at hand.
    fn member(&mut self, name: &str, path: &str) -> Scalar {
        let outer = self.prefix.as_deref().unwrap_or_default();
        let below = path.strip_prefix(outer).unwrap_or(name).trim_start_matches('.');
        let var: Arc<str> = format!("{OBJECT}.{below}").into();
        if !self.members.iter().any(|(v, _)| *v == var) {
            self.members.push((var.clone(), Scalar::field(self.options.names, path)));
        }
        Scalar::Var(var)
    }

    /// One object of a list satisfies all of it. Objects within objects are looked at as members of the outermost.
    fn nested(&mut self, field: &Literal, inner: &Query) -> Expr {
        let Some(name) = field.text() else {
            return self.opaque("a wildcard in the name of a nested object", field.span);
        };
        if self.prefix.is_some() {
            return self.query(&qualify(inner, name));
        }
        let types = self.options.types;
        if types.complete && types.of(name) != Some(FieldType::Nested) {
            let message = format!("{name:?} is no nested field");
            self.diagnostics.push(Diagnostic::error("not-nested", message, field.span));
        }
        self.prefix = Some(name.to_owned());
        let body = self.query(inner);
        self.prefix = None;
        let members = std::mem::take(&mut self.members);
        let list = Scalar::field(self.options.names, name);
        let each = Each { var: OBJECT.into(), list, members, body, gives: EachGives::Count };
        let zero = Scalar::Lit(Datum::I64(0));
        self.test(Scalar::Each(Box::new(each)), Op::Compare(CmpOp::Gt, zero), self.words(), field.span)
    }

    /// A value, or a group of them, asked of a subject.
    pub(crate) fn value(&mut self, subject: &Subject, value: &Value) -> Expr {
        match value {
            Value::Any(v) => self.any_of(subject, v),
            Value::All(v) => and(v.iter().map(|x| self.value(subject, x)).collect()),
            Value::Not(v) => not(self.value(subject, v)),
            Value::One(_) => self.any_of(subject, std::slice::from_ref(value)),
            Value::Bound(op, bound) => self.bound(subject, *op, bound),
            Value::Between(bounds) => self.between(subject, bounds),
            Value::Regex(source, span) => self.regex(subject, source, *span),
            Value::Opaque(reason, span) => self.opaque(reason, *span),
        }
    }

    /// Any of several values: those that are tested alike in one test.
    fn any_of(&mut self, subject: &Subject, values: &[Value]) -> Expr {
        let literals: Vec<&Literal> =
            values.iter().filter_map(|v| if let Value::One(l) = v { Some(l) } else { None }).collect();
        let mut parts = self.literals(subject, &literals);
        for value in values.iter().filter(|v| !matches!(v, Value::One(_))) {
            parts.push(self.value(subject, value));
        }
        or(parts)
    }

    pub(crate) fn opaque(&self, reason: &str, span: Span) -> Expr {
        Expr::Opaque(Opaque { reason: reason.to_owned(), span })
    }

    pub(crate) fn test(&self, subject: Scalar, op: Op, words: Words, span: Span) -> Expr {
        Expr::Test(Test { subject, op, words, span })
    }

    /// Case kept, absent values make false, any of several values, numbers as numbers where both are.
    pub(crate) fn words(&self) -> Words {
        Words {
            fold: Fold::None,
            null: Nulls::Two,
            multi: Multi::Any,
            coerce: Coerce::Stringify,
            regex: Flavor::Lucene,
        }
    }
}

/// A query on members of `outer`, as one on members of what `outer` is in.
fn qualify(tree: &Query, outer: &str) -> Query {
    let prefixed = |field: &Literal| {
        let mut pattern = Pattern::exact(&format!("{outer}."));
        field.pattern.parts().iter().for_each(|p| pattern.push(p.owned()));
        Literal { pattern, ..field.clone() }
    };
    match tree {
        Query::Everything | Query::Bare(_) => tree.clone(),
        Query::Field(field, value) => Query::Field(prefixed(field), value.clone()),
        Query::Nested(field, inner) => Query::Nested(prefixed(field), inner.clone()),
        Query::Any(v) => Query::Any(v.iter().map(|q| qualify(q, outer)).collect()),
        Query::All(v) => Query::All(v.iter().map(|q| qualify(q, outer)).collect()),
        Query::Not(q) => Query::Not(Box::new(qualify(q, outer))),
    }
}

/// Where a value stands.
fn value_span(value: &Value) -> Span {
    match value {
        Value::One(l) | Value::Bound(_, l) => l.span,
        Value::Between(v) => v.first().map_or(Span::default(), |(_, l)| l.span),
        Value::Regex(_, span) | Value::Opaque(_, span) => *span,
        Value::Any(v) | Value::All(v) => v.first().map_or(Span::default(), value_span),
        Value::Not(v) => value_span(v),
    }
}

pub(crate) fn and(parts: Vec<Expr>) -> Expr {
    Expr::and(parts.into_iter().flat_map(|p| if let Expr::And(v) = p { v } else { vec![p] }))
}

/// Alternatives: what is asked of one subject stands together, and is one test where it is of one kind.
pub(crate) fn or(parts: Vec<Expr>) -> Expr {
    if parts.contains(&Expr::TRUE) {
        return Expr::TRUE;
    }
    let mut out: Vec<Expr> = Vec::new();
    for part in parts.into_iter().flat_map(|p| if let Expr::Or(v) = p { v } else { vec![p] }) {
        if out.contains(&part) || out.iter_mut().any(|known| absorb(known, &part)) {
            continue;
        }
        out.insert(place(&out, &part), part);
    }
    out.retain(|p| *p != Expr::FALSE);
    if out.is_empty() { Expr::FALSE } else { Expr::or(out) }
}

/// What an alternative is about; none where the order of writing is kept.
fn subject_of(e: &Expr) -> Option<&Scalar> {
    match e {
        Expr::Test(t) => Some(&t.subject),
        Expr::Not(e) => match &**e {
            Expr::Test(Test { subject, op: Op::IsNull, .. }) => Some(subject),
            _ => None,
        },
        _ => None,
    }
}

/// Whether two subjects are the same, or one is the members of the other.
fn akin(a: &Scalar, b: &Scalar) -> bool {
    let members = |glob: &Scalar, of: &Scalar| match (glob, of) {
        (Scalar::FieldGlob(_, p), Scalar::Field(f)) => {
            matches!(*p.parts(), [Part::Lit(l), Part::Any] if l.strip_suffix('.') == Some(&*f.name))
        }
        _ => false,
    };
    a == b || members(a, b) || members(b, a)
}

/// Where an alternative goes: beside those about the same, in the order of their kinds.
fn place(known: &[Expr], part: &Expr) -> usize {
    let Some(subject) = subject_of(part) else { return known.len() };
    let alike = |e: &Expr| subject_of(e).is_some_and(|s| akin(s, subject));
    let before = known.iter().rposition(|e| alike(e) && rank(e) <= rank(part)).map(|at| at + 1);
    before.or_else(|| known.iter().position(alike)).unwrap_or(known.len())
}

fn rank(e: &Expr) -> u8 {
    let Expr::Test(t) = e else {
        return if matches!(subject_of(e), Some(Scalar::FieldGlob(..))) { 6 } else { 5 };
    };
    match t.op {
        Op::Like(_) => 0,
        Op::Cidr(_) => 1,
        Op::In(_) => 2,
        Op::Regex(_) => 3,
        _ => 4,
    }
}

/// Adds the alternatives of a test to one that asks the same of the same.
fn absorb(known: &mut Expr, more: &Expr) -> bool {
    if let (Expr::Not(_), Expr::Not(_), Some(a), Some(b)) =
        (&*known, more, subject_of(known), subject_of(more))
    {
        return a == b;
    }
    let (Expr::Test(a), Expr::Test(b)) = (known, more) else { return false };
    if a.subject != b.subject || a.words != b.words {
        return false;
    }
    match (&mut a.op, &b.op) {
        (Op::Like(x), Op::Like(y)) => extend(x, y),
        (Op::Cidr(x), Op::Cidr(y)) => extend(x, y),
        (Op::In(x), Op::In(y)) => extend(x, y),
        (Op::Regex(x), Op::Regex(y)) => extend(x, y),
        _ => return false,
    }
    a.span = a.span.to(b.span);
    true
}

fn extend<T: PartialEq + Clone>(known: &mut Vec<T>, more: &[T]) {
    for m in more {
        if !known.contains(m) {
            known.push(m.clone());
        }
    }
}

pub(crate) fn not(e: Expr) -> Expr {
    match e {
        Expr::Not(e) => *e,
        Expr::Const(t) => Expr::Const(match t {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }),
        e => e.negate(),
    }
}
