//! From a template instance to slots.
//!
//! A record is read twice at most: once on the fast path, which only makes slots and a *trace* (which programs
//! ran, in order: it says which fields the slots are), and once more with names, where the trace is new or
//! where the record is of an odd build.

use std::ops::Range;

use shikra_event::{Kind, Slot};

use super::compile::{self, BINXML};
use super::cursor::{Cursor, Damage, read_u32};
use super::names::{FieldName, Names};
use super::naming::Place;
use super::program::{Hole, MAX_FIELDS, Op, Piece, Program};
use super::templates::{DEFINITION_HEADER, Templates};

/// Deepest nesting of template instances; real records have two.
const MAX_NESTING: usize = 16;
/// Instances and fragments in one record.
const MAX_INSTANCES: usize = 256;
/// Bytes of text put together for one record.
const MAX_TEXT: usize = 1 << 20;

/// A substitution: where it lies in the chunk, and its type.
#[derive(Clone, Copy, Debug)]
struct Value {
    at: u32,
    len: u16,
    kind: u8,
}

impl Value {
    const NONE: Value = Value { at: 0, len: 0, kind: Kind::NULL.0 };
}

/// Reads a template instance behind its token, up to its end; the definition may lie within it. Answers the
/// definition's offset, and puts the substitutions into `values`.
fn read_instance(cursor: &mut Cursor<'_>, values: &mut Vec<Value>) -> Result<u32, Damage> {
    let (definition, descriptors) = instance_head(cursor)?;
    let start = cursor.at;
    let mut at = start as u32;
    let mut known = true;
    values.clear();
    values.extend(descriptors.as_chunks::<4>().0.iter().map(|[low, high, kind, _]| {
        let value = Value { at, len: u16::from_le_bytes([*low, *high]), kind: *kind };
        known &= is_type(*kind);
        at += u32::from(value.len);
        value
    }));
    if !known {
        return Err(Damage::corrupt(start, "has a value of an unknown type"));
    }
    cursor.take(at as usize - start)?;
    Ok(definition)
}

fn instance_head<'a>(cursor: &mut Cursor<'a>) -> Result<(u32, &'a [u8]), Damage> {
    cursor.take(5)?;
    let definition = cursor.u32()?;
    if definition as usize == cursor.at {
        let header = cursor.take(DEFINITION_HEADER)?;
        let size = read_u32(header, DEFINITION_HEADER - 4).unwrap_or(0);
        cursor.take(size as usize)?;
    }
    let count = cursor.u32()? as usize;
    Ok((definition, cursor.take(count.saturating_mul(4))?))
}

/// Passes over a template instance behind its token.
pub(super) fn skip_instance(cursor: &mut Cursor<'_>) -> Result<(), Damage> {
    read_instance(cursor, &mut Vec::new()).map(drop)
}

/// Where the one instance begins that `chunk[at..end]` may consist of: behind its token.
fn instance_start<'a>(chunk: &'a [u8], at: usize, end: usize) -> Result<Option<Cursor<'a>>, Damage> {
    let mut cursor = Cursor::new(chunk, at, end);
    let mut token = cursor.u8()?;
    if token == 0x0f {
        cursor.take(3)?;
        token = cursor.u8()?;
    }
    Ok((token == 0x0c).then_some(cursor))
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
    pub fields: Vec<FieldName>,
    /// Spare lists of substitutions.
    spare: Vec<Vec<Value>>,
    patches: Vec<Patch>,
    text: Vec<u8>,
    instances: usize,
}

impl<'a> Outcome<'a> {
    pub fn clear(&mut self) {
        self.slots.clear();
        self.trace.clear();
        self.fields.clear();
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
            fields: self.fields,
            spare: self.spare,
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

/// Reads the BinXML of a record, `chunk[at..end]`, on the fast path.
pub(super) fn read_record<'a>(
    templates: &'a Templates,
    chunk: &'a [u8],
    at: usize,
    end: usize,
    out: &mut Outcome<'a>,
) -> Result<(), Stop> {
    out.clear();
    Run { templates, chunk, names: None, out }.fragment::<false>(at, end, Place::Document, 0)
}

/// The same, with [`Outcome::fields`].
pub(super) fn read_record_with_names<'a>(
    templates: &'a Templates,
    names: &mut Names,
    chunk: &'a [u8],
    at: usize,
    end: usize,
    out: &mut Outcome<'a>,
) -> Result<(), Stop> {
    out.clear();
    Run { templates, chunk, names: Some(names), out }.fragment::<true>(at, end, Place::Document, 0)
}

