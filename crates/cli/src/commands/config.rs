//! `shikra config show`: every setting, its value and who set it.

use clap::ArgMatches;
use shikra_output::{Paint, escape};

use super::{Command, report_format, wants_json};
use crate::config::{Merged, user_file};
use crate::exit::{Exit, Outcome};
use crate::settings::{SETTINGS, Settings};
use crate::stream;
use crate::terminal::Stream;

/// `config show`.
pub static SHOW: Command = Command {
    words: &["config", "show"],
    about: "Show every setting, its value and who set it",
    long: "Later wins: shikra.toml in the working folder, the user's configuration file, SHIKRA_* variables, \
           flags. The file of the working folder comes first since it may be evidence; it cannot set `output`.",
    settings: &[],
    args: |c| c.arg(report_format()),
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let mut out = String::new();
    for s in SETTINGS {
        let (values, origin) = merged.get(s);
        if wants_json(matches) {
            out.push_str(&shikra_output::setting_json(s.key, &values, &origin.to_string()));
            out.push('\n');
            continue;
        }
        let value = if values.is_empty() { "-".to_owned() } else { values.join(", ") };
        let name = style.paint(Paint::Strong, &format!("{:13}", s.key));
        let origin = style.paint(Paint::Faint, &format!("({})", escape::for_terminal(&origin.to_string())));
        out.push_str(&format!("{name} {}  {origin}\n", escape::for_terminal(&value)));
    }
    stream::print(&out)?;
    if settings.verbose
        && let Some(path) = user_file()
    {
        stream::say(&escape::for_terminal(&format!("the user's configuration file is {}", path.display())));
    }
    Ok(Exit::Done)
}
