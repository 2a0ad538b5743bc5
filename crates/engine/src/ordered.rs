//! Work done by several threads, results taken in the order of the jobs.
//!
//! One thread at a time draws the next job; results wait until all earlier ones have been taken. How many may wait is
//! bounded where that bounds memory. The caller's thread takes the results, and works like the others
//! in between: a thread that did nothing but take would be woken for every result and push a worker from its core.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Any number of results may wait: for passes that keep them all anyway.
pub(crate) const ALL: u64 = u64::MAX;

/// Draws jobs from `next`, turns each into a result with `work` (one `worker()` state per thread), and hands the
/// results to `take` in order, until there are no more jobs or `take` breaks. A thread's state ends in `end`, while others
/// may be at work. `ahead`: results that may wait for an earlier one, per thread.
pub(crate) fn run<J, W, T>(
    threads: usize,
    ahead: u64,
    next: impl FnMut(&mut W) -> Option<J> + Send,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, J) -> T + Sync,
    end: impl Fn(W) + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) where
    J: Send,
    T: Send,
{
    let shared = Shared::new(next, threads.max(1), ahead);
    std::thread::scope(|scope| {
        for _ in 1..shared.threads {
            scope.spawn(|| {
                shared.begun();
                end(shared.worker_loop(worker(), &work));
            });
        }
        shared.await_others();
        // Also when `take` panics or breaks, workers must not wait for ever.
        let _stop = StopOnDrop(&shared);
        end(shared.caller_loop(worker(), &work, &mut take));
    });
}

struct Shared<F, T> {
    jobs: Mutex<Jobs<F>>,
    results: Mutex<Results<T>>,
    changed: Condvar,
    threads: usize,
    /// Results that may wait.
    most: u64,
}

struct Jobs<F> {
    next: F,
    drawn: u64,
    ended: bool,
}

struct Results<T> {
    waiting: BTreeMap<u64, T>,
    taken: u64,
    /// Threads beside the caller's that have begun, and that have ended.
    begun: usize,
    idle: usize,
    /// Threads that wait for a change: to wake nobody is a call of the system all the same.
    asleep: usize,
    stop: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F, T> Shared<F, T> {
    fn new(next: F, threads: usize, ahead: u64) -> Self {
        Shared {
            jobs: Mutex::new(Jobs { next, drawn: 0, ended: false }),
            results: Mutex::new(Results {
                waiting: BTreeMap::new(),
                taken: 0,
                begun: 0,
                idle: 0,
                asleep: 0,
                stop: false,
            }),
            changed: Condvar::new(),
            threads,
            most: ahead.saturating_mul(threads as u64),
        }
    }

    fn begun(&self) {
        let mut results = lock(&self.results);
        results.begun += 1;
        self.wake(&results);
    }

    /// Waits until all other threads have begun. A new thread is put on the processor of the one that made it, and when
    /// that one goes on, they share it until the system looks for a better place, some milliseconds later; who wakes up is
    /// put on a processor that is free.
    fn await_others(&self) {
        let mut results = lock(&self.results);
        while results.begun < self.threads - 1 {
            results = self.wait(results);
        }
    }

    fn worker_loop<J, W>(&self, mut state: W, work: &(impl Fn(&mut W, J) -> T + Sync)) -> W
    where
        F: FnMut(&mut W) -> Option<J>,
    {
        let _idle = IdleOnDrop(self);
        while let Some((number, job)) = self.draw(&mut state) {
            let result = work(&mut state, job);
            let mut results = lock(&self.results);
            while !results.stop && number - results.taken >= self.most {
                results = self.wait(results);
            }
            if results.stop {
                break;
            }
            results.waiting.insert(number, result);
            self.wake(&results);
        }
        state
    }

    /// Works, and after each piece of work takes all results whose turn it is; at the end it waits for the others.
    fn caller_loop<J, W>(
        &self,
        mut state: W,
        work: &impl Fn(&mut W, J) -> T,
        take: &mut impl FnMut(T) -> ControlFlow<()>,
    ) -> W
    where
        F: FnMut(&mut W) -> Option<J>,
    {
        while let Some((number, job)) = self.draw(&mut state) {
            let result = work(&mut state, job);
            lock(&self.results).waiting.insert(number, result);
            while let Some(result) = self.ready_result() {
                if take(result).is_break() {
                    return state;
                }
            }
        }
        while let Some(result) = self.next_result() {
            if take(result).is_break() {
                break;
            }
        }
        state
    }

    fn draw<J, W>(&self, state: &mut W) -> Option<(u64, J)>
    where
        F: FnMut(&mut W) -> Option<J>,
    {
        let mut jobs = lock(&self.jobs);
        if jobs.ended || lock(&self.results).stop {
            return None;
        }
        match (jobs.next)(state) {
            Some(job) => {
                jobs.drawn += 1;
                Some((jobs.drawn - 1, job))
            }
            None => {
                jobs.ended = true;
                None
            }
        }
    }

    /// The next result in order, if it is there.
    fn ready_result(&self) -> Option<T> {
        self.taken(&mut lock(&self.results))
    }

    /// The next result in order; none when all workers have ended and nothing waits.
    fn next_result(&self) -> Option<T> {
        let mut results = lock(&self.results);
        loop {
            if let Some(result) = self.taken(&mut results) {
                return Some(result);
            }
            if results.idle == self.threads - 1 {
                return None;
            }
            results = self.wait(results);
        }
    }

    fn wait<'r>(&self, mut results: MutexGuard<'r, Results<T>>) -> MutexGuard<'r, Results<T>> {
        results.asleep += 1;
        let mut results = self.changed.wait(results).unwrap_or_else(PoisonError::into_inner);
        results.asleep -= 1;
        results
    }

    fn wake(&self, results: &Results<T>) {
        if results.asleep > 0 {
            self.changed.notify_all();
        }
    }

    fn taken(&self, results: &mut Results<T>) -> Option<T> {
        let result = results.waiting.remove(&results.taken)?;
        results.taken += 1;
        self.wake(results);
        Some(result)
    }
}

struct StopOnDrop<'a, F, T>(&'a Shared<F, T>);

impl<F, T> Drop for StopOnDrop<'_, F, T> {
    fn drop(&mut self) {
        lock(&self.0.results).stop = true;
        self.0.changed.notify_all();
    }
}

/// Counts a worker as ended however it ends, a panic included.
struct IdleOnDrop<'a, F, T>(&'a Shared<F, T>);

impl<F, T> Drop for IdleOnDrop<'_, F, T> {
    fn drop(&mut self) {
        lock(&self.0.results).idle += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, ahead: u64, stop_after: usize) -> Vec<u64> {
        let mut numbers = 0..200u64;
        let mut got = Vec::new();
        run(
            threads,
            ahead,
            |_| numbers.next(),
            || 0u64,
            |count, n| {
                *count += 1;
                // Uneven work, so that results come out of order.
                (0..(n % 7) * 1000).fold(n * n, |a, b| std::hint::black_box(a ^ b ^ b))
            },
            drop,
            |r| {
                got.push(r);
                if got.len() == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        got
    }

    #[test]
    fn results_keep_the_order_of_jobs() {
        let want: Vec<u64> = (0..200).map(|n| n * n).collect();
        for (threads, ahead) in [(1, 1), (2, 1), (2, 3), (5, ALL)] {
            assert_eq!(squares(threads, ahead, usize::MAX), want);
            assert_eq!(squares(threads, ahead, 10), want[..10]);
        }
    }
}
