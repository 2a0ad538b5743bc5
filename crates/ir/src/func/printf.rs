//! Text made of values by a format, as `printf` has it: `%[flags][width][.precision]conversion` with the flags
//! `-`, `+`, `0`, space, and the conversions `s`, `d`, `i`, `u`, `x`, `X`, `o`, `f`, `e`, `c`, `%`.

use shikra_event::Value;

use super::FuncDef;
use super::spl::{num, plain_text};
use crate::Words;

pub(super) const TABLE: &[FuncDef] =
    &[FuncDef { name: "spl-printf", arity: (1, usize::MAX), takes_null: true, eval: printf }];

/// Characters that a value is filled up to, and decimals.
const MOST: usize = 1000;

#[derive(Default)]
struct Form {
    left: bool,
    plus: bool,
    zeros: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

/// Null where the format is none, or a value that it asks for is not there.
fn printf(args: &[Value], _: &Words) -> Value {
    let Some((format, values)) = args.split_first() else { return Value::Null };
    let made = plain_text(format).and_then(|format| filled(&format, values));
    made.map_or(Value::Null, Value::str)
}

fn filled(format: &str, values: &[Value]) -> Option<String> {
    let (mut out, mut rest, mut values) = (String::new(), format, values.iter());
    while let Some((before, from)) = rest.split_once('%') {
        out.push_str(before);
        let (form, conversion, behind) = form(from)?;
        rest = behind;
        match conversion {
            '%' => out.push('%'),
            c => out.push_str(&padded(&form, &converted(&form, c, values.next()?)?, c)),
        }
    }
    out.push_str(rest);
    Some(out)
}

/// What stands behind a percent sign: form, conversion, rest.
fn form(text: &str) -> Option<(Form, char, &str)> {
    let mut form = Form::default();
    let mut chars = text.chars().peekable();
    while let Some(flag) = chars.next_if(|c| "-+0 #".contains(*c)) {
        match flag {
            '-' => form.left = true,
            '+' => form.plus = true,
            '0' => form.zeros = true,
            ' ' => form.space = true,
            _ => {}
        }
    }
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
        digits.parse().unwrap_or(0usize).min(MOST)
    };
    form.width = number(&mut chars);
    if chars.next_if_eq(&'.').is_some() {
        form.precision = Some(number(&mut chars));
    }
    let conversion = chars.next()?;
    let left: usize = chars.map(char::len_utf8).sum();
    Some((form, conversion, text.get(text.len() - left..)?))
}

fn converted(form: &Form, conversion: char, value: &Value) -> Option<String> {
    let sign = |n: f64| match (n < 0.0, form.plus, form.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    Some(match conversion {
        's' => {
            let text = plain_text(value)?;
            form.precision.map_or_else(|| text.clone(), |n| text.chars().take(n).collect())
        }
        'c' => plain_text(value)?.chars().take(1).collect(),
        'd' | 'i' | 'u' => num(value).map(|n| format!("{}{}", sign(n), n.trunc().abs()))?,
        'x' => format!("{:x}", num(value)? as i64),
        'X' => format!("{:X}", num(value)? as i64),
        'o' => format!("{:o}", num(value)? as i64),
        'f' | 'F' => num(value).map(|n| format!("{}{:.*}", sign(n), form.precision.unwrap_or(6), n.abs()))?,
        'e' => num(value).map(|n| exponential(n, sign(n), form.precision.unwrap_or(6)))?,
        _ => return None,
    })
}

/// With a sign and at least two digits in the exponent.
fn exponential(n: f64, sign: &str, precision: usize) -> String {
    let text = format!("{:.*e}", precision, n.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (minus, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
    format!("{sign}{digits}e{minus}{exponent:0>2}")
}

fn padded(form: &Form, text: &str, conversion: char) -> String {
    let missing = form.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    if form.left {
        return format!("{text}{}", " ".repeat(missing));
    }
    if form.zeros && !matches!(conversion, 's' | 'c') {
        let digits = text.trim_start_matches(['-', '+', ' ']);
        let sign = text.get(..text.len() - digits.len()).unwrap_or("");
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{}{text}", " ".repeat(missing))
}
