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

    /// Appends the slots that the value depends on.
    pub fn slots(&self, out: &mut Vec<SlotIndex>) {
        match self {
            Binding::Absent | Binding::Const(_) => {}
            Binding::Slots { slots, .. } => out.extend(slots),
            Binding::Joined { parts, .. } => parts.iter().for_each(|(_, b)| b.slots(out)),
            Binding::All(all) => all.iter().for_each(|b| b.slots(out)),
        }
    }

    /// The value in an event of the shape: missing where it has none, a list where it has several or where a
    /// slot or derivation is a list by nature. The obvious meaning of a binding, against which faster ways are
    /// tested.
    pub fn value(&self, event: &Event<'_>) -> Value {
        match self {
            Binding::Absent => Value::Missing,
            Binding::Const(v) => v.clone(),
            Binding::Slots { slots, derive } => {
                let read = |i: &SlotIndex| Derive::apply_all(derive, event.slot(*i).value());
                together(slots.iter().map(read))
            }
            Binding::Joined { separator, parts, derive } => {
                let text = |(prefix, b): &(Arc<str>, Binding)| {
                    let value = b.value(event).elements().first().and_then(Value::to_text)?;
                    Some(format!("{prefix}{value}"))
                };
                let parts: Vec<String> = parts.iter().filter_map(text).collect();
                if parts.is_empty() {
                    return Value::Missing;
                }
                Derive::apply_all(derive, Value::from(&*parts.join(separator)))
            }
            Binding::All(all) => together(all.iter().map(|b| b.value(event))),
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

/// Several values as one.
fn together(values: impl Iterator<Item = Value>) -> Value {
    let mut list = false;
    let mut all = Vec::new();
    for value in values {
        match value {
            Value::Missing => {}
            Value::List(items) => {
                list = true;
                all.extend(items);
            }
            one => all.push(one),
        }
    }
    match (list, all.len()) {
        (false, 0) => Value::Missing,
        (false, 1) => all.remove(0),
        _ => Value::List(all),
    }
}
