"""Checks HTML pages in Chromium, light and dark, wide and narrow: accessibility (axe-core), violations of their content
security policy, errors of their scripts, and anything they ask for that is not a file.

    npm pack axe-core && tar xf axe-core-*.tgz        # anywhere outside the tree
    python3 benches/pages.py --axe package/axe.min.js report.html…

Prints a line for each thing that is wrong. Exit code 0: nothing; 1: something.
"""

import argparse
import json
import os
import sys

from chromium import Chromium

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = [(1400, 1000), (390, 844)]


def violations(page, axe):
    """Of the page as it stands."""
    page.run(axe)
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found = page.run(f"axe.run(document, {json.dumps(options)}).then(r => r.violations)")
    for v in found:
        for node in v["nodes"]:
            where = " ".join(map(str, node["target"]))
            why = node.get("failureSummary", "").replace("\n", " ")
            yield f"{v['id']} ({v['impact']}) at {where}: {why}"


def check(page, file, axe, settle, script):
    """All that is wrong with a page."""
    wrong = {}
    for size in SIZES:
        page.size(*size)
        for scheme in ("light", "dark"):
            page.media(scheme)
            page.open(file)
            page.run(f"new Promise(done => setTimeout(done, {settle}))")
            if script:
                page.run(script)
                page.run(f"new Promise(done => setTimeout(done, {settle}))")
            said = [*page.complaints(), *violations(page, axe)]
            for what in said:
                wrong.setdefault(what, []).append(f"{scheme} {size[0]}")
    return [f"{what} [{', '.join(where)}]" for what, where in wrong.items()]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("pages", nargs="+", metavar="FILE.html")
    args.add_argument("--axe", default=os.environ.get("AXE", os.path.join(here, "package", "axe.min.js")))
    args.add_argument("--settle", type=int, default=300, help="milliseconds to wait once a page is loaded")
    args.add_argument("--run", default="", help="a script to run in the page before it is checked: opens a dialog, say")
    args = args.parse_args()
    with open(args.axe, encoding="utf-8") as file:
        axe = file.read()
    count = 0
    with Chromium() as page:
        for file in args.pages:
            wrong = check(page, file, axe, args.settle, args.run)
            count += len(wrong)
            for line in wrong:
                print(f"{file}: {line}")
    print(f"{len(args.pages)} pages, {count} things wrong", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
