//! What has to be known of the slots of a shape for its filters.
//!
//! Some slots have the same value in nearly all events of a shape (provider, event id). The plan takes them as
//! given, which rules out most filters before any event is looked at; who uses it must compare those slots.

use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::{Event, SlotIndex, Value};
use shikra_ir::FieldRef;
use shikra_taxonomy::{Binding, Taxonomy};

use crate::compile::{Compiled, Var, VarId};
use crate::program::{Entry, Program};
use crate::row::fields_like;
use crate::rules::{Asked, RuleSet, State, union};

/// A shape, ready.
pub(crate) struct ShapePlan {
    /// The filters whose log source admits the shape.
    pub admitted: Arc<RuleSet>,
    /// Those of them that can hold.
    pub rules: Arc<RuleSet>,
    /// Programs on slots.
    pub groups: Vec<Group>,
    /// Variables of many fields of which something is not false where none of the fields has a value.
    pub spread: Vec<Spread>,
    /// Outcome of what the shape alone decides for the admitted filters: absent fields and constants. Sorted.
    pub base: Vec<Entry>,
    /// The same for those that can hold, with what the fixed slots decide.
    pub start: Vec<Entry>,
    /// Where comparisons of several fields find them.
    pub bindings: Arc<HashMap<FieldRef, Binding>>,
    /// Variables that no event of the shape has, and those that are constant. Ascending.
    pub absent: Vec<VarId>,
    pub constant: Vec<VarId>,
}

/// A program and the slots it reads together.
pub(crate) struct Group {
    pub program: Arc<Program>,
    pub slots: Vec<SlotIndex>,
}

/// A variable that stands for many fields.
#[derive(Clone)]
pub(crate) struct Spread {
    /// The fields; none of them is known to have a value.
    pub parts: Arc<[Binding]>,
    /// The outcome where none of the fields has one.
    pub absent: Vec<Entry>,
}

/// Plans the shape of `event` for all events of it whose slots `fixed` have the values that `event` has.
pub(crate) fn plan(
    compiled: &Compiled,
    taxonomy: &Taxonomy,
    state: &mut State,
    event: &Event<'_>,
    fixed: &[SlotIndex],
) -> ShapePlan {
    let admitted = state.admitted(compiled, event.shape);
    let mut planner = Planner { compiled, taxonomy, state, event, fixed, admitted };
    let mut known = Known::default();
    let open = planner.fields(&mut known);
    known.start.sort_unstable();
    known.vars.sort_unstable();
    let rules = planner.state.narrow(compiled, &planner.admitted, &known.vars, &known.start);
    planner.read(rules, known, open)
}

struct Planner<'p> {
    compiled: &'p Compiled,
    taxonomy: &'p Taxonomy,
    state: &'p mut State,
    event: &'p Event<'p>,
    fixed: &'p [SlotIndex],
    admitted: Arc<RuleSet>,
}

/// What is known before any event is looked at.
#[derive(Default)]
struct Known {
    base: Vec<Entry>,
    start: Vec<Entry>,
    absent: Vec<VarId>,
    constant: Vec<VarId>,
    /// Variables of one field of which all is known.
    vars: Vec<VarId>,
}

/// Variables of one field that have to be read, ascending.
type Open = Vec<(VarId, Vec<SlotIndex>, Binding)>;

