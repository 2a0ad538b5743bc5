//! The text that Splunk's `WinEventLog` input writes: a local time, `Key=value` lines, and the rendered
//! message to the end of the record.
//!
//! Windows renders event data into the message under labels (`New Process Name:`), in sections (`Subject:`).
//! Labels become values under `Message`, their section and the label; what they are called in the end is
//! decided by `recognise`. Records are numbered by position.

use memchr::{memchr, memmem, memrchr};
use shikra_event::{Event, Kind, Slot};

use crate::cut::{Bounds, Cutter};
use crate::format::{Decode, Format, Head, Part, Sink, Trouble, TroubleKind};
use crate::json::scan::{Leaf, MAX_LEAVES};
use crate::layout::Layouts;
use crate::paths::{PathId, Paths, ROOT};

/// Records of the Windows event log as text.
pub static WINEVENTLOG: Format = Format {
    name: "wineventlog",
    detect: |head: &Head<'_>| {
        let before = next_record(head.bytes, 0).and_then(|at| head.bytes.get(..at));
        before.is_some_and(|b| b.trim_ascii().is_empty())
    },
    split: Cutter::<Starts>::boxed,
    decode: || Box::new(Records::new()),
};

/// Key of the time, which the text gives none.
const TIME_KEY: &[u8] = b"_time";
/// The line that follows the time.
const FIRST_KEY: &[u8] = b"\nLogName=";

/// Offset of the next record from `from` on.
fn next_record(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let key = at + memmem::find(text.get(at..)?, FIRST_KEY)?;
        if let Some(start) = record_before(text, key) {
            return Some(start);
        }
        at = key + 1;
    }
}

/// Offset of the last record behind the first byte.
fn last_record(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    loop {
        let key = memmem::rfind(text.get(..end)?, FIRST_KEY)?;
        if let Some(start) = record_before(text, key).filter(|start| *start > 0) {
            return Some(start);
        }
        end = key;
    }
}

/// Offset of the line that ends at `key`, where it is a time.
fn record_before(text: &[u8], key: usize) -> Option<usize> {
    let before = text.get(..key)?;
    let start = memrchr(b'\n', before).map_or(0, |n| n + 1);
    is_time(before.get(start..)?).then_some(start)
}

/// `07/20/2022 06:51:37 AM`, with or without fraction digits.
fn is_time(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    (22..=30).contains(&line.len())
        && line.get(2) == Some(&b'/')
        && line.get(5) == Some(&b'/')
        && (line.ends_with(b" AM") || line.ends_with(b" PM"))
}

/// Where the next record begins, the one before ends.
#[derive(Default)]
struct Starts;

impl Bounds for Starts {
    const RECORD: &'static str = "a record";
    // A time and the key behind it.
    const KEPT: usize = 64;

    fn last_end(&mut self, text: &[u8], new: usize) -> usize {
        let from = new.saturating_sub(Self::KEPT);
        text.get(from..).and_then(last_record).map_or(0, |start| from + start)
    }

    fn count(&self, part: &[u8]) -> u64 {
        memmem::find_iter(part, FIRST_KEY).count() as u64
    }

    fn resume(text: &[u8]) -> Option<usize> {
        next_record(text, 0)
    }
}

/// The decoder.
struct Records {
    paths: Paths,
    layouts: Layouts,
}

impl Records {
    fn new() -> Records {
        Records { paths: Paths::new(Kind::UTF8), layouts: Layouts::new(None) }
    }

    fn values<'a>(&mut self, text: &'a [u8], leaves: &mut Vec<Leaf<'a>>) {
        let mut at = memchr(b'\n', text).unwrap_or(text.len());
        self.leaf(&[TIME_KEY], text.get(..at).unwrap_or(&[]).trim_ascii(), leaves);
        at += 1;
        while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
            if let Some(message) = rest.strip_prefix(b"Message=") {
                let message = message.trim_ascii_end();
                self.leaf(&[b"Message"], message, leaves);
                for (section, label, value) in labelled(message) {
                    self.leaf(&[b"Message", section, label], value, leaves);
                }
                return;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or(&[]);
            if let Some(equals) = memchr(b'=', line) {
                let (key, value) = line.split_at(equals);
                self.leaf(&[key], value.get(1..).unwrap_or(&[]).trim_ascii(), leaves);
            }
            at += end + 1;
        }
    }

    fn leaf<'a>(&mut self, keys: &[&[u8]], value: &'a [u8], leaves: &mut Vec<Leaf<'a>>) {
        if leaves.len() < MAX_LEAVES {
            let path: PathId = keys.iter().fold(ROOT, |parent, key| self.paths.child(parent, key));
            leaves.push(Leaf { path, slot: Slot { kind: Kind::UTF8, data: value } });
        }
    }
}

