//! The allocator, how the system gives it memory, and how it is left behind.

use std::process::ExitCode;

use crate::exit::Exit;

/// Findings are made of many small texts, and rules of small trees; the system's allocator is the slowest part of
/// making either.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the system give memory in small pages, where it can be told to.
///
/// In huge pages, what is little used of each size of text and tree takes two megabytes, which are cleared first: a
/// third more memory, and with thousands of rules a tenth of the time. What is looked up fits the processor's caches
/// either way. Where the system refuses, it costs that much.
pub fn in_small_pages() {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).ok();
}

/// Ends the program. The allocator takes leave of the thread that ends it by going through all pages that the thread
/// holds, which with thousands of rules takes as long as to read a tenth of them; so a thread ends it that holds none.
#[expect(clippy::exit, reason = "nothing is left to do")]
pub fn end(exit: Exit) -> ExitCode {
    let code = exit as u8;
    if let Ok(end) = std::thread::Builder::new().spawn(move || std::process::exit(code.into())) {
        end.join().ok();
    }
    ExitCode::from(code)
}
