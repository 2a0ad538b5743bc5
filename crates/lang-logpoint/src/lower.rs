//! Tree to IR. This file has conditions and log sources; [`command`] what follows a pipe, [`stream`] streams.
//!
//! Comparisons ignore case and expand `*` and `?`; a test of a field that an event lacks is false, its negation
//! true; of several values of a field one is enough.

mod command;
mod stream;

use shikra_event::Value as Constant;
use shikra_ir::{
    CmpOp, Coerce, Expr as Pred, FieldRef, LogSource, Names, Op, Opaque, Part, Pattern, Plan, Scalar, Test,
    Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::Options;
use crate::ast::{Body, Expr, Name, Search, Value};

/// Field that names the log source.
const SOURCE: &str = "norm_id";
/// Field of the labels that LogPoint gives to events as it takes them in.
const LABEL: &str = "label";
/// Most log sources that alternatives may make.
const MAX_SOURCES: usize = 64;

/// The plan of a search, and whether some part of it is unsupported.
pub(crate) fn search(s: &Search, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> (Plan, bool) {
    let mut l = Lower { options, diagnostics, unsupported: false, columns: Columns::default() };
    let plan = l.search(s);
    (plan, l.unsupported)
}

/// Which names are columns made by commands before.
#[derive(Default)]
struct Columns {
    made: Vec<String>,
    /// Nothing but columns is left: after `chart`.
    only: bool,
}

struct Lower<'o, 'd> {
    options: &'o Options,
    diagnostics: &'d mut Vec<Diagnostic>,
    unsupported: bool,
    columns: Columns,
}

impl Lower<'_, '_> {
    fn search(&mut self, s: &Search) -> Plan {
        let outer = std::mem::take(&mut self.columns);
        let mut plan = match &s.body {
            Body::Events(e) => self.events(e.as_ref()),
            Body::Streams(streams) => self.streams(streams),
        };
        for (i, command) in s.commands.iter().enumerate() {
            plan = self.command(command, plan, i + 1 == s.commands.len());
        }
        self.columns = outer;
        plan
    }

    /// A part that cannot be evaluated.
    fn opaque(&mut self, reason: impl Into<String>, span: Span) -> Opaque {
        let reason = reason.into();
        self.unsupported = true;
        let told = self.diagnostics.iter().any(|d| d.span == span);
        if !told {
            let said = format!("{reason} is not supported");
            self.diagnostics.push(Diagnostic::warning("unsupported", said, span));
        }
        Opaque { reason, span }
    }

    /// A scan of what `norm_id` names, filtered by the rest.
    fn events(&mut self, e: Option<&Expr>) -> Plan {
        let mut alternatives = vec![];
        match e {
            Some(Expr::Or(branches)) if branches.iter().all(names_source) => {
                branches.iter().for_each(|b| alternatives.extend(self.alternatives(b)));
            }
            Some(e) => alternatives = self.alternatives(e),
            None => alternatives.push((LogSource::any(Names::LogPoint), Pred::TRUE)),
        }
        let mut plans: Vec<Plan> = alternatives.into_iter().map(|(s, p)| filter(Plan::Scan(s), p)).collect();
        if plans.len() == 1 { plans.remove(0) } else { Plan::Union(plans) }
    }

    /// Log sources with the condition on their events: one for each value of `norm_id`.
    fn alternatives(&mut self, e: &Expr) -> Vec<(LogSource, Pred)> {
        let mut parts = Vec::new();
        flatten(e, &mut parts);
        let (sources, rest): (Vec<&Expr>, Vec<&Expr>) =
            parts.into_iter().partition(|e| source_of(e).is_some());
        let condition = Pred::and(rest.into_iter().map(|e| self.truth(e)).collect::<Vec<_>>());
        let values = sources.first().and_then(|e| source_of(e)).unwrap_or_default();
        for extra in sources.iter().skip(1) {
            if let Expr::Compare { span, .. } | Expr::In { span, .. } = extra {
                self.opaque("a second norm_id beside another", *span);
            }
        }
        let any = values.is_empty() || values.iter().any(|v| v.text == "*");
        if any {
            return vec![(LogSource::any(Names::LogPoint), condition)];
        }
        let source = |v: &Value| LogSource::with_keys(Names::LogPoint, [(SOURCE, v.text.as_str())]);
        values.iter().take(MAX_SOURCES).map(|v| (source(v), condition.clone())).collect()
    }

    fn truth(&mut self, e: &Expr) -> Pred {
        match e {
            Expr::And(v) => Pred::and(v.iter().map(|e| self.truth(e)).collect::<Vec<_>>()),
            Expr::Or(v) => Pred::or(v.iter().map(|e| self.truth(e)).collect::<Vec<_>>()),
            Expr::Not(e) => self.truth(e).negate(),
            Expr::Broken(reason, span) => Pred::Opaque(self.opaque(reason.clone(), *span)),
            Expr::Keyword(v) => self.keyword(v),
            Expr::Compare { field, span, .. } | Expr::In { field, span, .. }
                if field.text.contains('(') && !self.columns.made.contains(&field.text) =>
            {
                let function = field.text.split('(').next().unwrap_or_default();
                Pred::Opaque(self.opaque(format!("function {function:?} of a field"), *span))
            }
            Expr::Compare { field, span, .. } | Expr::In { field, span, .. }
                if field.text.eq_ignore_ascii_case(SOURCE) && !self.columns.only =>
            {
                Pred::Opaque(self.opaque("norm_id within a larger condition", *span))
            }
            Expr::InList { field, list, span }
                if field.text.eq_ignore_ascii_case(SOURCE) && !self.columns.only =>
            {
                Pred::Opaque(self.opaque(format!("norm_id of the list {list}"), *span))
            }
            Expr::Compare { field, op: CmpOp::Eq, values, span } => self.equals(field, values, *span),
            Expr::Compare { field, op: CmpOp::Ne, values, span } => {
                self.equals(field, values, *span).negate()
            }
            Expr::Compare { field, op, values, span } => self.compare(field, *op, values, *span),
            Expr::In { field, values, span } => self.equals(field, values, *span),
            Expr::InList { field, list, span } => self.in_list(field, list, *span),
        }
    }

    /// A field: what an earlier command made, else the event's.
    fn field(&self, name: &str) -> Scalar {
        let made = self.columns.only || self.columns.made.iter().any(|c| c == name);
        Scalar::Field(FieldRef::new(if made { Names::Column } else { Names::LogPoint }, name))
    }

    fn keyword(&self, v: &Value) -> Pred {
        let pattern = pattern(&v.text).any_before().any_after();
        Pred::Test(Test {
            subject: Scalar::AnyField,
            op: Op::Like(vec![pattern]),
            words: Words::default(),
            span: v.span,
        })
    }

    fn equals(&mut self, field: &Name, values: &[Value], span: Span) -> Pred {
        let texts: Vec<&str> = values.iter().map(|v| v.text.as_str()).collect();
        if field.text.eq_ignore_ascii_case(LABEL) && !self.columns.only {
            let said = "labels are given to events by LogPoint's own packages: events have none here";
            self.diagnostics.push(Diagnostic::warning("label", said, span));
        }
        for v in values.iter().filter(|v| single(&v.text).is_some()) {
            let said = "doubled backslashes: taken both as they are and as one";
            self.diagnostics.push(Diagnostic::note("doubled-backslash", said, v.span));
        }
        self.any_of(field, &texts, span)
    }

    fn in_list(&mut self, field: &Name, list: &str, span: Span) -> Pred {
        let found = self.options.lists.iter().find(|(name, _)| name.eq_ignore_ascii_case(list));
        let Some((_, values)) = found else {
            return Pred::Opaque(self.opaque(format!("the list {list}, which was not given,"), span));
        };
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.any_of(field, &values, span)
    }

    /// One of several values: networks by address, all else as patterns.
    fn any_of(&self, field: &Name, values: &[&str], span: Span) -> Pred {
        let (mut nets, mut patterns) = (Vec::new(), Vec::new());
        for value in values {
            match value.parse::<ipnet::IpNet>() {
                Ok(net) => nets.push(net),
                Err(_) => {
                    patterns.push(pattern(value));
                    patterns.extend(single(value).map(|v| pattern(&v)));
                }
            }
        }
        let test =
            |op| Pred::Test(Test { subject: self.field(&field.text), op, words: Words::default(), span });
        let mut parts = Vec::new();
        if !patterns.is_empty() {
            parts.push(test(Op::Like(patterns)));
        }
        if !nets.is_empty() {
            parts.push(test(Op::Cidr(nets)));
        }
        Pred::or(parts)
    }

    /// Order: by number where both sides are numbers, else by text.
    fn compare(&self, field: &Name, op: CmpOp, values: &[Value], span: Span) -> Pred {
        let words = Words { coerce: Coerce::NumericIfBoth, ..Words::default() };
        let one = |v: &Value| {
            let right = number(&v.text).unwrap_or_else(|| Constant::str(&*v.text));
            let op = Op::Compare(op, Scalar::Lit(right));
            Pred::Test(Test { subject: self.field(&field.text), op, words, span })
        };
        Pred::or(values.iter().map(one))
    }
}

fn number(text: &str) -> Option<Constant> {
    let whole = text.parse().ok().map(Constant::I64);
    whole.or_else(|| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Constant::F64))
}

/// `*` for any text, `?` for one character; neither can be escaped, and a backslash is a backslash.
fn pattern(text: &str) -> Pattern {
    let mut out = Pattern::default();
    for c in text.chars() {
        match c {
            '*' => out.push(Part::Any),
            '?' => out.push(Part::One),
            c => out.push_char(c),
        }
    }
    out
}

/// A value with single backslashes, where one is written twice and can hardly be meant so: not at the start, as
/// `\\server`.
pub(crate) fn single(text: &str) -> Option<String> {
    let doubled = text.trim_start_matches('*').get(2..).is_some_and(|rest| rest.contains("\\\\"));
    doubled.then(|| text.replace("\\\\", "\\"))
}

/// A plan filtered; one that is a filter asks of both at once.
fn filter(plan: Plan, condition: Pred) -> Plan {
    match (plan, condition) {
        (plan, Pred::And(v)) if v.is_empty() => plan,
        (Plan::Filter(input, first), second) => {
            let parts = [first, second].into_iter().flat_map(|p| match p {
                Pred::And(v) => v,
                other => vec![other],
            });
            Plan::Filter(input, Pred::and(parts.collect::<Vec<_>>()))
        }
        (plan, p) => Plan::Filter(Box::new(plan), p),
    }
}

/// The conditions that must all hold.
fn flatten<'e>(e: &'e Expr, out: &mut Vec<&'e Expr>) {
    match e {
        Expr::And(v) => v.iter().for_each(|e| flatten(e, out)),
        other => out.push(other),
    }
}

/// Values of `norm_id`, where a condition is nothing else.
fn source_of(e: &Expr) -> Option<&[Value]> {
    match e {
        Expr::Compare { field, op: CmpOp::Eq, values, .. } | Expr::In { field, values, .. } => {
            field.text.eq_ignore_ascii_case(SOURCE).then_some(values.as_slice())
        }
        _ => None,
    }
}

fn names_source(e: &Expr) -> bool {
    let mut parts = Vec::new();
    flatten(e, &mut parts);
    parts.into_iter().any(|e| source_of(e).is_some())
}
