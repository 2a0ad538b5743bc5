//! The event types over which detections are compared, their fields, and all atoms asked of them.
//!
//! A field of an event of the world is absent or holds one text (or number). What a rule's field name means on an
//! event type is the taxonomy's answer, so that names of different schemes meet in one field here.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::{Event, Form, Kind as SlotKind, Shape, Slot, Value, system};
use shikra_ir::regex::Linear;
use shikra_ir::{Expr, Test, Truth, eval, text};
use shikra_matcher::EventRow;
use shikra_taxonomy::{Derive, Taxonomy};

use crate::atom::{Atom, Kind, Relation};
use crate::automaton::Automaton;

/// Fields that hold the path of a file, as Windows writes it.
const PATHS: &[&str] = &[
    "image",
    "parentimage",
    "sourceimage",
    "targetimage",
    "imageloaded",
    "newprocessname",
    "parentprocessname",
    "processname",
    "targetfilename",
    "process.executable",
    "process.parent.executable",
    "file.path",
    "dll.path",
    "application",
];
/// Last parts of fields of ECS documents that commonly hold several values.
const LISTS: &[&str] =
    &["args", "type", "category", "env_vars", "attributes", "ip", "mac", "resolved_ip", "roles", "action"];

/// What a tuple of automata costs, in look-ups of a relation: about its characters.
const TUPLE: u64 = 64;
/// Most relations remembered.
const MOST_RELATIONS: usize = 2_000_000;

/// A field of an event type.
#[derive(Clone, Debug)]
pub(crate) struct Var {
    pub shape: usize,
    /// The slot; none for "any field".
    pub slot: Option<u32>,
    pub name: String,
    /// It may hold several values: two that exclude one another can both be asked for.
    pub several: bool,
    /// It holds a path.
    pub path: bool,
}

/// First parts of the names of fields of documents that otherwise hold one value.
const ONE: &[&str] = &["process", "file", "registry", "dll", "user", "winlog", "event", "host"];

/// What an atom's test is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether it is true of the derived value.
    OfValue,
    /// Whether it has this truth on the event.
    OfEvent(Truth),
}

/// Event types and atoms.
pub(crate) struct World<'t> {
    pub taxonomy: &'t Taxonomy,
    pub shapes: Vec<Arc<Shape>>,
    pub vars: Vec<Var>,
    pub atoms: Vec<Atom>,
    /// Fields that hold paths hold well-formed ones.
    pub well_formed: bool,
    /// Tuples of automata that one question may take; 0: none are asked.
    pub effort: usize,
    /// Steps of work done so far: look-ups of relations, and tuples of automata as many of them.
    pub steps: Cell<u64>,
    by_key: HashMap<String, u32>,
    by_slot: HashMap<(usize, Option<u32>), u32>,
    /// Told by form alone, and told with effort.
    relations: [hashbrown::HashMap<(u32, u32), Relation>; 2],
    paths: Option<Automaton>,
}

