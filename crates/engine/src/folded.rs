//! Rules all of whose rows come of single events: fed all at once, in one reading of the kept events as they lie, each
//! value read of an event once for all of them. Only those whose answers depend on it are fed in order of time. What
//! they hold together stays within a budget: where they outgrow it the largest are given up, and left to those who can
//! work in temporary files.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use shikra_event::{Event, Shape, ShapeId, SlotIndex, Timestamp, Value};
use shikra_ir::{FieldRef, Names, Pattern, Scalar, eval};
use shikra_matcher::{EventRow, FilterId};
use shikra_rows::{Cell, Cells, Folder, Folding, Match, Seed, field_of_event};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::cells::{ScalarId, Scalars};
use crate::kept::{Kept, Pages, Visit, Wanted};
use crate::plan::{Detector, Target};

/// Shapes whose readings are remembered.
const MAX_SHAPES: usize = 4096;
/// Bytes of values that are remembered of them.
const MAX_HELD: usize = 32 << 20;

/// One program at work.
struct Running {
    /// Its number.
    program: usize,
    foldings: Vec<Arc<Folding>>,
    /// None once it has been given up.
    folder: Option<Folder>,
    /// Whether that was because events have to come in order of time.
    needs_order: bool,
    /// Events taken, and which was the last.
    taken: u64,
    last: Option<u64>,
}

/// What one leaf of a program reads.
struct Part {
    /// Which of those at work, and which of its parts.
    running: usize,
    part: usize,
    reads: Vec<ScalarId>,
}

/// Programs that have been fed all they take.
pub(crate) struct Folded(Vec<Running>);

/// Feeds the programs that are `awake` and can be folded, in `memory` bytes; putting events in order of time, for those
/// to which it matters, takes `order` bytes more.
pub(crate) fn fold(
    detector: &Detector,
    kept: &Kept,
    awake: &[bool],
    memory: usize,
    order: usize,
) -> io::Result<Folded> {
    let mut at_once = Vec::new();
    let mut in_time = Vec::new();
    for (program, keyed) in detector.keyed.iter().enumerate().filter(|(i, _)| awake.get(*i) == Some(&true)) {
        let Some(foldings) = keyed.program.foldings() else { continue };
        let needs_order = foldings.iter().any(Folding::needs_order);
        let foldings = foldings.into_iter().map(Arc::new).collect();
        if needs_order { &mut in_time } else { &mut at_once }.push((program, foldings));
    }
    let mut pass = Pass::new(detector, at_once, 0);
    pass.run(memory, false, |wanted, f| kept.for_each(wanted, f))?;
    let (unsure, mut done): (Vec<Running>, Vec<Running>) =
        pass.running.into_iter().partition(|r| r.needs_order);
    in_time.extend(unsure.into_iter().map(|r| (r.program, r.foldings)));
    let mut pass = Pass::new(detector, in_time, pass.used);
    pass.run(memory, true, |wanted, f| kept.in_time(wanted, order, f))?;
    done.extend(pass.running);
    Ok(Folded(done))
}

/// A reading of the kept events for some programs.
struct Pass<'a> {
    reader: Reader<'a>,
    running: Vec<Running>,
    parts: Vec<Part>,
    /// By filter, the number of the part that it is for.
    of_filter: Vec<Option<u32>>,
    used: usize,
}

