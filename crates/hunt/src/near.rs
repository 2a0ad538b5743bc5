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
    let mut edges = BTreeMap::new();
    for (i, p) in points.iter().enumerate() {
        for (d, j) in tree.nearest(p, KEPT + 1) {
            if j != i {
                let scaled = (d / far.max(f64::MIN_POSITIVE)).min(FAR);
                edges.insert((i.min(j) as u32, i.max(j) as u32), scaled);
            }
        }
    }
    edges.into_iter().map(|((a, b), d)| (a, b, d)).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// A tree of vantage points: exact nearest neighbours in any metric.
struct Vantage<'a> {
    points: &'a [Vec<f64>],
    nodes: Vec<Node>,
}

struct Node {
    point: usize,
    radius: f64,
    inside: Option<usize>,
    outside: Option<usize>,
}

impl<'a> Vantage<'a> {
    fn new(points: &'a [Vec<f64>]) -> Vantage<'a> {
        let mut tree = Vantage { points, nodes: Vec::new() };
        let mut chance = Chance::new(1, 0x77ee);
        // Points to be put beneath a node; whether inside.
        type Beneath = (Vec<usize>, Option<(usize, bool)>);
        let mut open: Vec<Beneath> = vec![((0..points.len()).collect(), None)];
        while let Some((mut mine, above)) = open.pop() {
            if mine.is_empty() {
                continue;
            }
            let point = mine.swap_remove(chance.below(mine.len()));
            mine.sort_by(|a, b| {
                let d = |i: &usize| distance(&points[point], &points[*i]);
                d(a).total_cmp(&d(b)).then(a.cmp(b))
            });
            let outside = mine.split_off(mine.len().div_ceil(2));
            let radius = mine.last().map_or(0.0, |p| distance(&points[point], &points[*p]));
            tree.nodes.push(Node { point, radius, inside: None, outside: None });
            let this = tree.nodes.len() - 1;
            if let Some((above, inside)) = above {
                let n = &mut tree.nodes[above];
                *(if inside { &mut n.inside } else { &mut n.outside }) = Some(this);
            }
            open.push((mine, Some((this, true))));
            open.push((outside, Some((this, false))));
        }
        tree
    }

    fn nearest(&self, to: &[f64], k: usize) -> Vec<(f64, usize)> {
        let mut best: Vec<(f64, usize)> = Vec::with_capacity(k + 1);
        let mut open = vec![(0usize, 0.0f64)];
        while let Some((at, bound)) = open.pop() {
            let worst = if best.len() < k { f64::INFINITY } else { best[k - 1].0 };
            let Some(node) = self.nodes.get(at).filter(|_| bound <= worst) else { continue };
            let d = distance(to, &self.points[node.point]);
            let place = best.partition_point(|b| (b.0, b.1) < (d, node.point));
            best.insert(place, (d, node.point));
            best.truncate(k);
            let (near, far) =
                if d <= node.radius { (node.inside, node.outside) } else { (node.outside, node.inside) };
            open.extend(far.map(|f| (f, (d - node.radius).abs())));
            open.extend(near.map(|n| (n, 0.0)));
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_finds_the_nearest() {
        let mut c = Chance::new(3, 3);
        let points: Vec<Vec<f64>> = (0..300).map(|_| (0..3).map(|_| c.normal()).collect()).collect();
        let tree = Vantage::new(&points);
        for p in points.iter().take(20) {
            let mut want: Vec<(f64, usize)> =
                points.iter().enumerate().map(|(i, q)| (distance(p, q), i)).collect();
            want.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            assert_eq!(tree.nearest(p, 7), want[..7]);
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
