//! IR to text, where KQL or Lucene can say it; what cannot be said is refused with the reason.
//!
//! Reading what is printed gives the same predicate. Where the IR comes from another language, meaning is kept: a
//! test of three-valued logic under a negation is guarded against absent fields. Field names are not translated:
//! those of another scheme are refused.

mod literal;

use std::collections::BTreeSet;

use shikra_event::Value as Datum;
use shikra_ir::regex::words as analysis;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{CmpOp, Each, Expr, Fold, Multi, Nulls, Op, Part, Pattern, Scalar, Test, Truth};

use crate::leaf::{network, odd_number};
use crate::{FieldType, Options, Syntax};

/// The text of a predicate, to be read with the same options.
///
/// # Errors
/// What cannot be said.
pub fn print(e: &Expr, options: &Options<'_>) -> Said {
    let said = Printer { options, nested: false }.expr(e, false)?;
    Ok(said.text)
}

/// How tightly a text holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tight {
    Or,
    And,
    Not,
    Atom,
}

struct Text {
    text: String,
    tight: Tight,
}

fn atom(text: String) -> Said<Text> {
    Ok(Text { text, tight: Tight::Atom })
}

#[derive(Clone, Copy)]
struct Printer<'o> {
    options: &'o Options<'o>,
    /// Within the braces of a nested query.
    nested: bool,
}

/// What a test asks, as a list of alternatives after a field's name.
struct Values {
    field: Option<String>,
    values: Vec<String>,
}

