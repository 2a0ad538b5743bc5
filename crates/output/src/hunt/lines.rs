//! Results of hunts for machines: JSON lines (schema `shikra.hunt/1`) and CSV.

use shikra_event::Value;
use shikra_hunt::HuntResult;
use shikra_hunt::result::{EventPoint, Population, ResultRow};

use crate::escape;
use crate::json::{Items, Json, Members};

/// Written into every line.
const SCHEMA: &str = "shikra.hunt/1";

/// One line for the hunt, then one for each row.
pub fn to_ndjson(result: &HuntResult) -> Vec<u8> {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| head(result, o));
    out.push(b'\n');
    for (i, row) in result.rows.iter().enumerate() {
        Json::new(&mut out).object(|o| line(result, i, row, o));
        out.push(b'\n');
    }
    out
}

fn head(r: &HuntResult, o: &mut Members<'_>) {
    o.key("schema").string(SCHEMA);
    o.key("kind").string("hunt");
    o.key("analytic").string(r.analytic);
    o.key("id").string_or_null(Some(r.id.as_str()).filter(|t| !t.is_empty()));
    o.key("title").string_or_null(Some(r.title.as_str()).filter(|t| !t.is_empty()));
    o.key("techniques").strings(&r.techniques);
    if !r.hypothesis.is_empty() {
        o.key("hypothesis").string(&r.hypothesis);
        o.key("confirms").strings(&r.confirms);
        o.key("refutes").strings(&r.refutes);
    }
    o.key("parameters").object(|p| r.parameters.iter().for_each(|(k, v)| p.key(k).value(v)));
    o.key("population").object(|p| population(&r.population, p));
    o.key("columns").array(|a| {
        for c in &r.columns {
            a.item().object(|o| {
                o.key("name").string(&c.name);
                o.key("kind").string(c.kind.as_str());
            });
        }
    });
    o.key("rows").number(r.rows.len() as u64);
    o.key("rows_total").number(r.rows_total);
    o.key("refused").string_or_null(r.refused.as_deref());
    o.key("notes").strings(&r.notes);
}

fn population(p: &Population, o: &mut Members<'_>) {
    o.key("events").number(p.events);
    o.key("lacking").number(p.lacking);
    o.key("values").number(p.values);
    o.key("hosts").number(p.hosts);
    o.key("users").number(p.users);
    o.key("first").time(p.span.map(|s| s.0));
    o.key("last").time(p.span.map(|s| s.1));
    o.key("sample").number(p.sample);
}

fn line(r: &HuntResult, rank: usize, row: &ResultRow, o: &mut Members<'_>) {
    o.key("schema").string(SCHEMA);
    o.key("kind").string("row");
    o.key("analytic").string(r.analytic);
    o.key("id").string_or_null(Some(r.id.as_str()).filter(|t| !t.is_empty()));
    o.key("rank").number(rank as u64 + 1);
    match row.score {
        Some(score) => o.key("score").float(score),
        None => o.key("score").null(),
    }
    o.key("values").array(|a| row.cells.iter().for_each(|v| a.item().value(v)));
    o.key("reasons").array(|a| {
        for reason in &row.reasons {
            a.item().object(|o| {
                o.key("feature").string(&reason.feature);
                o.key("weight").float(reason.weight);
                o.key("words").string(&reason.words);
            });
        }
    });
    o.key("marks").array(|a| marks(row, a));
    o.key("events").array(|a| row.events.iter().for_each(|e| a.item().object(|o| event(e, o))));
    o.key("events_total").number(row.events_total);
}

/// Places count characters (code points), since that is what a reader of JSON has.
fn marks(row: &ResultRow, a: &mut Items<'_>) {
    for (column, range, strength) in &row.marks {
        let Some(Value::Str(text)) = row.cells.get(*column) else { continue };
        let (Some(before), Some(inside)) = (text.get(..range.start), text.get(range.clone())) else {
            continue;
        };
        a.item().object(|o| {
            o.key("column").number(*column as u64);
            o.key("start").number(before.chars().count() as u64);
            o.key("length").number(inside.chars().count() as u64);
            o.key("strength").float(f64::from(*strength));
        });
    }
}

fn event(e: &EventPoint, o: &mut Members<'_>) {
    o.key("source").string(&e.source);
    o.key("record").number(e.record);
    o.key("time").time(e.time);
    o.key("host").string_or_null(Some(&*e.host).filter(|t| !t.is_empty()));
}

/// A header, then one row for each row. Cells that a spreadsheet would run as formulas are neutralised.
pub fn to_csv(result: &HuntResult) -> String {
    let mut out = String::new();
    let own = result.columns.iter().map(|c| c.name.as_str());
    let head = ["hunt", "rank", "score"].into_iter().chain(own).chain(["reasons", "events", "events_total"]);
    record(head, &mut out);
    let name = if result.id.is_empty() { result.analytic } else { &result.id };
    for (i, row) in result.rows.iter().enumerate() {
        let mut cells = vec![
            name.to_owned(),
            (i + 1).to_string(),
            row.score.map(|s| format!("{s:?}")).unwrap_or_default(),
        ];
        cells.extend(row.cells.iter().map(text));
        let reasons: Vec<&str> = row.reasons.iter().map(|r| r.words.as_str()).collect();
        cells.push(reasons.join("; "));
        let events: Vec<String> = row.events.iter().map(|e| format!("{}#{}", e.source, e.record)).collect();
        cells.push(events.join(" "));
        cells.push(row.events_total.to_string());
        record(cells.iter().map(String::as_str), &mut out);
    }
    out
}

fn record<'t>(cells: impl Iterator<Item = &'t str>, out: &mut String) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(',');
        }
        escape::csv_cell(cell, out);
    }
    out.push_str("\r\n");
}

fn text(value: &Value) -> String {
    match value {
        Value::List(all) => all.iter().filter_map(Value::to_text).collect::<Vec<_>>().join(" "),
        one => one.to_text().unwrap_or_default(),
    }
}
