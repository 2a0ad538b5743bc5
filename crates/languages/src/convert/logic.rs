//! Conditions on the way from one language to another: negations brought to the tests, constants worked out, fields
//! renamed.

use std::sync::Arc;

use shikra_event::{Shape, Value};
use shikra_ir::{
    CmpOp, Expr, FieldRef, Fold, Multi, Names, Nulls, Op, Pattern, Scalar, Test, Truth, Words, eval,
};
use shikra_syntax::Span;
use shikra_taxonomy::Binding;

use super::Problem;
use super::inverse;
use super::names::{Lexicon, Meaning, Use};

/// Nesting that is followed.
const MAX_DEPTH: usize = 200;

/// The condition with negations at the tests only, names of its parts left out, constants worked out. What is
/// unknown counts as false at the top, so nothing else needs to be told apart.
pub(super) fn plain(e: &Expr) -> Result<Expr, Problem> {
    walk(e, false, 0)
}

fn walk(e: &Expr, negated: bool, depth: usize) -> Result<Expr, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::whole("conditions nested too deeply"));
    }
    let all = |v: &[Expr]| v.iter().map(|e| walk(e, negated, depth + 1)).collect::<Result<Vec<_>, _>>();
    Ok(match (e, negated) {
        (Expr::Const(t), false) => Expr::Const(Truth::of(t.holds())),
        (Expr::Const(t), true) => Expr::Const(Truth::of(t.negate().holds())),
        (Expr::Named(_, e), _) => walk(e, negated, depth + 1)?,
        (Expr::Not(e), _) => walk(e, !negated, depth + 1)?,
        (Expr::And(v), false) | (Expr::Or(v), true) => and(all(v)?),
        (Expr::Or(v), false) | (Expr::And(v), true) => or(all(v)?),
        (Expr::Test(t), _) => test(t, negated, depth)?,
        (Expr::Opaque(o), _) => return Err(Problem { span: o.span, reason: o.reason.clone() }),
    })
}

fn test(t: &Test, negated: bool, depth: usize) -> Result<Expr, Problem> {
    if let (Op::IsTrue, Scalar::Truth(inner)) = (&t.op, &t.subject)
        && (t.words.null == Nulls::Three || !negated)
    {
        return walk(inner, negated, depth + 1);
    }
    // `!=` is the negation of `==` where the value is there.
    if let Op::Compare(CmpOp::Ne, right) = &t.op
        && t.words.multi != Multi::All
    {
        let equal = t.asking(Op::Compare(CmpOp::Eq, right.clone()));
        let there = Expr::Test(t.asking(Op::IsNull)).negate();
        return Ok(match (negated, t.words.null) {
            (false, Nulls::Three) => Expr::Test(equal).negate(),
            (true, Nulls::Three) => Expr::Test(equal),
            (false, Nulls::Two) => and(vec![there, Expr::Test(equal).negate()]),
            (true, Nulls::Two) => or(vec![there.negate(), Expr::Test(equal)]),
        });
    }
    let e = Expr::Test(t.clone());
    Ok(if negated { e.negate() } else { e })
}

/// A conjunction, constants worked out.
pub(super) fn and(parts: Vec<Expr>) -> Expr {
    let mut out = Vec::new();
    for p in parts {
        match p {
            Expr::Const(Truth::True) => {}
            Expr::Const(_) => return Expr::FALSE,
            Expr::And(v) => out.extend(v),
            p => out.push(p),
        }
    }
    match out.len() {
        0 => Expr::TRUE,
        1 => out.remove(0),
        _ => Expr::And(out),
    }
}

/// A disjunction, constants worked out, no part twice.
pub(super) fn or(parts: Vec<Expr>) -> Expr {
    let mut out = Vec::new();
    for p in parts {
        match p {
            Expr::Const(Truth::True) => return Expr::TRUE,
            Expr::Const(_) => {}
            Expr::Or(v) => out.extend(v.into_iter().filter(|p| !out.contains(p)).collect::<Vec<_>>()),
            p if out.contains(&p) => {}
            p => out.push(p),
        }
    }
    match out.len() {
        0 => Expr::FALSE,
        1 => out.remove(0),
        _ => Expr::Or(out),
    }
}

