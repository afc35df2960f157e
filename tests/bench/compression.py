"""Compression at equal bounds: compression.py NARROWS WORKDIR [FIGURE.svg].

narrows, zfp (accuracy mode) and zstd (level 19 on whole multiples of the step, bytes side by side), one
thread each; SZ3 and SPERR where their commands are on the PATH (sz3, sperr2d, sperr3d). Every value that comes
back is compared in double. Data: generated waves and fields, and the real sets that NARROWS_DATA has.
"""
import gzip
import json
import math
import os
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import zfpy
import zstandard

NARROWS, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]
FIGURE = sys.argv[3] if len(sys.argv) > 3 else None
BOUNDS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def generated(kind, count):
    path = os.path.join(FOLDER, kind + ".h5")
    subprocess.run([NARROWS, "generate", kind, "-n", str(count), "-q", "-o", path], check=True)
    with h5py.File(path) as file:
        return file["samples"][()].astype(np.float32)


def sets():
    yield "waves, generated", generated("waves", 4000)
    yield "fields, generated", generated("fields", 300)
    real = os.environ.get("NARROWS_DATA", "")
    waves = os.path.join(real, "science", "ri_wave_2010.h5")
    if os.path.exists(waves):
        with h5py.File(waves) as file:
            yield "wave heights", file["significant_wave_height"][()].astype(np.float32)
    ecg = os.path.join(real, "timeseries", "ecg5000_binary.csv.gz")
    if os.path.exists(ecg):
        with gzip.open(ecg, "rt") as text:
            columns = [i for i, word in enumerate(text.readline().strip().split(",")) if word != "label"]
            yield "ECG5000", np.loadtxt(text, delimiter=",", dtype=np.float32, usecols=columns)


def measured(values, decoded, size, there, back):
    error = np.abs(values.astype(np.float64) - decoded.astype(np.float64))
    mse = float(np.mean(error ** 2))
    width = float(values.max()) - float(values.min())
    return {"bits": 8 * size / values.size, "worst": float(error.max()),
            "psnr": math.inf if mse == 0 else 10 * math.log10(width ** 2 / mse),
            "there": values.nbytes / 1e6 / there, "back": values.nbytes / 1e6 / back}


def timed(call):
    start = time.perf_counter()
    result = call()
    return result, max(time.perf_counter() - start, 1e-9)


