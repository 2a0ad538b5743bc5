//! Cases per operator, in the notation of [`crate::rig`].

use shikra_event::Value;
use shikra_ir::{AggFn, CmpOp, Condition, Expr, Plan, Policy, Seq, Set};
use shikra_sequence::{Limits, compile};

use crate::rig::{self, *};

fn plan(s: Set) -> Plan {
    Plan::Set(Box::new(s))
}
fn ordered(stages: &str, by: &str, span: i64) -> Plan {
    Plan::Seq(Box::new(seq(stages, by, Some(span), Policy::Any)))
}

#[test]
fn event_count_fires_when_reached_and_empties_its_window() {
    let p = count(scan("A"), "u", AggFn::Count, Some(10), CmpOp::Ge, 3);
    check(
        &p,
        "0 A u=x
         1 A u=y
         5 A u=x
         6 B u=x
         10 A u=x
         11 A u=x
         12 A u=x
         21 A u=x",
        // 0, 5, 10: both bounds belong to the window. Then 11, 12, 21.
        "10: 0.1 0.3 0.5 | u=x | n=3
         21: 0.6 0.7 0.8 | u=x | n=3",
    );
    check(&p, "0 A u=x\n5 A u=x\n10.001 A u=x", "");
}

#[test]
fn a_missing_group_value_leaves_the_event_out_unless_optional() {
    let text = "0 A\n1 A u=null\n2 A u=x";
    check(&count(scan("A"), "u", AggFn::Count, Some(10), CmpOp::Ge, 2), text, "");
    check(&count(scan("A"), "?u", AggFn::Count, Some(10), CmpOp::Ge, 2), text, "1: 0.1 0.2 | u=Null | n=2");
    check(&count(scan("A"), "u", AggFn::Count, Some(10), CmpOp::Ge, 1), "0 A u=x,y", {
        "0: 0.1 | u=x | n=1\n0: 0.1 | u=y | n=1"
    });
}

#[test]
fn few_or_exactly_so_many_is_known_when_the_window_closes() {
    let p = count(scan("A"), "u", AggFn::Count, Some(10), CmpOp::Lt, 3);
    check(
        &p,
        "0 A u=x
         1 A u=x
         10 A u=x
         30 A u=x
         35 A u=y",
        // The first window holds three; no second look at its tail.
        "40: 0.4 | u=x | n=1
         45: 0.5 | u=y | n=1",
    );
    let p = count(scan("A"), "u", AggFn::Count, Some(10), CmpOp::Eq, 2);
    check(&p, "0 A u=x\n1 A u=x\n20 A u=x\n21 A u=x\n22 A u=x", "10: 0.1 0.2 | u=x | n=2");
}

#[test]
fn without_a_window_the_end_of_input_decides() {
    let p = count(scan("A"), "u", AggFn::Count, None, CmpOp::Gt, 1);
    check(&p, "0 A u=x\n1 A u=y\n99 A u=x\n999 A u=x", "999: 0.1 0.3 0.4 | u=x | n=3");
}

#[test]
fn distinct_values_are_counted_within_the_window() {
    let p = count(scan("A"), "u", AggFn::CountDistinct(field("v")), Some(10), CmpOp::Gt, 2);
    check(
        &p,
        "0 A u=x v=1
         1 A u=x v=1
         2 A u=x v=2
         3 A u=x
         11 A u=x v=3
         12 A u=x v=4",
        // v=1 at 0 has gone at 11, but 1 still has it. The event without v takes no part.
        "11: 0.2 0.3 0.5 | u=x | n=3",
    );
}

#[test]
fn sums_averages_medians_and_percentiles() {
    let sum = count(scan("A"), "", AggFn::Sum(field("v")), Some(10), CmpOp::Gt, 10);
    check(&sum, "0 A v=5\n1 A v=abc\n2 A v=5\n3 A v=0.5", "3: 0.1 0.2 0.3 0.4 | n=10.5");
    let closed = |f: AggFn, op, bound| count(scan("A"), "", f, Some(10), op, bound);
    let text = "0 A v=1\n1 A v=2\n2 A v=3\n3 A v=10";
    check(&closed(AggFn::Avg(field("v")), CmpOp::Ge, 4), text, "10: 0.1 0.2 0.3 0.4 | n=4");
    check(&closed(AggFn::Avg(field("v")), CmpOp::Gt, 4), text, "");
    check(&closed(AggFn::Median(field("v")), CmpOp::Gt, 2), text, "10: 0.1 0.2 0.3 0.4 | n=2.5");
    check(&closed(AggFn::Percentile(field("v"), 75.0), CmpOp::Lt, 5), text, {
        // Rank 2.25 of 0..3: 3 + 0.25 · 7.
        "10: 0.1 0.2 0.3 0.4 | n=4.75"
    });
    check(&closed(AggFn::Max(field("v")), CmpOp::Ge, 10), text, "3: 0.1 0.2 0.3 0.4 | n=10");
    check(&closed(AggFn::Min(field("v")), CmpOp::Le, 1), text, "0: 0.1 | n=1");
    check(&closed(AggFn::Min(field("v")), CmpOp::Gt, 0), text, "10: 0.1 0.2 0.3 0.4 | n=1");
}

