//! What a baseline never saw, for people: by program, the most unusual first.

use std::fmt::Write as _;

use shikra_baseline::Dimension;
use shikra_engine::baseline::{NewOfProgram, News, Novelty};
use shikra_hunt::result::EventPoint;

use crate::escape::for_terminal;
use crate::paint::{clip, count, pad, thousands, width};
use crate::{Paint, Style};

/// Values shown of a program and kind where nobody asks for all.
const SHOWN: usize = 8;
/// Room for the name of the kind.
const KIND: usize = 13;

/// The news as text; at most `top` programs.
pub fn render(news: &News, top: usize, style: &Style) -> String {
    let mut out = String::new();
    let values: usize = news.programs.iter().map(|p| p.new.len()).sum();
    if values == 0 {
        out.push_str("nothing that the baseline has not seen\n");
    } else {
        let values = count(values as u64, "new value");
        let _ = writeln!(out, "{values} of {}\n", count(news.programs.len() as u64, "program"));
    }
    for program in news.programs.iter().take(top) {
        one(program, style, &mut out);
    }
    if news.programs.len() > top {
        let more = format!(
            "… and {} (--top 0 shows all, -v all of each)",
            count((news.programs.len() - top) as u64, "more program")
        );
        let _ = writeln!(out, "{}\n", style.paint(Paint::Faint, &more));
    }
    for note in news.notes() {
        let _ = writeln!(out, "{} {}", style.paint(Paint::Faint, "note:"), for_terminal(&note));
    }
    out
}

fn one(p: &NewOfProgram, style: &Style, out: &mut String) {
    let name = if p.program.is_empty() { "any program".to_owned() } else { for_terminal(&p.program) };
    let seen = match p.seen {
        _ if p.program.is_empty() => String::new(),
        None => "never seen before".to_owned(),
        Some((events, hosts)) => {
            format!("seen before: {} on {}", count(events, "event"), count(hosts, "host"))
        }
    };
    let first = p.new.iter().find(|n| n.dimension == Dimension::Program);
    let seen = first.map_or(seen.clone(), |n| format!("{seen} ({:.1}) {}", n.score, behind(n)));
    let paint = if p.seen.is_none() { Paint::Warn } else { Paint::Faint };
    let _ = writeln!(out, "{}  {}", style.paint(Paint::Strong, &name), style.paint(paint, &seen));
    let shown = if style.verbose { usize::MAX } else { SHOWN };
    // Kinds in the order of their most unusual value; the program itself stands in the heading.
    let mut kinds: Vec<Dimension> = Vec::new();
    for n in p.new.iter().filter(|n| n.dimension != Dimension::Program) {
        if !kinds.contains(&n.dimension) {
            kinds.push(n.dimension);
        }
    }
    for kind in kinds {
        let of_kind: Vec<&Novelty> = p.new.iter().filter(|n| n.dimension == kind).collect();
        of_kind.iter().take(shown).for_each(|n| value(n, style, out));
        if of_kind.len() > shown {
            let more =
                format!("        … and {} more of this kind", thousands((of_kind.len() - shown) as u64));
            let _ = writeln!(out, "{}", style.paint(Paint::Faint, &more));
        }
    }
    out.push('\n');
}

fn value(n: &Novelty, style: &Style, out: &mut String) {
    let score = format!("{:>6.1}", n.score);
    let kind = pad(n.dimension.name(), KIND);
    let behind = behind(n);
    let used = width(&score) + KIND + width(&behind) + 6;
    let room = style.width.unwrap_or(200).saturating_sub(used).max(24);
    let text = pad(&clip(&for_terminal(&n.raw), room), room.min(60));
    let _ = writeln!(
        out,
        "{score}  {}  {text}  {}",
        style.paint(Paint::Faint, &kind),
        style.paint(Paint::Faint, &behind)
    );
}

/// How often, where, and the first event.
fn behind(n: &Novelty) -> String {
    let mut parts = vec![format!("×{}", thousands(n.count))];
    if n.hosts > 1 {
        parts.push(count(n.hosts as u64, "host"));
    }
    match n.elsewhere {
        Some(Some((events, _))) => parts.push(format!("{} elsewhere", thousands(events))),
        Some(None) => parts.push("seen elsewhere".to_owned()),
        None => {}
    }
    parts.extend(n.events.first().map(point));
    parts.join(" · ")
}

fn point(e: &EventPoint) -> String {
    let file = e.source.rsplit(['/', '\\']).next().unwrap_or("");
    format!("{}:{}", for_terminal(file), e.record)
}
