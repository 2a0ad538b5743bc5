//! IR to text, where EQL can say it; what cannot be said is refused with the reason.
//!
//! Reading what is printed gives the same plan. Where the IR comes from another language, meaning is kept: a
//! test of two-valued logic under a negation is guarded against null. Field names are not translated: those of
//! another scheme are refused.

mod expr;
mod scalar;

use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Agg, AggFn, Condition, Expr, Key, LogSource, Names, Op, Plan, Policy, Scalar, Seq, Set, Sort, Stage,
    Truth,
};

use crate::Dialect;
use expr::Polarity;

/// The text of a plan in a dialect; endgame's is meant to be read ignoring case, as is its habit.
///
/// # Errors
/// What cannot be said.
pub fn print(plan: &Plan, dialect: Dialect) -> Said {
    Printer { dialect, marks: vec![], aliases: vec![] }.query(plan)
}

struct Printer<'p> {
    dialect: Dialect,
    /// Lineage that conditions refer to by column.
    marks: Vec<&'p shikra_ir::Mark>,
    /// Names of stages that later ones read.
    aliases: Vec<(usize, String)>,
}

impl<'p> Printer<'p> {
    fn names(&self) -> Names {
        if self.dialect == Dialect::Endgame { Names::Endgame } else { Names::Ecs }
    }

    fn query(&mut self, plan: &'p Plan) -> Said {
        if filters_over_scan(plan) {
            return self.event_query(plan);
        }
        if let Some(said) = self.counts(plan) {
            return said;
        }
        let (input, pipe) = match plan {
            Plan::Limit(input, n) => (&**input, format!("head {n}")),
            Plan::Tail(input, n) => (&**input, format!("tail {n}")),
            Plan::Filter(input, e) => (&**input, format!("filter {}", self.expr(e, Polarity::Plain, 0)?)),
            Plan::Dedup(d) if d.keep == 1 => match &*d.input {
                Plan::WindowAgg(a) => (&*a.input, format!("unique_count {}", self.keys_of(&a.keys)?)),
                input => (input, format!("unique {}", self.scalars(&d.keys)?)),
            },
            Plan::Sort(s) => (&*s.input, format!("sort {}", self.sort_keys(s)?)),
            Plan::Seq(s) => return self.sequence(s),
            Plan::Set(s) => return self.set(s),
            Plan::Opaque(_, o) => return refuse(format!("unsupported: {}", o.reason)),
            _ => return refuse("an operator that EQL does not have"),
        };
        Ok(format!("{}\n| {pipe}", self.query(input)?))
    }

    /// `count`, with or without keys.
    fn counts(&mut self, plan: &'p Plan) -> Option<Said> {
        let Plan::Project(input, columns) = plan else { return None };
        let names: Vec<&str> = columns.iter().map(|(n, _)| &**n).collect();
        let agg = match (&**input, names.as_slice()) {
            (Plan::Agg(a), ["count", "key"]) => a,
            (Plan::Sort(Sort { input, .. }), ["count", "key", "percent"]) => match &**input {
                Plan::Agg(a) => a,
                _ => return None,
            },
            _ => return None,
        };
        let counts = |a: &Agg| matches!(a.columns.first(), Some((_, AggFn::Count)));
        counts(agg).then(|| {
            let keys = self.keys_of(&agg.keys)?;
            Ok(format!("{}\n| count {keys}", self.query(&agg.input)?).trim_end().to_owned())
        })
    }

    fn sort_keys(&mut self, s: &Sort) -> Said {
        if s.keys.iter().any(|k| k.descending || !k.nulls_first) {
            return refuse("descending order");
        }
        let keys: Vec<Scalar> = s.keys.iter().map(|k| k.value.clone()).collect();
        self.scalars(&keys)
    }

    fn scalars(&mut self, all: &[Scalar]) -> Said {
        Ok(all.iter().map(|s| self.key(s)).collect::<Said<Vec<_>>>()?.join(", "))
    }

