//! The plain part of YAML, read directly: block maps and sequences of scalars as nearly all rules are written.
//!
//! Whatever is not plain (flow style, anchors, tags, escapes, tabs, empty values, anything that might be an
//! error) is left to the general reader: [`read`] answers nothing then. Where it answers, tree and spans are
//! those of the general reader; tests hold it to that. It takes a tenth of the time, and with thousands of rules
//! that is what loading consists of.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::{memchr, memchr_iter, memchr2};

use super::{Node, Yaml};
use crate::Span;

/// Longer texts are left to the general reader, which counts nodes: no node takes less than two bytes.
const LONGEST: usize = 384 << 10;
/// Deeper ones as well.
const DEEPEST: usize = 16;
/// Items and entries for which room is kept from one document to the next.
const MOST_ROOM: usize = 256;
/// Longest key; longer ones are none in YAML.
const LONGEST_KEY: usize = 1000;

/// The one document in `text`, where it is plain; `base` is added to its spans.
pub(super) fn read(text: &str, base: usize) -> Option<Node<'_>> {
    if text.len() > LONGEST || has_odd(text) {
        return None;
    }
    let (items, entries) = ROOMS.take();
    let mut reader = Reader { text, base, at: 0, line: None, items, entries };
    let root = reader.document();
    ROOMS.set((emptied(reader.items), emptied(reader.entries)));
    root
}

thread_local! {
    /// Room of readers, used again: with thousands of texts, to make it anew for each takes a twentieth of the time.
    static ROOMS: Cell<Rooms> = const { Cell::new((Vec::new(), Vec::new())) };
}

type Rooms = (Vec<Node<'static>>, Vec<(Node<'static>, Node<'static>)>);

/// The room of a list without what is in it; nothing of a large one.
fn emptied<T, U>(mut list: Vec<T>) -> Vec<U> {
    list.clear();
    if list.capacity() > MOST_ROOM {
        return Vec::new();
    }
    // In place, since both are of one size.
    list.into_iter().filter_map(|_| None).collect()
}

/// A line with content, or what is left of it.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Column of the content.
    indent: usize,
    /// Where the content begins.
    start: usize,
    /// The content without spaces at its end.
    body: &'a str,
}

struct Reader<'a> {
    text: &'a str,
    base: usize,
    /// Where the line after `line` begins.
    at: usize,
    line: Option<Line<'a>>,
    /// Items of the sequences and entries of the maps that are being read, the outermost first: each list is made
    /// when its length is known.
    items: Vec<Node<'a>>,
    entries: Vec<(Node<'a>, Node<'a>)>,
}

