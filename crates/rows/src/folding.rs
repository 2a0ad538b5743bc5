//! Programs fed event by event, all of whose rows come of single events: of an event only what the program keeps of it
//! stays. Where it begins with grouping them, that is its part in the groups, and never a row. Events come in any
//! order, unless answers depend on it. A [`Machine`](crate::Machine) gives the same answers with all rows held, and to
//! it tests hold this.

use std::io;
use std::sync::Arc;

use hashbrown::HashTable;
use shikra_event::{Timestamp, Value};
use shikra_ir::{Agg, AggFn, Expr, FieldRef, Names, Op, Scalar, Window};
use shikra_sequence::{Match, MatchedEvent, Rewrite, Tally};

use crate::accumulate::{Accumulator, At, MOST_EVENTS, Took, argument, differ};
use crate::compile::{Core, Keyed, Operator, Program};
use crate::decided::{Decided, Decisive};
use crate::ending::End;
use crate::handles::Handles;
use crate::late::{self, Late};
use crate::machine::{is_straight, told};
use crate::more;
use crate::operate;
use crate::row::Row;
use crate::same::{Cell, Seed, same, together};
use crate::sieve::Sieve;

/// What is read of the events that pass a leaf, and what of them is kept.
#[derive(Clone, Debug)]
pub struct Folding {
    /// The leaf that events come by.
    pub leaf: usize,
    /// Scalars over the fields of the event alone, to which `_time` is the time of the event where it has no such
    /// field, and columns are missing.
    pub reads: Vec<Scalar>,
    keeps: Keeps,
}

#[derive(Clone, Debug)]
enum Keeps {
    /// All that is read, of those that come through the sieve, if there is one; what decides there, if that is little.
    Rows(Option<Arc<Sieve>>, Option<Arc<Decisive>>),
    Groups(Groups),
}

/// How an event becomes part of a group. What is read are conditions, keys, arguments, each thing once.
#[derive(Clone, Debug, Default)]
struct Groups {
    /// Places of conditions among the reads: truths.
    conditions: Vec<usize>,
    keys: Vec<KeyOf>,
    /// Each aggregate with the place of what it is over.
    columns: Vec<(AggFn, Option<usize>)>,
    /// Operators that are done with when there are groups.
    done: usize,
    /// What is known of a group by its keys: of those that come to nothing only the key is kept.
    sieve: Option<Arc<Sieve>>,
    /// What of the reads decides that, if it is little.
    decisive: Option<Arc<Decisive>>,
    /// No aggregates: matches of the groups' events by their times.
    tally: Option<Arc<Tally>>,
}

#[derive(Clone, Copy, Debug)]
struct KeyOf {
    place: usize,
    optional: bool,
    /// A list means a group for each of its values.
    each: bool,
}

impl Folding {
    /// Whether events have to come in order of time.
    pub fn needs_order(&self) -> bool {
        match &self.keeps {
            Keeps::Rows(..) => false,
            Keeps::Groups(how) => how.columns.iter().any(|(f, _)| Accumulator::new(f).needs_order()),
        }
    }
}

/// Adds how a program's events are kept, and those of the programs that feed it, in their order; none where that is
/// not all there is to it.
pub(crate) fn foldings(program: &Program, first_leaf: usize, out: &mut Vec<Folding>) -> Option<()> {
    match &program.core {
        Core::Values(_) => Some(()),
        Core::Keyed(keyed) => {
            let (keeps, reads) = Groups::of_tally(program, keyed)?;
            out.push(Folding { leaf: first_leaf, reads, keeps: Keeps::Groups(keeps) });
            Some(())
        }
        Core::Merged(merge) => {
            let mut inputs = merge.inputs.iter();
            inputs.try_for_each(|i| foldings(&i.program, first_leaf + i.first_leaf, out))
        }
        Core::Events(port) => {
            let port = program.ports.get(*port)?;
            let alone =
                port.gates.is_empty() && program.ports.len() == 1 && program.process_leaves.is_empty();
            let mut reads = Vec::new();
            let groups = Groups::of(program, &mut reads);
            let rows = || {
                let sieve = Sieve::of_rows(program);
                let decisive = sieve.as_ref().and_then(|s| s.decisive());
                Keeps::Rows(sieve, decisive)
            };
            let keeps = groups.map_or_else(rows, Keeps::Groups);
            if let Keeps::Rows(..) = keeps {
                reads = program.reads.clone();
            }
            alone.then(|| out.push(Folding { leaf: first_leaf + port.leaf, reads, keeps }))
        }
    }
}

