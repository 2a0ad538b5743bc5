//! Functions by name.

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{Call, CmpOp, Expr as Pred, Func, Op, Pattern, Regex, Scalar, Words, eval};
use shikra_syntax::{Diagnostic, Span};

use super::expr::{compare, single, test, two_valued};
use super::stats::is_aggregate;
use super::{Lower, lit, words};
use crate::ast::{Expr, Kind};

/// A call of a function of the IR's table.
pub(super) fn function(name: &str, args: Vec<Scalar>) -> Scalar {
    match Func::named(name) {
        Some(func) => Scalar::Call(Call { func, args, words: words() }),
        None => lit(Value::Null),
    }
}

/// How a function is made.
enum Make {
    /// That of the IR's table, over single values.
    One(&'static str),
    /// That of the IR's table, over all values.
    All(&'static str),
    /// Otherwise; arguments as they are.
    With(fn(Vec<Scalar>, Span) -> Scalar),
}
use Make::{All, One, With};

/// Functions: name, least and greatest number of arguments, meaning.
const FUNCTIONS: &[(&str, usize, usize, Make)] = &[
    ("abs", 1, 1, One("absolute")),
    ("acos", 1, 1, One("arc-cosine")),
    ("acosh", 1, 1, One("area-cosine")),
    ("asin", 1, 1, One("arc-sine")),
    ("asinh", 1, 1, One("area-sine")),
    ("atan", 1, 1, One("arc-tangent")),
    ("atan2", 2, 2, One("arc-tangent-of")),
    ("atanh", 1, 1, One("area-tangent")),
    ("bit_length", 1, 1, With(|a, _| function("multiply", vec![of_one("byte-length", a), lit(8)]))),
    ("byte_length", 1, 1, One("byte-length")),
    ("cbrt", 1, 1, One("cube-root")),
    ("ceil", 1, 1, One("ceiling")),
    ("clamp", 3, 3, With(clamp)),
    ("clamp_max", 2, 2, With(|a, _| function("least", a.into_iter().map(single).collect()))),
    ("clamp_min", 2, 2, With(|a, _| function("greatest", a.into_iter().map(single).collect()))),
    ("coalesce", 1, 99, All("first-known")),
    ("concat", 1, 99, One("concat")),
    ("copy_sign", 2, 2, One("sign-of-other")),
    ("cos", 1, 1, One("cosine")),
    ("cosh", 1, 1, One("hyperbolic-cosine")),
    ("date_extract", 2, 2, One("time-field")),
    ("date_diff", 3, 3, One("time-difference")),
    ("date_format", 1, 2, With(date_format)),
    ("date_parse", 1, 2, With(date_parse)),
    ("day_name", 1, 1, With(|a, _| function("time-format", vec![lit("EEEE"), first(a)]))),
    ("e", 0, 0, With(|_, _| lit(Value::F64(std::f64::consts::E)))),
    ("exp", 1, 1, One("exponential")),
    ("floor", 1, 1, One("floor")),
    ("from_base64", 1, 1, One("base64-decode")),
    ("greatest", 1, 99, With(|a, _| function("greatest", folded(a, "values-max")))),
    ("hash", 2, 2, With(hash)),
    ("hypot", 2, 2, One("hypotenuse")),
    ("ip_prefix", 3, 3, One("ip-prefix")),
    ("least", 1, 99, With(|a, _| function("least", folded(a, "values-min")))),
    ("left", 2, 2, With(left)),
    ("length", 1, 1, One("length")),
    ("locate", 2, 3, With(locate)),
    ("log", 1, 2, With(log)),
    ("log10", 1, 1, With(|a, _| function("logarithm", vec![lit(10), first(a)]))),
    ("ltrim", 1, 1, With(|a, _| trimmed("trim-start", a))),
    ("month_name", 1, 1, With(|a, _| function("time-format", vec![lit("MMMM"), first(a)]))),
    ("mv_append", 2, 2, All("values-append")),
    ("mv_avg", 1, 1, All("values-average")),
    ("mv_concat", 2, 2, All("values-join")),
    ("mv_contains", 2, 2, All("values-contain")),
    ("mv_count", 1, 1, All("values-count")),
    ("mv_dedupe", 1, 1, All("values-distinct")),
    ("md5", 1, 1, One("md5")),
    ("mv_first", 1, 1, All("values-first")),
    ("mv_intersection", 2, 2, All("values-intersection")),
    ("mv_last", 1, 1, All("values-last")),
    ("mv_max", 1, 1, All("values-max")),
    ("mv_median", 1, 1, All("values-median")),
    ("mv_median_absolute_deviation", 1, 1, All("values-deviation")),
    ("mv_min", 1, 1, All("values-min")),
    ("mv_percentile", 2, 2, All("values-percentile")),
    ("mv_pseries_weighted_sum", 2, 2, All("values-series-sum")),
    ("mv_slice", 2, 3, All("values-slice")),
    ("mv_sort", 1, 2, All("values-sort")),
    ("mv_sum", 1, 1, All("values-sum")),
    ("mv_union", 2, 2, All("values-union")),
    ("mv_zip", 2, 3, All("values-zip")),
    ("pi", 0, 0, With(|_, _| lit(Value::F64(std::f64::consts::PI)))),
    ("pow", 2, 2, One("power")),
    ("repeat", 2, 2, One("repeat")),
    ("reverse", 1, 1, One("reverse")),
    ("right", 2, 2, With(right)),
    ("round", 1, 2, One("round")),
    ("round_to", 2, 99, One("round-to")),
    ("rtrim", 1, 1, With(|a, _| trimmed("trim-end", a))),
    ("scalb", 2, 2, One("times-power-of-two")),
    ("sha1", 1, 1, One("sha1")),
    ("sha256", 1, 1, One("sha256")),
    ("signum", 1, 1, One("sign")),
    ("sin", 1, 1, One("sine")),
    ("sinh", 1, 1, One("hyperbolic-sine")),
    ("space", 1, 1, With(|a, _| function("repeat", vec![lit(" "), first(a)]))),
    ("split", 2, 2, One("split-at")),
    ("sqrt", 1, 1, One("root")),
    ("substring", 2, 3, One("substring-from-1")),
    ("tan", 1, 1, One("tangent")),
    ("tanh", 1, 1, One("hyperbolic-tangent")),
    ("tau", 0, 0, With(|_, _| lit(Value::F64(std::f64::consts::TAU)))),
    ("to_base64", 1, 1, One("base64-encode")),
    ("to_degrees", 1, 1, One("degrees")),
    ("to_lower", 1, 1, All("lower-each")),
    ("to_radians", 1, 1, One("radians")),
    ("to_upper", 1, 1, All("upper-each")),
    ("trim", 1, 1, With(|a, _| trimmed("trim", a))),
    ("url_decode", 1, 1, One("percent-decode")),
    ("url_encode", 1, 1, One("percent-encode")),
];

/// Conversions by name.
const CONVERSIONS: &[(&str, &str)] = &[
    ("to_bool", "boolean"),
    ("to_boolean", "boolean"),
    ("to_date_nanos", "date"),
    ("to_datetime", "date"),
    ("to_dbl", "double"),
    ("to_double", "double"),
    ("to_dt", "date"),
    ("to_int", "integer"),
    ("to_integer", "integer"),
    ("to_ip", "ip"),
    ("to_long", "long"),
    ("to_str", "keyword"),
    ("to_string", "keyword"),
    ("to_ul", "long"),
    ("to_ulong", "long"),
    ("to_unsigned_long", "long"),
    ("to_ver", "version"),
    ("to_version", "version"),
];

/// What a function of the IR's table is called here, where it is called with the same arguments.
pub(crate) fn function_of(ir: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(.., make)| matches!(make, One(n) | All(n) if *n == ir)).map(|(name, ..)| *name)
}

/// Functions that are supported: those of the tables, and those with a meaning of their own.
pub(crate) fn functions() -> impl Iterator<Item = &'static str> {
    const OWN: &[&str] = &[
        "bucket",
        "case",
        "cidr_match",
        "contains",
        "date_trunc",
        "ends_with",
        "is_not_null",
        "is_null",
        "json_extract",
        "kql",
        "match",
        "match_phrase",
        "now",
        "replace",
        "starts_with",
        "tbucket",
    ];
    let tables = FUNCTIONS.iter().map(|(n, ..)| *n).chain(CONVERSIONS.iter().map(|(n, _)| *n));
    tables.chain(OWN.iter().copied())
}

