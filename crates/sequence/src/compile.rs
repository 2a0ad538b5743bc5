//! From a plan to a program.
//!
//! The plan is walked from the top. Each operator asks its input for the scalars it needs (keys, aggregate
//! arguments, values carried to whoever stands above); a scan becomes a leaf that reads them from the event, an
//! operator answers those that are its own columns and passes the rest on. `Eval` and `Project` are dissolved
//! into what is asked through them.

use std::fmt;
use std::sync::Arc;

use shikra_ir::{
    Agg, AggFn, Condition, Duration, Expr, FieldRef, JoinKind, Joined, Key, LogSource, Op, Plan, Policy,
    RuleRef, Scalar, Seq, Set, Stage, TimeBound, Window,
};

use crate::aggregate::{Aggregate, Function};
use crate::kinds::Spec;
use crate::kinds::count::{Count, When, only_rises};
use crate::kinds::fresh::Fresh;
use crate::kinds::join::Join;
use crate::kinds::near::Near;
use crate::kinds::ordered::Ordered;
use crate::kinds::sample::Sample;
use crate::kinds::sequence::{Joint, Place, Role, Sequence, Slot};
use crate::kinds::temporal::{Polarity, Temporal};
use crate::program::{Leaf, NodeSpec, Pick, Program, Route};
use crate::rewrite::Rewrite;

/// Deepest nesting of operators and rules.
const MAX_DEPTH: usize = 64;
/// Most operators and leaves in one program.
const MAX_NODES: usize = 256;
const MAX_LEAVES: usize = 4096;

/// Why a plan is not for this crate: the operator that is not keyed, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The operator: `join`, `sort`, `rule x`, …
    pub operator: String,
    /// What about it.
    pub reason: String,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operator, self.reason)
    }
}

impl std::error::Error for Unsupported {}

fn unsupported<T>(operator: impl Into<String>, reason: &str) -> Result<T, Unsupported> {
    Err(Unsupported { operator: operator.into(), reason: reason.into() })
}

/// Compiles a plan. `resolve` answers the plan of a rule that is referred to. A union at the top makes a
/// program of several parts, whose matches come out together; single events in it are matches of their own.
pub fn compile(plan: &Plan, resolve: Resolve<'_>) -> Result<Program, Unsupported> {
    if plan.single_event().is_some() {
        return unsupported("filter", "decided by one event alone");
    }
    let mut c = Compiler { resolve, program: Program { leaves: vec![], leaf_routes: vec![], nodes: vec![] } };
    for made in c.build(plan, Ask::default(), 0)? {
        let root = match made {
            Made::Node(n) => n,
            Made::Leaf { .. } => c.every(made)?,
        };
        if let Some(spec) = c.program.nodes.get_mut(root).and_then(Arc::get_mut) {
            spec.root = true;
        }
    }
    Ok(c.program)
}

/// Finds the plan of a rule.
pub type Resolve<'r> = &'r dyn Fn(&RuleRef) -> Option<&'r Plan>;

/// What a receiver wants of its input.
#[derive(Clone, Default)]
struct Ask {
    /// The values of its row.
    values: Vec<Scalar>,
    /// Only rows that satisfy these, innermost last.
    filters: Vec<Expr>,
}

/// Who answers: its row holds the asked values, at `columns` in the case of a leaf.
enum Made {
    Leaf { leaf: usize, columns: Vec<usize> },
    Node(usize),
}

struct Compiler<'r> {
    resolve: Resolve<'r>,
    program: Program,
}

/// An operator without its ports.
struct Operator {
    spec: Spec,
    keys: Vec<Arc<str>>,
    columns: Vec<Arc<str>>,
    filter: Option<Expr>,
}

/// An input of an operator.
struct Port<'p> {
    plan: &'p Plan,
    keys: Vec<Key>,
    arguments: Vec<Scalar>,
}

