//! One pass over a JSON object that finds every value in it, without building a tree or copying.
//!
//! Syntax follows RFC 8259, leniently where that costs nothing: control characters and invalid escapes in
//! strings pass, and so does what lies inside of arrays of scalars. Whatever a strict parser accepts is read
//! as that parser reads it.

use memchr::memchr;
use shikra_event::{Kind, Slot};

use crate::paths::{PathId, Paths, ROOT};

/// Objects and arrays nested deeper than this stay raw.
const MAX_DEPTH: usize = 64;
/// Values kept per document; what follows is counted and left out.
pub(crate) const MAX_LEAVES: usize = 4096;

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf<'a> {
    pub path: PathId,
    pub slot: Slot<'a>,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Offset in the text given.
    pub at: usize,
    pub what: &'static str,
    /// How far was looked before that was clear.
    pub reach: usize,
}

impl Malformed {
    fn new(at: usize, what: &'static str) -> Malformed {
        Malformed { at, what, reach: at }
    }
}

#[derive(Clone, Copy)]
struct Frame {
    path: PathId,
    array: bool,
}

/// The values of one document, and what is needed to find them.
pub(crate) struct Scanner {
    pub paths: Paths,
    stack: Vec<Frame>,
    /// Values of the last document that went over [`MAX_LEAVES`].
    pub left_out: usize,
}

impl Scanner {
    pub fn new() -> Scanner {
        Scanner { paths: Paths::new(Kind::JSON_STRING), stack: Vec::with_capacity(MAX_DEPTH), left_out: 0 }
    }

    /// Finds the values of the object that begins at `text[start]`, puts them into `leaves` in document order
    /// and answers the offset behind the object.
    ///
    /// # Errors
    /// Where the object is not well-formed; `leaves` then holds what came before.
    pub fn object<'a>(
        &mut self,
        text: &'a [u8],
        start: usize,
        leaves: &mut Vec<Leaf<'a>>,
    ) -> Result<usize, Malformed> {
        self.stack.clear();
        self.left_out = 0;
        if text.get(start) != Some(&b'{') {
            return Err(Malformed::new(start, "not a JSON object"));
        }
        self.stack.push(Frame { path: ROOT, array: false });
        let mut run = Run { text, at: start + 1, last: ROOT, leaves };
        run.at = skip_space(text, run.at);
        if text.get(run.at) == Some(&b'}') {
            return Ok(run.at + 1);
        }
        while let Some(frame) = self.stack.last().copied() {
            let path = if frame.array { frame.path } else { self.key(&mut run, frame.path)? };
            if self.value(&mut run, path)? {
                self.close(&mut run)?;
            }
        }
        Ok(run.at)
    }

    /// Reads a key and its colon; answers its path.
    #[inline]
    fn key(&mut self, run: &mut Run<'_, '_>, parent: PathId) -> Result<PathId, Malformed> {
        let text = run.text;
        if text.get(run.at) != Some(&b'"') {
            return Err(Malformed::new(run.at, "expected a key"));
        }
        let start = run.at + 1;
        let rest = text.get(start..).unwrap_or(&[]);
        let path = match self.paths.guess(run.last, parent, rest) {
            Some((len, path)) => {
                run.at = start + len + 1;
                path
            }
            None => {
                let end = string_end(text, start)?;
                let path = self.paths.child(parent, text.get(start..end).unwrap_or(&[]));
                self.paths.follow(run.last, path);
                run.at = end + 1;
                path
            }
        };
        run.last = path;
        run.at = skip_space(text, run.at);
        if text.get(run.at) != Some(&b':') {
            return Err(Malformed::new(run.at, "expected a colon"));
        }
        run.at = skip_space(text, run.at + 1);
        Ok(path)
    }

    /// Reads a value; answers whether it is complete (false: a container was entered).
    #[inline]
    fn value(&mut self, run: &mut Run<'_, '_>, path: PathId) -> Result<bool, Malformed> {
        let (text, start) = (run.text, run.at);
        let (kind, from, to, end) = match text.get(start) {
            Some(b'"') => {
                let end = string_end(text, start + 1)?;
                (Kind::JSON_STRING, start + 1, end, end + 1)
            }
            Some(b'-' | b'0'..=b'9') => {
                let end = number_end(text, start)?;
                (Kind::JSON_NUMBER, start, end, end)
            }
            Some(b'{') => return self.enter_object(run, path),
            Some(b'[') => return self.enter_array(run, path),
            Some(b't') => literal(text, start, b"true", Kind::JSON_BOOL)?,
            Some(b'f') => literal(text, start, b"false", Kind::JSON_BOOL)?,
            Some(b'n') => literal(text, start, b"null", Kind::JSON_NULL)?,
            _ => return Err(Malformed::new(start, "expected a value")),
        };
        run.at = end;
        self.leaf(run, path, kind, from, to);
        Ok(true)
    }

    #[inline]
    fn leaf(&mut self, run: &mut Run<'_, '_>, path: PathId, kind: Kind, from: usize, to: usize) {
        if run.leaves.len() >= MAX_LEAVES {
            self.left_out += 1;
            return;
        }
        let data = run.text.get(from..to).unwrap_or(&[]);
        run.leaves.push(Leaf { path, slot: Slot { kind, data } });
    }

    fn enter_object(&mut self, run: &mut Run<'_, '_>, path: PathId) -> Result<bool, Malformed> {
        let first = skip_space(run.text, run.at + 1);
        let empty = run.text.get(first) == Some(&b'}');
        if empty || self.stack.len() >= MAX_DEPTH || self.left_out > 0 {
            return self.raw(run, path, Kind::JSON_OBJECT);
        }
        self.stack.push(Frame { path, array: false });
        run.at = first;
        Ok(false)
    }

    /// Arrays of scalars are one value; arrays that hold objects are walked, each element under their path.
    fn enter_array(&mut self, run: &mut Run<'_, '_>, path: PathId) -> Result<bool, Malformed> {
        let first = skip_space(run.text, run.at + 1);
        let objects = run.text.get(first) == Some(&b'{') || nested(run.text, run.at)?.1;
        if !objects || self.stack.len() >= MAX_DEPTH || self.left_out > 0 {
            return self.raw(run, path, Kind::JSON_ARRAY);
        }
        self.stack.push(Frame { path, array: true });
        run.at = first;
        Ok(false)
    }

    fn raw(&mut self, run: &mut Run<'_, '_>, path: PathId, kind: Kind) -> Result<bool, Malformed> {
        let start = run.at;
        run.at = nested(run.text, start)?.0;
        self.leaf(run, path, kind, start, run.at);
        Ok(true)
    }

    /// What follows a value: a comma, or the end of one or more containers.
    #[inline]
    fn close(&mut self, run: &mut Run<'_, '_>) -> Result<(), Malformed> {
        while let Some(frame) = self.stack.last() {
            run.at = skip_space(run.text, run.at);
            match (run.text.get(run.at), frame.array) {
                (Some(b','), _) => {
                    run.at = skip_space(run.text, run.at + 1);
                    return Ok(());
                }
                (Some(b'}'), false) | (Some(b']'), true) => {
                    self.stack.pop();
                    run.at += 1;
                }
                (None, _) => return Err(Malformed::new(run.at, "the document ends in the middle")),
                _ => return Err(Malformed::new(run.at, "expected a comma or the end")),
            }
        }
        Ok(())
    }
}

