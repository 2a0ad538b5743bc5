//! Public rule sets, where they are at hand: all of them load, but for what is a rule's own fault.

use std::path::{Path, PathBuf};

use shikra_ir::LoadStatus;
use shikra_lang_sigma::{Options, assemble, parse};
use shikra_syntax::{Source, Span};

fn corpora() -> Option<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"), PathBuf::from);
    let there = root.is_dir();
    if !there {
        println!("skipped: no corpora at {}", root.display());
    }
    there.then_some(root)
}

fn yaml_files(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("regression_data") {
                yaml_files(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            out.push(path);
        }
    }
}

#[test]
fn public_rules_load() {
    let Some(root) = corpora() else { return };
    let sets = [("rules/sigma", 3000, 4), ("rules/extra", 600, 20), ("conformance/sigma-legacy", 80, 1)];
    for (set, least, most) in sets {
        let mut files = Vec::new();
        yaml_files(&root.join(set), &mut files);
        let sources: Vec<Source> = files
            .iter()
            .map(|p| Source::new(p.to_string_lossy(), String::from_utf8_lossy(&std::fs::read(p).unwrap())))
            .filter(|s| s.text.contains("detection:"))
            .collect();
        let start = std::time::Instant::now();
        let parsed: Vec<_> =
            sources.iter().map(|s| parse(s, Span::new(0, s.text.len()), &Options::default())).collect();
        let rules = assemble(parsed);
        println!("{set}: {} rules in {:?}", rules.len(), start.elapsed());
        assert!(rules.len() >= least, "{set}: {}", rules.len());
        let mut faults = 0;
        for r in rules.iter().filter(|r| r.status != LoadStatus::Ok) {
            let first = r.diagnostics.iter().find(|d| d.severity == shikra_syntax::Severity::Error).unwrap();
            let source = sources.iter().find(|s| *s.name == *r.meta.path).unwrap();
            println!("{}: {}", r.status.as_str(), first.render(source));
            faults += usize::from(first.code != "unresolved-placeholder");
        }
        // What is left is the rules' own fault: no YAML, no such selection, never a condition of any version.
        assert!(faults <= most, "{set}: {faults} rules do not load");
    }
}