impl Compiler<'_> {
    fn build(&mut self, plan: &Plan, mut ask: Ask, depth: usize) -> Result<Vec<Made>, Unsupported> {
        if depth > MAX_DEPTH {
            return unsupported("plan", "nested too deeply, or a rule that refers to itself");
        }
        match plan {
            Plan::Scan(source) => Ok(vec![self.leaf(source, ask)?]),
            Plan::Filter(input, e) => {
                ask.filters.push(e.clone());
                self.build(input, ask, depth + 1)
            }
            Plan::Eval(input, columns) | Plan::Project(input, columns) => {
                let rewrite = Rewrite::new(columns);
                let ask = Ask {
                    values: ask.values.iter().map(|s| rewrite.scalar(s)).collect(),
                    filters: ask.filters.iter().map(|e| rewrite.expr(e)).collect(),
                };
                if rewrite.exhausted() {
                    return unsupported("eval", "grows too large when written out");
                }
                self.build(input, ask, depth + 1)
            }
            Plan::Union(inputs) => {
                let mut all = Vec::new();
                for input in inputs {
                    all.extend(self.build(input, ask.clone(), depth + 1)?);
                }
                Ok(all)
            }
            Plan::Rule(r) => match (self.resolve)(r) {
                Some(plan) => self.build(plan, ask, depth + 1),
                None => unsupported(format!("rule {}", r.0), "no such rule"),
            },
            Plan::Agg(a) => self.aggregation(a, ask, depth),
            Plan::Seq(s) => self.sequence(s, ask, depth),
            Plan::Set(s) => self.set(s, ask, depth),
            Plan::Join(j) if fresh_span(j).is_some() => self.fresh(j, ask, depth),
            Plan::Opaque(_, o) => unsupported("opaque", &o.reason),
            other => unsupported(operator_name(other), "not a keyed operator"),
        }
    }

    fn leaf(&mut self, source: &LogSource, ask: Ask) -> Result<Made, Unsupported> {
        let expr = Expr::and(ask.filters.into_iter().rev());
        let known = self.program.leaves.iter().position(|l| l.source == *source && l.expr == expr);
        let leaf = match known {
            Some(i) => i,
            None if self.program.leaves.len() >= MAX_LEAVES => {
                return unsupported("plan", "too many single-event filters");
            }
            None => {
                self.program.leaves.push(Leaf { source: source.clone(), expr, values: Vec::new() });
                self.program.leaf_routes.push(Vec::new());
                self.program.leaves.len() - 1
            }
        };
        let mut columns = Vec::with_capacity(ask.values.len());
        for value in ask.values {
            let values = self.program.leaves.get_mut(leaf).map(|l| &mut l.values);
            let Some(values) = values else { continue };
            columns.push(values.iter().position(|v| *v == value).unwrap_or_else(|| {
                values.push(value);
                values.len() - 1
            }));
        }
        Ok(Made::Leaf { leaf, columns })
    }

    /// An operator whose matches are the single events that pass a leaf.
    fn every(&mut self, leaf: Made) -> Result<usize, Unsupported> {
        let spec = Count { aggregates: vec![], condition: Expr::TRUE, when: When::Each(0) };
        let node = self.node(NodeSpec {
            spec: Spec::Count(spec),
            key_names: vec![],
            optional: vec![],
            column_names: vec![],
            arguments: 0,
            carried: vec![],
            filter: None,
            row: vec![],
            routes: vec![],
            root: false,
        })?;
        self.connect(leaf, node, 0);
        Ok(node)
    }

    fn node(&mut self, spec: NodeSpec) -> Result<usize, Unsupported> {
        if self.program.nodes.len() >= MAX_NODES {
            return unsupported("plan", "too many stateful operators");
        }
        self.program.nodes.push(Arc::new(spec));
        Ok(self.program.nodes.len() - 1)
    }

    /// Adds an operator, its inputs first.
    fn operator(
        &mut self,
        operator: Operator,
        ports: Vec<Port<'_>>,
        ask: Ask,
        depth: usize,
    ) -> Result<Vec<Made>, Unsupported> {
        let mut carried: Vec<Scalar> = Vec::new();
        let first_keys = ports.first().map_or(vec![], |p| p.keys.clone());
        let row = ask.values.iter().map(|s| pick(s, &operator, &first_keys, &mut carried)).collect();
        if let Some(filter) = &operator.filter {
            filter.fields(&mut |f| {
                let own = operator.keys.iter().chain(&operator.columns).any(|n| **n == *f.name);
                if !own && !carried.iter().any(|c| matches!(c, Scalar::Field(g) if g == f)) {
                    carried.push(Scalar::Field(f.clone()));
                }
            });
        }
        let arguments = ports.first().map_or(0, |p| p.arguments.len());
        let optional = ports.iter().map(|p| p.keys.iter().map(|k| k.optional).collect()).collect();
        let mut routes: Vec<(Made, usize)> = Vec::new();
        for (port, p) in ports.into_iter().enumerate() {
            let keys = p.keys.into_iter().map(|k| k.value);
            let values = keys.chain(p.arguments).chain(carried.iter().cloned()).collect();
            let made = self.build(p.plan, Ask { values, filters: vec![] }, depth + 1)?;
            routes.extend(made.into_iter().map(|m| (m, port)));
        }
        let Operator { spec, keys: key_names, columns: column_names, filter } = operator;
        let node = self.node(NodeSpec {
            spec,
            key_names,
            optional,
            column_names,
            arguments,
            carried,
            filter,
            row,
            routes: Vec::new(),
            root: false,
        })?;
        for (made, port) in routes {
            self.connect(made, node, port);
        }
        Ok(vec![Made::Node(node)])
    }

    fn connect(&mut self, made: Made, node: usize, port: usize) {
        match made {
            Made::Leaf { leaf, columns } => {
                if let Some(routes) = self.program.leaf_routes.get_mut(leaf) {
                    routes.push(Route { node, port, pick: columns });
                }
            }
            Made::Node(child) => {
                if let Some(spec) = self.program.nodes.get_mut(child).and_then(Arc::get_mut) {
                    let pick = (0..spec.row.len()).collect();
                    spec.routes.push(Route { node, port, pick });
                }
            }
        }
    }

    fn aggregation(&mut self, a: &Agg, ask: Ask, depth: usize) -> Result<Vec<Made>, Unsupported> {
        let condition = Expr::and(ask.filters.iter().rev().cloned());
        if ask.filters.is_empty() {
            return unsupported("agg", "without a condition on its columns");
        }
        let (mut aggregates, mut arguments, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for (name, function) in &a.columns {
            let (function, argument) = function_of(function)?;
            let argument = argument.map(|s| {
                arguments.iter().position(|x| x == s).unwrap_or_else(|| {
                    arguments.push(s.clone());
                    arguments.len() - 1
                })
            });
            aggregates.push(Aggregate { function, argument });
            columns.push(name.clone());
        }
        let named = |name: &str| {
            let at = columns.iter().position(|c| **c == *name)?;
            aggregates.get(at).map(|a: &Aggregate| a.function)
        };
        let when = match a.window {
            Window::None => When::End,
            Window::Sliding(d) | Window::Held(d) if d < 0 => return unsupported("agg", "negative window"),
            Window::Sliding(d) if only_rises(&condition, &named) => When::Each(d),
            Window::Held(d) if only_rises(&condition, &named) => When::Held(d),
            Window::Sliding(d) | Window::Held(d) => When::Close(d),
            Window::Tumbling(_) => return unsupported("agg", "tumbling window"),
            Window::Session { .. } => return unsupported("agg", "session window"),
            Window::Rows { .. } => return unsupported("agg", "window of rows"),
        };
        let spec = Spec::Count(Count { aggregates, condition: condition.clone(), when });
        let keys = names(&a.keys);
        let port = Port { plan: &a.input, keys: a.keys.clone(), arguments };
        self.operator(Operator { spec, keys, columns, filter: Some(condition) }, vec![port], ask, depth)
    }

    fn set(&mut self, s: &Set, ask: Ask, depth: usize) -> Result<Vec<Made>, Unsupported> {
        let width = s.members.first().map_or(0, |m| m.keys.len());
        if s.members.is_empty() || s.members.iter().any(|m| m.keys.len() != width) {
            return unsupported("set", "members with different numbers of keys");
        }
        let spec = set_spec(s)?;
        let mut ports: Vec<Port<'_>> = Vec::new();
        for m in &s.members {
            ports.push(Port { plan: &m.plan, keys: m.keys.clone(), arguments: vec![] });
        }
        if let Some(until) = &s.until {
            if until.keys.len() != width {
                return unsupported("set", "until with another number of keys");
            }
            ports.push(Port { plan: &until.plan, keys: until.keys.clone(), arguments: vec![] });
        }
        let keys = s.members.first().map_or(vec![], |m| names(&m.keys));
        self.operator(Operator { spec, keys, columns: vec![], filter: filter_of(&ask) }, ports, ask, depth)
    }

    /// Rows whose keys are new.
    fn fresh(&mut self, j: &shikra_ir::Join, ask: Ask, depth: usize) -> Result<Vec<Made>, Unsupported> {
        let Some(span) = fresh_span(j) else { return unsupported("join", "not a keyed operator") };
        let name = |s: &Scalar| match s {
            Scalar::Field(f) => f.name.clone(),
            _ => Arc::from("key"),
        };
        let key = |(s, _): &(Scalar, Scalar)| Key { name: name(s), value: s.clone(), optional: false };
        let keys: Vec<Key> = j.keys.iter().map(key).collect();
        let spec = Spec::Fresh(Fresh { span });
        let operator = Operator { spec, keys: names(&keys), columns: vec![], filter: filter_of(&ask) };
        self.operator(operator, vec![Port { plan: &j.left.1, keys, arguments: vec![] }], ask, depth)
    }

    fn sequence<'s>(&mut self, s: &'s Seq, ask: Ask, depth: usize) -> Result<Vec<Made>, Unsupported> {
        let width = s.stages.first().map_or(0, |m| m.keys.len());
        let stages = || s.stages.iter().chain(s.until.as_deref());
        if stages().any(|m| m.keys.len() != width) {
            return unsupported("seq", "stages with different numbers of keys");
        }
        if s.maxspan.is_some_and(|d| d < 0) {
            return unsupported("seq", "negative span");
        }
        let mut arguments = Vec::new();
        let spec = match s.policy {
            Policy::LatestOverwrites => Spec::Sequence(sequence_spec(s, &mut arguments)?),
            Policy::Any => Spec::Ordered(ordered_spec(s)?),
        };
        let all_keys = |stage: &Stage| s.keys.iter().chain(&stage.keys).cloned().collect::<Vec<_>>();
        let keys = s.stages.first().map_or(vec![], |f| names(&all_keys(f)));
        let port = |stage: &'s Stage| Port {
            plan: &stage.plan,
            keys: all_keys(stage),
            arguments: arguments.clone(),
        };
        let ports = stages().map(port).collect();
        self.operator(Operator { spec, keys, columns: vec![], filter: filter_of(&ask) }, ports, ask, depth)
    }
}

