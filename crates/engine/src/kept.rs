//! Events that passed a filter of a keyed or relational rule, kept once with the filters they passed until all input
//! has been read. Nothing more is known of them by then: only rules that can find something read what they ask for.
//!
//! The events of a part are a block of bytes, made on the worker's thread. A slot that holds what it held in the
//! event of its shape before is told by where that stands, and so are the filters of an event that passed those of
//! another: most of a log says the same again. Up to a budget blocks stay in memory, beyond it they go to a temporary
//! file, so memory stays bounded whatever the input.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Event, Kind, Shape, Slot, Timestamp};
use shikra_matcher::FilterId;
use shikra_rows::{Moments, MomentsIter};

use crate::read::Spare;
use crate::survivors::{Survivor, Survivors};

/// The kept events of one part.
#[derive(Default)]
pub(crate) struct Block {
    /// Where they come from.
    pub source: Arc<str>,
    shapes: Vec<Arc<Shape>>,
    /// By shape: where the bytes of each slot stand that were last written.
    last: Vec<Vec<u32>>,
    /// Where the filters stand that events have passed.
    passed: HashMap<Box<[FilterId]>, u32>,
    bytes: Vec<u8>,
    span: Span,
    /// When each event was, by where it stands.
    moments: Moments,
}

/// In the length of a slot, or the number of filters: the rest of it is where they stand, in the block.
const ELSEWHERE: u32 = 1 << 31;

/// The times of the events of a block.
#[derive(Clone, Copy)]
struct Span {
    /// That of the earliest.
    least: Timestamp,
    /// That of the latest.
    most: Timestamp,
    /// Whether none is earlier than the one before it.
    in_order: bool,
}

impl Default for Span {
    fn default() -> Span {
        Span { least: Timestamp(i64::MAX), most: Timestamp(i64::MIN), in_order: true }
    }
}

/// What is known of a kept event beside its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Event time; events without one take the time of the event before them in their source.
    pub time: Timestamp,
    /// Position of the event in the whole input: total order among equal times.
    pub order: u64,
    /// Handle of the event.
    pub handle: u64,
    /// Where its bytes stand: in those of this block, where they stay while it is read, or none that stay.
    pub within: Option<u32>,
}

impl Block {
    /// For events of a source, in a buffer that is used again.
    pub fn new(source: &Arc<str>, bytes: Vec<u8>) -> Block {
        Block { source: source.clone(), bytes, ..Block::default() }
    }

