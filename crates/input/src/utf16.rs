//! A reader that turns UTF-16 into UTF-8. Lone surrogates and a lone last byte become U+FFFD.

use std::io::{self, Read};

/// The reader.
pub(crate) struct Utf16<R> {
    input: R,
    big_endian: bool,
    /// Bytes read and not yet decoded: less than a code unit, but while a block is decoded.
    raw: Vec<u8>,
    /// First half of a surrogate pair whose second half is to come.
    high: Option<u16>,
    out: String,
    at: usize,
    ended: bool,
    failed: Option<io::Error>,
}

impl<R: Read> Utf16<R> {
    pub fn new(input: R, big_endian: bool) -> Utf16<R> {
        Utf16 {
            input,
            big_endian,
            raw: Vec::new(),
            high: None,
            out: String::new(),
            at: 0,
            ended: false,
            failed: None,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        const BLOCK: u64 = 64 << 10;
        self.out.clear();
        self.at = 0;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let before = self.raw.len();
        self.failed = (&mut self.input).take(BLOCK).read_to_end(&mut self.raw).err();
        self.ended = self.raw.len() == before && self.failed.is_none();
        let unit = if self.big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        let whole = self.raw.len() & !1;
        let units = self.raw.chunks_exact(2).map(|pair| match *pair {
            [a, b] => unit([a, b]),
            _ => 0xfffd,
        });
        let mut units: Vec<u16> = self.high.take().into_iter().chain(units).collect();
        if !self.ended
            && let Some(high) = units.pop_if(|u| (0xd800..0xdc00).contains(u))
        {
            self.high = Some(high);
        }
        let chars = char::decode_utf16(units);
        self.out.extend(chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        self.raw.drain(..whole);
        if self.ended && !self.raw.is_empty() {
            self.raw.clear();
            self.out.push(char::REPLACEMENT_CHARACTER);
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.out.len() && !self.ended {
            self.refill()?;
        }
        let mut held = self.out.as_bytes().get(self.at..).unwrap_or(&[]);
        let n = held.read(buf)?;
        self.at += n;
        Ok(n)
    }
}
