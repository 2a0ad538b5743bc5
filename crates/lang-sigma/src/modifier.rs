//! Value modifiers: a table, applied from left to right, and the test that results.

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{
    Asked, Call, CmpOp, Coerce, Expr, Fold, Func, Measure, Names, Nulls, Op, Pattern, Regex, Scalar, Test,
    Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::item::{Item, Lit};
use crate::near_name::nearest;
use crate::rule::Sink;
use crate::text::{self, NoExpansion, Utf16};

/// A value on its way through the modifiers.
#[derive(Clone, Debug)]
enum Val {
    /// As written.
    Lit(Lit),
    /// Text with wildcards.
    Pattern(Pattern),
    /// Encoded text.
    Bytes(Vec<u8>),
    Regex(Regex),
    Cidr(IpNet),
    /// Another field, and how this one relates to it.
    Field(String, Option<&'static str>),
    Exists(bool),
}

/// A value as written and all it stands for: any of these.
struct Group {
    vals: Vec<Val>,
    span: Span,
}

/// The state of an item under its modifiers.
struct Work {
    groups: Vec<Group>,
    /// All values must match instead of any.
    all: bool,
    cased: bool,
    negated: bool,
    /// Order comparison instead of equality.
    order: Option<CmpOp>,
    /// What was seen before of the value instead of the value, and how it compares.
    seen: Option<(Measure, CmpOp)>,
    /// Part of a time instead of the value.
    time_part: Option<&'static str>,
    /// What to say that is no error.
    notes: Vec<Diagnostic>,
}

type Outcome = Result<(), String>;

/// A value modifier.
pub(crate) struct Modifier {
    /// As written after `|`.
    pub name: &'static str,
    apply: fn(&mut Work) -> Outcome,
}

const fn modifier(name: &'static str, apply: fn(&mut Work) -> Outcome) -> Modifier {
    Modifier { name, apply }
}

/// All modifiers of specification 2.1, those that pySigma has beside, and our own, which ask a baseline.
pub(crate) const MODIFIERS: &[Modifier] = &[
    modifier("contains", |w| w.around(true, true, "contains-text")),
    modifier("startswith", |w| w.around(false, true, "starts-with")),
    modifier("endswith", |w| w.around(true, false, "ends-with")),
    modifier("all", |w| {
        w.all = true;
        Ok(())
    }),
    modifier("cased", |w| {
        w.cased = true;
        Ok(())
    }),
    modifier("neq", |w| {
        w.negated = true;
        Ok(())
    }),
    modifier("exists", Work::exists),
    modifier("windash", Work::windash),
    modifier("base64", |w| w.encode(|b| vec![text::base64(b)])),
    modifier("base64offset", |w| w.encode(|b| text::base64_offsets(b).to_vec())),
    modifier("utf16le", |w| w.utf16(Utf16::Little)),
    modifier("wide", |w| w.utf16(Utf16::Little)),
    modifier("utf16be", |w| w.utf16(Utf16::Big)),
    modifier("utf16", |w| w.utf16(Utf16::Marked)),
    modifier("re", Work::regex),
    modifier("i", |w| {
        w.regex_flag(|_| {})?;
        w.cased = false;
        Ok(())
    }),
    modifier("ignorecase", |w| {
        w.regex_flag(|_| {})?;
        w.cased = false;
        Ok(())
    }),
    modifier("m", |w| w.regex_flag(|r| r.multi_line = true)),
    modifier("multiline", |w| w.regex_flag(|r| r.multi_line = true)),
    modifier("s", |w| w.regex_flag(|r| r.dot_all = true)),
    modifier("dotall", |w| w.regex_flag(|r| r.dot_all = true)),
    modifier("cidr", Work::cidr),
    modifier("lt", |w| w.ordered(CmpOp::Lt)),
    modifier("lte", |w| w.ordered(CmpOp::Le)),
    modifier("gt", |w| w.ordered(CmpOp::Gt)),
    modifier("gte", |w| w.ordered(CmpOp::Ge)),
    modifier("minute", |w| w.part_of_time("minute")),
    modifier("hour", |w| w.part_of_time("hour")),
    modifier("day", |w| w.part_of_time("day")),
    modifier("week", |w| w.part_of_time("week")),
    modifier("month", |w| w.part_of_time("month")),
    modifier("year", |w| w.part_of_time("year")),
    modifier("fieldref", Work::fieldref),
    modifier("new", Work::new_value),
    modifier("rare", |w| w.seen_before(Measure::Count, CmpOp::Le)),
    modifier("rarehosts", |w| w.seen_before(Measure::Hosts, CmpOp::Le)),
    modifier("outlier", |w| w.seen_before(Measure::Surprise, CmpOp::Ge)),
    // Done before all others, whatever its place: a placeholder is part of the text that they work on.
    modifier("expand", |_| Ok(())),
];

impl Work {
    fn each(&mut self, f: impl Fn(&Val) -> Result<Vec<Val>, String>) -> Outcome {
        for group in &mut self.groups {
            let mut out = Vec::with_capacity(group.vals.len());
            for val in &group.vals {
                out.extend(f(val)?);
            }
            if out.len() > text::MAX_EXPANSION {
                return Err(format!("more than {} values", text::MAX_EXPANSION));
            }
            group.vals = out;
        }
        Ok(())
    }

    fn around(&mut self, before: bool, after: bool, relation: &'static str) -> Outcome {
        self.each(|v| {
            Ok(vec![match v {
                Val::Field(f, _) => Val::Field(f.clone(), Some(relation)),
                // A regular expression is searched for anywhere as it is.
                Val::Regex(r) => Val::Regex(r.clone()),
                other => {
                    let p = other.pattern()?;
                    let p = if before { p.any_before() } else { p };
                    Val::Pattern(if after { p.any_after() } else { p })
                }
            }])
        })
    }

    fn exists(&mut self) -> Outcome {
        self.each(|v| match v {
            Val::Lit(Lit::Bool(b)) => Ok(vec![Val::Exists(*b)]),
            Val::Lit(Lit::Text(t)) => match t.to_ascii_lowercase().as_str() {
                "true" | "yes" => Ok(vec![Val::Exists(true)]),
                "false" | "no" => Ok(vec![Val::Exists(false)]),
                _ => Err("takes true or false".into()),
            },
            _ => Err("takes true or false".into()),
        })
    }

    fn windash(&mut self) -> Outcome {
        let mut cut = None;
        for group in &mut self.groups {
            let mut out = Vec::new();
            for val in &group.vals {
                let (patterns, whole) = text::windash(&val.pattern()?);
                out.extend(patterns.into_iter().map(Val::Pattern));
                cut = cut.or((!whole).then_some(group.span));
            }
            group.vals = out;
        }
        if let Some(span) = cut {
            let message =
                "too many dashes to vary all of them: only those that begin a word are, four at most";
            self.notes.push(Diagnostic::note("windash-limit", message, span));
        }
        Ok(())
    }

    fn encode(&mut self, f: impl Fn(&[u8]) -> Vec<String>) -> Outcome {
        self.each(|v| {
            let texts = match v {
                Val::Bytes(b) => f(b),
                other => f(other.literal()?.as_bytes()),
            };
            Ok(texts.iter().map(|t| Val::Pattern(Pattern::exact(t))).collect())
        })
    }

    fn utf16(&mut self, how: Utf16) -> Outcome {
        self.each(|v| Ok(vec![Val::Bytes(text::utf16(&v.literal()?, how))]))
    }

    fn regex(&mut self) -> Outcome {
        self.cased = true;
        self.each(|v| match v {
            Val::Lit(l) => {
                let source = l.text().ok_or("takes text")?;
                let regex = Regex { source, multi_line: false, dot_all: false, whole: false };
                Ok(vec![Val::Regex(regex)])
            }
            _ => Err("must come before the modifiers that change the text".into()),
        })
    }

    fn regex_flag(&mut self, set: impl Fn(&mut Regex)) -> Outcome {
        self.each(|v| match v {
            Val::Regex(r) => {
                let mut r = r.clone();
                set(&mut r);
                Ok(vec![Val::Regex(r)])
            }
            _ => Err("goes with `re` only".into()),
        })
    }

    fn cidr(&mut self) -> Outcome {
        let mut loose = None;
        for group in &mut self.groups {
            for val in &mut group.vals {
                let Val::Lit(Lit::Text(t)) = val else {
                    return Err("takes a network, e.g. 10.0.0.0/8".into());
                };
                let net = network(t).ok_or_else(|| format!("{t:?} is not a network"))?;
                loose = loose.or((net != net.trunc()).then_some(group.span));
                *val = Val::Cidr(net.trunc());
            }
        }
        if let Some(span) = loose {
            let message = "the address has bits beyond the network's prefix: they are ignored";
            self.notes.push(Diagnostic::warning("cidr-host-bits", message, span));
        }
        Ok(())
    }

    fn ordered(&mut self, op: CmpOp) -> Outcome {
        self.order = Some(op);
        self.each(|v| match v {
            Val::Field(..) => Ok(vec![v.clone()]),
            other => other.number().map(|_| vec![other.clone()]),
        })
    }

    fn seen_before(&mut self, measure: Measure, op: CmpOp) -> Outcome {
        self.seen = Some((measure, op));
        self.each(|v| v.number().map(|_| vec![v.clone()]))
    }

    /// True: seen never; false: seen at least once.
    fn new_value(&mut self) -> Outcome {
        self.exists()?;
        let new = match self.groups.as_slice() {
            [Group { vals, .. }] if vals.len() == 1 => matches!(vals[0], Val::Exists(true)),
            _ => return Err("takes true or false".into()),
        };
        self.seen = Some((Measure::Count, if new { CmpOp::Eq } else { CmpOp::Gt }));
        self.each(|_| Ok(vec![Val::Lit(Lit::Int("0".into(), 0))]))
    }

    fn part_of_time(&mut self, part: &'static str) -> Outcome {
        self.time_part = Some(part);
        self.each(|v| v.number().map(|_| vec![v.clone()]))
    }

    fn fieldref(&mut self) -> Outcome {
        self.each(|v| match v {
            Val::Lit(l @ (Lit::Text(_) | Lit::Int(..))) => {
                Ok(vec![Val::Field(crate::item::field_name(&l.text().unwrap_or_default()), None)])
            }
            _ => Err("takes the name of a field".into()),
        })
    }
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()))
}

