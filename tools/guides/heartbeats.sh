#!/usr/bin/env bash
# Features of heartbeats: eight numbers for the 140 of each ECG5000 beat, learnt without labels; how
# much a doctor's classes show in them, beside as many principal components; and pictures.
#
# Usage: tools/guides/heartbeats.sh [BEATS.csv LABELLED.txt [FOLDER]]
#   BEATS     a beat a row, a column named label that training does not see; without: generated
#             waves of four kinds
#   LABELLED  beats with their class in the first column
#   FOLDER    for model, codes and pictures (one named heartbeats)
# Settings: NARROWS (the command), EPOCHS (60), LATENT (8), SAMPLES (5000, of generated waves)
set -euo pipefail
. "$(dirname "$0")/start.sh"
in_folder "${3:-heartbeats}"
epochs=${EPOCHS:-60} latent=${LATENT:-8}

if [ -n "${1:-}" ]; then
    narrows import "$1" -q -o "$work/beats.h5"
    narrows import "$2" --label-column 0 -q -o "$work/labelled.h5"
else
    narrows generate waves -n "${SAMPLES:-5000}" -q -o "$work/beats.h5"
    narrows generate waves -n $((${SAMPLES:-5000} / 10)) --seed 2 -q -o "$work/labelled.h5"
fi

# The network puts back what noise of half a deviation hides.
narrows train "$work/beats.h5" --model denoising --hidden 128 --latent "$latent" \
    --corruption gaussian:0.5 --scale standard --epochs "$epochs" -q -o "$work/model.h5"

# The features: a row of eight numbers a beat, to go on with in any tool.
narrows encode "$work/labelled.h5" -m "$work/model.h5" -q -o "$work/features.csv"
head -2 "$work/features.csv"

# How good they are: ten splits, four fifths to learn on.
narrows probe "$work/labelled.h5" -m "$work/model.h5" --splits 10 --json -q >"$work/classes.json"
narrows probe "$work/beats.h5" -m "$work/model.h5" --splits 10 --json -q >"$work/abnormal.json"
printf '%-22s %18s %18s\n' accuracy "linear" "nearest neighbours"
for of in classes abnormal; do
    for from in "" pca_ raw_; do
        name=${from:-codes_}
        printf '%-22s' "$of, ${name%_}"
        for by in linear knn; do
            printf ' %9.4f +- %.4f' "$(number "${from}${by}_accuracy" <"$work/$of.json")" \
                "$(number "${from}${by}_accuracy_spread" <"$work/$of.json")"
        done
        echo
    done
done

# What the network sees: beats with their reconstructions, ways from beat to beat, each unit's wave.
narrows reconstruct "$work/labelled.h5@0:16" -m "$work/model.h5" -q -o "$work/beats.png"
narrows interpolate --from "$work/labelled.h5@0:4" --to "$work/labelled.h5@4:8" \
    -m "$work/model.h5" --steps 8 -q -o "$work/ways.png"
narrows units "$work/model.h5" -q -o "$work/units.png"
