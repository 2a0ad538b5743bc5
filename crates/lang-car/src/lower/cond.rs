//! Conditions. Comparisons ignore case; `*` is any text in values of `=`, `in` and `contains`; a field that an
//! event lacks makes a test false and its negation true.

use shikra_event::Value as Constant;
use shikra_ir::{
    Call, CmpOp, Coerce, Expr as Pred, FieldRef, Func, Names, Op, Pattern, Regex, Scalar, Test, Words, eval,
};
use shikra_syntax::{Diagnostic, Span};

use super::{Lower, Relation};
use crate::ast::{Cond, How, Name, Operand, Value};

/// Column that `now` stands for.
pub(super) const NOW: &str = "now";
/// Fields that hold the name of a file alone, and those that hold its path.
const PATHS: &[(&str, &str)] = &[("exe", "image_path"), ("parent_exe", "parent_image_path")];
/// Fields that hold when an event happened.
const TIMES: &[&str] = &["time", "timestamp", "event_time"];

/// A time as nanoseconds.
pub(super) fn time_of(field: FieldRef) -> Scalar {
    let value = Scalar::Field(field);
    match Func::named("time-nanos") {
        Some(func) => Scalar::Call(Call { func, args: vec![value], words: Words::default() }),
        None => value,
    }
}

