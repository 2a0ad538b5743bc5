//! The events behind findings: so many of each rule, so many in all, each within bounds. What is left out is
//! counted.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::Arc;

use shikra_engine::finding::EventView;
use shikra_event::Value;

use super::block::{self, clipped};
use crate::finding::some;
use crate::json::{Json, Members};

/// Findings of one rule whose events are written.
const PER_RULE: u32 = 500;
/// Events of one finding.
const PER_FINDING: usize = 50;
/// Bytes of all events.
const BYTES: usize = 48 << 20;
/// Characters of a value.
const VALUE: usize = 4000;
/// Fields of an event.
const FIELDS: usize = 200;
/// Bytes gathered before a block is written.
const BLOCK: usize = 256 << 10;
/// Events looked back at: several rules find the same one.
const RECENT: usize = 64;

/// Writes events in blocks, each once.
#[derive(Default)]
pub(super) struct Details {
    json: Vec<u8>,
    in_block: u32,
    written: u32,
    bytes: usize,
    recent: VecDeque<(Arc<EventView>, u32)>,
    of_rule: HashMap<u32, u32>,
    /// Events left out of findings.
    pub(super) left_out: u64,
}

impl Details {
    /// The numbers of the events of a finding, as far as they are kept.
    pub(super) fn add(
        &mut self,
        rule: u32,
        events: &[Arc<EventView>],
        out: &mut dyn Write,
    ) -> io::Result<Vec<u32>> {
        let seen = self.of_rule.entry(rule).or_default();
        *seen = seen.saturating_add(1);
        let room = *seen <= PER_RULE && self.bytes < BYTES;
        let mut numbers = Vec::new();
        for (i, event) in events.iter().enumerate() {
            let known = self.recent.iter().rev().find(|(e, _)| Arc::ptr_eq(e, event)).map(|(_, n)| *n);
            match known {
                Some(n) if i < PER_FINDING => numbers.push(n),
                None if room && i < PER_FINDING => numbers.push(self.event(event)),
                _ => self.left_out += 1,
            }
        }
        if self.json.len() >= BLOCK {
            self.flush(out)?;
        }
        Ok(numbers)
    }

    /// The number of one event; none once there are too many bytes.
    pub(super) fn one(&mut self, event: &Arc<EventView>, out: &mut dyn Write) -> io::Result<Option<u32>> {
        if self.bytes >= BYTES {
            return Ok(None);
        }
        let number = self.event(event);
        if self.json.len() >= BLOCK {
            self.flush(out)?;
        }
        Ok(Some(number))
    }

    fn event(&mut self, event: &Arc<EventView>) -> u32 {
        let number = self.written + self.in_block;
        let start = self.json.len();
        self.json.push(if self.in_block == 0 { b'[' } else { b',' });
        Json::new(&mut self.json).object(|o| write(event, o));
        self.bytes += self.json.len() - start;
        self.in_block += 1;
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((event.clone(), number));
        number
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.in_block > 0 {
            self.json.push(b']');
            block::write(out, "events", self.written, &self.json)?;
            self.written += self.in_block;
            self.in_block = 0;
            self.json.clear();
        }
        Ok(())
    }
}

fn write(e: &EventView, o: &mut Members<'_>) {
    o.key("source").string(&clipped(&e.source, VALUE));
    o.key("record").number(e.record);
    o.key("time").time(e.time);
    o.key("provider").string_or_null(some(&clipped(&e.provider, VALUE)));
    o.key("channel").string_or_null(some(&clipped(&e.channel, VALUE)));
    match e.event_id {
        Some(id) => o.key("event_id").number(id),
        None => o.key("event_id").null(),
    }
    o.key("computer").string_or_null(some(&clipped(&e.computer, VALUE)));
    o.key("fields").array(|a| {
        for (name, value) in e.fields.iter().take(FIELDS) {
            a.item().strings(&[clipped(name, VALUE).as_ref(), text(value).as_str()]);
        }
    });
    if e.fields.len() > FIELDS {
        o.key("more").number(e.fields.len() as u64 - FIELDS as u64);
    }
}

/// A value as text; lists one item a line.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let parts: Vec<String> =
                items.iter().take(FIELDS).map(|i| i.to_text().unwrap_or_default()).collect();
            clipped(&parts.join("\n"), VALUE).into_owned()
        }
        one => clipped(&one.to_text().unwrap_or_default(), VALUE).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::event;

    #[test]
    fn an_event_of_several_findings_stands_once() {
        let (mut details, mut out) = (Details::default(), Vec::new());
        let (one, two) = (event(1, &[("a", "b")]), event(2, &[]));
        assert_eq!(details.add(0, std::slice::from_ref(&one), &mut out).unwrap(), [0]);
        assert_eq!(details.add(1, &[one.clone(), two], &mut out).unwrap(), [0, 1]);
        details.flush(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\"record\"").count(), 2, "{text}");
    }

    #[test]
    fn no_rule_fills_the_file() {
        let (mut details, mut out) = (Details::default(), Vec::new());
        for i in 0..PER_RULE + 10 {
            details.add(0, &[event(u64::from(i), &[])], &mut out).unwrap();
        }
        assert_eq!(details.left_out, 10);
        assert_eq!(details.add(1, &[event(9, &[])], &mut out).unwrap(), [PER_RULE]);
        let long = event(1, &[("x", &"é".repeat(VALUE + 3))]);
        details.add(2, &[long], &mut out).unwrap();
        details.flush(&mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("[3 more characters]"));
    }
}
