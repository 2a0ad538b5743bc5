//! Detections as plans: which are decided event by event, and how those with state are taken apart into stages.

use shikra_ir::{LogSource, Plan, RuleRef, text};
use shikra_matcher::Filter;
use shikra_taxonomy::{Selector, Taxonomy};

use crate::{Comparison, Relation, compare};

/// How two plans relate.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Both are decided event by event.
    Events(Box<Comparison>),
    /// Both keep state, by the same operators with the same keys and spans: their stages, one by one.
    Stages(Vec<Comparison>),
    /// They cannot be compared by reasoning: why.
    Apart(String),
}

impl Verdict {
    /// What it comes to. Of stages only that all are equal says something of the whole.
    pub fn relation(&self) -> Relation {
        match self {
            Verdict::Events(c) => c.relation(),
            Verdict::Stages(all) if all.iter().all(|c| c.relation() == Relation::Equal) => Relation::Equal,
            Verdict::Stages(_) | Verdict::Apart(_) => Relation::Undecided,
        }
    }
}

/// Compares two plans.
pub fn compare_plans(first: &Plan, second: &Plan, taxonomy: &Taxonomy) -> Verdict {
    let (first, second) = (essence(first), essence(second));
    match (events(first, taxonomy), events(second, taxonomy)) {
        (Some(a), Some(b)) => Verdict::Events(Box::new(compare(&a, &b, taxonomy))),
        (None, None) => stages(first, second, taxonomy),
        (a, _) => {
            let (one, other) = if a.is_some() { ("first", "second") } else { ("second", "first") };
            Verdict::Apart(format!("the {one} is decided event by event, the {other} keeps state"))
        }
    }
}

/// The filters of a plan that is decided event by event, but for what only shapes its rows.
pub fn events(plan: &Plan, taxonomy: &Taxonomy) -> Option<Vec<Filter>> {
    let all = essence(plan).single_events()?;
    let filter = |(source, expr): (&LogSource, _)| Filter { selector: select(source, taxonomy), expr };
    Some(all.into_iter().map(filter).collect())
}

fn select(source: &LogSource, taxonomy: &Taxonomy) -> Selector {
    taxonomy.select(source).unwrap_or_default()
}

/// The plan without operators at its top that neither drop nor add rows.
fn essence(mut plan: &Plan) -> &Plan {
    loop {
        plan = match plan {
            Plan::Eval(p, _) | Plan::Project(p, _) | Plan::Drop(p, _) | Plan::Extract(p, _) => p,
            Plan::Sort(s) => &s.input,
            Plan::Lookup(l) => &l.input,
            _ => return plan,
        };
    }
}

fn stages(first: &Plan, second: &Plan, taxonomy: &Taxonomy) -> Verdict {
    let (mut a, mut b) = (first.clone(), second.clone());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    take_leaves(&mut a, &mut first);
    take_leaves(&mut b, &mut second);
    if text::plan(&a) != text::plan(&b) {
        return Verdict::Apart("they keep state by different operators, keys or spans of time".into());
    }
    if first.is_empty() || first.len() != second.len() {
        return Verdict::Apart("they are made of other rules".into());
    }
    let filters = |p: &Plan| events(p, taxonomy).unwrap_or_default();
    let both = first.iter().zip(&second);
    Verdict::Stages(both.map(|(x, y)| compare(&filters(x), &filters(y), taxonomy)).collect())
}

/// Takes out the parts that are decided event by event.
fn take_leaves(plan: &mut Plan, out: &mut Vec<Plan>) {
    if plan.single_events().is_some() {
        let leaf = Plan::Rule(RuleRef("stage".into()));
        out.push(std::mem::replace(plan, leaf));
        return;
    }
    plan.children_mut().into_iter().for_each(|p| take_leaves(p, out));
}
