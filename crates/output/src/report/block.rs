//! Data in the file: blocks of JSON that no browser runs, and texts that are written once.

use std::collections::HashMap;
use std::io::{self, Write};

/// Texts remembered before all are forgotten and written anew.
const MOST_TEXTS: usize = 1 << 16;
const MOST_BYTES: usize = 8 << 20;

/// Writes a block of a kind; `first`: the number of the first thing in it. In JSON a `<` can only stand in a text, so it can be written as its number: then
/// nothing in the block ends it, whatever the logs hold.
pub(super) fn write(out: &mut dyn Write, kind: &str, first: u32, json: &[u8]) -> io::Result<()> {
    write!(out, "<script type=\"application/json\" data-kind=\"{kind}\" data-first=\"{first}\">")?;
    for (i, part) in json.split(|b| *b == b'<').enumerate() {
        if i > 0 {
            out.write_all(b"\\u003c")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"</script>\n")
}

/// The text up to so many characters, and how many more it had.
pub(super) fn cut(text: &str, most: usize) -> (&str, usize) {
    // No more characters than bytes: most texts need not be counted.
    if text.len() <= most {
        return (text, 0);
    }
    match text.char_indices().nth(most) {
        None => (text, 0),
        Some((at, _)) => (text.get(..at).unwrap_or(text), text.get(at..).map_or(0, |r| r.chars().count())),
    }
}

/// [`cut`], with a word on what is missing.
pub(super) fn clipped(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    match cut(text, most) {
        (whole, 0) => whole.into(),
        (kept, more) => format!("{kept} … [{more} more characters]").into(),
    }
}

/// Numbers of texts. The reader adds those of each chunk to one list; a text may stand in it twice, since only so
/// many are remembered.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<Box<str>, u32>,
    bytes: usize,
    next: u32,
    /// Those that no chunk has yet.
    pub(super) fresh: Vec<Box<str>>,
}

impl Texts {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(n) = self.known.get(text) {
            return *n;
        }
        if self.known.len() >= MOST_TEXTS || self.bytes >= MOST_BYTES {
            self.known.clear();
            self.bytes = 0;
        }
        let n = self.next;
        self.next += 1;
        self.bytes += text.len();
        self.known.insert(text.into(), n);
        self.fresh.push(text.into());
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_block_but_its_end() {
        let mut out = Vec::new();
        write(&mut out, "x", 3, br#"["</script><!--<script>"]"#).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "<script type=\"application/json\" data-kind=\"x\" data-first=\"3\">[\"\\u003c/script>\\u003c!--\\u003cscript>\"]</script>\n"
        );
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(clipped("éé", 2), "éé");
        assert_eq!(clipped("ééé", 2), "éé … [1 more characters]");
        assert_eq!(clipped("", 0), "");
    }

    #[test]
    fn texts_keep_their_numbers_until_they_are_forgotten() {
        let mut texts = Texts::default();
        assert_eq!((texts.number("a"), texts.number("b"), texts.number("a")), (0, 1, 0));
        for i in 0..MOST_TEXTS {
            texts.number(&format!("n{i}"));
        }
        assert!(texts.known.len() <= MOST_TEXTS);
        assert_eq!(texts.number("a"), texts.next - 1);
        assert_eq!(texts.fresh.len(), texts.next as usize);
    }
}
