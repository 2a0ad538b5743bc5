//! Everything that can be set, declared once: flags, environment variables, keys of the configuration file and
//! their description all come from [`SETTINGS`].
//!
//! Settings have three shapes: what was typed (a [`crate::config::Layer`] per origin, text), what was merged
//! ([`crate::config::Merged`], text with its origin), what runs ([`Settings`], typed).

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction};
use shikra_baseline::Baseline;
use shikra_engine::Twins;
use shikra_event::Timestamp;
use shikra_ir::Level;
use shikra_output::{OUTPUTS, Output};

use crate::config::Merged;
use crate::exit::Failure;

/// What values a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Any text.
    Text,
    /// Paths; several. Relative ones in a configuration file are relative to its folder.
    Paths,
    /// One path, likewise.
    Path,
    /// Nothing: true when named.
    Switch,
    /// One of these.
    OneOf(fn() -> Vec<&'static str>),
}

/// Something that can be set.
#[derive(Debug)]
pub struct Setting {
    /// Long flag, and key of the configuration file. The environment variable is `SHIKRA_` and it, upper-case,
    /// with `_` for `-`.
    pub key: &'static str,
    /// Short flag.
    pub short: Option<char>,
    /// Placeholder in help.
    pub value: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Value where nobody sets one; empty: none.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    /// Whether it may stand in a `shikra.toml` of the working folder, which a stranger may have put there.
    pub anywhere: bool,
}

impl Setting {
    /// `SHIKRA_FAIL_ON`.
    pub fn env(&self) -> String {
        format!("SHIKRA_{}", self.key.to_ascii_uppercase().replace('-', "_"))
    }

    /// As a command line argument.
    pub fn arg(&self) -> Arg {
        let arg = Arg::new(self.key).long(self.key).help(self.help);
        let arg = if self.key == "colour" { arg.alias("color") } else { arg };
        let arg = match self.short {
            Some(c) => arg.short(c),
            None => arg,
        };
        match self.takes {
            Takes::Switch => arg.action(ArgAction::SetTrue),
            Takes::Paths => arg.value_name(self.value).action(ArgAction::Append),
            Takes::OneOf(names) => {
                arg.value_name(self.value).value_parser(PossibleValuesParser::new(names()))
            }
            Takes::Text | Takes::Path => arg.value_name(self.value),
        }
    }
}

/// The setting of that key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.key == key)
}

const NONE: Setting =
    Setting { key: "", short: None, value: "", takes: Takes::Text, default: "", help: "", anywhere: true };

/// Everything that can be set.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "rules",
        short: Some('r'),
        value: "PATH",
        takes: Takes::Paths,
        help: "Rules to run: files or folders, repeatable [default: those that ship with the program]",
        ..NONE
    },
    Setting {
        key: "format",
        short: Some('f'),
        value: "FORMAT",
        takes: Takes::OneOf(formats),
        default: "table",
        help: "How findings are written",
        ..NONE
    },
    Setting {
        key: "output",
        short: Some('o'),
        value: "FILE",
        takes: Takes::Path,
        help: "Write results to a file instead of standard output",
        anywhere: false,
        ..NONE
    },
    Setting {
        key: "level",
        short: Some('l'),
        value: "LEVEL",
        takes: Takes::OneOf(levels),
        default: "informational",
        help: "Report only findings at or above this level",
        ..NONE
    },
    Setting {
        key: "fail-on",
        value: "LEVEL",
        takes: Takes::OneOf(levels),
        help: "End with exit code 1 where a finding is at or above this level",
        ..NONE
    },
    Setting {
        key: "threads",
        short: Some('t'),
        value: "N",
        help: "Threads that read and match [default: one per processor]",
        ..NONE
    },
    Setting {
        key: "memory",
        value: "MIB",
        default: "64",
        help: "Memory for rows that sorting, joining and grouping rules hold back, in MiB; more goes to temporary files",
        ..NONE
    },
    Setting {
        key: "twins",
        value: "WHAT",
        takes: Takes::OneOf(|| TWINS.iter().map(|(name, _)| *name).collect()),
        default: "file",
        help: "One act in two records (Sysmon 1 and Security 4688) is one finding: where both stand in one file, in all files, or not (keep)",
        ..NONE
    },
    Setting {
        key: "since",
        value: "TIME",
        help: "Only events at or after this time (RFC 3339, UTC where no zone is given)",
        ..NONE
    },
    Setting { key: "until", value: "TIME", help: "Only events before this time", ..NONE },
    Setting {
        key: "placeholders",
        value: "PATH",
        takes: Takes::Paths,
        help: "Values for placeholders of Sigma's `expand`: files or folders, repeatable",
        ..NONE
    },
    Setting {
        key: "indicators",
        value: "PATH",
        takes: Takes::Paths,
        help: "Threat indicators for rules that match events with them: JSON or CSV, files or folders, repeatable",
        ..NONE
    },
    Setting {
        key: "baseline",
        short: Some('b'),
        value: "FILE",
        takes: Takes::Path,
        help: "What programs ordinarily do, see `shikra baseline`: findings say how unusual they are",
        ..NONE
    },
    Setting {
        key: "pipeline",
        short: Some('p'),
        value: "FILE",
        takes: Takes::Paths,
        help: "Sigma processing pipelines, repeatable",
        ..NONE
    },
    Setting {
        key: "knowledge",
        value: "PATH",
        takes: Takes::Paths,
        help: "Knowledge beside what was added: ATT&CK bundle, D3FEND, CAR, Atomic Red Team, LOLBAS, repeatable",
        ..NONE
    },
    Setting {
        key: "data-dir",
        value: "FOLDER",
        takes: Takes::Path,
        help: "Folder for what Shikra keeps [default: shikra in the user's data folder]",
        anywhere: false,
        ..NONE
    },
    Setting {
        key: "colour",
        value: "WHEN",
        takes: Takes::OneOf(|| vec!["auto", "always", "never"]),
        default: "auto",
        help: "Whether to use colour; auto heeds NO_COLOR",
        ..NONE
    },
    Setting { key: "quiet", short: Some('q'), takes: Takes::Switch, help: "Results and errors only", ..NONE },
    Setting {
        key: "verbose",
        short: Some('v'),
        takes: Takes::Switch,
        help: "Everything there is to say",
        ..NONE
    },
];

