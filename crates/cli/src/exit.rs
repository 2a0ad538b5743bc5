//! How the program ends.

use std::io;

use shikra_output::escape;

use crate::stream;

/// Exit codes, the same for all commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done; what was asked about is there: findings at or above `--fail-on`, rejected rules.
    Found = 1,
    /// Could not run.
    Failed = 2,
    /// Done, but some input could not be read.
    Incomplete = 3,
}

/// Why a command could not run.
#[derive(Debug)]
pub enum Failure {
    /// One or several sentences for the user.
    Message(String),
    /// Output could not be written.
    Output(io::Error),
}

/// What a command answers.
pub type Outcome = Result<Exit, Failure>;

impl Failure {
    /// With a message.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message(message.into())
    }

    /// Tells the user; a reader who has gone away is no failure.
    pub fn tell(self) -> Exit {
        match self {
            Failure::Message(m) => stream::error(&m),
            Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            Failure::Output(e) => stream::error(&format!("cannot write: {e}")),
        }
        Exit::Failed
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Output(e)
    }
}

/// Help, version, or what is wrong with the arguments.
pub fn usage(e: &clap::Error) -> Exit {
    let text = e.render().to_string();
    if e.use_stderr() {
        let mut safe = String::new();
        escape::terminal_lines(&text, &mut safe);
        stream::say(safe.trim_end());
        return Exit::Failed;
    }
    match stream::print(&text) {
        Ok(()) => Exit::Done,
        Err(e) => Failure::from(e).tell(),
    }
}
