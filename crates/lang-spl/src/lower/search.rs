//! Conditions of `search` and `tstats where`.

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{
    CmpOp, Expr, Join, JoinKind, LogSource, Multi, Names, Op, Pattern, Plan, Scalar, Test, Words,
};
use shikra_syntax::Span;

use super::text::placeholder;
use super::{Lower, SEARCH, Stream, call};
use crate::ast::{Pipeline, Search, Word};

/// Fields of Splunk's own that say where to look, and when: they are no fields of events.
const TIMES: &[&str] =
    &["earliest", "latest", "_index_earliest", "_index_latest", "starttime", "endtime", "timeformat"];

/// Fields that say which of Splunk's stores to look in.
const PLACES: &[&str] = &["index", "splunk_server"];

/// Whether `search` takes a comparison of this field for a word to Splunk, not for a condition on events.
pub(crate) fn is_aside(name: &str) -> bool {
    TIMES.iter().chain(PLACES).any(|t| t.eq_ignore_ascii_case(name))
}

/// Whether `search` compares with this text as a number.
pub(crate) fn is_number(text: &str) -> bool {
    number(text).is_some()
}

/// Indices of what Splunk Enterprise Security has concluded from events, rather than of events.
const CONCLUSIONS: &[&str] = &["risk", "notable"];

impl Lower<'_> {
    /// The first command: events of a log source that satisfy a condition.
    pub fn base_search(&mut self, e: &Search, at: Span) -> Stream {
        let mut source = LogSource::any(Names::Splunk);
        for part in conjuncts(e) {
            if let Some((key, value)) = source_key(part)
                && !source.keys.contains_key(key)
            {
                source.keys.insert(key.to_owned(), value.to_lowercase());
            }
        }
        let mut s = Stream::events(source);
        self.narrow(&mut s, e, at);
        s
    }

    /// Keeps what satisfies a condition.
    pub fn narrow(&mut self, s: &mut Stream, e: &Search, at: Span) {
        let mut plain = Vec::new();
        let mut subs = Vec::new();
        for part in conjuncts(e) {
            match part {
                Search::Sub(p) => subs.push((p, false)),
                Search::Not(inner) => match &**inner {
                    Search::Sub(p) => subs.push((p, true)),
                    _ => plain.push(self.condition(s, part)),
                },
                _ => plain.push(self.condition(s, part)),
            }
        }
        self.filter(s, Expr::and(plain));
        for (p, negated) in subs {
            self.subsearch(s, p, negated, at);
        }
    }

    /// Rows of a subsearch are alternatives, its columns conditions: a semi-join.
    fn subsearch(&mut self, s: &mut Stream, p: &Pipeline, negated: bool, at: Span) {
        let inner = self.pipeline(p);
        let columns: Vec<_> = inner.columns.iter().filter(|c| !c.starts_with('_')).cloned().collect();
        if inner.open || columns.is_empty() {
            let reason = "a subsearch must say which fields it gives (fields, table, stats, return)";
            let stopped = std::mem::replace(s, Stream::events(LogSource::any(Names::Splunk)));
            *s = self.stop(stopped, reason, at);
            return;
        }
        let key = |c: &std::sync::Arc<str>| {
            (s.field(c), call("search-value", vec![Scalar::field(Names::Column, c)], SEARCH))
        };
        let keys = columns.iter().map(key).collect();
        let kind = if negated { JoinKind::Anti } else { JoinKind::Semi };
        s.wrap(|left| {
            Plan::Join(Join {
                kind,
                left: ("".into(), Box::new(left)),
                right: ("".into(), Box::new(inner.plan)),
                keys,
                time: None,
                on: None,
                most: None,
            })
        });
    }

    /// A condition without subsearches.
    pub fn condition(&mut self, s: &mut Stream, e: &Search) -> Expr {
        match e {
            Search::And(v) => Expr::and(v.iter().map(|e| self.condition(s, e)).collect::<Vec<_>>()),
            Search::Or(v) => Expr::or(v.iter().map(|e| self.condition(s, e)).collect::<Vec<_>>()),
            Search::Not(e) => match self.condition(s, e) {
                Expr::Not(inner) => *inner,
                Expr::Const(t) => Expr::Const(t.negate()),
                other => other.negate(),
            },
            Search::Compare { field, op, value } => self.compare(s, field, *op, value),
            Search::In { field, values } => {
                if self.aside(s, field, values.first().filter(|_| values.len() == 1)) {
                    return Expr::TRUE;
                }
                let subject = s.field(&field.text);
                any_of(&subject, values, SEARCH, self.text.origin(field.span))
            }
            Search::Term { text, cased } => self.term(text, *cased),
            Search::Sub(p) => {
                self.error("unsupported", "a subsearch within OR is not supported", p.span);
                self.rejected = true;
                Expr::Opaque(shikra_ir::Opaque {
                    reason: "a subsearch within OR".into(),
                    span: self.text.origin(p.span),
                })
            }
        }
    }

    fn term(&mut self, word: &Word, cased: bool) -> Expr {
        let text = word.text.trim_matches('*');
        if text.is_empty() {
            return Expr::TRUE;
        }
        let words = if cased { Words { fold: shikra_ir::Fold::None, ..SEARCH } } else { SEARCH };
        let p = Pattern::of_starred(text).any_before().any_after();
        test(Scalar::AnyField, Op::Like(vec![p]), words, self.text.origin(word.span))
    }

    /// Whether a comparison says where or when to look, which is for the caller to say here.
    fn aside(&mut self, s: &Stream, field: &Word, value: Option<&Word>) -> bool {
        let name = field.text.to_ascii_lowercase();
        if !s.open || s.has(&field.text) {
            return false;
        }
        if TIMES.contains(&&*name) {
            let message = format!("{name} is left to the caller: all events given are searched");
            self.note("time-range", message, field.span);
            return true;
        }
        if PLACES.contains(&&*name) {
            return true;
        }
        let stands_in = value.is_some_and(|v| placeholder(&v.text));
        if stands_in && matches!(&*name, "sourcetype" | "source" | "host" | "eventtype") {
            self.note("placeholder", format!("{name} is a stand-in: any will do"), field.span);
            return true;
        }
        // The log source says it already.
        let said = |v: &Word| matches!(&s.plan, Plan::Scan(l) if l.keys.get(&name).is_some_and(|k| *k == v.text.to_lowercase()));
        value.is_some_and(said)
    }

    /// Whether a comparison asks for an index of what Splunk itself has concluded.
    fn asks_conclusions(&mut self, s: &Stream, field: &Word, value: &Word) -> bool {
        let (name, index) = (field.text.to_ascii_lowercase(), value.text.to_ascii_lowercase());
        let asks = s.open && !s.has(&field.text) && name == "index" && CONCLUSIONS.contains(&&*index);
        if asks {
            let message =
                format!("index={index} holds what Splunk has concluded, which no log does: nothing is found");
            self.note("no-data", message, field.span);
        }
        asks
    }

    fn compare(&mut self, s: &mut Stream, field: &Word, op: CmpOp, value: &Word) -> Expr {
        if op == CmpOp::Eq && self.asks_conclusions(s, field, value) {
            return Expr::FALSE;
        }
        if self.aside(s, field, Some(value)) {
            return Expr::TRUE;
        }
        let at = self.text.origin(field.span.to(value.span));
        let subject = s.field(&field.text);
        let absent = || test(subject.clone(), Op::IsNull, SEARCH, at);
        let one = std::slice::from_ref(value);
        match op {
            CmpOp::Eq => any_of(&subject, one, SEARCH, at),
            CmpOp::Ne if is_anything(&value.text) => absent(),
            // One value that differs is enough.
            CmpOp::Ne => {
                let all = Words { multi: Multi::All, ..SEARCH };
                Expr::and([absent().negate(), any_of(&subject, one, all, at).negate()])
            }
            _ => test(subject, Op::Compare(op, Scalar::Lit(literal(&value.text))), SEARCH, at),
        }
    }
}

