//! Filter rules: a condition that is added to other rules.

use shikra_ir::{Expr, LogSource, Plan, Rule, RuleMeta};
use shikra_syntax::{Diagnostic, Span};

use crate::condition::Cond;
use crate::meta::{self, Place};
use crate::pipeline::{self, Draft};
use crate::rule::{self, Sink};
use crate::selections::Selections;
use shikra_syntax::yaml::Node;

/// A filter as written.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The filter itself as a rule that reports nothing.
    pub rule: Rule,
    /// Rules by id or name; none: all of its log source.
    pub targets: Option<Vec<(String, Span)>>,
    /// Only rules whose log source says as much.
    pub source: LogSource,
    /// What is added.
    pub condition: Option<Expr>,
}

/// Reads a filter.
pub(crate) fn read(root: &Node, place: &Place, mut sink: Sink) -> Filter {
    sink.head = meta::head(place);
    let meta = meta::read(root, place, &mut sink.diagnostics);
    sink.diagnostics.retain(|d| d.code != "missing-level");
    let sources = if root.get("logsource").is_some() {
        rule::log_sources(root, place, &mut sink)
    } else {
        vec![LogSource::any(sink.names)]
    };
    let source = sources.into_iter().next().unwrap_or_else(|| LogSource::any(sink.names));
    let section = root.get("filter").filter(|f| f.is_map());
    let mut condition = None;
    let mut targets = None;
    match section {
        None => sink.reject("filter", "a filter must be a map", meta::head(place), None),
        Some(section) => {
            targets = listed(section);
            condition = lower(section, place, &source, &meta, &mut sink);
        }
    }
    let plan = Plan::Filter(Box::new(Plan::Scan(source.clone())), condition.clone().unwrap_or(Expr::FALSE));
    let rule = Rule { reports: false, ..rule::finish(meta, plan, sink) };
    let usable = rule.status == shikra_ir::LoadStatus::Ok;
    Filter { rule, targets, source, condition: condition.filter(|_| usable) }
}

fn listed(section: &Node) -> Option<Vec<(String, Span)>> {
    let rules = section.get("rules")?;
    let named: Vec<(String, Span)> =
        rules.items().iter().filter_map(|n| Some((n.text()?.trim().to_owned(), n.span))).collect();
    let all = named.is_empty() || named.iter().any(|(n, _)| n == "any" || n == "*");
    (!all).then_some(named)
}

fn lower(
    section: &Node,
    place: &Place,
    source: &LogSource,
    meta: &RuleMeta,
    sink: &mut Sink,
) -> Option<Expr> {
    let at = section.get("condition").map_or(section.span, |c| c.span);
    let mut draft = Draft {
        source: source.clone(),
        selections: rule::selections(section, &["rules", "condition"], sink),
        conditions: rule::conditions(section, place, sink),
        tags: meta.tags.clone(),
        attributes: Vec::new(),
    };
    if draft.conditions.iter().any(|c| c.aggregation.is_some()) {
        sink.reject("filter", "a filter cannot aggregate", at, None);
    }
    if !draft.conditions.iter().any(|c| negates(&c.cond)) {
        let message = "the filter's condition is added to the rules with `and`: without a `not` they match only \
                       what the filter describes";
        let d = Diagnostic::warning("filter-without-not", message, at);
        sink.diagnostics.push(d.with_help("write `not` before the selection to leave its events out"));
    }
    pipeline::apply(&mut draft, sink);
    let mut selections = Selections::new(draft.selections, false);
    let parts: Vec<Expr> = draft.conditions.iter().map(|c| selections.lower(&c.cond, sink)).collect();
    selections.report_unused(sink);
    (!sink.rejected).then(|| Expr::or(parts))
}

fn negates(c: &Cond) -> bool {
    match c {
        Cond::Not(_) => true,
        Cond::Name(..) | Cond::Of(..) => false,
        Cond::And(v) | Cond::Or(v) => v.iter().any(negates),
    }
}

impl Filter {
    /// Whether a rule of these names and this plan is meant.
    pub fn targets(&self, id: &str, name: Option<&str>) -> bool {
        match &self.targets {
            None => true,
            Some(list) => list.iter().any(|(t, _)| t == id || Some(t.as_str()) == name),
        }
    }

    /// Whether what the filter says of its log source holds for another.
    pub fn covers(&self, source: &LogSource) -> bool {
        self.source.keys.iter().all(|(k, v)| source.keys.get(k) == Some(v))
    }
}

/// The log sources that a plan scans.
pub(crate) fn scans<'p>(plan: &'p Plan, out: &mut Vec<&'p LogSource>) {
    if let Plan::Scan(s) = plan {
        out.push(s);
    }
    plan.children().into_iter().for_each(|c| scans(c, out));
}

/// The plan with a condition added to everything it reads.
pub(crate) fn apply(plan: &Plan, condition: &Expr) -> Plan {
    if plan.single_event().is_some() {
        return Plan::Filter(Box::new(plan.clone()), condition.clone());
    }
    match plan {
        Plan::Filter(p, e) => Plan::Filter(Box::new(apply(p, condition)), e.clone()),
        Plan::Union(v) => Plan::Union(v.iter().map(|p| apply(p, condition)).collect()),
        Plan::Agg(a) => {
            let mut a = a.clone();
            a.input = Box::new(apply(&a.input, condition));
            Plan::Agg(a)
        }
        Plan::Set(s) => {
            let mut s = s.clone();
            s.members.iter_mut().for_each(|m| m.plan = apply(&m.plan, condition));
            Plan::Set(s)
        }
        other => other.clone(),
    }
}
