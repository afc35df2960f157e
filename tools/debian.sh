#!/usr/bin/env bash
# Builds and tests this tree in a folder of a Debian suite that is made for it: nothing of this
# system is used but the kernel. With ARCH arm64 it cross compiles there and runs the tests under
# qemu's user emulation: all where the kernel can be told to start programs so (binfmt_misc), else
# those that need no second program. Needs root, debootstrap and, for arm64, qemu-user-static.
# Usage: tools/debian.sh SUITE [ARCH]
#   SUITE             bookworm, trixie, ...
#   ARCH              amd64 (default: this machine's) or arm64
#   NARROWS_DEBIAN    where the folders lie (default /var/tmp/narrows-debian); they are kept, and a
#                     second run goes on in them. Remove them when done.
#   NARROWS_CMAKE     further arguments for cmake
#   NARROWS_TARGETS   what to build (default: all)
#   NARROWS_CTEST     arguments for ctest (default: all tests that the above lets run)
#   NARROWS_MIRROR    default http://deb.debian.org/debian
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:?usage: tools/debian.sh SUITE [ARCH]}
native=$(dpkg --print-architecture)
arch=${2:-$native}
place=${NARROWS_DEBIAN:-/var/tmp/narrows-debian}
root=$place/$suite-$arch
mirror=${NARROWS_MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" -eq 0 ] || { echo "debian: needs root, for debootstrap and chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debian: install debootstrap" >&2; exit 1; }

if [ ! -e "$root/.complete" ]; then
    rm -rf "$root"
    mkdir -p "$place"
    debootstrap --variant=minbase "$suite" "$root" "$mirror"
    touch "$root/.complete"
fi
# What is in the working folder, without what git ignores; times stay, so that only changes are built.
rm -rf "$root/src"
mkdir -p "$root/src"
git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read |
    tar --extract --directory="$root/src" --no-same-owner

inside() {   # a shell's command line in the folder, with /proc of its own; everything ends with it
    unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive CCACHE_DIR=/ccache bash -euo pipefail -c "$1"
}
inside "cd /src && { apt-get install -y --no-install-recommends ccache >/dev/null 2>&1 ||
    { apt-get update >/dev/null; apt-get install -y --no-install-recommends ccache >/dev/null; }; }"

flags="-G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_STRICT=ON -DCMAKE_CXX_COMPILER_LAUNCHER=ccache ${NARROWS_CMAKE:-}"
if [ "$arch" = "$native" ]; then
    inside "cd /src && tools/setup.sh"
    inside "cd /src && cmake -S . -B /build $flags >/dev/null && cmake --build /build ${NARROWS_TARGETS:+--target $NARROWS_TARGETS} -- -k 0"
    inside "ctest --test-dir /build --output-on-failure ${NARROWS_CTEST:-}"
    exit
fi

[ "$arch" = arm64 ] || { echo "debian: cross compiles for arm64 only" >&2; exit 1; }
cp "$(command -v qemu-aarch64-static)" "$root/usr/bin/"
inside "cd /src
    dpkg --add-architecture arm64 && apt-get update >/dev/null
    packages='g++-aarch64-linux-gnu'
    for package in \$(tools/setup.sh --list); do
        case \$package in
            g++) continue ;;
            libxtensor-dev|libxsimd-dev) ;;   # headers alone, and what they need is not built for others
            lib*-dev|zlib1g-dev|catch2|nlohmann-json3-dev)
                apt-cache show \$package | grep '^Architecture: all' >/dev/null || package=\$package:arm64 ;;
        esac
        packages=\"\$packages \$package\"
    done
    apt-get install -y --no-install-recommends \$packages >/dev/null"
inside "cd /src && cmake -S . -B /build $flags -DCMAKE_TOOLCHAIN_FILE=/src/cmake/aarch64.cmake \
    -DCMAKE_PREFIX_PATH=/usr/lib/x86_64-linux-gnu/cmake/xtensor\;/usr/lib/x86_64-linux-gnu/cmake/xsimd >/dev/null &&
    cmake --build /build ${NARROWS_TARGETS:+--target $NARROWS_TARGETS} -- -k 0"

# The kernel opens qemu now (F), so that it is found in the folder, too.
formats=/proc/sys/fs/binfmt_misc
tests="-R '^(simd|layers|flow|language|model|registry|analysis)\$'"
[ -e $formats/register ] || mount -t binfmt_misc none $formats 2>/dev/null || true
# Not those that compile, or preload what was compiled, or load it into this machine's Python, and not
# the hours of the command's own tests.
emulated="-E '^(outside|symbols|pages|interop|power_cut|memory|torture|tools)\$'"
if [ -e $formats/qemu-aarch64 ]; then
    tests=$emulated
elif [ -w $formats/register ]; then
    elf='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    echo ":qemu-aarch64:M::$elf:$mask:$(command -v qemu-aarch64-static):F" >$formats/register
    trap 'echo -1 >$formats/qemu-aarch64' EXIT
    tests=$emulated
fi
inside "ctest --test-dir /build --output-on-failure --timeout 3600 ${NARROWS_CTEST:-$tests}"
