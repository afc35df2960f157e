#!/usr/bin/env python3
"""What each header (but kernels' texts, .inl.hpp) costs to compile: processor seconds of the header alone, how many sources of the build
have it in them, and the product of both. Usage: headers.py BUILD_DIR [LINES]; wants compile_commands.json."""
import collections
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile

build, lines = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
root = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done


users = collections.Counter()
flags = {}
with open(os.path.join(build, "compile_commands.json")) as file:
    commands = json.load(file)
for entry in commands:
    words = shlex.split(entry["command"])
    if "ccache" in os.path.basename(words[0]):
        words = words[1:]
    compiler = words[0]
    kept = [w for w in words[1:] if w.startswith(("-I", "-D", "-std", "-m", "-f"))]
    isystem = [w for i, v in enumerate(words) if v == "-isystem" for w in ("-isystem", words[i + 1])]
    _, done = seconds([compiler, *kept, *isystem, "-M", entry["file"]])
    seen = {os.path.realpath(os.path.join(entry["directory"], w)) for w in done.stdout.decode().replace("\\\n", " ").split()[1:]}
    for header in seen:
        if header.startswith(root + "/") and header.endswith(".hpp") and not header.endswith(".inl.hpp"):
            users[header] += 1
            flags.setdefault(header, [compiler, *kept, *isystem])

rows = []
with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "one.cpp")
    for header, count in users.items():
        with open(source, "w") as file:
            file.write(f'#include "{header}"\n')
        cost, done = seconds([*flags[header], "-O2", "-c", source, "-o", os.path.join(folder, "one.o")])
        if done.returncode == 0:
            rows.append((cost * count, cost, count, os.path.relpath(header, root)))
        else:
            print(f"does not compile alone: {os.path.relpath(header, root)}")
print(f"{'seconds':>8}{'alone':>8}{'users':>7}  header ({len(rows)} headers, {len(commands)} sources)")
for total, cost, count, header in sorted(rows, reverse=True)[:lines]:
    print(f"{total:8.0f}{cost:8.2f}{count:7}  {header}")
