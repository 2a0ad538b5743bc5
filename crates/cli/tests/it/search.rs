//! `shikra search`: what it finds, what stands around it.

use crate::place::{Place, event, json_lines, root};

fn example(name: &str) -> String {
    root().join("examples/cmstp").join(name).display().to_string()
}

/// Records of the hits.
fn records(p: &Place, args: &[&str]) -> Vec<u64> {
    let a = p.run(&[&["search", "-f", "ndjson"], args, &[&example("WS9.ndjson")]].concat());
    assert_eq!(a.code, 0, "{args:?}: {}", a.err);
    json_lines(&a.out).iter().map(|f| f["events"][0]["record"].as_u64().unwrap()).collect()
}

#[test]
fn finds_what_is_asked_for() {
    let p = Place::new();
    for (args, want) in [
        (&["/AU "][..], &[17, 18, 20][..]),
        (&["/update\\.inf$/"], &[16, 17, 18, 20]),
        (&["process.name=calc.exe"], &[20, 21]),
        (&["New_Process_Name=*\\calc.exe"], &[20, 21]),
        (&["Image=/calc|notepad/"], &[20, 21, 29, 30, 31]),
        (&["nothing of the kind"], &[]),
        (&["--language", "eql", "process where process.name == \"calc.exe\""], &[20, 21]),
    ] {
        let got = records(&p, args);
        assert!(
            want.iter().all(|w| got.contains(w))
                && (want.len() == got.len() || args[0] == "/AU " || args[0].starts_with("/u")),
            "{args:?}: {got:?}"
        );
    }
    for bad in [
        &["/(/"][..],
        &[" "],
        &["-C", "1", "-f", "csv", "x"],
        &["-C", "1", "--language", "eql", "sequence [any where true] [any where true]"],
    ] {
        let a = p.run(&[&["search"], bad, &[&example("WS9.ndjson")]].concat());
        assert!(a.code == 2 && a.out.is_empty(), "{bad:?}: {} {}", a.code, a.err);
    }
}

#[test]
fn a_table_has_every_hit_by_time() {
    let p = Place::new();
    let a = p.run(&["search", "cmstp", &example("")]);
    let times: Vec<&str> = a.out.lines().map(|l| &l[..23]).collect();
    assert!(times.len() == 18 && times.is_sorted(), "{}", a.out);
    assert!(a.out.lines().all(|l| l.contains("examples/cmstp/WS")), "{}", a.out);
    assert!(a.err.contains("hits     18"), "{}", a.err);
}

#[test]
fn hostile_hits_are_harmless_at_any_number_of_threads() {
    const BAD: &str = "=cmd|'/C calc'!A0 \x1b[2J \u{202e}gpj.exe <script>";
    let p = Place::new();
    for file in 0..4u64 {
        let lines: String =
            (0..40).map(|i| event(file * 40 + i, &format!("{BAD}{}", i % 3), &format!("{BAD}{i}"))).collect();
        p.write(&format!("many/{file}.ndjson"), lines);
    }
    let cases: &[&[&str]] = &[
        &["-f", "table"],
        &["-f", "ndjson"],
        &["-f", "csv"],
        &["-f", "table", "-C", "2", "--tree"],
        &["-f", "ndjson", "-C", "2", "--tree"],
    ];
    for case in cases {
        let run =
            |threads: &str| p.run(&[&["search", "-q", "-t", threads], *case, &["calc", "many"]].concat());
        let (one, two) = (run("1"), run("2"));
        assert!(one.code == 0 && !one.out.is_empty() && one.out == two.out, "{case:?}: {}", one.err);
        let unsafe_in = |c: char| (c.is_control() && !"\n\r".contains(c)) || c == '\u{202e}';
        assert!(!one.out.contains(unsafe_in), "{case:?}: {:?}", one.out);
        assert!(case[1] != "csv" || !one.out.contains(",=cmd"), "{}", one.out);
    }
}

#[test]
fn surroundings_come_by_time_over_all_files() {
    let p = Place::new();
    let args = ["search", "-C", "2", "--tree", "-f", "ndjson", "-q", "Image=*calc.exe"];
    let run = |threads: &str| p.run(&[&args[..], &["-t", threads, &example("")]].concat()).out;
    let out = run("2");
    assert_eq!(out, run("1"));
    let hits = json_lines(&out);
    assert_eq!(hits.len(), 4);
    for hit in &hits {
        let time = |e: &serde_json::Value| e["time"].as_str().unwrap().to_owned();
        let host = &hit["event"]["computer"];
        let around = |key: &str| hit[key].as_array().unwrap().clone();
        let (before, after) = (around("before"), around("after"));
        assert_eq!((before.len(), after.len()), (2, 2));
        let all: Vec<_> = before.iter().chain([&hit["event"]]).chain(&after).collect();
        assert!(all.iter().all(|e| e["computer"] == *host), "{hit}");
        let times: Vec<String> = all.iter().map(|e| time(e).trim_end_matches('Z').to_owned()).collect();
        assert!(times.is_sorted(), "{times:?}");
        let tree = around("tree");
        let own = tree.iter().position(|b| b["hit"] == true).unwrap();
        assert!(tree[own]["image"].as_str().unwrap().ends_with("calc.exe"), "{hit}");
        let parent = tree[own - 1]["image"].as_str().unwrap();
        assert!(parent.ends_with("cmstp.exe"), "{hit}");
        assert_eq!(tree[own]["depth"].as_u64(), tree[own - 1]["depth"].as_u64().map(|d| d + 1));
    }
    let sources: std::collections::BTreeSet<String> = hits[0]["before"]
        .as_array()
        .unwrap()
        .iter()
        .chain(hits[0]["after"].as_array().unwrap())
        .map(|e| e["source"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sources.len(), 2, "both logs of the host: {sources:?}");
    let table = p.run(&["search", "-C", "1", "--tree", "Image=*calc.exe", &example("")]).out;
    assert!(table.contains("> 2026-03-02 08:20:16") && table.contains("processes"), "{table}");
}
