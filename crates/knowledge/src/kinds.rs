//! What a file is, and its loader: a table.

use crate::error::Error;
use crate::model::Part;
use crate::{atomics, car, d3fend, lolbas, sensors, stix, versions};

/// A kind of file that holds knowledge.
pub struct FileKind {
    /// Name, as in lists: `attack`.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    is: fn(&str, &str) -> bool,
    load: fn(&str, &[u8]) -> Result<Part, Error>,
}

/// All kinds. The first that says yes counts.
static KINDS: &[FileKind] = &[
    FileKind {
        name: "attack",
        title: "ATT&CK bundle",
        is: |name, head| {
            name.ends_with(".json") && head.contains("\"bundle\"") && head.contains("\"objects\"")
        },
        load: |_, bytes| stix::load(bytes),
    },
    FileKind {
        name: "d3fend",
        title: "D3FEND table",
        is: |name, head| name.ends_with(".csv") && d3fend::is_table(head.lines().next().unwrap_or("")),
        load: |_, bytes| d3fend::load(&lossy(bytes)),
    },
    FileKind {
        name: "atomic",
        title: "Atomic Red Team",
        is: |name, head| is_yaml(name) && has_key(head, "attack_technique") && has_key(head, "atomic_tests"),
        load: |_, bytes| atomics::load(&lossy(bytes)),
    },
    FileKind {
        name: "lolbas",
        title: "LOLBAS entry",
        is: |name, head| is_yaml(name) && has_key(head, "Name") && has_key(head, "Commands"),
        load: |_, bytes| lolbas::load(&lossy(bytes)),
    },
    FileKind {
        name: "car",
        title: "CAR analytic",
        is: |name, head| is_yaml(name) && head.lines().any(|l| l.starts_with("id: CAR-")),
        load: |_, bytes| car::load(&lossy(bytes)),
    },
    FileKind {
        name: "car-sensor",
        title: "CAR sensor",
        is: |name, head| is_yaml(name) && has_key(head, "sensor_name") && has_key(head, "mappings"),
        load: |_, bytes| car::load(&lossy(bytes)),
    },
    FileKind {
        name: "car-object",
        title: "object of CAR's data model",
        is: |name, head| is_yaml(name) && has_key(head, "name") && has_key(head, "actions"),
        load: |_, bytes| car::load(&lossy(bytes)),
    },
    FileKind {
        name: "sensor-events",
        title: "relation of OSSEM's detection model",
        is: |name, head| {
            is_yaml(name) && has_key(head, "relationship_id") && has_key(head, "security_events")
        },
        load: |_, bytes| sensors::relation(&lossy(bytes)),
    },
    FileKind {
        name: "sensor-table",
        title: "table of a sensor's events",
        is: |name, head| name.ends_with(".csv") && sensors::is_table(head.lines().next().unwrap_or("")),
        load: |name, bytes| sensors::table(name, &lossy(bytes)),
    },
    FileKind {
        name: "attack-versions",
        title: "map between versions of ATT&CK",
        is: |name, head| is_yaml(name) && has_key(head, "source_version") && has_key(head, "target_version"),
        load: |_, bytes| versions::load(&lossy(bytes)),
    },
];

/// Bytes of a file that [`recognise`] wants to see.
pub const HEAD: usize = 16 << 10;

/// What a file is, by its name and its first [`HEAD`] bytes; none where it holds nothing that is read here.
pub fn recognise(name: &str, head: &[u8]) -> Option<&'static FileKind> {
    let head = lossy(head.get(..HEAD).unwrap_or(head));
    let name = name.to_lowercase();
    KINDS.iter().find(|k| (k.is)(&name, &head))
}

/// Reads a file of that kind and name.
///
/// # Errors
/// Where it turns out to be none, or to be damaged.
pub fn load(kind: &FileKind, name: &str, bytes: &[u8]) -> Result<Part, Error> {
    (kind.load)(name, bytes)
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

/// Whether a key stands at the top of a YAML text.
fn has_key(head: &str, key: &str) -> bool {
    head.lines().any(|l| l.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, head: &str, expected: Option<&str>) {
        assert_eq!(recognise(name, head.as_bytes()).map(|k| k.name), expected, "{name}");
    }

    #[test]
    fn files_are_recognised() {
        check("E.json", r#"{"type": "bundle", "id": "x", "objects": [{"#, Some("attack"));
        check("e.json", r#"{"type": "other"}"#, None);
        check("a.csv", "attack_id,d3fend_id,x\n", Some("d3fend"));
        check("a.csv", "a,b\n", None);
        check("a.yaml", "attack_technique: T1\natomic_tests:\n", Some("atomic"));
        check("a.yml", "---\nName: x\nCommands:\n", Some("lolbas"));
        check("a.yml", "title: x\nid: CAR-2\n", Some("car"));
        check("a.yml", "title: x\nid: 7\ndetection:\n", None);
        check("a.yml", "relationship_id: R\nsecurity_events:\n", Some("sensor-events"));
        check("S-sensors.csv", "EVENT ID,X,ATT&CK DATA COMPONENT\n", Some("sensor-table"));
        check("a.yml", "source_version: '18'\ntarget_version: '19'\n", Some("attack-versions"));
    }
}
