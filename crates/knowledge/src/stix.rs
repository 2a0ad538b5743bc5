//! ATT&CK as a STIX 2.1 bundle, read object by object.
//!
//! Follows the bundle's ATT&CK extensions up to specification version 3.3 (detection strategies and analytics).
//! Objects and members that are not known are passed over; one object is in memory at a time. The depth of the
//! JSON is bounded by the parser (128).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::details::{Details, LogSource, Telemetry};
use crate::error::Error;
use crate::model::{Entity, Kind, Link, Part, Reference, Relates, State};

/// Most bytes of a bundle.
pub const LARGEST: u64 = 512 << 20;

/// Reads a bundle. Give it a buffered reader.
///
/// # Errors
/// Where it is no JSON, ends early, or has no ATT&CK objects.
pub fn load(reader: impl Read) -> Result<Part, Error> {
    let mut collector = Collector::default();
    let mut json = serde_json::Deserializer::from_reader(reader.take(LARGEST));
    Bundle(&mut collector).deserialize(&mut json).and_then(|()| json.end()).map_err(|e| Error::Json {
        line: e.line(),
        column: e.column(),
        what: e.to_string(),
    })?;
    collector.finish()
}

/// Types of objects that become entities.
const TYPES: &[(&str, Kind)] = &[
    ("attack-pattern", Kind::Technique),
    ("x-mitre-tactic", Kind::Tactic),
    ("intrusion-set", Kind::Group),
    ("malware", Kind::Software),
    ("tool", Kind::Software),
    ("campaign", Kind::Campaign),
    ("course-of-action", Kind::Mitigation),
    ("x-mitre-data-source", Kind::DataSource),
    ("x-mitre-data-component", Kind::DataComponent),
    ("x-mitre-detection-strategy", Kind::Strategy),
    ("x-mitre-analytic", Kind::Analytic),
];

/// Types of relationships that become relations.
const RELATIONSHIPS: &[(&str, Relates)] = &[
    ("uses", Relates::Uses),
    ("mitigates", Relates::Mitigates),
    ("detects", Relates::Detects),
    ("subtechnique-of", Relates::Within),
    ("attributed-to", Relates::AttributedTo),
];

#[derive(Default)]
struct Collector {
    entities: BTreeMap<String, Entity>,
    /// STIX id to public id.
    ids: HashMap<String, String>,
    /// Links between STIX ids.
    links: Vec<Link>,
    /// STIX id to the STIX id of its successor.
    revoked: Vec<(String, String)>,
    version: Option<String>,
    unusable: u64,
}

struct Bundle<'c>(&'c mut Collector);

impl<'de> DeserializeSeed<'de> for Bundle<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Bundle<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "objects" {
                map.next_value_seed(Objects(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Objects<'c>(&'c mut Collector);

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(object) = seq.next_element::<Value>()? {
            self.0.take(&object);
        }
        Ok(())
    }
}

impl Collector {
    fn take(&mut self, o: &Value) {
        match text(o, "type") {
            "relationship" => self.relationship(o),
            "x-mitre-collection" => self.version = some(text(o, "x_mitre_version")),
            other => match TYPES.iter().find(|t| t.0 == other) {
                Some((_, kind)) => self.object(*kind, o),
                None => self.unusable += u64::from(other.is_empty()),
            },
        }
    }

    fn object(&mut self, kind: Kind, o: &Value) {
        let Some(own) = own_reference(o) else {
            self.unusable += 1;
            return;
        };
        let id = text(own, "external_id");
        // Mitigations of old bundles bear the id of the technique they are against.
        if kind == Kind::Mitigation && !id.starts_with('M') {
            return;
        }
        let stix = text(o, "id");
        self.ids.insert(stix.to_owned(), id.to_owned());
        let entity = entity(kind, id, own, o);
        self.links_of(stix, o);
        match self.entities.get(id) {
            Some(known) if known.state == State::Current && entity.state != State::Current => {}
            _ => drop(self.entities.insert(id.to_owned(), entity)),
        }
    }

    /// What an object says of others without a relationship.
    fn links_of(&mut self, stix: &str, o: &Value) {
        for analytic in texts(o, "x_mitre_analytic_refs") {
            self.links.push(Link::new(stix, Relates::HasAnalytic, analytic));
        }
        let source = text(o, "x_mitre_data_source_ref");
        if !source.is_empty() {
            self.links.push(Link::new(stix, Relates::OfSource, source));
        }
        for s in items(o, "x_mitre_log_source_references") {
            let component = text(s, "x_mitre_data_component_ref");
            self.links.push(Link::new(stix, Relates::Reads, component));
        }
    }

