//! Conditions to plans: filters over a scan, and what version 1 puts after `|`.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    self as ir, Agg, AggFn, Call, CmpOp, Duration, Expr, Func, Key, LogSource, Member, Names, Op, Plan,
    Scalar, Set, Test, Window, Words,
};
use shikra_syntax::Span;

use crate::condition::{Aggregation, Cond, Condition};
use crate::item::field_name;
use crate::rule::Sink;
use crate::selections::Selections;
use shikra_syntax::yaml::Node;

/// The plan of a rule: any of its conditions.
pub(crate) fn plan(
    source: LogSource,
    conditions: &[Condition],
    timeframe: Option<(Duration, Span)>,
    selections: &mut Selections,
    sink: &mut Sink,
) -> Plan {
    let scan = || Box::new(Plan::Scan(source.clone()));
    let (mut plain, mut plans) = (Vec::with_capacity(conditions.len()), Vec::new());
    for c in conditions {
        let base = selections.lower(&c.cond, sink);
        match &c.aggregation {
            None => plain.push(base),
            Some(a) => {
                let input = Plan::Filter(scan(), base);
                plans.push(aggregated(a, input, timeframe.map(|t| t.0), &source, selections, sink));
            }
        }
    }
    if let (true, Some((_, span))) = (plans.is_empty(), timeframe) {
        sink.warn("unused-timeframe", "a timeframe without an aggregation: it has no effect", span);
    }
    let plain = (!plain.is_empty()).then(|| Plan::Filter(Box::new(Plan::Scan(source)), Expr::or(plain)));
    match (plain, plans.len()) {
        (Some(plain), 0) => plain,
        (None, 1) => plans.remove(0),
        (plain, _) => Plan::Union(plain.into_iter().chain(plans).collect()),
    }
}

fn aggregated(
    a: &Aggregation,
    input: Plan,
    timeframe: Option<Duration>,
    source: &LogSource,
    selections: &mut Selections,
    sink: &mut Sink,
) -> Plan {
    match a {
        Aggregation::Near(others, span) => near(input, others, *span, timeframe, source, selections, sink),
        Aggregation::Compare { func, field, by, op, value, span } => {
            let column = field.as_ref().map(|f| Scalar::field(sink.names, &field_name(f)));
            let Some(function) = function(func, column) else {
                sink.reject("condition", format!("`{func}` needs a field"), *span, None);
                return input;
            };
            let keys = by.iter().map(|f| key(&field_name(f), sink.names)).collect();
            let window = timeframe.map_or(Window::None, Window::Sliding);
            let columns = vec![(Arc::from(func.as_str()), function)];
            let agg = Plan::Agg(Agg { input: Box::new(input), keys, columns, window });
            Plan::Filter(Box::new(agg), column_test(func, *op, *value, *span))
        }
    }
}

/// `count` of a field counts its distinct values.
fn function(name: &str, field: Option<Scalar>) -> Option<AggFn> {
    Some(match (name, field) {
        ("count", None) => AggFn::Count,
        ("count", Some(f)) => AggFn::CountDistinct(f),
        ("sum", Some(f)) => AggFn::Sum(number(f)),
        ("avg", Some(f)) => AggFn::Avg(number(f)),
        ("min", Some(f)) => AggFn::Min(number(f)),
        ("max", Some(f)) => AggFn::Max(number(f)),
        _ => return None,
    })
}

/// A field as a number: logs hold numbers as text.
pub(crate) fn number(field: Scalar) -> Scalar {
    match Func::named("number") {
        Some(func) => Scalar::Call(Call { func, args: vec![field], words: Words::default() }),
        None => field,
    }
}

/// A group key: events without the field are in no group.
pub(crate) fn key(name: &str, names: Names) -> Key {
    Key { name: Arc::from(name), value: Scalar::field(names, name), optional: false }
}

/// A comparison of an aggregate's column with a number.
pub(crate) fn column_test(column: &str, op: CmpOp, value: f64, span: Span) -> Expr {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    let value = if whole { Value::I64(value as i64) } else { Value::F64(value) };
    Expr::Test(Test {
        subject: Scalar::field(Names::Column, column),
        op: Op::Compare(op, Scalar::Lit(value)),
        words: Words::default(),
        span,
    })
}

/// `a | near b and not c`: an event of `a`, with one of `b` and none of `c` within the timeframe before or after.
fn near(
    input: Plan,
    others: &Cond,
    span: Span,
    timeframe: Option<Duration>,
    source: &LogSource,
    selections: &mut Selections,
    sink: &mut Sink,
) -> Plan {
    if timeframe.is_none() {
        sink.warn("near-without-timeframe", "`near` without a timeframe looks at the whole input", span);
    }
    let mut members = vec![Member { name: Arc::from("primary"), plan: input, keys: Vec::new() }];
    let condition = near_condition(others, source, &mut members, selections, sink);
    let condition = ir::Condition::And(vec![ir::Condition::Member(0), condition]);
    Plan::Set(Box::new(Set {
        members,
        span: timeframe,
        condition,
        anchor: Some(0),
        per_key: None,
        until: None,
    }))
}

fn near_condition(
    cond: &Cond,
    source: &LogSource,
    members: &mut Vec<Member>,
    selections: &mut Selections,
    sink: &mut Sink,
) -> ir::Condition {
    let mut all = |v: &[Cond], members: &mut Vec<Member>, selections: &mut Selections| {
        v.iter().map(|c| near_condition(c, source, members, selections, sink)).collect::<Vec<_>>()
    };
    match cond {
        Cond::And(v) => ir::Condition::And(all(v, members, selections)),
        Cond::Or(v) => ir::Condition::Or(all(v, members, selections)),
        Cond::Not(c) => ir::Condition::Not(Box::new(near_condition(c, source, members, selections, sink))),
        other => {
            let name = match other {
                Cond::Name(n, _) => n.clone(),
                Cond::Of(_, p, _) => p.clone().unwrap_or_else(|| "them".into()),
                _ => String::new(),
            };
            let at = members.iter().skip(1).position(|m| *m.name == *name).map(|i| i + 1);
            ir::Condition::Member(at.unwrap_or_else(|| {
                let e = selections.lower(other, sink);
                let plan = Plan::Filter(Box::new(Plan::Scan(source.clone())), e);
                members.push(Member { name: Arc::from(name), plan, keys: Vec::new() });
                members.len() - 1
            }))
        }
    }
}

/// Reads a span of time: a number and `s`, `m`, `h`, `d`, `w`, `M` (30 days) or `y` (365 days).
pub(crate) fn timeframe(node: Option<&Node>, sink: &mut Sink) -> Option<(Duration, Span)> {
    let node = node.filter(|n| !n.is_null())?;
    match node.text().and_then(duration) {
        Some(d) => Some((d, node.span)),
        None => {
            let help = Some("write a number and s, m, h or d, e.g. 15m".to_owned());
            sink.reject("timespan", "not a span of time", node.span, help);
            None
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let seconds: i64 = match text[digits..].trim() {
        "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "M" => 30 * 86_400,
        "y" => 365 * 86_400,
        _ => return None,
    };
    let n: i64 = text[..digits].parse().ok()?;
    n.checked_mul(seconds)?.checked_mul(1_000_000_000).filter(|d| *d > 0)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (text, seconds) in
            [("15s", 15), ("5m", 300), ("1h", 3600), ("2d", 172_800), ("1w", 604_800), ("1M", 2_592_000)]
        {
            assert_eq!(duration(text), Some(seconds * 1_000_000_000), "{text}");
        }
        for bad in ["", "5", "m", "0s", "-1h", "1.5h", "99999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
