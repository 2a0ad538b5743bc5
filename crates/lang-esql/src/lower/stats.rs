//! STATS and INLINE STATS.
//!
//! A value with several values is a member of several groups, of each once; null is a group of its own. What is
//! computed from aggregates is computed after them.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, CmpOp, Expr as Pred, Key, Op, Plan, Scalar, Test, Window};
use shikra_syntax::Span;

use super::call::function;
use super::{Lower, NOW, any, column, lit, mentions_now, words};
use crate::ast::{Assign, Expr, Kind, Stats};

/// Columns computed from others.
type Columns = Vec<(Arc<str>, Scalar)>;

/// An aggregate of one argument.
type Aggregate = (&'static str, fn(Scalar) -> AggFn);

const AGGREGATES: &[Aggregate] = &[
    ("avg", AggFn::Avg),
    ("count_distinct", AggFn::CountDistinct),
    ("max", AggFn::Max),
    ("median", AggFn::Median),
    ("min", AggFn::Min),
    ("sum", AggFn::Sum),
];

/// Aggregates that are supported.
pub(crate) fn aggregates() -> impl Iterator<Item = &'static str> {
    const OTHERS: &[&str] = &[
        "absent",
        "count",
        "first",
        "last",
        "median_absolute_deviation",
        "percentile",
        "present",
        "std_dev",
        "top",
        "values",
        "variance",
        "weighted_avg",
    ];
    AGGREGATES.iter().map(|(n, _)| *n).chain(OTHERS.iter().copied())
}

/// Whether a function aggregates rows.
pub(super) fn is_aggregate(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "absent",
        "count",
        "first",
        "last",
        "median_absolute_deviation",
        "percentile",
        "present",
        "sample",
        "st_centroid_agg",
        "st_extent_agg",
        "std_dev",
        "top",
        "values",
        "variance",
        "weighted_avg",
    ];
    AGGREGATES.iter().any(|(n, _)| *n == name) || OTHERS.contains(&name)
}

/// Aggregates being collected while an expression over them is lowered.
#[derive(Default)]
pub(super) struct Collected {
    columns: Vec<(Arc<str>, AggFn)>,
    /// The groups' keys: as the query calls them, their columns, and what they are computed by.
    keys: Vec<(Arc<str>, Arc<str>, Expr)>,
    /// The condition on what the present expression aggregates.
    filter: Option<Pred>,
}

impl Collected {
    /// The column of the key that is computed as `e` is.
    fn key(&self, e: &Expr) -> Option<Scalar> {
        self.keys.iter().find(|(.., by)| by == e).map(|(_, made, _)| column(made))
    }

    /// A column for an aggregate; the same for an equal one.
    fn add(&mut self, f: AggFn) -> Scalar {
        let known = self.columns.iter().find(|(_, k)| *k == f).map(|(n, _)| n.clone());
        column(&known.unwrap_or_else(|| {
            let name: Arc<str> = Arc::from(format!("aggregate#{}", self.columns.len()));
            self.columns.push((name.clone(), f));
            name
        }))
    }
}

impl Lower<'_, '_> {
    /// The present as a column, where some expression of the command asks for it.
    fn present(&mut self, s: &Stats) {
        let asks = |a: &Assign| mentions_now(&a.value);
        let filtered = |f: &Option<Expr>| f.as_ref().is_some_and(mentions_now);
        let used = s.by.iter().any(asks) || s.aggregates.iter().any(|(a, f)| asks(a) || filtered(f));
        if used && self.options.now.is_none() {
            let now = self.now();
            self.wrap(|p| Plan::Eval(p, vec![(Arc::from(NOW), now)]));
            self.now_is_column = true;
        }
    }

    fn collect(&mut self, s: &Stats, exploding: bool) -> (Vec<Key>, Collected, Columns) {
        self.present(s);
        let mut collected = Collected::default();
        let mut keys = Vec::new();
        for (i, by) in s.by.iter().enumerate() {
            let value = self.scalar(&by.value);
            let value = function("values-distinct", vec![value]);
            let value = if exploding { function("each-value", vec![value]) } else { value };
            let name: Arc<str> = Arc::from(format!("by#{i}"));
            keys.push(Key { name: name.clone(), value, optional: true });
            collected.keys.push((Arc::from(&*by.name.text), name, by.value.clone()));
        }
        let mut out = Vec::new();
        for (i, (a, filter)) in s.aggregates.iter().enumerate() {
            // Of columns with one name the last stays.
            if s.aggregates.iter().skip(i + 1).any(|(later, _)| later.name.text == a.name.text) {
                continue;
            }
            collected.filter = filter.as_ref().map(|f| self.predicate(f));
            let value = self.over_groups(&a.value, &mut collected);
            out.push((Arc::from(&*a.name.text), value));
        }
        self.now_is_column = false;
        (keys, collected, out)
    }

