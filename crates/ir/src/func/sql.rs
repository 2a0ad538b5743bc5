//! Functions as Spark SQL means them (spark.apache.org, "SQL Reference: Functions"). Positions count characters
//! from 1; regular expressions are Java's.

use shikra_event::{Timestamp, Value};

use super::{FuncDef, strings::text_of};
use crate::{Flavor, Regex, Words, eval, regex};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "divide-real", arity: (2, 2), takes_null: false, eval: divide },
    FuncDef { name: "first-known", arity: (1, usize::MAX), takes_null: true, eval: coalesce },
    FuncDef { name: "convert", arity: (2, 2), takes_null: false, eval: convert },
    FuncDef { name: "substring-from-1", arity: (2, 3), takes_null: false, eval: substring },
    FuncDef { name: "split-regex", arity: (2, 3), takes_null: false, eval: split },
    FuncDef { name: "regex-group", arity: (3, 3), takes_null: false, eval: regex_group },
    FuncDef { name: "regex-replace", arity: (3, 3), takes_null: false, eval: regex_replace },
    FuncDef { name: "reverse", arity: (1, 1), takes_null: false, eval: reverse },
    FuncDef { name: "hex", arity: (1, 1), takes_null: false, eval: hex },
    FuncDef { name: "unhex", arity: (1, 1), takes_null: false, eval: unhex },
    FuncDef { name: "concat-with", arity: (1, usize::MAX), takes_null: true, eval: concat_with },
    FuncDef { name: "trim", arity: (1, 2), takes_null: false, eval: trim },
    FuncDef { name: "trim-start", arity: (1, 2), takes_null: false, eval: trim_start },
    FuncDef { name: "trim-end", arity: (1, 2), takes_null: false, eval: trim_end },
    FuncDef { name: "replace-text", arity: (3, 3), takes_null: false, eval: replace },
    FuncDef { name: "greatest", arity: (1, usize::MAX), takes_null: true, eval: greatest },
    FuncDef { name: "least", arity: (1, usize::MAX), takes_null: true, eval: least },
    FuncDef { name: "round", arity: (1, 2), takes_null: false, eval: round },
    FuncDef { name: "floor", arity: (1, 1), takes_null: false, eval: floor },
    FuncDef { name: "ceiling", arity: (1, 1), takes_null: false, eval: ceiling },
    FuncDef { name: "absolute", arity: (1, 1), takes_null: false, eval: absolute },
    FuncDef { name: "unix-seconds", arity: (1, 1), takes_null: false, eval: unix_seconds },
    FuncDef { name: "time-of-seconds", arity: (1, 1), takes_null: false, eval: time_of_seconds },
];

/// The quotient as a real number.
fn divide(args: &[Value], _: &Words) -> Value {
    let (Some(a), Some(b)) = (eval::number(&args[0]), eval::number(&args[1])) else { return Value::Null };
    real(a / b)
}

fn real(n: f64) -> Value {
    if n.is_finite() { Value::F64(n) } else { Value::Null }
}

/// The first argument that is not null.
fn coalesce(args: &[Value], _: &Words) -> Value {
    args.iter().find(|v| !v.is_null()).cloned().unwrap_or(Value::Null)
}

/// A value as the type that `args[1]` names: `integer`, `double`, `text`, `boolean`, `time`, `date`.
pub(super) fn convert(args: &[Value], _: &Words) -> Value {
    let kind = args[1].to_text().unwrap_or_default();
    let v = &args[0];
    let out = match kind.as_str() {
        "integer" => integer(v),
        "double" => match v {
            Value::Bool(b) => Some(Value::F64(f64::from(u8::from(*b)))),
            v => eval::number(v).map(Value::F64),
        },
        "text" => text_of(v).map(Value::str),
        "boolean" => truth(v),
        "time" => time_of(v).map(Value::Time),
        "date" => time_of(v).map(|t| Value::Time(Timestamp(t.0 - t.0.rem_euclid(86_400_000_000_000)))),
        _ => None,
    };
    out.unwrap_or(Value::Null)
}

