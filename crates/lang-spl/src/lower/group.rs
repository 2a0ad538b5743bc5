//! Commands that make groups: `stats` and its kin, `tstats`, `top`, `transaction`, `dedup`.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, Dedup, Expr, Key, Names, Op, Plan, Scalar, Sort, Window};
use shikra_syntax::Span;

use super::columns::text;
use super::combine::model_source;
use super::search::{conjuncts, test};
use super::spans::{TIME, bucket};
use super::text::{seconds, segments};
use super::{EVAL, Lower, Order, SEARCH, Stream, call, sort_key};
use crate::ast::{
    Aggregate, Argument, Boundary, By, Options, Search, Stats, Top, Tstats, Word, flag, option,
};

/// Nanoseconds of so many seconds.
fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

impl Lower<'_> {
    /// `stats`, `eventstats`, `streamstats`, `chart`, `timechart`.
    pub fn stats(&mut self, mut s: Stream, name: &str, x: &Stats, at: Span) -> Stream {
        let mut by = x.by.clone();
        if name == "timechart" {
            let span = option(&x.options, "span").map(|span| span.text.clone());
            if span.is_none() {
                self.suitable_buckets(&mut s, TIME.into(), &x.options, at);
            }
            by.insert(0, By { field: Word { text: TIME.into(), ..Word::default() }, span });
        } else if let (Some(span), Some(first)) = (option(&x.options, "span"), by.first_mut()) {
            first.span.get_or_insert_with(|| span.text.clone());
        }
        if matches!(name, "chart" | "timechart") && by.len() > 1 {
            self.note_long_form(at);
        }
        self.order_for(&mut s, &x.aggregates, name == "streamstats");
        let keys = self.keys(&s, &by, None);
        let columns = self.aggregates(&mut s, &x.aggregates);
        if let Some(option) = ["time_window", "reset_on_change", "reset_before", "reset_after"]
            .iter()
            .find(|o| option(&x.options, o).is_some())
        {
            return self.stop(s, &format!("{name} with {option}"), at);
        }
        let window = match name {
            "streamstats" => Window::Rows {
                most: option(&x.options, "window").and_then(|w| w.text.parse().ok()).unwrap_or(0),
                current: option(&x.options, "current").is_none() || flag(&x.options, "current"),
            },
            _ => Window::None,
        };
        let adds = matches!(name, "eventstats" | "streamstats");
        let [x, y] = [0, 1].map(|n| keys.get(n).map(|k| k.name.clone()));
        let value = columns.first().map(|(n, _)| n.clone()).filter(|_| columns.len() == 1);
        self.aggregate(&mut s, keys, columns, window, adds);
        if let (true, Some(x), Some(y), Some(value)) = (matches!(name, "chart" | "timechart"), x, y, value) {
            s.series = Some([x, y, value]);
        }
        s
    }

    /// Puts rows in the order that Splunk has, where an aggregate tells of it.
    fn order_for(&mut self, s: &mut Stream, all: &[Aggregate], always: bool) {
        if always || all.iter().any(|a| ordered_function(&a.func)) {
            s.ordered();
        }
    }

    /// Puts an aggregation on top. One that makes groups leaves its keys and columns and no more.
    fn aggregate(
        &mut self,
        s: &mut Stream,
        keys: Vec<Key>,
        columns: Vec<(Arc<str>, AggFn)>,
        window: Window,
        adds: bool,
    ) {
        if adds {
            return s.window(keys, columns, window);
        }
        let made: Vec<Arc<str>> = columns.iter().map(|(n, _)| n.clone()).collect();
        let by: Vec<Arc<str>> = keys.iter().map(|k| k.name.clone()).collect();
        s.columns = by.iter().chain(&made).cloned().collect();
        (s.open, s.inside, s.order, s.series) = (false, vec![], Order::Keys(by), None);
        s.wrap(|p| Plan::Agg(Agg { input: Box::new(p), keys, columns, window }));
    }

    fn keys(&mut self, s: &Stream, by: &[By], fill: Option<&str>) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for b in by {
            for name in self.matching(s, &b.field) {
                let mut value = s.field(&name);
                if let Some(span) = &b.span {
                    match bucket(value.clone(), span) {
                        Some(start) => value = start,
                        None => self.error("bad-span", format!("{span} is no span"), b.field.span),
                    }
                }
                if let Some(fill) = fill {
                    value = call("coalesce", vec![value, text(fill)], EVAL);
                }
                if !keys.iter().any(|k| k.name == name) {
                    // Several values make a group each.
                    let value = call("each-value", vec![value], EVAL);
                    keys.push(Key { name, value, optional: false });
                }
            }
        }
        keys
    }

    fn aggregates(&mut self, s: &mut Stream, all: &[Aggregate]) -> Vec<(Arc<str>, AggFn)> {
        let mut out: Vec<(Arc<str>, AggFn)> = Vec::new();
        for a in all {
            if a.func == "sparkline" {
                self.note("no-effect", "sparkline draws: there is nothing to compute", a.span);
                continue;
            }
            let made = match &a.argument {
                Argument::Field(w) if w.text.contains('*') => self.over_many(s, a, w),
                _ => self.one_aggregate(s, a).into_iter().collect(),
            };
            for (name, f) in made {
                match out.iter_mut().find(|(n, _)| *n == name) {
                    Some(old) => old.1 = f,
                    None => out.push((name, f)),
                }
            }
        }
        out
    }

    fn one_aggregate(&mut self, s: &mut Stream, a: &Aggregate) -> Option<(Arc<str>, AggFn)> {
        let (value, written) = match &a.argument {
            Argument::None => (None, a.func.clone()),
            Argument::Field(w) => (Some(s.field(&w.text)), format!("{}({})", a.func, w.text)),
            Argument::Eval(e) => {
                let counts = matches!(&*a.func, "count" | "c");
                let value = match counts {
                    true => Scalar::Case(vec![(self.truth(s, e), Scalar::Lit(Value::I64(1)))], None),
                    false => self.value(s, e),
                };
                (Some(value), format!("{}(eval)", a.func))
            }
        };
        let name = Arc::from(a.to.as_deref().unwrap_or(&written));
        match function(&a.func, value) {
            Some(f) => Some((name, f)),
            None => {
                let message = format!("there is no aggregate {}, or it is not supported", a.func);
                self.error("unknown-aggregate", message, a.span);
                None
            }
        }
    }

    /// `values(*) as *`: one for each column that fits.
    fn over_many(&mut self, s: &mut Stream, a: &Aggregate, w: &Word) -> Vec<(Arc<str>, AggFn)> {
        if s.open {
            let message =
                "fields by pattern are those that were made before: others of the events are left out";
            self.warn("open-fields", message, a.span);
        }
        let names = self.matching(s, w);
        let one = |name: &Arc<str>| {
            let to = match &a.to {
                Some(to) if to.contains('*') => {
                    let parts = segments(&w.text, name)?.join("");
                    to.replacen('*', &parts, 1)
                }
                Some(to) => to.clone(),
                None => format!("{}({name})", a.func),
            };
            Some((Arc::from(to), function(&a.func, Some(s.field(name)))?))
        };
        names.iter().filter_map(one).collect()
    }

    /// `tstats` over a data model, or over the events themselves.
    pub fn tstats(&mut self, t: &Tstats, at: Span) -> Stream {
        let options = &t.stats.options;
        if let Some(o) = option(options, "prestats").filter(|_| flag(options, "prestats")) {
            let at = o.span;
            let s = Stream::events(shikra_ir::LogSource::any(Names::Cim));
            return self.stop(s, "tstats with prestats=true", at);
        }
        let mut s = match &t.from {
            Some((model, object)) => {
                let node = t.condition.as_ref().and_then(node_name);
                let object = node.or(object.as_deref()).unwrap_or("");
                let mut s = Stream::events(model_source(&model.text, object));
                if let Some(e) = &t.condition {
                    self.narrow(&mut s, e, at);
                }
                s
            }
            None => match &t.condition {
                Some(e) => self.base_search(e, at),
                None => Stream::events(shikra_ir::LogSource::any(Names::Splunk)),
            },
        };
        self.order_for(&mut s, &t.stats.aggregates, false);
        let fill = option(options, "fillnull_value").map(|f| f.text.clone());
        let keys = self.keys(&s, &t.stats.by, fill.as_deref());
        let columns = self.aggregates(&mut s, &t.stats.aggregates);
        self.aggregate(&mut s, keys, columns, Window::None, false);
        s
    }

    /// `tstats append=true`.
    pub fn tstats_appended(&mut self, s: Stream, t: &Tstats, at: Span) -> Stream {
        if !flag(&t.stats.options, "append") {
            return self.stop(s, "tstats stands at the beginning, or has append=true", at);
        }
        let more = self.tstats(t, at);
        super::combine::joined(vec![s, more], true)
    }

    /// `top` and `rare`: counts, share, order, the first so many of each group.
    pub fn top(&mut self, mut s: Stream, t: &Top, name: &str) -> Stream {
        let names = |words: &[Word]| -> Vec<Arc<str>> { words.iter().map(|w| Arc::from(&*w.text)).collect() };
        let (fields, by) = (names(&t.fields), names(&t.by));
        let named =
            |o: &str, d: &str| -> Arc<str> { Arc::from(option(&t.options, o).map_or(d, |w| &w.text)) };
        let (count, share) = (named("countfield", "count"), named("percentfield", "percent"));
        let key = |s: &Stream, n: &Arc<str>| Key { name: n.clone(), value: s.field(n), optional: false };
        let keys = by.iter().chain(&fields).map(|n| key(&s, n)).collect();
        self.aggregate(&mut s, keys, vec![(count.clone(), AggFn::Count)], Window::None, false);
        let total: Arc<str> = Arc::from("_total");
        let keys = by.iter().map(|n| key(&s, n)).collect();
        let sum = vec![(total.clone(), AggFn::Sum(s.field(&count)))];
        self.aggregate(&mut s, keys, sum, Window::None, true);
        let percent = call(
            "spl-divide",
            vec![
                call("spl-times", vec![s.field(&count), Scalar::Lit(Value::I64(100))], EVAL),
                s.field(&total),
            ],
            EVAL,
        );
        s.eval(vec![(share.clone(), call("spl-round", vec![percent, Scalar::Lit(Value::I64(6))], EVAL))]);
        s.ordered();
        let keys = vec![sort_key(s.field(&count), name == "top")];
        s.wrap(|p| Plan::Sort(Sort { input: Box::new(p), keys }));
        if t.limit > 0 && by.is_empty() {
            s.wrap(|p| Plan::Limit(Box::new(p), t.limit));
        } else if t.limit > 0 {
            let keys = by.iter().map(|n| s.field(n)).collect();
            s.wrap(|p| Plan::Dedup(Dedup { input: Box::new(p), keys, keep: t.limit }));
        }
        let shown = |o: &str| option(&t.options, o).is_none() || flag(&t.options, o);
        let mut columns: Vec<Arc<str>> = by.into_iter().chain(fields).collect();
        columns.extend(shown("showcount").then_some(count));
        columns.extend(shown("showperc").then_some(share));
        let columns = columns.into_iter().map(|c| (c.clone(), s.field(&c))).collect();
        s.project(columns);
        s
    }

    /// Groups of events near one another. Fields that are asked for later have the values of all of them.
    pub fn transaction(
        &mut self,
        mut s: Stream,
        fields: &[Word],
        ends: [Option<&Boundary>; 2],
        options: &Options,
    ) -> Stream {
        let span = |name: &str| option(options, name).and_then(|w| seconds(&w.text)).map(nanos);
        let window = Window::Session { gap: span("maxpause").unwrap_or(i64::MAX), max: span("maxspan") };
        let mut columns: Vec<(Arc<str>, AggFn)> = vec![
            ("duration".into(), AggFn::Other("duration".into(), vec![])),
            ("eventcount".into(), AggFn::Count),
            ("_time".into(), AggFn::Min(s.field("_time"))),
        ];
        for (name, boundary) in ["starts-with", "ends-with"].into_iter().zip(ends) {
            let e = match boundary {
                Some(Boundary::Search(e)) => self.condition(&mut s, e),
                Some(Boundary::Eval(e)) => self.truth(&mut s, e),
                None => continue,
            };
            let truth = Scalar::Truth(Box::new(e));
            columns.push((Arc::from(format!("_{name}")), AggFn::Other(name.into(), vec![truth])));
        }
        if let Some(n) = option(options, "maxevents").and_then(|w| w.text.parse::<i64>().ok()) {
            let n = Scalar::Lit(Value::I64(n));
            columns.push(("_most".into(), AggFn::Other("most".into(), vec![n])));
        }
        let keep = flag(options, "keepevicted");
        columns.push(("_rest".into(), AggFn::Other("merge".into(), vec![Scalar::Lit(Value::Bool(keep))])));
        let keys = fields.iter().map(|w| Key {
            name: Arc::from(&*w.text),
            value: s.field(&w.text),
            // Events without the field belong to no transaction of it.
            optional: false,
        });
        let keys: Vec<Key> = keys.collect();
        ["duration", "eventcount", "_time"].into_iter().for_each(|n| s.add(&Arc::from(n)));
        s.order = Order::Made;
        s.wrap(|p| Plan::Agg(Agg { input: Box::new(p), keys, columns, window }));
        s
    }

    pub fn dedup(
        &mut self,
        mut s: Stream,
        keep: u64,
        fields: &[Word],
        options: &Options,
        at: Span,
    ) -> Stream {
        if flag(options, "consecutive") || flag(options, "keepevents") {
            return self.stop(s, "dedup with consecutive or keepevents", at);
        }
        let keys: Vec<Scalar> = fields.iter().map(|w| s.field(&w.text)).collect();
        let there = |k: &Scalar| test(k.clone(), Op::IsNull, SEARCH, self.text.origin(at)).negate();
        let all: Vec<Expr> = keys.iter().map(there).collect();
        if !flag(options, "keepempty") {
            self.filter(&mut s, Expr::and(all));
        }
        s.ordered();
        s.wrap(|p| Plan::Dedup(Dedup { input: Box::new(p), keys, keep }));
        if let Some(by) = option(options, "sortby").cloned() {
            let keys: Vec<_> = by.text.split_whitespace().map(|k| key_of(k, by.span)).collect();
            s = self.sort(s, 0, &keys);
        }
        s
    }

    /// `mvcombine x`: rows that differ in nothing else become one.
    pub fn combine_mv(&mut self, mut s: Stream, fields: &[Word], at: Span) -> Stream {
        let Some(field) = fields.first().filter(|_| !s.open) else {
            return self.stop(s, "mvcombine over events compares all their fields", at);
        };
        let others: Vec<Arc<str>> = s.columns.iter().filter(|c| ***c != *field.text).cloned().collect();
        s.ordered();
        let keys =
            others.iter().map(|c| Key { name: c.clone(), value: s.field(c), optional: true }).collect();
        let name: Arc<str> = Arc::from(&*field.text);
        let columns = vec![(name.clone(), AggFn::List(s.field(&name)))];
        self.aggregate(&mut s, keys, columns, Window::None, false);
        s.order = Order::Made;
        s
    }
}

