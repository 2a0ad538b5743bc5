//! Streams: one that counts, several that follow one another or are joined.

use std::sync::Arc;

use shikra_event::Value as Constant;
use shikra_ir::{
    Agg, AggFn, CmpOp, Coerce, Expr as Pred, Join, JoinKind, Key, Names, Op, Plan, Policy, Scalar, Seq,
    Stage, Test, Window, Words,
};

use super::{Columns, Lower};
use crate::ast::{Link, Qualified, Stream, Streams};

const COUNT: &str = "count";

impl Lower<'_, '_> {
    pub(super) fn streams(&mut self, s: &Streams) -> Plan {
        if s.links.is_empty() {
            return match s.streams.first() {
                Some(stream) => self.stream(stream),
                None => self.events(None),
            };
        }
        if s.links.iter().all(|l| *l == Link::FollowedBy) {
            return self.followed(s);
        }
        match (s.links.as_slice(), s.streams.as_slice()) {
            ([link], [left, right]) if *link != Link::FollowedBy => self.joined(s, *link, left, right),
            _ => {
                let opaque = self.opaque("more than two joined streams", s.span);
                Plan::Opaque(None, opaque)
            }
        }
    }

    /// A stream's events; with a number before the condition, that many of them under one key and within a span.
    fn stream(&mut self, s: &Stream) -> Plan {
        let plan = self.search(&s.search);
        let Some(count) = s.count else { return plan };
        let keys = s.same.iter().map(|n| self.key(n)).collect();
        // What commands behind it see is what was counted.
        self.columns.made = s.same.iter().cloned().chain([COUNT.to_owned()]).collect();
        self.columns.only = true;
        let columns = vec![(Arc::from(COUNT), AggFn::Count)];
        let window = s.within.map_or(Window::None, Window::Sliding);
        let agg = Plan::Agg(Agg { input: Box::new(plan), keys, columns, window });
        let enough = Pred::Test(Test {
            subject: Scalar::field(Names::Column, COUNT),
            op: Op::Compare(CmpOp::Ge, Scalar::Lit(Constant::I64(i64::from(count)))),
            words: Words { coerce: Coerce::NumericIfBoth, ..Words::default() },
            span: s.span,
        });
        Plan::Filter(Box::new(agg), enough)
    }

    fn key(&self, name: &str) -> Key {
        Key { name: Arc::from(name), value: self.field(name), optional: false }
    }

    fn followed(&mut self, s: &Streams) -> Plan {
        let mut stages = Vec::new();
        for (i, stream) in s.streams.iter().enumerate() {
            if stream.count.is_some_and(|n| n > 1) {
                let opaque = self.opaque("a number of events in a stream that others follow", stream.span);
                return Plan::Opaque(None, opaque);
            }
            let Some(keys) = self.stage_keys(s, i) else {
                let opaque = self.opaque("`on` that does not join each stream with the first", s.span);
                return Plan::Opaque(None, opaque);
            };
            let plan = self.search(&stream.search);
            stages.push(Stage { plan, keys, absent: false, runs: 1, fork: false, joined: None });
        }
        Plan::Seq(Box::new(Seq { stages, keys: vec![], maxspan: s.within, until: None, policy: Policy::Any }))
    }

    /// A stage's fields in the order of the pairs of `on`; none where a pair does not name the stream.
    fn stage_keys(&self, s: &Streams, number: usize) -> Option<Vec<Key>> {
        if s.streams.len() == 2 {
            let name = s.streams.get(number)?.name.as_deref();
            let own = |q: &Qualified| Some(q.stream.as_str()) == name;
            let pick = |(a, b): &(Qualified, Qualified)| {
                let field = [a, b].into_iter().find(|q| own(q))?;
                Some(self.key(&field.field))
            };
            return s.on.iter().map(pick).collect();
        }
        // Several streams: one key, named once for each of them.
        let name = s.streams.get(number)?.name.as_deref();
        if s.on.is_empty() {
            return Some(vec![]);
        }
        let all = s.on.iter().flat_map(|(a, b)| [a, b]);
        let mut fields: Vec<&str> =
            all.filter(|q| Some(q.stream.as_str()) == name).map(|q| q.field.as_str()).collect();
        fields.dedup();
        match fields.as_slice() {
            [one] => Some(vec![self.key(one)]),
            _ => None,
        }
    }

    fn joined(&mut self, s: &Streams, link: Link, left: &Stream, right: &Stream) -> Plan {
        let kind = match link {
            Link::LeftJoin | Link::RightJoin => JoinKind::Left,
            _ => JoinKind::Inner,
        };
        let (left, right) = if link == Link::RightJoin { (right, left) } else { (left, right) };
        let side = |l: &mut Self, s: &Stream| {
            let plan = l.stream(s);
            l.columns = Columns::default();
            (Arc::from(s.name.as_deref().unwrap_or_default()), Box::new(plan))
        };
        let (left_side, right_side) = (side(self, left), side(self, right));
        let mut keys = Vec::new();
        for (a, b) in &s.on {
            let of = |stream: &Stream| {
                [a, b].into_iter().find(|q| Some(q.stream.as_str()) == stream.name.as_deref())
            };
            match (of(left), of(right)) {
                (Some(l), Some(r)) => keys.push((self.field(&l.field), self.field(&r.field))),
                _ => {
                    let opaque = self.opaque("`on` that does not join the two streams", a.span.to(b.span));
                    return Plan::Opaque(None, opaque);
                }
            }
        }
        Plan::Join(Join { kind, left: left_side, right: right_side, keys, time: None, on: None, most: None })
    }
}
