//! What is in a file, for people and as JSON: what `shikra info` prints.

use shikra_engine::info::{EventType, FileInfo};

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::{clip, count, pad, thousands, width};
use crate::totals::{trouble_line, write_trouble};
use crate::{Paint, Style};

/// Event types, computers and troubles shown to people who did not ask for all.
const SHOWN: usize = 12;

/// For people: some lines per file.
pub fn render(f: &FileInfo, style: &Style) -> String {
    let mut out = String::new();
    let origins: Vec<&str> = f.origins.keys().copied().filter(|o| !o.is_empty()).collect();
    let shape = if origins.is_empty() { String::new() } else { format!(" ({})", origins.join(", ")) };
    let name = style.paint(Paint::Strong, &for_terminal(&f.source));
    out.push_str(&format!("{name}  {}{shape}\n", for_terminal(f.format)));
    line("events", &events(f), &mut out);
    let computers = top(f.computers.iter().map(|(n, c)| (for_terminal(n), *c)).collect(), style);
    if !computers.is_empty() {
        let list: Vec<String> = computers.iter().map(|(n, c)| format!("{n} ({})", thousands(*c))).collect();
        let rest = more((f.computers.len() - computers.len()) as u64);
        line("computers", &format!("{}{rest}", list.join(", ")), &mut out);
    }
    render_types(f, style, &mut out);
    render_gaps(f, style, &mut out);
    render_troubles(f, style, &mut out);
    out.push('\n');
    out
}

fn line(label: &str, text: &str, out: &mut String) {
    out.push_str(&format!("  {} {text}\n", pad(label, 10)));
}

fn events(f: &FileInfo) -> String {
    let mut text = thousands(f.events);
    if let Some((first, last)) = f.span {
        text.push_str(&format!(", {first} to {last}"));
    }
    if f.without_time > 0 {
        text.push_str(&format!(", {} without a time", thousands(f.without_time)));
    }
    text
}

/// The most frequent, as many as the style wants.
fn top<T: Ord>(mut rows: Vec<(T, u64)>, style: &Style) -> Vec<(T, u64)> {
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows.truncate(if style.verbose { usize::MAX } else { SHOWN });
    rows
}

fn more(hidden: u64) -> String {
    if hidden > 0 { format!(", … and {} more", thousands(hidden)) } else { String::new() }
}

fn render_types(f: &FileInfo, style: &Style, out: &mut String) {
    let rows = top(f.types.iter().collect::<Vec<_>>().into_iter().map(|(t, n)| (t, *n)).collect(), style);
    let room = style.width.unwrap_or(usize::MAX).saturating_sub(32).max(20);
    for (i, (kind, n)) in rows.iter().enumerate() {
        let label = if i == 0 { "types" } else { "" };
        let id = kind.event_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        line(label, &format!("{:>11}  {id:>5}  {}", thousands(*n), clip(&place(kind), room)), out);
    }
    let hidden = (f.types.len() - rows.len()) as u64;
    if hidden > 0 {
        line("", &format!("             … and {} more types", thousands(hidden)), out);
    }
    if f.other_types > 0 {
        line("", &format!("             {} of too many types to list", count(f.other_types, "event")), out);
    }
}

/// The channel, and the provider where its name says more.
fn place(kind: &EventType) -> String {
    let (channel, provider) = (for_terminal(&kind.channel), for_terminal(&kind.provider));
    match (channel.is_empty(), provider.is_empty()) {
        (true, true) => "no channel, no provider".to_owned(),
        (true, false) => provider,
        (false, false) if !channel.starts_with(&provider) => format!("{channel} · {provider}"),
        _ => channel,
    }
}

fn render_gaps(f: &FileInfo, style: &Style, out: &mut String) {
    if f.missing_records > 0 {
        let shown = if style.verbose { usize::MAX } else { 4 };
        let ranges: Vec<String> = f
            .missing_ranges
            .iter()
            .take(shown)
            .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}–{b}") })
            .collect();
        let rest = more((f.missing_ranges.len() - ranges.len()) as u64);
        let text =
            format!("{} missing: {}{rest}", count(f.missing_records, "record number"), ranges.join(", "));
        line("gaps", &style.paint(Paint::Warn, &text), out);
    }
    if f.restarts > 0 {
        line("", &format!("record numbers fall back {}", count(f.restarts, "time")), out);
    }
    for (a, b) in &f.pauses {
        let hours = (b.0.saturating_sub(a.0)) as f64 / 3.6e12;
        line("silence", &format!("{hours:.1} h: {a} to {b}"), out);
    }
    if f.backwards > 0 {
        line("order", &format!("{} earlier than the one before", count(f.backwards, "event")), out);
    }
}

