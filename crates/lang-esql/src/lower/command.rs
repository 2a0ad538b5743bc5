//! Commands other than STATS.

use std::sync::Arc;

use shikra_ir::extract::{Dissect, Grok};
use shikra_ir::{
    CmpOp, Expr as Pred, Extract, FieldRef, Lookup, Matching, Names, Pattern, Plan, Scalar, Sort, SortKey,
};
use shikra_syntax::{Diagnostic, Span};

use super::call::function;
use super::{Lower, mentions_now};
use crate::ast::{Assign, Expr, Kind, Name, NamePattern, Order};

/// The operands of AND.
pub(super) fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        Kind::And(v) => v.iter().flat_map(conjuncts).collect(),
        _ => vec![e],
    }
}

/// `@timestamp > now() - 7 days` and the like: how far back a search on a schedule looks.
pub(super) fn is_range(e: &Expr) -> bool {
    let Kind::Compare(op, left, right) = &e.kind else { return false };
    let is_time = |e: &Expr| matches!(&e.kind, Kind::Field(f) if f == "@timestamp");
    match op {
        CmpOp::Gt | CmpOp::Ge => is_time(left) && is_past(right),
        CmpOp::Lt | CmpOp::Le => is_time(right) && is_past(left),
        _ => false,
    }
}

/// `now()` less a span of time.
fn is_past(e: &Expr) -> bool {
    match &e.kind {
        Kind::Call { name, .. } => name == "now",
        Kind::Arithmetic('-', now, by) => is_past(now) && matches!(by.kind, Kind::Duration(..)),
        _ => false,
    }
}

impl Lower<'_, '_> {
    pub(super) fn row(&mut self, columns: &[Assign]) {
        let table = shikra_ir::Table { rows: vec![vec![]], ..shikra_ir::Table::default() };
        self.plan = Plan::Values(Arc::new(table));
        self.eval(columns);
    }

    pub(super) fn filter(&mut self, e: &Expr) {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for part in conjuncts(e) {
            if self.options.now.is_none() && is_range(part) {
                let message = "how far back the search looks is left to the logs that are given";
                self.say(Diagnostic::note("time-range", message, part.span));
            } else if mentions_now(part) && self.options.now.is_none() {
                later.push(self.predicate(part));
            } else {
                first.push(self.predicate(part));
            }
        }
        if !first.is_empty() {
            self.wrap(|p| Plan::Filter(p, Pred::and(first)));
        }
        if !later.is_empty() {
            // The present is known at the end only: not a condition on single events.
            self.wrap(|p| Plan::Eval(p, vec![]));
            self.wrap(|p| Plan::Filter(p, Pred::and(later)));
        }
    }

    pub(super) fn eval(&mut self, columns: &[Assign]) {
        let mut out: Vec<(Arc<str>, Scalar)> = Vec::new();
        for c in columns {
            let value = self.scalar(&c.value);
            out.push((Arc::from(c.name.text.as_str()), value));
            self.made(&c.name.text);
        }
        self.wrap(|p| Plan::Eval(p, out));
    }

    pub(super) fn keep(&mut self, patterns: &[NamePattern]) {
        let mut kept: Vec<Arc<str>> = Vec::new();
        let mut fields: Vec<(Arc<str>, Scalar)> = Vec::new();
        let mut globs = Vec::new();
        for p in patterns {
            match p.pattern.literal() {
                Some(name) if self.columns.iter().any(|c| **c == *name) => kept.push(Arc::from(name)),
                Some(name) if fields.iter().any(|(n, _)| **n == *name) => {}
                Some(name) => {
                    let value = self.resolve(name, p.span);
                    fields.push((Arc::from(name), value));
                    kept.push(Arc::from(name));
                }
                None => {
                    globs.push(p.pattern.clone());
                    kept.extend(self.columns.iter().filter(|c| p.pattern.matches(c)).cloned());
                }
            }
        }
        let mut once: Vec<Arc<str>> = Vec::new();
        kept.into_iter().for_each(|k| {
            if !once.contains(&k) {
                once.push(k);
            }
        });
        if !fields.is_empty() {
            self.wrap(|p| Plan::Eval(p, fields));
        }
        let gone: Vec<Pattern> =
            self.columns.iter().filter(|c| !once.contains(c)).map(|c| Pattern::exact(c)).collect();
        self.columns = once;
        if self.lax {
            return;
        }
        let all_fields = globs.iter().any(|g| g.matches("any field whatever"));
        match &mut self.open {
            // Fields that patterns name cannot be listed: they stay reachable, as they are.
            Some(_) if all_fields => self.without(gone),
            Some(open) if globs.iter().any(is_of_fields) => {
                let before = open.only.take();
                let still = |g: &Pattern| before.as_ref().is_none_or(|b| b.contains(g));
                open.only = Some(globs.into_iter().filter(still).collect());
                self.without(gone);
            }
            _ => {
                self.open = None;
                self.project_columns();
            }
        }
    }

    fn without(&mut self, gone: Vec<Pattern>) {
        if !gone.is_empty() {
            self.wrap(|p| Plan::Drop(p, gone));
        }
    }

