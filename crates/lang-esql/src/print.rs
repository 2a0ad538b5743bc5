//! IR to text, where ES|QL can say it; what cannot be said is refused with the reason.
//!
//! Reading what is printed gives a condition that means the same of fields with one value each. Field names are not
//! translated: those of another scheme are refused. Where absent values make a test false rather than unknown, its
//! negation says so.

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Call, CmpOp, Expr, Extract, Flavor, Fold, LogSource, Lookup, Multi, Names, Nulls, Op, Pattern, Plan,
    Regex, Scalar, SortKey, Test, Truth, Words, regex,
};

mod forms;
mod stats;

use crate::lower::{WHITE, function_of, is_single};

/// Nesting that is written out.
const MAX_DEPTH: usize = 100;

/// Writes a condition as KQL, for `KQL("…")`.
pub type InKql<'o> = &'o dyn Fn(&Expr) -> Said;

/// Where in an expression, and what names stand for there.
#[derive(Clone, Copy, Default)]
struct At<'a> {
    depth: usize,
    /// What says conditions in KQL, where those may stand.
    kql: Option<InKql<'a>>,
    /// Columns that no name of the query means, with what is written for them.
    made: &'a [(std::sync::Arc<str>, String)],
}

impl<'a> At<'a> {
    fn deeper(self) -> At<'a> {
        At { depth: self.depth + 1, ..self }
    }

    /// What is written for a column.
    fn text(self, name: &str) -> Option<&'a str> {
        self.made.iter().find(|(n, _)| **n == *name).map(|(_, t)| t.as_str())
    }
}

/// Functions of the IR that answer a truth of two texts.
const TEXT_TESTS: &[(&str, &str)] =
    &[("starts-with", "STARTS_WITH"), ("ends-with", "ENDS_WITH"), ("contains-text", "CONTAINS")];

/// Types as conversions name them in the IR.
const CONVERSIONS: &[(&str, &str)] = &[
    ("text", "TO_STRING"),
    ("integer", "TO_INTEGER"),
    ("double", "TO_DOUBLE"),
    ("boolean", "TO_BOOLEAN"),
    ("time", "TO_DATETIME"),
    ("ip", "TO_IP"),
];

/// The text of a plan.
///
/// # Errors
/// What cannot be said.
pub fn print(plan: &Plan) -> Said {
    print_with(plan, None)
}

/// The text of a plan; conditions that only KQL has words for (absent values make them false, each value of a field is
/// asked) are written by `kql`.
///
/// # Errors
/// What cannot be said.
pub fn print_with(plan: &Plan, kql: Option<InKql<'_>>) -> Said {
    let print = |plan: &Plan| print_with(plan, kql);
    let (input, command) = match plan {
        Plan::Scan(source) => return from(source),
        Plan::Filter(input, e) => {
            let at = At { kql, ..At::default() };
            let parts: Vec<String> =
                conjuncts(e).into_iter().map(|e| condition(e, 1, at)).collect::<Said<_>>()?;
            (input, format!("WHERE {}", parts.join("\n    AND ")))
        }
        // The present is asked for behind a step of its own.
        Plan::Eval(input, columns) if columns.is_empty() => return print(input),
        Plan::Eval(input, columns) => {
            let one = |(name, s): &(std::sync::Arc<str>, Scalar)| {
                Ok(format!("{} = {}", identifier(name), scalar(s, At::default())?))
            };
            (input, format!("EVAL {}", columns.iter().map(one).collect::<Said<Vec<_>>>()?.join(", ")))
        }
        Plan::Project(input, columns) if matches!(**input, Plan::Agg(_)) => {
            let Plan::Agg(agg) = &**input else { return refuse("no groups") };
            (&agg.input, stats::stats(agg, columns)?)
        }
        Plan::Project(input, columns) => {
            let own = |(name, s): &(std::sync::Arc<str>, Scalar)| match s {
                Scalar::Field(f) if f.names == Names::Column && f.name == *name => Ok(identifier(name)),
                _ => refuse("columns that are renamed and computed at once"),
            };
            (input, format!("KEEP {}", columns.iter().map(own).collect::<Said<Vec<_>>>()?.join(", ")))
        }
        Plan::Sort(s) => {
            (&s.input, format!("SORT {}", s.keys.iter().map(sort_key).collect::<Said<Vec<_>>>()?.join(", ")))
        }
        Plan::Limit(input, n) => (input, format!("LIMIT {n}")),
        Plan::Unnest(input, f) => (input, format!("MV_EXPAND {}", identifier(&f.name))),
        Plan::Drop(input, names) => match stats::inline(input) {
            Some((agg, columns)) => (&agg.input, stats::inline_stats(agg, columns)?),
            None => {
                let names = names.iter().map(|n| n.literal().map_or_else(|| n.to_string(), identifier));
                (input, format!("DROP {}", names.collect::<Vec<_>>().join(", ")))
            }
        },
        Plan::Extract(input, e) => (input, extract(e)?),
        Plan::Lookup(l) => (&l.input, lookup(l)?),
        Plan::Opaque(_, o) => return refuse(format!("unsupported: {}", o.reason)),
        _ => return refuse("an operator that is not written as ES|QL"),
    };
    Ok(format!("{}\n| {command}", print(input)?))
}

