//! What was seen before of a value: asked by rules, answered by a table that whoever runs them hands in. Nothing
//! here knows what such a table is.

use std::fmt;
use std::sync::Arc;

use shikra_event::Value;

use crate::FieldRef;
use crate::eval::Row;

/// What is asked of the value of a field, given the program that the event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// How often it was seen.
    Count,
    /// On how many hosts.
    Hosts,
    /// How unusual it is, in bits of surprise.
    Surprise,
}

impl Measure {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Count => "count",
            Measure::Hosts => "hosts",
            Measure::Surprise => "surprise",
        }
    }
}

/// A table of what was seen.
pub trait History: Send + Sync {
    /// The measure of a field's value in this event: a number; null where nothing can be said; missing where the
    /// event has no such field.
    fn ask(&self, row: &dyn Row, field: &FieldRef, measure: Measure) -> Value;
}

/// A table that was handed in. Two are equal where they are the same one.
#[derive(Clone)]
pub struct Seen(pub Arc<dyn History>);

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seen")
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A question to the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Whose value.
    pub field: FieldRef,
    /// What of it.
    pub measure: Measure,
    /// The table; none: the rule cannot run, and an engine must say so.
    pub seen: Option<Seen>,
}

impl Asked {
    /// The answer: null where there is no table.
    pub fn value(&self, row: &dyn Row) -> Value {
        self.seen.as_ref().map_or(Value::Null, |s| s.0.ask(row, &self.field, self.measure))
    }

    /// Fields that tell which program an event is about: the answer depends on them as well.
    pub const PROGRAM: [&'static str; 2] = ["Image", "SourceImage"];
}
