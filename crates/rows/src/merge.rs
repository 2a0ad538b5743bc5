//! Programs whose rows come of several others: joins, unions, differences.
//!
//! Each input is a program of its own, with leaves of its own. When the input ends, the rows of all are merged and
//! go on through the operators above. A side of a join may have a name: its columns are called `name.column` from
//! there on, and an operator above reads its events' fields as `name.field`. Without names, a column or field is
//! the left side's where it has one, else the right side's. Keys compare as text, so that a number equals its
//! digits; a list joins by each of its values; null joins nothing.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use shikra_event::Value;
use shikra_ir::{Expr, FieldRef, Join, JoinKind, Scalar, TimeBound, eval};
use shikra_sequence::Match;

use crate::compile::{Core, Program};
use crate::more::Search;
use crate::reads;
use crate::row::{Row, View};

/// Pairs of rows that a join looks at.
const MAX_PAIRS: u64 = 100_000_000;
/// Keys of one row, where its key values are lists.
const MAX_KEYS: usize = 256;

/// Where the rows of a program come from, where not from events.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    pub kind: Kind,
    pub inputs: Vec<Input>,
}

/// One of the programs that are merged.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub program: Program,
    /// Its first leaf among those of the whole.
    pub first_leaf: usize,
    /// Qualifies its columns; empty: they keep their names.
    pub name: Arc<str>,
    /// Per read of the operators above, what answers it among the input's reads.
    pub cells: Vec<Option<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Union,
    Join(Spec),
    /// Rows of the first that satisfy one of the second.
    Search(Search),
}

impl Kind {
    /// Appends what is read of an input to merge it.
    pub fn reads(&self, side: usize, out: &mut Vec<Scalar>) {
        let keys = match self {
            Kind::Join(spec) => &spec.keys,
            Kind::Search(s) => &s.keys,
            Kind::Union => return,
        };
        let keys = keys.iter().map(|(l, r)| if side == 0 { l } else { r });
        keys.for_each(|k| reads::of_scalar(k, out));
    }
}

/// A join of two inputs.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub kind: JoinKind,
    pub keys: Vec<(Scalar, Scalar)>,
    pub time: Option<TimeBound>,
    pub on: Option<Expr>,
    pub most: Option<u64>,
}

impl Spec {
    pub fn of(j: &Join) -> Spec {
        Spec { kind: j.kind, keys: j.keys.clone(), time: j.time, on: j.on.as_deref().cloned(), most: j.most }
    }
    /// Left rows whose keys the right does not have.
    pub fn except(keys: &[(Scalar, Scalar)]) -> Spec {
        Spec { kind: JoinKind::Anti, keys: keys.to_vec(), time: None, on: None, most: None }
    }
}

/// What an input reads for a field that is read above it: the field itself, without the input's name. Nothing
/// where the name is another's.
pub(crate) fn of_side(name: &str, others: &[&str], read: &Scalar) -> Option<Scalar> {
    let Scalar::Field(f) = read else { return Some(read.clone()) };
    let rest = |n: &str| f.name.strip_prefix(n).filter(|_| !n.is_empty())?.strip_prefix('.');
    match rest(name) {
        Some(own) => Some(Scalar::Field(FieldRef::new(f.names, own))),
        None if others.iter().any(|o| rest(o).is_some()) => None,
        None => Some(read.clone()),
    }
}

/// What has been merged so far.
pub(crate) struct Merged {
    pub rows: Vec<Row>,
    most: usize,
    /// Rows and pairs beyond the limits.
    pub lost: u64,
}

impl Merged {
    fn push(&mut self, row: Row) {
        if self.rows.len() < self.most {
            self.rows.push(row);
        } else {
            self.lost += 1;
        }
    }
}

impl Merge {
    /// The rows of all inputs made one, at most `most`; `reads` are those of the operators above.
    pub fn rows(&self, reads: &[Scalar], parts: Vec<Vec<Row>>, most: usize) -> Merged {
        let mut out = Merged { rows: Vec::new(), most, lost: 0 };
        let mut parts = self.inputs.iter().zip(parts);
        match &self.kind {
            Kind::Union => {
                for (input, rows) in parts {
                    rows.into_iter().for_each(|r| out.push(input.seen_from_above(r)));
                }
            }
            Kind::Search(search) => {
                let (Some((left, l)), Some((right, r))) = (parts.next(), parts.next()) else { return out };
                let stay = search.rows(&left.program.reads, l, &right.program.reads, &r);
                stay.into_iter().for_each(|r| out.push(left.seen_from_above(r)));
            }
            Kind::Join(spec) => {
                let mut side = |right: bool| {
                    parts.next().map_or_else(Vec::new, |(input, rows)| input.side(spec, right, rows))
                };
                let (left, right) = (side(false), side(true));
                join(spec, reads, &left, &right, &mut out);
            }
        }
        out
    }
}

/// The rows of a program that come of its inputs' rows or of a table, at most `most`; none where they come of events.
pub(crate) fn brought_together(program: &Program, inputs: Vec<Vec<Row>>, most: usize) -> Option<Merged> {
    match &program.core {
        Core::Merged(merge) => Some(merge.rows(&program.reads, inputs, most)),
        Core::Values(table) => {
            let rows = table.rows.iter().take(most).map(|r| Row::of_table(&table.columns, r)).collect();
            Some(Merged { rows, most, lost: table.rows.len().saturating_sub(most) as u64 })
        }
        Core::Events(_) | Core::Keyed(_) => None,
    }
}

/// A row of one side with its keys.
pub(crate) struct Sided {
    pub row: Row,
    pub keys: Vec<String>,
}

impl Input {
    fn side(&self, spec: &Spec, right: bool, rows: Vec<Row>) -> Vec<Sided> {
        let mut names = HashMap::new();
        rows.into_iter().map(|row| self.sided(spec, right, row, &mut names)).collect()
    }