    fn keys_of(&mut self, keys: &[Key]) -> Said {
        let values: Vec<Scalar> = keys.iter().map(|k| k.value.clone()).collect();
        self.scalars(&values)
    }

    /// `category where condition`, lineage among the conditions.
    fn event_query(&mut self, plan: &'p Plan) -> Said {
        let marks = self.marks.len();
        let mut conditions: Vec<String> = Vec::new();
        let mut at = plan;
        let mut chain = Vec::new();
        let source = loop {
            let input = match at {
                Plan::Scan(source) => break source,
                Plan::Filter(input, _) | Plan::Lineage(input, ..) => input,
                Plan::Mark(m) => {
                    self.marks.push(m);
                    &m.input
                }
                _ => return refuse("an operator within a stage"),
            };
            chain.push(at);
            at = input;
        };
        for part in chain.iter().rev() {
            match part {
                Plan::Filter(_, e) => conditions.extend(self.conjuncts(e)?),
                Plan::Lineage(_, of, depth) => conditions.push(self.lineage(of, *depth)?),
                _ => {}
            }
        }
        self.marks.truncate(marks);
        let category = self.category(source)?;
        let condition = if conditions.is_empty() { "true".into() } else { conditions.join(" and ") };
        Ok(format!("{category} where {condition}"))
    }

    fn conjuncts(&mut self, e: &Expr) -> Said<Vec<String>> {
        match e {
            Expr::And(v) => v.iter().map(|e| self.expr(e, Polarity::Plain, 2)).collect(),
            Expr::Const(Truth::True) => Ok(vec![]),
            e => Ok(vec![self.expr(e, Polarity::Plain, 2)?]),
        }
    }

    fn category(&self, source: &LogSource) -> Said {
        if source.names != self.names() {
            return refuse(format!("a log source of {}", source.names.as_str()));
        }
        let mut keys = source.keys.iter();
        match (keys.next(), keys.next()) {
            (None, _) => Ok("any".into()),
            (Some((k, v)), None) if k == "category" => Ok(v.clone()),
            _ => refuse("a log source that is no event category"),
        }
    }

    fn lineage(&mut self, of: &'p Plan, depth: Option<u32>) -> Said {
        let word = match depth {
            Some(0) => "event",
            Some(1) => "child",
            None => "descendant",
            Some(n) => return refuse(format!("lineage of depth {n}")),
        };
        Ok(format!("{word} of [{}]", self.event_query(of)?))
    }

    /// The lineage that a column stands for.
    fn mark(&mut self, column: &str) -> Option<Said> {
        let mark = *self.marks.iter().rev().find(|m| *m.column == *column)?;
        Some(self.lineage(&mark.of, mark.depth))
    }

    fn sequence(&mut self, s: &'p Seq) -> Said {
        if s.policy != Policy::LatestOverwrites {
            return refuse("a sequence that takes any assignment of events to stages");
        }
        let refs = s.stages.iter().filter_map(|t| t.joined.as_ref()).flat_map(|j| &j.refs);
        self.aliases = refs.filter_map(|(n, i, _)| Some((*i, n.split('.').next()?.to_owned()))).collect();
        let mut out = format!("sequence{}", self.by(&s.keys)?);
        if let Some(d) = s.maxspan {
            out.push_str(&format!(" with maxspan={}", duration(d)?));
        }
        for (i, stage) in s.stages.iter().enumerate() {
            out.push_str(&format!("\n  {}", self.stage(Some(i), stage)?));
        }
        if let Some(until) = &s.until {
            out.push_str(&format!("\nuntil {}", self.stage(None, until)?));
        }
        Ok(out)
    }

