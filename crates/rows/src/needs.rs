//! Which leaves something must have passed before a program can tell anything.

use shikra_ir::JoinKind;
use shikra_sequence::Needs;

use crate::compile::{Core, Operator, Program};
use crate::gate::Gate;
use crate::merge::{Kind, Merge};
use crate::more::More;

impl Program {
    /// What must have passed before this program tells anything that it would not tell of no events at all.
    pub fn needs(&self) -> Needs {
        match &self.core {
            Core::Events(port) => self.port_needs(*port),
            Core::Keyed(k) => {
                let port = |leaf: usize| k.feeds.get(leaf).map(|(port, _)| self.port_needs(*port));
                k.program.needs().renumbered(port)
            }
            Core::Merged(merge) => merge_needs(merge),
            Core::Values(_) => Needs::impossible(),
        }
    }

    /// Whether it has nothing to tell of no events at all.
    pub fn is_silent(&self) -> bool {
        let rows = match &self.core {
            Core::Events(_) | Core::Keyed(_) => false,
            Core::Values(table) => !table.rows.is_empty(),
            Core::Merged(merge) => !merge_is_silent(merge),
        };
        let one_of_none = |o: &Operator| match o {
            Operator::Agg(a) => a.keys.is_empty(),
            Operator::More(m) => !matches!(**m, More::Capture(_) | More::Lookup(_)),
            _ => false,
        };
        !rows && !self.operators.iter().any(one_of_none)
    }

    /// What an event must have passed before one gets through a port. A tree's ancestors have ports of lower
    /// number, so this ends.
    fn port_needs(&self, number: usize) -> Needs {
        let Some(port) = self.ports.get(number) else { return Needs::nothing() };
        let ancestors = |tree: &usize| {
            let tree = self.trees.get(*tree).filter(|t| t.of < number);
            tree.map_or_else(Needs::nothing, |t| self.port_needs(t.of))
        };
        let lineage = port.gates.iter().filter_map(|gate| match gate {
            Gate::Lineage(tree) => Some(ancestors(tree)),
            Gate::Filter(_) | Gate::Mark(..) => None,
        });
        let marks = port.gates.iter().filter_map(|gate| match gate {
            Gate::Mark(tree, _) => Some(ancestors(tree)),
            Gate::Filter(_) | Gate::Lineage(_) => None,
        });
        // Where it would not do to match alone, one of the marks has to hold.
        let alone = port.alone.map(|leaf| Needs::any(marks.chain([Needs::leaf(leaf)])));
        Needs::all(lineage.chain(alone).chain([Needs::leaf(port.leaf)]))
    }
}

fn merge_is_silent(merge: &Merge) -> bool {
    let mut sides = merge.inputs.iter().map(|i| i.program.is_silent());
    match &merge.kind {
        Kind::Union => sides.all(|s| s),
        Kind::Search(_) => sides.next().unwrap_or(true),
        Kind::Join(spec) => match spec.kind {
            JoinKind::Inner | JoinKind::Semi => sides.any(|s| s),
            JoinKind::Left | JoinKind::Anti => sides.next().unwrap_or(true),
            JoinKind::Full => sides.all(|s| s),
        },
    }
}

