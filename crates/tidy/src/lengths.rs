//! Function and file length: a ratchet.

use std::collections::BTreeMap;
use std::fs;

use crate::sources::{crates, production_code, root, rust_files};

const FUNCTION: usize = 80;
const FILE: usize = 900;

/// Name and number of lines of each function of a formatted file.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (n, line) in text.lines().enumerate() {
        if let Some((indent, start, name)) = &open {
            if line.strip_prefix(indent.as_str()) == Some("}") {
                out.push((name.clone(), n - start + 1));
                open = None;
            }
        } else if let Some(name) = function_name(line) {
            let indent = line[..line.len() - line.trim_start().len()].to_owned();
            let one_line = line.trim_end().ends_with(['}', ';']);
            open = (!one_line).then_some((indent, n, name));
        }
    }
    out
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name: String =
        rest.strip_prefix("fn ")?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    Some(name)
}

fn measured() -> BTreeMap<String, usize> {
    let mut over = BTreeMap::new();
    for name in crates() {
        for file in rust_files(&root().join("crates").join(&name).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            let code = production_code(&text);
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            let lines = code.lines().count();
            if lines > FILE {
                over.insert(path.clone(), lines);
            }
            for (function, length) in functions(code).into_iter().filter(|(_, l)| *l > FUNCTION) {
                over.insert(format!("{path}:{function}"), length);
            }
        }
    }
    over
}

#[test]
fn nothing_grows_past_its_bound() {
    let path = root().join("crates/tidy/ratchet.txt");
    let listed: BTreeMap<String, usize> = fs::read_to_string(&path)
        .unwrap_or_default()
        .lines()
        .filter_map(|l| l.rsplit_once(' '))
        .map(|(name, n)| (name.to_owned(), n.parse().unwrap()))
        .collect();
    for (name, length) in measured() {
        let allowed = listed.get(&name).copied().unwrap_or(0);
        assert!(
            length <= allowed,
            "{name} is {length} lines: split it (bounds: function {FUNCTION}, file {FILE})"
        );
    }
}

#[test]
fn finds_functions() {
    let text = "impl X {\n    pub fn a(&self) {\n        b\n    }\n}\nfn c() {\n}\n";
    assert_eq!(functions(text), [("a".to_owned(), 3), ("c".to_owned(), 2)]);
}
