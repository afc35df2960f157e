#!/usr/bin/env bash
# Makes the Debian packages narrows and narrows-dev, and with --try uses them in a fresh Debian folder
# that has nothing else: apt install, the README's first run, a plugin and a program built outside the
# tree. Usage: tools/package.sh [--try] [BUILD_DIR]   (default build/package; packages are in there)
#   NARROWS_DEBIAN    where the folder for --try is made (default /var/tmp/narrows-debian)
#   NARROWS_MIRROR    default http://deb.debian.org/debian
set -euo pipefail
cd "$(dirname "$0")/.."
try=no
[ "${1:-}" = --try ] && { try=yes; shift; }
build=${1:-build/package}
tools/setup.sh
# The same source gives the same packages: times are those of the last commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)}
export SOURCE_DATE_EPOCH
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNARROWS_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
cmake --build "$build"
tools/sbom.py "$build" "$build/sbom.cdx.json"
rm -f "$build"/*.deb
(cd "$build" && cpack -G DEB >/dev/null)
ls -l "$build"/*.deb
[ "$try" = yes ] || exit 0

[ "$(id -u)" -eq 0 ] || { echo "package: --try needs root, for debootstrap and chroot" >&2; exit 1; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
place=${NARROWS_DEBIAN:-/var/tmp/narrows-debian}
root=$place/try-$$
mkdir -p "$place"
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" "${NARROWS_MIRROR:-http://deb.debian.org/debian}" >/dev/null
mkdir "$root/try"
cp "$build"/*.deb tests/outside/extract.py plugins/FIRST_PLUGIN.md pipeline/program/README.md "$root/try/"
cp tests/outside/first_run.sh "$root/try/"
inside() {
    unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive bash -euo pipefail -c "cd /try; $1"
}
inside "apt-get update >/dev/null && apt-get install -y --no-install-recommends ./narrows_*.deb >/dev/null"
echo "apt install: $(inside 'narrows --version; ldd /usr/bin/narrows | grep -c "not found" || true')"
inside "apt-get install -y --no-install-recommends python3 >/dev/null
    bash first_run.sh first_run"
inside "apt-get install -y --no-install-recommends ./narrows-dev_*.deb g++ cmake make pkg-config >/dev/null
    bash first_run.sh plugin && bash first_run.sh program"
echo "the packages work in a fresh $suite"
