"""narrows map beside scikit-learn's t-SNE, in turn, on the same samples: peer_map.py NARROWS WORKDIR [ROUNDS].

Both start from PCA, with perplexity 30, angle 0.5 and 1000 iterations, on all threads; scikit-learn's own function
gives the trustworthiness (12 neighbours) of both maps. SAMPLES (10000) of WORKDIR/all.h5 are mapped.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np
import sklearn
from sklearn.manifold import TSNE, trustworthiness

NARROWS, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 1
SAMPLES = int(os.environ.get("SAMPLES", "10000"))


class Timed:
    """Wall and processor seconds of what runs inside, this process's or its children's."""

    def __init__(self, who):
        self.who = who

    def processor(self):
        used = resource.getrusage(self.who)
        return used.ru_utime + used.ru_stime

    def __enter__(self):
        self.began, self.used = time.perf_counter(), self.processor()
        return self

    def __exit__(self, *_):
        self.seconds, self.busy = time.perf_counter() - self.began, self.processor() - self.used


def ours():
    command = [NARROWS, "map", f"all.h5@0:{SAMPLES}", "-o", "map.h5", "--perplexity", "30", "--iterations", "1000",
               "--neighbours", "12", "--json", "-q"]
    with Timed(resource.RUSAGE_CHILDREN) as timed:
        result = json.loads(subprocess.run(command, cwd=FOLDER, check=True, text=True, stdout=subprocess.PIPE).stdout)
    with h5py.File(os.path.join(FOLDER, "map.h5"), "r") as file:
        return timed, file["map"][...], result


def theirs(x):
    fitted = TSNE(perplexity=30, init="pca", learning_rate="auto", n_iter=1000, angle=0.5, random_state=1, n_jobs=-1)
    with Timed(resource.RUSAGE_SELF) as timed:
        points = fitted.fit_transform(x)
    return timed, points


def main():
    with h5py.File(os.path.join(FOLDER, "all.h5"), "r") as file:
        x = file["samples"][:SAMPLES].reshape(SAMPLES, -1).astype(np.float32) / 255
    left, right = [], []
    for _ in range(ROUNDS):
        timed, map_ours, result = ours()
        left.append(timed)
        timed, map_theirs = theirs(x)
        right.append(timed)
    a, b = (trustworthiness(x, points, n_neighbors=12) for points in (map_ours, map_theirs))
    print(f"{SAMPLES} samples of {x.shape[1]} values, scikit-learn {sklearn.__version__}, medians of {ROUNDS}")

    def line(name, rounds, trust, note=""):
        wall, busy = (statistics.median(getattr(one, kind) for one in rounds) for kind in ("seconds", "busy"))
        print(f"{name:14}{wall:10.1f}{busy:12.1f}{trust:18.4f}{note}")
        return wall, busy

    print(f"{'':14}{'seconds':>10}{'processor':>12}{'trustworthiness':>18}")
    mine = line("narrows", left, a, f"   (it says {result['trustworthiness']:.4f} itself)")
    other = line("scikit-learn", right, b)
    print(f"{'ratio':14}{other[0] / mine[0]:10.2f}{other[1] / mine[1]:12.2f}{a - b:+18.4f}")


if __name__ == "__main__":
    main()
