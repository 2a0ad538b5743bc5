//! Numbers and text as SPL has them: text that reads as a number is one, numbers print without needless
//! decimals, and a function of text is taken of each value of several.

use ipnet::IpNet;
use shikra_event::Value;

use super::{FuncDef, each, pairwise};
use crate::{Part, Pattern, Regex, Words, eval};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "spl-plus", arity: (2, 2), takes_null: false, eval: plus },
    FuncDef { name: "spl-minus", arity: (2, 2), takes_null: false, eval: |a, _| arith(a, |a, b| a - b) },
    FuncDef { name: "spl-times", arity: (2, 2), takes_null: false, eval: |a, _| arith(a, |a, b| a * b) },
    FuncDef { name: "spl-divide", arity: (2, 2), takes_null: false, eval: |a, _| arith(a, |a, b| a / b) },
    FuncDef { name: "spl-modulo", arity: (2, 2), takes_null: false, eval: |a, _| arith(a, |a, b| a % b) },
    FuncDef { name: "spl-pow", arity: (2, 2), takes_null: false, eval: |a, _| arith(a, f64::powf) },
    FuncDef { name: "spl-concat", arity: (2, 2), takes_null: false, eval: concat },
    FuncDef { name: "spl-abs", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::abs) },
    FuncDef { name: "spl-ceil", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::ceil) },
    FuncDef { name: "spl-floor", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::floor) },
    FuncDef { name: "spl-sqrt", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::sqrt) },
    FuncDef { name: "spl-exp", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::exp) },
    FuncDef { name: "spl-ln", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::ln) },
    FuncDef { name: "spl-log", arity: (1, 2), takes_null: false, eval: log },
    FuncDef { name: "spl-round", arity: (1, 2), takes_null: false, eval: round },
    FuncDef { name: "spl-sum", arity: (0, usize::MAX), takes_null: true, eval: sum },
    FuncDef { name: "spl-max", arity: (1, usize::MAX), takes_null: true, eval: |a, _| extreme(a, true) },
    FuncDef { name: "spl-min", arity: (1, usize::MAX), takes_null: true, eval: |a, _| extreme(a, false) },
    FuncDef { name: "spl-number", arity: (1, 2), takes_null: false, eval: to_number },
    FuncDef { name: "spl-text", arity: (1, 2), takes_null: false, eval: to_text },
    FuncDef { name: "spl-type", arity: (1, 1), takes_null: true, eval: type_of },
    FuncDef { name: "spl-is-num", arity: (1, 1), takes_null: true, eval: |a, _| is(a, |v| num(v).is_some()) },
    FuncDef { name: "spl-is-int", arity: (1, 1), takes_null: true, eval: |a, _| is(a, whole) },
    FuncDef { name: "spl-is-str", arity: (1, 1), takes_null: true, eval: |a, _| is(a, text_only) },
    FuncDef { name: "spl-is-bool", arity: (1, 1), takes_null: true, eval: |a, _| is(a, truth_only) },
    FuncDef { name: "spl-len", arity: (1, 1), takes_null: false, eval: length },
    FuncDef {
        name: "spl-lower",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| texts(&a[0], |t| t.to_lowercase()),
    },
    FuncDef {
        name: "spl-upper",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| texts(&a[0], |t| t.to_uppercase()),
    },
    FuncDef { name: "spl-trim", arity: (1, 2), takes_null: false, eval: |a, _| trim(a, true, true) },
    FuncDef { name: "spl-ltrim", arity: (1, 2), takes_null: false, eval: |a, _| trim(a, true, false) },
    FuncDef { name: "spl-rtrim", arity: (1, 2), takes_null: false, eval: |a, _| trim(a, false, true) },
    FuncDef { name: "spl-substr", arity: (2, 3), takes_null: false, eval: substr },
    FuncDef { name: "spl-replace", arity: (3, 3), takes_null: false, eval: |a, w| replace(a, w, false) },
    FuncDef { name: "spl-replace-first", arity: (3, 3), takes_null: false, eval: |a, w| replace(a, w, true) },
    FuncDef { name: "spl-match", arity: (2, 2), takes_null: false, eval: matches },
    FuncDef { name: "spl-like", arity: (2, 2), takes_null: false, eval: like },
    FuncDef { name: "spl-cidr", arity: (2, 2), takes_null: false, eval: cidr },
    FuncDef { name: "wildcard-replace", arity: (3, usize::MAX), takes_null: false, eval: wildcard_replace },
    FuncDef { name: "url-decode", arity: (1, 1), takes_null: false, eval: |a, _| texts(&a[0], url_decode) },
    FuncDef { name: "sort-value", arity: (1, 1), takes_null: false, eval: |a, _| each(&a[0], sort_value) },
    FuncDef { name: "ip-order", arity: (1, 1), takes_null: false, eval: |a, _| each(&a[0], ip_order) },
    FuncDef { name: "search-value", arity: (1, 1), takes_null: true, eval: |a, _| a[0].clone() },
    FuncDef { name: "coalesce", arity: (1, usize::MAX), takes_null: true, eval: coalesce },
    FuncDef { name: "memory-kilobytes", arity: (1, 1), takes_null: false, eval: kilobytes },
];