impl Groups {
    /// Of a keyed program that does nothing but count, with what is read.
    fn of_tally(program: &Program, keyed: &Keyed) -> Option<(Groups, Vec<Scalar>)> {
        let bare = program.operators.is_empty() && !program.feeds_another && is_straight(program, keyed);
        let tally = keyed.program.tally().filter(|_| bare)?;
        let [leaf] = program.leaves.as_slice() else { return None };
        let reads: Vec<Scalar> = tally.keys().iter().filter_map(|i| leaf.values.get(*i).cloned()).collect();
        let own = |s: &Scalar| {
            let mut own = true;
            s.fields(&mut |f| own &= f.names != Names::Column && &*f.name != "_time");
            own
        };
        let key = |place| KeyOf { place, optional: false, each: false };
        let keys = (0..reads.len()).map(key).collect();
        let fits = reads.iter().all(own);
        fits.then(|| (Groups { keys, tally: Some(Arc::new(tally)), ..Groups::default() }, reads))
    }

    /// None where rows are needed.
    fn of(program: &Program, reads: &mut Vec<Scalar>) -> Option<Groups> {
        let first = program.operators.iter().position(|o| matches!(o, Operator::Agg(_)))?;
        let (before, rest) = program.operators.split_at_checked(first)?;
        let Some(Operator::Agg(a)) =
            rest.first().filter(|o| matches!(o, Operator::Agg(a) if a.window == Window::None))
        else {
            return None;
        };
        let mut columns: Vec<(Arc<str>, Scalar)> = Vec::new();
        let after = rest.get(1..).unwrap_or_default();
        let mut out = Groups { done: first + 1, sieve: Sieve::of_groups(a, after), ..Groups::default() };
        for operator in before {
            match operator {
                Operator::Eval(made) => columns.extend(made.iter().cloned()),
                Operator::Filter(e) => {
                    out.conditions.push(read(reads, &Scalar::Truth(Box::new(e.clone())), &columns)?);
                }
                _ => return None,
            }
        }
        for k in &a.keys {
            let place = read(reads, &k.value, &columns)?;
            out.keys.push(KeyOf { place, optional: k.optional, each: operate::is_each(&k.value) });
        }
        if out.keys.iter().all(|k| !k.each) {
            out.decisive = out
                .sieve
                .as_ref()
                .and_then(|s| s.decisive())
                .map(|d| d.moved(|i| out.keys.get(i).map(|k| k.place)));
        }
        for (_, f) in &a.columns {
            let place = match argument(f) {
                Some(s) => Some(read(reads, s, &columns)?),
                None => None,
            };
            out.columns.push((f.clone(), place));
        }
        Some(out)
    }
}

/// The place among the reads of a scalar over these columns, which are made of the event.
fn read(reads: &mut Vec<Scalar>, s: &Scalar, columns: &[(Arc<str>, Scalar)]) -> Option<usize> {
    let rewrite = Rewrite::new(columns);
    let s = rewrite.scalar(s);
    if rewrite.exhausted() || !of_event(&s, 0) {
        return None;
    }
    Some(reads.iter().position(|r| *r == s).unwrap_or_else(|| {
        reads.push(s);
        reads.len() - 1
    }))
}

/// Scalars within scalars that are looked into.
const MAX_DEPTH: usize = 200;

/// Whether all that a scalar reads are fields by their names.
pub fn reads_fields_alone(s: &Scalar) -> bool {
    of_event(s, 0)
}

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
    pub(crate) fn get(self, i: usize) -> Option<&'a Cell> {
        self.at.get(i).and_then(|at| self.all.get(*at as usize))
    }
}

/// A group so far.
struct Group {
    hash: u64,
    key: Box<[Value]>,
    /// Texts can be written in one way alone.
    is_of_texts: bool,
    /// None where nothing comes of it.
    members: Option<Box<Members>>,
}

/// What is kept of the events of a group.
struct Members {
    rows: u64,
    /// Its first event in order of time: time, handle, and which of the event's groups it is.
    first: (Timestamp, u64, u32),
    /// Time of its latest event.
    last: Timestamp,
    events: Handles,
    /// Whether none of them came before an earlier one.
    in_order: bool,
    columns: Box<[Accumulator]>,
}

/// Time, handle, cells.
type KeptRow = (Timestamp, u64, Arc<[Value]>);

/// What is kept of the events of one leaf.
pub(crate) struct Kept {
    folding: Arc<Folding>,
    rows: Vec<KeptRow>,
    groups: Vec<Group>,
    index: HashTable<u32>,
    /// None where answers have to be those of the order in which events come.
    decided: Option<Decided>,
    /// Of a side that waits.
    awaited: Option<Decided>,
    /// The group of the last event: often it is that of the next.
    latest: u32,
    /// Rows that all groups are made of.
    total: u64,
}

/// A program that is fed so.
pub struct Folder {
    program: Arc<Program>,
    seed: Seed,
    foldings: Box<[Arc<Folding>]>,
    parts: Vec<Kept>,
    /// Those of them that wait for others.
    late: Vec<Late>,
    last: Timestamp,
    size: usize,
    unsure: bool,
    beyond: bool,
}

/// What a folder asks of the events that its answers name: the time of a handle.
pub type TimeOf<'t> = &'t mut dyn FnMut(u64) -> io::Result<Timestamp>;

