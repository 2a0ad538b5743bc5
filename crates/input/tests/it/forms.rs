//! One event is one event: written in every form that people have, it reads back with the same fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use shikra_event::Form;

use crate::support::read;

/// A Windows event, told apart from how it is written.
struct Sample {
    provider: &'static str,
    guid: &'static str,
    id: u32,
    version: u32,
    level: u32,
    channel: &'static str,
    data: &'static [(&'static str, &'static str)],
}

const TIME: &str = "2024-03-05T06:07:08.123Z";
const COMPUTER: &str = "pc.example.org";
const KEYWORDS: &str = "0x8000000000000000";
const USER: &str = "S-1-5-18";

const SAMPLES: &[Sample] = &[
    Sample {
        provider: "Microsoft-Windows-Sysmon",
        guid: "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
        id: 1,
        version: 5,
        level: 4,
        channel: "Microsoft-Windows-Sysmon/Operational",
        data: &[
            ("UtcTime", "2024-03-05 06:07:08.100"),
            ("ProcessGuid", "{0197231e-005a-6928-a50b-000000000d00}"),
            ("ProcessId", "4460"),
            ("Image", r"C:\Program Files\a & b\\c.exe"),
            ("CommandLine", "\"c.exe\" <x> 'y', \u{202e}é😀\t;|\n"),
            ("User", r"PC\me"),
        ],
    },
    Sample {
        provider: "Microsoft-Windows-Security-Auditing",
        guid: "{54849625-5478-4994-a5ba-3e3b0328c30d}",
        id: 4624,
        version: 2,
        level: 3,
        channel: "Security",
        data: &[("SubjectUserSid", USER), ("LogonType", "3"), ("IpAddress", "::1"), ("ProcessId", "0x1f4")],
    },
];