/// How far back, where a join keeps the rows whose keys no earlier row of the same plan has.
fn fresh_span(j: &shikra_ir::Join) -> Option<Duration> {
    let TimeBound { least: Some(least), most: Some(-1) } = j.time? else { return None };
    let past = j.kind == JoinKind::Anti && j.on.is_none() && j.most.is_none() && least < 0;
    let same = j.left.1 == j.right.1 && !j.keys.is_empty() && j.keys.iter().all(|(l, r)| l == r);
    (past && same).then_some(least.saturating_neg())
}

/// The filters above a set or sequence, as one.
fn filter_of(ask: &Ask) -> Option<Expr> {
    let filters = ask.filters.iter().rev().cloned();
    if ask.filters.is_empty() { None } else { Some(Expr::and(filters)) }
}

fn names(keys: &[Key]) -> Vec<Arc<str>> {
    keys.iter().map(|k| k.name.clone()).collect()
}

/// Who answers a scalar that is asked of an operator.
fn pick(s: &Scalar, o: &Operator, keys: &[Key], carried: &mut Vec<Scalar>) -> Pick {
    if let Scalar::Lit(v) = s {
        return Pick::Const(v.clone());
    }
    if let Some(i) = keys.iter().position(|k| k.value == *s) {
        return Pick::Key(i);
    }
    if let Scalar::Field(FieldRef { name, .. }) = s {
        if let Some(i) = o.columns.iter().position(|c| c == name) {
            return Pick::Column(i);
        }
        if let Some(i) = o.keys.iter().position(|k| k == name) {
            return Pick::Key(i);
        }
    }
    Pick::Carry(carried.iter().position(|c| c == s).unwrap_or_else(|| {
        carried.push(s.clone());
        carried.len() - 1
    }))
}

