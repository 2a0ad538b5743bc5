//! `shikra hunt`: statistics over logs. One command for each analytic, all made from the table of analytics.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use shikra_engine::finding::Totals;
use shikra_engine::hunt::{Question, hunt, within};
use shikra_engine::{ScanOptions, languages};
use shikra_hunt::params::Kind;
use shikra_hunt::{Analytic, COMMON, HuntResult, Params};
use shikra_ir::{LogSource, Names, Rule};
use shikra_output::{hunt as written, totals};

use super::{Command, paths, paths_arg, reporting, scan as scanning, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

pub mod files;
mod new;
mod save;
pub use new::COMMAND as NEW;

/// Settings that all hunts heed.
const SETTINGS: &[&str] = &["output", "threads", "since", "until"];

macro_rules! analytic {
    ($constant:ident, $name:literal) => {
        #[doc = concat!("`hunt ", $name, "`.")]
        pub static $constant: Command = Command {
            words: &["hunt", $name],
            about: named($name).about,
            long: named($name).long,
            settings: SETTINGS,
            args: |c| arguments(c, named($name)),
            run: |m, s| run(m, s, named($name)),
        };
    };
}

analytic!(SEARCH, "search");
analytic!(STACK, "stack");
analytic!(GROUP, "group");
analytic!(CLUSTER, "cluster");
analytic!(SCATTER, "scatter");
analytic!(BOX, "box");
analytic!(OUTLIER, "outlier");
analytic!(RARE, "rare");

/// The analytic of that name. Known when the program is built.
const fn named(name: &str) -> &'static Analytic {
    let mut i = 0;
    while i < shikra_hunt::ANALYTICS.len() {
        if same(shikra_hunt::ANALYTICS[i].name, name) {
            return shikra_hunt::ANALYTICS[i];
        }
        i += 1;
    }
    shikra_hunt::ANALYTICS[0]
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

fn arguments(c: Clap, analytic: &'static Analytic) -> Clap {
    let mut c =
        c.arg(paths_arg("Files and folders to look through"))
            .arg(
                Arg::new("where")
                    .long("where")
                    .value_name("QUERY")
                    .action(ArgAction::Append)
                    .help("Only events that this query finds, or @FILE"),
            )
            .arg(
                Arg::new("language")
                    .long("language")
                    .value_name("NAME")
                    .default_value("kql")
                    .value_parser(languages::query_languages().collect::<Vec<_>>())
                    .help("Language of --where"),
            )
            .arg(
                Arg::new("category").long("category").value_name("NAME").help(
                    "Only events of this category, as Sigma names it: process_creation, registry_set, …",
                ),
            );
    for p in analytic.parameters.iter().chain(COMMON) {
        let arg = Arg::new(p.name).long(p.name);
        let help = if p.default.is_empty() || p.default == "false" {
            p.help.to_owned()
        } else {
            format!("{} [default: {}]", p.help, p.default)
        };
        let arg = match p.kind {
            Kind::Switch => arg.action(ArgAction::SetTrue),
            _ => arg.value_name(p.value).action(ArgAction::Append),
        };
        c = c.arg(arg.help(help));
    }
    let c = c
        .arg(
            Arg::new("save-rule")
                .long("save-rule")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write a Sigma rule made from a row of the result, and try it on these logs"),
        )
        .arg(
            Arg::new("row")
                .long("row")
                .value_name("N")
                .value_parser(clap::value_parser!(usize))
                .default_value("1")
                .help("The row that --save-rule takes"),
        );
    result_arguments(c)
}

/// How results are written.
fn result_arguments(c: Clap) -> Clap {
    reporting::argument(c)
        .arg(
            Arg::new("report")
                .long("format")
                .short('f')
                .value_name("FORMAT")
                .help("How results are written")
                .value_parser(["table", "ndjson", "csv"])
                .default_value("table"),
        )
        .arg(
            Arg::new("no-pictures")
                .long("no-pictures")
                .action(ArgAction::SetTrue)
                .help("No pictures below the table"),
        )
}

/// The parameters that were typed.
fn typed(matches: &ArgMatches, analytic: &'static Analytic) -> Result<Params, Failure> {
    let mut given = Vec::new();
    for p in analytic.parameters.iter().chain(COMMON) {
        match p.kind {
            Kind::Switch if matches.get_flag(p.name) => {
                given.push((p.name.to_owned(), vec!["true".to_owned()]));
            }
            Kind::Switch => {}
            _ => {
                if let Some(values) = matches.get_many::<String>(p.name) {
                    given.push((p.name.to_owned(), values.cloned().collect()));
                }
            }
        }
    }
    analytic.params(given).map_err(Failure::new)
}

/// What is asked: an analytic with its parameters, and of which events.
struct Asked {
    analytic: &'static Analytic,
    params: Params,
    filters: Vec<Rule>,
    /// Fills in what a hunt file knows.
    about: HuntResult,
}

impl Asked {
    fn question(&mut self) -> Result<Question, Failure> {
        let ask = (self.analytic.ask)(&self.params).map_err(Failure::new)?;
        Ok(Question {
            ask,
            filters: std::mem::take(&mut self.filters),
            fold: !self.params.switch("case-sensitive"),
            memory: usize::try_from(self.params.whole("memory").max(1)).unwrap_or(1).saturating_mul(1 << 20),
        })
    }
}

/// The filters that `--where` and `--category` make.
fn filters(queries: &[String], language: &str, category: Option<&str>) -> Result<Vec<Rule>, Failure> {
    let source = match category {
        Some(c) => LogSource::with_keys(Names::Sigma, [("product", "windows"), ("category", c)]),
        None => LogSource::any(Names::Sigma),
    };
    let mut rules = Vec::new();
    for text in queries {
        let source = super::query::source(text)?;
        rules.push(super::query::read(language, None, &source, &languages::Options::default())?);
    }
    if category.is_none() {
        return Ok(rules);
    }
    if rules.is_empty() {
        return Ok(vec![within(None, &source)]);
    }
    Ok(rules.into_iter().map(|r| within(Some(r), &source)).collect())
}

fn run(matches: &ArgMatches, merged: &Merged, analytic: &'static Analytic) -> Outcome {
    let settings = Settings::new(merged)?;
    let queries: Vec<String> = matches.get_many::<String>("where").into_iter().flatten().cloned().collect();
    let language = matches.get_one::<String>("language").map_or("kql", String::as_str);
    let category = matches.get_one::<String>("category").map(String::as_str);
    let filters = filters(&queries, language, category)?;
    let asked = Asked {
        analytic,
        params: typed(matches, analytic)?,
        filters: filters.clone(),
        about: HuntResult::default(),
    };
    let inputs = paths(matches);
    let (asked, results, totals) = answer(vec![asked], &inputs, &settings)?;
    let exit = write(&results, &totals, matches, &settings)?;
    if let (Some(file), [result], [asked]) =
        (matches.get_one::<PathBuf>("save-rule"), results.as_slice(), asked.as_slice())
    {
        let row = matches.get_one::<usize>("row").copied().unwrap_or(1);
        let filter = queries.first().map(String::as_str).zip(filters.first());
        let row = save::Row { result, row, params: &asked.params, category, filter };
        save::save(&row, file, &inputs, &scanning::scan_options(&settings), settings.quiet)?;
    }
    Ok(exit)
}

/// Looks through the logs and runs the analytics.
fn answer(
    mut asked: Vec<Asked>,
    inputs: &[PathBuf],
    settings: &Settings,
) -> Result<(Vec<Asked>, Vec<HuntResult>, Totals), Failure> {
    if let [only] = inputs {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    let questions = asked.iter_mut().map(Asked::question).collect::<Result<Vec<_>, _>>()?;
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let options: ScanOptions = scanning::scan_options(settings);
    let seen = hunt(questions, shared::taxonomy(), inputs, &options, &bar);
    drop(bar);
    let (data, totals) = seen.map_err(Failure::new)?;
    let results = asked.iter().zip(&data).map(|(a, data)| {
        let result = a.analytic.result(&a.params, data);
        let HuntResult { id, title, techniques, hypothesis, confirms, refutes, .. } = a.about.clone();
        HuntResult { id, title, techniques, hypothesis, confirms, refutes, ..result }
    });
    let results = results.collect();
    Ok((asked, results, totals))
}

fn write(results: &[HuntResult], totals: &Totals, matches: &ArgMatches, settings: &Settings) -> Outcome {
    let inputs = paths(matches);
    let mut out = stream::open(settings.output.as_deref(), &inputs)?;
    let format = matches.get_one::<String>("report").map_or("table", String::as_str);
    let mut style = Stream::Out.style(settings.colour, settings.verbose);
    if settings.output.is_some() {
        style.width = None;
        style.colour &= settings.colour == crate::settings::Colour::Always;
    }
    for (i, result) in results.iter().enumerate() {
        match format {
            "ndjson" => out.write_all(&written::to_ndjson(result))?,
            "csv" => out.write_all(written::to_csv(result).as_bytes())?,
            _ => {
                if i > 0 {
                    writeln!(out)?;
                }
                let pictures = !matches.get_flag("no-pictures");
                out.write_all(written::render(result, &style, pictures).as_bytes())?;
            }
        }
    }
    out.flush()?;
    reporting::of_hunts(results, totals, matches, settings)?;
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::read(totals, &style, None).trim_end());
    }
    Ok(if totals.unreadable() || totals.cancelled { Exit::Incomplete } else { Exit::Done })
}
