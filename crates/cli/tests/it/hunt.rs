//! `shikra hunt`: schema, exit codes, the same answer at any number of threads, hostile values.

use std::fmt::Write as _;

use crate::place::{Place, event, json_lines, root};

/// Logs with ordinary activity on several hosts and one odd thing.
pub fn logs(p: &Place) {
    let mut text = String::new();
    for i in 0..120 {
        let image = ["svchost.exe", "conhost.exe", "msedge.exe"][i % 3];
        let line = event(1, &format!("C:\\Windows\\{image}"), &format!("{image} -k group{} -n {i}", i % 7));
        let _ = writeln!(text, "{}", line.trim().replace("PC1", &format!("PC{}", i % 5)));
    }
    let odd = event(1, "C:\\Windows\\System32\\cmstp.exe", "cmstp.exe /s /au C:\\Users\\bob\\x.inf");
    let _ = writeln!(text, "{}", odd.trim());
    p.write("many/log.ndjson", text);
}

/// One run of each analytic.
pub const RUNS: &[&[&str]] = &[
    &["hunt", "stack", "--by", "Image", "--bucket", "1h"],
    &["hunt", "search", "--show", "Image,CommandLine"],
    &["hunt", "group", "--where", "process.name : *", "--where", "process.args : *", "--within", "1m"],
    &["hunt", "cluster", "--of", "CommandLine", "--least", "10"],
    &[
        "hunt",
        "cluster",
        "--of",
        "CommandLine",
        "--features",
        "length(CommandLine),count",
        "--list",
        "clusters",
    ],
    &["hunt", "scatter", "--least", "10", "--cut", "1"],
    &["hunt", "box", "--group", "name(Image)", "--side", "both"],
    &["hunt", "outlier", "--of", "Image,CommandLine", "--least", "10", "--extension", "1"],
    &["hunt", "rare", "--text", "CommandLine", "--least", "10"],
    &["hunt", "rare", "--of", "CommandLine", "--given", "Image", "--least", "10"],
    &["hunt", "rare", "--sequence", "Image", "--least", "10"],
];

/// A run with more arguments.
pub fn with<'a>(run: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    run.iter().chain(more).copied().collect()
}