impl<'t> World<'t> {
    pub fn new(taxonomy: &'t Taxonomy, well_formed: bool) -> World<'t> {
        let source = r"\A[^/]*\\[^/\\]+\z".to_owned();
        let paths = Linear { source, case_insensitive: false, multi_line: false, dot_all: true };
        World {
            taxonomy,
            shapes: Vec::new(),
            vars: Vec::new(),
            atoms: Vec::new(),
            well_formed,
            effort: 20_000,
            steps: Cell::new(0),
            by_key: HashMap::new(),
            by_slot: HashMap::new(),
            relations: Default::default(),
            paths: Automaton::regex(&paths),
        }
    }

    pub fn atom(&self, n: u32) -> Option<&Atom> {
        self.atoms.get(n as usize)
    }

    /// The number of a field.
    pub fn var(&mut self, shape: usize, slot: Option<u32>) -> u32 {
        if let Some(v) = self.by_slot.get(&(shape, slot)) {
            return *v;
        }
        let of = self.shapes.get(shape);
        let name = slot.and_then(|s| of?.fields().get(s as usize)).map_or("any field", |n| n);
        let first = name.split('.').next().unwrap_or(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let ecs = of.is_some_and(|s| s.form() != Form::Windows);
        let var = Var {
            shape,
            slot,
            name: name.to_owned(),
            several: slot.is_none()
                || (ecs && (LISTS.contains(&last) || (name.contains('.') && !ONE.contains(&first)))),
            path: PATHS.contains(&name.to_ascii_lowercase().as_str()),
        };
        let number = self.vars.len() as u32;
        self.vars.push(var);
        self.by_slot.insert((shape, slot), number);
        number
    }

    /// The number of an atom; the same for the same question.
    pub fn intern(&mut self, var: Option<u32>, derive: &[Derive], test: Test, kind: Kind, of: Asked) -> u32 {
        let on_value = of == Asked::OfValue;
        let asked = match &kind {
            Kind::Like(p, fold) => format!("like {fold} {p}"),
            Kind::Present => "present".into(),
            Kind::Net(nets) => format!("net {nets:?}"),
            Kind::Number(op, n) => format!("number {} {n}", op.as_str()),
            Kind::Regex | Kind::Opaque => {
                let whole = text::expr(&Expr::Test(test.clone()));
                let place = text::scalar(&test.subject);
                // On a derived value the field's own name does not matter.
                if on_value { whole.replacen(&place, "", 1) } else { whole }
            }
        };
        let key = format!("{var:?}|{derive:?}|{of:?}|{asked}");
        if let Some(n) = self.by_key.get(&key) {
            return *n;
        }
        let n = self.atoms.len() as u32;
        let truth = if let Asked::OfEvent(t) = of { t } else { Truth::True };
        self.atoms.push(Atom { on_value, truth, ..Atom::new(var, derive.to_vec(), test, kind) });
        self.by_key.insert(key, n);
        n
    }

    /// The texts that a field can hold, where that is bounded.
    pub fn among(&self, var: u32) -> Option<&Automaton> {
        let var = self.vars.get(var as usize)?;
        self.paths.as_ref().filter(|_| self.well_formed && var.path)
    }

    /// Counts one step of work.
    pub fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    /// Counts work with automata.
    pub fn charge(&self, tuples: usize) {
        self.steps.set(self.steps.get() + TUPLE * tuples as u64);
    }

    /// How two atoms relate; nothing is known of atoms on different fields.
    pub fn relation(&mut self, a: u32, b: u32) -> Relation {
        self.step();
        if a == b {
            return Relation { within: true, apart: false };
        }
        let [by_form, by_effort] = &self.relations;
        let known = if self.effort == 0 { by_form } else { by_effort };
        if let Some(known) = known.get(&(a, b)) {
            return *known;
        }
        let (Some(x), Some(y)) = (self.atom(a), self.atom(b)) else { return Relation::default() };
        let Some(var) = x.var.filter(|v| Some(*v) == y.var) else { return Relation::default() };
        let bound = self.effort.min(3000);
        let mut left = bound;
        let mut relation = x.relation(y, self.among(var), &mut left);
        self.charge(bound - left);
        relation.apart &= !self.vars.get(var as usize).is_some_and(|v| v.several);
        let [by_form, by_effort] = &mut self.relations;
        let known = if self.effort == 0 { by_form } else { by_effort };
        if known.len() >= MOST_RELATIONS {
            known.clear();
        }
        known.insert((a, b), relation);
        relation
    }

    /// Calls `f` with the event of a shape whose fields hold these values.
    pub fn event<R>(
        &self,
        shape: usize,
        values: &[(u32, Value)],
        f: impl FnOnce(&Event<'_>) -> R,
    ) -> Option<R> {
        let shape = self.shapes.get(shape)?;
        let mut texts: Vec<(SlotKind, String)> =
            vec![(SlotKind::MISSING, String::new()); shape.fields().len()];
        let id = shape.event_id().map(|i| i.to_string()).unwrap_or_default();
        for (name, text) in [
            (system::EVENT_ID, id.as_str()),
            (system::CHANNEL, shape.channel()),
            (system::PROVIDER, shape.provider()),
        ] {
            for at in shape.positions(name).iter().filter(|_| !text.is_empty()) {
                if let Some(t) = texts.get_mut(*at as usize) {
                    *t = (SlotKind::UTF8, text.to_owned());
                }
            }
        }
        for (slot, value) in values {
            let Some(t) = texts.get_mut(*slot as usize) else { continue };
            *t = match value {
                Value::I64(n) => (SlotKind::JSON_NUMBER, n.to_string()),
                Value::Bool(b) => (SlotKind::JSON_BOOL, b.to_string()),
                v => v.to_text().map_or((SlotKind::MISSING, String::new()), |t| (SlotKind::UTF8, t)),
            };
        }
        let slots: Vec<Slot<'_>> =
            texts.iter().map(|(kind, text)| Slot { kind: *kind, data: text.as_bytes() }).collect();
        Some(f(&Event { shape, slots: &slots, record: 1, time: None }))
    }

    /// Whether an atom holds of the event of a shape whose fields hold these values, and the others nothing; none
    /// where it asks about fields that are not known one by one.
    pub fn told(&self, atom: u32, shape: usize, values: &[(u32, Value)]) -> Option<bool> {
        let a = self.atom(atom)?;
        if a.on_value {
            let slot = self.vars.get(a.var? as usize)?.slot?;
            let value = values.iter().find(|(s, _)| *s == slot).map_or(&Value::Missing, |(_, v)| v);
            return Some(a.holds(value));
        }
        let truth = self.event(shape, values, |event| {
            eval::truth(&Expr::Test(a.test.clone()), &EventRow { event, taxonomy: self.taxonomy })
        })?;
        Some(truth == a.truth)
    }

    /// Whether an atom holds where its field has this value.
    pub fn holds(&self, atom: u32, value: &Value) -> bool {
        let Some(a) = self.atom(atom) else { return false };
        if a.on_value {
            return a.holds(value);
        }
        let Some(var) = a.var.and_then(|v| self.vars.get(v as usize)) else { return false };
        let values: Vec<(u32, Value)> = var.slot.map(|s| (s, value.clone())).into_iter().collect();
        let truth = self.event(var.shape, &values, |event| {
            eval::truth(&Expr::Test(a.test.clone()), &EventRow { event, taxonomy: self.taxonomy })
        });
        truth == Some(a.truth)
    }
}
