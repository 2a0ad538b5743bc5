//! What rules that look at more than one event read of the events kept for them: each value once for all rules, and
//! again only where the bytes beneath it have changed.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Event, Shape, ShapeId, Timestamp, Value};
use shikra_ir::{FieldRef, Names, Pattern, Scalar, eval};
use shikra_matcher::EventRow;
use shikra_rows::{Cell, Cells, Seed, field_of_event, reads_fields_alone};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::shared::{Shared, SharedId};
use crate::watched::{Bits, Number, Trial, Watched};

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
    /// Bytes of values that are remembered, about.
    held: usize,
    shared: Shared,
    /// The numbers of what stands in the slots of a source.
    key: Vec<u32>,
    /// What is read anew.
    stale: Vec<u32>,
}

#[derive(Default)]
struct OfShape {
    /// By part: where its cells stand.
    places: Vec<Option<Arc<[u32]>>>,
    /// By company of parts: where the cells of all of them stand.
    companies: Vec<Option<Bits>>,
    by_scalar: HashMap<ScalarId, u32>,
    sources: Vec<Source>,
    cells: Vec<Cell>,
    /// The numbers of their values.
    ids: Vec<SharedId>,
    watched: Watched,
}

/// What a cell is read from.
struct Source {
    scalar: ScalarId,
    fields: Vec<(FieldRef, Binding)>,
    /// Where the slots stand that it depends on, among those that are watched; none, where it depends on all of them or on
    /// the time.
    slots: Box<[u32]>,
    /// It is the field `_time`, which the shape has not.
    is_time: bool,
    memo: Memo,
    sharing: Sharing,
}

/// Whether values of a source are worth sharing.
#[derive(Default)]
struct Sharing(Trial);

impl Sharing {
    fn share(&mut self, cell: Cell, shared: &mut Shared) -> (Cell, SharedId) {
        if self.0.is_of_no_use() {
            return (cell, Shared::NONE);
        }
        let put = shared.put(cell);
        self.0.asked(!put.is_new, 4096, 8);
        (put.cell, put.id)
    }
}

/// Values by what they were read from, of what says the same again and again.
#[derive(Default)]
struct Memo {
    /// Of one slot: by the number of what stands there.
    of_one: Vec<Option<Known>>,
    /// Of several: by their numbers.
    of_several: HashMap<Box<[u32]>, Known>,
    /// How often the numbers were given anew, of all slots together.
    generation: u32,
    trial: Trial,
}

/// A value with its number.
type Known = (Cell, SharedId);

impl Memo {
    /// Values of several slots that are remembered.
    const MOST: usize = 512;

    /// The value, and how many bytes are held more than before, about.
    fn cell(
        &mut self,
        numbers: impl ExactSizeIterator<Item = Option<Number>>,
        key: &mut Vec<u32>,
        read: impl FnOnce() -> Known,
    ) -> (Known, usize) {
        let (mut generation, count) = (0u32, numbers.len());
        key.clear();
        for number in numbers {
            let Some(Number { value, generation: of_slot }) = number else { return (read(), 0) };
            key.push(value);
            generation += of_slot;
        }
        if generation != self.generation {
            (self.of_one, self.of_several) = Default::default();
            self.generation = generation;
        }
        if let ([value], 1) = (key.as_slice(), count) {
            let value = *value as usize;
            if let Some(Some(known)) = self.of_one.get(value) {
                return (known.clone(), 0);
            }
            let before = self.of_one.capacity();
            if self.of_one.len() <= value {
                self.of_one.resize(value + 1, None);
            }
            let known = read();
            self.of_one.get_mut(value).into_iter().for_each(|place| *place = Some(known.clone()));
            return (known, (self.of_one.capacity() - before) * size_of::<Option<Known>>());
        }
        self.of_these(key, read)
    }

