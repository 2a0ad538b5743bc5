//! What keyed and relational rules read of the events that passed a filter of theirs, handed on lane by lane, in the
//! order of event time. A lane is what has to be seen together: one rule, or all rules that share events with
//! others. So that never more than the rules of one lane hold state.
//!
//! Up to a budget they stay in memory, few bytes each: of shared values their numbers. Beyond it, sorted runs go to a
//! temporary file and are merged at the end, so memory stays bounded whatever the input.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use shikra_event::wire::{self, get, put};
use shikra_event::{Timestamp, Value};

use crate::kept::Place;
use crate::shared::{Shared, SharedId};

/// What survivors belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream {
    /// Streams of one lane are handed on together.
    pub lane: u32,
    /// Number of a program, or of what several programs share.
    pub number: u32,
}

impl Stream {
    /// The lane of programs that share leaves; every other one has a lane of its own.
    const SHARED_LANE: u32 = 0;
    /// In the number: it is that of shared leaves, not of a program.
    const SHARED: u32 = 1 << 31;

    /// What survivors of a program's own leaves belong to; `shares`: it has leaves that it shares as well.
    pub(crate) fn of_program(program: u32, shares: bool) -> Stream {
        Stream { lane: if shares { Stream::SHARED_LANE } else { program + 1 }, number: program }
    }

    /// What survivors of shared leaves belong to.
    pub(crate) fn of_shared(number: u32) -> Stream {
        Stream { lane: Stream::SHARED_LANE, number: number | Stream::SHARED }
    }

    /// The number of the shared leaves, where it is that of such.
    pub(crate) fn shared(self) -> Option<usize> {
        self.is_shared().then_some((self.number & !Stream::SHARED) as usize)
    }

    fn is_shared(self) -> bool {
        self.number & Stream::SHARED != 0
    }
}

/// One event that passed a leaf of a program, or one that several programs share. What was read of it is with whoever
/// holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Survivor {
    /// Event time; events without one take the time of the event before them in their source.
    pub time: Timestamp,
    /// Position of the event in the whole input: total order among equal times.
    pub order: u64,
    /// What it belongs to.
    pub stream: Stream,
    /// Leaf of that program.
    pub leaf: u32,
    /// Handle of the event.
    pub event: u64,
}

impl Survivor {
    /// An event at its place that passed a leaf.
    pub(crate) fn new(place: Place, stream: Stream, leaf: u32) -> Survivor {
        let Place { time, order, handle, .. } = place;
        Survivor { time, order, stream, leaf, event: handle }
    }

    /// An event at its place, nothing read of it.
    pub(crate) fn of(place: Place) -> Survivor {
        Survivor::new(place, Stream::of_program(0, false), 0)
    }

    fn key(&self) -> (u32, Timestamp, u64, u32) {
        (self.stream.lane, self.time, self.order, self.stream.number)
    }
}

/// Takes a survivor, and what was read of it: for [`values`].
pub(crate) type Visit<'v> = dyn FnMut(Survivor, &[u8]) -> io::Result<()> + 'v;

/// What was read of a survivor.
///
/// # Errors
/// Where the bytes are none that were written here.
pub(crate) fn values(mut from: &[u8], shared: &Shared) -> io::Result<Vec<Value>> {
    let mut out = Vec::new();
    while let Some((number, rest)) = from.split_first_chunk() {
        from = rest;
        let id = SharedId::from_le_bytes(*number);
        out.push(match shared.get(id) {
            Some(value) => value.clone(),
            None if id == Shared::NONE => wire::value(&mut from)?,
            None => return Err(bad()),
        });
    }
    Ok(out)
}

/// All survivors of a scan.
pub(crate) struct Survivors {
    budget: usize,
    /// Each with the place and the length of its values.
    pending: Vec<(Survivor, u32, u32)>,
    values: Vec<u8>,
    runs: Vec<(u64, u64)>,
    spill: Option<File>,
    end: u64,
}

impl Survivors {
    /// Empty, with a budget in bytes.
    pub(crate) fn new(budget: usize) -> Survivors {
        // Places of values have to fit.
        let budget = budget.min(1 << 31);
        Survivors { budget, pending: Vec::new(), values: Vec::new(), runs: Vec::new(), spill: None, end: 0 }
    }