#[test]
fn temporal_takes_members_in_any_order() {
    let p = plan(set(vec![member("a", scan("A"), "u"), member("b", scan("B"), "u")], Some(10), all(2)));
    check(
        &p,
        "0 B u=x
         3 A u=y
         10 A u=x
         11 B u=x
         21 A u=x
         32 B u=x",
        "10: 1.1 0.3 | u=x\n21: 1.4 0.5 | u=x",
    );
    // One event may stand for both.
    let p = plan(set(vec![member("a", scan("A|C"), ""), member("b", scan("B|C"), "")], Some(10), all(2)));
    check(&p, "0 C", "0: 0.1");
}

#[test]
fn temporal_with_aliases_and_other_conditions() {
    let members =
        vec![member("a", scan("A"), "src"), member("b", scan("B"), "dst"), member("c", scan("C"), "u")];
    let either = Condition::And(vec![
        Condition::Member(0),
        Condition::Or(vec![Condition::Member(1), Condition::Member(2)]),
    ]);
    let p = plan(set(members, Some(10), either));
    check(&p, "0 A src=h\n1 B dst=h\n20 C u=h\n21 A src=h", "1: 0.1 1.2 | src=h\n21: 2.3 0.4 | src=h");
}

#[test]
fn temporal_with_negation_waits_for_the_span_to_pass() {
    let members = || vec![member("a", scan("A"), ""), member("b", scan("B"), "")];
    let a_not_b = Condition::And(vec![Condition::Member(0), Condition::Not(Box::new(Condition::Member(1)))]);
    let p = plan(set(members(), Some(10), a_not_b));
    check(
        &p,
        "0 A
         20 A
         30 B
         50 B
         55 A
         70 A
         71 A",
        "10: 0.1\n80: 0.6 0.7",
    );
}

#[test]
fn temporal_ordered_finds_any_assignment() {
    // Latest-overwrites would lose this one: the second A takes the place of the first.
    check(&ordered("A B C", "u", 10), "0 A u=x\n1 B u=x\n2 A u=x\n3 C u=x", "3: 0.1 1.2 2.4 | u=x");
    check(&ordered("A B", "", 10), "0 A\n10 B\n11 B", "10: 0.1 1.2");
    check(&ordered("A B", "", 10), "0 B\n0 A\n10.1 B", "");
    // One event does not fill two stages.
    check(&ordered("A A", "", 10), "0 A\n1 A\n2 A", "1: 0.1 1.2");
}

fn near(members: &[&str], condition: Condition, span: Option<i64>) -> Plan {
    let members = members.iter().map(|m| member(m, scan(m), "")).collect();
    plan(Set { anchor: Some(0), ..set(members, span, condition) })
}

#[test]
fn near_looks_both_ways_from_the_primary_event() {
    let p = near(&["A", "B"], all(2), Some(10));
    check(&p, "0 B\n10 A\n20 A\n30 B\n31 B\n42 A", "10: 1.1 0.2\n30: 0.3 1.4");
    let p = near(&["A", "B"], all(2), None);
    check(&p, "0 B\n999 A", "999: 1.1 0.2");
}

#[test]
fn near_and_not_is_known_when_the_window_closes() {
    let not_c = Condition::And(vec![
        Condition::Member(0),
        Condition::Member(1),
        Condition::Not(Box::new(Condition::Member(2))),
    ]);
    let p = near(&["A", "B", "C"], not_c.clone(), Some(10));
    check(
        &p,
        "0 B
         5 A
         30 A
         31 B
         40 C
         50 C
         60 A
         61 B
         80 A
         85 B
         86 A",
        "15: 1.1 0.2\n90: 0.9 1.10\n96: 1.10 0.11",
    );
    check(&near(&["A", "B", "C"], not_c, None), "0 A\n5 B\n600 A", "600: 0.1 1.2\n600: 1.2 0.3");
}

