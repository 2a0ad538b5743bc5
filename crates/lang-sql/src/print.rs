//! IR to Spark SQL over `dataTable`: conditions on events, columns, order and number. What cannot be said is refused with
//! the reason.
//!
//! Reading what is printed gives a condition that means the same. Field names are not translated: columns are named
//! as fields stand in the event. Where absent values make a test false rather than unknown, its negation says so.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Call, CmpOp, Expr, Flavor, Fold, LogSource, Multi, Names, Nulls, Op, Pattern, Plan, Regex, Scalar, Test,
    Truth, Words, eval,
};

use crate::text::{like_text, quoted};

/// Nesting that is written out.
const MAX_DEPTH: usize = 100;

/// The text of a plan.
///
/// # Errors
/// What cannot be said.
pub fn print(plan: &Plan) -> Said {
    let (mut at, mut tail) = (plan, String::new());
    if let Plan::Limit(input, n) = at {
        tail = format!("\nLIMIT {n}");
        at = input;
    }
    let mut columns = "*".to_owned();
    if let Plan::Project(input, chosen) = at {
        columns = chosen.iter().map(column).collect::<Said<Vec<_>>>()?.join(", ");
        at = input;
    }
    let mut conditions: Vec<&Expr> = Vec::new();
    let source = loop {
        match at {
            Plan::Scan(source) => break source,
            Plan::Filter(input, e) => {
                conditions.splice(0..0, conjuncts(e));
                at = input;
            }
            Plan::Opaque(_, o) => return refuse(format!("unsupported: {}", o.reason)),
            _ => return refuse("an operator that is not written as SQL"),
        }
    };
    from(source)?;
    conditions.retain(|e| **e != Expr::TRUE);
    let texts = conditions.into_iter().map(|e| condition(e, 1, 0)).collect::<Said<Vec<_>>>()?;
    let filter =
        if texts.is_empty() { String::new() } else { format!("\nWHERE {}", texts.join("\n    AND ")) };
    let text = format!("SELECT {columns}\nFROM dataTable{filter}{tail}");
    if crate::parse::is_too_long(&text) {
        return refuse("a query of more words than are read");
    }
    Ok(text)
}

fn from(source: &LogSource) -> Said<()> {
    if source.names != Names::Raw || !source.is_any() {
        return refuse(format!("the log source {}", shikra_ir::text::log_source(source)));
    }
    Ok(())
}

fn column((name, value): &(Arc<str>, Scalar)) -> Said {
    match value {
        Scalar::Field(f) if f.name == *name => identifier(name),
        other => Ok(format!("{} AS {}", scalar(other, 0)?, identifier(name)?)),
    }
}

fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::And(v) if !v.is_empty() => v.iter().flat_map(conjuncts).collect(),
        Expr::Named(_, e) => conjuncts(e),
        e => vec![e],
    }
}

/// A condition; in brackets where it binds less than `above` (0 `OR`, 1 `AND`, 2 `NOT`).
fn condition(e: &Expr, above: u8, depth: usize) -> Said {
    if depth > MAX_DEPTH {
        return refuse("conditions nested too deeply");
    }
    let within = |text: String, own: u8| if own < above { format!("({text})") } else { text };
    let list = |v: &[Expr], word: &str, level: u8| {
        let parts = v.iter().map(|e| condition(e, level, depth + 1)).collect::<Said<Vec<_>>>()?;
        Ok(parts.join(word))
    };
    match e {
        Expr::Named(_, e) => condition(e, above, depth + 1),
        Expr::Const(Truth::True) => Ok("true".into()),
        Expr::Const(Truth::False) => Ok("false".into()),
        Expr::Const(Truth::Unknown) => Ok("null".into()),
        Expr::And(v) if v.is_empty() => Ok("true".into()),
        Expr::Or(v) if v.is_empty() => Ok("false".into()),
        Expr::And(v) => Ok(within(list(v, " AND ", 2)?, 1)),
        Expr::Or(v) => Ok(within(list(v, " OR ", 1)?, 0)),
        Expr::Test(t) => test(t, false, depth).map(|(text, own)| within(text, own)),
        Expr::Not(inner) => match &**inner {
            Expr::Test(t) => test(t, true, depth).map(|(text, own)| within(text, own)),
            e => {
                let mut two = false;
                e.tests(&mut |t| two |= t.words.null == Nulls::Two && t.op != Op::IsNull);
                if two {
                    return refuse("a negation of several tests that an absent value leaves false");
                }
                Ok(within(format!("NOT {}", condition(e, 3, depth + 1)?), 2))
            }
        },
        Expr::Opaque(o) => refuse(format!("unsupported: {}", o.reason)),
    }
}

