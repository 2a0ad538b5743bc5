//! Combinations of values with their counts, hosts, users and times: what most analytics work on.
//!
//! Exact as long as it fits into the memory limit. Beyond it, combinations are kept or dropped by a hash of
//! their texts, half of them at a time: what is kept has exact counts, every combination had the same chance,
//! and the result depends neither on the order of events nor on the number of threads. The number of all
//! combinations is then estimated as (kept × 2^k), with a relative standard error of 1 / √kept.

use std::sync::Arc;

use hashbrown::HashTable;
use shikra_event::Timestamp;

use crate::prevalence::Members;
use crate::read::NONE;
use crate::result::{ColumnKind, EventPoint, HuntResult, Population};
use crate::tally::{Counted, POINTS, PartTally, bump};
use crate::text::{TextId, Texts, hash_pair};

/// Different hosts or users told apart; all others count as one more.
const MOST_MEMBERS: usize = 1 << 20;
/// Buckets of time kept for one combination.
const MOST_BUCKETS: usize = 4096;

/// Combinations and what is known of each.
pub struct Stacks {
    stride: usize,
    limit: usize,
    texts: Texts,
    hosts: Texts,
    users: Texts,
    sources: Vec<Arc<str>>,
    keys: Vec<TextId>,
    entries: Vec<Stack>,
    table: HashTable<u32>,
    /// Combinations whose hash shifted right by `64 - halvings` is zero are kept.
    halvings: u32,
    /// Bytes held by entries beside their fixed size.
    loose: usize,
    events: u64,
    lacking: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// What is known of a combination.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    hash: u64,
    /// Events.
    pub count: u64,
    /// First and last event.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Hosts, as numbers.
    pub hosts: Members,
    /// Users, as numbers.
    pub users: Members,
    /// Counts by bucket of time, in order, where they were asked for.
    pub buckets: Vec<(i64, u64)>,
    points: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    source: u32,
    host: u32,
    record: u64,
    time: Option<Timestamp>,
}

impl Stack {
    fn loose(&self) -> usize {
        self.hosts.bytes()
            + self.users.bytes()
            + self.buckets.capacity() * size_of::<(i64, u64)>()
            + self.points.capacity() * size_of::<Place>()
    }
}

fn widen(span: &mut Option<(Timestamp, Timestamp)>, more: Option<(Timestamp, Timestamp)>) {
    *span = match (*span, more) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (a, b) => a.or(b),
    };
}

impl Stacks {
    /// Empty; `stride`: columns; `limit`: bytes of memory.
    pub fn new(stride: usize, limit: usize) -> Stacks {
        Stacks {
            stride,
            limit,
            texts: Texts::default(),
            hosts: Texts::default(),
            users: Texts::default(),
            sources: Vec::new(),
            keys: Vec::new(),
            entries: Vec::new(),
            table: HashTable::new(),
            halvings: 0,
            loose: 0,
            events: 0,
            lacking: 0,
            span: None,
        }
    }