#[test]
fn chained_rules_feed_each_other() {
    let mut rules = Rules::new();
    rules.insert("fail".into(), scan("F"));
    rules.insert("ok".into(), scan("S"));
    rules.insert("brute".into(), count(rule("fail"), "u", AggFn::Count, Some(10), CmpOp::Ge, 3));
    let stage = |name: &str| shikra_ir::Stage { plan: rule(name), keys: keys("u"), ..stage("A", "") };
    let p = Plan::Seq(Box::new(Seq {
        stages: vec![stage("brute"), stage("ok")],
        keys: vec![],
        maxspan: Some(60 * SECOND),
        until: None,
        policy: Policy::Any,
    }));
    let text = "0 F u=x h=1\n1 F u=x h=2\n2 S u=x h=3\n3 F u=x h=3\n4 S u=y h=3\n50 S u=x h=3";
    check_with(&p, &rules, text, "50: 0.1 0.2 0.4 1.6 | u=x");
    // A key that the inner rule does not group by is read from its last event that has it.
    let by_host = |name: &str| member(name, rule(name), "h");
    let p = plan(set(vec![by_host("brute"), by_host("ok")], Some(60), all(2)));
    check_with(&p, &rules, text, "3: 0.1 0.2 1.3 0.4 | h=3");
    // Rules that only others refer to, and a rule that refers to itself.
    rules.insert("loop".into(), count(rule("loop"), "u", AggFn::Count, Some(1), CmpOp::Ge, 1));
    assert!(compile(&rule("loop"), &|r| rules.get(&*r.0)).is_err());
    assert_eq!(compile(&rule("none"), &|_| None).unwrap_err().to_string(), "rule none: no such rule");
}

#[test]
fn an_event_that_reaches_a_count_twice_counts_once() {
    let p = count(Plan::Union(vec![scan("A|B"), scan("B|C")]), "", AggFn::Count, Some(10), CmpOp::Ge, 2);
    check(&p, "0 B\n1 C", "1: 0.1 0.2 | n=2");
    // Aliases: each rule's own field under one name.
    let named = |kind: &str, from: &str| Plan::Eval(Box::new(scan(kind)), vec![("w".into(), field(from))]);
    let p = count(
        Plan::Union(vec![named("A", "src"), named("B", "dst")]),
        "w",
        AggFn::Count,
        Some(10),
        CmpOp::Ge,
        2,
    );
    check(&p, "0 A src=h dst=z\n1 B src=z dst=h", "1: 0.1 0.2 | w=h | n=2");
}

#[test]
fn a_union_at_the_top_is_several_machines() {
    let counted = count(scan("A"), "", AggFn::Count, Some(10), CmpOp::Ge, 2);
    let p = Plan::Union(vec![scan("B"), counted, eql("A B", "", None)]);
    check(&p, "0 A\n1 A\n2 B\n3 B", "1: 0.1 0.2 | n=2\n2: 0.2 1.3\n2: 0.3\n3: 0.4");
}

#[test]
fn what_is_not_keyed_is_named() {
    let refused = |p: Plan| compile(&p, &|_| None).unwrap_err().to_string();
    assert_eq!(refused(Plan::Limit(Box::new(eql("A B", "", None)), 3)), "limit: not a keyed operator");
    assert_eq!(refused(scan("A")), "filter: decided by one event alone");
    assert_eq!(refused(eql("!A !B", "", Some(3))), "seq: only absent stages");
    let bare = Plan::Agg(shikra_ir::Agg {
        input: Box::new(scan("A")),
        keys: vec![],
        columns: vec![("n".into(), AggFn::Count)],
        window: shikra_ir::Window::None,
    });
    assert_eq!(refused(bare), "agg: without a condition on its columns");
}

#[test]
fn leaves_are_shared_and_say_what_to_read() {
    let p = plan(set(vec![member("a", scan("A"), "u"), member("b", scan("A"), "v")], Some(10), all(2)));
    let program = rig::program(&p, &Rules::new());
    assert_eq!(program.leaves().len(), 1);
    assert_eq!(program.leaves()[0].values, [field("u"), field("v")]);
    assert_eq!(program.leaves()[0].expr, rig::compare("kind", CmpOp::Eq, "A".into()));
}

