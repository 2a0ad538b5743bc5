//! An event under a taxonomy as a row of named values: how a field's slots become its value.

use shikra_event::{Event, Shape, Slot, SlotIndex, Value};
use shikra_ir::{FieldRef, Names, Pattern, eval};
use shikra_taxonomy::{Binding, Derive, Taxonomy};

/// An event whose fields answer to every naming scheme.
pub struct EventRow<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// What names mean.
    pub taxonomy: &'a Taxonomy,
}

impl eval::Row for EventRow<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        bound(&self.taxonomy.bind(self.event.shape, field), self.event)
    }

    fn all_fields(&self) -> Vec<Value> {
        self.event.slots.iter().flat_map(|s| flat(s.value())).collect()
    }

    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        fields_like(self.taxonomy, self.event.shape, names, pattern)
            .iter()
            .flat_map(|b| flat(bound(b, self.event)))
            .collect()
    }
}

/// The bindings of a scheme's fields whose name matches.
pub(crate) fn fields_like(
    taxonomy: &Taxonomy,
    shape: &Shape,
    names: Names,
    pattern: &Pattern,
) -> Vec<Binding> {
    let all = taxonomy.fields(shape, names);
    all.into_iter().filter(|(name, _)| pattern.matches(name)).map(|(_, b)| b).collect()
}

fn flat(v: Value) -> Vec<Value> {
    match v {
        Value::Missing => Vec::new(),
        Value::List(v) => v,
        one => vec![one],
    }
}

/// The value of a bound field.
pub fn bound(binding: &Binding, event: &Event<'_>) -> Value {
    match binding {
        Binding::Absent => Value::Missing,
        Binding::Const(v) => v.clone(),
        Binding::Slots { slots, derive } => {
            from_slots(slots.iter().map(|&i: &SlotIndex| event.slot(i)), derive)
        }
        Binding::Joined { .. } | Binding::All(_) => binding.value(event),
    }
}

/// The value that slots make together: missing where all are, the one value where there is one, else a list
/// (also of one, where a slot or derivation is a list by nature).
pub(crate) fn from_slots<'a>(slots: impl Iterator<Item = Slot<'a>>, derive: &[Derive]) -> Value {
    let mut items = Vec::new();
    let mut list = false;
    for slot in slots {
        match slot.value() {
            Value::Missing => {}
            Value::List(v) => {
                list = true;
                items.extend(v);
            }
            one => items.push(one),
        }
    }
    for d in derive {
        let before = std::mem::take(&mut items);
        for v in before {
            match d.apply(v) {
                Value::Missing => {}
                Value::List(v) => {
                    list = true;
                    items.extend(v);
                }
                one => items.push(one),
            }
        }
    }
    match (list, items.len()) {
        (false, 0) => Value::Missing,
        (false, 1) => items.remove(0),
        _ => Value::List(items),
    }
}
