//! What a rule says before it is lowered: selections as trees of detection items. Pipelines work on these.

use std::borrow::Cow;

use shikra_syntax::Span;

use crate::hayabusa;
use crate::rule::Sink;
use shikra_syntax::yaml::{Core, Node, Yaml};

/// What is wrong: code, message and place.
pub(crate) type Fault = (&'static str, String, Span);

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal<'a> {
    pub value: Lit<'a>,
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lit<'a> {
    Null,
    Bool(bool),
    /// A number: as written, and its value.
    Int(Cow<'a, str>, i64),
    Float(Cow<'a, str>, f64),
    Text(Cow<'a, str>),
}

impl Literal<'_> {
    /// The same with a text of its own.
    pub fn owned(&self) -> Literal<'static> {
        let own = |text: &str| Cow::Owned(text.to_owned());
        let value = match &self.value {
            Lit::Null => Lit::Null,
            Lit::Bool(b) => Lit::Bool(*b),
            Lit::Int(t, n) => Lit::Int(own(t), *n),
            Lit::Float(t, n) => Lit::Float(own(t), *n),
            Lit::Text(t) => Lit::Text(own(t)),
        };
        Literal { value, span: self.span }
    }
}

impl Lit<'_> {
    /// As text, where it is not null.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Lit::Null => None,
            Lit::Bool(b) => Some(b.to_string().into()),
            Lit::Int(_, n) => Some(n.to_string().into()),
            Lit::Float(t, _) | Lit::Text(t) => Some(Cow::Borrowed(t)),
        }
    }
}

/// `field|modifier|…: values`, or a keyword search where there is no field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item<'a> {
    pub field: Option<Cow<'a, str>>,
    pub modifiers: Vec<(Cow<'a, str>, Span)>,
    pub values: Vec<Literal<'a>>,
    /// Key and values.
    pub span: Span,
    /// Why it cannot be used as it is written.
    pub fault: Option<Fault>,
    /// Ids of the pipeline steps that have changed it.
    pub applied: Vec<String>,
}

/// A selection, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Det<'a> {
    Item(Item<'a>),
    All(Vec<Det<'a>>),
    Any(Vec<Det<'a>>),
}

impl<'a> Det<'a> {
    /// Calls `f` on every item; it answers what to put in its place, or nothing to leave it out. None where nothing
    /// is left.
    pub fn rewrite(self, f: &mut dyn FnMut(Item<'a>) -> Option<Det<'a>>) -> Option<Det<'a>> {
        let mut all = |v: Vec<Det<'a>>| {
            let kept: Vec<Det> = v.into_iter().filter_map(|d| d.rewrite(f)).collect();
            Some(kept).filter(|k| !k.is_empty())
        };
        match self {
            Det::Item(i) => f(i),
            Det::All(v) => all(v).map(Det::All),
            Det::Any(v) => all(v).map(Det::Any),
        }
    }
}

/// A named selection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection<'a> {
    pub name: Cow<'a, str>,
    pub name_span: Span,
    pub det: Det<'a>,
    /// Written as a list: what v1's `all of name` quantifies over.
    pub is_list: bool,
    /// Joined to the rule by a pipeline: no pattern means it.
    pub added: bool,
}

/// Reads a selection.
pub(crate) fn selection<'a>(name: &'a str, name_span: Span, node: &'a Node, out: &Sink) -> Selection<'a> {
    let det = detection(node, out);
    Selection {
        name: Cow::Borrowed(name),
        name_span,
        det,
        is_list: matches!(node.value, Yaml::Seq(_)),
        added: false,
    }
}

fn detection<'a>(node: &'a Node, out: &Sink) -> Det<'a> {
    match &node.value {
        Yaml::Map(entries) if !entries.is_empty() => {
            Det::All(entries.iter().map(|(k, v)| field_item(k, v, out)).collect())
        }
        // A list of texts is one search for any of them.
        Yaml::Seq(parts) if !parts.is_empty() => match parts.iter().all(is_keyword) {
            true => keywords(parts, node.span),
            false => Det::Any(parts.iter().map(|p| detection(p, out)).collect()),
        },
        Yaml::Scalar(..) if is_keyword(node) => keywords(std::slice::from_ref(node), node.span),
        _ => Det::Item(Item {
            field: None,
            modifiers: Vec::new(),
            values: Vec::new(),
            span: node.span,
            fault: Some(("empty-selection", "nothing is asked here".to_owned(), node.span)),
            applied: Vec::new(),
        }),
    }
}

