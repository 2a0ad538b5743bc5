//! Canonical text of the IR: what tests compare and `rules show --ir` prints. One form per meaning; two rules
//! with equal text mean the same.

use std::fmt::Write as _;

use shikra_event::Value;

use crate::{
    AggFn, Coerce, Condition, EachGives, Expr, Extract, Flavor, Fold, JoinKind, LogSource, MatchKind, Multi,
    Nulls, Op, Plan, Policy, Regex, Scalar, Stage, Test, Truth, Window, Words,
};

/// The text of a predicate, on one line.
pub fn expr(e: &Expr) -> String {
    let mut out = String::new();
    write_expr(e, &mut out);
    out
}

/// The text of a scalar.
pub fn scalar(s: &Scalar) -> String {
    match s {
        Scalar::Field(f) => format!("{}:{}", f.names.as_str(), f.name),
        Scalar::AnyField => "any-field".into(),
        Scalar::FieldGlob(n, p) => format!("{}:/{p}/", n.as_str()),
        Scalar::Lit(v) => value(v),
        Scalar::Call(c) => {
            format!("{:?}{}({})", c.func, words_suffix(&c.words), join(c.args.iter().map(scalar)))
        }
        Scalar::Case(arms, other) => {
            let arms = join(arms.iter().map(|(c, v)| format!("{} => {}", expr(c), scalar(v))));
            format!("case({arms}; {})", other.as_ref().map_or("null".into(), |o| scalar(o)))
        }
        Scalar::Truth(e) => format!("truth({})", expr(e)),
        Scalar::Var(name) => format!("${name}"),
        Scalar::Asked(a) => {
            format!("seen({}:{}, {})", a.field.names.as_str(), a.field.name, a.measure.as_str())
        }
        Scalar::Each(e) => {
            let members = e.members.iter().map(|(n, m)| format!("; ${n}={}", scalar(m)));
            let gives = match &e.gives {
                EachGives::Count => String::new(),
                EachGives::Values(s) => format!(" => {}", scalar(s)),
            };
            let members = members.collect::<String>();
            format!("each(${} of {}{members}: {}{gives})", e.var, scalar(&e.list), expr(&e.body))
        }
    }
}

/// The text of a value; strings quoted as in JSON.
pub fn value(v: &Value) -> String {
    match v {
        Value::Missing => "missing".into(),
        Value::Null => "null".into(),
        Value::Str(s) => format!("{s:?}"),
        Value::List(v) => format!("[{}]", join(v.iter().map(value))),
        Value::Ip(ip) => format!("ip({ip})"),
        Value::Time(t) => format!("time({t})"),
        Value::F64(n) => format!("{n:?}"),
        other => other.to_text().unwrap_or_default(),
    }
}

/// The text of a log source.
pub fn log_source(s: &LogSource) -> String {
    let keys = join(s.keys.iter().map(|(k, v)| format!("{k}={v}")));
    match s.indices.as_slice() {
        [] => format!("{}{{{keys}}}", s.names.as_str()),
        i => format!("{}{{{keys}; {}}}", s.names.as_str(), i.join(" ")),
    }
}

/// The text of a plan, an operator a line, inputs indented beneath.
pub fn plan(p: &Plan) -> String {
    let mut out = String::new();
    write_plan(p, 0, &mut out);
    out
}

