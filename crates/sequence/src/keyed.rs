//! State by key: look-up, expiry, alarms in order of time, and the limits on memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::Value;

use crate::kinds::{Arrival, At, Cx, Emission, Kind, Node, Occ, Occurrence, Wake};
use crate::machine::{Limits, Stats};
use crate::program::NodeSpec;
use crate::value::{Key, LikeKey, expand};

struct Entry<S> {
    key: Arc<Key>,
    state: S,
    wake: Option<i64>,
    touched: u64,
    held: usize,
}

/// A node of one kind: a state per key. Keys are numbered as they appear, so that what happens at one moment
/// happens in that order, always.
pub(crate) struct Keyed<K: Kind> {
    kind: K,
    spec: Arc<NodeSpec>,
    limits: Arc<Limits>,
    ids: HashMap<Arc<Key>, u64>,
    entries: HashMap<u64, Entry<K::State>>,
    wakes: BTreeSet<(i64, u64)>,
    /// Every time that a key was touched and its number, oldest first: it stands for the key only where it is the last.
    touches: VecDeque<(u64, u64)>,
    next_id: u64,
    clock: u64,
    held: usize,
}

impl<K: Kind> Keyed<K> {
    pub(crate) fn new(kind: K, spec: &Arc<NodeSpec>, limits: &Arc<Limits>) -> Keyed<K> {
        Keyed {
            kind,
            spec: spec.clone(),
            limits: limits.clone(),
            ids: HashMap::new(),
            entries: HashMap::new(),
            wakes: BTreeSet::new(),
            touches: VecDeque::new(),
            next_id: 0,
            clock: 0,
            held: 0,
        }
    }

    /// The values that the keys of an arrival are made of.
    fn keys_of<'r>(&self, arrival: &'r Arrival) -> &'r [Value] {
        let keys = self.spec.key_names.len().min(arrival.row.len());
        arrival.row.get(..keys).unwrap_or(&[])
    }

    fn occurrence(&self, at: At, arrival: Arrival) -> (usize, Occ) {
        let keys = self.keys_of(&arrival).len();
        let arguments = (keys + self.spec.arguments).min(arrival.row.len());
        let occ = Occurrence {
            at,
            arguments: arrival.row.get(keys..arguments).unwrap_or(&[]).to_vec(),
            carried: arrival.row.get(arguments..).unwrap_or(&[]).to_vec(),
            events: arrival.events,
        };
        (arrival.port, Arc::new(occ))
    }

    /// What arrived, by key, keys in order of appearance.
    fn by_key(&self, at: At, arrivals: Vec<Arrival>, stats: &mut Stats) -> Vec<(Key, Vec<(usize, Occ)>)> {
        let mut groups: Vec<(Key, Vec<(usize, Occ)>)> = Vec::new();
        let mut index: HashMap<Key, usize> = HashMap::new();
        let alone = arrivals.len() == 1;
        for arrival in arrivals {
            let optional = self.spec.optional.get(arrival.port).map_or(&[][..], |o| o);
            let (found, cut) = expand(self.keys_of(&arrival), optional, self.limits.max_keys_per_event);
            stats.keys_cut += cut;
            let (port, occ) = self.occurrence(at, arrival);
            if alone {
                // Its keys are different ones.
                return found.into_iter().map(|key| (key, vec![(port, occ.clone())])).collect();
            }
            for key in found {
                let slot = *index.entry(key).or_insert_with_key(|k| {
                    groups.push((k.clone(), Vec::new()));
                    groups.len() - 1
                });
                if let Some((_, hits)) = groups.get_mut(slot) {
                    hits.push((port, occ.clone()));
                }
            }
        }
        groups
    }

    fn id_of(&mut self, key: Key, hits: &[(usize, Occ)], stats: &mut Stats) -> Option<u64> {
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        if !hits.iter().any(|(port, _)| self.kind.opens(*port)) {
            return None;
        }
        if self.entries.len() >= self.limits.max_keys {
            self.evict(None, stats);
        }
        let (id, key) = (self.next_id, Arc::new(key));
        self.next_id += 1;
        self.clock += 1;
        self.ids.insert(key.clone(), id);
        let entry = Entry { key, state: K::State::default(), wake: None, touched: self.clock, held: 0 };
        self.entries.insert(id, entry);
        self.note_touch(id);
        Some(id)
    }

    /// Forgets the key that has gone longest without an event, unless it is `keep`.
    fn evict(&mut self, keep: Option<u64>, stats: &mut Stats) -> bool {
        let entries = &self.entries;
        let is_last = |(touched, id): &(u64, u64)| entries.get(id).is_some_and(|e| e.touched == *touched);
        while self.touches.front().is_some_and(|t| !is_last(t)) {
            self.touches.pop_front();
        }
        let oldest = self.touches.iter().find(|t| Some(t.1) != keep && is_last(t)).map(|(_, id)| *id);
        let Some(id) = oldest else { return false };
        stats.keys_evicted += 1;
        stats.events_dropped += self.entries.get(&id).map_or(0, |e| e.held as u64);
        self.remove(id);
        true
    }

    fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.ids.remove(&entry.key);
            if let Some(t) = entry.wake {
                self.wakes.remove(&(t, id));
            }
            self.held -= entry.held;
        }
    }

    /// After a state has changed: alarm, size, or its end.
    fn settle(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let held = self.kind.held(&entry.state);
        self.held = self.held - entry.held + held;
        entry.held = held;
        let wake = match self.kind.wake(&entry.state) {
            Wake::Done => return self.remove(id),
            Wake::Never => None,
            Wake::At(t) => Some(t),
        };
        if wake != entry.wake {
            if let Some(t) = entry.wake {
                self.wakes.remove(&(t, id));
            }
            if let Some(t) = wake {
                self.wakes.insert((t, id));
            }
            entry.wake = wake;
        }
    }

    /// Lets the kind work on one key.
    fn with(
        &mut self,
        id: u64,
        at: At,
        stats: &mut Stats,
        out: &mut Vec<Emission>,
        f: impl FnOnce(&K, &mut K::State, &mut Cx<'_>),
    ) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let mut cx = Cx { at, key: &entry.key, spec: &self.spec, limits: &self.limits, stats, out };
        f(&self.kind, &mut entry.state, &mut cx);
        self.settle(id);
    }

    fn touch(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            // No two have the same: it is the latest already.
            if entry.touched == self.clock {
                return;
            }
            self.clock += 1;
            entry.touched = self.clock;
            self.note_touch(id);
        }
    }

    /// Notes that a key was touched now.
    fn note_touch(&mut self, id: u64) {
        self.touches.push_back((self.clock, id));
        if self.touches.len() > 2 * self.entries.len() + FEW_TOUCHES {
            let entries = &self.entries;
            self.touches.retain(|(touched, id)| entries.get(id).is_some_and(|e| e.touched == *touched));
        }
    }

    /// What came together for a key that is there.
    fn meet(&mut self, id: u64, at: At, hits: &[(usize, Occ)], stats: &mut Stats, out: &mut Vec<Emission>) {
        self.touch(id);
        self.with(id, at, stats, out, |kind, state, cx| kind.tick(state, hits, cx));
        while self.held > self.limits.max_events && self.evict(Some(id), stats) {}
    }
}