#[test]
fn limits_are_counted() {
    let p = count(scan("A"), "u", AggFn::Count, Some(100), CmpOp::Ge, 3);
    let program = rig::program(&p, &Rules::new());
    let run = |text: &str, limits: Limits| {
        let (found, machine) = run_inputs(&program, inputs(&program, &events(text)), limits);
        (found.iter().map(show).collect::<Vec<_>>(), machine.stats().clone())
    };
    let text = "0 A u=x\n1 A u=y\n2 A u=x\n3 A u=z\n4 A u=x";
    let (found, stats) = run(text, Limits { max_keys: 1, ..Limits::default() });
    assert!(found.is_empty() && stats.keys_evicted == 4 && stats.degraded());
    let (found, stats) = run(text, Limits { max_events: 3, ..Limits::default() });
    assert_eq!((found.len(), stats.keys_evicted), (1, 1));
    let (found, stats) = run(text, Limits { max_window: 2, ..Limits::default() });
    assert_eq!((found.len(), stats.events_dropped), (0, 1));
    // A window that waits for its end counts on.
    let p = count(scan("A"), "", AggFn::Count, None, CmpOp::Ge, 3);
    let program = rig::program(&p, &Rules::new());
    let (found, machine) = run_inputs(
        &program,
        inputs(&program, &events("0 A\n1 A\n2 A")),
        Limits { max_window: 2, ..Limits::default() },
    );
    assert_eq!(found.iter().map(show).collect::<Vec<_>>(), ["2: 0.1 0.2 | n=3 (lost 1)"]);
    assert!(machine.stats().degraded());
}

#[test]
fn a_held_window_counts_what_it_does_not_list() {
    let p = rig::held(count(scan("A"), "u", AggFn::Count, Some(200), CmpOp::Ge, 2));
    let flood: String = (0..150).map(|n| format!("{n} A u=x\n")).collect();
    let program = rig::program(&p, &Rules::new());
    let (found, machine) =
        run_inputs(&program, inputs(&program, &events(&(flood + "201 A u=x\n202 A u=x"))), Limits::default());
    let counted: Vec<_> = found.iter().map(|m| (m.events.len(), m.lost, &m.columns[0].1, m.early)).collect();
    assert_eq!(counted, [(100, 50, &Value::I64(150), false), (2, 0, &Value::I64(2), true)]);
    assert!(!machine.stats().degraded());
}

#[test]
fn a_filter_above_a_sequence_sees_keys_and_carried_fields() {
    let over = |e: Expr| Plan::Filter(Box::new(eql("A B", "u", None)), e);
    let text = "0 A u=x v=1\n1 B u=x\n2 A u=y v=1\n3 B u=y v=2";
    check(&over(compare("u", CmpOp::Eq, "y".into())), text, "3: 0.3 1.4 | u=y");
    check(&over(compare("v", CmpOp::Eq, Value::I64(1))), text, "1: 0.1 1.2 | u=x");
}

#[test]
fn sequences_keep_the_newest_partial_match() {
    check(&eql("A B", "", None), "0 A\n1 A\n2 B\n3 B", "2: 0.2 1.3");
    // The same event may end one match and begin the next, never fill two stages of one.
    check(&eql("A A", "", None), "0 A\n1 A\n2 A", "1: 0.1 1.2\n2: 0.2 1.3");
    check(&eql("A B", "u ?h", None), "0 A u=x\n1 A h=1\n2 B u=x h=1\n3 B u=x", "3: 0.1 1.4 | u=x h=Null");
    check(&eql("A B", "u", None), "0 A u=x,y\n1 B u=y,z\n2 B u=x", "1: 0.1 1.2 | u=y\n2: 0.1 1.3 | u=x");
}

#[test]
fn maxspan_runs_from_the_first_event_bound_included() {
    check(&eql("A B C", "", Some(10)), "0 A\n5 B\n10 C", "10: 0.1 1.2 2.3");
    check(&eql("A B C", "", Some(10)), "0 A\n5 B\n10.1 C", "");
    // Too late an event loses the partial match.
    check(&eql("A B", "", Some(10)), "0 A\n11 B\n11 B", "");
}

