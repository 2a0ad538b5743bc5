//! Damaged files: nothing falls over, and chunks that were not touched lose nothing.
//!
//! By default a few mutations of every tenth file; `SHIKRA_ALL_MUTATIONS=1` makes 20 of every file.

use std::collections::BTreeSet;

use crate::evtx_support::{Item, corpus, read};

const CHUNK: u64 = 0x1_0000;
const HEADER: u64 = 4096;

/// A small generator (splitmix64): the tests must give the same files everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Damages `bytes` in one of several ways; answers the chunks that were touched, by offset.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) -> BTreeSet<u64> {
    let mut touched = BTreeSet::new();
    let chunk_of = |at: usize| (at as u64).checked_sub(HEADER).map(|n| HEADER + n / CHUNK * CHUNK);
    match random.below(8) {
        0 => {
            let at = random.below(bytes.len());
            touched.extend((at..bytes.len()).step_by(512).filter_map(chunk_of));
            touched.extend(chunk_of(bytes.len() - 1));
            bytes.truncate(at);
        }
        1 => {
            let (at, len) = (random.below(bytes.len()), random.below(70_000));
            let end = (at + len).min(bytes.len());
            let fill = random.next() as u8 * (random.below(2) as u8);
            bytes[at..end].fill(fill);
            touched.extend((at..end).filter_map(chunk_of));
        }
        2 => {
            // Where it hurts: the first bytes of chunks.
            let chunks = bytes.len() / CHUNK as usize;
            let at = HEADER as usize + random.below(chunks) * CHUNK as usize + random.below(700);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next() as u8;
                touched.extend(chunk_of(at));
            }
        }
        _ => {
            for _ in 0..1 + random.below(40) {
                let at = random.below(bytes.len());
                bytes[at] = match random.below(3) {
                    0 => 0xff,
                    1 => bytes[at] ^ (1 << random.below(8)),
                    _ => random.next() as u8,
                };
                touched.extend(chunk_of(at));
            }
        }
    }
    touched
}

#[test]
fn damage_stays_where_it_is() {
    let all = std::env::var_os("SHIKRA_ALL_MUTATIONS").is_some();
    let (step, rounds) = if all { (1, 20) } else { (10, 4) };
    for (seed, path) in corpus().iter().enumerate().step_by(step) {
        let original = std::fs::read(path).unwrap();
        if original.len() <= HEADER as usize {
            continue;
        }
        let (_, expected) = read(original.as_slice());
        let mut random = Random(seed as u64);
        for _ in 0..rounds {
            let mut bytes = original.clone();
            let touched = mutate(&mut bytes, &mut random);
            let (_, found) = read(bytes.as_slice());
            for (offset, items) in expected.iter().filter(|(offset, _)| !touched.contains(offset)) {
                assert_eq!(found.get(offset), Some(items), "{} chunk at {offset:#x}", path.display());
            }
            let events = found.values().flatten().filter(|i| matches!(i, Item::Event { .. })).count();
            assert!(events < 1_000_000, "{}", path.display());
        }
    }
}
