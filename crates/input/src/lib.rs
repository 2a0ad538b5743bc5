//! From files to events.
//!
//! A [`Format`] cuts a byte stream into [`Part`]s that can be decoded independently ([`Split`]) and decodes
//! them ([`Decode`]). Splitting is cheap and done by one thread, in order; decoding is done by as many threads
//! as there are. Whatever cannot be read becomes a [`Trouble`]: it is told to the [`Sink`], and reading goes
//! on behind it.
//!
//! A new format is one file and one line in [`FORMATS`]. What fields mean is left to `taxonomy`.

mod claim;
mod convert;
pub mod csv;
mod cut;
pub mod eventlog_text;
mod evtx;
mod files;
mod format;
mod helk;
mod inner;
pub mod json;
mod labels;
mod layout;
mod limits;
mod lines;
mod paths;
mod recognise;
mod stream;
#[cfg(test)]
mod test_support;
mod unpack;
mod utf16;
mod walk;
pub mod xml;

pub use claim::Unread;
pub use format::{Decode, Format, Head, Part, Sink, SourceInfo, Split, Trouble, TroubleKind};
pub use walk::{Drawn, Item, Options, Parts, estimate};

/// All formats, most specific first: the first that recognises a file's head reads it.
pub static FORMATS: &[&Format] = &[
    &evtx::FORMAT,
    &xml::XML,
    &json::HITS,
    &json::JSON,
    &json::NDJSON,
    &eventlog_text::WINEVENTLOG,
    &csv::CSV,
];
