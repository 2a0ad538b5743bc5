//! CSV with a header (RFC 4180; comma, semicolon, tab or bar between fields): each row an event.
//!
//! Rows are numbered from 1, the header not counted. An empty cell is no value, a row cannot say more.

use std::io::{self, Read};
use std::sync::Arc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr2;
use shikra_event::{Event, Kind, Slot};

use crate::cut::read_some;
use crate::format::{Decode, Format, Head, Part, Sink, Split, Trouble, TroubleKind};
use crate::inner::Records;
use crate::json::scan::{Leaf, MAX_LEAVES};
use crate::layout::Layouts;
use crate::limits::{MAX_RECORD, PART_SIZE};
use crate::paths::{PathId, Paths, ROOT};

/// Rows of a table.
pub static CSV: Format = Format {
    name: "csv",
    detect: is_table,
    split: || Box::new(Rows::new(PART_SIZE, MAX_RECORD)),
    decode: || Box::new(Table::new()),
};

/// Column names, and what stands between them.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    delimiter: u8,
    names: Vec<String>,
}

impl Header {
    /// The header that `row`, the first of a table, is. None where it is none: too few or too many columns.
    fn parse(row: &[u8]) -> Option<Header> {
        let delimiters = *b",;\t|";
        let count = |d: &u8| memchr::memchr_iter(*d, row).count();
        let delimiter = delimiters.into_iter().max_by_key(count).filter(|d| count(d) > 0)?;
        let (mut cells, mut ends) = (vec![0; row.len() + 1], vec![0; MAX_LEAVES]);
        let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
        let (_, used, _, fields) = reader.read_record(row, &mut cells, &mut ends);
        let ended = reader.read_record(&[], cells.get_mut(used..)?, ends.get_mut(fields..)?);
        let fields = fields + ended.3;
        let ends = ends.get(..fields)?;
        let starts = std::iter::once(&0).chain(ends);
        let cell = |(start, end): (&usize, &usize)| {
            cells.get(*start..*end).map(|c| String::from_utf8_lossy(c).into_owned())
        };
        let mut names: Vec<String> = starts.zip(ends).filter_map(cell).collect();
        // Event Viewer names all columns of its table but the last.
        if matches!(names.as_slice(), [_, time, _, id, _] if time == "Date and Time" && id == "Event ID") {
            names.push("Message".to_owned());
        }
        (names.len() > 1).then_some(Header { delimiter, names })
    }
}

/// A table by its name, or by a header that names an event id.
fn is_table(head: &Head<'_>) -> bool {
    if memchr::memchr(0, head.bytes).is_some() {
        return false;
    }
    let text = head.bytes.get(header_start(head.bytes)..).unwrap_or(&[]);
    let row = text.get(..row_end(text, 0).unwrap_or(text.len())).unwrap_or(&[]);
    let Some(header) = Header::parse(row) else { return false };
    let name = head.name.to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let ids = ["EventID", "EventId", "event_id", "EventCode", "Event ID", "winlog.event_id", "event.code"];
    name.ends_with(".csv")
        || name.ends_with(".tsv")
        || (header.names.len() > 2 && header.names.iter().any(|n| ids.contains(&n.as_str())))
}

/// Offset of the header: behind a line that tells PowerShell's type of the rows, or Excel the delimiter.
fn header_start(text: &[u8]) -> usize {
    let told = text.starts_with(b"#TYPE ") || text.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"sep="));
    if told { memchr::memchr(b'\n', text).map_or(0, |n| n + 1) } else { 0 }
}

/// Offset behind the row that `text` begins with; quoted cells may hold ends of lines.
fn row_end(text: &[u8], from: usize) -> Option<usize> {
    let mut scan = Quotes::default();
    scan.run(text, from, true);
    (scan.last_end > 0).then_some(scan.last_end)
}

/// Finds ends of rows; keeps its place between pieces of text.
#[derive(Default)]
struct Quotes {
    quoted: bool,
    last_end: usize,
    rows: u64,
}

