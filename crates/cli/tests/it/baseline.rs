//! `shikra baseline`, `shikra hunt new`, and what scans and rules make of a baseline.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::place::{Place, json_lines, root};

/// When the ordinary part of the example ends.
const SPLIT: &str = "2026-03-02T08:15:00Z";

fn example(name: &str) -> String {
    root().join("examples/cmstp").join(name).display().to_string()
}

/// A place with `known.shkb`, learnt from the ordinary part of the example.
fn learnt() -> Place {
    let p = Place::new();
    let a = p.run(&["baseline", "build", "-o", "known.shkb", "--until", SPLIT, &example("")]);
    assert_eq!(a.code, 0, "{}", a.err);
    p
}

#[test]
fn parts_make_the_whole() {
    let p = Place::new();
    let read = |name: &str| std::fs::read(p.path(name)).unwrap();
    let run = |args: &[&str]| {
        let a = p.run(args);
        assert_eq!(a.code, 0, "{args:?}: {}", a.err);
    };
    for threads in ["1", "2", "3"] {
        run(&["baseline", "build", "-t", threads, "-o", threads, &example("")]);
        assert_eq!(read(threads), read("1"));
    }
    let names = ["WS7-Security.evtx", "WS7-Sysmon.evtx", "WS9.ndjson"];
    for name in names {
        run(&["baseline", "build", "-o", name, &example(name)]);
    }
    run(&["baseline", "merge", "-o", "merged", names[2], names[0], names[1]]);
    assert_eq!(read("merged"), read("1"));
    run(&["baseline", "update", names[1], &example(names[0])]);
    run(&["baseline", "update", names[1], &example(names[2])]);
    assert_eq!(read(names[1]), read("1"));
    run(&["baseline", "diff", names[1], "1"]);
    assert!(p.run(&["baseline", "diff", "--counts", "merged", "1"]).out.is_empty());
    let diff = p.run(&["baseline", "diff", names[0], "merged"]).out;
    assert!(diff.contains("+ registry") && !diff.contains("  - "), "{diff}");
}

#[test]
fn what_is_new_is_listed_and_nothing_else() {
    let p = learnt();
    let args = ["hunt", "new", "-b", "known.shkb", "--since", SPLIT, "-f", "ndjson"];
    let a = p.run(&[&args[..], &[&example("")]].concat());
    assert_eq!(a.code, 0, "{}", a.err);
    let rows: Vec<Value> = json_lines(&a.out).into_iter().filter(|r| r["kind"] == "row").collect();
    let columns =
        ["program", "kind", "value", "count", "hosts", "program_before", "elsewhere_before", "masked"];
    let text = |r: &Value, key: &str| {
        let at = columns.iter().position(|c| *c == key).unwrap();
        r["values"][at].as_str().unwrap().to_owned()
    };
    let facts: BTreeSet<(String, String, String)> =
        rows.iter().map(|r| (text(r, "program"), text(r, "kind"), text(r, "value"))).collect();
    let has =
        |program: &str, kind: &str, value: &str| facts.contains(&(program.into(), kind.into(), value.into()));
    assert!(has("cmstp.exe", "argument", "/au"), "{facts:#?}");
    assert!(has("cmstp.exe", "argument", r"C:\Users\anna\AppData\Local\Temp\update.inf"));
    assert!(has("cmstp.exe", "destination", "203.0.113.77:8080"), "{facts:#?}");
    let keys = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\cmmgr32.exe";
    assert!(has("dllhost.exe", "program", "dllhost.exe"));
    // The ordinary part wrote no registry keys: there is nothing to judge by, and it says so.
    assert!(!has("dllhost.exe", "registry", keys) && a.out.contains("registry (4)"), "{}", a.out);
    for row in &rows {
        assert!(!row["events"].as_array().unwrap().is_empty(), "{row}");
    }
    let show = p.run(&["baseline", "show", "-f", "ndjson", "known.shkb"]).out;
    let known: BTreeSet<(String, String, String)> = json_lines(&show)
        .iter()
        .filter_map(|l| {
            let text = |key: &str| l[key].as_str().map(str::to_owned);
            Some((text("program").unwrap_or_default(), text("kind")?, text("value")?))
        })
        .collect();
    for r in &rows {
        let fact = (text(r, "program"), text(r, "kind"), text(r, "masked"));
        assert!(!known.contains(&fact), "{fact:?} is not new");
    }
    // What a baseline is made of is not new to it; the order of threads does not matter.
    let whole = ["--until", SPLIT, "-q", "-f", "ndjson"];
    let none = p.run(&[&["hunt", "new", "-b", "known.shkb"], &whole[..], &[&example("")]].concat());
    assert!(json_lines(&none.out).iter().all(|r| r["kind"] != "row"), "{}", none.out);
    for format in ["table", "ndjson", "csv"] {
        let run = |threads: &str| {
            p.run(&["hunt", "new", "-b", "known.shkb", "-q", "-f", format, "-t", threads, &example("")]).out
        };
        assert_eq!(run("1"), run("2"), "{format}");
    }
}

