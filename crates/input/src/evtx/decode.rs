//! The decoder: from parts to events.

use shikra_event::{Event, Timestamp};

use super::chunk::{self, Header, Record, Records};
use super::cursor::Damage;
use super::instance::{Outcome, Stop, read_record};
use super::layout::{LayoutId, Layouts};
use super::templates::Templates;
use super::{CHUNK, CHUNK_HEADER};
use crate::format::{Decode, Part, Sink, Trouble, TroubleKind};

/// Definitions one record may need.
const MAX_RESOLVED: usize = 512;

/// Decodes parts of whole chunks. Keeps templates, layouts and shapes from part to part.
#[derive(Default)]
pub(super) struct Decoder {
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
        let forgotten = self.templates.begin_chunk();
        self.layouts.clear(forgotten);
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
        for record in Records::new(chunk, header) {
            match record {
                Ok(record) => self.record(chunk, &record, place),
                Err(damage) => place.damaged(damage.at, None, damage),
            }
        }
    }

    fn record(&mut self, chunk: &[u8], record: &Record, place: &mut Location<'_>) {
        for _ in 0..MAX_RESOLVED {
            match self.event(chunk, record, place.sink) {
                Ok(()) => return,
                Err(Stop::Unresolved(definition, at)) => self.templates.resolve(chunk, definition, at),
                Err(Stop::Damaged(damage)) => {
                    return place.damaged(record.offset, Some(record.id), damage);
                }
                Err(Stop::Odd) => break,
            }
        }
        place.damaged(record.offset, Some(record.id), Damage::limit(0, "needs too many templates"));
    }

    /// Tells the sink the event in a record.
    fn event(&mut self, chunk: &[u8], record: &Record, sink: &mut dyn Sink) -> Result<(), Stop> {
        let mut out = std::mem::take(&mut self.scratch).recycle();
        let layout = read_with_layout(&self.templates, &mut self.layouts, chunk, record, &mut out);
        let told = layout.map(|id| tell(&mut self.layouts, id, &mut out, record, sink));
        self.scratch = out.recycle();
        told
    }
}

fn read_with_layout<'a>(
    templates: &'a Templates,
    layouts: &mut Layouts,
    chunk: &'a [u8],
    record: &Record,
    out: &mut Outcome<'a>,
) -> Result<LayoutId, Stop> {
    out.clear(false);
    let odd = match read_record(templates, chunk, record.start, record.end, out) {
        Ok(()) => match layouts.of_trace(&out.trace) {
            Some(id) => return Ok(id),
            None => false,
        },
        Err(Stop::Odd) => true,
        Err(other) => return Err(other),
    };
    out.clear(true);
    read_record(templates, chunk, record.start, record.end, out)?;
    let names = out.names.take().unwrap_or_default();
    Ok(if odd { layouts.of_names(names) } else { layouts.learn(&out.trace, names) })
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
    let shape = layouts.shape(id, slots);
    if let (Some(shape), Some(layout)) = (shape, layouts.get(id)) {
        let time = layout.time(slots).or_else(|| Timestamp::from_filetime(record.written));
        let number = layout.record(slots).unwrap_or(record.id);
        sink.event(&Event { shape: &shape, slots, record: number, time });
    }
    out.put_patches(patches);
}