impl Folder {
    /// With [`Program::foldings`] of the program; `seed` is what the cells are made with.
    pub fn new(program: &Arc<Program>, foldings: &[Arc<Folding>], seed: &Seed) -> Folder {
        let part = |f: &Arc<Folding>| Kept {
            folding: f.clone(),
            rows: Vec::new(),
            groups: Vec::new(),
            index: HashTable::new(),
            decided: Some(Decided::default()),
            awaited: Some(Decided::default()),
            latest: 0,
            total: 0,
        };
        let parts = foldings.iter().map(part).collect();
        Folder {
            program: program.clone(),
            seed: seed.clone(),
            foldings: foldings.into(),
            parts,
            late: Late::of(program),
            last: Timestamp(0),
            size: 0,
            unsure: false,
            beyond: false,
        }
    }

    /// The same for a single feeding, in order of time: no part [waits](Folder::waits).
    #[must_use]
    pub fn of_one_feeding(mut self) -> Folder {
        self.parts.iter_mut().for_each(|p| (p.decided, p.awaited) = (None, None));
        Folder { late: Vec::new(), ..self }
    }

    /// Whether a part of the program is to be fed when all others have been: see [`Folder::second`]. Till then events
    /// that it would take are [passed by](Folder::pass_by).
    pub fn waits(&self, part: usize) -> bool {
        late::of_part(&self.late, part).is_some_and(|l| !l.is_ready())
    }

    /// Takes note of the time of an event.
    pub fn pass_by(&mut self, time: Timestamp) {
        self.last = self.last.max(time);
    }

    /// Says that all but the parts that wait have been fed; answers those of them that are to be fed now.
    ///
    /// # Errors
    /// None but those of a temporary file.
    pub fn second(&mut self) -> io::Result<Vec<usize>> {
        let Folder { program, parts, late, last, .. } = self;
        let mut out = Vec::new();
        for l in late.iter_mut().filter(|l| !l.is_ready()) {
            let (Some(awaited), Some(kept)) = (l.awaited(program), parts.get(l.parts.clone())) else {
                continue;
            };
            let rows = End::new(kept, *last, None).rows(awaited)?;
            if l.meet(program, rows) {
                out.push(l.part);
            }
        }
        Ok(out)
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether answers would have to be others had events come in another order: then they have to come in order of
    /// time, and of the input where times are equal.
    pub fn needs_order(&self) -> bool {
        self.unsure
    }

    /// Whether there was something that a [`Machine`](crate::Machine) has to be asked: what this would answer is of no use.
    pub fn is_beyond(&self) -> bool {
        self.beyond
    }

    /// Takes an event that passed the leaf of the `part`-th folding: its cells are [`Folding::reads`] read of it.
    /// Handles are in the order of the input.
    pub fn push(&mut self, part: usize, time: Timestamp, handle: u64, cells: Cells<'_>) {
        self.pass_by(time);
        let late = late::of_part(&self.late, part).map(|l| (l, &*self.program));
        let (Some(folding), Some(part)) = (self.foldings.get(part), self.parts.get_mut(part)) else { return };
        let took = match &folding.keeps {
            Keeps::Groups(groups) => part.fold(groups, &self.seed, Taken { time, handle, cells }),
            Keeps::Rows(sieve, decisive) => {
                part.keep((sieve.as_deref(), decisive.as_deref(), late), Taken { time, handle, cells })
            }
        };
        self.size += took.size;
        self.unsure |= took.unsure;
        self.beyond |= took.beyond;
    }

    /// Says that no more events will come; answers what the program tells, and how many rows were too many to be
    /// looked at.
    ///
    /// # Errors
    /// Those of `times`.
    pub fn finish(self, times: TimeOf<'_>) -> io::Result<(Vec<Match>, u64)> {
        let Folder { program, parts, last, .. } = self;
        if let [part] = parts.as_slice()
            && let Keeps::Groups(Groups { tally: Some(tally), .. }) = &part.folding.keeps
        {
            return Ok((part.tallied(tally, last, times)?, 0));
        }
        let mut end = End::new(&parts, last, Some(times));
        let mut rows = end.rows(&program)?;
        end.name_events(&mut rows)?;
        Ok((rows.into_iter().map(told).collect(), end.lost))
    }
}

/// What an event has to pass to become a row: a sieve, with what decides there, and the other side of a join.
type Passing<'a> = (Option<&'a Sieve>, Option<&'a Decisive>, Option<(&'a Late, &'a Program)>);

/// An event on its way into groups.
#[derive(Clone, Copy)]
struct Taken<'a> {
    time: Timestamp,
    handle: u64,
    cells: Cells<'a>,
}

