//! From the condition of a rule to a formula over the fields of one event type.
//!
//! Exact where it can be: every test becomes atoms on the fields that its names mean there, three-valued logic
//! becomes conditions on which fields are there. What cannot be taken apart becomes an atom that says nothing of
//! itself, so that a proof never rests on it.

use shikra_event::{Event, Value, system};
use shikra_ir::func::fold;
use shikra_ir::{CmpOp, Coerce, Expr, FieldRef, Fold, Multi, Nulls, Op, Pattern, Scalar, Test, Truth, eval};
use shikra_matcher::EventRow;
use shikra_taxonomy::{Binding, Derive};

use crate::atom::Kind;
use crate::formula::Formula;
use crate::world::{Asked, World};

/// What a value asked about is, on one event type.
enum Subject {
    /// The same in all events.
    Const(Value),
    /// Made of one field's value.
    Field(u32, Vec<Derive>),
}

/// Translates for one event type.
pub(crate) struct Translate<'w, 't> {
    pub world: &'w mut World<'t>,
    pub shape: usize,
}

impl Translate<'_, '_> {
    /// The events for which `e` has the truth `want`, true or false.
    pub fn expr(&mut self, e: &Expr, want: bool) -> Formula {
        match e {
            Expr::Const(t) => constant(*t == if want { Truth::True } else { Truth::False }),
            Expr::Opaque(_) => Formula::False,
            Expr::And(v) | Expr::Or(v) => {
                let all = matches!(e, Expr::And(_)) == want;
                // What decides the whole ends it: most event types are ruled out by their id.
                let decides = if all { Formula::False } else { Formula::True };
                let mut parts = Vec::new();
                for e in v {
                    match self.expr(e, want) {
                        part if part == decides => return decides,
                        part => parts.push(part),
                    }
                }
                if all { Formula::all(parts) } else { Formula::any(parts) }
            }
            Expr::Not(e) => self.expr(e, !want),
            Expr::Named(_, e) => self.expr(e, want),
            Expr::Test(t) => self.test(t, want),
        }
    }

    /// Whether tests of what all events of the type share rule it out: cheap, and most types are.
    pub fn ruled_out(&mut self, e: &Expr) -> bool {
        match e {
            Expr::And(v) => v.iter().any(|e| self.ruled_out(e)),
            Expr::Or(v) => !v.is_empty() && v.iter().all(|e| self.ruled_out(e)),
            Expr::Named(_, e) => self.ruled_out(e),
            Expr::Test(t) => match &t.subject {
                Scalar::Field(f) if shared(&f.name) => self.test(t, true) == Formula::False,
                _ => false,
            },
            Expr::Not(_) | Expr::Const(_) | Expr::Opaque(_) => false,
        }
    }

    fn test(&mut self, t: &Test, want: bool) -> Formula {
        if let Some(subjects) = self.subjects(t)
            && let Some(holds) = self.holds(t, &subjects)
        {
            return match (want, t.words.null) {
                (true, _) => holds,
                (false, Nulls::Two) => holds.negate(),
                _ if matches!(t.op, Op::Exists | Op::IsNull) => holds.negate(),
                (false, Nulls::Three) => {
                    let there: Vec<Formula> = subjects.iter().map(|s| self.there(t, s)).collect();
                    Formula::all([Formula::any(there), holds.negate()])
                }
            };
        }
        self.opaque(t, want)
    }

    /// The values that a test asks about; none where they cannot be told apart.
    fn subjects(&mut self, t: &Test) -> Option<Vec<Subject>> {
        let (field, more) = match &t.subject {
            Scalar::Field(f) => (f, None),
            Scalar::Call(c) if c.func.0.name == "lower" => match c.args.as_slice() {
                [Scalar::Field(f)] => (f, Some(Derive::Lower)),
                _ => return None,
            },
            Scalar::AnyField if t.words.multi == Multi::Any => {
                let var = self.world.var(self.shape, None);
                return Some(vec![Subject::Field(var, Vec::new())]);
            }
            _ => return None,
        };
        let subjects = self.field(field, more)?;
        (subjects.len() < 2 || t.words.multi == Multi::Any).then_some(subjects)
    }

    fn field(&mut self, field: &FieldRef, more: Option<Derive>) -> Option<Vec<Subject>> {
        let shape = self.world.shapes.get(self.shape)?.clone();
        let binding = self.world.taxonomy.bind(&shape, field);
        let mut out = Vec::new();
        self.bound(&binding, more.as_slice(), &mut out).then_some(out)
    }

