//! What is in a file: what `shikra info` tells.
//!
//! One [`FileInfo`] per source, fed with its events and troubles in order. All tables are bounded.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::{Event, ShapeId, Timestamp, system};
use shikra_input::{Decode, Item, Options, Parts, Sink, Trouble, TroubleKind};

use crate::finding::Progress;

/// Most entries of a table; what comes after is counted together.
const MAX_ENTRIES: usize = 4096;
/// Most record ranges and pauses kept by name, and troubles.
const MAX_LISTED: usize = 100;
/// Shortest silence that counts as a pause.
const PAUSE: i64 = 3600 * 1_000_000_000;
/// Longest pauses kept.
const MAX_PAUSES: usize = 5;

/// What an event is, as Windows counts them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType {
    /// Channel, empty where absent.
    pub channel: String,
    /// Provider, empty where absent.
    pub provider: String,
    /// Event id.
    pub event_id: Option<u32>,
}

/// What is in one file, archive member or stream.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// As the user named it.
    pub source: Arc<str>,
    /// Format it was read as.
    pub format: &'static str,
    /// What its documents were recognised as, with counts.
    pub origins: BTreeMap<&'static str, u64>,
    /// Events.
    pub events: u64,
    /// Events without a time that can be read.
    pub without_time: u64,
    /// Events by type.
    pub types: BTreeMap<EventType, u64>,
    /// Events of types beyond the table's bound.
    pub other_types: u64,
    /// Events by computer.
    pub computers: BTreeMap<String, u64>,
    /// Events of computers beyond the table's bound.
    pub other_computers: u64,
    /// First and last event time.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Longest silences of an hour or more between events that follow each other: begin, end; longest first.
    pub pauses: Vec<(Timestamp, Timestamp)>,
    /// How often an event is earlier than the one before it.
    pub backwards: u64,
    /// Record numbers left out between records that follow each other.
    pub missing_records: u64,
    /// The first ranges left out: first, last.
    pub missing_ranges: Vec<(u64, u64)>,
    /// How often the record number fell back: a log that was cleared, or the seam of a ring of chunks.
    pub restarts: u64,
    /// Troubles by kind.
    pub trouble_counts: BTreeMap<TroubleKind, u64>,
    /// The first troubles.
    pub troubles: Vec<Trouble>,
    last_record: Option<u64>,
    last_time: Option<Timestamp>,
    /// Counts per shape, folded into `types` at the end: a look-up by number is all an event costs.
    shapes: BTreeMap<ShapeId, (EventType, &'static str, u64)>,
}

/// Reads `paths` and tells of each source at its end. Troubles outside of any source come as a source of their
/// own, of no format.
///
/// # Errors
/// Where `tell` fails.
pub fn survey(
    paths: &[PathBuf],
    tell: &mut dyn FnMut(&FileInfo) -> io::Result<()>,
    progress: &dyn Progress,
) -> io::Result<()> {
    let total = shikra_input::estimate(paths.to_vec());
    let mut parts = Parts::new(paths.to_vec(), Options::default());
    let mut open: Option<FileInfo> = None;
    let mut events = 0;
    let mut spare = None;
    let mut decoders: BTreeMap<&'static str, Box<dyn Decode>> = BTreeMap::new();
    while let Some(item) = parts.next(spare.take()) {
        match item {
            Item::SourceStart(s) => open = Some(FileInfo::new(s.name.clone(), s.format)),
            Item::Part(part) => {
                let info =
                    open.get_or_insert_with(|| FileInfo::new(part.source.name.clone(), part.source.format));
                let before = info.events;
                decoders.entry(part.format.name).or_insert_with(part.format.decode).decode(&part, info);
                events += info.events - before;
                spare = Some(part.data);
            }
            Item::Trouble(t) => match open.as_mut().filter(|f| f.source == t.source) {
                Some(info) => info.trouble(t),
                None => {
                    let mut alone = FileInfo::new(t.source.clone(), "");
                    alone.trouble(t);
                    tell(&alone)?;
                }
            },
            Item::SourceEnd(_) => {
                if let Some(mut info) = open.take() {
                    info.finish();
                    tell(&info)?;
                }
            }
        }
        progress.progress(parts.bytes_read(), total, events);
        if progress.cancelled() {
            break;
        }
    }
    Ok(())
}

impl Sink for FileInfo {
    fn event(&mut self, event: &Event<'_>) {
        self.event(event);
    }
    fn trouble(&mut self, trouble: Trouble) {
        self.trouble(trouble);
    }
}

impl FileInfo {
    /// Of a source of which nothing has been read yet.
    pub fn new(source: Arc<str>, format: &'static str) -> FileInfo {
        FileInfo {
            source,
            format,
            origins: BTreeMap::new(),
            events: 0,
            without_time: 0,
            types: BTreeMap::new(),
            other_types: 0,
            computers: BTreeMap::new(),
            other_computers: 0,
            span: None,
            pauses: Vec::new(),
            backwards: 0,
            missing_records: 0,
            missing_ranges: Vec::new(),
            restarts: 0,
            trouble_counts: BTreeMap::new(),
            troubles: Vec::new(),
            last_record: None,
            last_time: None,
            shapes: BTreeMap::new(),
        }
    }

