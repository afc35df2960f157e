#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. Real data is used where NARROWS_DATA names
# its folder. Usage: tools/test.sh [BUILD_DIR]   (default build/test)
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
build=${1:-build/test}
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_STRICT=ON >"${TMPDIR:-/tmp}/narrows-configure.$$" 2>&1 ||
    { cat "${TMPDIR:-/tmp}/narrows-configure.$$"; rm -f "${TMPDIR:-/tmp}/narrows-configure.$$"; exit 1; }
rm -f "${TMPDIR:-/tmp}/narrows-configure.$$"
cmake --build "$build"
if [ -z "${NARROWS_DATA:-}" ]; then
    echo "NARROWS_DATA is not set: tests on real data will say that they were skipped"
fi
ctest --test-dir "$build" --output-on-failure
