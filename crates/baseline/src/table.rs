//! The tables: what was seen of each program, how often, when, on how many hosts.
//!
//! Memory is bounded. A table beyond its limit keeps the values whose hashes are smallest, which is a fair sample
//! and depends on the set of values alone; so counts of what is kept are exact, and merging parts gives what
//! building the whole gives. That a value was seen is not lost: tables that lost values have all of theirs in one
//! [`Filter`].

use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::Dimension;
use crate::filter::Filter;
use crate::hash::hash;
use crate::hosts::Hosts;

/// How much is kept. Part of the file format: baselines of different limits do not merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Values of a table of one program.
    pub values: usize,
    /// Values of a table over all programs.
    pub everywhere: usize,
    /// Values of all tables.
    pub all: usize,
    /// Bits of the filter.
    pub filter_bits: usize,
}

/// The limits of format version 1.
pub(crate) const LIMITS: Limits =
    Limits { values: 4096, everywhere: 65_536, all: 1_000_000, filter_bits: 1 << 26 };

/// How often, when, on how many hosts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stat {
    /// Events.
    pub count: u64,
    /// First and last time, in seconds of Unix time; none where no event had a time.
    pub span: Option<(i64, i64)>,
    pub(crate) hosts: Hosts,
}

impl Stat {
    /// Number of hosts; beyond 16 an estimate with a standard error of 9 %.
    pub fn hosts(&self) -> u64 {
        self.hosts.count()
    }

    pub(crate) fn merge(&mut self, other: &Stat) {
        self.count = self.count.saturating_add(other.count);
        self.span = joined(self.span, other.span);
        self.hosts.merge(&other.hosts);
    }
}

pub(crate) fn joined(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// The values of one program in one dimension.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(crate) values: HashMap<Box<str>, Stat>,
    /// Values were lost: all of them are in the filter, and only those with hashes up to this may be kept.
    pub(crate) cut: Option<u64>,
    pub(crate) ranks: OnceLock<Ranks>,
}

/// What judging needs of the counts of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranks {
    /// Distinct counts, ascending, each with the observations of values seen so often or less.
    pub steps: Vec<(u64, u64)>,
    /// Observations of all values kept.
    pub kept: u64,
    /// Values seen once.
    pub single: u64,
}

impl Table {
    /// The value's entry, where it is kept.
    pub fn get(&self, value: &str) -> Option<&Stat> {
        self.values.get(value)
    }

    /// Observations of the values that are kept.
    pub fn kept(&self) -> u64 {
        self.ranks().kept
    }

    /// Drops values; answers how many.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> usize {
        let before = self.values.len();
        self.values.retain(|v, _| keep(v));
        self.ranks.take();
        before - self.values.len()
    }

    /// Values and their entries, by value.
    pub fn sorted(&self) -> Vec<(&str, &Stat)> {
        let mut all: Vec<(&str, &Stat)> = self.values.iter().map(|(v, s)| (&**v, s)).collect();
        all.sort_unstable_by_key(|(v, _)| *v);
        all
    }

    pub(crate) fn ranks(&self) -> &Ranks {
        self.ranks.get_or_init(|| {
            let mut counts: Vec<u64> = self.values.values().map(|s| s.count).collect();
            counts.sort_unstable();
            let mut ranks = Ranks { single: counts.partition_point(|c| *c <= 1) as u64, ..Ranks::default() };
            for c in counts {
                ranks.kept = ranks.kept.saturating_add(c);
                match ranks.steps.last_mut() {
                    Some((count, sum)) if *count == c => *sum = ranks.kept,
                    _ => ranks.steps.push((c, ranks.kept)),
                }
            }
            ranks
        })
    }
}

/// The tables of one program, by dimension; few, so a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables(pub Vec<(Dimension, Table)>);

impl Tables {
    pub fn get(&self, dimension: Dimension) -> Option<&Table> {
        self.0.iter().find(|(d, _)| *d == dimension).map(|(_, t)| t)
    }

    fn table(&mut self, dimension: Dimension) -> &mut Table {
        let at = match self.0.binary_search_by_key(&dimension, |(d, _)| *d) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (dimension, Table::default()));
                at
            }
        };
        &mut self.0[at].1
    }
}

/// The name under which tables over all programs stand.
pub(crate) const EVERYWHERE: &str = "";

