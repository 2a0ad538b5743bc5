"""Synthetic sets of points in the manner of the public ones, for forest.py and cluster.py: clusters of several shapes and
scales with outliers around, one hidden in few of many features, heavy tails. Each answers points and which are odd."""
import subprocess, time
import numpy as np
from sklearn.datasets import make_blobs, make_moons


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


SETS = [("blobs", blobs), ("moons", moons), ("hidden", hidden), ("tails", tails)]


def ours(tool, what, x, *more):
    """What crates/hunt/examples/points.rs answers, and the seconds of processor time it took."""
    r = subprocess.run([tool, what, *map(str, (*x.shape, *more))], input=np.ascontiguousarray(x, "<f8").tobytes(), capture_output=True, check=True)
    return np.frombuffer(r.stdout, "<f8"), float(r.stderr)


def timed(work):
    """What it answers, and the seconds of processor time it took."""
    start = time.process_time()
    out = work()
    return out, time.process_time() - start


def mean(v):
    v = np.asarray(v)
    return "%.3f ± %.3f" % (v.mean(), 1.96 * v.std(ddof=1) / len(v) ** 0.5)
