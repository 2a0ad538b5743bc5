//! Every published EQL rule parses and lowers.

use std::path::{Path, PathBuf};

use shikra_ir::LoadStatus;
use shikra_ir::text;
use shikra_lang_eql::{Dialect, Options, load, print};

use crate::{corpora, nothing_short};

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for path in std::fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|x| x == extension) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// Queries of the rule files beneath a folder, with the file's name.
fn toml_queries(dir: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for path in files(dir, "toml") {
        let Ok(table) = std::fs::read_to_string(&path).unwrap().parse::<toml::Table>() else { continue };
        for section in ["rule", "analytic"] {
            let Some(rule) = table.get(section).and_then(|r| r.as_table()) else { continue };
            let eql = rule.get("language").is_none_or(|l| l.as_str() == Some("eql"));
            if let Some(query) = rule.get("query").and_then(|q| q.as_str()).filter(|_| eql) {
                out.push((path.file_name().unwrap().to_string_lossy().into(), query.to_owned()));
            }
        }
    }
    out
}

/// The EQL implementations of CAR analytics: a block scalar before `type: EQL`.
fn car_queries(dir: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for path in files(dir, "yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (n, _) in lines.iter().enumerate().filter(|(_, l)| l.trim() == "type: EQL") {
            let first = lines[..n].iter().rposition(|l| l.trim_start().starts_with("- ")).unwrap();
            let code = lines[first..n].iter().position(|l| l.trim_start().starts_with("code:"));
            let Some(start) = code.map(|c| first + c) else { continue };
            let name = path.file_name().unwrap().to_string_lossy().into();
            out.push((name, lines[start + 1..n].join("\n")));
        }
    }
    out
}

fn check(what: &str, dialect: Dialect, queries: &[(String, String)]) {
    let options = Options { dialect, ..Options::default() };
    let mut short = Vec::new();
    for (name, query) in queries {
        let loaded = load(query, &options);
        if loaded.status != LoadStatus::Ok {
            let first: Vec<String> = loaded
                .diagnostics
                .iter()
                .map(|d| {
                    format!(
                        "{} {}: {:?}",
                        d.code,
                        d.message,
                        query.get(d.span.start..d.span.end.min(d.span.start + 80))
                    )
                })
                .collect();
            short.push(format!("{name}: {}", first.join("; ")));
        }
    }
    nothing_short(what, queries.len(), &short);
    let unfaithful: Vec<String> = queries.iter().filter_map(|(n, q)| reprinted(n, q, &options)).collect();
    nothing_short(&format!("{what}, printed and read again"), queries.len(), &unfaithful);
}

/// How a query differs from what it becomes when it is printed and read again.
fn reprinted(name: &str, query: &str, options: &Options) -> Option<String> {
    let plan = load(query, options).plan?;
    let printed = match print(&plan, options.dialect) {
        Ok(p) => p,
        Err(e) => return Some(format!("{name}: {e}")),
    };
    let again = load(&printed, options);
    let (was, is) = (text::plan(&plan), again.plan.as_ref().map(text::plan));
    let said = || again.diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; ");
    (is.as_ref() != Some(&was))
        .then(|| format!("{name}: {printed}\n{}\n{was}{}", said(), is.unwrap_or_default()))
}

#[test]
fn suites_print() {
    for (suite, dialect) in [("elasticsearch", Dialect::Elastic), ("endgame", Dialect::Endgame)] {
        let Some(path) = corpora(&format!("conformance/eql-{suite}/cases.jsonl")) else { return };
        let options = Options { dialect, ..Options::default() };
        let cases = crate::ndjson(&path);
        let queries: Vec<(&str, &str)> =
            cases.iter().filter_map(|c| Some((c["id"].as_str()?, c["query"].as_str()?))).collect();
        let unfaithful: Vec<String> = queries.iter().filter_map(|(n, q)| reprinted(n, q, &options)).collect();
        nothing_short(&format!("{suite}, printed and read again"), queries.len(), &unfaithful);
    }
}

#[test]
fn elastic_detection_rules() {
    let Some(dir) = corpora("rules/elastic") else { return };
    check("detection-rules", Dialect::Elastic, &toml_queries(&dir));
}

#[test]
fn elastic_endpoint_rules() {
    let Some(dir) = corpora("rules/elastic-endpoint") else { return };
    check("endpoint rules", Dialect::Endpoint, &toml_queries(&dir));
}

#[test]
fn eqllib_analytics() {
    let Some(dir) = corpora("rules/eql/eqllib/eqllib/analytics") else { return };
    check("eqllib", Dialect::Endgame, &toml_queries(&dir));
}

#[test]
fn car_analytics() {
    let Some(dir) = corpora("rules/car/analytics") else { return };
    check("CAR", Dialect::Endgame, &car_queries(&dir));
}
