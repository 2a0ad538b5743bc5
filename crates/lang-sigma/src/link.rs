//! What rules say of one another: filters to the rules they are added to, correlations to the rules they watch.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_ir::{LoadStatus, Opaque, Plan, Rule, RuleRef};
use shikra_syntax::{Diagnostic, Severity, Span};

use crate::Entry;
use crate::correlation::{self, Correlation, Watched};
use crate::filter::{self, Filter};
use crate::near_name::nearest;

/// Deepest chain of correlations.
const MAX_CHAIN: usize = 32;

/// Links so many entries, in their order.
pub(crate) fn link(entries: impl Iterator<Item = Entry>, number: usize) -> Vec<Rule> {
    let mut linker = Linker { slots: Vec::with_capacity(number), ..Linker::default() };
    for entry in entries {
        linker.add(entry);
    }
    linker.index();
    linker.filter();
    for at in 0..linker.slots.len() {
        linker.correlate(at, 0);
    }
    linker.finish()
}

/// A place in the order of rules.
struct Slot {
    rule: Option<Box<Rule>>,
    /// A correlation that is not linked yet.
    pending: Option<Box<Correlation>>,
    /// Its links are being followed: meeting it again is a circle.
    open: bool,
}

#[derive(Default)]
struct Linker {
    slots: Vec<Slot>,
    filters: Vec<(usize, Filter)>,
    /// Slots by id and by name.
    names: HashMap<String, Vec<usize>>,
    /// Slots that some correlation watches: whether they report all the same.
    watched: HashMap<usize, bool>,
}

impl Linker {
    fn add(&mut self, entry: Entry) {
        let (rule, pending) = match entry {
            Entry::Rule(r) => (Some(r), None),
            Entry::Correlation(c) => (None, Some(c)),
            Entry::Filter(f) => {
                self.filters.push((self.slots.len(), *f));
                (None, None)
            }
        };
        self.slots.push(Slot { rule, pending, open: false });
    }

    fn index(&mut self) {
        // Only these ask for rules by name.
        if self.filters.is_empty() && self.slots.iter().all(|s| s.pending.is_none()) {
            return;
        }
        self.names.reserve(self.slots.len());
        for (at, slot) in self.slots.iter().enumerate() {
            let meta = match (&slot.rule, &slot.pending) {
                (Some(r), _) => &*r.meta,
                (None, Some(c)) => &c.meta,
                (None, None) => continue,
            };
            let mut add = |name: &str| {
                let known = self.names.entry(name.to_owned()).or_default();
                if !known.contains(&at) {
                    known.push(at);
                }
            };
            add(&meta.id);
            meta.name.as_deref().into_iter().for_each(add);
        }
    }

    fn filter(&mut self) {
        let mut filters = std::mem::take(&mut self.filters);
        for (_, f) in &mut filters {
            self.report_targets(f);
            let Some(condition) = &f.condition else { continue };
            for rule in self.slots.iter_mut().filter_map(|s| s.rule.as_mut()) {
                let mut sources = Vec::new();
                if f.targets(&rule.meta.id, rule.meta.name.as_deref()) {
                    filter::scans(&rule.plan, &mut sources);
                }
                if !sources.is_empty() && sources.iter().all(|s| f.covers(s)) {
                    rule.plan = filter::apply(&rule.plan, condition);
                }
            }
        }
        // Only now, so that filters are not added to filters.
        for (at, f) in filters {
            self.slots[at].rule = Some(Box::new(f.rule));
        }
    }

    /// Says which targets of a filter do not exist, cannot be filtered or are of another log source.
    fn report_targets(&self, f: &mut Filter) {
        for (target, span) in f.targets.clone().unwrap_or_default() {
            let Some(at) = self.names.get(&target).and_then(|v| v.first()) else {
                let message = format!("no rule `{target}` to filter");
                f.rule.diagnostics.push(Diagnostic::warning("unknown-rule", message, span));
                continue;
            };
            let mut sources = Vec::new();
            if let Some(rule) = &self.slots[*at].rule {
                filter::scans(&rule.plan, &mut sources);
            }
            let message = match sources.as_slice() {
                [] => format!("`{target}` reads no events of its own: it is not filtered"),
                s if s.iter().all(|s| f.covers(s)) => continue,
                _ => format!("`{target}` has another log source: it is not filtered"),
            };
            f.rule.diagnostics.push(Diagnostic::warning("filter-target", message, span));
        }
    }

