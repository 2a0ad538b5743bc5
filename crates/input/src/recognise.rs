//! Which family of documents a set of paths is, and under which names its values are stored.
//!
//! Every producer of Windows events in text wraps them differently; here each wrapping is undone, so that an
//! event has the same names as its EVTX record: [`system`] names for the `System` part, bare names for event
//! data. What a form does not name keeps its own name, nested ones dotted. Leaves to others: finding values
//! (`json`, `xml`, `csv`), and what fields mean (crate `taxonomy`).

use std::collections::HashSet;

use shikra_event::{Form, Name, system};

use crate::convert::{Convert, DISPLAYED, SECURITY, log_of_source};
use crate::helk;
use crate::inner::Inner;
use crate::labels;
use crate::layout::{Plan, Position};
use crate::paths::{PathId, Paths};

const SYSMON: &str = "Microsoft-Windows-Sysmon";
const SYSMON_CHANNEL: &str = "Microsoft-Windows-Sysmon/Operational";

/// A path under its dotted name.
struct Field {
    name: String,
    keys: Vec<String>,
    at: Position,
}

/// What the sorted `paths` of a document mean.
pub(crate) fn recognise(paths: &Paths, ids: &[PathId]) -> Plan {
    let field = |(id, at): (&PathId, Position)| {
        let keys = paths.keys(*id);
        Field { name: keys.join("."), keys, at }
    };
    let fields: Vec<Field> = ids.iter().zip(0..).map(field).collect();
    let fields = unwrapped(fields);
    let names: HashSet<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    let known = FORMS.iter().find(|form| (form.admits)(&names)).unwrap_or(&OTHER);
    let mut builder = Builder { known, fields: Vec::with_capacity(fields.len()) };
    for field in &fields {
        (known.place)(&names, field, &mut builder);
    }
    let mut plan = builder.finish(&names);
    let places: Vec<(&str, Position)> = fields.iter().map(|f| (f.name.as_str(), f.at)).collect();
    plan.inner = Inner::of(&places);
    plan
}

/// A document form: how it is recognised and where it keeps what.
struct Known {
    form: Form,
    origin: &'static str,
    admits: fn(&HashSet<&str>) -> bool,
    place: fn(&HashSet<&str>, &Field, &mut Builder),
    /// Names of event times, best first.
    times: &'static [&'static str],
}

/// All forms, most specific first.
static FORMS: &[Known] = &[
    Known {
        form: Form::Windows,
        origin: "evtx_dump JSON",
        admits: |names| any(names, &["Event.System.", "System."], |rest| rest.starts_with("EventID")),
        place: place_record,
        times: &[system::TIME],
    },
    Known {
        form: Form::Windows,
        origin: "Wazuh",
        admits: |names| any(names, &["data.win.system.", "win.system."], |rest| rest == "eventID"),
        place: place_wazuh,
        times: &[system::TIME, "timestamp"],
    },
    Known {
        form: Form::Windows,
        origin: "HELK",
        admits: |names| {
            let own = ["process_path", "process_guid", "process_command_line"];
            names.contains("log_name")
                && names.contains("source_name")
                && own.iter().any(|n| names.contains(n))
        },
        place: place_helk,
        times: &["@event_date_creation", "@timestamp"],
    },
    Known {
        form: Form::Ecs,
        origin: "winlogbeat ECS",
        admits: |names| has_winlog(names) && any(names, ECS_SECTIONS, |_| true),
        place: place_winlog,
        times: &["winlog.time_created", "@timestamp", "event.created"],
    },
    Known {
        form: Form::Windows,
        origin: "winlogbeat raw",
        admits: has_winlog,
        place: place_winlog,
        times: &["winlog.time_created", "@timestamp", "event.created"],
    },
    Known {
        form: Form::Windows,
        origin: "winlogbeat raw",
        admits: |names| names.contains("log_name") && names.contains("event_id"),
        place: place_old_winlogbeat,
        times: &["@timestamp"],
    },
    Known {
        form: Form::Ecs,
        origin: "Elastic Endpoint",
        admits: |names| is_ecs(names) && any(names, ENDPOINT_SECTIONS, |_| true),
        place: place_as_is,
        times: &["@timestamp", "event.created"],
    },
    Known {
        form: Form::Ecs,
        origin: "ECS",
        admits: is_ecs,
        place: place_as_is,
        times: &["@timestamp", "event.created"],
    },
    Known {
        form: Form::Windows,
        origin: "WinEventLog text",
        admits: |names| names.contains("LogName") && names.contains("EventCode"),
        place: place_labelled,
        times: &["_time"],
    },
    Known {
        form: Form::Windows,
        origin: "Splunk's table",
        admits: |names| {
            let log = ["LogName", "Channel", "SourceName"].iter().any(|n| names.contains(n));
            names.contains("EventCode") && names.contains("source") && !log
        },
        place: place_splunk,
        times: &["_time", "UtcTime"],
    },
    Known {
        form: Form::Windows,
        origin: "flattened (NXLog)",
        admits: |names| {
            names.contains("EventID") && (names.contains("SourceName") && names.contains("Hostname"))
        },
        place: place_nxlog,
        times: FLAT_TIMES,
    },
    Known {
        form: Form::Windows,
        origin: "flattened (Log Analytics)",
        admits: |names| names.contains("EventID") && names.contains("TimeGenerated"),
        place: place_flat,
        times: &["TimeCreated", "TimeCreatedUtc", "TimeGenerated", "TimeCollected"],
    },
    Known { form: Form::Windows, origin: "flattened", admits: is_flat, place: place_flat, times: FLAT_TIMES },
];