    /// Adds an event with the filters that it passed.
    pub fn add(&mut self, event: &Event<'_>, time: Timestamp, order: u64, hits: &[FilterId]) {
        let known = self.shapes.iter().rposition(|s| s.id() == event.shape.id());
        let shape = known.unwrap_or_else(|| {
            self.shapes.push(event.shape.clone());
            self.last.push(vec![ELSEWHERE; event.slots.len()]);
            self.shapes.len() - 1
        });
        let Span { least, most, in_order } = self.span;
        self.span = Span { least: least.min(time), most: most.max(time), in_order: in_order && time >= most };
        let out = &mut self.bytes;
        let start = out.len();
        self.moments.push(start as u64, time);
        out.extend([0; 4]);
        match self.passed.get(hits) {
            Some(at) => out.extend((*at | ELSEWHERE).to_le_bytes()),
            None => {
                if let Some(here) = place(out.len()) {
                    self.passed.insert(hits.into(), here);
                }
                out.extend((hits.len() as u32).to_le_bytes());
                hits.iter().for_each(|h| out.extend(h.to_le_bytes()));
            }
        }
        for n in [time.0 as u64, order, event.time.map_or(i64::MIN, |t| t.0) as u64, event.record] {
            out.extend(n.to_le_bytes());
        }
        out.extend((shape as u32).to_le_bytes());
        out.extend((event.slots.len() as u32).to_le_bytes());
        let mut last = self.last.get_mut(shape).into_iter().flatten();
        for slot in event.slots {
            let before = last.next();
            match before {
                // As short as a reference.
                _ if slot.data.is_empty() => out.extend(head(slot.kind, 0)),
                Some(at) if stands(out, *at, slot) => out.extend(head(slot.kind, *at | ELSEWHERE)),
                before => {
                    let here = place(out.len()).unwrap_or(ELSEWHERE);
                    before.into_iter().for_each(|at| *at = here);
                    out.extend(head(slot.kind, slot.data.len() as u32));
                    out.extend_from_slice(slot.data);
                }
            }
        }
        let length = (out.len() - start - 4) as u32;
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
}

/// What stands before the bytes of a slot: its kind and its length, or where they stand.
fn head(kind: Kind, length: u32) -> [u8; 5] {
    let [a, b, c, d] = length.to_le_bytes();
    [kind.0, a, b, c, d]
}

/// A place in a block that can be referred to.
fn place(at: usize) -> Option<u32> {
    u32::try_from(at).ok().filter(|at| at & ELSEWHERE == 0)
}

/// Whether a slot stands somewhere in a block.
fn stands(block: &[u8], at: u32, slot: &Slot<'_>) -> bool {
    let there = block.get(at as usize..).and_then(<[u8]>::split_first_chunk::<5>);
    there.is_some_and(|([kind, length @ ..], rest)| {
        *kind == slot.kind.0
            && *length == (slot.data.len() as u32).to_le_bytes()
            && rest.get(..slot.data.len()).is_some_and(|there| same(there, slot.data))
    })
}

/// Equality; short values without a call.
fn same(a: &[u8], b: &[u8]) -> bool {
    if b.len() <= 8 { a.iter().eq(b) } else { a == b }
}

/// Whether a filter is asked for.
pub(crate) type Wanted<'w> = &'w dyn Fn(FilterId) -> bool;
/// Takes a kept event and the filters that it passed.
pub(crate) type Visit<'v> = dyn FnMut(&Event<'_>, Place, &[FilterId]) -> io::Result<()> + 'v;
/// The same, the event still being bytes of a block, which are given as well.
type VisitBytes<'v> = dyn FnMut(&Stored, &[u8], Place, &[FilterId], Cursor<'_>) -> io::Result<()> + 'v;

/// A block that has been put away.
struct Stored {
    source: Arc<str>,
    shapes: Vec<Arc<Shape>>,
    span: Span,
    /// Where its [`Moments`] stand: which piece, from where and how far; empty where there was no room for them.
    moments: (usize, std::ops::Range<usize>),
    at: At,
}

enum At {
    Memory(Vec<u8>),
    /// Offset and length in the file.
    File(u64, usize),
}

/// All kept events of a scan.
pub(crate) struct Kept {
    budget: usize,
    used: usize,
    blocks: Vec<Stored>,
    file: Option<File>,
    end: u64,
    spare: Spare,
    /// What is known of times, in pieces: small ones would stand between what is given back at the end of the pass.
    moments: Vec<Vec<u8>>,
}

/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Pieces of times of events that are held beside them: of some millions. Others are read of the events.
const MOST_PIECES: usize = 64;

impl Kept {
    /// Empty, with a budget in bytes. Buffers of what went to the file are given back to `spare`.
    pub fn new(budget: usize, spare: Spare) -> Kept {
        Kept { budget, used: 0, blocks: Vec::new(), file: None, end: 0, spare, moments: Vec::new() }
    }

