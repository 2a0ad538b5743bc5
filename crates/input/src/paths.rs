//! Interned paths of keys: every distinct place a value can have in a document gets a small number.
//!
//! Documents of one producer repeat the same keys, mostly in the same order, so each path remembers which one
//! followed it last; where the guess holds, a key costs one comparison and no hashing. Leaves to others: what
//! a path means (`recognise`).

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use shikra_event::{Kind, Slot};

/// Number of a path; [`ROOT`] is the document itself.
pub(crate) type PathId = u32;
/// The path of the document.
pub(crate) const ROOT: PathId = 0;

/// Paths held before the owner is asked to clear.
const MAX_PATHS: usize = 1 << 17;
/// Bytes of keys held before the owner is asked to clear.
const MAX_KEY_BYTES: usize = 8 << 20;

struct Node {
    parent: PathId,
    /// The path that followed this one when it was last seen.
    next: PathId,
    /// Random; an order-free sum of tokens tells sets of paths apart.
    token: u64,
    /// The key as written.
    key: Box<[u8]>,
}

/// A tree of keys.
pub(crate) struct Paths {
    nodes: Vec<Node>,
    index: HashTable<PathId>,
    hasher: RandomState,
    key_bytes: usize,
    /// How keys are written.
    kind: Kind,
}

impl Paths {
    /// Only the root. Keys are written as text of `kind` is.
    pub fn new(kind: Kind) -> Paths {
        let root = Node { parent: ROOT, next: ROOT, token: 0, key: Box::default() };
        let (index, hasher) = (HashTable::new(), RandomState::default());
        Paths { nodes: vec![root], index, hasher, key_bytes: 0, kind }
    }

    /// Whether so much is held that the owner should begin anew. Ids do not survive that.
    pub fn is_full(&self) -> bool {
        self.nodes.len() > MAX_PATHS || self.key_bytes > MAX_KEY_BYTES
    }

    /// The length of the key that `text` begins with and its path, where the guess from `before` holds: `text`
    /// begins with that key and a quote.
    #[inline]
    pub fn guess(&self, before: PathId, parent: PathId, text: &[u8]) -> Option<(usize, PathId)> {
        let id = self.nodes.get(before as usize)?.next;
        let node = self.nodes.get(id as usize)?;
        let len = node.key.len();
        let hit = node.parent == parent
            && id != ROOT
            && text.get(len) == Some(&b'"')
            && text.get(..len) == Some(&*node.key);
        hit.then_some((len, id))
    }

    /// The path of `key` under `parent`, guessed from `before`, which it follows.
    pub fn child_after(&mut self, before: PathId, parent: PathId, key: &[u8]) -> PathId {
        let guess = self.nodes.get(before as usize).map_or(ROOT, |n| n.next);
        if let Some(node) = self.nodes.get(guess as usize)
            && guess != ROOT
            && node.parent == parent
            && *node.key == *key
        {
            return guess;
        }
        let id = self.child(parent, key);
        self.follow(before, id);
        id
    }

    /// The path of `key` under `parent`.
    pub fn child(&mut self, parent: PathId, key: &[u8]) -> PathId {
        let hash = self.hasher.hash_one((parent, key));
        let nodes = &self.nodes;
        let same = |id: &PathId| {
            nodes.get(*id as usize).is_some_and(|n| n.parent == parent && *n.key == *key && *id != ROOT)
        };
        if let Some(id) = self.index.find(hash, same) {
            return *id;
        }
        let id = self.nodes.len() as PathId;
        self.key_bytes += key.len();
        let token = self.hasher.hash_one((hash, id));
        self.nodes.push(Node { parent, next: ROOT, token, key: key.into() });
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.index.insert_unique(hash, id, |id| {
            nodes.get(*id as usize).map_or(0, |n| hasher.hash_one((n.parent, &*n.key)))
        });
        id
    }

    /// Remembers that `after` followed `before`.
    pub fn follow(&mut self, before: PathId, after: PathId) {
        if let Some(node) = self.nodes.get_mut(before as usize) {
            node.next = after;
        }
    }

    /// See [`Node::token`].
    #[inline]
    pub fn token(&self, id: PathId) -> u64 {
        self.nodes.get(id as usize).map_or(0, |n| n.token)
    }

    /// The innermost path around `id` whose key is `key`; the root where there is none.
    pub fn parent(&self, id: PathId, key: &str) -> PathId {
        let mut at = id;
        while at != ROOT
            && let Some(node) = self.nodes.get(at as usize)
            && *node.key != *key.as_bytes()
        {
            at = node.parent;
        }
        at
    }

    /// Keys from the root to `id`.
    pub fn keys(&self, id: PathId) -> Vec<String> {
        let mut keys = Vec::new();
        let mut at = id;
        while at != ROOT
            && let Some(node) = self.nodes.get(at as usize)
        {
            keys.push(Slot { kind: self.kind, data: &node.key }.to_text().unwrap_or_default());
            at = node.parent;
        }
        keys.reverse();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_interned_and_guessed() {
        let mut paths = Paths::new(Kind::JSON_STRING);
        let a = paths.child(ROOT, b"a");
        let b = paths.child(a, b"b");
        assert_ne!(b, paths.child(ROOT, b"b"));
        assert_eq!(paths.child(a, b"b"), b);
        assert_eq!(paths.keys(b), ["a", "b"]);
        paths.follow(a, b);
        assert_eq!(paths.guess(a, a, b"b\":1"), Some((1, b)));
        assert_eq!(paths.guess(a, ROOT, b"b\":1"), None);
        assert_eq!(paths.guess(a, a, b"bc\":1"), None);
        assert_eq!(paths.guess(a, a, b"b"), None);
    }
}
