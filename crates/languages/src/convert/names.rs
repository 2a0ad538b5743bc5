//! From the field names of one scheme to those of another: a name means the same where, in every event in question,
//! it is bound to the same fields of the event by the same derivation. Nothing is listed here: it is read off the
//! taxonomy's tables.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::{Form, Name, Shape, ShapeBuilder, ShapeId, Value, system};
use shikra_ir::{FieldRef, Names};
use shikra_taxonomy::{Binding, Derive, Taxonomy};

/// A name of the target, and what its value lacks to be the source's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Use {
    pub name: String,
    /// The source's value is made of the target's by these.
    pub rest: Vec<Derive>,
    /// The target's value is the source's in lower case.
    pub lowered: bool,
    /// It counts only where these are absent.
    pub unless: Vec<String>,
}

/// What became of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// The values of all of these: in any one event, all but one are absent.
    Names(Vec<Use>),
    /// No event in question has it.
    Nowhere,
    /// Some event has it under no name of the target.
    Nameless,
}

/// Names by what they mean on one shape.
type Index = HashMap<String, Vec<String>>;

/// Looks names up, and remembers.
pub(super) struct Lexicon<'t> {
    pub taxonomy: &'t Taxonomy,
    found: HashMap<(ShapeId, Names), Arc<Index>>,
    /// Names in all of `found`.
    held: usize,
    meanings: HashMap<Asked, Meaning>,
}

/// A field, the shapes in question, the target's scheme, and whether names of lower-case values come first.
type Asked = (FieldRef, Vec<ShapeId>, Names, bool);

/// Names that are remembered in indices.
const MOST_NAMES: usize = 400_000;
/// Meanings that are remembered.
const MOST_MEANINGS: usize = 20_000;

/// Names that people use before others that mean the same.
const PREFERRED: &[(Names, &[&str])] = &[
    (Names::Ecs, &["event.code", "winlog.channel", "event.provider", "host.name", "process.executable"]),
    (Names::Splunk, &["EventCode", "Channel", "SourceName", "Computer", "EventID"]),
    (Names::LogPoint, &["event_id", "channel", "event_source", "host", "image", "command", "parent_command"]),
    (Names::Sigma, &["EventID", "Channel", "Provider_Name", "Computer", "Image"]),
];

