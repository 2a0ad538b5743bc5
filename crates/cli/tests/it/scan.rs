//! `shikra scan` and `shikra info`: exit codes, formats, streams.

use std::process::Stdio;

use crate::place::{Place, answer, event, json_lines, root, rule};

const FORMATS: &[&str] = &["table", "ndjson", "csv", "timesketch", "timesketch-csv", "navigator"];

#[test]
fn exit_codes() {
    let p = Place::new();
    p.write("broken.evtx", b"ElfFile\0nothing else");
    p.write("rejected/x.yml", "title: x\nlogsource: {product: windows}\ndetection: {condition: a}\n");
    for (args, code) in [
        (&["scan", "-r", "rules", "log.ndjson"][..], 0),
        (&["scan", "-r", "rules", "--fail-on", "high", "log.ndjson"], 1),
        (&["scan", "-r", "rules", "--fail-on", "critical", "log.ndjson"], 0),
        (&["scan", "-r", "rules", "--level", "high", "--fail-on", "low", "log.ndjson"], 1),
        (&["scan", "-r", "rules", "broken.evtx"], 3),
        (&["scan", "-r", "rules", "log.ndjson", "missing"], 3),
        (&["scan", "-r", "rules", "--fail-on", "high", "log.ndjson", "broken.evtx"], 1),
        (&["scan", "-r", "rules", "missing"], 2),
        (&["scan", "-r", "missing", "log.ndjson"], 2),
        (&["scan", "-r", "rejected", "log.ndjson"], 2),
        (&["scan", "-r", "rules", "--level", "severe", "log.ndjson"], 2),
        (&["scan", "-r", "rules", "--threads", "0", "log.ndjson"], 2),
        (&["scan", "-r", "rules", "--since", "yesterday", "log.ndjson"], 2),
        (&["scan"], 2),
        (&["nonsense"], 2),
        (&["--version"], 0),
        (&["scan", "--help"], 0),
        (&["info", "log.ndjson"], 0),
        (&["info", "broken.evtx"], 3),
        (&["info", "missing"], 2),
        (&["rules", "check", "rules"], 0),
        (&["rules", "check", "rejected"], 1),
        (&["rules", "show", "nonsense", "-r", "rules"], 2),
    ] {
        let a = p.run(args);
        assert_eq!(a.code, code, "{args:?}: {}{}", a.out, a.err);
        assert!(a.code != 2 || (a.out.is_empty() && !a.err.is_empty()), "{args:?} prints {}", a.out);
    }
}

