//! Sides of joins that are fed last. Of a side whose rows each come of one event, only those matter that meet a row
//! of the other side: once that is known, the rest is not kept.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use shikra_ir::{JoinKind, Scalar};

use crate::compile::{Core, Program};
use crate::decided::{Decided, Decisive, Said};
use crate::folding::Cells;
use crate::machine::for_another;
use crate::merge::{Kind, Merge};
use crate::more::{self, Prepared};
use crate::operate;
use crate::row::Row;

/// Keys that are remembered; where there are more, every row is kept.
const MOST_KEYS: usize = 100_000;

/// A side that waits for the other.
pub(crate) struct Late {
    /// Its part.
    pub part: usize,
    /// The inputs on the way to the program that merges both.
    path: Vec<usize>,
    side: usize,
    other: usize,
    /// The parts of the other.
    pub parts: Range<usize>,
    /// What the other asks for, once it is known.
    asked: Option<Asked>,
    decisive: Option<Arc<Decisive>>,
}

enum Asked {
    Anything,
    Keys(HashSet<String>),
    Search(Prepared),
}

impl Late {
    /// Those of a program.
    pub fn of(program: &Program) -> Vec<Late> {
        let mut out = Vec::new();
        walk(program, 0, &mut Vec::new(), &mut out);
        for late in &mut out {
            late.decisive = late.decisive_of(program);
        }
        out
    }

    /// The program whose rows are awaited.
    pub fn awaited<'p>(&self, program: &'p Program) -> Option<&'p Program> {
        Some(&self.merge(program)?.inputs.get(self.other)?.program)
    }

    /// Whether what is awaited is there.
    pub fn is_ready(&self) -> bool {
        self.asked.is_some()
    }

    /// Takes the rows of the other side; whether any row of this one may matter.
    pub fn meet(&mut self, program: &Program, rows: Vec<Row>) -> bool {
        let rows: Vec<Row> = rows.into_iter().map(for_another).collect();
        let asked = self.merge(program).and_then(|merge| {
            let other = merge.inputs.get(self.other)?;
            match &merge.kind {
                Kind::Search(search) => Some(Asked::Search(search.prepared(&other.program.reads, &rows))),
                Kind::Join(spec) => {
                    let mut keys = HashSet::new();
                    for row in &rows {
                        keys.extend(other.keys(spec, self.other == 1, row));
                        if keys.len() > MOST_KEYS {
                            return None;
                        }
                    }
                    Some(Asked::Keys(keys))
                }
                Kind::Union => None,
            }
        });
        let asked = self.asked.insert(asked.unwrap_or(Asked::Anything));
        match asked {
            Asked::Anything => true,
            Asked::Keys(keys) => !keys.is_empty(),
            Asked::Search(search) => !search.finds_nothing(),
        }
    }

    /// Which of the values read of an event decide whether it matters, where those are few.
    fn decisive_of(&self, program: &Program) -> Option<Arc<Decisive>> {
        let merge = self.merge(program)?;
        let side = &merge.inputs.get(self.side)?.program;
        let Kind::Search(search) = &merge.kind else { return None };
        let place = |s: &Scalar| side.reads.iter().position(|r| r == s).into_iter().collect();
        Decisive::of(&side.operators, search.asks(), place)
    }

    /// Whether an event of this side matters, of which these are the `cells`, and `row` the row.
    pub fn wants(
        &self,
        program: &Program,
        decided: Option<&mut Decided>,
        cells: Cells<'_>,
        row: impl FnOnce() -> Row,
    ) -> Said {
        match decided.zip(self.decisive.as_deref()) {
            Some((known, by)) => known.ask(by, cells, || self.takes(program, row())),
            None => Said { comes_to_something: self.takes(program, row()), unsure: false, size: 0 },
        }
    }

    /// Whether a row of this side matters.
    fn takes(&self, program: &Program, row: Row) -> bool {
        let input = self.merge(program).and_then(|m| Some((m, m.inputs.get(self.side)?)));
        let (Some((merge, input)), Some(asked)) = (input, &self.asked) else { return false };
        if let Asked::Anything = asked {
            return true;
        }
        let rows = operate::all(&input.program.reads, &input.program.operators, vec![row]);
        rows.into_iter().map(for_another).any(|row| match (&merge.kind, asked) {
            (Kind::Search(_), Asked::Search(search)) => search.stays(&input.program.reads, &row),
            (Kind::Join(spec), Asked::Keys(keys)) => {
                input.keys(spec, self.side == 1, &row).iter().any(|k| keys.contains(k))
            }
            _ => true,
        })
    }

    fn merge<'p>(&self, program: &'p Program) -> Option<&'p Merge> {
        let step = |p: &'p Program, i: &usize| Some(&merged(p)?.inputs.get(*i)?.program);
        merged(self.path.iter().try_fold(program, step)?)
    }
}

fn merged(program: &Program) -> Option<&Merge> {
    if let Core::Merged(merge) = &program.core { Some(merge) } else { None }
}

/// Adds the sides that wait; answers how many parts the program has.
fn walk(program: &Program, first: usize, path: &mut Vec<usize>, out: &mut Vec<Late>) -> usize {
    let merge = match &program.core {
        Core::Events(_) => return 1,
        Core::Keyed(_) | Core::Values(_) => return 0,
        Core::Merged(merge) => merge,
    };
    let (mut ranges, mut next) = (Vec::new(), first);
    for (i, input) in merge.inputs.iter().enumerate() {
        path.push(i);
        let parts = walk(&input.program, next, path, out);
        path.pop();
        ranges.push(next..next + parts);
        next += parts;
    }
    if let Some((side, other)) = sides(merge)
        && let (Some(own), Some(parts)) = (ranges.get(side), ranges.get(other))
        && !out.iter().any(|l| parts.contains(&l.part))
    {
        let (part, parts) = (own.start, parts.clone());
        out.push(Late { part, path: path.clone(), side, other, parts, asked: None, decisive: None });
    }
    next - first
}

/// The side that may wait, and the other.
fn sides(merge: &Merge) -> Option<(usize, usize)> {
    let (side, other) = match &merge.kind {
        Kind::Search(_) => (0, 1),
        Kind::Join(spec) if spec.kind != JoinKind::Full => (1, 0),
        _ => return None,
    };
    let (own, awaited) = (&merge.inputs.get(side)?.program, &merge.inputs.get(other)?.program);
    let each = |o| operate::is_of_each_row(o) && !more::asks_time(o);
    let fits = matches!(own.core, Core::Events(_)) && own.operators.iter().all(each);
    (fits && is_timeless(awaited)).then_some((side, other))
}

/// Whether nothing asks for the time of the search, which is not known before the end.
fn is_timeless(program: &Program) -> bool {
    let below = match &program.core {
        Core::Merged(merge) => merge.inputs.iter().all(|i| is_timeless(&i.program)),
        _ => true,
    };
    below && !program.operators.iter().any(more::asks_time)
}

/// The late side of a part.
pub(crate) fn of_part(all: &[Late], part: usize) -> Option<&Late> {
    all.iter().find(|l| l.part == part)
}
