//! Conditions brought down to the events: what a plan's filters above other operators ask of single events, asked a
//! second time where the events come in, so that the shared matcher leaves out what no filter would let pass. The
//! filters stay where they are; a condition that is brought down is only ever weaker than its filter.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, CmpOp, Dedup, Expr, FieldRef, Join, Joined, Multi, Names, Op, Plan, Scalar, Sort, Test,
    Truth, Window, eval,
};
use shikra_sequence::Rewrite;

use crate::compile::gated;
use crate::row::View;

/// Operators within one another.
const MAX_DEPTH: usize = 256;

/// The plan with conditions brought down.
pub(crate) fn down(plan: &Plan) -> Plan {
    // The time of a search is that of the last event its program sees: none may be left out.
    if reads_now(plan, 0) { plan.clone() } else { push(plan, vec![], 0) }
}

/// The condition without what is not known of an event alone: what holds of an event in any company.
pub(crate) fn of_event(joined: &Joined) -> Expr {
    possible(&joined.condition, true, &|t, _| is_known(t, &|_| true))
}

/// What must hold of an event that a condition lets through although none of the marks holds.
pub(crate) fn unmarked(e: &Expr, marks: &[Arc<str>]) -> Expr {
    let none: Vec<(Arc<str>, Scalar)> =
        marks.iter().map(|m| (m.clone(), Scalar::Lit(Value::Bool(false)))).collect();
    let rewrite = Rewrite::new(&none);
    let e = rewrite.expr(e);
    let of_events = |f: &FieldRef| f.names != Names::Column;
    if rewrite.exhausted() {
        return Expr::TRUE;
    }
    possible(&settled(&e), true, &|t, _| is_known(t, &of_events))
}

/// The same with an answer in the place of tests that ask nothing of a row.
fn settled(e: &Expr) -> Expr {
    match e {
        Expr::And(v) => Expr::And(v.iter().map(settled).collect()),
        Expr::Or(v) => Expr::Or(v.iter().map(settled).collect()),
        Expr::Not(e) => settled(e).negate(),
        Expr::Named(_, e) => settled(e),
        Expr::Test(Test { subject: Scalar::Lit(_), op: Op::IsTrue, .. }) => {
            Expr::Const(eval::truth(e, &View { reads: &[], cells: &[], columns: &[] }))
        }
        Expr::Test(_) | Expr::Const(_) | Expr::Opaque(_) => e.clone(),
    }
}

/// `wanted` are conditions that a row must satisfy to come to anything.
fn push(plan: &Plan, wanted: Vec<Expr>, depth: usize) -> Plan {
    if depth > MAX_DEPTH {
        return plan.clone();
    }
    let on = |input: &Plan, wanted| Box::new(push(input, wanted, depth + 1));
    match plan {
        // What stands on events already is where it shall be.
        events if gated(events) => asked(plan, wanted),
        Plan::Filter(input, e) => {
            let mut wanted = wanted;
            wanted.push(e.clone());
            Plan::Filter(on(input, wanted), e.clone())
        }
        Plan::Eval(input, c) => Plan::Eval(on(input, through(&wanted, c, &|_| true)), c.clone()),
        Plan::Project(input, c) => {
            let alone = independent(c.clone());
            let made = |f: &FieldRef| alone.iter().any(|(name, _)| *name == f.name);
            Plan::Project(on(input, through(&wanted, &alone, &made)), c.clone())
        }
        Plan::Drop(input, p) => {
            let stays = |f: &FieldRef| !p.iter().any(|p| p.matches(&f.name));
            Plan::Drop(on(input, through(&wanted, &[], &stays)), p.clone())
        }
        Plan::Unnest(input, field) => {
            let other = |f: &FieldRef| f.name != field.name;
            Plan::Unnest(on(input, through(&wanted, &[], &other)), field.clone())
        }
        Plan::Sort(Sort { input, keys }) => Plan::Sort(Sort { input: on(input, wanted), keys: keys.clone() }),
        Plan::Agg(a) => Plan::Agg(Agg { input: on(&a.input, of_groups(a, &wanted)), ..a.clone() }),
        Plan::Union(inputs) => Plan::Union(inputs.iter().map(|i| *on(i, wanted.clone())).collect()),
        other => below(other, depth),
    }
}

