//! Cuts a text into parts behind whole records; shared by all formats whose records can be told apart by looking at the
//! text alone. What ends a record is the format's own ([`Bounds`]).

use std::io::{self, Read};

use crate::format::{Part, Split, Trouble, TroubleKind};
use crate::limits::{MAX_RECORD, PART_SIZE};

/// Where the records of a text end.
pub(crate) trait Bounds: Default + Send + 'static {
    /// What a record is called, with its article.
    const RECORD: &'static str;
    /// Bytes at the end of a text that may be the beginning of what [`Bounds::resume`] looks for.
    const KEPT: usize;

    /// Offset behind the last whole record of `text`, 0 where there is none. What stands before `new` was looked at
    /// in earlier calls, and had none.
    fn last_end(&mut self, text: &[u8], new: usize) -> usize;

    /// How many records a part has, the text that `last_end` was asked of up to what it answered.
    fn count(&self, part: &[u8]) -> u64;

    /// Where the first record begins in the rest of one that was too long.
    fn resume(text: &[u8]) -> Option<usize>;
}

/// A [`Split`] behind records. `first_record` of a part is the number of its first record.
pub(crate) struct Cutter<B> {
    part_size: usize,
    max_record: usize,
    /// What followed the last record of the part before.
    rest: Vec<u8>,
    offset: u64,
    record: u64,
    bounds: std::marker::PhantomData<fn() -> B>,
}

impl<B: Bounds> Cutter<B> {
    /// With the limits of all text.
    pub fn boxed() -> Box<dyn Split> {
        Box::new(Self::new(PART_SIZE, MAX_RECORD))
    }

    /// Parts of about `part_size` bytes, records of at most `max_record`.
    pub fn new(part_size: usize, max_record: usize) -> Self {
        let bounds = std::marker::PhantomData;
        Cutter { part_size, max_record, rest: Vec::new(), offset: 0, record: 1, bounds }
    }

    /// Passes over a record that is too long, of which `part.data` holds the beginning.
    fn skip(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<()> {
        trouble(Trouble {
            source: part.source.name.clone(),
            kind: TroubleKind::Limit,
            offset: Some(self.offset),
            record: Some(self.record),
            message: format!("{} longer than {} MiB was skipped", B::RECORD, self.max_record >> 20),
        });
        self.record += 1;
        loop {
            self.pass(part, part.data.len().saturating_sub(B::KEPT));
            if read_some(input, &mut part.data, self.part_size)? == 0 {
                self.pass(part, part.data.len());
                return Ok(());
            }
            if let Some(start) = B::resume(&part.data) {
                self.pass(part, start);
                return Ok(());
            }
        }
    }

    /// Drops bytes from the beginning.
    fn pass(&mut self, part: &mut Part, bytes: usize) {
        part.data.drain(..bytes);
        self.offset += bytes as u64;
    }
}

impl<B: Bounds> Split for Cutter<B> {
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool> {
        let mut have = overwrite(&mut part.data, &mut self.rest);
        let (mut bounds, mut seen) = (B::default(), 0);
        loop {
            let wanted = self.part_size.saturating_sub(have).max(self.part_size / 2).max(1);
            let ended = read_over(input, &mut part.data, have, wanted)? == 0;
            let found = bounds.last_end(&part.data, seen);
            seen = part.data.len();
            have = seen;
            let end = if ended { seen } else { found };
            if end == 0 {
                if ended {
                    return Ok(false);
                }
                if seen > self.max_record {
                    self.skip(input, part, trouble)?;
                    (bounds, seen, have) = (B::default(), 0, part.data.len());
                }
                continue;
            }
            self.rest.extend_from_slice(part.data.get(end..).unwrap_or(&[]));
            part.data.truncate(end);
            part.offset = self.offset;
            part.first_record = self.record;
            self.offset += end as u64;
            self.record += bounds.count(&part.data);
            return Ok(true);
        }
    }
}

/// Appends up to `wanted` bytes, fewer only at the end; answers how many.
pub(crate) fn read_some(input: &mut dyn Read, data: &mut Vec<u8>, wanted: usize) -> io::Result<usize> {
    data.reserve(wanted);
    input.take(wanted as u64).read_to_end(data)
}

/// Moves `rest` to the front of `data`, over what stands there; answers how much it is.
fn overwrite(data: &mut Vec<u8>, rest: &mut Vec<u8>) -> usize {
    let have = rest.len();
    data.resize(data.len().max(have), 0);
    data.iter_mut().zip(rest.drain(..)).for_each(|(to, byte)| *to = byte);
    have
}

/// Puts up to `wanted` bytes behind the first `from` bytes of `data`, over what stands there, fewer only at the end;
/// answers how many. Room that has nothing in it would be cleared before it is read into.
pub(crate) fn read_over(
    input: &mut dyn Read,
    data: &mut Vec<u8>,
    from: usize,
    wanted: usize,
) -> io::Result<usize> {
    data.resize(from + wanted, 0);
    let mut at = from;
    let result = loop {
        let room = data.get_mut(at..).unwrap_or_default();
        if room.is_empty() {
            break Ok(wanted);
        }
        match input.read(room) {
            Ok(0) => break Ok(at - from),
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    data.truncate(at);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_over_leaves_nothing_of_what_was_there() {
        for (from, wanted, want) in
            [(0, 3, "abc"), (2, 3, "xyabc"), (1, 9, "xabcdef"), (4, 2, "xyz\0ab"), (0, 0, "")]
        {
            let mut data = b"xyz".to_vec();
            let read = read_over(&mut "abcdef".as_bytes(), &mut data, from, wanted).unwrap();
            assert_eq!((data.as_slice(), read), (want.as_bytes(), want.len() - from));
        }
    }
}
