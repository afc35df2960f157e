#!/usr/bin/env bash
# What a newcomer does with an installed narrows: the README's first run, the guide's plugin, the
# program of pipeline/program/README.md. Beside this script lie extract.py and the two pages.
# Usage: first_run.sh first_run|plugin|program|pkg-config
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
page() { for at in "$here/$1" "$here/../../$2/$1"; do [ -e "$at" ] && { echo "$at"; return; }; done; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "failed at line $LINENO"' ERR
cd "$work"
case $1 in
first_run)
    narrows generate digits -n 2000 -o digits.h5 -q
    narrows train digits.h5 --model undercomplete --epochs 2 -o model.h5 -q
    narrows encode digits.h5 -m model.h5 -o codes.h5 -q
    narrows evaluate digits.h5 -m model.h5 | grep sse
    narrows info codes.h5 | grep -q "/codes .*\[2000, 32\]" ;;
plugin)
    python3 "$here/extract.py" "$(page FIRST_PLUGIN.md plugins)" speckle
    cd speckle
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build build >/dev/null
    narrows generate digits -n 1000 -o digits.h5 -q
    narrows --plugin-path build run speckle.toml -q
    narrows info speckle.h5 | grep -q dense ;;
program)
    python3 "$here/extract.py" "$(page README.md pipeline/program)" codes
    cd codes
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build build >/dev/null
    narrows generate digits -n 1000 -o digits.h5 -q
    build/codes | tee said
    tail -n 1 said | grep -qx "32 784"
    narrows info codes.h5 --check | grep -q "0 problems" ;;
pkg-config)   # only what the compiler and linker are told; a program of two lines
    printf '%s\n' '#include "pipeline/narrows.hpp"' \
        'int main() { return narrows::Shape{2, 3}.elements() == 6 ? 0 : 1; }' >small.cpp
    # shellcheck disable=SC2046
    "${CXX:-c++}" -std=c++20 small.cpp $(pkg-config --cflags --libs narrows) \
        -Wl,-rpath,"$(pkg-config --variable=libdir narrows)" -o small
    ./small ;;
esac
echo "$1: works"
