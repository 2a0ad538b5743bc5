//! A small language for tests: events and matches as lines of text, plans from a few helpers.
//!
//! An event is `time kind field=value …`: seconds, a word that leaves filter by, fields (`a,b` is a list, a
//! number is a number). It is known by its line number, from 1. A match is
//! `time: stage.event … | key=value … | column=value …`.

use std::collections::BTreeMap;
use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{
    Agg, AggFn, CmpOp, Coerce, Condition, Expr, FieldRef, Key, LogSource, Member, Names, Op, Pattern, Plan,
    Policy, RuleRef, Scalar, Seq, Set, Stage, Test, Window, Words,
};
use shikra_sequence::{Input, Limits, Machine, Match, Program, compile};

pub const SECOND: i64 = 1_000_000_000;

pub struct Event {
    pub time: Option<i64>,
    pub fields: Vec<(String, Value)>,
}

impl Row for Event {
    fn field(&self, f: &FieldRef) -> Value {
        self.fields.iter().find(|(n, _)| **n == *f.name).map_or(Value::Missing, |(_, v)| v.clone())
    }
    fn all_fields(&self) -> Vec<Value> {
        self.fields.iter().map(|(_, v)| v.clone()).collect()
    }
    fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
        Vec::new()
    }
}

pub fn scalar_value(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(n) => n.into(),
        Err(_) if text == "null" => Value::Null,
        Err(_) => match text.parse::<f64>() {
            Ok(x) => Value::F64(x),
            Err(_) => text.into(),
        },
    }
}

pub fn events(text: &str) -> Vec<Event> {
    let event = |line: &str| {
        let mut words = line.split_whitespace();
        let time = words.next().and_then(|t| t.parse::<f64>().ok()).map(|t| (t * SECOND as f64) as i64);
        let value = |text: &str| match text.split_once(',') {
            Some(_) => Value::List(text.split(',').map(scalar_value).collect()),
            None => scalar_value(text),
        };
        let mut fields = vec![("kind".to_string(), value(words.next().unwrap_or_default()))];
        for word in words {
            let (name, text) = word.split_once('=').expect("field=value");
            fields.push((name.into(), value(text)));
        }
        Event { time, fields }
    };
    text.lines().map(str::trim).filter(|l| !l.is_empty()).map(event).collect()
}

/// What the engine does: leaves decided and values read.
pub fn inputs(program: &Program, events: &[Event]) -> Vec<Input> {
    let mut out = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let passes = program.leaves().iter().enumerate().filter(|(_, l)| eval::truth(&l.expr, event).holds());
        let read = |values: &[Scalar]| values.iter().map(|v| eval::scalar(v, event)).collect();
        let hits: Vec<_> = passes.map(|(n, l)| (n, read(&l.values))).collect();
        if !hits.is_empty() {
            let line = i as u64 + 1;
            out.push(Input { time: event.time.map(Timestamp), order: (0, line), handle: line, hits });
        }
    }
    out
}

pub type Rules = BTreeMap<String, Plan>;

pub fn program(plan: &Plan, rules: &Rules) -> Program {
    compile(plan, &|r: &RuleRef| rules.get(&*r.0)).expect("keyed")
}

pub fn run_inputs(program: &Program, inputs: Vec<Input>, limits: Limits) -> (Vec<Match>, Machine) {
    let mut machine = Machine::new(program, limits);
    let mut out = Vec::new();
    for input in inputs {
        machine.push(input, &mut out);
    }
    machine.finish(&mut out);
    (out, machine)
}

pub fn show(m: &Match) -> String {
    let value = |v: &Value| v.to_text().unwrap_or_else(|| format!("{v:?}"));
    let columns = |c: &[(Arc<str>, Value)]| {
        c.iter().map(|(n, v)| format!("{n}={}", value(v))).collect::<Vec<_>>().join(" ")
    };
    let event = |e: &shikra_sequence::MatchedEvent| match e.event {
        Some(h) => format!("{}.{h}", e.stage),
        None => format!("{}.-", e.stage),
    };
    let events: Vec<String> = m.events.iter().map(event).collect();
    let mut out = format!("{}: {}", m.time.0 as f64 / SECOND as f64, events.join(" "));
    for part in [columns(&m.keys), columns(&m.columns)] {
        if !part.is_empty() {
            out.push_str(&format!(" | {part}"));
        }
    }
    if m.lost > 0 {
        out.push_str(&format!(" (lost {})", m.lost));
    }
    out
}

#[track_caller]
pub fn check_with(plan: &Plan, rules: &Rules, text: &str, expected: &str) {
    let program = program(plan, rules);
    let inputs = inputs(&program, &events(text));
    let (found, machine) = run_inputs(&program, inputs, Limits::default());
    let found: Vec<String> = found.iter().map(show).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(found, expected, "\n{text}");
    assert!(!machine.stats().degraded());
}

