//! `shikra sql`: events as tables, asked as notebooks ask them.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches};
use shikra_languages::{Options, sql_tables};

use super::{Command, query};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::stream;

/// `sql`.
pub static COMMAND: Command = Command {
    words: &["sql"],
    about: "Ask logs in SQL: events are rows, their fields columns",
    long: "Spark SQL, as the notebooks of the Threat Hunter Playbook have it; the same as `query --language sql`. A field \
        that an event does not have is null. Text is compared as it is: lower() and ILIKE ignore case.\n\n\
        Examples:\n  \
        shikra sql \"SELECT Image, count(*) AS n FROM dataTable WHERE EventID = 1 GROUP BY Image\" logs/\n  \
        shikra sql -f csv @query.sql Security.evtx\n  \
        shikra sql --tables",
    settings: &["format", "output", "threads", "since", "until"],
    args: |c| {
        let tables = Arg::new("tables").long("tables").action(ArgAction::SetTrue);
        let text = Arg::new("text").value_name("QUERY").required_unless_present("tables");
        c.arg(tables.help("List the tables there are, and end")).arg(text.help("The query, or @FILE")).arg(
            super::paths_arg("Files and folders to ask").required_unless_present("tables").required(false),
        )
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    if matches.get_flag("tables") {
        stream::print(&listed())?;
        return Ok(Exit::Done);
    }
    if super::paths(matches).is_empty() {
        return Err(Failure::new("no logs were named: give files or folders after the query"));
    }
    let text = matches.get_one::<String>("text").map_or("", String::as_str);
    let rule = query::read("sql", None, &query::source(text)?, &Options::default())?;
    query::ask(rule, matches, merged)
}

/// The names of what is a table.
fn listed() -> String {
    let mut out =
        String::from("dataTable  every event a row; columns are its fields as they stand in the event\n");
    let others: Vec<&str> = sql_tables().iter().copied().filter(|t| *t != "datatable").collect();
    let _ = writeln!(out, "           also known as {}", others.join(", "));
    out
}
