//! Parts of text, and text of values. Positions count characters from 0.

use shikra_event::Value;

use super::{FuncDef, each, fold};
use crate::{Fold, Words};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "text", arity: (1, 1), takes_null: false, eval: text },
    FuncDef { name: "fold-text", arity: (1, 1), takes_null: false, eval: fold_text },
    FuncDef { name: "concat", arity: (1, usize::MAX), takes_null: false, eval: concat },
    FuncDef { name: "between", arity: (3, 4), takes_null: false, eval: between },
    FuncDef { name: "between-or-empty", arity: (3, 4), takes_null: false, eval: between_or_empty },
    FuncDef { name: "index-of", arity: (2, 3), takes_null: true, eval: index_of },
    FuncDef { name: "slice", arity: (2, 3), takes_null: true, eval: slice },
    FuncDef { name: "number-in-base", arity: (1, 2), takes_null: true, eval: number_in_base },
    FuncDef { name: "version-order", arity: (2, 2), takes_null: false, eval: version_order },
];

/// The text of a scalar; of a real number with its decimal point.
pub(super) fn text_of(v: &Value) -> Option<String> {
    match v {
        Value::F64(n) => Some(format!("{n:?}")),
        other => other.to_text(),
    }
}

fn text(args: &[Value], _: &Words) -> Value {
    each(&args[0], |v| text_of(v).map_or(Value::Null, Value::str))
}

/// Text folded as the words say; other values as they are: keys that compare without case.
fn fold_text(args: &[Value], words: &Words) -> Value {
    each(&args[0], |v| match v {
        Value::Str(s) => Value::str(fold(s, words.fold)),
        other => other.clone(),
    })
}

fn concat(args: &[Value], _: &Words) -> Value {
    let mut out = String::new();
    for arg in args {
        match arg {
            Value::List(v) if v.len() == 1 => out.push_str(&text_of(&v[0]).unwrap_or_default()),
            one => match text_of(one) {
                Some(t) => out.push_str(&t),
                None => return Value::Null,
            },
        }
    }
    Value::str(out)
}

fn between(args: &[Value], words: &Words) -> Value {
    each(&args[0], |v| find_between(v, args, words).map_or(Value::Null, Value::str))
}

fn between_or_empty(args: &[Value], words: &Words) -> Value {
    each(&args[0], |v| Value::str(find_between(v, args, words).unwrap_or_default()))
}

/// What stands between the first `args[1]` and the next (or, where `args[3]` is true, the last) `args[2]`.
fn find_between(source: &Value, args: &[Value], words: &Words) -> Option<String> {
    let source = Folded::new(&source.to_text()?, words.fold);
    let (left, right) = (folded(&args[1], words)?, folded(&args[2], words)?);
    let greedy = args.get(3) == Some(&Value::Bool(true));
    let start = source.find(&left, 0)? + left.len();
    let end = if greedy { source.find_last(&right, start) } else { source.find(&right, start) }?;
    source.original(start, end)
}

fn folded(v: &Value, words: &Words) -> Option<Vec<char>> {
    Some(v.to_text()?.chars().map(|c| fold_char(c, words.fold)).collect())
}

/// A character folded to one character, so that positions in folded and original text agree.
fn fold_char(c: char, how: Fold) -> char {
    let mut lower = c.to_lowercase();
    match (how, lower.next(), lower.next()) {
        (Fold::Unicode, Some(l), None) => l,
        _ => c,
    }
}

/// A text beside its folded form, by characters.
struct Folded {
    original: Vec<char>,
    folded: Vec<char>,
}

impl Folded {
    fn new(text: &str, how: Fold) -> Folded {
        let original: Vec<char> = text.chars().collect();
        Folded { folded: original.iter().map(|c| fold_char(*c, how)).collect(), original }
    }
    fn at(&self, needle: &[char], i: usize) -> bool {
        self.folded.get(i..i + needle.len()) == Some(needle)
    }
    fn find(&self, needle: &[char], from: usize) -> Option<usize> {
        (from..=self.folded.len().checked_sub(needle.len())?).find(|i| self.at(needle, *i))
    }
    fn find_last(&self, needle: &[char], from: usize) -> Option<usize> {
        (from..=self.folded.len().checked_sub(needle.len())?).rev().find(|i| self.at(needle, *i))
    }
    fn original(&self, start: usize, end: usize) -> Option<String> {
        Some(self.original.get(start..end)?.iter().collect())
    }
}

/// The first position at or after `args[2]` (0 where absent or null) at which `args[1]` stands.
fn index_of(args: &[Value], words: &Words) -> Value {
    let from = match args.get(2) {
        Some(Value::I64(n)) => usize::try_from(*n).unwrap_or(0),
        _ => 0,
    };
    let Some(needle) = folded(&args[1], words) else { return Value::Null };
    each(&args[0], |v| {
        let Some(text) = v.to_text() else { return Value::Null };
        let found = Folded::new(&text, words.fold).find(&needle, from);
        found.map_or(Value::Null, |n| Value::I64(n as i64))
    })
}

