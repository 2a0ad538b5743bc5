//! Many comparisons against one value: exact texts in a hash map, the literals of all other patterns and
//! regular expressions in one search, and what has no literal one by one.
//!
//! The search runs over the folded text. What is found there is exact for folded patterns and a prefilter
//! for cased ones and for regular expressions. The meaning of each comparison is [`shikra_ir::eval`]'s.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashTable};
use shikra_event::Value;
use shikra_ir::func::fold;
use shikra_ir::regex::{self, Compiled};
use shikra_ir::{CmpOp, Coerce, Fold, Multi, Op, Part, Pattern, Scalar, Test, Truth, eval};

use crate::costs::{Kind, Tally};
use crate::glob::Glob;
use crate::grams::{Finder, Texts};
use crate::literals::required;
use crate::sieve::Needs;

/// Number of a comparison within its machine.
pub(crate) type Local = u32;

/// Comparisons that each ask something of one value at a time.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    tests: Vec<Arc<Test>>,
    /// Folded text → comparisons it satisfies.
    exact: HashMap<Box<str>, Vec<Exact>, RandomState>,
    /// The same for cased comparisons.
    exact_cased: HashMap<Box<str>, Vec<Exact>, RandomState>,
    literals: Literals,
    globs: Vec<Glob>,
    regexes: Vec<Arc<Compiled>>,
    /// True of every text.
    always: Vec<Local>,
    /// Patterns without a literal, and whether they are cased.
    direct_globs: Vec<(Local, u32, bool)>,
    /// Regular expressions without a literal.
    direct_regexes: Vec<(Local, u32)>,
    /// Regular expressions whose literal helps with ASCII text only.
    beyond_ascii: Vec<(Local, u32)>,
    /// Evaluated one by one on every value.
    generic: Vec<Local>,
    /// Evaluated one by one on values that are no text.
    generic_typed: Vec<Local>,
}

#[derive(Debug, Clone, Copy)]
struct Exact {
    local: Local,
    /// Counts for values that are text by nature only.
    text_only: bool,
}

/// Literal texts and what each is good for.
#[derive(Debug, Default)]
struct Literals {
    texts: Texts,
    finder: Finder,
    /// Uses, by literal.
    uses: Vec<Use>,
    /// Where each literal's uses begin and end in `uses`, and whether one cares where the literal stands.
    spans: Vec<(u32, u32, bool)>,
}

/// Literals while they are being collected.
#[derive(Default)]
struct Collected {
    all: Literals,
    /// A literal's number, and what it is good for.
    uses: Vec<(u32, Use)>,
    /// The present one.
    folded: String,
    hasher: RandomState,
    /// Literals with their hash.
    known: HashTable<(u64, u32)>,
}

#[derive(Debug, Clone, Copy)]
enum Use {
    /// That is all.
    Contains(Local),
    /// It must begin the text.
    Prefix(Local),
    /// It must end the text.
    Suffix(Local),
    /// The pattern must match the folded text.
    Glob(Local, u32),
    /// The pattern must match the text as it is.
    Cased(Local, u32),
    Regex(Local, u32),
}

/// So many literals are looked for with tables that fit into the processor's cache.
const CHEAP_LITERALS: usize = 512;

/// Length of a literal that rules look for, about.
const LENGTH: usize = 20;

/// A text and the same folded.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    raw: &'a str,
    folded: &'a str,
    ascii: bool,
}

impl<'a> Text<'a> {
    /// Folds `raw` into `buffer`.
    pub fn new(raw: &'a str, buffer: &'a mut String) -> Text<'a> {
        let ascii = fold_into(raw, buffer);
        Text { raw, folded: buffer, ascii }
    }
}

/// Buffers and outcomes of one evaluation.
#[derive(Debug, Default)]
pub(crate) struct Found {
    truth: Vec<Truth>,
    touched: Vec<Local>,
    /// When each literal was last seen.
    seen: Vec<u32>,
    epoch: u32,
    folded: String,
    /// Where costs are counted.
    pub tally: Option<Box<Tally>>,
}

impl Found {
    fn begin(&mut self, m: &Machine) {
        if self.truth.len() < m.tests.len() {
            self.truth.resize(m.tests.len(), Truth::False);
        }
        if self.seen.len() < m.literals.texts.len() {
            self.seen.resize(m.literals.texts.len(), 0);
        }
    }

    fn is(&self, local: Local) -> bool {
        self.truth[local as usize] == Truth::True
    }

