//! Cutting a file into parts of whole chunks.

use std::io::{self, Read};

use super::cursor::{read_u16, read_u64};
use super::{CHUNK, CHUNK_MAGIC, FILE_HEADER, FILE_MAGIC};
use crate::cut::read_over;
use crate::format::{Part, Split, Trouble, TroubleKind};

/// Chunks to a part: half a megabyte, so that a part stays in the processor's own cache while it is decoded.
const CHUNKS: usize = 8;

/// Reads the file header, then parts. The header is believed as little as possible: chunks are taken from where
/// they are.
#[derive(Default)]
pub(super) struct Splitter {
    started: bool,
    /// Bytes read.
    offset: u64,
    /// How many chunks the header tells of, 0 where it is not to be believed.
    promised: u64,
    /// How many there were.
    chunks: u64,
}

impl Split for Splitter {
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool> {
        let mut have = 0;
        if !self.started {
            self.started = true;
            part.data.clear();
            self.header(input, part, trouble)?;
            have = part.data.len();
        }
        part.offset = self.offset - have as u64;
        part.first_record = 0;
        part.context = None;
        self.offset += read_over(input, &mut part.data, have, CHUNKS * CHUNK - have)? as u64;
        self.chunks += (part.data.len() / CHUNK) as u64;
        if part.data.is_empty() {
            self.end(part, trouble);
            return Ok(false);
        }
        Ok(true)
    }

    fn length(&self) -> Option<usize> {
        self.started.then_some(CHUNKS * CHUNK)
    }

    fn pass(&mut self, part: &mut Part, bytes: usize) {
        part.offset = self.offset;
        part.first_record = 0;
        part.context = None;
        self.offset += bytes as u64;
        self.chunks += (bytes / CHUNK) as u64;
    }
}

impl Splitter {
    /// Reads the header. What of it are chunks already goes into the part.
    fn header(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<()> {
        let mut head = Vec::with_capacity(FILE_HEADER);
        self.offset = input.take(FILE_HEADER as u64).read_to_end(&mut head)? as u64;
        let mut tell = |kind, message: &str| {
            let source = part.source.name.clone();
            trouble(Trouble { source, kind, offset: Some(0), record: None, message: message.to_owned() });
        };
        if head.starts_with(CHUNK_MAGIC) {
            tell(TroubleKind::CorruptBlock, "the file has no header; it begins with a chunk");
            part.data.extend_from_slice(&head);
            return Ok(());
        }
        if !head.starts_with(FILE_MAGIC) {
            tell(
                TroubleKind::CorruptBlock,
                "the file header is damaged; the chunks behind it are read all the same",
            );
        } else if head.len() < FILE_HEADER {
            tell(TroubleKind::Truncated, "the file ends within its header");
        } else {
            self.promised = promised(&head);
            let size = u64::from(read_u16(&head, 40).unwrap_or(0));
            let mut rest = Vec::new();
            input.take(size.saturating_sub(FILE_HEADER as u64)).read_to_end(&mut rest)?;
            self.offset += rest.len() as u64;
            // Nobody has seen a bigger header: where a chunk stands at the usual place, the size is wrong.
            if rest.starts_with(CHUNK_MAGIC) {
                part.data.extend_from_slice(&rest);
            }
        }
        Ok(())
    }

    fn end(&self, part: &Part, trouble: &mut dyn FnMut(Trouble)) {
        if self.promised > self.chunks {
            trouble(Trouble {
                source: part.source.name.clone(),
                kind: TroubleKind::Truncated,
                offset: Some(self.offset),
                record: None,
                message: format!(
                    "the file header tells of {} chunks, the file has {}",
                    self.promised, self.chunks
                ),
            });
        }
    }
}

/// Chunks the header tells of: the number of the last one, plus one. The field that counts them is too small
/// for big files.
fn promised(head: &[u8]) -> u64 {
    let (first, last) = (read_u64(head, 8).unwrap_or(0), read_u64(head, 16).unwrap_or(0));
    let count = u64::from(read_u16(head, 42).unwrap_or(0));
    if first <= last && last.checked_add(1) == Some(count) { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::promised;

    #[test]
    fn a_last_chunk_beyond_all_numbers_promises_nothing() {
        let mut head = vec![0; 128];
        head[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(promised(&head), 0);
        head[16..24].copy_from_slice(&6_u64.to_le_bytes());
        head[42] = 7;
        assert_eq!(promised(&head), 7);
    }
}