/// A test or its negation, and how tightly it binds.
fn test(t: &Test, negated: bool, depth: usize) -> Said<(String, u8)> {
    if t.words.multi != Multi::Any {
        return refuse("a test of all values of a field, or of fields with one value only");
    }
    let subject = scalar(&t.subject, depth + 1)?;
    let not = if negated { "NOT " } else { "" };
    let text = match &t.op {
        Op::IsNull => return Ok((format!("{subject} IS {not}NULL"), 2)),
        Op::Exists => {
            return Ok((format!("{subject} IS {}NULL", if negated { "" } else { "NOT " }), 2));
        }
        Op::Like(patterns) => like(&subject, patterns, t.words.fold, not)?,
        Op::Regex(all) => {
            let each = all.iter().map(|r| Ok(format!("{subject} RLIKE {}", rlike(r, &t.words)?)));
            let each = each.collect::<Said<Vec<_>>>()?;
            match (each.as_slice(), negated) {
                ([one], false) => one.clone(),
                (many, _) => format!("{not}({})", many.join(" OR ")),
            }
        }
        Op::In(values) => {
            let values = values.iter().map(literal).collect::<Said<Vec<_>>>()?;
            match values.as_slice() {
                [one] => format!("{subject} {} {one}", if negated { "<>" } else { "=" }),
                many => format!("{subject} {not}IN ({})", many.join(", ")),
            }
        }
        Op::Cidr(_) => return refuse("whether an address lies in a network"),
        Op::Compare(op, right) => {
            let text = comparison(*op, &subject, right, &t.words, depth)?;
            if negated { format!("NOT {text}") } else { text }
        }
        Op::IsTrue => return refuse("the truth of a computed value"),
    };
    match (negated, t.words.null) {
        (true, Nulls::Two) => Ok((format!("{subject} IS NULL OR {text}"), 0)),
        _ => Ok((text, 2)),
    }
}

fn like(subject: &str, patterns: &[Pattern], fold: Fold, not: &str) -> Said {
    let caseless = |p: &Pattern| {
        let text = p.to_string();
        text.to_lowercase() == text && text.to_uppercase() == text
    };
    let exact = patterns.iter().all(|p| p.literal().is_some());
    let fold = fold == Fold::Unicode && !patterns.iter().all(caseless);
    if exact && !fold {
        let texts: Vec<String> = patterns.iter().map(|p| quoted(p.literal().unwrap_or_default())).collect();
        return Ok(match texts.as_slice() {
            [one] => format!("{subject} {} {one}", if not.is_empty() { "=" } else { "<>" }),
            many => format!("{subject} {not}IN ({})", many.join(", ")),
        });
    }
    if let ([one], true) = (patterns, exact) {
        let text = quoted(&one.literal().unwrap_or_default().to_lowercase());
        return Ok(format!("lower({subject}) {} {text}", if not.is_empty() { "=" } else { "<>" }));
    }
    let word = if fold { "ILIKE" } else { "LIKE" };
    let texts: Vec<String> = patterns.iter().map(wildcards).collect();
    Ok(match texts.as_slice() {
        [one] => format!("{subject} {not}{word} {one}"),
        many => format!("{subject} {not}{word} ANY ({})", many.join(", ")),
    })
}

/// A pattern as a literal: `%` and `_` are wildcards, `\` before a literal one; the literal then doubles backslashes.
fn wildcards(p: &Pattern) -> String {
    let text = like_text(p);
    if !p.literals().any(|s| s.contains(['%', '_', '\\'])) {
        return quoted(&text);
    }
    // In a literal `\%` and `\_` stay as they are.
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next @ ('%' | '_'))) => {
                out.extend(['\\', *next]);
                chars.next();
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push_str("\\\\\\\\");
            }
            (c, _) => {
                let one = quoted(c.encode_utf8(&mut [0; 4]));
                out.push_str(one.get(1..one.len() - 1).unwrap_or_default());
            }
        }
    }
    format!("'{out}'")
}

