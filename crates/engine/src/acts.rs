//! What act an event tells of, where two sensors record it: who, what and when, in a form that is the same in both
//! records. Which acts these are is told by the taxonomy's table of twins.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use shikra_event::{Event, Kind, ShapeId, Slot, Timestamp};
use shikra_taxonomy::{Binding, Taxonomy, Twin};

use crate::view::computer;

/// Most shapes kept.
const MAX_SHAPES: usize = 4096;

/// An act as one record tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// Ways to identify it: act, host and what else. The first counts that both records have.
    pub ways: Vec<Option<Box<[u8]>>>,
    /// Whether the record is of the second sensor.
    pub second: bool,
    /// When.
    pub time: Timestamp,
    /// Nanoseconds that may lie between the two records.
    pub within: i64,
}

/// Reads acts, and remembers for each shape where they stand.
pub(crate) struct Acts {
    taxonomy: Arc<Taxonomy>,
    shapes: HashMap<ShapeId, Option<Twin>>,
    /// Whether records of different sources tell of different acts.
    apart: bool,
    /// Room for a value's text.
    text: String,
}

impl Acts {
    /// Of all sources together, or of each `apart`.
    pub fn new(taxonomy: Arc<Taxonomy>, apart: bool) -> Acts {
        Acts { taxonomy, shapes: HashMap::new(), apart, text: String::new() }
    }

    /// The act of an event; none where no other sensor records such, or the event does not say enough.
    pub fn of(&mut self, event: &Event<'_>, source: &str) -> Option<Act> {
        if self.shapes.len() >= MAX_SHAPES {
            self.shapes.clear();
        }
        let Acts { taxonomy, shapes, apart, text } = self;
        let twin = shapes.entry(event.shape.id()).or_insert_with(|| taxonomy.twin(event.shape));
        let twin = twin.as_ref()?;
        let (time, host) = (event.time?, computer(event)?);
        let mut common = Vec::with_capacity(128);
        common.extend((twin.act as u32).to_le_bytes());
        push(&host_name(&host), &mut common)?;
        if *apart {
            push(source, &mut common)?;
        }
        let mut way = |way: &Option<Vec<Binding>>| {
            let mut key = common.clone();
            way.as_ref()?.iter().try_for_each(|b| push_value(b, event, text, &mut key))?;
            Some(Box::from(key))
        };
        let ways: Vec<_> = twin.ways.iter().map(&mut way).collect();
        let known = ways.iter().any(Option::is_some);
        known.then_some(Act { ways, second: twin.second, time, within: twin.within })
    }
}

/// A text with its length: two keys are the same only where all their parts are.
fn push(text: &str, key: &mut Vec<u8>) -> Option<()> {
    if text.is_empty() || text == "-" {
        return None;
    }
    key.extend((text.len() as u32).to_le_bytes());
    key.extend_from_slice(text.as_bytes());
    Some(())
}

/// A host's name without its domain, which one of two records may leave out; addresses whole.
fn host_name(host: &str) -> String {
    let host = host.trim();
    let name = match host.parse::<IpAddr>() {
        Ok(_) => host,
        Err(_) => host.split('.').next().unwrap_or(host),
    };
    name.to_lowercase()
}

