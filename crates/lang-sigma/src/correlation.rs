//! Correlation rules: what they say, and their plans once the rules they watch are known.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    self as ir, Agg, AggFn, Call, CmpOp, Duration, Expr, Func, Key, LogSource, Member, Names, Plan, Policy,
    RuleMeta, Scalar, Seq, Set, Stage, Window, Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::aggregate::{column_test, number, timeframe};
use crate::condition::{self, Cond};
use crate::item::field_name;
use crate::meta::{self, Place};
use crate::near_name::nearest;
use crate::pipeline::{self, Draft};
use crate::rule::Sink;
use shikra_syntax::yaml::{Core, Node};

/// Most combinations that a number of rules may stand for.
const MAX_COMBINATIONS: usize = 2_000;
/// Most rules of one correlation.
const MAX_RULES: usize = 200;

/// A correlation as written.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub meta: RuleMeta,
    pub kind: Kind,
    /// Rules by id or name.
    pub rules: Vec<(String, Span)>,
    pub group_by: Vec<String>,
    pub aliases: Vec<Alias>,
    pub timespan: Option<Duration>,
    pub test: Test,
    /// The rules it watches report for themselves too.
    pub generate: bool,
    /// Where messages about the whole of it point.
    pub span: Span,
    pub diagnostics: Vec<Diagnostic>,
    pub rejected: bool,
}

/// A field that is named differently in different rules.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub name: String,
    /// Rule, and the field there.
    pub fields: Vec<(String, String, Span)>,
}

/// The type of a correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Value(&'static str),
    Temporal,
    Ordered,
}

/// What a correlation asks.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// Comparisons that all hold: of an aggregate, or of the number of rules that matched.
    Numbers { bounds: Vec<(CmpOp, f64, Span)>, fields: Vec<String>, percentile: Option<f64> },
    /// A condition over rules.
    Rules(Cond),
}

/// Types and what they are.
const KINDS: &[(&str, Kind)] = &[
    ("event_count", Kind::Value("event_count")),
    ("value_count", Kind::Value("value_count")),
    ("value_sum", Kind::Value("value_sum")),
    ("value_avg", Kind::Value("value_avg")),
    ("value_percentile", Kind::Value("value_percentile")),
    ("value_median", Kind::Value("value_median")),
    ("temporal", Kind::Temporal),
    ("temporal_ordered", Kind::Ordered),
    ("temporal_extended", Kind::Temporal),
    ("temporal_ordered_extended", Kind::Ordered),
];

const OPERATORS: &[(&str, CmpOp)] = &[
    ("gt", CmpOp::Gt),
    ("gte", CmpOp::Ge),
    ("lt", CmpOp::Lt),
    ("lte", CmpOp::Le),
    ("eq", CmpOp::Eq),
    ("neq", CmpOp::Ne),
];

/// Reads a correlation.
pub(crate) fn read(root: &Node, place: &Place, mut sink: Sink) -> Correlation {
    let meta = meta::read(root, place, &mut sink.diagnostics);
    let head = meta::head(place);
    let empty = Node { value: shikra_syntax::yaml::Yaml::Map(Vec::new()), span: head };
    let section = root.get("correlation").unwrap_or(&empty);
    if !section.is_map() {
        sink.reject("correlation", "a correlation must be a map", section.span, None);
    }
    let kind = kind(section, &mut sink);
    let test = test(section, kind, &mut sink);
    let rules = rules(section, &test, &mut sink);
    let span_node = section.get("timespan").or_else(|| section.get("timeframe"));
    let timespan = timeframe(span_node, &mut sink).map(|t| t.0);
    if timespan.is_none() && !sink.rejected {
        sink.reject("timespan", "no timespan", section.span, None);
    }
    let generate = [section.get("generate"), root.get("generate")]
        .iter()
        .any(|n| n.is_some_and(|n| n.core() == Core::Bool(true) || n.text() == Some("true")));
    Correlation {
        meta,
        kind,
        rules,
        group_by: section.texts_of("group-by").into_iter().map(|f| mapped(&field_name(f), &sink)).collect(),
        aliases: aliases(section),
        timespan,
        test,
        generate,
        span: head,
        rejected: sink.rejected,
        diagnostics: sink.diagnostics,
    }
}

