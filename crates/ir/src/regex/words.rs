//! Text as Elasticsearch's standard analyzer sees it: words without their case, in order.
//!
//! A word is a run of letters, digits and `_`; a single `.`, `'` or `:` between two such runs does not end it, so
//! `System.IO.Compression` is one word. (Unicode's word boundaries, but for scripts written without spaces.)
//!
//! What is looked for in such a text is a regular expression, so that it means something wherever one does. Its
//! classes are large and rules have thousands of them, so they are not built: [`Finder`] finds the same.

use regex_syntax::is_word_character;

use super::Linear;
use crate::{Part, Pattern, Regex};

/// Marks that hold a word together when they stand singly within it.
const JOINERS: [char; 3] = ['.', '\'', ':'];

// These heed case: they are the same in either, and folding a class of Unicode takes long.
const LEFT: &str = r"(?-i:^|[^\w.':]|(?:^|\W)[.':])";
const GAP: &str = r"(?-i:[^\w.':]\W*|\W{2,})";
const RIGHT: &str = r"(?-i:$|[^\w.':]|[.':](?:$|\W))";
const IN_WORD: &str = r"(?-i:[\w.':])";

/// The words of a text.
pub fn words(text: &str) -> Vec<&str> {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    let mut before = None;
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        let joins = JOINERS.contains(&c) && before.is_some_and(inner) && after.is_some_and(inner);
        match (inner(c) || joins, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                out.push(&text[from..at]);
                start = None;
            }
            _ => {}
        }
        before = Some(c);
    }
    out.extend(start.map(|from| &text[from..]));
    out
}

/// The expression that finds these words next to one another.
pub fn phrase(words: &[&str]) -> Regex {
    let words: Vec<String> = words.iter().map(|w| escape(w)).collect();
    regex(format!("{LEFT}{}{RIGHT}", words.join(GAP)))
}

/// The expression that finds one word of this form; none where no word can have it.
pub fn word_like(pattern: &Pattern) -> Option<Regex> {
    let mut source = LEFT.to_owned();
    for part in pattern.parts().iter() {
        match part {
            Part::Any => source.push_str(&format!("{IN_WORD}*")),
            Part::One => source.push_str(IN_WORD),
            Part::Lit(text) => {
                if !text.chars().all(|c| c.is_alphanumeric() || c == '_' || JOINERS.contains(&c)) {
                    return None;
                }
                source.push_str(&escape(text));
            }
        }
    }
    source.push_str(RIGHT);
    Some(regex(source))
}

/// The words that an expression made by [`phrase`] finds.
pub fn words_sought(r: &Regex) -> Option<Vec<String>> {
    let inner = r.source.strip_prefix(LEFT)?.strip_suffix(RIGHT)?;
    let words: Vec<String> = inner.split(GAP).map(|w| w.replace("\\.", ".")).collect();
    let same = phrase(&words.iter().map(String::as_str).collect::<Vec<_>>()) == *r;
    (same && words.iter().all(|w| self::words(w) == [w.as_str()])).then_some(words)
}

/// The form of the word that an expression made by [`word_like`] finds.
pub fn form_sought(r: &Regex) -> Option<Pattern> {
    let pattern = form(r.source.strip_prefix(LEFT)?.strip_suffix(RIGHT)?);
    (word_like(&pattern).as_ref() == Some(r)).then_some(pattern)
}

fn form(inner: &str) -> Pattern {
    let mut pattern = Pattern::default();
    for (at, piece) in inner.split(IN_WORD).enumerate() {
        let text = match (at, piece.strip_prefix('*')) {
            (0, _) => piece,
            (_, Some(rest)) => {
                pattern.push(Part::Any);
                rest
            }
            (_, None) => {
                pattern.push(Part::One);
                piece
            }
        };
        pattern.push(Part::Lit(text.replace("\\.", ".")));
    }
    pattern
}

fn regex(source: String) -> Regex {
    Regex { source, multi_line: false, dot_all: true, whole: false }
}

/// Words are letters, digits, `_` and joiners: of these only the full stop means something.
fn escape(word: &str) -> String {
    word.replace('.', "\\.")
}

/// Finds what an expression of [`phrase`] or [`word_like`] finds, with words of ASCII: an automaton of so few states
/// that they are the bits of one number.
#[derive(Debug)]
pub(super) struct Finder {
    states: Vec<State>,
    fold: bool,
}

/// What a state takes; the next one follows where not said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Letter(u8),
    /// A character of a word.
    One,
    /// Any number of them.
    Any,
    /// What ends a word: alone where it is no joiner, else at least two. Its own three states.
    Gap,
    GapNeedsMore,
    GapGoesOn,
}

