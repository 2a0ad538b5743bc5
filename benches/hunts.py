#!/usr/bin/env python3
"""Do hunts find attacks? Labelled recordings of attacks among ordinary process starts, over many seeds.

  benches/hunts.py [--shikra target/release/shikra] [--corpora target/corpora] [--rules FOLDER] [--seeds 10]

SYNTHETIC MIXTURE of real records. Background: process starts of the corpora's ordinary activity, each clone of a host
living on the habits of three of the recorded hosts, re-timed over working days. Attacks: process starts of recorded
attacks, each put on one clone at one time, with the clone's user and host names, so that names of a laboratory give
nothing away. Of an attack's records those count as malicious whose program and parent are not what Windows itself starts
(BY_WINDOWS below, a list by hand that knows nothing of the scores). Hunts see the mixture once, without labels.

SPLIT by time and host: a baseline is learnt from as many earlier days of the first half of the hosts alone, without attacks;
all attacks happen on the second half. So it never saw an attack, its host or its day. Of what `hunt new` lists, new hosts,
users and hours are left out: by the split, all of the second half is new. "Sigma, by rarity" are Sigma's findings in the
order of the rarity that `scan --baseline` gives them.

A row is one listed result; it is malicious where its first event is. Alerts are rows in order of score, at most so many
for each host and day. Attacks found: those with at least one malicious row among the alerts."""
import argparse, csv, datetime, json, os, random, re, statistics, subprocess, tempfile

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--shikra", default="target/release/shikra")
p.add_argument("--corpora", default="target/corpora")
p.add_argument("--rules", default="target/corpora/rules/sigma")
p.add_argument("--seeds", type=int, default=10)
p.add_argument("--hosts", type=int, default=40)
p.add_argument("--days", type=int, default=5)
p.add_argument("--events", type=int, default=20000)
p.add_argument("--attacks", type=int, default=6)
a = p.parse_args()

BY_WINDOWS = {
    "services.exe": None, "wininit.exe": None, "smss.exe": None, "searchindexer.exe": None, "msedge.exe": None,
    "svchost.exe": {"taskhostw.exe", "runtimebroker.exe", "backgroundtaskhost.exe", "smartscreen.exe", "tiworker.exe",
                    "chxsmartscreen.exe", "searchprotocolhost.exe", "sihost.exe", "ctfmon.exe", "wmiprvse.exe", "consent.exe",
                    "compattelrunner.exe", "musnotification.exe", "usoclient.exe", "microsoftedgeupdate.exe", "svchost.exe",
                    "applicationframehost.exe", "shellexperiencehost.exe", "searchui.exe", "wuauclt.exe", "audiodg.exe"},
}
base = lambda path: re.split(r"[\\/]", path or "")[-1].lower()


def triple(d):
    """Program, parent, command line of a process start, else nothing."""
    if d.get("EventID") == 1 and "Sysmon" in str(d.get("Channel", d.get("SourceName", ""))):
        t = d.get("Image"), d.get("ParentImage"), d.get("CommandLine")
    elif d.get("EventID") == 4688:
        t = d.get("NewProcessName"), d.get("ParentProcessName"), d.get("CommandLine")
    else:
        return None
    return t if all(isinstance(x, str) and x for x in t) else None


def starts(path):
    """Process starts of a file; Sysmon's where the host has them, so that nothing is there twice."""
    both = {1: [], 4688: []}
    for line in open(path, encoding="utf8", errors="replace"):
        if '"EventID"' not in line:
            continue
        try:
            d = json.loads(line)
        except ValueError:
            continue
        if isinstance(d, dict) and triple(d):
            both[d["EventID"]].append(d)
    return both[1] or both[4688]


def malicious(d):
    image, parent, _ = triple(d)
    children = BY_WINDOWS.get(base(parent), set())
    return children is not None and base(image) not in children


def pools():
    """Ordinary process starts by host, and those of each attack."""
    hosts = {}
    for line in open(f"{a.corpora}/json/background_dev.ndjson", encoding="utf8"):
        d = json.loads(line)
        if triple(d):
            hosts.setdefault(d.get("Hostname") or d.get("host"), []).append(d)
    attacks = []
    for r in csv.DictReader(open(f"{a.corpora}/json/manifest.csv", encoding="utf8")):
        path = f"{a.corpora}/{r['path']}"
        if r["path"].startswith("json/otrf") and r.get("technique") and int(r["events"]) <= 30000 and os.path.exists(path):
            found = starts(path)
            bad = [malicious(d) for d in found]
            if 1 <= sum(bad) <= 60:
                attacks.append((r["path"], found, bad))
    return list(hosts.values()), attacks


USERS = re.compile(r"(?i)(\\users\\)(?!public|default)[^\\\"]+")


