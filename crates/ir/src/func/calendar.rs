//! Functions of times and the calendar, all in UTC: rounding, differences, parts, and text by a pattern of
//! `java.time.format.DateTimeFormatter`.

use shikra_event::{Timestamp, Value};

use super::{FuncDef, sql::time_of, times};
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "time-truncate", arity: (3, 3), takes_null: false, eval: truncate },
    FuncDef { name: "time-add", arity: (3, 3), takes_null: false, eval: add },
    FuncDef { name: "time-difference", arity: (3, 3), takes_null: false, eval: difference },
    FuncDef { name: "time-field", arity: (2, 2), takes_null: false, eval: field },
    FuncDef { name: "time-format", arity: (2, 2), takes_null: false, eval: format },
    FuncDef { name: "time-parse", arity: (2, 2), takes_null: false, eval: parse },
];

const DAY: i64 = 86_400_000_000_000;

/// A unit of time: nanoseconds, or months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of fixed length.
    Nanos(i64),
    /// So many months.
    Months(i64),
}

/// A unit by its name, in singular or plural, or its short form (`ms`, `s`, `m`, `min`, `h`, `d`, `w`, `mo`, `q`,
/// `y`, `yr`).
pub fn unit(name: &str) -> Option<Unit> {
    let name = name.trim().to_ascii_lowercase();
    let long = name.strip_suffix('s').filter(|n| n.len() > 2).unwrap_or(&name);
    Some(match long {
        "nanosecond" | "ns" => Unit::Nanos(1),
        "microsecond" | "mcs" => Unit::Nanos(1_000),
        "millisecond" | "ms" => Unit::Nanos(1_000_000),
        "second" | "sec" | "s" | "ss" => Unit::Nanos(1_000_000_000),
        "minute" | "min" | "m" | "mi" | "n" => Unit::Nanos(60_000_000_000),
        "hour" | "h" | "hh" => Unit::Nanos(3_600_000_000_000),
        "day" | "d" | "dd" => Unit::Nanos(DAY),
        "week" | "w" | "wk" | "ww" => Unit::Nanos(7 * DAY),
        "month" | "mo" | "mm" => Unit::Months(1),
        "quarter" | "q" | "qq" => Unit::Months(3),
        "year" | "yr" | "y" | "yy" | "yyyy" => Unit::Months(12),
        _ => return None,
    })
}

fn amount(n: &Value, of: &Value) -> Option<Unit> {
    let n = match n {
        Value::I64(n) => *n,
        _ => return None,
    };
    match unit(&of.to_text()?)? {
        Unit::Nanos(u) => u.checked_mul(n).map(Unit::Nanos),
        Unit::Months(u) => u.checked_mul(n).map(Unit::Months),
    }
}

fn made(t: Option<Timestamp>) -> Value {
    t.map_or(Value::Null, Value::Time)
}

/// The start of the interval of `args[1]` `args[2]` that a time lies in. Weeks begin on Monday; other intervals of
/// fixed length count from 1970, months from January.
fn truncate(args: &[Value], _: &Words) -> Value {
    let (Some(time), Some(width)) = (time_of(&args[0]), amount(&args[1], &args[2])) else {
        return Value::Null;
    };
    made(truncated(time, width))
}

/// See [`truncate`].
fn truncated(time: Timestamp, width: Unit) -> Option<Timestamp> {
    match width {
        Unit::Nanos(width) if width > 0 => {
            // 1970 began on a Thursday.
            let shift = if width % (7 * DAY) == 0 { 4 * DAY } else { 0 };
            Some(Timestamp(time.0 - (time.0 - shift).rem_euclid(width)))
        }
        Unit::Months(width) if width > 0 => {
            let (year, month, ..) = time.civil();
            let months = year * 12 + i64::from(month) - 1;
            let start = months - months.rem_euclid(width);
            first_of(start)
        }
        _ => None,
    }
}

/// The first instant of a month counted from year 0.
fn first_of(months: i64) -> Option<Timestamp> {
    Timestamp::from_civil(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1, 0, 0, 0, 0)
}

/// A time and an amount of time. A day that the month reached does not have becomes its last.
fn add(args: &[Value], _: &Words) -> Value {
    let (Some(time), Some(by)) = (time_of(&args[0]), amount(&args[1], &args[2])) else { return Value::Null };
    match by {
        Unit::Nanos(n) => made(time.0.checked_add(n).map(Timestamp)),
        Unit::Months(n) => {
            let (year, month, day, h, m, s, nanos) = time.civil();
            let Some(months) = (year * 12 + i64::from(month) - 1).checked_add(n) else { return Value::Null };
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
            let found = (28..=day.max(28))
                .rev()
                .chain([day])
                .find_map(|d| Timestamp::from_civil(year, month, d.min(day), h, m, s, nanos));
            made(found)
        }
    }
}

