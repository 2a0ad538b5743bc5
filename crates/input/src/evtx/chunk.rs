//! The records of a chunk, one after another, past damage.

use memchr::memmem;

use super::cursor::{Damage, read_u32, read_u64};
use super::{CHUNK, CHUNK_HEADER, CHUNK_MAGIC};

const RECORD_MAGIC: &[u8] = b"**\0\0";
/// Magic, size (u32), record id (u64), time written (FILETIME).
const RECORD_HEADER: usize = 24;
/// The size once more.
const RECORD_TRAILER: usize = 4;

/// A record, its BinXML not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Offset in the chunk.
    pub offset: usize,
    /// Record id of its header.
    pub id: u64,
    /// FILETIME of its header.
    pub written: u64,
    /// Where its BinXML begins.
    pub start: usize,
    /// Where its BinXML ends.
    pub end: usize,
}

/// What the chunk's header says, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Never written: the rest of a file that was made bigger than needed.
    Blank,
    /// No chunk header: records are looked for all the same.
    Damaged,
    /// A chunk.
    Good {
        /// First and last record id.
        ids: (u64, u64),
        /// Offset of the last record.
        last: usize,
        /// Where the records end.
        free: usize,
    },
}

/// Reads the header of a chunk, which may be cut off.
pub(super) fn header(chunk: &[u8]) -> Header {
    let head = chunk.get(..CHUNK_HEADER).unwrap_or(chunk);
    if head.iter().all(|b| *b == 0) && chunk.iter().all(|b| *b == 0) {
        return Header::Blank;
    }
    let fields = || {
        let ids = (read_u64(head, 24)?, read_u64(head, 32)?);
        Some((ids, read_u32(head, 44)? as usize, read_u32(head, 48)? as usize))
    };
    match fields() {
        Some((ids, last, free))
            if head.starts_with(CHUNK_MAGIC) && (CHUNK_HEADER..=CHUNK).contains(&free) =>
        {
            Header::Good { ids, last, free }
        }
        _ => Header::Damaged,
    }
}

/// Iterator over a chunk's records and its damaged places.
///
/// The header says where the records end. It may be wrong (damaged, or older than the last records of a log
/// that was copied while in use): where a record with the next number follows, reading goes on.
pub(super) struct Records<'a> {
    chunk: &'a [u8],
    at: Option<usize>,
    ids: (u64, u64),
    /// The number of the record before.
    before: Option<u64>,
    last: usize,
    live: usize,
}

impl<'a> Records<'a> {
    pub fn new(chunk: &'a [u8], header: Header) -> Self {
        let (ids, last, free) = match header {
            Header::Good { ids, last, free } => (ids, last, free),
            _ => ((0, u64::MAX), CHUNK, CHUNK),
        };
        let at = (header != Header::Blank).then_some(CHUNK_HEADER);
        Records { chunk, at, ids, before: None, last, live: free.min(chunk.len()) }
    }

    fn record_at(&self, offset: usize) -> Result<Record, Damage> {
        let damage = |what| Damage::corrupt(offset, what);
        let head = self.chunk.get(offset..).unwrap_or(&[]);
        if !head.starts_with(RECORD_MAGIC) {
            return Err(damage("does not begin with a record's magic"));
        }
        let fields = || Some((read_u32(head, 4)? as usize, read_u64(head, 8)?, read_u64(head, 16)?));
        let (size, id, written) = fields().ok_or(damage("is cut off in its header"))?;
        if size < RECORD_HEADER + RECORD_TRAILER {
            return Err(damage("is smaller than its header"));
        }
        if size > head.len() {
            return Err(damage("does not fit into its chunk"));
        }
        let start = offset + RECORD_HEADER;
        Ok(Record { offset, id, written, start, end: offset + size - RECORD_TRAILER })
    }

    /// The next place from `from` on that looks like a record of this chunk in all respects.
    fn resync(&self, mut from: usize) -> Option<usize> {
        let end = self.live.min(self.last.saturating_add(RECORD_MAGIC.len()));
        loop {
            let at = from + memmem::find(self.chunk.get(from..end)?, RECORD_MAGIC)?;
            if let Ok(record) = self.record_at(at)
                && record.end + RECORD_TRAILER <= self.live
                && (self.ids.0..=self.ids.1).contains(&record.id)
                && self.has_trailer(&record)
            {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// The record ends with its size, as it began.
    fn has_trailer(&self, record: &Record) -> bool {
        let size = record.end + RECORD_TRAILER - record.offset;
        read_u32(self.chunk, record.end) == Some(size as u32)
    }

    /// A record with the next number stands beyond where the header has records end.
    fn goes_on(&self, at: usize) -> bool {
        let next = self.before.and_then(|id| id.checked_add(1));
        next.is_some()
            && self.record_at(at).is_ok_and(|record| Some(record.id) == next && self.has_trailer(&record))
    }

    /// Nothing but zeros where a record should begin: the records ended earlier than the header says.
    fn is_blank(&self, at: usize) -> bool {
        let head = self.chunk.get(at..).unwrap_or(&[]);
        head.iter().take(RECORD_MAGIC.len()).all(|b| *b == 0)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.filter(|at| *at < self.live || self.goes_on(*at))?;
        let read = self.record_at(at);
        match read {
            Ok(record) => {
                let end = record.end + RECORD_TRAILER;
                if record.id == self.ids.1 {
                    self.live = self.live.min(end);
                }
                self.before = Some(record.id);
                self.at = Some(end);
            }
            Err(_) => {
                self.at = self.resync(at + 1);
                if self.at.is_none() && self.is_blank(at) {
                    return None;
                }
            }
        }
        Some(read)
    }
}
