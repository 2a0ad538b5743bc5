//! Numbers worked out of combinations and of groups of them.
//!
//! Written as functions: `length(CommandLine)`, `surprise(Image|ParentImage)`, `count`. Over a group of
//! combinations a feature of a text is the median over the different ones, or what `max(…)`, `min(…)`, `mean(…)`
//! says.

use std::collections::BTreeSet;

use crate::column::ColumnSpec;
use crate::conditional::{Conditional, key};
use crate::grams::Grams;
use crate::prevalence::Members;
use crate::read::NONE;
use crate::stacks::Stacks;
use crate::stats::{entropy, median, short, sorted};
use crate::text::TextId;

/// A feature.
#[derive(Clone, Debug)]
pub struct Feature {
    /// As written.
    pub text: String,
    over: Over,
    kind: Kind,
    wide: bool,
    columns: Vec<ColumnSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Median,
    Max,
    Min,
    Mean,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Count,
    Hosts,
    Users,
    Days,
    Distinct,
    OfText(fn(&str) -> f64),
    Rarity,
    Prevalence,
    Surprise,
    Grams,
}

/// Name, what it is, words of it, whether its scale is better logarithmic.
type Entry = (&'static str, Kind, &'static str, bool);

const KINDS: &[Entry] = &[
    ("count", Kind::Count, "number of events", true),
    ("hosts", Kind::Hosts, "number of hosts", true),
    ("users", Kind::Users, "number of users", true),
    ("days", Kind::Days, "days between first and last event", false),
    ("distinct", Kind::Distinct, "number of different values", true),
    ("length", Kind::OfText(length), "length in characters", true),
    ("entropy", Kind::OfText(entropy), "entropy of its characters, in bits", false),
    ("depth", Kind::OfText(depth), "depth of folders", false),
    ("tokens", Kind::OfText(tokens), "number of words", true),
    ("odd", Kind::OfText(odd), "share of characters that are no letters, digits or blanks", false),
    ("digits", Kind::OfText(digits), "share of digits", false),
    ("upper", Kind::OfText(upper), "share of letters that are capitals", false),
    ("number", Kind::OfText(number), "value", false),
    ("rarity", Kind::Rarity, "rarity among events, in bits", false),
    ("prevalence", Kind::Prevalence, "rarity among hosts, in bits", false),
    ("surprise", Kind::Surprise, "surprise beside the other value, in bits", false),
    ("ngram", Kind::Grams, "surprise of its characters, in bits each", false),
];

/// A list of all features for help: name and words.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|(name, _, words, _)| (*name, *words))
}

fn length(t: &str) -> f64 {
    t.chars().count() as f64
}
fn depth(t: &str) -> f64 {
    t.matches(['\\', '/']).count() as f64
}
fn tokens(t: &str) -> f64 {
    t.split_whitespace().count() as f64
}
fn share(t: &str, is: impl Fn(char) -> bool) -> f64 {
    t.chars().filter(|c| is(*c)).count() as f64 / length(t).max(1.0)
}
fn odd(t: &str) -> f64 {
    share(t, |c| !c.is_alphanumeric() && !c.is_whitespace())
}
fn digits(t: &str) -> f64 {
    share(t, |c| c.is_ascii_digit())
}
fn upper(t: &str) -> f64 {
    let letters = t.chars().filter(|c| c.is_alphabetic()).count() as f64;
    t.chars().filter(|c| c.is_uppercase()).count() as f64 / letters.max(1.0)
}
fn number(t: &str) -> f64 {
    let hex = t.strip_prefix("0x").and_then(|h| u64::from_str_radix(h, 16).ok()).map(|n| n as f64);
    hex.or_else(|| t.trim().parse().ok()).filter(|n: &f64| n.is_finite()).unwrap_or(f64::NAN)
}

