//! What rules that look at more than one event read of the events kept for them: each value once for all rules, and
//! again only where the bytes beneath it have changed.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Event, Kind, Shape, ShapeId, SlotIndex, Timestamp, Value};
use shikra_ir::{FieldRef, Names, Pattern, Scalar, eval};
use shikra_matcher::EventRow;
use shikra_rows::{Cell, Cells, Seed, field_of_event, reads_fields_alone};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::shared::{Shared, SharedId};

/// Shapes whose readings are remembered.
const MAX_SHAPES: usize = 4096;
/// Bytes of values that are remembered of them.
const MAX_HELD: usize = 32 << 20;
/// Bytes of values that are shared.
const MAX_SHARED: usize = 32 << 20;

/// Number of a scalar among those that are read.
pub(crate) type ScalarId = u32;

/// All scalars that are read, each once.
#[derive(Default)]
struct Scalars {
    all: Vec<Wanted>,
    known: HashMap<String, ScalarId>,
}

/// A scalar, and whether it is meant as [`field_of_event`] says, rather than as the event's source has it.
struct Wanted {
    scalar: Scalar,
    timed: bool,
}

impl Scalars {
    fn get(&self, id: ScalarId) -> Option<&Wanted> {
        self.all.get(id as usize)
    }

    /// The number of a scalar.
    fn intern(&mut self, s: &Scalar, timed: bool) -> ScalarId {
        let mut differs = false;
        s.fields(&mut |f| differs |= f.names == Names::Column || &*f.name == "_time");
        let timed = timed && differs;
        *self.known.entry(format!("{timed} {s:?}")).or_insert_with(|| {
            self.all.push(Wanted { scalar: s.clone(), timed });
            (self.all.len() - 1) as ScalarId
        })
    }
}

/// Reads scalars of events. What a scalar is made of is found once for each shape, and its value is kept until
/// another event of the shape has other bytes there.
pub(crate) struct Reader<'a> {
    taxonomy: &'a Taxonomy,
    pub seed: Seed,
    scalars: Scalars,
    shapes: HashMap<ShapeId, OfShape>,
    /// Number of the event that is read.
    now: u64,
    /// Bytes of values that are remembered, about.
    held: usize,
    shared: Shared,
    /// What stands in the slots of a source: kind, length and bytes of each.
    key: Vec<u8>,
}

#[derive(Default)]
struct OfShape {
    /// By part: where its cells stand.
    places: Vec<Option<Arc<[u32]>>>,
    /// By company of parts: where the cells of all of them stand, each once.
    companies: Vec<Option<Arc<[u32]>>>,
    by_scalar: HashMap<ScalarId, u32>,
    sources: Vec<Source>,
    cells: Vec<Cell>,
    /// The numbers of their values.
    ids: Vec<SharedId>,
    /// By slot: what stood there last, of those that are read.
    slots: Vec<Stood>,
}

/// What stood in a slot when it was last looked at.
struct Stood {
    kind: Kind,
    bytes: Vec<u8>,
    /// The block and the address that they were taken from, where they stay.
    from: Option<(u32, usize)>,
    /// Number of the event that it was looked at for.
    at: u64,
    /// Number of the event that it has stood there since.
    since: u64,
}

/// What a cell is read from.
struct Source {
    scalar: ScalarId,
    fields: Vec<(FieldRef, Binding)>,
    /// The slots that it depends on; none: on all of them, or on the time.
    slots: Option<Vec<SlotIndex>>,
    /// Number of the event that its value was last read of, none before the first.
    read: Option<u64>,
    memo: Memo,
    sharing: Sharing,
}

/// Of what use it is to look for values of a source among others.
#[derive(Default)]
struct Trial {
    asked: u32,
    found: u32,
    /// Too little was found.
    is_of_no_use: bool,
}

