#!/usr/bin/env bash
# What codes of every preset tell a linear model and nearest neighbours, beside PCA of the same size:
# the rows of a Markdown table. Each preset trains with its own defaults on IMAGES, and is probed with
# IMAGES' codes to learn from and TEST's to be right on.
# Usage: tests/bench/presets.sh NARROWS IMAGES LABELS TEST TEST_LABELS [PRESET...]
# Settings: LATENT (32), MORE (further words for train: "--epochs 2"), SEED (1)
set -euo pipefail
narrows=$(readlink -f "$1") images=$(readlink -f "$2") labels=$(readlink -f "$3")
test=$(readlink -f "$4") test_labels=$(readlink -f "$5")
shift 5
# overcomplete is left out: its code is as wide as the sample, and PCA of that size is the sample.
presets=("$@")
[ $# -gt 0 ] || presets=(linear undercomplete deep tied denoising sparse layerwise convolutional
    variational contractive vector-quantised anomaly)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$narrows" import "$images" --labels "$labels" -q -o train.h5
"$narrows" import "$test" --labels "$test_labels" -q -o test.h5
number() { sed -n "s/.*\"$1\": *\([-0-9.e]*\).*/\1/p" probe.json; }
row() { awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "| `%s` | %.2f %% | %.2f %% |\n", n, 100 * a, 100 * b }'; }
printf '| codes of %s | linear model | nearest neighbours |\n|---|---|---|\n' "${LATENT:-32}"
for preset in "${presets[@]}"; do
    # shellcheck disable=SC2086
    "$narrows" train train.h5 --model "$preset" --latent "${LATENT:-32}" --seed "${SEED:-1}" ${MORE:-} \
        -q -o model.h5
    "$narrows" probe train.h5 --test test.h5 -m model.h5 --json -q >probe.json
    row "$preset" "$(number linear_accuracy)" "$(number knn_accuracy)"
done
row "PCA" "$(number pca_linear_accuracy)" "$(number pca_knn_accuracy)"
row "pixels" "$(number raw_linear_accuracy)" "$(number raw_knn_accuracy)"
