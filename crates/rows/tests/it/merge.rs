//! Joins, unions and differences of plans.

use std::sync::Arc;

use serde_json::json;
use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, CmpOp, Expr, Join, JoinKind, Key, LogSource, Names, Op, Plan, Scalar, Test, TimeBound, Words,
};
use shikra_rows::{Input, Limits, Machine, Program};
use shikra_syntax::Span;

use crate::document::Document;

fn raw(name: &str) -> Scalar {
    Scalar::field(Names::Raw, name)
}

fn column(name: &str) -> Scalar {
    Scalar::field(Names::Column, name)
}

/// Events of a kind.
fn events(kind: &str) -> Plan {
    let test = Test {
        subject: raw("kind"),
        op: Op::Compare(CmpOp::Eq, Scalar::Lit(kind.into())),
        words: Words::default(),
        span: Span::default(),
    };
    Plan::Filter(Box::new(Plan::Scan(LogSource::any(Names::Raw))), Expr::Test(test))
}

fn project(plan: Plan, columns: &[(&str, Scalar)]) -> Plan {
    Plan::Project(Box::new(plan), columns.iter().map(|(n, s)| (Arc::from(*n), s.clone())).collect())
}

fn join(kind: JoinKind) -> Join {
    Join {
        kind,
        left: (Arc::from("l"), Box::new(events("logon"))),
        right: (
            Arc::from("r"),
            Box::new(project(events("start"), &[("session", raw("session")), ("image", raw("image"))])),
        ),
        keys: vec![(raw("id"), column("session"))],
        time: None,
        on: None,
        most: None,
    }
}

/// The rows of a plan over six events, as text.
fn rows(plan: &Plan) -> Vec<String> {
    let events = [
        json!({"@timestamp": "2024-01-01T00:00:00Z", "kind": "logon", "id": "1", "user": "ann"}),
        json!({"@timestamp": "2024-01-01T00:00:01Z", "kind": "logon", "id": "2", "user": "bob"}),
        json!({"@timestamp": "2024-01-01T00:00:02Z", "kind": "logon", "user": "nobody"}),
        json!({"@timestamp": "2024-01-01T00:00:03Z", "kind": "start", "session": 1, "image": "cmd"}),
        json!({"@timestamp": "2024-01-01T00:00:09Z", "kind": "start", "session": 1, "image": "reg"}),
        json!({"@timestamp": "2024-01-01T00:00:09Z", "kind": "start", "session": 3, "image": "sc"}),
    ];
    let program = Program::new(plan).unwrap();
    let mut machine = Machine::new(&program, Limits::default());
    let mut found = Vec::new();
    for (i, json) in events.into_iter().enumerate() {
        let d = Document::new(json, (0, i as u64));
        let input = Input { time: d.time, order: d.order, handle: i as u64, hits: d.hits(program.leaves()) };
        machine.push(input, &mut found);
    }
    machine.finish(&mut found).unwrap();
    let text = |v: &Value| v.to_text().unwrap_or_else(|| "-".into());
    let row = |m: &shikra_rows::Match| {
        let events: Vec<String> = m.events.iter().filter_map(|e| Some(e.event?.to_string())).collect();
        let columns: Vec<String> = m.columns.iter().map(|(_, v)| text(v)).collect();
        format!("{} of {}", columns.join(" "), events.join("+"))
    };
    found.iter().map(row).collect()
}

#[test]
fn joins_keep_the_events_of_both_sides() {
    let shown = |j: Join| {
        let columns = [("user", raw("l.user")), ("image", column("r.image"))];
        rows(&project(Plan::Join(j), &columns))
    };
    assert_eq!(shown(join(JoinKind::Inner)), ["ann cmd of 0+3", "ann reg of 0+4"]);
    assert_eq!(
        shown(join(JoinKind::Left)),
        ["ann cmd of 0+3", "ann reg of 0+4", "bob - of 1", "nobody - of 2"]
    );
    assert_eq!(shown(join(JoinKind::Semi)), ["ann - of 0"]);
    assert_eq!(shown(join(JoinKind::Anti)), ["bob - of 1", "nobody - of 2"]);
    assert_eq!(shown(join(JoinKind::Full)).last().unwrap(), "- sc of 5");
    assert_eq!(shown(Join { most: Some(1), ..join(JoinKind::Inner) }), ["ann cmd of 0+3"]);
    let within = TimeBound { least: Some(0), most: Some(4_000_000_000) };
    assert_eq!(shown(Join { time: Some(within), ..join(JoinKind::Inner) }), ["ann cmd of 0+3"]);
    let test = Test {
        subject: column("r.image"),
        op: Op::Compare(CmpOp::Lt, raw("l.user")),
        words: Words::default(),
        span: Span::default(),
    };
    let on = Some(Expr::Test(test).negate());
    assert_eq!(
        shown(Join { on: on.map(Box::new), ..join(JoinKind::Inner) }),
        ["ann cmd of 0+3", "ann reg of 0+4"]
    );
}

#[test]
fn unions_differences_and_groups_over_them() {
    let both = Plan::Union(vec![events("logon"), events("start")]);
    let key = Key { name: Arc::from("kind"), value: raw("kind"), optional: false };
    let columns = vec![(Arc::from("n"), AggFn::Count)];
    let agg = |input| {
        let window = shikra_ir::Window::None;
        Plan::Agg(Agg { input: Box::new(input), keys: vec![key.clone()], columns: columns.clone(), window })
    };
    assert_eq!(rows(&agg(both)), ["logon 3 of 0+1+2", "start 3 of 3+4+5"]);
    let except =
        Plan::Except(Box::new(events("start")), Box::new(events("logon")), vec![(raw("session"), raw("id"))]);
    assert_eq!(rows(&project(except, &[("image", raw("image"))])), ["sc of 5"]);
    // A side that is itself a join.
    let inner = project(Plan::Join(join(JoinKind::Inner)), &[("image", column("r.image"))]);
    let outer = Join {
        left: (Arc::from("a"), Box::new(inner)),
        right: (Arc::from("b"), Box::new(agg(events("start")))),
        keys: vec![],
        ..join(JoinKind::Inner)
    };
    assert_eq!(
        rows(&project(Plan::Join(outer), &[("image", column("a.image")), ("n", column("b.n"))])),
        ["cmd 3 of 0+3+4+5", "reg 3 of 0+4+3+5"]
    );
}