impl<'a> Pass<'a> {
    fn new(detector: &'a Detector, programs: Vec<(usize, Vec<Arc<Folding>>)>, used: usize) -> Pass<'a> {
        let mut reader = Reader::new(&detector.taxonomy);
        let (mut running, mut parts) = (Vec::new(), Vec::new());
        let mut of_leaf: HashMap<(usize, usize), u32> = HashMap::new();
        for (program, foldings) in programs {
            let Some(keyed) = detector.keyed.get(program) else { continue };
            for (part, folding) in foldings.iter().enumerate() {
                of_leaf.insert((program, folding.leaf), parts.len() as u32);
                let reads = folding.reads.iter().map(|s| reader.scalars.intern(s)).collect();
                parts.push(Part { running: running.len(), part, reads });
            }
            let folder = Some(Folder::new(&keyed.program, &foldings, &reader.seed));
            running.push(Running { program, foldings, folder, needs_order: false, taken: 0, last: None });
        }
        let of_target = |target: &Target| match target {
            Target::Leaf { program, leaf } => of_leaf.get(&(*program as usize, *leaf as usize)).copied(),
            Target::Finding(_) | Target::Shared(_) => None,
        };
        let of_filter = detector.targets.iter().map(of_target).collect();
        Pass { reader, running, parts, of_filter, used }
    }

    /// `in_time`: events come in order of time.
    fn run(
        &mut self,
        memory: usize,
        in_time: bool,
        read: impl FnOnce(Wanted<'_>, &mut Visit<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.running.is_empty() {
            return Ok(());
        }
        let Pass { reader, running, parts, of_filter, used } = self;
        let of = |filter: FilterId| of_filter.get(filter as usize).copied().flatten();
        read(&|filter| of(filter).is_some(), &mut |event, place, filters| {
            let mut reading = reader.event(event, place.time);
            for number in filters.iter().filter_map(|f| of(*f)) {
                let Some(part) = parts.get(number as usize) else { continue };
                let Some(program) = running.get_mut(part.running) else { continue };
                let Some(folder) = &mut program.folder else { continue };
                let before = folder.size();
                folder.push(part.part, place.time, place.handle, reading.cells(number, &part.reads));
                *used += folder.size() - before;
                program.taken += u64::from(program.last.replace(place.order) != Some(place.order));
                if !in_time && folder.needs_order() {
                    *used -= folder.size();
                    (program.folder, program.needs_order) = (None, true);
                }
            }
            while *used > memory
                && let Some(freed) = give_up(running)
            {
                *used -= freed;
            }
            Ok(())
        })
    }
}

/// Gives up the program that takes most; answers how much that was.
fn give_up(running: &mut [Running]) -> Option<usize> {
    let largest = running.iter_mut().filter(|r| r.folder.is_some());
    let largest = largest.max_by_key(|r| r.folder.as_ref().map_or(0, Folder::size))?;
    largest.folder.take().map(|f| f.size())
}

impl Folded {
    /// Tells `f` of the programs that were not given up: number, events taken, what they tell, and rows lost.
    ///
    /// # Errors
    /// Where kept events cannot be read.
    pub(crate) fn finish(
        self,
        pages: &mut Pages<'_>,
        mut f: impl FnMut(usize, u64, Vec<Match>, u64),
    ) -> io::Result<()> {
        for r in self.0 {
            let Some(folder) = r.folder else { continue };
            let (matches, lost) = folder.finish(&mut |handle| pages.time(handle))?;
            f(r.program, r.taken, matches, lost);
        }
        Ok(())
    }

    /// The numbers of the programs that are done with.
    pub(crate) fn programs(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter(|r| r.folder.is_some()).map(|r| r.program)
    }
}

/// Reads scalars of events. What a scalar is made of is found once for each shape, and its value is kept until
/// another event of the shape has other bytes there.
struct Reader<'a> {
    taxonomy: &'a Taxonomy,
    seed: Seed,
    scalars: Scalars,
    shapes: HashMap<ShapeId, OfShape>,
    /// Number of the event that is read.
    now: u64,
    /// Bytes of values that are remembered, about.
    held: usize,
}

#[derive(Default)]
struct OfShape {
    /// By part: where its cells stand.
    places: Vec<Option<Arc<[u32]>>>,
    by_scalar: HashMap<ScalarId, u32>,
    sources: Vec<Source>,
    cells: Vec<Cell>,
}

/// What a cell is read from.
struct Source {
    scalar: ScalarId,
    fields: Vec<(FieldRef, Binding)>,
    /// The slots that it depends on; none: on all of them, or on the time.
    slots: Option<Vec<SlotIndex>>,
    /// What stood in those slots: kind, length and bytes of each.
    bytes: Vec<u8>,
    /// Number of the event that it has been read of.
    at: u64,
    memo: Memo,
}

/// Values by the bytes that they were read from, of what says the same again and again.
#[derive(Default)]
struct Memo {
    known: HashMap<Box<[u8]>, Cell>,
    asked: u32,
    found: u32,
    /// Too little was found.
    is_of_no_use: bool,
}

impl Memo {
    /// Values that are remembered.
    const MOST: usize = 512;
    /// After as many questions it is seen of what use it was.
    const TRIAL: u32 = 2048;

    /// The value, and how many bytes are held more than before, about.
    fn cell(&mut self, bytes: &[u8], read: impl FnOnce() -> Cell) -> (Cell, usize) {
        if self.is_of_no_use {
            return (read(), 0);
        }
        self.asked += 1;
        if let Some(known) = self.known.get(bytes) {
            self.found += 1;
            return (known.clone(), 0);
        }
        let cell = read();
        if self.asked >= Memo::TRIAL {
            self.is_of_no_use = self.found < self.asked / 2;
            (self.asked, self.found) = (0, 0);
        }
        if self.known.len() >= Memo::MOST || self.is_of_no_use {
            self.known.clear();
        }
        if self.is_of_no_use {
            return (cell, 0);
        }
        self.known.insert(bytes.into(), cell.clone());
        (cell, 2 * (bytes.len() + size_of::<Cell>()))
    }
}

