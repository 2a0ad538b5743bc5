#!/usr/bin/env python3
"""Do converted rules find what the originals find?

Converts rules to each language, scans logs once with the originals and once with each conversion, and compares: every
converted rule must find the same events as its original. Prints for each language how many rules it can say, why not the
others, and every rule whose findings differ. Ends with 1 where one differs.

  benches/convert.py --rules SIGMA/rules/windows --logs SIGMA/regression_data --logs JSON…  [--to eql --to sql …]

--most-mb leaves out files above a size, --sample takes every n-th file of a folder: for a check in little time.
"""
import argparse, collections, json, os, re, subprocess, sys, tempfile, time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--shikra", default="target/release/shikra", help="converts")
p.add_argument("--scan-with", help="scans [default: the same]")
p.add_argument("--rules", action="append", required=True)
p.add_argument("--logs", action="append", required=True)
p.add_argument("--to", action="append", help="languages [default: all]")
p.add_argument("--most-mb", type=float, default=1e9)
p.add_argument("--sample", type=int, default=1)
p.add_argument("--show", type=int, default=8, help="reasons and differing rules that are shown")
p.add_argument("--keep", help="folder for the converted rules")
a = p.parse_args()
ALL = ["sigma", "eql", "spl", "kql", "esql", "logpoint", "sql"]


def files(paths):
    """Logs, those too large left out; of each folder every n-th."""
    out = []
    for path in paths:
        if os.path.isfile(path):
            out.append(path)
            continue
        found = sorted(os.path.join(d, f) for d, _, names in os.walk(path) for f in names)
        found = [f for f in found if os.path.getsize(f) <= a.most_mb * 1e6 and not f.endswith((".yml", ".md", ".csv"))]
        out += found[:: a.sample]
    return out


def findings(rules, logs, dialect=()):
    """Events by rule id: (source, record) of all events of each finding."""
    rules = sum((["--rules", r] for r in rules), [])
    command = [a.scan_with or a.shikra, "scan", "-q", "--twins", "keep", "--format", "ndjson", *rules, *logs]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = collections.defaultdict(set)
    for line in child.stdout:
        f = json.loads(line)
        out[f["rule"]["id"]].add(tuple((e["source"], e["record"]) for e in f["events"]))
    if child.wait() not in (0, 1, 3):
        raise SystemExit("scan ended with %d" % child.returncode)
    return out


logs = files(a.logs)
start = time.monotonic()
original = findings(a.rules, logs)
print("%d log files; %d rules find %d events in %.0f s" % (len(logs), len(original), sum(map(len, original.values())), time.monotonic() - start))
bad = 0
for language in a.to or ALL:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.join(a.keep, language) if a.keep else folder
        done = subprocess.run([a.shikra, "rules", "convert", "--quiet", "--to", language, "-f", "ndjson", "-o", folder + "/", *a.rules], stdout=subprocess.PIPE, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit("convert to %s ended with %d" % (language, done.returncode))
        lines = [json.loads(l) for l in done.stdout.splitlines()]
        ids = {l["id"]: l["converted"] for l in lines if l["converted"]}
        found = findings([folder], logs)
    differ = {i: (original[i], found[c]) for i, c in ids.items() if original.get(i, set()) != found.get(c, set())}
    fired = sum(1 for i in ids if original.get(i))
    print("%-9s %d of %d rules (%.1f %%); %d of them find something here; %d differ; %.0f s" % (
        language, len(ids), len(lines), 100 * len(ids) / max(len(lines), 1), fired, len(differ), time.monotonic() - start))
    why = collections.Counter()
    for l in lines:
        if not l["converted"]:
            reason = l["refused"][0]["reason"] if l["refused"] else "?"
            why[re.sub(r"\(.*\)", "(…)", re.sub(r"field \S+", "field …", reason))] += 1
    for reason, n in why.most_common(a.show):
        print("    refused %5d  %s" % (n, reason))
    titles = {l["id"]: (l["title"], l["path"]) for l in lines}
    for i, (was, now) in sorted(differ.items())[: a.show]:
        more, less = sorted(now - was)[:2], sorted(was - now)[:2]
        print("    DIFFERS %s: %d → %d; only original %s; only converted %s" % (titles[i], len(was), len(now), less, more))
    bad += len(differ)
sys.exit(1 if bad else 0)
