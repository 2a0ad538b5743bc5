//! The cases in `tests/cases/sigma` whose rules look at one event, on the reference evaluator. Those with
//! sequences and aggregates need to load here; they run where there is an engine.

use std::path::Path;

use shikra_ir::eval::truth;
use shikra_ir::{LoadStatus, Rule};
use shikra_lang_sigma::{Options, assemble, parse};
use shikra_syntax::{Source, Span};

use crate::json_row::JsonRow;

/// One case of a file.
pub struct Case {
    pub title: String,
    pub sigma: String,
    pub events: Vec<String>,
    pub matches: Option<Vec<usize>>,
}

/// Reads the cases of a Markdown file: a heading, then fenced blocks `sigma`, `jsonl`, `matches`.
pub fn cases(text: &str) -> Vec<Case> {
    let mut out: Vec<Case> = Vec::new();
    let mut block: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut block, line.trim_end().strip_prefix("```")) {
            (None, Some(kind)) => block = Some((kind.to_owned(), String::new())),
            (Some(_), Some("")) => {
                let (kind, body) = block.take().unwrap();
                let case = out.last_mut().expect("a block before the first heading");
                match kind.as_str() {
                    "sigma" => case.sigma = body,
                    "jsonl" => case.events = body.lines().map(str::to_owned).collect(),
                    "matches" => {
                        case.matches = Some(body.split_whitespace().map(|n| n.parse().unwrap()).collect())
                    }
                    other => panic!("unknown block {other:?} in {:?}", case.title),
                }
            }
            (Some((_, body)), _) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => {
                if let Some(title) = line.strip_prefix("# ") {
                    out.push(Case {
                        title: title.into(),
                        sigma: String::new(),
                        events: vec![],
                        matches: None,
                    });
                }
            }
        }
    }
    out
}

pub fn load(text: &str) -> Vec<Rule> {
    let source = Source::new("case.yml", text);
    let span = Span::new(0, text.len());
    assemble(vec![parse(&source, span, &Options::default())])
}

fn run(file: &str, case: &Case) -> Option<String> {
    let rules = load(&case.sigma);
    let bad: Vec<String> = rules
        .iter()
        .filter(|r| r.status != LoadStatus::Ok)
        .flat_map(|r| r.diagnostics.iter().map(|d| d.render(&Source::new("case.yml", case.sigma.as_str()))))
        .collect();
    if !bad.is_empty() {
        return Some(format!("{file}: {}: {}", case.title, bad.join("\n")));
    }
    let conditions: Option<Vec<_>> =
        rules.iter().filter(|r| r.reports).map(|r| r.plan.single_event().map(|(_, e)| e)).collect();
    let conditions = conditions?;
    let hits: Vec<usize> = case
        .events
        .iter()
        .enumerate()
        .filter(|(_, line)| {
            let row = JsonRow(serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {line}: {e}")));
            conditions.iter().any(|e| truth(e, &row).holds())
        })
        .map(|(i, _)| i + 1)
        .collect();
    let want = case.matches.clone().unwrap_or_else(|| panic!("{file}: {}: no matches", case.title));
    (hits != want).then(|| format!("{file}: {}: matched {hits:?}, expected {want:?}", case.title))
}

#[test]
fn cases_agree_with_the_reference_evaluator() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/sigma");
    let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let (mut total, mut wrong) = (0, Vec::new());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for case in cases(&std::fs::read_to_string(&path).unwrap()) {
            total += 1;
            wrong.extend(run(&name, &case));
        }
    }
    println!("{total} cases");
    assert!(wrong.is_empty(), "{} of {total}:\n{}", wrong.len(), wrong.join("\n"));
}