    /// Adds one, with what was read of it.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    pub(crate) fn add<'v>(
        &mut self,
        survivor: Survivor,
        values: impl Iterator<Item = (&'v Value, SharedId)>,
    ) -> io::Result<()> {
        let start = self.values.len();
        for (value, id) in values {
            self.values.extend(id.to_le_bytes());
            if id == Shared::NONE {
                wire::put_value(value, &mut self.values);
            }
        }
        let length = u32::try_from(self.values.len() - start).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let start = u32::try_from(start).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.pending.push((survivor, start, length));
        // Memory is taken before it is used: the next one may have it grow.
        let places = self.pending.capacity();
        let places = if self.pending.len() == places { 2 * places } else { places };
        let used = self.values.capacity() + places * size_of::<(Survivor, u32, u32)>();
        if used > self.budget { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        let run_start = self.end;
        self.pending.sort_by_key(|(s, ..)| s.key());
        let file = match &mut self.spill {
            Some(f) => f,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        for held in self.pending.drain(..) {
            encode(&held.0, of(&self.values, held), &mut bytes);
            if bytes.len() >= BLOCK {
                file.write_all(&bytes)?;
                self.end += bytes.len() as u64;
                bytes.clear();
            }
        }
        file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        self.runs.push((run_start, self.end));
        self.values.clear();
        self.values.shrink_to(self.budget / 4);
        self.pending.shrink_to(self.budget / 2 / size_of::<(Survivor, u32, u32)>());
        Ok(())
    }

    /// Calls `f` with every survivor in order of lane, time and position; those of one place and stream as they were
    /// added.
    ///
    /// # Errors
    /// Where the temporary file cannot be read, or `f` fails.
    pub(crate) fn for_each(&mut self, f: &mut Visit<'_>) -> io::Result<()> {
        self.pending.sort_by_key(|(s, ..)| s.key());
        let (pending, values) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.values));
        if self.runs.is_empty() {
            return pending.into_iter().try_for_each(|held| f(held.0, of(&values, held)));
        }
        let mut runs = Vec::new();
        for (start, end) in &self.runs {
            let file = self.spill.as_ref().ok_or(io::ErrorKind::NotFound)?.try_clone()?;
            runs.push(Run { file, at: *start, end: *end, buffer: Vec::new(), from: 0, to: 0 });
        }
        let mut memory = pending.into_iter().peekable();
        let mut heap = BinaryHeap::new();
        for (i, run) in runs.iter_mut().enumerate() {
            heap.extend(run.next()?.map(|s| Head(s, i)));
        }
        heap.extend(memory.peek().map(|held| Head(held.0, runs.len())));
        while let Some(Head(survivor, i)) = heap.pop() {
            let following = match runs.get_mut(i) {
                Some(run) => {
                    f(survivor, run.values())?;
                    run.next()?
                }
                None => {
                    memory.next().map_or(Ok(()), |held| f(survivor, of(&values, held)))?;
                    memory.peek().map(|held| held.0)
                }
            };
            heap.extend(following.map(|s| Head(s, i)));
        }
        Ok(())
    }
}

/// The values of a held survivor.
fn of(values: &[u8], (_, start, length): (Survivor, u32, u32)) -> &[u8] {
    values.get(start as usize..).and_then(|v| v.get(..length as usize)).unwrap_or_default()
}

/// The least survivor of a run; the heap gives the greatest first, so the order is turned round.
struct Head(Survivor, usize);

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Head {}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Head {
    fn cmp(&self, other: &Head) -> std::cmp::Ordering {
        (other.0.key(), other.1).cmp(&(self.0.key(), self.1))
    }
}

/// A sorted run in the file, read block by block.
struct Run {
    file: File,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the values of the last survivor stand.
    from: usize,
    to: usize,
}

const BLOCK: usize = 64 << 10;
/// Bytes of an encoded survivor before its values: their length comes last.
const HEAD: usize = 8 + 8 + 8 + 8 + 4 + 4;

