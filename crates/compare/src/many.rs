//! Duplicates and subsumed detections among many.
//!
//! Equal formulas are found by looking them up. For the rest, a pair is looked at only where the one asks for a text
//! that the other cannot do without: whatever a detection matches satisfies one atom of its *needed* set, and a
//! detection within it must ask for that atom or something narrower. So thousands of rules do not make millions of
//! pairs. Of those, most are settled by an event that the one matches and the other does not, the others by a search:
//! first by the forms of patterns, for all pairs, then with automata for those still open, as far as the bound on all
//! work goes. Work is counted in steps, never in time, so that the answer is the same everywhere. What is reported is
//! proved; what is not reported may still be so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shikra_matcher::Filter;
use shikra_taxonomy::{Selector, Taxonomy};

use crate::Side;
use crate::formula::Formula;
use crate::index::Index;
use crate::refute::Matched;
use crate::solve::{Budget, Outcome, solve};
use crate::world::World;

/// Bounds of the search for one event.
const BUDGET: Budget = Budget { branches: 400, failures: 1 };
/// Looks at the pairs that are still open, each dearer than the one before: by the forms of patterns, with automata,
/// and with more of both.
const PASSES: &[Pass] = &[
    Pass { budget: BUDGET, effort: 0, steps: 1_000_000_000 },
    Pass { budget: BUDGET, effort: 300, steps: 1_000_000_000 },
    Pass { budget: Budget { branches: 2_000, failures: 4 }, effort: 2_000, steps: 200_000_000 },
];

/// What was found among many detections, by their position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Those that match the same events: each group in order, the groups by their first.
    pub equal: Vec<Vec<usize>>,
    /// The first matches nothing that the second does not match, and is not equal to it. Of a group of equals only
    /// the first is named.
    pub within: Vec<(usize, usize)>,
    /// Those that no event of the tables can satisfy, other log sources among them: they were not compared.
    pub nowhere: Vec<usize>,
    /// Pairs looked at.
    pub pairs: u64,
    /// Pairs of which it was not decided whether the one includes the other.
    pub undecided: u64,
    /// Pairs not looked at, or not to the end, because the bound on all work was reached.
    pub unread: u64,
}

/// One detection: where it can match, and what it asks there.
pub(crate) struct One {
    /// Event type and formula, ascending.
    pub on: Vec<(usize, Formula)>,
}

/// Looks for duplicates; nothing is known of detections that are `None`.
pub fn duplicates(all: &[Option<Vec<Filter>>], taxonomy: &Taxonomy) -> Duplicates {
    let mut world = World::new(taxonomy, true);
    world.shapes = taxonomy.known_events();
    let mut admitted: HashMap<String, Vec<usize>> = HashMap::new();
    let ones: Vec<Option<One>> =
        all.iter().map(|f| f.as_ref().map(|f| translate(f, &mut world, &mut admitted))).collect();
    let mut out = Duplicates::default();
    let mut same: BTreeMap<&Vec<(usize, Formula)>, Vec<usize>> = BTreeMap::new();
    for (i, one) in ones.iter().enumerate() {
        match one {
            Some(one) if one.on.is_empty() => out.nowhere.push(i),
            Some(one) => same.entry(&one.on).or_default().push(i),
            None => {}
        }
    }
    // One for each formula.
    let firsts: Vec<usize> = same.values().filter_map(|v| v.first().copied()).collect();
    let index = Index::new(&firsts, &ones, &world);
    let pairs = firsts.iter().filter_map(|a| {
        let mut candidates = index.candidates(ones.get(*a)?.as_ref()?, &world);
        candidates.remove(a);
        Some((*a, candidates.into_iter().collect()))
    });
    let pairs: Vec<(usize, Vec<usize>)> = pairs.collect();
    out.pairs = pairs.iter().map(|(_, all)| all.len() as u64).sum();
    let mut within = BTreeSet::new();
    let open = PASSES
        .iter()
        .fold(pairs, |open, pass| pass.run(open, &ones, &mut world, &mut within, &mut out.unread));
    out.undecided = open.iter().map(|(_, all)| all.len() as u64).sum();
    gather(&mut out, same.into_values().collect(), &within);
    out
}

/// One look at pairs, with so much effort for each question and so many steps for all.
struct Pass {
    /// Bounds of the search for one pair on one event type.
    budget: Budget,
    /// Tuples of automata for one question.
    effort: usize,
    steps: u64,
}

