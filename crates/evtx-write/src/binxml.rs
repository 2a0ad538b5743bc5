//! Template definitions and instances as BinXML tokens.

use crate::chunk::Chunk;
use crate::record::{Record, Section, Value};

/// `dependency` of an element that is always there.
const ALWAYS: u16 = 0xffff;
const EVENT_NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";
const BINXML: u8 = 0x21;

/// What stands in an element or attribute of a template.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Content {
    Text(String),
    /// The substitution's number and type; an optional one leaves out what depends on it.
    Hole {
        index: u16,
        kind: u8,
        optional: bool,
    },
}

/// An element of a template.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Element {
    name: String,
    attributes: Vec<(String, Content)>,
    content: Option<Content>,
    children: Vec<Element>,
}

impl Element {
    fn new(name: &str) -> Element {
        Element { name: name.to_owned(), ..Element::default() }
    }

    fn attribute(mut self, name: &str, content: Content) -> Element {
        self.attributes.push((name.to_owned(), content));
        self
    }

    fn content(mut self, content: Content) -> Element {
        self.content = Some(content);
        self
    }

    fn child(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// Only there where the substitution that fills it is.
    fn dependency(&self) -> u16 {
        match self.content {
            Some(Content::Hole { index, optional: true, .. }) => index,
            _ => ALWAYS,
        }
    }
}

/// A template with what fills it.
pub(crate) struct Instance {
    pub template: Element,
    pub values: Vec<(u8, Vec<u8>)>,
    /// Comes as the last value.
    pub inner: Option<Box<Instance>>,
}

/// Numbers substitutions as they come.
#[derive(Default)]
struct Holes(Vec<(u8, Vec<u8>)>);

impl Holes {
    fn fill(&mut self, value: &Value, kind_if_null: u8, optional: bool) -> Content {
        let (kind, bytes) = value.encode();
        let index = self.0.len() as u16;
        self.0.push((kind, bytes));
        // The definition names the type that the value has when it is there.
        Content::Hole { index, kind: if kind == 0 { kind_if_null } else { kind }, optional }
    }
}

/// The event as Windows builds it: one template for `System`, one for the data within.
pub(crate) fn event(record: &Record, id: u64) -> Instance {
    let mut holes = Holes::default();
    let mut hole = |value: Value, kind: u8| holes.fill(&value, kind, true);
    let guid = |guid: &Option<_>| guid.map_or(Value::Null, Value::Guid);
    let leaf = |name: &str, content| Element::new(name).content(content);
    let system = Element::new("System")
        .child(
            Element::new("Provider")
                .attribute("Name", hole(Value::Text(record.provider.clone()), 0x01))
                .attribute("Guid", hole(guid(&record.provider_guid), 0x0f)),
        )
        .child(
            leaf("EventID", hole(Value::U16(record.event_id), 0x06))
                .attribute("Qualifiers", hole(record.qualifiers.map_or(Value::Null, Value::U16), 0x06)),
        )
        .child(leaf("Version", hole(Value::U8(record.version), 0x04)))
        .child(leaf("Level", hole(Value::U8(record.level), 0x04)))
        .child(leaf("Task", hole(Value::U16(record.task), 0x06)))
        .child(leaf("Opcode", hole(Value::U8(record.opcode), 0x04)))
        .child(leaf("Keywords", hole(Value::Hex64(record.keywords), 0x15)))
        .child(Element::new("TimeCreated").attribute("SystemTime", hole(Value::FileTime(record.time), 0x11)))
        .child(leaf("EventRecordID", hole(Value::U64(id), 0x0a)))
        .child(Element::new("Correlation").attribute("ActivityID", hole(guid(&record.activity), 0x0f)))
        .child(
            Element::new("Execution")
                .attribute("ProcessID", hole(Value::U32(record.process_id), 0x08))
                .attribute("ThreadID", hole(Value::U32(record.thread_id), 0x08)),
        )
        .child(leaf("Channel", hole(Value::Text(record.channel.clone()), 0x01)))
        .child(leaf("Computer", hole(Value::Text(record.computer.clone()), 0x01)))
        .child(
            Element::new("Security")
                .attribute("UserID", hole(record.user.clone().map_or(Value::Null, Value::Sid), 0x13)),
        );
    let index = holes.0.len() as u16;
    let template = Element::new("Event")
        .attribute("xmlns", Content::Text(EVENT_NAMESPACE.to_owned()))
        .child(system)
        .content(Content::Hole { index, kind: BINXML, optional: true });
    Instance { template, values: holes.0, inner: Some(Box::new(data(record))) }
}

fn data(record: &Record) -> Instance {
    let mut holes = Holes::default();
    let fields = record.data.iter().map(|(name, value)| {
        let content = holes.fill(value, 0x01, false);
        match (&record.section, name.as_str()) {
            (Section::EventData, "") => Element::new("Data").content(content),
            (Section::EventData, name) => {
                Element::new("Data").attribute("Name", Content::Text(name.to_owned())).content(content)
            }
            (Section::UserData(_), name) => Element::new(name).content(content),
        }
    });
    let children = fields.collect();
    let template = match &record.section {
        Section::EventData => Element { children, ..Element::new("EventData") },
        Section::UserData(name) => Element::new("UserData").child(Element { children, ..Element::new(name) }),
    };
    Instance { template, values: holes.0, inner: None }
}

/// Writes a fragment: header, instance, end.
pub(crate) fn fragment(chunk: &mut Chunk, instance: &Instance) {
    chunk.put(&[0x0f, 1, 1, 0, 0x0c, 1]);
    chunk.template(&instance.template);
    let inner = usize::from(instance.inner.is_some());
    chunk.put(&((instance.values.len() + inner) as u32).to_le_bytes());
    for (kind, bytes) in &instance.values {
        chunk.put(&(bytes.len() as u16).to_le_bytes());
        chunk.put(&[*kind, 0]);
    }
    let size_at = chunk.len();
    if inner > 0 {
        chunk.put(&[0, 0, BINXML, 0]);
    }
    for (_, bytes) in &instance.values {
        chunk.put(bytes);
    }
    if let Some(inner) = &instance.inner {
        let from = chunk.len();
        fragment(chunk, inner);
        let size = (chunk.len() - from) as u16;
        chunk.patch(size_at, &size.to_le_bytes());
    }
    chunk.put(&[0]);
}

/// Writes the tokens of a definition.
pub(crate) fn definition(chunk: &mut Chunk, root: &Element) {
    chunk.put(&[0x0f, 1, 1, 0]);
    element(chunk, root);
    chunk.put(&[0]);
}

fn element(chunk: &mut Chunk, element: &Element) {
    let has_attributes = !element.attributes.is_empty();
    chunk.put(&[if has_attributes { 0x41 } else { 0x01 }]);
    chunk.put(&element.dependency().to_le_bytes());
    let size = chunk.hold_size();
    chunk.name(&element.name);
    if has_attributes {
        attributes(chunk, &element.attributes);
    }
    if element.children.is_empty() && element.content.is_none() {
        chunk.put(&[0x03]);
    } else {
        chunk.put(&[0x02]);
        element.children.iter().for_each(|child| self::element(chunk, child));
        element.content.iter().for_each(|c| content(chunk, c));
        chunk.put(&[0x04]);
    }
    chunk.set_size(size);
}

fn attributes(chunk: &mut Chunk, attributes: &[(String, Content)]) {
    let size = chunk.hold_size();
    for (i, (name, value)) in attributes.iter().enumerate() {
        let more = i + 1 < attributes.len();
        chunk.put(&[if more { 0x46 } else { 0x06 }]);
        chunk.name(name);
        content(chunk, value);
    }
    chunk.set_size(size);
}

fn content(chunk: &mut Chunk, content: &Content) {
    match content {
        Content::Text(text) => {
            chunk.put(&[0x05, 0x01]);
            chunk.put(&(text.encode_utf16().count() as u16).to_le_bytes());
            text.encode_utf16().for_each(|unit| chunk.put(&unit.to_le_bytes()));
        }
        Content::Hole { index, kind, optional } => {
            chunk.put(&[if *optional { 0x0e } else { 0x0d }]);
            chunk.put(&index.to_le_bytes());
            chunk.put(&[*kind]);
        }
    }
}
