//! A TOML document as it is read here: values by name, with their places.

use shikra_syntax::Span;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value.
#[derive(Clone, Copy, Default)]
pub(super) struct Node<'d> {
    value: Option<&'d DeValue<'d>>,
    table: Option<&'d DeTable<'d>>,
    span: Span,
}

impl<'d> Node<'d> {
    pub(super) fn table(table: &'d DeTable<'d>) -> Node<'d> {
        Node { value: None, table: Some(table), span: Span::default() }
    }

    fn of(value: &'d Spanned<DeValue<'d>>) -> Node<'d> {
        let span = value.span();
        let value = value.get_ref();
        let table = match value {
            DeValue::Table(t) => Some(t),
            _ => None,
        };
        Node { value: Some(value), table, span: Span::new(span.start, span.end) }
    }

    /// A member of a table.
    pub(super) fn get(&self, name: &str) -> Option<Node<'d>> {
        self.table?.get(name).map(Node::of)
    }

    /// The members of a table, with the places of their names.
    pub(super) fn members(&self) -> Vec<(&'d str, Node<'d>)> {
        let all = self.table.into_iter().flatten();
        all.map(|(name, value)| (name.get_ref().as_ref(), Node::of(value))).collect()
    }

    /// The elements of a list; a value that is none is the only one.
    pub(super) fn items(&self) -> Vec<Node<'d>> {
        match self.value {
            Some(DeValue::Array(all)) => all.iter().map(Node::of).collect(),
            Some(_) => vec![*self],
            None => vec![],
        }
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        match self.value? {
            DeValue::String(s) => Some(s),
            _ => None,
        }
    }

    /// A text, number or truth, as text.
    pub(super) fn scalar(&self) -> Option<String> {
        match self.value? {
            DeValue::String(s) => Some(s.to_string()),
            DeValue::Integer(n) => Some(n.as_str().to_owned()),
            DeValue::Float(n) => Some(n.as_str().to_owned()),
            DeValue::Boolean(b) => Some(b.to_string()),
            DeValue::Datetime(d) => Some(d.to_string()),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        self.scalar()?.replace('_', "").parse().ok()
    }

    pub(super) fn truth(&self) -> bool {
        matches!(self.value, Some(DeValue::Boolean(true)))
    }

    /// The texts of a list, or the only one.
    pub(super) fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(|n| n.scalar()).collect()
    }

    pub(super) fn texts_of(&self, name: &str) -> Vec<String> {
        self.get(name).map_or_else(Vec::new, |n| n.texts())
    }

    pub(super) fn text_of(&self, name: &str) -> Option<String> {
        self.get(name)?.scalar().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn span_of(&self, name: &str) -> Span {
        self.get(name).map_or(self.span, |n| n.span)
    }
}