    pub(super) fn stats(&mut self, s: &Stats) {
        let (keys, collected, mut out) = self.collect(s, true);
        out.extend(collected.keys.iter().map(|(name, made, _)| (name.clone(), column(made))));
        let columns = collected.columns;
        self.wrap(|input| Plan::Agg(Agg { input, keys, columns, window: Window::None }));
        // Of columns with one name the last stays.
        let last = |i: usize, n: &Arc<str>| !out.iter().skip(i + 1).any(|(o, _)| o == n);
        let out: Vec<(Arc<str>, Scalar)> =
            out.iter().enumerate().filter(|(i, (n, _))| last(*i, n)).map(|(_, c)| c.clone()).collect();
        self.columns = out.iter().map(|(n, _)| n.clone()).collect();
        self.wrap(|p| Plan::Project(p, out));
        self.projected = true;
        (self.open, self.lax) = (None, false);
    }

    pub(super) fn inline_stats(&mut self, s: &Stats) {
        let (keys, collected, out) = self.collect(s, false);
        let columns = collected.columns;
        let made: Vec<shikra_ir::Pattern> =
            columns.iter().map(|(n, _)| shikra_ir::Pattern::exact(n)).collect();
        let by: Vec<(Arc<str>, Scalar)> =
            s.by.iter()
                .zip(&keys)
                .filter(|(b, _)| !matches!(&b.value.kind, Kind::Field(f) if *f == b.name.text))
                .map(|(b, k)| (Arc::from(&*b.name.text), k.value.clone()))
                .collect();
        self.wrap(|input| Plan::WindowAgg(Agg { input, keys, columns, window: Window::None }));
        out.iter().for_each(|(n, _)| self.made(n));
        by.iter().for_each(|(n, _)| self.made(n));
        self.wrap(|p| Plan::Eval(p, out.into_iter().chain(by).collect()));
        self.wrap(|p| Plan::Drop(p, made));
    }

    /// An expression over the groups: aggregates become columns, and so do the keys.
    fn over_groups(&mut self, e: &Expr, c: &mut Collected) -> Scalar {
        if let Some(key) = c.key(e) {
            return key;
        }
        match &e.kind {
            Kind::Call { name, args } if is_aggregate(name) => self.aggregate(name, args, e.span, c),
            Kind::Field(name) => match c.keys.iter().find(|(n, ..)| **n == **name) {
                Some((_, made, _)) => column(made),
                None => {
                    let message = format!("{name} is neither aggregated nor grouped by");
                    let said = shikra_syntax::Diagnostic::error("not-grouped", message, e.span);
                    self.say(said);
                    lit(Value::Null)
                }
            },
            _ if !any(e, &|e| matches!(&e.kind, Kind::Call { name, .. } if is_aggregate(name)))
                && !any(e, &|e| matches!(e.kind, Kind::Field(_))) =>
            {
                self.scalar(e)
            }
            _ => {
                // The parts first; they stand in the expression as columns of their own names.
                let mut bound: Vec<(String, Scalar)> = Vec::new();
                let rewritten = replaced(
                    e,
                    &mut |part| match &part.kind {
                        Kind::Call { name, .. } if is_aggregate(name) => Some(self.over_groups(part, c)),
                        Kind::Field(_) => Some(self.over_groups(part, c)),
                        _ => c.key(part),
                    },
                    &mut bound,
                    0,
                );
                let before = self.bound.replace(bound);
                let made = self.scalar(&rewritten);
                self.bound = before;
                made
            }
        }
    }

    fn aggregate(&mut self, name: &str, args: &[Expr], span: Span, c: &mut Collected) -> Scalar {
        let kept = |s: Scalar, c: &Collected| match &c.filter {
            Some(f) => Scalar::Case(vec![(f.clone(), s)], None),
            None => s,
        };
        let all = match args {
            [] => true,
            [only] => matches!(only.kind, Kind::Star),
            _ => false,
        };
        if name == "count" && all {
            return match &c.filter {
                None => c.add(AggFn::Count),
                Some(_) => {
                    let one = kept(lit(1), c);
                    c.add(AggFn::CountOf(one))
                }
            };
        }
        let Some(first) = args.first() else {
            return self.opaque_value(format!("{name} without an argument"), span);
        };
        let value = self.scalar(first);
        let value = kept(value, c);
        let number = |i: usize| match args.get(i).map(|a| &a.kind) {
            Some(Kind::Int(n)) => Some(*n as f64),
            Some(Kind::Float(n)) => Some(*n),
            _ => None,
        };
        if let Some((_, make)) = AGGREGATES.iter().find(|(n, _)| *n == name) {
            return c.add(make(value));
        }
        match name {
            "count" => c.add(AggFn::CountOf(value)),
            "values" => {
                let all = c.add(AggFn::Values(value));
                function("one-or-list", vec![all])
            }
            "percentile" => match number(1) {
                Some(p) => c.add(AggFn::Percentile(value, p)),
                None => self.opaque_value("percentile that is no number", span),
            },
            "median_absolute_deviation" => {
                let all = c.add(AggFn::List(function("esql-convert", vec![value, lit("double")])));
                function("values-deviation", vec![all])
            }
            "weighted_avg" if args.len() == 2 => {
                let weight = self.scalar(args.get(1).unwrap_or(first));
                weighted_average(value, weight, span, c)
            }
            "std_dev" => function("root", vec![variance(value, span, c)]),
            "variance" => variance(value, span, c),
            "top" => {
                let down = !matches!(args.get(2).map(|a| &a.kind), Some(Kind::Text(t)) if t.eq_ignore_ascii_case("asc"));
                let (Some(n), 0..=3) = (number(1), args.len()) else {
                    return self.opaque_value("top with another order", span);
                };
                let all = c.add(AggFn::List(value));
                let sorted = function("values-sort", vec![all, lit(if down { "DESC" } else { "ASC" })]);
                function("values-slice", vec![sorted, lit(0), lit(n as i64 - 1)])
            }
            "first" | "last" if matches!(args.get(1).map(|a| &a.kind), Some(Kind::Field(f)) if f == "@timestamp") => {
                c.add(if name == "first" { AggFn::Earliest(value) } else { AggFn::Latest(value) })
            }
            "present" | "absent" => {
                let n = c.add(AggFn::CountOf(value));
                let op = if name == "present" { CmpOp::Gt } else { CmpOp::Eq };
                let op = Op::Compare(op, lit(0));
                Scalar::Truth(Box::new(Pred::Test(Test { subject: n, op, words: words(), span })))
            }
            other => self.opaque_value(format!("the aggregate {other}"), span),
        }
    }
}

