//! Events as findings show them.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::{Event, Form, Name, Shape, ShapeId, SlotIndex, Value, system};

use crate::finding::EventView;

/// Prefixes of ECS fields that tell of the shipper and the pipeline, not of the event.
const SHIPPER: &[&str] =
    &["agent.", "ecs.", "elastic_agent.", "data_stream.", "beat.", "metadata.", "@metadata."];

/// The view of an event: identity, and every field of its own (the `System` part is in the identity).
pub fn event_view(event: &Event<'_>, source: &Arc<str>) -> EventView {
    view_of(event, source, &shown(event.shape))
}

fn view_of(event: &Event<'_>, source: &Arc<str>, shown: &Shown) -> EventView {
    let shape = event.shape;
    let fields = shown.iter().filter_map(|(name, positions)| {
        let value = value_of(event, positions);
        (value != Value::Missing).then(|| (name.clone(), value))
    });
    EventView {
        source: source.clone(),
        record: event.record,
        time: event.time,
        provider: shape.provider().into(),
        channel: shape.channel().into(),
        event_id: shape.event_id(),
        computer: computer(event).unwrap_or_default().into(),
        fields: fields.collect(),
    }
}

/// See [`shown`].
type Shown = Vec<(Name, Vec<SlotIndex>)>;

/// Most shapes kept.
const MAX_SHAPES: usize = 4096;

/// Makes views of events, and remembers what of their shapes is shown.
#[derive(Default)]
pub(crate) struct Views(HashMap<ShapeId, Shown>);

impl Views {
    /// As [`event_view`].
    pub(crate) fn view(&mut self, event: &Event<'_>, source: &Arc<str>) -> EventView {
        if self.0.len() >= MAX_SHAPES {
            self.0.clear();
        }
        let shown = self.0.entry(event.shape.id()).or_insert_with(|| shown(event.shape));
        view_of(event, source, shown)
    }
}

/// The computer that wrote an event.
pub fn computer(event: &Event<'_>) -> Option<String> {
    match event.text_of(system::COMPUTER) {
        None if event.shape.form() != Form::Windows => event.text_of("host.name"),
        c => c,
    }
}

/// The fields of a shape that findings show, each name once, with their slots.
pub fn shown(shape: &Shape) -> Vec<(Name, Vec<SlotIndex>)> {
    let names = shape.fields().iter().enumerate();
    let first = |(i, name): &(usize, &Name)| {
        shape.positions(name).first() == Some(&(*i as SlotIndex)) && !hidden(name)
    };
    names.filter(first).map(|(_, name)| (name.clone(), shape.positions(name).to_vec())).collect()
}

/// The value of a field with these slots: several slots are a list of the values that are there.
pub fn value_of(event: &Event<'_>, positions: &[SlotIndex]) -> Value {
    if let [one] = positions {
        return event.slot(*one).value();
    }
    let mut there: Vec<Value> =
        positions.iter().flat_map(|p| event.slot(*p).value().elements().to_vec()).collect();
    match there.len() {
        0 => Value::Missing,
        1 => there.remove(0),
        _ => Value::List(there),
    }
}

fn hidden(name: &str) -> bool {
    system::ALL.contains(&name) || name == "@timestamp" || SHIPPER.iter().any(|p| name.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::{ShapeBuilder, Slot, Timestamp};

    #[test]
    fn shows_own_fields_once() {
        let names = ["Computer", "Data", "Image", "Data", "agent.id", "Gone"];
        let shape = ShapeBuilder {
            provider: "P".into(),
            channel: "C".into(),
            event_id: Some(7),
            fields: names.iter().map(|n| Name::from(*n)).collect(),
            ..ShapeBuilder::default()
        }
        .build();
        let slots = ["h", "a", "x.exe", "b", "id"].map(Slot::utf8);
        let slots: Vec<_> = slots.into_iter().chain([Slot::MISSING]).collect();
        let event = Event { shape: &shape, slots: &slots, record: 3, time: Some(Timestamp(5)) };
        let view = event_view(&event, &Arc::from("s"));
        let mut views = Views::default();
        for _ in 0..2 {
            assert_eq!(views.view(&event, &Arc::from("s")), view);
        }
        assert_eq!((&*view.computer, view.record, view.event_id), ("h", 3, Some(7)));
        let data = Value::List(vec!["a".into(), "b".into()]);
        assert_eq!(view.fields, [("Data".into(), data), ("Image".into(), "x.exe".into())]);
    }
}