/// The conditions that must all hold.
pub(super) fn conjuncts(e: &Search) -> Vec<&Search> {
    match e {
        Search::And(v) => v.iter().flat_map(conjuncts).collect(),
        one => vec![one],
    }
}

/// A condition that names a log source.
fn source_key(e: &Search) -> Option<(&'static str, &str)> {
    let Search::Compare { field, op: CmpOp::Eq, value } = e else { return None };
    let key = ["sourcetype", "source", "eventtype"].into_iter().find(|k| *k == field.text)?;
    let plain = !value.text.contains('*') && !value.text.is_empty() && !placeholder(&value.text);
    plain.then_some((key, &*value.text))
}

pub(super) fn test(subject: Scalar, op: Op, words: Words, span: Span) -> Expr {
    Expr::Test(Test { subject, op, words, span })
}

/// The subject equals one of these literals, as `search` compares.
fn any_of(subject: &Scalar, values: &[Word], words: Words, at: Span) -> Expr {
    let (mut patterns, mut numbers, mut nets) = (Vec::<Pattern>::new(), Vec::new(), Vec::<IpNet>::new());
    let mut there = false;
    for v in values {
        let text = &v.text;
        if is_anything(text) {
            there = true;
        } else if let Some(n) = number(text) {
            numbers.push(n);
        } else {
            if text.contains('/') {
                nets.extend(text.parse::<IpNet>().ok());
            }
            patterns.push(Pattern::of_starred(text));
        }
    }
    let mut any = Vec::new();
    if there {
        any.push(test(subject.clone(), Op::IsNull, words, at).negate());
    }
    if !patterns.is_empty() {
        any.push(test(subject.clone(), Op::Like(patterns), words, at));
    }
    if !numbers.is_empty() {
        any.push(test(subject.clone(), Op::In(numbers), words, at));
    }
    if !nets.is_empty() {
        any.push(test(subject.clone(), Op::Cidr(nets), words, at));
    }
    Expr::or(any)
}

/// Whether a value stands for any.
fn is_anything(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '*')
}

/// A literal that is compared as a number.
fn number(text: &str) -> Option<Value> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    if !plain || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    match text.parse::<i64>() {
        Ok(n) => Some(Value::I64(n)),
        Err(_) => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::F64),
    }
}

fn literal(text: &str) -> Value {
    number(text).unwrap_or_else(|| Value::str(text))
}

/// Whether an expression reads the time of the search.
pub(super) fn reads_now(e: &Expr) -> bool {
    let mut found = false;
    e.tests(&mut |t| {
        found |= scalar_reads_now(&t.subject) || matches!(&t.op, Op::Compare(_, r) if scalar_reads_now(r));
    });
    found
}

fn scalar_reads_now(s: &Scalar) -> bool {
    match s {
        Scalar::Var(name) => **name == *super::NOW,
        Scalar::Call(c) => c.args.iter().any(scalar_reads_now),
        Scalar::Case(arms, other) => {
            arms.iter().any(|(c, v)| reads_now(c) || scalar_reads_now(v))
                || other.as_ref().is_some_and(|o| scalar_reads_now(o))
        }
        Scalar::Truth(e) => reads_now(e),
        _ => false,
    }
}