fn extract(e: &Extract) -> Said {
    match e {
        Extract::Grok { from, patterns } => {
            let patterns = patterns.iter().map(|p| string(p)).collect::<Said<Vec<_>>>()?;
            Ok(format!("GROK {} {}", scalar(from, At::default())?, patterns.join(", ")))
        }
        Extract::Dissect { from, pattern, separator } => {
            let text = format!("DISSECT {} {}", scalar(from, At::default())?, string(pattern)?);
            match separator.as_str() {
                "" => Ok(text),
                other => Ok(format!("{text} APPEND_SEPARATOR={}", string(other)?)),
            }
        }
        _ => refuse("an extraction that is not written as ES|QL"),
    }
}

/// `ENRICH` or `LOOKUP JOIN`: both look up a table under the name of a column.
fn lookup(l: &Lookup) -> Said {
    let own = |(theirs, s): &(String, Scalar)| match s {
        Scalar::Field(f) if *f.name == **theirs => Ok(identifier(theirs)),
        _ => refuse("a look-up under another name"),
    };
    let keys = l.on.iter().map(own).collect::<Said<Vec<_>>>()?.join(", ");
    if l.only_new || l.data.is_some() {
        return refuse("a look-up in a table of its own");
    }
    if l.output.is_empty() {
        return Ok(format!("LOOKUP JOIN {} ON {keys}", l.table));
    }
    let with = l.output.iter().map(|(theirs, new)| match *theirs == **new {
        true => identifier(new),
        false => format!("{} = {}", identifier(new), identifier(theirs)),
    });
    Ok(format!("ENRICH {} ON {keys} WITH {}", l.table, with.collect::<Vec<_>>().join(", ")))
}

fn from(source: &LogSource) -> Said {
    if source.names != Names::Ecs || !source.keys.is_empty() {
        return refuse(format!("the log source {}", shikra_ir::text::log_source(source)));
    }
    if source.indices.is_empty() {
        return Ok("FROM *".into());
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | ':');
    let index = |name: &String| if name.chars().all(plain) { Ok(name.clone()) } else { string(name) };
    Ok(format!("FROM {}", source.indices.iter().map(index).collect::<Said<Vec<_>>>()?.join(", ")))
}

fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::And(v) if !v.is_empty() => v.iter().flat_map(conjuncts).collect(),
        Expr::Named(_, e) => conjuncts(e),
        e => vec![e],
    }
}

