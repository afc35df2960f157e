"""Times narrows and its peers in turn and prints one table with ratios: peers.py NARROWS WORKDIR [ROUNDS].
PyTorch trains and encodes; ONNX Runtime, where npm installs it, encodes with what `export` made.

Each figure is the median of its rounds; PyTorch's rate is of the median epoch after its first, ours
of the whole run, reading and saving included. Both sides read the same file, train the same layers with
the same batch, optimiser and epochs, and the loss that each reached stands beside its speed.
"""
import json
import os
import re
import statistics
import subprocess
import sys

import h5py
import numpy as np

import works

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "exchange"))
from node_runtime import node_modules

NARROWS, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
ONLY = re.compile(os.environ.get("ROWS", ""))   # only rows whose name has this in it
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
RUNTIME = "onnxruntime-node@1.30.0"
IMAGES = int(os.environ.get("IMAGES", 240000))   # to encode
BEST = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}


CORES = (None, "SKYLAKEX", "COOPERLAKE", "HASWELL", "ZEN")   # OpenBLAS's kernels; None: what it chooses


def run(command, env=None):
    return json.loads(subprocess.run(command, cwd=FOLDER, env=env, check=True, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def ours_train(work, batch, epochs, threads):
    with open(os.path.join(FOLDER, "run.toml"), "w") as file:
        file.write(works.toml(work, "data.h5", batch, epochs))
    result = run([NARROWS, "run", "run.toml", "--threads", str(threads), "--json", "-q"])
    return {"rate": result["samples_per_second"], "loss": result["loss"]}


def torch_train(work, batch, epochs, threads):
    return run([PYTHON, os.path.join(HERE, "peer_torch.py"), "train", work, "data.h5", str(batch),
                str(epochs), str(threads)], BEST | {"OMP_NUM_THREADS": str(threads)})


def ours_encode(data, threads, *options):
    """Codes alone, as the peer gives them: no error of each sample."""
    result = run([NARROWS, "encode", data, "-m", "a.h5", "-o", "codes.h5", "--threads", str(threads),
                  "--no-error", "--json", "-q", *options])
    return {"rate": result["samples_per_second"]}


def torch_encode(data, threads):
    path, dataset = data.split(":")
    return run([PYTHON, os.path.join(HERE, "peer_torch.py"), "encode", path, dataset, str(threads)],
               BEST | {"OMP_NUM_THREADS": str(threads)})


def runtime_encode(data, threads, modules):
    """ONNX Runtime, threads set: a plain dataset it reads itself from the file's bytes, a filtered one
    h5py decodes in a process of its own meanwhile."""
    path, dataset = data.split(":")
    with h5py.File(os.path.join(FOLDER, path)) as file:
        source = file[dataset]
        rows, offset = len(source), source.id.get_offset()
        shape = "x".join(str(n) for n in source.shape[1:])
        kind = "u8" if source.dtype == np.uint8 else "f32"
    command = ["node", os.path.join(HERE, "peer_onnx.js"), "a.onnx", kind, str(rows), shape, "4096",
               str(threads), path if offset is not None else "-", str(offset or 0)]
    with subprocess.Popen(command, cwd=FOLDER, env=BEST | {"NODE_PATH": modules}, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("peer_onnx.js did not start")
        if offset is not None:
            process.stdin.write(b"\n")
        else:
            with h5py.File(os.path.join(FOLDER, path)) as file:
                for first in range(0, rows, 4096):
                    process.stdin.write(memoryview(file[dataset][first:first + 4096]).cast("B"))
        process.stdin.close()
        return json.loads(process.stdout.readline())


def compare(name, ours, theirs):
    """Alternates both sides; prints medians and their ratio. Returns None for a row not asked for."""
    if not ONLY.search(name):
        return None
    left, right = [], []
    for _ in range(ROUNDS):
        left.append(ours())
        right.append(theirs())
    a = statistics.median(r["rate"] for r in left)
    b = statistics.median(r["rate"] for r in right)
    row = {"name": name, "narrows": a, "peer": b, "ratio": a / b}
    text = f"{name:<52}{a:>12.0f}{b:>12.0f}{a / b:>9.2f}x"
    if "loss" in left[0]:
        row |= {"narrows_loss": left[-1]["loss"], "peer_loss": right[-1]["loss"]}
        text += f"   loss {row['narrows_loss']:.2f} / {row['peer_loss']:.2f}"
    print(text, flush=True)
    return row


def use_core(core):
    if core is None:
        BEST.pop("OPENBLAS_CORETYPE", None)
    else:
        BEST["OPENBLAS_CORETYPE"] = core


def choose_core():
    """PyTorch's best setting: on some processors OpenBLAS chooses kernels that train at a third of
    the speed of others. Each kind's best of four, in turn: a slow minute must not choose."""
    rates = {core: 0 for core in CORES}
    for _ in range(4):
        for core in list(rates):
            use_core(core)
            try:
                rates[core] = max(rates[core], torch_train("a", 128, 2, 2)["rate"])
            except subprocess.CalledProcessError:
                del rates[core]   # instructions that this processor has not
    best = max(rates, key=rates.get)
    use_core(best)
    print("PyTorch with OpenBLAS's kernels for", best or "what it found", "of",
          ", ".join(f"{core or 'found'} {rate:.0f}" for core, rate in rates.items()), flush=True)


def subset(rows, floats=False):
    with h5py.File(os.path.join(FOLDER, "all.h5")) as source, \
            h5py.File(os.path.join(FOLDER, "data.h5"), "w") as target:
        x = source["/samples"][:rows]
        target["samples"] = x.astype(np.float32) / 255 if floats else x


def model_for(floats):
    """a.h5, trained on the type of data that it is to encode."""
    subset(20000, floats)
    ours_train("a", 128, 1, 2)
    os.replace(os.path.join(FOLDER, "model.h5"), os.path.join(FOLDER, "a.h5"))


def encode_files():
    with h5py.File(os.path.join(FOLDER, "all.h5")) as source:
        x = source["/samples"][:]
    # Enough that what happens once (opening, syncing, renaming) is a small part on both sides.
    x = np.concatenate([x] * max(1, IMAGES // len(x)))
    files = []
    for name, values, options in (
            ("u8 raw", x, {}), ("u8 gzip", x, {"compression": "gzip", "chunks": (512, 28, 28)}),
            ("f32 raw", x.astype(np.float32) / 255, {}),
            ("f32 gzip-4 + shuffle", x.astype(np.float32) / 255,
             {"compression": "gzip", "compression_opts": 4, "shuffle": True, "chunks": (512, 28, 28)})):
        file = name.replace(" ", "").replace("+", "-") + ".h5"
        with h5py.File(os.path.join(FOLDER, file), "w") as target:
            target.create_dataset("samples", data=values, **options)
        files.append((name, file + ":/samples"))
    return files


def main():
    rows = []
    try:
        modules = node_modules(os.path.join(os.path.dirname(NARROWS), "..", "onnxruntime-bench"), RUNTIME)
    except RuntimeError as missing:
        modules = None
        print(f"no ONNX Runtime: {missing}")
    subset(20000)
    choose_core()
    print(f"{'work':<52}{'narrows':>12}{'peer':>12}{'ratio':>10}   samples/s, median of {ROUNDS}")
    for threads in (1, 2):
        subset(20000)
        for work in "abcde":
            rows.append(compare(f"{work} batch 128, {threads} thread{'s' * (threads > 1)}",
                                lambda: ours_train(work, 128, 8, threads),
                                lambda: torch_train(work, 128, 8, threads)))
    subset(4000)
    for work in "ab":
        for batch, epochs in ((16, 8), (1, 2)):
            rows.append(compare(f"{work} batch {batch}, 2 threads",
                                lambda: ours_train(work, batch, epochs, 2),
                                lambda: torch_train(work, batch, epochs, 2)))
    peers = {"": torch_encode}
    if modules:
        peers[", ONNX Runtime"] = lambda data, threads: runtime_encode(data, threads, modules)
    ways = {"1 thread": (1,), "2 threads": (2,), "2 threads, --int8": (2, "--int8")}
    for name, data in encode_files():
        wanted = [(f"encode {name}, {way}{peer}", *ways[way], theirs) for peer, theirs in peers.items()
                  for way in ways if ONLY.search(f"encode {name}, {way}{peer}")]
        if wanted:
            model_for(name.startswith("f32"))
            run([NARROWS, "export", "a.h5", "--what", "encoder", "-o", "a.onnx", "--json", "-q"])
        for row, threads, *options, theirs in wanted:
            rows.append(compare(row, lambda: ours_encode(data, threads, *options),
                                lambda: theirs(data, threads)))
    with open(os.path.join(FOLDER, "peers.json"), "w") as file:
        json.dump([row for row in rows if row], file, indent=1)


main()
