//! `shikra pack`: list, show and check technique packs.

use std::path::Path;

use clap::{Arg, ArgMatches};
use shikra_engine::languages::Options;
use shikra_output::pack::{pack_json, pack_line, pack_page, problem_json};
use shikra_pack::{Bundle, check, embedded, open};

use super::{Command, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::names::nearest;
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `pack list`.
pub static LIST: Command = Command {
    words: &["pack", "list"],
    about: "List technique packs",
    long: "Examples:\n  shikra pack list\n  shikra pack list my-packs --format ndjson",
    settings: &[],
    args: |c| c.arg(packs_arg(false)).arg(report_format()),
    run: list,
};

/// `pack show`.
pub static SHOW: Command = Command {
    words: &["pack", "show"],
    about: "Show all that a pack knows of its technique",
    long: "Examples:\n  shikra pack show T1218.003\n  shikra pack show T1191 --format ndjson\n\n\
           An older id of the technique finds its pack as well.",
    settings: &[],
    args: |c| c.arg(packs_arg(true)).arg(report_format()),
    run: show,
};

/// `pack check`.
pub static CHECK: Command = Command {
    words: &["pack", "check"],
    about: "Say what of a pack does not hold: references, detections, exclusions without tests",
    long: "Examples:\n  shikra pack check T1218.003\n  shikra pack check packs/\n\n\
           Ends with exit code 1 where something does not hold.",
    settings: &[],
    args: |c| c.arg(packs_arg(false)).arg(report_format()),
    run: run_check,
};

fn packs_arg(required: bool) -> Arg {
    Arg::new("packs")
        .value_name("PATH|ID")
        .help("Packs: folders, or ids of those that ship with the program [default: all of these]")
        .num_args(usize::from(required)..)
        .required(required)
}

/// The packs that are named; all that ship where none is.
fn chosen(matches: &ArgMatches) -> Result<Vec<Bundle>, Failure> {
    let named: Vec<&String> = matches.get_many::<String>("packs").into_iter().flatten().collect();
    if named.is_empty() {
        return Ok(embedded());
    }
    let mut out = Vec::new();
    for name in named {
        out.extend(find(name)?);
    }
    Ok(out)
}

/// The packs at a path, or the one of an id.
///
/// # Errors
/// Where there is neither.
pub fn find(name: &str) -> Result<Vec<Bundle>, Failure> {
    let path = Path::new(name);
    if path.exists() {
        return open(path).map_err(|e| Failure::new(e.to_string()));
    }
    let all = embedded();
    let is = |b: &Bundle| {
        b.pack.id.eq_ignore_ascii_case(name) || b.pack.formerly.iter().any(|f| f.eq_ignore_ascii_case(name))
    };
    if let Some(found) = all.iter().find(|b| is(b)) {
        return Ok(vec![found.clone()]);
    }
    let near = nearest(name, all.iter().map(|b| b.pack.id.as_str()));
    let near = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
    Err(Failure::new(format!("there is no pack `{name}`{near}")))
}

fn list(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let style = (!wants_json(matches)).then_some(&style);
    for bundle in chosen(matches)? {
        let rules = bundle.detections(&Options::default()).rules;
        stream::print(&(pack_line(&bundle, &rules, style) + "\n"))?;
    }
    Ok(Exit::Done)
}

fn show(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    for bundle in chosen(matches)? {
        let rules = bundle.detections(&Options::default()).rules;
        stream::print(&match wants_json(matches) {
            true => pack_json(&bundle, &rules) + "\n",
            false => pack_page(&bundle, &rules, &style),
        })?;
    }
    Ok(Exit::Done)
}

fn run_check(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let taxonomy = shared::taxonomy();
    let mut bad = false;
    for bundle in chosen(matches)? {
        let problems = check(&bundle, &taxonomy);
        bad |= problems.iter().any(|p| p.is_error());
        for problem in &problems {
            stream::print(&match wants_json(matches) {
                true => problem_json(&bundle, problem) + "\n",
                false => shikra_output::pack::problem_text(problem),
            })?;
        }
        if !settings.quiet {
            let verdict =
                if problems.is_empty() { "holds".to_owned() } else { format!("{} problems", problems.len()) };
            stream::say(&format!("{} {}: {verdict}", bundle.pack.id, bundle.pack.name));
        }
    }
    Ok(if bad { Exit::Found } else { Exit::Done })
}
