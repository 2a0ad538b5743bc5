//! One pass over the XML of an event that finds its values without copying.
//!
//! The subset of XML that event logs use: elements, attributes, character data, CDATA, comments and
//! processing instructions; no document types and no entities of one's own.

use memchr::{memchr, memmem};
use shikra_event::{Kind, Slot};

use super::kind_of;
use crate::json::scan::{Leaf, MAX_LEAVES};
use crate::paths::{PathId, Paths, ROOT};

/// Elements nested deeper than this are damage.
const MAX_DEPTH: usize = 64;

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Offset in the event.
    pub at: usize,
    pub what: &'static str,
}

/// Finds the values of events.
pub(super) struct Scanner {
    pub paths: Paths,
    /// Values of the last event that were too many.
    pub left_out: usize,
}

/// Name and value, as written.
type Attribute<'a> = (&'a [u8], &'a [u8]);

struct Frame<'a> {
    name: &'a [u8],
    path: PathId,
    /// Where its contents begin.
    inside: usize,
    has_children: bool,
}

struct Run<'a, 'l> {
    text: &'a [u8],
    at: usize,
    /// The path found last: what the next one is guessed from.
    last: PathId,
    stack: Vec<Frame<'a>>,
    leaves: &'l mut Vec<Leaf<'a>>,
}

impl Scanner {
    pub fn new() -> Scanner {
        Scanner { paths: Paths::new(Kind::UTF8), left_out: 0 }
    }

    /// Puts the values of the event that `text` is into `leaves`, in document order.
    ///
    /// # Errors
    /// Where the event is not well-formed.
    pub fn event<'a>(&mut self, text: &'a [u8], leaves: &mut Vec<Leaf<'a>>) -> Result<(), Malformed> {
        self.left_out = 0;
        let mut run = Run { text, at: 0, last: ROOT, stack: Vec::with_capacity(8), leaves };
        loop {
            run.next_markup()?;
            let rest = text.get(run.at..).unwrap_or(&[]);
            match rest.get(1) {
                Some(b'/') => {
                    self.end_tag(&mut run)?;
                    if run.stack.is_empty() {
                        return Ok(());
                    }
                }
                Some(b'!' | b'?') => {
                    run.at += skip_special(rest).ok_or(run.malformed("markup does not end"))?
                }
                _ => self.start_tag(&mut run)?,
            }
        }
    }

    fn start_tag(&mut self, run: &mut Run<'_, '_>) -> Result<(), Malformed> {
        let start = run.at;
        let (name, after) = name_at(run.text, start + 1);
        let parent = run.stack.last_mut().map_or(ROOT, |frame| {
            frame.has_children = true;
            frame.path
        });
        if name.is_empty() || (name == b"Event" && parent != ROOT) || run.stack.len() >= MAX_DEPTH {
            return Err(run.malformed("an element where none can be"));
        }
        run.at = after;
        let path = self.element(run, parent, name)?;
        let empty = run.text.get(run.at) == Some(&b'/');
        run.at += usize::from(empty);
        if run.text.get(run.at) != Some(&b'>') {
            return Err(run.malformed("a tag does not end"));
        }
        run.at += 1;
        let inside = run.at;
        run.stack.push(Frame { name, path, inside, has_children: false });
        if empty {
            self.close(run, inside);
        }
        Ok(())
    }

    /// Path of an element, `run` standing behind its name; its attributes become values. `<Data Name="x">`
    /// directly under `EventData` is known as `x`.
    fn element(&mut self, run: &mut Run<'_, '_>, parent: PathId, name: &[u8]) -> Result<PathId, Malformed> {
        let is_data = name == b"Data" && run.stack.last().is_some_and(|f| f.name == b"EventData");
        if is_data {
            let mut known_as = name;
            while let Some((attribute, value)) = run.attribute()? {
                if attribute == b"Name" {
                    known_as = value;
                }
            }
            run.last = self.paths.child_after(run.last, parent, known_as);
            return Ok(run.last);
        }
        let path = self.paths.child_after(run.last, parent, name);
        run.last = path;
        while let Some((attribute, value)) = run.attribute()? {
            if attribute.starts_with(b"xmlns") {
                continue;
            }
            let attributes = self.paths.child_after(run.last, path, b"#attributes");
            run.last = self.paths.child_after(attributes, attributes, attribute);
            self.leaf(run, run.last, value);
        }
        Ok(path)
    }

    fn end_tag(&mut self, run: &mut Run<'_, '_>) -> Result<(), Malformed> {
        let start = run.at;
        let (name, after) = name_at(run.text, start + 2);
        let after = skip_space(run.text, after);
        let matches = run.stack.last().is_some_and(|frame| frame.name == name);
        if !matches || run.text.get(after) != Some(&b'>') {
            return Err(run.malformed("an end tag that does not match"));
        }
        self.close(run, start);
        run.at = after + 1;
        Ok(())
    }

    /// Leaves the innermost element, whose contents end at `end`: without elements inside it is a value.
    fn close(&mut self, run: &mut Run<'_, '_>, end: usize) {
        let Some(frame) = run.stack.pop() else { return };
        let depth = run.stack.len();
        if frame.has_children || depth < 2 {
            return;
        }
        let text = run.text.get(frame.inside..end).unwrap_or(&[]);
        // Indentation put in by a printer is no text.
        let blank = text.trim_ascii().is_empty() && memchr(b'\n', text).is_some();
        let text = if blank { &[] } else { text };
        let in_system = run.stack.get(1).is_some_and(|f| f.name == b"System");
        if text.is_empty() && in_system {
            return;
        }
        self.leaf(run, frame.path, text);
    }

    fn leaf<'a>(&mut self, run: &mut Run<'a, '_>, path: PathId, text: &'a [u8]) {
        if run.leaves.len() >= MAX_LEAVES {
            self.left_out += 1;
            return;
        }
        let whole = text.trim_ascii().strip_prefix(b"<![CDATA[").and_then(|t| t.strip_suffix(b"]]>"));
        let slot = match whole {
            Some(plain) => Slot { kind: Kind::UTF8, data: plain },
            None => Slot { kind: kind_of(text), data: text },
        };
        run.leaves.push(Leaf { path, slot });
    }
}

