//! An event that owns its bytes: what keyed and relational rules keep of a survivor.

use std::sync::Arc;

use crate::{Event, Kind, Shape, Slot, Timestamp};

/// A copy of an event in one allocation of bytes.
#[derive(Clone, Debug)]
pub struct OwnedEvent {
    shape: Arc<Shape>,
    bytes: Box<[u8]>,
    /// Kind and end offset of each slot; a slot begins where the one before it ends.
    ends: Box<[(Kind, u32)]>,
    /// See [`Event::record`].
    pub record: u64,
    /// See [`Event::time`].
    pub time: Option<Timestamp>,
}

impl OwnedEvent {
    /// Copies `event`. A slot that would pass 4 GiB in total is cut off.
    pub fn new(event: &Event<'_>) -> OwnedEvent {
        let total: usize = event.slots.iter().map(|s| s.data.len()).sum();
        let mut bytes = Vec::with_capacity(total.min(u32::MAX as usize));
        let mut ends = Vec::with_capacity(event.slots.len());
        for slot in event.slots {
            let room = u32::MAX as usize - bytes.len();
            bytes.extend_from_slice(&slot.data[..slot.data.len().min(room)]);
            ends.push((slot.kind, bytes.len() as u32));
        }
        OwnedEvent {
            shape: event.shape.clone(),
            bytes: bytes.into(),
            ends: ends.into(),
            record: event.record,
            time: event.time,
        }
    }

    /// The shape.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// Bytes held, for memory accounting.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<(Kind, u32)>() + size_of::<Self>()
    }

    /// Calls `f` with the event, borrowed.
    pub fn with<R>(&self, f: impl FnOnce(&Event<'_>) -> R) -> R {
        let mut slots = Vec::with_capacity(self.ends.len());
        let mut start = 0usize;
        for &(kind, end) in &self.ends {
            slots.push(Slot { kind, data: &self.bytes[start..end as usize] });
            start = end as usize;
        }
        f(&Event { shape: &self.shape, slots: &slots, record: self.record, time: self.time })
    }
}