def clone(d, host, user, time, number):
    d = dict(d)
    for k in ("Hostname", "Computer", "host"):
        d[k] = host
    for k in ("User", "AccountName", "SubjectUserName", "TargetUserName"):
        if isinstance(d.get(k), str) and not re.search(r"SYSTEM|SERVICE|\$$|^-$", d[k]):
            d[k] = user
    for k, v in d.items():
        if isinstance(v, str) and "\\" in v:
            d[k] = USERS.sub(lambda m: m[1] + user, v)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    d.update({"@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "EventTime": stamp, "UtcTime": stamp + ".000", "RecordNumber": number})
    d.pop("EventReceivedTime", None)
    return d


START = datetime.datetime(2026, 3, 2)


def background(r, names, habits, events, start):
    """Ordinary starts of these hosts from a day on: time, record, host."""
    out = []
    for _ in range(events):
        i = r.randrange(len(names))
        out.append((moment(r, start), r.choice(habits[i]), i))
    return out


def moment(r, start):
    return start + datetime.timedelta(days=r.randrange(a.days), seconds=min(max(r.gauss(13, 3), 0), 23.9) * 3600)


def mixture(seed, hosts, attacks, cmstp):
    """Earlier events of the first half of the hosts; then all events in order of time, each with the number of its
    attack or none; and the attacks."""
    r = random.Random(seed)
    names = [(f"PC{i:03}.corp.example", f"user{i:03}") for i in range(a.hosts)]
    habits = [sum(r.sample(hosts, 3), []) for _ in names]
    out = [(*e, None) for e in background(r, names, habits, a.events, START)]
    chosen = r.sample([x for x in attacks if x not in cmstp], a.attacks - 1) + [r.choice(cmstp)]
    for n, (_, found, bad) in enumerate(chosen):
        i, t = r.randrange(a.hosts // 2, a.hosts), moment(r, START)
        for d, b in zip(found, bad):
            t += datetime.timedelta(seconds=r.uniform(0.2, 8))
            out.append((t, d, i, n if b else None))
    out.sort(key=lambda e: e[0])
    half = a.hosts // 2
    before = background(r, names[:half], habits[:half], a.events, START - datetime.timedelta(days=a.days))
    before = [clone(d, *names[i], t, n + 1) for n, (t, d, i) in enumerate(sorted(before, key=lambda e: e[0]))]
    return before, [(clone(d, *names[i], t, n + 1), attack) for n, (t, d, i, attack) in enumerate(out)], chosen


HUNTS = {
    "stack: program and parent": ["stack", "--by", "name(Image),name(ParentImage)"],
    "stack: masked command line": ["stack", "--by", "mask(CommandLine)"],
    "rare: program given parent": ["rare", "--of", "name(Image)", "--given", "name(ParentImage)"],
    "rare: characters": ["rare", "--text", "CommandLine"],
    "cluster": ["cluster", "--of", "CommandLine"],
    "box: length by program": ["box", "--group", "name(Image)", "--side", "both"],
    "scatter: entropy by length": ["scatter", "--cut", "0.5"],
    "isolation forest": ["outlier"],
    "isolation forest, extended": ["outlier", "--extension", "2"],
}


def hunt(args, log, seed):
    """Rows as lists of records, best first."""
    more = ["--seed", str(seed)] if args[0] in ("outlier", "scatter") else []
    command = [a.shikra, "hunt", *args, *more, "--category", "process_creation", "--top", "0", "-q", "-f", "ndjson", log]
    lines = [json.loads(x) for x in subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()]
    return [[e["record"] for e in x["events"]] for x in lines if x["kind"] == "row"]


def written(events):
    """A log of events, which is gone when it is closed."""
    f = tempfile.NamedTemporaryFile("w", suffix=".ndjson")
    for d in events:
        f.write(json.dumps(d) + "\n")
    f.flush()
    return f


def new(log, baseline, keys):
    """Rows of `hunt new`, each process start once."""
    command = [a.shikra, "hunt", "new", "-b", baseline, "-q", "-f", "ndjson", log]
    lines = [json.loads(x) for x in subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()]
    rows = [[e["record"] for e in x["events"]] for x in lines if x["kind"] == "row" and x["values"][1] not in ("host", "user", "hour")]
    seen = set()
    return [r for r in rows if not (keys[r[0]] in seen or seen.add(keys[r[0]]))]


def sigma(log, baseline):
    """Records that Sigma finds: by level, and by rarity."""
    order = ["critical", "high", "medium", "low", "informational"]
    command = [a.shikra, "scan", "-q", "-b", baseline, "-r", a.rules, "-f", "ndjson", log]
    found = [json.loads(x) for x in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]
    once = lambda by: [[n] for n in dict.fromkeys(f["events"][0]["record"] for f in sorted(found, key=by))]
    return once(lambda f: (order.index(f["rule"]["level"]), f["time"] or "")), once(lambda f: (-(f.get("rarity") or {}).get("score", 0), f["time"] or ""))


def fused(lists, keys):
    """Reciprocal rank fusion over program, parent and command line."""
    score, first = {}, {}
    for rows in lists:
        seen = set()
        for rank, row in enumerate(rows):
            k = keys[row[0]]
            if k not in seen:
                seen.add(k)
                score[k] = score.get(k, 0) + 1 / (60 + rank)
                first.setdefault(k, row)
    return [first[k] for k in sorted(score, key=lambda k: (-score[k], k))]


def measures(rows, events, things):
    """`things`: different process starts: where nothing is found, the rank is the next after all of them."""
    label = lambda row: events[row[0] - 1][1]
    bad = [label(r) is not None for r in rows]
    out = {"first": next((i + 1 for i, b in enumerate(bad) if b), things + 1)}
    is_cmstp = lambda r: "cmstp.exe" in (triple(events[r[0] - 1][0]) or ("",))[0].lower()
    out["cmstp"] = next((i + 1 for i, r in enumerate(rows) if is_cmstp(r)), things + 1)
    for k in (10, 50, 100):
        out[f"p@{k}"] = sum(bad[:k]) / k
    for budget in (1, 5, 20):
        used, found = {}, set()
        for r in rows:
            d = events[r[0] - 1][0]
            place = d["Hostname"], d["EventTime"][:10]
            if used.get(place, 0) < budget:
                used[place] = used.get(place, 0) + 1
                found.add(label(r))
        out[f"r@{budget}"] = len(found - {None}) / a.attacks
    return out


def interval(values):
    v = [float(x) for x in values]
    half = 2.26 * statistics.stdev(v) / len(v) ** 0.5 if len(v) > 1 else 0
    return f"{statistics.mean(v):.2f} ± {half:.2f}"


def main():
    hosts, attacks = pools()
    cmstp = [x for x in attacks if "cmstp" in x[0]]
    print(f"{len(hosts)} recorded hosts, {sum(map(len, hosts))} ordinary starts; {len(attacks)} attacks", flush=True)
    results = {}
    share = []
    for seed in range(1, a.seeds + 1):
        before, events, chosen = mixture(seed, hosts, attacks, cmstp)
        share.append(sum(e[1] is not None for e in events) / len(events))
        keys = {i + 1: "\0".join(x.lower() for x in triple(d)) for i, (d, _) in enumerate(events)}
        with written(before) as past, written(d for d, _ in events) as f, tempfile.TemporaryDirectory() as folder:
            baseline = folder + "/before.shkb"
            subprocess.run([a.shikra, "baseline", "build", "-q", "-o", baseline, past.name], check=True)
            ranked = {name: hunt(args, f.name, seed) for name, args in HUNTS.items()}
            ranked["new: what the baseline never saw"] = new(f.name, baseline, keys)
            ranked["Sigma"], ranked["Sigma, by rarity"] = sigma(f.name, baseline)
        parts = ["rare: program given parent", "stack: masked command line", "cluster", "isolation forest"]
        ranked["combined (four ranks)"] = fused([ranked[n] for n in parts], keys)
        ranked["combined with new"] = fused([ranked[n] for n in [*parts, "new: what the baseline never saw"]], keys)
        count, first = {}, {}
        for n, k in keys.items():
            count[k] = count.get(k, 0) + 1
            first.setdefault(k, [n])
        r = random.Random(seed)
        tie = {k: r.random() for k in count}
        ranked["raw frequency"] = [first[k] for k in sorted(count, key=lambda k: (count[k], tie[k]))]
        ranked["random"] = [first[k] for k in sorted(count, key=lambda k: tie[k])]
        for name, rows in ranked.items():
            results.setdefault(name, []).append(measures(rows, events, len(count)))
    print(f"malicious: {interval([100 * s for s in share])} % of {a.events} and more starts on {a.hosts} hosts in {a.days} days; {a.attacks} attacks; {a.seeds} seeds; mean and 95 % interval")
    columns = ["first", "cmstp", "p@10", "p@50", "p@100", "r@1", "r@5", "r@20"]
    print("| ranking | first malicious row | row of cmstp.exe | " + " | ".join(f"precision@{k}" for k in (10, 50, 100)) + " | " + " | ".join(f"attacks found, {k} alerts" for k in (1, 5, 20)) + " |")
    print("|-" * (len(columns) + 1) + "|")
    for name, all_ in results.items():
        print(f"| {name} | " + " | ".join(interval([m[c] for m in all_]) for c in columns) + " |")


main()
