//! KQL, Kibana's query language, and Lucene query strings as rules use them: from text to tree to IR, and from
//! IR back to text.
//!
//! [`load`] reads a query and answers its predicate with what there is to say of it; [`print`] writes a predicate
//! as KQL or Lucene where they can say it. What a clause means depends on how its field is indexed: [`Types`] is
//! what is known of that. Rule types around queries are left to others.

mod ast;
mod leaf;
mod lower;
mod lucene;
mod parse;
mod print;
mod quoted;
mod types;

use shikra_ir::{Expr, LoadStatus, Names};
use shikra_syntax::{Diagnostic, Severity};

pub use lower::before_now;
pub use print::print;
pub use types::{FieldType, Types};

/// Which of the two languages a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Syntax {
    /// Kibana's `kuery`.
    #[default]
    Kql,
    /// Lucene query strings.
    Lucene,
}

/// How a query is read.
#[derive(Clone, Debug)]
pub struct Options<'o> {
    /// Which language.
    pub syntax: Syntax,
    /// Naming scheme of its fields.
    pub names: Names,
    /// How fields are indexed.
    pub types: &'o Types,
    /// KQL only: `AND` is an error, as Elastic's rule repository has it. Kibana takes keywords in any case.
    pub lower_case_only: bool,
    /// A condition `@timestamp >= now-30d` that all of the query depends on is answered as [`Loaded::since`]
    /// instead of being unsupported.
    pub relative_time: bool,
}

impl Default for Options<'_> {
    /// KQL on ECS names, of whose types nothing is known.
    fn default() -> Self {
        static NONE: std::sync::LazyLock<Types> = std::sync::LazyLock::new(Types::default);
        Options {
            syntax: Syntax::Kql,
            names: Names::Ecs,
            types: &NONE,
            lower_case_only: false,
            relative_time: false,
        }
    }
}

/// A query as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it asks of an event; none where it cannot be used.
    pub predicate: Option<Expr>,
    /// How far back from the present it looks, in nanoseconds, where [`Options::relative_time`] asks for that.
    pub since: Option<i64>,
    /// Places are bytes of the query's text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where some part is unsupported.
    pub status: LoadStatus,
}

/// Reads a query.
pub fn load(text: &str, options: &Options<'_>) -> Loaded {
    let mut diagnostics = Vec::new();
    let tree = match options.syntax {
        Syntax::Kql => parse::query(text, options.lower_case_only, &mut diagnostics),
        Syntax::Lucene => lucene::query(text, &mut diagnostics),
    };
    let rejected = |diagnostics: Vec<Diagnostic>| Loaded {
        predicate: None,
        since: None,
        diagnostics,
        status: LoadStatus::Rejected,
    };
    if failed(&diagnostics) {
        return rejected(diagnostics);
    }
    let (predicate, since) = lower::query(&tree, options, &mut diagnostics);
    if failed(&diagnostics) {
        return rejected(diagnostics);
    }
    let mut opaque = false;
    predicate.opaques(&mut |o| {
        opaque = true;
        diagnostics.push(Diagnostic::warning("unsupported", o.reason.clone(), o.span));
    });
    let status = if opaque { LoadStatus::Partial } else { LoadStatus::Ok };
    Loaded { predicate: Some(predicate), since, diagnostics, status }
}

fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
