//! IR to SPL. Each condition is said in `search` where that can say it, else in `where` or `regex`; commands behind
//! it are [`pipe`]'s. What none of them can say is refused with the reason.

mod aggregate;
mod command;
mod list;
mod pipe;
mod plain;

use shikra_event::Value;
use shikra_ir::said::{Said, Unsayable, refuse};
use shikra_ir::{
    Call, CmpOp, Coerce, Each, EachGives, Expr, Flavor, Fold, LogSource, Multi, Names, Nulls, Op, Part,
    Pattern, Plan, Regex, Scalar, Test, Truth, Words,
};

use crate::lower::{NOW, functions, is_aside, is_number};
use crate::parse::opens;
use list::List;
pub use pipe::tables;

/// Writes a plan as a search. Fields must be named in Splunk's names (or as they stand in the event), or be those of
/// a data model.
///
/// # Errors
/// Where SPL has no counterpart.
pub fn print(plan: &Plan) -> Said {
    let Some((source, e)) = plan.single_event().filter(|(s, _)| s.names != Names::Cim) else {
        return piped(plan);
    };
    let one = condition(source, &e);
    // As few commands as the plan has, where that says it too.
    match (&one, piped(plan)) {
        (Ok(text), _) if pipe::reads_as(text, plan) => one,
        (_, Ok(text)) => Ok(text),
        _ => one,
    }
}

fn piped(plan: &Plan) -> Said {
    let text = pipe::print(plan).map(shown)?;
    if pipe::reads_as(&text, plan) { Ok(text) } else { refuse("a text that a search would take for a macro") }
}

/// The word `search` need not stand at the beginning, but before what would be a command.
fn shown(text: String) -> String {
    let bare = text.strip_prefix("search ").map(str::to_owned).unwrap_or(text);
    let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let first = bare.bytes().take_while(name).count();
    match bare.get(..first).is_some_and(opens) {
        true => format!("search {bare}"),
        false => bare,
    }
}

/// A condition on single events.
fn condition(source: &LogSource, e: &Expr) -> Said {
    let mut searched = sources(source)?;
    let mut piped = Vec::new();
    for part in pairs(conjuncts(e)) {
        match part.search() {
            Ok(text) => searched.push(text),
            Err(_) => piped.push(part.pipe()?),
        }
    }
    if searched.is_empty() {
        searched.push("*".into());
    }
    let first = shown(searched.join(" "));
    Ok([first].into_iter().chain(piped).collect::<Vec<_>>().join(" | "))
}

fn sources(source: &LogSource) -> Said<Vec<String>> {
    if source.is_any() {
        return Ok(vec![]);
    }
    let known = |k: &str| matches!(k, "source" | "sourcetype" | "eventtype");
    if source.names != Names::Splunk || !source.keys.keys().all(|k| known(k)) || !source.indices.is_empty() {
        return refuse(format!("the log source {}", shikra_ir::text::log_source(source)));
    }
    Ok(source.keys.iter().map(|(k, v)| format!("{k}={}", quoted(v))).collect())
}

fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match e {
        Expr::And(v) => v.iter().flat_map(conjuncts).collect(),
        Expr::Named(_, e) => conjuncts(e),
        Expr::Const(Truth::True) => vec![],
        one => vec![one],
    }
}

/// One condition of a conjunction.
enum Clause<'e> {
    Plain(&'e Expr),
    /// `field!=value`: the field is there, and some value differs.
    Differs(List<'e>),
}

/// Puts the two halves of `!=` together.
fn pairs(parts: Vec<&Expr>) -> Vec<Clause<'_>> {
    let mut out = Vec::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        match parts.peek().and_then(|next| differs(part, next)) {
            Some(clause) => {
                parts.next();
                out.push(clause);
            }
            None => out.push(Clause::Plain(part)),
        }
    }
    out
}

fn differs<'e>(there: &Expr, not: &'e Expr) -> Option<Clause<'e>> {
    let (Expr::Not(there), Expr::Not(equal)) = (there, not) else { return None };
    let Expr::Test(there) = &**there else { return None };
    let list = list::of(equal).filter(|l| l.is_one() && l.words.multi == Multi::All)?;
    (there.op == Op::IsNull && there.subject == *list.subject).then_some(Clause::Differs(list))
}

