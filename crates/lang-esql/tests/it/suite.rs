//! Elasticsearch's own cases.

use serde_json::Value as Json;
use shikra_event::Value;
use shikra_lang_esql::{Options, load};
use shikra_rows::Match;

use crate::corpora;
use crate::data::{Document, Type, documents, run};

fn check(case: &Json, documents: &[Document]) -> Result<(), String> {
    let loaded = load(case["query"].as_str().unwrap(), &Options::default());
    let plan = loaded.plan.ok_or_else(|| format!("{:?}", loaded.diagnostics))?;
    let found = run(&plan, documents)?;
    let columns: Vec<(String, Type)> = case["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap().rsplit_once(':').unwrap())
        .map(|(n, t)| (n.trim().to_owned(), Type::named(t.trim())))
        .collect();
    let names: Vec<&str> = columns.iter().map(|(n, _)| n.as_str()).collect();
    for m in &found {
        let own: Vec<&str> = m.columns.iter().map(|(n, _)| &**n).collect();
        if own != names {
            return Err(format!("columns {own:?}, expected {names:?}"));
        }
    }
    let row = |m: &Match| m.columns.iter().map(|(_, v)| text(v)).collect::<Vec<_>>();
    let mut got: Vec<Vec<String>> = found.iter().map(row).collect();
    let wanted = |r: &Json| {
        let cells = r.as_array().unwrap().iter().zip(&columns);
        cells.map(|(c, (_, t))| text(&t.value(c.as_str().unwrap()))).collect::<Vec<_>>()
    };
    let mut want: Vec<Vec<String>> = case["rows"].as_array().unwrap().iter().map(wanted).collect();
    if case["ordered"] != true {
        got.sort();
        want.sort();
    }
    if got == want {
        Ok(())
    } else {
        Err(format!("got {got:?}\n  expected {want:?}\n  {:?}", loaded.diagnostics))
    }
}

fn text(v: &Value) -> String {
    match v {
        Value::Null | Value::Missing => "null".into(),
        // Sums of reals depend on their order in the last place.
        Value::F64(n) => format!("{n:.10}"),
        Value::I64(n) => format!("{:.10}", *n as f64),
        Value::List(v) => format!("[{}]", v.iter().map(text).collect::<Vec<_>>().join(", ")),
        other => other.to_text().unwrap(),
    }
}

#[test]
fn elasticsearch() {
    let Some(root) = corpora("conformance/esql") else { return };
    let cases = std::fs::read_to_string(root.join("cases.jsonl")).unwrap();
    let (mut total, mut short) = (0, Vec::new());
    for case in cases.lines().map(|l| serde_json::from_str::<Json>(l).unwrap()) {
        total += 1;
        let documents = case["source"].as_str().map_or_else(Vec::new, |name| {
            documents(&std::fs::read_to_string(root.join(format!("data/{name}.csv"))).unwrap())
        });
        if let Err(e) = check(&case, &documents) {
            short.push(format!("{}\n  {}\n  {e}", case["id"], case["query"]));
        }
    }
    println!("esql: {} of {total}", total - short.len());
    assert!(total > 0 && short.is_empty(), "{} fell short:\n{}", short.len(), short.join("\n"));
}
