//! Commands that make, rename, fill and take away columns, and those that order rows.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Expr, Op, Plan, Scalar, Sort, Table};
use shikra_syntax::{Diagnostic, Span};

use super::rows::{ROW, numbered};
use super::search::test;
use super::spans::{OWN, TIME, bucket};
use super::text::segments;
use super::{EVAL, Lower, NOW, Order, SEARCH, Stream, call, sort_key};
use crate::ast::{Convert, Options, Word, flag, option};

impl Lower<'_> {
    /// Commands that are a name with fields and options.
    pub fn simple(&mut self, s: Stream, name: &str, fields: &[Word], options: &Options, at: Span) -> Stream {
        match name {
            "table" | "fields" => self.keep(s, fields),
            "mvexpand" => self.expand(s, fields, options, at),
            "makemv" => self.make_mv(s, fields, options, at),
            "mvcombine" => self.combine_mv(s, fields, at),
            "nomv" => self.each_field(s, fields, |v| call("mv-join", vec![v, text("\n")], EVAL)),
            "fillnull" => self.fill(s, fields, options),
            "addtotals" => self.totals(s, fields, options, at),
            "addinfo" => self.info(s),
            "strcat" => self.strcat(s, fields, options),
            "return" => self.give(s, fields),
            "format" => s,
            "tail" => self.tail(s, fields, options),
            "reverse" => self.reverse(s),
            "xmlkv" | "extract" | "kv" | "fromjson" => self.key_values(s, name, fields, options, at),
            "iplocation" => self.locate(s, fields, options, at),
            "filldown" => self.fill_down(s, fields, at),
            "accum" => self.accumulate(s, fields, at),
            "delta" => self.delta(s, fields, options, at),
            "autoregress" => self.regress(s, fields, options, at),
            "addcoltotals" => self.column_totals(s, fields, options, at),
            "xyseries" => self.series(s, fields, at),
            "untable" => self.untable(s, fields, at),
            other => self.stop(s, &format!("{other} makes rows of its own: it stands at the beginning"), at),
        }
    }

    /// `table` and `fields`. Where rows are events, a name with a wildcard keeps all.
    fn keep(&mut self, mut s: Stream, fields: &[Word]) -> Stream {
        let all = s.open && fields.iter().any(|f| f.text.contains('*'));
        if all || fields.is_empty() {
            return s;
        }
        let mut columns: Vec<(Arc<str>, Scalar)> = Vec::new();
        for f in fields {
            for name in self.matching(&s, f) {
                if !columns.iter().any(|(n, _)| *n == name) {
                    columns.push((name.clone(), s.field(&name)));
                }
            }
        }
        // The time stays, hidden, unless it is taken away.
        s.project(columns);
        s
    }

    /// `fields - a b`.
    pub fn without(&mut self, mut s: Stream, fields: &[Word]) -> Stream {
        let gone: Vec<Arc<str>> = fields.iter().flat_map(|f| self.matching(&s, f)).collect();
        if s.open {
            s.eval(gone.iter().map(|n| (n.clone(), Scalar::Lit(Value::Null))).collect());
            return s;
        }
        s.drop_columns(&gone);
        s
    }

    pub fn rename(&mut self, mut s: Stream, pairs: &[(Word, Word)]) -> Stream {
        let mut made: Vec<(Arc<str>, Scalar)> = Vec::new();
        let mut gone: Vec<Arc<str>> = Vec::new();
        for (from, to) in pairs {
            for (old, new) in self.renamed(&s, &from.text, &to.text) {
                if old != new {
                    made.push((new, s.field(&old)));
                    gone.push(old);
                }
            }
        }
        gone.retain(|g| !made.iter().any(|(n, _)| n == g));
        if s.open {
            // Fields of events cannot be taken away: they are null from here on.
            made.extend(gone.into_iter().map(|g| (g, Scalar::Lit(Value::Null))));
            s.eval(made);
            return s;
        }
        s.eval(made);
        s.drop_columns(&gone);
        s
    }

    /// Old and new names.
    fn renamed(&self, s: &Stream, from: &str, to: &str) -> Vec<(Arc<str>, Arc<str>)> {
        if !from.contains('*') {
            return vec![(from.into(), to.into())];
        }
        let new = |name: &str| {
            let mut parts = segments(from, name)?.into_iter();
            let mut out = String::new();
            for (i, piece) in to.split('*').enumerate() {
                if i > 0 {
                    out.push_str(parts.next().unwrap_or(""));
                }
                out.push_str(piece);
            }
            Some(Arc::from(out))
        };
        s.columns.iter().filter_map(|c| Some((c.clone(), new(c)?))).collect()
    }

    fn each_field(&mut self, mut s: Stream, fields: &[Word], f: impl Fn(Scalar) -> Scalar) -> Stream {
        let names: Vec<Arc<str>> = fields.iter().flat_map(|w| self.matching(&s, w)).collect();
        let made = names.iter().map(|n| (n.clone(), f(s.field(n)))).collect();
        s.eval(made);
        s
    }

    fn expand(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        let Some(field) = fields.first() else { return self.stop(s, "mvexpand needs a field", at) };
        let name: Arc<str> = Arc::from(&*field.text);
        let mut value = s.field(&name);
        if let Some(most) =
            option(options, "limit").and_then(|l| l.text.parse::<i64>().ok()).filter(|n| *n > 0)
        {
            let bound = |n: i64| Scalar::Lit(Value::I64(n));
            value = call("mv-index", vec![value, bound(0), bound(most - 1)], EVAL);
        }
        s.eval(vec![(name.clone(), value)]);
        s.wrap(|p| Plan::Unnest(Box::new(p), shikra_ir::FieldRef::new(shikra_ir::Names::Column, &name)));
        s
    }

    fn make_mv(&mut self, s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        if let Some(t) = option(options, "tokenizer") {
            let r = self.checked(&t.text, at);
            return self.each_field(s, fields, |v| call("regex-all", vec![v, text(&r.source)], EVAL));
        }
        let delimiter = option(options, "delim").map_or(" ", |d| &d.text);
        let empty = flag(options, "allowempty");
        let f = if empty { "mv-split" } else { "mv-split-full" };
        self.each_field(s, fields, |v| call(f, vec![v, text(delimiter)], EVAL))
    }

    fn fill(&mut self, s: Stream, fields: &[Word], options: &Options) -> Stream {
        let value = option(options, "value").map_or("0", |v| &v.text).to_owned();
        let all: Vec<Word> =
            s.columns.iter().map(|c| Word { text: c.to_string(), ..Word::default() }).collect();
        let fields = if fields.is_empty() { &all } else { fields };
        self.each_field(s, fields, |v| call("coalesce", vec![v, text(&value)], EVAL))
    }

    fn totals(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        let names: Vec<Arc<str>> = match fields {
            [] => s.columns.clone(),
            some => some.iter().flat_map(|f| self.matching(&s, f)).collect(),
        };
        let name = option(options, "fieldname").map_or("Total", |n| &n.text).to_owned();
        let args = names.iter().map(|n| s.field(n)).collect();
        if option(options, "row").is_none() || flag(options, "row") {
            s.eval(vec![(Arc::from(name), call("spl-sum", args, EVAL))]);
        }
        if flag(options, "col") { self.column_totals(s, fields, options, at) } else { s }
    }

    fn info(&mut self, mut s: Stream) -> Stream {
        let now = || call("epoch-seconds", vec![Scalar::Var(Arc::from(NOW))], EVAL);
        s.eval(vec![
            ("info_min_time".into(), Scalar::Lit(Value::I64(0))),
            ("info_max_time".into(), now()),
            ("info_search_time".into(), now()),
            ("info_sid".into(), text("")),
        ]);
        s
    }

    fn strcat(&mut self, mut s: Stream, fields: &[Word], options: &Options) -> Stream {
        let Some((to, parts)) = fields.split_last() else { return s };
        let all = flag(options, "allrequired");
        let part = |w: &Word| match (w.quoted, all) {
            (true, _) => text(&w.text),
            (false, true) => s.field(&w.text),
            (false, false) => call("coalesce", vec![s.field(&w.text), text("")], EVAL),
        };
        let value = parts.iter().map(part).reduce(|a, b| call("spl-concat", vec![a, b], EVAL));
        let value = value.unwrap_or_else(|| text(""));
        s.eval(vec![(Arc::from(&*to.text), value)]);
        s
    }

    /// `return 3 a b`: the first rows' fields.
    fn give(&mut self, mut s: Stream, fields: &[Word]) -> Stream {
        let count = fields.first().and_then(|w| w.text.parse().ok());
        let fields = if count.is_some() { fields.get(1..).unwrap_or(&[]) } else { fields };
        if let Some(f) = fields.iter().find(|f| f.text.starts_with('$')) {
            return self.stop(s, "return $field gives values without a field", f.span);
        }
        s.ordered();
        s.wrap(|p| Plan::Limit(Box::new(p), count.unwrap_or(1)));
        self.keep(s, fields)
    }

    fn tail(&mut self, mut s: Stream, fields: &[Word], options: &Options) -> Stream {
        let word = option(options, "limit").or(fields.first());
        let n = word.and_then(|w| w.text.parse().ok()).unwrap_or(10);
        s.ordered();
        s.wrap(|p| Plan::Tail(Box::new(p), n));
        // The last rows come last first.
        self.reverse(s)
    }

    /// Rows are numbered and sorted by their numbers.
    fn reverse(&mut self, mut s: Stream) -> Stream {
        numbered(&mut s);
        let keys = vec![sort_key(s.field(ROW), true)];
        s.wrap(|p| Plan::Sort(Sort { input: Box::new(p), keys }));
        s.drop_columns(&[ROW]);
        s
    }

    pub fn sort(&mut self, mut s: Stream, limit: u64, keys: &[(Word, bool, String)]) -> Stream {
        let keys = keys
            .iter()
            .map(|(w, descending, how)| {
                let v = s.field(&w.text);
                let v = match &**how {
                    "str" => call("spl-text", vec![v], EVAL),
                    "num" => call("spl-number", vec![v], EVAL),
                    "ip" => call("ip-order", vec![v], EVAL),
                    _ => call("sort-value", vec![v], EVAL),
                };
                sort_key(v, *descending)
            })
            .collect();
        s.ordered();
        s.wrap(|p| Plan::Sort(Sort { input: Box::new(p), keys }));
        if limit > 0 {
            s.wrap(|p| Plan::Limit(Box::new(p), limit));
        }
        s
    }

    /// `replace a* with b in x, y`.
    pub fn replace(&mut self, s: Stream, pairs: &[(Word, Word)], fields: &[Word]) -> Stream {
        let all: Vec<Word> =
            s.columns.iter().map(|c| Word { text: c.to_string(), ..Word::default() }).collect();
        let fields = if fields.is_empty() { &all } else { fields };
        self.each_field(s, fields, |v| {
            let mut args = vec![v];
            args.extend(pairs.iter().flat_map(|(a, b)| [text(&a.text), text(&b.text)]));
            call("wildcard-replace", args, EVAL)
        })
    }

    pub fn convert(&mut self, mut s: Stream, items: &[Convert], options: &Options) -> Stream {
        let format = option(options, "timeformat").map_or("%m/%d/%Y %H:%M:%S", |f| &f.text).to_owned();
        for item in items {
            let names = self.matching(&s, &item.field);
            let made = names.iter().filter_map(|n| {
                let v = s.field(n);
                let value = match &*item.func {
                    "ctime" => call("ctime", vec![v, text(&format)], EVAL),
                    "mktime" => call("strptime", vec![v, text(&format)], EVAL),
                    "none" => v,
                    "num" => call("spl-number", vec![v], EVAL),
                    "auto" => call("sort-value", vec![v], EVAL),
                    "rmcomma" => call("spl-replace", vec![v, text(","), text("")], EVAL),
                    "rmunit" => call("spl-replace", vec![v, text(r"^\s*(-?[\d.]+).*$"), text("\\1")], EVAL),
                    "dur2sec" => call("duration-seconds", vec![v], EVAL),
                    "memk" => call("memory-kilobytes", vec![v], EVAL),
                    _ => return None,
                };
                let to = item.to.as_ref().map_or_else(|| n.clone(), |t| Arc::from(&*t.text));
                Some((to, value))
            });
            let made: Vec<_> = made.collect();
            if made.is_empty() && !names.is_empty() {
                let message = format!("convert has no function {}", item.func);
                self.error("unknown-function", message, item.field.span);
            }
            s.eval(made);
        }
        s
    }

    pub fn bin(
        &mut self,
        mut s: Stream,
        field: &Word,
        to: Option<&Word>,
        options: &Options,
        at: Span,
    ) -> Stream {
        let to: Arc<str> = Arc::from(to.map_or(&*field.text, |t| &*t.text));
        let Some(span) = option(options, "span") else {
            if field.text != TIME {
                return self.stop(s, "bin without span of anything but _time", at);
            }
            self.suitable_buckets(&mut s, to, options, at);
            s.drop_columns(&OWN);
            return s;
        };
        let Some(value) = bucket(s.field(&field.text), &span.text) else {
            return self.stop(s, &format!("bin with a span of {}", span.text), at);
        };
        s.eval(vec![(to, value)]);
        s
    }

    /// `foreach` repeats its template for each field that fits.
    pub fn foreach(&mut self, s: Stream, fields: &[Word], body: Span, options: &Options, at: Span) -> Stream {
        if option(options, "mode").is_some_and(|m| m.text != "multifield") {
            return self.stop(s, "foreach over the values of a field", at);
        }
        if s.open && fields.iter().any(|f| f.text.contains('*')) && s.columns.is_empty() {
            return self.stop(s, "foreach over all fields of events", at);
        }
        let template = self.text.text.get(body.start..body.end).unwrap_or("").to_owned();
        let mut out = s;
        for f in fields {
            for name in self.matching(&out, f) {
                let mut filled = template.replace("<<FIELD>>", &name);
                let parts = segments(&f.text, &name).unwrap_or_default();
                filled = filled.replace("<<MATCHSTR>>", &parts.join(""));
                for (i, part) in parts.iter().enumerate() {
                    filled = filled.replace(&format!("<<MATCHSEG{}>>", i + 1), part);
                }
                out = self.template(out, &filled, body);
            }
        }
        out
    }

    /// Commands of a template that was filled in: what is said of them is said of the template.
    fn template(&mut self, s: Stream, filled: &str, at: Span) -> Stream {
        let mut said = Vec::new();
        let pipeline = crate::parse::body(filled, &mut said);
        let place = self.text.origin(at);
        let text = crate::macros::Expanded::whole(filled, place);
        let mut inner = Lower {
            options: self.options,
            text: &text,
            said: &mut said,
            rejected: self.rejected,
            partial: self.partial,
            depth: self.depth + 1,
            commands: self.commands,
        };
        let out = match inner.depth > super::MAX_DEPTH {
            true => s,
            false => pipeline.commands.iter().fold(s, |s, c| inner.command(s, c)),
        };
        (self.rejected, self.partial, self.commands) = (inner.rejected, inner.partial, inner.commands);
        for d in said {
            let d = Diagnostic { span: place, ..d };
            if !self.said.contains(&d) {
                self.said.push(d);
            }
        }
        out
    }

    /// Countries and cities need a table that is not there.
    fn locate(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        let prefix = option(options, "prefix").map_or("", |p| &p.text).to_owned();
        if fields.is_empty() {
            return self.stop(s, "iplocation needs a field", at);
        }
        self.partial = true;
        let reason = "iplocation has no table of places: its fields are empty";
        self.warn("no-places", reason, at);
        let names = ["City", "Country", "Region", "lat", "lon"];
        s.eval(names.map(|n| (Arc::from(format!("{prefix}{n}")), Scalar::Lit(Value::Null))).to_vec());
        s
    }

    /// `makeresults`.
    pub fn made(&mut self, options: &Options) -> Stream {
        let count = option(options, "count").and_then(|c| c.text.parse().ok()).unwrap_or(1usize).min(100_000);
        let table = Table { name: "makeresults".into(), columns: vec![], rows: vec![vec![]; count] };
        let mut s = Stream {
            plan: Plan::Values(Arc::new(table)),
            names: shikra_ir::Names::Splunk,
            columns: vec![],
            open: false,
            inside: vec![],
            order: Order::Made,
            series: None,
        };
        s.eval(vec![("_time".into(), call("epoch-seconds", vec![Scalar::Var(Arc::from(NOW))], EVAL))]);
        s
    }

    /// `regex field=pattern`.
    pub fn regex(&mut self, mut s: Stream, field: Option<&Word>, negated: bool, pattern: &Word) -> Stream {
        let r = self.checked(&pattern.text, pattern.span);
        let subject = match field {
            Some(f) => s.field(&f.text),
            None if s.open => Scalar::AnyField,
            None => s.field("_raw"),
        };
        // Absent fields do not match, and so pass where a match is not wanted.
        let words = shikra_ir::Words { fold: shikra_ir::Fold::None, ..SEARCH };
        let e: Expr = test(subject, Op::Regex(vec![r]), words, self.text.origin(pattern.span));
        self.filter(&mut s, if negated { e.negate() } else { e });
        s
    }
}

pub(super) fn text(t: &str) -> Scalar {
    Scalar::Lit(Value::str(t))
}