impl<'t> Lexicon<'t> {
    pub fn new(taxonomy: &'t Taxonomy) -> Lexicon<'t> {
        Lexicon { taxonomy, found: HashMap::new(), held: 0, meanings: HashMap::new() }
    }

    /// What a field means on a shape; none where events of the shape do not have it.
    pub fn bound(&self, shape: &Shape, field: &FieldRef) -> Option<Binding> {
        let b = plain(shape, self.taxonomy.bind(shape, field));
        (!b.is_absent()).then_some(b)
    }

    fn index(&mut self, shape: &Shape, names: Names) -> Arc<Index> {
        let key = (shape.id(), names);
        if let Some(known) = self.found.get(&key) {
            return known.clone();
        }
        let mut index = Index::new();
        let all: Vec<(String, Binding)> = self.taxonomy.fields(shape, names);
        for (name, binding) in all {
            if speakable(names, shape, &name) {
                index.entry(key_of(&plain(shape, binding))).or_default().push(name);
            }
        }
        let index = Arc::new(index);
        let names = index.values().map(Vec::len).sum::<usize>();
        if self.held + names > MOST_NAMES {
            self.found.clear();
            self.held = 0;
        }
        self.held += names;
        self.found.insert(key, index.clone());
        index
    }

    /// The names of a scheme that mean what `field` means on these shapes.
    pub fn meaning(
        &mut self,
        field: &FieldRef,
        shapes: &[Arc<Shape>],
        to: Names,
        lowered_first: bool,
    ) -> Meaning {
        // Rules of one log source name the same fields again and again.
        let asked = (field.clone(), shapes.iter().map(|s| s.id()).collect(), to, lowered_first);
        if let Some(known) = self.meanings.get(&asked) {
            return known.clone();
        }
        let meaning = self.work_out(field, shapes, to, lowered_first);
        if self.meanings.len() >= MOST_MEANINGS {
            self.meanings.clear();
        }
        self.meanings.insert(asked, meaning.clone());
        meaning
    }

    fn work_out(
        &mut self,
        field: &FieldRef,
        shapes: &[Arc<Shape>],
        to: Names,
        lowered_first: bool,
    ) -> Meaning {
        let whole: Vec<Option<Binding>> = shapes.iter().map(|s| self.bound(s, field)).collect();
        if whole.iter().all(Option::is_none) {
            return Meaning::Nowhere;
        }
        if let Some(uses) = self.any_variant(field, shapes, &whole, to, lowered_first) {
            return Meaning::Names(uses);
        }
        let bound: Vec<Vec<Binding>> = shapes.iter().map(|s| parts(self.bound(s, field))).collect();
        let most = bound.iter().map(Vec::len).max().unwrap_or(0);
        let mut out = Vec::new();
        for n in 0..most {
            let nth: Vec<Option<Binding>> = bound.iter().map(|b| b.get(n).cloned()).collect();
            match self.any_variant(field, shapes, &nth, to, lowered_first) {
                Some(uses) if most > 1 => out.extend(uses),
                _ => return Meaning::Nameless,
            }
        }
        Meaning::Names(out)
    }

    /// What a field falls back to in events that carry nothing but their header and message, where that has a name.
    pub fn of_message(&mut self, field: &FieldRef, shapes: &[Arc<Shape>], to: Names) -> Option<String> {
        let fields = || system::ALL.iter().copied().map(Name::from).collect();
        let bare = |s: &Arc<Shape>| {
            let (channel, event_id) = (s.channel().to_owned(), s.event_id());
            ShapeBuilder { channel, event_id, fields: fields(), ..ShapeBuilder::default() }.build()
        };
        let bare = shapes.iter().filter(|s| s.form() != Form::Ecs).map(bare).find(|s| {
            let message = FieldRef::new(Names::Raw, system::MESSAGE);
            self.bound(s, field).is_some_and(|b| self.bound(s, &message) == Some(b))
        })?;
        let name = match to {
            Names::Ecs | Names::LogPoint => "message",
            Names::Splunk => "_raw",
            _ => system::MESSAGE,
        };
        let said = self.bound(&bare, &FieldRef::new(to, name)) == self.bound(&bare, field);
        said.then(|| name.to_owned())
    }

    fn any_variant(
        &mut self,
        field: &FieldRef,
        shapes: &[Arc<Shape>],
        bound: &[Option<Binding>],
        to: Names,
        lowered_first: bool,
    ) -> Option<Vec<Use>> {
        let order: &[Variant] = if lowered_first {
            &[Variant::Lowered, Variant::Same, Variant::Derived(1), Variant::Derived(2)]
        } else {
            &[Variant::Same, Variant::Lowered, Variant::Derived(1), Variant::Derived(2)]
        };
        order.iter().find_map(|variant| self.cover(field, shapes, bound, to, *variant))
    }

    /// Names that together mean it wherever it is, each by the same variant, and nothing where it is not.
    fn cover(
        &mut self,
        field: &FieldRef,
        shapes: &[Arc<Shape>],
        bound: &[Option<Binding>],
        to: Names,
        variant: Variant,
    ) -> Option<Vec<Use>> {
        let mut out: Vec<Use> = Vec::new();
        let mut covered = vec![false; shapes.len()];
        while let Some(at) = (0..shapes.len()).find(|i| !covered[*i] && bound[*i].is_some()) {
            let (wanted, rest) = variant.of(bound[at].as_ref()?)?;
            let index = self.index(&shapes[at], to);
            let mut names = index.get(&key_of(&wanted))?.clone();
            names.sort_by_cached_key(|n| rank(to, n, field, &shapes[at]));
            let fits = |name: &String| -> Option<Vec<bool>> {
                let target = FieldRef::new(to, name);
                let each = shapes.iter().zip(bound).map(|(s, b)| match (self.bound(s, &target), b) {
                    (None, _) => Some(false),
                    (Some(t), Some(b)) => {
                        variant.of(b).is_some_and(|(w, r)| w == t && r == rest).then_some(true)
                    }
                    (Some(_), None) => None,
                });
                each.collect()
            };
            let fitting: Vec<(&String, Vec<bool>)> =
                names.iter().filter_map(|n| Some((n, fits(n)?))).collect();
            // One name for all before several.
            let whole =
                |here: &[bool]| (0..shapes.len()).all(|i| here[i] || covered[i] || bound[i].is_none());
            let best = fitting.iter().find(|(_, here)| whole(here)).or_else(|| fitting.first());
            let (name, here) = best.map(|(n, here)| ((*n).clone(), here.clone()))?;
            for (c, h) in covered.iter_mut().zip(here) {
                *c |= h;
            }
            if !covered[at] || out.len() >= 8 {
                return None;
            }
            out.push(Use { name, rest, lowered: variant == Variant::Lowered, unless: vec![] });
        }
        Some(out)
    }
}

/// The values of a field that has several of different derivation.
fn parts(b: Option<Binding>) -> Vec<Binding> {
    match b {
        Some(Binding::All(all)) => all,
        b => b.into_iter().collect(),
    }
}

/// How the target's value may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Same,
    /// It is the source's in lower case.
    Lowered,
    /// It lacks the last derivations.
    Derived(usize),
}

