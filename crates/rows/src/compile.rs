//! From a plan to a program: operators are peeled off from the top; what is left, events or a keyed operator,
//! is fed by ports.

use std::sync::Arc;

use shikra_ir::{
    Agg, Dedup, Expr, FieldRef, Join, LogSource, Member, Names, Pattern, Plan, RuleRef, Scalar, Seq, Set,
    Sort, Stage, Table, Window,
};
use shikra_sequence::{Leaf, Unsupported};

use crate::extract::Extractor;
use crate::folding::{self, Folding};
use crate::gate::{Gate, Port, TreeSpec, identity, process_events};
use crate::merge::{self, Kind, Merge, Spec};
use crate::more::{self, More};
use crate::push;
use crate::reads;
use crate::windows;

/// Nesting of operators that is followed.
const MAX_DEPTH: usize = 64;
/// Operators above one another.
const MAX_OPERATORS: usize = 1024;
/// Ports of one program.
const MAX_PORTS: usize = 1024;

/// A compiled plan.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) leaves: Vec<Leaf>,
    /// Ancestors' ports before those that ask for them.
    pub(crate) ports: Vec<Port>,
    pub(crate) trees: Vec<TreeSpec>,
    /// Leaves of process events, where trees learn from, with the place of the five parts of identity.
    pub(crate) process_leaves: Vec<(usize, [usize; 5])>,
    pub(crate) core: Core,
    /// In order of work.
    pub(crate) operators: Vec<Operator>,
    /// What the operators read, and those of a program that this one feeds.
    pub(crate) reads: Vec<Scalar>,
    /// Rows go to another program, so they wait for the end even where no operator needs them to.
    pub(crate) feeds_another: bool,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub(crate) enum Core {
    /// Each event that passes this port.
    Events(usize),
    /// Matches of a keyed program.
    Keyed(Box<Keyed>),
    /// Rows of several programs.
    Merged(Box<Merge>),
    /// The rows of a table.
    Values(Arc<Table>),
}

#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub program: shikra_sequence::Program,
    /// Per leaf of the inner program: the port, and where its values stand among the port's reads.
    pub feeds: Vec<(usize, Vec<usize>)>,
    /// Per read of the operators: the event of the match that answers it, and where among its port's reads.
    pub cells: Vec<Option<(usize, usize)>>,
    /// Port of each event of a match, absent ones included.
    pub slots: Vec<Option<usize>>,
}

/// An operator over rows.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Filter(Expr),
    Eval(Vec<(Arc<str>, Scalar)>),
    Project(Vec<(Arc<str>, Scalar)>),
    Drop(Vec<Pattern>),
    Unnest(FieldRef),
    Extract(Box<Extractor>),
    Limit(u64),
    Tail(u64),
    Sort(Vec<shikra_ir::SortKey>),
    Dedup(Vec<Scalar>, u64),
    More(Arc<More>),
    Agg(Agg),
    WindowAgg(Agg),
}

impl Program {
    /// What the program needs from the event stream.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// What is kept of its events, leaf by leaf, where all its rows come of single events: for a
    /// [`Folder`](crate::Folder). None where there is more to it.
    pub fn foldings(&self) -> Option<Vec<Folding>> {
        let mut all = Vec::new();
        folding::foldings(self, 0, &mut all)?;
        Some(all)
    }

    /// Leaves that only tell who is whose child: what passes them is never part of a match, and unless something
    /// passes another leaf of the program nothing comes of it.
    pub fn lineage_leaves(&self) -> Vec<usize> {
        let own = self.process_leaves.iter().map(|(leaf, _)| *leaf).filter(|l| !self.is_port(*l));
        self.with_those_beneath(own.collect(), Program::lineage_leaves)
    }

    /// Leaves that only tell whether there is anything to tell: see [`Program::needs`]. Nobody takes what passes them.
    pub fn witness_leaves(&self) -> Vec<usize> {
        let learns = |leaf: usize| self.process_leaves.iter().any(|(l, _)| *l == leaf);
        let own = self.ports.iter().filter_map(|p| p.alone).filter(|l| !self.is_port(*l) && !learns(*l));
        self.with_those_beneath(own.collect(), Program::witness_leaves)
    }

    fn is_port(&self, leaf: usize) -> bool {
        self.ports.iter().any(|p| p.leaf == leaf)
    }