impl Lower<'_> {
    pub(super) fn truth(&mut self, c: &Cond, own: &str, r: &Relation) -> Pred {
        match c {
            Cond::And(v) => Pred::and(v.iter().map(|c| self.truth(c, own, r)).collect::<Vec<_>>()),
            Cond::Or(v) => Pred::or(v.iter().map(|c| self.truth(c, own, r)).collect::<Vec<_>>()),
            Cond::Not(c) => self.truth(c, own, r).negate(),
            Cond::Broken(reason, span) => Pred::Opaque(self.opaque(reason.clone(), *span)),
            Cond::Exists(name, span) => {
                let null = Op::IsNull;
                test(self.field(&name.text, r, own), null, *span).negate()
            }
            Cond::Raw(v) => {
                let pattern = Pattern::of_starred(&v.text).any_before().any_after();
                test(Scalar::AnyField, Op::Like(vec![pattern]), v.span)
            }
            Cond::Chain { operands, ops, span } => self.chain(operands, ops, *span, own, r),
            Cond::Values { field, how, values, span } => self.values(field, *how, values, *span, own, r),
        }
    }

    fn values(
        &mut self,
        field: &Name,
        how: How,
        values: &[Value],
        span: Span,
        own: &str,
        r: &Relation,
    ) -> Pred {
        if let [only] = values
            && !only.quoted
        {
            if only.text.eq_ignore_ascii_case("null") {
                return test(self.field(&field.text, r, own), Op::IsNull, span);
            }
            let name = Name { text: only.text.clone(), span: only.span };
            if let Some(p) = self.against_name(field, how, &name, span, own, r) {
                return p;
            }
        }
        let values = self.alternatives(field, values);
        let subject = self.subject(field, how, &values, own, r);
        match how {
            How::Match => self.regex(subject, &values, span),
            How::Contains => patterns(
                subject,
                values.iter().map(|v| (Pattern::of_starred(v).any_before().any_after(), v)),
                span,
            ),
            How::Is => equals(subject, &values, span),
        }
    }

    /// A value without quotes that is an input, a variable, or a field of the event.
    fn against_name(
        &mut self,
        field: &Name,
        how: How,
        value: &Name,
        span: Span,
        own: &str,
        r: &Relation,
    ) -> Option<Pred> {
        if self.inputs.contains(&value.text) {
            let said = format!("the input {:?}, which was not given,", value.text);
            return Some(Pred::Opaque(self.opaque(said, span)));
        }
        let column = r.columns.as_ref().is_some_and(|c| c.contains(&value.text));
        let qualified = value.text.split_once('.').is_some_and(|(head, _)| self.relations.contains_key(head));
        let known = qualified || column || KNOWN.contains(&value.text.as_str());
        if !known {
            return None;
        }
        let (left, right) = (self.field(&field.text, r, own), self.field(&value.text, r, own));
        if how == How::Is && !KNOWN.contains(&value.text.as_str()) {
            return Some(test(left, Op::Compare(CmpOp::Eq, right), span));
        }
        // `exe in command_line`: the text of one within that of the other.
        let within = if how == How::Is { [right, left] } else { [left, right] };
        let func = Func::named("contains-text")?;
        let call = Scalar::Call(Call { func, args: within.to_vec(), words: Words::default() });
        Some(test(call, Op::IsTrue, span))
    }

    /// Values as text, `{{pipe}}` resolved; of a file name, those that one quoted text lists with `OR`.
    fn alternatives(&mut self, field: &Name, values: &[Value]) -> Vec<String> {
        let mut out = Vec::new();
        let file = field.text.ends_with("exe");
        for v in values {
            let text = match v.text.contains("{{pipe}}") {
                true => {
                    self.recovered("`{{pipe}}` is read as `|`", v.span);
                    v.text.replace("{{pipe}}", "|")
                }
                false => v.text.clone(),
            };
            let parts: Vec<&str> = text.split(" OR ").map(str::trim).collect();
            if file && parts.len() > 1 && parts.iter().all(|p| !p.is_empty() && !p.contains(' ')) {
                self.recovered("several values within one pair of quotes: read as any of them", v.span);
                out.extend(parts.into_iter().map(str::to_owned));
            } else {
                out.push(text);
            }
        }
        out
    }

    /// The field; where one that holds a file's name is compared with paths, the one that holds its path.
    fn subject(&mut self, field: &Name, how: How, values: &[String], own: &str, r: &Relation) -> Scalar {
        let bare = self.unqualified(&field.text, own);
        let path = PATHS.iter().find(|(name, _)| bare.eq_ignore_ascii_case(name)).map(|(_, path)| *path);
        match path.filter(|_| how != How::Match && values.iter().any(|v| v.contains('\\'))) {
            Some(path) => {
                let message = format!(
                    "`{bare}` holds the name of a file, this value is a full path: compared with `{path}`"
                );
                let known = self.diagnostics.iter().any(|d| d.code == "full-path" && d.span == field.span);
                if !known {
                    self.diagnostics.push(Diagnostic::warning("full-path", message, field.span));
                }
                self.field(path, r, own)
            }
            None => self.field(&field.text, r, own),
        }
    }

    fn regex(&mut self, subject: Scalar, values: &[String], span: Span) -> Pred {
        let mut all = Vec::new();
        for v in values {
            if v.starts_with("__") && v.ends_with("__") {
                return Pred::Opaque(self.opaque("a regular expression that is only a placeholder", span));
            }
            let r = Regex { source: v.clone(), multi_line: false, dot_all: true, whole: false };
            if let Err(why) = eval::check_regex(&r, &Words::default()) {
                let why = why.lines().last().unwrap_or_default().to_owned();
                return Pred::Opaque(self.opaque(format!("the regular expression {v:?} ({why})"), span));
            }
            all.push(r);
        }
        test(subject, Op::Regex(all), span)
    }

    fn chain(&mut self, operands: &[Operand], ops: &[CmpOp], span: Span, own: &str, r: &Relation) -> Pred {
        let timed = operands.iter().any(is_timed);
        let mut values = Vec::new();
        for o in operands {
            match self.operand(o, timed, own, r) {
                Some(s) => values.push(s),
                None => return Pred::Opaque(self.opaque("a comparison with what was not given", span)),
            }
        }
        let pairs = values.iter().zip(values.iter().skip(1)).zip(ops);
        let words = Words { coerce: Coerce::NumericIfBoth, ..Words::default() };
        let one = |((a, b), op): ((&Scalar, &Scalar), &CmpOp)| {
            let (a, op, b) = match a {
                Scalar::Lit(_) => (b, op.mirrored(), a),
                _ => (a, *op, b),
            };
            Pred::Test(Test { subject: a.clone(), op: Op::Compare(op, b.clone()), words, span })
        };
        Pred::and(pairs.map(one).collect::<Vec<_>>())
    }

    /// A value of a comparison; none for an input.
    pub(super) fn operand(&mut self, o: &Operand, timed: bool, own: &str, r: &Relation) -> Option<Scalar> {
        Some(match o {
            Operand::Path(n) if self.inputs.contains(&n.text) => return None,
            Operand::Path(n) => {
                let bare = self.unqualified(&n.text, own).to_owned();
                match self.field(&n.text, r, own) {
                    Scalar::Field(f) if f.names == Names::Car && timed && TIMES.contains(&bare.as_str()) => {
                        time_of(FieldRef::new(Names::Car, "timestamp"))
                    }
                    other => other,
                }
            }
            Operand::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Scalar::Lit(Constant::I64(*n as i64)),
            Operand::Number(n) => Scalar::Lit(Constant::F64(*n)),
            Operand::Span(n) => Scalar::Lit(Constant::I64(*n)),
            Operand::Text(v) => Scalar::Lit(Constant::str(&*v.text)),
            Operand::Now => Scalar::field(Names::Column, NOW),
            Operand::Arith(sign, a, b) => {
                let name = match sign {
                    '+' => "add",
                    '-' => "subtract",
                    _ => "multiply",
                };
                let args = vec![self.operand(a, timed, own, r)?, self.operand(b, timed, own, r)?];
                Scalar::Call(Call { func: Func::named(name)?, args, words: Words::default() })
            }
        })
    }
}

