//! From the values of a document to an event: shapes and slot orders, decided once per set of paths.
//!
//! Some producers write keys in random order, so a layout belongs to the *set* of paths of a document, not to
//! their sequence: events with the same fields share a shape whatever the order they were written in. What
//! paths mean is asked of `recognise`, once per layout. Everything held here is bounded: the owner clears it
//! with the paths.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use shikra_event::{Event, Form, Kind, Name, Shape, ShapeBuilder, Slot, Timestamp};

use crate::convert::{Convert, american_time, date_call, epoch, kibana_time};
use crate::inner::{self, Inner};
use crate::json::scan::Leaf;
use crate::paths::{PathId, Paths};
use crate::recognise::recognise;

/// Position of a value in the sorted paths of a layout.
pub(crate) type Position = u32;

/// Layouts held before all are dropped.
const MAX_LAYOUTS: usize = 4096;
/// Values of paths held over all layouts before all are dropped.
const MAX_POSITIONS: usize = 1 << 20;
/// Shapes of one layout, differing in provider, channel, event id or version, before they are dropped.
const MAX_SHAPES: usize = 1024;

/// What a set of paths means: the answer of `recognise`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub form: Form,
    pub origin: &'static str,
    /// The fields in slot order: name, where the value stands, how it is converted.
    pub fields: Vec<(Name, Position, Convert)>,
    pub provider: Option<Position>,
    pub channel: Option<Position>,
    pub event_id: Option<Position>,
    pub version: Option<Position>,
    /// Where the event time may stand, best first.
    pub times: Vec<Position>,
    /// Where the record's own number stands, for formats that go by it.
    pub record: Option<Position>,
    /// A record that the document holds within it.
    pub inner: Inner,
    /// Provider and channel of events that name none, where their fields tell.
    pub inferred: Option<(&'static str, &'static str)>,
}

/// Where the number of a record comes from.
#[derive(Clone, Copy)]
enum Number {
    Given(u64),
    /// From the event itself; else this one.
    Own(u64),
}

/// What stands for the event, see [`Inner`].
enum Within {
    Text(String),
    Pairs { name: PathId, value: PathId },
}

struct Layout {
    /// Paths in order of their numbers, repeated ones repeated.
    paths: Box<[PathId]>,
    /// Paths in the order of the document seen last, and where in it each sorted path stands.
    order: Vec<PathId>,
    places: Vec<u32>,
    /// Where in it the value of each field stands.
    fields: Vec<u32>,
    plan: Plan,
    /// Fields that are converted.
    converts: Vec<(usize, Convert)>,
    shapes: HashMap<Box<[u8]>, Arc<Shape>, RandomState>,
}

/// All layouts of one decoder.
pub(crate) struct Layouts {
    /// What shapes say they come from, where the container decides rather than the form.
    origin: Option<&'static str>,
    by_token: HashMap<u64, Vec<Layout>, RandomState>,
    count: usize,
    positions: usize,
    key: Vec<u8>,
    sorted: Vec<(PathId, u32)>,
    /// Kept for its allocation only.
    spare: Vec<Slot<'static>>,
}

