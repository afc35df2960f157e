"""Writes the code blocks of a Markdown page that name their file: extract.py PAGE FOLDER"""
import os
import re
import sys

page, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
text = open(page, encoding="utf-8").read()
blocks = re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", text, re.S)
assert blocks, "no code blocks in " + page
for name, body in blocks:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write(body)
