//! Field names, interned: a number each, so that lists of them are cheap to make, to compare and to hash.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::Name;

use super::cursor::utf16_to_string;

/// Bytes of names before they are too many.
const MAX_SIZE: usize = 4 << 20;

/// A field's name, and whether it is part of `System`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FieldName(u32);

impl FieldName {
    /// Part of `System`.
    pub fn is_system(self) -> bool {
        self.0 & 1 != 0
    }
}

#[derive(Default)]
pub(super) struct Names {
    by_bytes: HashMap<Box<[u8]>, u32>,
    names: Vec<Name>,
    size: usize,
    joined: Vec<u8>,
}

impl Names {
    /// There are too many: better begin anew.
    pub fn is_full(&self) -> bool {
        self.size > MAX_SIZE
    }

    /// The field called `name` (UTF-16).
    pub fn element(&mut self, name: &[u8], is_system: bool) -> FieldName {
        FieldName(self.number(name) << 1 | u32::from(is_system))
    }

    /// The field of an attribute of an element.
    pub fn attribute(&mut self, element: &[u8], attribute: &[u8], is_system: bool) -> FieldName {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        joined.extend_from_slice(element);
        joined.extend_from_slice(&[b'_', 0]);
        joined.extend_from_slice(attribute);
        let field = self.element(&joined, is_system);
        self.joined = joined;
        field
    }

    /// The name as text.
    pub fn get(&self, field: FieldName) -> Option<&Name> {
        self.names.get((field.0 >> 1) as usize)
    }

    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.by_bytes.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(Arc::from(utf16_to_string(name)));
        self.by_bytes.insert(name.into(), number);
        self.size += 4 * name.len() + 64;
        number
    }
}