impl Feature {
    /// Reads a feature.
    ///
    /// # Errors
    /// Where it is not written as one; in words.
    pub fn parse(text: &str) -> Result<Feature, String> {
        let text = text.trim();
        let (outer, inner) = call(text);
        let over = match outer {
            "max" => Some(Over::Max),
            "min" => Some(Over::Min),
            "mean" => Some(Over::Mean),
            "median" => Some(Over::Median),
            _ => None,
        };
        let (over, (name, argument)) = match (over, inner) {
            (Some(over), Some(inner)) => (over, call(inner)),
            _ => (Over::Median, (outer, inner)),
        };
        let Some((_, kind, _, wide)) = KINDS.iter().find(|k| k.0 == name) else {
            let all: Vec<&str> = KINDS.iter().map(|k| k.0).collect();
            return Err(format!("{text:?} is no feature: those there are {}", all.join(", ")));
        };
        let written: Vec<&str> = match kind {
            Kind::Surprise => argument.into_iter().flat_map(|a| a.split('|')).collect(),
            _ => argument.into_iter().collect(),
        };
        let columns = ColumnSpec::parse_all(&written)?;
        let wanted = match kind {
            Kind::Count | Kind::Hosts | Kind::Users | Kind::Days => 0,
            Kind::Surprise => 2,
            _ => 1,
        };
        let form = ["", "(COLUMN)", "(COLUMN|GIVEN)"].get(wanted).copied().unwrap_or_default();
        if columns.len() != wanted {
            return Err(format!("{text:?}: write {name}{form}"));
        }
        Ok(Feature { text: text.to_owned(), over, kind: *kind, wide: *wide, columns })
    }

    /// Reads several.
    ///
    /// # Errors
    /// As [`Feature::parse`].
    pub fn parse_all<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Feature>, String> {
        texts.iter().map(|t| Feature::parse(t.as_ref())).collect()
    }

    /// Whether numbers of it spread over several powers of ten, so that a logarithmic scale suits.
    pub fn is_wide(&self) -> bool {
        self.wide
    }

    /// The column that it measures, where it is one of text.
    pub fn column(&self) -> Option<&ColumnSpec> {
        self.columns.first()
    }

    /// Whether it is the plain length of a column: a threshold of it can be said as a rule.
    pub fn is_length(&self) -> bool {
        self.text.starts_with("length(")
    }
}

/// `f(x)` as `f` and `x`.
fn call(text: &str) -> (&str, Option<&str>) {
    match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        Some((name, inner)) => (name.trim(), Some(inner.trim())),
        None => (text, None),
    }
}

/// Entities with their features: entities are the different values of the first columns.
pub struct Frame {
    /// Combinations of each entity.
    pub entities: Vec<Vec<usize>>,
    /// Features of each entity, side by side.
    pub numbers: Vec<f64>,
    /// Features of an entity.
    pub width: usize,
}

/// All columns to be read: those of the entity first, then those that features need.
pub fn columns(entity: &[ColumnSpec], features: &[Feature]) -> Vec<ColumnSpec> {
    let mut all = entity.to_vec();
    for c in features.iter().flat_map(|f| &f.columns) {
        if !all.contains(c) {
            all.push(c.clone());
        }
    }
    all
}

/// From this many hosts on, values are counted by hosts, so that what one host does often is still rare.
const MANY_HOSTS: u64 = 10;

/// How often a combination counts.
pub(crate) fn times(stacks: &Stacks, by_hosts: bool, place: usize) -> f64 {
    let s = stacks.get(place);
    if by_hosts { s.hosts.len().max(1) as f64 } else { s.count as f64 }
}

/// Whether values are counted by hosts.
pub(crate) fn by_hosts(stacks: &Stacks) -> bool {
    stacks.population().hosts >= MANY_HOSTS
}

