#!/usr/bin/env python3
"""Ten times the rules, to measure what many rules cost: renamed copies of Sigma rules with altered literals.

  benches/tenfold.py RULES_FOLDER OUT_FOLDER [TIMES]

Copy 0 is the rule as it is. In the others every literal text ends differently (wildcards, field names, addresses,
placeholders and numbers stay), so that they find next to nothing and share next to nothing with the first. In
selections without text the numbers are altered. Rules that say only what an event must not be have no copies: they
would fire on everything. Tells how many rules were written, and how many of them could not be altered.
"""
import ipaddress, os, re, sys, uuid

ITEM = re.compile(r"^(\s*(?:- +)?)(?:('[^']*'|\"[^\"]*\"|[\w.|-]+):(?: +|$))?(.*?)(\s+#.*)?$")
KEEP = re.compile(r"^(|null|~|true|false|yes|no|[-+]?\d+(\.\d+)?|0x[0-9a-fA-F]+|[|>\[{&*!].*)$", re.I)
NOT_TEXT = ("condition", "timeframe", "fieldref", "exists", "cidr", "expand")


def is_address(text):
    try:
        return bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


def altered(text, copy):
    """The text with another end, in front of wildcards and of a regular expression's anchor there."""
    end = len(text.rstrip("*$"))
    return "%sq%d%s" % (text[:end], copy, text[end:])


def selections(lines):
    """The lines of a detection, selection by selection."""
    depths = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(depths, default=0)
    parts = []
    for line in lines:
        if not parts or (line.strip() and len(line) - len(line.lstrip()) == least and not line.lstrip().startswith("- ")):
            parts.append([])
        parts[-1].append(line)
    return parts


def alter_lines(lines, copy, numbers):
    """The lines of a selection, changed, and how many literals were."""
    out, changed, keys = [], 0, []
    for line in lines:
        if line.lstrip().startswith("#"):
            out.append(line)
            continue
        start, key, value, comment = ITEM.match(line).groups()
        depth = len(line) - len(line.lstrip())
        if key:
            keys = [(d, k) for d, k in keys if d < depth] + [(depth, key.lower())]
        above = " ".join(k for d, k in keys if d <= depth)
        quote = value[0] if value[:1] in ("'", '"') and value[-1:] == value[0] and len(value) > 1 else ""
        text = value[1:-1] if quote else value
        plain = not quote and KEEP.match(value)
        if numbers and value.isdigit() and not any(w in above for w in NOT_TEXT):
            value, changed = "%s%d" % (value, 900 + copy), changed + 1
        elif not numbers and text and not plain and not is_address(text) and not any(w in above for w in NOT_TEXT):
            value, changed = quote + altered(text, copy) + quote, changed + 1
        out.append(start + (key + (": " if value else ":") if key else "") + value + (comment or "") if key or value else line)
    return out, changed


def copy_of(text, name, copy):
    """One copy of a rule, and how many literals are others."""
    begin = text.index("\ndetection:") + 1
    end = re.compile(r"\n(?=[a-z]+:)").search(text, begin)
    end = end.start() if end else len(text)
    head, *lines = text[begin:end].split("\n")
    changed = 0
    for part in selections(lines):
        made, texts = alter_lines(part, copy, False)
        made, numbers = (made, 0) if texts else alter_lines(part, copy, True)
        head += "".join("\n" + line for line in made)
        changed += texts + numbers
    text = text[:begin] + head + text[end:]
    number = uuid.uuid5(uuid.NAMESPACE_URL, name + str(copy))
    text = re.sub(r"(?m)^id: .*$", "id: %s" % number, text, count=1)
    title = lambda m: "title: '%s %d'" % (m.group(1).strip("'\"").replace("'", "''"), copy)
    return re.sub(r"(?m)^title: (.*)$", title, text, count=1), changed


def main(source, target, times):
    written = same = 0
    for folder, _, names in sorted(os.walk(source)):
        for name in sorted(n for n in names if n.endswith(".yml")):
            with open(os.path.join(folder, name), encoding="utf8") as f:
                text = f.read()
            negative = re.search(r"(?m)^ +condition: not ", text)
            for copy in range(0 if "\ndetection:" not in text else 1 if negative else times):
                made, changed = copy_of(text, name, copy) if copy else (text, 1)
                path = os.path.join(target, "%02d" % copy, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf8") as f:
                    f.write(made)
                written += 1
                same += not changed
    print("%d rules, %d copies as they were" % (written, same))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
