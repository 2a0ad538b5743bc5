//! Which crate may use which, and what the lower ones must not touch.

use std::fs;

use crate::sources::{crates, production_code, root, rust_files};

/// Top to bottom, as in ARCHITECTURE.md: a crate may use crates of lower lines only. `*` stands for any rest.
const LAYERS: &[&[&str]] = &[
    &["cli", "tidy", "cases", "fuzz"],
    &["server", "site"],
    &["cluster", "output", "store"],
    &["pack", "visibility", "validate"],
    &["engine"],
    &["relational", "baseline"],
    &["languages", "input", "hunt", "rows", "simulate"],
    &["lang-*", "sequence", "compare"],
    &["matcher"],
    &["taxonomy", "knowledge", "sysmon"],
    &["ir"],
    &["syntax", "event", "evtx-write"],
];

/// Used for tests and by tools, not part of the program: may use anything.
const FREE: &[&str] = &["cases", "tidy", "fuzz"];

fn layer(name: &str) -> usize {
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => *pattern == name,
    };
    LAYERS.iter().position(|l| l.iter().any(fits)).unwrap_or_else(|| panic!("crate {name} has no layer"))
}

/// Names of our crates under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut out = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']') == "dependencies";
        } else if inside && let Some(rest) = line.strip_prefix("shikra-") {
            out.push(rest.split(['.', ' ', '=']).next().unwrap_or("").to_owned());
        }
    }
    out
}

#[test]
fn crates_use_lower_layers_only() {
    for name in crates() {
        let manifest = fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml")).unwrap();
        for used in dependencies(&manifest) {
            let lower = layer(&used) > layer(&name);
            assert!(
                lower || FREE.contains(&name.as_str()),
                "crate {name} must not use {used}: it is not on a lower line"
            );
        }
    }
}

#[test]
fn folder_name_is_crate_name() {
    for name in crates() {
        let manifest = fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"shikra-{name}\"")),
            "crates/{name} is not package shikra-{name}"
        );
    }
}

#[test]
fn pure_crates_touch_no_world() {
    const FORBIDDEN: &[&str] = &[
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "SystemTime::now",
        "Instant::now",
        "std::thread",
        "std::process",
        "std::env::",
    ];
    let pure = |n: &str| {
        layer(n) >= layer("lang-sigma") || matches!(n, "hunt" | "baseline" | "languages" | "simulate")
    };
    for name in crates().into_iter().filter(|n| pure(n)) {
        for file in rust_files(&root().join("crates").join(&name).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            for word in FORBIDDEN {
                assert!(!production_code(&text).contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn only_lang_x_names_language_x_below_languages() {
    let lower = |n: &str| layer(n) > layer("languages") && !n.starts_with("lang-");
    for name in crates().into_iter().filter(|n| lower(n)) {
        let manifest = fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml")).unwrap();
        assert!(
            dependencies(&manifest).iter().all(|d| !d.starts_with("lang-")),
            "crate {name} uses a language"
        );
    }
}
