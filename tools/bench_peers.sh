#!/usr/bin/env bash
# narrows beside its peers, in turn, on one machine: medians, ratios, and what each reached.
#   train        PyTorch: the same work, data, batch, optimiser and epochs; training and encoding
#   map          scikit-learn: t-SNE of the same 10,000 images (SAMPLES), trustworthiness of both maps
#   compression  zfp and zstd, SZ3 and SPERR where they are: ratio, error and speed at equal bounds
# Installs the peers from Debian where they are missing. Let the machine be quiet.
# Usage: tools/bench_peers.sh [train|map] [ROUNDS]   (train, 3); NARROWS_DATA: MNIST there instead of digits
#        tools/bench_peers.sh compression [FIGURE.svg]
set -euo pipefail
cd "$(dirname "$0")/.."
name=train
case ${1:-} in
    train | map | compression) name=$1 && shift ;;
    "" | [0-9]*) ;;
    *) echo "bench_peers: no name \"$1\"; there are train, map and compression" >&2 && exit 2 ;;
esac
tools/setup.sh
packages=(python3-h5py python3-numpy)
case $name in
    train) packages+=(python3-torch libopenblas0-openmp) ;;
    map) packages+=(python3-sklearn) ;;
    compression) packages+=(python3-zfpy python3-zstandard) ;;
esac
missing=()
for package in "${packages[@]}"; do
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
if [ $name = compression ]; then
    /usr/bin/python3 tests/bench/compression.py "$narrows" "$work" ${1:+"$1"}
    exit
fi
if [ -f "${NARROWS_DATA:-}/mnist/train-images-idx3-ubyte.gz" ]; then
    "$narrows" import "$NARROWS_DATA/mnist/train-images-idx3-ubyte.gz" -o "$work/all.h5" -q
else
    "$narrows" generate digits -n 60000 -o "$work/all.h5" -q
fi
if [ $name = map ]; then
    /usr/bin/python3 tests/bench/peer_map.py "$narrows" "$work" "${1:-1}"
else
    "$narrows" bench peak
    /usr/bin/python3 tests/bench/peers.py "$narrows" "$work" "${1:-3}"
fi
