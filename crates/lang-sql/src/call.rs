//! Functions by name, and aggregates.

use shikra_event::Value;
use shikra_ir::{AggFn, CmpOp, Expr as Pred, Fold, Op, Pattern, Scalar};
use shikra_syntax::Span;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned,
};

use crate::expr::{Place, compare, function, lit, test, words};
use crate::lower::Lower;

/// How a function is made.
enum Make {
    /// That of the IR's table, with the same arguments.
    Ir(&'static str),
    /// Otherwise.
    With(fn(Vec<Scalar>, Span) -> Scalar),
}
use Make::{Ir, With};

/// Functions that read one row: name, least and greatest number of arguments, meaning.
const FUNCTIONS: &[(&str, usize, usize, Make)] = &[
    ("abs", 1, 1, Ir("absolute")),
    ("array_contains", 2, 2, With(|a, s| truth("list-contains", a, s))),
    ("array_size", 1, 1, Ir("length")),
    ("bigint", 1, 1, With(|a, _| cast(a, "integer"))),
    ("boolean", 1, 1, With(|a, _| cast(a, "boolean"))),
    ("btrim", 1, 2, Ir("trim")),
    ("ceil", 1, 1, Ir("ceiling")),
    ("ceiling", 1, 1, Ir("ceiling")),
    ("char_length", 1, 1, Ir("length")),
    ("character_length", 1, 1, Ir("length")),
    ("coalesce", 1, 99, Ir("first-known")),
    ("concat", 1, 99, Ir("concat")),
    ("concat_ws", 1, 99, Ir("concat-with")),
    ("contains", 2, 2, With(|a, s| related(a, "contains-text", s))),
    ("cardinality", 1, 1, Ir("length")),
    ("date", 1, 1, With(|a, _| cast(a, "date"))),
    ("day", 1, 1, With(|a, _| part(a, "day"))),
    ("dayofmonth", 1, 1, With(|a, _| part(a, "day"))),
    ("double", 1, 1, With(|a, _| cast(a, "double"))),
    ("element_at", 2, 2, With(element_at)),
    ("endswith", 2, 2, With(|a, s| related(a, "ends-with", s))),
    ("float", 1, 1, With(|a, _| cast(a, "double"))),
    ("floor", 1, 1, Ir("floor")),
    ("from_unixtime", 1, 1, Ir("time-of-seconds")),
    ("greatest", 1, 99, Ir("greatest")),
    ("hex", 1, 1, Ir("hex")),
    ("hour", 1, 1, With(|a, _| part(a, "hour"))),
    ("if", 3, 3, With(if_else)),
    ("ifnull", 2, 2, Ir("first-known")),
    ("iff", 3, 3, With(if_else)),
    ("instr", 2, 2, With(|a, _| located(a, false))),
    ("int", 1, 1, With(|a, _| cast(a, "integer"))),
    ("isnotnull", 1, 1, With(|a, s| Scalar::Truth(Box::new(null(a, s).negate())))),
    ("isnull", 1, 1, With(|a, s| Scalar::Truth(Box::new(null(a, s))))),
    ("lcase", 1, 1, Ir("lower")),
    ("least", 1, 99, Ir("least")),
    ("left", 2, 2, With(left)),
    ("len", 1, 1, Ir("length")),
    ("length", 1, 1, Ir("length")),
    ("locate", 2, 3, With(|a, _| located(a, true))),
    ("lower", 1, 1, Ir("lower")),
    ("ltrim", 1, 2, Ir("trim-start")),
    ("md5", 1, 1, Ir("md5")),
    ("minute", 1, 1, With(|a, _| part(a, "minute"))),
    ("month", 1, 1, With(|a, _| part(a, "month"))),
    ("nullif", 2, 2, With(nullif)),
    ("nvl", 2, 2, Ir("first-known")),
    ("nvl2", 3, 3, With(nvl2)),
    ("position", 2, 3, With(|a, _| located(a, true))),
    ("regexp_extract", 2, 3, With(regexp_extract)),
    ("regexp_replace", 3, 3, Ir("regex-replace")),
    ("replace", 2, 3, With(replace)),
    ("reverse", 1, 1, Ir("reverse")),
    ("right", 2, 2, With(right)),
    ("round", 1, 2, Ir("round")),
    ("rtrim", 1, 2, Ir("trim-end")),
    ("size", 1, 1, Ir("length")),
    ("sha", 1, 1, Ir("sha1")),
    ("sha1", 1, 1, Ir("sha1")),
    ("sha2", 2, 2, With(sha2)),
    ("smallint", 1, 1, With(|a, _| cast(a, "integer"))),
    ("split", 2, 3, Ir("split-regex")),
    ("split_part", 3, 3, With(split_part)),
    ("startswith", 2, 2, With(|a, s| related(a, "starts-with", s))),
    ("string", 1, 1, With(|a, _| cast(a, "text"))),
    ("substr", 2, 3, Ir("substring-from-1")),
    ("substring", 2, 3, Ir("substring-from-1")),
    ("timestamp", 1, 1, With(|a, _| cast(a, "time"))),
    ("to_date", 1, 1, With(|a, _| cast(a, "date"))),
    ("to_timestamp", 1, 1, With(|a, _| cast(a, "time"))),
    ("to_unix_timestamp", 1, 1, Ir("unix-seconds")),
    ("trim", 1, 2, Ir("trim")),
    ("ucase", 1, 1, Ir("upper")),
    ("unhex", 1, 1, Ir("unhex")),
    ("unix_timestamp", 1, 1, Ir("unix-seconds")),
    ("upper", 1, 1, Ir("upper")),
    ("weekofyear", 1, 1, With(|a, _| part(a, "week"))),
    ("year", 1, 1, With(|a, _| part(a, "year"))),
];

/// An aggregate of one argument.
type Aggregate = (&'static str, fn(Scalar) -> AggFn);

/// Aggregates of one argument.
const AGGREGATES: &[Aggregate] = &[
    ("any_value", AggFn::First),
    ("approx_count_distinct", AggFn::CountDistinct),
    ("array_agg", AggFn::List),
    ("avg", AggFn::Avg),
    ("collect_list", AggFn::List),
    ("collect_set", AggFn::Values),
    ("count", AggFn::CountOf),
    ("first", AggFn::First),
    ("first_value", AggFn::First),
    ("last", AggFn::Last),
    ("last_value", AggFn::Last),
    ("max", AggFn::Max),
    ("mean", AggFn::Avg),
    ("median", AggFn::Median),
    ("min", AggFn::Min),
    ("mode", AggFn::Mode),
    ("std", AggFn::StdDev),
    ("stddev", AggFn::StdDev),
    ("stddev_samp", AggFn::StdDev),
    ("sum", AggFn::Sum),
    ("var_samp", AggFn::Var),
    ("variance", AggFn::Var),
];

/// A function's name, lower-case.
pub(crate) fn name(f: &Function) -> String {
    f.name.to_string().replace('`', "").to_ascii_lowercase()
}

/// Whether a call aggregates rows.
pub(crate) fn aggregates(f: &Function) -> bool {
    let name = name(f);
    f.over.is_none()
        && (AGGREGATES.iter().any(|(n, _)| *n == name)
            || matches!(name.as_str(), "count_if" | "percentile" | "percentile_approx" | "approx_percentile"))
}

/// The arguments of a call; `*` is none. None where one is something else.
pub(crate) fn arguments(f: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &f.args else {
        return matches!(f.args, FunctionArguments::None).then(Vec::new);
    };
    let mut out = Vec::new();
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => out.push(e),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
            _ => return None,
        }
    }
    Some(out)
}