#[test]
fn runs_take_so_many_events_of_one_stage() {
    check(&eql("A*3", "", None), "0 A\n1 A\n2 A\n3 A", "2: 0.1 0.2 0.3\n3: 0.2 0.3 0.4");
    check(&eql("A*2 B", "", None), "0 A\n1 B\n2 A\n3 B", "3: 0.1 0.3 1.4");
}

#[test]
fn until_ends_what_is_pending() {
    let until = |stages: &str, event: &str| {
        let mut s = seq(stages, "u", None, Policy::LatestOverwrites);
        s.until = Some(Box::new(stage(event, "")));
        Plan::Seq(Box::new(s))
    };
    check(&until("A B", "U"), "0 A u=x\n1 U u=y\n2 B u=x\n3 A u=x\n4 U u=x\n5 B u=x", "2: 0.1 1.3 | u=x");
    // It is looked at after the stages.
    check(&until("A B", "B"), "0 A u=x\n1 B u=x", "1: 0.1 1.2 | u=x");
    check(&until("A B", "A"), "0 A u=x\n1 B u=x", "");
}

#[test]
fn a_fork_leaves_its_partial_match_behind() {
    check(&eql("A B+ C", "", None), "0 A\n1 B\n2 C\n3 B\n4 C", "2: 0.1 1.2 2.3\n4: 0.1 1.4 2.5");
}

#[test]
fn absent_stages_between_others() {
    check(&eql("A !M B", "", Some(10)), "0 A\n1 M\n2 B\n3 A\n4 B", "4: 0.4 1.- 2.5");
    // The event of the next stage may itself be one that must be absent before it.
    check(&eql("A !B B", "", Some(10)), "0 A\n1 B\n2 B", "1: 0.1 1.- 2.2");
    // A spoiled partial match still takes the place of a good one.
    check(&eql("A !M B C", "", Some(60)), "0 A\n1 B\n2 A\n3 M\n4 B\n5 C", "");
}

#[test]
fn absent_stages_after_the_last_are_known_when_maxspan_has_passed() {
    let p = eql("A B !M", "u", Some(10));
    check(&p, "0 A u=x\n1 B u=x\n2 M u=y\n10.1 M u=x", "10: 0.1 1.2 2.- | u=x");
    check(&p, "0 A u=x\n1 B u=x\n10 M u=x", "");
    check(&eql("A !M", "", Some(10)), "0 A\n1 A\n3 B", "10: 0.1 1.-\n11: 0.2 1.-");
}

#[test]
fn absent_stages_before_the_first() {
    let p = eql("!M A B", "", Some(10));
    check(&p, "0 M\n5 A\n10 B", "");
    check(&p, "0 M\n5 A\n10.1 B", "10.1: 0.- 1.2 2.3");
    check(&p, "0 A\n1 B", "1: 0.- 1.1 2.2");
    check(&eql("!A A", "", Some(10)), "0 A\n5 A\n30 A", "0: 0.- 1.1\n30: 0.- 1.3");
}

#[test]
fn absent_stages_on_both_sides_need_room_for_maxspan() {
    let p = eql("!M A !M", "", Some(10));
    check(&p, "0 M\n5 A\n10 M", "");
    check(&p, "0 M\n5 A\n11 M", "10: 0.- 1.2 2.-");
    check(&p, "5 A\n6 M", "5: 0.- 1.1 2.-");
}

#[test]
fn absence_after_the_end_of_input_is_known_at_the_end() {
    check(&eql("A !M", "", None), "0 A\n9 B", "0: 0.1 1.-");
    check(&eql("A !M", "", Some(5)), "0 A", "5: 0.1 1.-");
}

fn sample(members: &[&str], by: &str, most: u32) -> Plan {
    let n = members.len();
    let members = members.iter().map(|m| member(m, scan(m), by)).collect();
    plan(Set { per_key: Some(most), ..set(members, None, all(n)) })
}

#[test]
fn samples_come_by_key_at_the_end() {
    let text = "0 A u=x
         1 B u=y
         2 B u=x
         3 A u=y
         4 A u=Z
         5 B u=Z
         6 A u=y
         7 A
         8 B
         9 A u=w";
    check(&sample(&["A", "B"], "u", 1), text, "9: 0.5 1.6 | u=Z\n9: 0.1 1.3 | u=x\n9: 0.4 1.2 | u=y");
    check(
        &sample(&["A", "B"], "?u", 5),
        text,
        "9: 0.8 1.9 | u=Null
         9: 0.5 1.6 | u=Z
         9: 0.1 1.3 | u=x
         9: 0.4 1.2 | u=y
         9: 0.7 1.2 | u=y",
    );
    // One event cannot be two members of a sample.
    check(&sample(&["A", "A|B"], "", 9), "0 A\n1 B", "1: 0.1 1.2");
    check(&sample(&["A|B", "A"], "", 9), "0 A\n1 B", "1: 0.2 1.1");
    check(&sample(&["A", "A"], "", 9), "0 A", "");
}

