//! IR to pseudocode: a statement for each relation. What was printed is read again and must mean the same; what the
//! notation has no words for is refused with the reason.

use std::fmt::Write as _;

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Agg, AggFn, CmpOp, Dedup, Expr, Join, JoinKind, LogSource, Names, Op, Part, Pattern, Plan, Scalar, Test,
    TimeBound, Truth, Window,
};
use shikra_syntax::Span;

/// Writes a plan as an analytic. Fields must be named in the words of CAR's data model.
///
/// # Errors
/// Where the notation has no counterpart.
pub fn print(plan: &Plan) -> Said {
    let mut out = Statements::default();
    let all = match plan {
        Plan::Union(all) if scans(all).is_none() => all.iter().collect(),
        one => vec![one],
    };
    let names: Result<Vec<String>, _> = all.into_iter().map(|p| out.relation(p, 0)).collect();
    let text = format!("{}output {}\n", out.text, names?.join(", "));
    if same(&text, plan) { Ok(text) } else { refuse("a text that would be read as something else") }
}

fn same(text: &str, plan: &Plan) -> bool {
    let bare = |mut p: Plan| {
        p.each_span(&mut |s| *s = Span::default());
        p
    };
    crate::load(text, None).plan.map(bare) == Some(bare(plan.clone()))
}

/// Nesting that is followed.
const MAX_DEPTH: usize = 64;

#[derive(Default)]
struct Statements {
    text: String,
    count: usize,
}

impl Statements {
    /// Adds a statement; the name that it defines.
    fn define(&mut self, stem: &str, what: &str) -> String {
        self.count += 1;
        let name = format!("{stem}{}", self.count);
        let _ = writeln!(self.text, "{name} = {what}");
        name
    }

    fn relation(&mut self, plan: &Plan, depth: usize) -> Said {
        if depth > MAX_DEPTH {
            return refuse("a plan nested too deeply");
        }
        match plan {
            Plan::Scan(source) => Ok(self.define("events", &format!("search {}", object(source)?))),
            Plan::Union(all) => match scans(all) {
                Some(sources) => {
                    let sources: Result<Vec<String>, _> = sources.into_iter().map(object).collect();
                    Ok(self.define("events", &format!("search {}", sources?.join(", "))))
                }
                None => refuse("relations put together before they are put out"),
            },
            Plan::Filter(input, e) => {
                let of = match &**input {
                    Plan::Agg(a) if is_several(a, e) => return self.group(a, depth),
                    Plan::Agg(a) => self.variable(a, depth)?,
                    other => self.relation(other, depth + 1)?,
                };
                let condition = condition(e)?;
                Ok(self.define("found", &format!("filter {of} where ({condition})")))
            }
            Plan::Rule(r) => match r.0.strip_suffix("/car") {
                Some(id) => Ok(self.define("known", &format!("run Analytic:{id}"))),
                None => refuse("a rule that is no analytic"),
            },
            Plan::Join(j) => self.join(j, depth),
            Plan::Dedup(Dedup { input, keys, keep: 1 }) => match &**input {
                Plan::Except(a, b, pairs) => self.difference(a, b, pairs, depth),
                _ => {
                    let [key] = keys.as_slice() else { return refuse("distinct values of several fields") };
                    let of = self.relation(input, depth + 1)?;
                    Ok(self.define("once", &format!("unique({of}.{})", field(key)?)))
                }
            },
            Plan::Agg(a) => {
                let of = self.group(a, depth)?;
                let all: Result<Vec<String>, _> = a.columns.iter().map(|(to, f)| selected(to, f)).collect();
                Ok(self.define("made", &format!("from {of} select {}", all?.join(", "))))
            }
            Plan::Limit(input, n) => match &**input {
                Plan::Sort(s) => self.top(*n, &s.input, depth),
                other => {
                    let of = self.relation(other, depth + 1)?;
                    Ok(self.define("first", &format!("TOP{n} {of}")))
                }
            },
            other => {
                let text = shikra_ir::text::plan(other);
                refuse(format!("the operator {}", text.split([' ', '\n']).next().unwrap_or("")))
            }
        }
    }

