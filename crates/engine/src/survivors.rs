//! What keyed and relational rules read of the events that passed a filter of theirs, handed on lane by lane, in the
//! order of event time. A lane is what has to be seen together: one rule, or all rules that share events with
//! others. So that never more than the rules of one lane hold state.
//!
//! Up to a budget they stay in memory; beyond it, sorted runs go to a temporary file and are merged at the end,
//! so memory stays bounded whatever the input.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use shikra_event::wire::{self, get, put};
use shikra_event::{Timestamp, Value};

use crate::kept::Place;

/// A leaf, with the values read for it.
pub(crate) type Hit = (usize, Vec<Value>);

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

/// One event that passed some leaves of one program, or leaves that several programs share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Survivor {
    /// Event time; events without one take the time of the event before them in their source.
    pub time: Timestamp,
    /// Position of the event in the whole input: total order among equal times.
    pub order: u64,
    /// What it belongs to.
    pub stream: Stream,
    /// Leaves of that program, with the values it asked for.
    pub hits: Vec<Hit>,
    /// Handle of the event.
    pub event: u64,
}

impl Survivor {
    /// An event at its place, nothing read of it.
    pub(crate) fn of(place: Place) -> Survivor {
        let Place { time, order, handle } = place;
        Survivor { time, order, stream: Stream::of_program(0, false), hits: Vec::new(), event: handle }
    }

    fn key(&self) -> (u32, Timestamp, u64, u32) {
        (self.stream.lane, self.time, self.order, self.stream.number)
    }

    fn size(&self) -> usize {
        let hit = |(_, values): &Hit| size_of::<Hit>() + values.iter().map(Value::size).sum::<usize>();
        size_of::<Survivor>() + self.hits.iter().map(hit).sum::<usize>()
    }
}

/// All survivors of a scan.
pub(crate) struct Survivors {
    budget: usize,
    used: usize,
    pending: Vec<Survivor>,
    runs: Vec<(u64, u64)>,
    spill: Option<File>,
    end: u64,
}

impl Survivors {
    /// Empty, with a budget in bytes.
    pub(crate) fn new(budget: usize) -> Survivors {
        Survivors { budget, used: 0, pending: Vec::new(), runs: Vec::new(), spill: None, end: 0 }
    }

    /// Adds one.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    pub(crate) fn add(&mut self, survivor: Survivor) -> io::Result<()> {
        self.used += survivor.size();
        self.pending.push(survivor);
        if self.used > self.budget { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        let run_start = self.end;
        self.pending.sort_by_key(Survivor::key);
        for survivor in self.pending.drain(..) {
            encode(&survivor, &mut bytes);
        }
        let end = self.end + bytes.len() as u64;
        let file = match &mut self.spill {
            Some(f) => f,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(&bytes)?;
        self.runs.push((run_start, end));
        self.end = end;
        self.used = 0;
        Ok(())
    }

    /// Calls `f` with every survivor in order of lane, time and position.
    ///
    /// # Errors
    /// Where the temporary file cannot be read, or `f` fails.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(Survivor) -> io::Result<()>) -> io::Result<()> {
        self.pending.sort_by_key(Survivor::key);
        if self.runs.is_empty() {
            return std::mem::take(&mut self.pending).into_iter().try_for_each(f);
        }
        let mut runs = Vec::new();
        for (start, end) in &self.runs {
            let file = self.spill.as_ref().ok_or(io::ErrorKind::NotFound)?.try_clone()?;
            runs.push(Run { file, at: *start, end: *end, buffer: io::Cursor::new(Vec::new()) });
        }
        let mut memory = std::mem::take(&mut self.pending).into_iter();
        let mut heap = BinaryHeap::new();
        for i in 0..=runs.len() {
            let first = match runs.get_mut(i) {
                Some(run) => run.next()?,
                None => memory.next(),
            };
            heap.extend(first.map(|s| Head(s, i)));
        }
        while let Some(Head(survivor, i)) = heap.pop() {
            let following = match runs.get_mut(i) {
                Some(run) => run.next()?,
                None => memory.next(),
            };
            heap.extend(following.map(|s| Head(s, i)));
            f(survivor)?;
        }
        Ok(())
    }
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
    buffer: io::Cursor<Vec<u8>>,
}

const BLOCK: u64 = 64 << 10;

impl Run {
    fn next(&mut self) -> io::Result<Option<Survivor>> {
        let left = self.buffer.get_ref().len() as u64 - self.buffer.position();
        if left == 0 && self.at == self.end {
            return Ok(None);
        }
        let mut source = Refill { run: self };
        decode(&mut source).map(Some)
    }

    fn refill(&mut self) -> io::Result<()> {
        let size = (self.end - self.at).min(BLOCK);
        let mut block = vec![0; size as usize];
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut block)?;
        self.at += size;
        self.buffer = io::Cursor::new(block);
        Ok(())
    }
}

struct Refill<'a> {
    run: &'a mut Run,
}

impl Read for Refill<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.run.buffer.position() == self.run.buffer.get_ref().len() as u64 && self.run.at < self.run.end
        {
            self.run.refill()?;
        }
        self.run.buffer.read(out)
    }
}

fn encode(s: &Survivor, out: &mut Vec<u8>) {
    let stream = u64::from(s.stream.lane) << 32 | u64::from(s.stream.number);
    for n in [s.time.0 as u64, s.order, stream, s.event, s.hits.len() as u64] {
        put(n, out);
    }
    for (leaf, values) in &s.hits {
        put(*leaf as u64, out);
        put(values.len() as u64, out);
        values.iter().for_each(|v| wire::put_value(v, out));
    }
}

fn decode(from: &mut impl Read) -> io::Result<Survivor> {
    let time = Timestamp(get(from)? as i64);
    let (order, stream, event, count) = (get(from)?, get(from)?, get(from)?, get(from)?);
    let hits = (0..count).map(|_| decode_hit(from)).collect::<io::Result<_>>()?;
    let stream = Stream { lane: (stream >> 32) as u32, number: stream as u32 };
    Ok(Survivor { time, order, stream, hits, event })
}

fn decode_hit(from: &mut impl Read) -> io::Result<Hit> {
    let (leaf, count) = (get(from)? as usize, get(from)?);
    Ok((leaf, (0..count).map(|_| wire::value(from)).collect::<io::Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(budget: usize) -> Vec<Survivor> {
        let mut all = Survivors::new(budget);
        for n in 0..500u64 {
            let values = vec![Value::I64(n as i64), Value::List(vec!["x".into(), Value::Null])];
            all.add(Survivor {
                time: Timestamp((n * 7919 % 97) as i64),
                order: n,
                stream: Stream { lane: (n % 3) as u32, number: 1 },
                hits: vec![(2, values)],
                event: n << 32,
            })
            .unwrap();
        }
        let mut got = Vec::new();
        all.for_each(|s| {
            got.push(s);
            Ok(())
        })
        .unwrap();
        got
    }

    #[test]
    fn spilled_and_held_are_the_same_in_order() {
        let held = collect(usize::MAX);
        assert!(held.windows(2).all(|w| w[0].key() < w[1].key()));
        assert_eq!(collect(20_000), held);
        assert_eq!(collect(1), held);
    }
}