fn function_of(f: &AggFn) -> Result<(Function, Option<&Scalar>), Unsupported> {
    Ok(match f {
        AggFn::Count => (Function::Count, None),
        AggFn::CountOf(s) => (Function::CountOf, Some(s)),
        AggFn::CountDistinct(s) => (Function::CountDistinct, Some(s)),
        AggFn::Sum(s) => (Function::Sum, Some(s)),
        AggFn::Avg(s) => (Function::Avg, Some(s)),
        AggFn::Min(s) => (Function::Min, Some(s)),
        AggFn::Max(s) => (Function::Max, Some(s)),
        AggFn::Median(s) => (Function::Percentile(50.0), Some(s)),
        AggFn::Percentile(s, p) => (Function::Percentile(*p), Some(s)),
        AggFn::StdDev(s) => (Function::StdDev, Some(s)),
        AggFn::Var(s) => (Function::Var, Some(s)),
        AggFn::Earliest(s) | AggFn::First(s) => (Function::Earliest, Some(s)),
        AggFn::Latest(s) | AggFn::Last(s) => (Function::Latest, Some(s)),
        AggFn::Values(s) => (Function::Values, Some(s)),
        AggFn::List(s) => (Function::List, Some(s)),
        AggFn::Mode(s) => (Function::Mode, Some(s)),
        AggFn::Other(name, _) => return unsupported("agg", &format!("function {name}")),
    })
}