impl Layouts {
    pub fn new(origin: Option<&'static str>) -> Layouts {
        Layouts {
            origin,
            by_token: HashMap::default(),
            count: 0,
            positions: 0,
            key: Vec::new(),
            sorted: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Drops everything: to be called when path numbers lose their meaning.
    pub fn clear(&mut self) {
        self.by_token.clear();
        self.count = 0;
        self.positions = 0;
    }

    /// Calls `sink` with the event that `leaves` make. `record` is its number unless `own_record` is set and
    /// the event has one of its own.
    pub fn event(
        &mut self,
        paths: &Paths,
        leaves: &[Leaf<'_>],
        record: u64,
        own_record: bool,
        sink: &mut dyn FnMut(&Event<'_>),
    ) {
        let number = if own_record { Number::Own(record) } else { Number::Given(record) };
        self.make(paths, leaves, number, |_| None::<()>, sink);
    }

    /// As [`Layouts::event`], with event data that stands in lists under its own names. Where `texts` are wanted,
    /// a record that the document holds as text is answered instead of the event.
    pub fn event_or_text(
        &mut self,
        paths: &mut Paths,
        leaves: &[Leaf<'_>],
        record: u64,
        texts: bool,
        sink: &mut dyn FnMut(&Event<'_>),
    ) -> Option<String> {
        let within = |layout: &Layout| match layout.plan.inner {
            Inner::None => None,
            _ => layout.within(leaves, texts),
        };
        match self.make(paths, leaves, Number::Given(record), within, sink)? {
            Within::Text(text) => Some(text),
            Within::Pairs { name, value } => {
                let leaves = inner::unpaired(paths, leaves, name, value);
                self.event(paths, &leaves, record, false, sink);
                None
            }
        }
    }

    /// Calls `sink` with the event that `leaves` make, unless `instead` answers something for its layout.
    fn make<T>(
        &mut self,
        paths: &Paths,
        leaves: &[Leaf<'_>],
        number: Number,
        instead: impl FnOnce(&Layout) -> Option<T>,
        sink: &mut dyn FnMut(&Event<'_>),
    ) -> Option<T> {
        if self.count >= MAX_LAYOUTS || self.positions >= MAX_POSITIONS {
            self.clear();
        }
        let mut slots = recycle(std::mem::take(&mut self.spare));
        let mut scratch = Vec::new();
        let mut key = std::mem::take(&mut self.key);
        let mut answer = None;
        if let Some(layout) = self.find(paths, leaves) {
            answer = instead(layout);
            if answer.is_none() {
                layout.fill(leaves, &mut slots, &mut scratch);
                let mut own = Vec::new();
                let slots = if scratch.is_empty() {
                    &slots[..]
                } else {
                    own.extend_from_slice(&slots);
                    splice(&mut own, &scratch);
                    &own[..]
                };
                let shape = layout.shape(leaves, &mut key);
                let record = match number {
                    Number::Given(record) => record,
                    Number::Own(record) => layout.number(layout.plan.record, leaves).unwrap_or(record),
                };
                sink(&Event { shape: &shape, slots, record, time: layout.time(leaves) });
            }
        }
        self.key = key;
        self.spare = recycle(slots);
        answer
    }

    fn find(&mut self, paths: &Paths, leaves: &[Leaf<'_>]) -> Option<&mut Layout> {
        let token = leaves.iter().fold(0u64, |sum, l| sum.wrapping_add(paths.token(l.path)));
        let (sorted, count, positions) = (&mut self.sorted, &mut self.count, &mut self.positions);
        let origin = self.origin;
        let candidates = self.by_token.entry(token).or_default();
        let found = candidates.iter_mut().position(|l| l.admits(leaves, sorted));
        if found.is_none() {
            candidates.push(Layout::new(paths, leaves, origin));
            *count += 1;
            *positions += leaves.len();
        }
        let at = found.unwrap_or(candidates.len() - 1);
        candidates.get_mut(at)
    }
}

impl Layout {
    fn new(paths: &Paths, leaves: &[Leaf<'_>], origin: Option<&'static str>) -> Layout {
        let mut sorted = Vec::new();
        sort(leaves, &mut sorted);
        let ids: Box<[PathId]> = sorted.iter().map(|(path, _)| *path).collect();
        let mut plan = recognise(paths, &ids);
        plan.origin = origin.unwrap_or(plan.origin);
        let converts = plan.fields.iter().enumerate().map(|(index, (.., c))| (index, *c));
        let mut layout = Layout {
            paths: ids,
            order: leaves.iter().map(|l| l.path).collect(),
            places: sorted.iter().map(|(_, place)| *place).collect(),
            fields: Vec::new(),
            converts: converts.filter(|(_, c)| *c != Convert::Keep).collect(),
            plan,
            shapes: HashMap::default(),
        };
        layout.place_fields();
        layout
    }

    /// Works out `fields` for the order of the document.
    fn place_fields(&mut self) {
        let Layout { fields, places, plan, .. } = self;
        fields.clear();
        fields.extend(
            plan.fields.iter().map(|(_, at, _)| places.get(*at as usize).copied().unwrap_or(u32::MAX)),
        );
    }

    /// Whether `leaves` have the paths of this layout; if so, `places` are theirs afterwards.
    fn admits(&mut self, leaves: &[Leaf<'_>], sorted: &mut Vec<(PathId, u32)>) -> bool {
        if leaves.len() != self.order.len() {
            return false;
        }
        if leaves.iter().zip(&self.order).all(|(l, path)| l.path == *path) {
            return true;
        }
        sort(leaves, sorted);
        if !sorted.iter().zip(&*self.paths).all(|((path, _), own)| path == own) {
            return false;
        }
        self.order.clear();
        self.order.extend(leaves.iter().map(|l| l.path));
        self.places.clear();
        self.places.extend(sorted.iter().map(|(_, place)| *place));
        self.place_fields();
        true
    }

    /// What `leaves` hold for an event; none where they are the event themselves.
    #[cold]
    fn within(&self, leaves: &[Leaf<'_>], texts: bool) -> Option<Within> {
        let path = |at: &Position| self.paths.get(*at as usize).copied().unwrap_or_default();
        match &self.plan.inner {
            Inner::Pairs { name, value } => Some(Within::Pairs { name: path(name), value: path(value) }),
            _ if !texts => None,
            Inner::None => None,
            Inner::Raw(at) => self.slot(leaves, *at).to_text().and_then(inner::raw).map(Within::Text),
            Inner::Rendered(columns) => {
                let columns = columns.iter().map(|(name, at)| (*name, self.slot(leaves, *at)));
                Some(Within::Text(inner::rendered(columns)))
            }
            Inner::Payload { payload, columns } => {
                let columns = columns.iter().map(|(column, at)| (*column, self.slot(leaves, *at)));
                inner::joined(&self.slot(leaves, *payload), columns).map(Within::Text)
            }
        }
    }

    #[inline]
    fn slot<'a>(&self, leaves: &[Leaf<'a>], at: Position) -> Slot<'a> {
        let place = self.places.get(at as usize).map_or(usize::MAX, |p| *p as usize);
        leaves.get(place).map_or(Slot::MISSING, |l| l.slot)
    }

    fn fill<'a>(
        &self,
        leaves: &[Leaf<'a>],
        slots: &mut Vec<Slot<'a>>,
        scratch: &mut Vec<(usize, Kind, Vec<u8>)>,
    ) {
        let at = |place: &u32| leaves.get(*place as usize).map_or(Slot::MISSING, |l| l.slot);
        slots.extend(self.fields.iter().map(at));
        for (index, convert) in &self.converts {
            if let Some(slot) = slots.get_mut(*index) {
                convert.apply(slot, |kind, bytes| scratch.push((*index, kind, bytes)));
            }
        }
    }

    fn number(&self, at: Option<Position>, leaves: &[Leaf<'_>]) -> Option<u64> {
        let slot = self.slot(leaves, at?);
        std::str::from_utf8(slot.data).ok()?.trim().parse().ok()
    }

    fn time(&self, leaves: &[Leaf<'_>]) -> Option<Timestamp> {
        self.plan.times.iter().find_map(|at| time_of(&self.slot(leaves, *at)))
    }

    /// The shape for the values that shapes differ in.
    fn shape(&mut self, leaves: &[Leaf<'_>], key: &mut Vec<u8>) -> Arc<Shape> {
        let plan = &self.plan;
        key.clear();
        for at in [plan.provider, plan.channel, plan.event_id, plan.version].into_iter().flatten() {
            let slot = self.slot(leaves, at);
            key.push(slot.kind.0);
            key.extend_from_slice(&(slot.data.len() as u32).to_le_bytes());
            key.extend_from_slice(slot.data);
        }
        if let Some(shape) = self.shapes.get(key.as_slice()) {
            return shape.clone();
        }
        if self.shapes.len() >= MAX_SHAPES {
            self.shapes.clear();
        }
        let shape = self.build(leaves);
        self.shapes.insert(key.as_slice().into(), shape.clone());
        shape
    }

    fn build(&self, leaves: &[Leaf<'_>]) -> Arc<Shape> {
        let plan = &self.plan;
        let text = |at: Option<Position>| at.and_then(|at| self.slot(leaves, at).to_text());
        let number = |at| text(at).and_then(|t| t.trim().parse().ok());
        let inferred = plan.inferred.unwrap_or_default();
        let or = |found: Option<String>, other: &str| {
            found.filter(|t| !t.is_empty()).unwrap_or_else(|| other.to_string())
        };
        ShapeBuilder {
            form: plan.form,
            origin: plan.origin,
            provider: or(text(plan.provider).map(crate::recognise::provider_name), inferred.0),
            channel: or(text(plan.channel).map(crate::recognise::channel_name), inferred.1),
            event_id: number(plan.event_id),
            version: number(plan.version),
            fields: plan.fields.iter().map(|(name, ..)| name.clone()).collect(),
            ..ShapeBuilder::default()
        }
        .build()
    }
}

/// Event time in a value: text in any form that [`Timestamp::parse`] reads, or a number of a plausible epoch.
fn time_of(slot: &Slot<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(slot.data).ok()?;
    match slot.kind {
        Kind::JSON_NUMBER => epoch(text),
        Kind::JSON_STRING | Kind::UTF8 | Kind::XML_TEXT => {
            let other = || epoch(text).or_else(|| american_time(text)).or_else(|| shown_time(text));
            Timestamp::parse(text).or_else(other)
        }
        _ => None,
    }
}

/// Times that only people and .NET write so.
#[cold]
fn shown_time(text: &str) -> Option<Timestamp> {
    date_call(text).or_else(|| kibana_time(text))
}

fn sort(leaves: &[Leaf<'_>], sorted: &mut Vec<(PathId, u32)>) {
    sorted.clear();
    sorted.extend(leaves.iter().zip(0u32..).map(|(l, place)| (l.path, place)));
    sorted.sort_unstable();
}

fn splice<'a>(slots: &mut [Slot<'a>], scratch: &'a [(usize, Kind, Vec<u8>)]) {
    for (index, kind, bytes) in scratch {
        if let Some(slot) = slots.get_mut(*index) {
            *slot = Slot { kind: *kind, data: bytes };
        }
    }
}

/// An empty vector that keeps the allocation of `slots` where the standard library collects in place.
fn recycle<'b>(mut slots: Vec<Slot<'_>>) -> Vec<Slot<'b>> {
    slots.clear();
    slots.into_iter().map(|_| Slot::MISSING).collect()
}
