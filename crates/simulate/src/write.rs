//! Events as files: EVTX, NDJSON as `evtx_dump` writes it, documents as winlogbeat ships them.
//!
//! Nothing here opens a file: the caller gets names and bytes.

mod ecs;
mod value;

use std::io::Cursor;

use serde_json::{Map, Value as Json, json};
use shikra_evtx_write::{EvtxWriter, Record, WriteError};

use crate::events::braced;
use crate::scenario::Emitted;

/// A form of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A file for each channel.
    #[default]
    Evtx,
    /// One file, one event a line.
    Ndjson,
    /// One file, one document a line.
    Winlogbeat,
}

impl Format {
    /// All of them.
    pub const ALL: &[Format] = &[Format::Evtx, Format::Ndjson, Format::Winlogbeat];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Evtx => "evtx",
            Format::Ndjson => "ndjson",
            Format::Winlogbeat => "winlogbeat",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Self::ALL.iter().copied().find(|f| f.as_str() == name)
    }
}

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name, without a folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// For every event in it: its record number, or line from 1, and its place among the events given.
    pub records: Vec<(u64, usize)>,
}

/// Number of a file's first record: logs are rarely new.
const FIRST_RECORD: u64 = 4_711;

/// Writes events, which are in order of time.
///
/// # Errors
/// Where an event cannot be written, as one with NUL in a text.
pub fn write(events: &[Emitted], format: Format) -> Result<Vec<Output>, WriteError> {
    match format {
        Format::Evtx => evtx(events),
        Format::Ndjson => Ok(lines(events, "events.ndjson", event_json)),
        Format::Winlogbeat => Ok(lines(events, "winlogbeat.ndjson", ecs::document)),
    }
}

/// `Microsoft-Windows-Sysmon/Operational` as the name of a file that is called after computer and channel.
fn file_name(record: &Record) -> String {
    let host = record.computer.split('.').next().unwrap_or_default();
    let channel: String = record
        .channel
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    let short = channel.strip_prefix("Microsoft-Windows-").unwrap_or(&channel).replace("_Operational", "");
    format!("{host}-{short}.evtx")
}

fn evtx(events: &[Emitted]) -> Result<Vec<Output>, WriteError> {
    let mut names: Vec<String> = events.iter().map(|e| file_name(&e.record)).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let mut writer = EvtxWriter::new(Cursor::new(Vec::new()))?;
            let mut records = Vec::new();
            for (place, event) in events.iter().enumerate().filter(|(_, e)| file_name(&e.record) == name) {
                let number = FIRST_RECORD + records.len() as u64;
                records.push((number, place));
                writer.record(&Record { record_id: Some(number), ..event.record.clone() })?;
            }
            Ok(Output { name, bytes: writer.finish()?.into_inner(), records })
        })
        .collect()
}

fn lines(events: &[Emitted], name: &str, form: fn(&Record, u64) -> Json) -> Vec<Output> {
    let mut bytes = Vec::new();
    let mut records = Vec::new();
    let mut numbers: Vec<(String, u64)> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let channel = &event.record.channel;
        let number = match numbers.iter_mut().find(|(c, _)| c == channel) {
            Some((_, n)) => {
                *n += 1;
                *n
            }
            None => {
                numbers.push((channel.clone(), FIRST_RECORD));
                FIRST_RECORD
            }
        };
        bytes.extend_from_slice(form(&event.record, number).to_string().as_bytes());
        bytes.push(b'\n');
        records.push((place as u64 + 1, place));
    }
    vec![Output { name: name.to_owned(), bytes, records }]
}

/// An event as `evtx_dump -o jsonl` shows it.
pub fn event_json(record: &Record, number: u64) -> Json {
    let attributes = |pairs: Vec<(&str, Json)>| json!({ "#attributes": pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>() });
    let pairs = pairs(vec![
        ("Name", Some(json!(record.provider))),
        ("Guid", record.provider_guid.map(|g| json!(braced(g).to_ascii_lowercase()))),
    ]);
    let event_id = match record.qualifiers {
        Some(q) => json!({ "#attributes": { "Qualifiers": q }, "#text": record.event_id }),
        None => json!(record.event_id),
    };
    let user = match &record.user {
        Some(user) => attributes(vec![("UserID", json!(value::sid(user)))]),
        None => Json::Null,
    };
    let mut data = Map::new();
    for (name, value) in &record.data {
        data.insert(name.clone(), value::json(value));
    }
    json!({ "Event": {
        "#attributes": { "xmlns": "http://schemas.microsoft.com/win/2004/08/events/event" },
        "System": {
            "Provider": attributes(pairs),
            "EventID": event_id,
            "Version": record.version,
            "Level": record.level,
            "Task": record.task,
            "Opcode": record.opcode,
            "Keywords": format!("0x{:x}", record.keywords),
            "TimeCreated": attributes(vec![("SystemTime", json!(value::time(record.time)))]),
            "EventRecordID": number,
            "Correlation": Json::Null,
            "Execution": attributes(vec![("ProcessID", json!(record.process_id)), ("ThreadID", json!(record.thread_id))]),
            "Channel": record.channel,
            "Computer": record.computer,
            "Security": user,
        },
        "EventData": data,
    } })
}

fn pairs(all: Vec<(&str, Option<Json>)>) -> Vec<(&str, Json)> {
    all.into_iter().filter_map(|(n, v)| v.map(|v| (n, v))).collect()
}
