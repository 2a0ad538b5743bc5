//! Times as seconds since the epoch, and their text. All of it is UTC.

use shikra_event::{Timestamp, Value};

use super::spl::{num, number, plain_text, single};
use super::{FuncDef, each};
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "epoch-seconds", arity: (1, 1), takes_null: false, eval: epoch },
    FuncDef { name: "bin", arity: (2, 2), takes_null: false, eval: bin },
    FuncDef { name: "strftime", arity: (2, 2), takes_null: false, eval: |a, _| format_time(a, false) },
    FuncDef { name: "ctime", arity: (2, 2), takes_null: false, eval: |a, _| format_time(a, true) },
    FuncDef { name: "strptime", arity: (2, 2), takes_null: false, eval: parse_time },
    FuncDef { name: "relative-time", arity: (2, 2), takes_null: false, eval: relative },
    FuncDef { name: "duration-seconds", arity: (1, 1), takes_null: false, eval: duration },
];

const NANOS: f64 = 1e9;

/// The seconds of a time, or of a text that writes one; numbers are seconds already.
fn epoch(args: &[Value], _: &Words) -> Value {
    each(single(&args[0]), |v| match v {
        Value::Time(t) => from_nanos(t.0),
        Value::Str(s) => match (num(v), Timestamp::parse(s)) {
            (Some(n), _) => number(n),
            (None, Some(t)) => from_nanos(t.0),
            _ => Value::Null,
        },
        other => num(other).map_or(Value::Null, number),
    })
}

fn from_nanos(nanos: i64) -> Value {
    match nanos % 1_000_000_000 {
        0 => Value::I64(nanos / 1_000_000_000),
        // Microseconds are what a float can hold.
        _ => Value::F64((nanos as f64 / 1e3).round() / 1e6),
    }
}

fn time_of(v: &Value) -> Option<Timestamp> {
    match v {
        Value::Time(t) => Some(*t),
        other => {
            let nanos = num(other)? * NANOS;
            (nanos.abs() < 9.2e18).then_some(Timestamp(nanos as i64))
        }
    }
}

/// The start of the bucket of so many seconds (or of any width) that a number lies in.
fn bin(args: &[Value], _: &Words) -> Value {
    let Some(width) = num(&args[1]).filter(|w| *w > 0.0) else { return Value::Null };
    each(single(&args[0]), |v| num(v).map_or_else(|| v.clone(), |n| number((n / width).floor() * width)))
}

/// The months in English.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The days of the week in English, from Sunday.
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A time by a format; what is no time stays as it is where `keep`.
fn format_time(args: &[Value], keep: bool) -> Value {
    let Some(format) = plain_text(single(&args[1])) else { return Value::Null };
    each(single(&args[0]), |v| match time_of(v) {
        Some(t) => Value::str(formatted(t, &format)),
        None if keep => v.clone(),
        None => Value::Null,
    })
}

