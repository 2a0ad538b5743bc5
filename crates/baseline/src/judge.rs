//! How unusual something is, given what was seen.
//!
//! The measure is surprise in bits, −log₂ of a probability. For a value that was seen it is the share of
//! observations of values seen as rarely or more rarely; for one that was not, the chance of meeting a new value,
//! which after Good and Turing is the share of values seen once. So a new argument of a program that always has the
//! same few says much, and a new file of one that writes new files all day says nothing.

use crate::table::{EVERYWHERE, number};
use crate::{Baseline, Dimension, Stat};

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<'a> {
    /// Seen so.
    Seen(&'a Stat),
    /// Seen, but how often was not kept.
    Sometime,
    /// The program is new, and others were seen with this.
    Common,
    /// Never seen of this program, which is known, but of others.
    Elsewhere(Option<&'a Stat>),
    /// Never seen at all.
    Never,
    /// There is too little to judge by: the baseline has nothing, or too little, of the kind.
    Unknown,
}

/// A judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<'a> {
    /// What is known.
    pub known: Known<'a>,
    /// Surprise in bits, rounded to a tenth.
    pub score: f64,
}

impl Judged<'_> {
    /// Never seen of this program.
    pub fn is_new(&self) -> bool {
        matches!(self.known, Known::Elsewhere(_) | Known::Never)
    }
}

/// What one table says.
enum Found<'a> {
    Entry(&'a Stat),
    Sometime,
    Nothing,
}

impl Baseline {
    fn find(&self, program: &str, dimension: Dimension, value: &str) -> Found<'_> {
        if let Some(stat) = self.table(program, dimension).and_then(|t| t.get(value)) {
            return Found::Entry(stat);
        }
        let filter = self.filter.as_ref().filter(|_| self.lossy(program, dimension));
        match filter.is_some_and(|f| f.has(number(program, dimension, value))) {
            true => Found::Sometime,
            false => Found::Nothing,
        }
    }

    /// Whether a program was seen at all.
    pub fn knows(&self, program: &str) -> bool {
        !matches!(self.find(EVERYWHERE, Dimension::Program, program), Found::Nothing)
    }

    /// Judges a value of a program; of all programs together where the name is empty.
    pub fn judge(&self, program: &str, dimension: Dimension, value: &str) -> Judged<'_> {
        let judged = |known, score: f64| Judged { known, score: (score * 10.0).round() / 10.0 };
        match self.find(program, dimension, value) {
            Found::Entry(stat) => {
                return judged(Known::Seen(stat), self.rarity(program, dimension, stat.count));
            }
            Found::Sometime => return judged(Known::Sometime, 0.0),
            Found::Nothing => {}
        }
        let about = dimension.about();
        let own = self.table(program, dimension).map_or(0, |t| t.kept());
        if own < about.least || (program == EVERYWHERE && own == 0) {
            return judged(Known::Unknown, 0.0);
        }
        let here = self.surprise(program, dimension);
        if program == EVERYWHERE || !about.everywhere {
            return judged(Known::Never, here);
        }
        if self.table(EVERYWHERE, dimension).is_none_or(|t| t.kept() == 0) {
            return judged(Known::Unknown, 0.0);
        }
        match self.find(EVERYWHERE, dimension, value) {
            Found::Entry(_) | Found::Sometime if !self.knows(program) => judged(Known::Common, 0.0),
            Found::Entry(stat) => judged(Known::Elsewhere(Some(stat)), here),
            Found::Sometime => judged(Known::Elsewhere(None), here),
            Found::Nothing => judged(Known::Never, here + self.surprise(EVERYWHERE, dimension)),
        }
    }

    /// Surprise at a new value.
    fn surprise(&self, program: &str, dimension: Dimension) -> f64 {
        let Some(table) = self.table(program, dimension) else { return 0.0 };
        let ranks = table.ranks();
        bits(ranks.single + 1, ranks.kept)
    }

    /// Surprise at a value seen so often.
    fn rarity(&self, program: &str, dimension: Dimension, count: u64) -> f64 {
        let Some(table) = self.table(program, dimension) else { return 0.0 };
        let ranks = table.ranks();
        let at = ranks.steps.partition_point(|(c, _)| *c <= count);
        let rarer = at.checked_sub(1).and_then(|at| ranks.steps.get(at)).map_or(0, |(_, sum)| *sum);
        bits(rarer + 1, ranks.kept)
    }
}

/// −log₂ of a share, smoothed by one observation on either side.
fn bits(part: u64, of: u64) -> f64 {
    let share = part as f64 / (of as f64 + 2.0);
    (-share.log2()).max(0.0)
}