/// What a character is to words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Joiner,
    Other,
}

impl Class {
    fn of(c: char) -> Class {
        match c {
            _ if c.is_ascii_alphanumeric() || c == '_' => Class::Word,
            _ if JOINERS.contains(&c) => Class::Joiner,
            _ if c.is_ascii() || !is_word_character(c) => Class::Other,
            _ => Class::Word,
        }
    }
}

impl Finder {
    /// None where the expression is another.
    pub(super) fn new(l: &Linear) -> Option<Finder> {
        let inner = l.source.strip_prefix(LEFT)?.strip_suffix(RIGHT)?;
        let mut states = Vec::new();
        for (at, word) in inner.split(GAP).enumerate() {
            if at > 0 {
                states.extend([State::Gap, State::GapNeedsMore, State::GapGoesOn]);
            }
            for part in form(word).parts().iter() {
                match part {
                    Part::Any => states.push(State::Any),
                    Part::One => states.push(State::One),
                    Part::Lit(text) => {
                        let known = |b: u8| b.is_ascii_alphanumeric() || b"_.':".contains(&b);
                        if !text.bytes().all(known) {
                            return None;
                        }
                        states.extend(text.bytes().map(State::Letter));
                    }
                }
            }
        }
        let few = (1..128).contains(&states.len()) && !l.multi_line;
        few.then_some(Finder { states, fold: l.case_insensitive })
    }

    /// The texts of ASCII that it cannot match without, all of them.
    pub(super) fn literals(&self) -> Vec<String> {
        let letter = |s: &State| match s {
            State::Letter(b) => Some(char::from(b.to_ascii_lowercase())),
            _ => None,
        };
        let runs = self.states.chunk_by(|a, b| letter(a).is_some() == letter(b).is_some());
        runs.map(|run| run.iter().filter_map(letter).collect()).filter(|s: &String| !s.is_empty()).collect()
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        let end = 1u128 << self.states.len();
        let mut at = 0u128;
        // The class of the last character and the one before; the text begins as if after a gap.
        let (mut last, mut before) = (Class::Other, Class::Other);
        let mut chars = text.chars().map(|c| (c, Class::of(c))).peekable();
        loop {
            if last == Class::Other || (last == Class::Joiner && before != Class::Word) {
                at = self.entered(at | 1);
            }
            let now = chars.next();
            if at & end != 0 {
                let stands = match (now, chars.peek()) {
                    (None | Some((_, Class::Other)), _) => true,
                    (Some((_, Class::Joiner)), next) => next.is_none_or(|(_, c)| *c != Class::Word),
                    _ => false,
                };
                if stands {
                    return true;
                }
            }
            let Some((c, class)) = now else { return false };
            at = if at == 0 { 0 } else { self.step(at & !end, c, class) };
            (last, before) = (class, last);
        }
    }

    /// With the states that are reached without a character.
    fn entered(&self, mut at: u128) -> u128 {
        let mut open = at;
        while open != 0 {
            let n = open.trailing_zeros() as usize;
            open &= open - 1;
            if matches!(self.states.get(n), Some(State::Any | State::GapGoesOn)) && at >> (n + 1) & 1 == 0 {
                at |= 1 << (n + 1);
                open |= 1 << (n + 1);
            }
        }
        at
    }

    fn step(&self, at: u128, c: char, class: Class) -> u128 {
        let (mut open, mut next) = (at, 0u128);
        while open != 0 {
            let n = open.trailing_zeros() as usize;
            open &= open - 1;
            let to = match self.states.get(n) {
                Some(State::Letter(b)) if self.is_letter(*b, c) => n + 1,
                Some(State::One) if class != Class::Other => n + 1,
                Some(State::Any) if class != Class::Other => n,
                Some(State::Gap) if class == Class::Other => n + 2,
                Some(State::Gap) if class == Class::Joiner => n + 1,
                Some(State::GapNeedsMore) if class != Class::Word => n + 1,
                Some(State::GapGoesOn) if class != Class::Word => n,
                _ => continue,
            };
            next |= 1 << to;
        }
        self.entered(next)
    }