impl<'a> Reader<'a> {
    /// The whole text.
    fn document(&mut self) -> Option<Node<'a>> {
        self.advance();
        let first = self.line?;
        if first.body.starts_with('%') || first.indent != 0 {
            return None;
        }
        let root = self.map(0, first.start, 0)?;
        self.line.is_none().then_some(root)
    }

    /// The line at `at`, without its end, and where the next one begins.
    fn raw(&self, at: usize) -> Option<(&'a str, usize)> {
        let rest = self.text.get(at..).filter(|r| !r.is_empty())?;
        Some(match memchr(b'\n', rest.as_bytes()) {
            Some(n) => (rest.get(..n)?, at + n + 1),
            None => (rest, self.text.len()),
        })
    }

    /// On to the next line that is neither blank nor a comment.
    fn advance(&mut self) {
        self.line = None;
        while let Some((raw, next)) = self.raw(self.at) {
            let body = trim_start(raw);
            let indent = raw.len() - body.len();
            let start = self.at + indent;
            self.at = next;
            if !is_nothing(body) {
                self.line = Some(Line { indent, start, body: trim_end(body) });
                return;
            }
        }
    }

    /// A span without white space at its end.
    fn span(&self, start: usize, end: usize) -> Span {
        // Nearly always there is none.
        if end > start && self.text.as_bytes().get(end - 1).is_some_and(u8::is_ascii_graphic) {
            return Span::new(self.base + start, self.base + end);
        }
        let text = self.text.get(start..end).unwrap_or("");
        Span::new(self.base + start, self.base + start + text.trim_end().len())
    }

    /// A map whose keys stand in this column; the first one is next.
    fn map(&mut self, indent: usize, start: usize, depth: usize) -> Option<Node<'a>> {
        let from = self.entries.len();
        while let Some(line) = self.line.filter(|l| l.indent == indent) {
            if is_item(line.body) {
                break;
            }
            let (key, rest) = key(line.body)?;
            let known = |(k, _): &(Node<'a>, Node<'a>)| matches!(&k.value, Yaml::Scalar(t, _) if t == key);
            if key == "<<" || self.entries.get(from..)?.iter().any(known) {
                return None;
            }
            let span = self.span(line.start, line.start + key.len());
            let key = Node { value: Yaml::Scalar(Cow::Borrowed(key), true), span };
            let value = self.value(line.start + rest, indent, depth)?;
            self.entries.push((key, value));
        }
        let entries: Vec<_> = self.entries.drain(from..).collect();
        let last = entries.last()?.1.span.end;
        Some(Node { value: Yaml::Map(entries), span: Span::new(self.base + start, last) })
    }

    /// What stands behind a key that ends at `at`, or beneath it.
    fn value(&mut self, at: usize, indent: usize, depth: usize) -> Option<Node<'a>> {
        let line = self.line?;
        let rest = line.body.get(at - line.start..)?;
        let body = trim_start(rest);
        if !is_nothing(body) {
            return self.scalar(at + rest.len() - body.len(), body, indent);
        }
        if depth >= DEEPEST {
            return None;
        }
        self.advance();
        let next = self.line?;
        match (is_item(next.body), next.indent) {
            (true, column) if column > indent => self.sequence(column, Some(next.start), depth + 1),
            (true, column) if column == indent => self.sequence(column, None, depth + 1),
            (false, column) if column > indent => {
                // A scalar on a line of its own is left to the general reader.
                key(next.body)?;
                self.map(column, next.start, depth + 1)
            }
            _ => None,
        }
    }

    /// A sequence whose dashes stand in this column; the first one is next. Its span begins at `from`, or at its
    /// first item where it stands no further in than its key.
    fn sequence(&mut self, indent: usize, from: Option<usize>, depth: usize) -> Option<Node<'a>> {
        let began = self.items.len();
        while let Some(line) = self.line.filter(|l| l.indent == indent && is_item(l.body)) {
            let body = trim_start(line.body.get(1..)?);
            let skipped = line.body.len() - body.len();
            if is_nothing(body) || is_item(body) || depth >= DEEPEST {
                return None;
            }
            let (start, column) = (line.start + skipped, indent + skipped);
            let item = if key(body).is_some() {
                self.line = Some(Line { indent: column, start, body });
                self.map(column, start, depth + 1)?
            } else {
                self.scalar(start, body, indent)?
            };
            self.items.push(item);
        }
        let items: Vec<_> = self.items.drain(began..).collect();
        let first = items.first().map(|n: &Node<'_>| n.span.start)?;
        let last = items.last().map(|n| n.span.end)?;
        let start = from.map_or(first, |at| self.base + at);
        Some(Node { value: Yaml::Seq(items), span: Span::new(start, last) })
    }

    /// A scalar that begins at `start`, where `body` is what is left of the line, in a block of this indent; and
    /// on to the line behind it.
    fn scalar(&mut self, start: usize, body: &'a str, indent: usize) -> Option<Node<'a>> {
        match *body.as_bytes().first()? {
            quote @ b'\'' => self.quoted(start, body, quote),
            quote @ b'"' => self.quoted(start, body, quote),
            b'|' => self.block(body, indent, false),
            b'>' => self.block(body, indent, true),
            _ => self.bare(start, body, indent),
        }
    }

    fn quoted(&mut self, start: usize, body: &'a str, quote: u8) -> Option<Node<'a>> {
        let inside = body.get(1..)?;
        let escapes = quote == b'"' && memchr(b'\\', inside.as_bytes()).is_some();
        let (text, end) = if escapes { escaped(inside)? } else { unescaped(inside, quote)? };
        let rest = inside.get(end + 1..)?;
        if !(rest.is_empty() || rest.starts_with(' ') && trim_start(rest).starts_with('#')) {
            return None;
        }
        // The general reader takes a comment for a part of the place.
        let span = self.span(start, start + body.len());
        self.advance();
        Some(Node { value: Yaml::Scalar(text, false), span })
    }

    /// Unquoted text, which may go on in the lines beneath.
    fn bare(&mut self, start: usize, body: &'a str, indent: usize) -> Option<Node<'a>> {
        if !begins_bare(body) {
            return None;
        }
        // Most texts have neither, which is told at one glance.
        let first = match memchr2(b':', b'#', body.as_bytes()) {
            None => body,
            Some(_) => {
                let first = without_comment(body);
                is_simple(first)?;
                first
            }
        };
        let commented = first.len() < body.len();
        let mut end = start + first.len();
        let mut text = Cow::Borrowed(first);
        loop {
            let next = self.at;
            self.advance();
            let Some(line) = self.line.filter(|l| l.indent > indent) else { break };
            let follows_directly = line.start - line.indent == next;
            // Blank lines are line ends in the text, and comments end it.
            if commented || !follows_directly || without_comment(line.body).len() < line.body.len() {
                return None;
            }
            is_simple(line.body)?;
            let text = text.to_mut();
            text.push(' ');
            text.push_str(line.body);
            end = line.start + line.body.len();
        }
        Some(Node { value: Yaml::Scalar(text, true), span: self.span(start, end) })
    }

    /// Text in lines of their own, further in than the block it stands in.
    fn block(&mut self, head: &str, indent: usize, folded: bool) -> Option<Node<'a>> {
        let strip = match head.get(1..)? {
            "" => false,
            "-" => true,
            _ => return None,
        };
        let mut text = String::new();
        // The span is that of the lines.
        let (mut start, mut end) = (self.at, self.at);
        let (mut within, mut blank) = (None, 0);
        while let Some((raw, next)) = self.raw(self.at) {
            let body = trim_start(raw);
            let column = raw.len() - body.len();
            if body.is_empty() {
                // Spaces beyond the indent are text; so are blank lines at the beginning.
                if column > within? || next == self.at + raw.len() {
                    return None;
                }
                blank += 1;
                self.at = next;
                continue;
            }
            if column <= indent {
                break;
            }
            let within = *within.get_or_insert_with(|| {
                start = self.at + column;
                column
            });
            if column < within || folded && (column > within || blank > 0) {
                return None;
            }
            if !text.is_empty() {
                text.push(if folded { ' ' } else { '\n' });
            }
            text.extend(std::iter::repeat_n('\n', std::mem::take(&mut blank)));
            text.push_str(raw.get(within..)?);
            end = self.at + raw.len();
            self.at = next;
        }
        if text.is_empty() || folded && text.contains("  ") {
            return None;
        }
        if !strip {
            text.push('\n');
        }
        let node = Node { value: Yaml::Scalar(Cow::Owned(text), false), span: self.span(start, end) };
        self.advance();
        Some(node)
    }
}

/// Quoted text without escapes, up to its quote, and where that stands. In single quotes, two of them are one.
fn unescaped(inside: &str, quote: u8) -> Option<(Cow<'_, str>, usize)> {
    let bytes = inside.as_bytes();
    let (mut end, mut doubled) = (0, false);
    loop {
        end += memchr(quote, bytes.get(end..)?)?;
        if quote == b'"' || bytes.get(end + 1) != Some(&quote) {
            break;
        }
        doubled = true;
        end += 2;
    }
    let inner = inside.get(..end)?;
    Some((if doubled { Cow::Owned(inner.replace("''", "'")) } else { Cow::Borrowed(inner) }, end))
}

/// Text in double quotes with the escapes that are common, up to its quote, and where that stands.
fn escaped(inside: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    loop {
        let at = memchr2(b'"', b'\\', rest.as_bytes())?;
        text.push_str(rest.get(..at)?);
        let behind = rest.get(at..)?;
        let skipped = match behind.as_bytes() {
            [b'"', ..] => return Some((Cow::Owned(text), inside.len() - behind.len())),
            [_, c @ (b'"' | b'\\'), ..] => {
                text.push(char::from(*c));
                2
            }
            [_, b'u', digits @ ..] => {
                let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
                let known = digits.bytes().all(|b| b.is_ascii_hexdigit());
                text.push(char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| known)?)?);
                6
            }
            _ => return None,
        };
        rest = behind.get(skipped..)?;
    }
}