    /// Adds the counts of a part of `source`. Parts come in the order of the input.
    pub fn merge(&mut self, part: PartTally, source: &Arc<str>) {
        if self.sources.last() != Some(source) {
            self.sources.push(source.clone());
        }
        self.lacking += part.lacking;
        let mut numbers = vec![(NONE, NONE, NONE); part.texts.len()];
        let mut key = vec![NONE; part.stride];
        for (i, entry) in part.entries.into_iter().enumerate() {
            let from = part.keys.get(i * part.stride..(i + 1) * part.stride).unwrap_or_default();
            let hash =
                from.iter().fold(1, |h, id| hash_pair(h, part.texts.get(*id as usize).map_or(0, |t| t.hash)));
            self.events += entry.count;
            widen(&mut self.span, entry.span);
            if !self.keeps(hash) {
                continue;
            }
            for (to, id) in key.iter_mut().zip(from) {
                *to = NONE;
                if let (Some(n), Some(t)) = (numbers.get_mut(*id as usize), part.texts.get(*id as usize)) {
                    if n.0 == NONE {
                        n.0 = self.texts.add(t);
                    }
                    *to = n.0;
                }
            }
            let mut host = |id: TextId| match (numbers.get_mut(id as usize), part.texts.get(id as usize)) {
                (Some(n), Some(t)) if n.1 == NONE => {
                    n.1 = member(&mut self.hosts, t);
                    n.1
                }
                (Some(n), _) => n.1,
                _ => NONE,
            };
            let hosts: Vec<u32> = entry.hosts.iter().map(|h| host(*h)).collect();
            let points: Vec<u32> = entry.points.iter().map(|p| host(p.2)).collect();
            let users = entry.users.iter().filter_map(|id| {
                let (n, t) = (numbers.get_mut(*id as usize)?, part.texts.get(*id as usize)?);
                if n.2 == NONE {
                    n.2 = member(&mut self.users, t);
                }
                Some(n.2)
            });
            let users: Vec<u32> = users.collect();
            let place =
                find_or_add(&mut self.table, &mut self.entries, &mut self.keys, self.stride, (hash, &key));
            let source = self.sources.len() as u32 - 1;
            if let Some(stack) = self.entries.get_mut(place as usize) {
                let before = stack.loose();
                stack.add(&entry, &hosts, &users, &points, source);
                self.loose += stack.loose().saturating_sub(before);
            }
        }
        while self.bytes() > self.limit && self.halvings < 48 && self.entries.len() > 1024 {
            self.halve();
        }
    }

    fn keeps(&self, hash: u64) -> bool {
        self.halvings == 0 || hash >> (64 - self.halvings) == 0
    }

    /// Bytes held, with the room that was made for more.
    pub fn bytes(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Stack>();
        let numbers = (self.keys.capacity() + self.table.capacity()) * size_of::<TextId>();
        let texts = self.texts.bytes() + self.hosts.bytes() + self.users.bytes();
        texts + entries + numbers + self.loose
    }

    /// Drops the half of the combinations whose hash has the next bit set.
    #[cold]
    fn halve(&mut self) {
        self.halvings += 1;
        let old = std::mem::take(&mut self.texts);
        let keys = std::mem::take(&mut self.keys);
        let entries = std::mem::take(&mut self.entries);
        self.table.clear();
        self.loose = 0;
        for (i, entry) in entries.into_iter().enumerate() {
            if !self.keeps(entry.hash) {
                continue;
            }
            let place = self.entries.len() as u32;
            for id in keys.get(i * self.stride..(i + 1) * self.stride).unwrap_or_default() {
                let id = if *id == NONE { NONE } else { self.texts.add(old.get(*id)) };
                self.keys.push(id);
            }
            self.loose += entry.loose();
            let entries = &self.entries;
            let hash_of = |p: &u32| entries.get(*p as usize).map_or(0, |e| e.hash);
            self.table.insert_unique(entry.hash, place, hash_of);
            self.entries.push(entry);
        }
    }

    /// How many columns a combination has.
    pub fn columns(&self) -> usize {
        self.stride
    }

    /// How many combinations are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A combination.
    pub fn get(&self, place: usize) -> &Stack {
        &self.entries[place]
    }