impl Clause<'_> {
    fn search(&self) -> Said {
        match self {
            Clause::Plain(e) => search(e),
            Clause::Differs(list) => Ok(format!("{}!={}", field(list.subject)?, list.values()?.join(""))),
        }
    }

    /// A command after a pipe.
    fn pipe(&self) -> Said {
        let e = match self {
            Clause::Plain(e) => e,
            Clause::Differs(list) => {
                return refuse(format!("a comparison of {}", shikra_ir::text::scalar(list.subject)));
            }
        };
        if let Some(text) = regex_command(e) {
            return Ok(text);
        }
        Ok(format!("where {}", eval(e, true)?))
    }
}

/// `regex field="…"`.
fn regex_command(e: &Expr) -> Option<String> {
    let (t, sign) = match e {
        Expr::Test(t) => (t, "="),
        Expr::Not(e) => match &**e {
            Expr::Test(t) => (t, "!="),
            _ => return None,
        },
        _ => return None,
    };
    let Op::Regex(all) = &t.op else { return None };
    let [r] = all.as_slice() else { return None };
    let plain = t.words.fold == Fold::None && t.words.null == Nulls::Two && t.words.multi == Multi::Any;
    let name = plain.then(|| field(&t.subject).ok())??;
    Some(format!("regex {name}{sign}{}", quoted(&regex(r, &t.words).ok()?)))
}

/// A condition in the words of `search`.
fn search(e: &Expr) -> Said {
    match e {
        Expr::Const(Truth::True) => Ok("*".into()),
        Expr::Const(_) => Ok("NOT *".into()),
        Expr::Named(_, e) => search(e),
        Expr::Not(e) => match &**e {
            Expr::Test(t) if t.op == Op::IsNull => Ok(format!("{}=*", field(&t.subject)?)),
            e => Ok(format!("NOT {}", search(e)?)),
        },
        Expr::And(v) if v.is_empty() => Ok("*".into()),
        Expr::Or(v) if v.is_empty() => Ok("NOT *".into()),
        Expr::And(v) => {
            let parts: Result<Vec<_>, _> = pairs(v.iter().collect()).iter().map(Clause::search).collect();
            Ok(format!("({})", parts?.join(" ")))
        }
        Expr::Or(v) => {
            if let Some(list) = list::of(e) {
                return list.search();
            }
            let parts: Result<Vec<_>, _> = v.iter().map(search).collect();
            Ok(format!("({})", parts?.join(" OR ")))
        }
        Expr::Test(t) => search_test(t),
        Expr::Opaque(o) => refuse(o.reason.clone()),
    }
}

fn search_test(t: &Test) -> Said {
    let what = || shikra_ir::text::scalar(&t.subject);
    if t.op == Op::IsNull {
        return Ok(format!("NOT {}=*", field(&t.subject)?));
    }
    if t.words.fold == Fold::None || t.words.multi != Multi::Any || t.words.null == Nulls::Three {
        return refuse(format!("{} compared in words that search does not have", what()));
    }
    if t.subject == Scalar::AnyField {
        return term(t);
    }
    let name = field(&t.subject)?;
    if let Op::Compare(op, right) = &t.op {
        let Scalar::Lit(v) = right else { return refuse(format!("{} compared with another field", what())) };
        let text = match v {
            Value::I64(_) | Value::F64(_) => Some(number(v)?),
            other => other.to_text().filter(|t| !is_number(t)),
        };
        let text = text.ok_or_else(|| Unsayable {
            reason: format!("{} compared with text that is a number, or with nothing", what()),
        })?;
        return match op {
            CmpOp::Ne => refuse(format!("{} compared by a `!=` that is not search's", what())),
            CmpOp::Eq if v.as_f64().is_none() => refuse("an equality that knows no wildcards"),
            op => Ok(format!("{name}{}{}", op.as_str().replace("==", "="), quoted(&text))),
        };
    }
    match list::of_test(t) {
        Some(list) => list.search(),
        None => refuse(format!("a test of {} that search does not have", what())),
    }
}

/// Text anywhere in the event.
fn term(t: &Test) -> Said {
    let Op::Like(all) = &t.op else { return refuse("a test of all fields that is no text search") };
    let one = |p: &Pattern| {
        let parts = p.parts();
        let inner = parts.strip_prefix(&[Part::Any]).and_then(|p| p.strip_suffix(&[Part::Any]));
        match inner {
            Some(inner) if !inner.is_empty() => {
                Ok(quoted(&Pattern::new(inner.iter().map(Part::owned)).starred()?))
            }
            _ => refuse("a text that must be the whole of a field, whichever"),
        }
    };
    let parts: Result<Vec<String>, _> = all.iter().map(one).collect();
    let parts = parts?;
    Ok(if parts.len() == 1 { parts.join("") } else { format!("({})", parts.join(" OR ")) })
}

