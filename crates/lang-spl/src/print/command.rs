//! The commands that may have made the next operators of a plan. Too many are no harm: [`super::pipe`] reads each and
//! keeps one that makes just these operators.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Agg, AggFn, Call, Dedup, Expr, Extract, Join, JoinKind, LogSource, Lookup, Names, Part, Pattern, Plan,
    Scalar, Table, Window,
};

use super::aggregate::{aggregates, by, name_of, seconds, sorted, word};
use super::pipe::Pipe;
use super::{Clause, conjuncts, eval, pairs, plain, quoted, regex_command, scalar, search, sources};

/// How many operators one command makes at most.
const MOST: usize = 7;

/// Candidates for what comes next, in the order of preference.
pub(super) fn candidates(p: &Pipe<'_>) -> Vec<String> {
    let ahead = p.spine.get(p.at.0..).unwrap_or_default();
    let mut out = Vec::new();
    if let ([first, rest @ ..], 0) = (ahead, p.at.0) {
        out.extend(start(first, rest));
    } else {
        for (k, op) in ahead.iter().take(MOST).enumerate() {
            out.extend(command(op, ahead, if k == 0 { p.at.1 } else { 0 }, p));
        }
    }
    // Several sources stand at the beginning too.
    for op in ahead.iter().filter(|_| p.unions && p.at.0 == 0) {
        if let Plan::Union(all) = op {
            out.extend(union(all, p));
        }
    }
    out
}

/// Commands that let the next operators read fields out of texts: each alone, then all of them.
pub(super) fn openings(p: &Pipe<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for op in p.spine.iter().skip(p.at.0).take(2) {
        out.extend(
            plain::inside(op).iter().filter_map(opening).filter(|o| !out.contains(o)).collect::<Vec<_>>(),
        );
    }
    if out.len() > 1 {
        out.push(out.join(" | "));
    }
    out
}

fn opening(c: &Call) -> Option<String> {
    let from = word(&name_of(c.args.first()?)?);
    let text = |n: usize| match c.args.get(n) {
        Some(Scalar::Lit(Value::Str(t))) => Some(quoted(t)),
        _ => None,
    };
    match c.func.0.name {
        "json-path" => Some(format!("spath input={from}")),
        "xml-value" => Some(format!("xmlkv {from}")),
        "pair-value" => Some(format!("extract pairdelim={} kvdelim={}", text(2)?, text(3)?)),
        _ => None,
    }
}

/// What makes rows.
fn start(first: &Plan, rest: &[&Plan]) -> Vec<String> {
    match first {
        Plan::Scan(source) => from_events(source, rest),
        Plan::Values(t) if t.columns.is_empty() && &*t.name == "makeresults" => {
            vec![format!("makeresults count={}", t.rows.len())]
        }
        Plan::Values(t) => vec![table(t)],
        _ => vec![],
    }
}

fn table(t: &Table) -> String {
    format!("inputlookup {}", word(&t.name))
}

fn from_events(source: &LogSource, rest: &[&Plan]) -> Vec<String> {
    let condition = match rest.first() {
        Some(Plan::Filter(_, e)) => terms(e).ok(),
        _ => None,
    };
    let aggregation = rest.iter().take(3).find_map(|p| if let Plan::Agg(a) = p { Some(a) } else { None });
    let mut out = Vec::new();
    if source.names == Names::Cim {
        let key = |k: &str| source.keys.get(k).map(String::as_str);
        let model = [key("model"), key("object")].into_iter().flatten().collect::<Vec<_>>().join(".");
        if let Some(a) = aggregation {
            out.extend(tstats(a, Some(&model), condition.as_deref()));
        }
        out.push(format!("from datamodel:{model}"));
        return out;
    }
    let Ok(said) = sources(source) else { return out };
    let all = |more: Option<&str>| {
        let more = more.filter(|m| !m.is_empty());
        let text = said.iter().map(String::as_str).chain(more).collect::<Vec<_>>().join(" ");
        if text.is_empty() { "*".to_owned() } else { text }
    };
    out.extend(condition.iter().map(|c| format!("search {}", all(Some(c)))));
    out.push(format!("search {}", all(None)));
    if let Some(a) = aggregation.filter(|a| by(&a.keys).is_ok_and(|(_, fill)| fill.is_some())) {
        out.extend(tstats(a, None, Some(&all(condition.as_deref()))));
    }
    out
}

/// A condition as `search` writes it, without brackets around the whole.
fn terms(e: &Expr) -> Said {
    let plain = plain::expr(e);
    let parts: Result<Vec<String>, _> = pairs(conjuncts(&plain)).iter().map(Clause::search).collect();
    Ok(parts?.join(" "))
}

