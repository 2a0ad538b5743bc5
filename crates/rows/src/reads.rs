//! What expressions read of an event: the fields that must be carried along to evaluate them later.

use shikra_ir::{AggFn, EachGives, Expr, Op, Scalar};

/// Appends what a scalar reads, each thing once.
pub(crate) fn of_scalar(s: &Scalar, out: &mut Vec<Scalar>) {
    match s {
        Scalar::Field(_) | Scalar::FieldGlob(..) | Scalar::AnyField => {
            if !out.contains(s) {
                out.push(s.clone());
            }
        }
        Scalar::Lit(_) | Scalar::Var(_) => {}
        Scalar::Asked(a) => of_scalar(&Scalar::Field(a.field.clone()), out),
        Scalar::Call(c) => c.args.iter().for_each(|a| of_scalar(a, out)),
        Scalar::Case(arms, other) => {
            for (condition, value) in arms {
                of_expr(condition, out);
                of_scalar(value, out);
            }
            if let Some(o) = other {
                of_scalar(o, out);
            }
        }
        Scalar::Truth(e) => of_expr(e, out),
        Scalar::Each(e) => {
            of_scalar(&e.list, out);
            e.members.iter().for_each(|(_, m)| of_scalar(m, out));
            of_expr(&e.body, out);
            if let EachGives::Values(s) = &e.gives {
                of_scalar(s, out);
            }
        }
    }
}

/// Appends what a predicate reads.
pub(crate) fn of_expr(e: &Expr, out: &mut Vec<Scalar>) {
    match e {
        Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| of_expr(e, out)),
        Expr::Not(e) | Expr::Named(_, e) => of_expr(e, out),
        Expr::Test(t) => {
            of_scalar(&t.subject, out);
            if let Op::Compare(_, right) = &t.op {
                of_scalar(right, out);
            }
        }
        Expr::Const(_) | Expr::Opaque(_) => {}
    }
}

/// Appends what an aggregate reads.
pub(crate) fn of_aggregate(f: &AggFn, out: &mut Vec<Scalar>) {
    if let Some(s) = f.argument() {
        of_scalar(s, out);
    }
    if let AggFn::Other(_, args) = f {
        args.iter().for_each(|a| of_scalar(a, out));
    }
}
