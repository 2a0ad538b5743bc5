//! Groups made as events come, where a program begins with grouping single events: of an event only what its groups
//! keep of it stays, and never a row. Events come in order of time, as they do to a [`Machine`](crate::Machine),
//! which gives the same answers with all rows held, and to which tests hold this.

use std::sync::Arc;

use hashbrown::HashTable;
use shikra_event::{Timestamp, Value};
use shikra_ir::{Agg, AggFn, Expr, FieldRef, Names, Op, Scalar, Window};
use shikra_sequence::{Match, MatchedEvent, Rewrite};

use crate::accumulate::{Accumulator, MOST_EVENTS, argument};
use crate::compile::{Core, Operator, Program};
use crate::machine::told;
use crate::more;
use crate::operate;
use crate::row::Row;
use crate::same::{Cell, Seed, same, together};

/// What a program that can be folded reads of an event that passed its leaf, and how that becomes groups.
#[derive(Clone, Debug)]
pub struct Folding {
    /// The leaf that events come by.
    pub leaf: usize,
    /// Conditions, then keys, then arguments, each thing once. All are scalars over the fields of the event alone,
    /// to which `_time` is the time of the event where it has no such field, and columns are missing.
    pub reads: Vec<Scalar>,
    /// Places of conditions among the reads: truths.
    conditions: Vec<usize>,
    keys: Vec<KeyOf>,
    /// Each aggregate with the place of what it is over.
    columns: Vec<(AggFn, Option<usize>)>,
    /// Operators that are done with when there are groups.
    done: usize,
}

#[derive(Clone, Copy, Debug)]
struct KeyOf {
    place: usize,
    optional: bool,
    /// A list means a group for each of its values.
    each: bool,
}

impl Folding {
    /// How a program's events are folded; none where rows are needed.
    pub(crate) fn of(program: &Program) -> Option<Folding> {
        let Core::Events(port) = &program.core else { return None };
        let port = program.ports.get(*port)?;
        if !port.gates.is_empty() || program.ports.len() > 1 || program.feeds_another {
            return None;
        }
        let first = program.operators.iter().position(|o| matches!(o, Operator::Agg(_)))?;
        let (before, rest) = program.operators.split_at_checked(first)?;
        let Some(Operator::Agg(a)) = rest.first() else { return None };
        if a.window != Window::None {
            return None;
        }
        let mut columns: Vec<(Arc<str>, Scalar)> = Vec::new();
        let mut out = Folding {
            leaf: port.leaf,
            reads: Vec::new(),
            conditions: Vec::new(),
            keys: Vec::new(),
            columns: Vec::new(),
            done: first + 1,
        };
        for operator in before {
            match operator {
                Operator::Eval(made) => columns.extend(made.iter().cloned()),
                Operator::Filter(e) => {
                    let place = out.read(&Scalar::Truth(Box::new(e.clone())), &columns)?;
                    out.conditions.push(place);
                }
                _ => return None,
            }
        }
        for k in &a.keys {
            let place = out.read(&k.value, &columns)?;
            out.keys.push(KeyOf { place, optional: k.optional, each: operate::is_each(&k.value) });
        }
        for (_, f) in &a.columns {
            let place = match argument(f) {
                Some(s) => Some(out.read(s, &columns)?),
                None => None,
            };
            out.columns.push((f.clone(), place));
        }
        Some(out)
    }

    /// The place of a scalar over these columns, which are made of the event.
    fn read(&mut self, s: &Scalar, columns: &[(Arc<str>, Scalar)]) -> Option<usize> {
        let rewrite = Rewrite::new(columns);
        let s = rewrite.scalar(s);
        if rewrite.exhausted() || !of_event(&s, 0) {
            return None;
        }
        Some(self.reads.iter().position(|r| *r == s).unwrap_or_else(|| {
            self.reads.push(s);
            self.reads.len() - 1
        }))
    }
}

/// Scalars within scalars that are looked into.
const MAX_DEPTH: usize = 200;

