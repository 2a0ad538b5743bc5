//! Compressed streams and archives: gzip, Zstandard, zip and tar, with limits.
//!
//! Everything is read as a stream but zip, whose list of members stands at its end. Leaves to others: what
//! the unpacked bytes are (`walk`).

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::TroubleKind;
use crate::stream::{LimitReached, Stream};
use crate::walk::Options;

pub(crate) mod tar;
pub(crate) mod zip;
mod zst;

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstandard,
    Zip,
    Tar,
}

/// How a stream that begins with `head` is packed, if it is.
pub(crate) fn packing(head: &[u8]) -> Option<Packing> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packing::Zstandard),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Packing::Zip),
        _ if tar::is_header(head) => Some(Packing::Tar),
        _ => None,
    }
}

/// One file of an archive.
pub(crate) struct Member {
    /// Its path in the archive.
    pub name: String,
    /// Its bytes, unpacked; must be read before the next member is asked for.
    pub input: Box<dyn Read + Send>,
}

/// A member that cannot be read: its name where known, and why.
pub(crate) struct Unreadable {
    pub name: Option<String>,
    pub kind: TroubleKind,
    pub message: String,
}

/// The files of an archive, one after another.
pub(crate) trait Members: Send {
    /// The next one, or none at the end.
    fn next(&mut self) -> Option<Result<Member, Unreadable>>;
}

/// A compressed stream, unpacked.
pub(crate) fn unpacked(packing: Packing, input: Stream, options: &Options) -> Box<dyn Read + Send> {
    let budget = Budget::new(options, 0);
    let input = Stream::counted(Box::new(input), budget.packed.clone());
    let input = io::BufReader::with_capacity(64 << 10, input);
    let plain: Box<dyn Read + Send> = match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Packing::Zstandard => Box::new(zst::Frames::new(input)),
        Packing::Zip | Packing::Tar => Box::new(input),
    };
    Box::new(Guarded { input: plain, budget })
}

/// What may be unpacked from one source; shared by the members of an archive.
#[derive(Clone)]
pub(crate) struct Budget {
    /// Bytes of the source, as far as it has been read.
    packed: Arc<AtomicU64>,
    unpacked: Arc<AtomicU64>,
    max_unpacked: u64,
    max_ratio: u64,
    ratio_free: u64,
}

impl Budget {
    pub fn new(options: &Options, packed: u64) -> Budget {
        Budget {
            packed: Arc::new(packed.into()),
            unpacked: Arc::default(),
            max_unpacked: options.max_unpacked,
            max_ratio: options.max_ratio,
            ratio_free: options.ratio_free,
        }
    }

    /// What limit is reached, if one is.
    pub fn exceeded(&self) -> Option<String> {
        let unpacked = self.unpacked.load(Ordering::Relaxed);
        if unpacked > self.max_unpacked {
            return Some(format!("unpacks to more than {} bytes", self.max_unpacked));
        }
        let packed = self.packed.load(Ordering::Relaxed).max(1);
        if unpacked > self.ratio_free && unpacked / packed > self.max_ratio {
            return Some(format!("unpacks to more than {} times its size", self.max_ratio));
        }
        None
    }
}

/// Most bytes that are unpacked before the budget is looked at again.
const AT_ONCE: usize = 32 << 10;

/// A reader that fails where its budget is spent.
pub(crate) struct Guarded {
    input: Box<dyn Read + Send>,
    budget: Budget,
}

impl Read for Guarded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(limit) = self.budget.exceeded() {
            return Err(io::Error::other(LimitReached(limit)));
        }
        let room = buf.len().min(AT_ONCE);
        let n = self.input.read(buf.get_mut(..room).unwrap_or_default())?;
        self.budget.unpacked.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
