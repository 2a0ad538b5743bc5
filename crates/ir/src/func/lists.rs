//! Lists and truths.

use shikra_event::Value;

use super::{FuncDef, fold, strings::text_of};
use crate::{Words, eval};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "element", arity: (2, 2), takes_null: false, eval: element },
    FuncDef { name: "list-contains", arity: (2, usize::MAX), takes_null: true, eval: contains },
    FuncDef { name: "list", arity: (0, usize::MAX), takes_null: true, eval: list },
    FuncDef { name: "truthy", arity: (1, 2), takes_null: true, eval: truthy },
];

/// Element number `args[1]`, counted from 0, negative from the end. A scalar is a list of one.
fn element(args: &[Value], _: &Words) -> Value {
    let (list, Value::I64(n)) = (args[0].elements(), &args[1]) else { return Value::Null };
    let at = if *n < 0 { *n + list.len() as i64 } else { *n };
    usize::try_from(at).ok().and_then(|i| list.get(i)).cloned().unwrap_or(Value::Null)
}

/// The arguments as a list; null for those that are missing.
fn list(args: &[Value], _: &Words) -> Value {
    let present = |v: &Value| if v.is_null() { Value::Null } else { v.clone() };
    Value::List(args.iter().map(present).collect())
}

/// Whether a list holds any of the further arguments; null where there is no list.
fn contains(args: &[Value], words: &Words) -> Value {
    if args[0].is_null() {
        return Value::Null;
    }
    let same = |a: &Value, b: &Value| eval::ordering(a, b, words).is_some_and(|o| o.is_eq());
    let wanted = || args[1..].iter().filter(|w| !w.is_null());
    Value::Bool(args[0].elements().iter().any(|e| wanted().any(|w| same(e, w))))
}

/// Whether a value counts as true: not false, zero, empty text or an empty list. Null stays null, unless the
/// second argument, the members of an object, has any.
fn truthy(args: &[Value], words: &Words) -> Value {
    match &args[0] {
        v if v.is_null() => match args.get(1).map(Value::elements) {
            Some([_, ..]) => Value::Bool(true),
            _ => Value::Null,
        },
        Value::List(v) => Value::Bool(!v.is_empty()),
        Value::Bool(b) => Value::Bool(*b),
        v => {
            let text = text_of(v).map(|t| fold(&t, words.fold)).unwrap_or_default();
            Value::Bool(!text.is_empty() && v.as_f64() != Some(0.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let words = Words::default();
        let list = Value::List(vec!["a".into(), "B".into()]);
        assert_eq!(element(&[list.clone(), (-1).into()], &words), "B".into());
        assert_eq!(element(&[list.clone(), 2.into()], &words), Value::Null);
        assert_eq!(contains(&[list.clone(), "x".into(), "b".into()], &words), true.into());
        assert_eq!(contains(&[Value::Missing, "b".into()], &words), Value::Null);
        assert_eq!(truthy(&[Value::Missing, list], &words), true.into());
        assert_eq!(truthy(&[0.into()], &words), false.into());
    }
}
