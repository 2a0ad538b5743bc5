//! A byte stream that can be looked at before it is read, counted, and brought from UTF-16 to UTF-8.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::claim::Claims;
use crate::format::TroubleKind;
use crate::utf16::Utf16;

/// A stream with the beginning held back for another look.
pub(crate) struct Stream {
    head: Vec<u8>,
    /// How much of `head` has been read.
    at: usize,
    input: Box<dyn Read + Send>,
    /// Reading failed behind the head.
    failed: Option<io::Error>,
    /// A failure reads as the end.
    soft: bool,
    /// Where the input is a file as it is.
    claims: Option<Claims>,
}

impl Stream {
    pub fn new(input: Box<dyn Read + Send>) -> Stream {
        Stream { head: Vec::new(), at: 0, input, failed: None, soft: false, claims: None }
    }

    /// From now on a failure reads as the end, so that nothing is lost of what came before it;
    /// [`Stream::failure`] has it then.
    pub fn soften(&mut self) {
        self.soft = true;
    }

    /// Why the stream ended early, where it did.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// A file as it is; the bytes read are added to `count`.
    pub fn file(file: File, count: Arc<AtomicU64>) -> Stream {
        let file = Arc::new(file);
        let claims = Claims::new(file.clone(), count.clone());
        Stream { claims, ..Stream::counted(Box::new(file), count) }
    }

    /// What of the file can be read apart from the stream: nothing while something is held back.
    pub fn claims(&mut self) -> Option<&mut Claims> {
        let plain = self.at >= self.head.len() && self.failed.is_none();
        self.claims.as_mut().filter(|_| plain)
    }

    /// A stream that adds the bytes read to `count`.
    pub fn counted(input: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Stream {
        Stream::new(Box::new(Counted { input, count }))
    }

    /// The first bytes, at most `size`; they will be read again.
    pub fn head(&mut self, size: u64) -> &[u8] {
        let wanted = size.saturating_sub(self.head.len() as u64);
        if self.failed.is_none() {
            self.failed = (&mut self.input).take(wanted).read_to_end(&mut self.head).err();
        }
        self.head.get(self.at..).unwrap_or(&[])
    }

    fn fail(&mut self, error: io::Error) -> io::Result<usize> {
        if !self.soft {
            return Err(error);
        }
        self.failed = Some(error);
        Ok(0)
    }

    /// As [`Stream::head`], after a byte order mark has been dropped and UTF-16 has been changed to UTF-8.
    pub fn text_head(&mut self, size: u64) -> &[u8] {
        let head = self.head(size);
        let wide = match head {
            [0xef, 0xbb, 0xbf, ..] => {
                self.at += 3;
                None
            }
            [0xff, 0xfe, ..] => Some((2, false)),
            [0xfe, 0xff, ..] => Some((2, true)),
            [b'<' | b'{' | b'[', 0, _, 0, ..] => Some((0, false)),
            [0, b'<' | b'{' | b'[', 0, _, ..] => Some((0, true)),
            _ => None,
        };
        if let Some((mark, big_endian)) = wide {
            self.at += mark;
            let empty = Stream::new(Box::new(io::empty()));
            let wide = std::mem::replace(self, empty);
            *self = Stream::new(Box::new(Utf16::new(wide, big_endian)));
        }
        self.head(size)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut held = self.head.get(self.at..).unwrap_or(&[]);
        if held.is_empty() {
            let result = match self.failed.take() {
                Some(error) => Err(error),
                None => self.input.read(buf),
            };
            return result.or_else(|error| self.fail(error));
        }
        let n = held.read(buf)?;
        self.at += n;
        Ok(n)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let held = self.head.get(self.at..).unwrap_or(&[]);
        buf.extend_from_slice(held);
        let n = held.len();
        self.at = self.head.len();
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.input.read_to_end(buf),
        };
        Ok(n + result.or_else(|error| self.fail(error))?)
    }
}

struct Counted {
    input: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A limit of unpacking, reported through the readers of the formats that know nothing of it.
#[derive(Debug)]
pub(crate) struct LimitReached(pub String);

impl std::fmt::Display for LimitReached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LimitReached {}

/// What a failure to read is told as.
pub(crate) fn kind_of(error: &io::Error) -> TroubleKind {
    if error.get_ref().is_some_and(|e| e.is::<LimitReached>()) {
        return TroubleKind::Limit;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TroubleKind::Truncated,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => TroubleKind::CorruptBlock,
        _ => TroubleKind::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        let mut stream = Stream::new(Box::new(io::Cursor::new(bytes.to_vec())));
        let head = stream.text_head(4).to_vec();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.as_bytes().starts_with(&head));
        text
    }

    #[test]
    fn byte_order_marks_are_understood() {
        let text = "{\"a\":\"ü€😀\"}\n".repeat(2000);
        let wide = |f: fn(u16) -> [u8; 2], mark: &[u8]| {
            mark.iter().copied().chain(text.encode_utf16().flat_map(f)).collect::<Vec<u8>>()
        };
        assert_eq!(text_of(text.as_bytes()), text);
        assert_eq!(text_of(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), text);
        assert_eq!(text_of(&wide(u16::to_le_bytes, b"\xff\xfe")), text);
        assert_eq!(text_of(&wide(u16::to_be_bytes, b"\xfe\xff")), text);
        assert_eq!(text_of(&wide(u16::to_le_bytes, b"")), text);
        assert_eq!(text_of(&wide(u16::to_be_bytes, b"")), text);
        assert_eq!(text_of(b""), "");
        assert_eq!(text_of(b"\xff\xfea\0\x00\xd8b\0x"), "a\u{fffd}b\u{fffd}");
    }
}
