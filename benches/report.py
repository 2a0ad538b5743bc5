"""Makes a report of 200,000 findings, opens it in Chromium, and measures: seconds until it can be used, frames while its
table scrolls, milliseconds to filter and sort.

    cargo build --release
    python3 benches/report.py target/release/shikra [FINDINGS]
    python3 benches/report.py A-REPORT.html

The events are those of examples/cmstp, over and over, on sixty made-up hosts in a week, each time with other processes.
"""

import datetime
import os
import random
import re
import subprocess
import sys
import tempfile
import time

from chromium import Chromium

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "..", "examples", "cmstp", "WS9.ndjson")
#: Findings of one round of the example.
ROUND = 29

FRAMES = """(async () => {
  const grid = document.querySelector(".grid"), times = [];
  grid.scrollIntoView();
  let last = performance.now();
  for (let i = 0; i < 200; i++) {
    grid.scrollTop += i % 2 ? 900 : 7000;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  return [times[100], times[190]];
})()"""
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
FILTER = """(async () => {
  const search = document.querySelector("#search"), start = performance.now();
  search.value = %r;
  search.dispatchEvent(new Event("input"));
  await %s;
  return [performance.now() - start, document.querySelector(".said").textContent];
})()"""
SORT = """(async () => {
  const button = document.querySelectorAll(".grid-head button")[%d], start = performance.now();
  button.click();
  await %s;
  return [performance.now() - start, button.textContent];
})()"""


def make(path, rounds):
    """Writes so many rounds of the example."""
    random.seed(1)
    with open(EXAMPLE, encoding="utf-8") as file:
        lines = file.readlines()

    def moved(match, by):
        when = datetime.datetime.fromisoformat(f"2026-03-02T{match[2]}") + by
        return when.strftime(f"%Y-%m-%d{match[1]}%H:%M:%S") + (match[3] or ".000")

    def other(match, n):
        return f"{{{int(match[1], 16) ^ (n * 2654435761 & 0xFFFFFFFF):08x}-"

    with open(path, "w", encoding="utf-8") as out:
        for n in range(rounds):
            host = f"WS{random.randrange(60):02d}"
            by = datetime.timedelta(seconds=random.randrange(7 * 86400))
            for line in lines:
                line = re.sub(r"2026-03-02([T ])(\d\d:\d\d:\d\d)(\.\d+)?", lambda m: moved(m, by), line)
                line = re.sub(r"\{([0-9a-f]{8})-", lambda m: other(m, n), line)
                out.write(line.replace("WS9", host).replace("update.inf", f"update{n % 997}.inf"))


def measure(page, file):
    times = []
    for _ in range(3):
        begin, cpu = time.time(), page.cpu()
        page.open(file)
        page.run(PAINTED)
        times.append(f"{time.time() - begin:.2f} ({page.cpu() - cpu:.2f})")
    print(f"opened and drawn in {', '.join(times)} s, of the processor in brackets; {page.run('''document.querySelector('.said').textContent''')}")
    cpu = page.cpu()
    middle, slow = page.run(FRAMES)
    cpu = (page.cpu() - cpu) / 200 * 1000
    print(f"a frame while scrolling: {middle:.0f} ms in the middle, {slow:.0f} ms at 95 %, {cpu:.1f} ms of the processor")
    for word in ["calc", "ws1 high", "update77", "nothing-has-this", ""]:
        took, said = page.run(FILTER % (word, PAINTED))
        print(f"search {word!r}: {took:.0f} ms, {said}")
    for column in range(6):
        took, name = page.run(SORT % (column, PAINTED))
        print(f"sort by {name}: {took:.0f} ms")
    for line in page.complaints():
        print(f"the page complains: {line}")


def main():
    if sys.argv[1].endswith(".html"):
        with Chromium() as page:
            return measure(page, sys.argv[1])
    program = sys.argv[1]
    findings = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        log, report = os.path.join(folder, "log.ndjson"), os.path.join(folder, "report.html")
        make(log, -(-findings // ROUND))
        begin = time.time()
        subprocess.run([program, "scan", "-q", "-f", "ndjson", "-o", os.devnull, "--report", report, log], check=True)
        print(f"scanned {os.path.getsize(log) / 1e6:.0f} MB in {time.time() - begin:.1f} s; report of {os.path.getsize(report) / 1e6:.1f} MB")
        with Chromium() as page:
            measure(page, report)


if __name__ == "__main__":
    main()
