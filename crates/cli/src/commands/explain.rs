//! `shikra explain`: clause by clause, why a rule matches an event or does not.

use std::path::PathBuf;

use clap::{Arg, ArgMatches};
use shikra_engine::{Detector, EventRef, explain};
use shikra_output::explain::Explained;
use shikra_syntax::Source;

use super::{Command, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `explain`.
pub static COMMAND: Command = Command {
    words: &["explain"],
    about: "Say clause by clause why a rule matches an event or does not",
    long: "An event is FILE#RECORD, the record's number as findings give it. Of a FILE alone, the first events \
           of the rule's log source are explained. RULE is an id, a title or a file.",
    settings: &["rules", "threads", "placeholders", "indicators", "pipeline", "baseline"],
    args: |c| {
        let rule = Arg::new("rule").value_name("RULE").required(true).help("Id, title or file of the rule");
        let event = Arg::new("event").value_name("EVENT").required(true).num_args(1..);
        let limit = Arg::new("limit").long("limit").short('n').value_name("N").default_value("5");
        c.arg(rule)
            .arg(event.help("FILE#RECORD, or FILE"))
            .arg(limit.value_parser(clap::value_parser!(u64)).help("Most events explained of a FILE"))
            .arg(report_format())
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted = matches.get_one::<String>("rule").map_or("", String::as_str);
    let events: Vec<EventRef> =
        matches.get_many::<String>("event").into_iter().flatten().map(|e| event_ref(e)).collect();
    for e in &events {
        shared::must_exist(std::slice::from_ref(&e.path), "event")?;
    }
    let limit = matches.get_one::<u64>("limit").copied().unwrap_or(5);
    let set = shared::load_for(wanted, &settings)?;
    let ids: Vec<String> = shared::find(&set.rules, wanted)?.iter().map(|r| r.meta.id.clone()).collect();
    let files = set.files;
    let detector = Detector::new(set.rules, shared::taxonomy());
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let mut told = 0;
    for (number, rule) in detector.rules().iter().enumerate().filter(|(_, r)| ids.contains(&r.meta.id)) {
        let source = files.iter().map(|f| &f.source).find(|s| *s.name == *rule.meta.path);
        let nowhere = Source::new("", "");
        for event in &events {
            explain(&detector, number as u32, event, limit, &mut |stage, view, explanation| {
                let part = stage.map(|n| format!("part {n}"));
                let source = source.unwrap_or(&nowhere);
                let e = Explained { rule: &rule.meta, source, part, event: view, explanation };
                told += 1;
                stream::print(&if wants_json(matches) { e.to_json() + "\n" } else { e.render(&style) + "\n" })
            })?;
        }
        if detector.filters_of(number as u32).is_empty() {
            let title = &rule.meta.title;
            return Err(Failure::new(format!("`{title}` does not run: `shikra rules check` says why")));
        }
    }
    if told == 0 {
        return Err(Failure::new("no such event, or none of the rule's log source"));
    }
    Ok(Exit::Done)
}

/// `FILE#RECORD`, unless a file of that whole name exists.
fn event_ref(text: &str) -> EventRef {
    let whole = PathBuf::from(text);
    let split = text.rsplit_once('#').and_then(|(path, n)| Some((path, n.parse().ok()?)));
    match split {
        Some((path, record)) if !whole.exists() => EventRef { path: path.into(), record: Some(record) },
        _ => EventRef { path: whole, record: None },
    }
}
