//! Where JSON documents end that stand one after another or in arrays.

use memchr::{memchr, memchr2, memmem};

use super::scan::skip_space;
use crate::cut::Bounds;

/// Whether `head`, the beginning of a source, is of documents that have ends of lines inside or that stand in
/// an array, rather than of one object per line.
pub(super) fn is_documents(head: &[u8]) -> bool {
    let start = skip_between(head, 0);
    match head.get(start) {
        Some(b'[') => true,
        Some(b'{') => {
            // An object that stands on one line settles it, and so does an end of line inside of a string,
            // which only damaged lines have.
            let first = head.get(start..).and_then(|rest| rest.split(|b| *b == b'\n').next()).unwrap_or(&[]);
            let mut scan = Boundaries::default();
            scan.run(first, 0);
            scan.depth > 0 && !scan.in_string && start + first.len() < head.len()
        }
        _ => false,
    }
}

/// Offset of what follows behind space and lines such as `Record 7`, with which `evtx_dump` announces documents.
pub(super) fn skip_between(text: &[u8], at: usize) -> usize {
    let start = skip_space(text, at);
    let number = text.get(start..).and_then(|rest| rest.strip_prefix(b"Record ")).unwrap_or(&[]);
    let line = number.get(..memchr(b'\n', number).unwrap_or(number.len())).unwrap_or(&[]).trim_ascii();
    let is_number = (1..=20).contains(&line.len()) && line.iter().all(u8::is_ascii_digit);
    if is_number { skip_space(text, start + b"Record ".len() + line.len()) } else { start }
}

/// Offset behind the `[` before the first hit, where `text` from `from` on begins the answer of a search engine:
/// Elasticsearch's `{"took": …, "hits": {"hits": [`, or Splunk's `{"preview": …, "results": [`.
pub(super) fn hits(text: &[u8], from: usize) -> Option<usize> {
    let head = text.get(from..text.len().min(from + MAX_HEAD))?;
    let start = skip_space(head, 0);
    let first = head.get(skip_space(head, start + 1)..).filter(|_| head.get(start) == Some(&b'{'))?;
    let (_, list) = ANSWERS.iter().find(|(keys, _)| keys.iter().any(|key| first.starts_with(key)))?;
    memmem::find_iter(head, list).find_map(|key| {
        let colon = skip_space(head, key + list.len());
        let array = skip_space(head, colon + 1);
        (head.get(colon) == Some(&b':') && head.get(array) == Some(&b'[')).then_some(from + array + 1)
    })
}

/// Offset behind the `[` of the next answer behind `from`; answers begin lines.
pub(super) fn next_answer(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = next_document(text, at)?;
        if let Some(start) = hits(text, at) {
            return Some(start);
        }
    }
}

/// First keys of an answer, and the key of its hits.
const ANSWERS: &[(&[&[u8]], &[u8])] = &[
    (&[b"\"took\"", b"\"_scroll_id\"", b"\"hits\""], b"\"hits\""),
    (&[b"\"preview\"", b"\"init_offset\""], b"\"results\""),
];

/// Hits begin within so many bytes of an answer.
const MAX_HEAD: usize = 16 << 10;

/// Finds where the hits of a search engine's answer end.
#[derive(Default)]
pub(super) struct Hits {
    boundaries: Boundaries,
    begun: bool,
}

impl Bounds for Hits {
    const RECORD: &'static str = "a hit";
    const KEPT: usize = 1;

    fn last_end(&mut self, text: &[u8], new: usize) -> usize {
        let from = if std::mem::replace(&mut self.begun, true) { new } else { hits(text, 0).unwrap_or(new) };
        self.boundaries.run(text, from);
        self.boundaries.last_end
    }

    fn count(&self, _: &[u8]) -> u64 {
        self.boundaries.count
    }

    fn resume(text: &[u8]) -> Option<usize> {
        next_document(text, 0)
    }
}

/// Finds where documents end; keeps its place between pieces of text. Records are numbered by position.
#[derive(Default)]
pub(super) struct Boundaries {
    /// Objects and arrays open, the array around all documents not counted.
    depth: usize,
    in_string: bool,
    /// The next byte is escaped.
    escaped: bool,
    /// Offset behind the last complete document, and documents completed so far.
    last_end: usize,
    count: u64,
}

