//! What the loaders of YAML files share.

use shikra_syntax::Span;
use shikra_syntax::yaml::{self, Node};

use crate::error::Error;

/// Reads the first document of a text with `read`, which answers none where the document is of another kind.
pub(crate) fn first<T>(text: &str, read: impl Fn(&Node<'_>) -> Option<T>) -> Result<T, Error> {
    let documents = yaml::documents(text, Span::new(0, text.len()));
    let Some(document) = documents.iter().find(|d| d.root.is_some()) else {
        let told = documents.iter().flat_map(|d| &d.diagnostics).map(|d| d.message.clone()).next();
        return Err(Error::Yaml(told.unwrap_or_else(|| "empty".to_owned())));
    };
    document.root.as_ref().and_then(read).ok_or(Error::Unknown)
}

/// The text under a key, trimmed; empty where there is none.
pub(crate) fn text(node: &Node<'_>, key: &str) -> String {
    node.text_of(key).unwrap_or("").trim().to_owned()
}

/// The texts under a key.
pub(crate) fn texts(node: &Node<'_>, key: &str) -> Vec<String> {
    node.texts_of(key).into_iter().map(|t| t.trim().to_owned()).collect()
}

/// The items under a key.
pub(crate) fn items<'n, 'a>(node: &'n Node<'a>, key: &str) -> &'n [Node<'a>] {
    node.get(key).map_or(&[], |n| n.items())
}
