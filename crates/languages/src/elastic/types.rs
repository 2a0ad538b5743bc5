//! Rule types: the plan around a query's plan.
//!
//! - `query`, `eql`, `esql`: the query alone.
//! - `threshold`: groups of hits within the time that one run of the rule looks back, at least so many and with at
//!   least so many different values; what follows within that time belongs to the same match, as one run makes one
//!   alert of a group.
//! - `new_terms`: hits whose values no earlier hit had within the history window: an anti-join of the hits with
//!   themselves.
//! - `threat_match`: hits with a value that a document of the indicator index has: a semi-join with a table.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, Call, Duration, Expr, Fold, Func, Join, JoinKind, Key, LogSource, Names, Op, Pattern, Plan,
    Rule, Scalar, TimeBound, Window, Words,
};
use shikra_lang_kql as kql;
use shikra_syntax::{Diagnostic, Source, Span};

use super::filters::{self, at_least};
use super::node::Node;
use crate::Options;
use crate::query::Text;

/// How far back a run looks where the rule does not say.
const LOOKBACK: Duration = 6 * 60 * 1_000_000_000;

/// Makes a rule's plan that of its type.
pub(super) fn of(table: &Node<'_>, kind: &Node<'_>, rule: &mut Rule, source: &Source, options: &Options) {
    let input = std::mem::replace(&mut rule.plan, Plan::Union(vec![]));
    let diagnostics = &mut rule.diagnostics;
    rule.plan = match kind.text() {
        Some("query" | "eql" | "esql" | "saved_query") => input,
        Some("threshold") => threshold(table, input, diagnostics),
        Some("new_terms") => new_terms(table, input, diagnostics),
        Some("threat_match") => threat_match(table, input, source, options, diagnostics),
        other => {
            let message = format!("rule type {:?} is not known", other.unwrap_or_default());
            diagnostics.push(Diagnostic::error("rule-type", message, kind.span()));
            input
        }
    };
}

fn missing(what: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.push(Diagnostic::error("rule-type", format!("no {what}"), span));
}

fn field(name: &str) -> Scalar {
    Scalar::field(Names::Ecs, name)
}

/// A distance from the present: `now-9m`.
fn before_now(text: &str) -> Option<Duration> {
    kql::before_now(text.trim())
}

fn threshold(table: &Node<'_>, input: Plan, diagnostics: &mut Vec<Diagnostic>) -> Plan {
    let Some(asked) = table.get("threshold") else {
        missing("threshold", table.span(), diagnostics);
        return input;
    };
    let fields: Vec<String> = asked.texts_of("field").into_iter().filter(|f| !f.is_empty()).collect();
    let key = |f: &String| Key { name: Arc::from(f.as_str()), value: field(f), optional: false };
    let mut columns = vec![(Arc::from("count"), AggFn::Count)];
    let least = asked.get("value").and_then(|n| n.number()).unwrap_or(1);
    let mut conditions = vec![at_least("count", least, asked.span_of("value"))];
    for c in asked.get("cardinality").unwrap_or_default().items() {
        let (Some(of), Some(least)) = (c.text_of("field"), c.get("value").and_then(|n| n.number())) else {
            continue;
        };
        let name = format!("distinct_{of}");
        conditions.push(at_least(&name, least, c.span()));
        columns.push((Arc::from(name), AggFn::CountDistinct(field(&of))));
    }
    let from = table.text_of("from").and_then(|t| before_now(&t)).unwrap_or(LOOKBACK);
    let keys = fields.iter().map(key).collect();
    let agg = Agg { input: Box::new(input), keys, columns, window: Window::Held(from) };
    Plan::Filter(Box::new(Plan::Agg(agg)), Expr::and(conditions))
}

fn new_terms(table: &Node<'_>, input: Plan, diagnostics: &mut Vec<Diagnostic>) -> Plan {
    let asked = table.get("new_terms").unwrap_or_default();
    let fields = asked.texts_of("value");
    let window = asked.get("history_window_start").unwrap_or_default().items();
    let window = window.iter().find_map(|w| w.text_of("value").or_else(|| w.scalar()));
    let Some(window) = window.as_deref().and_then(before_now) else {
        missing("history_window_start", asked.span(), diagnostics);
        return input;
    };
    if fields.is_empty() {
        missing("field whose values are to be new", asked.span(), diagnostics);
        return input;
    }
    Plan::Join(Join {
        kind: JoinKind::Anti,
        left: (Arc::from("new"), Box::new(input.clone())),
        right: (Arc::from("known"), Box::new(input)),
        keys: fields.iter().map(|f| (field(f), field(f))).collect(),
        time: Some(TimeBound { least: Some(-window), most: Some(-1) }),
        on: None,
        most: None,
    })
}