    /// A group, of which an aggregate or the number of its events is asked next.
    fn group(&mut self, a: &Agg, depth: usize) -> Said {
        let of = match &*a.input {
            Plan::Union(all) if scans(all).is_none() => {
                let all: Result<Vec<String>, _> = all.iter().map(|p| self.relation(p, depth + 1)).collect();
                all?.join(", ")
            }
            one => self.relation(one, depth + 1)?,
        };
        let pause = match a.window {
            Window::None => String::new(),
            Window::Session { gap, max: None } if gap % 1_000_000_000 == 0 => {
                format!(" where (max time between two events is {} seconds)", gap / 1_000_000_000)
            }
            _ => return refuse("a window of time"),
        };
        Ok(self.define("group", &format!("group {of} by {}{pause}", by(a))))
    }

    /// One aggregate, which a condition on the relation reads.
    fn variable(&mut self, a: &Agg, depth: usize) -> Said {
        let ([(name, f)], Window::None) = (a.columns.as_slice(), a.window) else {
            return refuse("several aggregates at once");
        };
        let of = self.relation(&a.input, depth + 1)?;
        let (function, value) = function(f)?;
        let value = value.map_or(Ok(String::new()), |v| Ok(format!(".{}", timed(v)?)))?;
        let _ = writeln!(self.text, "{name} = {function}({of}{value}) by {}", by(a));
        Ok(of)
    }

    /// The most frequent values of fields.
    fn top(&mut self, n: u64, grouped: &Plan, depth: usize) -> Said {
        let Plan::Agg(a) = grouped else { return refuse("rows in an order") };
        if !matches!(a.columns.as_slice(), [(_, AggFn::Count)]) || a.window != Window::None {
            return refuse("rows in the order of an aggregate that is no count");
        }
        let of = self.relation(&a.input, depth + 1)?;
        Ok(self.define("top", &format!("TOP{n} {of} by {}", by(a))))
    }

    fn difference(&mut self, a: &Plan, b: &Plan, pairs: &[(Scalar, Scalar)], depth: usize) -> Said {
        let fields: Result<Vec<&str>, _> = pairs.iter().map(|(left, _)| field(left)).collect();
        let (left, right) = (self.relation(a, depth + 1)?, self.relation(b, depth + 1)?);
        let left = self.define("of", &format!("from {left} select {}", fields?.join(", ")));
        Ok(self.define("new", &format!("{left} - {right}")))
    }

    fn join(&mut self, j: &Join, depth: usize) -> Said {
        if j.kind != JoinKind::Inner || j.on.is_some() || j.most.is_some() {
            return refuse("a join that is not one of equal fields");
        }
        let (left, right) = (self.relation(&j.left.1, depth + 1)?, self.relation(&j.right.1, depth + 1)?);
        // The names of the sides are part of the plan.
        let (left, right) = (self.named(&j.left.0, &left), self.named(&j.right.0, &right));
        let mut parts = Vec::new();
        for (a, b) in &j.keys {
            parts.push(format!("{left}.{} == {right}.{}", field(a)?, field(b)?));
        }
        if let Some(TimeBound { least, most }) = j.time {
            if let Some(n) = least {
                parts.push(apart(&left, &right, n, true)?);
            }
            if let Some(n) = most {
                parts.push(apart(&left, &right, n, false)?);
            }
        }
        Ok(self.define("joined", &format!("join ({left}, {right}) where ({})", parts.join(" and "))))
    }

    /// Gives the relation that was defined last this name.
    fn named(&mut self, want: &str, made: &str) -> String {
        let line = format!("{made} = ");
        if !want.is_empty() && self.text.contains(&line) && !self.text.contains(&format!("\n{want} = ")) {
            self.text = self.text.replace(&line, &format!("{want} = "));
            return want.to_owned();
        }
        made.to_owned()
    }
}

fn by(a: &Agg) -> String {
    a.keys.iter().map(|k| &*k.name).collect::<Vec<_>>().join(", ")
}

