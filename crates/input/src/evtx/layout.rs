//! From what a run made to the event's shape.
//!
//! A *layout* is a list of field names, with where among them stands what a shape is known by. It belongs to a
//! trace; the shapes of a layout are told apart by the raw bytes of provider, channel, event id and version.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Form, Kind, Name, Shape, ShapeBuilder, Slot, SlotIndex, Timestamp, Value, system};

use super::names::{FieldName, Names};

/// Field names of all layouts and shapes together before they are too many.
const MAX_NAMES: usize = 1 << 20;
/// Provider name of events that are registered under another one.
const EVENT_SOURCE: &str = "Provider_EventSourceName";

/// Shapes found lately, of each layout.
const FRONT: usize = 16;

/// Number of a layout.
pub(super) type LayoutId = usize;

/// A field list, with the fields that matter to every event.
pub(super) struct Layout {
    fields: Vec<Name>,
    provider: Option<usize>,
    source: Option<usize>,
    channel: Option<usize>,
    event_id: Option<usize>,
    version: Option<usize>,
    time: Option<usize>,
    record: Option<usize>,
    /// The shapes under this layout, and what distinguishes them.
    shapes: Vec<(Box<[u8]>, Arc<Shape>)>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// Shapes found lately: events of a few kinds come by turns.
    front: [usize; FRONT],
}

impl Layout {
    fn new(list: &[FieldName], names: &Names) -> Layout {
        let fields: Vec<Name> = list.iter().filter_map(|f| names.get(*f).cloned()).collect();
        let position =
            |name: &str| list.iter().zip(&fields).position(|(f, text)| f.is_system() && **text == *name);
        Layout {
            provider: position(system::PROVIDER),
            source: position(EVENT_SOURCE),
            channel: position(system::CHANNEL),
            event_id: position(system::EVENT_ID),
            version: position(system::VERSION),
            time: position(system::TIME),
            record: position(system::RECORD),
            fields,
            shapes: Vec::new(),
            by_key: HashMap::new(),
            front: [0; FRONT],
        }
    }

    /// Event time, where the event says so.
    pub fn time(&self, slots: &[Slot<'_>]) -> Option<Timestamp> {
        let slot = at(slots, self.time);
        if let (Kind::FILETIME, Ok(ticks)) = (slot.kind, slot.data.try_into()) {
            return Timestamp::from_filetime(u64::from_le_bytes(ticks));
        }
        match slot.value() {
            Value::Time(time) => Some(time),
            Value::Str(text) => Timestamp::parse(&text),
            _ => None,
        }
    }

    /// EventRecordID, where the event says so.
    pub fn record(&self, slots: &[Slot<'_>]) -> Option<u64> {
        let slot = at(slots, self.record);
        match slot.data.try_into() {
            Ok(bytes) if slot.kind == Kind::U64 => Some(u64::from_le_bytes(bytes)),
            _ => number(slot),
        }
    }

    /// Where that stands which distinguishes shapes.
    fn places(&self) -> [Option<usize>; 5] {
        [self.event_id, self.version, self.provider, self.source, self.channel]
    }

    /// What distinguishes shapes.
    fn parts<'a>(&self, slots: &[Slot<'a>]) -> [Slot<'a>; 5] {
        self.places().map(|part| at(slots, part))
    }

