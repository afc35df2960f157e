#!/usr/bin/env bash
# Kills narrows at random moments and at every system call that writes, fills its disk call by call,
# then looks at what is left; and reads damaged copies of every kind of file, 150 of each a minute (which
# take half of one more). From one minute on also every state of the disk after a power cut, and every
# 50th allocation that fails, however long that takes. Prints the seed and tallies; exit 1 on a finding.
# Usage: tools/torture.sh [MINUTES] [SEED] [BUILD_DIR]   (default 1, 1, build/test)
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-1} seed=${2:-1} build=${3:-build/test}
narrows=$(realpath "$build")/bin/narrows
[ -x "$narrows" ] || { echo "build first: tools/test.sh" >&2; exit 1; }
found=0
tests/bench/with_shim.sh fault "$narrows" torture.py "$minutes" "$seed" || found=1
damaged=$(mktemp -d)
trap 'rm -rf "$damaged"' EXIT
python3 tests/bench/damage.py "$narrows" "$damaged" "$(awk "BEGIN { print int($minutes * 150) }")" "$seed" || found=1
if [ "${minutes%%.*}" -ge 1 ]; then
    tests/bench/with_shim.sh trace "$narrows" power_cut.py || found=1
    tests/bench/with_shim.sh memory "$narrows" memory.py || found=1
fi
exit $found
