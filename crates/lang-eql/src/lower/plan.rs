//! Event queries, sequences, samples, joins and lineage.

use std::sync::Arc;

use shikra_ir::{
    Condition, Expr as Pred, Joined, Key, LogSource, Member, Names, Op, Pattern, Plan, Policy, Scalar, Seq,
    Set, Stage as SeqStage,
};
use shikra_syntax::Span;

use super::{Lower, Mark, and};
use crate::ast::{Body, EventQuery, Expr, Field, Kind, Query, Relation, Stage, Stages, Step};

/// Categories that the taxonomy knows as log sources; others are values of the category field.
const CATEGORIES: &[&str] = &[
    "api",
    "authentication",
    "clr",
    "configuration",
    "database",
    "dll",
    "dns",
    "driver",
    "email",
    "file",
    "host",
    "iam",
    "image_load",
    "intrusion_detection",
    "library",
    "logon",
    "malware",
    "network",
    "package",
    "pipe",
    "powershell",
    "process",
    "registry",
    "security",
    "session",
    "threat",
    "user",
    "vulnerability",
    "web",
    "wmi",
];

impl Lower<'_> {
    pub(super) fn query(&mut self, q: &Query) -> Plan {
        let mut plan = match &q.body {
            Body::Event(e) => self.events(e),
            Body::Sequence(s) => self.sequence(s),
            Body::Sample(s) => {
                let per_key = Some(self.options.max_samples_per_key.unwrap_or(1));
                self.set(s, per_key)
            }
            Body::Join(s) => self.set(s, None),
        };
        for pipe in &q.pipes {
            plan = self.pipe(pipe, plan);
        }
        match (self.options.size, &q.body) {
            (None, _) => plan,
            (Some(n), Body::Sample(_)) => Plan::Limit(Box::new(plan), n),
            (Some(n), _) => Plan::Tail(Box::new(plan), n),
        }
    }

    /// A scan, filtered. Lineage that must hold is an operator of its own; within larger conditions it becomes
    /// a column that they test.
    fn events(&mut self, q: &EventQuery) -> Plan {
        let outer = std::mem::take(&mut self.marks);
        let (mut filters, mut lineage) = (Vec::new(), Vec::new());
        let (source, category) = self.source(q);
        filters.extend(category);
        for part in conjuncts(&q.condition) {
            match &part.kind {
                Kind::Lineage(relation, of) => lineage.push((*relation, self.events(of))),
                _ => {
                    self.reads_stage = false;
                    let p = self.truth(part);
                    let to = if self.reads_stage { &mut self.joined } else { &mut filters };
                    to.push(p);
                }
            }
        }
        let marks = std::mem::replace(&mut self.marks, outer);
        let (after, before): (Vec<Pred>, Vec<Pred>) = filters.into_iter().partition(reads_mark);
        let mut plan = filter(Plan::Scan(source), before);
        for m in marks {
            let depth = depth(m.relation);
            plan = Plan::Mark(Box::new(shikra_ir::Mark {
                input: Box::new(plan),
                column: m.column,
                of: Box::new(m.of),
                depth,
            }));
        }
        plan = filter(plan, after);
        for (relation, of) in lineage {
            plan = Plan::Lineage(Box::new(plan), Box::new(of), depth(relation));
        }
        plan
    }

    /// The log source, and what further says that an event is of the category.
    fn source(&mut self, q: &EventQuery) -> (LogSource, Option<Pred>) {
        let names = self.names();
        match &q.category {
            None => (LogSource::any(names), None),
            Some(c) if CATEGORIES.contains(&c.as_str()) => {
                (LogSource::with_keys(names, [("category", c)]), None)
            }
            Some(c) => {
                let field = if self.elastic() { "event.category" } else { "event_type" };
                let op = Op::Like(vec![Pattern::exact(c)]);
                let words = self.words(!self.elastic());
                (LogSource::any(names), Some(self.test(Scalar::field(names, field), op, words, q.span)))
            }
        }
    }

    /// Lineage within a condition.
    pub(super) fn mark(&mut self, relation: Relation, q: &EventQuery, span: Span) -> Pred {
        self.marked += 1;
        let column: Arc<str> = Arc::from(format!("{MARK}{}", self.marked));
        let of = self.events(q);
        self.marks.push(Mark { column: column.clone(), relation, of });
        self.test(Scalar::field(Names::Column, &column), Op::IsTrue, self.words(true), span)
    }

    fn sequence(&mut self, s: &Stages) -> Plan {
        let stages = s.stages.iter().enumerate().map(|(i, t)| self.aliased_stage(i, t)).collect();
        self.aliases.clear();
        Plan::Seq(Box::new(Seq {
            stages,
            keys: self.keys(&s.by),
            maxspan: s.maxspan,
            until: s.until.as_ref().map(|t| Box::new(self.stage(t))),
            policy: Policy::LatestOverwrites,
        }))
    }

    /// A stage, its name then known to later ones.
    fn aliased_stage(&mut self, number: usize, t: &Stage) -> SeqStage {
        let stage = self.stage(t);
        self.aliases.extend(t.alias.clone().map(|a| (a, number)));
        stage
    }

    fn stage(&mut self, t: &Stage) -> SeqStage {
        let plan = self.events(&t.query);
        let (refs, conditions) = (std::mem::take(&mut self.refs), std::mem::take(&mut self.joined));
        let joined = (!conditions.is_empty()).then(|| Joined { refs, condition: and(conditions) });
        SeqStage { plan, keys: self.keys(&t.by), absent: t.absent, runs: t.runs, fork: t.fork, joined }
    }

    /// Samples and joins: keys of the whole come first in every member's.
    fn set(&mut self, s: &Stages, per_key: Option<u32>) -> Plan {
        let with_common = |l: &mut Self, by: &[Expr]| {
            let mut keys = l.keys(&s.by);
            keys.extend(l.keys(by));
            keys
        };
        let members: Vec<Member> = s
            .stages
            .iter()
            .enumerate()
            .map(|(i, t)| Member {
                name: Arc::from(i.to_string()),
                plan: self.events(&t.query),
                keys: with_common(self, &t.by),
            })
            .collect();
        let until = s.until.as_ref().map(|t| {
            let mut stage = self.stage(t);
            stage.keys = with_common(self, &t.by);
            Box::new(stage)
        });
        let condition = Condition::And((0..members.len()).map(Condition::Member).collect());
        Plan::Set(Box::new(Set { members, span: None, condition, anchor: None, per_key, until }))
    }

    pub(super) fn keys(&mut self, by: &[Expr]) -> Vec<Key> {
        by.iter().map(|e| self.key(e)).collect()
    }

    fn key(&mut self, e: &Expr) -> Key {
        let (name, optional) = match &e.kind {
            Kind::Field(f) => (key_name(f), f.optional),
            _ => ("key".into(), false),
        };
        let value = self.key_value(e);
        Key { name: Arc::from(name), value, optional }
    }

    /// A value that groups and keys compare: folded where comparisons ignore case.
    pub(super) fn key_value(&mut self, e: &Expr) -> Scalar {
        let value = self.value(e);
        match self.ignores_case() {
            true => self.function("fold-text", vec![value], true, e.span),
            false => value,
        }
    }
}

const MARK: &str = "lineage.";

fn key_name(f: &Field) -> String {
    let mut out = String::new();
    for step in &f.steps {
        match step {
            Step::Name(n) if out.is_empty() => out.push_str(n),
            Step::Name(n) => out.push_str(&format!(".{n}")),
            Step::Index(i) => out.push_str(&format!("[{i}]")),
        }
    }
    out
}

fn filter(plan: Plan, conditions: Vec<Pred>) -> Plan {
    match and(conditions) {
        p if p == Pred::TRUE => plan,
        p => Plan::Filter(Box::new(plan), p),
    }
}

fn reads_mark(p: &Pred) -> bool {
    let mut found = false;
    p.fields(&mut |f| found |= f.names == Names::Column && f.name.starts_with(MARK));
    found
}

fn depth(r: Relation) -> Option<u32> {
    match r {
        Relation::Event => Some(0),
        Relation::Child => Some(1),
        Relation::Descendant => None,
    }
}

/// The conditions that must all hold.
fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        Kind::And(v) => v.iter().flat_map(conjuncts).collect(),
        _ => vec![e],
    }
}