/// A number in digits alone, as search reads numbers; one that is no integer in the plan has a point.
fn number(v: &Value) -> Said {
    Ok(match v {
        Value::F64(n) if !n.is_finite() => return refuse("a number that is none"),
        Value::F64(n) if n.fract() == 0.0 && n.abs() < 1e18 => format!("{n:.1}"),
        Value::F64(n) => n.to_string(),
        other => shikra_ir::text::value(other),
    })
}

/// In double quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What cannot stand between single quotes: they have no escapes, and brackets and macros are told apart first.
const UNQUOTABLE: &[char] = &['\'', '"', '`', '\\', '|', '[', ']', '(', ')'];
/// Words that `search` and `where` do not read as the name of a field.
const RESERVED: &[&str] = &["AND", "OR", "NOT", "XOR", "LIKE", "IN"];

/// The name of a field, as `search` writes it.
fn field(s: &Scalar) -> Said {
    let name = name(s)?;
    if is_aside(name) {
        return refuse(format!("the field {name}, which says where or when to search"));
    }
    let sign = |b: u8| matches!(b, b'_' | b'.' | b':' | b'-');
    let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || sign(b)) && !name.contains("::");
    Ok(if bare && is_word(name) { name.to_owned() } else { quoted(name) })
}

fn name(s: &Scalar) -> Said<&str> {
    match s {
        Scalar::Field(f) if f.name.is_empty() || f.name.contains("{}") => {
            refuse(format!("the field {:?}, a name that searches write otherwise", f.name))
        }
        Scalar::Field(f) if matches!(f.names, Names::Splunk | Names::Raw) => Ok(&f.name),
        Scalar::Field(f) => {
            refuse(format!("the field {}, which is one of {}'s names", f.name, f.names.as_str()))
        }
        other => refuse(format!("{} where a field should stand", shikra_ir::text::scalar(other))),
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && !RESERVED.iter().any(|w| w.eq_ignore_ascii_case(name))
}

/// A condition in the words of `where`. `positive`: nothing above turns it round, so unknown is as good as false.
fn eval(e: &Expr, positive: bool) -> Said {
    let all = |v: &[Expr], op: &str| {
        let parts: Result<Vec<_>, _> = v.iter().map(|e| eval(e, positive)).collect();
        parts.map(|p| format!("({})", p.join(op)))
    };
    match e {
        Expr::Const(Truth::True) => Ok("true()".into()),
        Expr::Const(_) => Ok("false()".into()),
        Expr::Named(_, e) => eval(e, positive),
        Expr::Not(e) => Ok(format!("NOT {}", eval(e, false)?)),
        Expr::And(v) if v.is_empty() => Ok("true()".into()),
        Expr::Or(v) if v.is_empty() => Ok("false()".into()),
        Expr::And(v) => all(v, " AND "),
        Expr::Or(v) => all(v, " OR "),
        Expr::Test(t) => eval_test(t, positive),
        Expr::Opaque(o) => refuse(o.reason.clone()),
    }
}

fn eval_test(t: &Test, positive: bool) -> Said {
    if t.words.multi != Multi::Any {
        return refuse(format!("{} compared in all its values", shikra_ir::text::scalar(&t.subject)));
    }
    let subject = scalar(&t.subject)?;
    let text = match &t.op {
        Op::IsNull => return Ok(format!("isnull({subject})")),
        Op::Exists => return refuse("the presence of a field whose value may be null"),
        Op::IsTrue => {
            return if t.words.null == Nulls::Three || positive { Ok(subject) } else { refuse("a truth") };
        }
        Op::Like(patterns) => any(patterns.iter().map(|p| like(&subject, p, t.words.fold)))?,
        Op::Regex(all) => {
            any(all.iter().map(|r| Ok(format!("match({subject}, {})", quoted(&regex(r, &t.words)?)))))?
        }
        Op::Cidr(nets) => {
            any(nets.iter().map(|n| Ok(format!("cidrmatch({}, {subject})", quoted(&n.to_string())))))?
        }
        Op::In(values) => {
            any(values.iter().map(|v| compare(&subject, CmpOp::Eq, &Scalar::Lit(v.clone()), t)))?
        }
        Op::Compare(op, right) => compare(&subject, *op, right, t)?,
    };
    // Absent is false here and unknown there: told apart only beneath a negation.
    match t.words.null {
        Nulls::Two if !positive => Ok(format!("(isnotnull({subject}) AND {text})")),
        _ => Ok(text),
    }
}

fn any(parts: impl Iterator<Item = Said>) -> Said {
    let parts: Vec<String> = parts.collect::<Result<_, _>>()?;
    Ok(if parts.len() == 1 { parts.join("") } else { format!("({})", parts.join(" OR ")) })
}

fn like(subject: &str, p: &Pattern, fold: Fold) -> Said {
    if let (Some(text), Fold::None) = (p.literal(), fold) {
        return Ok(format!("{subject}={}", quoted(text)));
    }
    if fold == Fold::None && !p.literals().any(|l| l.contains(['%', '_'])) {
        let text: String = p
            .parts()
            .iter()
            .map(|part| match part {
                Part::Any => "%".to_owned(),
                Part::One => "_".to_owned(),
                Part::Lit(l) => (*l).to_owned(),
            })
            .collect();
        return Ok(format!("like({subject}, {})", quoted(&text)));
    }
    let mut r = String::from(if fold == Fold::Unicode { "(?is)^" } else { "(?s)^" });
    for part in p.parts().iter() {
        match part {
            Part::Any => r.push_str(".*"),
            Part::One => r.push('.'),
            Part::Lit(l) => l.chars().for_each(|c| {
                if r"\.+*?()|[]{}^$".contains(c) {
                    r.push('\\');
                }
                r.push(c);
            }),
        }
    }
    r.push_str("\\z");
    Ok(format!("match({subject}, {})", quoted(&r)))
}

/// An expression with its flags in it.
fn regex(r: &Regex, words: &Words) -> Said {
    if !matches!(words.regex, Flavor::Pcre | Flavor::Rust) {
        return refuse("a regular expression of another flavour");
    }
    let flags: String = [(words.fold == Fold::Unicode, 'i'), (r.multi_line, 'm'), (r.dot_all, 's')]
        .iter()
        .filter_map(|(on, c)| on.then_some(*c))
        .collect();
    let source = if r.whole { format!("\\A(?:{})\\z", r.source) } else { r.source.clone() };
    Ok(if flags.is_empty() { source } else { format!("(?{flags}){source}") })
}

fn compare(subject: &str, op: CmpOp, right: &Scalar, t: &Test) -> Said {
    let text = matches!(right, Scalar::Lit(Value::Str(_)));
    if t.words.coerce == Coerce::None && text {
        return refuse("a comparison of text that is never one of numbers");
    }
    let (left, right) = match (t.words.fold, right) {
        (Fold::Unicode, Scalar::Lit(Value::Str(s))) => {
            (format!("lower({subject})"), quoted(&s.to_lowercase()))
        }
        (Fold::Unicode, Scalar::Lit(_)) | (Fold::None, _) => (subject.to_owned(), scalar(right)?),
        (Fold::Unicode, other) => (format!("lower({subject})"), format!("lower({})", scalar(other)?)),
    };
    Ok(format!("{left}{}{right}", op.as_str()))
}

/// A value in an expression.
fn scalar(s: &Scalar) -> Said {
    match s {
        Scalar::Field(_) => {
            let name = name(s)?;
            let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            match (bare && begins && is_word(name), name.contains(UNQUOTABLE)) {
                (true, _) => Ok(name.to_owned()),
                (_, true) => refuse(format!("the field {name} in an expression")),
                _ => Ok(format!("'{name}'")),
            }
        }
        Scalar::Lit(Value::Str(s)) => Ok(quoted(s)),
        Scalar::Lit(Value::Null | Value::Missing) => Ok("null()".into()),
        Scalar::Lit(v @ (Value::I64(_) | Value::F64(_))) => number(v),
        Scalar::Call(c) => call(c),
        Scalar::Truth(e) => eval(e, false),
        Scalar::Case(arms, Some(other)) if arms.len() == 1 => {
            let Some((c, v)) = arms.first() else { return refuse("a choice of nothing") };
            Ok(format!("if({}, {}, {})", eval(c, true)?, scalar(v)?, scalar(other)?))
        }
        Scalar::Var(name) => Ok(format!("'{name}'")),
        Scalar::Each(e) => each(e),
        Scalar::Case(arms, None) => {
            let one = |(c, v): &(Expr, Scalar)| Ok(format!("{}, {}", eval(c, true)?, scalar(v)?));
            let parts: Result<Vec<String>, _> = arms.iter().map(one).collect();
            Ok(format!("case({})", parts?.join(", ")))
        }
        other => refuse(format!("{}, for which SPL has no word", shikra_ir::text::scalar(other))),
    }
}

/// `mvfilter` and `mvmap`: within them the name of the field stands for one of its values.
fn each(e: &Each) -> Said {
    match &e.gives {
        EachGives::Values(Scalar::Var(v)) if *v == e.var => Ok(format!("mvfilter({})", eval(&e.body, true)?)),
        EachGives::Values(v) if e.body == Expr::TRUE => {
            Ok(format!("mvmap({}, {})", scalar(&e.list)?, scalar(v)?))
        }
        _ => refuse("a count of the values of a field for which a condition holds"),
    }
}

fn call(c: &Call) -> Said {
    if let ("epoch-seconds", [Scalar::Var(v)]) = (c.func.0.name, c.args.as_slice())
        && **v == *NOW
    {
        return Ok("now()".into());
    }
    const SIGNS: &[(&str, &str)] = &[
        ("spl-plus", "+"),
        ("spl-minus", "-"),
        ("spl-times", "*"),
        ("spl-divide", "/"),
        ("spl-modulo", "%"),
        ("spl-concat", "."),
    ];
    let args: Vec<String> = c.args.iter().map(scalar).collect::<Result<_, _>>()?;
    let name = c.func.0.name;
    if let (Some((_, sign)), [a, b]) = (SIGNS.iter().find(|(n, _)| *n == name), args.as_slice()) {
        return Ok(format!("({a} {sign} {b})"));
    }
    // Conditions of which one side is no constant.
    const TRUTHS: &[(&str, &str)] =
        &[("spl-match", "match"), ("spl-like", "like"), ("spl-cidr", "cidrmatch")];
    let truth = TRUTHS.iter().find(|(n, _)| *n == name).map(|(_, own)| *own);
    match functions::named(name).or(truth) {
        Some(own) => Ok(format!("{own}({})", args.join(", "))),
        None => refuse(format!("the function {name}, which SPL does not have")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, load};
    use shikra_ir::text;

    /// What is printed reads as the same plan.
    fn check(search: &str, want: &str) {
        let plan = load(search, &Options::default()).plan;
        let printed = print(&plan).unwrap_or_else(|e| format!("refused: {}", e.reason));
        assert_eq!(printed, want, "{search}\n{}", text::plan(&plan));
        assert!(printed.starts_with("refused") || pipe::reads_as(&printed, &plan), "{printed}");
    }

    #[test]
    fn there_and_back() {
        for (search, want) in [
            ("EventCode=1 Image=*\\\\cmd.exe", r#"EventCode=1 Image="*\\cmd.exe""#),
            ("a=1 OR b=2 c=3", "(a=1 OR b=2) c=3"),
            ("a=10.0 b>10.0", r#"a=10.0 b>"10.0""#),
            ("a=1000000000000000000000", "a=1000000000000000000000"),
            ("NOT * a=x", r#"NOT * a="x""#),
            ("NOT (a=x b=y) OR c=z", r#"(NOT (a="x" b="y") OR c="z")"#),
            ("a!=x b IN (p, \"q r\") NOT d=*", r#"a!="x" b IN ("p", "q r") NOT d=*"#),
            ("source=\"XmlWinEventLog:Security\" a<5", r#"source="xmlwineventlog:security" a<"5""#),
            ("ip=10.0.0.0/8", r#"ip="10.0.0.0/8""#),
            ("ip!=10.0.0.0/8", r#"ip!="10.0.0.0/8""#),
            (
                "ip IN (5, x, 10.0.0.0/8, *) NOT ip=10.0.0.0/8",
                r#"ip IN (*, "x", "10.0.0.0/8", 5) NOT ip="10.0.0.0/8""#,
            ),
            ("\"NOT\"=x \"from\"=y a!=*", r#""NOT"="x" from="y" NOT a=*"#),
            ("\"from\"=y \"10.0.0.0/8\"", r#"search from="y" "10.0.0.0/8""#),
            ("whoami \"a b\"", r#""whoami" "a b""#),
            ("* | where a=\"x\" AND len(b)>5", r#"* | where a="x" AND len(b)>5"#),
            ("* | where NOT like(a, \"%b_\")", r#"* | where NOT like(a, "%b_")"#),
            (
                "* | where match(a, \"\\d\\\"\") OR cidrmatch(\"10.0.0.0/8\", b)",
                r#"* | where (match(a, "\\d\"") OR cidrmatch("10.0.0.0/8", b))"#,
            ),
            ("* | where 'a b'=c+1", "* | where 'a b'==(c + 1)"),
            ("a=1 | regex b!=\"x\\s\"", r#"a=1 | regex b!="x\\s""#),
        ] {
            check(search, want);
        }
    }

    #[test]
    fn commands() {
        for (search, want) in [
            (
                r#"a=1 | stats count, dc(b) as n values(c) by d, e | where n>3"#,
                r#"a=1 | stats count, dc(b) AS n, values(c) BY d, e | where n>3"#,
            ),
            (
                r#"a=1 | eventstats avg(len) as mean by host | where len>2*mean"#,
                r#"a=1 | eventstats avg(len) AS mean BY host | where len>(2 * mean)"#,
            ),
            (
                r#"a=1 | sort 0 _time | streamstats window=5 current=f count by user"#,
                r#"a=1 | sort 0 _time | streamstats window=5 current=f count BY user"#,
            ),
            (r#"a=1 | chart count over host by user"#, r#"a=1 | stats count BY host, user"#),
            (r#"a=1 | timechart span=1h count by host"#, r#"a=1 | stats count BY _time span=1h, host"#),
            (r#"a=1 | timechart span=1mon count"#, r#"a=1 | stats count BY _time span=1mon"#),
            (
                r#"a=1 | timechart minspan=1h count"#,
                r#"a=1 | eventstats min(_time) AS _first, max(_time) AS _last | eval _width=case((_last - _first)<=360000.0, 3600.0, (_last - _first)<=8640000.0, 86400.0), _time=if(isnull(_width), relative_time(_time, "@mon"), (floor((_time / _width)) * _width)) | stats count BY _time"#,
            ),
            (r#"a=1 | top 5 Image by host"#, r#"a=1 | top limit=5 Image BY host"#),
            (
                r#"a=1 | rare limit=3 Image countfield=n showperc=f"#,
                r#"a=1 | rare limit=3 countfield=n showperc=f Image"#,
            ),
            (
                r#"| tstats `security_content_summariesonly` count min(_time) as firstTime from datamodel=Endpoint.Processes where Processes.process_name=cmd.exe by Processes.dest Processes.user | `drop_dm_object_name(Processes)` | `security_content_ctime(firstTime)`"#,
                r#"| tstats fillnull_value="null" count, min(_time) AS firstTime from datamodel=endpoint.processes where Processes.process_name="cmd.exe" BY Processes.dest, Processes.user | rename Processes.dest AS dest, Processes.user AS user | convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) AS firstTime"#,
            ),
            (
                r#"| tstats count where index=main sourcetype=x by host _time span=10m"#,
                r#"sourcetype="x" | stats count BY host, _time span=10m"#,
            ),
            (
                r#"| from datamodel Endpoint.Processes | search process_name=a.exe"#,
                r#"| from datamodel:endpoint.processes | search process_name="a.exe""#,
            ),
            (
                r#"a=1 | join type=left host max=0 [search b=2 | stats count by host]"#,
                r#"a=1 | join type=left max=0 host [search b=2 | stats count BY host]"#,
            ),
            (
                r#"a=1 [search b=2 | fields user] NOT [search c=3 | table host]"#,
                r#"a=1 | search [search b=2 | table user] | search NOT [search c=3 | table host]"#,
            ),
            (r#"a=1 | append [search b=2 | stats count]"#, r#"a=1 | append [search b=2 | stats count]"#),
            (
                r#"| multisearch [search a=1 | eval x=1] [search b=2 | eval x=2]"#,
                r#"a=1 | eval x=1 | union [search b=2 | eval x=2]"#,
            ),
            (r#"a=1 | dedup 2 host user"#, r#"a=1 | dedup 2 host, user"#),
            (
                r#"a=1 | transaction host maxspan=5m startswith=(EventCode=1) endswith=eval(len(x)>3) maxevents=3"#,
                r#"a=1 | transaction host maxspan=5m startswith=(EventCode=1) endswith=eval(len(x)>3) maxevents=3"#,
            ),
            (
                r#"a=1 | rename a as b, c as "d e" | table b "d e""#,
                r#"a=1 | rename a AS b, c AS "d e" | table b, "d e""#,
            ),
            (
                r#"a=1 | stats count as a first(x) as b by c | rename a as b, b as a"#,
                r#"a=1 | stats count AS a, first(x) AS b BY c | rename a AS b, b AS a"#,
            ),
            (
                r#"a=1 | rex field=x max_match=3 "(?<n>\d+)" | mvexpand n | eval m=mvfilter(match(n, "^1")), t=if(n>1, "y", "z")"#,
                r#"a=1 | rex field=x max_match=3 "(?<n>\\d+)" | mvexpand n | eval m=mvfilter(match('n', "^1")), t=if(n>1, "y", "z")"#,
            ),
            (
                r#"a=1 | bin _time span=5m | convert ctime(_time) as t, dur2sec(y) | makemv delim=";" z | replace "a*" with "b" in w"#,
                r#"a=1 | bin span=5m _time AS _time | convert timeformat="%m/%d/%Y %H:%M:%S" ctime(_time) AS t | convert dur2sec(y) AS y | makemv delim=";" z | replace "a*" WITH "b" IN w"#,
            ),
            (
                r#"a=1 | fillnull value="-" b c | eval s=a."x".b, n=now()-_time | where n<60"#,
                r#"a=1 | eval b=coalesce(b, "-"), c=coalesce(c, "-"), s=((a . "x") . b), n=(now() - _time) | where n<60"#,
            ),
            (
                r#"a=1 | table a b | head 3 | reverse | fields - a"#,
                r#"a=1 | table a, b | head 3 | reverse | fields - a"#,
            ),
            (r#"a=1 | tail 4"#, r#"a=1 | tail 4"#),
            (r#"| inputlookup none.csv"#, r#"| inputlookup none.csv"#),
            (
                r#"a=1 | lookup hosts name as host output place as where_ "#,
                r#"a=1 | lookup hosts name AS host OUTPUT place AS where_"#,
            ),
            (
                r#"a=1 | stats count by a | sort - count, + num(a) | addtotals fieldname=t count"#,
                r#"a=1 | stats count BY a | sort 0 -count, num(a) | addtotals fieldname=t count"#,
            ),
            (r#"| makeresults count=3 | eval x=1"#, r#"| makeresults count=3 | eval x=1"#),
            (
                r#"a=1 | appendpipe [stats count]"#,
                r#"refused: sort, which no command makes here: sort epoch-seconds{cased,3vl,numeric}(splunk:_time) desc"#,
            ),
            (
                r#"a=1 | spath input=b | where c.d=1"#,
                r#"a=1 | where coalesce('c.d', json_extract(b, "c.d"))==1"#,
            ),
            (r#"a=1 | spath input=b | search c.d=x e=y"#, r#"a=1 | spath input=b | search c.d="x" e="y""#),
            (r#"a=1 | xmlkv b | stats count by c, d"#, r#"a=1 | xmlkv b | stats count BY c, d"#),
            (
                r#"a=1 | stats count(eval(b=1)) as n perc95(c) by d"#,
                r#"a=1 | stats count(eval(b==1)) AS n, perc95(c) BY d"#,
            ),
        ] {
            check(search, want);
        }
    }

    #[test]
    fn words_of_others() {
        let test = |words, op| {
            Plan::Filter(
                Box::new(Plan::Scan(LogSource::any(Names::Splunk))),
                Expr::Test(Test {
                    subject: Scalar::field(Names::Splunk, "f"),
                    op,
                    words,
                    span: Default::default(),
                })
                .negate(),
            )
        };
        let one = Pattern::new([Part::Lit("a".into()), Part::One]);
        let printed = print(&test(Words::default(), Op::Like(vec![one]))).unwrap();
        assert_eq!(printed, r#"* | where NOT (isnotnull(f) AND match(f, "(?is)^a.\\z"))"#);
        assert!(print(&test(Words::default(), Op::Exists)).is_err());
        let lucene = Words { regex: Flavor::Lucene, ..Words::default() };
        let r = Regex { source: "a".into(), multi_line: false, dot_all: false, whole: false };
        assert!(print(&test(lucene, Op::Regex(vec![r]))).is_err());
    }
}