fn sort_key(k: &SortKey) -> Said {
    let value = match &k.value {
        Scalar::Call(c) if matches!(c.func.0.name, "values-min" | "values-max") => c.args.first(),
        other => Some(other),
    };
    let Some(value) = value else { return refuse("a sort key without a value") };
    let order = if k.descending { " DESC" } else { "" };
    let nulls = match (k.descending, k.nulls_first) {
        (true, true) | (false, false) => "",
        (true, false) => " NULLS LAST",
        (false, true) => " NULLS FIRST",
    };
    Ok(format!("{}{order}{nulls}", scalar(value, At::default())?))
}

/// A condition; in brackets where it binds less than `above` (0 `or`, 1 `and`, 2 `not`).
fn condition(e: &Expr, above: u8, at: At<'_>) -> Said {
    if at.depth > MAX_DEPTH {
        return refuse("conditions nested too deeply");
    }
    let within = |text: String, own: u8| if own < above { format!("({text})") } else { text };
    let list = |v: &[Expr], word: &str, level: u8| {
        let parts = v.iter().map(|e| condition(e, level, at.deeper())).collect::<Said<Vec<_>>>()?;
        Ok(parts.join(word))
    };
    if let Some(Ok(text)) = at.kql.filter(|_| is_kql(e)).map(|kql| kql(e)) {
        return Ok(format!("KQL({})", string(&text)?));
    }
    match e {
        Expr::Named(_, e) => condition(e, above, at.deeper()),
        Expr::Const(Truth::True) => Ok("true".into()),
        Expr::Const(Truth::False) => Ok("false".into()),
        Expr::Const(Truth::Unknown) => Ok("null".into()),
        Expr::And(v) if v.is_empty() => Ok("true".into()),
        Expr::Or(v) if v.is_empty() => Ok("false".into()),
        Expr::And(v) => Ok(within(list(v, " AND ", 2)?, 1)),
        Expr::Or(v) => Ok(within(list(v, " OR ", 1)?, 0)),
        Expr::Test(t) => test(t, at).map(|(text, own)| within(text, own)),
        Expr::Not(inner) => negated(inner, at).map(|(text, own)| within(text, own)),
        Expr::Opaque(o) => refuse(format!("unsupported: {}", o.reason)),
    }
}

/// Whether a condition compares as KQL does, all of it.
fn is_kql(e: &Expr) -> bool {
    let (mut some, mut all) = (false, true);
    e.tests(&mut |t| {
        let own = t.words.null == Nulls::Two && t.words.multi == Multi::Any;
        some |= own && !matches!(t.op, Op::IsNull | Op::Exists);
        all &= own;
    });
    some && all
}

/// A negation and how tightly it binds.
fn negated(inner: &Expr, at: At<'_>) -> Said<(String, u8)> {
    match inner {
        Expr::Named(_, e) => negated(e, at.deeper()),
        Expr::Test(t) if t.op == Op::IsNull => Ok((format!("{} IS NOT NULL", subject(t, at)?), 2)),
        e if asks_presence(e) => refuse("a negation of `*` that leaves absent values unknown"),
        Expr::Test(t) => {
            let (text, own) = test(t, at)?;
            let text = format!("NOT {}", if own < 2 { format!("({text})") } else { text });
            match t.words.null {
                Nulls::Three => Ok((text, 2)),
                Nulls::Two => Ok((format!("{} IS NULL OR {text}", subject(t, at)?), 0)),
            }
        }
        e => {
            let mut two = false;
            e.tests(&mut |t| two |= t.words.null == Nulls::Two && !matches!(t.op, Op::IsNull));
            if two {
                return refuse("a negation of several tests that an absent value leaves false");
            }
            Ok((format!("NOT {}", condition(e, 3, at.deeper())?), 2))
        }
    }
}