/// The labelled values of a message: section, label, value.
pub(crate) fn labelled(message: &[u8]) -> Vec<(&[u8], &[u8], &[u8])> {
    let (mut section, mut out): (&[u8], _) = (b"", Vec::new());
    let (script, message) = script_block(message).unwrap_or((b"", message));
    if !script.is_empty() {
        out.push((&b""[..], &b"ScriptBlockText"[..], script));
    }
    for line in message.split(|b| *b == b'\n').skip(1) {
        let indented = line.first() == Some(&b'\t');
        let line = line.trim_ascii();
        let Some(colon) = memchr(b':', line) else { continue };
        let (label, value) = line.split_at(colon);
        let label = label.trim_ascii_end();
        let value = value.get(1..).unwrap_or(&[]);
        if !is_label(label) {
            continue;
        }
        if value.is_empty() && !indented {
            section = label;
            continue;
        }
        // Sentences have colons too: a value outside of a section is set off by a tab or two spaces, or its label is
        // one word.
        let apart = value.first().is_none_or(|b| *b == b'\t') || value.starts_with(b"  ");
        let set_off = apart || !label.contains(&b' ');
        if indented || set_off {
            out.push((section, label, value.trim_ascii()));
        }
    }
    out
}

/// The script of PowerShell's message about a script block, and the message from behind it on; what looks like labels
/// within a script is none.
fn script_block(message: &[u8]) -> Option<(&[u8], &[u8])> {
    message.starts_with(b"Creating Scriptblock text (").then_some(())?;
    let start = memchr(b'\n', message)? + 1;
    let end = memmem::rfind(message, b"\nScriptBlock ID:").unwrap_or(message.len());
    Some((message.get(start..end)?.trim_ascii(), message.get(end..)?))
}

fn is_label(text: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'(' | b')' | b'/' | b'-' | b'_');
    text.len() < 48 && text.first().is_some_and(u8::is_ascii_alphanumeric) && text.iter().all(plain)
}

