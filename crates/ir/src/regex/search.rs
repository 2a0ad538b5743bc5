//! A search in linear time, built when it is first asked.
//!
//! Most expressions of a set of rules are never asked: the text that they cannot do without is nowhere in the
//! logs. So an expression is only read when its rule is loaded; what is bound to be small enough is not built
//! to find that out. Whether it finds itself needs a search forward without groups, a fraction of what places
//! need, which have a search of their own.

use std::sync::OnceLock;

use regex_automata::hybrid::dfa::{Builder, Config, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

use super::caches::Caches;
use super::words::Finder;
use super::{Linear, SIZE_LIMIT};

/// Bytes of one state of an automaton, its transitions counted in, at most.
const STATE: usize = 64;
/// Bytes that the states of one lazy search may take before they are made anew.
const LAZY_STATES: usize = 1 << 20;

/// A search in linear time.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) source: Linear,
    /// Where it looks for words.
    pub(super) words: Option<Finder>,
    forward: OnceLock<Option<Forward>>,
    full: OnceLock<Option<::regex::Regex>>,
}

impl Search {
    /// Reads the expression; builds it only where it might be too large.
    pub(super) fn new(source: Linear) -> Result<Search, String> {
        let words = Finder::new(&source);
        if words.is_some() {
            return Ok(Search { source, words, forward: OnceLock::new(), full: OnceLock::new() });
        }
        let size = bound(&source.hir().map_err(|e| e.to_string())?);
        let full = OnceLock::new();
        // The search backwards can be larger than the one forward.
        if size > SIZE_LIMIT / 8 {
            let built = build(&source).map_err(|e| e.to_string())?;
            full.get_or_init(|| Some(built));
        }
        Ok(Search { source, words, forward: OnceLock::new(), full })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        if let Some(words) = &self.words {
            return words.is_match(text);
        }
        let forward = self.forward.get_or_init(|| Forward::new(&self.source));
        let found = forward.as_ref().and_then(|f| f.is_match(text));
        found.unwrap_or_else(|| self.full().is_some_and(|r| r.is_match(text)))
    }

    /// The search that knows places.
    pub(super) fn full(&self) -> Option<&::regex::Regex> {
        self.full.get_or_init(|| build(&self.source).ok()).as_ref()
    }
}

impl Linear {
    /// The expression, read.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn hir(&self) -> Result<Hir, Box<regex_syntax::Error>> {
        regex_syntax::ParserBuilder::new()
            .case_insensitive(self.case_insensitive)
            .multi_line(self.multi_line)
            .dot_matches_new_line(self.dot_all)
            .build()
            .parse(&self.source)
            .map_err(Box::new)
    }
}

pub(super) fn build(l: &Linear) -> Result<::regex::Regex, ::regex::Error> {
    ::regex::RegexBuilder::new(&l.source)
        .case_insensitive(l.case_insensitive)
        .multi_line(l.multi_line)
        .dot_matches_new_line(l.dot_all)
        .size_limit(SIZE_LIMIT)
        .build()
}

/// A deterministic automaton made as far as texts ask for it.
#[derive(Debug)]
struct Forward {
    dfa: DFA,
    anchored: Anchored,
    caches: Caches,
}

impl Forward {
    fn new(l: &Linear) -> Option<Forward> {
        let config = thompson::Config::new()
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(SIZE_LIMIT))
            .shrink(false);
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&l.hir().ok()?).ok()?;
        let anchored = if nfa.is_always_start_anchored() { Anchored::Yes } else { Anchored::No };
        let config = Config::new()
            .unicode_word_boundary(true)
            .cache_capacity(LAZY_STATES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(3))
            .minimum_bytes_per_state(Some(10));
        let dfa = Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        Some(Forward { dfa, anchored, caches: Caches::default() })
    }

    /// None where it cannot say: at a word boundary beside what is not ASCII, or with too many states.
    fn is_match(&self, text: &str) -> Option<bool> {
        let input = Input::new(text).anchored(self.anchored).earliest(true);
        let mut place = self.caches.own();
        let cache = place.get_or_insert_with(|| Box::new(self.dfa.create_cache()));
        let found = self.dfa.try_search_fwd(cache, &input).ok()?;
        Some(found.is_some())
    }
}

/// Bytes that a search for the expression takes, at most.
fn bound(hir: &Hir) -> usize {
    let all = |v: &[Hir]| v.iter().map(bound).fold(STATE, usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(l) => l.0.len().saturating_mul(STATE),
        HirKind::Class(Class::Unicode(c)) => c.iter().map(range).fold(STATE, usize::saturating_add),
        HirKind::Class(Class::Bytes(c)) => (c.ranges().len() + 1) * STATE,
        HirKind::Repetition(r) => {
            let times = r.max.unwrap_or(r.min + 1).max(1) as usize;
            (bound(&r.sub).saturating_add(2 * STATE)).saturating_mul(times)
        }
        HirKind::Capture(c) => bound(&c.sub).saturating_add(2 * STATE),
        HirKind::Concat(v) | HirKind::Alternation(v) => all(v),
    }
}

fn range(r: &ClassUnicodeRange) -> usize {
    if r.end().is_ascii() {
        return STATE;
    }
    Utf8Sequences::new(r.start(), r.end()).map(|s| s.len() * STATE).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expressions of all that has a meaning of its own: classes of Unicode, anchors, boundaries, repetition.
    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("a"),
            Just("k"),
            Just("é"),
            Just("."),
            Just(r"\w"),
            Just(r"\W"),
            Just("[^a.]"),
            Just(r"\d"),
            Just("[a-fß]"),
            Just("^"),
            Just("$"),
            Just(r"\A"),
            Just(r"\z"),
            Just(r"\b"),
            Just(r"\B"),
            Just(r"(?-u:\b)"),
            Just("\n"),
            Just(""),
        ];
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|v| v.concat()),
                prop::collection::vec(inner.clone(), 2..4).prop_map(|v| format!("(?:{})", v.join("|"))),
                (inner, prop_oneof!["\\*", "\\+", "\\?", "\\{2\\}", "\\{1,3\\}\\?"])
                    .prop_map(|(e, times)| format!("({e}){times}")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn finds_what_regex_finds(
            source in expression(),
            texts in prop::collection::vec("[akéKAſK.\n 1ß_]{0,6}", 1..6),
            (case_insensitive, multi_line, dot_all) in any::<(bool, bool, bool)>(),
        ) {
            let linear = Linear { source, case_insensitive, multi_line, dot_all };
            let want = build(&linear);
            let got = Search::new(linear);
            let complaint = want.as_ref().err().map(ToString::to_string);
            prop_assert_eq!(got.as_ref().err(), complaint.as_ref());
            if let (Ok(got), Ok(want)) = (got, want) {
                for text in &texts {
                    prop_assert_eq!(got.is_match(text), want.is_match(text), "{:?} on {:?}", got.source, text);
                }
            }
        }

        /// What is not built when it is read can be built.
        #[test]
        fn what_is_small_enough_by_bound_can_be_built(source in expression(), times in 1u32..3000) {
            let large = Linear {
                source: format!("({source}){{{times}}}"),
                case_insensitive: true,
                multi_line: false,
                dot_all: false,
            };
            let fits = large.hir().is_ok_and(|h| bound(&h) <= SIZE_LIMIT / 8);
            prop_assert!(!fits || build(&large).is_ok(), "{:?}", large);
        }
    }
}
