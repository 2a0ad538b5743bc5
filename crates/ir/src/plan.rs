//! Relational operators. Every row keeps the identities of the events that made it, through every operator.

use std::sync::Arc;

use crate::{Expr, FieldRef, Keys, Matching, Names, Opaque, Pattern, Regex, Scalar, Table};

/// A span of time in nanoseconds.
pub type Duration = i64;

/// What a rule needs to see, in the words of a naming scheme. The taxonomy turns it into conditions on
/// provider, channel and event id, e.g. `sigma {product: windows, category: process_creation}`,
/// `ecs {category: process}`, `cim {model: Endpoint, object: Processes}`, `car {object: process, action: create}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSource {
    /// Whose words.
    pub names: Names,
    /// Keys and values, lower-case.
    pub keys: Keys,
    /// Index patterns, where the language names indices (`logs-endpoint.events.process-*`).
    pub indices: Vec<String>,
}

impl LogSource {
    /// Every event, fields named in `names`.
    pub fn any(names: Names) -> LogSource {
        LogSource { names, keys: Keys::new(), indices: Vec::new() }
    }
    /// With these keys.
    pub fn with_keys<const N: usize>(names: Names, keys: [(&str, &str); N]) -> LogSource {
        let keys = keys.into_iter().map(|(k, v)| (k.to_lowercase(), v.to_lowercase())).collect();
        LogSource { names, keys, indices: Vec::new() }
    }
    /// No condition at all.
    pub fn is_any(&self) -> bool {
        self.keys.is_empty() && self.indices.is_empty()
    }
}

/// A rule by id, else by name (Sigma), as a correlation or `run` refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef(pub Arc<str>);

/// A key of a group, join or sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Name of the column it makes.
    pub name: Arc<str>,
    /// The value.
    pub value: Scalar,
    /// A null key is a key like any other (EQL `?key`); otherwise rows without it are left out.
    pub optional: bool,
}

/// How events are cut into windows of time before they are aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All in one.
    None,
    /// At each event, what lies within the last so many nanoseconds, the bound included.
    Sliding(Duration),
    /// The same until the condition above holds; then that window takes in all that lies within so many nanoseconds
    /// of its first event, the bound included, and only what comes later can make another.
    Held(Duration),
    /// Fixed buckets from the epoch.
    Tumbling(Duration),
    /// Until a pause of more than `gap`, at most `max` in all.
    Session {
        /// Longest pause.
        gap: Duration,
        /// Longest whole.
        max: Option<Duration>,
    },
    /// At each row, the rows of its group before it in the order they come in ([`Plan::WindowAgg`] only).
    Rows {
        /// Greatest number of rows, 0: all.
        most: u64,
        /// The row itself counts too.
        current: bool,
    },
}

/// An aggregate function.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum AggFn {
    Count,
    /// Number of values that are not null.
    CountOf(Scalar),
    CountDistinct(Scalar),
    Sum(Scalar),
    Avg(Scalar),
    Min(Scalar),
    Max(Scalar),
    Median(Scalar),
    /// Percentile 0 to 100.
    Percentile(Scalar, f64),
    StdDev(Scalar),
    Var(Scalar),
    /// Value of the earliest, latest, first or last row.
    Earliest(Scalar),
    Latest(Scalar),
    First(Scalar),
    Last(Scalar),
    /// Distinct values, sorted.
    Values(Scalar),
    /// All values, in order.
    List(Scalar),
    /// Most frequent value.
    Mode(Scalar),
    /// A named function that only some language has, with its arguments.
    Other(String, Vec<Scalar>),
}

/// The argument of an aggregate, borrowed as the aggregate is.
macro_rules! argument {
    ($function:expr) => {
        match $function {
            AggFn::Count | AggFn::Other(..) => None,
            AggFn::CountOf(s)
            | AggFn::CountDistinct(s)
            | AggFn::Sum(s)
            | AggFn::Avg(s)
            | AggFn::Min(s)
            | AggFn::Max(s)
            | AggFn::Median(s)
            | AggFn::Percentile(s, _)
            | AggFn::StdDev(s)
            | AggFn::Var(s)
            | AggFn::Earliest(s)
            | AggFn::Latest(s)
            | AggFn::First(s)
            | AggFn::Last(s)
            | AggFn::Values(s)
            | AggFn::List(s)
            | AggFn::Mode(s) => Some(s),
        }
    };
}

