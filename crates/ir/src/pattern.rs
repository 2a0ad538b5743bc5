//! The one wildcard form: literal text, `any` and `one`, always matched against the whole value.
//!
//! `contains x` is `any x any`. Each language parses its own glob syntax into this.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::said::{Said, refuse};

/// A piece of a pattern, its text owned or, where it is looked at, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part<T = String> {
    /// This text. Never empty, never two in a row.
    Lit(T),
    /// Any number of any characters.
    Any,
    /// Exactly one character.
    One,
}

impl Part<&str> {
    /// The piece with a text of its own.
    pub fn owned(&self) -> Part {
        match self {
            Part::Lit(s) => Part::Lit((*s).to_owned()),
            Part::Any => Part::Any,
            Part::One => Part::One,
        }
    }
}

impl Part {
    fn borrowed(&self) -> Part<&str> {
        match self {
            Part::Lit(s) => Part::Lit(s),
            Part::Any => Part::Any,
            Part::One => Part::One,
        }
    }
}

/// A wildcard pattern over a whole value. The empty pattern matches the empty text.
///
/// Copies share what they hold: patterns are what rules mostly consist of, and a rule, its filters and the matcher
/// hold the same ones.
#[derive(Clone)]
pub struct Pattern(Form);

/// Nearly all patterns are one text, open at one end or both: these are held as that text.
#[derive(Clone)]
enum Form {
    Text(Text),
    Parts(Arc<Vec<Part>>),
}

/// A text with `Any` before it, after it, or both. Never empty.
#[derive(Clone)]
struct Text {
    /// Its own, or that of several patterns.
    within: Arc<str>,
    start: u32,
    /// In bytes; the two upper bits say what is open. Thousands of rules hold hundreds of thousands of these.
    length: u32,
}

impl Text {
    const BEFORE: u32 = 1 << 31;
    const AFTER: u32 = 1 << 30;
    /// Longer texts are held otherwise.
    const LONGEST: usize = Self::AFTER as usize - 1;

    fn get(&self) -> &str {
        let start = self.start as usize;
        self.within.get(start..start + (self.length as usize & Self::LONGEST)).unwrap_or_default()
    }
    fn before(&self) -> bool {
        self.length & Self::BEFORE != 0
    }
    fn after(&self) -> bool {
        self.length & Self::AFTER != 0
    }
}

/// The pieces of a pattern: a slice of them.
pub struct Parts<'p>(Pieces<'p>);

