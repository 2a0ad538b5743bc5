//! `shikra info`: what is in files.

use std::path::PathBuf;

use clap::ArgMatches;
use shikra_engine::info;
use shikra_output::info as report;

use super::{Command, paths, paths_arg, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `info`.
pub static COMMAND: Command = Command {
    words: &["info"],
    about: "Say what is in files: form, channels, event ids, time span, gaps, damage",
    long: "",
    settings: &[],
    args: |c| c.arg(paths_arg("Files and folders")).arg(report_format()),
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs: Vec<PathBuf> = paths(matches);
    if let [only] = inputs.as_slice() {
        shared::must_exist(std::slice::from_ref(only), "input")?;
    }
    interrupt::listen();
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let json = wants_json(matches);
    let mut damaged = false;
    let bar = Bar::new(settings.quiet);
    info::survey(
        &inputs,
        &mut |file| {
            damaged |= file.unreadable();
            stream::print(&if json { report::to_json(file) + "\n" } else { report::render(file, &style) })
        },
        &bar,
    )?;
    Ok(if damaged { Exit::Incomplete } else { Exit::Done })
}
