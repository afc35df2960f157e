#!/usr/bin/env python3
"""Filter for Doxygen: plain // comments of a header become documentation, each as it is written.
A block before a declaration documents it, a comment behind one documents what it stands behind.
Usage: doc_comments.py FILE"""
import re
import sys


def escaped(text):
    """Nothing in a comment is a command or markup: it is shown as it stands."""
    return re.sub(r"([\\@&<>#%\"$])", r"\\\1", text)


def main():
    lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
    out = []
    first = True   # the comment at the top is of the file
    for line in lines:
        block = re.match(r"^(\s*)// ?(.*)$", line)
        if block:
            if first:
                out.append(f"/// \\file\n/// {escaped(block[2])}")
                first = None
            else:
                out.append(f"{block[1]}/// {escaped(block[2])}")
            continue
        if first is None:
            out.append("")
            first = False
        behind = re.match(r'^(.*?[;,{})])(\s*)// ?(.*)$', line)
        if behind and '"' not in behind[1]:
            mark = "///<" if behind[1].rstrip().endswith((";", ",")) else "//"
            out.append(f"{behind[1]}{behind[2]}{mark} {escaped(behind[3])}")
        else:
            out.append(line)
    print("\n".join(out))


main()
