//! What is written reads the same, in our decoder and in another one.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;
use shikra_event::{Event, Kind};
use shikra_evtx_write::{EvtxWriter, Guid, Record, Section, Value, WriteError};
use shikra_input::{FORMATS, Part, Sink, SourceInfo, Trouble};

/// Name and text of each field, as one decoder sees it.
type Fields = Vec<(String, String)>;

fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = EvtxWriter::new(Cursor::new(Vec::new())).unwrap();
    for record in records {
        writer.record(record).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[derive(Default)]
struct Collect(Vec<(u64, Fields)>);

impl Sink for Collect {
    fn event(&mut self, event: &Event<'_>) {
        let fields = event.shape.fields().iter().zip(event.slots).filter(|(_, s)| s.kind != Kind::MISSING);
        let texts = fields.flat_map(|(name, slot)| {
            slot.elements().map(|s| (name.to_string(), s.to_text().unwrap_or_default()))
        });
        self.0.push((event.record, texts.collect()));
    }

    fn trouble(&mut self, trouble: Trouble) {
        panic!("{trouble:?}");
    }
}

fn read(file: &[u8]) -> Vec<(u64, Fields)> {
    let format = FORMATS.iter().find(|f| f.name == "evtx").unwrap();
    let source = Arc::new(SourceInfo { name: "test".into(), format: "evtx" });
    let (mut split, mut decode) = ((format.split)(), (format.decode)());
    let mut input = file;
    let mut part = Part { source, format, data: Vec::new(), offset: 0, first_record: 0, context: None };
    let mut out = Collect::default();
    while split.next(&mut input, &mut part, &mut |t| panic!("{t:?}")).unwrap() {
        decode.decode(&part, &mut out);
        part.data.clear();
    }
    out.0
}

/// Texts between tags and in attributes, in order, as the `evtx` crate writes them.
fn oracle(file: &[u8]) -> Vec<(u64, Vec<String>)> {
    let settings = evtx::ParserSettings::new().indent(false).validate_checksums(true);
    let mut parser = evtx::EvtxParser::from_buffer(file.to_vec()).unwrap().with_configuration(settings);
    assert!(parser.header().validate_checksum());
    let records = parser.records().map(|record| {
        let record = record.unwrap();
        (record.event_record_id, texts(&record.data))
    });
    records.collect()
}

fn texts(xml: &str) -> Vec<String> {
    let unescape = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        text.replace("&apos;", "'").replace("&amp;", "&")
    };
    let mut out = Vec::new();
    let body = xml.find("<Event").and_then(|at| xml.get(at..)).unwrap();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let attributes = tag.split('"').skip(1).step_by(2);
        let is_data = tag.starts_with("Data ");
        out.extend(attributes.filter(|a| !is_data && !a.starts_with("http")).map(unescape));
        if !tag.starts_with('/') && (is_data || tag == "Data" || !text.is_empty()) {
            out.push(unescape(text));
        }
    }
    out
}

/// Both decoders see the same texts in the same order.
fn check(records: &[Record]) {
    let file = write(records);
    let (ours, theirs) = (read(&file), oracle(&file));
    assert_eq!(ours.len(), records.len());
    assert_eq!(theirs.len(), records.len());
    for ((ours, theirs), record) in ours.iter().zip(&theirs).zip(records) {
        assert_eq!(ours.0, theirs.0);
        let texts: Vec<_> = ours.1.iter().map(|(_, text)| text.clone()).collect();
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        // EventID and its attribute come in another order in XML.
        assert_eq!(sorted(texts), sorted(theirs.1.clone()), "{record:?}");
    }
}

fn sample() -> Record {
    Record {
        provider: "Shikra-Example".into(),
        provider_guid: Some("{5770385f-c22a-43e0-bf4c-06f5698ffbd9}".parse().unwrap()),
        event_id: 4688,
        qualifiers: Some(3),
        version: 2,
        level: 4,
        task: 13312,
        keywords: 0x8020_0000_0000_0000,
        time: 132_478_052_651_234_567,
        activity: Some(Guid([7; 16])),
        process_id: 4,
        thread_id: 88,
        channel: "Security".into(),
        computer: "ws5.example.org".into(),
        user: Some("S-1-5-21-1-2-3-500".parse().unwrap()),
        data: vec![
            ("Text".into(), "a <b> & \"c\" é😀".into()),
            ("Empty".into(), "".into()),
            ("Null".into(), Value::Null),
            ("Small".into(), Value::I8(-5)),
            ("Number".into(), Value::U64(u64::MAX)),
            ("Flag".into(), Value::Bool(true)),
            ("Bytes".into(), Value::Binary(vec![1, 0xab])),
            ("Guid".into(), Value::Guid(Guid([1; 16]))),
            ("When".into(), Value::FileTime(132_478_052_651_234_567)),
            ("Sid".into(), Value::Sid("S-1-5-18".parse().unwrap())),
            ("Hex32".into(), Value::Hex32(0xc0de)),
            ("Hex64".into(), Value::Hex64(0xc61d9)),
            ("List".into(), Value::Texts(vec!["one".into(), "".into(), "three".into()])),
            ("".into(), "unnamed".into()),
        ],
        ..Record::default()
    }
}