/// A field as pipelines name it for every rule: steps for some log source only do not reach correlations.
fn mapped(field: &str, sink: &Sink) -> String {
    let draft = Draft {
        source: LogSource::any(Names::Sigma),
        selections: Vec::new(),
        conditions: Vec::new(),
        tags: Vec::new(),
        attributes: Vec::new(),
    };
    pipeline::map_field(field, &draft, &sink.options.pipelines)
}

fn kind(section: &Node, sink: &mut Sink) -> Kind {
    let Some(node) = section.get("type") else {
        sink.reject("correlation", "no correlation type", section.span, None);
        return Kind::Temporal;
    };
    let name = node.text().unwrap_or_default();
    match KINDS.iter().find(|(n, _)| *n == name) {
        Some((_, k)) => *k,
        None => {
            let help = nearest(name, KINDS.iter().map(|k| k.0)).map(|n| format!("did you mean `{n}`?"));
            sink.reject("correlation", format!("no correlation type `{name}`"), node.span, help);
            Kind::Temporal
        }
    }
}

fn rules(section: &Node, test: &Test, sink: &mut Sink) -> Vec<(String, Span)> {
    let listed = section.get("rules").map_or(&[] as &[Node], Node::items);
    let mut out: Vec<(String, Span)> =
        listed.iter().filter_map(|n| Some((n.text()?.trim().to_owned(), n.span))).collect();
    if let (true, Test::Rules(cond)) = (out.is_empty(), test) {
        names_in(cond, &mut out);
    }
    if out.is_empty() {
        sink.reject("correlation", "no rules to correlate", section.span, None);
    }
    if out.len() > MAX_RULES {
        sink.reject("too-large", format!("more than {MAX_RULES} rules"), section.span, None);
    }
    out
}

fn names_in(cond: &Cond, out: &mut Vec<(String, Span)>) {
    match cond {
        Cond::Name(n, span) if !out.iter().any(|(o, _)| o == n) => out.push((n.clone(), *span)),
        Cond::Name(..) | Cond::Of(..) => {}
        Cond::Not(c) => names_in(c, out),
        Cond::And(v) | Cond::Or(v) => v.iter().for_each(|c| names_in(c, out)),
    }
}

fn aliases(section: &Node) -> Vec<Alias> {
    let entries = section.get("aliases").map_or(&[] as &[_], Node::entries);
    let alias = |(name, by_rule): &(Node, Node)| {
        let fields = by_rule.entries().iter();
        let fields = fields.filter_map(|(r, f)| {
            Some((r.text()?.trim().to_owned(), field_name(f.text()?).into_owned(), r.span.to(f.span)))
        });
        Some(Alias { name: field_name(name.text()?).into_owned(), fields: fields.collect() })
    };
    entries.iter().filter_map(alias).collect()
}

fn test(section: &Node, kind: Kind, sink: &mut Sink) -> Test {
    let numbers = |bounds| Test::Numbers { bounds, fields: Vec::new(), percentile: None };
    let temporal = matches!(kind, Kind::Temporal | Kind::Ordered);
    let Some(node) = section.get("condition").filter(|c| !c.is_null()) else {
        if !temporal {
            sink.reject("missing-condition", "no condition", section.span, None);
        }
        return numbers(Vec::new());
    };
    if let (true, Some(text)) = (temporal, node.text()) {
        let exact = sink.slice(node.span).find(text).map(|at| node.span.start + at);
        return match condition::parse(text, exact, node.span) {
            Ok(c) if c.aggregation.is_none() => Test::Rules(c.cond),
            Ok(_) => {
                sink.reject("condition", "no aggregation can follow here", node.span, None);
                numbers(Vec::new())
            }
            Err(d) => {
                sink.diagnostics.push(d);
                sink.rejected = true;
                numbers(Vec::new())
            }
        };
    }
    comparisons(node, kind, sink)
}

