#!/usr/bin/env python3
"""Markdown pages of the tree as HTML with one navigation: site_pages.py TREE OUT MAN
MAN: a folder of manual pages, as `narrows man -o MAN` makes it. Links between pages are followed; a link to a page that is not there is an error."""
import html
import os
import re
import shutil
import subprocess
import sys

# Title, source, page. The order is that of the navigation.
PAGES = [
    ("Overview", "README.md", "index.html"),
    ("Kinds of autoencoder", "pipeline/recipes/AUTOENCODERS.md", None),
    ("Coming from elsewhere", "pipeline/recipes/MIGRATION.md", None),
    ("Guides", "tools/guides/README.md", None),
    ("Data", "datasets/README.md", None),
    ("Files", "pipeline/storage/FORMATS.md", None),
    ("Compression", "pipeline/codec/README.md", None),
    ("Variational models", "plugins/encode/VARIATIONAL.md", None),
    ("8-bit codes", "plugins/encode/INT8.md", None),
    ("A plugin of your own", "plugins/FIRST_PLUGIN.md", None),
    ("A layer and a file format of your own", "plugins/FIRST_LAYER.md", None),
    ("C++ programs", "pipeline/program/README.md", None),
    ("Architecture", "pipeline/ARCHITECTURE.md", None),
    ("Nodes", "NODES.md", None),
    ("Limits", "pipeline/LIMITS.md", None),
    ("Security", "SECURITY.md", None),
]

STYLE = """body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; }
nav { padding: .6rem 1rem; border-bottom: 1px solid #ccc; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
nav a { text-decoration: none; } nav a[aria-current] { font-weight: 600; color: inherit; }
main, body > header { max-width: 62rem; margin: 0 auto; padding: 0 1rem 3rem; }
a { color: #0b57a4; } img { max-width: 100%; image-rendering: pixelated; background: #fff; }
pre { overflow-x: auto; padding: .7rem; background: #f4f4f4; font-size: .85rem; line-height: 1.35; }
code { font-size: .9em; } table { display: block; overflow-x: auto; border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: .25rem .5rem; text-align: left; vertical-align: top; }
@media (prefers-color-scheme: dark) {
  body { color: #e4e4e4; background: #161616; } a { color: #7ab7f5; } pre { background: #242424; }
  nav, th, td { border-color: #444; } }
"""

GALLERY = [
    ("reconstruct.png", "Digits above, their reconstructions below",
     "narrows reconstruct test.h5 -m model.h5 -o reconstruct.png"),
    ("sample.png", "New digits from a variational model's prior", "narrows sample -m vae.h5 -n 64 -o sample.png"),
    ("interpolate.png", "From one digit to another along their codes",
     "narrows interpolate -m vae.h5 --from test.h5@0:1 --to test.h5@1:2 --steps 12 -o interpolate.png"),
    ("units.png", "What the units of a sparse model respond to",
     "narrows units sparse.h5 --count 100 -o units.png"),
    ("map.svg", "Codes of test digits in the plane, t-SNE, coloured by class",
     "narrows map test.h5 -m model.h5 --iterations 400 -o map.svg"),
]


def page_of(source):
    return source[:-3].replace("/", "-").lower() + ".html"


def body_of(path, form="gfm"):
    run = subprocess.run(["pandoc", "--from", form, "--to", "html5", path], capture_output=True, text=True, check=True)
    return run.stdout


def write(out, name, title, body, pages):
    links = "".join(f'<a href="{page}"{" aria-current=page" if page == name else ""}>{html.escape(text)}</a>'
                    for text, page in pages)
    with open(os.path.join(out, name), "w", encoding="utf-8") as file:
        file.write('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
                   '<meta name="viewport" content="width=device-width">\n'
                   f"<title>{html.escape(title)} - narrows</title>\n"
                   f'<link rel="stylesheet" href="style.css"></head>\n<body><nav>{links}</nav>\n'
                   f"<main>\n{body}</main></body></html>\n")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tree, out, manual = sys.argv[1:]
    named = {source: page or page_of(source) for _, source, page in PAGES}
    # Every other README or page of the tree is there too, without a place in the navigation.
    listed = subprocess.run(["git", "-C", tree, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                            capture_output=True, text=True, check=False).stdout.split()
    for source in sorted(set(listed) | set(named)):
        named.setdefault(source, page_of(source))
    pages = [(title, named[source]) for title, source, _ in PAGES]
    pages[1:1] = [("Gallery", "gallery.html"), ("Verbs", "narrows.1.html")]
    missing = []

    def follow(source, body):
        def link(match):
            target, _, anchor = match[1].partition("#")
            if not target or re.match(r"[a-z]+:", target):
                return match[0]
            at = os.path.normpath(os.path.join(os.path.dirname(source), target))
            if at in named:
                return f'href="{named[at]}{"#" + anchor if anchor else ""}"'
            if os.path.isfile(os.path.join(tree, at)) and not at.startswith(".."):
                copy = os.path.join("files", at)   # a script or pipeline beside the page
                os.makedirs(os.path.dirname(os.path.join(out, copy)), exist_ok=True)
                shutil.copy(os.path.join(tree, at), os.path.join(out, copy))
                return f'href="{copy}"'
            missing.append(f"{source}: {target}")
            return match[0]
        return re.sub(r'href="([^"]*)"', link, body)

    def code_links(source, body):
        """`pipeline/x/README.md` in the text leads to that page."""
        def link(match):
            for at in (match[1], os.path.normpath(os.path.join(os.path.dirname(source), match[1]))):
                if at in named:
                    return f'<a href="{named[at]}"><code>{match[1]}</code></a>'
            return match[0]
        return re.sub(r"(?<!>)<code>([\w./-]+\.md)</code>", link, body)

    with open(os.path.join(out, "style.css"), "w", encoding="utf-8") as file:
        file.write(STYLE)
    for source, name in named.items():
        title = next((t for t, s, _ in PAGES if s == source), source)
        write(out, name, title, code_links(source, follow(source, body_of(os.path.join(tree, source)))), pages)
    gallery = "<h1>Gallery</h1>\n<p>Generated digits, models trained for seconds: <code>tools/site.sh</code>.</p>\n"
    for file, text, command in GALLERY:
        gallery += (f"<h2>{html.escape(text)}</h2>\n<pre>{html.escape(command)}</pre>\n"
                    f'<p><img src="gallery/{file}" alt="{html.escape(text)}"></p>\n')
    gallery += '<h2>A report</h2>\n<p><a href="gallery/report.html">One page of a model on data</a></p>\n'
    write(out, "gallery.html", "Gallery", gallery, pages)
    for page in sorted(os.listdir(manual)):
        body = re.sub(r"<(/?)h1", r"<\1h2", body_of(os.path.join(manual, page), "man"))
        body = re.sub(r"<strong>(narrows[a-z-]*)</strong> ?\(1\)",
                      lambda m: f'<a href="{m[1]}.1.html">{m[1]}(1)</a>', body)
        write(out, page + ".html", page, f"<h1>{page[:-2].replace('narrows-', 'narrows ')}</h1>\n{body}", pages)
    if missing:
        sys.exit("site: links to pages that are not there:\n  " + "\n  ".join(missing))
    print(f"{len(named) + 1 + len(os.listdir(manual))} pages")


main()
