//! Documents of a file to rules: version 1's collections (`action: global`, `reset`, `repeat`) are resolved
//! here, as sigmac did, before anything is lowered.

use std::sync::Arc;

use shikra_syntax::{Diagnostic, Severity, Source, Span};

use crate::correlation;
use crate::filter;
use crate::meta::{self, Place};
use crate::near_name::nearest;
use crate::rule::{self, Sink};

use crate::{Entry, Options};
use shikra_syntax::yaml::{Document, Node};

const ACTIONS: &[&str] = &["global", "reset", "repeat", "rule"];

/// Reads documents in order; what a collection document says is carried to those that follow.
pub(crate) struct Collection<'a> {
    source: &'a Source,
    options: &'a Options,
    /// What `action: global` documents have said so far, and their text.
    global: Option<(Node<'a>, String)>,
    /// The last rule, for `action: repeat`.
    previous: Option<Node<'a>>,
    /// What there is to say of collection documents: told with the rule that follows.
    pending: Vec<Diagnostic>,
    /// Where the last collection document stands, while no rule has followed it.
    idle: Option<Span>,
    entries: Vec<Entry>,
}

impl<'a> Collection<'a> {
    pub fn new(source: &'a Source, options: &'a Options) -> Collection<'a> {
        Collection {
            source,
            options,
            global: None,
            previous: None,
            pending: Vec::new(),
            idle: None,
            entries: Vec::new(),
        }
    }

    pub fn finish(mut self) -> Vec<Entry> {
        if let Some(span) = self.idle.take() {
            let mut sink = Sink::new(self.source, self.options);
            sink.diagnostics = std::mem::take(&mut self.pending);
            let place = self.place(span, false);
            sink.reject("collection", "no rule follows this collection document", meta::head(&place), None);
            self.push_rejected(span, sink);
        }
        self.entries
    }

    /// `more`: another document follows, which may be `action: repeat`.
    pub fn add(&mut self, doc: Document<'a>, more: bool) {
        let mut sink = Sink::new(self.source, self.options);
        sink.diagnostics = std::mem::take(&mut self.pending);
        sink.diagnostics.extend(doc.diagnostics);
        let Some(mut root) = doc.root.filter(Node::is_map) else {
            self.unreadable(doc.span, sink);
            return;
        };
        let action = root.get("action").map(|a| (a.text().unwrap_or_default().to_owned(), a.span));
        root.remove("action");
        match action.as_ref().map(|(a, _)| a.as_str()) {
            Some("global") => self.add_global(root, doc.span, sink),
            Some("reset") => {
                self.global = None;
                self.pending = sink.diagnostics;
            }
            Some("repeat") => match self.previous.clone() {
                Some(mut rule) => {
                    rule.merge(&root);
                    self.add_rule(rule, doc.span, true, more, sink);
                }
                None => {
                    let at = action.map_or(doc.span, |a| a.1);
                    sink.reject("collection", "`action: repeat` comes before any rule", at, None);
                    self.push_rejected(doc.span, sink);
                }
            },
            None | Some("rule") => {
                let legacy = self.global.is_some();
                if let Some((global, _)) = &self.global {
                    root.merge(global);
                }
                self.add_rule(root, doc.span, legacy, more, sink);
            }
            Some(other) => {
                let help = nearest(other, ACTIONS.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                let at = action.as_ref().map_or(doc.span, |a| a.1);
                sink.reject("collection", format!("no action `{other}`"), at, help);
                self.push_rejected(doc.span, sink);
            }
        }
    }

    fn add_global(&mut self, root: Node<'a>, span: Span, sink: Sink) {
        let text = self.source.slice(span).trim_end();
        match &mut self.global {
            Some((global, texts)) => {
                global.merge(&root);
                texts.push_str("\n---\n");
                texts.push_str(text);
            }
            None => self.global = Some((root, text.to_owned())),
        }
        self.pending = sink.diagnostics;
        self.idle = Some(span);
    }

    fn place(&self, span: Span, legacy: bool) -> Place<'a> {
        let own = self.source.slice(span);
        let text: Arc<str> = match &self.global {
            Some((_, global)) if legacy => Arc::from(format!("{global}\n---\n{own}")),
            // The usual case, a file of one rule: its text is there already.
            _ if own.len() == self.source.text.len() => self.source.text.clone(),
            _ => Arc::from(own),
        };
        Place { source: self.source, span, text }
    }

    fn add_rule(&mut self, root: Node<'a>, span: Span, legacy: bool, more: bool, sink: Sink<'a>) {
        self.idle = None;
        let place = self.place(span, legacy);
        // Some rules have a `correlation` remark of their own beside their detection.
        let detects = root.get("detection").is_some();
        if root.get("correlation").is_some_and(|c| c.is_map() || !detects) {
            self.entries.push(Entry::Correlation(Box::new(correlation::read(&root, &place, sink))));
        } else if root.get("filter").is_some() && !detects {
            self.entries.push(Entry::Filter(Box::new(filter::read(&root, &place, sink))));
        } else {
            let rules = rule::lower(&root, &place, legacy, sink);
            // Nearly all files are one rule.
            if self.entries.is_empty() {
                self.entries.reserve_exact(rules.len());
            }
            self.entries.extend(rules.into_iter().map(|r| Entry::Rule(Box::new(r))));
        }
        self.previous = more.then_some(root);
    }

    fn unreadable(&mut self, span: Span, mut sink: Sink) {
        if !sink.diagnostics.iter().any(|d| d.severity == Severity::Error) {
            let at = meta::head(&Place { source: self.source, span, text: Arc::from("") });
            sink.diagnostics.push(Diagnostic::error("not-a-map", "a rule must be a map", at));
        }
        self.push_rejected(span, sink);
    }

    fn push_rejected(&mut self, span: Span, sink: Sink) {
        let place = self.place(span, false);
        let meta = meta::salvage(&place);
        self.entries.push(Entry::Rule(Box::new(rule::rejected(meta, sink.diagnostics))));
    }
}
