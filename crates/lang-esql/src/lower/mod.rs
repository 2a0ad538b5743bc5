//! From the tree to a plan, command by command.
//!
//! What is known of the columns is carried along: those made so far, and whether the fields of the events can
//! still be reached. Where they can, a name that no command has made is a field; where they cannot (after STATS
//! or KEEP), it is a mistake.

mod call;
mod command;
mod expr;
mod stats;

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{LogSource, Names, Opaque, Pattern, Plan, Scalar, Words};
use shikra_syntax::{Diagnostic, Span};

pub(crate) use call::{WHITE, function_of, functions, is_single};
pub(crate) use stats::aggregates;

use crate::Options;
use crate::ast::{Command, CommandKind, Expr, Kind, Query};

/// What can still be reached of the events' own fields.
#[derive(Clone, Debug, Default)]
struct Open {
    /// Dropped or renamed.
    hidden: Vec<Pattern>,
    /// Where KEEP named patterns: only these.
    only: Option<Vec<Pattern>>,
}

impl Open {
    fn has(&self, name: &str) -> bool {
        let any = |all: &[Pattern]| all.iter().any(|p| p.matches(name));
        !any(&self.hidden) && self.only.as_ref().is_none_or(|o| any(o))
    }
}

/// A query being lowered.
pub(crate) struct Lower<'o, 'd> {
    options: &'o Options<'o>,
    said: &'d mut Vec<Diagnostic>,
    unsupported: bool,
    plan: Plan,
    /// Columns made, in order.
    columns: Vec<Arc<str>>,
    open: Option<Open>,
    /// Some command makes columns that are not known: any name may be one.
    lax: bool,
    /// The present is a column of each row.
    now_is_column: bool,
    /// Parts of an expression that have been lowered already, by the names that stand for them.
    bound: Option<Vec<(String, Scalar)>>,
    /// The last operator already gives the columns in their order.
    projected: bool,
}

/// Plan of a query, and whether some part is unsupported.
pub(crate) fn query(q: &Query, options: &Options<'_>, said: &mut Vec<Diagnostic>) -> (Plan, bool) {
    let mut l = Lower {
        options,
        said,
        unsupported: false,
        plan: Plan::Union(vec![]),
        columns: vec![],
        open: None,
        lax: false,
        now_is_column: false,
        bound: None,
        projected: false,
    };
    q.commands.iter().for_each(|c| l.command(c));
    if l.open.is_none() && !l.projected && !matches!(l.plan, Plan::Opaque(..)) {
        l.project_columns();
    }
    (l.plan, l.unsupported)
}

/// Name of the column that holds the present where an operator cannot ask for it itself.
const NOW: &str = "now#";

fn column(name: &str) -> Scalar {
    Scalar::field(Names::Column, name)
}

fn lit(v: impl Into<Value>) -> Scalar {
    Scalar::Lit(v.into())
}

impl Lower<'_, '_> {
    fn say(&mut self, d: Diagnostic) {
        if !self.said.contains(&d) {
            self.said.push(d);
        }
    }

    fn wrap(&mut self, f: impl FnOnce(Box<Plan>) -> Plan) {
        let before = std::mem::replace(&mut self.plan, Plan::Union(vec![]));
        self.plan = f(Box::new(before));
        self.projected = false;
    }

    fn unsupported(&mut self, reason: impl Into<String>, span: Span) -> Opaque {
        let reason = reason.into();
        self.unsupported = true;
        self.say(Diagnostic::warning("unsupported", reason.clone(), span));
        Opaque { reason, span }
    }

    /// What a name means.
    fn resolve(&mut self, name: &str, span: Span) -> Scalar {
        if self.columns.iter().any(|c| **c == *name) {
            return column(name);
        }
        match &self.open {
            Some(open) if open.has(name) => field(name),
            _ if self.lax => column(name),
            _ => {
                let message = format!("no column {name} is left here");
                self.say(Diagnostic::warning("unknown-column", message, span));
                lit(Value::Null)
            }
        }
    }

    /// Notes that a column has been made, the last of all.
    fn made(&mut self, name: &str) {
        self.columns.retain(|c| **c != *name);
        self.columns.push(Arc::from(name));
    }

