//! Folding, verification, optimisation and equivalence: endgame's suites of expressions.

use serde_json::Value as Json;
use shikra_event::Value;
use shikra_ir::text;
use shikra_lang_eql::{Dialect, Options, fold, predicate};

use crate::{corpora, ndjson, nothing_short};

fn options(mode: &str) -> Options {
    Options { dialect: Dialect::Endgame, case_sensitive: mode == "sensitive", ..Options::default() }
}

/// A sample of each type that a case's parameter may have.
fn samples(types: &Json) -> Vec<&'static str> {
    let sample = |t: &Json| match t.as_str().unwrap() {
        "null" => "null",
        "bool" => "true",
        "int" => "7",
        "float" => "1.5",
        _ => "\"text\"",
    };
    types.as_array().unwrap().iter().map(sample).collect()
}

/// An expression with its parameters filled in, each way.
fn instances(case: &Json) -> Vec<String> {
    let mut out = vec![case["expression"].as_str().unwrap().to_owned()];
    for p in case["params"].as_array().into_iter().flatten() {
        let name = format!("${}", p["name"].as_str().unwrap());
        let filled =
            |e: &String| samples(&p["types"]).into_iter().map(|s| e.replace(&name, s)).collect::<Vec<_>>();
        out = out.iter().flat_map(filled).collect();
    }
    out
}

fn same(got: &Value, want: &Json) -> bool {
    match (got, want) {
        (Value::Null | Value::Missing, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        (Value::Str(a), Json::String(b)) => **a == **b,
        (Value::I64(a), Json::Number(b)) => b.as_i64() == Some(*a),
        (Value::F64(a), Json::Number(b)) => b.as_f64() == Some(*a),
        _ => false,
    }
}

/// What is wrong with a case in one mode; none where it holds.
fn shortfall(case: &Json, mode: &str) -> Option<String> {
    let o = options(mode);
    let text_of = |e: &str| predicate(e, &o).map_or_else(|d| format!("{d:?}"), |p| text::expr(&p));
    for e in instances(case) {
        let found = match case["kind"].as_str().unwrap() {
            "fold" => match fold(&e, &o) {
                Ok(Some(v)) if same(&v, &case["expected"]) => None,
                other => Some(format!("{other:?}, expected {}", case["expected"])),
            },
            "verifier" => fold(&e, &o).is_ok().then(|| "was accepted".to_owned()),
            "optimizer" => differs(text_of(&e), text_of(case["optimized"].as_str().unwrap())),
            "equivalent" => differs(text_of(&e), text_of(case["alternate"].as_str().unwrap())),
            _ => None,
        };
        if let Some(why) = found {
            return Some(format!("{} ({mode}) {e}: {why}", case["id"]));
        }
    }
    None
}

fn differs(a: String, b: String) -> Option<String> {
    (a != b).then(|| format!("{a} is not {b}"))
}

#[test]
fn endgame_expressions() {
    let Some(path) = corpora("conformance/eql-endgame/cases.jsonl") else { return };
    let cases: Vec<Json> = ndjson(&path).into_iter().filter(|c| c["kind"] != "query").collect();
    let mut short = Vec::new();
    for case in &cases {
        let modes = case["case"].as_array().unwrap().iter().map(|m| m.as_str().unwrap());
        short.extend(modes.filter_map(|m| shortfall(case, m)).take(1));
    }
    nothing_short("expressions of endgame", cases.len(), &short);
}
