//! Cuts a text into parts at ends of lines; shared by all formats whose records are lines.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr};

use crate::format::{Part, Split, Trouble, TroubleKind};
use crate::limits::{MAX_RECORD, PART_SIZE};

/// A [`Split`] into whole lines. `first_record` of a part is the number of its first line.
pub(crate) struct Lines {
    part_size: usize,
    max_record: usize,
    /// What followed the last end of line in the part before.
    rest: Vec<u8>,
    offset: u64,
    line: u64,
}

impl Lines {
    pub fn boxed() -> Box<dyn Split> {
        Box::new(Lines::new(PART_SIZE, MAX_RECORD))
    }

    /// Parts of about `part_size` bytes, lines of at most `max_record`.
    pub fn new(part_size: usize, max_record: usize) -> Lines {
        Lines { part_size, max_record, rest: Vec::new(), offset: 0, line: 1 }
    }

    /// Passes over a line that is too long; `part.data` holds its beginning. Answers false at the end.
    fn skip_line(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<()> {
        trouble(Trouble {
            source: part.source.name.clone(),
            kind: TroubleKind::Limit,
            offset: Some(self.offset),
            record: Some(self.line),
            message: format!("a line longer than {} MiB was skipped", self.max_record >> 20),
        });
        loop {
            self.offset += part.data.len() as u64;
            part.data.clear();
            if read_some(input, &mut part.data, self.part_size)? == 0 {
                return Ok(());
            }
            if let Some(end) = memchr(b'\n', &part.data) {
                part.data.drain(..=end);
                self.offset += end as u64 + 1;
                self.line += 1;
                return Ok(());
            }
        }
    }
}

impl Split for Lines {
    fn next(
        &mut self,
        input: &mut dyn Read,
        part: &mut Part,
        trouble: &mut dyn FnMut(Trouble),
    ) -> io::Result<bool> {
        part.data.clear();
        part.data.append(&mut self.rest);
        loop {
            let wanted = self.part_size.saturating_sub(part.data.len()).max(self.part_size / 2);
            let ended = read_some(input, &mut part.data, wanted)? == 0;
            let end = match memrchr(b'\n', &part.data) {
                Some(end) => end + 1,
                None if ended => part.data.len(),
                None if part.data.len() > self.max_record => {
                    self.skip_line(input, part, trouble)?;
                    continue;
                }
                None => continue,
            };
            let end = if ended { part.data.len() } else { end };
            if end == 0 {
                return Ok(false);
            }
            self.rest.extend_from_slice(part.data.get(end..).unwrap_or(&[]));
            part.data.truncate(end);
            part.offset = self.offset;
            part.first_record = self.line;
            self.offset += end as u64;
            self.line += memchr_iter(b'\n', &part.data).count() as u64;
            return Ok(true);
        }
    }
}

/// Appends up to `wanted` bytes, fewer only at the end; answers how many.
pub(crate) fn read_some(input: &mut dyn Read, data: &mut Vec<u8>, wanted: usize) -> io::Result<usize> {
    data.reserve(wanted);
    input.take(wanted as u64).read_to_end(data)
}

/// Puts up to `wanted` bytes behind the first `from` bytes of `data`, over what stands there, fewer only at the end;
/// answers how many. Room that has nothing in it would be cleared before it is read into.
pub(crate) fn read_over(
    input: &mut dyn Read,
    data: &mut Vec<u8>,
    from: usize,
    wanted: usize,
) -> io::Result<usize> {
    data.resize(from + wanted, 0);
    let mut at = from;
    let result = loop {
        let room = data.get_mut(at..).unwrap_or_default();
        if room.is_empty() {
            break Ok(wanted);
        }
        match input.read(room) {
            Ok(0) => break Ok(at - from),
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    data.truncate(at);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::part;

    fn cut(text: &str, part_size: usize, max_record: usize) -> (Vec<(u64, u64, String)>, Vec<Trouble>) {
        let (mut lines, mut part) = (Lines::new(part_size, max_record), part(&crate::json::NDJSON, ""));
        let (mut input, mut out, mut troubles) = (text.as_bytes(), Vec::new(), Vec::new());
        while lines.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
            out.push((part.offset, part.first_record, String::from_utf8_lossy(&part.data).into_owned()));
        }
        (out, troubles)
    }

    #[test]
    fn parts_are_whole_lines_whatever_the_size() {
        let text = "one\ntwo\n\nthree\nlast";
        for size in 1..40 {
            let (parts, troubles) = cut(text, size, 1000);
            assert!(troubles.is_empty());
            let mut offset = 0;
            for (at, line, data) in &parts {
                assert_eq!(*at, offset);
                assert_eq!(*line, text[..offset as usize].matches('\n').count() as u64 + 1);
                offset += data.len() as u64;
            }
            assert_eq!(parts.iter().map(|p| p.2.as_str()).collect::<String>(), text);
        }
        assert!(cut("", 5, 100).0.is_empty());
    }

    #[test]
    fn reading_over_leaves_nothing_of_what_was_there() {
        for (from, wanted, want) in
            [(0, 3, "abc"), (2, 3, "xyabc"), (1, 9, "xabcdef"), (4, 2, "xyz\0ab"), (0, 0, "")]
        {
            let mut data = b"xyz".to_vec();
            let read = read_over(&mut "abcdef".as_bytes(), &mut data, from, wanted).unwrap();
            assert_eq!((data.as_slice(), read), (want.as_bytes(), want.len() - from));
        }
    }

    #[test]
    fn a_line_over_the_limit_is_told_and_skipped() {
        let text = format!("a\n{}\nb\nc\n", "x".repeat(500));
        let (parts, troubles) = cut(&text, 16, 64);
        let kept: String = parts.iter().map(|p| p.2.as_str()).collect();
        assert_eq!(kept, "a\nb\nc\n");
        assert_eq!(troubles.len(), 1);
        assert_eq!((troubles[0].record, troubles[0].offset), (Some(2), Some(2)));
        let last = parts.last().unwrap();
        assert_eq!(last.0 + last.2.len() as u64, text.len() as u64);
        assert_eq!(last.1 + last.2.matches('\n').count() as u64, 5);
    }
}