impl Run {
    fn next(&mut self) -> io::Result<Option<Survivor>> {
        self.from = self.to;
        if self.from == self.buffer.len() && self.at == self.end {
            return Ok(None);
        }
        let (survivor, length) = decode(self.have(HEAD)?)?;
        self.from += HEAD;
        self.have(length)?;
        self.to = self.from + length;
        Ok(Some(survivor))
    }

    /// The values of the survivor that came last.
    fn values(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    /// As many bytes from `from` on.
    fn have(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.from < length {
            self.buffer.drain(..self.from);
            self.from = 0;
            let more = length.max(BLOCK) - self.buffer.len();
            let more = more.min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
            let start = self.buffer.len();
            self.buffer.resize(start + more, 0);
            self.file.seek(SeekFrom::Start(self.at))?;
            self.file.read_exact(self.buffer.get_mut(start..).unwrap_or_default())?;
            self.at += more as u64;
        }
        self.buffer.get(self.from..self.from + length).ok_or_else(bad)
    }
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn encode(s: &Survivor, values: &[u8], out: &mut Vec<u8>) {
    let stream = u64::from(s.stream.lane) << 32 | u64::from(s.stream.number);
    for n in [s.time.0 as u64, s.order, stream, s.event] {
        put(n, out);
    }
    out.extend(s.leaf.to_le_bytes());
    out.extend((values.len() as u32).to_le_bytes());
    out.extend_from_slice(values);
}

/// A survivor, and how many bytes of values follow.
fn decode(mut from: &[u8]) -> io::Result<(Survivor, usize)> {
    let time = Timestamp(get(&mut from)? as i64);
    let (order, stream, event, last) = (get(&mut from)?, get(&mut from)?, get(&mut from)?, get(&mut from)?);
    let stream = Stream { lane: (stream >> 32) as u32, number: stream as u32 };
    Ok((Survivor { time, order, stream, leaf: last as u32, event }, (last >> 32) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_rows::Seed;

    fn collect(budget: usize) -> Vec<(Survivor, Vec<Value>)> {
        let (seed, mut shared, mut all) = (Seed::default(), Shared::new(2000), Survivors::new(budget));
        for n in 0..500u64 {
            let texts = [format!("text {}", n % 7), format!("long {n} {}", "x".repeat(n as usize * 40))];
            let [few, many] = texts.map(|t| seed.cell(Value::from(&*t)));
            let list = seed.cell(Value::List(vec![Value::I64(n as i64), "x".into(), Value::Null]));
            let read: Vec<_> = [few, many, list, seed.cell(Value::Null)].map(|c| shared.put(c)).into();
            let place = Place {
                time: Timestamp((n * 7919 % 97) as i64),
                order: n / 2,
                handle: n << 32,
                within: None,
            };
            let stream = Stream { lane: (n / 2 % 3) as u32, number: 1 };
            let survivor = Survivor::new(place, stream, n as u32 % 2);
            all.add(survivor, read.iter().map(|p| (p.cell.value(), p.id))).unwrap();
        }
        let mut got = Vec::new();
        all.for_each(&mut |s, bytes| {
            got.push((s, values(bytes, &shared)?));
            Ok(())
        })
        .unwrap();
        got
    }

    #[test]
    fn spilled_and_held_are_the_same_in_order() {
        let held = collect(usize::MAX);
        assert!(held.windows(2).all(|w| w[0].0.key() <= w[1].0.key()));
        assert_eq!((held.len(), &held[0].1[3]), (500, &Value::Null));
        assert!(held.iter().all(|(s, v)| {
            let n = s.event >> 32;
            v[0] == Value::from(&*format!("text {}", n % 7)) && v[2].elements()[0] == Value::I64(n as i64)
        }));
        assert_eq!(collect(20_000), held);
        assert_eq!(collect(1), held);
    }

    #[test]
    fn strange_bytes_are_errors() {
        let shared = Shared::new(1000);
        assert!(values(&[0, 0, 0, 0], &shared).is_err());
        assert!(values(&[255, 255, 255, 255, 99], &shared).is_err());
        assert_eq!(values(&[], &shared).unwrap(), []);
    }
}