/// Whether some pattern takes every value: ES|QL reads it as `IS NOT NULL`, which is never unknown.
fn asks_presence(e: &Expr) -> bool {
    let mut found = false;
    e.tests(&mut |t| {
        let all = matches!(&t.op, Op::Like(p) if p.iter().any(|p| p.is_any()));
        found |= all && t.words.null == Nulls::Three;
    });
    found
}

fn subject(t: &Test, at: At<'_>) -> Said {
    scalar(&t.subject, at.deeper())
}

/// A test, and how tightly it binds.
fn test(t: &Test, at: At<'_>) -> Said<(String, u8)> {
    if t.words.multi == Multi::All {
        return refuse("a test of all values of a field");
    }
    let text = match &t.op {
        Op::IsNull => format!("{} IS NULL", subject(t, at)?),
        Op::Exists => format!("{} IS NOT NULL", subject(t, at)?),
        Op::Like(patterns) => return like(&subject(t, at)?, patterns, &t.words),
        Op::Regex(all) => match forms::words(t, all, at) {
            Some(said) => said?,
            None => rlike(&subject(t, at)?, all, &t.words)?,
        },
        Op::In(values) => {
            let values = values.iter().map(literal).collect::<Said<Vec<_>>>()?;
            match values.as_slice() {
                [one] => format!("{} == {one}", subject(t, at)?),
                many => format!("{} IN ({})", subject(t, at)?, many.join(", ")),
            }
        }
        Op::Cidr(nets) => {
            let nets: Vec<String> = nets.iter().map(|n| format!("\"{n}\"")).collect();
            format!("CIDR_MATCH(TO_IP({}), {})", subject(t, at)?, nets.join(", "))
        }
        Op::Compare(op, right) => match forms::fuzzy(*op, &t.subject, right, at) {
            Some(said) => said?,
            None => return comparison(*op, t, right, at),
        },
        Op::IsTrue => match &t.subject {
            Scalar::Call(c) if c.func.0.name == "values-contain" => scalar(&t.subject, at.deeper())?,
            Scalar::Call(c) => match TEXT_TESTS.iter().find(|(ir, _)| *ir == c.func.0.name) {
                Some((_, own)) => {
                    let args = c.args.iter().map(|a| scalar(a, at.deeper())).collect::<Said<Vec<_>>>()?;
                    format!("{own}({})", args.join(", "))
                }
                None => return refuse("the truth of a computed value"),
            },
            _ => return refuse("the truth of a computed value"),
        },
    };
    Ok((text, 2))
}

fn comparison(op: CmpOp, t: &Test, right: &Scalar, at: At<'_>) -> Said<(String, u8)> {
    let text = matches!(right, Scalar::Lit(Value::Str(_)));
    if t.words.fold == Fold::Unicode && (text || !matches!(right, Scalar::Lit(_))) {
        return match (op, right) {
            (CmpOp::Eq, Scalar::Lit(Value::Str(s))) => like(&subject(t, at)?, &[Pattern::exact(s)], &t.words),
            (CmpOp::Eq, right) => {
                let (l, r) = (subject(t, at)?, scalar(right, at.deeper())?);
                Ok((format!("TO_LOWER({l}) == TO_LOWER({r})"), 2))
            }
            _ => refuse("an order of text that ignores case"),
        };
    }
    Ok((format!("{} {} {}", subject(t, at)?, op.as_str(), scalar(right, at.deeper())?), 2))
}