/// Fractions are cut off; text must be a decimal number.
fn integer(v: &Value) -> Option<Value> {
    match v {
        Value::I64(_) => Some(v.clone()),
        Value::Bool(b) => Some(Value::I64(i64::from(*b))),
        Value::Time(t) => Some(Value::I64(t.0.div_euclid(1_000_000_000))),
        Value::Str(s) => match s.trim().parse::<i64>() {
            Ok(n) => Some(Value::I64(n)),
            Err(_) => eval::number(v).filter(|n| n.abs() < 9.2e18).map(|n| Value::I64(n as i64)),
        },
        v => v.as_f64().filter(|n| n.abs() < 9.2e18).map(|n| Value::I64(n as i64)),
    }
}

fn truth(v: &Value) -> Option<Value> {
    match v {
        Value::Bool(_) => Some(v.clone()),
        Value::I64(_) | Value::F64(_) => Some(Value::Bool(v.as_f64() != Some(0.0))),
        Value::Str(s) => match s.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "1" => Some(Value::Bool(true)),
            "f" | "false" | "n" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}

/// A time, from text too.
pub(super) fn time_of(v: &Value) -> Option<Timestamp> {
    match v {
        Value::Time(t) => Some(*t),
        Value::Str(s) => Timestamp::parse(s),
        _ => None,
    }
}

/// From position `args[1]` (0 is as 1, negative counts from the end), `args[2]` characters.
fn substring(args: &[Value], _: &Words) -> Value {
    let (Some(text), Value::I64(from)) = (args[0].to_text(), &args[1]) else { return Value::Null };
    let chars: Vec<char> = text.chars().collect();
    let length = chars.len() as i64;
    let start = match *from {
        n if n > 0 => n - 1,
        0 => 0,
        n => n.saturating_add(length),
    };
    let end = match args.get(2) {
        Some(Value::I64(n)) => start.saturating_add(*n),
        Some(_) => return Value::Null,
        None => length,
    };
    let range = start.clamp(0, length) as usize..end.clamp(start.clamp(0, length), length) as usize;
    Value::str(chars.get(range).unwrap_or_default().iter().collect::<String>())
}

fn compiled(source: &Value, words: &Words) -> Option<std::sync::Arc<regex::Compiled>> {
    let r = Regex { source: source.to_text()?, multi_line: false, dot_all: false, whole: false };
    regex::cached(&r, &Words { regex: Flavor::Java, ..*words }).ok()
}

/// The parts of a text between matches; at most `args[2]` where that is positive.
fn split(args: &[Value], words: &Words) -> Value {
    let (Some(text), Some(r)) = (args[0].to_text(), compiled(&args[1], words)) else { return Value::Null };
    let most = match args.get(2) {
        Some(Value::I64(n)) if *n > 0 => *n as usize,
        _ => usize::MAX,
    };
    Value::List(r.split(&text, most).into_iter().map(Value::str).collect())
}

/// Group number `args[2]` of the first match, empty where there is none.
fn regex_group(args: &[Value], words: &Words) -> Value {
    let (Some(text), Some(r)) = (args[0].to_text(), compiled(&args[1], words)) else { return Value::Null };
    let Value::I64(number) = args[2] else { return Value::Null };
    let group = r.captures(&text, 0).and_then(|g| *g.get(usize::try_from(number).ok()?)?);
    Value::str(group.and_then(|(a, b)| text.get(a..b)).unwrap_or_default())
}

/// All matches replaced; `$1` in `args[2]` is a group, `\` makes the next character literal.
fn regex_replace(args: &[Value], words: &Words) -> Value {
    let (Some(text), Some(r)) = (args[0].to_text(), compiled(&args[1], words)) else { return Value::Null };
    let Some(with) = args[2].to_text() else { return Value::Null };
    Value::str(r.replace_all(&text, |groups| filled(&with, &text, groups)))
}

fn filled(with: &str, text: &str, groups: &regex::Groups) -> String {
    let mut out = String::new();
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '$' => {
                let mut number = 0;
                while let Some(d) = chars.peek().and_then(|c| c.to_digit(10)) {
                    number = (number * 10 + d as usize).min(1000);
                    chars.next();
                }
                let group = groups.get(number).copied().flatten();
                out.push_str(group.and_then(|(a, b)| text.get(a..b)).unwrap_or_default());
            }
            c => out.push(c),
        }
    }
    out
}