impl Frame {
    /// Works out the features. `entity`: how many columns name the entity; `all`: what [`columns`] gave.
    pub fn new(stacks: &Stacks, entity: usize, all: &[ColumnSpec], features: &[Feature]) -> Frame {
        let mut places: Vec<usize> = (0..stacks.len()).collect();
        let name = |p: usize| (0..entity).map(move |c| stacks.id(p, c));
        let ranks = stacks.ranks();
        let rank = |p: usize, c: usize| ranks.get(stacks.id(p, c) as usize).copied();
        let order = |p: usize| (0..stacks.columns()).map(move |c| rank(p, c));
        // By text, so that the order of input does not matter.
        places.sort_by(|a, b| order(*a).cmp(order(*b)));
        let entities: Vec<Vec<usize>> =
            places.chunk_by(|a, b| name(*a).eq(name(*b))).map(<[usize]>::to_vec).collect();
        let mut numbers = vec![0.0; entities.len() * features.len()];
        for (i, f) in features.iter().enumerate() {
            let at: Vec<usize> = f.columns.iter().filter_map(|c| all.iter().position(|a| a == c)).collect();
            let work = Work::new(stacks, f, &at);
            for (e, places) in entities.iter().enumerate() {
                if let Some(to) = numbers.get_mut(e * features.len() + i) {
                    *to = work.of(places);
                }
            }
        }
        Frame { entities, numbers, width: features.len() }
    }

    /// A feature of an entity.
    pub fn get(&self, entity: usize, feature: usize) -> f64 {
        self.numbers.get(entity * self.width + feature).copied().unwrap_or(f64::NAN)
    }

    /// All numbers of a feature, by entity.
    pub fn feature(&self, feature: usize) -> Vec<f64> {
        (0..self.entities.len()).map(|e| self.get(e, feature)).collect()
    }
}

/// A feature being worked out.
struct Work<'a> {
    stacks: &'a Stacks,
    feature: &'a Feature,
    /// Places of its columns.
    at: &'a [usize],
    /// By number of a value.
    of_value: Vec<f64>,
    pairs: Conditional,
}

