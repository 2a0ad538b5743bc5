//! Functions.

use std::sync::Arc;

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{CmpOp, Each, EachGives, Expr as Pred, Flavor, Op, Pattern, Scalar, Words};
use shikra_syntax::Span;

use super::compare::{literal_text, regex, wild};
use super::{Lower, Var};
use crate::ast::{Call, Expr, Kind};
use crate::check;
use crate::signatures::{Func, Signature, Ty};

impl Lower<'_> {
    fn insensitive(&self, c: &Call) -> bool {
        c.tilde || self.ignores_case()
    }

    /// A call as a condition.
    pub(super) fn call_truth(&mut self, c: &Call, span: Span) -> Pred {
        let Some(sig) = Signature::find(&c.name) else {
            return self.opaque(format!("function `{}` is unknown", c.name), span);
        };
        let insensitive = self.insensitive(c);
        match sig.func {
            Func::StartsWith => self.affix(c, "starts-with", |s| Pattern::exact(s).any_after(), span),
            Func::EndsWith => self.affix(c, "ends-with", |s| Pattern::exact(s).any_before(), span),
            Func::StringContains => self.affix(c, "contains-text", Pattern::contains, span),
            Func::Wildcard => {
                let one = self.elastic();
                let (subject, values) = self.subject_and_values(c);
                self.any_of(subject, values, insensitive, |s| wild(s, one), span)
            }
            Func::Match => {
                let (mut subject, mut values) = self.subject_and_values(c);
                if let (true, Some(first)) = (check::swapped(c, sig), values.first_mut()) {
                    std::mem::swap(&mut subject, first);
                }
                // As Python's re.match: from the start, to wherever.
                let texts = values.iter().filter_map(literal_text);
                let all = texts.map(|t| regex(format!("^(?:{t})"), false)).collect();
                let words = Words { regex: Flavor::Pcre, ..self.words(insensitive) };
                self.regexes(subject, all, words, span)
            }
            Func::CidrMatch => self.cidr(c, span),
            Func::ArrayContains => self.contains(c, span),
            Func::ArraySearch => {
                let found = self.each(c, span);
                let none = Scalar::Lit(Value::I64(0));
                self.test(found, Op::Compare(CmpOp::Gt, none), self.number_words(), span)
            }
            Func::Safe => match c.args.first() {
                Some(inner) => self.truth(inner),
                None => Pred::FALSE,
            },
            _ => {
                let value = self.call_value(c, span);
                let words = self.words(insensitive);
                self.test(value, Op::IsTrue, words, span)
            }
        }
    }

    /// A call as a value.
    pub(super) fn call_value(&mut self, c: &Call, span: Span) -> Scalar {
        let Some(sig) = Signature::find(&c.name).filter(|s| s.returns != Ty::Bool) else {
            return Scalar::Truth(Box::new(self.call_truth(c, span)));
        };
        let name = match sig.func {
            Func::Add => "add",
            Func::Subtract => "subtract",
            Func::Multiply => "multiply",
            Func::Divide => "divide-trunc",
            Func::Modulo => "modulo",
            Func::Between if self.elastic() => "between-or-empty",
            Func::Between => "between",
            Func::Concat => "concat",
            Func::IndexOf => "index-of",
            Func::Length => "length",
            Func::Number => "number-in-base",
            Func::Text => "text",
            Func::Substring => "slice",
            Func::ArrayCount => return self.each(c, span),
            _ => return c.args.first().map_or(Scalar::Lit(Value::Null), |a| self.value(a)),
        };
        let args: Vec<Scalar> = c.args.iter().map(|a| self.value(a)).collect();
        if args.iter().any(|a| matches!(a, Scalar::Lit(Value::Null))) && !keeps_null(sig.func) {
            return Scalar::Lit(Value::Null);
        }
        let insensitive = sig.tilde && self.insensitive(c);
        self.function(name, args, insensitive, span)
    }

    fn subject_and_values(&mut self, c: &Call) -> (Scalar, Vec<Scalar>) {
        let mut all: Vec<Scalar> = c.args.iter().map(|a| self.value(a)).collect();
        if all.is_empty() {
            return (Scalar::Lit(Value::Null), all);
        }
        (all.remove(0), all)
    }

    /// A pattern where the second argument is constant, else the named function.
    fn affix(&mut self, c: &Call, name: &str, pattern: fn(&str) -> Pattern, span: Span) -> Pred {
        let insensitive = self.insensitive(c);
        let (subject, mut values) = self.subject_and_values(c);
        match values.pop() {
            Some(Scalar::Lit(Value::Str(s))) => {
                self.test(subject, Op::Like(vec![pattern(&s)]), self.words(insensitive), span)
            }
            Some(other) => {
                let call = self.function(name, vec![subject, other], insensitive, span);
                self.test(call, Op::IsTrue, self.words(insensitive), span)
            }
            None => Pred::FALSE,
        }
    }

    fn cidr(&mut self, c: &Call, span: Span) -> Pred {
        let (subject, values) = self.subject_and_values(c);
        let mut nets = Vec::new();
        for text in values.iter().filter_map(literal_text) {
            let alone = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
            match text.parse::<IpNet>().ok().or_else(alone) {
                Some(net) => nets.push(net.trunc()),
                None => self.error("cidr", format!("{text:?} is no network in CIDR notation"), span),
            }
        }
        self.test(subject, Op::Cidr(nets), self.words(true), span)
    }

    fn contains(&mut self, c: &Call, span: Span) -> Pred {
        let insensitive = self.insensitive(c);
        let (list, values) = self.subject_and_values(c);
        if values.iter().all(|v| matches!(v, Scalar::Lit(v) if !v.is_null())) {
            return self.any_of(list, values, insensitive, Pattern::exact, span);
        }
        let args = std::iter::once(list).chain(values).collect();
        let call = self.function("list-contains", args, insensitive, span);
        self.test(call, Op::IsTrue, self.words(insensitive), span)
    }

    /// `arraySearch` and `arrayCount`: how many elements satisfy the condition.
    fn each(&mut self, c: &Call, span: Span) -> Scalar {
        let [list, var, body] = c.args.as_slice() else { return Scalar::Lit(Value::Null) };
        let Kind::Field(name) = &var.kind else { return Scalar::Lit(Value::Null) };
        let name = name.path();
        let path = self.list_path(list);
        let parent = self.list_parent(list);
        let list = self.value(list);
        self.scope.push(Var { name: name.clone(), path, parent, members: vec![] });
        let body = self.truth(body);
        let members = self.scope.pop().map(|v| v.members).unwrap_or_default();
        let mut unsupported = None;
        body.opaques(&mut |o| unsupported = Some(o.clone()));
        if let Some(o) = unsupported {
            return Scalar::Truth(Box::new(self.opaque(o.reason, span)));
        }
        Scalar::Each(Box::new(Each { var: Arc::from(name), list, members, body, gives: EachGives::Count }))
    }

    /// The variable in scope that a list is a member of.
    fn list_parent(&self, list: &Expr) -> Option<(usize, String)> {
        let Kind::Field(f) = &list.kind else { return None };
        let path = f.path();
        let (first, rest) = path.split_once('.')?;
        let at = self.scope.iter().rposition(|v| v.name == first)?;
        Some((at, rest.to_owned()))
    }

    /// The field that a list lies in, where it is one.
    fn list_path(&self, list: &Expr) -> Option<String> {
        match &list.kind {
            Kind::Field(f) if f.index().is_none() => self.resolved(&f.path()),
            _ => None,
        }
    }
}

/// Whether a null constant among the arguments does not already make the result null.
fn keeps_null(f: Func) -> bool {
    matches!(f, Func::IndexOf | Func::Substring | Func::Number)
}