/// Whether the condition is that every member occurs, and nothing else.
fn all_members(c: &Condition, members: usize) -> bool {
    let single = |c: &Condition| matches!(c, Condition::Member(i) if *i < members);
    match c {
        Condition::And(v) => v.iter().all(single) && (0..members).all(|m| v.contains(&Condition::Member(m))),
        c => members == 1 && single(c),
    }
}

fn members_exist(c: &Condition, members: usize, depth: usize) -> bool {
    match c {
        Condition::Member(i) => *i < members,
        Condition::And(v) | Condition::Or(v) => {
            depth < MAX_DEPTH && v.iter().all(|c| members_exist(c, members, depth + 1))
        }
        Condition::Not(c) => depth < MAX_DEPTH && members_exist(c, members, depth + 1),
    }
}

fn set_spec(s: &Set) -> Result<Spec, Unsupported> {
    let members = s.members.len();
    if !members_exist(&s.condition, members, 0) || s.anchor.is_some_and(|a| a >= members) {
        return unsupported("set", "a condition over members it does not have");
    }
    if s.span.is_some_and(|d| d < 0) {
        return unsupported("set", "negative span");
    }
    let (condition, polarity) = (s.condition.clone(), Polarity::of(&s.condition, members));
    if let Some(anchor) = s.anchor {
        if s.until.is_some() || s.per_key.is_some() {
            return unsupported("set", "anchor together with until or a number per key");
        }
        return Ok(Spec::Near(Near { span: s.span, anchor, condition, polarity }));
    }
    match (s.span, s.per_key) {
        (Some(_), _) if s.until.is_some() => unsupported("set", "span together with until"),
        (Some(_), Some(_)) => unsupported("set", "span together with a number per key"),
        (Some(span), None) if polarity.wanted.contains(&true) => {
            Ok(Spec::Temporal(Temporal { span, condition, polarity }))
        }
        (Some(_), None) => unsupported("set", "a condition that no event can begin"),
        (None, _) if !all_members(&s.condition, members) => {
            unsupported("set", "without span, only all members together")
        }
        (None, Some(_)) if s.until.is_some() => unsupported("set", "until together with a number per key"),
        (None, Some(most)) => Ok(Spec::Sample(Sample { members, most: most.max(1) as usize })),
        (None, None) => Ok(Spec::Join(Join { members, until: s.until.as_ref().map(|_| members) })),
    }
}

/// Longest sequence, runs included.
const MAX_PLACES: usize = 1024;