    fn bound(&mut self, b: &Binding, more: &[Derive], out: &mut Vec<Subject>) -> bool {
        match b {
            Binding::Absent => {}
            Binding::Const(v) => {
                out.extend(v.elements().iter().map(|v| Subject::Const(Derive::apply_all(more, v.clone()))));
            }
            Binding::Slots { slots, derive } => {
                let derive: Vec<Derive> = derive.iter().chain(more).cloned().collect();
                for slot in slots {
                    out.push(match self.fixed(*slot) {
                        Some(v) => Subject::Const(Derive::apply_all(&derive, v)),
                        None => Subject::Field(self.world.var(self.shape, Some(*slot)), derive.clone()),
                    });
                }
            }
            Binding::All(all) => return all.iter().all(|b| self.bound(b, more, out)),
            Binding::Joined { .. } => return false,
        }
        true
    }

    /// The value of a field that all events of the type share.
    fn fixed(&self, slot: u32) -> Option<Value> {
        let shape = self.world.shapes.get(self.shape)?;
        match shape.fields().get(slot as usize)?.as_ref() {
            system::EVENT_ID => shape.event_id().map(|id| Value::str(id.to_string())),
            system::CHANNEL => Some(shape.channel()).filter(|c| !c.is_empty()).map(Value::str),
            system::PROVIDER => Some(shape.provider()).filter(|p| !p.is_empty()).map(Value::str),
            _ => None,
        }
    }

    /// Where the test is true; none where it cannot be taken apart.
    fn holds(&mut self, t: &Test, subjects: &[Subject]) -> Option<Formula> {
        match &t.op {
            Op::IsNull => {
                let there: Vec<Formula> = subjects.iter().map(|s| self.there(t, s)).collect();
                return Some(Formula::any(there).negate());
            }
            Op::Exists => {
                let there = subjects.iter().map(|s| match s {
                    Subject::Const(_) => Formula::True,
                    Subject::Field(var, _) => self.present(t, *var, &[]),
                });
                return Some(Formula::any(there.collect::<Vec<_>>()));
            }
            _ => {}
        }
        let parts: Option<Vec<Formula>> = subjects.iter().map(|s| self.one(t, s)).collect();
        parts.map(Formula::any)
    }

    fn there(&mut self, t: &Test, s: &Subject) -> Formula {
        match s {
            Subject::Const(v) => constant(!v.is_null()),
            Subject::Field(var, derive) => {
                // Derivations that answer for every text.
                let total = |d: &Derive| matches!(d, Derive::BaseName | Derive::User | Derive::Lower);
                let derive = if derive.iter().all(total) { &[][..] } else { derive };
                self.present(t, *var, derive)
            }
        }
    }

    fn present(&mut self, t: &Test, var: u32, derive: &[Derive]) -> Formula {
        Formula::Is(self.world.intern(Some(var), derive, t.clone(), Kind::Present, Asked::OfValue), true)
    }

    /// Where one value passes the test.
    fn one(&mut self, t: &Test, s: &Subject) -> Option<Formula> {
        let (var, derive) = match s {
            Subject::Const(v) => {
                let right = match &t.op {
                    Op::Compare(_, Scalar::Lit(r)) => Some(r.clone()),
                    Op::Compare(..) => return None,
                    _ => None,
                };
                return Some(constant(eval::test_value(t, v, right.as_ref()).holds()));
            }
            Subject::Field(var, derive) => (*var, derive.clone()),
        };
        let mut ask =
            |t: Test, kind| Formula::Is(self.world.intern(Some(var), &derive, t, kind, Asked::OfValue), true);
        Some(match &t.op {
            Op::Like(patterns) => Formula::any(
                patterns
                    .iter()
                    .map(|p| {
                        let one = t.asking(Op::Like(vec![p.clone()]));
                        ask(one, like(p, t.words.fold))
                    })
                    .collect::<Vec<_>>(),
            ),
            Op::Regex(all) => Formula::any(
                all.iter()
                    .map(|r| ask(t.asking(Op::Regex(vec![r.clone()])), Kind::Regex))
                    .collect::<Vec<_>>(),
            ),
            Op::Cidr(nets) => Formula::any(
                nets.iter()
                    .map(|n| ask(t.asking(Op::Cidr(vec![*n])), Kind::Net(vec![*n])))
                    .collect::<Vec<_>>(),
            ),
            Op::In(values) => {
                let equal = |v: &Value| t.asking(Op::Compare(CmpOp::Eq, Scalar::Lit(v.clone())));
                let parts: Option<Vec<Formula>> = values.iter().map(|v| self.one(&equal(v), s)).collect();
                Formula::any(parts?)
            }
            Op::Compare(CmpOp::Ne, Scalar::Lit(v)) => {
                let equal = t.asking(Op::Compare(CmpOp::Eq, Scalar::Lit(v.clone())));
                let equal = self.one(&equal, s)?;
                Formula::all([self.there(t, s), equal.negate()])
            }
            Op::Compare(op, Scalar::Lit(v)) => compared(t, *op, v, &derive, &mut ask)?,
            Op::Compare(..) | Op::IsTrue => return None,
            Op::Exists | Op::IsNull => return None,
        })
    }

