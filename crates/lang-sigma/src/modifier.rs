//! Value modifiers: a table, applied from left to right, and the test that results.

use std::borrow::Cow;

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{
    Asked, Call, CmpOp, Coerce, Expr, Fold, Func, Measure, Names, Nulls, Op, Pattern, Regex, Scalar, Test,
    Words,
};
use shikra_syntax::{Diagnostic, Span};

use crate::item::{Item, Lit, Literal};
use crate::near_name::nearest;
use crate::rule::Sink;
use crate::text::{self, NoExpansion, Utf16};

/// A value on its way through the modifiers.
#[derive(Clone, Debug)]
enum Val<'i> {
    /// As written.
    Lit(Cow<'i, Lit<'i>>),
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

/// The state of an item under its modifiers.
struct Work<'i> {
    /// All values, each with the place in the item of the one that it comes of: any of those that one stands for.
    /// Ascending.
    vals: Vec<(usize, Val<'i>)>,
    /// The values as written.
    written: &'i [Literal<'i>],
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

/// All modifiers of specification 2.1, those that pySigma and Hayabusa have beside, and our own, which ask a baseline.
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
    modifier("exists", |w| w.exists()),
    modifier("windash", |w| w.windash()),
    modifier("base64", |w| w.encode(|b| vec![text::base64(b)])),
    modifier("base64offset", |w| w.encode(|b| text::base64_offsets(b).to_vec())),
    modifier("utf16le", |w| w.utf16(Utf16::Little)),
    modifier("wide", |w| w.utf16(Utf16::Little)),
    modifier("utf16be", |w| w.utf16(Utf16::Big)),
    modifier("utf16", |w| w.utf16(Utf16::Marked)),
    modifier("re", |w| w.regex()),
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
    modifier("cidr", |w| w.cidr()),
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
    modifier("fieldref", |w| w.fieldref()),
    modifier("equalsfield", |w| {
        w.cased = true;
        w.fieldref()
    }),
    modifier("endswithfield", |w| {
        w.fieldref()?;
        w.around(true, false, "ends-with")
    }),
    modifier("new", |w| w.new_value()),
    modifier("rare", |w| w.seen_before(Measure::Count, CmpOp::Le)),
    modifier("rarehosts", |w| w.seen_before(Measure::Hosts, CmpOp::Le)),
    modifier("outlier", |w| w.seen_before(Measure::Surprise, CmpOp::Ge)),
    // Done before all others, whatever its place: a placeholder is part of the text that they work on.
    modifier("expand", |_| Ok(())),
];

