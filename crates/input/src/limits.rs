//! How much of one thing is held in memory.

/// Bytes a splitter puts into one part.
pub(crate) const PART_SIZE: usize = 512 << 10;
/// Bytes one record (a line, a document) may have; longer ones are told and skipped.
pub(crate) const MAX_RECORD: usize = 64 << 20;