/// How many whole units lie between two times.
fn difference(args: &[Value], _: &Words) -> Value {
    let (Some(of), Some(from), Some(to)) =
        (args[0].to_text().and_then(|t| unit(&t)), time_of(&args[1]), time_of(&args[2]))
    else {
        return Value::Null;
    };
    match of {
        Unit::Nanos(n) => to.0.checked_sub(from.0).map_or(Value::Null, |d| Value::I64(d / n)),
        Unit::Months(n) => {
            let months = |t: Timestamp| {
                let (year, month, ..) = t.civil();
                year * 12 + i64::from(month)
            };
            let rest = |t: Timestamp| {
                let (_, _, day, h, m, s, nanos) = t.civil();
                (day, h, m, s, nanos)
            };
            let mut whole = months(to) - months(from);
            if whole > 0 && rest(to) < rest(from) {
                whole -= 1;
            } else if whole < 0 && rest(to) > rest(from) {
                whole += 1;
            }
            Value::I64(whole / n)
        }
    }
}

/// A part of a time by the name of a `java.time.temporal.ChronoField`, or a short form of it.
fn field(args: &[Value], _: &Words) -> Value {
    let (Some(name), Some(time)) = (args[0].to_text(), time_of(&args[1])) else { return Value::Null };
    let (year, month, day, hour, minute, second, nanos) = time.civil();
    let within_day = time.0.rem_euclid(DAY);
    Value::I64(match name.to_ascii_lowercase().as_str() {
        "year" | "years" | "yyyy" | "yy" | "year_of_era" => year,
        "month" | "months" | "month_of_year" | "mm" => month.into(),
        "day" | "days" | "day_of_month" | "dd" => day.into(),
        "day_of_week" | "weekday" | "dow" => time.iso_weekday().into(),
        "day_of_year" | "doy" => day_of_year(time),
        "epoch_day" => time.0.div_euclid(DAY),
        "quarter" => i64::from((month - 1) / 3 + 1),
        "week" | "weeks" | "iso_week" | "aligned_week_of_year" => time.iso_week().into(),
        "hour" | "hours" | "hour_of_day" | "hh" => hour.into(),
        "clock_hour_of_day" => {
            if hour == 0 {
                24
            } else {
                hour.into()
            }
        }
        "hour_of_ampm" => i64::from(hour % 12),
        "clock_hour_of_ampm" => {
            if hour % 12 == 0 {
                12
            } else {
                i64::from(hour % 12)
            }
        }
        "ampm_of_day" => i64::from(hour / 12),
        "minute" | "minutes" | "minute_of_hour" | "mi" => minute.into(),
        "minute_of_day" => within_day / 60_000_000_000,
        "second" | "seconds" | "second_of_minute" | "ss" => second.into(),
        "second_of_day" => within_day / 1_000_000_000,
        "millisecond" | "milliseconds" | "milli_of_second" | "ms" => i64::from(nanos / 1_000_000),
        "milli_of_day" => within_day / 1_000_000,
        "micro_of_second" => i64::from(nanos / 1_000),
        "nano_of_second" | "nanosecond" => nanos.into(),
        "instant_seconds" => time.0.div_euclid(1_000_000_000),
        _ => return Value::Null,
    })
}

fn day_of_year(time: Timestamp) -> i64 {
    let (year, ..) = time.civil();
    let start = Timestamp::from_civil(year, 1, 1, 0, 0, 0, 0).map_or(0, |t| t.0);
    (time.0 - start).div_euclid(DAY) + 1
}

/// A piece of a pattern: a run of one letter, or literal text.
enum Piece {
    Field(char, usize),
    Text(String),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            let mut text = String::new();
            if chars.peek() == Some(&'\'') {
                chars.next();
                text.push('\'');
            } else {
                text.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            out.push(Piece::Text(text));
        } else if c.is_ascii_alphabetic() {
            let mut n = 1;
            while chars.next_if_eq(&c).is_some() {
                n += 1;
            }
            out.push(Piece::Field(c, n));
        } else {
            out.push(Piece::Text(c.to_string()));
        }
    }
    out
}

