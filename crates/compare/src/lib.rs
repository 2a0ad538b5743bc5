//! Whether two detections mean the same: by reasoning on their conditions, with made-up events as witnesses.
//!
//! [`compare`] asks three questions of two sets of filters: is there an event that only the first matches, one that
//! only the second matches, one that both match? Each is answered by an event, verified by the reference matcher,
//! or by a proof that there is none, or is left undecided and says what it failed on; nothing is guessed.
//!
//! The events meant are those of the taxonomy's tables: each field of them is absent or holds one value, numbers
//! are written the usual way, and fields that hold the path of a program hold a whole one (where that matters, the
//! answer says so). Documents in ECS count where both sides name their fields so.
//!
//! Files, languages and texts for people are left to others.

mod atom;
mod automaton;
mod formula;
mod glob;
mod index;
mod many;
mod plans;
mod product;
mod refute;
mod sample;
mod solve;
mod translate;
mod universe;
mod value;
mod witness;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use shikra_event::{Form, Shape};
use shikra_ir::{Expr, Op, Test, text};
use shikra_matcher::Filter;
use shikra_taxonomy::Taxonomy;

use formula::Formula;
pub use many::{Duplicates, duplicates};
pub use plans::{Verdict, compare_plans, events};
use solve::{Budget, Outcome, solve};
use translate::Translate;
pub use witness::Witness;
use world::World;

/// The answer to whether there is an event of some kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// This one.
    Yes(Box<Witness>),
    /// There is none.
    No,
    /// Not decided: the tests on which it failed; none where the bound on work was reached.
    Unknown(Vec<String>),
}

/// How two detections relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They match the same events.
    Equal,
    /// Whatever the first matches the second matches, and not the other way round.
    FirstWithin,
    /// Whatever the second matches the first matches, and not the other way round.
    SecondWithin,
    /// Some events are matched by both, some by one only, on either side.
    Overlap,
    /// No event is matched by both.
    Disjoint,
    /// Not decided.
    Undecided,
}

/// What comparing came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Is there an event that only the first matches?
    pub only_first: Answer,
    /// Is there an event that only the second matches?
    pub only_second: Answer,
    /// Is there an event that both match?
    pub both: Answer,
    /// Event types looked at: channel (or form of the document) and event id.
    pub over: Vec<String>,
    /// It differs where a field that should hold a whole path does not: an event that only one matches then.
    pub unless_paths: Option<Box<Witness>>,
}

impl Comparison {
    /// What the three answers come to.
    pub fn relation(&self) -> Relation {
        use Answer::{No, Unknown, Yes};
        match (&self.only_first, &self.only_second, &self.both) {
            (No, No, Yes(_) | Unknown(_) | No) => Relation::Equal,
            (Yes(_), Yes(_), Yes(_)) => Relation::Overlap,
            (_, _, No) => Relation::Disjoint,
            (No, Yes(_), _) => Relation::FirstWithin,
            (Yes(_), No, _) => Relation::SecondWithin,
            _ => Relation::Undecided,
        }
    }
}

/// Words for what was asked, by what a detection is made of.
struct Side<'f> {
    filters: Vec<&'f Filter>,
}

impl Side<'_> {
    /// The events of a type that it matches.
    fn formula(&self, world: &mut World<'_>, shape: usize) -> Formula {
        let Some(of) = world.shapes.get(shape).cloned() else { return Formula::False };
        let parts: Vec<Formula> = self
            .filters
            .iter()
            .filter_map(|f| {
                let when = f.selector.admits(&of)?;
                let mut translate = Translate { world, shape };
                if translate.ruled_out(&f.expr) {
                    return None;
                }
                let when = when.map_or(Formula::True, |w| translate.expr(&w, true));
                Some(Formula::all([when, translate.expr(&f.expr, true)]))
            })
            .collect();
        Formula::any(parts)
    }
}

/// Compares two detections, each the events that any of its filters matches.
pub fn compare(first: &[Filter], second: &[Filter], taxonomy: &Taxonomy) -> Comparison {
    let all: Vec<&Filter> = first.iter().chain(second).collect();
    let ecs = universe::all_ecs(&all);
    let mut shapes = universe::shapes(taxonomy, &all);
    shapes.retain(|s| s.form() == Form::Windows || ecs);
    let run = |well_formed| {
        let mut pair = Pair::new(first, second, taxonomy, &shapes, well_formed);
        let answers = [pair.ask(Some(true), Some(false)), pair.ask(Some(false), Some(true))];
        (answers, pair.ask(Some(true), Some(true)), pair.over)
    };
    let ([only_first, only_second], both, over) = run(true);
    let mut unless_paths = None;
    if only_first == Answer::No || only_second == Answer::No {
        let ([a, b], ..) = run(false);
        for (strict, free) in [(&only_first, a), (&only_second, b)] {
            if let (Answer::No, Answer::Yes(w)) = (strict, free) {
                unless_paths = unless_paths.or(Some(w));
            }
        }
    }
    Comparison { only_first, only_second, both, over, unless_paths }
}

/// Most event types over which [`satisfiable`] says no: it is asked of every rule, and has to be quick.
const MOST_DENIED: usize = 12;

/// Most values asked for by filters of which [`satisfiable`] says anything: lists of indicators have thousands.
const MOST_ASKED: usize = 1000;

