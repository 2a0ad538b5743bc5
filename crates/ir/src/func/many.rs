//! Functions of several values (multi-value fields). One value is a list of one; a list of one that is made is
//! that value; an empty one is null.

use shikra_event::Value;

use super::FuncDef;
use super::spl::{num, plain_text, regex, single};
use crate::{Words, eval, regex as regexes};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "each-value", arity: (1, 1), takes_null: true, eval: |a, _| a[0].clone() },
    FuncDef { name: "mv-append", arity: (1, usize::MAX), takes_null: true, eval: append },
    FuncDef { name: "mv-count", arity: (1, 1), takes_null: false, eval: count },
    FuncDef { name: "mv-dedup", arity: (1, 1), takes_null: false, eval: dedup },
    FuncDef { name: "mv-find", arity: (2, 2), takes_null: false, eval: find },
    FuncDef { name: "mv-index", arity: (2, 3), takes_null: false, eval: index },
    FuncDef { name: "mv-join", arity: (2, 2), takes_null: false, eval: join },
    FuncDef {
        name: "mv-is",
        arity: (1, 1),
        takes_null: true,
        eval: |a, _| Value::Bool(a[0].elements().len() > 1),
    },
    FuncDef { name: "mv-range", arity: (2, 3), takes_null: false, eval: range },
    FuncDef { name: "mv-reverse", arity: (1, 1), takes_null: false, eval: reverse },
    FuncDef { name: "mv-sort", arity: (1, 1), takes_null: false, eval: sort },
    FuncDef { name: "mv-split", arity: (2, 2), takes_null: false, eval: |a, _| split(a, true) },
    FuncDef { name: "mv-split-full", arity: (2, 2), takes_null: false, eval: |a, _| split(a, false) },
    FuncDef { name: "mv-zip", arity: (2, 3), takes_null: false, eval: zip },
    FuncDef { name: "regex-all", arity: (2, 2), takes_null: false, eval: regex_all },
];

/// Most values that a function makes.
const MOST: usize = 1_000_000;

/// Several values as one.
pub fn several(mut values: Vec<Value>) -> Value {
    match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::List(values),
    }
}

fn append(args: &[Value], _: &Words) -> Value {
    several(args.iter().flat_map(|a| a.elements()).filter(|v| !v.is_null()).cloned().collect())
}

fn count(args: &[Value], _: &Words) -> Value {
    Value::I64(args[0].elements().len() as i64)
}

fn dedup(args: &[Value], _: &Words) -> Value {
    let mut out: Vec<Value> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for v in args[0].elements() {
        if seen.insert(plain_text(v)) {
            out.push(v.clone());
        }
    }
    several(out)
}

/// The position of the first value that the expression matches.
fn find(args: &[Value], words: &Words) -> Value {
    let Some(r) = regex(&args[1]) else { return Value::Null };
    let hit = |v: &Value| plain_text(v).is_some_and(|t| eval::regex_matches(&r, &t, words));
    args[0].elements().iter().position(hit).map_or(Value::Null, |i| Value::I64(i as i64))
}

/// From one position to another, both included; negative ones count from the end.
fn index(args: &[Value], _: &Words) -> Value {
    let all = args[0].elements();
    let place = |v: &Value| {
        let n = num(v)? as i64;
        Some(if n < 0 { n + all.len() as i64 } else { n })
    };
    let Some(start) = place(&args[1]) else { return Value::Null };
    let Some(end) = args.get(2).map_or(Some(start), place) else { return Value::Null };
    let last = all.len() as i64 - 1;
    if all.is_empty() || start > end || start > last || end < 0 || start < 0 {
        return Value::Null;
    }
    several(all.get(start as usize..=end.min(last) as usize).unwrap_or(&[]).to_vec())
}

fn join(args: &[Value], _: &Words) -> Value {
    let Some(separator) = plain_text(single(&args[1])) else { return Value::Null };
    let parts: Vec<String> = args[0].elements().iter().filter_map(plain_text).collect();
    Value::str(parts.join(&separator))
}