fn comparisons(node: &Node, kind: Kind, sink: &mut Sink) -> Test {
    let (mut bounds, mut fields, mut percentile) = (Vec::new(), Vec::new(), None);
    for (key, value) in node.entries() {
        let name = key.text().unwrap_or_default();
        let number = match value.core() {
            Core::Int(n) => Some(n as f64),
            Core::Float(n) => Some(n),
            _ => value.text().and_then(|t| t.trim().parse().ok()).filter(|n: &f64| n.is_finite()),
        };
        match (OPERATORS.iter().find(|(o, _)| *o == name), name, number) {
            (Some((_, op)), _, Some(n)) => bounds.push((*op, n, key.span.to(value.span))),
            (None, "field", _) => {
                let named = value.items().iter().filter_map(Node::text);
                fields = named.map(|f| mapped(&field_name(f), sink)).collect()
            }
            (None, "percentile", Some(p)) if (0.0..=100.0).contains(&p) => percentile = Some(p),
            _ => {
                let help =
                    nearest(name, OPERATORS.iter().map(|o| o.0)).map(|n| format!("did you mean `{n}`?"));
                let message = format!("`{name}` is no comparison with a number");
                sink.reject("condition", message, key.span.to(value.span), help);
            }
        }
    }
    if bounds.is_empty() && !sink.rejected {
        sink.reject("condition", "the condition compares with no number", node.span, None);
    }
    let needs_field = matches!(kind, Kind::Value(k) if k != "event_count");
    if needs_field && fields.is_empty() && !sink.rejected {
        sink.reject("condition", "the condition names no `field`", node.span, None);
    }
    Test::Numbers { bounds, fields, percentile }
}

/// What is known of a rule that a correlation watches.
pub(crate) struct Watched {
    /// As the correlation refers to it.
    pub reference: String,
    /// Its id and name: what aliases may call it.
    pub names: Vec<String>,
    /// Its rows.
    pub plan: Plan,
}

impl Watched {
    fn is(&self, name: &str) -> bool {
        self.reference == name || self.names.iter().any(|n| n == name)
    }
}

/// The plan of a correlation over the rules it watches, in the order of its `rules`.
pub(crate) fn plan(c: &mut Correlation, watched: Vec<Watched>) -> Option<Plan> {
    check_aliases(c, &watched);
    let built = match c.kind {
        Kind::Value(name) => aggregate(c, name, watched),
        Kind::Temporal => temporal(c, watched),
        Kind::Ordered => ordered(c, watched),
    };
    built.map_err(|d| c.diagnostics.push(*d)).ok()
}

type Built = Result<Plan, Box<Diagnostic>>;

fn unsupported(message: impl Into<String>, span: Span) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("correlation", message, span))
}

fn check_aliases(c: &mut Correlation, watched: &[Watched]) {
    for alias in &c.aliases {
        for (rule, _, span) in &alias.fields {
            if !watched.iter().any(|w| w.is(rule)) {
                let message = format!("alias `{}` is for `{rule}`, which is not correlated here", alias.name);
                c.diagnostics.push(Diagnostic::warning("unused-alias", message, *span));
            }
        }
    }
}

/// The field that a name means in a rule.
fn field(c: &Correlation, name: &str, rule: &Watched) -> Scalar {
    let alias = c.aliases.iter().find(|a| a.name == name);
    let own = alias.and_then(|a| a.fields.iter().find(|(r, ..)| rule.is(r)));
    Scalar::field(Names::Sigma, own.map_or(name, |(_, f, _)| f))
}

fn keys(c: &Correlation, rule: &Watched) -> Vec<Key> {
    let key = |n: &String| Key { name: Arc::from(n.as_str()), value: field(c, n, rule), optional: false };
    c.group_by.iter().map(key).collect()
}

