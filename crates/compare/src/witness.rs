//! A made-up event, as names and values.

use shikra_event::{Form, Value, system};

use crate::world::World;

/// A made-up event: the fields that it has, in the order of its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// Names and values.
    pub fields: Vec<(String, Value)>,
    /// Whether it is a Windows event, not a document in ECS.
    pub windows: bool,
}

impl Witness {
    pub(crate) fn new(world: &World<'_>, shape: usize, values: &[(u32, Value)]) -> Witness {
        let Some(of) = world.shapes.get(shape) else { return Witness { fields: Vec::new(), windows: true } };
        let mut fields: Vec<(String, Value)> = Vec::new();
        if let Some(id) = of.event_id() {
            fields.push((system::EVENT_ID.into(), Value::I64(i64::from(id))));
        }
        for (name, text) in [(system::CHANNEL, of.channel()), (system::PROVIDER, of.provider())] {
            if !text.is_empty() {
                fields.push((name.into(), Value::str(text)));
            }
        }
        let mut all: Vec<&(u32, Value)> = values.iter().filter(|(_, v)| !v.is_null()).collect();
        all.sort_by_key(|(slot, _)| *slot);
        for (slot, value) in all {
            let name = of.fields().get(*slot as usize).map_or("", |n| n);
            if !fields.iter().any(|(n, _)| n == name) {
                fields.push((name.to_owned(), value.clone()));
            }
        }
        Witness { fields, windows: of.form() == Form::Windows }
    }
}