/// From, up to but without, step.
fn range(args: &[Value], _: &Words) -> Value {
    let step = args.get(2).and_then(num).unwrap_or(1.0);
    let (Some(mut at), Some(end)) = (num(&args[0]), num(&args[1])) else { return Value::Null };
    if step <= 0.0 || !step.is_finite() {
        return Value::Null;
    }
    let mut out = Vec::new();
    while at < end && out.len() < MOST {
        out.push(super::spl::number(at));
        at += step;
    }
    several(out)
}

fn reverse(args: &[Value], _: &Words) -> Value {
    several(args[0].elements().iter().rev().cloned().collect())
}

fn sort(args: &[Value], _: &Words) -> Value {
    let mut all = args[0].elements().to_vec();
    all.sort_by_cached_key(plain_text);
    several(all)
}

/// By a separator; by an empty one, into characters.
fn split(args: &[Value], empty: bool) -> Value {
    let Some(separator) = plain_text(single(&args[1])) else { return Value::Null };
    let mut out = Vec::new();
    for text in args[0].elements().iter().filter_map(plain_text) {
        if separator.is_empty() {
            out.extend(text.chars().take(MOST).map(|c| Value::str(c.to_string())));
        } else {
            out.extend(text.split(&*separator).take(MOST).filter(|t| empty || !t.is_empty()).map(Value::str));
        }
    }
    several(out)
}

/// First with first, second with second, a separator between.
fn zip(args: &[Value], _: &Words) -> Value {
    let separator = args.get(2).and_then(plain_text).unwrap_or_else(|| ",".into());
    let pairs = args[0].elements().iter().zip(args[1].elements());
    let text = |v: &Value| plain_text(v).unwrap_or_default();
    several(pairs.map(|(a, b)| Value::str(format!("{}{separator}{}", text(a), text(b)))).collect())
}

/// What the first group of an expression (or, without groups, the whole of it) finds, all of it.
fn regex_all(args: &[Value], words: &Words) -> Value {
    let Some(r) = regex(&args[1]).and_then(|r| regexes::cached(&r, words).ok()) else { return Value::Null };
    let mut out = Vec::new();
    for text in args[0].elements().iter().filter_map(plain_text) {
        for groups in r.captures_all(&text, MOST) {
            let group = if groups.len() > 1 { groups.get(1) } else { groups.first() };
            let part = group.copied().flatten().and_then(|(start, end)| text.get(start..end));
            out.extend(part.map(Value::str));
        }
    }
    several(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Value {
        several(text.split(' ').filter(|t| !t.is_empty()).map(Value::str).collect())
    }

    fn check(f: fn(&[Value], &Words) -> Value, args: &[Value], want: Value) {
        assert_eq!(f(args, &Words::default()), want, "{args:?}");
    }

    #[test]
    fn lists() {
        check(append, &["a".into(), Value::Null, list("b c")], list("a b c"));
        check(count, &["a".into()], 1.into());
        check(dedup, &[list("a b a")], list("a b"));
        check(find, &[list("a b"), "^b$".into()], 1.into());
        check(index, &[list("a b c"), 1.into()], "b".into());
        check(index, &[list("a b c"), (-2).into(), (-1).into()], list("b c"));
        check(index, &[list("a b c"), 3.into()], Value::Null);
        check(join, &[list("a b"), ";".into()], "a;b".into());
        check(range, &[1.into(), 7.into(), 2.into()], several(vec![1.into(), 3.into(), 5.into()]));
        check(sort, &[list("b a")], list("a b"));
        check(reverse, &[list("b a")], list("a b"));
        check(zip, &[list("a b"), list("1 2")], list("a,1 b,2"));
        check(regex_all, &["a1 b2".into(), "([a-z])\\d".into()], list("a b"));
        assert_eq!(split(&["a,,b".into(), ",".into()], true).elements().len(), 3);
        assert_eq!(split(&["a,,b".into(), ",".into()], false), list("a b"));
        assert_eq!(split(&["ab".into(), "".into()], true), list("a b"));
    }
}