impl Quotes {
    fn run(&mut self, text: &[u8], from: usize, first_only: bool) {
        let mut at = from;
        while let Some(n) = text.get(at..).and_then(|rest| memchr2(b'"', b'\n', rest)) {
            at += n + 1;
            if text.get(at - 1) == Some(&b'"') {
                self.quoted = !self.quoted;
            } else if !self.quoted {
                self.last_end = at;
                self.rows += 1;
                if first_only {
                    return;
                }
            }
        }
    }
}

/// A [`Split`] between rows; the header goes with each part.
struct Rows {
    part_size: usize,
    max_record: usize,
    rest: Vec<u8>,
    offset: u64,
    record: u64,
    header: Option<Arc<Header>>,
}

impl Rows {
    fn new(part_size: usize, max_record: usize) -> Rows {
        Rows { part_size, max_record, rest: Vec::new(), offset: 0, record: 1, header: None }
    }

    /// Takes the header off `data`.
    fn take_header(&mut self, data: &mut Vec<u8>) {
        let start = header_start(data);
        let end = row_end(data, start).unwrap_or(data.len());
        let header = Header::parse(data.get(start..end).unwrap_or(&[]));
        let fallback = Header { delimiter: b',', names: Vec::new() };
        self.header = Some(Arc::new(header.unwrap_or(fallback)));
        data.drain(..end);
        self.offset += end as u64;
    }

    /// Drops a row that is too long, and goes on at the next line.
    fn skip_row(&mut self, part: &mut Part, trouble: &mut dyn FnMut(Trouble)) {
        trouble(Trouble {
            source: part.source.name.clone(),
            kind: TroubleKind::Limit,
            offset: Some(self.offset),
            record: Some(self.record),
            message: format!(
                "a row longer than {} MiB; the next line is taken for a row",
                self.max_record >> 20
            ),
        });
        let end = memchr::memchr(b'\n', &part.data).map_or(part.data.len(), |n| n + 1);
        part.data.drain(..end);
        self.offset += end as u64;
        self.record += 1;
    }
}

impl Split for Rows {
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool> {
        part.data.clear();
        part.data.append(&mut self.rest);
        let (mut quotes, mut scanned) = (Quotes::default(), 0);
        loop {
            let wanted = self.part_size.saturating_sub(part.data.len()).max(self.part_size / 2).max(1);
            let ended = read_some(input, &mut part.data, wanted)? == 0;
            if self.header.is_none() {
                let headed = row_end(&part.data, header_start(&part.data)).is_some();
                if !ended && !headed && part.data.len() < self.max_record {
                    continue;
                }
                self.take_header(&mut part.data);
            }
            quotes.run(&part.data, scanned, false);
            scanned = part.data.len();
            let end = if ended { scanned } else { quotes.last_end };
            if end == 0 && ended {
                return Ok(false);
            }
            if end == 0 && scanned > self.max_record {
                self.skip_row(part, trouble);
                (quotes, scanned) = (Quotes::default(), 0);
            }
            if end == 0 {
                continue;
            }
            self.rest.extend_from_slice(part.data.get(end..).unwrap_or(&[]));
            part.data.truncate(end);
            part.offset = self.offset;
            part.first_record = self.record;
            part.context = self.header.clone().map(|h| h as Arc<dyn std::any::Any + Send + Sync>);
            self.offset += end as u64;
            self.record += quotes.rows;
            return Ok(true);
        }
    }
}

/// The decoder.
struct Table {
    paths: Paths,
    layouts: Layouts,
    /// The header that `columns` are the paths of.
    header: Option<Arc<Header>>,
    columns: Vec<Option<PathId>>,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// Reads records that cells hold, once there is one.
    inner: Option<Box<Records>>,
}

impl Table {
    fn new() -> Table {
        Table {
            paths: Paths::new(Kind::UTF8),
            layouts: Layouts::new(Some("CSV")),
            header: None,
            columns: Vec::new(),
            cells: vec![0; 64 << 10],
            ends: vec![0; MAX_LEAVES],
            inner: None,
        }
    }