impl Val {
    fn pattern(&self) -> Result<Pattern, String> {
        match self {
            Val::Pattern(p) => Ok(p.clone()),
            Val::Bytes(b) => Ok(Pattern::exact(&text::latin1(b))),
            Val::Lit(l) => Ok(text::pattern(&l.text().ok_or("takes text")?)),
            _ => Err("takes text".into()),
        }
    }

    /// The text, where it has no wildcard.
    fn literal(&self) -> Result<String, String> {
        let p = self.pattern()?;
        p.literal().map(str::to_owned).ok_or_else(|| "cannot encode a wildcard".into())
    }

    fn number(&self) -> Result<Value, String> {
        match self {
            Val::Lit(Lit::Int(_, n)) => Ok(Value::I64(*n)),
            Val::Lit(Lit::Float(_, n)) => Ok(Value::F64(*n)),
            Val::Lit(Lit::Text(t)) => match (t.trim().parse(), t.trim().parse::<f64>()) {
                (Ok(n), _) => Ok(Value::I64(n)),
                (_, Ok(n)) if n.is_finite() => Ok(Value::F64(n)),
                _ => Err(format!("takes a number, not {t:?}")),
            },
            _ => Err("takes a number".into()),
        }
    }
}

/// Lowers an item to a predicate. What is not supported becomes [`Expr::Opaque`] with an error in `out`.
pub(crate) fn lower(item: &Item, out: &mut Sink) -> Expr {
    if let Some((code, message, span)) = &item.fault {
        return out.opaque(code, message.clone(), *span, None);
    }
    let mut work = match start(item, out) {
        Ok(w) => w,
        Err(e) => return e,
    };
    for (name, span) in &item.modifiers {
        let Some(m) = MODIFIERS.iter().find(|m| m.name == name) else {
            let near = nearest(name, MODIFIERS.iter().map(|m| m.name));
            let help = near.map(|n| format!("did you mean `{n}`?"));
            return out.opaque("unknown-modifier", format!("no modifier `{name}`"), *span, help);
        };
        if let Err(reason) = (m.apply)(&mut work) {
            return out.opaque("modifier", format!("`{name}` {reason}"), *span, None);
        }
    }
    out.diagnostics.append(&mut work.notes);
    emit(item, &work, out)
}

