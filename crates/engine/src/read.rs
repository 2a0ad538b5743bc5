//! A pass over logs, the same for all that read them: parts are drawn with buffers used again, decoded on the
//! workers' threads, what was read is counted, and results come back in the order of the input. What is done with
//! the events is each pass's own.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shikra_event::{Event, Timestamp};
use shikra_input::{Decode, Drawn, Item, Part, Parts, Trouble, Unread};

use crate::finding::{Progress, Totals};
use crate::ordered;
use crate::scan::ScanOptions;

/// Troubles that are named one by one; the rest are counted.
const NAMED_TROUBLES: usize = 1000;

/// Results of parts that may wait for an earlier one, per thread: as much work as a system gives to another program
/// before it goes on with the thread that all wait for.
const AHEAD: u64 = 5;

/// Buffers to be used again, the smallest first. Memory that is given back to the system and taken anew costs more
/// than what is written into it.
#[derive(Clone, Default)]
pub(crate) struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

/// Bytes of buffers that are kept: more than are used again at one time.
const MOST_SPARE: usize = 16 << 20;
/// Larger buffers are not kept.
const LARGEST_SPARE: usize = 8 << 20;
/// The smallest buffer that is made to hold something for long.
const SMALLEST: usize = 64 << 10;

impl Spare {
    /// The largest of the buffers, empty, if there is one.
    pub fn take(&self) -> Option<Vec<u8>> {
        let mut buffer = self.lock().pop()?;
        buffer.clear();
        Some(buffer)
    }

    /// The buffer, or where it has much more room than it needs a copy of what is in it; the buffer is kept for later.
    pub fn shrunk(&self, buffer: Vec<u8>) -> Vec<u8> {
        if buffer.capacity() / 2 <= buffer.len() || buffer.capacity() <= SMALLEST {
            return buffer;
        }
        let mut copy = self.fitting(buffer.len());
        copy.extend_from_slice(&buffer);
        self.give_back(buffer);
        copy
    }

    /// The smallest buffer that has so much room.
    fn fitting(&self, room: usize) -> Vec<u8> {
        let mut all = self.lock();
        let at = all.partition_point(|b| b.capacity() < room);
        let fits = all.get(at).is_some_and(|b| b.capacity() / 4 <= room.max(SMALLEST));
        let mut buffer = if fits { all.remove(at) } else { Vec::new() };
        buffer.clear();
        buffer.reserve_exact(room.next_power_of_two().max(SMALLEST));
        buffer
    }

    /// Keeps a buffer for later, where there is room.
    pub fn give_back(&self, buffer: Vec<u8>) {
        if (1..=LARGEST_SPARE).contains(&buffer.capacity()) {
            let mut all = self.lock();
            let held: usize = all.iter().map(Vec::capacity).sum();
            if held + buffer.capacity() > MOST_SPARE {
                return;
            }
            let at = all.partition_point(|b| b.capacity() < buffer.capacity());
            all.insert(at, buffer);
        }
    }