impl Trial {
    /// Takes note of one question; of `most` together one in `least` has to find something.
    fn asked(&mut self, found: bool, most: u32, least: u32) {
        self.asked += 1;
        self.found += u32::from(found);
        if self.asked >= most {
            self.is_of_no_use = self.found < self.asked / least;
            (self.asked, self.found) = (0, 0);
        }
    }
}

/// Whether values of a source are worth sharing.
#[derive(Default)]
struct Sharing(Trial);

impl Sharing {
    fn share(&mut self, cell: Cell, shared: &mut Shared) -> (Cell, SharedId) {
        if self.0.is_of_no_use {
            return (cell, Shared::NONE);
        }
        let put = shared.put(cell);
        self.0.asked(!put.is_new, 4096, 8);
        (put.cell, put.id)
    }
}

/// Values by the bytes that they were read from, of what says the same again and again.
#[derive(Default)]
struct Memo {
    known: HashMap<Box<[u8]>, (Cell, SharedId)>,
    trial: Trial,
}

impl Memo {
    /// Values that are remembered.
    const MOST: usize = 512;

    /// The value with its number, and how many bytes are held more than before, about.
    fn cell(&mut self, bytes: &[u8], read: impl FnOnce() -> (Cell, SharedId)) -> ((Cell, SharedId), usize) {
        if self.trial.is_of_no_use {
            return (read(), 0);
        }
        let known = self.known.get(bytes).cloned();
        self.trial.asked(known.is_some(), 2048, 2);
        if self.known.len() >= Memo::MOST && known.is_none() || self.trial.is_of_no_use {
            self.known.clear();
        }
        if let Some(known) = known {
            return (known, 0);
        }
        let cell = read();
        if self.trial.is_of_no_use {
            return (cell, 0);
        }
        self.known.insert(bytes.into(), cell.clone());
        (cell, 2 * (bytes.len() + size_of::<Cell>()))
    }
}

impl<'a> Reader<'a> {
    /// One that has read nothing.
    pub fn new(taxonomy: &'a Taxonomy) -> Reader<'a> {
        Reader {
            taxonomy,
            seed: Seed::default(),
            scalars: Scalars::default(),
            shapes: HashMap::new(),
            now: 0,
            held: 0,
            shared: Shared::new(MAX_SHARED),
            key: Vec::new(),
        }
    }

    /// The number of a scalar that will be read. `timed`: as [`field_of_event`] says; otherwise as the event's source
    /// has it.
    pub fn intern(&mut self, s: &Scalar, timed: bool) -> ScalarId {
        self.scalars.intern(s, timed)
    }

    /// From now on parts have other numbers.
    pub fn renumber(&mut self) {
        self.shapes.clear();
        self.held = 0;
    }

    /// From now on companies of parts have other numbers.
    pub fn renumber_companies(&mut self) {
        self.shapes.values_mut().for_each(|s| s.companies.clear());
    }

    /// The values that were shared.
    pub fn into_shared(self) -> Shared {
        self.shared
    }

    /// An event, of which no more is read than is asked for. `within`: while events of the same block come, bytes at one
    /// address are the same.
    pub fn event<'r>(
        &'r mut self,
        event: &'r Event<'r>,
        time: Timestamp,
        within: Option<u32>,
    ) -> Reading<'r> {
        self.now += 1;
        let many = self.shapes.len() >= MAX_SHAPES && !self.shapes.contains_key(&event.shape.id());
        if many || self.held > MAX_HELD {
            self.shapes.clear();
            self.held = 0;
        }
        let shape = self.shapes.entry(event.shape.id()).or_default();
        Reading {
            event,
            time,
            shape,
            taxonomy: self.taxonomy,
            seed: &self.seed,
            scalars: &self.scalars,
            now: self.now,
            within,
            held: &mut self.held,
            shared: &mut self.shared,
            key: &mut self.key,
        }
    }
}

/// An event on its way to the programs.
pub(crate) struct Reading<'r> {
    event: &'r Event<'r>,
    time: Timestamp,
    shape: &'r mut OfShape,
    taxonomy: &'r Taxonomy,
    seed: &'r Seed,
    scalars: &'r Scalars,
    now: u64,
    within: Option<u32>,
    held: &'r mut usize,
    shared: &'r mut Shared,
    key: &'r mut Vec<u8>,
}

