//! Nothing that published pages say of a technique is missing from our pack: `tests/packs/*.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use shikra_pack::{Bundle, embedded};
use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Lower case, blanks as one.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Every text of a value, with the keys before truths.
fn leaves(value: &Value, out: &mut String) {
    match value {
        Value::String(s) => out.push_str(s),
        Value::Array(all) => all.iter().for_each(|v| leaves(v, out)),
        Value::Table(t) => t.iter().for_each(|(k, v)| {
            match v {
                Value::Boolean(b) => out.push_str(&format!("{k}={b}")),
                Value::Table(_) | Value::Array(_) => {}
                _ => out.push_str(&format!("{k} ")),
            }
            leaves(v, out);
        }),
        Value::Integer(n) => out.push_str(&n.to_string()),
        _ => {}
    }
    out.push('\n');
}

/// The texts among which one must hold all that is asked: a file, a key, the entries of a list.
fn candidates(bundle: &Bundle, manifest: &Table, part: &str) -> Vec<String> {
    if let Some(file) = bundle.file(part) {
        return vec![file.source.text.to_string()];
    }
    let mut value = part.split('.').try_fold(Value::Table(manifest.clone()), |v, key| v.get(key).cloned());
    let entries = match value.take() {
        Some(Value::Array(all)) if all.iter().any(Value::is_table) => all,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let text = |v: &Value| {
        let mut out = String::new();
        leaves(v, &mut out);
        out
    };
    entries.iter().map(text).collect()
}

#[test]
fn every_fact_of_the_pages_is_in_the_pack() {
    let mut facts = 0;
    for bundle in embedded() {
        let list = root().join("tests/packs").join(format!("{}.txt", bundle.pack.id));
        let Ok(list) = fs::read_to_string(list) else { continue };
        let manifest: Table = bundle.source.text.parse().unwrap();
        let mut missing = Vec::new();
        for line in list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            facts += 1;
            let [page, fact, part, texts] = line.splitn(4, " | ").collect::<Vec<_>>()[..] else {
                panic!("no line of a checklist: {line}");
            };
            let wanted: Vec<String> = texts.split(" & ").map(plain).collect();
            let all = candidates(&bundle, &manifest, part);
            if !all.iter().map(|t| plain(t)).any(|t| wanted.iter().all(|w| t.contains(w))) {
                missing.push(format!("{page}: {fact} ({part}: {texts})"));
            }
        }
        assert!(missing.is_empty(), "{} lacks {}:\n{}", bundle.place, missing.len(), missing.join("\n"));
    }
    assert!(facts > 150, "{facts} facts were checked");
}

#[test]
fn a_missing_fact_is_found() {
    let bundle = embedded().into_iter().find(|b| b.pack.id == "T1218.003").unwrap();
    let manifest: Table = bundle.source.text.replace("POWERSTATS", "…").parse().unwrap();
    let all = candidates(&bundle, &manifest, "procedures");
    assert!(all.iter().any(|t| t.contains("G0069")) && !all.iter().any(|t| t.contains("POWERSTATS")));
    assert!(candidates(&bundle, &manifest, "no.such.part").is_empty());
}