/// The values as written, placeholders expanded.
fn start(item: &Item, out: &mut Sink) -> Result<Work, Expr> {
    let expands = item.modifiers.iter().any(|(m, _)| m == "expand");
    let mut groups = Vec::with_capacity(item.values.len());
    for literal in &item.values {
        let vals = match &literal.value {
            Lit::Text(t) if expands => match text::expand(t, &|name| placeholder(name, out)) {
                Ok(texts) => texts.into_iter().map(|t| Val::Lit(Lit::Text(t))).collect(),
                Err(e) => return Err(no_expansion(e, literal.span, out)),
            },
            other => vec![Val::Lit(other.clone())],
        };
        groups.push(Group { vals, span: literal.span });
    }
    Ok(Work {
        groups,
        all: false,
        cased: false,
        negated: false,
        order: None,
        seen: None,
        time_part: None,
        notes: Vec::new(),
    })
}

/// The values of a placeholder.
fn placeholder<'s>(name: &str, out: &'s Sink) -> Option<std::borrow::Cow<'s, [String]>> {
    if let Some(values) = out.placeholders.get(name) {
        return Some(std::borrow::Cow::Borrowed(values));
    }
    let (include, exclude) = out.wildcards.as_ref()?;
    let listed = |v: &[String]| v.iter().any(|n| n == name);
    let wild = include.as_ref().is_none_or(|v| listed(v)) && !listed(exclude);
    wild.then(|| std::borrow::Cow::Owned(vec!["*".to_owned()]))
}

