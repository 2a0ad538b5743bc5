//! Finds which of many literal texts stand in a text.
//!
//! Each literal is filed under some of its four-byte pieces, those that fewest others have; shorter literals
//! under all they have. A search looks at pieces of the text and asks a bit map whether a piece is filed at all,
//! which it seldom is. A long literal is filed under several neighbouring pieces, so that a search need not look
//! at every place of the text. An Aho-Corasick automaton searches no faster here and takes a hundred times as long to build:
//! with tens of thousands of rules that is what loading would consist of.

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
    /// By the first bits of a piece's hash: where what is filed under such pieces begins; and where the last ends.
    drawers: Vec<u32>,
    drawer_shift: u32,
    filed: Vec<Filed>,
}

/// A literal, a piece of it, and where that stands in it.
#[derive(Clone, Copy, Debug, Default)]
struct Filed {
    piece: u32,
    literal: u32,
    at: u32,
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

    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> + Clone {
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
        let all = || texts.iter().map(|(i, t)| (i, t.as_bytes()));
        // Few of many, so that all need not be looked through for each length.
        let short: Vec<(u32, &[u8])> = all().filter(|(_, t)| t.len() < WIDEST + STEPS).collect();
        let between = |from: usize, to: usize| -> Vec<(u32, &[u8])> {
            short.iter().copied().filter(|(_, t)| (from..to).contains(&t.len())).collect()
        };
        for width in 1..WIDEST {
            let own = between(width, width + 1);
            if own.len() + finder.few.len() <= FEW {
                finder.add_few(&own);
            } else {
                finder.lanes.extend(Lane::new(width, 1, own.iter().copied()));
            }
        }
        // The longest step at which few literals are too short for it.
        let fits = |step: &usize| between(WIDEST, WIDEST + step - 1).len() + finder.few.len() <= FEW;
        let step = if texts.len() > MANY { 1 } else { (1..=STEPS).rev().find(fits).unwrap_or(1) };
        let shortest = WIDEST + step - 1;
        finder.add_few(&between(WIDEST, shortest));
        finder.lanes.extend(Lane::new(WIDEST, step, all().filter(|(_, t)| t.len() >= shortest)));
        finder
    }

