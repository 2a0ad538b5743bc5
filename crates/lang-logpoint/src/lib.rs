//! LogPoint searches: from text to tree to IR, and from IR back to text.
//!
//! [`load`] reads a search and answers its plan with what there is to say of it; [`print`] writes a plan as a
//! search where LogPoint can say it. `norm_id` is a log source, not a field; fields are LogPoint's names or those
//! of the event ([`Names::LogPoint`](shikra_ir::Names)). `docs/logpoint.md` tells what is supported.

mod ast;
mod lower;
mod parse;
mod print;

use std::collections::BTreeMap;

use shikra_ir::{LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity};

pub use print::{Unsayable, print};

/// How searches are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Lists kept on the server, by name: texts with wildcards, addresses and networks.
    pub lists: BTreeMap<String, Vec<String>>,
}

impl Default for Options {
    /// `HOMENET` is the private addresses of RFC 1918.
    fn default() -> Options {
        let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(str::to_owned).to_vec();
        Options { lists: BTreeMap::from([("HOMENET".to_owned(), private)]) }
    }
}

/// A search as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// Places are bytes of the search's text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where a condition is unsupported, [`LoadStatus::Rejected`] where a command is.
    pub status: LoadStatus,
}

/// Reads a search.
pub fn load(text: &str, options: &Options) -> Loaded {
    let mut diagnostics = Vec::new();
    let tree = parse::search(text, &mut diagnostics);
    let failed = |d: &[Diagnostic]| d.iter().any(|d| d.severity == Severity::Error);
    if failed(&diagnostics) {
        return Loaded { plan: None, diagnostics, status: LoadStatus::Rejected };
    }
    let (plan, unsupported) = lower::search(&tree, options, &mut diagnostics);
    let status = match (cannot_run(&plan), unsupported) {
        (true, _) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    Loaded { plan: (status != LoadStatus::Rejected).then_some(plan), diagnostics, status }
}

fn cannot_run(plan: &Plan) -> bool {
    matches!(plan, Plan::Opaque(..)) || plan.children().into_iter().any(cannot_run)
}
