#!/usr/bin/env python3
"""Writes a CycloneDX 1.5 bill of materials of a build: narrows, the Debian packages whose libraries
its binaries load, and those whose headers or texts were compiled in.
Usage: tools/sbom.py BUILD_DIR OUT.json"""
import hashlib
import json
import os
import re
import subprocess
import sys

# Compiled in: nothing of these is loaded at run time.
COMPILED_IN = ["libxtensor-dev", "libxtl-dev", "libxsimd-dev", "libeigen3-dev", "libcli11-dev",
               "libtomlplusplus-dev", "nlohmann-json3-dev", "librandom123-dev", "libjs-chart.js"]


def output(*words):
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    return run.stdout if run.returncode == 0 else ""


def binaries(build):
    for folder in ("bin", "lib", "lib/narrows", "lib/narrows-hdf5"):
        at = os.path.join(build, folder)
        for name in sorted(os.listdir(at)) if os.path.isdir(at) else []:
            path = os.path.join(at, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            if name.startswith(("test_", "fuzz_", "bench_")):
                continue
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def libraries(paths):
    found = set()
    for path in paths:
        found.update(re.findall(r"=> (/\S+)", output("ldd", path)))
    return sorted(found)


def owner(path):
    """The Debian package of a library; links and merged /usr are tried both ways."""
    for name in (path, os.path.realpath(path), re.sub("^/usr", "", os.path.realpath(path))):
        text = output("dpkg-query", "--search", name)
        if text:
            return text.split(": ")[0].split(",")[0]
    return None


def package(name, scope):
    form = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${Homepage}"
    fields = output("dpkg-query", "--show", "--showformat", form, name).split("\t")
    if len(fields) != 5:
        return None
    title, version, arch, source, home = fields
    component = {"type": "library", "bom-ref": title, "name": title, "version": version, "scope": scope,
                 "purl": f"pkg:deb/debian/{title}@{version}?arch={arch}",
                 "properties": [{"name": "debian:source", "value": source}]}
    if home:
        component["externalReferences"] = [{"type": "website", "url": home}]
    return component


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, out = sys.argv[1:]
    own = list(binaries(build))
    if not own:
        sys.exit(f"sbom: no binaries in {build}")
    version = re.search(r"CMAKE_PROJECT_VERSION:STATIC=(\S+)",
                        open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8").read()).group(1)
    loaded = {owner(path) for path in libraries(own) if not path.startswith(os.path.realpath(build))}
    components = [package(name, "required") for name in sorted(filter(None, loaded))]
    components += [package(name, "optional") for name in COMPILED_IN]
    components = [c for c in components if c]
    files = [{"type": "file", "name": os.path.relpath(path, build),
              "hashes": [{"alg": "SHA-256",
                          "content": hashlib.sha256(open(path, "rb").read()).hexdigest()}]} for path in own]
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
           "metadata": {"component": {"type": "application", "bom-ref": "narrows", "name": "narrows",
                                      "version": version, "components": files}},
           "components": components,
           "dependencies": [{"ref": "narrows", "dependsOn": sorted({c["bom-ref"] for c in components})}]}
    aside = out + ".tmp"
    with open(aside, "w", encoding="utf-8") as file:
        json.dump(bom, file, indent=1)
        file.write("\n")
    os.replace(aside, out)
    print(f"{out}: {len(own)} binaries, {len(components)} packages")


main()
