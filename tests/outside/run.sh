#!/usr/bin/env bash
# Installs the build into a temporary prefix, builds the guide's plugin outside the tree against it,
# trains with it; looks for every part that is installed, builds a program with CMake and one with
# pkg-config; refuses the same plugin built for another ABI, with exit code 3.
# Usage: run.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
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