fn formatted(t: Timestamp, format: &str) -> String {
    let (y, mo, d, h, mi, s, n) = t.civil();
    let weekday = t.iso_weekday() % 7;
    let name = |of: &[&str], i: u32| of.get(i as usize).copied().unwrap_or("").to_owned();
    let short = |text: String| text.chars().take(3).collect::<String>();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let digits = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)).unwrap_or(3);
        let twelve = if h % 12 == 0 { 12 } else { h % 12 };
        out.push_str(&match chars.next() {
            Some('Y') => format!("{y:04}"),
            Some('y') => format!("{:02}", y.rem_euclid(100)),
            Some('m') => format!("{mo:02}"),
            Some('d') => format!("{d:02}"),
            Some('e') => format!("{d:2}"),
            Some('H') => format!("{h:02}"),
            Some('k') => format!("{h:2}"),
            Some('I') => format!("{twelve:02}"),
            Some('M') => format!("{mi:02}"),
            Some('S') => format!("{s:02}"),
            Some('f') => format!("{:06}", n / 1000),
            Some('N' | 'Q') => format!("{n:09}").chars().take(digits as usize).collect(),
            Some('p') => if h < 12 { "AM" } else { "PM" }.to_owned(),
            Some('B') => name(&MONTHS, mo.saturating_sub(1)),
            Some('b') => short(name(&MONTHS, mo.saturating_sub(1))),
            Some('A') => name(&DAYS, weekday),
            Some('a') => short(name(&DAYS, weekday)),
            Some('w') => weekday.to_string(),
            Some('j') => format!("{:03}", day_of_year(y, mo, d)),
            Some('V') => format!("{:02}", t.iso_week()),
            Some('s') => t.0.div_euclid(1_000_000_000).to_string(),
            Some('F') => format!("{y:04}-{mo:02}-{d:02}"),
            Some('T') => format!("{h:02}:{mi:02}:{s:02}"),
            Some('c') => format!(
                "{} {} {d:2} {h:02}:{mi:02}:{s:02} {y}",
                short(name(&DAYS, weekday)),
                short(name(&MONTHS, mo - 1))
            ),
            Some('x') => format!("{mo:02}/{d:02}/{y:04}"),
            Some('X') => format!("{h:02}:{mi:02}:{s:02}"),
            Some('z') => "+0000".to_owned(),
            Some(':') => {
                chars.next();
                "+00:00".to_owned()
            }
            Some('Z') => "UTC".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        });
    }
    out
}

fn day_of_year(y: i64, mo: u32, d: u32) -> i64 {
    let day = |mo, d| Timestamp::from_civil(y, mo, d, 0, 0, 0, 0).map_or(0, |t| t.0 / 86_400_000_000_000);
    day(mo, d) - day(1, 1) + 1
}

fn parse_time(args: &[Value], _: &Words) -> Value {
    let Some(format) = plain_text(single(&args[1])) else { return Value::Null };
    each(single(&args[0]), |v| {
        let parsed = plain_text(v).and_then(|t| parse(&t, &format));
        parsed.map_or(Value::Null, |t| from_nanos(t.0))
    })
}

/// Reads a time by a format. None where the text does not fit it.
fn parse(text: &str, format: &str) -> Option<Timestamp> {
    let (mut y, mut mo, mut d, mut h, mut mi, mut s, mut n) = (1970i64, 1u32, 1u32, 0u32, 0u32, 0u32, 0u32);
    let (mut offset, mut afternoon) = (0i64, None);
    let mut rest = text;
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        if c != '%' {
            rest = rest.strip_prefix(c)?;
            continue;
        }
        chars.next_if(char::is_ascii_digit);
        match chars.next()? {
            'Y' => y = i64::from(digits(&mut rest, 4)?),
            'y' => y = 2000 + i64::from(digits(&mut rest, 2)?),
            'm' => mo = digits(&mut rest, 2)?,
            'd' | 'e' => d = digits(&mut rest, 2)?,
            'H' | 'k' | 'I' => h = digits(&mut rest, 2)?,
            'M' => mi = digits(&mut rest, 2)?,
            'S' => s = digits(&mut rest, 2)?,
            'f' | 'N' | 'Q' => n = fraction(&mut rest)?,
            'p' => {
                let word = rest.get(..2)?.to_ascii_uppercase();
                afternoon = Some(word == "PM");
                rest = rest.get(2..)?;
            }
            'b' | 'B' => mo = word(&mut rest, &MONTHS)? + 1,
            'a' | 'A' => drop(word(&mut rest, &DAYS)?),
            'F' => {
                y = i64::from(digits(&mut rest, 4)?);
                rest = rest.strip_prefix('-')?;
                mo = digits(&mut rest, 2)?;
                rest = rest.strip_prefix('-')?;
                d = digits(&mut rest, 2)?;
            }
            'T' | 'X' => {
                h = digits(&mut rest, 2)?;
                rest = rest.strip_prefix(':')?;
                mi = digits(&mut rest, 2)?;
                rest = rest.strip_prefix(':')?;
                s = digits(&mut rest, 2)?;
            }
            's' => return Some(Timestamp(rest.trim().parse::<i64>().ok()?.checked_mul(1_000_000_000)?)),
            'z' | ':' => offset = zone(&mut rest)?,
            'Z' => rest = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
            '%' => rest = rest.strip_prefix('%')?,
            _ => return None,
        }
    }
    match afternoon {
        Some(true) if h < 12 => h += 12,
        Some(false) if h == 12 => h = 0,
        _ => {}
    }
    let t = Timestamp::from_civil(y, mo, d, h, mi, s.min(59), n)?;
    Some(Timestamp(t.0.checked_sub(offset.checked_mul(1_000_000_000)?)?))
}