    fn raise(&mut self, local: Local, truth: Truth) {
        let now = &mut self.truth[local as usize];
        if truth > *now {
            if *now == Truth::False {
                self.touched.push(local);
            }
            *now = truth;
        }
    }

    fn ran(&mut self, local: Local, kind: Kind) {
        if let Some(tally) = &mut self.tally {
            tally.ran(local, kind);
        }
    }

    /// Tells every outcome but false, and forgets them.
    pub fn drain(&mut self, mut f: impl FnMut(Local, Truth)) {
        for local in self.touched.drain(..) {
            f(local, std::mem::replace(&mut self.truth[local as usize], Truth::False));
        }
    }
}

impl Machine {
    pub fn new(tests: Vec<Arc<Test>>) -> Machine {
        let mut m = Machine::default();
        let mut literals = Collected::with_room(&tests);
        for (i, t) in tests.iter().enumerate() {
            m.add(i as Local, t, &mut literals);
        }
        m.tests = tests;
        m.literals = literals.finish();
        m
    }

    /// Number of comparisons.
    pub fn len(&self) -> usize {
        self.tests.len()
    }

    pub fn multi(&self, local: Local) -> Multi {
        self.tests[local as usize].words.multi
    }

    /// Whether texts alone decide: no comparison needs the value itself.
    pub fn text_suffices(&self) -> bool {
        self.generic.is_empty()
    }

    fn add(&mut self, local: Local, t: &Test, literals: &mut Collected) {
        match &t.op {
            Op::Like(patterns) => {
                patterns.iter().for_each(|p| self.pattern(local, p, t.words.fold, literals));
            }
            Op::Regex(all) => {
                let compiled = all.iter().filter_map(|r| regex::cached(r, &t.words).ok());
                compiled.for_each(|r| self.regex(local, r, literals));
            }
            Op::Compare(CmpOp::Eq, Scalar::Lit(v)) if t.words.coerce != Coerce::NumericIfBoth => {
                self.equal(local, std::slice::from_ref(v), t);
            }
            Op::In(values) if t.words.coerce != Coerce::NumericIfBoth => self.equal(local, values, t),
            _ => self.generic.push(local),
        }
    }

    /// Equality with constants: text with text by hash, other types one by one.
    fn equal(&mut self, local: Local, values: &[Value], t: &Test) {
        self.generic_typed.push(local);
        for v in values {
            let counts = t.words.coerce == Coerce::Stringify || matches!(v, Value::Str(_));
            if let Some(text) = v.to_text().filter(|_| counts) {
                self.exact(local, &text, t.words.fold, true);
            }
        }
    }

    fn exact(&mut self, local: Local, text: &str, how: Fold, text_only: bool) {
        let map = match how {
            Fold::Unicode => &mut self.exact,
            Fold::None => &mut self.exact_cased,
        };
        map.entry(fold(text, how).into()).or_default().push(Exact { local, text_only });
    }

    fn pattern(&mut self, local: Local, p: &Pattern, how: Fold, literals: &mut Collected) {
        if let Some(text) = p.literal() {
            return self.exact(local, text, how, false);
        }
        let cased = how == Fold::None;
        let Some(longest) = p.literals().max_by_key(|s| s.len()) else {
            if p.is_any() {
                return self.always.push(local);
            }
            let glob = self.glob(p, how);
            return self.direct_globs.push((local, glob, cased));
        };
        let found = match *p.parts() {
            [Part::Any, Part::Lit(_), Part::Any] if !cased => Use::Contains(local),
            [Part::Lit(_), Part::Any] if !cased => Use::Prefix(local),
            [Part::Any, Part::Lit(_)] if !cased => Use::Suffix(local),
            _ if cased => Use::Cased(local, self.glob(p, how)),
            _ => Use::Glob(local, self.glob(p, how)),
        };
        literals.add(longest, found);
    }

    fn glob(&mut self, p: &Pattern, how: Fold) -> u32 {
        self.globs.push(Glob::new(&p.map(|s| fold(s, how))));
        (self.globs.len() - 1) as u32
    }

    fn regex(&mut self, local: Local, r: Arc<Compiled>, literals: &mut Collected) {
        let needed = required(&r);
        self.regexes.push(r);
        let id = (self.regexes.len() - 1) as u32;
        let Some(needed) = needed else {
            return self.direct_regexes.push((local, id));
        };
        if needed.ascii_only {
            self.beyond_ascii.push((local, id));
        }
        for text in &needed.any_of {
            literals.add(text, Use::Regex(local, id));
        }
    }

