//! What is at the other end of standard output and standard error.

use std::io::IsTerminal;

use shikra_output::Style;

use crate::settings::Colour;

/// A stream of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Whether somebody is looking at it.
    pub fn is_terminal(self) -> bool {
        match self {
            Stream::Out => std::io::stdout().is_terminal(),
            Stream::Err => std::io::stderr().is_terminal(),
        }
    }

    /// Colour and width that suit it. Colour follows `--colour`, then <https://no-color.org>, then whether it
    /// is a terminal that can.
    pub fn style(self, colour: Colour, verbose: bool) -> Style {
        let terminal = self.is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        Style { colour, width: terminal.then(width), verbose }
    }
}

/// Columns of the terminal.
pub fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let asked = || terminal_size::terminal_size().map(|(w, _)| usize::from(w.0));
    told.or_else(asked).filter(|w| *w > 0).unwrap_or(80).clamp(20, 1000)
}
