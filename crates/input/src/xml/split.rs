//! Cuts a stream of events as XML behind an event.

use std::io::{self, Read};

use memchr::memmem;

use super::{END, find_event};
use crate::format::{Part, Split, Trouble, TroubleKind};
use crate::limits::{MAX_RECORD, PART_SIZE};
use crate::lines::read_some;

/// A [`Split`] behind events. `first_record` of a part is the position of its first event.
pub(super) struct Between {
    part_size: usize,
    max_record: usize,
    rest: Vec<u8>,
    offset: u64,
    record: u64,
}

impl Between {
    pub fn boxed() -> Box<dyn Split> {
        Box::new(Between::new(PART_SIZE, MAX_RECORD))
    }

    pub fn new(part_size: usize, max_record: usize) -> Between {
        Between { part_size, max_record, rest: Vec::new(), offset: 0, record: 1 }
    }

    /// Drops an event that is too long, and goes on where the next one begins.
    fn skip_event(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<()> {
        trouble(Trouble {
            source: part.source.name.clone(),
            kind: TroubleKind::Limit,
            offset: Some(self.offset),
            record: None,
            message: format!("an event longer than {} MiB was skipped", self.max_record >> 20),
        });
        self.record += 1;
        loop {
            // A start tag may be cut in two.
            let kept = part.data.len().saturating_sub(END.len());
            self.offset += kept as u64;
            part.data.drain(..kept);
            if read_some(input, &mut part.data, self.part_size)? == 0 {
                self.offset += part.data.len() as u64;
                part.data.clear();
                return Ok(());
            }
            if let Some(start) = find_event(&part.data, 0) {
                part.data.drain(..start);
                self.offset += start as u64;
                return Ok(());
            }
        }
    }
}

impl Split for Between {
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool> {
        part.data.clear();
        part.data.append(&mut self.rest);
        let mut searched = 0usize;
        loop {
            let wanted = self.part_size.saturating_sub(part.data.len()).max(self.part_size / 2).max(1);
            let ended = read_some(input, &mut part.data, wanted)? == 0;
            let from = searched.saturating_sub(END.len());
            let found = part.data.get(from..).and_then(|new| memmem::rfind(new, END));
            searched = part.data.len();
            let end = match found {
                Some(at) if !ended => from + at + END.len(),
                _ if ended => part.data.len(),
                _ if part.data.len() > self.max_record => {
                    self.skip_event(input, part, trouble)?;
                    searched = 0;
                    continue;
                }
                _ => continue,
            };
            if end == 0 {
                return Ok(false);
            }
            self.rest.extend_from_slice(part.data.get(end..).unwrap_or(&[]));
            part.data.truncate(end);
            part.offset = self.offset;
            part.first_record = self.record;
            self.offset += end as u64;
            self.record += memmem::find_iter(&part.data, END).count() as u64;
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::part;

    #[test]
    fn parts_end_behind_events_whatever_the_size() {
        let text = format!("<Events>{}</Events>", "<Event><System/></Event>\n".repeat(30));
        for size in 1..90 {
            let (mut split, mut part) = (Between::new(size, 1000), part(&crate::xml::XML, ""));
            let (mut input, mut whole) = (text.as_bytes(), String::new());
            while split.next(&mut input, &mut part, &mut |t| panic!("{t:?}")).unwrap() {
                assert_eq!(part.offset as usize, whole.len());
                assert_eq!(part.first_record as usize, whole.matches("</Event>").count() + 1);
                whole.push_str(std::str::from_utf8(&part.data).unwrap());
                assert!(whole.ends_with("</Event>") || whole.len() == text.len());
            }
            assert_eq!(whole, text);
        }
    }

    #[test]
    fn an_event_over_the_limit_is_skipped() {
        let text = format!("<Event>{}<Event>ok</Event>", "x".repeat(500));
        let (mut split, mut part) = (Between::new(64, 200), part(&crate::xml::XML, ""));
        let (mut input, mut troubles, mut out) = (text.as_bytes(), Vec::new(), Vec::new());
        while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            out.push(part.data.clone());
        }
        assert_eq!(troubles.len(), 1);
        assert_eq!(out, [b"<Event>ok</Event>".to_vec()]);
    }
}
