//! `--report`: beside the result, the same at any number of threads, never over the evidence.

use crate::hunt::{RUNS, logs, with};
use crate::place::{Place, json_lines, root};

fn blocks(html: &str, kind: &str) -> Vec<serde_json::Value> {
    let begin = format!("<script type=\"application/json\" data-kind=\"{kind}\"");
    let parts = html.split(begin.as_str()).skip(1);
    let json = parts.map(|p| p.split_once('>').unwrap().1.split("</script>").next().unwrap());
    json.map(|j| serde_json::from_str(j).unwrap()).collect()
}

#[test]
fn threads_change_nothing_and_neither_does_the_report() {
    let p = Place::new();
    logs(&p);
    let logs = root().join("examples/cmstp").display().to_string();
    let scan = ["scan", "-q", "-f", "ndjson", &logs];
    let mut runs: Vec<Vec<&str>> = RUNS.iter().map(|r| with(r, &["-q", "-f", "ndjson", "many"])).collect();
    runs.extend([scan.to_vec(), vec!["hunt", "run", "-q", "-f", "ndjson", &logs]]);
    for run in runs {
        let plain = p.run(&run);
        for threads in ["1", "2"] {
            let file = format!("{threads}.html");
            let a = p.run(&with(&run, &["-t", threads, "--report", &file]));
            assert_eq!(
                (a.code, a.out.as_str(), a.err.as_str()),
                (plain.code, plain.out.as_str(), ""),
                "{run:?}"
            );
        }
        let read = |name: &str| std::fs::read_to_string(p.path(name)).unwrap();
        assert!(read("1.html") == read("2.html"), "{run:?}");
    }
}

#[test]
fn a_scan_lists_its_findings_with_their_events() {
    let p = Place::new();
    let logs = root().join("examples/cmstp").display().to_string();
    let findings = json_lines(&p.run(&["scan", "-f", "ndjson", "--report", "r.html", &logs]).out);
    let html = std::fs::read_to_string(p.path("r.html")).unwrap();
    let chunk = &blocks(&html, "findings")[0];
    let rule = |n: &serde_json::Value| chunk["rules"][n.as_u64().unwrap() as usize]["title"].clone();
    let titles: Vec<_> = chunk["rule"].as_array().unwrap().iter().map(rule).collect();
    let want: Vec<_> = findings.iter().map(|f| f["rule"]["title"].clone()).collect();
    assert_eq!(titles, want);
    let events: Vec<_> =
        blocks(&html, "events").into_iter().flat_map(|b| b.as_array().unwrap().clone()).collect();
    for (f, at) in findings.iter().zip(chunk["events"].as_array().unwrap()) {
        let first = at.as_i64().or(at[0].as_i64()).unwrap();
        let told = &events[usize::try_from(first).unwrap()];
        for key in ["source", "record", "time", "provider", "channel", "event_id", "computer"] {
            assert_eq!(told[key], f["events"][0][key]);
        }
        let fields = f["events"][0]["fields"].as_object().unwrap();
        assert_eq!(told["fields"].as_array().unwrap().len(), fields.len());
    }
    assert!(chunk["process"].as_array().unwrap().iter().any(|n| n.as_i64() >= Some(0)));
    assert_eq!(blocks(&html, "totals")[0]["totals"]["events"], 62);
}

#[test]
fn rows_of_hunts_have_their_events() {
    let p = Place::new();
    logs(&p);
    p.run(&["hunt", "stack", "--by", "Image", "--report", "r.html", "many"]);
    let html = std::fs::read_to_string(p.path("r.html")).unwrap();
    let row = &blocks(&html, "hunt")[0]["rows"][0];
    let number = row["events"][0][4].as_u64().unwrap() as usize;
    let told = &blocks(&html, "events")[0][number];
    let image = told["fields"].as_array().unwrap().iter().find(|f| f[0] == "Image").unwrap();
    assert_eq!(image[1], "C:\\Windows\\System32\\cmstp.exe");
}

#[test]
fn evidence_and_results_are_not_written_over() {
    let p = Place::new();
    logs(&p);
    for (args, said) in [
        (&["scan", "-r", "rules", "--report", "log.ndjson", "log.ndjson"][..], "lies within the input"),
        (&["hunt", "stack", "--by", "Image", "--report", "many/x.html", "many"], "lies within the input"),
        (&["scan", "-r", "rules", "-o", "x", "--report", "x", "log.ndjson"], "two results"),
        (&["scan", "-r", "rules", "--report", "none/x.html", "log.ndjson"], "cannot create"),
    ] {
        let a = p.run(args);
        assert!(a.code == 2 && a.err.contains(said), "{args:?}: {}", a.err);
    }
}
