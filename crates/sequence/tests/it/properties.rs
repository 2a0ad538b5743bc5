//! The machines against the reference, batch against stream, shards against the whole.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shikra_event::{Timestamp, Value};
use shikra_ir::{AggFn, CmpOp, Condition, Plan, Policy, Seq, Set, Stage};
use shikra_sequence::reference::{self, Found, Measure, Seen};
use shikra_sequence::{Input, Limits, Machine, Match, Program, Stream};

use crate::rig::{self, SECOND, all, field, keys, member, scan};

const KINDS: [&str; 4] = ["A", "B", "C", "D"];

/// A generated event: seconds since the one before, which kinds it is, key, value.
type Made = (i64, Vec<bool>, usize, Option<i64>);

fn made() -> impl Strategy<Value = Vec<Made>> {
    let gap = prop_oneof![4 => Just(0i64), 6 => Just(1), 2 => Just(2), 1 => Just(4), 1 => Just(9)];
    // Mostly one kind, sometimes several.
    let kinds = prop_oneof![
        4 => (0..4usize).prop_map(|k| (0..4).map(|i| i == k).collect()),
        1 => prop::collection::vec(any::<bool>(), 4),
    ];
    let key = prop_oneof![3 => Just(0usize), 1 => 1..3usize];
    prop::collection::vec((gap, kinds, key, prop::option::of(0..4i64)), 0..40)
}

fn events(made: &[Made]) -> Vec<rig::Event> {
    let mut time = 0;
    let event = |(gap, kinds, key, value): &Made| {
        time += gap * SECOND;
        let kinds = KINDS.iter().zip(kinds).filter(|(_, on)| **on).map(|(k, _)| Value::str(k)).collect();
        let mut fields = vec![("kind".into(), Value::List(kinds)), ("u".into(), Value::I64(*key as i64))];
        fields.extend(value.map(|v| ("v".to_string(), Value::I64(v))));
        rig::Event { time: Some(time), fields }
    };
    made.iter().map(event).collect()
}

/// What the reference sees of one key: port `i` takes the events of kind `ports[i]`.
fn seen(made: &[Made], ports: &[usize], key: usize) -> Vec<Seen> {
    let mut time = 0;
    let mut out = Vec::new();
    for (i, (gap, kinds, k, value)) in made.iter().enumerate() {
        time += gap * SECOND;
        let hit: Vec<usize> = (0..ports.len()).filter(|p| kinds[ports[*p]]).collect();
        if *k == key && !hit.is_empty() {
            out.push(Seen { time, handle: i as u64 + 1, ports: hit, value: *value });
        }
    }
    out
}

/// Matches by key, in a fixed order.
fn by_key(found: &[Match]) -> BTreeMap<i64, Vec<Found>> {
    let mut out: BTreeMap<i64, Vec<Found>> = BTreeMap::new();
    for m in found {
        let [(_, Value::I64(key))] = m.keys[..] else { panic!("one key") };
        let events = m.events.iter().map(|e| (e.stage, e.event)).collect();
        out.entry(key).or_default().push(Found { time: m.time.0, events });
    }
    out.values_mut().for_each(|v| v.sort());
    out
}

fn run(program: &Program, inputs: &[Input]) -> Vec<Match> {
    rig::run_inputs(program, inputs.to_vec(), Limits::default()).0
}

/// The machine, keyed by `u`, against `expected` per key.
fn agree(plan: &Plan, made: &[Made], expected: impl Fn(usize) -> Vec<Found>) -> Result<(), TestCaseError> {
    let program = rig::program(plan, &rig::Rules::new());
    let found = by_key(&run(&program, &rig::inputs(&program, &events(made))));
    let mut wanted = BTreeMap::new();
    for key in 0..3 {
        let mut of_key = expected(key);
        of_key.sort();
        if !of_key.is_empty() {
            wanted.insert(key as i64, of_key);
        }
    }
    prop_assert_eq!(found, wanted);
    Ok(())
}

/// A stage: kind, absent, runs, fork.
type MadeStage = (usize, bool, u32, bool);

fn made_seq(absences: bool) -> impl Strategy<Value = (Seq, Vec<usize>)> {
    let stage = (
        0..4usize,
        prop::bool::weighted(if absences { 0.3 } else { 0.0 }),
        1..3u32,
        prop::bool::weighted(0.1),
    );
    let span = prop_oneof![1 => Just(None), 3 => (1..15i64).prop_map(Some)];
    (prop::collection::vec(stage, 1..4), span, prop::option::weighted(0.3, 0..4usize))
        .prop_filter("a stage that is there", |(stages, ..)| stages.iter().any(|s| !s.1))
        .prop_map(move |(stages, span, until)| {
            let stage = |s: &MadeStage| Stage {
                plan: scan(KINDS[s.0]),
                keys: vec![],
                absent: s.1,
                runs: if s.1 { 1 } else { s.2 },
                fork: s.3 && absences,
                joined: None,
            };
            let until_stage = until.map(|k| Box::new(stage(&(k, false, 1, false))));
            let ports = stages.iter().map(|s| s.0).chain(until).collect();
            let policy = if absences { Policy::LatestOverwrites } else { Policy::Any };
            // Absences need a span.
            let span = if stages.iter().any(|s| s.1) { Some(span.unwrap_or(10)) } else { span };
            let seq = Seq {
                stages: stages.iter().map(stage).collect(),
                keys: keys("u"),
                maxspan: span.map(|s| s * SECOND),
                until: until_stage,
                policy,
            };
            (seq, ports)
        })
}