struct Run<'a, 'o> {
    templates: &'a Templates,
    chunk: &'a [u8],
    names: Option<&'o mut Names>,
    out: &'o mut Outcome<'a>,
}

/// A program at work.
#[derive(Clone, Copy)]
struct Frame<'a, 'f> {
    program: &'f Program,
    /// The same, where it outlives the slots.
    kept: Option<&'a Program>,
    values: &'f [Value],
    depth: usize,
}

impl Frame<'_, '_> {
    fn value(&self, index: u16) -> Value {
        self.values.get(usize::from(index)).copied().unwrap_or(Value::NONE)
    }
}

/// `NAMES`: the run makes names as well.
impl<'a> Run<'a, '_> {
    /// Any BinXML: a single instance, or plain elements.
    fn fragment<const NAMES: bool>(
        &mut self,
        at: usize,
        end: usize,
        place: Place,
        depth: usize,
    ) -> Result<(), Stop> {
        if let Some(mut cursor) = instance_start(self.chunk, at, end)? {
            let mut values = self.out.spare.pop().unwrap_or_default();
            let definition = read_instance(&mut cursor, &mut values)?;
            if cursor.is_empty() || cursor.u8()? == 0 {
                return self.instance::<NAMES>(definition, values, place, depth);
            }
        }
        self.count(at, depth)?;
        let names = self.names.as_deref_mut().ok_or(Stop::Odd)?;
        let program = compile::plain(self.chunk, at, end, place, names)?;
        self.run::<NAMES>(Frame { program: &program, kept: None, values: &[], depth })
    }

    /// Counts an instance or fragment.
    fn count(&mut self, at: usize, depth: usize) -> Result<(), Stop> {
        self.out.instances += 1;
        if depth > MAX_NESTING || self.out.instances > MAX_INSTANCES {
            return Err(Damage::limit(at, "has template instances nested too deep or too often").into());
        }
        Ok(())
    }

    fn instance<const NAMES: bool>(
        &mut self,
        definition: u32,
        values: Vec<Value>,
        place: Place,
        depth: usize,
    ) -> Result<(), Stop> {
        let done = self.with_values::<NAMES>(definition, &values, place, depth);
        self.out.spare.push(values);
        done
    }

    fn with_values<const NAMES: bool>(
        &mut self,
        definition: u32,
        values: &[Value],
        place: Place,
        depth: usize,
    ) -> Result<(), Stop> {
        self.count(definition as usize, depth)?;
        let (id, program) =
            self.templates.get(definition, place).ok_or(Stop::Unresolved(definition, place))??;
        self.out.trace.push(id + 2);
        self.run::<NAMES>(Frame { program, kept: Some(program), values, depth })
    }

    fn run<const NAMES: bool>(&mut self, frame: Frame<'a, '_>) -> Result<(), Stop> {
        let mut ops = frame.program.ops.iter();
        while let Some(op) = ops.next() {
            match op {
                Op::Values { range } => self.values::<NAMES>(frame, range)?,
                Op::Constant { text, name } => self.constant::<NAMES>(frame, text, *name)?,
                Op::Literal { at, len, name } => {
                    let (at, len) = (*at as usize, *len as usize);
                    let data = self.chunk.get(at..at + len).unwrap_or(&[]);
                    self.push::<NAMES>(Slot { kind: Kind::UTF16, data }, *name)?;
                }
                Op::Mixed { pieces, name } => self.mixed::<NAMES>(frame, pieces, *name)?,
                Op::Nested { index, place, leaf } => self.nested::<NAMES>(frame, *index, *place, *leaf)?,
                Op::Instance { at, end, place } => {
                    let mut values = self.out.spare.pop().unwrap_or_default();
                    let definition = read_instance(&mut Cursor::new(self.chunk, *at, *end), &mut values)?;
                    self.instance::<NAMES>(definition, values, *place, frame.depth + 1)?;
                }
                Op::Guard { index, ops: guarded, nested } => {
                    if frame.value(*index).kind == Kind::NULL.0 {
                        for op in ops.by_ref().take(usize::from(*guarded)) {
                            self.leave_out::<NAMES>(frame, op)?;
                        }
                        self.out.trace.extend((0..*nested).map(|_| 0));
                    }
                }
            }
        }
        Ok(())
    }

    /// The hot loop: one slot for each hole.
    fn values<const NAMES: bool>(&mut self, frame: Frame<'a, '_>, range: &Range<u16>) -> Result<(), Stop> {
        let holes = frame.program.holes(range);
        if NAMES {
            for (hole, name) in holes {
                let mut odd = false;
                let slot = slot(self.chunk, frame.value(hole.index), *hole, &mut odd);
                if odd {
                    self.nested::<NAMES>(frame, hole.index, Place::Other, Some(*name))?;
                } else {
                    self.push::<NAMES>(slot, *name)?;
                }
            }
            return Ok(());
        }
        let mut odd = false;
        let (chunk, values) = (self.chunk, frame.values);
        self.out.slots.extend(holes.iter().map(|(hole, _)| {
            let value = values.get(usize::from(hole.index)).copied().unwrap_or(Value::NONE);
            slot(chunk, value, *hole, &mut odd)
        }));
        if odd { Err(Stop::Odd) } else { Ok(()) }
    }

    /// A step that does not count makes missing fields, so that the field list stays the same.
    fn leave_out<const NAMES: bool>(&mut self, frame: Frame<'a, '_>, op: &Op) -> Result<(), Stop> {
        match op {
            Op::Values { range } => frame
                .program
                .holes(range)
                .iter()
                .try_for_each(|(_, name)| self.push::<NAMES>(Slot::MISSING, *name)),
            Op::Constant { name, .. } | Op::Literal { name, .. } | Op::Mixed { name, .. } => {
                self.push::<NAMES>(Slot::MISSING, *name)
            }
            Op::Nested { .. } | Op::Instance { .. } | Op::Guard { .. } => Ok(()),
        }
    }

    fn push<const NAMES: bool>(&mut self, slot: Slot<'a>, name: FieldName) -> Result<(), Stop> {
        if NAMES {
            if self.out.fields.len() >= MAX_FIELDS {
                return Err(Damage::limit(0, "has too many fields").into());
            }
            self.out.fields.push(name);
        }
        self.out.slots.push(slot);
        Ok(())
    }

    fn constant<const NAMES: bool>(
        &mut self,
        frame: Frame<'a, '_>,
        text: &Range<u32>,
        name: FieldName,
    ) -> Result<(), Stop> {
        if let Some(kept) = frame.kept {
            let slot = Slot { kind: Kind::UTF16, data: kept.constant(text) };
            return self.push::<NAMES>(slot, name);
        }
        let from = self.out.text.len();
        self.out.text.extend_from_slice(frame.program.constant(text));
        self.patch::<NAMES>(Kind::UTF16, from, name)
    }

    /// A field whose text is what has been added to the text buffer since `from`.
    fn patch<const NAMES: bool>(&mut self, kind: Kind, from: usize, name: FieldName) -> Result<(), Stop> {
        let slot = self.out.slots.len();
        self.out.patches.push(Patch { slot, kind, bytes: from..self.out.text.len() });
        self.push::<NAMES>(Slot::MISSING, name)
    }

    fn mixed<const NAMES: bool>(
        &mut self,
        frame: Frame<'a, '_>,
        pieces: &[Piece],
        name: FieldName,
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
                    let mut odd = false;
                    let value = slot(self.chunk, frame.value(hole.index), *hole, &mut odd);
                    absent &= value.is_missing();
                    if !odd {
                        value.render(&mut text);
                    }
                }
            }
        }
        if absent {
            return self.push::<NAMES>(Slot::MISSING, name);
        }
        if self.out.text.len() + text.len() > MAX_TEXT {
            return Err(Damage::limit(0, "has too much text").into());
        }
        let from = self.out.text.len();
        self.out.text.extend_from_slice(text.as_bytes());
        self.patch::<NAMES>(Kind::UTF8, from, name)
    }

    /// Elements where they may be; text of the field `leaf` where they are not.
    fn nested<const NAMES: bool>(
        &mut self,
        frame: Frame<'a, '_>,
        index: u16,
        place: Place,
        leaf: Option<FieldName>,
    ) -> Result<(), Stop> {
        let value = frame.value(index);
        if value.kind == BINXML && value.len > 0 {
            let at = value.at as usize;
            return self.fragment::<NAMES>(at, at + usize::from(value.len), place, frame.depth + 1);
        }
        let Some(name) = leaf else {
            self.out.trace.push(0);
            return Ok(());
        };
        self.out.trace.push(1);
        let hole = Hole { index, absent_if_null: false, absent_if_empty: false };
        let slot = slot(self.chunk, value, hole, &mut false);
        self.push::<NAMES>(slot, name)
    }
}

