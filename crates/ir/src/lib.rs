//! The intermediate representation that every detection language lowers to.
//!
//! A [`Rule`] is its metadata plus a [`Plan`]: relational operators over log-source scans, with predicates
//! ([`Expr`]) whose every comparison carries its dialect ([`Words`]), so that no operator has hidden
//! semantics. [`eval`] is the slow, obvious meaning of an expression; [`text`] is the canonical form that
//! tests print.
//!
//! The IR imports no parser and knows neither slots nor taxonomies: fields are named by [`FieldRef`], and
//! who evaluates supplies their values through [`eval::Row`].

pub mod eval;
pub mod extract;
pub mod func;
pub mod regex;
pub mod said;
pub mod text;

mod expr;
mod history;
mod keys;
mod pattern;
mod places;
mod plan;
mod rule;
mod table;
mod words;

pub use expr::{CmpOp, Each, EachGives, Expr, FieldRef, Names, Op, Opaque, Regex, Scalar, Test, Truth};
pub use func::{Call, Func};
pub use history::{Asked, History, Measure, Seen};
pub use keys::Keys;
pub use pattern::{Part, Pattern};
pub use plan::{
    Agg, AggFn, Condition, Dedup, Duration, Extract, Join, JoinKind, Joined, Key, LogSource, Lookup, Mark,
    Member, Plan, Policy, RuleRef, Seq, Set, Sort, SortKey, Stage, TimeBound, Window,
};
pub use rule::{Digest, Level, LoadStatus, Rule, RuleMeta};
pub use table::{MatchKind, Matching, Table};
pub use words::{Coerce, Flavor, Fold, Multi, Nulls, Words};
