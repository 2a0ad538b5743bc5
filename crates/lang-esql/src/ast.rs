//! The tree of a query.

use shikra_ir::{CmpOp, Pattern};
use shikra_syntax::Span;

/// A query: commands in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Query {
    pub commands: Vec<Command>,
}

/// A command and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub kind: CommandKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CommandKind {
    From {
        indices: Vec<String>,
    },
    Row(Vec<Assign>),
    Where(Expr),
    Eval(Vec<Assign>),
    Keep(Vec<NamePattern>),
    Drop(Vec<NamePattern>),
    /// Old name, new name.
    Rename(Vec<(Name, Name)>),
    Stats(Stats),
    /// Aggregates added to each row.
    InlineStats(Stats),
    Sort(Vec<Order>),
    Limit(u64),
    Grok {
        from: Expr,
        patterns: Vec<String>,
    },
    Dissect {
        from: Expr,
        pattern: String,
        separator: String,
    },
    MvExpand(Name),
    Enrich {
        policy: String,
        on: Option<Name>,
        with: Vec<(Name, Name)>,
    },
    LookupJoin {
        table: String,
        on: Vec<Name>,
    },
    /// A command that is not supported, and the columns it would make.
    Other {
        name: String,
        makes: Vec<Name>,
    },
    /// One that could not be read; it has been said why.
    Broken,
}

/// A column's name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub text: String,
    pub span: Span,
}

/// Names of columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamePattern {
    pub pattern: Pattern,
    pub span: Span,
}

/// `name = value`; without a name, its own text is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assign {
    pub name: Name,
    pub value: Expr,
}

/// `STATS a = f(x) WHERE c, … BY k = e, …`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stats {
    pub aggregates: Vec<(Assign, Option<Expr>)>,
    pub by: Vec<Assign>,
}

/// A key of SORT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub value: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

/// An expression and its place.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub span: Span,
}

/// Equal wherever they stand.
impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.kind == other.kind
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// `5 minutes`.
    Duration(i64, String),
    Field(String),
    Param(String),
    List(Vec<Expr>),
    /// `{"option": value}`.
    Map(Vec<(String, Expr)>),
    /// `*`, in `COUNT(*)`.
    Star,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// An arithmetic operator.
    Arithmetic(char, Box<Expr>, Box<Expr>),
    Compare(CmpOp, Box<Expr>, Box<Expr>),
    /// `=~`.
    SameText(Box<Expr>, Box<Expr>),
    In {
        subject: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// LIKE, or RLIKE where `regex`.
    Like {
        subject: Box<Expr>,
        patterns: Vec<Expr>,
        regex: bool,
        negated: bool,
    },
    IsNull {
        subject: Box<Expr>,
        negated: bool,
    },
    /// `field : "text"`.
    Match(Box<Expr>, Box<Expr>),
    Call {
        name: String,
        args: Vec<Expr>,
    },
    /// `value::type`.
    Cast(Box<Expr>, String),
    /// What could not be read.
    Broken,
}