    /// Looks up the paths of a header's columns. Dots in a name are levels; a column without a name is none.
    fn learn(&mut self, header: &Arc<Header>) {
        if self.header.as_ref().is_some_and(|known| Arc::ptr_eq(known, header)) {
            return;
        }
        if self.paths.is_full() {
            self.paths = Paths::new(Kind::UTF8);
            self.layouts.clear();
        }
        let paths = &mut self.paths;
        let path = |name: &String| {
            (!name.is_empty())
                .then(|| name.split('.').fold(ROOT, |parent, key| paths.child(parent, key.as_bytes())))
        };
        self.columns = header.names.iter().map(path).collect();
        self.header = Some(header.clone());
    }

    /// Reads the row that `text` begins with; answers its length and number of cells.
    fn row(&mut self, reader: &mut Reader, text: &[u8]) -> (usize, usize) {
        let (mut read, mut written, mut fields) = (0, 0, 0);
        loop {
            let input = text.get(read..).unwrap_or(&[]);
            let cells = self.cells.get_mut(written..).unwrap_or(&mut []);
            let ends = self.ends.get_mut(fields..).unwrap_or(&mut []);
            let (result, n, w, f) = reader.read_record(input, cells, ends);
            (read, written, fields) = (read + n, written + w, fields + f);
            match result {
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if !input.is_empty() => {}
                _ => return (read, fields),
            }
        }
    }

    fn event(&mut self, part: &Part, fields: usize, record: u64, sink: &mut dyn Sink) {
        let mut leaves = Vec::with_capacity(self.columns.len());
        let mut start = 0;
        for (path, end) in self.columns.iter().zip(self.ends.iter().take(fields)) {
            let data = self.cells.get(start..*end).unwrap_or(&[]);
            start = *end;
            if let Some(path) = *path {
                let slot = if data.is_empty() { Slot::MISSING } else { Slot { kind: Kind::UTF8, data } };
                leaves.push(Leaf { path, slot });
            }
        }
        let told = &mut |e: &Event<'_>| sink.event(e);
        if let Some(text) = self.layouts.event_or_text(&mut self.paths, &leaves, record, true, told) {
            self.inner.get_or_insert_with(|| Box::new(Records::new())).decode(part, text, record, sink);
        }
    }

    /// The row repeats the header, as in tables put one behind another.
    fn is_header(&self, header: &Header, fields: usize) -> bool {
        let starts = std::iter::once(&0).chain(&self.ends);
        let mut cells = starts.zip(&self.ends).take(fields).map(|(s, e)| self.cells.get(*s..*e));
        fields == header.names.len() && header.names.iter().all(|n| cells.next() == Some(Some(n.as_bytes())))
    }
}

impl Decode for Table {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let header = part.context.clone().and_then(|c| c.downcast::<Header>().ok());
        let Some(header) = header else { return };
        self.learn(&header);
        let mut reader = ReaderBuilder::new().delimiter(header.delimiter).build();
        let (mut at, mut record) = (0, part.first_record);
        while at < part.data.len() {
            let (read, fields) = self.row(&mut reader, part.data.get(at..).unwrap_or(&[]));
            if read == 0 || fields == 0 {
                return;
            }
            if !self.is_header(&header, fields) {
                self.event(part, fields, record, sink);
            }
            if fields > header.names.len() {
                sink.trouble(Trouble {
                    source: part.source.name.clone(),
                    kind: TroubleKind::CorruptRecord,
                    offset: Some(part.offset + at as u64),
                    record: Some(record),
                    message: format!("a row of {fields} cells, the header has {}", header.names.len()),
                });
            }
            at += read;
            record += 1;
        }
        if self.cells.len() > PART_SIZE {
            self.cells = vec![0; 64 << 10];
        }
    }
}

#[cfg(test)]
mod tests {
    use shikra_event::Form;

    use super::*;
    use crate::test_support::{Kept, part, read};

    #[test]
    fn tables_are_recognised() {
        let check = |name: &str, text: &str| is_table(&Head { bytes: text.as_bytes(), name });
        assert!(check("x.csv", "a,b\n1,2\n") && check("X.CSV.gz", "a;b") && check("-", "a\tEventID\tc\n"));
        assert!(!check("x.txt", "a,b,c\n") && !check("x.csv", "hello\n") && !check("x.csv", ""));
        assert!(!check("x.csv", "a,\0b\n"));
    }