fn tstats(a: &Agg, model: Option<&str>, condition: Option<&str>) -> Said {
    let (keys, fill) = by(&a.keys)?;
    let from = model.map_or(String::new(), |m| format!(" from datamodel={m}"));
    let condition = condition.map_or(String::new(), |c| format!(" where {c}"));
    let fill = fill.map_or(String::new(), |f| format!(" fillnull_value={}", quoted(&f)));
    Ok(format!("tstats{fill} {}{from}{condition}{keys}", aggregates(a)?))
}

/// Commands whose work ends with this operator, or goes on behind it.
fn command(op: &Plan, ahead: &[&Plan], said: usize, p: &Pipe<'_>) -> Vec<String> {
    match op {
        Plan::Filter(_, e) => filter(e),
        Plan::Eval(_, columns) => computed(columns.get(said..).unwrap_or_default()),
        Plan::Project(_, columns) => {
            let own = |(n, v): &(Arc<str>, Scalar)| {
                name_of(v).filter(|m| m.replace("{}", "") == n.replace("{}", "")).map(|_| word(n))
            };
            let names: Option<Vec<String>> = columns.iter().map(own).collect();
            names.map(|n| format!("table {}", n.join(", "))).into_iter().collect()
        }
        Plan::Drop(_, patterns) => dropped(patterns),
        Plan::Extract(_, Extract::Regex { from, regex, most }) => {
            let most = if *most == 1 { String::new() } else { format!(" max_match={most}") };
            let rex = |name: String| format!("rex field={}{most} {}", word(&name), quoted(&regex.source));
            name_of(from).map(rex).into_iter().collect()
        }
        Plan::Unnest(_, f) => vec![format!("mvexpand {}", word(&f.name))],
        Plan::Agg(a) => grouped(a, ahead),
        Plan::WindowAgg(a) => windowed(a),
        Plan::Sort(s) => sorted(&s.keys).map(|k| format!("sort 0 {k}")).into_iter().collect(),
        Plan::Limit(_, n) => vec![format!("head {n}")],
        Plan::Tail(_, n) => vec![format!("tail {n}")],
        Plan::Dedup(d) => dedup(d),
        Plan::Join(j) => join(j, p).into_iter().collect(),
        Plan::Union(all) => append(all, p),
        Plan::Lookup(l) => lookup(l).into_iter().collect(),
        _ => vec![],
    }
}

fn filter(e: &Expr) -> Vec<String> {
    let plain = plain::expr(e);
    let searched = terms(e).map(|t| format!("search {t}"));
    let compared = eval(&plain, true).map(|t| {
        // What stands in brackets as a whole needs none.
        let bare = matches!(plain, Expr::And(_) | Expr::Or(_));
        let inner = t.strip_prefix('(').and_then(|t| t.strip_suffix(')')).filter(|_| bare);
        format!("where {}", inner.unwrap_or(&t))
    });
    searched.into_iter().chain(compared).chain(regex_command(&plain)).collect()
}

/// The next of the columns that are computed, or as many of them as one command makes.
fn computed(columns: &[(Arc<str>, Scalar)]) -> Vec<String> {
    let Some((name, value)) = columns.first() else { return vec![] };
    let to = word(name);
    let mut out: Vec<String> = own_command(&to, value).into_iter().collect();
    out.extend(scalar(&plain::scalar(value)).map(|v| format!("eval {to}={v}")));
    // Names that change places do so at once.
    let renamed = |(n, v): &(Arc<str>, Scalar)| Some(format!("{} AS {}", word(&name_of(v)?), word(n)));
    let pairs: Vec<String> = columns.iter().map_while(renamed).collect();
    out.extend((1..=pairs.len()).map(|n| format!("rename {}", pairs[..n].join(", "))));
    out
}

