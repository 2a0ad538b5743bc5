//! A compiled plan: leaves, which the engine filters for us, and nodes, which hold the state.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Expr, FieldRef, LogSource, Pattern, Scalar, eval::Row};

use crate::kinds::Spec;

/// A single-event filter that feeds a program: the engine decides `source` and `expr` with the shared matcher
/// and evaluates `values` on each event that passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Where such events come from.
    pub source: LogSource,
    /// What they satisfy.
    pub expr: Expr,
    /// What is to be read from them: keys, aggregate arguments, values carried to chained rules.
    pub values: Vec<Scalar>,
}

/// A compiled plan. Made by [`crate::compile()`], run by [`crate::Machine`].
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) leaves: Vec<Leaf>,
    /// Where each leaf's hits go.
    pub(crate) leaf_routes: Vec<Vec<Route>>,
    /// Children before parents.
    pub(crate) nodes: Vec<Arc<NodeSpec>>,
}

impl Program {
    /// What the program needs from the event stream.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// In which of `shards` partitions a leaf's hit belongs, so that partitions run on machines of their own
    /// and their matches together are those of one machine. None where the program cannot be cut by key:
    /// without keys, or where rules are chained.
    pub fn shards_of(&self, leaf: usize, values: &[Value], shards: u64) -> Option<Vec<u64>> {
        let [node] = self.nodes.as_slice() else { return None };
        if node.key_names.is_empty() || shards == 0 {
            return None;
        }
        let mut out = Vec::new();
        for route in self.leaf_routes.get(leaf)? {
            let row = route.apply(values);
            let keys = row.get(..node.key_names.len()).unwrap_or(&row);
            let optional = node.optional.get(route.port).map_or(&[][..], |o| o);
            for key in crate::value::expand(keys, optional, crate::Limits::default().max_keys_per_event).0 {
                let hash = std::hash::BuildHasher::hash_one(&ShardHasher, &key);
                if !out.contains(&(hash % shards)) {
                    out.push(hash % shards);
                }
            }
        }
        Some(out)
    }
}

/// A fixed hash (FNV-1a): the same in every process.
struct ShardHasher;
struct Fnv(u64);
impl std::hash::BuildHasher for ShardHasher {
    type Hasher = Fnv;
    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}
impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// From a leaf or node to a port of a node.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) node: usize,
    pub(crate) port: usize,
    /// Which of the sender's values make the row: keys, arguments, carried values of the receiver.
    pub(crate) pick: Vec<usize>,
}

impl Route {
    pub(crate) fn apply(&self, values: &[Value]) -> Vec<Value> {
        self.pick.iter().map(|&i| values.get(i).cloned().unwrap_or_default()).collect()
    }
}

/// A value of a node's output row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pick {
    Key(usize),
    Column(usize),
    Carry(usize),
    Const(Value),
}

/// One stateful operator.
#[derive(Clone, Debug)]
pub(crate) struct NodeSpec {
    pub(crate) spec: Spec,
    pub(crate) key_names: Vec<Arc<str>>,
    /// Per port, per key.
    pub(crate) optional: Vec<Vec<bool>>,
    pub(crate) column_names: Vec<Arc<str>>,
    /// Number of aggregate arguments in a row, between keys and carried values.
    pub(crate) arguments: usize,
    /// What the carried values are: scalars that receivers or the filter ask for and no column answers.
    pub(crate) carried: Vec<Scalar>,
    /// Over a match.
    pub(crate) filter: Option<Expr>,
    /// What receivers see of a match.
    pub(crate) row: Vec<Pick>,
    pub(crate) routes: Vec<Route>,
    /// Its matches are the program's.
    pub(crate) root: bool,
}

/// A match as a row: columns by name, whatever scheme the reference says; then carried fields.
pub(crate) struct Columns<'a> {
    pub(crate) spec: &'a NodeSpec,
    pub(crate) keys: &'a [Value],
    pub(crate) columns: &'a dyn Fn(usize) -> Value,
    pub(crate) carried: &'a [Value],
}

impl Row for Columns<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        if let Some(i) = self.spec.column_names.iter().position(|n| **n == *field.name) {
            return (self.columns)(i);
        }
        if let Some(i) = self.spec.key_names.iter().position(|n| **n == *field.name) {
            return self.keys.get(i).cloned().unwrap_or_default();
        }
        let carried = |s: &Scalar| matches!(s, Scalar::Field(f) if f == field);
        let at = self.spec.carried.iter().position(carried);
        at.and_then(|i| self.carried.get(i)).cloned().unwrap_or_default()
    }
    fn all_fields(&self) -> Vec<Value> {
        let columns = (0..self.spec.column_names.len()).map(|i| (self.columns)(i));
        self.keys.iter().cloned().chain(columns).collect()
    }
    fn fields_like(&self, _: shikra_ir::Names, pattern: &Pattern) -> Vec<Value> {
        let keys = self.spec.key_names.iter().zip(self.keys).filter(|(n, _)| pattern.matches(n));
        let columns = self.spec.column_names.iter().enumerate().filter(|(_, n)| pattern.matches(n));
        keys.map(|(_, v)| v.clone()).chain(columns.map(|(i, _)| (self.columns)(i))).collect()
    }
}
