//! `shikra rules compare`: whether detections mean the same.

use clap::{Arg, ArgMatches};
use shikra_compare::compare_plans;
use shikra_ir::{LoadStatus, Rule};
use shikra_output::compare::Compared;

use super::{Command, report_format, rules, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// Most pairs compared at once.
const MOST: usize = 1000;

/// `rules compare`.
pub static COMPARE: Command = Command {
    words: &["rules", "compare"],
    about: "Say whether two detections mean the same, with made-up events as witnesses",
    long: "RULE is an id, a title or a file. Of a file with several rules, each is compared with each of the other \
           side; with one RULE, all in it are compared with one another. Every event shown was run through both \
           rules. What cannot be decided is said to be so.\n\n\
           Examples:\n  \
           shikra rules compare a.yml b.toml\n  \
           shikra rules compare CAR-2020-11-010.yaml\n  \
           shikra rules compare 'Suspicious Title' other.yml -f ndjson",
    settings: rules::READING_ONE,
    args: |c| {
        let rule = Arg::new("sides").value_name("RULE").required(true).num_args(1..=2);
        c.arg(rule.help("Ids, titles or files of rules")).arg(report_format())
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted: Vec<&String> = matches.get_many::<String>("sides").into_iter().flatten().collect();
    let sides: Vec<Vec<Rule>> = wanted.iter().map(|w| side(w, &settings)).collect::<Result<_, _>>()?;
    let pairs = pairs(&sides)?;
    let taxonomy = shared::taxonomy();
    let style = Stream::Out.style(settings.colour, settings.verbose);
    for (i, (a, b)) in pairs.into_iter().enumerate() {
        let verdict = compare_plans(&a.plan, &b.plan, &taxonomy);
        let compared = Compared { first: &a.meta, second: &b.meta, verdict: &verdict };
        stream::print(&if wants_json(matches) {
            compared.to_json() + "\n"
        } else {
            let gap = if i == 0 { "" } else { "\n" };
            format!("{gap}{}", compared.render(&style))
        })?;
    }
    Ok(Exit::Done)
}

/// The rules that one argument means.
fn side(wanted: &str, settings: &Settings) -> Result<Vec<Rule>, Failure> {
    let set = shared::load_for(wanted, settings)?;
    let found: Vec<Rule> = shared::find(&set.rules, wanted)?.into_iter().cloned().collect();
    match found.iter().find(|r| r.status == LoadStatus::Rejected) {
        Some(r) if found.len() == 1 => {
            Err(Failure::new(format!("`{}` does not load: `shikra rules check` says why", r.meta.title)))
        }
        _ => Ok(found.into_iter().filter(|r| r.status != LoadStatus::Rejected && r.reports).collect()),
    }
}

/// Each of the first side with each of the second; of one side, each with those behind it.
fn pairs(sides: &[Vec<Rule>]) -> Result<Vec<(&Rule, &Rule)>, Failure> {
    let pairs: Vec<(&Rule, &Rule)> = match sides {
        [one] => {
            let behind = |(i, a): (usize, _)| one.iter().skip(i + 1).map(move |b| (a, b));
            one.iter().enumerate().flat_map(behind).take(MOST + 1).collect()
        }
        [a, b, ..] => a.iter().flat_map(|a| b.iter().map(move |b| (a, b))).take(MOST + 1).collect(),
        [] => Vec::new(),
    };
    match pairs.len() {
        0 => Err(Failure::new("there are no two rules to compare")),
        n if n > MOST => {
            Err(Failure::new("too many pairs: `shikra rules duplicates` looks for those that mean the same"))
        }
        _ => Ok(pairs),
    }
}
