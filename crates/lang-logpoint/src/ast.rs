//! The tree of a search: as written, with places, before any meaning.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

/// A whole search: where events come from, and the commands after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Search {
    pub body: Body,
    pub commands: Vec<Command>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// A condition; none holds of every event.
    Events(Option<Expr>),
    /// `[…] as s1 followed by […] as s2 within … on …`, `[…] as s1 join […] as s2 on …`.
    Streams(Streams),
}

/// Streams in brackets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Streams {
    pub streams: Vec<Stream>,
    /// How each stream after the first goes with those before it.
    pub links: Vec<Link>,
    /// Pairs of `stream.field` that are equal.
    pub on: Vec<(Qualified, Qualified)>,
    /// Nanoseconds.
    pub within: Option<i64>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    FollowedBy,
    Join,
    LeftJoin,
    RightJoin,
}

/// `[5 condition having same a, b within 2 minutes] as s1`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stream {
    pub search: Search,
    /// Number of events it takes.
    pub count: Option<u32>,
    pub same: Vec<String>,
    pub within: Option<i64>,
    pub name: Option<String>,
    pub span: Span,
}

/// `s1.user`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Qualified {
    pub stream: String,
    pub field: String,
    pub span: Span,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// `field = a|b`, `field > 1`.
    Compare {
        field: Name,
        op: CmpOp,
        values: Vec<Value>,
        span: Span,
    },
    /// `field IN [a, b]`.
    In {
        field: Name,
        values: Vec<Value>,
        span: Span,
    },
    /// `field IN NAME`.
    InList {
        field: Name,
        list: String,
        span: Span,
    },
    /// A word or phrase anywhere in the event.
    Keyword(Value),
    /// Could not be read, or is not supported; a diagnostic says why.
    Broken(String, Span),
}

/// A field name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub text: String,
    pub span: Span,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub text: String,
    pub quoted: bool,
    pub span: Span,
}

/// `| name …`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Search(Expr),
    Chart(Chart),
    Fields(Vec<Name>),
    Rename(Vec<(Name, Name)>),
    Order(Vec<(Name, bool)>),
    Limit(u64),
    Unsupported(String, Span),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    pub columns: Vec<Column>,
    pub by: Vec<Name>,
    /// `timechart … every`: nanoseconds.
    pub every: Option<i64>,
    pub order: Vec<(Name, bool)>,
    pub limit: Option<u64>,
    pub span: Span,
}

/// `count() as n`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub function: String,
    /// A field, or for `count` a condition.
    pub argument: Option<Argument>,
    pub name: String,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Field(Name),
    Condition(Expr),
}