impl Decode for Records {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let text = part.data.as_slice();
        let mut leaves = Vec::with_capacity(64);
        let mut start = next_record(text, 0);
        if start != Some(0)
            && text.get(..start.unwrap_or(text.len())).is_some_and(|b| !b.trim_ascii().is_empty())
        {
            sink.trouble(Trouble {
                source: part.source.name.clone(),
                kind: TroubleKind::CorruptRecord,
                offset: Some(part.offset),
                record: Some(part.first_record),
                message: "text before the first record".to_string(),
            });
        }
        let mut record = part.first_record;
        while let Some(at) = start {
            // The next one cannot begin before the end of this one's first line.
            let first_line = text.get(at..).and_then(|rest| memchr(b'\n', rest)).unwrap_or(0);
            let next = next_record(text, at + first_line + 1);
            if self.paths.is_full() {
                self.paths = Paths::new(Kind::UTF8);
                self.layouts.clear();
            }
            leaves.clear();
            self.values(text.get(at..next.unwrap_or(text.len())).unwrap_or(&[]), &mut leaves);
            self.layouts.event(&self.paths, &leaves, record, false, &mut |e: &Event<'_>| sink.event(e));
            record += 1;
            start = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use shikra_event::Form;

    use super::*;
    use crate::format::Split;
    use crate::test_support::{part, read};

    const RECORD: &str = "07/20/2022 01:51:37 PM\nLogName=Security\nSourceName=Microsoft Windows security auditing.\n\
        EventCode=4688\nComputerName=pc\nRecordNumber=12\nKeywords=Audit Success\n\
        Message=A new process has been created.\r\n\r\nCreator Subject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n\
        \tAccount Name:\t\tme\r\n\r\nTarget Subject:\r\n\tAccount Name:\t\tyou\r\n\r\nProcess Information:\r\n\
        \tNew Process Name:\tC:\\a b.exe\r\n\tProcess Command Line:\t\"C:\\a b.exe\" x: y\r\n\tOdd Thing:\t1\r\n\r\n\
        Token Elevation Type indicates the type: a full token.\n";

    #[test]
    fn records_have_windows_names() {
        let kept = read(&WINEVENTLOG, format!("{RECORD}{RECORD}"));
        assert_eq!((kept.events.len(), kept.troubles.len()), (2, 0));
        let provider = "Microsoft-Windows-Security-Auditing".to_string();
        let identity = (Form::Windows, "WinEventLog text", provider, "Security".into(), Some(4688));
        assert_eq!(kept.identity(1), identity);
        let mut fields = kept.fields(1);
        fields.retain(|f| !f.starts_with("Message="));
        let expected = [
            "Channel=Security",
            "CommandLine=\"C:\\a b.exe\" x: y",
            "Computer=pc",
            "EventID=4688",
            "EventRecordID=12",
            "Keywords=0x8020000000000000",
            "NewProcessName=C:\\a b.exe",
            "Odd_Thing=1",
            "Provider_Name=Microsoft-Windows-Security-Auditing",
            "SubjectUserName=me",
            "SubjectUserSid=S-1-5-18",
            "TargetUserName=you",
            "_time=07/20/2022 01:51:37 PM",
        ];
        assert_eq!(fields, expected);
        assert_eq!(kept.events[1].time.unwrap().to_string(), "2022-07-20T13:51:37Z");
    }

    #[test]
    fn services_and_scripts_have_their_names() {
        let text = "12/04/2020 09:24:11 AM\nLogName=System\nSourceName=Microsoft-Windows-Service Control Manager\n\
                    EventCode=7045\nMessage=A service was installed in the system.\r\n\r\nService Name:  a b\r\n\
                    Service File Name:  %windir%\\a.exe\r\nService Type:  user mode service\r\n\
                    Service Start Type:  demand start\r\nService Account:  LocalSystem\n\
                    12/04/2020 09:24:12 AM\nLogName=C\nSourceName=P\nEventCode=4104\n\
                    Message=Creating Scriptblock text (1 of 1):\n$a = 1\nImage: none\n\nScriptBlock ID: x-y\nPath: C:\\a.ps1\n";
        let kept = read(&WINEVENTLOG, text);
        assert_eq!(kept.identity(0).2, "Service Control Manager");
        let own = |i: usize| {
            let mut fields = kept.fields(i);
            fields
                .retain(|f| !["Message=", "Channel=", "EventID=", "_time="].iter().any(|p| f.starts_with(p)));
            fields
        };
        let service = [
            "AccountName=LocalSystem",
            "ImagePath=%windir%\\a.exe",
            "Provider_Name=Service Control Manager",
            "ServiceName=a b",
            "ServiceType=user mode service",
            "StartType=demand start",
        ];
        assert_eq!(own(0), service);
        let script = ["Path=C:\\a.ps1", "Provider_Name=P", "ScriptBlockText=$a = 1\nImage: none"];
        assert_eq!(own(1), script);
    }

    #[test]
    fn parts_end_between_records_whatever_the_size() {
        let text = RECORD.repeat(10);
        for size in [1, 7, 100, 650, 2000] {
            let (mut split, mut part) = (Cutter::<Starts>::new(size, 10_000), part(&WINEVENTLOG, ""));
            let (mut input, mut whole) = (text.as_bytes(), Vec::new());
            while split.next(&mut input, &mut part, &mut |t| panic!("{t:?}")).unwrap() {
                assert!(part.data.starts_with(b"07/20"));
                assert_eq!(part.first_record as usize, whole.len() / RECORD.len() + 1);
                whole.extend_from_slice(&part.data);
            }
            assert_eq!(whole, text.as_bytes());
        }
    }

    #[test]
    fn a_record_over_the_limit_is_skipped() {
        let long = RECORD.replace("LogName=", &format!("LogName={}", "x".repeat(5000)));
        let text = format!("{long}{RECORD}{RECORD}");
        let (mut split, mut part) = (Cutter::<Starts>::new(100, 3000), part(&WINEVENTLOG, ""));
        let (mut input, mut troubles, mut out) = (text.as_bytes(), Vec::new(), Vec::new());
        while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            out.push((part.offset as usize, part.first_record, part.data.len()));
        }
        let [one, two] = [long.len(), long.len() + RECORD.len()];
        assert_eq!(out, [(one, 2, RECORD.len()), (two, 3, RECORD.len())]);
        assert_eq!(troubles.len(), 1);
    }
}
