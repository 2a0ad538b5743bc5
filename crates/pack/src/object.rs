//! Reading TOML with places: every key that is asked for is remembered, and the others are told as unknown.
//!
//! What the keys mean is left to `read`.

use std::cell::RefCell;

use shikra_syntax::{Diagnostic, Source, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Tables within tables; no pack needs more, and a hostile file gets no further.
const DEEPEST: usize = 16;

/// Diagnostics so far, shared by the objects of a document.
pub(crate) type Told = RefCell<Vec<Diagnostic>>;

/// A TOML table that is being read.
pub(crate) struct Object<'d> {
    table: &'d DeTable<'d>,
    span: Span,
    depth: usize,
    known: RefCell<Vec<&'static str>>,
    told: &'d Told,
}

/// Reads a document with `read`; none where it is no TOML.
pub(crate) fn document<T>(
    source: &Source,
    read: impl FnOnce(&Object<'_>) -> T,
) -> (Option<T>, Vec<Diagnostic>) {
    let document = match DeTable::parse(&source.text) {
        Ok(document) => document,
        Err(e) => {
            let span = e.span().map_or(Span::default(), |r| Span::new(r.start, r.end));
            let message = e.message().lines().next().unwrap_or_default().to_owned();
            return (None, vec![Diagnostic::error("toml", format!("no TOML: {message}"), span)]);
        }
    };
    let told = Told::default();
    let out = {
        let root = Object {
            table: document.get_ref(),
            span: Span::default(),
            depth: 0,
            known: RefCell::default(),
            told: &told,
        };
        let out = read(&root);
        root.tell_unknown();
        out
    };
    let mut all = told.into_inner();
    all.sort_by_key(|d| d.span);
    (Some(out), all)
}

fn span_of<T>(value: &Spanned<T>) -> Span {
    Span::new(value.span().start, value.span().end)
}

impl<'d> Object<'d> {
    /// The place of the table.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The place of a key's value, else of the table.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        self.table.get(key).map_or(self.span, span_of)
    }

    /// Adds a diagnostic.
    pub(crate) fn tell(&self, diagnostic: Diagnostic) {
        self.told.borrow_mut().push(diagnostic);
    }

    fn get(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    fn wrong(&self, key: &str, wanted: &str, span: Span) {
        self.tell(Diagnostic::error("wrong-type", format!("`{key}` must be {wanted}"), span));
    }

    fn missing(&self, key: &str) {
        let span = self.table.iter().next().map_or(self.span, |(k, _)| span_of(k));
        self.tell(Diagnostic::error("missing-key", format!("`{key}` is missing or empty"), span));
    }

    /// A text; empty where absent.
    pub(crate) fn text(&self, key: &'static str) -> String {
        match self.get(key) {
            None => String::new(),
            Some(v) => match v.get_ref() {
                DeValue::String(s) => s.trim().to_owned(),
                _ => {
                    self.wrong(key, "a text", span_of(v));
                    String::new()
                }
            },
        }
    }

    /// A text that must be there.
    pub(crate) fn need(&self, key: &'static str) -> String {
        let text = self.text(key);
        if text.is_empty() {
            self.missing(key);
        }
        text
    }

    /// Texts; a single one may stand without brackets.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<String> {
        let Some(v) = self.get(key) else { return Vec::new() };
        let items: Vec<&Spanned<DeValue<'_>>> = match v.get_ref() {
            DeValue::Array(all) => all.iter().collect(),
            _ => vec![v],
        };
        let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(s) => Some(s.trim().to_owned()),
            _ => {
                self.wrong(key, "a list of texts", span_of(item));
                None
            }
        };
        items.into_iter().filter_map(text).collect()
    }

    /// A whole number.
    pub(crate) fn number(&self, key: &'static str) -> Option<u32> {
        let v = self.get(key)?;
        let number = match v.get_ref() {
            DeValue::Integer(n) => n.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, "a whole number from 0 to 4294967295", span_of(v));
        }
        number
    }

    /// A truth; false where absent.
    pub(crate) fn flag(&self, key: &'static str) -> bool {
        match self.get(key).map(|v| (v.get_ref(), span_of(v))) {
            None => false,
            Some((DeValue::Boolean(b), _)) => *b,
            Some((_, span)) => {
                self.wrong(key, "true or false", span);
                false
            }
        }
    }

    /// One of a table of words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key);
        if text.is_empty() {
            return None;
        }
        let found = words.iter().find(|(w, _)| *w == text).map(|(_, t)| *t);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            let message = format!("`{key}` cannot be `{text}`");
            self.tell(
                Diagnostic::error("unknown-word", message, self.span_of(key))
                    .with_help(format!("one of {}", known.join(", "))),
            );
        }
        found
    }

    /// The tables of a list of tables (`[[key]]`), each read by `read`.
    pub(crate) fn objects<T>(&self, key: &'static str, read: impl Fn(&Object<'_>) -> T) -> Vec<T> {
        let Some(v) = self.get(key) else { return Vec::new() };
        let DeValue::Array(all) = v.get_ref() else {
            self.wrong(key, "a list of tables", span_of(v));
            return Vec::new();
        };
        all.iter().filter_map(|item| self.inner(key, item, &read)).collect()
    }

    /// A table, read by `read`.
    pub(crate) fn object<T>(&self, key: &'static str, read: impl Fn(&Object<'_>) -> T) -> Option<T> {
        self.inner(key, self.get(key)?, &read)
    }

    fn inner<T>(
        &self,
        key: &str,
        item: &Spanned<DeValue<'_>>,
        read: &impl Fn(&Object<'_>) -> T,
    ) -> Option<T> {
        let DeValue::Table(table) = item.get_ref() else {
            self.wrong(key, "a table", span_of(item));
            return None;
        };
        if self.depth >= DEEPEST {
            self.wrong(key, "less deeply nested", span_of(item));
            return None;
        }
        let object = Object {
            table,
            span: span_of(item),
            depth: self.depth + 1,
            known: RefCell::default(),
            told: self.told,
        };
        let out = read(&object);
        object.tell_unknown();
        Some(out)
    }

    /// All members of a table whose keys are free, as texts.
    pub(crate) fn pairs(&self, key: &'static str) -> Vec<(String, String)> {
        let Some(v) = self.get(key) else { return Vec::new() };
        let DeValue::Table(table) = v.get_ref() else {
            self.wrong(key, "a table", span_of(v));
            return Vec::new();
        };
        let text = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            DeValue::Integer(n) => Some(n.as_str().to_owned()),
            DeValue::Boolean(b) => Some(b.to_string()),
            _ => {
                self.wrong(key, "texts and numbers", span_of(value));
                None
            }
        };
        table.iter().filter_map(|(k, v)| Some((k.get_ref().to_string(), text(v)?))).collect()
    }

    /// Names the keys that nobody asked for.
    fn tell_unknown(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter().filter(|(k, _)| !known.contains(&k.get_ref().as_ref())) {
            let message = format!("unknown key `{}`", key.get_ref());
            let mut names: Vec<&str> =
                known.iter().copied().filter(|k| !self.table.contains_key(*k)).collect();
            names.dedup();
            let help = match names.is_empty() {
                true => "all keys that can stand here do".to_owned(),
                false => format!("what may stand here and does not: {}", names.join(", ")),
            };
            self.tell(Diagnostic::error("unknown-key", message, span_of(key)).with_help(help));
        }
    }
}
