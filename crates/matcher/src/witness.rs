//! Which predicates a filter cannot do without: a set of which at least one is true wherever the filter holds.
//!
//! Only filters of which a witness has hit need to be evaluated. Among the sets that a conjunction offers, the
//! one that is likely to hit least often is taken.

use std::sync::LazyLock;

use shikra_event::Value;
use shikra_ir::{CmpOp, Op, Part, Pattern, Scalar, Test, Truth};

use crate::compile::{Pred, PredId};
use crate::tree::Step;

/// The witness set of a tree, into `out`, each once, ascending; false where nothing can be said. The empty set: it
/// never holds.
pub(crate) fn of(tree: &[Step], preds: &[Pred], out: &mut Vec<PredId>) -> bool {
    out.clear();
    let said = find(tree, &mut 0, true, preds, out).is_some();
    out.sort_unstable();
    out.dedup();
    said
}

/// The expected frequency of a set's hits, 1 = at every event.
pub(crate) fn cost(set: &[PredId], preds: &[Pred]) -> f64 {
    set.iter().filter_map(|&p| preds.get(p as usize)).map(|p| p.frequency).sum()
}

/// Appends a set of which one is true wherever the expression at `at` is true (`want`) or false (not `want`), and
/// moves `at` behind the expression. Answers the set's cost; none where nothing can be said: then whatever was
/// appended means nothing.
fn find(steps: &[Step], at: &mut usize, want: bool, preds: &[Pred], out: &mut Vec<PredId>) -> Option<f64> {
    let step = *steps.get(*at)?;
    *at += 1;
    match (step, want) {
        (Step::Const(t), _) => {
            let wanted = if want { Truth::True } else { Truth::False };
            (t != wanted).then_some(0.0)
        }
        (Step::Exact(_), _) | (Step::Pred(_), false) => None,
        (Step::Pred(p), true) => {
            out.push(p);
            Some(preds.get(p as usize).map_or(1.0, |p| p.frequency))
        }
        (Step::Not, _) => find(steps, at, !want, preds, out),
        (Step::And(length), true) | (Step::Or(length), false) => {
            let (end, start) = (*at + length as usize, out.len());
            let mut best: Option<f64> = None;
            while *at < end {
                let mark = out.len();
                match find(steps, at, want, preds, out) {
                    Some(cost) if best.is_none_or(|b| cost < b) => {
                        out.drain(start..mark);
                        best = Some(cost);
                    }
                    _ => out.truncate(mark),
                }
            }
            best
        }
        (Step::Or(length), true) | (Step::And(length), false) => {
            let end = *at + length as usize;
            let mut all = Some(0.0);
            while *at < end && all.is_some() {
                all = find(steps, at, want, preds, out).and_then(|cost| Some(all? + cost));
            }
            *at = end;
            all
        }
    }
}

/// A guess at how often a test is true.
pub(crate) fn frequency(t: &Test) -> f64 {
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
    free * RARER.get(longest).or(RARER.last()).copied().unwrap_or(1.0)
}

/// By length of a literal: how often it is found.
static RARER: LazyLock<[f64; 41]> =
    LazyLock::new(|| std::array::from_fn(|length| 0.7f64.powi(length as i32)));
