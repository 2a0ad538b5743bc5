//! Every Windows log source of the public rules resolves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use shikra_ir::{LogSource, Names};
use shikra_taxonomy::Taxonomy;

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
        } else if path.extension().is_some_and(|e| e == "yml") {
            out.push(path);
        }
    }
}

/// The `logsource` blocks of a rule file, read line by line.
fn log_sources(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut all = Vec::new();
    let mut block: Option<BTreeMap<String, String>> = None;
    for line in text.lines().chain(["end:"]) {
        let indented = line.starts_with(' ');
        if !indented && !line.trim().is_empty() {
            all.extend(block.take());
        }
        if line.trim_end() == "logsource:" {
            block = Some(BTreeMap::new());
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
    // One old rule calls a service a category.
    assert_eq!(
        unknown,
        [r#"unknown log source category "system" of product "windows" (did you mean "service: system"?)"#]
    );
}