fn digits(rest: &mut &str, most: usize) -> Option<u32> {
    let text = rest.trim_start();
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let value = text.get(..count)?.parse().ok()?;
    *rest = text.get(count..)?;
    Some(value)
}

fn fraction(rest: &mut &str) -> Option<u32> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let text = rest.get(..count.min(9))?;
    *rest = rest.get(count..)?;
    format!("{text:0<9}").parse().ok()
}

fn word(rest: &mut &str, of: &[&str]) -> Option<u32> {
    let count = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let text = rest.get(..count)?.to_ascii_lowercase();
    let at = of.iter().position(|w| text.len() >= 3 && w.to_ascii_lowercase().starts_with(&text))?;
    *rest = rest.get(count..)?;
    Some(at as u32)
}

/// `+02:00`, `-0100`, `Z`.
fn zone(rest: &mut &str) -> Option<i64> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Some(0);
    }
    let sign = if rest.starts_with('-') { -1 } else { 1 };
    *rest = rest.strip_prefix(['+', '-'])?;
    let hours = i64::from(digits(rest, 2)?);
    *rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = i64::from(digits(rest, 2).unwrap_or(0));
    Some(sign * (hours * 3600 + minutes * 60))
}

/// `-70m@m`: so far from a time, then down to the start of a unit.
fn relative(args: &[Value], _: &Words) -> Value {
    let Some(how) = plain_text(single(&args[1])) else { return Value::Null };
    each(single(&args[0]), |v| {
        let moved = num(v).and_then(|n| shifted(n, &how));
        moved.map_or(Value::Null, number)
    })
}

