//! Conditions.

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    CmpOp, Coerce, Expr, Flavor, Fold, Multi, Nulls, Op, Part, Pattern, Regex, Scalar, Test, Truth, Words,
};

use super::{Printer, is_null};
use crate::Dialect;

/// Nesting that is written out.
const MAX_DEPTH: usize = 100;

/// Whether it matters if a test that cannot be answered is false or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    /// No negation above: both drop the event.
    Plain,
    /// Below a negation, null must not become false nor false null.
    Exact,
}

/// Functions of the shared table that may stand as conditions.
const ANSWER_TRUTHS: &[&str] = &["starts-with", "ends-with", "contains-text", "list-contains"];

impl<'p> Printer<'p> {
    /// A condition; in brackets where it binds less than `level` (0 `or`, 1 `and`, 2 `not`).
    pub(super) fn expr(&mut self, e: &Expr, polarity: Polarity, level: usize) -> Said {
        self.nested(e, polarity, level, 0)
    }

    fn nested(&mut self, e: &Expr, polarity: Polarity, level: usize, depth: usize) -> Said {
        if depth > MAX_DEPTH {
            return refuse("conditions nested too deeply");
        }
        let (text, own) = match e {
            Expr::Const(Truth::True) => ("true".into(), 3),
            Expr::Const(Truth::False) => ("false".into(), 3),
            Expr::Const(Truth::Unknown) => ("null".into(), 3),
            Expr::And(v) if v.is_empty() => ("true".into(), 3),
            Expr::Or(v) if v.is_empty() => ("false".into(), 3),
            Expr::And(v) => {
                let parts: Said<Vec<_>> = v.iter().map(|e| self.nested(e, polarity, 2, depth + 1)).collect();
                (parts?.join(" and "), 1)
            }
            Expr::Or(v) => (self.alternatives(v, polarity, depth)?, 0),
            Expr::Not(inner) => match &**inner {
                Expr::Test(t) => (self.negated(t)?, 2),
                inner => (format!("not {}", self.nested(inner, Polarity::Exact, 3, depth + 1)?), 2),
            },
            Expr::Named(_, inner) => return self.nested(inner, polarity, level, depth + 1),
            Expr::Test(t) => {
                let text = self.test(t)?;
                match t.words.null {
                    Nulls::Two if polarity == Polarity::Exact && !matches!(t.op, Op::Exists | Op::IsNull) => {
                        (format!("{} != null and {text}", self.scalar(&t.subject)?), 1)
                    }
                    _ => (text, 3),
                }
            }
            Expr::Opaque(o) => return refuse(format!("unsupported: {}", o.reason)),
        };
        Ok(if own < level { format!("({text})") } else { text })
    }

    /// `a or b`; two optional fields that are equal or both absent are `?a == ?b`.
    fn alternatives(&mut self, v: &[Expr], polarity: Polarity, depth: usize) -> Said {
        let mut parts = Vec::new();
        let mut rest = v.iter().peekable();
        while let Some(e) = rest.next() {
            let pair = rest.peek().and_then(|next| optional_pair(e, next));
            match pair.filter(|_| self.dialect != Dialect::Endgame) {
                Some((a, b)) => {
                    rest.next();
                    parts.push(format!("?{} == ?{}", self.scalar(a)?, self.scalar(b)?));
                }
                None => parts.push(self.nested(e, polarity, 1, depth + 1)?),
            }
        }
        Ok(parts.join(" or "))
    }

    fn negated(&mut self, t: &Test) -> Said {
        let text = self.test(t)?;
        match (&t.op, t.words.null) {
            (Op::IsNull, _) => Ok(format!("{} != null", self.scalar(&t.subject)?)),
            (Op::Exists, _) => Ok(format!("{} == null", self.scalar(&t.subject)?)),
            (_, Nulls::Three) => Ok(format!("not {text}")),
            (_, Nulls::Two) => {
                let subject = self.scalar(&t.subject)?;
                Ok(format!("({subject} == null or not {text})"))
            }
        }
    }