    /// Adds the events of a part.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    pub fn add(&mut self, block: Block) -> io::Result<()> {
        let Block { source, shapes, bytes, span, moments, .. } = block;
        if bytes.is_empty() {
            self.spare.give_back(bytes);
            return Ok(());
        }
        self.used += bytes.capacity();
        let moments = self.hold(moments.bytes());
        self.blocks.push(Stored { source, shapes, span, moments, at: At::Memory(bytes) });
        if self.used > self.budget { self.spill() } else { Ok(()) }
    }

    /// Holds what is known of times, if there is room for it.
    fn hold(&mut self, moments: &[u8]) -> (usize, std::ops::Range<usize>) {
        let fits = |p: &Vec<u8>| p.capacity() - p.len() >= moments.len();
        if !self.moments.last().is_some_and(fits) {
            if self.moments.len() >= MOST_PIECES {
                return (0, 0..0);
            }
            self.moments.push(Vec::with_capacity(PIECE.max(moments.len())));
        }
        let number = self.moments.len() - 1;
        let Some(piece) = self.moments.get_mut(number) else { return (0, 0..0) };
        let start = piece.len();
        piece.extend_from_slice(moments);
        (number, start..piece.len())
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(f) => f,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        // Those before have gone already.
        let held = self.blocks.iter().rposition(|b| matches!(b.at, At::File(..))).map_or(0, |i| i + 1);
        for block in self.blocks.iter_mut().skip(held) {
            let At::Memory(bytes) = &mut block.at else { continue };
            file.write_all(bytes)?;
            let there = At::File(self.end, bytes.len());
            self.end += bytes.len() as u64;
            self.spare.give_back(std::mem::take(bytes));
            block.at = there;
        }
        // From now on every block goes at once, and its buffer is used again while it is warm.
        self.used = 0;
        self.budget = 0;
        Ok(())
    }

    /// Calls `f` with every event that passed one of the `wanted` filters, and those of them that it passed, in the
    /// order of the input.
    ///
    /// # Errors
    /// Where the temporary file cannot be read, or `f` fails.
    pub fn for_each(&self, wanted: Wanted<'_>, f: &mut Visit<'_>) -> io::Result<()> {
        let mut buffer = Vec::new();
        (0..self.blocks.len()).try_for_each(|block| self.events_of(block, &mut buffer, wanted, f))
    }

    /// As [`Kept::for_each`], in the order of the events' times, equal times in the order of the input. What has to
    /// be put into that order takes `budget` bytes of memory at most, and a temporary file beyond it.
    ///
    /// # Errors
    /// Where a temporary file cannot be read or written, or `f` fails.
    pub fn in_time(&self, wanted: Wanted<'_>, budget: usize, f: &mut Visit<'_>) -> io::Result<()> {
        let mut buffer = Vec::new();
        let mut pages = Pages::new(self);
        for blocks in self.apart() {
            let alone = blocks.len() == 1 && self.blocks.get(blocks.start).is_some_and(|b| b.span.in_order);
            if alone {
                self.events_of(blocks.start, &mut buffer, wanted, f)?;
                continue;
            }
            let mut places = Survivors::new(budget);
            for block in blocks {
                self.records_of(block, &mut buffer, wanted, &mut |_, _, place, _, _| {
                    places.add(Survivor::of(place), std::iter::empty())
                })?;
            }
            places.for_each(&mut |s, _| {
                let place = Place { time: s.time, order: s.order, handle: s.event, within: None };
                pages.event(place, wanted, f)
            })?;
        }
        Ok(())
    }

    /// Runs of blocks of which no event of one is later than any of the next.
    fn apart(&self) -> Vec<std::ops::Range<usize>> {
        let mut least_after = vec![Timestamp(i64::MAX); self.blocks.len() + 1];
        for (i, block) in self.blocks.iter().enumerate().rev() {
            least_after[i] = block.span.least.min(least_after[i + 1]);
        }
        let (mut out, mut from, mut most) = (Vec::new(), 0, Timestamp(i64::MIN));
        for (i, (block, after)) in self.blocks.iter().zip(least_after.iter().skip(1)).enumerate() {
            most = most.max(block.span.most);
            if most <= *after {
                out.push(from..i + 1);
                from = i + 1;
            }
        }
        out
    }

    fn events_of(
        &self,
        block: usize,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
        f: &mut Visit<'_>,
    ) -> io::Result<()> {
        self.records_of(block, buffer, wanted, &mut |stored, bytes, place, hits, record| {
            record.event(&stored.shapes, bytes, |event| f(event, place, hits))?
        })
    }

    /// The events of a block that are wanted, still as bytes.
    fn records_of(
        &self,
        number: usize,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
        f: &mut VisitBytes<'_>,
    ) -> io::Result<()> {
        let Some(block) = self.blocks.get(number) else { return Ok(()) };
        let bytes = match &block.at {
            At::Memory(bytes) => bytes.as_slice(),
            At::File(at, length) => {
                buffer.resize(*length, 0);
                self.read(*at, buffer)?;
                buffer
            }
        };
        // By where they stand: the filters that are wanted.
        let mut passed: HashMap<u32, Box<[FilterId]>> = HashMap::new();
        let mut from = Cursor(bytes);
        while !from.0.is_empty() {
            let handle = (number as u64) << 32 | (bytes.len() - from.0.len()) as u64;
            let length = from.u32()? as usize;
            let start = (bytes.len() - from.0.len()) as u32;
            let mut record = Cursor(from.take(length)?);
            let at = record.skip_hits()?.unwrap_or(start);
            if !passed.contains_key(&at) {
                let hits = Cursor(bytes.get(at as usize..).ok_or_else(bad)?).hits(wanted)?;
                passed.insert(at, hits.into());
            }
            let hits = passed.get(&at).map_or(&[][..], |h| h);
            if !hits.is_empty() {
                let (time, order) = (Timestamp(record.u64()? as i64), record.u64()?);
                let within = Some(number as u32);
                f(block, bytes, Place { time, order, handle, within }, hits, record)?;
            }
        }
        Ok(())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(into)
    }

    /// The block that a handle means, and where the event begins there.
    fn find(&self, handle: u64) -> io::Result<(&Stored, usize)> {
        let block = usize::try_from(handle >> 32).ok().and_then(|i| self.blocks.get(i));
        Ok((block.ok_or(io::ErrorKind::NotFound)?, (handle & u64::from(u32::MAX)) as usize))
    }

    /// For reading events by their handles.
    pub fn pages(&self) -> Pages<'_> {
        Pages::new(self)
    }

    /// For asking when events were, by their handles.
    pub fn times(&self) -> Times<'_> {
        Times { kept: self, at: None, pages: Pages::new(self) }
    }
}