struct Run<'a, 'l> {
    text: &'a [u8],
    at: usize,
    /// The key read last: what the next one is guessed from.
    last: PathId,
    leaves: &'l mut Vec<Leaf<'a>>,
}

/// The first offset from `at` on that is no white space.
#[inline]
pub(crate) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r' | b'\n') = text.get(at) {
        at += 1;
    }
    at
}

/// Offset of the quote that closes the string whose inside begins at `start`.
#[inline]
fn string_end(text: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut from = start;
    while let Some(n) = text.get(from..).and_then(|rest| memchr(b'"', rest)) {
        let quote = from + n;
        // Backslashes are common in logs, escaped quotes are not: look back from the quote.
        let inside = text.get(from..quote).unwrap_or(&[]);
        let slashes = inside.iter().rev().take_while(|b| **b == b'\\').count();
        if slashes % 2 == 0 {
            return Ok(quote);
        }
        from = quote + 1;
    }
    Err(Malformed { at: start.saturating_sub(1), what: "a string does not end", reach: text.len() })
}

/// Offset behind the number that begins at `start`.
#[inline]
fn number_end(text: &[u8], start: usize) -> Result<usize, Malformed> {
    let malformed = |at| Malformed::new(at, "a malformed number");
    let mut at = start + usize::from(text.get(start) == Some(&b'-'));
    let whole = at;
    at = skip_digits(text, at);
    if at == whole || (text.get(whole) == Some(&b'0') && at > whole + 1) {
        return Err(malformed(start));
    }
    if text.get(at) == Some(&b'.') {
        let fraction = at + 1;
        at = skip_digits(text, fraction);
        if at == fraction {
            return Err(malformed(start));
        }
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = at;
        at = skip_digits(text, exponent);
        if at == exponent {
            return Err(malformed(start));
        }
    }
    Ok(at)
}

fn skip_digits(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

fn literal(
    text: &[u8],
    at: usize,
    word: &'static [u8],
    kind: Kind,
) -> Result<(Kind, usize, usize, usize), Malformed> {
    let end = at + word.len();
    if text.get(at..end) == Some(word) {
        return Ok((kind, at, end, end));
    }
    Err(Malformed::new(at, "expected a value"))
}

/// Offset behind the container that begins at `start`, and whether an object lies inside of it.
pub(crate) fn nested(text: &[u8], start: usize) -> Result<(usize, bool), Malformed> {
    let (mut depth, mut at, mut objects) = (0usize, start, false);
    loop {
        match text.get(at) {
            None => return Err(Malformed::new(at, "the document ends in the middle")),
            Some(b'"') => at = string_end(text, at + 1)?,
            Some(b'[') => depth += 1,
            Some(b'{') => {
                objects |= at != start;
                depth += 1;
            }
            Some(b']' | b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok((at + 1, objects));
                }
            }
            Some(_) => {}
        }
        at += 1;
    }
}