    /// A row of one side of a join. `names` remembers the columns' qualified names.
    pub fn sided(
        &self,
        spec: &Spec,
        right: bool,
        row: Row,
        names: &mut HashMap<Arc<str>, Arc<str>>,
    ) -> Sided {
        let keys = self.keys(spec, right, &row);
        let row = self.renamed(self.seen_from_above(row), names);
        Sided { row, keys }
    }

    /// The keys of a row of one side of a join.
    pub fn keys(&self, spec: &Spec, right: bool, row: &Row) -> Vec<String> {
        let view = View { reads: &self.program.reads, cells: &row.cells, columns: &row.columns };
        let key = |(l, r): &(Scalar, Scalar)| eval::scalar(if right { r } else { l }, &view);
        texts(&spec.keys.iter().map(key).collect::<Vec<_>>())
    }

    /// The row with the cells that the operators above read.
    pub fn seen_from_above(&self, mut row: Row) -> Row {
        let cell = |at: &Option<usize>| at.and_then(|i| row.cells.get(i)).cloned().unwrap_or_default();
        row.cells = self.cells.iter().map(cell).collect();
        row
    }

    fn renamed(&self, mut row: Row, names: &mut HashMap<Arc<str>, Arc<str>>) -> Row {
        if self.name.is_empty() {
            return row;
        }
        for (name, _) in &mut row.columns {
            let known = names.entry(name.clone());
            *name = known.or_insert_with(|| Arc::from(format!("{}.{name}", self.name))).clone();
        }
        row
    }
}

/// The texts of a composite key; several where a part is a list, none where one is null.
fn texts(parts: &[Value]) -> Vec<String> {
    parts.iter().fold(vec![String::new()], |before, part| {
        let each: Vec<String> = part.elements().iter().filter_map(text).collect();
        let pairs = before.iter().flat_map(|b| each.iter().map(move |e| format!("{b}{e}\u{1f}")));
        pairs.take(MAX_KEYS).collect()
    })
}

fn text(v: &Value) -> Option<String> {
    match v {
        Value::F64(n) if n.fract() == 0.0 && n.abs() < 1e15 => Some(format!("{n:.0}")),
        other => other.to_text(),
    }
}

fn join(spec: &Spec, reads: &[Scalar], left: &[Sided], right: &[Sided], out: &mut Merged) {
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, r) in right.iter().enumerate() {
        r.keys.iter().for_each(|k| index.entry(k).or_default().push(i));
    }
    let mut taken = vec![false; right.len()];
    let mut pairs = 0;
    for l in left {
        let mut partners: Vec<usize> =
            l.keys.iter().filter_map(|k| index.get(k.as_str())).flatten().copied().collect();
        partners.sort_unstable();
        partners.dedup();
        let mut found = 0;
        for (i, r) in partners.into_iter().filter_map(|i| Some((i, right.get(i)?))) {
            pairs += 1;
            if pairs > MAX_PAIRS {
                out.lost += 1;
                break;
            }
            let Some(row) = joined(spec, reads, &l.row, &r.row) else { continue };
            found += 1;
            taken.get_mut(i).into_iter().for_each(|t| *t = true);
            match spec.kind {
                JoinKind::Inner | JoinKind::Left | JoinKind::Full => out.push(row),
                JoinKind::Semi | JoinKind::Anti => break,
            }
            if spec.most.is_some_and(|most| found >= most) {
                break;
            }
        }
        let alone = match spec.kind {
            JoinKind::Inner => false,
            JoinKind::Left | JoinKind::Full | JoinKind::Anti => found == 0,
            JoinKind::Semi => found > 0,
        };
        if alone {
            out.push(l.row.clone());
        }
    }
    if spec.kind == JoinKind::Full {
        let alone = right.iter().zip(taken).filter(|(_, taken)| !taken);
        alone.for_each(|(r, _)| out.push(r.row.clone()));
    }
}

/// Both rows as one, where the distance in time and the condition allow it.
pub(crate) fn joined(spec: &Spec, reads: &[Scalar], left: &Row, right: &Row) -> Option<Row> {
    if let Some(bound) = spec.time {
        let distance = right.found.time.0.saturating_sub(left.found.time.0);
        let outside = bound.least.is_some_and(|n| distance < n) || bound.most.is_some_and(|n| distance > n);
        if outside {
            return None;
        }
    }
    let cell = |(l, r): (&Value, &Value)| if *l == Value::Missing { r.clone() } else { l.clone() };
    let cells: Arc<[Value]> = left.cells.iter().zip(right.cells.iter()).map(cell).collect();
    let mut columns = left.columns.clone();
    for (name, v) in &right.columns {
        if !columns.iter().any(|(n, _)| n == name) {
            columns.push((name.clone(), v.clone()));
        }
    }
    let view = View { reads, cells: &cells, columns: &columns };
    if spec.on.as_ref().is_some_and(|on| !eval::truth(on, &view).holds()) {
        return None;
    }
    Some(Row { found: both(&left.found, &right.found), cells, columns })
}

/// A match of the events of two, each once.
fn both(a: &Match, b: &Match) -> Match {
    let known: HashSet<u64> = a.events.iter().filter_map(|e| e.event).collect();
    let further = b.events.iter().filter(|e| e.event.is_none_or(|e| !known.contains(&e)));
    let events = a.events.iter().chain(further).copied().collect();
    Match {
        time: a.time.max(b.time),
        first: a.first.into_iter().chain(b.first).min(),
        last: a.last.into_iter().chain(b.last).max(),
        events,
        keys: vec![],
        columns: vec![],
        lost: a.lost + b.lost,
        early: a.early || b.early,
    }
}
