//! Density clusters over a graph of near neighbours: hierarchy, stability and outlier scores after HDBSCAN
//! (Campello, Moulavi and Sander 2013; GLOSH 2015).
//!
//! Points have weights, since what was the same has been made one point. Works on the edges it is given; what
//! they do not connect is [`FAR`] apart.

/// Distance of what no edge connects.
pub const FAR: f64 = 1.0;

/// An edge: two points and their distance (0 to [`FAR`]).
pub type Edge = (u32, u32, f64);

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    /// Cluster of each point; none: noise.
    pub of: Vec<Option<usize>>,
    /// Outlier score of each point, 0 to 1.
    pub scores: Vec<f64>,
    /// How many clusters.
    pub count: usize,
}

/// A node of the single-linkage tree; the first are the points.
#[derive(Clone, Copy)]
struct Merge {
    left: usize,
    right: usize,
    distance: f64,
    weight: f64,
}

/// A cluster of the condensed tree.
#[derive(Clone, Default)]
struct Condensed {
    parent: usize,
    birth: f64,
    stability: f64,
    /// Greatest density of any point beneath.
    densest: f64,
    children: Vec<usize>,
    chosen: bool,
}

/// Distance within which a point has neighbours of so much weight, itself included.
fn core_distances(weights: &[f64], edges: &[Edge], least: f64) -> Vec<f64> {
    let mut near: Vec<Vec<(f64, u32)>> = vec![Vec::new(); weights.len()];
    for (a, b, d) in edges {
        near[*a as usize].push((*d, *b));
        near[*b as usize].push((*d, *a));
    }
    let of = |(p, list): (usize, &mut Vec<(f64, u32)>)| {
        list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut have = weights[p];
        if have >= least {
            return 0.0;
        }
        for (d, other) in list.iter() {
            have += weights[*other as usize];
            if have >= least {
                return *d;
            }
        }
        FAR
    };
    near.iter_mut().enumerate().map(of).collect()
}

fn root(parents: &mut [usize], mut of: usize) -> usize {
    while parents[of] != of {
        parents[of] = parents[parents[of]];
        of = parents[of];
    }
    of
}

/// The single-linkage tree over mutual reachability.
fn link(weights: &[f64], edges: &[Edge], cores: &[f64]) -> Vec<Merge> {
    let n = weights.len();
    let mut sorted: Vec<Edge> =
        edges.iter().map(|(a, b, d)| (*a, *b, d.max(cores[*a as usize]).max(cores[*b as usize]))).collect();
    sorted.sort_by(|a, b| a.2.total_cmp(&b.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    // What is left over is joined at the end, in order.
    sorted.extend((1..n as u32).map(|p| (0, p, FAR)));
    let mut parents: Vec<usize> = (0..n).collect();
    let mut node: Vec<usize> = (0..n).collect();
    let mut merges: Vec<Merge> = Vec::with_capacity(n.saturating_sub(1));
    let weight = |merges: &[Merge], i: usize| if i < n { weights[i] } else { merges[i - n].weight };
    for (a, b, distance) in sorted {
        let (a, b) = (root(&mut parents, a as usize), root(&mut parents, b as usize));
        if a == b {
            continue;
        }
        let (left, right) = (node[a], node[b]);
        let together = weight(&merges, left) + weight(&merges, right);
        merges.push(Merge { left, right, distance, weight: together });
        parents[b] = a;
        node[a] = n + merges.len() - 1;
    }
    merges
}

/// What makes a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// Weight that makes a cluster.
    pub size: f64,
    /// Weight that makes a place dense.
    pub neighbours: f64,
    /// Smaller distances are all the same: what is nearly equal is equal. Above 0.
    pub near: f64,
}

impl Dense {
    fn density(&self, distance: f64) -> f64 {
        1.0 / distance.max(self.near)
    }
}

/// Finds clusters.
pub fn clusters(weights: &[f64], edges: &[Edge], dense: Dense) -> Clusters {
    let n = weights.len();
    if n == 0 {
        return Clusters::default();
    }
    let cores = core_distances(weights, edges, dense.neighbours);
    let merges = link(weights, edges, &cores);
    let mut tree =
        Tree { n, weights, merges: &merges, dense, all: vec![Condensed::default()], left: Vec::new() };
    tree.left = vec![(0, 0.0); n];
    tree.condense();
    tree.choose();
    tree.label()
}

struct Tree<'a> {
    n: usize,
    weights: &'a [f64],
    merges: &'a [Merge],
    dense: Dense,
    all: Vec<Condensed>,
    /// By point: the cluster it left last, and at what density.
    left: Vec<(usize, f64)>,
}

