#!/usr/bin/env bash
# Where training spends its time: train_profile.sh NARROWS [WORK ...]. The works of bench_peers (a to
# e) on 20,000 generated digits, one thread and all; needs linux-perf.
set -euo pipefail
narrows=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$narrows" generate digits -n 20000 -o digits.h5 -q
works=("$@")
[ $# -gt 0 ] || works=(a b c d e)
for name in "${works[@]}"; do
    PYTHONPATH=$here python3 -c "import works; print(works.toml('$name', 'digits.h5', 128, 6))" >run.toml
    for threads in 1 $(nproc); do
        echo "== $name, threads $threads"
        perf record -q -F 1500 -o perf.data "$narrows" run run.toml --threads "$threads" -q >/dev/null 2>&1
        for sort in dso symbol; do
            perf report -i perf.data --sort "$sort" -g none 2>/dev/null | grep -v -e '^#' -e '^$' | sed -n 1,14p
        done
    done
done
