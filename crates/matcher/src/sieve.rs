//! Tells of most JSON strings, as they lie in the file, that no comparison of a program can hold for them: without
//! resolving escapes, without folding, and without remembering anything.
//!
//! Long values seldom come again, and seldom hold what rules look for. Of each literal the longest stretch is
//! taken that stands in a JSON string as it is, whatever is escaped; where none of these is found, the literals are
//! not there. Strings with `\u`, or with one of the two letters beyond ASCII that fold to ASCII, are left to the full
//! evaluation.

use memchr::memmem;

use crate::grams::{Lane, WIDEST};

/// More literals are found in most strings anyway.
const MOST: usize = 512;
/// Longest steps.
const STEPS: usize = 8;

/// What has to stand in a JSON string for some comparison to hold.
#[derive(Debug)]
pub(crate) struct Sieve {
    stretches: Vec<Box<[u8]>>,
    /// Length of the shortest: no escape is shorter than what it stands for.
    shortest: usize,
    lane: Option<Lane>,
    /// Strings up to this length, as they lie in the file, may be a text that is asked for as a whole.
    whole: Option<usize>,
    /// Nothing can be said of strings beyond ASCII.
    ascii_only: bool,
    unicode: memmem::Finder<'static>,
}

/// Collects what comparisons need.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Folded texts of which one has to be in the string.
    pub literals: Vec<String>,
    /// Length of the longest text that the string may equal as a whole.
    pub whole: Option<usize>,
    /// That is all for ASCII strings only.
    pub ascii_only: bool,
}

impl Sieve {
    /// None where it would not tell much.
    pub fn new(needs: Needs) -> Option<Sieve> {
        if needs.literals.len() > MOST {
            return None;
        }
        let mut stretches: Vec<Box<[u8]>> = needs.literals.iter().map(|l| stretch(l).into()).collect();
        stretches.sort_unstable();
        stretches.dedup();
        let shortest = stretches.iter().map(|s| s.len()).min().unwrap_or(WIDEST);
        let step = (shortest + 1).checked_sub(WIDEST).filter(|step| *step > 0)?.min(STEPS);
        let lane = Lane::new(WIDEST, step, (0..).zip(stretches.iter().map(|s| &**s)));
        // An escape of two bytes stands for one, and folding takes away less than that.
        let whole = needs.whole.map(|length| 2 * length);
        let unicode = memmem::Finder::new(b"\\u").into_owned();
        Some(Sieve { lane, stretches, shortest, whole, ascii_only: needs.ascii_only, unicode })
    }

    /// Whether it is certain that no comparison holds for the string whose inside is `raw`.
    pub fn holds_back(&self, raw: &[u8]) -> bool {
        if self.whole.is_some_and(|longest| raw.len() <= longest) {
            return false;
        }
        (raw.len() < self.shortest && self.whole.is_none() && !self.ascii_only)
            || (!self.finds(raw)
                && (raw.is_ascii() || !(self.ascii_only || may_become_ascii(raw)))
                && !self.has_unicode_escape(raw))
    }

    fn has_unicode_escape(&self, raw: &[u8]) -> bool {
        let escape = |at: usize| {
            let before = raw.get(..at).unwrap_or_default();
            before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0
        };
        self.unicode.find_iter(raw).any(escape)
    }

    fn finds(&self, raw: &[u8]) -> bool {
        let Some(lane) = &self.lane else { return false };
        let mut found = false;
        lane.search(raw, |number, start| {
            let own = self.stretches.get(number as usize).map_or(&[][..], |s| s);
            found |= raw.get(start..start + own.len()).is_some_and(|r| r.eq_ignore_ascii_case(own));
        });
        found
    }
}

/// Whether there are letters beyond ASCII whose folded form has ASCII in it.
fn may_become_ascii(raw: &[u8]) -> bool {
    let [kelvin, dotted] = BECOME_ASCII.map(str::as_bytes);
    memchr::memchr2_iter(kelvin[0], dotted[0], raw).any(|at| {
        let rest = raw.get(at..).unwrap_or_default();
        rest.starts_with(kelvin) || rest.starts_with(dotted)
    })
}

