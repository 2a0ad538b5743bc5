//! Tree to IR. [`compare`] holds what the dialects' comparisons mean, [`call`] the functions, [`plan`] queries
//! and pipes; this file the connectives, fields, variables and the folding of constants.

mod call;
mod compare;
mod pipe;
mod plan;

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::eval;
use shikra_ir::{
    Coerce, Expr as Pred, Flavor, Fold, Func, Multi, Names, Nulls, Op, Opaque, Pattern, Plan, Scalar, Test,
    Truth, Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::ast::{Arith, Expr, Field, Kind, Query, Relation, Step};
use crate::{Dialect, Options, check};

/// The plan of a query, and whether some part of it is unsupported.
pub(crate) fn query(q: &Query, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> (Plan, bool) {
    let mut l = Lower::new(options, diagnostics);
    let plan = l.query(q);
    (plan, l.unsupported)
}

/// The predicate of a lone expression.
pub(crate) fn predicate(e: &Expr, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> Pred {
    Lower::new(options, diagnostics).truth(e)
}

/// The value of a constant expression.
pub(crate) fn fold(e: &Expr, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> Option<Value> {
    match Lower::new(options, diagnostics).value(e) {
        Scalar::Lit(v) => Some(v),
        _ => None,
    }
}

/// A lineage condition within a larger one.
struct Mark {
    column: Arc<str>,
    relation: Relation,
    of: Plan,
}

/// A variable of `arraySearch` or `arrayCount` in scope.
struct Var {
    name: String,
    /// Field that holds the list, where one does: its elements' members are then fields beneath it.
    path: Option<String>,
    /// The variable that the list is a member of, by its place in scope, and which member.
    parent: Option<(usize, String)>,
    members: Vec<(Arc<str>, Scalar)>,
}

struct Lower<'o> {
    options: &'o Options,
    diagnostics: &'o mut Vec<Diagnostic>,
    unsupported: bool,
    scope: Vec<Var>,
    marks: Vec<Mark>,
    /// Marks made so far, for their names.
    marked: usize,
    /// Columns that pipes before have made.
    columns: &'static [&'static str],
    /// Named stages before the present one.
    aliases: Vec<(String, usize)>,
    /// What the present stage reads of them.
    refs: Vec<(Arc<str>, usize, Scalar)>,
    /// The expression at hand reads one of them.
    reads_stage: bool,
    /// Conditions of the present stage that do.
    joined: Vec<Pred>,
}

impl<'o> Lower<'o> {
    fn new(options: &'o Options, diagnostics: &'o mut Vec<Diagnostic>) -> Lower<'o> {
        Lower {
            options,
            diagnostics,
            unsupported: false,
            scope: vec![],
            marks: vec![],
            marked: 0,
            columns: &[],
            aliases: vec![],
            refs: vec![],
            reads_stage: false,
            joined: vec![],
        }
    }

    fn elastic(&self) -> bool {
        self.options.dialect != Dialect::Endgame
    }
    fn names(&self) -> Names {
        if self.elastic() { Names::Ecs } else { Names::Endgame }
    }
    /// Whether comparisons without `~` ignore case.
    fn ignores_case(&self) -> bool {
        !self.elastic() && !self.options.case_sensitive
    }
    fn words(&self, insensitive: bool) -> Words {
        Words {
            fold: if insensitive { Fold::Unicode } else { Fold::None },
            null: Nulls::Three,
            multi: Multi::Any,
            // Forms of one event differ in the type of a field; the constant says what is meant.
            coerce: Coerce::Stringify,
            regex: Flavor::Pcre,
        }
    }
    fn number_words(&self) -> Words {
        Words { coerce: Coerce::NumericIfBoth, ..self.words(true) }
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, message, span));
    }
    /// A part that cannot be evaluated.
    fn opaque(&mut self, reason: impl Into<String>, span: Span) -> Pred {
        let reason = reason.into();
        self.unsupported = true;
        self.diagnostics.push(Diagnostic::warning("unsupported", reason.clone(), span));
        Pred::Opaque(Opaque { reason, span })
    }

    /// A test, opaque itself where its subject is.
    fn test(&self, subject: Scalar, op: Op, words: Words, span: Span) -> Pred {
        let inside = unsupported_in(&subject).or_else(|| match &op {
            Op::Compare(_, right) => unsupported_in(right),
            _ => None,
        });
        match inside {
            Some(o) => Pred::Opaque(o.clone()),
            None => Pred::Test(Test { subject, op, words, span }),
        }
    }

    /// An expression as a condition.
    fn truth(&mut self, e: &Expr) -> Pred {
        let out = match &e.kind {
            Kind::Null => Pred::Const(Truth::Unknown),
            Kind::Bool(b) => Pred::Const(Truth::of(*b)),
            Kind::Not(inner) => negate(self.truth(inner)),
            Kind::And(v) => and(v.iter().map(|e| self.truth(e)).collect()),
            Kind::Or(v) => or(v.iter().map(|e| self.truth(e)).collect()),
            Kind::Cmp(op, a, b) => self.comparison(*op, a, b, e.span),
            Kind::Match(m) => self.matching(m, e.span),
            Kind::Call(c) => self.call_truth(c, e.span),
            Kind::Field(f) => self.field_truth(f, e.span),
            Kind::Lineage(relation, q) => self.mark(*relation, q, e.span),
            Kind::Int(_) | Kind::Float(_) | Kind::Str(..) | Kind::Neg(_) | Kind::Arith(..) | Kind::Broken => {
                self.opaque("not a condition", e.span)
            }
        };
        match check::constant(e) && !has_opaque(&out) {
            true => Pred::Const(eval::truth(&out, &eval::NoFields)),
            false => out,
        }
    }

    /// An expression as a value.
    fn value(&mut self, e: &Expr) -> Scalar {
        let out = match &e.kind {
            Kind::Null => Scalar::Lit(Value::Null),
            Kind::Bool(b) => Scalar::Lit(Value::Bool(*b)),
            Kind::Int(n) => Scalar::Lit(Value::I64(*n)),
            Kind::Float(n) => Scalar::Lit(Value::F64(*n)),
            Kind::Str(s, _) => Scalar::Lit(Value::str(s)),
            Kind::Field(f) => self.field(f),
            Kind::Neg(inner) => {
                let inner = self.value(inner);
                self.function("subtract", vec![Scalar::Lit(Value::I64(0)), inner], false, e.span)
            }
            Kind::Arith(op, a, b) => {
                let args = vec![self.value(a), self.value(b)];
                self.function(arith_name(*op), args, false, e.span)
            }
            Kind::Call(c) => self.call_value(c, e.span),
            Kind::Not(_)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::Cmp(..)
            | Kind::Match(_)
            | Kind::Lineage(..)
            | Kind::Broken => Scalar::Truth(Box::new(self.truth(e))),
        };
        match check::constant(e) && unsupported_in(&out).is_none() {
            true => Scalar::Lit(eval::scalar(&out, &eval::NoFields)),
            false => out,
        }
    }

    /// A call of a function of the shared table.
    fn function(&mut self, name: &str, args: Vec<Scalar>, insensitive: bool, span: Span) -> Scalar {
        match Func::named(name) {
            Some(func) => Scalar::Call(shikra_ir::Call { func, args, words: self.words(insensitive) }),
            None => Scalar::Truth(Box::new(self.opaque(format!("function `{name}` is not there"), span))),
        }
    }

    /// A field, a column of a pipe before, a member of a sequence or a variable.
    fn field(&mut self, f: &Field) -> Scalar {
        let path = f.path();
        let first = path.split('.').next().unwrap_or_default();
        if let Some(i) = self.scope.iter().rposition(|v| v.name == first) {
            let member = self.member(i, &path);
            return self.indexed(member, f.index());
        }
        if let Some(var) = self.stage_ref(first, &path) {
            return self.indexed(var, f.index());
        }
        if self.columns.contains(&path.as_str()) {
            return Scalar::field(Names::Column, &path);
        }
        if let (Some(Step::Name(n)), Some(Step::Index(i))) = (f.steps.first(), f.steps.get(1))
            && n == "events"
        {
            let rest: Vec<&str> = path.split('.').skip(1).collect();
            return Scalar::field(self.names(), &format!("events[{i}].{}", rest.join(".")));
        }
        let field = Scalar::field(self.names(), &path);
        self.indexed(field, f.index())
    }

    /// A field of an earlier stage's event, by that stage's name.
    fn stage_ref(&mut self, first: &str, path: &str) -> Option<Scalar> {
        let stage = self.aliases.iter().rev().find(|(name, _)| name == first)?.1;
        let field = path.strip_prefix(first)?.strip_prefix('.')?;
        self.reads_stage = true;
        let name: Arc<str> = Arc::from(path);
        if !self.refs.iter().any(|(n, ..)| *n == name) {
            self.refs.push((name.clone(), stage, Scalar::field(self.names(), field)));
        }
        Some(Scalar::Var(name))
    }

    fn indexed(&mut self, list: Scalar, index: Option<i64>) -> Scalar {
        match index {
            Some(n) => {
                self.function("element", vec![list, Scalar::Lit(Value::I64(n))], false, Span::default())
            }
            None => list,
        }
    }

    /// A variable, or a member of its elements, which are then read from the fields beneath the list's.
    fn member(&mut self, at: usize, path: &str) -> Scalar {
        let names = self.names();
        let Some(var) = self.scope.get_mut(at) else { return Scalar::Lit(Value::Null) };
        let name: Arc<str> = Arc::from(path);
        if let (Some(member), Some(list)) = (path.strip_prefix(&format!("{}.", var.name)), &var.path)
            && !var.members.iter().any(|(n, _)| *n == name)
        {
            let field = Scalar::field(names, &format!("{list}.{member}"));
            let above = var.parent.clone().map(|(at, list)| (at, format!("{list}.{member}")));
            var.members.push((name.clone(), field));
            // The enclosing list has elements where the inner one has: its members count as theirs.
            if let Some((at, member)) = above
                && let Some(outer) = self.scope.get(at)
            {
                let path = format!("{}.{member}", outer.name);
                self.member(at, &path);
            }
        }
        Scalar::Var(name)
    }

    /// Where the values of a path that begins with a variable lie in the event.
    fn resolved(&self, path: &str) -> Option<String> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        match self.scope.iter().rev().find(|v| v.name == first) {
            None => Some(path.to_owned()),
            Some(v) if rest.is_empty() => v.path.clone(),
            Some(v) => v.path.as_ref().map(|p| format!("{p}.{rest}")),
        }
    }

    /// A field where a condition is wanted: true where it holds true. endgame goes by what Python takes for
    /// true, and writes `subtype.create` for `subtype == "create"`.
    fn field_truth(&mut self, f: &Field, span: Span) -> Pred {
        let scalar = self.field(f);
        let words = self.words(true);
        if self.elastic() {
            let yes = Scalar::Lit(Value::Bool(true));
            return self.test(scalar, Op::Compare(shikra_ir::CmpOp::Eq, yes), words, span);
        }
        if let (Scalar::Field(_), [Step::Name(name), Step::Name(value)]) = (&scalar, f.steps.as_slice())
            && ENUMERATED.contains(&name.as_str())
        {
            let subject = Scalar::field(self.names(), name);
            return self.test(subject, Op::Like(vec![Pattern::exact(value)]), words, span);
        }
        let mut args = vec![scalar];
        if let (Some(Scalar::Field(_)), None) = (args.first(), f.index()) {
            let members = Pattern::exact(&format!("{}.", f.path())).any_after();
            args.push(Scalar::FieldGlob(self.names(), members));
        }
        let subject = self.function("truthy", args, true, span);
        self.test(subject, Op::IsTrue, words, span)
    }
}