/// Whether a function of the IR's table stands for what a function here does with its arguments anyway.
pub(crate) fn is_single(ir: &str) -> bool {
    ir == "single"
}

impl Lower<'_, '_> {
    /// The value of a call.
    pub(super) fn call(&mut self, name: &str, args: &[Expr], span: Span) -> Scalar {
        if let Some(p) = self.predicate_call(name, args, span) {
            return Scalar::Truth(Box::new(p));
        }
        match (name, args) {
            ("now", []) => return self.now(),
            ("case", [_, _, ..]) => return self.case(args),
            ("date_trunc", [width, time]) => return self.date_trunc(width, time, span),
            ("tbucket", [width, rest @ ..]) => return self.bucket_of_time(width, rest, span),
            ("bucket", [of, rest @ ..]) => return self.bucket(of, rest, span),
            ("json_extract", [json, path]) => return self.json_extract(json, path, span),
            ("replace", [text, regex, with]) => return self.replace(text, regex, with, span),
            _ => {}
        }
        if is_aggregate(name) {
            let message = format!("{name} aggregates: it stands in STATS only");
            self.say(Diagnostic::error("aggregate", message, span));
            return lit(Value::Null);
        }
        if let (Some((_, kind)), [value]) = (CONVERSIONS.iter().find(|(n, _)| *n == name), args) {
            let value = self.scalar(value);
            return self.converted(value, kind, span);
        }
        let Some((_, least, most, make)) = FUNCTIONS.iter().find(|(n, ..)| *n == name) else {
            return self.opaque_value(format!("the function {name}"), span);
        };
        if args.len() < *least || args.len() > *most {
            let message = format!("{name} takes {least} to {most} arguments");
            self.say(Diagnostic::error("arguments", message, span));
            return lit(Value::Null);
        }
        let args: Vec<Scalar> = args.iter().map(|a| self.scalar(a)).collect();
        match make {
            One(ir) => function(ir, args.into_iter().map(single).collect()),
            All(ir) => function(ir, args),
            With(f) => f(args, span),
        }
    }