    fn add_few(&mut self, own: &[(u32, &[u8])]) {
        self.few.extend(own.iter().map(|(i, t)| (*i, memmem::Finder::new(t).into_owned())));
        for width in 1..=WIDEST {
            let fits = |len: usize| if width == WIDEST { len >= width } else { len == width };
            let own = own.iter().copied().filter(|(_, t)| fits(t.len()));
            self.few_lanes.extend(Lane::new(width, 1, own));
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
    pub fn new<'t>(
        width: usize,
        step: usize,
        literals: impl Iterator<Item = (u32, &'t [u8])> + Clone,
    ) -> Option<Lane> {
        let number = literals.clone().count();
        if number == 0 {
            return None;
        }
        let counts = Counts::new(width, literals.clone());
        let mut filed: Vec<Filed> = Vec::with_capacity(number * step);
        let mut costs: Vec<u32> = Vec::new();
        for (literal, text) in literals {
            if step == 1 {
                filed.extend(counts.rarest(width, literal, text));
                continue;
            }
            costs.clear();
            each_piece(width, text, |p| costs.push(counts.of(p)));
            let Some(start) = cheapest(&costs, step) else { continue };
            let run = text.windows(width).map(piece).zip(0..).skip(start).take(step);
            filed.extend(run.map(|(piece, at)| Filed { piece, literal, at }));
        }
        (!filed.is_empty()).then(|| Lane::of(width, step, &filed))
    }

    fn of(width: usize, step: usize, all: &[Filed]) -> Lane {
        // The fewer there are, the more room each can have: small tables stay in the processor's cache.
        let each = if all.len() <= FEW_FILED {
            256
        } else if all.len() <= MANY {
            64
        } else {
            16
        };
        let size = (all.len() * each).next_power_of_two().clamp(1 << 10, 1 << 22);
        let drawers = all.len().next_power_of_two().clamp(1 << 4, 1 << 22);
        let mut lane = Lane {
            width,
            step,
            bits: vec![0; size / 64],
            shift: 32 - size.trailing_zeros(),
            drawers: vec![0; drawers + 1],
            drawer_shift: 32 - drawers.trailing_zeros(),
            filed: vec![Filed::default(); all.len()],
        };
        for f in all {
            let bit = lane.bit(f.piece);
            lane.bits[bit / 64] |= 1 << (bit % 64);
            let drawer = lane.drawer(f.piece);
            lane.drawers[drawer] += 1;
        }
        // Each drawer is filled from its end, after which its end has become its beginning.
        let mut end = 0;
        for drawer in &mut lane.drawers {
            end += *drawer;
            *drawer = end;
        }
        for f in all.iter().rev() {
            let drawer = lane.drawer(f.piece);
            lane.drawers[drawer] -= 1;
            let place = lane.drawers[drawer];
            lane.filed[place as usize] = *f;
        }
        lane
    }

    fn drawer(&self, piece: u32) -> usize {
        place(piece, self.drawer_shift)
    }

    fn bit(&self, piece: u32) -> usize {
        place(piece, self.shift)
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
        let drawer = self.drawer(piece);
        let (from, to) = (self.drawers[drawer] as usize, self.drawers[drawer + 1] as usize);
        for f in self.filed[from..to].iter().filter(|f| f.piece == piece) {
            if let Some(start) = at.checked_sub(f.at as usize) {
                maybe(f.literal, start);
            }
        }
    }
}

/// Where a piece belongs in a table that has 2 to the power of (32 - `shift`) places.
fn place(piece: u32, shift: u32) -> usize {
    (piece.wrapping_mul(SPREAD) >> shift) as usize
}

/// How often each piece stands in the literals, roughly: pieces that share a place count together.
struct Counts {
    counts: Vec<u16>,
    shift: u32,
}

impl Counts {
    fn new<'t>(width: usize, literals: impl Iterator<Item = (u32, &'t [u8])> + Clone) -> Counts {
        let pieces: usize = literals.clone().map(|(_, t)| t.len()).sum();
        let room = (pieces * 4).next_power_of_two().clamp(1 << 8, 1 << 15);
        let mut all = Counts { counts: vec![0; room], shift: 32 - room.trailing_zeros() };
        for (_, text) in literals {
            each_piece(width, text, |piece| {
                let n = &mut all.counts[place(piece, all.shift)];
                *n = n.saturating_add(1);
            });
        }
        all
    }

    fn of(&self, piece: u32) -> u32 {
        u32::from(self.counts[place(piece, self.shift)])
    }

    /// The piece of a literal that is found least often, the first of them.
    fn rarest(&self, width: usize, literal: u32, text: &[u8]) -> Option<Filed> {
        let (mut best, mut rarest, mut at) = (None, u32::MAX, 0);
        each_piece(width, text, |piece| {
            let count = self.of(piece);
            if count < rarest {
                rarest = count;
                best = Some(Filed { piece, literal, at });
            }
            at += 1;
        });
        best
    }
}

/// Calls `f` on each piece of a text, in order: [`piece`] of each window, without looking at each byte so often.
fn each_piece(width: usize, text: &[u8], mut f: impl FnMut(u32)) {
    let top = 8 * (width as u32 - 1);
    let shifted = |piece: u32, b: &u8| piece >> 8 | u32::from(*b) << top;
    let Some((begin, rest)) = text.split_at_checked(width - 1) else { return };
    let mut piece = begin.iter().fold(0, shifted);
    for b in rest {
        piece = shifted(piece, b);
        f(caseless(piece));
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
        fn pieces_are_those_of_windows(text: Vec<u8>, width in 1..=WIDEST) {
            let mut got = Vec::new();
            each_piece(width, &text, |p| got.push(p));
            prop_assert_eq!(got, text.windows(width).map(piece).collect::<Vec<_>>());
        }

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
