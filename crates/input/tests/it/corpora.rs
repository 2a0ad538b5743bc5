//! The public recordings: every file reads, with as many events as its collection says; the same event has
//! the same fields whether it comes as EVTX or as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shikra_event::OwnedEvent;

use crate::support::read;

fn corpora() -> Option<PathBuf> {
    let named = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/corpora"));
    let found = named.unwrap_or(beside);
    if !found.join("json/manifest.csv").is_file() {
        println!("skipped: no corpora at {}", found.display());
        return None;
    }
    Some(found)
}

/// Files whose manifest counts otherwise than we do, and our count: here it counts lines, and two rows have one
/// inside of a cell.
const COUNTED_OTHERWISE: &[(&str, usize)] = &[("json/msticpy/mde_proc_cs1.csv", 1564)];

#[test]
fn every_json_recording_reads_whole() {
    let Some(root) = corpora() else { return };
    let manifest = std::fs::read_to_string(root.join("json/manifest.csv")).unwrap();
    let mut differences = Vec::new();
    let mut seen = 0;
    for line in manifest.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (path, events) = (cells[0], cells[3].parse::<usize>().unwrap());
        // The large ones take long without optimisation and are of the same make.
        let size = std::fs::metadata(root.join(path)).map_or(u64::MAX, |m| m.len());
        if size > 8 << 20 {
            continue;
        }
        seen += 1;
        let read = read(root.join(path));
        let expected = COUNTED_OTHERWISE.iter().find(|(p, _)| *p == path).map_or(events, |(_, n)| *n);
        let untimed = read.events.iter().filter(|e| e.time.is_none()).count();
        if read.events.len() != expected || !read.troubles.is_empty() || untimed > 0 {
            differences.push(format!(
                "{path}: {} events, {expected} expected, {untimed} without time, troubles {:?}",
                read.events.len(),
                read.troubles.first()
            ));
        }
    }
    println!("{seen} files");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// All texts of each name, without those that are written in different precision, and without what editors of
/// JSON files change: case and blanks at the end.
fn fields(event: &OwnedEvent) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    event.with(|e| {
        for (name, slot) in e.shape.fields().iter().zip(e.slots) {
            let texts = slot.elements().filter_map(|s| s.to_text());
            let texts: Vec<String> = texts.map(|t| t.trim_end().to_lowercase()).collect();
            if !slot.is_null() && **name != *"TimeCreated_SystemTime" && !texts.is_empty() {
                map.entry(name.to_string()).or_default().extend(texts);
            }
        }
    });
    map
}

#[test]
fn evtx_and_json_of_an_event_agree() {
    let Some(root) = corpora() else { return };
    let mut differences = Vec::new();
    let mut compared = 0;
    let mut folders = vec![root.join("rules/sigma/regression_data")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") && path.with_extension("evtx").is_file() {
                let (json, evtx) = (read(&path), read(path.with_extension("evtx")));
                if json.events.len() != evtx.events.len() {
                    differences.push(format!(
                        "{}: {} {}",
                        path.display(),
                        json.events.len(),
                        evtx.events.len()
                    ));
                    continue;
                }
                for (j, e) in json.events.iter().zip(&evtx.events) {
                    compared += 1;
                    let (left, right) = (fields(j), fields(e));
                    for name in left.keys().chain(right.keys()) {
                        if left.get(name) != right.get(name) {
                            differences.push(format!("{name}: {:?} {:?}", left.get(name), right.get(name)));
                        }
                    }
                    let time = |t: Option<shikra_event::Timestamp>| t.map(|t| t.0 / 1000);
                    if time(j.time) != time(e.time) || j.shape().event_id() != e.shape().event_id() {
                        differences.push(format!("{}: time or id", path.display()));
                    }
                }
            }
        }
    }
    println!("{compared} events compared");
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "{}\n{}", differences.len(), differences.join("\n"));
}
