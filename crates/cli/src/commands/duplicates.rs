//! `shikra rules duplicates`: rules that mean the same, and rules that others hold within them.

use clap::ArgMatches;
use shikra_compare::{duplicates, events};
use shikra_ir::{LoadStatus, Rule};
use shikra_output::duplicates::Report;

use super::shared;
use super::{Command, report_format, rules, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `rules duplicates`.
pub static DUPLICATES: Command = Command {
    words: &["rules", "duplicates"],
    about: "Find rules that match the same events, and rules that others include",
    long: "Rules of all languages are compared by what they ask of an event, not by their text. What is reported is \
           proved; rules that keep state, and those for other logs than the tables list, are counted and left out. So are \
           pairs that the bound on work, which is counted in steps and the same everywhere, leaves undecided.\n\n\
           Examples:\n  \
           shikra rules duplicates sigma/rules\n  \
           shikra rules duplicates sigma/ detection-rules/ -f ndjson",
    settings: rules::READING,
    args: |c| c.arg(rules::rule_paths()).arg(report_format()),
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let set = rules::load(matches, &settings)?;
    let taxonomy = shared::taxonomy();
    let usable = |r: &Rule| r.status != LoadStatus::Rejected && r.reports;
    let all: Vec<_> =
        set.rules.iter().map(|r| if usable(r) { events(&r.plan, &taxonomy) } else { None }).collect();
    let found = duplicates(&all, &taxonomy);
    let compared = all.iter().filter(|f| f.is_some()).count() - found.nowhere.len();
    let report = Report { rules: &set.rules, found: &found, compared };
    let style = Stream::Out.style(settings.colour, settings.verbose);
    stream::print(&if wants_json(matches) { report.to_json() } else { report.render(&style) })?;
    if !settings.quiet {
        stream::say(report.summary().trim_end());
    }
    Ok(Exit::Done)
}
