//! Ends of lines; shared by all formats whose records are lines.

use memchr::{memchr, memchr_iter, memrchr};

use crate::cut::Bounds;

/// Records are lines, numbered from 1, blank ones too.
#[derive(Default)]
pub(crate) struct Lines;

impl Bounds for Lines {
    const RECORD: &'static str = "a line";
    const KEPT: usize = 0;

    fn last_end(&mut self, text: &[u8], new: usize) -> usize {
        text.get(new..).and_then(|text| memrchr(b'\n', text)).map_or(0, |end| new + end + 1)
    }

    fn count(&self, part: &[u8]) -> u64 {
        memchr_iter(b'\n', part).count() as u64
    }

    fn resume(text: &[u8]) -> Option<usize> {
        Some(memchr(b'\n', text)? + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Cutter;
    use crate::format::{Split, Trouble};
    use crate::test_support::part;

    fn cut(text: &str, part_size: usize, max_record: usize) -> (Vec<(u64, u64, String)>, Vec<Trouble>) {
        let (mut lines, mut part) =
            (Cutter::<Lines>::new(part_size, max_record), part(&crate::json::NDJSON, ""));
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
