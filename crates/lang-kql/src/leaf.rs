//! What one value asks of a field, by how the field is indexed.

use ipnet::IpNet;
use shikra_event::{Timestamp, Value as Datum};
use shikra_ir::regex::words as analysis;
use shikra_ir::{
    Call, CmpOp, Coerce, Each, EachGives, Expr, Flavor, Fold, Func, Op, Pattern, Regex, Scalar, Words, eval,
};
use shikra_syntax::{Diagnostic, Span};

use crate::FieldType;
use crate::ast::Literal;
use crate::lower::{Lower, Subject, and, not, or};

/// Name of the variable for one value of a field.
const VALUE: &str = "value";

/// Values that are tested alike, gathered into one test.
#[derive(Default)]
struct Gathered {
    patterns: Vec<Pattern>,
    networks: Vec<IpNet>,
    constants: Vec<Datum>,
    times: Vec<Datum>,
    regexes: Vec<Regex>,
    rest: Vec<Expr>,
    span: Option<Span>,
}

impl Lower<'_, '_> {
    /// The tests for alternatives: none where there are no literals.
    pub(crate) fn literals(&mut self, subject: &Subject, literals: &[&Literal]) -> Vec<Expr> {
        let mut all = Gathered::default();
        for l in literals {
            all.span = Some(all.span.map_or(l.span, |s| s.to(l.span)));
            if !l.quoted && (l.is_star() || l.text() == Some("null")) {
                let exists = self.exists(subject, l.span);
                all.rest.push(if l.is_star() { exists } else { not(exists) });
                continue;
            }
            self.literal(subject.kind, l, &mut all);
        }
        let span = all.span.unwrap_or_default();
        let words = self.words_of(subject.kind);
        let mut out = Vec::new();
        let mut push = |op, words| out.push(self.test(subject.scalar.clone(), op, words, span));
        if !all.patterns.is_empty() {
            push(Op::Like(all.patterns), words);
        }
        if !all.networks.is_empty() {
            push(Op::Cidr(all.networks), words);
        }
        if !all.constants.is_empty() {
            push(Op::In(all.constants), words);
        }
        if !all.regexes.is_empty() {
            push(Op::Regex(all.regexes), Words { regex: Flavor::Rust, ..words });
        }
        if !all.times.is_empty() {
            out.push(self.test(time_of(&subject.scalar), Op::In(all.times), words, span));
        }
        out.extend(all.rest);
        out
    }

    fn words_of(&self, kind: Option<FieldType>) -> Words {
        match kind {
            Some(FieldType::Caseless | FieldType::Text) => Words { fold: Fold::Unicode, ..self.words() },
            _ => self.words(),
        }
    }

    /// The field is there with a value that is not null, or one of its members is.
    fn exists(&self, subject: &Subject, span: Span) -> Expr {
        let there = |s: &Scalar| not(self.test(s.clone(), Op::IsNull, self.words(), span));
        or(std::iter::once(&subject.scalar).chain(&subject.members).map(there).collect())
    }

    fn literal(&mut self, kind: Option<FieldType>, l: &Literal, all: &mut Gathered) {
        match kind {
            Some(FieldType::Text) => return self.words_in(l, all),
            Some(kind) => self.fits(kind, l),
            None => {}
        }
        let text = l.text();
        match (kind, text) {
            (Some(FieldType::Ip), Some(text)) => match network(text) {
                Some(net) => return push_new(&mut all.networks, net),
                None => self.mismatch("address", l),
            },
            (Some(FieldType::Date), Some(text)) => {
                if let Some(time) = Timestamp::parse(text) {
                    return all.times.push(Datum::Time(time));
                }
            }
            (None, Some(text)) if text.contains('/') => {
                network(text).into_iter().for_each(|n| push_new(&mut all.networks, n))
            }
            _ => {}
        }
        if let (None | Some(FieldType::Number), Some(n)) = (kind, text.and_then(odd_number)) {
            push_new(&mut all.constants, n);
        }
        push_new(&mut all.patterns, l.pattern.clone());
    }

    /// Words of a text field: a phrase in quotes, else any of its words, or one word of a form.
    fn words_in(&mut self, l: &Literal, all: &mut Gathered) {
        let Some(text) = l.text() else {
            match analysis::word_like(&l.pattern) {
                Some(r) => push_new(&mut all.regexes, r),
                None => {
                    let message = format!("no word of a text field has the form {}", l.pattern);
                    self.diagnostics.push(Diagnostic::warning("never-true", message, l.span));
                    all.rest.push(Expr::FALSE);
                }
            }
            return;
        };
        let words = analysis::words(text);
        match (words.is_empty(), l.quoted) {
            (true, _) => all.rest.push(Expr::FALSE),
            (_, true) => push_new(&mut all.regexes, analysis::phrase(&words)),
            (_, false) => words.iter().for_each(|w| push_new(&mut all.regexes, analysis::phrase(&[w]))),
        }
    }