#[track_caller]
pub fn check(plan: &Plan, text: &str, expected: &str) {
    check_with(plan, &Rules::new(), text, expected);
}

pub fn compare(field: &str, op: CmpOp, value: Value) -> Expr {
    Expr::Test(Test {
        subject: Scalar::field(Names::Raw, field),
        op: Op::Compare(op, Scalar::Lit(value)),
        words: Words { coerce: Coerce::Stringify, ..Words::default() },
        span: shikra_syntax::Span::default(),
    })
}

/// Events of these kinds (`A|B`); `*`: all.
pub fn scan(kinds: &str) -> Plan {
    let scan = Plan::Scan(LogSource::any(Names::Raw));
    match kinds {
        "*" => scan,
        _ => {
            let any = kinds.split('|').map(|k| compare("kind", CmpOp::Eq, k.into()));
            Plan::Filter(Box::new(scan), Expr::or(any))
        }
    }
}

pub fn rule(name: &str) -> Plan {
    Plan::Rule(RuleRef(name.into()))
}

/// Keys from `user ?host`.
pub fn keys(names: &str) -> Vec<Key> {
    let key = |n: &str| {
        let field = n.trim_start_matches('?');
        Key { name: field.into(), value: Scalar::field(Names::Raw, field), optional: field != n }
    };
    names.split_whitespace().map(key).collect()
}

pub fn field(name: &str) -> Scalar {
    Scalar::field(Names::Raw, name)
}

/// `agg` under the name `n`, compared.
pub fn count(input: Plan, by: &str, agg: AggFn, span: Option<i64>, op: CmpOp, bound: i64) -> Plan {
    let window = span.map_or(Window::None, |s| Window::Sliding(s * SECOND));
    let agg = Agg { input: Box::new(input), keys: keys(by), columns: vec![("n".into(), agg)], window };
    Plan::Filter(Box::new(Plan::Agg(agg)), compare("n", op, bound.into()))
}

/// The same with its sliding window held.
pub fn held(mut plan: Plan) -> Plan {
    if let Plan::Filter(input, _) = &mut plan
        && let Plan::Agg(agg) = &mut **input
        && let Window::Sliding(span) = agg.window
    {
        agg.window = Window::Held(span);
    }
    plan
}

pub fn member(name: &str, plan: Plan, by: &str) -> Member {
    Member { name: name.into(), plan, keys: keys(by) }
}

pub fn all(n: usize) -> Condition {
    Condition::And((0..n).map(Condition::Member).collect())
}

pub fn set(members: Vec<Member>, span: Option<i64>, condition: Condition) -> Set {
    let span = span.map(|s| s * SECOND);
    Set { members, span, condition, anchor: None, per_key: None, until: None }
}

/// A stage from `A`, `!A` (absent), `A*3` (runs), `A+` (fork).
pub fn stage(text: &str, by: &str) -> Stage {
    let absent = text.starts_with('!');
    let text = text.trim_start_matches('!');
    let fork = text.ends_with('+');
    let (kinds, runs) =
        text.trim_end_matches('+').split_once('*').unwrap_or((text.trim_end_matches('+'), "1"));
    let (kinds, runs) = if kinds.is_empty() { ("*", "1") } else { (kinds, runs) };
    let runs = runs.parse().expect("runs");
    Stage { plan: scan(kinds), keys: keys(by), absent, runs, fork, joined: None }
}

/// A sequence of stages from `A !B C*2`, keyed.
pub fn seq(stages: &str, by: &str, maxspan: Option<i64>, policy: Policy) -> Seq {
    let stages = stages.split_whitespace().map(|s| stage(s, "")).collect();
    Seq { stages, keys: keys(by), maxspan: maxspan.map(|s| s * SECOND), until: None, policy }
}

pub fn eql(stages: &str, by: &str, maxspan: Option<i64>) -> Plan {
    Plan::Seq(Box::new(seq(stages, by, maxspan, Policy::LatestOverwrites)))
}

/// Rows whose key no row had within so many seconds before.
pub fn new_within(input: Plan, by: &[&str], seconds: i64) -> Plan {
    let side = |name: &str| (Arc::from(name), Box::new(input.clone()));
    let key = |f: &&str| (Scalar::field(Names::Raw, f), Scalar::field(Names::Raw, f));
    Plan::Join(shikra_ir::Join {
        kind: shikra_ir::JoinKind::Anti,
        left: side("new"),
        right: side("known"),
        keys: by.iter().map(key).collect(),
        time: Some(shikra_ir::TimeBound { least: Some(-seconds * SECOND), most: Some(-1) }),
        on: None,
        most: None,
    })
}
