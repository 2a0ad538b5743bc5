//! A test of a derived value (the last part of a path, one hash of several) as a test of what it is derived from.

use shikra_event::Value;
use shikra_ir::{
    Call, CmpOp, Coerce, Expr, Flavor, Fold, Func, Op, Part, Pattern, Regex, Scalar, Test, Truth, Words, eval,
};
use shikra_taxonomy::Derive;

/// The test on `subject`, whose value `rest` makes into what `t` tests.
///
/// # Errors
/// Why there is none.
pub(super) fn test(t: &Test, subject: Scalar, rest: &[Derive]) -> Result<Expr, String> {
    let mut at = Test { subject, ..t.clone() };
    let Some((last, before)) = rest.split_last() else { return Ok(Expr::Test(at)) };
    if *last == Derive::Lower {
        at = lowered(&at)?;
        return test(&at.clone(), at.subject, before);
    }
    if !before.is_empty() {
        return Err(format!("a value derived in several steps ({rest:?})"));
    }
    match last {
        Derive::BaseName => path(&at, r"(?:.*[\\/])?", r"[^\\/]", ""),
        Derive::User => path(&at, r"(?:[^\\]*\\)?", r"[^\\]", ""),
        Derive::Extension => path(&at, r".*\.", r"[^\\/.]", ""),
        Derive::Domain => path(&at, "", r"[^\\]", r"\\.*"),
        Derive::NoBraces => path(&at, r"\{?", ".", r"\}?"),
        Derive::Trim => path(&at, r"\s*", ".", r"\s*"),
        Derive::Hash(name) => path(&at, &format!("(?:.*,)? *(?i:{name})="), "[^,]", "(?:,.*)?"),
        Derive::Number => number(&at),
        Derive::Dword => dword(&at),
        Derive::Bool | Derive::Map(_) => mapped(&at, last),
        other => Err(format!("a value that is derived ({})", name(other))),
    }
}

fn name(d: &Derive) -> &'static str {
    match d {
        Derive::Args | Derive::ArgsCount => "the arguments of a command line",
        Derive::DirName => "the folder of a path",
        Derive::HexNumber => "a hexadecimal number",
        Derive::RegistryHive | Derive::RegistryKey | Derive::RegistryValue | Derive::RegistryPath => {
            "a part of a registry path"
        }
        Derive::RegistryData | Derive::RegistryType | Derive::RegistryNumber | Derive::Dword => {
            "the data of a registry value"
        }
        Derive::Line(_) => "a line of a text",
        Derive::Split(_) => "the parts of a list in text",
        Derive::Address => "an address in its plain form",
        _ => "by a rule of its own",
    }
}

/// Of a text in lower case: of the text, case ignored, where the patterns have no upper case.
pub(super) fn lowered(t: &Test) -> Result<Test, String> {
    let words = Words { fold: Fold::Unicode, ..t.words };
    match &t.op {
        Op::Like(p) if t.words.fold == Fold::Unicode || p.iter().all(|p| p.map(str::to_lowercase) == *p) => {
            Ok(Test { words, ..t.clone() })
        }
        Op::IsNull | Op::Exists => Ok(t.clone()),
        Op::Compare(CmpOp::Eq, Scalar::Lit(Value::Str(s))) => {
            let op = Op::Like(vec![Pattern::exact(s)]);
            lowered(&t.asking(op))
        }
        Op::Regex(_) if t.words.fold == Fold::Unicode => Ok(t.clone()),
        Op::In(v) if v.iter().all(|v| matches!(v, Value::I64(_))) => Ok(t.clone()),
        _ => Err("a test of a text in lower case".into()),
    }
}

/// Patterns within a text that `before` and `after` may surround, made of characters like `one` only.
fn path(t: &Test, before: &str, one: &str, after: &str) -> Result<Expr, String> {
    match &t.op {
        Op::IsNull | Op::Exists if before.ends_with('?') || before.is_empty() && after.is_empty() => {
            return Ok(Expr::Test(t.clone()));
        }
        _ => {}
    }
    let as_patterns;
    let patterns = match &t.op {
        Op::Like(p) => p,
        Op::Compare(CmpOp::Eq, Scalar::Lit(Value::Str(s))) => {
            as_patterns = vec![Pattern::exact(s)];
            &as_patterns
        }
        _ => return Err("a test of a derived value that is no pattern".into()),
    };
    let simple = |p: &Pattern| simple_path(p, before);
    if let Some(all) = patterns.iter().map(simple).collect::<Option<Vec<_>>>() {
        let op = Op::Like(all.into_iter().flatten().collect());
        return Ok(Expr::Test(t.asking(op)));
    }
    let regex = |p: &Pattern| Regex {
        source: format!(r"^{before}{}{after}\z", source(p, one)),
        multi_line: false,
        dot_all: true,
        whole: false,
    };
    let all: Vec<Regex> = patterns.iter().map(regex).collect();
    let words = Words { regex: Flavor::Pcre, ..t.words };
    if let Some(why) = all.iter().find_map(|r| eval::check_regex(r, &words).err()) {
        return Err(why);
    }
    Ok(Expr::Test(Test { words, ..t.asking(Op::Regex(all)) }))
}