impl AggFn {
    /// The value that it is over; none for rows counted, and for functions of some language with arguments of their own.
    pub fn argument(&self) -> Option<&Scalar> {
        argument!(self)
    }

    /// The same, to be changed.
    pub(crate) fn argument_mut(&mut self) -> Option<&mut Scalar> {
        argument!(self)
    }
}

/// Aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct Agg {
    /// Rows.
    pub input: Box<Plan>,
    /// Group keys.
    pub keys: Vec<Key>,
    /// Columns made.
    pub columns: Vec<(Arc<str>, AggFn)>,
    /// Cut by time.
    pub window: Window,
}

/// A condition over a group of an [`Agg`], paired with it in a `Filter`; also over the members of a [`Set`].
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Member number `i` occurred.
    Member(usize),
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// Does not hold by the end of the span.
    Not(Box<Condition>),
}

/// How a sequence treats partial matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// One pending partial per stage and key, newer overwrites older, advancing consumes (EQL).
    LatestOverwrites,
    /// Any assignment of events to stages in order; reported once, with the earliest (Sigma temporal_ordered).
    Any,
}

/// A condition on a stage that also reads the events of earlier stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// What it reads of earlier stages: the variable it stands as, the stage, the value on that stage's event.
    pub refs: Vec<(Arc<str>, usize, Scalar)>,
    /// Over this stage's event and [`Scalar::Var`]s.
    pub condition: Expr,
}

/// One stage of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Events of this stage: a scan with filters.
    pub plan: Plan,
    /// Keys of this stage, beside the sequence's own.
    pub keys: Vec<Key>,
    /// The stage must not occur (EQL `![ ]`).
    pub absent: bool,
    /// Number of events in a row it takes (EQL `with runs=n`), at least 1.
    pub runs: u32,
    /// Partial matches are kept when they advance (endgame `fork=true`).
    pub fork: bool,
    /// Holds too before an event advances a partial match to this stage (Elastic Endpoint's `as`).
    pub joined: Option<Joined>,
}

/// An ordered match of several stages within a span of event time.
#[derive(Clone, Debug, PartialEq)]
pub struct Seq {
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Keys common to all stages, evaluated on each stage's event.
    pub keys: Vec<Key>,
    /// Longest time from first to last event, bound included.
    pub maxspan: Option<Duration>,
    /// An event that ends partial matches.
    pub until: Option<Box<Stage>>,
    /// Treatment of partial matches.
    pub policy: Policy,
}

/// One member of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Name, for conditions and reports.
    pub name: Arc<str>,
    /// Its events: a scan with filters, another rule, or a nested set.
    pub plan: Plan,
    /// Its keys, in the order of the other members' keys (aliases).
    pub keys: Vec<Key>,
}

/// An unordered match of several members under one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// The members.
    pub members: Vec<Member>,
    /// All within this span of event time; without one, in the whole input (EQL `sample`).
    pub span: Option<Duration>,
    /// Which members must (not) occur.
    pub condition: Condition,
    /// The span is measured both ways from this member's events (v1 `near`).
    pub anchor: Option<usize>,
    /// Greatest number of matches per key, found over the whole input (EQL `sample`); without one, unbounded.
    pub per_key: Option<u32>,
    /// An event that discards what is pending under its key (endgame `join … until`).
    pub until: Option<Box<Stage>>,
}

/// Kind of join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinKind {
    Inner,
    Left,
    Semi,
    Anti,
    Full,
}

/// Allowed distance in time from a left to a right row, bounds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBound {
    /// Least `right − left`.
    pub least: Option<Duration>,
    /// Greatest `right − left`.
    pub most: Option<Duration>,
}

/// Join.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Kind.
    pub kind: JoinKind,
    /// Left rows, with the name that qualifies its columns.
    pub left: (Arc<str>, Box<Plan>),
    /// Right rows, with the name that qualifies its columns.
    pub right: (Arc<str>, Box<Plan>),
    /// Equal keys: left value, right value.
    pub keys: Vec<(Scalar, Scalar)>,
    /// Distance in time.
    pub time: Option<TimeBound>,
    /// Further condition over both sides.
    pub on: Option<Box<Expr>>,
    /// Greatest number of right rows per left row.
    pub most: Option<u64>,
}