fn merge_needs(merge: &Merge) -> Needs {
    let side = |i: &crate::merge::Input| {
        let all = i.program.leaves().len();
        i.program.needs().renumbered(|leaf| (leaf < all).then(|| Needs::leaf(leaf + i.first_leaf)))
    };
    // A side that has rows without any event does not keep the others silent.
    let first = |n: usize| {
        let some = merge.inputs.iter().take(n).filter(|i| i.program.is_silent()).map(side);
        let some: Vec<Needs> = some.collect();
        if some.is_empty() { Needs::any(merge.inputs.iter().map(side)) } else { Needs::all(some) }
    };
    match &merge.kind {
        Kind::Union => Needs::any(merge.inputs.iter().map(side)),
        Kind::Search(_) => first(1),
        Kind::Join(spec) => match spec.kind {
            JoinKind::Inner | JoinKind::Semi => first(2),
            JoinKind::Left | JoinKind::Anti => first(1),
            JoinKind::Full => Needs::any(merge.inputs.iter().map(side)),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shikra_event::{Timestamp, Value};
    use shikra_ir::{
        Agg, Expr, FieldRef, LogSource, Mark, Names, Op, Pattern, Plan, Scalar, Test, Words, eval,
    };
    use shikra_sequence::{Input, Limits, Needs};
    use shikra_syntax::Span;

    use crate::compile::Program;
    use crate::machine::Machine;

    fn scan(word: &str) -> Plan {
        Plan::Scan(LogSource::with_keys(Names::Splunk, [("category", word)]))
    }

    fn join(kind: shikra_ir::JoinKind, left: Plan, right: Plan) -> Plan {
        let side = |p| (std::sync::Arc::from(""), Box::new(p));
        let key = shikra_ir::Scalar::field(Names::Splunk, "k");
        let keys = vec![(key.clone(), key)];
        Plan::Join(shikra_ir::Join {
            kind,
            left: side(left),
            right: side(right),
            keys,
            time: None,
            on: None,
            most: None,
        })
    }

    fn met(plan: &Plan, passed: &[usize]) -> bool {
        Program::new(plan).unwrap().needs().met(&|l| passed.contains(&l))
    }

    #[test]
    fn joins_need_what_they_cannot_do_without() {
        use shikra_ir::JoinKind::{Anti, Full, Inner, Left};
        let of = |kind| join(kind, scan("a"), scan("b"));
        assert!(!met(&of(Inner), &[0]) && !met(&of(Inner), &[1]) && met(&of(Inner), &[0, 1]));
        for kind in [Left, Anti] {
            assert!(met(&of(kind), &[0]) && !met(&of(kind), &[1]));
        }
        assert!(met(&of(Full), &[0]) && met(&of(Full), &[1]) && !met(&of(Full), &[]));
        let union = Plan::Union(vec![of(Inner), scan("c")]);
        assert!(met(&union, &[2]));
    }

    #[test]
    fn a_group_of_nothing_is_a_row() {
        let counted = |plan: Plan| {
            Plan::Agg(Agg {
                input: Box::new(plan),
                keys: vec![],
                columns: vec![("n".into(), shikra_ir::AggFn::Count)],
                window: shikra_ir::Window::None,
            })
        };
        let one = join(shikra_ir::JoinKind::Inner, counted(scan("a")), scan("b"));
        assert!(!Program::new(&counted(scan("a"))).unwrap().is_silent());
        assert!(Program::new(&Plan::Filter(Box::new(scan("a")), Expr::TRUE)).unwrap().is_silent());
        assert!(met(&one, &[1]) && !met(&one, &[0]));
        assert_eq!(Program::new(&counted(scan("a"))).unwrap().needs(), Needs::leaf(0));
    }

    /// Of a process: number, number of its parent, and what conditions ask.
    #[derive(Clone, Debug)]
    struct Start(i64, i64, [bool; 3]);

    impl eval::Row for Start {
        fn field(&self, f: &FieldRef) -> Value {
            let Start(number, parent, asked) = self;
            match &*f.name {
                "process.pid" => Value::I64(*number),
                "process.parent.pid" => Value::I64(*parent),
                name => ["a", "b", "c"]
                    .iter()
                    .zip(asked)
                    .find(|(n, _)| **n == name)
                    .map_or(Value::Missing, |(_, v)| Value::Bool(*v)),
            }
        }
        fn all_fields(&self) -> Vec<Value> {
            vec![]
        }
        fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
            vec![]
        }
    }

    fn holds(names: Names, name: &str) -> Expr {
        let (subject, op) = (Scalar::field(names, name), Op::IsTrue);
        Expr::Test(Test { subject, op, words: Words::default(), span: Span::default() })
    }

    /// Conditions over `a`, `c` and the mark.
    fn condition() -> impl Strategy<Value = Expr> {
        let test = prop_oneof![
            Just(holds(Names::Ecs, "a")),
            Just(holds(Names::Ecs, "c")),
            Just(holds(Names::Column, "mark")),
            Just(holds(Names::Column, "other")),
        ];
        test.prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..3).prop_map(Expr::And),
                proptest::collection::vec(inner.clone(), 1..3).prop_map(Expr::Or),
                inner.prop_map(Expr::negate),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn whatever_is_told_was_needed(
            before in condition(),
            after in condition(),
            depth in proptest::option::of(0u32..3),
            starts in proptest::collection::vec((0i64..5, 0i64..5, any::<[bool; 3]>()), 0..8),
        ) {
            let processes = || Box::new(Plan::Scan(crate::gate::process_events(Names::Ecs)));
            let of = Box::new(Plan::Filter(processes(), holds(Names::Ecs, "b")));
            let input = Box::new(Plan::Filter(processes(), before));
            let mark = Plan::Mark(Box::new(Mark { input, column: "mark".into(), of, depth }));
            let plan = Plan::Filter(Box::new(mark), after);
            let program = Program::new(&plan).unwrap();
            let (mut machine, mut found) = (Machine::new(&program, Limits::default()), Vec::new());
            let mut passed = vec![false; program.leaves().len()];
            for (n, (number, parent, asked)) in (0u64..).zip(starts) {
                let event = Start(number, parent, asked);
                let mut hits = Vec::new();
                for (i, leaf) in program.leaves().iter().enumerate() {
                    if eval::truth(&leaf.expr, &event).holds() {
                        passed[i] = true;
                        hits.push((i, leaf.values.iter().map(|s| eval::scalar(s, &event)).collect()));
                    }
                }
                // Nobody takes what passes a witness.
                hits.retain(|(leaf, _)| !program.witness_leaves().contains(leaf));
                if !hits.is_empty() {
                    let time = Some(Timestamp(n as i64));
                    machine.push(Input { time, order: (0, n), handle: n, hits }, &mut found);
                }
            }
            machine.finish(&mut found).unwrap();
            let met = program.needs().met(&|l| passed[l]);
            prop_assert!(met || found.is_empty());
        }
    }

    #[test]
    fn a_descendant_needs_an_ancestor_or_what_matches_alone() {
        let processes = || Box::new(Plan::Scan(crate::gate::process_events(Names::Ecs)));
        let of = Box::new(Plan::Filter(processes(), holds(Names::Ecs, "b")));
        let mark = Mark { input: processes(), column: "mark".into(), of, depth: None };
        let either = Expr::Or(vec![holds(Names::Ecs, "a"), holds(Names::Column, "mark")]);
        let program = Program::new(&Plan::Filter(Box::new(Plan::Mark(Box::new(mark))), either)).unwrap();
        let leaf = |e: &Expr| program.leaves().iter().position(|l| l.expr == *e).unwrap();
        let [all, a, b] = [Expr::TRUE, holds(Names::Ecs, "a"), holds(Names::Ecs, "b")].map(|e| leaf(&e));
        assert_eq!(program.witness_leaves(), [a]);
        let met = |passed: &[usize]| program.needs().met(&|l| passed.contains(&l));
        assert!(!met(&[all]) && met(&[all, a]) && met(&[all, b]) && !met(&[a, b]));
    }
}