fn key_of(text: &str, span: Span) -> (Word, bool, String) {
    let name = text.trim_start_matches(['-', '+']).to_owned();
    (Word { text: name, quoted: false, span }, text.starts_with('-'), "auto".into())
}

/// The object that `nodename=` names.
fn node_name(e: &Search) -> Option<&str> {
    conjuncts(e).into_iter().find_map(|c| match c {
        Search::Compare { field, value, .. } if field.text == "nodename" => Some(&*value.text),
        _ => None,
    })
}

/// Whether an aggregate depends on the order in which rows come.
fn ordered_function(name: &str) -> bool {
    matches!(name, "first" | "last" | "list")
}

/// Aggregates, but for those that others are other names of.
pub(crate) const AGGREGATES: &[&str] = &[
    "count", "dc", "values", "list", "sum", "avg", "min", "max", "range", "median", "mode", "stdev", "var",
    "stdevp", "varp", "sumsq", "earliest", "latest", "first", "last",
];

/// An aggregate by its name.
pub(super) fn function(name: &str, value: Option<Scalar>) -> Option<AggFn> {
    let Some(v) = value else { return matches!(name, "count" | "c").then_some(AggFn::Count) };
    // What reads as a number is compared as one.
    let comparable = |v: Scalar| call("sort-value", vec![v], EVAL);
    Some(match name {
        "count" | "c" => AggFn::CountOf(v),
        "dc" | "distinct_count" | "estdc" => AggFn::CountDistinct(v),
        "values" => AggFn::Values(call("spl-text", vec![v], EVAL)),
        "list" => AggFn::List(v),
        "sum" => AggFn::Sum(v),
        "avg" | "mean" => AggFn::Avg(v),
        "min" => AggFn::Min(comparable(v)),
        "max" => AggFn::Max(comparable(v)),
        "range" => AggFn::Other("range".into(), vec![v]),
        "median" => AggFn::Median(v),
        "mode" => AggFn::Mode(v),
        "stdev" => AggFn::StdDev(v),
        "var" => AggFn::Var(v),
        "stdevp" | "varp" | "sumsq" => AggFn::Other(name.into(), vec![v]),
        "earliest" => AggFn::Earliest(v),
        "latest" => AggFn::Latest(v),
        "first" => AggFn::First(v),
        "last" => AggFn::Last(v),
        _ => {
            let digits = ["perc", "exactperc", "upperperc", "p"].iter().find_map(|p| name.strip_prefix(p))?;
            let p: f64 = digits.parse().ok()?;
            AggFn::Percentile(v, p)
        }
    })
}