/// A text, or a list, back to front.
fn reverse(args: &[Value], _: &Words) -> Value {
    match &args[0] {
        Value::List(v) => Value::List(v.iter().rev().cloned().collect()),
        v => v.to_text().map_or(Value::Null, |t| Value::str(t.chars().rev().collect::<String>())),
    }
}

/// Upper-case hexadecimal digits: of a whole number, or of a text's bytes.
fn hex(args: &[Value], _: &Words) -> Value {
    match &args[0] {
        Value::I64(n) => Value::str(format!("{n:X}")),
        Value::Str(s) => Value::str(s.bytes().map(|b| format!("{b:02X}")).collect::<String>()),
        _ => Value::Null,
    }
}

/// The text that hexadecimal digits say.
fn unhex(args: &[Value], _: &Words) -> Value {
    let Some(text) = args[0].to_text().filter(|t| t.is_ascii()) else { return Value::Null };
    let text = if text.len() % 2 == 1 { format!("0{text}") } else { text };
    let bytes: Option<Vec<u8>> =
        (0..text.len() / 2).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    bytes.map_or(Value::Null, |b| Value::str(String::from_utf8_lossy(&b)))
}

/// Texts and lists of texts, with the first argument between them; nulls are left out.
fn concat_with(args: &[Value], _: &Words) -> Value {
    let Some(between) = args[0].to_text() else { return Value::Null };
    let parts: Vec<String> = args[1..].iter().flat_map(|v| v.elements().iter().filter_map(text_of)).collect();
    Value::str(parts.join(&between))
}

fn trim(args: &[Value], _: &Words) -> Value {
    trimmed(args, |t, c| t.trim_matches(c))
}

fn trim_start(args: &[Value], _: &Words) -> Value {
    trimmed(args, |t, c| t.trim_start_matches(c))
}

fn trim_end(args: &[Value], _: &Words) -> Value {
    trimmed(args, |t, c| t.trim_end_matches(c))
}

fn trimmed(args: &[Value], cut: for<'t> fn(&'t str, &[char]) -> &'t str) -> Value {
    let chars: Vec<char> = match args.get(1) {
        Some(v) => v.to_text().unwrap_or_default().chars().collect(),
        None => vec![' '],
    };
    args[0].to_text().map_or(Value::Null, |t| Value::str(cut(&t, &chars)))
}

fn replace(args: &[Value], _: &Words) -> Value {
    match (args[0].to_text(), args[1].to_text(), args[2].to_text()) {
        (Some(t), Some(what), Some(_)) if what.is_empty() => Value::str(t),
        (Some(t), Some(what), Some(with)) => Value::str(t.replace(&what, &with)),
        _ => Value::Null,
    }
}

fn greatest(args: &[Value], words: &Words) -> Value {
    outermost(args, words, std::cmp::Ordering::Greater)
}

fn least(args: &[Value], words: &Words) -> Value {
    outermost(args, words, std::cmp::Ordering::Less)
}

fn outermost(args: &[Value], words: &Words, wanted: std::cmp::Ordering) -> Value {
    let mut best = Value::Null;
    for v in args.iter().filter(|v| !v.is_null()) {
        if best.is_null() || eval::ordering(v, &best, words) == Some(wanted) {
            best = v.clone();
        }
    }
    best
}

/// To `args[1]` decimal places, halves away from zero.
fn round(args: &[Value], _: &Words) -> Value {
    let places = match args.get(1) {
        None => 0,
        Some(Value::I64(n)) => (*n).clamp(-18, 18) as i32,
        Some(_) => return Value::Null,
    };
    let scale = 10f64.powi(places);
    match &args[0] {
        Value::I64(n) if places >= 0 => Value::I64(*n),
        Value::I64(n) => Value::I64(((*n as f64 * scale).round() / scale) as i64),
        v => eval::number(v).map_or(Value::Null, |n| real((n * scale).round() / scale)),
    }
}

