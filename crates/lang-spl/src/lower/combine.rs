//! Commands that bring in other rows: subsearches, tables, data models.

use std::sync::Arc;

use shikra_ir::{
    Join, JoinKind, LogSource, Lookup as IrLookup, Matching, Names, Pattern, Plan, Scalar, Table,
};
use shikra_syntax::Span;

use super::{EVAL, Lower, Order, Stream, call};

use crate::ast::{Command, Lookup, Options, Pipeline, Search, Word, option};

/// The name of the other side of a join.
pub(super) const JOINED: &str = "_joined";
/// Operators that a command repeats at most: with each such command within another the search is twice as long.
pub(super) const MAX_REPEATED: usize = 1000;

impl Lower<'_> {
    /// `join`: rows of both sides whose fields are equal; the subsearch's columns are put in.
    pub fn join(
        &mut self,
        mut s: Stream,
        fields: &[Word],
        with: &Pipeline,
        options: &Options,
        at: Span,
    ) -> Stream {
        let other = self.pipeline(with);
        let names: Vec<Arc<str>> = match fields {
            [] if s.open || other.open => {
                return self.stop(s, "join without fields joins on all that both sides have", at);
            }
            [] => s.columns.iter().filter(|c| other.has(c) && !c.starts_with('_')).cloned().collect(),
            some => some.iter().map(|w| Arc::from(&*w.text)).collect(),
        };
        let kind = match option(options, "type").map(|t| t.text.to_ascii_lowercase()).as_deref() {
            Some("left" | "outer") => JoinKind::Left,
            None | Some("inner") => JoinKind::Inner,
            Some(other) => {
                let reason = format!("join of type {other}");
                return self.stop(s, &reason, at);
            }
        };
        s.ordered();
        let keys = names.iter().map(|n| (s.field(n), other.field(n))).collect();
        let most = option(options, "max").and_then(|m| m.text.parse().ok()).unwrap_or(1u64);
        s.wrap(|left| {
            Plan::Join(Join {
                kind,
                left: ("".into(), Box::new(left)),
                right: (if other.open { "" } else { JOINED }.into(), Box::new(other.plan)),
                keys,
                time: None,
                on: None,
                most: (most > 0).then_some(most),
            })
        });
        s.order = Order::Made;
        if other.open {
            // Its events' fields are there where this side has none of the name.
            (s.open, s.names) = (true, other.names);
            s.inside.extend(other.inside);
            other.columns.iter().for_each(|c| s.add(c));
            return s;
        }
        put_in(&mut s, other.columns.iter().filter(|c| !names.contains(c)), true);
        s
    }

    /// `append`, `union`, `multisearch`: all rows of all.
    pub fn union(&mut self, first: Option<Stream>, parts: &[Pipeline], c: &Command) -> Stream {
        if parts.is_empty() {
            let s = first.unwrap_or_else(|| Stream::events(LogSource::any(Names::Splunk)));
            return self.stop(s, &format!("{} has no subsearch in brackets", c.name), c.span);
        }
        let mut all: Vec<Stream> = first.into_iter().collect();
        all.extend(parts.iter().map(|p| self.pipeline(p)));
        let appended = c.name.eq_ignore_ascii_case("append");
        joined(all, appended)
    }

    /// `appendpipe`: the rows, and what a pipe makes of them.
    pub fn append_pipe(&mut self, mut s: Stream, parts: &[Pipeline]) -> Stream {
        s.ordered();
        let Some(part) = parts.first() else { return s };
        if s.plan.operators() > MAX_REPEATED {
            return self.stop(s, "appendpipe after so many commands, which it repeats", part.span);
        }
        let more = part.commands.iter().fold(s.clone(), |s, c| self.command(s, c));
        joined(vec![s, more], true)
    }

    /// The rows of a look-up table.
    pub fn table(&mut self, name: &Word) -> Stream {
        let table = self.lookup_table(name);
        Stream {
            columns: table.columns.clone(),
            plan: Plan::Values(table),
            names: Names::Splunk,
            open: false,
            inside: vec![],
            order: Order::Made,
            series: None,
        }
    }

    fn lookup_table(&mut self, name: &Word) -> Arc<Table> {
        match self.options.tables.get(&name.text) {
            Some(t) => {
                if t.table.rows.is_empty() {
                    self.note("empty-table", format!("the table {} is empty", name.text), name.span);
                }
                t.table.clone()
            }
            None => {
                let message = format!("there is no table {}: it is taken as empty", name.text);
                self.warn("unknown-table", message, name.span);
                Arc::new(Table { name: name.text.clone(), ..Table::default() })
            }
        }
    }

    pub fn input_lookup(&mut self, s: Stream, table: &Word, condition: Option<&Search>, at: Span) -> Stream {
        let mut more = self.table(table);
        if let Some(e) = condition {
            self.narrow(&mut more, e, at);
        }
        joined(vec![s, more], true)
    }

    pub fn lookup(&mut self, mut s: Stream, l: &Lookup, at: Span) -> Stream {
        if l.on.is_empty() {
            return self.stop(s, "lookup needs a field", at);
        }
        let matching = match self.options.tables.get(&l.table.text) {
            Some(t) => t.matching.clone(),
            None => Matching::default(),
        };
        let table = self.lookup_table(&l.table);
        let on: Vec<(String, Scalar)> =
            l.on.iter().map(|(c, f)| (c.text.clone(), s.field(&f.text))).collect();
        let output: Vec<(String, Arc<str>)> = match l.output.as_slice() {
            [] => {
                let others = table.columns.iter().filter(|c| !l.on.iter().any(|(k, _)| *k.text == ***c));
                others.map(|c| (c.to_string(), c.clone())).collect()
            }
            some => some.iter().map(|(c, f)| (c.text.clone(), Arc::from(&*f.text))).collect(),
        };
        for (c, _) in l.on.iter().chain(&l.output) {
            if !table.columns.is_empty() && table.column(&c.text).is_none() {
                self.warn("unknown-column", format!("{} has no column {}", l.table.text, c.text), c.span);
            }
        }
        if l.only_new {
            // What the event has already counts as there.
            let known = output.iter().map(|(_, n)| (n.clone(), s.field(n))).collect();
            s.eval(known);
        }
        output.iter().for_each(|(_, n)| s.add(n));
        let only_new = l.only_new;
        s.wrap(|p| {
            Plan::Lookup(Box::new(IrLookup {
                input: Box::new(p),
                table: table.name.clone(),
                on,
                output,
                only_new,
                data: Some(table),
                matching,
            }))
        });
        s
    }

    /// `from datamodel Model.Object`, `from inputlookup:name`.
    pub fn from(&mut self, word: &Word) -> Stream {
        let text = word.text.replace(['"', ':', '='], " ");
        let mut parts = text.split_whitespace();
        match (parts.next().map(str::to_ascii_lowercase).as_deref(), parts.next()) {
            (Some("datamodel"), Some(name)) => {
                let (model, object) = name.split_once('.').unwrap_or((name, ""));
                Stream::events(model_source(model, object))
            }
            (Some("inputlookup" | "lookup"), Some(name)) => {
                self.table(&Word { text: name.to_owned(), ..word.clone() })
            }
            _ => {
                let s = Stream::events(LogSource::any(Names::Splunk));
                self.stop(s, "from needs datamodel or inputlookup", word.span)
            }
        }
    }

    /// `datamodel Model Object search`.
    pub fn datamodel(&mut self, fields: &[Word]) -> Stream {
        let word = |i: usize| fields.get(i).map_or("", |w| &*w.text);
        let (model, object) = match word(0).split_once('.') {
            Some(pair) => pair,
            None => (word(0), word(1)),
        };
        Stream::events(model_source(model, object))
    }
}

