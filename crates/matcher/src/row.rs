//! An event under a taxonomy as a row of named values.

use hashbrown::HashMap;
use shikra_event::{Event, Shape, Value};
use shikra_ir::{FieldRef, Names, Part, Pattern, eval};
use shikra_taxonomy::{Binding, Taxonomy};

/// An event whose fields answer to every naming scheme.
pub struct EventRow<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// What names mean.
    pub taxonomy: &'a Taxonomy,
}

impl eval::Row for EventRow<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        self.taxonomy.bind(self.event.shape, field).value(self.event)
    }

    fn all_fields(&self) -> Vec<Value> {
        self.event.slots.iter().flat_map(|s| flat(s.value())).collect()
    }

    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        fields_like(self.taxonomy, self.event.shape, names, pattern)
            .iter()
            .flat_map(|b| flat(b.value(self.event)))
            .collect()
    }
}

/// The same with fields bound beforehand.
pub(crate) struct BoundRow<'a> {
    pub row: EventRow<'a>,
    pub bindings: &'a HashMap<FieldRef, Binding>,
}

impl eval::Row for BoundRow<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        self.bindings.get(field).map_or_else(|| self.row.field(field), |b| b.value(self.row.event))
    }

    fn all_fields(&self) -> Vec<Value> {
        self.row.all_fields()
    }

    fn fields_like(&self, names: Names, pattern: &Pattern) -> Vec<Value> {
        self.row.fields_like(names, pattern)
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
    let meant = |name: &str| pattern.matches(name) && !indexed_again(names, name, pattern);
    all.into_iter().filter(|(name, _)| meant(name)).map(|(_, b)| b).collect()
}

/// Whether a field of ECS is another's value indexed another way, which a pattern does not mean unless it says so.
fn indexed_again(names: Names, name: &str, pattern: &Pattern) -> bool {
    let says = |suffix: &str| matches!(pattern.parts().last(), Some(Part::Lit(l)) if l.ends_with(suffix));
    names == Names::Ecs && [".caseless", ".text"].iter().any(|s| name.ends_with(s) && !says(s))
}

fn flat(v: Value) -> Vec<Value> {
    match v {
        Value::Missing => Vec::new(),
        Value::List(v) => v,
        one => vec![one],
    }
}
