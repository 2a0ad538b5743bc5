//! `shikra baseline`: what programs ordinarily do, kept in a file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use shikra_baseline::{Baseline, Forget};
use shikra_engine::baseline::build_baseline;
use shikra_event::Timestamp;
use shikra_output::{baseline as written, totals};

use super::shared::read_baseline as read;
use super::{Command, paths, paths_arg, report_format, scan as scanning, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// Settings of commands that read logs.
const READING: &[&str] = &["threads", "since", "until"];

/// `baseline build`.
pub static BUILD: Command = Command {
    words: &["baseline", "build"],
    about: "Learn from logs of ordinary days what each program does",
    long: "Examples:\n  shikra baseline build -o office.shkb logs/january\n  shikra baseline build -o day2.shkb \
           --since 2026-03-02 --until 2026-03-03 logs\n\nA baseline of parts, merged, is byte for byte the \
           baseline of the whole.",
    settings: READING,
    args: |c| c.arg(file_arg(true)).arg(paths_arg("Files and folders to learn from")),
    run: build,
};

/// `baseline update`.
pub static UPDATE: Command = Command {
    words: &["baseline", "update"],
    about: "Add what further logs hold to a baseline",
    long: "Example:\n  shikra baseline update office.shkb logs/february\n\nThe same logs added twice count twice.",
    settings: READING,
    args: |c| c.arg(baseline_arg("known")).arg(paths_arg("Files and folders to learn from")),
    run: update,
};

/// `baseline merge`.
pub static MERGE: Command = Command {
    words: &["baseline", "merge"],
    about: "Make one baseline of several",
    long: "Example:\n  shikra baseline merge -o all.shkb paris.shkb tokyo.shkb",
    settings: &[],
    args: |c| c.arg(file_arg(true)).arg(paths_arg("Baselines")),
    run: merge,
};

/// `baseline show`.
pub static SHOW: Command = Command {
    words: &["baseline", "show"],
    about: "Show what is in a baseline, or what it has of a program",
    long: "Examples:\n  shikra baseline show office.shkb\n  shikra baseline show office.shkb cmstp.exe\n  shikra \
           baseline show -f ndjson office.shkb",
    settings: &[],
    args: |c| {
        let programs = Arg::new("programs").value_name("PROGRAM").num_args(0..).action(ArgAction::Append);
        c.arg(baseline_arg("known")).arg(programs.help("File names of programs")).arg(report_format())
    },
    run: show,
};

/// `baseline diff`.
pub static DIFF: Command = Command {
    words: &["baseline", "diff"],
    about: "Show what is in one baseline and not in another",
    long: "Example:\n  shikra baseline diff january.shkb february.shkb",
    settings: &[],
    args: |c| {
        let counts = Arg::new("counts").long("counts").action(ArgAction::SetTrue);
        c.arg(baseline_arg("old"))
            .arg(baseline_arg("new"))
            .arg(counts.help("Also what both have with different counts"))
            .arg(report_format())
    },
    run: diff,
};

/// `baseline forget`.
pub static FORGET: Command = Command {
    words: &["baseline", "forget"],
    about: "Take something out of a baseline, or let old counts fade",
    long: "Examples:\n  shikra baseline forget office.shkb --program cmstp.exe\n  shikra baseline forget \
           office.shkb --before 2026-01-01\n  shikra baseline forget office.shkb --half-life 30",
    settings: &[],
    args: |c| {
        let arg = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let program = arg("program", "NAME").action(ArgAction::Append);
        let days = arg("half-life", "DAYS").value_parser(value_parser!(u32).range(1..));
        c.arg(baseline_arg("known"))
            .arg(program.help("All of this program, repeatable"))
            .arg(arg("before", "TIME").help("What was last seen before this"))
            .arg(days.help("Halve each count for every so many days since its value was last seen"))
            .arg(arg("as-of", "TIME").help("Let counts fade until then [default: the latest event]"))
            .arg(file_arg(false))
    },
    run: forget,
};

fn baseline_arg(name: &'static str) -> Arg {
    let value = if name == "known" { "FILE" } else { "OLD" };
    let value = if name == "new" { "NEW" } else { value };
    Arg::new(name).value_name(value).required(true).value_parser(value_parser!(PathBuf)).help("A baseline")
}

fn file_arg(required: bool) -> Arg {
    let help = if required { "Where to write it" } else { "Write here instead of over the baseline" };
    Arg::new("file")
        .short('o')
        .long("output")
        .value_name("FILE")
        .required(required)
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

fn path<'m>(matches: &'m ArgMatches, name: &str) -> &'m Path {
    matches.get_one::<PathBuf>(name).map_or(Path::new(""), PathBuf::as_path)
}

