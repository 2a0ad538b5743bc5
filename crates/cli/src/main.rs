//! The program `shikra`: arguments, progress, exit codes. Only this crate prints or exits.
//!
//! Results go to standard output, everything else to standard error. What a command does is in its file under
//! `commands/`; what runs is `engine`'s, what it looks like is `output`'s.

use std::process::ExitCode;

mod commands;
mod config;
mod exit;
mod interrupt;
mod memory;
mod names;
mod progress;
mod settings;
mod stream;
mod terminal;

fn main() -> ExitCode {
    memory::in_small_pages();
    let exit = match commands::parse(std::env::args_os()) {
        Ok(matches) => commands::run(&matches).unwrap_or_else(|failure| failure.tell()),
        Err(e) => exit::usage(&e),
    };
    memory::end(exit)
}