impl Pass {
    /// Adds those that are within to `within`, counts those that the steps did not suffice for, and gives back those
    /// that were not decided.
    fn run(
        &self,
        pairs: Vec<(usize, Vec<usize>)>,
        ones: &[Option<One>],
        world: &mut World<'_>,
        within: &mut BTreeSet<(usize, usize)>,
        unread: &mut u64,
    ) -> Vec<(usize, Vec<usize>)> {
        let most = world.steps.get().saturating_add(self.steps);
        let one = |i: &usize| ones.get(*i).and_then(Option::as_ref);
        let mut open = Vec::new();
        for (a, candidates) in pairs {
            let mut matched = Matched::default();
            let mut left = Vec::new();
            for b in candidates {
                let (Some(x), Some(y)) = (one(&a), one(&b)) else { continue };
                if world.steps.get() >= most {
                    *unread += 1;
                    continue;
                }
                match self.is_within(x, y, &mut matched, world) {
                    Some(true) => drop(within.insert((a, b))),
                    Some(false) => {}
                    None => left.push(b),
                }
            }
            open.push((a, left));
        }
        open
    }

    /// Whether nothing is matched by the one and not by the other: proved; none where it was not decided.
    fn is_within(
        &self,
        one: &One,
        other: &One,
        matched: &mut Matched,
        world: &mut World<'_>,
    ) -> Option<bool> {
        for (shape, f) in &one.on {
            let Some(there) = other.on(*shape) else { return Some(false) };
            if matched.refute(world, *shape, there) {
                return Some(false);
            }
            if matched.first(*shape) {
                world.effort = self.effort;
                if let Outcome::Event(values) = solve(world, *shape, f, self.budget, &|_, _| true) {
                    matched.keep(world, *shape, f, values);
                }
                if matched.refute(world, *shape, there) {
                    return Some(false);
                }
            }
        }
        let mut all = Some(true);
        for (shape, f) in &one.on {
            let there = other.on(*shape)?;
            world.effort = self.effort;
            match solve(world, *shape, &Formula::all([f.clone(), there.negate()]), self.budget, &|_, _| true)
            {
                Outcome::Never => {}
                Outcome::Event(values) => {
                    matched.keep(world, *shape, f, values);
                    return Some(false);
                }
                // Another event type may still tell that it is not.
                Outcome::Unknown(_) => all = None,
            }
        }
        all
    }
}

impl One {
    fn on(&self, shape: usize) -> Option<&Formula> {
        let at = self.on.binary_search_by_key(&shape, |(s, _)| *s).ok()?;
        self.on.get(at).map(|(_, f)| f)
    }
}

/// Joins equal ones, and keeps of each group the first.
fn gather(out: &mut Duplicates, mut groups: Vec<Vec<usize>>, within: &BTreeSet<(usize, usize)>) {
    let mut first_of: HashMap<usize, usize> = HashMap::new();
    groups.sort();
    for g in &groups {
        let Some(first) = g.first() else { continue };
        let mutual = within.iter().filter(|(a, b)| a == first && within.contains(&(*b, *a))).map(|(_, b)| *b);
        let least = mutual.chain([*first]).min().unwrap_or(*first);
        first_of.insert(*first, first_of.get(&least).copied().unwrap_or(least));
    }
    let mut joined: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for g in groups {
        let Some(first) = g.first() else { continue };
        joined.entry(first_of.get(first).copied().unwrap_or(*first)).or_default().extend(g);
    }
    let head = |i: &usize| first_of.get(i).copied().unwrap_or(*i);
    let pairs: BTreeSet<(usize, usize)> =
        within.iter().map(|(a, b)| (head(a), head(b))).filter(|(a, b)| a != b).collect();
    out.within = pairs.into_iter().collect();
    out.equal = joined.into_values().filter(|g| g.len() > 1).collect();
    out.equal.iter_mut().for_each(|g| g.sort_unstable());
}

fn translate(filters: &[Filter], world: &mut World<'_>, admitted: &mut HashMap<String, Vec<usize>>) -> One {
    let mut shapes: BTreeSet<usize> = BTreeSet::new();
    for f in filters {
        let key = format!("{:?}", f.selector);
        let known = admitted.entry(key).or_insert_with(|| admitted_by(&f.selector, world));
        shapes.extend(known.iter());
    }
    let side = Side { filters: filters.iter().collect() };
    let on = shapes.into_iter().map(|s| (s, side.formula(world, s))).filter(|(_, f)| *f != Formula::False);
    One { on: on.collect() }
}

fn admitted_by(selector: &Selector, world: &World<'_>) -> Vec<usize> {
    let admits = |s: &shikra_event::Shape| selector.any_of.iter().any(|a| a.admits(s));
    world.shapes.iter().enumerate().filter(|(_, s)| admits(s)).map(|(i, _)| i).collect()
}
