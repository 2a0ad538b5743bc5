//! `shikra validate`: every detection against every test.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches};
use shikra_engine::ScanOptions;
use shikra_output::validation::FORMS;
use shikra_simulate::Format;
use shikra_validate::{Options, Report, embedded, examine, prove, validate};

use super::{Command, shared, simulate};
use crate::config::Merged;
use crate::exit::{Exit, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `validate`.
pub static COMMAND: Command = Command {
    words: &["validate"],
    about: "Run every detection against every test: what fires, what misses, what fires on something benign",
    long: "Ends with exit code 1 where a rule misses a test that names it, fires on something benign that nobody has \
           explained, or an expected signal is absent.\n\n\
           Examples:\n  \
           shikra validate\n  \
           shikra validate T1218.003 --rules sigma/rules --format json\n  \
           shikra validate packs/T1218.003 --format junit -o results.xml\n  \
           shikra validate T1218.003 --logs C:\\shikra-evidence\n  \
           shikra validate --rules sigma/rules --evidence sigma/regression_data",
    settings: &["rules", "output", "threads", "placeholders", "indicators", "pipeline"],
    args: |c| {
        let form = Arg::new("report").long("format").short('f').value_name("FORMAT").default_value("table");
        let seed = Arg::new("seed").long("seed").value_name("N").default_value("1");
        let background = Arg::new("background").long("background").value_name("N").default_value("200");
        let number = clap::value_parser!(u64);
        let paths = |name: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name("PATH")
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(PathBuf))
        };
        c.arg(paths("logs").help("Real logs in place of simulations: of a run with marks, or a recording"))
            .arg(paths("evidence").help(
                "Evidence that others publish, read in place: SigmaHQ's regression_data, CAR's true positives, Splunk's \
                 attack_data, Security-Datasets",
            ))
            .arg(simulate::what().num_args(0..).required(false))
            .arg(form.value_parser(["table", "json", "junit", "html"]).help("How the report is written"))
            .arg(seed.value_parser(number).help("Seed of the simulations"))
            .arg(
                background
                    .value_parser(number)
                    .help("About how many events of ordinary activity surround each test"),
            )
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let number = |key: &str| matches.get_one::<u64>(key).copied().unwrap_or(1);
    let named = matches.get_many::<String>("what").is_some();
    let loaded = if named { simulate::simulations(matches)? } else { embedded(None) };
    let rules = shared::load(&settings.rules, &settings)?.rules;
    let options = Options {
        play: simulate::options(number("seed"), number("background"))?,
        format: Format::Evtx,
        scan: ScanOptions { threads: settings.threads, ..ScanOptions::default() },
    };
    let listed =
        |name: &str| matches.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect::<Vec<_>>();
    let (logs, evidence) = (listed("logs"), listed("evidence"));
    shared::must_exist(&logs, "logs")?;
    shared::must_exist(&evidence, "evidence")?;
    let mut out = stream::open(settings.output.as_deref(), &logs)?;
    let taxonomy = shared::taxonomy();
    // Evidence alone needs no simulation; real logs take its place.
    let simulated = logs.is_empty() && (named || evidence.is_empty());
    let mut report = if simulated {
        validate(rules.clone(), &taxonomy, &loaded, &options)?
    } else {
        Report { rules: rules.iter().filter(|r| r.reports).count(), ..Report::default() }
    };
    if !logs.is_empty() {
        examine(&rules, &taxonomy, &loaded, &logs, &options.scan, &mut report)?;
    }
    if !evidence.is_empty() {
        prove(&rules, &taxonomy, &evidence, &options.scan, &mut report)?;
    }
    let wanted = matches.get_one::<String>("report");
    let form = FORMS.iter().find(|f| Some(f.name) == wanted.map(String::as_str)).unwrap_or(&FORMS[0]);
    let style = Stream::Out.style(settings.colour, settings.verbose);
    out.write_all((form.render)(&report, &style).as_bytes())?;
    out.flush()?;
    Ok(if report.failures() > 0 { Exit::Found } else { Exit::Done })
}
