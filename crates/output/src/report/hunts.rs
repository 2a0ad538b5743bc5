//! The report of hunts: results as they are, bounded, with their pictures.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use shikra_engine::fetch::Fetched;
use shikra_engine::finding::Totals;
use shikra_event::Value;
use shikra_hunt::HuntResult;
use shikra_hunt::result::{Axis, EventPoint, Plot, ResultRow};

use super::block::{self, clipped};
use super::detail::{self, Details};
use super::{About, shell};
use crate::json::{Items, Json, Members};
use crate::totals;

/// Rows of a result.
const ROWS: usize = 100_000;
/// Characters of a cell.
const CELL: usize = 4000;
/// Characters of a label of a picture.
const LABEL: usize = 300;
/// Marks of a picture.
const MARKS: usize = 20_000;
/// Events of a row that are named.
const EVENTS: usize = 200;
/// Rows of a result of which events are shown, and how many of each.
const TOLD: usize = 500;
const SHOWN: usize = 5;

/// What a report of hunts is made of.
pub struct HuntReport<'a> {
    /// What it says of itself.
    pub about: About,
    /// The results.
    pub results: &'a [HuntResult],
    /// The events that [`wanted`] names, as far as they were found.
    pub events: &'a Fetched,
    /// What was read.
    pub totals: &'a Totals,
}

/// The events that a report of these results shows field by field.
pub fn wanted(results: &[HuntResult]) -> Vec<&EventPoint> {
    let rows = results.iter().flat_map(|r| r.rows.iter().take(TOLD));
    rows.flat_map(|row| row.events.iter().take(SHOWN)).collect()
}

/// Where the events of a report stand in it.
type Numbers = HashMap<*const EventPoint, u32>;

/// Writes the events, each once.
fn write_events(report: &HuntReport<'_>, out: &mut dyn Write) -> io::Result<Numbers> {
    let (mut details, mut numbers, mut written) = (Details::default(), Numbers::new(), HashMap::new());
    for point in wanted(report.results) {
        let Some(event) = report.events.get(point) else { continue };
        let number = match written.get(&Arc::as_ptr(event)) {
            Some(n) => Some(*n),
            None => details.one(event, out)?,
        };
        if let Some(n) = number {
            written.insert(Arc::as_ptr(event), n);
            numbers.insert(std::ptr::from_ref(point), n);
        }
    }
    details.flush(out)?;
    Ok(numbers)
}

/// Writes a report of hunts.
///
/// # Errors
/// Where it cannot be written.
pub fn hunts(report: &HuntReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(shell::head("hunt", &report.about.title).as_bytes())?;
    let numbers = write_events(report, out)?;
    let mut json = Vec::new();
    for result in report.results {
        json.clear();
        Json::new(&mut json).object(|o| write_result(result, &numbers, o));
        block::write(out, "hunt", 0, &json)?;
    }
    json.clear();
    Json::new(&mut json).object(|o| {
        report.about.write(o);
        o.key("totals").raw(totals::to_json(report.totals).as_bytes());
    });
    block::write(out, "totals", 0, &json)?;
    out.write_all(shell::foot().as_bytes())?;
    out.flush()
}

fn write_result(r: &HuntResult, numbers: &Numbers, o: &mut Members<'_>) {
    o.key("analytic").string(r.analytic);
    o.key("title").string(&r.title);
    o.key("id").string(&r.id);
    o.key("techniques").strings(&r.techniques);
    o.key("hypothesis").string(&r.hypothesis);
    o.key("confirms").strings(&r.confirms);
    o.key("refutes").strings(&r.refutes);
    o.key("parameters").array(|a| {
        r.parameters
            .iter()
            .for_each(|(name, v)| a.item().strings(&[name.as_str(), detail::text(v).as_str()]));
    });
    o.key("population").object(|o| {
        let p = &r.population;
        o.key("events").number(p.events);
        o.key("lacking").number(p.lacking);
        o.key("values").number(p.values);
        o.key("hosts").number(p.hosts);
        o.key("users").number(p.users);
        o.key("sample").number(p.sample);
        o.key("first").time(p.span.map(|s| s.0));
        o.key("last").time(p.span.map(|s| s.1));
    });
    o.key("refused").string_or_null(r.refused.as_deref());
    o.key("notes").strings(&r.notes);
    o.key("columns").array(|a| {
        r.columns.iter().for_each(|c| a.item().strings(&[c.name.as_str(), c.kind.as_str()]));
    });
    o.key("rows")
        .array(|a| r.rows.iter().take(ROWS).for_each(|row| a.item().object(|o| write_row(row, numbers, o))));
    o.key("rows_total").number(r.rows_total.max(r.rows.len() as u64));
    o.key("plots").array(|a| r.plots.iter().for_each(|p| a.item().object(|o| write_plot(p, o))));
}

fn write_row(row: &ResultRow, numbers: &Numbers, o: &mut Members<'_>) {
    match row.score {
        Some(score) => o.key("score").float(score),
        None => o.key("score").null(),
    }
    o.key("cells").array(|a| row.cells.iter().for_each(|v| cell(v, a)));
    o.key("reasons").array(|a| {
        for r in &row.reasons {
            a.item().array(|a| {
                a.item().string(&clipped(&r.feature, LABEL));
                a.item().float(r.weight);
                a.item().string(&clipped(&r.words, CELL));
            });
        }
    });
    o.key("marks").array(|a| row.marks.iter().for_each(|m| mark(row, m.0, &m.1, m.2, a)));
    o.key("events").array(|a| row.events.iter().take(EVENTS).for_each(|e| event(e, numbers, a)));
    o.key("events_total").number(row.events_total.max(row.events.len() as u64));
}