fn distinct(f: &Function) -> bool {
    matches!(&f.args, FunctionArguments::List(l) if l.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

impl Lower<'_> {
    pub fn call(&mut self, f: &Function, e: &Expr, p: Place<'_>) -> Scalar {
        let span = self.at.span(e.span());
        let name = name(f);
        let unsupported = |s: &mut Self, why: String| Scalar::Truth(Box::new(s.opaque(why, span)));
        if f.over.is_some() {
            return unsupported(self, format!("the window function {name}"));
        }
        if aggregates(f) {
            return unsupported(self, format!("{name} where rows are not grouped"));
        }
        let Some(args) = arguments(f) else { return unsupported(self, format!("the arguments of {name}")) };
        let args: Vec<Scalar> = args.into_iter().map(|a| self.scalar(a, p)).collect();
        if let Some(made) = self.pattern_call(&name, &args, span) {
            return made;
        }
        let Some((_, least, most, make)) = FUNCTIONS.iter().find(|(n, ..)| *n == name) else {
            return unsupported(self, format!("the function {name}"));
        };
        if args.len() < *least || args.len() > *most {
            return unsupported(self, format!("{name} with {} arguments", args.len()));
        }
        match make {
            Ir(ir) => function(ir, args),
            With(f) => f(args, span),
        }
    }

    /// Functions over a constant pattern.
    fn pattern_call(&mut self, name: &str, args: &[Scalar], span: Span) -> Option<Scalar> {
        match (name, args) {
            ("rlike" | "regexp" | "regexp_like", [s, Scalar::Lit(Value::Str(r))]) => {
                Some(Scalar::Truth(Box::new(self.regex_test(s.clone(), r, span))))
            }
            ("regexp_extract" | "regexp_replace" | "split", [_, Scalar::Lit(Value::Str(r)), ..]) => {
                match self.regex(r, span) {
                    Ok(mended) if *mended != **r => {
                        let mut args = args.to_vec();
                        *args.get_mut(1)? = lit(mended.as_str());
                        let (.., make) = FUNCTIONS.iter().find(|(n, ..)| *n == name)?;
                        Some(match make {
                            Ir(ir) => function(ir, args),
                            With(f) => f(args, span),
                        })
                    }
                    Ok(_) => None,
                    Err(why) => {
                        let reason = format!("regular expression {r:?}: {why}");
                        Some(Scalar::Truth(Box::new(self.opaque(reason, span))))
                    }
                }
            }
            ("like", [s, Scalar::Lit(Value::Str(t))]) => {
                let pattern = crate::text::like(t, '\\');
                Some(Scalar::Truth(Box::new(test(s.clone(), Op::Like(vec![pattern]), words(), span))))
            }
            _ => None,
        }
    }

    /// What an aggregate computes.
    pub fn aggregate(&mut self, f: &Function, p: Place<'_>) -> Option<AggFn> {
        let name = name(f);
        let filter = f.filter.as_ref().map(|e| self.predicate(e, p));
        let kept = |s: Scalar| match &filter {
            Some(c) => Scalar::Case(vec![(c.clone(), s)], None),
            None => s,
        };
        let exprs = arguments(f)?;
        let mut args: Vec<Scalar> = exprs.iter().map(|a| self.scalar(a, p)).collect();
        match (name.as_str(), args.as_slice()) {
            ("count", []) if filter.is_none() => return Some(AggFn::Count),
            ("count", []) => return Some(AggFn::CountOf(kept(lit(1)))),
            ("count_if", [_]) => {
                let holds = self.predicate(exprs.first()?, p);
                let one = Scalar::Case(vec![(holds, lit(1))], None);
                return Some(AggFn::CountOf(kept(one)));
            }
            ("percentile" | "percentile_approx" | "approx_percentile", [_, Scalar::Lit(q), ..]) => {
                let percent = q.as_f64()? * 100.0;
                return Some(AggFn::Percentile(kept(args.swap_remove(0)), percent));
            }
            ("count", [_, _, ..]) => {
                // Rows where none of them is null.
                let joined = function("concat", with_breaks(args));
                return Some(if distinct(f) {
                    AggFn::CountDistinct(kept(joined))
                } else {
                    AggFn::CountOf(kept(joined))
                });
            }
            _ => {}
        }
        let value = kept(args.into_iter().next()?);
        if distinct(f) {
            return match name.as_str() {
                "count" => Some(AggFn::CountDistinct(value)),
                "min" => Some(AggFn::Min(value)),
                "max" => Some(AggFn::Max(value)),
                "collect_set" | "collect_list" | "array_agg" => Some(AggFn::Values(value)),
                _ => None,
            };
        }
        AGGREGATES.iter().find(|(n, _)| *n == name).map(|(_, make)| make(value))
    }
}

fn with_breaks(args: Vec<Scalar>) -> Vec<Scalar> {
    args.into_iter().flat_map(|a| [a, lit("\u{1f}")]).collect()
}

fn null(a: Vec<Scalar>, span: Span) -> Pred {
    let subject = a.into_iter().next().unwrap_or(lit(Value::Null));
    test(subject, Op::IsNull, words(), span)
}

fn truth(name: &str, args: Vec<Scalar>, span: Span) -> Scalar {
    Scalar::Truth(Box::new(test(function(name, args), Op::IsTrue, words(), span)))
}

/// `startswith`, `endswith`, `contains`: as a pattern where the text is constant.
fn related(args: Vec<Scalar>, name: &'static str, span: Span) -> Scalar {
    let [subject, Scalar::Lit(Value::Str(s))] = args.as_slice() else { return truth(name, args, span) };
    let exact = Pattern::exact(s);
    let pattern = match name {
        "starts-with" => exact.any_after(),
        "ends-with" => exact.any_before(),
        _ => Pattern::contains(s),
    };
    let words = shikra_ir::Words { fold: Fold::None, ..words() };
    Scalar::Truth(Box::new(test(subject.clone(), Op::Like(vec![pattern]), words, span)))
}

fn cast(mut args: Vec<Scalar>, kind: &str) -> Scalar {
    args.push(lit(kind));
    function("convert", args)
}

fn part(mut args: Vec<Scalar>, name: &str) -> Scalar {
    args.push(lit(name));
    function("time-part", args)
}

/// The position of `what` in `text` from 1, 0 where it is not there, null where either is null.
pub(crate) fn position(text: Scalar, what: Scalar, from: Option<Scalar>) -> Scalar {
    let absent = |s: &Scalar| test(s.clone(), Op::IsNull, words(), Span::default());
    let null = Pred::or([absent(&text), absent(&what)]);
    let mut args = vec![text, what];
    args.extend(from.map(|f| function("subtract", vec![f, lit(1)])));
    let found = function("add", vec![function("index-of", args), lit(1)]);
    let found = function("first-known", vec![found, lit(0)]);
    Scalar::Case(vec![(null, lit(Value::Null))], Some(Box::new(found)))
}

/// `instr(text, what)` and `locate(what, text, from)`.
fn located(args: Vec<Scalar>, what_first: bool) -> Scalar {
    let mut args = args.into_iter();
    let (Some(a), Some(b)) = (args.next(), args.next()) else { return lit(Value::Null) };
    let (what, text) = if what_first { (a, b) } else { (b, a) };
    position(text, what, args.next())
}

fn if_else(args: Vec<Scalar>, span: Span) -> Scalar {
    let mut args = args.into_iter();
    let (Some(condition), Some(then), other) = (args.next(), args.next(), args.next()) else {
        return lit(Value::Null);
    };
    let condition = match condition {
        Scalar::Truth(p) => *p,
        other => test(other, Op::IsTrue, words(), span),
    };
    Scalar::Case(vec![(condition, then)], other.map(Box::new))
}

fn nullif(args: Vec<Scalar>, span: Span) -> Scalar {
    let [a, b] = args.as_slice() else { return lit(Value::Null) };
    let equal = compare(CmpOp::Eq, a.clone(), b.clone(), span);
    Scalar::Case(vec![(equal, lit(Value::Null))], Some(Box::new(a.clone())))
}

fn nvl2(args: Vec<Scalar>, span: Span) -> Scalar {
    let [a, then, other] = args.as_slice() else { return lit(Value::Null) };
    let absent = test(a.clone(), Op::IsNull, words(), span);
    Scalar::Case(vec![(absent, other.clone())], Some(Box::new(then.clone())))
}

/// Positions count from 1, or from the end.
fn element_at(args: Vec<Scalar>, span: Span) -> Scalar {
    let [list, at] = args.as_slice() else { return lit(Value::Null) };
    let before = compare(CmpOp::Lt, at.clone(), lit(0), span);
    let from_0 = function("subtract", vec![at.clone(), lit(1)]);
    let at = Scalar::Case(vec![(before, at.clone())], Some(Box::new(from_0)));
    function("element", vec![list.clone(), at])
}

fn left(args: Vec<Scalar>, _: Span) -> Scalar {
    let [text, n] = args.as_slice() else { return lit(Value::Null) };
    function("substring-from-1", vec![text.clone(), lit(1), n.clone()])
}

fn right(args: Vec<Scalar>, span: Span) -> Scalar {
    let [text, n] = args.as_slice() else { return lit(Value::Null) };
    let none = compare(CmpOp::Le, n.clone(), lit(0), span);
    let from = function("subtract", vec![lit(0), n.clone()]);
    let part = function("substring-from-1", vec![text.clone(), from]);
    Scalar::Case(vec![(none, lit(""))], Some(Box::new(part)))
}

/// `sha2(text, 256)`; 0 bits are 256.
fn sha2(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args = args.into_iter();
    let (Some(text), Some(bits)) = (args.next(), args.next()) else { return lit(Value::Null) };
    match bits {
        Scalar::Lit(Value::I64(0 | 256)) => function("sha256", vec![text]),
        Scalar::Lit(Value::I64(384)) => function("sha384", vec![text]),
        Scalar::Lit(Value::I64(512)) => function("sha512", vec![text]),
        // 224 bits are not there.
        _ => lit(Value::Null),
    }
}

fn regexp_extract(mut args: Vec<Scalar>, _: Span) -> Scalar {
    if args.len() == 2 {
        args.push(lit(1));
    }
    function("regex-group", args)
}

fn replace(mut args: Vec<Scalar>, _: Span) -> Scalar {
    if args.len() == 2 {
        args.push(lit(""));
    }
    function("replace-text", args)
}

/// Part number `n` from 1 of a text cut at each of a plain text; empty where there is none.
fn split_part(args: Vec<Scalar>, span: Span) -> Scalar {
    let [text, at, n] = args.as_slice() else { return lit(Value::Null) };
    let quoted = match at {
        Scalar::Lit(Value::Str(s)) => lit(format!("\\Q{s}\\E").as_str()),
        other => function("concat", vec![lit("\\Q"), other.clone(), lit("\\E")]),
    };
    let parts = function("split-regex", vec![text.clone(), quoted]);
    let found = element_at(vec![parts, n.clone()], span);
    let null = test(text.clone(), Op::IsNull, words(), span);
    let found = function("first-known", vec![found, lit("")]);
    Scalar::Case(vec![(null, lit(Value::Null))], Some(Box::new(found)))
}
