//! JSON: one object per line ([`NDJSON`]), or arrays and documents one after another ([`JSON`]).

use shikra_event::Event;

use crate::cut::Cutter;
use crate::format::{Decode, Format, Head, Part, Sink, Trouble, TroubleKind};
use crate::inner::Records;
use crate::layout::Layouts;
use crate::lines::Lines;
use scan::{Leaf, MAX_LEAVES, Malformed, Scanner, skip_space};
use split::{Boundaries, Hits};

#[cfg(test)]
mod oracle;
pub(crate) mod scan;
mod split;

/// Objects one after another with ends of lines inside, or in arrays. Records are numbered by position.
pub static JSON: Format = Format {
    name: "json",
    detect: |head| split::is_documents(head.bytes),
    split: Cutter::<Boundaries>::boxed,
    decode: || Box::new(Positioned { documents: Documents::new(), hits: false }),
};

/// Answers of Elasticsearch and Splunk: objects in an array within an object. Records are numbered by position.
pub static HITS: Format = Format {
    name: "json",
    detect: |head| split::hits(head.bytes, 0).is_some(),
    split: Cutter::<Hits>::boxed,
    decode: || Box::new(Positioned { documents: Documents::new(), hits: true }),
};

/// One JSON object per line. Records are numbered by line.
pub static NDJSON: Format = Format {
    name: "ndjson",
    detect: is_ndjson,
    split: Cutter::<Lines>::boxed,
    decode: || Box::new(Lined::new()),
};

/// A decoder of [`NDJSON`] that looks for no records within others.
pub(crate) fn plain() -> Box<dyn Decode> {
    let mut lined = Lined::new();
    lined.documents.inner = None;
    Box::new(lined)
}

/// Text that begins with an object; or whose first line is damaged, and another one begins and ends as an
/// object does.
fn is_ndjson(head: &Head<'_>) -> bool {
    let object = |line: &[u8]| line.starts_with(b"{") && line.trim_ascii_end().ends_with(b"}");
    head.bytes.get(skip_space(head.bytes, 0)) == Some(&b'{')
        || (memchr::memchr(0, head.bytes).is_none()
            && head.bytes.split(|b| *b == b'\n').take(100).any(object))
}

/// What every decoder of JSON keeps between documents.
struct Documents {
    scanner: Scanner,
    layouts: Layouts,
    /// Reads records that documents hold as text, once there is one; none where these stay values as others.
    inner: Option<Lazy>,
}

type Lazy = Option<Box<Records>>;

impl Documents {
    fn new() -> Documents {
        Documents { scanner: Scanner::new(), layouts: Layouts::new(None), inner: Some(None) }
    }

    /// Reads the object at `text[at]` and tells it to `sink`; answers the offset behind it.
    fn one<'a>(
        &mut self,
        part: &Part,
        text: &'a [u8],
        at: usize,
        record: u64,
        leaves: &mut Vec<Leaf<'a>>,
        sink: &mut dyn Sink,
    ) -> Result<usize, Malformed> {
        leaves.clear();
        if self.scanner.paths.is_full() {
            self.scanner = Scanner::new();
            self.layouts.clear();
        }
        let end = self.scanner.object(text, at, leaves)?;
        let told = &mut |e: &Event<'_>| sink.event(e);
        let (paths, texts) = (&mut self.scanner.paths, self.inner.is_some());
        let text = self.layouts.event_or_text(paths, leaves, record, texts, told);
        if let (Some(text), Some(records)) = (text, &mut self.inner) {
            records.get_or_insert_with(|| Box::new(Records::new())).decode(part, text, record, sink);
        }
        if self.scanner.left_out > 0 {
            sink.trouble(Trouble {
                source: part.source.name.clone(),
                kind: TroubleKind::Limit,
                offset: None,
                record: Some(record),
                message: format!(
                    "{} values were left out, an event keeps {MAX_LEAVES}",
                    self.scanner.left_out
                ),
            });
        }
        Ok(end)
    }
}

/// Decoder of [`NDJSON`].
struct Lined {
    documents: Documents,
}

impl Lined {
    fn new() -> Lined {
        Lined { documents: Documents::new() }
    }

    /// All objects of one line; usually it is one.
    fn line<'a>(
        &mut self,
        part: &Part,
        line: &'a [u8],
        record: u64,
        leaves: &mut Vec<Leaf<'a>>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let mut at = skip_space(line, 0);
        while at < line.len() {
            at = self.documents.one(part, line, at, record, leaves, sink)?;
            at = skip_space(line, at);
        }
        Ok(())
    }
}

