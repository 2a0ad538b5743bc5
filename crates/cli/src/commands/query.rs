//! `shikra query`: one query, asked of logs.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use shikra_engine::{Detector, languages, scan};
use shikra_ir::LoadStatus;
use shikra_output::totals;
use shikra_syntax::Source;

use super::{Command, paths, paths_arg, scan as scanning, shared};
use crate::config::Merged;
use crate::exit::{Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `query`.
pub static COMMAND: Command = Command {
    words: &["query"],
    about: "Ask one query of logs, in any language",
    long: "Prints what the query finds, as `scan` prints findings.\n\n\
           Examples:\n  shikra query --language eql 'process where process.name : \"cmstp.exe\"' logs/\n  \
           shikra query --language kql --dialect lucene 'process.name:/cm.*/ AND NOT user.name:x' logs/\n  \
           shikra query --language spl @search.txt --format ndjson logs/",
    settings: &["format", "output", "threads", "memory", "since", "until"],
    args: |c| {
        let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let language = text("language", "NAME").required(true);
        let dialect = text("dialect", "NAME").help(
            "Whose dialect: elastic, endpoint, endgame (EQL); ecs, lucene (KQL); spark, playbook (SQL)",
        );
        let cased = Arg::new("case-sensitive").long("case-sensitive").action(ArgAction::SetTrue);
        let size = text("size", "N").value_parser(value_parser!(u64)).help("Greatest number of results");
        let samples = text("max-samples-per-key", "N").value_parser(value_parser!(u32));
        c.arg(
            language
                .value_parser(languages::query_languages().collect::<Vec<_>>())
                .help("Language of the query"),
        )
        .arg(dialect)
        .arg(cased.help("Comparisons heed case, where the dialect leaves that open"))
        .arg(size)
        .arg(samples.help("Greatest number of samples per key (EQL)"))
        .arg(Arg::new("text").value_name("QUERY").required(true).help("The query, or @FILE"))
        .arg(paths_arg("Files and folders to ask"))
    },
    run,
};

/// Languages, and the names that their dialects are known by.
const DIALECTS: &[(&str, &str, &str)] = &[
    ("eql", "elastic", "elastic"),
    ("eql", "elasticsearch", "elastic"),
    ("eql", "endpoint", "endpoint"),
    ("eql", "endgame", "endgame"),
    ("kql", "ecs", "ecs"),
    ("kql", "lucene", "lucene"),
    ("sql", "spark", "spark"),
    ("sql", "playbook", "playbook"),
];

/// The dialect of `language` that is called `name`.
fn dialect(language: &str, name: &str) -> Result<&'static str, Failure> {
    let of_language = || DIALECTS.iter().filter(|(l, ..)| *l == language);
    let found = of_language().find(|(_, n, _)| *n == name).map(|(.., dialect)| *dialect);
    found.ok_or_else(|| {
        let known: Vec<&str> = of_language().map(|(_, n, _)| *n).collect();
        Failure::new(match known.as_slice() {
            [] => format!("{language} has no dialects"),
            known => format!("{language} has no dialect {name:?}: it is one of {}", known.join(", ")),
        })
    })
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    ask(rule(matches)?, matches, merged)
}

/// Runs a query on the inputs that were named.
///
/// # Errors
/// Where it cannot run.
pub fn ask(rule: shikra_ir::Rule, matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    if let [only] = inputs.as_slice() {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    let detector = Detector::new(vec![rule], shared::taxonomy());
    if let Some(why) = detector.not_run().first() {
        return Err(Failure::new(format!("the query cannot run: {}", why.reason)));
    }
    let mut writer = scanning::writer(&settings, &inputs)?;
    interrupt::listen();
    let bar = Bar::new(settings.quiet);
    let result = scan(&detector, &inputs, &scanning::scan_options(&settings), &mut writer, &bar);
    drop(bar);
    let totals = result?;
    writer.finish(&totals)?;
    if !settings.quiet {
        let style = Stream::Err.style(settings.colour, settings.verbose);
        stream::say(totals::render(&totals, &style, None).trim_end());
    }
    Ok(scanning::exit(&totals, &settings))
}

/// The rule of the query that was typed.
fn rule(matches: &ArgMatches) -> Result<shikra_ir::Rule, Failure> {
    let word = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let dialect = match word("dialect") {
        "" => None,
        name => Some(dialect(word("language"), name)?),
    };
    let mut options = languages::Options::default();
    options.query.case_sensitive = matches.get_flag("case-sensitive");
    options.query.size = matches.get_one("size").copied();
    options.query.max_samples_per_key = matches.get_one("max-samples-per-key").copied();
    read(word("language"), dialect, &source(word("text"))?, &options)
}

/// The rule of a query. What the frontend has to say goes to standard error.
///
/// # Errors
/// Where the query cannot be used.
pub fn read(
    language: &str,
    dialect: Option<&'static str>,
    source: &Source,
    options: &languages::Options,
) -> Result<shikra_ir::Rule, Failure> {
    let rule = languages::query(language, dialect, source, options)
        .ok_or_else(|| Failure::new(format!("there is no language {language:?}")))?;
    for d in &rule.diagnostics {
        let mut text = String::new();
        shikra_output::escape::terminal_lines(&d.render(source), &mut text);
        stream::say(&text);
    }
    match rule.status {
        LoadStatus::Rejected => Err(Failure::new("the query cannot be used")),
        _ => Ok(rule),
    }
}

/// The query, or the file that `@` names. `@timestamp > x` is a query.
///
/// # Errors
/// Where the file cannot be read.
pub fn source(text: &str) -> Result<Source, Failure> {
    let is_file = |p: &&str| PathBuf::from(p).exists() || !p.contains([':', '<', '>', '=']);
    let Some(path) = text.strip_prefix('@').filter(is_file) else { return Ok(Source::new("query", text)) };
    let read = std::fs::read_to_string(PathBuf::from(path));
    read.map(|t| Source::new(path, t)).map_err(|e| Failure::new(format!("cannot read {path}: {e}")))
}
