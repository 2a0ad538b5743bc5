//! `field=value` and `field IN (…)`: what `search` makes of the values of one field, put together again. Texts,
//! numbers and networks are tests of their own in the plan; a network is looked for as a text as well.

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{Coerce, Expr, Fold, Multi, Nulls, Op, Pattern, Scalar, Test, Words};

use super::{field, number, quoted};
use crate::lower::is_number;

/// The values that a field may have, by the tests they make: in this order, each once at most.
pub(super) struct List<'e> {
    pub subject: &'e Scalar,
    pub words: Words,
    there: bool,
    texts: &'e [Pattern],
    numbers: &'e [Value],
    nets: &'e [IpNet],
}

/// The list that a condition is, if it is one.
pub(super) fn of(e: &Expr) -> Option<List<'_>> {
    match e {
        Expr::Test(t) => of_test(t),
        Expr::Or(v) => {
            let mut parts = v.iter();
            let mut all = List::begun(parts.next()?)?;
            parts.try_for_each(|p| all.add(p)).is_some().then_some(all)
        }
        _ => None,
    }
}

/// The list that a single test is.
pub(super) fn of_test(t: &Test) -> Option<List<'_>> {
    let mut list = List::empty(&t.subject, t.words);
    list.test(t).is_some().then_some(list)
}

impl<'e> List<'e> {
    fn empty(subject: &'e Scalar, words: Words) -> List<'e> {
        List { subject, words, there: false, texts: &[], numbers: &[], nets: &[] }
    }

    /// What the first of several tests gives: presence may stand only here.
    fn begun(e: &'e Expr) -> Option<List<'e>> {
        match e {
            Expr::Test(t) => of_test(t),
            Expr::Not(inner) => match &**inner {
                Expr::Test(t) if t.op == Op::IsNull => {
                    Some(List { there: true, ..List::empty(&t.subject, t.words) })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn add(&mut self, e: &'e Expr) -> Option<()> {
        match e {
            Expr::Test(t) if t.subject == *self.subject && t.words == self.words => self.test(t),
            _ => None,
        }
    }

    fn test(&mut self, t: &'e Test) -> Option<()> {
        match &t.op {
            Op::Like(texts) if self.texts.is_empty() && self.numbers.is_empty() && self.nets.is_empty() => {
                self.texts = texts;
            }
            Op::In(values) if self.numbers.is_empty() && self.nets.is_empty() => self.numbers = values,
            Op::Cidr(nets) if self.nets.is_empty() => self.nets = nets,
            _ => return None,
        }
        Some(())
    }

    /// Whether it is one value that a `!=` can stand before.
    pub fn is_one(&self) -> bool {
        !self.there && self.texts.len() + self.numbers.len() == 1
    }

    /// As `search` says it.
    pub fn search(&self) -> Said {
        let Words { fold, null, multi, .. } = self.words;
        if fold == Fold::None || null == Nulls::Three || multi != Multi::Any {
            let what = shikra_ir::text::scalar(self.subject);
            return refuse(format!("{what} compared in words that search does not have"));
        }
        let name = field(self.subject)?;
        Ok(match self.values()?.as_slice() {
            [one] => format!("{name}={one}"),
            many => format!("{name} IN ({})", many.join(", ")),
        })
    }

    /// The values, each as it is written.
    pub fn values(&self) -> Said<Vec<String>> {
        let nets = self.texts.iter().filter_map(|p| p.literal()?.parse::<IpNet>().ok());
        if !nets.eq(self.nets.iter().copied()) {
            return refuse("a text that search would take for a network, or a network that is no text");
        }
        if self.texts.iter().filter_map(Pattern::literal).any(is_another_number) {
            return refuse("a text that search would take for a number, however it is written");
        }
        let there = self.there.then(|| Ok("*".to_owned()));
        let texts = self.texts.iter().map(|p| Ok(quoted(&p.starred()?)));
        let numbers = self.numbers.iter().map(|v| match v {
            Value::I64(_) | Value::F64(_) => number(v),
            Value::Str(s) if self.words.coerce != Coerce::None => Ok(quoted(&Pattern::exact(s).starred()?)),
            _ => refuse("a value that search cannot write"),
        });
        there.into_iter().chain(texts).chain(numbers).collect()
    }
}

/// Whether a text is compared as a number and equals others then: `1.0`, `1.00`. Whole numbers are taken to be
/// written plainly in events.
fn is_another_number(text: &str) -> bool {
    is_number(text) && !text.parse::<i64>().is_ok_and(|n| n.to_string() == text)
}