impl Planner<'_> {
    /// Finds the variables of one field.
    fn fields(&mut self, known: &mut Known) -> Open {
        let mut open = Vec::new();
        let answers = self.taxonomy.on(self.event.shape);
        let admitted = self.admitted.clone();
        for &v in &admitted.vars {
            let Var::Field(field) = &self.compiled.vars[v as usize] else { continue };
            let binding = answers.bind(field);
            let entries = match self.place(&binding) {
                Place::Slots(slots, within) => {
                    open.push((v, slots, within));
                    continue;
                }
                Place::Fixed(value) => {
                    known.start.extend(self.on_constant(v, &value));
                    known.vars.push(v);
                    continue;
                }
                Place::Constant(value) => {
                    known.constant.push(v);
                    self.on_constant(v, &value)
                }
                Place::Nowhere => {
                    known.absent.push(v);
                    let absent = self.compiled.absent[v as usize].iter();
                    absent.filter(|e| admitted.asks(e.pred())).copied().collect()
                }
            };
            known.vars.push(v);
            known.base.extend(&entries);
            known.start.extend(entries);
        }
        known.base.sort_unstable();
        open
    }

    /// Plans what is read for the filters that are left.
    fn read(&mut self, rules: Arc<RuleSet>, known: Known, open: Open) -> ShapePlan {
        let mut groups = Groups::default();
        let mut spread = Vec::new();
        let mut start = known.start;
        let asked: Asked = self.state.asked(self.compiled, &rules);
        let mut open = open.into_iter().peekable();
        for &v in &rules.vars {
            if !matches!(self.compiled.vars[v as usize], Var::Field(_)) {
                let asked = asked.get(&v).copied().unwrap_or_default();
                spread.extend(self.spread(v, &rules, asked, &mut groups, &mut start));
                continue;
            }
            while open.next_if(|(other, ..)| *other < v).is_some() {}
            if let Some((_, slots, within)) = open.next_if(|(other, ..)| *other == v) {
                groups.add(slots, within, v);
            }
        }
        start.retain(|e| rules.asks(e.pred()));
        let answers = self.taxonomy.on(self.event.shape);
        let bindings = rules.exact_fields.iter().map(|f| (f.clone(), answers.bind(f)));
        let program = |(slots, inputs): (_, Bound)| Group {
            program: self.state.program(self.compiled, &inputs, &rules, &asked),
            slots,
        };
        ShapePlan {
            groups: groups.all.into_iter().map(program).collect(),
            spread,
            start: union(&start, &[]),
            bindings: Arc::new(bindings.collect()),
            base: known.base,
            absent: known.absent,
            constant: known.constant,
            admitted: self.admitted.clone(),
            rules,
        }
    }

    /// Where a binding's value comes from.
    fn place(&self, binding: &Binding) -> Place {
        let mut slots = Vec::new();
        let within = relative(binding, &mut slots);
        if slots.is_empty() {
            let nothing = Event { slots: &[], ..*self.event };
            return match binding.value(&nothing) {
                Value::Missing => Place::Nowhere,
                value => Place::Constant(value),
            };
        }
        if slots.iter().all(|s| self.fixed.contains(s)) {
            return Place::Fixed(binding.value(self.event));
        }
        Place::Slots(slots, within)
    }

    fn on_constant(&mut self, v: VarId, value: &Value) -> Vec<Entry> {
        self.state.on_constant(self.compiled, v, 0, &self.admitted, value)
    }

    /// A variable that stands for many fields: every one of them is asked, and the greatest truth counts.
    fn spread(
        &mut self,
        v: VarId,
        rules: &RuleSet,
        asked: u32,
        groups: &mut Groups,
        start: &mut Vec<Entry>,
    ) -> Option<Spread> {
        let shape = self.event.shape;
        let bindings = match &self.compiled.vars[v as usize] {
            Var::Glob(names, pattern) => fields_like(self.taxonomy, shape, *names, pattern),
            _ => (0..shape.fields().len() as SlotIndex).map(Binding::slot).collect(),
        };
        let mut has_value = false;
        let mut parts = Vec::new();
        for binding in bindings {
            match self.place(&binding) {
                Place::Slots(slots, within) => {
                    groups.add(slots, within, v);
                    parts.push(binding);
                }
                Place::Constant(value) | Place::Fixed(value) if has_values(&value) => {
                    has_value = true;
                    start.extend(self.state.on_constant(self.compiled, v, asked, rules, &value));
                }
                Place::Constant(_) | Place::Fixed(_) | Place::Nowhere => {}
            }
        }
        let absent = self.compiled.absent[v as usize].clone();
        (!has_value && !absent.is_empty()).then_some(Spread { parts: parts.into(), absent })
    }
}

/// Whether there is a value that is not null.
pub(crate) fn has_values(value: &Value) -> bool {
    value.elements().iter().any(|v| !v.is_null())
}

enum Place {
    /// These slots, and the binding to their positions in this list.
    Slots(Vec<SlotIndex>, Binding),
    /// Fixed slots only.
    Fixed(Value),
    Constant(Value),
    Nowhere,
}

/// The same binding with each slot as its position in `slots`, which grows as needed.
fn relative(binding: &Binding, slots: &mut Vec<SlotIndex>) -> Binding {
    match binding {
        Binding::Absent => Binding::Absent,
        Binding::Const(v) => Binding::Const(v.clone()),
        Binding::Slots { slots: own, derive } => {
            let mut position = |i: &SlotIndex| {
                let known = slots.iter().position(|s| s == i);
                known.unwrap_or_else(|| {
                    slots.push(*i);
                    slots.len() - 1
                }) as SlotIndex
            };
            Binding::Slots { slots: own.iter().map(&mut position).collect(), derive: derive.clone() }
        }
        Binding::Joined { separator, parts, derive } => {
            let parts = parts.iter().map(|(prefix, b)| (prefix.clone(), relative(b, slots))).collect();
            Binding::Joined { separator: separator.clone(), parts, derive: derive.clone() }
        }
        Binding::All(all) => Binding::All(all.iter().map(|b| relative(b, slots)).collect()),
    }
}

/// Variables and their bindings.
type Bound = Vec<(Binding, VarId)>;

/// Slots read together → variables bound to them, in order of variables, so that equal sets make equal
/// programs.
#[derive(Default)]
struct Groups {
    all: Vec<(Vec<SlotIndex>, Bound)>,
    by_slots: HashMap<Vec<SlotIndex>, usize>,
}

impl Groups {
    fn add(&mut self, slots: Vec<SlotIndex>, binding: Binding, var: VarId) {
        let all = &mut self.all;
        let at = *self.by_slots.entry(slots).or_insert_with_key(|slots| {
            all.push((slots.clone(), Vec::new()));
            all.len() - 1
        });
        let bound = &mut self.all[at].1;
        if !bound.iter().any(|(b, v)| *v == var && *b == binding) {
            bound.push((binding, var));
        }
    }
}