/// Commands of which `eval` has no function.
fn own_command(to: &str, value: &Scalar) -> Option<String> {
    let Scalar::Call(c) = value else { return None };
    let name = |s: &Scalar| name_of(s).map(|n| word(&n));
    let text = |s: Option<&Scalar>| match s {
        Some(Scalar::Lit(Value::Str(t))) => Some(quoted(t)),
        _ => None,
    };
    let field = c.args.first().and_then(name);
    let second = c.args.get(1);
    match (c.func.0.name, field) {
        ("bin", Some(f)) => match second {
            Some(Scalar::Lit(Value::F64(w))) => Some(format!("bin span={} {f} AS {to}", seconds(*w))),
            _ => None,
        },
        ("ctime", Some(f)) => Some(format!("convert timeformat={} ctime({f}) AS {to}", text(second)?)),
        ("duration-seconds", Some(f)) => Some(format!("convert dur2sec({f}) AS {to}")),
        ("memory-kilobytes", Some(f)) => Some(format!("convert memk({f}) AS {to}")),
        ("sort-value", Some(f)) => Some(format!("convert auto({f}) AS {to}")),
        ("mv-split-full", Some(_)) => Some(format!("makemv delim={} {to}", text(second)?)),
        ("regex-all", Some(_)) => Some(format!("makemv tokenizer={} {to}", text(second)?)),
        ("wildcard-replace", Some(_)) => {
            let pair = |p: &[Scalar]| Some(format!("{} WITH {}", text(p.first())?, text(p.get(1))?));
            let pairs: Option<Vec<String>> = c.args.get(1..)?.chunks(2).map(pair).collect();
            Some(format!("replace {} IN {to}", pairs?.join(", ")))
        }
        ("spl-sum", _) => {
            let names: Option<Vec<String>> = c.args.iter().map(name).collect();
            Some(format!("addtotals fieldname={to} {}", names?.join(", ")))
        }
        ("spl-replace-first", Some(_)) => match (second, c.args.get(2)) {
            (Some(Scalar::Lit(Value::Str(a))), Some(Scalar::Lit(Value::Str(b)))) => {
                let (a, b) = (a.replace('/', "\\/"), b.replace('/', "\\/"));
                Some(format!("rex field={to} mode=sed {}", quoted(&format!("s/{a}/{b}/"))))
            }
            _ => None,
        },
        _ => None,
    }
}

fn dropped(patterns: &[Pattern]) -> Vec<String> {
    let one = |p: &Pattern| match *p.parts() {
        [Part::Lit(name)] => Some(word(name)),
        _ => None,
    };
    let names: Option<Vec<String>> = patterns.iter().map(one).collect();
    let all = names.map(|n| format!("fields - {}", n.join(", ")));
    // The number that rows had for a moment.
    let numbered = patterns.iter().any(|p| p.literal() == Some("_row"));
    all.into_iter().chain(numbered.then(|| "reverse".to_owned())).collect()
}

fn grouped(a: &Agg, ahead: &[&Plan]) -> Vec<String> {
    if let Window::Session { gap, max } = a.window {
        return transaction(a, gap, max).into_iter().collect();
    }
    let (keys, fill) = by(&a.keys).unwrap_or_default();
    let mut out = Vec::new();
    if fill.is_none()
        && let Ok(all) = aggregates(a)
    {
        out.push(format!("stats {all}{keys}"));
    }
    if let [(name, AggFn::List(_))] = a.columns.as_slice() {
        out.push(format!("mvcombine {}", word(name)));
    }
    out.extend(top(a, ahead).into_iter().flatten());
    out
}

/// `top` and `rare`: a count, its share, an order, a limit, the columns shown.
fn top(a: &Agg, ahead: &[&Plan]) -> Option<[String; 2]> {
    let total =
        ahead.iter().take(MOST).find_map(|p| if let Plan::WindowAgg(w) = p { Some(w) } else { None })?;
    let [(count, AggFn::Count)] = a.columns.as_slice() else { return None };
    let (shared, named) = a.keys.split_at_checked(total.keys.len())?;
    let names = |k: &[shikra_ir::Key]| k.iter().map(|k| word(&k.name)).collect::<Vec<_>>().join(", ");
    let limit = ahead.iter().take(MOST).find_map(|p| match p {
        Plan::Limit(_, n) | Plan::Dedup(Dedup { keep: n, .. }) => Some(*n),
        _ => None,
    });
    let share = ahead.iter().take(MOST).find_map(|p| match p {
        Plan::Eval(_, c) => c.first().map(|(n, _)| n.clone()),
        _ => None,
    })?;
    let shown = ahead.iter().take(MOST).find_map(|p| match p {
        Plan::Project(_, c) => Some(c.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>()),
        _ => None,
    })?;
    let option = |name: &str, column: &Arc<str>, usual: &str, show: &str| {
        let named = if **column == *usual { String::new() } else { format!(" {name}={}", word(column)) };
        if shown.contains(column) { named } else { format!("{named} {show}=f") }
    };
    let options = option("countfield", count, "count", "showcount")
        + &option("percentfield", &share, "percent", "showperc");
    let by = if shared.is_empty() { String::new() } else { format!(" BY {}", names(shared)) };
    let rest = format!("limit={}{options} {}{by}", limit.unwrap_or(0), names(named));
    Some([format!("top {rest}"), format!("rare {rest}")])
}