    /// Links the correlation at a place, those that it watches first.
    fn correlate(&mut self, at: usize, depth: usize) {
        let Some(mut c) = self.slots[at].pending.take() else { return };
        self.slots[at].open = true;
        let mut watched = Vec::new();
        for (reference, span) in c.rules.clone() {
            match self.watch(&reference, depth) {
                Ok((slots, w)) => {
                    for s in slots {
                        *self.watched.entry(s).or_insert(false) |= c.generate;
                    }
                    watched.push(w);
                }
                Err((message, help)) => {
                    let mut d = Diagnostic::error("unknown-rule", message, span);
                    d.help = help;
                    c.diagnostics.push(d);
                    c.rejected = true;
                }
            }
        }
        let plan = if c.rejected { None } else { correlation::plan(&mut c, watched) };
        self.slots[at].open = false;
        self.slots[at].rule = Some(Box::new(finish(*c, plan)));
    }

    /// The rules that a reference means, and how their rows are read.
    fn watch(
        &mut self,
        reference: &str,
        depth: usize,
    ) -> Result<(Vec<usize>, Watched), (String, Option<String>)> {
        let Some(found) = self.names.get(reference).cloned() else {
            let near = nearest(reference, self.names.keys().map(String::as_str));
            let help = near.map(|n| format!("did you mean `{n}`?"));
            return Err((format!("no rule `{reference}`"), help));
        };
        if depth > MAX_CHAIN || found.iter().any(|&i| self.slots[i].open) {
            return Err((format!("`{reference}` watches itself, directly or by others"), None));
        }
        for &i in &found {
            self.correlate(i, depth + 1);
        }
        let rules: Vec<&Rule> = found.iter().filter_map(|&i| self.slots[i].rule.as_deref()).collect();
        if let Some(bad) = rules.iter().find(|r| r.status == LoadStatus::Rejected) {
            return Err((format!("`{reference}` was rejected ({:?})", bad.meta.title), None));
        }
        let mut names: Vec<String> = rules.iter().map(|r| r.meta.id.clone()).collect();
        names.extend(rules.iter().filter_map(|r| r.meta.name.clone()));
        // One rule is referred to; several of the same name (the documents of a collection) are read together.
        let plan = match rules.as_slice() {
            [one] if self.names.get(&one.meta.id).is_some_and(|v| v.len() == 1) => {
                Plan::Rule(RuleRef(Arc::from(one.meta.id.as_str())))
            }
            several => Plan::Union(several.iter().map(|r| r.plan.clone()).collect()),
        };
        Ok((found, Watched { reference: reference.to_owned(), names, plan }))
    }

    fn finish(self) -> Vec<Rule> {
        let mut out = Vec::with_capacity(self.slots.len());
        for (at, slot) in self.slots.into_iter().enumerate() {
            let Some(mut rule) = slot.rule else { continue };
            if self.watched.get(&at) == Some(&false) {
                rule.reports = false;
            }
            out.push(*rule);
        }
        out
    }
}

fn finish(c: Correlation, plan: Option<Plan>) -> Rule {
    let first = c.diagnostics.iter().find(|d| d.severity == Severity::Error);
    let (plan, status) = match plan {
        Some(p) if !c.rejected => (p, LoadStatus::Ok),
        _ => {
            let reason = first.map_or_else(|| "rejected".to_owned(), |d| d.message.clone());
            let span = first.map_or(Span::default(), |d| d.span);
            (Plan::Opaque(None, Opaque { reason, span }), LoadStatus::Rejected)
        }
    };
    Rule { meta: Arc::new(c.meta), plan, reports: true, status, diagnostics: c.diagnostics }
}