fn render_troubles(f: &FileInfo, style: &Style, out: &mut String) {
    if f.trouble_counts.is_empty() {
        return;
    }
    let kinds: Vec<String> =
        f.trouble_counts.iter().map(|(k, n)| format!("{} {}", thousands(*n), k.as_str())).collect();
    line("damage", &style.paint(Paint::Bad, &kinds.join(", ")), out);
    let room = style.width.unwrap_or(usize::MAX).saturating_sub(14).max(40);
    for t in f.troubles.iter().take(if style.verbose { usize::MAX } else { 5 }) {
        let text = trouble_line(t);
        line("", if width(&text) > room { clip(&text, room) } else { text }.as_str(), out);
    }
}

/// As one JSON object, without the line end.
pub fn to_json(f: &FileInfo) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| write(f, o));
    String::from_utf8(out).unwrap_or_default()
}

fn write(f: &FileInfo, o: &mut Members<'_>) {
    o.key("schema").string("shikra.info/1");
    o.key("source").string(&f.source);
    o.key("format").string(f.format);
    o.key("recognised").object(|o| f.origins.iter().for_each(|(name, n)| o.key(name).number(*n)));
    o.key("events").number(f.events);
    o.key("without_time").number(f.without_time);
    o.key("first").time(f.span.map(|s| s.0));
    o.key("last").time(f.span.map(|s| s.1));
    o.key("types").array(|a| {
        for (kind, n) in &f.types {
            a.item().object(|o| {
                o.key("channel").string(&kind.channel);
                o.key("provider").string(&kind.provider);
                match kind.event_id {
                    Some(id) => o.key("event_id").number(id),
                    None => o.key("event_id").null(),
                }
                o.key("count").number(*n);
            });
        }
    });
    o.key("other_types").number(f.other_types);
    o.key("computers").object(|o| f.computers.iter().for_each(|(name, n)| o.key(name).number(*n)));
    o.key("other_computers").number(f.other_computers);
    write_gaps(f, o);
    o.key("unreadable").object(|o| f.trouble_counts.iter().for_each(|(k, n)| o.key(k.as_str()).number(*n)));
    o.key("troubles").array(|a| f.troubles.iter().for_each(|t| a.item().object(|o| write_trouble(t, o))));
}

fn write_gaps(f: &FileInfo, o: &mut Members<'_>) {
    o.key("missing_records").number(f.missing_records);
    o.key("missing_ranges").array(|a| {
        for (first, last) in &f.missing_ranges {
            a.item().array(|a| {
                a.item().number(*first);
                a.item().number(*last);
            });
        }
    });
    o.key("record_restarts").number(f.restarts);
    o.key("pauses").array(|a| {
        for (begin, end) in &f.pauses {
            a.item().array(|a| {
                a.item().time(Some(*begin));
                a.item().time(Some(*end));
            });
        }
    });
    o.key("backwards").number(f.backwards);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::Timestamp;
    use shikra_input::{Trouble, TroubleKind};

    fn info() -> FileInfo {
        let mut f = FileInfo::new("a\x1b.evtx".into(), "evtx");
        f.events = 1234;
        f.origins.insert("EVTX", 1234);
        f.span = Some((Timestamp(0), Timestamp(7_200_000_000_000)));
        f.pauses.push((Timestamp(0), Timestamp(7_200_000_000_000)));
        let kind =
            EventType { channel: "Security\u{202e}".into(), provider: "P".into(), event_id: Some(4688) };
        f.types.insert(kind, 1234);
        f.computers.insert("pc\x07".into(), 1234);
        (f.missing_records, f.missing_ranges) = (3, vec![(5, 5), (8, 9)]);
        f.trouble(Trouble {
            source: "a".into(),
            kind: TroubleKind::CorruptBlock,
            offset: Some(9),
            record: None,
            message: "m".into(),
        });
        f
    }

    #[test]
    fn people_see_all_of_it_safely() {
        let text = render(&info(), &Style { width: Some(80), ..Style::default() });
        let want = "a\\x1b.evtx  evtx (EVTX)\n  \
                    events     1,234, 1970-01-01T00:00:00Z to 1970-01-01T02:00:00Z\n  \
                    computers  pc\\x07 (1,234)\n  \
                    types            1,234   4688  Security\\u{202e} · P\n  \
                    gaps       3 record numbers missing: 5, 8–9\n  \
                    silence    2.0 h: 1970-01-01T00:00:00Z to 1970-01-01T02:00:00Z\n  \
                    damage     1 corrupt-block\n             \
                    a: corrupt-block at byte 9: m\n\n";
        assert_eq!(text, want);
    }

    #[test]
    fn json_is_json() {
        let value: serde_json::Value = serde_json::from_str(&to_json(&info())).unwrap();
        assert_eq!(value["types"][0]["event_id"], 4688);
        assert_eq!(value["missing_ranges"][1], serde_json::json!([8, 9]));
        assert_eq!(value["unreadable"]["corrupt-block"], 1);
    }
}
