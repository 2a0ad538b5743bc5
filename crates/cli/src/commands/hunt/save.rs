//! `--save-rule`: a rule from a row of the result, tried on the logs that it came from.

use std::io;
use std::path::{Path, PathBuf};

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::languages::convert::{Converter, Target};
use shikra_engine::languages::{Options, RuleSet, assemble, parse_file};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_hunt::rule::{self, Filter};
use shikra_hunt::{HuntResult, Params};
use shikra_ir::{LoadStatus, Rule};
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
    /// The filter, as it was asked and as it was understood.
    pub filter: Option<(&'a str, &'a Rule)>,
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

fn written(row: &Row<'_>, filter: Option<Filter<'_>>) -> Result<String, Failure> {
    rule::sigma(row.result, row.row, row.params, row.category, filter)
        .map_err(|why| Failure::new(format!("no rule can be made: {why}")))
}

fn loaded(file: &Path, text: &str) -> Result<RuleSet, Failure> {
    let source = Source::new(file.display().to_string(), text);
    let read = Options::default();
    let set = assemble(vec![parse_file(&source, &read)], &read);
    if set.rules.is_empty() || set.rules.iter().any(|r| r.status != LoadStatus::Ok) {
        let why: Vec<String> =
            set.rules.iter().flat_map(|r| &r.diagnostics).map(|d| d.render(&source)).collect();
        return Err(Failure::new(format!("the rule that was made does not load: {}", why.join("; "))));
    }
    Ok(set)
}

/// What the rule asks of events and the filter together, as Sigma; or why Sigma cannot say it.
fn narrowed(set: &RuleSet, filter: &Rule) -> Result<String, String> {
    let taxonomy = shared::taxonomy();
    let base = set.rules.iter().find(|r| r.plan.single_events().is_some());
    let (Some(rule), Some(sigma)) = (base, Target::named("sigma")) else {
        return Err("there is no rule".to_owned());
    };
    Converter::new(&taxonomy).narrowed(rule, filter, sigma).map_err(|why| why.join("; "))
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
    let mut text = written(row, None)?;
    let mut set = loaded(file, &text)?;
    if let Some((asked, filter)) = row.filter {
        let said = narrowed(&set, filter);
        let said = said.as_deref().map_err(String::as_str);
        if let (Err(why), false) = (&said, quiet) {
            let hint = if row.category.is_none() { " (--category may help)" } else { "" };
            stream::notice(&format!(
                "the rule lacks the filter {asked}, which Sigma cannot say: {why}{hint}"
            ));
        }
        text = written(row, Some(Filter { asked, said }))?;
        set = loaded(file, &text)?;
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
        "rule written to {}: {}, {} behind them (the row has {}), of {} in the logs it came from",
        file.display(),
        count(counting.findings, "finding"),
        count(counting.events, "event"),
        row.result.rows.get(row.row.wrapping_sub(1)).map_or(0, |r| r.events_total),
        count(totals.events, "event"),
    );
    if !quiet {
        stream::notice(&said);
    }
    Ok(())
}
