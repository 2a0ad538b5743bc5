//! What decides, before an event counts, whether its process descends from another's.
//!
//! A tree remembers the processes of the ancestors that matched, and those that came of them: at each process
//! event, whose parent it is becomes known. An event is seen by a tree before the conditions on it are asked,
//! and ancestors are matched before descendants, so an event can be its own `event of`. A process is told by
//! its unique id; where an event has none, by its number and host.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use shikra_event::Value;
use shikra_ir::{Expr, LogSource, Names, Scalar, eval};
use shikra_sequence::Limits;

use crate::row::View;

/// Fields that tell a process and its parent: unique ids, numbers, host.
pub(crate) fn identity(names: Names) -> [Scalar; 5] {
    let fields = match names {
        Names::Endgame => ["unique_pid", "unique_ppid", "pid", "ppid", "hostname"],
        _ => [
            "process.entity_id",
            "process.parent.entity_id",
            "process.pid",
            "process.parent.pid",
            "host.name",
        ],
    };
    let names = if names == Names::Endgame { names } else { Names::Ecs };
    fields.map(|f| Scalar::field(names, f))
}

/// Events that say who is whose parent.
pub(crate) fn process_events(names: Names) -> LogSource {
    let names = if names == Names::Endgame { names } else { Names::Ecs };
    LogSource::with_keys(names, [("category", "process")])
}

/// A set of processes and those that descend from them.
#[derive(Clone, Debug)]
pub(crate) struct TreeSpec {
    /// Events of the ancestors.
    pub of: usize,
    /// None: any depth; 0: the processes themselves; 1: their children.
    pub depth: Option<u32>,
}

/// A condition on the way of an event to a port.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Filter(Expr),
    /// Only what descends.
    Lineage(usize),
    /// A truth column for later filters.
    Mark(usize, Arc<str>),
}

/// Where events come in: a leaf and what they must pass.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub leaf: usize,
    /// What is read for this port, and where each stands in the leaf's values.
    pub reads: Vec<Scalar>,
    pub at: Vec<usize>,
    pub gates: Vec<Gate>,
    /// Where the identity of the event's process stands among the reads.
    pub identity: Option<[usize; 5]>,
    /// The leaf that events pass to which no mark matters: unless one passes it, or an ancestor matches, nothing gets
    /// through the gates.
    pub alone: Option<usize>,
}

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process(String);

fn process(id: &Value, number: &Value, host: &Value) -> Option<Process> {
    let text = |v: &Value| v.elements().iter().find_map(Value::to_text);
    match text(id) {
        Some(id) => Some(Process(id)),
        None => text(number).map(|n| Process(format!("{}\u{0}{n}", text(host).unwrap_or_default()))),
    }
}

#[derive(Debug, Default)]
struct Tree {
    sources: HashSet<Process>,
    /// Generation of those that came of them.
    descendants: HashMap<Process, u32>,
}

impl Tree {
    fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.descendants.is_empty()
    }
}

/// The trees of a program at work.
#[derive(Debug)]
pub(crate) struct Trees {
    specs: Vec<TreeSpec>,
    trees: Vec<Tree>,
    most: usize,
    /// Processes that were not remembered because there were too many.
    pub lost: u64,
}

impl Trees {
    pub fn new(specs: &[TreeSpec], limits: &Limits) -> Trees {
        let trees = specs.iter().map(|_| Tree::default()).collect();
        Trees { specs: specs.to_vec(), trees, most: limits.max_keys, lost: 0 }
    }

    /// Whether no ancestor has matched yet: then who is whose child matters to nobody.
    pub fn are_empty(&self) -> bool {
        self.trees.iter().all(Tree::is_empty)
    }

    /// A process event: who is whose child.
    pub fn learn(&mut self, identity: [&Value; 5]) {
        if self.are_empty() {
            return;
        }
        let [id, parent, number, parent_number, host] = identity;
        let (Some(child), Some(parent)) = (process(id, number, host), process(parent, parent_number, host))
        else {
            return;
        };
        for (spec, tree) in self.specs.iter().zip(&mut self.trees) {
            let above = match tree.sources.contains(&parent) {
                true => Some(0),
                false => tree.descendants.get(&parent).copied(),
            };
            let generation = above.map(|g| g + 1).filter(|g| spec.depth.is_none_or(|d| *g <= d));
            let Some(generation) = generation else { continue };
            if tree.descendants.len() >= self.most {
                self.lost += 1;
                continue;
            }
            let known = tree.descendants.entry(child.clone()).or_insert(generation);
            *known = generation.min(*known);
        }
    }

    /// Whether an event passes a port's gates; `cells` are the values of its reads.
    pub fn passes(&self, port: &Port, cells: &[Value]) -> bool {
        let mut columns: Vec<(Arc<str>, Value)> = Vec::new();
        for gate in &port.gates {
            match gate {
                Gate::Filter(e) => {
                    let view = View { reads: &port.reads, cells, columns: &columns };
                    if !eval::truth(e, &view).holds() {
                        return false;
                    }
                }
                Gate::Lineage(tree) => {
                    if !self.descends(*tree, port, cells) {
                        return false;
                    }
                }
                Gate::Mark(tree, name) => {
                    columns.push((name.clone(), Value::Bool(self.descends(*tree, port, cells))));
                }
            }
        }
        true
    }

    fn descends(&self, tree: usize, port: &Port, cells: &[Value]) -> bool {
        let (Some(spec), Some(tree)) = (self.specs.get(tree), self.trees.get(tree)) else { return false };
        if tree.is_empty() {
            return false;
        }
        let Some(own) = own(port, cells) else { return false };
        match spec.depth {
            Some(0) => tree.sources.contains(&own),
            Some(depth) => tree.descendants.get(&own) == Some(&depth),
            None => tree.descendants.contains_key(&own),
        }
    }

    /// An event that passed the port of a tree's ancestors.
    pub fn matched(&mut self, port_number: usize, port: &Port, cells: &[Value]) {
        let Some(own) = own(port, cells) else { return };
        for (spec, tree) in self.specs.iter().zip(&mut self.trees).filter(|(s, _)| s.of == port_number) {
            let _ = spec;
            if tree.sources.len() < self.most {
                tree.sources.insert(own.clone());
            } else {
                self.lost += 1;
            }
        }
    }
}

/// The process of an event at a port.
fn own(port: &Port, cells: &[Value]) -> Option<Process> {
    let [id, _, number, _, host] = port.identity?;
    let cell = |i: usize| cells.get(i).unwrap_or(&Value::Missing);
    process(cell(id), cell(number), cell(host))
}
