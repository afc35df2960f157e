#!/usr/bin/env bash
# Builds the codec alone with g++ and clang++, -O0 and -O3, and compares what each writes and reads, at
# every kernel level of this machine. Usage: tests/codec/portable/same_bytes.sh [WORK_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../../.."
work=${1:-$(mktemp -d)}
mkdir -p "$work"
avx512="-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma"
lines=""
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || { echo "no $compiler here" >&2; exit 1; }
    for level in -O0 -O3; do
        out=$work/$compiler$level
        mkdir -p "$out"
        for source in pipeline/node.cpp pipeline/simd/*.cpp tests/codec/support.cpp tests/codec/portable/*.cpp \
            pipeline/codec/{encode,decode,model,residuals,rans,lanes,stream,fit_rows,fit_field,fit_blend,fit_latents,interpolate,latents,lists,trainer,solve,zstandard,causal_net,compare}.cpp; do
            flags=""
            case $source:$(uname -m) in
                */avx2.cpp:x86_64) flags="-mavx2 -mfma" ;;
                */avx512.cpp:x86_64) flags=$avx512 ;;
                */avx512_vnni.cpp:x86_64) flags="$avx512 -mavx512vnni" ;;
            esac
            echo "$compiler -std=c++20 -DFMT_SHARED -I. $level -ffp-contract=off -fno-math-errno -fno-trapping-math -w -fPIC $flags -c $source -o $out/$(basename "$source" .cpp).o"
        done | xargs -P "$(nproc)" -I{} sh -c "{}"
        "$compiler" "$out"/*.o -lzstd -lxxhash -lcrypto -lfmt -o "$out/same_bytes"
        for kernel in portable avx2 avx512 neon; do
            line=$("$out/same_bytes" "$kernel" 2>/dev/null) || continue
            echo "$compiler $level $kernel $line"
            lines+="$line"$'\n'
        done
    done
done
[ "$(printf %s "$lines" | sort -u | wc -l)" -eq 1 ] || { echo "they differ" >&2; exit 1; }
echo "all the same"