/// The last part of a path, where the pattern has no wildcard after its beginning: `x`, `*\x`, `*/x`.
fn simple_path(p: &Pattern, before: &str) -> Option<Vec<Pattern>> {
    if before != r"(?:.*[\\/])?" {
        return None;
    }
    let separators = ["\\", "/"];
    let text = p.literal().filter(|t| !t.contains(['\\', '/']) && !t.is_empty())?;
    let under = separators.iter().map(|s| Pattern::new([Part::Any, Part::Lit(format!("{s}{text}"))]));
    Some(std::iter::once(p.clone()).chain(under).collect())
}

/// A pattern as a regular expression whose wildcards are characters like `one`.
fn source(p: &Pattern, one: &str) -> String {
    let mut out = String::new();
    for part in p.parts().iter() {
        match part {
            Part::Any => out.push_str(&format!("{one}*")),
            Part::One => out.push_str(one),
            Part::Lit(s) => s.chars().for_each(|c| {
                if c.is_ascii_punctuation() && c != '_' && c != '"' && c != '\'' {
                    out.push('\\');
                }
                out.push(c);
            }),
        }
    }
    out
}

/// A number read from decimal text: an equal one is the same text, as numbers in events are written without sign
/// or leading zeros; order is compared as numbers.
fn number(t: &Test) -> Result<Expr, String> {
    let whole = |v: &Value| match v {
        Value::I64(n) => Some(Pattern::exact(&n.to_string())),
        Value::Str(s) if s.parse::<i64>().is_ok_and(|n| n.to_string() == **s) => Some(Pattern::exact(s)),
        _ => None,
    };
    let equal = |all: Option<Vec<Pattern>>| {
        let op = Op::Like(all.ok_or("a number that is not whole")?);
        Ok(Expr::Test(Test { op, words: Words { coerce: Coerce::Stringify, ..t.words }, ..t.clone() }))
    };
    match &t.op {
        Op::IsNull | Op::Exists => Ok(Expr::Test(t.clone())),
        Op::In(v) => equal(v.iter().map(whole).collect()),
        Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => equal(whole(v).map(|p| vec![p])),
        Op::Compare(CmpOp::Ne, Scalar::Lit(v)) => {
            let there = t.asking(Op::IsNull);
            Ok(Expr::And(vec![Expr::Test(there).negate(), equal(whole(v).map(|p| vec![p]))?.negate()]))
        }
        Op::Like(p) => equal(p.iter().map(|p| p.literal().and_then(|s| whole(&Value::from(s)))).collect()),
        Op::Compare(_, Scalar::Lit(Value::I64(_) | Value::F64(_))) => {
            let func = Func::named("number").ok_or("numbers")?;
            let subject = Scalar::Call(Call { func, args: vec![t.subject.clone()], words: t.words });
            Ok(Expr::Test(Test { subject, words: Words { coerce: Coerce::None, ..t.words }, ..t.clone() }))
        }
        _ => Err("a test of a number".into()),
    }
}

/// A decimal number that is compared as Sysmon writes it: `DWORD (0x00000004)`.
fn dword(t: &Test) -> Result<Expr, String> {
    let Op::Like(patterns) = &t.op else { return Err("the data of a registry value".into()) };
    let mut kept = Vec::new();
    for p in patterns {
        let number = |text: &str| {
            let digits = text.strip_prefix("dword (0x")?.strip_suffix(')')?;
            u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 8)
        };
        let foreign = |part: &Part<&str>| match part {
            Part::Lit(s) => {
                !s.to_lowercase().chars().all(|c| "dwor (0x)abcdef".contains(c) || c.is_ascii_digit())
            }
            _ => false,
        };
        match p.literal() {
            Some(text) => kept.extend(number(&text.to_lowercase()).map(|n| Pattern::exact(&n.to_string()))),
            None if p.parts().iter().any(foreign) => {}
            None => return Err("a pattern for the data of a registry value".into()),
        }
    }
    if kept.is_empty() {
        return Ok(Expr::FALSE);
    }
    Ok(Expr::Test(t.asking(Op::Like(kept))))
}

/// A value by a table: those that satisfy the test.
fn mapped(t: &Test, derive: &Derive) -> Result<Expr, String> {
    let keys: Vec<&str> = match derive {
        Derive::Map(pairs) => pairs.iter().map(|(k, _)| k.as_str()).collect(),
        _ => vec!["true", "false"],
    };
    if matches!(t.op, Op::Compare(_, Scalar::Field(_)) | Op::IsNull | Op::Exists) {
        return Err("a test of a value that comes of a table".into());
    }
    let holds = |key: &&str| {
        let value = derive.apply(Value::from(*key));
        let right = match &t.op {
            Op::Compare(_, Scalar::Lit(v)) => Some(v.clone()),
            _ => None,
        };
        eval::test_value(t, &value, right.as_ref()) == Truth::True
    };
    let kept: Vec<Pattern> = keys.into_iter().filter(holds).map(Pattern::exact).collect();
    if kept.is_empty() {
        return Ok(Expr::FALSE);
    }
    let words = Words { fold: Fold::Unicode, coerce: Coerce::Stringify, ..t.words };
    Ok(Expr::Test(Test { words, ..t.asking(Op::Like(kept)) }))
}
