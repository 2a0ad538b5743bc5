//! The tree of an analytic: as written, with places, before any meaning.

use shikra_ir::CmpOp;
use shikra_syntax::Span;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `x = search Object:Action`, of several sources, perhaps with a condition.
    Search { target: Name, sources: Vec<Source>, condition: Option<Cond> },
    /// `x = filter y where …`; the source may be missing.
    Filter { target: Name, source: Option<Name>, condition: Cond },
    /// `x = from y select …`
    From { target: Name, source: Name, columns: Vec<Select> },
    /// `x = group y, z by f, g`, perhaps with the longest pause.
    Group { target: Name, sources: Vec<Name>, by: Vec<Name>, pause: Option<i64> },
    /// `x = join (y, z) where …`
    Join { target: Name, left: Name, right: Name, condition: Cond },
    /// `x = run Analytic:ID`
    Run { target: Name, analytic: Name },
    /// `x = count(y) by f`
    Aggregate { target: Name, function: Name, of: Name, by: Vec<Name> },
    /// `x = TOP30 y by f`
    Top { target: Name, count: u64, source: Name, by: Vec<Name> },
    /// `x = a - b`, `x.f = y.g`
    Assign { target: Name, value: Operand },
    /// `input x`
    Input(Name),
    /// `output x, y`
    Output(Vec<Name>),
    /// A condition without a statement.
    Bare(Cond),
}

/// `Object:Action`; no action for all of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub object: String,
    pub action: Option<String>,
}

/// A name or path, `a.b`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub text: String,
    pub span: Span,
}

/// `min(time) as t`, or a field alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Select {
    pub function: Option<String>,
    pub field: Name,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cond {
    And(Vec<Cond>),
    Or(Vec<Cond>),
    Not(Box<Cond>),
    /// `a < b < c`
    Chain {
        operands: Vec<Operand>,
        ops: Vec<CmpOp>,
        span: Span,
    },
    /// A field and values.
    Values {
        field: Name,
        how: How,
        values: Vec<Value>,
        span: Span,
    },
    /// `f exists`
    Exists(Name, Span),
    /// `"x" in raw event`
    Raw(Value),
    /// Could not be read.
    Broken(String, Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Is one of them.
    Is,
    /// Contains one of them.
    Contains,
    /// A regular expression finds itself.
    Match,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub text: String,
    pub quoted: bool,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Path(Name),
    Number(f64),
    /// Nanoseconds.
    Span(i64),
    Text(Value),
    Now,
    Arith(char, Box<Operand>, Box<Operand>),
}
