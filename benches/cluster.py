#!/usr/bin/env python3
"""Clustering against hdbscan and scikit-learn's HDBSCAN: agreement of clusters and of outlier scores, and seconds.

  cargo build --release -p shikra-hunt --example points
  python benches/cluster.py [--tool target/release/examples/points] [--seeds 5]

Needs numpy, scipy, scikit-learn and hdbscan; the sets are those of sets.py, each feature scaled by its median and median
absolute deviation, as the program does. Parameters are the same: a cluster has 25 points, a dense place 5. The program
links what is near (16 neighbours of each point) where HDBSCAN links all. Seconds are those of the processor, one thread each."""
import argparse
import numpy as np
import hdbscan
from scipy.stats import median_abs_deviation, spearmanr
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score, average_precision_score
from sets import SETS, mean, ours, timed

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--tool", default="target/release/examples/points")
p.add_argument("--seeds", type=int, default=5)
p.add_argument("--size", type=int, default=25)
p.add_argument("--neighbours", type=int, default=5)
a = p.parse_args()

print("| set | points | clusters ours, hdbscan | adjusted Rand index, ours and hdbscan | hdbscan and scikit-learn | ρ of outlier scores | AP ours | AP hdbscan | seconds ours | hdbscan | scikit-learn |\n" + "|-" * 11 + "|")
for name, make in SETS:
    rows = []
    for seed in range(a.seeds):
        x, y = make(np.random.default_rng(seed))
        x = (x - np.median(x, 0)) / median_abs_deviation(x, 0, scale="normal")
        found, seconds = ours(a.tool, "cluster", x, a.size, a.neighbours)
        scores, labels = found[: len(x)], found[len(x) :].astype(int)
        one = lambda: hdbscan.HDBSCAN(min_cluster_size=a.size, min_samples=a.neighbours, core_dist_n_jobs=1).fit(x)
        h, theirs = timed(lambda: (lambda c: (c, np.nan_to_num(c.outlier_scores_)))(one()))
        s, sk = timed(lambda: HDBSCAN(min_cluster_size=a.size, min_samples=a.neighbours, n_jobs=1, copy=True).fit(x))
        count = lambda v: len(set(v) - {-1})
        rows.append((count(labels), count(h[0].labels_), adjusted_rand_score(labels, h[0].labels_), adjusted_rand_score(h[0].labels_, s.labels_), spearmanr(scores, h[1])[0], average_precision_score(y, scores), average_precision_score(y, h[1]), seconds, theirs, sk))
    c = list(zip(*rows))
    clusters = f"{np.mean(c[0]):.1f}, {np.mean(c[1]):.1f}"
    print(f"| {name} | {len(x)} | {clusters} | " + " | ".join(map(mean, c[2:7])) + " | " + " | ".join(f"{min(t):.3f}" for t in c[7:]) + " |", flush=True)