    /// A test that is not taken apart: what it gives where no field that it reads can be there, else an atom.
    fn opaque(&mut self, t: &Test, want: bool) -> Formula {
        let mut read: Vec<FieldRef> = Vec::new();
        t.fields(&mut |f| read.push(f.clone()));
        let any = text_reads_all(&t.subject);
        let mut vars: Vec<u32> = Vec::new();
        let mut joined = any;
        for f in &read {
            match self.field(f, None) {
                Some(subjects) => vars.extend(subjects.iter().filter_map(|s| match s {
                    Subject::Field(v, _) => Some(*v),
                    Subject::Const(_) => None,
                })),
                None => joined = true,
            }
        }
        vars.sort_unstable();
        vars.dedup();
        let truth = if want { Truth::True } else { Truth::False };
        if vars.is_empty() && !joined {
            let taxonomy = self.world.taxonomy;
            let on = |event: &Event<'_>| eval::truth(&Expr::Test(t.clone()), &EventRow { event, taxonomy });
            return constant(self.world.event(self.shape, &[], on) == Some(truth));
        }
        let var = match vars.as_slice() {
            [one] if !joined => Some(*one),
            _ => None,
        };
        // The event type is part of the question where no field is.
        let derive: Vec<Derive> =
            if var.is_none() { vec![Derive::Line(self.shape.to_string().into())] } else { Vec::new() };
        let n = self.world.intern(var, &derive, t.clone(), Kind::Opaque, Asked::OfEvent(truth));
        Formula::Is(n, true)
    }
}

/// Whether a name may be one of an event's id, channel or provider.
fn shared(name: &str) -> bool {
    const ENDS: &[&str] =
        &["eventid", "eventcode", "event_id", "event.code", "channel", "provider_name", "source"];
    let name = name.to_ascii_lowercase();
    ENDS.iter().any(|e| name.ends_with(e))
}

fn text_reads_all(s: &Scalar) -> bool {
    matches!(s, Scalar::AnyField | Scalar::FieldGlob(..) | Scalar::Each(_) | Scalar::Case(..))
}

fn constant(b: bool) -> Formula {
    if b { Formula::True } else { Formula::False }
}

fn like(p: &Pattern, how: Fold) -> Kind {
    Kind::Like(p.map(|s| fold(s, how)), how == Fold::Unicode)
}

/// A comparison of one value with a constant.
fn compared(
    t: &Test,
    op: CmpOp,
    v: &Value,
    derive: &[Derive],
    ask: &mut dyn FnMut(Test, Kind) -> Formula,
) -> Option<Formula> {
    let makes_number = matches!(derive.last(), Some(Derive::HexNumber | Derive::Number | Derive::ArgsCount));
    let number = match t.words.coerce {
        Coerce::NumericIfBoth => eval::number(v),
        _ if makes_number => v.as_f64(),
        _ => None,
    };
    if let Some(n) = number {
        // Numbers are written the usual way: an equal number is an equal text.
        if op == CmpOp::Eq && derive.is_empty() && n.fract() == 0.0 && n.abs() < 1e15 {
            return Some(ask(t.clone(), like(&Pattern::exact(&format!("{n}")), t.words.fold)));
        }
        return Some(ask(t.clone(), Kind::Number(op, n)));
    }
    if v.is_null() {
        return Some(Formula::False);
    }
    let is_text = matches!(v, Value::Str(_)) || t.words.coerce == Coerce::Stringify;
    match (op, is_text && !makes_number) {
        (CmpOp::Eq, true) => {
            let p = Pattern::exact(&v.to_text()?);
            Some(ask(t.clone(), like(&p, t.words.fold)))
        }
        _ => Some(ask(t.clone(), Kind::Opaque)),
    }
}
