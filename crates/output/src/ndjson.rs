//! Findings as newline-delimited JSON, format version 1: the contract with other programs.
//!
//! Keys stand in the order of the published schema. Keys without a value are null; `row` is left out where
//! there is none.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use shikra_engine::finding::{Encoder, Rarity, Totals};
use shikra_engine::view::{computer, shown, value_of};
use shikra_event::{Event, Kind, Shape, ShapeId, SlotIndex, Timestamp, Value};
use shikra_ir::RuleMeta;

use crate::escape;
use crate::finding::{
    FindingId, Item, RuleView, RuleViews, content_digest, event_content, identity_of, some, write_row,
};
use crate::json::{Json, Members};
use crate::{Output, Sink};

/// `ndjson`.
pub static OUTPUT: Output = Output {
    name: "ndjson",
    about: "One JSON object per finding and line (format version 1)",
    streams: true,
    extension: "ndjson",
    open: |out, _| Box::new(Ndjson { out, line: Vec::new() }),
};

/// Longest buffer kept between findings.
const KEEP: usize = 1 << 20;

struct Ndjson {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
}

impl Sink for Ndjson {
    fn finding(&mut self, item: Item<'_>) -> io::Result<()> {
        self.line.clear();
        self.line.shrink_to(KEEP);
        write_finding(item, &mut self.line);
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    fn encoder(&self) -> Option<Box<dyn Encoder>> {
        Some(Box::new(NdjsonEncoder::default()))
    }

    fn encoded(&mut self, lines: &[u8]) -> io::Result<()> {
        self.out.write_all(lines)
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        self.out.flush()
    }
}

/// Appends a finding as one JSON object.
pub(crate) fn write_finding(f: Item<'_>, out: &mut Vec<u8>) {
    let (mut time, mut host) = (Vec::new(), Vec::new());
    Json::new(&mut time).time(f.time);
    Json::new(&mut host).string_or_null(some(&f.host));
    let mut group = Group::default();
    for e in &f.events {
        let content = event_content(e);
        group.add(&e.source, &content, content_digest(&content));
    }
    group.head(&time, &host, f.rule, &f.row, out);
    group.events.pieces().for_each(|piece| out.extend_from_slice(piece));
    write_end_of_events(&f.row, out);
    if f.twins {
        out.extend_from_slice(TWINS);
    }
    if let Some(rarity) = &f.rarity {
        out.extend_from_slice(br#","rarity":"#);
        Json::new(out).object(|o| write_rarity(rarity, o));
    }
    out.push(b'}');
}

fn write_rarity(r: &Rarity, o: &mut Members<'_>) {
    o.key("score").float(r.score);
    o.key("new").strings(&r.new);
    match r.seen {
        None => o.key("seen").null(),
        Some((count, hosts)) => o.key("seen").object(|o| {
            o.key("count").number(count);
            o.key("hosts").number(hosts);
        }),
    }
}

/// Everything before the events. `time` and `host` are JSON.
fn write_head(id: FindingId, time: &[u8], host: &[u8], rule: &RuleView, out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD);
    id.write(out);
    out.extend_from_slice(br#"","time":"#);
    out.extend_from_slice(time);
    out.extend_from_slice(br#","host":"#);
    out.extend_from_slice(host);
    out.push(b',');
    out.extend_from_slice(rule.json_members());
    out.extend_from_slice(br#","events":["#);
}

/// Says that the events are twin records.
const TWINS: &[u8] = br#","twins":true"#;

/// What every line begins with, up to the id.
const HEAD: &[u8] = br#"{"schema":"shikra.finding/1","id":""#;

/// What a line of a finding without row and rarity says of its events: without the brackets, and the content of its
/// one event.
fn events_in(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const KEY: &[u8] = br#","events":["#;
    // Quotes within texts are escaped: this cannot stand in one.
    let start = line.windows(KEY.len()).position(|w| w == KEY)? + KEY.len();
    let events = line.get(start..)?.strip_suffix(b"]}\n")?;
    let rest = events.strip_prefix(br#"{"source":""#)?;
    let mut escaped = false;
    let end = rest.iter().position(|b| match b {
        b'"' => !escaped,
        _ => {
            escaped = *b == b'\\' && !escaped;
            false
        }
    })?;
    Some((events, rest.get(end + 2..)?))
}

/// An event of which [`event_content`] or the like has been written.
fn write_event(source: &str, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"source":"#);
    Json::new(out).string(source);
    out.push(b',');
    out.extend_from_slice(content);
}

impl Group {
    /// Adds an event of which [`event_content`] or the like has been written.
    fn add(&mut self, source: &str, content: &[u8], digest: [u8; 32]) {
        let out = self.events.piece();
        if !self.digests.is_empty() {
            out.push(b',');
        }
        self.digests.push(digest);
        write_event(source, content, out);
    }

    /// Everything before the events. `time` and `host` are JSON.
    fn head(&self, time: &[u8], host: &[u8], rule: &RuleView, row: &[(Arc<str>, Value)], out: &mut Vec<u8>) {
        write_head(identity_of(rule, &self.digests, row), time, host, rule, out);
    }

    fn clear(&mut self) {
        self.events.clear();
        self.digests.clear();
        self.digests.shrink_to(KEEP / 32);
        self.latest = None;
        self.host.clear();
    }
}

/// The end of the events, and the row.
fn write_end_of_events(row: &[(Arc<str>, Value)], out: &mut Vec<u8>) {
    out.push(b']');
    if !row.is_empty() {
        out.extend_from_slice(br#","row":"#);
        Json::new(out).object(|o| write_row(row, o));
    }
}

/// Most shapes of which the constant parts are kept.
const MAX_SHAPES: usize = 4096;

/// Writes findings of single events on the worker threads, from the slots of the event.
#[derive(Default)]
struct NdjsonEncoder {
    rules: RuleViews,
    shapes: HashMap<ShapeId, Arc<ShapeJson>>,
    /// The present event.
    content: Vec<u8>,
    digest: [u8; 32],
    /// Its time and computer as JSON.
    time: Vec<u8>,
    host: Vec<u8>,
    at: Option<Timestamp>,
    source: Arc<str>,
    text: String,
    group: Group,
}

/// The events of a finding on several.
#[derive(Default)]
struct Group {
    events: Pieces,
    digests: Vec<[u8; 32]>,
    latest: Option<Timestamp>,
    /// Computer of the first, as JSON.
    host: Vec<u8>,
}

/// Text that is written in the end, in pieces: one finding may tell of all events there are, and text that grows in one
/// piece takes twice its room.
#[derive(Default)]
struct Pieces {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Pieces {
    /// A piece with room for more.
    fn piece(&mut self) -> &mut Vec<u8> {
        if self.last.len() >= KEEP {
            let next = Vec::with_capacity(KEEP + KEEP / 4);
            self.full.push(std::mem::replace(&mut self.last, next));
        }
        &mut self.last
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().chain([&self.last]).map(Vec::as_slice)
    }

    /// Empty; the last piece is kept.
    fn clear(&mut self) {
        self.full.clear();
        self.last.clear();
        self.last.shrink_to(KEEP);
    }
}

/// What is the same for all events of a shape.
struct ShapeJson {
    /// `,"provider":…,"channel":…,"event_id":…,"computer":`.
    identity: Vec<u8>,
    /// `"Name":` and the slots of each field.
    fields: Vec<(Vec<u8>, Vec<SlotIndex>)>,
}

impl ShapeJson {
    fn new(shape: &Shape) -> ShapeJson {
        let mut identity = Vec::new();
        Json::new(&mut identity).object(|o| {
            o.key("provider").string_or_null(some(shape.provider()));
            o.key("channel").string_or_null(some(shape.channel()));
            match shape.event_id() {
                Some(id) => o.key("event_id").number(id),
                None => o.key("event_id").null(),
            }
            o.key("computer");
        });
        identity.pop();
        identity[0] = b',';
        let key = |name: &str| {
            let mut key = Vec::new();
            Json::new(&mut key).string(name);
            key.push(b':');
            key
        };
        let fields = shown(shape).into_iter().map(|(name, slots)| (key(&name), slots)).collect();
        ShapeJson { identity, fields }
    }
}

impl NdjsonEncoder {
    fn shape(&mut self, shape: &Shape) -> Arc<ShapeJson> {
        if self.shapes.len() >= MAX_SHAPES {
            self.shapes.clear();
        }
        self.shapes.entry(shape.id()).or_insert_with(|| Arc::new(ShapeJson::new(shape))).clone()
    }
}

impl Encoder for NdjsonEncoder {
    fn event(&mut self, event: &Event<'_>, source: &Arc<str>) {
        let shape = self.shape(event.shape);
        self.host.clear();
        Json::new(&mut self.host).string_or_null(some(&computer(event).unwrap_or_default()));
        self.time.clear();
        Json::new(&mut self.time).time(event.time);
        self.at = event.time;
        if !Arc::ptr_eq(&self.source, source) {
            self.source = source.clone();
        }
        let out = &mut self.content;
        out.clear();
        out.shrink_to(KEEP);
        out.extend_from_slice(br#""record":"#);
        Json::new(out).number(event.record);
        out.extend_from_slice(br#","time":"#);
        out.extend_from_slice(&self.time);
        out.extend_from_slice(&shape.identity);
        out.extend_from_slice(&self.host);
        out.extend_from_slice(br#","fields":{"#);
        let mut first = true;
        for (key, slots) in &shape.fields {
            let start = out.len();
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(key);
            if write_field(event, slots, &mut self.text, out) {
                first = false;
            } else {
                out.truncate(start);
            }
        }
        out.extend_from_slice(b"}}");
        self.digest = content_digest(out);
    }

    fn finding(&mut self, rule: &Arc<RuleMeta>, out: &mut Vec<u8>) {
        let rule = self.rules.view(rule);
        write_head(identity_of(&rule, &[self.digest], &[]), &self.time, &self.host, &rule, out);
        write_event(&self.source, &self.content, out);
        out.extend_from_slice(b"]}\n");
    }

    fn member(&mut self) {
        let group = &mut self.group;
        if group.digests.is_empty() {
            group.host.extend_from_slice(&self.host);
        }
        group.add(&self.source, &self.content, self.digest);
        group.latest = group.latest.max(self.at);
    }

    fn group(
        &mut self,
        rule: &Arc<RuleMeta>,
        row: &[(Arc<str>, Value)],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let rule = self.rules.view(rule);
        let group = &mut self.group;
        self.time.clear();
        Json::new(&mut self.time).time(group.latest);
        if group.digests.is_empty() {
            Json::new(&mut group.host).string_or_null(None);
        }
        let line = &mut self.content;
        line.clear();
        group.head(&self.time, &group.host, &rule, row, line);
        let mut write = || -> io::Result<()> {
            out.write_all(line)?;
            group.events.pieces().try_for_each(|piece| out.write_all(piece))?;
            line.clear();
            write_end_of_events(row, line);
            line.extend_from_slice(b"}\n");
            out.write_all(line)
        };
        let written = write();
        group.clear();
        written
    }

    fn twins(&mut self, rule: &Arc<RuleMeta>, records: [&[u8]; 2], out: &mut Vec<u8>) {
        let [one, other] = records;
        let (Some((_, first)), Some((added, second))) = (events_in(one), events_in(other)) else {
            // Not lines of ours: nothing is lost.
            return out.extend(one.iter().chain(other));
        };
        let rule = self.rules.view(rule);
        let start = out.len();
        out.extend_from_slice(one.strip_suffix(b"]}\n").unwrap_or(one));
        let id = identity_of(&rule, &[content_digest(first), content_digest(second)], &[]).to_string();
        let at = start + HEAD.len();
        if let Some(place) = out.get_mut(at..at + id.len()) {
            place.copy_from_slice(id.as_bytes());
        }
        out.push(b',');
        out.extend_from_slice(added);
        out.push(b']');
        out.extend_from_slice(TWINS);
        out.extend_from_slice(b"}\n");
    }
}

/// Appends the value of a field; false, and whatever, where it has none.
fn write_field(event: &Event<'_>, slots: &[SlotIndex], text: &mut String, out: &mut Vec<u8>) -> bool {
    if let [one] = slots {
        let slot = event.slot(*one);
        match slot.kind {
            Kind::UTF16 if escape::json_utf16(slot.data, out) => return true,
            // Kinds whose value is their text.
            Kind::GUID | Kind::SID | Kind::HEX32 | Kind::HEX64 | Kind::SIZE | Kind::BINARY => {
                text.clear();
                slot.render(text);
                Json::new(out).string(text);
                return true;
            }
            _ => {}
        }
    }
    let value = value_of(event, slots);
    Json::new(out).value(&value);
    value != Value::Missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleView;
    use crate::finding::tests::{event, finding, of, rule};
    use shikra_engine::finding::Finding;
    use shikra_event::{Timestamp, Value};
    use shikra_ir::Level;
    use std::sync::Arc;

    fn line(f: &Finding) -> String {
        let rule = Arc::new(RuleView::new(f.rule.clone()));
        let mut out = Vec::new();
        write_finding(Item::new(&rule, f), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_stand_in_the_published_order() {
        let f = finding();
        let want = format!(
            concat!(
                r#"{{"schema":"shikra.finding/1","id":"{}","time":"2020-10-22T01:54:25.123456Z","#,
                r#""host":"WORKSTATION5","rule":{{"id":"1","title":"CMSTP","language":"sigma","level":"high","#,
                r#""path":"rules/x.yml","tags":["attack.execution","attack.t1218.003"]}},"#,
                r#""techniques":["T1218.003"],"events":[{{"source":"logs/sysmon.evtx","record":0,"#,
                r#""time":"2020-10-22T01:54:25.123456Z","provider":"Microsoft-Windows-Sysmon","#,
                r#""channel":"Microsoft-Windows-Sysmon/Operational","event_id":10,"computer":"WORKSTATION5","#,
                r#""fields":{{"CallTrace":"cmlua.dll"}}}}]}}"#
            ),
            "f40282ada807993f27b58848229cf4ec"
        );
        assert_eq!(line(&f), want);
    }

    #[test]
    fn workers_write_what_the_sink_would() {
        use shikra_event::{Name, ShapeBuilder, Slot};
        let wide: Vec<u8> = "C:\\a \"b\"\té\0\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let plain: Vec<u8> = "C:\\a \"b\"\t\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let slots = [
            ("Computer", Slot::utf8("host\u{202e}")),
            ("Image", Slot { kind: Kind::UTF16, data: &wide }),
            ("Data", Slot::utf8("one")),
            ("CommandLine", Slot { kind: Kind::UTF16, data: &plain }),
            ("Data", Slot { kind: Kind::U32, data: &[1, 0, 0, 0] }),
            ("Gone", Slot::MISSING),
            ("Null", Slot { kind: Kind::JSON_NULL, data: b"null" }),
            ("Time", Slot { kind: Kind::FILETIME, data: &132_478_052_651_234_567u64.to_le_bytes() }),
            ("Guid", Slot { kind: Kind::GUID, data: &[1; 16] }),
            ("Short", Slot { kind: Kind::GUID, data: &[1; 3] }),
            ("Sid", Slot { kind: Kind::SID, data: &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0] }),
            ("Hex", Slot { kind: Kind::HEX64, data: &[0; 8] }),
            ("Binary", Slot { kind: Kind::BINARY, data: &[0, 0xab] }),
            ("Odd \"name\"", Slot { kind: Kind::JSON_ARRAY, data: b"[1,\"x\"]" }),
        ];
        for (event_id, time) in [(Some(1), Some(Timestamp(5))), (None, None)] {
            let fields = slots.iter().map(|(n, _)| Name::from(*n)).collect();
            let shape =
                ShapeBuilder { provider: "P\"".into(), event_id, fields, ..ShapeBuilder::default() }.build();
            let values: Vec<Slot<'_>> = slots.iter().map(|(_, s)| *s).collect();
            let event = Event { shape: &shape, slots: &values, record: 7, time };
            let source: Arc<str> = "logs/\\\"events\":[\"/a\\.evtx\\".into();
            let view = Arc::new(shikra_engine::view::event_view(&event, &source));
            let mut encoder = NdjsonEncoder::default();
            encoder.event(&event, &source);
            for title in ["one", "two"] {
                let rule = rule("1", title, Level::Low);
                let found = Finding {
                    rule: rule.clone(),
                    time,
                    host: view.computer.clone(),
                    events: vec![view.clone()],
                    rarity: None,
                    row: Vec::new(),
                    twins: false,
                };
                let mut out = Vec::new();
                encoder.finding(&rule, &mut out);
                assert_eq!(str::from_utf8(&out).unwrap(), line(&found) + "\n");
                let both = Finding { events: vec![view.clone(), view.clone()], twins: true, ..found.clone() };
                let mut twins = Vec::new();
                encoder.twins(&rule, [&out, &out], &mut twins);
                assert_eq!(String::from_utf8(twins).unwrap(), line(&both) + "\n");
                for (n, row) in [(0, vec![]), (1, vec![]), (3, vec![("n\"".into(), Value::I64(3))])] {
                    let events = vec![view.clone(); n];
                    let (time, host) = if n == 0 { (None, "".into()) } else { (time, view.computer.clone()) };
                    let group = Finding { events, row, time, host, ..found.clone() };
                    let mut out = Vec::new();
                    (0..n).for_each(|_| encoder.member());
                    encoder.group(&rule, &group.row, &mut out).unwrap();
                    assert_eq!(str::from_utf8(&out).unwrap(), line(&group) + "\n");
                    encoder.event(&event, &source);
                }
            }
        }
    }

    #[test]
    fn output_satisfies_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(crate::FINDING_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let check = |f: &Finding| {
            let text = line(f);
            assert!(!text.contains('\n'));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?} in {text}");
            value
        };
        check(&finding());
        let mut bare = (*event(u64::MAX, &[("\x1b[2J", "\u{202e}\"\\\0\n")])).clone();
        (bare.time, bare.event_id) = (None, None);
        (bare.provider, bare.channel, bare.computer) = ("".into(), "".into(), "".into());
        bare.fields.push(("list".into(), Value::List(vec![Value::Null, 1.into(), Value::F64(f64::NAN)])));
        let row = vec![("count".into(), Value::I64(3))];
        let f = of(&rule("=x", "\x07<b>", Level::Informational), vec![Arc::new(bare)]);
        let f = Finding { row, ..f };
        let value = check(&f);
        assert_eq!(value["events"][0]["fields"]["\x1b[2J"], "\u{202e}\"\\\0\n");
        assert_eq!(value["row"]["count"], 3);
        check(&of(&rule("e", "no events", Level::Low), vec![]));
        let twins = Finding {
            twins: true,
            ..of(&rule("t", "twins", Level::Low), vec![event(1, &[]), event(2, &[])])
        };
        assert_eq!(check(&twins)["twins"], true);
    }

    #[test]
    fn the_schema_refuses_what_is_not_a_finding() {
        let schema: serde_json::Value = serde_json::from_str(crate::FINDING_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let good: serde_json::Value = serde_json::from_str(&line(&finding())).unwrap();
        for (pointer, bad) in [
            ("/schema", serde_json::json!("shikra.finding/2")),
            ("/id", serde_json::json!("short")),
            ("/rule/level", serde_json::json!("severe")),
            ("/rule/language", serde_json::json!("python")),
            ("/time", serde_json::json!("yesterday")),
            ("/events/0/record", serde_json::json!(-1)),
        ] {
            let mut value = good.clone();
            *value.pointer_mut(pointer).unwrap() = bad;
            assert!(!validator.is_valid(&value), "{pointer}");
        }
    }
}
