//! Documents as winlogbeat 8 ships them: every field of the event under `winlog.event_data`, and what the Elastic
//! Common Schema has a name for under that name too.

use serde_json::{Map, Value as Json, json};
use shikra_evtx_write::Record;

use super::value;
use crate::binaries::base_name;
use crate::events::braced;

/// A field of the event, and where ECS has it.
type Name = (&'static str, &'static str, As);

/// How the value becomes ECS.
#[derive(Clone, Copy)]
enum As {
    Text,
    Number,
    /// The last part of a path.
    Base,
    /// The name after the domain, and the domain.
    UserName,
    UserDomain,
}

const COMMON: &[Name] = &[
    ("ProcessGuid", "process.entity_id", As::Text),
    ("Image", "process.executable", As::Text),
    ("Image", "process.name", As::Base),
    ("User", "user.name", As::UserName),
    ("User", "user.domain", As::UserDomain),
];

/// What ECS says of an event of Sysmon: id, category, type, names.
type Kind = (u16, &'static [&'static str], &'static [&'static str], &'static [Name]);

const SYSMON: &[Kind] = &[
    (
        1,
        &["process"],
        &["start"],
        &[
            ("ProcessId", "process.pid", As::Number),
            ("CommandLine", "process.command_line", As::Text),
            ("CurrentDirectory", "process.working_directory", As::Text),
            ("OriginalFileName", "process.pe.original_file_name", As::Text),
            ("Company", "process.pe.company", As::Text),
            ("Description", "process.pe.description", As::Text),
            ("Product", "process.pe.product", As::Text),
            ("FileVersion", "process.pe.file_version", As::Text),
            ("ParentProcessGuid", "process.parent.entity_id", As::Text),
            ("ParentProcessId", "process.parent.pid", As::Number),
            ("ParentImage", "process.parent.executable", As::Text),
            ("ParentImage", "process.parent.name", As::Base),
            ("ParentCommandLine", "process.parent.command_line", As::Text),
        ],
    ),
    (
        3,
        &["network"],
        &["start", "connection", "protocol"],
        &[
            ("ProcessId", "process.pid", As::Number),
            ("Protocol", "network.transport", As::Text),
            ("SourceIp", "source.ip", As::Text),
            ("SourcePort", "source.port", As::Number),
            ("DestinationIp", "destination.ip", As::Text),
            ("DestinationPort", "destination.port", As::Number),
        ],
    ),
    (5, &["process"], &["end"], &[("ProcessId", "process.pid", As::Number)]),
    (
        7,
        &["process"],
        &["change"],
        &[
            ("ProcessId", "process.pid", As::Number),
            ("ImageLoaded", "file.path", As::Text),
            ("ImageLoaded", "file.name", As::Base),
            ("Signature", "file.code_signature.subject_name", As::Text),
            ("SignatureStatus", "file.code_signature.status", As::Text),
        ],
    ),
    (8, &["process"], &["change"], &[]),
    (
        10,
        &["process"],
        &["access"],
        &[
            ("SourceProcessGUID", "process.entity_id", As::Text),
            ("SourceProcessId", "process.pid", As::Number),
            ("SourceImage", "process.executable", As::Text),
            ("SourceImage", "process.name", As::Base),
        ],
    ),
    (
        11,
        &["file"],
        &["creation"],
        &[
            ("ProcessId", "process.pid", As::Number),
            ("TargetFilename", "file.path", As::Text),
            ("TargetFilename", "file.name", As::Base),
        ],
    ),
    (
        12,
        &["configuration", "registry"],
        &["change"],
        &[("ProcessId", "process.pid", As::Number), ("TargetObject", "registry.path", As::Text)],
    ),
    (
        13,
        &["configuration", "registry"],
        &["change"],
        &[
            ("ProcessId", "process.pid", As::Number),
            ("TargetObject", "registry.path", As::Text),
            ("TargetObject", "registry.value", As::Base),
        ],
    ),
    (15, &["file"], &["access"], &[("TargetFilename", "file.path", As::Text)]),
    (17, &["file"], &["creation"], &[("PipeName", "file.name", As::Text)]),
    (18, &["file"], &["access"], &[("PipeName", "file.name", As::Text)]),
    (
        22,
        &["network"],
        &["connection", "protocol", "info"],
        &[("ProcessId", "process.pid", As::Number), ("QueryName", "dns.question.name", As::Text)],
    ),
    (26, &["file"], &["deletion"], &[("TargetFilename", "file.path", As::Text)]),
];

/// The document of an event.
pub fn document(record: &Record, number: u64) -> Json {
    let sysmon = record.provider == "Microsoft-Windows-Sysmon";
    let mut out = json!({
        "@timestamp": value::time(record.time),
        "ecs": { "version": "8.17.0" },
        "agent": { "type": "winlogbeat", "version": "8.17.0" },
        "event": { "code": record.event_id.to_string(), "kind": "event", "provider": record.provider },
        "host": { "name": record.computer },
        "log": { "level": "information" },
        "winlog": {
            "channel": record.channel,
            "computer_name": record.computer,
            "event_id": record.event_id.to_string(),
            "provider_name": record.provider,
            "record_id": number.to_string(),
            "version": record.version,
            "process": { "pid": record.process_id, "thread": { "id": record.thread_id } },
        },
    });
    let data: Map<String, Json> =
        record.data.iter().map(|(n, v)| (n.clone(), json!(value::rendered(v)))).collect();
    put(&mut out, "winlog.event_data", Json::Object(data));
    if let Some(guid) = record.provider_guid {
        put(&mut out, "winlog.provider_guid", json!(braced(guid)));
    }
    if let Some(user) = &record.user {
        put(&mut out, "winlog.user.identifier", json!(value::sid(user)));
    }
    let known = SYSMON.iter().find(|(id, ..)| sysmon && *id == record.event_id);
    if let Some((_, category, kind, names)) = known {
        put(&mut out, "event.module", json!("sysmon"));
        put(&mut out, "event.category", json!(category));
        put(&mut out, "event.type", json!(kind));
        name_fields(record, COMMON.iter().chain(*names), &mut out);
    }
    out
}

fn name_fields<'a>(record: &Record, names: impl Iterator<Item = &'a Name>, out: &mut Json) {
    for (field, name, form) in names {
        let Some((_, value)) = record.data.iter().find(|(n, _)| n == field) else { continue };
        let text = value::rendered(value);
        if text.is_empty() || text == "-" {
            continue;
        }
        let (domain, user) = text.split_once('\\').unwrap_or(("", &text));
        let value = match form {
            As::Text => json!(text),
            As::Number => text.parse::<u64>().map_or_else(|_| json!(text), |n| json!(n)),
            As::Base => json!(base_name(&text)),
            As::UserName => json!(user),
            As::UserDomain => json!(domain),
        };
        put(out, name, value);
    }
}

/// Puts a value at a dotted path.
fn put(at: &mut Json, path: &str, value: Json) {
    let Json::Object(map) = at else { return };
    match path.split_once('.') {
        None => {
            map.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            put(map.entry(first).or_insert_with(|| Json::Object(Map::new())), rest, value);
        }
    }
}