    /// Leaves, and those of the programs that are merged.
    fn with_those_beneath(&self, mut own: Vec<usize>, of: fn(&Program) -> Vec<usize>) -> Vec<usize> {
        if let Core::Merged(merge) = &self.core {
            let inputs = merge.inputs.iter();
            own.extend(inputs.flat_map(|i| of(&i.program).into_iter().map(|l| l + i.first_leaf)));
        }
        own
    }
}

/// Finds the plan of a rule.
pub type Resolve<'r> = &'r dyn Fn(&RuleRef) -> Option<&'r Plan>;

/// Compiles a plan. `resolve` answers the plan of a rule that is referred to.
///
/// # Errors
/// Where the plan needs more than this crate and `sequence` have.
pub fn compile(plan: &Plan, resolve: Resolve<'_>) -> Result<Program, Unsupported> {
    as_it_stands(&push::down(plan), resolve)
}

/// [`compile()`] with every condition where the plan has it.
#[cfg(test)]
pub(crate) fn unmoved(plan: &Plan) -> Result<Program, Unsupported> {
    as_it_stands(plan, &|_| None)
}

fn as_it_stands(plan: &Plan, resolve: Resolve<'_>) -> Result<Program, Unsupported> {
    if more::at_the_end(plan) && plan.single_event().is_none() {
        return relation(plan, resolve, &[], 0);
    }
    alone(plan, resolve).or_else(|e| relation(plan, resolve, &[], 0).map_err(|other| first_named(e, other)))
}

/// Of two reasons, that of the relational form, unless it is only that the operator is not its own.
fn first_named(keyed: Unsupported, relational: Unsupported) -> Unsupported {
    if relational.operator == NOT_RELATIONAL { keyed } else { relational }
}

/// A program whose base is events or one keyed operator.
fn alone(plan: &Plan, resolve: Resolve<'_>) -> Result<Program, Unsupported> {
    let (operators, base) = peel(plan, false)?;
    let mut wanted = Vec::new();
    operators.iter().for_each(|o| operator_reads(o, &mut wanted));
    let mut c = Compiler::default();
    let core = match base {
        Plan::Seq(_) | Plan::Set(_) => c.keyed(base, &wanted, resolve)?,
        _ if gated(base) => c.events(base, &wanted)?,
        _ => c.keyed(base, &wanted, resolve)?,
    };
    Ok(c.program(core, operators, wanted))
}

/// A program that may merge others; groups are computed when the input ends. `above`: what the program that it
/// feeds reads.
pub(crate) fn relation(
    plan: &Plan,
    resolve: Resolve<'_>,
    above: &[Scalar],
    depth: usize,
) -> Result<Program, Unsupported> {
    if depth > MAX_DEPTH {
        return unsupported("plan", "nested too deeply");
    }
    let (operators, base) = peel(plan, true)?;
    let mut wanted = Vec::new();
    operators.iter().for_each(|o| operator_reads(o, &mut wanted));
    let hides = |o: &Operator| matches!(o, Operator::Project(_) | Operator::Agg(_));
    if !operators.iter().any(hides) {
        above.iter().for_each(|s| reads::of_scalar(s, &mut wanted));
    }
    if let Plan::Join(Join { on: Some(on), .. }) = base {
        reads::of_expr(on, &mut wanted);
    }
    let mut c = Compiler::default();
    let core = match base {
        Plan::Seq(_) | Plan::Set(_) => c.keyed(base, &wanted, resolve)?,
        Plan::Values(table) => Core::Values(table.clone()),
        _ if gated(base) => c.events(base, &wanted)?,
        _ => c.merged(base, &wanted, resolve, depth)?,
    };
    Ok(c.program(core, operators, wanted))
}

const NOT_RELATIONAL: &str = "plan";

fn unsupported<T>(operator: &str, reason: &str) -> Result<T, Unsupported> {
    Err(Unsupported { operator: operator.into(), reason: reason.into() })
}

/// Filters and lineage over one scan.
pub(crate) fn gated(plan: &Plan) -> bool {
    match plan {
        Plan::Scan(_) => true,
        Plan::Filter(input, _) | Plan::Lineage(input, ..) => gated(input),
        Plan::Mark(m) => gated(&m.input),
        _ => false,
    }
}

