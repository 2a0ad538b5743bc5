#!/usr/bin/env python3
"""Where the languages of one analytic disagree, and why: recomputes the tables of docs/disagreements.md.

Scans all recordings with MITRE's analytics in every language in which each is written, compares which events the
versions of one analytic found, and asks `shikra explain` of the silent ones why. Facts only: names of fields, kinds of
events and counts; nothing of the rules' own text.

  benches/disagreements.py car   --rules CAR_FOLDER DATA…          the table of analytics
  benches/disagreements.py seeds --rules PAGES RECORDING           which detection of the pages fired on which record
"""
import argparse, collections, json, subprocess, sys

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("what", choices=["car", "seeds"])
p.add_argument("--shikra", default="target/release/shikra")
p.add_argument("--rules", required=True)
p.add_argument("--reasoning", action="store_true", help="add what `rules compare` proves (slow)")
p.add_argument("--samples", type=int, default=3, help="events explained of each kind")
p.add_argument("data", nargs="+")
a = p.parse_args()


def run(*args):
    """The objects of a command that writes JSON lines."""
    out = subprocess.run([a.shikra, *args], capture_output=True, text=True, errors="replace").stdout
    for line in out.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            pass


def kind(event):
    where = event["channel"] or event["provider"]
    if not where:
        return "a document without channel"
    return "%s %s" % (where[:1].upper() + where[1:], event["event_id"])


def short(kind):
    for long, name in (("Microsoft-Windows-Sysmon/Operational", "Sysmon"), ("Microsoft-Windows-", "")):
        kind = kind.replace(long, name)
    return kind


def names(clause):
    """Fields that the tests of a clause read."""
    out = {s["field"] for s in clause.get("seen", [])}
    for part in clause.get("parts", []):
        out |= names(part)
    return out


def blame(clause, out, want=True):
    """Reasons why a clause is not as wanted."""
    truth = clause["truth"]
    if truth is want:
        return
    parts = clause.get("parts", [])
    if clause["kind"] == "test":
        seen = clause["seen"]
        absent = seen and all(s["value"] in (None, "", []) for s in seen)
        fields = ", ".join(sorted("`%s`" % s["field"] for s in seen)) or "a computed value"
        out.add("no value of %s" % fields if absent else "%s %s" % (fields, "differs" if want else "is left out"))
    elif clause["kind"] == "unsupported":
        out.add("unsupported: " + clause.get("reason", ""))
    elif clause["kind"] == "not":
        for part in parts:
            blame(part, out, not want)
    elif clause["kind"] in ("any of", "all of") and (clause["kind"] == "any of") == want and len(parts) > 1:
        # None of several: named by their fields.
        found = set()
        for part in parts:
            blame(part, found, want)
        out.add(" and ".join(sorted(found)) if len(found) < 4 else "none of the tests of %s" % ", ".join("`%s`" % n for n in sorted(names(clause))))
    else:
        for part in parts:
            blame(part, out, want)


SPOKEN = {"car", "spl", "eql", "logpoint", "kql", "sigma", "esql", "sql"}
explained = {}


def why(rule, event, rules):
    """Why a rule does not fire on an event."""
    key = (rule, event["source"], event["record"])
    if key not in explained:
        parts = list(run("explain", rule, "%s#%d" % (event["source"], event["record"]), "--rules", rules, "-f", "ndjson"))
        explained[key] = reasons(parts, event)
    return explained[key]


def reasons(parts, event):
    if not parts:
        return {"not asked: the event is not one that can be looked up"}
    if any(x["holds"] for x in parts):
        return {"a later step leaves it out" if len(parts) == 1 else "one part of several, and the others are missing"}
    out = set()
    # Of a rule of several parts, those that mean such events at all.
    for x in [x for x in parts if x["log_source"]] or parts:
        if not x["log_source"]:
            out.add("not its log source: " + short(kind(event)))
        elif x["log_source_clause"] and x["log_source_clause"]["truth"] is not True:
            out.add("not its log source")
        else:
            blame(x["clause"], out)
    return out


def scan(rules):
    """Events by rule, titles, languages."""
    events, found = collections.defaultdict(dict), {}
    for f in run("scan", *a.data, "--rules", rules, "--twins", "keep", "-f", "ndjson"):
        for e in f["events"]:
            e = {k: e[k] for k in ("source", "record", "channel", "provider", "event_id", "fields")}
            e["fields"] = {k: v for k, v in e["fields"].items() if k in ("Image", "CommandLine", "TargetObject", "NewProcessName")}
            events[f["rule"]["id"]][(e["source"], e["record"])] = e
    return events


