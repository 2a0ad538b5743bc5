//! Sigma: detection rules of version 1 and 2, collections, correlations, filters and pipelines, to the IR.
//!
//! [`parse`] reads the documents of one text and lowers each by itself; it never fails as a whole, and calls for
//! different texts are independent. [`assemble`] links what they say of one another: filters to rules,
//! correlations to the rules they watch. A document that cannot be used comes back as a rejected
//! [`Rule`](shikra_ir::Rule) with the reason among its diagnostics.
//!
//! This crate touches no file and knows no event: log sources and fields are names of
//! [`Names::Sigma`](shikra_ir::Names), which the taxonomy resolves.

mod aggregate;
mod collection;
mod condition;
mod correlation;
mod filter;
mod hayabusa;
mod item;
mod link;
mod meta;
mod modifier;
mod near_name;
mod pipeline;
mod print;
mod rule;
mod selections;
mod text;

use std::collections::BTreeMap;

pub use pipeline::Pipeline;
pub use print::{print, yaml};

use shikra_ir::Rule;
use shikra_syntax::{Diagnostic, Severity, Source, Span, yaml};

/// How rules are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Values of the placeholders of `expand`, by name without percent signs. Values may have wildcards.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// What `all of name` quantifies over.
    pub quantifiers: Quantifiers,
    /// Pipelines that rules go through.
    pub pipelines: Vec<Pipeline>,
    /// What `new`, `rare`, `rarehosts` and `outlier` ask; a rule with one of them cannot run without.
    pub seen: Option<shikra_ir::Seen>,
    /// Nothing but findings is asked of detection rules: they need not keep their texts, for which what this makes of
    /// them stands, nor what is remarked of them (description, references and the like), nor names of selections.
    pub digest: Option<shikra_ir::Digest>,
}

/// What `1 of name` and `all of name` quantify over where `name` is a list, and whether `them` means selections
/// that begin with `_`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quantifiers {
    /// As version 1 for rules that aggregate in their condition, come of a collection or write their dates with
    /// slashes; as version 2 otherwise.
    #[default]
    Auto,
    /// The items of the list; all selections.
    V1,
    /// Selections by name; those that begin with `_` only by name.
    V2,
}

/// What one text says, lowered, not yet linked.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    entries: Vec<Entry>,
}

impl Parsed {
    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[derive(Clone, Debug)]
enum Entry {
    Rule(Box<Rule>),
    Correlation(Box<correlation::Correlation>),
    Filter(Box<filter::Filter>),
}

/// Reads the documents within `region` of a text: the whole of a YAML file, or a fenced block of a page. Spans
/// are bytes of the whole text.
pub fn parse(source: &Source, region: Span, options: &Options) -> Parsed {
    let mut collection = collection::Collection::new(source, options);
    let mut documents = yaml::documents(&source.text, region).into_iter().peekable();
    while let Some(doc) = documents.next() {
        collection.add(doc, documents.peek().is_some());
    }
    Parsed { entries: collection.finish() }
}

/// Reads a file of placeholder values: a YAML map from names to a value or a list of values. Values may have
/// wildcards.
///
/// # Errors
/// Where it is not such a map.
pub fn placeholders(source: &Source) -> Result<BTreeMap<String, Vec<String>>, Vec<Diagnostic>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for doc in yaml::documents(&source.text, Span::new(0, source.text.len())) {
        let mut errors = doc.diagnostics;
        let root = doc.root.as_ref().filter(|r| r.is_map());
        for (name, values) in root.map_or(&[] as &[_], yaml::Node::entries) {
            let texts: Vec<&str> = values.items().iter().filter_map(yaml::Node::text).collect();
            if texts.len() != values.items().len() || texts.is_empty() {
                errors.push(Diagnostic::error("placeholders", "a placeholder takes texts", values.span));
            }
            let name = name.text().unwrap_or_default().trim_matches('%');
            out.entry(name.to_owned()).or_default().extend(texts.into_iter().map(str::to_owned));
        }
        if root.is_none() && errors.is_empty() {
            let message = "placeholder values must be a map from names to values";
            errors.push(Diagnostic::error("placeholders", message, doc.span));
        }
        if errors.iter().any(|d| d.severity == Severity::Error) {
            return Err(errors);
        }
    }
    Ok(out)
}

/// Links the rules of all texts, in order. A filter stays among them as a rule that reports nothing.
pub fn assemble(parsed: Vec<Parsed>) -> Vec<Rule> {
    let number = parsed.iter().map(|p| p.entries.len()).sum();
    link::link(parsed.into_iter().flat_map(|p| p.entries), number)
}
