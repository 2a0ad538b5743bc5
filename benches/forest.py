#!/usr/bin/env python3
"""Isolation forest against scikit-learn's: rank correlation, average precision and seconds, over seeds and sets.

  cargo build --release -p shikra-hunt --example forest
  python benches/forest.py [--tool target/release/examples/forest] [--seeds 10]

Needs numpy, scipy and scikit-learn. Sets are synthetic, in the manner of the public ones: clusters of several shapes
and scales with outliers around, one hidden in few of many features, heavy tails. Both forests have the same
parameters; a forest's own noise is shown by scikit-learn against itself with another seed."""
import argparse, subprocess, time
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import make_blobs, make_moons
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--tool", default="target/release/examples/forest")
p.add_argument("--seeds", type=int, default=10)
p.add_argument("--trees", type=int, default=100)
p.add_argument("--big", type=int, default=100_000)
a = p.parse_args()


def blobs(r, n=5000, d=6):
    x, _ = make_blobs(n, d, centers=3, cluster_std=[0.5, 1.0, 2.0], random_state=r.integers(1 << 30))
    return mix(x, r.uniform(x.min(0) - 2, x.max(0) + 2, (n // 50, d)))


def moons(r, n=5000):
    x, _ = make_moons(n, noise=0.08, random_state=int(r.integers(1 << 30)))
    return mix(x, r.uniform(-2, 3, (n // 50, 2)))


def hidden(r, n=5000, d=20):
    far = r.normal(size=(n // 50, d))
    far[:, :3] += 6
    return mix(r.normal(size=(n, d)), far)


def tails(r, n=5000, d=8):
    return mix(r.lognormal(0, 1, (n, d)), r.lognormal(1.2, 1.2, (n // 50, d)))


def mix(usual, odd):
    return np.vstack([usual, odd]), np.r_[np.zeros(len(usual)), np.ones(len(odd))]


def ours(x, seed):
    n, d = x.shape
    args = [a.tool, *map(str, (n, d, a.trees, 256, 0, seed))]
    r = subprocess.run(args, input=np.ascontiguousarray(x, "<f8").tobytes(), capture_output=True, check=True)
    return np.frombuffer(r.stdout, "<f8"), float(r.stderr)


def theirs(x, seed):
    start = time.perf_counter()
    f = IsolationForest(n_estimators=a.trees, max_samples=256, random_state=seed, n_jobs=1).fit(x)
    s = -f.score_samples(x)
    return s, time.perf_counter() - start


def mean(v):
    v = np.asarray(v)
    return "%.3f ± %.3f" % (v.mean(), 1.96 * v.std(ddof=1) / len(v) ** 0.5)


print("| set | ρ of single runs | ρ of two of theirs | ρ of means over seeds | AP ours | AP theirs |\n|-|-|-|-|-|-|")
for name, make in [("blobs", blobs), ("moons", moons), ("hidden", hidden), ("tails", tails)]:
    x, y = make(np.random.default_rng(7))
    mine = [ours(x, s)[0] for s in range(a.seeds)]
    other = [theirs(x, s)[0] for s in range(a.seeds)]
    single = [spearmanr(m, t)[0] for m, t in zip(mine, other)]
    self_ = [spearmanr(m, t)[0] for m, t in zip(other, other[1:])]
    both = spearmanr(np.mean(mine, 0), np.mean(other, 0))[0]
    ap = [[average_precision_score(y, s) for s in all_] for all_ in (mine, other)]
    print(f"| {name} | {mean(single)} | {mean(self_)} | {both:.4f} | {mean(ap[0])} | {mean(ap[1])} |", flush=True)
x = np.random.default_rng(1).normal(size=(a.big, 10))
times = [(ours(x, s)[1], theirs(x, s)[1]) for s in range(3)]
m, t = (min(c) for c in zip(*times))
print(f"\n{a.big} points of 10 features, one thread, growing and scoring, least of three: ours {m:.3f} s, theirs {t:.3f} s, ratio {t / m:.1f}")
