//! The end of a run for people and programs: what was read, what was not, which rules ran, what was found.

use shikra_engine::finding::Totals;
use shikra_event::Timestamp;
use shikra_input::Trouble;
use shikra_ir::Level;

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::{bytes, count, thousands};
use crate::{Paint, Style, costs};

/// For people: a few lines; troubles and rules unable to fire by name where the style is verbose. `seconds` is
/// how long it took, where the reader cares.
pub fn render(t: &Totals, style: &Style, seconds: Option<f64>) -> String {
    let mut out = String::new();
    input(t, style, seconds, &mut out);
    troubles(t, style, &mut out);
    rules(t, style, &mut out);
    findings(t, style, &mut out);
    for limit in &t.limits {
        line(style, Paint::Warn, "limit", &for_terminal(limit), &mut out);
    }
    stopped(t, style, &mut out);
    out
}

/// The same of a run without rules: what was read and what was not.
pub fn read(t: &Totals, style: &Style, seconds: Option<f64>) -> String {
    let mut out = String::new();
    input(t, style, seconds, &mut out);
    troubles(t, style, &mut out);
    stopped(t, style, &mut out);
    out
}

fn stopped(t: &Totals, style: &Style, out: &mut String) {
    if t.cancelled {
        line(style, Paint::Warn, "stopped", "on request: the rest of the input was not read", out);
    }
}

/// A word, then what there is to say of it.
fn line(style: &Style, paint: Paint, label: &str, text: &str, out: &mut String) {
    out.push_str(&format!("{} {text}\n", style.paint(paint, &format!("{label:8}"))));
}

fn indented(text: &str, out: &mut String) {
    out.push_str(&format!("           {text}\n"));
}

fn input(t: &Totals, style: &Style, seconds: Option<f64>, out: &mut String) {
    let (events, files) = (count(t.events, "event"), count(t.sources, "file"));
    let mut text = format!("{events} in {files}, {}", bytes(t.bytes));
    if let Some(s) = seconds.filter(|s| *s > 0.0) {
        let rate = thousands((t.events as f64 / s) as u64);
        text.push_str(&format!(", {s:.1} s ({rate} events/s)"));
    }
    line(style, Paint::Strong, "read", &text, out);
    if let Some((first, last)) = t.span {
        let mut text = format!("{first} to {last}");
        if t.outside_time > 0 {
            text.push_str(&format!("; {} outside the time asked for", count(t.outside_time, "event")));
        }
        line(style, Paint::Strong, "time", &text, out);
    }
}

fn troubles(t: &Totals, style: &Style, out: &mut String) {
    let all: u64 = t.trouble_counts.values().sum();
    if all == 0 {
        return;
    }
    let kinds: Vec<String> = t.trouble_counts.iter().map(|(k, n)| format!("{} {k}", thousands(*n))).collect();
    line(style, Paint::Warn, "not read", &kinds.join(", "), out);
    let shown = t.troubles.len().min(if style.verbose { usize::MAX } else { 3 });
    t.troubles.iter().take(shown).for_each(|t| indented(&trouble_line(t), out));
    more(all - (shown as u64).min(all), style, out);
}

fn rules(t: &Totals, style: &Style, out: &mut String) {
    let mut parts = vec![format!("{} loaded", thousands(t.rules_ok + t.rules_partial))];
    if t.rules_partial > 0 {
        parts.push(style.paint(Paint::Warn, &format!("{} of them partial", thousands(t.rules_partial))));
    }
    if t.rules_rejected > 0 {
        parts.push(style.paint(Paint::Bad, &format!("{} rejected", thousands(t.rules_rejected))));
    }
    if !t.unable_to_fire.is_empty() {
        parts.push(format!("{} unable to fire on this data", thousands(t.unable_to_fire.len() as u64)));
    }
    if !t.not_run.is_empty() {
        parts.push(style.paint(Paint::Bad, &format!("{} cannot run", thousands(t.not_run.len() as u64))));
    }
    line(style, Paint::Strong, "rules", &parts.join(", "), out);
    let shown = t.not_run.len().min(if style.verbose { usize::MAX } else { 5 });
    for (title, reason) in t.not_run.iter().take(shown) {
        indented(&format!("cannot run: {}: {}", for_terminal(title), for_terminal(reason)), out);
    }
    more((t.not_run.len() - shown) as u64, style, out);
    if style.verbose {
        for rule in &t.unable_to_fire {
            let [title, id, reason] = [&rule.title, &rule.id, &rule.reason].map(|s| for_terminal(s));
            indented(&format!("unable to fire: {title} ({id}): {reason}"), out);
        }
        for (title, events) in &t.busiest {
            indented(&format!("took {}: {}", count(*events, "event"), for_terminal(title)), out);
        }
    }
}

fn findings(t: &Totals, style: &Style, out: &mut String) {
    let levels: Vec<String> = t
        .findings
        .iter()
        .rev()
        .filter(|(_, n)| **n > 0)
        .map(|(l, n)| format!("{} {}", thousands(*n), style.paint(Paint::Level(*l), l.as_str())))
        .collect();
    let mut text = thousands(t.findings.values().sum());
    if !levels.is_empty() {
        text.push_str(&format!(": {}", levels.join(", ")));
    }
    if t.twins > 0 {
        text.push_str(&format!("; {} in two records each (twins)", thousands(t.twins)));
    }
    line(style, Paint::Strong, "findings", &text, out);
}

