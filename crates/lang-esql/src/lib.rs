//! ES|QL, Elasticsearch's piped language, from text to tree to IR and back.
//!
//! [`load`] reads a query and answers its plan with what there is to say of it. Names are ECS's. A value that is
//! several values compares as null, groups once under each, and null is dropped by WHERE: every comparison of the
//! plan says so. What asks for the present gets the time of the last event, unless it is given. Execution is left
//! to others.

mod ast;
mod lower;
mod parse;
mod print;
mod token;
mod words;

pub use print::{InKql, print, print_with};
use shikra_event::Timestamp;
use shikra_ir::{Expr, LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity};

/// Reads a KQL query; the reason where it cannot.
pub type Kql<'o> = &'o dyn Fn(&str) -> Result<Expr, String>;

/// How a query is read.
#[derive(Clone, Copy, Default)]
pub struct Options<'o> {
    /// The present; without it, the time of the last event.
    pub now: Option<Timestamp>,
    /// What reads the query of `kql("…")`; without it, it is unsupported.
    pub kql: Option<Kql<'o>>,
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
pub fn load(text: &str, options: &Options<'_>) -> Loaded {
    let mut diagnostics = Vec::new();
    let tree = parse::query(text, &mut diagnostics);
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

/// Commands, functions and aggregates that are supported, in lower case.
pub fn vocabulary() -> Vec<&'static str> {
    parse::COMMANDS.iter().copied().chain(lower::functions()).chain(lower::aggregates()).collect()
}

fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
