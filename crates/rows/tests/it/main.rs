//! EQL queries over documents, as the suites and our own cases define them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod cases;
mod document;
mod merge;
mod suites;

use shikra_lang_eql::{Options, load};
use shikra_rows::{Input, Limits, Machine, Match, Program};

use document::Document;

/// The matches of a query over documents, in their order.
fn run(query: &str, options: &Options, documents: &[Document]) -> Result<Vec<Match>, String> {
    let loaded = load(query, options);
    let plan = loaded.plan.ok_or_else(|| format!("{:?}", loaded.diagnostics))?;
    let program = Program::new(&plan).map_err(|e| e.to_string())?;
    let mut machine = Machine::new(&program, Limits::default());
    let mut matches = Vec::new();
    for (handle, d) in documents.iter().enumerate() {
        let hits = d.hits(program.leaves());
        if !hits.is_empty() {
            let input = Input { time: d.time, order: d.order, handle: handle as u64, hits };
            machine.push(input, &mut matches);
        }
    }
    machine.finish(&mut matches).unwrap();
    Ok(matches)
}
