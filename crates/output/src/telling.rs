//! Which fields of an event tell an analyst most, for outputs that have no room for all.

use shikra_engine::finding::{EventView, Finding};
use shikra_event::{Name, Value};
use shikra_ir::RuleMeta;

use crate::escape;

/// Field names that say what happened, most telling first, in the schemes that events come in.
const TELLING: &[&str] = &[
    "CommandLine",
    "process.command_line",
    "ScriptBlockText",
    "Payload",
    "ContextInfo",
    "Image",
    "process.executable",
    "NewProcessName",
    "SourceImage",
    "TargetImage",
    "ParentCommandLine",
    "ParentImage",
    "process.parent.executable",
    "ParentProcessName",
    "TargetObject",
    "registry.path",
    "ObjectName",
    "Details",
    "NewValue",
    "TargetFilename",
    "file.path",
    "ImageLoaded",
    "dll.path",
    "QueryName",
    "dns.question.name",
    "DestinationHostname",
    "DestinationIp",
    "destination.ip",
    "DestinationPort",
    "destination.port",
    "PipeName",
    "GrantedAccess",
    "CallTrace",
    "ServiceName",
    "ImagePath",
    "ServiceFileName",
    "TaskName",
    "TaskContent",
    "ShareName",
    "RelativeTargetName",
    "TargetUserName",
    "SubjectUserName",
    "User",
    "user.name",
    "IpAddress",
    "source.ip",
    "WorkstationName",
    "LogonType",
    "ProcessName",
    "Destination",
    "Query",
    "Data",
    "Message",
    "message",
];

/// Beginnings and ends of names that seldom tell anything: identifiers, plumbing of the event system.
const DULL: &[&str] =
    &["RenderingInfo_", "Execution_", "Correlation_", "Provider_", "Security_", "EventID_", "agent.", "ecs."];
const DULL_EXACT: &[&str] = &[
    "Version",
    "Level",
    "Task",
    "Opcode",
    "OpcodeValue",
    "Keywords",
    "UtcTime",
    "EventTime",
    "EventReceivedTime",
    "EventType",
    "RuleName",
    "Severity",
    "SeverityValue",
    "SourceModuleName",
    "SourceModuleType",
    "SourceName",
    "Hostname",
    "RecordNumber",
    "ThreadID",
    "ProcessID",
    "ActivityID",
    "Category",
    "port",
    "tags",
    "@timestamp",
    "@version",
];

fn is_dull(name: &str) -> bool {
    DULL_EXACT.contains(&name)
        || DULL.iter().any(|d| name.starts_with(d))
        || name.ends_with("Guid")
        || name.ends_with("GUID")
        || name.ends_with("Id")
}

/// Longest text of one value.
const MAX_VALUE: usize = 160;

/// The text of a value on one line, safe for a terminal, cut at [`MAX_VALUE`] characters; none where it says
/// nothing.
fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::List(items) => {
            let parts: Vec<String> = items.iter().take(8).filter_map(Value::to_text).collect();
            parts.join(", ")
        }
        one => one.to_text()?,
    };
    let text = text.trim();
    if text.is_empty() || text == "-" {
        return None;
    }
    let end = text.char_indices().nth(MAX_VALUE).map_or(text.len(), |(n, _)| n);
    let mut out = escape::for_terminal(&text[..end]);
    if end < text.len() {
        out.push('…');
    }
    Some(out)
}

fn field<'a>(event: &'a EventView, name: &str) -> Option<&'a Value> {
    event.fields.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
}

/// Up to `max` fields of an event: those the rule's author names, then the telling ones, then what is left.
fn of_event(rule: &RuleMeta, event: &EventView, max: usize) -> Vec<String> {
    let named = rule.fields.iter().map(String::as_str);
    let known = TELLING.iter().copied();
    let rest = event.fields.iter().map(|(n, _)| &**n).filter(|n| !is_dull(n));
    let mut seen: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for name in named.chain(known).chain(rest) {
        if out.len() == max {
            break;
        }
        if seen.contains(&name) {
            continue;
        }
        if let Some(text) = field(event, name).and_then(short) {
            seen.push(name);
            out.push(format!("{}: {text}", escape::for_terminal(name)));
        }
    }
    out
}

