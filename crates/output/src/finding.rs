//! What a rule reports: DESIGN's findings, format version 1, as owned data.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shikra_event::{Event, Name, Timestamp, Value, system};
use shikra_ir::{Level, RuleMeta};

use crate::json::Json;

/// Columns of a relational result, in the order the rule names them.
pub type Row = Vec<(Name, Value)>;

/// What all findings of one rule share; made once per rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleView {
    /// Metadata.
    pub meta: Arc<RuleMeta>,
    /// ATT&CK technique ids, upper-case, revoked ones already replaced by their successors.
    pub techniques: Vec<String>,
    digest: [u8; 32],
    /// The members `rule` and `techniques` of a finding as JSON, since they never change.
    json: Box<[u8]>,
}

impl RuleView {
    /// With the techniques that the rule's tags name.
    pub fn new(meta: Arc<RuleMeta>) -> RuleView {
        let techniques = meta.techniques();
        RuleView::with_techniques(meta, techniques)
    }

    /// With these techniques.
    pub fn with_techniques(meta: Arc<RuleMeta>, techniques: Vec<String>) -> RuleView {
        let digest = rule_digest(&meta);
        let json = rule_json(&meta, &techniques).into();
        RuleView { meta, techniques, digest, json }
    }

    /// Severity.
    pub fn level(&self) -> Level {
        self.meta.level
    }

    /// `"rule":{…},"techniques":[…]`.
    pub(crate) fn json_members(&self) -> &[u8] {
        &self.json
    }
}

/// Says the same of the same rule wherever its file lies.
fn rule_digest(meta: &RuleMeta) -> [u8; 32] {
    let mut hash = Hash::default();
    // An id of our own making ("x-…") is derived from the path.
    hash.text(if meta.id.starts_with("x-") { "" } else { &meta.id });
    hash.text(meta.language);
    hash.text(&meta.title);
    hash.text(&meta.text);
    hash.finish()
}

fn rule_json(meta: &RuleMeta, techniques: &[String]) -> Vec<u8> {
    let mut out = b"\"rule\":".to_vec();
    Json::new(&mut out).object(|rule| {
        rule.key("id").string(&meta.id);
        rule.key("title").string(&meta.title);
        rule.key("language").string(meta.language);
        rule.key("level").string(meta.level.as_str());
        rule.key("path").string(&meta.path);
        rule.key("tags").strings(&meta.tags);
    });
    out.extend_from_slice(b",\"techniques\":");
    Json::new(&mut out).strings(techniques);
    out
}

/// An event of a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct EventView {
    /// File, archive member or stream, as the user named it.
    pub source: Name,
    /// EventRecordID of an EVTX record, 1-based line or position otherwise.
    pub record: u64,
    /// Event time.
    pub time: Option<Timestamp>,
    /// Provider, empty where the event names none.
    pub provider: Name,
    /// Channel, empty where the event names none.
    pub channel: Name,
    /// Event id.
    pub event_id: Option<u32>,
    /// Computer that wrote the event.
    pub computer: Option<Name>,
    /// All other fields that have a value, in the event's order, each name once.
    pub fields: Row,
}

/// Fields that [`EventView`] has a place of its own for.
const PROMOTED: &[&str] =
    &[system::PROVIDER, system::CHANNEL, system::EVENT_ID, system::COMPUTER, system::TIME, system::RECORD];

/// Where the computer's name stands in events that have no [`system::COMPUTER`].
const COMPUTER_ELSEWHERE: &[&str] = &["host.name", "host.hostname", "Hostname", "ComputerName"];