fn shifted(mut at: f64, how: &str) -> Option<f64> {
    let mut rest = how.trim();
    if rest == "now" {
        return Some(at);
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('@') {
            let unit = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
            at = snapped(at, after.get(..unit)?)?;
            rest = after.get(unit..)?;
            continue;
        }
        let sign = if rest.starts_with('-') { -1.0 } else { 1.0 };
        let after = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: f64 = if count == 0 { 1.0 } else { after.get(..count)?.parse().ok()? };
        let unit = after.get(count..)?.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = after.get(count..count + unit)?;
        at = match months(name) {
            Some(m) => moved_months(at, (sign * number * m) as i64)?,
            None => at + sign * number * unit_seconds(name)?,
        };
        rest = after.get(count + unit..)?;
    }
    Some(at)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

fn months(unit: &str) -> Option<f64> {
    Some(match unit {
        "mon" | "month" | "months" => 1.0,
        "q" | "qtr" | "qtrs" | "quarter" | "quarters" => 3.0,
        "y" | "yr" | "yrs" | "year" | "years" => 12.0,
        _ => return None,
    })
}

fn moved_months(at: f64, by: i64) -> Option<f64> {
    let t = time_of(&Value::F64(at))?;
    let (y, mo, d, h, mi, s, n) = t.civil();
    let month = y * 12 + i64::from(mo) - 1 + by;
    let (y, mo) = (month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
    let made = (0..4).find_map(|less| Timestamp::from_civil(y, mo, d.saturating_sub(less), h, mi, s, n))?;
    Some(made.0 as f64 / NANOS)
}

fn snapped(at: f64, unit: &str) -> Option<f64> {
    let day = |at: f64| (at / 86_400.0).floor() * 86_400.0;
    let t = time_of(&Value::F64(at))?;
    let (y, mo, ..) = t.civil();
    let first = |y, mo| Timestamp::from_civil(y, mo, 1, 0, 0, 0, 0).map(|t| t.0 as f64 / NANOS);
    let weekday = f64::from(t.iso_weekday() % 7);
    Some(match unit {
        "w" | "week" | "weeks" | "w0" => day(at) - weekday * 86_400.0,
        u if u.starts_with('w') && u.len() == 2 => {
            let wanted = f64::from(u.get(1..)?.parse::<u8>().ok()?);
            day(at) - (weekday - wanted).rem_euclid(7.0) * 86_400.0
        }
        "mon" | "month" | "months" => first(y, mo)?,
        "q" | "qtr" | "quarter" => first(y, (mo - 1) / 3 * 3 + 1)?,
        "y" | "yr" | "year" | "years" => first(y, 1)?,
        other => {
            let width = unit_seconds(other)?;
            (at / width).floor() * width
        }
    })
}

/// `1+02:03:04` → seconds.
fn duration(args: &[Value], _: &Words) -> Value {
    each(single(&args[0]), |v| {
        let text = plain_text(v).unwrap_or_default();
        let (days, clock) = text.split_once('+').unwrap_or(("0", &text));
        let parts = clock.split(':').map(|p| p.trim().parse::<f64>().ok());
        let total = parts.into_iter().try_fold(0.0, |t, p| p.map(|p| t * 60.0 + p));
        match (days.trim().parse::<f64>(), total) {
            (Ok(days), Some(t)) => number(days * 86_400.0 + t),
            _ => Value::Null,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(f: fn(&[Value], &Words) -> Value, args: &[Value], want: Value) {
        assert_eq!(f(args, &Words::default()), want, "{args:?}");
    }

    #[test]
    fn there_and_back() {
        let t = Value::I64(1_603_331_665);
        check(epoch, &["2020-10-22T01:54:25Z".into()], t.clone());
        check(epoch, &[Value::Time(Timestamp(1_500_000_000))], Value::F64(1.5));
        assert_eq!(
            format_time(&[t.clone(), "%Y-%m-%dT%H:%M:%S %b %j %a".into()], false),
            "2020-10-22T01:54:25 Oct 296 Thu".into()
        );
        assert_eq!(format_time(&["no".into(), "%Y".into()], true), "no".into());
        check(parse_time, &["2020-10-22 01:54:25".into(), "%Y-%m-%d %H:%M:%S".into()], t.clone());
        check(parse_time, &["Oct 22 2020 01:54:25 AM".into(), "%b %d %Y %I:%M:%S %p".into()], t.clone());
        check(parse_time, &["2020-10-22T03:54:25+02:00".into(), "%Y-%m-%dT%H:%M:%S%z".into()], t);
        check(parse_time, &["x".into(), "%Y".into()], Value::Null);
    }

    #[test]
    fn relative_times() {
        let t = Value::I64(1_603_331_665);
        check(relative, &[t.clone(), "-70m@m".into()], 1_603_327_440.into());
        check(relative, &[t.clone(), "-1d@d".into()], 1_603_238_400.into());
        check(relative, &[t.clone(), "-1mon@mon".into()], 1_598_918_400.into());
        check(relative, &[t.clone(), "@w".into()], 1_602_979_200.into());
        check(relative, &[t, "bogus".into()], Value::Null);
        check(bin, &[Value::I64(1234), 100.into()], 1200.into());
        check(duration, &["1+01:01:01".into()], 90_061.into());
    }
}
