//! Reading all events of inputs into a state per thread: for what does not depend on their order, or can put itself
//! in order by the place of each event.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use shikra_event::Event;
use shikra_input::{Decode, Part, Sink, Trouble};

use crate::finding::{Progress, Totals};
use crate::read::{self, Read, Take, Work};
use crate::scan::ScanOptions;

/// Where an event stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The source, as the user named it.
    pub source: &'a Arc<str>,
    /// Place in the order of the input.
    pub order: u64,
}

/// Takes events, in any order of parts.
pub trait Fold: Send {
    /// One event.
    fn event(&mut self, event: &Event<'_>, place: Place<'_>);
}

/// Reads `paths`; every thread has a state of its own, made by `make`. Which thread reads what is left to chance.
/// What could not be read is in the totals.
pub fn fold<F: Fold>(
    paths: &[PathBuf],
    options: &ScanOptions,
    progress: &dyn Progress,
    make: impl Fn() -> F + Sync,
) -> (Vec<F>, Totals) {
    let states: Mutex<Vec<F>> = Mutex::default();
    let mut totals = Totals::default();
    let worker = || Worker { state: Some(make()), options, states: &states };
    read::pass(paths, options, progress, worker, &mut totals);
    (states.into_inner().unwrap_or_else(PoisonError::into_inner), totals)
}

struct Worker<'a, F> {
    /// Until it goes to `states`, when the worker ends.
    state: Option<F>,
    options: &'a ScanOptions,
    states: &'a Mutex<Vec<F>>,
}

impl<F> Drop for Worker<'_, F> {
    fn drop(&mut self) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).extend(self.state.take());
    }
}

impl<F: Fold> Work for Worker<'_, F> {
    type Made = ();

    fn part(&mut self, part: &Part, number: u64, decoder: &mut dyn Decode, read: &mut Read) {
        if let Some(state) = &mut self.state {
            let options = self.options;
            decoder.decode(part, &mut PartSink { state, options, part, order: number << 32, read });
        }
    }
}

impl Take<()> for Totals {
    fn totals(&mut self) -> &mut Totals {
        self
    }

    fn take(&mut self, (): ()) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

struct PartSink<'a, F> {
    state: &'a mut F,
    options: &'a ScanOptions,
    part: &'a Part,
    order: u64,
    read: &'a mut Read,
}

impl<F: Fold> Sink for PartSink<'_, F> {
    fn event(&mut self, event: &Event<'_>) {
        self.order += 1;
        if !self.read.event(event, self.options) {
            return;
        }
        self.state.event(event, Place { source: &self.part.source.name, order: self.order });
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.read.troubles.push(trouble);
    }
}
