#!/usr/bin/env bash
# A map of clothes: t-SNE of Fashion-MNIST's pixels and of an autoencoder's codes, and PCA, as
# pictures, a page that shows the garment under the pointer, and numbers.
#
# Usage: tools/guides/fashion_map.sh [IMAGES LABELS [FOLDER]]
#   IMAGES, LABELS  IDX files, or any DATA; without: generated digits
#   FOLDER          for the maps (one named maps)
# Settings: NARROWS (the command), EPOCHS (10), LATENT (32), SAMPLES (10000, on the map)
set -euo pipefail
. "$(dirname "$0")/start.sh"
in_folder "${3:-maps}"
epochs=${EPOCHS:-10} latent=${LATENT:-32} samples=${SAMPLES:-10000}

if [ -n "${1:-}" ]; then
    narrows import "$1" --labels "$2" -q -o "$work/images.h5"
else
    narrows generate digits -n "$samples" -q -o "$work/images.h5"
fi
narrows train "$work/images.h5" --model undercomplete --latent "$latent" --epochs "$epochs" \
    -q -o "$work/model.h5"

some=$work/images.h5@0:$samples
narrows map "$some" -m "$work/model.h5" --json -q -o "$work/codes.html" >"$work/codes.json"
narrows map "$some" --json -q -o "$work/pixels.png" >"$work/pixels.json"
narrows map "$some" --method pca --json -q -o "$work/pca.svg" >"$work/pca.json"

printf '%-24s %16s %12s %9s\n' "map of" trustworthiness continuity seconds
for map in codes pixels pca; do
    printf '%-24s %16.4f %12.4f %9.1f\n' "$map" "$(number trustworthiness <"$work/$map.json")" \
        "$(number continuity <"$work/$map.json")" "$(number seconds <"$work/$map.json")"
done
echo "look at $work/codes.html, $work/pixels.png, $work/pca.svg"