/// What a part reads of an event.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a> {
    pub cells: Cells<'a>,
    ids: &'a [SharedId],
}

impl<'a> Read<'a> {
    /// The values, each with its number.
    pub fn values(self) -> impl ExactSizeIterator<Item = (&'a Value, SharedId)> {
        self.cells.at.iter().map(move |at| {
            let value = self.cells.all.get(*at as usize).map_or(&Value::Missing, Cell::value);
            (value, self.ids.get(*at as usize).copied().unwrap_or(Shared::NONE))
        })
    }
}

impl Reading<'_> {
    /// Reads what the parts of a company read, each thing once; `parts` says which they are and what each reads, where that
    /// is not known of the company and the shape.
    pub fn read<'p, P>(&mut self, company: u32, parts: impl FnOnce() -> P)
    where
        P: Iterator<Item = (u32, &'p [ScalarId])>,
    {
        let shape = &mut *self.shape;
        let known = shape.companies.get(company as usize).and_then(Option::clone);
        let places = known.unwrap_or_else(|| {
            let mut all: Vec<u32> = Vec::new();
            for (number, reads) in parts() {
                let places =
                    reads.iter().map(|s| shape.place(*s, self.scalars, self.event.shape, self.taxonomy));
                let places: Arc<[u32]> = places.collect();
                all.extend_from_slice(&places);
                put(&mut shape.places, number, places);
            }
            all.sort_unstable();
            all.dedup();
            let all: Arc<[u32]> = all.into();
            put(&mut shape.companies, company, all.clone());
            all
        });
        for place in &*places {
            self.read_one(*place as usize);
        }
    }

    fn read_one(&mut self, place: usize) {
        let shape = &mut *self.shape;
        let all = (shape.sources.get_mut(place), shape.cells.get_mut(place), shape.ids.get_mut(place));
        let (Some(source), Some(cell), Some(id)) = all else { return };
        let mut looking = Looking {
            event: self.event,
            now: self.now,
            within: self.within,
            stood: &mut shape.slots,
            held: self.held,
        };
        if source.changes(&mut looking) {
            let mut around = Around {
                taxonomy: self.taxonomy,
                scalars: self.scalars,
                seed: self.seed,
                shared: self.shared,
                key: self.key,
            };
            let more;
            ((*cell, *id), more) = source.value(self.event, self.time, &mut around);
            *self.held += more;
        }
    }

    /// What was [read](Reading::read) for a part.
    pub fn of_part(&self, number: u32) -> Read<'_> {
        let at = self.shape.places.get(number as usize).and_then(Option::as_deref).unwrap_or_default();
        Read { cells: Cells { all: &self.shape.cells, at }, ids: &self.shape.ids }
    }
}

/// Puts something in its place.
fn put<T: Clone>(all: &mut Vec<Option<T>>, number: u32, one: T) {
    let number = number as usize;
    if all.len() <= number {
        all.resize(number + 1, None);
    }
    if let Some(place) = all.get_mut(number) {
        *place = Some(one);
    }
}

/// What reading takes beside the event.
struct Around<'r> {
    taxonomy: &'r Taxonomy,
    scalars: &'r Scalars,
    seed: &'r Seed,
    shared: &'r mut Shared,
    key: &'r mut Vec<u8>,
}

