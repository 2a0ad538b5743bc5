//! The allocator, and how it is set.
//!
//! Findings are made of many small texts, and rules of small trees; the system's allocator is the slowest part of
//! making either. To give memory back to the system and to take it anew costs more than what is done with it: the
//! program reads its input to the end and is done, so it keeps what it has, which is never more than it once needed.

use std::ffi::{c_int, c_long};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`: milliseconds until free memory goes back to the system; below zero, never.
const PURGE_DELAY: c_int = 15;

#[allow(unsafe_code)]
mod native {
    use super::{c_int, c_long};

    // SAFETY: the signature is that of mimalloc.h. The function takes numbers only, refuses an option that there is not,
    // and stores the value; that it must not be called by two threads at a time is up to `keep`.
    unsafe extern "C" {
        pub safe fn mi_option_set(option: c_int, value: c_long);
    }
}

/// Has the allocator keep what is freed, unless the environment says otherwise. To be called before there are threads.
pub fn keep() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        native::mi_option_set(PURGE_DELAY, -1);
    }
}
