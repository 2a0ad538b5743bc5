//! Tree to plan. A [`Stream`] is what flows through a pipe: the plan so far, and which fields it has. At the
//! start those are the fields of events; once a command has made rows of its own, exactly its columns.

mod columns;
mod combine;
mod eval;
mod extract;
pub(crate) mod functions;
mod group;
mod map;
mod rows;
mod search;
pub(crate) mod spans;
mod text;

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, Call, Coerce, Expr, FieldRef, Flavor, Fold, Func, Key, LogSource, Multi, Names, Nulls,
    Pattern, Plan, Scalar, Sort, SortKey, Window, Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::Options;
use crate::ast::{Command, Kind, Pipeline, Word};
use crate::macros::Expanded;

pub(crate) use group::AGGREGATES;
pub(crate) use search::{is_aside, is_number};
pub(crate) use text::pattern;

/// Words of `search`: case does not matter, absent is different.
pub(crate) const SEARCH: Words = Words {
    fold: Fold::Unicode,
    null: Nulls::Two,
    multi: Multi::Any,
    coerce: Coerce::NumericIfBoth,
    regex: Flavor::Pcre,
};

/// Words of `eval` and `where`: case matters, absent is unknown.
pub(crate) const EVAL: Words = Words { fold: Fold::None, null: Nulls::Three, ..SEARCH };

/// The variable that holds the time of the search.
pub(crate) const NOW: &str = "now";

/// In which order rows come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// As the events lie in time; Splunk shows the latest first.
    Events,
    /// Groups: by their keys.
    Keys(Vec<Arc<str>>),
    /// As some command said.
    Made,
}

/// What flows through a pipe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stream {
    pub plan: Plan,
    /// Scheme of the fields of events.
    pub names: Names,
    /// Columns made so far, in order.
    pub columns: Vec<Arc<str>>,
    /// There are fields of events besides.
    pub open: bool,
    /// Texts that hold fields which are read when they are asked for.
    pub inside: Vec<Inside>,
    pub order: Order,
    /// Columns of which Splunk would make a table: what stands left, above, and within. Here each row is one of
    /// its cells.
    pub series: Option<[Arc<str>; 3]>,
}

/// A text with fields in it: the function that reads one by name, and what it is given before the name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inside {
    pub func: &'static str,
    pub from: Scalar,
    pub more: Vec<Scalar>,
}

impl Stream {
    pub fn events(source: LogSource) -> Stream {
        Stream {
            names: source.names,
            plan: Plan::Scan(source),
            columns: vec![],
            open: true,
            inside: vec![],
            order: Order::Events,
            series: None,
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|c| **c == *name)
    }

    pub fn add(&mut self, name: &Arc<str>) {
        if !self.has(name) {
            self.columns.push(name.clone());
        }
    }

    /// The value of a field, as searches see it: times are seconds.
    pub fn field(&self, name: &str) -> Scalar {
        if self.has(name) {
            return Scalar::field(Names::Column, name);
        }
        let own = match self.open {
            true => Scalar::Field(FieldRef::new(self.names, &name.replace("{}", ""))),
            false => Scalar::field(Names::Column, name),
        };
        if name == "_time" && self.open {
            return call("epoch-seconds", vec![own], EVAL);
        }
        self.inside.iter().fold(own, |own, i| {
            let mut args = vec![i.from.clone(), Scalar::Lit(Value::str(name))];
            args.extend(i.more.iter().cloned());
            call("coalesce", vec![own, call(i.func, args, EVAL)], EVAL)
        })
    }

    /// Puts columns in, computed left to right.
    pub fn eval(&mut self, made: Vec<(Arc<str>, Scalar)>) {
        if made.is_empty() {
            return;
        }
        made.iter().for_each(|(n, _)| self.add(n));
        // Columns are computed one after the other, in one operator or in several.
        if let Plan::Eval(_, columns) = &mut self.plan {
            return columns.extend(made);
        }
        self.wrap(|p| Plan::Eval(Box::new(p), made));
    }

    pub fn filter(&mut self, e: Expr) {
        if e != Expr::TRUE {
            self.wrap(|p| Plan::Filter(Box::new(p), e));
        }
    }

    pub fn wrap(&mut self, f: impl FnOnce(Plan) -> Plan) {
        let plan = std::mem::replace(&mut self.plan, Plan::Union(vec![]));
        self.plan = f(plan);
    }

    /// Puts columns in: aggregates of the rows around each.
    pub fn window(&mut self, keys: Vec<Key>, columns: Vec<(Arc<str>, AggFn)>, window: Window) {
        columns.iter().for_each(|(n, _)| self.add(n));
        self.wrap(|p| Plan::WindowAgg(Agg { input: Box::new(p), keys, columns, window }));
    }

