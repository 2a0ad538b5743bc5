//! From events to numbers of texts: what each thread runs on its part of the input.
//!
//! A value is looked up by the bytes it has in the file; only what was not seen before is decoded, derived and
//! made into text.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use shikra_event::{Event, Kind, ShapeId, Slot, SlotIndex, Timestamp, Value};
use shikra_taxonomy::{Binding, Derive, Taxonomy};

use crate::column::{self, ColumnSource, ColumnSpec};
use crate::text::{Text, TextId, Texts};

/// Stands for no value.
pub const NONE: TextId = TextId::MAX;
/// Bytes that a reader remembers before it begins anew.
const REMEMBERED: usize = 24 << 20;
/// Shapes that a reader remembers.
const SHAPES: usize = 4096;
/// Longer values are cut, at a character.
const LONGEST: usize = 16 << 10;

/// What is read of each event.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The columns.
    pub columns: Vec<ColumnSpec>,
    /// Whether texts that differ in case alone are the same.
    pub fold: bool,
    /// Whether an event may lack values: they read as `-`.
    pub lacking: bool,
}

/// Reads events; one for each thread.
pub struct Reader {
    wanted: Arc<Wanted>,
    taxonomy: Arc<Taxonomy>,
    shapes: HashMap<ShapeId, Ready, FixedState>,
    memos: Vec<Memo>,
    arena: Vec<u8>,
    texts: Texts,
    ids: Vec<TextId>,
    buffer: String,
}

/// What was read of an event: numbers of [`Reader::text`].
#[derive(Clone, Copy, Debug)]
pub struct Reading<'r> {
    /// Values of the columns.
    pub ids: &'r [TextId],
    /// Computer; [`NONE`]: none.
    pub host: TextId,
    /// User; likewise.
    pub user: TextId,
}

/// The columns of a shape, then host and user.
struct Ready(Vec<Cell>);

enum Cell {
    Absent,
    Const(TextId),
    Slot(SlotIndex, usize),
    Derived(Binding, usize),
    Time(usize, Option<(i64, TextId)>),
}

/// Values of a column under one derivation, by their bytes.
struct Memo {
    column: usize,
    derive: Vec<Derive>,
    table: HashTable<Known>,
    last: Option<Known>,
}

#[derive(Clone, Copy)]
struct Known {
    hash: u64,
    kind: Kind,
    start: u32,
    length: u32,
    id: TextId,
}

impl Known {
    fn is(&self, hash: u64, slot: &Slot<'_>, arena: &[u8]) -> bool {
        let bytes = || arena.get(self.start as usize..(self.start + self.length) as usize);
        self.hash == hash && self.kind == slot.kind && bytes() == Some(slot.data)
    }
}

const HASHER: FixedState = FixedState::with_seed(7);

impl Reader {
    /// A reader.
    pub fn new(wanted: Arc<Wanted>, taxonomy: Arc<Taxonomy>) -> Reader {
        Reader {
            wanted,
            taxonomy,
            shapes: HashMap::with_hasher(HASHER),
            memos: Vec::new(),
            arena: Vec::new(),
            texts: Texts::exact(),
            ids: Vec::new(),
            buffer: String::new(),
        }
    }

    /// Makes room: numbers given before are no longer valid.
    pub fn begin(&mut self) {
        let known: usize = self.memos.iter().map(|m| m.table.len()).sum();
        let held = self.arena.len() + self.texts.bytes() + known * size_of::<Known>() * 2;
        if held > REMEMBERED || self.shapes.len() > SHAPES {
            self.shapes.clear();
            self.memos.clear();
            self.arena.clear();
            self.texts = Texts::exact();
        }
    }

    /// The text of a number.
    pub fn text(&self, id: TextId) -> &Text {
        self.texts.get(id)
    }

    /// How many numbers there are.
    pub fn numbers(&self) -> usize {
        self.texts.len()
    }

