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
        let along_axes = self.trees.iter().all(|t| t.terms.is_empty());
        let height = self.trees.iter().map(Tree::height).max().unwrap_or(0);
        match (height, points.width) {
            (..=8, ..=16) if along_axes => self.paths::<256, 16>(points, &mut paths),
            (..=8, ..=64) if along_axes => self.paths::<256, 64>(points, &mut paths),
            (..=12, ..=64) if along_axes => self.paths::<4096, 64>(points, &mut paths),
            _ => self.paths_one_by_one(points, &mut paths),
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

/// Points that go down a tree side by side.
const ABREAST: usize = 16;
/// Numbers of points that go down all trees before the next ones do: they stay near.
const TILE: usize = 4096;

/// A tree of cuts along axes for going down without branches: all its levels are full, the children of node `n` are
/// `2n` and `2n + 1` of those, and what lies beneath a leaf repeats it on the left.
struct Full {
    /// Where nodes cut, as [`key`]s; nothing is above what stands in a leaf.
    at: Vec<u64>,
    feature: Vec<u8>,
    /// Path lengths on the lowest level.
    lengths: Vec<f64>,
}

/// Orders as the number does; no number is below all. Whole numbers compare in fewer steps.
fn key(n: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    // Both zeros are one.
    let bits = (n + 0.0).to_bits();
    match bits & SIGN {
        _ if n.is_nan() => 0,
        0 => bits | SIGN,
        _ => !bits,
    }
}

impl Tree {
    fn height(&self) -> u16 {
        self.nodes.iter().map(|n| n.depth).max().unwrap_or(0)
    }

    /// With a lowest level of so many places: two to the power of the height at least.
    fn full(&self, many: usize) -> Full {
        let mut full = Full { at: vec![u64::MAX; many], feature: vec![0; many], lengths: vec![0.0; many] };
        let mut open = vec![(1usize, 0usize)];
        while let Some((place, node)) = open.pop() {
            let Some(n) = self.nodes.get(node) else { continue };
            if n.below == 0 {
                let lowest = place << (many.ilog2() - place.ilog2());
                if let Some(length) = full.lengths.get_mut(lowest - many) {
                    *length = n.at;
                }
            } else if let (Some(at), Some(f)) = (full.at.get_mut(place), full.feature.get_mut(place)) {
                (*at, *f) = (key(n.at), n.feature as u8);
                let below = n.below as usize;
                open.extend([(2 * place, below), (2 * place + 1, below + 1)]);
            }
        }
        full
    }
}

impl Forest {
    /// Adds up the path lengths of points; trees have at most `PLACES` leaves on a level, points at most `WIDTH`
    /// numbers, both powers of two, so that no place can lie outside.
    fn paths<const PLACES: usize, const WIDTH: usize>(&self, points: Points<'_>, paths: &mut [f64]) {
        let trees: Vec<Full> = self.trees.iter().map(|t| t.full(PLACES)).collect();
        let (width, many) = (points.width.max(1), TILE / WIDTH);
        let mut tile = vec![[0; WIDTH]; many];
        for (paths, numbers) in paths.chunks_mut(many).zip(points.numbers.chunks(many * width)) {
            for (to, from) in tile.iter_mut().zip(numbers.chunks_exact(width)) {
                to.iter_mut().zip(from).for_each(|(to, n)| *to = key(*n));
            }
            trees.iter().for_each(|t| t.down::<PLACES, WIDTH>(&tile, paths));
        }
    }

    /// What [`Forest::paths`] says, point by point and node by node.
    fn paths_one_by_one(&self, points: Points<'_>, paths: &mut [f64]) {
        for (path, point) in paths.iter_mut().zip(points.numbers.chunks_exact(points.width.max(1))) {
            self.trees.iter().for_each(|t| *path += t.path(point));
        }
    }
}

impl Full {
    fn down<const PLACES: usize, const WIDTH: usize>(&self, points: &[[u64; WIDTH]], paths: &mut [f64]) {
        let whole = (self.at.first_chunk(), self.feature.first_chunk(), self.lengths.first_chunk());
        let (Some(at), Some(feature), Some(lengths)) = whole else { return };
        let (at, feature, lengths): (&[u64; PLACES], &[u8; PLACES], &[f64; PLACES]) = (at, feature, lengths);
        for (paths, block) in paths.chunks_mut(ABREAST).zip(points.as_chunks::<ABREAST>().0) {
            let mut places = [1usize; ABREAST];
            for _ in 0..PLACES.ilog2() {
                for (place, point) in places.iter_mut().zip(block) {
                    let n = *place & (PLACES - 1);
                    let value = point[usize::from(feature[n]) & (WIDTH - 1)];
                    *place = *place + *place + usize::from(at[n] < value);
                }
            }
            for (path, place) in paths.iter_mut().zip(places) {
                *path += lengths[place & (PLACES - 1)];
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
        for (width, sample) in [(1, 256), (3, 256), (16, 40), (20, 256), (70, 256), (5, 1000), (4, 5000)] {
            let mut numbers = cloud(603, width, 5);
            numbers.iter_mut().step_by(97).for_each(|n| *n = -0.0);
            let points = Points { numbers: &numbers, width };
            let forest = Forest::new(points, &Options { sample, trees: 9, ..Options::default() });
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE];
            numbers.iter_mut().step_by(31).zip(odd.iter().cycle()).for_each(|(n, odd)| *n = *odd);
            let points = Points { numbers: &numbers, width };
            let mut paths = vec![0.0; points.len()];
            forest.paths_one_by_one(points, &mut paths);
            let score = |p: &f64| (-p / 9.0 / forest.normal).exp2();
            assert_eq!(
                forest.scores(points),
                paths.iter().map(score).collect::<Vec<_>>(),
                "{width} {sample}"
            );
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