/// Whether a group is asked for no more than two events.
fn is_several(a: &Agg, e: &Expr) -> bool {
    let count = matches!(a.columns.as_slice(), [(name, AggFn::Count)] if &**name == "count");
    let Expr::Test(t) = e else { return false };
    count && t.op == Op::Compare(CmpOp::Gt, Scalar::Lit(Value::I64(1)))
}

/// `min(time) as t`
fn selected(to: &str, f: &AggFn) -> Said {
    let (function, value) = function(f)?;
    let of = value.map_or(Ok("*"), timed)?;
    let written = format!("{function}({of})");
    Ok(if written == to { written } else { format!("{written} as {to}") })
}

fn function(f: &AggFn) -> Said<(&'static str, Option<&Scalar>)> {
    Ok(match f {
        AggFn::Count => ("count", None),
        AggFn::CountOf(v) => ("count", Some(v)),
        AggFn::Min(v) => ("min", Some(v)),
        AggFn::Max(v) => ("max", Some(v)),
        AggFn::Sum(v) => ("sum", Some(v)),
        AggFn::Avg(v) => ("avg", Some(v)),
        AggFn::StdDev(v) => ("stdev", Some(v)),
        AggFn::Values(v) => ("distinct", Some(v)),
        AggFn::First(v) => ("first", Some(v)),
        _ => return refuse("an aggregate that the notation does not have"),
    })
}

/// A field; the time where it is read as nanoseconds.
fn timed(s: &Scalar) -> Said<&str> {
    match s {
        Scalar::Call(c) if c.func.0.name == "time-nanos" => Ok("time"),
        other => field(other),
    }
}

/// A bound on `right.time - left.time`.
fn apart(left: &str, right: &str, nanoseconds: i64, least: bool) -> Said {
    // A nanosecond more or less stands for a bound that is not included.
    let near = |n: i64| n % 1_000_000_000 == 0;
    let (sign, n) = match (least, nanoseconds) {
        (true, n) if near(n) => (">=", n),
        (true, n) if near(n - 1) => (">", n - 1),
        (false, n) if near(n) => ("<=", n),
        (false, n) if near(n + 1) => ("<", n + 1),
        _ => return refuse("a span of time shorter than a second"),
    };
    let seconds = n / 1_000_000_000;
    Ok(match seconds {
        0 => format!("{right}.time {sign} {left}.time"),
        n if n > 0 => format!("{right}.time {sign} {left}.time + {n} seconds"),
        n => format!("{right}.time {sign} {left}.time - {} seconds", -n),
    })
}

/// The log sources of plans that are nothing more.
fn scans(all: &[Plan]) -> Option<Vec<&LogSource>> {
    all.iter().map(|p| if let Plan::Scan(s) = p { Some(s) } else { None }).collect()
}

/// `Process:Create`
fn object(source: &LogSource) -> Said {
    let known =
        source.keys.keys().all(|k| matches!(k.as_str(), "object" | "action")) && source.indices.is_empty();
    let Some(object) = source.keys.get("object").filter(|_| known && source.names == Names::Car) else {
        return refuse(format!("the log source {}", shikra_ir::text::log_source(source)));
    };
    let action = source.keys.get("action").map_or("*", String::as_str);
    Ok(format!("{object}:{action}"))
}

fn field(s: &Scalar) -> Said<&str> {
    match s {
        Scalar::Field(f) if matches!(f.names, Names::Car | Names::Column) => Ok(&f.name),
        other => refuse(format!("{} where a field should stand", shikra_ir::text::scalar(other))),
    }
}