impl Sample {
    /// What every form must read back as.
    fn fields(&self) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<String, String> = [
            ("Provider_Name", self.provider),
            ("Provider_Guid", self.guid),
            ("EventID", &self.id.to_string()),
            ("Version", &self.version.to_string()),
            ("Level", &self.level.to_string()),
            ("Keywords", KEYWORDS),
            ("TimeCreated_SystemTime", TIME),
            ("EventRecordID", "77"),
            ("Execution_ProcessID", "24"),
            ("Execution_ThreadID", "37"),
            ("Channel", self.channel),
            ("Computer", COMPUTER),
            ("Security_UserID", USER),
        ]
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .into();
        fields.extend(self.data.iter().map(|(k, v)| (k.to_string(), v.to_string())));
        fields
    }

    fn data(&self) -> Map<String, Value> {
        self.data.iter().map(|(k, v)| (k.to_string(), json!(v))).collect()
    }

    fn bare_guid(text: &str) -> String {
        text.trim_matches(['{', '}']).to_uppercase()
    }

    fn evtx_dump(&self) -> Value {
        let data = self.data.iter().map(|(k, v)| {
            let value = if k.ends_with("Guid") { Self::bare_guid(v) } else { v.to_string() };
            (k.to_string(), json!(value))
        });
        json!({"Event": {"#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
            "System": {
                "Provider": {"#attributes": {"Name": self.provider, "Guid": Self::bare_guid(self.guid)}},
                "EventID": self.id, "Version": self.version, "Level": self.level, "Keywords": KEYWORDS,
                "TimeCreated": {"#attributes": {"SystemTime": TIME}}, "EventRecordID": 77,
                "Correlation": null, "Execution": {"#attributes": {"ProcessID": 24, "ThreadID": 37}},
                "Channel": self.channel, "Computer": COMPUTER,
                "Security": {"#attributes": {"UserID": USER}}},
            "EventData": data.collect::<Map<String, Value>>()}})
    }

    /// `evtx_dump --separate-json-attributes`.
    fn evtx_dump_separate(&self) -> Value {
        json!({"Event": {"System": {
            "Provider_attributes": {"Name": self.provider, "Guid": Self::bare_guid(self.guid)},
            "EventID": self.id, "Version": self.version, "Level": self.level, "Keywords": KEYWORDS,
            "TimeCreated_attributes": {"SystemTime": TIME}, "EventRecordID": 77, "Correlation": null,
            "Execution_attributes": {"ProcessID": 24, "ThreadID": 37}, "Channel": self.channel,
            "Computer": COMPUTER, "Security_attributes": {"UserID": USER}}, "EventData": self.data()}})
    }

    fn nxlog(&self) -> Value {
        let mut document = json!({"EventTime": "2024-03-05 08:07:08", "Hostname": COMPUTER,
            "Keywords": i64::MIN, "SourceName": self.provider, "ProviderGuid": self.guid, "EventID": self.id,
            "Version": self.version, "Level": self.level, "RecordNumber": 77, "ExecutionProcessID": 24,
            "ExecutionThreadID": 37, "Channel": self.channel, "UserID": USER, "@timestamp": TIME});
        document.as_object_mut().unwrap().extend(self.data());
        document
    }

    /// Bare names of the record, as several scanners write it.
    fn flattened(&self) -> Value {
        Value::Object(self.fields().into_iter().map(|(k, v)| (k, json!(v))).collect())
    }

    fn level_name(&self) -> &'static str {
        if self.level == 3 { "warning" } else { "information" }
    }

    fn winlogbeat(&self) -> Value {
        json!({"@timestamp": TIME, "message": "m", "log": {"level": self.level_name()},
            "event": {"code": self.id, "kind": "event"}, "winlog": {"provider_name": self.provider,
            "provider_guid": self.guid, "event_id": self.id, "version": self.version, "record_id": 77,
            "process": {"pid": 24, "thread": {"id": 37}}, "channel": self.channel,
            "computer_name": COMPUTER, "user": {"identifier": USER}, "keywords": ["x"],
            "event_data": self.data()}})
    }

    fn winlogbeat_6(&self) -> Value {
        json!({"@timestamp": TIME, "message": "m", "level": self.level_name(), "source_name": self.provider,
            "provider_guid": self.guid, "event_id": self.id, "version": self.version, "record_number": "77",
            "process_id": 24, "thread_id": 37, "log_name": self.channel, "computer_name": COMPUTER,
            "user": {"identifier": USER, "name": "SYSTEM"}, "event_data": self.data()})
    }

    fn ecs(&self) -> Value {
        let mut document = self.winlogbeat();
        document["event"]["category"] = json!(["process"]);
        document["process"] = json!({"executable": "C:\\x.exe"});
        document
    }

    /// As Elasticsearch exports it, names dotted.
    fn exported(&self) -> Value {
        let mut flat = Map::new();
        flatten("", &self.winlogbeat(), &mut flat);
        json!({"_index": "winlogbeat", "_id": "1", "_source": flat})
    }

    fn xml(&self) -> String {
        let mut data = String::new();
        for (name, value) in self.data {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = write!(data, "<Data Name='{name}'>{value}</Data>");
        }
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
             <Provider Name='{}' Guid='{}'/><EventID>{}</EventID><Version>{}</Version><Level>{}</Level>\
             <Keywords>{KEYWORDS}</Keywords><TimeCreated SystemTime='{TIME}'/>\
             <EventRecordID>77</EventRecordID><Correlation/><Execution ProcessID='24' ThreadID='37'/>\
             <Channel>{}</Channel><Computer>{COMPUTER}</Computer><Security UserID='{USER}'/></System>\
             <EventData>{data}</EventData></Event>\n",
            self.provider, self.guid, self.id, self.version, self.level, self.channel
        )
    }

    fn csv(&self) -> String {
        let cell = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
        let fields = self.fields();
        let header: Vec<String> = fields.keys().map(cell).collect();
        let row: Vec<String> = fields.values().map(cell).collect();
        format!("{}\r\n{}\r\n", header.join(","), row.join(","))
    }
}

fn flatten(prefix: &str, value: &Value, out: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{key}"), value, out);
            }
        }
        other => drop(out.insert(prefix.to_string(), other.clone())),
    }
}

