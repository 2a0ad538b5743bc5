//! What an expression means: the slow, obvious evaluator. Matching strategies are tested against it.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::net::IpAddr;

use shikra_event::Value;

use crate::func::fold;
use crate::{
    CmpOp, Coerce, Each, EachGives, Expr, FieldRef, Fold, Multi, Names, Nulls, Op, Pattern, Regex, Scalar,
    Test, Truth, Words,
};

/// Something with fields: an event under a taxonomy, a row of a relation.
pub trait Row {
    /// The value of a field: missing where the row has none, a list where it has several.
    fn field(&self, field: &FieldRef) -> Value;
    /// The values of all fields.
    fn all_fields(&self) -> Vec<Value>;
    /// The values of all fields of a scheme whose name matches (names compared as they are).
    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value>;
    /// The value of a variable that an enclosing [`Each`] binds.
    fn var(&self, _name: &str) -> Value {
        Value::Missing
    }
}

/// A row without fields: what constants are computed on.
pub struct NoFields;

impl Row for NoFields {
    fn field(&self, _: &FieldRef) -> Value {
        Value::Missing
    }
    fn all_fields(&self) -> Vec<Value> {
        Vec::new()
    }
    fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
        Vec::new()
    }
}

/// A row with variables bound.
struct Bound<'r> {
    row: &'r dyn Row,
    vars: Vec<(&'r str, Value)>,
}

impl Row for Bound<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        self.row.field(field)
    }
    fn all_fields(&self) -> Vec<Value> {
        self.row.all_fields()
    }
    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        self.row.fields_like(names, pattern)
    }
    fn var(&self, name: &str) -> Value {
        let bound = self.vars.iter().find(|(n, _)| *n == name);
        bound.map_or_else(|| self.row.var(name), |(_, v)| v.clone())
    }
}

/// The truth of an expression on a row.
pub fn truth(e: &Expr, row: &dyn Row) -> Truth {
    match e {
        Expr::Const(t) => *t,
        Expr::And(parts) => parts.iter().map(|p| truth(p, row)).min().unwrap_or(Truth::True),
        Expr::Or(parts) => parts.iter().map(|p| truth(p, row)).max().unwrap_or(Truth::False),
        Expr::Not(e) => truth(e, row).negate(),
        Expr::Named(_, e) => truth(e, row),
        Expr::Test(t) => test(t, row),
        Expr::Opaque(_) => Truth::Unknown,
    }
}

/// The value of a scalar on a row.
pub fn scalar(s: &Scalar, row: &dyn Row) -> Value {
    match s {
        Scalar::Field(f) => row.field(f),
        Scalar::AnyField => Value::List(row.all_fields()),
        Scalar::FieldGlob(names, p) => Value::List(row.fields_like(*names, p)),
        Scalar::Lit(v) => v.clone(),
        Scalar::Call(c) => {
            let args: Vec<Value> = c.args.iter().map(|a| scalar(a, row)).collect();
            c.apply(&args)
        }
        Scalar::Case(arms, other) => {
            for (cond, value) in arms {
                if truth(cond, row).holds() {
                    return scalar(value, row);
                }
            }
            other.as_ref().map_or(Value::Null, |o| scalar(o, row))
        }
        Scalar::Truth(e) => match truth(e, row) {
            Truth::True => Value::Bool(true),
            Truth::False => Value::Bool(false),
            Truth::Unknown => Value::Null,
        },
        Scalar::Var(name) => row.var(name),
        Scalar::Asked(a) => a.value(row),
        Scalar::Each(e) => each(e, row),
    }
}