/// Fields of the data model that hold text in which others may be looked for.
const KNOWN: &[&str] =
    &["command_line", "parent_command_line", "image_path", "parent_image_path", "file_path"];

fn test(subject: Scalar, op: Op, span: Span) -> Pred {
    Pred::Test(Test { subject, op, words: Words::default(), span })
}

/// Backslashes that are doubled mean one too: authors escape them or do not.
fn patterns<'v>(subject: Scalar, all: impl Iterator<Item = (Pattern, &'v String)>, span: Span) -> Pred {
    let mut out: Vec<Pattern> = Vec::new();
    for (p, _) in all {
        let single = p.map(|s| s.replace("\\\\", "\\"));
        if single != p {
            out.push(p);
            out.push(single);
        } else {
            out.push(p);
        }
    }
    test(subject, Op::Like(out), span)
}

/// One of several values: networks by address.
fn equals(subject: Scalar, values: &[String], span: Span) -> Pred {
    let (mut nets, mut texts) = (Vec::new(), Vec::new());
    for v in values {
        match v.parse::<ipnet::IpNet>() {
            Ok(net) => nets.push(net),
            _ => texts.push((Pattern::of_starred(v), v)),
        }
    }
    let mut parts = Vec::new();
    if !texts.is_empty() {
        parts.push(patterns(subject.clone(), texts.into_iter(), span));
    }
    if !nets.is_empty() {
        parts.push(test(subject, Op::Cidr(nets), span));
    }
    Pred::or(parts)
}

fn is_timed(o: &Operand) -> bool {
    match o {
        Operand::Now | Operand::Span(_) => true,
        Operand::Path(n) => TIMES.contains(&n.text.rsplit('.').next().unwrap_or("")),
        Operand::Arith(_, a, b) => is_timed(a) || is_timed(b),
        Operand::Number(_) | Operand::Text(_) => false,
    }
}

fn each_operand<'c>(c: &'c Cond, f: &mut dyn FnMut(&'c Operand)) {
    match c {
        Cond::And(v) | Cond::Or(v) => v.iter().for_each(|c| each_operand(c, f)),
        Cond::Not(c) => each_operand(c, f),
        Cond::Chain { operands, .. } => operands.iter().for_each(|o| descend(o, f)),
        Cond::Values { .. } | Cond::Exists(..) | Cond::Raw(_) | Cond::Broken(..) => {}
    }
}

fn descend<'c>(o: &'c Operand, f: &mut dyn FnMut(&'c Operand)) {
    f(o);
    if let Operand::Arith(_, a, b) = o {
        descend(a, f);
        descend(b, f);
    }
}

/// Names that a condition compares.
pub(super) fn paths(c: &Cond, out: &mut Vec<String>) {
    each_operand(c, &mut |o| {
        if let Operand::Path(n) = o {
            out.push(n.text.clone());
        }
    });
    if let Cond::Values { field, .. } = c {
        out.push(field.text.clone());
    }
}

pub(super) fn reads_now(c: &Cond) -> bool {
    let mut found = false;
    each_operand(c, &mut |o| found |= matches!(o, Operand::Now));
    found
}

/// Where a condition stands.
pub(super) fn span(c: &Cond) -> Span {
    match c {
        Cond::And(v) | Cond::Or(v) => {
            let mut spans = v.iter().map(span);
            let first = spans.next().unwrap_or_default();
            spans.fold(first, Span::to)
        }
        Cond::Not(c) => span(c),
        Cond::Raw(v) => v.span,
        Cond::Chain { span, .. }
        | Cond::Values { span, .. }
        | Cond::Exists(_, span)
        | Cond::Broken(_, span) => *span,
    }
}
