//! JUnit XML, as CI systems read it: a suite for each test, a case for each rule and signal.

use std::fmt::Write as _;

use shikra_validate::{BACKGROUND, Report, Row, Signal, Verdict};

use super::event_words;
use crate::escape;

/// XML takes the escapes of HTML; characters that XML cannot have are written out by them.
fn attribute(text: &str) -> String {
    let mut out = String::new();
    escape::html(text, &mut out);
    out.replace('\n', "&#10;").replace('\t', "&#9;")
}

pub fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"shikra validate\" failures=\"{}\">", report.failures());
    let named = report.tests.iter().map(|t| (t.id.as_str(), t.name.as_str()));
    // Published evidence comes with tests of its own names.
    let mut others: Vec<(&str, &str)> = Vec::new();
    for row in &report.rows {
        let listed =
            report.tests.iter().any(|t| t.id == row.test) || row.test.is_empty() || row.test == BACKGROUND;
        if !listed && others.last().is_none_or(|(last, _)| *last != row.test) {
            others.push((&row.test, "published evidence"));
        }
    }
    for (id, name) in
        named.chain(others).chain([(BACKGROUND, "ordinary activity"), ("", "rules without a test")])
    {
        let rows: Vec<&Row> = report.rows.iter().filter(|r| r.test == id).collect();
        let signals: Vec<&Signal> = report.signals.iter().filter(|s| s.test == id).collect();
        if rows.is_empty() && signals.is_empty() {
            continue;
        }
        let failed =
            rows.iter().filter(|r| r.failed).count() + signals.iter().filter(|s| !s.present()).count();
        let skipped = rows.iter().filter(|r| r.verdict == Verdict::Untested && !r.failed).count();
        let label = if id.is_empty() { name.to_owned() } else { format!("{id}: {name}") };
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\">",
            attribute(&label),
            rows.len() + signals.len()
        );
        rows.iter().for_each(|r| rule_case(r, &mut out));
        signals.iter().for_each(|s| signal_case(s, &mut out));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn rule_case(r: &Row, out: &mut String) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\"",
        attribute(&r.rule.path),
        attribute(&r.rule.title)
    );
    let events: Vec<String> = r.events.iter().map(event_words).collect();
    let events = attribute(&events.join("\n"));
    let why = attribute(&r.why);
    let verdict = r.verdict.as_str();
    let _ = match (r.failed, r.verdict) {
        (true, _) => {
            writeln!(out, "><failure type=\"{verdict}\" message=\"{why}\">{events}</failure></testcase>")
        }
        (_, Verdict::Untested) => writeln!(out, "><skipped message=\"{why}\"/></testcase>"),
        _ => writeln!(out, "><system-out>{verdict} {why}\n{events}</system-out></testcase>"),
    };
}

fn signal_case(s: &Signal, out: &mut String) {
    let _ = write!(out, "    <testcase classname=\"signal\" name=\"{}\"", attribute(&s.what));
    let _ = if s.present() {
        writeln!(out, "/>")
    } else {
        writeln!(
            out,
            "><failure type=\"absent\" message=\"{}\">{}</failure></testcase>",
            attribute(&s.problem),
            attribute(&s.event)
        )
    };
}