fn aggregate(c: &Correlation, name: &'static str, watched: Vec<Watched>) -> Built {
    let Test::Numbers { bounds, fields, percentile } = &c.test else {
        return Err(unsupported("a count needs a comparison with a number", c.span));
    };
    let used: Vec<&String> = c.group_by.iter().chain(fields).collect();
    let aliased = c.aliases.iter().any(|a| used.contains(&&a.name));
    // Aliased fields are columns of their own, computed in each rule's rows from the field it has.
    let value = |n: &String| Scalar::field(if aliased { Names::Column } else { Names::Sigma }, n);
    let mut inputs = Vec::with_capacity(watched.len());
    for w in watched {
        let columns: Vec<(Arc<str>, Scalar)> =
            used.iter().map(|n| (Arc::from(n.as_str()), field(c, n, &w))).collect();
        inputs.push(if aliased { Plan::Eval(Box::new(w.plan), columns) } else { w.plan });
    }
    let input = if inputs.len() == 1 { inputs.remove(0) } else { Plan::Union(inputs) };
    let keys =
        c.group_by.iter().map(|n| Key { name: Arc::from(n.as_str()), value: value(n), optional: false });
    let argument = tuple(fields.iter().map(value).collect());
    let columns = vec![(Arc::from(name), function(name, argument, *percentile, c.span)?)];
    let window = c.timespan.map_or(Window::None, Window::Sliding);
    let agg = Plan::Agg(Agg { input: Box::new(input), keys: keys.collect(), columns, window });
    let tests = bounds.iter().map(|(op, n, span)| column_test(name, *op, *n, *span)).collect::<Vec<Expr>>();
    Ok(Plan::Filter(Box::new(agg), Expr::and(tests)))
}

/// Several fields count as one value.
fn tuple(mut fields: Vec<Scalar>) -> Option<Scalar> {
    if fields.len() < 2 {
        return fields.pop();
    }
    let func = Func::named("concat")?;
    let comma = || Scalar::Lit(Value::str("\u{1f}"));
    let args = fields.into_iter().flat_map(|f| [comma(), f]).skip(1).collect();
    Some(Scalar::Call(Call { func, args, words: Words::default() }))
}

fn function(
    name: &str,
    argument: Option<Scalar>,
    percentile: Option<f64>,
    span: Span,
) -> Result<AggFn, Box<Diagnostic>> {
    Ok(match (name, argument) {
        ("event_count", _) => AggFn::Count,
        ("value_count", Some(f)) => AggFn::CountDistinct(f),
        ("value_sum", Some(f)) => AggFn::Sum(number(f)),
        ("value_avg", Some(f)) => AggFn::Avg(number(f)),
        ("value_median", Some(f)) => AggFn::Median(number(f)),
        ("value_percentile", Some(f)) => AggFn::Percentile(number(f), percentile.unwrap_or(50.0)),
        _ => return Err(unsupported(format!("`{name}` needs a field"), span)),
    })
}

fn temporal(c: &Correlation, watched: Vec<Watched>) -> Built {
    let condition = match &c.test {
        Test::Rules(cond) => over_rules(cond, &watched)?,
        Test::Numbers { bounds, .. } if bounds.is_empty() => {
            ir::Condition::And((0..watched.len()).map(ir::Condition::Member).collect())
        }
        Test::Numbers { bounds, .. } => {
            let tests = bounds.iter().map(|(op, n, span)| so_many(*op, *n, watched.len(), *span));
            let mut tests = tests.collect::<Result<Vec<_>, _>>()?;
            if tests.len() == 1 { tests.remove(0) } else { ir::Condition::And(tests) }
        }
    };
    let members = watched.into_iter().map(|w| {
        let keys = keys(c, &w);
        Member { name: Arc::from(w.reference.as_str()), plan: w.plan, keys }
    });
    let members = members.collect();
    Ok(Plan::Set(Box::new(Set {
        members,
        span: c.timespan,
        condition,
        anchor: None,
        per_key: None,
        until: None,
    })))
}