/// Text of a time (second argument) by a pattern (first).
fn format(args: &[Value], _: &Words) -> Value {
    let (Some(pattern), Some(time)) = (args[0].to_text(), time_of(&args[1])) else { return Value::Null };
    Value::str(formatted(&pattern, time))
}

/// ISO 8601 with milliseconds.
pub(super) fn iso(time: Timestamp) -> String {
    formatted("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", time)
}

/// A time by a pattern. Letters that are not known stand for themselves.
fn formatted(pattern: &str, time: Timestamp) -> String {
    let (year, month, day, hour, minute, second, nanos) = time.civil();
    let mut out = String::new();
    for piece in pieces(pattern) {
        let (letter, width) = match piece {
            Piece::Text(t) => {
                out.push_str(&t);
                continue;
            }
            Piece::Field(c, n) => (c, n.min(18)),
        };
        let padded = |n: i64| format!("{n:0width$}");
        let name = |all: &[&str], i: u32| {
            let name = all.get(i as usize).copied().unwrap_or_default();
            if width >= 4 { name.to_owned() } else { name.chars().take(3).collect() }
        };
        out.push_str(&match letter {
            'y' | 'u' | 'Y' if width == 2 => format!("{:02}", year.rem_euclid(100)),
            'y' | 'u' | 'Y' => padded(year),
            'M' | 'L' if width >= 3 => name(&times::MONTHS, month - 1),
            'M' | 'L' => padded(month.into()),
            'd' => padded(day.into()),
            'D' => padded(day_of_year(time)),
            'E' => name(&times::DAYS, time.iso_weekday() % 7),
            'e' => padded(time.iso_weekday().into()),
            'w' => padded(time.iso_week().into()),
            'Q' | 'q' => padded(i64::from((month - 1) / 3 + 1)),
            'H' => padded(hour.into()),
            'k' => padded(if hour == 0 { 24 } else { hour.into() }),
            'h' => padded(if hour % 12 == 0 { 12 } else { i64::from(hour % 12) }),
            'K' => padded(i64::from(hour % 12)),
            'a' => (if hour < 12 { "AM" } else { "PM" }).to_owned(),
            'm' => padded(minute.into()),
            's' => padded(second.into()),
            'S' => format!("{nanos:09}").chars().chain(std::iter::repeat('0')).take(width).collect(),
            'n' => padded(nanos.into()),
            'X' => "Z".to_owned(),
            'x' | 'Z' => (if width >= 3 { "+00:00" } else { "+0000" }).to_owned(),
            'z' | 'V' => "Z".to_owned(),
            other => other.to_string().repeat(width),
        });
    }
    out
}

/// A time from text (second argument) by a pattern (first); null where the text is not of that form.
fn parse(args: &[Value], _: &Words) -> Value {
    let (Some(pattern), Some(text)) = (args[0].to_text(), args[1].to_text()) else { return Value::Null };
    made(parsed(&pattern, &text))
}

fn parsed(pattern: &str, text: &str) -> Option<Timestamp> {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    let (mut hour, mut minute, mut second, mut nanos, mut offset) = (0u32, 0u32, 0u32, 0u32, 0i64);
    let mut after_noon = None;
    let mut rest = text;
    let all = pieces(pattern);
    for (i, piece) in all.iter().enumerate() {
        let (letter, width) = match piece {
            Piece::Text(t) => {
                rest = rest.strip_prefix(t.as_str())?;
                continue;
            }
            Piece::Field(c, n) => (*c, *n),
        };
        // A lone letter takes all digits, unless a number follows.
        let next_is_number = matches!(all.get(i + 1), Some(Piece::Field(..)));
        let most = if width > 1 || next_is_number { width.max(1) } else { 9 };
        let mut number = || {
            let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let (head, tail) = rest.split_at_checked(digits).filter(|(h, _)| !h.is_empty())?;
            rest = tail;
            head.parse::<u32>().ok().map(|n| (n, digits))
        };
        match letter {
            'y' | 'u' if width == 2 => year = 2000 + i64::from(number()?.0),
            'y' | 'u' => year = number()?.0.into(),
            'M' | 'L' if width >= 3 => {
                let (n, length) = named(&times::MONTHS, rest, width)?;
                rest = rest.get(length..)?;
                month = n + 1;
            }
            'M' | 'L' => month = number()?.0,
            'E' => {
                let (_, length) = named(&times::DAYS, rest, width)?;
                rest = rest.get(length..)?;
            }
            'd' => day = number()?.0,
            'H' | 'k' | 'h' | 'K' => hour = number()?.0 % 24,
            'm' => minute = number()?.0,
            's' => second = number()?.0,
            'S' => {
                let (n, digits) = number()?;
                nanos = n.checked_mul(10u32.pow(9u32.checked_sub(digits as u32)?))?;
            }
            'a' => {
                let (head, tail) = rest.split_at_checked(2)?;
                after_noon = Some(head.eq_ignore_ascii_case("pm"));
                rest = tail;
            }
            'X' | 'x' | 'Z' | 'z' | 'V' => {
                let length = rest.find(|c: char| !"Z+-:0123456789".contains(c)).unwrap_or(rest.len());
                let (head, tail) = rest.split_at_checked(length)?;
                // Any time with the same offset tells it.
                offset = -Timestamp::parse(&format!("1970-01-01T00:00:00{head}"))?.0;
                rest = tail;
            }
            _ => return None,
        }
    }
    if let Some(pm) = after_noon {
        hour = hour % 12 + if pm { 12 } else { 0 };
    }
    let time = Timestamp::from_civil(year, month, day, hour, minute, second, nanos)?;
    rest.is_empty().then_some(())?;
    time.0.checked_sub(offset).map(Timestamp)
}

