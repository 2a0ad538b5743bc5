//! `shikra hunt new`: what a baseline never saw.

use std::io::Write as _;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use shikra_engine::baseline::{News, find_new};
use shikra_engine::finding::Totals;
use shikra_output::{hunt as written, news, totals};

use super::super::{Command, paths, paths_arg, reporting, scan as scanning, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// Programs shown in a table where nobody says otherwise.
const TOP: usize = 40;

/// `hunt new`.
pub static COMMAND: Command = Command {
    words: &["hunt", "new"],
    about: "What a baseline never saw: programs, arguments, modules, targets, destinations",
    long: "Scores are bits of surprise: a new value of a program that always does the same counts more than one of \
           a program that is new each time. What was never seen of a program that is new itself is compared with \
           all other programs.\n\nExamples:\n  shikra hunt new -b office.shkb today.evtx\n  shikra hunt new -b \
           office.shkb --program cmstp.exe -f ndjson logs",
    settings: &["baseline", "output", "threads", "since", "until"],
    args: |c| {
        let arg = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let program = arg("program", "NAME").action(ArgAction::Append);
        let least = arg("min-score", "BITS").value_parser(value_parser!(f64)).default_value("0");
        let top = arg("top", "N").value_parser(value_parser!(usize));
        let format = arg("report", "FORMAT").long("format").short('f').default_value("table");
        reporting::argument(c.arg(paths_arg("Files and folders to look through")))
            .arg(program.help("Only this program, by file name; repeatable"))
            .arg(least.help("Only what is at least so unusual"))
            .arg(
                top.help(
                    "Programs of a table, rows of other formats; 0: all [default: 40 programs, all rows]",
                ),
            )
            .arg(format.value_parser(["table", "ndjson", "csv"]).help("How results are written"))
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    if let [only] = inputs.as_slice() {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    let known = settings.known()?.ok_or_else(|| {
        Failure::new(
            "new compared with what? --baseline FILE names a baseline; `shikra baseline build` makes one",
        )
    })?;
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let options = scanning::scan_options(&settings);
    let (mut found, read) = find_new(&known, &inputs, &shared::taxonomy(), &options, &bar);
    drop(bar);
    let programs: Vec<String> = matches.get_many("program").into_iter().flatten().cloned().collect();
    found.keep(matches.get_one("min-score").copied().unwrap_or(0.0), &programs);
    write(&found, &read, matches, &settings)
}

fn write(found: &News, read: &Totals, matches: &ArgMatches, settings: &Settings) -> Outcome {
    let mut out = stream::open(settings.output.as_deref(), &paths(matches))?;
    let top = matches.get_one::<usize>("top").copied();
    let all = |n: usize| if n == 0 { usize::MAX } else { n };
    let format = matches.get_one::<String>("report").map_or("table", String::as_str);
    let rows = || found.result(read, all(top.unwrap_or(0)));
    match format {
        "ndjson" => out.write_all(&written::to_ndjson(&rows()))?,
        "csv" => out.write_all(written::to_csv(&rows()).as_bytes())?,
        _ => {
            let mut style = Stream::Out.style(settings.colour, settings.verbose);
            if settings.output.is_some() {
                style.width = None;
                style.colour &= settings.colour == crate::settings::Colour::Always;
            }
            out.write_all(news::render(found, all(top.unwrap_or(TOP)), &style).as_bytes())?;
        }
    }
    out.flush()?;
    if matches.contains_id("html") {
        reporting::of_hunts(&[rows()], read, matches, settings)?;
    }
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::read(read, &style, None).trim_end());
    }
    Ok(if read.unreadable() || read.cancelled { Exit::Incomplete } else { Exit::Done })
}
