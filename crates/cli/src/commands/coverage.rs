//! `shikra coverage`: which techniques rules name, which data lets them fire on, which are proven.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches};
use shikra_engine::coverage::{Coverage, Data, Gap, Proof, Question, diff, layer_rules};
use shikra_engine::finding::Totals;
use shikra_engine::info::{EventType, FileInfo, survey};
use shikra_engine::{Detector, scan};
use shikra_ir::Rule;
use shikra_knowledge::{Attack, Kind, Knowledge};
use shikra_output::coverage::{Report, told, versions_offered};

use super::{Command, knowledge, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// Largest file of proofs, and largest layer.
const LARGEST: u64 = 256 << 20;

/// `coverage`.
pub static COMMAND: Command = Command {
    words: &["coverage"],
    about: "Say which ATT&CK techniques rules cover: by a rule, by data, by proof",
    long: "Tags of any version of ATT&CK meet: T1562.001 and T1685 are one technique.\n\n\
        Examples:\n  shikra coverage --rules sigma/rules\n  \
        shikra coverage --rules sigma/rules --group 'Cobalt Group' --group MuddyWater\n  \
        shikra coverage --rules sigma/rules --data logs --proof validation.json --format navigator -o layer.json\n  \
        shikra coverage --rules new/rules --diff old/rules --format csv\n  \
        shikra coverage --rules sigma/rules --diff layer-of-last-year.json",
    settings: &[
        "rules",
        "knowledge",
        "data-dir",
        "output",
        "threads",
        "since",
        "until",
        "placeholders",
        "indicators",
        "pipeline",
    ],
    args,
    run,
};

fn args(c: clap::Command) -> clap::Command {
    let paths = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .help(help)
            .action(ArgAction::Append)
            .value_parser(clap::value_parser!(PathBuf))
    };
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    c.arg(paths("data", "PATH", "Logs: which rules have the data they need, and what they find, repeatable"))
        .arg(paths("proof", "FILE", "Results of `shikra validate --format json`, repeatable"))
        .arg(
            text(
                "group",
                "NAME",
                "What of the techniques of a group, software or campaign is seen, repeatable",
            )
            .action(ArgAction::Append),
        )
        .arg(
            Arg::new("with-software")
                .long("with-software")
                .help("Count techniques of a group's software as the group's")
                .action(ArgAction::SetTrue),
        )
        .arg(paths("diff", "OTHER", "Compare with other rules, or with a Navigator layer, repeatable"))
        .arg(text("platform", "NAME", "Techniques of this platform; `all`: of any").default_value("Windows"))
        .arg(
            text("attack", "VERSION", "Version of ATT&CK by which techniques and tactics are named")
                .value_parser(versions_offered())
                .default_value("19"),
        )
        .arg(
            text("format", "FORMAT", "How the report is written")
                .short('f')
                .value_parser(["table", "csv", "ndjson", "navigator"])
                .default_value("table"),
        )
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let many = |name: &str| -> Vec<PathBuf> {
        matches.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect()
    };
    let (inputs, proofs, others) = (many("data"), many("proof"), many("diff"));
    shared::must_exist(&inputs, "data")?;
    shared::must_exist(&others, "diff")?;
    let (known, mut complete) = knowledge::known(&settings)?;
    let rules = shared::load(&settings.rules, &settings)?.rules;
    let proofs = proofs.iter().map(|p| proof(p)).collect::<Result<Vec<_>, _>>()?;
    let (rules, data) = match inputs.is_empty() {
        true => (rules, None),
        false => {
            let (rules, data, totals) = look_at(rules, &inputs, &settings)?;
            complete &= !totals.unreadable() && !totals.cancelled;
            (rules, Some(data))
        }
    };
    let platform = Some(text("platform")).filter(|p| !p.eq_ignore_ascii_case("all"));
    let coverage = Coverage::of(&Question {
        known: &known,
        rules: &rules,
        data: data.as_ref(),
        proofs: &proofs,
        platform,
        attack: Attack::parse(text("attack")).unwrap_or_default(),
    });
    let report = Report {
        known: &known,
        gaps: gaps(matches, &known, &coverage)?,
        diff: match others.is_empty() {
            true => None,
            false => Some(diff(&coverage, &there(&others, &settings)?, &known)),
        },
        coverage: &coverage,
        platform,
        name: "Shikra coverage".to_owned(),
    };
    write(text("format"), &report, &settings, &inputs)?;
    if !settings.quiet {
        stream::say(&told(&coverage));
    }
    Ok(if complete { Exit::Done } else { Exit::Incomplete })
}

