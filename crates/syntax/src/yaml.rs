//! A small spanned YAML tree, bounded in depth and size, built from the events of `saphyr-parser`.
//!
//! Documents in plain block style, nearly all there are, take a shorter way (`plain`) to the same tree.
//!
//! A stream is cut at its `---` lines first, so that a document which is not YAML costs only itself. Aliases are
//! copied in under the same node budget, merge keys (`<<`) are resolved, duplicate keys are reported and the
//! last one counts, as in the YAML libraries that rule authors test with.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::{Diagnostic, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

mod plain;

/// Deepest nesting of a document.
const MAX_DEPTH: usize = 48;
/// Most nodes of a document, aliases counted each time.
const MAX_NODES: usize = 200_000;

/// A node with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// What it is.
    pub value: Yaml<'a>,
    /// Where it stands.
    pub span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml<'a> {
    /// Text, and whether it stood unquoted (only then can it be a number, a truth or null).
    Scalar(Cow<'a, str>, bool),
    /// Items.
    Seq(Vec<Node<'a>>),
    /// Keys and values, in order of writing.
    Map(Vec<(Node<'a>, Node<'a>)>),
}

/// The YAML 1.2 core type of a scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Core {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str,
}

impl<'a> Node<'a> {
    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Scalar(t, _) if self.core() != Core::Null => Some(t),
            _ => None,
        }
    }
    /// The core type of a scalar; of other nodes, `Str`.
    pub fn core(&self) -> Core {
        match &self.value {
            Yaml::Scalar(t, true) => core(t),
            _ => Core::Str,
        }
    }
    /// Null, or not there.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Yaml::Scalar(..)) && self.core() == Core::Null
    }
    /// The entries of a map, nothing of other nodes.
    pub fn entries(&self) -> &[(Node<'a>, Node<'a>)] {
        match &self.value {
            Yaml::Map(m) => m,
            _ => &[],
        }
    }
    /// The items of a sequence; a scalar or map answers itself, null nothing.
    pub fn items(&self) -> &[Node<'a>] {
        match &self.value {
            Yaml::Seq(v) => v,
            _ if self.is_null() => &[],
            _ => std::slice::from_ref(self),
        }
    }
    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries().iter().find(|(k, _)| k.is_key(key)).map(|(_, v)| v)
    }
    /// The text under a key of a map.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }
    /// The texts under a key of a map, one or several.
    pub fn texts_of(&self, key: &str) -> Vec<&str> {
        self.get(key).map_or(&[] as &[Node], Node::items).iter().filter_map(Node::text).collect()
    }
    /// Whether this is a map.
    pub fn is_map(&self) -> bool {
        matches!(self.value, Yaml::Map(_))
    }
    fn is_key(&self, key: &str) -> bool {
        matches!(&self.value, Yaml::Scalar(t, _) if t == key)
    }
    /// Merges another map into this one: maps under the same key deeply, all else replaces.
    pub fn merge(&mut self, other: &Node<'a>) {
        let Yaml::Map(into) = &mut self.value else { return };
        for (key, value) in other.entries() {
            let there = into.iter_mut().find(|(k, _)| k.value == key.value);
            match there {
                Some((_, old)) if old.is_map() && value.is_map() => old.merge(value),
                Some((_, old)) => *old = value.clone(),
                None => into.push((key.clone(), value.clone())),
            }
        }
    }
    /// Takes a key out of a map.
    pub fn remove(&mut self, key: &str) {
        if let Yaml::Map(entries) = &mut self.value {
            entries.retain(|(k, _)| !k.is_key(key));
        }
    }
}

fn core(text: &str) -> Core {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Core::Null,
        "true" | "True" | "TRUE" => return Core::Bool(true),
        "false" | "False" | "FALSE" => return Core::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Core::Str;
    }
    let int = if let Some(hex) = text.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(octal) = text.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else {
        text.parse()
    };
    if let Ok(n) = int {
        return Core::Int(n);
    }
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text.parse() {
        Ok(n) if decimal && f64::is_finite(n) => Core::Float(n),
        _ => Core::Str,
    }
}

/// One document of a stream.
#[derive(Debug)]
pub struct Document<'a> {
    /// What could be read; none where it is not YAML or empty.
    pub root: Option<Node<'a>>,
    /// Its text in the file, separators left out.
    pub span: Span,
    /// What there is to say of it as YAML.
    pub diagnostics: Vec<Diagnostic>,
}

