#!/usr/bin/env python3
"""Fills fuzz/corpus with what to begin from: the rules of tests/cases and packs, the example logs.

  fuzz/seed.py && cargo +nightly fuzz run eql -- -max_total_time=3600
"""
import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.M | re.S)
LANGUAGES = {"eql", "kql", "spl", "logpoint", "car", "sql", "esql", "sigma", "toml"}


def put(target, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main():
    for page in sorted((ROOT / "tests" / "cases").rglob("*.md")) + sorted((ROOT / "packs").rglob("*.md")):
        text = page.read_text()
        put("page", text.encode()[: 16 << 10])
        for language, body in BLOCK.findall(text):
            if language in LANGUAGES:
                put(language, body.encode())
    for rule in sorted((ROOT / "packs").rglob("*.yml")):
        put("sigma", rule.read_bytes())
    for rule in sorted((ROOT / "packs").rglob("*.toml")):
        put("toml", rule.read_bytes())
    for log in sorted((ROOT / "examples").rglob("*")):
        if log.is_file():
            put("log", log.read_bytes()[: 1 << 20])
    for folder in sorted(CORPUS.iterdir()):
        print(f"{folder.name:10} {len(list(folder.iterdir())):5}")


if __name__ == "__main__":
    main()
