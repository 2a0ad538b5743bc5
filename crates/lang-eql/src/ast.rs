//! The tree of a query: as written, with places, before any meaning.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

use crate::token::Quotes;

/// A whole query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub body: Body,
    pub pipes: Vec<Pipe>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Event(EventQuery),
    Sequence(Stages),
    Sample(Stages),
    Join(Stages),
}

/// `category where condition`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventQuery {
    /// None for `any`.
    pub category: Option<String>,
    pub condition: Expr,
    pub span: Span,
}

/// What stands in brackets one after the other, with what holds for all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stages {
    pub by: Vec<Expr>,
    /// Nanoseconds.
    pub maxspan: Option<i64>,
    pub stages: Vec<Stage>,
    pub until: Option<Stage>,
    /// Of the keyword.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub query: EventQuery,
    pub by: Vec<Expr>,
    pub absent: bool,
    pub runs: u32,
    pub fork: bool,
    /// Name by which later stages read this one's event.
    pub alias: Option<String>,
    pub span: Span,
}

/// `| name arguments`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pipe {
    pub name: String,
    pub args: Vec<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub span: Span,
    /// Levels beneath, this one included: what recursion over the tree costs.
    pub height: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Keyword operators with a list on their right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchOp {
    /// `:`
    Seq,
    Like,
    Regex,
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Event,
    Child,
    Descendant,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String, Quotes),
    Field(Field),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Cmp(CmpOp, Box<Expr>, Box<Expr>),
    Arith(Arith, Box<Expr>, Box<Expr>),
    Match(Match),
    Call(Call),
    Lineage(Relation, Box<EventQuery>),
    /// Could not be read; a diagnostic says why.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    pub op: MatchOp,
    /// Written with `~`, or `:`.
    pub insensitive: bool,
    pub subject: Box<Expr>,
    pub list: Vec<Expr>,
}

/// A function by the name it was called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub name: String,
    pub tilde: bool,
    pub args: Vec<Expr>,
    pub name_span: Span,
}

/// `a.b[0].c`, `?a.b`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub steps: Vec<Step>,
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Name(String),
    Index(i64),
}

impl Field {
    /// The names, joined by dots, without indices.
    pub fn path(&self) -> String {
        let names = self.steps.iter().filter_map(|s| match s {
            Step::Name(n) => Some(n.as_str()),
            Step::Index(_) => None,
        });
        names.collect::<Vec<_>>().join(".")
    }
    /// The last index.
    pub fn index(&self) -> Option<i64> {
        self.steps.iter().rev().find_map(|s| match s {
            Step::Index(n) => Some(*n),
            Step::Name(_) => None,
        })
    }
}

impl Expr {
    pub fn new(kind: Kind, span: Span) -> Expr {
        let beneath = match &kind {
            Kind::Lineage(_, q) => q.condition.height,
            kind => children(kind).into_iter().map(|e| e.height).max().unwrap_or(0),
        };
        Expr { kind, span, height: beneath + 1 }
    }
    /// The expressions directly beneath this one; queries of lineage are not looked into.
    pub fn children(&self) -> Vec<&Expr> {
        children(&self.kind)
    }
}

fn children(kind: &Kind) -> Vec<&Expr> {
    match kind {
        Kind::Not(e) | Kind::Neg(e) => vec![e],
        Kind::And(v) | Kind::Or(v) => v.iter().collect(),
        Kind::Cmp(_, a, b) | Kind::Arith(_, a, b) => vec![a, b],
        Kind::Match(m) => std::iter::once(&*m.subject).chain(&m.list).collect(),
        Kind::Call(c) => c.args.iter().collect(),
        _ => vec![],
    }
}