    /// Functions that answer a truth.
    pub(super) fn predicate_call(&mut self, name: &str, args: &[Expr], span: Span) -> Option<Pred> {
        Some(match (name, args) {
            ("starts_with", [s, t]) => self.related(s, t, "starts-with", span),
            ("ends_with", [s, t]) => self.related(s, t, "ends-with", span),
            ("contains", [s, t]) => self.related(s, t, "contains-text", span),
            ("is_null", [s]) => {
                let s = self.scalar(s);
                test(s, Op::IsNull, words(), span)
            }
            ("is_not_null", [s]) => {
                let s = self.scalar(s);
                test(s, Op::IsNull, words(), span).negate()
            }
            ("mv_contains", [a, b]) => {
                let args = vec![self.scalar(a), self.scalar(b)];
                test(function("values-contain", args), Op::IsTrue, words(), span)
            }
            ("cidr_match", [ip, nets @ ..]) if !nets.is_empty() => self.cidr(ip, nets, span),
            ("match", [field, value, Expr { kind: Kind::Map(options), .. }]) => {
                self.fuzzy(field, value, options, span)
            }
            ("match" | "match_phrase", [field, value]) => self.full_text(field, value, span),
            ("kql", [query, ..]) => self.kql(query, span),
            ("qstr", _) => self.opaque("the function qstr", span),
            _ => return None,
        })
    }

    fn related(&mut self, s: &Expr, t: &Expr, name: &'static str, span: Span) -> Pred {
        let (subject, text) = (self.scalar(s), self.scalar(t));
        let Scalar::Lit(Value::Str(text)) = &text else {
            let made = function(name, vec![single(subject), single(text)]);
            return test(made, Op::IsTrue, words(), span);
        };
        let exact = Pattern::exact(text);
        let pattern = match name {
            "starts-with" => exact.any_after(),
            "ends-with" => exact.any_before(),
            _ => Pattern::contains(text),
        };
        super::expr::matches(subject, vec![pattern], span)
    }