fn rlike(r: &Regex, words: &Words) -> Said {
    if !matches!(words.regex, Flavor::Java | Flavor::Pcre) {
        return refuse(format!("a regular expression of flavour {:?}", words.regex));
    }
    let flags: String = [(words.fold == Fold::Unicode, 'i'), (r.multi_line, 'm'), (r.dot_all, 's')]
        .iter()
        .filter_map(|(on, c)| on.then_some(*c))
        .collect();
    let source = if r.whole { format!(r"\A(?:{})\z", r.source) } else { r.source.clone() };
    let source = if flags.is_empty() { source } else { format!("(?{flags}){source}") };
    if words.regex == Flavor::Pcre && (source.contains("&&") || source.contains("[[")) {
        return refuse("a regular expression that Java reads otherwise");
    }
    let java = Regex { source: source.clone(), multi_line: false, dot_all: false, whole: false };
    let words = Words { fold: Fold::None, regex: Flavor::Java, ..*words };
    match eval::check_regex(&java, &words) {
        Ok(()) => Ok(quoted(&source)),
        Err(_) => refuse("a regular expression that Java does not have"),
    }
}

fn comparison(op: CmpOp, subject: &str, right: &Scalar, words: &Words, depth: usize) -> Said {
    let sign = match op {
        CmpOp::Eq => "=",
        CmpOp::Ne => "<>",
        other => other.as_str(),
    };
    let text = !matches!(right, Scalar::Lit(Value::I64(_) | Value::F64(_) | Value::Bool(_)));
    if words.fold == Fold::Unicode && text {
        return match (op, right) {
            (CmpOp::Eq, Scalar::Lit(Value::Str(s))) => like(subject, &[Pattern::exact(s)], Fold::Unicode, ""),
            (CmpOp::Eq, right) => Ok(format!("lower({subject}) = lower({})", scalar(right, depth + 1)?)),
            _ => refuse("an order of text that ignores case"),
        };
    }
    Ok(format!("{subject} {sign} {}", scalar(right, depth + 1)?))
}

fn scalar(s: &Scalar, depth: usize) -> Said {
    if depth > MAX_DEPTH {
        return refuse("values nested too deeply");
    }
    match s {
        Scalar::Field(f) if matches!(f.names, Names::Raw | Names::Column) => identifier(&f.name),
        Scalar::Field(f) => refuse(format!("field {} of the scheme {}", f.name, f.names.as_str())),
        Scalar::Lit(v) => literal(v),
        Scalar::Call(c) => call(c, depth),
        Scalar::Case(arms, other) => {
            let mut out = String::from("CASE");
            for (c, v) in arms {
                out.push_str(&format!(
                    " WHEN {} THEN {}",
                    condition(c, 0, depth + 1)?,
                    scalar(v, depth + 1)?
                ));
            }
            if let Some(o) = other {
                out.push_str(&format!(" ELSE {}", scalar(o, depth + 1)?));
            }
            Ok(format!("{out} END"))
        }
        Scalar::Truth(e) => Ok(format!("({})", condition(e, 0, depth + 1)?)),
        Scalar::AnyField => refuse("a search in all fields"),
        Scalar::FieldGlob(..) => refuse("fields by pattern"),
        Scalar::Var(_) | Scalar::Each(_) => refuse("a condition on the elements of a list"),
        Scalar::Asked(_) => refuse("what was seen before"),
    }
}

fn call(c: &Call, depth: usize) -> Said {
    let args = c.args.iter().map(|a| scalar(a, depth + 1)).collect::<Said<Vec<_>>>()?;
    match (c.func.0.name, args.as_slice()) {
        ("number", [one]) => Ok(format!("CAST({one} AS DOUBLE)")),
        (name @ ("lower" | "upper" | "length" | "trim" | "concat" | "reverse" | "split"), args) => {
            Ok(format!("{name}({})", args.join(", ")))
        }
        ("element", [list, at]) => Ok(format!("{list}[{at}]")),
        (name, _) => refuse(format!("the function {name}")),
    }
}