/// Patterns, in the operator that means them. What ignores case asks of the text in lower case.
fn like(subject: &str, patterns: &[Pattern], words: &Words) -> Said<(String, u8)> {
    if patterns.iter().any(|p| p.is_any()) {
        return Ok((format!("{subject} IS NOT NULL"), 2));
    }
    let exact = patterns.iter().all(|p| p.literal().is_some());
    let caseless = |p: &Pattern| {
        let text = p.to_string();
        text.to_lowercase() == text && text.to_uppercase() == text
    };
    let fold = words.fold == Fold::Unicode && !patterns.iter().all(caseless);
    // `:` asks whether any of the values is this one.
    if exact && words.multi == Multi::Any && words.fold == Fold::None {
        let each =
            patterns.iter().map(|p| Ok(format!("{subject} : {}", string(p.literal().unwrap_or_default())?)));
        let each = each.collect::<Said<Vec<_>>>()?;
        let own = if each.len() == 1 { 2 } else { 0 };
        return Ok((each.join(" OR "), own));
    }
    let subject = if fold { format!("TO_LOWER({subject})") } else { subject.to_owned() };
    let texts = patterns.iter().map(|p| {
        let p = if fold { p.map(str::to_lowercase) } else { p.clone() };
        match exact {
            true => string(p.literal().unwrap_or_default()),
            false => string(&p.to_string()),
        }
    });
    let texts = texts.collect::<Said<Vec<_>>>()?;
    let text = match (exact, texts.as_slice()) {
        (true, [one]) => format!("{subject} == {one}"),
        (true, many) => format!("{subject} IN ({})", many.join(", ")),
        (false, [one]) => format!("{subject} LIKE {one}"),
        (false, many) => format!("{subject} LIKE ({})", many.join(", ")),
    };
    Ok((text, 2))
}

fn rlike(subject: &str, all: &[Regex], words: &Words) -> Said {
    let one = |r: &Regex| match words.regex {
        Flavor::Lucene if words.fold == Fold::None => string(&r.source),
        Flavor::Pcre | Flavor::Rust | Flavor::Java => match regex::as_lucene(r, words) {
            Some(s) => string(&s),
            None => refuse(format!("a regular expression that Lucene cannot say ({})", r.source)),
        },
        Flavor::Lucene => refuse("a Lucene regular expression that ignores case"),
    };
    let texts = all.iter().map(one).collect::<Said<Vec<_>>>()?;
    Ok(match texts.as_slice() {
        [one] => format!("{subject} RLIKE {one}"),
        many => format!("{subject} RLIKE ({})", many.join(", ")),
    })
}

fn scalar(s: &Scalar, at: At<'_>) -> Said {
    if at.depth > MAX_DEPTH {
        return refuse("values nested too deeply");
    }
    match s {
        Scalar::Field(f) if f.names == Names::Column && at.text(&f.name).is_some() => {
            Ok(at.text(&f.name).unwrap_or_default().to_owned())
        }
        Scalar::Field(f) if matches!(f.names, Names::Ecs | Names::Column) => Ok(identifier(&f.name)),
        Scalar::Var(v) if **v == *"now" => Ok("NOW()".into()),
        Scalar::Field(f) => refuse(format!("field {} of the scheme {}", f.name, f.names.as_str())),
        Scalar::Lit(v) => literal(v),
        Scalar::Call(c) => call(c, at),
        Scalar::Case(arms, other) => {
            if let Some(said) = forms::locate(arms, other.as_deref(), at) {
                return said;
            }
            let mut parts = Vec::new();
            for (c, v) in arms {
                parts.push(condition(c, 0, at.deeper())?);
                parts.push(scalar(v, at.deeper())?);
            }
            if let Some(o) = other {
                parts.push(scalar(o, at.deeper())?);
            }
            Ok(format!("CASE({})", parts.join(", ")))
        }
        Scalar::Truth(e) => Ok(format!("({})", condition(e, 0, at.deeper())?)),
        Scalar::AnyField => refuse("a search in all fields"),
        Scalar::FieldGlob(..) => refuse("fields by pattern"),
        Scalar::Var(_) | Scalar::Each(_) => refuse("a condition on the elements of a list"),
        Scalar::Asked(_) => refuse("what was seen before"),
    }
}

