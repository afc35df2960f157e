#!/usr/bin/env bash
# Chess memory (Chase and Simon 1973; Gobet and Simon 1996): masters recall positions of real games
# far better than the same pieces put anywhere. An autoencoder that saw only masters' positions
# does, too. Trains on nine tenths of the positions, measures recall on the others: the share of a
# position's n pieces that are among the n highest of the model's 768 outputs.
#
# Usage: tools/guides/chess_memory.sh POSITIONS [FOLDER]
#   POSITIONS  EPD or FEN, a position a line, gzipped or not; or PGN (then PLY, 40, chooses)
#   FOLDER     for models and results (a temporary one that is removed)
# Settings: NARROWS (the command), EPOCHS (60), LATENT (64), HIDDEN (512), SEEDS ("1"),
#   CHECK=1: exit 1 where the published experiment's margins are missed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
narrows=${NARROWS:-$here/../../build/bin/narrows}
positions=${1:?usage: chess_memory.sh POSITIONS [FOLDER]}
work=${2:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
epochs=${EPOCHS:-60} latent=${LATENT:-64} hidden=${HIDDEN:-512} seeds=${SEEDS:-1}

# Games are replayed once, into planes. Held out is the last tenth of each tenth of the file.
rows=$("$narrows" import "$positions" --ply "${PLY:-40}" --json -q -o "$work/positions.h5" |
    sed -n 's/.*"samples": *\([0-9]*\).*/\1/p')
train=() held=()
for part in 0 1 2 3 4 5 6 7 8 9; do
    first=$((rows * part / 10)) last=$((rows * (part + 1) / 10))
    cut=$((last - (last - first) / 10))
    train+=("$work/positions.h5@$first:$cut") held+=("$work/positions.h5@$cut:$last")
done
"$narrows" import "${train[@]}" -q -o "$work/train.h5"
"$narrows" import "${held[@]}" -q -o "$work/held.h5"
echo "$rows positions, every tenth is held out" >&2

# The rate stays constant, so that one epoch alone is the first of all.
train() { # seed epochs model
    "$narrows" train "$work/train.h5" --model undercomplete --hidden "$hidden" --latent "$latent" \
        --schedule constant --epochs "$2" --seed "$1" -q -o "$3"
}
recall() { # model -> JSON
    "$narrows" run "$here/chess_memory.toml" --json -q \
        --set "model.memory.file=$1" --set "node.data.file=$work/held.h5" \
        --set "node.natural.mean_of=$work/train.h5" --set "node.mirrored.mean_of=$work/train.h5" \
        --set "node.shuffled.mean_of=$work/train.h5"
}
for seed in $seeds; do
    train "$seed" 1 "$work/first-$seed.h5"
    train "$seed" "$epochs" "$work/model-$seed.h5"
    recall "$work/first-$seed.h5" >"$work/first-$seed.json"
    recall "$work/model-$seed.h5" >"$work/model-$seed.json"
done

python3 - "$work" "$epochs" "${CHECK:-0}" $seeds <<'PYTHON'
import json, statistics, sys
folder, epochs, check, seeds = sys.argv[1], sys.argv[2], sys.argv[3] == "1", sys.argv[4:]
kinds = ("natural", "mirrored", "shuffled")
load = lambda name, seed: json.load(open(f"{folder}/{name}-{seed}.json"))
first, last = ([load(name, seed) for seed in seeds] for name in ("first", "model"))
def line(name, rows, prefix=""):
    cells = []
    for kind in kinds:
        values = [row[prefix + kind] for row in rows]
        spread = f" +- {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.3f}{spread}")
    print(f"{name:<22}" + "".join(f"{cell:>18}" for cell in cells))
print(f"{'share of pieces':<22}" + "".join(f"{kind:>18}" for kind in kinds))
line("mean board", last, "mean_")
line("after 1 epoch", first)
line(f"after {epochs} epochs", last)
mean = lambda rows, kind: statistics.mean(row[kind] for row in rows)
gap = lambda rows: mean(rows, "natural") - mean(rows, "shuffled")
margins = (("natural", mean(last, "natural"), 0.90),
           ("natural - mirrored", mean(last, "natural") - mean(last, "mirrored"), 0.08),
           ("natural - shuffled", gap(last), 0.55),
           ("that has grown by", gap(last) - gap(first), 0.15))
missed = 0
for name, value, least in margins:
    met = value >= least
    missed += not met
    print(f"{name:<22}{value:>18.3f}   {'at least' if met else 'BELOW'} {least:.2f}")
sys.exit(1 if check and missed else 0)
PYTHON
