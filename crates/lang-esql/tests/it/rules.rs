//! Elastic's rules and hunts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shikra_ir::{Expr, LoadStatus, Plan, text};
use shikra_lang_esql::{Options, load, print};
use shikra_rows::Program;
use shikra_syntax::Span;

use crate::corpora;

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "toml") {
            out.push(path);
        }
    }
}

/// Queries that load, that load in part, and that are rejected.
fn census(queries: &[(String, String)]) -> (usize, usize, Vec<String>) {
    let (mut whole, mut part, mut rest) = (0, 0, Vec::new());
    // The query language within is another crate's.
    let kql = |_: &str| Ok(Expr::TRUE);
    for (name, query) in queries {
        let loaded = load(query, &Options { kql: Some(&kql), ..Options::default() });
        let said =
            || loaded.diagnostics.iter().map(|d| format!("{}: {}", d.code, d.message)).collect::<Vec<_>>();
        let runs = loaded.plan.as_ref().map(|p| p.single_event().is_some() || Program::new(p).is_ok());
        match (loaded.status, runs) {
            (LoadStatus::Ok, Some(true)) => whole += 1,
            (LoadStatus::Partial, Some(true)) => {
                part += 1;
                println!("part: {name}: {:?}", said());
            }
            _ => rest.push(format!("{name}: {runs:?} {:?}", said())),
        }
    }
    (whole, part, rest)
}

/// Name and query of each rule of the type; none where there are no corpora.
fn rules() -> Option<Vec<(String, String)>> {
    let root = corpora("rules/elastic")?;
    let mut paths = Vec::new();
    files(&root.join("rules"), &mut paths);
    files(&root.join("rules_building_block"), &mut paths);
    paths.sort();
    let mut rules = Vec::new();
    for path in &paths {
        let Ok(text) = std::fs::read_to_string(path).unwrap().parse::<toml::Table>() else { continue };
        let Some(rule) = text.get("rule").and_then(|r| r.as_table()) else { continue };
        if rule.get("type").and_then(|t| t.as_str()) == Some("esql") {
            let query = rule["query"].as_str().unwrap().to_owned();
            rules.push((path.file_name().unwrap().to_string_lossy().into_owned(), query));
        }
    }
    Some(rules)
}

#[test]
fn elastic_rules() {
    let Some(rules) = rules() else { return };
    let (whole, part, rest) = census(&rules);
    println!("rules: {} of {}, {part} more in part", whole, rules.len());
    println!("{}", rest.join("\n"));
    assert!(whole * 100 >= rules.len() * 95, "{whole} of {}", rules.len());
}

/// A plan as text, without places.
fn bare(mut plan: Plan) -> String {
    plan.each_span(&mut |s| *s = Span::default());
    text::plan(&plan)
}

#[test]
fn printed_and_read_again() {
    let Some(rules) = rules() else { return };
    let (mut same, mut said) = (0, 0);
    let mut why: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, query) in &rules {
        let Some(plan) = load(query, &Options::default()).plan else { continue };
        match print(&plan) {
            Ok(printed) => {
                said += 1;
                let again = load(&printed, &Options::default());
                let (was, is) = (bare(plan), again.plan.map(bare).unwrap_or_default());
                if was == is {
                    same += 1;
                } else {
                    println!("differs: {name}\n{printed}\n{:?}\n{was}\n{is}", again.diagnostics);
                }
            }
            Err(e) => why.entry(e.reason).or_default().push(name),
        }
    }
    why.iter().for_each(|(reason, of)| println!("refused {:4}: {reason} ({})", of.len(), of[0]));
    println!("printed {said}, the same when read again {same}, of {}", rules.len());
    assert_eq!(same, said, "what is printed means the same");
    assert!(said * 100 >= rules.len() * 80, "{said} of {}", rules.len());
}