fn no_expansion(e: NoExpansion, span: Span, out: &mut Sink) -> Expr {
    match e {
        NoExpansion::Unresolved(name) => {
            out.reject(
                "unresolved-placeholder",
                format!("no values for the placeholder `%{name}%`"),
                span,
                Some("give its values with a placeholder file or a pipeline".into()),
            );
            Expr::FALSE
        }
        NoExpansion::TooMany => {
            let message = format!("placeholders stand for more than {} values", text::MAX_EXPANSION);
            out.opaque("placeholder-limit", message, span, None)
        }
    }
}

/// The predicate of an item whose modifiers have been applied.
fn emit(item: &Item, work: &Work, out: &mut Sink) -> Expr {
    if work.groups.is_empty() {
        if item.field.is_none() {
            return out.opaque("empty-list", "an empty list of keywords".into(), item.span, None);
        }
        let message = "an empty list of values is read as null";
        out.diagnostics.push(Diagnostic::warning("empty-list", message, item.span));
        return test(item, work, out, Op::IsNull);
    }
    let expr = if work.all {
        Expr::and(work.groups.iter().map(|g| any_of(item, work, g.vals.iter(), out)).collect::<Vec<_>>())
    } else {
        any_of(item, work, work.groups.iter().flat_map(|g| g.vals.iter()), out)
    };
    if work.negated { expr.negate() } else { expr }
}

