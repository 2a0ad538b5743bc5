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
    /// Where the children of an element called `name` stand, itself standing here.
    pub fn inside(self, name: &str) -> Place {
        match (self, name) {
            (Place::Document, "Event") => Place::Event,
            (Place::Event, "System") => Place::System,
            (Place::Event, "EventData") => Place::EventData,
            (Place::System | Place::InSystem, _) => Place::InSystem,
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

/// The name without its namespace prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The attribute declares a namespace.
pub(super) fn is_xmlns(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

/// `<Data>` under `EventData`, whose `Name` names the field.
pub(super) fn is_data(place: Place, element: &str) -> bool {
    place == Place::EventData && element == "Data"
}
