//! Statements to a plan: relations by name, each a plan with what its fields are called.
//!
//! [`cond`] has conditions, [`aggregate`] groups and aggregates, [`join`] joins. Names that were not defined are
//! taken for the nearest that was, and told.

mod aggregate;
mod cond;
mod join;

use std::collections::BTreeMap;
use std::sync::Arc;

use shikra_ir::{
    Agg, AggFn, Dedup, Expr as Pred, FieldRef, Key, LogSource, Names, Opaque, Plan, RuleRef, Scalar, Window,
};
use shikra_syntax::{Diagnostic, Span};

use crate::ast::{Kind, Name, Operand, Source, Statement};

/// The plan of an analytic, and whether some part of it is unsupported.
pub(crate) fn analytic(statements: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> (Option<Plan>, bool) {
    let mut l = Lower {
        diagnostics,
        unsupported: false,
        relations: BTreeMap::new(),
        last: None,
        derived: Vec::new(),
        inputs: Vec::new(),
        weight: 0,
    };
    let mut outputs: Vec<Name> = Vec::new();
    for s in statements {
        match &s.kind {
            Kind::Output(names) => outputs.extend(names.iter().cloned()),
            _ => l.statement(s),
        }
    }
    (l.output(&outputs, statements), l.unsupported)
}

/// What a name stands for.
#[derive(Clone, Debug)]
struct Relation {
    plan: Plan,
    /// Fields that were assigned.
    assigned: BTreeMap<String, Scalar>,
    /// Columns made by aggregates; then fields are columns only.
    columns: Option<Vec<String>>,
    /// Fields named by `select`: what set difference compares.
    selected: Vec<String>,
    /// Keys of a group that no aggregate has used yet, and the longest pause in it.
    group: Option<(Vec<Name>, Option<i64>)>,
}

impl Relation {
    fn of(plan: Plan) -> Relation {
        Relation { plan, assigned: BTreeMap::new(), columns: None, selected: Vec::new(), group: None }
    }
}

/// A plan with columns that variables name.
#[derive(Clone, Debug)]
struct Derived {
    base: String,
    plan: Plan,
    columns: Vec<String>,
}

struct Lower<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
    unsupported: bool,
    relations: BTreeMap<String, Relation>,
    /// The relation that was defined last.
    last: Option<String>,
    derived: Vec<Derived>,
    inputs: Vec<String>,
    /// What all relations defined so far weigh.
    weight: usize,
}

/// What the relations of one analytic may weigh together, in operators and tests. Every name stands for the whole of
/// what it was given, so a few lines could otherwise grow without measure.
const MOST: usize = 20_000;

/// Operators of a plan, and tests of its conditions.
fn weight(plan: &Plan) -> usize {
    let (mut open, mut n) = (vec![plan], 0);
    while let Some(p) = open.pop() {
        n += 1;
        match p {
            Plan::Filter(_, e) => e.tests(&mut |_| n += 1),
            Plan::Join(j) => j.on.iter().for_each(|e| e.tests(&mut |_| n += 1)),
            _ => {}
        }
        open.extend(p.children());
    }
    n
}

