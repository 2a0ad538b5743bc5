//! Commands in which a row depends on those around it: running values, rows until a condition fails, rows side by side,
//! columns as rows.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, CmpOp, Expr, Join, JoinKind, Names, Op, Plan, Scalar, Window};
use shikra_syntax::Span;

use super::combine::{JOINED, MAX_REPEATED, joined, put_in};
use super::search::test;
use super::{EVAL, Lower, Order, Stream, call};
use crate::ast::{Eval, Head, Options, Pipeline, Word, flag, option};

/// Column that numbers rows for a moment.
pub(super) const ROW: &str = "_row";
/// Rows back that `delta` and `autoregress` look at most.
const FARTHEST: u64 = 1000;
/// Columns that `untable` makes rows of at most.
const MAX_SERIES: usize = 1000;

fn column(name: &str) -> Scalar {
    Scalar::field(Names::Column, name)
}

fn number(n: i64) -> Scalar {
    Scalar::Lit(Value::I64(n))
}

/// Aggregates of the rows up to each, in the order they have.
fn running(s: &mut Stream, columns: Vec<(Arc<str>, AggFn)>, most: u64, current: bool) {
    s.window(vec![], columns, Window::Rows { most, current });
}

/// Numbers the rows in [`ROW`].
pub(super) fn numbered(s: &mut Stream) {
    s.ordered();
    running(s, vec![(ROW.into(), AggFn::Count)], 0, true);
}

/// `field` and what it is to be called: `field AS name`.
fn renamed(fields: &[Word]) -> Option<(&str, Option<&str>)> {
    match fields {
        [f] => Some((&f.text, None)),
        [f, by, to] if by.text.eq_ignore_ascii_case("as") => Some((&f.text, Some(&to.text))),
        _ => None,
    }
}

/// `p=2` or `p=1-3`: how many rows back.
fn back(options: &Options) -> Option<(u64, u64)> {
    let Some(text) = option(options, "p").map(|w| &*w.text) else { return Some((1, 1)) };
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let range = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (1 <= range.0 && range.0 <= range.1 && range.1 <= FARTHEST).then_some(range)
}