/// The slot of a value. A value that holds elements is no slot: `odd` is set.
// One slot is made in one place, and inlined: a slot that comes back through memory is copied piecemeal around
// its padding, which costs more than all the rest.
#[inline(always)]
fn slot<'a>(chunk: &'a [u8], value: Value, hole: Hole, odd: &mut bool) -> Slot<'a> {
    let at = value.at as usize;
    let mut data = chunk.get(at..at + usize::from(value.len)).unwrap_or(&[]);
    let mut kind = value.kind;
    let mut absent = hole.absent_if_empty;
    match Kind(kind) {
        Kind::UTF16 => data = until_nul(data),
        Kind::NULL => {
            data = &[];
            absent = hole.absent_if_null;
        }
        Kind(BINXML) => *odd |= !data.is_empty(),
        Kind::ANSI => data = until_zero(data),
        // Windows keeps bit masks in some of them.
        Kind::BOOL if !matches!(data, [0 | 1, 0, 0, 0]) => kind = Kind::I32.0,
        _ => {}
    }
    if data.is_empty() {
        kind = if absent { Kind::MISSING.0 } else { Kind::UTF16.0 };
    }
    Slot { kind: Kind(kind), data }
}

/// The types of MS-EVEN6 2.2.12, and arrays of them.
fn is_type(kind: u8) -> bool {
    const KNOWN: [bool; 256] = {
        let mut known = [false; 256];
        let mut kind = 0;
        while kind < 256 {
            known[kind] = matches!(kind, 0..=0x15 | 0x20 | 0x21 | 0x23 | 0x81..=0x95);
            kind += 1;
        }
        known
    };
    KNOWN.get(usize::from(kind)).copied().unwrap_or(false)
}

/// UTF-16 text up to its first NUL, as Windows shows it; an odd last byte is dropped.
#[inline]
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    let text = match text {
        [rest @ .., 0, 0] if rest.len() % 2 == 0 => rest,
        _ => text,
    };
    let (words, rest) = text.as_chunks::<8>();
    // One of the low bits of a unit borrows from its high bit where the unit is zero.
    let zero = |word: u64| word.wrapping_sub(0x0001_0001_0001_0001) & !word & 0x8000_8000_8000_8000 != 0;
    let mut any = words.iter().fold(false, |any, word| any | zero(u64::from_le_bytes(*word)));
    any |= rest.chunks(2).any(|unit| unit == [0, 0] || unit.len() == 1);
    if any { cut_at_nul(text) } else { text }
}

#[cold]
fn cut_at_nul(text: &[u8]) -> &[u8] {
    let units = text.as_chunks::<2>().0;
    let end = units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len());
    text.get(..end * 2).unwrap_or(text)
}

fn until_zero(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}
