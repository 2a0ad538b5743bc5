//! Which leaves something must have passed before a program can find anything.

use crate::kinds::Spec;
use crate::kinds::temporal::needed;
use crate::program::Program;

/// A necessary condition on leaves: of each list at least one leaf. Unless it is met, what passes the leaves changes
/// nothing: the program tells what it would tell of no events at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(Vec<Vec<usize>>);

impl Needs {
    /// Nothing is known to be needed.
    pub fn nothing() -> Needs {
        Needs(vec![])
    }

    /// One leaf.
    pub fn leaf(leaf: usize) -> Needs {
        Needs(vec![vec![leaf]])
    }

    /// What can never be met: nothing ever comes.
    pub fn impossible() -> Needs {
        Needs(vec![vec![]])
    }

    /// All of them.
    pub fn all(parts: impl IntoIterator<Item = Needs>) -> Needs {
        Needs(parts.into_iter().flat_map(|p| p.0).collect())
    }

    /// One of them. What more than one of them need in several lists is cut to one list.
    pub fn any(parts: impl IntoIterator<Item = Needs>) -> Needs {
        let mut parts: Vec<Needs> = parts.into_iter().collect();
        if parts.len() == 1 {
            return parts.pop().unwrap_or_default();
        }
        let mut either = Vec::new();
        for part in parts {
            match part.0.into_iter().min_by_key(Vec::len) {
                Some(list) => either.extend(list),
                None => return Needs::nothing(),
            }
        }
        Needs(vec![either])
    }

    /// The same of leaves with other numbers; `None`: a leaf that nothing is known of.
    pub fn renumbered(self, number: impl Fn(usize) -> Option<Needs>) -> Needs {
        let list = |list: Vec<usize>| {
            let all: Option<Vec<Needs>> = list.into_iter().map(&number).collect();
            all.map_or_else(Needs::nothing, Needs::any)
        };
        Needs::all(self.0.into_iter().map(list))
    }

    /// Whether the condition is met, where `passed` tells of which leaves there were events.
    pub fn met(&self, passed: &dyn Fn(usize) -> bool) -> bool {
        self.0.iter().all(|list| list.iter().any(|leaf| passed(*leaf)))
    }
}

impl Program {
    /// What must have passed before anything can be found.
    pub fn needs(&self) -> Needs {
        let mut known: Vec<Needs> = Vec::with_capacity(self.nodes.len());
        for (number, node) in self.nodes.iter().enumerate() {
            let ports = required(&node.spec).into_iter().map(|port| self.feeding(number, port, &known));
            known.push(Needs::all(ports));
        }
        let roots = self.nodes.iter().zip(known).filter(|(n, _)| n.root).map(|(_, needs)| needs);
        Needs::any(roots)
    }

    /// What an arrival at a port needs; `known` of the nodes before it.
    fn feeding(&self, node: usize, port: usize, known: &[Needs]) -> Needs {
        let here = |r: &crate::program::Route| r.node == node && r.port == port;
        let leaves = self.leaf_routes.iter().enumerate().filter(|(_, routes)| routes.iter().any(here));
        let nodes = self.nodes.iter().zip(known).filter(|(n, _)| n.routes.iter().any(here));
        Needs::any(leaves.map(|(leaf, _)| Needs::leaf(leaf)).chain(nodes.map(|(_, n)| n.clone())))
    }
}

/// Ports of which each must have been reached by something before there is a match.
fn required(spec: &Spec) -> Vec<usize> {
    match spec {
        Spec::Count(_) | Spec::Fresh(_) => vec![0],
        Spec::Sequence(s) => s.places.iter().map(|p| p.port).collect(),
        Spec::Ordered(o) => o.stages.clone(),
        Spec::Sample(s) => (0..s.members).collect(),
        Spec::Join(j) => (0..j.members).collect(),
        Spec::Temporal(t) => needed(&t.condition),
        Spec::Near(n) => [n.anchor].into_iter().chain(needed(&n.condition)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_and_cut() {
        let (a, b) = (Needs::all([Needs::leaf(0), Needs::leaf(1)]), Needs::leaf(2));
        let passed = |which: &'static [usize]| move |l: usize| which.contains(&l);
        assert!(!a.met(&passed(&[0])) && a.met(&passed(&[0, 1])));
        let either = Needs::any([a.clone(), b.clone()]);
        assert!(either.met(&passed(&[2])) && !either.met(&passed(&[1])));
        assert!(Needs::any([a.clone(), Needs::nothing()]).met(&passed(&[])));
        assert_eq!(Needs::any([a.clone()]), a);
        assert!(Needs::nothing().met(&passed(&[])) && !Needs::impossible().met(&passed(&[0, 1, 2])));
        assert_eq!(Needs::any([Needs::impossible(), b.clone()]), b);
        let moved = a.renumbered(|l| Some(Needs::leaf(l + 5)));
        assert!(moved.met(&passed(&[5, 6])) && !moved.met(&passed(&[0, 1])));
        assert_eq!(b.renumbered(|_| None), Needs::nothing());
    }
}