    fn cidr(&mut self, ip: &Expr, nets: &[Expr], span: Span) -> Pred {
        let subject = match &ip.kind {
            // An address in text is one all the same.
            Kind::Call { name, args } if name == "to_ip" && args.len() == 1 => self.scalar(&args[0]),
            Kind::Cast(inner, kind) if kind == "ip" => self.scalar(inner),
            _ => self.scalar(ip),
        };
        let mut all: Vec<IpNet> = Vec::new();
        let mut texts: Vec<(&str, Span)> = Vec::new();
        for net in nets {
            match &net.kind {
                Kind::Text(t) => texts.push((t, net.span)),
                Kind::List(v) => {
                    for e in v {
                        match &e.kind {
                            Kind::Text(t) => texts.push((t, e.span)),
                            _ => return self.opaque("cidr_match with networks that are not constant", span),
                        }
                    }
                }
                _ => return self.opaque("cidr_match with networks that are not constant", span),
            }
        }
        for (text, place) in texts {
            let net =
                text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
            match net {
                Some(n) => all.push(n),
                None => self.say(Diagnostic::error("network", format!("{text:?} is no network"), place)),
            }
        }
        test(subject, Op::Cidr(all), words(), span)
    }

    /// `match` with options: those that change what is found are unsupported, but for `fuzziness`.
    fn fuzzy(&mut self, field: &Expr, value: &Expr, options: &[(String, Expr)], span: Span) -> Pred {
        const HARMLESS: &[&str] = &["boost", "max_expansions", "prefix_length", "lenient", "fuzzy_rewrite"];
        let mut edits = 0;
        for (name, option) in options {
            match (name.as_str(), &option.kind) {
                ("fuzziness", Kind::Int(n)) => edits = *n,
                ("fuzziness", Kind::Text(t)) if t.eq_ignore_ascii_case("auto") => match &value.kind {
                    Kind::Text(sought) => edits = edits_of(sought),
                    _ => return self.opaque("fuzziness AUTO of a text that is not constant", option.span),
                },
                (name, _) if HARMLESS.contains(&name) => {}
                (name, _) => return self.opaque(format!("match with {name}"), option.span),
            }
        }
        if edits == 0 {
            return self.full_text(field, value, span);
        }
        let args = vec![self.single(field), self.single(value)];
        let distance = function("edit-distance", args);
        compare(CmpOp::Le, distance, lit(edits), span)
    }

    fn kql(&mut self, query: &Expr, span: Span) -> Pred {
        let Kind::Text(text) = &query.kind else {
            return self.opaque("kql with a query that is not constant", span);
        };
        let Some(read) = self.options.kql else { return self.opaque("kql", span) };
        match read(text) {
            Ok(p) => p,
            Err(why) => {
                self.say(Diagnostic::error("kql", why, query.span));
                Pred::Const(shikra_ir::Truth::Unknown)
            }
        }
    }

    fn case(&mut self, args: &[Expr]) -> Scalar {
        let mut arms = Vec::new();
        let pairs = args.chunks_exact(2);
        let other = pairs.remainder().first();
        for pair in pairs {
            let [when, then] = pair else { continue };
            let when = self.predicate(when);
            arms.push((when, self.scalar(then)));
        }
        let other = other.map(|o| Box::new(self.scalar(o)));
        Scalar::Case(arms, other)
    }

    fn replace(&mut self, text: &Expr, regex: &Expr, with: &Expr, span: Span) -> Scalar {
        if let Kind::Text(source) = &regex.kind {
            let r = Regex { source: source.clone(), multi_line: false, dot_all: false, whole: false };
            let java = Words { regex: shikra_ir::Flavor::Java, ..words() };
            if let Err(why) = eval::check_regex(&r, &java) {
                let why = why.lines().last().unwrap_or_default().to_owned();
                self.say(Diagnostic::error(
                    "regex",
                    format!("regular expression {source:?}: {why}"),
                    regex.span,
                ));
            }
        }
        let _ = span;
        let args = [text, regex, with].map(|e| self.single(e));
        function("regex-replace", args.to_vec())
    }

    /// A member of a JSON text by its path; of `_source`, the event itself, a field.
    fn json_extract(&mut self, json: &Expr, path: &Expr, span: Span) -> Scalar {
        let Kind::Text(path) = &path.kind else {
            return self.opaque_value("json_extract with a path that is not constant", span);
        };
        let path = path.strip_prefix("$").unwrap_or(path).trim_start_matches('.');
        if matches!(&json.kind, Kind::Field(f) if f == "_source") {
            return super::field(path);
        }
        let path = path.replace("[*]", "{}").replace('[', "{").replace(']', "}");
        let json = self.single(json);
        let found = function("json-path", vec![json, lit(path.as_str())]);
        function("esql-convert", vec![found, lit("text")])
    }