static OTHER: Known = Known {
    form: Form::Other,
    origin: "JSON",
    admits: |_| true,
    place: place_as_is,
    times: &[
        "@timestamp",
        "timestamp",
        "Timestamp",
        "_time",
        "time",
        "TimeGenerated",
        "EventTime",
        "UtcTime",
        "ReportTime",
        "CreationTime",
        "EventReceivedTime",
    ],
};

/// Times of flattened events: what comes from `System` first, then what a collector wrote in UTC; NXLog's
/// `EventTime` is local time without a zone, so it comes last.
const FLAT_TIMES: &[&str] = &[
    system::TIME,
    "SystemTime",
    "TimeCreated",
    "TimeCreatedUtc",
    "@timestamp",
    "timestamp",
    "Timestamp",
    "_time",
    "UtcTime",
    "EventTime",
    "EventReceivedTime",
];

/// Sections that only ECS-processed documents have: plain winlogbeat writes `event.code`, `host` and the like.
const ECS_SECTIONS: &[&str] = &[
    "event.category",
    "process.",
    "registry.",
    "file.",
    "dns.",
    "network.",
    "source.",
    "destination.",
    "dll.",
    "powershell.",
    "group.",
    "service.",
];

/// Sections that Elastic Endpoint writes.
const ENDPOINT_SECTIONS: &[&str] = &["elastic.agent.", "Endpoint.", "process.Ext.", "dll.Ext.", "file.Ext."];

fn any(names: &HashSet<&str>, prefixes: &[&str], accept: fn(&str) -> bool) -> bool {
    names.iter().any(|name| prefixes.iter().any(|p| name.strip_prefix(p).is_some_and(accept)))
}

fn has_winlog(names: &HashSet<&str>) -> bool {
    names.contains("winlog.channel")
        || names.contains("winlog.event_id")
        || names.contains("winlog.provider_name")
}

fn is_ecs(names: &HashSet<&str>) -> bool {
    names.contains("ecs.version")
        || names.contains("event.category")
        || (names.contains("@timestamp") && any(names, &["event."], |rest| !rest.is_empty()))
}

fn is_flat(names: &HashSet<&str>) -> bool {
    let id = EVENT_ID_NAMES.iter().any(|n| names.contains(n));
    let known = FLAT_NAMES.iter().any(|(name, _, _)| names.contains(name) && !EVENT_ID_NAMES.contains(name));
    id && (known || infer(names).is_some())
}

/// Where an event that names neither provider nor channel must come from, told by fields that only one
/// provider writes.
fn infer(names: &HashSet<&str>) -> Option<(&'static str, &'static str)> {
    let has = |list: &[&str]| list.iter().any(|n| names.contains(n));
    if names.contains("UtcTime") {
        return Some((SYSMON, SYSMON_CHANNEL));
    }
    has(&["SubjectUserSid", "SubjectUserName", "TargetUserSid"]).then_some((SECURITY, "Security"))
}

const EVENT_ID_NAMES: &[&str] = &["EventID", "EventId", "event_id", "EventCode", "Event_ID"];