/// What was seen. See the module for what is kept of it.
#[derive(Clone, Debug)]
pub struct Baseline {
    pub(crate) limits: Limits,
    /// Events read, and those that told something of a program.
    pub(crate) events: u64,
    pub(crate) observed: u64,
    pub(crate) span: Option<(i64, i64)>,
    /// Until when counts have been made to fade.
    pub(crate) faded: Option<i64>,
    pub(crate) programs: HashMap<Box<str>, Tables>,
    pub(crate) filter: Option<Filter>,
    /// All tables lost values: only those with hashes up to this may be kept.
    pub(crate) cut: Option<u64>,
    /// Values of all tables.
    pub(crate) size: usize,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline::with_limits(LIMITS)
    }
}

/// The number that stands for a value of a table.
pub(crate) fn number(program: &str, dimension: Dimension, value: &str) -> u64 {
    hash(hash(dimension as u64 + 1, program), value)
}

impl Baseline {
    pub(crate) fn with_limits(limits: Limits) -> Baseline {
        Baseline {
            limits,
            events: 0,
            observed: 0,
            span: None,
            faded: None,
            programs: HashMap::new(),
            filter: None,
            cut: None,
            size: 0,
        }
    }

    /// Events read.
    pub fn events(&self) -> u64 {
        self.events
    }
    /// Events that told something of a program.
    pub fn observed(&self) -> u64 {
        self.observed
    }
    /// First and last time of what was observed, in seconds of Unix time.
    pub fn span(&self) -> Option<(i64, i64)> {
        self.span
    }
    /// Values kept, over all tables.
    pub fn size(&self) -> usize {
        self.size
    }
    /// The chance that a value never seen is taken for one that was, in tables that lost values.
    pub fn false_positives(&self) -> f64 {
        self.filter.as_ref().map_or(0.0, Filter::false_positives)
    }
    /// Programs kept, by name.
    pub fn programs(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.programs.keys().map(|p| &**p).filter(|p| *p != EVERYWHERE).collect();
        all.sort_unstable();
        all
    }
    /// The tables of a program, by dimension; of all programs together where the name is empty.
    pub fn tables(&self, program: &str) -> &[(Dimension, Table)] {
        self.programs.get(program).map_or(&[], |t| &t.0)
    }
    /// Whether a table had more values than are kept.
    pub fn lossy(&self, program: &str, dimension: Dimension) -> bool {
        self.cut.is_some() || self.table(program, dimension).is_some_and(|t| t.cut.is_some())
    }
    /// One table.
    pub fn table(&self, program: &str, dimension: Dimension) -> Option<&Table> {
        self.programs.get(program)?.get(dimension)
    }
    /// What was seen of a program as a whole.
    pub fn program(&self, program: &str) -> Option<&Stat> {
        self.table(EVERYWHERE, Dimension::Program)?.get(program)
    }

    pub(crate) fn filter(&mut self) -> &mut Filter {
        self.filter.get_or_insert_with(|| Filter::new(self.limits.filter_bits))
    }

    fn limit(&self, program: &str) -> usize {
        if program == EVERYWHERE { self.limits.everywhere } else { self.limits.values }
    }

    /// Counts observations of a value.
    pub(crate) fn add(&mut self, program: &str, dimension: Dimension, value: &str, stat: &Stat) {
        let global = self.cut;
        let tables = match self.programs.get_mut(program) {
            Some(t) => t,
            None => self.programs.entry(program.into()).or_default(),
        };
        let table = tables.table(dimension);
        table.ranks.take();
        if let Some(known) = table.values.get_mut(value) {
            known.merge(stat);
            return;
        }
        let h = number(program, dimension, value);
        let lossy = global.is_some() || table.cut.is_some();
        if table.cut.is_none_or(|cut| h <= cut) && global.is_none_or(|cut| h <= cut) {
            table.values.insert(value.into(), stat.clone());
            self.size += 1;
        }
        let length = table.values.len();
        if lossy {
            self.filter().add(h);
        }
        if length > 2 * self.limit(program) {
            self.shrink(program, dimension);
        }
        if self.size > self.limits.all + self.limits.all / 4 {
            self.shrink_all();
        }
    }

    /// Marks a table as one that loses values: from now on all of its values are in the filter.
    fn spill(&mut self, program: &str, dimension: Dimension) {
        let Some(table) = self.programs.get_mut(program).map(|t| t.table(dimension)) else { return };
        if table.cut.is_some() {
            return;
        }
        table.cut = Some(u64::MAX);
        let numbers: Vec<u64> = table.values.keys().map(|v| number(program, dimension, v)).collect();
        let filter = self.filter();
        numbers.into_iter().for_each(|n| filter.add(n));
    }

