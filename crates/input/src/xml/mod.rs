//! Event XML: exports of `wevtutil` and Event Viewer, lines of XML from collectors, with or without a root.
//!
//! Schema: <http://schemas.microsoft.com/win/2004/08/events/event>. Events are found wherever they stand.
//! Records go by their EventRecordID. Names are those of `evtx_dump`'s JSON before `recognise` sees them.

use memchr::memmem;
use shikra_event::{Event, Kind};

use crate::cut::Cutter;
use crate::format::{Decode, Format, Head, Part, Sink, Trouble, TroubleKind};
use crate::json::scan::Leaf;
use crate::layout::Layouts;
use scan::Scanner;
use split::Events;

mod scan;
mod split;

/// Events as XML.
pub static XML: Format = Format {
    name: "xml",
    detect: is_events,
    split: Cutter::<Events>::boxed,
    decode: || Box::new(Elements { scanner: Scanner::new(), layouts: Layouts::new(Some("event XML")) }),
};

const END: &[u8] = b"</Event>";

/// An event begins in the head, and it is one of the event log's.
fn is_events(head: &Head<'_>) -> bool {
    let known: [&[u8]; 2] = [b"schemas.microsoft.com/win/2004/08/events/event", b"<System>"];
    // Lines of collectors may begin with a time in brackets; arrays hold objects.
    let start = head.bytes.trim_ascii_start();
    let array = start.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    let within_json = array || start.starts_with(b"{");
    !within_json
        && find_event(head.bytes, 0).is_some_and(|at| {
            // A cell of a table holds it in quotes; some lines are all in quotes.
            let before = head.bytes.get(..at).unwrap_or(&[]).trim_ascii_start();
            let quoted = before.len() > 1 && before.ends_with(b"\"");
            let rest = head.bytes.get(at..).unwrap_or(&[]);
            !quoted && known.iter().any(|k| memmem::find(rest, k).is_some())
        })
}

/// Offset of the next start tag of an event from `from` on.
fn find_event(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memmem::find(text.get(at..)?, b"<Event")?;
        if let Some(b' ' | b'\t' | b'\r' | b'\n' | b'>') = text.get(at + 6) {
            return Some(at);
        }
        at += 6;
    }
}

/// The decoder.
struct Elements {
    scanner: Scanner,
    layouts: Layouts,
}

impl Decode for Elements {
    fn decode(&mut self, part: &Part, sink: &mut dyn Sink) {
        let text = part.data.as_slice();
        let (mut leaves, mut at, mut end) = (Vec::with_capacity(64), 0, 0);
        let mut record = part.first_record;
        while let Some(start) = find_event(text, at) {
            if end <= start {
                let found = memmem::find(text.get(start..).unwrap_or(&[]), END);
                end = found.map_or(text.len(), |n| start + n + END.len());
            }
            let event = text.get(start..end).unwrap_or(&[]);
            at = match self.one(part, event, record, &mut leaves, sink) {
                Ok(()) => end,
                Err(malformed) => {
                    sink.trouble(Trouble {
                        source: part.source.name.clone(),
                        kind: TroubleKind::CorruptRecord,
                        offset: Some(part.offset + (start + malformed.at) as u64),
                        record: None,
                        message: malformed.what.to_string(),
                    });
                    start + 6
                }
            };
            record += 1;
        }
    }
}

impl Elements {
    fn one<'a>(
        &mut self,
        part: &Part,
        event: &'a [u8],
        position: u64,
        leaves: &mut Vec<Leaf<'a>>,
        sink: &mut dyn Sink,
    ) -> Result<(), scan::Malformed> {
        leaves.clear();
        if self.scanner.paths.is_full() {
            self.scanner = Scanner::new();
            self.layouts.clear();
        }
        self.scanner.event(event, leaves)?;
        self.layouts.event(&self.scanner.paths, leaves, position, true, &mut |e: &Event<'_>| sink.event(e));
        if self.scanner.left_out > 0 {
            sink.trouble(Trouble {
                source: part.source.name.clone(),
                kind: TroubleKind::Limit,
                offset: None,
                record: Some(position),
                message: format!("{} values were left out", self.scanner.left_out),
            });
        }
        Ok(())
    }
}

/// How character data is to be read: most of it has no entities.
fn kind_of(text: &[u8]) -> Kind {
    if memchr::memchr(b'&', text).is_some() { Kind::XML_TEXT } else { Kind::UTF8 }
}

#[cfg(test)]
mod tests {
    use shikra_event::Form;

    use super::*;
    use crate::test_support::{Kept, read};

