//! The corpora, where they are there: everything that is recognised loads, and joins.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // all of it is tests

use std::path::{Path, PathBuf};

use shikra_knowledge::{Kind, Knowledge, Part, Relates, load, recognise};

fn corpora() -> Option<PathBuf> {
    let told = std::env::var_os("SHIKRA_CORPORA").map(PathBuf::from);
    let folder = told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"));
    folder.is_dir().then_some(folder)
}

fn parts(folder: &Path, out: &mut Vec<Part>) {
    let mut inside: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    inside.sort();
    for path in inside {
        if path.is_dir() {
            parts(&path, out);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let name = path.display().to_string();
        if let Some(kind) = recognise(&name, &bytes) {
            out.push(load(kind, &name, &bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
        }
    }
}

#[test]
fn the_corpora_load() {
    let Some(corpora) = corpora() else { return eprintln!("skipped: no corpora") };
    let mut all = Vec::new();
    for folder in ["knowledge/attack", "knowledge/d3fend", "knowledge/lolbas", "atomics", "rules/car"] {
        parts(&corpora.join(folder), &mut all);
    }
    let known = Knowledge::with(all);
    let t = known.resolve("T1191").unwrap().entity;
    assert_eq!((t.id.as_str(), t.description.is_empty()), ("T1218.003", false));
    let of = |how| known.to(&t.id, how).len();
    assert_eq!(
        (of(Relates::Uses), of(Relates::Mitigates), of(Relates::Tests), of(Relates::Detects)),
        (4, 2, 2, 1)
    );
    for (kind, least) in
        [(Kind::Technique, 850), (Kind::Group, 180), (Kind::Atomic, 1800), (Kind::Lolbas, 240)]
    {
        assert!(known.of_kind(kind).len() >= least, "{kind}");
    }
    // What ships is what the bundle says.
    let shipped = Knowledge::embedded();
    for e in known.of_kind(Kind::Technique) {
        let other = shipped.get(&e.id).unwrap_or_else(|| panic!("{} does not ship", e.id));
        assert_eq!((&e.name, &e.state), (&other.name, &other.state), "{}", e.id);
    }
}
