//! Results of hunts for people: what was looked at, rows with reasons and events, pictures, what to know.

use std::fmt::Write as _;

use shikra_event::Value;
use shikra_hunt::HuntResult;
use shikra_hunt::result::{ColumnKind, EventPoint, Plot, ResultRow};

use super::draw;
use crate::escape::for_terminal;
use crate::paint::{clip, count, pad, thousands, width};
use crate::{Paint, Style};

/// Widest a column of text gets where the lines may be as long as they like.
const WIDEST: usize = 160;
/// Columns for the bar of the score.
const BAR: usize = 6;

/// The result as text; `pictures`: with its plots.
pub fn render(result: &HuntResult, style: &Style, pictures: bool) -> String {
    let mut out = String::new();
    heading(result, style, &mut out);
    if let Some(why) = &result.refused {
        let _ = writeln!(out, "  {}", style.paint(Paint::Warn, &for_terminal(why)));
    } else if result.rows.is_empty() {
        out.push_str("  nothing to show\n");
    } else {
        out.push('\n');
        rows(result, style, &mut out);
    }
    if pictures {
        for plot in result.plots.iter().filter(|p| !in_table(p, result)) {
            out.push('\n');
            out.push_str(&draw::plot(plot, style));
        }
    }
    for (label, texts) in [("confirms:", &result.confirms), ("refutes:", &result.refutes)] {
        texts.iter().for_each(|t| wrapped(label, t, style, &mut out));
    }
    for note in &result.notes {
        let _ = writeln!(out, "  {} {}", style.paint(Paint::Faint, "note:"), for_terminal(note));
    }
    out
}

/// Bars of rows and series stand in the table already.
fn in_table(plot: &Plot, result: &HuntResult) -> bool {
    match plot {
        Plot::Bars { bars, .. } => bars.iter().all(|b| b.2.is_some()),
        Plot::Timeline { .. } => result.columns.iter().any(|c| c.kind == ColumnKind::Series),
        _ => false,
    }
}

fn heading(r: &HuntResult, style: &Style, out: &mut String) {
    let title = if r.title.is_empty() { r.analytic } else { &r.title };
    let what = if r.title.is_empty() { String::new() } else { format!(" ({})", r.analytic) };
    let techniques =
        if r.techniques.is_empty() { String::new() } else { format!("  {}", r.techniques.join(" ")) };
    let _ = writeln!(
        out,
        "{}{}{}",
        style.paint(Paint::Strong, &for_terminal(title)),
        style.paint(Paint::Faint, &what),
        for_terminal(&techniques)
    );
    if !r.hypothesis.is_empty() {
        wrapped("", &r.hypothesis, style, out);
    }
    let p = &r.population;
    let mut parts = vec![count(p.events, "event")];
    let about = if p.sample > 1 { "about " } else { "" };
    parts.push(format!("{about}{}", count(p.values, "different value")));
    parts.push(count(p.hosts, "host"));
    parts.push(count(p.users, "user"));
    if let Some((a, b)) = p.span {
        parts.push(format!("{} to {}", short_time(&a.to_string()), short_time(&b.to_string())));
    }
    let _ = writeln!(out, "  {}", parts.join(", "));
    if r.rows_total > r.rows.len() as u64 {
        let shown = thousands(r.rows.len() as u64);
        let _ = writeln!(out, "  showing {shown} of {}", count(r.rows_total, "row"));
    }
}

