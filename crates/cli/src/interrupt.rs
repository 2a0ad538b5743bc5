//! Ctrl-C: the first ends the work with what was found so far, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Exit code of a program ended by SIGINT, by convention of shells.
const BY_SIGNAL: i32 = 130;

/// Begins to listen.
pub fn listen() {
    // Where no handler can be set, Ctrl-C ends the program at once, as ever.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            leave();
        }
    });
}

#[allow(clippy::exit)] // the user has asked twice
fn leave() {
    std::process::exit(BY_SIGNAL);
}

/// Whether the user has asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
