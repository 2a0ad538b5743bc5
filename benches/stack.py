#!/usr/bin/env python3
"""Stack counting beside plain scan: least CPU seconds and greatest memory of several runs in turn, on one thread.

  cargo build --release -p shikra-hunt --example stack
  benches/stack.py --log BIG.evtx [--times 7] --scan target/release/shikra --rules FOLDER

The log is read --times times over, as if it were so many files. The example is the counting alone; `shikra hunt stack` is
the program that people use."""
import argparse, os, subprocess

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--tool", default="target/release/examples/stack")
p.add_argument("--scan", default="target/release/shikra")
p.add_argument("--rules", required=True)
p.add_argument("--log", required=True)
p.add_argument("--times", type=int, default=1)
p.add_argument("--runs", type=int, default=3)
p.add_argument("--memory", default="128")
a = p.parse_args()
logs = [a.log] * a.times
COMMANDS = {
    "read only": [a.tool, a.memory, "-", *logs],
    "stack: Image": [a.tool, a.memory, "Image", *logs],
    "stack: ParentImage, Image, CommandLine": [a.tool, a.memory, "ParentImage,Image,CommandLine", *logs],
    "stack: provider, event_id, host": [a.tool, a.memory, "provider,event_id,host", *logs],
    **{
        f"shikra hunt stack: {by}": [a.scan, "hunt", "stack", "--by", by, "--memory", a.memory, "-q", "-t", "1", "-f", "ndjson", "-o", os.devnull, *logs]
        for by in ("Image", "ParentImage,Image,CommandLine", "provider,event_id,host")
    },
    "scan": [a.scan, "scan", "-q", "-t", "1", "-r", a.rules, "-f", "ndjson", "-o", os.devnull, *logs],
}
best = {}
for _ in range(a.runs):
    for name, command in COMMANDS.items():
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        said = child.stdout.read().decode().strip()
        _, status, used = os.wait4(child.pid, 0)
        cpu = used.ru_utime + used.ru_stime
        old = best.get(name, (1e9, 0, ""))
        best[name] = (min(cpu, old[0]), max(used.ru_maxrss / 1024, old[1]), said)
print("| command | CPU | memory | |\n|-|-|-|-|")
for name, (cpu, mib, said) in best.items():
    print(f"| {name} | {cpu:.2f} s | {mib:.0f} MiB | {said} |")
