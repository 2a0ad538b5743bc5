//! `shikra visibility`: what telemetry rules need, and which of them a configuration blinds.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches};
use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::{Detector, scan};
use shikra_output::visibility::{Data, RuleSight, sight_summary, telemetry};
use shikra_syntax::{Severity, Source};
use shikra_sysmon::{Config, parse};
use shikra_visibility::{Needs, Reach, Sight, audit_policy, needs, reach, sight, sysmon_config};

use super::{Command, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `visibility`.
pub static COMMAND: Command = Command {
    words: &["visibility"],
    about: "Say what telemetry rules need, and which rules a Sysmon configuration or the logs at hand leave blind",
    long: "Examples:\n  \
           shikra visibility --rules rules/                      events and fields the rules read\n  \
           shikra visibility --rules rules/ --write sysmon       a Sysmon configuration that collects them\n  \
           shikra visibility --rules rules/ --write audit        the audit policy\n  \
           shikra visibility --rules rules/ --sysmon config.xml  rules that the configuration blinds, with why\n  \
           shikra visibility --rules rules/ --data logs/         have rule, have data, can fire\n\n\
           blind: nothing that the rule could match is logged; narrowed: some of it, or it depends on fields that \
           the rule does not ask about; excepted: all but what is excluded by such fields; sees: all of it. With --sysmon and --data, findings are counted before and \
           after the configuration. Ends with exit code 1 where a rule is blind.",
    settings: &["rules", "threads", "placeholders", "indicators", "pipeline"],
    args: |c| {
        let path = clap::value_parser!(PathBuf);
        c.arg(
            Arg::new("sysmon")
                .long("sysmon")
                .value_name("CONFIG")
                .value_parser(path.clone())
                .help("A Sysmon configuration"),
        )
        .arg(
            Arg::new("data")
                .long("data")
                .value_name("PATH")
                .action(ArgAction::Append)
                .value_parser(path)
                .help("Logs: what of the rules' needs is in them; repeatable"),
        )
        .arg(
            Arg::new("write")
                .long("write")
                .value_name("KIND")
                .value_parser(["sysmon", "audit"])
                .help("Write what collects just what the rules need"),
        )
        .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Name the rules that see, too"))
        .arg(report_format())
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let set = shared::load(&settings.rules, &settings)?;
    let detector = Detector::new(set.rules, shared::taxonomy());
    let needs = needs(&detector);
    let json = wants_json(matches);
    if let Some(kind) = matches.get_one::<String>("write") {
        stream::print(&if kind == "sysmon" { sysmon_config(&needs) } else { audit_policy(&needs) })?;
        return Ok(Exit::Done);
    }
    let config = match matches.get_one::<PathBuf>("sysmon") {
        Some(path) => Some(read_config(path)?),
        None => None,
    };
    let data: Vec<PathBuf> = matches.get_many::<PathBuf>("data").into_iter().flatten().cloned().collect();
    let style = Stream::Out.style(settings.colour, settings.verbose);
    if config.is_none() && data.is_empty() {
        stream::print(&telemetry(&needs, (!json).then_some(&style)))?;
        return Ok(Exit::Done);
    }
    let (seen, incomplete) = match data.is_empty() {
        true => (None, false),
        false => {
            let (seen, incomplete) = look(&detector, &data, config.as_ref(), &settings)?;
            (Some(seen), incomplete)
        }
    };
    let all = sights(&detector, &needs, config.as_ref(), seen.as_ref());
    for sight in all.iter().filter(|s| json || matches.get_flag("all") || worth_telling(s)) {
        stream::print(&if json { sight.to_json() + "\n" } else { sight.render(&style) })?;
    }
    if !settings.quiet {
        stream::say(&sight_summary(&all));
    }
    let blind = all.iter().any(|s| s.verdict.as_ref().is_some_and(|v| v.sight == Sight::Blind));
    Ok(if blind {
        Exit::Found
    } else if incomplete {
        Exit::Incomplete
    } else {
        Exit::Done
    })
}

fn worth_telling(s: &RuleSight<'_>) -> bool {
    match &s.verdict {
        Some(v) => matches!(v.sight, Sight::Blind | Sight::Narrowed),
        None => s.data.is_some_and(|d| !d.there || d.findings > 0),
    }
}

fn read_config(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read(path)
        .map(|bytes| text_of(&bytes))
        .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    let source = Source::new(path.display().to_string(), text);
    let (config, told) = parse(&source);
    for d in &told {
        stream::error(&d.render(&source));
    }
    if told.iter().any(|d| d.severity == Severity::Error && matches!(d.code, "xml" | "sysmon")) {
        return Err(Failure::new(format!("{} cannot be read as a Sysmon configuration", path.display())));
    }
    Ok(config)
}

/// UTF-8, or UTF-16 with a byte order mark, as Sysmon itself exports.
fn text_of(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16, rest: &[u8]| {
        let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|pair| from(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// What logs say: findings by rule, before and after the configuration, and the rules that lack data.
struct Seen {
    findings: HashMap<String, (u64, u64)>,
    lacking: HashSet<String>,
}

struct Count<'a> {
    config: Option<&'a Config>,
    findings: HashMap<String, (u64, u64)>,
}

impl FindingSink for Count<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let left = self.config.is_none_or(|c| reach(finding, c) == Reach::Kept);
        let count = self.findings.entry(finding.rule.id.clone()).or_default();
        *count = (count.0 + 1, count.1 + u64::from(left));
        Ok(())
    }
}

fn look(
    detector: &Detector,
    data: &[PathBuf],
    config: Option<&Config>,
    settings: &Settings,
) -> Result<(Seen, bool), Failure> {
    shared::must_exist(data, "data")?;
    interrupt::listen();
    let mut count = Count { config, findings: HashMap::new() };
    let bar = Bar::new(settings.quiet);
    let totals = scan(detector, data, &super::scan::scan_options(settings), &mut count, &bar)?;
    drop(bar);
    let incomplete = totals.unreadable() || totals.cancelled;
    let lacking = totals.unable_to_fire.into_iter().map(|r| r.id).collect();
    Ok((Seen { findings: count.findings, lacking }, incomplete))
}

fn sights<'a>(
    detector: &'a Detector,
    needs: &[Needs],
    config: Option<&Config>,
    seen: Option<&Seen>,
) -> Vec<RuleSight<'a>> {
    let runs = detector.rules().iter().zip(needs).filter(|(_, n)| !n.stages.is_empty());
    runs.map(|(rule, needs)| {
        let data = seen.map(|s| {
            let (findings, left) = s.findings.get(&rule.meta.id).copied().unwrap_or_default();
            Data { there: !s.lacking.contains(&rule.meta.id), findings, left }
        });
        RuleSight { rule: &rule.meta, verdict: config.map(|c| sight(needs, c)), data }
    })
    .collect()
}