fn transaction(a: &Agg, gap: i64, max: Option<i64>) -> Said {
    let mut out = String::from("transaction");
    for k in &a.keys {
        out += &format!(" {}", word(&k.name));
    }
    let span = |n: i64| seconds(n as f64 / 1e9);
    if gap != i64::MAX {
        out += &format!(" maxpause={}", span(gap));
    }
    if let Some(max) = max {
        out += &format!(" maxspan={}", span(max));
    }
    for (_, f) in &a.columns {
        let AggFn::Other(name, args) = f else { continue };
        match (name.as_str(), args.first()) {
            ("starts-with" | "ends-with", Some(Scalar::Truth(e))) => {
                let plain = plain::expr(e);
                let condition = match search(&plain) {
                    Ok(text) => format!("({text})"),
                    Err(_) => format!("eval({})", eval(&plain, true)?),
                };
                out += &format!(" {}={condition}", name.replace('-', ""));
            }
            ("most", Some(Scalar::Lit(Value::I64(n)))) => out += &format!(" maxevents={n}"),
            ("merge", Some(Scalar::Lit(Value::Bool(true)))) => out += " keepevicted=t",
            ("duration" | "merge", _) => {}
            _ => return refuse(format!("the aggregate {name} of a transaction")),
        }
    }
    Ok(out)
}

fn windowed(a: &Agg) -> Vec<String> {
    let (Ok(all), Ok((keys, None))) = (aggregates(a), by(&a.keys)) else { return vec![] };
    match a.window {
        Window::None => vec![format!("eventstats {all}{keys}")],
        Window::Rows { most, current } => {
            let most = if most == 0 { String::new() } else { format!(" window={most}") };
            let current = if current { "" } else { " current=f" };
            vec![format!("streamstats{most}{current} {all}{keys}")]
        }
        _ => vec![],
    }
}

fn dedup(d: &Dedup) -> Vec<String> {
    let names: Option<Vec<String>> = d.keys.iter().map(|k| name_of(k).map(|n| word(&n))).collect();
    let Some(names) = names else { return vec![] };
    let keep = if d.keep == 1 { String::new() } else { format!("{} ", d.keep) };
    let text = format!("dedup {keep}{}", names.join(", "));
    vec![format!("{text} keepempty=t"), text]
}

fn join(j: &Join, p: &Pipe<'_>) -> Said {
    let right = p.bracketed(&j.right.1)?;
    let keys: Vec<String> = j.keys.iter().filter_map(|(a, _)| name_of(a)).map(|n| word(&n)).collect();
    let most = match j.most {
        Some(1) => String::new(),
        n => format!(" max={}", n.unwrap_or(0)),
    };
    Ok(match j.kind {
        JoinKind::Semi => format!("search {right}"),
        JoinKind::Anti => format!("search NOT {right}"),
        JoinKind::Inner => format!("join{most} {} {right}", keys.join(", ")),
        JoinKind::Left => format!("join type=left{most} {} {right}", keys.join(", ")),
        JoinKind::Full => return refuse("a full join"),
    })
}

/// Rows behind those that flow already: of other searches, or of a table.
fn append(all: &[Plan], p: &Pipe<'_>) -> Vec<String> {
    let Some(more) = all.get(1..) else { return vec![] };
    let mut out = Vec::new();
    if let [Plan::Values(t)] = more {
        out.push(format!("{} append=t", table(t)));
    }
    // The order of rows that commands put there is put there again when they are appended.
    for whole in [true, false] {
        let parts: Said<Vec<String>> =
            more.iter().map(|q| p.bracketed(if whole { q } else { unsorted(q) })).collect();
        if let Ok(parts) = parts {
            let text = parts.join(" ");
            out.push(format!("append {text}"));
            out.push(format!("union {text}"));
        }
    }
    out
}

/// Several searches at the beginning.
fn union(all: &[Plan], p: &Pipe<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for whole in [true, false] {
        let parts: Said<Vec<String>> =
            all.iter().map(|q| p.bracketed(if whole { q } else { unsorted(q) })).collect();
        out.extend(parts.map(|p| format!("multisearch {}", p.join(" "))));
    }
    out
}

fn unsorted(p: &Plan) -> &Plan {
    match p {
        Plan::Sort(s) => &s.input,
        other => other,
    }
}

fn lookup(l: &Lookup) -> Said {
    let mut on = Vec::new();
    for (column, value) in &l.on {
        let Some(name) = name_of(value) else { return refuse("a look-up of something that is no field") };
        on.push(if name == *column { word(column) } else { format!("{} AS {}", word(column), word(&name)) });
    }
    let put = |(column, name): &(String, Arc<str>)| {
        if **name == **column { word(column) } else { format!("{} AS {}", word(column), word(name)) }
    };
    let output: Vec<String> = l.output.iter().map(put).collect();
    let output = match (output.is_empty(), l.only_new) {
        (true, _) => String::new(),
        (_, true) => format!(" OUTPUTNEW {}", output.join(", ")),
        _ => format!(" OUTPUT {}", output.join(", ")),
    };
    Ok(format!("lookup {} {}{output}", word(&l.table), on.join(", ")))
}