/// The sign of kelvin, and the capital I with a dot.
const BECOME_ASCII: [&str; 2] = ["\u{212a}", "\u{130}"];

/// The longest stretch of a literal that has one form only in a string without `\u`.
fn stretch(literal: &str) -> &[u8] {
    let plain = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\' | b'/');
    literal.as_bytes().split(|b| !plain(b)).max_by_key(|s| s.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shikra_event::{Kind, Slot};
    use shikra_ir::Fold;
    use shikra_ir::func::fold;

    use super::*;

    fn sieve(literals: &[&str], whole: Option<usize>) -> Option<Sieve> {
        Sieve::new(Needs {
            literals: literals.iter().map(ToString::to_string).collect(),
            whole,
            ascii_only: false,
        })
    }

    #[test]
    fn what_may_hold_passes() {
        let s = sieve(&["sekurlsa::", r"c:\windows\temp"], None).unwrap();
        for raw in ["xx SEKURLSA::x", r"C:\\WINDOWS\\Temp", r"\u0073ekurlsa::", "\u{212a}elvin", "windows"] {
            assert!(!s.holds_back(raw.as_bytes()), "{raw}");
        }
        for raw in ["", "a", "sekurlsa:", r"c:\\temp\\window\r\n", "sekurls a::", r"\\users ®"] {
            assert!(s.holds_back(raw.as_bytes()), "{raw}");
        }
        assert!(sieve(&["longer", "ab"], None).is_none());
        let s = sieve(&[], Some(3)).unwrap();
        assert!(!s.holds_back(br"\r\n\t"));
        assert!(s.holds_back(b"1234567"));
    }

    #[test]
    fn these_alone_become_ascii() {
        let becomes =
            |c: &char| !c.is_ascii() && fold(&c.to_string(), Fold::Unicode).bytes().any(|b| b.is_ascii());
        let all: Vec<String> = ('\0'..=char::MAX).filter(becomes).map(String::from).collect();
        assert_eq!(all, ["\u{130}", "\u{212a}"]);
        // And none becomes shorter than half.
        let halved = |c: &char| fold(&c.to_string(), Fold::Unicode).len() * 2 < c.len_utf8();
        assert_eq!(('\0'..=char::MAX).filter(halved).collect::<String>(), "\u{212a}");
    }

    proptest! {
        #[test]
        fn nothing_that_holds_is_held_back(
            literals in prop::collection::vec(r#"[abcd \\/"\n]{4,12}"#, 0..6),
            raw in prop::collection::vec(
                prop_oneof![r#"[abcdABCD qu/]{1,4}"#, Just("\\\\".to_string()), Just("\\\"".into()), Just("\\/".into()),
                    Just("\\n".into()), Just("\\u0061".into()), Just("\\q".into()), Just("é".into()), Just("\u{212a}".into()), Just("İ".into()), Just("É".into()), Just("\n".into())],
                0..30,
            ),
            cut: prop::sample::Index,
        ) {
            let raw = raw.concat();
            let text = fold(&Slot { kind: Kind::JSON_STRING, data: raw.as_bytes() }.to_text().unwrap(), Fold::Unicode);
            // A part of the text itself, so that something is found at times.
            let own: String = text.chars().skip(cut.index(raw.len() + 1)).take(8).collect();
            let all: Vec<&str> = literals.iter().map(|l| l.as_str()).chain(
                (own.len() >= 4).then_some(own.as_str())).collect();
            if let Some(s) = sieve(&all, None) && s.holds_back(raw.as_bytes()) {
                prop_assert!(!all.iter().any(|l| text.contains(l)), "{all:?} in {raw}");
            }
            if let Some(s) = sieve(&[], Some(own.len())) && s.holds_back(raw.as_bytes()) {
                prop_assert!(text != own);
            }
        }
    }
}
