//! Isolation forests (Liu, Ting and Zhou 2008), and the extended variant (Hariri and others 2021).
//!
//! A point that random cuts part from the rest after few cuts is an outlier. Every tree has a stream of chance
//! of its own, so that a forest is the same however its trees are built.

use crate::stats::Chance;

/// How a forest is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Trees.
    pub trees: usize,
    /// Points that each tree sees.
    pub sample: usize,
    /// Features in a cut beside the first: 0 cuts along axes.
    pub extension: usize,
    /// Seed of its chance.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { trees: 100, sample: 256, extension: 0, seed: 1 }
    }
}

/// A forest.
#[derive(Clone, Debug)]
pub struct Forest {
    trees: Vec<Tree>,
    width: usize,
    /// Average path length in a tree of the sample's size.
    normal: f64,
}

#[derive(Clone, Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
    /// Terms of cuts that are not along an axis: feature, factor.
    terms: Vec<(u32, f64)>,
}

/// A cut, or a leaf where `below` is 0: then `at` is its path length.
#[derive(Clone, Copy, Debug)]
struct Node {
    at: f64,
    /// Feature, or first term.
    feature: u32,
    /// Number of terms; 0: a cut along an axis.
    terms: u16,
    depth: u16,
    /// The left child; the right one follows.
    below: u32,
    size: u32,
}

/// Points side by side, `width` numbers each.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    /// All numbers.
    pub numbers: &'a [f64],
    /// Numbers of a point.
    pub width: usize,
}

impl<'a> Points<'a> {
    /// How many points.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.width.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A point.
    pub fn get(&self, i: usize) -> &'a [f64] {
        self.numbers.get(i * self.width..(i + 1) * self.width).unwrap_or(&[])
    }
}

/// Average path length of an unsuccessful search in a binary tree of `n` points.
fn average_path(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        n => 2.0 * (((n - 1) as f64).ln() + EULER) - 2.0 * (n - 1) as f64 / n as f64,
    }
}

impl Forest {
    /// Grows a forest on points.
    pub fn new(points: Points<'_>, options: &Options) -> Forest {
        let sample = options.sample.clamp(2, points.len().max(2));
        let depth = (sample as f64).log2().ceil() as u16;
        let grow = |t: usize| {
            let mut chance = Chance::new(options.seed, t as u64);
            let chosen = chance.sample(points.len(), sample);
            Grower { points, depth, extension: options.extension, chance, tree: Tree::default() }.grow(chosen)
        };
        let trees = (0..options.trees.max(1)).map(grow).collect();
        Forest { trees, width: points.width, normal: average_path(sample) }
    }

    /// The score of each point: 0 to 1, above 0.5 where it is parted sooner than the average.
    pub fn scores(&self, points: Points<'_>) -> Vec<f64> {
        let mut paths = vec![0.0; points.len()];
        let width = self.width.max(1);
        let levels: Vec<Option<Level>> = self.trees.iter().map(Tree::level).collect();
        // Some points, all trees: both stay near.
        for (paths, numbers) in paths.chunks_mut(TILE).zip(points.numbers.chunks(TILE * width)) {
            for (tree, level) in self.trees.iter().zip(&levels) {
                match level {
                    Some(level) => level.paths(Points { numbers, width }, paths),
                    None => {
                        let each = paths.iter_mut().zip(numbers.chunks_exact(width));
                        each.for_each(|(path, point)| *path += tree.path(point));
                    }
                }
            }
        }
        let many = self.trees.len() as f64;
        paths.iter().map(|p| (-p / many / self.normal.max(f64::MIN_POSITIVE)).exp2()).collect()
    }

    /// How much each feature had to do with parting a point: shares that add up to 1. A cut counts for how far
    /// it parted the point more sharply than into halves.
    pub fn blame(&self, point: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; self.width];
        for tree in &self.trees {
            tree.blame(point, &mut shares);
        }
        let sum: f64 = shares.iter().sum();
        if sum > 0.0 {
            shares.iter_mut().for_each(|s| *s /= sum);
        }
        shares
    }
}

impl Tree {
    /// The child of a cut that a point falls into.
    fn below(&self, node: &Node, point: &[f64]) -> usize {
        let value = if node.terms == 0 {
            point.get(node.feature as usize).copied().unwrap_or(0.0)
        } else {
            let terms = node.feature as usize..node.feature as usize + usize::from(node.terms);
            let term = |(f, factor): &(u32, f64)| point.get(*f as usize).copied().unwrap_or(0.0) * factor;
            self.terms.get(terms).unwrap_or(&[]).iter().map(term).sum()
        };
        node.below as usize + usize::from(value > node.at)
    }

