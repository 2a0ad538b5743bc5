//! Findings as CSV (RFC 4180): one row per event of a finding, one for a finding without events.
//!
//! `details` is for reading, `fields` and `row` hold everything as JSON. Cells that a spreadsheet would run
//! as formulas are neutralised.

use std::io::{self, Write};

use shikra_engine::finding::{EventView, Totals};
use shikra_event::{Name, Value};

use crate::finding::Item;
use crate::finding::write_row;
use crate::json::Json;
use crate::{Output, Sink, escape, telling};

/// `csv`.
pub static OUTPUT: Output = Output {
    name: "csv",
    about: "One row per event of a finding, safe for spreadsheets",
    streams: true,
    extension: "csv",
    open: |out, _| Box::new(Csv { table: CsvWriter::new(out, COLUMNS) }),
};

const COLUMNS: &[&str] = &[
    "time",
    "level",
    "title",
    "host",
    "provider",
    "channel",
    "event_id",
    "record",
    "source",
    "details",
    "techniques",
    "tags",
    "language",
    "rule_id",
    "rule_path",
    "finding",
    "position",
    "fields",
    "row",
];

struct Csv {
    table: CsvWriter,
}

impl Sink for Csv {
    fn finding(&mut self, f: Item<'_>) -> io::Result<()> {
        if f.events.is_empty() {
            return self.row(f, 0, None);
        }
        f.events.iter().enumerate().try_for_each(|(i, e)| self.row(f, i + 1, Some(e.as_ref())))
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        self.table.finish()
    }
}

impl Csv {
    fn row(&mut self, f: Item<'_>, position: usize, event: Option<&EventView>) -> io::Result<()> {
        let t = &mut self.table;
        let meta = &f.rule.meta;
        t.cell(&event.map_or(f.time, |e| e.time).map(|t| t.to_string()).unwrap_or_default());
        t.cell(meta.level.as_str());
        t.cell(&meta.title);
        t.cell(event.map_or(&f.host, |e| &e.computer));
        t.cell(event.map_or("", |e| &e.provider));
        t.cell(event.map_or("", |e| &e.channel));
        t.cell(&event.and_then(|e| e.event_id).map(|n| n.to_string()).unwrap_or_default());
        t.cell(&event.map(|e| e.record.to_string()).unwrap_or_default());
        t.cell(event.map_or("", |e| &e.source));
        t.cell(&event.map_or_else(|| telling::details(&f), |e| telling::event_details(meta, e)));
        t.cell(&f.rule.techniques.join(" "));
        t.cell(&meta.tags.join(" "));
        t.cell(meta.language);
        t.cell(&meta.id);
        t.cell(&meta.path);
        t.cell(&f.id().to_string());
        t.cell(&format!("{position}/{}", f.events.len()));
        t.cell(&event.map(|e| row_json(&e.fields)).unwrap_or_default());
        t.cell(&if f.row.is_empty() { String::new() } else { row_json(&f.row) });
        t.end_row()
    }
}

/// A row as one JSON object.
pub(crate) fn row_json(row: &[(Name, Value)]) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| write_row(row, o));
    String::from_utf8(out).unwrap_or_default()
}

/// Writes a header, then rows of cells.
pub(crate) struct CsvWriter {
    out: Box<dyn Write + Send>,
    line: String,
    header: Option<&'static [&'static str]>,
}

impl CsvWriter {
    pub(crate) fn new(out: Box<dyn Write + Send>, columns: &'static [&'static str]) -> CsvWriter {
        CsvWriter { out, line: String::new(), header: Some(columns) }
    }

    /// The next cell of the row.
    pub(crate) fn cell(&mut self, text: &str) {
        if !self.line.is_empty() {
            self.line.push(',');
        }
        let start = self.line.len();
        escape::csv_cell(text, &mut self.line);
        if start == 0 && self.line.is_empty() {
            // An empty first cell is quoted, so that the row does not look unbegun.
            self.line.push_str("\"\"");
        }
    }

    /// Writes the row.
    pub(crate) fn end_row(&mut self) -> io::Result<()> {
        self.write_header()?;
        self.line.push_str("\r\n");
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }

    /// A file without findings still has its header.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.write_header()?;
        self.out.flush()
    }

    fn write_header(&mut self) -> io::Result<()> {
        match self.header.take() {
            Some(columns) => self.out.write_all(format!("{}\r\n", columns.join(",")).as_bytes()),
            None => Ok(()),
        }
    }
}
