//! Findings for Timesketch: a timeline entry per event, one for twin records, as JSON lines or CSV.
//!
//! Timesketch wants `message`, `datetime` and `timestamp_desc` on every row and indexes texts of up to 32,766
//! bytes; longer ones are cut and say so.

use std::collections::HashSet;
use std::io::{self, Write};

use shikra_engine::finding::{EventView, Totals};
use shikra_event::{Name, Timestamp, Value};

use crate::csv::{CsvWriter, row_json};
use crate::finding::Item;
use crate::json::{Json, Members};
use crate::{Output, Sink, telling};

/// `timesketch`.
pub static JSONL: Output = Output {
    name: "timesketch",
    about: "Timeline entries for Timesketch, JSON lines",
    streams: true,
    extension: "jsonl",
    open: |out, _| Box::new(Jsonl { out, line: Vec::new() }),
};

/// `timesketch-csv`.
pub static CSV: Output = Output {
    name: "timesketch-csv",
    about: "Timeline entries for Timesketch, CSV",
    streams: true,
    extension: "csv",
    open: |out, _| Box::new(Table { table: CsvWriter::new(out, COLUMNS) }),
};

/// Longest text that Timesketch's index takes as a keyword, in bytes.
const MAX_KEYWORD: usize = 32_766;
const CUT: &str = "… [cut]";

const COLUMNS: &[&str] = &[
    "message",
    "datetime",
    "timestamp_desc",
    "tag",
    "level",
    "rule_title",
    "rule_id",
    "technique",
    "host",
    "provider",
    "channel",
    "event_id",
    "record",
    "source",
    "finding_id",
    "fields",
];

/// What both forms say of one event.
struct Entry<'a> {
    finding: Item<'a>,
    event: Option<&'a EventView>,
}

impl Entry<'_> {
    fn time(&self) -> Option<Timestamp> {
        self.event.map_or(self.finding.time, |e| e.time)
    }

    /// ISO 8601 with microseconds and a numeric zone. An entry must have a time: without one it stands at the
    /// epoch and `timestamp_desc` says so.
    fn datetime(&self) -> String {
        let (y, mo, d, h, mi, s, n) = self.time().unwrap_or_default().civil();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:06}+00:00", n / 1000)
    }

    fn timestamp_desc(&self) -> &'static str {
        if self.time().is_some() { "Event Logged" } else { "Time Unknown" }
    }

    fn message(&self) -> String {
        let f = self.finding;
        let details = match self.event {
            Some(e) => telling::event_details(&f.rule.meta, e) + &telling::twins(&f),
            None => telling::details(&f),
        };
        format!("[{}] {}: {details}", f.level().as_str(), f.rule.meta.title)
    }

    fn tags(&self) -> Vec<String> {
        let f = self.finding;
        std::iter::once(f.level().as_str().to_owned()).chain(f.rule.techniques.iter().cloned()).collect()
    }

    fn host(&self) -> &str {
        self.event.map_or(&self.finding.finding.host, |e| &e.computer)
    }

    fn values(&self) -> &[(Name, Value)] {
        self.event.map_or(&self.finding.finding.row, |e| &e.fields)
    }
}

fn entries(f: Item<'_>) -> Vec<Entry<'_>> {
    if f.events.is_empty() {
        return vec![Entry { finding: f, event: None }];
    }
    let entries = if f.twins { 1 } else { f.events.len() };
    f.finding.events.iter().take(entries).map(|e| Entry { finding: f, event: Some(e) }).collect()
}

struct Jsonl {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
}

impl Sink for Jsonl {
    fn finding(&mut self, f: Item<'_>) -> io::Result<()> {
        for entry in entries(f) {
            self.line.clear();
            Json::new(&mut self.line).object(|o| write_entry(&entry, o));
            self.line.push(b'\n');
            self.out.write_all(&self.line)?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_entry(e: &Entry<'_>, o: &mut Members<'_>) {
    let meta = &e.finding.rule.meta;
    o.key("message").string(&cut(&e.message()));
    o.key("datetime").string(&e.datetime());
    o.key("timestamp_desc").string(e.timestamp_desc());
    o.key("tag").strings(&e.tags());
    o.key("level").string(meta.level.as_str());
    o.key("rule_title").string(&cut(&meta.title));
    o.key("rule_id").string(&meta.id);
    o.key("technique").strings(&e.finding.rule.techniques);
    o.key("host").string(e.host());
    if let Some(event) = e.event {
        o.key("provider").string(&event.provider);
        o.key("channel").string(&event.channel);
        match event.event_id {
            Some(id) => o.key("event_id").number(id),
            None => o.key("event_id").null(),
        }
        o.key("record").number(event.record);
        o.key("source").string(&event.source);
    }
    o.key("finding_id").string(&e.finding.id().to_string());
    write_fields(e, o);
}

/// The event's own fields beside ours; where names clash, ours win and the event's gets a prefix. The index
/// has one type per column, so every value is text.
fn write_fields(e: &Entry<'_>, o: &mut Members<'_>) {
    let mut used: HashSet<&str> = COLUMNS.iter().copied().collect();
    for (name, value) in e.values() {
        let text = match value {
            Value::List(items) => items.iter().filter_map(Value::to_text).collect::<Vec<_>>().join(", "),
            one => match one.to_text() {
                Some(t) => t,
                None => continue,
            },
        };
        if used.insert(name) {
            o.key(name).string(&cut(&text));
        } else {
            o.key(&format!("field_{name}")).string(&cut(&text));
        }
    }
}

struct Table {
    table: CsvWriter,
}

impl Sink for Table {
    fn finding(&mut self, f: Item<'_>) -> io::Result<()> {
        let meta = &f.rule.meta;
        for e in entries(f) {
            let t = &mut self.table;
            t.cell(&cut(&e.message()));
            t.cell(&e.datetime());
            t.cell(e.timestamp_desc());
            let tags: Vec<String> = e.tags().iter().map(|t| format!("'{t}'")).collect();
            t.cell(&format!("[{}]", tags.join(", ")));
            t.cell(meta.level.as_str());
            t.cell(&cut(&meta.title));
            t.cell(&meta.id);
            t.cell(&f.rule.techniques.join(" "));
            t.cell(e.host());
            t.cell(e.event.map_or("", |v| &v.provider));
            t.cell(e.event.map_or("", |v| &v.channel));
            t.cell(&e.event.and_then(|v| v.event_id).map(|n| n.to_string()).unwrap_or_default());
            t.cell(&e.event.map(|v| v.record.to_string()).unwrap_or_default());
            t.cell(e.event.map_or("", |v| &v.source));
            t.cell(&f.id().to_string());
            t.cell(&cut(&row_json(e.values())));
            t.end_row()?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        self.table.finish()
    }
}

/// The text within the index's limit.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= MAX_KEYWORD {
        return text.into();
    }
    let mut end = MAX_KEYWORD - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end]).into()
}
