//! The tree that KQL and Lucene query strings share. What a leaf means is left to the lowering.

use shikra_ir::{CmpOp, Pattern};
use shikra_syntax::Span;

/// A word, a phrase or the name of a field: escapes resolved, wildcards kept apart from text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub(crate) pattern: Pattern,
    /// Stood in quotes: no wildcards, no numbers.
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

impl Literal {
    /// The text, where there is no wildcard.
    pub(crate) fn text(&self) -> Option<&str> {
        self.pattern.literal()
    }

    /// A lone `*`.
    pub(crate) fn is_star(&self) -> bool {
        self.pattern.is_any()
    }
}

/// What is asked of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    One(Literal),
    /// `> x`: true of a field where one of its values is so.
    Bound(CmpOp, Literal),
    /// Lucene `[a TO b]`: one value satisfies both bounds.
    Between(Vec<(CmpOp, Literal)>),
    /// Lucene `/expression/`.
    Regex(String, Span),
    /// Unsupported, with the reason.
    Opaque(String, Span),
    Any(Vec<Value>),
    All(Vec<Value>),
    Not(Box<Value>),
}

/// A query or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    /// The empty query.
    Everything,
    /// `field: value`.
    Field(Literal, Value),
    /// A value without a field: any field.
    Bare(Value),
    /// `field: { query }`: one object of a list satisfies it.
    Nested(Literal, Box<Query>),
    Any(Vec<Query>),
    All(Vec<Query>),
    Not(Box<Query>),
}