/// Whether all that a scalar reads are fields by their names.
fn of_event(s: &Scalar, depth: usize) -> bool {
    let below = |s: &Scalar| of_event(s, depth + 1);
    depth < MAX_DEPTH
        && match s {
            Scalar::Field(_) | Scalar::Lit(_) => true,
            Scalar::Call(c) => c.args.iter().all(below),
            Scalar::Case(arms, other) => {
                arms.iter().all(|(e, s)| tests(e, depth + 1) && below(s))
                    && other.as_deref().is_none_or(below)
            }
            Scalar::Truth(e) => tests(e, depth + 1),
            Scalar::AnyField
            | Scalar::FieldGlob(..)
            | Scalar::Each(_)
            | Scalar::Var(_)
            | Scalar::Asked(_) => false,
        }
}

fn tests(e: &Expr, depth: usize) -> bool {
    depth < MAX_DEPTH
        && match e {
            Expr::And(v) | Expr::Or(v) => v.iter().all(|e| tests(e, depth + 1)),
            Expr::Not(e) | Expr::Named(_, e) => tests(e, depth + 1),
            Expr::Test(t) => {
                let right = if let Op::Compare(_, right) = &t.op { Some(right) } else { None };
                of_event(&t.subject, depth + 1) && right.is_none_or(|r| of_event(r, depth + 1))
            }
            Expr::Const(_) | Expr::Opaque(_) => true,
        }
}

/// What a field of an event means to [`Folding::reads`], where its source answers `own`.
pub fn field_of_event(f: &FieldRef, time: Timestamp, own: impl FnOnce() -> Value) -> Value {
    let own = if f.names == Names::Column { Value::Missing } else { own() };
    if own == Value::Missing && &*f.name == "_time" { Value::Time(time) } else { own }
}

/// Cells of an event, those at some places of all of them.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    /// All there are.
    pub all: &'a [Cell],
    /// Where those stand that are meant.
    pub at: &'a [u32],
}

impl<'a> Cells<'a> {
    fn get(self, i: usize) -> Option<&'a Cell> {
        self.at.get(i).and_then(|at| self.all.get(*at as usize))
    }
}

/// A group so far.
struct Group {
    hash: u64,
    key: Box<[Value]>,
    rows: u64,
    /// Time of its earliest and its latest event.
    times: Option<(Timestamp, Timestamp)>,
    events: Handles,
    columns: Box<[Accumulator]>,
}

/// The groups of one program so far.
pub struct Folder {
    program: Arc<Program>,
    folding: Arc<Folding>,
    seed: Seed,
    groups: Vec<Group>,
    index: HashTable<u32>,
    rows: u64,
    last: Timestamp,
    size: usize,
}

impl Folder {
    /// Of a program that can be folded; `seed` is what the cells are made with.
    pub fn new(program: &Arc<Program>, folding: &Arc<Folding>, seed: &Seed) -> Folder {
        Folder {
            program: program.clone(),
            folding: folding.clone(),
            seed: seed.clone(),
            groups: Vec::new(),
            index: HashTable::new(),
            rows: 0,
            last: Timestamp(0),
            size: 0,
        }
    }

    /// Bytes that the groups take, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes an event that passed the leaf: its cells are [`Folding::reads`] read of it. No event is earlier than
    /// the one before it.
    pub fn push(&mut self, time: Timestamp, handle: u64, cells: Cells<'_>) {
        self.last = time;
        let folding = self.folding.clone();
        let holds = |place: &usize| cells.get(*place).is_some_and(|c| c.value == Value::Bool(true));
        if !folding.conditions.iter().all(holds) {
            return;
        }
        self.rows += 1;
        let mut hash = 0;
        for key in &folding.keys {
            let Some(cell) = cells.get(key.place) else { return };
            if cell.value.is_null() && !key.optional {
                return;
            }
            if key.each && matches!(cell.value, Value::List(_)) {
                return self.push_to_each(time, handle, cells);
            }
            hash = together(hash, cell.hash);
        }
        let key = |i: usize| folding.keys.get(i).and_then(|k| cells.get(k.place)).map(|c| &c.value);
        let at = self.group(hash, folding.keys.len(), key);
        self.add(at, time, handle, cells);
    }

