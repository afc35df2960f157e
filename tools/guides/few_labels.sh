#!/usr/bin/env bash
# Features for a classifier with few labels: an encoder learns from all images and no label, then a
# classifier from ten labels a class. Beside it: the same network from scratch, and linear models.
#
# Usage: tools/guides/few_labels.sh [IMAGES LABELS TEST_IMAGES TEST_LABELS [FOLDER]]
#   IMAGES ...  IDX files as MNIST has them, or any DATA; without: generated digits
#   FOLDER      for models and results (a temporary one that is removed)
# Settings: NARROWS (the command), EPOCHS (30), HIDDEN (1000,500), LATENT (64), HEAD (1000),
#   LABELS (10, a class), DRAWS ("1 2 3"), SAMPLES (20000, of generated digits)
set -euo pipefail
. "$(dirname "$0")/start.sh"
in_folder "${5:-}"
epochs=${EPOCHS:-30} hidden=${HIDDEN:-1000,500} latent=${LATENT:-64} head=${HEAD:-1000}
labels=${LABELS:-10} draws=${DRAWS:-1 2 3}
layers=$(($(tr -cd , <<<"$hidden" | wc -c) + 1))

if [ -n "${1:-}" ]; then
    narrows import "$1" --labels "$2" -q -o "$work/train.h5"
    narrows import "$3" --labels "$4" -q -o "$work/test.h5"
else
    narrows generate digits -n "${SAMPLES:-20000}" -q -o "$work/train.h5"
    narrows generate digits -n $((${SAMPLES:-20000} / 5)) --seed 2 -q -o "$work/test.h5"
fi

# All images, no label: seven pixels of ten are hidden, the network puts them back.
narrows train "$work/train.h5" --model denoising --hidden "$hidden" --latent "$latent" \
    --corruption masking:0.7 --epochs "$epochs" -q -o "$work/features.h5"

accuracy() { # MODEL -> share of the test images
    narrows classify predict "$work/test.h5" -m "$1" --json -q | number accuracy
}
for draw in $draws; do
    # The encoder stays as it is, a head learns.
    narrows classify train "$work/train.h5" --labels-per-class "$labels" --seed "$draw" \
        -m "$work/features.h5" --layers "$layers" --freeze encoder --dropout 0.9 \
        --head-epochs "$head" -q -o "$work/frozen-$draw.h5"
    # Then the encoder learns on, at a small rate.
    narrows classify train "$work/train.h5" --labels-per-class "$labels" --seed "$draw" \
        -m "$work/features.h5" --layers "$layers" --corruption masking:0.5 --dropout 0.8 \
        --rate 3e-5 --head-epochs "$head" -q -o "$work/tuned-$draw.h5"
    # The same network without what it learnt from images alone.
    narrows classify train "$work/train.h5" --labels-per-class "$labels" --seed "$draw" \
        -m "$work/features.h5" --layers "$layers" --from-scratch --corruption masking:0.5 \
        --dropout 0.8 --rate 1e-3 -q -o "$work/scratch-$draw.h5"
done
for kind in frozen tuned scratch; do
    found=()
    for draw in $draws; do
        found+=("$(accuracy "$work/$kind-$draw.h5")")
    done
    printf '%-34s %s\n' "$kind, $labels labels a class" "$(mean "${found[@]}")"
done

# Linear models and nearest neighbours on as many labels, those of the first images: on the codes,
# on pixels, and on as many principal components.
few=$((10 * labels))
narrows probe "$work/train.h5@0:$few" --test "$work/test.h5" -m "$work/features.h5" --json -q \
    >"$work/probe.json"
for from in "" raw_ pca_; do
    for by in linear knn; do
        printf '%-34s %s\n' "$by of ${from:-codes_}$few labels" \
            "$(number "${from}${by}_accuracy" <"$work/probe.json")"
    done
done