fn threat_match(
    table: &Node<'_>,
    input: Plan,
    source: &Source,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Plan {
    let mapping = table.get("threat_mapping").unwrap_or_default();
    let alternatives: Vec<Vec<(String, String)>> = mapping.items().iter().map(pairs).collect();
    if alternatives.iter().all(Vec::is_empty) {
        missing("threat_mapping", table.span(), diagnostics);
        return input;
    }
    let indicators = indicators(table, source, options, diagnostics);
    Plan::Join(Join {
        kind: JoinKind::Semi,
        left: (Arc::from("event"), Box::new(input)),
        right: (Arc::from("indicator"), Box::new(indicators)),
        keys: vec![join_key(&alternatives)],
        time: None,
        on: None,
        most: None,
    })
}

/// The fields that must be equal, all of them: of the event, of the indicator.
fn pairs(alternative: &Node<'_>) -> Vec<(String, String)> {
    let entries = alternative.get("entries").unwrap_or_default();
    let pair = |e: &Node<'_>| Some((e.text_of("field")?, e.text_of("value")?));
    entries.items().iter().filter_map(pair).collect()
}

/// One key for all alternatives: a list of texts, each with the fields it is made of, so that a value equals only
/// its counterpart. An alternative that lacks a field is null and joins nothing.
fn join_key(alternatives: &[Vec<(String, String)>]) -> (Scalar, Scalar) {
    if let [only] = alternatives
        && let [(left, right)] = only.as_slice()
    {
        return (field(left), field(right));
    }
    let side = |of_event: bool| {
        let each = alternatives.iter().filter(|a| !a.is_empty()).map(|alternative| {
            let mut args = Vec::new();
            for (event, indicator) in alternative {
                args.push(Scalar::Lit(Value::str(format!("{indicator}="))));
                args.push(field(if of_event { event } else { indicator }));
                args.push(Scalar::Lit(Value::str(" ")));
            }
            call("concat", args)
        });
        call("list", each.collect())
    };
    (side(true), side(false))
}

fn call(name: &str, args: Vec<Scalar>) -> Scalar {
    match Func::named(name) {
        Some(func) => Scalar::Call(Call { func, args, words: Words::default() }),
        None => Scalar::Lit(Value::Null),
    }
}

/// The documents of the indicator index: the table of that name, narrowed by the rule's own query.
fn indicators(
    table: &Node<'_>,
    source: &Source,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Plan {
    let names = table.texts_of("threat_index");
    let mut plan = match &options.indicators {
        Some(table) => Plan::Values(table.clone()),
        None => {
            let message = "no indicators are there: give them with --indicators";
            diagnostics.push(Diagnostic::warning("no-indicators", message, table.span_of("threat_index")));
            Plan::Table(names.join(","))
        }
    };
    let query = table.get("threat_query").unwrap_or_default();
    if let Some(text) = query.text() {
        let lucene = table.text_of("threat_language").as_deref() == Some("lucene");
        let syntax = if lucene { kql::Syntax::Lucene } else { kql::Syntax::Kql };
        let options =
            kql::Options { syntax, types: kql::Types::ecs(), relative_time: true, ..kql::Options::default() };
        let loaded = kql::load(text, &options);
        let place = Text::of_lines(source, query.span(), text);
        diagnostics
            .extend(loaded.diagnostics.into_iter().map(|d| Diagnostic { span: place.place(d.span), ..d }));
        if loaded.since.is_some() {
            let message = "how old indicators are is not asked: the table is taken as current";
            diagnostics.push(Diagnostic::note("indicator-age", message, query.span()));
        }
        plan = narrowed(plan, loaded.predicate.into_iter().collect());
        plan.each_span(&mut |s| *s = place.place(*s));
    }
    let filters = filters::all(table.get("threat_filters"), diagnostics);
    narrowed(plan, filters)
}

/// A plan of which only what satisfies all conditions counts.
pub(super) fn narrowed(plan: Plan, conditions: Vec<Expr>) -> Plan {
    let condition = Expr::and(conditions.into_iter().filter(|e| *e != Expr::TRUE));
    if condition == Expr::TRUE {
        return plan;
    }
    match plan {
        // Filters hold of the single events, wherever these stand.
        Plan::Filter(input, e) => {
            let parts = [e, condition].into_iter().flat_map(|e| match e {
                Expr::And(v) => v,
                one => vec![one],
            });
            Plan::Filter(input, Expr::and(parts))
        }
        mut plan @ (Plan::Seq(_) | Plan::Set(_)) => {
            above_scans(&mut plan, &condition);
            plan
        }
        plan => Plan::Filter(Box::new(plan), condition),
    }
}

/// Calls `f` on every log source of a plan.
pub(super) fn each_source(plan: &mut Plan, f: &mut dyn FnMut(&mut LogSource)) {
    if let Plan::Scan(source) = plan {
        f(source);
    }
    plan.children_mut().into_iter().for_each(|p| each_source(p, f));
}

/// Puts a condition above every scan.
fn above_scans(plan: &mut Plan, condition: &Expr) {
    match plan {
        Plan::Scan(_) => {
            let scan = std::mem::replace(plan, Plan::Union(vec![]));
            *plan = Plan::Filter(Box::new(scan), condition.clone());
        }
        Plan::Filter(input, e) if matches!(**input, Plan::Scan(_)) => {
            let own = std::mem::replace(e, Expr::TRUE);
            *e = Expr::and([own, condition.clone()]);
        }
        other => other.children_mut().into_iter().for_each(|p| above_scans(p, condition)),
    }
}

/// Only events of these operating systems.
pub(super) fn on_systems(plan: &mut Plan, systems: &[String], span: Span) {
    if systems.is_empty() {
        return;
    }
    let patterns = systems.iter().map(|s| Pattern::exact(s)).collect();
    above_scans(plan, &filters::test("host.os.type", Op::Like(patterns), Fold::None, span));
}