    /// As [`Folder::push`], where the event belongs to several groups or none.
    fn push_to_each(&mut self, time: Timestamp, handle: u64, cells: Cells<'_>) {
        let folding = self.folding.clone();
        let value = |k: &KeyOf| cells.get(k.place).map(|c| c.value.clone()).unwrap_or_default();
        let values: Vec<Value> = folding.keys.iter().map(value).collect();
        if folding.keys.iter().zip(&values).any(|(k, v)| v.is_null() && !k.optional) {
            return;
        }
        let keys = operate::choices(folding.keys.iter().map(|k| k.each), values);
        for key in keys {
            let hash = key.iter().fold(0, |hash, v| together(hash, self.seed.hash(v)));
            let at = self.group(hash, key.len(), |i| key.get(i));
            self.add(at, time, handle, cells);
        }
    }

    /// The number of the group of a key of so many parts.
    fn group<'v>(&mut self, hash: u64, parts: usize, key: impl Fn(usize) -> Option<&'v Value>) -> usize {
        let groups = &self.groups;
        let is = |at: &u32| {
            groups.get(*at as usize).is_some_and(|g| {
                g.hash == hash && g.key.iter().enumerate().all(|(i, v)| key(i).is_some_and(|k| same(v, k)))
            })
        };
        if let Some(at) = self.index.find(hash, is) {
            return *at as usize;
        }
        let key: Box<[Value]> = (0..parts).map(|i| key(i).cloned().unwrap_or_default()).collect();
        let columns: Box<[Accumulator]> =
            self.folding.columns.iter().map(|(f, _)| Accumulator::new(f)).collect();
        self.size +=
            size_of::<Group>() + 16 + key.iter().map(Value::size).sum::<usize>() + size_of_val(&*columns);
        let at = self.groups.len();
        self.groups.push(Group { hash, key, rows: 0, times: None, events: Handles::default(), columns });
        let of = |at: &u32| self.groups.get(*at as usize).map_or(0, |g| g.hash);
        self.index.insert_unique(hash, at as u32, of);
        at
    }

    fn add(&mut self, group: usize, time: Timestamp, handle: u64, cells: Cells<'_>) {
        let Some(group) = self.groups.get_mut(group) else { return };
        group.rows += 1;
        let (first, last) = group.times.unwrap_or((time, time));
        group.times = Some((first.min(time), last.max(time)));
        self.size += group.events.push(handle);
        for ((f, place), so_far) in self.folding.columns.iter().zip(&mut group.columns) {
            let Some(cell) = place.and_then(|p| cells.get(p)) else { continue };
            match &cell.value {
                Value::Missing | Value::Null => {}
                Value::List(values) => {
                    for v in values.iter().filter(|v| !v.is_null()) {
                        self.size += so_far.take(f, Some(time), v, || self.seed.hash(v));
                    }
                }
                v => self.size += so_far.take(f, Some(time), v, || cell.hash),
            }
        }
    }

    /// Says that no more events will come; answers what the program tells.
    pub fn finish(self) -> Vec<Match> {
        let Folder { program, folding, groups, rows, last, .. } = self;
        let Some(Operator::Agg(a)) = folding.done.checked_sub(1).and_then(|i| program.operators.get(i))
        else {
            return Vec::new();
        };
        let mut made: Vec<Row> = groups.into_iter().map(|g| g.row(a, &folding, rows)).collect();
        if made.is_empty() && a.keys.is_empty() {
            made.push(Group::empty(&folding).row(a, &folding, rows));
        }
        let rest = program.operators.get(folding.done..).unwrap_or_default();
        let operators = more::bind(rest, &Value::Time(last));
        operate::all(&program.reads, &operators, made).into_iter().map(told).collect()
    }
}

impl Group {
    fn empty(folding: &Folding) -> Group {
        let columns = folding.columns.iter().map(|(f, _)| Accumulator::new(f)).collect();
        Group { hash: 0, key: Box::default(), rows: 0, times: None, events: Handles::default(), columns }
    }

    fn row(self, a: &Agg, folding: &Folding, total: u64) -> Row {
        let names = a.keys.iter().map(|k| &k.name).chain(a.columns.iter().map(|(n, _)| n));
        let value =
            |((f, _), so_far): (&(AggFn, Option<usize>), &Accumulator)| so_far.value(f, self.rows, total);
        let values = folding.columns.iter().zip(&self.columns).map(value);
        let columns = names.cloned().zip(self.key.iter().cloned().chain(values)).collect();
        let found = Match {
            time: self.times.map_or(Timestamp(0), |(_, last)| last),
            first: self.times.map(|(first, _)| first),
            last: self.times.map(|(_, last)| last),
            events: self.events.iter().map(|h| MatchedEvent { stage: 0, event: Some(h) }).collect(),
            keys: vec![],
            columns: vec![],
            lost: self.events.lost,
            early: false,
        };
        Row { found, cells: Arc::from([]), columns }
    }
}

