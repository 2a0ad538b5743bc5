//! Which events and fields a rule reads, and what it asks of the fields.

use std::collections::BTreeSet;
use std::sync::Arc;

use shikra_engine::Detector;
use shikra_event::{Shape, Value, system};
use shikra_ir::eval::{Row, test};
use shikra_ir::{CmpOp, Expr, FieldRef, Names, Op, Part, Pattern, Plan, Scalar, Test, Truth};
use shikra_matcher::Filter;
use shikra_taxonomy::{Binding, Derive, Taxonomy};

/// More alternatives than these are taken as one that asks nothing.
const MOST_CLAUSES: usize = 256;

/// What is asked of a field: its text, in lower case, matches one of the patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// The field, as the event names it.
    pub field: String,
    /// Patterns in lower case.
    pub one_of: Vec<Pattern>,
}

/// Conditions that hold together. What cannot be said as one is left out: a clause may admit more events than the
/// rule, never fewer.
pub type Clause = Vec<Constraint>;

/// An event that a stage of a rule can match.
#[derive(Clone, Debug, PartialEq)]
pub struct EventNeed {
    /// Provider.
    pub provider: String,
    /// Channel.
    pub channel: String,
    /// Event id.
    pub event_id: u32,
    /// Fields that are read, as the event names them.
    pub fields: BTreeSet<String>,
    /// What is asked: any of these.
    pub clauses: Vec<Clause>,
}

/// A stage: any of its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// Events that can match it; none: no event that the tables know.
    pub events: Vec<EventNeed>,
}

/// What a rule needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Its stages; none where it does not run.
    pub stages: Vec<Stage>,
    /// Whether all of them are needed (a sequence), rather than any.
    pub all: bool,
}

/// What every rule of a detector needs, by its number.
pub fn needs(detector: &Detector) -> Vec<Needs> {
    let taxonomy = detector.taxonomy();
    let shapes = taxonomy.known_events();
    let of = |(number, rule): (usize, &shikra_ir::Rule)| {
        let filters = detector.filters_of(number as u32);
        Needs {
            stages: filters.iter().map(|f| stage(f, &shapes, taxonomy)).collect(),
            all: is_sequence(&rule.plan),
        }
    };
    detector.rules().iter().enumerate().map(of).collect()
}

/// Whether every input is needed: a sequence whose stages must all be there.
fn is_sequence(plan: &Plan) -> bool {
    match plan {
        Plan::Seq(s) => s.until.is_none() && s.stages.iter().all(|s| !s.absent && is_plain(&s.plan)),
        Plan::Filter(p, _) | Plan::Limit(p, _) | Plan::Tail(p, _) => is_sequence(p),
        _ => false,
    }
}

fn is_plain(plan: &Plan) -> bool {
    plan.single_event().is_some()
}

fn stage(filter: &Filter, shapes: &[Arc<Shape>], taxonomy: &Taxonomy) -> Stage {
    let events = shapes.iter().filter_map(|shape| {
        let when = filter.selector.admits(shape)?;
        let expr = Expr::and(when.into_iter().chain([filter.expr.clone()]));
        let on = On { shape, taxonomy };
        let clauses = on.clauses(&expr, true);
        (!clauses.is_empty()).then(|| EventNeed {
            provider: shape.provider().to_owned(),
            channel: shape.channel().to_owned(),
            event_id: shape.event_id().unwrap_or_default(),
            fields: on.fields(&expr),
            clauses,
        })
    });
    Stage { events: events.collect() }
}

/// Expressions as events of one shape answer them.
struct On<'a> {
    shape: &'a Shape,
    taxonomy: &'a Taxonomy,
}

impl Row for On<'_> {
    fn field(&self, field: &FieldRef) -> Value {
        match self.known(field) {
            Some(value) => value,
            None => Value::Missing,
        }
    }
    fn all_fields(&self) -> Vec<Value> {
        Vec::new()
    }
    fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
        Vec::new()
    }
}