/// Operators that no condition is brought through: those beneath them begin anew.
fn below(plan: &Plan, depth: usize) -> Plan {
    let on = |input: &Plan| Box::new(push(input, vec![], depth + 1));
    match plan {
        Plan::WindowAgg(a) => Plan::WindowAgg(Agg { input: on(&a.input), ..a.clone() }),
        Plan::Limit(input, n) => Plan::Limit(on(input), *n),
        Plan::Tail(input, n) => Plan::Tail(on(input), *n),
        Plan::Extract(input, e) => Plan::Extract(on(input), e.clone()),
        Plan::Dedup(Dedup { input, keys, keep }) => {
            Plan::Dedup(Dedup { input: on(input), keys: keys.clone(), keep: *keep })
        }
        // Both sides of what keeps the rows whose keys are new have to stay the same.
        Plan::Join(j) if j.left.1 != j.right.1 => {
            let side = |(name, p): &(Arc<str>, Box<Plan>)| (name.clone(), on(p));
            Plan::Join(Join { left: side(&j.left), right: side(&j.right), ..j.clone() })
        }
        Plan::Except(l, r, keys) => Plan::Except(on(l), on(r), keys.clone()),
        other => other.clone(),
    }
}

/// The events of a scan that satisfy what can be asked of them.
fn asked(plan: &Plan, wanted: Vec<Expr>) -> Plan {
    let of_events = |f: &FieldRef| f.names != Names::Column && &*f.name != "_time";
    let each = wanted.iter().map(|e| possible(e, true, &|t, _| is_known(t, &of_events)));
    match Expr::and(each) {
        Expr::TRUE => plan.clone(),
        e => Plan::Filter(Box::new(plan.clone()), e),
    }
}

/// Conditions over columns as conditions over what these are made of; `known`: fields that mean the same above and
/// below.
fn through(wanted: &[Expr], columns: &[(Arc<str>, Scalar)], known: &dyn Fn(&FieldRef) -> bool) -> Vec<Expr> {
    rewritten(wanted.iter().map(|e| possible(e, true, &|t, _| is_known(t, known))), columns)
}

fn rewritten(wanted: impl Iterator<Item = Expr>, columns: &[(Arc<str>, Scalar)]) -> Vec<Expr> {
    let each = wanted.filter_map(|e| {
        let rewrite = Rewrite::new(columns);
        let below = rewrite.expr(&e);
        (!rewrite.exhausted() && below != Expr::TRUE).then_some(below)
    });
    each.collect()
}

/// Conditions on the keys of groups, as conditions on the rows. A row whose key holds several values may be in the
/// group of each, so only what holds of all of them if it holds of one is asked of the row.
fn of_groups(a: &Agg, wanted: &[Expr]) -> Vec<Expr> {
    let alone = |(_, f): &(Arc<str>, AggFn)| !matches!(f, AggFn::Other(..));
    if a.window != Window::None || !a.columns.iter().all(alone) {
        return vec![];
    }
    let keys = a.keys.iter().filter(|k| !a.columns.iter().any(|(n, _)| *n == k.name));
    let keys = keys.filter_map(|k| Some((k.name.clone(), values(&k.value)?.clone())));
    let keys = independent(keys.collect());
    let is_key = |f: &FieldRef| keys.iter().any(|(name, _)| *name == f.name);
    let known = |t: &Test, upper: bool| upper && asks_any(t) && is_known(t, &is_key);
    rewritten(wanted.iter().map(|e| possible(e, true, &known)), &keys)
}

/// Of columns that are made at once, those that are no matter in which order they are made.
fn independent(columns: Vec<(Arc<str>, Scalar)>) -> Vec<(Arc<str>, Scalar)> {
    let names: Vec<Arc<str>> = columns.iter().map(|(n, _)| n.clone()).collect();
    let alone = |(name, s): &(Arc<str>, Scalar)| {
        let mut fine = names.iter().filter(|n| *n == name).count() == 1;
        s.fields(&mut |f| fine &= f.name == *name || !names.contains(&f.name));
        fine
    };
    columns.into_iter().filter(alone).collect()
}

/// The field that a key is, or whose values are keys one by one.
fn values(key: &Scalar) -> Option<&Scalar> {
    match key {
        Scalar::Field(_) => Some(key),
        Scalar::Call(c) if c.func.0.name == "each-value" => {
            c.args.first().filter(|a| matches!(a, Scalar::Field(_)))
        }
        _ => None,
    }
}