fn call(c: &Call, at: At<'_>) -> Said {
    const SIGNS: &[(&str, &str)] =
        &[("add", "+"), ("subtract", "-"), ("multiply", "*"), ("divide-trunc", "/"), ("modulo", "%")];
    let name = c.func.0.name;
    // Written where a function takes one value anyway.
    if let (true, [one]) = (is_single(name), c.args.as_slice()) {
        return scalar(one, at.deeper());
    }
    if let ("one-or-list", [Scalar::Field(f)]) = (name, c.args.as_slice())
        && let Some(made) = at.text(&f.name)
    {
        return Ok(made.to_owned());
    }
    if let ("time-add", [time, Scalar::Lit(Value::I64(n)), Scalar::Lit(Value::Str(unit))]) =
        (name, c.args.as_slice())
    {
        let sign = if *n < 0 { '-' } else { '+' };
        return Ok(format!("({} {sign} {} {unit})", scalar(time, at.deeper())?, n.unsigned_abs()));
    }
    if let ("time-truncate", [time, Scalar::Lit(Value::I64(n)), Scalar::Lit(Value::Str(unit))]) =
        (name, c.args.as_slice())
    {
        return Ok(format!("DATE_TRUNC({n} {unit}, {})", scalar(time, at.deeper())?));
    }
    if let ("esql-convert", [value, Scalar::Lit(Value::Str(to))]) = (name, c.args.as_slice())
        && let Some((_, own)) = CONVERSIONS.iter().find(|(kind, _)| *kind == &**to)
    {
        return Ok(format!("{own}({})", scalar(value, at.deeper())?));
    }
    let calculates = SIGNS.iter().any(|(n, _)| *n == name);
    let own = |a: &Scalar| match a {
        // What calculates takes numbers anyway.
        Scalar::Call(c) if calculates && c.func.0.name == "number" && c.args.len() == 1 => {
            c.args.iter().map(|a| scalar(a, at.deeper())).collect::<Said>()
        }
        a => scalar(a, at.deeper()),
    };
    let args = c.args.iter().map(own).collect::<Said<Vec<_>>>()?;
    if let (Some((_, sign)), [a, b]) = (SIGNS.iter().find(|(n, _)| *n == name), args.as_slice()) {
        return Ok(format!("({a} {sign} {b})"));
    }
    match (name, args.as_slice()) {
        ("number", [one]) => Ok(format!("TO_DOUBLE({one})")),
        ("trim", [one, white]) if *white == string(WHITE)? => Ok(format!("TRIM({one})")),
        ("lower", [one]) => Ok(format!("TO_LOWER({one})")),
        ("upper", [one]) => Ok(format!("TO_UPPER({one})")),
        ("regex-replace", [text, regex, with]) => Ok(format!("REPLACE({text}, {regex}, {with})")),
        ("time-format", [form, time]) => Ok(format!("DATE_FORMAT({form}, {time})")),
        ("bucket-number", [value, width]) => Ok(format!("BUCKET({value}, {width})")),
        _ => match function_of(name) {
            Some(own) => Ok(format!("{}({})", own.to_uppercase(), args.join(", "))),
            None => refuse(format!("the function {name}")),
        },
    }
}

fn literal(v: &Value) -> Said {
    Ok(match v {
        Value::Missing | Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::I64(n) => n.to_string(),
        Value::F64(n) => format!("{n:?}"),
        Value::Str(s) => string(s)?,
        Value::Ip(ip) => format!("TO_IP(\"{ip}\")"),
        Value::Time(t) => format!("TO_DATETIME(\"{t}\")"),
        Value::List(v) => format!("[{}]", v.iter().map(literal).collect::<Said<Vec<_>>>()?.join(", ")),
    })
}