    fn path(&self, point: &[f64]) -> f64 {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if node.below == 0 {
                return node.at;
            }
            at = self.below(node, point);
        }
        0.0
    }

    fn blame(&self, point: &[f64], shares: &mut [f64]) {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at).filter(|n| n.below != 0) {
            at = self.below(node, point);
            let Some(child) = self.nodes.get(at) else { return };
            let gain = (f64::from(node.size) / f64::from(child.size.max(1))).log2() - 1.0;
            // Early cuts part the point from more.
            let gain = gain.max(0.0) / f64::from(node.depth + 1);
            if node.terms == 0 {
                if let Some(s) = shares.get_mut(node.feature as usize) {
                    *s += gain;
                }
                continue;
            }
            let terms = node.feature as usize..node.feature as usize + usize::from(node.terms);
            let terms = self.terms.get(terms).unwrap_or(&[]);
            let weight = |(f, factor): &(u32, f64)| {
                (point.get(*f as usize).copied().unwrap_or(0.0) * factor).abs() + f64::EPSILON
            };
            let all: f64 = terms.iter().map(weight).sum();
            for t in terms {
                if let Some(s) = shares.get_mut(t.0 as usize) {
                    *s += gain * weight(t) / all;
                }
            }
        }
    }
}

/// Points that go down all trees before the next ones do.
const TILE: usize = 512;
/// Points that go down a tree side by side.
const ABREAST: usize = 8;

/// A tree of cuts along axes for going down without branches: every point takes as many steps as the tree is high,
/// and a leaf leads to itself.
struct Level {
    steps: Vec<Step>,
    lengths: Vec<f64>,
    height: u16,
}

#[derive(Clone, Copy, Default)]
struct Step {
    at: f64,
    feature: u32,
    below: u32,
}

impl Tree {
    fn level(&self) -> Option<Level> {
        if !self.terms.is_empty() {
            return None;
        }
        let step = |(i, n): (usize, &Node)| match n.below {
            0 => Step { at: f64::INFINITY, feature: 0, below: i as u32 },
            below => Step { at: n.at, feature: n.feature, below },
        };
        Some(Level {
            steps: self.nodes.iter().enumerate().map(step).collect(),
            lengths: self.nodes.iter().map(|n| if n.below == 0 { n.at } else { 0.0 }).collect(),
            height: self.nodes.iter().map(|n| n.depth).max().unwrap_or(0),
        })
    }
}

impl Level {
    fn paths(&self, points: Points<'_>, paths: &mut [f64]) {
        let width = points.width.max(1);
        for (paths, block) in paths.chunks_mut(ABREAST).zip(points.numbers.chunks(ABREAST * width)) {
            let mut at = [0u32; ABREAST];
            let here = at.iter_mut().zip(block.chunks_exact(width));
            if paths.len() == ABREAST {
                self.down::<ABREAST>(block, width, &mut at);
            } else {
                here.for_each(|(at, point)| {
                    let mut one = [0];
                    self.down::<1>(point, width, &mut one);
                    *at = one[0];
                });
            }
            for (path, at) in paths.iter_mut().zip(at) {
                *path += self.lengths.get(at as usize).copied().unwrap_or(0.0);
            }
        }
    }

    #[inline]
    fn down<const N: usize>(&self, block: &[f64], width: usize, at: &mut [u32; N]) {
        for _ in 0..self.height {
            for (i, at) in at.iter_mut().enumerate() {
                let step = self.steps.get(*at as usize).copied().unwrap_or_default();
                let value = block.get(i * width + step.feature as usize).copied().unwrap_or(0.0);
                *at = step.below + u32::from(value > step.at);
            }
        }
    }
}

/// Grows one tree.
struct Grower<'a> {
    points: Points<'a>,
    depth: u16,
    extension: usize,
    chance: Chance,
    tree: Tree,
}