    fn test(&mut self, t: &Test) -> Said {
        if t.words.multi == Multi::All {
            return refuse("a test of all values of a field");
        }
        let insensitive = t.words.fold == Fold::Unicode;
        match &t.op {
            Op::Like(patterns) => self.like(&t.subject, patterns, insensitive),
            Op::Regex(all) => self.regex(&t.subject, all, &t.words),
            Op::Compare(CmpOp::Gt, Scalar::Lit(Value::I64(0))) if matches!(t.subject, Scalar::Each(_)) => {
                self.each("arraySearch", &t.subject)
            }
            Op::Compare(op, right) => self.comparison(*op, &t.subject, right, &t.words),
            Op::In(values) => {
                let subject = self.operand(&t.subject)?;
                let values: Said<Vec<_>> = values.iter().map(|v| self.literal(v)).collect();
                let tilde = if insensitive && self.dialect != Dialect::Endgame { "~" } else { "" };
                let strings = values.as_ref().is_ok_and(|v| v.iter().any(|v| v.starts_with('"')));
                Ok(format!("{subject} in{} ({})", if strings { tilde } else { "" }, values?.join(", ")))
            }
            Op::Cidr(nets) => {
                let nets: Vec<String> = nets.iter().map(|n| format!("\"{n}\"")).collect();
                Ok(format!("cidrMatch({}, {})", self.scalar(&t.subject)?, nets.join(", ")))
            }
            Op::Exists => Ok(format!("{} != null", self.operand(&t.subject)?)),
            Op::IsNull => Ok(format!("{} == null", self.operand(&t.subject)?)),
            Op::IsTrue => self.is_true(&t.subject),
        }
    }

    fn is_true(&mut self, subject: &Scalar) -> Said {
        if let Scalar::Field(f) = subject
            && let Some(said) = self.mark(&f.name)
        {
            return said;
        }
        match subject {
            // A bare field is what endgame takes for true; elsewhere it is compared.
            Scalar::Call(c) if c.func.0.name == "truthy" => match c.args.first() {
                Some(a) if self.dialect == Dialect::Endgame => self.scalar(a),
                _ => refuse("truth of a value that is no truth"),
            },
            Scalar::Call(c) if ANSWER_TRUTHS.contains(&c.func.0.name) => self.scalar(subject),
            Scalar::Call(_) => Ok(format!("safe({})", self.scalar(subject)?)),
            other => Ok(format!("{} == true", self.operand(other)?)),
        }
    }

    fn comparison(&mut self, op: CmpOp, left: &Scalar, right: &Scalar, words: &Words) -> Said {
        let endgame = self.dialect == Dialect::Endgame;
        let text = matches!(right, Scalar::Lit(Value::Str(_)));
        if op == CmpOp::Eq
            && let Scalar::Lit(Value::Str(s)) = right
        {
            return self.like(left, &[Pattern::exact(s)], words.fold == Fold::Unicode);
        }
        let number = matches!(right, Scalar::Lit(Value::Str(s)) if s.trim().parse::<f64>().is_ok());
        if number && words.coerce == Coerce::NumericIfBoth {
            return refuse("an order of a field and a text that is a number");
        }
        if !endgame && text && words.fold == Fold::Unicode {
            return refuse("an order of text that ignores case");
        }
        if let Scalar::Call(c) = left
            && c.func.0.name == "version-order"
            && let [a, b] = c.args.as_slice()
        {
            return Ok(format!("{} {} {}", self.operand(a)?, op.as_str(), self.operand(b)?));
        }
        if self.dialect == Dialect::Elastic && reads_field(left) && reads_field(right) {
            return refuse("a comparison between fields");
        }
        Ok(format!("{} {} {}", self.operand(left)?, op.as_str(), self.operand(right)?))
    }

    /// A pattern test in the operator that means it.
    fn like(&mut self, subject: &Scalar, patterns: &[Pattern], insensitive: bool) -> Said {
        if let Some(said) = self.affix(subject, patterns, insensitive) {
            return said;
        }
        let subject = self.operand(subject)?;
        let exact = patterns.iter().all(|p| p.literal().is_some());
        let literal_wild = |c: &[char]| patterns.iter().any(|p| p.literals().any(|s| s.contains(c)));
        let ones = patterns.iter().any(|p| p.parts().contains(&Part::One));
        let endgame = self.dialect == Dialect::Endgame;
        let operator = match (endgame, insensitive) {
            (true, true) if !literal_wild(&['*']) && !ones => "==",
            (false, true) if exact && literal_wild(&['*', '?']) => "in~",
            (false, false) if exact => "==",
            (_, _) if literal_wild(&['*', '?']) => {
                return self.pattern_regex(&subject, patterns, insensitive);
            }
            (false, true) => ":",
            (_, true) => "like~",
            (_, false) => "like",
        };
        let texts: Vec<String> = patterns.iter().map(|p| quote(&wildcards(p))).collect();
        let one = texts.len() == 1 && operator != "in~";
        let operator = if operator == "==" && !one { "in" } else { operator };
        let list = texts.join(", ");
        Ok(if one {
            format!("{subject} {operator} {list}")
        } else {
            format!("{subject} {operator} ({list})")
        })
    }