    /// The next event.
    pub fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.count_type(event);
        self.count_computer(event);
        self.follow_record(event.record);
        match event.time {
            Some(t) => self.follow_time(t),
            None => self.without_time += 1,
        }
    }

    /// Something that could not be read.
    pub fn trouble(&mut self, trouble: Trouble) {
        *self.trouble_counts.entry(trouble.kind).or_insert(0) += 1;
        if self.troubles.len() < MAX_LISTED {
            self.troubles.push(trouble);
        }
    }

    /// The end of the source: fills `types` and `origins`.
    pub fn finish(&mut self) {
        for (kind, origin, n) in std::mem::take(&mut self.shapes).into_values() {
            *self.origins.entry(origin).or_insert(0) += n;
            if self.types.len() < MAX_ENTRIES || self.types.contains_key(&kind) {
                *self.types.entry(kind).or_insert(0) += n;
            } else {
                self.other_types += n;
            }
        }
    }

    /// Whether something in it could not be read; a file of unknown format is not meant to be.
    pub fn unreadable(&self) -> bool {
        self.trouble_counts.keys().any(|k| *k != TroubleKind::UnknownFormat)
    }

    fn count_type(&mut self, event: &Event<'_>) {
        let shape = event.shape;
        if self.shapes.len() >= MAX_ENTRIES && !self.shapes.contains_key(&shape.id()) {
            self.finish();
        }
        let entry = self.shapes.entry(shape.id()).or_insert_with(|| {
            let kind = EventType {
                channel: shape.channel().to_owned(),
                provider: shape.provider().to_owned(),
                event_id: shape.event_id(),
            };
            (kind, shape.origin(), 0)
        });
        entry.2 += 1;
    }

    fn count_computer(&mut self, event: &Event<'_>) {
        let Some(name) = event.text_of(system::COMPUTER).or_else(|| event.text_of("host.name")) else {
            return;
        };
        if let Some(n) = self.computers.get_mut(&name) {
            *n += 1;
        } else if self.computers.len() < MAX_ENTRIES {
            self.computers.insert(name, 1);
        } else {
            self.other_computers += 1;
        }
    }

    fn follow_record(&mut self, record: u64) {
        match self.last_record.replace(record) {
            Some(last) if record <= last => self.restarts += 1,
            Some(last) if record - last > 1 => {
                self.missing_records += record - last - 1;
                if self.missing_ranges.len() < MAX_LISTED {
                    self.missing_ranges.push((last + 1, record - 1));
                }
            }
            _ => {}
        }
    }

    fn follow_time(&mut self, t: Timestamp) {
        self.span = Some(self.span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
        let Some(last) = self.last_time.replace(t) else { return };
        if t < last {
            self.backwards += 1;
            return;
        }
        let length = |p: &(Timestamp, Timestamp)| p.1.0.saturating_sub(p.0.0);
        if length(&(last, t)) < PAUSE {
            return;
        }
        let at = self.pauses.partition_point(|p| length(p) >= length(&(last, t)));
        self.pauses.insert(at, (last, t));
        self.pauses.truncate(MAX_PAUSES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::{Name, ShapeBuilder, Slot};

    #[test]
    fn counts_types_gaps_and_pauses() {
        let shape = ShapeBuilder {
            provider: "P".into(),
            channel: "C".into(),
            event_id: Some(1),
            origin: "EVTX",
            fields: vec![Name::from("Computer")],
            ..ShapeBuilder::default()
        }
        .build();
        let mut info = FileInfo::new("f".into(), "evtx");
        let hour = 3600;
        for (record, seconds) in [(1, 0), (2, 1), (5, 2), (6, 2 + hour), (4, 1 + hour), (5, 10 * hour)] {
            let time = Some(Timestamp(seconds * 1_000_000_000));
            info.event(&Event { shape: &shape, slots: &[Slot::utf8("pc")], record, time });
        }
        info.event(&Event { shape: &shape, slots: &[Slot::utf8("pc")], record: 6, time: None });
        info.finish();
        assert_eq!((info.events, info.without_time), (7, 1));
        assert_eq!((info.missing_records, info.restarts, info.backwards), (2, 1, 1));
        assert_eq!(info.missing_ranges, [(3, 4)]);
        assert_eq!(info.pauses.len(), 2);
        assert_eq!(info.pauses[0].1, Timestamp(10 * hour * 1_000_000_000));
        assert_eq!(info.types.values().sum::<u64>(), 7);
        assert_eq!((info.origins["EVTX"], info.computers["pc"]), (7, 7));
    }
}