/// Fields of the eqllib schema whose values are written like members.
const ENUMERATED: &[&str] = &["subtype", "registry_type", "hive"];

fn arith_name(op: Arith) -> &'static str {
    match op {
        Arith::Add => "add",
        Arith::Subtract => "subtract",
        Arith::Multiply => "multiply",
        Arith::Divide => "divide-trunc",
        Arith::Modulo => "modulo",
    }
}

fn negate(p: Pred) -> Pred {
    match p {
        Pred::Const(t) => Pred::Const(t.negate()),
        Pred::Not(inner) => *inner,
        p => p.negate(),
    }
}

/// Conjunction, flat, without what cannot change it.
fn and(parts: Vec<Pred>) -> Pred {
    let mut out = Vec::new();
    for p in parts {
        match p {
            Pred::Const(Truth::False) => return Pred::FALSE,
            Pred::And(inner) => out.extend(inner),
            p => out.push(p),
        }
    }
    Pred::and(out)
}

/// Disjunction, flat, without what cannot change it.
fn or(parts: Vec<Pred>) -> Pred {
    let mut out = Vec::new();
    for p in parts {
        match p {
            Pred::Const(Truth::True) => return Pred::TRUE,
            Pred::Or(inner) => out.extend(inner),
            p => out.push(p),
        }
    }
    Pred::or(out)
}

fn has_opaque(p: &Pred) -> bool {
    let mut found = false;
    p.opaques(&mut |_| found = true);
    found
}

/// An unsupported part within a scalar.
fn unsupported_in(s: &Scalar) -> Option<&Opaque> {
    match s {
        Scalar::Truth(p) => match &**p {
            Pred::Opaque(o) => Some(o),
            _ => None,
        },
        Scalar::Call(c) => c.args.iter().find_map(unsupported_in),
        _ => None,
    }
}