/// One test for all patterns, one for all regular expressions, one for all networks, and one for each other
/// value.
fn any_of<'v>(item: &Item, work: &Work, vals: impl Iterator<Item = &'v Val>, out: &mut Sink) -> Expr {
    let (mut patterns, mut regexes, mut nets, mut parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for val in vals {
        match val {
            Val::Regex(r) => regexes.push(r.clone()),
            Val::Cidr(n) => nets.push(*n),
            Val::Exists(b) => {
                let e = test(item, work, out, Op::Exists);
                parts.push(if *b { e } else { e.negate() });
            }
            Val::Field(name, relation) => parts.push(field_relation(item, work, name, *relation, out)),
            Val::Lit(Lit::Null) => parts.push(test(item, work, out, Op::IsNull)),
            v if work.order.is_some() || work.time_part.is_some() || work.seen.is_some() => {
                parts.push(number_test(item, work, v, out))
            }
            Val::Lit(l) => patterns.extend(literal_patterns(l, item.field.is_none())),
            Val::Pattern(p) => patterns.push(keyword(p.clone(), item)),
            Val::Bytes(b) => patterns.push(keyword(Pattern::exact(&text::latin1(b)), item)),
        }
    }
    out.patterns += patterns.len() + regexes.len() + nets.len() + parts.len();
    if !nets.is_empty() {
        parts.insert(0, test(item, work, out, Op::Cidr(nets)));
    }
    if !regexes.is_empty() {
        let words = words(work);
        match regexes.iter().find_map(|r| shikra_ir::eval::check_regex(r, &words).err()) {
            Some(why) => {
                let why = why.lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_owned();
                return out.opaque("regex", format!("regular expression: {why}"), item.span, None);
            }
            None => parts.insert(0, test(item, work, out, Op::Regex(regexes))),
        }
    }
    if !patterns.is_empty() {
        parts.insert(0, test(item, work, out, Op::Like(patterns)));
    }
    Expr::or(parts)
}

/// A keyword is looked for anywhere in each value of the event.
fn keyword(p: Pattern, item: &Item) -> Pattern {
    if item.field.is_none() { p.any_before().any_after() } else { p }
}

/// A literal compares as text: a number in the form it was written and in its plain form.
fn literal_patterns(l: &Lit, is_keyword: bool) -> Vec<Pattern> {
    let mut texts = Vec::new();
    match l {
        Lit::Float(written, n) => {
            texts.push(Pattern::exact(written));
            if n.to_string() != *written {
                texts.push(Pattern::exact(&n.to_string()));
            }
        }
        Lit::Text(t) => texts.push(text::pattern(t)),
        other => texts.extend(other.text().map(|t| Pattern::exact(&t))),
    }
    if is_keyword { texts.into_iter().map(|p| p.any_before().any_after()).collect() } else { texts }
}

fn words(work: &Work) -> Words {
    Words { fold: if work.cased { Fold::None } else { Fold::Unicode }, ..Words::default() }
}

fn subject(item: &Item, names: Names) -> Scalar {
    item.field.as_ref().map_or(Scalar::AnyField, |f| Scalar::field(names, f))
}

fn test(item: &Item, work: &Work, out: &Sink, op: Op) -> Expr {
    Expr::Test(Test { subject: subject(item, out.names), op, words: words(work), span: item.span })
}

fn call(name: &str, args: Vec<Scalar>, words: Words) -> Option<Scalar> {
    Func::named(name).map(|func| Scalar::Call(Call { func, args, words }))
}

fn number_test(item: &Item, work: &Work, val: &Val, out: &mut Sink) -> Expr {
    let value = match val.number() {
        Ok(v) => v,
        Err(why) => return out.opaque("modifier", why, item.span, None),
    };
    let words = Words { coerce: Coerce::None, ..words(work) };
    let field = subject(item, out.names);
    if let Some((measure, op)) = work.seen {
        let Scalar::Field(field) = field else {
            return out.opaque("modifier", "a baseline is asked of a field".into(), item.span, None);
        };
        let asked = Asked { field, measure, seen: out.options.seen.clone() };
        let op = Op::Compare(op, Scalar::Lit(value));
        // What cannot be said does not hold, and neither does its negation.
        let words = Words { null: Nulls::Three, ..words };
        return Expr::Test(Test { subject: Scalar::Asked(Box::new(asked)), op, words, span: item.span });
    }
    let subject = match work.time_part {
        Some(part) => call("time-part", vec![field, Scalar::Lit(Value::str(part))], words),
        None => call("number", vec![field], words),
    };
    let Some(subject) = subject else {
        return out.opaque("function", "no such function".into(), item.span, None);
    };
    let op = Op::Compare(work.order.unwrap_or(CmpOp::Eq), Scalar::Lit(value));
    Expr::Test(Test { subject, op, words, span: item.span })
}

fn field_relation(item: &Item, work: &Work, other: &str, how: Option<&str>, out: &mut Sink) -> Expr {
    let (left, right) = (subject(item, out.names), Scalar::field(out.names, other));
    let words = words(work);
    let numbers = Words { coerce: Coerce::None, ..words };
    let span = item.span;
    let built = match (how, work.order) {
        (Some(how), _) => call(how, vec![left, right], words).map(|subject| (subject, Op::IsTrue, words)),
        (None, Some(op)) => call("number", vec![left], words)
            .zip(call("number", vec![right], words))
            .map(|(l, r)| (l, Op::Compare(op, r), numbers)),
        (None, None) => Some((left, Op::Compare(CmpOp::Eq, right), words)),
    };
    match built {
        Some((subject, op, words)) => Expr::Test(Test { subject, op, words, span }),
        None => out.opaque("function", "no such function".into(), span, None),
    }
}
