# Sourced by the guides: the command `narrows` (NARROWS names another one than this tree's build)
# and the folder $work, which is removed at the end unless its name is given.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
narrows() {
    local build=$here/../../build
    local command=${NARROWS:-$build/release/bin/narrows}
    [ -x "$command" ] || command=$build/bin/narrows
    "$command" "$@"
}
in_folder() { # [FOLDER]
    work=${1:-}
    if [ -z "$work" ]; then
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
    fi
    mkdir -p "$work"
}
# number KEY < JSON: one number of a result.
number() { sed -n "s/.*\"$1\": *\([-0-9.e]*\).*/\1/p"; }
# mean NUMBER...: mean, and the sample deviation of two or more.
mean() {
    printf '%s\n' "$@" | awk '{ sum += $1; squares += $1 * $1 }
        END { m = sum / NR; d = NR > 1 ? (squares - NR * m * m) / (NR - 1) : 0
              printf((NR > 1 ? "%.4f +- %.4f" : "%.4f"), m, sqrt(d > 0 ? d : 0)) }'
}
