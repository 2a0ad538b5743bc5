//! The decoder: from parts to events.

use shikra_event::{Event, Timestamp};

use super::chunk::{self, Header, Record, Records};
use super::cursor::Damage;
use super::instance::{Outcome, Stop, read_record, read_record_with_names};
use super::layout::{LayoutId, Layouts};
use super::names::Names;
use super::naming::Place;
use super::templates::Templates;
use super::{CHUNK, CHUNK_HEADER};
use crate::format::{Decode, Part, Sink, Trouble, TroubleKind};

/// Definitions one record may need.
const MAX_RESOLVED: usize = 512;

/// Decodes parts of whole chunks. Keeps templates, layouts and shapes from part to part.
#[derive(Default)]
pub(super) struct Decoder {
    names: Names,
    templates: Templates,
    layouts: Layouts,
    scratch: Outcome<'static>,
}

impl Decode for Decoder {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let mut offset = part.offset;
        for chunk in part.data.chunks(CHUNK) {
            let mut place = Location { part, offset, sink: &mut *sink };
            self.chunk(chunk, &mut place);
            offset += CHUNK as u64;
        }
    }
}

/// Where in the source we are, and who wants to know.
struct Location<'a> {
    part: &'a Part,
    /// Of the chunk.
    offset: u64,
    sink: &'a mut dyn Sink,
}

impl Location<'_> {
    fn trouble(&mut self, kind: TroubleKind, at: usize, record: Option<u64>, message: String) {
        let source = self.part.source.name.clone();
        self.sink.trouble(Trouble { source, kind, offset: Some(self.offset + at as u64), record, message });
    }

    fn damaged(&mut self, at: usize, record: Option<u64>, damage: Damage) {
        self.trouble(damage.kind, at, record, format!("the record {}", damage.what));
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: &[u8], place: &mut Location<'_>) {
        self.templates.begin_chunk();
        if self.templates.is_full() || self.layouts.is_full() || self.names.is_full() {
            // They refer to each other: all or none.
            *self = Decoder::default();
        }
        let header = chunk::header(chunk);
        match header {
            Header::Blank => return,
            Header::Damaged => {
                let message =
                    "the chunk's header is damaged; records in it are read where they can be".to_owned();
                place.trouble(TroubleKind::CorruptBlock, 0, None, message);
            }
            Header::Good { free, .. } if free > chunk.len() => {
                let message =
                    format!("the file ends in the middle of a chunk, {} bytes short", free - chunk.len());
                place.trouble(TroubleKind::Truncated, chunk.len(), None, message);
            }
            Header::Good { .. } => {}
        }
        if chunk.len() < CHUNK_HEADER {
            return;
        }
        let mut records = Records::new(chunk, header);
        let mut wanted = None;
        let mut tries = 0;
        loop {
            match self.records(chunk, &mut records, wanted, place) {
                None => return,
                // Its templates are resolved one by one, and a hostile record may want ever more.
                Some((record, _, _)) if tries > MAX_RESOLVED && wanted == Some(record) => {
                    place.damaged(
                        record.offset,
                        Some(record.id),
                        Damage::limit(0, "needs too many templates"),
                    );
                    (wanted, tries) = (None, 0);
                }
                Some((record, definition, at)) => {
                    tries = if wanted == Some(record) { tries + 1 } else { 0 };
                    self.templates.resolve(chunk, definition, at, &mut self.names);
                    wanted = Some(record);
                }
            }
        }
    }

    /// Tells of `first` and then all other records, up to one that needs a definition resolved.
    fn records(
        &mut self,
        chunk: &[u8],
        records: &mut Records<'_>,
        mut first: Option<Record>,
        place: &mut Location<'_>,
    ) -> Option<(Record, u32, Place)> {
        let Decoder { names, templates, layouts, scratch } = self;
        let templates = &*templates;
        let mut out = std::mem::take(scratch).recycle();
        let mut wanted = None;
        while let Some(record) = first.take().map(Ok).or_else(|| records.next()) {
            let record = match record {
                Ok(record) => record,
                Err(damage) => {
                    place.damaged(damage.at, None, damage);
                    continue;
                }
            };
            match read_with_layout(templates, names, layouts, chunk, &record, &mut out) {
                Ok(layout) => tell(layouts, layout, &mut out, &record, place.sink),
                Err(Stop::Unresolved(definition, at)) => {
                    wanted = Some((record, definition, at));
                    break;
                }
                Err(Stop::Damaged(damage)) => place.damaged(record.offset, Some(record.id), damage),
                Err(Stop::Odd) => {}
            }
        }
        *scratch = out.recycle();
        wanted
    }
}

fn read_with_layout<'a>(
    templates: &'a Templates,
    names: &mut Names,
    layouts: &mut Layouts,
    chunk: &'a [u8],
    record: &Record,
    out: &mut Outcome<'a>,
) -> Result<LayoutId, Stop> {
    let odd = match read_record(templates, chunk, record.start, record.end, out) {
        Ok(()) => match layouts.of_trace(&out.trace) {
            Some(id) => return Ok(id),
            None => false,
        },
        Err(Stop::Odd) => true,
        Err(other) => return Err(other),
    };
    read_record_with_names(templates, names, chunk, record.start, record.end, out)?;
    let fields = &out.fields;
    Ok(if odd { layouts.of_names(fields, names) } else { layouts.learn(&out.trace, fields, names) })
}

fn tell(layouts: &mut Layouts, id: LayoutId, out: &mut Outcome<'_>, record: &Record, sink: &mut dyn Sink) {
    let patches = out.take_patches();
    let mut patched;
    let slots = if patches.is_empty() {
        &out.slots
    } else {
        patched = out.slots.clone();
        patches.apply(&mut patched);
        &patched
    };
    if let Some((layout, shape)) = layouts.shape(id, slots) {
        let time = layout.time(slots).or_else(|| Timestamp::from_filetime(record.written));
        let number = layout.record(slots).unwrap_or(record.id);
        sink.event(&Event { shape, slots, record: number, time });
    }
    out.put_patches(patches);
}
