//! Where events as XML end.

use memchr::memmem;

use super::{END, find_event};
use crate::cut::Bounds;

/// Records are events, numbered by position.
#[derive(Default)]
pub(super) struct Events;

impl Bounds for Events {
    const RECORD: &'static str = "an event";
    // A start tag may be cut in two.
    const KEPT: usize = END.len();

    fn last_end(&mut self, text: &[u8], new: usize) -> usize {
        let from = new.saturating_sub(END.len());
        let found = text.get(from..).and_then(|text| memmem::rfind(text, END));
        found.map_or(0, |at| from + at + END.len())
    }

    fn count(&self, part: &[u8]) -> u64 {
        memmem::find_iter(part, END).count() as u64
    }

    fn resume(text: &[u8]) -> Option<usize> {
        find_event(text, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Cutter;
    use crate::format::Split;
    use crate::test_support::part;

    #[test]
    fn parts_end_behind_events_whatever_the_size() {
        let text = format!("<Events>{}</Events>", "<Event><System/></Event>\n".repeat(30));
        for size in 1..90 {
            let (mut split, mut part) = (Cutter::<Events>::new(size, 1000), part(&crate::xml::XML, ""));
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
        let (mut split, mut part) = (Cutter::<Events>::new(64, 200), part(&crate::xml::XML, ""));
        let (mut input, mut troubles, mut out) = (text.as_bytes(), Vec::new(), Vec::new());
        while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            out.push(part.data.clone());
        }
        assert_eq!(troubles.len(), 1);
        assert_eq!(out, [b"<Event>ok</Event>".to_vec()]);
    }
}