/// Whether `t` holds, negated or not, of a value.
fn holds(t: &Test, negated: bool, value: &Value) -> bool {
    let right = match &t.op {
        Op::Compare(_, Scalar::Lit(v)) => Some(v.clone()),
        _ => None,
    };
    let truth = eval::test_value(t, value, right.as_ref());
    if negated { truth.negate().holds() } else { truth.holds() }
}

/// What a condition comes to on events of a shape, where fields that are constants there have been worked out; and
/// those that are absent, if `absent` says so of the field. `e` is plain.
pub(super) fn on_shape(
    e: &Expr,
    shape: &Shape,
    names: &Lexicon<'_>,
    absent: &dyn Fn(&FieldRef) -> bool,
) -> Expr {
    match e {
        Expr::And(v) => and(v.iter().map(|e| on_shape(e, shape, names, absent)).collect()),
        Expr::Or(v) => or(v.iter().map(|e| on_shape(e, shape, names, absent)).collect()),
        Expr::Test(t) => known(t, false, shape, names, absent).map_or_else(|| e.clone(), Expr::Const),
        Expr::Not(inner) => match &**inner {
            Expr::Test(t) => known(t, true, shape, names, absent).map_or_else(|| e.clone(), Expr::Const),
            _ => e.clone(),
        },
        _ => e.clone(),
    }
}

fn known(
    t: &Test,
    negated: bool,
    shape: &Shape,
    names: &Lexicon<'_>,
    absent: &dyn Fn(&FieldRef) -> bool,
) -> Option<Truth> {
    let Scalar::Field(f) = &t.subject else { return None };
    if f.names == Names::Column || matches!(&t.op, Op::Compare(_, r) if !matches!(r, Scalar::Lit(_))) {
        return None;
    }
    match names.bound(shape, f) {
        Some(Binding::Const(v)) => Some(Truth::of(holds(t, negated, &typed(t, v)))),
        None if absent(f) => Some(Truth::of(holds(t, negated, &Value::Missing))),
        _ => None,
    }
}

/// Constants are kept as text; a test that does not turn numbers into text sees the number.
fn typed(t: &Test, v: Value) -> Value {
    let number = matches!(&t.op, Op::In(all) if all.iter().all(|v| matches!(v, Value::I64(_))))
        || matches!(&t.op, Op::Compare(_, Scalar::Lit(Value::I64(_))));
    match (&v, number) {
        (Value::Str(s), true) => s.parse().map_or(v.clone(), Value::I64),
        _ => v,
    }
}

/// How a target compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub names: Names,
    /// Absent values make tests unknown.
    pub three_valued: bool,
    /// A field with several values compares as null.
    pub single: bool,
    /// Names of fields in lower case come before others.
    pub lowered_first: bool,
}

/// Renames the fields of a plain condition.
pub(super) struct Renamer<'r, 't> {
    pub names: &'r mut Lexicon<'t>,
    pub shapes: &'r [Arc<Shape>],
    pub manner: Manner,
    /// Scheme of the rule.
    pub from: Names,
}

impl Renamer<'_, '_> {
    pub fn expr(&mut self, e: &Expr) -> Result<Expr, Problem> {
        let all = |me: &mut Self, v: &[Expr]| v.iter().map(|e| me.expr(e)).collect::<Result<Vec<_>, _>>();
        Ok(match e {
            Expr::And(v) => and(all(self, v)?),
            Expr::Or(v) => or(all(self, v)?),
            Expr::Test(t) => self.literal(t, false)?,
            Expr::Not(inner) => match &**inner {
                Expr::Test(t) => self.literal(t, true)?,
                _ => return Err(Problem::whole("a negation that is not plain")),
            },
            other => other.clone(),
        })
    }