/// From `args[1]` up to `args[2]`; negative positions count from the end, those outside are cut to it, and
/// null ones mean the start and the end.
fn slice(args: &[Value], _: &Words) -> Value {
    let position = |v: Option<&Value>, length: i64, default: i64| match v {
        Some(Value::I64(n)) if *n < 0 => Some((length + n.max(&-length)).max(0)),
        Some(Value::I64(n)) => Some((*n).min(length)),
        None | Some(Value::Null | Value::Missing) => Some(default),
        Some(_) => None,
    };
    each(&args[0], |v| {
        let Some(text) = v.to_text() else { return Value::Null };
        let chars: Vec<char> = text.chars().collect();
        let length = chars.len() as i64;
        let ends = (position(args.get(1), length, 0), position(args.get(2), length, length));
        let (Some(start), Some(end)) = ends else { return Value::Null };
        let part = chars.get(start as usize..(end.max(start)) as usize).unwrap_or(&[]);
        Value::str(part.iter().collect::<String>())
    })
}

/// The number that a text writes in base `args[1]`: 10, or 16 after `0x`, where absent or null.
fn number_in_base(args: &[Value], _: &Words) -> Value {
    let base = match args.get(1) {
        None | Some(Value::Null | Value::Missing) => None,
        Some(Value::I64(n)) if (2..=36).contains(n) => Some(*n as u32),
        Some(_) => return Value::Null,
    };
    each(&args[0], |v| match v {
        Value::I64(_) | Value::F64(_) => v.clone(),
        Value::Str(s) => parse_number(s.trim(), base).unwrap_or(Value::Null),
        _ => Value::Null,
    })
}

fn parse_number(text: &str, base: Option<u32>) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
        None => ("", text),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match (hex, base) {
        (Some(h), None | Some(16)) => (h, 16),
        (_, b) => (digits, b.unwrap_or(10)),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    if let Ok(n) = i64::from_str_radix(&format!("{sign}{digits}"), base) {
        return Some(Value::I64(n));
    }
    let plain =
        base == 10 && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-'));
    let n: f64 = plain.then(|| format!("{sign}{digits}").parse().ok())??;
    n.is_finite().then_some(Value::F64(n))
}

/// How two version texts (semver.org §11) order: -1, 0 or 1. What is no version comes after what is one.
fn version_order(args: &[Value], _: &Words) -> Value {
    let Some(right) = args[1].to_text() else { return Value::Null };
    each(&args[0], |v| match v.to_text() {
        Some(left) => Value::I64(compare_versions(&left, &right) as i64),
        None => Value::Null,
    })
}

fn compare_versions(left: &str, right: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (l, r) = match (version(left), version(right)) {
        (Some(l), Some(r)) => (l, r),
        (Some(_), None) => return Less,
        (None, Some(_)) => return Greater,
        (None, None) => return left.cmp(right),
    };
    l.0.cmp(&r.0).then_with(|| match (l.1, r.1) {
        ("", "") => Equal,
        ("", _) => Greater,
        (_, "") => Less,
        (a, b) => {
            let part = |p: &str| (p.parse::<u64>().map_or((1, 0), |n| (0, n)), p.to_owned());
            a.split('.').map(part).cmp(b.split('.').map(part))
        }
    })
}

/// The three numbers and the pre-release part.
fn version(text: &str) -> Option<([u64; 3], &str)> {
    let text = text.split('+').next()?;
    let (core, pre) = text.split_once('-').unwrap_or((text, ""));
    let mut parts = core.split('.').map(|p| p.parse::<u64>().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some((numbers, pre))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(f: fn(&[Value], &Words) -> Value, args: &[Value], want: Value) {
        let words = Words { fold: Fold::None, ..Words::default() };
        assert_eq!(f(args, &words), want, "{args:?}");
    }

    #[test]
    fn parts() {
        let s = Value::str("a [b] c]");
        check(between, &[s.clone(), "[".into(), "]".into()], "b".into());
        check(between, &[s.clone(), "[".into(), "]".into(), true.into()], "b] c".into());
        check(between, &[s.clone(), "(".into(), "]".into()], Value::Null);
        check(between_or_empty, &[s.clone(), "(".into(), "]".into()], "".into());
        check(index_of, &[s.clone(), "]".into(), 5.into()], 7.into());
        check(slice, &["äbcd".into(), (-3).into(), (-1).into()], "bc".into());
        check(slice, &["abc".into(), Value::Null, 99.into()], "abc".into());
        check(slice, &["abc".into(), (-60).into(), 2.into()], "ab".into());
        check(slice, &["abc".into(), 3.into(), 1.into()], "".into());
        let words = Words::default();
        assert_eq!(between(&["xSTARTyENDz".into(), "start".into(), "end".into()], &words), "y".into());
    }

    #[test]
    fn numbers_and_text() {
        check(number_in_base, &["0x1F".into()], 31.into());
        check(number_in_base, &["1f".into(), 16.into()], 31.into());
        check(number_in_base, &["-3.5".into(), Value::Null], Value::F64(-3.5));
        check(number_in_base, &["x".into()], Value::Null);
        check(number_in_base, &["inf".into()], Value::Null);
        check(text, &[Value::F64(2.0)], "2.0".into());
        check(concat, &["a".into(), 1.into(), true.into()], "a1true".into());
    }

    #[test]
    fn versions() {
        for (a, b, want) in [("1.2.4", "1.11.3", -1), ("1.2.4-rc1", "1.2.4", -1), ("bad", "9.9.9", 1)] {
            check(version_order, &[a.into(), b.into()], Value::I64(want));
        }
    }
}