/// What the elements that satisfy the condition give; null where there is no list.
fn each(e: &Each, row: &dyn Row) -> Value {
    let list = scalar(&e.list, row);
    let members: Vec<Value> = e.members.iter().map(|(_, m)| scalar(m, row)).collect();
    let lengths = || members.iter().map(|m| m.elements().len()).filter(|n| *n > 0);
    let (Some(least), Some(most)) = (lengths().min(), lengths().max()) else {
        if list.is_null() {
            return Value::Null;
        }
        let rounds = list.elements().iter().map(|v| vec![(&*e.var, v.clone())]);
        return gather(e, row, rounds);
    };
    // Members of elements: in step where they can be, else all values at once.
    let in_step = least == most;
    let rounds = if in_step { most } else { 1 };
    let nth = |m: &Value, i| match in_step {
        true => m.elements().get(i).cloned().unwrap_or_default(),
        false => m.clone(),
    };
    let bind = |i| e.members.iter().zip(&members).map(|((n, _), m)| (&**n, nth(m, i))).collect();
    gather(e, row, (0..rounds).map(bind))
}

fn gather<'e>(e: &'e Each, row: &dyn Row, rounds: impl Iterator<Item = Vec<(&'e str, Value)>>) -> Value {
    let bound = rounds.map(|vars| Bound { row, vars }).filter(|b| truth(&e.body, b).holds());
    match &e.gives {
        EachGives::Count => Value::I64(bound.count() as i64),
        EachGives::Values(s) => {
            let mut all: Vec<Value> = bound.flat_map(|b| scalar(s, &b).elements().to_vec()).collect();
            all.retain(|v| !v.is_null());
            match all.len() {
                0 => Value::Null,
                1 => all.remove(0),
                _ => Value::List(all),
            }
        }
    }
}

/// The truth of one comparison on a row.
pub fn test(t: &Test, row: &dyn Row) -> Truth {
    let subject = scalar(&t.subject, row);
    let right = match &t.op {
        Op::Compare(_, r) => Some(scalar(r, row)),
        _ => None,
    };
    test_value(t, &subject, right.as_ref())
}

/// The truth of a comparison whose sides have been evaluated (`right` for [`Op::Compare`] only).
pub fn test_value(t: &Test, subject: &Value, right: Option<&Value>) -> Truth {
    match t.op {
        Op::Exists => {
            return Truth::of(!matches!(subject, Value::Missing) && *subject != Value::List(vec![]));
        }
        Op::IsNull => return Truth::of(subject.elements().iter().all(Value::is_null)),
        _ => {}
    }
    let absent = match t.words.null {
        Nulls::Two => Truth::False,
        Nulls::Three => Truth::Unknown,
    };
    let right_values = match right {
        None => [Value::Null].as_slice().to_vec(),
        Some(r) => r.elements().iter().filter(|v| !v.is_null()).cloned().collect(),
    };
    let left_values: Vec<&Value> = subject.elements().iter().filter(|v| !v.is_null()).collect();
    if left_values.is_empty() || right_values.is_empty() {
        return absent;
    }
    if t.words.multi == Multi::Null && (left_values.len() > 1 || right_values.len() > 1) {
        return Truth::Unknown;
    }
    let mut results = left_values.iter().flat_map(|l| right_values.iter().map(move |r| one(t, l, r)));
    match t.words.multi {
        Multi::All => results.min().unwrap_or(absent),
        _ => results.by_ref().max().unwrap_or(absent),
    }
}

/// One scalar, neither missing nor null, against the test; `right` matters to [`Op::Compare`] only.
fn one(t: &Test, left: &Value, right: &Value) -> Truth {
    match &t.op {
        Op::Like(patterns) => Truth::of(left.to_text().is_some_and(|s| like(patterns, &s, t.words.fold))),
        Op::Regex(all) => {
            Truth::of(left.to_text().is_some_and(|s| all.iter().any(|r| regex_matches(r, &s, &t.words))))
        }
        Op::Compare(op, _) => compare(*op, left, right, &t.words),
        Op::In(values) => {
            values.iter().map(|v| compare(CmpOp::Eq, left, v, &t.words)).max().unwrap_or(Truth::False)
        }
        Op::Cidr(nets) => Truth::of(as_ip(left).is_some_and(|ip| nets.iter().any(|n| n.contains(&ip)))),
        Op::IsTrue => Truth::of(*left == Value::Bool(true)),
        Op::Exists | Op::IsNull => Truth::True,
    }
}