def ours(values, bound):
    """Twice: models fitted, then with -m alone (the speed of coding); sizes with the model."""
    plain, first, second, out = (os.path.join(FOLDER, name) for name in ("v.h5", "c.h5", "m.h5", "d.h5"))
    with h5py.File(plain, "w") as file:
        file["samples"] = values
    say = [NARROWS, "compress", plain, "--abs", repr(bound), "--threads", "1", "--json", "-q"]
    result = json.loads(subprocess.run(say + ["-o", first], check=True, text=True, stdout=subprocess.PIPE).stdout)
    again = json.loads(subprocess.run(say + ["-m", first, "--embed", "-o", second], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout)
    back = json.loads(subprocess.run([NARROWS, "decompress", first, "-o", out, "--threads", "1", "--json", "-q"],
                                     check=True, text=True, stdout=subprocess.PIPE).stdout)
    with h5py.File(out) as file:
        decoded = file["samples"][()]
    figures = measured(values, decoded, result["bytes_out"], 1, 1)
    figures["there"], figures["back"] = again["megabytes_per_second"], back["megabytes_per_second"]
    figures["fit"] = result["seconds"]
    return figures


def zfp(values, bound):
    stored, there = timed(lambda: zfpy.compress_numpy(values, tolerance=bound, write_header=True))
    decoded, back = timed(lambda: zfpy.decompress_numpy(stored))
    return measured(values, decoded, len(stored), there, back)


def zstd(values, bound):
    step = np.float64(2 * bound * (1 - 1e-6))

    def pack():
        whole = np.rint(values / step).astype(np.int32)
        folded = np.diff(whole.ravel(), prepend=0).astype(np.int32)
        folded = ((folded << 1) ^ (folded >> 31)).astype("<u4")
        return zstandard.ZstdCompressor(level=19).compress(folded.view(np.uint8).reshape(-1, 4).T.tobytes())

    def unpack(stored):
        plane = np.frombuffer(zstandard.ZstdDecompressor().decompress(stored), np.uint8).reshape(4, -1)
        folded = np.ascontiguousarray(plane.T).view("<u4").ravel().astype(np.int64)
        whole = np.cumsum((folded >> 1) ^ -(folded & 1))
        return (whole * step).astype(np.float32).reshape(values.shape)

    stored, there = timed(pack)
    decoded, back = timed(lambda: unpack(stored))
    return measured(values, decoded, len(stored), there, back)


def sz3(values, bound):
    raw, packed, out = (os.path.join(FOLDER, name) for name in ("v.f32", "v.sz", "v.out"))
    values.tofile(raw)
    shape = [f"-{values.ndim}"] + [str(extent) for extent in reversed(values.shape)]
    _, there = timed(lambda: subprocess.run(["sz3", "-f", "-i", raw, "-z", packed, *shape, "-M", "ABS", repr(bound)],
                                            check=True, stdout=subprocess.DEVNULL))
    _, back = timed(lambda: subprocess.run(["sz3", "-f", "-z", packed, "-o", out, *shape, "-M", "ABS", repr(bound)],
                                           check=True, stdout=subprocess.DEVNULL))
    return measured(values, np.fromfile(out, np.float32).reshape(values.shape), os.path.getsize(packed), there, back)


def sperr(values, bound):
    name = f"sperr{min(values.ndim, 3)}d"
    raw, packed, out = (os.path.join(FOLDER, part) for part in ("v.f32", "v.sperr", "v.out"))
    values.tofile(raw)
    shape = ["--dims"] + [str(extent) for extent in reversed(values.shape)]
    _, there = timed(lambda: subprocess.run([name, "-c", "--ftype", "32", *shape, "--pwe", repr(bound), "--bitstream", packed, raw],
                                            check=True, stdout=subprocess.DEVNULL))
    _, back = timed(lambda: subprocess.run([name, "-d", "--decomp_f", out, packed], check=True, stdout=subprocess.DEVNULL))
    return measured(values, np.fromfile(out, np.float32).reshape(values.shape), os.path.getsize(packed), there, back)


def figure(rows, path):
    """Bits a value over the bound, one panel a data set."""
    colours = {"narrows": "#0b6e99", "zfp": "#c1440e", "zstd": "#6b8e23", "SZ3": "#8b3a8b", "SPERR": "#444444"}
    names = list(dict.fromkeys(name for name, *_ in rows))
    wide, high, left, top = 300, 220, 60, 40
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{len(names) * (wide + left) + 20}" height="{high + top + 60}" '
            'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    low, most = math.log10(0.01), math.log10(32)
    for number, name in enumerate(names):
        x0 = number * (wide + left) + left

        def place(bound, bits):
            x = x0 + (math.log10(bound) + 5) / 4 * wide
            return x, top + high - (math.log10(max(bits, 0.01)) - low) / (most - low) * high

        text.append(f'<text x="{x0}" y="{top - 14}" font-weight="bold">{name}</text>')
        text.append(f'<rect x="{x0}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#bbb"/>')
        for bits in (0.01, 0.1, 1, 10):
            y = place(1e-5, bits)[1]
            text.append(f'<line x1="{x0}" x2="{x0 + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>')
            text.append(f'<text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{bits:g}</text>')
        for bound in BOUNDS:
            text.append(f'<text x="{place(bound, 1)[0]:.1f}" y="{top + high + 16}" text-anchor="middle">{bound:g}</text>')
        for coder in dict.fromkeys(row[2] for row in rows if row[0] == name):
            points = " ".join("%.1f,%.1f" % place(row[1], row[3]["bits"]) for row in rows if row[0] == name and row[2] == coder)
            text.append(f'<polyline points="{points}" fill="none" stroke="{colours[coder]}" stroke-width="2"/>')
    for number, coder in enumerate(dict.fromkeys(row[2] for row in rows)):
        text.append(f'<text x="{left + 90 * number}" y="{top + high + 44}" fill="{colours[coder]}">{coder}</text>')
    text.append(f'<text x="{left + 480}" y="{top + high + 44}">bits a value over the bound, of the range</text></svg>')
    with open(path, "w") as out:
        out.write("\n".join(text) + "\n")


def main():
    coders = {"narrows": ours, "zfp": zfp, "zstd": zstd}
    if shutil.which("sz3"):
        coders["SZ3"] = sz3
    if shutil.which("sperr2d") and shutil.which("sperr3d"):
        coders["SPERR"] = sperr
    rows = []
    print(f"{'data':<20} {'bound':>6} {'coder':<8} {'bits/value':>10} {'ratio':>7} {'PSNR':>6} {'worst/bound':>11} "
          f"{'MB/s in':>8} {'MB/s out':>8}")
    for name, values in sets():
        width = float(values.max()) - float(values.min())
        for bound in BOUNDS:
            for coder, run in coders.items():
                one = run(values, bound * width)
                rows.append((name, bound, coder, one))
                print(f"{name:<20} {bound:>6g} {coder:<8} {one['bits']:>10.4f} {32 / one['bits']:>7.1f} {one['psnr']:>6.1f} "
                      f"{one['worst'] / (bound * width):>11.4f} {one['there']:>8.1f} {one['back']:>8.1f}", flush=True)
    if FIGURE:
        figure(rows, FIGURE)


main()