    /// Columns for output, in order.
    fn project_columns(&mut self) {
        let all = self.columns.iter().map(|c| (c.clone(), column(c))).collect();
        self.wrap(|p| Plan::Project(p, all));
        self.projected = true;
    }

    /// Unless it is given, the present is the time of the last event: logs are searched long after they were
    /// written.
    fn now(&self) -> Scalar {
        match self.options.now {
            Some(t) => lit(Value::Time(t)),
            None if self.now_is_column => column(NOW),
            None => Scalar::Var(Arc::from("now")),
        }
    }

    fn scan(&mut self, indices: &[String]) {
        let indices = indices.iter().map(|i| i.trim_matches('"').to_owned()).collect();
        self.plan = Plan::Scan(LogSource { indices, ..LogSource::any(Names::Ecs) });
        self.open = Some(Open::default());
    }

    fn command(&mut self, c: &Command) {
        match &c.kind {
            CommandKind::From { indices } => self.scan(indices),
            CommandKind::Row(columns) => self.row(columns),
            CommandKind::Where(e) => self.filter(e),
            CommandKind::Eval(columns) => self.eval(columns),
            CommandKind::Keep(patterns) => self.keep(patterns),
            CommandKind::Drop(patterns) => self.drop(patterns),
            CommandKind::Rename(names) => self.rename(names),
            CommandKind::Stats(s) => self.stats(s),
            CommandKind::InlineStats(s) => self.inline_stats(s),
            CommandKind::Sort(keys) => self.sort(keys),
            CommandKind::Limit(n) => self.wrap(|p| Plan::Limit(p, *n)),
            CommandKind::Grok { from, patterns } => self.grok(from, patterns, c.span),
            CommandKind::Dissect { from, pattern, separator } => {
                self.dissect(from, pattern, separator, c.span)
            }
            CommandKind::MvExpand(name) => self.mv_expand(name),
            CommandKind::Enrich { policy, on, with } => self.enrich(policy, on.as_ref(), with, c.span),
            CommandKind::LookupJoin { table, on } => self.lookup_join(table, on),
            CommandKind::Other { name, makes } => {
                let reason = match name.as_str() {
                    "COMPLETION" => "COMPLETION asks a language model".to_owned(),
                    other => format!("the command {other}"),
                };
                let opaque = self.unsupported(reason, c.span);
                self.wrap(|p| Plan::Opaque(Some(p), opaque));
                makes.iter().for_each(|n| self.made(&n.text));
                self.lax |= makes.is_empty();
            }
            CommandKind::Broken => {}
        }
    }
}

fn field(name: &str) -> Scalar {
    // A copy of a keyword field that Elastic Endpoint's mapping keeps in lower case.
    match name.strip_suffix(".caseless") {
        Some(base) => call::function("lower-each", vec![Scalar::field(Names::Ecs, base)]),
        None => Scalar::field(Names::Ecs, name),
    }
}

/// Whether an expression asks for the present.
fn mentions_now(e: &Expr) -> bool {
    any(e, &|e| matches!(&e.kind, Kind::Call { name, .. } if name == "now"))
}

/// Whether some expression within `e`, or `e` itself, is of a kind.
fn any(e: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    let each = |v: &[Expr]| v.iter().any(|e| any(e, wanted));
    wanted(e)
        || match &e.kind {
            Kind::And(v) | Kind::Or(v) | Kind::List(v) => each(v),
            Kind::Not(e) | Kind::Negate(e) | Kind::Cast(e, _) => any(e, wanted),
            Kind::Arithmetic(_, a, b) | Kind::Compare(_, a, b) | Kind::SameText(a, b) | Kind::Match(a, b) => {
                any(a, wanted) || any(b, wanted)
            }
            Kind::In { subject, list, .. } => any(subject, wanted) || each(list),
            Kind::Like { subject, patterns, .. } => any(subject, wanted) || each(patterns),
            Kind::IsNull { subject, .. } => any(subject, wanted),
            Kind::Call { args, .. } => each(args),
            _ => false,
        }
}

/// Comparison of text and of values of one type: case matters, null is unknown, and so is what has several values.
fn words() -> Words {
    use shikra_ir::{Coerce, Flavor, Fold, Multi, Nulls};
    Words {
        fold: Fold::None,
        null: Nulls::Three,
        multi: Multi::Null,
        coerce: Coerce::Stringify,
        regex: Flavor::Lucene,
    }
}