    fn literal(&mut self, t: &Test, negated: bool) -> Result<Expr, Problem> {
        let problem = |reason: String| Problem { span: t.span, reason };
        if t.words.multi == Multi::All {
            return Err(problem("a test of all values of a field".into()));
        }
        let words = Words { multi: Multi::Any, ..t.words };
        let t = &Test { words, ..t.clone() };
        let uses = match &t.subject {
            Scalar::Field(f) => self.uses(f).map_err(problem)?,
            Scalar::AnyField => return self.whole(t, negated).map_err(problem),
            _ => {
                let subject = self.scalar(&t.subject).map_err(problem)?;
                return self.whole(&Test { subject, ..t.clone() }, negated).map_err(problem);
            }
        };
        if self.manner.single && !matches!(t.op, Op::IsNull | Op::Exists) {
            self.one_value(&uses, t).map_err(problem)?;
        }
        let one = |me: &mut Self, u: &Use| {
            let subject = Scalar::field(me.manner.names, &u.name);
            let t = t.asking(me.op(&t.op)?);
            let said = me.under(&t, subject, u)?;
            let absent = u.unless.iter().map(|n| me.null(n, t.span));
            Ok::<Expr, String>(if t.op == Op::IsNull { said } else { and(absent.chain([said]).collect()) })
        };
        let three = t.words.null == Nulls::Three && !matches!(t.op, Op::IsNull | Op::Exists);
        if let ([u], true, true) = (uses.as_slice(), three, self.manner.three_valued)
            && let e @ Expr::Test(_) = one(self, u).map_err(problem)?
        {
            return Ok(if negated { e.negate() } else { e });
        }
        let each = uses.iter().map(|u| Ok(two_valued(one(self, u)?))).collect::<Result<Vec<_>, String>>();
        let each = each.map_err(problem)?;
        let there = |u: &Use| self.null(&u.name, t.span).negate();
        Ok(match (&t.op, negated) {
            (Op::IsNull, false) => and(each),
            (Op::IsNull, true) => or(each.iter().map(opposite).collect()),
            (_, false) => or(each),
            (_, true) => {
                let none = and(each.iter().map(opposite).collect());
                if three { and(vec![or(uses.iter().map(there).collect()), none]) } else { none }
            }
        })
    }

    /// Refuses fields that have several values by nature, but where the test can ask for any of them.
    fn one_value(&self, uses: &[Use], t: &Test) -> Result<(), String> {
        let any = matches!(&t.op, Op::Like(p) if p.iter().all(|p| p.literal().is_some()));
        let document = |s: &Arc<Shape>| s.form() == shikra_event::Form::Ecs;
        for u in uses.iter().filter(|_| !any || t.words.fold == Fold::Unicode) {
            let f = FieldRef::new(self.manner.names, &u.name);
            // Values without a name are all called so.
            let unnamed =
                |s: &Shape, slot: &u32| s.fields().get(*slot as usize).is_some_and(|n| **n == *"Data");
            let several = |s: &Shape, b: Binding| match b {
                Binding::Slots { slots, derive } => {
                    use shikra_taxonomy::Derive::{Args, Split};
                    slots.len() > 1
                        || derive.iter().any(|d| matches!(d, Args | Split(_)))
                        || slots.iter().any(|slot| unnamed(s, slot))
                }
                Binding::Const(Value::List(v)) => v.len() > 1,
                Binding::All(_) => true,
                _ => false,
            };
            let may = |s: &Arc<Shape>| self.names.bound(s, &f).is_some_and(|b| several(s, b));
            if self.shapes.iter().any(|s| !document(s) && may(s)) {
                return Err(format!("the field {}, which may have several values", u.name));
            }
        }
        Ok(())
    }

    /// That a field is absent.
    fn null(&self, name: &str, span: Span) -> Expr {
        let subject = Scalar::field(self.manner.names, name);
        Expr::Test(Test { subject, op: Op::IsNull, words: Words::default(), span })
    }

    /// A test that is taken as it is.
    fn whole(&mut self, t: &Test, negated: bool) -> Result<Expr, String> {
        let t = t.asking(self.op(&t.op)?);
        let keeps = self.manner.three_valued || t.words.null == Nulls::Two || !negated;
        if !keeps {
            return Err("a negated test of a computed value that may be absent".into());
        }
        let e = if self.manner.three_valued { Expr::Test(t) } else { two_valued(Expr::Test(t)) };
        Ok(if negated { e.negate() } else { e })
    }

    fn op(&mut self, op: &Op) -> Result<Op, String> {
        Ok(match op {
            Op::Compare(c, right) => Op::Compare(*c, self.scalar(right)?),
            other => other.clone(),
        })
    }

