//! Values that keyed rules read of events: each asked of an event once, however many rules want it, and what a
//! field means looked up once per shape.

use std::collections::HashMap;

use shikra_event::{Event, ShapeId, Value};
use shikra_ir::{Scalar, eval};
use shikra_matcher::EventRow;
use shikra_taxonomy::{Binding, Taxonomy};

/// Number of a scalar among those that are read.
pub(crate) type ScalarId = u32;

/// Bindings a thread keeps.
const MAX_BINDINGS: usize = 1 << 16;

/// All scalars that keyed rules read, each once.
#[derive(Default)]
pub(crate) struct Scalars {
    all: Vec<Scalar>,
    known: HashMap<String, ScalarId>,
}

impl Scalars {
    /// The scalar of a number.
    pub(crate) fn get(&self, id: ScalarId) -> Option<&Scalar> {
        self.all.get(id as usize)
    }

    /// The number of a scalar.
    pub(crate) fn intern(&mut self, s: &Scalar) -> ScalarId {
        *self.known.entry(format!("{s:?}")).or_insert_with(|| {
            self.all.push(s.clone());
            (self.all.len() - 1) as ScalarId
        })
    }
}

/// What one thread has read of the present event.
#[derive(Default)]
pub(crate) struct Cells {
    values: HashMap<ScalarId, Value>,
    bindings: HashMap<(ShapeId, ScalarId), Binding>,
}

impl Cells {
    /// Another event comes.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    /// A value of the present event.
    pub(crate) fn read(
        &mut self,
        event: &Event<'_>,
        scalars: &Scalars,
        id: ScalarId,
        taxonomy: &Taxonomy,
    ) -> Value {
        if let Some(known) = self.values.get(&id) {
            return known.clone();
        }
        let value = match scalars.get(id) {
            None => Value::Missing,
            Some(Scalar::Field(field)) => {
                if self.bindings.len() >= MAX_BINDINGS {
                    self.bindings.clear();
                }
                let bound = self.bindings.entry((event.shape.id(), id));
                bound.or_insert_with(|| taxonomy.bind(event.shape, field)).value(event)
            }
            Some(other) => eval::scalar(other, &EventRow { event, taxonomy }),
        };
        self.values.insert(id, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::{ShapeBuilder, Slot};
    use shikra_ir::Names;

    #[test]
    fn reads_what_evaluation_would() {
        let taxonomy = Taxonomy::embedded();
        let fields: Vec<_> = ["Image", "CommandLine", "Computer"].map(Into::into).into();
        let shape = |event_id| {
            ShapeBuilder {
                provider: "Microsoft-Windows-Sysmon".into(),
                channel: "Microsoft-Windows-Sysmon/Operational".into(),
                event_id: Some(event_id),
                fields: fields.clone(),
                ..ShapeBuilder::default()
            }
            .build()
        };
        let wanted = [
            Scalar::field(Names::Sigma, "Image"),
            Scalar::field(Names::Ecs, "process.name"),
            Scalar::field(Names::Ecs, "host.name"),
            Scalar::field(Names::Ecs, "no.such.field"),
            Scalar::AnyField,
            Scalar::Lit(7.into()),
        ];
        let mut scalars = Scalars::default();
        let ids: Vec<_> = wanted.iter().chain(&wanted).map(|s| scalars.intern(s)).collect();
        assert_eq!(ids[..wanted.len()], ids[wanted.len()..]);
        let mut cells = Cells::default();
        for (shape, image) in [(shape(1), "C:\\a.exe"), (shape(5), "C:\\b.exe"), (shape(1), "C:\\c.exe")] {
            let slots = [Slot::utf8(image), Slot::utf8("x y"), Slot::utf8("host")];
            let event = Event { shape: &shape, slots: &slots, record: 1, time: None };
            cells.clear();
            for (scalar, id) in wanted.iter().chain(&wanted).zip(&ids) {
                let row = EventRow { event: &event, taxonomy: &taxonomy };
                assert_eq!(cells.read(&event, &scalars, *id, &taxonomy), eval::scalar(scalar, &row));
            }
        }
    }
}
