#!/usr/bin/env python3
"""Every kind of model, exported as ONNX and run in ONNX Runtime, against narrows itself: codes and
reconstructions within 1e-5 (of the largest value where that is more than 1). Prints a table of the
differences.

Usage: onnx_runtime.py BUILD_DIR. Exit 77 (skipped) without ONNX Runtime: the Python package, or npm
and the network to install onnxruntime-node below BUILD_DIR."""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
except ImportError:
    print("skipped: h5py and NumPy are not here (python3-h5py)")
    sys.exit(77)

from models import KINDS, TOML
from node_runtime import node_modules

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = "onnxruntime-node@1.20.1"
LIMIT = 1e-5
PASS_OVER = 77


def find_runtime(build):
    """A function that runs jobs, and its name; exits when there is none."""
    try:
        import onnxruntime
        return run_in_python, "onnxruntime " + onnxruntime.__version__
    except ImportError:
        pass
    try:
        modules = node_modules(os.path.join(build, "onnxruntime"), RUNTIME)
    except RuntimeError as missing:
        print(f"skipped: Python's onnxruntime is not here; {missing}")
        sys.exit(PASS_OVER)
    return lambda jobs: run_in_node(jobs, modules), RUNTIME


def run_in_node(jobs, modules):
    with open("jobs.json", "w") as out:
        json.dump(jobs, out)
    subprocess.run(["node", os.path.join(HERE, "run_onnx.js"), "jobs.json"], check=True,
                   env={**os.environ, "NODE_PATH": modules})


def run_in_python(jobs):
    import onnxruntime
    for job in jobs:
        session = onnxruntime.InferenceSession(job["model"], providers=["CPUExecutionProvider"])
        x = np.fromfile(job["values"], dtype="<f4").reshape(job["dims"])
        results = session.run(list(job["outputs"]), {job["input"]: x})
        for file, values in zip(job["outputs"].values(), results):
            values.astype("<f4").tofile(file)


def main(build):
    run, runtime = find_runtime(build)
    command = os.path.join(build, "bin", "narrows")

    def narrows(text):
        done = subprocess.run([command, *shlex.split(text), "-q"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"narrows {text}\n{done.stdout}{done.stderr}")

    def values(file, name):
        with h5py.File(file) as data:
            return data[name][()].astype(np.float32)

    for name in ("digits", "waves", "fields"):
        narrows(f"generate {name} -n 400 -o {name}.h5")
    for name, text in TOML.items():
        with open(name, "w") as out:
            out.write("schema = 1\n" + text)
    jobs, expected = [], []

    def compare(kind, what, model, x, input_name, outputs):
        """outputs: {name in the graph: what narrows gives}."""
        at = len(jobs)
        x.astype("<f4").tofile(f"{at}.in")
        files = {name: f"{at}.{name}" for name in outputs}
        jobs.append({"model": model, "input": input_name, "values": f"{at}.in",
                     "dims": list(x.shape), "outputs": files})
        for name, values_here in outputs.items():
            expected.append((kind, what, name, files[name], values_here))

    classifier = ("classifier", "digits",
                  "classify train digits.h5 -m undercomplete.h5 --head-epochs 2 --epochs 2")
    for kind, data, options in [*KINDS, classifier]:
        train = options if kind == "classifier" else f"train {data}.h5 {options} --epochs 2"
        narrows(f"{train} -o {kind}.h5")
        x = values(f"{data}.h5", "samples")[:37]  # a batch size of its own
        rows = f"{data}.h5@0:37"
        narrows(f"export {kind}.h5 --what model -o {kind}.m.onnx")
        if kind == "classifier":
            narrows(f"classify predict {rows} -m {kind}.h5 -o p.csv")
            table = np.genfromtxt("p.csv", delimiter=",", names=True)
            compare(kind, "model", f"{kind}.m.onnx", x, "x", {"probabilities": table["confidence"]})
            continue
        for what in ("encoder", "decoder"):
            narrows(f"export {kind}.h5 --what {what} -o {kind}.{what}.onnx")
        more = " --log-variance" if kind.startswith("variational") else ""
        narrows(f"encode {rows} -m {kind}.h5 -o z.h5" + more)
        z = values("z.h5", "codes")
        codes = {"z": z}
        if more:
            codes["log_variance"] = values("z.h5", "log_variance")
        narrows(f"reconstruct {rows} -m {kind}.h5 --set node.out.sample_type=f32 -o r.h5")
        narrows(f"decode z.h5 -m {kind}.h5 --set node.out.sample_type=f32 -o d.h5")
        compare(kind, "encoder", f"{kind}.encoder.onnx", x, "x", codes)
        compare(kind, "decoder", f"{kind}.decoder.onnx", z, "z",
                {"reconstruction": values("d.h5", "samples")})
        compare(kind, "model", f"{kind}.m.onnx", x, "x",
                {"reconstruction": values("r.h5", "samples")})
    begin = time.time()
    run(jobs)
    print(f"{runtime}: {len(jobs)} files in {time.time() - begin:.1f} s; largest differences")
    failed = 0
    for kind, what, name, file, here in expected:
        there = np.fromfile(file, dtype="<f4")
        if name == "probabilities":
            there = there.reshape(len(here), -1).max(axis=1)
        largest = max(1.0, float(np.abs(here).max()))
        difference = float(np.abs(there - np.ravel(here)).max()) / largest
        wrong = not (there.size == here.size and difference <= LIMIT)
        failed += wrong
        print(f"{kind:<20}{what:<9}{name:<16}{difference:9.2e}{'  TOO FAR' if wrong else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    build_dir = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main(build_dir))