enum Pieces<'p> {
    /// So many of these, from the first or from the second on.
    Few([Part<&'p str>; 3], Range<usize>),
    Many(Vec<Part<&'p str>>),
}

impl<'p> Deref for Parts<'p> {
    type Target = [Part<&'p str>];

    fn deref(&self) -> &[Part<&'p str>] {
        match &self.0 {
            Pieces::Few(pieces, range) => pieces.get(range.clone()).unwrap_or_default(),
            Pieces::Many(pieces) => pieces,
        }
    }
}

impl Pattern {
    /// From pieces; neighbouring literals are joined, empty ones and repeated `Any` dropped.
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Pattern {
        let parts = parts.into_iter();
        let mut joined = Vec::with_capacity(parts.size_hint().0);
        parts.for_each(|part| join(&mut joined, part));
        match joined.as_slice() {
            [Part::Lit(text)] => Pattern::exact(text),
            [Part::Any, Part::Lit(text)] => Pattern::exact_within(text, true, false),
            [Part::Lit(text), Part::Any] => Pattern::exact_within(text, false, true),
            [Part::Any, Part::Lit(text), Part::Any] => Pattern::contains(text),
            _ => Pattern(Form::Parts(Arc::new(joined))),
        }
    }
    /// Exactly this text.
    pub fn exact(text: &str) -> Pattern {
        Pattern::exact_within(text, false, false)
    }
    /// This text, with `Any` before it, after it, or both.
    pub fn exact_within(text: &str, before: bool, after: bool) -> Pattern {
        let any = |there: bool| there.then_some(Part::Any);
        if text.is_empty() {
            return Pattern(Form::Parts(Arc::new(any(before || after).into_iter().collect())));
        }
        if text.len() > Text::LONGEST {
            let parts = any(before).into_iter().chain([Part::Lit(text.to_owned())]).chain(any(after));
            return Pattern(Form::Parts(Arc::new(parts.collect())));
        }
        let open = if before { Text::BEFORE } else { 0 } | if after { Text::AFTER } else { 0 };
        Pattern(Form::Text(Text { within: text.into(), start: 0, length: text.len() as u32 | open }))
    }
    /// Has patterns that are held side by side hold their texts side by side as well: one block of memory instead of
    /// many.
    pub fn share(patterns: &mut [Pattern]) {
        let texts = |patterns: &mut [Pattern], f: &mut dyn FnMut(&mut Text)| {
            patterns.iter_mut().for_each(|p| {
                if let Form::Text(text) = &mut p.0 {
                    f(text)
                }
            });
        };
        let (mut number, mut length) = (0, 0);
        texts(patterns, &mut |text| {
            number += 1;
            length += text.get().len();
        });
        if number < 2 || length > Text::LONGEST {
            return;
        }
        let mut all = String::with_capacity(length);
        texts(patterns, &mut |text| all.push_str(text.get()));
        let all: Arc<str> = all.into();
        let mut start = 0;
        texts(patterns, &mut |text| {
            (text.within, text.start) = (all.clone(), start);
            start += text.length & Text::LONGEST as u32;
        });
    }
    /// This text anywhere.
    pub fn contains(text: &str) -> Pattern {
        Pattern::exact_within(text, true, true)
    }
    /// Appends a piece.
    pub fn push(&mut self, part: Part) {
        self.change(|parts| join(parts, part));
    }
    /// Appends one character of literal text.
    pub fn push_char(&mut self, c: char) {
        self.change(|parts| match parts.last_mut() {
            Some(Part::Lit(s)) => s.push(c),
            _ => parts.push(Part::Lit(c.into())),
        });
    }
    /// Has the pieces changed.
    fn change(&mut self, f: impl FnOnce(&mut Vec<Part>)) {
        match &mut self.0 {
            Form::Parts(parts) => f(Arc::make_mut(parts)),
            Form::Text(_) => {
                let mut parts = self.parts().iter().map(Part::owned).collect();
                f(&mut parts);
                self.0 = Form::Parts(Arc::new(parts));
            }
        }
    }
    /// The same with `Any` before it, after it, or both.
    pub fn around(self, before: bool, after: bool) -> Pattern {
        let before = if before { self.any_before() } else { self };
        if after { before.any_after() } else { before }
    }
    /// The same with `Any` before it.
    pub fn any_before(mut self) -> Pattern {
        match &mut self.0 {
            Form::Text(text) => text.length |= Text::BEFORE,
            Form::Parts(parts) if parts.first() == Some(&Part::Any) => {}
            Form::Parts(parts) => Arc::make_mut(parts).insert(0, Part::Any),
        }
        self
    }
    /// The same with `Any` after it.
    pub fn any_after(mut self) -> Pattern {
        match &mut self.0 {
            Form::Text(text) => text.length |= Text::AFTER,
            Form::Parts(parts) if parts.last() == Some(&Part::Any) => {}
            Form::Parts(parts) => Arc::make_mut(parts).push(Part::Any),
        }
        self
    }
    /// The pieces.
    pub fn parts(&self) -> Parts<'_> {
        Parts(match &self.0 {
            Form::Text(text) => {
                let range = usize::from(!text.before())..2 + usize::from(text.after());
                Pieces::Few([Part::Any, Part::Lit(text.get()), Part::Any], range)
            }
            Form::Parts(parts) => Pieces::Many(parts.iter().map(Part::borrowed).collect()),
        })
    }
    /// The literal texts among the pieces.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let (text, parts) = match &self.0 {
            Form::Text(text) => (Some(text.get()), &[][..]),
            Form::Parts(parts) => (None, parts.as_slice()),
        };
        text.into_iter().chain(parts.iter().filter_map(|part| match part {
            Part::Lit(s) => Some(s.as_str()),
            Part::Any | Part::One => None,
        }))
    }
    /// Whether every text matches.
    pub fn is_any(&self) -> bool {
        *self.parts() == [Part::Any]
    }
    /// The text, where the pattern has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match *self.parts() {
            [] => Some(""),
            [Part::Lit(s)] => Some(s),
            _ => None,
        }
    }
    /// Of a text with `*` as the one wildcard there is, and no way to write it as itself.
    pub fn of_starred(text: &str) -> Pattern {
        let mut pattern = Pattern::default();
        for (i, literal) in text.split('*').enumerate() {
            if i > 0 {
                pattern.push(Part::Any);
            }
            pattern.push(Part::Lit(literal.to_owned()));
        }
        pattern
    }
    /// Of a text with `*`, `?`, and `\` before what is itself; a `\` at the end is itself.
    pub fn of_glob(text: &str) -> Pattern {
        let mut pattern = Pattern::default();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' => pattern.push(Part::Any),
                '?' => pattern.push(Part::One),
                '\\' => pattern.push_char(chars.next().unwrap_or('\\')),
                c => pattern.push_char(c),
            }
        }
        pattern
    }
    /// Written with `*` as the one wildcard there is: the opposite of [`Pattern::of_starred`].
    ///
    /// # Errors
    /// What cannot be written so.
    pub fn starred(&self) -> Said {
        let mut out = String::new();
        for part in self.parts().iter() {
            match part {
                Part::Any => out.push('*'),
                Part::Lit(l) if l.contains('*') => return refuse("an asterisk that is no wildcard"),
                Part::Lit(l) => out.push_str(l),
                Part::One => return refuse("a wildcard for one character"),
            }
        }
        Ok(out)
    }
    /// With every literal passed through `f`, e.g. folded.
    pub fn map(&self, f: impl Fn(&str) -> String) -> Pattern {
        match &self.0 {
            Form::Text(text) => Pattern::exact_within(&f(text.get()), text.before(), text.after()),
            Form::Parts(parts) => Pattern::new(parts.iter().map(|p| match p {
                Part::Lit(s) => Part::Lit(f(s)),
                other => other.clone(),
            })),
        }
    }

    /// Whether the whole of `text` matches, character by character, no folding. The slow, obvious way
    /// (greedy with one backtrack point, O(n·m)).
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let pat = self.flatten();
        let (mut t, mut p) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while t < text.len() {
            match pat.get(p) {
                Some(None) => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                Some(Some(want)) if want.is_none_or(|c| c == text[t]) => {
                    p += 1;
                    t += 1;
                }
                _ => match retry {
                    Some((after, from)) => {
                        retry = Some((after, from + 1));
                        p = after;
                        t = from + 1;
                    }
                    None => return false,
                },
            }
        }
        pat[p..].iter().all(Option::is_none)
    }

    /// The same in place for ASCII, with or without heed to case; none where the text or the pattern is not ASCII.
    pub(crate) fn matches_ascii(&self, text: &str, ignore_case: bool) -> Option<bool> {
        let parts = self.parts();
        let ascii = |p: &Part<&str>| !matches!(p, Part::Lit(s) if !s.is_ascii());
        if !text.is_ascii() || !parts.iter().all(ascii) {
            return None;
        }
        let text = text.as_bytes();
        let same = |a: &[u8], b: &[u8]| if ignore_case { a.eq_ignore_ascii_case(b) } else { a == b };
        let (mut t, mut p) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let taken = match parts.get(p) {
                None => (t == text.len()).then_some(0),
                Some(Part::Any) => {
                    retry = Some((p + 1, t));
                    Some(0)
                }
                Some(Part::One) => (t < text.len()).then_some(1),
                Some(Part::Lit(s)) => {
                    let there = text.get(t..t + s.len()).is_some_and(|x| same(x, s.as_bytes()));
                    there.then_some(s.len())
                }
            };
            match (taken, retry) {
                (Some(_), _) if p == parts.len() => return Some(true),
                (Some(n), _) => (t, p) = (t + n, p + 1),
                (None, Some((after, from))) if from < text.len() => {
                    retry = Some((after, from + 1));
                    (t, p) = (from + 1, after);
                }
                (None, _) => return Some(false),
            }
        }
    }

    /// One entry a character: `None` any number, `Some(None)` one of any, `Some(Some(c))` this one.
    fn flatten(&self) -> Vec<Option<Option<char>>> {
        let mut out = Vec::new();
        for part in self.parts().iter() {
            match part {
                Part::Any => out.push(None),
                Part::One => out.push(Some(None)),
                Part::Lit(s) => out.extend(s.chars().map(|c| Some(Some(c)))),
            }
        }
        out
    }
}

