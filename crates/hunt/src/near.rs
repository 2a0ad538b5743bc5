//! Near neighbours: of texts by their words and runs of characters, of points by distance.

use std::collections::{BTreeMap, BTreeSet};

use crate::density::{Edge, FAR};
use crate::stats::Chance;
use crate::text::{hash_bytes, hash_pair};

/// Points up to which all pairs are compared.
const ALL_PAIRS: usize = 1500;
/// Signatures: bands of rows.
const BANDS: usize = 20;
const ROWS: usize = 3;
/// Points compared within one bucket of a band.
const BUCKET: usize = 10;
/// Distance of texts that are nearly equal.
pub const NEAR_TEXT: f64 = 0.02;
/// Distance of points that are nearly equal: about a hundredth of a robust deviation in each feature.
pub const NEAR_POINT: f64 = 0.002;
/// Neighbours kept of a point.
const KEPT: usize = 16;

/// A text as weighted terms, of length 1.
#[derive(Clone, Debug, Default)]
pub struct Vector(Vec<(u64, f32)>);

/// The words of a text: runs of letters and digits with dots and placeholders, folded.
pub fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '<' | '>' | '-')));
    parts.map(|w| w.trim_matches(['.', '-']).to_lowercase()).filter(|w| !w.is_empty()).collect()
}

/// Terms of a text: words, and runs of three characters.
fn terms(text: &str) -> BTreeMap<u64, f32> {
    let mut out = BTreeMap::new();
    for w in words(text).into_iter().take(256) {
        *out.entry(hash_bytes(w.as_bytes())).or_insert(0.0) += 2.0;
    }
    let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).take(512).collect();
    for run in chars.windows(3) {
        let h = run.iter().fold(3, |h, c| hash_pair(h, u64::from(*c as u32)));
        *out.entry(h).or_insert(0.0) += 0.5;
    }
    out
}

/// Texts as vectors: rare terms weigh more, repeated ones little more than single ones.
pub fn vectors(texts: &[String]) -> Vec<Vector> {
    let all: Vec<BTreeMap<u64, f32>> = texts.iter().map(|t| terms(t)).collect();
    let mut having: BTreeMap<u64, u32> = BTreeMap::new();
    for term in all.iter().flat_map(BTreeMap::keys) {
        *having.entry(*term).or_default() += 1;
    }
    let n = texts.len() as f32;
    let vector = |terms: &BTreeMap<u64, f32>| {
        let weigh = |(t, times): (&u64, &f32)| {
            let rare = (1.0 + n / having.get(t).copied().unwrap_or(1) as f32).ln();
            (*t, (1.0 + times).ln() * rare)
        };
        let mut v: Vec<(u64, f32)> = terms.iter().map(weigh).collect();
        let length = v.iter().map(|t| t.1 * t.1).sum::<f32>().sqrt();
        v.iter_mut().for_each(|t| t.1 /= length.max(f32::MIN_POSITIVE));
        Vector(v)
    };
    all.iter().map(vector).collect()
}

impl Vector {
    /// 1 − cosine.
    pub fn distance(&self, other: &Vector) -> f64 {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut dot = 0.0;
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.0.cmp(&y.0) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    dot += x.1 * y.1;
                    a.next();
                    b.next();
                }
            }
        }
        f64::from((1.0 - dot).clamp(0.0, 1.0))
    }

    /// Smallest hashes of its terms under many hash functions: alike vectors have alike ones.
    fn signature(&self) -> [u64; BANDS * ROWS] {
        let mut out = [u64::MAX; BANDS * ROWS];
        for (term, _) in &self.0 {
            for (i, least) in out.iter_mut().enumerate() {
                *least = (*least).min(hash_pair(*term, i as u64 * 0x9e37_79b9 + 1));
            }
        }
        out
    }
}

/// Edges between texts that are alike.
pub fn text_edges(vectors: &[Vector]) -> Vec<Edge> {
    let edge = |a: usize, b: usize| (a as u32, b as u32, vectors[a].distance(&vectors[b]));
    if vectors.len() <= ALL_PAIRS {
        let all = (0..vectors.len()).flat_map(|a| (a + 1..vectors.len()).map(move |b| (a, b)));
        return all.map(|(a, b)| edge(a, b)).filter(|e| e.2 < FAR * 0.95).collect();
    }
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    let signatures: Vec<_> = vectors.iter().map(Vector::signature).collect();
    for band in 0..BANDS {
        let mut buckets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (i, s) in signatures.iter().enumerate() {
            let rows = &s[band * ROWS..(band + 1) * ROWS];
            buckets.entry(rows.iter().fold(band as u64, |h, r| hash_pair(h, *r))).or_default().push(i);
        }
        for bucket in buckets.values() {
            // In a large bucket each is compared with those beside it: they are all alike.
            for (i, a) in bucket.iter().enumerate() {
                pairs.extend(bucket.iter().skip(i + 1).take(BUCKET).map(|b| (*a, *b)));
            }
        }
    }
    pairs.into_iter().map(|(a, b)| edge(a, b)).filter(|e| e.2 < FAR * 0.95).collect()
}