/// When kept events were, soonest told in the order of their handles.
pub(crate) struct Times<'k> {
    kept: &'k Kept,
    /// The block asked for last, and what comes there after the event that was.
    at: Option<(u64, MomentsIter<'k>)>,
    /// For those of which it is not held.
    pages: Pages<'k>,
}

impl Times<'_> {
    /// The time of the event of a handle.
    ///
    /// # Errors
    /// Where the handle is none of ours or the temporary file cannot be read.
    pub fn of(&mut self, handle: u64) -> io::Result<Timestamp> {
        let (number, from) = (handle >> 32, handle & u64::from(u32::MAX));
        if let Some((_, rest)) = self.at.as_mut().filter(|(block, _)| *block == number)
            && let Some((_, time)) = rest.find(|(there, _)| *there == from)
        {
            return Ok(time);
        }
        let (block, _) = self.kept.find(handle)?;
        let (piece, range) = &block.moments;
        let piece = self.kept.moments.get(*piece).and_then(|p| p.get(range.clone()));
        let mut all = Moments::read(piece.unwrap_or_default());
        let time = all.find(|(there, _)| *there == from).map(|(_, time)| time);
        self.at = Some((number, all));
        time.map_or_else(|| self.pages.time(handle), Ok)
    }
}

/// Kept events read one by one, of which many stand close to the one before: what went to the file is read page by
/// page, and a page stays until another is needed in its place.
pub(crate) struct Pages<'k> {
    kept: &'k Kept,
    /// By number modulo their number: the number, and the bytes.
    pages: Vec<(u64, Vec<u8>)>,
    /// The event that is read, every slot written out.
    record: Vec<u8>,
    read: Vec<u8>,
}