#[test]
fn findings_satisfy_the_published_schema() {
    let p = Place::new();
    let a = p.run(&["scan", "-r", "rules", "-f", "ndjson", "log.ndjson"]);
    let schema = std::fs::read(root().join("data/schema/finding-1.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
    let findings = json_lines(&a.out);
    for f in &findings {
        validator.validate(f).unwrap_or_else(|e| panic!("{e} in {f}"));
    }
    let titles: Vec<&str> = findings.iter().map(|f| f["rule"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["High", "Low", "Low", "High", "Low"]);
    assert_eq!(findings[0]["events"][0]["source"], "log.ndjson");
    assert_eq!(findings[0]["events"][0]["record"], 2);
    assert_eq!(findings[0]["host"], "PC1");
    assert_eq!(findings[0]["techniques"], serde_json::json!(["T1218.003"]));
}

#[test]
fn every_format_is_the_same_at_any_number_of_threads() {
    let p = Place::new();
    let many: String = (0..1500)
        .map(|n| {
            event(
                n,
                if n % 7 == 0 { r"C:\low.exe" } else { r"C:\x.exe" },
                if n % 50 == 0 { "evil" } else { "-" },
            )
        })
        .collect();
    for n in 0..4 {
        p.write(&format!("logs/{n}.ndjson"), &many);
    }
    for format in FORMATS {
        let one = p.run(&["scan", "-r", "rules", "-f", format, "-t", "1", "logs", "log.ndjson"]);
        assert_eq!(one.code, 0, "{}", one.err);
        assert!(!one.out.is_empty());
        for threads in ["2", "5"] {
            let more = p.run(&["scan", "-r", "rules", "-f", format, "-t", threads, "logs", "log.ndjson"]);
            assert!(one.out == more.out, "{format} differs with {threads} threads");
        }
    }
}

#[test]
fn results_and_messages_do_not_mix() {
    let p = Place::new();
    let a = p.run(&["scan", "-r", "rules", "log.ndjson"]);
    assert!(a.out.contains("High") && !a.out.contains("findings 5"), "{}", a.out);
    assert!(a.err.contains("10 events in 1 file") && a.err.contains("5: 2 high, 3 low"), "{}", a.err);
    let quiet = p.run(&["scan", "-q", "-r", "rules", "log.ndjson"]);
    assert_eq!((quiet.out, quiet.err.as_str()), (a.out, ""));
    let filed = p.run(&["scan", "-q", "-r", "rules", "-f", "ndjson", "-o", "found.ndjson", "log.ndjson"]);
    assert_eq!((filed.code, filed.out.as_str(), filed.err.as_str()), (0, "", ""));
    assert_eq!(json_lines(&std::fs::read_to_string(p.path("found.ndjson")).unwrap()).len(), 5);
    p.run(&["scan", "-q", "-r", "rules", "--totals", "totals.json", "log.ndjson"]);
    let totals = json_lines(&std::fs::read_to_string(p.path("totals.json")).unwrap());
    assert_eq!((&totals[0]["events"], &totals[0]["findings"]["low"]), (&10.into(), &3.into()));
    let stdin = p.command(&["scan", "-q", "-r", "rules", "-f", "ndjson", "-"]);
    let stdin = { stdin }.stdin(std::fs::File::open(p.path("log.ndjson")).unwrap()).output().unwrap();
    assert_eq!(json_lines(&answer(stdin).out).len(), 5);
}

#[test]
fn a_query_is_read_in_the_dialect_of_its_language() {
    let p = Place::new();
    for (language, dialect, query, code, said) in [
        ("kql", "lucene", "process.name:/ev.*[a-z]/ OR process.name:low.exe", 0, ""),
        ("kql", "ecs", "process.name.caseless:LOW.EXE", 0, ""),
        ("eql", "endgame", "process where process_name == 'LOW.*'", 0, ""),
        ("kql", "endgame", "a:b", 2, "one of ecs, lucene"),
        ("spl", "lucene", "a=b", 2, "spl has no dialects"),
    ] {
        let a = p.run(&["query", "--language", language, "--dialect", dialect, query, "log.ndjson"]);
        assert_eq!(a.code, code, "{query}: {}", a.err);
        assert!(a.err.contains(said), "{query}: {}", a.err);
    }
}

#[test]
fn rules_say_what_they_cost() {
    let p = Place::new();
    let re = "title: Pattern\nid: 11111111-1111-1111-1111-111111111111\nlogsource: {product: windows, category: \
              process_creation}\ndetection: {s: {CommandLine|re: '^.v[a-z]l$'}, condition: s}\nlevel: low\n";
    p.write("rules/re.yml", re);
    let many: String =
        (0..300).map(|n| event(n, r"C:\x.exe", if n % 3 == 0 { "evil" } else { "-" })).collect();
    p.write("many.ndjson", &many);
    let scan = |more: &[&str]| {
        let args = ["scan", "-q", "-r", "rules", "-f", "ndjson", "--totals", "totals.json", "many.ndjson"];
        let a = p.run(&[&args[..], more].concat());
        let totals = json_lines(&std::fs::read_to_string(p.path("totals.json")).unwrap());
        (a, totals[0]["costs"].clone())
    };
    let (plain, none) = scan(&[]);
    let (one, costs) = scan(&["--rule-costs=1", "-t", "1"]);
    let (many, same) = scan(&["--rule-costs=1", "-t", "4"]);
    assert_eq!((none.is_null(), &plain.out, plain.err.as_str()), (true, &one.out, ""));
    assert_eq!((&costs, &one.err), (&same, &many.err), "the same at any number of threads");
    // Two values of the field were new; what is known of them serves all other events.
    let first = &costs[0];
    assert_eq!(first["title"], "Pattern");
    assert_eq!(
        (&first["regexes"], &first["own"], &first["passed"], &first["kept"]),
        (&2.into(), &2.into(), &100.into(), &false.into())
    );
    assert!(
        one.err.contains("Pattern (rules/re.yml)") && one.err.contains("cost less or nothing"),
        "{}",
        one.err
    );
    assert_eq!(costs.as_array().unwrap().len(), 3);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let p = Place::new();
    let scan = |more: &[&str], no_color: Option<&str>| {
        let args = [&["scan", "-r", "rules", "log.ndjson"], more].concat();
        let mut c = p.command(&args);
        if let Some(value) = no_color {
            c.env("NO_COLOR", value);
        }
        let a = answer(c.output().unwrap());
        a.out.contains('\x1b') || a.err.contains('\x1b')
    };
    assert!(!scan(&[], None));
    assert!(!scan(&[], Some("1")));
    assert!(scan(&["--colour", "always"], None));
    assert!(scan(&["--color", "always"], Some("1")), "what is asked for on the command line wins");
    assert!(!scan(&["--colour", "never"], None));
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let p = Place::new();
    let many: String = (0..4000).map(|n| event(n, r"C:\low.exe", "evil")).collect();
    p.write("many.ndjson", &many);
    for format in FORMATS {
        let mut child = p
            .command(&["scan", "-r", "rules", "-f", format, "many.ndjson"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let a = answer(child.wait_with_output().unwrap());
        assert_eq!(a.code, 0, "{format}: {}", a.err);
        assert!(!a.err.contains("cannot write") && !a.err.contains("panic"), "{format}: {}", a.err);
    }
}

#[test]
fn time_bounds() {
    let p = Place::new();
    let args = ["scan", "-r", "rules", "-f", "ndjson", "log.ndjson"];
    let bounded =
        [&args[..], &["--since", "2024-05-01T10:00:03Z", "--until", "2024-05-01T10:00:08Z"]].concat();
    let a = p.run(&bounded);
    let records: Vec<u64> =
        json_lines(&a.out).iter().map(|f| f["events"][0]["record"].as_u64().unwrap()).collect();
    assert_eq!(records, [3, 4, 7]);
    assert!(a.err.contains("5 events outside the time asked for"), "{}", a.err);
}

#[test]
fn evidence_is_not_written_over() {
    let p = Place::new();
    let before = std::fs::read(p.path("log.ndjson")).unwrap();
    for (output, input) in
        [("log.ndjson", "log.ndjson"), ("new.ndjson", "."), ("rules/../log.ndjson", "log.ndjson")]
    {
        let a = p.run(&["scan", "-r", "rules", "-f", "ndjson", "-o", output, input]);
        assert_eq!(a.code, 2, "{output} {input}");
        assert!(a.err.contains("lies within the input"), "{}", a.err);
    }
    assert_eq!(std::fs::read(p.path("log.ndjson")).unwrap(), before);
    assert!(!p.path("new.ndjson").exists());
}

#[test]
fn rules_that_ship_run_where_none_are_named() {
    let p = Place::new();
    let a = p.run(&["scan", "log.ndjson"]);
    assert_eq!(a.code, 0, "{}", a.err);
    assert!(!a.err.contains(" 0 loaded"), "{}", a.err);
}

#[test]
fn info_tells_what_is_there() {
    let p = Place::new();
    p.write("more/a.ndjson", event(1, "x", "y"));
    p.write("more/unknown.bin", [0u8, 159, 146, 150, 0, 1, 2]);
    let a = p.run(&["info", "log.ndjson", "more"]);
    assert!(
        a.out.contains("log.ndjson") && a.out.contains("Microsoft-Windows-Sysmon/Operational"),
        "{}",
        a.out
    );
    assert!(a.out.contains("2024-05-01T10:00:01Z to 2024-05-01T10:00:10Z"), "{}", a.out);
    let lines = json_lines(&p.run(&["info", "-f", "ndjson", "log.ndjson", "more"]).out);
    let of = |name: &str| lines.iter().find(|l| l["source"].as_str().unwrap().contains(name)).unwrap();
    assert_eq!(of("log.ndjson")["events"], 10);
    assert_eq!(of("log.ndjson")["types"][0]["event_id"], 1);
    assert_eq!(of("unknown.bin")["unreadable"]["unknown-format"], 1);
}

#[test]
fn explain_shows_clause_and_value() {
    let p = Place::new();
    let a = p.run(&["explain", "rules/high.yml", "log.ndjson#2", "log.ndjson#3"]);
    assert_eq!(a.code, 0, "{}", a.err);
    assert!(a.out.contains("yes High") && a.out.contains("no  High"), "{}", a.out);
    assert!(
        a.out.contains("CommandLine = \"cmd /c evil\"") && a.out.contains("CommandLine = \"low\""),
        "{}",
        a.out
    );
    let lines =
        json_lines(&p.run(&["explain", "High", "-r", "rules", "-f", "ndjson", "-n", "4", "log.ndjson"]).out);
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1]["holds"], true);
    assert_eq!(p.run(&["explain", "High", "-r", "rules", "log.ndjson#999"]).code, 2);
}

#[test]
fn a_rule_of_the_same_name_in_two_files_counts_twice() {
    let p = Place::new();
    p.write(
        "rules/again.yml",
        rule("High", "high", "CommandLine|contains: evil").replace("id-High", "id-again"),
    );
    let a = p.run(&["scan", "-r", "rules", "-f", "ndjson", "log.ndjson"]);
    let ids: std::collections::BTreeSet<String> =
        json_lines(&a.out).iter().map(|f| f["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 7, "every finding has an id of its own");
}

#[test]
fn the_example_of_the_readme_finds_the_attack_and_spares_the_roll_out() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_shikra"))
        .args(["scan", "--format", "ndjson", "examples/cmstp"])
        .current_dir(root)
        .output()
        .unwrap();
    let found: Vec<serde_json::Value> =
        String::from_utf8(run.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of_level = |level: &str| found.iter().filter(|f| f["rule"]["level"] == level).count();
    assert_eq!(["critical", "high", "medium", "low"].map(of_level), [4, 33, 21, 0]);
    let hosts = |host: &str| found.iter().filter(|f| f["host"] == host).count();
    assert_eq!((hosts("WS7.contoso.example"), hosts("WS9.contoso.example")), (31, 27));
    // The administrator's own profile is installed in the first minutes.
    assert!(found.iter().all(|f| f["time"].as_str().unwrap() > "2026-03-02T08:20"));
}

/// The process creation that [`event`] of the same number tells of, as the Security log has it.
fn security(number: u64, image: &str) -> String {
    let mut event: serde_json::Value = serde_json::from_str(&event(number, image, "-")).unwrap();
    event["Event"]["System"]["Channel"] = "Security".into();
    event["Event"]["System"]["EventID"] = 4688.into();
    event["Event"]["System"]["Computer"] = "pc1.corp.example".into();
    event["Event"]["EventData"] = serde_json::json!({
        "NewProcessId": format!("{number:#x}"), "NewProcessName": image.to_uppercase(), "ProcessId": "0x4",
    });
    format!("{event}\n")
}

#[test]
fn one_act_in_two_records_is_one_finding() {
    let p = Place::new();
    let image = r"C:\low.exe";
    let sysmon: String = (0..40).map(|n| event(n, image, "-")).collect();
    let other: String = (20..60).map(|n| security(n, image)).collect();
    p.write(
        "rules/sysmon.yml",
        rule("Sysmon", "low", "EventID: 1").replace("category: process_creation", "service: sysmon"),
    );
    p.write("logs/a-security.ndjson", &other);
    p.write("logs/b-sysmon.ndjson", &sysmon);
    p.write("one.ndjson", format!("{other}{sysmon}"));
    let scan = |more: &[&str]| p.run(&[&["scan", "-r", "rules", "-f", "ndjson"], more].concat());
    let apart = scan(&["logs"]);
    assert_eq!(json_lines(&apart.out).len(), 120, "each file for itself");
    for (log, how) in [("logs", "all"), ("one.ndjson", "file"), ("one.ndjson", "all")] {
        let a = scan(&["--twins", how, log]);
        assert_eq!(a.code, 0, "{}", a.err);
        let of = |title: &str| {
            json_lines(&a.out).into_iter().filter(|f| f["rule"]["title"] == title).collect::<Vec<_>>()
        };
        let low = of("Low");
        assert_eq!((low.len(), of("Sysmon").len()), (60, 40));
        let both: Vec<_> = low.iter().filter(|f| f["twins"] == true).collect();
        assert_eq!(both.len(), 20);
        for f in both {
            assert_eq!(f["events"][0]["event_id"], 1);
            assert_eq!(f["events"][1]["event_id"], 4688);
            assert_eq!((&f["time"], &f["host"]), (&f["events"][0]["time"], &f["events"][0]["computer"]));
        }
        // A finding stands where its first record was read.
        assert_eq!(low[0]["events"][1]["record"], 1);
        assert!(a.err.contains("20 in two records each"), "{}", a.err);
        let kept = scan(&["--twins", "keep", log]);
        assert_eq!(json_lines(&kept.out).len(), 120);
        for threads in ["1", "4"] {
            assert_eq!(scan(&["--twins", how, "-t", threads, log]).out, a.out);
        }
    }
    for format in FORMATS {
        let a = p.run(&["scan", "-r", "rules/low.yml", "-f", format, "one.ndjson"]);
        assert_eq!(a.code, 0, "{}", a.err);
        if *format == "table" {
            assert!(a.out.contains("60 × Low"), "{}", a.out);
        }
    }
}