fn is_keyword(node: &Node) -> bool {
    matches!(node.value, Yaml::Scalar(..)) && !node.is_null()
}

fn keywords<'a>(nodes: &'a [Node], span: Span) -> Det<'a> {
    let values = nodes.iter().map(literal).collect();
    Det::Item(Item { field: None, modifiers: Vec::new(), values, span, fault: None, applied: Vec::new() })
}

fn field_item<'a>(key: &'a Node, value: &'a Node, out: &Sink) -> Det<'a> {
    let Yaml::Scalar(text, _) = &key.value else { return Det::All(Vec::new()) };
    let mut parts = text.split('|');
    let name = field_name(parts.next().unwrap_or_default());
    let mut item = Item {
        field: Some(name).filter(|n| !n.is_empty()),
        modifiers: modifiers(parts, key.span, out),
        values: Vec::new(),
        span: key.span.to(value.span),
        fault: None,
        applied: Vec::new(),
    };
    if let Some(det) = hayabusa::keywords(&item, value) {
        return det;
    }
    (item.values, item.fault) = values(value);
    Det::Item(item)
}

fn modifiers<'t>(parts: impl Iterator<Item = &'t str>, key: Span, out: &Sink) -> Vec<(Cow<'t, str>, Span)> {
    let mut seek = key.start;
    parts
        .map(|m| {
            // The place of the modifier within the key as it stands in the file, quotes and all.
            let rest = out.slice(Span::new(seek, key.end));
            let follows = |&(i, _): &(usize, &str)| rest.get(i + 1..).is_some_and(|r| r.starts_with(m));
            let at = rest.match_indices('|').find(follows).map(|(i, _)| seek + i + 1);
            let span = at.map_or(key, |at| Span::new(at, at + m.len()));
            seek = at.map_or(seek, |at| at + m.len());
            (Cow::Borrowed(m.trim()), span)
        })
        .collect()
}

fn values<'a>(node: &'a Node) -> (Vec<Literal<'a>>, Option<Fault>) {
    let nested = |span| ("nested-value", "a value must be text, a number, a truth or null".to_owned(), span);
    match &node.value {
        Yaml::Scalar(..) => (vec![literal(node)], None),
        Yaml::Map(_) => {
            let message = "a field cannot hold a map: name the inner field with dots";
            (Vec::new(), Some(("nested-value", message.to_owned(), node.span)))
        }
        Yaml::Seq(items) => {
            let bad = items.iter().find(|i| !matches!(i.value, Yaml::Scalar(..)));
            (items.iter().map(literal).collect(), bad.map(|b| nested(b.span)))
        }
    }
}

pub(crate) fn literal<'a>(node: &'a Node) -> Literal<'a> {
    let text = match &node.value {
        Yaml::Scalar(t, _) => t.as_ref(),
        _ => "",
    };
    let value = match node.core() {
        Core::Null => Lit::Null,
        Core::Bool(b) => Lit::Bool(b),
        Core::Int(n) => Lit::Int(Cow::Borrowed(text), n),
        Core::Float(n) => Lit::Float(Cow::Borrowed(text), n),
        Core::Str => Lit::Text(Cow::Borrowed(text)),
    };
    Literal { value, span: node.span }
}

/// A field as Sigma names it: without spaces, attributes of the event's header with `_`
/// (`System/Provider@Name` is `Provider_Name`).
pub(crate) fn field_name(written: &str) -> Cow<'_, str> {
    if let Some(name) = hayabusa::field(written) {
        return name;
    }
    // Nearly all are words.
    if written.bytes().all(|b| b.is_ascii_graphic() && b != b'@') {
        return Cow::Borrowed(written);
    }
    let name: String = written.chars().filter(|c| !c.is_whitespace()).collect();
    match name.contains('@').then(|| name.rsplit('/').next()).flatten() {
        Some(last) if !last.starts_with('@') => Cow::Owned(last.replace('@', "_")),
        _ => Cow::Owned(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names() {
        for (written, want) in [
            ("Threat Name", "ThreatName"),
            ("System/Provider@Name", "Provider_Name"),
            ("Provider@Name", "Provider_Name"),
            ("@timestamp", "@timestamp"),
            ("process.name", "process.name"),
        ] {
            assert_eq!(field_name(written), want);
        }
    }
}
