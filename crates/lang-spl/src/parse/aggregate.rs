//! `stats` and all that is written like it.

use crate::ast::{Aggregate, Argument, By, Options, Search, Stats, Top, Tstats, Word};

use super::Parser;

/// Options of the aggregating commands.
const OPTIONS: &[&str] = &[
    "allnum",
    "delim",
    "partitions",
    "dedup_splitvals",
    "window",
    "current",
    "global",
    "allow_skipped",
    "span",
    "time_window",
    "reset_on_change",
    "reset_before",
    "reset_after",
    "limit",
    "useother",
    "usenull",
    "otherstr",
    "nullstr",
    "cont",
    "bins",
    "sep",
    "format",
    "agg",
    "partial",
    "fixedrange",
    "minspan",
    "start",
    "end",
];

const TSTATS_OPTIONS: &[&str] = &[
    "summariesonly",
    "allow_old_summaries",
    "fillnull_value",
    "prestats",
    "local",
    "append",
    "include_reduced_buckets",
    "chunk_size",
    "sid",
    "use_summary_index_values",
];

impl Parser<'_> {
    pub(super) fn stats(&mut self) -> Stats {
        let mut out = Stats::default();
        loop {
            self.gap();
            if let Some(o) = self.option(OPTIONS) {
                out.options.push(o);
            } else if self.at >= self.end {
                return out;
            } else if self.eat_word("BY") || self.eat_word("OVER") {
                out.by.extend(self.by(&mut out.options));
            } else if !self.aggregate_into(&mut out.aggregates) {
                return out;
            }
        }
    }

    pub(super) fn tstats(&mut self) -> Tstats {
        let mut out = Tstats::default();
        loop {
            self.gap();
            if let Some(o) = self.option(TSTATS_OPTIONS) {
                out.stats.options.push(o);
            } else if self.at >= self.end {
                return out;
            } else if self.eat_word("FROM") {
                out.from = self.data_model();
            } else if self.eat_word("WHERE") {
                let more = self.search_until(&["BY", "GROUPBY", "FROM"]);
                out.condition = Some(match out.condition.take() {
                    Some(c) => Search::And(vec![c, more]),
                    None => more,
                });
            } else if self.eat_word("BY") || self.eat_word("GROUPBY") {
                let by = self.by(&mut out.stats.options);
                out.stats.by.extend(by);
            } else if !self.aggregate_into(&mut out.stats.aggregates) {
                return out;
            }
        }
    }

    /// `datamodel=Model.Object`, with or without the equals sign and quotes.
    fn data_model(&mut self) -> Option<(Word, Option<String>)> {
        if self.eat_word("DATAMODEL") || {
            self.space();
            self.left().to_ascii_lowercase().starts_with("datamodel")
        } {
            if self.left().to_ascii_lowercase().starts_with("datamodel") {
                self.at += "datamodel".len();
            }
            let _ = self.eat("=") || self.eat(":");
        }
        let mut word = self.word()?;
        if word.text.ends_with('.') || self.left().starts_with('.') {
            let _ = self.eat(".");
            if let Some(more) = self.word() {
                let text =
                    format!("{}.{}", word.text.trim_end_matches('.'), more.text.trim_start_matches('.'));
                word = Word { text, quoted: word.quoted, span: word.span.to(more.span) };
            }
        }
        let object = word.text.split_once('.').map(|(_, o)| o.to_owned());
        let model = word.text.split('.').next().unwrap_or("").to_owned();
        Some((Word { text: model, ..word }, object))
    }

    /// Keys: names, each with a span of time behind it where it has one.
    fn by(&mut self, options: &mut Options) -> Vec<By> {
        let mut out: Vec<By> = Vec::new();
        loop {
            self.gap();
            if self.at >= self.end || self.at_word("WHERE") || self.at_word("BY") || self.at_word("FROM") {
                return out;
            }
            if let Some((name, value)) = self.option(OPTIONS) {
                match out.last_mut() {
                    Some(by) if name == "span" => by.span = Some(value.text),
                    _ => options.push((name, value)),
                }
                continue;
            }
            match self.word() {
                Some(field) => out.push(By { field, span: None }),
                None => {
                    self.rest("the keys");
                    return out;
                }
            }
        }
    }

    fn aggregate_into(&mut self, out: &mut Vec<Aggregate>) -> bool {
        let before = self.at;
        match self.aggregate() {
            Some(a) => out.push(a),
            None => {
                self.at = before;
                self.rest("the aggregates");
                return false;
            }
        }
        true
    }

    /// `dc(x) as y`, `count`, `p95(x)`, `count(eval(x=1)) as n`.
    pub(super) fn aggregate(&mut self) -> Option<Aggregate> {
        self.space();
        let start = self.at;
        let name = self.word().filter(|w| !w.quoted)?;
        let argument = if self.left().trim_start().starts_with('(') {
            self.space();
            let part = self.bracketed('(', ')');
            self.within(part, |p| p.argument())
        } else {
            Argument::None
        };
        let span = self.span(start);
        let to = if self.eat_word("AS") { self.new_name() } else { None };
        Some(Aggregate { func: name.text.to_ascii_lowercase(), argument, to, span })
    }

    /// The name of a column; brackets right behind it are part of it.
    fn new_name(&mut self) -> Option<String> {
        let mut name = self.word()?.text;
        if self.peek() == Some('(') {
            let part = self.bracketed('(', ')');
            name = format!("{name}({})", self.text.get(part.start..part.end).unwrap_or(""));
        }
        Some(name)
    }

    fn argument(&mut self) -> Argument {
        if self.done() {
            return Argument::None;
        }
        if self.at_word("eval") && self.left().get(4..).is_some_and(|l| l.trim_start().starts_with('(')) {
            self.at += 4;
            self.space();
            let part = self.bracketed('(', ')');
            return Argument::Eval(self.within(part, |p| {
                let e = p.eval();
                p.rest("the expression");
                e
            }));
        }
        // A name may hold blanks here without quotes.
        match self.peek() {
            Some('"' | '\'') => self.word().map_or(Argument::None, Argument::Field),
            _ => {
                let start = self.at;
                let text = self.left().trim().to_owned();
                self.at = self.end;
                Argument::Field(Word { text, quoted: false, span: self.span(start) })
            }
        }
    }

    pub(super) fn top(&mut self) -> Top {
        let known = &["limit", "countfield", "percentfield", "showcount", "showperc", "useother", "otherstr"];
        let mut out = Top { limit: 10, ..Top::default() };
        loop {
            self.gap();
            if let Some((name, value)) = self.option(known) {
                match (&*name, value.text.parse()) {
                    ("limit", Ok(n)) => out.limit = n,
                    _ => out.options.push((name, value)),
                }
            } else if self.eat_word("BY") {
                out.by = self.names(&[]);
            } else {
                match self.word() {
                    Some(w) if out.fields.is_empty() && w.text.parse::<u64>().is_ok() => {
                        out.limit = w.text.parse().unwrap_or(10);
                    }
                    Some(w) => out.fields.push(w),
                    None => return out,
                }
            }
        }
    }
}