impl OfShape {
    /// Where a scalar's cell stands, from now on if not before.
    fn place(&mut self, scalar: ScalarId, scalars: &Scalars, shape: &Shape, taxonomy: &Taxonomy) -> u32 {
        *self.by_scalar.entry(scalar).or_insert_with(|| {
            let mut fields: Vec<(FieldRef, Binding)> = Vec::new();
            let wanted = scalars.get(scalar);
            if let Some(w) = wanted {
                w.scalar.fields(&mut |f| {
                    if !fields.iter().any(|(known, _)| known == f) {
                        fields.push((f.clone(), taxonomy.bind(shape, f)));
                    }
                });
            }
            let named = wanted.is_some_and(|w| reads_fields_alone(&w.scalar));
            let timeless = fields.iter().all(|(f, _)| &*f.name != "_time");
            let slots = (named && timeless).then(|| {
                let mut slots = Vec::new();
                fields.iter().for_each(|(_, b)| b.slots(&mut slots));
                slots
            });
            self.sources.push(Source {
                scalar,
                fields,
                slots,
                read: None,
                memo: Memo::default(),
                sharing: Sharing::default(),
            });
            self.cells.push(Cell::default());
            self.ids.push(Shared::NONE);
            (self.cells.len() - 1) as u32
        })
    }
}

impl Source {
    /// The value in an event, with its number, and how many bytes are held more than before.
    fn value(
        &mut self,
        event: &Event<'_>,
        time: Timestamp,
        around: &mut Around<'_>,
    ) -> ((Cell, SharedId), usize) {
        let Source { scalar, fields, slots, memo, sharing, .. } = self;
        let Around { taxonomy, scalars, seed, shared, key } = around;
        let mut read = || {
            let wanted = scalars.get(*scalar);
            let time = wanted.filter(|w| w.timed).map(|_| time);
            let row = Known { event, fields, taxonomy, time };
            let value = wanted.map_or(Value::Missing, |w| eval::scalar(&w.scalar, &row));
            sharing.share(seed.cell(value), shared)
        };
        let Some(slots) = slots.as_ref().filter(|_| !memo.trial.is_of_no_use) else { return (read(), 0) };
        key.clear();
        for slot in slots.iter().map(|i| event.slot(*i)) {
            key.push(slot.kind.0);
            key.extend((slot.data.len() as u32).to_le_bytes());
            key.extend_from_slice(slot.data);
        }
        memo.cell(key, read)
    }

    /// Whether its value has to be read anew.
    fn changes(&mut self, looking: &mut Looking<'_>) -> bool {
        let Some(slots) = &self.slots else { return true };
        // All are looked at, for whoever asks next.
        let mut changes = self.read.is_none();
        for i in slots {
            let since = looking.at(*i);
            changes |= self.read.is_none_or(|read| since > read);
        }
        if changes {
            self.read = Some(looking.now);
        }
        changes
    }
}

/// Looks at the slots of an event.
struct Looking<'r> {
    event: &'r Event<'r>,
    now: u64,
    within: Option<u32>,
    stood: &'r mut Vec<Stood>,
    /// Bytes that are remembered.
    held: &'r mut usize,
}

impl Looking<'_> {
    /// Number of the event since which a slot has held what it holds.
    fn at(&mut self, i: SlotIndex) -> u64 {
        let (slot, i) = (self.event.slot(i), i as usize);
        if self.stood.len() <= i {
            self.stood.resize_with(i + 1, Stood::default);
        }
        let Some(stood) = self.stood.get_mut(i) else { return self.now };
        if stood.at == self.now {
            return stood.since;
        }
        stood.at = self.now;
        let from = self.within.map(|block| (block, slot.data.as_ptr().addr()));
        let stays = from.is_some() && stood.from == from && stood.bytes.len() == slot.data.len();
        let is_same = stood.kind == slot.kind && (stays || stood.bytes == slot.data);
        stood.from = from;
        if !is_same {
            let before = stood.bytes.capacity();
            (stood.kind, stood.since) = (slot.kind, self.now);
            stood.bytes.clear();
            stood.bytes.extend_from_slice(slot.data);
            *self.held += stood.bytes.capacity() - before;
        }
        stood.since
    }
}

impl Default for Stood {
    fn default() -> Stood {
        Stood { kind: Kind::MISSING, bytes: Vec::new(), from: None, at: 0, since: 0 }
    }
}