fn condition() -> impl Strategy<Value = Condition> {
    let m = Condition::Member;
    let not = |c| Condition::Not(Box::new(c));
    prop_oneof![
        Just(all(3)),
        Just(Condition::And(vec![m(0), m(1)])),
        Just(Condition::And(vec![m(0), Condition::Or(vec![m(1), m(2)])])),
        Just(Condition::And(vec![m(0), m(1), not(m(2))])),
        Just(Condition::And(vec![m(0), not(m(1))])),
        Just(Condition::And(vec![m(0), Condition::Or(vec![m(1), not(m(2))])])),
        Just(Condition::And(vec![m(0), not(Condition::And(vec![m(1), m(2)]))])),
    ]
}

fn made_set() -> impl Strategy<Value = (Set, Vec<usize>)> {
    (condition(), 0..12i64, prop::collection::vec(0..4usize, 3)).prop_map(|(condition, span, kinds)| {
        let members =
            kinds.iter().enumerate().map(|(i, k)| member(&i.to_string(), scan(KINDS[*k]), "u")).collect();
        (rig::set(members, Some(span), condition), kinds)
    })
}

fn measure() -> impl Strategy<Value = (Measure, AggFn)> {
    let v = || field("v");
    prop_oneof![
        Just((Measure::Count, AggFn::Count)),
        Just((Measure::Distinct, AggFn::CountDistinct(v()))),
        Just((Measure::Sum, AggFn::Sum(v()))),
        Just((Measure::Max, AggFn::Max(v()))),
        Just((Measure::Min, AggFn::Min(v()))),
        Just((Measure::Avg, AggFn::Avg(v()))),
    ]
}

fn op() -> impl Strategy<Value = CmpOp> {
    use CmpOp::{Eq, Ge, Gt, Le, Lt, Ne};
    prop_oneof![Just(Eq), Just(Ne), Just(Lt), Just(Le), Just(Gt), Just(Ge)]
}

/// Any plan that a stream may run, with one chained.
fn any_plan() -> impl Strategy<Value = Plan> {
    prop_oneof![
        made_seq(true).prop_map(|(s, _)| Plan::Seq(Box::new(s))),
        made_seq(false).prop_map(|(s, _)| Plan::Seq(Box::new(s))),
        made_set().prop_map(|(s, _)| Plan::Set(Box::new(s))),
        made_set().prop_map(|(s, _)| Plan::Set(Box::new(Set { anchor: Some(0), ..s }))),
        (measure(), op(), 0..5i64, 0..12i64).prop_map(|((_, f), op, bound, span)| rig::count(
            scan("A|B"),
            "u",
            f,
            Some(span),
            op,
            bound
        )),
        (1..4i64, 0..12i64).prop_map(|(bound, span)| rig::held(rig::count(
            scan("A|B"),
            "u",
            AggFn::Count,
            Some(span),
            CmpOp::Ge,
            bound
        ))),
        (op(), 1..3i64, made_set()).prop_map(|(op, bound, (mut s, _))| {
            s.members[0].plan = rig::count(scan("A"), "u", AggFn::Count, Some(3), op, bound);
            Plan::Set(Box::new(s))
        }),
    ]
}