    /// Takes columns away.
    pub fn drop_columns(&mut self, gone: &[impl AsRef<str>]) {
        self.columns.retain(|c| !gone.iter().any(|n| n.as_ref() == &**c));
        let patterns: Vec<Pattern> = gone.iter().map(|n| Pattern::exact(n.as_ref())).collect();
        if !patterns.is_empty() {
            self.wrap(|p| Plan::Drop(Box::new(p), patterns));
        }
    }

    /// Exactly these columns from here on.
    pub fn project(&mut self, columns: Vec<(Arc<str>, Scalar)>) {
        self.columns = columns.iter().map(|(n, _)| n.clone()).collect();
        (self.open, self.inside) = (false, vec![]);
        self.wrap(|p| Plan::Project(Box::new(p), columns));
    }

    /// Puts rows in the order in which Splunk has them, before a command to which it matters.
    pub fn ordered(&mut self) {
        let keys = match &self.order {
            Order::Made => return,
            Order::Events => vec![sort_key(self.field("_time"), true)],
            Order::Keys(keys) => {
                keys.iter().map(|k| sort_key(call("sort-value", vec![self.field(k)], EVAL), false)).collect()
            }
        };
        self.order = Order::Made;
        if !keys.is_empty() {
            self.wrap(|p| Plan::Sort(Sort { input: Box::new(p), keys }));
        }
    }
}

pub(crate) fn sort_key(value: Scalar, descending: bool) -> SortKey {
    SortKey { value, descending, nulls_first: false }
}

/// A call of a function of the IR's table.
pub(crate) fn call(name: &str, args: Vec<Scalar>, words: Words) -> Scalar {
    match Func::named(name) {
        Some(func) => Scalar::Call(Call { func, args, words }),
        None => Scalar::Lit(Value::Null),
    }
}

/// How commands are lowered, and what there is to say.
pub(crate) struct Lower<'l> {
    pub options: &'l Options,
    /// Where places of the tree stand in the search as written.
    pub text: &'l Expanded,
    pub said: &'l mut Vec<Diagnostic>,
    /// A command that cannot run: the whole cannot.
    pub rejected: bool,
    /// Something is missing, and the rest runs.
    pub partial: bool,
    pub depth: usize,
    /// Commands lowered so far, of subsearches and templates too.
    pub commands: usize,
}

/// Commands of a whole search: each is a level of the plan or more.
const MAX_COMMANDS: usize = 200;
/// Subsearches within subsearches, templates within templates.
const MAX_DEPTH: usize = 24;