impl Kept {
    /// Keeps an event as a row.
    fn keep(&mut self, (sieve, decisive, late): Passing<'_>, event: Taken<'_>) -> Took {
        let Taken { time, handle, cells } = event;
        let of = || cells.at.iter().filter_map(|i| cells.all.get(*i as usize));
        let values = || of().map(|c| c.value.clone()).collect::<Arc<[Value]>>();
        let through = |s: &Sieve| s.lets_through(Row::of_event(time, handle, values()));
        let mut took = Took::default();
        if let Some(sieve) = sieve {
            let decided = self.decided.as_mut().zip(decisive);
            let said = decided.map(|(known, by)| known.ask(by, cells, || through(sieve)));
            if let Some(said) = &said {
                took = Took { size: said.size, unsure: said.unsure, beyond: false };
            }
            if !said.map_or_else(|| through(sieve), |s| s.comes_to_something) {
                return took;
            }
        }
        if let Some((late, program)) = late {
            let row = || Row::of_event(time, handle, values());
            let said = late.wants(program, self.awaited.as_mut(), cells, row);
            took = took.and(Took { size: said.size, unsure: said.unsure, beyond: false });
            if !said.comes_to_something {
                return took;
            }
        }
        let values = values();
        took.size += size_of::<KeptRow>() + of().map(|c| c.cost(&c.value)).sum::<usize>();
        self.rows.push((time, handle, values));
        took
    }

    fn fold(&mut self, how: &Groups, seed: &Seed, event: Taken<'_>) -> Took {
        let cells = event.cells;
        let holds = |place: &usize| cells.get(*place).is_some_and(|c| c.value == Value::Bool(true));
        if !how.conditions.iter().all(holds) {
            return Took::default();
        }
        if how.tally.as_ref().is_some_and(|t| self.groups.len() > t.most_keys() || !asks_nobody(how, cells)) {
            return Took { beyond: true, ..Took::default() };
        }
        self.total += 1;
        let mut before = Took::default();
        if let (Some(sieve), Some(by), Some(decided)) = (&how.sieve, &how.decisive, &mut self.decided) {
            let key =
                how.keys.iter().map(|k| cells.get(k.place).map(|c| c.value.clone()).unwrap_or_default());
            let said = decided.ask(by, cells, || sieve.lets_group_through(&key.collect::<Vec<_>>()));
            before = Took { size: said.size, unsure: said.unsure, beyond: false };
            if !said.comes_to_something {
                return before;
            }
        }
        let mut hash = 0;
        for key in &how.keys {
            let Some(cell) = cells.get(key.place) else { return before };
            if cell.value.is_null() && !key.optional {
                return before;
            }
            if key.each && matches!(cell.value, Value::List(_)) {
                return self.fold_each(how, seed, event);
            }
            hash = together(hash, cell.hash);
        }
        let key = |i: usize| how.keys.get(i).and_then(|k| cells.get(k.place)).map(|c| &c.value);
        before.and(self.fold_into(how, seed, event, (hash, 0), key))
    }

    /// As [`Kept::fold`], where the event belongs to several groups or none.
    fn fold_each(&mut self, how: &Groups, seed: &Seed, event: Taken<'_>) -> Took {
        let value = |k: &KeyOf| event.cells.get(k.place).map(|c| c.value.clone()).unwrap_or_default();
        let values: Vec<Value> = how.keys.iter().map(value).collect();
        let mut all = Took::default();
        if how.keys.iter().zip(&values).any(|(k, v)| v.is_null() && !k.optional) {
            return all;
        }
        for (choice, key) in (0..).zip(operate::choices(how.keys.iter().map(|k| k.each), values)) {
            let hash = key.iter().fold(0, |hash, v| together(hash, seed.hash(v)));
            let took = self.fold_into(how, seed, event, (hash, choice), |i| key.get(i));
            all = all.and(took);
        }
        all
    }

