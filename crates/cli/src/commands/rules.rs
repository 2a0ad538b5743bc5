//! `shikra rules`: check them, list them, show one.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::{Arg, ArgAction, ArgMatches};
use shikra_engine::Detector;
use shikra_ir::{LoadStatus, Rule, text};
use shikra_knowledge::{Knowledge, is_asked};
use shikra_languages::{RuleSet, lint, lint_set, lint_tags};
use shikra_output::{RuleCheck, RuleSummary, rule_line, rule_page};
use shikra_syntax::{Diagnostic, Source};
use shikra_taxonomy::Taxonomy;

use super::{Command, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// Settings that say how rules are read.
pub const READING: &[&str] = &["threads", "placeholders", "indicators", "pipeline", "baseline"];

/// Settings that say how rules are found and read.
pub const READING_ONE: &[&str] = &["rules", "threads", "placeholders", "indicators", "pipeline", "baseline"];

/// Settings of a check: tags are looked up in what is known.
const CHECKING: &[&str] =
    &["threads", "placeholders", "indicators", "pipeline", "baseline", "knowledge", "data-dir"];

/// `rules check`.
pub static CHECK: Command = Command {
    words: &["rules", "check"],
    about: "Say of every rule whether it loads, and what in it will never work",
    long: "Ends with exit code 1 where a rule is rejected.",
    settings: CHECKING,
    args: |c| c.arg(rule_paths()).arg(report_format()),
    run: check,
};

/// `rules list`.
pub static LIST: Command = Command {
    words: &["rules", "list"],
    about: "List rules",
    long: "",
    settings: READING,
    args: |c| c.arg(rule_paths()).arg(report_format()),
    run: list,
};

/// `rules show`.
pub static SHOW: Command = Command {
    words: &["rules", "show"],
    about: "Show a rule: what is known of it, and its text",
    long: "",
    settings: READING_ONE,
    args: |c| {
        let rule = Arg::new("rule").value_name("RULE").required(true).help("Id, title or file of the rule");
        let plan = Arg::new("plan").long("plan").action(ArgAction::SetTrue);
        c.arg(rule).arg(plan.help("Show what the rule was understood to mean, in place of its text"))
    },
    run: show,
};

pub fn rule_paths() -> Arg {
    Arg::new("paths")
        .value_name("PATH")
        .help("Rules: files or folders [default: those of the configuration, else those shipped]")
        .num_args(0..)
        .value_parser(clap::value_parser!(PathBuf))
}

pub fn load(matches: &ArgMatches, settings: &Settings) -> Result<RuleSet, Failure> {
    let named = super::paths(matches);
    shared::load(if named.is_empty() { &settings.rules } else { &named }, settings)
}

fn check(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let mut set = load(matches, &settings)?;
    // Copies of ATT&CK take longer to read than most folders of rules.
    let asked = set.rules.iter().any(|r| r.meta.tags.iter().any(|t| is_asked(t)));
    let known = if asked { super::knowledge::known(&settings)?.0 } else { Knowledge::default() };
    let checks = checks(&mut set, &known, settings.threads);
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let mut summary = RuleSummary::default();
    let mut out = String::new();
    for check in &checks {
        summary.add(check);
        if wants_json(matches) {
            out.push_str(&check.to_json());
            out.push('\n');
        } else {
            out.push_str(&check.render(&style));
        }
    }
    stream::print(&out)?;
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(summary.render(&style).trim_end());
    }
    Ok(if summary.count(LoadStatus::Rejected) > 0 { Exit::Found } else { Exit::Done })
}

/// Rules that a thread takes at a time: proofs take long for a few.
const AT_A_TIME: usize = 16;

/// Adds what lints have to say of each rule by itself.
fn lint_each(rules: &mut [Rule], taxonomy: &Taxonomy, known: &Knowledge, threads: usize) {
    let work = Mutex::new(rules.chunks_mut(AT_A_TIME));
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some(part) = next() {
            for rule in part {
                let mut more =
                    if rule.status == LoadStatus::Rejected { Vec::new() } else { lint(rule, taxonomy) };
                more.extend(lint_tags(rule, known));
                rule.diagnostics.extend(more);
            }
        }
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(worker))));
}

/// What frontends, lints and the planner have to say of each rule.
fn checks(set: &mut RuleSet, known: &Knowledge, threads: usize) -> Vec<RuleCheck> {
    let taxonomy = shared::taxonomy();
    let mut rules = std::mem::take(&mut set.rules);
    lint_each(&mut rules, &taxonomy, known, threads);
    for (at, diagnostic) in lint_set(&rules) {
        if let Some(rule) = rules.get_mut(at) {
            rule.diagnostics.push(diagnostic);
        }
    }
    let detector = Detector::new(rules, taxonomy);
    let mut not_run: HashMap<u32, Vec<&str>> = HashMap::new();
    for n in detector.not_run() {
        not_run.entry(n.rule).or_default().push(&n.reason);
    }
    let sources: HashMap<&str, &Source> = set.files.iter().map(|f| (&*f.source.name, &f.source)).collect();
    let nowhere = Source::new("", "");
    let numbered = detector.rules().iter().enumerate();
    numbered
        .map(|(i, rule)| {
            let mut diagnostics = rule.diagnostics.clone();
            for reason in not_run.get(&(i as u32)).into_iter().flatten() {
                // A lint may have said it already, with a better place.
                if !diagnostics.iter().any(|d| d.message == *reason) {
                    diagnostics.push(Diagnostic::warning("cannot-run", *reason, rule.meta.span));
                }
            }
            let source = sources.get(rule.meta.path.as_str()).copied().unwrap_or(&nowhere);
            RuleCheck::new(&rule.meta, rule.status, &diagnostics, source)
        })
        .collect()
}

fn list(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let set = load(matches, &settings)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let style = (!wants_json(matches)).then_some(&style);
    let out: String = set.rules.iter().map(|r| rule_line(r, style) + "\n").collect();
    stream::print(&out)?;
    Ok(Exit::Done)
}

fn show(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted = matches.get_one::<String>("rule").map_or("", String::as_str);
    let set = shared::load_for(wanted, &settings)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let mut out = String::new();
    for rule in shared::find(&set.rules, wanted)? {
        let body = if matches.get_flag("plan") { plan(rule) } else { rule.meta.text.to_string() };
        out.push_str(&rule_page(rule, &body, &style));
    }
    stream::print(&out)?;
    Ok(Exit::Done)
}

fn plan(rule: &Rule) -> String {
    text::plan(&rule.plan)
}
