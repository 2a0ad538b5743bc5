//! `--report FILE`: the HTML report beside the result of a command.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command as Clap, value_parser};
use shikra_engine::fetch::{Fetched, fetch};
use shikra_engine::finding::{Encoder, Finding, FindingSink, Totals};
use shikra_hunt::HuntResult;
use shikra_output::Writer;
use shikra_output::report::{About, HuntReport, ScanReport, hunts, wanted};

use super::{paths, scan as scanning};
use crate::exit::Failure;
use crate::progress::Bar;
use crate::settings::Settings;
use crate::stream;

/// Adds `--report`.
pub fn argument(c: Clap) -> Clap {
    let arg = Arg::new("html").long("report").value_name("FILE").value_parser(value_parser!(PathBuf));
    c.arg(arg.help("Write a report with pictures, tables and events to a file too: HTML, whole in itself"))
}

/// Whether one is asked for.
pub fn is_asked(matches: &ArgMatches) -> bool {
    matches.contains_id("html")
}

fn about(title: &str, matches: &ArgMatches, settings: &Settings) -> About {
    About {
        title: title.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        inputs: paths(matches).iter().map(|p| p.display().to_string()).collect(),
        baseline: settings.baseline.as_ref().map(|p| p.display().to_string()),
    }
}

/// The file of the report, where one is asked for.
fn open(matches: &ArgMatches, settings: &Settings) -> Result<Option<Box<dyn Write + Send>>, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("html") else { return Ok(None) };
    if settings.output.as_ref() == Some(path) {
        return Err(Failure::new(format!(
            "two results cannot go to {}: --output and --report",
            path.display()
        )));
    }
    stream::open(Some(path), &paths(matches)).map(Some)
}

/// Writes the report of hunts, where one is asked for. Its events take a second reading; standard input has none.
///
/// # Errors
/// Where it cannot be written.
pub fn of_hunts(
    results: &[HuntResult],
    totals: &Totals,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<(), Failure> {
    let Some(mut out) = open(matches, settings)? else { return Ok(()) };
    let inputs = paths(matches);
    let events = match inputs.iter().any(|p| p.as_path() == Path::new("-")) {
        true => Fetched::default(),
        false => {
            let bar = Bar::new(settings.quiet);
            fetch(&wanted(results), &inputs, &scanning::scan_options(settings), &bar)
        }
    };
    let title = match results {
        [one] if !one.title.is_empty() => one.title.clone(),
        [one] => format!("Hunt: {}", one.analytic),
        many => format!("{} hunts", many.len()),
    };
    let about = about(&title, matches, settings);
    Ok(hunts(&HuntReport { about, results, events: &events, totals }, &mut out)?)
}

/// Findings on their way to their format and, where one is asked for, to the report.
pub struct Findings {
    writer: Writer,
    report: Option<ScanReport>,
}

impl Findings {
    /// To the writer, and to the report that the arguments name.
    ///
    /// # Errors
    /// Where the report cannot be begun.
    pub fn new(writer: Writer, matches: &ArgMatches, settings: &Settings) -> Result<Findings, Failure> {
        let out = open(matches, settings)?;
        let report = out.map(|out| ScanReport::new(out, about("Findings", matches, settings)));
        Ok(Findings { writer, report: report.transpose()? })
    }

    /// Ends both.
    ///
    /// # Errors
    /// Where one of them cannot be written.
    pub fn finish(self, totals: &Totals) -> io::Result<()> {
        self.writer.finish(totals)?;
        self.report.map_or(Ok(()), |r| r.finish(totals))
    }
}

impl FindingSink for Findings {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if let Some(report) = &mut self.report {
            report.finding(finding)?;
        }
        self.writer.finding(finding)
    }

    /// A report needs findings, not bytes.
    fn encoder(&self) -> Option<Box<dyn Encoder>> {
        if self.report.is_some() { None } else { self.writer.encoder() }
    }

    fn encoded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.encoded(bytes)
    }
}