impl Grower<'_> {
    fn grow(mut self, mut chosen: Vec<usize>) -> Tree {
        self.tree.nodes.push(Node { at: 0.0, feature: 0, terms: 0, depth: 0, below: 0, size: 0 });
        // Node, its points as a range of `chosen`, depth.
        let all = chosen.len();
        let mut open = vec![(0usize, 0usize, all, 0u16)];
        while let Some((node, from, to, depth)) = open.pop() {
            let size = to - from;
            let Some(mine) = chosen.get_mut(from..to) else { continue };
            let cut = if depth >= self.depth || size <= 1 { None } else { self.cut(mine) };
            let below = self.tree.nodes.len() as u32;
            let leaf = || f64::from(depth) + average_path(size);
            let Some(this) = self.tree.nodes.get_mut(node) else { continue };
            *this = Node { at: leaf(), feature: 0, terms: 0, depth, below: 0, size: size as u32 };
            let Some((feature, terms, at)) = cut else { continue };
            *this = Node { at, feature, terms, depth, below, size: size as u32 };
            let this = *this;
            let middle = from + part(mine, |p| self.tree.below(&this, self.points.get(p)) == below as usize);
            let child = Node { at: 0.0, feature: 0, terms: 0, depth: depth + 1, below: 0, size: 0 };
            self.tree.nodes.extend([child, child]);
            open.push((below as usize + 1, middle, to, depth + 1));
            open.push((below as usize, from, middle, depth + 1));
        }
        self.tree
    }

    /// A random cut that parts the points: feature or first term, number of terms, place. None where they are
    /// all the same.
    fn cut(&mut self, points: &[usize]) -> Option<(u32, u16, f64)> {
        let width = self.points.width;
        let range = |f: usize| {
            let of = |p: &usize| self.points.get(*p).get(f).copied().unwrap_or(0.0);
            points.iter().map(of).fold((f64::MAX, f64::MIN), |(a, b), n| (a.min(n), b.max(n)))
        };
        let mut order: Vec<usize> = (0..width).collect();
        let mut cuts: Vec<(usize, f64, f64)> = Vec::new();
        let mut left = width;
        while left > 0 && cuts.len() <= self.extension {
            let i = self.chance.below(left);
            left -= 1;
            order.swap(i, left);
            let feature = *order.get(left)?;
            let (low, high) = range(feature);
            if low < high {
                cuts.push((feature, low, high));
            }
        }
        if let [(feature, low, high)] = cuts.as_slice() {
            let at = low + (high - low) * self.chance.unit();
            // The upper bound itself would part nothing.
            return Some((*feature as u32, 0, if at < *high { at } else { *low }));
        }
        let first = self.tree.terms.len() as u32;
        let mut at = 0.0;
        for (feature, low, high) in &cuts {
            // Features have units: each is measured by its own range.
            let factor = self.chance.normal() / (high - low);
            at += factor * (low + (high - low) * self.chance.unit());
            self.tree.terms.push((*feature as u32, factor));
        }
        (!cuts.is_empty()).then_some((first, cuts.len() as u16, at))
    }
}

/// Puts those first for which `left` holds; answers how many.
fn part(items: &mut [usize], left: impl Fn(usize) -> bool) -> usize {
    let mut to = 0;
    for i in 0..items.len() {
        if left(items[i]) {
            items.swap(i, to);
            to += 1;
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize, width: usize, seed: u64) -> Vec<f64> {
        let mut c = Chance::new(seed, 9);
        (0..n * width).map(|_| c.normal()).collect()
    }

    #[test]
    fn what_lies_apart_scores_highest() {
        for extension in [0, 1] {
            let mut numbers = cloud(500, 2, 1);
            numbers.extend([1.0, 9.0]);
            let points = Points { numbers: &numbers, width: 2 };
            let forest = Forest::new(points, &Options { extension, ..Options::default() });
            let scores = forest.scores(points);
            let top = (0..501).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            assert_eq!(top, 500, "extension {extension}");
            assert!(scores[500] > 0.55 && scores.iter().all(|s| (0.0..=1.0).contains(s)));
            let blame = forest.blame(points.get(500));
            assert!(blame[1] > 0.5 && (blame.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{blame:?}");
        }
    }

    #[test]
    fn going_down_abreast_is_going_down() {
        let numbers = cloud(203, 3, 5);
        let points = Points { numbers: &numbers, width: 3 };
        let forest = Forest::new(points, &Options::default());
        for tree in &forest.trees {
            let mut paths = vec![0.0; 203];
            tree.level().unwrap().paths(points, &mut paths);
            assert!((0..203).all(|i| paths[i] == tree.path(points.get(i))));
        }
    }

    #[test]
    fn equal_points_have_equal_scores() {
        let numbers = vec![1.0; 300];
        let points = Points { numbers: &numbers, width: 3 };
        let scores = Forest::new(points, &Options::default()).scores(points);
        assert!(scores.windows(2).all(|w| w[0] == w[1]));
        let none = Points { numbers: &[], width: 3 };
        assert!(Forest::new(none, &Options::default()).scores(none).is_empty());
    }

    #[test]
    fn the_seed_decides() {
        let numbers = cloud(300, 3, 2);
        let points = Points { numbers: &numbers, width: 3 };
        let scores = |seed| Forest::new(points, &Options { seed, ..Options::default() }).scores(points);
        assert_eq!(scores(1), scores(1));
        assert_ne!(scores(1), scores(2));
    }
}
