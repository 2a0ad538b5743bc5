//! Fields as a search names them: whatever a name stands for by what flows through the pipe (a column, a field of a
//! data model, the time as seconds, a value inside a text) is that name again.

use shikra_event::Value;
use shikra_ir::{AggFn, Call, Expr, Names, Op, Plan, Scalar, Test};

pub(super) fn expr(e: &Expr) -> Expr {
    let all = |v: &[Expr]| v.iter().map(expr).collect();
    match e {
        Expr::And(v) => Expr::And(all(v)),
        Expr::Or(v) => Expr::Or(all(v)),
        Expr::Not(e) => Expr::Not(Box::new(expr(e))),
        Expr::Named(_, e) => expr(e),
        Expr::Test(t) => {
            let op = match &t.op {
                Op::Compare(op, right) => Op::Compare(*op, scalar(right)),
                other => other.clone(),
            };
            Expr::Test(Test { subject: scalar(&t.subject), op, ..t.clone() })
        }
        other => other.clone(),
    }
}

pub(super) fn scalar(s: &Scalar) -> Scalar {
    match s {
        Scalar::Field(f) if matches!(f.names, Names::Column | Names::Cim) => {
            Scalar::field(Names::Splunk, &f.name)
        }
        Scalar::Call(c) => {
            let args: Vec<Scalar> = c.args.iter().map(scalar).collect();
            let field = args.first().and_then(|first| stands_for(c, first));
            field.unwrap_or_else(|| Scalar::Call(Call { func: c.func, args, words: c.words }))
        }
        Scalar::Case(arms, other) => Scalar::Case(
            arms.iter().map(|(c, v)| (expr(c), scalar(v))).collect(),
            other.as_ref().map(|o| Box::new(scalar(o))),
        ),
        Scalar::Truth(e) => Scalar::Truth(Box::new(expr(e))),
        other => other.clone(),
    }
}

/// The field that a call stands for.
fn named(c: &Call) -> Option<Scalar> {
    stands_for(c, &scalar(c.args.first()?))
}

/// The same, where it is known what the first argument stands for.
fn stands_for(c: &Call, first: &Scalar) -> Option<Scalar> {
    let Scalar::Field(f) = first else { return None };
    match (c.func.0.name, c.args.get(1)) {
        ("epoch-seconds", None) if &*f.name == "_time" => Some(first.clone()),
        ("coalesce", Some(Scalar::Call(inside))) => match inside.args.get(1) {
            // Fields of events leave out what marks a list, texts that are read do not.
            Some(Scalar::Lit(Value::Str(name))) if name.replace("{}", "") == *f.name => {
                Some(Scalar::field(Names::Splunk, name))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The calls by which an operator reads fields that stand in a text, each text once.
pub(super) fn inside(plan: &Plan) -> Vec<Call> {
    let mut out = Vec::new();
    match plan {
        Plan::Filter(_, e) => inside_expr(e, &mut out),
        Plan::Eval(_, columns) | Plan::Project(_, columns) => {
            columns.iter().for_each(|(_, v)| inside_scalar(v, &mut out));
        }
        Plan::Agg(a) | Plan::WindowAgg(a) => {
            a.keys.iter().for_each(|k| inside_scalar(&k.value, &mut out));
            let values = a.columns.iter().filter_map(|(_, f): &(_, AggFn)| super::aggregate::over(f));
            values.for_each(|v| inside_scalar(v, &mut out));
        }
        Plan::Lookup(l) => l.on.iter().for_each(|(_, v)| inside_scalar(v, &mut out)),
        _ => {}
    }
    out
}

fn inside_expr(e: &Expr, out: &mut Vec<Call>) {
    e.tests(&mut |t| {
        inside_scalar(&t.subject, out);
        if let Op::Compare(_, right) = &t.op {
            inside_scalar(right, out);
        }
    });
}

fn inside_scalar(s: &Scalar, out: &mut Vec<Call>) {
    match s {
        Scalar::Call(c) => {
            c.args.iter().for_each(|a| inside_scalar(a, out));
            if let ("coalesce", Some(Scalar::Call(read))) = (c.func.0.name, c.args.get(1))
                && named(c).is_some()
                && !out.iter().any(|o| o.func == read.func && o.args.first() == read.args.first())
            {
                out.push(read.clone());
            }
        }
        Scalar::Case(arms, other) => {
            for (c, v) in arms {
                inside_expr(c, out);
                inside_scalar(v, out);
            }
            other.iter().for_each(|o| inside_scalar(o, out));
        }
        Scalar::Truth(e) => inside_expr(e, out),
        _ => {}
    }
}
