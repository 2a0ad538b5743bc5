//! EQL, the Event Query Language: Elastic's dialect and the older endgame one, from text to tree to IR, and
//! from IR back to text.
//!
//! [`load`] reads a query and answers its plan with what there is to say of it; [`print`] writes a plan as
//! EQL where EQL can say it. What the dialects do not share (what `==` means, wildcards, quotes, joins, pipes)
//! is decided here, and every comparison of the plan carries the decision. Execution is left to others.

mod ast;
mod check;
mod lower;
mod parse;
mod print;
mod signatures;
mod token;

use shikra_event::Value;
use shikra_ir::{Expr, LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity};

pub use print::print;

/// Whose EQL a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// Elasticsearch, Elastic Security and Elastic Endpoint: `==` is case-sensitive and knows no wildcards, `:`
    /// ignores case and expands `*` and `?`. Fields are ECS.
    #[default]
    Elastic,
    /// Elastic Endpoint's behaviour rules: Elastic's with endgame's functions, comparisons between fields, and
    /// names for the stages of a sequence (`as event0`).
    Endpoint,
    /// endgame and the `eql` Python library: `==` ignores case and expands `*`. Fields are endgame's schema.
    Endgame,
}

impl Dialect {
    /// `elastic` (or `elasticsearch`), `endpoint` and `endgame`.
    pub fn named(name: &str) -> Option<Dialect> {
        match name {
            "elastic" | "elasticsearch" => Some(Dialect::Elastic),
            "endpoint" => Some(Dialect::Endpoint),
            "endgame" => Some(Dialect::Endgame),
            _ => None,
        }
    }
}

/// How a query is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Whose EQL.
    pub dialect: Dialect,
    /// endgame only: comparisons do not ignore case.
    pub case_sensitive: bool,
    /// Greatest number of results; without it, all. Where results are events or sequences, the latest.
    pub size: Option<u64>,
    /// Greatest number of samples per key; 1 where absent.
    pub max_samples_per_key: Option<u32>,
}

/// A query as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// Places are bytes of the query's text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where some part is unsupported.
    pub status: LoadStatus,
}

/// Reads a query.
pub fn load(text: &str, options: &Options) -> Loaded {
    let mut diagnostics = Vec::new();
    let tree = parse::query(text, options.dialect, &mut diagnostics);
    if !failed(&diagnostics) {
        check::query(&tree, options.dialect, &mut diagnostics);
    }
    if failed(&diagnostics) {
        return Loaded { plan: None, diagnostics, status: LoadStatus::Rejected };
    }
    let (plan, unsupported) = lower::query(&tree, options, &mut diagnostics);
    let status = match (failed(&diagnostics), unsupported) {
        (true, _) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    Loaded { plan: (status != LoadStatus::Rejected).then_some(plan), diagnostics, status }
}

/// The predicate that a lone expression lowers to.
///
/// # Errors
/// What is wrong with it.
pub fn predicate(text: &str, options: &Options) -> Result<Expr, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let tree = expression(text, options, &mut diagnostics)?;
    let out = lower::predicate(&tree, options, &mut diagnostics);
    if failed(&diagnostics) { Err(diagnostics) } else { Ok(out) }
}

/// The value of an expression that reads no event; none where it reads one.
///
/// # Errors
/// What is wrong with it.
pub fn fold(text: &str, options: &Options) -> Result<Option<Value>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let tree = expression(text, options, &mut diagnostics)?;
    let out = lower::fold(&tree, options, &mut diagnostics);
    if failed(&diagnostics) { Err(diagnostics) } else { Ok(out) }
}

fn expression(
    text: &str,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<ast::Expr, Vec<Diagnostic>> {
    let tree = parse::expression(text, options.dialect, diagnostics);
    if !failed(diagnostics) {
        check::expression(&tree, options.dialect, diagnostics);
    }
    if failed(diagnostics) { Err(std::mem::take(diagnostics)) } else { Ok(tree) }
}

fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