/// The text of a value: whole numbers without decimals.
pub fn plain_text(v: &Value) -> Option<String> {
    match v {
        Value::F64(n) if n.fract() == 0.0 && n.abs() < 1e15 => Some(format!("{n:.0}")),
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        other => other.to_text(),
    }
}

/// A number, whole where it is whole.
pub(super) fn number(n: f64) -> Value {
    match n {
        n if !n.is_finite() => Value::Null,
        n if n.fract() == 0.0 && n.abs() < 9e15 => Value::I64(n as i64),
        n => Value::F64(n),
    }
}

pub(super) fn num(v: &Value) -> Option<f64> {
    eval::number(v)
}

/// The one value where there is but one.
pub(super) fn single(v: &Value) -> &Value {
    match v {
        Value::List(l) if l.len() == 1 => &l[0],
        one => one,
    }
}

fn arith(args: &[Value], f: impl Fn(f64, f64) -> f64) -> Value {
    pairwise(single(&args[0]), single(&args[1]), |a, b| match (num(a), num(b)) {
        (Some(a), Some(b)) => number(f(a, b)),
        _ => Value::Null,
    })
}

/// The sum of two numbers; two texts put together.
fn plus(args: &[Value], _: &Words) -> Value {
    pairwise(single(&args[0]), single(&args[1]), |a, b| match (num(a), num(b)) {
        (Some(a), Some(b)) => number(a + b),
        (None, None) => match (plain_text(a), plain_text(b)) {
            (Some(a), Some(b)) => Value::str(a + &b),
            _ => Value::Null,
        },
        _ => Value::Null,
    })
}

fn concat(args: &[Value], _: &Words) -> Value {
    pairwise(single(&args[0]), single(&args[1]), |a, b| match (plain_text(a), plain_text(b)) {
        (Some(a), Some(b)) => Value::str(a + &b),
        _ => Value::Null,
    })
}

fn real(args: &[Value], f: fn(f64) -> f64) -> Value {
    each(&args[0], |v| num(v).map_or(Value::Null, |n| number(f(n))))
}

fn log(args: &[Value], _: &Words) -> Value {
    let base = args.get(1).map_or(Some(10.0), num);
    let Some(base) = base.filter(|b| *b > 0.0 && *b != 1.0) else { return Value::Null };
    // Exact for the bases that have a function of their own.
    let of = |n: f64| match base {
        10.0 => n.log10(),
        2.0 => n.log2(),
        b => n.log(b),
    };
    each(&args[0], |v| num(v).map_or(Value::Null, |n| number(of(n))))
}

/// Half away from zero, to so many decimals.
fn round(args: &[Value], _: &Words) -> Value {
    let digits = args.get(1).and_then(num).unwrap_or(0.0).clamp(-15.0, 15.0) as i32;
    let scale = 10f64.powi(digits);
    each(&args[0], |v| num(v).map_or(Value::Null, |n| number((n * scale).round() / scale)))
}