impl Decode for Lined {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let mut leaves = Vec::with_capacity(64);
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', &part.data).chain([part.data.len()]);
        for (record, end) in (part.first_record..).zip(ends) {
            let line = part.data.get(start..end).unwrap_or(&[]);
            if let Err(malformed) = self.line(part, line, record, &mut leaves, sink) {
                sink.trouble(corrupt(part, start + malformed.at, record, malformed.what));
            }
            start = end + 1;
        }
    }
}

/// Decoder of [`JSON`] and [`HITS`].
struct Positioned {
    documents: Documents,
    /// What stands around the objects is passed over.
    hits: bool,
}

impl Decode for Positioned {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let text = part.data.as_slice();
        let mut leaves = Vec::with_capacity(64);
        let (mut at, mut record, mut last_start) = (0, part.first_record, None);
        // Damaged text may be looked at several times, once from each place where it might go on.
        let mut patience = text.len().saturating_mul(8);
        if self.hits {
            at = split::hits(text, 0).unwrap_or(0);
        }
        loop {
            at = split::skip_between(text, at);
            match text.get(at) {
                None => return,
                Some(first) if self.hits && !matches!(first, b'{' | b',') => {
                    match split::next_answer(text, at) {
                        Some(next) => at = next,
                        None => return,
                    }
                }
                Some(b',' | b'[' | b']') => at += 1,
                Some(first) => {
                    if *first == b'{' {
                        last_start = Some(at);
                    }
                    at = match self.documents.one(part, text, at, record, &mut leaves, sink) {
                        Ok(end) => end,
                        Err(malformed) => {
                            sink.trouble(corrupt(part, malformed.at, record, malformed.what));
                            match patience.checked_sub(malformed.reach - at) {
                                Some(left) => patience = left,
                                None => return sink.trouble(given_up(part, at)),
                            }
                            let column = last_start.map(|start| split::column(text, start));
                            split::resume(text, at, column).unwrap_or(text.len())
                        }
                    };
                    record += 1;
                }
            }
        }
    }
}

/// So much is damaged behind `at` that the rest of the part is not looked at.
fn given_up(part: &Part, at: usize) -> Trouble {
    Trouble {
        source: part.source.name.clone(),
        kind: TroubleKind::CorruptBlock,
        offset: Some(part.offset + at as u64),
        record: None,
        message: format!("{} bytes of damaged text were passed over", part.data.len() - at),
    }
}

