//! From a template instance to slots.
//!
//! A record is read twice at most: once on the fast path, which only makes slots and a *trace* (which programs
//! ran, in order: it says which fields the slots are), and once more with names, where the trace is new or
//! where the record is of an odd build.

use std::ops::Range;

use shikra_event::{Kind, Slot};

use super::compile::{self, BINXML};
use super::cursor::{Cursor, Damage, read_u32};
use super::naming::Place;
use super::program::{FieldName, Hole, MAX_FIELDS, NameIndex, Op, Piece, Program};
use super::templates::{DEFINITION_HEADER, Templates};

/// Deepest nesting of template instances; real records have two.
const MAX_NESTING: usize = 16;
/// Instances and fragments in one record.
const MAX_INSTANCES: usize = 256;

/// A template instance, found but not looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instance<'a> {
    /// Offset of the definition.
    definition: u32,
    /// Size (u16), type (u8) and nothing (u8) of each substitution.
    descriptors: &'a [u8],
    /// Offset of the first substitution's value.
    values: usize,
}

/// Reads a template instance behind its token, up to its end. The definition may lie within it.
pub(super) fn read_instance<'a>(cursor: &mut Cursor<'a>) -> Result<Instance<'a>, Damage> {
    cursor.take(5)?;
    let definition = cursor.u32()?;
    if definition as usize == cursor.at {
        let header = cursor.take(DEFINITION_HEADER)?;
        let size = read_u32(header, DEFINITION_HEADER - 4).unwrap_or(0);
        cursor.take(size as usize)?;
    }
    let count = cursor.u32()? as usize;
    let descriptors = cursor.take(count.saturating_mul(4))?;
    let values = cursor.at;
    let total: usize =
        descriptors.chunks_exact(4).map(|d| usize::from(u16::from_le_bytes([d[0], d[1]]))).sum();
    cursor.take(total)?;
    Ok(Instance { definition, descriptors, values })
}

/// The one instance that `chunk[at..end]` consists of, if it does.
fn single_instance(chunk: &[u8], at: usize, end: usize) -> Result<Option<Instance<'_>>, Damage> {
    let mut cursor = Cursor::new(chunk, at, end);
    let mut token = cursor.u8()?;
    if token == 0x0f {
        cursor.take(3)?;
        token = cursor.u8()?;
    }
    if token != 0x0c {
        return Ok(None);
    }
    let instance = read_instance(&mut cursor)?;
    let ends = cursor.is_empty() || cursor.u8()? == 0;
    Ok(ends.then_some(instance))
}

/// A substitution: type, and where it lies in the chunk.
#[derive(Clone, Copy, Debug)]
struct Value {
    kind: u8,
    at: u32,
    len: u32,
}

/// Why a run ended without an outcome.
#[derive(Debug)]
pub(super) enum Stop {
    Damaged(Damage),
    /// The definition at this offset has to be resolved first.
    Unresolved(u32, Place),
    /// The record needs a run with names.
    Odd,
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Stop {
        Stop::Damaged(damage)
    }
}

/// Text that had to be put together: it goes into this slot.
struct Patch {
    slot: usize,
    kind: Kind,
    bytes: Range<usize>,
}

/// What a run makes, and its scratch space. Reused from record to record.
#[derive(Default)]
pub(super) struct Outcome<'a> {
    /// One per field. Where text had to be put together only [`Outcome::patch`] fills them in.
    pub slots: Vec<Slot<'a>>,
    /// Which programs ran.
    pub trace: Vec<u32>,
    /// The fields' names, where asked for.
    pub names: Option<Vec<FieldName>>,
    values: Vec<Value>,
    patches: Vec<Patch>,
    text: Vec<u8>,
    instances: usize,
}

impl<'a> Outcome<'a> {
    pub fn clear(&mut self, with_names: bool) {
        self.slots.clear();
        self.trace.clear();
        self.names = with_names.then(Vec::new);
        self.values.clear();
        self.patches.clear();
        self.text.clear();
        self.instances = 0;
    }

    /// The same buffers for the next record.
    pub fn recycle<'b>(mut self) -> Outcome<'b> {
        self.slots.clear();
        // Collecting an emptied vector keeps its allocation, and gives its slots another lifetime.
        let slots = self.slots.into_iter().map(|_| Slot::MISSING).collect();
        Outcome {
            slots,
            trace: self.trace,
            names: None,
            values: self.values,
            patches: self.patches,
            text: self.text,
            instances: 0,
        }
    }

    /// Takes the texts that were put together, to be handed to [`patch`].
    pub fn take_patches(&mut self) -> Patches {
        Patches { patches: std::mem::take(&mut self.patches), text: std::mem::take(&mut self.text) }
    }

    /// Gives the buffers back.
    pub fn put_patches(&mut self, patches: Patches) {
        self.patches = patches.patches;
        self.text = patches.text;
    }
}

/// Texts of one record that had to be put together.
pub(super) struct Patches {
    patches: Vec<Patch>,
    text: Vec<u8>,
}

