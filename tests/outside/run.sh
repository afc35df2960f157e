#!/usr/bin/env bash
# Installs the build into a temporary prefix, builds the guide's plugin outside the tree against it,
# trains with it; then refuses the same plugin built for another ABI, with exit code 3.
# Usage: run.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "failed at line $LINENO"' ERR

cmake --install "$build" --prefix "$work/prefix" >/dev/null
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