/// Names of the `System` part in flattened documents.
const FLAT_NAMES: &[(&str, &str, Convert)] = &[
    ("EventID", system::EVENT_ID, Convert::Keep),
    ("EventId", system::EVENT_ID, Convert::Keep),
    ("event_id", system::EVENT_ID, Convert::Keep),
    ("Event_ID", system::EVENT_ID, Convert::Keep),
    ("EventCode", system::EVENT_ID, Convert::Keep),
    ("SourceName", system::PROVIDER, Convert::Provider),
    ("source_name", system::PROVIDER, Convert::Keep),
    ("ProviderName", system::PROVIDER, Convert::Keep),
    ("Provider", system::PROVIDER, Convert::Keep),
    ("EventSourceName", system::PROVIDER, Convert::Keep),
    (system::PROVIDER, system::PROVIDER, Convert::Keep),
    ("ProviderGuid", system::PROVIDER_GUID, Convert::Braces),
    (system::PROVIDER_GUID, system::PROVIDER_GUID, Convert::Braces),
    ("Channel", system::CHANNEL, Convert::Keep),
    ("LogName", system::CHANNEL, Convert::Keep),
    ("log_name", system::CHANNEL, Convert::Keep),
    ("Hostname", system::COMPUTER, Convert::Keep),
    ("Computer", system::COMPUTER, Convert::Keep),
    ("ComputerName", system::COMPUTER, Convert::Keep),
    ("computer_name", system::COMPUTER, Convert::Keep),
    ("RecordNumber", system::RECORD, Convert::Keep),
    ("RecordID", system::RECORD, Convert::Keep),
    ("EventRecordID", system::RECORD, Convert::Keep),
    ("EventRecordId", system::RECORD, Convert::Keep),
    ("ExecutionProcessID", system::PROCESS_ID, Convert::Keep),
    (system::PROCESS_ID, system::PROCESS_ID, Convert::Keep),
    ("ExecutionThreadID", system::THREAD_ID, Convert::Keep),
    (system::THREAD_ID, system::THREAD_ID, Convert::Keep),
    ("ActivityID", system::ACTIVITY, Convert::Braces),
    ("RelatedActivityID", system::RELATED_ACTIVITY, Convert::Braces),
    ("Keywords", system::KEYWORDS, Convert::Keywords),
    ("Level", system::LEVEL, Convert::Level),
    ("SystemTime", system::TIME, Convert::Keep),
    ("TimeCreated", system::TIME, Convert::Keep),
    ("OpcodeValue", system::OPCODE, Convert::Keep),
];

/// Names that only NXLog uses in this sense.
const NXLOG_NAMES: &[(&str, &str, Convert)] = &[
    ("ProcessID", system::PROCESS_ID, Convert::Keep),
    ("ThreadID", system::THREAD_ID, Convert::Keep),
    ("UserID", system::USER_ID, Convert::Keep),
];

const WINLOG_NAMES: &[(&str, &str, Convert)] = &[
    ("channel", system::CHANNEL, Convert::Keep),
    ("provider_name", system::PROVIDER, Convert::Keep),
    ("provider_guid", system::PROVIDER_GUID, Convert::Braces),
    ("event_id", system::EVENT_ID, Convert::Keep),
    ("record_id", system::RECORD, Convert::Keep),
    ("computer_name", system::COMPUTER, Convert::Keep),
    ("process.pid", system::PROCESS_ID, Convert::Keep),
    ("process.thread.id", system::THREAD_ID, Convert::Keep),
    ("user.identifier", system::USER_ID, Convert::Keep),
    ("version", system::VERSION, Convert::Keep),
    ("activity_id", system::ACTIVITY, Convert::Braces),
    ("related_activity_id", system::RELATED_ACTIVITY, Convert::Braces),
    ("time_created", system::TIME, Convert::Keep),
];

const OLD_WINLOGBEAT_NAMES: &[(&str, &str, Convert)] = &[
    ("log_name", system::CHANNEL, Convert::Keep),
    ("source_name", system::PROVIDER, Convert::Keep),
    ("provider_guid", system::PROVIDER_GUID, Convert::Braces),
    ("event_id", system::EVENT_ID, Convert::Keep),
    ("record_number", system::RECORD, Convert::Keep),
    ("computer_name", system::COMPUTER, Convert::Keep),
    ("process_id", system::PROCESS_ID, Convert::Keep),
    ("thread_id", system::THREAD_ID, Convert::Keep),
    ("user.identifier", system::USER_ID, Convert::Keep),
    ("version", system::VERSION, Convert::Keep),
    ("activity_id", system::ACTIVITY, Convert::Braces),
    ("related_activity_id", system::RELATED_ACTIVITY, Convert::Braces),
    ("level", system::LEVEL, Convert::Level),
    ("message", system::MESSAGE, Convert::Keep),
    ("@timestamp", system::TIME, Convert::Keep),
];

