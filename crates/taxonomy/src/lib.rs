//! What field names and log sources mean in Windows telemetry.
//!
//! Rules name fields and log sources in the words of a scheme ([`shikra_ir::Names`]); events carry the names
//! of their form. [`Taxonomy`] answers, per shape, which slot a field means and how its value is derived
//! ([`Binding`]), and which shapes a log source admits ([`Selector`]). All knowledge is in data files, whose
//! format `data/taxonomy/README.md` describes.
//!
//! This crate reads no events and evaluates no predicates.

mod argv;
mod binding;
mod derive;
mod events;
mod facts;
mod fields;
mod nearest;
mod selector;
mod sources;
mod table;
mod twins;

pub use binding::Binding;
pub use derive::Derive;
pub use selector::{Alternative, Selector, UnknownLogSource};
pub use table::{TableError, TableErrorKind};
pub use twins::Twin;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use shikra_event::Shape;
use shikra_ir::{FieldRef, LogSource, Names};

use events::Logs;
use facts::Facts;
use fields::{Fields, Of};
use sources::Sources;
use table::Row;
use twins::Twins;

/// The tables, loaded. Immutable; share it.
#[derive(Debug, Default)]
pub struct Taxonomy {
    logs: Logs,
    sources: Sources,
    /// Of Sigma alone where `further` is read when first asked for, else of all schemes.
    fields: Fields,
    twins: Twins,
    /// Of all schemes, for names that are not Sigma's: most rule sets have none.
    further: OnceLock<Fields>,
    /// Read when first asked for: only lints need it.
    facts: OnceLock<Facts>,
    found: RwLock<HashMap<LogSource, Result<Found, UnknownLogSource>, foldhash::quality::RandomState>>,
}

type Found = Arc<sources::Source>;

/// What a table file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Names of logs and sets of events.
    Logs,
    /// Log sources of rules.
    Sources,
    /// Field names of rules.
    Fields,
    /// Which fields each event carries.
    Facts,
    /// Records of one act by two sensors.
    Twins,
}

/// Kind, file name and text of a table.
pub type Table<'t> = (TableKind, &'t str, &'t str);

macro_rules! table {
    ($kind:ident, $file:literal) => {
        (TableKind::$kind, $file, include_str!(concat!("../../../data/taxonomy/", $file)))
    };
}

/// The table that says what Sigma's names mean.
const FIELDS_OF_SIGMA: &str = "fields-sigma.txt";

/// The tables that ship with the program. Those that others refer to come first.
pub static TABLES: &[Table<'static>] = &[
    table!(Logs, "logs.txt"),
    table!(Sources, "sources-sigma.txt"),
    table!(Sources, "sources-ecs.txt"),
    table!(Sources, "sources-others.txt"),
    table!(Fields, "fields-sigma.txt"),
    table!(Fields, "fields-ecs.txt"),
    table!(Fields, "fields-others.txt"),
    table!(Facts, "events.txt"),
    table!(Twins, "twins.txt"),
];