    /// A span of time: `1 hour`, or such a text.
    fn width(e: &Expr) -> Option<(i64, String)> {
        match &e.kind {
            Kind::Duration(n, unit) => Some((*n, unit.clone())),
            Kind::Text(t) => {
                let (n, unit) = t.trim().split_once(' ')?;
                shikra_ir::func::calendar::unit(unit)?;
                Some((n.parse().ok()?, unit.trim().to_owned()))
            }
            Kind::Cast(inner, _) => Self::width(inner),
            _ => None,
        }
    }

    fn date_trunc(&mut self, width: &Expr, time: &Expr, span: Span) -> Scalar {
        // Both orders are met.
        let (width, time) = match (Self::width(width), Self::width(time)) {
            (Some(w), _) => (w, time),
            (None, Some(w)) => (w, width),
            (None, None) => return self.opaque_value("date_trunc by what is no span of time", span),
        };
        let time = self.single(time);
        function("time-truncate", vec![time, lit(width.0), lit(width.1.as_str())])
    }

    /// `bucket(time, 1 hour)`, `bucket(number, 5)`, or a number of buckets between two bounds.
    /// `TBUCKET(width)`: the event's time, in steps of a width, which may be text.
    fn bucket_of_time(&mut self, width: &Expr, rest: &[Expr], span: Span) -> Scalar {
        let time = Expr { kind: Kind::Field("@timestamp".into()), span };
        let bounds: Vec<Expr> = std::iter::once(width).chain(rest).cloned().collect();
        self.bucket(&time, &bounds, span)
    }

    fn bucket(&mut self, of: &Expr, rest: &[Expr], span: Span) -> Scalar {
        let value = self.single(of);
        match rest {
            [width] => match (Self::width(width), &width.kind) {
                (Some((n, unit)), _) => function("time-truncate", vec![value, lit(n), lit(unit.as_str())]),
                (None, Kind::Int(_) | Kind::Float(_)) => {
                    let width = self.scalar(width);
                    function("bucket-number", vec![value, width])
                }
                _ => self.opaque_value("bucket of a width that is not constant", span),
            },
            [count, from, to] => {
                let Kind::Int(count) = count.kind else { return self.opaque_value("bucket", span) };
                match (&from.kind, &to.kind) {
                    (Kind::Text(from), Kind::Text(to)) => match time_width(count, from, to) {
                        Some((n, unit)) => function("time-truncate", vec![value, lit(n), lit(unit)]),
                        None => self.opaque_value("bucket between these bounds", span),
                    },
                    _ => match (number(from), number(to)) {
                        (Some(from), Some(to)) if count > 0 && to > from => {
                            let width = number_width(count, from, to);
                            function("bucket-number", vec![value, lit(Value::F64(width))])
                        }
                        _ => self.opaque_value("bucket between these bounds", span),
                    },
                }
            }
            _ => self.opaque_value("bucket with these arguments", span),
        }
    }
}