/// What Wazuh calls the parts of `System`.
const WAZUH_NAMES: &[(&str, &str, Convert)] = &[
    ("providerName", system::PROVIDER, Convert::Keep),
    ("providerGuid", system::PROVIDER_GUID, Convert::Braces),
    ("eventID", system::EVENT_ID, Convert::Keep),
    ("version", system::VERSION, Convert::Keep),
    ("level", system::LEVEL, Convert::Keep),
    ("opcode", system::OPCODE, Convert::Keep),
    ("keywords", system::KEYWORDS, Convert::Keep),
    ("systemTime", system::TIME, Convert::Keep),
    ("eventRecordID", system::RECORD, Convert::Keep),
    ("processID", system::PROCESS_ID, Convert::Keep),
    ("threadID", system::THREAD_ID, Convert::Keep),
    ("channel", system::CHANNEL, Convert::Keep),
    ("computer", system::COMPUTER, Convert::Keep),
    ("message", system::MESSAGE, Convert::Keep),
];

fn look_up(
    table: &'static [(&'static str, &'static str, Convert)],
    name: &str,
) -> Option<(&'static str, Convert)> {
    table.iter().find(|(from, ..)| *from == name).map(|(_, to, convert)| (*to, *convert))
}

/// The record as its XML has it, and as `evtx_dump` and others write that in JSON: `Event.System…`,
/// `Event.EventData…`.
fn place_record(_: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    let keys: Vec<&str> = field.keys.iter().map(String::as_str).collect();
    let keys = match *keys {
        ["Event", ref rest @ ..] => rest,
        ref all => all,
    };
    match *keys {
        [.., last] if last == "xmlns" || last.starts_with("xmlns:") => {}
        ["System" | "EventData" | "UserData" | "RenderingInfo"] => {
            plan.put(&field.name, field, Convert::NullIsMissing);
        }
        ["System", ref rest @ ..] => place_system(rest, field, plan),
        ["RenderingInfo", "Message"] | ["RenderingInfo", "Message", "#text"] => {
            plan.put(system::MESSAGE, field, Convert::Keep);
        }
        ["RenderingInfo", .., "#attributes", _] => {}
        ["RenderingInfo", .., last] => {
            plan.put(&format!("RenderingInfo_{last}"), field, Convert::Keep);
        }
        _ => place_data(keys, field, plan),
    }
}

/// `Provider.#attributes.Name` → `Provider_Name`, `EventID.#text` → `EventID`.
fn place_system(keys: &[&str], field: &Field, plan: &mut Builder) {
    let parts = keys.iter().map(|k| k.strip_suffix("_attributes").unwrap_or(k));
    let parts = parts.map(|k| k.strip_prefix('@').unwrap_or(k));
    let of_id = keys.first() == Some(&"EventID");
    let kept: Vec<&str> =
        parts.filter(|k| !(matches!(*k, "#attributes" | "#text") || of_id && *k == "Value")).collect();
    let name = kept.join("_");
    let convert = match name.as_str() {
        system::PROVIDER_GUID | system::ACTIVITY | system::RELATED_ACTIVITY => Convert::Braces,
        "Provider" | "Correlation" | "Execution" | "Security" | "TimeCreated" => Convert::NullIsMissing,
        _ => Convert::Keep,
    };
    plan.put(&name, field, convert);
}

/// Event data by the name of the innermost element, an attribute as `Element_Attribute`.
fn place_data(keys: &[&str], field: &Field, plan: &mut Builder) {
    let local = |key: &str| key.rsplit(':').next().unwrap_or(key).to_string();
    let name = match *keys {
        [.., element, "#attributes", attribute] => format!("{}_{}", local(element), local(attribute)),
        [.., element, attribute] if element.ends_with("_attributes") => {
            format!("{}_{}", local(element.trim_end_matches("_attributes")), local(attribute))
        }
        ["EventData", "#text"] => "Data".to_string(),
        [.., element, "#text"] | [.., element] => local(element),
        [] => String::new(),
    };
    let tail = name.get(name.len().saturating_sub(4)..);
    let guid = tail.is_some_and(|end| end.eq_ignore_ascii_case("guid"));
    plan.put(&name, field, if guid { Convert::Braces } else { Convert::Keep });
}

