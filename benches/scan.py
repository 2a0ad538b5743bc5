#!/usr/bin/env python3
"""Speed of `shikra scan` as a ratio to a yardstick, in one run on one machine.

Runs each command several times in turn (so that both see the same noise) and prints the least CPU time (user + system)
of each, its greatest resident memory and the ratio to the first. Output goes to /dev/null, or with --to-file to a file.

  benches/scan.py evtx   --evtx-dump PATH --log BIG.evtx --rules FOLDER…   against `evtx_dump -t 1 -o jsonl`
  benches/scan.py ndjson --rsigma PATH --log BIG.ndjson --rules FOLDER…    against `rsigma engine eval`
  benches/scan.py threads --log LOG --rules FOLDER…                        one thread against two, elapsed time
  benches/scan.py rules  --log LOG --rules FOLDER… --than FOLDER…          other rules, after --than, against some: ten
                                                                           times as many, or those of all languages

`tenfold.py` beside this makes ten times the rules, `make_big.py` beside the public corpora the logs, and
`cargo install evtx --features fast-alloc` and `cargo install rsigma` the yardsticks.
"""
import argparse, os, subprocess, tempfile, time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("what", choices=["evtx", "ndjson", "threads", "rules"])
p.add_argument("--shikra", default="target/release/shikra")
p.add_argument("--evtx-dump", default="evtx_dump")
p.add_argument("--rsigma", default="rsigma")
p.add_argument("--rsigma-args", default="", help="further arguments of `rsigma engine eval`, e.g. a pipeline")
p.add_argument("--log", required=True)
p.add_argument("--rules", action="append", required=True)
p.add_argument("--than", action="append", default=[], help="rules to compare with; repeatable")
p.add_argument("--scan-args", default="", help="further arguments of `shikra scan`, e.g. --level=critical")
p.add_argument("--runs", type=int, default=5)
p.add_argument("--format", default="ndjson")
p.add_argument("--to-file", action="store_true")
a = p.parse_args()


def run(command, feed=None):
    """CPU seconds, elapsed seconds, MiB of one run."""
    out = tempfile.NamedTemporaryFile() if a.to_file else open(os.devnull, "wb")
    start = time.monotonic()
    with out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, stdin=open(feed, "rb") if feed else subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1, 3):
        raise SystemExit("%s ended with %d" % (command[0], os.waitstatus_to_exitcode(status)))
    return used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1024


def scan(threads, folders=a.rules):
    rules = sum((["--rules", r] for r in folders), [])
    return [a.shikra, "scan", "-q", "--threads", str(threads), "--format", a.format, *a.scan_args.split(), *rules, a.log], None


commands = {
    "evtx": [("evtx_dump -t 1 -o jsonl", ([a.evtx_dump, "-t", "1", "-o", "jsonl", a.log], None)), ("shikra scan, 1 thread", scan(1))],
    "ndjson": [
        ("rsigma engine eval", ([a.rsigma, "engine", "eval", *a.rsigma_args.split(), "--rules", a.rules[0], "--event", "@" + a.log], None)),
        ("shikra scan, 1 thread", scan(1)),
    ],
    "threads": [("shikra scan, 1 thread", scan(1)), ("shikra scan, 2 threads", scan(2))],
    "rules": [("shikra scan, some rules", scan(1)), ("shikra scan, other rules", scan(1, a.than))],
}[a.what]
results = {name: [] for name, _ in commands}
for _ in range(a.runs):
    for name, (command, feed) in commands:
        results[name].append(run(command, feed))
column = 1 if a.what == "threads" else 0
yard = min(r[column] for r in results[commands[0][0]])
print("%s, %.0f MB, least of %d runs" % (os.path.basename(a.log), os.path.getsize(a.log) / 1e6, a.runs))
for name, rows in results.items():
    cpu, elapsed, mib = (min(r[i] for r in rows) for i in range(3))
    print("%-26s CPU %7.2f s  elapsed %7.2f s  %5.0f MiB  ratio %.2f" % (name, cpu, elapsed, mib, min(r[column] for r in rows) / yard))
