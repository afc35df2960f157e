#!/usr/bin/env bash
# Installs the build into a temporary prefix, builds the guide's plugin outside the tree against it,
# trains with it, and with the second guide's layer and file format; looks for every part that is installed, builds a program with CMake and one with
# pkg-config; refuses the same plugin built for another ABI, with exit code 3.
# Usage: run.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
export CMAKE_GENERATOR=Ninja  # as the tree is built: make need not be there
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "failed at line $LINENO"' ERR

cmake --install "$build" --prefix "$work/prefix" >/dev/null
# Every part is where the shells, man, CMake and pkg-config look for it.
for part in bin/narrows bin/../lib/narrows/narrows_load.so include/narrows/pipeline/narrows.hpp \
    share/man/man1/narrows.1 share/man/man1/narrows-train.1 share/doc/narrows/README.md \
    share/bash-completion/completions/narrows share/zsh/site-functions/_narrows \
    share/fish/vendor_completions.d/narrows.fish; do
    [ -e "$work/prefix/$part" ] || { echo "not installed: $part"; exit 1; }
done
for name in narrowsConfig.cmake narrows.pc libnarrows_pipeline.so narrows-probe; do
    find "$work/prefix/lib" -name "$name" | grep -q . || { echo "not installed: $name"; exit 1; }
done
export PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix/lib" -name narrows.pc)")
[ "$(pkg-config --modversion narrows)" = "$("$work/prefix/bin/narrows" --version | cut -d" " -f2)" ]
PATH=$work/prefix/bin:$PATH CMAKE_PREFIX_PATH=$work/prefix "$source/tests/outside/first_run.sh" pkg-config
PATH=$work/prefix/bin:$PATH CMAKE_PREFIX_PATH=$work/prefix "$source/tests/outside/first_run.sh" program

python3 "$source/tests/outside/extract.py" "$source/plugins/FIRST_PLUGIN.md" "$work/speckle"
cd "$work/speckle"
cmake -S . -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build >/dev/null
narrows=$work/prefix/bin/narrows

"$narrows" --plugin-path build nodes corrupt.speckle | grep -q "largest relative change"
"$narrows" generate digits -n 2000 -o digits.h5 -q
"$narrows" --plugin-path build run speckle.toml -q --json >result.json
python3 - <<'PY'
import json
r = json.load(open("result.json"))
assert r["epochs"] == 3 and 0 < r["loss"] < 0.3, r
PY
"$narrows" info speckle.h5 | grep -q "dense"
echo "out-of-tree plugin: built, listed, trained"

python3 "$source/tests/outside/extract.py" "$source/plugins/FIRST_LAYER.md" "$work/more"
(
    cd "$work/more"
    cmake -S . -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build build >/dev/null
    build/test_prelu
    python3 - <<'PY'
import gzip, math, struct
rows = [[math.sin(0.1 * i * (j + 1)) for j in range(24)] for i in range(400)]
vectors = b"".join(struct.pack("<i24f", 24, *row) for row in rows)
open("vectors.fvecs", "wb").write(vectors)
gzip.open("packed.fvecs.gz", "wb").write(vectors)
open("short.fvecs", "wb").write(vectors[:-1])
bad = bytearray(vectors)
bad[100 * 7:100 * 7 + 4] = struct.pack("<i", 23)
open("bad.fvecs", "wb").write(bad)
PY
    refuses() {   # EXIT_CODE WORDS COMMAND ...: fails with this code and says that
        local code=0 wanted=$1 words=$2
        shift 2
        "$@" >/dev/null 2>refused.txt || code=$?
        { [ "$code" -eq "$wanted" ] && grep -qF -- "$words" refused.txt; } ||
            { echo "expected exit $wanted and \"$words\" from $*, got $code"; cat refused.txt; exit 1; }
    }
    refuses 4 "known formats" "$narrows" info vectors.fvecs
    export NARROWS_PLUGIN_PATH=build
    "$narrows" nodes prelu | grep -q "slope before training"
    "$narrows" nodes fvecs | grep -q "format, plugin more"
    "$narrows" info vectors.fvecs | grep -q "400"
    "$narrows" run vectors.toml -q >/dev/null
    "$narrows" info vectors.h5 | grep -q prelu
    "$narrows" encode vectors.fvecs@100:300 -m vectors.h5 -o some.h5 -q
    "$narrows" encode packed.fvecs.gz --format fvecs -m vectors.h5 -o codes.h5 -q
    "$narrows" import vectors.fvecs -o vectors.hdf5 -q
    "$narrows" encode vectors.hdf5 -m vectors.h5 -o same.h5 -q
    /usr/bin/python3 - <<'PY' || [ $? -eq 77 ]
import sys
try:
    import h5py
except ImportError:
    sys.exit(77)
all_of = h5py.File("codes.h5")["codes"][:]
assert all_of.shape == (400, 4)
assert (h5py.File("same.h5")["codes"][:] == all_of).all()
assert (h5py.File("some.h5")["codes"][:] == all_of[100:300]).all()
PY
    refuses 4 "no whole file" "$narrows" info short.fvecs
    refuses 4 "row 7 has length 23" "$narrows" encode bad.fvecs -m vectors.h5 -o bad.h5
    refuses 2 "known formats: hdf5, idx, npy, csv, raw, ts, png, pgn, epd, fen, fvecs" \
        "$narrows" import vectors.fvecs --format vecs -o none.h5
    unset NARROWS_PLUGIN_PATH
    refuses 2 'no layer type "prelu"' "$narrows" encode vectors.hdf5 -m vectors.h5 -o gone.h5
)
echo "out-of-tree layer and format: gradients agree, trained, encoded"

cmake -S . -B other -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_CXX_FLAGS=-DNARROWS_PLUGIN_ABI_MAJOR=99 >/dev/null
cmake --build other >/dev/null
code=0
"$narrows" --plugin-path other nodes >/dev/null 2>refused.txt || code=$?
[ "$code" -eq 3 ] || { echo "expected exit 3, got $code"; cat refused.txt; exit 1; }
grep -q "99" refused.txt && grep -q "narrows_speckle.so" refused.txt
echo "plugin of another ABI: refused with exit 3"

# Each plugin folder of the tree builds alone too.
for plugin in corrupt loss; do
    cmake -S "$source/plugins/$plugin" -B "$work/alone-$plugin" -DCMAKE_PREFIX_PATH="$work/prefix" \
        >/dev/null
    cmake --build "$work/alone-$plugin" >/dev/null
done
echo "plugin folders: build alone"
