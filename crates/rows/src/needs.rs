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
        let tree = |gate: &Gate| match gate {
            Gate::Lineage(tree) => self.trees.get(*tree).filter(|t| t.of < number),
            Gate::Filter(_) | Gate::Mark(..) => None,
        };
        let trees = port.gates.iter().filter_map(tree).map(|t| self.port_needs(t.of));
        Needs::all(trees.chain([Needs::leaf(port.leaf)]))
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
    use shikra_ir::{Agg, Expr, LogSource, Names, Plan};
    use shikra_sequence::Needs;

    use crate::compile::Program;

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
}