impl Lower<'_> {
    pub fn error(&mut self, code: &'static str, message: impl Into<String>, at: Span) {
        let at = self.text.origin(at);
        self.said.push(Diagnostic::error(code, message, at));
    }
    pub fn warn(&mut self, code: &'static str, message: impl Into<String>, at: Span) {
        let at = self.text.origin(at);
        self.said.push(Diagnostic::warning(code, message, at));
    }
    pub fn note(&mut self, code: &'static str, message: impl Into<String>, at: Span) {
        let at = self.text.origin(at);
        let d = Diagnostic::note(code, message, at);
        if !self.said.contains(&d) {
            self.said.push(d);
        }
    }

    /// A whole search or subsearch.
    pub fn pipeline(&mut self, p: &Pipeline) -> Stream {
        self.depth += 1;
        let mut commands = p.commands.iter();
        let out = match commands.next() {
            _ if self.depth > MAX_DEPTH => {
                self.error("too-deep", "subsearches are nested too deeply", p.span);
                Stream::events(LogSource::any(Names::Splunk))
            }
            None => Stream::events(LogSource::any(Names::Splunk)),
            Some(first) => {
                let start = self.start(first);
                commands.fold(start, |s, c| self.command(s, c))
            }
        };
        self.depth -= 1;
        out
    }

    /// The first command makes rows; one that needs rows has all events.
    fn start(&mut self, c: &Command) -> Stream {
        match &c.kind {
            Kind::Search(condition) => self.base_search(condition, c.span),
            Kind::Tstats(t) => self.tstats(t, c.span),
            Kind::InputLookup { table, condition, .. } => {
                let mut s = self.table(table);
                if let Some(e) = condition {
                    self.narrow(&mut s, e, c.span);
                }
                s
            }
            Kind::From(word) => self.from(word),
            Kind::Fields { fields, .. } if c.name.eq_ignore_ascii_case("datamodel") => self.datamodel(fields),
            Kind::Fields { options, .. } if c.name.eq_ignore_ascii_case("makeresults") => self.made(options),
            Kind::Subsearches(parts) if !c.name.eq_ignore_ascii_case("append") => self.union(None, parts, c),
            _ => self.command(Stream::events(LogSource::any(Names::Splunk)), c),
        }
    }

    /// One command on what flows through the pipe.
    pub fn command(&mut self, s: Stream, c: &Command) -> Stream {
        let name = c.name.to_ascii_lowercase();
        self.commands += 1;
        if self.commands > MAX_COMMANDS {
            return self.stop(s, &format!("more than {MAX_COMMANDS} commands"), c.span);
        }
        match &c.kind {
            Kind::Search(e) => {
                let mut s = s;
                self.narrow(&mut s, e, c.span);
                s
            }
            Kind::Where(e) => {
                let mut s = s;
                let e = self.truth(&mut s, e);
                self.filter(&mut s, e);
                s
            }
            Kind::Eval(items) => self.eval_command(s, items),
            Kind::Regex { field, negated, pattern } => self.regex(s, field.as_ref(), *negated, pattern),
            Kind::Stats(x) => self.stats(s, &name, x, c.span),
            Kind::Tstats(t) => self.tstats_appended(s, t, c.span),
            Kind::Top(t) => self.top(s, t, &name),
            Kind::Rename(pairs) => self.rename(s, pairs),
            Kind::Rex { field, pattern, options } => self.rex(s, field.as_ref(), pattern, options),
            Kind::Spath { path, options } => self.spath(s, path.as_ref(), options),
            Kind::Lookup(l) => self.lookup(s, l, c.span),
            Kind::InputLookup { table, condition, .. } => {
                self.input_lookup(s, table, condition.as_ref(), c.span)
            }
            Kind::Join { fields, with, options } => self.join(s, fields, with, options, c.span),
            Kind::Beside { part, over } => self.append_columns(s, part, *over, c.span),
            Kind::Map(search) => self.map(s, search, c.span),
            Kind::Subsearches(parts) if name == "appendpipe" => self.append_pipe(s, parts),
            Kind::Subsearches(parts) => self.union(Some(s), parts, c),
            Kind::Transaction { fields, starts, ends, options } => {
                self.transaction(s, fields, [starts.as_ref(), ends.as_ref()], options)
            }
            Kind::Dedup { keep, fields, options } => self.dedup(s, *keep, fields, options, c.span),
            Kind::Bin { field, to, options } => self.bin(s, field, to.as_ref(), options, c.span),
            Kind::Fields { fields, options } => self.simple(s, &name, fields, options, c.span),
            Kind::Without(fields) => self.without(s, fields),
            Kind::Foreach { fields, body, options } => self.foreach(s, fields, *body, options, c.span),
            Kind::Convert { items, options } => self.convert(s, items, options),
            Kind::Sort { limit, keys } => self.sort(s, *limit, keys),
            Kind::Head(head) => self.head(s, head, c.span),
            Kind::Replace { pairs, fields } => self.replace(s, pairs, fields),
            Kind::From(_) => self.stop(s, "from stands only at the beginning", c.span),
            Kind::Nothing(reason) => {
                self.note("no-effect", format!("{name} has no effect: {reason}"), c.span);
                s
            }
            Kind::Unsupported(reason) => self.stop(s, reason, c.span),
        }
    }

    /// What follows cannot be computed.
    pub fn stop(&mut self, mut s: Stream, reason: &str, at: Span) -> Stream {
        if !matches!(s.plan, Plan::Opaque(..)) {
            self.error("unsupported-command", format!("not supported: {reason}"), at);
        }
        self.rejected = true;
        let at = self.text.origin(at);
        s.wrap(|p| match p {
            Plan::Opaque(..) => p,
            p => Plan::Opaque(Some(Box::new(p)), shikra_ir::Opaque { reason: reason.to_owned(), span: at }),
        });
        s
    }

    /// Says that rows stand for the cells of a table.
    pub fn note_long_form(&mut self, at: Span) {
        let message = "one row for each pair of values, not a column for each of the second field's";
        self.note("long-form", message, at);
    }

    /// Keeps the rows for which a condition holds. Conditions on the time of the search are no matter of one
    /// event.
    pub fn filter(&mut self, s: &mut Stream, e: Expr) {
        if search::reads_now(&e) {
            s.wrap(|p| Plan::Eval(Box::new(p), vec![(Arc::from("now()"), Scalar::Var(Arc::from(NOW)))]));
        }
        s.filter(e);
    }

    /// The columns whose names fit; where rows are events, those that were made, and names without a wildcard.
    pub fn matching(&self, s: &Stream, word: &Word) -> Vec<Arc<str>> {
        if !word.text.contains('*') {
            return vec![Arc::from(&*word.text)];
        }
        let p = Pattern::of_starred(&word.text);
        s.columns.iter().filter(|c| p.matches(c)).cloned().collect()
    }
}