impl Boundaries {
    /// Goes through `text` from `at` on.
    fn run(&mut self, text: &[u8], mut at: usize) {
        while at < text.len() {
            if self.in_string {
                at = self.string(text, at);
                continue;
            }
            match text.get(at) {
                Some(b'"') => self.in_string = true,
                Some(b'{') => self.depth += 1,
                Some(b'[') if self.depth > 0 => self.depth += 1,
                Some(b'}' | b']') if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.last_end = at + 1;
                        self.count += 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Passes over the rest of a string. No string spans lines, so damage ends with its line.
    fn string(&mut self, text: &[u8], mut at: usize) -> usize {
        if std::mem::take(&mut self.escaped) {
            at += 1;
        }
        while let Some(n) = text.get(at..).and_then(|rest| memchr::memchr3(b'"', b'\\', b'\n', rest)) {
            at += n;
            if text.get(at) != Some(&b'\\') {
                self.in_string = false;
                return at + 1;
            }
            if at + 1 == text.len() {
                self.escaped = true;
                return text.len();
            }
            at += 2;
        }
        text.len()
    }
}

impl Bounds for Boundaries {
    const RECORD: &'static str = "a document";
    // An end of line may be followed by a document.
    const KEPT: usize = 1;

    fn last_end(&mut self, text: &[u8], new: usize) -> usize {
        self.run(text, new);
        self.last_end
    }

    fn count(&self, _: &[u8]) -> u64 {
        self.count
    }

    fn resume(text: &[u8]) -> Option<usize> {
        next_document(text, 0)
    }
}

/// Offset of the next line behind `from` that begins with an object.
pub(super) fn next_document(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', text.get(at..)?)? + 1;
        if text.get(at) == Some(&b'{') {
            return Some(at);
        }
    }
}

/// Column of the byte at `at`.
pub(super) fn column(text: &[u8], at: usize) -> usize {
    let line = text.get(..at).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |n| n + 1);
    at - line
}

/// Offset of the next line behind `from` that begins an object at `column` (anywhere where that is not known),
/// or that has one at its very beginning.
pub(super) fn resume(text: &[u8], from: usize, column: Option<usize>) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', text.get(at..)?)? + 1;
        let indent = memchr2(b'{', b'\n', text.get(at..)?)?;
        let blank = text.get(at..at + indent)?.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
        let fits = indent == 0 || column.is_none_or(|c| c == indent);
        if text.get(at + indent) == Some(&b'{') && blank && fits {
            return Some(at + indent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Cutter;
    use crate::format::Head;
    use crate::format::Split;
    use crate::json::{HITS, JSON};
    use crate::test_support::{part, read};

    #[test]
    fn documents_are_told_from_lines() {
        for text in ["[", " [{\"a\":1}]", "{\n \"a\": 1\n}", "{\"a\": {\n}}", "\n{\"a\":[\n"] {
            assert!(is_documents(text.as_bytes()), "{text}");
        }
        for text in ["", "{\"a\":1}", "{\"a\":1}\n{", "{\"a\":\"broken\n{\"a\":1}\n", "{\"long\":1", "x{"] {
            assert!(!is_documents(text.as_bytes()), "{text}");
        }
    }

    /// Record and fields of every event, record and offset of every trouble.
    #[allow(clippy::type_complexity)]
    fn values(text: &str) -> (Vec<(u64, String)>, Vec<(u64, u64)>) {
        let kept = read(&JSON, text);
        let events = (0..kept.events.len()).map(|i| (kept.events[i].record, kept.fields(i).join(" ")));
        let troubles = kept.troubles.iter().map(|t| (t.record.unwrap(), t.offset.unwrap()));
        (events.collect(), troubles.collect())
    }

    #[test]
    fn arrays_and_documents_in_a_row_read() {
        let one_two = vec![(1, "a=1".to_string()), (2, "a=2".to_string())];
        for text in [
            "[{\"a\":1},{\"a\":2}]",
            "[\n {\"a\": 1},\n {\"a\": 2}\n]\n",
            "{\n\"a\":\n1\n}\n{\n\"a\":2}",
            "{\"a\":1}{\"a\":2}",
            "[{\"a\":1}]\n[{\"a\":2}]",
        ] {
            assert_eq!(values(text), (one_two.clone(), vec![]), "{text}");
        }
    }

    #[test]
    fn records_may_be_announced() {
        let text = "Record 1\n{\n \"a\": 1\n}\nRecord 22\r\n{\n \"a\": 2\n}\n";
        assert!(is_documents(text.as_bytes()));
        assert_eq!(values(text), (vec![(1, "a=1".to_string()), (2, "a=2".to_string())], vec![]));
    }

    #[test]
    fn answers_of_search_engines_are_read_hit_by_hit() {
        let hits = |n: usize| vec!["{\"_index\":\"i\",\"_source\":{\"a\":\"]}{\"}}"; n].join(",");
        let answer = |n| {
            format!(
                "{{\"took\":1,\"hits\":{{\"total\":1, \"hits\" : [{}]}},\"aggs\":{{\"x\":1}}}}\n",
                hits(n)
            )
        };
        for (text, events) in [
            (answer(3), 3),
            (answer(0), 0),
            (answer(2) + &answer(1), 3),
            ("{\"preview\":false,\n\"messages\":[],\"results\":[{\"a\":1},\n{\"a\":2}], \"highlighted\":{}}".into(), 2),
        ] {
            assert!((HITS.detect)(&Head { bytes: text.as_bytes(), name: "" }));
            let kept = read(&HITS, &text);
            assert_eq!((kept.events.len(), kept.troubles.len()), (events, 0), "{text}");
            for size in [1, 7, 60, 200] {
                let (mut split, mut part) = (Cutter::<Hits>::new(size, 1 << 20), part(&HITS, ""));
                let (mut input, mut sink) = (text.as_bytes(), crate::test_support::Kept::default());
                while split.next(&mut input, &mut part, &mut |t| panic!("{t:?}")).unwrap() {
                    (HITS.decode)().decode(&part, &mut sink);
                }
                assert_eq!((sink.events.len(), sink.troubles.len()), (events, 0), "{size} {text}");
            }
        }
        assert!(hits_at("{\"preview\":false,\"result\":{\"_raw\":\"x\"}}").is_none());
    }

    fn hits_at(text: &str) -> Option<usize> {
        super::hits(text.as_bytes(), 0)
    }

    #[test]
    fn damage_ends_where_the_next_document_begins() {
        let text = "{\n  \"a\": 1\n}\n{\n  \"a\": {\n}\n{\n  \"a\": 3\n}\n";
        let (events, troubles) = values(text);
        assert_eq!(events, [(1, "a=1".to_string()), (3, "a=3".to_string())]);
        assert_eq!(troubles.len(), 1);
        assert_eq!(troubles[0].0, 2);
        let (events, troubles) = values("[\n  {\n    \"a\": x\n  },\n  {\n    \"a\": 2\n  },\n  7\n]");
        assert_eq!(events, [(2, "a=2".to_string())]);
        assert_eq!(troubles.len(), 2);
    }

    #[test]
    fn parts_end_between_documents_whatever_the_size() {
        let text: String = (0..50).map(|i| format!("{{\"n\": {i},\n \"s\": \"}}\\\\\\\"{{\"}}\n")).collect();
        let whole = read(&JSON, &text);
        for size in 1..60 {
            let (mut split, mut part) = (Cutter::<Boundaries>::new(size, 1 << 20), part(&JSON, ""));
            let (mut input, mut sink) = (text.as_bytes(), crate::test_support::Kept::default());
            let mut decode = (JSON.decode)();
            while split.next(&mut input, &mut part, &mut |t| panic!("{t:?}")).unwrap() {
                decode.decode(&part, &mut sink);
            }
            assert!(sink.troubles.is_empty(), "{size} {:?}", sink.troubles);
            assert_eq!(sink.events.len(), 50);
            for (i, event) in sink.events.iter().enumerate() {
                assert_eq!((event.record, sink.fields(i)), (whole.events[i].record, whole.fields(i)));
            }
        }
    }

    #[test]
    fn a_document_over_the_limit_is_skipped() {
        let text = format!("{{\n\"a\":\"{}\"\n}}\n{{\n\"b\":1}}", "x".repeat(3000));
        let (mut split, mut part) = (Cutter::<Boundaries>::new(64, 1000), part(&JSON, ""));
        let (mut input, mut troubles, mut out) = (text.as_bytes(), Vec::new(), Vec::new());
        while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            out.push((part.offset as usize, part.first_record, part.data.clone()));
        }
        assert_eq!(troubles.len(), 1);
        let start = text.len() - 8;
        assert_eq!(out, [(start, 2, b"{\n\"b\":1}".to_vec())]);
    }
}