/// The operators above the base, in order of work, and the base.
fn peel(plan: &Plan, relational: bool) -> Result<(Vec<Operator>, &Plan), Unsupported> {
    let mut operators = Vec::new();
    let mut at = plan;
    while !gated(at) {
        let (operator, input) = match at {
            Plan::Filter(input, e) => (Operator::Filter(e.clone()), &**input),
            Plan::Eval(input, c) => (Operator::Eval(c.clone()), &**input),
            Plan::Project(input, c) => (Operator::Project(c.clone()), &**input),
            Plan::Drop(input, p) => (Operator::Drop(p.clone()), &**input),
            Plan::Extract(input, e) if Extractor::knows(e) => {
                (Operator::Extract(Box::new(Extractor::new(e)?)), &**input)
            }
            Plan::Unnest(input, f) => (Operator::Unnest(f.clone()), &**input),
            Plan::Limit(input, n) => (Operator::Limit(*n), &**input),
            Plan::Tail(input, n) => (Operator::Tail(*n), &**input),
            Plan::Sort(Sort { input, keys }) => (Operator::Sort(keys.clone()), &**input),
            Plan::Dedup(Dedup { input, keys, keep }) => (Operator::Dedup(keys.clone(), *keep), &**input),
            Plan::WindowAgg(a) if a.window == Window::None => (Operator::WindowAgg(a.clone()), &*a.input),
            Plan::Agg(a) if a.window == Window::None && (relational || !keyed_alone(&operators)) => {
                (Operator::Agg(a.clone()), &*a.input)
            }
            Plan::Agg(a) if windows::cuts(a.window) && !more::is_session(a) => {
                (Operator::Agg(a.clone()), &*a.input)
            }
            other => match More::of(other)? {
                Some((more, input)) => (Operator::More(Arc::new(more)), input),
                None => break,
            },
        };
        if operators.len() >= MAX_OPERATORS {
            return unsupported("plan", "nested too deeply");
        }
        operators.push(operator);
        at = input;
    }
    // A filter over aggregates of a keyed rule is the keyed operator's own.
    if !relational && keyed_alone(&operators) && !matches!(at, Plan::Seq(_) | Plan::Set(_)) && !gated(at) {
        return Ok((vec![], plan));
    }
    operators.reverse();
    Ok((operators, at))
}

/// Operators that a keyed program has itself.
fn keyed_alone(operators: &[Operator]) -> bool {
    operators.iter().all(|o| matches!(o, Operator::Filter(_) | Operator::Eval(_)))
}

pub(crate) fn operator_reads(o: &Operator, out: &mut Vec<Scalar>) {
    match o {
        Operator::Filter(e) => reads::of_expr(e, out),
        Operator::Eval(c) | Operator::Project(c) => c.iter().for_each(|(_, s)| reads::of_scalar(s, out)),
        Operator::Extract(e) => reads::of_scalar(&e.from, out),
        Operator::Unnest(f) => reads::of_scalar(&Scalar::Field(f.clone()), out),
        Operator::More(m) => m.reads(out),
        Operator::Drop(_) | Operator::Limit(_) | Operator::Tail(_) => {}
        Operator::Sort(keys) => keys.iter().for_each(|k| reads::of_scalar(&k.value, out)),
        Operator::Dedup(keys, _) => keys.iter().for_each(|k| reads::of_scalar(k, out)),
        Operator::Agg(a) | Operator::WindowAgg(a) => {
            a.keys.iter().for_each(|k| reads::of_scalar(&k.value, out));
            a.columns.iter().for_each(|(_, f)| reads::of_aggregate(f, out));
        }
    }
}

struct Compiler {
    leaves: Vec<Leaf>,
    ports: Vec<Port>,
    trees: Vec<TreeSpec>,
    process_leaves: Vec<(usize, [usize; 5])>,
    /// See [`Keyed::slots`].
    slots: Vec<Option<usize>>,
    /// The scheme of the scans.
    names: Names,
}

impl Default for Compiler {
    fn default() -> Compiler {
        Compiler {
            leaves: vec![],
            ports: vec![],
            trees: vec![],
            process_leaves: vec![],
            slots: vec![],
            names: Names::Raw,
        }
    }
}