impl Variant {
    /// What the target's name must mean, and what its value lacks.
    fn of(self, b: &Binding) -> Option<(Binding, Vec<Derive>)> {
        match (self, b) {
            (Variant::Same, b) => Some((b.clone(), vec![])),
            (Variant::Lowered, Binding::Slots { slots, derive }) => {
                let derive = derive.iter().cloned().chain([Derive::Lower]).collect();
                Some((Binding::Slots { slots: slots.clone(), derive }, vec![]))
            }
            (Variant::Derived(n), Binding::Slots { slots, derive }) if derive.len() >= n => {
                let (kept, rest) = derive.split_at(derive.len() - n);
                Some((Binding::Slots { slots: slots.clone(), derive: kept.to_vec() }, rest.to_vec()))
            }
            _ => None,
        }
    }
}

/// What the shape itself tells (event id, channel) is a constant; constants are compared as text. A log has several
/// providers.
fn plain(shape: &Shape, b: Binding) -> Binding {
    let text = |t: &str| Some(Value::from(t)).filter(|_| !t.is_empty());
    let own = |slots: &[u32]| match slots {
        [one] => match shape.fields().get(*one as usize).map(|n| &**n) {
            Some(system::EVENT_ID) => shape.event_id().map(|id| Value::str(id.to_string())),
            Some(system::CHANNEL) => text(shape.channel()),
            _ => None,
        },
        _ => None,
    };
    match b {
        Binding::Slots { slots, derive } if shape.form() != Form::Ecs => match own(&slots) {
            Some(v) => constant(Derive::apply_all(&derive, v)),
            None => Binding::Slots { slots, derive },
        },
        Binding::Const(v) => constant(v),
        other => other,
    }
}

fn constant(v: Value) -> Binding {
    match v {
        Value::List(all) => Binding::Const(Value::List(all)),
        one => one.to_text().map_or(Binding::Absent, |t| Binding::Const(Value::str(t))),
    }
}

fn key_of(b: &Binding) -> String {
    format!("{b:?}")
}

/// Whether a name may be written. ECS has fields of its own names beside those of the event under a prefix.
fn speakable(names: Names, shape: &Shape, name: &str) -> bool {
    let document = shape.form() == Form::Ecs;
    match names {
        Names::Ecs => name.contains('.') || matches!(name, "message" | "@timestamp"),
        Names::Raw => true,
        Names::Splunk => !document,
        Names::Sigma => !name.contains(' '),
        _ => !document && !name.contains(' '),
    }
}

/// The lower, the better.
fn rank(names: Names, name: &str, field: &FieldRef, shape: &Shape) -> (usize, usize, String) {
    let preferred = PREFERRED.iter().find(|(n, _)| *n == names).map_or(&[] as &[&str], |(_, all)| all);
    let class = match names {
        _ if preferred.contains(&name) => 0,
        Names::Ecs if name.starts_with("winlog.") => 3,
        Names::Ecs if name.ends_with(".text") => 2,
        Names::Ecs => 1,
        _ if *name == *field.name => 1,
        Names::Sigma | Names::Raw => 2 + usize::from(shape.positions(name).is_empty()),
        _ => 2 + usize::from(name.chars().any(char::is_uppercase)),
    };
    (class, name.len(), name.to_owned())
}
