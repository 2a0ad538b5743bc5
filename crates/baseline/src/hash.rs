//! The hash that decides what a table beyond its limit keeps. Part of the file format: it must never change.

/// FNV-1a over the bytes, then the finisher of SplitMix64.
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325 ^ seed;
    for b in text.as_bytes() {
        h = (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
    }
    finish(h)
}

/// Spreads what is in few bits over all.
pub(crate) fn finish(mut h: u64) -> u64 {
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}
