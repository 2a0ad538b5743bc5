//! Pieces of a file that are read where they are decoded.
//!
//! Who draws parts passes over such a piece, which takes no time, and other threads need not wait for it. Where the system
//! cannot read at a place without moving the file's own, there are none.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cut::read_over;
use crate::format::{Part, Trouble, TroubleKind};
use crate::stream::kind_of;

/// A file of which pieces can be claimed, from where it stands.
pub(crate) struct Claims {
    file: Arc<File>,
    /// Bytes read of all files.
    count: Arc<AtomicU64>,
}

/// A piece of a file.
pub(crate) struct Claim {
    file: Arc<File>,
    count: Arc<AtomicU64>,
    at: u64,
    len: usize,
}

impl Claims {
    /// None of pipes and devices.
    pub fn new(file: Arc<File>, count: Arc<AtomicU64>) -> Option<Claims> {
        let regular = cfg!(unix) && file.metadata().is_ok_and(|m| m.is_file());
        regular.then_some(Claims { file, count })
    }

    /// The next `most` bytes, or as many as there are; none at the end. The file is read on behind them.
    pub fn take(&mut self, most: usize) -> Option<Claim> {
        let mut file = &*self.file;
        let at = file.stream_position().ok()?;
        let left = file.metadata().ok()?.len().saturating_sub(at);
        let len = usize::try_from(left).map_or(most, |left| left.min(most));
        if len == 0 {
            return None;
        }
        file.seek(SeekFrom::Start(at + len as u64)).ok()?;
        Some(Claim { file: self.file.clone(), count: self.count.clone(), at, len })
    }
}

impl Claim {
    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.len
    }
}

/// A part whose bytes are still to be read.
pub struct Unread {
    part: Part,
    bytes: Claim,
}

impl Unread {
    pub(crate) fn new(part: Part, bytes: Claim) -> Unread {
        Unread { part, bytes }
    }

    /// Reads it, on whatever thread; what could not be read is missing at its end and told.
    pub fn read(self) -> (Part, Option<Trouble>) {
        let Unread { mut part, bytes } = self;
        let mut from = At { file: &bytes.file, at: bytes.at };
        let result = read_over(&mut from, &mut part.data, 0, bytes.len);
        let read = part.data.len();
        bytes.count.fetch_add(read as u64, Ordering::Relaxed);
        let (kind, message) = match result {
            Err(e) => (kind_of(&e), e.to_string()),
            Ok(n) if n < bytes.len => {
                (TroubleKind::Truncated, "the file became shorter while it was read".to_owned())
            }
            Ok(_) => return (part, None),
        };
        let (source, offset) = (part.source.name.clone(), Some(part.offset + read as u64));
        (part, Some(Trouble { source, kind, offset, record: None, message }))
    }
}

/// Reads on from a place, and leaves the file's own where it is.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    #[cfg(unix)]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = std::os::unix::fs::FileExt::read_at(self.file, buf, self.at)?;
        self.at += n as u64;
        Ok(n)
    }

    #[cfg(not(unix))]
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::test_support::part;

    #[test]
    fn pieces_are_passed_over_and_read_apart() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        let (file, count) = (Arc::new(file), Arc::new(AtomicU64::new(0)));
        let mut claims = Claims::new(file.clone(), count.clone()).unwrap();
        let first = claims.take(4).unwrap();
        let mut byte = [0];
        (&*file).read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"4");
        let second = claims.take(99).unwrap();
        assert_eq!((first.len(), second.len()), (4, 5));
        assert!(claims.take(1).is_none());
        let read = |bytes: Claim| {
            let (part, trouble) =
                Unread::new(part(&crate::evtx::FORMAT, "what was there before"), bytes).read();
            (String::from_utf8(part.data).unwrap(), trouble.map(|t| (t.kind, t.offset)))
        };
        assert_eq!(read(first), ("0123".into(), None));
        file.set_len(7).unwrap();
        assert_eq!(read(second), ("56".into(), Some((TroubleKind::Truncated, Some(2)))));
        assert_eq!(count.load(Ordering::Relaxed), 6);
    }
}
