//! From what a run made to the event's shape.
//!
//! A *layout* is a list of field names, with where among them stands what a shape is known by. It belongs to a
//! trace; the shapes of a layout are told apart by the raw bytes of provider, channel, event id and version.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Form, Name, Shape, ShapeBuilder, Slot, Timestamp, Value, system};

use super::program::FieldName;

/// Field names of all layouts and shapes together before all are forgotten.
const MAX_NAMES: usize = 1 << 20;
/// Provider name of events that are registered under another one.
const EVENT_SOURCE: &str = "Provider_EventSourceName";

/// Number of a layout, until [`Layouts::clear`].
pub(super) type LayoutId = usize;

/// A field list, with the fields that matter to every event.
pub(super) struct Layout {
    names: Vec<FieldName>,
    provider: Option<usize>,
    source: Option<usize>,
    channel: Option<usize>,
    event_id: Option<usize>,
    version: Option<usize>,
    time: Option<usize>,
    record: Option<usize>,
    /// The shape found last, and its key: events of one kind come in runs.
    last: Option<(Box<[u8]>, Arc<Shape>)>,
    shapes: HashMap<Box<[u8]>, Arc<Shape>>,
}

impl Layout {
    fn new(names: Vec<FieldName>) -> Layout {
        let position = |name: &str| names.iter().position(|f| f.system && *f.name == *name);
        Layout {
            provider: position(system::PROVIDER),
            source: position(EVENT_SOURCE),
            channel: position(system::CHANNEL),
            event_id: position(system::EVENT_ID),
            version: position(system::VERSION),
            time: position(system::TIME),
            record: position(system::RECORD),
            names,
            last: None,
            shapes: HashMap::new(),
        }
    }

    /// Event time, where the event says so.
    pub fn time(&self, slots: &[Slot<'_>]) -> Option<Timestamp> {
        match at(slots, self.time).value() {
            Value::Time(time) => Some(time),
            Value::Str(text) => Timestamp::parse(&text),
            _ => None,
        }
    }

    /// EventRecordID, where the event says so.
    pub fn record(&self, slots: &[Slot<'_>]) -> Option<u64> {
        let slot = at(slots, self.record);
        match slot.data.try_into() {
            Ok(bytes) if slot.kind == shikra_event::Kind::U64 => Some(u64::from_le_bytes(bytes)),
            _ => number(slot),
        }
    }

    fn key(&self, slots: &[Slot<'_>], key: &mut Vec<u8>) {
        key.clear();
        for part in [self.provider, self.source, self.channel, self.event_id, self.version] {
            let slot = at(slots, part);
            key.push(slot.kind.0);
            key.extend_from_slice(&(slot.data.len() as u32).to_le_bytes());
            key.extend_from_slice(slot.data);
        }
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
            fields: self.names.iter().map(|f| f.name.clone()).collect(),
        }
        .build()
    }
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
    by_names: HashMap<Box<[(Name, bool)]>, LayoutId>,
    key: Vec<u8>,
    size: usize,
}

impl Layouts {
    /// Forgets all, where there are too many, or where traces have lost their meaning.
    pub fn clear(&mut self, traces_are_void: bool) {
        if traces_are_void || self.size > MAX_NAMES {
            *self = Layouts::default();
        }
    }

    pub fn get(&self, id: LayoutId) -> Option<&Layout> {
        self.layouts.get(id)
    }

    /// The layout of a regular record.
    pub fn of_trace(&self, trace: &[u32]) -> Option<LayoutId> {
        self.by_trace.get(trace).copied()
    }

    /// Remembers the layout of a regular record.
    pub fn learn(&mut self, trace: &[u32], names: Vec<FieldName>) -> LayoutId {
        let id = self.of_names(names);
        self.size += trace.len();
        self.by_trace.insert(trace.into(), id);
        id
    }

    /// The layout of a record of an odd build.
    pub fn of_names(&mut self, names: Vec<FieldName>) -> LayoutId {
        let key: Box<[_]> = names.iter().map(|f| (f.name.clone(), f.system)).collect();
        if let Some(id) = self.by_names.get(&key) {
            return *id;
        }
        self.size += names.len() + 1;
        let id = self.layouts.len();
        self.layouts.push(Layout::new(names));
        self.by_names.insert(key, id);
        id
    }

    /// The shape of an event of this layout.
    pub fn shape(&mut self, id: LayoutId, slots: &[Slot<'_>]) -> Option<Arc<Shape>> {
        let layout = self.layouts.get_mut(id)?;
        layout.key(slots, &mut self.key);
        if let Some((key, shape)) = &layout.last
            && **key == *self.key
        {
            return Some(shape.clone());
        }
        let shape = match layout.shapes.get(self.key.as_slice()) {
            Some(shape) => shape.clone(),
            None => {
                let shape = layout.build(slots);
                self.size += layout.names.len() + self.key.len() / 16 + 1;
                layout.shapes.insert(self.key.as_slice().into(), shape.clone());
                shape
            }
        };
        layout.last = Some((self.key.as_slice().into(), shape.clone()));
        Some(shape)
    }
}
