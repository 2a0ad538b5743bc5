//! Threat indicators, read from disk: documents as an indicator index holds them, as JSON or CSV, packed or not.
//! Each is a row of one table, under the names of its fields.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_event::{Event, Value};
use shikra_input::{Decode, Format, Item, Parts, Sink, Trouble};
use shikra_ir::Table;

/// Most rows and columns.
const MAX_ROWS: usize = 4_000_000;
const MAX_COLUMNS: usize = 4096;

/// Reads all files and folders of `paths` into one table; none where there are no paths.
///
/// # Errors
/// Where one cannot be read, or there are more indicators than the table may hold; the message names it.
pub fn load_indicators(paths: &[PathBuf]) -> Result<Option<Table>, String> {
    if paths.is_empty() {
        return Ok(None);
    }
    if let Some(missing) = paths.iter().find(|p| !Path::new(p).exists()) {
        return Err(format!("{}: does not exist", missing.display()));
    }
    let mut rows = Rows { table: Table { name: "indicators".into(), ..Table::default() }, trouble: None };
    let mut parts = Parts::new(paths.to_vec(), shikra_input::Options::default());
    let mut decoder: Option<(*const Format, Box<dyn Decode>)> = None;
    let mut spare = None;
    while let Some(item) = parts.next(spare.take()) {
        match item {
            Item::Part(part) => {
                let format: *const Format = part.format;
                let (_, decode) = match &mut decoder {
                    Some(d) if std::ptr::eq(d.0, format) => d,
                    d => d.insert((format, (part.format.decode)())),
                };
                decode.decode(&part, &mut rows);
                spare = Some(part.data);
            }
            Item::Trouble(t) => rows.trouble(t),
            Item::SourceStart(_) | Item::SourceEnd(_) => {}
        }
    }
    match rows.trouble {
        Some(why) => Err(why),
        None => Ok(Some(rows.table)),
    }
}

struct Rows {
    table: Table,
    trouble: Option<String>,
}

impl Rows {
    fn column(&mut self, name: &str) -> Option<usize> {
        if let Some(at) = self.table.column(name) {
            return Some(at);
        }
        if self.table.columns.len() >= MAX_COLUMNS {
            self.trouble.get_or_insert_with(|| format!("indicators: more than {MAX_COLUMNS} fields"));
            return None;
        }
        self.table.columns.push(Arc::from(name));
        Some(self.table.columns.len() - 1)
    }
}

impl Sink for Rows {
    fn event(&mut self, event: &Event<'_>) {
        if self.table.rows.len() >= MAX_ROWS {
            self.trouble.get_or_insert_with(|| format!("indicators: more than {MAX_ROWS}"));
            return;
        }
        let mut row = Vec::new();
        for (name, slot) in event.shape.fields().iter().zip(event.slots) {
            let value = slot.value();
            // What a table leaves empty is not there.
            let empty = value.is_null() || value == Value::str("");
            let Some(at) = (if empty { None } else { self.column(name) }) else { continue };
            if row.len() <= at {
                row.resize(at + 1, Value::Missing);
            }
            if let Some(cell) = row.get_mut(at) {
                *cell = value;
            }
        }
        self.table.rows.push(row);
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.trouble.get_or_insert_with(|| format!("indicators: {}", trouble.message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_tables() {
        let dir = tempfile::tempdir().unwrap();
        let json = dir.path().join("a.ndjson");
        std::fs::write(&json, "{\"threat\": {\"indicator\": {\"ip\": \"10.0.0.1\"}}}\n{\"x\": 1}\n").unwrap();
        let csv = dir.path().join("b.csv");
        std::fs::write(&csv, "threat.indicator.ip,threat.indicator.url.full\n10.0.0.2,\n").unwrap();
        let table = load_indicators(&[json, csv]).unwrap().unwrap();
        let ip = table.column("threat.indicator.ip").unwrap();
        let ips: Vec<Option<&Value>> = table.rows.iter().map(|r| r.get(ip)).collect();
        assert_eq!(table.rows.len(), 3);
        assert_eq!(ips[0], Some(&Value::str("10.0.0.1")));
        assert_eq!(ips[2], Some(&Value::str("10.0.0.2")));
        assert!(load_indicators(&[dir.path().join("gone")]).is_err());
        assert_eq!(load_indicators(&[]), Ok(None));
    }
}
