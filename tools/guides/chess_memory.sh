#!/usr/bin/env bash
# Chess memory (Chase and Simon 1973; Gobet and Simon 1996): masters recall positions of real games
# far better than the same pieces put anywhere. An autoencoder that saw only masters' positions
# does, too. Trains on nine tenths of the positions, measures recall on the others: the share of a
# position's n pieces that are among the n highest of the model's 768 outputs.
#
# Usage: tools/guides/chess_memory.sh POSITIONS [FOLDER]
#   POSITIONS  EPD or FEN, a position a line, gzipped or not; or PGN (then PLY, 40, chooses)
#   FOLDER     for models, results and the figure (a temporary one that is removed); what an
#              earlier run left there is not measured again; positions, PLY and HIDDEN stay the same
# Settings: NARROWS (the command), EPOCHS (60), LATENT (64), HIDDEN (512), SEEDS ("1"),
#   TIMES ("", more epochs to measure after: "4 15"), SIZES ("", more codes: "16 32 128 256"),
#   CHECK=1: exit 1 where the published experiment's margins are missed.
set -euo pipefail
. "$(dirname "$0")/start.sh"
positions=${1:?usage: chess_memory.sh POSITIONS [FOLDER]}
in_folder "${2:-}"
epochs=${EPOCHS:-60} latent=${LATENT:-64} hidden=${HIDDEN:-512} seeds=${SEEDS:-1}
times="1 ${TIMES:-} $epochs" sizes="$latent ${SIZES:-}"

# What an earlier run left is of use only where it was made of the same by the same.
what=$positions  # DATA may be more than a file's name
[ ! -f "$positions" ] || what=$(sha256sum <"$positions" | cut -c 1-64)
what="$what ply ${PLY:-40} hidden $hidden $(narrows --version)"
for found in "$work"/model-*.json; do
    [ -e "$found" ] || continue
    [ "$(cat "$work/settings.txt" 2>/dev/null)" = "$what" ] && break
    echo "$work holds results of other positions or settings; name another folder" >&2
    exit 2
done
echo "$what" >"$work/settings.txt"

# Games are replayed once, into planes. Held out is the last tenth of each tenth of the file.
rows=$(narrows import "$positions" --ply "${PLY:-40}" --json -q -o "$work/positions.h5" |
    number samples)
train=() held=()
for part in 0 1 2 3 4 5 6 7 8 9; do
    first=$((rows * part / 10)) last=$((rows * (part + 1) / 10))
    cut=$((last - (last - first) / 10))
    train+=("$work/positions.h5@$first:$cut") held+=("$work/positions.h5@$cut:$last")
done
narrows import "${train[@]}" -q -o "$work/train.h5"
narrows import "${held[@]}" -q -o "$work/held.h5"
echo "$rows positions, every tenth is held out" >&2

# The rate stays constant, so that a run of fewer epochs is the beginning of a longer one.
train() { # seed latent epochs model
    narrows train "$work/train.h5" --model undercomplete --hidden "$hidden" --latent "$2" \
        --schedule constant --epochs "$3" --seed "$1" -q -o "$4"
}
recall() { # model -> JSON
    narrows run "$here/chess_memory.toml" --json -q \
        --set "model.memory.file=$1" --set "node.data.file=$work/held.h5" \
        --set "node.natural.mean_of=$work/train.h5" --set "node.mirrored.mean_of=$work/train.h5" \
        --set "node.shuffled.mean_of=$work/train.h5"
}
for seed in $seeds; do
    for size in $sizes; do
        for time in $([ "$size" = "$latent" ] && echo "$times" || echo "$epochs"); do
            name=model-$size-$time-$seed
            [ -s "$work/$name.json" ] && continue
            train "$seed" "$size" "$time" "$work/$name.h5"
            recall "$work/$name.h5" >"$work/$name.part"
            mv "$work/$name.part" "$work/$name.json"
            echo "seed $seed, code of $size, $time epochs" >&2
        done
    done
done

missed=0
/usr/bin/python3 "$here/chess_memory.py" "$work" "$latent" "$epochs" "${CHECK:-0}" "$seeds" \
    "$times" "$sizes" || missed=$?
narrows chart "$work/recall.csv" --panel panel --series kind --x x --y recall --log-x \
    --x-label "epochs" --x-label "units of the code" \
    --y-label "recall (share of the pieces)" -q -o "$work/chess_memory.svg" \
    --caption "Recall of held-out positions, mean and deviation of $(wc -w <<<"$seeds") seeds"
exit "$missed"
