//! Finds which of many literal texts stand in a text.
//!
//! Each literal is filed under one of its four-byte pieces, the one that fewest others have; shorter literals
//! under all they have. A search slides over the text and asks a bit map whether a piece is filed at all, which
//! it seldom is. An Aho-Corasick automaton searches no faster here and takes a hundred times as long to build:
//! with tens of thousands of rules that is what loading would consist of.

use hashbrown::HashMap;
use memchr::memmem;

/// Pieces of one width. Width 4 serves all longer literals.
#[derive(Debug)]
struct Lane {
    width: usize,
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
    /// Short literals, where there are so few that each is better looked for by itself.
    few: Vec<(u32, memmem::Finder<'static>)>,
}

/// So many short literals are few.
const FEW: usize = 6;

const WIDEST: usize = 4;
const SPREAD: u32 = 0x9e37_79b1;

impl Finder {
    /// For these texts, none of them empty.
    pub fn new(texts: &Texts) -> Finder {
        let mut finder = Finder::default();
        for width in 1..=WIDEST {
            let fits = |len: usize| if width == WIDEST { len >= width } else { len == width };
            let own = texts.iter().map(|(i, t)| (i, t.as_bytes())).filter(|(_, t)| fits(t.len()));
            let own: Vec<_> = own.collect();
            if width < WIDEST && own.len() + finder.few.len() <= FEW {
                finder.few.extend(own.iter().map(|(i, t)| (*i, memmem::Finder::new(t).into_owned())));
            } else {
                finder.lanes.extend(Lane::new(width, &own));
            }
        }
        finder
    }

    /// Tells every place where one of the texts begins, in no particular order.
    pub fn find(&self, texts: &Texts, text: &[u8], mut found: impl FnMut(u32, usize)) {
        for (literal, finder) in &self.few {
            let mut at = 0;
            while let Some(n) = text.get(at..).and_then(|rest| finder.find(rest)) {
                found(*literal, at + n);
                at += n + 1;
            }
        }
        for lane in &self.lanes {
            lane.search(text, |literal, start| {
                let own = texts.get(literal).as_bytes();
                if text.get(start..start + own.len()) == Some(own) {
                    found(literal, start);
                }
            });
        }
    }
}

impl Lane {
    fn new(width: usize, literals: &[(u32, &[u8])]) -> Option<Lane> {
        if literals.is_empty() {
            return None;
        }
        // How often each piece stands in the literals, roughly: pieces that share a place count together.
        let mut counts = vec![0u16; 1 << 15];
        let place = |piece: u32| (piece.wrapping_mul(SPREAD) >> 17) as usize;
        for piece in literals.iter().flat_map(|(_, t)| t.windows(width)).map(piece) {
            let n = &mut counts[place(piece)];
            *n = n.saturating_add(1);
        }
        let mut filed: Vec<(u32, u32, u32)> = Vec::with_capacity(literals.len());
        for (id, text) in literals {
            let pieces = text.windows(width).map(piece).enumerate();
            if let Some((at, p)) = pieces.min_by_key(|(_, p)| counts[place(*p)]) {
                filed.push((p, *id, at as u32));
            }
        }
        filed.sort_unstable();
        let size = (filed.len() * 16).next_power_of_two().clamp(1 << 10, 1 << 22);
        let shift = 32 - size.trailing_zeros();
        let mut lane = Lane {
            width,
            bits: vec![0; size / 64],
            shift,
            filed: HashMap::default(),
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

    /// Tells where literals may begin.
    fn search(&self, text: &[u8], mut maybe: impl FnMut(u32, usize)) {
        let mask = u32::MAX >> (8 * (WIDEST - self.width));
        let mut piece = 0u32;
        for (end, &byte) in text.iter().enumerate() {
            piece = (piece << 8 | u32::from(byte)) & mask;
            let bit = self.bit(piece);
            if self.bits[bit / 64] >> (bit % 64) & 1 == 0 || end + 1 < self.width {
                continue;
            }
            let Some(&(from, to)) = self.filed.get(&piece) else { continue };
            for &(literal, at) in &self.entries[from as usize..to as usize] {
                if let Some(start) = (end + 1 - self.width).checked_sub(at as usize) {
                    maybe(literal, start);
                }
            }
        }
    }
}

fn piece(window: &[u8]) -> u32 {
    window.iter().fold(0, |p, &b| p << 8 | u32::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_and_only_what_is_there() {
        let all = ["a", "ab", "bca", "abca", "cabcab", "bcabcabcabca", "é", "xyz", "aaaa"];
        let mut texts = Texts::default();
        for t in all {
            texts.push(t);
        }
        let finder = Finder::new(&texts);
        for text in ["", "a", "abcabcabcabcabca", "aaaaaa", "ééxy", "xyzab"] {
            let mut got = Vec::new();
            finder.find(&texts, text.as_bytes(), |l, s| got.push((l, s)));
            got.sort_unstable();
            let begins = |s: usize, t: &str| text.as_bytes()[s..].starts_with(t.as_bytes());
            let places = |(l, t)| (0..text.len()).filter(move |&s| begins(s, t)).map(move |s| (l, s));
            let want: Vec<_> = texts.iter().flat_map(places).collect();
            assert_eq!(got, want, "{text}");
        }
    }
}