    #[test]
    fn rows_are_events_under_windows_names() {
        for delimiter in [",", ";", "\t", "|"] {
            let text = ",EventID,Channel,Computer,CommandLine,Empty\r\n\
                        0,4688,Security,pc,\"say \"\"hi\"\"\nthere, now; or\t|\",\r\n\
                        1,4624,Security,\"p\"\"c\",x\n"
                .replace(',', delimiter);
            let kept = read(&CSV, text.replace(&format!("there{delimiter}"), "there,"));
            assert!(kept.troubles.is_empty());
            let identity = (Form::Windows, "CSV", String::new(), "Security".into(), Some(4688));
            assert_eq!(kept.identity(0), identity);
            let command = kept.fields(0).into_iter().find(|f| f.starts_with("CommandLine")).unwrap();
            assert!(command.starts_with("CommandLine=say \"hi\"\nthere, now"), "{command}");
            assert_eq!(kept.fields(0).len(), 4);
            assert_eq!(kept.fields(1)[2], "Computer=p\"c");
            assert_eq!([kept.events[0].record, kept.events[1].record], [1, 2]);
        }
    }

    #[test]
    fn a_line_before_the_header_is_none() {
        for before in ["#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n", "sep=,\r\n", "SEP=;\n"]
        {
            let text = format!("{before}EventID,Channel\n1,a\n2,b\n");
            assert!(is_table(&Head { bytes: text.as_bytes(), name: "x.csv" }));
            assert_eq!(read(&CSV, &text).fields(1), ["Channel=b", "EventID=2"]);
            assert_eq!(cut(&text, 5, 1000).0.events.len(), 2);
        }
    }

    #[test]
    fn tables_of_splunk_and_kibana_are_events() {
        let kept = read(
            &CSV,
            "_time,host,source,EventCode,Image\n1772439615,pc,XmlWinEventLog:C/Operational,1,a.exe\n",
        );
        let identity = (Form::Windows, "CSV", String::new(), "C/Operational".into(), Some(1));
        assert_eq!(kept.identity(0), identity);
        assert!(kept.fields(0).contains(&"Computer=pc".to_string()) && kept.events[0].time.is_some());
        let kept =
            read(&CSV, "@timestamp,winlog.event_id,winlog.channel\n\"Mar 2, 2026 @ 08:20:15.123\",1,C\n");
        assert_eq!(kept.events[0].time.unwrap().to_string(), "2026-03-02T08:20:15.123Z");
    }

    #[test]
    fn odd_rows_are_told() {
        let kept = read(&CSV, "EventID,Channel\n1,a,b\n2\nEventID,Channel\n\n4,d");
        assert_eq!(kept.events.len(), 3);
        assert_eq!(kept.fields(1), ["EventID=2"]);
        assert_eq!(kept.troubles.len(), 1);
        assert_eq!(read(&CSV, "a,b").events.len(), 0);
    }

    fn cut(text: &str, size: usize, max: usize) -> (Kept, Vec<Trouble>) {
        let (mut split, mut part, mut decode) = (Rows::new(size, max), part(&CSV, ""), Table::new());
        let (mut input, mut kept, mut troubles) = (text.as_bytes(), Kept::default(), Vec::new());
        while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            decode.decode(&part, &mut kept);
        }
        (kept, troubles)
    }

    #[test]
    fn parts_end_between_rows_whatever_the_size() {
        let rows: String = (0..40).map(|i| format!("{i},\"line\n{i} \"\"x\"\"\"\n")).collect();
        let text = format!("n,text\n{rows}");
        let whole = read(&CSV, &text);
        assert_eq!(whole.events.len(), 40);
        for size in 1..60 {
            let (kept, troubles) = cut(&text, size, 10_000);
            assert!(troubles.is_empty());
            assert_eq!(kept.events.len(), 40);
            for i in 0..40 {
                assert_eq!(kept.fields(i), whole.fields(i));
                assert_eq!(kept.events[i].record, i as u64 + 1);
            }
        }
    }

    #[test]
    fn an_open_quote_ends_at_the_limit() {
        let text = format!("n,text\n1,\"open\n{}", "2,b\n".repeat(500));
        let (kept, troubles) = cut(&text, 64, 300);
        assert_eq!(troubles.len(), 1);
        assert_eq!(kept.events.len(), 500);
    }
}