/// A text over several lines, indented, with a word before it.
fn wrapped(label: &str, text: &str, style: &Style, out: &mut String) {
    let room = style.width.unwrap_or(110).clamp(40, 110);
    let label =
        if label.is_empty() { String::new() } else { format!("{} ", style.paint(Paint::Faint, label)) };
    let mut line = format!("  {label}");
    let mut used = 2 + width(&label);
    for word in for_terminal(text).split_whitespace() {
        if used + width(word) + 1 > room {
            let _ = writeln!(out, "{}", line.trim_end());
            line = "    ".to_owned();
            used = 4;
        }
        line.push_str(word);
        line.push(' ');
        used += width(word) + 1;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// Date and time to the second.
fn short_time(text: &str) -> String {
    text.get(..19).unwrap_or(text).replace('T', " ")
}

fn cell(value: &Value, kind: ColumnKind) -> String {
    match (kind, value) {
        (_, Value::Missing | Value::Null) => "-".to_owned(),
        (ColumnKind::Count, Value::I64(n)) => thousands(u64::try_from(*n).unwrap_or(0)),
        (ColumnKind::Share, Value::F64(n)) => percent(*n),
        (ColumnKind::Time, v) => short_time(&v.to_text().unwrap_or_default()),
        (ColumnKind::Series, Value::List(all)) => {
            let numbers: Vec<f64> = all.iter().filter_map(Value::as_f64).collect();
            draw::sparkline(&numbers, 40)
        }
        (_, Value::F64(n)) => draw::number(*n),
        (_, Value::List(all)) => {
            let texts: Vec<String> = all.iter().filter_map(Value::to_text).collect();
            for_terminal(&texts.join(", "))
        }
        (_, v) => for_terminal(&v.to_text().unwrap_or_default()),
    }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p >= 10.0 => format!("{p:.0}%"),
        p if p >= 0.1 || p == 0.0 => format!("{p:.1}%"),
        p => format!("{p:.3}%"),
    }
}

fn rows(r: &HuntResult, style: &Style, out: &mut String) {
    let scored = r.rows.iter().any(|row| row.score.is_some());
    let cells: Vec<Vec<String>> = r
        .rows
        .iter()
        .map(|row| row.cells.iter().zip(&r.columns).map(|(v, c)| cell(v, c.kind)).collect())
        .collect();
    let widths = widths(r, &cells, style, scored);
    let head: Vec<String> = r
        .columns
        .iter()
        .zip(&widths)
        .map(|(c, w)| place(&for_terminal(&c.name).replace('_', " "), *w, c.kind))
        .collect();
    let score = if scored { format!("{}  ", pad("score", 6 + 1 + BAR)) } else { String::new() };
    let head = format!("   # {score} {}", head.join("  "));
    let _ = writeln!(out, "{}", style.paint(Paint::Faint, head.trim_end()));
    let top = r.rows.iter().filter_map(|row| row.score).fold(0.0, f64::max);
    for (i, (row, cells)) in r.rows.iter().zip(&cells).enumerate() {
        let score = match (scored, row.score) {
            (true, Some(s)) => {
                let bar = pad(&draw::bar(s / top.max(f64::MIN_POSITIVE), BAR), BAR);
                format!("{} {}  ", pad(&draw::number(s), 6), style.paint(Paint::Warn, &bar))
            }
            (true, None) => pad("", 6 + 1 + BAR + 2),
            _ => String::new(),
        };
        let texts: Vec<String> = cells
            .iter()
            .zip(&r.columns)
            .zip(&widths)
            .enumerate()
            .map(|(c, ((text, column), w))| marked(row, c, &place(text, *w, column.kind), style))
            .collect();
        let _ = writeln!(out, "{:>4} {score} {}", i + 1, texts.join("  ").trim_end());
        behind(row, style, out);
    }
}

fn place(text: &str, room: usize, kind: ColumnKind) -> String {
    let text = clip(text, room);
    match kind {
        ColumnKind::Text | ColumnKind::Time | ColumnKind::Series => pad(&text, room),
        _ => format!("{}{text}", " ".repeat(room.saturating_sub(width(&text)))),
    }
}

/// The widths of the columns: those of text share what the others leave.
fn widths(r: &HuntResult, cells: &[Vec<String>], style: &Style, scored: bool) -> Vec<usize> {
    let widest = |c: usize| cells.iter().filter_map(|row| row.get(c)).map(|t| width(t)).max().unwrap_or(0);
    let mut all: Vec<usize> =
        r.columns.iter().enumerate().map(|(i, c)| widest(i).max(width(&c.name)).min(WIDEST)).collect();
    let Some(room) = style.width else { return all };
    let is_text = |i: &usize| r.columns.get(*i).is_some_and(|c| c.kind == ColumnKind::Text);
    let fixed: usize = 6 + if scored { BAR + 9 } else { 0 } + 2 * all.len();
    let others: usize = all.iter().enumerate().filter(|(i, _)| !is_text(i)).map(|(_, w)| *w).sum();
    let mut open: Vec<usize> = (0..all.len()).filter(is_text).collect();
    let mut left = room.saturating_sub(fixed + others);
    // The narrow ones first: what they do not need goes to the wide ones.
    open.sort_by_key(|i| all[*i]);
    let many = open.len();
    for (n, i) in open.into_iter().enumerate() {
        let share = left / (many - n);
        all[i] = all[i].min(share.max(12));
        left = left.saturating_sub(all[i]);
    }
    all
}

/// The text of a cell with its odd parts painted. Only where the text is shown as it is.
fn marked(row: &ResultRow, column: usize, shown: &str, style: &Style) -> String {
    if !style.colour || row.marks.iter().all(|m| m.0 != column) {
        return shown.to_owned();
    }
    let Some(Value::Str(text)) = row.cells.get(column) else { return shown.to_owned() };
    // As far as the shown text agrees with the true one: escapes and cuts end it.
    let same = text.bytes().zip(shown.bytes()).take_while(|(a, b)| a == b).count();
    let same = (0..=same).rev().find(|i| shown.is_char_boundary(*i)).unwrap_or(0);
    let mut out = String::new();
    let mut at = 0;
    for (_, range, _) in row.marks.iter().filter(|m| m.0 == column) {
        let (start, end) = (range.start.max(at), range.end.min(same));
        if let (Some(before), Some(inside)) = (shown.get(at..start), shown.get(start..end)) {
            out.push_str(before);
            out.push_str(&style.paint(Paint::Bad, inside));
            at = end;
        }
    }
    out.push_str(shown.get(at..).unwrap_or_default());
    out
}

/// Reasons and events of a row.
fn behind(row: &ResultRow, style: &Style, out: &mut String) {
    let room = style.width.map_or(usize::MAX, |w| w.saturating_sub(8));
    let most = if style.verbose { usize::MAX } else { 4 };
    let plain = row.reasons.len() == 1 && row.reasons.iter().all(|r| r.feature == "rarity");
    if !plain || style.verbose {
        let words: Vec<String> = row.reasons.iter().take(most).map(|r| for_terminal(&r.words)).collect();
        if !words.is_empty() {
            let _ = writeln!(out, "       {}", clip(&words.join("; "), room));
        }
    }
    if let Some(first) = row.events.first() {
        let _ = writeln!(out, "       {}", style.paint(Paint::Faint, &clip(&events(row, first), room)));
    }
}

fn events(row: &ResultRow, first: &EventPoint) -> String {
    let mut text = format!("{} #{}", for_terminal(&first.source), first.record);
    for e in row.events.iter().skip(1) {
        if e.source == first.source {
            let _ = write!(text, " #{}", e.record);
        }
    }
    if row.events_total > row.events.len() as u64 {
        text.push_str(" …");
    }
    if !first.host.is_empty() {
        let _ = write!(text, "  on {}", for_terminal(&first.host));
    }
    if let Some(t) = first.time {
        let _ = write!(text, "  {}", short_time(&t.to_string()));
    }
    text
}