fn over_rules(cond: &Cond, watched: &[Watched]) -> Result<ir::Condition, Box<Diagnostic>> {
    let all = |v: &[Cond]| v.iter().map(|c| over_rules(c, watched)).collect::<Result<Vec<_>, _>>();
    Ok(match cond {
        Cond::And(v) => ir::Condition::And(all(v)?),
        Cond::Or(v) => ir::Condition::Or(all(v)?),
        Cond::Not(c) => ir::Condition::Not(Box::new(over_rules(c, watched)?)),
        Cond::Of(_, _, span) => return Err(unsupported("a rule is expected, not a quantity", *span)),
        Cond::Name(name, span) => match watched.iter().position(|w| w.is(name)) {
            Some(i) => ir::Condition::Member(i),
            None => return Err(unsupported(format!("`{name}` is not among the correlated rules"), *span)),
        },
    })
}

/// The number of rules that matched, compared.
fn so_many(op: CmpOp, n: f64, rules: usize, span: Span) -> Result<ir::Condition, Box<Diagnostic>> {
    if n < 0.0 || n.fract() != 0.0 || n > 1e6 {
        return Err(unsupported("the number of rules must be a whole number", span));
    }
    let n = n as usize;
    let least = |n: usize| at_least(n, rules, span);
    let not = |c: ir::Condition| ir::Condition::Not(Box::new(c));
    Ok(match op {
        CmpOp::Ge => least(n)?,
        CmpOp::Gt => least(n + 1)?,
        CmpOp::Lt => not(least(n)?),
        CmpOp::Le => not(least(n + 1)?),
        CmpOp::Eq if n == rules => least(n)?,
        CmpOp::Eq => ir::Condition::And(vec![least(n)?, not(least(n + 1)?)]),
        CmpOp::Ne => not(ir::Condition::And(vec![least(n)?, not(least(n + 1)?)])),
    })
}

fn at_least(n: usize, rules: usize, span: Span) -> Result<ir::Condition, Box<Diagnostic>> {
    if n > rules {
        return Err(unsupported(format!("only {rules} rules are correlated"), span));
    }
    let Some(combinations) = crate::selections::combinations(n, rules, MAX_COMBINATIONS) else {
        return Err(unsupported(format!("more than {MAX_COMBINATIONS} combinations of rules"), span));
    };
    let all = |v: Vec<usize>| ir::Condition::And(v.into_iter().map(ir::Condition::Member).collect());
    let mut any: Vec<ir::Condition> = combinations.into_iter().map(all).collect();
    Ok(if any.len() == 1 { any.remove(0) } else { ir::Condition::Or(any) })
}

fn ordered(c: &Correlation, watched: Vec<Watched>) -> Built {
    match &c.test {
        Test::Rules(cond) => {
            let condition = over_rules(cond, &watched)?;
            let all = (0..watched.len()).map(ir::Condition::Member).collect::<Vec<_>>();
            let plain = matches!(&condition, ir::Condition::And(v) if all.iter().all(|m| v.contains(m))
                && v.iter().all(|m| matches!(m, ir::Condition::Member(_))));
            let only = all.len() == 1 && condition == all[0];
            if !plain && !only {
                let message = "in order, only all rules together are supported: write them with `and`";
                return Err(unsupported(message, c.span));
            }
        }
        Test::Numbers { bounds, .. } => {
            if let Some((_, _, span)) = bounds.iter().find(|(op, n, _)| !asks_all(*op, *n, watched.len())) {
                return Err(unsupported("in order, only all rules together are supported", *span));
            }
        }
    }
    let stages = watched.into_iter().map(|w| {
        let keys = keys(c, &w);
        Stage { plan: w.plan, keys, absent: false, runs: 1, fork: false, joined: None }
    });
    let stages = stages.collect();
    Ok(Plan::Seq(Box::new(Seq {
        stages,
        keys: Vec::new(),
        maxspan: c.timespan,
        until: None,
        policy: Policy::Any,
    })))
}

/// Whether a comparison of the number of rules holds only where all of them matched, as it does by default.
fn asks_all(op: CmpOp, n: f64, rules: usize) -> bool {
    let rules = rules as f64;
    match op {
        CmpOp::Ge | CmpOp::Eq => n == rules,
        CmpOp::Gt => n == rules - 1.0,
        CmpOp::Lt | CmpOp::Le | CmpOp::Ne => false,
    }
}
