//! Joins: equal fields become keys, comparisons of times a bound on the distance, what reads one side a filter of
//! that side.

use std::sync::Arc;

use shikra_ir::{CmpOp, Join, JoinKind, Plan, Scalar, TimeBound};

use super::{Lower, Relation};
use crate::ast::{Cond, How, Name, Operand};

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

struct Sides {
    left: (String, Relation),
    right: (String, Relation),
    keys: Vec<(Scalar, Scalar)>,
    time: Option<TimeBound>,
}

impl Sides {
    fn of(&self, path: &str) -> Option<Side> {
        let head = path.split_once('.').map(|(head, _)| head)?;
        match head {
            h if h == self.left.0 => Some(Side::Left),
            h if h == self.right.0 => Some(Side::Right),
            _ => None,
        }
    }
}

impl Lower<'_> {
    pub(super) fn join(&mut self, target: &Name, left: &Name, right: &Name, condition: &Cond) {
        let (mut left, mut right) = (self.resolve(left), self.resolve(right));
        left.1 = self.settled(left.1);
        right.1 = self.settled(right.1);
        let mut sides = Sides { left, right, keys: vec![], time: None };
        let mut parts = Vec::new();
        flatten(condition, &mut parts);
        for part in parts {
            if !self.joined(part, &mut sides) {
                let opaque = self.opaque("this condition between two relations", super::cond::span(part));
                sides.left.1.plan = Plan::Opaque(Some(Box::new(sides.left.1.plan)), opaque);
            }
        }
        let side = |(name, relation): (String, Relation)| (Arc::from(name), Box::new(relation.plan));
        let plan = Plan::Join(Join {
            kind: JoinKind::Inner,
            left: side(sides.left),
            right: side(sides.right),
            keys: sides.keys,
            time: sides.time,
            on: None,
            most: None,
        });
        self.define(target, Relation::of(plan));
    }

    /// Takes in a condition; false where it cannot be.
    fn joined(&mut self, c: &Cond, sides: &mut Sides) -> bool {
        match c {
            Cond::Values { field, how: How::Is, values, .. } => {
                let other =
                    values.first().filter(|v| values.len() == 1 && !v.quoted).map(|v| v.text.as_str());
                match (sides.of(&field.text), other.and_then(|o| sides.of(o))) {
                    (Some(a), Some(b)) if a != b => {
                        self.equal(&field.text, other.unwrap_or_default(), a, sides);
                        true
                    }
                    (Some(side), None) => self.one_side(c, side, sides),
                    _ => false,
                }
            }
            Cond::Values { field, .. } => match sides.of(&field.text) {
                Some(side) => self.one_side(c, side, sides),
                None => false,
            },
            Cond::Chain { operands, ops, .. } => {
                let times: Option<Vec<(Side, i64)>> = operands.iter().map(|o| time(o, sides)).collect();
                let Some(times) = times else { return false };
                let mut bound = sides.time.unwrap_or(TimeBound { least: None, most: None });
                for ((a, b), op) in times.iter().zip(times.iter().skip(1)).zip(ops) {
                    if !tighten(&mut bound, *a, *b, *op) {
                        return false;
                    }
                }
                sides.time = Some(bound);
                true
            }
            _ => false,
        }
    }

    fn equal(&mut self, first: &str, second: &str, side: Side, sides: &mut Sides) {
        let (l, r) = if side == Side::Left { (first, second) } else { (second, first) };
        let left = self.field(l, &sides.left.1, &sides.left.0);
        let right = self.field(r, &sides.right.1, &sides.right.0);
        sides.keys.push((left, right));
    }

    fn one_side(&mut self, c: &Cond, side: Side, sides: &mut Sides) -> bool {
        let of = if side == Side::Left { &mut sides.left } else { &mut sides.right };
        let name = of.0.clone();
        let mut relation = of.1.clone();
        self.restrict(&mut relation, &name, c);
        of.1 = relation;
        true
    }
}

fn flatten<'c>(c: &'c Cond, out: &mut Vec<&'c Cond>) {
    match c {
        Cond::And(v) => v.iter().for_each(|c| flatten(c, out)),
        other => out.push(other),
    }
}

/// `side.time`, with a span added or taken off.
fn time(o: &Operand, sides: &Sides) -> Option<(Side, i64)> {
    match o {
        Operand::Path(n) => {
            let name = n.text.rsplit('.').next().unwrap_or("");
            sides.of(&n.text).filter(|_| matches!(name, "time" | "timestamp")).map(|s| (s, 0))
        }
        Operand::Arith(sign, a, b) => {
            let (side, offset) = time(a, sides)?;
            let Operand::Span(by) = **b else { return None };
            let by = match sign {
                '+' => by,
                '-' => by.checked_neg()?,
                _ => return None,
            };
            Some((side, offset.checked_add(by)?))
        }
        _ => None,
    }
}

/// Narrows `right − left` by one comparison of two times; false where it says nothing of both.
fn tighten(bound: &mut TimeBound, a: (Side, i64), b: (Side, i64), op: CmpOp) -> bool {
    if a.0 == b.0 {
        return false;
    }
    let (a, b, op) = match op {
        CmpOp::Gt => (b, a, CmpOp::Lt),
        CmpOp::Ge => (b, a, CmpOp::Le),
        other => (a, b, other),
    };
    let strict = i64::from(op == CmpOp::Lt);
    let raise = |bound: &mut TimeBound, to: i64| bound.least = Some(bound.least.map_or(to, |l| l.max(to)));
    let lower = |bound: &mut TimeBound, to: i64| bound.most = Some(bound.most.map_or(to, |m| m.min(to)));
    match op {
        // a.time + a.1 < b.time + b.1
        CmpOp::Lt | CmpOp::Le if a.0 == Side::Left => {
            raise(bound, a.1.saturating_sub(b.1).saturating_add(strict))
        }
        CmpOp::Lt | CmpOp::Le => lower(bound, b.1.saturating_sub(a.1).saturating_sub(strict)),
        CmpOp::Eq => {
            let apart = if a.0 == Side::Left { a.1.saturating_sub(b.1) } else { b.1.saturating_sub(a.1) };
            raise(bound, apart);
            lower(bound, apart);
        }
        _ => return false,
    }
    true
}