/// Bytes of a page: little more than an event, since many stand alone.
const PAGE: u64 = 8 << 10;
/// Pages that stay.
const PAGES: u64 = 1024;

impl<'k> Pages<'k> {
    fn new(kept: &'k Kept) -> Pages<'k> {
        Pages { kept, pages: Vec::new(), record: Vec::new(), read: Vec::new() }
    }

    fn event(&mut self, place: Place, wanted: Wanted<'_>, f: &mut Visit<'_>) -> io::Result<()> {
        self.at(place.handle, |block, mut record, bytes| {
            let here = record.0;
            let there = record.skip_hits()?.map_or(Some(here), |at| bytes.get(at as usize..));
            let hits = Cursor(there.ok_or_else(bad)?).hits(wanted)?;
            record.take(16)?;
            record.event(&block.shapes, bytes, |event| f(event, place, &hits))?
        })
    }

    /// Shows `f` the event of a handle, with its source.
    ///
    /// # Errors
    /// Where the handle is none of ours or the temporary file cannot be read.
    pub fn show<R>(&mut self, handle: u64, f: impl FnOnce(&Event<'_>, &Arc<str>) -> R) -> io::Result<R> {
        self.at(handle, |block, mut record, bytes| {
            record.skip_hits()?;
            record.take(16)?;
            record.event(&block.shapes, bytes, |event| f(event, &block.source))
        })
    }

    /// The time of the event of a handle, or where it has none, that of the one before it.
    fn time(&mut self, handle: u64) -> io::Result<Timestamp> {
        self.at(handle, |_, mut record, _| {
            record.skip_hits()?;
            Ok(Timestamp(record.u64()? as i64))
        })
    }

    /// What stands behind the length of the event of a handle, and the bytes that its slots refer to.
    fn at<R>(
        &mut self,
        handle: u64,
        f: impl FnOnce(&Stored, Cursor<'_>, &[u8]) -> io::Result<R>,
    ) -> io::Result<R> {
        let (block, from) = self.kept.find(handle)?;
        match &block.at {
            At::Memory(bytes) => {
                let mut record = Cursor(bytes.get(from..).ok_or_else(bad)?);
                record.u32()?;
                f(block, record, bytes)
            }
            At::File(at, _) => {
                self.write_out(*at, from as u64)?;
                f(block, Cursor(&self.record), &[])
            }
        }
    }

    /// Reads the event at an offset of a block in the file, with the slots that stand elsewhere in the block.
    fn write_out(&mut self, block: u64, from: u64) -> io::Result<()> {
        let (mut record, mut read) = (std::mem::take(&mut self.record), std::mem::take(&mut self.read));
        read.clear();
        record.clear();
        self.append(block + from, 4, &mut read)?;
        let length = Cursor(&read).u32()?;
        self.append(block + from + 4, u64::from(length), &mut read)?;
        let mut rest = Cursor(read.get(4..).ok_or_else(bad)?);
        let hits = Cursor(rest.0).u32()?;
        match rest.skip_hits()? {
            Some(at) => {
                self.append(block + u64::from(at), 4, &mut record)?;
                let hits = Cursor(&record).u32()?;
                self.append(block + u64::from(at) + 4, u64::from(hits) * 4, &mut record)?;
            }
            None => {
                let inline = read.get(4..8 + hits as usize * 4).ok_or_else(bad)?;
                record.extend_from_slice(inline);
            }
        }
        record.extend_from_slice(rest.take(32 + 4)?);
        let slots = rest.u32()?;
        record.extend(slots.to_le_bytes());
        for _ in 0..slots {
            let (kind, length) = (rest.take(1)?, rest.u32()?);
            if length & ELSEWHERE == 0 {
                record.extend_from_slice(kind);
                record.extend(length.to_le_bytes());
                record.extend_from_slice(rest.take(length as usize)?);
            } else {
                let at = block + u64::from(length & !ELSEWHERE);
                let start = record.len();
                self.append(at, 5, &mut record)?;
                let length = Cursor(record.get(start + 1..).ok_or_else(bad)?).u32()?;
                self.append(at + 5, u64::from(length), &mut record)?;
            }
        }
        (self.record, self.read) = (record, read);
        Ok(())
    }

    /// Appends bytes of the file.
    fn append(&mut self, mut at: u64, mut length: u64, out: &mut Vec<u8>) -> io::Result<()> {
        while length > 0 {
            let (page, from) = (at / PAGE, at % PAGE);
            let some = length.min(PAGE - from);
            let bytes = self.hold(page)?.get(from as usize..(from + some) as usize);
            out.extend_from_slice(bytes.ok_or_else(bad)?);
            at += some;
            length -= some;
        }
        Ok(())
    }

    /// The bytes of a page.
    fn hold(&mut self, page: u64) -> io::Result<&[u8]> {
        if self.pages.is_empty() {
            self.pages.resize(PAGES as usize, (u64::MAX, Vec::new()));
        }
        let place = self.pages.get_mut((page % PAGES) as usize);
        let (number, bytes) = place.ok_or_else(bad)?;
        if *number != page {
            *number = u64::MAX;
            let start = page.saturating_mul(PAGE);
            bytes.resize(self.kept.end.saturating_sub(start).min(PAGE) as usize, 0);
            self.kept.read(start, bytes)?;
            *number = page;
        }
        Ok(bytes)
    }
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What has not been read yet.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Filters that stand here, those that are wanted.
    fn hits(&mut self, wanted: Wanted<'_>) -> io::Result<Vec<FilterId>> {
        let mut out = Vec::new();
        for _ in 0..self.u32()? {
            out.extend(Some(self.u32()?).filter(|h| wanted(*h)));
        }
        Ok(out)
    }
    /// Passes by the filters that an event passed; answers where they stand, if not here.
    fn skip_hits(&mut self) -> io::Result<Option<u32>> {
        let hits = self.u32()?;
        if hits & ELSEWHERE != 0 {
            return Ok(Some(hits & !ELSEWHERE));
        }
        self.take((hits as usize).saturating_mul(4))?;
        Ok(None)
    }
    fn take(&mut self, n: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or_else(bad)?;
        self.0 = rest;
        Ok(taken)
    }
    fn u32(&mut self) -> io::Result<u32> {
        let (n, rest) = self.0.split_first_chunk::<4>().ok_or_else(bad)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*n))
    }
    fn u64(&mut self) -> io::Result<u64> {
        let (n, rest) = self.0.split_first_chunk::<8>().ok_or_else(bad)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*n))
    }
    /// A slot, given the block that it may refer to.
    fn slot(&mut self, block: &'a [u8]) -> io::Result<Slot<'a>> {
        let (kind, length) = (self.take(1)?.first().copied().ok_or_else(bad)?, self.u32()?);
        if length & ELSEWHERE == 0 {
            return Ok(Slot { kind: Kind(kind), data: self.take(length as usize)? });
        }
        let mut there = Cursor(block.get((length & !ELSEWHERE) as usize + 1..).ok_or_else(bad)?);
        let length = there.u32()?;
        Ok(Slot { kind: Kind(kind), data: there.take(length as usize)? })
    }
    /// The event itself, given the block that its slots may refer to.
    fn event<R>(
        mut self,
        shapes: &[Arc<Shape>],
        block: &'a [u8],
        f: impl FnOnce(&Event<'_>) -> R,
    ) -> io::Result<R> {
        let (time, record) = (self.u64()? as i64, self.u64()?);
        let shape = shapes.get(self.u32()? as usize).ok_or_else(bad)?;
        let count = self.u32()? as usize;
        let mut slots = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            slots.push(self.slot(block)?);
        }
        let time = (time != i64::MIN).then_some(Timestamp(time));
        Ok(f(&Event { shape, slots: &slots, record, time }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::ShapeBuilder;

    /// Twenty parts, the first ten in order of time and one after the other.
    fn kept(budget: usize) -> Kept {
        let shape = |name: &str| {
            ShapeBuilder { fields: vec![name.into(), "B".into(), "D".into()], ..ShapeBuilder::default() }
                .build()
        };
        let shapes = [shape("A"), shape("C")];
        let mut all = Kept::new(budget, Spare::default());
        for part in 0..20u64 {
            let mut block = Block::new(&Arc::from(format!("source {part}")), Vec::new());
            for n in 0..25u64 {
                let text = format!("event {n} of {part}");
                let again = format!("{} again", n / 7);
                let slots = [Slot::utf8(&text), Slot { kind: Kind(0), data: &[] }, Slot::utf8(&again)];
                let shape = &shapes[(n % 2) as usize];
                let time = (n % 3 > 0).then_some(Timestamp(n as i64));
                let event = Event { shape, slots: &slots, record: n, time };
                let at = if part < 10 { part * 12 + n / 2 } else { 120 + (part * 7919 + n * 31) % 97 };
                block.add(&event, Timestamp(at as i64), part << 32 | n, &[n as u32 % 4, 9]);
            }
            all.add(block).unwrap();
        }
        all.add(Block::new(&Arc::from("nothing"), Vec::new())).unwrap();
        all
    }

    /// Of each event its place, and a line with all that is told of it.
    fn told(all: &Kept, in_time: Option<usize>) -> Vec<(Timestamp, u64, String)> {
        let (mut out, mut handles) = (Vec::new(), Vec::new());
        let mut visit = |event: &Event<'_>, place: Place, hits: &[FilterId]| {
            let text = event.text_of(if event.record.is_multiple_of(2) { "A" } else { "C" });
            let again = event.text_of("D");
            out.push((place.time, place.order, format!("{text:?} {again:?} {hits:?} {:?}", event.time)));
            handles.push((place.handle, event.record, again));
            Ok(())
        };
        let wanted = |f| f == 2 || f == 3;
        match in_time {
            Some(budget) => all.in_time(&wanted, budget, &mut visit).unwrap(),
            None => all.for_each(&wanted, &mut visit).unwrap(),
        }
        let (mut pages, mut times) = (all.pages(), all.times());
        for ((handle, record, again), (time, _, line)) in handles.into_iter().zip(&mut out) {
            assert_eq!((times.of(handle).unwrap(), pages.time(handle).unwrap()), (*time, *time));
            let show = |event: &Event<'_>, source: &Arc<str>| {
                assert_eq!((event.record, event.text_of("D")), (record, again));
                line.push_str(&format!(" {source} {:?}", event.time));
            };
            pages.show(handle, show).unwrap();
        }
        out
    }

    #[test]
    fn in_memory_and_in_the_file_they_are_the_same() {
        let held = told(&kept(usize::MAX), None);
        assert_eq!(held.len(), 20 * 12);
        assert!(
            held[0].2.contains("event 2 of 0") && held[0].2.contains("0 again") && held[0].2.contains("[2]")
        );
        let mut in_time = held.clone();
        in_time.sort();
        for budget in [usize::MAX, 10_000, 0] {
            let all = kept(budget);
            assert_eq!(told(&all, None), held);
            for order in [usize::MAX, 1000] {
                assert_eq!(told(&all, Some(order)), in_time);
            }
        }
        assert!(kept(usize::MAX).pages().show(u64::MAX, |_, _| ()).is_err());
    }
}
