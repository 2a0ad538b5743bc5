//! What a lazy automaton has made so far, for each of the threads that search with it.
//!
//! Each thread comes to a place of its own, on lines of the processor's cache that no other thread writes to. With one
//! word that every search writes (who is first, how many are free), two threads spend more time on passing its line to
//! and fro than on searching.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use regex_automata::hybrid::dfa::Cache;

/// Threads that have places of their own; more share them.
const PLACES: usize = 8;

/// Made when a thread first comes.
type Made = Option<Box<Cache>>;

/// As much as two lines of the cache, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place(Mutex<Made>);

/// The caches of one automaton.
#[derive(Debug, Default)]
pub(super) struct Caches(Box<[Place; PLACES]>);

impl Caches {
    /// The present thread's; where another thread is there, one that is free.
    pub fn own(&self) -> MutexGuard<'_, Made> {
        let own = number() % PLACES;
        let (before, from) = self.0.split_at(own);
        let free = from.iter().chain(before).find_map(|place| match place.0.try_lock() {
            Ok(place) => Some(place),
            Err(TryLockError::Poisoned(e)) => Some(emptied(e)),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.0[own].0.lock().unwrap_or_else(emptied))
    }
}

/// What a search that came to grief has left behind is not used again.
fn emptied(e: PoisonError<MutexGuard<'_, Made>>) -> MutexGuard<'_, Made> {
    let mut place = e.into_inner();
    *place = None;
    place
}

/// Number of the present thread.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.try_with(|n| *n).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comer_has_a_place_to_itself() {
        let caches = Caches::default();
        let mut held: Vec<_> = (0..PLACES).map(|_| caches.own()).collect();
        let mut addresses: Vec<usize> =
            held.iter().map(|place| std::ptr::from_ref(&**place).addr()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), PLACES);
        // One more comes to one that becomes free.
        held.pop();
        drop(caches.own());
    }
}