/// The recorded attack against what its laboratory ordinarily does.
#[test]
fn the_recorded_attack_is_new() {
    let corpora =
        std::env::var_os("SHIKRA_CORPORA").map_or_else(|| root().join("target/corpora"), PathBuf::from);
    let recorded = corpora.join("json/otrf/defense_evasion/psh_cmstp_execution_bypassuac.ndjson");
    let Ok(ordinary) = File::open(corpora.join("json/background_dev.ndjson")) else {
        return println!("skipped: no corpora");
    };
    let p = Place::new();
    let mut some = Vec::new();
    ordinary.take(30_000_000).read_to_end(&mut some).unwrap();
    some.truncate(some.iter().rposition(|b| *b == b'\n').unwrap_or(0));
    p.write("ordinary.ndjson", some);
    assert_eq!(p.run(&["baseline", "build", "-q", "-o", "known.shkb", "ordinary.ndjson"]).code, 0);
    let new = |log: &str| p.run(&["hunt", "new", "-b", "known.shkb", "-q", "-f", "csv", log]).out;
    let found = new(&recorded.display().to_string());
    for fact in [
        "cmstp.exe,argument,/au,",
        r"cmstp.exe,argument,C:\ProgramData\T1218.003_uacbypass.inf,",
        r"cmstp.exe,module,C:\Windows\System32\cmlua.dll ",
        r"dllhost.exe,registry,HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\cmmgr32.exe,",
        r"dllhost.exe,registry,HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\cmmgr32.exe\ProfileInstallPath,",
    ] {
        assert!(found.contains(fact), "{fact} in {found}");
    }
    assert_eq!(new("ordinary.ndjson").lines().count(), 1, "nothing that the baseline had");
}