    const EVENT: &str = concat!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>",
        "<Provider Name='P' Guid='{0197231e-005a-6928-a50b-000000000d00}'/><EventID Qualifiers='0'>1</EventID>",
        "<Version>5</Version><TimeCreated SystemTime='2025-10-29T16:27:52.302127000Z'/>",
        "<EventRecordID>77</EventRecordID><Correlation/><Execution ProcessID='24' ThreadID='37'/>",
        "<Channel>C/Operational</Channel><Computer>pc</Computer><Security UserID='S-1-5-18'/></System>",
        "<EventData><Data Name='Image'>C:\\a &amp; b.exe</Data><Data Name='Empty'></Data><Data Name='None'/>",
        "<Data>one</Data><Data>two</Data><Binary>00FF</Binary></EventData>",
        "<RenderingInfo Culture='en-US'><Message>it &lt;ran&gt;</Message><Level>Information</Level>",
        "</RenderingInfo></Event>"
    );

    fn fields() -> Vec<&'static str> {
        vec![
            "Binary=00FF",
            "Channel=C/Operational",
            "Computer=pc",
            "Data=one",
            "Data=two",
            "Empty=",
            "EventID=1",
            "EventID_Qualifiers=0",
            "EventRecordID=77",
            "Execution_ProcessID=24",
            "Execution_ThreadID=37",
            "Image=C:\\a & b.exe",
            "Message=it <ran>",
            "None=",
            "Provider_Guid={0197231e-005a-6928-a50b-000000000d00}",
            "Provider_Name=P",
            "RenderingInfo_Level=Information",
            "Security_UserID=S-1-5-18",
            "TimeCreated_SystemTime=2025-10-29T16:27:52.302127000Z",
            "Version=5",
        ]
    }

    fn check(text: &str, events: usize) -> Kept {
        let kept = read(&XML, text);
        assert_eq!(kept.events.len(), events, "{:?}", kept.troubles);
        for (i, event) in kept.events.iter().enumerate() {
            assert_eq!(kept.fields(i), fields());
            let identity = (Form::Windows, "event XML", "P".into(), "C/Operational".into(), Some(1));
            assert_eq!(kept.identity(i), identity);
            assert_eq!((event.record, event.time.is_some()), (77, true));
        }
        kept
    }

    #[test]
    fn events_read_wherever_they_stand() {
        let head = |text: &str| is_events(&Head { bytes: text.as_bytes(), name: "x" });
        for (text, events) in [
            (EVENT.to_string(), 1),
            (format!("{EVENT}\n{EVENT}"), 2),
            (format!("<?xml version=\"1.0\"?>\r\n<Events>\r\n{EVENT}{EVENT}\r\n</Events>"), 2),
            (format!("<a><b>{EVENT}</b></a><!-- x -->"), 1),
            (EVENT.replace('\'', "\"").replace("><", ">\n  <").replace("'/>", "' />"), 1),
            (EVENT.replace("<EventData>", "<EventData><!-- <Data>no</Data> -->"), 1),
            (EVENT.replace("C:\\a &amp; b.exe", "<![CDATA[C:\\a & b.exe]]>"), 1),
        ] {
            assert!(head(&text), "{text}");
            assert!(check(&text, events).troubles.is_empty());
        }
        assert!(head(&format!("[2026-01-01 00:00:00] host {EVENT}\n")));
        assert!(!head(&format!("[ {{\"_raw\":\"{EVENT}\"}}]")) && !head(&format!("a,b\n1,\"{EVENT}\"\n")));
        assert!(!head("<Events><EventLog/></Events>") && !head("<html><Event >x") && !head(""));
    }

    #[test]
    fn damage_costs_its_event_only() {
        let cut = |n: usize| &EVENT[..n];
        for broken in [
            cut(300).to_string(),
            format!("{}\n", cut(90)),
            EVENT.replace("</System>", "</Sistem>"),
            EVENT.replace("<Version>", "<Version <"),
            EVENT.replace("Name='P'", "Name='P"),
        ] {
            let kept = check(&format!("{EVENT}\n{broken}{EVENT}"), 2);
            assert_eq!(kept.troubles.len(), 1, "{broken}");
        }
        assert_eq!(read(&XML, "<Event>".repeat(10_000)).troubles.len(), 10_000);
        assert_eq!(read(&XML, format!("<Event>{}", "<a>".repeat(100_000))).troubles.len(), 1);
    }

    #[test]
    fn user_data_goes_by_its_leaves() {
        let text = "<Event><System><EventID>104</EventID></System><UserData><e:LogFileCleared xmlns:e='x' Id='3'>\
                    <e:SubjectUserName>u</e:SubjectUserName><Deep><Er>v</Er></Deep></e:LogFileCleared></UserData></Event>";
        let fields = read(&XML, text).fields(0);
        assert_eq!(fields, ["Er=v", "EventID=104", "LogFileCleared_Id=3", "SubjectUserName=u"]);
    }
}
