//! A page that stands alone: no script, nothing from outside.

use std::fmt::Write as _;

use shikra_validate::{BACKGROUND, Report, Row, Verdict};

use super::{event_words, tally};
use crate::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24;background:#fff}\
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{border:1px solid #c9d1d9;padding:.3rem .5rem;text-align:left;vertical-align:top}\
th{background:#f0f3f6}code{font-size:.9em;overflow-wrap:anywhere}.fired,.present{background:#d8f0dc}.missed{background:#fff0c2}\
.near_miss{background:#ffe3c2}.failed{background:#ffd4d0;font-weight:600}.untested{color:#57606a}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th{background:#161b22}th,td{border-color:#30363d}\
.fired,.present{background:#12361f}.missed{background:#3d3200}.near_miss{background:#43260a}.failed{background:#511a17}.untested{color:#9da7b1}}";

fn text(t: &str) -> String {
    let mut out = String::new();
    escape::html(t, &mut out);
    out
}

pub fn render(report: &Report) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Validation of detections</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Validation of detections</h1>\n"
    );
    let _ = writeln!(
        out,
        "<p>{} rules, {} tests: {}. <strong>{} failed.</strong></p>",
        report.rules,
        report.tests.len(),
        tally(report),
        report.failures()
    );
    tests(report, &mut out);
    evidence(report, &mut out);
    signals(report, &mut out);
    rules(report, &mut out);
    if !report.problems.is_empty() {
        out.push_str("<h2>Problems</h2>\n<ul>\n");
        for p in &report.problems {
            let _ = writeln!(out, "<li>{}</li>", text(p));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn tests(report: &Report, out: &mut String) {
    out.push_str("<h2>Tests</h2>\n<table>\n<thead><tr><th scope=\"col\">Test</th><th scope=\"col\">Name</th><th scope=\"col\">Kind</th><th scope=\"col\">Events</th><th scope=\"col\">Notes</th></tr></thead>\n<tbody>\n");
    for t in &report.tests {
        let notes: Vec<String> = t.notes.iter().map(|n| text(n)).collect();
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&t.id),
            text(&t.name),
            t.kind,
            t.events,
            notes.join("<br>")
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn evidence(report: &Report, out: &mut String) {
    if report.evidence.is_empty() {
        return;
    }
    out.push_str("<h2>Published evidence</h2>\n<table>\n<thead><tr><th scope=\"col\">Collection</th><th scope=\"col\">Tested</th><th scope=\"col\">Passed</th><th scope=\"col\">Failed</th><th scope=\"col\">Untested</th></tr></thead>\n<tbody>\n");
    for set in &report.evidence {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&set.name),
            set.tested(),
            set.passed,
            set.failed,
            set.untested
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn signals(report: &Report, out: &mut String) {
    if report.signals.is_empty() {
        return;
    }
    out.push_str("<h2>Expected signals</h2>\n<table>\n<thead><tr><th scope=\"col\">Test</th><th scope=\"col\">Signal</th><th scope=\"col\">Result</th><th scope=\"col\">Events</th></tr></thead>\n<tbody>\n");
    for s in &report.signals {
        let events: Vec<String> = s.events.iter().map(|e| text(&event_words(e))).collect();
        let (class, result) = if s.present() { ("present", "present") } else { ("failed", "absent") };
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td class=\"{class}\">{result}</td><td>{}{}</td></tr>",
            text(&s.test),
            text(&s.what),
            events.join("<br>"),
            text(&s.problem)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn rules(report: &Report, out: &mut String) {
    out.push_str("<h2>Rules and tests</h2>\n<table>\n<thead><tr><th scope=\"col\">Rule</th><th scope=\"col\">Test</th><th scope=\"col\">Result</th><th scope=\"col\">Events</th></tr></thead>\n<tbody>\n");
    for row in report.rows.iter().filter(|r| r.verdict != Verdict::Untested || r.failed) {
        row_line(row, out);
    }
    out.push_str("</tbody>\n</table>\n");
    let untested: Vec<&Row> =
        report.rows.iter().filter(|r| r.verdict == Verdict::Untested && !r.failed).collect();
    if !untested.is_empty() {
        let _ = writeln!(
            out,
            "<details class=\"untested\"><summary>{} rules without a test</summary>\n<ul>",
            untested.len()
        );
        for r in untested {
            let _ = writeln!(out, "<li>{}: {}</li>", text(&r.rule.title), text(&r.why));
        }
        out.push_str("</ul>\n</details>\n");
    }
}

fn row_line(row: &Row, out: &mut String) {
    let class = if row.failed { "failed" } else { row.verdict.as_str() };
    let events: Vec<String> = row.events.iter().map(|e| text(&event_words(e))).collect();
    let more = if row.count > row.events.len() {
        format!("<br>and {} more", row.count - row.events.len())
    } else {
        String::new()
    };
    let test = if row.test == BACKGROUND { "ordinary activity" } else { &row.test };
    let why = if row.why.is_empty() { String::new() } else { format!("<br>{}", text(&row.why)) };
    let _ = writeln!(
        out,
        "<tr><td>{} <small>({})</small></td><td>{}</td><td class=\"{class}\">{}{why}</td><td>{}{more}</td></tr>",
        text(&row.rule.title),
        row.rule.language,
        text(test),
        row.verdict.as_str().replace('_', " "),
        events.join("<br>")
    );
}
