//! The time of a search: that of the last event its program saw, put in place of the variable `now` when the input
//! ends.

use shikra_event::Value;
use shikra_ir::{Call, Expr, Op, Scalar, Test};

use crate::compile::Operator;
use crate::push::{mentions, scalar_mentions};

const NOW: &str = "now";

/// The operators with the time in place.
pub(crate) fn bind(operators: &[Operator], now: &Value) -> Vec<Operator> {
    operators.iter().map(|o| operator(o, now)).collect()
}

/// Whether an operator asks for it.
pub(crate) fn asks(o: &Operator) -> bool {
    let now = |s: &Scalar| matches!(s, Scalar::Var(name) if **name == *NOW);
    match o {
        Operator::Filter(e) => mentions(e, &now),
        Operator::Eval(c) | Operator::Project(c) => c.iter().any(|(_, s)| scalar_mentions(s, &now)),
        _ => false,
    }
}

fn operator(o: &Operator, now: &Value) -> Operator {
    let columns = |c: &[(std::sync::Arc<str>, Scalar)]| {
        c.iter().map(|(n, s)| (n.clone(), scalar(s, now))).collect::<Vec<_>>()
    };
    match o {
        Operator::Filter(e) => Operator::Filter(expr(e, now)),
        Operator::Eval(c) => Operator::Eval(columns(c)),
        Operator::Project(c) => Operator::Project(columns(c)),
        other => other.clone(),
    }
}

fn expr(e: &Expr, now: &Value) -> Expr {
    let all = |v: &[Expr]| v.iter().map(|e| expr(e, now)).collect();
    match e {
        Expr::And(v) => Expr::And(all(v)),
        Expr::Or(v) => Expr::Or(all(v)),
        Expr::Not(e) => Expr::Not(Box::new(expr(e, now))),
        Expr::Named(n, e) => Expr::Named(n.clone(), Box::new(expr(e, now))),
        Expr::Test(t) => {
            let op = match &t.op {
                Op::Compare(op, right) => Op::Compare(*op, scalar(right, now)),
                other => other.clone(),
            };
            Expr::Test(Test { subject: scalar(&t.subject, now), op, words: t.words, span: t.span })
        }
        Expr::Const(_) | Expr::Opaque(_) => e.clone(),
    }
}

fn scalar(s: &Scalar, now: &Value) -> Scalar {
    match s {
        Scalar::Var(name) if **name == *NOW => Scalar::Lit(now.clone()),
        Scalar::Call(c) => {
            let args = c.args.iter().map(|a| scalar(a, now)).collect();
            Scalar::Call(Call { func: c.func, args, words: c.words })
        }
        Scalar::Case(arms, other) => {
            let arms = arms.iter().map(|(c, v)| (expr(c, now), scalar(v, now))).collect();
            Scalar::Case(arms, other.as_ref().map(|o| Box::new(scalar(o, now))))
        }
        Scalar::Truth(e) => Scalar::Truth(Box::new(expr(e, now))),
        other => other.clone(),
    }
}