proptest! {
    #[test]
    fn new_values_agree(made in made(), span in 1..12i64) {
        let plan = rig::new_within(scan("A"), &["u"], span);
        agree(&plan, &made, |key| {
            let events = seen(&made, &[0], key);
            let known = |e: &Seen| events.iter().any(|o| o.time < e.time && e.time - o.time <= span * SECOND);
            let found = |e: &Seen| Found { time: e.time, events: vec![(0, Some(e.handle))] };
            events.iter().filter(|e| !known(e)).map(found).collect()
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sequences((seq, ports) in made_seq(true), made in made()) {
        let plan = Plan::Seq(Box::new(seq.clone()));
        agree(&plan, &made, |key| reference::sequence(&seq, &seen(&made, &ports, key)))?;
    }

    #[test]
    fn ordered((seq, ports) in made_seq(false), made in made()) {
        let plan = Plan::Seq(Box::new(seq.clone()));
        agree(&plan, &made, |key| reference::ordered(&seq, &seen(&made, &ports, key)))?;
    }

    #[test]
    fn temporal((set, ports) in made_set(), made in made()) {
        let plan = Plan::Set(Box::new(set.clone()));
        let span = set.span.unwrap();
        agree(&plan, &made, |key| reference::temporal(&set, span, &seen(&made, &ports, key)))?;
    }

    #[test]
    fn near((set, ports) in made_set(), made in made()) {
        let set = Set { anchor: Some(0), ..set };
        let plan = Plan::Set(Box::new(set.clone()));
        agree(&plan, &made, |key| reference::near(&set, 0, &seen(&made, &ports, key)))?;
    }

    #[test]
    fn samples_and_joins((set, ports) in made_set(), most in 1..4u32, until in any::<bool>(), made in made()) {
        let set = Set { span: None, condition: all(3), ..set };
        let last = |m: &[Made]| m.iter().map(|e| e.0).sum::<i64>() * SECOND;
        let sample = Set { per_key: Some(most), ..set.clone() };
        let plan = Plan::Set(Box::new(sample.clone()));
        // The end of the input is the time of the last event that any member takes.
        let taken = made.iter().rposition(|e| ports.iter().any(|p| e.1[*p])).map_or(0, |i| i + 1);
        let end = last(&made[..taken]);
        agree(&plan, &made, |key| reference::sample(&sample, end, &seen(&made, &ports, key)))?;
        let mut ports = ports;
        let stage = Stage { plan: scan("D"), keys: keys("u"), absent: false, runs: 1, fork: false, joined: None };
        if until {
            ports.push(3);
        }
        let join = Set { until: until.then(|| Box::new(stage)), ..set };
        agree(&Plan::Set(Box::new(join.clone())), &made, |key| reference::join(&join, &seen(&made, &ports, key)))?;
    }

    #[test]
    fn counts(
        (measure, f) in measure(), op in op(), bound in 0..5i64, span in prop::option::weighted(0.8, 0..12i64),
        made in made(),
    ) {
        let plan = rig::count(scan("A"), "u", f, span, op, bound);
        let found = |key| {
            let events = seen(&made, &[0], key);
            reference::count(measure, op, bound as f64, span.map(|s| s * SECOND), &events)
        };
        let end = made.iter().rposition(|e| e.1[0]).map_or(0, |i| made[..=i].iter().map(|e| e.0).sum::<i64>());
        agree(&plan, &made, |key| {
            let mut found = found(key);
            if span.is_none() {
                // Known at the end of the whole input, not of the key's own events.
                found.iter_mut().for_each(|f| f.time = end * SECOND);
            }
            found
        })?;
    }

    #[test]
    fn held_counts((measure, f) in measure(), bound in 0..5i64, span in 0..12i64, made in made()) {
        // The condition must not be one that further events could make false again.
        let op = if measure == Measure::Min { CmpOp::Le } else { CmpOp::Ge };
        prop_assume!(!matches!(measure, Measure::Sum | Measure::Avg));
        let plan = rig::held(rig::count(scan("A"), "u", f, Some(span), op, bound));
        agree(&plan, &made, |key| {
            reference::held(measure, op, bound as f64, span * SECOND, &seen(&made, &[0], key))
        })?;
    }

    #[test]
    fn a_stream_that_is_out_of_order_gives_what_the_batch_gives(
        plan in any_plan(), made in made(), delays in prop::collection::vec(0..6i64, 24), lag in 0..3usize,
    ) {
        let program = rig::program(&plan, &rig::Rules::new());
        let inputs = rig::inputs(&program, &events(&made));
        let batch = run(&program, &inputs);
        let mut arrivals: Vec<(i64, Input)> = inputs
            .into_iter()
            .enumerate()
            .map(|(i, input)| (input.time.unwrap().0 + delays[i % delays.len()] * SECOND, input))
            .collect();
        arrivals.sort_by_key(|(t, _)| *t);
        let mut stream = Stream::new(&program, Limits::default());
        let mut streamed = Vec::new();
        for (i, (arrival, input)) in arrivals.into_iter().enumerate() {
            stream.push(input, &mut streamed);
            if i % (lag + 1) == 0 {
                stream.advance(Timestamp(arrival - 5 * SECOND), &mut streamed);
            }
        }
        stream.finish(&mut streamed);
        prop_assert!(!stream.stats().degraded());
        prop_assert_eq!(streamed, batch);
    }

    #[test]
    fn shards_together_give_what_one_machine_gives((seq, _) in made_seq(true), made in made(), shards in 1..5u64) {
        let program = rig::program(&Plan::Seq(Box::new(seq)), &rig::Rules::new());
        let inputs = rig::inputs(&program, &events(&made));
        let mut machines: Vec<Machine> = (0..shards).map(|_| Machine::new(&program, Limits::default())).collect();
        let mut found = Vec::new();
        for input in &inputs {
            for (shard, machine) in machines.iter_mut().enumerate() {
                let mine = |(leaf, values): &&(usize, Vec<Value>)| {
                    program.shards_of(*leaf, values, shards).unwrap().contains(&(shard as u64))
                };
                let hits = input.hits.iter().filter(mine).cloned().collect();
                machine.push(Input { hits, ..input.clone() }, &mut found);
            }
        }
        machines.iter_mut().for_each(|m| m.finish(&mut found));
        prop_assert_eq!(by_key(&found), by_key(&run(&program, &inputs)));
    }
}