impl Lower<'_> {
    /// `filldown a b`: what is null takes the last value above it. Without names, all columns that were made.
    pub fn fill_down(&mut self, mut s: Stream, fields: &[Word], at: Span) -> Stream {
        if s.open && fields.is_empty() {
            return self.stop(s, "filldown of all fields of events", at);
        }
        s.ordered();
        let every = [Word { text: "*".into(), ..Word::default() }];
        let fields = if fields.is_empty() { &every } else { fields };
        let names: Vec<Arc<str>> = fields.iter().flat_map(|w| self.matching(&s, w)).collect();
        let columns = names.into_iter().map(|n| (n.clone(), AggFn::Last(s.field(&n)))).collect();
        running(&mut s, columns, 0, true);
        s
    }

    /// `accum n AS total`: the sum so far, on rows that have a number.
    pub fn accumulate(&mut self, mut s: Stream, fields: &[Word], at: Span) -> Stream {
        let Some((field, to)) = renamed(fields) else {
            return self.stop(s, "accum needs a field, and may name the sum: accum FIELD AS NAME", at);
        };
        s.ordered();
        let own = call("spl-number", vec![s.field(field)], EVAL);
        running(&mut s, vec![("_sum".into(), AggFn::Sum(own.clone()))], 0, true);
        let there = test(own, Op::IsNull, EVAL, self.text.origin(at)).negate();
        let sum = Scalar::Case(vec![(there, column("_sum"))], Some(Box::new(s.field(field))));
        s.eval(vec![(Arc::from(to.unwrap_or(field)), sum)]);
        s.drop_columns(&["_sum"]);
        s
    }

    /// `delta n AS more p=1`: how much more than so many rows before.
    pub fn delta(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        let (Some((field, to)), Some((_, most))) = (renamed(fields), back(options)) else {
            return self.stop(
                s,
                "delta needs a field, and may name the difference: delta FIELD AS NAME p=1",
                at,
            );
        };
        s.ordered();
        let before = self.before(&mut s, field, most, at);
        let name = to.map_or_else(|| format!("delta({field})"), str::to_owned);
        let less = call("spl-minus", vec![s.field(field), before], EVAL);
        s.eval(vec![(Arc::from(name), less)]);
        s.drop_columns(&["_rows", "_before"]);
        s
    }

    /// `autoregress n AS before p=1-3`: the values of rows before.
    pub fn regress(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        const MOST: u64 = 32;
        let range = back(options).filter(|(from, to)| to - from < MOST);
        let (Some((field, to)), Some((from, last))) = (renamed(fields), range) else {
            let reason = "autoregress needs a field and at most 32 places: autoregress FIELD AS NAME p=1-3";
            return self.stop(s, reason, at);
        };
        s.ordered();
        for n in from..=last {
            let value = self.before(&mut s, field, n, at);
            let name = match to {
                Some(to) if from == last => to.to_owned(),
                Some(to) => format!("{to}_p{n}"),
                None => format!("{field}_p{n}"),
            };
            s.eval(vec![(Arc::from(name), value)]);
            s.drop_columns(&["_rows", "_before"]);
        }
        s
    }

    /// A field's value so many rows before; null where there are fewer rows. Makes columns for a moment.
    fn before(&mut self, s: &mut Stream, field: &str, rows: u64, at: Span) -> Scalar {
        let value = s.field(field);
        let columns = vec![("_rows".into(), AggFn::Count), ("_before".into(), AggFn::First(value))];
        running(s, columns, rows, false);
        let all = Op::Compare(CmpOp::Eq, number(i64::try_from(rows).unwrap_or(i64::MAX)));
        let enough = test(column("_rows"), all, EVAL, self.text.origin(at));
        Scalar::Case(vec![(enough, column("_before"))], None)
    }

    /// `head 5`, `head (n < 3)`: the first rows, or those before the first for which a condition does not hold.
    pub fn head(&mut self, mut s: Stream, head: &Head, at: Span) -> Stream {
        if let Some(e) = &head.condition {
            s = self.head_while(s, e, &head.options, at);
        } else {
            s.ordered();
        }
        if head.limit < u64::MAX {
            s.wrap(|p| Plan::Limit(Box::new(p), head.limit));
        }
        s
    }

    fn head_while(&mut self, mut s: Stream, e: &Eval, options: &Options, at: Span) -> Stream {
        let holds = self.truth(&mut s, e);
        s.ordered();
        let ends = match flag(options, "null") {
            // What is neither true nor false goes on.
            true => Scalar::Case(vec![(holds.negate(), number(1))], None),
            false => {
                let nothing = Scalar::Lit(Value::Null);
                Scalar::Case(vec![(holds, nothing)], Some(Box::new(number(1))))
            }
        };
        running(&mut s, vec![("_ended".into(), AggFn::CountOf(ends))], 0, !flag(options, "keeplast"));
        let none = Op::Compare(CmpOp::Eq, number(0));
        self.filter(&mut s, test(column("_ended"), none, EVAL, self.text.origin(at)));
        s.drop_columns(&["_ended"]);
        s
    }

    /// `appendcols [ search … ]`: the columns of the n-th row of another search in the n-th row.
    pub fn append_columns(&mut self, mut s: Stream, part: &Pipeline, over: bool, at: Span) -> Stream {
        let mut other = self.pipeline(part);
        if other.open {
            return self.stop(s, "appendcols of events: name their fields with table or fields", at);
        }
        numbered(&mut s);
        numbered(&mut other);
        let keys = vec![(column(ROW), column(ROW))];
        let right = (JOINED.into(), Box::new(other.plan));
        s.wrap(|left| {
            let left = ("".into(), Box::new(left));
            Plan::Join(Join { kind: JoinKind::Full, left, right, keys, time: None, on: None, most: None })
        });
        put_in(&mut s, other.columns.iter().filter(|c| ***c != *ROW), over);
        s.order = Order::Made;
        s.drop_columns(&[ROW]);
        s
    }

    /// `addtotals col=true`, `addcoltotals`: a row of sums behind the others.
    pub fn column_totals(&mut self, mut s: Stream, fields: &[Word], options: &Options, at: Span) -> Stream {
        s.ordered();
        if s.plan.operators() > MAX_REPEATED {
            return self.stop(s, "a row of sums after so many commands, which it repeats", at);
        }
        let names: Vec<Arc<str>> = match fields {
            [] => s.columns.clone(),
            some => some.iter().flat_map(|f| self.matching(&s, f)).collect(),
        };
        let mut sums = s.clone();
        let columns: Vec<_> = names.iter().map(|n| (n.clone(), AggFn::Sum(s.field(n)))).collect();
        (sums.columns, sums.open, sums.inside) = (names, false, vec![]);
        sums.wrap(|p| Plan::Agg(Agg { input: Box::new(p), keys: vec![], columns, window: Window::None }));
        sums.order = Order::Made;
        if let Some(label) = option(options, "labelfield") {
            let text = option(options, "label").map_or("Total", |l| &l.text);
            sums.eval(vec![(Arc::from(&*label.text), Scalar::Lit(Value::str(text)))]);
        }
        joined(vec![s, sums], true)
    }

    /// `xyseries x y value`: the three columns, one row for each pair, as `chart` makes them here.
    pub fn series(&mut self, mut s: Stream, fields: &[Word], at: Span) -> Stream {
        let [x, y, value] = fields else {
            return self.stop(s, "xyseries of other than three fields", at);
        };
        self.note_long_form(at);
        let names = [x, y, value].map(|w| Arc::<str>::from(&*w.text));
        let columns = names.iter().map(|n| (n.clone(), s.field(n))).collect();
        s.ordered();
        s.project(columns);
        s.series = Some(names);
        s
    }

    /// `untable x y value`: a row for each value of each column but the first, with the column's name.
    pub fn untable(&mut self, mut s: Stream, fields: &[Word], at: Span) -> Stream {
        let [x, y, value] = fields else { return self.stop(s, "untable of other than three fields", at) };
        let made = [x, y, value].map(|w| Arc::<str>::from(&*w.text));
        if let Some(series) = s.series.clone().filter(|all| all.iter().all(|c| s.has(c))) {
            // There is a row for each already.
            s.ordered();
            let columns = made.iter().zip(&series).map(|(to, c)| (to.clone(), s.field(c))).collect();
            s.project(columns);
            s.series = Some(made);
            return s;
        }
        let names: Vec<Arc<str>> =
            s.columns.iter().filter(|c| **c != made[0] && !c.starts_with('_')).cloned().collect();
        if s.open || names.len() > MAX_SERIES {
            return self.stop(s, "untable of events: name their fields with table or fields", at);
        }
        s.ordered();
        let (name, held) = ("_column", "_value");
        let at = self.text.origin(at);
        let all = Value::List(names.iter().map(Value::str).collect());
        s.eval(vec![(name.into(), Scalar::Lit(all))]);
        s.wrap(|p| Plan::Unnest(Box::new(p), shikra_ir::FieldRef::new(Names::Column, name)));
        let is =
            |n: &Arc<str>| test(column(name), Op::Compare(CmpOp::Eq, Scalar::Lit(Value::str(n))), EVAL, at);
        let arms: Vec<(Expr, Scalar)> = names.iter().map(|n| (is(n), s.field(n))).collect();
        s.eval(vec![(held.into(), Scalar::Case(arms, None))]);
        s.filter(test(column(held), Op::IsNull, EVAL, at).negate());
        let from = [&*made[0], name, held].map(column);
        s.project(made.iter().cloned().zip(from).collect());
        s.series = Some(made);
        s
    }
}