impl<'i> Work<'i> {
    /// Makes another value of each.
    fn each(&mut self, f: impl Fn(&mut Val<'i>) -> Outcome) -> Outcome {
        self.vals.iter_mut().try_for_each(|(_, val)| f(val))
    }

    /// Makes others of each; answers where the first value stands that `f` says something of.
    fn several(
        &mut self,
        f: impl Fn(&Val) -> Result<(Vec<Val<'i>>, bool), String>,
    ) -> Result<Option<Span>, String> {
        let mut out: Vec<(usize, Val)> = Vec::with_capacity(self.vals.len());
        let mut told = None;
        for (at, val) in &self.vals {
            let (vals, tells) = f(val)?;
            out.extend(vals.into_iter().map(|v| (*at, v)));
            told = told.or_else(|| self.written.get(*at).filter(|_| tells).map(|l| l.span));
        }
        if out.chunk_by(|a, b| a.0 == b.0).any(|of_one| of_one.len() > text::MAX_EXPANSION) {
            return Err(format!("more than {} values", text::MAX_EXPANSION));
        }
        self.vals = out;
        Ok(told)
    }

    fn around(&mut self, before: bool, after: bool, relation: &'static str) -> Outcome {
        self.each(|v| {
            match v {
                Val::Field(_, how) => *how = Some(relation),
                // A regular expression is searched for anywhere as it is.
                Val::Regex(_) => {}
                Val::Lit(l) => {
                    let text = l.text().ok_or("takes text")?;
                    let p = text::pattern_within(&text, before, after);
                    *v = Val::Pattern(p);
                }
                other => *other = Val::Pattern(other.pattern()?.around(before, after)),
            }
            Ok(())
        })
    }

    fn exists(&mut self) -> Outcome {
        let truth = |l: &Lit| match l {
            Lit::Bool(b) => Some(*b),
            Lit::Text(t) => match t.to_ascii_lowercase().as_str() {
                "true" | "yes" => Some(true),
                "false" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        };
        self.each(|v| {
            let said = if let Val::Lit(l) = v { truth(l) } else { None };
            *v = Val::Exists(said.ok_or("takes true or false")?);
            Ok(())
        })
    }

    fn windash(&mut self) -> Outcome {
        let cut = self.several(|v| {
            let (patterns, whole) = text::windash(&v.pattern()?);
            Ok((patterns.into_iter().map(Val::Pattern).collect(), !whole))
        })?;
        if let Some(span) = cut {
            let message =
                "too many dashes to vary all of them: only those that begin a word are, four at most";
            self.notes.push(Diagnostic::note("windash-limit", message, span));
        }
        Ok(())
    }

    fn encode(&mut self, f: impl Fn(&[u8]) -> Vec<String>) -> Outcome {
        let made = self.several(|v| {
            let texts = match v {
                Val::Bytes(b) => f(b),
                other => f(other.literal()?.as_bytes()),
            };
            Ok((texts.iter().map(|t| Val::Pattern(Pattern::exact(t))).collect(), false))
        });
        made.map(|_| ())
    }

    fn utf16(&mut self, how: Utf16) -> Outcome {
        self.each(|v| {
            *v = Val::Bytes(text::utf16(&v.literal()?, how));
            Ok(())
        })
    }

    fn regex(&mut self) -> Outcome {
        self.cased = true;
        self.each(|v| match v {
            Val::Lit(l) => {
                let source = l.text().ok_or("takes text")?.into_owned();
                *v = Val::Regex(Regex { source, multi_line: false, dot_all: false, whole: false });
                Ok(())
            }
            _ => Err("must come before the modifiers that change the text".into()),
        })
    }

    fn regex_flag(&mut self, set: impl Fn(&mut Regex)) -> Outcome {
        self.each(|v| match v {
            Val::Regex(r) => {
                set(r);
                Ok(())
            }
            _ => Err("goes with `re` only".into()),
        })
    }

    fn cidr(&mut self) -> Outcome {
        let mut loose = None;
        for (at, val) in &mut self.vals {
            let text = if let Val::Lit(l) = val { Some(&**l) } else { None };
            let Some(Lit::Text(t)) = text else {
                return Err("takes a network, e.g. 10.0.0.0/8".into());
            };
            let net = network(t).ok_or_else(|| format!("{t:?} is not a network"))?;
            let span = self.written.get(*at).filter(|_| net != net.trunc()).map(|l| l.span);
            loose = loose.or(span);
            *val = Val::Cidr(net.trunc());
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
            Val::Field(..) => Ok(()),
            other => other.number().map(|_| ()),
        })
    }

    fn seen_before(&mut self, measure: Measure, op: CmpOp) -> Outcome {
        self.seen = Some((measure, op));
        self.each(|v| v.number().map(|_| ()))
    }

    /// True: seen never; false: seen at least once.
    fn new_value(&mut self) -> Outcome {
        self.exists()?;
        let new = match self.vals.as_slice() {
            [(_, val)] if self.written.len() == 1 => matches!(val, Val::Exists(true)),
            _ => return Err("takes true or false".into()),
        };
        self.seen = Some((Measure::Count, if new { CmpOp::Eq } else { CmpOp::Gt }));
        self.each(|v| {
            *v = Val::Lit(Cow::Owned(Lit::Int("0".into(), 0)));
            Ok(())
        })
    }

    fn part_of_time(&mut self, part: &'static str) -> Outcome {
        self.time_part = Some(part);
        self.each(|v| v.number().map(|_| ()))
    }

    fn fieldref(&mut self) -> Outcome {
        self.each(|v| {
            let name = match v {
                Val::Lit(l) if matches!(**l, Lit::Text(_) | Lit::Int(..)) => l.text(),
                _ => None,
            };
            let name = name.ok_or("takes the name of a field")?;
            *v = Val::Field(crate::item::field_name(&name).into_owned(), None);
            Ok(())
        })
    }
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()))
}

impl Val<'_> {
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
            Val::Lit(l) => number(l),
            _ => Err("takes a number".into()),
        }
    }
}

