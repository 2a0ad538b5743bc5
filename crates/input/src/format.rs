//! The contract between formats, the walk over files, and whoever consumes events.

use std::any::Any;
use std::io::{self, Read};
use std::sync::Arc;

use shikra_event::Event;

/// One file, archive member or stream.
#[derive(Debug)]
pub struct SourceInfo {
    /// As the user would name it: a path, `archive.zip!member` or `-`.
    pub name: Arc<str>,
    /// Name of the format it is read as.
    pub format: &'static str,
}

/// A piece of a source that can be decoded on its own.
pub struct Part {
    /// Where it comes from.
    pub source: Arc<SourceInfo>,
    /// What reads it.
    pub format: &'static Format,
    /// The bytes.
    pub data: Vec<u8>,
    /// Offset of the first byte in the (decompressed) source.
    pub offset: u64,
    /// 1-based line or position of the first record, for formats whose records have no number of their own.
    pub first_record: u64,
    /// What the format needs to know from before this part, e.g. the header of a CSV file.
    pub context: Option<Arc<dyn Any + Send + Sync>>,
}

/// What went wrong with a piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TroubleKind {
    /// The file is of no known format: skipped.
    UnknownFormat,
    /// The file could not be opened or read.
    Unreadable,
    /// A header, chunk or block is damaged: its records are lost.
    CorruptBlock,
    /// One record is damaged.
    CorruptRecord,
    /// The source ends in the middle.
    Truncated,
    /// A limit (decompressed size, depth, record size, members) was reached.
    Limit,
}

impl TroubleKind {
    /// Stable kebab-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            TroubleKind::UnknownFormat => "unknown-format",
            TroubleKind::Unreadable => "unreadable",
            TroubleKind::CorruptBlock => "corrupt-block",
            TroubleKind::CorruptRecord => "corrupt-record",
            TroubleKind::Truncated => "truncated",
            TroubleKind::Limit => "limit",
        }
    }
}

/// A piece of input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// [`SourceInfo::name`].
    pub source: Arc<str>,
    /// Kind.
    pub kind: TroubleKind,
    /// Byte offset in the source, where known.
    pub offset: Option<u64>,
    /// Record number, where known.
    pub record: Option<u64>,
    /// One sentence: what was wrong.
    pub message: String,
}

/// Receives what a decoder makes of a part, in order.
pub trait Sink {
    /// An event; borrowed for the duration of the call.
    fn event(&mut self, event: &Event<'_>);
    /// Something that could not be read.
    fn trouble(&mut self, trouble: Trouble);
}

/// Cuts one source into parts. Holds at most one part's worth of bytes.
pub trait Split: Send {
    /// The next part's bytes put into `part` (`data` comes with those of an earlier part, to be written over; `offset`,
    /// `first_record` and `context` are to be set), or false at the end. Damage is told to `trouble` and
    /// passed over.
    ///
    /// [`crate::Parts`] lets a source that fails to read end there, and tells the failure itself afterwards, so
    /// that nothing read before is lost.
    ///
    /// # Errors
    /// Only where the source itself cannot be read any further.
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool>;

    /// How many bytes the next part has, whatever they are, or fewer at the end; none: [`Split::next`] has to look at
    /// them. Where it is known, several threads can read parts at the same time.
    fn length(&self) -> Option<usize> {
        None
    }

    /// Takes note of a part of so many bytes that others read, after [`Split::length`]; sets what [`Split::next`] does
    /// but `data`.
    fn pass(&mut self, _part: &mut Part, _bytes: usize) {}
}

/// Decodes parts of one format. One per thread; keeps interned shapes and templates between parts, bounded.
pub trait Decode: Send {
    /// Tells the sink every event of the part, in order.
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink);
}

/// The first bytes of a source, and its name.
pub struct Head<'a> {
    /// Up to 64 KiB.
    pub bytes: &'a [u8],
    /// [`SourceInfo::name`].
    pub name: &'a str,
}

/// A format: an entry of [`crate::FORMATS`].
pub struct Format {
    /// Short name, e.g. `evtx`, `ndjson`.
    pub name: &'static str,
    /// Whether a source that begins so is of this format.
    pub detect: fn(&Head<'_>) -> bool,
    /// A new splitter for one source.
    pub split: fn() -> Box<dyn Split>,
    /// A new decoder for one thread.
    pub decode: fn() -> Box<dyn Decode>,
}
