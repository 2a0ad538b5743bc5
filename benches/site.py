#!/usr/bin/env python3
"""Builds a site and says what it took; checks its HTML, and sampled pages in Chromium.

  cargo build --release -p shikra-cli
  benches/site.py --rules FOLDER [--knowledge PATH] [--html 500] [--axe package/axe.min.js --pages 12]

--html N parses N pages with html5lib (pip install html5lib), which knows every parse error of the HTML standard: 0 are
allowed, nor ids that are there twice. --axe gives --pages pages of every kind to benches/pages.py: accessibility, content
security policy, errors of scripts, requests that leave the page, in light and dark, wide and narrow."""
import argparse, collections, os, pathlib, random, shutil, subprocess, sys, tempfile, time

FIXED = ["index.html", "matrix.html", "techniques.html", "gaps.html", "data.html", "technique/T1218.003.html",
         "group/G0080.html", "data/DC0032.html", "mitigation/M1038.html"]
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--tool", default="target/release/shikra")
p.add_argument("--rules", action="append", required=True)
p.add_argument("--knowledge", action="append", default=[])
p.add_argument("--proof", action="append", default=[])
p.add_argument("--threads", default="")
p.add_argument("--html", type=int, default=0)
p.add_argument("--axe", default="")
p.add_argument("--pages", type=int, default=12)
p.add_argument("-o", "--output", default="")
a = p.parse_args()


def build(into):
    command = [a.tool, "site", "-o", into, "--data-dir", tempfile.gettempdir() + "/no-such-folder"]
    for name in ("rules", "knowledge", "proof"):
        command += [part for path in getattr(a, name) for part in ("--" + name, path)]
    command += ["--threads", a.threads] if a.threads else []
    began = time.time()
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = child.stderr.read().strip().splitlines()
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit("\n".join(said[-5:]))
    print(said[-1] if said else "")
    wall, cpu = time.time() - began, used.ru_utime + used.ru_stime
    print(f"{wall:.1f} s, {cpu:.1f} s of CPU, {used.ru_maxrss / 1024:.0f} MiB at most")


def parses(pages):
    try:
        import html5lib
    except ModuleNotFoundError:
        sys.exit("html5lib is not there: pip install html5lib, in an environment outside the tree")
    bad = 0
    for page in pages:
        parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"))
        ids = collections.Counter(e.get("id") for e in parser.parse(page.read_bytes()).iter() if e.get("id"))
        twice = [i for i, n in ids.items() if n > 1]
        if parser.errors or twice:
            bad += 1
            print(page, parser.errors[:3], twice[:3])
    print(f"{len(pages)} pages parsed, {bad} with errors")
    return bad


into = pathlib.Path(a.output or tempfile.mkdtemp(prefix="shikra-site-"))
build(str(into))
by_folder = collections.defaultdict(list)
for page in sorted(into.rglob("*.html")):
    by_folder[page.parent.name].append(page)
draw = random.Random(1)
for pages in by_folder.values():
    draw.shuffle(pages)
# One of each folder in turn.
rest = [pages[i] for i in range(max(map(len, by_folder.values()))) for pages in by_folder.values() if i < len(pages)]
wrong = parses(rest[:a.html]) if a.html else 0
if a.axe:
    chosen = [into / f for f in FIXED if (into / f).exists()]
    chosen += [page for page in rest if page not in chosen]
    checker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pages.py")
    chosen = [str(page.resolve()) for page in chosen[:a.pages]]
    wrong += subprocess.run([sys.executable, checker, "--axe", a.axe, *chosen]).returncode
if not a.output:
    shutil.rmtree(into)
sys.exit(1 if wrong else 0)
