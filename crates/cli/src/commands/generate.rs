//! `shikra generate`: completions for shells, pages for the manual.

use clap::{Arg, ArgMatches, Command as Clap};
use clap_complete::Shell;

use super::{Command, command_line};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::stream;

/// `generate completions`.
pub static COMPLETIONS: Command = Command {
    words: &["generate", "completions"],
    about: "Print completions for a shell",
    long: "For bash: shikra generate completions bash > ~/.local/share/bash-completion/completions/shikra",
    settings: &[],
    args: |c| {
        let shell = Arg::new("shell").value_name("SHELL").help("The shell").required(true);
        c.arg(shell.value_parser(clap::value_parser!(Shell)))
    },
    run: completions,
};

/// `generate man`.
pub static MAN: Command = Command {
    words: &["generate", "man"],
    about: "Print a page of the manual (roff)",
    long: "shikra generate man scan | man -l -",
    settings: &[],
    args: |c| {
        c.arg(
            Arg::new("command")
                .value_name("COMMAND")
                .num_args(0..)
                .help("The command [default: all of shikra]"),
        )
    },
    run: man,
};

fn completions(matches: &ArgMatches, _: &Merged) -> Outcome {
    let mut out = Vec::new();
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        clap_complete::generate(*shell, &mut command_line(), "shikra", &mut out);
    }
    stream::print(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Done)
}

fn man(matches: &ArgMatches, _: &Merged) -> Outcome {
    let words: Vec<&String> = matches.get_many::<String>("command").into_iter().flatten().collect();
    let mut command = command_line();
    command.build();
    let page = words.iter().try_fold(command, |c, word| {
        let below = c.find_subcommand(word)?.clone();
        // The page's title and synopsis name the whole command.
        let name = format!("{}-{}", c.get_display_name().unwrap_or(c.get_name()), below.get_name());
        Some(Clap::display_name(below, name))
    });
    let Some(page) = page else { return Err(Failure::new("there is no such command")) };
    let mut out = Vec::new();
    clap_mangen::Man::new(page).render(&mut out)?;
    stream::print(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Done)
}
