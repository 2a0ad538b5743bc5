//! `shikra scan`: run rules over logs.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Arg, ArgMatches};
use shikra_engine::finding::Totals;
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_ir::LoadStatus;
use shikra_output::{Settings as OutputSettings, Writer, costs, totals};

use super::{Command, paths, paths_arg, reporting, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `scan`.
pub static COMMAND: Command = Command {
    words: &["scan"],
    about: "Run rules over logs",
    long: "Reads EVTX, event XML, JSON and CSV, compressed and in archives; folders recursively; - is standard \
           input.",
    settings: &[
        "rules",
        "format",
        "output",
        "level",
        "fail-on",
        "threads",
        "memory",
        "twins",
        "since",
        "until",
        "placeholders",
        "indicators",
        "pipeline",
        "baseline",
    ],
    args: |c| {
        let totals =
            Arg::new("totals").long("totals").value_name("FILE").value_parser(clap::value_parser!(PathBuf));
        let costs = Arg::new("rule-costs")
            .long("rule-costs")
            .value_name("N")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("20")
            .value_parser(clap::value_parser!(usize));
        reporting::argument(c.arg(paths_arg("Files and folders to scan")))
            .arg(costs.help("Say which rules cost most: counts of work, the same every time; on one thread"))
            .arg(totals.help("Write what was read, what was not and which rules ran to a file, as JSON"))
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    if let [only] = inputs.as_slice() {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    let detector = detector(&settings, reporting::is_asked(matches))?;
    let mut findings = reporting::Findings::new(writer(&settings, &inputs)?, matches, &settings)?;
    let totals_file = match matches.get_one::<PathBuf>("totals") {
        Some(path) => Some(stream::open(Some(path), &inputs)?),
        None => None,
    };
    interrupt::listen();
    let start = Instant::now();
    let bar = Bar::new(settings.quiet);
    let options = ScanOptions {
        baseline: settings.known()?,
        costs: matches.contains_id("rule-costs"),
        twins: settings.twins,
        last: true,
        twin_budget: settings.twins.budget(settings.memory),
        ..scan_options(&settings)
    };
    let result = scan(&detector, &inputs, &options, &mut findings, &bar);
    drop(bar);
    // The program ends here: to take thousands of rules apart first would only take time.
    std::mem::forget(detector);
    let totals = result?;
    findings.finish(&totals)?;
    if let Some(mut file) = totals_file {
        writeln!(file, "{}", totals::to_json(&totals))?;
        file.flush()?;
    }
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::render(&totals, &style, Some(start.elapsed().as_secs_f64())).trim_end());
    }
    if let Some(most) = matches.get_one::<usize>("rule-costs") {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(costs::render(&totals.costs, *most, &style).trim_end());
    }
    Ok(exit(&totals, &settings))
}

/// `tells`: what rules say of themselves will be told.
fn detector(settings: &Settings, tells: bool) -> Result<Detector, Failure> {
    let load = if tells { shared::load } else { shared::load_condensed };
    let set = load(&settings.rules, settings)?;
    if !set.rules.iter().any(|r| r.status != LoadStatus::Rejected) {
        return Err(Failure::new(match set.rules.len() {
            0 => "there are no rules to run".to_owned(),
            n => format!("none of {n} rules could be loaded: `shikra rules check` says why"),
        }));
    }
    let rules = set.rules;
    // The texts of the files are not needed any more, and thousands take room.
    drop(set.files);
    Ok(Detector::sparing(rules, shared::taxonomy()))
}

/// The writer of the format that was asked for.
pub fn writer(settings: &Settings, inputs: &[PathBuf]) -> Result<Writer, Failure> {
    let out = stream::open(settings.output.as_deref(), inputs)?;
    let mut style = Stream::Out.style(settings.colour, settings.verbose);
    if settings.output.is_some() {
        style.width = None;
        style.colour &= settings.colour == crate::settings::Colour::Always;
    }
    Ok(Writer::new(settings.format, out, OutputSettings { style, examples: 0 }))
}

/// The engine's options.
pub fn scan_options(settings: &Settings) -> ScanOptions {
    ScanOptions {
        threads: settings.threads,
        since: settings.since,
        until: settings.until,
        level: settings.level,
        row_budget: settings.memory,
        ..ScanOptions::default()
    }
}

/// Findings that the user asked about come before input that could not be read.
pub fn exit(t: &Totals, settings: &Settings) -> Exit {
    if settings.fail_on.is_some_and(|level| totals::findings_from(t, level) > 0) {
        Exit::Found
    } else if t.unreadable() || t.cancelled {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}
