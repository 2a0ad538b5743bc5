//! What is known of fields: the part of an index mapping that changes what a query means.

use std::collections::HashMap;
use std::sync::LazyLock;

use shikra_ir::Pattern;

/// How the values of a field are indexed, as far as queries can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// `keyword`, `constant_keyword`, `wildcard`, `flattened`: whole values, case kept.
    Keyword,
    /// A keyword whose values and queries are lower-cased (`normalizer: lowercase`, `.caseless` fields).
    Caseless,
    /// `text`, `match_only_text`: words, in order, whatever their case.
    Text,
    /// Any kind of number.
    Number,
    /// `boolean`.
    Bool,
    /// `ip`: addresses and networks.
    Ip,
    /// `date`.
    Date,
    /// A list of objects that keep their members together.
    Nested,
    /// An object: it exists where one of its members does.
    Object,
}

/// Names of types, ours and Elasticsearch's.
const NAMES: &[(&str, FieldType)] = &[
    ("keyword", FieldType::Keyword),
    ("constant_keyword", FieldType::Keyword),
    ("wildcard", FieldType::Keyword),
    ("flattened", FieldType::Keyword),
    ("caseless", FieldType::Caseless),
    ("text", FieldType::Text),
    ("match_only_text", FieldType::Text),
    ("number", FieldType::Number),
    ("long", FieldType::Number),
    ("integer", FieldType::Number),
    ("short", FieldType::Number),
    ("byte", FieldType::Number),
    ("unsigned_long", FieldType::Number),
    ("double", FieldType::Number),
    ("float", FieldType::Number),
    ("half_float", FieldType::Number),
    ("scaled_float", FieldType::Number),
    ("boolean", FieldType::Bool),
    ("ip", FieldType::Ip),
    ("date", FieldType::Date),
    ("date_nanos", FieldType::Date),
    ("nested", FieldType::Nested),
    ("object", FieldType::Object),
];

impl FieldType {
    /// By the name that Elasticsearch gives it.
    pub fn named(name: &str) -> Option<FieldType> {
        NAMES.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }
}

/// The types of fields. Without any, every field is a keyword that may hold numbers, truths and addresses: what
/// Elasticsearch makes of documents of which it has been told nothing, but for text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Types {
    exact: HashMap<String, FieldType>,
    patterns: Vec<(Pattern, FieldType)>,
    /// All fields there are: a query for another, or for what a type cannot hold, is an error.
    pub complete: bool,
}

impl Types {
    /// The types of ECS and of Elastic's Windows integrations, from `data/kql/types.txt`.
    pub fn ecs() -> &'static Types {
        static ECS: LazyLock<Types> =
            LazyLock::new(|| Types::parse(include_str!("../../../data/kql/types.txt")).unwrap_or_default());
        &ECS
    }

    /// A table: `[type]` before the names of fields, one or more a line; `*` in a name stands for any text.
    ///
    /// # Errors
    /// The line that is no such thing.
    pub fn parse(table: &str) -> Result<Types, String> {
        let mut types = Types::default();
        let mut section = None;
        for line in table.lines() {
            let line = line.split('#').next().unwrap_or("").trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = Some(FieldType::named(name).ok_or_else(|| format!("no type {name:?}"))?);
                continue;
            }
            for field in line.split_whitespace() {
                let kind = section.ok_or_else(|| format!("{field:?} stands before any type"))?;
                types.insert(field, kind);
            }
        }
        Ok(types)
    }

    /// Adds a field, or with `*` in its name several.
    pub fn insert(&mut self, field: &str, kind: FieldType) {
        if field.contains('*') {
            self.patterns.push((Pattern::of_starred(field), kind));
        } else {
            self.exact.insert(field.to_owned(), kind);
        }
    }

    /// The type of a field, where something is known of it.
    pub fn of(&self, field: &str) -> Option<FieldType> {
        let known = self.exact.get(field).copied();
        known.or_else(|| self.patterns.iter().find(|(p, _)| p.matches(field)).map(|(_, t)| *t))
    }

    /// The types of the fields whose name matches.
    pub fn of_matching(&self, pattern: &Pattern) -> Vec<FieldType> {
        let mut all: Vec<FieldType> =
            self.exact.iter().filter(|(f, _)| pattern.matches(f)).map(|(_, t)| *t).collect();
        all.sort();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads() {
        let types = Types::parse(include_str!("../../../data/kql/types.txt")).unwrap();
        for (field, want) in [
            ("message", Some(FieldType::Text)),
            ("process.name.caseless", Some(FieldType::Caseless)),
            ("source.ip", Some(FieldType::Ip)),
            ("process.pid", Some(FieldType::Number)),
            ("process.name", Some(FieldType::Keyword)),
            ("process.parent", Some(FieldType::Object)),
            ("no.such.field", None),
        ] {
            assert_eq!(types.of(field), want, "{field}");
        }
    }
}
