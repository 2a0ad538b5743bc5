//! Aggregates, keys and sort keys as commands write them.

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{Agg, AggFn, Expr, Key, Names, Scalar, SortKey};

use super::{eval, plain, quoted, scalar};
use crate::lower::spans::MONTH;

/// The name of a field or column as a word.
pub(super) fn word(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'{' | b'}');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { quoted(name) }
}

/// The name of the field that a value is.
pub(super) fn name_of(s: &Scalar) -> Option<String> {
    match plain::scalar(s) {
        Scalar::Field(f) if f.names == Names::Splunk => Some(f.name.to_string()),
        _ => None,
    }
}

/// The argument of a call of this function of the IR.
pub(super) fn within<'s>(s: &'s Scalar, func: &str) -> Option<&'s [Scalar]> {
    match s {
        Scalar::Call(c) if c.func.0.name == func => Some(&c.args),
        _ => None,
    }
}

/// `dc(x) AS y, count`
pub(super) fn aggregates(a: &Agg) -> Said {
    let all: Result<Vec<String>, _> = a.columns.iter().map(|(to, f)| aggregate(to, f)).collect();
    Ok(all?.join(", "))
}

fn aggregate(to: &str, f: &AggFn) -> Said {
    let (func, value) = function(f)?;
    let written = match value {
        None => func.clone(),
        Some(v) => match (name_of(v), counted(v).filter(|_| func == "count")) {
            (Some(name), _) if !name.contains(['"', '(', ')', '*']) => format!("{func}({name})"),
            (_, Some(e)) => format!("count(eval({}))", eval(&plain::expr(e), true)?),
            _ => format!("{func}(eval({}))", scalar(&plain::scalar(v))?),
        },
    };
    Ok(if written == to { written } else { format!("{written} AS {}", word(to)) })
}

/// The condition that `count(eval(…))` counts.
fn counted(v: &Scalar) -> Option<&Expr> {
    match v {
        Scalar::Case(arms, None) => match arms.as_slice() {
            [(e, Scalar::Lit(Value::I64(1)))] => Some(e),
            _ => None,
        },
        _ => None,
    }
}

/// What an aggregate is over.
pub(super) fn over(f: &AggFn) -> Option<&Scalar> {
    function(f).ok()?.1
}

/// The name of an aggregate, and what it is over.
fn function(f: &AggFn) -> Said<(String, Option<&Scalar>)> {
    let inner = |v, func| within(v, func).and_then(<[Scalar]>::first);
    let (name, value) = match f {
        AggFn::Count => ("count", None),
        AggFn::CountOf(v) => ("count", Some(v)),
        AggFn::CountDistinct(v) => ("dc", Some(v)),
        AggFn::Values(v) => ("values", Some(inner(v, "spl-text").unwrap_or(v))),
        AggFn::List(v) => ("list", Some(v)),
        AggFn::Sum(v) => ("sum", Some(v)),
        AggFn::Avg(v) => ("avg", Some(v)),
        AggFn::Min(v) => ("min", Some(inner(v, "sort-value").unwrap_or(v))),
        AggFn::Max(v) => ("max", Some(inner(v, "sort-value").unwrap_or(v))),
        AggFn::Median(v) => ("median", Some(v)),
        AggFn::Mode(v) => ("mode", Some(v)),
        AggFn::StdDev(v) => ("stdev", Some(v)),
        AggFn::Var(v) => ("var", Some(v)),
        AggFn::Earliest(v) => ("earliest", Some(v)),
        AggFn::Latest(v) => ("latest", Some(v)),
        AggFn::First(v) => ("first", Some(v)),
        AggFn::Last(v) => ("last", Some(v)),
        AggFn::Percentile(v, p) => return Ok((format!("perc{p}"), Some(v))),
        AggFn::Other(name, args) => match args.as_slice() {
            [v] => (name.as_str(), Some(v)),
            _ => return refuse(format!("the aggregate {name}")),
        },
    };
    Ok((name.to_owned(), value))
}

/// ` BY a, _time span=3600s`, with what stands for a missing value.
pub(super) fn by(keys: &[Key]) -> Said<(String, Option<String>)> {
    let (mut out, mut fill) = (Vec::new(), None);
    for k in keys {
        let mut value = within(&k.value, "each-value").and_then(<[Scalar]>::first).unwrap_or(&k.value);
        if let Some([inner, Scalar::Lit(Value::Str(text))]) = within(value, "coalesce") {
            fill = Some(text.to_string());
            value = inner;
        }
        let span = match (within(value, "bin"), within(value, "relative-time")) {
            (Some([_, Scalar::Lit(Value::F64(w))]), _) => format!(" span={}", seconds(*w)),
            (_, Some([_, Scalar::Lit(Value::Str(to))])) if &**to == MONTH => " span=1mon".to_owned(),
            _ => String::new(),
        };
        out.push(format!("{}{span}", word(&k.name)));
    }
    let text = if out.is_empty() { String::new() } else { format!(" BY {}", out.join(", ")) };
    Ok((text, fill))
}

/// A span of time. The last unit that divides it.
pub(super) fn seconds(w: f64) -> String {
    const UNITS: &[(f64, &str)] = &[(86_400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s")];
    match UNITS.iter().find(|(n, _)| w >= *n && w % n == 0.0) {
        Some((n, unit)) => format!("{}{unit}", w / n),
        None => format!("{}us", w * 1e6),
    }
}

/// `-a, num(b)`
pub(super) fn sorted(keys: &[SortKey]) -> Option<String> {
    const HOW: &[(&str, &str)] =
        &[("sort-value", ""), ("spl-text", "str"), ("spl-number", "num"), ("ip-order", "ip")];
    let one = |k: &SortKey| {
        let sign = if k.descending { "-" } else { "" };
        HOW.iter().find_map(|(func, how)| {
            let name = word(&name_of(within(&k.value, func)?.first()?)?);
            // A quoted name has its sign before it as a word of its own.
            let sign = if name.starts_with('"') && !sign.is_empty() { "- " } else { sign };
            Some(if how.is_empty() { format!("{sign}{name}") } else { format!("{sign}{how}({name})") })
        })
    };
    Some(keys.iter().map(one).collect::<Option<Vec<_>>>()?.join(", "))
}
