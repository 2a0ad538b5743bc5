//! What field names and log sources mean in Windows telemetry.
//!
//! Rules name fields and log sources in the words of a scheme ([`shikra_ir::Names`]); events carry the names
//! of their form. [`Taxonomy`] answers, per shape, which slot a field means and how its value is derived
//! ([`Binding`]), and which shapes a log source admits ([`Selector`]). All knowledge is in data files.
//!
//! This crate reads no events and evaluates no predicates.

mod binding;
mod selector;

pub use binding::{Binding, Derive};
pub use selector::{Alternative, Selector, UnknownLogSource};

use shikra_event::Shape;
use shikra_ir::{FieldRef, LogSource, Names};

/// The tables, loaded. Immutable; share it.
#[derive(Debug, Default)]
pub struct Taxonomy {}

impl Taxonomy {
    /// The tables that ship with the program.
    pub fn embedded() -> Taxonomy {
        Taxonomy::default()
    }

    /// What a field means in events of a shape.
    pub fn bind(&self, shape: &Shape, field: &FieldRef) -> Binding {
        match shape.positions(&field.name) {
            [] => Binding::Absent,
            slots => Binding::Slots { slots: slots.to_vec(), derive: Vec::new() },
        }
    }

    /// Every field of a scheme that a shape can answer, with its binding: for wildcards in field names. Names
    /// that several tables give are answered once.
    pub fn fields(&self, shape: &Shape, _names: Names) -> Vec<(String, Binding)> {
        let bind = |n: &shikra_event::Name| Binding::Slots {
            slots: shape.positions(n).to_vec(),
            derive: Vec::new(),
        };
        shape.fields().iter().map(|n| (n.to_string(), bind(n))).collect()
    }

    /// Which events a log source means.
    ///
    /// # Errors
    /// Where the tables do not know it: the rule can then never fire, and is told so.
    pub fn select(&self, _source: &LogSource) -> Result<Selector, UnknownLogSource> {
        Ok(Selector::everything())
    }

    /// Whether some event that `source` admits can have `field`; none where nothing is known of its fields.
    /// For lints: a false answer means that a test of the field there can never hold.
    pub fn can_have(&self, _source: &LogSource, _field: &FieldRef) -> Option<bool> {
        None
    }
}