/// The name that a text begins with, and its length.
fn named(all: &[&str], text: &str, width: usize) -> Option<(u32, usize)> {
    all.iter().enumerate().find_map(|(i, name)| {
        let name = if width >= 4 { name } else { name.get(..3)? };
        text.get(..name.len())?.eq_ignore_ascii_case(name).then_some((i as u32, name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, args: &[Value], want: impl Into<Value>) {
        let def = TABLE.iter().find(|d| d.name == name).unwrap();
        let got = match (def.eval)(args, &Words::default()) {
            Value::Time(t) => Value::str(t.to_string()),
            other => other,
        };
        assert_eq!(got, want.into(), "{name} {args:?}");
    }

    #[test]
    fn rounding_and_distance() {
        let t = Value::str("2023-10-23T13:55:01.543Z");
        for (n, of, want) in [
            (1, "hour", "2023-10-23T13:00:00Z"),
            (10, "minutes", "2023-10-23T13:50:00Z"),
            (1, "week", "2023-10-23T00:00:00Z"),
            (1, "month", "2023-10-01T00:00:00Z"),
            (1, "q", "2023-10-01T00:00:00Z"),
            (2, "years", "2022-01-01T00:00:00Z"),
        ] {
            check("time-truncate", &[t.clone(), n.into(), of.into()], want);
        }
        check("time-add", &["2024-01-31".into(), 1.into(), "month".into()], "2024-02-29T00:00:00Z");
        check("time-add", &["2024-01-31".into(), (-1).into(), "days".into()], "2024-01-30T00:00:00Z");
        let pair = |a: &str, b: &str| [Value::str(a), Value::str(b)];
        for (of, [a, b], want) in [
            ("minutes", pair("2024-01-01", "2024-01-01T01:00:59"), 60),
            ("month", pair("2024-01-31", "2024-03-30"), 1),
            ("year", pair("2024-01-31", "2022-01-30"), -2),
        ] {
            check("time-difference", &[of.into(), a, b], want);
        }
    }

    #[test]
    fn text() {
        let t = Value::str("2023-01-05T03:04:05.678Z");
        for (pattern, want) in [
            ("yyyy", "2023"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2023-01-05T03:04:05.678Z"),
            ("E d MMM yy h:mm a", "Thu 5 Jan 23 3:04 AM"),
            ("EEEE ''D w Q", "Thursday '5 1 1"),
        ] {
            check("time-format", &[pattern.into(), t.clone()], want);
        }
        for (pattern, text, want) in [
            ("yyyy-MM-dd", "2023-01-05", Some("2023-01-05T00:00:00Z")),
            ("dd/MMM/yyyy:HH:mm:ss Z", "05/Jan/2023:03:04:05 +0100", Some("2023-01-05T02:04:05Z")),
            ("yyyyMMddHHmmss", "20230105030405", Some("2023-01-05T03:04:05Z")),
            ("yyyy", "2023x", None),
        ] {
            check("time-parse", &[pattern.into(), text.into()], want.map_or(Value::Null, Value::str));
        }
        check("time-field", &["day_of_week".into(), t.clone()], 4);
        check("time-field", &["YEAR".into(), t], 2023);
    }
}