    /// Values beyond a cut can no longer be kept: part of their count is lost.
    fn cut_off(&mut self, program: &str, dimension: Dimension, cut: u64) {
        self.programs.entry(program.into()).or_default().table(dimension);
        self.spill(program, dimension);
        let Some(table) = self.programs.get_mut(program).map(|t| t.table(dimension)) else { return };
        table.cut = table.cut.map(|c| c.min(cut));
        self.size -= table.retain(|v| number(program, dimension, v) <= cut);
    }

    /// Brings a table down to its limit.
    fn shrink(&mut self, program: &str, dimension: Dimension) {
        let limit = self.limit(program);
        let Some(table) = self.table(program, dimension).filter(|t| t.values.len() > limit) else { return };
        let mut hashes: Vec<u64> = table.values.keys().map(|v| number(program, dimension, v)).collect();
        let (_, cut, _) = hashes.select_nth_unstable(limit - 1);
        let cut = *cut;
        self.cut_off(program, dimension, cut);
    }

    fn places(&self) -> Vec<(Box<str>, Dimension)> {
        let mut all = Vec::new();
        for (program, tables) in &self.programs {
            all.extend(tables.0.iter().map(|(d, _)| (program.clone(), *d)));
        }
        all
    }

    /// The numbers of all values.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        let tables = self.programs.iter().flat_map(|(p, t)| t.0.iter().map(move |(d, t)| (p, *d, t)));
        tables.flat_map(|(p, d, t)| t.values.keys().map(move |v| number(p, d, v)))
    }

    /// Brings all tables within their limits, and then down to the limit of all together.
    fn shrink_all(&mut self) {
        for (program, dimension) in self.places() {
            self.shrink(&program, dimension);
        }
        if self.size <= self.limits.all {
            return;
        }
        let mut hashes: Vec<u64> = self.numbers().collect();
        let (_, cut, _) = hashes.select_nth_unstable(self.limits.all - 1);
        let cut = *cut;
        self.cut_all(cut);
    }

    /// Cuts all tables: from now on all of them lose values.
    fn cut_all(&mut self, cut: u64) {
        if self.cut.is_none() {
            for (program, dimension) in self.places() {
                self.spill(&program, dimension);
            }
        }
        self.cut = Some(self.cut.map_or(cut, |c| c.min(cut)));
        let mut lost = 0;
        for (program, tables) in &mut self.programs {
            for (dimension, table) in &mut tables.0 {
                lost += table.retain(|v| number(program, *dimension, v) <= cut);
            }
            tables.0.retain(|(_, t)| !t.values.is_empty());
        }
        self.programs.retain(|_, t| !t.0.is_empty());
        self.size -= lost;
    }

    /// Brings everything within its limits. What is kept then depends on what was observed, not on its order.
    pub fn settle(&mut self) {
        self.shrink_all();
        if self.cut.is_some() && self.size >= self.limits.all {
            self.cut = self.numbers().max();
        }
        let (all_cut, limits) = (self.cut.is_some(), self.limits);
        for (program, tables) in &mut self.programs {
            let limit = if **program == *EVERYWHERE { limits.everywhere } else { limits.values };
            for (dimension, table) in &mut tables.0 {
                // Which cuts were made on the way depends on the order; what a full table holds does not.
                if table.values.len() >= limit && (all_cut || table.cut.is_some()) {
                    table.cut = table.values.keys().map(|v| number(program, *dimension, v)).max();
                } else if all_cut {
                    table.cut = None;
                }
            }
            tables.0.retain(|(_, t)| !t.values.is_empty() || t.cut.is_some());
        }
        self.programs.retain(|_, t| !t.0.is_empty());
    }

    /// Adds what another has seen: the outcome is that of observing everything in one.
    ///
    /// # Errors
    /// Where they were built under different limits.
    pub fn merge(&mut self, other: &Baseline) -> Result<(), &'static str> {
        if self.limits != other.limits {
            return Err("the baselines were built under different limits");
        }
        self.faded = self.faded.max(other.faded);
        self.events = self.events.saturating_add(other.events);
        self.observed = self.observed.saturating_add(other.observed);
        self.span = joined(self.span, other.span);
        if let Some(theirs) = &other.filter {
            self.filter().merge(theirs);
        }
        if let Some(cut) = other.cut {
            self.cut_all(cut);
        }
        for (program, tables) in &other.programs {
            for (dimension, table) in &tables.0 {
                if let Some(cut) = table.cut {
                    self.cut_off(program, *dimension, cut);
                }
                table.values.iter().for_each(|(value, stat)| self.add(program, *dimension, value, stat));
            }
        }
        self.settle();
        Ok(())
    }
}