    fn of_these(&mut self, key: &[u32], read: impl FnOnce() -> Known) -> (Known, usize) {
        if self.trial.is_of_no_use() || key.is_empty() {
            return (read(), 0);
        }
        let known = self.of_several.get(key).cloned();
        self.trial.asked(known.is_some(), 2048, 2);
        if self.of_several.len() >= Memo::MOST && known.is_none() || self.trial.is_of_no_use() {
            self.of_several.clear();
        }
        if let Some(known) = known {
            return (known, 0);
        }
        let known = read();
        if self.trial.is_of_no_use() {
            return (known, 0);
        }
        self.of_several.insert(key.into(), known.clone());
        (known, 2 * (size_of_val(key) + size_of::<Known>()))
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
            held: 0,
            shared: Shared::new(MAX_SHARED),
            key: Vec::new(),
            stale: Vec::new(),
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
            within,
            held: &mut self.held,
            shared: &mut self.shared,
            key: &mut self.key,
            stale: &mut self.stale,
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
    within: Option<u32>,
    held: &'r mut usize,
    shared: &'r mut Shared,
    key: &'r mut Vec<u32>,
    stale: &'r mut Vec<u32>,
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
        if shape.companies.get(company as usize).is_none_or(Option::is_none) {
            let mut all = Bits::default();
            for (number, reads) in parts() {
                let places =
                    reads.iter().map(|s| shape.place(*s, self.scalars, self.event.shape, self.taxonomy));
                let places: Arc<[u32]> = places.collect();
                places.iter().for_each(|p| all.insert(*p));
                put(&mut shape.places, number, places);
            }
            put(&mut shape.companies, company, all);
        }
        let OfShape { companies, sources, cells, ids, watched, .. } = shape;
        let Some(Some(wanted)) = companies.get(company as usize) else { return };
        *self.held += watched.look(self.event, self.within);
        let mut around = Around {
            taxonomy: self.taxonomy,
            scalars: self.scalars,
            seed: self.seed,
            shared: self.shared,
            key: self.key,
        };
        self.stale.clear();
        watched.take_stale(wanted, self.stale);
        for place in self.stale.iter().map(|p| *p as usize) {
            let all = (sources.get_mut(place), cells.get_mut(place), ids.get_mut(place));
            let (Some(source), Some(cell), Some(id)) = all else { continue };
            let more;
            ((*cell, *id), more) = source.value(self.event, self.time, watched, &mut around);
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
    key: &'r mut Vec<u32>,
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
            let place = self.cells.len() as u32;
            let slots = self.watched.add(place, slots.as_deref());
            let is_field = wanted.is_some_and(|w| matches!(w.scalar, Scalar::Field(_)));
            let absent = |(f, b): &(FieldRef, Binding)| &*f.name == "_time" && b.is_absent();
            let is_time = is_field && fields.iter().all(absent);
            let (memo, sharing) = (Memo::default(), Sharing::default());
            self.sources.push(Source { scalar, fields, slots, is_time, memo, sharing });
            self.cells.push(Cell::default());
            self.ids.push(Shared::NONE);
            place
        })
    }
}

impl Source {
    /// The value in an event, with its number, and how many bytes are held more than before.
    fn value(
        &mut self,
        event: &Event<'_>,
        time: Timestamp,
        watched: &Watched,
        around: &mut Around<'_>,
    ) -> (Known, usize) {
        let Source { scalar, fields, slots, is_time, memo, sharing } = self;
        let Around { taxonomy, scalars, seed, shared, key } = around;
        let read = || {
            let wanted = scalars.get(*scalar);
            if wanted.is_some_and(|w| w.timed) && *is_time {
                // Most events have no such field: it is what is asked most.
                return (seed.cell(Value::Time(time)), Shared::NONE);
            }
            let time = wanted.filter(|w| w.timed).map(|_| time);
            let row = Bound { event, fields, taxonomy, time };
            let value = wanted.map_or(Value::Missing, |w| eval::scalar(&w.scalar, &row));
            sharing.share(seed.cell(value), shared)
        };
        memo.cell(slots.iter().map(|at| watched.number(*at)), key, read)
    }
}

/// An event with its fields bound.
struct Bound<'a> {
    event: &'a Event<'a>,
    fields: &'a [(FieldRef, Binding)],
    taxonomy: &'a Taxonomy,
    /// The time that `_time` means, where that is to be said.
    time: Option<Timestamp>,
}

impl Bound<'_> {
    fn row(&self) -> EventRow<'_> {
        EventRow { event: self.event, taxonomy: self.taxonomy }
    }
}

impl eval::Row for Bound<'_> {
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
                    let known = Bound { event: &event, fields: &[], taxonomy: &taxonomy, time: Some(time) };
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
