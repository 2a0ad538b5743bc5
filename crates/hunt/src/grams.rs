//! How surprising the characters of a text are beside those of other texts: a Markov model of characters.
//!
//! Each character is judged by the three before it, mixed with what follows two, one and none of them (Witten
//! and Bell). The text itself is left out of what is known, so that a text that exists once gains nothing from
//! itself. Case is ignored, runs of digits are one character.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::read::NONE;
use crate::stacks::Stacks;

/// Characters before the one that is judged.
const ORDER: usize = 3;
/// Longer texts are judged by their beginning.
const LONGEST: usize = 2048;
/// Different contexts held; further ones are unknown.
const MOST: usize = 4_000_000;
/// A text seen more often counts no more.
const HEAVIEST: u64 = 20;

const HASHER: FixedState = FixedState::with_seed(17);

/// What is known of a context: characters that followed it, different ones.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    times: f32,
    kinds: f32,
}

/// A model of characters.
#[derive(Clone, Debug)]
pub struct Grams {
    contexts: HashMap<u64, Seen, FixedState>,
    follows: HashMap<u64, f32, FixedState>,
    alphabet: f64,
    texts: u64,
}

/// The characters that are judged: folded, digits as `0`, with their places in the text.
fn read(text: &str) -> Vec<(char, Range<usize>)> {
    let mut out: Vec<(char, Range<usize>)> = Vec::new();
    for (at, c) in text.char_indices().take(LONGEST) {
        let end = at + c.len_utf8();
        let c = match c {
            c if c.is_ascii_digit() => '0',
            c if c.is_whitespace() => ' ',
            c => c.to_lowercase().next().unwrap_or(c),
        };
        match out.last_mut() {
            Some((before, range)) if *before == c && matches!(c, '0' | ' ') => range.end = end,
            _ => out.push((c, at..end)),
        }
    }
    out
}

/// Contexts of the character at a place, the shortest first, each as a number.
fn contexts(chars: &[(char, Range<usize>)], at: usize) -> [u64; ORDER + 1] {
    std::array::from_fn(|n| {
        // The beginning of the text is a context like any other.
        let before = |i: usize| at.checked_sub(i).and_then(|p| chars.get(p)).map_or('\0', |c| c.0);
        let mut context = ['\u{1}'; ORDER];
        (0..n).for_each(|i| context[i] = before(i + 1));
        HASHER.hash_one((n, context))
    })
}

fn pair(context: u64, c: char) -> u64 {
    HASHER.hash_one((context, c))
}

impl Default for Grams {
    fn default() -> Grams {
        Grams {
            contexts: HashMap::with_hasher(HASHER),
            follows: HashMap::with_hasher(HASHER),
            alphabet: 128.0,
            texts: 0,
        }
    }
}

impl Grams {
    /// Of the different texts of a column. A text counts once for each host that has it, or for each event
    /// where there are few hosts, up to a bound.
    pub fn of_column(stacks: &Stacks, column: usize) -> Grams {
        let by_hosts = crate::feature::by_hosts(stacks);
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for (p, s) in stacks.iter() {
            let id = stacks.id(p, column);
            if id != NONE {
                *counts.entry(id).or_default() += if by_hosts { s.hosts.len() } else { s.count };
            }
        }
        let mut grams = Grams::default();
        for (id, n) in counts {
            grams.add(&stacks.shown(id), n.clamp(1, HEAVIEST));
        }
        grams
    }

    /// Learns a text, so many times.
    pub fn add(&mut self, text: &str, times: u64) {
        self.texts += 1;
        let chars = read(text);
        for (at, (c, _)) in chars.iter().enumerate() {
            for context in contexts(&chars, at) {
                if self.follows.len() >= MOST && !self.contexts.contains_key(&context) {
                    break;
                }
                let follow = self.follows.entry(pair(context, *c)).or_insert(0.0);
                let seen = self.contexts.entry(context).or_default();
                seen.kinds += f32::from(u8::from(*follow == 0.0));
                seen.times += times as f32;
                *follow += times as f32;
            }
        }
    }

    /// Texts learnt.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// Bits of surprise at each character, with its place in the text; the text itself left out once.
    pub fn surprises(&self, text: &str) -> Vec<(f64, Range<usize>)> {
        let chars = read(text);
        let own = own_counts(&chars);
        let judge = |(at, (c, range)): (usize, &(char, Range<usize>))| {
            let mut p = 1.0 / self.alphabet;
            for context in contexts(&chars, at) {
                let Some(seen) = self.contexts.get(&context) else { break };
                let mine = own.get(&context).copied().unwrap_or(0.0);
                let key = pair(context, *c);
                let (times, follow) = (
                    (f64::from(seen.times) - mine).max(0.0),
                    (f64::from(self.follows.get(&key).copied().unwrap_or(0.0))
                        - own.get(&key).copied().unwrap_or(0.0))
                    .max(0.0),
                );
                if times == 0.0 {
                    break;
                }
                let kinds = f64::from(seen.kinds).max(1.0);
                p = (follow + kinds * p) / (times + kinds);
            }
            (-p.log2(), range.clone())
        };
        chars.iter().enumerate().map(judge).collect()
    }

    /// Mean bits of surprise of the odder half of the characters: what is usual in a long text must not hide
    /// what is not.
    pub fn mean(&self, text: &str) -> f64 {
        odder_half(&self.surprises(text))
    }
}

/// See [`Grams::mean`].
pub fn odder_half(surprises: &[(f64, Range<usize>)]) -> f64 {
    let mut all: Vec<f64> = surprises.iter().map(|s| s.0).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.truncate(all.len().div_ceil(2));
    if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
}

/// What one time of the text adds to contexts and pairs.
fn own_counts(chars: &[(char, Range<usize>)]) -> HashMap<u64, f64, FixedState> {
    let mut own = HashMap::with_hasher(HASHER);
    for (at, (c, _)) in chars.iter().enumerate() {
        for context in contexts(chars, at) {
            *own.entry(context).or_insert(0.0) += 1.0;
            *own.entry(pair(context, *c)).or_insert(0.0) += 1.0;
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_is_odd_and_marked() {
        let mut g = Grams::default();
        let texts: Vec<String> =
            (0..60).map(|i| format!("svchost.exe -k group{i} -p -s Service{}", i % 9)).collect();
        texts.iter().for_each(|t| g.add(t, 1));
        let odd = "svchost.exe -k group1 ^&%zq -s Service1";
        g.add(odd, 1);
        let usual = texts.iter().map(|t| g.mean(t)).fold(0.0, f64::max);
        assert!(g.mean(odd) > 1.5 * usual, "{} {usual}", g.mean(odd));
        let top = g.surprises(odd).into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert!("^&%zq".contains(&odd[top.1.clone()]), "{:?}", &odd[top.1]);
    }

    #[test]
    fn alone_it_knows_nothing_of_itself() {
        let mut g = Grams::default();
        g.add("abcabc", 1);
        assert!(g.surprises("abcabc").iter().all(|s| (s.0 - 7.0).abs() < 1e-9));
        assert_eq!(g.mean(""), 0.0);
    }
}