fn write(format: &str, report: &Report<'_>, settings: &Settings, inputs: &[PathBuf]) -> Result<(), Failure> {
    let mut style = Stream::Out.style(settings.colour, settings.verbose);
    if settings.output.is_some() {
        style.width = None;
        style.colour &= settings.colour == crate::settings::Colour::Always;
    }
    let bytes = match format {
        "csv" => report.csv().into_bytes(),
        "ndjson" => report.ndjson(),
        "navigator" => report.layer(),
        _ => report.table(&style).into_bytes(),
    };
    let mut out = stream::open(settings.output.as_deref(), inputs)?;
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(())
}

/// Runs the rules over the data, for what they could have fired on and what they did.
pub(super) fn look_at(
    rules: Vec<Rule>,
    inputs: &[PathBuf],
    settings: &Settings,
) -> Result<(Vec<Rule>, Data, Totals), Failure> {
    let detector = Detector::new(rules, shared::taxonomy());
    let mut data = Data::default();
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let totals = scan(&detector, inputs, &super::scan::scan_options(settings), &mut data, &bar)?;
    let note = |file: &FileInfo| {
        let event = |t: &EventType| Some((t.channel.to_lowercase(), t.event_id?));
        data.logs.extend(file.types.keys().filter_map(event));
        Ok(())
    };
    survey(inputs, &mut { note }, &bar)?;
    drop(bar);
    data.unable = totals.unable_to_fire.iter().map(|r| (r.id.clone(), r.title.clone())).collect();
    let named = |n: &shikra_engine::NotRun| {
        let rule = detector.rules().get(n.rule as usize)?;
        Some((rule.meta.id.clone(), rule.meta.title.clone()))
    };
    data.unable.extend(detector.not_run().iter().filter_map(named));
    Ok((detector.rules().to_vec(), data, totals))
}

fn gaps(matches: &ArgMatches, known: &Knowledge, coverage: &Coverage) -> Result<Vec<Gap>, Failure> {
    let with_software = matches.get_flag("with-software");
    let mut out = Vec::new();
    for name in matches.get_many::<String>("group").into_iter().flatten() {
        let found = knowledge::one(known, name)?;
        if !matches!(found.entity.kind, Kind::Group | Kind::Software | Kind::Campaign) {
            let what = format!("`{name}` is a {}, not a group, software or campaign", found.entity.kind);
            return Err(Failure::new(what));
        }
        out.push(Gap::of(coverage, known, found.entity, with_software));
    }
    Ok(out)
}

pub(super) fn proof(path: &Path) -> Result<Proof, Failure> {
    let text = read(path)?;
    let proof = Proof::read(&text).map_err(|e| Failure::new(format!("proof: {}: {e}", path.display())))?;
    if proof.unusable > 0 {
        stream::error(&format!("{}: {} rows name no rule or no result", path.display(), proof.unusable));
    }
    Ok(proof)
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let fail = |e: std::io::Error| Failure::new(format!("cannot read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::new(format!("{} is larger than {} MiB", path.display(), LARGEST >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Rules by technique of what is compared with: a layer, or rules.
fn there(others: &[PathBuf], settings: &Settings) -> Result<BTreeMap<String, usize>, Failure> {
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    let mut folders = Vec::new();
    for path in others {
        let layer = match path.extension().is_some_and(|e| e == "json") && path.is_file() {
            true => layer_rules(&read(path)?),
            false => None,
        };
        match layer {
            Some(rules) => rules.into_iter().for_each(|(id, n)| *out.entry(id).or_insert(0) += n),
            None => folders.push(path.clone()),
        }
    }
    if !folders.is_empty() {
        for rule in shared::load(&folders, settings)?.rules.iter().filter(|r| r.reports) {
            rule.meta.techniques().into_iter().for_each(|id| *out.entry(id).or_insert(0) += 1);
        }
    }
    Ok(out)
}
