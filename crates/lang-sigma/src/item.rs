//! What a rule says before it is lowered: selections as trees of detection items. Pipelines work on these.

use std::borrow::Cow;

use shikra_syntax::Span;

use crate::rule::Sink;
use shikra_syntax::yaml::{Core, Node, Yaml};

/// What is wrong: code, message and place.
pub(crate) type Fault = (&'static str, String, Span);

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub value: Lit,
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lit {
    Null,
    Bool(bool),
    /// A number: as written, and its value.
    Int(String, i64),
    Float(String, f64),
    Text(String),
}

impl Lit {
    /// As text, where it is not null.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Lit::Null => None,
            Lit::Bool(b) => Some(b.to_string().into()),
            Lit::Int(_, n) => Some(n.to_string().into()),
            Lit::Float(t, _) | Lit::Text(t) => Some(t.into()),
        }
    }
}

/// `field|modifier|…: values`, or a keyword search where there is no field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub field: Option<String>,
    pub modifiers: Vec<(String, Span)>,
    pub values: Vec<Literal>,
    /// Key and values.
    pub span: Span,
    /// Why it cannot be used as it is written.
    pub fault: Option<Fault>,
    /// Ids of the pipeline steps that have changed it.
    pub applied: Vec<String>,
}

/// A selection, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Det {
    Item(Item),
    All(Vec<Det>),
    Any(Vec<Det>),
}

impl Det {
    /// Calls `f` on every item; it answers what to put in its place, or nothing to leave it out. None where nothing
    /// is left.
    pub fn rewrite(self, f: &mut dyn FnMut(Item) -> Option<Det>) -> Option<Det> {
        let mut all = |v: Vec<Det>| {
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
pub(crate) struct Selection {
    pub name: String,
    pub name_span: Span,
    pub det: Det,
    /// Written as a list: what v1's `all of name` quantifies over.
    pub is_list: bool,
    /// Joined to the rule by a pipeline: no pattern means it.
    pub added: bool,
}

/// Reads a selection.
pub(crate) fn selection(name: &str, name_span: Span, node: &Node, out: &Sink) -> Selection {
    let det = detection(node, out);
    Selection {
        name: name.to_owned(),
        name_span,
        det,
        is_list: matches!(node.value, Yaml::Seq(_)),
        added: false,
    }
}

fn detection(node: &Node, out: &Sink) -> Det {
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

fn keywords(nodes: &[Node], span: Span) -> Det {
    let values = nodes.iter().map(literal).collect();
    Det::Item(Item { field: None, modifiers: Vec::new(), values, span, fault: None, applied: Vec::new() })
}

fn field_item(key: &Node, value: &Node, out: &Sink) -> Det {
    let Yaml::Scalar(text, _) = &key.value else { return Det::All(Vec::new()) };
    let mut parts = text.split('|');
    let name = field_name(parts.next().unwrap_or_default());
    let (values, fault) = values(value);
    let item = Item {
        field: Some(name).filter(|n| !n.is_empty()),
        modifiers: modifiers(parts, key.span, out),
        values,
        span: key.span.to(value.span),
        fault,
        applied: Vec::new(),
    };
    Det::Item(item)
}

fn modifiers<'t>(parts: impl Iterator<Item = &'t str>, key: Span, out: &Sink) -> Vec<(String, Span)> {
    let mut seek = key.start;
    parts
        .map(|m| {
            // The place of the modifier within the key as it stands in the file, quotes and all.
            let rest = out.slice(Span::new(seek, key.end));
            let follows = |&(i, _): &(usize, &str)| rest.get(i + 1..).is_some_and(|r| r.starts_with(m));
            let at = rest.match_indices('|').find(follows).map(|(i, _)| seek + i + 1);
            let span = at.map_or(key, |at| Span::new(at, at + m.len()));
            seek = at.map_or(seek, |at| at + m.len());
            (m.trim().to_owned(), span)
        })
        .collect()
}

fn values(node: &Node) -> (Vec<Literal>, Option<Fault>) {
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

pub(crate) fn literal(node: &Node) -> Literal {
    let text = match &node.value {
        Yaml::Scalar(t, _) => t.as_ref(),
        _ => "",
    };
    let value = match node.core() {
        Core::Null => Lit::Null,
        Core::Bool(b) => Lit::Bool(b),
        Core::Int(n) => Lit::Int(text.to_owned(), n),
        Core::Float(n) => Lit::Float(text.to_owned(), n),
        Core::Str => Lit::Text(text.to_owned()),
    };
    Literal { value, span: node.span }
}

/// A field as Sigma names it: without spaces, attributes of the event's header with `_`
/// (`System/Provider@Name` is `Provider_Name`).
pub(crate) fn field_name(written: &str) -> String {
    // Nearly all are words.
    if written.bytes().all(|b| b.is_ascii_graphic() && b != b'@') {
        return written.to_owned();
    }
    let name: String = written.chars().filter(|c| !c.is_whitespace()).collect();
    match name.contains('@').then(|| name.rsplit('/').next()).flatten() {
        Some(last) if !last.starts_with('@') => last.replace('@', "_"),
        _ => name,
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
