//! The commands: a table. A new command is a file here and a line in [`COMMANDS`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command as Clap};

use crate::config::Merged;
use crate::exit::{Failure, Outcome};
use crate::settings::setting;

mod baseline;
mod compare;
mod config;
mod convert;
mod coverage;
mod duplicates;
mod explain;
mod generate;
mod hunt;
mod info;
mod knowledge;
mod mitigation;
mod pack;
mod query;
mod reporting;
mod rules;
mod scan;
mod search;
mod shared;
mod simulate;
mod site;
mod sql;
mod technique;
mod validate;
mod visibility;

pub use shared::read_baseline;

/// A command.
pub struct Command {
    /// Words that name it: `["rules", "check"]`.
    pub words: &'static [&'static str],
    /// One line of help.
    pub about: &'static str,
    /// More help; empty: none.
    pub long: &'static str,
    /// Keys of the settings that it heeds, beside those that all heed.
    pub settings: &'static [&'static str],
    /// Adds its own arguments.
    pub args: fn(Clap) -> Clap,
    /// Runs it.
    pub run: fn(&ArgMatches, &Merged) -> Outcome,
}

/// All commands, in the order of help.
pub static COMMANDS: &[&Command] = &[
    &scan::COMMAND,
    &query::COMMAND,
    &hunt::files::RUN,
    &hunt::files::LIST,
    &hunt::SEARCH,
    &sql::COMMAND,
    &hunt::STACK,
    &hunt::GROUP,
    &hunt::CLUSTER,
    &hunt::SCATTER,
    &hunt::BOX,
    &hunt::OUTLIER,
    &hunt::RARE,
    &search::COMMAND,
    &hunt::NEW,
    &baseline::BUILD,
    &baseline::UPDATE,
    &baseline::MERGE,
    &baseline::SHOW,
    &baseline::DIFF,
    &baseline::FORGET,
    &info::COMMAND,
    &rules::CHECK,
    &rules::LIST,
    &rules::SHOW,
    &convert::COMMAND,
    &compare::COMPARE,
    &duplicates::DUPLICATES,
    &explain::COMMAND,
    &pack::LIST,
    &pack::SHOW,
    &pack::CHECK,
    &mitigation::MITIGATION,
    &mitigation::WOULD_BLOCK,
    &technique::COMMAND,
    &coverage::COMMAND,
    &site::COMMAND,
    &knowledge::ADD,
    &knowledge::LIST,
    &knowledge::SHOW,
    &knowledge::FACTS,
    &simulate::COMMAND,
    &validate::COMMAND,
    &visibility::COMMAND,
    &config::SHOW,
    &generate::COMPLETIONS,
    &generate::MAN,
];

/// First words that several commands share.
const GROUPS: &[(&str, &str)] = &[
    ("rules", "Check, list, show, convert and compare rules"),
    ("pack", "Technique packs: what is known of a technique, and what detects it"),
    ("hunt", "Hunt for what no rule names: counts, outliers, groups, rarities"),
    ("knowledge", "What the field knows: ATT&CK, D3FEND, CAR, Atomic Red Team, LOLBAS"),
    ("baseline", "What programs ordinarily do, learnt from logs and kept in a file"),
    ("config", "See what is set, and by whom"),
    ("generate", "Files for the shell and the manual"),
];

/// Settings that every command heeds.
const EVERYWHERE: &[&str] = &["colour", "quiet", "verbose"];

const ABOUT: &str = "Runs detections on Windows telemetry at the speed of reading it";
const AFTER: &str = "Results go to standard output, everything else to standard error.\n\
    Exit codes: 0 done; 1 findings at or above --fail-on, or rejected rules in a check; 2 could not run; \
    3 done, but some input could not be read.";

/// The whole command line.
pub fn command_line() -> Clap {
    let mut root = Clap::new("shikra")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .infer_subcommands(true);
    for command in COMMANDS {
        match command.words {
            [word] => root = root.subcommand(command.clap(word)),
            [group, word] => {
                if root.find_subcommand(group).is_none() {
                    let about = GROUPS.iter().find(|(g, _)| g == group).map_or("", |(_, about)| about);
                    root = root.subcommand(
                        Clap::new(*group).about(about).subcommand_required(true).arg_required_else_help(true),
                    );
                }
                root = root.mut_subcommand(*group, |g| g.subcommand(command.clap(word)));
            }
            _ => {}
        }
    }
    root
}

impl Command {
    fn clap(&self, word: &'static str) -> Clap {
        let mut c = Clap::new(word).about(self.about);
        if !self.long.is_empty() {
            c = c.after_help(self.long);
        }
        c = (self.args)(c);
        let own = self.settings.iter();
        for s in own.chain(EVERYWHERE).filter_map(|key| setting(key)) {
            c = c.arg(s.arg());
        }
        c
    }
}

/// Reads the arguments.
///
/// # Errors
/// Where they cannot be understood, or ask for help.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<ArgMatches, clap::Error> {
    command_line().try_get_matches_from(args)
}

/// Runs the command that the arguments name.
///
/// # Errors
/// Where it cannot run.
pub fn run(matches: &ArgMatches) -> Outcome {
    let mut words: Vec<&str> = Vec::new();
    let mut at = matches;
    while let Some((word, below)) = at.subcommand() {
        words.push(word);
        at = below;
    }
    match COMMANDS.iter().find(|c| c.words == words) {
        Some(command) => {
            let merged = Merged::load(at)?;
            let here = merged.set_here();
            if !here.is_empty() && merged.text("quiet").is_none_or(|q| q != "true") {
                crate::stream::say(&format!("shikra.toml of this folder sets {}", here.join(", ")));
            }
            (command.run)(at, &merged)
        }
        None => Err(Failure::new("there is no such command")),
    }
}

/// One or more paths.
fn paths_arg(help: &'static str) -> Arg {
    Arg::new("paths")
        .value_name("PATH")
        .help(help)
        .required(true)
        .num_args(1..)
        .value_parser(clap::value_parser!(PathBuf))
}

/// What [`paths_arg`] got.
fn paths(matches: &ArgMatches) -> Vec<PathBuf> {
    matches.get_many::<PathBuf>("paths").into_iter().flatten().cloned().collect()
}

/// How a report is written that is not a finding: for people or as JSON lines.
fn report_format() -> Arg {
    Arg::new("report")
        .long("format")
        .short('f')
        .value_name("FORMAT")
        .help("How the report is written")
        .value_parser(["table", "ndjson"])
        .default_value("table")
}

/// Whether [`report_format`] got `ndjson`.
fn wants_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("report").is_some_and(|f| f == "ndjson")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SETTINGS;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
        for c in COMMANDS {
            assert!(c.settings.iter().all(|k| setting(k).is_some()), "{:?}", c.words);
            assert!(c.words.len() == 1 || GROUPS.iter().any(|(g, _)| *g == c.words[0]), "{:?}", c.words);
        }
        for s in SETTINGS {
            let used = EVERYWHERE.contains(&s.key) || COMMANDS.iter().any(|c| c.settings.contains(&s.key));
            assert!(used, "no command heeds {}", s.key);
        }
    }
}