/// New columns from text.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Extract {
    Regex {
        from: Scalar,
        regex: Regex,
        most: u64,
    },
    /// The first pattern that finds itself in the text; see [`crate::extract`].
    Grok {
        from: Scalar,
        patterns: Vec<String>,
    },
    Dissect {
        from: Scalar,
        pattern: String,
        separator: String,
    },
    Json {
        from: Scalar,
        path: Option<String>,
        to: Option<Arc<str>>,
    },
}

/// A sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// The value.
    pub value: Scalar,
    /// Greatest first.
    pub descending: bool,
    /// Nulls before others.
    pub nulls_first: bool,
}

/// Sort.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// Rows.
    pub input: Box<Plan>,
    /// Keys, most significant first.
    pub keys: Vec<SortKey>,
}

/// Keep the first rows per key.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// Rows.
    pub input: Box<Plan>,
    /// Keys.
    pub keys: Vec<Scalar>,
    /// How many per key.
    pub keep: u64,
}

/// Columns from a table outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Rows.
    pub input: Box<Plan>,
    /// Table name.
    pub table: String,
    /// Table column, row value.
    pub on: Vec<(String, Scalar)>,
    /// Table column, new column. Empty: all.
    pub output: Vec<(String, Arc<str>)>,
    /// Only where the new column is null so far.
    pub only_new: bool,
    /// The table's rows, where the rule came with them.
    pub data: Option<Arc<Table>>,
    /// How values are compared.
    pub matching: Matching,
}

/// Rows with a truth: whether their process descends from another's (see [`Plan::Lineage`]). For lineage that
/// is negated or one of several alternatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Rows.
    pub input: Box<Plan>,
    /// The column made, true or false.
    pub column: Arc<str>,
    /// The ancestors.
    pub of: Box<Plan>,
    /// As in [`Plan::Lineage`].
    pub depth: Option<u32>,
}

/// A tree of operators. The leaves are scans.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Events of a log source.
    Scan(LogSource),
    /// The rows or matches of another rule.
    Rule(RuleRef),
    /// Rows that satisfy a predicate.
    Filter(Box<Plan>, Expr),
    /// Rows with new or replaced columns, computed left to right.
    Eval(Box<Plan>, Vec<(Arc<str>, Scalar)>),
    /// Only these columns, named.
    Project(Box<Plan>, Vec<(Arc<str>, Scalar)>),
    /// Without these columns.
    Drop(Box<Plan>, Vec<Pattern>),
    /// New columns from text.
    Extract(Box<Plan>, Extract),
    /// One row per value of a column.
    Unnest(Box<Plan>, FieldRef),
    /// A column cut into buckets: of time (nanoseconds) or numbers.
    Bucket(Box<Plan>, FieldRef, f64, Arc<str>),
    /// Groups.
    Agg(Agg),
    /// Groups' aggregates added to each row.
    WindowAgg(Agg),
    /// Join.
    Join(Join),
    /// All rows of all.
    Union(Vec<Plan>),
    /// Left rows whose keys the right does not have.
    Except(Box<Plan>, Box<Plan>, Vec<(Scalar, Scalar)>),
    /// Order.
    Sort(Sort),
    /// The first rows.
    Limit(Box<Plan>, u64),
    /// The last rows.
    Tail(Box<Plan>, u64),
    /// First rows per key.
    Dedup(Dedup),
    /// Table look-up.
    Lookup(Box<Lookup>),
    /// The rows of a named outside table (inputlookup, indicator index).
    Table(String),
    /// Rows that came with the rule.
    Values(Arc<Table>),
    /// Ordered stages.
    Seq(Box<Seq>),
    /// Unordered members.
    Set(Box<Set>),
    /// Events whose process descends from one of the second plan's: `child of` (depth 1), `descendant of`
    /// (any depth), `event of` (depth 0).
    Lineage(Box<Plan>, Box<Plan>, Option<u32>),
    /// A truth column that says of each row whether it so descends.
    Mark(Box<Mark>),
    /// Unsupported, with the plan it would have worked on.
    Opaque(Option<Box<Plan>>, Opaque),
}

impl Plan {
    /// The log source and one predicate, where the plan is nothing but filters over one scan: what the
    /// shared matcher can decide alone.
    pub fn single_event(&self) -> Option<(&LogSource, Expr)> {
        let mut conditions = Vec::new();
        let mut at = self;
        loop {
            match at {
                Plan::Scan(source) => {
                    conditions.reverse();
                    return Some((source, Expr::and(conditions)));
                }
                Plan::Filter(input, e) => {
                    conditions.push(e.clone());
                    at = input;
                }
                _ => return None,
            }
        }
    }

