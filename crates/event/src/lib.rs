//! The one representation of an event.
//!
//! A reader (crate `input`) fills [`Event`]s; matchers read them. An event is a [`Shape`], the interned list
//! of its field names together with provider, channel, event id and version, plus one [`Slot`] per field.
//! A slot borrows the bytes as they lie in the file and says with its [`Kind`] how they are to be read;
//! nothing is decoded until somebody asks. Whatever depends on the shape alone is decided once per shape.
//!
//! This crate knows nothing of files, rules, taxonomies or matching.

use std::sync::Arc;

mod owned;
mod render;
mod shape;
mod slot;
mod time;
mod value;
pub mod wire;

pub use owned::OwnedEvent;
pub use render::{file_text, json_quoted, lossy};
pub use shape::{Form, Name, Shape, ShapeBuilder, ShapeId, SlotIndex, system};
pub use slot::{Elements, Kind, Slot};
pub use time::{FILETIME_UNIX_OFFSET, Timestamp};
pub use value::Value;

/// One event as a reader hands it to a matcher: borrowed, valid for the duration of the call.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Field names, provider, channel, event id, version.
    pub shape: &'a Arc<Shape>,
    /// One slot per field of the shape, in the shape's order: `slots.len() == shape.fields().len()`.
    pub slots: &'a [Slot<'a>],
    /// EventRecordID of an EVTX record, 1-based line (or array position) of a text file.
    pub record: u64,
    /// Event time, where the event carries one that can be read.
    pub time: Option<Timestamp>,
}

impl<'a> Event<'a> {
    /// The slot of field number `index`; a missing one where the index is out of range.
    pub fn slot(&self, index: SlotIndex) -> Slot<'a> {
        self.slots.get(index as usize).copied().unwrap_or(Slot::MISSING)
    }

    /// All slots under the exact field name `name` (several where a name repeats).
    pub fn named<'s>(&'s self, name: &str) -> impl Iterator<Item = Slot<'a>> + 's {
        self.shape.positions(name).iter().map(|&i| self.slot(i))
    }

    /// The first slot under the exact field name that is not missing, rendered as text.
    pub fn text_of(&self, name: &str) -> Option<String> {
        self.named(name).find(|s| !s.is_missing()).and_then(|s| s.to_text())
    }

    /// A copy that owns its bytes.
    pub fn to_owned_event(&self) -> OwnedEvent {
        OwnedEvent::new(self)
    }
}
