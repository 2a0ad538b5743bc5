//! `shikra rules compare`: whether detections mean the same.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches};
use shikra_compare::{Verdict, compare_plans};
use shikra_engine::Detector;
use shikra_engine::differ::{Difference, differences};
use shikra_ir::{LoadStatus, Rule, RuleMeta};
use shikra_output::compare::Compared;
use shikra_output::compare_data::OnData;
use shikra_output::totals;
use shikra_syntax::Source;

use super::{Command, report_format, scan as scanning, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// Most pairs compared at once.
const MOST: usize = 1000;

/// As other commands that look for rules, and those of a scan.
const SETTINGS: &[&str] =
    &["rules", "threads", "memory", "since", "until", "placeholders", "indicators", "pipeline", "baseline"];

/// `rules compare`.
pub static COMPARE: Command = Command {
    words: &["rules", "compare"],
    about: "Say whether two detections mean the same, with made-up events as witnesses",
    long: "RULE is an id, a title or a file. Of a file with several rules, each is compared with each of the other \
           side; with one RULE, all in it are compared with one another. Every event shown was run through both \
           rules. What cannot be decided is said to be so. With --data, also who fires on what in these logs, and \
           which clause of the other makes the difference.\n\n\
           Examples:\n  \
           shikra rules compare a.yml b.toml\n  \
           shikra rules compare CAR-2020-11-010.yaml\n  \
           shikra rules compare a.yml b.toml --data logs/\n  \
           shikra rules compare 'Suspicious Title' other.yml -f ndjson",
    settings: SETTINGS,
    args: |c| {
        let rule = Arg::new("sides").value_name("RULE").required(true).num_args(1..=2);
        let data = Arg::new("data").long("data").value_name("PATH").action(ArgAction::Append);
        let data = data.value_parser(clap::value_parser!(PathBuf));
        c.arg(rule.help("Ids, titles or files of rules"))
            .arg(data.help("Files and folders of logs to run both on"))
            .arg(report_format())
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted: Vec<&String> = matches.get_many::<String>("sides").into_iter().flatten().collect();
    let data: Vec<PathBuf> = matches.get_many::<PathBuf>("data").into_iter().flatten().cloned().collect();
    let mut rules = Vec::new();
    let mut files = Vec::new();
    let sides: Vec<Vec<u32>> =
        wanted.iter().map(|w| side(w, &settings, &mut rules, &mut files)).collect::<Result<_, _>>()?;
    let pairs = pairs(&sides)?;
    let taxonomy = shared::taxonomy();
    let verdict = |(a, b): &(u32, u32)| match (rules.get(*a as usize), rules.get(*b as usize)) {
        (Some(a), Some(b)) => compare_plans(&a.plan, &b.plan, &taxonomy),
        _ => Verdict::Apart(String::new()),
    };
    let verdicts: Vec<Verdict> = pairs.iter().map(verdict).collect();
    let metas: Vec<Arc<RuleMeta>> = rules.iter().map(|r| r.meta.clone()).collect();
    let found = if data.is_empty() { Vec::new() } else { on_data(rules, &sides, &pairs, &data, &settings)? };
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let nowhere = Source::new("", "");
    let source = |m: &RuleMeta| files.iter().find(|s| *s.name == *m.path).unwrap_or(&nowhere);
    for (i, ((a, b), verdict)) in pairs.iter().zip(&verdicts).enumerate() {
        let (Some(first), Some(second)) = (metas.get(*a as usize), metas.get(*b as usize)) else { continue };
        let sources = [source(first), source(second)];
        let on_data = found.get(i).map(|difference| OnData { difference, sources });
        let compared = Compared { first, second, verdict, on_data };
        stream::print(&if wants_json(matches) {
            compared.to_json() + "\n"
        } else {
            let gap = if i == 0 { "" } else { "\n" };
            format!("{gap}{}", compared.render(&style))
        })?;
    }
    Ok(Exit::Done)
}

/// What each pair does on logs. Rules beside the pairs are kept for those that refer to them, and do not report.
fn on_data(
    mut rules: Vec<Rule>,
    sides: &[Vec<u32>],
    pairs: &[(u32, u32)],
    data: &[PathBuf],
    settings: &Settings,
) -> Result<Vec<Difference>, Failure> {
    shared::must_exist(data, "data")?;
    for (rule, number) in rules.iter_mut().zip(0..) {
        rule.reports &= sides.iter().any(|s| s.contains(&number));
    }
    let detector = Detector::new(rules, shared::taxonomy());
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let result = differences(&detector, pairs, data, &scanning::scan_options(settings), &bar);
    drop(bar);
    let (found, totals) = result?;
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::render(&totals, &style, None).trim_end());
    }
    Ok(found)
}

/// The numbers of the rules that one argument means. They are appended to `rules`, with all they may refer to.
fn side(
    wanted: &str,
    settings: &Settings,
    rules: &mut Vec<Rule>,
    files: &mut Vec<Source>,
) -> Result<Vec<u32>, Failure> {
    let set = shared::load_for(wanted, settings)?;
    let found: Vec<Arc<RuleMeta>> =
        shared::find(&set.rules, wanted)?.into_iter().map(|r| r.meta.clone()).collect();
    let from = rules.len();
    rules.extend(set.rules);
    files.extend(set.files.into_iter().map(|f| f.source));
    let is_one = |r: &Rule| found.iter().any(|m| Arc::ptr_eq(m, &r.meta));
    let own: Vec<(u32, &Rule)> = (0..).zip(rules.iter()).skip(from).filter(|(_, r)| is_one(r)).collect();
    match own.as_slice() {
        [(_, r)] if r.status == LoadStatus::Rejected => {
            Err(Failure::new(format!("`{}` does not load: `shikra rules check` says why", r.meta.title)))
        }
        _ => {
            let usable = |r: &Rule| r.status != LoadStatus::Rejected && r.reports;
            Ok(own.into_iter().filter(|(_, r)| usable(r)).map(|(n, _)| n).collect())
        }
    }
}

/// Each of the first side with each of the second; of one side, each with those behind it.
fn pairs(sides: &[Vec<u32>]) -> Result<Vec<(u32, u32)>, Failure> {
    let pairs: Vec<(u32, u32)> = match sides {
        [one] => {
            let behind = |(i, a): (usize, &u32)| {
                let a = *a;
                one.iter().skip(i + 1).map(move |b| (a, *b))
            };
            one.iter().enumerate().flat_map(behind).take(MOST + 1).collect()
        }
        [a, b, ..] => a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b))).take(MOST + 1).collect(),
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
