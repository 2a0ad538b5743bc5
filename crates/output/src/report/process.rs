//! The processes that the events of findings tell of, by the numbers they carry.
//!
//! A GUID names a process for good; a number (PID) is given anew once its process has ended, so what rests on
//! numbers is marked. Putting them into trees is left to the script that shows them.

use shikra_engine::finding::EventView;

/// A process as one event tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// GUID in lower case, or `pid` and a number.
    pub(super) key: String,
    /// The same of its parent; empty where the event does not say.
    pub(super) parent: String,
    pub(super) image: String,
    pub(super) parent_image: String,
    pub(super) command_line: String,
    pub(super) pid: String,
}

/// Where events of a kind keep what [`Process`] says.
struct Names {
    guid: &'static [&'static str],
    pid: &'static [&'static str],
    image: &'static [&'static str],
    parent_guid: &'static [&'static str],
    parent_pid: &'static [&'static str],
    parent_image: &'static [&'static str],
}

/// Security 4688 calls the new process `New…`, and its creator by the names that all other events use for
/// themselves.
const CREATED: Names = Names {
    guid: &[],
    pid: &["NewProcessId"],
    image: &["NewProcessName"],
    parent_guid: &[],
    parent_pid: &["ProcessId", "CreatorProcessId"],
    parent_image: &["ParentProcessName"],
};

const USUAL: Names = Names {
    guid: &["ProcessGuid", "SourceProcessGuid", "SourceProcessGUID", "process.entity_id"],
    pid: &["ProcessId", "SourceProcessId", "process.pid"],
    image: &["Image", "SourceImage", "process.executable", "ProcessName"],
    parent_guid: &["ParentProcessGuid", "process.parent.entity_id"],
    parent_pid: &["ParentProcessId", "process.parent.pid"],
    parent_image: &["ParentImage", "process.parent.executable"],
};

/// The process that an event is of, if it says.
pub(super) fn of(event: &EventView) -> Option<Process> {
    let text = |names: &[&str]| {
        let value =
            |name: &&str| event.fields.iter().find(|(n, _)| &**n == *name).and_then(|(_, v)| v.to_text());
        names.iter().filter_map(value).find(|t| !t.is_empty() && t != "-").unwrap_or_default()
    };
    let names = if text(CREATED.pid).is_empty() { &USUAL } else { &CREATED };
    let key = key(&text(names.guid), &text(names.pid))?;
    Some(Process {
        key,
        parent: self::key(&text(names.parent_guid), &text(names.parent_pid)).unwrap_or_default(),
        image: text(names.image),
        parent_image: text(names.parent_image),
        command_line: text(&["CommandLine", "process.command_line", "ProcessCommandLine"]),
        pid: number(&text(names.pid)),
    })
}

fn key(guid: &str, pid: &str) -> Option<String> {
    let guid = guid.trim_matches(['{', '}']);
    let empty = guid.bytes().all(|b| matches!(b, b'0' | b'-'));
    match (empty, number(pid)) {
        (false, _) => Some(guid.to_lowercase()),
        (true, pid) if !pid.is_empty() => Some(format!("pid {pid}")),
        _ => None,
    }
}

/// Security events say numbers of processes in hexadecimal.
fn number(pid: &str) -> String {
    let hex = pid.strip_prefix("0x").and_then(|h| u64::from_str_radix(h, 16).ok());
    hex.map_or_else(|| pid.to_owned(), |n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::event;

    fn check(fields: &[(&str, &str)], want: Option<(&str, &str, &str)>) {
        let got = of(&event(1, fields));
        let got = got.as_ref().map(|p| (p.key.as_str(), p.parent.as_str(), p.image.as_str()));
        assert_eq!(got, want, "{fields:?}");
    }

    #[test]
    fn each_kind_of_event_says_its_process() {
        check(
            &[
                ("ProcessGuid", "{AB-1}"),
                ("ProcessId", "7"),
                ("ParentProcessGuid", "{AB-0}"),
                ("Image", "a.exe"),
            ],
            Some(("ab-1", "ab-0", "a.exe")),
        );
        check(
            &[("ProcessId", "0x10"), ("NewProcessId", "0x20"), ("NewProcessName", "b.exe")],
            Some(("pid 32", "pid 16", "b.exe")),
        );
        check(&[("SourceProcessGUID", "{C}"), ("SourceImage", "c.exe")], Some(("c", "", "c.exe")));
        check(&[("ProcessGuid", "{00000000-0000}"), ("ProcessId", "4")], Some(("pid 4", "", "")));
        check(&[("Image", "a.exe")], None);
    }
}
