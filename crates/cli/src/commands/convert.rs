//! `shikra rules convert`: rules of any language in another.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, value_parser};
use shikra_ir::Rule;
use shikra_languages::RuleSet;
use shikra_languages::convert::{Converted, Converter, Refusal, TARGETS, Target};
use shikra_output::{ConvertLine, escape};
use shikra_syntax::Source;

use super::{Command, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;

/// `rules convert`.
pub static COMMAND: Command = Command {
    words: &["rules", "convert"],
    about: "Write rules in another language, where that keeps their meaning",
    long: "A clause that the other language cannot say is refused, with its place and the reason: nothing is rounded. \
        Ends with exit code 3 where a rule was refused.\n\n\
        Examples:\n  \
        shikra rules convert --to eql rule.yml                 print the rule\n  \
        shikra rules convert --to sigma -o out.yml rule.toml   a portable Sigma rule\n  \
        shikra rules convert --to spl -o searches/ sigma/      a file for each rule\n  \
        shikra rules convert --to kql -f ndjson sigma/         a line of JSON for each rule",
    settings: &["threads", "placeholders", "indicators", "pipeline"],
    args: |c| {
        let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
        let to = Arg::new("to").long("to").value_name("LANGUAGE").required(true).value_parser(names);
        let into = Arg::new("into").long("output").short('o').value_name("PATH");
        let into = into.value_parser(value_parser!(PathBuf));
        c.arg(to.help("Language to write"))
            .arg(into.help("File for one rule; folder for several [default: standard output]"))
            .arg(report_format())
            .arg(super::paths_arg("Rules: files or folders"))
    },
    run,
};

/// A rule and what became of it.
struct Done<'r> {
    rule: &'r Rule,
    source: Option<&'r Source>,
    result: Result<Converted, Vec<Refusal>>,
    /// File written.
    path: Option<PathBuf>,
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let name = matches.get_one::<String>("to").map_or("", String::as_str);
    let target = Target::named(name).ok_or_else(|| Failure::new(format!("there is no language {name:?}")))?;
    let inputs = super::paths(matches);
    let set = shared::load(&inputs, &settings)?;
    if set.rules.is_empty() {
        return Err(Failure::new("there are no rules in what was named"));
    }
    let mut all = converted(&set, target);
    let json = wants_json(matches);
    let into = matches.get_one::<PathBuf>("into").filter(|p| p.as_path() != Path::new("-"));
    match into {
        Some(path) => write(path, &mut all, &inputs)?,
        None if !json => print(&all)?,
        None => {}
    }
    report(&all, json, target)?;
    if !settings.quiet {
        let done = all.iter().filter(|d| d.result.is_ok()).count();
        stream::say(&format!("{done} of {} rules converted to {name}", all.len()));
    }
    Ok(if all.iter().any(|d| d.result.is_err()) { Exit::Incomplete } else { Exit::Done })
}

fn converted<'r>(set: &'r RuleSet, target: &Target) -> Vec<Done<'r>> {
    let taxonomy = shared::taxonomy();
    let mut converter = Converter::new(&taxonomy);
    let nowhere = Source::new("", "");
    let rules = set.rules.iter().filter(|r| r.reports);
    rules
        .map(|rule| {
            let source = set.source_of(rule);
            let result = converter.convert(rule, source.unwrap_or(&nowhere), target);
            Done { rule, source, result, path: None }
        })
        .collect()
}

/// All that could be said, one after the other.
fn print(all: &[Done<'_>]) -> Result<(), Failure> {
    let mut out = String::new();
    for converted in all.iter().filter_map(|d| d.result.as_ref().ok()) {
        if !out.is_empty() {
            let _ = writeln!(out, "{}", if converted.extension == "yml" { "---" } else { "" });
        }
        out.push_str(&converted.file);
    }
    Ok(stream::print(&out)?)
}

/// A file for each rule, named as the rule's own. A folder is made where there are several.
fn write(path: &Path, all: &mut [Done<'_>], inputs: &[PathBuf]) -> Result<(), Failure> {
    let many = all.len() > 1 || path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
    if many {
        let failed = |e| Failure::new(format!("cannot make {}: {e}", path.display()));
        std::fs::create_dir_all(path).map_err(failed)?;
    }
    let mut used = BTreeSet::new();
    for done in all.iter_mut() {
        let Ok(converted) = &done.result else { continue };
        let file = match many {
            true => path.join(file_name(done.rule, converted.extension, &mut used)),
            false => path.to_owned(),
        };
        let mut out = stream::open(Some(&file), inputs)?;
        std::io::Write::write_all(&mut out, converted.file.as_bytes())?;
        done.path = Some(file);
    }
    Ok(())
}

/// The name of the rule's file with another ending; of several with one name, the later ones are numbered.
fn file_name(rule: &Rule, extension: &str, used: &mut BTreeSet<String>) -> String {
    let stem = Path::new(&rule.meta.path).file_stem().map_or("rule".into(), |s| s.to_string_lossy());
    let stem: String =
        stem.chars().map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '_' }).collect();
    let stem = stem.trim_start_matches('.');
    let mut name = format!("{stem}.{extension}");
    let mut n = 1;
    while !used.insert(name.to_lowercase()) {
        n += 1;
        name = format!("{stem}.{n}.{extension}");
    }
    name
}

/// What was refused and why; as JSON a line for every rule.
fn report(all: &[Done<'_>], json: bool, target: &Target) -> Result<(), Failure> {
    let mut out = String::new();
    for d in all {
        let line = ConvertLine {
            meta: &d.rule.meta,
            to: target.name,
            id: d.result.as_ref().ok().map(|c| c.id.as_str()),
            query: d.result.as_ref().ok().map(|c| c.query.as_str()),
            file: d.path.as_ref().map(|p| p.to_string_lossy().into_owned()),
            notes: d.result.as_ref().map_or(&[], |c| c.notes.as_slice()),
            refused: refusals(d),
        };
        if json {
            out.push_str(&line.to_json());
            out.push('\n');
            continue;
        }
        for text in line.refusals() {
            let mut safe = String::new();
            escape::terminal_lines(&text, &mut safe);
            stream::say(&safe);
        }
    }
    Ok(stream::print(&out)?)
}

/// Line, clause and reason.
fn refusals(d: &Done<'_>) -> Vec<(usize, String, String)> {
    let Err(all) = &d.result else { return Vec::new() };
    let line = |r: &Refusal| d.source.map_or(1, |s| s.position(r.span.start).0);
    all.iter().map(|r| (line(r), r.clause.clone(), r.reason.clone())).collect()
}
