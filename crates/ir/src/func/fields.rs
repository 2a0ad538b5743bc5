//! Functions for fields whose values arrive as text: as a number, as a part of a time, related to another field.

use shikra_event::{Timestamp, Value};

use super::{FuncDef, each, fold, pairwise};
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "number", arity: (1, 1), takes_null: false, eval: number },
    FuncDef { name: "starts-with", arity: (2, 2), takes_null: false, eval: starts_with },
    FuncDef { name: "ends-with", arity: (2, 2), takes_null: false, eval: ends_with },
    FuncDef { name: "contains-text", arity: (2, 2), takes_null: false, eval: contains_text },
    FuncDef { name: "time", arity: (1, 1), takes_null: false, eval: time },
    FuncDef { name: "time-nanos", arity: (1, 1), takes_null: false, eval: time_nanos },
    FuncDef { name: "time-part", arity: (2, 2), takes_null: false, eval: time_part },
];

/// A time, or text that reads as one, as nanoseconds since 1970.
fn time_nanos(args: &[Value], words: &Words) -> Value {
    each(&time(args, words), |v| match v {
        Value::Time(t) => Value::I64(t.0),
        _ => Value::Null,
    })
}

/// Text that reads as a decimal number, as one; other text is null.
fn number(args: &[Value], _: &Words) -> Value {
    each(&args[0], |v| match v {
        Value::I64(_) | Value::F64(_) => v.clone(),
        Value::Str(s) => match s.trim().parse::<i64>() {
            Ok(n) => Value::I64(n),
            Err(_) => crate::eval::number(v).map_or(Value::Null, Value::F64),
        },
        _ => Value::Null,
    })
}

fn starts_with(args: &[Value], words: &Words) -> Value {
    related(args, words, |a, b| a.starts_with(b))
}

fn ends_with(args: &[Value], words: &Words) -> Value {
    related(args, words, |a, b| a.ends_with(b))
}

fn contains_text(args: &[Value], words: &Words) -> Value {
    related(args, words, |a, b| a.contains(b))
}

/// Whether two values are so related, as folded text.
fn related(args: &[Value], words: &Words, holds: fn(&str, &str) -> bool) -> Value {
    let text = |v: &Value| v.to_text().map(|t| fold(&t, words.fold));
    pairwise(&args[0], &args[1], |a, b| match (text(a), text(b)) {
        (Some(a), Some(b)) => Value::Bool(holds(&a, &b)),
        _ => Value::Null,
    })
}

/// Text that reads as a point in time, as one; other text is null.
fn time(args: &[Value], _: &Words) -> Value {
    each(&args[0], |v| match v {
        Value::Time(_) => v.clone(),
        Value::Str(s) => Timestamp::parse(s).map_or(Value::Null, Value::Time),
        _ => Value::Null,
    })
}

/// `minute`, `hour`, `day`, `week` (ISO), `month` or `year` of a time in UTC, or of text that is one.
fn time_part(args: &[Value], _: &Words) -> Value {
    let part = args[1].to_text().unwrap_or_default();
    each(&args[0], |v| {
        let time = match v {
            Value::Time(t) => Some(*t),
            Value::Str(s) => Timestamp::parse(s),
            _ => None,
        };
        let Some(time) = time else { return Value::Null };
        let (year, month, day, hour, minute, ..) = time.civil();
        Value::I64(match part.as_str() {
            "minute" => minute.into(),
            "hour" => hour.into(),
            "day" => day.into(),
            "week" => time.iso_week().into(),
            "month" => month.into(),
            "year" => year,
            _ => return Value::Null,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_text() {
        let words = Words::default();
        assert_eq!(number(&[Value::str(" 42 ")], &words), Value::I64(42));
        assert_eq!(number(&[Value::str("4x")], &words), Value::Null);
        let at = Value::str("2024-12-31 23:59:00");
        for (part, want) in [("hour", 23), ("week", 1), ("year", 2024)] {
            assert_eq!(time_part(&[at.clone(), Value::str(part)], &words), Value::I64(want), "{part}");
        }
        assert_eq!(ends_with(&[Value::str("C:\\A.EXE"), Value::str("a.exe")], &words), Value::Bool(true));
    }
}
