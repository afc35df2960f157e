#!/usr/bin/env bash
# Training speed beside this machine's limit, from one run: 784-512-256-64 and back, batch 128, with
# one thread and two in turn; medians of five. `storage`: reading and writing HDF5 beside h5py in one
# process. Let the machine be quiet. Usage: tools/bench.sh [storage]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
if [ "${1:-}" = storage ]; then
    /usr/bin/python3 -c 'import h5py' 2>/dev/null || { echo "python3-h5py is missing" >&2; exit 1; }
    cmake -S . -B build/test -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build build/test --target narrows narrows_plugin_load narrows_plugin_store bench_storage >/dev/null
    work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
    trap 'rm -rf "$work"' EXIT
    build/test/bin/narrows generate digits -n 60000 -o "$work/digits.h5" -q
    /usr/bin/python3 tests/bench/storage.py build/test/bin/bench_storage "$work/digits.h5" "$work" 5
    exit
fi
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_TESTS=OFF >/dev/null
cmake --build build/release >/dev/null
narrows=$PWD/build/release/bin/narrows
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$narrows" generate digits -n 20000 -o digits.h5 -q
cat >train.toml <<'TOML'
schema = 1
[run]
mode = "train"
epochs = 3
[model.ae]
encoder = [{ dense = 512, act = "relu" }, { dense = 256, act = "relu" }, { dense = 64 }]
decoder = [{ dense = 256, act = "relu" }, { dense = 512, act = "relu" }, { dense = 784, act = "sigmoid" }]
[node.data]
type = "load"
file = "digits.h5"
batch = 128
shuffle = true
[node.code]
type = "encode"
model = "ae"
in.x = "data.x"
[node.recon]
type = "decode"
model = "ae"
in.z = "code.z"
[node.loss]
type = "loss.bce"
in.prediction = "recon.x"
in.target = "data.x"
[node.step]
type = "optimize.adam"
model = "ae"
in.loss = "loss.value"
[node.keep]
type = "store.checkpoint"
in.after = "step.done"
file = "model.h5"
TOML
for round in 1 2 3 4 5; do
    "$narrows" bench peak --json >"peak-$round.json" 2>/dev/null
    for threads in 1 2; do
        "$narrows" run train.toml --threads $threads -q --json >"train-$threads-$round.json"
    done
done
"$narrows" bench
/usr/bin/python3 - <<'PY'
import glob, json, statistics

def median(pattern, read):
    return statistics.median(read(json.load(open(name))) for name in glob.glob(pattern))

weights = [(784, 512), (512, 256), (256, 64), (64, 256), (256, 512), (512, 784)]
flop = sum(6 * a * b for a, b in weights) - 2 * 784 * 512   # no gradient for the samples
peak = median("peak-*.json", lambda r: r["results"][0]["rate"])
one = median("train-1-*.json", lambda r: r["samples_per_second"])
two = median("train-2-*.json", lambda r: r["samples_per_second"])
limit = peak * 1e9 / flop
print(f"{'train 784-512-256-64':<24}{one:>10.0f} samples/s  {100 * one / limit:5.1f} % of the limit  1 thread")
print(f"{'':<24}{two:>10.0f} samples/s  {two / one:5.2f} x one thread       2 threads")
PY