    /// Raises what holds for a text; `typed` where the value is no text by nature but has this one.
    pub fn text(&self, text: &str, typed: bool, found: &mut Found) {
        let mut folded = std::mem::take(&mut found.folded);
        self.folded(&Text::new(text, &mut folded), typed, found);
        found.folded = folded;
    }

    /// The same for a text that has been folded.
    pub fn folded(&self, text: &Text<'_>, typed: bool, found: &mut Found) {
        found.begin(self);
        let Text { raw, folded, ascii } = *text;
        for (map, key) in [(&self.exact, folded), (&self.exact_cased, raw)] {
            if !map.is_empty()
                && let Some(all) = map.get(key)
            {
                all.iter().filter(|e| !typed || !e.text_only).for_each(|e| found.raise(e.local, Truth::True));
            }
        }
        self.always.iter().for_each(|&l| found.raise(l, Truth::True));
        for &(local, glob, cased) in &self.direct_globs {
            self.try_glob(local, glob, if cased { raw } else { folded }, found);
        }
        for &(local, r) in &self.direct_regexes {
            self.try_regex(local, r, raw, found);
        }
        if !ascii {
            for &(local, r) in &self.beyond_ascii {
                self.try_regex(local, r, raw, found);
            }
        }
        self.search(raw, folded, found);
    }

    /// Whether to evaluate a short text takes less time than to find it among many remembered ones.
    pub fn is_cheap(&self) -> bool {
        self.direct_globs.is_empty()
            && self.direct_regexes.is_empty()
            && self.generic.is_empty()
            && self.literals.texts.len() <= CHEAP_LITERALS
    }

    fn search(&self, text: &str, folded: &str, found: &mut Found) {
        found.epoch = found.epoch.wrapping_add(1);
        if found.epoch == 0 {
            found.seen.fill(0);
            found.epoch = 1;
        }
        let Literals { finder, texts, .. } = &self.literals;
        finder.find(texts, folded.as_bytes(), |id, start| {
            self.literal(id, start, text, folded, found);
        });
    }

    /// A literal was found.
    fn literal(&self, id: u32, start: usize, text: &str, folded: &str, found: &mut Found) {
        let (from, to, at_ends) = self.literals.spans[id as usize];
        let again = std::mem::replace(&mut found.seen[id as usize], found.epoch) == found.epoch;
        if again && !at_ends {
            return;
        }
        for &u in &self.literals.uses[from as usize..to as usize] {
            match u {
                Use::Prefix(local) if start == 0 => found.raise(local, Truth::True),
                Use::Suffix(local) if start + self.literals.texts.get(id).len() == folded.len() => {
                    found.raise(local, Truth::True);
                }
                _ if again => {}
                Use::Prefix(_) | Use::Suffix(_) => {}
                Use::Contains(local) => found.raise(local, Truth::True),
                Use::Glob(local, g) => self.try_glob(local, g, folded, found),
                Use::Cased(local, g) => self.try_glob(local, g, text, found),
                Use::Regex(local, r) => self.try_regex(local, r, text, found),
            }
        }
    }

    fn try_glob(&self, local: Local, glob: u32, text: &str, found: &mut Found) {
        if !found.is(local) {
            found.ran(local, Kind::Other);
            if self.globs[glob as usize].matches(text) {
                found.raise(local, Truth::True);
            }
        }
    }

    fn try_regex(&self, local: Local, regex: u32, text: &str, found: &mut Found) {
        if !found.is(local) {
            found.ran(local, Kind::Regex);
            if self.regexes[regex as usize].is_match(text) {
                found.raise(local, Truth::True);
            }
        }
    }

    /// Raises what only the value itself can tell, beside its text.
    pub fn typed(&self, value: &Value, found: &mut Found) {
        found.begin(self);
        let more = if matches!(value, Value::Str(_)) { &[] } else { self.generic_typed.as_slice() };
        for &local in self.generic.iter().chain(more) {
            let t = &self.tests[local as usize];
            found.ran(local, Kind::Other);
            let right = match &t.op {
                Op::Compare(_, Scalar::Lit(v)) => Some(v),
                _ => None,
            };
            found.raise(local, eval::test_value(t, value, right));
        }
    }

    /// Raises what holds for a value, neither missing nor null nor a list.
    pub fn value(&self, value: &Value, found: &mut Found) {
        match value {
            Value::Str(s) => self.text(s, false, found),
            other => other.to_text().into_iter().for_each(|s| self.text(&s, true, found)),
        }
        self.typed(value, found);
    }

