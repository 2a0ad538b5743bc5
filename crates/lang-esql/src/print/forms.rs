//! Calls that mean several operators of the IR, found again: `LOCATE`, `MATCH` of a text field, `MATCH` with
//! `fuzziness`.

use shikra_event::Value;
use shikra_ir::said::Said;
use shikra_ir::{CmpOp, Expr, Flavor, Fold, Op, Regex, Scalar, Test};

use super::{At, scalar, string};
use crate::words::{is_searched_by_words, word_sought};

/// The arguments of a call of this function of the IR.
fn args<'s>(s: &'s Scalar, name: &str) -> Option<&'s [Scalar]> {
    match s {
        Scalar::Call(c) if c.func.0.name == name => Some(&c.args),
        _ => None,
    }
}

fn is(s: &Scalar, n: i64) -> bool {
    matches!(s, Scalar::Lit(Value::I64(k)) if *k == n)
}

/// `LOCATE(text, what, from)`: a choice that is null where either is, else the place from 1, or 0.
pub(super) fn locate(arms: &[(Expr, Scalar)], other: Option<&Scalar>, at: At<'_>) -> Option<Said> {
    let [(Expr::Or(absent), Scalar::Lit(Value::Null))] = arms else { return None };
    let [found, none] = args(other?, "first-known")? else { return None };
    let [place, one] = args(found, "add")? else { return None };
    let all = args(place, "index-of").filter(|_| is(none, 0) && is(one, 1))?;
    let named = absent.iter().map(|e| match e {
        Expr::Test(Test { subject, op: Op::IsNull, .. }) => Some(subject),
        _ => None,
    });
    if !named.eq(all.iter().take(2).map(Some)) {
        return None;
    }
    let from = match all.get(2).map(|from| args(from, "subtract")) {
        None => None,
        Some(Some([from, one])) if is(one, 1) => Some(from),
        Some(_) => return None,
    };
    let said: Said<Vec<String>> = all.iter().take(2).chain(from).map(|a| scalar(a, at.deeper())).collect();
    Some(said.map(|a| format!("LOCATE({})", a.join(", "))))
}

/// `MATCH(a, b, {"fuzziness": n})`.
pub(super) fn fuzzy(op: CmpOp, subject: &Scalar, right: &Scalar, at: At<'_>) -> Option<Said> {
    let [a, b] = args(subject, "edit-distance")? else { return None };
    let (CmpOp::Le, Scalar::Lit(Value::I64(n))) = (op, right) else { return None };
    let said = scalar(a, at.deeper()).and_then(|a| Ok((a, scalar(b, at.deeper())?)));
    Some(said.map(|(a, b)| format!("MATCH({a}, {b}, {{\"fuzziness\": {n}}})")))
}

/// `field : "any of these words"`, where the field is one that is searched by words.
pub(super) fn words(t: &Test, all: &[Regex], at: At<'_>) -> Option<Said> {
    let Scalar::Field(f) = &t.subject else { return None };
    if !is_searched_by_words(&f.name) || t.words.regex != Flavor::Rust || t.words.fold != Fold::Unicode {
        return None;
    }
    let words: Vec<&str> = all.iter().map(word_sought).collect::<Option<_>>()?;
    let subject = scalar(&t.subject, at.deeper());
    Some(subject.and_then(|s| Ok(format!("{s} : {}", string(&words.join(" "))?))))
}