/// Edges from each point to its nearest neighbours (a tree of vantage points finds them), distances scaled
/// so that `far` becomes [`FAR`].
pub fn point_edges(points: &[Vec<f64>], far: f64) -> Vec<Edge> {
    let tree = Vantage::new(points);
    let mut edges = Vec::with_capacity(points.len() * KEPT);
    let mut near = Vec::with_capacity(KEPT + 2);
    for (i, p) in points.iter().enumerate() {
        tree.nearest(p, KEPT + 1, &mut near);
        for (d, j) in near.iter().filter(|n| n.1 != i) {
            let scaled = (d / far.max(f64::MIN_POSITIVE)).min(FAR);
            edges.push((i.min(*j) as u32, i.max(*j) as u32, scaled));
        }
    }
    edges.sort_unstable_by_key(|e| (e.0, e.1));
    edges.dedup_by_key(|e| (e.0, e.1));
    edges
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 4;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in a.0.iter().zip(b.0) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += (x - y) * (x - y);
        }
    }
    let rest: f64 = a.1.iter().zip(b.1).map(|(x, y)| (x - y) * (x - y)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    squared(a, b).sqrt()
}

/// Points that are not parted further.
const LEAF: usize = 24;

/// A tree of vantage points: exact nearest neighbours in any metric. Points stand in its order, so that those
/// compared together lie together.
struct Vantage {
    width: usize,
    numbers: Vec<f64>,
    /// By place in the tree: which point it is.
    points: Vec<usize>,
    nodes: Vec<Node>,
}

/// Places of the tree. The first is the vantage point; then come those inside its radius, then those outside.
/// A leaf has no radius.
struct Node {
    from: usize,
    to: usize,
    radius: Option<f64>,
    inside: usize,
    outside: usize,
}

impl Vantage {
    fn new(points: &[Vec<f64>]) -> Vantage {
        let mut chance = Chance::new(1, 0x77ee);
        let mut order: Vec<usize> = (0..points.len()).collect();
        let mut nodes = vec![Node { from: 0, to: order.len(), radius: None, inside: 0, outside: 0 }];
        let mut open = vec![0];
        let mut away: Vec<(f64, usize)> = Vec::new();
        while let Some(this) = open.pop() {
            let (from, to) = (nodes[this].from, nodes[this].to);
            if to - from <= LEAF {
                continue;
            }
            order.swap(from, from + chance.below(to - from));
            let vantage = &points[order[from]];
            away.clear();
            away.extend(order[from + 1..to].iter().map(|p| (distance(vantage, &points[*p]), *p)));
            let half = away.len() / 2;
            let by_distance = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            nodes[this].radius = Some(away.select_nth_unstable_by(half, by_distance).1.0);
            order[from + 1..to].iter_mut().zip(&away).for_each(|(o, a)| *o = a.1);
            let middle = from + 1 + half;
            (nodes[this].inside, nodes[this].outside) = (nodes.len(), nodes.len() + 1);
            for (from, to) in [(from + 1, middle), (middle, to)] {
                open.push(nodes.len());
                nodes.push(Node { from, to, radius: None, inside: 0, outside: 0 });
            }
        }
        let numbers = order.iter().flat_map(|p| points[*p].iter().copied()).collect();
        Vantage { width: points.first().map_or(0, Vec::len), numbers, points: order, nodes }
    }

    fn at(&self, place: usize) -> &[f64] {
        &self.numbers[place * self.width..(place + 1) * self.width]
    }

    /// The `k` points nearest, nearest first, those of one distance in their order.
    fn nearest(&self, to: &[f64], k: usize, best: &mut Vec<(f64, usize)>) {
        best.clear();
        let mut worst = f64::INFINITY;
        let mut take = |place: usize, d: f64, worst: &mut f64| {
            let new = (d, self.points[place]);
            best.insert(best.partition_point(|b| *b < new), new);
            best.truncate(k);
            *worst = if best.len() < k { f64::INFINITY } else { best[k - 1].0 };
        };
        let mut open = vec![(0usize, 0.0f64)];
        while let Some((node, bound)) = open.pop() {
            let node = &self.nodes[node];
            if bound > worst {
                continue;
            }
            let Some(radius) = node.radius else {
                for place in node.from..node.to {
                    let d = squared(to, self.at(place));
                    // Roots are taken of what may be near enough alone.
                    if d <= worst * worst * (1.0 + 1e-9) {
                        take(place, d.sqrt(), &mut worst);
                    }
                }
                continue;
            };
            let d = distance(to, self.at(node.from));
            if d <= worst {
                take(node.from, d, &mut worst);
            }
            let (near, far) =
                if d <= radius { (node.inside, node.outside) } else { (node.outside, node.inside) };
            open.push((far, (d - radius).abs()));
            open.push((near, 0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_finds_the_nearest() {
        let mut c = Chance::new(3, 3);
        let points: Vec<Vec<f64>> = (0..300).map(|_| (0..3).map(|_| c.normal()).collect()).collect();
        let (tree, mut found) = (Vantage::new(&points), Vec::new());
        for p in points.iter().take(20) {
            let mut want: Vec<(f64, usize)> =
                points.iter().enumerate().map(|(i, q)| (distance(p, q), i)).collect();
            want.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            tree.nearest(p, 7, &mut found);
            assert_eq!(found, want[..7]);
        }
    }

    #[test]
    fn alike_texts_are_found_among_many() {
        let mut texts: Vec<String> =
            (0..1700).map(|i| format!("tool{} run --job {} now", i % 850, i % 850)).collect();
        texts[1] = "cmstp.exe /s /au <user>\\x.inf".into();
        let edges = text_edges(&vectors(&texts));
        let same = edges.iter().any(|e| (e.0, e.1) == (5, 855) && e.2 < 1e-6);
        assert!(same, "equal texts share every bucket");
        assert!(edges.iter().all(|e| e.0 != 1 && e.1 != 1));
    }
}