fn write_plan(p: &Plan, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    let line = match p {
        Plan::Scan(s) => format!("scan {}", log_source(s)),
        Plan::Rule(r) => format!("rule {}", r.0),
        Plan::Filter(_, e) => format!("filter {}", expr(e)),
        Plan::Eval(_, c) => format!("eval {}", columns(c)),
        Plan::Project(_, c) => format!("project {}", columns(c)),
        Plan::Drop(_, p) => format!("drop {}", join(p.iter().map(ToString::to_string))),
        Plan::Limit(_, n) => format!("limit {n}"),
        Plan::Tail(_, n) => format!("tail {n}"),
        Plan::Table(t) => format!("table {t}"),
        Plan::Values(t) => format!("values {} rows={} [{}]", t.name, t.rows.len(), t.columns.join(", ")),
        Plan::Union(_) => "union".into(),
        Plan::Opaque(_, o) => format!("opaque {:?}", o.reason),
        Plan::Seq(s) => format!("seq {}", seq_line(s)),
        Plan::Set(s) => format!("set{}", set_line(s)),
        Plan::Agg(a) => format!("agg {}", agg_line(a)),
        Plan::WindowAgg(a) => format!("window-agg {}", agg_line(a)),
        Plan::Lineage(_, _, d) => format!("lineage{}", said("depth", *d)),
        Plan::Mark(m) => format!("mark {}{}", m.column, said("depth", m.depth)),
        Plan::Unnest(_, f) => format!("unnest {}:{}", f.names.as_str(), f.name),
        Plan::Bucket(_, f, w, to) => format!("bucket {}:{} by {w} as {to}", f.names.as_str(), f.name),
        Plan::Extract(_, e) => format!("extract {}", extract(e)),
        Plan::Join(j) => format!("join {}", join_line(j)),
        Plan::Except(_, _, k) => format!("except {}", keys_text(k)),
        Plan::Sort(s) => format!(
            "sort {}",
            join(s.keys.iter().map(|k| format!(
                "{} {}{}",
                scalar(&k.value),
                if k.descending { "desc" } else { "asc" },
                if k.nulls_first { " nulls-first" } else { "" }
            )))
        ),
        Plan::Dedup(d) => format!("dedup keep={} {}", d.keep, join(d.keys.iter().map(scalar))),
        Plan::Lookup(l) => format!("lookup {}", lookup_line(l)),
    };
    let _ = writeln!(out, "{pad}{line}");
    for child in p.children() {
        write_plan(child, depth + 1, out);
    }
}

/// ` word=value`; nothing where there is no value.
fn said(word: &str, value: Option<impl std::fmt::Display>) -> String {
    value.map_or(String::new(), |v| format!(" {word}={v}"))
}

/// Kind, names of the sides, equal keys, distance in time (right minus left, nanoseconds), what else must hold.
fn join_line(j: &crate::Join) -> String {
    let kind = match j.kind {
        JoinKind::Inner => "inner",
        JoinKind::Left => "left",
        JoinKind::Semi => "semi",
        JoinKind::Anti => "anti",
        JoinKind::Full => "full",
    };
    let named = |name: &str| if name.is_empty() { "_".to_owned() } else { name.to_owned() };
    let bound = |b: Option<i64>| b.map_or(String::new(), |b| b.to_string());
    let time = j.time.map(|t| format!("{}..{}", bound(t.least), bound(t.most)));
    let sides = format!("{}, {}", named(&j.left.0), named(&j.right.0));
    let on = j.on.as_deref().map(expr);
    format!(
        "{kind} ({sides}) by [{}]{}{}{}",
        keys_text(&j.keys),
        said("time", time),
        said("most", j.most),
        said("on", on)
    )
}

/// Table, how its rows are found, and the columns they bring.
fn lookup_line(l: &crate::Lookup) -> String {
    let m = &l.matching;
    let column = |c: &str| {
        let kind = m.kinds.iter().find(|(n, _)| n == c).map(|(_, k)| *k).unwrap_or_default();
        match kind {
            MatchKind::Equal => "",
            MatchKind::Wildcard => "~",
            MatchKind::Cidr => "/",
        }
    };
    let on = join(l.on.iter().map(|(c, v)| format!("{c}{}={}", column(c), scalar(v))));
    let output = join(l.output.iter().map(|(c, to)| format!("{to}={c}")));
    let cased = if m.fold == Fold::None { " cased" } else { "" };
    let new = if l.only_new { " only-new" } else { "" };
    let most = said("most", Some(m.most).filter(|n| *n > 0));
    let other = said("default", m.default.as_ref().map(value));
    format!("{} on [{on}] output [{output}]{cased}{new}{most}{other}", l.table)
}

fn keys_text(keys: &[(Scalar, Scalar)]) -> String {
    join(keys.iter().map(|(a, b)| format!("{}={}", scalar(a), scalar(b))))
}

fn columns(c: &[(std::sync::Arc<str>, Scalar)]) -> String {
    join(c.iter().map(|(n, s)| format!("{n}={}", scalar(s))))
}

fn keys(k: &[crate::Key]) -> String {
    join(k.iter().map(|k| format!("{}{}={}", if k.optional { "?" } else { "" }, k.name, scalar(&k.value))))
}

fn agg_line(a: &crate::Agg) -> String {
    let made = join(a.columns.iter().map(|(n, f)| format!("{n}={}", aggregate(f))));
    format!("by [{}] {made}{}", keys(&a.keys), window(&a.window))
}

