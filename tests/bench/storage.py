"""narrows beside h5py on the same files in the same run, in turn; medians. Needs h5py.
Usage: storage.py BENCH_STORAGE DIGITS FOLDER [ROUNDS]
DIGITS: a file of `narrows generate digits`; FOLDER: best in memory, so that no disk is in the figures."""
import os
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np

bench, digits, folder = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
random = np.random.default_rng(1)


with h5py.File(digits, "r") as f:
    strokes = f["samples"][:]
if strokes.dtype != np.uint8:
    strokes = np.round(strokes * 255).astype("u1")


def tab():  # rows of 784 floats
    return (strokes.reshape(len(strokes), 784) / np.float32(255)).astype("f4")


def img():  # smooth fields with noise
    x = np.linspace(0, 6, 256, dtype="f4")
    base = np.sin(x)[:, None] * np.cos(x)[None, :]
    return (base + 0.001 * random.standard_normal((400, 256, 256))).astype("f4")


def u8():
    return strokes.reshape(len(strokes), 28, 28)


def ours(what, path, threads):
    times = 3 if what == "write" else 9  # threads need a few reads to be awake
    out = subprocess.run([bench, what, path, "x", str(threads), str(times)], check=True, capture_output=True)
    lines = out.stdout.split()
    return statistics.median(float(line) for line in lines[:times]), int(lines[times]) if what == "write" else 0


def theirs_read(path):
    with h5py.File(path, "r") as f:
        d = f["x"]
        out = np.empty(d.shape, d.dtype)
        d.read_direct(out)
        start = time.perf_counter()
        d.read_direct(out)
        return out.nbytes / (time.perf_counter() - start) / 1e6


def theirs_write(path, x, chunk):
    start = time.perf_counter()
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=x, chunks=chunk, shuffle=True, compression="gzip", compression_opts=4)
    return x.nbytes / (time.perf_counter() - start) / 1e6


print(f"{'':<22}{'h5py':>8}{'1 thread':>10}{'2 threads':>11}  ratio  target   (MB/s, medians of {rounds})")
for name, make, rows, read_goal in (("784 f32", tab, 500, 9), ("256 x 256 f32", img, 6, 4), ("28 x 28 u8", u8, 2000, 4.5)):
    x = make()
    path = os.path.join(folder, "x.h5")
    packed, plain = os.path.join(folder, "packed.h5"), os.path.join(folder, "plain.h5")
    chunk = (rows,) + x.shape[1:]
    theirs_write(packed, x, chunk)
    with h5py.File(plain, "w") as f:
        f["x"] = x
    figures = {}
    for _ in range(rounds):
        for what, path, goal in (("gzip-4", packed, read_goal), ("contiguous", plain, 1.7)):
            figures.setdefault((what, goal), []).append(
                (theirs_read(path), ours("read", path, 1)[0], ours("read", path, 2)[0]))
    for _ in range(min(rounds, 3)):
        one, two = ours("write", plain, 1), ours("write", plain, 2)
        theirs = theirs_write(os.path.join(folder, "theirs.h5"), x, chunk)
        figures.setdefault(("write gzip-4", 2.5), []).append((theirs, one[0], two[0]))
    sizes = two[1], os.path.getsize(os.path.join(folder, "theirs.h5"))
    for (what, goal), rates in figures.items():
        a, b, c = (statistics.median(r[i] for r in rates) for i in range(3))
        print(f"{name + ' ' + what:<22}{a:>8.0f}{b:>10.0f}{c:>11.0f}{c / a:>6.1f}x{goal:>6}x")
    print(f"{'':<22}file of ours {sizes[0] / 1e6:.1f} MB, of h5py {sizes[1] / 1e6:.1f} MB")