fn condition(e: &Expr) -> Said {
    let all = |v: &[Expr], word: &str| {
        let parts: Result<Vec<String>, _> = v
            .iter()
            .map(|e| match e {
                Expr::And(_) | Expr::Or(_) => Ok(format!("({})", condition(e)?)),
                one => condition(one),
            })
            .collect();
        parts.map(|p| p.join(word))
    };
    match e {
        Expr::And(v) if v.len() > 1 => all(v, " and "),
        Expr::Or(v) if v.len() > 1 => match v.as_slice() {
            [Expr::Test(texts), Expr::Test(nets)] if is_one_list(texts, nets) => listed(texts, Some(nets)),
            v => all(v, " or "),
        },
        Expr::Not(e) => match &**e {
            Expr::Test(t) if t.op == Op::IsNull => Ok(format!("{} exists", field(&t.subject)?)),
            Expr::And(_) | Expr::Or(_) => Ok(format!("not ({})", condition(e)?)),
            e => Ok(format!("not {}", condition(e)?)),
        },
        Expr::Named(_, e) => condition(e),
        Expr::Test(t) => test(t),
        Expr::Const(Truth::True | Truth::False | Truth::Unknown) | Expr::And(_) | Expr::Or(_) => {
            refuse("a condition that always or never holds")
        }
        Expr::Opaque(o) => refuse(o.reason.clone()),
    }
}

/// Texts and networks that one list names.
fn is_one_list(texts: &Test, nets: &Test) -> bool {
    matches!((&texts.op, &nets.op), (Op::Like(_), Op::Cidr(_))) && texts.subject == nets.subject
}

fn test(t: &Test) -> Said {
    match &t.op {
        Op::IsNull => Ok(format!("{} == null", field(&t.subject)?)),
        Op::IsTrue => match &t.subject {
            Scalar::Call(c) if c.func.0.name == "contains-text" => match c.args.as_slice() {
                [a, b] => Ok(format!("{} contains {}", field(a)?, field(b)?)),
                _ => refuse("a text within another"),
            },
            other => refuse(format!("{} as a truth", shikra_ir::text::scalar(other))),
        },
        Op::Like(_) | Op::Cidr(_) => listed(t, None),
        Op::Regex(all) => {
            let sources: Result<Vec<String>, _> = all.iter().map(|r| quoted(&r.source)).collect();
            Ok(format!("{} match {}", field(&t.subject)?, list(&sources?)))
        }
        Op::Compare(op, right) => {
            let right = match right {
                Scalar::Lit(Value::I64(n)) => n.to_string(),
                Scalar::Lit(Value::F64(n)) => n.to_string(),
                Scalar::Lit(v) => quoted(&v.to_text().unwrap_or_default())?,
                other => field(other)?.to_owned(),
            };
            let sign = match op {
                CmpOp::Eq => "==",
                CmpOp::Ne => "!=",
                other => other.as_str(),
            };
            Ok(format!("{} {sign} {right}", field(&t.subject)?))
        }
        Op::In(_) | Op::Exists => refuse(format!("a test of {}", shikra_ir::text::scalar(&t.subject))),
    }
}

/// `f == "a*"`, `f in ["a", "10.0.0.0/8"]`, `f contains "a"`, `"a" in raw event`.
fn listed(t: &Test, nets: Option<&Test>) -> Said {
    let patterns: &[Pattern] = if let Op::Like(p) = &t.op { p } else { &[] };
    let inner = |p: &Pattern| {
        let parts = p.parts();
        let inner = parts.strip_prefix(&[Part::Any])?.strip_suffix(&[Part::Any])?;
        Some(Pattern::new(inner.iter().map(Part::owned)))
    };
    let within: Option<Vec<Pattern>> = patterns.iter().map(inner).collect();
    let within = within.filter(|w| !w.is_empty() && nets.is_none());
    let mut texts: Vec<String> = Vec::new();
    let mut last: Option<&Pattern> = None;
    for p in within.as_deref().unwrap_or(patterns) {
        // Backslashes that are doubled are asked for singly as well.
        if last.is_none_or(|l| l.map(|s| s.replace("\\\\", "\\")) != *p || l == p) {
            texts.push(quoted(&p.starred()?)?);
        }
        last = Some(p);
    }
    for t in [Some(t), nets].into_iter().flatten() {
        if let Op::Cidr(all) = &t.op {
            texts.extend(all.iter().map(|n| format!("\"{n}\"")));
        }
    }
    match (&t.subject, within, texts.as_slice()) {
        (Scalar::AnyField, Some(_), [one]) => Ok(format!("{one} in raw event")),
        (Scalar::AnyField, ..) => refuse("a test of whole fields, whichever"),
        (subject, Some(_), all) => Ok(format!("{} contains {}", field(subject)?, list(all))),
        (subject, None, [one]) => Ok(format!("{} == {one}", field(subject)?)),
        (subject, None, all) => Ok(format!("{} in {}", field(subject)?, list(all))),
    }
}

