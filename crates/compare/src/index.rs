//! Which detections may include another: an index of what each cannot do without.

use std::collections::{BTreeSet, HashMap};

use shikra_taxonomy::Derive;

use crate::atom::Kind;
use crate::formula::Formula;
use crate::many::One;
use crate::world::World;

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
pub(crate) struct Index {
    /// Texts of patterns, by field, as a tree of characters.
    texts: Tree,
    /// Whole atoms.
    atoms: HashMap<u32, Vec<usize>>,
    /// Event types of each.
    shapes: HashMap<usize, BTreeSet<usize>>,
}

impl Index {
    pub fn new(firsts: &[usize], ones: &[Option<One>], world: &World<'_>) -> Index {
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
    pub fn candidates(&self, one: &One, world: &World<'_>) -> BTreeSet<usize> {
        let mut asked: BTreeSet<u32> = BTreeSet::new();
        one.on.iter().for_each(|(_, f)| positive(f, &mut asked));
        let mut found = BTreeSet::new();
        for a in asked {
            found.extend(self.atoms.get(&a).into_iter().flatten().copied());
            let Some(atom) = world.atom(a) else { continue };
            let (Some(var), Kind::Like(p, _)) = (atom.var, &atom.kind) else { continue };
            for text in p.literals() {
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
    p.literals().max_by_key(|s| s.len()).map(str::to_lowercase)
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