/// A value's text in lower case, numbers in decimal. `text` is room for it.
fn push_value(binding: &Binding, event: &Event<'_>, text: &mut String, key: &mut Vec<u8>) -> Option<()> {
    text.clear();
    let alone = match binding {
        Binding::Slots { slots, derive } if derive.is_empty() && slots.len() == 1 => slots.first(),
        _ => None,
    };
    let is_text = |slot: &Slot<'_>| matches!(slot.kind, Kind::UTF16 | Kind::UTF8 | Kind::JSON_STRING);
    match alone.map(|i| event.slot(*i)).filter(is_text) {
        // No value is made of what is text: command lines are long.
        Some(slot) => drop(slot.render(text)),
        None => text.push_str(&binding.value(event).to_text()?),
    }
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(number) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        return push(&number.to_string(), key);
    }
    if !text.is_ascii() {
        return push(&text.to_lowercase(), key);
    }
    push(text, key)?;
    let start = key.len() - text.len();
    key.get_mut(start..)?.make_ascii_lowercase();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_event::{ShapeBuilder, system};

    const SYSMON: (&str, u32) = ("Microsoft-Windows-Sysmon/Operational", 1);
    const SECURITY: (&str, u32) = ("Security", 4688);

    fn act((channel, id): (&str, u32), host: &str, fields: &[(&str, Slot<'_>)]) -> Option<Act> {
        let names = [system::COMPUTER].into_iter().chain(fields.iter().map(|(n, _)| *n));
        let fields_of = names.map(Into::into).collect();
        let shape = ShapeBuilder {
            channel: channel.into(),
            event_id: Some(id),
            fields: fields_of,
            ..ShapeBuilder::default()
        };
        let slots: Vec<Slot<'_>> =
            [Slot::utf8(host)].into_iter().chain(fields.iter().map(|(_, s)| *s)).collect();
        let event = Event { shape: &shape.build(), slots: &slots, record: 1, time: Some(Timestamp(5)) };
        Acts::new(Arc::new(Taxonomy::embedded()), true).of(&event, "a.evtx")
    }

    #[test]
    fn both_records_of_a_process_say_the_same() {
        let number = Slot { kind: Kind::U32, data: &9456u32.to_le_bytes() };
        let image = Slot::utf8("C:\\Windows\\System32\\cmstp.exe");
        let one = act(SYSMON, "PC1.corp.example", &[("ProcessId", number), ("Image", image)]).unwrap();
        let hex = Slot { kind: Kind::HEX64, data: &9456u64.to_le_bytes() };
        let new = Slot::utf8("c:\\windows\\system32\\CMSTP.exe");
        let parent = Slot { kind: Kind::HEX64, data: &[1; 8] };
        let fields = [("NewProcessId", hex), ("NewProcessName", new), ("ProcessId", parent)];
        let other = act(SECURITY, "pc1", &fields).unwrap();
        assert_eq!(one.ways[0], other.ways[0]);
        assert!(!one.second && other.second);
        let text = [("ProcessId", Slot::utf8("9456")), ("Image", image)];
        assert_eq!(act(SYSMON, "PC1", &text).unwrap().ways[0], one.ways[0]);
        let texts = [("NewProcessId", Slot::utf8("0x24f0")), ("NewProcessName", new)];
        assert_eq!(act(SECURITY, "PC1", &texts).unwrap().ways[0], one.ways[0]);
    }

    #[test]
    fn what_a_shipper_lost_is_made_up_for() {
        let [image, line] = ["C:\\x.exe", "x /a"].map(Slot::utf8);
        let fields = [("ParentProcessId", Slot::utf8("16")), ("Image", image), ("CommandLine", line)];
        let one = act(SYSMON, "PC1", &fields).unwrap();
        let line = Slot::utf8("x /a ");
        let [new, parent] = ["0x24f0", "0x10"].map(Slot::utf8);
        let fields =
            [("NewProcessId", new), ("ProcessId", parent), ("NewProcessName", image), ("CommandLine", line)];
        let other = act(SECURITY, "PC1", &fields).unwrap();
        assert!(one.ways[0].is_none() && other.ways[0].is_some());
        assert!(one.ways[1].is_some() && one.ways[1] == other.ways[1]);
    }

    #[test]
    fn a_registry_value_is_the_same_however_its_hive_is_written() {
        let pid = ("ProcessId", Slot::utf8("7"));
        let target = Slot::utf8("HKLM\\SOFTWARE\\Run\\x");
        let one = act((SYSMON.0, 13), "PC1", &[pid, ("TargetObject", target)]).unwrap();
        let fields = [
            ("ProcessId", Slot::utf8("0x7")),
            ("ObjectName", Slot::utf8("\\REGISTRY\\MACHINE\\SOFTWARE\\Run")),
            ("ObjectValueName", Slot::utf8("X")),
        ];
        assert_eq!(act(("Security", 4657), "PC1", &fields).unwrap().ways[0], one.ways[0]);
    }

    #[test]
    fn what_differs_or_is_lacking_is_no_twin() {
        let with = |host: &str, pid: &str, image: &str| {
            act(SYSMON, host, &[("ProcessId", Slot::utf8(pid)), ("Image", Slot::utf8(image))])
        };
        let one = with("PC1", "7", "a").unwrap();
        for (host, pid, image) in [("PC2", "7", "a"), ("PC1", "8", "a"), ("PC1", "7", "b"), ("PC1", "7a", "")]
        {
            assert!(
                with(host, pid, image).is_none_or(|other| other.ways != one.ways),
                "{host} {pid} {image}"
            );
        }
        assert_eq!(with("PC1", "-", "a"), None);
        assert_eq!(with("", "7", "a"), None);
        assert_eq!(act(SYSMON, "PC1", &[("Image", Slot::utf8("a"))]), None);
        assert_ne!(with("10.0.0.1", "7", "a").unwrap().ways, with("10.0.0.2", "7", "a").unwrap().ways);
    }
}
