#!/usr/bin/env bash
# Installs the Debian packages that narrows needs and that are missing. Needs root (or sudo) only
# when something is missing. Usage: tools/setup.sh [--list]
set -euo pipefail

packages=(
    g++ cmake ninja-build pkg-config git
    libtbb-dev libxtensor-dev libxsimd-dev libhdf5-dev nlohmann-json3-dev
    libtomlplusplus-dev libcli11-dev libfmt-dev
    libdeflate-dev zlib1g-dev libzstd-dev liblz4-dev libblosc-dev libxxhash-dev librandom123-dev libeigen3-dev
    libspng-dev libssl-dev libprotobuf-dev protobuf-compiler libjs-chart.js
    catch2 python3-h5py python3-numpy hdf5-tools
)

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${packages[@]}"
    exit 0
fi
missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

echo "installing: ${missing[*]}" >&2
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null; then
    as_root=(sudo)
else
    echo "setup: these Debian packages are missing, and there is neither root nor sudo to install" >&2
    echo "them; ask the administrator for: apt-get install ${missing[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if ! "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >&2; then
    "${as_root[@]}" apt-get update >&2
    "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >&2
fi