    /// The names of a field.
    fn uses(&mut self, f: &FieldRef) -> Result<Vec<Use>, String> {
        let same =
            |name: &str| Ok(vec![Use { name: name.into(), rest: vec![], lowered: false, unless: vec![] }]);
        if f.names == Names::Column {
            return Err(format!("the computed column {}", f.name));
        }
        if f.names == self.manner.names {
            return same(&f.name);
        }
        match self.names.meaning(f, self.shapes, self.manner.names, self.manner.lowered_first) {
            Meaning::Names(mut uses) => {
                if let Some(name) = self.names.of_message(f, self.shapes, self.manner.names)
                    && uses.iter().all(|u| u.name != name)
                {
                    let unless = uses.iter().map(|u| u.name.clone()).collect();
                    uses.push(Use { name, rest: vec![], lowered: false, unless });
                }
                Ok(uses)
            }
            // No table knows it: then events that have it have it under this very name.
            Meaning::Nowhere if matches!(self.from, Names::Sigma | Names::Raw | Names::Splunk) => {
                match self.manner.names {
                    Names::Ecs if !f.name.contains('.') => same(&format!("winlog.event_data.{}", f.name)),
                    _ => same(&f.name),
                }
            }
            Meaning::Nowhere => Err(format!("the field {}, which none of these events has", f.name)),
            Meaning::Nameless => Err(format!("the field {}, for which there is no name", f.name)),
        }
    }

    /// A value; every field of it must have one name.
    fn scalar(&mut self, s: &Scalar) -> Result<Scalar, String> {
        match s {
            Scalar::Field(f) => match self.uses(f)?.as_slice() {
                [Use { name, rest, lowered: false, .. }] if rest.is_empty() => {
                    Ok(Scalar::field(self.manner.names, name))
                }
                _ => Err(format!("the field {} within a computed value: it has no one name", f.name)),
            },
            Scalar::Call(c) => {
                let args = c.args.iter().map(|a| self.scalar(a)).collect::<Result<Vec<_>, String>>()?;
                Ok(Scalar::Call(shikra_ir::Call { args, ..c.clone() }))
            }
            Scalar::Lit(_) | Scalar::AnyField => Ok(s.clone()),
            _ => Err("a computed value".into()),
        }
    }

    /// A test under a name.
    fn under(&mut self, t: &Test, subject: Scalar, u: &Use) -> Result<Expr, String> {
        if !u.lowered {
            return inverse::test(t, subject, &u.rest);
        }
        // The target's value is in lower case: so must be what it is compared with.
        let caseless = self.manner.names == Names::Ecs && u.name.ends_with(".caseless");
        let lower = |p: &Pattern| p.map(str::to_lowercase);
        let same = |p: &Pattern| lower(p) == *p && p.map(str::to_uppercase) == *p;
        let fold = if caseless { Fold::Unicode } else { Fold::None };
        let words = Words { fold, ..t.words };
        let op = match &t.op {
            Op::Like(p) if t.words.fold == Fold::Unicode => Op::Like(p.iter().map(lower).collect()),
            Op::Like(p) if p.iter().all(same) => t.op.clone(),
            Op::Regex(_) if t.words.fold == Fold::Unicode => {
                return Ok(Expr::Test(Test { subject, ..t.clone() }));
            }
            Op::IsNull | Op::Exists | Op::Cidr(_) => t.op.clone(),
            Op::In(v) if v.iter().all(|v| matches!(v, Value::I64(_))) => {
                let text = |v: &Value| Pattern::exact(&v.to_text().unwrap_or_default());
                Op::Like(v.iter().map(text).collect())
            }
            Op::Compare(CmpOp::Eq, Scalar::Lit(Value::I64(n))) => {
                Op::Like(vec![Pattern::exact(&n.to_string())])
            }
            _ => return Err(format!("a test of {} that heeds case", u.name)),
        };
        Ok(Expr::Test(Test { subject, op, words, ..t.clone() }))
    }
}

fn opposite(e: &Expr) -> Expr {
    match e {
        Expr::Not(inner) => (**inner).clone(),
        Expr::And(v) => or(v.iter().map(opposite).collect()),
        Expr::Or(v) => and(v.iter().map(opposite).collect()),
        Expr::Const(t) => Expr::Const(t.negate()),
        other => other.clone().negate(),
    }
}

/// Absent values make tests false.
fn two_valued(e: Expr) -> Expr {
    match e {
        Expr::Test(t) => Expr::Test(Test { words: Words { null: Nulls::Two, ..t.words }, ..t }),
        Expr::Not(inner) => two_valued(*inner).negate(),
        Expr::And(v) => Expr::And(v.into_iter().map(two_valued).collect()),
        Expr::Or(v) => Expr::Or(v.into_iter().map(two_valued).collect()),
        other => other,
    }
}
