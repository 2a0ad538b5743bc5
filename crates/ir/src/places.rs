//! Moving the places of a plan: from a query's own text to the file it stands in.

use shikra_syntax::Span;

use crate::{AggFn, Expr, Extract, Op, Plan, Scalar, Stage};

impl Plan {
    /// Calls `f` on the place of every test and unsupported part.
    pub fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Plan::Scan(_) | Plan::Rule(_) | Plan::Table(_) | Plan::Values(_) => {}
            Plan::Filter(_, e) => e.each_span(f),
            Plan::Eval(_, columns) | Plan::Project(_, columns) => {
                columns.iter_mut().for_each(|(_, s)| s.each_span(f));
            }
            Plan::Extract(_, e) => match e {
                Extract::Regex { from, .. }
                | Extract::Grok { from, .. }
                | Extract::Dissect { from, .. }
                | Extract::Json { from, .. } => from.each_span(f),
            },
            Plan::Agg(a) | Plan::WindowAgg(a) => {
                a.keys.iter_mut().for_each(|k| k.value.each_span(f));
                a.columns.iter_mut().for_each(|(_, c)| of_aggregate(c, f));
            }
            Plan::Join(j) => {
                for (a, b) in &mut j.keys {
                    a.each_span(f);
                    b.each_span(f);
                }
                j.on.iter_mut().for_each(|e| e.each_span(f));
            }
            Plan::Except(_, _, keys) => {
                for (a, b) in keys {
                    a.each_span(f);
                    b.each_span(f);
                }
            }
            Plan::Sort(s) => s.keys.iter_mut().for_each(|k| k.value.each_span(f)),
            Plan::Dedup(d) => d.keys.iter_mut().for_each(|k| k.each_span(f)),
            Plan::Lookup(l) => l.on.iter_mut().for_each(|(_, s)| s.each_span(f)),
            Plan::Seq(s) => {
                s.keys.iter_mut().for_each(|k| k.value.each_span(f));
                s.stages.iter_mut().chain(s.until.as_deref_mut()).for_each(|t| of_stage(t, f));
            }
            Plan::Set(s) => {
                s.members.iter_mut().flat_map(|m| &mut m.keys).for_each(|k| k.value.each_span(f));
                s.until.as_deref_mut().into_iter().for_each(|t| of_stage(t, f));
            }
            Plan::Opaque(_, o) => f(&mut o.span),
            Plan::Drop(..)
            | Plan::Unnest(..)
            | Plan::Bucket(..)
            | Plan::Union(_)
            | Plan::Limit(..)
            | Plan::Tail(..)
            | Plan::Lineage(..)
            | Plan::Mark(_) => {}
        }
        self.children_mut().into_iter().for_each(|p| p.each_span(f));
    }

    /// The plans directly beneath this one.
    pub fn children_mut(&mut self) -> Vec<&mut Plan> {
        match self {
            Plan::Scan(_) | Plan::Rule(_) | Plan::Table(_) | Plan::Values(_) => vec![],
            Plan::Filter(p, _)
            | Plan::Eval(p, _)
            | Plan::Project(p, _)
            | Plan::Drop(p, _)
            | Plan::Extract(p, _)
            | Plan::Unnest(p, _)
            | Plan::Bucket(p, ..)
            | Plan::Limit(p, _)
            | Plan::Tail(p, _) => vec![p],
            Plan::Agg(a) | Plan::WindowAgg(a) => vec![&mut a.input],
            Plan::Join(j) => vec![&mut j.left.1, &mut j.right.1],
            Plan::Union(v) => v.iter_mut().collect(),
            Plan::Except(a, b, _) | Plan::Lineage(a, b, _) => vec![a, b],
            Plan::Mark(m) => {
                let m = &mut **m;
                vec![&mut m.input, &mut m.of]
            }
            Plan::Sort(s) => vec![&mut s.input],
            Plan::Dedup(d) => vec![&mut d.input],
            Plan::Lookup(l) => vec![&mut l.input],
            Plan::Seq(s) => {
                let s = &mut **s;
                s.stages.iter_mut().chain(s.until.as_deref_mut()).map(|t| &mut t.plan).collect()
            }
            Plan::Set(s) => {
                let s = &mut **s;
                let members = s.members.iter_mut().map(|m| &mut m.plan);
                members.chain(s.until.as_deref_mut().map(|u| &mut u.plan)).collect()
            }
            Plan::Opaque(p, _) => p.iter_mut().map(|p| &mut **p).collect(),
        }
    }
}

