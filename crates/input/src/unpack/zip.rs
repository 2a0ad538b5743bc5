//! Zip archives (APPNOTE 6.3.9 with Zip64): stored, deflated and Zstandard members.
//!
//! Members are taken from the central directory, which is read piece by piece: its size is no matter.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Budget, Guarded, Member, Members, Unreadable, zst};
use crate::format::TroubleKind;
use crate::stream::kind_of;
use crate::walk::Options;

/// What a zip archive is read from.
pub(crate) trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

type Shared = Arc<Mutex<Box<dyn Source>>>;

/// The members of an archive, in the order of its directory.
pub(crate) struct Archive {
    source: Shared,
    /// Where the next entry of the directory stands, and where the directory ends.
    next: u64,
    end: u64,
    left: u64,
    max_members: u64,
    /// What lies before the archive proper, e.g. a program that unpacks it.
    shift: u64,
    budget: Budget,
    ended: bool,
}

impl Archive {
    /// # Errors
    /// Where the source is no zip archive or cannot be read.
    pub fn open(mut source: Box<dyn Source>, options: &Options) -> io::Result<Archive> {
        let size = source.seek(SeekFrom::End(0))?;
        let directory = Directory::find(&mut *source, size)?;
        Ok(Archive {
            source: Arc::new(Mutex::new(source)),
            next: directory.start,
            end: directory.end,
            left: directory.entries,
            max_members: options.max_members,
            shift: directory.shift,
            budget: Budget::new(options, size),
            ended: false,
        })
    }

    /// The next entry of the directory.
    fn entry(&mut self) -> io::Result<Option<Entry>> {
        if self.next >= self.end || self.left == 0 {
            return Ok(None);
        }
        let mut directory = Window { source: self.source.clone(), at: self.next, left: self.end - self.next };
        let fixed: [u8; 46] = bytes(&mut directory)?;
        if fixed.first_chunk() != Some(b"PK\x01\x02") {
            return Err(damaged("the directory is damaged"));
        }
        let mut name = vec![0; usize::from(u16_at(&fixed, 28))];
        directory.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(u16_at(&fixed, 30))];
        directory.read_exact(&mut extra)?;
        self.next = directory.at + u64::from(u16_at(&fixed, 32));
        self.left -= 1;
        Ok(Some(Entry::new(&fixed, &name, &extra)))
    }

    fn member(&self, entry: Entry) -> io::Result<Member> {
        if entry.flags & 1 != 0 {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "encrypted"));
        }
        let start = entry.offset.checked_add(self.shift).ok_or_else(|| damaged("a member out of range"))?;
        let mut local = Window { source: self.source.clone(), at: start, left: 30 };
        let fixed: [u8; 30] = bytes(&mut local)?;
        if fixed.first_chunk() != Some(b"PK\x03\x04") {
            return Err(damaged("a member's header is damaged"));
        }
        let at = local.at + u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28));
        let packed = Window { source: self.source.clone(), at, left: entry.packed };
        let plain: Box<dyn Read + Send> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(flate2::bufread::DeflateDecoder::new(BufReader::with_capacity(64 << 10, packed))),
            93 => Box::new(zst::Frames::new(BufReader::with_capacity(64 << 10, packed))),
            other => {
                let message = format!("packed by method {other}, which is not supported");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        let checked =
            Checked { input: plain, crc: flate2::Crc::new(), expected: entry.crc, size: entry.size };
        let input = Guarded { input: Box::new(checked), budget: self.budget.clone() };
        Ok(Member { name: entry.name, input: Box::new(input) })
    }

    fn fail(&mut self, kind: TroubleKind, message: String) -> Option<Result<Member, Unreadable>> {
        self.ended = true;
        Some(Err(Unreadable { name: None, kind, message }))
    }
}

impl Members for Archive {
    fn next(&mut self) -> Option<Result<Member, Unreadable>> {
        while !self.ended {
            // Members may overlap, so that a small archive unpacks to endless bytes: the budget is common.
            if self.budget.exceeded().is_some() {
                return None;
            }
            let entry = match self.entry() {
                Ok(entry) => entry?,
                Err(e) => return self.fail(kind_of(&e), e.to_string()),
            };
            if entry.name.ends_with('/') {
                continue;
            }
            if self.max_members == 0 {
                return self.fail(TroubleKind::Limit, "the archive has more members than are read".into());
            }
            self.max_members -= 1;
            let name = entry.name.clone();
            let unreadable =
                |e: io::Error| Unreadable { name: Some(name), kind: kind_of(&e), message: e.to_string() };
            return Some(self.member(entry).map_err(unreadable));
        }
        None
    }
}