/// Handles of events, few bytes each: those of events that stand close together are close.
#[derive(Default)]
struct Handles {
    /// Distances from one to the next, seven bits a byte, the last byte of each below 128.
    bytes: Vec<u8>,
    count: usize,
    last: u64,
    /// Those beyond the most that are named.
    lost: u64,
}

impl Handles {
    /// Answers the bytes that it takes.
    fn push(&mut self, handle: u64) -> usize {
        if self.count >= MOST_EVENTS {
            self.lost += 1;
            return 0;
        }
        let before = self.bytes.len();
        let distance = handle.wrapping_sub(self.last) as i64;
        let mut rest = (distance << 1 ^ distance >> 63) as u64;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self.count += 1;
        self.last = handle;
        self.bytes.len() - before
    }

    fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let mut last = 0u64;
        self.bytes.split_inclusive(|b| *b < 0x80).map(move |bytes| {
            let read = bytes.iter().rev().fold(0u64, |n, b| n << 7 | u64::from(b & 0x7f));
            last = last.wrapping_add(((read >> 1) as i64 ^ -((read & 1) as i64)) as u64);
            last
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::same::tests::value;
    use proptest::prelude::*;
    use shikra_ir::{Call, CmpOp, Func, Key, LogSource, Pattern, Plan, Sort, SortKey, Test, Words, eval};
    use shikra_sequence::{Input, Limits};
    use shikra_syntax::Span;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "_time"];

    /// An event as its source has it: the last name is that of the time.
    struct Event<'e>(&'e [Value]);

