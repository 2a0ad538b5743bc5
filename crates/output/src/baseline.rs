//! Baselines as text: what is in one, and what is different between two.

use std::fmt::Write as _;

use shikra_baseline::{Baseline, Change, DIMENSIONS, Dimension, Stat};
use shikra_event::Timestamp;

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::{count, pad, thousands};
use crate::{Paint, Style};

/// Values shown of a kind where nobody asks for all.
const SHOWN: usize = 8;

/// What is in a baseline: a summary, and the programs asked for (none: names and counts of all).
pub fn render(b: &Baseline, programs: &[String], style: &Style) -> String {
    let mut out = String::new();
    if programs.is_empty() {
        summary(b, style, &mut out);
        return out;
    }
    for program in programs {
        let name = program.to_lowercase();
        match b.program(&name) {
            None => drop(writeln!(out, "{}  not in the baseline\n", for_terminal(&name))),
            Some(stat) => {
                let _ = writeln!(
                    out,
                    "{}  {}",
                    style.paint(Paint::Strong, &for_terminal(&name)),
                    style.paint(Paint::Faint, &seen(stat))
                );
                tables(b, &name, style, &mut out);
            }
        }
    }
    out
}

fn summary(b: &Baseline, style: &Style, out: &mut String) {
    let _ = writeln!(
        out,
        "{} read, {} told of {}; {} kept",
        count(b.events(), "event"),
        thousands(b.observed()),
        count(b.programs().len() as u64, "program"),
        count(b.size() as u64, "value")
    );
    if let Some((first, last)) = b.span() {
        let _ = writeln!(out, "{} to {}", time(first), time(last));
    }
    for about in DIMENSIONS {
        let Some(table) = b.table("", about.dimension) else { continue };
        let lossy = if b.lossy("", about.dimension) { ", the rest sampled" } else { "" };
        let kept = table.sorted().len() as u64;
        let _ = writeln!(out, "  {}  {:>9}{lossy}", pad(about.name, 14), thousands(kept));
    }
    if b.false_positives() > 0.0 {
        let _ = writeln!(
            out,
            "of kinds with more values than are kept, a new value is taken for a known one with a chance of {:.2}%",
            b.false_positives() * 100.0
        );
    }
    out.push('\n');
    let mut programs: Vec<(&str, &Stat)> =
        b.table("", Dimension::Program).map(|t| t.sorted()).unwrap_or_default();
    programs.sort_by_key(|(name, s)| (std::cmp::Reverse(s.count), *name));
    let shown = if style.verbose { usize::MAX } else { 40 };
    for (name, stat) in programs.iter().take(shown) {
        let _ =
            writeln!(out, "  {}  {}", pad(&for_terminal(name), 36), style.paint(Paint::Faint, &seen(stat)));
    }
    if programs.len() > shown {
        let _ = writeln!(out, "  … and {} more (-v shows all)", programs.len() - shown);
    }
}

fn tables(b: &Baseline, program: &str, style: &Style, out: &mut String) {
    for (dimension, table) in b.tables(program) {
        let lossy = if b.lossy(program, *dimension) { " (more were seen than are kept)" } else { "" };
        let mut values = table.sorted();
        values.sort_by_key(|(value, s)| (std::cmp::Reverse(s.count), *value));
        let _ = writeln!(out, "  {}, {}{lossy}", dimension.name(), count(values.len() as u64, "value"));
        let shown = if style.verbose { usize::MAX } else { SHOWN };
        for (value, stat) in values.iter().take(shown) {
            let _ = writeln!(
                out,
                "    {:>8}  {}  {}",
                thousands(stat.count),
                pad(&for_terminal(value), 48),
                style.paint(Paint::Faint, &when(stat))
            );
        }
        if values.len() > shown {
            let _ = writeln!(out, "              … and {} more (-v shows all)", values.len() - shown);
        }
    }
    out.push('\n');
}

fn seen(s: &Stat) -> String {
    format!("{}, {}", count(s.count, "event"), when(s))
}

fn when(s: &Stat) -> String {
    let hosts = count(s.hosts(), "host");
    match s.span {
        Some((first, last)) => format!("{hosts}, {} to {}", time(first), time(last)),
        None => hosts,
    }
}

/// `2020-10-22 01:54:25`.
fn time(seconds: i64) -> String {
    let (y, mo, d, h, mi, s, _) = stamp(seconds).civil();
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}")
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000_000_000))
}

/// Everything in a baseline as JSON lines: a head, then each value; only of these programs, where some are named.
pub fn to_ndjson(b: &Baseline, programs: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("schema").string("shikra.baseline/1");
        o.key("events").number(b.events());
        o.key("observed").number(b.observed());
        o.key("first").time(b.span().map(|s| stamp(s.0)));
        o.key("last").time(b.span().map(|s| stamp(s.1)));
        o.key("programs").number(b.programs().len() as i64);
        o.key("values").number(b.size() as i64);
        o.key("false_positives").float(b.false_positives());
    });
    out.push(b'\n');
    let wanted = |p: &str| programs.is_empty() || programs.iter().any(|w| w.eq_ignore_ascii_case(p));
    for program in std::iter::once("").chain(b.programs()).filter(|p| wanted(p)) {
        for (dimension, table) in b.tables(program) {
            for (value, stat) in table.sorted() {
                Json::new(&mut out).object(|o| {
                    key(program, *dimension, value, o);
                    write_stat(stat, o);
                });
                out.push(b'\n');
            }
        }
    }
    out
}

fn key(program: &str, dimension: Dimension, value: &str, o: &mut Members<'_>) {
    o.key("program").string_or_null(Some(program).filter(|p| !p.is_empty()));
    o.key("kind").string(dimension.name());
    o.key("value").string(value);
}

fn write_stat(stat: &Stat, o: &mut Members<'_>) {
    o.key("count").number(stat.count);
    o.key("hosts").number(stat.hosts());
    o.key("first").time(stat.span.map(|s| stamp(s.0)));
    o.key("last").time(stat.span.map(|s| stamp(s.1)));
}

/// Differences as lines: `+` in the second only, `-` in the first only, `~` another count.
pub fn render_diff(changes: &[Change<'_>], style: &Style) -> String {
    let mut out = String::new();
    let mut last = None;
    for c in changes {
        if last.replace(c.program) != Some(c.program) {
            let name = if c.program.is_empty() { "all programs".to_owned() } else { for_terminal(c.program) };
            let _ = writeln!(out, "{}", style.paint(Paint::Strong, &name));
        }
        let (sign, counts) = match (c.old, c.new) {
            (None, Some(n)) => ('+', thousands(n.count)),
            (Some(o), None) => ('-', thousands(o.count)),
            (Some(o), Some(n)) => ('~', format!("{} to {}", thousands(o.count), thousands(n.count))),
            (None, None) => continue,
        };
        let _ =
            writeln!(out, "  {sign} {}  {}  {counts}", pad(c.dimension.name(), 13), for_terminal(c.value));
    }
    out
}

/// Differences as JSON lines.
pub fn diff_to_ndjson(changes: &[Change<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for c in changes {
        Json::new(&mut out).object(|o| {
            key(c.program, c.dimension, c.value, o);
            let side = |stat: Option<&Stat>, o: &mut Members<'_>, name: &str| match stat {
                Some(s) => o.key(name).object(|o| write_stat(s, o)),
                None => o.key(name).null(),
            };
            side(c.old, o, "old");
            side(c.new, o, "new");
        });
        out.push(b'\n');
    }
    out
}