    /// Nothing will be needed for a while.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was read, as counted.
#[derive(Default)]
pub(crate) struct Read {
    sources: u64,
    events: u64,
    outside: u64,
    span: Option<(Timestamp, Timestamp)>,
    /// What could not be read.
    pub troubles: Vec<Trouble>,
}

impl Read {
    /// Counts an event, and says whether it lies within the time that is asked for.
    pub fn event(&mut self, event: &Event<'_>, options: &ScanOptions) -> bool {
        self.events += 1;
        if let Some(t) = event.time {
            self.span = Some(self.span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
        }
        let outside = options.outside(event.time);
        self.outside += u64::from(outside);
        !outside
    }

    fn add_to(self, totals: &mut Totals) {
        totals.sources += self.sources;
        totals.events += self.events;
        totals.outside_time += self.outside;
        if let Some((first, last)) = self.span {
            totals.span = Some(totals.span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
        }
        for trouble in self.troubles {
            *totals.trouble_counts.entry(trouble.kind.as_str()).or_default() += 1;
            if totals.troubles.len() < NAMED_TROUBLES {
                totals.troubles.push(trouble);
            }
        }
    }
}

/// What a thread does with parts.
pub(crate) trait Work {
    /// What it makes of one.
    type Made: Send;

    /// Decodes a part, the `number`th of the input, and counts what it read.
    fn part(&mut self, part: &Part, number: u64, decoder: &mut dyn Decode, read: &mut Read) -> Self::Made;

    /// Ends, where no more parts are to come for its thread.
    fn end(self)
    where
        Self: Sized,
    {
    }
}

/// What becomes of the results, on the caller's thread.
pub(crate) trait Take<M> {
    /// Where is added up what was read.
    fn totals(&mut self) -> &mut Totals;

    /// Takes what was made of a part, in the order of the input; breaks to end the pass.
    fn take(&mut self, made: M) -> ControlFlow<()>;
}

/// Reads `paths` with a worker for each thread.
pub(crate) fn pass<W: Work>(
    paths: &[PathBuf],
    options: &ScanOptions,
    progress: &dyn Progress,
    worker: impl Fn() -> W + Sync,
    taker: &mut impl Take<W::Made>,
) {
    let total_bytes = shikra_input::estimate(paths.to_vec());
    let mut draw = Draw { parts: Parts::new(paths.to_vec(), options.input.clone()), drawn: 0 };
    let bytes = draw.parts.progress();
    ordered::run(
        options.threads.max(1),
        AHEAD,
        |thread: &mut Thread<W>| draw.next(&mut thread.spare),
        || Thread { worker: worker(), decoders: HashMap::new(), spare: None },
        Thread::work,
        |thread| thread.end(options.last),
        |(read, made)| {
            read.add_to(taker.totals());
            let flow = made.map_or(ControlFlow::Continue(()), |made| taker.take(made));
            let totals = taker.totals();
            totals.bytes = bytes.load(Ordering::Relaxed);
            progress.progress(totals.bytes, total_bytes, totals.events);
            totals.cancelled = progress.cancelled();
            if totals.cancelled { ControlFlow::Break(()) } else { flow }
        },
    );
}

/// What a thread is given: a part with its number, or what happened between parts.
enum Job {
    Part(u64, Part),
    Unread(u64, Unread),
    Trouble(Trouble),
    Source,
}

/// Draws the input part by part.
struct Draw {
    parts: Parts,
    drawn: u64,
}

impl Draw {
    /// `spare`: a buffer that is used again, with what was in it; to write over that takes less than to write anew.
    fn next(&mut self, spare: &mut Option<Vec<u8>>) -> Option<Job> {
        loop {
            let item = match self.parts.draw(spare.take())? {
                Drawn::Item(item) => item,
                Drawn::Unread(unread) => {
                    self.drawn += 1;
                    return Some(Job::Unread(self.drawn, unread));
                }
            };
            match item {
                Item::Part(part) => {
                    self.drawn += 1;
                    return Some(Job::Part(self.drawn, part));
                }
                Item::Trouble(t) => return Some(Job::Trouble(t)),
                Item::SourceStart(_) => return Some(Job::Source),
                Item::SourceEnd(_) => {}
            }
        }
    }
}

/// A worker with its decoders: what one has learnt of a format serves for the next part.
struct Thread<W> {
    worker: W,
    decoders: HashMap<&'static str, Box<dyn Decode>>,
    /// The buffer of the last part. It is in the caches of the processor that this thread runs on, not of another.
    spare: Option<Vec<u8>>,
}

impl<W: Work> Thread<W> {
    fn work(&mut self, job: Job) -> (Read, Option<W::Made>) {
        let mut read = Read::default();
        let made = match job {
            Job::Trouble(t) => {
                read.troubles.push(t);
                None
            }
            Job::Source => {
                read.sources = 1;
                None
            }
            Job::Part(number, part) => Some(self.part(number, part, &mut read)),
            Job::Unread(number, unread) => {
                let (part, trouble) = unread.read();
                let made = self.part(number, part, &mut read);
                read.troubles.extend(trouble);
                Some(made)
            }
        };
        (read, made)
    }

    fn part(&mut self, number: u64, part: Part, read: &mut Read) -> W::Made {
        let decoder = self.decoders.entry(part.format.name).or_insert_with(part.format.decode);
        let made = self.worker.part(&part, number, decoder.as_mut(), read);
        self.spare = Some(part.data).filter(|data| data.capacity() <= LARGEST_SPARE);
        made
    }

    /// `last`: see [`ScanOptions::last`].
    fn end(self, last: bool) {
        if last {
            std::mem::forget(self.decoders);
        }
        self.worker.end();
    }
}
