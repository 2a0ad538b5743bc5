//! Tar archives (POSIX ustar and pax, GNU long names), read as a stream.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Member, Members, Unreadable};
use crate::format::TroubleKind;
use crate::stream::{Stream, kind_of};

const BLOCK: usize = 512;
/// Bytes of a pax or GNU header that are looked at; longer ones are damage.
const MAX_HEADER: u64 = 1 << 20;

type Header = [u8; BLOCK];

/// Whether `head` begins with the header of a member: its checksum holds.
pub(crate) fn is_header(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|h| h[0] != 0 && checksum_holds(h))
}

fn checksum_holds(header: &Header) -> bool {
    let sum: u64 = header.iter().map(|b| u64::from(*b)).sum();
    let field: u64 = field(header, 148, 8).iter().map(|b| u64::from(*b)).sum();
    number(field_of(header, 148, 8)) == Some(sum - field + 8 * u64::from(b' '))
}

fn field(header: &Header, at: usize, len: usize) -> &[u8] {
    header.get(at..at + len).unwrap_or(&[])
}

/// A field up to its first NUL.
fn field_of(header: &Header, at: usize, len: usize) -> &[u8] {
    field(header, at, len).split(|b| *b == 0).next().unwrap_or(&[])
}

/// Octal text, or GNU's base 256.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        let tail = rest.get(rest.len().checked_sub(7)?..)?;
        return Some(tail.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
    }
    let text = std::str::from_utf8(field).ok()?.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// Where the stream stands.
struct Position {
    input: Stream,
    /// Bytes of the current member that are left, and of padding behind them.
    left: u64,
    padding: u64,
}

impl Position {
    /// Passes over what is left of the current member.
    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
        if skipped < rest {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside of a member"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        self.skip()?;
        let mut header = [0; BLOCK];
        let mut filled = 0;
        while let Some(free) = header.get_mut(filled..).filter(|f| !f.is_empty()) {
            match self.input.read(free)? {
                0 => break,
                n => filled += n,
            }
        }
        match filled {
            0 => Ok(None),
            BLOCK if header.iter().all(|b| *b == 0) => Ok(None),
            BLOCK if checksum_holds(&header) => Ok(Some(header)),
            BLOCK => Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged header of a member")),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside of a header")),
        }
    }

    fn enter(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn contents(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MAX_HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an extended header is too long"));
        }
        let mut text = Vec::new();
        (&mut self.input).take(self.left).read_to_end(&mut text)?;
        self.left -= text.len() as u64;
        Ok(text)
    }
}

/// The members of an archive.
pub(crate) struct Archive {
    position: Arc<Mutex<Position>>,
    left: u64,
    ended: bool,
}

impl Archive {
    /// At most `max_members` are read.
    pub fn new(input: Stream, max_members: u64) -> Archive {
        let position = Position { input, left: 0, padding: 0 };
        Archive { position: Arc::new(Mutex::new(position)), left: max_members, ended: false }
    }

    /// The next regular file: its name and size; the stream then stands at its first byte.
    fn advance(position: &mut Position) -> io::Result<Option<(String, char)>> {
        let (mut long_name, mut long_size) = (None, None);
        loop {
            let Some(header) = position.header()? else { return Ok(None) };
            let bad_size = || io::Error::new(io::ErrorKind::InvalidData, "a size that is no number");
            let size =
                number(field_of_size(&header)).filter(|n| *n <= i64::MAX as u64).ok_or_else(bad_size)?;
            let kind = char::from(header[156]);
            position.enter(size);
            match kind {
                'L' => {
                    let name = position.contents()?;
                    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
                    long_name = Some(String::from_utf8_lossy(name.get(..end).unwrap_or(&[])).into_owned());
                }
                'x' => {
                    let pax = Pax::parse(&position.contents()?);
                    long_name = pax.path.or(long_name);
                    long_size = pax.size;
                }
                '0' | '\0' | '7' | 'S' => {
                    position.enter(long_size.unwrap_or(size));
                    return Ok(Some((long_name.unwrap_or_else(|| name_of(&header)), kind)));
                }
                'g' | 'K' => {}
                // Folders, links and devices: nothing to read. What was said of their name ends with them.
                _ => (long_name, long_size) = (None, None),
            }
        }
    }
}

fn field_of_size(header: &Header) -> &[u8] {
    if header[124] & 0x80 != 0 { field(header, 124, 12) } else { field_of(header, 124, 12) }
}

fn name_of(header: &Header) -> String {
    let name = String::from_utf8_lossy(field_of(header, 0, 100));
    let prefix = String::from_utf8_lossy(field_of(header, 345, 155));
    // GNU's magic is followed by a space, and what follows there is no prefix.
    if prefix.is_empty() || field(header, 257, 6) != b"ustar\0" {
        return name.into_owned();
    }
    format!("{prefix}/{name}")
}

/// The records of a pax header that matter here.
#[derive(Default)]
struct Pax {
    path: Option<String>,
    size: Option<u64>,
}

impl Pax {
    /// Records read `LENGTH KEY=VALUE\n`; what is malformed ends the list.
    fn parse(text: &[u8]) -> Pax {
        let mut pax = Pax::default();
        let mut rest = text;
        while let Some((record, tail)) = Pax::record(rest) {
            match record.split_once('=') {
                Some(("path", value)) => pax.path = Some(value.to_string()),
                Some(("size", value)) => pax.size = value.parse().ok().filter(|n| *n <= i64::MAX as u64),
                _ => {}
            }
            rest = tail;
        }
        pax
    }

    fn record(text: &[u8]) -> Option<(String, &[u8])> {
        let space = text.iter().take(12).position(|b| *b == b' ')?;
        let length: usize = std::str::from_utf8(text.get(..space)?).ok()?.parse().ok()?;
        let record = text.get(space + 1..length.checked_sub(1)?)?;
        Some((String::from_utf8_lossy(record).into_owned(), text.get(length..)?))
    }
}

impl Members for Archive {
    fn next(&mut self) -> Option<Result<Member, Unreadable>> {
        if self.ended {
            return None;
        }
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let found = Archive::advance(&mut position).transpose()?;
        let (name, kind) = match found {
            Ok(found) => found,
            Err(e) => {
                self.ended = true;
                return Some(Err(Unreadable { name: None, kind: kind_of(&e), message: e.to_string() }));
            }
        };
        if self.left == 0 {
            self.ended = true;
            let message = "the archive has more members than are read".to_string();
            return Some(Err(Unreadable { name: None, kind: TroubleKind::Limit, message }));
        }
        self.left -= 1;
        if kind == 'S' {
            let message = "a sparse member".to_string();
            return Some(Err(Unreadable { name: Some(name), kind: TroubleKind::UnknownFormat, message }));
        }
        Some(Ok(Member { name, input: Box::new(Body { position: self.position.clone() }) }))
    }
}

/// The bytes of the current member.
struct Body {
    position: Arc<Mutex<Position>>,
}

impl Read for Body {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let position = &mut *position;
        if position.left == 0 || buf.is_empty() {
            return Ok(0);
        }
        let n = (&mut position.input).take(position.left).read(buf)?;
        position.left -= n as u64;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside of a member"));
        }
        Ok(n)
    }
}
