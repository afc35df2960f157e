#!/usr/bin/env bash
# The manual as static pages: every Markdown page of the tree, the node reference, a gallery of pictures
# that narrows makes on generated data, and manual pages of the verbs. Needs pandoc; no network.
# Usage: tools/site.sh [OUT] [NARROWS]   (default build/site; build/release/bin/narrows)
# OUT is replaced: it must be new, empty, or a site that this made (it holds .narrows-site).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/site}
out=$(realpath -m "$out")
narrows=$(realpath "${2:-build/release/bin/narrows}")
command -v pandoc >/dev/null || { echo "site: install pandoc" >&2; exit 1; }
[ -x "$narrows" ] || { echo "site: no command at $narrows; build first" >&2; exit 1; }
for folder in "$out" "$out.partial"; do
    [ -e "$folder" ] || [ -L "$folder" ] || continue
    [ -f "$folder/.narrows-site" ] && continue
    [ -d "$folder" ] && [ -z "$(ls -A "$folder")" ] && continue
    echo "site: $folder is there, and no site that this made; name another folder" >&2
    exit 2
done
aside=$out.partial
rm -rf "$aside"
mkdir -p "$aside/gallery"
touch "$aside/.narrows-site"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$narrows" man -o "$work/man"
tools/site_pages.py . "$aside" "$work/man"

# The gallery: one model of each kind, trained for seconds; every picture is an output of a verb.
(
    cd "$work"
    n() { "$narrows" "$@" -q; }
    n generate digits -n 4000 -o digits.h5
    n generate digits -n 600 --seed 2 -o test.h5
    n train digits.h5 --model undercomplete --epochs 8 -o model.h5
    n train digits.h5 --model variational --latent 8 --epochs 8 -o vae.h5
    n train digits.h5 --model sparse --sparsity k:15 --latent 200 --epochs 6 -o sparse.h5
    n reconstruct test.h5 -m model.h5 -o reconstruct.png
    n sample -m vae.h5 -n 64 -o sample.png
    n interpolate -m vae.h5 --from test.h5@0:1 --to test.h5@1:2 --steps 12 -o interpolate.png
    n units sparse.h5 --count 100 -o units.png
    n map test.h5 -m model.h5 --iterations 400 -o map.svg >/dev/null
    "$narrows" report test.h5 -m model.h5 -o report.html -q || echo "site: no report (libjs-chart.js)" >&2
)
for picture in reconstruct.png sample.png interpolate.png units.png map.svg report.html; do
    [ ! -e "$work/$picture" ] || cp "$work/$picture" "$aside/gallery/"
done
rm -rf "$out"
mv "$aside" "$out"
echo "$out/index.html"
