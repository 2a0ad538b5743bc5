//! What changes a baseline beside observing: forgetting and fading; and what is different between two.

use crate::table::{EVERYWHERE, Table};
use crate::{Baseline, Dimension, Stat};

/// What to forget. All that is set applies, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forget {
    /// These programs, with all that is kept of them.
    pub programs: Vec<String>,
    /// What was last seen before this, in seconds of Unix time.
    pub before: Option<i64>,
    /// Counts fade: each halves in so many seconds since its value was last seen; what falls below one is
    /// forgotten.
    pub half_life: Option<i64>,
    /// The time as of which counts fade; none: the latest time of the baseline.
    pub as_of: Option<i64>,
}

/// Something that is in one baseline only, or that changed its count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<'a> {
    /// The program; empty: all programs together.
    pub program: &'a str,
    /// The kind of fact.
    pub dimension: Dimension,
    /// The value.
    pub value: &'a str,
    /// What the first says of it.
    pub old: Option<&'a Stat>,
    /// What the second says of it.
    pub new: Option<&'a Stat>,
}

impl Baseline {
    /// Forgets. Answers how many values are gone.
    ///
    /// A value of a table that lost values stays known as one that was seen.
    pub fn forget(&mut self, what: &Forget) -> usize {
        let before = self.size;
        for program in &what.programs {
            self.programs.remove(&*program.to_lowercase());
        }
        let gone = |p: &str| what.programs.iter().any(|w| w.eq_ignore_ascii_case(p));
        if let Some(tables) = self.programs.get_mut(EVERYWHERE) {
            for (_, table) in tables.0.iter_mut().filter(|(d, _)| *d == Dimension::Program) {
                table.retain(|v| !gone(v));
            }
        }
        if let Some(time) = what.before {
            self.each(|s| s.span.is_none_or(|(_, last)| last >= time));
        }
        if let (Some(half), Some(as_of)) = (what.half_life, what.as_of.or(self.span.map(|(_, last)| last))) {
            let since = self.faded;
            self.each(|s| {
                let from = s.span.map_or(as_of, |(_, last)| last).max(since.unwrap_or(i64::MIN));
                s.count = faded(s.count, as_of.saturating_sub(from), half);
                s.count > 0
            });
            self.faded = Some(as_of.max(since.unwrap_or(i64::MIN)));
        }
        self.tidy();
        before.saturating_sub(self.size)
    }

    fn each(&mut self, mut keep: impl FnMut(&mut Stat) -> bool) {
        for (_, table) in self.programs.values_mut().flat_map(|t| &mut t.0) {
            table.ranks.take();
            table.values.retain(|_, s| keep(s));
        }
    }

    /// Drops what is empty and counts anew.
    fn tidy(&mut self) {
        for tables in self.programs.values_mut() {
            tables.0.retain(|(_, t)| !t.values.is_empty() || t.cut.is_some());
        }
        self.programs.retain(|_, t| !t.0.is_empty());
        self.size = self.programs.values().flat_map(|t| &t.0).map(|(_, t)| t.values.len()).sum();
    }

    /// What `new` has and this has not, and the other way round; where `counts`, also what both have with
    /// different counts. By program, dimension, value.
    pub fn diff<'a>(&'a self, new: &'a Baseline, counts: bool) -> Vec<Change<'a>> {
        let mut programs: Vec<&str> = self.programs.keys().chain(new.programs.keys()).map(|p| &**p).collect();
        programs.sort_unstable();
        programs.dedup();
        let mut out = Vec::new();
        for program in programs {
            for about in crate::DIMENSIONS {
                let dimension = about.dimension;
                let (a, b) = (self.table(program, dimension), new.table(program, dimension));
                changes(program, dimension, (a, b), counts, &mut out);
            }
        }
        out
    }
}

fn changes<'a>(
    program: &'a str,
    dimension: Dimension,
    (old, new): (Option<&'a Table>, Option<&'a Table>),
    counts: bool,
    out: &mut Vec<Change<'a>>,
) {
    let keys = |t: Option<&'a Table>| t.into_iter().flat_map(|t| t.values.keys());
    let mut values: Vec<&'a str> = keys(old).chain(keys(new)).map(|v| &**v).collect();
    values.sort_unstable();
    values.dedup();
    for value in values {
        let (a, b) = (old.and_then(|t| t.get(value)), new.and_then(|t| t.get(value)));
        let differs = match (a, b) {
            (Some(a), Some(b)) => counts && a.count != b.count,
            _ => true,
        };
        if differs {
            out.push(Change { program, dimension, value, old: a, new: b });
        }
    }
}

/// A count after so many seconds, half as much after each `half`. In whole steps of a sixteenth of a half-life, so
/// that every machine computes the same.
fn faded(count: u64, seconds: i64, half: i64) -> u64 {
    /// 2^(-i/16), times 2^32.
    const STEPS: [u64; 16] = [
        4_294_967_296,
        4_112_874_773,
        3_938_502_376,
        3_771_522_796,
        3_611_622_603,
        3_458_501_653,
        3_311_872_529,
        3_171_459_999,
        3_037_000_500,
        2_908_241_642,
        2_784_941_738,
        2_666_869_345,
        2_553_802_834,
        2_445_529_972,
        2_341_847_524,
        2_242_560_872,
    ];
    let steps = i128::from(seconds.max(0)) * 16 / i128::from(half.max(1));
    let (halvings, part) = ((steps / 16).min(64) as u32, (steps % 16) as usize);
    let scaled = (u128::from(count) * u128::from(STEPS[part])) >> 32;
    (scaled >> halvings) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_halve() {
        let day = 86_400;
        assert_eq!(faded(100, 0, day), 100);
        assert_eq!(faded(100, day, day), 50);
        assert_eq!(faded(100, 3 * day / 2, day), 35);
        assert_eq!(faded(1, day, day), 0);
        assert_eq!(faded(u64::MAX, i64::MAX, 1), 0);
        assert_eq!(faded(5, -9, 0), 5);
    }
}
