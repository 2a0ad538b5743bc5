//! What can be said to be wrong before anything is lowered: types, numbers of arguments, and what one of the
//! dialects does not allow.

use shikra_ir::CmpOp;
use shikra_syntax::{Diagnostic, Span};

use crate::Dialect;
use crate::ast::{Body, Call, EventQuery, Expr, Kind, Match, MatchOp, Query, Stage, Stages};
use crate::signatures::{Param, Signature, Ty};

/// Checks a query; what is wrong is added to the diagnostics.
pub(crate) fn query(q: &Query, dialect: Dialect, diagnostics: &mut Vec<Diagnostic>) {
    let mut c = Checker { dialect, diagnostics };
    match &q.body {
        Body::Event(e) => c.event_query(e),
        Body::Sequence(s) => {
            c.stages(s);
            c.sequence(s);
        }
        Body::Sample(s) => {
            c.stages(s);
            c.sample(s);
        }
        Body::Join(s) => {
            if dialect != Dialect::Endgame {
                c.error("dialect", "Elastic's EQL has no `join`", s.span);
            }
            c.stages(s);
        }
    }
    for pipe in &q.pipes {
        let known = matches!(pipe.name.as_str(), "head" | "tail");
        if dialect != Dialect::Endgame && !known {
            c.error("dialect", format!("Elastic's EQL has no pipe `{}`", pipe.name), pipe.span);
        }
        pipe.args.iter().for_each(|e| _ = c.ty(e));
    }
}

/// Checks a lone expression.
pub(crate) fn expression(e: &Expr, dialect: Dialect, diagnostics: &mut Vec<Diagnostic>) {
    Checker { dialect, diagnostics }.ty(e);
}

/// Whether an expression reads nothing of an event.
pub(crate) fn constant(e: &Expr) -> bool {
    !matches!(e.kind, Kind::Field(_) | Kind::Lineage(..) | Kind::Broken)
        && e.children().into_iter().all(constant)
}