impl EventView {
    /// Copies what a finding shows of an event.
    pub fn new(event: &Event<'_>, source: Name) -> EventView {
        let shape = event.shape;
        let computer = std::iter::once(&system::COMPUTER)
            .chain(COMPUTER_ELSEWHERE)
            .find_map(|name| event.text_of(name).filter(|t| !t.is_empty()));
        EventView {
            source,
            record: event.record,
            time: event.time,
            provider: shape.provider().into(),
            channel: shape.channel().into(),
            event_id: shape.event_id(),
            computer: computer.map(Name::from),
            fields: fields(event),
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }
}

/// Every field with a value, once: a name that repeats becomes a list where it stands first.
fn fields(event: &Event<'_>) -> Row {
    let mut row = Row::with_capacity(event.slots.len());
    for (i, name) in event.shape.fields().iter().enumerate() {
        if PROMOTED.contains(&&**name) {
            continue;
        }
        let positions = event.shape.positions(name);
        let value = match positions {
            [_] => event.slot(i as u32).value(),
            [first, ..] if *first == i as u32 => several(event, positions),
            _ => continue,
        };
        if value != Value::Missing {
            row.push((name.clone(), value));
        }
    }
    row
}

fn several(event: &Event<'_>, positions: &[u32]) -> Value {
    let mut values = Vec::with_capacity(positions.len());
    for &at in positions {
        match event.slot(at).value() {
            Value::Missing => {}
            Value::List(more) => values.extend(more),
            one => values.push(one),
        }
    }
    if values.is_empty() { Value::Missing } else { Value::List(values) }
}

/// Stable identity of a finding: the same rule text and the same events give the same id, in every run, on
/// every machine, wherever the files lie. (A copy of a log therefore gives the same ids as the log.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub [u8; 16]);

/// 32 lower-case hexadecimal digits.
impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// What a rule reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Stable identity.
    pub id: FindingId,
    /// When it happened: the time of the last event, the moment at which the rule was fulfilled.
    pub time: Option<Timestamp>,
    /// Where it happened: the computer of the last event that names one.
    pub host: Option<Name>,
    /// The rule: one shared view for all findings of a rule, so that summaries can group by it.
    pub rule: Arc<RuleView>,
    /// The events that made it, in order; shared with other findings that the same event made.
    pub events: Vec<Arc<EventView>>,
    /// The result row; relational rules only.
    pub row: Option<Row>,
}

impl Finding {
    /// A finding of `rule` made by `events`, in order.
    pub fn new(rule: Arc<RuleView>, events: Vec<Arc<EventView>>, row: Option<Row>) -> Finding {
        let id = identity(&rule, &events, row.as_ref());
        let time = events.iter().rev().find_map(|e| e.time);
        let host = events.iter().rev().find_map(|e| e.computer.clone());
        Finding { id, time, host, rule, events, row }
    }

    /// Severity.
    pub fn level(&self) -> Level {
        self.rule.level()
    }
}

fn identity(rule: &RuleView, events: &[Arc<EventView>], row: Option<&Row>) -> FindingId {
    let mut hash = Hash::default();
    hash.text("shikra.finding/1");
    hash.bytes(&rule.digest);
    hash.number(events.len() as u64);
    for e in events {
        hash.text(&e.provider);
        hash.text(&e.channel);
        hash.number(e.event_id.map_or(u64::MAX, u64::from));
        hash.text(e.computer.as_deref().unwrap_or(""));
        hash.number(e.record);
        hash.number(e.time.map_or(u64::MAX, |t| t.0 as u64));
        hash.row(&e.fields);
    }
    hash.number(u64::from(row.is_some()));
    hash.row(row.map_or(&[], Vec::as_slice));
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finish()[..16]);
    FindingId(id)
}