fn number(l: &Lit) -> Result<Value, String> {
    match l {
        Lit::Int(_, n) => Ok(Value::I64(*n)),
        Lit::Float(_, n) => Ok(Value::F64(*n)),
        Lit::Text(t) => match (t.trim().parse(), t.trim().parse::<f64>()) {
            (Ok(n), _) => Ok(Value::I64(n)),
            (_, Ok(n)) if n.is_finite() => Ok(Value::F64(n)),
            _ => Err(format!("takes a number, not {t:?}")),
        },
        Lit::Null | Lit::Bool(_) => Err("takes a number".into()),
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
    emit(item, work, out)
}

/// The values as written, placeholders expanded.
fn start<'i>(item: &'i Item<'i>, out: &mut Sink) -> Result<Work<'i>, Expr> {
    let expands = item.modifiers.iter().any(|(m, _)| m == "expand");
    let mut vals = Vec::with_capacity(item.values.len());
    for (at, literal) in item.values.iter().enumerate() {
        match &literal.value {
            Lit::Text(t) if expands => match text::expand(t, &|name| placeholder(name, out)) {
                Ok(texts) => {
                    let text = |t: String| Val::Lit(Cow::Owned(Lit::Text(t.into())));
                    vals.extend(texts.into_iter().map(|t| (at, text(t))));
                }
                Err(e) => return Err(no_expansion(e, literal.span, out)),
            },
            other => vals.push((at, Val::Lit(Cow::Borrowed(other)))),
        }
    }
    Ok(Work {
        vals,
        written: &item.values,
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
fn emit(item: &Item, mut work: Work, out: &mut Sink) -> Expr {
    if work.written.is_empty() {
        if item.field.is_none() {
            return out.opaque("empty-list", "an empty list of keywords".into(), item.span, None);
        }
        let message = "an empty list of values is read as null";
        out.diagnostics.push(Diagnostic::warning("empty-list", message, item.span));
        return test(item, &work, out, Op::IsNull);
    }
    let mut vals = std::mem::take(&mut work.vals).into_iter().peekable();
    let expr = if work.all {
        // What each value as written stands for.
        Expr::and((0..work.written.len()).map(|at| {
            let of_one = std::iter::from_fn(|| vals.next_if(|v| v.0 == at));
            any_of(item, &work, of_one, out)
        }))
    } else {
        any_of(item, &work, vals, out)
    };
    if work.negated { expr.negate() } else { expr }
}

/// One test for all patterns, one for all regular expressions, one for all networks, and one for each other
/// value.
fn any_of<'v>(
    item: &Item,
    work: &Work,
    vals: impl Iterator<Item = (usize, Val<'v>)>,
    out: &mut Sink,
) -> Expr {
    let (mut regexes, mut nets, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let mut patterns = Vec::with_capacity(vals.size_hint().0.max(1));
    for (_, val) in vals {
        match val {
            Val::Regex(r) => regexes.push(r),
            Val::Cidr(n) => nets.push(n),
            Val::Exists(b) => {
                let e = test(item, work, out, Op::Exists);
                parts.push(if b { e } else { e.negate() });
            }
            Val::Field(name, relation) => parts.push(field_relation(item, work, &name, relation, out)),
            Val::Lit(l) if *l == Lit::Null => parts.push(test(item, work, out, Op::IsNull)),
            v if work.order.is_some() || work.time_part.is_some() || work.seen.is_some() => {
                parts.push(number_test(item, work, &v, out))
            }
            Val::Lit(l) => literal_patterns(&l, item.field.is_none(), &mut patterns),
            Val::Pattern(p) => patterns.push(keyword(p, item)),
            Val::Bytes(b) => patterns.push(keyword(Pattern::exact(&text::latin1(&b)), item)),
        }
    }
    out.patterns += patterns.len() + regexes.len() + nets.len() + parts.len();
    let words = words(work);
    if let Some(why) = regexes.iter().find_map(|r| shikra_ir::eval::check_regex(r, &words).err()) {
        let why = why.lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_owned();
        return out.opaque("regex", format!("regular expression: {why}"), item.span, None);
    }
    Pattern::share(&mut patterns);
    let likes = (!patterns.is_empty()).then_some(Op::Like(patterns));
    let regexes = (!regexes.is_empty()).then_some(Op::Regex(regexes));
    let nets = (!nets.is_empty()).then_some(Op::Cidr(nets));
    let whole = likes.into_iter().chain(regexes).chain(nets).map(|op| test(item, work, out, op));
    Expr::or(whole.chain(parts))
}

/// A keyword is looked for anywhere in each value of the event.
fn keyword(p: Pattern, item: &Item) -> Pattern {
    if item.field.is_none() { p.around(true, true) } else { p }
}

/// A literal compares as text: a number in the form it was written and in its plain form.
fn literal_patterns(l: &Lit, is_keyword: bool, out: &mut Vec<Pattern>) {
    let mut add = |p: Pattern| out.push(p.around(is_keyword, is_keyword));
    match l {
        Lit::Float(written, n) => {
            add(Pattern::exact(written));
            if n.to_string() != *written {
                add(Pattern::exact(&n.to_string()));
            }
        }
        Lit::Text(t) => out.push(text::pattern_within(t, is_keyword, is_keyword)),
        other => other.text().into_iter().for_each(|t| add(Pattern::exact(&t))),
    }
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