    impl eval::Row for Event<'_> {
        fn field(&self, f: &FieldRef) -> Value {
            let at = NAMES.iter().position(|n| **n == *f.name && f.names == Names::Splunk);
            at.and_then(|i| self.0.get(i)).cloned().unwrap_or_default()
        }
        fn all_fields(&self) -> Vec<Value> {
            self.0.to_vec()
        }
        fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
            vec![]
        }
    }

    /// As folding has it.
    struct Timed<'e>(Event<'e>, Timestamp);

    impl eval::Row for Timed<'_> {
        fn field(&self, f: &FieldRef) -> Value {
            field_of_event(f, self.1, || self.0.field(f))
        }
        fn all_fields(&self) -> Vec<Value> {
            self.0.all_fields()
        }
        fn fields_like(&self, names: Names, p: &Pattern) -> Vec<Value> {
            self.0.fields_like(names, p)
        }
    }

    fn call(name: &str, args: Vec<Scalar>) -> Scalar {
        Scalar::Call(Call { func: Func::named(name).unwrap(), args, words: Words::default() })
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        let name = proptest::sample::select(&NAMES[..]);
        (name, 0..4, any::<bool>()).prop_map(|(name, form, column)| {
            let field = Scalar::field(if column { Names::Column } else { Names::Splunk }, name);
            match form {
                0 => call("coalesce", vec![field, Scalar::Lit("null".into())]),
                1 => call("each-value", vec![field]),
                _ => field,
            }
        })
    }

    fn condition() -> impl Strategy<Value = Expr> {
        let op = prop_oneof![Just(CmpOp::Eq), Just(CmpOp::Ne), Just(CmpOp::Ge)];
        (scalar(), op, value()).prop_map(|(subject, op, v)| {
            let op = Op::Compare(op, Scalar::Lit(v));
            Expr::Test(Test { subject, op, words: Words::default(), span: Span::default() })
        })
    }

    fn function() -> impl Strategy<Value = AggFn> {
        (scalar(), 0..19).prop_map(|(s, n)| match n {
            0 => AggFn::Count,
            1 => AggFn::CountOf(s),
            2 => AggFn::CountDistinct(s),
            3 => AggFn::Sum(s),
            4 => AggFn::Avg(s),
            5 => AggFn::Min(s),
            6 => AggFn::Max(s),
            7 => AggFn::Median(s),
            8 => AggFn::Percentile(s, 90.0),
            9 => AggFn::StdDev(s),
            10 => AggFn::Var(s),
            11 => AggFn::Earliest(s),
            12 => AggFn::Latest(s),
            13 => AggFn::First(s),
            14 => AggFn::Last(s),
            15 => AggFn::Values(s),
            16 => AggFn::List(s),
            17 => AggFn::Mode(s),
            _ => AggFn::Other(if matches!(s, Scalar::Call(_)) { "percent" } else { "range" }.into(), vec![s]),
        })
    }

    fn group() -> impl Strategy<Value = (Vec<Key>, Vec<(Arc<str>, AggFn)>)> {
        let name = |i: usize| Arc::from(NAMES[i % NAMES.len()]);
        let key = (scalar(), any::<bool>());
        let keys = proptest::collection::vec(key, 0..3).prop_map(move |keys| {
            let key = |(i, (value, optional))| Key { name: name(i), value, optional };
            keys.into_iter().enumerate().map(key).collect()
        });
        let columns = proptest::collection::vec(function(), 1..4)
            .prop_map(move |all| all.into_iter().enumerate().map(|(i, f)| (name(i + 2), f)).collect());
        (keys, columns)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Filter(Expr),
        Eval(Scalar, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            condition().prop_map(Step::Filter),
            (scalar(), 0..NAMES.len()).prop_map(|(s, to)| Step::Eval(s, to)),
        ];
        proptest::collection::vec(step, 0..3)
    }

    fn stepped(plan: Plan, steps: Vec<Step>) -> Plan {
        steps.into_iter().fold(plan, |plan, step| match step {
            Step::Filter(e) => Plan::Filter(Box::new(plan), e),
            Step::Eval(s, to) => Plan::Eval(Box::new(plan), vec![(NAMES[to].into(), s)]),
        })
    }

    fn plan() -> impl Strategy<Value = Plan> {
        (steps(), group(), steps(), any::<bool>()).prop_map(|(before, (keys, columns), after, sorted)| {
            let input = Box::new(stepped(Plan::Scan(LogSource::any(Names::Splunk)), before));
            let plan = Plan::Agg(Agg { input, keys, columns, window: Window::None });
            let plan = stepped(plan, after);
            let value = Scalar::field(Names::Column, "c");
            let keys = vec![SortKey { value, descending: true, nulls_first: false }];
            if sorted { Plan::Sort(Sort { input: Box::new(plan), keys }) } else { plan }
        })
    }

    fn lines(all: &[Match]) -> Vec<String> {
        all.iter().map(|m| format!("{m:?}")).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn folded_groups_are_those_of_held_rows(
            plan in plan(),
            events in proptest::collection::vec((0i64..3, proptest::collection::vec(value(), 5)), 0..14),
        ) {
            let program = Arc::new(Program::new(&plan).unwrap());
            let folding = Arc::new(program.folding().expect("nothing here needs rows"));
            let seed = Seed::default();
            let mut machine = Machine::new(&program, Limits::default());
            let mut folder = Folder::new(&program, &folding, &seed);
            let (mut found, mut time) = (Vec::new(), 0);
            for (n, (later, values)) in (0u64..).zip(&events) {
                time += later;
                let at = Timestamp(time);
                for (i, leaf) in program.leaves().iter().enumerate() {
                    if !eval::truth(&leaf.expr, &Event(values)).holds() {
                        continue;
                    }
                    let read = leaf.values.iter().map(|s| eval::scalar(s, &Event(values))).collect();
                    let hits = vec![(i, read)];
                    machine.push(Input { time: Some(at), order: (0, n), handle: n * 1000, hits }, &mut found);
                    prop_assert_eq!(i, folding.leaf);
                    let row = Timed(Event(values), at);
                    let cells: Vec<Cell> =
                        folding.reads.iter().map(|s| seed.cell(eval::scalar(s, &row))).collect();
                    let places: Vec<u32> = (0..cells.len() as u32).collect();
                    folder.push(at, n * 1000, Cells { all: &cells, at: &places });
                }
            }
            machine.finish(&mut found).unwrap();
            prop_assert_eq!(lines(&folder.finish()), lines(&found));
        }

        #[test]
        fn handles_are_read_back(all in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut handles = Handles::default();
            for h in &all {
                handles.push(*h);
            }
            prop_assert_eq!(handles.iter().collect::<Vec<_>>(), all);
        }
    }
}