impl On<'_> {
    /// The value of a field where all events of the shape have the same one, or none.
    fn known(&self, field: &FieldRef) -> Option<Value> {
        match self.taxonomy.bind(self.shape, field) {
            Binding::Const(v) => Some(v),
            Binding::Absent => Some(Value::Missing),
            Binding::Slots { slots, derive } => match slots.as_slice() {
                [slot] => Some(Derive::apply_all(&derive, self.identity(*slot as usize)?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the shape itself says: provider, channel and event id.
    fn identity(&self, slot: usize) -> Option<Value> {
        let name: &str = self.shape.fields().get(slot)?;
        match name {
            system::EVENT_ID => Some(Value::I64(i64::from(self.shape.event_id()?))),
            system::CHANNEL => Some(self.shape.channel().into()),
            system::PROVIDER => Some(self.shape.provider().into()),
            _ => None,
        }
    }

    /// The disjunctive form of an expression or of its negation: none can hold, or any of these may.
    fn clauses(&self, e: &Expr, holds: bool) -> Vec<Clause> {
        match e {
            Expr::Const(t) => self.constant(*t, holds),
            Expr::Named(_, e) => self.clauses(e, holds),
            Expr::Not(e) => self.clauses(e, !holds),
            Expr::And(all) if holds => self.every(all, holds),
            Expr::Or(all) if !holds => self.every(all, holds),
            Expr::And(all) | Expr::Or(all) => {
                let any: Vec<Clause> = all.iter().flat_map(|e| self.clauses(e, holds)).collect();
                if any.len() > MOST_CLAUSES || any.iter().any(Vec::is_empty) { anything(any) } else { any }
            }
            Expr::Test(t) => self.literal(t, holds),
            // Never true, nor is its negation.
            Expr::Opaque(_) => Vec::new(),
        }
    }

    fn constant(&self, t: Truth, holds: bool) -> Vec<Clause> {
        let t = if holds { t } else { t.negate() };
        if t.holds() { vec![Vec::new()] } else { Vec::new() }
    }

    fn every(&self, all: &[Expr], holds: bool) -> Vec<Clause> {
        let mut out: Vec<Clause> = vec![Vec::new()];
        for e in all {
            let right = self.clauses(e, holds);
            if right.is_empty() {
                return right;
            }
            if out.len() * right.len() > MOST_CLAUSES {
                // Leaving out what is asked here admits more, which is safe.
                continue;
            }
            out =
                out.iter().flat_map(|l| right.iter().map(move |r| [l.clone(), r.clone()].concat())).collect();
        }
        out
    }

    fn literal(&self, t: &Test, holds: bool) -> Vec<Clause> {
        let mut open = false;
        t.fields(&mut |f| open |= self.known(f).is_none());
        if !open && !reads_any(&t.subject) {
            return self.constant(test(t, self), holds);
        }
        let constraint = if holds { self.constraint(t) } else { None };
        vec![constraint.into_iter().collect()]
    }

    /// What a test asks of one field of the event, where that can be said.
    fn constraint(&self, t: &Test) -> Option<Constraint> {
        let Scalar::Field(field) = &t.subject else { return None };
        let patterns: Vec<Pattern> = match &t.op {
            Op::Like(all) => all.clone(),
            Op::In(all) => all.iter().map(exact).collect::<Option<_>>()?,
            Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => vec![exact(v)?],
            _ => return None,
        };
        let Binding::Slots { slots, derive } = self.taxonomy.bind(self.shape, field) else { return None };
        let [slot] = slots.as_slice() else { return None };
        let name = self.shape.fields().get(*slot as usize).filter(|n| !system::ALL.contains(&&***n))?;
        let mut one_of: Vec<Pattern> = patterns.iter().map(|p| p.map(|s| s.to_lowercase())).collect();
        for step in derive.iter().rev() {
            match step {
                Derive::Lower => {}
                // The whole name, or what follows the last separator.
                Derive::BaseName => {
                    one_of = one_of.iter().flat_map(|p| [p.clone(), within_folder(p)]).collect()
                }
                _ => return None,
            }
        }
        Some(Constraint { field: name.to_string(), one_of })
    }

    /// The own fields of the event that a binding reads.
    fn read_by(&self, binding: &Binding, out: &mut BTreeSet<String>) {
        match binding {
            Binding::Slots { slots, .. } => {
                let names = slots.iter().filter_map(|s| self.shape.fields().get(*s as usize));
                out.extend(names.filter(|n| !system::ALL.contains(&&***n)).map(|n| n.to_string()));
            }
            Binding::Joined { parts, .. } => parts.iter().for_each(|(_, b)| self.read_by(b, out)),
            Binding::All(all) => all.iter().for_each(|b| self.read_by(b, out)),
            Binding::Const(_) | Binding::Absent => {}
        }
    }

    fn fields(&self, e: &Expr) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        e.fields(&mut |f| {
            if self.known(f).is_none() {
                self.read_by(&self.taxonomy.bind(self.shape, f), &mut out);
            }
        });
        out
    }
}

/// Whether a test reads more than fields by their names.
fn reads_any(s: &Scalar) -> bool {
    !matches!(s, Scalar::Field(_) | Scalar::Lit(_))
}

/// One clause that asks nothing in place of many.
fn anything(any: Vec<Clause>) -> Vec<Clause> {
    if any.is_empty() { any } else { vec![Vec::new()] }
}

fn exact(v: &Value) -> Option<Pattern> {
    match v {
        Value::Str(_) | Value::I64(_) => Some(Pattern::exact(&v.to_text()?)),
        _ => None,
    }
}

fn within_folder(p: &Pattern) -> Pattern {
    let mut out = Pattern::default();
    out.push(Part::Any);
    out.push(Part::Lit("\\".into()));
    p.parts().iter().for_each(|part| out.push(part.owned()));
    out
}