    fn stage(&mut self, number: Option<usize>, stage: &'p Stage) -> Said {
        let mut query = self.event_query(&stage.plan)?;
        if let Some(j) = &stage.joined {
            query = format!("{query} and {}", self.conjuncts(&j.condition)?.join(" and "));
        }
        let mut out = format!("{}[{query}]", if stage.absent { "!" } else { "" });
        let alias = self.aliases.iter().find(|(i, _)| Some(*i) == number);
        if let Some((_, name)) = alias {
            out.push_str(&format!(" as {name}"));
        }
        if stage.fork {
            out.push_str(" fork=true");
        }
        out.push_str(&self.by(&stage.keys)?);
        if stage.runs > 1 {
            out.push_str(&format!(" with runs={}", stage.runs));
        }
        Ok(out)
    }

    fn by(&mut self, keys: &[Key]) -> Said {
        if keys.is_empty() {
            return Ok(String::new());
        }
        let mut all = Vec::new();
        for k in keys {
            let mark = if k.optional { "?" } else { "" };
            all.push(format!("{mark}{}", self.key(&k.value)?));
        }
        Ok(format!(" by {}", all.join(", ")))
    }

    /// A key, without the folding that reading adds where case is ignored.
    fn key(&mut self, s: &Scalar) -> Said {
        match s {
            Scalar::Call(c) if self.dialect == Dialect::Endgame && c.func.0.name == "fold-text" => {
                c.args.first().map_or_else(|| refuse("a key without a value"), |a| self.scalar(a))
            }
            other => self.scalar(other),
        }
    }

    /// Samples and joins: the keys of all members stand with each.
    fn set(&mut self, s: &'p Set) -> Said {
        let all = (0..s.members.len()).map(Condition::Member).collect();
        if s.span.is_some() || s.anchor.is_some() || s.condition != Condition::And(all) {
            return refuse("events near in time without an order");
        }
        let word = match (s.per_key, self.dialect) {
            (Some(_), _) => "sample",
            (None, Dialect::Endgame) => "join",
            (None, _) => return refuse("a join, which only endgame's EQL has"),
        };
        let mut out = word.to_owned();
        let common = self.common_keys(s)?;
        if let Some(first) = s.members.first() {
            out.push_str(&self.by(first.keys.get(..common).unwrap_or_default())?);
        }
        for m in &s.members {
            let own = self.by(m.keys.get(common..).unwrap_or_default())?;
            out.push_str(&format!("\n  [{}]{own}", self.event_query(&m.plan)?));
        }
        if let Some(until) = &s.until {
            let own = self.by(until.keys.get(common..).unwrap_or_default())?;
            out.push_str(&format!("\nuntil [{}]{own}", self.event_query(&until.plan)?));
        }
        Ok(out)
    }

    /// Number of first keys that all members share.
    fn common_keys(&self, s: &Set) -> Said<usize> {
        let all = || s.members.iter().map(|m| &m.keys).chain(s.until.as_deref().map(|u| &u.keys));
        let Some(first) = all().next() else { return refuse("a set without members") };
        let shared = |i: &usize| all().all(|k| k.get(*i) == first.get(*i));
        Ok((0..first.len()).take_while(shared).count())
    }
}

/// Nothing but filters and lineage over one scan.
fn filters_over_scan(plan: &Plan) -> bool {
    match plan {
        Plan::Scan(_) => true,
        Plan::Filter(input, _) | Plan::Lineage(input, ..) => filters_over_scan(input),
        Plan::Mark(m) => filters_over_scan(&m.input),
        _ => false,
    }
}

fn duration(nanoseconds: i64) -> Said {
    const UNITS: &[(i64, &str)] = &[
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "micros"),
        (1, "nanos"),
    ];
    let unit = UNITS.iter().find(|(size, _)| nanoseconds > 0 && nanoseconds % size == 0);
    match unit {
        Some((size, name)) => Ok(format!("{}{name}", nanoseconds / size)),
        None => refuse("a span of no time"),
    }
}

/// Whether a test says that a value is absent, and of what.
fn is_null(e: &Expr) -> Option<&Scalar> {
    match e {
        Expr::Test(t) if t.op == Op::IsNull => Some(&t.subject),
        _ => None,
    }
}