#[test]
fn findings_say_how_unusual_they_are() {
    let p = learnt();
    let scan = |more: &[&str]| {
        let a = p.run(&[&["scan", "-q", "-f", "ndjson"], more, &[&example("")]].concat());
        assert_eq!(a.code, 0, "{}", a.err);
        a.out
    };
    let (plain, judged) = (json_lines(&scan(&[])), json_lines(&scan(&["-b", "known.shkb"])));
    assert_eq!(plain.len(), judged.len());
    let schema = std::fs::read(root().join("data/schema/finding-1.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
    let mut rarities = 0;
    for (before, mut with) in plain.into_iter().zip(judged) {
        assert!(validator.is_valid(&with), "{with}");
        rarities += usize::from(with.as_object_mut().unwrap().remove("rarity").is_some());
        assert_eq!(before, with);
    }
    assert!(rarities > 5);
    let table = p.run(&["scan", "-b", "known.shkb", &example("")]).out;
    assert!(table.contains("unusual") && table.contains("argument /au"), "{table}");
    assert_eq!(scan(&["-b", "known.shkb", "-t", "1"]), scan(&["-b", "known.shkb", "-t", "2"]));
}

const RULES: &str = r"
title: New argument
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\cmstp.exe', CommandLine|new: true}, condition: s}
---
title: Known argument
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\cmstp.exe', CommandLine|new: false}, condition: s}
---
title: Rare parent
logsource: {category: process_creation, product: windows}
detection: {s: {ParentImage|rare: 4, ParentImage|rarehosts: 2}, condition: s}
---
title: Outlier
logsource: {category: network_connection, product: windows}
detection: {s: {DestinationIp|outlier: 1.5}, condition: s}
---
title: Not kept
logsource: {category: process_creation, product: windows}
detection: {s: {IntegrityLevel|new: true}, condition: s}
";

#[test]
fn rules_ask_the_baseline() {
    let p = learnt();
    p.write("ask.yml", RULES);
    let scan = |more: &[&str]| {
        p.run(&[&["scan", "-r", "ask.yml", "-f", "ndjson"], more, &[&example("WS9.ndjson")]].concat())
    };
    let without = scan(&[]);
    assert!(without.out.is_empty(), "neither true nor false without a baseline: {}", without.out);
    for title in ["New argument", "Known argument", "Rare parent", "Outlier"] {
        assert!(without.err.contains(&format!("cannot run: {title}: ")), "{}", without.err);
    }
    let with = scan(&["-b", "known.shkb"]);
    assert!(with.err.contains("cannot run: Not kept: a baseline keeps nothing of the field IntegrityLevel"));
    let found: Vec<(String, u64)> = json_lines(&with.out)
        .iter()
        .flat_map(|f| {
            let title = f["rule"]["title"].as_str().unwrap();
            let events = f["events"].as_array().unwrap();
            events.iter().map(|e| (title.to_owned(), e["record"].as_u64().unwrap())).collect::<Vec<_>>()
        })
        .collect();
    let of = |title: &str| found.iter().filter(|(t, _)| t == title).map(|(_, r)| *r).collect::<Vec<_>>();
    assert_eq!(of("New argument"), [17, 18]);
    assert_eq!(of("Known argument"), [10, 11]);
    assert!(of("Rare parent").contains(&20), "{found:?}");
    assert_eq!(of("Outlier"), [19], "{found:?}");
    // Explanations ask it too, and checks name what cannot run.
    let event = format!("{}#17", example("WS9.ndjson"));
    let explained = p.run(&["explain", "-b", "known.shkb", "-r", "ask.yml", "New argument", &event]).out;
    assert!(explained.contains("yes seen(sigma:CommandLine, count)"), "{explained}");
    let check = p.run(&["rules", "check", "ask.yml"]);
    assert!(check.out.contains("takes a baseline"), "{}{}", check.out, check.err);
}

#[test]
fn forgets_and_refuses() {
    let p = learnt();
    assert_eq!(p.run(&["baseline", "forget", "known.shkb"]).code, 2);
    assert_eq!(p.run(&["baseline", "forget", "known.shkb", "--program", "CMSTP.exe"]).code, 0);
    let shown = p.run(&["baseline", "show", "known.shkb", "cmstp.exe"]).out;
    assert!(shown.contains("cmstp.exe  not in the baseline"), "{shown}");
    assert_eq!(p.run(&["baseline", "forget", "known.shkb", "--half-life", "30", "-o", "faded.shkb"]).code, 0);
    let mut cut = std::fs::read(p.path("known.shkb")).unwrap();
    cut.truncate(cut.len() / 2);
    p.write("cut.shkb", &cut);
    for (file, why) in [("cut.shkb", "checksum"), ("log.ndjson", "not a baseline"), ("gone", "No such file")]
    {
        for args in [
            &["baseline", "show", file][..],
            &["hunt", "new", "-b", file, "log.ndjson"],
            &["scan", "-b", file, "log.ndjson"],
        ] {
            let a = p.run(args);
            assert!(a.code == 2 && a.err.contains(why) && a.out.is_empty(), "{args:?}: {}", a.err);
        }
    }
    // Evidence is not written over, and nothing is made of nothing.
    assert_eq!(p.run(&["baseline", "build", "-o", "log.ndjson", "log.ndjson"]).code, 2);
    p.write("empty.ndjson", "{\"a\":1}\n");
    assert_eq!(p.run(&["baseline", "build", "-o", "none.shkb", "empty.ndjson"]).code, 2);
    assert!(!p.path("none.shkb").exists());
}

#[test]
fn hostile_text_is_harmless() {
    let p = learnt();
    let line = |arg: &str| {
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Computer":"WS7","Image":"C:\\x\\cmstp.exe","CommandLine":"cmstp.exe {arg}"}}"#
        ) + "\n"
    };
    let long = "A".repeat(100_000);
    p.write("bad.ndjson", [r"\u001b[31mred", "=1+1", "<script>", r"\u202e", &long].map(line).concat());
    for format in ["table", "csv", "ndjson"] {
        let a = p.run(&["hunt", "new", "-b", "known.shkb", "-f", format, "bad.ndjson"]);
        assert_eq!(a.code, 0);
        assert!(!a.out.contains('\u{1b}') && !a.out.contains('\u{202e}'), "{format}");
        assert!(format != "csv" || !a.out.contains(",=1"), "{}", a.out);
    }
    assert_eq!(p.run(&["baseline", "build", "-o", "bad.shkb", "bad.ndjson"]).code, 0);
    let shown = p.run(&["baseline", "show", "-v", "bad.shkb", "cmstp.exe"]).out;
    assert!(shown.contains("=<n>+<n>") && !shown.contains('\u{1b}') && shown.len() < 20_000);
}
