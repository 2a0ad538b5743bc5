//! For people at a terminal: a grid of rules and tests, then the signals, then what there is to explain.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use shikra_validate::{BACKGROUND, Report, Row, Verdict};

use super::{event_words, tally};
use crate::escape::for_terminal;
use crate::paint::{clip, count, pad};
use crate::{Paint, Style};

/// Columns for the title of a rule.
const TITLE: usize = 46;
/// Tests side by side.
const ACROSS: usize = 24;

/// How a verdict looks in the grid.
fn mark(row: &Row) -> (&'static str, Paint) {
    match (row.verdict, row.failed) {
        (Verdict::Fired, _) => ("✓", Paint::Good),
        (Verdict::Missed, true) => ("✗", Paint::Bad),
        (Verdict::Missed, false) => ("–", Paint::Warn),
        (Verdict::NearMiss, true) => ("!", Paint::Bad),
        (Verdict::NearMiss, false) => ("~", Paint::Warn),
        (Verdict::Silent, _) => ("·", Paint::Faint),
        (Verdict::Untested, _) => ("?", Paint::Faint),
    }
}

pub fn render(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    if !report.tests.is_empty() {
        legend(report, style, &mut out);
        grid(report, style, &mut out);
    }
    evidence(report, style, &mut out);
    signals(report, style, &mut out);
    reasons(report, style, &mut out);
    let failures = report.failures();
    let paint = if failures > 0 { Paint::Bad } else { Paint::Good };
    let verdict = if failures > 0 { format!("{failures} failed") } else { "nothing failed".to_owned() };
    let _ = writeln!(
        out,
        "{} × {}: {}; {}",
        count(report.rules as u64, "rule"),
        count(report.tests.len() as u64, "test"),
        tally(report),
        style.paint(paint, &verdict)
    );
    out
}

/// Which column is which test.
fn legend(report: &Report, style: &Style, out: &mut String) {
    let _ = writeln!(out, "{}", style.paint(Paint::Strong, "Tests"));
    for (n, test) in report.tests.iter().enumerate() {
        let kind = if test.kind == "simulation" { String::new() } else { format!(" ({})", test.kind) };
        let line =
            format!("{:>4}  {} {}{kind}", n + 1, pad(&for_terminal(&test.id), 28), for_terminal(&test.name));
        let _ = writeln!(out, "{}", style.clip(&line, style.width.unwrap_or(usize::MAX)));
        for note in &test.notes {
            let _ = writeln!(out, "        {}", style.paint(Paint::Faint, &for_terminal(note)));
        }
    }
    out.push('\n');
}

/// Whether the row has a column.
fn listed(report: &Report, row: &Row) -> bool {
    row.test == BACKGROUND || report.tests.iter().any(|t| t.id == row.test)
}

