//! Duplicates and subsumed detections among many.
//!
//! Equal formulas are found by looking them up. For the rest, a pair is looked at only where the one asks for a text
//! that the other cannot do without: whatever a detection matches satisfies one atom of its *needed* set, and a
//! detection within it must ask for that atom or something narrower. So thousands of rules do not make millions of
//! pairs. What is reported is proved; what is not reported may still be so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shikra_ir::Part;
use shikra_matcher::Filter;
use shikra_taxonomy::{Derive, Selector, Taxonomy};

use crate::Side;
use crate::atom::Kind;
use crate::formula::Formula;
use crate::solve::{Budget, Outcome, solve};
use crate::world::World;

/// Bounds of the search for one pair on one event type.
const BUDGET: Budget = Budget { branches: 400, failures: 1 };
/// Tuples of automata for one question.
const EFFORT: usize = 300;
/// Most candidates looked at for one detection.
const MOST_CANDIDATES: usize = 400;

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
    /// Detections with more candidates than were looked at.
    pub cut: Vec<usize>,
}

/// One detection: where it can match, and what it asks there.
struct One {
    /// Event type and formula, ascending.
    on: Vec<(usize, Formula)>,
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
    let mut within: BTreeSet<(usize, usize)> = BTreeSet::new();
    for a in &firsts {
        let Some(one) = ones.get(*a).and_then(Option::as_ref) else { continue };
        let mut candidates = index.candidates(one, &world);
        candidates.remove(a);
        if candidates.len() > MOST_CANDIDATES {
            out.cut.push(*a);
        }
        for b in candidates.into_iter().take(MOST_CANDIDATES) {
            let Some(other) = ones.get(b).and_then(Option::as_ref) else { continue };
            out.pairs += 1;
            if is_within(one, other, &mut world) {
                within.insert((*a, b));
            }
        }
    }
    gather(&mut out, same.into_values().collect(), &within);
    out
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

/// Whether nothing is matched by the one and not by the other: proved.
fn is_within(one: &One, other: &One, world: &mut World<'_>) -> bool {
    one.on.iter().all(|(shape, f)| {
        let Some(there) = other.on.iter().find(|(s, _)| s == shape).map(|(_, f)| f) else { return false };
        let formula = Formula::all([f.clone(), there.negate()]);
        // Values for an open branch are enough to give the pair up. Most pairs need no automata for that.
        world.effort = 0;
        let mut outcome = solve(world, *shape, &formula, BUDGET, &|_, _| true);
        if let Outcome::Unknown(_) = outcome {
            world.effort = EFFORT;
            outcome = solve(world, *shape, &formula, BUDGET, &|_, _| true);
        }
        matches!(outcome, Outcome::Never)
    })
}

/// The atoms of which one holds wherever the formula does; none where there is no such set.
fn needed(f: &Formula, weight: &dyn Fn(u32) -> f64) -> Option<(f64, Vec<u32>)> {
    match f {
        Formula::True | Formula::Is(_, false) => None,
        Formula::False => Some((0.0, Vec::new())),
        Formula::Is(a, true) => Some((weight(*a), vec![*a])),
        Formula::All(v) => v.iter().filter_map(|p| needed(p, weight)).min_by(|a, b| a.0.total_cmp(&b.0)),
        Formula::Any(v) => {
            let mut all = (0.0, Vec::new());
            for p in v {
                let part = needed(p, weight)?;
                all.0 += part.0;
                all.1.extend(part.1);
            }
            Some(all)
        }
    }
}

/// Detections by what they cannot do without.
struct Index {
    /// Texts of patterns, by field, as a tree of characters.
    texts: Tree,
    /// Whole atoms.
    atoms: HashMap<u32, Vec<usize>>,
    /// Event types of each.
    shapes: HashMap<usize, BTreeSet<usize>>,
}

impl Index {
    fn new(firsts: &[usize], ones: &[Option<One>], world: &World<'_>) -> Index {
        let mut index = Index { texts: Tree::default(), atoms: HashMap::new(), shapes: HashMap::new() };
        let weight = |a: u32| text_of(world, a).map_or(1.0, |t| 0.8f64.powi(t.len().min(60) as i32));
        for i in firsts {
            let Some(one) = ones.get(*i).and_then(Option::as_ref) else { continue };
            index.shapes.insert(*i, one.on.iter().map(|(s, _)| *s).collect());
            for (_, f) in &one.on {
                for a in needed(f, &weight).map(|n| n.1).unwrap_or_default() {
                    index.atoms.entry(a).or_default().push(*i);
                    if let (Some(text), Some(var)) = (text_of(world, a), world.atom(a).and_then(|a| a.var)) {
                        index.texts.add(var, &text, *i);
                    }
                }
            }
        }
        index
    }