    /// Reads an event; none where it lacks a value that it must not lack.
    pub fn read(&mut self, event: &Event<'_>) -> Option<Reading<'_>> {
        let mut ready = match self.shapes.remove(&event.shape.id()) {
            Some(ready) => ready,
            None => self.plan(event),
        };
        let mut ids = std::mem::take(&mut self.ids);
        ids.clear();
        let columns = self.wanted.columns.len();
        let mut whole = true;
        for (i, cell) in ready.0.iter_mut().enumerate() {
            let id = self.cell(cell, event);
            if id == NONE && i < columns && !self.wanted.lacking {
                whole = false;
                break;
            }
            ids.push(id);
        }
        self.shapes.insert(event.shape.id(), ready);
        self.ids = ids;
        if !whole {
            return None;
        }
        let host = self.ids.get(columns).copied().unwrap_or(NONE);
        let user = self.ids.get(columns + 1).copied().unwrap_or(NONE);
        let ids = self.ids.get(..columns).unwrap_or_default();
        (ids.iter().any(|i| *i != NONE) || columns == 0).then_some(Reading { ids, host, user })
    }

    #[cold]
    fn plan(&mut self, event: &Event<'_>) -> Ready {
        let wanted = self.wanted.clone();
        let shape = event.shape;
        let mut cells = Vec::new();
        for (i, spec) in wanted.columns.iter().enumerate() {
            let text = |t: &str| if t.is_empty() { Binding::Absent } else { Binding::Const(t.into()) };
            let binding = match &spec.source {
                ColumnSource::Field(fields) => column::bind(&self.taxonomy, shape, fields),
                ColumnSource::Host => column::bind_host(&self.taxonomy, shape),
                ColumnSource::User => column::bind_user(&self.taxonomy, shape),
                ColumnSource::Provider => text(shape.provider()),
                ColumnSource::Channel => text(shape.channel()),
                ColumnSource::EventId => {
                    shape.event_id().map_or(Binding::Absent, |n| Binding::Const(i64::from(n).into()))
                }
                ColumnSource::Hour | ColumnSource::Weekday | ColumnSource::Day => {
                    cells.push(Cell::Time(i, None));
                    continue;
                }
            };
            let cell = self.bound(binding, i);
            cells.push(cell);
        }
        let host = column::bind_host(&self.taxonomy, shape);
        let user = column::bind_user(&self.taxonomy, shape);
        let after = wanted.columns.len();
        cells.push(self.bound(host, after));
        cells.push(self.bound(user, after + 1));
        Ready(cells)
    }

    fn bound(&mut self, binding: Binding, column: usize) -> Cell {
        match binding {
            Binding::Absent => Cell::Absent,
            Binding::Const(v) => Cell::Const(self.of_value(&v, column)),
            Binding::Slots { slots, derive } if slots.len() == 1 => {
                let known = self.memos.iter().position(|m| m.column == column && m.derive == derive);
                let memo = known.unwrap_or_else(|| {
                    self.memos.push(Memo { column, derive, table: HashTable::new(), last: None });
                    self.memos.len() - 1
                });
                slots.first().map_or(Cell::Absent, |s| Cell::Slot(*s, memo))
            }
            other => Cell::Derived(other, column),
        }
    }

    fn cell(&mut self, cell: &mut Cell, event: &Event<'_>) -> TextId {
        match cell {
            Cell::Absent => NONE,
            Cell::Const(id) => *id,
            Cell::Slot(slot, memo) => self.slot(event.slot(*slot), *memo),
            Cell::Derived(binding, column) => {
                let value = binding.value(event);
                self.of_value(&value, *column)
            }
            Cell::Time(column, last) => self.of_time(event.time, *column, last),
        }
    }

    fn slot(&mut self, slot: Slot<'_>, memo: usize) -> TextId {
        if slot.is_null() {
            return NONE;
        }
        let Some(known) = self.memos.get(memo) else { return NONE };
        let hash = HASHER.hash_one(slot.data);
        if let Some(last) = known.last.filter(|k| k.is(hash, &slot, &self.arena)) {
            return last.id;
        }
        let found = known.table.find(hash, |k| k.is(hash, &slot, &self.arena)).copied();
        let known = found.unwrap_or_else(|| self.learn(hash, slot, memo));
        if let Some(memo) = self.memos.get_mut(memo) {
            memo.last = Some(known);
        }
        known.id
    }

    #[cold]
    fn learn(&mut self, hash: u64, slot: Slot<'_>, memo: usize) -> Known {
        let (column, id) = match self.memos.get(memo) {
            Some(m) => (m.column, Derive::apply_all(&m.derive, slot.value())),
            None => (0, Value::Missing),
        };
        let id = self.of_value(&id, column);
        let start = self.arena.len() as u32;
        let known = Known { hash, kind: slot.kind, start, length: slot.data.len() as u32, id };
        // What would not fit is worked out again each time.
        if self.arena.len() + slot.data.len() < u32::MAX as usize {
            self.arena.extend_from_slice(slot.data);
            if let Some(m) = self.memos.get_mut(memo) {
                m.table.insert_unique(hash, known, |k| k.hash);
            }
        }
        known
    }

    fn of_value(&mut self, value: &Value, column: usize) -> TextId {
        let mut text = std::mem::take(&mut self.buffer);
        text.clear();
        for (i, v) in value.elements().iter().filter_map(Value::to_text).enumerate() {
            text.push_str(if i > 0 { ", " } else { "" });
            text.push_str(&v);
        }
        if text.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            text.truncate(end);
        }
        let spec = self.wanted.columns.get(column);
        let id = match spec {
            _ if text.is_empty() => NONE,
            Some(spec) => {
                let made = Text::new(&spec.apply(&text), self.wanted.fold);
                if made.shown.is_empty() { NONE } else { self.texts.add(&made) }
            }
            None => self.texts.add(&Text::new(&text, true)),
        };
        self.buffer = text;
        id
    }

    fn of_time(
        &mut self,
        time: Option<Timestamp>,
        column: usize,
        last: &mut Option<(i64, TextId)>,
    ) -> TextId {
        const HOUR: i64 = 3600 * 1_000_000_000;
        let Some(time) = time else { return NONE };
        let hour = time.0.div_euclid(HOUR);
        if let Some((at, id)) = last
            && *at == hour
        {
            return *id;
        }
        let word = self.wanted.columns.get(column).and_then(|c| column::of_time(&c.source, time));
        let id = word.map_or(NONE, |w| self.texts.add(&Text::new(&w, self.wanted.fold)));
        *last = Some((hour, id));
        id
    }
}
