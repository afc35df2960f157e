#!/usr/bin/env bash
# From a fresh checkout to latent codes: installs what is missing, builds, generates digits, trains
# a small denoising-free autoencoder, encodes, evaluates. Usage: tools/quickstart.sh [OUTPUT_DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-quickstart}
tools/setup.sh
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_TESTS=OFF >/dev/null
cmake --build build/release
mkdir -p "$out"
narrows=build/release/bin/narrows

"$narrows" generate digits -n 20000 -o "$out/digits.h5"
"$narrows" generate digits -n 4000 --seed 2 -o "$out/test.h5"
"$narrows" train "$out/digits.h5" --model undercomplete --epochs 10 -o "$out/model.h5"
"$narrows" encode "$out/test.h5" -m "$out/model.h5" -o "$out/codes.h5"
"$narrows" reconstruct "$out/test.h5" -m "$out/model.h5" -o "$out/reconstructions.h5"
"$narrows" evaluate "$out/test.h5" -m "$out/model.h5"

echo
echo "files in $out:"
for file in digits.h5 test.h5 model.h5 codes.h5 reconstructions.h5; do
    printf '  %-20s %8s kB\n' "$file" "$(($(stat -c %s "$out/$file") / 1024))"
done
echo "look at them with: $narrows info $out/codes.h5"