    /// The alternatives of a plan that is nothing but filters and unions over scans: an event that satisfies any
    /// of them is a row. At most 64 of them.
    pub fn single_events(&self) -> Option<Vec<(&LogSource, Expr)>> {
        let all = self.alternatives()?;
        Some(all.into_iter().map(|(source, e)| (source, Expr::and(e.into_iter().cloned()))).collect())
    }

    /// Whether [`Plan::single_events`] has an answer.
    pub fn is_of_single_events(&self) -> bool {
        matches!(self.beneath_filters(), Plan::Scan(_)) || self.alternatives().is_some()
    }

    /// What its outermost filters, if it has any, are of.
    fn beneath_filters(&self) -> &Plan {
        let mut beneath = self;
        while let Plan::Filter(input, _) = beneath {
            beneath = input;
        }
        beneath
    }

    /// What [`Plan::single_events`] is made of.
    fn alternatives(&self) -> Option<Vec<(&LogSource, Vec<&Expr>)>> {
        let mut out = Vec::new();
        let mut open = vec![(self, Vec::new())];
        while let Some((plan, mut above)) = open.pop() {
            match plan {
                Plan::Scan(source) => {
                    above.reverse();
                    out.push((source, above));
                }
                Plan::Filter(input, e) => {
                    above.push(e);
                    open.push((input, above));
                }
                Plan::Union(all) => open.extend(all.iter().rev().map(|p| (p, above.clone()))),
                _ => return None,
            }
            if out.len() + open.len() > 64 {
                return None;
            }
        }
        Some(out)
    }

    /// [`Plan::single_events`] of a plan that is not needed any more: what can be moved is not copied.
    pub fn into_single_events(self) -> Option<Vec<(LogSource, Expr)>> {
        if !matches!(self.beneath_filters(), Plan::Scan(_)) {
            let all = self.single_events()?;
            return Some(all.into_iter().map(|(source, e)| (source.clone(), e)).collect());
        }
        // Nearly always there is one filter.
        let (mut plan, mut above) = (self, Vec::with_capacity(1));
        loop {
            match plan {
                Plan::Filter(input, e) => {
                    above.push(e);
                    plan = *input;
                }
                Plan::Scan(source) => {
                    above.reverse();
                    return Some(vec![(source, Expr::and(above))]);
                }
                _ => return None,
            }
        }
    }

    /// How many operators it has, itself one of them: what it costs to say it twice.
    pub fn operators(&self) -> usize {
        let mut open = vec![self];
        let mut count = 0;
        while let Some(plan) = open.pop() {
            count += 1;
            open.extend(plan.children());
        }
        count
    }

    /// The plans directly beneath this one.
    pub fn children(&self) -> Vec<&Plan> {
        match self {
            Plan::Scan(_) | Plan::Rule(_) | Plan::Table(_) | Plan::Values(_) => vec![],
            Plan::Filter(p, _)
            | Plan::Eval(p, _)
            | Plan::Project(p, _)
            | Plan::Drop(p, _)
            | Plan::Extract(p, _)
            | Plan::Unnest(p, _)
            | Plan::Bucket(p, ..)
            | Plan::Limit(p, _)
            | Plan::Tail(p, _) => vec![p],
            Plan::Agg(a) | Plan::WindowAgg(a) => vec![&a.input],
            Plan::Join(j) => vec![&j.left.1, &j.right.1],
            Plan::Union(v) => v.iter().collect(),
            Plan::Except(a, b, _) | Plan::Lineage(a, b, _) => vec![a, b],
            Plan::Mark(m) => vec![&m.input, &m.of],
            Plan::Sort(s) => vec![&s.input],
            Plan::Dedup(d) => vec![&d.input],
            Plan::Lookup(l) => vec![&l.input],
            Plan::Seq(s) => s.stages.iter().chain(s.until.as_deref()).map(|s| &s.plan).collect(),
            Plan::Set(s) => {
                s.members.iter().map(|m| &m.plan).chain(s.until.as_deref().map(|u| &u.plan)).collect()
            }
            Plan::Opaque(p, _) => p.iter().map(|p| &**p).collect(),
        }
    }
}