    /// Text that holds wildcards itself, at the start, at the end or anywhere, by the function for that.
    fn affix(&mut self, subject: &Scalar, patterns: &[Pattern], insensitive: bool) -> Option<Said> {
        let [pattern] = patterns else { return None };
        let (function, text) = match *pattern.parts() {
            [Part::Any, Part::Lit(s), Part::Any] => ("stringContains", s),
            [Part::Lit(s), Part::Any] => ("startsWith", s),
            [Part::Any, Part::Lit(s)] => ("endsWith", s),
            _ => return None,
        };
        let endgame = self.dialect == Dialect::Endgame;
        if !text.contains(['*', '?']) || endgame && !insensitive {
            return None;
        }
        let tilde = if insensitive && !endgame { "~" } else { "" };
        Some(self.scalar(subject).map(|s| format!("{function}{tilde}({s}, {})", quote(text))))
    }

    /// A pattern whose text holds wildcards, as a regular expression.
    fn pattern_regex(&self, subject: &str, patterns: &[Pattern], insensitive: bool) -> Said {
        if self.dialect == Dialect::Endgame {
            return refuse("a literal `*` or `?` beside wildcards");
        }
        let tilde = if insensitive { "~" } else { "" };
        let texts: Vec<String> = patterns.iter().map(|p| quote(&lucene(p))).collect();
        Ok(format!("{subject} regex{tilde} ({})", texts.join(", ")))
    }

    fn regex(&mut self, subject: &Scalar, all: &[Regex], words: &Words) -> Said {
        let insensitive = words.fold == Fold::Unicode;
        let flags = all.iter().any(|r| r.multi_line);
        let elastic = self.dialect != Dialect::Endgame;
        let start = |r: &Regex| {
            let inner = r.source.strip_prefix("^(?:")?.strip_suffix(')')?;
            Some(inner.to_owned()).filter(|_| !r.whole && r.dot_all)
        };
        let matched: Option<Vec<String>> = all.iter().map(start).collect();
        let tilde = if insensitive { "~" } else { "" };
        match (words.regex, matched) {
            (Flavor::Lucene, _) if elastic && !flags => {
                let texts: Vec<String> = all.iter().map(|r| quote(&r.source)).collect();
                Ok(format!("{} regex{tilde} ({})", self.operand(subject)?, texts.join(", ")))
            }
            (Flavor::Pcre, Some(inner)) if !flags => {
                let texts: Vec<String> = inner.iter().map(|t| quote(t)).collect();
                let tilde = if elastic { tilde } else { "" };
                Ok(format!("match{tilde}({}, {})", self.scalar(subject)?, texts.join(", ")))
            }
            (Flavor::Pcre, None) if !elastic && all.iter().all(|r| r.whole && r.dot_all) && !flags => {
                let texts: Vec<String> = all.iter().map(|r| quote(&r.source)).collect();
                Ok(format!("{} regex{tilde} ({})", self.operand(subject)?, texts.join(", ")))
            }
            (_, None) if elastic => {
                let cased = Words { fold: Fold::None, ..*words };
                let all: Option<Vec<String>> =
                    all.iter().map(|r| Some(quote(&shikra_ir::regex::as_lucene(r, &cased)?))).collect();
                match all {
                    Some(texts) => {
                        Ok(format!("{} regex{tilde} ({})", self.operand(subject)?, texts.join(", ")))
                    }
                    None => refuse("a regular expression that Lucene's cannot say"),
                }
            }
            (flavor, _) => refuse(format!("a regular expression of flavour {flavor:?}")),
        }
    }
}

/// `a` and `b`, where the first says that both are absent and the second that they are equal.
fn optional_pair<'e>(first: &'e Expr, second: &'e Expr) -> Option<(&'e Scalar, &'e Scalar)> {
    let (Expr::And(v), Expr::Test(t)) = (first, second) else { return None };
    let [a, b] = v.as_slice() else { return None };
    let (a, b) = (is_null(a)?, is_null(b)?);
    let Op::Compare(CmpOp::Eq, right) = &t.op else { return None };
    (t.subject == *a && right == b).then_some((a, b))
}

fn reads_field(s: &Scalar) -> bool {
    let mut found = false;
    s.fields(&mut |_| found = true);
    found
}

/// A string constant.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn wildcards(p: &Pattern) -> String {
    let part = |p: &Part<&str>| match p {
        Part::Any => "*".to_owned(),
        Part::One => "?".to_owned(),
        Part::Lit(s) => (*s).to_owned(),
    };
    p.parts().iter().map(part).collect()
}

/// A pattern as a regular expression of Lucene's.
fn lucene(p: &Pattern) -> String {
    let mut out = String::new();
    for part in p.parts().iter() {
        match part {
            Part::Any => out.push_str(".*"),
            Part::One => out.push('.'),
            Part::Lit(s) => {
                for c in s.chars() {
                    if !c.is_alphanumeric() && c.is_ascii_punctuation() {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
    }
    out
}