    /// Whether they are the same, by the simple folding of Unicode where case is ignored.
    fn is_letter(&self, b: u8, c: char) -> bool {
        match c {
            _ if !self.fold => char::from(b) == c,
            'ſ' => matches!(b, b's' | b'S'),
            '\u{212a}' => matches!(b, b'k' | b'K'),
            _ => char::from(b).eq_ignore_ascii_case(&c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flavor, Fold, Words, eval};
    use proptest::prelude::*;

    #[test]
    fn words_of_a_text() {
        for (text, want) in [
            ("[IO.Compression.GzipStream]::new", vec!["IO.Compression.GzipStream", "new"]),
            ("a-b c_d. it's ::x", vec!["a", "b", "c_d", "it's", "x"]),
            ("*", vec![]),
        ] {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn phrases_stand_on_whole_words() {
        let how = Words { fold: Fold::Unicode, regex: Flavor::Rust, ..Words::default() };
        for (literal, text, want) in [
            ("FromBase64String", "[Convert]::FROMBASE64STRING($x)", true),
            ("FromBase64String", "[System.Convert.FromBase64String]", false),
            ("FromBase64String", "FromBase64Strings", false),
            ("segfault at", "x[1]: segfault, at 0", true),
            ("segfault at", "segfault not at", false),
            ("io.compression", "io compression", false),
            ("a b", "a.b", false),
            ("a b", "a::b", true),
            ("end", "the end.", true),
        ] {
            assert_eq!(
                eval::regex_matches(&phrase(&words(literal)), text, &how),
                want,
                "{literal} in {text}"
            );
        }
    }

    #[test]
    fn one_word_of_a_form() {
        let how = Words { fold: Fold::Unicode, regex: Flavor::Rust, ..Words::default() };
        let part = Pattern::contains("compress");
        assert!(eval::regex_matches(&word_like(&part).unwrap(), "x System.IO.Compression y", &how));
        assert!(!eval::regex_matches(&word_like(&Pattern::exact("compress")).unwrap(), "Compression", &how));
        assert!(word_like(&Pattern::contains("a-b")).is_none());
    }

    /// What words stand in heeds case, and must be the same without.
    #[test]
    fn surroundings_have_no_case() {
        for source in [LEFT, GAP, RIGHT, IN_WORD] {
            let folded = source.replacen("(?-i:", "(?i:", 1);
            let linear = |source: &str| Linear {
                source: source.into(),
                case_insensitive: false,
                multi_line: false,
                dot_all: true,
            };
            assert_eq!(linear(source).hir().unwrap(), linear(&folded).hir().unwrap());
        }
    }

    fn wildcards() -> impl Strategy<Value = Pattern> {
        let part = prop_oneof![
            Just(Part::Any),
            Just(Part::One),
            "[akS_.:']{1,2}".prop_map(Part::Lit),
            "[akS]".prop_map(Part::Lit)
        ];
        prop::collection::vec(part, 1..6).prop_map(|parts| {
            let mut pattern = Pattern::default();
            parts.into_iter().for_each(|p| pattern.push(p));
            pattern
        })
    }

    fn agree(r: &Regex, texts: &[String], fold: bool) -> Result<(), TestCaseError> {
        let linear = Linear {
            source: r.source.clone(),
            case_insensitive: fold,
            multi_line: r.multi_line,
            dot_all: r.dot_all,
        };
        let want = super::super::search::build(&linear).unwrap();
        let finder = Finder::new(&linear).unwrap();
        for text in texts {
            prop_assert_eq!(finder.is_match(text), want.is_match(text), "{} on {:?}", r.source, text);
            let lower = text.to_lowercase();
            let needs = finder.literals().iter().all(|l| lower.contains(l));
            prop_assert!(!text.is_ascii() || !want.is_match(text) || needs);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn phrases_are_found_as_the_expression_finds_them(
            sought in prop::collection::vec("[akS_](\\.?[akS_]){0,2}", 1..4),
            texts in prop::collection::vec("[akKsſSé_.:' \\-\u{300}\u{212a}]{0,12}", 1..12),
            fold in any::<bool>(),
        ) {
            let sought: Vec<&str> = sought.iter().map(String::as_str).collect();
            let near: Vec<String> = [".", " ", "::", " .", ". ", "-"].map(|gap| sought.join(gap)).into();
            let r = phrase(&sought);
            agree(&r, &texts, fold)?;
            agree(&r, &near, fold)?;
            let around: Vec<String> =
                texts.iter().zip(near.iter().cycle()).map(|(t, n)| format!("{t}{n}{t}")).collect();
            agree(&r, &around, fold)?;
        }

        #[test]
        fn forms_of_words_are_found_as_the_expression_finds_them(
            pattern in wildcards(),
            texts in prop::collection::vec("[akKsſSé_.:' \\-\u{300}\u{212a}]{0,8}", 1..16),
            fold in any::<bool>(),
        ) {
            let r = word_like(&pattern).unwrap();
            agree(&r, &texts, fold)?;
        }
    }
}