/// winlogbeat 7 and later: `winlog.*` under Windows names, all else as it is.
fn place_winlog(_: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    let Some(rest) = field.name.strip_prefix("winlog.") else {
        match field.name.as_str() {
            "message" => {
                plan.put(system::MESSAGE, field, Convert::Keep);
                if plan.known.form == Form::Windows {
                    return;
                }
            }
            "log.level" => plan.put(system::LEVEL, field, Convert::Level),
            "@timestamp" => plan.put(system::TIME, field, Convert::Keep),
            _ => {}
        }
        return plan.put(&field.name, field, Convert::Keep);
    };
    for data in ["event_data.", "user_data."] {
        if let Some(name) = rest.strip_prefix(data) {
            return place_beat_data(name, field, plan);
        }
    }
    match look_up(WINLOG_NAMES, rest) {
        Some((name, convert)) => plan.put(name, field, convert),
        None => plan.put(&field.name, field, Convert::Keep),
    }
}

/// winlogbeat numbers data without a name: `param1`, `param2` are the unnamed values of the record.
fn place_beat_data(name: &str, field: &Field, plan: &mut Builder) {
    let number = name.strip_prefix("param");
    let unnamed = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if unnamed {
        plan.put("Data", field, Convert::Keep);
    }
    // What is nested here is user data, known by its innermost names.
    let leaf =
        if field.name.contains("user_data.") { field.keys.last().map_or(name, String::as_str) } else { name };
    plan.put(leaf, field, Convert::Keep);
}

/// winlogbeat up to 6.
fn place_old_winlogbeat(_: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    for data in ["event_data.", "user_data."] {
        if let Some(name) = field.name.strip_prefix(data) {
            return place_beat_data(name, field, plan);
        }
    }
    let known = look_up(OLD_WINLOGBEAT_NAMES, &field.name);
    if let Some((name, convert)) = known {
        plan.put(name, field, convert);
    }
    if known.is_none() || field.name == "@timestamp" {
        plan.put(&field.name, field, Convert::Keep);
    }
}

/// Wazuh's manager begins every name with a small letter, and writes backslashes twice.
fn place_wazuh(_: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    let name = field.name.strip_prefix("data.").unwrap_or(&field.name);
    let known = name.strip_prefix("win.system.").and_then(|name| look_up(WAZUH_NAMES, name));
    let data = ["win.eventdata.", "win.userdata."].iter().find_map(|p| name.strip_prefix(p));
    match (known, data) {
        (Some((name, convert)), _) => plan.put(name, field, convert),
        (None, Some(data)) => {
            let mut letters = data.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            let name: String = first.into_iter().chain(letters).collect();
            plan.put(&name, field, Convert::Doubled);
        }
        (None, None) => plan.put(&field.name, field, Convert::Keep),
    }
}

/// The host is named by its own field; `host` is the collector.
fn place_helk(names: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    if field.name == "host_name" {
        return plan.put(system::COMPUTER, field, Convert::Keep);
    }
    match helk::name(&field.name, names.contains("process_target_path")) {
        Some((name, convert)) => plan.put(name, field, convert),
        None => place_old_winlogbeat(names, field, plan),
    }
}

fn place_nxlog(names: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    match look_up(NXLOG_NAMES, &field.name) {
        Some((name, convert)) if !names.contains(name) => plan.put(name, field, convert),
        _ => place_flat(names, field, plan),
    }
}

/// Text of the event log: values of the message by their labels.
fn place_labelled(names: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    match (field.keys.as_slice(), field.name.as_str()) {
        ([message, section, label], _) if message == system::MESSAGE => {
            plan.put(&labels::field_of(section, label), field, Convert::Keep);
        }
        (_, "Sid") => plan.put(system::USER_ID, field, Convert::Keep),
        _ => place_flat(names, field, plan),
    }
}

/// Fields as Splunk extracted them: the log is part of what it calls the source.
fn place_splunk(names: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    let computer = ["Computer", "ComputerName"].iter().any(|n| names.contains(n));
    match field.name.as_str() {
        "source" => plan.put(system::CHANNEL, field, Convert::Source),
        "host" if !computer => plan.put(system::COMPUTER, field, Convert::Keep),
        _ => return place_flat(names, field, plan),
    }
    plan.put(&field.name, field, Convert::Keep);
}