    /// Whether `key` is [`Layout::key`] of the slots.
    fn has_key(&self, slots: &[Slot<'_>], mut key: &[u8]) -> bool {
        for slot in self.parts(slots) {
            let Some(([kind, a, b, c, d], rest)) = key.split_first_chunk() else { return false };
            let len = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            let Some((data, rest)) = rest.split_at_checked(len) else { return false };
            if *kind != slot.kind.0 || !same(data, slot.data) {
                return false;
            }
            key = rest;
        }
        true
    }

    fn key(&self, slots: &[Slot<'_>]) -> Box<[u8]> {
        let parts = self.parts(slots);
        let mut key = Vec::with_capacity(parts.iter().map(|p| 5 + p.data.len()).sum());
        for slot in parts {
            key.push(slot.kind.0);
            key.extend_from_slice(&(slot.data.len() as u32).to_le_bytes());
            key.extend_from_slice(slot.data);
        }
        key.into()
    }

    /// Where in `front` a shape with these slots may be: kinds of events mostly differ in their id.
    fn front_place(&self, slots: &[Slot<'_>]) -> usize {
        let [id, version, provider, ..] = self.parts(slots);
        let small = |slot: Slot<'_>| slot.data.first().map_or(0, |b| usize::from(*b));
        (small(id) ^ small(version) << 2 ^ provider.data.len()) % FRONT
    }

    /// The number of the shape that is known by these slots.
    fn known(&mut self, slots: &[Slot<'_>]) -> Option<usize> {
        let place = self.front_place(slots);
        let front = self.front.get(place).copied()?;
        if self.shapes.get(front).is_some_and(|(key, _)| self.has_key(slots, key)) {
            return Some(front);
        }
        let known = *self.by_key.get(&self.key(slots))?;
        self.front[place] = known;
        Some(known)
    }

    fn build(&self, slots: &[Slot<'_>]) -> Arc<Shape> {
        let text = |part| at(slots, part).to_text().filter(|t| !t.is_empty());
        let small = |part| number(at(slots, part)).and_then(|n| u32::try_from(n).ok());
        ShapeBuilder {
            form: Form::Windows,
            origin: "EVTX",
            provider: text(self.provider).or_else(|| text(self.source)).unwrap_or_default(),
            channel: text(self.channel).unwrap_or_default(),
            event_id: small(self.event_id),
            version: small(self.version),
            fields: self.fields.clone(),
            constant: self.places().into_iter().flatten().map(|i| i as SlotIndex).collect(),
        }
        .build()
    }
}

/// Equality; the short ones, which are numbers, without a call.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && if a.len() <= 2 { a.iter().eq(b) } else { a == b }
}

fn at<'a>(slots: &[Slot<'a>], index: Option<usize>) -> Slot<'a> {
    index.and_then(|i| slots.get(i)).copied().unwrap_or(Slot::MISSING)
}

fn number(slot: Slot<'_>) -> Option<u64> {
    match slot.value() {
        Value::I64(n) => u64::try_from(n).ok(),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// All layouts a decoder has met.
#[derive(Default)]
pub(super) struct Layouts {
    layouts: Vec<Layout>,
    by_trace: HashMap<Box<[u32]>, LayoutId>,
    by_names: HashMap<Box<[FieldName]>, LayoutId>,
    size: usize,
}

impl Layouts {
    /// There are too many: better begin anew.
    pub fn is_full(&self) -> bool {
        self.size > MAX_NAMES
    }

    /// The layout of a regular record.
    pub fn of_trace(&self, trace: &[u32]) -> Option<LayoutId> {
        self.by_trace.get(trace).copied()
    }

    /// Remembers the layout of a regular record.
    pub fn learn(&mut self, trace: &[u32], list: &[FieldName], names: &Names) -> LayoutId {
        let id = self.of_names(list, names);
        self.size += trace.len();
        self.by_trace.insert(trace.into(), id);
        id
    }

    /// The layout of a record of an odd build.
    pub fn of_names(&mut self, list: &[FieldName], names: &Names) -> LayoutId {
        if let Some(id) = self.by_names.get(list) {
            return *id;
        }
        self.size += list.len() + 1;
        let id = self.layouts.len();
        self.layouts.push(Layout::new(list, names));
        self.by_names.insert(list.into(), id);
        id
    }

    /// The layout, and the shape of an event of it.
    pub fn shape(&mut self, id: LayoutId, slots: &[Slot<'_>]) -> Option<(&Layout, &Arc<Shape>)> {
        let layout = self.layouts.get_mut(id)?;
        let known = layout.known(slots).unwrap_or_else(|| {
            let (key, shape) = (layout.key(slots), layout.build(slots));
            self.size += layout.fields.len() + key.len() / 8 + 1;
            layout.by_key.insert(key.clone(), layout.shapes.len());
            layout.shapes.push((key, shape));
            layout.shapes.len() - 1
        });
        let (_, shape) = layout.shapes.get(known)?;
        Some((layout, shape))
    }
}
