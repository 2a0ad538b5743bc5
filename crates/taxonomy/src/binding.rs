//! From a field name to slots of a shape.

use std::sync::Arc;

use shikra_event::{SlotIndex, Value};

/// What a field means in events of one shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// Events of this shape do not have it.
    Absent,
    /// All events of this shape have this value (`event.category` of a Sysmon 1).
    Const(Value),
    /// The values of these slots (several: a multi-valued field), each passed through `derive`, left to right.
    Slots {
        /// Positions in the shape.
        slots: Vec<SlotIndex>,
        /// Derivation, empty for the value as it is.
        derive: Vec<Derive>,
    },
}

/// A derivation of one field's value from another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Derive {
    /// Last part of a path: `process.name` of `Image`. Separators `\` and `/`.
    BaseName,
    /// All but the last part of a path, without the separator.
    DirName,
    /// What follows the last dot of the last path part, without the dot.
    Extension,
    /// Arguments of a command line, split as `CommandLineToArgvW` does: a list.
    Args,
    /// One hash of Sysmon's `Hashes` (`SHA1=…,MD5=…`), by algorithm name.
    Hash(Arc<str>),
    /// What follows the `\` of `DOMAIN\user`.
    User,
    /// What precedes the `\` of `DOMAIN\user`.
    Domain,
    /// Lower case.
    Lower,
    /// Hexadecimal text (`0x1a4`) as a number, e.g. process ids of Security 4688.
    HexNumber,
    /// Without surrounding braces: GUIDs.
    NoBraces,
    /// A value by a table; what the table lacks is null.
    Map(Arc<[(String, String)]>),
    /// First part of a registry path, long form (`HKLM`).
    RegistryHive,
    /// A registry path without its hive.
    RegistryKey,
    /// Last part of a registry path.
    RegistryValue,
    /// A 16-bit unsigned, big-endian pair or dotted text as an address, for address fields: text as it is
    /// where it is already an address.
    Address,
}

impl Derive {
    /// Applies one derivation to one scalar; null and missing stay as they are, and what cannot be derived is
    /// null.
    pub fn apply(&self, value: Value) -> Value {
        if value.is_null() {
            return value;
        }
        let Some(text) = value.to_text() else { return Value::Null };
        match self {
            Derive::BaseName => Value::str(text.rsplit(['\\', '/']).next().unwrap_or("")),
            Derive::Lower => Value::str(text.to_lowercase()),
            _ => Value::Null,
        }
    }
}
