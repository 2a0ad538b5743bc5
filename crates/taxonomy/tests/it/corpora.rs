//! Every Windows log source of the public rules resolves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use shikra_event::{Event, Form, Slot, Value};
use shikra_ir::{FieldRef, Keys, LogSource, Names};
use shikra_taxonomy::Taxonomy;

use crate::shape;

fn corpora() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora");
    let dir = std::env::var_os("SHIKRA_CORPORA").map_or(default, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no corpora");
    None
}

fn rules(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rules(&path, out);
        } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            out.push(path);
        }
    }
}

/// The `logsource` blocks of a rule file, read line by line.
fn log_sources(text: &str) -> Vec<Keys> {
    let mut all = Vec::new();
    let mut block: Option<Keys> = None;
    for line in text.lines().chain(["end:"]) {
        let indented = line.starts_with(' ');
        if !indented && !line.trim().is_empty() {
            all.extend(block.take());
        }
        if line.trim_end() == "logsource:" {
            block = Some(Keys::new());
        } else if let (Some(b), Some((key, value))) = (&mut block, line.trim().split_once(':')) {
            let value = value.split(" #").next().unwrap_or("").trim().trim_matches(['\'', '"']);
            if ["product", "category", "service"].contains(&key) {
                b.insert(key.to_owned(), value.to_lowercase());
            }
        }
    }
    all
}

#[test]
fn every_log_source_of_the_public_rules_is_known() {
    let Some(corpora) = corpora() else { return };
    let taxonomy = Taxonomy::embedded();
    let mut files = Vec::new();
    rules(&corpora.join("rules/sigma"), &mut files);
    rules(&corpora.join("rules/extra"), &mut files);
    rules(&corpora.join("conformance/sigma-legacy"), &mut files);
    assert!(files.len() > 3000, "{}", files.len());
    let mut seen = BTreeSet::new();
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        seen.extend(log_sources(&text));
    }
    let mut unknown = Vec::new();
    for keys in &seen {
        let source = LogSource { names: Names::Sigma, keys: keys.clone(), indices: Vec::new() };
        match taxonomy.select(&source) {
            Err(e) => unknown.push(e.to_string()),
            Ok(selector) => {
                let windows = keys.get("product").is_some_and(|p| p == "windows");
                assert!(!windows || !selector.any_of.is_empty(), "{keys:?} admits nothing");
            }
        }
    }
    println!("{} log sources in {} files", seen.len(), files.len());
    // Four rules take a category for a service, or name two services in one text.
    let faulty = [
        ("category", "bitlocker"),
        ("category", "security"),
        ("category", "system"),
        ("service", "security, system"),
    ];
    let faulty =
        faulty.map(|(key, value)| format!("unknown log source {key} {value:?} of product \"windows\""));
    assert_eq!(unknown.len(), faulty.len(), "{unknown:?}");
    assert!(unknown.iter().zip(&faulty).all(|(got, want)| got.starts_with(want)), "{unknown:?}");
}

/// Dotted names of a document's leaves, with their texts.
fn leaves(json: &Json, name: &str, out: &mut BTreeMap<String, Vec<String>>) {
    match json {
        Json::Object(fields) => {
            let dot = if name.is_empty() { "" } else { "." };
            fields.iter().for_each(|(key, value)| leaves(value, &format!("{name}{dot}{key}"), out));
        }
        Json::Array(items) => items.iter().for_each(|item| leaves(item, name, out)),
        Json::String(text) => out.entry(name.to_owned()).or_default().push(text.clone()),
        other => out.entry(name.to_owned()).or_default().push(other.to_string()),
    }
}

/// Fields that the message, from which the raw event is rebuilt, does not show.
const NOT_RAW: &[&str] = &["@timestamp", "log.level", "event.provider", "message", "user.id"];

#[test]
fn ecs_fields_equal_those_of_winlogbeat() {
    let Some(corpora) = corpora() else { return };
    let taxonomy = Taxonomy::embedded();
    let mut compared = 0;
    for file in ["sysmon1_processcreate.ndjson", "sysmon13_registry.ndjson"] {
        let text = std::fs::read_to_string(corpora.join("json/ecs_golden").join(file)).unwrap();
        let document: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let mut golden = BTreeMap::new();
        leaves(&document, "", &mut golden);
        let id: u32 = golden["winlog.event_id"][0].parse().unwrap();
        let message = golden["message"][0].clone();
        let raw: Vec<(&str, &str)> = message
            .lines()
            .skip(1)
            .filter_map(|l| l.split_once(": "))
            .filter(|(_, v)| !v.starts_with('%'))
            .collect();
        let names: Vec<&str> = raw.iter().map(|(n, _)| *n).collect();
        let shape = shape(Form::Windows, "Microsoft-Windows-Sysmon/Operational", id, &names);
        let system = shape.fields().len() - raw.len();
        let mut slots = vec![Slot::utf8("vagrant"); system];
        slots.extend(raw.iter().map(|(_, v)| Slot::utf8(v)));
        let event = Event { shape: &shape, slots: &slots, record: 1, time: None };
        for (name, want) in &golden {
            // The message masks process ids and such.
            let masked = name.ends_with("pid") || name.ends_with("LogonId") || name.ends_with("SessionId");
            if masked
                || name.starts_with("winlog.") && !name.contains("event_data")
                || NOT_RAW.contains(&name.as_str())
            {
                continue;
            }
            let got = taxonomy.bind(&shape, &FieldRef::new(Names::Ecs, name)).value(&event);
            let got: Vec<String> = got.elements().iter().filter_map(Value::to_text).collect();
            assert!(want.iter().all(|w| got.contains(w)), "{file}: {name}: {want:?}, not {got:?}");
            compared += 1;
        }
    }
    println!("{compared} fields compared");
    assert!(compared > 40);
}
