#!/usr/bin/env python3
"""Isolation forest against scikit-learn's: rank correlation, average precision and seconds, over seeds and sets.

  cargo build --release -p shikra-hunt --example points
  python benches/forest.py [--tool target/release/examples/points] [--seeds 10]

Needs numpy, scipy and scikit-learn; the sets are those of sets.py. Both forests have the same parameters; a forest's own
noise is shown by scikit-learn against itself with another seed. Seconds are those of the processor, one thread each."""
import argparse
import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score
from sets import SETS, mean, ours, timed

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--tool", default="target/release/examples/points")
p.add_argument("--seeds", type=int, default=10)
p.add_argument("--trees", type=int, default=100)
p.add_argument("--big", type=int, default=100_000)
p.add_argument("--runs", type=int, default=6)
a = p.parse_args()


def mine(x, seed):
    return ours(a.tool, "forest", x, a.trees, 256, 0, seed)


def theirs(x, seed):
    forest = lambda: IsolationForest(n_estimators=a.trees, max_samples=256, random_state=seed, n_jobs=1).fit(x)
    return timed(lambda: -forest().score_samples(x))


print("| set | ρ of single runs | ρ of two of theirs | ρ of means over seeds | AP ours | AP theirs |\n|-|-|-|-|-|-|")
for name, make in SETS:
    x, y = make(np.random.default_rng(7))
    own = [mine(x, s)[0] for s in range(a.seeds)]
    other = [theirs(x, s)[0] for s in range(a.seeds)]
    single = [spearmanr(m, t)[0] for m, t in zip(own, other)]
    self_ = [spearmanr(m, t)[0] for m, t in zip(other, other[1:])]
    both = spearmanr(np.mean(own, 0), np.mean(other, 0))[0]
    ap = [[average_precision_score(y, s) for s in all_] for all_ in (own, other)]
    print(f"| {name} | {mean(single)} | {mean(self_)} | {both:.4f} | {mean(ap[0])} | {mean(ap[1])} |", flush=True)
x = np.random.default_rng(1).normal(size=(a.big, 10))
times = [(mine(x, s)[1], theirs(x, s)[1]) for s in range(a.runs)]
m, t = (min(c) for c in zip(*times))
print(f"\n{a.big} points of 10 features, one thread, growing and scoring, least of {a.runs}: ours {m:.3f} s, theirs {t:.3f} s, ratio {t / m:.1f}")