impl<'a> Reader<'a> {
    fn new(taxonomy: &'a Taxonomy) -> Reader<'a> {
        Reader {
            taxonomy,
            seed: Seed::default(),
            scalars: Scalars::default(),
            shapes: HashMap::new(),
            now: 0,
            held: 0,
        }
    }

    fn event<'r>(&'r mut self, event: &'r Event<'r>, time: Timestamp) -> Reading<'r> {
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
            held: &mut self.held,
        }
    }
}

/// An event on its way to the programs.
struct Reading<'r> {
    event: &'r Event<'r>,
    time: Timestamp,
    shape: &'r mut OfShape,
    taxonomy: &'r Taxonomy,
    seed: &'r Seed,
    scalars: &'r Scalars,
    now: u64,
    held: &'r mut usize,
}

impl Reading<'_> {
    /// What a part reads.
    fn cells(&mut self, number: u32, reads: &[ScalarId]) -> Cells<'_> {
        let shape = &mut *self.shape;
        let number = number as usize;
        if shape.places.len() <= number {
            shape.places.resize(number + 1, None);
        }
        if shape.places.get(number).is_none_or(Option::is_none) {
            let places = reads.iter().map(|s| shape.place(*s, self.scalars, self.event.shape, self.taxonomy));
            let places = places.collect();
            if let Some(place) = shape.places.get_mut(number) {
                *place = Some(places);
            }
        }
        let at = shape.places.get(number).and_then(Option::as_deref).unwrap_or_default();
        for place in at {
            let both = (shape.sources.get_mut(*place as usize), shape.cells.get_mut(*place as usize));
            let (Some(source), Some(cell)) = both else { continue };
            if source.at != self.now {
                source.at = self.now;
                let before = source.bytes.capacity();
                if source.changes(self.event) {
                    let row = Known {
                        event: self.event,
                        fields: &source.fields,
                        taxonomy: self.taxonomy,
                        time: self.time,
                    };
                    let scalar = self.scalars.get(source.scalar);
                    let read = || self.seed.cell(scalar.map_or(Value::Missing, |s| eval::scalar(s, &row)));
                    let more;
                    (*cell, more) = match source.slots {
                        Some(_) => source.memo.cell(&source.bytes, read),
                        None => (read(), 0),
                    };
                    *self.held += more + source.bytes.capacity().saturating_sub(before);
                }
            }
        }
        Cells { all: &shape.cells, at }
    }
}

impl OfShape {
    /// Where a scalar's cell stands, from now on if not before.
    fn place(&mut self, scalar: ScalarId, scalars: &Scalars, shape: &Shape, taxonomy: &Taxonomy) -> u32 {
        *self.by_scalar.entry(scalar).or_insert_with(|| {
            let mut fields: Vec<(FieldRef, Binding)> = Vec::new();
            let read = scalars.get(scalar);
            if let Some(s) = read {
                s.fields(&mut |f| {
                    if !fields.iter().any(|(known, _)| known == f) {
                        fields.push((f.clone(), taxonomy.bind(shape, f)));
                    }
                });
            }
            let named = read.is_some_and(|s| !matches!(s, Scalar::AnyField | Scalar::FieldGlob(..)));
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
                bytes: Vec::new(),
                at: 0,
                memo: Memo::default(),
            });
            self.cells.push(Cell::default());
            (self.cells.len() - 1) as u32
        })
    }
}

impl Source {
    /// Whether an event has other bytes than the one before; remembers them.
    fn changes(&mut self, event: &Event<'_>) -> bool {
        let Some(slots) = &self.slots else { return true };
        let mut rest = self.bytes.as_slice();
        let same = |i: &SlotIndex| {
            let slot = event.slot(*i);
            let Some((head, tail)) = rest.split_first_chunk::<5>() else { return false };
            let length = (slot.data.len() as u32).to_le_bytes();
            if head[0] != slot.kind.0 || head[1..] != length {
                return false;
            }
            let Some((bytes, tail)) = tail.split_at_checked(slot.data.len()) else { return false };
            rest = tail;
            bytes == slot.data
        };
        // Even of no slots at all a first value is read.
        if !self.bytes.is_empty() && slots.iter().all(same) {
            return false;
        }
        self.bytes.clear();
        for slot in slots.iter().map(|i| event.slot(*i)) {
            self.bytes.push(slot.kind.0);
            self.bytes.extend((slot.data.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(slot.data);
        }
        true
    }
}

/// An event with its fields bound.
struct Known<'a> {
    event: &'a Event<'a>,
    fields: &'a [(FieldRef, Binding)],
    taxonomy: &'a Taxonomy,
    time: Timestamp,
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
        field_of_event(field, self.time, own)
    }
    fn all_fields(&self) -> Vec<Value> {
        self.row().all_fields()
    }
    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        self.row().fields_like(names, pattern)
    }
}
