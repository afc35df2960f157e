#!/usr/bin/env bash
# What the built libraries show to others: of a library narrows' own public names, of a plugin its
# descriptor, of the HDF5 filter what HDF5 asks for. Weak copies of the standard library's templates
# do not count: every C++ library has them. Usage: symbols.sh BUILD_DIR
set -euo pipefail
lib=$1/lib
bad=0
shown() { nm --dynamic --demangle --defined-only "$1" | sed -E 's/^[0-9a-f]* *//' | grep -E '^[TDBRG] ' || true; }
refuse() {   # FILE PATTERN: strong symbols that do not match
    local extra
    extra=$(shown "$1" | grep -vE "$2" || true)
    [ -z "$extra" ] || { echo "$1 shows more than it should:"; echo "$extra" | head; bad=1; }
}
count=0
for library in "$lib"/libnarrows_*.so; do
    refuse "$library" '^. (narrows::|(non-virtual thunk to|VTT for|vtable for|typeinfo for|typeinfo name for) narrows::)'
    count=$((count + 1))
done
for plugin in "$lib"/narrows/narrows_*.so; do
    refuse "$plugin" '^T narrows_plugin$'
    shown "$plugin" | grep -qx 'T narrows_plugin' || { echo "$plugin shows no descriptor"; bad=1; }
    count=$((count + 1))
done
if [ -e "$lib/narrows-hdf5/libh5narrows.so" ]; then
    refuse "$lib/narrows-hdf5/libh5narrows.so" '^T H5PLget_plugin_(info|type)$'
fi
[ "$count" -ge 10 ] || { echo "only $count libraries and plugins in $lib"; bad=1; }
# Nothing of another library is shown as if it were ours.
for library in "$lib"/libnarrows_*.so; do
    if nm --dynamic --demangle --defined-only "$library" | grep -E ' [A-Za-z] (fmt|toml|nlohmann|tbb|xt|xsimd|Eigen|CLI)::'; then
        echo "$library shows another library's names"
        bad=1
    fi
done
exit $bad