fn place_flat(names: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    let name = field.name.as_str();
    // NXLog writes the opcode as text beside its value, Log Analytics the whole event data as XML beside its
    // fields: these keep to themselves.
    if name == "Opcode" && names.contains("OpcodeValue") {
        return plan.put("RenderingInfo_Opcode", field, Convert::Keep);
    }
    match look_up(FLAT_NAMES, name) {
        Some((to, convert)) if is_best(names, name, to) => plan.put(to, field, convert),
        _ => match field.keys.iter().map(String::as_str).collect::<Vec<_>>() {
            keys if matches!(keys[..], ["EventData" | "UserData", _, ..]) => place_data(&keys, field, plan),
            _ => plan.put(name, field, Convert::Keep),
        },
    }
    let is_time = !names.contains("TimeCreated") && !names.contains("SystemTime");
    if name == "@timestamp" && is_time && !names.contains(system::TIME) {
        plan.put(system::TIME, field, Convert::Keep);
    }
}

/// Whether no better source of the `System` field `to` than `name` is there.
fn is_best(names: &HashSet<&str>, name: &str, to: &str) -> bool {
    let best = FLAT_NAMES.iter().find(|(from, target, _)| *target == to && names.contains(from));
    best.is_none_or(|(from, ..)| *from == name)
}

fn place_as_is(_: &HashSet<&str>, field: &Field, plan: &mut Builder) {
    plan.put(&field.name, field, Convert::Keep);
}

struct Placed {
    name: Name,
    origin: String,
    at: Position,
    convert: Convert,
}

struct Builder {
    known: &'static Known,
    fields: Vec<Placed>,
}

impl Builder {
    fn put(&mut self, name: &str, field: &Field, convert: Convert) {
        let name = Name::from(name);
        self.fields.push(Placed { name, origin: field.name.clone(), at: field.at, convert });
    }

    fn position(&self, names: &[&str]) -> Option<Position> {
        let find = |name: &&str| self.fields.iter().find(|f| *f.name == **name);
        names.iter().find_map(find).map(|f| f.at)
    }

    /// Fields in an order that depends on their names alone.
    fn finish(mut self, names: &HashSet<&str>) -> Plan {
        let form = self.known.form;
        let mut plan = Plan { form, origin: self.known.origin, ..Plan::default() };
        if form != Form::Other {
            plan.provider = self.position(&[system::PROVIDER, "event.provider"]);
            plan.channel = self.position(&[system::CHANNEL]);
            plan.event_id = self.position(&[system::EVENT_ID, "event.code"]);
            plan.version = self.position(&[system::VERSION]);
        }
        if form == Form::Windows && plan.provider.is_none() && plan.channel.is_none() {
            plan.inferred = infer(names);
        }
        plan.record = self.position(&[system::RECORD]);
        let time = |t: &&str| self.fields.iter().find(|f| *f.name == **t || f.origin == **t).map(|f| f.at);
        plan.times = self.known.times.iter().filter_map(time).collect();
        plan.times.dedup();
        self.fields.sort_by(|a, b| {
            let key = |f: &Placed| (f.name.clone(), f.origin.len(), f.origin.clone(), f.at);
            key(a).cmp(&key(b))
        });
        plan.fields = self.fields.into_iter().map(|f| (f.name, f.at, f.convert)).collect();
        plan
    }
}

/// The name of a log that may be given as the source that Splunk calls it.
pub(crate) fn channel_name(name: String) -> String {
    log_of_source(name.as_bytes())
        .and_then(|log| std::str::from_utf8(log).ok())
        .map(str::to_owned)
        .unwrap_or(name)
}

/// The name of a provider that may be given by its display name.
pub(crate) fn provider_name(name: String) -> String {
    DISPLAYED.iter().find(|(shown, _)| *shown == name).map_or(name, |(_, own)| (*own).to_owned())
}

/// Without the envelope of an Elasticsearch or Splunk export.
fn unwrapped(mut fields: Vec<Field>) -> Vec<Field> {
    let has = |name: &str| fields.iter().any(|f| f.name == name);
    let envelope = if has("_index") || has("_id") {
        "_source."
    } else if has("preview") || has("offset") {
        "result."
    } else {
        return fields;
    };
    for field in &mut fields {
        if let Some(rest) = field.name.strip_prefix(envelope) {
            field.name = rest.to_string();
            field.keys.drain(..usize::from(field.keys.len() > 1));
        }
    }
    fields
}