/// Values that tests ask for.
fn asked(filters: &[Filter]) -> usize {
    let mut asked = 0;
    let mut count = |t: &Test| {
        asked += match &t.op {
            Op::Like(v) => v.len(),
            Op::Regex(v) => v.len(),
            Op::Cidr(v) => v.len(),
            Op::In(v) => v.len(),
            _ => 1,
        }
    };
    filters.iter().for_each(|f| f.expr.tests(&mut count));
    asked
}

/// Whether any event can match, of the types that the tables know. For lints: quick, and undecided where that
/// would take longer.
pub fn satisfiable(filters: &[Filter], taxonomy: &Taxonomy) -> Answer {
    let all: Vec<&Filter> = filters.iter().collect();
    let shapes = universe::shapes(taxonomy, &all);
    if shapes.len() > MOST_DENIED || asked(filters) > MOST_ASKED {
        return Answer::Unknown(Vec::new());
    }
    let mut pair = Pair::new(filters, &[], taxonomy, &shapes, false);
    pair.budget = Budget { branches: 100, failures: 2 };
    pair.world.effort = 0;
    let mut answer = pair.ask(Some(true), None);
    // Most conditions are met by the first event made up for them; only the others are worth the work.
    if let Answer::Unknown(_) = answer {
        pair.budget = Budget { branches: 300, failures: 1 };
        pair.world.effort = 500;
        answer = pair.ask(Some(true), None);
    }
    match answer {
        // Of events that no table lists it is not known which fields they have.
        Answer::No if shapes.iter().any(|s| s.form() == Form::Windows && !taxonomy.lists(s)) => {
            Answer::Unknown(Vec::new())
        }
        answer => answer,
    }
}

/// Two detections over the event types that matter to them.
struct Pair<'f, 't> {
    world: World<'t>,
    sides: [Side<'f>; 2],
    /// For each shape, what each side matches there. Shapes that ask the same questions are there once.
    formulas: Vec<(usize, [Formula; 2])>,
    over: Vec<String>,
    budget: Budget,
}

impl<'f, 't> Pair<'f, 't> {
    fn new(
        first: &'f [Filter],
        second: &'f [Filter],
        taxonomy: &'t Taxonomy,
        shapes: &[Arc<Shape>],
        well_formed: bool,
    ) -> Pair<'f, 't> {
        let mut world = World::new(taxonomy, well_formed);
        world.shapes = shapes.to_vec();
        let sides = [Side { filters: first.iter().collect() }, Side { filters: second.iter().collect() }];
        let mut formulas = Vec::new();
        let mut over = Vec::new();
        for (at, of) in shapes.iter().enumerate() {
            let both = [sides[0].formula(&mut world, at), sides[1].formula(&mut world, at)];
            if both != [Formula::False, Formula::False] {
                over.push(name(of));
                formulas.push((at, both));
            }
        }
        Pair { world, sides, formulas, over, budget: Budget { branches: 20_000, failures: 40 } }
    }

    /// Whether there is an event that each side matches or not, as asked; `None`: as it likes.
    fn ask(&mut self, first: Option<bool>, second: Option<bool>) -> Answer {
        let mut unknown: Option<BTreeSet<u32>> = None;
        let formulas = std::mem::take(&mut self.formulas);
        let mut answer = None;
        for (shape, sides) in &formulas {
            let wanted = [first, second];
            let parts = sides.iter().zip(wanted).map(|(f, w)| match w {
                Some(true) => f.clone(),
                Some(false) => f.negate(),
                None => Formula::True,
            });
            let formula = Formula::all(parts.collect::<Vec<_>>());
            let sides = &self.sides;
            let check = |world: &World<'_>, values: &[(u32, shikra_event::Value)]| {
                let right = |event: &shikra_event::Event<'_>| {
                    sides.iter().zip(wanted).all(|(side, w)| {
                        let holds = |f: &&Filter| shikra_matcher::reference::holds(f, world.taxonomy, event);
                        w.is_none_or(|w| side.filters.iter().any(holds) == w)
                    })
                };
                world.event(*shape, values, right) == Some(true)
            };
            match solve(&mut self.world, *shape, &formula, self.budget, &check) {
                Outcome::Event(values) => {
                    answer = Some(Answer::Yes(Box::new(Witness::new(&self.world, *shape, &values))));
                    break;
                }
                Outcome::Never => {}
                Outcome::Unknown(atoms) => unknown.get_or_insert_default().extend(atoms),
            }
        }
        self.formulas = formulas;
        answer.unwrap_or_else(|| match unknown {
            None => Answer::No,
            Some(atoms) => Answer::Unknown(self.said(&atoms)),
        })
    }

    fn said(&self, atoms: &BTreeSet<u32>) -> Vec<String> {
        let tests =
            atoms.iter().filter_map(|a| self.world.atom(*a)).map(|a| text::expr(&Expr::Test(a.test.clone())));
        let all: BTreeSet<String> = tests.collect();
        all.into_iter().take(8).collect()
    }
}

/// An event type, for people.
fn name(shape: &Shape) -> String {
    let of = match (shape.channel(), shape.provider(), shape.form()) {
        ("", "", Form::Windows) => "other Windows events",
        ("", "", Form::Ecs) => "documents in ECS",
        ("", "", Form::Other) => "other documents",
        ("", p, _) => p,
        (c, ..) => c,
    };
    shape.event_id().map_or(of.to_owned(), |id| format!("{of} {id}"))
}
