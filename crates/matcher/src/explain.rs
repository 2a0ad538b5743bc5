//! Clause by clause, why a filter holds for an event or does not.

use std::sync::Arc;

use shikra_event::{Event, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{Expr, Op, Scalar, Test, Truth, text};
use shikra_syntax::Span;
use shikra_taxonomy::Taxonomy;

use crate::{EventRow, Filter};

/// Why a filter holds or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whether the log source admits events of this shape at all.
    pub admitted: bool,
    /// What the log source asks of each event beyond its shape.
    pub source: Option<Clause>,
    /// The filter's own expression, evaluated whether admitted or not.
    pub clause: Clause,
    /// The outcome.
    pub holds: bool,
}

/// A part of an expression and its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// What it is.
    pub kind: ClauseKind,
    /// Its truth on this event.
    pub truth: Truth,
    /// Its parts.
    pub parts: Vec<Clause>,
}

/// What a clause is.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// All parts must hold.
    All,
    /// One part must hold.
    Any,
    /// The part must not hold.
    Not,
    /// A part with the name its author gave it.
    Named(Arc<str>),
    /// A constant.
    Const,
    /// Something unsupported: why.
    Opaque(String, Span),
    /// A comparison.
    Test {
        /// Canonical text.
        text: String,
        /// Where it stands.
        span: Span,
        /// Every field it reads, as the rule names it, with the value seen. For a search in any field: the
        /// values that were hit, under the name `*`.
        seen: Vec<(String, Value)>,
    },
}

/// A part of an expression that decides whether the whole holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason {
    /// The innermost part with a name that it stands in.
    pub name: Option<Arc<str>>,
    /// Canonical text; alternatives that all fail are one reason.
    pub text: String,
    /// Where its first test stands.
    pub span: Span,
    /// Whether it holds: a reason for an expression not to hold that holds itself is an exclusion.
    pub holds: bool,
}

impl Clause {
    /// The smallest parts that make it hold or not.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut out = Vec::new();
        self.decide(None, &mut out);
        out
    }

    fn decide(&self, name: Option<&Arc<str>>, out: &mut Vec<Reason>) {
        let holds = self.truth.holds();
        let alike = |c: &&Clause| c.truth.holds() == holds;
        match &self.kind {
            ClauseKind::Named(own) => self.parts.iter().for_each(|c| c.decide(Some(own), out)),
            ClauseKind::Not => self.parts.iter().for_each(|c| c.decide(name, out)),
            ClauseKind::All => self.parts.iter().filter(alike).for_each(|c| c.decide(name, out)),
            ClauseKind::Any if holds || self.parts.len() == 1 => {
                self.parts.iter().filter(alike).for_each(|c| c.decide(name, out));
            }
            _ => {
                let span = self.first_span().unwrap_or_default();
                out.push(Reason { name: name.cloned(), text: self.text(), span, holds });
            }
        }
    }

    fn first_span(&self) -> Option<Span> {
        match &self.kind {
            ClauseKind::Test { span, .. } | ClauseKind::Opaque(_, span) => Some(*span),
            _ => self.parts.iter().find_map(Clause::first_span),
        }
    }

    /// What it asks, on one line.
    fn text(&self) -> String {
        let joined = |word: &str| {
            let parts: Vec<String> = self.parts.iter().map(Clause::text).collect();
            if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(word)) }
        };
        match &self.kind {
            ClauseKind::Test { text, .. } => text.clone(),
            ClauseKind::Opaque(why, _) => format!("unsupported: {why}"),
            ClauseKind::Const => "a constant".to_owned(),
            ClauseKind::Named(name) => name.to_string(),
            ClauseKind::Not => format!("not {}", joined("")),
            ClauseKind::All => joined(" and "),
            ClauseKind::Any => joined(" or "),
        }
    }
}

/// Explains a filter on an event.
pub fn filter(filter: &Filter, taxonomy: &Taxonomy, event: &Event<'_>) -> Explanation {
    let row = EventRow { event, taxonomy };
    let when = filter.selector.admits(event.shape);
    let source = when.clone().flatten().map(|w| expr(&w, &row));
    let clause = expr(&filter.expr, &row);
    let admitted = when.is_some();
    let holds = admitted && source.as_ref().is_none_or(|s| s.truth.holds()) && clause.truth.holds();
    Explanation { admitted, source, clause, holds }
}

/// Explains an expression on a row.
pub fn expr(e: &Expr, row: &dyn Row) -> Clause {
    let (kind, parts) = match e {
        Expr::Const(_) => (ClauseKind::Const, Vec::new()),
        Expr::And(v) => (ClauseKind::All, v.iter().map(|e| expr(e, row)).collect()),
        Expr::Or(v) => (ClauseKind::Any, v.iter().map(|e| expr(e, row)).collect()),
        Expr::Not(e) => (ClauseKind::Not, vec![expr(e, row)]),
        Expr::Named(name, e) => (ClauseKind::Named(name.clone()), vec![expr(e, row)]),
        Expr::Opaque(o) => (ClauseKind::Opaque(o.reason.clone(), o.span), Vec::new()),
        Expr::Test(t) => {
            (ClauseKind::Test { text: text::expr(e), span: t.span, seen: seen(t, row) }, Vec::new())
        }
    };
    Clause { kind, truth: eval::truth(e, row), parts }
}

fn seen(t: &Test, row: &dyn Row) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = Vec::new();
    let mut read = |f: &shikra_ir::FieldRef| {
        if !out.iter().any(|(name, _)| **name == *f.name) {
            out.push((f.name.to_string(), row.field(f)));
        }
    };
    t.fields(&mut read);
    let any = match &t.subject {
        Scalar::AnyField => row.all_fields(),
        Scalar::FieldGlob(names, p) => row.fields_like(*names, p),
        _ => return out,
    };
    let right = match &t.op {
        Op::Compare(_, r) => Some(eval::scalar(r, row)),
        _ => None,
    };
    let hit = any.into_iter().filter(|v| eval::test_value(t, v, right.as_ref()).holds());
    out.extend(hit.map(|v| ("*".into(), v)));
    out
}
