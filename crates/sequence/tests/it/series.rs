//! The Elasticsearch series suite: pure traces of the sequence state machine.

use std::path::PathBuf;

use serde_json::Value as Json;
use shikra_event::{Timestamp, Value};
use shikra_ir::Policy;
use shikra_sequence::{Input, Limits};

use crate::rig;

fn suite() -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    Some(root.join("conformance/eql-elasticsearch/cases.jsonl")).filter(|p| p.exists())
}

/// Stage number, key, name, time of every event.
fn events(case: &Json) -> Vec<(usize, Value, String, i64)> {
    let mut all = Vec::new();
    for (stage, events) in case["stages"].as_array().unwrap().iter().enumerate() {
        for e in events.as_array().unwrap() {
            let key = e["key"].as_str().map_or(Value::Null, Value::str);
            all.push((stage, key, e["event"].as_str().unwrap().to_string(), e["ts"].as_i64().unwrap()));
        }
    }
    all.sort_by_key(|e| e.3);
    all
}

#[test]
fn series_suite() {
    let Some(path) = suite() else {
        println!("skipped: no corpora");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let cases = text.lines().map(|l| serde_json::from_str::<Json>(l).unwrap());
    let mut run = 0;
    for case in cases.filter(|c| c["kind"] == "series") {
        let events = events(&case);
        let stages = case["stages"].as_array().unwrap().len();
        let names: Vec<String> = (0..stages).map(|i| format!("S{i}")).collect();
        let seq = rig::seq(&names.join(" "), "?key", None, Policy::LatestOverwrites);
        let program = rig::program(&shikra_ir::Plan::Seq(Box::new(seq)), &rig::Rules::new());
        let input = |(i, (stage, key, _, ts)): (usize, &(usize, Value, String, i64))| Input {
            time: Some(Timestamp(*ts)),
            order: (0, i as u64),
            handle: i as u64,
            hits: vec![(*stage, vec![key.clone()])],
        };
        let inputs = events.iter().enumerate().map(input).collect();
        let (found, _) = rig::run_inputs(&program, inputs, Limits::default());
        let name = |h: Option<u64>| events[h.unwrap() as usize].2.clone();
        let found: Vec<Vec<String>> =
            found.iter().map(|m| m.events.iter().map(|e| name(e.event)).collect()).collect();
        let expected = case["expected"].as_array().unwrap().iter();
        let expected: Vec<Vec<String>> = expected
            .map(|m| {
                let name = |e: &Json| e.as_str().unwrap().rsplit('|').next().unwrap().to_string();
                m.as_array().unwrap().iter().map(name).collect()
            })
            .collect();
        assert_eq!(found, expected, "{}", case["id"]);
        run += 1;
    }
    println!("{run} cases");
    assert_eq!(run, 25);
}
