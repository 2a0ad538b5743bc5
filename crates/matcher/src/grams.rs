//! Finds which of many literal texts stand in a text.
//!
//! Each literal is filed under some of its four-byte pieces, those that fewest others have; shorter literals
//! under all they have. A search looks at pieces of the text and asks a bit map whether a piece is filed at all,
//! which it seldom is. A long literal is filed under several neighbouring pieces, so that a search need not look
//! at every place of the text. An Aho-Corasick automaton searches no faster here and takes a hundred times as long to build:
//! with tens of thousands of rules that is what loading would consist of.

use hashbrown::HashMap;
use memchr::memmem;

/// Literals that are looked for in one way.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Length of a piece.
    width: usize,
    /// From one place of the text that is looked at to the next; every literal is filed under so many pieces.
    step: usize,
    bits: Vec<u64>,
    shift: u32,
    /// Piece → filed literals.
    filed: HashMap<u32, (u32, u32), foldhash::fast::FixedState>,
    /// Literal, and where the piece stands in it.
    entries: Vec<(u32, u32)>,
}

/// Literal texts, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: String,
    spans: Vec<(u32, u32)>,
}

impl Texts {
    /// Makes room for so many texts, of this length together.
    pub fn reserve(&mut self, number: usize, length: usize) {
        self.spans.reserve_exact(number);
        self.bytes.reserve_exact(length);
    }

    /// Appends a text; answers its number.
    pub fn push(&mut self, text: &str) -> u32 {
        let start = self.bytes.len() as u32;
        self.bytes.push_str(text);
        self.spans.push((start, self.bytes.len() as u32));
        (self.spans.len() - 1) as u32
    }

    pub fn get(&self, id: u32) -> &str {
        let (start, end) = self.spans[id as usize];
        &self.bytes[start as usize..end as usize]
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..self.spans.len() as u32).map(|id| (id, self.get(id)))
    }
}

/// Literals, filed.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    lanes: Vec<Lane>,
    /// Short literals, where there are so few that in a long text each is better looked for by itself.
    few: Vec<(u32, memmem::Finder<'static>)>,
    /// The same, for short texts.
    few_lanes: Vec<Lane>,
}

/// So many short literals are few.
const FEW: usize = 6;
/// From here on a text is long.
const LONG: usize = 64;
/// More literals than this in a lane are not filed several times: loading and memory count too.
const MANY: usize = 2048;

/// Pieces of which the table is small, however much room each has.
const FEW_FILED: usize = 256;

/// Length of the longest pieces.
pub(crate) const WIDEST: usize = 4;
const SPREAD: u32 = 0x9e37_79b1;

/// Longest steps.
const STEPS: usize = 4;

impl Finder {
    /// For these texts, none of them empty.
    pub fn new(texts: &Texts) -> Finder {
        let mut finder = Finder::default();
        let between = |from: usize, to: usize| -> Vec<(u32, &[u8])> {
            let all = texts.iter().map(|(i, t)| (i, t.as_bytes()));
            all.filter(|(_, t)| (from..to).contains(&t.len())).collect()
        };
        for width in 1..WIDEST {
            let own = between(width, width + 1);
            if own.len() + finder.few.len() <= FEW {
                finder.add_few(&own);
            } else {
                finder.lanes.extend(Lane::new(width, 1, &own));
            }
        }
        // The longest step at which few literals are too short for it.
        let fits = |step: &usize| between(WIDEST, WIDEST + step - 1).len() + finder.few.len() <= FEW;
        let step = if texts.len() > MANY { 1 } else { (1..=STEPS).rev().find(fits).unwrap_or(1) };
        let shortest = WIDEST + step - 1;
        finder.add_few(&between(WIDEST, shortest));
        finder.lanes.extend(Lane::new(WIDEST, step, &between(shortest, usize::MAX)));
        finder
    }

    fn add_few(&mut self, own: &[(u32, &[u8])]) {
        self.few.extend(own.iter().map(|(i, t)| (*i, memmem::Finder::new(t).into_owned())));
        for width in 1..=WIDEST {
            let fits = |len: usize| if width == WIDEST { len >= width } else { len == width };
            let own: Vec<_> = own.iter().copied().filter(|(_, t)| fits(t.len())).collect();
            self.few_lanes.extend(Lane::new(width, 1, &own));
        }
    }

    /// Tells every place where one of the texts begins, in no particular order.
    pub fn find(&self, texts: &Texts, text: &[u8], mut found: impl FnMut(u32, usize)) {
        let mut lane = |lane: &Lane| {
            lane.search(text, |literal, start| {
                let own = texts.get(literal).as_bytes();
                if text.get(start..start + own.len()) == Some(own) {
                    found(literal, start);
                }
            });
        };
        self.lanes.iter().for_each(&mut lane);
        if text.len() < LONG {
            return self.few_lanes.iter().for_each(lane);
        }
        for (literal, finder) in &self.few {
            let mut at = 0;
            while let Some(n) = text.get(at..).and_then(|rest| finder.find(rest)) {
                found(*literal, at + n);
                at += n + 1;
            }
        }
    }
}

