//! The manifest beside simulated logs: what they are, where they are from, which event belongs to which step.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::definition::{Simulation, Test};
use crate::scenario::{Cause, Emitted, Options};
use crate::write::Output;

/// Name of the manifest's schema.
pub const SCHEMA: &str = "shikra.simulated/1";

/// The manifest of one test.
pub fn manifest(
    of: &Simulation,
    test: &Test,
    options: &Options,
    events: &[Emitted],
    files: &[Output],
) -> Json {
    let near = of.near_misses.iter().any(|n| n.id == test.id);
    let labels: Vec<Json> = files
        .iter()
        .flat_map(|file| file.records.iter().map(move |(number, place)| (file, number, place)))
        .filter_map(|(file, number, place)| {
            let event = events.get(*place)?;
            let step = event.step()?;
            Some(json!({ "file": file.name, "record": number, "event_id": event.record.event_id, "step": step }))
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "synthetic": true,
        "note": "Made up by shikra simulate: nothing in these logs has happened.",
        "simulation": of.title,
        "technique": of.technique,
        "test": { "id": test.id, "name": test.name, "description": test.description },
        "near_miss": near,
        "near_misses": of.near_misses.iter().map(|n| json!({ "id": n.id, "name": n.name })).collect::<Vec<_>>(),
        "seed": options.seed,
        "computer": format!("{}.{}", options.host, crate::world::DOMAIN),
        "events": events.len(),
        "background_events": events.iter().filter(|e| e.step().is_none()).count(),
        "background": ordinary(events),
        "files": files.iter().map(|f| json!({ "name": f.name, "records": f.records.len() })).collect::<Vec<_>>(),
        "steps": test.steps.iter().enumerate().map(|(n, s)| json!({
            "step": if s.id.is_empty() { (n + 1).to_string() } else { s.id.clone() },
            "by": s.by,
            "what": s.deed.summary(),
        })).collect::<Vec<_>>(),
        "expect": test.expects.iter().map(|e| json!({ "what": e.what, "event": e.event })).collect::<Vec<_>>(),
        "unknown": test.unknown,
        "labels": labels,
    })
}

/// How many events each ordinary activity has left.
fn ordinary(events: &[Emitted]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        if let Cause::Ordinary(activity) = &event.cause {
            *counts.entry(*activity).or_default() += 1;
        }
    }
    counts
}