    fn relationship(&mut self, o: &Value) {
        if flag(o, "revoked") || flag(o, "x_mitre_deprecated") {
            return;
        }
        let (from, to, kind) = (text(o, "source_ref"), text(o, "target_ref"), text(o, "relationship_type"));
        if kind == "revoked-by" {
            self.revoked.push((from.to_owned(), to.to_owned()));
        } else if let Some((_, how)) = RELATIONSHIPS.iter().find(|r| r.0 == kind) {
            let mut link = Link::new(from, *how, to);
            link.text = text(o, "description").trim().to_owned();
            link.references = references(o);
            self.links.push(link);
        }
    }

    fn finish(mut self) -> Result<Part, Error> {
        if !self.entities.values().any(|e| e.kind == Kind::Technique) {
            return Err(Error::Unknown);
        }
        for (from, to) in &self.revoked {
            let (Some(from), Some(to)) = (self.ids.get(from), self.ids.get(to)) else { continue };
            if let Some(e) = self.entities.get_mut(from).filter(|e| matches!(e.state, State::Revoked(_))) {
                e.state = State::Revoked(Some(to.clone()));
            }
        }
        let version = self.version.take().unwrap_or_else(|| self.guess_version().to_owned());
        let mut part = Part { title: format!("ATT&CK {version}"), ..Part::default() };
        part.attack_version = Some(version);
        let mut astray = 0_u64;
        for mut link in self.links {
            match (self.ids.get(&link.from), self.ids.get(&link.to)) {
                (Some(from), Some(to)) => {
                    link.from.clone_from(from);
                    link.to.clone_from(to);
                    part.links.push(link);
                }
                _ => astray += 1,
            }
        }
        for e in self.entities.values_mut() {
            if let Details::Telemetry(t) = &mut e.details {
                for s in &mut t.sources {
                    s.component = self.ids.get(&s.component).cloned().unwrap_or_default();
                }
            }
        }
        part.entities = self.entities.into_values().collect();
        if self.unusable > 0 {
            part.trouble(format!("{} objects without type or public id", self.unusable));
        }
        if astray > 0 {
            part.trouble(format!("{astray} relations with objects that are not in the bundle"));
        }
        Ok(part)
    }

    /// Bundles without a collection object do not tell their version.
    fn guess_version(&self) -> &'static str {
        let has = |f: &dyn Fn(&Entity) -> bool| self.entities.values().any(f);
        if has(&|e| e.kind == Kind::Tactic && e.tactics.iter().any(|t| t == "defense-impairment")) {
            "19"
        } else if has(&|e| e.kind == Kind::Strategy) {
            "18"
        } else {
            "17 or before"
        }
    }
}

fn entity(kind: Kind, id: &str, own: &Value, o: &Value) -> Entity {
    let mut e = Entity::new(kind, id, text(o, "name"));
    e.description = text(o, "description").trim().to_owned();
    e.url = text(own, "url").to_owned();
    e.platforms = texts(o, "x_mitre_platforms").map(str::to_owned).collect();
    e.references = references(o);
    let aliases = texts(o, "aliases").chain(texts(o, "x_mitre_aliases"));
    e.aliases = aliases.filter(|a| *a != e.name).map(str::to_owned).collect();
    e.tactics = match kind {
        Kind::Tactic => some(text(o, "x_mitre_shortname")).into_iter().collect(),
        _ => items(o, "kill_chain_phases").map(|p| text(p, "phase_name").to_owned()).collect(),
    };
    if flag(o, "revoked") {
        e.state = State::Revoked(None);
    } else if flag(o, "x_mitre_deprecated") {
        e.state = State::Deprecated;
    }
    let sources: Vec<LogSource> = items(o, "x_mitre_log_source_references")
        .chain(items(o, "x_mitre_log_sources"))
        .map(|s| LogSource {
            component: text(s, "x_mitre_data_component_ref").to_owned(),
            name: text(s, "name").to_owned(),
            channel: text(s, "channel").to_owned(),
        })
        .collect();
    let tunable: Vec<(String, String)> = items(o, "x_mitre_mutable_elements")
        .map(|m| (text(m, "field").to_owned(), text(m, "description").to_owned()))
        .collect();
    if !sources.is_empty() || !tunable.is_empty() {
        e.details = Details::Telemetry(Telemetry { sources, tunable });
    }
    e
}

