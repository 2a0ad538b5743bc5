//! What is known of a rule beside its logic.

use std::sync::Arc;

use shikra_ir::{Level, RuleMeta};
use shikra_syntax::{Diagnostic, Source, Span};

use shikra_syntax::yaml::Node;

/// Where a document stands and under which number it is known there.
pub(crate) struct Place<'s> {
    pub source: &'s Source,
    pub span: Span,
    /// Its own text, preceded by the collection documents that made it what it is.
    pub text: Arc<str>,
}

/// Reads the metadata of a document.
pub(crate) fn read(root: &Node, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> RuleMeta {
    let mut meta = named(root, place, diagnostics);
    remarks(root, &mut meta);
    meta
}

/// What a rule is called, and what findings say of it.
pub(crate) fn named(root: &Node, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> RuleMeta {
    let name = text(root, "name");
    RuleMeta {
        id: text(root, "id").filter(|t| !t.is_empty()).unwrap_or_else(|| made_id(place)),
        title: text(root, "title").or_else(|| name.clone()).unwrap_or_default(),
        name,
        language: "sigma",
        level: level(root, place, diagnostics),
        tags: root.texts_of("tags").iter().map(|t| t.trim().to_lowercase()).collect(),
        fields: list(root, "fields"),
        path: place.source.name.to_string(),
        span: place.span,
        text: place.text.clone(),
        ..RuleMeta::default()
    }
}

/// What people are told of a rule beside.
pub(crate) fn remarks(root: &Node, meta: &mut RuleMeta) {
    meta.status = text(root, "status");
    meta.description = text(root, "description");
    meta.author = Some(list(root, "author").join(", ")).filter(|a| !a.is_empty());
    meta.date = text(root, "date");
    meta.modified = text(root, "modified");
    meta.references = list(root, "references");
    meta.references.extend(list(root, "reference"));
    meta.false_positives = list(root, "falsepositives");
}

fn text(root: &Node, key: &str) -> Option<String> {
    root.text_of(key).map(|t| t.trim().to_owned())
}

fn list(root: &Node, key: &str) -> Vec<String> {
    root.texts_of(key).iter().map(|t| t.trim().to_owned()).collect()
}

fn level(root: &Node, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Level {
    let Some(node) = root.get("level").filter(|n| !n.is_null()) else {
        let message = "no level: taken as informational";
        diagnostics.push(Diagnostic::note("missing-level", message, head(place)));
        return Level::default();
    };
    node.text().and_then(Level::parse).unwrap_or_else(|| {
        let message = format!("unknown level {:?}: taken as informational", node.text().unwrap_or_default());
        diagnostics.push(Diagnostic::warning("unknown-level", message, node.span));
        Level::default()
    })
}

/// The first line of a document that is not blank: where messages about the whole of it point.
pub(crate) fn head(place: &Place) -> Span {
    let text = place.source.slice(place.span);
    let start = place.span.start + (text.len() - text.trim_start().len());
    let line = text.trim_start().lines().next().unwrap_or("");
    Span::new(start, start + line.trim_end().len())
}

/// An id for a rule that has none: a hash of path and position.
fn made_id(place: &Place) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for b in place.source.name.bytes().chain(place.span.start.to_le_bytes()) {
        hash = (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("x-{hash:016x}")
}

/// What can be told of a document that is not YAML: its `title`, `id`, `name` and `level` lines.
pub(crate) fn salvage(place: &Place) -> RuleMeta {
    let text = place.source.slice(place.span);
    let line = |key: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))
            .map(|v| v.trim().trim_matches(['\'', '"']).to_owned())
            .filter(|v| !v.is_empty())
    };
    RuleMeta {
        id: line("id").unwrap_or_else(|| made_id(place)),
        name: line("name"),
        title: line("title").unwrap_or_default(),
        language: "sigma",
        level: line("level").and_then(|l| Level::parse(&l)).unwrap_or_default(),
        path: place.source.name.to_string(),
        span: place.span,
        text: place.text.clone(),
        ..RuleMeta::default()
    }
}