/// An event with its fields bound.
struct Known<'a> {
    event: &'a Event<'a>,
    fields: &'a [(FieldRef, Binding)],
    taxonomy: &'a Taxonomy,
    /// The time that `_time` means, where that is to be said.
    time: Option<Timestamp>,
}

impl Known<'_> {
    fn row(&self) -> EventRow<'_> {
        EventRow { event: self.event, taxonomy: self.taxonomy }
    }
}

impl eval::Row for Known<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        let bound = self.fields.iter().find(|(f, _)| f == field);
        let own = || bound.map_or_else(|| self.row().field(field), |(_, b)| b.value(self.event));
        self.time.map_or_else(own, |time| field_of_event(field, time, own))
    }
    fn all_fields(&self) -> Vec<Value> {
        self.row().all_fields()
    }
    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        self.row().fields_like(names, pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shikra_event::{ShapeBuilder, Slot};

    fn shape(event_id: u32) -> Arc<Shape> {
        ShapeBuilder {
            provider: "Microsoft-Windows-Sysmon".into(),
            channel: "Microsoft-Windows-Sysmon/Operational".into(),
            event_id: Some(event_id),
            fields: ["Image", "CommandLine", "Computer"].map(Into::into).into(),
            ..ShapeBuilder::default()
        }
        .build()
    }

    fn wanted() -> Vec<Scalar> {
        vec![
            Scalar::field(Names::Sigma, "Image"),
            Scalar::field(Names::Ecs, "process.name"),
            Scalar::field(Names::Ecs, "host.name"),
            Scalar::field(Names::Ecs, "no.such.field"),
            Scalar::field(Names::Splunk, "_time"),
            Scalar::field(Names::Column, "Image"),
            Scalar::AnyField,
            Scalar::Lit(7.into()),
        ]
    }

    proptest! {
        #[test]
        fn reads_what_evaluation_would(
            events in proptest::collection::vec((0usize..2, 0u8..4, 0u8..3), 1..30),
            most in prop_oneof![Just(0usize), Just(300), Just(MAX_SHARED)],
        ) {
            let taxonomy = Taxonomy::embedded();
            let shapes = [shape(1), shape(5)];
            let mut reader = Reader { shared: Shared::new(most), ..Reader::new(&taxonomy) };
            let both = [false, true].map(|timed| wanted().iter().map(|s| reader.intern(s, timed)).collect::<Vec<_>>());
            let mut told = Vec::new();
            // Texts that stay where they are, as those of a block do.
            let images = [0, 1, 2, 3].map(|n| format!("C:\\{n}.exe"));
            let lines = [0, 1, 2].map(|n| format!("x {n}"));
            for (n, (which, image, line)) in events.into_iter().enumerate() {
                let (image, line) = (&images[image as usize], &lines[line as usize]);
                let slots = [Slot::utf8(image), Slot::utf8(line), Slot::utf8("host")];
                let within = (n % 3 > 0).then_some(7);
                let event = Event { shape: &shapes[which], slots: &slots, record: 1, time: None };
                let row = EventRow { event: &event, taxonomy: &taxonomy };
                let time = Timestamp(n as i64);
                let mut reading = reader.event(&event, time, within);
                for number in 0..2 {
                    let known = Known { event: &event, fields: &[], taxonomy: &taxonomy, time: Some(time) };
                    let expected = |s: &Scalar| match number {
                        0 => eval::scalar(s, &row),
                        _ => eval::scalar(s, &known),
                    };
                    reading.read(n as u32 % 2, || (0..).zip(&both).map(|(n, reads)| (n, reads.as_slice())));
                    for (s, (value, id)) in wanted().iter().zip(reading.of_part(number).values()) {
                        prop_assert_eq!(value, &expected(s));
                        told.push((id, value.clone()));
                    }
                }
            }
            let shared = reader.into_shared();
            for (id, value) in told.into_iter().filter(|(id, _)| *id != Shared::NONE) {
                prop_assert_eq!(shared.get(id), Some(&value));
            }
        }
    }
}
