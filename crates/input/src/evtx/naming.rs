//! What the fields of a Windows event are called, whatever form the event comes in.
//!
//! `System`: elements under their name, attributes as `Element_Attribute`; an element without text is no field.
//! `EventData`: `<Data Name="X">` is `X`, `<Data>` is `Data`, other elements go under their own name.
//! `UserData` and all other sections: leaf elements under their local name, attributes as `Element_Attribute`.
//! Namespace declarations are no fields.

/// Where in the document an element stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// At the top: the root element comes here.
    Document,
    /// Directly under the root.
    Event,
    /// Directly under `System`.
    System,
    /// Deeper in `System`.
    InSystem,
    /// Directly under `EventData`.
    EventData,
    /// Anywhere else.
    Other,
}

impl Place {
    /// Where the children of an element called `name` (UTF-16) stand, itself standing here.
    pub fn inside(self, name: &[u8]) -> Place {
        match self {
            Place::Document if is(name, "Event") => Place::Event,
            Place::Event if is(name, "System") => Place::System,
            Place::Event if is(name, "EventData") => Place::EventData,
            Place::System | Place::InSystem => Place::InSystem,
            _ => Place::Other,
        }
    }

    /// An element here only holds others: empty, it is no field.
    pub fn is_section(self) -> bool {
        matches!(self, Place::Document | Place::Event)
    }

    /// A field from here is part of `System`.
    pub fn is_system(self) -> bool {
        matches!(self, Place::System | Place::InSystem)
    }

    /// Empty elements here are absent rather than empty.
    pub fn drops_empty(self) -> bool {
        self.is_section() || self.is_system()
    }
}

/// Whether UTF-16 bytes are this ASCII text.
pub(super) fn is(name: &[u8], text: &str) -> bool {
    name.len() == 2 * text.len()
        && name.as_chunks::<2>().0.iter().zip(text.bytes()).all(|(u, b)| *u == [b, 0])
}

/// The name (UTF-16) without its namespace prefix.
pub(super) fn local(name: &[u8]) -> &[u8] {
    let colon = name.as_chunks::<2>().0.iter().rposition(|unit| *unit == [b':', 0]);
    colon.and_then(|at| name.get(2 * at + 2..)).unwrap_or(name)
}

/// The attribute declares a namespace.
pub(super) fn is_xmlns(name: &[u8]) -> bool {
    is(name.get(..10).unwrap_or(name), "xmlns") && matches!(name.get(10..12), None | Some([b':', 0]))
}

/// `<Data>` under `EventData`, whose `Name` names the field.
pub(super) fn is_data(place: Place, element: &[u8]) -> bool {
    place == Place::EventData && is(element, "Data")
}