impl Compiler {
    fn program(self, core: Core, operators: Vec<Operator>, reads: Vec<Scalar>) -> Program {
        let Compiler { leaves, ports, trees, process_leaves, .. } = self;
        Program { leaves, ports, trees, process_leaves, core, operators, reads, feeds_another: false }
    }

    fn events(&mut self, base: &Plan, wanted: &[Scalar]) -> Result<Core, Unsupported> {
        let port = self.port(base, 0)?;
        let of_events = |s: &&Scalar| !matches!(s, Scalar::Field(f) if f.names == Names::Column);
        self.read(port, &wanted.iter().filter(of_events).cloned().collect::<Vec<_>>());
        Ok(Core::Events(port))
    }

    /// An operator over the rows of several programs.
    fn merged(
        &mut self,
        base: &Plan,
        wanted: &[Scalar],
        resolve: Resolve<'_>,
        depth: usize,
    ) -> Result<Core, Unsupported> {
        let unnamed = |p| (Arc::from(""), p);
        let (kind, inputs): (Kind, Vec<(Arc<str>, &Plan)>) = match base {
            Plan::Join(j) if more::is_search(j) => {
                (Kind::Search(more::Search::of(j)), vec![unnamed(&*j.left.1), unnamed(&*j.right.1)])
            }
            Plan::Union(v) => (Kind::Union, v.iter().map(unnamed).collect()),
            Plan::Except(l, r, keys) => (Kind::Join(Spec::except(keys)), vec![unnamed(l), unnamed(r)]),
            Plan::Join(j) => {
                let sides = [&j.left, &j.right].map(|(name, p)| (name.clone(), &**p));
                (Kind::Join(Spec::of(j)), sides.to_vec())
            }
            Plan::Rule(r) => match resolve(r) {
                Some(plan) => (Kind::Union, vec![unnamed(plan)]),
                None => return unsupported("rule", &format!("{} is not there", r.0)),
            },
            Plan::Opaque(_, o) => return unsupported("query", &o.reason),
            Plan::Table(name) => return unsupported("table", &format!("the rows of {name} are not there")),
            _ => return unsupported(NOT_RELATIONAL, "needs an operator that is not there"),
        };
        let mut merge = Merge { kind, inputs: vec![] };
        for (side, (name, plan)) in inputs.iter().enumerate() {
            let others: Vec<&str> =
                inputs.iter().enumerate().filter(|(i, _)| *i != side).map(|(_, (n, _))| &**n).collect();
            let above: Vec<Option<Scalar>> =
                wanted.iter().map(|s| merge::of_side(name, &others, s)).collect();
            let mut reads: Vec<Scalar> = above.iter().flatten().cloned().collect();
            merge.kind.reads(side, &mut reads);
            let mut program = relation(plan, resolve, &reads, depth + 1)?;
            program.feeds_another = true;
            let place = |s: &Option<Scalar>| program.reads.iter().position(|r| Some(r) == s.as_ref());
            let cells = above.iter().map(place).collect();
            let first_leaf = self.leaves.len();
            self.leaves.extend(program.leaves.iter().cloned());
            merge.inputs.push(merge::Input { program, first_leaf, name: name.clone(), cells });
        }
        Ok(Core::Merged(Box::new(merge)))
    }

    /// A port for filters and lineage over a scan.
    fn port(&mut self, plan: &Plan, depth: usize) -> Result<usize, Unsupported> {
        if depth > MAX_DEPTH || self.ports.len() >= MAX_PORTS {
            return unsupported("lineage", "nested too deeply");
        }
        let mut chain = Vec::new();
        let mut at = plan;
        let source = loop {
            let input = match at {
                Plan::Scan(source) => break source,
                Plan::Filter(input, _) | Plan::Lineage(input, ..) => input,
                Plan::Mark(m) => &m.input,
                _ => return unsupported("stage", "is more than filters and lineage"),
            };
            if chain.len() > MAX_DEPTH {
                return unsupported("lineage", "nested too deeply");
            }
            chain.push(at);
            at = input;
        };
        chain.reverse();
        self.names = source.names;
        let first = chain.iter().take_while(|p| matches!(p, Plan::Filter(..))).count();
        let (before, after) = chain.split_at(first);
        let filters = before.iter().filter_map(|p| match p {
            Plan::Filter(_, e) => Some(e.clone()),
            _ => None,
        });
        let leaf = self.leaf(source, Expr::and(filters));
        let mut gates = Vec::new();
        for p in after {
            gates.push(match p {
                Plan::Filter(_, e) => Gate::Filter(e.clone()),
                Plan::Lineage(_, of, d) => Gate::Lineage(self.tree(of, *d, depth)?),
                Plan::Mark(m) => Gate::Mark(self.tree(&m.of, m.depth, depth)?, m.column.clone()),
                _ => continue,
            });
        }
        let alone = self.alone(leaf, &gates);
        let port = self.add_port(leaf, gates, source.names);
        self.ports.get_mut(port).into_iter().for_each(|p| p.alone = alone);
        Ok(port)
    }

