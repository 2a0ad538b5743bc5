//! Events by where they stand, for what was told by place alone: rows of hunts. Takes a reading of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::Event;
use shikra_hunt::result::EventPoint;

use crate::finding::{EventView, Progress};
use crate::fold::{Fold, Place, fold};
use crate::scan::ScanOptions;
use crate::view::event_view;

/// Events found by place.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// By record: an archive or a flattened file may hold several events of one number.
    events: HashMap<u64, Vec<(u64, Arc<EventView>)>>,
}

impl Fetched {
    /// The event of a place; the first in the order of the input, where several fit.
    pub fn get(&self, point: &EventPoint) -> Option<&Arc<EventView>> {
        let fits = |e: &&(u64, Arc<EventView>)| e.1.source == point.source && e.1.time == point.time;
        self.events.get(&point.record)?.iter().filter(fits).min_by_key(|(order, _)| *order).map(|(_, e)| e)
    }
}

/// Reads `paths` for the events at these places. Memory is bounded by their number: of each one event is kept.
pub fn fetch(
    points: &[&EventPoint],
    paths: &[PathBuf],
    options: &ScanOptions,
    progress: &dyn Progress,
) -> Fetched {
    let mut wanted: HashMap<u64, Vec<&EventPoint>> = HashMap::new();
    for point in points {
        let same = wanted.entry(point.record).or_default();
        if !same.iter().any(|p| p.source == point.source && p.time == point.time) {
            same.push(point);
        }
    }
    if wanted.is_empty() {
        return Fetched::default();
    }
    let (states, _) = fold(paths, options, progress, || Fetch { wanted: &wanted, found: HashMap::new() });
    let mut out = Fetched::default();
    for ((record, _), found) in states.into_iter().flat_map(|s| s.found) {
        out.events.entry(record).or_default().push(found);
    }
    out
}

/// What a thread has found: record and place among the wanted, the event and its place in the input.
struct Fetch<'a> {
    wanted: &'a HashMap<u64, Vec<&'a EventPoint>>,
    found: HashMap<(u64, usize), (u64, Arc<EventView>)>,
}

impl Fold for Fetch<'_> {
    fn event(&mut self, event: &Event<'_>, place: Place<'_>) {
        let Some(points) = self.wanted.get(&event.record) else { return };
        let fits = |p: &&EventPoint| p.time == event.time && p.source == *place.source;
        let Some(at) = points.iter().position(fits) else { return };
        let key = (event.record, at);
        if self.found.get(&key).is_none_or(|(order, _)| place.order < *order) {
            self.found.insert(key, (place.order, Arc::new(event_view(event, place.source))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::Timestamp;

    #[test]
    fn events_are_found_where_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        let line = |s: u32, image: &str| {
            format!("{{\"@timestamp\":\"2026-03-02T08:00:{s:02}Z\",\"EventID\":1,\"Image\":\"{image}\"}}\n")
        };
        std::fs::write(&path, line(1, "one") + &line(2, "two") + &line(3, "three")).unwrap();
        let source: Arc<str> = path.display().to_string().into();
        let at = |record, second: i64| EventPoint {
            source: source.clone(),
            record,
            time: Some(Timestamp((1_772_438_400 + second) * 1_000_000_000)),
            host: "".into(),
        };
        let points = [at(2, 2), at(3, 2), at(9, 9)];
        let got = fetch(&points.iter().collect::<Vec<_>>(), &[path], &ScanOptions::default(), &());
        let image = |p: &EventPoint| got.get(p).and_then(|e| e.fields.iter().find(|(n, _)| &**n == "Image"));
        assert_eq!(image(&points[0]).and_then(|(_, v)| v.to_text()).as_deref(), Some("two"));
        assert!(got.get(&points[1]).is_none(), "another time is another event");
        assert!(got.get(&points[2]).is_none());
    }
}