    /// Adds an event to the group of a key, of which the hash is given, and which of the event's keys it is.
    fn fold_into<'v>(
        &mut self,
        how: &Groups,
        seed: &Seed,
        event: Taken<'_>,
        (hash, choice): (u64, u32),
        key: impl Fn(usize) -> Option<&'v Value>,
    ) -> Took {
        let groups = &self.groups;
        let is = |at: &u32| {
            groups.get(*at as usize).is_some_and(|g| {
                g.hash == hash && g.key.iter().enumerate().all(|(i, v)| key(i).is_some_and(|k| same(v, k)))
            })
        };
        let latest = Some(&self.latest).filter(|at| is(at));
        let (mut size, at) = match latest.or_else(|| self.index.find(hash, is)) {
            Some(at) => (0, *at as usize),
            None => {
                let key = (0..how.keys.len()).map(|i| key(i).cloned().unwrap_or_default()).collect();
                let group = Group::new(hash, key, how);
                // Of a key with several values it is more than one of them takes.
                let cells = how.keys.iter().filter_map(|k| event.cells.get(k.place));
                let key = cells.map(|c| c.cost(&c.value)).sum::<usize>();
                let (size, at) = (group.size() + key, self.groups.len());
                self.groups.push(group);
                let of = |at: &u32| self.groups.get(*at as usize).map_or(0, |g| g.hash);
                self.index.insert_unique(hash, at as u32, of);
                (size, at)
            }
        };
        self.latest = at as u32;
        let Some(group) = self.groups.get_mut(at) else { return Took::default() };
        // The key is told as the group's first event has it.
        let other = |(i, v): (usize, &Value)| key(i).is_some_and(|k| differ(v, k) && v != k);
        let other = !group.is_of_texts && group.key.iter().enumerate().any(other);
        let members = group.members.as_deref_mut();
        let took = members.map_or_else(Took::default, |m| m.add(how, seed, event, choice));
        size += took.size;
        Took { size, unsure: took.unsure || other, beyond: false }
    }

    /// The rows, through the operators that look at one row alone, of which all are done that come first; and how
    /// many operators are done then. `named`: those of groups have what stands for their events.
    pub fn rows(
        &self,
        program: &Program,
        now: &Value,
        named: impl Fn(u32) -> Option<MatchedEvent>,
    ) -> (Vec<Row>, usize) {
        let done = if let Keeps::Groups(how) = &self.folding.keeps { how.done } else { 0 };
        let rest = program.operators.get(done..).unwrap_or_default();
        let each = rest.iter().take_while(|o| operate::is_of_each_row(o)).count();
        let operators = more::bind(rest.get(..each).unwrap_or_default(), now);
        let mut out = Vec::new();
        if let (Keeps::Groups(how), Some(Operator::Agg(a))) =
            (&self.folding.keeps, done.checked_sub(1).and_then(|i| program.operators.get(i)))
        {
            let nobodys =
                (self.groups.is_empty() && a.keys.is_empty()).then(|| Group::new(0, [].into(), how));
            let groups = (0..).zip(self.groups.iter().chain(&nobodys));
            let mut groups: Vec<(u32, &[Value], &Members)> =
                groups.filter_map(|(i, g)| Some((i, &*g.key, g.members.as_deref()?))).collect();
            groups.sort_by_key(|(_, _, members)| members.first);
            for (number, key, members) in groups {
                let mut row = members.row(key, a, how, self.total);
                row.found.events.extend(named(number));
                out.extend(operate::all(&program.reads, &operators, vec![row]));
            }
        } else {
            let mut rows: Vec<&KeptRow> = self.rows.iter().collect();
            rows.sort_by_key(|(time, handle, _)| (*time, *handle));
            for (time, handle, cells) in rows {
                let row = Row::of_event(*time, *handle, cells.clone());
                out.extend(operate::all(&program.reads, &operators, vec![row]));
            }
        }
        (out, done + each)
    }

    /// The events of a group, in order of time, and how many of them are too many to be listed.
    pub fn events_of(&self, group: u32, times: TimeOf<'_>) -> io::Result<(Vec<u64>, u64)> {
        let members = self.groups.get(group as usize).and_then(|g| g.members.as_deref());
        let Some(members) = members else { return Ok(Default::default()) };
        let mut handles: Vec<u64> = if members.in_order {
            members.events.iter().collect()
        } else {
            members.in_time(times)?.into_iter().map(|(_, h)| h).collect()
        };
        let lost = handles.len().saturating_sub(MOST_EVENTS);
        handles.truncate(MOST_EVENTS);
        Ok((handles, lost as u64))
    }

    /// What is found of the groups by the times of their events.
    fn tallied(&self, tally: &Tally, last: Timestamp, times: TimeOf<'_>) -> io::Result<Vec<Match>> {
        let mut found = Vec::new();
        for group in &self.groups {
            let Some(members) = &group.members else { continue };
            tally.count(&group.key, &members.in_time(times)?, last, &mut found);
        }
        Ok(Tally::in_order(found))
    }
}

/// Whether the keys of a tally are such that no machine has to be asked.
fn asks_nobody(how: &Groups, cells: Cells<'_>) -> bool {
    how.keys.iter().filter_map(|k| cells.get(k.place)).all(|c| Tally::takes(&c.value).is_some())
}

impl Group {
    fn new(hash: u64, key: Box<[Value]>, how: &Groups) -> Group {
        let comes_to_something = how.sieve.as_ref().is_none_or(|s| s.lets_group_through(&key));
        let is_of_texts = key.iter().all(|v| matches!(v, Value::Str(_)));
        Group { hash, key, is_of_texts, members: comes_to_something.then(|| Box::new(Members::new(how))) }
    }

    /// Bytes that a new one takes beside its key, about, its place in the index included.
    fn size(&self) -> usize {
        let members = |m: &Members| size_of::<Members>() + size_of_val(&*m.columns);
        size_of::<Group>() + size_of::<u64>() + self.members.as_deref().map_or(0, members)
    }
}

impl Members {
    fn new(how: &Groups) -> Members {
        let columns = how.columns.iter().map(|(f, _)| Accumulator::new(f)).collect();
        Members {
            rows: 0,
            first: (Timestamp(0), 0, 0),
            last: Timestamp(0),
            events: Handles::default(),
            in_order: true,
            columns,
        }
    }

