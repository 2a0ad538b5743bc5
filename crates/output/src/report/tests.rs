//! The file as a browser gets it: what logs and rules say stays data.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use shikra_engine::fetch::Fetched;
use shikra_engine::finding::{Finding, FindingSink, Rarity, Totals, UnableRule};
use shikra_event::{Timestamp, Value};
use shikra_hunt::HuntResult;
use shikra_hunt::result::{Axis, BoxGroup, Column, ColumnKind, EventPoint, Plot, Point, Reason, ResultRow};
use shikra_ir::Level;

use super::*;
use crate::finding::tests::{Shared, event, finding, of, rule};

const BAD: &str = "=cmd|'/C calc'!A0</script><script>alert(1)</script><!--<img src=https://x.example/>\u{202e}\u{2028}\u{2029}\0\x1b[2J\"'`&\\";

fn about() -> About {
    About { title: BAD.into(), version: "0", inputs: vec![BAD.into()], baseline: Some(BAD.into()) }
}

fn report(findings: &[Finding]) -> String {
    let out = Shared::default();
    let mut report = ScanReport::new(Box::new(out.clone()), about()).unwrap();
    findings.iter().for_each(|f| report.finding(f).unwrap());
    let limits = vec![BAD.to_owned()];
    let unable = UnableRule { id: BAD.into(), title: BAD.into(), reason: BAD.into() };
    report.finish(&Totals { unable_to_fire: vec![unable], limits, ..Totals::default() }).unwrap();
    let bytes = out.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn hostile_finding() -> Finding {
    let mut meta = (*rule(BAD, BAD, Level::Critical)).clone();
    (meta.path, meta.tags, meta.description) = (BAD.into(), vec![BAD.into()], Some(BAD.into()));
    meta.references = vec!["https://x.example/".into(), BAD.into()];
    let mut e =
        (*event(1, &[(BAD, BAD), ("CommandLine", BAD), ("ProcessGuid", BAD), ("Image", BAD)])).clone();
    (e.source, e.provider, e.channel, e.computer) = (BAD.into(), BAD.into(), BAD.into(), BAD.into());
    let e = Arc::new(e);
    let rarity = Rarity { score: 3.25, new: vec![BAD.into()], seen: Some((2, 1)) };
    Finding {
        row: vec![(BAD.into(), Value::List(vec![BAD.into()]))],
        rarity: Some(rarity),
        ..of(&Arc::new(meta), vec![e.clone(), e])
    }
}

fn hostile_result() -> HuntResult {
    let text = || BAD.to_owned();
    HuntResult {
        analytic: "stack",
        title: text(),
        id: text(),
        techniques: vec![text()],
        hypothesis: text(),
        confirms: vec![text()],
        parameters: vec![(text(), BAD.into())],
        columns: vec![Column::new(BAD, ColumnKind::Text), Column::new("n", ColumnKind::Number)],
        rows: vec![ResultRow {
            score: Some(1.0),
            cells: vec![BAD.into(), Value::F64(f64::NAN)],
            reasons: vec![Reason::only(BAD, text())],
            events: vec![EventPoint { source: BAD.into(), record: 1, time: None, host: BAD.into() }],
            events_total: 1,
            marks: vec![(0, 1..4, 0.5), (0, 0..9999, 1.0), (7, 0..1, 1.0)],
        }],
        rows_total: 1,
        plots: vec![
            Plot::Bars { title: text(), unit: text(), bars: vec![(text(), f64::INFINITY, Some(0))] },
            Plot::Timeline {
                title: text(),
                start: Timestamp(0),
                bucket: 1,
                series: vec![(text(), vec![1.0], None)],
            },
            Plot::Boxes {
                title: text(),
                axis: Axis::default(),
                groups: vec![BoxGroup {
                    name: text(),
                    outliers: vec![(1.0, text(), None)],
                    ..BoxGroup::default()
                }],
            },
            Plot::Scatter {
                title: text(),
                x: Axis { name: text(), log: true },
                y: Axis::default(),
                points: vec![Point { name: text(), ..Point::default() }],
                lines: vec![(text(), vec![(0.0, 1.0)])],
            },
            Plot::Histogram {
                title: text(),
                axis: Axis::default(),
                bounds: vec![0.0, 1.0],
                counts: vec![1],
                threshold: None,
            },
        ],
        notes: vec![text()],
        ..HuntResult::default()
    }
}

fn hunt_report(results: &[HuntResult]) -> String {
    let mut out = Vec::new();
    let (events, totals) = (&Fetched::default(), &Totals::default());
    hunts(&HuntReport { about: about(), results, events, totals }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The elements of a kind: attributes and content.
fn elements<'t>(html: &'t str, name: &str) -> Vec<(&'t str, &'t str)> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let parts = html.split(open.as_str()).skip(1);
    parts.map(|p| p.split(close.as_str()).next().unwrap().split_once('>').unwrap()).collect()
}

fn blocks(html: &str, kind: &str) -> Vec<serde_json::Value> {
    let is = |a: &str| a.contains(&format!("data-kind=\"{kind}\""));
    let found = elements(html, "script").into_iter().filter(|(a, _)| is(a));
    found.map(|(_, json)| serde_json::from_str(json).unwrap()).collect()
}

/// The file without its data, scripts and styles.
fn markup(html: &str) -> String {
    let mut rest = html.to_owned();
    for name in ["script", "style"] {
        for (attributes, content) in elements(html, name) {
            rest = rest.replacen(&format!("{attributes}>{content}"), ">", 1);
        }
    }
    rest
}

#[test]
fn texts_of_strangers_stay_data() {
    for html in [report(&[hostile_finding(), finding()]), hunt_report(&[hostile_result()])] {
        // One script of ours; all others are data, and parse.
        let scripts = elements(&html, "script");
        assert_eq!(scripts.iter().filter(|(a, _)| !a.contains("application/json")).count(), 1);
        for (attributes, json) in scripts.iter().filter(|(a, _)| a.contains("application/json")) {
            let value: serde_json::Value =
                serde_json::from_str(json).unwrap_or_else(|e| panic!("{attributes}: {e}"));
            assert!(value.is_object() || value.is_array());
            assert!(!json.contains(['<', '\u{2028}', '\u{2029}', '\u{202e}', '\0', '\x1b']));
        }
        let markup = markup(&html);
        assert!(
            !markup.contains("<img") && !markup.contains("alert(1)</script") && !markup.contains('\u{202e}')
        );
        assert!(markup.contains("&lt;script&gt;alert(1)"), "the title is escaped: {markup}");
    }
}

#[test]
fn texts_arrive_as_they_were() {
    let html = report(&[hostile_finding()]);
    let chunk = &blocks(&html, "findings")[0];
    assert_eq!(chunk["rules"][0]["title"], BAD);
    assert_eq!(chunk["texts"][chunk["host"][0].as_u64().unwrap() as usize], BAD);
    assert_eq!(chunk["more"]["0"]["row"][0], serde_json::json!([BAD, BAD]));
    assert_eq!(chunk["more"]["0"]["new"][0], BAD);
    let event = &blocks(&html, "events")[0][0];
    assert_eq!(event["fields"][1], serde_json::json!(["CommandLine", BAD]));
    let result = &blocks(&hunt_report(&[hostile_result()]), "hunt")[0];
    assert_eq!(result["rows"][0]["cells"], serde_json::json!([BAD, null]));
    assert_eq!(result["rows"][0]["marks"], serde_json::json!([[0, 1, 3, 0.5]]));
    assert_eq!(result["plots"].as_array().unwrap().len(), 5);
}

#[test]
fn the_policy_allows_what_stands_in_the_file_and_nothing_else() {
    for html in [report(&[finding()]), hunt_report(&[hostile_result()])] {
        let policy =
            html.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(
            policy.starts_with("default-src 'none';")
                && !policy.contains("unsafe")
                && !policy.contains("http")
        );
        let hash = |text: &str| {
            let digest = Sha256::digest(text);
            format!("'sha256-{}'", shell::base64(&digest))
        };
        let (_, style) = elements(&html, "style")[0];
        let ours = elements(&html, "script").into_iter().find(|(a, _)| a.is_empty()).unwrap().1;
        assert!(policy.contains(&format!("style-src {};", hash(style))));
        assert!(policy.contains(&format!("script-src {};", hash(ours))));
        // The policy comes before anything that it is about.
        assert!(html.find("Content-Security-Policy") < html.find("<style"));
    }
}

#[test]
fn the_file_refers_to_nothing_outside() {
    for html in [report(&[hostile_finding()]), hunt_report(&[hostile_result()])] {
        let markup = markup(&html).replace("https://x.example/&gt;", "");
        for word in
            ["http:", "https:", "src=", "//", "url(", "<link", "<base", "<iframe", " style=", " onclick="]
        {
            assert!(!markup.replace("img src=", "").contains(word), "{word}: {markup}");
        }
        assert!(markup.split("href=\"").skip(1).all(|h| h.starts_with('#')), "{markup}");
    }
    // The name of the SVG elements is no address that anybody asks.
    let script = shell::SCRIPT.replace("http://www.w3.org/2000/svg", "");
    assert!(!script.contains("http:") && !script.contains("https:"));
}

#[test]
fn chunks_put_together_are_the_findings() {
    let r = rule("1", "t", Level::Low);
    let findings: Vec<Finding> = (0..9000_u64)
        .map(|i| {
            let mut f =
                of(&r, vec![event(i, &[("CommandLine", &format!("c {}", i % 7)), ("ProcessId", "4")])]);
            if i % 1000 == 3 {
                f.time = None;
            }
            f
        })
        .collect();
    let html = report(&findings);
    let (mut texts, mut records, mut times, mut before) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for chunk in blocks(&html, "findings") {
        texts.extend(chunk["texts"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()));
        records.extend(chunk["record"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()));
        for t in chunk["time"].as_array().unwrap() {
            times.push(t.as_i64().map(|d| before + d));
            before = times.last().copied().flatten().unwrap_or(before);
        }
        before = 0;
        for (what, record) in
            chunk["what"].as_array().unwrap().iter().zip(chunk["record"].as_array().unwrap())
        {
            let want = format!("CommandLine: c {}", record.as_u64().unwrap() % 7);
            assert_eq!(texts[what.as_u64().unwrap() as usize], want);
        }
    }
    assert_eq!(records, (0..9000).collect::<Vec<_>>());
    let want: Vec<Option<i64>> = findings.iter().map(|f| f.time.map(|t| t.0 / 1_000_000)).collect();
    assert_eq!(times, want);
    // Few of the events, and the file says so.
    let events: usize = blocks(&html, "events").iter().map(|b| b.as_array().unwrap().len()).sum();
    let totals = &blocks(&html, "totals")[0];
    assert_eq!(totals["events_left_out"].as_u64().unwrap() as usize, 9000 - events);
    assert_eq!(totals["listed"], 9000);
    assert!(html.len() < 2_000_000, "{}", html.len());
}

#[test]
fn without_findings_there_is_a_report() {
    let html = report(&[]);
    assert!(blocks(&html, "findings").is_empty());
    assert_eq!(blocks(&html, "totals")[0]["listed"], 0);
}