#[test]
fn a_record_reads_back() {
    check(&[sample()]);
    let events = read(&write(&[sample()]));
    let (record, fields) = &events[0];
    let get =
        |name: &str| fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
    assert_eq!(*record, 1);
    assert_eq!(get("Provider_Name"), ["Shikra-Example"]);
    assert_eq!(get("EventID"), ["4688"]);
    assert_eq!(get("EventID_Qualifiers"), ["3"]);
    assert_eq!(get("TimeCreated_SystemTime"), ["2020-10-22T01:54:25.1234567Z"]);
    assert_eq!(get("Security_UserID"), ["S-1-5-21-1-2-3-500"]);
    assert_eq!(get("Text"), ["a <b> & \"c\" é😀"]);
    assert_eq!(get("Null"), [""]);
    assert_eq!(get("List"), ["one", "", "three"]);
    assert_eq!(get("Data"), ["unnamed"]);
    assert_eq!(get("Hex64"), ["0xc61d9"]);
}

#[test]
fn optional_parts_are_left_out() {
    let bare = Record { provider: "P".into(), ..Record::default() };
    check(std::slice::from_ref(&bare));
    let events = read(&write(&[bare]));
    let names: Vec<_> = events[0].1.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.iter().any(|n| ["Provider_Guid", "Security_UserID", "EventID_Qualifiers"].contains(n)));
}

#[test]
fn user_data_reads_back() {
    let section = Section::UserData("LogFileCleared".into());
    let data = vec![("SubjectUserName".into(), "eve".into()), ("Channel".into(), "System".into())];
    let record = Record { section, data, channel: "System".into(), event_id: 104, ..sample() };
    check(std::slice::from_ref(&record));
    assert!(read(&write(&[record]))[0].1.contains(&("SubjectUserName".into(), "eve".into())));
}

#[test]
fn many_records_fill_chunks() {
    let records: Vec<_> = (0..500)
        .map(|n| Record { event_id: n % 7, data: vec![(format!("F{}", n % 7), Value::U16(n))], ..sample() })
        .collect();
    check(&records);
    assert!(write(&records).len() > 4096 + 2 * 65536);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut writer = EvtxWriter::new(Cursor::new(Vec::new())).unwrap();
    let with = |value| Record { data: vec![("X".into(), value)], ..sample() };
    let nul = writer.record(&with(Value::Text("a\0b".into())));
    assert!(matches!(nul, Err(WriteError::Nul)));
    let big = writer.record(&with(Value::Binary(vec![0; 66_000])));
    assert!(matches!(big, Err(WriteError::TooBig)));
    writer.record(&Record { record_id: Some(7), ..sample() }).unwrap();
    let back = writer.record(&Record { record_id: Some(7), ..sample() });
    assert!(matches!(back, Err(WriteError::Order)));
    let file = writer.finish().unwrap().into_inner();
    assert_eq!(read(&file).len(), 1);
}

fn value() -> impl Strategy<Value = Value> {
    let text = "[ -~\t\néß€漢😀]{0,60}";
    prop_oneof![
        Just(Value::Null),
        text.prop_map(Value::Text),
        any::<i8>().prop_map(Value::I8),
        any::<u8>().prop_map(Value::U8),
        any::<i16>().prop_map(Value::I16),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Binary),
        any::<[u8; 16]>().prop_map(|g| Value::Guid(Guid(g))),
        any::<u64>().prop_map(Value::FileTime),
        any::<u32>().prop_map(Value::Hex32),
        any::<u64>().prop_map(Value::Hex64),
        prop::collection::vec(text, 0..4).prop_map(Value::Texts),
    ]
}

proptest! {
    #[test]
    fn any_record_reads_back(fields in prop::collection::vec(("[A-Za-z]{0,6}", value()), 0..12), id: u16) {
        let record = Record { event_id: id, data: fields, ..sample() };
        check(&[record.clone(), sample(), record]);
    }
}