    fn add(&mut self, how: &Groups, seed: &Seed, event: Taken<'_>, choice: u32) -> Took {
        let Taken { time, handle, cells } = event;
        let place = (time, handle, choice);
        if self.rows == 0 {
            (self.first, self.last) = (place, time);
        }
        self.rows += 1;
        self.in_order &= time >= self.last;
        self.first = self.first.min(place);
        self.last = self.last.max(time);
        let mut all = Took { size: self.events.push(handle), ..Took::default() };
        let at = At { time: Some(time), row: (time.0, handle) };
        let mut add = |took: Took| all = all.and(took);
        for ((f, place), so_far) in how.columns.iter().zip(&mut self.columns) {
            let Some(cell) = place.and_then(|p| cells.get(p)) else { continue };
            let cost = |v: &Value| cell.cost(v);
            match &cell.value {
                Value::Missing | Value::Null => {}
                Value::List(values) => {
                    for v in values.iter().filter(|v| !v.is_null()) {
                        add(so_far.take(f, at, v, &cost, || seed.hash(v)));
                    }
                }
                v => add(so_far.take(f, at, v, &cost, || cell.hash)),
            }
        }
        all
    }

    /// The row of the group, without its events.
    fn row(&self, key: &[Value], a: &Agg, how: &Groups, total: u64) -> Row {
        let names = a.keys.iter().map(|k| &k.name).chain(a.columns.iter().map(|(n, _)| n));
        let value =
            |((f, _), so_far): (&(AggFn, Option<usize>), &Accumulator)| so_far.value(f, self.rows, total);
        let values = how.columns.iter().zip(&self.columns).map(value);
        let columns = names.cloned().zip(key.iter().cloned().chain(values)).collect();
        let any = |time: Timestamp| (self.rows > 0).then_some(time);
        let mut row = Row::of_columns(self.last, columns);
        (row.found.first, row.found.last) = (any(self.first.0), any(self.last));
        row
    }

    /// Its events, in order of time.
    fn in_time(&self, times: TimeOf<'_>) -> io::Result<Vec<(Timestamp, u64)>> {
        let timed = |h| Ok((times(h)?, h));
        let mut events = self.events.iter().map(timed).collect::<io::Result<Vec<_>>>()?;
        events.sort_unstable();
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::same::tests::value;
    use proptest::prelude::*;
    use shikra_ir::{
        Call, CmpOp, Extract, Func, Join, JoinKind, Key, LogSource, Lookup, Matching, Pattern, Plan, Regex,
        Sort, SortKey, Table, Test, Words, eval,
    };
    use shikra_sequence::{Input, Limits};
    use shikra_syntax::Span;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "_time"];

