//! Finding the source files, and the ones nobody includes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Names of the crates, sorted.
pub(crate) fn crates() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| root().join("crates").join(n).join("Cargo.toml").exists())
        .collect();
    names.sort();
    names
}

/// All `.rs` files beneath a folder, sorted.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(dir) = todo.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.map(|e| e.unwrap().path()) {
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|x| x == "rs") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// The text of a file before its unit tests.
pub(crate) fn production_code(text: &str) -> &str {
    let at = text.match_indices("#[cfg(test)]").map(|(i, _)| i).find(|i| text[*i..].contains("mod tests"));
    &text[..at.unwrap_or(text.len())]
}

/// The modules a file declares without a body.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|l| {
        let l = l.trim_start();
        let l = l.strip_prefix("pub(crate) ").or_else(|| l.strip_prefix("pub ")).unwrap_or(l);
        l.strip_prefix("mod ")?.split("//").next()?.trim().strip_suffix(';')
    })
}

/// Files reachable from `top` through `mod` declarations.
fn reachable(top: &Path, seen: &mut HashSet<PathBuf>) {
    let Ok(text) = fs::read_to_string(top) else { return };
    if !seen.insert(top.to_owned()) {
        return;
    }
    let stem = top.file_stem().unwrap().to_str().unwrap();
    let parent = top.parent().unwrap();
    let is_root =
        matches!(stem, "lib" | "main" | "mod") || parent.ends_with("examples") || parent.ends_with("benches");
    let folder = if is_root { parent.to_owned() } else { parent.join(stem) };
    for name in declared(&text) {
        reachable(&folder.join(format!("{name}.rs")), seen);
        reachable(&folder.join(name).join("mod.rs"), seen);
    }
}

#[test]
fn no_dead_files() {
    for name in crates() {
        let dir = root().join("crates").join(&name);
        let mut seen = HashSet::new();
        for top in ["src/lib.rs", "src/main.rs", "build.rs"] {
            reachable(&dir.join(top), &mut seen);
        }
        for folder in ["src/bin", "tests", "benches", "examples"] {
            for entry in fs::read_dir(dir.join(folder)).into_iter().flatten() {
                let path = entry.unwrap().path();
                reachable(&path, &mut seen);
                reachable(&path.join("main.rs"), &mut seen);
            }
        }
        for file in rust_files(&dir) {
            assert!(seen.contains(&file), "{} is included by nobody", file.display());
        }
    }
}
