//! From a field name to slots of a shape.

use std::sync::Arc;

use shikra_event::{Event, SlotIndex, Value};

use crate::Derive;

/// What a field means in events of one shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// Events of this shape do not have it.
    Absent,
    /// All events of this shape have this value (`event.category` of a Sysmon 1); a list where it has several.
    Const(Value),
    /// The values of these slots (several: a multi-valued field), each passed through `derive`, left to right.
    Slots {
        /// Positions in the shape.
        slots: Vec<SlotIndex>,
        /// Derivation, empty for the value as it is.
        derive: Vec<Derive>,
    },
    /// One text made of several fields, e.g. `DOMAIN\user` of `user.domain` and `user.name`. Parts without a
    /// value are left out together with their separator; no part at all is a missing value. Rare.
    Joined {
        /// Between two parts.
        separator: Arc<str>,
        /// The parts, in order: constant text before it, and the field.
        parts: Vec<(Arc<str>, Binding)>,
        /// Derivation of the whole text.
        derive: Vec<Derive>,
    },
    /// The values of all of these, one after the other: a multi-valued field whose parts are derived in
    /// different ways. Rare.
    All(Vec<Binding>),
}

impl Binding {
    /// A slot's value as it is.
    pub fn slot(slot: SlotIndex) -> Binding {
        Binding::Slots { slots: vec![slot], derive: Vec::new() }
    }

    /// Whether events of the shape do not have it.
    pub fn is_absent(&self) -> bool {
        *self == Binding::Absent
    }

    /// The value in an event of the shape: missing where it has none, a list where it has several. The
    /// obvious meaning of a binding, against which faster ways are tested.
    pub fn value(&self, event: &Event<'_>) -> Value {
        let mut values = self.values(event);
        match values.len() {
            0 => Value::Missing,
            1 => values.remove(0),
            _ => Value::List(values),
        }
    }

    /// The values that are not missing, lists taken apart.
    fn values(&self, event: &Event<'_>) -> Vec<Value> {
        match self {
            Binding::Absent => Vec::new(),
            Binding::Const(v) => v.elements().to_vec(),
            Binding::Slots { slots, derive } => {
                let read = |i: &SlotIndex| Derive::apply_all(derive, event.slot(*i).value());
                slots.iter().map(read).flat_map(flatten).collect()
            }
            Binding::Joined { separator, parts, derive } => {
                let text = |(prefix, b): &(Arc<str>, Binding)| {
                    let value = b.values(event).first().and_then(Value::to_text)?;
                    Some(format!("{prefix}{value}"))
                };
                let parts: Vec<String> = parts.iter().filter_map(text).collect();
                if parts.is_empty() {
                    return Vec::new();
                }
                flatten(Derive::apply_all(derive, Value::from(&*parts.join(separator))))
            }
            Binding::All(all) => all.iter().flat_map(|b| b.values(event)).collect(),
        }
    }

    /// The same, each value passed through one more derivation.
    pub(crate) fn then(self, more: &[Derive]) -> Binding {
        match self {
            b if more.is_empty() => b,
            Binding::Absent => Binding::Absent,
            Binding::Const(v) => Binding::Const(Derive::apply_all(more, v)),
            Binding::Slots { slots, mut derive } => {
                derive.extend_from_slice(more);
                Binding::Slots { slots, derive }
            }
            Binding::Joined { separator, parts, mut derive } => {
                derive.extend_from_slice(more);
                Binding::Joined { separator, parts, derive }
            }
            Binding::All(all) => Binding::All(all.into_iter().map(|b| b.then(more)).collect()),
        }
    }
}

fn flatten(v: Value) -> Vec<Value> {
    match v {
        Value::Missing => Vec::new(),
        Value::List(all) => all.into_iter().filter(|v| *v != Value::Missing).collect(),
        one => vec![one],
    }
}