impl Lane {
    /// For literals of at least `width + step - 1` bytes, with their numbers; none where there are none.
    pub fn new(width: usize, step: usize, literals: &[(u32, &[u8])]) -> Option<Lane> {
        if literals.is_empty() {
            return None;
        }
        // How often each piece stands in the literals, roughly: pieces that share a place count together.
        let pieces: usize = literals.iter().map(|(_, t)| t.len()).sum();
        let room = (pieces * 4).next_power_of_two().clamp(1 << 8, 1 << 15);
        let mut counts = vec![0u16; room];
        let place = |piece: u32| (piece.wrapping_mul(SPREAD) >> (32 - room.trailing_zeros())) as usize;
        for piece in literals.iter().flat_map(|(_, t)| t.windows(width)).map(piece) {
            let n = &mut counts[place(piece)];
            *n = n.saturating_add(1);
        }
        let mut filed: Vec<(u32, u32, u32)> = Vec::with_capacity(literals.len() * step);
        let mut costs: Vec<u32> = Vec::new();
        for (id, text) in literals {
            costs.clear();
            costs.extend(text.windows(width).map(|w| u32::from(counts[place(piece(w))])));
            let Some(at) = cheapest(&costs, step) else { continue };
            let run = text.windows(width).map(piece).enumerate().skip(at).take(step);
            filed.extend(run.map(|(at, p)| (p, *id, at as u32)));
        }
        filed.sort_unstable();
        // The fewer there are, the more room each can have: small tables stay in the processor's cache.
        let each = if filed.len() <= FEW_FILED {
            256
        } else if filed.len() <= MANY {
            64
        } else {
            16
        };
        let size = (filed.len() * each).next_power_of_two().clamp(1 << 10, 1 << 22);
        let shift = 32 - size.trailing_zeros();
        let mut lane = Lane {
            width,
            step,
            bits: vec![0; size / 64],
            shift,
            filed: HashMap::with_capacity_and_hasher(filed.len(), Default::default()),
            entries: Vec::with_capacity(filed.len()),
        };
        for (piece, id, at) in filed {
            let n = lane.entries.len() as u32;
            lane.entries.push((id, at));
            lane.filed.entry(piece).or_insert((n, n)).1 = n + 1;
            let bit = lane.bit(piece);
            lane.bits[bit / 64] |= 1 << (bit % 64);
        }
        Some(lane)
    }

    fn bit(&self, piece: u32) -> usize {
        (piece.wrapping_mul(SPREAD) >> self.shift) as usize
    }

    /// Tells where literals may begin, in a text in which letters are of any case.
    pub fn search(&self, text: &[u8], mut maybe: impl FnMut(u32, usize)) {
        match self.width {
            WIDEST => self.search_wide(text, maybe),
            width => {
                let windows = text.windows(width).enumerate();
                windows.for_each(|(at, window)| self.look(piece(window), at, &mut maybe));
            }
        }
    }

    /// The same for the widest pieces, of which the length is known here.
    fn search_wide(&self, text: &[u8], mut maybe: impl FnMut(u32, usize)) {
        let mut at = 0;
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<WIDEST>) {
            self.look(caseless(u32::from_le_bytes(*window)), at, &mut maybe);
            at += self.step;
        }
    }

    #[inline(always)]
    fn look(&self, piece: u32, at: usize, maybe: &mut impl FnMut(u32, usize)) {
        let bit = self.bit(piece);
        if self.bits[bit / 64] >> (bit % 64) & 1 == 1 {
            self.filed_under(piece, at, maybe);
        }
    }

    fn filed_under(&self, piece: u32, at: usize, maybe: &mut impl FnMut(u32, usize)) {
        let Some(&(from, to)) = self.filed.get(&piece) else { return };
        for &(literal, within) in &self.entries[from as usize..to as usize] {
            if let Some(start) = at.checked_sub(within as usize) {
                maybe(literal, start);
            }
        }
    }
}

/// Where the run of so many begins whose sum is least, the first of them.
fn cheapest(costs: &[u32], run: usize) -> Option<usize> {
    let mut sum: u32 = costs.get(..run)?.iter().sum();
    let mut best = (sum, 0);
    for (at, (gone, come)) in costs.iter().zip(costs.get(run..)?).enumerate() {
        sum = sum + come - gone;
        best = best.min((sum, at + 1));
    }
    Some(best.1)
}

fn piece(window: &[u8]) -> u32 {
    // The widest ones are nearly all that there are.
    caseless(match window.first_chunk::<WIDEST>() {
        Some(whole) => u32::from_le_bytes(*whole),
        None => window.iter().rev().fold(0, |p, &b| p << 8 | u32::from(b)),
    })
}

/// Letters of either case become the same, and some others too: a piece only says where to look.
fn caseless(piece: u32) -> u32 {
    piece | 0x2020_2020
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(all: &[String], text: &str) {
        let mut texts = Texts::default();
        for t in all {
            texts.push(t);
        }
        let finder = Finder::new(&texts);
        let mut got = Vec::new();
        finder.find(&texts, text.as_bytes(), |l, s| got.push((l, s)));
        got.sort_unstable();
        let begins = |s: usize, t: &str| text.as_bytes()[s..].starts_with(t.as_bytes());
        let places = |(l, t)| (0..text.len()).filter(move |&s| begins(s, t)).map(move |s| (l, s));
        let want: Vec<_> = texts.iter().flat_map(places).collect();
        assert_eq!(got, want, "{all:?} in {text}");
    }

    proptest! {
        #[test]
        fn finds_all_and_only_what_is_there(
            short in prop::collection::vec("[abé]{1,4}", 0..12),
            long in prop::collection::vec("[abé]{3,9}", 0..12),
            text in "[abé]{0,120}",
        ) {
            let mut all = [short, long].concat();
            all.sort();
            all.dedup();
            check(&all, &text);
        }
    }
}