fn literal(v: &Value) -> Said {
    Ok(match v {
        Value::Missing | Value::Null => "NULL".into(),
        Value::Bool(b) => b.to_string(),
        Value::I64(n) => n.to_string(),
        Value::F64(n) => format!("{n:?}"),
        Value::Str(s) => quoted(s),
        Value::Ip(ip) => quoted(&ip.to_string()),
        Value::Time(t) => quoted(&t.to_string()),
        Value::List(_) => return refuse("a list as a constant"),
    })
}

/// Words that are read as something else than a name in some place.
const RESERVED: &str = "\
    all and any array as by case cast ceil convert cross current_catalog current_date current_time \
    current_timestamp current_user date distinct else end except exists extract false floor from full \
    group hash having in inner intersect interval is join lateral left like limit localtime \
    localtimestamp map match not null on or order outer overlay position prior right select session_user \
    some struct substr substring table then time timestamp trim true try_cast union user using values \
    when where with";

/// A name, in backticks where it is no plain word.
fn identifier(name: &str) -> Said {
    if name.contains('`') || name.is_empty() {
        return refuse(format!("column name {name:?}"));
    }
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !RESERVED.split_whitespace().any(|w| w.eq_ignore_ascii_case(name)) {
        return Ok(name.to_owned());
    }
    Ok(format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, load};
    use shikra_ir::{Part, text};

    /// What is printed means the same, word by word.
    fn check(query: &str, want: &str) {
        let plan = load(query, Dialect::Spark).plan.unwrap();
        let printed = print(&plan).unwrap_or_else(|e| format!("refused: {e}"));
        assert_eq!(printed, want);
        if !printed.starts_with("refused") {
            let again = load(&printed, Dialect::Spark);
            assert_eq!(again.diagnostics, [], "{printed}");
            assert_eq!(text::plan(&again.plan.unwrap()), text::plan(&plan), "{printed}");
        }
    }

    #[test]
    fn there_and_back() {
        for (query, want) in [
            (
                r"select Image, `a b` from events where lower(Channel) = 'security' and EventID = 4688 and Image like '%\\\\cmd.exe'",
                "SELECT Image, `a b`\nFROM dataTable\nWHERE lower(Channel) = 'security'\n    AND EventID = 4688\n    \
                 AND Image LIKE '%\\\\\\\\cmd.exe'",
            ),
            (
                "select * from df where a ilike any ('%x\\_y%', 'B%') or b is null",
                "SELECT *\nFROM dataTable\nWHERE (a ILIKE ANY ('%x\\_y%', 'B%') OR b IS NULL)",
            ),
            (
                "select * from df where not a rlike '(?i)x\\\\d' limit 5",
                "SELECT *\nFROM dataTable\nWHERE NOT (a RLIKE '(?i)x\\\\d')\nLIMIT 5",
            ),
            ("select count(*) from df", "refused: an operator that is not written as SQL"),
        ] {
            check(query, want);
        }
    }

    #[test]
    fn patterns_survive() {
        for p in [
            Pattern::new([Part::Any, Part::Lit(" \\\\".into()), Part::Any, Part::Lit("\\x".into())]),
            Pattern::contains("50%_\\x\\\\y'z"),
            Pattern::new([Part::Lit("a\\".into()), Part::Any]),
            Pattern::new([Part::Lit("\\".into()), Part::One, Part::Lit("%x\\".into())]),
            Pattern::exact("tab\there"),
        ] {
            let words =
                Words { fold: Fold::Unicode, null: Nulls::Three, regex: Flavor::Java, ..Words::default() };
            let t = Test {
                subject: Scalar::field(Names::Raw, "a"),
                op: Op::Like(vec![p.clone()]),
                words,
                span: Default::default(),
            };
            let plan = Plan::Filter(Box::new(Plan::Scan(LogSource::any(Names::Raw))), Expr::Test(t));
            let printed = print(&plan).unwrap();
            let again = load(&printed, Dialect::Spark).plan.unwrap();
            assert_eq!(text::plan(&again), text::plan(&plan), "{printed}");
        }
    }
}