#[test]
fn joins_start_over_and_have_an_until() {
    let members = || vec![member("a", scan("A"), "u"), member("b", scan("B"), "u")];
    let p = plan(set(members(), None, all(2)));
    check(&p, "0 B u=x\n1 A u=y\n2 B u=x\n3 A u=x\n4 B u=x\n5 A u=x", "3: 0.4 1.1 | u=x\n5: 0.6 1.5 | u=x");
    let p = plan(Set { until: Some(Box::new(stage("U", "u"))), ..set(members(), None, all(2)) });
    check(&p, "0 B u=x\n1 U u=x\n2 A u=x", "");
}

#[test]
fn events_without_time_have_that_of_the_one_before_them() {
    let p = eql("A B C", "", Some(10));
    let program = rig::program(&p, &Rules::new());
    let mut batch = inputs(&program, &events("5 A\n- B\n15 C"));
    assert_eq!(batch[1].time, None);
    let (found, _) = run_inputs(&program, batch.clone(), Limits::default());
    assert_eq!(found.iter().map(show).collect::<Vec<_>>(), ["15: 0.1 1.2 2.3"]);
    batch.rotate_left(1);
    shikra_sequence::order_batch(&mut batch);
    let (found, _) = run_inputs(&program, batch, Limits::default());
    assert_eq!(found.len(), 1);
}

#[test]
fn a_match_says_when_the_input_ended_too_soon_to_be_sure() {
    let p = eql("A !M", "", Some(10));
    let program = rig::program(&p, &Rules::new());
    let run = |until: i64| {
        let mut machine = shikra_sequence::Machine::new(&program, Limits::default());
        let mut found = Vec::new();
        for input in inputs(&program, &events("0 A\n20 A")) {
            machine.push(input, &mut found);
        }
        machine.advance(shikra_event::Timestamp(until * SECOND), &mut found);
        machine.finish(&mut found);
        found.iter().map(|m| m.early).collect::<Vec<_>>()
    };
    assert_eq!(run(29), [false, true]);
    assert_eq!(run(30), [false, false]);
}

#[test]
fn a_stage_may_be_joined_to_an_earlier_one() {
    let joined = |stages: &str, number: usize| {
        let mut s = seq(stages, "", Some(10), Policy::LatestOverwrites);
        let condition = Expr::Test(shikra_ir::Test {
            subject: field("v"),
            op: shikra_ir::Op::Compare(CmpOp::Eq, shikra_ir::Scalar::Var("a.v".into())),
            words: shikra_ir::Words::default(),
            span: shikra_syntax::Span::default(),
        });
        s.stages[number].joined =
            Some(shikra_ir::Joined { refs: vec![("a.v".into(), 0, field("v"))], condition });
        Plan::Seq(Box::new(s))
    };
    // An event that does not fit passes by the pending match.
    check(&joined("A B", 1), "0 A v=1\n1 B v=2\n2 B v=1", "2: 0.1 1.3");
    check(&joined("A !M B", 1), "0 A v=1\n1 M v=2\n2 B\n3 A v=1\n4 M v=1\n5 B", "2: 0.1 1.- 2.3");
    check(&joined("A !M", 1), "0 A v=1\n1 M v=2\n20 A v=1\n21 M v=1", "10: 0.1 1.-");
}

#[test]
fn values_that_are_new_within_the_span() {
    let plan = rig::new_within(scan("A"), &["u", "v"], 10);
    check(
        &plan,
        "1 A u=x v=1
         2 A u=x v=1
         3 A u=x v=2
         4 A u=y
         12 A u=x v=1
         22 A u=x v=1
         33 A u=x v=1
         33 A u=x v=1
         34 B u=z v=1
         35 A u=x v=1,7",
        "1: 0.1 | u=x v=1
         3: 0.3 | u=x v=2
         33: 0.7 | u=x v=1
         33: 0.8 | u=x v=1
         35: 0.10 | u=x v=7",
    );
}