    /// All combinations, in the order in which they first came.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Stack)> {
        self.entries.iter().enumerate()
    }

    /// The number of a combination's value in a column; [`NONE`]: it has none.
    pub fn id(&self, place: usize, column: usize) -> TextId {
        self.keys.get(place * self.stride + column).copied().unwrap_or(NONE)
    }

    /// A value by its number.
    pub fn shown(&self, id: TextId) -> Arc<str> {
        if id == NONE { Arc::from("-") } else { self.texts.shown(id).clone() }
    }

    /// The text of a combination in a column, `-` where it has none.
    pub fn text(&self, place: usize, column: usize) -> Arc<str> {
        self.shown(self.id(place, column))
    }

    /// How many numbers of values there are.
    pub fn numbers(&self) -> usize {
        self.texts.len()
    }

    /// The place of each value among all values in order of text, by number: equal in every run.
    pub fn ranks(&self) -> Vec<u32> {
        let mut ids: Vec<TextId> = (0..self.texts.len() as TextId).collect();
        ids.sort_by(|a, b| self.texts.get(*a).key().cmp(self.texts.get(*b).key()));
        let mut ranks = vec![0; ids.len()];
        for (rank, id) in ids.iter().enumerate() {
            if let Some(to) = ranks.get_mut(*id as usize) {
                *to = rank as u32;
            }
        }
        ranks
    }

    /// Names of hosts, by number.
    pub fn host(&self, number: u32) -> Arc<str> {
        if (number as usize) < self.hosts.len() { self.hosts.shown(number).clone() } else { Arc::from("") }
    }

    /// Some events of a combination.
    pub fn points(&self, place: usize) -> Vec<EventPoint> {
        let of = |p: &Place| EventPoint {
            source: self.sources.get(p.source as usize).cloned().unwrap_or_default(),
            record: p.record,
            time: p.time,
            host: self.host(p.host),
        };
        self.entries.get(place).map_or_else(Vec::new, |e| e.points.iter().map(of).collect())
    }

    /// What there is in all.
    pub fn population(&self) -> Population {
        Population {
            events: self.events,
            lacking: self.lacking,
            values: (self.entries.len() as u64) << self.halvings.min(32),
            hosts: self.hosts.len() as u64,
            users: self.users.len() as u64,
            span: self.span,
            sample: 1 << self.halvings.min(32),
        }
    }

    /// What must be said of it: that it is a sample, that hosts were counted together.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.lacking > 0 {
            notes.push(format!("{} events lack a field that was asked for and were left out", self.lacking));
        }
        if self.halvings > 0 {
            let error = 100.0 / (self.entries.len().max(1) as f64).sqrt();
            notes.push(format!(
                "more different values than fit into the memory limit: of every {} one was kept, chosen by \
                 hash; the counts of those kept are exact, the number of all values is within {error:.1} % \
                 (one standard error)",
                1u64 << self.halvings.min(32)
            ));
        }
        for (texts, what) in [(&self.hosts, "hosts"), (&self.users, "users")] {
            if texts.len() >= MOST_MEMBERS {
                notes.push(format!("more than {MOST_MEMBERS} {what}: the rest count as one"));
            }
        }
        notes
    }

    /// A result without rows of what was seen, see [`HuntResult::begun`].
    pub fn result(
        &self,
        texts: impl IntoIterator<Item = impl Into<String>>,
        own: &[(&str, ColumnKind)],
    ) -> HuntResult {
        HuntResult::begun(self.population(), self.notes(), texts, own)
    }
}

fn find_or_add(
    table: &mut HashTable<u32>,
    entries: &mut Vec<Stack>,
    keys: &mut Vec<TextId>,
    stride: usize,
    (hash, key): (u64, &[TextId]),
) -> u32 {
    let of = |p: &u32| keys.get(*p as usize * stride..(*p as usize + 1) * stride);
    let is = |p: &u32| entries.get(*p as usize).is_some_and(|e| e.hash == hash) && of(p) == Some(key);
    if let Some(place) = table.find(hash, is) {
        return *place;
    }
    let place = entries.len() as u32;
    entries.push(Stack { hash, ..Stack::default() });
    keys.extend_from_slice(key);
    table.insert_unique(hash, place, |p| entries.get(*p as usize).map_or(0, |e| e.hash));
    place
}

/// The number of a host or user.
fn member(texts: &mut Texts, text: &crate::text::Text) -> u32 {
    if texts.len() < MOST_MEMBERS { texts.add(text) } else { MOST_MEMBERS as u32 }
}

impl Stack {
    fn add(&mut self, part: &Counted, hosts: &[u32], users: &[u32], points: &[u32], source: u32) {
        self.count += part.count;
        widen(&mut self.span, part.span);
        hosts.iter().for_each(|h| self.hosts.add(*h));
        users.iter().for_each(|u| self.users.add(*u));
        for (at, n) in &part.buckets {
            if self.buckets.len() < MOST_BUCKETS {
                bump(&mut self.buckets, *at, *n);
            }
        }
        let room = POINTS.saturating_sub(self.points.len());
        let new = part.points.iter().zip(points).take(room);
        self.points.extend(new.map(|((record, time, _), host)| Place {
            source,
            host: *host,
            record: *record,
            time: *time,
        }));
    }
}