/// The average of values by their weights; a row counts where it has both.
fn weighted_average(value: Scalar, weight: Scalar, span: Span, c: &mut Collected) -> Scalar {
    let product = function("multiply", vec![value, weight.clone()]);
    let absent = Pred::Test(Test { subject: product.clone(), op: Op::IsNull, words: words(), span });
    let weight = Scalar::Case(vec![(absent.negate(), weight)], None);
    let (sum, weights) = (c.add(AggFn::Sum(product)), c.add(AggFn::Sum(weight)));
    function("divide-real", vec![sum, weights])
}

/// The variance of all values, not of a sample of them.
fn variance(value: Scalar, span: Span, c: &mut Collected) -> Scalar {
    let n = c.add(AggFn::CountOf(value.clone()));
    let sample = c.add(AggFn::Var(value));
    let less = function("subtract", vec![n.clone(), lit(1)]);
    let share = function("divide-real", vec![less, n.clone()]);
    let all = function("multiply", vec![sample, share]);
    // One value does not vary.
    let one = Op::Compare(CmpOp::Eq, lit(1));
    let one = Pred::Test(Test { subject: n, op: one, words: words(), span });
    Scalar::Case(vec![(one, lit(Value::F64(0.0)))], Some(Box::new(all)))
}

/// An expression in which the parts that `make` makes something of are names of what was made.
fn replaced(
    e: &Expr,
    make: &mut dyn FnMut(&Expr) -> Option<Scalar>,
    bound: &mut Vec<(String, Scalar)>,
    depth: usize,
) -> Expr {
    // The parser bounds nesting.
    if depth > 1000 {
        return Expr { kind: Kind::Null, span: e.span };
    }
    if let Some(made) = make(e) {
        let name = format!("part#{}", bound.len());
        bound.push((name.clone(), made));
        return Expr { kind: Kind::Field(name), span: e.span };
    }
    let mut one = |e: &Expr| Box::new(replaced(e, make, bound, depth + 1));
    let kind = match &e.kind {
        Kind::Not(a) => Kind::Not(one(a)),
        Kind::Negate(a) => Kind::Negate(one(a)),
        Kind::Cast(a, t) => Kind::Cast(one(a), t.clone()),
        Kind::Arithmetic(op, a, b) => Kind::Arithmetic(*op, one(a), one(b)),
        Kind::Compare(op, a, b) => Kind::Compare(*op, one(a), one(b)),
        Kind::SameText(a, b) => Kind::SameText(one(a), one(b)),
        Kind::And(v) => Kind::And(v.iter().map(|e| *one(e)).collect()),
        Kind::Or(v) => Kind::Or(v.iter().map(|e| *one(e)).collect()),
        Kind::List(v) => Kind::List(v.iter().map(|e| *one(e)).collect()),
        Kind::Call { name, args } => {
            Kind::Call { name: name.clone(), args: args.iter().map(|e| *one(e)).collect() }
        }
        Kind::In { subject, list, negated } => Kind::In {
            subject: one(subject),
            list: list.iter().map(|e| *one(e)).collect(),
            negated: *negated,
        },
        Kind::Like { subject, patterns, regex, negated } => {
            Kind::Like { subject: one(subject), patterns: patterns.clone(), regex: *regex, negated: *negated }
        }
        Kind::IsNull { subject, negated } => Kind::IsNull { subject: one(subject), negated: *negated },
        other => other.clone(),
    };
    Expr { kind, span: e.span }
}