fn of_row(row: &[(Name, Value)]) -> String {
    let cells = row
        .iter()
        .take(12)
        .filter_map(|(n, v)| short(v).map(|text| format!("{}: {text}", escape::for_terminal(n))));
    cells.collect::<Vec<_>>().join(" · ")
}

/// One line on what a finding saw, safe for a terminal. A sequence shows its steps.
pub(crate) fn details(f: &Finding) -> String {
    if !f.row.is_empty() {
        return of_row(&f.row);
    }
    match f.events.as_slice() {
        [] => String::new(),
        [one] => of_event(&f.rule, one, 4).join(" · "),
        [first, ..] if f.twins => event_details(&f.rule, first) + &twins(f),
        many => {
            let steps: Vec<String> = many
                .iter()
                .take(8)
                .map(|e| match of_event(&f.rule, e, 1).pop() {
                    Some(field) => format!("{} {field}", label(e)),
                    None => label(e),
                })
                .collect();
            let more = if many.len() > steps.len() { " → …" } else { "" };
            format!("{} events: {}{more}", many.len(), steps.join(" → "))
        }
    }
}

/// One line on one event, safe for a terminal.
pub(crate) fn event_details(rule: &RuleMeta, event: &EventView) -> String {
    of_event(rule, event, 4).join(" · ")
}

/// Where else the act of a finding stands: ` (also Security 4688, record 7)`; nothing where it has one record. Safe for
/// a terminal.
pub(crate) fn twins(f: &Finding) -> String {
    let others = f.events.iter().skip(1).filter(|_| f.twins);
    others.map(|e| format!(" (also {}, record {})", label(e), e.record)).collect()
}

/// `Sysmon 10`: provider without the vendor's prefix, and event id; safe for a terminal.
pub(crate) fn label(e: &EventView) -> String {
    let provider = e.provider.strip_prefix("Microsoft-Windows-").unwrap_or(&e.provider);
    let name = if provider.is_empty() { &*e.channel } else { provider };
    let name = escape::for_terminal(name.strip_suffix("-Auditing").unwrap_or(name));
    match e.event_id {
        Some(id) if name.is_empty() => format!("event {id}"),
        Some(id) => format!("{name} {id}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::{event, of, rule};
    use shikra_ir::Level;

    #[test]
    fn telling_fields_come_first() {
        let e =
            event(1, &[("ProcessGuid", "{1}"), ("Other", "o"), ("Image", "a.exe"), ("CommandLine", "a /b")]);
        let r = rule("1", "t", Level::Low);
        assert_eq!(event_details(&r, &e), "CommandLine: a /b · Image: a.exe · Other: o");
        let e = event(1, &[("Image", "-"), ("Bad\x1b", "x\ny")]);
        assert_eq!(event_details(&r, &e), "Bad\\x1b: x\\ny");
        let mut meta = (*r).clone();
        meta.fields = vec!["Other".into()];
        let e = event(1, &[("Image", "a"), ("Other", &"x".repeat(500))]);
        assert!(event_details(&meta, &e).starts_with("Other: xxx"));
        assert!(event_details(&meta, &e).len() < 300);
        assert_eq!(label(&e), "Sysmon 10");
    }

    #[test]
    fn sequences_show_their_steps() {
        let events = vec![event(1, &[("Image", "a")]), event(2, &[("QueryName", "b")])];
        let f = of(&rule("1", "t", Level::Low), events);
        assert_eq!(details(&f), "2 events: Sysmon 10 Image: a → Sysmon 10 QueryName: b");
        assert_eq!(details(&Finding { twins: true, ..f }), "Image: a (also Sysmon 10, record 2)");
    }
}