/// An aggregate function as `name(arguments)`.
fn aggregate(f: &AggFn) -> String {
    let name = match f {
        AggFn::Count => return "count".into(),
        AggFn::Percentile(s, p) => return format!("percentile({}, {p:?})", scalar(s)),
        AggFn::Other(name, args) => return format!("{name}({})", join(args.iter().map(scalar))),
        AggFn::CountOf(_) => "count",
        AggFn::CountDistinct(_) => "distinct",
        AggFn::Sum(_) => "sum",
        AggFn::Avg(_) => "avg",
        AggFn::Min(_) => "min",
        AggFn::Max(_) => "max",
        AggFn::Median(_) => "median",
        AggFn::StdDev(_) => "stddev",
        AggFn::Var(_) => "var",
        AggFn::Earliest(_) => "earliest",
        AggFn::Latest(_) => "latest",
        AggFn::First(_) => "first",
        AggFn::Last(_) => "last",
        AggFn::Values(_) => "values",
        AggFn::List(_) => "list",
        AggFn::Mode(_) => "mode",
    };
    format!("{name}({})", f.argument().map(scalar).unwrap_or_default())
}

/// How rows are cut into windows, durations in nanoseconds; nothing where all are one.
fn window(w: &Window) -> String {
    match w {
        Window::None => String::new(),
        Window::Sliding(d) => format!(" sliding={d}"),
        Window::Held(d) => format!(" held={d}"),
        Window::Tumbling(d) => format!(" tumbling={d}"),
        Window::Session { gap, max } => {
            format!(" session={gap}{}", max.map_or(String::new(), |m| format!(" at most {m}")))
        }
        Window::Rows { most, current } => {
            format!(" rows={most}{}", if *current { " with its own" } else { "" })
        }
    }
}

/// Where new columns come from.
fn extract(e: &Extract) -> String {
    match e {
        Extract::Regex { from, regex: r, most } => {
            format!("regex {} from {} most={most}", regex(r), scalar(from))
        }
        Extract::Grok { from, patterns } => format!("grok {patterns:?} from {}", scalar(from)),
        Extract::Dissect { from, pattern, separator } => {
            format!("dissect {pattern:?} between {separator:?} from {}", scalar(from))
        }
        Extract::Json { from, path, to } => {
            let path = path.as_ref().map_or(String::new(), |p| format!(" at {p:?}"));
            let to = to.as_ref().map_or(String::new(), |t| format!(" as {t}"));
            format!("json from {}{path}{to}", scalar(from))
        }
    }
}

fn set_line(s: &crate::Set) -> String {
    let span = said("span", s.span);
    let anchor = said("anchor", s.anchor);
    let per_key = said("per-key", s.per_key);
    let keyed = s.members.iter().any(|m| !m.keys.is_empty());
    let members = said("by", keyed.then(|| join(s.members.iter().map(|m| format!("[{}]", keys(&m.keys))))));
    format!("{span}{anchor}{per_key}{members} when {}{}", condition(&s.condition), until(s.until.as_deref()))
}

/// A condition over the members of a set, these by number.
fn condition(c: &Condition) -> String {
    let list =
        |v: &[Condition], word: &str| format!("({})", v.iter().map(condition).collect::<Vec<_>>().join(word));
    match c {
        Condition::Member(n) => n.to_string(),
        Condition::And(v) => list(v, " and "),
        Condition::Or(v) => list(v, " or "),
        Condition::Not(c) => format!("not {}", condition(c)),
    }
}

fn seq_line(s: &crate::Seq) -> String {
    let stages = join(s.stages.iter().map(|t| {
        let mark = if t.absent { "!" } else { "" };
        let fork = if t.fork { " fork" } else { "" };
        let joined = t.joined.as_ref().map_or(String::new(), |j| {
            let refs = join(j.refs.iter().map(|(n, i, s)| format!("${n}={i}.{}", scalar(s))));
            format!(" where {} with {refs}", expr(&j.condition))
        });
        format!("{mark}[{}]x{}{fork}{joined}", keys(&t.keys), t.runs)
    }));
    let until = until(s.until.as_deref());
    let policy = match s.policy {
        Policy::LatestOverwrites => "latest",
        Policy::Any => "any",
    };
    format!("{policy} by [{}]{} {stages}{until}", keys(&s.keys), said("maxspan", s.maxspan))
}

/// The event that ends a match, with its keys; nothing where there is none.
fn until(stage: Option<&Stage>) -> String {
    stage.map_or(String::new(), |s| format!(" until[{}]", keys(&s.keys)))
}

