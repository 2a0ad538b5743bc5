//! Reading all events of inputs into a state per thread: for what does not depend on their order, or can put itself
//! in order by the place of each event.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use shikra_event::{Event, Timestamp};
use shikra_input::{Decode, Part, Sink, Trouble};

use crate::finding::{Progress, Totals};
use crate::ordered;
use crate::scan::{Job, NAMED_TROUBLES, Reader, ScanOptions, Spare, give_back};

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
    let total_bytes = shikra_input::estimate(paths.to_vec());
    let mut reader = Reader::new(paths, options);
    let spare = reader.spare.clone();
    let bytes = reader.parts.progress();
    let states: Mutex<Vec<F>> = Mutex::default();
    let mut totals = Totals::default();
    ordered::run(
        options.threads.max(1),
        || reader.next(),
        || Worker { state: Some(make()), decoders: HashMap::new(), options, states: &states },
        |worker, job| worker.work(job, &spare),
        |done: Done| {
            done.add_to(&mut totals);
            totals.bytes = bytes.load(Ordering::Relaxed);
            progress.progress(totals.bytes, total_bytes, totals.events);
            totals.cancelled = progress.cancelled();
            if totals.cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    (states.into_inner().unwrap_or_else(PoisonError::into_inner), totals)
}

struct Worker<'a, F> {
    /// Until it goes to `states`, when the worker ends.
    state: Option<F>,
    decoders: HashMap<&'static str, Box<dyn Decode>>,
    options: &'a ScanOptions,
    states: &'a Mutex<Vec<F>>,
}

impl<F> Drop for Worker<'_, F> {
    fn drop(&mut self) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).extend(self.state.take());
    }
}

#[derive(Default)]
struct Done {
    sources: u64,
    events: u64,
    outside: u64,
    span: Option<(Timestamp, Timestamp)>,
    troubles: Vec<Trouble>,
}

impl Done {
    fn add_to(self, totals: &mut Totals) {
        totals.sources += self.sources;
        totals.events += self.events;
        totals.outside_time += self.outside;
        if let Some((a, b)) = self.span {
            totals.span = Some(totals.span.map_or((a, b), |(c, d)| (a.min(c), b.max(d))));
        }
        for trouble in self.troubles {
            *totals.trouble_counts.entry(trouble.kind.as_str()).or_default() += 1;
            if totals.troubles.len() < NAMED_TROUBLES {
                totals.troubles.push(trouble);
            }
        }
    }
}

impl<F: Fold> Worker<'_, F> {
    fn work(&mut self, job: Job, spare: &Spare) -> Done {
        let mut done = Done::default();
        match job {
            Job::Trouble(t) => done.troubles.push(t),
            Job::Source => done.sources = 1,
            Job::Part(number, part) => {
                let mut decoder = self.decoders.remove(part.format.name).unwrap_or_else(part.format.decode);
                if let Some(state) = &mut self.state {
                    let options = self.options;
                    let mut sink = PartSink { state, options, part: &part, order: number << 32, done };
                    decoder.decode(&part, &mut sink);
                    done = sink.done;
                }
                self.decoders.insert(part.format.name, decoder);
                give_back(spare, part.data);
            }
        }
        done
    }
}

struct PartSink<'a, F> {
    state: &'a mut F,
    options: &'a ScanOptions,
    part: &'a Part,
    order: u64,
    done: Done,
}

impl<F: Fold> Sink for PartSink<'_, F> {
    fn event(&mut self, event: &Event<'_>) {
        self.order += 1;
        self.done.events += 1;
        if let Some(t) = event.time {
            self.done.span = Some(self.done.span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
        }
        if self.options.outside(event.time) {
            self.done.outside += 1;
            return;
        }
        self.state.event(event, Place { source: &self.part.source.name, order: self.order });
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.done.troubles.push(trouble);
    }
}
