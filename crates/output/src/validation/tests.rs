use std::sync::Arc;

use jsonschema::validator_for;
use shikra_ir::{Level, RuleMeta};
use shikra_validate::{EventRef, EvidenceSet, Report, Row, Signal, TestRun, Verdict};

use super::{FORMS, SCHEMA};
use crate::Style;

const EVIL: &str = "<script>alert(1)</script>\"'&\u{1b}[2J\u{202e}]]>\n";

/// Every text in it is hostile.
fn evil() -> Report {
    let event = EventRef {
        source: EVIL.into(),
        record: 7,
        channel: EVIL.into(),
        event_id: Some(1),
        time: None,
        step: Some(EVIL.into()),
    };
    let meta = RuleMeta {
        id: EVIL.into(),
        title: EVIL.into(),
        path: EVIL.into(),
        language: "sigma",
        level: Level::High,
        ..meta()
    };
    let row = |verdict, failed, test: &str| Row {
        rule: Arc::new(meta.clone()),
        techniques: vec!["T1218.003".into()],
        test: test.into(),
        verdict,
        failed,
        why: EVIL.into(),
        events: vec![event.clone()],
        count: 3,
    };
    Report {
        tests: vec![TestRun {
            id: EVIL.into(),
            name: EVIL.into(),
            kind: "simulation",
            notes: vec![EVIL.into()],
            path: EVIL.into(),
            ..TestRun::default()
        }],
        rows: vec![
            row(Verdict::Fired, false, EVIL),
            row(Verdict::NearMiss, true, "background"),
            row(Verdict::Missed, true, EVIL),
            row(Verdict::Untested, false, ""),
        ],
        signals: vec![
            Signal {
                test: EVIL.into(),
                what: EVIL.into(),
                event: EVIL.into(),
                events: vec![event.clone()],
                problem: String::new(),
            },
            Signal {
                test: EVIL.into(),
                what: EVIL.into(),
                event: EVIL.into(),
                events: vec![],
                problem: EVIL.into(),
            },
        ],
        evidence: vec![EvidenceSet {
            name: EVIL.into(),
            failed: 1,
            failures: vec![(EVIL.into(), EVIL.into(), EVIL.into())],
            ..EvidenceSet::default()
        }],
        rules: 1,
        problems: vec![EVIL.into()],
    }
}

fn meta() -> RuleMeta {
    RuleMeta {
        id: String::new(),
        name: None,
        title: String::new(),
        language: "sigma",
        level: Level::High,
        status: None,
        description: None,
        author: None,
        date: None,
        modified: None,
        tags: vec![],
        references: vec![],
        false_positives: vec![],
        fields: vec![],
        path: String::new(),
        span: Default::default(),
        text: "".into(),
        digest: None,
    }
}

fn form(name: &str) -> String {
    let form = FORMS.iter().find(|f| f.name == name).unwrap();
    (form.render)(&evil(), &Style::default())
}

#[test]
fn hostile_text_is_escaped_for_where_it_goes() {
    for name in ["html", "junit"] {
        let text = form(name);
        assert!(!text.contains("<script"), "{name}");
        assert!(!text.contains("]]>"), "{name}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{name}");
        assert!(!text.replace("\"&quot;", "").contains("alert(1)</"), "{name}");
    }
    let table = form("table");
    assert!(!table.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn markup_is_balanced() {
    for name in ["html", "junit"] {
        let text = form(name);
        let mut open: Vec<&str> = Vec::new();
        for tag in text.split('<').skip(1) {
            let name = tag.split([' ', '>', '/', '\n']).find(|s| !s.is_empty()).unwrap();
            if tag.starts_with(['!', '?'])
                || matches!(name, "meta" | "br")
                || tag.split('>').next().unwrap().ends_with('/')
            {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "before <{tag}");
            } else {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn json_follows_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let report: serde_json::Value = serde_json::from_str(&form("json")).unwrap();
    let validator = validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report["rows"][1]["result"], "near_miss");
}