    pub(super) fn drop(&mut self, patterns: &[NamePattern]) {
        let patterns: Vec<Pattern> = patterns.iter().map(|p| p.pattern.clone()).collect();
        let hit = |c: &Arc<str>| patterns.iter().any(|p| p.matches(c));
        let gone: Vec<Pattern> = self.columns.iter().filter(|c| hit(c)).map(|c| Pattern::exact(c)).collect();
        self.columns.retain(|c| !hit(c));
        self.without(gone);
        if let Some(open) = &mut self.open {
            open.hidden.extend(patterns);
        }
    }

    pub(super) fn rename(&mut self, names: &[(Name, Name)]) {
        for (old, new) in names {
            if old.text == new.text {
                continue;
            }
            let value = self.resolve(&old.text, old.span);
            let (from, to): (Arc<str>, Arc<str>) = (Arc::from(&*old.text), Arc::from(&*new.text));
            let made = self.columns.contains(&from);
            let place = self.columns.iter().position(|c| *c == from);
            self.wrap(|p| Plan::Eval(p, vec![(to.clone(), value)]));
            self.columns.retain(|c| *c != to);
            match place {
                Some(i) => match self.columns.iter_mut().find(|c| **c == from) {
                    Some(c) => *c = to,
                    None => self.columns.insert(i.min(self.columns.len()), to),
                },
                None => self.columns.push(to),
            }
            if made {
                self.without(vec![Pattern::exact(&from)]);
            }
            if let Some(open) = &mut self.open {
                open.hidden.push(Pattern::exact(&from));
            }
        }
    }

    /// Of several values the least counts, or the greatest where the order is descending.
    pub(super) fn sort(&mut self, keys: &[Order]) {
        let key = |k: &Order| {
            let value = self.scalar(&k.value);
            let name = if k.descending { "values-max" } else { "values-min" };
            let nulls_first = k.nulls_first.unwrap_or(k.descending);
            SortKey { value: function(name, vec![value]), descending: k.descending, nulls_first }
        };
        let keys = keys.iter().map(key).collect();
        self.wrap(|input| Plan::Sort(Sort { input, keys }));
    }

    pub(super) fn grok(&mut self, from: &Expr, patterns: &[String], span: Span) {
        let from = self.scalar(from);
        let mut columns = Vec::new();
        for p in patterns {
            match Grok::parse(p) {
                Ok(g) => columns.extend(g.columns()),
                Err(why) => self.say(Diagnostic::error("grok", format!("{p:?}: {why}"), span)),
            }
        }
        let patterns = patterns.to_vec();
        self.extract(Extract::Grok { from, patterns }, columns);
    }

    pub(super) fn dissect(&mut self, from: &Expr, pattern: &str, separator: &str, span: Span) {
        let from = self.scalar(from);
        match Dissect::parse(pattern, separator) {
            Ok(d) => {
                let columns = d.columns();
                let (pattern, separator) = (pattern.to_owned(), separator.to_owned());
                self.extract(Extract::Dissect { from, pattern, separator }, columns);
            }
            Err(why) => self.say(Diagnostic::error("dissect", format!("{pattern:?}: {why}"), span)),
        }
    }

    fn extract(&mut self, e: Extract, columns: Vec<Arc<str>>) {
        self.wrap(|p| Plan::Extract(p, e));
        columns.iter().for_each(|c| self.made(c));
    }

    pub(super) fn mv_expand(&mut self, name: &Name) {
        let known = self.columns.iter().any(|c| **c == *name.text);
        if !known {
            let value = self.resolve(&name.text, name.span);
            self.wrap(|p| Plan::Eval(p, vec![(Arc::from(&*name.text), value)]));
            self.made(&name.text);
        }
        self.wrap(|p| Plan::Unnest(p, FieldRef::new(Names::Column, &name.text)));
    }

    /// A policy's table is known by the policy's name, its match field by the field's.
    pub(super) fn enrich(&mut self, policy: &str, on: Option<&Name>, with: &[(Name, Name)], span: Span) {
        let policy = policy.rsplit(':').next().unwrap_or(policy);
        let Some(on) = on else {
            let opaque = self.unsupported(format!("ENRICH {policy} without ON"), span);
            self.wrap(|p| Plan::Opaque(Some(p), opaque));
            self.lax = true;
            return;
        };
        let key = self.resolve(&on.text, on.span);
        let output = with.iter().map(|(new, theirs)| (theirs.text.clone(), Arc::from(&*new.text))).collect();
        self.lookup(policy, vec![(on.text.clone(), key)], output);
        with.iter().for_each(|(new, _)| self.made(&new.text));
        self.lax |= with.is_empty();
    }

    pub(super) fn lookup_join(&mut self, table: &str, on: &[Name]) {
        let keys = on.iter().map(|n| (n.text.clone(), self.resolve(&n.text, n.span))).collect();
        self.lookup(table, keys, vec![]);
        self.lax = true;
    }

    fn lookup(&mut self, table: &str, on: Vec<(String, Scalar)>, output: Vec<(String, Arc<str>)>) {
        let table = table.to_owned();
        self.wrap(|input| {
            let (data, matching) = (None, Matching::default());
            Plan::Lookup(Box::new(Lookup { input, table, on, output, only_new: false, data, matching }))
        });
    }
}

/// Whether a pattern may mean fields of events: those of made columns begin with a name of their own.
fn is_of_fields(p: &Pattern) -> bool {
    !p.to_string().starts_with("Esql")
}