/// Events of a data model.
pub(super) fn model_source(model: &str, object: &str) -> LogSource {
    let object = object.rsplit('.').next().unwrap_or("");
    match object {
        "" => LogSource::with_keys(Names::Cim, [("model", model)]),
        _ => LogSource::with_keys(Names::Cim, [("model", model), ("object", object)]),
    }
}

/// Puts in the columns of the other side of a join: in the place of what was there (`over`), or where nothing was.
pub(super) fn put_in<'c>(s: &mut Stream, columns: impl Iterator<Item = &'c Arc<str>>, over: bool) {
    let value = |c: &Arc<str>| {
        let mut both = vec![Scalar::field(Names::Column, &format!("{JOINED}.{c}")), s.field(c)];
        if !over {
            both.reverse();
        }
        (c.clone(), call("coalesce", both, EVAL))
    };
    let made = columns.map(value).collect();
    s.eval(made);
    s.wrap(|p| Plan::Drop(Box::new(p), vec![Pattern::of_starred(&format!("{JOINED}.*"))]));
}

/// All rows of several streams.
pub(super) fn joined(all: Vec<Stream>, appended: bool) -> Stream {
    let mut columns: Vec<Arc<str>> = Vec::new();
    for s in &all {
        for c in &s.columns {
            if !columns.contains(c) {
                columns.push(c.clone());
            }
        }
    }
    let open = all.iter().any(|s| s.open);
    let names = all.iter().find(|s| s.open).map_or(Names::Splunk, |s| s.names);
    let events = !appended && all.iter().all(|s| s.order == Order::Events);
    let inside = all.iter().flat_map(|s| s.inside.clone()).collect();
    let plans = all.into_iter().map(|mut s| {
        // A column that only some of them make is a field of events in the others.
        let missing: Vec<_> =
            columns.iter().filter(|c| s.open && !s.has(c)).map(|c| (c.clone(), s.field(c))).collect();
        s.eval(missing);
        if !events {
            s.ordered();
        }
        s.plan
    });
    let plan = Plan::Union(plans.collect());
    let order = if events { Order::Events } else { Order::Made };
    Stream { plan, names, columns, open, inside, order, series: None }
}
