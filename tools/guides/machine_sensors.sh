#!/usr/bin/env bash
# Anomalies in a machine's sensor: a network learns what windows of a healthy time look like, then
# every window of the series is scored, and the scores go back to the times that they are of.
#
# Usage: tools/guides/machine_sensors.sh SERIES.csv WINDOWS.json FROM TO [FOLDER]
#   SERIES   timestamp,value with a header, as the Numenta Anomaly Benchmark has them, or gzipped
#   WINDOWS  {"NAME": [[begin, end], ...]}: when something was wrong; NAME ends SERIES' own name
#   FROM TO  a time known to be good: three quarters train, the last one sets the threshold
#   FOLDER   for model, scores and events (one named sensors)
# Settings: NARROWS (the command), WINDOW (288 rows), STRIDE (6), EPOCHS (60), LATENT (16),
#   QUANTILE (0.995)
set -euo pipefail
. "$(dirname "$0")/start.sh"
series=${1:?usage: machine_sensors.sh SERIES.csv WINDOWS.json FROM TO [FOLDER]}
windows=${2:?WINDOWS.json is missing} from=${3:?FROM is missing} to=${4:?TO is missing}
in_folder "${5:-sensors}"
window=${WINDOW:-288} stride=${STRIDE:-6} epochs=${EPOCHS:-60} latent=${LATENT:-16}

# One CSV with a column of labels, and one of the good time alone.
/usr/bin/python3 "$here/machine_sensors.py" label "$series" "$windows" "$from" "$to" "$work"

# Three quarters of the windows of the good time are trained on.
good=$(narrows import "$work/good.csv" --columns value --window "$window" --stride "$stride" \
    --json -q -o "$work/good.h5" | number samples)
cut=$((good * 3 / 4))
narrows train "$work/good.h5@0:$cut" --model deep --hidden 128,64 --latent "$latent" \
    --scale standard --epochs "$epochs" -q -o "$work/model.h5"

# The last quarter says how far healthy windows are from their reconstructions; a window beyond
# its highest scores is flagged. Each row has the mean error of the windows that hold it.
narrows score "$work/labelled.csv" --columns value --label-column anomaly --window "$window" \
    --stride "$stride" -m "$work/model.h5" --reference "$work/good.csv@$cut:$good" \
    --threshold-quantile "${QUANTILE:-0.995}" -q -o "$work/scores.h5"

/usr/bin/python3 "$here/machine_sensors.py" events "$series" "$windows" "$from" "$to" "$work"
narrows chart "$work/timeline.csv" --x days --y value --series what --x-label "time (days)" \
    --y-label "score (scaled units)" -q -o "$work/timeline.svg"
