//! What a template definition comes to: the list of fields that each instance of it has.

use std::ops::Range;

use super::cursor::{inline_name_len, name_at, read_u32};
use super::names::FieldName;
use super::naming::Place;

/// Most fields a record may have; Windows itself allows 128 per event.
pub(super) const MAX_FIELDS: usize = 4096;

/// A hole in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Which substitution fills it.
    pub index: u16,
    /// A null value means that the field is absent, not that it is empty.
    pub absent_if_null: bool,
    /// The same for any empty value.
    pub absent_if_empty: bool,
}

/// A part of a text that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// UTF-16.
    Text(Vec<u8>),
    Hole(Hole),
}

/// One step of a program.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// The values of substitutions as they are: a range of [`Program::values`], a field each.
    Values { range: Range<u16> },
    /// Text of the definition: a range of [`Program::text`].
    Constant { text: Range<u32>, name: FieldName },
    /// Text as it lies in the chunk, `len` bytes from `at` on. Not in definitions.
    Literal { at: u32, len: u32, name: FieldName },
    /// Text and substitutions put together.
    Mixed { pieces: Box<[Piece]>, name: FieldName },
    /// Elements in a substitution. Where there is text instead, the field `leaf`, if any.
    Nested { index: u16, place: Place, leaf: Option<FieldName> },
    /// A template instance in the midst of plain elements, at this offset in the chunk.
    Instance { at: usize, end: usize, place: Place },
    /// The next `ops` steps, `nested` of which nest, only count where this substitution is not null.
    Guard { index: u16, ops: u16, nested: u16 },
}

/// The fields of a definition or of a piece of plain BinXML.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    /// Holes that are fields of their own, and under which name.
    pub values: Vec<(Hole, FieldName)>,
    /// Constant texts, UTF-16.
    pub text: Vec<u8>,
    /// How to know the definition again.
    pub print: Print,
}

impl Program {
    /// Adds a field that is a hole. Runs of them are one step; a run begins anew from step `barrier` on.
    pub fn push_value(&mut self, hole: Hole, name: FieldName, barrier: usize) {
        let at = self.values.len() as u16;
        self.values.push((hole, name));
        let is_open = self.ops.len() > barrier;
        match self.ops.last_mut().filter(|_| is_open) {
            Some(Op::Values { range }) => range.end = at + 1,
            _ => self.ops.push(Op::Values { range: at..at + 1 }),
        }
    }

    /// The fields of a [`Op::Values`].
    pub fn holes(&self, range: &Range<u16>) -> &[(Hole, FieldName)] {
        self.values.get(usize::from(range.start)..usize::from(range.end)).unwrap_or(&[])
    }

    /// A constant's bytes.
    pub fn constant(&self, text: &Range<u32>) -> &[u8] {
        self.text.get(text.start as usize..text.end as usize).unwrap_or(&[])
    }

    /// Memory that counts.
    pub fn size(&self) -> usize {
        size_of::<Program>()
            + self.ops.len() * size_of::<Op>()
            + self.values.len() * size_of::<(Hole, FieldName)>()
            + self.text.len()
            + self.print.bytes.len()
            + self.print.steps.len() * size_of::<(u16, Then)>()
    }
}

/// The bytes of a definition, but for what differs from chunk to chunk: where names lie (and whether they lie
/// within the definition), and sizes that follow from that.
#[derive(Debug, Default)]
pub(super) struct Print {
    /// Fixed bytes and names, in order.
    bytes: Vec<u8>,
    /// So many fixed bytes, then what comes behind them.
    steps: Vec<(u16, Then)>,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    /// Four bytes that do not matter.
    Size,
    /// A reference to a name of so many bytes, which are the next ones of `bytes`.
    Name(u16),
    /// The end.
    End,
}

impl Print {
    /// Adds fixed bytes up to a size field.
    pub fn size(&mut self, fixed: &[u8]) {
        self.step(fixed, Then::Size, &[]);
    }

    /// Adds fixed bytes up to the reference to `name`.
    pub fn name(&mut self, fixed: &[u8], name: &[u8]) {
        self.step(fixed, Then::Name(name.len() as u16), name);
    }

    /// Adds the fixed bytes at the end.
    pub fn end(&mut self, fixed: &[u8]) {
        self.step(fixed, Then::End, &[]);
    }

    fn step(&mut self, fixed: &[u8], then: Then, name: &[u8]) {
        self.bytes.extend_from_slice(fixed);
        self.bytes.extend_from_slice(name);
        self.steps.push((fixed.len() as u16, then));
    }

    /// Whether the definition whose tokens are `chunk[at..end]` is the one this was taken of.
    pub fn fits(&self, chunk: &[u8], mut at: usize, end: usize) -> bool {
        let Some(tokens) = chunk.get(..end) else { return false };
        let mut rest = self.bytes.as_slice();
        for (fixed, then) in &self.steps {
            let fixed = usize::from(*fixed);
            let Some((expected, after)) = rest.split_at_checked(fixed) else { return false };
            if !tokens.get(at..).is_some_and(|t| t.starts_with(expected)) {
                return false;
            }
            rest = after;
            at += fixed;
            match then {
                Then::End => return true,
                Then::Size => at += 4,
                Then::Name(len) => {
                    let Some((name, after)) = rest.split_at_checked(usize::from(*len)) else { return false };
                    rest = after;
                    let Some(offset) = read_u32(tokens, at) else { return false };
                    at += 4;
                    if name_at(chunk, offset as usize) != Some(name) {
                        return false;
                    }
                    if offset as usize == at {
                        at += inline_name_len(name);
                    }
                }
            }
        }
        false
    }
}