/// Where the central directory stands.
struct Directory {
    start: u64,
    end: u64,
    entries: u64,
    shift: u64,
}

impl Directory {
    /// Looks for the end record in the last 64 KiB, then for its Zip64 form.
    fn find(source: &mut dyn Source, size: u64) -> io::Result<Directory> {
        let tail_size = size.min(22 + 65_535);
        source.seek(SeekFrom::Start(size - tail_size))?;
        let mut tail = Vec::new();
        source.take(tail_size).read_to_end(&mut tail)?;
        let found = memchr::memmem::rfind(&tail, b"PK\x05\x06");
        let record = found.and_then(|at| tail.get(at..)?.first_chunk::<22>().map(|r| (at, r)));
        let Some((at, record)) = record else { return Err(damaged("the archive has no directory")) };
        let (mut entries, mut length, mut start) =
            (u64::from(u16_at(record, 10)), u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
        let mut behind = size - tail_size + at as u64;
        let locator = at.checked_sub(20).and_then(|at| tail.get(at..)?.first_chunk::<20>());
        if let Some(locator) = locator.filter(|l| l.first_chunk() == Some(b"PK\x06\x07")) {
            behind = u64_at(locator, 8);
            source.seek(SeekFrom::Start(behind))?;
            let big: [u8; 56] = bytes(source)?;
            if big.first_chunk() != Some(b"PK\x06\x06") {
                return Err(damaged("the Zip64 directory is damaged"));
            }
            (entries, length, start) = (u64_at(&big, 32), u64_at(&big, 40), u64_at(&big, 48));
        }
        let end = start.checked_add(length).filter(|end| *end <= behind);
        let shift = end.map(|end| behind - end).ok_or_else(|| damaged("the directory is out of range"))?;
        Ok(Directory { start: start + shift, end: behind, entries, shift })
    }
}

/// An entry of the central directory.
struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

impl Entry {
    fn new(fixed: &[u8; 46], name: &[u8], extra: &[u8]) -> Entry {
        let mut entry = Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            flags: u16_at(fixed, 8),
            method: u16_at(fixed, 10),
            crc: u32_at(fixed, 16),
            packed: u64::from(u32_at(fixed, 20)),
            size: u64::from(u32_at(fixed, 24)),
            offset: u64::from(u32_at(fixed, 42)),
        };
        let mut rest = extra;
        while let Some(head) = rest.first_chunk::<4>() {
            let length = usize::from(u16_at(head, 2));
            let Some(data) = rest.get(4..4 + length) else { break };
            if u16_at(head, 0) == 1 {
                entry.widen(data);
            }
            rest = rest.get(4 + length..).unwrap_or(&[]);
        }
        entry
    }

    /// Zip64 gives, in this order, those numbers that did not fit.
    fn widen(&mut self, data: &[u8]) {
        let mut numbers = data.chunks_exact(8).map(|n| u64_at(n, 0));
        for field in [&mut self.size, &mut self.packed, &mut self.offset] {
            if *field == u64::from(u32::MAX)
                && let Some(number) = numbers.next()
            {
                *field = number;
            }
        }
    }
}

/// Part of a shared source.
struct Window {
    source: Shared,
    at: u64,
    left: u64,
}

impl Read for Window {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(buf) = buf.get_mut(..wanted).filter(|b| !b.is_empty()) else { return Ok(0) };
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(self.at))?;
        let n = source.read(buf)?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside of a member"));
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

/// Compares size and checksum at the end.
struct Checked {
    input: Box<dyn Read + Send>,
    crc: flate2::Crc,
    expected: u32,
    size: u64,
}

impl Read for Checked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        self.crc.update(buf.get(..n).unwrap_or(&[]));
        if n > 0 || buf.is_empty() || self.crc.sum() == self.expected {
            return Ok(n);
        }
        let whole = self.size & u64::from(u32::MAX) == u64::from(self.crc.amount());
        Err(damaged(if whole { "the member's checksum is wrong" } else { "the member is incomplete" }))
    }
}

fn damaged(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_string())
}

fn bytes<const N: usize>(source: &mut (impl Read + ?Sized)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    b.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |c| u16::from_le_bytes(*c))
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |c| u32::from_le_bytes(*c))
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    b.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |c| u64::from_le_bytes(*c))
}