/// Also says what is to be read of every stage's events, for conditions that join them.
fn sequence_spec(s: &Seq, arguments: &mut Vec<Scalar>) -> Result<Sequence, Unsupported> {
    let (mut places, mut roles, mut slots) = (Vec::new(), Vec::new(), Vec::new());
    let last_present = s.stages.iter().rposition(|t| !t.absent);
    let Some(last_present) = last_present else { return unsupported("seq", "only absent stages") };
    for (i, stage) in s.stages.iter().enumerate() {
        let mut own = Vec::new();
        if stage.absent {
            slots.push(Slot::Absent(i as u32));
            own.push(match places.len().checked_sub(1) {
                None => Role::Leading,
                Some(_) if i > last_present => Role::Trailing,
                Some(place) => Role::Spoils(place),
            });
        } else {
            if places.len() + stage.runs as usize > MAX_PLACES {
                return unsupported("seq", "too many stages or runs");
            }
            for _ in 0..stage.runs.max(1) {
                slots.push(Slot::Event { place: places.len(), stage: i as u32 });
                own.push(Role::Fills(places.len()));
                places.push(Place { fork: stage.fork, port: i });
            }
        }
        roles.push(own);
    }
    if s.until.is_some() {
        roles.push(vec![Role::Until]);
    }
    let leading = s.stages.first().is_some_and(|t| t.absent);
    let trailing = s.stages.last().is_some_and(|t| t.absent);
    let mut joints = Vec::new();
    for (i, stage) in s.stages.iter().chain(s.until.as_deref()).enumerate() {
        joints.push(match &stage.joined {
            None => None,
            Some(_) if i >= s.stages.len() => return unsupported("seq", "until joined to stages"),
            Some(joined) => Some(joint(joined, i, &places, arguments)?),
        });
    }
    Ok(Sequence { maxspan: s.maxspan, places, roles, slots, leading, trailing, joints })
}

fn joint(
    joined: &Joined,
    stage: usize,
    places: &[Place],
    arguments: &mut Vec<Scalar>,
) -> Result<Joint, Unsupported> {
    let mut argument = |s: &Scalar| {
        arguments.iter().position(|a| a == s).unwrap_or_else(|| {
            arguments.push(s.clone());
            arguments.len() - 1
        })
    };
    let mut vars = Vec::new();
    for (name, of, value) in &joined.refs {
        let place = places.iter().rposition(|p| p.port == *of).filter(|_| *of < stage);
        let Some(place) = place else { return unsupported("seq", "joined to a stage that is not before it") };
        vars.push((name.clone(), place, argument(value)));
    }
    let mut fields = Vec::new();
    joined.condition.fields(&mut |f| fields.push((f.clone(), argument(&Scalar::Field(f.clone())))));
    let mut open = false;
    let any = |s: &Scalar| matches!(s, Scalar::AnyField | Scalar::FieldGlob(..));
    joined.condition.tests(&mut |t| {
        open |= any(&t.subject) || matches!(&t.op, Op::Compare(_, right) if any(right));
    });
    if open {
        return unsupported("seq", "joined by fields without a name");
    }
    Ok(Joint { condition: joined.condition.clone(), fields, vars })
}

fn ordered_spec(s: &Seq) -> Result<Ordered, Unsupported> {
    if s.stages.iter().chain(s.until.as_deref()).any(|t| t.absent || t.fork || t.joined.is_some()) {
        return unsupported("seq", "absent, forking or joined stages where any assignment counts");
    }
    let runs: usize = s.stages.iter().map(|t| t.runs.max(1) as usize).sum();
    if runs > MAX_PLACES || s.stages.is_empty() {
        return unsupported("seq", "no stages, or too many");
    }
    let stages = s.stages.iter().enumerate();
    let stages = stages.flat_map(|(i, t)| std::iter::repeat_n(i, t.runs.max(1) as usize)).collect();
    Ok(Ordered { span: s.maxspan, stages, until: s.until.as_ref().map(|_| s.stages.len()) })
}

fn operator_name(p: &Plan) -> &'static str {
    match p {
        Plan::Scan(_) => "scan",
        Plan::Rule(_) => "rule",
        Plan::Filter(..) => "filter",
        Plan::Eval(..) => "eval",
        Plan::Project(..) => "project",
        Plan::Drop(..) => "drop",
        Plan::Extract(..) => "extract",
        Plan::Unnest(..) => "unnest",
        Plan::Bucket(..) => "bucket",
        Plan::Agg(_) => "agg",
        Plan::WindowAgg(_) => "window-agg",
        Plan::Join(_) => "join",
        Plan::Union(_) => "union",
        Plan::Except(..) => "except",
        Plan::Sort(_) => "sort",
        Plan::Limit(..) => "limit",
        Plan::Tail(..) => "tail",
        Plan::Dedup(_) => "dedup",
        Plan::Lookup(_) => "lookup",
        Plan::Table(_) | Plan::Values(_) => "table",
        Plan::Seq(_) => "seq",
        Plan::Set(_) => "set",
        Plan::Lineage(..) => "lineage",
        Plan::Mark(_) => "mark",
        Plan::Opaque(..) => "opaque",
    }
}
