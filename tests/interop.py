"""Everything that narrows writes, read by h5py, h5dump and h5diff with the values that numpy expects.
Usage: interop.py NARROWS FILTERS; FILTERS: where narrows' HDF5 filter stands. Exit code 77: h5py is
missing."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

narrows, filters = (os.path.abspath(word) for word in sys.argv[1:3])
os.environ["HDF5_PLUGIN_PATH"] = filters
try:
    import h5py
    import numpy as np
except ImportError:
    system = "/usr/bin/python3"  # the one that the package python3-h5py is for
    if os.path.exists(system) and not os.path.samefile(sys.executable, system):
        os.execv(system, [system, *sys.argv])
    print("h5py is not there: nothing was compared")
    sys.exit(77)
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
has_tools = all(shutil.which(tool) for tool in ("h5dump", "h5diff"))
if not has_tools:
    print("h5dump and h5diff (hdf5-tools) are not there: only h5py reads the files")
looked = []


def run(*words):
    result = subprocess.run([narrows, *words, "-q"], capture_output=True, text=True)
    assert result.returncode == 0, (words, result.stderr)


def check(truth, what):
    if not truth:
        sys.exit(f"not as expected: {what}")


def close(a, b, what, tolerance=2e-4):
    check(a.shape == b.shape, f"{what}: shapes {a.shape}, {b.shape}")
    check(np.allclose(a, b, rtol=tolerance, atol=tolerance), f"{what}: off by {np.abs(a - b).max()}")


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def opened(name, kind):
    """The file, after what every file of ours has; h5dump reads all of it."""
    looked.append(kind)
    f = h5py.File(name, "r")
    check(text(f.attrs["format"]) == f"narrows-{kind}", f"{name}: format")
    check(int(f.attrs["format_version"]) == 1, f"{name}: format_version")
    check(text(f.attrs["created_by"]).startswith("narrows "), f"{name}: created_by")
    if has_tools:
        header = subprocess.run(["h5dump", "-H", name], capture_output=True, text=True)
        check(header.returncode == 0 and "error" not in header.stderr.lower(), f"h5dump -H {name}: {header.stderr}")
        arrays = []
        f.visititems(lambda path, o: arrays.append((path, o)) if isinstance(o, h5py.Dataset) else None)
        for path, array in arrays:
            check(f'DATASET "{path.split("/")[-1]}"' in header.stdout, f"h5dump -H {name} does not list {path}")
            if array.dtype.kind in "iuf" and array.size <= 20000:
                close(dumped(name, path), np.asarray(array[()], "f8").ravel(), f"h5dump -d {path} {name}", 1e-5)
    return f


def dumped(name, path):
    out = subprocess.run(["h5dump", "-d", "/" + path, "-y", "-w", "0", "-m", "%.9g", name], capture_output=True, text=True)
    check(out.returncode == 0, f"h5dump -d {path} {name}: {out.stderr}")
    data = re.search(r"DATA \{(.*?)\n\s*\}", out.stdout, re.S).group(1)
    return np.array([float(word) for word in re.findall(r"[^\s,]+", data)])


def same(a, b, array=None, differ=False):
    """h5diff finds no difference: in the whole file, or in the values of one array or group."""
    if not has_tools:
        return
    words = ["--exclude-attribute", array, a, b, array] if array else [a, b]
    out = subprocess.run(["h5diff", *words], capture_output=True, text=True)
    check(out.returncode == (1 if differ else 0), f"h5diff {words}: {out.returncode} {out.stdout} {out.stderr}")


def forward(model, part, x):
    """A dense stack as numpy has it; activations as /architecture says."""
    import json
    layers = json.loads(bytes(model["architecture"][()]).decode())
    layers = layers[part]
    for number, layer in enumerate(layers):
        weight = model[f"model/{part}.{number}.weight"][()]
        x = x @ weight + model[f"model/{part}.{number}.bias"][()]
        act = layer.get("act", "linear")
        x = {"relu": lambda v: np.maximum(v, 0), "linear": lambda v: v, "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
             "tanh": np.tanh}[act](x)
    return x


# --------------------------------------------------------------------------------------- datasets
random = np.random.default_rng(1)
x = random.integers(0, 256, (300, 12, 10)).astype("u1")
labels = random.integers(0, 4, 300)
np.save("x.npy", x)
np.save("labels.npy", labels)
with h5py.File("expected.h5", "w") as f:
    f["samples"], f["labels"], f["ids"] = x, labels, np.arange(300)
for name, level in (("plain.h5", "0"), ("packed.h5", "4")):
    run("import", "x.npy", "--labels", "labels.npy", "-o", name, "--level", level)
    with opened(name, "dataset") as f:
        check((f["samples"][()] == x).all() and f["samples"].dtype == "u1", f"{name}: samples")
        check((f["labels"][()] == labels).all() and (f["ids"][()] == np.arange(300)).all(), f"{name}: labels, ids")
        check(text(f["samples"].attrs["dims"]) == "sample,row,col", f"{name}: dims")
        check((f["samples"].compression == "gzip") == (level != "0"), f"{name}: compression")
    for array in ("/samples", "/labels", "/ids"):
        same(name, "expected.h5", array)
with h5py.File("other.h5", "w") as f:
    f["samples"] = np.where(x == x[5, 5, 5], 0, x)
same("plain.h5", "other.h5", "/samples", differ=True)

# --------------------------------------------------------------------------- models, checkpoints
run("train", "plain.h5", "--model", "undercomplete", "--hidden", "16", "--latent", "5", "--epochs", "2",
    "--keep-checkpoints", "-o", "m.h5")
run("train", "plain.h5", "--model", "variational", "--hidden", "16", "--latent", "3", "--epochs", "1", "-o", "v.h5")
model = opened("m.h5", "model")
check(model.userblock_size == 512, "m.h5: header")
check(model["model/encoder.0.weight"].shape == (120, 16), "m.h5: weights")
check(len(text(model.attrs["model_sha256"])) == 64, "m.h5: hash")
check(model["log/loss"].shape == (2,) and np.isfinite(model["log/loss"][()]).all(), "m.h5: log")
last = sorted(os.listdir("m.ckpt"))[-1]
with opened(f"m.ckpt/{last}", "checkpoint") as f:
    check(int(f.attrs["epoch"]) == 2 and int(f.attrs["step"]) == int(last[5:-3]), "checkpoint: epoch, step")
    for name in f["model"]:
        check((f["model"][name][()] == model["model"][name][()]).all(), f"checkpoint: {name}")
same(f"m.ckpt/{last}", "m.h5", "/model")

# --------------------------------------------------------------------------- codes, scores, and back
scaled = x.reshape(300, 120).astype("f4") / 255
codes = forward(model, "encoder", scaled)
back = forward(model, "decoder", codes)
sse = ((scaled - back) ** 2).sum(axis=1)
run("encode", "plain.h5", "-m", "m.h5", "-o", "z.h5")
with opened("z.h5", "codes") as f:
    close(f["codes"][()], codes, "codes")
    close(f["sse"][()], sse, "sse")
    check((f["ids"][()] == np.arange(300)).all() and f["complete"][0] == 1, "codes: ids, complete")
    check((f["rows_done"][()] == np.array([300, ~np.uint64(300)] * 2, "u8")).all(), "codes: rows_done")
    check(text(f.attrs["model_sha256"]) == text(model.attrs["model_sha256"]), "codes: model")
run("repack", "z.h5", "-o", "z2.h5")
same("z.h5", "z2.h5")
run("encode", "plain.h5", "-m", "v.h5", "--log-variance", "--draws", "2", "-o", "v_z.h5")
with opened("v_z.h5", "codes") as f:
    check(f["log_variance"].shape == (300, 3) and f["draws"].shape == (300, 2, 3), "codes: latent")
    spread = (f["draws"][()] - f["codes"][()][:, None]) / np.exp(f["log_variance"][()] / 2)[:, None]
    check(abs(spread.mean()) < 0.1 and abs(spread.std() - 1) < 0.1, "draws are normal around the codes")
run("score", "plain.h5", "-m", "m.h5", "--per-feature", "--threshold-quantile", "0.9", "-o", "s.h5")
with opened("s.h5", "scores") as f:
    close(f["scores"][()], np.sqrt(sse), "scores")
    close(f["squared_errors"][()].reshape(300, 120), (scaled - back) ** 2, "squared errors")
    check(abs(f["flagged"][()].sum() - 30) <= 1, "flagged")
run("decode", "z.h5", "-m", "m.h5", "-o", "d.h5")
with opened("d.h5", "dataset") as f:
    check(np.abs(f["samples"][()].reshape(300, 120).astype(int) - np.rint(back * 255)).max() <= 1, "decoded")
run("reconstruct", "plain.h5", "-m", "m.h5", "-o", "r.h5")
same("d.h5", "r.h5", "/samples")
run("sample", "-m", "v.h5", "-n", "40", "-o", "new.h5")
with opened("new.h5", "dataset") as f:
    check(f["samples"].shape == (40, 12, 10) and f["samples"][()].std() > 0, "sampled")
run("map", "z.h5", "--method", "pca", "-o", "map.h5")
with opened("map.h5", "map") as f:
    u, s, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    places = f["map"][()] - f["map"][()].mean(axis=0)
    for axis in range(2):
        wanted = u[:, axis] * s[axis]
        likeness = abs(places[:, axis] @ wanted) / np.linalg.norm(places[:, axis]) / np.linalg.norm(wanted)
        check(likeness > 0.999, f"map: axis {axis} is no principal component")

# ------------------------------------------------------------------------------------- parts, packed
for part in (1, 2, 3):
    run("encode", "plain.h5", "-m", "m.h5", "--part", f"{part}/3", "-o", "z.d")
run("join", "z.d", "-o", "joined.h5")
os.mkdir("elsewhere")
os.chdir("elsewhere")  # names are relative to the file, not to where one stands
with opened("../joined.h5", "codes") as f, h5py.File("../z.h5", "r") as whole:
    check(f["codes"].is_virtual and (f["codes"][()] == whole["codes"][()]).all(), "joined codes")
    check(f["shards/name"].shape == (3,) and f["shards/rows"][()].sum() == 300, "joined: shards")
os.chdir("..")
for array in ("/codes", "/ids", "/sse"):
    same("joined.h5", "z.h5", array)

run("compress", "plain.h5", "-o", "c.h5")
with opened("c.h5", "compressed") as f:
    check((f["samples"][()] == x).all(), "compressed, through the filter")
    check(f["samples"].id.get_create_plist().get_filter(0)[0] == 310, "compressed: filter")
    check((f["labels"][()] == labels).all(), "compressed: labels")
run("decompress", "c.h5", "-o", "u.h5")
same("u.h5", "plain.h5", "/samples")
kinds = {"dataset", "model", "checkpoint", "codes", "scores", "map", "compressed"}
check(set(looked) == kinds, f"kinds of files that were not written: {kinds - set(looked)}")
print(f"{len(looked)} files as expected" + ("" if has_tools else ", h5dump and h5diff not asked"))
