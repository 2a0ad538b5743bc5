//! Public rule sets, where they are at hand.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod nasty;
mod printed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shikra_ir::LoadStatus;
use shikra_languages::{Options, RuleSet, lint, load};
use shikra_syntax::{Severity, Source};
use shikra_taxonomy::Taxonomy;

/// All files under a folder of the corpora, in order of name.
fn corpus(folder: &str) -> Option<Vec<Source>> {
    let root = std::env::var_os("SHIKRA_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"), PathBuf::from);
    let dir = root.join(folder);
    if !dir.is_dir() {
        println!("skipped: no {}", dir.display());
        return None;
    }
    let mut paths = Vec::new();
    files(&dir, &mut paths);
    let name = |p: &Path| p.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let text = |p: &Path| String::from_utf8_lossy(&std::fs::read(p).unwrap()).into_owned();
    Some(paths.iter().map(|p| Source::new(name(p), text(p))).collect())
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        match path.extension().and_then(|e| e.to_str()) {
            _ if path.is_dir() => files(&path, out),
            Some("yml" | "yaml" | "md" | "txt" | "toml" | "html") => out.push(path),
            _ => {}
        }
    }
}

fn rejected(set: &RuleSet) -> Vec<String> {
    let bad = set.rules.iter().filter(|r| r.status != LoadStatus::Ok);
    bad.map(|r| {
        let worst = r.diagnostics.iter().max_by_key(|d| d.severity).unwrap();
        format!("{}: {}: {}", r.meta.path, worst.code, worst.message)
    })
    .collect()
}

#[test]
fn maintained_rules_load_and_give_lints_little_to_say() {
    let Some(sources) = corpus("rules/sigma/rules/windows") else { return };
    let set = load(&sources, &Options::default());
    assert!(set.rules.len() > 2000, "{}", set.rules.len());
    assert_eq!(rejected(&set), Vec::<String>::new());
    let taxonomy = Taxonomy::embedded();
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for r in &set.rules {
        for d in r.diagnostics.iter().cloned().chain(lint(r, &taxonomy)) {
            *codes.entry(d.code).or_default() += 1;
            println!("{}: {}: {}", r.meta.path, d.code, d.message);
        }
    }
    println!("{codes:?} in {} rules", set.rules.len());
    // What is left is real: rules for sensors that add fields to Sysmon's, and two that are negations by design.
    for code in ["absent-field", "dead-selection", "never-true", "negation-only"] {
        assert!(codes.get(code).is_none_or(|n| *n < set.rules.len() / 50), "{code}");
    }
    assert_eq!(codes.get("unknown-logsource"), None);
}

/// All of Elastic's EQL and KQL loads, whatever the type of the rule; every index is known.
#[test]
fn elastic_rules_load() {
    for folder in ["rules/elastic", "rules/elastic-endpoint"] {
        let Some(sources) = corpus(folder) else { return };
        let set = load(&sources, &Options::default());
        let taxonomy = Taxonomy::embedded();
        let of_these = set.rules.iter().filter(|r| matches!(r.meta.language, "eql" | "kql"));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut short: Vec<String> = Vec::new();
        for r in of_these {
            *counts.entry(r.meta.language).or_default() += 1;
            let told = r.diagnostics.iter().cloned().chain(lint(r, &taxonomy));
            let named: Vec<String> = told
                .filter(|d| {
                    matches!(d.code, "unsupported" | "unknown-logsource") || d.severity == Severity::Error
                })
                .map(|d| format!("{}: {}: {}", r.meta.path, d.code, d.message))
                .collect();
            short.extend(named);
            assert!(!r.meta.id.is_empty() && !r.meta.title.is_empty(), "{}", r.meta.path);
        }
        println!("{folder}: {counts:?}");
        assert_eq!(short, Vec::<String>::new());
        assert!(set.rules.iter().all(|r| r.meta.language != "unknown"));
    }
}

#[test]
fn files_of_other_kinds_are_no_sigma() {
    for folder in ["rules/car", "rules/splunk", "rules/elastic", "rules/eql"] {
        let Some(sources) = corpus(folder) else { return };
        let set = load(&sources, &Options::default());
        let sigma = set.rules.iter().filter(|r| r.meta.language == "sigma" && r.status != LoadStatus::Ok);
        let taken: Vec<String> = sigma.map(|r| r.meta.path.clone()).collect();
        println!("{folder}: {} files, {} rules", sources.len(), set.rules.len());
        assert_eq!(taken, Vec::<String>::new(), "{folder}");
    }
}
