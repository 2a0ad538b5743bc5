//! `shikra hunt`: schema, exit codes, the same answer at any number of threads, hostile values.

use std::fmt::Write as _;

use crate::place::{Place, event, json_lines, root};

/// Logs with ordinary activity on several hosts and one odd thing.
fn logs(p: &Place) {
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
const RUNS: &[&[&str]] = &[&["hunt", "stack", "--by", "Image", "--bucket", "1h"]];

fn with<'a>(run: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
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
