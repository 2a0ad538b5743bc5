//! The cases in `tests/cases/sigma`: rules that look at one event on the reference evaluator, the others on the
//! keyed state machines. Log sources are not looked at here.

use std::path::Path;

use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{Row, scalar, truth};
use shikra_ir::{FieldRef, LoadStatus, Names, Plan, Rule, RuleRef};
use shikra_lang_sigma::{Options, assemble, parse};
use shikra_sequence::{Input, Limits, Machine, compile};
use shikra_syntax::{Source, Span};

use crate::json_row::JsonRow;

/// One case of a file.
pub struct Case {
    pub title: String,
    pub sigma: String,
    pub events: Vec<String>,
    /// A finding a line where rules look at several events.
    pub matches: Option<String>,
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
                    "matches" => case.matches = Some(body),
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
    let rows: Vec<JsonRow> = case
        .events
        .iter()
        .map(|line| JsonRow(serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {line}: {e}"))))
        .collect();
    let want = case.matches.clone().unwrap_or_else(|| panic!("{file}: {}: no matches", case.title));
    let reporting: Vec<&Plan> = rules.iter().filter(|r| r.reports).map(|r| &r.plan).collect();
    let conditions: Option<Vec<_>> = reporting.iter().map(|p| p.single_event().map(|(_, e)| e)).collect();
    let (hits, want) = match conditions {
        Some(conditions) => {
            let hit = |row: &JsonRow| conditions.iter().any(|e| truth(e, row).holds());
            let hits = rows.iter().enumerate().filter(|(_, row)| hit(row)).map(|(i, _)| (i + 1).to_string());
            (hits.collect::<Vec<_>>(), want.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        }
        None => {
            let mut hits: Vec<String> = reporting.iter().flat_map(|p| findings(p, &rules, &rows)).collect();
            hits.sort();
            (hits, want.lines().map(str::to_owned).collect())
        }
    };
    (hits != want).then(|| format!("{file}: {}: matched {hits:?}, expected {want:?}", case.title))
}

/// The lines of the events of each match, in order.
fn findings(plan: &Plan, rules: &[Rule], rows: &[JsonRow]) -> Vec<String> {
    let resolve = |r: &RuleRef| rules.iter().find(|o| *o.meta.id == *r.0).map(|o| &o.plan);
    let program = compile(plan, &resolve).expect("a plan for keyed state machines");
    let mut machine = Machine::new(&program, Limits::default());
    let mut matches = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let line = i as u64 + 1;
        let leaves = program.leaves().iter().enumerate().filter(|(_, l)| truth(&l.expr, row).holds());
        let hits: Vec<(usize, Vec<Value>)> =
            leaves.map(|(n, l)| (n, l.values.iter().map(|s| scalar(s, row)).collect())).collect();
        let time = row.field(&FieldRef::new(Names::Raw, "@timestamp")).to_text();
        let time = time.and_then(|t| Timestamp::parse(&t));
        machine.push(Input { time, order: (0, line), handle: line, hits }, &mut matches);
    }
    machine.finish(&mut matches);
    let lines = |m: &shikra_sequence::Match| {
        let mut lines: Vec<u64> = m.events.iter().filter_map(|e| e.event).collect();
        lines.sort_unstable();
        lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    matches.iter().map(lines).collect()
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
