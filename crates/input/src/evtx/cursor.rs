//! Reading the primitives of BinXML out of a chunk, with every bound checked.

use crate::TroubleKind;

/// Why a record or a definition cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Offset in the chunk.
    pub at: usize,
    /// What was wrong, to follow "the record …".
    pub what: &'static str,
    /// `CorruptRecord`, or `Limit` where it is only too big.
    pub kind: TroubleKind,
}

impl Damage {
    pub fn corrupt(at: usize, what: &'static str) -> Damage {
        Damage { at, what, kind: TroubleKind::CorruptRecord }
    }

    pub fn limit(at: usize, what: &'static str) -> Damage {
        Damage { at, what, kind: TroubleKind::Limit }
    }
}

/// A position in a chunk, and where reading has to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    /// The whole chunk: offsets in BinXML count from its start.
    pub chunk: &'a [u8],
    /// Position in the chunk.
    pub at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Reads `chunk[at..end]`; an `end` beyond the chunk is its end.
    pub fn new(chunk: &'a [u8], at: usize, end: usize) -> Self {
        Cursor { chunk, at, end: end.min(chunk.len()) }
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let stop = self.at.checked_add(count).filter(|stop| *stop <= self.end);
        let taken = stop.and_then(|stop| self.chunk.get(self.at..stop));
        let taken = taken.ok_or(Damage::corrupt(self.at, "ends in the middle of a token"))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| Damage::corrupt(at, "ends in the middle of a token"))
    }

    pub fn u8(&mut self) -> Result<u8, Damage> {
        self.array::<1>().map(|[b]| b)
    }

    pub fn u16(&mut self) -> Result<u16, Damage> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    /// UTF-16 text behind its length in characters (u16), as bytes.
    pub fn text(&mut self) -> Result<&'a [u8], Damage> {
        let units = self.u16()?;
        self.take(usize::from(units) * 2)
    }

    /// A reference to a name: its bytes (UTF-16). The name itself may follow the reference, and is passed over then.
    pub fn name(&mut self) -> Result<&'a [u8], Damage> {
        let at = self.at;
        let offset = self.u32()? as usize;
        let name =
            name_at(self.chunk, offset).ok_or(Damage::corrupt(at, "refers to a name outside its chunk"))?;
        if offset == self.at {
            self.take(inline_name_len(name))?;
        }
        Ok(name)
    }
}

/// The name stored at `offset`: next name in the bucket (u32), hash (u16), length (u16), text, NUL.
pub(super) fn name_at(chunk: &[u8], offset: usize) -> Option<&[u8]> {
    let units = read_u16(chunk, offset.checked_add(6)?)?;
    chunk.get(offset + 8..)?.get(..usize::from(units) * 2)
}

/// Bytes that the record of a name takes up where it lies.
pub(super) fn inline_name_len(name: &[u8]) -> usize {
    8 + name.len() + 2
}

pub(super) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

pub(super) fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

/// UTF-16 bytes as text, lone surrogates replaced.
pub(super) fn utf16_to_string(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|p| read_u16(p, 0));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
