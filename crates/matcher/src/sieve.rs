//! Tells of most JSON strings, as they lie in the file, that no comparison of a program can hold for them: without
//! resolving escapes, without folding, and without remembering anything.
//!
//! Long values seldom come again, and seldom hold what rules look for. Of each literal the longest stretch is
//! taken that stands in a JSON string as it is, whatever is escaped; where none of these is found, the literals are
//! not there. Strings with `\u` or beyond ASCII are left to the full evaluation.

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
    lane: Option<Lane>,
    /// Strings up to this length, as they lie in the file, may be a text that is asked for as a whole.
    whole: Option<usize>,
    unicode: memmem::Finder<'static>,
}

/// Collects what comparisons need.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Folded texts of which one has to be in the string.
    pub literals: Vec<String>,
    /// Length of the longest text that the string may equal as a whole.
    pub whole: Option<usize>,
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
        let filed: Vec<(u32, &[u8])> = (0..).zip(stretches.iter().map(|s| &**s)).collect();
        let lane = Lane::new(WIDEST, step, &filed);
        // An escape of two bytes stands for one.
        let whole = needs.whole.map(|length| 2 * length);
        Some(Sieve { lane, stretches, whole, unicode: memmem::Finder::new(b"\\u").into_owned() })
    }

    /// Whether it is certain that no comparison holds for the string whose inside is `raw`.
    pub fn holds_back(&self, raw: &[u8]) -> bool {
        self.whole.is_none_or(|longest| raw.len() > longest)
            && !self.finds(raw)
            && raw.is_ascii()
            && self.unicode.find(raw).is_none()
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

/// The longest stretch of a literal that has one form only in an ASCII string without `\u`.
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
        Sieve::new(Needs { literals: literals.iter().map(ToString::to_string).collect(), whole })
    }

    #[test]
    fn what_may_hold_passes() {
        let s = sieve(&["sekurlsa::", r"c:\windows\temp"], None).unwrap();
        for raw in ["xx SEKURLSA::x", r"C:\\WINDOWS\\Temp", r"\u0073ekurlsa::", "\u{212a}", "windows"] {
            assert!(!s.holds_back(raw.as_bytes()), "{raw}");
        }
        for raw in ["", "a", "sekurlsa:", r"c:\\temp\\window\r\n", "sekurls a::"] {
            assert!(s.holds_back(raw.as_bytes()), "{raw}");
        }
        assert!(sieve(&["longer", "ab"], None).is_none());
        let s = sieve(&[], Some(3)).unwrap();
        assert!(!s.holds_back(br"\r\n\t"));
        assert!(s.holds_back(b"1234567"));
    }

    proptest! {
        #[test]
        fn nothing_that_holds_is_held_back(
            literals in prop::collection::vec(r#"[abcd \\/"\n]{4,12}"#, 0..6),
            raw in prop::collection::vec(
                prop_oneof![r#"[abcdABCD qu/]{1,4}"#, Just("\\\\".to_string()), Just("\\\"".into()), Just("\\/".into()),
                    Just("\\n".into()), Just("\\u0061".into()), Just("\\q".into()), Just("é".into()), Just("\n".into())],
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
