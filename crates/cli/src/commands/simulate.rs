//! `shikra simulate`: synthetic telemetry of attack simulations.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches};
use shikra_simulate::{Format, Options, Simulation, Test, manifest, play, write};
use shikra_validate::Loaded;

use super::Command;
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;

/// `simulate`.
pub static COMMAND: Command = Command {
    words: &["simulate"],
    about: "Write the logs that an attack simulation would leave, made up and labelled so",
    long: "Each test and near miss goes to a folder of its own with a manifest that says which event belongs to which \
           step. Every computer lies in the domain synthetic.example. The same seed gives the same bytes.\n\n\
           Examples:\n  \
           shikra simulate T1218.003 -o sim\n  \
           shikra simulate packs/T1218.003 --format winlogbeat --background 2000 -o sim\n  \
           shikra simulate my-test.toml --seed 7 -o sim && shikra scan sim\n  \
           shikra simulate T1218.003 --runner -o run.ps1",
    settings: &[],
    args: |c| {
        let folder = Arg::new("folder").long("output").short('o').value_name("DIR|FILE").required(true);
        let seed = Arg::new("seed").long("seed").value_name("N").default_value("1");
        let background = Arg::new("background").long("background").value_name("N").default_value("200");
        let format = Arg::new("form").long("format").short('f').value_name("FORMAT").default_value("evtx");
        let runner = Arg::new("runner").long("runner").action(clap::ArgAction::SetTrue);
        let number = clap::value_parser!(u64);
        c.arg(
            runner.help(
                "Write a PowerShell script that runs the tests for real and marks them in the event log",
            ),
        )
        .arg(what())
        .arg(
            folder
                .value_parser(clap::value_parser!(PathBuf))
                .help("Folder to write to; with --runner the script"),
        )
        .arg(seed.value_parser(number).help("Another seed gives other times, ids and background"))
        .arg(
            background
                .value_parser(number)
                .help("About how many events of ordinary activity surround each test"),
        )
        .arg(format.value_parser(["evtx", "ndjson", "winlogbeat"]).help("What the events are written as"))
    },
    run,
};

/// Most events of ordinary activity.
const MOST_BACKGROUND: u64 = 1_000_000;

/// The packs and files that are meant.
pub fn what() -> Arg {
    Arg::new("what")
        .value_name("PACK|FILE|FOLDER")
        .help("Technique of a pack that ships with the program, or simulations: files and folders")
        .num_args(1..)
        .required(true)
}

/// The simulations that [`what`] means.
///
/// # Errors
/// Where there are none.
pub fn simulations(matches: &ArgMatches) -> Result<Vec<Loaded>, Failure> {
    let mut all = Vec::new();
    for name in matches.get_many::<String>("what").into_iter().flatten() {
        if !Path::new(name).exists() {
            let shipped = shikra_validate::embedded(Some(name));
            if shipped.is_empty() {
                return Err(Failure::new(format!("`{name}` is neither a file nor a pack with simulations")));
            }
            all.extend(shipped);
            continue;
        }
        let (good, bad) = shikra_validate::load(Path::new(name));
        bad.iter().for_each(|b| stream::error(&format!("{}: {}", b.path, b.reason)));
        if good.is_empty() {
            return Err(Failure::new(format!("{name}: no simulation in it")));
        }
        all.extend(good);
    }
    Ok(all)
}

/// How tests are played.
///
/// # Errors
/// Where too much is asked for.
pub fn options(seed: u64, background: u64) -> Result<Options, Failure> {
    if background > MOST_BACKGROUND {
        return Err(Failure::new(format!("--background: at most {MOST_BACKGROUND}")));
    }
    Ok(Options { seed, background: background as usize, ..Options::default() })
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let number = |key: &str| matches.get_one::<u64>(key).copied().unwrap_or(1);
    let options = options(number("seed"), number("background"))?;
    let format = matches.get_one::<String>("form").and_then(|f| Format::named(f)).unwrap_or_default();
    let folder = matches.get_one::<PathBuf>("folder").cloned().unwrap_or_default();
    let all = simulations(matches)?;
    if matches.get_flag("runner") {
        let of: Vec<&Simulation> = all.iter().map(|l| &l.simulation).collect();
        // Windows PowerShell takes a file without a mark for text of the local code page.
        let text = format!("\u{feff}{}", shikra_simulate::runner::script(&of).replace('\n', "\r\n"));
        fs::write(&folder, text).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
        return Ok(Exit::Done);
    }
    let mut written = 0;
    for loaded in all {
        for test in loaded.simulation.all() {
            let place = folder.join(&loaded.simulation.technique).join(&test.id);
            let events = write_test(&place, &loaded.simulation, test, &options, format)?;
            stream::print(&format!("{}\n", place.display()))?;
            if !settings.quiet {
                stream::say(&format!("{events} events: {}", test.name));
                test.unknown.iter().for_each(|u| stream::say(&format!("  not known: {u}")));
            }
            written += 1;
        }
    }
    if !settings.quiet {
        stream::say(&format!("{written} tests and near misses, all of it made up"));
    }
    Ok(Exit::Done)
}

fn write_test(
    place: &Path,
    simulation: &Simulation,
    test: &Test,
    options: &Options,
    format: Format,
) -> Result<usize, Failure> {
    let told = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", place.display()));
    let events = play(test, options);
    let files = write(&events, format).map_err(|e| told(&e))?;
    fs::create_dir_all(place).map_err(|e| told(&e))?;
    let manifest = manifest(simulation, test, options, &events, &files);
    for file in &files {
        fs::write(place.join(&file.name), &file.bytes).map_err(|e| told(&e))?;
    }
    fs::write(place.join("manifest.json"), format!("{manifest:#}\n")).map_err(|e| told(&e))?;
    Ok(events.len())
}