impl Lower<'_> {
    fn recovered(&mut self, message: impl Into<String>, span: Span) {
        let d = Diagnostic::warning("recovered", message, span);
        if !self.diagnostics.contains(&d) {
            self.diagnostics.push(d);
        }
    }

    /// A part that cannot be evaluated.
    fn opaque(&mut self, reason: impl Into<String>, span: Span) -> Opaque {
        let reason = reason.into();
        self.unsupported = true;
        if !self.diagnostics.iter().any(|d| d.span == span) {
            let said = format!("{reason} is not supported");
            self.diagnostics.push(Diagnostic::warning("unsupported", said, span));
        }
        Opaque { reason, span }
    }

    /// The plan, or where all together have become too large nothing but the reason.
    fn weighed(&mut self, plan: Plan, span: Span) -> Plan {
        self.weight += weight(&plan);
        if self.weight <= MOST {
            return plan;
        }
        Plan::Opaque(None, self.opaque(format!("an analytic of more than {MOST} operators and tests"), span))
    }

    fn define(&mut self, name: &Name, mut relation: Relation) {
        relation.plan = self.weighed(relation.plan, name.span);
        self.relations.insert(name.text.clone(), relation);
        self.last = Some(name.text.clone());
    }

    fn statement(&mut self, s: &Statement) {
        match &s.kind {
            Kind::Search { target, sources, condition } => {
                let mut relation = Relation::of(scans(sources));
                if let Some(condition) = condition {
                    self.restrict(&mut relation, &target.text, condition);
                }
                self.define(target, relation);
            }
            Kind::Filter { target, source, condition } => {
                let from = self.filtered(target, source.as_ref(), condition, s.span);
                let (name, mut relation) = from;
                self.restrict(&mut relation, &name, condition);
                self.define(target, relation);
            }
            Kind::Bare(condition) => {
                let mut relation = Relation::of(Plan::Scan(LogSource::any(Names::Car)));
                self.restrict(&mut relation, "", condition);
                let target = Name { text: "events".into(), span: s.span };
                self.recovered("a condition without `search`: asked of every event", s.span);
                self.define(&target, relation);
            }
            Kind::From { target, source, columns } => self.select(target, source, columns),
            Kind::Group { target, sources, by, pause } => self.group(target, sources, by, *pause),
            Kind::Join { target, left, right, condition } => self.join(target, left, right, condition),
            Kind::Aggregate { target, function, of, by } => self.aggregate(target, function, of, by),
            Kind::Top { target, count, source, by } => self.top(target, *count, source, by),
            Kind::Assign { target, value } => self.assign(target, value, s.span),
            Kind::Run { target, analytic } => {
                let rule = RuleRef(Arc::from(format!("{}/car", analytic.text)));
                self.define(target, Relation::of(Plan::Rule(rule)));
            }
            Kind::Input(name) => self.inputs.push(name.text.clone()),
            Kind::Output(_) => {}
        }
    }

    /// The relation that a name means: itself, else the nearest, else the last one.
    fn resolve(&mut self, name: &Name) -> (String, Relation) {
        if let Some(r) = self.relations.get(&name.text) {
            return (name.text.clone(), r.clone());
        }
        let near = nearest(&name.text, self.relations.keys());
        let found = near.or_else(|| self.last.clone());
        match found.and_then(|n| self.relations.get(&n).map(|r| (n.clone(), r.clone()))) {
            Some((known, relation)) => {
                self.recovered(format!("{:?} is not defined: taken for {known:?}", name.text), name.span);
                (known, relation)
            }
            None => {
                self.recovered(format!("{:?} is not defined: taken for every event", name.text), name.span);
                (name.text.clone(), Relation::of(Plan::Scan(LogSource::any(Names::Car))))
            }
        }
    }

    /// What a filter works on; a plan with columns where its condition reads variables made of the relation.
    fn filtered(
        &mut self,
        target: &Name,
        source: Option<&Name>,
        condition: &crate::ast::Cond,
        span: Span,
    ) -> (String, Relation) {
        let (name, relation) = match source {
            Some(source) => self.resolve(source),
            None => {
                let last = self.last.clone();
                let known =
                    if self.relations.contains_key(&target.text) { Some(target.text.clone()) } else { last };
                let known = Name { text: known.unwrap_or_default(), span };
                self.recovered(
                    format!("what is filtered is not said: taken for {:?}", known.text),
                    target.span,
                );
                self.resolve(&known)
            }
        };
        let mut read = Vec::new();
        cond::paths(condition, &mut read);
        let made = |d: &&Derived| d.base == name && d.columns.iter().any(|c| read.contains(c));
        match self.derived.iter().find(made) {
            Some(d) => {
                let mut relation = Relation::of(d.plan.clone());
                relation.columns = Some(d.columns.clone());
                (name, relation)
            }
            None => (name, self.settled(relation)),
        }
    }

    fn restrict(&mut self, relation: &mut Relation, name: &str, condition: &crate::ast::Cond) {
        if cond::reads_now(condition) && relation.columns.is_none() {
            let note = "`now` is taken for the time of the latest of these events";
            self.diagnostics.push(Diagnostic::note("event-time", note, cond::span(condition)));
            let latest =
                (Arc::from(cond::NOW), AggFn::Max(cond::time_of(FieldRef::new(Names::Car, "timestamp"))));
            let plan = std::mem::replace(&mut relation.plan, Plan::Union(vec![]));
            relation.plan = Plan::WindowAgg(Agg {
                input: Box::new(plan),
                keys: vec![],
                columns: vec![latest],
                window: Window::None,
            });
        }
        let predicate = self.truth(condition, name, relation);
        let plan = std::mem::replace(&mut relation.plan, Plan::Union(vec![]));
        relation.plan = match predicate {
            Pred::TRUE => plan,
            p => Plan::Filter(Box::new(plan), p),
        };
    }

    /// A field of a relation.
    fn field(&self, name: &str, relation: &Relation, own: &str) -> Scalar {
        let bare = self.unqualified(name, own);
        if let Some(s) = relation.assigned.get(bare) {
            return s.clone();
        }
        let column = relation.columns.as_ref().is_some_and(|c| c.iter().any(|c| c == bare));
        let names = if column { Names::Column } else { Names::Car };
        Scalar::Field(FieldRef::new(names, bare))
    }

    /// A path without the relation it begins with.
    fn unqualified<'n>(&self, name: &'n str, own: &str) -> &'n str {
        match name.split_once('.') {
            Some((head, rest)) if head == own || self.relations.contains_key(head) => rest,
            _ => name,
        }
    }

    /// `x.f = y.g` names a field anew; `x = a - b` is what of a is not in b; else arithmetic on variables.
    fn assign(&mut self, target: &Name, value: &Operand, span: Span) {
        if let Some((relation, field)) = target.text.split_once('.') {
            let name = Name { text: relation.to_owned(), span: target.span };
            let (known, mut relation) = self.resolve(&name);
            let Operand::Path(path) = value else {
                self.opaque("a field assigned something else than a field", span);
                return;
            };
            let head = path.text.split_once('.').filter(|(head, _)| *head != "proto_info");
            let foreign = head.filter(|(head, _)| *head != known && !self.relations.contains_key(*head));
            let scalar = match foreign {
                Some((head, rest)) => {
                    self.recovered(format!("{head:?} is not defined: taken for {known:?}"), path.span);
                    self.field(rest, &relation, &known)
                }
                None => self.field(&path.text, &relation, &known),
            };
            relation.assigned.insert(field.to_owned(), scalar);
            self.relations.insert(known, relation);
            return;
        }
        if let Operand::Arith('-', left, right) = value
            && let (Operand::Path(left), Operand::Path(right)) = (&**left, &**right)
            && !self.is_variable(&left.text)
        {
            return self.difference(target, left, right);
        }
        self.compute(target, value, span);
    }

    fn difference(&mut self, target: &Name, left: &Name, right: &Name) {
        let (_, a) = self.resolve(left);
        let (_, b) = self.resolve(right);
        let mut keys = if a.selected.is_empty() { b.selected.clone() } else { a.selected.clone() };
        if keys.is_empty() {
            self.recovered("what the difference compares is not said: taken for the image path", target.span);
            keys.push("image_path".into());
        }
        let pair = |k: &String| (self.field(k, &a, &left.text), self.field(k, &b, &right.text));
        let pairs: Vec<(Scalar, Scalar)> = keys.iter().map(pair).collect();
        let once = pairs.iter().map(|(l, _)| l.clone()).collect();
        let names = a.clone_names();
        let plan = Plan::Except(Box::new(a.plan), Box::new(b.plan), pairs);
        let plan = Plan::Dedup(Dedup { input: Box::new(plan), keys: once, keep: 1 });
        self.define(target, Relation { plan, group: None, ..names });
    }

    /// The plan of what is put out: all of it together.
    fn output(&mut self, names: &[Name], statements: &[Statement]) -> Option<Plan> {
        let span = statements.last().map_or(Span::new(0, 0), |s| s.span);
        if names.is_empty() {
            let last = self.last.clone()?;
            self.recovered(format!("no output is named: taken for {last:?}"), first_line(span));
            let relation = self.relations.get(&last).cloned()?;
            return Some(self.settled(relation).plan);
        }
        let mut plans = Vec::new();
        for name in names {
            if self.relations.is_empty() {
                return None;
            }
            let (_, relation) = match self.relations.contains_key(&name.text) {
                true => self.resolve(name),
                // What was defined last is more likely meant than a name that looks alike.
                false => self.unknown_output(name),
            };
            let plan = self.settled(relation).plan;
            plans.push(self.weighed(plan, name.span));
        }
        if plans.len() == 1 { plans.pop() } else { Some(Plan::Union(plans)) }
    }

    fn unknown_output(&mut self, name: &Name) -> (String, Relation) {
        let last = self.last.clone().unwrap_or_default();
        self.resolve(&Name { text: last.clone(), span: name.span });
        self.recovered(format!("{:?} is not defined: {last:?} is put out", name.text), name.span);
        let relation = self.relations.get(&last).cloned();
        (last, relation.unwrap_or_else(|| Relation::of(Plan::Scan(LogSource::any(Names::Car)))))
    }

    fn key(&self, name: &Name, relation: &Relation, own: &str) -> Key {
        let bare = self.unqualified(&name.text, own);
        Key { name: Arc::from(bare), value: self.field(&name.text, relation, own), optional: false }
    }
}

