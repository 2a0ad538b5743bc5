//! The file: its header, and chunks one after the other.

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use crate::binxml;
use crate::chunk::{self, Chunk};
use crate::crc::crc32;
use crate::record::Record;

const HEADER: usize = 4096;

/// Why a record could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The output failed.
    Io(io::Error),
    /// The record does not fit into a chunk (64 KiB).
    TooBig,
    /// A text holds NUL, where readers would stop.
    Nul,
    /// The record's number is not above the one before.
    Order,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Io(error) => write!(f, "{error}"),
            WriteError::TooBig => f.write_str("the record does not fit into a chunk"),
            WriteError::Nul => f.write_str("a text holds NUL"),
            WriteError::Order => f.write_str("record numbers have to grow"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WriteError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

/// Writes one file. Nothing is a valid file before [`EvtxWriter::finish`].
pub struct EvtxWriter<W> {
    out: W,
    start: u64,
    chunk: Chunk,
    chunks: u64,
    /// Records in chunks that are out, and in all.
    flushed: u64,
    written: u64,
    next_id: u64,
}

impl<W: Write + Seek> EvtxWriter<W> {
    /// A file from `out`'s position on.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn new(mut out: W) -> io::Result<EvtxWriter<W>> {
        let start = out.stream_position()?;
        out.write_all(&[0; HEADER])?;
        Ok(EvtxWriter { out, start, chunk: Chunk::new(), chunks: 0, flushed: 0, written: 0, next_id: 1 })
    }

    /// Writes a record; answers its EventRecordID. After an error of the record's own making others can follow.
    ///
    /// # Errors
    /// As [`WriteError`] has them.
    pub fn record(&mut self, record: &Record) -> Result<u64, WriteError> {
        check(record)?;
        let id = record.record_id.unwrap_or(self.next_id);
        if id < self.next_id {
            return Err(WriteError::Order);
        }
        let instance = binxml::event(record, id);
        let fits = |chunk: &Chunk| chunk.len() <= chunk::SIZE;
        let mut chunk = self.chunk.clone();
        chunk.record(id, record.time, &instance);
        if !fits(&chunk) {
            chunk = Chunk::new();
            chunk.record(id, record.time, &instance);
            if !fits(&chunk) {
                return Err(WriteError::TooBig);
            }
            self.flush()?;
        }
        self.chunk = chunk;
        self.written += 1;
        self.next_id = id + 1;
        Ok(id)
    }

    /// Writes what is left and the header; gives `out` back.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(b"ElfFile\0");
        header[16..24].copy_from_slice(&self.chunks.saturating_sub(1).to_le_bytes());
        header[24..32].copy_from_slice(&self.next_id.to_le_bytes());
        header[32..36].copy_from_slice(&128u32.to_le_bytes());
        // Version 3.1, header block, number of chunks.
        for (at, number) in [(36, 1), (38, 3), (40, HEADER as u16), (42, self.chunks as u16)] {
            header[at..at + 2].copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32(&[&header[..120]]);
        header[124..128].copy_from_slice(&checksum.to_le_bytes());
        self.out.seek(SeekFrom::Start(self.start))?;
        self.out.write_all(&header)?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Chunk::new());
        self.out.write_all(&chunk.finish((self.flushed + 1, self.written)))?;
        self.flushed = self.written;
        self.chunks += 1;
        Ok(())
    }
}

fn check(record: &Record) -> Result<(), WriteError> {
    let values = record.data.iter().flat_map(|(name, value)| value.texts().iter().chain([name]));
    let mut texts = values.chain([&record.provider, &record.channel, &record.computer]);
    if texts.any(|text| text.contains('\0')) { Err(WriteError::Nul) } else { Ok(()) }
}
