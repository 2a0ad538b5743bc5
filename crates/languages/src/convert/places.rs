//! Where events of a log source lie: channels and event ids, each with the shapes that its events have as far as
//! they are known. What a condition comes to is worked out on these shapes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use shikra_event::{Form, Name, Shape, ShapeBuilder, system};
use shikra_ir::{Expr, Names, Scalar};
use shikra_taxonomy::{Alternative, Selector};

/// The id of a made-up event that stands for all that the tables do not list.
pub(super) const OTHER_ID: u32 = 65_535;
/// The channel of a made-up event that stands for all logs that the tables do not list.
const OTHER_CHANNEL: &str = "-";

/// Which events, in words that every language has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Where {
    /// All there are.
    Everything,
    /// Those of Windows logs.
    Windows,
    /// Those of a channel with these ids; none: all but `except`.
    Channel { name: String, only: BTreeSet<u32>, except: BTreeSet<u32> },
    /// ECS documents that are no event of a Windows log.
    Documents,
}

/// A part of a log source.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub which: Where,
    /// A further condition, in the names of the log source.
    pub when: Option<Expr>,
    pub shapes: Vec<Arc<Shape>>,
}

/// What is known of events.
pub(super) struct World {
    pub known: Vec<Arc<Shape>>,
    pub document: Vec<Name>,
    made: HashMap<Content, Arc<Shape>>,
}

/// Names of fields that a rule asks for, as events that no table lists may carry them.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    /// Events of Windows logs: they have no fields of ECS of their own.
    events: BTreeSet<Name>,
    /// Documents.
    documents: BTreeSet<Name>,
}

/// Form, channel, event id and fields of a shape that is made up.
type Content = (Form, String, Option<u32>, BTreeSet<Name>);

/// Made-up shapes that are remembered.
const MOST_MADE: usize = 2_000;

impl World {
    /// The events that the tables list, and the fields of documents.
    pub fn new(known: Vec<Arc<Shape>>, document: Vec<Name>) -> World {
        World { known, document, made: HashMap::new() }
    }

    /// The parts of a log source that the targets can name. Documents of other kinds than Windows events and ECS,
    /// and events without a channel, are left out. `own` are the fields and `ids` the event ids that the rule
    /// names.
    pub fn places(&mut self, selector: &Selector, own: &Own, ids: &[u32], documents: bool) -> Vec<Place> {
        let mut out: Vec<Place> = Vec::new();
        for a in selector.any_of.iter() {
            for which in named(a) {
                if which == Where::Documents && !documents {
                    continue;
                }
                let shapes = self.shapes(&which, own, ids);
                add(&mut out, Place { which, when: a.when.clone(), shapes });
            }
        }
        out
    }

    fn shapes(&mut self, which: &Where, own: &Own, ids: &[u32]) -> Vec<Arc<Shape>> {
        match which {
            Where::Documents => {
                let dotted = |n: &&Name| n.contains('.') || n.starts_with('@');
                let fields: BTreeSet<Name> =
                    self.document.iter().chain(&own.documents).filter(dotted).cloned().collect();
                vec![self.made(Form::Ecs, "", None, fields)]
            }
            Where::Channel { name, only, .. } => {
                let here = |s: &&Arc<Shape>| {
                    let id = s.event_id().unwrap_or_default();
                    s.channel().eq_ignore_ascii_case(name) && (only.is_empty() || only.contains(&id))
                };
                let mut all: Vec<Arc<Shape>> = self.known.iter().filter(here).cloned().collect();
                let listed: BTreeSet<u32> = all.iter().filter_map(|s| s.event_id()).collect();
                let others: BTreeSet<u32> = match only.is_empty() {
                    true => ids.iter().copied().chain([OTHER_ID]).collect(),
                    false => only.clone(),
                };
                all.extend(others.difference(&listed).map(|id| self.unlisted(name, *id, &own.events)));
                all
            }
            Where::Windows | Where::Everything => {
                let others = ids.iter().copied().chain([OTHER_ID]);
                let others: Vec<Arc<Shape>> =
                    others.map(|id| self.unlisted(OTHER_CHANNEL, id, &own.events)).collect();
                self.known.iter().cloned().chain(others).collect()
            }
        }
    }

    /// An event that no table lists, with the fields that the rule names.
    fn unlisted(&mut self, channel: &str, id: u32, own: &BTreeSet<Name>) -> Arc<Shape> {
        let header = system::ALL.iter().copied().map(Name::from);
        self.made(Form::default(), channel, Some(id), header.chain(own.iter().cloned()).collect())
    }