    /// Adds what has to be in a text for some comparison to hold for it; false where that cannot be said.
    pub fn needs(&self, needs: &mut Needs) -> bool {
        let texts = self.exact.keys().chain(self.exact_cased.keys());
        needs.whole = needs.whole.max(texts.map(|t| t.len()).max());
        needs.ascii_only |= !self.beyond_ascii.is_empty();
        needs.literals.extend(self.literals.texts.iter().map(|(_, text)| text.to_owned()));
        self.always.is_empty()
            && self.direct_globs.is_empty()
            && self.direct_regexes.is_empty()
            && self.generic.is_empty()
    }

    /// Whether a text made of these characters only can satisfy anything.
    pub fn could_hold(&self, among: &dyn Fn(char) -> bool) -> bool {
        let fits = |s: &str| s.chars().all(among);
        !(self.always.is_empty()
            && self.direct_globs.is_empty()
            && self.direct_regexes.is_empty()
            && self.generic.is_empty()
            && self.generic_typed.is_empty())
            || self.exact.keys().chain(self.exact_cased.keys()).any(|k| fits(&fold(k, Fold::Unicode)))
            || self.literals.texts.iter().any(|(_, l)| fits(l))
    }
}

impl Collected {
    /// With room for the literals of the patterns: tables that grow leave twice their size behind.
    fn with_room(tests: &[Arc<Test>]) -> Collected {
        let patterns = |t: &Arc<Test>| if let Op::Like(all) = &t.op { all.len() } else { 0 };
        let number = tests.iter().map(patterns).sum();
        let mut collected = Collected::default();
        collected.known.reserve(number, |(hash, _)| *hash);
        collected.all.texts.reserve(number, LENGTH * number);
        collected.uses.reserve_exact(number);
        collected
    }

    /// Adds a literal, folded or not.
    fn add(&mut self, text: &str, how: Use) {
        fold_into(text, &mut self.folded);
        let text = self.folded.as_str();
        let hash = self.hasher.hash_one(text);
        let texts = &mut self.all.texts;
        let id = match self.known.find(hash, |&(h, id)| h == hash && texts.get(id) == text) {
            Some(&(_, known)) => known,
            None => {
                let id = texts.push(text);
                self.known.insert_unique(hash, (hash, id), |(h, _)| *h);
                id
            }
        };
        self.uses.push((id, how));
    }

    fn finish(self) -> Literals {
        let Collected { mut all, uses, .. } = self;
        // Each literal's place for its uses: first their number, then where they begin and where the next one goes.
        all.spans = vec![(0, 0, false); all.texts.len()];
        for (id, how) in &uses {
            let span = &mut all.spans[*id as usize];
            span.1 += 1;
            span.2 |= matches!(how, Use::Prefix(_) | Use::Suffix(_));
        }
        let mut next = 0;
        for (start, number, _) in &mut all.spans {
            *start = next;
            next += *number;
            *number = *start;
        }
        all.uses = vec![Use::Contains(0); uses.len()];
        for (id, how) in uses {
            let place = &mut all.spans[id as usize].1;
            all.uses[*place as usize] = how;
            *place += 1;
        }
        all.finder = Finder::new(&all.texts);
        all
    }
}

/// The folded text into `out`, as [`fold`] makes it; answers whether the text is ASCII.
fn fold_into(text: &str, out: &mut String) -> bool {
    out.clear();
    out.reserve(text.len());
    if text.is_ascii() {
        push_ascii(text, out);
        return true;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| !b.is_ascii()) {
        push_ascii(&rest[..at], out);
        let end = rest[at..].bytes().position(|b| b.is_ascii()).map_or(rest.len(), |n| at + n);
        out.extend(rest[at..end].chars().flat_map(char::to_lowercase));
        rest = &rest[end..];
    }
    push_ascii(rest, out);
    false
}

fn push_ascii(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    out[start..].make_ascii_lowercase();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_as_the_reference_does() {
        let mut out = String::new();
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            for text in [format!("{c}"), format!("A{c}Z")] {
                assert_eq!(fold_into(&text, &mut out), text.is_ascii());
                assert_eq!(out, fold(&text, Fold::Unicode));
            }
        }
        fold_into("ÀBCéÉ xΣ Y", &mut out);
        assert_eq!(out, fold("ÀBCéÉ xΣ Y", Fold::Unicode));
    }
}
