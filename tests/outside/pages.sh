#!/usr/bin/env bash
# The pages and what is said in them: the migration page's commands run as they are printed, every link
# of the site leads somewhere, Doxygen has nothing to complain about, the bill of materials names what
# is linked, and no binary holds the path that it was built in. What is not installed is skipped, and
# said so; site and Doxygen take half a minute and wait for NARROWS_PAGES=1.
# Usage: pages.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "failed at line $LINENO"' ERR
export PATH=$build/bin:$PATH
cd "$work"

mkdir migration
python3 "$source/tests/outside/extract.py" "$source/pipeline/recipes/MIGRATION.md" migration
sed -n '/^```sh$/,/^```$/p' "$source/pipeline/recipes/MIGRATION.md" | grep -v '^```' >migration/commands.sh
[ "$(grep -c '^narrows ' migration/commands.sh)" -ge 10 ]
(cd migration && bash -e commands.sh >said.txt 2>&1) || { cat migration/said.txt; exit 1; }
echo "migration page: $(wc -l <migration/commands.sh) commands run"

python3 "$source/tools/sbom.py" "$build" sbom.json >/dev/null
python3 - <<'PY'
import json
bom = json.load(open("sbom.json"))
names = " ".join(c["name"] for c in bom["components"])
for part in ("libhdf5", "libtbb", "libfmt", "libxtensor-dev", "libxsimd-dev"):
    assert part in names, (part, names)
assert any(f["name"] == "bin/narrows" for f in bom["metadata"]["component"]["components"])
PY
echo "bill of materials: names what is linked"

# Without debugging information a build in another folder gives the same bytes.
if grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "$build/CMakeCache.txt"; then
    for file in "$build"/bin/narrows "$build"/lib/libnarrows_*.so "$build"/lib/narrows/*; do
        if grep -qaF "$source" "$file"; then echo "$file holds the path of its source"; exit 1; fi
    done
    echo "binaries: hold no path of the build"
fi

# The site replaces no folder of others. With pandoc that does nothing, it gets as far as to look.
mkdir precious tool
touch precious/letter
printf '#!/bin/sh\n' >tool/pandoc
chmod +x tool/pandoc
for place in precious precious/letter; do
    code=0
    PATH=$work/tool:$PATH "$source/tools/site.sh" "$work/$place" "$build/bin/narrows" 2>said.txt || code=$?
    [ "$code" = 2 ] && grep -q "no site that this made" said.txt && [ -e precious/letter ] ||
        { cat said.txt; echo "site.sh on $place: $code"; exit 1; }
done
# The gallery shows the commands that made its pictures.
python3 - "$source" <<'PY'
import ast, sys
tree = ast.parse(open(sys.argv[1] + "/tools/site_pages.py").read())
gallery = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "GALLERY")
script = open(sys.argv[1] + "/tools/site.sh").read()
for _, _, command in gallery:
    assert "n " + command.removeprefix("narrows ") in script, command
PY
echo "site: replaces only sites, its gallery shows the commands run"

if [ -z "${NARROWS_PAGES:-}" ]; then
    echo "skipped: site and reference, NARROWS_PAGES is not set"
    exit 0
fi
if command -v pandoc >/dev/null && [ -e "$source/.git" ]; then
    narrows man -o man
    mkdir site
    python3 "$source/tools/site_pages.py" "$source" site man
    [ -s site/index.html ] && [ -s site/narrows-train.1.html ]
else
    echo "skipped: the site needs pandoc and a git checkout"
fi
if command -v doxygen >/dev/null; then
    "$source/tools/docs.sh" "$work/docs" >/dev/null
    echo "reference of the headers: no warnings"
else
    echo "skipped: doxygen is not installed"
fi