    /// Detections that need something which this one asks for, and that may match where it does.
    fn candidates(&self, one: &One, world: &World<'_>) -> BTreeSet<usize> {
        let mut asked: BTreeSet<u32> = BTreeSet::new();
        one.on.iter().for_each(|(_, f)| positive(f, &mut asked));
        let mut found = BTreeSet::new();
        for a in asked {
            found.extend(self.atoms.get(&a).into_iter().flatten().copied());
            let Some(atom) = world.atom(a) else { continue };
            let (Some(var), Kind::Like(p, _)) = (atom.var, &atom.kind) else { continue };
            for part in p.parts() {
                let Part::Lit(text) = part else { continue };
                let whole =
                    format!("{}{text}", if atom.derive.contains(&Derive::BaseName) { "\\" } else { "" });
                self.texts.within(var, &whole.to_lowercase(), &mut found);
            }
        }
        let on: BTreeSet<usize> = one.on.iter().map(|(s, _)| *s).collect();
        found.retain(|b| self.shapes.get(b).is_some_and(|s| on.is_subset(s)));
        found
    }
}

/// The atoms that a formula asks for.
fn positive(f: &Formula, out: &mut BTreeSet<u32>) {
    match f {
        Formula::Is(a, true) => drop(out.insert(*a)),
        Formula::All(v) | Formula::Any(v) => v.iter().for_each(|p| positive(p, out)),
        Formula::True | Formula::False | Formula::Is(_, false) => {}
    }
}

/// The longest literal text of a pattern, in lower case.
fn text_of(world: &World<'_>, atom: u32) -> Option<String> {
    let Kind::Like(p, _) = &world.atom(atom)?.kind else { return None };
    let texts = p.parts().iter().filter_map(|p| if let Part::Lit(s) = p { Some(s) } else { None });
    texts.max_by_key(|s| s.len()).map(|s| s.to_lowercase())
}

/// Texts by field, as a tree of characters.
#[derive(Default)]
struct Tree {
    next: HashMap<(u32, char), u32>,
    roots: HashMap<u32, u32>,
    ends: HashMap<u32, Vec<usize>>,
    nodes: u32,
}

impl Tree {
    fn add(&mut self, var: u32, text: &str, who: usize) {
        let nodes = &mut self.nodes;
        let mut fresh = || {
            *nodes += 1;
            *nodes
        };
        let mut at = *self.roots.entry(var).or_insert_with(&mut fresh);
        for c in text.chars() {
            at = *self.next.entry((at, c)).or_insert_with(&mut fresh);
        }
        self.ends.entry(at).or_default().push(who);
    }

    /// All whose text stands in `text`.
    fn within(&self, var: u32, text: &str, out: &mut BTreeSet<usize>) {
        let Some(root) = self.roots.get(&var) else { return };
        for (from, _) in text.char_indices() {
            let mut at = *root;
            for c in text[from..].chars() {
                let Some(next) = self.next.get(&(at, c)) else { break };
                at = *next;
                out.extend(self.ends.get(&at).into_iter().flatten().copied());
            }
        }
    }
}
