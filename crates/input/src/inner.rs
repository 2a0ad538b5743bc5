//! Records that a document carries in another form within it.
//!
//! Exports of a search engine hold the record as it was collected as text in one field, `EvtxECmd` holds event
//! data as JSON text beside its columns, and converters of XML write event data as a list of names and values.
//! Which of these a document is, is decided once per layout; leaves to others: what fields mean (`recognise`).

use shikra_event::{Kind, Slot, json_quoted};

use crate::eventlog_text::{WINEVENTLOG, labelled};
use crate::format::{Decode, Format, Head, Part, Sink};
use crate::json;
use crate::json::scan::Leaf;
use crate::layout::Position;
use crate::paths::{PathId, Paths};
use crate::xml::XML;

/// What a document holds within it, with where that stands.
#[derive(Clone, Debug, Default)]
pub(crate) enum Inner {
    /// Nothing: its fields are the event.
    #[default]
    None,
    /// Text that may be the record itself.
    Raw(Position),
    /// Event data as JSON text; the `System` part stands in columns.
    Payload { payload: Position, columns: Vec<(&'static Column, Position)> },
    /// Event data rendered into a message, by columns; where each stands.
    Rendered(Vec<(&'static str, Position)>),
    /// Event data as a list of objects, each a name and a value.
    Pairs { name: Position, value: Position },
}

/// A column of `EvtxECmd`: its name, and what stands before and behind its value in the record as JSON.
#[derive(Debug)]
pub(crate) struct Column(&'static str, &'static str, &'static str);

const COLUMNS: &[Column] = &[
    Column("EventId", r#""EventID":"#, ""),
    Column("Provider", r##""Provider":{"#attributes":{"Name":"##, "}}"),
    Column("Channel", r#""Channel":"#, ""),
    Column("Computer", r#""Computer":"#, ""),
    Column("EventRecordId", r#""EventRecordID":"#, ""),
    Column("TimeCreated", r##""TimeCreated":{"#attributes":{"SystemTime":"##, "}}"),
    Column("UserId", r##""Security":{"#attributes":{"UserID":"##, "}}"),
    Column("ProcessId", r##""Execution_ProcessID":"##, ""),
    Column("ThreadId", r##""Execution_ThreadID":"##, ""),
];

/// What the columns of records with a rendered message are called: by Splunk's text, which they are brought to; by
/// `Get-WinEvent`, by Event Viewer's table, by Fluent Bit.
const RENDERED: &[(&str, &[&str])] = &[
    ("_time", &["TimeCreated", "Date and Time"]),
    ("LogName", &["LogName", "Channel"]),
    ("SourceName", &["ProviderName", "Source"]),
    ("EventCode", &["Id", "Event ID", "EventID"]),
    ("ComputerName", &["MachineName", "Computer"]),
    ("RecordNumber", &["RecordId", "EventRecordID"]),
    ("Keywords", &["Keywords"]),
    ("Message", &["Message"]),
];

/// Columns of which one tells that event data is in the message alone.
const RENDERED_ONLY: &[&str] = &["Date and Time", "MachineName", "StringInserts"];

/// Logs of providers, for tables that do not name the log.
const LOGS: &[(&str, &str)] = &[
    ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational"),
    ("Microsoft-Windows-Security-Auditing", "Security"),
    ("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational"),
    ("Microsoft-Windows-TaskScheduler", "Microsoft-Windows-TaskScheduler/Operational"),
    ("Microsoft-Windows-Windows Defender", "Microsoft-Windows-Windows Defender/Operational"),
    ("PowerShell", "Windows PowerShell"),
    ("Service Control Manager", "System"),
];

/// Names of the fields that hold a record as it was collected.
const RAW: &[&str] = &["_raw"];
const NAMES: &[&str] = &["@Name", "Name", "#attributes.Name"];
const VALUES: &[&str] = &["#text", "Value"];

impl Inner {
    /// What a document with the fields `names` holds, which stand at `at`.
    pub fn of(names: &[(&str, Position)]) -> Inner {
        let at = |name: &str| names.iter().find(|(n, _)| *n == name).map(|(_, at)| *at);
        if let Some(position) = RAW.iter().find_map(|n| at(n)) {
            return Inner::Raw(position);
        }
        if let (Some(payload), Some(_), Some(_)) = (at("Payload"), at("EventId"), at("EventRecordId")) {
            let columns = COLUMNS.iter().filter_map(|c| Some((c, at(c.0)?))).collect();
            return Inner::Payload { payload, columns };
        }
        let rendered = |(to, from): &(&'static str, &[&str])| Some((*to, from.iter().find_map(|n| at(n))?));
        let columns: Vec<(&'static str, Position)> = RENDERED.iter().filter_map(rendered).collect();
        let has = |name: &str| columns.iter().any(|(to, _)| *to == name);
        if RENDERED_ONLY.iter().any(|n| at(n).is_some())
            && has("Message")
            && has("EventCode")
            && has("SourceName")
        {
            return Inner::Rendered(columns);
        }
        let member = |list: &[&str]| {
            let found = |(name, _): &&(&str, Position)| {
                let rest = name.strip_prefix("Event.").unwrap_or(name).strip_prefix("EventData.Data.");
                rest.is_some_and(|rest| list.contains(&rest))
            };
            names.iter().find(found).map(|(_, at)| *at)
        };
        match (member(NAMES), member(VALUES)) {
            (Some(name), Some(value)) => Inner::Pairs { name, value },
            _ => Inner::None,
        }
    }
}

/// The record that `text` is, if it is one in a form that [`Records`] reads.
pub(crate) fn raw(text: String) -> Option<String> {
    let trimmed = text.trim();
    let xml = trimmed.starts_with("<Event") && trimmed.ends_with("</Event>");
    let object = trimmed.starts_with('{') && trimmed.ends_with('}');
    let labelled = || (WINEVENTLOG.detect)(&Head { bytes: trimmed.as_bytes(), name: "" });
    (xml || object || labelled()).then_some(text)
}

/// The record as JSON that `payload` and `columns` make; none where the payload is no object.
pub(crate) fn joined<'a>(
    payload: &Slot<'_>,
    columns: impl Iterator<Item = (&'static Column, Slot<'a>)>,
) -> Option<String> {
    let payload = payload.to_text()?;
    let data = payload.trim().strip_prefix('{')?.strip_suffix('}')?;
    let system: Vec<String> = columns
        .filter_map(|(Column(_, before, behind), slot)| {
            let text = slot.to_text().filter(|t| !t.is_empty())?;
            Some(format!("{before}{}{behind}", json_quoted(&text)))
        })
        .collect();
    let comma = if data.trim().is_empty() { "" } else { "," };
    Some(format!("{{\"System\":{{{}}}{comma}{data}}}", system.join(",")))
}

/// The record as JSON that `columns` with a message make: its values stand under their sections and labels.
pub(crate) fn rendered<'a>(columns: impl Iterator<Item = (&'static str, Slot<'a>)>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let (mut log, mut provider) = (false, String::new());
    for (name, slot) in columns {
        let Some(text) = slot.to_text() else { continue };
        log |= name == "LogName";
        parts.push(format!("{}:{}", json_quoted(name), json_quoted(&text)));
        if name == "SourceName" {
            provider = text;
        } else if name == "Message" {
            let text_of = |bytes| json_quoted(&String::from_utf8_lossy(bytes));
            parts.extend(labelled(text.as_bytes()).into_iter().map(|(section, label, value)| {
                format!("\"Message\":{{{}:{{{}:{}}}}}", text_of(section), text_of(label), text_of(value))
            }));
        }
    }
    if !log {
        let known = LOGS.iter().find(|(name, _)| *name == provider).map_or("", |(_, log)| *log);
        parts.push(format!("\"LogName\":{}", json_quoted(known)));
    }
    format!("{{{}}}", parts.join(","))
}

/// `leaves` with a value under its own name for each pair of a name and a value.
pub(crate) fn unpaired<'a>(
    paths: &mut Paths,
    leaves: &[Leaf<'a>],
    name: PathId,
    value: PathId,
) -> Vec<Leaf<'a>> {
    let data = paths.parent(value, "EventData");
    let mut out = Vec::with_capacity(leaves.len());
    let mut open: Option<Slot<'a>> = None;
    let end = |paths: &mut Paths, open: &mut Option<Slot<'a>>, slot, out: &mut Vec<Leaf<'a>>| {
        if let Some(named) = open.take() {
            out.push(Leaf { path: paths.child(data, named.data), slot });
        }
    };
    for leaf in leaves {
        if leaf.path == name {
            end(paths, &mut open, Slot { kind: Kind::UTF8, data: b"" }, &mut out);
            open = Some(leaf.slot);
        } else if leaf.path == value && open.is_some() {
            end(paths, &mut open, leaf.slot, &mut out);
        } else {
            out.push(*leaf);
        }
    }
    end(paths, &mut open, Slot { kind: Kind::UTF8, data: b"" }, &mut out);
    out
}

/// Decodes records found within others; those that they hold in turn are left alone.
pub(crate) struct Records {
    forms: Vec<(&'static Format, Box<dyn Decode>)>,
}

impl Records {
    /// For all forms that [`raw`] admits.
    pub fn new() -> Records {
        let form = |format: &'static Format| (format, (format.decode)());
        Records { forms: vec![form(&XML), (&json::NDJSON, json::plain()), form(&WINEVENTLOG)] }
    }

    /// Tells `sink` the event that `text` is, found in `part` as its record of that number.
    pub fn decode(&mut self, part: &Part, text: String, record: u64, sink: &mut dyn Sink) {
        let data = if text.trim_start().starts_with('{') { text.replace('\n', " ") } else { text };
        let head = Head { bytes: data.trim_start().as_bytes(), name: "" };
        if let Some((format, decode)) = self.forms.iter_mut().find(|(f, _)| (f.detect)(&head)) {
            let (source, offset) = (part.source.clone(), part.offset);
            let data = data.trim().as_bytes().to_vec();
            decode.decode(&Part { source, format, data, offset, first_record: record, context: None }, sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::csv::CSV;
    use crate::json::NDJSON;
    use crate::test_support::read;

    const XML: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider \
                       Name='P'/><EventID>1</EventID><Channel>C</Channel></System><EventData><Data \
                       Name='Image'>a</Data></EventData></Event>";

    #[test]
    fn records_that_an_export_holds_as_text_are_read() {
        let want = ["Channel=C", "EventID=1", "Image=a", "Provider_Name=P"];
        let line =
            format!("{{\"preview\":false,\"result\":{{\"_time\":\"x\",\"_raw\":\"{XML}\",\"host\":\"h\"}}}}");
        assert_eq!(read(&NDJSON, line).fields(0), want);
        assert_eq!(read(&CSV, format!("_time,_raw\n\"x\",\"{XML}\"\n")).fields(0), want);
        let text = "01/02/2026 08:20:15 AM\nLogName=C\nEventCode=1\nMessage=Process Create:\nImage: a";
        let kept = read(&CSV, format!("_raw,_time\n\"{text}\",x\n"));
        assert!(kept.fields(0).contains(&"Image=a".to_string()), "{:?}", kept.fields(0));
        let kept = read(&NDJSON, r#"{"_raw":"{\"a\":1,\"_raw\":\"{\\\"b\\\":2}\"}","x":1}"#);
        assert_eq!(kept.fields(0), ["_raw={\"b\":2}", "a=1"]);
        assert_eq!(read(&NDJSON, r#"{"_raw":"some text","x":1}"#).fields(0), ["_raw=some text", "x=1"]);
    }

    #[test]
    fn values_of_rendered_messages_have_their_names() {
        let message = "Process Create:\r\nRuleName: -\r\nImage: C:\\a.exe";
        let table = format!(
            "Level,Date and Time,Source,Event ID,Task Category\r\nInformation,3/2/2026 8:20:15 PM,\
             Microsoft-Windows-Sysmon,1,Process Create,\"{message}\"\r\n"
        );
        let kept = read(&CSV, table);
        assert!(kept.troubles.is_empty(), "{:?}", kept.troubles);
        let documents = serde_json::json!({"Id": 1, "ProviderName": "Microsoft-Windows-Sysmon", "MachineName": "pc",
            "LogName": "Microsoft-Windows-Sysmon/Operational", "TimeCreated": "/Date(1772482815000)/",
            "Message": message});
        for kept in [kept, read(&NDJSON, documents.to_string())] {
            let (_, _, provider, channel, id) = kept.identity(0);
            assert_eq!((provider.as_str(), id), ("Microsoft-Windows-Sysmon", Some(1)));
            assert_eq!(channel, "Microsoft-Windows-Sysmon/Operational");
            let fields = kept.fields(0);
            assert!(fields.contains(&"Image=C:\\a.exe".to_string()), "{fields:?}");
            assert!(fields.contains(&"RuleName=-".to_string()), "{fields:?}");
            assert_eq!(kept.events[0].time.map(|t| t.to_string()).as_deref(), Some("2026-03-02T20:20:15Z"));
        }
    }

    #[test]
    fn event_data_beside_columns_and_in_lists_has_its_names() {
        let data = r##"{"EventData":{"Data":[{"@Name":"Image","#text":"C:\\a"},{"@Name":"No"},{"@Name":"User","#text":"u"}]}}"##;
        let want = ["Channel=C", "EventID=1", "EventRecordID=7", "Image=C:\\a", "No=", "User=u"];
        let row = format!("EventId,Channel,EventRecordId,Payload\n1,C,7,\"{}\"\n", data.replace('"', "\"\""));
        assert_eq!(read(&CSV, row).fields(0), want);
        let system = r#"{"System":{"EventID":1,"Channel":"C","EventRecordID":7},"#;
        assert_eq!(read(&NDJSON, format!("{system}{}", &data[1..])).fields(0), want);
    }
}