fn more(hidden: u64, style: &Style, out: &mut String) {
    if hidden > 0 {
        let hint = if style.verbose { "" } else { " (-v names them)" };
        indented(&format!("… and {} more{hint}", thousands(hidden)), out);
    }
}

/// Findings at or above a level.
pub fn findings_from(t: &Totals, level: Level) -> u64 {
    t.findings.range(level..).map(|(_, n)| n).sum()
}

/// As one JSON object, without the line end.
pub fn to_json(t: &Totals) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| write(t, o));
    String::from_utf8(out).unwrap_or_default()
}

fn write(t: &Totals, o: &mut Members<'_>) {
    o.key("schema").string("shikra.totals/1");
    o.key("sources").number(t.sources);
    o.key("bytes").number(t.bytes);
    o.key("events").number(t.events);
    o.key("outside_time").number(t.outside_time);
    o.key("first").time(t.span.map(|s: (Timestamp, Timestamp)| s.0));
    o.key("last").time(t.span.map(|s| s.1));
    o.key("unreadable").object(|o| t.trouble_counts.iter().for_each(|(k, n)| o.key(k).number(*n)));
    o.key("troubles").array(|a| t.troubles.iter().for_each(|t| a.item().object(|o| write_trouble(t, o))));
    o.key("rules").object(|o| {
        o.key("ok").number(t.rules_ok);
        o.key("partial").number(t.rules_partial);
        o.key("rejected").number(t.rules_rejected);
        o.key("unable_to_fire").array(|a| {
            for rule in &t.unable_to_fire {
                a.item().object(|o| {
                    o.key("id").string(&rule.id);
                    o.key("title").string(&rule.title);
                    o.key("reason").string(&rule.reason);
                });
            }
        });
    });
    o.key("not_run").array(|a| {
        for (title, reason) in &t.not_run {
            a.item().object(|o| {
                o.key("title").string(title);
                o.key("reason").string(reason);
            });
        }
    });
    o.key("findings").object(|o| {
        for level in Level::ALL {
            o.key(level.as_str()).number(t.findings.get(level).copied().unwrap_or(0));
        }
    });
    o.key("twins").number(t.twins);
    o.key("limits").strings(&t.limits);
    o.key("cancelled").bool(t.cancelled);
    if !t.costs.is_empty() {
        o.key("costs").array(|a| t.costs.iter().for_each(|c| costs::write(c, a.item())));
    }
}

/// `file: corrupt-block at byte 4096: message`, safe for a terminal.
pub(crate) fn trouble_line(t: &Trouble) -> String {
    let mut out = format!("{}: {}", for_terminal(&t.source), t.kind.as_str());
    if let Some(offset) = t.offset {
        out.push_str(&format!(" at byte {offset}"));
    }
    if let Some(record) = t.record {
        out.push_str(&format!(" record {record}"));
    }
    out.push_str(": ");
    out.push_str(&for_terminal(&t.message));
    out
}

pub(crate) fn write_trouble(t: &Trouble, o: &mut Members<'_>) {
    o.key("source").string(&t.source);
    o.key("kind").string(t.kind.as_str());
    match t.offset {
        Some(n) => o.key("offset").number(n),
        None => o.key("offset").null(),
    }
    match t.record {
        Some(n) => o.key("record").number(n),
        None => o.key("record").null(),
    }
    o.key("message").string(&t.message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_engine::finding::UnableRule;
    use shikra_input::TroubleKind;

    fn totals() -> Totals {
        Totals {
            sources: 2,
            bytes: 3 << 20,
            events: 12_345,
            troubles: vec![Trouble {
                source: "a\x1b.evtx".into(),
                kind: TroubleKind::CorruptBlock,
                offset: Some(4096),
                record: None,
                message: "bad\nmagic".into(),
            }],
            trouble_counts: [("corrupt-block", 5)].into(),
            rules_ok: 10,
            rules_partial: 1,
            rules_rejected: 2,
            unable_to_fire: vec![UnableRule {
                id: "id\x1b".into(),
                title: "title\u{202e}".into(),
                reason: "no event of its log source".into(),
            }],
            busiest: vec![("counts".into(), 12)],
            findings: [(Level::Low, 2), (Level::High, 1)].into(),
            twins: 1,
            ..Totals::default()
        }
    }

    #[test]
    fn nothing_is_left_unsaid() {
        let want = "read     12,345 events in 2 files, 3.0 MiB, 2.0 s (6,172 events/s)\n\
                    not read 5 corrupt-block\n           \
                    a\\x1b.evtx: corrupt-block at byte 4096: bad\\nmagic\n           \
                    … and 4 more (-v names them)\n\
                    rules    11 loaded, 1 of them partial, 2 rejected, 1 unable to fire on this data\n\
                    findings 3: 1 high, 2 low; 1 in two records each (twins)\n";
        assert_eq!(render(&totals(), &Style::default(), Some(2.0)), want);
        let style = Style { verbose: true, ..Style::default() };
        assert!(
            render(&totals(), &style, None).contains("title\\u{202e} (id\\x1b): no event of its log source")
        );
        assert!(render(&totals(), &style, None).contains("took 12 events: counts"));
        assert_eq!(findings_from(&totals(), Level::Medium), 1);
    }

    #[test]
    fn json_says_the_same() {
        let value: serde_json::Value = serde_json::from_str(&to_json(&totals())).unwrap();
        assert_eq!(value["rules"]["unable_to_fire"][0]["id"], "id\x1b");
        assert_eq!(value["unreadable"]["corrupt-block"], 5);
        assert_eq!(value["findings"]["critical"], 0);
        assert_eq!(value["twins"], 1);
    }
}