impl Relation {
    /// The names alone.
    fn clone_names(&self) -> Relation {
        Relation { plan: Plan::Union(vec![]), ..self.clone() }
    }
}

/// Events of one or more objects and actions.
fn scans(sources: &[Source]) -> Plan {
    let one = |s: &Source| {
        let object = s.object.to_lowercase();
        let keys: Vec<(String, String)> = std::iter::once(("object".to_owned(), object))
            .chain(s.action.as_ref().map(|a| ("action".to_owned(), a.to_lowercase())))
            .collect();
        Plan::Scan(LogSource { names: Names::Car, keys: keys.into_iter().collect(), indices: vec![] })
    };
    match sources {
        [] => Plan::Scan(LogSource::any(Names::Car)),
        [only] => one(only),
        all => Plan::Union(all.iter().map(one).collect()),
    }
}

fn first_line(span: Span) -> Span {
    Span::new(span.start, span.start + 1)
}

/// The known name that is most like one: one that contains the other, else one that differs in two letters.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k String>) -> Option<String> {
    let lower = name.to_lowercase();
    let mut best: Option<(usize, String)> = None;
    for k in known {
        let other = k.to_lowercase();
        let distance = match other.contains(&lower) || lower.contains(&other) {
            true => 0,
            false => edits(&lower, &other),
        };
        if distance <= 2 && best.as_ref().is_none_or(|(d, _)| distance < *d) {
            best = Some((distance, k.clone()));
        }
    }
    best.map(|(_, k)| k)
}

/// Letters to change, add or leave out; long names are not compared.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = i;
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let left = next.last().copied().unwrap_or_default();
            let cost = if x == y { before } else { 1 + before.min(above).min(left) };
            before = above;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