    /// An event as its source has it: the last name is that of the time.
    struct Event<'e>(&'e [Value]);

    impl eval::Row for Event<'_> {
        fn field(&self, f: &FieldRef) -> Value {
            let at = NAMES.iter().position(|n| **n == *f.name && f.names != Names::Column);
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
        Project(Vec<(Scalar, usize)>),
        Drop(usize),
        Unnest(usize),
        /// The first letter of a text, if it is one of a few.
        Capture(Scalar, usize),
        Lookup(Scalar, usize, bool),
    }

    fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
        let name = || 0..NAMES.len();
        let step = prop_oneof![
            4 => condition().prop_map(Step::Filter),
            2 => (scalar(), name()).prop_map(|(s, to)| Step::Eval(s, to)),
            1 => proptest::collection::vec((scalar(), name()), 1..4).prop_map(Step::Project),
            1 => name().prop_map(Step::Drop),
            1 => name().prop_map(Step::Unnest),
            1 => (scalar(), name()).prop_map(|(s, to)| Step::Capture(s, to)),
            1 => (scalar(), name(), any::<bool>()).prop_map(|(s, to, new)| Step::Lookup(s, to, new)),
        ];
        proptest::collection::vec(step, 0..most)
    }

    fn stepped(plan: Plan, steps: Vec<Step>) -> Plan {
        steps.into_iter().fold(plan, |plan, step| {
            let input = Box::new(plan);
            let named = |(s, to): (Scalar, usize)| (Arc::from(NAMES[to]), s);
            match step {
                Step::Filter(e) => Plan::Filter(input, e),
                Step::Eval(s, to) => Plan::Eval(input, vec![named((s, to))]),
                Step::Project(all) => Plan::Project(input, all.into_iter().map(named).collect()),
                Step::Drop(name) => Plan::Drop(input, vec![Pattern::exact(NAMES[name])]),
                Step::Unnest(name) => Plan::Unnest(input, FieldRef::new(Names::Column, NAMES[name])),
                Step::Capture(from, to) => {
                    let source = format!("(?P<{}>[a1n])", NAMES[to]);
                    let regex = Regex { source, multi_line: false, dot_all: false, whole: false };
                    Plan::Extract(input, Extract::Regex { from, regex, most: 1 })
                }
                Step::Lookup(s, to, only_new) => {
                    Plan::Lookup(Box::new(looked_up(input, s, NAMES[to], only_new)))
                }
            }
        })
    }

    /// What a small table says of a value.
    fn looked_up(input: Box<Plan>, s: Scalar, to: &str, only_new: bool) -> Lookup {
        let rows = vec![vec!["1".into(), "a".into()], vec!["a".into(), Value::I64(1)]];
        let table = Table { name: "t".into(), columns: vec!["k".into(), "v".into()], rows };
        Lookup {
            input,
            table: "t".into(),
            on: vec![("k".into(), s)],
            output: vec![("v".into(), to.into())],
            only_new,
            matching: Matching::default(),
            data: Some(Arc::new(table)),
        }
    }

    /// Events, mostly in groups.
    fn grouped() -> impl Strategy<Value = Plan> {
        let of_groups = proptest::option::weighted(0.8, group());
        (steps(3), of_groups, steps(5), any::<bool>()).prop_map(|(before, group, after, sorted)| {
            let mut plan = stepped(Plan::Scan(LogSource::any(Names::Splunk)), before);
            if let Some((keys, columns)) = group {
                plan = Plan::Agg(Agg { input: Box::new(plan), keys, columns, window: Window::None });
            }
            let plan = stepped(plan, after);
            let value = Scalar::field(Names::Column, "c");
            let keys = vec![SortKey { value, descending: true, nulls_first: false }];
            if sorted { Plan::Sort(Sort { input: Box::new(plan), keys }) } else { plan }
        })
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let two = (grouped(), grouped(), scalar(), 0..7, steps(3));
        let two = two.prop_map(|(left, right, key, kind, after)| {
            // The last two are subsearches.
            let (kind, searches) = match kind {
                0 => (JoinKind::Inner, false),
                1 => (JoinKind::Left, false),
                2 => (JoinKind::Anti, false),
                3 => (JoinKind::Semi, false),
                4 => (JoinKind::Anti, true),
                5 => (JoinKind::Semi, true),
                _ => return stepped(Plan::Union(vec![left, right]), after),
            };
            let side = |p| (Arc::from(""), Box::new(p));
            let of_right = if searches { call("search-value", vec![key.clone()]) } else { key.clone() };
            let (left, right, keys) = (side(left), side(right), vec![(key, of_right)]);
            let join = Join { kind, left, right, keys, time: None, on: None, most: Some(2) };
            stepped(Plan::Join(join), after)
        });
        prop_oneof![grouped(), two]
    }

    fn lines(all: &[Match]) -> Vec<String> {
        all.iter().map(|m| format!("{m:?}")).collect()
    }

    /// The leaves that an event passes.
    fn passed<'p>(program: &'p Program, values: &'p [Value]) -> impl Iterator<Item = usize> + 'p {
        let leaves = program.leaves().iter().enumerate();
        leaves.filter(|(_, l)| eval::truth(&l.expr, &Event(values)).holds()).map(|(leaf, _)| leaf)
    }

    /// A folder that was fed the events in an order; those that need theirs say so.
    fn folded(
        program: &Arc<Program>,
        events: &[(i64, Vec<Value>)],
        order: &[usize],
        in_time: bool,
    ) -> Folder {
        let foldings: Vec<_> = program.foldings().unwrap().into_iter().map(Arc::new).collect();
        let seed = Seed::default();
        let mut folder = Folder::new(program, &foldings, &seed);
        if in_time {
            folder = folder.of_one_feeding();
        }
        folder.unsure = foldings.iter().any(|f| f.needs_order());
        let mut parts: Vec<usize> = (0..foldings.len()).collect();
        while !parts.is_empty() {
            feed(&mut folder, program, events, order, &parts);
            parts = folder.second().unwrap();
        }
        folder
    }

    fn feed(
        folder: &mut Folder,
        program: &Arc<Program>,
        events: &[(i64, Vec<Value>)],
        order: &[usize],
        parts: &[usize],
    ) {
        let (foldings, seed) = (program.foldings().unwrap(), folder.seed.clone());
        for i in order {
            let (time, values) = &events[*i];
            let time = Timestamp(*time);
            for part in parts.iter().copied() {
                let folding = &foldings[part];
                if passed(program, values).any(|leaf| leaf == folding.leaf) {
                    if folder.waits(part) {
                        folder.pass_by(time);
                        continue;
                    }
                    let row = Timed(Event(values), time);
                    let cells: Vec<Cell> =
                        folding.reads.iter().map(|s| seed.cell(eval::scalar(s, &row))).collect();
                    let places: Vec<u32> = (0..cells.len() as u32).collect();
                    folder.push(part, time, *i as u64 * 1000, Cells { all: &cells, at: &places });
                }
            }
        }
    }

    /// Numbers of events by time, equal times in the order of the input.
    fn in_time(events: &[(i64, Vec<Value>)]) -> Vec<usize> {
        let mut in_time: Vec<usize> = (0..events.len()).collect();
        in_time.sort_by_key(|i| events[*i].0);
        in_time
    }

    /// What a machine finds.
    fn held(program: &Program, events: &[(i64, Vec<Value>)], in_time: &[usize]) -> Vec<Match> {
        let mut machine = Machine::new(program, Limits::default());
        let mut found = Vec::new();
        for i in in_time {
            let (time, values) = &events[*i];
            let read = |l: &shikra_sequence::Leaf| {
                l.values.iter().map(|s| eval::scalar(s, &Event(values))).collect()
            };
            let hits: Vec<_> =
                passed(program, values).map(|leaf| (leaf, read(&program.leaves()[leaf]))).collect();
            if !hits.is_empty() {
                let (time, order) = (Some(Timestamp(*time)), (0, *i as u64));
                machine.push(Input { time, order, handle: *i as u64 * 1000, hits }, &mut found);
            }
        }
        machine.finish(&mut found).unwrap();
        found
    }

    /// Counts of events by key, of which there have to be so many.
    fn counts(keys: Vec<Key>, window: Window, least: i64, before: Vec<Step>) -> Plan {
        let input = Box::new(stepped(Plan::Scan(LogSource::any(Names::Ecs)), before));
        let agg = Plan::Agg(Agg { input, keys, columns: vec![("n".into(), AggFn::Count)], window });
        let op = Op::Compare(CmpOp::Ge, Scalar::Lit(Value::I64(least)));
        let subject = Scalar::field(Names::Column, "n");
        let test = Test { subject, op, words: Words::default(), span: Span::default() };
        Plan::Filter(Box::new(agg), Expr::Test(test))
    }

    fn counted() -> impl Strategy<Value = Plan> {
        let window = prop_oneof![(0i64..9).prop_map(Window::Held), (0i64..9).prop_map(Window::Sliding)];
        let before = proptest::collection::vec(condition().prop_map(Step::Filter), 0..2);
        let keys = proptest::collection::vec(proptest::sample::select(&NAMES[..3]), 0..3);
        (keys, window, 1i64..6, before).prop_map(|(keys, window, least, before)| {
            let key = |name: &&str| Key {
                name: Arc::from(*name),
                value: Scalar::field(Names::Ecs, name),
                optional: false,
            };
            counts(keys.iter().map(key).collect(), window, least, before)
        })
    }

    /// Mostly a text.
    fn name() -> impl Strategy<Value = Value> {
        let text = |s: &str| Just(Value::from(s));
        let names = prop_oneof![text("a"), text("b"), text("4")];
        prop_oneof![300 => names, 20 => Just(Value::Missing), 1 => Just(Value::I64(4)), 1 => value()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn folded_groups_are_those_of_held_rows(
            plan in plan(),
            events in proptest::collection::vec((0i64..6, proptest::collection::vec(value(), 5)), 0..14),
        ) {
            let program = Arc::new(Program::new(&plan).unwrap());
            let in_time = in_time(&events);
            let found = held(&program, &events, &in_time);
            let as_they_come: Vec<usize> = (0..events.len()).collect();
            for (order, any) in [(as_they_come, true), (in_time, false)] {
                let folder = folded(&program, &events, &order, !any);
                if any && folder.needs_order() {
                    continue;
                }
                let told = folder.finish(&mut |h| Ok(Timestamp(events[h as usize / 1000].0))).unwrap();
                prop_assert_eq!(lines(&told.0), lines(&found));
            }
        }

        #[test]
        fn tallies_are_those_of_events_in_time(
            plan in counted(),
            events in proptest::collection::vec((0i64..40, proptest::collection::vec(name(), 5)), 0..60),
        ) {
            let program = Arc::new(Program::new(&plan).unwrap());
            let found = held(&program, &events, &in_time(&events));
            let as_they_come: Vec<usize> = (0..events.len()).collect();
            let folder = folded(&program, &events, &as_they_come, false);
            if !folder.is_beyond() {
                let told = folder.finish(&mut |h| Ok(Timestamp(events[h as usize / 1000].0))).unwrap();
                prop_assert_eq!(lines(&told.0), lines(&found));
            }
        }
    }

    /// A held window lists some, and counts the rest.
    #[test]
    fn tallies_list_so_many() {
        let keys = vec![Key { name: "k".into(), value: Scalar::field(Names::Ecs, "a"), optional: false }];
        let plan = counts(keys, Window::Held(1000), 2, Vec::new());
        let program = Arc::new(Program::new(&plan).unwrap());
        let events: Vec<_> = (0..250i64).map(|n| (n * 7 % 250, vec![Value::from("x"); 5])).collect();
        let found = held(&program, &events, &in_time(&events));
        let as_they_come: Vec<usize> = (0..events.len()).collect();
        let told = folded(&program, &events, &as_they_come, false)
            .finish(&mut |h| Ok(Timestamp(events[h as usize / 1000].0)))
            .unwrap()
            .0;
        assert_eq!((told.len(), told[0].events.len(), told[0].lost), (1, 100, 150));
        assert_eq!(lines(&told), lines(&found));
    }
}