/// Whether a test that holds of one value holds of any list with that value.
fn asks_any(t: &Test) -> bool {
    let rises = match &t.op {
        Op::Like(_) | Op::Regex(_) | Op::In(_) => true,
        Op::Compare(op, Scalar::Lit(_)) => *op != CmpOp::Ne,
        _ => false,
    };
    rises && t.words.multi == Multi::Any && matches!(t.subject, Scalar::Field(_))
}

/// A condition that holds of a row wherever `e` does, of the tests of which all fields are known.
pub(crate) fn possible_of(e: &Expr, known: &dyn Fn(&FieldRef) -> bool) -> Expr {
    possible(e, true, &|t, _| is_known(t, known))
}

/// Whether a scalar is made of fields that are known and of nothing else.
pub(crate) fn is_known_scalar(s: &Scalar, known: &dyn Fn(&FieldRef) -> bool) -> bool {
    let mut fine = true;
    s.fields(&mut |f| fine &= known(f));
    fine && !scalar_mentions(s, &is_of_whole_row)
}

/// What is made of more than fields by their names.
fn is_of_whole_row(s: &Scalar) -> bool {
    matches!(
        s,
        Scalar::AnyField | Scalar::FieldGlob(..) | Scalar::Var(_) | Scalar::Asked(_) | Scalar::Each(_)
    )
}

/// A condition that holds wherever `e` does (`upper`; otherwise: that holds nowhere but where `e` does), of the tests
/// that are known. These are told on which side they stand.
fn possible(e: &Expr, upper: bool, known: &dyn Fn(&Test, bool) -> bool) -> Expr {
    match e {
        Expr::And(v) => {
            let parts: Vec<Expr> = v.iter().map(|e| possible(e, upper, known)).collect();
            if parts.contains(&Expr::FALSE) { Expr::FALSE } else { Expr::and(parts) }
        }
        Expr::Or(v) => {
            let parts: Vec<Expr> = v.iter().map(|e| possible(e, upper, known)).collect();
            if parts.contains(&Expr::TRUE) { Expr::TRUE } else { Expr::or(parts) }
        }
        Expr::Not(e) => match possible(e, !upper, known) {
            Expr::Const(t) => Expr::Const(t.negate()),
            other => other.negate(),
        },
        Expr::Named(_, e) => possible(e, upper, known),
        Expr::Test(t) if known(t, upper) => e.clone(),
        Expr::Const(Truth::True | Truth::False) => e.clone(),
        Expr::Test(_) | Expr::Opaque(_) | Expr::Const(_) => {
            if upper {
                Expr::TRUE
            } else {
                Expr::FALSE
            }
        }
    }
}

/// Whether a test can be answered below as it is above; `known`: fields that mean the same.
fn is_known(test: &Test, known: &dyn Fn(&FieldRef) -> bool) -> bool {
    let mut fine = true;
    test.fields(&mut |f| fine &= known(f));
    fine && !test_mentions(test, &is_of_whole_row)
}

fn test_mentions(t: &Test, what: &dyn Fn(&Scalar) -> bool) -> bool {
    let right = if let Op::Compare(_, right) = &t.op { Some(right) } else { None };
    scalar_mentions(&t.subject, what) || right.is_some_and(|r| scalar_mentions(r, what))
}

pub(crate) fn mentions(e: &Expr, what: &dyn Fn(&Scalar) -> bool) -> bool {
    match e {
        Expr::And(v) | Expr::Or(v) => v.iter().any(|e| mentions(e, what)),
        Expr::Not(e) | Expr::Named(_, e) => mentions(e, what),
        Expr::Test(t) => test_mentions(t, what),
        Expr::Const(_) | Expr::Opaque(_) => false,
    }
}

pub(crate) fn scalar_mentions(s: &Scalar, what: &dyn Fn(&Scalar) -> bool) -> bool {
    if what(s) {
        return true;
    }
    match s {
        Scalar::Call(c) => c.args.iter().any(|a| scalar_mentions(a, what)),
        Scalar::Case(arms, other) => {
            arms.iter().any(|(e, s)| mentions(e, what) || scalar_mentions(s, what))
                || other.as_ref().is_some_and(|o| scalar_mentions(o, what))
        }
        Scalar::Truth(e) => mentions(e, what),
        _ => false,
    }
}

