#!/usr/bin/env bash
# narrows beside PyTorch: the same work, data, batch, optimiser and epochs, in turn, on one machine;
# medians, ratios, and the loss that each reached. Installs python3-torch, h5py and OpenBLAS with
# OpenMP from Debian where they are missing. Let the machine be quiet.
# Usage: tools/bench_peers.sh [ROUNDS]   (default 3); NARROWS_DATA: MNIST there instead of digits
#        tools/bench_peers.sh compression [FIGURE.svg]   zfp and zstd, SZ3 and SPERR where they are, at equal bounds
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
packages="python3-torch python3-h5py python3-numpy libopenblas0-openmp"
[ "${1:-}" != compression ] || packages="python3-h5py python3-numpy python3-zfpy python3-zstandard"
missing=()
for package in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends "${missing[@]}" >&2
fi
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_TESTS=OFF >/dev/null
cmake --build build/release >/dev/null
narrows=$PWD/build/release/bin/narrows
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = compression ]; then
    /usr/bin/python3 tests/bench/compression.py "$narrows" "$work" ${2:+"$2"}
    exit
fi
if [ -f "${NARROWS_DATA:-}/mnist/train-images-idx3-ubyte.gz" ]; then
    "$narrows" import "$NARROWS_DATA/mnist/train-images-idx3-ubyte.gz" -o "$work/all.h5" -q
else
    "$narrows" generate digits -n 60000 -o "$work/all.h5" -q
fi
"$narrows" bench peak
/usr/bin/python3 tests/bench/peers.py "$narrows" "$work" "${1:-3}"