def car():
    events = scan(a.rules)
    rules, others = collections.defaultdict(list), collections.Counter()
    for r in run("rules", "list", a.rules, "-f", "ndjson"):
        if r["status"] == "rejected" and r["language"] not in SPOKEN:
            others[r["id"].split("/")[1].split(".")[0]] += 1
            continue
        rules[r["id"].split("/")[0]].append(r)
    several = {k: v for k, v in rules.items() if len({r["language"] for r in v}) > 1}
    agree, silent = [], []
    rows = []
    for analytic, versions in sorted(several.items()):
        union = {}
        for r in versions:
            union.update(events.get(r["id"], {}))
        counts = [(r, len(events.get(r["id"], {}))) for r in versions]
        if not union:
            silent.append(analytic)
            continue
        if len({n for _, n in counts}) == 1 and counts[0][1] == len(union):
            agree.append((analytic, len(union), [r["id"].split("/")[1] for r in versions]))
            continue
        rows.append((analytic, len(union), counts, missing(versions, events, union)))
    print("%d analytics are written in two or more languages; on these recordings %d find nothing in any language, "
          "%d find the same events in all, %d disagree.\n" % (len(several), len(silent), len(agree), len(rows)))
    print("**Agree**: " + ", ".join("%s (%d: %s)" % (x, n, ", ".join(v)) for x, n, v in agree) + "\n")
    print("**Left out**, in languages that Shikra does not speak: " + ", ".join("%s %d" % x for x in others.items()) + "\n")
    print("**Nothing found**: " + ", ".join(silent) + "\n")
    print("| analytic | version | finds, of all found | why it leaves out the others |\n| --- | --- | --- | --- |")
    for analytic, total, counts, missed in rows:
        for r, n in counts:
            said = "; ".join("%d × %s" % (c, w) for w, c in missed.get(r["id"], []))
            print("| %s | %s | %d of %d | %s |" % (analytic, r["id"].split("/")[1], n, total, (said or "–").replace("|", "\\|")))
    if a.reasoning:
        reasoning(several)


def missing(versions, events, union):
    """For each version, why it does not find what others do: reasons with the number of events."""
    out = {}
    for r in versions:
        if r["status"] == "rejected":
            out[r["id"]] = [("it does not load", len(union))]
            continue
        by_kind = collections.defaultdict(list)
        for key, e in sorted(union.items()):
            if key not in events.get(r["id"], {}):
                finders = tuple(v["id"].split("/")[1] for v in versions if key in events.get(v["id"], {}))
                by_kind[(kind(e), finders)].append(e)
        told = collections.Counter()
        for (what, finders), all_of in sorted(by_kind.items()):
            step = max(1, len(all_of) // a.samples)
            said = set()
            for e in all_of[::step][: a.samples]:
                said |= why(r["id"], e, r["path"])
            told["%s (found by %s): %s" % (short(what), ", ".join(finders), " or ".join(sorted(said)))] += len(all_of)
        out[r["id"]] = told.most_common()
    return out


def reasoning(several):
    print("\n| analytic | first | second | by reasoning |\n| --- | --- | --- | --- |")
    for analytic, versions in sorted(several.items()):
        for c in run("rules", "compare", versions[0]["path"], "-f", "ndjson"):
            print("| %s | %s | %s | %s |" % (analytic, c["first"]["id"].split("/")[1], c["second"]["id"].split("/")[1], c["relation"]))


def seeds():
    events = scan(a.rules)
    union = {}
    for found in events.values():
        union.update(found)
    rules = list(run("rules", "list", a.rules, "-f", "ndjson"))
    label = lambda r: "%s, %s" % (r["title"], r["language"])
    print("| record | event | fired |\n| --- | --- | --- |")
    for key, e in sorted(union.items(), key=lambda x: x[0]):
        # Two rules of one page may have one id: the finding's own language tells them apart.
        fired = sorted({label(r) for r in rules if key in events.get(r["id"], {})})
        print("| %d | %s | %s |" % (e["record"], short(kind(e)), "; ".join(fired)))
    print("\n| detection | record | why it stayed silent |\n| --- | --- | --- |")
    done = set()
    for r in rules:
        if r["id"] in done:
            continue
        done.add(r["id"])
        for key, e in sorted(union.items()):
            if key not in events.get(r["id"], {}):
                print("| %s | %d | %s |" % (label(r), e["record"], " or ".join(sorted(why(r["id"], e, r["path"])))))


{"car": car, "seeds": seeds}[a.what]()
