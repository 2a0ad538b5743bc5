//! Hits of a search with what stands around them: for people, and as JSON lines (`shikra.search/1`).

use std::fmt::Write as _;
use std::sync::Arc;

use shikra_engine::finding::EventView;
use shikra_engine::search::{Branch, Hit};
use shikra_event::Timestamp;
use shikra_ir::RuleMeta;

use crate::escape::for_terminal;
use crate::finding::event_content;
use crate::json::{Json, Members};
use crate::paint::{clip, count};
use crate::{Paint, Style, telling};

/// A hit for people: events in order of time, the hit marked, then the process tree.
pub fn render(hit: &Hit, style: &Style) -> String {
    let mut out = String::new();
    let host = for_terminal(&hit.event.computer);
    let place = format!("{}:{}", for_terminal(&hit.event.source), hit.event.record);
    let _ = writeln!(out, "{}  {}", style.paint(Paint::Strong, &place), style.paint(Paint::Faint, &host));
    hit.before.iter().for_each(|e| line(e, ' ', style, &mut out));
    line(&hit.event, '>', style, &mut out);
    hit.after.iter().for_each(|e| line(e, ' ', style, &mut out));
    if !hit.tree.is_empty() {
        let _ = writeln!(out, "  {}", style.paint(Paint::Faint, "processes"));
        hit.tree.iter().for_each(|b| branch(b, style, &mut out));
    }
    out.push('\n');
    out
}

/// A hit for people, briefly: when, where, which record and what; on one line for pipes and files, on two for a
/// terminal, where the second has all the width for what is said.
pub fn brief(hit: &Hit, style: &Style) -> String {
    let e = &hit.event;
    let details = telling::event_details(&RuleMeta::default(), e);
    let head = format!("{}  {}  {}", short(e.time), for_terminal(&e.computer), telling::label(e));
    let place = format!("{}:{}", for_terminal(&e.source), e.record);
    let place = style.paint(Paint::Faint, &place);
    match style.width {
        None => format!("{head}  {details}  {place}\n"),
        Some(width) => format!("{head}  {place}\n    {}\n", clip(&details, width.saturating_sub(4))),
    }
}

fn line(e: &EventView, mark: char, style: &Style, out: &mut String) {
    let details = telling::event_details(&RuleMeta::default(), e);
    let text = format!("{mark} {}  {}  {details}", short(e.time), telling::label(e));
    let text = match style.width {
        Some(width) => clip(&text, width.saturating_sub(2)),
        None => text,
    };
    let paint = if mark == '>' { Paint::Strong } else { Paint::Faint };
    let _ = writeln!(out, "  {}", style.paint(paint, &text));
}

fn branch(b: &Branch, style: &Style, out: &mut String) {
    let p = &b.process;
    let what = if p.command_line.is_empty() { &p.image } else { &p.command_line };
    let mark = if b.hit { '>' } else { ' ' };
    let indent = "  ".repeat(b.depth.min(20));
    let text = format!("{mark} {}  {indent}{} ({})", short(p.time), for_terminal(what), for_terminal(&p.pid));
    let text = match style.width {
        Some(width) => clip(&text, width.saturating_sub(2)),
        None => text,
    };
    let _ = writeln!(out, "  {}", style.paint(if b.hit { Paint::Strong } else { Paint::Faint }, &text));
}

fn short(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return "no time            ".to_owned() };
    let (y, mo, d, h, mi, s, nanos) = time.civil();
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}.{:03}", nanos / 1_000_000)
}

/// What is said at the end of hits that are not told.
pub fn beyond(n: u64) -> String {
    format!(
        "{} more not shown, the first {} in the logs are: csv, and ndjson without -C and --tree, have all",
        count(n, "hit"),
        shikra_engine::search::MOST_HITS
    )
}

/// A hit as one JSON object with its line end.
pub fn to_ndjson(hit: &Hit) -> Vec<u8> {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("schema").string("shikra.search/1");
        o.key("event").raw(&event(&hit.event));
        let all = |o: &mut Members<'_>, key: &str, events: &[Arc<EventView>]| {
            o.key(key).array(|a| events.iter().for_each(|e| a.item().raw(&event(e))));
        };
        all(o, "before", &hit.before);
        all(o, "after", &hit.after);
        o.key("tree").array(|a| hit.tree.iter().for_each(|b| a.item().object(|o| write_branch(b, o))));
    });
    out.push(b'\n');
    out
}

fn event(e: &EventView) -> Vec<u8> {
    let mut out = br#"{"source":"#.to_vec();
    Json::new(&mut out).string(&e.source);
    out.push(b',');
    out.extend(event_content(e));
    out
}

fn write_branch(b: &Branch, o: &mut Members<'_>) {
    let p = &b.process;
    o.key("depth").number(b.depth as u64);
    o.key("hit").bool(b.hit);
    o.key("image").string(&p.image);
    o.key("command_line").string(&p.command_line);
    o.key("user").string(&p.user);
    o.key("pid").string(&p.pid);
    o.key("time").time(p.time);
    o.key("source").string(&p.source);
    o.key("record").number(p.record);
}