/// Whether anything in a plan asks for the time of the search.
fn reads_now(plan: &Plan, depth: usize) -> bool {
    let now = |s: &Scalar| matches!(s, Scalar::Var(_) | Scalar::Each(_));
    let columns = |c: &[(Arc<str>, Scalar)]| c.iter().any(|(_, s)| scalar_mentions(s, &now));
    let own = match plan {
        Plan::Filter(_, e) => mentions(e, &now),
        Plan::Eval(_, c) | Plan::Project(_, c) => columns(c),
        _ => false,
    };
    own || depth > MAX_DEPTH || plan.children().into_iter().any(|p| reads_now(p, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shikra_event::Timestamp;
    use shikra_ir::eval::Row;
    use shikra_ir::{Key, LogSource, Nulls, Opaque, Pattern, SortKey, Words};
    use shikra_sequence::{Input, Limits};
    use shikra_syntax::Span;

    use crate::compile::{Program, unmoved};
    use crate::machine::Machine;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    /// An event: values by position of the name.
    struct Event<'e>(&'e [Value]);

    impl Row for Event<'_> {
        fn field(&self, f: &FieldRef) -> Value {
            let at = NAMES.iter().position(|n| **n == *f.name && f.names == Names::Raw);
            at.and_then(|i| self.0.get(i)).cloned().unwrap_or_default()
        }
        fn all_fields(&self) -> Vec<Value> {
            self.0.to_vec()
        }
        fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
            vec![]
        }
        fn var(&self, _: &str) -> Value {
            self.0.first().cloned().unwrap_or_default()
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Missing),
            Just(Value::Null),
            Just(Value::F64(1.0)),
            (0i64..3).prop_map(Value::I64),
            Just(Value::from("x")),
            Just(Value::List(vec![Value::I64(0), Value::from("x")])),
        ]
    }

    fn name() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(&NAMES[..])
    }

    fn field() -> impl Strategy<Value = Scalar> {
        (name(), any::<bool>())
            .prop_map(|(n, raw)| Scalar::field(if raw { Names::Raw } else { Names::Column }, n))
    }

    fn test(subject: impl Strategy<Value = Scalar>) -> impl Strategy<Value = Expr> {
        let op = prop_oneof![Just(CmpOp::Eq), Just(CmpOp::Ne), Just(CmpOp::Gt), Just(CmpOp::Le)];
        (subject, op, value(), any::<bool>()).prop_map(|(subject, op, v, three)| {
            let nulls = if three { Nulls::Three } else { Words::default().null };
            let words = Words { null: nulls, ..Words::default() };
            Expr::Test(Test { subject, op: Op::Compare(op, Scalar::Lit(v)), words, span: Span::default() })
        })
    }

    fn expr(subject: impl Strategy<Value = Scalar> + 'static) -> impl Strategy<Value = Expr> {
        let leaf = prop_oneof![
            8 => test(subject),
            1 => Just(Expr::TRUE),
            1 => Just(Expr::FALSE),
            1 => Just(Expr::Opaque(Opaque { reason: "x".into(), span: Span::default() })),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Expr::And),
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Expr::Or),
                inner.prop_map(Expr::negate),
            ]
        })
    }

    /// An operator on a plan.
    #[derive(Clone, Debug)]
    enum Step {
        Filter(Expr),
        Eval(Vec<(Arc<str>, Scalar)>),
        Project(Vec<(Arc<str>, Scalar)>),
        Drop(&'static str),
        Unnest(&'static str),
        Sort(Scalar),
        Limit(u64),
        Agg(Vec<&'static str>, bool, &'static str),
    }

    fn columns() -> impl Strategy<Value = Vec<(Arc<str>, Scalar)>> {
        let made = prop_oneof![3 => field(), 1 => value().prop_map(Scalar::Lit)];
        proptest::collection::vec((name().prop_map(Arc::from), made), 1..3)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => expr(field()).prop_map(Step::Filter),
            2 => columns().prop_map(Step::Eval),
            1 => columns().prop_map(Step::Project),
            1 => name().prop_map(Step::Drop),
            1 => name().prop_map(Step::Unnest),
            1 => field().prop_map(Step::Sort),
            1 => (0u64..6).prop_map(Step::Limit),
            2 => (proptest::collection::vec(name(), 0..3), any::<bool>(), name())
                .prop_map(|(keys, optional, of)| Step::Agg(keys, optional, of)),
        ]
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let source = LogSource::any(Names::Raw);
        steps.into_iter().fold(Plan::Scan(source), |plan, step| {
            let input = Box::new(plan);
            match step {
                Step::Filter(e) => Plan::Filter(input, e),
                Step::Eval(c) => Plan::Eval(input, c),
                Step::Project(c) => Plan::Project(input, c),
                Step::Drop(name) => Plan::Drop(input, vec![Pattern::exact(name)]),
                Step::Unnest(name) => Plan::Unnest(input, FieldRef::new(Names::Raw, name)),
                Step::Limit(n) => Plan::Limit(input, n),
                Step::Sort(value) => Plan::Sort(Sort {
                    input,
                    keys: vec![SortKey { value, descending: true, nulls_first: false }],
                }),
                Step::Agg(keys, optional, of) => {
                    let raw = |n: &str| Scalar::field(Names::Raw, n);
                    let key = |n: &&str| Key { name: Arc::from(*n), value: raw(n), optional };
                    let keys = keys.iter().map(key).collect();
                    let columns = vec![("n".into(), AggFn::Count), ("d".into(), AggFn::Values(raw(of)))];
                    Plan::Agg(Agg { input, keys, columns, window: Window::None })
                }
            }
        })
    }

    /// What a program tells of events, and how many of them it was given.
    fn told(program: &Program, events: &[Vec<Value>]) -> (Vec<String>, usize) {
        let mut machine = Machine::new(program, Limits::default());
        let (mut found, mut given) = (Vec::new(), 0);
        for (n, event) in events.iter().enumerate() {
            let event = Event(event);
            let leaves = program.leaves().iter().enumerate();
            let passed = leaves.filter(|(_, l)| eval::truth(&l.expr, &event).holds());
            let read = |s: &Scalar| eval::scalar(s, &event);
            let hits: Vec<_> = passed.map(|(i, l)| (i, l.values.iter().map(read).collect())).collect();
            if !hits.is_empty() {
                given += 1;
                let time = Some(Timestamp(n as i64));
                machine.push(Input { time, order: (0, n as u64), handle: n as u64, hits }, &mut found);
            }
        }
        machine.finish(&mut found).unwrap();
        let line = |m: &crate::Match| format!("{:?} {:?} {:?}", m.events, m.keys, m.columns);
        (found.iter().map(line).collect(), given)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn what_holds_is_possible(
            e in expr(prop_oneof![field(), Just(Scalar::Var("v".into()))]),
            event in proptest::collection::vec(value(), 4),
        ) {
            let known = |t: &Test, _: bool| is_known(t, &|f| &*f.name != "b");
            let (upper, lower) = (possible(&e, true, &known), possible(&e, false, &known));
            // Whatever the unknown field is.
            for unknown in [Value::Missing, Value::I64(1), Value::from("x")] {
                let mut other = event.clone();
                other[1] = unknown;
                if eval::truth(&e, &Event(&other)).holds() {
                    prop_assert!(eval::truth(&upper, &Event(&event)).holds() || event[1] != other[1]);
                    prop_assert!(eval::truth(&upper, &Event(&other)).holds());
                }
                if eval::truth(&lower, &Event(&other)).holds() {
                    prop_assert!(eval::truth(&e, &Event(&other)).holds());
                }
            }
        }

        #[test]
        fn conditions_change_nothing_where_they_are_brought_to(
            steps in proptest::collection::vec(step(), 1..6),
            events in proptest::collection::vec(proptest::collection::vec(value(), 4), 0..12),
        ) {
            let plan = plan(steps);
            if let (Ok(moved), Ok(plain)) = (Program::new(&plan), unmoved(&plan)) {
                let ((rows, fewer), (expected, given)) = (told(&moved, &events), told(&plain, &events));
                prop_assert_eq!(rows, expected);
                prop_assert!(fewer <= given);
            }
        }
    }

    #[test]
    fn a_filter_above_groups_and_columns_reaches_the_events() {
        let eq = |s: Scalar, v: &str| {
            Expr::Test(Test {
                subject: s,
                op: Op::Compare(CmpOp::Eq, Scalar::Lit(v.into())),
                words: Words::default(),
                span: Span::default(),
            })
        };
        let (raw, column) = (|n| Scalar::field(Names::Raw, n), |n| Scalar::field(Names::Column, n));
        let steps = vec![
            Step::Agg(vec!["a"], false, "b"),
            Step::Eval(vec![("e".into(), column("a")), ("f".into(), column("n"))]),
            Step::Filter(Expr::And(vec![eq(column("e"), "x"), eq(column("f"), "3")])),
        ];
        let program = Program::new(&plan(steps)).unwrap();
        assert_eq!(program.leaves()[0].expr, eq(raw("a"), "x"));
    }
}