impl Default for Pattern {
    fn default() -> Pattern {
        Pattern(Form::Parts(Arc::default()))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        *self.parts() == *other.parts()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Pattern) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Pattern) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").field("parts", &&*self.parts()).finish()
    }
}

/// Appends a piece to others.
fn join(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (_, Part::Lit(s)) if s.is_empty() => {}
        (Some(Part::Lit(a)), Part::Lit(b)) => a.push_str(&b),
        (Some(Part::Any), Part::Any) => {}
        (_, p) => parts.push(p),
    }
}

/// `*` and `?` for the wildcards, `\` before a literal `*`, `?` or `\`.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.parts().iter() {
            match part {
                Part::Any => f.write_str("*")?,
                Part::One => f.write_str("?")?,
                Part::Lit(s) => {
                    for c in s.chars() {
                        if matches!(c, '*' | '?' | '\\') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Part::{Any, Lit, One};
    use proptest::strategy::Strategy;

    proptest::proptest! {
        #[test]
        fn ascii_in_place_as_character_by_character(
            parts in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::prelude::Just(Any),
                    proptest::prelude::Just(One),
                    "[abAé]{1,2}".prop_map(Lit),
                ],
                0..6,
            ),
            text in "[abABé]{0,8}",
        ) {
            let pattern = Pattern::new(parts);
            let lower = pattern.map(str::to_lowercase).matches(&text.to_lowercase());
            let known = text.is_ascii() && !pattern.to_string().contains('é');
            proptest::prop_assert_eq!(pattern.matches_ascii(&text, false), known.then(|| pattern.matches(&text)));
            proptest::prop_assert_eq!(pattern.matches_ascii(&text, true), known.then_some(lower));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_same_however_it_is_made(text in "[ab*]{0,4}", before: bool, after: bool, more in "[ab]{0,2}") {
            let any = |there: bool| there.then_some(Any);
            let all: Vec<Part> = any(before).into_iter().chain([Lit(text.clone())]).chain(any(after)).collect();
            let mut pushed = Pattern::default();
            all.iter().for_each(|p| pushed.push(p.clone()));
            let mut made = [
                pushed,
                Pattern::new(all),
                Pattern::exact_within(&text, before, after),
                Pattern::exact(&text).around(before, after),
                Pattern::exact_within(&text.to_uppercase(), before, after).map(str::to_lowercase),
            ];
            let mut shared = made.clone();
            Pattern::share(&mut shared);
            proptest::prop_assert_eq!(&shared, &made);
            made[1..].clone_from_slice(&shared[1..]);
            for n in 0..2 {
                for p in &made {
                    proptest::prop_assert_eq!(p, &made[0]);
                    proptest::prop_assert_eq!(hash_of(p), hash_of(&made[0]));
                    proptest::prop_assert_eq!(format!("{p} {p:?} {:?}", p.literal()), format!("{0} {0:?} {1:?}", made[0], made[0].literal()));
                }
                made.iter_mut().for_each(|p| if n == 0 { more.chars().for_each(|c| p.push_char(c)) });
            }
        }
    }

    fn hash_of(p: &Pattern) -> u64 {
        use std::hash::BuildHasher;
        std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(p)
    }

    #[test]
    fn whole_value_matching() {
        let lit = |s: &str| Lit(s.into());
        let p = Pattern::new([Any, lit("ab"), One, Any, lit("c")]);
        for (text, want) in
            [("abxc", true), ("zabxyyc", true), ("abc", false), ("ababxc", true), ("abxcd", false)]
        {
            assert_eq!(p.matches(text), want, "{text}");
        }
        assert!(Pattern::default().matches(""));
        assert!(!Pattern::default().matches("a"));
        assert!(Pattern::contains("é").matches("xéy"));
        assert_eq!(Pattern::contains("a*b").to_string(), "*a\\*b*");
    }
}
