#!/usr/bin/env python3
"""What narrows writes, read with h5py and NumPy; and what NumPy has, written so that narrows takes it.
Nothing of narrows is imported: the files are plain HDF5 (pipeline/storage/FORMATS.md).
Usage: hdf5_from_python.py read CODES.h5     codes, errors, and each code's nearest neighbour
       hdf5_from_python.py write OUT.h5      a narrows-dataset of two noisy circles, with labels"""
import sys

import h5py
import numpy as np


def text(attribute):   # texts in the files are fixed-length UTF-8, which h5py gives as bytes
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


def read(path):
    with h5py.File(path, "r") as file:
        if text(file.attrs["format"]) != "narrows-codes":
            sys.exit(f"{path} is a {text(file.attrs['format'])}, not narrows-codes")
        codes = file["codes"][...].reshape(len(file["codes"]), -1)   # [N, code...]
        ids = file["ids"][...]                                       # row numbers in the source
        errors = file["sse"][...] if "sse" in file else None         # of each sample, scaled units
        print(f"codes     {codes.shape[0]} of {codes.shape[1]} values, model {text(file.attrs['model_sha256'])[:12]}")
    print(f"mean      {codes.mean():.6g}, deviation {codes.std():.6g}")
    if errors is not None:
        worst = np.argsort(-errors)[:5]
        print(f"sse       {errors.mean():.6g}; worst rows " + " ".join(str(ids[i]) for i in worst))
    some = codes[:200].astype(np.float64)
    distances = ((some[:, None, :] - some[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    print(f"nearest   row {ids[0]} lies beside row {ids[distances[0].argmin()]}")


def write(path):
    random = np.random.default_rng(1)
    labels = np.arange(600) % 2
    angle = random.uniform(0, 2 * np.pi, 600)
    radius = (0.2 + 0.2 * labels) + random.normal(0, 0.01, 600)
    samples = 0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "narrows-dataset"
        file.attrs["format_version"] = 1
        file["samples"] = samples.astype(np.float32)                 # [N, ...], any numeric type
        file["labels"] = labels.astype(np.int64)                     # [N]
        file["ids"] = np.arange(600, dtype=np.int64)                 # [N]
    print(f"wrote {path}: now narrows info {path} --check")


if len(sys.argv) != 3 or sys.argv[1] not in ("read", "write"):
    sys.exit(__doc__)
(read if sys.argv[1] == "read" else write)(sys.argv[2])