fn grid(report: &Report, style: &Style, out: &mut String) {
    let mut rules: Vec<(&str, BTreeMap<&str, &Row>)> = Vec::new();
    let mut last = "";
    for row in report.rows.iter().filter(|r| listed(report, r)) {
        let id = row.rule.id.as_str();
        match rules.last_mut() {
            Some((_, tests)) if id == last && !tests.contains_key(row.test.as_str()) => {
                tests.insert(&row.test, row);
            }
            _ => rules.push((&row.rule.title, BTreeMap::from([(row.test.as_str(), row)]))),
        }
        last = id;
    }
    let mut first = 0;
    for tests in report.tests.chunks(ACROSS) {
        let head: String = (first + 1..=first + tests.len()).map(|n| format!("{n:>3}")).collect();
        first += tests.len();
        let _ = writeln!(out, "{}{head}   bg", style.paint(Paint::Strong, &pad("Rule", TITLE)));
        for (title, cells) in &rules {
            let mut line = pad(&clip(&for_terminal(title), TITLE - 1), TITLE);
            for test in tests.iter().map(|t| t.id.as_str()).chain([BACKGROUND]) {
                let (text, paint) = cells.get(test).map_or((" ", Paint::Faint), |r| mark(r));
                let gap = if test == BACKGROUND { "    " } else { "  " };
                let _ = write!(line, "{gap}{}", style.paint(paint, text));
            }
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{}\n",
        style.paint(Paint::Faint, "✓ fired  ✗ missed, though the test names the rule  – did not fire  · silent, as it should  ~ fired on a near miss, explained  ! fired on something benign  bg ordinary activity")
    );
}

fn noted((proof, path, why): &(String, String, String), out: &mut String) {
    let _ = writeln!(out, "  {}", for_terminal(&format!("{proof}: {why} ({path})")));
}

/// Evidence that others publish, by collection.
fn evidence(report: &Report, style: &Style, out: &mut String) {
    if report.evidence.is_empty() {
        return;
    }
    let head = format!(
        "{}{:>8}{:>8}{:>8}{:>10}",
        pad("Published evidence", TITLE),
        "tested",
        "passed",
        "failed",
        "untested"
    );
    let _ = writeln!(out, "{}", style.paint(Paint::Strong, &head));
    for set in &report.evidence {
        let more = if set.more > 0 {
            format!("  ({} with more findings than published)", set.more)
        } else {
            String::new()
        };
        let line = format!(
            "{}{:>8}{:>8}{:>8}{:>10}{more}",
            pad(&for_terminal(&set.name), TITLE),
            set.tested(),
            set.passed,
            set.failed,
            set.untested
        );
        let _ = writeln!(out, "{line}");
    }
    let shown = if style.verbose { usize::MAX } else { 10 };
    for set in &report.evidence {
        set.failures.iter().take(shown).for_each(|note| noted(note, out));
        if set.failures.len() > shown {
            let _ = writeln!(out, "  and {} more of {}", set.failures.len() - shown, for_terminal(&set.name));
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        set.gaps.iter().for_each(|(_, _, why)| *reasons.entry(why).or_default() += 1);
        for (why, n) in reasons {
            let _ =
                writeln!(out, "  untested of {}: {n} because {}", for_terminal(&set.name), for_terminal(why));
        }
        if style.verbose {
            set.gaps.iter().for_each(|note| noted(note, out));
        }
    }
    out.push('\n');
}

fn signals(report: &Report, style: &Style, out: &mut String) {
    let mut test = "";
    for signal in &report.signals {
        if signal.test != test {
            test = &signal.test;
            let _ = writeln!(
                out,
                "{}",
                style.paint(Paint::Strong, &format!("Signals of {}", for_terminal(test)))
            );
        }
        let (text, paint) = if signal.present() { ("✓", Paint::Good) } else { ("✗", Paint::Bad) };
        let event = signal.events.first().map(|e| format!("  [{}]", event_words(e))).unwrap_or_default();
        let problem = if signal.problem.is_empty() { String::new() } else { format!(": {}", signal.problem) };
        let absent = if signal.present() { "" } else { " is absent" };
        let line = for_terminal(&format!("{}{absent}{problem}", signal.what));
        let _ = writeln!(
            out,
            "  {} {line}{}",
            style.paint(paint, text),
            style.paint(Paint::Faint, &for_terminal(&event))
        );
    }
    if !report.signals.is_empty() {
        out.push('\n');
    }
}

/// What the grid cannot say.
fn reasons(report: &Report, style: &Style, out: &mut String) {
    let told = |r: &&Row| {
        r.failed
            || matches!(r.verdict, Verdict::NearMiss)
            || (r.verdict == Verdict::Silent && !r.why.is_empty())
    };
    for row in report.rows.iter().filter(told) {
        let (text, paint) = mark(row);
        let why = match (&row.why, row.failed) {
            (why, _) if !why.is_empty() => why.clone(),
            (_, true) if row.verdict == Verdict::NearMiss => "nobody has said that it would".to_owned(),
            _ => "the test names it".to_owned(),
        };
        let line = format!(
            "{} on {}: {why}",
            row.rule.title,
            if row.test.is_empty() { "no test" } else { &row.test }
        );
        let _ = writeln!(out, "{} {}", style.paint(paint, text), for_terminal(&line));
        if row.verdict == Verdict::NearMiss {
            for e in row.events.iter().take(2) {
                let _ = writeln!(out, "    {}", style.paint(Paint::Faint, &for_terminal(&event_words(e))));
            }
        }
    }
    for problem in &report.problems {
        let _ = writeln!(out, "{} {}", style.paint(Paint::Warn, "!"), for_terminal(problem));
    }
    out.push('\n');
}
