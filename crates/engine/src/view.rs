//! Events as findings show them.

use std::sync::Arc;

use shikra_event::{Event, Form, Name, Value, system};

use crate::finding::EventView;

/// Prefixes of ECS fields that tell of the shipper and the pipeline, not of the event.
const SHIPPER: &[&str] =
    &["agent.", "ecs.", "elastic_agent.", "data_stream.", "beat.", "metadata.", "@metadata."];

/// The view of an event: identity, and every field of its own (the `System` part is in the identity).
pub(crate) fn event_view(event: &Event<'_>, source: &Arc<str>) -> EventView {
    let shape = event.shape;
    let text = |name| Arc::from(event.text_of(name).unwrap_or_default());
    let computer = match event.text_of(system::COMPUTER) {
        None if shape.form() != Form::Windows => text("host.name"),
        c => Arc::from(c.unwrap_or_default()),
    };
    EventView {
        source: source.clone(),
        record: event.record,
        time: event.time,
        provider: shape.provider().into(),
        channel: shape.channel().into(),
        event_id: shape.event_id(),
        computer,
        fields: fields(event),
    }
}

fn fields(event: &Event<'_>) -> Vec<(Name, Value)> {
    let shape = event.shape;
    let mut out: Vec<(Name, Value)> = Vec::with_capacity(event.slots.len());
    for (i, name) in shape.fields().iter().enumerate() {
        let positions = shape.positions(name);
        if positions.first() != Some(&(i as u32)) || hidden(name) {
            continue;
        }
        let value = match positions {
            [one] => event.slot(*one).value(),
            several => list(several.iter().map(|p| event.slot(*p).value())),
        };
        if value != Value::Missing {
            out.push((name.clone(), value));
        }
    }
    out
}

/// The values that are there: none is missing, one is itself, several are a list.
fn list(values: impl Iterator<Item = Value>) -> Value {
    let mut there: Vec<Value> = values.flat_map(|v| v.elements().to_vec()).collect();
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
        assert_eq!((&*view.computer, view.record, view.event_id), ("h", 3, Some(7)));
        let data = Value::List(vec!["a".into(), "b".into()]);
        assert_eq!(view.fields, [("Data".into(), data), ("Image".into(), "x.exe".into())]);
    }
}