fn floor(args: &[Value], _: &Words) -> Value {
    whole(&args[0], f64::floor)
}

fn ceiling(args: &[Value], _: &Words) -> Value {
    whole(&args[0], f64::ceil)
}

fn whole(v: &Value, f: fn(f64) -> f64) -> Value {
    match v {
        Value::I64(_) => v.clone(),
        v => {
            eval::number(v).map(f).filter(|n| n.abs() < 9.2e18).map_or(Value::Null, |n| Value::I64(n as i64))
        }
    }
}

fn absolute(args: &[Value], _: &Words) -> Value {
    match &args[0] {
        Value::I64(n) => n.checked_abs().map_or(Value::Null, Value::I64),
        v => eval::number(v).map_or(Value::Null, |n| Value::F64(n.abs())),
    }
}

/// Whole seconds since 1970 of a time.
fn unix_seconds(args: &[Value], _: &Words) -> Value {
    time_of(&args[0]).map_or(Value::Null, |t| Value::I64(t.0.div_euclid(1_000_000_000)))
}

/// The time so many seconds after 1970.
fn time_of_seconds(args: &[Value], _: &Words) -> Value {
    let nanos = match &args[0] {
        Value::I64(n) => n.checked_mul(1_000_000_000),
        v => eval::number(v).map(|n| n * 1e9).filter(|n| n.abs() < 9.2e18).map(|n| n as i64),
    };
    nanos.map_or(Value::Null, |n| Value::Time(Timestamp(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fold;

    fn check(f: fn(&[Value], &Words) -> Value, args: &[Value], want: impl Into<Value>) {
        let words = Words { fold: Fold::None, ..Words::default() };
        assert_eq!(f(args, &words), want.into(), "{args:?}");
    }

    #[test]
    fn texts() {
        check(substring, &["abcd".into(), (-2).into(), 1.into()], "c");
        check(substring, &["abcd".into(), 0.into(), 2.into()], "ab");
        check(substring, &["abcd".into(), (-9).into(), 7.into()], "ab");
        check(regex_group, &["a=12;".into(), r"a=(\d+)".into(), 1.into()], "12");
        check(regex_group, &["a".into(), "(b)".into(), 1.into()], "");
        check(regex_replace, &["a1b2".into(), r"([a-z])(\d)".into(), r"$2$1\$".into()], "1a$2b$");
        check(hex, &[255.into()], "FF");
        check(hex, &[(-1).into()], "FFFFFFFFFFFFFFFF");
        check(hex, &["ab".into()], "6162");
        check(unhex, &["6162".into()], "ab");
        check(concat_with, &[",".into(), "a".into(), Value::Null, "b".into()], "a,b");
        check(trim, &["  a ".into()], "a");
        let parts = Value::List(vec!["c:".into(), "a".into(), "b".into()]);
        check(split, &[r"c:\a\b".into(), r"\\".into()], parts.clone());
        check(reverse, &[parts], Value::List(vec!["b".into(), "a".into(), "c:".into()]));
    }

    #[test]
    fn numbers_and_times() {
        check(divide, &[1.into(), 2.into()], Value::F64(0.5));
        check(divide, &[1.into(), 0.into()], Value::Null);
        check(convert, &[" 12 ".into(), "integer".into()], 12);
        check(convert, &["0x1f".into(), "integer".into()], Value::Null);
        check(convert, &["1.9".into(), "integer".into()], 1);
        check(round, &[Value::F64(2.5)], Value::F64(3.0));
        check(round, &[1955.into(), (-1).into()], 1960);
        check(greatest, &[1.into(), Value::Null, 3.into()], 3);
        check(unix_seconds, &["1970-01-01 00:01:00".into()], 60);
        check(time_of_seconds, &[60.into()], Value::Time(Timestamp(60_000_000_000)));
    }
}