/// Touches that are not worth clearing away.
const FEW_TOUCHES: usize = 64;

impl<K: Kind> Node for Keyed<K> {
    fn tick(&mut self, at: At, arrivals: Vec<Arrival>, stats: &mut Stats, out: &mut Vec<Emission>) {
        // Mostly it is one thing, for one key that is there.
        if let [alone] = arrivals.as_slice()
            && self.limits.max_keys_per_event > 0
            && let Some(key) = LikeKey::of(self.keys_of(alone))
            && let Some(id) = self.ids.get(&key).copied()
        {
            let hits = arrivals.into_iter().map(|a| self.occurrence(at, a));
            let hits: Vec<_> = hits.collect();
            return self.meet(id, at, &hits, stats, out);
        }
        for (key, hits) in self.by_key(at, arrivals, stats) {
            let Some(id) = self.id_of(key, &hits, stats) else { continue };
            self.meet(id, at, &hits, stats, out);
        }
    }

    fn wake(&self) -> Option<i64> {
        self.wakes.first().map(|(t, _)| *t)
    }

    fn fire(&mut self, stats: &mut Stats, out: &mut Vec<Emission>) {
        let Some((time, id)) = self.wakes.pop_first() else { return };
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.wake = None;
        }
        self.with(id, At::end_of(time), stats, out, |kind, state, cx| kind.fire(state, cx));
    }

    fn end(&mut self, at: At, stats: &mut Stats, out: &mut Vec<Emission>) {
        let mut ids: Vec<u64> = self.entries.keys().copied().collect();
        ids.sort_unstable();
        if K::SORTED {
            let key = |id: &u64| self.entries.get(id).map(|e| e.key.clone());
            ids.sort_by(|a, b| match (key(a), key(b)) {
                (Some(a), Some(b)) => a.order(&b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            });
        }
        for id in ids {
            self.with(id, at, stats, out, |kind, state, cx| kind.end(state, cx));
        }
    }
}