/// How many edits `AUTO` allows of a text.
fn edits_of(sought: &str) -> i64 {
    match sought.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

fn number(e: &Expr) -> Option<f64> {
    match e.kind {
        Kind::Int(n) => Some(n as f64),
        Kind::Float(n) => Some(n),
        _ => None,
    }
}

/// The least power of ten whose buckets are not too many.
fn number_width(count: i64, from: f64, to: f64) -> f64 {
    let exact = (to - from) / count as f64;
    let power = 10f64.powf(exact.log10().ceil());
    let fits = |width: f64| ((to / width).ceil() - (from / width).floor()) <= count as f64;
    [power / 2.0, power].into_iter().find(|w| fits(*w)).unwrap_or(power * 10.0)
}

/// Of widths that people use, the least whose buckets are not too many.
fn time_width(count: i64, from: &str, to: &str) -> Option<(i64, &'static str)> {
    const WIDTHS: &[(i64, &str, i64)] = &[
        (1, "second", 1),
        (5, "seconds", 5),
        (10, "seconds", 10),
        (30, "seconds", 30),
        (1, "minute", 60),
        (5, "minutes", 300),
        (10, "minutes", 600),
        (30, "minutes", 1800),
        (1, "hour", 3600),
        (3, "hours", 3 * 3600),
        (12, "hours", 12 * 3600),
        (1, "day", 86_400),
        (1, "week", 7 * 86_400),
        (1, "month", 30 * 86_400),
        (1, "year", 365 * 86_400),
    ];
    let (from, to) = (shikra_event::Timestamp::parse(from)?, shikra_event::Timestamp::parse(to)?);
    let seconds = to.0.checked_sub(from.0)? / 1_000_000_000;
    let fits = |(_, _, width): &&(i64, &str, i64)| seconds / width < count;
    WIDTHS.iter().find(fits).map(|(n, unit, _)| (*n, *unit))
}

fn first(args: Vec<Scalar>) -> Scalar {
    single(args.into_iter().next().unwrap_or(lit(Value::Null)))
}

fn of_one(name: &str, args: Vec<Scalar>) -> Scalar {
    function(name, vec![first(args)])
}

fn folded(args: Vec<Scalar>, name: &str) -> Vec<Scalar> {
    args.into_iter().map(|a| function(name, vec![a])).collect()
}

const ISO: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";

fn date_format(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args: Vec<Scalar> = args.into_iter().map(single).collect();
    if args.len() == 1 {
        args.insert(0, lit(ISO));
    }
    function("time-format", args)
}

fn date_parse(args: Vec<Scalar>, _: Span) -> Scalar {
    let args: Vec<Scalar> = args.into_iter().map(single).collect();
    match args.len() {
        1 => function("convert", args.into_iter().chain([lit("time")]).collect()),
        _ => function("time-parse", args),
    }
}

fn clamp(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args = args.into_iter().map(single);
    let (Some(value), Some(least), Some(most)) = (args.next(), args.next(), args.next()) else {
        return lit(Value::Null);
    };
    function("least", vec![function("greatest", vec![value, least]), most])
}

fn left(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args = args.into_iter().map(single);
    let (Some(text), Some(n)) = (args.next(), args.next()) else { return lit(Value::Null) };
    function("substring-from-1", vec![text, lit(1), n])
}

/// `HASH(algorithm, text)`.
fn hash(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args: Vec<Scalar> = args.into_iter().map(single).collect();
    args.reverse();
    function("digest", args)
}

fn right(args: Vec<Scalar>, span: Span) -> Scalar {
    let mut args = args.into_iter().map(single);
    let (Some(text), Some(n)) = (args.next(), args.next()) else { return lit(Value::Null) };
    let none = compare(CmpOp::Le, n.clone(), lit(0), span);
    let part = function("substring-from-1", vec![text, function("subtract", vec![lit(0), n])]);
    Scalar::Case(vec![(none, lit(""))], Some(Box::new(part)))
}

/// The position from 1, 0 where it is not there.
fn locate(args: Vec<Scalar>, span: Span) -> Scalar {
    let mut args = args.into_iter().map(single);
    let (Some(text), Some(what)) = (args.next(), args.next()) else { return lit(Value::Null) };
    let absent = |s: &Scalar| test(s.clone(), Op::IsNull, two_valued(), span);
    let null = Pred::or([absent(&text), absent(&what)]);
    let mut all = vec![text, what];
    all.extend(args.next().map(|from| function("subtract", vec![from, lit(1)])));
    let found = function("add", vec![function("index-of", all), lit(1)]);
    let found = function("first-known", vec![found, lit(0)]);
    Scalar::Case(vec![(null, lit(Value::Null))], Some(Box::new(found)))
}

fn log(args: Vec<Scalar>, _: Span) -> Scalar {
    let mut args: Vec<Scalar> = args.into_iter().map(single).collect();
    match args.len() {
        1 => function("natural-logarithm", vec![args.remove(0)]),
        _ => function("logarithm", args),
    }
}

/// What is cut off at the ends of texts.
pub(crate) const WHITE: &str = " \t\r\n\u{b}\u{c}";

fn trimmed(name: &str, args: Vec<Scalar>) -> Scalar {
    function(name, vec![first(args), lit(WHITE)])
}
