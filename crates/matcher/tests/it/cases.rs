//! Single points, on every strategy.

use std::sync::Arc;

use shikra_event::{Kind, Value};
use shikra_ir::{CmpOp, Expr, Names, Op, Part, Pattern, Scalar, Words};
use shikra_matcher::{Filter, Matcher, STRATEGIES, Unable, explain};
use shikra_taxonomy::{Alternative, Selector, Taxonomy};

use crate::build::{Fields, contains, field, filter, test};

fn matcher(filters: Vec<Filter>) -> Matcher {
    Matcher::new(filters, Arc::new(Taxonomy::embedded()))
}

fn check(filters: Vec<Filter>, events: &[Fields], want: &[&[u32]]) {
    let m = matcher(filters);
    for s in STRATEGIES {
        let mut scratch = s.scratch(&m);
        for round in 0..2 {
            for (e, want) in events.iter().zip(want) {
                let mut hits = Vec::new();
                e.with(&e.shape(), |e| s.run(&m, &mut scratch, e, &mut hits));
                assert_eq!(hits, *want, "{} round {round} on {e:?}", s.name);
            }
        }
    }
}

#[test]
fn contains_and_not() {
    let f = Expr::And(vec![contains("A", "Who"), contains("B", "x").negate()]);
    check(
        vec![filter(f), filter(contains("C", "z").negate())],
        &[
            Fields::texts([("A", "WHOami"), ("B", "y")]),
            Fields::texts([("A", "whoami"), ("B", "X")]),
            Fields::texts([("A", "whoami"), ("C", "Z")]),
        ],
        &[&[0, 1], &[1], &[0]],
    );
}

#[test]
fn keywords_look_everywhere() {
    let any = |text: &str| test(Scalar::AnyField, Op::Like(vec![Pattern::contains(text)]), Words::default());
    check(
        vec![filter(any("needle")), filter(any("needle").negate()), filter(any("12"))],
        &[
            Fields::texts([("A", "hay"), ("B", "a NEEDLE")]),
            Fields(vec![("N".into(), Kind::U32, 312u32.to_le_bytes().to_vec())]),
            Fields(vec![]),
        ],
        &[&[0], &[1, 2], &[1]],
    );
}

#[test]
fn fields_by_wildcard() {
    let name = Pattern::new([Part::Lit("p.".into()), Part::Any]);
    let glob = Scalar::FieldGlob(Names::Raw, name);
    let f = test(glob, Op::Compare(CmpOp::Eq, Scalar::Lit(Value::str("x"))), Words::default());
    check(
        vec![filter(f)],
        &[Fields::texts([("p.a", "y"), ("p.b", "X")]), Fields::texts([("q.a", "x")])],
        &[&[0], &[]],
    );
}

#[test]
fn two_fields_compared() {
    let same = test(field("A"), Op::Compare(CmpOp::Eq, field("B")), Words::default());
    check(
        vec![filter(Expr::And(vec![same.clone(), contains("C", "go")])), filter(same.negate())],
        &[
            Fields::texts([("A", "x"), ("B", "X"), ("C", "go")]),
            Fields::texts([("A", "x"), ("B", "y"), ("C", "go")]),
            Fields::texts([("A", "x"), ("B", "x"), ("C", "stop")]),
        ],
        &[&[0], &[1], &[]],
    );
}

#[test]
fn conditions_of_log_sources() {
    let source = Alternative { when: Some(contains("T", "create")), ..Alternative::default() };
    let narrow = Filter { selector: Selector::of(vec![source]), expr: contains("A", "x") };
    let never = Filter { selector: Selector::of(vec![]), expr: Expr::TRUE };
    check(
        vec![narrow, never, filter(Expr::TRUE)],
        &[Fields::texts([("A", "x"), ("T", "CreateKey")]), Fields::texts([("A", "x"), ("T", "Delete")])],
        &[&[0, 2], &[2]],
    );
}

#[test]
fn tells_what_can_never_hold() {
    let source = Alternative { channels: vec!["Elsewhere".into()], ..Alternative::default() };
    let elsewhere = Filter { selector: Selector::of(vec![source]), expr: Expr::TRUE };
    let m = matcher(vec![
        elsewhere,
        filter(contains("Gone", "x")),
        filter(contains("Gone", "x").negate()),
        filter(contains("A", "x")),
    ]);
    let (mut one, mut two) = (m.scratch(), m.scratch());
    let e = Fields::texts([("A", "y")]);
    e.with(&e.shape(), |e| m.run(&mut one, e, &mut Vec::new()));
    let mut seen = one.seen().clone();
    let unable = vec![(0, Unable::LogSource), (1, Unable::Fields(vec!["Gone".into()]))];
    assert_eq!(m.unable(&seen), unable);
    seen.merge(two.seen());
    assert_eq!(m.unable(&seen), unable);
    let e = Fields::texts([("Gone", "y")]);
    e.with(&e.shape(), |e| m.run(&mut two, e, &mut Vec::new()));
    seen.merge(two.seen());
    assert_eq!(m.unable(&seen), unable[..1]);
    assert_eq!(seen.events, 2);
    assert_eq!(seen.hits, [0, 0, 2, 0]);
}

#[test]
fn says_why() {
    let e = Expr::And(vec![
        Expr::Named("sel".into(), Box::new(contains("A", "x"))),
        Expr::Named("not_me".into(), Box::new(contains("B", "y").negate())),
    ]);
    let event = Fields::texts([("A", "xx"), ("B", "Y")]);
    let why = event.with(&event.shape(), |ev| explain::filter(&filter(e), &Taxonomy::embedded(), ev));
    assert!(why.admitted && !why.holds);
    let named: Vec<(bool, &explain::ClauseKind)> =
        why.clause.parts.iter().map(|p| (p.truth.holds(), &p.kind)).collect();
    assert_eq!(
        named,
        [
            (true, &explain::ClauseKind::Named("sel".into())),
            (false, &explain::ClauseKind::Named("not_me".into()))
        ]
    );
    let inner = &why.clause.parts[1].parts[0].parts[0].kind;
    let explain::ClauseKind::Test { text, seen, .. } = inner else { panic!("{inner:?}") };
    assert_eq!(text, r#"raw:B like ["*y*"]"#);
    assert_eq!(seen, &[("B".to_string(), Value::str("Y"))]);
}