impl Document<'_> {
    /// Neither content nor anything to say.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty() && self.root.as_ref().is_none_or(Node::is_null)
    }
}

/// Reads the documents within `region` of a text.
pub fn documents(text: &str, region: Span) -> Vec<Document<'_>> {
    split(text, region).into_iter().map(|span| document(text, span)).filter(|d| !d.is_empty()).collect()
}

/// Cuts a stream at lines that are document markers.
fn split(text: &str, region: Span) -> Vec<Span> {
    let end = region.end.min(text.len());
    let Some(body) = text.get(region.start..end) else { return Vec::new() };
    let (mut spans, mut start, mut at) = (Vec::new(), region.start, region.start);
    if body.starts_with('\u{feff}') {
        start += '\u{feff}'.len_utf8();
    }
    // Most streams are one document.
    let lines = if may_be_several(body) { body } else { "" };
    at += body.len() - lines.len();
    for line in lines.split_inclusive('\n') {
        let bare = line.trim_start_matches('\u{feff}');
        let marker = bare.starts_with("---") || bare.starts_with("...");
        if marker && bare[3..].starts_with([' ', '\t', '\r', '\n']) || bare == "---" || bare == "..." {
            spans.push(Span::new(start, at.max(start)));
            let rest = bare[3..].trim();
            let skipped = if rest.is_empty() || rest.starts_with('#') { line.len() } else { 0 };
            start = at + skipped;
        }
        at += line.len();
    }
    spans.push(Span::new(start, end.max(start)));
    spans.retain(|s| {
        text[s.start..s.end].lines().any(|l| !matches!(l.trim().bytes().next(), None | Some(b'#' | b'%')))
    });
    spans
}

/// Whether a line may be a document marker.
fn may_be_several(body: &str) -> bool {
    let marks =
        |rest: &[u8]| rest.starts_with(b"---") || rest.starts_with(b"...") || rest.starts_with(&[0xef]);
    let bytes = body.as_bytes();
    // Without a way out in the middle the loop becomes one over many bytes at a time, and most texts have no line
    // that begins so.
    let next = bytes.get(1..).unwrap_or_default();
    let begins = |b: u8| (b == b'-') | (b == b'.') | (b == 0xef);
    if !bytes.iter().zip(next).fold(false, |any, (&end, &b)| any | ((end == b'\n') & begins(b))) {
        return marks(bytes);
    }
    marks(bytes) || memchr::memchr_iter(b'\n', bytes).any(|at| marks(bytes.get(at + 1..).unwrap_or_default()))
}

fn document(text: &str, span: Span) -> Document<'_> {
    match plain::read(&text[span.start..span.end], span.start) {
        Some(root) => Document { root: Some(root), span, diagnostics: Vec::new() },
        None => general(text, span),
    }
}

/// Reads any document.
fn general(text: &str, span: Span) -> Document<'_> {
    let part = &text[span.start..span.end];
    let mut build = Builder::new(part, span.start);
    let mut parser = Parser::new_from_str(part);
    while let Some(event) = parser.next_event() {
        let done = match event {
            Ok((event, at)) => build.event(event, at),
            Err(e) => {
                let at = build.place.offset(e.marker());
                Err(build.error("yaml", format!("not YAML: {}", e.info()), build.place.char_at(at)))
            }
        };
        if let Err(d) = done {
            build.diagnostics.push(*d);
            build.root = None;
            break;
        }
    }
    Document { root: build.root, span, diagnostics: build.diagnostics }
}

/// From line and column to bytes.
struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
    base: usize,
    ascii: bool,
}

