//! Things that are judged by their features: what every analytic over features begins with, and what its rows share.

use shikra_event::Value;

use crate::column::ColumnSpec;
use crate::feature::{Feature, Frame, columns};
use crate::prevalence::Members;
use crate::result::{ColumnKind, HuntResult, Reason, ResultRow};
use crate::stacks::Stacks;

/// Things, the features they are judged by, and the numbers these gave.
pub struct Things<'a> {
    stacks: &'a Stacks,
    /// The columns that name a thing.
    pub of: Vec<ColumnSpec>,
    /// What is measured.
    pub features: Vec<Feature>,
    /// What it gave.
    pub frame: Frame,
}

/// How often a thing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Events of it.
    pub events: u64,
    /// Hosts that have it.
    pub hosts: u64,
}

impl Seen {
    /// Of some combinations together.
    pub fn of(stacks: &Stacks, places: &[usize]) -> Seen {
        Seen {
            events: places.iter().map(|p| stacks.get(*p).count).sum(),
            hosts: Members::union(places.iter().map(|p| &stacks.get(*p).hosts)).len(),
        }
    }
}

impl<'a> Things<'a> {
    /// Measures the different values of some columns.
    pub fn new(stacks: &'a Stacks, of: Vec<ColumnSpec>, features: Vec<Feature>) -> Things<'a> {
        let frame = Frame::new(stacks, of.len(), &columns(&of, &features), &features);
        Things { stacks, of, features, frame }
    }

    /// A result without rows: the names of things, then columns of the analytic's own.
    pub fn result(&self, own: &[(&str, ColumnKind)]) -> HuntResult {
        self.stacks.result(self.of.iter().map(|c| c.text.as_str()), own)
    }

    /// A combination of a thing: its first by text.
    pub fn first(&self, thing: usize) -> usize {
        self.frame.entities.get(thing).and_then(|places| places.first()).copied().unwrap_or(0)
    }

    /// One of the values that name a thing.
    pub fn text(&self, thing: usize, column: usize) -> String {
        self.stacks.text(self.first(thing), column).to_string()
    }

    /// The row of a thing: its names, then the cells that `own` makes.
    pub fn row(
        &self,
        thing: usize,
        score: f64,
        reasons: Vec<Reason>,
        own: impl FnOnce(Seen) -> Vec<Value>,
    ) -> ResultRow {
        let places = self.frame.entities.get(thing).map_or(&[][..], Vec::as_slice);
        let (first, seen) = (self.first(thing), Seen::of(self.stacks, places));
        let mut cells: Vec<Value> =
            (0..self.of.len()).map(|c| Value::Str(self.stacks.text(first, c))).collect();
        cells.extend(own(seen));
        ResultRow {
            score: Some(score),
            cells,
            reasons,
            events: self.stacks.points(first),
            events_total: seen.events,
            marks: Vec::new(),
        }
    }
}