/// SHA-256 over length-prefixed parts. Logs are hostile: a weaker hash would let an attacker make a finding
/// that a consumer takes for one it has already seen.
#[derive(Default)]
struct Hash {
    sha: Sha256,
    scratch: Vec<u8>,
}

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.sha.update(bytes);
    }
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
    fn number(&mut self, n: u64) {
        self.sha.update(n.to_le_bytes());
    }
    fn row(&mut self, row: &[(Name, Value)]) {
        self.number(row.len() as u64);
        for (name, value) in row {
            self.text(name);
            let mut json = std::mem::take(&mut self.scratch);
            json.clear();
            Json::new(&mut json).value(value);
            self.bytes(&json);
            self.scratch = json;
        }
    }
    fn finish(self) -> [u8; 32] {
        self.sha.finalize().into()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use shikra_event::{Kind, ShapeBuilder, Slot};

    /// A rule for tests.
    pub(crate) fn rule(id: &str, title: &str, level: Level) -> Arc<RuleView> {
        Arc::new(RuleView::new(Arc::new(RuleMeta {
            id: id.into(),
            title: title.into(),
            language: "sigma",
            level,
            tags: vec!["attack.execution".into(), "attack.t1218.003".into()],
            path: "rules/x.yml".into(),
            text: title.into(),
            ..RuleMeta::default()
        })))
    }

    /// An event for tests.
    pub(crate) fn event(record: u64, fields: &[(&str, &str)]) -> Arc<EventView> {
        Arc::new(EventView {
            source: "logs/sysmon.evtx".into(),
            record,
            time: Timestamp::parse("2020-10-22T01:54:25.123456Z").map(|t| Timestamp(t.0 + record as i64)),
            provider: "Microsoft-Windows-Sysmon".into(),
            channel: "Microsoft-Windows-Sysmon/Operational".into(),
            event_id: Some(10),
            computer: Some("WORKSTATION5".into()),
            fields: fields.iter().map(|(n, v)| (Name::from(*n), Value::str(v))).collect(),
        })
    }

    /// A finding for tests.
    pub(crate) fn finding() -> Finding {
        Finding::new(rule("1", "CMSTP", Level::High), vec![event(0, &[("CallTrace", "cmlua.dll")])], None)
    }

    #[test]
    fn views_show_every_field_once() {
        let names = ["Computer", "EventID", "A", "Data", "Data", "Gone", "N"];
        let shape = ShapeBuilder {
            provider: "P".into(),
            channel: "C".into(),
            event_id: Some(1),
            fields: names.iter().map(|n| Name::from(*n)).collect(),
            ..ShapeBuilder::default()
        }
        .build();
        let slots = [
            Slot::utf8("HOST"),
            Slot { kind: Kind::U16, data: &[1, 0] },
            Slot::utf8("a"),
            Slot::utf8("x"),
            Slot::utf8("y"),
            Slot::MISSING,
            Slot { kind: Kind::JSON_NULL, data: b"null" },
        ];
        let view = EventView::new(&Event { shape: &shape, slots: &slots, record: 7, time: None }, "f".into());
        assert_eq!(view.computer.as_deref(), Some("HOST"));
        assert_eq!((view.event_id, &*view.provider, &*view.channel), (Some(1), "P", "C"));
        let list = Value::List(vec!["x".into(), "y".into()]);
        let want: Row = vec![("A".into(), "a".into()), ("Data".into(), list), ("N".into(), Value::Null)];
        assert_eq!(view.fields, want);
    }

    #[test]
    fn ids_are_stable_and_tell_apart() {
        let f = finding();
        assert_eq!(f.id.to_string(), "34a24334568d354f189dea46a79b5cdc");
        let moved = {
            let mut meta = (*f.rule.meta).clone();
            meta.path = "elsewhere.yml".into();
            let mut e = (*f.events[0]).clone();
            e.source = "copy.evtx".into();
            Finding::new(Arc::new(RuleView::new(Arc::new(meta))), vec![Arc::new(e)], None)
        };
        assert_eq!(moved.id, f.id);
        let others = [
            Finding::new(rule("2", "CMSTP", Level::High), f.events.clone(), None),
            Finding::new(f.rule.clone(), vec![event(1, &[("CallTrace", "cmlua.dll")])], None),
            Finding::new(f.rule.clone(), vec![event(0, &[("CallTrace", "other.dll")])], None),
            Finding::new(f.rule.clone(), [f.events.clone(), f.events.clone()].concat(), None),
            Finding::new(f.rule.clone(), f.events.clone(), Some(vec![])),
        ];
        for other in others {
            assert_ne!(other.id, f.id);
        }
    }
}