fn cell(value: &Value, a: &mut Items<'_>) {
    match value {
        Value::Str(text) => a.item().string(&clipped(text, CELL)),
        other => a.item().value(other),
    }
}

/// A marked part of a cell: column, first character, length, strength. Scripts count UTF-16 units.
fn mark(row: &ResultRow, column: usize, range: &std::ops::Range<usize>, strength: f32, a: &mut Items<'_>) {
    let Some(Value::Str(text)) = row.cells.get(column) else { return };
    let (Some(before), Some(inside)) = (text.get(..range.start), text.get(range.clone())) else { return };
    let units = |t: &str| t.encode_utf16().count() as u64;
    a.item().array(|a| {
        a.item().number(column as u64);
        a.item().number(units(before));
        a.item().number(units(inside));
        a.item().float(f64::from(strength));
    });
}

/// Source, record, time, host, and the number of the event where it stands in the file.
fn event(e: &EventPoint, numbers: &Numbers, a: &mut Items<'_>) {
    a.item().array(|a| {
        a.item().string(&clipped(&e.source, CELL));
        a.item().number(e.record);
        a.item().time(e.time);
        a.item().string(&clipped(&e.host, LABEL));
        match numbers.get(&std::ptr::from_ref(e)) {
            Some(n) => a.item().number(*n),
            None => a.item().null(),
        }
    });
}

fn row_of(row: Option<usize>, a: &mut Items<'_>) {
    match row.filter(|r| *r < ROWS) {
        Some(r) => a.item().number(r as u64),
        None => a.item().null(),
    }
}

fn label(text: &str, a: &mut Items<'_>) {
    a.item().string(&clipped(text, LABEL));
}

fn numbers(of: &[f64], json: Json<'_>) {
    json.array(|a| of.iter().for_each(|n| a.item().float(*n)));
}

fn write_axis(axis: &Axis, json: Json<'_>) {
    json.object(|o| {
        o.key("name").string(&axis.name);
        o.key("log").bool(axis.log);
    });
}

fn write_plot(plot: &Plot, o: &mut Members<'_>) {
    match plot {
        Plot::Bars { title, unit, bars } => {
            begin("bars", title, bars.len(), o);
            o.key("unit").string(unit);
            o.key("bars").array(|a| {
                for (name, n, row) in bars.iter().take(MARKS) {
                    a.item().array(|a| {
                        label(name, a);
                        a.item().float(*n);
                        row_of(*row, a);
                    });
                }
            });
        }
        Plot::Timeline { title, start, bucket, series } => {
            begin("timeline", title, series.len(), o);
            o.key("start").number(start.0.div_euclid(1_000_000));
            o.key("bucket").float(*bucket as f64 / 1e6);
            o.key("series").array(|a| {
                for (name, counts, row) in series.iter().take(MARKS) {
                    a.item().array(|a| {
                        label(name, a);
                        numbers(counts.get(..MARKS).unwrap_or(counts), a.item());
                        row_of(*row, a);
                    });
                }
            });
        }
        Plot::Boxes { title, axis, groups } => {
            begin("boxes", title, groups.len(), o);
            write_axis(axis, o.key("axis"));
            o.key("groups")
                .array(|a| groups.iter().take(MARKS).for_each(|g| a.item().object(|o| write_box(g, o))));
        }
        Plot::Scatter { title, x, y, points, lines } => {
            begin("scatter", title, points.len(), o);
            write_axis(x, o.key("x"));
            write_axis(y, o.key("y"));
            o.key("points").array(|a| points.iter().take(MARKS).for_each(|p| point(p, a)));
            o.key("lines").array(|a| {
                for (name, points) in lines {
                    a.item().array(|a| {
                        label(name, a);
                        a.item().array(|a| points.iter().for_each(|(x, y)| numbers(&[*x, *y], a.item())));
                    });
                }
            });
        }
        Plot::Histogram { title, axis, bounds, counts, threshold } => {
            begin("histogram", title, counts.len(), o);
            write_axis(axis, o.key("axis"));
            numbers(bounds, o.key("bounds"));
            o.key("counts").array(|a| counts.iter().for_each(|n| a.item().number(*n)));
            match threshold {
                Some(n) => o.key("threshold").float(*n),
                None => o.key("threshold").null(),
            }
        }
    }
}

fn begin(kind: &str, title: &str, marks: usize, o: &mut Members<'_>) {
    o.key("kind").string(kind);
    o.key("title").string(title);
    o.key("left_out").number(marks.saturating_sub(MARKS) as u64);
}

fn write_box(g: &shikra_hunt::result::BoxGroup, o: &mut Members<'_>) {
    o.key("name").string(&clipped(&g.name, LABEL));
    o.key("count").number(g.count);
    numbers(&g.five, o.key("five"));
    o.key("outliers").array(|a| {
        for (n, name, row) in g.outliers.iter().take(MARKS) {
            a.item().array(|a| {
                a.item().float(*n);
                label(name, a);
                row_of(*row, a);
            });
        }
    });
}

fn point(p: &shikra_hunt::result::Point, a: &mut Items<'_>) {
    a.item().array(|a| {
        a.item().float(p.x);
        a.item().float(p.y);
        label(&p.name, a);
        a.item().number(p.group);
        a.item().float(p.weight);
        row_of(p.row, a);
    });
}
