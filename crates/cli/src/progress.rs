//! The progress bar: one line on standard error, only where that is a terminal.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shikra_engine::finding::Progress;
use shikra_output::paint::{bytes, clip, thousands};

use crate::interrupt;
use crate::terminal::{self, Stream};

/// Time between two drawings.
const PAUSE: Duration = Duration::from_millis(100);
/// Nothing is drawn before this: short runs stay quiet.
const PATIENCE: Duration = Duration::from_millis(300);

/// Draws while work goes on; removes the line when dropped.
pub struct Bar {
    shown: bool,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    drawn: bool,
}

impl Bar {
    /// Shown only where standard error is a terminal and the user has not asked for quiet.
    pub fn new(quiet: bool) -> Bar {
        Bar { shown: !quiet && Stream::Err.is_terminal(), start: Instant::now(), state: Mutex::default() }
    }
}

impl Progress for Bar {
    fn progress(&self, done: u64, total: u64, events: u64) {
        let since = self.start.elapsed();
        if !self.shown || since < PATIENCE {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|l| l.elapsed() < PAUSE) {
            return;
        }
        state.last = Some(Instant::now());
        state.drawn = true;
        let text = clip(&line(done, total, events, since.as_secs_f64()), terminal::width().saturating_sub(1));
        // Carriage return, erase line (ECMA-48 EL).
        let _ = write!(io::stderr().lock(), "\r\x1b[2K{text}");
    }

    fn cancelled(&self) -> bool {
        interrupt::asked()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.state.lock().unwrap_or_else(PoisonError::into_inner).drawn {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
        }
    }
}

/// `[#####-----] 50 %  1.0 GiB of 2.0 GiB  1,234,567 events/s  0:12 left`.
fn line(done: u64, total: u64, events: u64, seconds: f64) -> String {
    let rate = thousands((events as f64 / seconds.max(0.001)) as u64);
    if total == 0 {
        return format!("{}  {} events  {rate} events/s", bytes(done), thousands(events));
    }
    let share = (done as f64 / total as f64).clamp(0.0, 1.0);
    let full = (share * 20.0) as usize;
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(20 - full.min(20)));
    let left = if share > 0.0 { clock(seconds / share - seconds) } else { "?".to_owned() };
    let percent = (share * 100.0) as u32;
    format!("[{bar}] {percent:3} %  {} of {}  {rate} events/s  {left} left", bytes(done), bytes(total))
}

/// `1:02:03`, `2:03`.
fn clock(seconds: f64) -> String {
    let s = seconds.clamp(0.0, 1e9) as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(
            line(1 << 20, 2 << 20, 3_000_000, 10.0),
            "[##########----------]  50 %  1.0 MiB of 2.0 MiB  300,000 events/s  0:10 left"
        );
        assert_eq!(line(10, 0, 5, 1.0), "10 B  5 events  5 events/s");
        assert_eq!(clock(3723.4), "1:02:03");
        assert!(line(5, 3, 0, 0.0).starts_with("[####################] 100 %"));
    }
}