fn write_expr(e: &Expr, out: &mut String) {
    match e {
        Expr::Const(Truth::True) => out.push_str("true"),
        Expr::Const(Truth::False) => out.push_str("false"),
        Expr::Const(Truth::Unknown) => out.push_str("unknown"),
        Expr::And(v) => list("and", v, out),
        Expr::Or(v) => list("or", v, out),
        Expr::Not(e) => {
            out.push_str("not ");
            write_expr(e, out);
        }
        Expr::Named(_, e) => write_expr(e, out),
        Expr::Test(t) => write_test(t, out),
        Expr::Opaque(o) => drop(write!(out, "opaque({:?})", o.reason)),
    }
}

/// A conjunction or disjunction, those of the same kind inside it taken apart: they mean the same.
fn list(word: &str, parts: &[Expr], out: &mut String) {
    let mut flat = Vec::new();
    flatten(word, parts, &mut flat);
    let _ = write!(out, "({}", if flat.is_empty() { word } else { "" });
    for (i, p) in flat.iter().enumerate() {
        if i > 0 {
            let _ = write!(out, " {word} ");
        }
        write_expr(p, out);
    }
    if flat.len() == 1 {
        let _ = write!(out, " {word}");
    }
    out.push(')');
}

fn flatten<'e>(word: &str, parts: &'e [Expr], out: &mut Vec<&'e Expr>) {
    for p in parts {
        match p {
            Expr::And(inner) if word == "and" => flatten(word, inner, out),
            Expr::Or(inner) if word == "or" => flatten(word, inner, out),
            Expr::Named(_, inner) => flatten(word, std::slice::from_ref(inner), out),
            other => out.push(other),
        }
    }
}

fn write_test(t: &Test, out: &mut String) {
    let w = words_suffix(&t.words);
    let left = scalar(&t.subject);
    let _ = match &t.op {
        Op::Like(p) => {
            write!(out, "{left} like{w} [{}]", join(p.iter().map(|p| format!("{:?}", p.to_string()))))
        }
        Op::Regex(r) => write!(out, "{left} regex{w} [{}]", join(r.iter().map(regex))),
        Op::Compare(op, r) => write!(out, "{left} {}{w} {}", op.as_str(), scalar(r)),
        Op::In(v) => write!(out, "{left} in{w} [{}]", join(v.iter().map(value))),
        Op::Cidr(n) => write!(out, "{left} cidr{w} [{}]", join(n.iter().map(ToString::to_string))),
        Op::Exists => write!(out, "{left} exists"),
        Op::IsNull => write!(out, "{left} is-null"),
        Op::IsTrue => write!(out, "{left} is-true{w}"),
    };
}

fn regex(r: &Regex) -> String {
    let mut flags = String::new();
    for (set, flag) in [(r.multi_line, 'm'), (r.dot_all, 's'), (r.whole, 'w')] {
        if set {
            flags.push(flag);
        }
    }
    format!("{:?}{flags}", r.source)
}

/// The dialect words that differ from the default, in braces; nothing where none does.
fn words_suffix(w: &Words) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if w.fold == Fold::None {
        parts.push("cased");
    }
    if w.null == Nulls::Three {
        parts.push("3vl");
    }
    match w.multi {
        Multi::Any => {}
        Multi::Null => parts.push("multi-null"),
        Multi::All => parts.push("multi-all"),
    }
    match w.coerce {
        Coerce::Stringify => {}
        Coerce::None => parts.push("typed"),
        Coerce::NumericIfBoth => parts.push("numeric"),
    }
    match w.regex {
        Flavor::Pcre => {}
        Flavor::Rust => parts.push("rust"),
        Flavor::Lucene => parts.push("lucene"),
        Flavor::Java => parts.push("java"),
    }
    if parts.is_empty() { String::new() } else { format!("{{{}}}", parts.join(",")) }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Names, Pattern};
    use shikra_syntax::Span;

    #[test]
    fn one_line_per_predicate() {
        let test = |field: &str, words| {
            Expr::Test(Test {
                subject: Scalar::field(Names::Sigma, field),
                op: Op::Like(vec![Pattern::contains("a\\b")]),
                words,
                span: Span::default(),
            })
        };
        let e = Expr::And(vec![
            test("Image", Words::default()),
            test("User", Words { fold: Fold::None, null: Nulls::Three, ..Words::default() }).negate(),
        ]);
        assert_eq!(
            expr(&e),
            r#"(sigma:Image like ["*a\\\\b*"] and not sigma:User like{cased,3vl} ["*a\\\\b*"])"#
        );
    }
}