    /// See [`Port::alone`].
    fn alone(&mut self, leaf: usize, gates: &[Gate]) -> Option<usize> {
        let mark = |g: &Gate| match g {
            Gate::Mark(_, column) => Some(column.clone()),
            Gate::Filter(_) | Gate::Lineage(_) => None,
        };
        let marks: Vec<Arc<str>> = gates.iter().filter_map(mark).collect();
        if marks.is_empty() {
            return None;
        }
        let Leaf { source, expr, .. } = self.leaves.get(leaf)?.clone();
        let asked = gates.iter().filter_map(|g| match g {
            Gate::Filter(e) => Some(push::unmarked(e, &marks)),
            Gate::Lineage(_) | Gate::Mark(..) => None,
        });
        let strict = Expr::and([expr].into_iter().chain(asked));
        Some(self.leaf(&source, strict))
    }

    fn add_port(&mut self, leaf: usize, gates: Vec<Gate>, names: Names) -> usize {
        let mut wanted = Vec::new();
        for g in &gates {
            if let Gate::Filter(e) = g {
                reads::of_expr(e, &mut wanted);
            }
        }
        wanted.retain(|s| !matches!(s, Scalar::Field(f) if f.names == Names::Column));
        let lineage = gates.iter().any(|g| !matches!(g, Gate::Filter(_)));
        self.ports.push(Port { leaf, reads: vec![], at: vec![], gates, identity: None, alone: None });
        let port = self.ports.len() - 1;
        self.read(port, &wanted);
        if lineage {
            self.identify(port, names);
        }
        port
    }

    /// Has a port read who its event's process is.
    fn identify(&mut self, port: usize, names: Names) {
        let places = identity(names).map(|s| self.read(port, &[s]).first().copied().unwrap_or(0));
        if let Some(p) = self.ports.get_mut(port) {
            p.identity = Some(places);
        }
    }

    /// The tree of whoever matches a plan.
    fn tree(&mut self, of: &Plan, depth: Option<u32>, nesting: usize) -> Result<usize, Unsupported> {
        let port = self.port(of, nesting + 1)?;
        let names = self.names;
        self.identify(port, names);
        let leaf = self.leaf(&process_events(names), Expr::TRUE);
        if !self.process_leaves.iter().any(|(l, _)| *l == leaf) {
            let places = identity(names).map(|s| self.value(leaf, &s));
            self.process_leaves.push((leaf, places));
        }
        self.trees.push(TreeSpec { of: port, depth });
        Ok(self.trees.len() - 1)
    }

    fn leaf(&mut self, source: &LogSource, expr: Expr) -> usize {
        let known = self.leaves.iter().position(|l| l.source == *source && l.expr == expr);
        known.unwrap_or_else(|| {
            self.leaves.push(Leaf { source: source.clone(), expr, values: vec![] });
            self.leaves.len() - 1
        })
    }

    /// Where a leaf reads a value, from now on if not before.
    fn value(&mut self, leaf: usize, s: &Scalar) -> usize {
        let Some(leaf) = self.leaves.get_mut(leaf) else { return 0 };
        leaf.values.iter().position(|v| v == s).unwrap_or_else(|| {
            leaf.values.push(s.clone());
            leaf.values.len() - 1
        })
    }

    /// Has a port read these; answers where they stand among its reads.
    fn read(&mut self, port: usize, wanted: &[Scalar]) -> Vec<usize> {
        let mut places = Vec::with_capacity(wanted.len());
        for s in wanted {
            let Some(leaf) = self.ports.get(port).map(|p| p.leaf) else { break };
            let at = self.value(leaf, s);
            let Some(p) = self.ports.get_mut(port) else { break };
            let known = p.reads.iter().position(|r| r == s);
            places.push(known.unwrap_or_else(|| {
                p.reads.push(s.clone());
                p.at.push(at);
                p.reads.len() - 1
            }));
        }
        places
    }