    /// A shape that is made up. What was made before is given again, so that what is known of it serves again.
    fn made(
        &mut self,
        form: Form,
        channel: &str,
        event_id: Option<u32>,
        fields: BTreeSet<Name>,
    ) -> Arc<Shape> {
        let key = (form, channel.to_owned(), event_id, fields);
        if let Some(known) = self.made.get(&key) {
            return known.clone();
        }
        if self.made.len() >= MOST_MADE {
            self.made.clear();
        }
        let fields = key.3.iter().cloned().collect();
        let shape =
            ShapeBuilder { form, channel: channel.into(), event_id, fields, ..ShapeBuilder::default() }
                .build();
        self.made.insert(key, shape.clone());
        shape
    }
}

/// Adds a part; one of a channel that is there, to it.
fn add(all: &mut Vec<Place>, new: Place) {
    for p in all.iter_mut().filter(|p| p.when == new.when) {
        if p.which == new.which {
            return;
        }
        if let (Where::Channel { name, only, .. }, Where::Channel { name: other, only: more, .. }) =
            (&mut p.which, &new.which)
            && name.eq_ignore_ascii_case(other)
            && !only.is_empty()
            && !more.is_empty()
        {
            only.extend(more.iter().copied());
            p.shapes.extend(new.shapes);
            return;
        }
    }
    all.push(new);
}

fn named(a: &Alternative) -> Vec<Where> {
    if a.forms == [Form::Other] {
        return vec![];
    }
    if !a.channels.is_empty() {
        let only: BTreeSet<u32> = a.event_ids.iter().copied().collect();
        let channel = |name: &String| match (name.is_empty(), a.forms.contains(&Form::Ecs)) {
            (false, _) => {
                Some(Where::Channel { name: name.clone(), only: only.clone(), except: BTreeSet::new() })
            }
            (true, true) => Some(Where::Documents),
            // By provider, for events that name no channel.
            (true, false) => None,
        };
        return a.channels.iter().filter_map(channel).collect();
    }
    match a.forms.as_slice() {
        [] => vec![Where::Everything],
        f if f.contains(&Form::Windows) => vec![Where::Windows],
        f if f.contains(&Form::Ecs) => vec![Where::Documents],
        _ => vec![],
    }
}

/// Whether a shape stands for what the tables do not list.
pub(super) fn is_other(shape: &Shape) -> bool {
    shape.event_id() == Some(OTHER_ID) || shape.channel() == OTHER_CHANNEL
}

/// The events of shapes that remain of some places, in as few words as there are. None where they cannot be told
/// apart from the rest.
pub(super) fn remaining(place: &Place, kept: &[Arc<Shape>]) -> Option<Vec<Where>> {
    if kept.len() == place.shapes.len() {
        return Some(vec![place.which.clone()]);
    }
    let mut channels: BTreeMap<&str, (BTreeSet<u32>, bool)> = BTreeMap::new();
    for s in kept {
        if s.channel() == OTHER_CHANNEL {
            return None;
        }
        let entry = channels.entry(s.channel()).or_default();
        entry.1 |= is_other(s);
        entry.0.extend(s.event_id().filter(|id| *id != OTHER_ID));
    }
    let one = |(name, (ids, rest)): (&str, (BTreeSet<u32>, bool))| match rest {
        false => Where::Channel { name: name.into(), only: ids, except: BTreeSet::new() },
        true => {
            let here = place.shapes.iter().filter(|s| s.channel() == name).filter_map(|s| s.event_id());
            let except = here.filter(|id| *id != OTHER_ID && !ids.contains(id)).collect();
            Where::Channel { name: name.into(), only: BTreeSet::new(), except }
        }
    };
    Some(channels.into_iter().map(one).collect())
}

/// The names of events' own fields that a condition may mean, and the event ids it names.
pub(super) fn mentioned(e: &Expr) -> (Own, Vec<u32>) {
    let (mut own, mut ids) = (Own::default(), BTreeSet::new());
    e.fields(&mut |f| {
        let data = f.name.strip_prefix("winlog.event_data.");
        let name = Name::from(data.unwrap_or(&f.name));
        if f.names != Names::Ecs || data.is_some() {
            own.events.insert(name.clone());
        }
        own.documents.insert(name);
    });
    e.tests(&mut |t| {
        let Scalar::Field(_) = &t.subject else { return };
        ids.extend(texts(&t.op).iter().filter_map(|s| s.parse::<u32>().ok()).filter(|n| *n < OTHER_ID));
    });
    (own, ids.into_iter().collect())
}

/// Constants that a test compares with, as text.
fn texts(op: &shikra_ir::Op) -> Vec<String> {
    use shikra_ir::Op;
    match op {
        Op::Like(p) => p.iter().filter_map(|p| p.literal().map(str::to_owned)).collect(),
        Op::In(v) => v.iter().filter_map(|v| v.to_text()).collect(),
        Op::Compare(_, Scalar::Lit(v)) => v.to_text().into_iter().collect(),
        _ => vec![],
    }
}