/// The reference by which ATT&CK names an object.
fn own_reference(o: &Value) -> Option<&Value> {
    items(o, "external_references")
        .find(|r| text(r, "source_name").starts_with("mitre-") && !text(r, "external_id").is_empty())
}

/// What an object cites, its own page left out.
fn references(o: &Value) -> Vec<Reference> {
    items(o, "external_references")
        .filter(|r| text(r, "external_id").is_empty())
        .map(|r| Reference {
            name: text(r, "source_name").to_owned(),
            text: text(r, "description").to_owned(),
            url: text(r, "url").to_owned(),
        })
        .collect()
}

fn text<'v>(o: &'v Value, key: &str) -> &'v str {
    o.get(key).and_then(Value::as_str).unwrap_or("")
}

fn flag(o: &Value, key: &str) -> bool {
    o.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn items<'v>(o: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    o.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts<'v>(o: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    items(o, key).filter_map(Value::as_str)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"type":"bundle","spec":{"x":[1]},"objects":[
        {"type":"attack-pattern","id":"a--1","name":"One","revoked":true,"external_references":[{"source_name":"mitre-attack","external_id":"T1"}]},
        {"type":"attack-pattern","id":"a--2","name":"Two","external_references":[{"source_name":"mitre-attack","external_id":"T2.001"}]},
        {"type":"relationship","relationship_type":"revoked-by","source_ref":"a--1","target_ref":"a--2"},
        {"type":"x-mitre-detection-strategy","id":"d--1","name":"D","x_mitre_analytic_refs":["n--1"],"external_references":[{"source_name":"mitre-attack","external_id":"DET1"}]},
        {"type":"x-mitre-analytic","id":"n--1","name":"N","x_mitre_log_source_references":[{"x_mitre_data_component_ref":"c--1","name":"L","channel":"C"}],"external_references":[{"source_name":"mitre-attack","external_id":"AN1"}]},
        {"type":"x-mitre-data-component","id":"c--1","name":"C","external_references":[{"source_name":"mitre-attack","external_id":"DC1"}]},
        {"type":"relationship","relationship_type":"detects","source_ref":"d--1","target_ref":"a--2"},
        {"type":"relationship","relationship_type":"uses","source_ref":"nobody","target_ref":"a--2"},
        7, null, {"type":5}, {"type":"attack-pattern","name":["x"],"external_references":"no"}]}"#;

    #[test]
    fn objects_and_relations() {
        let part = load(GOOD.as_bytes()).unwrap();
        assert_eq!(part.attack_version.as_deref(), Some("18"));
        let one = part.entities.iter().find(|e| e.id == "T1").unwrap();
        assert_eq!(one.state, State::Revoked(Some("T2.001".into())));
        let links: Vec<String> =
            part.links.iter().map(|l| format!("{} {} {}", l.from, l.how.as_str(), l.to)).collect();
        assert_eq!(links, ["DET1 has-analytic AN1", "AN1 reads DC1", "DET1 detects T2.001"]);
        assert_eq!(part.troubles.len(), 2, "{:?}", part.troubles);
    }

    #[test]
    fn whatever_is_cut_off_is_an_error() {
        for end in 0..GOOD.len() - 1 {
            assert!(load(&GOOD.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn hostile_bundles() {
        let deep = format!("{{\"objects\":[{{\"type\":{}", "[".repeat(1_000_000));
        let long = format!(
            "{{\"objects\":[{{\"type\":\"attack-pattern\",\"id\":\"a\",\"name\":\"{}\",\"external_references\":[{{\"source_name\":\"mitre-attack\",\"external_id\":\"T1\"}}]}}]}}",
            "x".repeat(4 << 20)
        );
        assert!(matches!(load(deep.as_bytes()), Err(Error::Json { .. })));
        assert_eq!(load(long.as_bytes()).unwrap().entities[0].name.len(), 4 << 20);
        for bad in [
            "",
            "[]",
            "7",
            "{}",
            "{\"objects\":{}}",
            "{\"objects\":[]} x",
            "{\"objects\":[\"\\ud800\"]}",
            "\u{0}",
        ] {
            assert!(load(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(load(&b"{\"objects\":[\"\xff\xfe\"]}"[..]).is_err());
    }
}
