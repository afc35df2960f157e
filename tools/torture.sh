#!/usr/bin/env bash
# Kills narrows at random moments and at every system call that writes, fills its disk call by call,
# and damages its files; then looks at what is left. Prints the seed and a tally; exit 1 on a
# finding. Usage: tools/torture.sh [MINUTES] [SEED] [BUILD_DIR]   (default 1, 1, build/test)
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-1} seed=${2:-1} build=${3:-build/test}
narrows=$(realpath "$build")/bin/narrows
[ -x "$narrows" ] || { echo "build first: tools/test.sh" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}
"$cc" -O1 -shared -fPIC -o "$work/fault.so" tests/bench/fault.c -ldl
/usr/bin/env python3 tests/bench/torture.py "$narrows" "$work" "$minutes" "$seed"
