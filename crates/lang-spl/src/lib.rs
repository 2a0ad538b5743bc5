//! SPL, Splunk's search language: from text to tree to IR, and from IR back to text.
//!
//! [`load`] reads a search and answers its plan with what there is to say of it; [`parse`] does so for a part of
//! a file. Macros and tables are given by the caller ([`Options`]). What SPL means by its operators (case,
//! wildcards, absent fields, order of rows) is decided here, and every operator of the plan carries the
//! decision. Execution is left to others.

mod ast;
mod lower;
mod macros;
mod parse;
mod print;

use std::collections::BTreeMap;
use std::sync::Arc;

use shikra_ir::{Expr, LoadStatus, LogSource, Matching, Names, Opaque, Plan, Table};
use shikra_syntax::{Diagnostic, Severity, Source, Span};

pub use macros::{Macro, Macros};
pub use print::{print, tables};

/// A look-up table with how its rows are found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LookupTable {
    /// The rows.
    pub table: Arc<Table>,
    /// How values are compared.
    pub matching: Matching,
}

/// What a search may refer to.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Macros; the default has those of Splunk's own apps.
    pub macros: Macros,
    /// Tables by the name of their definition, and by that of their file.
    pub tables: BTreeMap<String, LookupTable>,
}

/// A search as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does. Of a search that cannot run, what could be made of it, with [`Plan::Opaque`] where it ends.
    pub plan: Plan,
    /// Places are bytes of the search's text (of the file, where [`parse`] was called).
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where some of it is missing and the rest runs.
    pub status: LoadStatus,
}

/// Reads a search.
pub fn load(text: &str, options: &Options) -> Loaded {
    let mut diagnostics = Vec::new();
    let expanded = macros::expand(text, &options.macros, &mut diagnostics);
    let mut said = Vec::new();
    let tree = parse::pipeline(&expanded.text, &mut said);
    diagnostics.extend(said.into_iter().map(|d| Diagnostic { span: expanded.origin(d.span), ..d }));
    if tree.commands.is_empty() && !failed(&diagnostics) {
        diagnostics.push(Diagnostic::error(
            "empty-search",
            "there is no search here",
            Span::new(0, text.len()),
        ));
    }
    let mut lower = lower::Lower {
        options,
        text: &expanded,
        said: &mut diagnostics,
        rejected: false,
        partial: false,
        depth: 0,
        commands: 0,
    };
    let stream = lower.pipeline(&tree);
    let (rejected, partial) = (lower.rejected, lower.partial);
    let status = match (rejected || failed(&diagnostics), partial) {
        (true, _) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    Loaded { plan: stream.plan, diagnostics, status }
}

/// Reads the search that stands in a part of a file.
pub fn parse(source: &Source, region: Span, options: &Options) -> Loaded {
    let mut out = load(source.slice(region), options);
    for d in &mut out.diagnostics {
        d.span = d.span.shifted(region.start);
    }
    out
}

/// The predicate that a lone `where` expression lowers to, over fields of Splunk's names.
///
/// # Errors
/// What is wrong with it.
pub fn predicate(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let tree = parse::expression(text, &mut diagnostics);
    let expanded = macros::Expanded::whole(text, Span::new(0, text.len()));
    let options = Options::default();
    let mut lower = lower::Lower {
        options: &options,
        text: &expanded,
        said: &mut diagnostics,
        rejected: false,
        partial: false,
        depth: 0,
        commands: 0,
    };
    let mut s = lower::Stream::events(LogSource::any(Names::Splunk));
    let e = lower.truth(&mut s, &tree);
    if failed(&diagnostics) { Err(diagnostics) } else { Ok(e) }
}

/// A plan for a rule that could not be read at all.
pub fn unreadable(reason: &str, span: Span) -> Plan {
    Plan::Opaque(None, Opaque { reason: reason.to_owned(), span })
}

/// Commands, functions and aggregates that are supported.
pub fn vocabulary() -> Vec<&'static str> {
    let functions = parse::commands().chain(lower::functions::names());
    functions.chain(lower::AGGREGATES.iter().copied()).collect()
}

fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