/// Writes a baseline: whole, or not at all.
fn write(baseline: &mut Baseline, path: &Path, inputs: &[PathBuf]) -> Result<(), Failure> {
    stream::outside(path, inputs)?;
    let cannot = |e: std::io::Error| Failure::new(format!("cannot write {}: {e}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, baseline.encode()).and_then(|()| fs::rename(&part, path)).map_err(cannot)
}

fn learn(inputs: &[PathBuf], settings: &Settings) -> Result<(Baseline, Exit), Failure> {
    if let [only] = inputs {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let options = scanning::scan_options(settings);
    let (baseline, read) = build_baseline(inputs, &shared::taxonomy(), &options, &bar);
    drop(bar);
    if read.cancelled {
        return Err(Failure::new("stopped: nothing was written"));
    }
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::read(&read, &style, None).trim_end());
    }
    if baseline.observed() == 0 {
        return Err(Failure::new(
            "no event tells of a program (processes, modules, connections, registry, files): nothing was written",
        ));
    }
    Ok((baseline, if read.unreadable() { Exit::Incomplete } else { Exit::Done }))
}

fn build(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    stream::outside(path(matches, "file"), &inputs)?;
    let (mut baseline, exit) = learn(&inputs, &settings)?;
    write(&mut baseline, path(matches, "file"), &inputs)?;
    Ok(exit)
}

fn update(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    let mut baseline = read(path(matches, "known"))?;
    let (more, exit) = learn(&inputs, &settings)?;
    baseline.merge(&more).map_err(Failure::new)?;
    write(&mut baseline, path(matches, "known"), &inputs)?;
    Ok(exit)
}

fn merge(matches: &ArgMatches, _: &Merged) -> Outcome {
    let mut whole = Baseline::default();
    for part in paths(matches) {
        let told = |e| Failure::new(format!("{}: {e}", part.display()));
        whole.merge(&read(&part)?).map_err(told)?;
    }
    write(&mut whole, path(matches, "file"), &[])?;
    Ok(Exit::Done)
}

fn show(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let baseline = read(path(matches, "known"))?;
    let programs: Vec<String> = matches.get_many("programs").into_iter().flatten().cloned().collect();
    let text = match wants_json(matches) {
        true => String::from_utf8(written::to_ndjson(&baseline, &programs)).unwrap_or_default(),
        false => written::render(&baseline, &programs, &Stream::Out.style(settings.colour, settings.verbose)),
    };
    stream::print(&text)?;
    Ok(Exit::Done)
}

fn diff(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let (old, new) = (read(path(matches, "old"))?, read(path(matches, "new"))?);
    let changes = old.diff(&new, matches.get_flag("counts"));
    let text = match wants_json(matches) {
        true => String::from_utf8(written::diff_to_ndjson(&changes)).unwrap_or_default(),
        false => written::render_diff(&changes, &Stream::Out.style(settings.colour, settings.verbose)),
    };
    stream::print(&text)?;
    Ok(Exit::Done)
}

fn forget(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let time = |name: &str| -> Result<Option<i64>, Failure> {
        let Some(text) = matches.get_one::<String>(name) else { return Ok(None) };
        let time = Timestamp::parse(text)
            .ok_or_else(|| Failure::new(format!("--{name}: {text:?} is not a time")))?;
        Ok(Some(time.0.div_euclid(1_000_000_000)))
    };
    let what = Forget {
        programs: matches.get_many("program").into_iter().flatten().cloned().collect(),
        before: time("before")?,
        half_life: matches.get_one::<u32>("half-life").map(|d| i64::from(*d) * 86_400),
        as_of: time("as-of")?,
    };
    if what == (Forget { as_of: what.as_of, ..Forget::default() }) {
        return Err(Failure::new("what is to be forgotten? --program, --before or --half-life says so"));
    }
    let file = path(matches, "known");
    let mut baseline = read(file)?;
    let gone = baseline.forget(&what);
    write(&mut baseline, matches.get_one::<PathBuf>("file").map_or(file, PathBuf::as_path), &[])?;
    if !settings.quiet {
        stream::say(&format!("{gone} values forgotten, {} kept", baseline.size()));
    }
    Ok(Exit::Done)
}