fn list(all: &[String]) -> String {
    if let [one] = all { one.clone() } else { format!("[{}]", all.join(", ")) }
}

/// In quotes that the text does not hold.
fn quoted(text: &str) -> Said {
    match (text.contains(['"', '\n', '“', '”', '„']), text.contains(['\'', '\n', '‘', '’'])) {
        (false, _) => Ok(format!("\"{text}\"")),
        (true, false) => Ok(format!("'{text}'")),
        _ => refuse("a text with both kinds of quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, want: &str) {
        let plan = crate::load(code, None).plan.unwrap_or(Plan::Union(vec![]));
        let printed = print(&plan).unwrap_or_else(|e| format!("refused: {}", e.reason));
        assert_eq!(printed.trim(), want, "{}", shikra_ir::text::plan(&plan));
    }

    #[test]
    fn there_and_back() {
        check(
            "p = search Process:Create\nx = filter p where (exe == \"a.exe\" and not command_line contains [\"x\", \"y\"])\noutput x",
            "events1 = search process:create\n\
             found2 = filter events1 where (exe == \"a.exe\" and not command_line contains [\"x\", \"y\"])\noutput found2",
        );
        check(
            "p = search Process:Create\nx = filter p where (exe in [\"c:\\\\a\", \"10.0.0.0/8\"] or pid >= 4 and ppid exists)\noutput x",
            "events1 = search process:create\n\
             found2 = filter events1 where ((image_path in [\"c:\\\\a\", \"10.0.0.0/8\"]) or (pid >= 4 and ppid exists))\n\
             output found2",
        );
        check(
            "a = run Analytic:CAR-2013-05-003\noutput a",
            "known1 = run Analytic:CAR-2013-05-003\noutput known1",
        );
        check(
            "p = search Process:Create\nt = TOP30 p by exe\noutput t",
            "events1 = search process:create\n\
             top2 = TOP30 events1 by exe\n\
             output top2",
        );
        check(
            "a = search Flow:Start\nb = search Process:Create\nj = join (a, b) where (a.pid == b.pid and b.time > a.time and \
             b.time <= a.time + 2 minutes)\noutput j",
            "a = search flow:start\n\
             b = search process:create\n\
             joined3 = join (a, b) where (a.pid == b.pid and b.time > a.time and b.time <= a.time + 120 seconds)\n\
             output joined3",
        );
        check(
            "a = search Process:Create\nb = search File:Create\nx = from a select image_path\ny = from b select image_path\n\
             n = x - y\noutput n",
            "events1 = search process:create\n\
             events2 = search file:create\n\
             of3 = from events1 select image_path\n\
             new4 = of3 - events2\n\
             output new4",
        );
        check(
            "p = search Process:Create\ng = group p by exe, hostname where (max time between two events is 5 minutes)\noutput g",
            "events1 = search process:create\n\
             group2 = group events1 by exe, hostname where (max time between two events is 300 seconds)\n\
             output group2",
        );
        check(
            "p = search Process:Create\ng = group p by hostname\no = from g select min(time) as t, first(exe)\noutput o",
            "events1 = search process:create\n\
             group2 = group events1 by hostname\n\
             made3 = from group2 select min(time) as t, first(exe)\n\
             output made3",
        );
        check(
            "p = search Process:Create\nn = count(p) by exe\no = filter p where (n > 3)\noutput o",
            "events1 = search process:create\n\
             n = count(events1) by exe\n\
             found2 = filter events1 where (n > 3)\n\
             output found2",
        );
    }
}