impl Tree<'_> {
    fn weight(&self, node: usize) -> f64 {
        if node < self.n { self.weights[node] } else { self.merges[node - self.n].weight }
    }

    fn points(&self, node: usize) -> Vec<usize> {
        let (mut open, mut out) = (vec![node], Vec::new());
        while let Some(node) = open.pop() {
            match node.checked_sub(self.n) {
                None => out.push(node),
                Some(m) => open.extend([self.merges[m].left, self.merges[m].right]),
            }
        }
        out
    }

    /// All points of a node leave a cluster.
    fn leave(&mut self, node: usize, cluster: usize, at: f64) {
        for p in self.points(node) {
            self.left[p] = (cluster, at);
            let c = &mut self.all[cluster];
            c.stability += (at - c.birth) * self.weights[p];
            c.densest = c.densest.max(at);
        }
    }

    fn condense(&mut self) {
        let top = self.n + self.merges.len() - 1;
        self.all[0].birth = self.dense.density(FAR);
        let mut open = vec![(top, 0)];
        while let Some((node, cluster)) = open.pop() {
            let Some(m) = node.checked_sub(self.n).map(|m| self.merges[m]) else {
                // A single heavy point stays together for ever.
                let at = if self.weight(node) >= self.dense.size {
                    self.dense.density(0.0)
                } else {
                    self.dense.density(FAR)
                };
                self.leave(node, cluster, at);
                continue;
            };
            let at = self.dense.density(m.distance);
            let big = |c: &usize| self.weight(*c) >= self.dense.size;
            let (left, right) = (big(&m.left), big(&m.right));
            if left && right {
                for child in [m.left, m.right] {
                    let weight = self.weight(child);
                    self.all[cluster].stability += (at - self.all[cluster].birth) * weight;
                    self.all.push(Condensed { parent: cluster, birth: at, ..Condensed::default() });
                    let new = self.all.len() - 1;
                    self.all[cluster].children.push(new);
                    open.push((child, new));
                }
                continue;
            }
            for (child, big) in [(m.left, left), (m.right, right)] {
                if big { open.push((child, cluster)) } else { self.leave(child, cluster, at) }
            }
        }
    }

    /// Chooses the clusters that are the most stable (excess of mass); the whole is one only where there is no
    /// other.
    fn choose(&mut self) {
        for i in (1..self.all.len()).rev() {
            let below: f64 = self.all[i].children.iter().map(|c| self.all[*c].stability).sum();
            let densest = self.all[i].children.iter().map(|c| self.all[*c].densest).fold(0.0, f64::max);
            let c = &mut self.all[i];
            c.densest = c.densest.max(densest);
            c.chosen = c.children.is_empty() || c.stability >= below;
            if !c.chosen {
                c.stability = below;
            }
        }
        let densest = self.all.iter().map(|c| c.densest).fold(0.0, f64::max);
        self.all[0].densest = densest;
        self.all[0].chosen = self.all.len() == 1;
        // What lies beneath a chosen one is part of it.
        for i in 1..self.all.len() {
            let parent = self.all[i].parent;
            let inside = self.inside(parent);
            self.all[i].chosen &= !inside;
        }
    }

    fn inside(&self, mut cluster: usize) -> bool {
        loop {
            if self.all[cluster].chosen {
                return true;
            }
            if cluster == 0 {
                return false;
            }
            cluster = self.all[cluster].parent;
        }
    }

    fn label(&self) -> Clusters {
        let mut number = vec![None; self.all.len()];
        let mut count = 0;
        for (i, c) in self.all.iter().enumerate() {
            number[i] = if c.chosen {
                count += 1;
                Some(count - 1)
            } else if i > 0 {
                number[c.parent]
            } else {
                None
            };
        }
        let of =
            self.left.iter().map(|(c, at)| number[*c].filter(|_| *at > self.dense.density(FAR))).collect();
        let score = |(c, at): &(usize, f64)| 1.0 - at / self.all[*c].densest.max(*at);
        Clusters { of, scores: self.left.iter().map(score).collect(), count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(size: f64, neighbours: f64) -> Dense {
        Dense { size, neighbours, near: 0.02 }
    }

    /// All edges between numbers on a line.
    fn line(numbers: &[f64]) -> Vec<Edge> {
        let pair = |a: usize| (a + 1..numbers.len()).map(move |b| (a, b));
        let all = (0..numbers.len()).flat_map(pair);
        all.map(|(a, b)| (a as u32, b as u32, (numbers[a] - numbers[b]).abs().min(FAR))).collect()
    }

    #[test]
    fn two_groups_and_one_alone() {
        let numbers: Vec<f64> = (0..10)
            .map(|i| f64::from(i) * 0.03)
            .chain((0..10).map(|i| 0.6 + f64::from(i) * 0.03))
            .chain([0.45 + 0.95])
            .collect();
        let c = clusters(&[1.0; 21], &line(&numbers), dense(4.0, 3.0));
        assert_eq!(c.count, 2);
        assert!(c.of[..10].iter().all(|x| *x == c.of[0]) && c.of[10..20].iter().all(|x| *x == c.of[10]));
        assert!(c.of[0].is_some() && c.of[0] != c.of[10] && c.of[20].is_none(), "{:?}", c.of);
        let top = (0..21).max_by(|a, b| c.scores[*a].total_cmp(&c.scores[*b])).unwrap();
        assert_eq!(top, 20);
    }

    #[test]
    fn a_heavy_point_is_a_cluster() {
        let c = clusters(&[50.0, 1.0, 40.0], &[(0, 1, 0.8), (1, 2, 0.9)], dense(5.0, 3.0));
        assert_eq!((c.count, c.of[0].is_some(), c.of[2].is_some()), (2, true, true));
        assert!(c.scores[1] > c.scores[0]);
        assert_eq!(clusters(&[], &[], dense(2.0, 2.0)).count, 0);
        assert_eq!(clusters(&[1.0], &[], dense(2.0, 2.0)).of, [None]);
    }
}