    /// A keyed operator, its stages fed through ports.
    fn keyed(&mut self, plan: &Plan, wanted: &[Scalar], resolve: Resolve<'_>) -> Result<Core, Unsupported> {
        let inner = match plan {
            Plan::Seq(s) => Plan::Seq(Box::new(self.sequence(s)?)),
            Plan::Set(s) => Plan::Set(Box::new(self.set(s)?)),
            other => other.clone(),
        };
        let program = shikra_sequence::compile(&inner, resolve)?;
        let mut feeds = Vec::new();
        for leaf in program.leaves() {
            let port = match marked(&leaf.source) {
                Some(port) => port,
                None => {
                    let own = self.leaf(&leaf.source, leaf.expr.clone());
                    self.add_port(own, vec![], leaf.source.names)
                }
            };
            let places = self.read(port, &leaf.values);
            feeds.push((port, places));
        }
        let cells = wanted.iter().map(|s| self.cell(s)).collect();
        let slots = self.slots.clone();
        Ok(Core::Keyed(Box::new(Keyed { program, feeds, cells, slots })))
    }

    /// Which stage's event answers what an operator reads: `events[i].field`, else the first's.
    fn cell(&mut self, s: &Scalar) -> Option<(usize, usize)> {
        let (stage, own) = match s {
            Scalar::Field(f) if f.names == Names::Column => return None,
            Scalar::Field(f) => match of_stage(&f.name) {
                Some((i, name)) => (i, Scalar::Field(FieldRef::new(f.names, name))),
                None => (0, s.clone()),
            },
            other => (0, other.clone()),
        };
        let port = (*self.slots.get(stage)?)?;
        let place = *self.read(port, &[own]).first()?;
        Some((stage, place))
    }

    fn sequence(&mut self, s: &Seq) -> Result<Seq, Unsupported> {
        let mut out = s.clone();
        for stage in &mut out.stages {
            if let Some(joined) = &stage.joined {
                let alone = push::of_event(joined);
                if gated(&stage.plan) && alone != Expr::TRUE {
                    stage.plan = Plan::Filter(Box::new(stage.plan.clone()), alone);
                }
            }
            let port = self.stage(&mut stage.plan)?;
            self.slots.extend(std::iter::repeat_n(port, stage.runs as usize));
        }
        if let Some(until) = &mut out.until {
            self.until(until)?;
        }
        Ok(out)
    }

    fn set(&mut self, s: &Set) -> Result<Set, Unsupported> {
        let mut out = s.clone();
        for Member { plan, .. } in &mut out.members {
            let port = self.stage(plan)?;
            self.slots.push(port);
        }
        if let Some(until) = &mut out.until {
            self.until(until)?;
        }
        Ok(out)
    }

    fn until(&mut self, until: &mut Stage) -> Result<(), Unsupported> {
        self.stage(&mut until.plan).map(drop)
    }

    /// Puts a stand-in for a port in a stage's place; plans that are more are left to the keyed program.
    fn stage(&mut self, plan: &mut Plan) -> Result<Option<usize>, Unsupported> {
        if !gated(plan) {
            return Ok(None);
        }
        let port = self.port(plan, 0)?;
        *plan = Plan::Scan(mark(port));
        Ok(Some(port))
    }
}

const PORT: &str = "rows.port";

/// A log source that stands for a port.
fn mark(port: usize) -> LogSource {
    LogSource::with_keys(Names::Column, [(PORT, port.to_string().as_str())])
}

fn marked(source: &LogSource) -> Option<usize> {
    source.keys.get(PORT).filter(|_| source.names == Names::Column)?.parse().ok()
}

/// `events[1].field` → 1, `field`.
fn of_stage(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("events[")?.split_once(']')?;
    Some((number.parse().ok()?, rest.strip_prefix('.')?))
}

/// Compiles plans that refer to no rules.
impl Program {
    /// [`compile()`] without rules to refer to.
    ///
    /// # Errors
    /// As [`compile()`].
    pub fn new(plan: &Plan) -> Result<Program, Unsupported> {
        compile(plan, &|_: &RuleRef| None)
    }
}
