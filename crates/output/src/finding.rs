//! What all formats say of a finding beside its content: its rule, its techniques, its stable identity.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shikra_engine::finding::{EventView, Finding};
use shikra_event::{Name, Value};
use shikra_ir::{Level, RuleMeta};

use crate::json::{Json, Members};

/// What all findings of one rule share; made once per rule.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// Metadata.
    pub meta: Arc<RuleMeta>,
    /// ATT&CK technique ids, upper-case, revoked ones already replaced by their successors.
    pub techniques: Vec<String>,
    /// What identities of its findings begin with, hashed.
    begun: Sha256,
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
        let mut hash = Hash::default();
        hash.text("shikra.finding/1");
        hash.bytes(&meta.digest.unwrap_or_else(|| rule_digest(&meta)));
        let json = rule_json(&meta, &techniques).into();
        RuleView { meta, techniques, begun: hash.sha, json }
    }

    /// `"rule":{…},"techniques":[…]`.
    pub(crate) fn json_members(&self) -> &[u8] {
        &self.json
    }
}

/// Views of rules by address of their metadata, which the view keeps alive: all findings of a rule share it.
#[derive(Default)]
pub(crate) struct RuleViews(HashMap<usize, Arc<RuleView>>);

impl RuleViews {
    /// The view of a rule.
    pub(crate) fn view(&mut self, meta: &Arc<RuleMeta>) -> Arc<RuleView> {
        let view = || Arc::new(RuleView::new(meta.clone()));
        self.0.entry(Arc::as_ptr(meta) as usize).or_insert_with(view).clone()
    }
}

/// Says the same of the same rule wherever its file lies. What is kept in place of rules' texts where nothing but
/// findings is asked of them ([`shikra_ir::Digest`]).
pub fn rule_digest(meta: &RuleMeta) -> [u8; 32] {
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

/// Stable identity of a finding: the same rule text and the same events give the same id, in every run, on
/// every machine, wherever the files lie. (A copy of a log therefore gives the same ids as the log.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub [u8; 16]);

impl FindingId {
    /// Appends the text form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        out.extend(self.0.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]));
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// A finding with what writers need beside it.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The rule, one view for all its findings.
    pub rule: &'a Arc<RuleView>,
    /// The finding.
    pub finding: &'a Finding,
}

impl std::ops::Deref for Item<'_> {
    type Target = Finding;
    fn deref(&self) -> &Finding {
        self.finding
    }
}

impl<'a> Item<'a> {
    /// A finding of `rule`.
    pub fn new(rule: &'a Arc<RuleView>, finding: &'a Finding) -> Item<'a> {
        Item { rule, finding }
    }

    /// Stable identity. Computed anew: a format that shows none pays nothing.
    pub fn id(&self) -> FindingId {
        identity(self.rule, self.finding)
    }

    /// Severity.
    pub fn level(&self) -> Level {
        self.rule.meta.level
    }
}

fn identity(rule: &RuleView, f: &Finding) -> FindingId {
    let events: Vec<[u8; 32]> = f.events.iter().map(|e| content_digest(&event_content(e))).collect();
    identity_of(rule, &events, &f.row)
}

/// The identity of a finding of events with these digests.
pub(crate) fn identity_of(rule: &RuleView, events: &[[u8; 32]], row: &[(Name, Value)]) -> FindingId {
    let mut hash = Hash { sha: rule.begun.clone(), scratch: Vec::new() };
    hash.number(events.len() as u64);
    events.iter().for_each(|e| hash.sha.update(e));
    hash.row(row);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finish()[..16]);
    FindingId(id)
}

/// The digest of what [`event_content`] or its like on an event has written.
pub(crate) fn content_digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// An event as JSON members, without its source: what identifies it, wherever its file lies.
pub(crate) fn event_content(e: &EventView) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    Json::new(&mut out).object(|o| {
        o.key("record").number(e.record);
        o.key("time").time(e.time);
        o.key("provider").string_or_null(some(&e.provider));
        o.key("channel").string_or_null(some(&e.channel));
        match e.event_id {
            Some(id) => o.key("event_id").number(id),
            None => o.key("event_id").null(),
        }
        o.key("computer").string_or_null(some(&e.computer));
        o.key("fields").object(|o| write_row(&e.fields, o));
    });
    out.drain(..1);
    out
}

/// The text, where it is not empty.
pub(crate) fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

pub(crate) fn write_row(row: &[(Name, Value)], o: &mut Members<'_>) {
    for (name, value) in row {
        o.key(name).value(value);
    }
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
    use shikra_event::Timestamp;
    use std::io;
    use std::sync::Mutex;

    /// A writer whose bytes can be read afterwards.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(pub Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A rule for tests.
    pub(crate) fn rule(id: &str, title: &str, level: Level) -> Arc<RuleMeta> {
        Arc::new(RuleMeta {
            id: id.into(),
            title: title.into(),
            language: "sigma",
            level,
            tags: vec!["attack.execution".into(), "attack.t1218.003".into()],
            path: "rules/x.yml".into(),
            text: title.into(),
            ..RuleMeta::default()
        })
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
            computer: "WORKSTATION5".into(),
            fields: fields.iter().map(|(n, v)| (Name::from(*n), Value::str(v))).collect(),
        })
    }

    /// A finding of these events.
    pub(crate) fn of(rule: &Arc<RuleMeta>, events: Vec<Arc<EventView>>) -> Finding {
        Finding {
            rule: rule.clone(),
            time: events.last().and_then(|e| e.time),
            host: events.first().map_or("".into(), |e| e.computer.clone()),
            events,
            row: Vec::new(),
            rarity: None,
            twins: false,
        }
    }

    /// A finding for tests.
    pub(crate) fn finding() -> Finding {
        of(&rule("1", "CMSTP", Level::High), vec![event(0, &[("CallTrace", "cmlua.dll")])])
    }

    fn id(f: &Finding) -> String {
        let rule = Arc::new(RuleView::new(f.rule.clone()));
        Item::new(&rule, f).id().to_string()
    }

    #[test]
    fn ids_are_stable_and_tell_apart() {
        let f = finding();
        assert_eq!(id(&f), "f40282ada807993f27b58848229cf4ec", "ids must not change between releases");
        let moved = {
            let mut meta = (*f.rule).clone();
            meta.path = "elsewhere.yml".into();
            let mut e = (*f.events[0]).clone();
            e.source = "copy.evtx".into();
            of(&Arc::new(meta), vec![Arc::new(e)])
        };
        assert_eq!(id(&moved), id(&f));
        let mut meta = (*f.rule).clone();
        meta.condense(rule_digest);
        assert_eq!((id(&of(&Arc::new(meta.clone()), f.events.clone())), &*meta.text), (id(&f), ""));
        let others = [
            of(&rule("2", "CMSTP", Level::High), f.events.clone()),
            of(&f.rule, vec![event(1, &[("CallTrace", "cmlua.dll")])]),
            of(&f.rule, vec![event(0, &[("CallTrace", "other.dll")])]),
            of(&f.rule, [f.events.clone(), f.events.clone()].concat()),
            Finding { row: vec![("n".into(), Value::I64(1))], ..f.clone() },
        ];
        for other in others {
            assert_ne!(id(&other), id(&f));
        }
    }
}