#[test]
fn results_satisfy_the_published_schema() {
    let p = Place::new();
    logs(&p);
    let schema = std::fs::read(root().join("data/schema/hunt-1.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
    for run in RUNS {
        let a = p.run(&with(run, &["-f", "ndjson", "many"]));
        assert_eq!(a.code, 0, "{run:?}: {}", a.err);
        let lines = json_lines(&a.out);
        assert!(lines[0]["kind"] == "hunt" && lines[0]["analytic"] == run[1], "{}", a.out);
        for line in &lines {
            validator.validate(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        }
    }
}

#[test]
fn threads_change_nothing() {
    let p = Place::new();
    logs(&p);
    for run in RUNS {
        for format in ["table", "ndjson", "csv"] {
            let one = p.run(&with(run, &["-q", "-f", format, "-t", "1", "many"]));
            let two = p.run(&with(run, &["-q", "-f", format, "-t", "2", "many"]));
            assert!(!one.out.is_empty() && one.out == two.out, "{run:?} {format}");
        }
    }
}

#[test]
fn hostile_values_stay_values() {
    const BAD: &str = "=cmd|'/C calc'!A0 \x1b[2J \u{202e}gpj.exe <script>";
    let p = Place::new();
    let lines: String = (0..40).map(|i| event(1, &format!("{BAD}{}", i % 3), &format!("{BAD}{i}"))).collect();
    p.write("many/log.ndjson", lines);
    for run in RUNS {
        for format in ["table", "ndjson", "csv"] {
            let a = p.run(&with(run, &["-f", format, "many"]));
            let unsafe_in =
                |t: &str| t.chars().any(|c| (c.is_control() && !"\n\r".contains(c)) || c == '\u{202e}');
            assert!(!unsafe_in(&a.out) && !unsafe_in(&a.err), "{run:?} {format}: {:?}", a.out);
            assert!(!a.err.contains("panicked"), "{run:?}: {}", a.err);
            assert!(format != "csv" || !a.out.contains(",=cmd"), "{}", a.out);
        }
    }
}

#[test]
fn the_rare_comes_first() {
    let p = Place::new();
    logs(&p);
    let a = p.run(&["hunt", "stack", "--by", "process.name", "-f", "ndjson", "many"]);
    assert_eq!(json_lines(&a.out)[1]["values"][0], "cmstp.exe", "{}", a.out);
}

#[test]
fn hunts_of_files_run_in_one_pass() {
    let p = Place::new();
    logs(&p);
    let all = json_lines(&p.run(&["hunt", "list", "-f", "ndjson"]).out);
    let ids: Vec<&str> = all.iter().map(|h| h["id"].as_str().unwrap()).collect();
    for id in [
        "searching",
        "grouping",
        "clustering",
        "stack-counting",
        "scatter-plot",
        "box-plot",
        "isolation-forest",
    ] {
        assert!(ids.contains(&format!("T1218.003-{id}").as_str()), "{id}");
    }
    let a = p.run(&["hunt", "run", "-f", "ndjson", "many"]);
    assert_eq!(a.code, 0, "{}", a.err);
    let lines = json_lines(&a.out);
    let ran: Vec<&str> =
        lines.iter().filter(|l| l["kind"] == "hunt").map(|l| l["id"].as_str().unwrap()).collect();
    assert_eq!(ran, ids);
    for id in ["T1218.003-searching", "T1218.003-clustering"] {
        let first = lines.iter().filter(|l| l["kind"] == "row" && l["id"] == id).take(10);
        assert!(first.into_iter().any(|l| l["values"].to_string().contains("cmstp.exe")), "{id}");
    }
    p.write("bad/x.toml", "id = \"x\"");
    for (args, said) in
        [(["--hunt", "T1218.003-serching"], "did you mean"), (["--hunt", "bad"], "must have the key")]
    {
        let a = p.run(&with(&["hunt", "run", "many"], &args));
        assert!(a.code == 2 && a.err.contains(said), "{}", a.err);
    }
}

#[test]
fn a_row_becomes_a_rule() {
    let p = Place::new();
    logs(&p);
    let cases: &[(&[&str], &str)] = &[
        (&["hunt", "stack", "--by", "Image,CommandLine"], "1 finding"),
        (&["hunt", "stack", "--by", "process.name"], "1 finding"),
        (&["hunt", "stack", "--by", "mask(CommandLine)", "--category", "process_creation"], "1 finding"),
        (
            &["hunt", "box", "--least", "10", "--side", "both", "--whisker", "0.1", "--scale", "linear"],
            "finding",
        ),
        (&["hunt", "rare", "--text", "CommandLine"], "1 finding"),
        (
            &["hunt", "box", "--of", "host", "--feature", "count", "--least", "5", "--whisker", "0.1"],
            "finding",
        ),
    ];
    for (run, hits) in cases {
        let a = p.run(&with(run, &["--save-rule", "new.yml", "many"]));
        assert!(a.code == 0 && a.err.contains("rule written to new.yml"), "{run:?}: {}{}", a.out, a.err);
        assert!(a.err.contains(hits) && !a.err.contains(": 0 findings"), "{run:?}: {}", a.err);
        assert_eq!(p.run(&["rules", "check", "new.yml"]).code, 0, "{run:?}");
    }
    let a = p.run(&["hunt", "stack", "--by", "hour", "--save-rule", "new.yml", "many"]);
    assert!(a.code == 2 && a.err.contains("cannot be said"), "{}", a.err);
    let a = p.run(&["hunt", "stack", "--by", "Image", "--row", "99", "--save-rule", "new.yml", "many"]);
    assert!(a.code == 2 && a.err.contains("there is no row"), "{}", a.err);
}

#[test]
fn a_saved_rule_keeps_the_filter_of_its_hunt() {
    let p = Place::new();
    logs(&p);
    // The same command line on another host, and beside it what only its length tells apart.
    let twin = event(1, "C:\\Windows\\System32\\cmstp.exe", "cmstp.exe /s /au C:\\Users\\bob\\x.inf");
    p.write("many/twin.ndjson", twin.replace("PC1", "PC9"));
    let stack = &["hunt", "stack", "--by", "CommandLine", "--least", "1"][..];
    let created =
        &["hunt", "stack", "--by", "CommandLine", "--least", "1", "--category", "process_creation"][..];
    let cases: &[(&[&str], &[&str])] = &[
        (stack, &["--where", "host.name : \"PC9\""]),
        (created, &["--where", "host.name : \"PC9\""]),
        (created, &["--where", "process.name : cm* and not host.name : \"PC1\""]),
        (
            created,
            &["--language", "eql", "--where", "any where process.name : \"cm*\" and host.name == \"PC9\""],
        ),
        (created, &["--language", "spl", "--where", "Image=*cmstp.exe Computer=PC9"]),
    ];
    for (run, filter) in cases {
        let a = p.run(&[run, *filter, &["--save-rule", "new.yml", "many"]].concat());
        assert!(a.code == 0 && a.err.contains("new.yml: 1 finding, 1 event"), "{filter:?}: {}", a.err);
        let rule = std::fs::read_to_string(p.path("new.yml")).unwrap();
        assert!(rule.contains("Of events that the hunt's filter finds"), "{rule}");
        assert_eq!(p.run(&["rules", "check", "new.yml"]).code, 0, "{rule}");
    }
    let filter = "process where length(process.command_line) > 2 and host.name == \"PC9\"";
    let more = ["--language", "eql", "--where", filter, "--save-rule", "new.yml", "many"];
    let a = p.run(&[stack, &more].concat());
    assert!(a.code == 0 && a.err.contains("the rule lacks the filter"), "{}", a.err);
    let rule = std::fs::read_to_string(p.path("new.yml")).unwrap();
    assert!(rule.contains("lacks the hunt's filter") && a.err.contains("2 findings"), "{rule}{}", a.err);
}

#[test]
fn exit_codes() {
    let p = Place::new();
    logs(&p);
    p.write("broken.evtx", b"ElfFile\0nothing else");
    for (args, code) in [
        (&["hunt", "stack", "--by", "Image", "many"][..], 0),
        (&["hunt", "stack", "--by", "Image", "many", "broken.evtx"], 3),
        (&["hunt", "stack", "many"], 2),
        (&["hunt", "stack", "--by", "upper(Image)", "many"], 2),
        (&["hunt", "stack", "--by", "Image", "missing"], 2),
        (&["hunt", "stack", "--by", "Image", "--category", "proces", "many"], 2),
        (&["hunt", "stack", "--by", "Image", "--where", "a :", "many"], 2),
        (&["hunt", "stack", "--by", "Image", "--top", "many", "many"], 2),
    ] {
        let a = p.run(args);
        assert_eq!(a.code, code, "{args:?}: {}{}", a.out, a.err);
    }
}
