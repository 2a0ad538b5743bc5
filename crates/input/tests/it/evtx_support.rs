//! What the EVTX tests share: running the decoder, and fields out of XML by the naming rule.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_event::{Event, Timestamp};
use shikra_input::{FORMATS, Format, Part, Sink, SourceInfo, Trouble};

/// Field name to values, in order.
pub type Fields = BTreeMap<String, Vec<String>>;

/// What a decoder tells, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Event { fields: Fields, record: u64, time: Option<Timestamp> },
    Trouble(Trouble),
}

#[derive(Default)]
pub struct Collect(pub Vec<Item>);

impl Sink for Collect {
    fn event(&mut self, event: &Event<'_>) {
        assert_eq!(event.slots.len(), event.shape.fields().len());
        let mut fields = Fields::new();
        for (name, slot) in event.shape.fields().iter().zip(event.slots) {
            for value in slot.elements() {
                let text = value.to_text().unwrap_or_default();
                fields.entry(name.to_string()).or_default().push(text);
            }
        }
        self.0.push(Item::Event { fields, record: event.record, time: event.time });
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.0.push(Item::Trouble(trouble));
    }
}

pub fn format() -> &'static Format {
    FORMATS.iter().find(|f| f.name == "evtx").unwrap()
}

pub fn part(data: Vec<u8>) -> Part {
    let source = Arc::new(SourceInfo { name: "test.evtx".into(), format: "evtx" });
    Part { source, format: format(), data, offset: 0, first_record: 0, context: None }
}

/// Splits and decodes a whole file; the items of each chunk stand under the chunk's offset.
pub fn read(mut file: impl Read) -> (Vec<Trouble>, BTreeMap<u64, Vec<Item>>) {
    let (mut split, mut decoder) = ((format().split)(), (format().decode)());
    let (mut troubles, mut chunks) = (Vec::new(), BTreeMap::new());
    let mut part = part(Vec::new());
    loop {
        part.data.clear();
        if !split.next(&mut file, &mut part, &mut |t| troubles.push(t)).unwrap() {
            return (troubles, chunks);
        }
        let (whole, start) = (std::mem::take(&mut part.data), part.offset);
        for (i, chunk) in whole.chunks(0x1_0000).enumerate() {
            part.data = chunk.to_vec();
            part.offset = start + i as u64 * 0x1_0000;
            let mut out = Collect::default();
            decoder.decode(&part, &mut out);
            chunks.insert(part.offset, out.0);
        }
    }
}

/// The EVTX files of the corpora, sorted; none, with a word about it, where they are not there.
pub fn corpus() -> Vec<PathBuf> {
    let root = std::env::var_os("SHIKRA_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora"), PathBuf::from);
    let mut files = Vec::new();
    let mut folders = vec![root.join("evtx/files")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    if files.is_empty() {
        println!("skipped: no corpora at {}", root.display());
    }
    files.sort();
    files
}

/// An XML element.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

/// Reads what an XML writer made: no DTD, no comments, no white-space normalisation.
pub fn parse_xml(text: &str) -> Element {
    let mut stack = vec![Element::default()];
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        stack.last_mut().unwrap().text += &unescape(&rest[..at]);
        let end = rest[at..].find('>').unwrap() + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            let done = stack.pop().unwrap();
            stack.last_mut().unwrap().children.push(done);
            continue;
        }
        let element = parse_tag(tag.trim_end_matches('/'));
        if tag.ends_with('/') {
            stack.last_mut().unwrap().children.push(element);
        } else {
            stack.push(element);
        }
    }
    stack.remove(0).children.remove(0)
}

fn parse_tag(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut element = Element { name: local(name).to_owned(), ..Element::default() };
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').unwrap();
        element.attributes.push((name.trim().to_owned(), unescape(value)));
        rest = after;
    }
    element
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap()
}

fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        out = out.replace(entity, c);
    }
    out
}

/// Fields of an event by the naming rule, written anew from its words.
pub fn flatten(event: &Element) -> Fields {
    let mut out = Fields::new();
    attributes(event, &mut out);
    for section in &event.children {
        match section.name.as_str() {
            "System" => section.children.iter().for_each(|e| leaf(e, true, &mut out)),
            "EventData" => {
                attributes(section, &mut out);
                if section.children.is_empty() && !section.text.is_empty() {
                    add(&mut out, "EventData", &section.text);
                }
                section.children.iter().for_each(|e| data(e, &mut out));
            }
            _ => leaf(section, false, &mut out),
        }
    }
    out
}

fn add(out: &mut Fields, name: &str, value: &str) {
    out.entry(name.to_owned()).or_default().push(value.to_owned());
}

fn attributes(element: &Element, out: &mut Fields) {
    for (name, value) in &element.attributes {
        if name != "xmlns" && !name.starts_with("xmlns:") {
            add(out, &format!("{}_{}", element.name, local(name)), value);
        }
    }
}

fn data(element: &Element, out: &mut Fields) {
    if element.name != "Data" {
        return leaf(element, false, out);
    }
    let name = element.attributes.iter().find(|(n, v)| n == "Name" && !v.is_empty());
    if element.children.is_empty() {
        add(out, name.map_or("Data", |(_, v)| v), &element.text);
    }
    element.children.iter().for_each(|e| leaf(e, false, out));
}

fn leaf(element: &Element, is_system: bool, out: &mut Fields) {
    attributes(element, out);
    let section = matches!(element.name.as_str(), "UserData" | "RenderingInfo" | "ProcessingErrorData");
    if element.children.is_empty() && !((is_system || section) && element.text.is_empty()) {
        add(out, &element.name, &element.text);
    }
    element.children.iter().for_each(|e| leaf(e, is_system, out));
}