/// A damaged document; `at` is its offset in the part.
fn corrupt(part: &Part, at: usize, record: u64, what: &str) -> Trouble {
    Trouble {
        source: part.source.name.clone(),
        kind: TroubleKind::CorruptRecord,
        offset: Some(part.offset + at as u64),
        record: Some(record),
        message: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use shikra_event::Form;

    use super::*;
    use crate::test_support::{Kept, read};

    /// Reads one line that must be one event.
    fn line(text: &str) -> Kept {
        let kept = read(&NDJSON, text);
        assert!(kept.troubles.is_empty(), "{:?}", kept.troubles);
        assert_eq!(kept.events.len(), 1);
        kept
    }

    #[test]
    fn a_flattened_event_has_windows_names() {
        let kept = line(concat!(
            r#"{"EventTime":"2020-01-01 08:00:00","Hostname":"pc","SourceName":"Microsoft-Windows-Sysmon","#,
            r#""EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","ExecutionProcessID":7,"#,
            r#""Keywords":-9223372036854775808,"Opcode":"Info","OpcodeValue":0,"ProcessId":"42","#,
            r#""Image":"C:\\a \"b\".exe","@timestamp":"2020-01-01T12:00:00.5Z","tags":["x","y"],"n":null}"#
        ));
        assert_eq!(
            kept.identity(0),
            (
                Form::Windows,
                "flattened (NXLog)",
                "Microsoft-Windows-Sysmon".into(),
                "Microsoft-Windows-Sysmon/Operational".into(),
                Some(1)
            )
        );
        let fields = [
            "@timestamp=2020-01-01T12:00:00.5Z",
            "Channel=Microsoft-Windows-Sysmon/Operational",
            "Computer=pc",
            "EventID=1",
            "EventTime=2020-01-01 08:00:00",
            "Execution_ProcessID=7",
            "Image=C:\\a \"b\".exe",
            "Keywords=0x8000000000000000",
            "Opcode=0",
            "ProcessId=42",
            "Provider_Name=Microsoft-Windows-Sysmon",
            "RenderingInfo_Opcode=Info",
            "TimeCreated_SystemTime=2020-01-01T12:00:00.5Z",
            "n=null",
            "tags=[\"x\",\"y\"]",
        ];
        assert_eq!(kept.fields(0), fields);
        assert_eq!(kept.events[0].time.unwrap().to_string(), "2020-01-01T12:00:00.500Z");
    }

    #[test]
    fn an_evtx_dump_record_has_windows_names() {
        let kept = line(concat!(
            r##"{"Event":{"#attributes":{"xmlns":"http://x"},"System":{"Provider":{"#attributes":{"Name":"P","##,
            r##""Guid":"0197231E-005A-6928-A50B-000000000D00"}},"EventID":{"#attributes":{"Qualifiers":3},"##,
            r##""#text":4624},"Version":2,"TimeCreated":{"#attributes":{"SystemTime":"2025-11-27T07:40:10Z"}},"##,
            r##""Correlation":null,"Channel":"Security","Security":{"#attributes":{"UserID":"S-1-5-18"}}},"##,
            r##""EventData":{"Data":["a","b"],"LogonGuid":"0197231E-005A-6928-A50B-000000000D00","X":""},"##,
            r##""UserData":{"EventXML":{"#attributes":{"xmlns":"y"},"Param":{"#text":"v"}}}}}"##
        ));
        let identity = (Form::Windows, "evtx_dump JSON", "P".into(), "Security".into(), Some(4624));
        assert_eq!(kept.identity(0), identity);
        assert_eq!(kept.events[0].shape().version(), Some(2));
        let fields = [
            "Channel=Security",
            "Data=[\"a\",\"b\"]",
            "EventID=4624",
            "EventID_Qualifiers=3",
            "LogonGuid={0197231e-005a-6928-a50b-000000000d00}",
            "Param=v",
            "Provider_Guid={0197231e-005a-6928-a50b-000000000d00}",
            "Provider_Name=P",
            "Security_UserID=S-1-5-18",
            "TimeCreated_SystemTime=2025-11-27T07:40:10Z",
            "Version=2",
            "X=",
        ];
        assert_eq!(kept.fields(0), fields);
    }

    #[test]
    fn key_order_does_not_make_shapes() {
        let text = "{\"a\":1,\"b\":{\"c\":2}}\n{\"b\":{\"c\":3},\"a\":4}\n{\"a\":5,\"b\":{\"c\":6}}\n";
        let kept = read(&NDJSON, text);
        assert_eq!(kept.fields(1), ["a=4", "b.c=3"]);
        assert_eq!(kept.fields(2), ["a=5", "b.c=6"]);
        assert!(kept.events.iter().all(|e| e.shape().id() == kept.events[0].shape().id()));
    }

    #[test]
    fn arrays_of_objects_repeat_their_names() {
        let kept = line(r#"{"r":[{"x":1},{"x":[2,3],"y":{}},4],"e":[]}"#);
        assert_eq!(kept.fields(0), ["e=[]", "r=4", "r.x=1", "r.x=[2,3]", "r.y={}"]);
    }

    #[test]
    fn damaged_lines_are_told_and_passed_over() {
        let kept = read(&NDJSON, "{\"a\":1}\n{\"a\":}\n\n[1]\n{\"a\":\"x\n{\"a\":2} {\"a\":3}\n{\"a\":4} x");
        let records: Vec<u64> = kept.events.iter().map(|e| e.record).collect();
        assert_eq!(records, [1, 6, 6, 7]);
        let told: Vec<_> = kept.troubles.iter().map(|t| (t.record, t.offset, t.kind)).collect();
        let corrupt = TroubleKind::CorruptRecord;
        let at = |line, offset| (Some(line), Some(offset), corrupt);
        assert_eq!(told, [at(2, 13), at(4, 16), at(5, 25), at(7, 52)]);
    }

    #[test]
    fn damage_does_not_cost_more_than_a_few_readings() {
        let kept = read(&JSON, "{\"a\":\n".repeat(30_000));
        assert_eq!(kept.troubles.last().map(|t| t.kind), Some(TroubleKind::CorruptBlock));
        let kept = read(&JSON, "[\n{\"a\n".repeat(30_000));
        assert!(kept.troubles.len() <= 30_001);
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let kept = line(&deep);
        assert_eq!(kept.fields(0).len(), 1);
        assert_eq!(kept.events[0].shape().fields()[0].len(), 2 * 64 - 1);
        assert_eq!(read(&NDJSON, "[".repeat(100_000)).troubles.len(), 1);
        assert_eq!(read(&NDJSON, "{\"a\":[{".repeat(100_000)).troubles.len(), 1);

        let many: Vec<String> = (0..10_000).map(|i| format!("\"k{i}\":{i}")).collect();
        let kept = read(&NDJSON, format!("{{{}}}", many.join(",")));
        assert_eq!(kept.events[0].shape().fields().len(), MAX_LEAVES);
        assert_eq!(kept.troubles[0].kind, TroubleKind::Limit);
    }
}