impl Taxonomy {
    /// The tables that ship with the program. A test holds that they have no errors.
    pub fn embedded() -> Taxonomy {
        let (mut taxonomy, mut errors) = (Taxonomy::default(), Vec::new());
        let wanted = |t: &&Table<'_>| match t.0 {
            TableKind::Facts => false,
            TableKind::Fields => t.1 == FIELDS_OF_SIGMA,
            TableKind::Logs | TableKind::Sources | TableKind::Twins => true,
        };
        taxonomy.read(TABLES.iter().filter(wanted), &mut errors);
        taxonomy
    }

    /// Reads tables. What cannot be read is told and left out.
    pub fn load(tables: &[Table<'_>]) -> (Taxonomy, Vec<TableError>) {
        let (mut taxonomy, mut errors) = (Taxonomy::default(), Vec::new());
        taxonomy.read(tables.iter().filter(|(kind, ..)| *kind != TableKind::Facts), &mut errors);
        taxonomy.further = OnceLock::from(taxonomy.read_fields(tables, &mut Vec::new()));
        taxonomy.facts = OnceLock::from(taxonomy.read_facts(tables, &mut errors));
        (taxonomy, errors)
    }

    fn read<'t>(&mut self, tables: impl Iterator<Item = &'t Table<'t>>, errors: &mut Vec<TableError>) {
        for (kind, file, text) in tables {
            each_row(file, text, errors, |row| match kind {
                TableKind::Logs => self.logs.add(row),
                TableKind::Sources => self.sources.add(row, &self.logs),
                TableKind::Fields => self.fields.add(row, &self.logs),
                TableKind::Twins => self.twins.add(row, &self.logs),
                TableKind::Facts => Ok(()),
            });
        }
    }

    fn read_fields(&self, tables: &[Table<'_>], errors: &mut Vec<TableError>) -> Fields {
        let mut fields = Fields::default();
        for (_, file, text) in tables.iter().filter(|(kind, ..)| *kind == TableKind::Fields) {
            each_row(file, text, errors, |row| fields.add(row, &self.logs));
        }
        fields
    }

    /// The fields that answer to the names of a scheme.
    fn fields_of(&self, names: Names) -> &Fields {
        match names {
            Names::Sigma => &self.fields,
            _ => self.further.get_or_init(|| self.read_fields(TABLES, &mut Vec::new())),
        }
    }

    fn read_facts(&self, tables: &[Table<'_>], errors: &mut Vec<TableError>) -> Facts {
        let mut facts = Facts::default();
        for (_, file, text) in tables.iter().filter(|(kind, ..)| *kind == TableKind::Facts) {
            each_row(file, text, errors, |row| facts.add(row, &self.logs));
        }
        facts
    }

    /// What a field means in events of a shape.
    pub fn bind(&self, shape: &Shape, field: &FieldRef) -> Binding {
        self.on(shape).bind(field)
    }

    /// The names that a shape answers to: for binding many fields to one shape.
    pub fn on<'a>(&'a self, shape: &'a Shape) -> Answers<'a> {
        Answers { taxonomy: self, of: Of { shape, key: self.logs.key(shape) } }
    }

    /// Every field of a scheme that a shape can answer, with its binding: for wildcards in field names. Names
    /// that several tables give are answered once. Sorted by name.
    pub fn fields(&self, shape: &Shape, names: Names) -> Vec<(String, Binding)> {
        let of = self.on(shape).of;
        let own = shape.fields().iter().map(|n| (n.to_string(), self.fields_of(names).bind(of, names, n)));
        let mut all: Vec<(String, Binding)> = own.chain(self.fields_of(names).answers(of, names)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|a, b| a.0 == b.0);
        all
    }

    /// What a record of this shape tells of that another sensor records too: see [`Twin`].
    pub fn twin(&self, shape: &Shape) -> Option<Twin> {
        let answers = self.on(shape);
        self.twins.of(answers.of.key, &answers)
    }

    /// Whether a log source names an act, whoever recorded it, rather than records of one log.
    pub fn names_act(&self, source: &LogSource) -> bool {
        self.twins.names_act(source)
    }

    /// Which events a log source means. One that is known but no Windows telemetry (`product: okta`) admits
    /// only documents of that product.
    ///
    /// # Errors
    /// Where the tables do not know it: the rule can then never fire, and is told so.
    pub fn select(&self, source: &LogSource) -> Result<Selector, UnknownLogSource> {
        self.find(source).map(|s| s.selector.clone())
    }

    /// A log source, remembered: many rules have the same.
    fn find(&self, source: &LogSource) -> Result<Found, UnknownLogSource> {
        const MOST: usize = 4096;
        let known = self.found.read().ok().and_then(|found| found.get(source).cloned());
        if let Some(found) = known {
            return found;
        }
        let found = self.sources.find(source, &self.logs).map(Arc::new);
        if let Ok(mut all) = self.found.write()
            && all.len() < MOST
        {
            all.insert(source.clone(), found.clone());
        }
        found
    }

    /// Whether the tables list the fields of such an event, or all events of its log.
    pub fn lists(&self, shape: &Shape) -> bool {
        let key = self.logs.key(shape);
        let facts = self.facts.get_or_init(|| self.read_facts(TABLES, &mut Vec::new()));
        key.log.is_some_and(|log| facts.lists(log, key.id))
    }

    /// Whether some event that `source` admits can have `field`; none where nothing is known of its fields.
    /// For lints: a false answer means that a test of the field there can never hold.
    pub fn can_have(&self, source: &LogSource, field: &FieldRef) -> Option<bool> {
        let source = self.find(source).ok()?;
        let known = self.facts().can_have(&source.events, |shape| !self.bind(shape, field).is_absent());
        if source.bounded { known } else { known.filter(|can| *can) }
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| self.read_facts(TABLES, &mut Vec::new()))
    }

    /// A shape of every event whose fields the tables list, in the order of logs and ids: over all its versions,
    /// with the fields of the header. For who compares what names mean.
    pub fn known_events(&self) -> Vec<Arc<Shape>> {
        self.facts().shapes()
    }

    /// The fields of ECS documents that Sigma's names mean, sorted.
    pub fn document_fields(&self) -> Vec<String> {
        self.fields.of_documents()
    }

    /// The log sources of a scheme that have rows of their own, those with the fewest keys first.
    pub fn log_sources(&self, names: Names) -> Vec<LogSource> {
        self.sources.of(names)
    }
}

fn each_row(
    file: &str,
    text: &str,
    errors: &mut Vec<TableError>,
    mut add: impl FnMut(&Row<'_>) -> Result<(), TableErrorKind>,
) {
    for row in table::rows(file, text, errors) {
        if let Err(kind) = add(&row) {
            errors.push(TableError { file: file.to_owned(), line: row.line, kind });
        }
    }
}

/// The names that one shape answers to.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    taxonomy: &'a Taxonomy,
    of: Of<'a>,
}

impl Answers<'_> {
    /// What a field means in events of the shape.
    pub fn bind(&self, field: &FieldRef) -> Binding {
        self.taxonomy.fields_of(field.names).bind(self.of, field.names, &field.name)
    }
}