/// The sum of all that are numbers.
fn sum(args: &[Value], _: &Words) -> Value {
    number(args.iter().flat_map(|a| a.elements()).filter_map(num).sum())
}

/// The greatest or least: text is greater than numbers.
fn extreme(args: &[Value], greatest: bool) -> Value {
    let mut best: Option<Value> = None;
    for v in args.iter().flat_map(|a| a.elements()).filter(|v| !v.is_null()) {
        let better = best.as_ref().is_none_or(|b| {
            let order = match (num(v), num(b)) {
                (Some(x), Some(y)) => x.total_cmp(&y),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => plain_text(v).cmp(&plain_text(b)),
            };
            if greatest { order.is_gt() } else { order.is_lt() }
        });
        if better {
            best = Some(v.clone());
        }
    }
    best.unwrap_or(Value::Null)
}

fn to_number(args: &[Value], _: &Words) -> Value {
    let base = args.get(1).and_then(num).unwrap_or(10.0) as u32;
    each(&args[0], |v| match (v, base) {
        (v, 10) => num(v).map_or(Value::Null, number),
        (v, 2..=36) => {
            let text = plain_text(v).unwrap_or_default();
            let text = text.trim();
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).filter(|_| base == 16);
            i64::from_str_radix(digits.unwrap_or(text), base).map_or(Value::Null, Value::I64)
        }
        _ => Value::Null,
    })
}

/// `tostring(x, "hex" | "commas" | "duration")`.
fn to_text(args: &[Value], _: &Words) -> Value {
    let form = args.get(1).and_then(plain_text).unwrap_or_default();
    each(&args[0], |v| {
        let out = match (&*form, num(v)) {
            ("hex", Some(n)) => Some(format!("0x{:X}", n as i64)),
            ("commas", Some(n)) => Some(commas(n)),
            ("duration", Some(n)) => Some(duration(n as i64)),
            _ => plain_text(v),
        };
        out.map_or(Value::Null, Value::str)
    })
}

/// Two decimals at most, and commas between thousands.
fn commas(n: f64) -> String {
    let text = if n.fract() == 0.0 { format!("{n:.0}") } else { format!("{n:.2}") };
    let (whole, rest) = text.split_once('.').map_or((&*text, String::new()), |(w, r)| (w, format!(".{r}")));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    format!("{sign}{out}{rest}")
}

fn duration(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days}+{clock}") }
}

fn type_of(args: &[Value], _: &Words) -> Value {
    Value::str(match single(&args[0]) {
        Value::Missing | Value::Null => "Invalid",
        Value::Bool(_) => "Boolean",
        v if num(v).is_some() => "Number",
        Value::List(_) => "Multivalue",
        _ => "String",
    })
}

fn is(args: &[Value], f: fn(&Value) -> bool) -> Value {
    Value::Bool(!args[0].is_null() && f(single(&args[0])))
}

fn whole(v: &Value) -> bool {
    num(v).is_some_and(|n| n.fract() == 0.0)
}

fn text_only(v: &Value) -> bool {
    num(v).is_none() && !truth_only(v)
}

fn truth_only(v: &Value) -> bool {
    matches!(v, Value::Bool(_))
}

fn length(args: &[Value], _: &Words) -> Value {
    each(single(&args[0]), |v| plain_text(v).map_or(Value::Null, |t| Value::I64(t.chars().count() as i64)))
}

/// A function of text over each value.
pub(super) fn texts(v: &Value, f: impl Fn(String) -> String) -> Value {
    each(single(v), |v| plain_text(v).map_or(Value::Null, |t| Value::str(f(t))))
}

fn trim(args: &[Value], left: bool, right: bool) -> Value {
    let set: Option<Vec<char>> = args.get(1).and_then(plain_text).map(|t| t.chars().collect());
    let gone = |c: char| set.as_ref().map_or(matches!(c, ' ' | '\t'), |s| s.contains(&c));
    texts(&args[0], |t| {
        let t = if left { t.trim_start_matches(gone) } else { &t };
        let t = if right { t.trim_end_matches(gone) } else { t };
        t.to_owned()
    })
}

