//! `shikra search`: text, a regular expression, a field's value or a query, anywhere in logs.

use std::io::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use shikra_engine::search::{Around, query as meant, search};
use shikra_engine::{Detector, languages, scan};
use shikra_ir::Rule;
use shikra_output::paint::thousands;
use shikra_output::{search as written, totals};

use super::{Command, paths, paths_arg, query, scan as scanning, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `search`.
pub static COMMAND: Command = Command {
    words: &["search"],
    about: "Find text, a regular expression or a field's value, with what stands around it",
    long: "QUERY is text, looked for in every field; /a regular expression/; field=value with the field's name in any \
           dialect and * in the value; field=/regex/; or a query of --language. Case does not matter.\n\nA table has \
           a line for each hit (two on a terminal), by event time; other formats are those of findings. With -C and \
           --tree each hit comes with the events around it on the same host, by event time over all files, and with \
           its process tree; formats are then table and ndjson (shikra.search/1).\n\nExamples:\n  shikra search \
           cmlua.dll logs\n  shikra search -C 5 --tree process.name=cmstp.exe logs\n  shikra search -f csv -o \
           hits.csv '/\\/(au|ns)\\b/' logs\n  shikra search --language kql 'process.name: cmstp.exe and not \
           user.name: admin' logs",
    settings: &["format", "output", "threads", "since", "until"],
    args: |c| {
        let context = Arg::new("context").long("context").short('C').value_name("N").default_value("0");
        let language = Arg::new("language").long("language").value_name("NAME");
        c.arg(
            context
                .value_parser(value_parser!(u16).range(..=1000))
                .help("Events around each hit on the same host"),
        )
        .arg(Arg::new("tree").long("tree").action(ArgAction::SetTrue).help("The process tree of each hit"))
        .arg(
            language
                .value_parser(languages::query_languages().collect::<Vec<_>>())
                .help("Language of the query"),
        )
        .arg(Arg::new("text").value_name("QUERY").required(true).help("What to look for"))
        .arg(paths_arg("Files and folders to search"))
    },
    run,
};

fn rule(matches: &ArgMatches) -> Result<Rule, Failure> {
    let text = matches.get_one::<String>("text").map_or("", String::as_str);
    if text.trim().is_empty() {
        return Err(Failure::new("there is nothing to look for"));
    }
    match matches.get_one::<String>("language") {
        Some(language) => query::read(language, None, &query::source(text)?, &languages::Options::default()),
        None => meant(text).map_err(Failure::new),
    }
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs = paths(matches);
    if let [only] = inputs.as_slice() {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    let detector = Detector::new(vec![rule(matches)?], shared::taxonomy());
    if let Some(why) = detector.not_run().first() {
        return Err(Failure::new(format!("the query cannot run: {}", why.reason)));
    }
    let context = usize::from(matches.get_one::<u16>("context").copied().unwrap_or(0));
    let around = Around { context, tree: matches.get_flag("tree") };
    interrupt::listen();
    let single = detector.rules().iter().all(|r| r.plan.single_events().is_some());
    if around.any() || settings.format.name == "table" && single {
        return with_surroundings(&detector, around, matches, &settings);
    }
    let mut writer = scanning::writer(&settings, &inputs)?;
    let bar = Bar::new(settings.quiet);
    let result = scan(&detector, &inputs, &scanning::scan_options(&settings), &mut writer, &bar);
    drop(bar);
    let read = result?;
    writer.finish(&read)?;
    tell(&totals::render(&read, &Stream::Err.style(settings.colour, settings.verbose), None), &settings);
    Ok(scanning::exit(&read, &settings))
}

fn tell(text: &str, settings: &Settings) {
    if !settings.quiet {
        stream::say(text.trim_end());
    }
}

/// Hits one by one, with what stands around them where that is asked for.
fn with_surroundings(
    detector: &Detector,
    around: Around,
    matches: &ArgMatches,
    settings: &Settings,
) -> Outcome {
    let inputs = paths(matches);
    if around.any() && inputs.iter().any(|p| p.as_path() == Path::new("-")) {
        return Err(Failure::new("-C and --tree read the input twice: standard input cannot be"));
    }
    let json = match settings.format.name {
        "table" => false,
        "ndjson" => true,
        other => {
            return Err(Failure::new(format!("-C and --tree are written as table or ndjson, not {other}")));
        }
    };
    if detector.rules().iter().any(|r| r.plan.single_events().is_none()) {
        return Err(Failure::new(
            "-C and --tree take a condition on single events, without sequences, counts or joins",
        ));
    }
    let mut out = stream::open(settings.output.as_deref(), &inputs)?;
    let bar = Bar::new(settings.quiet);
    let (hits, beyond, read) = search(detector, &inputs, &scanning::scan_options(settings), around, &bar);
    drop(bar);
    let mut style = Stream::Out.style(settings.colour, settings.verbose);
    if settings.output.is_some() {
        style.width = None;
        style.colour &= settings.colour == crate::settings::Colour::Always;
    }
    for hit in &hits {
        match json {
            true => out.write_all(&written::to_ndjson(hit))?,
            false if around.any() => out.write_all(written::render(hit, &style).as_bytes())?,
            false => out.write_all(written::brief(hit, &style).as_bytes())?,
        }
    }
    out.flush()?;
    if beyond > 0 {
        stream::say(&written::beyond(beyond));
    }
    let style = Stream::Err.style(settings.colour, settings.verbose);
    let found = thousands(hits.len() as u64 + beyond);
    tell(&format!("{}hits     {found}", totals::read(&read, &style, None)), settings);
    Ok(if read.unreadable() || read.cancelled { Exit::Incomplete } else { Exit::Done })
}