/// Whether there are control characters but line ends, or byte order marks.
fn has_odd(text: &str) -> bool {
    let odd = |b: u8| (b < 0x20) & (b != b'\n') | (b == 0x7f);
    // Without a way out in the middle the loop becomes one over many bytes at a time.
    let any = text.as_bytes().iter().fold(false, |any, &b| any | odd(b));
    let mark = '\u{feff}';
    let lead = mark.encode_utf8(&mut [0; 4]).as_bytes().first().copied().unwrap_or_default();
    any || (memchr(lead, text.as_bytes()).is_some() && text.contains(mark))
}

/// Without spaces at the beginning.
fn trim_start(text: &str) -> &str {
    let spaces = text.bytes().take_while(|b| *b == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

/// Without spaces at the end.
fn trim_end(text: &str) -> &str {
    let spaces = text.bytes().rev().take_while(|b| *b == b' ').count();
    text.get(..text.len() - spaces).unwrap_or_default()
}

/// Whether what is left of a line is nothing, or a comment.
fn is_nothing(body: &str) -> bool {
    matches!(body.as_bytes().first(), None | Some(b'#'))
}

/// Whether a dash begins the line.
fn is_item(body: &str) -> bool {
    matches!(body.as_bytes(), [b'-'] | [b'-', b' ', ..])
}

/// Whether unquoted text may begin so; what is rare is left out.
fn begins_bare(body: &str) -> bool {
    let first = body.as_bytes().first().copied().unwrap_or(b' ');
    first.is_ascii_alphanumeric() || first >= 0x80 || b"_./\\($+~<=^".contains(&first)
}

/// The text up to a comment.
fn without_comment(body: &str) -> &str {
    comment(body).and_then(|at| body.get(..at)).map_or(body, trim_end)
}

/// Where the space stands before the `#` of a comment.
fn comment(body: &str) -> Option<usize> {
    let before = |at: usize| at.checked_sub(1).filter(|&at| body.as_bytes().get(at) == Some(&b' '));
    memchr_iter(b'#', body.as_bytes()).find_map(before)
}

/// Where the first colon stands that could be that of a map.
fn colon(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr_iter(b':', bytes).find(|&at| matches!(bytes.get(at + 1), None | Some(b' ')))
}

/// Nothing in it can be taken for the colon of a map.
fn is_simple(text: &str) -> Option<()> {
    colon(text).is_none().then_some(())
}

/// The unquoted key that a line begins with, and where what belongs to it begins.
fn key(body: &str) -> Option<(&str, usize)> {
    if !begins_bare(body) {
        return None;
    }
    let colon = colon(body)?;
    let commented = |k: &str| k.as_bytes().contains(&b'#') && comment(k).is_some();
    let key = body.get(..colon).filter(|k| !k.ends_with(' ') && !commented(k))?;
    (key.len() <= LONGEST_KEY).then_some((key, colon + 1))
}
