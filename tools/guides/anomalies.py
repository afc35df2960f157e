#!/usr/bin/python3
"""Anomaly scores on tabular sets and on heartbeats, beside what needs no network.

    tools/guides/anomalies.py pendigits.csv.gz --splits 10
    tools/guides/anomalies.py ecg5000_binary.csv.gz --label label --normal-only

A CSV table with a header and a column of labels (0: normal) is split, 60 % to train on; `narrows train --model
anomaly` and `narrows score` do the work, and stand beside the distance to the mean and the error of PCA (as many
components as the code has units), all on standardised features. The area under the ROC curve on the other 40 %,
mean and deviation over the splits. --normal-only leaves the anomalies out of what is trained on. --at-least A
and --above-pca end with 1 where the mean is lower.
"""
import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from ranks import auc


def read_table(path, label):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
        names = file.readline().strip().split(",")
        values = np.loadtxt(file, delimiter=",", ndmin=2)
    if label not in names:
        sys.exit(f"{path} has no column {label}, but {', '.join(names)}: name it with --label")
    at = names.index(label)
    return np.delete(values, at, axis=1), (values[:, at] != 0).astype(int)


def write_table(path, rows, labels):
    np.savetxt(path, np.column_stack([rows, labels]), delimiter=",", fmt="%.9g", comments="",
               header=",".join([f"f{i}" for i in range(rows.shape[1])] + ["anomaly"]))


def command():
    """What NARROWS names, or this tree's build."""
    build = pathlib.Path(__file__).resolve().parents[2] / "build"
    places = [build / "release" / "bin" / "narrows", build / "bin" / "narrows"]
    named = os.environ.get("NARROWS")
    if named:
        return os.path.abspath(named) if "/" in named else named  # it runs in other folders
    for place in places:
        if os.access(place, os.X_OK):
            return str(place)
    sys.exit(f"no command at {places[0]}: build the tree, or name it with NARROWS=FILE")


def by_network(args, folder, train, test, seed):
    narrows = command()
    for name, rows in (("train", train), ("test", test)):
        write_table(folder / f"{name}.csv", *rows)
    more = ["--epochs", str(args.epochs)] if args.epochs else []
    subprocess.run([narrows, "train", "train.csv", "--model", "anomaly", "-o", "m.h5", "--seed", str(seed), "-q",
                    *more], cwd=folder, check=True)
    found = subprocess.run([narrows, "score", "test.csv", "-m", "m.h5", "-o", "s.h5", "--json", "-q"], cwd=folder,
                           check=True, capture_output=True, text=True)
    return json.loads(found.stdout)["auc"]


def without_network(train, test, components):
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    train, test = (train - mean) / deviation, (test - mean) / deviation
    _, _, directions = np.linalg.svd(train, full_matrices=False)
    kept = directions[:components]
    return np.linalg.norm(test, axis=1), np.linalg.norm(test - test @ kept.T @ kept, axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--label", default="anomaly")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--components", type=int, help="of PCA; as a rule min(32, features / 2)")
    parser.add_argument("--normal-only", action="store_true")
    parser.add_argument("--at-least", type=float, default=0)
    parser.add_argument("--above-pca", action="store_true")
    args = parser.parse_args()
    rows, labels = read_table(args.table, args.label)
    components = args.components or min(32, rows.shape[1] // 2)
    results = []
    for seed in range(1, args.splits + 1):
        order = np.random.default_rng(seed).permutation(len(rows))
        cut = int(0.6 * len(rows))
        train, test = order[:cut], order[cut:]
        if args.normal_only:
            train = train[labels[train] == 0]
        with tempfile.TemporaryDirectory() as folder:
            network = by_network(args, pathlib.Path(folder), (rows[train], labels[train]),
                                 (rows[test], labels[test]), seed)
        mean, pca = without_network(rows[train], rows[test], components)
        results.append((network, auc(mean, labels[test]), auc(pca, labels[test])))
        print(f"split {seed:2}  autoencoder {network:.4f}  distance to the mean {results[-1][1]:.4f}  "
              f"PCA {results[-1][2]:.4f}", flush=True)
    results = np.array(results)
    middle, spread = results.mean(axis=0), results.std(axis=0, ddof=1 if len(results) > 1 else 0)
    for name, m, s in zip(("autoencoder", "distance to the mean", f"PCA-{components}"), middle, spread):
        print(f"mean      {name:20}  {m:.4f} ± {s:.4f}")
    if middle[0] < args.at_least or (args.above_pca and middle[0] <= middle[2]):
        sys.exit(f"missed: {middle[0]:.4f} (at least {args.at_least}, PCA {middle[2]:.4f})")


if __name__ == "__main__":
    main()