impl Printer<'_> {
    fn kql(&self) -> bool {
        self.options.syntax == Syntax::Kql
    }

    fn word(&self, kql: &'static str, lucene: &'static str) -> &'static str {
        if self.kql() { kql } else { lucene }
    }

    /// An expression or, where `negated`, its negation.
    fn expr(&self, e: &Expr, negated: bool) -> Said<Text> {
        match e {
            Expr::Named(_, e) => self.expr(e, negated),
            Expr::Not(e) => self.expr(e, !negated),
            Expr::Const(t) => self.constant(*t, negated),
            Expr::Opaque(o) => refuse(format!("unsupported: {}", o.reason)),
            Expr::And(v) | Expr::Or(v) if v.is_empty() => {
                self.constant(Truth::of(matches!(e, Expr::And(_))), negated)
            }
            Expr::And(v) if !negated => self.list(v, false, false),
            Expr::Or(v) if !negated => self.list(v, true, false),
            // What knows no unknown is negated as a whole, else part by part.
            Expr::And(_) | Expr::Or(_) if !self.may_be_unknown(e) => {
                let inner = self.expr(e, false)?;
                Ok(self.negate(inner))
            }
            Expr::And(v) => self.list(v, true, true),
            Expr::Or(v) => self.list(v, false, true),
            Expr::Test(t) => self.test(t, negated),
        }
    }

    fn constant(&self, t: Truth, negated: bool) -> Said<Text> {
        match if negated { t.negate() } else { t } {
            Truth::True => atom("*".to_owned()),
            _ => Ok(Text { text: self.word("not *", "NOT *").to_owned(), tight: Tight::Not }),
        }
    }

    fn may_be_unknown(&self, e: &Expr) -> bool {
        let mut unknown = false;
        e.tests(&mut |t| unknown |= t.words.null == Nulls::Three);
        unknown
    }

    fn negate(&self, inner: Text) -> Text {
        let text = self.within(inner, Tight::Atom);
        Text { text: format!("{} {text}", self.word("not", "NOT")), tight: Tight::Not }
    }

    /// In brackets where it does not hold together enough.
    fn within(&self, t: Text, least: Tight) -> String {
        if t.tight < least { format!("({})", t.text) } else { t.text }
    }

    fn list(&self, parts: &[Expr], any: bool, negated: bool) -> Said<Text> {
        let mut said: Vec<Result<Values, Text>> = Vec::new();
        if any && !negated {
            self.networks_are_texts(parts)?;
        }
        for (at, part) in parts.iter().enumerate() {
            if any && !negated && parts[..at].iter().any(|p| covers(p, part)) {
                continue;
            }
            let values = if any && !negated { self.positive(part)? } else { None };
            let Some(v) = values else {
                said.push(Err(self.expr(part, negated)?));
                continue;
            };
            match said.iter_mut().flatten().find(|p| p.field == v.field) {
                Some(p) => v.values.into_iter().for_each(|x| push_new(&mut p.values, x)),
                None => said.push(Ok(v)),
            }
        }
        let mut said: Vec<Text> =
            said.into_iter().map(|t| t.map_or_else(|text| text, |v| self.values(v))).collect();
        if said.len() == 1
            && let Some(only) = said.pop()
        {
            return Ok(only);
        }
        // Lucene has no precedence: whatever stands in a list of another kind is put in brackets.
        let least = if self.kql() { Tight::And } else { Tight::Atom };
        let (word, tight, least) = match any {
            true => (self.word(" or ", " OR "), Tight::Or, least),
            false => (self.word(" and ", " AND "), Tight::And, Tight::Not),
        };
        let texts: Vec<String> = said.into_iter().map(|t| self.within(t, least)).collect();
        Ok(Text { text: texts.join(word), tight })
    }

    fn values(&self, v: Values) -> Text {
        let or = self.word(" or ", " OR ");
        match (v.field, v.values.as_slice()) {
            (Some(f), [one]) => Text { text: format!("{f}:{one}"), tight: Tight::Atom },
            (Some(f), all) => Text { text: format!("{f}:({})", all.join(or)), tight: Tight::Atom },
            (None, [one]) => Text { text: one.clone(), tight: Tight::Atom },
            (None, all) => Text { text: all.join(or), tight: Tight::Or },
        }
    }

    fn test(&self, t: &Test, negated: bool) -> Said<Text> {
        // An absent value makes a three-valued test unknown, and its negation too.
        let guard = negated && t.words.null == Nulls::Three && !matches!(t.op, Op::IsNull | Op::Exists);
        if let Op::IsNull = t.op {
            let there = self.field_of(&t.subject)?;
            let text = Text { text: format!("{there}:*"), tight: Tight::Atom };
            return Ok(if negated { text } else { self.negate(text) });
        }
        let one = [Expr::Test(t.clone())];
        self.networks_are_texts(&one)?;
        let said = match self.positive(&one[0])? {
            Some(v) => self.values(v),
            None => self.other(t)?,
        };
        if !negated {
            return Ok(said);
        }
        let said = self.negate(said);
        if !guard {
            return Ok(said);
        }
        let there = self.field_of(&t.subject)?;
        let and = self.word(" and ", " AND ");
        Ok(Text { text: format!("{there}:*{and}{}", said.text), tight: Tight::And })
    }

    /// A test that a field has one of several values; none for tests of other kinds.
    fn positive(&self, e: &Expr) -> Said<Option<Values>> {
        let (test, exists) = match e {
            Expr::Test(t) => (t, false),
            Expr::Not(inner) => match &**inner {
                Expr::Test(t @ Test { op: Op::IsNull, .. }) => (t, true),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let values = if exists { Some(vec!["*".to_owned()]) } else { self.alternatives(test)? };
        let Some(values) = values else { return Ok(None) };
        let field = match &test.subject {
            Scalar::AnyField => None,
            s => Some(self.field_of(s)?),
        };
        let mut unique = Vec::new();
        values.into_iter().for_each(|v| push_new(&mut unique, v));
        Ok(Some(Values { field, values: unique }))
    }

    fn alternatives(&self, t: &Test) -> Said<Option<Vec<String>>> {
        if !matches!(t.op, Op::IsNull | Op::Exists) && t.words.multi != Multi::Any {
            return refuse("a test of all values of a field");
        }
        if matches!(t.subject, Scalar::Each(_)) {
            return Ok(None);
        }
        Ok(Some(match &t.op {
            Op::Like(patterns) => {
                patterns.iter().map(|p| self.pattern(p, t)).collect::<Said<Vec<String>>>()?
            }
            Op::Cidr(nets) => nets.iter().map(|n| format!("\"{n}\"")).collect(),
            Op::In(values) => values.iter().map(|v| self.constant_value(v, t)).collect::<Said<_>>()?,
            Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => vec![self.constant_value(v, t)?],
            Op::Regex(all) => all.iter().map(|r| self.regex(r, t)).collect::<Said<_>>()?,
            _ => return Ok(None),
        }))
    }

    /// Ranges, nested objects and what cannot be said.
    fn other(&self, t: &Test) -> Said<Text> {
        match (&t.op, &t.subject) {
            (Op::Compare(CmpOp::Gt, Scalar::Lit(Datum::I64(0))), Scalar::Each(e)) => self.each(e),
            (Op::Compare(CmpOp::Ne, Scalar::Lit(v)), s) => {
                let field = self.field_of(s)?;
                let value = self.constant_value(v, t)?;
                Ok(self.negate(Text { text: format!("{field}:{value}"), tight: Tight::Atom }))
            }
            (Op::Compare(_, Scalar::Lit(Datum::Str(_))), s)
                if t.words.fold == Fold::Unicode && self.type_of(s) != Some(FieldType::Caseless) =>
            {
                refuse("an order of text that ignores case")
            }
            (Op::Compare(op, Scalar::Lit(v)), s) => {
                let (field, value) = (self.field_of(time_field(s))?, self.constant_value(v, t)?);
                let op = op.as_str();
                match self.kql() {
                    true => atom(format!("{field} {op} {value}")),
                    false => atom(format!("{field}:{op}{value}")),
                }
            }
            (Op::Compare(..), _) => refuse("a comparison of two fields"),
            (Op::Exists, _) => refuse("whether a field is there even where it is null"),
            (Op::IsTrue, _) => refuse("a condition made of a function"),
            _ => refuse("a test that has no counterpart"),
        }
    }

    /// A condition on one element of a list: an object, or a value within bounds.
    fn each(&self, e: &Each) -> Said<Text> {
        let list = self.field_of(&e.list)?;
        let whole = Scalar::Var(e.var.clone());
        let mut on_value = false;
        e.body.tests(&mut |t| on_value |= *time_field(&t.subject) == whole);
        if !on_value && self.kql() {
            let body = Printer { nested: true, ..*self }.expr(&e.body, false)?;
            return atom(format!("{list}:{{ {} }}", body.text));
        }
        match (&e.body, self.kql()) {
            (Expr::And(v), false) => self.range(&list, v),
            _ => refuse("a condition on one value of a list"),
        }
    }

    /// Lucene's `[a TO b]`.
    fn range(&self, list: &str, bounds: &[Expr]) -> Said<Text> {
        let [Expr::Test(low), Expr::Test(high)] = bounds else {
            return refuse("a condition on one value of a list");
        };
        let (Op::Compare(from, Scalar::Lit(a)), Op::Compare(to, Scalar::Lit(b))) = (&low.op, &high.op) else {
            return refuse("a condition on one value of a list");
        };
        let open = if *from == CmpOp::Ge { "[" } else { "{" };
        let close = if *to == CmpOp::Le { "]" } else { "}" };
        let (a, b) = (self.constant_value(a, low)?, self.constant_value(b, high)?);
        atom(format!("{list}:{open}{a} TO {b}{close}"))
    }

    /// A field's name.
    fn field_of(&self, s: &Scalar) -> Said {
        match s {
            Scalar::Field(f) if f.name.is_empty() => refuse("a field without a name"),
            Scalar::Field(f) if f.names == self.options.names => {
                Ok(literal::bare(&Pattern::exact(&f.name), self.options.syntax))
            }
            Scalar::Field(f) => refuse(format!("field {} of another naming scheme", f.name)),
            Scalar::FieldGlob(names, p) if *names == self.options.names => {
                Ok(literal::bare(p, self.options.syntax))
            }
            Scalar::Var(name) if self.nested => {
                let below = name.split_once('.').map_or(&**name, |(_, member)| member);
                Ok(literal::bare(&Pattern::exact(below), self.options.syntax))
            }
            Scalar::AnyField => refuse("whether there is any field"),
            Scalar::Call(c) => refuse(format!("function {}", c.func.0.name)),
            _ => refuse("a computed value"),
        }
    }

    fn pattern(&self, p: &Pattern, t: &Test) -> Said {
        self.fold_fits(t, p.literals().any(has_case))?;
        match p.literal() {
            Some(text) => Ok(literal::quoted(text)),
            None if self.kql() && p.parts().contains(&Part::One) => {
                refuse(format!("a wildcard for one character ({p})"))
            }
            None if p.is_any() => Ok("*".to_owned()),
            None => Ok(literal::bare(p, self.options.syntax)),
        }
    }

    /// In a field of no known type the text of a network means both the text and the network: one without the other
    /// cannot be said, and together they are written once.
    fn networks_are_texts(&self, alternatives: &[Expr]) -> Said<()> {
        let (mut texts, mut nets) = (BTreeSet::new(), BTreeSet::new());
        for e in alternatives {
            let Expr::Test(t) = e else { continue };
            let Scalar::Field(f) = &t.subject else { continue };
            match (self.type_of(&t.subject), &t.op) {
                (Some(FieldType::Ip), _) => continue,
                (Some(_), Op::Cidr(_)) => return refuse("a network, in a field that holds no addresses"),
                (Some(_), _) => continue,
                (None, _) => {}
            }
            match &t.op {
                Op::Like(all) => {
                    let literals = all.iter().filter_map(|p| p.literal().filter(|l| l.contains('/')));
                    let literals = literals.filter_map(network);
                    texts.extend(literals.map(|n| (f, n)));
                }
                Op::Cidr(all) => nets.extend(all.iter().map(|n| (f, *n))),
                _ => {}
            }
        }
        if texts == nets { Ok(()) } else { refuse("a network without its text, or a text that is a network") }
    }

    fn type_of(&self, s: &Scalar) -> Option<FieldType> {
        match s {
            Scalar::Field(f) => self.options.types.of(&f.name),
            _ => None,
        }
    }

    /// Whether the field compares as the test does.
    fn fold_fits(&self, t: &Test, has_case: bool) -> Said<()> {
        let folds = self.type_of(time_field(&t.subject)) == Some(FieldType::Caseless);
        match (t.words.fold == Fold::Unicode, folds, has_case) {
            (true, false, true) => refuse("a comparison that ignores case"),
            (false, true, true) => refuse("a comparison that keeps case, on a field without it"),
            _ => Ok(()),
        }
    }

    fn constant_value(&self, v: &Datum, t: &Test) -> Said {
        let Some(text) = v.to_text() else { return refuse("a comparison with null") };
        match v {
            Datum::I64(_) | Datum::Bool(_) => Ok(text),
            // In digits alone.
            Datum::F64(n) if format!("{n:?}").contains('e') => Ok(text),
            Datum::F64(n) => Ok(format!("{n:?}")),
            _ => {
                self.fold_fits(t, has_case(&text) && matches!(v, Datum::Str(_)))?;
                Ok(literal::quoted(&text))
            }
        }
    }

    fn regex(&self, r: &shikra_ir::Regex, t: &Test) -> Said {
        let on_text =
            matches!(&t.subject, Scalar::Field(f) if self.options.types.of(&f.name) == Some(FieldType::Text));
        if on_text {
            if let Some(words) = analysis::words_sought(r) {
                return Ok(literal::quoted(&words.join(" ")));
            }
            if let Some(p) = analysis::form_sought(r) {
                return Ok(literal::bare(&p, self.options.syntax));
            }
        }
        let lucene = t.words.regex == shikra_ir::Flavor::Lucene && r.whole;
        match !self.kql() && lucene {
            true => {
                self.fold_fits(t, has_case(&r.source))?;
                Ok(format!("/{}/", literal::regex(&r.source)))
            }
            false => refuse(format!("a regular expression ({})", r.source)),
        }
    }
}

/// The field under a conversion to a point in time.
fn time_field(s: &Scalar) -> &Scalar {
    match s {
        Scalar::Call(c) if c.func.0.name == "time" => c.args.first().unwrap_or(s),
        other => other,
    }
}

fn has_case(text: &str) -> bool {
    text.chars().any(|c| c.is_lowercase() || c.is_uppercase())
}

/// Adds a value that is not there yet, networks by what they are.
fn push_new(all: &mut Vec<String>, value: String) {
    let network = |v: &str| v.trim_matches('"').parse::<ipnet::IpNet>().ok();
    let number = |v: &str| v.trim_matches('"').parse::<f64>().ok();
    let same = |known: &String| {
        let equal = |n| number(known) == Some(n) && known.trim_matches('"') == value.trim_matches('"');
        *known == value
            || network(&value).is_some_and(|n| network(known) == Some(n))
            || number(&value).is_some_and(equal)
    };
    if !all.iter().any(same) {
        all.push(value);
    }
}

/// Whether what is written for the first test says the second too: `field:*` of `field.*`, and a text that is a number
/// of that number.
fn covers(first: &Expr, second: &Expr) -> bool {
    if let (Expr::Test(a), Expr::Test(b)) = (first, second)
        && let (Op::Like(texts), Op::In(numbers)) = (&a.op, &b.op)
    {
        let read: Vec<Datum> = texts.iter().filter_map(|p| odd_number(p.literal()?)).collect();
        return a.subject == b.subject && a.words == b.words && *numbers == read;
    }
    let exists = |e: &Expr| match e {
        Expr::Not(inner) => match &**inner {
            Expr::Test(Test { subject, op: Op::IsNull, .. }) => Some(subject.clone()),
            _ => None,
        },
        _ => None,
    };
    match (exists(first), exists(second)) {
        (Some(Scalar::Field(f)), Some(Scalar::FieldGlob(_, p))) => {
            p == Pattern::exact_within(&format!("{}.", f.name), false, true)
        }
        _ => false,
    }
}