/// From a position that counts from 1, or from the end where it is negative.
fn substr(args: &[Value], _: &Words) -> Value {
    let (Some(start), length) = (num(&args[1]), args.get(2).map(|v| num(v).unwrap_or(0.0))) else {
        return Value::Null;
    };
    texts(&args[0], |t| {
        let count = t.chars().count();
        let start = match start as i64 {
            n if n > 0 => (n - 1) as usize,
            n if n < 0 => count.saturating_sub(n.unsigned_abs() as usize),
            _ => 0,
        };
        t.chars().skip(start).take(length.map_or(count, |l| l.max(0.0) as usize)).collect()
    })
}

pub(super) fn regex(v: &Value) -> Option<Regex> {
    let source = plain_text(single(v))?;
    Some(Regex { source, multi_line: false, dot_all: false, whole: false })
}

fn replace(args: &[Value], words: &Words, once: bool) -> Value {
    let compiled = regex(&args[1]).and_then(|r| crate::regex::cached(&r, words).ok());
    let (Some(r), Some(with)) = (compiled, plain_text(single(&args[2]))) else { return Value::Null };
    texts(&args[0], |t| replaced(&r, &t, &with, once))
}

/// `\1` to `\9` and `$1` stand for groups.
fn replaced(r: &crate::regex::Compiled, text: &str, with: &str, once: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for groups in r.captures_all(text, if once { 1 } else { usize::MAX }) {
        let Some((start, end)) = groups.first().copied().flatten() else { break };
        out.push_str(text.get(from..start).unwrap_or(""));
        fill(with, text, &groups, &mut out);
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    out
}

fn fill(with: &str, text: &str, groups: &crate::regex::Groups, out: &mut String) {
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        let digit = chars.peek().and_then(|d| d.to_digit(10));
        match (c, digit) {
            ('\\' | '$', Some(n)) => {
                chars.next();
                let group = groups.get(n as usize).copied().flatten();
                out.push_str(group.and_then(|(start, end)| text.get(start..end)).unwrap_or(""));
            }
            ('\\', None) if chars.peek() == Some(&'\\') => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
}

fn matches(args: &[Value], words: &Words) -> Value {
    let Some(r) = regex(&args[1]) else { return Value::Null };
    let hit = |v: &Value| plain_text(v).is_some_and(|t| eval::regex_matches(&r, &t, words));
    Value::Bool(args[0].elements().iter().any(hit))
}

fn like(args: &[Value], _: &Words) -> Value {
    let Some(text) = plain_text(single(&args[1])) else { return Value::Null };
    let mut p = Pattern::default();
    for c in text.chars() {
        match c {
            '%' => p.push(Part::Any),
            '_' => p.push(Part::One),
            c => p.push_char(c),
        }
    }
    Value::Bool(args[0].elements().iter().any(|v| plain_text(v).is_some_and(|t| p.matches(&t))))
}

fn cidr(args: &[Value], _: &Words) -> Value {
    let net: Option<IpNet> = plain_text(single(&args[0])).and_then(|t| t.trim().parse().ok());
    let Some(net) = net else { return Value::Null };
    Value::Bool(args[1].elements().iter().filter_map(eval::as_ip).any(|ip| net.contains(&ip)))
}

/// Value, then pairs of a pattern with `*` and what to put in its place. What one `*` stood for takes the place
/// of one `*`.
fn wildcard_replace(args: &[Value], _: &Words) -> Value {
    texts(&args[0], |t| {
        for pair in args[1..].chunks_exact(2) {
            let (Some(from), Some(to)) = (plain_text(&pair[0]), plain_text(&pair[1])) else { continue };
            if !Pattern::of_starred(&from).matches(&t) {
                continue;
            }
            let (before, after) = from.split_once('*').unwrap_or((&from, ""));
            let inner = t.strip_prefix(before).and_then(|t| t.strip_suffix(after));
            return match (from.matches('*').count(), inner) {
                (1, Some(inner)) => to.replacen('*', inner, 1),
                _ => to,
            };
        }
        t
    })
}

fn url_decode(text: String) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (b, hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                i += 1;
            }
            _ => {
                out.push(*b);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What reads as a number is one; all else is text: how values are ordered.
fn sort_value(v: &Value) -> Value {
    match v {
        Value::Str(_) => num(v).map_or_else(|| v.clone(), number),
        other => other.clone(),
    }
}

fn ip_order(v: &Value) -> Value {
    eval::as_ip(v).map_or_else(|| v.clone(), Value::Ip)
}

fn coalesce(args: &[Value], _: &Words) -> Value {
    let there = |v: &&Value| v.elements().iter().any(|v| !v.is_null());
    args.iter().find(there).cloned().unwrap_or(Value::Null)
}

fn kilobytes(args: &[Value], _: &Words) -> Value {
    each(&args[0], |v| {
        let text = plain_text(v).unwrap_or_default();
        let text = text.trim().to_ascii_lowercase();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale = match text.get(digits.len()..) {
            Some("" | "k" | "kb") => 1.0,
            Some("m" | "mb") => 1024.0,
            Some("g" | "gb") => 1024.0 * 1024.0,
            _ => return Value::Null,
        };
        digits.trim().parse::<f64>().map_or(Value::Null, |n| number(n * scale))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Fold, Func};

    fn check(name: &str, args: &[Value], want: Value) {
        let words = Words { fold: Fold::None, ..Words::default() };
        let call = Call { func: Func::named(name).unwrap(), args: vec![], words };
        assert_eq!(call.apply(args), want, "{name} {args:?}");
    }

    #[test]
    fn numbers() {
        check("spl-plus", &["1".into(), 2.into()], 3.into());
        check("spl-plus", &["a".into(), "b".into()], "ab".into());
        check("spl-plus", &["a".into(), 1.into()], Value::Null);
        check("spl-divide", &[7.into(), 2.into()], Value::F64(3.5));
        check("spl-divide", &[7.into(), 0.into()], Value::Null);
        check("spl-round", &[Value::F64(2.345), 2.into()], Value::F64(2.35));
        check("spl-round", &[Value::F64(2.5)], 3.into());
        check("spl-max", &[1.into(), "7".into(), Value::Null], "7".into());
        check("spl-number", &["ff".into(), 16.into()], 255.into());
        check("spl-number", &["x".into()], Value::Null);
        check("spl-text", &[Value::F64(2.0)], "2".into());
        check("spl-text", &[12_345_678.into(), "commas".into()], "12,345,678".into());
        check("spl-text", &[3661.into(), "duration".into()], "01:01:01".into());
        check("spl-text", &[15.into(), "hex".into()], "0xF".into());
        check("spl-sum", &[1.into(), "x".into(), "2".into()], 3.into());
        check("memory-kilobytes", &["2m".into()], 2048.into());
    }

    #[test]
    fn text() {
        check("spl-concat", &["a".into(), Value::F64(1.0)], "a1".into());
        check("spl-substr", &["hello".into(), 2.into(), 3.into()], "ell".into());
        check("spl-substr", &["hello".into(), (-2).into()], "lo".into());
        check("spl-trim", &["**a*".into(), "*".into()], "a".into());
        check("spl-replace", &["a-b-c".into(), "(\\w)-".into(), "\\1+".into()], "a+b+c".into());
        check("spl-replace-first", &["a-b".into(), "[ab]".into(), "x".into()], "x-b".into());
        check(
            "wildcard-replace",
            &["::ffff:1.2.3.4".into(), "::ffff:*".into(), "*".into()],
            "1.2.3.4".into(),
        );
        check("url-decode", &["a%20b+c%zz".into()], "a b c%zz".into());
        check("spl-like", &["C:\\x".into(), "c:%".into()], false.into());
        check("spl-cidr", &["10.0.0.0/8".into(), "10.2.3.4".into()], true.into());
        check("coalesce", &[Value::Missing, Value::Null, "b".into()], "b".into());
        check("spl-type", &["1".into()], "Number".into());
    }
}
