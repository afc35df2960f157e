#!/usr/bin/env bash
# Reference pages of the C++ headers by Doxygen, into OUT/html. Any warning is an error.
# Usage: tools/docs.sh [OUT]   (default build/docs)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/docs}
command -v doxygen >/dev/null || { echo "docs: install doxygen" >&2; exit 1; }
mkdir -p "$out"
version=$(sed -n 's/^project(narrows VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
doxygen - <<DOXYFILE
PROJECT_NAME           = narrows
PROJECT_NUMBER         = $version
PROJECT_BRIEF          = "Autoencoders as dataflow over HDF5, on CPUs"
OUTPUT_DIRECTORY       = "$out"
INPUT                  = pipeline/narrows.hpp pipeline/node.hpp pipeline/plugin.hpp pipeline/recipes \\
                         pipeline/flow/run.hpp pipeline/language pipeline/registry/registry.hpp \\
                         pipeline/layers/layer.hpp pipeline/model pipeline/storage datasets/dataset.hpp \\
                         pipeline/analysis pipeline/codec/container.hpp pipeline/simd/kernels.hpp
FILE_PATTERNS          = *.hpp
RECURSIVE              = YES
EXCLUDE_PATTERNS       = *.inl.hpp
STRIP_FROM_PATH        = .
FULL_PATH_NAMES        = YES
FILTER_PATTERNS        = "*.hpp=tools/doc_comments.py"
EXTRACT_ALL            = YES
HIDE_UNDOC_RELATIONS   = YES
ENABLE_PREPROCESSING   = YES
MACRO_EXPANSION        = YES
EXPAND_ONLY_PREDEF     = YES
PREDEFINED             = NARROWS_PUBLIC=
GENERATE_LATEX         = NO
HAVE_DOT               = NO
QUIET                  = YES
WARNINGS               = YES
WARN_IF_UNDOCUMENTED   = NO
WARN_AS_ERROR          = FAIL_ON_WARNINGS
MARKDOWN_SUPPORT       = NO
DOXYFILE
echo "$out/html/index.html"
