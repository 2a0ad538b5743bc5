//! Which predicates a filter cannot do without: a set of which at least one is true wherever the filter holds.
//!
//! Only filters of which a witness has hit need to be evaluated. Among the sets that a conjunction offers, the
//! one that is likely to hit least often is taken.

use shikra_event::Value;
use shikra_ir::{CmpOp, Op, Part, Pattern, Scalar, Test, Truth};

use crate::compile::{Node, Pred, PredId};

/// A witness set with the expected frequency of its hits, 1 = at every event.
struct Witness {
    preds: Vec<PredId>,
    cost: f64,
}

/// The witness set of a tree; none where nothing can be said. The empty set: it never holds.
pub(crate) fn of(node: &Node, preds: &[Pred]) -> Option<Vec<PredId>> {
    find(node, true, preds).map(|mut w| {
        w.preds.sort_unstable();
        w.preds.dedup();
        w.preds
    })
}

/// Of two sets, the one that is likely to hit less often.
pub(crate) fn cheaper(a: Vec<PredId>, b: Vec<PredId>, preds: &[Pred]) -> Vec<PredId> {
    let cost = |set: &[PredId]| -> f64 {
        set.iter().filter_map(|&p| preds.get(p as usize)).map(|p| frequency(&p.test)).sum()
    };
    if cost(&b) < cost(&a) { b } else { a }
}

/// A set of which one is true wherever `node` is true (`want`) or false (not `want`).
fn find(node: &Node, want: bool, preds: &[Pred]) -> Option<Witness> {
    match (node, want) {
        (Node::Const(t), _) => {
            let wanted = if want { Truth::True } else { Truth::False };
            (*t != wanted).then_some(Witness { preds: Vec::new(), cost: 0.0 })
        }
        (Node::Exact(_), _) | (Node::Pred(_), false) => None,
        (Node::Pred(p), true) => {
            let cost = preds.get(*p as usize).map_or(1.0, |p| frequency(&p.test));
            Some(Witness { preds: vec![*p], cost })
        }
        (Node::Not(n), _) => find(n, !want, preds),
        (Node::And(v), true) | (Node::Or(v), false) => {
            v.iter().filter_map(|n| find(n, want, preds)).min_by(|a, b| a.cost.total_cmp(&b.cost))
        }
        (Node::Or(v), true) | (Node::And(v), false) => {
            let mut all = Witness { preds: Vec::new(), cost: 0.0 };
            for n in v {
                let part = find(n, want, preds)?;
                all.cost += part.cost;
                all.preds.extend(part.preds);
            }
            Some(all)
        }
    }
}

/// A guess at how often a test is true.
fn frequency(t: &Test) -> f64 {
    match &t.op {
        Op::Like(patterns) => patterns.iter().map(like).sum::<f64>().min(1.0),
        Op::Regex(all) => 0.02 * all.len() as f64,
        Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => equal(v),
        Op::In(values) => values.iter().map(equal).sum::<f64>().min(1.0),
        Op::Cidr(nets) => (0.05 * nets.len() as f64).min(1.0),
        Op::IsNull | Op::IsTrue => 0.3,
        Op::Compare(..) => 0.5,
        Op::Exists => 1.0,
    }
}

fn equal(v: &Value) -> f64 {
    match v {
        Value::Str(_) => 0.01,
        Value::Bool(_) => 0.5,
        _ => 0.03,
    }
}

/// The longer the literal text, the rarer; tied to an end, rarer still.
fn like(p: &Pattern) -> f64 {
    let parts = p.parts();
    let longest = parts.iter().map(|part| if let Part::Lit(s) = part { s.chars().count() } else { 0 }).max();
    let Some(longest) = longest else { return 0.1 };
    let free = match (parts.first(), parts.last()) {
        (Some(Part::Any), Some(Part::Any)) => 1.0,
        (Some(Part::Any), _) | (_, Some(Part::Any)) => 0.5,
        _ => 0.3,
    };
    free * 0.7f64.powi(longest.min(40) as i32)
}
