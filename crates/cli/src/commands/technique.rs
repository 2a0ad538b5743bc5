//! `shikra technique`: all there is on one technique.

use std::path::PathBuf;

use clap::{Arg, ArgMatches};
use shikra_output::technique::{Technique, is_technique};
use shikra_pack::{Bundle, embedded, open};

use super::{Command, knowledge, shared};
use crate::config::Merged;
use crate::exit::{Failure, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `technique`.
pub static COMMAND: Command = Command {
    words: &["technique"],
    about: "Show all there is on a technique: who uses it, what detects it, what stops it, how to test it",
    long: "What is known comes from the facts that ship and from your own copies (`shikra knowledge add`),\n\
        detections from --rules, the rest from the technique's pack.\n\n\
        Examples:\n  shikra technique T1218.003 --rules sigma/rules\n  \
        shikra technique T1191 --knowledge enterprise-attack.json --format markdown",
    settings: &["rules", "knowledge", "data-dir", "threads", "placeholders", "indicators", "pipeline"],
    args: |c| {
        let id = Arg::new("id").value_name("ID").required(true).help("Id or name of the technique");
        c.arg(id).arg(packs_argument()).arg(knowledge::page_format())
    },
    run,
};

/// `--packs`.
pub(super) fn packs_argument() -> Arg {
    Arg::new("packs")
        .long("packs")
        .value_name("PATH")
        .help("Packs beside those that ship: files or folders, repeatable")
        .action(clap::ArgAction::Append)
        .value_parser(clap::value_parser!(PathBuf))
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted = matches.get_one::<String>("id").map_or("", String::as_str);
    let (known, complete) = knowledge::known(&settings)?;
    let found = knowledge::technique(&known, wanted)?;
    if !is_technique(found.entity) {
        let e = found.entity;
        let hint = format!("`{wanted}` is a {}: `shikra knowledge show {}` tells of it", e.kind, e.id);
        return Err(Failure::new(hint));
    }
    let set = shared::load(&settings.rules, &settings)?;
    let packs = packs(matches)?;
    let technique = Technique::new(&known, &found, &set.rules, &packs);
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let out = match matches.get_one::<String>("page").map_or("", String::as_str) {
        "json" => technique.json() + "\n",
        "markdown" => technique.page().to_markdown(),
        _ => technique.page().to_text(&style),
    };
    stream::print(&out)?;
    Ok(knowledge::done(complete))
}

pub(super) fn packs(matches: &ArgMatches) -> Result<Vec<Bundle>, Failure> {
    let mut all = embedded();
    for path in matches.get_many::<PathBuf>("packs").into_iter().flatten() {
        let more = open(path).map_err(|e| Failure::new(format!("packs: {}: {e}", path.display())))?;
        // A pack of the user's own takes the place of the one that ships.
        all.retain(|b| !more.iter().any(|m| m.pack.id == b.pack.id));
        all.extend(more);
    }
    Ok(all)
}
