//! Why a rule does or does not match certain events.

use std::io;
use std::path::PathBuf;

use shikra_event::Event;
use shikra_input::{Item, Options, Parts, Sink, Trouble};
use shikra_matcher::explain::{Explanation, filter};

use crate::finding::EventView;
use crate::plan::Detector;
use crate::view::event_view;

/// Which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRef {
    /// File or folder.
    pub path: PathBuf,
    /// Record number; none: the first events of the rule's log source.
    pub record: Option<u64>,
}

/// Receives the 1-based number of the filter, where the rule has several; the event; what there is to say.
pub type Tell<'a> = dyn FnMut(Option<usize>, &EventView, &Explanation) -> io::Result<()> + 'a;

/// Explains every filter of rule number `rule` on the events meant, on at most `limit` events where no record is
/// named.
///
/// # Errors
/// Where `tell` fails.
pub fn explain(
    detector: &Detector,
    rule: u32,
    event: &EventRef,
    limit: u64,
    tell: &mut Tell<'_>,
) -> io::Result<()> {
    let mut parts = Parts::new([event.path.clone()], Options::default());
    let mut listener = Listener { detector, rule, wanted: event.record, left: limit, tell, result: Ok(()) };
    while let Some(item) = parts.next(None) {
        let Item::Part(part) = item else { continue };
        let source = part.source.name.clone();
        let mut sink = PartSink { listener: &mut listener, source: &source };
        (part.format.decode)().decode(&part, &mut sink);
        if listener.left == 0 || listener.result.is_err() {
            break;
        }
    }
    listener.result
}

struct Listener<'a, 't> {
    detector: &'a Detector,
    rule: u32,
    wanted: Option<u64>,
    left: u64,
    tell: &'a mut Tell<'t>,
    result: io::Result<()>,
}

struct PartSink<'l, 'a, 't> {
    listener: &'l mut Listener<'a, 't>,
    source: &'l std::sync::Arc<str>,
}

impl Sink for PartSink<'_, '_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        let l = &mut *self.listener;
        if l.left == 0 || l.result.is_err() || l.wanted.is_some_and(|w| w != event.record) {
            return;
        }
        let filters = l.detector.filters_of(l.rule);
        let explained: Vec<Explanation> =
            filters.iter().map(|f| filter(f, l.detector.taxonomy(), event)).collect();
        if l.wanted.is_none() && !explained.iter().any(|e| e.admitted) {
            return;
        }
        let view = event_view(event, self.source);
        for (i, explanation) in explained.iter().enumerate() {
            let number = (filters.len() > 1).then_some(i + 1);
            l.result = (l.tell)(number, &view, explanation);
            if l.result.is_err() {
                return;
            }
        }
        l.left -= u64::from(l.wanted.is_none());
    }

    fn trouble(&mut self, _: Trouble) {}
}