/// What becomes of twin records.
const TWINS: &[(&str, Twins)] = &[("file", Twins::Source), ("all", Twins::Merge), ("keep", Twins::Keep)];

fn twins(name: &str) -> Option<Twins> {
    TWINS.iter().find(|(known, _)| *known == name).map(|(_, twins)| *twins)
}

fn formats() -> Vec<&'static str> {
    OUTPUTS.iter().map(|o| o.name).collect()
}

/// Names of the levels, least severe first.
pub fn levels() -> Vec<&'static str> {
    Level::ALL.iter().map(|l| l.as_str()).collect()
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, where `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What runs.
pub struct Settings {
    /// Rule files and folders; empty: the rules that ship with the program.
    pub rules: Vec<PathBuf>,
    /// Format of findings.
    pub format: &'static Output,
    /// Output file; none: standard output.
    pub output: Option<PathBuf>,
    /// Least level reported.
    pub level: Level,
    /// Least level that changes the exit code.
    pub fail_on: Option<Level>,
    /// Threads, at least one.
    pub threads: usize,
    /// Bytes of memory for rows that relational operators hold back.
    pub memory: usize,
    /// What becomes of one act in two records.
    pub twins: Twins,
    /// Only events at or after this.
    pub since: Option<Timestamp>,
    /// Only events before this.
    pub until: Option<Timestamp>,
    /// Placeholder files and folders.
    pub placeholders: Vec<PathBuf>,
    /// Files and folders of threat indicators.
    pub indicators: Vec<PathBuf>,
    /// The baseline that findings are compared with.
    pub baseline: Option<PathBuf>,
    /// The same, read when first asked for.
    known: OnceCell<Arc<Baseline>>,
    /// Pipelines, in order.
    pub pipelines: Vec<PathBuf>,
    /// Files and folders of knowledge, beside what the user's data folder holds.
    pub knowledge: Vec<PathBuf>,
    /// The user's data folder.
    pub data_dir: PathBuf,
    /// Colour.
    pub colour: Colour,
    /// Results and errors only.
    pub quiet: bool,
    /// Everything there is to say.
    pub verbose: bool,
}

/// Most threads that make sense to ask for.
const MAX_THREADS: usize = 1024;

impl Settings {
    /// The baseline that was named, if one was.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn known(&self) -> Result<Option<Arc<Baseline>>, Failure> {
        let Some(path) = &self.baseline else { return Ok(None) };
        if self.known.get().is_none() {
            let read = crate::commands::read_baseline(path)?;
            let _ = self.known.set(Arc::new(read));
        }
        Ok(self.known.get().cloned())
    }

    /// From what was merged.
    ///
    /// # Errors
    /// Where a value cannot be understood; the message names its origin.
    pub fn new(m: &Merged) -> Result<Settings, Failure> {
        let path = |key| m.text(key).map(PathBuf::from);
        let paths = |key| m.texts(key).iter().map(PathBuf::from).collect();
        let parsed = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Settings {
            rules: paths("rules"),
            format: m.parse("format", Output::named)?.unwrap_or(OUTPUTS[0]),
            output: path("output"),
            level: m.parse("level", Level::parse)?.unwrap_or_default(),
            fail_on: m.parse("fail-on", Level::parse)?,
            threads: m.parse("threads", threads)?.unwrap_or_else(parsed),
            memory: m.parse("memory", mebibytes)?.unwrap_or(64 << 20),
            twins: m.parse("twins", twins)?.unwrap_or(Twins::Source),
            since: m.parse("since", Timestamp::parse)?,
            until: m.parse("until", Timestamp::parse)?,
            placeholders: paths("placeholders"),
            indicators: paths("indicators"),
            baseline: path("baseline"),
            known: OnceCell::new(),
            pipelines: paths("pipeline"),
            knowledge: paths("knowledge"),
            data_dir: path("data-dir")
                .or_else(crate::config::user_data)
                .unwrap_or_else(|| "shikra-data".into()),
            colour: m.parse("colour", colour)?.unwrap_or(Colour::Auto),
            quiet: m.parse("quiet", switch)?.unwrap_or(false),
            verbose: m.parse("verbose", switch)?.unwrap_or(false),
        })
    }
}

fn threads(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n))
}

/// Most memory that makes sense to ask for, in MiB.
const MAX_MEMORY: usize = 1 << 20;

fn mebibytes(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (0..=MAX_MEMORY).contains(n))?.checked_mul(1 << 20)
}

fn colour(text: &str) -> Option<Colour> {
    match text {
        "auto" => Some(Colour::Auto),
        "always" => Some(Colour::Always),
        "never" => Some(Colour::Never),
        _ => None,
    }
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" | "" => Some(false),
        _ => None,
    }
}