impl<'a> Places<'a> {
    fn new(text: &'a str, base: usize) -> Places<'a> {
        let bytes = text.as_bytes();
        let ends_line = |i: usize| bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n');
        let mut lines = vec![0];
        lines.extend((0..bytes.len()).filter(|&i| ends_line(i)).map(|i| i + 1));
        Places { text, lines, base, ascii: text.is_ascii() }
    }
    fn offset(&self, m: &Marker) -> usize {
        let start = self.lines.get(m.line().saturating_sub(1)).copied().unwrap_or(self.text.len());
        let within = if self.ascii {
            m.col()
        } else {
            self.text[start..].chars().take(m.col()).map(char::len_utf8).sum()
        };
        self.base + (start + within).min(self.text.len())
    }
    /// The character at an offset; nothing at the end.
    fn char_at(&self, at: usize) -> Span {
        let rest = self.text.get(at - self.base..).unwrap_or("");
        Span::new(at, at + rest.chars().next().map_or(0, char::len_utf8))
    }
    /// Whether a bracket opens here.
    fn is_flow(&self, at: usize) -> bool {
        matches!(self.text.as_bytes().get(at - self.base), Some(b'[' | b'{'))
    }
    /// The span without white space at its end.
    fn span(&self, at: saphyr_parser::Span) -> Span {
        let (start, end) = (self.offset(&at.start), self.offset(&at.end));
        let text = self.text.get(start - self.base..end.max(start) - self.base).unwrap_or("");
        Span::new(start, start + text.trim_end().len())
    }
}

enum Frame<'a> {
    Seq { items: Vec<Node<'a>>, anchor: usize, start: usize },
    Map { entries: Vec<(Node<'a>, Node<'a>)>, key: Option<Node<'a>>, anchor: usize, start: usize },
}

struct Builder<'a> {
    place: Places<'a>,
    stack: Vec<Frame<'a>>,
    anchors: HashMap<usize, (Node<'a>, usize)>,
    root: Option<Node<'a>>,
    nodes: usize,
    diagnostics: Vec<Diagnostic>,
}

type Entries<'a> = Vec<(Node<'a>, Node<'a>)>;
type Step = Result<(), Box<Diagnostic>>;

impl<'a> Builder<'a> {
    fn new(text: &'a str, base: usize) -> Builder<'a> {
        Builder {
            place: Places::new(text, base),
            stack: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            diagnostics: Vec::new(),
        }
    }

    fn error(&self, code: &'static str, message: String, span: Span) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(code, message, span))
    }

    fn event(&mut self, event: Event<'a>, at: saphyr_parser::Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none_or(|t| t.suffix != "str");
                let node = Node { value: Yaml::Scalar(text, plain), span: self.place.span(at) };
                self.add(node, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => {
                let start = self.place.offset(&at.start);
                self.open(Frame::Seq { items: Vec::new(), anchor, start }, start)
            }
            Event::MappingStart(anchor, _) => {
                let start = self.place.offset(&at.start);
                self.open(Frame::Map { entries: Vec::new(), key: None, anchor, start }, start)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(self.place.span(at).end),
            Event::Alias(id) => {
                let span = self.place.span(at);
                match self.anchors.get(&id) {
                    Some((node, size)) => {
                        self.room(*size, span)?;
                        let (node, size) = (node.clone(), *size);
                        self.add(node, 0, size)
                    }
                    None => Err(self.error("yaml", "alias to an anchor that is not complete".into(), span)),
                }
            }
            _ => Ok(()),
        }
    }

    fn room(&self, size: usize, span: Span) -> Step {
        if self.nodes + size > MAX_NODES {
            return Err(self.error(
                "yaml-size",
                format!("more than {MAX_NODES} nodes in one document"),
                span,
            ));
        }
        Ok(())
    }

    fn open(&mut self, frame: Frame<'a>, start: usize) -> Step {
        if self.stack.len() >= MAX_DEPTH {
            let span = self.place.char_at(start);
            return Err(self.error("yaml-depth", format!("nested more than {MAX_DEPTH} deep"), span));
        }
        self.stack.push(frame);
        Ok(())
    }

    /// `closed`: where the closing bracket ends, in the flow style.
    fn close(&mut self, closed: usize) -> Step {
        let (node, anchor) = match self.stack.pop() {
            Some(Frame::Seq { items, anchor, start }) => {
                let end = items.last().map_or(start, |n| n.span.end);
                let end = if self.place.is_flow(start) { end.max(closed) } else { end };
                (Node { value: Yaml::Seq(items), span: Span::new(start, end) }, anchor)
            }
            Some(Frame::Map { entries, anchor, start, .. }) => {
                let end = entries.last().map_or(start, |(k, v)| v.span.end.max(k.span.end));
                let end = if self.place.is_flow(start) { end.max(closed) } else { end };
                let entries = self.clean(entries)?;
                (Node { value: Yaml::Map(entries), span: Span::new(start, end) }, anchor)
            }
            None => return Ok(()),
        };
        self.add(node, anchor, 1)
    }

    fn add(&mut self, node: Node<'a>, anchor: usize, size: usize) -> Step {
        self.room(size, node.span)?;
        self.nodes += size;
        if anchor > 0 {
            let size = size_of(&node);
            self.room(size, node.span)?;
            self.nodes += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Seq { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(k) => entries.push((k, node)),
            },
        }
        Ok(())
    }

    /// Resolves merge keys and duplicate keys.
    fn clean(&mut self, entries: Entries<'a>) -> Result<Entries<'a>, Box<Diagnostic>> {
        let mut seen: HashSet<&str> = HashSet::with_capacity(entries.len());
        let plain = entries.iter().all(|(k, _)| match &k.value {
            Yaml::Scalar(t, _) => t != "<<" && seen.insert(t),
            _ => false,
        });
        if plain {
            return Ok(entries);
        }
        let mut out: Entries = Vec::with_capacity(entries.len());
        let mut merged: Entries = Vec::new();
        let mut index: HashMap<String, usize> = HashMap::new();
        for (key, value) in entries {
            let Yaml::Scalar(name, _) = &key.value else {
                return Err(self.error("yaml-key", "a key must be text".into(), key.span));
            };
            if name == "<<" && !value.items().is_empty() && value.items().iter().all(Node::is_map) {
                merged.extend(value.items().iter().flat_map(|m| m.entries().iter().cloned()));
            } else if let Some(&at) = index.get(name.as_ref()) {
                let message = format!("key `{name}` is given twice: the last one counts");
                self.diagnostics.push(Diagnostic::warning("duplicate-key", message, key.span));
                out[at] = (key, value);
            } else {
                index.insert(name.to_string(), out.len());
                out.push((key, value));
            }
        }
        for (key, value) in merged {
            if let Yaml::Scalar(name, _) = &key.value
                && !index.contains_key(name.as_ref())
            {
                index.insert(name.to_string(), out.len());
                out.push((key, value));
            }
        }
        Ok(out)
    }
}

fn size_of(node: &Node) -> usize {
    1 + match &node.value {
        Yaml::Scalar(..) => 0,
        Yaml::Seq(v) => v.iter().map(size_of).sum(),
        Yaml::Map(m) => m.iter().map(|(k, v)| size_of(k) + size_of(v)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Document<'_>> {
        documents(text, Span::new(0, text.len()))
    }

    #[test]
    fn spans_are_bytes_of_the_file() {
        let text = "# é\na: é\nb: [x, 'y z']\n---\nc: 1\n";
        let docs = all(text);
        assert_eq!(docs.len(), 2);
        let root = docs[0].root.as_ref().unwrap();
        let slice = |n: &Node| text[n.span.start..n.span.end].to_owned();
        assert_eq!(slice(root.get("a").unwrap()), "é");
        assert_eq!(slice(&root.get("b").unwrap().items()[1]), "'y z'");
        assert_eq!(slice(docs[1].root.as_ref().unwrap().get("c").unwrap()), "1");
    }

    fn agrees(text: &str) -> bool {
        let read = plain::read(text, 7);
        if let Some(root) = &read {
            let padded = format!("#23456\n{text}");
            let whole = general(&padded, Span::new(7, padded.len()));
            assert!(whole.diagnostics.is_empty(), "{:?}: {text:?}", whole.diagnostics);
            if Some(root) != whole.root.as_ref() {
                let (short, long) = (format!("{root:#?}"), format!("{:#?}", whole.root.unwrap()));
                let first = short.lines().zip(long.lines()).position(|(a, b)| a != b).unwrap_or(0);
                let near = |t: &str| t.lines().skip(first.saturating_sub(8)).take(12).collect::<String>();
                panic!("{text:?}\n{}\n{}", near(&short), near(&long));
            }
        }
        read.is_some()
    }

    #[test]
    fn plain_documents_read_the_same_the_short_way() {
        for text in [
            "a: b\n",
            "a: b",
            "title: x y  # note\nlevel: 'it''s' # why\nn: \"q\"\n",
            "a:\n  - x\n  - 'y'\nb:\n- z\n- k: v\n  l: w\n",
            "a:\n    b:\n        c|contains: d\n    e: f:g\n",
            "a: one\n  two\n  three\nb: c\n",
            "a: |\n  one\n   two\n\n  three\n\nb: |-\n  x\n# c\nd: >\n  p\n  q\n",
            "a: |\n  one",
            "a: >\n  one\n  two\n\n\n",
            "s:\n  - |\n    text\n  - a\n    b\n",
            "é: ü\nb:\n  - ß\n",
            "a: \"\\\\x\\\" \\u0410\" # b\nc: \"\\\\\"\n",
        ] {
            assert!(agrees(text), "left to the general reader: {text:?}");
        }
        for text in [
            "a: [1]",
            "a: &x b",
            "a: *x",
            "a: !!str b",
            "a:\n",
            "a: \"\\n\"",
            "a: b: c",
            "a: b\n c: d",
            "- a",
            "a:\n\tb: c",
            "a: 'x\n  y'",
            "a: 1\na: 2",
            "<<: a",
            "? a\n: b",
            "a: >\n  x\n   y\n",
            "a: x\n\n  y\n",
            "a: x\n # c\n  y\n",
            "a: %x",
            "a: @x",
            "%YAML 1.2\na: b",
            "a: |2\n   x\n",
            "a: |+\n  x\n\n",
            "a: 'b' c",
            "a:\n  b\n",
            "a\n",
            "a:\n  - - b\n",
            "a: x\n  - y\n",
            "a:\n  - x\n b: c\n",
            "a:\n  - x\n   - y\n",
        ] {
            agrees(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_agrees(lines in proptest::collection::vec("(  ){0,3}(- )?([ab]{1,2}(\\|c)?:( |))?('[a#: ]{0,3}'|\"[a#:]{0,3}\"|\"(a|\\\\[\\\\\"u0nD8F]| ){0,4}(\\\\u00e[1-9a-f])?\"|[ab#:*&?|>\\[{-]{0,3}( [ab#:-]{1,2}){0,2}|[|>]-?)( #c)? ?", 1..9)) {
            agrees(&lines.join("\n"));
            agrees(&(lines.join("\n") + "\n"));
        }
    }

    #[test]
    fn the_short_way_agrees_on_all_rules() {
        let Some(root) = corpora() else { return };
        let (mut files, mut plain, mut folders) = (0, 0, vec![root]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml")
                    && let Ok(text) = std::fs::read_to_string(&path)
                {
                    for span in split(&text, Span::new(0, text.len())) {
                        files += 1;
                        plain += usize::from(agrees(&text[span.start..span.end]));
                    }
                }
            }
        }
        println!("{plain} of {files} documents are plain");
    }

    fn corpora() -> Option<std::path::PathBuf> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/corpora");
        let root = std::env::var_os("SHIKRA_CORPORA").unwrap_or_else(|| beside.into());
        let rules = std::path::PathBuf::from(root).join("rules");
        if !rules.is_dir() {
            println!("skipped: no corpora");
        }
        rules.is_dir().then_some(rules)
    }

    #[test]
    fn core_types_of_plain_scalars_only() {
        for (text, want) in [
            ("null", Core::Null),
            ("~", Core::Null),
            ("true", Core::Bool(true)),
            ("0x1F", Core::Int(31)),
            ("-7", Core::Int(-7)),
            ("1.5", Core::Float(1.5)),
            ("yes", Core::Str),
            ("2018/07/16", Core::Str),
            ("1.2.3", Core::Str),
            ("infinity", Core::Str),
        ] {
            assert_eq!(core(text), want, "{text}");
        }
        let quoted = all("a: '7'\nb: !!str 7\nc:\n");
        let root = quoted[0].root.as_ref().unwrap();
        assert_eq!(root.get("a").unwrap().core(), Core::Str);
        assert_eq!(root.get("b").unwrap().core(), Core::Str);
        assert!(root.get("c").unwrap().is_null());
    }

    #[test]
    fn a_broken_document_costs_only_itself() {
        let docs = all("a: 1\n---\nb: [1\nc: }\n---\nd: 2\n");
        assert_eq!(docs.len(), 3);
        assert!(docs[1].root.is_none());
        assert_eq!(docs[1].diagnostics[0].code, "yaml");
        assert_eq!(docs[2].root.as_ref().unwrap().text_of("d"), Some("2"));
    }

    #[test]
    fn merge_keys_and_duplicates() {
        let docs = all("base: &b {x: 1, y: 2}\nsel:\n  <<: *b\n  y: 3\n  y: 4\n");
        let root = docs[0].root.as_ref().unwrap();
        let sel = root.get("sel").unwrap();
        assert_eq!(sel.text_of("x"), Some("1"));
        assert_eq!(sel.text_of("y"), Some("4"));
        assert_eq!(docs[0].diagnostics[0].code, "duplicate-key");
    }

    #[test]
    fn bombs_are_bounded() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
            text += &format!("a{i}: &a{i} [{aliases}]\n");
        }
        assert_eq!(all(&text)[0].diagnostics[0].code, "yaml-size");
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(all(&deep)[0].diagnostics[0].code, "yaml-depth");
        let block: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert_eq!(all(&block)[0].diagnostics[0].code, "yaml-depth");
    }
}