fn of_stage(stage: &mut Stage, f: &mut dyn FnMut(&mut Span)) {
    stage.keys.iter_mut().for_each(|k| k.value.each_span(f));
    if let Some(joined) = &mut stage.joined {
        joined.refs.iter_mut().for_each(|(_, _, s)| s.each_span(f));
        joined.condition.each_span(f);
    }
}

fn of_aggregate(function: &mut AggFn, f: &mut dyn FnMut(&mut Span)) {
    if let Some(s) = function.argument_mut() {
        s.each_span(f);
    }
    if let AggFn::Other(_, args) = function {
        args.iter_mut().for_each(|s| s.each_span(f));
    }
}

impl Expr {
    /// Calls `f` on the place of every test and unsupported part.
    pub fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Expr::And(v) | Expr::Or(v) => v.iter_mut().for_each(|e| e.each_span(f)),
            Expr::Not(e) | Expr::Named(_, e) => e.each_span(f),
            Expr::Opaque(o) => f(&mut o.span),
            Expr::Test(t) => {
                f(&mut t.span);
                t.subject.each_span(f);
                if let Op::Compare(_, right) = &mut t.op {
                    right.each_span(f);
                }
            }
            Expr::Const(_) => {}
        }
    }
}

impl Scalar {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Scalar::Call(c) => c.args.iter_mut().for_each(|a| a.each_span(f)),
            Scalar::Case(arms, other) => {
                for (condition, value) in arms {
                    condition.each_span(f);
                    value.each_span(f);
                }
                other.iter_mut().for_each(|o| o.each_span(f));
            }
            Scalar::Truth(e) => e.each_span(f),
            Scalar::Each(e) => {
                e.list.each_span(f);
                e.members.iter_mut().for_each(|(_, m)| m.each_span(f));
                e.body.each_span(f);
                if let crate::EachGives::Values(s) = &mut e.gives {
                    s.each_span(f);
                }
            }
            Scalar::Field(_)
            | Scalar::AnyField
            | Scalar::FieldGlob(..)
            | Scalar::Lit(_)
            | Scalar::Var(_)
            | Scalar::Asked(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogSource, Names, Opaque, Test, Words};

    #[test]
    fn all_places_move() {
        let test = |at| {
            let span = Span::new(at, at + 1);
            let subject = Scalar::field(Names::Raw, "a");
            Expr::Test(Test { subject, op: Op::Exists, words: Words::default(), span })
        };
        let scan = Plan::Scan(LogSource::any(Names::Raw));
        let nested = Scalar::Truth(Box::new(test(2)));
        let mut plan = Plan::Union(vec![
            Plan::Filter(Box::new(scan.clone()), Expr::And(vec![test(1), test(3).negate()])),
            Plan::Eval(Box::new(scan), vec![("x".into(), nested)]),
            Plan::Opaque(None, Opaque { reason: String::new(), span: Span::new(4, 5) }),
        ]);
        let mut seen = Vec::new();
        plan.each_span(&mut |s| {
            seen.push(s.start);
            *s = s.shifted(10);
        });
        assert_eq!(seen, [1, 3, 2, 4]);
        let mut moved = Vec::new();
        plan.each_span(&mut |s| moved.push(s.start));
        assert_eq!(moved, [11, 13, 12, 14]);
    }
}
