//! EVTX, the binary log files of Windows Vista and later (MS-EVEN6 2.2.12 to 2.2.17 for BinXML; the file
//! layout as the published analyses of it have it).
//!
//! A file is a header of 4 KiB and chunks of 64 KiB. Each chunk stands alone: it carries its own name table and
//! template definitions, and its records refer to these by offset in the chunk. A record is BinXML: nearly
//! always one *template instance*, a reference to a definition with the *substitutions* that fill its holes.
//!
//! - [`split`] cuts a file into parts of whole chunks.
//! - [`chunk`] walks the records of a chunk, past damage.
//! - [`cursor`] reads the primitives, [`compile`] turns BinXML tokens into a [`program::Program`], the flat list
//!   of fields that an instance of a definition has; [`naming`] says what the fields are called,
//!   [`names`] keeps the names.
//! - [`templates`] keeps programs over chunks: the same definition has other bytes in each.
//! - [`instance`] runs a program over substitutions: slots that point into the chunk, no text, no allocation.
//! - [`layout`] knows which shape the outcome has; [`decode`] puts it together.
//!
//! Rendering of values is left to `shikra_event`; what fields mean to `taxonomy`.

use crate::format::{Format, Head};

mod chunk;
mod compile;
mod cursor;
mod decode;
mod instance;
mod layout;
mod names;
mod naming;
mod program;
mod split;
mod templates;
#[cfg(test)]
mod tests;

/// Bytes of a chunk.
const CHUNK: usize = 0x1_0000;
/// Bytes of a chunk's header; records begin behind it.
const CHUNK_HEADER: usize = 512;
const FILE_MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
/// Usual bytes of the file header.
const FILE_HEADER: usize = 4096;

/// The EVTX format.
pub static FORMAT: Format = Format {
    name: "evtx",
    detect,
    split: || Box::new(split::Splitter::default()),
    decode: || Box::new(decode::Decoder::default()),
};

/// A file header, or a chunk where one belongs: behind a damaged header, or at the start of a carved file.
fn detect(head: &Head<'_>) -> bool {
    let chunk_at = |at: usize| head.bytes.get(at..).is_some_and(|b| b.starts_with(CHUNK_MAGIC));
    head.bytes.starts_with(FILE_MAGIC) || chunk_at(0) || chunk_at(FILE_HEADER)
}