/// Name, text and document form of a sample in every form; `true` where the form lacks keywords.
fn written(sample: &Sample) -> Vec<(&'static str, String, Form, bool)> {
    let windows = Form::Windows;
    let json = |value: Value| format!("{value}\n");
    let pretty = |value: Value| format!("{value:#}\n");
    let wide = |text: String| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        characters(&[b"\xff\xfe".as_slice(), &units].concat())
    };
    vec![
        ("evtx_dump JSON", json(sample.evtx_dump()), windows, false),
        ("evtx_dump JSON", pretty(sample.evtx_dump()), windows, false),
        ("evtx_dump JSON", json(sample.evtx_dump()["Event"].clone()), windows, false),
        ("evtx_dump JSON", json(sample.evtx_dump_separate()), windows, false),
        ("evtx_dump JSON", json(json!([sample.evtx_dump()])), windows, false),
        ("evtx_dump JSON", wide(json(sample.evtx_dump())), windows, false),
        ("flattened (NXLog)", json(sample.nxlog()), windows, false),
        ("flattened", json(sample.flattened()), windows, false),
        ("winlogbeat raw", json(sample.winlogbeat()), windows, true),
        ("winlogbeat raw", json(sample.winlogbeat_6()), windows, true),
        ("winlogbeat raw", json(sample.exported()), windows, true),
        ("winlogbeat ECS", json(sample.ecs()), Form::Ecs, true),
        ("event XML", sample.xml(), windows, false),
        ("event XML", wide(sample.xml()), windows, false),
        ("event XML", format!("<?xml version='1.0'?>\n<Events>{}</Events>", sample.xml()), windows, false),
        ("CSV", sample.csv(), windows, false),
    ]
}

/// Bytes as characters, one each, so that all texts of the table have one type.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn bytes_of(text: &str) -> Vec<u8> {
    if text.starts_with('\u{ff}') { text.chars().map(|c| c as u8).collect() } else { text.into() }
}

#[test]
fn every_form_reads_back_alike() {
    let folder = tempfile::tempdir().unwrap();
    for sample in SAMPLES {
        for (origin, text, form, no_keywords) in written(sample) {
            let path = folder.path().join("log.csv");
            std::fs::write(&path, bytes_of(&text)).unwrap();
            let read = read(&path);
            assert!(read.troubles.is_empty(), "{origin} {:?}\n{text}", read.troubles);
            assert_eq!(read.events.len(), 1, "{origin}\n{text}");
            let event = &read.events[0];
            let shape = event.shape();
            assert_eq!((shape.origin(), shape.form()), (origin, form), "{text}");
            assert_eq!((shape.provider(), shape.channel()), (sample.provider, sample.channel), "{origin}");
            assert_eq!((shape.event_id(), shape.version()), (Some(sample.id), Some(sample.version)));
            assert_eq!(event.time.unwrap().to_string(), TIME, "{origin}");
            event.with(|e| {
                for (name, value) in sample.fields() {
                    if no_keywords && name == "Keywords" {
                        continue;
                    }
                    let found: Vec<_> = e.named(&name).filter_map(|s| s.to_text()).collect();
                    assert_eq!(found, [value], "{origin}: {name}\n{text}");
                }
            });
        }
    }
}

#[test]
fn ecs_names_stay_beside_windows_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, format!("{}\n", SAMPLES[0].ecs())).unwrap();
    let read = read(&path);
    read.events[0].with(|e| {
        assert_eq!(e.text_of("process.executable").as_deref(), Some("C:\\x.exe"));
        assert_eq!(e.text_of("message"), e.text_of("Message"));
        assert_eq!(e.text_of("event.code").as_deref(), Some("1"));
        assert_eq!(e.text_of("@timestamp").as_deref(), Some(TIME));
        assert!(e.shape.fields().iter().all(|n| !n.starts_with("winlog.event_data")));
    });
}

#[test]
fn other_documents_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let endpoint = r#"{"@timestamp":"2024-03-05T06:07:08Z","event":{"category":["process"]},"elastic":{"agent":{"id":"x"}},"process":{"name":"a"}}"#;
    let endgame = r#"{"event_type":"process","timestamp":131485996510000000,"process_name":"a"}"#;
    std::fs::write(&path, format!("{endpoint}\n{endgame}\n")).unwrap();
    let read = read(&path);
    let shapes: Vec<_> = read.events.iter().map(|e| (e.shape().form(), e.shape().origin())).collect();
    assert_eq!(shapes, [(Form::Ecs, "Elastic Endpoint"), (Form::Other, "JSON")]);
    assert_eq!(read.events[1].time.unwrap().to_string(), "2017-08-30T20:47:31Z");
    read.events[0].with(|e| assert_eq!(e.text_of("process.name").as_deref(), Some("a")));
}