impl<'a> Run<'a, '_> {
    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }

    /// Goes to the next `<`.
    fn next_markup(&mut self) -> Result<(), Malformed> {
        match self.text.get(self.at..).and_then(|rest| memchr(b'<', rest)) {
            Some(n) => self.at += n,
            None => return Err(self.malformed("the event ends in the middle")),
        }
        Ok(())
    }

    /// The next attribute of the tag: name and value as written; none where the tag ends.
    fn attribute(&mut self) -> Result<Option<Attribute<'a>>, Malformed> {
        self.at = skip_space(self.text, self.at);
        if let Some(b'>' | b'/') = self.text.get(self.at) {
            return Ok(None);
        }
        let (name, after) = name_at(self.text, self.at);
        let equals = skip_space(self.text, after);
        let open = skip_space(self.text, equals + 1);
        let quote = self.text.get(open).copied().filter(|q| matches!(q, b'"' | b'\''));
        let Some(quote) = quote.filter(|_| !name.is_empty() && self.text.get(equals) == Some(&b'=')) else {
            return Err(self.malformed("a malformed attribute"));
        };
        let value = self.text.get(open + 1..).unwrap_or(&[]);
        let end = memchr(quote, value).ok_or(self.malformed("an attribute does not end"))?;
        let value = value.get(..end).unwrap_or(&[]);
        if memchr(b'<', value).is_some() {
            return Err(self.malformed("an attribute does not end"));
        }
        self.at = open + 1 + end + 1;
        Ok(Some((name, value)))
    }
}

/// The name that begins at `at`, and the offset behind it.
fn name_at(text: &[u8], at: usize) -> (&[u8], usize) {
    let rest = text.get(at..).unwrap_or(&[]);
    let ends = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>' | b'=' | b'<' | b'"' | b'\'');
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    (rest.get(..length).unwrap_or(&[]), at + length)
}

fn skip_space(text: &[u8], at: usize) -> usize {
    crate::json::scan::skip_space(text, at)
}

/// Length of the comment, CDATA section or processing instruction that `text` begins with.
fn skip_special(text: &[u8]) -> Option<usize> {
    let end: &[u8] = if text.starts_with(b"<!--") {
        b"-->"
    } else if text.starts_with(b"<![CDATA[") {
        b"]]>"
    } else if text.starts_with(b"<?") {
        b"?>"
    } else {
        b">"
    };
    memmem::find(text, end).map(|n| n + end.len())
}