/// A text, in three quotes where that saves escapes.
fn string(text: &str) -> Said {
    let raw = text.contains('\\') && !text.contains(['\n', '\r', '\t']);
    if raw && !text.contains("\"\"\"") && !text.ends_with('"') && !text.starts_with('"') {
        return Ok(format!("\"\"\"{text}\"\"\""));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(out)
}

/// A name, parts that are no plain words in backticks.
fn identifier(name: &str) -> String {
    const RESERVED: &[&str] = &[
        "and", "as", "asc", "by", "desc", "false", "first", "in", "is", "last", "like", "not", "null",
        "nulls", "on", "or", "rlike", "true", "where", "with",
    ];
    let part = |p: &str| {
        let begins = p.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'));
        let plain = begins && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@'));
        if plain && !RESERVED.contains(&p.to_ascii_lowercase().as_str()) {
            p.to_owned()
        } else {
            format!("`{}`", p.replace('`', "``"))
        }
    };
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, load};
    use shikra_ir::text;

    /// What is printed means the same, word by word.
    fn check(query: &str, want: &str) {
        let plan = load(query, &Options::default()).plan.unwrap();
        let printed = print(&plan).unwrap_or_else(|e| format!("refused: {e}"));
        assert_eq!(printed, want);
        if !printed.starts_with("refused") {
            let again = load(&printed, &Options::default());
            assert_eq!(again.diagnostics, [], "{printed}");
            let bare = |mut p: Plan| {
                p.each_span(&mut |s| *s = Default::default());
                text::plan(&p)
            };
            assert_eq!(bare(again.plan.unwrap()), bare(plan), "{printed}");
        }
    }

    #[test]
    fn there_and_back() {
        for (query, want) in [
            (
                "from logs-*, b | where a == \"x\" and not b like \"*\\\\\\\\c*\"",
                "FROM logs-*, b\n| WHERE a == \"x\"\n    AND NOT b LIKE \"\"\"*\\\\c*\"\"\"",
            ),
            (
                "from a | where to_lower(x) in (\"a\", \"b\") or y > 5",
                "FROM a\n| WHERE (TO_LOWER(x) IN (\"a\", \"b\") OR y > 5)",
            ),
            (
                "from a | where x is not null and y is null",
                "FROM a\n| WHERE x IS NOT NULL\n    AND y IS NULL",
            ),
            (
                "from a | where cidr_match(ip, \"10.0.0.0/8\") and x rlike \"a.*b\"",
                "FROM a\n| WHERE CIDR_MATCH(TO_IP(ip), \"10.0.0.0/8\")\n    AND x RLIKE \"a.*b\"",
            ),
            (
                "from a | where x : \"b\" and length(y) == 3",
                "FROM a\n| WHERE x : \"b\"\n    AND LENGTH(y) == 3",
            ),
            ("from a | limit 3", "FROM a\n| LIMIT 3"),
            ("from \"a b\", c-* | limit 3", "FROM \"a b\", c-*\n| LIMIT 3"),
            ("from \"a, ,b\", c | limit 3", "FROM a, b, c\n| LIMIT 3"),
            (
                "from a | stats c = count(*), values(b.c), d = max(e) - min(e) where f == 1 by g, h = to_lower(i) | where c > 1",
                "FROM a\n| STATS c = COUNT(*), `values(b`.`c)` = VALUES(b.c), \
                 d = (MAX(CASE(f == 1, e)) - MIN(CASE(f == 1, e))) BY g, h = TO_LOWER(i)\n| WHERE c > 1\n\
                 | KEEP c, `values(b`.`c)`, d, g, h",
            ),
            (
                "from a | inline stats n = count_distinct(b) by c | where n > 1 | keep c, n",
                "FROM a\n| INLINE STATS n = COUNT_DISTINCT(b) BY c\n| WHERE n > 1\n| EVAL c = c\n| KEEP c, n",
            ),
            (
                "from a | grok b \"%{WORD:w}\" | dissect b \"%{x} %{y}\" | drop x | sort y desc",
                "FROM a\n| GROK b \"%{WORD:w}\"\n| DISSECT b \"%{x} %{y}\"\n| DROP x\n| SORT y DESC",
            ),
            ("from a | stats std_dev(b)", "refused: an aggregate that is not written as ES|QL"),
        ] {
            check(query, want);
        }
    }
}
