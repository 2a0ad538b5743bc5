//! `--save-rule`: a rule from a row of the result, tried on the logs that it came from.

use std::io;
use std::path::{Path, PathBuf};

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::languages::{Options, assemble, parse_file};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_hunt::{HuntResult, Params, rule};
use shikra_ir::LoadStatus;
use shikra_output::paint::count;
use shikra_syntax::Source;

use crate::commands::shared;
use crate::exit::Failure;
use crate::progress::Bar;
use crate::stream;

/// What a rule is made from.
pub struct Row<'a> {
    /// The result.
    pub result: &'a HuntResult,
    /// Which row, from 1.
    pub row: usize,
    /// What the analytic ran with.
    pub params: &'a Params,
    /// The category that was asked for.
    pub category: Option<&'a str>,
    /// The filters that were asked for.
    pub filters: &'a [String],
}

/// Counts findings and the events behind them.
#[derive(Default)]
struct Counting {
    findings: u64,
    events: u64,
}

impl FindingSink for Counting {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.findings += 1;
        self.events += finding.events.len() as u64;
        Ok(())
    }
}

/// Writes the rule of a row to a file, and tells how many events it hits.
///
/// # Errors
/// Where the row cannot be said as a rule, the rule does not load, or the file cannot be written.
pub fn save(
    row: &Row<'_>,
    file: &Path,
    inputs: &[PathBuf],
    options: &ScanOptions,
    quiet: bool,
) -> Result<(), Failure> {
    let text = rule::sigma(row.result, row.row, row.params, row.category, row.filters)
        .map_err(|why| Failure::new(format!("no rule can be made: {why}")))?;
    let source = Source::new(file.display().to_string(), text.clone());
    let read = Options::default();
    let set = assemble(vec![parse_file(&source, &read)], &read);
    if set.rules.is_empty() || set.rules.iter().any(|r| r.status != LoadStatus::Ok) {
        let why: Vec<String> =
            set.rules.iter().flat_map(|r| &r.diagnostics).map(|d| d.render(&source)).collect();
        return Err(Failure::new(format!("the rule that was made does not load: {}", why.join("; "))));
    }
    let detector = Detector::new(set.rules, shared::taxonomy());
    let mut counting = Counting::default();
    let bar = Bar::new(quiet);
    let totals = scan(&detector, inputs, options, &mut counting, &bar)?;
    drop(bar);
    let mut out = stream::open(Some(file), inputs)?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    let said = format!(
        "rule written to {}: {}, {} behind them, of {} in the logs it came from",
        file.display(),
        count(counting.findings, "finding"),
        count(counting.events, "event"),
        count(totals.events, "event"),
    );
    if !quiet {
        stream::notice(&said);
    }
    Ok(())
}