    /// Says where a value is none that a field of this type can have.
    fn fits(&mut self, kind: FieldType, l: &Literal) {
        let Some(text) = l.text() else {
            if matches!(kind, FieldType::Number | FieldType::Bool | FieldType::Date) {
                self.mismatch("wildcard", l);
            }
            return;
        };
        match kind {
            FieldType::Number if number(text).is_none() => self.mismatch("number", l),
            FieldType::Bool if !matches!(text, "true" | "false" | "") => self.mismatch("truth", l),
            FieldType::Date if !is_date(text) => self.mismatch("date", l),
            _ => {}
        }
    }

    fn mismatch(&mut self, what: &str, l: &Literal) {
        let message = match what {
            "wildcard" => format!("a wildcard ({}) on a field that holds no text", l.pattern),
            _ => format!("{} is no {what}, as values of this field are", l.pattern),
        };
        self.diagnostics.push(match self.options.types.complete {
            true => Diagnostic::error("field-type", message, l.span),
            false => Diagnostic::warning("field-type", message, l.span),
        });
    }

    /// `> x` and its like.
    pub(crate) fn bound(&mut self, subject: &Subject, op: CmpOp, bound: &Literal) -> Expr {
        self.compare(&subject.scalar, subject.kind, op, bound)
    }

    fn compare(&mut self, left: &Scalar, kind: Option<FieldType>, op: CmpOp, bound: &Literal) -> Expr {
        let Some(text) = bound.text() else {
            return self.opaque("a wildcard in a range", bound.span);
        };
        if let Some(kind) = kind {
            self.fits(kind, bound);
        }
        let words = self.words_of(kind);
        let (left, right, words) = match (kind, number(text), Timestamp::parse(text)) {
            (Some(FieldType::Ip), ..) => return self.opaque("a range of addresses", bound.span),
            (Some(FieldType::Date) | None, None, Some(time)) => (time_of(left), Datum::Time(time), words),
            (Some(FieldType::Date), ..) => {
                return self.opaque("a point in time that depends on the present", bound.span);
            }
            (Some(FieldType::Number) | None, Some(n), _) => {
                (left.clone(), n, Words { coerce: Coerce::NumericIfBoth, ..words })
            }
            _ => (left.clone(), Datum::str(text), words),
        };
        self.test(left, Op::Compare(op, Scalar::Lit(right)), words, bound.span)
    }

    /// One value within all bounds.
    pub(crate) fn between(&mut self, subject: &Subject, bounds: &[(CmpOp, Literal)]) -> Expr {
        let Some((_, first)) = bounds.first() else { return self.exists(subject, Span::default()) };
        if let [(op, bound)] = bounds {
            return self.bound(subject, *op, bound);
        }
        let var = Scalar::Var(VALUE.into());
        let body = and(bounds.iter().map(|(op, b)| self.compare(&var, subject.kind, *op, b)).collect());
        let each = Each {
            var: VALUE.into(),
            list: subject.scalar.clone(),
            members: Vec::new(),
            body,
            gives: EachGives::Count,
        };
        let zero = Scalar::Lit(Datum::I64(0));
        self.test(Scalar::Each(Box::new(each)), Op::Compare(CmpOp::Gt, zero), self.words(), first.span)
    }

    /// Lucene's `/expression/`, over the whole value.
    pub(crate) fn regex(&mut self, subject: &Subject, source: &str, span: Span) -> Expr {
        if subject.kind == Some(FieldType::Text) {
            return self.opaque("a regular expression on the words of a text field", span);
        }
        let regex = Regex { source: source.to_owned(), multi_line: false, dot_all: true, whole: true };
        let words = Words { regex: Flavor::Lucene, ..self.words_of(subject.kind) };
        if let Err(why) = eval::check_regex(&regex, &words) {
            let why = why.lines().last().unwrap_or_default().to_owned();
            self.diagnostics.push(Diagnostic::error("regex", format!("regular expression: {why}"), span));
        }
        self.test(subject.scalar.clone(), Op::Regex(vec![regex]), words, span)
    }
}

fn push_new<T: PartialEq>(all: &mut Vec<T>, value: T) {
    if !all.contains(&value) {
        all.push(value);
    }
}

/// The field as a point in time.
fn time_of(scalar: &Scalar) -> Scalar {
    match Func::named("time") {
        Some(func) => Scalar::Call(Call { func, args: vec![scalar.clone()], words: Words::default() }),
        None => scalar.clone(),
    }
}

/// A network, or an address as one of its own.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| IpNet::from(ip)))
}

/// A number in decimal notation.
fn number(text: &str) -> Option<Datum> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !plain || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = text.parse().ok().map(Datum::I64);
    whole.or_else(|| text.parse().ok().filter(|f: &f64| f.is_finite()).map(Datum::F64))
}

/// A number that is not written as numbers read: `1.0`.
pub(crate) fn odd_number(text: &str) -> Option<Datum> {
    number(text).filter(|n| text.contains('.') && n.to_text().as_deref() != Some(text))
}

fn is_date(text: &str) -> bool {
    let epoch_millis = text.len() > 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.starts_with("now") || text.contains("||") || epoch_millis || Timestamp::parse(text).is_some()
}