impl Patches {
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty()
    }

    /// Fills them in.
    pub fn apply<'p>(&'p self, slots: &mut [Slot<'p>]) {
        for patch in &self.patches {
            if let (Some(slot), Some(data)) = (slots.get_mut(patch.slot), self.text.get(patch.bytes.clone()))
            {
                *slot = Slot { kind: patch.kind, data };
            }
        }
    }
}

/// Reads the BinXML of a record, `chunk[at..end]`.
pub(super) fn read_record<'a>(
    templates: &'a Templates,
    chunk: &'a [u8],
    at: usize,
    end: usize,
    out: &mut Outcome<'a>,
) -> Result<(), Stop> {
    Run { templates, chunk, out }.fragment(at, end, Place::Document, 0)
}

struct Run<'a, 'o> {
    templates: &'a Templates,
    chunk: &'a [u8],
    out: &'o mut Outcome<'a>,
}

/// The substitutions of one instance: so many of [`Outcome::values`] from there on.
#[derive(Clone, Copy)]
struct Frame {
    base: usize,
    count: usize,
}

impl<'a> Run<'a, '_> {
    /// Any BinXML: a single instance, or plain elements.
    fn fragment(&mut self, at: usize, end: usize, place: Place, depth: usize) -> Result<(), Stop> {
        self.out.instances += 1;
        if depth > MAX_NESTING || self.out.instances > MAX_INSTANCES {
            return Err(Damage::limit(at, "has template instances nested too deep or too often").into());
        }
        if let Some(instance) = single_instance(self.chunk, at, end)? {
            return self.instance(instance, place, depth);
        }
        if self.out.names.is_none() {
            return Err(Stop::Odd);
        }
        let program = compile::plain(self.chunk, at, end, place)?;
        self.run(&program, None, Frame { base: 0, count: 0 }, depth)
    }

    fn instance(&mut self, instance: Instance<'a>, place: Place, depth: usize) -> Result<(), Stop> {
        let definition = instance.definition;
        let (id, program) =
            self.templates.get(definition, place).ok_or(Stop::Unresolved(definition, place))??;
        self.out.trace.push(id + 2);
        let base = self.out.values.len();
        let mut at = instance.values as u32;
        for descriptor in instance.descriptors.chunks_exact(4) {
            let len = u32::from(u16::from_le_bytes([descriptor[0], descriptor[1]]));
            let kind = descriptor[2];
            if !is_type(kind) {
                return Err(Damage::corrupt(at as usize, "has a value of an unknown type").into());
            }
            self.out.values.push(Value { kind, at, len });
            at += len;
        }
        let frame = Frame { base, count: self.out.values.len() - base };
        self.run(program, Some(program), frame, depth)?;
        self.out.values.truncate(base);
        Ok(())
    }

    /// Runs `program`; `kept` is the same one if it outlives the slots.
    fn run(
        &mut self,
        program: &Program,
        kept: Option<&'a Program>,
        frame: Frame,
        depth: usize,
    ) -> Result<(), Stop> {
        let mut ops = program.ops.iter();
        while let Some(op) = ops.next() {
            match op {
                Op::Value { hole, name } => {
                    let slot = self.value(frame, hole.index).map(|v| self.slot(v, hole));
                    let slot = slot.unwrap_or(Some(empty(hole.absent_if_null))).ok_or(Stop::Odd);
                    match slot {
                        Ok(slot) => self.push(slot, program, *name)?,
                        Err(odd) if self.out.names.is_none() => return Err(odd),
                        Err(_) => {
                            self.nested(program, frame, hole.index, Place::Other, Some(*name), depth)?
                        }
                    }
                }
                Op::Constant { text, name } => self.constant(program, kept, text, *name)?,
                Op::Mixed { pieces, name } => self.mixed(program, frame, pieces, *name)?,
                Op::Nested { index, place, leaf } => {
                    self.nested(program, frame, *index, *place, *leaf, depth)?;
                }
                Op::Instance { at, end, place } => {
                    let mut cursor = Cursor::new(self.chunk, *at, *end);
                    let instance = read_instance(&mut cursor)?;
                    if depth >= MAX_NESTING {
                        return Err(Damage::limit(*at, "has template instances nested too deep").into());
                    }
                    self.instance(instance, *place, depth + 1)?;
                }
                Op::Guard { index, ops: guarded, nested } => {
                    if self.value(frame, *index).is_some_and(|v| v.kind == Kind::NULL.0) {
                        for op in ops.by_ref().take(usize::from(*guarded)) {
                            if let Some(name) = field_of(op) {
                                self.push(Slot::MISSING, program, name)?;
                            }
                        }
                        self.out.trace.extend((0..*nested).map(|_| 0));
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&self, frame: Frame, index: u16) -> Option<Value> {
        let index = usize::from(index);
        if index >= frame.count {
            return None;
        }
        self.out.values.get(frame.base + index).copied()
    }

    fn bytes(&self, value: Value) -> &'a [u8] {
        let at = value.at as usize;
        self.chunk.get(at..at + value.len as usize).unwrap_or(&[])
    }

    /// The slot of a value; none where it holds elements.
    #[inline]
    fn slot(&self, value: Value, hole: &Hole) -> Option<Slot<'a>> {
        let data = self.bytes(value);
        let kind = Kind(value.kind);
        let data = match kind {
            Kind::UTF16 => until_nul(data),
            Kind::NULL => return Some(empty(hole.absent_if_null)),
            Kind(BINXML) if !data.is_empty() => return None,
            Kind::ANSI => until_zero(data),
            Kind::BOOL => {
                let plain = matches!(data, [0 | 1, 0, 0, 0]);
                // Windows keeps bit masks in some of them.
                return Some(Slot { kind: if plain { kind } else { Kind::I32 }, data });
            }
            _ => data,
        };
        Some(if data.is_empty() { empty(hole.absent_if_empty) } else { Slot { kind, data } })
    }

    fn push(&mut self, slot: Slot<'a>, program: &Program, name: NameIndex) -> Result<(), Stop> {
        if let Some(names) = &mut self.out.names {
            if names.len() >= MAX_FIELDS {
                return Err(Damage::limit(0, "has too many fields").into());
            }
            names.extend(program.names.get(usize::from(name)).cloned());
        }
        self.out.slots.push(slot);
        Ok(())
    }

    fn constant(
        &mut self,
        program: &Program,
        kept: Option<&'a Program>,
        text: &Range<u32>,
        name: NameIndex,
    ) -> Result<(), Stop> {
        match kept {
            Some(kept) => self.push(Slot { kind: Kind::UTF16, data: kept.constant(text) }, program, name),
            None => {
                let from = self.out.text.len();
                self.out.text.extend_from_slice(program.constant(text));
                self.patch(Kind::UTF16, from, program, name)
            }
        }
    }

    /// A field whose text is what has been added to the text buffer since `from`.
    fn patch(&mut self, kind: Kind, from: usize, program: &Program, name: NameIndex) -> Result<(), Stop> {
        let slot = self.out.slots.len();
        self.out.patches.push(Patch { slot, kind, bytes: from..self.out.text.len() });
        self.push(Slot::MISSING, program, name)
    }

    fn mixed(
        &mut self,
        program: &Program,
        frame: Frame,
        pieces: &[Piece],
        name: NameIndex,
    ) -> Result<(), Stop> {
        let mut text = String::new();
        let mut absent = true;
        for piece in pieces {
            match piece {
                Piece::Text(bytes) => {
                    Slot { kind: Kind::UTF16, data: bytes }.render(&mut text);
                    absent = false;
                }
                Piece::Hole(hole) => {
                    let Some(slot) = self.value(frame, hole.index).and_then(|v| self.slot(v, hole)) else {
                        continue;
                    };
                    absent &= slot.is_missing();
                    slot.render(&mut text);
                }
            }
        }
        if absent {
            return self.push(Slot::MISSING, program, name);
        }
        let from = self.out.text.len();
        self.out.text.extend_from_slice(text.as_bytes());
        self.patch(Kind::UTF8, from, program, name)
    }

    /// Elements where they may be; text of the field `leaf` where they are not.
    fn nested(
        &mut self,
        program: &Program,
        frame: Frame,
        index: u16,
        place: Place,
        leaf: Option<NameIndex>,
        depth: usize,
    ) -> Result<(), Stop> {
        let value = self.value(frame, index).unwrap_or(Value { kind: 0, at: 0, len: 0 });
        if value.kind == BINXML && value.len > 0 {
            let at = value.at as usize;
            return self.fragment(at, at + value.len as usize, place, depth + 1);
        }
        let Some(name) = leaf else {
            self.out.trace.push(0);
            return Ok(());
        };
        self.out.trace.push(1);
        let hole = Hole { index, absent_if_null: false, absent_if_empty: false };
        let slot = self.slot(value, &hole).unwrap_or(Slot::MISSING);
        self.push(slot, program, name)
    }
}

fn field_of(op: &Op) -> Option<NameIndex> {
    match op {
        Op::Value { name, .. } | Op::Constant { name, .. } | Op::Mixed { name, .. } => Some(*name),
        _ => None,
    }
}

fn empty(absent: bool) -> Slot<'static> {
    if absent { Slot::MISSING } else { Slot { kind: Kind::UTF16, data: &[] } }
}

/// The types of MS-EVEN6 2.2.12, and arrays of them.
fn is_type(kind: u8) -> bool {
    matches!(kind, 0..=0x15 | 0x20 | 0x21 | 0x23 | 0x81..=0x95)
}

/// UTF-16 text up to its first NUL, as Windows shows it; an odd last byte is dropped.
fn until_nul(text: &[u8]) -> &[u8] {
    const BLOCK: usize = 32;
    let mut at = 0;
    while let Some(block) = text.get(at..at + BLOCK) {
        // No early exit: the comparison of a whole block is one or two vector instructions.
        if block.chunks_exact(2).fold(false, |any, unit| any | (unit == [0, 0])) {
            break;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or(&[]);
    let stop = rest.chunks_exact(2).position(|unit| unit == [0, 0]).map_or(rest.len() & !1, |n| n * 2);
    text.get(..at + stop).unwrap_or(&[])
}

fn until_zero(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}