impl<'a> Work<'a> {
    fn new(stacks: &'a Stacks, feature: &'a Feature, at: &'a [usize]) -> Work<'a> {
        let mut w = Work { stacks, feature, at, of_value: Vec::new(), pairs: Conditional::default() };
        match feature.kind {
            Kind::OfText(f) => w.of_value = w.each_value(f),
            Kind::Rarity => w.of_value = w.rarity(),
            Kind::Prevalence => w.of_value = w.prevalence(),
            Kind::Surprise => w.learn_pairs(),
            Kind::Grams => {
                let grams = Grams::of_column(stacks, w.column());
                w.of_value = w.each_value(|t| grams.mean(t));
            }
            _ => {}
        }
        w
    }

    fn column(&self) -> usize {
        self.at.first().copied().unwrap_or(0)
    }

    /// A number for each value of the column.
    fn each_value(&self, f: impl Fn(&str) -> f64) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.stacks.numbers()];
        let mut done = vec![false; self.stacks.numbers()];
        for p in 0..self.stacks.len() {
            let id = self.stacks.id(p, self.column()) as usize;
            if let (Some(to), Some(done @ false)) = (out.get_mut(id), done.get_mut(id)) {
                *done = true;
                *to = f(&self.stacks.shown(id as TextId));
            }
        }
        out
    }

    fn rarity(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.stacks.numbers()];
        for (p, s) in self.stacks.iter() {
            if let Some(n) = counts.get_mut(self.stacks.id(p, self.column()) as usize) {
                *n += s.count as f64;
            }
        }
        let all: f64 = counts.iter().sum();
        counts.iter().map(|n| -((n + 0.5) / (all + 1.0)).log2()).collect()
    }

    fn prevalence(&self) -> Vec<f64> {
        let mut hosts = vec![Members::default(); self.stacks.numbers()];
        for (p, s) in self.stacks.iter() {
            if let Some(h) = hosts.get_mut(self.stacks.id(p, self.column()) as usize) {
                s.hosts.iter().for_each(|n| h.add(n));
            }
        }
        let all = self.stacks.population().hosts as f64;
        hosts.iter().map(|h| -((h.len() as f64 + 0.5) / (all + 1.0)).log2()).collect()
    }

    fn learn_pairs(&mut self) {
        let by_hosts = by_hosts(self.stacks);
        for p in 0..self.stacks.len() {
            let (b, a) = self.pair(p);
            self.pairs.add(a, b, times(self.stacks, by_hosts, p));
        }
    }

    fn pair(&self, place: usize) -> (TextId, u64) {
        let id = |i: usize| self.at.get(i).map_or(NONE, |c| self.stacks.id(place, *c));
        (id(0), key(&[id(1)]))
    }

    /// The feature of an entity.
    fn of(&self, places: &[usize]) -> f64 {
        let stack = |p: &usize| self.stacks.get(*p);
        let union = |of: fn(&crate::stacks::Stack) -> &Members| {
            Members::union(places.iter().map(|p| of(stack(p)))).len() as f64
        };
        match self.feature.kind {
            Kind::Count => places.iter().map(|p| stack(p).count as f64).sum(),
            Kind::Hosts => union(|s| &s.hosts),
            Kind::Users => union(|s| &s.users),
            Kind::Days => {
                let spans = || places.iter().filter_map(|p| stack(p).span);
                let (first, last) = (spans().map(|s| s.0.0).min(), spans().map(|s| s.1.0).max());
                last.unwrap_or(0).saturating_sub(first.unwrap_or(0)) as f64 / 86_400e9
            }
            Kind::Distinct => {
                let ids: BTreeSet<TextId> =
                    places.iter().map(|p| self.stacks.id(*p, self.column())).collect();
                ids.len() as f64
            }
            Kind::Surprise => self.over(places.iter().map(|p| {
                let (b, a) = self.pair(*p);
                self.pairs.surprise(a, b)
            })),
            _ => {
                let ids: BTreeSet<TextId> =
                    places.iter().map(|p| self.stacks.id(*p, self.column())).collect();
                let of = |id: &TextId| self.of_value.get(*id as usize).copied().unwrap_or(f64::NAN);
                self.over(ids.iter().map(of))
            }
        }
    }

    fn over(&self, numbers: impl Iterator<Item = f64>) -> f64 {
        let all = sorted(numbers);
        let Some(last) = all.last() else { return f64::NAN };
        match self.feature.over {
            Over::Median => median(&all),
            Over::Max => *last,
            Over::Min => all.first().copied().unwrap_or(0.0),
            Over::Mean => all.iter().sum::<f64>() / all.len() as f64,
        }
    }
}

/// A number of a feature in words, beside what is usual.
pub fn told(feature: &Feature, value: f64, usual: f64) -> String {
    let away = match (value, usual) {
        (v, u) if u > 0.0 && v >= 2.0 * u => format!(", {} times the median {}", short(v / u), short(u)),
        _ => format!(", median {}", short(usual)),
    };
    format!("{} {}{away}", feature.text, short(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read() {
        for good in
            ["count", "length(CommandLine)", "max(entropy(CommandLine))", "surprise(Image|ParentImage)"]
        {
            assert!(Feature::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "length", "length()", "surprise(Image)", "count(Image)", "size(Image)"] {
            assert!(Feature::parse(bad).is_err(), "{bad}");
        }
        assert!(Feature::parse("length(CommandLine)").unwrap().is_length());
    }

    #[test]
    fn numbers_of_texts() {
        assert_eq!((depth("C:\\a\\b"), tokens("a  b c"), upper("aB"), digits("a1")), (2.0, 3.0, 0.5, 0.5));
        assert_eq!((number("0x10"), number(" 7 ")), (16.0, 7.0));
        assert!(number("x").is_nan() && odd("%%a ") == 0.5);
    }
}