struct Checker<'d> {
    dialect: Dialect,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, message, span));
    }

    fn event_query(&mut self, q: &EventQuery) {
        self.truth(&q.condition);
    }

    fn stages(&mut self, s: &Stages) {
        s.by.iter().for_each(|e| _ = self.ty(e));
        let all: Vec<&Stage> = s.stages.iter().chain(&s.until).collect();
        for stage in &all {
            self.event_query(&stage.query);
            stage.by.iter().for_each(|e| _ = self.ty(e));
        }
        let Some(first) = all.first() else { return };
        for stage in &all {
            if stage.by.len() != first.by.len() {
                let message = "every stage must have the same number of keys after `by`";
                self.error("keys", message, stage.span);
            }
        }
    }

    fn sequence(&mut self, s: &Stages) {
        if s.stages.iter().map(|t| t.runs).sum::<u32>() < 2 {
            self.error("stages", "a sequence needs two stages", s.span);
        }
        let absent = s.stages.iter().find(|t| t.absent);
        if let (Some(t), None) = (absent, s.maxspan) {
            self.error("missing-maxspan", "missing events `![…]` need `maxspan`", t.span);
        }
        if s.stages.iter().all(|t| t.absent) {
            self.error("stages", "a sequence needs a stage that is not missing", s.span);
        }
        if let Some(u) = s.until.as_ref().filter(|u| u.absent) {
            self.error("stages", "`until` takes no missing event", u.span);
        }
    }

    fn sample(&mut self, s: &Stages) {
        if s.stages.len() < 2 {
            self.error("stages", "a sample needs two stages", s.span);
        }
        if s.by.is_empty() && s.stages.iter().any(|t| t.by.is_empty()) {
            self.error("keys", "a sample needs keys after `by`", s.span);
        }
        let odd = s.maxspan.is_some() || s.until.is_some();
        if odd || s.stages.iter().any(|t| t.absent || t.runs > 1) {
            let message = "a sample takes no `maxspan`, `until`, `runs` or missing events";
            self.error("stages", message, s.span);
        }
    }

    /// An expression where a truth is wanted.
    fn truth(&mut self, e: &Expr) {
        let ty = self.ty(e);
        if !matches!(ty, Ty::Bool | Ty::Any | Ty::Null) {
            self.error("type", format!("a condition is wanted here, this is {}", ty.name()), e.span);
        }
    }

    fn want(&mut self, e: &Expr, wanted: Ty) {
        let ty = self.ty(e);
        if !fits(ty, wanted) {
            self.error("type", format!("{} is wanted here, this is {}", wanted.name(), ty.name()), e.span);
        }
    }

    /// The type of an expression, with everything beneath it checked.
    fn ty(&mut self, e: &Expr) -> Ty {
        match &e.kind {
            Kind::Null => Ty::Null,
            Kind::Bool(_) => Ty::Bool,
            Kind::Int(_) | Kind::Float(_) => Ty::Num,
            Kind::Str(..) => Ty::Str,
            Kind::Field(_) | Kind::Broken => Ty::Any,
            Kind::Not(inner) => {
                self.truth(inner);
                Ty::Bool
            }
            Kind::Neg(inner) => {
                self.want(inner, Ty::Num);
                Ty::Num
            }
            Kind::And(v) | Kind::Or(v) => {
                v.iter().for_each(|e| self.truth(e));
                Ty::Bool
            }
            Kind::Arith(_, a, b) => {
                self.want(a, Ty::Num);
                self.want(b, Ty::Num);
                Ty::Num
            }
            Kind::Cmp(op, a, b) => {
                self.comparison(*op, a, b);
                Ty::Bool
            }
            Kind::Match(m) => {
                self.matching(m);
                Ty::Bool
            }
            Kind::Call(c) => self.call(c),
            Kind::Lineage(_, q) => {
                self.event_query(q);
                Ty::Bool
            }
        }
    }

    fn comparison(&mut self, op: CmpOp, a: &Expr, b: &Expr) {
        let (ta, tb) = (self.ty(a), self.ty(b));
        if !fits(ta, tb) && !fits(tb, ta) {
            let message = format!("{} is never equal to {}", ta.name(), tb.name());
            self.error("type", message, a.span.to(b.span));
        }
        let ordered = !matches!(op, CmpOp::Eq | CmpOp::Ne);
        if ordered && (ta == Ty::Bool || tb == Ty::Bool) {
            self.error("type", format!("truths have no order for `{}`", op.as_str()), a.span.to(b.span));
        }
        self.one_side_constant(a, b);
    }

    /// Elasticsearch compares with constants only. Two optional fields pass: where the mapping has neither, both
    /// are null there.
    fn one_side_constant(&mut self, a: &Expr, b: &Expr) {
        let optional = |e: &Expr| matches!(&e.kind, Kind::Field(f) if f.optional);
        let reads = |e: &Expr| e.kind != Kind::Broken && !constant(e);
        let both = reads(a) && reads(b) && !(optional(a) && optional(b));
        if both && self.dialect == Dialect::Elastic {
            self.diagnostics.push(
                Diagnostic::error(
                    "field-comparison",
                    "Elastic's EQL cannot compare one field with another",
                    a.span.to(b.span),
                )
                .with_help("endgame's dialect can"),
            );
        }
    }

    fn matching(&mut self, m: &Match) {
        let subject = self.ty(&m.subject);
        let word = match m.op {
            MatchOp::Seq => ":",
            MatchOp::Like => "like",
            MatchOp::Regex => "regex",
            MatchOp::In => "in",
        };
        if m.list.is_empty() {
            self.error("syntax", format!("`{word}` needs at least one value"), m.subject.span);
        }
        for e in &m.list {
            let ty = self.ty(e);
            match m.op {
                MatchOp::In => {
                    self.may_be_equal(subject, ty, e);
                    self.one_side_constant(&m.subject, e);
                }
                MatchOp::Seq if ty == Ty::Num => self.may_be_equal(subject, ty, e),
                _ if !fits(ty, Ty::Str) || !constant(e) => {
                    self.error("type", format!("`{word}` takes constant strings"), e.span);
                }
                _ => {}
            }
        }
    }

    fn may_be_equal(&mut self, subject: Ty, ty: Ty, e: &Expr) {
        if !fits(ty, subject) && !fits(subject, ty) {
            let message = format!("{} is never equal to {}", subject.name(), ty.name());
            self.error("type", message, e.span);
        }
    }

    fn call(&mut self, c: &Call) -> Ty {
        let Some(sig) = Signature::find(&c.name) else {
            let mut d =
                Diagnostic::warning("unknown-function", format!("no function `{}`", c.name), c.name_span);
            d.help = Signature::nearest(&c.name).map(|n| format!("did you mean `{n}`?"));
            self.diagnostics.push(d);
            return Ty::Any;
        };
        if sig.endgame && self.dialect == Dialect::Elastic && !c.name.starts_with('_') {
            let message = format!("`{}` is a function of endgame's dialect", c.name);
            self.diagnostics.push(Diagnostic::warning("dialect", message, c.name_span));
        }
        if c.tilde && !sig.tilde {
            self.error("tilde", format!("`{}` does not take `~`", c.name), c.name_span);
        }
        if c.args.len() < sig.required || c.args.len() > sig.params.len() && !sig.repeats {
            let wanted = match (sig.required, sig.params.len()) {
                (least, _) if sig.repeats => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let message = format!("`{}` takes {wanted} arguments, not {}", c.name, c.args.len());
            self.error("arguments", message, c.name_span);
        }
        let args = self.unswapped(c, sig);
        for (i, arg) in args.iter().enumerate() {
            if let Some(p) = sig.param(i) {
                self.argument(arg, p);
            }
        }
        sig.returns
    }

    /// The arguments in their order; a pattern before its subject is taken with a warning.
    fn unswapped<'c>(&mut self, c: &'c Call, sig: &Signature) -> Vec<&'c Expr> {
        if swapped(c, sig) {
            let message = format!("`{}` takes the pattern last; it was read so", c.name);
            self.diagnostics.push(Diagnostic::warning("argument-order", message, c.name_span));
            return c.args.iter().rev().collect();
        }
        c.args.iter().collect()
    }

    fn argument(&mut self, arg: &Expr, p: Param) {
        match p {
            Param::Of(ty) => self.want(arg, ty),
            Param::Condition => self.truth(arg),
            Param::Text | Param::Regex => {
                if !matches!(arg.kind, Kind::Str(..) | Kind::Null) {
                    self.error("type", "a constant string is wanted here", arg.span);
                }
            }
            Param::Var => {
                let simple = matches!(&arg.kind, Kind::Field(f) if f.steps.len() == 1 && !f.optional);
                if !simple {
                    self.error("type", "the name of a variable is wanted here", arg.span);
                }
            }
        }
    }
}

/// Whether the pattern stands before the subject of a call that takes them the other way round.
pub(crate) fn swapped(c: &Call, sig: &Signature) -> bool {
    let pattern_last = matches!(sig.params.last(), Some(Param::Regex)) && sig.params.len() == 2;
    let [first, second] = c.args.as_slice() else { return false };
    pattern_last && matches!(first.kind, Kind::Str(..)) && matches!(second.kind, Kind::Field(_))
}

/// Whether a value of a type can stand where another is wanted.
fn fits(ty: Ty, wanted: Ty) -> bool {
    ty == wanted || matches!(ty, Ty::Any | Ty::Null) || matches!(wanted, Ty::Any | Ty::Null)
}