fn like(patterns: &[Pattern], text: &str, how: Fold) -> bool {
    let folded = OnceCell::new();
    let slowly =
        |p: &Pattern| p.map(|s| fold(s, how)).matches(folded.get_or_init(|| fold(text, how)).as_str());
    patterns.iter().any(|p| p.matches_ascii(text, how == Fold::Unicode).unwrap_or_else(|| slowly(p)))
}

/// An address, from text too.
pub fn as_ip(v: &Value) -> Option<IpAddr> {
    match v {
        Value::Ip(ip) => Some(*ip),
        Value::Str(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// Compares two values, neither missing nor null.
pub fn compare(op: CmpOp, left: &Value, right: &Value, words: &Words) -> Truth {
    let absent = match words.null {
        Nulls::Two => Truth::False,
        Nulls::Three => Truth::Unknown,
    };
    match ordering(left, right, words) {
        Some(o) => Truth::of(op.accepts(o)),
        None => match op {
            CmpOp::Eq => Truth::False,
            CmpOp::Ne => Truth::True,
            _ => absent,
        },
    }
}

/// An order of all values: null, truths, numbers, times, addresses, text, lists.
pub fn order(a: &Value, b: &Value) -> Ordering {
    use Value::{Bool, F64, I64, Ip, List, Missing, Null, Str, Time};
    let rank = |v: &Value| match v {
        Missing | Null => 0,
        Bool(_) => 1,
        I64(_) | F64(_) => 2,
        Time(_) => 3,
        Ip(_) => 4,
        Str(_) => 5,
        List(_) => 6,
    };
    match (a, b) {
        (Bool(a), Bool(b)) => a.cmp(b),
        (I64(a), I64(b)) => a.cmp(b),
        (I64(_) | F64(_), I64(_) | F64(_)) => {
            a.as_f64().unwrap_or_default().total_cmp(&b.as_f64().unwrap_or_default())
        }
        (Time(a), Time(b)) => a.cmp(b),
        (Ip(a), Ip(b)) => a.cmp(b),
        (Str(a), Str(b)) => a.cmp(b),
        (List(a), List(b)) => {
            let pairs = a.iter().zip(b).map(|(a, b)| order(a, b));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// How two values order under the dialect; none where they cannot be compared.
pub fn ordering(left: &Value, right: &Value, words: &Words) -> Option<Ordering> {
    use Value::{Bool, F64, I64, Ip, Str, Time};
    match (left, right) {
        (I64(a), I64(b)) => Some(a.cmp(b)),
        (I64(_) | F64(_), I64(_) | F64(_)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Str(a), Str(b)) if words.coerce != Coerce::NumericIfBoth => {
            Some(fold(a, words.fold).cmp(&fold(b, words.fold)))
        }
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Time(a), Time(b)) => Some(a.cmp(b)),
        (Ip(a), Ip(b)) => Some(a.cmp(b)),
        _ => coerced(left, right, words),
    }
}

fn coerced(left: &Value, right: &Value, words: &Words) -> Option<Ordering> {
    let text = |v: &Value| v.to_text().map(|t| fold(&t, words.fold));
    match words.coerce {
        Coerce::None => None,
        Coerce::Stringify => Some(text(left)?.cmp(&text(right)?)),
        Coerce::NumericIfBoth => match (number(left), number(right)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => Some(text(left)?.cmp(&text(right)?)),
        },
    }
}

/// A number, from decimal text too.
pub fn number(v: &Value) -> Option<f64> {
    match v {
        Value::Str(s) => s.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        other => other.as_f64(),
    }
}

/// Whether a regular expression finds itself in `text`. One that does not compile matches nothing: frontends
/// reject it beforehand with [`check_regex`].
pub fn regex_matches(r: &Regex, text: &str, words: &Words) -> bool {
    crate::regex::cached(r, words).is_ok_and(|c| c.is_match(text))
}

/// Why a regular expression cannot be used, in the words of its engine.
///
/// # Errors
/// The engine's complaint.
pub fn check_regex(r: &Regex, words: &Words) -> Result<(), String> {
    crate::regex::cached(r, words).map(drop)
}
