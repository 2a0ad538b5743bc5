//! Texts as numbers: each different one is held once.
//!
//! Windows names ignore case, so by default texts that differ in case alone are one; what is shown is the
//! spelling that sorts first, so that the order in which they come does not matter.

use std::sync::Arc;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Number of a text in its [`Texts`].
pub type TextId = u32;

/// A text with the key it is known by.
#[derive(Clone, Debug)]
pub struct Text {
    /// As it is shown.
    pub shown: Arc<str>,
    /// Lower-cased, where that is not the same.
    folded: Option<Arc<str>>,
    /// Of the key: the same in every run.
    pub hash: u64,
}

/// Fixed, so that samples by hash are the same in every run.
const SEED: u64 = 0x5368_696b_7261;

/// The hash of bytes, the same in every run of this program.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    FixedState::with_seed(SEED).hash_one(bytes)
}

/// Two hashes as one.
pub fn hash_pair(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ b
}

impl Text {
    /// A text; `fold`: case does not matter.
    pub fn new(text: &str, fold: bool) -> Text {
        let upper = fold && text.chars().any(|c| c.is_uppercase());
        let folded: Option<Arc<str>> = upper.then(|| text.to_lowercase().into());
        let hash = hash_bytes(folded.as_deref().unwrap_or(text).as_bytes());
        Text { shown: text.into(), folded, hash }
    }

    /// What it is known by.
    pub fn key(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.shown)
    }

    fn bytes(&self) -> usize {
        self.shown.len() + self.folded.as_ref().map_or(0, |f| f.len())
    }
}

/// Different texts.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    items: Vec<Text>,
    table: HashTable<TextId>,
    bytes: usize,
    exact: bool,
}

/// Bytes of a text beside its own.
const OVERHEAD: usize = 96;

impl Texts {
    /// For texts of which every spelling is another one.
    pub fn exact() -> Texts {
        Texts { exact: true, ..Texts::default() }
    }

    /// The number of a text, new or known.
    pub fn add(&mut self, text: &Text) -> TextId {
        let (items, exact) = (&self.items, self.exact);
        let is = |i: &TextId| {
            let known = &items[*i as usize];
            if exact { known.shown == text.shown } else { known.key() == text.key() }
        };
        if let Some(id) = self.table.find(text.hash, is) {
            let known = &mut self.items[*id as usize];
            if text.shown < known.shown {
                known.shown = text.shown.clone();
            }
            return *id;
        }
        let id = self.items.len() as TextId;
        self.bytes += text.bytes() + OVERHEAD;
        self.items.push(text.clone());
        let items = &self.items;
        self.table.insert_unique(text.hash, id, |i| items[*i as usize].hash);
        id
    }

    /// The text of a number.
    pub fn get(&self, id: TextId) -> &Text {
        &self.items[id as usize]
    }

    /// What is shown of it.
    pub fn shown(&self, id: TextId) -> &Arc<str> {
        &self.items[id as usize].shown
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
