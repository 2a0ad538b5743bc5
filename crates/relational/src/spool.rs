//! A temporary file of rows: written once, then read from its start as often as asked.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

/// Bytes read at once.
const BLOCK: usize = 256 << 10;
/// The lengths before a key and its row.
const HEAD: usize = 16;

/// Rows as they came: a key and bytes each. The file goes with the last user of it.
pub(crate) struct Spool {
    writer: BufWriter<File>,
}

/// A file that is written.
#[derive(Debug)]
pub(crate) struct Sealed {
    file: Mutex<File>,
    size: u64,
}

impl Spool {
    pub fn new() -> io::Result<Spool> {
        Ok(Spool { writer: BufWriter::with_capacity(BLOCK, tempfile::tempfile()?) })
    }

    pub fn push(&mut self, key: &[u8], row: &[u8]) -> io::Result<()> {
        self.writer.write_all(&(key.len() as u64).to_le_bytes())?;
        self.writer.write_all(&(row.len() as u64).to_le_bytes())?;
        self.writer.write_all(key)?;
        self.writer.write_all(row)
    }

    pub fn sealed(self) -> io::Result<Sealed> {
        let file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        let size = file.metadata()?.len();
        Ok(Sealed { file: Mutex::new(file), size })
    }
}

/// A place in a file, with what is read ahead of it.
#[derive(Default)]
pub(crate) struct Cursor {
    buffer: Vec<u8>,
    /// What of the buffer is used up.
    used: usize,
    /// Where in the file the buffer ends.
    end: u64,
}

impl Sealed {
    /// The next key and row, none at the end.
    pub fn next(&self, at: &mut Cursor) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        if at.used == at.buffer.len() && at.end == self.size {
            return Ok(None);
        }
        self.fill(at, HEAD)?;
        let head = at.buffer.get(at.used..).unwrap_or_default();
        let length = |from: usize| {
            let bytes = head.get(from..from + 8).and_then(|b| <[u8; 8]>::try_from(b).ok());
            bytes.and_then(|b| usize::try_from(u64::from_le_bytes(b)).ok()).ok_or(io::ErrorKind::InvalidData)
        };
        let (key, row) = (length(0)?, length(8)?);
        let whole =
            HEAD.checked_add(key).and_then(|n| n.checked_add(row)).ok_or(io::ErrorKind::InvalidData)?;
        self.fill(at, whole)?;
        let all = at.buffer.get(at.used + HEAD..at.used + whole).unwrap_or_default();
        let (key, row) = all.split_at_checked(key).ok_or(io::ErrorKind::UnexpectedEof)?;
        at.used += whole;
        Ok(Some((key.to_vec(), row.to_vec())))
    }

    /// Has at least `wanted` bytes stand in the buffer.
    fn fill(&self, at: &mut Cursor, wanted: usize) -> io::Result<()> {
        let there = at.buffer.len() - at.used;
        if there >= wanted {
            return Ok(());
        }
        at.buffer.drain(..at.used);
        at.used = 0;
        let more = (wanted - there).max(BLOCK) as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at.end))?;
        let read = (&mut *file).take(more).read_to_end(&mut at.buffer)?;
        at.end += read as u64;
        if at.buffer.len() < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
