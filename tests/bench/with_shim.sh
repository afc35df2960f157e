#!/usr/bin/env bash
# Builds what is preloaded into narrows and runs the script that needs it, in a folder of its own.
# Usage: with_shim.sh NAME NARROWS SCRIPT [ARGUMENTS]   NAME: of NAME.c, becomes NAME.so
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=$1 narrows=$(realpath "$2") script=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -O1 -fno-builtin -shared -fPIC -o "$work/$name.so" "$here/$name.c" -ldl
/usr/bin/env python3 "$here/$script" "$narrows" "$work" "$@"
